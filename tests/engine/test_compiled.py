"""The compiled program is the interpreter, only faster: nothing that can be seen tells them apart."""

from collections.abc import Sequence
from itertools import count, cycle
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct, field
from msgspec.structs import replace

from designer.engine.call import Program
from designer.engine.events import Request, Send, Usage
from designer.engine.machine import Machine, Prospect
from designer.engine.outcomes import Outcome, Refusal, refusal_of
from designer.engine.program import compiled
from designer.engine.routine import Routine
from designer.engine.screens import Screen
from designer.engine.semantics import RetryAfter, Semantics
from designer.engine.swift import perform as perform_swiftly
from designer.engine.virtual import Arrival, Attempt, perform
from designer.engine.world import Minute, World
from designer.gateways.litellm.semantics import LITELLM_1_106
from designer.gateways.openrouter.semantics import SEMANTICS as OPENROUTER
from designer.gateways.portkey_cloud.semantics import HOSTED
from designer.gateways.portkey_oss.semantics import DOCKER
from designer.gateways.reference import REFERENCE
from designer.ir import (
    COOLING,
    Chain,
    Deployment,
    Node,
    Pool,
    Ref,
    Remote,
    Retry,
    Route,
    Routing,
    Rung,
    Split,
    Switch,
    Target,
    Team,
    children,
    failures,
)
from tests.engine.driving import Scripted, seen_of_flight, seen_of_run
from tests.engine.strategies import (
    IDS,
    ROUTES,
    answers,
    billed_answers,
    calls,
    draws,
    heedless_nodes,
    ordinary_answers,
    particular_calls,
    routings,
    screens,
    semantics,
    straight_nodes,
    verdicts,
)

Calls = list[tuple[float, str, Request]]
Seen = tuple[Any, ...]

GATEWAYS = (REFERENCE, LITELLM_1_106, DOCKER, HOSTED, OPENROUTER)


@st.composite
def habits(draw: st.DrawFn) -> Semantics:
    """A gateway's own, or any mixture of what the tables can say; with slots or without."""
    known = draw(st.sampled_from((None, *GATEWAYS)))
    slots = draw(st.just({}) | st.dictionaries(st.sampled_from(IDS), st.integers(1, 2)))
    if known is not None:
        return replace(known, slots=slots)
    rule = st.builds(
        RetryAfter,
        on=st.just(failures(429, 503)),
        at_least_s=st.sampled_from([0.0, 3.0]),
        at_most_s=st.sampled_from([20.0, 100.0]),
        gives_up_above=st.booleans(),
        at_most_in_all_s=st.sampled_from([None, 3.0]),
        after_last=st.booleans(),
        ends_backoff=st.booleans(),
    )
    mixed = draw(semantics())
    cooldown = mixed.cooldown
    if cooldown is not None:
        alone = draw(st.sampled_from([None, 2]))
        cooldown = replace(cooldown, alone_least_requests=alone)
    rows = tuple(
        replace(row, silent=draw(st.booleans())) if "content" not in row.phases else row
        for row in mixed.rows
    )
    return replace(
        mixed,
        slots=slots,
        rows=rows if draw(st.integers(0, 3)) == 0 else mixed.rows,
        retry_after=draw(st.none() | rule),
        cooldown=cooldown,
        tells_no_route=draw(st.booleans()),
        compares=draw(st.sampled_from(["values", "javascript"])),
        depth=draw(st.integers(1, 5)),
        depth_counts=draw(st.sampled_from(["routes", "hops"])),
        resumes_list=draw(st.booleans()),
        overlooks=draw(st.sampled_from([frozenset(), frozenset({"no_done", "malformed_chunk"})])),
        one_stream_limit=draw(st.booleans()),
        stages=draw(
            st.sampled_from(
                [
                    mixed.stages,
                    ("reserve", "guard_in", "cache", "route", "guard_out", "settle"),
                    ("guard_in", "route", "settle"),
                ]
            )
        ),
    )


