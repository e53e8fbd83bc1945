"""Routes that only choose another one: by task, metadata, team or as an experiment.

OpenRouter takes no rules, so the emitted client picks the request that it sends. A choice is a tree of
Switches and Splits whose leaves name other routes; whatever else stood at a leaf gets a route of its
own. Here is what the client can decide, and how it stands in its file.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from designer.gateways.openrouter.tables import is_number
from designer.ir import (
    Arm,
    Case,
    Condition,
    Node,
    Ref,
    Remote,
    Route,
    Routing,
    Split,
    Switch,
    children,
    walk,
)

# --- What the client can decide -------------------------------------------------------------------


def is_choice(node: Node) -> bool:
    """Whether the client picks; of routes that are OpenRouter's already, those that are no request."""
    return isinstance(node, Switch | Split)


def _can_pick(node: Node) -> bool:
    match node:
        case Switch(cases=cases, otherwise=otherwise):
            return all(map(_can_tell, cases)) and bool(cases or otherwise is not None)
        case Split(arms=arms):
            return len(arms) > 0
        case _:
            return False


def _can_tell(case: Case) -> bool:
    space, _, name = case.when.key.partition(".")
    is_known = case.when.key == "task" or (space in ("metadata", "team") and name != "")
    return is_known and case.when.operator == "eq" and isinstance(case.when.value, str)


def with_choices(routing: Routing) -> tuple[Routing, set[str]]:
    """Every route that the client can pick by as a choice among other routes, and their names."""
    able = {route.name for route in routing.routes if _can_pick(_inner(route))}
    leads = {route.name: _names_in(_inner(route)) & able for route in routing.routes}
    able = {
        route.name
        for route in routing.routes
        if route.name in able and _may_lift(route) and not _leads_to(route.name, route.name, leads)
    }
    taken = {route.name for route in routing.routes}
    routes: list[Route] = []
    for route in routing.routes:
        if route.name in able:
            routes.extend(_Lifting(route, taken).routes())
        else:
            routes.append(route)
    return without_dangling(replace(routing, routes=tuple(routes)), able), able


def _inner(route: Route) -> Node:
    return route.node.child if isinstance(route.node, Remote) else route.node


def _may_lift(route: Route) -> bool:
    """Demands on data cannot be laid upon another route."""
    return not isinstance(route.node, Remote) or not any(
        isinstance(leaf, Ref) for leaf in _leaves(route.node.child)
    )


def _leaves(node: Node) -> Iterator[Node]:
    if _can_pick(node):
        for child in children(node):
            yield from _leaves(child)
    else:
        yield node


def _names_in(node: Node) -> set[str]:
    return {leaf.route for leaf in _leaves(node) if isinstance(leaf, Ref)}


def _leads_to(name: str, goal: str, leads: Mapping[str, set[str]]) -> bool:
    seen: set[str] = set()
    left = [name]
    while left:
        for route in leads[left.pop()] - seen:
            if route == goal:
                return True
            seen.add(route)
            left.append(route)
    return False


class _Lifting:
    """Gives each leaf of a route a route of its own; keeps the routes that it has made."""

    def __init__(self, route: Route, taken: set[str]) -> None:
        self.route, self.taken = route, taken
        self.made: list[Route] = []

    def routes(self) -> list[Route]:
        node = self.route.node
        demands = dict(node.settings) if isinstance(node, Remote) else {}
        choice = self.picked(_inner(self.route), self.route.name, demands)
        return [replace(self.route, node=choice, sticky="none", embeds=False), *self.made]

    def picked(self, node: Node, name: str, demands: Mapping[str, Any]) -> Node:
        if isinstance(node, Ref):
            return node
        if not _can_pick(node):
            return Ref(self.own(node, name, demands))
        match node:
            case Switch(cases=cases, otherwise=otherwise):
                picked = tuple(
                    replace(
                        case,
                        child=self.picked(
                            case.child, f"{name}/{case.when.value}", _within(case.when, demands)
                        ),
                    )
                    for case in cases
                )
                rest = None if otherwise is None else self.picked(otherwise, name, demands)
                return replace(node, cases=picked, otherwise=rest)
            case Split(arms=arms):
                sides = tuple(
                    replace(arm, child=self.picked(arm.child, f"{name}/{arm.name}", demands))
                    for arm in arms
                )
                return replace(node, arms=sides)
            case _:
                return node

    def own(self, node: Node, name: str, demands: Mapping[str, Any]) -> str:
        name = f"{name}/else" if name == self.route.name else name
        while name in self.taken:
            name += "+"
        self.taken.add(name)
        tree = Remote(node, tuple(sorted(demands.items()))) if demands else node
        self.made.append(replace(self.route, name=name, node=tree))
        return name


