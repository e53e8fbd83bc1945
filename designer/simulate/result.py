"""What a dry run found, as values and as JSON. Numbers only; words about them are `designer.render`'s."""

from typing import Any, Literal

from msgspec import Struct

SCHEMA_VERSION = 1


class Interval(Struct, frozen=True):
    """An estimate and its 95 % confidence interval."""

    value: float
    low: float
    high: float

    def as_json(self) -> dict[str, float]:
        return {"value": _short(self.value), "low": _short(self.low), "high": _short(self.high)}


class RouteResult(Struct, frozen=True):
    route: str
    """Empty: all routes together."""
    requests: int
    served: int
    """Whole answers."""
    availability: Interval | None
    """None, like every other figure, when there was nothing to measure."""
    attempts_mean: float
    attempts_max: int
    p50_s: Interval | None
    """Of whole answers, from the request to their end."""
    p95_s: Interval | None
    p99_s: Interval | None
    first_token_p95_s: Interval | None
    """Of streams."""
    cost_per_1k_usd: Interval | None
    """Of a thousand answers."""
    cost_usd: float
    served_by: dict[str, int]
    failures: dict[str, int]
    """What callers that got no whole answer were told, by failure token."""
    pii_upstream: int
    """Requests that reached a provider without a guardrail for personal data having worked."""
    cached: int = 0
    """Answers that the gateway's own cache gave, at no cost."""
    saved_usd: float = 0.0
    """What they had cost the first time."""

    def as_json(self) -> dict[str, Any]:
        said: dict[str, Any] = {"route": self.route} if self.route else {}
        said |= {"requests": self.requests, "served": self.served}
        for name in _FIGURES:
            figure: Interval | None = getattr(self, name)
            said[name] = None if figure is None else figure.as_json()
        return said | {
            "attempts_mean": _short(self.attempts_mean),
            "attempts_max": self.attempts_max,
            "cost_usd": _short(self.cost_usd),
            "served_by": self.served_by,
            "failures": self.failures,
            "pii_upstream": self.pii_upstream,
            "cached": self.cached,
            "saved_usd": _short(self.saved_usd),
        }


_FIGURES = ("availability", "p50_s", "p95_s", "p99_s", "first_token_p95_s", "cost_per_1k_usd")


class Moment(Struct, frozen=True):
    """A slice of the time that was simulated, by when requests came."""

    from_s: float
    requests: int
    served: int
    served_by: dict[str, int]
    mean_s: float | None

    def as_json(self) -> dict[str, Any]:
        return {
            "from_s": _short(self.from_s),
            "requests": self.requests,
            "served": self.served,
            "served_by": self.served_by,
            "mean_s": None if self.mean_s is None else _short(self.mean_s),
        }


class Phase(Struct, frozen=True):
    """A stretch of time in which the same faults act, by when requests came."""

    from_s: float
    to_s: float
    total: RouteResult
    routes: tuple[RouteResult, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "from_s": _short(self.from_s),
            "to_s": _short(self.to_s),
            "total": self.total.as_json(),
            "routes": [route.as_json() for route in self.routes],
        }


class Check(Struct, frozen=True):
    """An assertion of the scenario, judged."""

    name: str
    route: str
    wanted: str
    found: str
    verdict: Literal["held", "failed", "inconclusive"]
    is_close: bool = False
    """The limit lies within the confidence interval: another seed might judge otherwise."""
    line: int = 0

    def as_json(self) -> dict[str, Any]:
        return {
            "assertion": self.name,
            "route": self.route or None,
            "wanted": self.wanted,
            "found": self.found,
            "verdict": self.verdict,
            "is_close": self.is_close,
            "line": self.line,
        }


class Result(Struct, frozen=True):
    scenario: str
    gateway: str
    seed: int
    for_s: float
    total: RouteResult
    routes: tuple[RouteResult, ...]
    phases: tuple[Phase, ...]
    """In order; none where nothing changes on the way."""
    moments: tuple[Moment, ...]
    checks: tuple[Check, ...]
    assumptions: tuple[str, ...]
    seeds: int = 1
    """How many runs it sums up, with the seeds from `seed` on."""
    recorded_usd: float | None = None
    """What the log says that the requests cost that were replayed; None where a run was interrupted."""
    is_partial: bool = False
    """Whether it was interrupted: what is here is what had been simulated by then."""

    @property
    def has_held(self) -> bool:
        return all(check.verdict == "held" for check in self.checks)

    def as_json(self) -> dict[str, Any]:
        return {
            "schema_version": SCHEMA_VERSION,
            "scenario": self.scenario,
            "gateway": self.gateway,
            "seed": self.seed,
            "seeds": self.seeds,
            "partial": self.is_partial,
            "for_s": _short(self.for_s),
            "recorded_usd": None if self.recorded_usd is None else _short(self.recorded_usd),
            "total": self.total.as_json(),
            "routes": [route.as_json() for route in self.routes],
            "phases": [phase.as_json() for phase in self.phases],
            "moments": [moment.as_json() for moment in self.moments],
            "checks": [check.as_json() for check in self.checks],
            "assumptions": list(self.assumptions),
        }


def _short(number: float) -> float:
    """Six digits: more would claim a precision that a dry run has not."""
    return float(f"{number:.6g}")
