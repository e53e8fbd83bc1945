"""A configuration with everything left open that depends on the request or on other requests.

A pool that picks by load, speed or turn may pick any of its children in some state of the world; a
switch may take any of its cases for some request. Only what a pool prefers in every state, the
cheapest, stays. What holds of the opened Routing holds of the configuration in every state.
"""

from msgspec.structs import replace

from designer.ir import (
    Arm,
    Chain,
    Node,
    Pool,
    Remote,
    Retry,
    Route,
    Routing,
    Split,
    Switch,
)

CASE = "case "
"""How the arms of an opened switch are called; what `Split.name` begins with."""


def opened(routing: Routing) -> Routing:
    return replace(routing, routes=tuple(_route(route) for route in routing.routes))


def _route(route: Route) -> Route:
    return replace(route, node=_node(route.node))


def _node(node: Node) -> Node:
    match node:
        case Pool(children=children, pick=pick):
            inner = tuple(map(_node, children))
            if pick in ("weighted", "cheapest"):
                return replace(node, children=inner)
            return Pool(inner)
        case Retry(child=child) | Remote(child=child):
            return replace(node, child=_node(child))
        case Chain(rungs=rungs):
            return replace(node, rungs=tuple(replace(r, child=_node(r.child)) for r in rungs))
        case Split(arms=arms):
            return replace(node, arms=tuple(replace(a, child=_node(a.child)) for a in arms))
        case Switch():
            return _cases(node)
        case _:
            return node


def _cases(switch: Switch) -> Node:
    """A call keeps to one case, and takes the same one of every switch with the same conditions."""
    if not switch.cases:
        return switch if switch.otherwise is None else _node(switch.otherwise)
    inner = [case.child for case in switch.cases]
    nothing: Node = Switch((), None, switch.lacking)
    inner.append(nothing if switch.otherwise is None else switch.otherwise)
    name = CASE + repr([case.when for case in switch.cases])
    arms = (Arm(str(index), 1.0, _node(child)) for index, child in enumerate(inner))
    return Split(name, tuple(arms))
