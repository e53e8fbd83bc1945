"""The chain of an alias: the best deployment first, then others that do not go down with it."""

from collections.abc import Iterable, Sequence
from itertools import combinations, zip_longest
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from designer.catalog import Catalog
from designer.diagnostics import Place
from designer.planner import capacity
from designer.planner.accounts import Candidate
from designer.planner.domains import outages_shared, stands_apart
from designer.planner.forecast import availability_of
from designer.planner.preference import committed, is_pinned, ranking
from designer.planner.requirements import (
    HOLDS,
    PEAK,
    PRICE,
    Conflict,
    Rejected,
    Requirement,
    conflict,
    cost_per_request_usd,
    first_failure,
    typical_seconds,
)
from designer.planner.search import (
    MOST_RUNGS,
    Bounds,
    best_chain,
    may_follow,
    value_of,
)
from designer.planner.timeouts import too_long
from designer.profile.model import Workload

__all__ = ["MOST_RUNGS", "Bounds", "Chosen", "Variant", "choose_chain"]


class Chosen(Struct, frozen=True):
    """The chain of one alias, and what was thought about."""

    workload: Workload
    rungs: tuple[Candidate, ...]
    reasons: tuple[str, ...]
    """One a rung."""
    runners_up: tuple[tuple[Candidate, str], ...]
    """Feasible, but not taken, with the reason."""
    rejected: tuple[Rejected, ...]
    obtain: tuple[str, ...]
    """What has to be obtained before the chain may go live."""
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What was checked of the chain as a whole, and what its rungs share."""
    variants: tuple["Variant", ...] = ()
    """What some of its callers get instead."""
    wanted: tuple[Requirement, ...] = ()
    """What each of them has been tested for."""
    better: tuple[Candidate, ...] = ()
    """What would be chosen without the lock; empty where the lock changes nothing."""
    late: str = ""
    """The warning of tries that do not end within the deadline, if there is one."""

    @property
    def deployments(self) -> tuple[tuple[Candidate, str], ...]:
        """Every deployment that may serve the alias, once, and why it is there."""
        found = {str(r): (r, why) for r, why in zip(self.rungs, self.reasons, strict=True)}
        for variant in self.variants:
            for rung, why in variant.chain.deployments:
                found.setdefault(str(rung), (rung, f"{variant.kind} {variant.name}: {why}"))
        return tuple(found.values())

    @property
    def to_obtain(self) -> tuple[str, ...]:
        """What has to be obtained for it and for every variant, each once."""
        variants = (what for variant in self.variants for what in variant.chain.obtain)
        return tuple(dict.fromkeys((*self.obtain, *variants)))

    def id_of(self, rung: Candidate) -> str:
        """`alias/account/model`, with the region where the alias has it in another one already."""
        first = next(other for other, _ in self.deployments if other.id == rung.id)
        return f"{self.workload.alias}/{rung.id if str(first) == str(rung) else rung}"


class Variant(Struct, frozen=True):
    """Another chain of the same alias."""

    kind: Literal["arm", "region"]
    name: str
    """The arm's, or the residency."""
    share: float
    """Of an arm; 1 for a region."""
    chain: Chosen


