"""Judge a scenario's assertions by what a dry run found."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Literal

from designer.diagnostics import Report, Rule, Severity
from designer.profile.units import format_duration_s
from designer.simulate.result import Check, Interval, RouteResult
from designer.simulate.scenario import COMPARE, Bound
from designer.simulate.services import UNKNOWN, Service

UNKNOWN_ROUTE = Rule(
    "SIM632",
    Severity.ERROR,
    "the assertion is about the route `{name}`, which the configuration has not{guess}",
    "What was not simulated cannot have held.",
    instead="the assertion counts as inconclusive",
    help="known routes: {known}",
)


def judged(
    bound: Bound,
    total: RouteResult,
    routes: Mapping[str, RouteResult],
    services: Mapping[str, Service],
    asked: Mapping[str, frozenset[str]],
    report: Report,
) -> Check:
    """`asked` holds, by route, the deployments that requests were sent to."""
    if bound.route and bound.route not in routes:
        close = get_close_matches(bound.route, list(routes), n=1)
        report.add(
            UNKNOWN_ROUTE,
            bound.place,
            name=bound.route,
            guess=f" (did you mean `{close[0]}`?)" if close else "",
            known=", ".join(routes),
        )
        return _check(bound, "the configuration has no such route", "inconclusive")
    found = routes[bound.route] if bound.route else total
    if bound.name == "residency":
        reached = asked.get(bound.route, frozenset()) if bound.route else _all(asked)
        return _residency(bound, reached, services)
    if found.requests == 0:
        return _check(bound, "no request came", "inconclusive")
    if bound.name == "attempts_per_request":
        return _compared(bound, float(found.attempts_max), f"{found.attempts_max} at most")
    if bound.name == "pii_upstream":
        return _compared(bound, float(found.pii_upstream), str(found.pii_upstream))
    figure: Interval | None = getattr(found, _FIGURE[bound.name])
    if figure is None:
        return _check(bound, _MISSING[bound.name], "inconclusive")
    say = _SAY[bound.name]
    text = f"{say(figure.value)} ({say(figure.low)} to {say(figure.high)})"
    return _compared(bound, figure.value, text, figure)


_FIGURE: Mapping[str, str] = {
    "availability": "availability",
    "p50": "p50_s",
    "p95": "p95_s",
    "p99": "p99_s",
    "first_token_p95": "first_token_p95_s",
    "cost_per_1k": "cost_per_1k_usd",
}
_MISSING: Mapping[str, str] = {
    "availability": "no request came",
    **dict.fromkeys(("p50", "p95", "p99"), "no request was answered"),
    "first_token_p95": "no stream was answered",
    "cost_per_1k": "not every price is known, or nothing was answered",
}


def _seconds(value: float) -> str:
    return format_duration_s(round(value, 2))


_SAY: Mapping[str, Callable[[float], str]] = {
    "availability": lambda value: f"{value * 100:.3f} %",
    **dict.fromkeys(("p50", "p95", "p99", "first_token_p95"), _seconds),
    "cost_per_1k": lambda value: f"{value:.4g} USD",
}


def _compared(bound: Bound, value: float, text: str, spread: Interval | None = None) -> Check:
    assert isinstance(bound.limit, float)
    holds = COMPARE[bound.compare](value, bound.limit)
    is_close = spread is not None and spread.low < bound.limit < spread.high
    return _check(bound, text, "held" if holds else "failed", is_close)


def _residency(bound: Bound, reached: frozenset[str], services: Mapping[str, Service]) -> Check:
    zone = str(bound.limit).lower()
    known = {id_: services.get(id_, UNKNOWN).zones for id_ in sorted(reached)}
    outside = [id_ for id_, zones in known.items() if zones is not None and zone not in zones]
    unknown = [id_ for id_, zones in known.items() if zones is None]
    if outside:
        return _check(bound, f"outside: {', '.join(outside)}", "failed")
    if unknown:
        return _check(bound, f"region not known: {', '.join(unknown)}", "inconclusive")
    if not reached:
        return _check(bound, "nothing was asked", "inconclusive")
    return _check(bound, f"all {len(reached)} deployments asked are inside", "held")


def _all(asked: Mapping[str, frozenset[str]]) -> frozenset[str]:
    return frozenset[str]().union(*asked.values())


def _check(
    bound: Bound,
    found: str,
    verdict: Literal["held", "failed", "inconclusive"],
    is_close: bool = False,
) -> Check:
    return Check(bound.name, bound.route, bound.text, found, verdict, is_close, bound.place.line)
