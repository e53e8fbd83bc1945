"""Where a request for a route may go: who is asked first, and who after a failure."""

from collections.abc import Iterable, Iterator

from msgspec import Struct

from designer.ir import Chain, Deployment, Node, Ref, Route, Target, children
from designer.lint.subject import Subject


class Walk(Struct, frozen=True):
    route: Route
    first: tuple[Deployment, ...]
    """Those that the first try may go to, in listed order."""
    further: tuple[Deployment, ...]
    """The others that a request may reach, nearest first."""

    @property
    def all(self) -> tuple[Deployment, ...]:
        return (*self.first, *self.further)


def walks(subject: Subject) -> Iterator[Walk]:
    """Of every route that leads to a deployment."""
    for route in subject.routing.routes:
        reached = reach(subject, route)
        if reached:
            first = dict.fromkeys(_first(subject, route.node, frozenset({route.name})))
            first = first or dict.fromkeys(reached[:1])  # below a condition that may not hold
            further = [id_ for id_ in reached if id_ not in first]
            yield Walk(route, _deployments(subject, first), _deployments(subject, further))


def _deployments(subject: Subject, ids: Iterable[str]) -> tuple[Deployment, ...]:
    return tuple(subject.routing.deployment(id_) for id_ in ids)


def _first(subject: Subject, node: Node, visited: frozenset[str]) -> Iterator[str]:
    match node:
        case Target(deployment=id_):
            yield id_
        case Chain(rungs=rungs):
            yield from _first(subject, rungs[0].child, visited)
        case Ref(route=name):
            if name not in visited and subject.routing.has_route(name):
                route = subject.routing.route(name)
                yield from _first(subject, route.node, visited | {name})
        case _:
            for child in children(node):
                yield from _first(subject, child, visited)


def reach(subject: Subject, route: Route) -> tuple[str, ...]:
    """Deployments that a request for `route` may be sent to, by id, nearest first.

    `Ref`s are followed as far as the gateway follows them.
    """
    found: dict[str, None] = {}
    visited = {route.name}
    depth = subject.parsed.semantics.depth
    waiting: list[tuple[Node, int]] = [(route.node, 0)]
    while waiting:
        node, hops = waiting.pop()
        match node:
            case Target(deployment=id_):
                found[id_] = None
            case Ref(route=name):
                if name not in visited and hops < depth and subject.routing.has_route(name):
                    visited.add(name)
                    waiting.append((subject.routing.route(name).node, hops + 1))
            case _:
                waiting += [(child, hops) for child in reversed(children(node))]
    return tuple(found)
