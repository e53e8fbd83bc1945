"""Everything that a call leaves open, decided one way after the other instead of by chance.

The engine asks for draws and for the health of deployments. Here each such question is an open
choice, and `every` runs a piece of a call once for each way to answer all of them. No probability is
assumed; a draw only remembers how likely its answer is.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from msgspec import field

from designer.engine.events import Cooled, Effect
from designer.engine.world import World

_T = TypeVar("_T")
_ALMOST = 1.0 - 1e-9


class Choices:
    """Answers to open questions: those that were made before, then always the first."""

    def __init__(self, made: tuple[int, ...] = ()) -> None:
        self.made = made
        self.taken: list[int] = []
        self.counts: list[int] = []
        self.drawn: list[float] = []
        self.chance = 1.0
        """Of all draws together."""

    def choose(self, count: int) -> int:
        index = len(self.taken)
        taken = self.made[index] if index < len(self.made) else 0
        self.taken.append(taken)
        self.counts.append(count)
        return taken

    def draws(self) -> Iterator[float]:
        while True:
            yield _Draw(self)


def every(run: Callable[[Choices], _T]) -> Iterator[_T]:
    """What `run` comes to for each way to answer what it asks."""
    waiting: list[tuple[int, ...]] = [()]
    while waiting:
        made = waiting.pop()
        choices = Choices(made)
        yield run(choices)
        for index in range(len(made), len(choices.taken)):
            before = tuple(choices.taken[:index])
            waiting += [(*before, other) for other in range(1, choices.counts[index])]


class _Draw(float):
    """A draw that is decided when it is compared: `reached > draw` asks whether it lies below.

    A pick compares it with the cumulative shares of its candidates, one after the other. The first
    alternative is the last candidate with a share, which shows how many there are; the others follow
    in order.
    """

    def __new__(cls, choices: Choices) -> "_Draw":
        return super().__new__(cls, 0.0)

    def __init__(self, choices: Choices) -> None:
        self._choices = choices
        self._index = len(choices.taken)
        self._taken = choices.choose(1)
        self._seen = 0
        self._below = 0.0

    def __lt__(self, reached: float) -> bool:
        below, self._below = self._below, reached
        if reached <= below:
            return False  # a candidate without a share
        self._seen += 1
        is_last = reached >= _ALMOST
        if is_last:
            self._choices.counts[self._index] = self._seen
        if self._taken == self._seen or is_last:
            self._choices.drawn.append((below + min(reached, 1.0)) / 2)
            self._choices.chance *= reached - below
            return True
        return False


class AnyWorld(World):
    """A World in which deployments may be cooling whenever one looks, as others' calls left them.

    Those of one pool cool together: while one of them does not, only the picks are fewer.
    """

    choices: Choices = field(default_factory=Choices)
    units: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Of each deployment that can cool, those it cools with."""
    cooling: set[str] = field(default_factory=set)
    assumed: set[str] = field(default_factory=set)
    """Those found cooling that the call itself has not made so."""
    declined: set[str] = field(default_factory=set)

    def is_cooling(self, deployment: str, at: float) -> bool:
        if deployment in self.cooling:
            return True
        unit = self.units.get(deployment)
        if unit is None or deployment in self.declined:
            return False
        if self.choices.choose(2):
            self.assumed |= unit - self.cooling
            self.cooling |= unit
            return True
        self.declined |= unit
        return False

    def apply(self, effects: Iterable[Effect]) -> None:
        self.cooling |= {effect.deployment for effect in effects if isinstance(effect, Cooled)}
