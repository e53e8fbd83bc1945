"""What is played to see what single failures do: requests, parts that go down, the chance that is drawn.

What goes down together is `verify`'s to say. Nothing is judged here.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import product

from msgspec import Struct

from designer.diagnostics import Report
from designer.engine.conditions import holds
from designer.engine.events import Request
from designer.engine.outcomes import Outcome
from designer.gateways.base import Parsed
from designer.ir import (
    Case,
    Condition,
    Deployment,
    Node,
    Pool,
    Ref,
    Routing,
    Split,
    Switch,
    Target,
    children,
    walk,
)
from designer.profile.model import Profile, Workload
from designer.simulate import Service
from designer.trace import Answer, Asked, Script, Trace, trace
from designer.verify import parts as upstream

SILENT = "is silent"
DOWN: Mapping[str, Outcome] = {
    "answers 503": Outcome(status=503),
    "answers 429": Outcome(status=429, kind="rate_limit"),
    "refuses connections": Outcome(kind="refuse_connection"),
    SILENT: Outcome(kind="timeout"),
}
"""How what is down shows itself."""
REFUSES = Outcome(status=400, kind="content_policy")
AT_S = (0.0, 1.0, 5.0, 40.0)
"""When requests come: at once, while what failed is left alone, and after that."""

_SPREAD = tuple((n + 0.5) / 8 for n in range(8))
_SEEDS = range(4)


class Part(Struct, frozen=True):
    """Deployments that go down together; none for the case that all is well."""

    says: str
    ids: frozenset[str] = frozenset()


class Way(Struct, frozen=True):
    """A kind of request, and the route that it ends up asking for."""

    says: str
    """Empty: any request."""
    route: str
    request: Request
    region: str = ""
    """Where the caller's team insists on being served."""
    is_led: bool = True
    """Whether the configuration itself leads it to its own chain."""


class Play(Struct, frozen=True):
    way: Way
    part: Part
    how: str
    traces: tuple[Trace, ...]

    @property
    def says(self) -> str:
        asked = f" for {self.way.says}" if self.way.says else ""
        return f"while {self.part.says} {self.how}{asked}" if self.part.ids else f"as it is{asked}"


def parts(listed: Iterable[Deployment], services: Mapping[str, Service]) -> list[Part]:
    """All well, then the parts that `verify` has too; of those that are the same deployments, one."""
    found: dict[frozenset[str], Part] = {}
    every = upstream(listed, services, KINDS)
    for one in sorted(every, key=lambda part: KINDS.index(part.kind)):
        says = one.name if one.kind == "deployment" else str(one)
        found.setdefault(one.deployments, Part(says, one.deployments))
    return [Part("nothing"), *found.values()]


KINDS = ("deployment", "provider", "region")
"""The most telling first. Parts that fail in every way of `DOWN`; keys and models have ways of their own, which `verify` knows."""


# --- Requests -------------------------------------------------------------------------------------


def ways(profile: Profile, workload: Workload, routing: Routing) -> Iterator[Way]:
    alias = workload.alias
    streams = (False, True) if "streaming" in workload.needs else (False,)
    for stream in streams:
        yield Way("a stream" if stream else "", alias, Request(stream=stream))
    cases = list(_cases(alias, routing))
    for condition in cases:
        yield Way(f"{condition.key} {condition.value}", alias, _request(condition))
    for team in profile.teams:
        if team.region and (team.workloads is None or alias in team.workloads):
            yield _of_team(team.name, team.region, alias, cases, routing)


def _of_team(name: str, region: str, alias: str, cases: list[Condition], routing: Routing) -> Way:
    own = next((t for t in routing.teams if t.name == name), None)
    route = dict(own.aliases).get(alias, alias) if own else alias
    case = next((c for c in cases if c.value == region and "region" in c.key), None)
    request = Request(team={"name": name, "region": region}) if case is None else _request(case)
    return Way(f"team {name}", route, request, region, route != alias or case is not None)


def unplayed(alias: str, routing: Routing) -> list[str]:
    """Conditions that no request is made for."""
    found = (case.when for node in _nodes(alias, routing) for case in _switched(node))
    return [_says(when) for when in found if not _is_plain(when)]


