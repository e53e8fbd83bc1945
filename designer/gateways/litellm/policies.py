"""What LiteLLM cannot do about caches, money, callers, telemetry and experiments, as features to take out.

Each brings its part of a Routing into the one form that the files can say: caches by the routes they
serve, route budgets on each deployment, teams with the names that lead them elsewhere. The lacks that
use these features, with their sources, are in `lacks`.
"""

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from decimal import Decimal

from msgspec.structs import replace

from designer.gateways.base import Feature
from designer.gateways.legalize import each_deployment, each_guardrail, each_route, rewrite
from designer.ir import (
    Arm,
    Budget,
    Cache,
    Chain,
    Deployment,
    Guardrail,
    Key,
    Node,
    Period,
    Pool,
    Quota,
    Ref,
    Route,
    Routing,
    Rung,
    Split,
    Switch,
    Team,
    Telemetry,
    deployments_of,
    walk,
)

# --- Experiments and stickiness -------------------------------------------------------------------


def _by_weights(routing: Routing) -> Routing:
    def change(route: Route) -> Route:
        splits = [n for n in walk(route.node) if isinstance(n, Split)]
        keeps = any(split.by != "request" for split in splits)
        node = rewrite(route.node, lambda n: _first_by_share(n.arms) if isinstance(n, Split) else n)
        return replace(route, node=node, sticky="session" if keeps else route.sticky)

    return each_route(change)(routing)


def _first_by_share(arms: tuple[Arm, ...]) -> Node:
    """The arms' first deployments as a pool, and what follows in any of them as further rungs."""
    heads, rests = zip(*(_cut(arm.child) for arm in arms), strict=True)
    pool = Pool(heads, tuple(arm.share for arm in arms))
    return Chain((Rung(pool), *(rung for rest in rests for rung in rest)))


def _cut(node: Node) -> tuple[Node, tuple[Rung, ...]]:
    if isinstance(node, Chain) and node.rungs:
        return node.rungs[0].child, node.rungs[1:]
    return node, ()


SHARES = Feature(
    "an experiment whose callers keep to one arm",
    _by_weights,
    keys=("workloads.experiment", "routing.strategy"),
)
STICKY_USERS = Feature(
    "keeping a user on one deployment",
    each_route(
        lambda r: replace(r, sticky="session") if r.sticky not in ("none", "session") else r
    ),
    keys=("routing.sticky",),
)

# --- What a team's callers are led to -------------------------------------------------------------


def _led_by_name(routing: Routing) -> Routing:
    """What a team's name or region decides becomes a name of its own, to which that team is led."""
    asks = {r.name for r in routing.routes if _asks_for_team(r.node)}
    if not asks:
        return routing
    fresh: dict[str, tuple[Route, str]] = {}
    teams = []
    names = [*(route.name for route in routing.routes), *(alias for alias, _ in routing.aliases)]
    for team in routing.teams:
        led = {name: _goal(name, team, routing, fresh) for name in names}
        own = {name: goal for name, goal in led.items() if goal is not None} | dict(team.aliases)
        teams.append(replace(team, aliases=tuple(own.items())))
    if fresh:  # what stands in for a route is no name to ask for
        teams = [replace(t, routes=tuple(names)) if t.routes is None else t for t in teams]
    routes = [replace(r, node=_otherwise(r.node)) if r.name in asks else r for r in routing.routes]
    widened = _widened(routing, {name: origin for name, (_, origin) in fresh.items()})
    routes += [route for route, _ in fresh.values()]
    return replace(widened, routes=tuple(routes), teams=tuple(teams))


def _widened(routing: Routing, origins: Mapping[str, str]) -> Routing:
    """What covers a route covers those that stand in for it too."""

    def wide(names: tuple[str, ...]) -> tuple[str, ...]:
        return (*names, *(own for own, origin in origins.items() if origin in names))

    budgets = [
        replace(budget, of=own)
        for own, origin in origins.items()
        for budget in routing.budgets
        if (budget.scope, budget.of) == ("route", origin)
    ]
    return replace(
        routing,
        guardrails=tuple(replace(rail, routes=wide(rail.routes)) for rail in routing.guardrails),
        caches=tuple(replace(cache, routes=wide(cache.routes)) for cache in routing.caches),
        budgets=(*routing.budgets, *budgets),
    )