@st.composite
def wild_routings(draw: st.DrawFn) -> Routing:
    """Lists of other routes, stand-ins, discarded answers, counts of one's own, names of nothing."""
    routing = draw(routings())
    name = st.sampled_from([*ROUTES, "nowhere", "other"])

    def varied(node: Node) -> Node:
        match node:
            case Chain(rungs=rungs):
                own = (replace(rung, child=varied(rung.child)) for rung in rungs)
                return replace(node, rungs=tuple(_varied(rung) for rung in own))
            case Retry(child=child):
                counts = draw(st.sampled_from([(), ((IDS[0], 2),)]))
                return replace(node, child=varied(child), per_deployment=counts)
            case Ref():
                return Ref(draw(name))
            case Pool(children=inner):
                return replace(node, children=tuple(varied(child) for child in inner))
            case Remote(child=child):
                return Remote(varied(child))
            case Switch(cases=cases, otherwise=otherwise):
                rest = None if otherwise is None else varied(otherwise)
                told = tuple(replace(case, child=varied(case.child)) for case in cases)
                return replace(node, cases=told, otherwise=rest)
            case Split(arms=arms):
                return replace(node, arms=tuple(replace(a, child=varied(a.child)) for a in arms))
            case _:
                return node

    def _varied(rung: Rung) -> Rung:
        on = draw(st.sampled_from([rung.on, rung.on, COOLING, failures(200, 503)]))
        return replace(rung, on=on, asked_only=draw(st.booleans()))

    def listed(node: Node) -> Node:
        """A route with a list of others, as LiteLLM's fallbacks are."""
        if not draw(st.booleans()):
            return node
        refs = tuple(Rung(Ref(draw(name))) for _ in range(draw(st.integers(1, 2))))
        on = draw(st.sampled_from([refs[0].on, failures(429, 503)]))
        further = Rung(Chain(refs), on, draw(st.booleans()))
        return Chain((Rung(node), further), "first" if draw(st.booleans()) else "last")

    routes = tuple(replace(route, node=listed(varied(route.node))) for route in routing.routes)
    led = (("chat", draw(name)), ("other", draw(name)))
    teams = draw(st.sampled_from([(), (Team("blue", aliases=led),)]))
    return replace(routing, routes=routes, aliases=(("other", "chat"),), teams=teams)


def interpreted(
    program: Program, around: Scripted, arrivals: list[Arrival], chance: list[float]
) -> tuple[list[Seen], World]:
    world = World()
    runs = perform(program, arrivals, around, world, cycle(chance))
    return [seen_of_run(run) for run in runs], world


def swiftly(
    program: Program, around: Scripted, arrivals: list[Arrival], chance: list[float]
) -> tuple[list[Seen], World]:
    world = World()
    machine = Machine(compiled(program), world, cycle(chance))
    flights = perform_swiftly([machine], arrivals, around)
    return [seen_of_flight(flight) for flight in flights], world


@given(
    wild_routings() | routings(straight_nodes),
    habits(),
    answers,
    calls,
    verdicts,
    draws,
    st.sampled_from([None, None, None, "budget", "limit"]),
    st.sampled_from([False, False, True]),
    st.sampled_from([0.0, 0.4, 1.0]),
)
def test_the_compiled_program_does_what_the_interpreter_says(
    routing: Routing,
    semantics: Semantics,
    listed: dict[str, list[Outcome]],
    asked: Calls,
    said: list[Any],
    chance: list[float],
    refuses: str | None,
    has_cached: bool,
    jitter: float,
) -> None:
    def around() -> Scripted:
        return Scripted(
            listed, cycle(said), refuses=refuses, has_cached=has_cached, jitter_share=jitter
        )

    program = Program(routing, semantics)
    arrivals = [Arrival(at, route, request) for at, route, request in asked]
    one, other = around(), around()

    runs, world = interpreted(program, one, arrivals, chance)
    flights, own_world = swiftly(program, other, arrivals, chance)

    assert flights == runs
    assert own_world == world
    assert other.inspected == one.inspected


