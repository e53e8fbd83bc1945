"""Sum up what rows say of one offering: speed, tokens, cost; and of one provider: how often it answered.

Rows are taken as they come and not kept, save for two numbers of each answer that was streamed. A
failure counts against a provider only when it is the provider's: what the caller did wrong proves
nothing. What a gateway's retries hid is not in a log of requests, so the measured availability is that
behind the retries.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from statistics import median
from typing import Final

from msgspec import Struct, field

from designer.calibrate.match import match, provider_of
from designer.catalog import Catalog
from designer.logs import Row

LEAST_ANSWERS: Final = 100
"""For speed and usage: a median's own error is then an eighth of the spread."""
LEAST_REQUESTS: Final = 200
"""For an availability: with fewer, one failure moves it by half a percent and more."""
CALLERS_FAULT: Final = frozenset({"400", "401", "402", "403", "404", "413", "415", "422"})
CALLERS_ERRORS: Final = (
    "badrequest",
    "authentication",
    "permission",
    "notfound",
    "unprocessable",
    "contextwindow",
    "contentpolicy",
    "budgetexceeded",
)
"""Parts of error names, as LiteLLM 1.106.2 and the providers' SDKs spell them (read 2026-11-24)."""


class Speed(Struct, frozen=True):
    ttft_p50_s: float
    tokens_per_s: float
    answers: int
    how: str
    """`streamed`: first tokens were seen; `fitted`: a line through lengths and whole times."""


class Used(Struct, frozen=True):
    answers: int
    input_tokens: int
    output_tokens: int
    usd_per_request: float | None


class Measured(Struct, frozen=True):
    """One offering, or one model in all of its regions."""

    pattern: str
    speed: Speed | None
    usage: Used
    since: date
    until: date


class Answered(Struct, frozen=True):
    provider: str
    share: float
    requests: int
    failed: int
    since: date
    until: date


class Calibration(Struct, frozen=True):
    rows: int
    measured: tuple[Measured, ...]
    answered: tuple[Answered, ...]
    unmatched: tuple[tuple[str, int], ...]
    """(provider/model as the log spells it, rows), the most frequent first."""
    too_few: tuple[tuple[str, int], ...]
    """(pattern or provider, rows) that say too little."""
    from_cache: int
    """Answers of the gateway's own cache: they say nothing of a provider."""


def calibrate(
    rows: Iterable[Row], catalog: Catalog, deployments: Mapping[str, str] | None = None
) -> Calibration:
    books = _Books(catalog, deployments or {})
    for row in rows:
        books.enter(row)
    return books.close()


class _Sums(Struct):
    """Of the answers of one offering."""

    answers: int = 0
    input: int = 0
    output: int = 0
    usd: float = 0.0
    priced: int = 0
    ttft_s: "array[float]" = field(default_factory=lambda: array("d"))
    tokens_per_s: "array[float]" = field(default_factory=lambda: array("d"))
    timed: int = 0
    x: float = 0.0
    y: float = 0.0
    xx: float = 0.0
    xy: float = 0.0
    since_s: float = float("inf")
    until_s: float = float("-inf")

    def add(self, row: Row) -> None:
        self.answers += 1
        self.input += row.input_tokens
        self.output += row.output_tokens
        if row.cost_usd is not None:
            self.usd += row.cost_usd
            self.priced += 1
        self.since_s, self.until_s = min(self.since_s, row.at_s), max(self.until_s, row.at_s)
        if row.latency_s is not None:
            self._time(row, row.latency_s)

    def _time(self, row: Row, latency_s: float) -> None:
        if row.ttft_s is not None and 0 < row.ttft_s < latency_s:
            self.ttft_s.append(row.ttft_s)
            if row.output_tokens > 1:
                self.tokens_per_s.append((row.output_tokens - 1) / (latency_s - row.ttft_s))
        self.timed += 1
        self.x += row.output_tokens
        self.y += latency_s
        self.xx += row.output_tokens**2
        self.xy += row.output_tokens * latency_s

    def speed(self) -> Speed | None:
        if len(self.tokens_per_s) >= LEAST_ANSWERS:
            seen = len(self.tokens_per_s)
            return Speed(median(self.ttft_s), median(self.tokens_per_s), seen, "streamed")
        spread = self.timed * self.xx - self.x**2
        if self.timed < LEAST_ANSWERS or spread <= 0:
            return None
        slope = (self.timed * self.xy - self.x * self.y) / spread
        start = (self.y - slope * self.x) / self.timed
        if slope <= 0 or start <= 0:
            return None  # times that do not grow with length say nothing of a pace
        return Speed(start, 1 / slope, self.timed, "fitted")

    def usage(self) -> Used:
        cost = self.usd / self.priced if self.priced else None
        n = self.answers
        return Used(n, round(self.input / n), round(self.output / n), cost)