def _asks_for_team(node: Node) -> bool:
    return isinstance(node, Switch) and any(
        case.when.key in ("team.name", "team.region") and case.when.operator == "eq"
        for case in node.cases
    )


def _goal(
    name: str, team: Team, routing: Routing, fresh: dict[str, tuple[Route, str]]
) -> str | None:
    """Where a request of the team for `name` ends, if its name or region decides anything on the way;
    a route that has no name yet is put into `fresh`, with the one that it stands in for.

    LiteLLM lets a team ask for every name that leads somewhere, and for a router's alias of what it may
    call: so nothing leads anywhere from a name that the team may not use.
    """
    routes, aliases = {route.name: route for route in routing.routes}, dict(routing.aliases)
    at, decided = aliases.get(name, name), False
    for _ in range(len(routes) + 1):
        route = routes.get(at)
        if route is None:
            return None
        value, chosen = _chosen(route.node, team)
        if not value:
            chosen = without_switch(chosen)
        decided = decided or bool(value)
        if isinstance(chosen, Ref):
            at = aliases.get(chosen.route, chosen.route)
        elif value:
            if not _may(team, name, at):
                return None
            own = _free(f"{at}@{value}", {*routes, *aliases})
            fresh.setdefault(own, (replace(route, name=own, node=chosen), at))
            return own
        else:
            return at if decided and _may(team, name, at) else None
    return None


def _may(team: Team, *names: str) -> bool:
    return team.routes is None or any(name in team.routes for name in names)


def _free(name: str, taken: Collection[str]) -> str:
    while name in taken:
        name += "'"
    return name


def _chosen(node: Node, team: Team) -> tuple[str, Node]:
    """The value that decided, empty where none did, and the branch that the team takes."""
    if not isinstance(node, Switch) or not _asks_for_team(node):
        return "", node
    own = {"team.name": team.name, "team.region": team.region}
    for case in node.cases:
        if case.when.operator == "eq" and case.when.value == own.get(case.when.key, ...):
            return str(case.when.value), case.child
    return "", _otherwise(node)


def without_switch(node: Node) -> Node:
    """The default branch: what LiteLLM takes whatever a request says about itself."""
    while isinstance(node, Switch):
        node = node.otherwise or next((case.child for case in node.cases), Chain(()))
    return node


def _otherwise(node: Node) -> Node:
    """Without the cases that ask for the team."""
    if not isinstance(node, Switch):
        return node
    kept = tuple(case for case in node.cases if case.when.key not in ("team.name", "team.region"))
    if kept or node.otherwise is None:
        return replace(node, cases=kept)
    return node.otherwise


TEAM_ROUTES = Feature("a team's own chain under the common name", _led_by_name)

# --- Caches ---------------------------------------------------------------------------------------


def _cache_of(routing: Routing) -> dict[str, Cache]:
    """The first cache that covers each route."""
    found = {}
    for route in routing.routes:
        cache = next((c for c in routing.caches if c.covers(route.name)), None)
        if cache is not None:
            found[route.name] = cache
    return found


def by_routes(caches: Mapping[str, Cache], routes: Iterable[str]) -> tuple[Cache, ...]:
    """One a distinct cache, in the routes' order; without routes where all have the same one."""
    names = list(routes)
    covered: dict[Cache, list[str]] = {}
    for name in names:
        if name in caches:
            covered.setdefault(replace(caches[name], routes=()), []).append(name)
    return tuple(
        cache if len(own) == len(names) else replace(cache, routes=tuple(own))
        for cache, own in covered.items()
    )


def _each_cache(change: Callable[[Cache], Cache]) -> Callable[[Routing], Routing]:
    return lambda routing: replace(routing, caches=tuple(map(change, routing.caches)))


