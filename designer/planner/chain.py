"""The chain of an alias: the best deployment first, then others that do not go down with it."""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from msgspec import Struct

from designer.catalog import Catalog
from designer.catalog.model import TIERS
from designer.planner.accounts import Candidate
from designer.planner.forecast import availability_of
from designer.planner.requirements import (
    Conflict,
    Rejected,
    Requirement,
    conflict,
    cost_per_request_usd,
    first_failure,
    is_named,
    tokens,
)
from designer.profile.model import BenchQuality, Workload

MOST_RUNGS = 3
"""A fourth deployment adds less availability than its failures cost time: the attempt budget is 4."""


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
    variants: tuple["Variant", ...] = ()
    """What some of its callers get instead."""

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
) -> Chosen | Conflict:
    """`locked` names the deployments (`account/model`) of an earlier plan, kept while feasible."""
    rejected, feasible = [], []
    for candidate in pool:
        failure = first_failure(candidate, wanted)
        if failure is None:
            feasible.append(candidate)
        else:
            rejected.append(Rejected(candidate, *failure))
    if not feasible:
        return conflict(workload.alias, pool, wanted)
    rank = _rank(workload, catalog)
    ranked = _one_a_model(sorted(feasible, key=lambda c: (rank(c), str(c))))
    kept = [c for id_ in locked for c in ranked if c.id == id_]
    picked = _pick(workload, ranked, catalog)
    rungs = kept if len(kept) == len(locked) > 0 else picked
    # A lock that changes nothing says nothing: the same profile gives the same files.
    by_lock = rungs != picked
    return Chosen(
        workload,
        tuple(rungs),
        tuple(_reason(i, c, rungs, workload, by_lock) for i, c in enumerate(rungs)),
        tuple((c, _why_not(c, rungs, workload)) for c in ranked if c not in rungs),
        tuple(rejected),
        tuple(dict.fromkeys(_to_obtain(rungs, wanted))),
        tuple(_doubts(workload, rungs, catalog)),
    )


def better_now(chosen: Chosen, catalog: Catalog, feasible: Iterable[Candidate]) -> Candidate | None:
    """A feasible candidate that would be preferred to a locked primary."""
    rank = _rank(chosen.workload, catalog)
    best = min(feasible, key=lambda c: (rank(c), str(c)), default=None)
    if best is None or not chosen.rungs or rank(best) >= rank(chosen.rungs[0]):
        return None
    return best


# --- Preference -----------------------------------------------------------------------------------


def _rank(workload: Workload, catalog: Catalog) -> Callable[[Candidate], tuple[float, ...]]:
    """Lower is better."""
    first = workload.models.first

    def pinned(candidate: Candidate) -> float:
        return 0.0 if first and is_named(candidate, (first,), catalog) else 1.0

    def cost(candidate: Candidate) -> float:
        return float(cost_per_request_usd(candidate, workload))

    def speed(candidate: Candidate) -> float:
        return typical_seconds(candidate, workload)

    def quality(candidate: Candidate) -> float:
        return -_quality(candidate, workload, catalog)

    def listed(candidate: Candidate) -> float:
        order = workload.models.allow
        return next(
            (float(i) for i, p in enumerate(order) if is_named(candidate, (p,), catalog)),
            float(len(order)),
        )

    match workload.prefer:
        case "cost":
            return lambda c: (pinned(c), cost(c), speed(c))
        case "latency":
            return lambda c: (pinned(c), speed(c), cost(c))
        case "quality":
            return lambda c: (pinned(c), quality(c), cost(c))
        case "static":
            return lambda c: (pinned(c), listed(c), cost(c))


def typical_seconds(candidate: Candidate, workload: Workload) -> float:
    """A prior: time to the first token plus the answer at the model's pace."""
    latency = candidate.offering.latency
    return latency.ttft_p50_s + tokens(workload)[1] / latency.tokens_per_s


