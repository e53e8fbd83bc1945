"""What is announced for the chosen deployments: models that retire, prices that change, and what then.

Only what the catalog or an overlay says; facts and agreements that end are `designer evidence`'s affair.
"""

from collections.abc import Iterator, Sequence
from datetime import date

from msgspec import Struct

from designer.catalog import Catalog, Offering
from designer.planner.accounts import Candidate
from designer.planner.chain import Bounds, Chosen, choose_chain
from designer.planner.requirements import Conflict


class Retirement(Struct, frozen=True):
    alias: str
    deployment: Candidate
    on: date
    instead: tuple[Candidate, ...]
    """The chain that would be chosen on that day; empty where nothing meets the requirements then."""


class NewPrice(Struct, frozen=True):
    alias: str
    deployment: Candidate
    on: date


def retires_on(offering: Offering, catalog: Catalog) -> date | None:
    """The offering's end or the model's, whichever comes first."""
    ends = [offering.retires_on, catalog.model_of(offering).retires_on]
    return min((end for end in ends if end is not None), default=None)


def ahead(
    chosen: Chosen,
    pool: Sequence[Candidate],
    catalog: Catalog,
    bounds: Bounds,
    span: tuple[date, date],
) -> Iterator[Retirement | NewPrice]:
    """Between the two days of `span`, the first left out: it is planned for."""
    after, until = span
    for rung, _ in chosen.deployments:
        end = retires_on(rung.offering, catalog)
        if end is not None and after < end <= until:
            instead = _without_retired(chosen, pool, catalog, bounds, end)
            yield Retirement(chosen.workload.alias, rung, end, instead)
        price = rung.offering.price.valid_from
        if price is not None and after < price <= until:
            yield NewPrice(chosen.workload.alias, rung, price)


def _without_retired(
    chosen: Chosen, pool: Sequence[Candidate], catalog: Catalog, bounds: Bounds, on: date
) -> tuple[Candidate, ...]:
    ends = [(candidate, retires_on(candidate.offering, catalog)) for candidate in pool]
    left = [candidate for candidate, end in ends if end is None or end > on]
    found = choose_chain(chosen.workload, left, chosen.wanted, catalog, bounds=bounds)
    return () if isinstance(found, Conflict) else found.rungs
