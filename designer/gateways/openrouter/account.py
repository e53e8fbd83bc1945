"""What stands beside the requests: keys with limits, a workspace's budget and telemetry, caches, teams.

Written for `lower` and read back for `parse`. Keys and workspaces belong to the account: somebody has to
create them with a management key, which no file here does by itself. The file of the client's settings
says what the emitted client does of it: cache headers, and which routes a team may ask for.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from designer.gateways.openrouter.choice import chosen_from
from designer.gateways.openrouter.tables import (
    INTERVAL_OF,
    MAX_TTL_S,
    OTEL_ENDPOINT,
    WORKSPACE,
    is_number,
)
from designer.ir import Budget, Cache, Key, Node, Remote, Routing, Team, Telemetry

PERIOD_OF = {interval: period for period, interval in INTERVAL_OF.items()}

# --- Into the files -------------------------------------------------------------------------------


def teams_of(routing: Routing) -> dict[str, Any]:
    return {
        team.name: {
            "keys": [{"name": key.name, "existing": key.existing} for key in team.keys],
            "routes": None if team.routes is None else list(team.routes),
            "region": team.region,
        }
        for team in routing.teams
    }


def keys_of(routing: Routing) -> list[dict[str, Any]]:
    """The bodies of `POST /keys`, each with the team that it is for; an existing key needs none."""
    limits = {budget.of: budget for budget in routing.budgets if budget.scope == "team"}
    return [
        {"team": team.name, "body": {"name": key.name, **_limit(limits.get(team.name))}}
        for team in routing.teams
        for key in team.keys
        if not key.existing
    ]


def _limit(budget: Budget | None) -> dict[str, Any]:
    if budget is None:
        return {}
    return {"limit": amount(budget.limit_usd), "limit_reset": INTERVAL_OF[budget.per]}


def workspace_of(routing: Routing) -> dict[str, Any]:
    """A workspace to make, its budgets by interval and where its traces go; empty without both."""
    whole = [budget for budget in routing.budgets if budget.scope == "all"]
    if not whole and routing.telemetry is None:
        return {}
    made: dict[str, Any] = {"workspace": {**WORKSPACE, **_logging(routing.telemetry)}}
    if whole:
        made["budgets"] = {INTERVAL_OF[b.per]: {"limit_usd": amount(b.limit_usd)} for b in whole}
    if routing.telemetry is not None and routing.telemetry.exporters:
        made["destination"] = {
            "type": "otel-collector",
            "name": WORKSPACE["name"],
            "config": {"endpoint": OTEL_ENDPOINT},
            "privacy_mode": routing.telemetry.prompts == "never",
        }
    return made


def _logging(telemetry: Telemetry | None) -> dict[str, bool]:
    if telemetry is None:
        return {}
    return {
        "is_observability_broadcast_enabled": bool(telemetry.exporters),
        "is_observability_io_logging_enabled": telemetry.prompts == "always",
    }


def amount(usd: Decimal) -> int | float:
    return int(usd) if usd == usd.to_integral_value() else float(usd)


# --- Out of the files -----------------------------------------------------------------------------


def read_teams(value: Any) -> tuple[Team, ...]:
    """Of a client's settings; what has not their form is no team."""
    if not isinstance(value, Mapping):
        return ()
    return tuple(
        Team(
            name,
            tuple(Key(key["name"], key["existing"]) for key in team["keys"]),
            None if team["routes"] is None else tuple(team["routes"]),
            team["region"],
        )
        for name, team in value.items()
        if is_team(team)
    )


def is_team(team: Any) -> bool:
    if not isinstance(team, Mapping) or set(team) != {"keys", "routes", "region"}:
        return False
    keys, routes = team["keys"], team["routes"]
    return (
        isinstance(team["region"], str)
        and isinstance(keys, list)
        and all(_is_key(key) for key in keys)
        and (routes is None or (isinstance(routes, list) and all(map(_is_text, routes))))
    )