def choose_chain(
    workload: Workload,
    pool: Sequence[Candidate],
    wanted: Sequence[Requirement],
    catalog: Catalog,
    locked: Sequence[str] = (),
    bounds: Bounds | None = None,
    offerings: Sequence[str] = (),
) -> Chosen | Conflict:
    """`locked` names the deployments (`account/model`) of an earlier plan, kept while feasible, and
    `offerings` which scope of each."""
    bounds = bounds or Bounds()
    rejected, feasible = [], []
    for candidate in pool:
        failure = first_failure(candidate, wanted)
        if failure is None:
            feasible.append(candidate)
        else:
            rejected.append(Rejected(candidate, *failure))
    if not feasible:
        return _conflict(workload, pool, wanted, catalog, bounds)
    ranked = one_a_deployment(workload, feasible, catalog)
    picked = best_chain(workload, ranked, catalog, bounds)
    if not value_of(workload, picked, catalog, bounds).is_kept:
        return _conflict(workload, pool, wanted, catalog, bounds)
    kept = _kept(locked, offerings, ranked, feasible)
    if kept and not value_of(workload, kept, catalog, bounds).is_kept:
        kept = ()
    rungs = kept if len(kept) == len(locked) > 0 else picked
    # A lock that changes nothing says nothing: the same profile gives the same files.
    by_lock = rungs != picked
    late = too_long(workload, rungs, bounds.routing, bounds.places)
    return Chosen(
        workload,
        rungs,
        tuple(_reason(i, c, rungs, workload, by_lock) for i, c in enumerate(rungs)),
        tuple((c, _why_not(c, rungs, workload)) for c in ranked if c not in rungs),
        tuple(rejected),
        tuple(dict.fromkeys(_to_obtain(rungs, wanted))),
        (*_doubts(workload, rungs, catalog, bounds), *([late] if late else [])),
        tuple(_notes(workload, rungs, catalog)),
        wanted=tuple(wanted),
        better=picked if by_lock else (),
        late=late,
    )


def _kept(
    locked: Sequence[str],
    offerings: Sequence[str],
    ranked: Sequence[Candidate],
    feasible: Sequence[Candidate],
) -> tuple[Candidate, ...]:
    """Each in its scope while that is feasible, or else in the one that is preferred now."""
    found = []
    for id_, offering in zip_longest(locked, offerings[: len(locked)]):
        scopes = [c for c in (*ranked, *feasible) if c.id == id_]
        found += [c for c in scopes if c.offering.id == offering][:1] or scopes[:1]
    return tuple(found)


def _of_the_whole(workload: Workload, bounds: Bounds) -> list[Requirement]:
    """What no deployment alone breaks, and a chain may."""

    def whole(key: str, says: str) -> Requirement:
        return Requirement(key, says, bounds.places.get(key, Place()), lambda candidate: HOLDS)

    found = []
    if bounds.must_carry:
        peak = f"room for {capacity.peak_rps(workload):g} requests/s in every single failure"
        found.append(whole(PEAK, peak))
    if bounds.max_usd is not None:
        price = f"at most {bounds.max_usd:g} USD per request, every try billed"
        found.append(whole(PRICE, price))
    return found


def _conflict(
    workload: Workload,
    pool: Sequence[Candidate],
    wanted: Sequence[Requirement],
    catalog: Catalog,
    bounds: Bounds,
) -> Conflict:
    whole = _of_the_whole(workload, bounds)
    told = {requirement.key for requirement in whole}  # a price of all tries is one of the first
    alone = [requirement for requirement in wanted if requirement.key not in told]

    def have_chain(passing: Sequence[Candidate], rest: Sequence[Requirement]) -> bool:
        asked = {requirement.key for requirement in rest} & told
        if not asked:
            return True
        less = replace(
            bounds,
            must_carry=PEAK in asked,
            max_usd=bounds.max_usd if PRICE in asked else None,
        )
        ranked = one_a_deployment(workload, passing, catalog)
        picked = best_chain(workload, ranked, catalog, less)
        return value_of(workload, picked, catalog, less).is_kept

    return conflict(workload.alias, pool, [*alone, *whole], have_chain)


def one_a_deployment(
    workload: Workload, feasible: Iterable[Candidate], catalog: Catalog
) -> list[Candidate]:
    """The best first; of several scopes of one model in one account, the preferred one."""
    rank = ranking(workload, catalog)
    order = sorted(feasible, key=lambda c: (not is_pinned(c, workload, catalog), rank(c), str(c)))
    kept: dict[str, Candidate] = {}
    for candidate in order:
        kept.setdefault(candidate.id, candidate)
    return list(kept.values())


# --- Words ----------------------------------------------------------------------------------------

