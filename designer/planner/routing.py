"""The ideal Routing of the chosen chains: what the profile asks for, before any gateway's limits."""

from collections.abc import Iterable, Sequence
from typing import Any

from designer.catalog import Catalog
from designer.gateways.base import Terms
from designer.ir import (
    ANY,
    REFUSALS,
    TRANSIENT,
    Arm,
    Case,
    Chain,
    Condition,
    Cooldown,
    Deployment,
    Failures,
    Node,
    Pool,
    Quota,
    Ref,
    Retry,
    Route,
    Routing,
    Rung,
    Split,
    Switch,
    Target,
    failures,
)
from designer.planner.accounts import Candidate
from designer.planner.capacity import quota_of
from designer.planner.chain import Chosen
from designer.planner.guardrails import guardrails
from designer.planner.policies import with_policies
from designer.planner.timeouts import is_stated, timeouts_s
from designer.profile.model import Params, Profile, RouteBy, RoutingPolicy, Workload
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
        *("routing.mid_stream", "routing.sticky", "routing.latency_window"),
        *("guardrails.pii.input", "guardrails.pii.output", "guardrails.pii.entities"),
        *(
            "guardrails.deny",
            "guardrails.on_failure",
            "cache.mode",
            "cache.ttl",
            "cache.similarity",
        ),
        *("workloads.params", "workloads.experiment", "workloads.route_by", "workloads.budget"),
        *("cost.monthly_budget", "teams", "providers.quota", "providers.models.quota"),
        *("operations.observability", "operations.logs"),
    }
)
"""Profile keys (and those below them) that the Routing holds: what a gateway makes of them is a loss
or no loss."""


def build_routing(profile: Profile, chains: Sequence[Chosen], catalog: Catalog) -> Routing:
    by_alias = {chosen.workload.alias: chosen for chosen in chains}
    routes = [
        _route(workload, profile, by_alias.get(workload.alias))
        for workload in profile.workloads
        if not workload.given
    ]
    deployments = [
        deployment
        for chosen in chains
        for deployment in _deployments(chosen, policy_of(profile, chosen.workload).routing, catalog)
    ]
    rails = guardrails(profile, [chosen.workload.alias for chosen in chains])
    routing = Routing(tuple(routes), tuple(deployments), tuple(rails))
    return with_policies(routing, profile)


def _route(workload: Workload, profile: Profile, chosen: Chosen | None) -> Route:
    policy = policy_of(profile, workload).routing
    return Route(
        name=workload.alias,
        node=_passed_on(workload.route_by) if chosen is None else _node(chosen, policy),
        deadline_s=policy.deadline,
        attempts_limit=policy.attempts_per_request,
        mid_stream=policy.mid_stream,
        sticky=policy.sticky,
        embeds=workload.task == "embed",
    )


def _passed_on(route_by: RouteBy | None) -> Node:
    assert route_by is not None, "an alias without a chain passes on to others"
    cases = tuple(
        Case(Condition(route_by.key, "eq", value), Ref(alias))
        for value, alias in route_by.cases.items()
    )
    return Switch(cases, Ref(route_by.otherwise))


def _node(chosen: Chosen, policy: RoutingPolicy) -> Node:
    """The experiment's arms within each region that a team insists on."""
    experiment = chosen.workload.experiment
    arms = [v for v in chosen.variants if v.kind == "arm"]
    node = _tree([chosen.id_of(rung) for rung in chosen.rungs], policy)
    if experiment is not None:
        node = Split(
            experiment.name,
            tuple(
                Arm(v.name, v.share, _tree([chosen.id_of(r) for r in v.chain.rungs], policy))
                for v in arms
            ),
            experiment.by,
        )
    inside = [v for v in chosen.variants if v.kind == "region"]
    if not inside:
        return node
    cases = tuple(
        Case(
            Condition("team.region", "eq", v.name),
            _tree([chosen.id_of(rung) for rung in v.chain.rungs], policy),
        )
        for v in inside
    )
    return Switch(cases, node)