def _is_key(key: Any) -> bool:
    return (
        isinstance(key, Mapping)
        and set(key) == {"name", "existing"}
        and _is_text(key["name"])
        and isinstance(key["existing"], bool)
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def read_limit(entry: Any) -> Budget | None:
    """The budget that an entry of keys.json gives its team."""
    if not isinstance(entry, Mapping) or not isinstance(entry.get("body"), Mapping):
        return None
    limit, reset = entry["body"].get("limit"), entry["body"].get("limit_reset")
    if not _is_text(entry.get("team")) or not is_amount(limit) or reset not in PERIOD_OF:
        return None
    return Budget("team", entry["team"], Decimal(str(limit)), PERIOD_OF[reset])


def read_budget(interval: str, body: Any) -> Budget | None:
    """One of a workspace; one for its lifetime has no period here."""
    is_known = isinstance(body, Mapping) and set(body) == {"limit_usd"} and interval in PERIOD_OF
    if not is_known or not is_amount(body["limit_usd"]):
        return None
    return Budget("all", "", Decimal(str(body["limit_usd"])), PERIOD_OF[interval])


def is_amount(value: Any) -> bool:
    return is_number(value) and value >= 0


def read_telemetry(value: Mapping[str, Any]) -> Telemetry | None:
    """Of a workspace's file that says it exactly as it is written here."""
    workspace = value.get("workspace")
    if not isinstance(workspace, Mapping):
        return None
    for exporters in (frozenset(), frozenset({"otel"})):
        for prompts in ("never", "always"):
            told = Telemetry(exporters, prompts)  # type: ignore[arg-type]  # the literals above
            if all(workspace.get(name) == flag for name, flag in _logging(told).items()):
                return told
    return None


# --- What is legal --------------------------------------------------------------------------------


def with_plain_amounts(routing: Routing) -> Routing:
    """Budgets by scope and team, one for each interval, as the numbers of JSON."""
    plain = {
        (b.scope, b.of, b.per): replace(b, limit_usd=Decimal(str(amount(b.limit_usd))))
        for b in routing.budgets
    }
    order = {team.name: place for place, team in enumerate(routing.teams)}
    found = sorted(plain.values(), key=lambda b: (b.scope, order.get(b.of, -1)))
    return replace(routing, budgets=tuple(found))


def without_other_periods(budget: Budget) -> Budget | None:
    return budget if budget.per in INTERVAL_OF else None


def without_permission(budget: Budget) -> Budget | None:
    """Limits refuse; one that does not would be no limit."""
    return budget if budget.refuses else None


def without_alert(budget: Budget) -> Budget:
    return replace(budget, alert=None)


def without_routes(budget: Budget) -> Budget | None:
    return budget if budget.scope != "route" else None


def without_shared_keys(routing: Routing) -> Routing:
    """A key's limit is its own: only a team of one key, made here, has a limit of its own."""
    able = {team.name for team in routing.teams if [key.existing for key in team.keys] == [False]}
    kept = (b for b in routing.budgets if b.scope != "team" or b.of in able)
    return replace(routing, budgets=tuple(kept))


def with_whole_seconds(cache: Cache) -> Cache:
    return replace(cache, ttl_s=float(min(max(int(cache.ttl_s), 1), MAX_TTL_S)))


def without_retained(routing: Routing) -> Routing:
    """No answer is kept where nothing may be."""
    bound = {route.name for route in routing.routes if _is_zdr(route.node)}
    for _ in routing.routes:  # a choice may lead to another one
        bound |= {route.name for route in routing.routes if chosen_from(route.node) & bound}
    if not bound:
        return routing
    free = tuple(route.name for route in routing.routes if route.name not in bound)
    left = []
    for cache in routing.caches:
        covered = tuple(name for name in free if cache.covers(name))
        if covered:
            is_same = not any(cache.covers(name) for name in bound)
            left.append(cache if is_same else replace(cache, routes=covered))
    return replace(routing, caches=tuple(left))


def _is_zdr(node: Node) -> bool:
    return isinstance(node, Remote) and dict(node.settings).get("zdr") is True


def ttls_of(routing: Routing) -> dict[str, int]:
    """Route → for how long its answers are kept, by the first cache that covers it."""
    found = {}
    for route in routing.routes:
        covering = (cache for cache in routing.caches if cache.covers(route.name))
        if (cache := next(covering, None)) is not None:
            found[route.name] = int(cache.ttl_s)
    return found


def caches_of(ttls: Mapping[str, int], routes: Sequence[str]) -> tuple[Cache, ...]:
    by_ttl: dict[int, list[str]] = {}
    for route in routes:
        if route in ttls:
            by_ttl.setdefault(ttls[route], []).append(route)
    return tuple(
        Cache("exact", float(ttl), routes=() if len(covered) == len(routes) else tuple(covered))
        for ttl, covered in by_ttl.items()
    )


def with_plain_caches(routing: Routing) -> Routing:
    names = [route.name for route in routing.routes]
    return replace(routing, caches=caches_of(ttls_of(routing), names))


def with_few_exporters(telemetry: Telemetry) -> Telemetry:
    return replace(telemetry, exporters=telemetry.exporters & {"otel"})


def without_redacted(telemetry: Telemetry) -> Telemetry:
    return replace(telemetry, prompts="never") if telemetry.prompts == "redacted" else telemetry


def is_ttl(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_TTL_S