def _cases(alias: str, routing: Routing) -> Iterator[Condition]:
    for node in _nodes(alias, routing):
        for case in _switched(node):
            if _is_plain(case.when):
                yield case.when


def _switched(node: Node) -> tuple[Case, ...]:
    return node.cases if isinstance(node, Switch) else ()


def _is_plain(condition: Condition) -> bool:
    return condition.operator == "eq" and condition.key.partition(".")[0] in _PLAIN


_PLAIN = ("metadata", "task", "team", "params")


def _says(condition: Condition) -> str:
    return f"{condition.key or 'several keys'} {condition.operator}"


def _request(condition: Condition) -> Request:
    space, _, name = condition.key.partition(".")
    if space == "team":
        return Request(team={name: condition.value})
    if space == "params":
        return Request(params={name: condition.value})
    return Request(metadata={name or "task": condition.value})


def _nodes(alias: str, routing: Routing) -> Iterator[Node]:
    for name in routes_from(alias, routing):
        if routing.has_route(name):
            yield from walk(routing.route(name).node)


def routes_from(alias: str, routing: Routing) -> list[str]:
    """The route and every route that it leads to, by name."""
    found = [alias]
    for name in found:  # grows while it is walked
        nodes = walk(routing.route(name).node) if routing.has_route(name) else ()
        led = (node.route for node in nodes if isinstance(node, Ref))
        found += [route for route in dict.fromkeys(led) if route not in found]
    return found


def groups(way: Way, routing: Routing) -> list[frozenset[str]]:
    """The deployments that can stand in for one another; a call keeps to one group: its arm's."""
    if not routing.has_route(way.route):
        return []
    return list(dict.fromkeys(_groups(routing.route(way.route).node, way, routing, frozenset())))


def _groups(node: Node, way: Way, routing: Routing, seen: frozenset[str]) -> list[frozenset[str]]:
    match node:
        case Target(deployment=id_):
            return [frozenset({id_})]
        case Ref(route=name):
            if name in seen or not routing.has_route(name):
                return [frozenset()]
            return _groups(routing.route(name).node, way, routing, seen | {name})
        case Switch(cases=cases, otherwise=otherwise):
            taken = next((c.child for c in cases if holds(c.when, way.request)), otherwise)
            return [frozenset()] if taken is None else _groups(taken, way, routing, seen)
        case Split(arms=arms):
            return [group for arm in arms for group in _groups(arm.child, way, routing, seen)]
        case _:
            inner = [_groups(child, way, routing, seen) for child in children(node)]
            return [frozenset[str]().union(*chosen) for chosen in product(*inner)]


# --- Playing --------------------------------------------------------------------------------------


def play(
    parsed: Parsed, way: Way, part: Part, survivors: Outcome | None = None
) -> Iterator[list[Play]]:
    """Four requests with the part down in each way, with each chance that is tried.

    `survivors` is what all others answer.
    """
    others = [d.id for d in parsed.routing.deployments if d.id not in part.ids]
    answers = {} if survivors is None else {id_: (Answer(survivors),) for id_ in others}
    downs = {"answers 503": DOWN["answers 503"]} if survivors is not None else DOWN
    if not part.ids:
        downs = {"": Outcome()}
    for how, outcome in downs.items():
        said = answers | {id_: (Answer(outcome),) for id_ in part.ids}
        asked = tuple(Asked(way.request, route=way.route, at_s=at_s) for at_s in AT_S)
        plays = []
        for draws, seed in _chances(way.route, parsed.routing):
            traces = trace(parsed, Script(asked, said, draws, is_list=True), Report(), seed=seed)
            assert traces is not None  # every request names its route
            plays.append(Play(way, part, how, traces))
        yield plays


def _chances(alias: str, routing: Routing) -> list[tuple[tuple[float, ...], int]]:
    """One where nothing is drawn; else each part of the unit interval, and some mixtures."""
    if not _is_chancy(alias, routing):
        return [((), 0)]
    constant = [((draw,) * 64, 0) for draw in _SPREAD]
    return [*constant, *(((), seed) for seed in _SEEDS)]


def _is_chancy(alias: str, routing: Routing) -> bool:
    return any(
        (isinstance(node, Pool) and node.pick == "weighted" and len(node.children) > 1)
        or isinstance(node, Split)
        for node in _nodes(alias, routing)
    )
