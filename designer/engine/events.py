"""What happens to a call (events) and what it asks for next (commands).

Times `at` are seconds on the driver's clock, whatever its zero. A driver performs each command and
answers with one event; after `Finish` there is none.
"""

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct, field

from designer.ir import Guardrail


class Request(Struct, frozen=True):
    """What the engine needs to know of a client's request; the driver keeps the rest."""

    stream: bool = False
    metadata: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    user: str = ""
    team: Mapping[str, Any] = field(default_factory=dict)
    path: str = "/v1/chat/completions"
    task: str = ""
    """What its prompt was taken to be for, where somebody has looked; what it says itself comes first."""
    input_tokens: int | None = None
    """How long its prompt is; None where nobody has counted."""


class Usage(Struct, frozen=True, gc=False):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0


# --- Events ---------------------------------------------------------------------------------------


class Began(Struct, frozen=True):
    at: float


class Inspected(Struct, frozen=True):
    """A guardrail answered. `broken` is the guardrail itself failing, not the content."""

    at: float
    verdict: Literal["pass", "changed", "blocked", "broken"]


class LookedUp(Struct, frozen=True):
    at: float
    hit: bool


class Reserved(Struct, frozen=True):
    """`refused` is the failure token of what had no room (`budget`, `limit`), None when granted."""

    at: float
    refused: str | None = None


class Headers(Struct, frozen=True):
    """A stream was opened: its status is known and there is no content yet."""

    at: float


class FirstToken(Struct, frozen=True):
    at: float


class Ended(Struct, frozen=True):
    """The whole answer is there."""

    at: float
    usage: Usage = Usage()
    status: int = 200
    """2xx, as the provider said it."""


class Failed(Struct, frozen=True):
    """An attempt came to nothing, or broke off. `failure` is a token of `designer.ir`."""

    at: float
    failure: str
    status: int | None = None
    """What the provider answered, where it answered."""
    retry_after_s: float | None = None


class Woke(Struct, frozen=True):
    at: float


class Left(Struct, frozen=True):
    """The client is gone."""

    at: float


Event = (
    Began | Inspected | LookedUp | Reserved | Headers | FirstToken | Ended | Failed | Woke | Left
)


# --- Commands -------------------------------------------------------------------------------------


class Inspect(Struct, frozen=True):
    guardrail: Guardrail
    stage: Literal["input", "output"]


class Lookup(Struct, frozen=True):
    """Ask the cache."""


class Reserve(Struct, frozen=True):
    """Ask for room in budgets and limits."""


class Send(Struct, frozen=True):
    deployment: str
    timeout_s: float | None
    """Until the whole answer or, on a stream, its headers."""
    first_token_s: float | None = None
    """Until a stream's first content, and the longest silence after it."""
    left_s: float | None = None
    """Until the route's deadline: a stream still going on then fails with `deadline`."""


class Listen(Struct, frozen=True):
    """Go on reading the stream; `hold` keeps its content back from the caller."""

    hold: bool


class Wait(Struct, frozen=True):
    """Sleep for `seconds` plus a random part of `jitter_s`."""

    seconds: float
    jitter_s: float = 0.0


class Finish(Struct, frozen=True):
    status: int
    served_by: str | None = None
    failure: str | None = None
    in_band: bool = False
    """The failure is told inside an answer whose status (200) has already gone out."""
    told: bool = True
    """False: nothing says that it failed; the caller takes a broken-off answer for a whole one."""


Command = Inspect | Lookup | Reserve | Send | Listen | Wait | Finish


# --- Effects --------------------------------------------------------------------------------------


class Sent(Struct, frozen=True):
    deployment: str
    at: float


class Answered(Struct, frozen=True):
    deployment: str
    at: float
    took_s: float
    tokens: int = 0
    """Of the prompt and of the answer."""


class Missed(Struct, frozen=True):
    """An attempt failed. `counted` says whether it counts against the deployment's health."""

    deployment: str
    at: float
    failure: str
    counted: bool


class Blamed(Struct, frozen=True):
    """A failure that was told of before counts against the deployment's health, perhaps again."""

    deployment: str
    at: float


class Cooled(Struct, frozen=True):
    deployment: str
    until: float


class Turned(Struct, frozen=True):
    """A round-robin pool moved on."""

    pool: str
    turn: int


class Counted(Struct, frozen=True):
    """An amount was used up of what `key` stands for, within `window_s` of the first one."""

    key: str
    at: float
    amount: float
    window_s: float


Effect = Sent | Answered | Missed | Blamed | Cooled | Turned | Counted
