"""The best chain of at most `MOST_RUNGS` deployments, exactly: branch and bound over an order of wishes.

`Value` is that order, as a tuple that compares; docs/choosing.md says it in words. What each
deployment alone must satisfy has been tested before; reasons are made afterwards, in `chain`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import Final

from msgspec import Struct, structs

from designer.catalog import Catalog
from designer.catalog.model import Incidents
from designer.diagnostics import Place
from designer.planner.accounts import Candidate
from designer.planner.capacity import Load, lacking, quota_of
from designer.planner.domains import cloud_region, stands_apart
from designer.planner.forecast import availability_of
from designer.planner.preference import Rank, is_pinned, ranking
from designer.planner.requirements import cost_per_request_usd
from designer.profile.model import RoutingPolicy, Workload

MOST_RUNGS: Final = 3
"""A fourth deployment adds less availability than its failures cost time: the attempt budget is 4."""

LEAST_CHANCE: Final = 1e-6
"""Of reaching the next rung: nobody never fails, and a fallback that cannot matter would be any."""


class Bounds(Struct, frozen=True):
    """What a chain as a whole must keep to, beside the availability that the workload asks for."""

    routing: RoutingPolicy = RoutingPolicy.model_construct()
    max_usd: float | None = None
    """Of one request, however many of its tries are billed."""
    load: Load = Load()
    """Of the aliases served before."""
    must_carry: bool = False
    """The quotas have to carry the peak in every single failure; else they had better."""
    places: Mapping[str, Place] = {}
    """Where the profile says so, by key."""


class Value(Struct, frozen=True, order=True):
    """Lower is better, from the first field to the last. Beyond nothing in the first two it is no chain."""

    without_room: float
    """Share of the peak without room in the worst single failure, where the chain must carry it."""
    dearer: float
    """By how much the worst path goes beyond the price of a request, as a share of it."""
    unpinned: bool
    """The first deployment is not the one that `models.first` names."""
    unanswered: float
    """By how much availability stays below what was asked."""
    overload: float
    """Share of the peak without room in the worst single failure, where that is a wish."""
    first: Rank
    alone: bool
    together: int
    """Pairs of rungs that one outage stops."""
    length: int
    expected: Rank
    """How much worse each rung's rank is than the first one's, weighed by the chance that it is reached."""
    alike: int
    """Pairs of rungs of one model family."""
    names: tuple[str, ...]

    @property
    def is_kept(self) -> bool:
        """Whether the chain keeps to what it must."""
        return not (self.without_room or self.dearer)

    @property
    def is_content(self) -> bool:
        """Whether no goal is missed."""
        return self.is_kept and not (self.unanswered or self.overload)


class Option(Struct, frozen=True, eq=False):
    """A candidate with what the search asks of it again and again."""

    candidate: Candidate
    name: str
    account: str
    rank: Rank
    house: str
    """Provider and failure domain: all that its availability depends on."""
    is_pinned: bool
    usd: float
    fails: float
    family: str


class Task(Struct, frozen=True, eq=False):
    """One workload's search. `known` remembers availabilities, which depend on domains alone."""

    workload: Workload
    catalog: Catalog
    bounds: Bounds
    known: dict[tuple[tuple[Incidents | None, int], ...], float]


def best_chain(
    workload: Workload, feasible: Iterable[Candidate], catalog: Catalog, bounds: Bounds
) -> tuple[Candidate, ...]:
    """`feasible` holds one candidate at least, and each deployment (`account/model`) once.

    A chain has one deployment of an account: two of them go down together.
    """
    task = Task(workload, catalog, bounds, {})
    options = _undominated(task, _options(task, feasible))
    best: tuple[Option, ...] = ()
    value: Value | None = None
    for first in sorted(options, key=lambda o: (not o.is_pinned, o.rank, o.name)):
        if value is not None and _is_settled(value, first, best):
            break
        found, worth = _best_from(task, first, options, value)
        if value is None or worth < value:
            best, value = found, worth
    return tuple(option.candidate for option in best)


def best_chain_from(
    first: Candidate,
    workload: Workload,
    others: Iterable[Candidate],
    catalog: Catalog,
    bounds: Bounds,
) -> tuple[Candidate, ...]:
    """The best one that begins there, whether or not it keeps to what it must."""
    task = Task(workload, catalog, bounds, {})
    [option] = _options(task, [first])
    best, _ = _best_from(task, option, _undominated(task, _options(task, others)), None)
    return tuple(option.candidate for option in best)


def _is_settled(value: Value, first: Option, best: Sequence[Option]) -> bool:
    """No chain from here on is better: those before were pinned, or nothing is missed and no later
    one starts as well."""
    if value.is_kept and best[0].is_pinned and not first.is_pinned:
        return True
    return value.is_content and first.rank > value.first


def value_of(
    workload: Workload, rungs: Sequence[Candidate], catalog: Catalog, bounds: Bounds
) -> Value:
    task = Task(workload, catalog, bounds, {})
    return _value(task, _options(task, rungs))


def may_follow(workload: Workload, candidate: Candidate, first: Candidate) -> bool:
    """Vectors of different models do not compare, so an embedding never changes its model."""
    return workload.task != "embed" or candidate.offering.model == first.offering.model


def worst_path_usd(costs: Sequence[float], policy: RoutingPolicy) -> float:
    """Every try is billed and none is answered in time, as when each of them times out."""
    left = policy.attempts_per_request or len(costs) * (1 + policy.retries)
    total = 0.0
    for cost in costs:
        tries = min(left, 1 + policy.retries)
        total += tries * cost
        left -= tries
    return total


