"""Surroundings for tests: scripted answers, and a driver that checks the World as it goes."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from itertools import cycle, tee
from typing import Any

from msgspec import Struct, field

from designer.engine.call import Program
from designer.engine.events import Inspect, Inspected, LookedUp, Request, Reserved, Send
from designer.engine.machine import Machine
from designer.engine.outcomes import Outcome
from designer.engine.program import compiled
from designer.engine.swift import Flight
from designer.engine.swift import perform as perform_swiftly
from designer.engine.virtual import Arrival, Run, perform
from designer.engine.world import World

GOOD = Outcome()


def status(code: int, **more: Any) -> Outcome:
    return Outcome(status=code, **more)


def kind(name: str, **more: Any) -> Outcome:
    return Outcome(kind=name, **more)


class Scripted(Struct):
    """Answers in order, the last one again and again; a deployment without any answers 200."""

    answers: Mapping[str, Sequence[Outcome]] = field(default_factory=dict)
    verdicts: Iterator[Any] = field(default_factory=lambda: cycle(["pass"]))
    on_send: Callable[[Run, Send, float], None] = lambda run, send, at: None
    jitter_share: float = 0.0
    inspected: list[Inspect] = field(default_factory=list)
    refuses: str | None = None
    has_cached: bool = False
    _used: dict[str, int] = field(default_factory=dict)

    def twin(self) -> "Scripted":
        """Another that answers the same from here on; it tells nobody what it is asked."""
        self.verdicts, verdicts = tee(self.verdicts)
        return Scripted(
            answers=self.answers,
            verdicts=verdicts,
            jitter_share=self.jitter_share,
            refuses=self.refuses,
            has_cached=self.has_cached,
            _used=dict(self._used),
        )

    def answer(self, run: Any, send: Send, at: float) -> Outcome:
        self.on_send(run, send, at)
        outcome = self.next_of(send.deployment)
        self._used[send.deployment] = self._used.get(send.deployment, 0) + 1
        return outcome

    def next_of(self, id_: str) -> Outcome:
        listed = self.answers.get(id_, [GOOD])
        return listed[min(self._used.get(id_, 0), len(listed) - 1)]

    def inspect(self, run: Any, ask: Inspect, at: float) -> Inspected:
        self.inspected.append(ask)
        return Inspected(at, next(self.verdicts))

    def look_up(self, run: Any, at: float) -> LookedUp:
        return LookedUp(at, self.has_cached)

    def reserve(self, run: Any, at: float) -> Reserved:
        return Reserved(at, self.refuses)

    def jitter(self) -> float:
        return self.jitter_share


def drive(
    program: Program,
    around: Scripted,
    calls: Sequence[tuple[float, str, Request]],
    draws: Iterable[float] = (),
    world: World | None = None,
) -> list[Run]:
    """The calls in their order, each over. Draws that run out raise.

    The compiled program plays them too, and has to do the same: each story is a case of that law.
    """
    arrivals = [Arrival(at, route, request) for at, route, request in calls]
    world = World() if world is None else world
    twin, own_world = around.twin(), deepcopy(world)
    draws, own_draws = tee(draws)
    runs = list(perform(program, arrivals, around, world, draws))
    machine = Machine(compiled(program), own_world, own_draws)
    flights = perform_swiftly([machine], arrivals, twin)
    assert [seen_of_flight(flight) for flight in flights] == [seen_of_run(run) for run in runs]
    assert own_world == world
    return sorted(runs, key=lambda run: run.index)


def seen_of_run(run: Run) -> tuple[Any, ...]:
    """All that can be seen of a call, by the interpreter."""
    finish = run.finish
    assert finish is not None
    told = (finish.status, finish.served_by, finish.failure, finish.in_band, finish.told)
    rest = (run.index, run.attempts, run.ended_at, run.first_content_at, run.usage, run.call.arms)
    return (*told, *rest, run.call.asked, run.call.route, run.call.attempts)


def seen_of_flight(flight: Flight) -> tuple[Any, ...]:
    """The same, by the compiled program."""
    call = flight.call
    served_by = None if call.told_by < 0 else flight.machine.compiled.ids[call.told_by]
    arms = tuple((call.arms or {}).items())
    told = (call.status, served_by, call.failure, call.in_band, call.told)
    rest = (flight.index, flight.attempts, flight.ended_at, flight.first_content_at, flight.usage)
    return (*told, *rest, arms, call.asked.name, call.route.name, call.attempts)


def tried(run: Run) -> list[tuple[str, float, str]]:
    return [(a.deployment, round(a.at, 3), a.outcome) for a in run.attempts]