class _Tally(Struct):
    """Of the requests that one provider was asked."""

    requests: int = 0
    failed: int = 0
    since_s: float = float("inf")
    until_s: float = float("-inf")


class _Books:
    """What the rows so far add up to."""

    def __init__(self, catalog: Catalog, deployments: Mapping[str, str]) -> None:
        self._catalog, self._deployments = catalog, deployments
        self._names: dict[tuple[str, str, str], tuple[str, str]] = {}
        self._sums: dict[str, _Sums] = {}
        self._tallies: dict[str, _Tally] = {}
        self._unmatched: Counter[str] = Counter()
        self._rows = self._from_cache = 0

    def enter(self, row: Row) -> None:
        self._rows += 1
        if row.from_cache:
            self._from_cache += 1
            return
        pattern, provider = self._named(row)
        self._count(row, provider)
        if not pattern:
            self._unmatched[f"{row.provider}/{row.model}".strip("/") or "(no model)"] += 1
        elif not row.failure:
            self._sums.setdefault(pattern, _Sums()).add(row)

    def _named(self, row: Row) -> tuple[str, str]:
        """(pattern, provider) in the catalog's words; many rows share few names."""
        key = (row.provider, row.deployment, row.model)
        if key not in self._names:
            pattern = match(row, self._catalog, self._deployments)
            provider = pattern.partition("/")[0] or provider_of(row, self._catalog)
            self._names[key] = pattern, provider
        return self._names[key]

    def _count(self, row: Row, provider: str) -> None:
        if not provider or _is_callers(row.failure):
            return
        tally = self._tallies.setdefault(provider, _Tally())
        tally.requests += 1
        tally.failed += bool(row.failure)
        tally.since_s, tally.until_s = min(tally.since_s, row.at_s), max(tally.until_s, row.at_s)

    def close(self) -> Calibration:
        enough = {p: s for p, s in self._sums.items() if s.answers >= LEAST_ANSWERS}
        asked = {p: t for p, t in self._tallies.items() if t.requests >= LEAST_REQUESTS}
        few = [(p, s.answers) for p, s in self._sums.items() if p not in enough]
        few += [(p, t.requests) for p, t in self._tallies.items() if p not in asked]
        return Calibration(
            self._rows,
            tuple(
                Measured(p, s.speed(), s.usage(), _day(s.since_s), _day(s.until_s))
                for p, s in sorted(enough.items())
            ),
            tuple(
                Answered(p, _share(t), t.requests, t.failed, _day(t.since_s), _day(t.until_s))
                for p, t in sorted(asked.items())
            ),
            tuple(self._unmatched.most_common()),
            tuple(sorted(few)),
            self._from_cache,
        )


def _share(tally: _Tally) -> float:
    """Half a failure more than was seen (Jeffreys): no number of answers proves that all come."""
    return 1 - (tally.failed + 0.5) / (tally.requests + 1)


def _is_callers(failure: str) -> bool:
    if failure in CALLERS_FAULT:
        return True
    name = failure.lower().replace("_", "")
    return any(part in name for part in CALLERS_ERRORS)


def _day(at_s: float) -> date:
    return datetime.fromtimestamp(at_s, UTC).date()