def _within(when: Condition, demands: Mapping[str, Any]) -> Mapping[str, Any]:
    """A team's region is asked for at the host too, not only by the deployments that were chosen."""
    return {**demands, "region": when.value} if when.key == "team.region" else demands


def without_dangling(routing: Routing, choices: Collection[str] | None = None) -> Routing:
    """Choices (all, or those named) without routes that are not there, and none that are left empty."""
    while True:
        names = {route.name for route in routing.routes}
        kept = []
        for route in routing.routes:
            is_due = is_choice(route.node) and (choices is None or route.name in choices)
            node = _left(route.node, names) if is_due else route.node
            if node is not None:
                kept.append(replace(route, node=node))
        if tuple(kept) == routing.routes:
            return routing
        routing = replace(routing, routes=tuple(kept))


def _left(node: Node, names: set[str]) -> Node | None:
    match node:
        case Ref(route=name):
            return node if name in names else None
        case Switch(cases=cases, otherwise=otherwise):
            able = tuple(Case(c.when, n) for c in cases if (n := _left(c.child, names)) is not None)
            rest = None if otherwise is None else _left(otherwise, names)
            return replace(node, cases=able, otherwise=rest) if able or rest else None
        case Split(arms=arms):
            sides = tuple(
                replace(a, child=n) for a in arms if (n := _left(a.child, names)) is not None
            )
            return replace(node, arms=sides) if sides else None
        case _:
            return node


def chosen_from(node: Node) -> set[str]:
    """The routes that a choice names."""
    return {leaf.route for leaf in walk(node) if isinstance(leaf, Ref)}


# --- In the client's file -------------------------------------------------------------------------


def pick_of(node: Node) -> Any:
    match node:
        case Ref(route=name):
            return name
        case Switch(cases=cases, otherwise=otherwise):
            return {
                "cases": [
                    {"key": c.when.key, "is": c.when.value, "to": pick_of(c.child)} for c in cases
                ],
                "else": None if otherwise is None else pick_of(otherwise),
            }
        case Split(name=name, arms=arms, by=by):
            sides = [{"name": a.name, "share": a.share, "to": pick_of(a.child)} for a in arms]
            return {"experiment": name, "by": by, "arms": sides}
    raise AssertionError("only a legal Routing is lowered")


def read_pick(value: Any) -> Node | None:
    """None where it has not the form that `pick_of` gives it."""
    if isinstance(value, str):
        return Ref(value)
    if not isinstance(value, Mapping):
        return None
    if set(value) == {"cases", "else"} and isinstance(value["cases"], list):
        return _read_switch(value["cases"], value["else"])
    if set(value) == {"experiment", "by", "arms"} and isinstance(value["arms"], list):
        return _read_split(value)
    return None


def _read_switch(given: Sequence[Any], rest: Any) -> Switch | None:
    cases = [case for case in map(_read_case, given) if case is not None]
    otherwise = None if rest is None else read_pick(rest)
    is_whole = len(cases) == len(given) and (otherwise is None) == (rest is None)
    return Switch(tuple(cases), otherwise) if is_whole else None


def _read_case(given: Any) -> Case | None:
    if not isinstance(given, Mapping) or set(given) != {"key", "is", "to"}:
        return None
    child = read_pick(given["to"])
    if child is None or not isinstance(given["key"], str):
        return None
    case = Case(Condition(given["key"], "eq", given["is"]), child)
    return case if _can_tell(case) else None


def _read_split(value: Mapping[str, Any]) -> Split | None:
    arms = [arm for arm in map(_read_arm, value["arms"]) if arm is not None]
    is_named = isinstance(value["experiment"], str) and isinstance(value["by"], str)
    is_whole = len(arms) == len(value["arms"]) > 0 and is_named
    return Split(value["experiment"], tuple(arms), value["by"]) if is_whole else None


def _read_arm(given: Any) -> Arm | None:
    if not isinstance(given, Mapping) or set(given) != {"name", "share", "to"}:
        return None
    child, share = read_pick(given["to"]), given["share"]
    if child is None or not isinstance(given["name"], str) or not is_number(share) or share < 0:
        return None
    return Arm(given["name"], float(share), child)
