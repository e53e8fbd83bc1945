"""What a client's own settings in a request (`num_retries`, `fallbacks`) change for that request.

Such a request takes another route through the same deployments: the groups as they would be if the
configuration said what the request says. Measured on LiteLLM 1.106.2, 2026-11-22.
"""

import json
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from designer.gateways.litellm.groups import Group, Level, Lists, plain_counts, tree
from designer.ir import Route, Routing

READ = frozenset({"num_retries", "fallbacks", "disable_fallbacks"})
"""Keys of a request's body that are read here."""


def for_request(
    routing: Routing,
    groups: Mapping[str, tuple[Group, Lists]],
    route: str,
    params: Mapping[str, Any],
) -> tuple[Routing, str]:
    """The Routing with the routes that this request takes, and the name of its first one."""
    wanted = {key: params[key] for key in sorted(READ & params.keys())}
    if not wanted or route not in groups:
        return routing, route
    suffix = f" with {json.dumps(wanted, sort_keys=True, default=str)}"
    if routing.has_route(route + suffix):
        return routing, route + suffix
    routes = tuple(
        Route(
            name + suffix,
            tree(_changed(group, wanted, first=name == route, suffix=suffix), lists),
            embeds=routing.route(name).embeds,
        )
        for name, (group, lists) in groups.items()
    )
    return replace(routing, routes=(*routing.routes, *routes)), route + suffix


def without_fallbacks(group: Group) -> Group:
    """Nothing is asked beyond the first level that is healthy."""
    return replace(group, walks=False, generic=(), context=(), content=())


def _changed(group: Group, wanted: Mapping[str, Any], first: bool, suffix: str) -> Group:
    retries = wanted.get("num_retries")
    if isinstance(retries, int) and not isinstance(retries, bool) and retries >= 0:
        levels = tuple(_retried(level, retries) for level in group.levels)
        spare = None if group.spare is None else _retried(group.spare, retries)
        # Zero switches the retry policy off as well; any other count yields to it (router.py:8095).
        group = replace(group, levels=levels, spare=spare, policy=group.policy if retries else ())
    listed = wanted.get("fallbacks")
    if isinstance(listed, list) and first:
        names = tuple(name for name in listed if isinstance(name, str))
        group = replace(group, generic=names, default=False)
    if wanted.get("disable_fallbacks") is True:
        return without_fallbacks(group)
    return replace(
        group,
        generic=tuple(name + suffix for name in group.generic),
        context=tuple(name + suffix for name in group.context),
        content=tuple(name + suffix for name in group.content),
    )


def _retried(level: Level, retries: int) -> Level:
    return replace(level, counts=plain_counts(retries for _ in level.ids))
