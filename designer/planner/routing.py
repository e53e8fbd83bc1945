"""The ideal Routing of the chosen chains: what the profile asks for, before any gateway's limits."""

from collections.abc import Iterable, Sequence

from designer.catalog import Catalog
from designer.gateways.base import Terms
from designer.ir import (
    ANY,
    REFUSALS,
    TRANSIENT,
    Chain,
    Cooldown,
    Deployment,
    Guardrail,
    Node,
    Pool,
    Retry,
    Route,
    Routing,
    Rung,
    Target,
    failures,
)
from designer.planner.accounts import Candidate
from designer.planner.chain import Chosen
from designer.profile.model import Pii, Profile, RoutingPolicy
from designer.profile.policy import policy_of
from designer.profile.scalars import LEFT_ALONE

CALLERS_FAULT = failures(400, 402, 405, 406, 409, 410, 411, 413, 414, 415, 422)
"""What the request itself got wrong: it would fail everywhere."""

ALLOWED_FAILURES = 1
"""One failed request may be chance; at the second within a cooldown's time it is an outage."""

AZURE_API_VERSION = "2024-10-21"
"""The newest generally available data-plane version (Azure OpenAI REST reference, 2026-11-22)."""


CARRIED = frozenset(
    {
        *("routing.strategy", "routing.retries", "routing.attempts_per_request", "routing.timeout"),
        *("routing.first_token", "routing.deadline", "routing.cooldown", "routing.on_refusal"),
        *("routing.mid_stream", "routing.sticky"),
        *("guardrails.pii.input", "guardrails.pii.output", "guardrails.pii.entities"),
        "guardrails.on_failure",
    }
)
"""Profile keys that the Routing holds: what a gateway makes of them is a loss or no loss."""


def build_routing(profile: Profile, chains: Sequence[Chosen], catalog: Catalog) -> Routing:
    deployments: list[Deployment] = []
    routes: list[Route] = []
    for chosen in chains:
        policy = policy_of(profile, chosen.workload).routing
        own = [_deployment(chosen, rung, policy, catalog) for rung in chosen.rungs]
        deployments += own
        routes.append(
            Route(
                name=chosen.workload.alias,
                node=_tree([d.id for d in own], policy),
                deadline_s=policy.deadline,
                attempts_limit=policy.attempts_per_request,
                mid_stream=policy.mid_stream,
                sticky=policy.sticky,
                embeds=chosen.workload.task == "embed",
            )
        )
    rails = _guardrails(profile, [chosen.workload.alias for chosen in chains])
    return Routing(tuple(routes), tuple(deployments), tuple(rails))


def terms(chains: Iterable[Chosen], catalog: Catalog) -> dict[str, Terms]:
    """What the files say about each deployment beside its routing."""
    found = {}
    for chosen in chains:
        for rung, reason in zip(chosen.rungs, chosen.reasons, strict=True):
            offering = rung.offering
            found[_id(chosen, rung)] = Terms(
                base_model=offering.names.litellm_base_model or offering.names.litellm,
                input_usd_per_mtok=offering.price.input,
                output_usd_per_mtok=offering.price.output,
                cache_read_usd_per_mtok=offering.price.cache_read,
                max_input_tokens=offering.max_input_tokens,
                kind=catalog.model_of(offering).kind,
                reason=reason,
            )
    return found


def _id(chosen: Chosen, rung: Candidate) -> str:
    return f"{chosen.workload.alias}/{rung.id}"


def _deployment(
    chosen: Chosen, rung: Candidate, policy: RoutingPolicy, catalog: Catalog
) -> Deployment:
    account, provider = rung.account.settings, catalog.providers[rung.account.provider]
    secret = account.secret or next(iter(rung.offering.secrets or provider.secrets), LEFT_ALONE)
    api_base = account.api_base or rung.offering.api_base or LEFT_ALONE
    azure = provider.dialect == "azure"
    return Deployment(
        id=_id(chosen, rung),
        provider=provider.id,
        model=rung.wire_model,
        api_base=None if api_base == LEFT_ALONE else api_base,
        secret=None if secret == LEFT_ALONE else f"env:{secret}",
        region=rung.region or rung.offering.pin.location or None,
        settings=(("api_version", account.api_version or AZURE_API_VERSION),) if azure else (),
        timeout_s=policy.timeout,
        first_token_s=None if chosen.workload.task == "embed" else policy.first_token,
        cooldown=_cooldown(policy),
    )


def _cooldown(policy: RoutingPolicy) -> Cooldown | None:
    """None leaves it to the gateway."""
    if policy.cooldown is None:
        return None
    if policy.cooldown == 0:
        return Cooldown(0.0, yields=False)
    return Cooldown(policy.cooldown, ALLOWED_FAILURES)


def _tree(ids: Sequence[str], policy: RoutingPolicy) -> Node:
    targets = [Target(id_) for id_ in ids]
    if len(targets) == 1:
        return _retried(targets[0], policy)
    if policy.strategy != "priority":
        return _retried(Pool(tuple(targets), pick=policy.strategy), policy)
    final = CALLERS_FAULT if policy.on_refusal == "fallback" else CALLERS_FAULT | REFUSALS
    on = ANY - final
    return Chain(tuple(Rung(_retried(t, policy), on if i else ANY) for i, t in enumerate(targets)))


def _retried(node: Node, policy: RoutingPolicy) -> Node:
    return Retry(node, policy.retries, TRANSIENT) if policy.retries else node


def _guardrails(profile: Profile, aliases: Sequence[str]) -> Iterable[Guardrail]:
    """One guardrail a distinct policy; without `routes` where every alias has the same one."""
    wanted: dict[tuple[Pii, str], list[str]] = {}
    for alias in aliases:
        rails = policy_of(profile, profile.workload(alias)).guardrails
        if rails.pii.input != "off" or rails.pii.output != "off":
            wanted.setdefault((rails.pii, rails.on_failure), []).append(alias)
    for number, ((pii, on_failure), covered) in enumerate(wanted.items(), start=1):
        routes = () if len(covered) == len(aliases) else tuple(covered)
        suffix = "" if len(wanted) == 1 else f"-{number}"
        yield from _pii_guardrails(pii, on_failure, routes, suffix)


def _pii_guardrails(
    pii: Pii, on_failure: str, routes: tuple[str, ...], suffix: str
) -> Iterable[Guardrail]:
    actions = {"input": pii.input, "output": pii.output}
    for action in ("block", "redact"):
        stages = frozenset(stage for stage, asked in actions.items() if asked == action)
        if stages:
            yield Guardrail(
                name=f"pii-{action}{suffix}",
                kind="pii",
                stages=stages,  # type: ignore[arg-type]  # the keys above are the two literals
                action=action,
                entities=pii.entities,
                on_error="block" if on_failure == "block" else "pass",
                routes=routes,
            )