# --- Branches -------------------------------------------------------------------------------------


def _best_from(
    task: Task, first: Option, options: Sequence[Option], bound: Value | None
) -> tuple[tuple[Option, ...], Value]:
    """A third rung is worth its time only where two breach something, or go down together."""
    others = [
        o
        for o in options
        if o.account != first.account and may_follow(task.workload, o.candidate, first.candidate)
    ]
    best: tuple[Option, ...] = (first,)
    value = _value(task, best)
    for length in range(1, MOST_RUNGS):
        if length > 1 and value.is_content and not value.together:
            break
        most = value if bound is None else min(value, bound)
        for tail in _tails(task, first, others, length, most):
            worth = _value(task, (first, *tail))
            if worth < value:
                best, value = (first, *tail), worth
    return best, value


def _tails(
    task: Task, first: Option, others: Sequence[Option], length: int, most: Value
) -> Iterator[tuple[Option, ...]]:
    """Without those whose availability alone makes the chain worth less than `most`."""
    unpinned = _is_unpinned(task, first)
    dearer = _dearer(task, (first,))
    houses: dict[str, list[Option]] = {}
    for option in others:
        houses.setdefault(option.house, []).append(option)
    for kinds in product(houses.values(), repeat=length):
        some = (first, *(kind[0] for kind in kinds))
        unanswered = _unanswered(task, [option.candidate for option in some])
        least = (0.0, dearer, unpinned, unanswered, 0.0, first.rank)
        if least <= structs.astuple(most)[: len(least)]:
            yield from (t for t in product(*kinds) if len({o.account for o in t}) == length)


def _undominated(task: Task, options: Sequence[Option]) -> list[Option]:
    """Without those that can be exchanged for a better one of their account and kind in every chain."""
    kinds: dict[tuple[str, ...], list[Option]] = {}
    for option in options:
        kinds.setdefault(_kind(task, option), []).append(option)
    return [
        option
        for kind in kinds.values()
        for option in kind
        if not any(_beats(task, other, option) for other in kind)
    ]


def _kind(task: Task, option: Option) -> tuple[str, ...]:
    candidate, offering = option.candidate, option.candidate.offering
    quota = candidate.id if quota_of(candidate) else ""
    model = offering.model if task.workload.task == "embed" else ""
    pinned = "pinned" if option.is_pinned else ""
    where = cloud_region(candidate)
    return option.account, option.house, where, quota, model, pinned


def _beats(task: Task, other: Option, option: Option) -> bool:
    is_cheaper = task.bounds.max_usd is None or other.usd <= option.usd
    return other.rank < option.rank and is_cheaper


# --- The value of a chain -------------------------------------------------------------------------


def _options(task: Task, candidates: Iterable[Candidate]) -> list[Option]:
    rank: Callable[[Candidate], Rank] = ranking(task.workload, task.catalog)
    return [
        Option(
            candidate,
            str(candidate),
            candidate.account.name,
            rank(candidate),
            f"{candidate.offering.provider} {candidate.offering.failure_domain}",
            is_pinned(candidate, task.workload, task.catalog),
            float(cost_per_request_usd(candidate, task.workload)),
            max(LEAST_CHANCE, 1 - _availability(task, (candidate,))),
            task.catalog.model_of(candidate.offering).family,
        )
        for candidate in candidates
    ]


def _value(task: Task, chain: Sequence[Option]) -> Value:
    rungs = [option.candidate for option in chain]
    pairs = list(combinations(chain, 2))
    overload = lacking(task.workload, rungs, task.bounds.load)
    return Value(
        overload if task.bounds.must_carry else 0.0,
        _dearer(task, chain),
        _is_unpinned(task, chain[0]),
        _unanswered(task, rungs),
        0.0 if task.bounds.must_carry else overload,
        chain[0].rank,
        len(chain) == 1,
        sum(not stands_apart(a, b) for a, b in combinations(rungs, 2)),
        len(chain),
        _expected(chain),
        sum(a.family == b.family for a, b in pairs),
        tuple(option.name for option in chain),
    )


def _is_unpinned(task: Task, first: Option) -> bool:
    return task.workload.models.first is not None and not first.is_pinned


def _dearer(task: Task, chain: Sequence[Option]) -> float:
    if task.bounds.max_usd is None:
        return 0.0
    worst = worst_path_usd([option.usd for option in chain], task.bounds.routing)
    return max(0.0, worst / task.bounds.max_usd - 1)


def _unanswered(task: Task, rungs: Sequence[Candidate]) -> float:
    goal = task.workload.availability
    return 0.0 if goal is None else max(0.0, goal - _availability(task, rungs))


def _availability(task: Task, rungs: Sequence[Candidate]) -> float:
    """The low end of the prior: a goal is a promise. Domains count, not what they are called."""
    domains = [rung.offering.failure_domain for rung in rungs]
    key = tuple(
        (task.catalog.providers[rung.offering.provider].incidents, domains.index(domain))
        for rung, domain in zip(rungs, domains, strict=True)
    )
    if key not in task.known:
        task.known[key] = availability_of(rungs, task.catalog).low
    return task.known[key]


def _expected(chain: Sequence[Option]) -> Rank:
    first, weighed = chain[0], list(zip(chain, _chances(chain), strict=True))
    return tuple(
        sum(chance * (option.rank[part] - own) for option, chance in weighed)
        for part, own in enumerate(first.rank)
    )


def _chances(chain: Sequence[Option]) -> Iterator[float]:
    """That each rung is reached: all before it have failed, independently."""
    reached = 1.0
    for option in chain:
        yield reached
        reached *= option.fails
