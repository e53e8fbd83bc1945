"""Write a legal Routing as a LiteLLM configuration: values for a template, and comments.

Nothing is decided here that `parse` could not read back; what LiteLLM cannot express is already gone.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from designer.gateways.base import File, Terms
from designer.gateways.litellm.groups import Group, Level, groups
from designer.gateways.litellm.lacks import (
    NO_COOLDOWN,
    aws_partner,
    has_pool,
    shared_cooldown_s,
    uses_aws_pair,
    written,
)
from designer.gateways.litellm.policies import PERIOD
from designer.gateways.litellm.tables import (
    ACTION,
    AWS_ID,
    AWS_SECRET,
    CONTENT_FILTER,
    EMBEDDING_PREFIX,
    ENTITIES,
    NO_MODELS,
    OTHER_REGION_KEY,
    PREFIX,
    REDIS,
    REDIS_SERVER,
    REGION_KEY,
    SECRET_KEY,
    SEMANTIC_CACHE_TYPE,
    SESSION_CHECK,
    STAGE_OF_MODE,
    STRATEGY,
)
from designer.ir import (
    Budget,
    Cache,
    Deployment,
    Guardrail,
    Pick,
    Quota,
    Route,
    Routing,
    Team,
    Telemetry,
)

CONFIG = "litellm/config.yaml"
MASTER_KEY_REFERENCE = "os.environ/LITELLM_MASTER_KEY"
TEAMS = "litellm/teams.json"


def lower(routing: Routing, terms: Mapping[str, Terms]) -> tuple[File, ...]:
    all_groups, _ = groups(routing)
    retries = max((lv.retries for g in all_groups.values() for lv in g.levels), default=0)
    shared_s = shared_cooldown_s(routing.deployments)
    caches = _caches(routing)
    model_list: list[dict[str, Any]] = []
    notes: dict[str, str] = {}
    for route in routing.routes:
        group = all_groups[route.name]
        for order, level in enumerate(group.levels, start=1):
            for index in range(len(level.ids)):
                deployment = routing.deployment(level.ids[index])
                facts = _facts(deployment, route, terms)
                params = _params(route, deployment, facts)
                params |= _place(group, level, order, index, routing)
                count = level.count_of()[deployment.id]
                if count != retries:
                    params["num_retries"] = count
                params |= _limits(deployment, shared_s, routing)
                params |= _of_route(route, routing, caches) | _budget(deployment, routing)
                entry = {
                    "model_name": route.name,
                    "litellm_params": params,
                    "model_info": _info(route, deployment, facts),
                }
                if facts.reason:
                    notes[f"model_list[{len(model_list)}]"] = facts.reason
                model_list.append(entry)
    values: dict[str, Any] = {
        "model_list": model_list,
        "router_settings": _router(routing, all_groups, retries, shared_s, terms),
        "litellm_settings": _litellm(routing),
        "general_settings": _general(routing),
    }
    if routing.guardrails:
        values["guardrails"] = [_guardrail(rail) for rail in routing.guardrails]
    notes |= {path: note for path, note in _NOTES.items() if _holds(values, path)}
    if any(cache.mode == "semantic" for cache in routing.caches):
        notes["litellm_settings.cache_params"] = (
            "not booted in designer's tests: needs Redis with its search module"
        )
    config = File(CONFIG, "config.yaml.j2", values, "litellm", notes)
    if not routing.teams:
        return (config,)
    return config, File(TEAMS, "teams.json.j2", teams(routing), "litellm-teams")


_NOTES: Mapping[str, str] = {
    "router_settings.num_retries": "further tries on the same level, before the next one",
    "router_settings.cooldown_time": "seconds; a provider's own Retry-After takes its place",
    "router_settings.disable_cooldowns": "the profile sets no cooldown",
    "router_settings.enable_pre_call_checks": (
        "a deployment beyond its rpm, or whose window is too short for a prompt, is passed over"
    ),
    "router_settings.model_group_retry_policy": (
        "0: what only waiting would cure goes to the next level at once"
    ),
    "router_settings.model_group_affinity_config": (
        "a caller that sends metadata.session_id stays with its deployment"
    ),
    "litellm_settings.turn_off_message_logging": "no prompt in any log",
    "litellm_settings.callbacks": (
        "their packages come with the Docker image; litellm[proxy] alone does not start with them"
    ),
    "litellm_settings.max_budget": "USD, of all keys together; needs PostgreSQL",
}


def _holds(values: Mapping[str, Any], path: str) -> bool:
    section, _, key = path.partition(".")
    return bool(values.get(section, {}).get(key))


# --- Deployments ----------------------------------------------------------------------------------


def _params(route: Route, deployment: Deployment, facts: Terms) -> dict[str, Any]:
    prefix = (EMBEDDING_PREFIX if route.embeds else PREFIX).get(
        deployment.provider, deployment.provider
    )
    params: dict[str, Any] = {"model": f"{prefix}/{deployment.model}"}
    if deployment.api_base is not None:
        params["api_base"] = deployment.api_base
    if deployment.secret is not None:
        params |= _secret(deployment, deployment.secret)
    if deployment.region is not None:
        params[REGION_KEY.get(deployment.provider, OTHER_REGION_KEY)] = deployment.region
    params |= {name: _in_file(value) for name, value in deployment.settings}
    params |= {name: thawed(value) for name, value in deployment.params}
    return params | {
        key: float(price / 1_000_000)
        for key, price in (
            ("input_cost_per_token", facts.input_usd_per_mtok),
            ("output_cost_per_token", facts.output_usd_per_mtok),
            ("cache_read_input_token_cost", facts.cache_read_usd_per_mtok),
        )
        if price is not None
    }


def _secret(deployment: Deployment, secret: str) -> dict[str, str]:
    if uses_aws_pair(deployment):
        return {AWS_ID: _in_file(secret), AWS_SECRET: _in_file(aws_partner(secret))}
    return {SECRET_KEY.get(deployment.provider, "api_key"): _in_file(secret)}


def _in_file(value: str) -> str:
    return f"os.environ/{value.removeprefix('env:')}" if value.startswith("env:") else value


def thawed(value: Any) -> Any:
    """Tuples as lists, as YAML has them."""
    match value:
        case tuple() | list():
            return [thawed(item) for item in value]
        case Mapping():
            return {key: thawed(item) for key, item in value.items()}
        case Decimal():
            return float(value)
        case _:
            return value


def _place(group: Group, level: Level, order: int, index: int, routing: Routing) -> dict[str, Any]:
    place: dict[str, Any] = {"order": order} if len(group.levels) > 1 else {}
    if level.weights:
        place["weight"] = _number(level.weights[index])
    elif group.pick == "weighted" and len(level.ids) > 1 and _any_rpm(level, routing):
        place["weight"] = 1  # simple-shuffle would take rpm for one
    return place


def _any_rpm(level: Level, routing: Routing) -> bool:
    quotas = [routing.deployment(id_).quota for id_ in level.ids]
    return any(quota is not None and quota.rpm is not None for quota in quotas)


def _limits(deployment: Deployment, shared_s: float | None, routing: Routing) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    quota = deployment.quota or Quota()
    for key, limit in (("rpm", quota.rpm), ("max_parallel_requests", quota.parallel)):
        if limit is not None:
            limits[key] = limit
    if deployment.timeout_s is not None:
        limits["timeout"] = _number(deployment.timeout_s)
    if deployment.first_token_s is not None:
        limits["stream_timeout"] = _number(deployment.first_token_s)
    given = deployment.cooldown
    own = given is not None and (shared_s is None or given == NO_COOLDOWN)
    if given is not None and own and not _is_off(routing):
        limits["cooldown_time"] = _number(given.lasts_s)
    return limits


def _is_off(routing: Routing) -> bool:
    return all(d.cooldown == NO_COOLDOWN for d in routing.deployments)


def _number(value: float) -> int | float:
    return int(value) if float(value).is_integer() else value


def _facts(deployment: Deployment, route: Route, terms: Mapping[str, Terms]) -> Terms:
    """A copy for a route (`id@route`) has those of what it is a copy of: without a price LiteLLM books 0."""
    own = terms.get(deployment.id)
    return own or terms.get(deployment.id.removesuffix(f"@{route.name}"), Terms())


def _of_route(route: Route, routing: Routing, caches: Mapping[str, Cache]) -> dict[str, Any]:
    """What LiteLLM reads from each deployment of a group."""
    said: dict[str, Any] = {}
    if routing.caches and route.name not in caches:
        said["cache"] = {"no-cache": True, "no-store": True}
    elif routing.caches and caches[route.name].ttl_s != routing.caches[0].ttl_s:
        said["cache"] = {"ttl": _number(caches[route.name].ttl_s)}
    rails = [rail.name for rail in routing.guardrails if rail.routes and rail.covers(route.name)]
    return said | ({"guardrails": rails} if rails else {})


def _budget(deployment: Deployment, routing: Routing) -> dict[str, Any]:
    return next(
        (
            {"max_budget": float(b.limit_usd), "budget_duration": PERIOD[b.per]}
            for b in routing.budgets
            if (b.scope, b.of) == ("deployment", deployment.id)
        ),
        {},
    )


def _info(route: Route, deployment: Deployment, facts: Terms) -> dict[str, Any]:
    info: dict[str, Any] = {"id": deployment.id}
    if facts.base_model:
        info["base_model"] = facts.base_model
    info["mode"] = "embedding" if route.embeds else "chat"
    if facts.max_input_tokens is not None:
        info["max_input_tokens"] = facts.max_input_tokens
    if deployment.cooldown is not None and deployment.cooldown.allowed_failures is not None:
        info["allowed_fails"] = deployment.cooldown.allowed_failures
    return info


# --- The router -----------------------------------------------------------------------------------


def _router(
    routing: Routing,
    all_groups: dict[str, Group],
    retries: int,
    shared_s: float | None,
    terms: Mapping[str, Terms],
) -> dict[str, Any]:
    settings: dict[str, Any] = {"num_retries": retries}
    # Lists and policies go by the name that was asked for, so an alias needs its own.
    by_name = all_groups | {alias: all_groups[name] for alias, name in routing.aliases}
    policies = {name: dict(group.policy) for name, group in by_name.items() if group.policy}
    if policies:
        settings["model_group_retry_policy"] = policies
    pick: Pick = next((group.pick for group in all_groups.values() if has_pool(group)), "weighted")
    if pick != "weighted":
        settings["routing_strategy"] = STRATEGY[pick]
    if routing.deployments and _is_off(routing):
        settings["disable_cooldowns"] = True
    elif shared_s is not None:
        settings["cooldown_time"] = _number(shared_s)
    for key, lists in (
        ("fallbacks", {name: group.generic for name, group in by_name.items()}),
        ("context_window_fallbacks", {name: group.context for name, group in by_name.items()}),
        ("content_policy_fallbacks", {name: group.content for name, group in by_name.items()}),
    ):
        entries = [{name: list(targets)} for name, targets in lists.items() if targets]
        if entries:
            settings[key] = entries
    limited = any(d.quota and d.quota.rpm for d in routing.deployments)
    if limited or any(_windows_differ(group, terms) for group in all_groups.values()):
        settings["enable_pre_call_checks"] = True
    kept = {r.name: [SESSION_CHECK] for r in routing.routes if r.sticky == "session"}
    if kept:
        settings["model_group_affinity_config"] = kept
    if routing.aliases:
        settings["model_group_alias"] = dict(routing.aliases)
    if routing.rollout.replicas > 1:
        settings |= REDIS
    return settings


def _windows_differ(group: Group, terms: Mapping[str, Terms]) -> bool:
    windows = {terms[id_].max_input_tokens for id_ in group.ids if id_ in terms}
    return len(windows - {None}) > 1


# --- Caches, telemetry, money ---------------------------------------------------------------------


def _caches(routing: Routing) -> dict[str, Cache]:
    found = {
        r.name: next((c for c in routing.caches if c.covers(r.name)), None) for r in routing.routes
    }
    return {name: cache for name, cache in found.items() if cache is not None}


def _litellm(routing: Routing) -> dict[str, Any]:
    told = routing.telemetry or Telemetry()
    settings: dict[str, Any] = {"turn_off_message_logging": told.prompts != "always"}
    if told.exporters:
        settings["callbacks"] = sorted(told.exporters)
    if routing.caches:
        settings |= {"cache": True, "cache_params": _cache_params(routing)}
    for budget in routing.budgets:
        if budget.scope == "all":
            settings["max_budget"] = float(budget.limit_usd)
            settings["budget_duration"] = PERIOD[budget.per]
    return settings


def _cache_params(routing: Routing) -> dict[str, Any]:
    cache = routing.caches[0]
    if cache.mode == "semantic":
        embeds = next(route.name for route in routing.routes if route.embeds)
        own = {
            "type": SEMANTIC_CACHE_TYPE,
            "similarity_threshold": cache.similarity,
            "redis_semantic_cache_embedding_model": embeds,
        }
        return {**own, **REDIS_SERVER, "ttl": _number(cache.ttl_s)}
    if routing.rollout.replicas > 1:
        return {"type": "redis", **REDIS_SERVER, "ttl": _number(cache.ttl_s)}
    return {"type": "local", "ttl": _number(cache.ttl_s)}


def _general(routing: Routing) -> dict[str, Any]:
    settings: dict[str, Any] = {"master_key": MASTER_KEY_REFERENCE}
    if tells(routing):
        settings |= {"alerting": ["slack"], "alert_types": ["budget_alerts"]}
    return settings


def tells(routing: Routing) -> bool:
    """Whether anybody is told about money."""
    return any(b.scope == "team" and (b.alert or not b.refuses) for b in routing.budgets)


# --- Callers --------------------------------------------------------------------------------------


def teams(routing: Routing) -> dict[str, Any]:
    """Bodies of /team/new; keys name their team, whose id only the proxy knows."""
    budgets = {b.of: b for b in routing.budgets if b.scope == "team"}
    limits = {limit.of: limit for limit in routing.rate_limits}
    return {
        "teams": [
            {
                "team_alias": team.name,
                "models": _models(team),
                "model_aliases": dict(team.aliases),
                **_spends(budgets.get(team.name)),
                "rpm_limit": limits[team.name].rpm if team.name in limits else None,
                "tpm_limit": limits[team.name].tpm if team.name in limits else None,
                "metadata": {"region": team.region} if team.region else {},
            }
            for team in routing.teams
        ],
        "keys": [
            {"key_alias": key.name, "team_alias": team.name, "existing": key.existing}
            for team in routing.teams
            for key in team.keys
        ],
    }


def _models(team: Team) -> list[str]:
    """LiteLLM takes an empty list for everything."""
    if team.routes is None:
        return []
    return list(team.routes) or [NO_MODELS]


def _spends(budget: Budget | None) -> dict[str, Any]:
    """Nulls where there is no limit, so that an update takes an old one away."""
    if budget is None:
        return {"max_budget": None, "soft_budget": None, "budget_duration": None}
    limit = float(budget.limit_usd)
    soft = None if budget.alert is None else round(limit * budget.alert, 6)
    return {
        "max_budget": limit if budget.refuses else None,
        "soft_budget": soft if budget.refuses else limit,
        "budget_duration": PERIOD[budget.per],
    }


# --- Guardrails -----------------------------------------------------------------------------------


def _guardrail(rail: Guardrail) -> dict[str, Any]:
    action = ACTION[rail.action]
    patterns = (
        [pattern | {"action": action} for e in rail.entities for pattern in ENTITIES[e]]
        if rail.kind == "pii"
        else [
            {
                "pattern_type": "regex",
                "pattern": written(rail),
                "name": rail.name,
                "action": action,
            }
        ]
    )
    return {
        "guardrail_name": rail.name,
        "litellm_params": {
            "guardrail": CONTENT_FILTER,
            "mode": [mode for mode, stage in STAGE_OF_MODE.items() if stage in rail.stages],
            "default_on": not rail.routes,
            "patterns": patterns,
        },
    }
