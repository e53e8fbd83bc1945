"""The gateway: legalize the ideal Routing for each one and compare what would be lost.

A gateway that breaks a promise of the profile is out, with the reason. The others are weighed: what they
lose, what work they are, what they cost to run; the weights are printed, and the least wins. What each
means to run is data (`designer.gateways.capabilities`). Every reason names its source.
"""

import math
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final, Literal

from msgspec import Struct

from designer.diagnostics import Report
from designer.gateways.base import Constraint, Gateway
from designer.gateways.capabilities import Costs, Operation, operations, source
from designer.gateways.legalize import Loss, take_out, tell
from designer.gateways.registry import GATEWAYS
from designer.ir import Routing
from designer.planner.chain import Chosen
from designer.planner.processors import side_channels
from designer.planner.requirements import cost_per_request_usd
from designer.profile.model import Profile
from designer.profile.policy import policy_of

EFFORT_USD: Final = 400.0
"""A month of one step of `effort`: half a day of an engineer. Assumed; twice that without a team that
does such things."""
LOSS_USD: Final = 800.0
"""A month of one loss, against a step of `effort`: a loss is felt in every outage, an effort by one team.
Assumed."""


class Weight(Struct, frozen=True):
    """What one consideration adds to the choice, as if it were money, so that all of them compare."""

    what: Literal["losses", "operations", "running it"]
    usd_per_month: float
    why: str
    source: str


class Verdict(Struct, frozen=True):
    """What choosing one gateway would mean."""

    gateway: Gateway
    legal: Routing
    losses: tuple[Loss, ...]
    report: Report
    rejected: tuple[str, ...]
    """Broken promises, each with its source; empty for a gateway that will do."""
    reasons: tuple[str, ...]
    """What speaks for it."""
    weights: tuple[Weight, ...]
    obtain: tuple[str, ...] = ()
    """Of the gateway itself, before it may go live."""

    @property
    def score(self) -> int:
        """The sum of the weights, in USD a month; lower is better."""
        return round(sum(weight.usd_per_month for weight in self.weights))


def compare(
    profile: Profile, ideal: Routing, chains: Sequence[Chosen], as_of: date
) -> list[Verdict]:
    """All gateways, the best first; the rejected ones last."""
    verdicts = [_judge(profile, ideal, chains, gateway, as_of) for gateway in GATEWAYS.values()]
    order = {name: index for index, name in enumerate(GATEWAYS)}
    return sorted(verdicts, key=lambda v: (bool(v.rejected), v.score, order[v.gateway.name]))


def _judge(
    profile: Profile, ideal: Routing, chains: Sequence[Chosen], gateway: Gateway, as_of: date
) -> Verdict:
    routing = ideal
    if gateway.constrain is not None:
        routing = gateway.constrain(ideal, _constraints(profile, chains))
    report = Report()
    legal, lost = take_out(routing, gateway)
    tell(lost, gateway, report)
    operation = operations()[gateway.name]
    broken = [
        f"{lack.feature.name}: {lack.instead} ({lack.source})" for lack, _ in lost if lack.refused
    ]
    beside = side_channels(profile, gateway.name, legal, chains, as_of)
    unfit = _unfit(profile, operation, chains)
    rejected = [*_not_given(profile, gateway), *unfit, *broken, *beside.broken]
    weights = tuple(_weights(profile, operation, lost, chains))
    return Verdict(
        gateway,
        legal,
        tuple(lost),
        report,
        tuple(rejected),
        tuple(_for(profile, operation, lost, weights)),
        weights,
        beside.obtain,
    )


# --- Weights --------------------------------------------------------------------------------------


def _weights(
    profile: Profile, operation: Operation, lost: Sequence[Loss], chains: Sequence[Chosen]
) -> Iterable[Weight]:
    losses = sum(not lack.refused for lack, _ in lost)
    yield Weight(
        "losses", losses * LOSS_USD, f"{losses} at {LOSS_USD:,.0f} USD", "the losses' own; assumed"
    )
    has_team = profile.operations.sre_team
    busy = operation.effort * EFFORT_USD * (1 if has_team else 2)
    team = "" if has_team else ", without an operations team"
    yield Weight("operations", busy, operation.effort_why + team, source(operation.source))
    yield _cost(profile, operation.costs, chains)