def _one_kind(routing: Routing) -> Routing:
    if len({(cache.mode, cache.similarity) for cache in routing.caches}) < 2:
        return routing
    if any(cache.mode == "exact" for cache in routing.caches):
        return _each_cache(lambda c: replace(c, mode="exact", similarity=1.0))(routing)
    strictest = max(cache.similarity for cache in routing.caches)
    return _each_cache(lambda c: replace(c, similarity=strictest))(routing)


def _exact_without_vectors(routing: Routing) -> Routing:
    if any(route.embeds for route in routing.routes):
        return routing
    return _each_cache(lambda c: replace(c, mode="exact", similarity=1.0))(routing)


def _whole_seconds(cache: Cache) -> Cache:
    similarity = cache.similarity if cache.mode == "semantic" else 1.0
    return replace(cache, ttl_s=float(max(1, math.ceil(cache.ttl_s))), similarity=similarity)


def _canonical_caches(routing: Routing) -> Routing:
    names = [route.name for route in routing.routes]
    return replace(routing, caches=by_routes(_cache_of(routing), names))


CACHE_KINDS = Feature(
    "different kinds of cache for different routes", _one_kind, keys=("cache.mode",)
)
VECTORS = Feature(
    "a cache that answers similar requests, where no route embeds",
    _exact_without_vectors,
    keys=("cache.mode", "cache.similarity"),
)
CACHE_TIMES = Feature("a cache's time finer than a second", _each_cache(_whole_seconds))
CACHE_ORDER = Feature("caches in another order than their routes", _canonical_caches)

# --- Money ----------------------------------------------------------------------------------------

PERIOD: Mapping[Period, str] = {
    "hour": "1h",
    "day": "1d",
    "week": "7d",
    "month": "1mo",
    "year": "365d",
}
"""A budget's period as LiteLLM writes it (`duration_in_seconds`)."""


def _each_budget(change: Callable[[Budget], Budget | None]) -> Callable[[Routing], Routing]:
    return lambda routing: replace(
        routing, budgets=tuple(b for b in map(change, routing.budgets) if b is not None)
    )


def _whole_budget(routing: Routing) -> Routing:
    if routing.teams:
        return routing
    return _each_budget(lambda b: None if b.scope == "all" else b)(routing)


def _on_each_deployment(routing: Routing) -> Routing:
    ids = {route.name: deployments_of(route.node) for route in routing.routes}
    budgets: list[Budget] = []
    for budget in routing.budgets:
        if budget.scope == "route":
            own = ids.get(budget.of, ())
            budgets += [replace(budget, scope="deployment", of=id_) for id_ in own]
        else:
            budgets.append(budget)
    return replace(routing, budgets=tuple(budgets))


def _soft(budget: Budget) -> Budget:
    """LiteLLM tells when a soft budget is spent; that is the share at which somebody is told."""
    if budget.scope != "team" or budget.refuses or budget.alert is None:
        return budget
    return replace(budget, limit_usd=budget.limit_usd * Decimal(str(budget.alert)), alert=None)


def tidy_usd(usd: Decimal) -> Decimal:
    """As a file holds it."""
    return Decimal(str(float(usd)))


def _canonical_budgets(routing: Routing) -> Routing:
    places = [("all", "")]
    places += [("deployment", d.id) for d in routing.deployments]
    places += [("team", team.name) for team in routing.teams]
    by_place: dict[tuple[str, str], Budget] = {}
    for budget in routing.budgets:
        by_place.setdefault((budget.scope, budget.of), budget)
    kept = (by_place[place] for place in places if place in by_place)
    return replace(
        routing, budgets=tuple(replace(b, limit_usd=tidy_usd(b.limit_usd)) for b in kept)
    )


