"""What a profile demands of data handling, told to OpenRouter: an ideal Routing has no place for it.

The compiler calls `with_policy` before legalizing; what is set here ends up in `provider`, in the
host that requests go to, and in the guardrail. Whether an account's plan allows it is not known here.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from designer.gateways.base import Constraint
from designer.gateways.openrouter.tables import HOST_OF_RESIDENCY
from designer.ir import Case, Condition, Remote, Route, Routing, Switch


def with_policy(
    routing: Routing,
    *,
    zdr: bool = False,
    no_training: bool = False,
    region: str | None = None,
    max_prompt_usd_per_mtok: Decimal | None = None,
    max_completion_usd_per_mtok: Decimal | None = None,
    routes: Collection[str] | None = None,
) -> Routing:
    """The Routing with these demands on its routes (all of them, or those named).

    `region` is a residency of the profile; other ones than `eu`, `eea` and `us` are promises that
    legalizing refuses.
    """
    prices = {"prompt": max_prompt_usd_per_mtok, "completion": max_completion_usd_per_mtok}
    limits = tuple((k, format(v, "f")) for k, v in sorted(prices.items()) if v is not None)
    wanted: dict[str, Any] = {
        "zdr": True if zdr else None,
        "data_collection": "deny" if no_training else None,
        "max_price": limits or None,
        "region": region,
    }
    demands = {name: value for name, value in wanted.items() if value is not None}
    if not demands:
        return routing

    def demanding(route: Route) -> Route:
        if routes is not None and route.name not in routes:
            return route
        inner = route.node if isinstance(route.node, Remote) else Remote(route.node)
        settings = {**dict(inner.settings), **demands}
        return replace(route, node=Remote(inner.child, _sorted(settings.items())))

    return replace(routing, routes=tuple(demanding(route) for route in routing.routes))


def constrain(routing: Routing, constraints: Mapping[str, Constraint]) -> Routing:
    """The same for each route, as the planner says it, and for each team that stays in a region."""
    routing = replace(
        routing, routes=tuple(_with_regions(r, routing, constraints) for r in routing.routes)
    )
    for route, wanted in constraints.items():
        routing = with_policy(
            routing,
            zdr=wanted.zero_retention,
            no_training=wanted.no_training,
            region=_region(wanted.residency),
            routes=(route,),
        )
    return routing


def _with_regions(route: Route, routing: Routing, constraints: Mapping[str, Constraint]) -> Route:
    """A branch for each region that a team insists on, even where the same deployments will do: which
    host is asked depends on it."""
    if route.name not in constraints:
        return route
    given = _region(constraints[route.name].residency)
    wanted = dict.fromkeys(
        team.region
        for team in routing.teams
        if team.region not in ("", given) and (team.routes is None or route.name in team.routes)
    )
    node = route.node
    told = node.cases if isinstance(node, Switch) else ()
    rest = node.otherwise if isinstance(node, Switch) and node.otherwise else node
    asked = {case.when.value for case in told if case.when.key == "team.region"}
    more = tuple(
        Case(Condition("team.region", "eq", region), rest)
        for region in wanted
        if region not in asked
    )
    return replace(route, node=Switch((*told, *more), rest)) if more else route


def _region(residency: Sequence[str]) -> str | None:
    """Any one of these will do: one that there is a host for, else one to refuse."""
    hosted = [region for region in residency if region in HOST_OF_RESIDENCY]
    return next(iter((*hosted, *residency)), None)


def _sorted(pairs: Iterable[tuple[str, Any]]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(pairs, key=lambda pair: pair[0]))
