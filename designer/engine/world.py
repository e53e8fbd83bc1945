"""What calls share: health, counters, turns. Changed only by the effects that `step` returns.

Who shares one World (a process, a host, a fleet) is its driver's affair.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from designer.engine.events import Answered, Cooled, Effect, Missed, Sent, Turned

_MINUTE_S = 60.0


@dataclass(slots=True)
class Health:
    cooling_until: float = float("-inf")
    minute: int = -1
    requests: int = 0
    """In the current minute of the clock."""
    failed: int = 0
    failures_at: deque[float] = field(default_factory=deque)
    in_flight: int = 0
    latencies: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=100))
    """The last answers: (when, how long in seconds)."""


@dataclass(slots=True)
class World:
    _health: dict[str, Health] = field(default_factory=dict)
    _turns: dict[str, int] = field(default_factory=dict)

    def is_cooling(self, deployment: str, at: float) -> bool:
        health = self._health.get(deployment)
        return health is not None and at < health.cooling_until

    def failures_since(self, deployment: str, since: float) -> int:
        health = self._health.get(deployment)
        return 0 if health is None else sum(t > since for t in health.failures_at)

    def minute_counts(self, deployment: str, at: float) -> tuple[int, int]:
        """(requests, failed) in the minute of the clock that `at` lies in."""
        health = self._health.get(deployment)
        if health is None or health.minute != int(at // _MINUTE_S):
            return 0, 0
        return health.requests, health.failed

    def in_flight(self, deployment: str) -> int:
        health = self._health.get(deployment)
        return 0 if health is None else health.in_flight

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
                case Sent(deployment=id_, at=at):
                    health = self._of(id_, at)
                    health.in_flight += 1
                case Answered(deployment=id_, at=at, took_s=took_s):
                    health = self._of(id_, at)
                    health.in_flight -= 1
                    health.requests += 1
                    health.latencies.append((at, took_s))
                case Missed(deployment=id_, at=at, counted=counted):
                    health = self._of(id_, at)
                    health.in_flight -= 1
                    if counted:
                        health.requests += 1
                        health.failed += 1
                        health.failures_at.append(at)
                        if len(health.failures_at) > 1000:
                            health.failures_at.popleft()
                case Cooled(deployment=id_, until=until):
                    health = self._health.setdefault(id_, Health())
                    health.cooling_until = max(health.cooling_until, until)
                    health.failures_at.clear()
                case Turned(pool=pool, turn=turn):
                    self._turns[pool] = turn

    def _of(self, deployment: str, at: float) -> Health:
        health = self._health.setdefault(deployment, Health())
        if health.minute != int(at // _MINUTE_S):
            health.minute, health.requests, health.failed = int(at // _MINUTE_S), 0, 0
        return health
