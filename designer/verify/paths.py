"""Every path that a call for one route can take, as a graph that the engine itself walks.

A state is a call that has just asked a deployment; its ways out are an answer and each class of
failure, with whatever picks and cooldowns are open. States in which the rest of the call is the same are
one, and of deployments that are exchangeable (`alike`) the first stands for all that a path has not met, so
that the graph is small and every question about all paths is one pass over it. Route deadlines are
left to those who judge times: no clock runs here.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import inf
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from designer.engine.call import Call, Fault, Frame, Program, begin, step
from designer.engine.events import (
    Began,
    Command,
    Ended,
    Event,
    Finish,
    Inspect,
    Inspected,
    LookedUp,
    Lookup,
    Request,
    Reserve,
    Reserved,
    Send,
    Wait,
    Woke,
)
from designer.ir import (
    Chain,
    Deployment,
    Node,
    Ref,
    Retry,
    Routing,
    Rung,
    Target,
    children,
    deployments_of,
    walk,
)
from designer.verify.alike import Alike, alike, picked_freely
from designer.verify.choices import AnyWorld, Choices, every
from designer.verify.mishaps import Mishap

MOST_STATES = 5_000
MOST_WAYS = 100_000
"""Beyond these no graph is whole: fallbacks then lead to one another in circles, or a retry count is in
the thousands."""


class Way(NamedTuple):
    """Out of a state, by an answer (`mishap` None) or by a failure."""

    mishap: Mishap | None
    to: int
    """The next state; -1: the call is over."""
    finish: Finish | None
    limit_s: float
    """How long a provider can keep the attempt silent; inf without any limit."""
    wait_s: float
    """Backoff or Retry-After before the next attempt, jitter included."""
    draws: tuple[float, ...]
    assumed: frozenset[str]
    """Deployments that were found cooling, and that the call itself has not made so."""


class Graph(Struct, frozen=True):
    route: str
    deployments: tuple[str, ...]
    """Asked in each state; of the first, where nothing is asked yet, the empty name."""
    ways: tuple[tuple[Way, ...], ...]
    is_whole: bool = True
    """False: there are more states than were looked at."""
    alike: Alike = {}
    """Of each path that is not here, one is that differs from it in nothing but exchanged deployments."""

    def reached(self) -> frozenset[str]:
        return frozenset().union(*(self.alike.get(id_, (id_,)) for id_ in self.deployments[1:]))

    def only(self, keeps: Callable[[Way], bool]) -> "Graph":
        ways = tuple(tuple(way for way in each if keeps(way)) for each in self.ways)
        return replace(self, ways=ways)

    def backwards(self) -> Iterator[int]:
        """States, each after all that it leads to. There is no way back: retries and rungs only go on."""
        done: set[int] = set()
        stack: list[tuple[int, Iterator[Way]]] = [(0, iter(self.ways[0]))]
        seen = {0}
        while stack:
            state, left = stack[-1]
            way = next(left, None)
            if way is None:
                stack.pop()
                done.add(state)
                yield state
            elif way.to >= 0 and way.to not in seen:
                seen.add(way.to)
                stack.append((way.to, iter(self.ways[way.to])))


Path = tuple[tuple[str, Way], ...]
"""Deployment asked, and what came of it; the first entry asks nothing."""


class Bound(NamedTuple):
    value: float
    path: Path


def longest(graph: Graph, weight: Callable[[str, Way], float]) -> Bound:
    """The path of the greatest weight in all."""
    best: dict[int, tuple[float, Way | None]] = {}
    for state in graph.backwards():
        asked = graph.deployments[state]
        found: tuple[float, Way | None] = (-inf, None)
        for way in graph.ways[state]:
            value = weight(asked, way) + (best[way.to][0] if way.to >= 0 else 0.0)
            if value > found[0]:
                found = (value, way)
        best[state] = found
    steps: list[tuple[str, Way]] = []
    state = 0
    while state >= 0:
        chosen = best[state][1]
        if chosen is None:
            break
        steps.append((graph.deployments[state], chosen))
        state = chosen.to
    return Bound(best[0][0], tuple(steps))


Ends = Callable[[str, Way], bool]
"""Whether a path is looked for that leaves a state (the deployment asked there) by this way."""


def shortest_to(graph: Graph, ends: Ends, within: frozenset[str] | None = None) -> Path | None:
    """The path of the fewest attempts to such a way; None when there is none.

    `within`: only those on which nothing else fails or cools. One that earlier requests have no part
    in is better than a shorter one.
    """
    cold = graph.only(lambda way: not way.assumed)
    return _shortest_to(cold, ends, within) or _shortest_to(graph, ends, within)


def _shortest_to(graph: Graph, ends: Ends, within: frozenset[str] | None) -> Path | None:
    before: dict[int, tuple[int, Way]] = {}
    waiting, seen = [0], {0}
    for state in waiting:
        asked = graph.deployments[state]
        for way in graph.ways[state]:
            if within is not None and not _fails_in(asked, way) <= within:
                continue
            if ends(asked, way):
                return (*_to(graph, before, state), (asked, way))
            if way.to >= 0 and way.to not in seen:
                seen.add(way.to)
                before[way.to] = state, way
                waiting.append(way.to)
    return None


def _to(graph: Graph, before: Mapping[int, tuple[int, Way]], state: int) -> Path:
    steps: list[tuple[str, Way]] = []
    while state in before:
        state, way = before[state]
        steps.append((graph.deployments[state], way))
    return tuple(reversed(steps))


def _fails_in(asked: str, way: Way) -> frozenset[str]:
    return way.assumed if way.mishap is None else way.assumed | {asked}


def failing_sets(
    graph: Graph, ends: Ends, is_small: Callable[[frozenset[str]], bool] = lambda _: True
) -> frozenset[frozenset[str]]:
    """The smallest sets of deployments that fail on the paths to such a way.

    There is no path on which all that fails, or is found cooling, is in no set that holds one of them.
    Sets that are not `is_small` are left out.
    """
    found: dict[int, frozenset[frozenset[str]]] = {}
    for state in graph.backwards():
        asked = graph.deployments[state]
        here: set[frozenset[str]] = set()
        for way in graph.ways[state]:
            own = _fails_in(asked, way)
            if ends(asked, way):
                here.add(own)
            elif way.to >= 0:
                here |= {own | rest for rest in found[way.to]}
        found[state] = _smallest(one for one in here if is_small(one))
    return found[0]


def _smallest(sets: Iterable[frozenset[str]]) -> frozenset[frozenset[str]]:
    kept: list[frozenset[str]] = []
    for one in sorted(sets, key=len):
        if not any(smaller <= one for smaller in kept):
            kept.append(one)
    return frozenset(kept)


# --- The walk -------------------------------------------------------------------------------------


def explore(
    program: Program,
    route: str,
    request: Request,
    failures: Sequence[Mishap],
    known: Alike | None = None,
) -> Graph:
    """`program` is one of an opened Routing; `known` are its exchangeable deployments."""
    routing = program.routing
    endless = tuple(replace(one, deadline_s=None) for one in routing.routes)
    program = Program(replace(routing, routes=endless), program.semantics)
    known = alike(program.routing) if known is None else known
    return _Explorer(program, failures, known).graph(route, request)


class _State(NamedTuple):
    """A call that has asked `send.deployment`."""

    call: Call
    cooling: frozenset[str]
    met: frozenset[str]
    """Exchangeable deployments that it has asked and may ask again, and the last one of their kind."""
    send: Send


class _Landed(NamedTuple):
    call: Call
    command: Command
    wait_s: float
    cooling: frozenset[str]
    assumed: frozenset[str]
    draws: tuple[float, ...]


class _Explorer:
    def __init__(self, program: Program, failures: Sequence[Mishap], known: Alike) -> None:
        self.program = program
        self.known = known
        self.failures = failures
        self.units = units(program)
        self.alive = _Alive(program)
        self.keys = _Keys(program)
        rule = program.semantics.cooldown
        self.counts_first = rule is not None and rule.counts != "every"
        self.numbers: dict[object, int] = {}
        self.states: list[_State] = []

    def graph(self, route: str, request: Request) -> Graph:
        nothing = frozenset[str]()
        landed = self._land(begin(route, request), [Began(0.0)], nothing, nothing)
        ways = [tuple(self._way(None, 0.0, one, nothing) for one in landed)]
        done = 0
        count = 0
        while done < len(self.states) < MOST_STATES and count < MOST_WAYS:
            ways.append(tuple(self._ways(self.states[done])))
            count += len(ways[-1])
            done += 1
        asked = ("", *(state.send.deployment for state in self.states[:done]))
        is_whole = done == len(self.states)
        if not is_whole:
            ways = [tuple(w for w in each if w.to <= done) for each in ways]
        return Graph(route, asked, tuple(ways), is_whole, self.known)

    def _ways(self, state: _State) -> Iterator[Way]:
        call, cooling, met, send = state
        for one in self._land(call, [Ended(0.0)], cooling, met):
            yield self._way(None, _limit_s(send, _ANSWER), one, met)
        landed: dict[object, list[_Landed]] = {}
        for mishap in self.failures:
            alike_ = mishap.phase, mishap.does, mishap.retry_after_s
            if alike_ not in landed:
                every_ = self._land(call, list(mishap.events(0.0)), cooling, met)
                landed[alike_] = list(self._apart(every_, met))
            limit_s = _limit_s(send, mishap)
            yield from (self._way(mishap, limit_s, one, met) for one in landed[alike_])

    def _apart(self, landed: Iterable[_Landed], met: frozenset[str]) -> Iterator[_Landed]:
        """Without those that differ in nothing but the draws that led there."""
        seen: set[object] = set()
        for one in landed:
            is_over = isinstance(one.command, Finish)
            to = repr(one.command) if is_over else self._number(one, met)
            key = to, one.wait_s, one.assumed
            if key not in seen:
                seen.add(key)
                yield one

    def _way(
        self, mishap: Mishap | None, limit_s: float, landed: _Landed, met: frozenset[str]
    ) -> Way:
        command = landed.command
        to, finish = -1, None
        if isinstance(command, Send):
            to = self._number(landed, met)
        else:
            assert isinstance(command, Finish)
            finish = command
        return Way(mishap, to, finish, limit_s, landed.wait_s, landed.draws, landed.assumed)

    def _number(self, landed: _Landed, met: frozenset[str]) -> int:
        call, send = landed.call, landed.command
        assert isinstance(send, Send)
        alive = self.alive.of(call)
        met = self._met(met, send.deployment) & alive
        key = self._key(call, landed.cooling, alive), met
        if key not in self.numbers:
            self.states.append(_State(call, landed.cooling, met, send))
            self.numbers[key] = len(self.states)
        return self.numbers[key]

    def _met(self, before: frozenset[str], id_: str) -> frozenset[str]:
        """Those of which none stands for another any more: the last of its kind is one of them."""
        same = self.known.get(id_, ())
        met = before.union((id_,)).intersection(same)
        return before | (met if len(met) < len(same) - 1 else frozenset(same))

    def _land(
        self, call: Call, events: Sequence[Event], cooling: frozenset[str], met: frozenset[str]
    ) -> Iterator[_Landed]:
        landed = every(lambda choices: self._landed(call, events, cooling, choices))
        return (one for one in landed if self._stands_for_all(one, met))

    def _stands_for_all(self, landed: _Landed, met: frozenset[str]) -> bool:
        """Whether no earlier deployment could have been asked with the same to come of it."""
        command = landed.command
        if not isinstance(command, Send) or command.deployment in met:
            return True
        same = self.known.get(command.deployment, (command.deployment,))
        fresh = (id_ for id_ in same if id_ not in met and id_ not in landed.cooling)
        return next(fresh) == command.deployment

    def _landed(
        self, call: Call, events: Sequence[Event], cooling: frozenset[str], choices: Choices
    ) -> _Landed:
        world = AnyWorld(choices=choices, units=self.units, cooling=set(cooling))
        call, command, wait_s = run_on(self.program, call, events, world, choices.draws())
        still, draws = frozenset(world.cooling), tuple(choices.drawn)
        return _Landed(call, command, wait_s, still, frozenset(world.assumed), draws)

    # --- What of a call still matters -------------------------------------------------------------

    def _key(self, call: Call, cooling: frozenset[str], alive: frozenset[str]) -> object:
        """Equal for calls that go on alike: what was told of earlier attempts is past."""
        limit = self.program.routing.route(call.asked).attempts_limit
        return (
            call.deployment,
            call.route,
            call.attempts if limit is not None else 0,
            self.counts_first and call.attempts == 1,
            call.visited,
            call.arms,
            call.hops,
            self.keys.of(call.stack, alive),
            cooling & alive,
        )


def run_on(
    program: Program,
    call: Call,
    events: Sequence[Event],
    world: AnyWorld,
    draws: Iterator[float],
) -> tuple[Call, Command, float]:
    """Until the next attempt or the end, with the time that is waited before it."""
    wait_s = 0.0
    command: Command | None = None
    for event in events:
        call, command, effects = step(program, call, event, world, draws)
        world.apply(effects)
    while not isinstance(command, Send | Finish):
        match command:
            case Wait(seconds=seconds, jitter_s=jitter_s):
                wait_s += seconds + jitter_s
                event = Woke(0.0)
            case Inspect():
                event = Inspected(0.0, "pass")
            case Lookup():
                event = LookedUp(0.0, hit=False)
            case Reserve():
                event = Reserved(0.0)
            case _:
                raise AssertionError(f"nothing is listened to here: {command}")
        world.declined.clear()
        call, command, effects = step(program, call, event, world, draws)
        world.apply(effects)
    return call, command, wait_s


_ANSWER = Mishap("")


def _limit_s(send: Send, mishap: Mishap) -> float:
    """Of a failure in the content the answer itself has taken the time."""
    limit_s = inf if send.timeout_s is None else send.timeout_s
    if mishap.phase == "headers":
        return limit_s
    first_s = inf if send.first_token_s is None else send.first_token_s
    return first_s if mishap.phase == "silent" else 0.0


def units(program: Program) -> Mapping[str, frozenset[str]]:
    """Of each deployment that can cool, those that it cools with as far as anything can tell.

    Where any child of a pool may be picked, one that cools only makes the picks fewer: what matters is
    whether all of them do.
    """
    able = {d.id for d in program.routing.deployments if _can_cool(program, d)}
    found = {id_: frozenset({id_}) for id_ in able}
    nodes = list(_nodes(program.routing))
    places = Counter(node.deployment for node in nodes if isinstance(node, Target))
    for node in nodes:
        members = frozenset(picked_freely(node))
        if members and all(places[id_] == 1 for id_ in members):
            found |= dict.fromkeys(members & able, members & able)
    return found


_MOST_REMEMBERED = 1000
"""Failures of a deployment that a World keeps: a count beyond it is never reached."""


def _can_cool(program: Program, deployment: Deployment) -> bool:
    rule, given = program.semantics.cooldown, deployment.cooldown
    if rule is None:
        return False
    if given is None:
        return rule.lasts_s > 0
    counts = (given.allowed_failures, *(count for _, count in given.per_failure))
    return given.lasts_s > 0 and any(n is None or n <= _MOST_REMEMBERED for n in counts)


class _Keys:
    """What of a call's frames makes a difference to how it goes on."""

    def __init__(self, program: Program) -> None:
        rule = program.semantics.cooldown
        self.blames = rule is not None and rule.counts == "rungs"
        rungs = (rung for node in _nodes(program.routing) for rung in _rungs(node)[1:])
        self.sets = tuple(dict.fromkeys(rung.on for rung in rungs))
        self.units = units(program)
        chains = (node for node in _nodes(program.routing) if isinstance(node, Chain))
        self.tells_first = any(chain.tells == "first" for chain in chains)

    def of(self, frames: tuple[Frame, ...], alive: frozenset[str]) -> object:
        is_retried = False
        found = []
        for frame in frames:
            found.append(self._frame(frame, alive, is_retried))
            is_retried = is_retried or isinstance(frame.node, Retry)
        return tuple(found)

    def _frame(self, frame: Frame, alive: frozenset[str], is_retried: bool) -> object:
        node, cause = frame.node, None
        key: object = id(node)
        match node:
            case Ref(route=name):
                key, cause = name, frame.cause
            case Chain(rungs=rungs, tells=tells):
                if all(isinstance(rung.child, Ref) for rung in rungs):
                    key = tuple(str(rung) for rung in rungs)  # some are made on the way
                cause = frame.cause if tells == "first" else None
            case _:
                pass
        told = None if cause is None else self._cause(cause, alive, is_retried)
        return key, frame.index, frame.count, frame.skip, frame.overruled, frame.hops, told

    def _cause(self, fault: Fault, alive: frozenset[str], is_retried: bool) -> object:
        """As much of a failure that may yet come out as those above it can tell."""
        if is_retried:
            return fault.failure, id(fault.row), fault.deployment, fault.opened, fault.counted
        is_blamed = self.blames and fault.deployment in alive and fault.deployment in self.units
        falls = fault.row is None or fault.row.falls
        told = tuple(fault.failure in each for each in self.sets)
        is_good = fault.failure.startswith("2")
        opened = self.tells_first and fault.opened
        return told, falls, fault.row is None, is_good, is_blamed and fault.deployment, opened


