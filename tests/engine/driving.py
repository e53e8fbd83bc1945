"""Surroundings for tests: scripted answers, and a driver that checks the World as it goes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import cycle
from typing import Any

from msgspec import Struct, field

from designer.engine.call import Program
from designer.engine.events import Inspect, Inspected, LookedUp, Request, Reserved, Send
from designer.engine.outcomes import Outcome
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

    def answer(self, run: Any, send: Send, at: float) -> Outcome:
        self.on_send(run, send, at)
        listed = self.answers.get(send.deployment, [GOOD])
        turn = self._used.get(send.deployment, 0)
        self._used[send.deployment] = turn + 1
        return listed[min(turn, len(listed) - 1)]

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
    draws: Sequence[float] = (),
    world: World | None = None,
) -> list[Run]:
    """The calls in their order, each over. Draws that run out raise."""
    arrivals = [Arrival(at, route, request) for at, route, request in calls]
    runs = perform(program, arrivals, around, world or World(), iter(draws))
    return sorted(runs, key=lambda run: run.index)


def tried(run: Run) -> list[tuple[str, float, str]]:
    return [(a.deployment, round(a.at, 3), a.outcome) for a in run.attempts]