_SUPERLATIVE = {
    "cost": "cheapest",
    "latency": "fastest by prior",
    "quality": "best rated",
    "static": "first listed",
}


def _reason(
    index: int,
    candidate: Candidate,
    rungs: Sequence[Candidate],
    workload: Workload,
    locked: bool,
) -> str:
    own = " by your own price" if candidate.offering.price.agreement == "overlay" else ""
    cost = f"{cost_per_request_usd(candidate, workload):.5f} USD a request{own}"
    if paid := committed(candidate, workload):
        cost += f", {paid:.0%} of the peak on committed capacity"
    if locked:
        return f"kept from designer.lock; {cost}"
    best = _SUPERLATIVE[workload.prefer]
    if index == 0:
        pinned = workload.models.first is not None
        return f"{'named by models.first' if pinned else best + ' that meets every requirement'}; {cost}"
    if all(stands_apart(candidate, other) for other in rungs[:index]):
        before = " and ".join(dict.fromkeys(r.offering.failure_domain for r in rungs[:index]))
        return f"{best} that does not go down with {before}; {cost}"
    shared = dict.fromkeys(s for other in rungs[:index] for s in outages_shared(candidate, other))
    return f"{best} there is beside it, though both go down with {' and '.join(shared)}; {cost}"


def _why_not(candidate: Candidate, rungs: Sequence[Candidate], workload: Workload) -> str:
    if not may_follow(workload, candidate, rungs[0]):
        return (
            f"vectors of {candidate.offering.model} do not compare with {rungs[0].offering.model}'s"
        )
    if shared := ", ".join(outages_shared(candidate, rungs[0])):
        return f"goes down with {rungs[0].id} ({shared})"
    ours = cost_per_request_usd(rungs[0], workload)
    theirs = cost_per_request_usd(candidate, workload)
    more = f"{(theirs / ours - 1) * 100:+.0f} % cost" if ours else "dearer"
    return f"{more}, {typical_seconds(candidate, workload):.1f} s"


def _to_obtain(rungs: Iterable[Candidate], wanted: Iterable[Requirement]) -> Iterable[str]:
    for requirement in wanted:
        for rung in rungs:
            verdict = requirement.test(rung)
            if verdict.obtain:
                yield verdict.obtain


def _doubts(
    workload: Workload, rungs: Sequence[Candidate], catalog: Catalog, bounds: Bounds
) -> Iterable[str]:
    if len(rungs) == 1:
        yield "there is no second deployment that meets the requirements: one outage stops this alias"
    elif len({r.offering.failure_domain for r in rungs}) == 1:
        yield "all deployments share one failure domain"
    value = value_of(workload, rungs, catalog, bounds)
    if value.overload:
        yield f"{value.overload:.0%} of the peak finds no room within the quotas in the worst single failure"
    goal = workload.availability
    if goal is not None and (reached := availability_of(rungs, catalog).low) < goal:
        yield f"availability {reached:.3%} by prior is below the {goal:.3%} asked for"
    for rung in rungs:
        if rung.offering.price.agreement == "conflict":
            yield f"sources disagree about the price of {rung.offering.id}; the forecast covers both"
    limit = workload.latency.ttft_p95
    if limit is not None and (ttft := rungs[0].offering.latency.ttft_p50_s) > limit:
        yield f"{rungs[0].id} takes {ttft:.1f} s to its first token by prior, over {limit:g} s"
    limit = workload.latency.total_p95
    if limit is not None and typical_seconds(rungs[0], workload) > limit:
        yield f"{rungs[0].id} takes {typical_seconds(rungs[0], workload):.1f} s by prior, over {limit:g} s"


def _notes(workload: Workload, rungs: Sequence[Candidate], catalog: Catalog) -> Iterable[str]:
    yield capacity.in_words(workload, rungs)
    for one, other in combinations(rungs, 2):
        family = catalog.model_of(one.offering).family
        if family == catalog.model_of(other.offering).family:
            yield f"{one.id} and {other.id} share the model family {family}"
