"""What comes after a failure where a gateway keeps no health: found out once, and looked up from then on.

Without health and without a deadline, what a call does after a failure depends on what became of its own
attempts, and on nothing else. A machine of its own plays it once up to the next pick; whom the pick falls
on stays with chance. Nothing is decided here, and what the machine cannot know before is left to it.
"""

from copy import copy
from itertools import repeat

from msgspec import Struct, field

from designer.engine.events import Request
from designer.engine.machine import SEND, WAIT, Call, Machine, Next, Prospect
from designer.engine.outcomes import Refusal
from designer.engine.program import Ask, Choice, Compiled, Fork, Table, Trial, only
from designer.engine.world import World

_REMEMBERS = 10_000
"""How many stops are kept: memory must not grow with the variety of failures."""


class Stop(Struct, frozen=True, eq=False):
    """Where a call is about to pick whom it asks."""

    call: Call
    """One that stands there; nobody's."""
    choice: Choice
    able: tuple[int, ...]
    prospects: tuple[tuple[Prospect, ...], ...]
    """By whether it is streamed, and by child."""
    turns: dict[tuple[int, str, int | None, float | None], "Turn | None"] = field(
        default_factory=dict
    )
    """It remembers, by child and failure."""


class Turn(Struct, frozen=True, eq=False):
    """What a failure leads to."""

    waits: bool
    wait_s: float
    jitter_s: float
    stop: Stop


class Routine:
    """Calls of the routes of which it holds, each from its first pick on."""

    def __init__(self, compiled: Compiled) -> None:
        self._compiled = compiled
        self._scout = _Scout(compiled)
        self._first: dict[str, Stop | None] = {}
        self._count = 0

    def first(self, route: str) -> Stop | None:
        if route not in self._first:
            self._first[route] = self._found(route) if self._holds(route) else None
        return self._first[route]

    def _holds(self, name: str) -> bool:
        path = self._compiled.paths[name]
        has_deadline = path.route is None or path.route.deadline_s is not None
        return bool(path.firsts) and self._compiled.semantics.cooldown is None and not has_deadline

    def _found(self, route: str) -> Stop | None:
        self._scout.look()
        call, command = self._scout.begin(0, route, Request(), 0.0)
        return self._stop(call, command)

    def turn(self, stop: Stop, child: int, refusal: Refusal) -> Turn | None:
        """None where it has to be played: the call ends, or something else is to be known of it."""
        key = (child, refusal.failure, refusal.status, refusal.retry_after_s)
        if key not in stop.turns:
            stop.turns[key] = self._turned(stop, child, refusal)
        return stop.turns[key]

    def _turned(self, stop: Stop, child: int, refusal: Refusal) -> Turn | None:
        scout, call = self._scout, at_stop(stop, child)
        scout.look()
        command = scout.failed(call, 0.0, refusal.failure, refusal.status, refusal.retry_after_s)
        waits, wait_s, jitter_s = command is WAIT, 0.0, 0.0
        if waits:
            wait_s, jitter_s = call.wait_s, call.jitter_s
            command = scout.woke(call, 0.0)
        found = self._stop(call, command)
        return None if found is None else Turn(waits, wait_s, jitter_s, found)

    def _stop(self, call: Call, command: Next) -> Stop | None:
        choice = self._scout.choice_of(call)
        if command is not SEND or choice is None:
            return None
        self._count += 1
        if self._count > _REMEMBERS:
            self._first.clear()
            self._count = 0
        prospects = self._scout.prospects(call.asked, choice)
        return Stop(call, choice, self._scout.able or choice.everyone, prospects)


def at_stop(stop: Stop, child: int) -> Call:
    """A call of its own that stands there, and has asked this child."""
    call = copy(stop.call)
    call.stack = [copy(frame) for frame in call.stack]
    call.deployment, call.is_asking = stop.choice.asks[child], True
    return call


class _Scout(Machine):
    """A machine that notes the picks it makes, and takes the first child whatever chance would say."""

    def __init__(self, compiled: Compiled) -> None:
        super().__init__(compiled, World(), repeat(0.0))
        self.look()

    def look(self) -> None:
        self.picks: list[Choice] = []
        self.able: tuple[int, ...] = ()
        self.is_certain = True

    def choice_of(self, call: Call) -> Choice | None:
        """The pool of which somebody has been asked; None where there was more to decide than one pick."""
        if not self.is_certain or len(self.picks) > 1:
            return None
        if not self.picks:
            return only(Ask(call.deployment))
        return self.picks[0] if self.picks[0].asks else None

    def pick(self, choice: Choice, able: tuple[int, ...]) -> int:
        self.picks.append(choice)
        self.able = able
        return able[0]

    def _taken(self, call: Call, fork: Fork) -> Table | None:
        self.is_certain = False
        return super()._taken(call, fork)

    def _arm(self, call: Call, trial: Trial) -> int:
        self.is_certain = False
        return super()._arm(call, trial)
