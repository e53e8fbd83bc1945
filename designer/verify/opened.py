"""A configuration with everything left open that depends on the request or on other requests.

A pool that picks by load, speed or turn may pick any of its children in some state of the world; a
switch may take any of its cases for some request. Only what a pool prefers in every state, the
cheapest, stays. What holds of the opened Routing holds of the configuration in every state.
"""

from msgspec import Struct
from msgspec.structs import replace

from designer.ir import (
    Arm,
    Chain,
    Node,
    Pool,
    Remote,
    Retry,
    Routing,
    Split,
    Switch,
)

CASE = "case "
"""How the arms of an opened switch are called; what `Split.name` begins with."""


def opened(routing: Routing, some_case_holds: bool = False) -> Routing:
    """`some_case_holds`: leaving out requests that a switch has no case for."""
    open_ = _Opened(some_case_holds)
    routes = (replace(route, node=open_.node(route.node)) for route in routing.routes)
    return replace(routing, routes=tuple(routes))


class _Opened(Struct, frozen=True):
    some_case_holds: bool

    def node(self, node: Node) -> Node:
        match node:
            case Pool(children=children, pick=pick):
                inner = tuple(map(self.node, children))
                if pick in ("weighted", "cheapest"):
                    return replace(node, children=inner)
                return Pool(inner)
            case Retry(child=child) | Remote(child=child):
                return replace(node, child=self.node(child))
            case Chain(rungs=rungs):
                return replace(
                    node, rungs=tuple(replace(r, child=self.node(r.child)) for r in rungs)
                )
            case Split(arms=arms):
                return replace(node, arms=tuple(replace(a, child=self.node(a.child)) for a in arms))
            case Switch():
                return self.cases(node)
            case _:
                return node

    def cases(self, switch: Switch) -> Node:
        """A call keeps to one case, and takes the same one of every switch with the same conditions."""
        if not switch.cases:
            return switch if switch.otherwise is None else self.node(switch.otherwise)
        inner = [case.child for case in switch.cases]
        if switch.otherwise is not None:
            inner.append(switch.otherwise)
        elif not self.some_case_holds:
            inner.append(Switch((), None, switch.lacking))
        name = CASE + repr([case.when for case in switch.cases])
        arms = (Arm(str(index), 1.0, self.node(child)) for index, child in enumerate(inner))
        return Split(name, tuple(arms))