class Seeing(Struct):
    """Foresees every scripted answer that is nothing but an answer or a refusal, and remembers what came of it."""

    around: Scripted
    ids: tuple[str, ...]
    arrivals: list[Arrival]
    seen: list[Seen] = field(default_factory=list)

    def foresee(
        self, arrival: Arrival, prospect: Prospect, at: float, before: Sequence[Attempt]
    ) -> float | Refusal | None:
        id_ = self.ids[prospect.deployment]
        outcome = self.around.next_of(id_)
        refusal, delay_s = refusal_of(outcome), outcome.delay_s
        begins_s = max(delay_s, outcome.first_token_s or 0.0)
        ends_s = max(begins_s, outcome.ends_s or 0.0)
        if refusal is not None and prospect.allows(at, delay_s, delay_s):
            self.around.answer(None, Send(id_, None), at)
            return refusal
        if outcome.status != 200 or outcome.kind or not prospect.allows(at, begins_s, ends_s):
            return None
        self.around.answer(None, Send(id_, None), at)
        attempts = [*before, Attempt(id_, at, "200")]
        index = next(n for n, one in enumerate(self.arrivals) if one is arrival)
        told = (200, id_, None, False, True, index, attempts, at + ends_s)
        first_at = at + begins_s if arrival.request.stream else None
        self.seen.append((*told, first_at, Usage(), (), prospect.route, len(attempts)))
        return ends_s


def minded(world: World, semantics: Semantics) -> dict[str, tuple[Any, ...]]:
    """What anybody asks of a World where only failures and answers are counted."""
    counts = semantics.cooldown is not None
    found = {
        id_: (
            health.cooling_until,
            health.answered if counts else Minute(),
            health.failed,
            health.failures_at,
        )
        for id_ in IDS
        for health in (world.health_of(id_),)
    }
    return {**found, "turns": (world._turns,)}


@given(
    routings(heedless_nodes),
    habits(),
    ordinary_answers | answers,
    st.lists(calls, max_size=3),
    draws,
    st.booleans(),
    st.booleans(),
)
def test_what_was_foreseen_is_what_comes(
    routing: Routing,
    semantics: Semantics,
    listed: dict[str, list[Outcome]],
    asked: list[Calls],
    chance: list[float],
    keeps_health: bool,
    is_free: bool,
) -> None:
    """Each stream comes at a time of its own, as no stream that is foreseen may end as another call fails."""
    habit = semantics if keeps_health else replace(semantics, cooldown=None)
    routes = tuple(replace(r, deadline_s=None, sticky="none") for r in routing.routes)
    routing = replace(routing, routes=routes if is_free else routing.routes, guardrails=())
    program = Program(routing, habit)
    listed_calls = ((at + 50.0 * n, *call) for n, some in enumerate(asked) for at, *call in some)
    arrivals = sorted(map(_alone, count(1), listed_calls), key=lambda arrival: arrival.at)
    around, world = Scripted(listed), World()
    seeing = Seeing(around, compiled(program).ids, arrivals)
    machine = Machine(compiled(program), world, cycle(chance))

    runs, other_world = interpreted(program, Scripted(listed), arrivals, chance)
    flights = perform_swiftly([machine], arrivals, around, seeing)

    seen = [*map(_without_route, map(seen_of_flight, flights)), *seeing.seen]
    assert sorted(seen, key=_by_index) == sorted(map(_without_route, runs), key=_by_index)
    assert minded(world, habit) == minded(other_world, habit)


def _alone(number: int, call: tuple[float, str, Request]) -> Arrival:
    at, route, request = call
    return Arrival(at + number * OWN_S if request.stream else at, route, request)


OWN_S = 0.000_976_1
"""No sum of what else is drawn."""


def _without_route(seen: Seen) -> Seen:
    """Nobody who foresees an answer is told to which route a fallback had led."""
    return (*seen[:-2], seen[-1])


def _by_index(seen: Seen) -> int:
    return int(seen[5])


def test_what_a_call_comes_to_first_is_known_where_nothing_else_is_to_be_decided() -> None:
    one, other = Target(IDS[0]), Target(IDS[1])
    pool = Pool((one, other))
    nodes: dict[str, Node] = {
        "within": Chain((Rung(Retry(pool, 1)), Rung(one, failures("cooling")))),
        "never further": Chain((Rung(pool), Rung(one, failures(503)))),
        "alone": Retry(one, 1),
        "nested": Pool((pool, one)),
        "elsewhere": Ref("alone"),
    }
    routes = tuple(Route(name, node) for name, node in nodes.items())
    routing = Routing(routes, tuple(Deployment(id_, "p", "m") for id_ in IDS))
    paths = compiled(Program(routing, REFERENCE)).paths

    firsts = {name: [choice.asks for choice in paths[name].firsts] for name in nodes}

    assert firsts == {
        "within": [(0, 1), (0,)],
        "never further": [(0, 1)],
        "alone": [(0,)],
        "nested": [],
        "elsewhere": [],
    }


