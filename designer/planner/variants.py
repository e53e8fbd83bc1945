"""Chains of one alias beside its main one: an experiment's arms, and the regions that teams insist on."""

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from designer.catalog import Catalog
from designer.planner.accounts import Candidate
from designer.planner.chain import Bounds, Chosen, Variant, choose_chain
from designer.planner.requirements import Conflict, Requirement, within
from designer.profile.load import LoadedProfile


def arms(
    chosen: Chosen,
    pool: Sequence[Candidate],
    wanted: Sequence[Requirement],
    catalog: Catalog,
    bounds: Bounds,
) -> Iterator[Variant | Conflict]:
    """An arm with a model begins its chain there; one without takes the next best of the main chain."""
    experiment = chosen.workload.experiment
    if experiment is None:
        return
    unnamed = 0
    for name, arm in experiment.arms.items():
        if arm.model is None:
            yield Variant("arm", name, arm.share, _rotated(chosen, unnamed))
            unnamed += 1
            continue
        models = chosen.workload.models.model_copy(update={"first": arm.model})
        own = chosen.workload.model_copy(update={"models": models})
        found = choose_chain(own, pool, wanted, catalog, bounds=bounds)
        yield found if isinstance(found, Conflict) else Variant("arm", name, arm.share, found)


def _rotated(chosen: Chosen, by: int) -> Chosen:
    at = by % len(chosen.rungs)
    return replace(
        chosen,
        rungs=chosen.rungs[at:] + chosen.rungs[:at],
        reasons=chosen.reasons[at:] + chosen.reasons[:at],
    )


def regions(
    chosen: Chosen,
    pool: Sequence[Candidate],
    wanted: Sequence[Requirement],
    loaded: LoadedProfile,
    catalog: Catalog,
    bounds: Bounds,
) -> Iterator[Variant | Conflict]:
    """A chain for each region that a caller's team insists on, where the main one may leave it."""
    workload, told = chosen.workload, set[str]()
    for index, team in enumerate(loaded.profile.teams):
        may_call = team.workloads is None or workload.alias in team.workloads
        if not team.region or not may_call or team.region in told:
            continue
        told.add(team.region)
        inside = within(loaded, team.region, f"teams[{index}].region", catalog)
        if all(inside.test(rung).holds for rung in chosen.rungs):
            continue
        found = choose_chain(workload, pool, [*wanted, inside], catalog, bounds=bounds)
        yield found if isinstance(found, Conflict) else Variant("region", team.region, 1.0, found)