def _nodes(routing: Routing) -> Iterator[Node]:
    for route in routing.routes:
        yield from walk(route.node)


def _rungs(node: Node) -> tuple[Rung, ...]:
    return node.rungs if isinstance(node, Chain) else ()


class _Alive:
    """Which deployments a call may still ask, or ask about."""

    def __init__(self, program: Program) -> None:
        self.routing: Routing = program.routing
        self.semantics = program.semantics
        self.looks_at_group = any(row.healthy_left is not None for row in program.semantics.rows)
        self._below: dict[int, tuple[Node, frozenset[str]]] = {}

    def of(self, call: Call) -> frozenset[str]:
        found: set[str] = set()
        for frame in call.stack:
            match frame.node:
                case Retry(child=child):
                    found |= self.below(child)
                case Chain(rungs=rungs):
                    for rung in rungs[frame.index + 1 :]:
                        found |= self.below(rung.child)
                case Ref(route=name):
                    if self.semantics.resumes_list:
                        found |= self.below(self.routing.route(call.asked).node)
                    if self.looks_at_group and self.routing.has_route(name):
                        found |= set(deployments_of(self.routing.route(name).node))
                case _:
                    pass
        if self.looks_at_group:
            found |= set(deployments_of(self.routing.route(call.asked).node))
        return frozenset(found)

    def below(self, node: Node) -> frozenset[str]:
        """All that the node leads to, `Ref`s followed."""
        known = self._below.get(id(node))
        if known is None:
            known = self._below[id(node)] = node, self._closure(node)
        return known[1]

    def _closure(self, node: Node) -> frozenset[str]:
        found: set[str] = set()
        visited: set[str] = set()
        waiting = [node]
        while waiting:
            here = waiting.pop()
            match here:
                case Target(deployment=id_):
                    found.add(id_)
                case Ref(route=name):
                    if name not in visited and self.routing.has_route(name):
                        visited.add(name)
                        waiting.append(self.routing.route(name).node)
                case _:
                    waiting += children(here)
        return frozenset(found)