def _quality(candidate: Candidate, workload: Workload, catalog: Catalog) -> float:
    """The asked benchmark's score; else the tier first and a chat score within it.

    A model without a score counts as the lowest of its tier: no evidence is not average evidence.
    """
    model = catalog.model_of(candidate.offering)
    if isinstance(workload.quality, BenchQuality):
        score = model.score(workload.quality.bench)
        return score.score if score else 0.0
    score = model.score("arena_text")
    return TIERS.index(model.tier) * 10_000 + (score.score if score else 0.0)


# --- The rungs ------------------------------------------------------------------------------------


def _one_a_model(ranked: Sequence[Candidate]) -> list[Candidate]:
    """Of several scopes of one model in one account, the preferred one."""
    kept: dict[str, Candidate] = {}
    for candidate in ranked:
        kept.setdefault(candidate.id, candidate)
    return list(kept.values())


def _pick(workload: Workload, ranked: Sequence[Candidate], catalog: Catalog) -> list[Candidate]:
    """The best, then the best that shares no failure domain with those before it."""
    rungs = [_first(workload, ranked, catalog)]
    while len(rungs) < MOST_RUNGS:
        if len(rungs) > 1 and _is_enough(workload, rungs, catalog):
            break
        apart = [c for c in ranked if _stands_apart(c, rungs) and _may_follow(workload, c, rungs)]
        if not apart:
            break
        rungs.append(apart[0])
    if len(rungs) == 1:
        # Another region of the same provider is less than another provider and more than nothing.
        elsewhere = [
            c for c in ranked if c.account != rungs[0].account and _may_follow(workload, c, rungs)
        ]
        rungs += elsewhere[:1]
    return rungs


def _first(workload: Workload, ranked: Sequence[Candidate], catalog: Catalog) -> Candidate:
    """The best; where its model is all there may be, the best that is available often enough, or the
    one that comes nearest to it."""
    if workload.task != "embed" or workload.availability is None:
        return ranked[0]
    groups = [[c, *(o for o in ranked if _may_follow(workload, o, [c]))] for c in ranked]
    enough = next((group for group in groups if _is_enough(workload, group, catalog)), None)
    return (enough or max(groups, key=lambda group: availability_of(group, catalog).low))[0]


def _is_enough(workload: Workload, rungs: Sequence[Candidate], catalog: Catalog) -> bool:
    goal = workload.availability
    return goal is None or availability_of(rungs, catalog).low >= goal


def _stands_apart(candidate: Candidate, rungs: Iterable[Candidate]) -> bool:
    return candidate.offering.failure_domain not in {r.offering.failure_domain for r in rungs}


def _may_follow(workload: Workload, candidate: Candidate, rungs: Sequence[Candidate]) -> bool:
    """Vectors of different models do not compare, so an embedding never changes its model."""
    return workload.task != "embed" or candidate.offering.model == rungs[0].offering.model


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
    if locked:
        return f"kept from designer.lock; {cost}"
    best = _SUPERLATIVE[workload.prefer]
    if index == 0:
        pinned = workload.models.first is not None
        return f"{'named by models.first' if pinned else best + ' that meets every requirement'}; {cost}"
    if _stands_apart(candidate, rungs[:index]):
        before = " and ".join(dict.fromkeys(r.offering.failure_domain for r in rungs[:index]))
        return f"{best} that does not go down with {before}; {cost}"
    return f"{best} in another account; {cost}"


def _why_not(candidate: Candidate, rungs: Sequence[Candidate], workload: Workload) -> str:
    if not _may_follow(workload, candidate, rungs):
        return (
            f"vectors of {candidate.offering.model} do not compare with {rungs[0].offering.model}'s"
        )
    if not _stands_apart(candidate, rungs[:1]):
        return f"goes down with {rungs[0].id} ({candidate.offering.failure_domain})"
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


def _doubts(workload: Workload, rungs: Sequence[Candidate], catalog: Catalog) -> Iterable[str]:
    if len(rungs) == 1:
        yield "there is no second deployment that meets the requirements: one outage stops this alias"
    elif len({r.offering.failure_domain for r in rungs}) == 1:
        yield "all deployments share one failure domain"
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
