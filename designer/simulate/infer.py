"""A scenario out of a log: what failed or was slow for minutes on end, as faults, and the traffic itself.

An inference, not a record: a burst of errors may have had a cause that no fault here stands for. Each
fault is marked so, with the figures it was concluded from. Where a log tells only how a whole request
ended (LiteLLM's does), failures that a fallback made good cannot be seen.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from statistics import median

from msgspec import Struct, field

from designer.logs import Row

MINUTE_S = 60.0
LEAST_REQUESTS = 5
"""In a minute; of fewer, nothing is concluded. Design decision."""
LEAST_SHARE = 0.2
"""Of a minute's requests that failed. Design decision: above what providers' bad days are made of."""
LEAST_FACTOR = 2.0
"""By which a minute's median latency exceeds the median of all. Design decision."""
GAP_MINUTES = 1
"""Quiet minutes that do not end a burst."""

KIND_OF: Mapping[str, str] = {
    "429": "rate_limit",
    "ratelimiterror": "rate_limit",
    "408": "timeout",
    "timeout": "timeout",
    "apitimeouterror": "timeout",
    "apiconnectionerror": "refuse_connection",
    "connect": "refuse_connection",
    "contextwindowexceedederror": "context_length",
    "context_length": "context_length",
    "contentpolicyviolationerror": "content_policy",
    "content_policy": "content_policy",
    "reset": "reset",
    "malformed": "malformed",
    "empty": "empty",
}
"""By what a log calls a failure, in lower case; another status is `http`, another name too, as 503."""


class Minute(Struct):
    requests: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)


class Inferred(Struct, frozen=True):
    target: tuple[str, str]
    """A selector and a name."""
    kind: str
    from_s: float
    to_s: float
    because: str
    share: float = 1.0
    status: int | None = None
    factor: float | None = None


class Seen:
    """What happened to each deployment, minute by minute from `from_s` on (Unix time)."""

    def __init__(self, from_s: float, to_s: float) -> None:
        self.from_s, self.to_s = from_s, to_s
        self.minutes: dict[tuple[str, str], dict[int, Minute]] = {}
        self.requests = 0

    def add(self, row: Row) -> None:
        if not self.from_s <= row.at_s < self.to_s:
            return
        self.requests += 1
        target = _target_of(row)
        if target is None or row.from_cache:
            return
        number = int((row.at_s - self.from_s) // MINUTE_S)
        minute = self.minutes.setdefault(target, {}).setdefault(number, Minute())
        minute.requests += 1
        if row.failure:
            minute.failures[row.failure] += 1
        elif row.latency_s is not None:
            minute.latencies.append(row.latency_s)

    def faults(self) -> list[Inferred]:
        found = []
        for target, minutes in sorted(self.minutes.items()):
            found += _errors(target, minutes)
            found += _slowness(target, minutes)
        return sorted(found, key=lambda fault: (fault.from_s, fault.target, fault.kind))


def _target_of(row: Row) -> tuple[str, str] | None:
    """The most exact name that the log has."""
    named = (("deployment", row.deployment), ("model", row.model), ("provider", row.provider))
    return next(((selector, name) for selector, name in named if name), None)


def _errors(target: tuple[str, str], minutes: Mapping[int, Minute]) -> list[Inferred]:
    ill = [
        number
        for number, minute in minutes.items()
        if minute.requests >= LEAST_REQUESTS
        and minute.failures.total() / minute.requests >= LEAST_SHARE
    ]
    return [_burst(target, [minutes[n] for n in burst], burst) for burst in _runs(ill)]


def _burst(target: tuple[str, str], minutes: list[Minute], numbers: list[int]) -> Inferred:
    failures = sum((minute.failures for minute in minutes), Counter[str]())
    requests = sum(minute.requests for minute in minutes)
    most = min(failures, key=lambda name: (-failures[name], name))
    kind = KIND_OF.get(most.lower(), "http")
    status = (int(most) if most.isdigit() else 503) if kind == "http" else None
    share = failures.total() / requests
    because = f"{failures.total()} of {requests} requests failed, most with {most}"
    return Inferred(target, kind, *_span(numbers), because, share=share, status=status)


def _slowness(target: tuple[str, str], minutes: Mapping[int, Minute]) -> list[Inferred]:
    every = [s for minute in minutes.values() for s in minute.latencies]
    usual_s = median(every) if every else 0.0
    if usual_s <= 0:
        return []
    ill = [
        number
        for number, minute in minutes.items()
        if len(minute.latencies) >= LEAST_REQUESTS
        and median(minute.latencies) >= LEAST_FACTOR * usual_s
    ]
    found = []
    for numbers in _runs(ill):
        slow_s = median(s for n in numbers for s in minutes[n].latencies)
        because = f"median latency {slow_s:.2f} s, over all {usual_s:.2f} s"
        span = _span(numbers)
        found.append(Inferred(target, "latency", *span, because, factor=slow_s / usual_s))
    return found


def _runs(numbers: Iterable[int]) -> list[list[int]]:
    """Minutes that belong together."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number - runs[-1][-1] <= 1 + GAP_MINUTES:
            runs[-1].append(number)
        else:
            runs.append([number])
    return runs


def _span(numbers: list[int]) -> tuple[float, float]:
    return numbers[0] * MINUTE_S, (numbers[-1] + 1) * MINUTE_S


# --- As a file ------------------------------------------------------------------------------------


def scenario_text(name: str, seen: Seen, for_s: float) -> str:
    """A scenario whose traffic has the log's mean rate; inferred faults carry `inferred: true`."""
    rate = seen.requests / for_s
    lines = [
        "version: 1",
        f"name: {_quoted(name)}",
        "# Inferred from a log: what failed or was slow for minutes on end. Check it before you trust it.",
        f"traffic: {{rate: {rate:.6g}/s, for: {for_s:g}s}}",
    ]
    faults = seen.faults()
    lines.append("faults:" if faults else "faults: []")
    for fault in faults:
        lines += [f"  # {fault.because}", f"  - {{{', '.join(_words(fault))}}}"]
    return "\n".join(lines) + "\n"


def _words(fault: Inferred) -> Iterable[str]:
    selector, name = fault.target
    literal = "".join(f"[{c}]" if c in "*?[" else c for c in name)
    yield f"target: {{{selector}: {_quoted(literal)}}}"
    yield f"from: {fault.from_s:g}s"
    yield f"to: {fault.to_s:g}s"
    yield f"kind: {fault.kind}"
    if fault.status is not None:
        yield f"status: {fault.status}"
    if fault.factor is not None:
        yield f"factor: {fault.factor:.3g}"
    if fault.share < 1.0:
        yield f"share: {100 * fault.share:.3g}%"
    yield "inferred: true"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
