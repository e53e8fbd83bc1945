"""Whether two Routings mean the same, and for which routes they do not.

Two things may differ. The order in which routes and deployments are listed says nothing. And an id
that a configuration does not give itself (`gpt-4o#1`) is this program's own and may be another.
"""

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from designer.gateways.legalize import rewrite
from designer.ir import Deployment, Node, Retry, Routing, Target, deployments_of


def differing(one: Routing, other: Routing, made_up: frozenset[str] = frozenset()) -> set[str]:
    """Names of the routes that differ; `""` stands for what belongs to no route alone.

    `made_up` are the ids of `one` that its configuration does not give.
    """
    names = [route.name for route in (*one.routes, *other.routes)]
    found = {n for n in names if _meaning(one, n, made_up, ()) != _other(one, other, n, made_up)}
    whole = (set(one.aliases), one.guardrails) == (set(other.aliases), other.guardrails)
    return found if whole else found | {""}


def _other(one: Routing, other: Routing, name: str, made_up: frozenset[str]) -> Any:
    ids = deployments_of(one.route(name).node) if one.has_route(name) else ()
    places = [place for place, id_ in enumerate(ids) if id_ in made_up]
    return _meaning(other, name, frozenset(), places)


def _meaning(
    routing: Routing, name: str, made_up: frozenset[str], places: Iterable[int]
) -> tuple[Any, ...] | None:
    """The route and its deployments, with ids that are made up (or stand at `places`) numbered."""
    if not routing.has_route(name):
        return None
    route = routing.route(name)
    ids = deployments_of(route.node)
    numbered = {i: f"\0{n}" for n, i in enumerate(ids) if i in made_up or n in places}
    deployments = [_called(routing.deployment(i), numbered.get(i, i)) for i in ids]
    return replace(route, node=_renamed(route.node, numbered)), deployments


def _called(deployment: Deployment, id_: str) -> Deployment:
    return replace(deployment, id=id_)


def _renamed(node: Node, ids: dict[str, str]) -> Node:
    def change(inner: Node) -> Node:
        match inner:
            case Target(deployment=id_):
                return replace(inner, deployment=ids.get(id_, id_))
            case Retry(per_deployment=own):
                return replace(inner, per_deployment=tuple((ids.get(i, i), n) for i, n in own))
            case _:
                return inner

    return rewrite(node, change)


def without_secrets(routing: Routing, like: Routing) -> Routing:
    """With no more of each deployment's credentials than `like` has: a secret that was written out is
    not kept by a reader, and the name that stands in its place is."""
    known = {deployment.id: deployment for deployment in like.deployments}
    return replace(
        routing,
        deployments=tuple(_no_more(d, known.get(d.id, d)) for d in routing.deployments),
    )


def _no_more(deployment: Deployment, like: Deployment) -> Deployment:
    kept = dict(like.settings)
    return replace(
        deployment,
        secret=deployment.secret if like.secret is not None else None,
        settings=tuple((name, value) for name, value in deployment.settings if name in kept),
    )