WHOLE_BUDGET = Feature(
    "a budget for everything, without teams", _whole_budget, keys=("cost.monthly_budget",)
)
ROUTE_BUDGETS = Feature(
    "a budget for a whole route", _on_each_deployment, keys=("workloads.budget",)
)
SPENT_AND_SERVED = Feature(
    "a budget that is only counted",
    _each_budget(lambda b: b if b.refuses or b.scope == "team" else None),
    keys=("workloads.budget",),
)
ALERTS = Feature(
    "telling somebody when a route's money runs out",
    _each_budget(lambda b: b if b.scope == "team" else replace(b, alert=None)),
    keys=("workloads.budget.alert",),
)
SOFT_BUDGETS = Feature("an alert beside a budget that refuses nothing", _each_budget(_soft))
NO_MONEY = Feature(
    "a budget of nothing", _each_budget(lambda b: b if float(b.limit_usd) > 0 else None)
)
BUDGET_ORDER = Feature("budgets in another order than what they are for", _canonical_budgets)


def _team_limits(routing: Routing) -> Routing:
    of_teams = tuple(limit for limit in routing.rate_limits if limit.scope == "team")
    return replace(routing, rate_limits=of_teams)


def _canonical_limits(routing: Routing) -> Routing:
    by_team = {limit.of: limit for limit in reversed(routing.rate_limits)}
    own = (by_team[team.name] for team in routing.teams if team.name in by_team)
    kept = tuple(x for x in own if x.rpm is not None or x.tpm is not None)
    return replace(routing, rate_limits=kept)


OTHER_LIMITS = Feature("a rate limit for a route or for everybody", _team_limits)
LIMIT_ORDER = Feature("rate limits in another order than their teams", _canonical_limits)

# --- Callers --------------------------------------------------------------------------------------


def _distinct_keys(routing: Routing) -> Routing:
    """LiteLLM knows a key by its alias, which is unique."""
    taken: set[str] = set()

    def fresh(keys: tuple[Key, ...]) -> tuple[Key, ...]:
        kept = []
        for key in keys:
            if key.name and key.name not in taken:
                taken.add(key.name)
                kept.append(key)
        return tuple(kept)

    named = tuple(team for team in routing.teams if team.name)
    return replace(routing, teams=tuple(replace(t, keys=fresh(t.keys)) for t in named))


TEAM_KEYS = Feature("two keys of one name, or a team without a name", _distinct_keys)

# --- Telemetry and quotas -------------------------------------------------------------------------


def _whole_or_nothing(routing: Routing) -> Routing:
    told = routing.telemetry
    if told is None or told.prompts != "redacted":
        return routing
    return replace(routing, telemetry=replace(told, prompts="never"))


def _plain_telemetry(routing: Routing) -> Routing:
    return replace(routing, telemetry=None) if routing.telemetry == Telemetry() else routing


REDACTED_LOGS = Feature(
    "prompts in logs without their personal data", _whole_or_nothing, keys=("operations.logs",)
)
PLAIN_TELEMETRY = Feature("telling nobody anything", _plain_telemetry)


def _without_tpm(deployment: Deployment) -> Deployment:
    quota = deployment.quota
    return deployment if quota is None else replace(deployment, quota=replace(quota, tpm=None))


TOKEN_QUOTAS = Feature(
    "the tokens a minute of a provider's account",
    each_deployment(_without_tpm),
    keys=("providers.quota.tpm", "providers.models.quota.tpm"),
)
PLAIN_QUOTAS = Feature(
    "a quota without a limit",
    each_deployment(lambda d: replace(d, quota=None) if d.quota == Quota() else d),
)

# --- Guardrails of some routes --------------------------------------------------------------------


def _known_routes(routing: Routing) -> Routing:
    names = [route.name for route in routing.routes]

    def change(rail: Guardrail) -> Guardrail | None:
        if not rail.routes:
            return rail
        own = tuple(name for name in names if name in rail.routes)
        if not own:
            return None
        return replace(rail, routes=() if len(own) == len(names) else own)

    return each_guardrail(change)(routing)


RAIL_ROUTES = Feature("a guardrail of a route that is not there", _known_routes)
