"""One request as a log tells it, and what could not be read."""

import math
from collections import Counter
from typing import Final

from msgspec import Struct, field


class Row(Struct, frozen=True, gc=False):
    at_s: float
    """Unix time at which the request began."""
    route: str = ""
    """What the caller asked for; empty where the log does not tell."""
    provider: str = ""
    """As the log spells it."""
    deployment: str = ""
    team: str = ""
    """What the caller's is called; empty where the log names none."""
    team_id: str = ""
    """Empty where the log tells none."""
    key: str = ""
    """What the caller's key is called; never the key."""
    model: str = ""
    """As the log spells it: what was asked of the provider."""
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    """Those of the input that the provider billed as cached."""
    cost_usd: float | None = None
    """None: not told."""
    latency_s: float | None = None
    ttft_s: float | None = None
    """None: not told, or not streamed."""
    failure: str = ""
    """A status or the name of an error; empty for an answer."""
    attempts: int = 1
    from_cache: bool = False
    """The gateway's own cache answered, and no provider was asked."""


MOST_KEPT: Final = 20


class Skipped(Struct):
    """What was not understood. Filled by the reader while its rows are consumed."""

    count: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    first: list[tuple[str, str]] = field(default_factory=list)
    """(place, reason) of the first few."""
    others: int = 0
    """Entries that are well formed and no requests to a model: tools, agents, the proxy's own spans."""

    def add(self, place: str, reason: str) -> None:
        self.count += 1
        self.reasons[reason] += 1
        if len(self.first) < MOST_KEPT:
            self.first.append((place, reason))


class MalformedError(ValueError):
    """An entry that is none; the message is the reason, without the entry's content."""


def finite(said: str | float) -> float:
    """A number that is one: neither infinite nor `nan`."""
    try:
        number = float(said)
    except ValueError as error:
        raise MalformedError("a number that is none") from error
    if not math.isfinite(number):
        raise MalformedError("a number that is none")
    return number


_YEAR_10000_S: Final = 253_402_300_800.0


def moment(said: str | float) -> float:
    """Unix time within what calendars hold."""
    at_s = finite(said)
    if not 0 <= at_s < _YEAR_10000_S:
        raise MalformedError("a time that is none")
    return at_s


def count(said: str | float) -> int:
    number = int(finite(said))
    if number < 0:
        raise MalformedError("a negative number of tokens")
    return number
