"""What happens to a call (events) and what it asks for next (commands).

Times `at` are seconds on the driver's clock, whatever its zero. A driver performs each command and
answers with one event; after `Finish` there is none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from designer.ir import Guardrail


@dataclass(frozen=True, slots=True)
class Request:
    """What the engine needs to know of a client's request; the driver keeps the rest."""

    stream: bool = False
    metadata: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    user: str = ""
    team: Mapping[str, Any] = field(default_factory=dict)
    path: str = "/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class Usage:
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0


# --- Events ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Began:
    at: float


@dataclass(frozen=True, slots=True)
class Inspected:
    """A guardrail answered. `broken` is the guardrail itself failing, not the content."""

    at: float
    verdict: Literal["pass", "changed", "blocked", "broken"]


@dataclass(frozen=True, slots=True)
class LookedUp:
    at: float
    hit: bool


@dataclass(frozen=True, slots=True)
class Reserved:
    """`refused` is the failure token of what had no room (`budget`, `limit`), None when granted."""

    at: float
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class Headers:
    """A stream was opened: its status is known and there is no content yet."""

    at: float


@dataclass(frozen=True, slots=True)
class FirstToken:
    at: float


@dataclass(frozen=True, slots=True)
class Ended:
    """The whole answer is there."""

    at: float
    usage: Usage = Usage()


@dataclass(frozen=True, slots=True)
class Failed:
    """An attempt came to nothing, or broke off. `failure` is a token of `designer.ir`."""

    at: float
    failure: str
    status: int | None = None
    """What the provider answered, where it answered."""
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Woke:
    at: float


@dataclass(frozen=True, slots=True)
class Left:
    """The client is gone."""

    at: float


Event = (
    Began | Inspected | LookedUp | Reserved | Headers | FirstToken | Ended | Failed | Woke | Left
)


# --- Commands -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Inspect:
    guardrail: Guardrail
    stage: Literal["input", "output"]


@dataclass(frozen=True, slots=True)
class Lookup:
    """Ask the cache."""


@dataclass(frozen=True, slots=True)
class Reserve:
    """Ask for room in budgets and limits."""


@dataclass(frozen=True, slots=True)
class Send:
    deployment: str
    timeout_s: float | None
    """Until the whole answer or, on a stream, its headers."""
    first_token_s: float | None = None
    """Until a stream's first content, and the longest silence after it."""
    left_s: float | None = None
    """Until the route's deadline: a stream still going on then fails with `deadline`."""


@dataclass(frozen=True, slots=True)
class Listen:
    """Go on reading the stream; `hold` keeps its content back from the caller."""

    hold: bool


@dataclass(frozen=True, slots=True)
class Wait:
    """Sleep for `seconds` plus a random part of `jitter_s`."""

    seconds: float
    jitter_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Finish:
    status: int
    served_by: str | None = None
    failure: str | None = None
    in_band: bool = False
    """The failure is told inside an answer whose status (200) has already gone out."""
    told: bool = True
    """False: nothing says that it failed; the caller takes a broken-off answer for a whole one."""


Command = Inspect | Lookup | Reserve | Send | Listen | Wait | Finish


# --- Effects --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sent:
    deployment: str
    at: float


@dataclass(frozen=True, slots=True)
class Answered:
    deployment: str
    at: float
    took_s: float


@dataclass(frozen=True, slots=True)
class Missed:
    """An attempt failed. `counted` says whether it counts against the deployment's health."""

    deployment: str
    at: float
    failure: str
    counted: bool


@dataclass(frozen=True, slots=True)
class Blamed:
    """A failure that was told of before counts against the deployment's health, perhaps again."""

    deployment: str
    at: float


@dataclass(frozen=True, slots=True)
class Cooled:
    deployment: str
    until: float


@dataclass(frozen=True, slots=True)
class Turned:
    """A round-robin pool moved on."""

    pool: str
    turn: int


Effect = Sent | Answered | Missed | Blamed | Cooled | Turned
