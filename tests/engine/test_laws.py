"""What holds for every route tree, every gateway's habits and every sequence of answers."""

from collections.abc import Sequence
from itertools import cycle
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from designer.engine.call import Program, begin, step
from designer.engine.events import (
    Began,
    Failed,
    Finish,
    FirstToken,
    Headers,
    Inspect,
    Inspected,
    Left,
    Request,
    Send,
    Wait,
    Woke,
)
from designer.engine.outcomes import Outcome
from designer.engine.semantics import Semantics
from designer.engine.virtual import Arrival, Run, perform
from designer.engine.world import World
from designer.ir import Routing
from tests.engine.driving import Scripted
from tests.engine.strategies import (
    IDS,
    answers,
    calls,
    draws,
    requests,
    routings,
    semantics,
    verdicts,
)

Calls = list[tuple[float, str, Request]]


def played(
    program: Program,
    listed: dict[str, list[Outcome]],
    asked: Calls,
    said: list[Any],
    chance: Sequence[float],
    world: World | None = None,
    around: Scripted | None = None,
) -> list[Run]:
    around = around or Scripted(listed, verdicts=cycle(said))
    arrivals = [Arrival(at, route, request) for at, route, request in asked]
    return list(perform(program, arrivals, around, world or World(), cycle(chance)))


any_play = given(routings(), semantics(), answers, calls, verdicts, draws)


@any_play
def test_every_call_ends_with_one_finish(
    routing: Routing,
    habits: Semantics,
    listed: dict[str, list[Outcome]],
    asked: Calls,
    said: list[Any],
    chance: list[float],
) -> None:
    runs = played(Program(routing, habits), listed, asked, said, chance)

    assert sorted(run.index for run in runs) == list(range(len(asked)))
    assert all(run.finish is not None and 100 <= run.finish.status <= 599 for run in runs)


@any_play
def test_the_attempts_limit_of_the_asked_route_holds_for_the_whole_call(
    routing: Routing,
    habits: Semantics,
    listed: dict[str, list[Outcome]],
    asked: Calls,
    said: list[Any],
    chance: list[float],
) -> None:
    for run in played(Program(routing, habits), listed, asked, said, chance):
        limit = routing.route(run.arrival.route).attempts_limit
        assert limit is None or len(run.attempts) <= limit


@any_play
def test_nothing_is_asked_while_it_cools(
    routing: Routing,
    habits: Semantics,
    listed: dict[str, list[Outcome]],
    asked: Calls,
    said: list[Any],
    chance: list[float],
) -> None:
    world = World()
    cooling: list[str] = []

    def check(_run: Run, send: Send, at: float) -> None:
        if world.is_cooling(send.deployment, at):
            cooling.append(send.deployment)

    around = Scripted(listed, cycle(said), on_send=check)
    played(Program(routing, habits), listed, asked, said, chance, world, around)

    assert cooling == []


@any_play
def test_no_call_outlives_its_deadline(
    routing: Routing,
    habits: Semantics,
    listed: dict[str, list[Outcome]],
    asked: Calls,
    said: list[Any],
    chance: list[float],
) -> None:
    around = Scripted(listed, cycle(said), jitter_share=1.0)
    for run in played(Program(routing, habits), listed, asked, said, chance, around=around):
        deadline_s = routing.route(run.arrival.route).deadline_s
        if deadline_s is not None:
            assert run.took_s <= deadline_s + 1e-6
            assert all(a.at < run.arrival.at + deadline_s for a in run.attempts)


@any_play
def test_who_serves_is_who_was_asked_last(
    routing: Routing,
    habits: Semantics,
    listed: dict[str, list[Outcome]],
    asked: Calls,
    said: list[Any],
    chance: list[float],
) -> None:
    for run in played(Program(routing, habits), listed, asked, said, chance):
        assert run.finish is not None
        if run.finish.served_by is not None:
            assert run.finish.served_by == run.attempts[-1].deployment
        if run.is_served:
            assert run.finish.status == 200
            assert run.attempts[-1].outcome == "200"


@any_play
def test_the_same_inputs_give_the_same_run(
    routing: Routing,
    habits: Semantics,
    listed: dict[str, list[Outcome]],
    asked: Calls,
    said: list[Any],
    chance: list[float],
) -> None:
    program = Program(routing, habits)

    assert played(program, listed, asked, said, chance) == played(
        program, listed, asked, said, chance
    )


@any_play
def test_nothing_stays_in_flight(
    routing: Routing,
    habits: Semantics,
    listed: dict[str, list[Outcome]],
    asked: Calls,
    said: list[Any],
    chance: list[float],
) -> None:
    world = World()

    played(Program(routing, habits), listed, asked, said, chance, world)

    assert {world.in_flight(id_) for id_ in IDS} == {0}


@given(routings(), semantics(), requests, draws, st.integers(0, 12))
def test_a_client_may_leave_at_any_moment_and_nothing_stays_in_flight(
    routing: Routing, habits: Semantics, request: Request, chance: list[float], moment: int
) -> None:
    program, world, at = Program(routing, habits), World(), 0.0
    u = cycle(chance)
    call, command, effects = step(program, begin("chat", request), Began(0.0), world, u)
    world.apply(effects)
    for _ in range(moment):
        at += 0.1
        match command:
            case Finish():
                return
            case Wait():
                event: Any = Woke(at)
            case Send() if request.stream:
                event = Headers(at)
            case Send():
                event = Failed(at, "503", 503)
            case Inspect():
                event = Inspected(at, "pass")
            case _:
                event = FirstToken(at) if call.phase == "headers" else Failed(at, "stream_cut")
        call, command, effects = step(program, call, event, world, u)
        world.apply(effects)
    if isinstance(command, Finish):
        return

    call, command, effects = step(program, call, Left(at), world, u)
    world.apply(effects)

    assert command == Finish(499, failure="client_left")
    assert {world.in_flight(id_) for id_ in IDS} == {0}


@any_play
def test_a_stream_whose_content_went_out_is_never_started_again(
    routing: Routing,
    habits: Semantics,
    listed: dict[str, list[Outcome]],
    asked: Calls,
    said: list[Any],
    chance: list[float],
) -> None:
    """Only the last attempt of a call may have shown the caller something."""
    again: list[str] = []

    def check(run: Run, send: Send, _at: float) -> None:
        holds_back = routing.route(run.arrival.route).mid_stream == "buffer"
        if run.first_content_at is not None and not holds_back:
            again.append(send.deployment)

    around = Scripted(listed, cycle(said), on_send=check)
    played(Program(routing, habits), listed, asked, said, chance, around=around)

    assert again == []
