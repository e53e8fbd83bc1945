"""What speaks against an alternative, and which deployments nothing beats: read from a decision."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from msgspec import Struct

from designer.compiler import Decision
from designer.planner.accounts import Candidate
from designer.planner.chain import Bounds, Chosen
from designer.planner.choose import Verdict
from designer.planner.preference import quality_of
from designer.planner.requirements import cost_per_request_usd, is_named, typical_seconds
from designer.planner.search import Value, best_chain_from, value_of
from designer.profile.model import BenchQuality


class Against(Struct, frozen=True):
    """One alternative, and what binds: every broken requirement, or else the wish that decided."""

    name: str
    reasons: tuple[str, ...]
    is_feasible: bool


def against_gateway(decision: Decision, name: str) -> Against:
    """Raises StopIteration for a gateway that is none."""
    other = next(v for v in decision.verdicts if v.gateway.name == name)
    if other.rejected:
        return Against(other.gateway.title, other.rejected, False)
    if other is decision.verdict:
        return Against(other.gateway.title, ("it is the one that was chosen",), True)
    return Against(other.gateway.title, tuple(_outweighed(other, decision.verdict)), True)


def _outweighed(other: Verdict, chosen: Verdict | None) -> Iterator[str]:
    if chosen is not None:
        yield (
            f"losses and effort weigh {other.score} against {chosen.score} of {chosen.gateway.title}"
        )
    yield from other.reasons
    for lack, places in other.losses:
        yield f"{lack.feature.name}: {lack.instead} ({', '.join(places)}; {lack.source})"


def against_deployments(
    decision: Decision, chosen: Chosen, pattern: str, bounds: Bounds
) -> list[Against]:
    """Of each candidate that `pattern` names: a deployment, a model, or a glob over either."""
    named = [c for c in decision.pool if is_named(c, (pattern,), decision.catalog)]
    return [_against(decision, chosen, candidate, bounds) for candidate in named]


def _against(decision: Decision, chosen: Chosen, candidate: Candidate, bounds: Bounds) -> Against:
    broken = tuple(_broken(chosen, candidate))
    if broken:
        return Against(str(candidate), broken, False)
    if str(candidate) == str(chosen.rungs[0]):
        return Against(str(candidate), ("it is the first of the chain that was chosen",), True)
    return Against(str(candidate), tuple(_worse(decision, chosen, candidate, bounds)), True)


def _broken(chosen: Chosen, candidate: Candidate) -> Iterator[str]:
    """All of them: mending the first alone would not help."""
    for requirement in chosen.wanted:
        verdict = requirement.test(candidate)
        if not verdict.holds:
            source = f" ({verdict.source})" if verdict.source else ""
            yield f"{requirement.says} ({requirement.place}): {verdict.reason}{source}"


_WISHES: Final = {
    "without_room": "no chain that begins with it carries the peak in every single failure",
    "dearer": "the worst path of every chain that begins with it goes beyond cost.max_per_request",
    "unpinned": "models.first names another",
    "unanswered": "its chains stay further below the availability that is asked",
    "overload": "its chains leave more of the peak without room in a single failure",
    "first": "{prefer} prefers the other",
    "alone": "it has no fallback",
    "together": "its chains go down together",
    "length": "its chains need more deployments",
    "expected": "its fallbacks are worse by {prefer}",
    "alike": "its chains are of one model family",
    "names": "nothing but the order of names",
}


def _worse(
    decision: Decision, chosen: Chosen, candidate: Candidate, bounds: Bounds
) -> Iterator[str]:
    """The best chain that begins with it, and the first wish in which that is worse."""
    ranked = [*chosen.rungs, *(c for c, _ in chosen.runners_up if c not in chosen.rungs)]
    others = [c for c in ranked if c.id != candidate.id]
    workload = chosen.workload
    theirs = best_chain_from(candidate, workload, others, decision.catalog, bounds)
    ours = value_of(workload, chosen.rungs, decision.catalog, bounds)
    wish = first_difference(ours, value_of(workload, theirs, decision.catalog, bounds))
    yield f"its best chain is {' → '.join(map(str, theirs))}: " + _WISHES[wish].format(
        prefer=f"prefer: {workload.prefer}"
    )
    yield from _figures(chosen, candidate)


def first_difference(ours: Value, theirs: Value) -> str:
    return next(
        (name for name in ours.__struct_fields__ if getattr(ours, name) != getattr(theirs, name)),
        "names",
    )


def _figures(chosen: Chosen, candidate: Candidate) -> Iterator[str]:
    first, workload = chosen.rungs[0], chosen.workload
    ours, theirs = (float(cost_per_request_usd(c, workload)) for c in (first, candidate))
    rate = workload.traffic.rate
    month = f", {(theirs - ours) * rate.per_month:+,.0f} USD/month" if rate else ""
    yield f"a request costs {theirs:.5f} USD against {ours:.5f}{month}"
    fast, slow = (typical_seconds(c, workload) for c in (first, candidate))
    yield f"it takes {slow:.1f} s against {fast:.1f} s, by prior"


# --- What nothing beats ---------------------------------------------------------------------------


class Point(Struct, frozen=True):
    name: str
    usd: float
    seconds: float
    quality: float
    """Compares; `rated` is for people."""
    rated: str
    is_chosen: bool


def pareto(decision: Decision, chosen: Chosen) -> list[Point]:
    """Feasible deployments that no other one beats in cost, time and quality together, the cheapest
    first; the chosen one in any case."""
    candidates = [*chosen.rungs, *(c for c, _ in chosen.runners_up)]
    points = [_point(decision, chosen, c) for c in {str(c): c for c in candidates}.values()]
    kept = [p for p in points if p.is_chosen or not any(_beats(q, p) for q in points)]
    return sorted(kept, key=lambda p: (p.usd, p.seconds, p.name))


def _point(decision: Decision, chosen: Chosen, candidate: Candidate) -> Point:
    workload = chosen.workload
    return Point(
        str(candidate),
        float(cost_per_request_usd(candidate, workload)),
        typical_seconds(candidate, workload),
        quality_of(candidate, workload, decision.catalog),
        _rated(decision, chosen, candidate),
        str(candidate) == str(chosen.rungs[0]),
    )


def _rated(decision: Decision, chosen: Chosen, candidate: Candidate) -> str:
    model = decision.catalog.model_of(candidate.offering)
    asked = chosen.workload.quality
    bench = asked.bench if isinstance(asked, BenchQuality) else "arena_text"
    score = model.score(bench)
    return f"{model.tier}, {bench} {score.score:g}" if score else f"{model.tier}, no score"


def _beats(one: Point, other: Point) -> bool:
    ours, theirs = _worth(one), _worth(other)
    return ours != theirs and all(a <= b for a, b in zip(ours, theirs, strict=True))


def _worth(point: Point) -> Sequence[float]:
    return point.usd, point.seconds, -point.quality


def facts(chosen: Chosen, rung: Candidate) -> Iterable[str]:
    """Each requirement that it meets, and the figures that decided, with source and day."""
    for requirement in chosen.wanted:
        verdict = requirement.test(rung)
        if verdict.source:
            yield f"{requirement.says}: {verdict.reason or 'holds'} ({verdict.source})"
    price, latency = rung.offering.price, rung.offering.latency
    sources = "; ".join(f"{e.source} {e.entry}, {e.observed_on}" for e in price.evidence)
    yield f"{price.input} USD in and {price.output} USD out per million tokens ({sources})"
    yield (
        f"first token after {latency.ttft_p50_s:g} s, {latency.tokens_per_s:g} tokens/s "
        f"({latency.source}, {latency.as_of}; {latency.grade})"
    )
