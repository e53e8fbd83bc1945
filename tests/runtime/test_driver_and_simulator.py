"""The runtime's driver and the simulator's perform the same decisions at the same times.

Random routes, habits and faults; the provider speaks over the wire to the one and in events to the
other. Nothing of ours is replaced: only the network's end and the clock are the test's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from designer.engine.call import Program
from designer.engine.events import Finish, Request
from designer.engine.outcomes import Outcome
from designer.engine.semantics import Semantics
from designer.engine.world import World
from designer.gateways.reference import REFERENCE
from designer.ir import Routing
from runtime.attempt import Endpoint
from runtime.driver import Done, Driver, NoLimits
from runtime.upstream import DIALECTS, Target
from tests.engine import strategies
from tests.engine.driving import Scripted, drive
from tests.runtime.virtual_time import Provider, VirtualLoop, endless

Calls = Sequence[tuple[float, str, Request]]
Seen = tuple[list[tuple[str, float]], Finish, float]


def simulated(
    program: Program, answers: Mapping[str, Sequence[Outcome]], calls: Calls, draws: list[float]
) -> tuple[list[Seen], World]:
    world, around, chance, seen = World(), Scripted(answers), endless(draws), []
    at = 0.0
    for gap_s, route, request in calls:
        at += gap_s
        (run,) = drive(program, around, [(at, route, request)], chance, world)  # type: ignore[arg-type]
        assert run.finish is not None
        seen.append(([(a.deployment, a.at) for a in run.attempts], run.finish, run.ended_at))
        at = run.ended_at
    return seen, world


def performed(
    program: Program, answers: Mapping[str, Sequence[Outcome]], calls: Calls, draws: list[float]
) -> tuple[list[Seen], World]:
    loop = VirtualLoop()
    provider, world = Provider(answers), World()
    endpoints = {
        d.id: Endpoint(Target(f"http://{d.id}/v1", d.model), DIALECTS["openai"])
        for d in program.routing.deployments
    }
    driver = Driver(program, world, endpoints, provider, loop.time, endless(draws))

    async def one(route: str, request: Request) -> Done:
        body: dict[str, Any] = {"model": route, "messages": [], "stream": request.stream}
        async with aclosing(driver.perform(route, request, body, NoLimits())) as said:
            async for piece in said:
                if isinstance(piece, Done):
                    return piece
        raise AssertionError("a call ends with Done")

    async def everything() -> list[Seen]:
        seen = []
        for gap_s, route, request in calls:
            await asyncio.sleep(gap_s)
            before = len(provider.asked)
            done = await one(route, request)
            seen.append((provider.asked[before:], done.finish, loop.time()))
        return seen

    try:
        return loop.run_until_complete(everything()), world
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def rounded(seen: list[Seen]) -> list[Any]:
    return [
        ([(id_, round(at, 6)) for id_, at in asked], finish, round(ended, 6))
        for asked, finish, ended in seen
    ]


@given(
    routing=strategies.routings(),
    habits=strategies.semantics(),
    answers=strategies.answers,
    calls=strategies.calls,
    draws=st.lists(st.floats(0, 0.99), min_size=1, max_size=5),
)
def test_the_driver_does_what_the_simulator_says(
    routing: Routing,
    habits: Semantics,
    answers: dict[str, list[Outcome]],
    calls: list[tuple[float, str, Request]],
    draws: list[float],
) -> None:
    habits = replace(
        habits,
        backoff=replace(habits.backoff, jitter_s=0.0),
        # What the runtime's decoder forgives is its own, whatever gateway it follows.
        overlooks=REFERENCE.overlooks,
    )
    program = Program(replace(routing, guardrails=()), habits)

    said, world = simulated(program, answers, calls, draws)
    done, own_world = performed(program, answers, calls, draws)

    assert rounded(done) == rounded(said)
    assert own_world == world
