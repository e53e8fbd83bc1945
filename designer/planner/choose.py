"""The gateway: legalize the ideal Routing for each one and compare what would be lost.

A gateway that breaks a promise of the profile is out, with the reason; among the others the one that
loses least and is least work to run wins. Every reason names its source.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from msgspec import Struct

from designer.diagnostics import Report
from designer.gateways.base import Constraint, Gateway
from designer.gateways.legalize import Loss, take_out, tell
from designer.gateways.registry import GATEWAYS
from designer.ir import Routing
from designer.planner.chain import Chosen
from designer.profile.model import Profile
from designer.profile.policy import policy_of


class Operation(Struct, frozen=True):
    """What running a gateway means; facts with their source, apart from the logic below."""

    hosting: frozenset[Literal["self", "managed"]]
    single_invoice: bool
    own_keys: bool
    effort: int
    """0 nothing to run; 1 one process without state; 2 a service to keep alive, patched and watched."""
    effort_why: str
    source: str


OPERATIONS: Mapping[str, Operation] = {
    "litellm": Operation(
        hosting=frozenset({"self"}),
        single_invoice=False,
        own_keys=True,
        effort=2,
        effort_why="a proxy process per replica, 310 MB each, and PostgreSQL for keys and budgets",
        source="measured, LiteLLM 1.106.2, 2026-11-22",
    ),
    "portkey-oss": Operation(
        hosting=frozenset({"self"}),
        single_invoice=False,
        own_keys=True,
        effort=1,
        effort_why="one stateless process of 80 MB; the application sends the configuration itself",
        source="measured, @portkey-ai/gateway 1.15.2, 2026-11-22",
    ),
    "portkey-cloud": Operation(
        hosting=frozenset({"managed"}),
        single_invoice=False,
        own_keys=True,
        effort=0,
        effort_why="hosted by Portkey; provider keys are stored there",
        source="Portkey-AI/docs-core, 2026-08-21",
    ),
    "openrouter": Operation(
        hosting=frozenset({"managed"}),
        single_invoice=True,
        own_keys=True,
        effort=0,
        effort_why="hosted by OpenRouter, one key and one invoice for every model",
        source="OpenRouterTeam/docs, 2026-08-22",
    ),
}

LOSS_COSTS = 2
"""Against one step of `effort`: a loss is felt in every outage, an effort by one team."""
OWN_KEYS_FEE_COSTS = 3
"""OpenRouter takes 5 % of the list price for requests on one's own keys beyond a monthly allowance
(guides/overview/auth/byok, read 2026-08-22)."""


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
    score: int
    """Losses and effort; lower is better."""


def compare(profile: Profile, ideal: Routing, chains: Sequence[Chosen]) -> list[Verdict]:
    """All gateways, the best first; the rejected ones last."""
    verdicts = [_judge(profile, ideal, chains, gateway) for gateway in GATEWAYS.values()]
    order = {name: index for index, name in enumerate(GATEWAYS)}
    return sorted(verdicts, key=lambda v: (bool(v.rejected), v.score, order[v.gateway.name]))


def _judge(profile: Profile, ideal: Routing, chains: Sequence[Chosen], gateway: Gateway) -> Verdict:
    routing = ideal
    if gateway.constrain is not None:
        routing = gateway.constrain(ideal, _constraints(profile, chains))
    report = Report()
    legal, lost = take_out(routing, gateway)
    tell(lost, gateway, report)
    operation = OPERATIONS[gateway.name]
    broken = [
        f"{lack.feature.name}: {lack.instead} ({lack.source})" for lack, _ in lost if lack.refused
    ]
    rejected = [*_not_given(profile, gateway), *_unfit(profile, operation, chains), *broken]
    fee = OWN_KEYS_FEE_COSTS if _pays_for_own_keys(profile, operation) else 0
    busy = operation.effort if profile.operations.sre_team else 2 * operation.effort
    score = LOSS_COSTS * sum(not lack.refused for lack, _ in lost) + busy + fee
    return Verdict(
        gateway,
        legal,
        tuple(lost),
        report,
        tuple(rejected),
        tuple(_for(profile, operation, lost)),
        score,
    )


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
        found.append(f"operations.hosting {wanted.hosting}: it is {has} ({operation.source})")
    if wanted.billing == "single_invoice" and not operation.single_invoice:
        found.append(
            f"operations.billing single_invoice: every provider bills by itself ({operation.source})"
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


def _pays_for_own_keys(profile: Profile, operation: Operation) -> bool:
    return operation.single_invoice and profile.operations.billing == "own_keys"


def _for(profile: Profile, operation: Operation, lost: Sequence[Loss]) -> list[str]:
    count = sum(not lack.refused for lack, _ in lost)
    names = ", ".join(lack.feature.name for lack, _ in lost if not lack.refused)
    found = [f"{count} losses: {names}" if count else "loses nothing the profile asks for"]
    wanted = profile.operations
    if wanted.hosting != "any":
        found.append(f"operations.hosting {wanted.hosting}")
    if wanted.billing != "any":
        found.append(f"operations.billing {wanted.billing}")
    found.append(f"{operation.effort_why} ({operation.source})")
    return found
