"""Perform calls in virtual time: the driver that trace and simulation share.

A heap of events and one World. Everything that is not the engine's to decide, what providers and
guardrails answer and how much jitter is slept, comes from `Surroundings`; so does chance.
"""

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from typing import Protocol, TypeVar

from msgspec import Struct, field

from designer.engine.call import Call, Program, begin, step
from designer.engine.events import (
    Began,
    Ended,
    Event,
    Finish,
    FirstToken,
    Inspect,
    Inspected,
    Listen,
    LookedUp,
    Lookup,
    Request,
    Reserve,
    Reserved,
    Send,
    Usage,
    Wait,
    Woke,
)
from designer.engine.outcomes import Outcome, Played, play
from designer.engine.world import World


class Arrival(Struct, frozen=True):
    at: float
    route: str
    request: Request


class Attempt(Struct, frozen=True, gc=False):
    deployment: str
    at: float
    outcome: str
    """The label of what will have come of it."""
    hung: bool = False


class Run(Struct):
    """One call on its way, and afterwards what became of it. Changed by `perform` alone."""

    index: int
    arrival: Arrival
    call: Call
    attempts: list[Attempt] = field(default_factory=list)
    coming: list[Event] = field(default_factory=list)
    """Events of the present attempt that have not happened yet, the last one first."""
    first_content_at: float | None = None
    """When a stream's first content came; of several attempts, the last one's that had any."""
    finish: Finish | None = None
    ended_at: float = 0.0
    usage: Usage = Usage()
    """Of the answer that was served."""

    @property
    def took_s(self) -> float:
        return self.ended_at - self.arrival.at

    @property
    def is_served(self) -> bool:
        """Whether the caller got a whole answer."""
        finish = self.finish
        return finish is not None and finish.failure is None


Who = TypeVar("Who", contravariant=True)


class Surroundings(Protocol[Who]):
    """`Who` is how a driver calls a call on its way: `Run` here."""

    def answer(self, run: Who, send: Send, at: float) -> Outcome: ...

    def inspect(self, run: Who, ask: Inspect, at: float) -> Inspected: ...

    def look_up(self, run: Who, at: float) -> LookedUp: ...

    def reserve(self, run: Who, at: float) -> Reserved: ...

    def jitter(self) -> float:
        """The share of its jitter that a wait takes, in [0, 1]."""


def perform(
    program: Program,
    arrivals: Iterable[Arrival],
    around: Surroundings[Run],
    world: World,
    draws: Iterator[float],
) -> Iterator[Run]:
    """Each call when it is over. `arrivals` are in order of time; of equal times the first is first."""
    coming = enumerate(arrivals)
    heap: list[tuple[float, int, Run, Event]] = []
    order = 0

    def admit() -> None:
        nonlocal order
        for index, arrival in coming:
            run = Run(index, arrival, begin(arrival.route, arrival.request))
            order += 1
            heappush(heap, (arrival.at, order, run, Began(arrival.at)))
            return

    admit()
    while heap:
        at, _, run, event = heappop(heap)
        if isinstance(event, Began):
            admit()
        elif isinstance(event, FirstToken):
            run.first_content_at = at
        elif isinstance(event, Ended):
            run.usage = event.usage
        run.call, command, effects = step(program, run.call, event, world, draws)
        world.apply(effects)
        match command:
            case Send():
                played = play(
                    around.answer(run, command, at),
                    command,
                    run.arrival.request.stream,
                    at,
                    program.semantics.overlooks,
                )
                event = _expect(run, command, played, at)
            case Listen():
                event = run.coming.pop()
            case Wait(seconds=seconds, jitter_s=jitter_s):
                event = Woke(at + seconds + (jitter_s * around.jitter() if jitter_s else 0.0))
            case Inspect():
                event = around.inspect(run, command, at)
            case Lookup():
                event = around.look_up(run, at)
            case Reserve():
                event = around.reserve(run, at)
            case Finish():
                run.finish, run.ended_at = command, at
                yield run
                continue
        order += 1
        heappush(heap, (event.at, order, run, event))


def _expect(run: Run, send: Send, played: Played, at: float) -> Event:
    run.attempts.append(Attempt(send.deployment, at, played.label, played.hung))
    run.coming = list(reversed(played.events))
    return run.coming.pop()
