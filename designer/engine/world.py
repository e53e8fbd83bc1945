"""What calls share: health, counters, turns. Changed only by the effects that `step` returns.

Who shares one World (a process, a host, a fleet) is its driver's affair.
"""

from collections import deque
from collections.abc import Iterable

from msgspec import Struct, field

from designer.engine.events import (
    Answered,
    Blamed,
    Cooled,
    Counted,
    Effect,
    Missed,
    Sent,
    Turned,
)

_MINUTE_S = 60.0
Ending = Answered | Missed


class Minute(Struct):
    """A counter that starts anew with the first count a minute or more after it last did."""

    began: float = float("-inf")
    counted: int = 0

    def count(self, at: float) -> int:
        return self.counted if at < self.began + _MINUTE_S else 0

    def add(self, at: float, amount: int = 1) -> None:
        if at < self.began + _MINUTE_S:
            self.counted += amount
        else:
            self.began, self.counted = at, amount


class Tally(Struct):
    """What was used up in a window of its own length; it starts anew as a minute does."""

    until: float = float("-inf")
    amount: float = 0.0


class Health(Struct):
    cooling_until: float = float("-inf")
    answered: Minute = field(default_factory=Minute)
    failed: Minute = field(default_factory=Minute)
    tokens: Minute = field(default_factory=Minute)
    failures_at: deque[float] = field(default_factory=lambda: deque(maxlen=1000))
    in_flight: int = 0
    latencies: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=100))
    """The last answers: (when, how long in seconds)."""


class World(Struct):
    _health: dict[str, Health] = field(default_factory=dict)
    _turns: dict[str, int] = field(default_factory=dict)
    _tallies: dict[str, Tally] = field(default_factory=dict)

    def is_cooling(self, deployment: str, at: float) -> bool:
        health = self._health.get(deployment)
        return health is not None and at < health.cooling_until

    def cools_until(self, deployment: str) -> float:
        health = self._health.get(deployment)
        return float("-inf") if health is None else health.cooling_until

    def failures_within(self, deployment: str, at: float, window_s: float) -> int:
        """Counted failures in the window that `at` lies in: each begins with the first one after."""
        health = self._health.get(deployment)
        began, count = float("-inf"), 0
        for failed_at in () if health is None else health.failures_at:
            if failed_at >= began + window_s:
                began, count = failed_at, 0
            count += 1
        return count if at < began + window_s else 0

    def minute_counts(self, deployment: str, at: float) -> tuple[int, int]:
        """(requests, failed), each in the minute that began with the first of its kind."""
        health = self._health.get(deployment)
        if health is None:
            return 0, 0
        failed = health.failed.count(at)
        return health.answered.count(at) + failed, failed

    def minute_tokens(self, deployment: str, at: float) -> int:
        """Of the answers in the minute that began with the first one."""
        health = self._health.get(deployment)
        return 0 if health is None else health.tokens.count(at)

    def used(self, key: str, at: float) -> float:
        """What was counted under `key` in the window that `at` lies in."""
        tally = self._tallies.get(key)
        return tally.amount if tally is not None and at < tally.until else 0.0

    def in_flight(self, deployment: str, pending: Iterable[Effect] = ()) -> int:
        """`pending` are effects that are still to be applied: what has ended by them is not in flight."""
        health = self._health.get(deployment)
        ended = sum(isinstance(e, Ending) and e.deployment == deployment for e in pending)
        return 0 if health is None else health.in_flight - ended

    def latency_s(self, deployment: str, since: float) -> float | None:
        """Mean of the answers after `since`, None without any."""
        health = self._health.get(deployment)
        took = [] if health is None else [s for at, s in health.latencies if at >= since]
        return sum(took) / len(took) if took else None

    def turn(self, pool: str) -> int:
        return self._turns.get(pool, 0)

    def apply(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case Missed(deployment=id_, at=at, counted=counted):
                    self.health_of(id_).in_flight -= 1
                    if counted:
                        self._blame(id_, at)
                case Sent(deployment=id_):
                    self.health_of(id_).in_flight += 1
                case Answered(deployment=id_, at=at, took_s=took_s, tokens=tokens):
                    health = self.health_of(id_)
                    health.in_flight -= 1
                    health.answered.add(at)
                    health.tokens.add(at, tokens)
                    health.latencies.append((at, took_s))
                case Blamed(deployment=id_, at=at):
                    self._blame(id_, at)
                case Cooled(deployment=id_, until=until):
                    health = self.health_of(id_)
                    health.cooling_until = max(health.cooling_until, until)
                    health.failures_at.clear()
                case Turned(pool=pool, turn=turn):
                    self._turns[pool] = turn
                case Counted(key=key, at=at, amount=amount, window_s=window_s):
                    tally = self._tallies.setdefault(key, Tally())
                    if at >= tally.until:
                        tally.until, tally.amount = at + window_s, 0.0
                    tally.amount += amount

    def _blame(self, deployment: str, at: float) -> None:
        health = self.health_of(deployment)
        health.failed.add(at)
        health.failures_at.append(at)

    def health_of(self, deployment: str) -> Health:
        health = self._health.get(deployment)
        if health is None:
            health = self._health[deployment] = Health()
        return health