def terms(chains: Iterable[Chosen], catalog: Catalog) -> dict[str, Terms]:
    """What the files say about each deployment beside its routing."""
    found = {}
    for chosen in chains:
        for rung, reason in chosen.deployments:
            offering = rung.offering
            found[chosen.id_of(rung)] = Terms(
                base_model=offering.names.litellm_base_model or offering.names.litellm,
                input_usd_per_mtok=offering.price.input,
                output_usd_per_mtok=offering.price.output,
                cache_read_usd_per_mtok=offering.price.cache_read,
                max_input_tokens=offering.max_input_tokens,
                kind=catalog.model_of(offering).kind,
                reason=reason,
            )
    return found


def _deployments(chosen: Chosen, policy: RoutingPolicy, catalog: Catalog) -> Iterable[Deployment]:
    limits_s = _timeouts_s(chosen, policy)
    for rung, _ in chosen.deployments:
        yield _deployment(chosen, rung, policy, limits_s[str(rung)], catalog)


def _timeouts_s(chosen: Chosen, policy: RoutingPolicy) -> dict[str, float | None]:
    """By candidate: the shortest of the chains that it is in, so that each of them ends in time."""
    found: dict[str, float | None] = {}
    for chain in (chosen, *(variant.chain for variant in chosen.variants)):
        limits_s = timeouts_s(chain.workload, chain.rungs, policy)
        for rung, limit_s in zip(chain.rungs, limits_s, strict=True):
            before_s = found.get(str(rung))
            known = [s for s in (limit_s, before_s) if s is not None]
            found[str(rung)] = min(known, default=None)
    return found


def _deployment(
    chosen: Chosen,
    rung: Candidate,
    policy: RoutingPolicy,
    timeout_s: float | None,
    catalog: Catalog,
) -> Deployment:
    account, provider = rung.account.settings, catalog.providers[rung.account.provider]
    secret = account.secret or next(iter(rung.offering.secrets or provider.secrets), LEFT_ALONE)
    api_base = account.api_base or rung.offering.api_base or LEFT_ALONE
    azure = provider.dialect == "azure"
    return Deployment(
        id=chosen.id_of(rung),
        provider=provider.id,
        model=rung.wire_model,
        api_base=None if api_base == LEFT_ALONE else api_base,
        secret=None if secret == LEFT_ALONE else f"env:{secret}",
        region=rung.region or rung.offering.pin.location or None,
        settings=(("api_version", account.api_version or AZURE_API_VERSION),) if azure else (),
        params=_params(chosen.workload.params),
        quota=_quota(rung),
        timeout_s=timeout_s,
        first_token_s=None
        if chosen.workload.task == "embed"
        else _first_token_s(policy, timeout_s),
        cooldown=_cooldown(policy),
    )


def _first_token_s(policy: RoutingPolicy, timeout_s: float | None) -> float | None:
    """Where nobody stated it, within the try: a gateway may know no other limit of a stream."""
    if policy.first_token is None or timeout_s is None or is_stated(policy, "first_token"):
        return policy.first_token
    return min(policy.first_token, timeout_s)


def _params(params: Params) -> tuple[tuple[str, Any], ...]:
    said = params.model_dump(exclude_unset=True, exclude_none=True)
    return tuple(sorted((name, value) for name, value in said.items() if value != ()))


def _quota(rung: Candidate) -> Quota | None:
    held = quota_of(rung)
    return None if held is None else Quota(held.quota.rpm, held.quota.tpm, held.quota.parallel)


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
        again = TRANSIENT | REFUSALS if policy.on_refusal == "fallback" else TRANSIENT
        window_s = policy.latency_window if policy.strategy == "fastest" else None
        pool = Pool(tuple(targets), pick=policy.strategy, window_s=window_s)
        return _retried(pool, policy, again)
    final = CALLERS_FAULT if policy.on_refusal == "fallback" else CALLERS_FAULT | REFUSALS
    on = ANY - final
    return Chain(tuple(Rung(_retried(t, policy), on if i else ANY) for i, t in enumerate(targets)))


def _retried(node: Node, policy: RoutingPolicy, on: Failures = TRANSIENT) -> Node:
    return Retry(node, policy.retries, on) if policy.retries else node