def _cost(profile: Profile, costs: Costs, chains: Sequence[Chosen]) -> Weight:
    """Of the gateway itself: machines, plans and fees."""
    usd = costs.usd_per_month + costs.usd_per_replica * (profile.operations.replicas or 1)
    usd += costs.usd_per_database if _needs_database(profile) else 0.0
    requests, spent = _traffic(chains)
    more = max(0.0, requests - costs.included_requests)
    usd += math.ceil(more / 100_000) * costs.usd_per_100k_more
    if profile.operations.billing == "own_keys":
        usd += max(0.0, spent - costs.own_keys_free_usd) * costs.fee_on_own_keys
    else:
        usd += spent * costs.fee_on_credits
    why = costs.why
    if costs.custom_above_requests is not None and requests > costs.custom_above_requests:
        why += "; here its price list is carried on"
    if any(chosen.workload.traffic.rate is None for chosen in chains):
        why += "; where the profile has no rate, fees are not counted"
    return Weight("running it", usd, why, source(costs.source))


def _needs_database(profile: Profile) -> bool:
    """For keys and what is counted by them."""
    return bool(profile.teams)


def _traffic(chains: Sequence[Chosen]) -> tuple[float, float]:
    """(requests, USD at the primaries' prices) of a month, as far as the profile tells."""
    requests = spent = 0.0
    for chosen in chains:
        rate = chosen.workload.traffic.rate
        if rate is not None:
            requests += rate.per_month
            price = cost_per_request_usd(chosen.rungs[0], chosen.workload)
            spent += rate.per_month * float(price)
    return requests, spent


def _constraints(profile: Profile, chains: Sequence[Chosen]) -> dict[str, Constraint]:
    found = {}
    for chosen in chains:
        compliance = policy_of(profile, chosen.workload).compliance
        found[chosen.workload.alias] = Constraint(
            zero_retention=compliance.retention == "zero",
            no_training=compliance.training == "forbid",
            residency=compliance.residency,
        )
    return found


def _not_given(profile: Profile, gateway: Gateway) -> Iterable[str]:
    given = [workload.alias for workload in profile.workloads if workload.given]
    if given and not profile.passthrough.get(gateway.name):
        yield f"{', '.join(given[:3])}: given, but `passthrough` has nothing for it (workloads.given)"


def _unfit(profile: Profile, operation: Operation, chains: Sequence[Chosen]) -> list[str]:
    wanted, found = profile.operations, []
    if wanted.hosting != "any" and wanted.hosting not in operation.hosting:
        has = "run by yourself" if "self" in operation.hosting else "only hosted by its vendor"
        found.append(
            f"operations.hosting {wanted.hosting}: it is {has} ({source(operation.source)})"
        )
    if wanted.billing == "single_invoice" and not operation.single_invoice:
        found.append(
            f"operations.billing single_invoice: every provider bills by itself ({source(operation.source)})"
        )
    private = [
        rung.id
        for chosen in chains
        for rung, _ in chosen.deployments
        if _is_private(rung.account.settings.api_base)
    ]
    if private and "self" not in operation.hosting:
        found.append(f"{private[0]} is on a private network that a hosted gateway does not reach")
    return found


def _is_private(api_base: str | None) -> bool:
    return api_base is not None and api_base.startswith("http://")


def _for(
    profile: Profile, operation: Operation, lost: Sequence[Loss], weights: Sequence[Weight]
) -> list[str]:
    count = sum(not lack.refused for lack, _ in lost)
    names = ", ".join(lack.feature.name for lack, _ in lost if not lack.refused)
    found = [f"{count} losses: {names}" if count else "loses nothing the profile asks for"]
    wanted = profile.operations
    if wanted.hosting != "any":
        found.append(f"operations.hosting {wanted.hosting}")
    if wanted.billing != "any":
        found.append(f"operations.billing {wanted.billing}")
    found.append(f"{operation.effort_why} ({source(operation.source)})")
    parts = ", ".join(f"{weight.what} {weight.usd_per_month:,.0f}" for weight in weights)
    total = sum(weight.usd_per_month for weight in weights)
    found.append(f"weight {total:,.0f} ({parts}; as USD a month, the first two assumed)")
    return found