def test_a_failed_attempt_leaves_its_slot_before_a_next_try_that_waits_for_nothing() -> None:
    pool = Pool((Target(IDS[0]), Target(IDS[1])), pick="cheapest")
    deployments = tuple(Deployment(id_, "p", "m") for id_ in IDS)
    routing = Routing((Route("chat", Retry(pool, 1)),), deployments)
    program = Program(routing, replace(LITELLM_1_106, slots={IDS[0]: 1}))
    answers = {IDS[0]: [Outcome(status=500), Outcome()]}
    arrivals = [Arrival(0.0, "chat", Request())]

    [seen], world = interpreted(program, Scripted(answers), arrivals, [0.5])
    [flight], own_world = swiftly(program, Scripted(answers), arrivals, [0.5])

    assert (flight, own_world) == (seen, world)
    assert [(one.deployment, one.outcome) for one in seen[6]] == [(IDS[0], "500"), (IDS[0], "200")]


def test_no_answer_is_foreseen_where_a_call_may_come_to_a_full_deployment() -> None:
    full, free = Target(IDS[0]), Target(IDS[1])
    nodes = {"near": full, "far": Chain((Rung(free), Rung(Ref("near")))), "never": free}
    routes = tuple(Route(name, node) for name, node in nodes.items())
    routing = Routing(routes, tuple(Deployment(id_, "p", "m") for id_ in IDS))

    paths = compiled(Program(routing, replace(REFERENCE, slots={IDS[0]: 1}))).paths

    assert {name for name in nodes if paths[name].firsts} == {"never"}


@given(wild_routings(), habits(), screens, billed_answers, particular_calls, draws)
def test_the_compiled_program_screens_as_the_interpreter_does(
    routing: Routing,
    semantics: Semantics,
    screened: tuple[Screen, ...],
    listed: dict[str, list[Outcome]],
    asked: Calls,
    chance: list[float],
) -> None:
    program = Program(routing, replace(semantics, screens=screened))
    arrivals = [Arrival(at, route, request) for at, route, request in asked]

    runs, world = interpreted(program, Scripted(listed), arrivals, chance)
    flights, own_world = swiftly(program, Scripted(listed), arrivals, chance)

    assert flights == runs
    assert own_world == world


@given(routings(), habits(), st.sampled_from(["nowhere", "chat"]))
def test_a_route_that_is_not_there_is_refused_without_asking_anybody(
    routing: Routing, semantics: Semantics, name: str
) -> None:
    arrivals = [Arrival(0.0, name, Request())]
    runs, _ = interpreted(Program(routing, semantics), Scripted(), arrivals, [0.5])
    flights, _ = swiftly(Program(routing, semantics), Scripted(), arrivals, [0.5])

    assert flights == runs
    assert (flights[0][2] == "no_route" and not flights[0][6]) or name == "chat"


def test_every_kind_of_node_is_compiled() -> None:
    """What the strategies draw from has every node of the tree in it, so that the law is about all."""
    found: set[type] = set()

    @given(wild_routings())
    def look(routing: Routing) -> None:
        waiting = [route.node for route in routing.routes]
        while waiting:
            node = waiting.pop()
            found.add(type(node))
            waiting += children(node)

    look()

    assert {Chain, Pool, Ref, Remote, Retry, Split, Switch} <= found


def test_what_a_failure_leads_to_is_known_without_health_and_by_who_failed() -> None:
    node = Retry(Pool((Target("a"), Target("b"), Target("c"))), 1)
    routes = (Route("chat", node), Route("hasty", node, deadline_s=9.0))
    routing = Routing(routes, tuple(Deployment(id_, "p", "m") for id_ in IDS))
    rows = tuple(replace(row, skips=True) for row in REFERENCE.rows)
    skipping = replace(REFERENCE, cooldown=None, rows=rows)
    routine = Routine(compiled(Program(routing, skipping)))
    healthy = Routine(compiled(Program(routing, REFERENCE)))

    stop, refusal = routine.first("chat"), refusal_of(Outcome(status=503))

    assert stop is not None
    assert refusal is not None
    turns = [routine.turn(stop, child, refusal) for child in (0, 1)]
    assert [turn.stop.able for turn in turns if turn is not None] == [(1, 2), (0, 2)]
    assert (routine.first("hasty"), healthy.first("chat")) == (None, None)
