"""What makes one deployment preferable to another for a workload: money, time, quality, or a list.

Ranks compare deployments that all meet the requirements; what they do together is `search`'s affair.
"""

from collections.abc import Callable

from designer.catalog import Catalog
from designer.catalog.model import TIERS
from designer.planner.accounts import Candidate
from designer.planner.capacity import capacity_rps, peak_rps
from designer.planner.requirements import cost_per_request_usd, is_named, typical_seconds
from designer.profile.model import BenchQuality, Workload

Rank = tuple[float, ...]
"""Lower is better; the first number decides, the next ones break ties."""


def is_pinned(candidate: Candidate, workload: Workload, catalog: Catalog) -> bool:
    first = workload.models.first
    return first is not None and is_named(candidate, (first,), catalog)


def ranking(workload: Workload, catalog: Catalog) -> Callable[[Candidate], Rank]:
    def cost(candidate: Candidate) -> float:
        return marginal_usd(candidate, workload)

    def speed(candidate: Candidate) -> float:
        return typical_seconds(candidate, workload)

    def listed(candidate: Candidate) -> float:
        order = workload.models.allow
        named = (float(i) for i, p in enumerate(order) if is_named(candidate, (p,), catalog))
        return next(named, float(len(order)))

    match workload.prefer:
        case "cost":
            return lambda c: (cost(c), speed(c))
        case "latency":
            return lambda c: (speed(c), cost(c))
        case "quality":
            return lambda c: (-quality_of(c, workload, catalog), cost(c))
        case "static":
            return lambda c: (listed(c), cost(c))


def marginal_usd(candidate: Candidate, workload: Workload) -> float:
    """What one request more costs: nothing as far as committed capacity reaches."""
    return float(cost_per_request_usd(candidate, workload)) * (1 - committed(candidate, workload))


def committed(candidate: Candidate, workload: Workload) -> float:
    """Share of the peak that capacity already paid for carries; all of it where no quota is known."""
    models = candidate.account.settings.models.items()
    paid = any(
        name.rpartition("/")[2] == candidate.offering.model and model.committed is not None
        for name, model in models
    )
    if not paid:
        return 0.0
    most, peak = capacity_rps(candidate, workload), peak_rps(workload)
    return 1.0 if most is None or not peak else min(1.0, most / peak)


def quality_of(candidate: Candidate, workload: Workload, catalog: Catalog) -> float:
    """The asked benchmark's score; else the tier first and a chat score within it.

    A model without a score counts as the lowest of its tier: no evidence is not average evidence.
    """
    model = catalog.model_of(candidate.offering)
    if isinstance(workload.quality, BenchQuality):
        score = model.score(workload.quality.bench)
        return score.score if score else 0.0
    score = model.score("arena_text")
    return TIERS.index(model.tier) * 10_000 + (score.score if score else 0.0)
