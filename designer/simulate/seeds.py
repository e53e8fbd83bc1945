"""One result of several runs that differ only by their seed.

Counts are those of all runs together; figures are means of the runs' figures, with a 95 % interval from
how far the runs lie apart (Student's t). A single run keeps its own intervals.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from math import sqrt
from statistics import fmean, stdev
from typing import TypeVar

from msgspec.structs import replace

from designer.simulate.result import Check, Interval, Moment, Phase, Result, RouteResult

T = TypeVar("T")

T_975 = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)
"""The 97.5 % quantile of Student's t for 1, 2, … degrees of freedom; above, 1.96 plus 2.5 by their number."""


def over_seeds(results: Sequence[Result]) -> Result:
    """`results` are of one configuration under one scenario, in the order of their seeds."""
    first = results[0]
    if len(results) == 1:
        return first
    return replace(
        first,
        seeds=len(results),
        is_partial=any(result.is_partial for result in results),
        total=_route([result.total for result in results]),
        routes=tuple(_route(runs) for runs in _columns(result.routes for result in results)),
        phases=tuple(_phase(runs) for runs in _columns(result.phases for result in results)),
        moments=tuple(_moment(runs) for runs in _columns(result.moments for result in results)),
        checks=tuple(_check(runs) for runs in _columns(result.checks for result in results)),
        assumptions=tuple(dict.fromkeys(said for one in results for said in one.assumptions)),
    )


def _columns(rows: Iterable[tuple[T, ...]]) -> Iterable[tuple[T, ...]]:
    return zip(*rows, strict=True)


def _route(runs: Sequence[RouteResult]) -> RouteResult:
    requests = sum(run.requests for run in runs)
    attempts = sum(run.attempts_mean * run.requests for run in runs)
    return RouteResult(
        route=runs[0].route,
        requests=requests,
        served=sum(run.served for run in runs),
        availability=spread([run.availability for run in runs]),
        attempts_mean=attempts / requests if requests else 0.0,
        attempts_max=max(run.attempts_max for run in runs),
        p50_s=spread([run.p50_s for run in runs]),
        p95_s=spread([run.p95_s for run in runs]),
        p99_s=spread([run.p99_s for run in runs]),
        first_token_p95_s=spread([run.first_token_p95_s for run in runs]),
        cost_per_1k_usd=spread([run.cost_per_1k_usd for run in runs]),
        cost_usd=sum(run.cost_usd for run in runs),
        served_by=_added(run.served_by for run in runs),
        failures=_added(run.failures for run in runs),
        pii_upstream=sum(run.pii_upstream for run in runs),
        cached=sum(run.cached for run in runs),
        saved_usd=sum(run.saved_usd for run in runs),
    )


def _phase(runs: Sequence[Phase]) -> Phase:
    routes = tuple(_route(same) for same in _columns(run.routes for run in runs))
    return replace(runs[0], total=_route([run.total for run in runs]), routes=routes)


def _moment(runs: Sequence[Moment]) -> Moment:
    served = sum(run.served for run in runs)
    took_s = sum((run.mean_s or 0.0) * run.served for run in runs)
    return Moment(
        from_s=runs[0].from_s,
        requests=sum(run.requests for run in runs),
        served=served,
        served_by=_added(run.served_by for run in runs),
        mean_s=took_s / served if served else None,
    )


def _check(runs: Sequence[Check]) -> Check:
    """Held only if it held with every seed; else the first that did not is told."""
    for verdict in ("failed", "inconclusive"):
        those = [run for run in runs if run.verdict == verdict]
        if those:
            found = f"{those[0].found}; {verdict} with {len(those)} of {len(runs)} seeds"
            return replace(those[0], found=found)
    found = f"{runs[0].found}; held with all {len(runs)} seeds"
    return replace(runs[0], found=found, is_close=any(run.is_close for run in runs))


def _added(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return dict(sorted(total.items()))


def spread(figures: Sequence[Interval | None]) -> Interval | None:
    """None when any run has none: a mean of the others would be of something else."""
    values = [figure.value for figure in figures if figure is not None]
    if not values or len(values) < len(figures):
        return None
    mean = fmean(values)
    half = _t_975(len(values) - 1) * stdev(values, mean) / sqrt(len(values))
    return Interval(mean, mean - half, mean + half)


def _t_975(freedom: int) -> float:
    return T_975[freedom - 1] if freedom <= len(T_975) else 1.96 + 2.5 / freedom
