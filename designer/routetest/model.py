"""The values of route tests: what a file asks for, what was seen, how the two differ."""

from collections.abc import Mapping
from math import inf
from typing import Any, Literal

from msgspec import Struct

from designer.diagnostics import Place
from designer.trace import Script, Tried


class Range(Struct, frozen=True):
    """`3`, `<= 3`, `>= 1`, `0.5..1.25`: both ends belong to it."""

    low: float = 0.0
    high: float = inf

    def holds(self, value: float, below: float = 0.0, above: float = 0.0) -> bool:
        return self.low - below <= value <= self.high + above


class Check(Struct, frozen=True):
    """One thing that has to be so."""

    key: str
    """As the file calls it: `served_by`."""
    wanted: Any
    """Read into what the judge of this key compares with."""
    text: str
    """As the file says it."""
    place: Place = Place()
    names: tuple[str, ...] = ()
    """The deployments that it speaks of."""


class RouteTest(Struct, frozen=True):
    name: str
    route: str
    """Of requests that name none themselves; empty where the configuration has only one."""
    script: Script
    expected: tuple[tuple[Check, ...], ...]
    """For each request, in their order."""
    said: Mapping[str, Any]
    """As written."""
    place: Place = Place()


class Suite(Struct, frozen=True):
    file: str
    tests: tuple[RouteTest, ...]
    config: str = ""
    """Where the configuration is, from where the command runs; empty when the file names none."""
    config_place: Place = Place()


class Seen(Struct, frozen=True):
    """What became of one request, in the engine or on a real gateway."""

    attempts: tuple[Tried, ...]
    status: int
    served_by: str | None
    told: bool
    """Whether the caller learns of a failure: by the status, inside the answer or by its breaking off."""
    took_s: float
    lines: tuple[str, ...] = ()
    """The same, for people."""
    assumptions: tuple[str, ...] = ()
    """Of the engine's; a real gateway needs none."""

    @property
    def waits_s(self) -> tuple[float, ...]:
        """From one attempt to the next, as the providers see it."""
        at_s = [tried.at_s for tried in self.attempts]
        return tuple(after - before for before, after in zip(at_s, at_s[1:], strict=False))

    def as_json(self) -> dict[str, Any]:
        return {
            "attempts": [
                {"deployment": t.deployment, "at_s": round(t.at_s, 3), "outcome": t.outcome}
                for t in self.attempts
            ],
            "status": self.status,
            "served_by": self.served_by,
            "told": self.told,
            "took_s": round(self.took_s, 3),
        }


class Slack(Struct, frozen=True):
    """By how much a time may miss what was expected and still be right."""

    early_s: float = 1e-6
    late_s: float = 1e-6
    """Of one wait, jitter included."""
    end_s: float = 1e-6
    """Of the whole request, beside the `late_s` of each of its waits."""


class Difference(Struct, frozen=True):
    key: str
    expected: str
    got: str
    request: int = 0
    """From 1; 0 where the test has only one."""
    place: Place = Place()

    def __str__(self) -> str:
        number = f"request {self.request}: " if self.request else ""
        return f"{number}{self.key}: expected {self.expected}, got {self.got}"

    def as_json(self) -> dict[str, Any]:
        return {
            "request": self.request or 1,
            "key": self.key,
            "expected": self.expected,
            "got": self.got,
            "line": self.place.line,
        }


class Result(Struct, frozen=True):
    test: RouteTest
    verdict: Literal["passed", "failed", "not_comparable"]
    seen: tuple[Seen, ...]
    differences: tuple[Difference, ...] = ()
    reason: str = ""
    """Why it could not be compared."""
    foretold: tuple[Seen, ...] = ()
    """What the engine says, where something else was looked at."""

    def as_json(self) -> dict[str, Any]:
        said: dict[str, Any] = {
            "name": self.test.name,
            "line": self.test.place.line,
            "verdict": self.verdict,
            "differences": [one.as_json() for one in self.differences],
            "requests": [one.as_json() for one in self.seen],
        }
        return said | ({"reason": self.reason} if self.reason else {})
