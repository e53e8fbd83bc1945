"""What a provider does when it is asked, and the events that the engine is told of it.

An `Outcome` is scripted (a trace, a route test) or drawn (a simulation); `events` sets it against the
limits of a `Send` and yields what a driver would see, with its times. Nothing is performed here.
"""

from collections.abc import Mapping
from math import inf
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from designer.engine.classify import failure_of, retry_after_s
from designer.engine.events import Ended, Event, Failed, FirstToken, Headers, Send, Usage

STATUS_OF_KIND: Mapping[str, int] = {
    "http": 503,
    "rate_limit": 429,
    "context_length": 400,
    "content_policy": 400,
    "reject_prefill": 400,
    "exhausted": 429,
}
"""Kinds that are an HTTP answer, and its status where none is given.

`exhausted` is a spent provider account: OpenAI says 429 `insufficient_quota`, OpenRouter 402.
"""

TOKEN_OF_KIND: Mapping[str, str] = {
    "context_length": "context_length",
    "content_policy": "content_policy",
    "reject_prefill": "reject_prefill",
    "refuse_connection": "connect",
    "down": "connect",
    "reset": "reset",
    "malformed": "malformed",
    "empty": "empty",
    "timeout": "timeout",
}

CONTENT_FAULTS: Mapping[str, str] = {
    "cut_stream": "stream_cut",
    "stall_stream": "stream_stall",
    "stream_error": "stream_error",
    "malformed_chunk": "malformed",
    "no_done": "stream_cut",
}
"""Kinds that show inside a stream, and the failure a gateway that notices them sees."""

_UNSTREAMED: Mapping[str, str | None] = {
    "cut_stream": "reset",
    "stall_stream": "timeout",
    "stream_error": "500",
    "malformed_chunk": "malformed",
    "no_done": None,
}
"""What the same fault is to a request that is not streamed."""

SLOW = frozenset({"latency", "slow_first_token"})
KINDS = frozenset({*STATUS_OF_KIND, *TOKEN_OF_KIND, *CONTENT_FAULTS, *SLOW})

SLOW_FIRST_TOKEN_S = 20.0
CUT_AFTER_CHUNKS = 40
ANSWER_CHUNKS = 60
"""Failover Bench, methodology v0.1, September 2026: S07 and S08."""

HANGS_S = 600.0
"""How long a silent attempt lasts that no limit ends: the OpenAI client's own default (openai 1.x)."""


class Outcome(Struct, frozen=True):
    """Times are from the moment of sending."""

    status: int = 200
    kind: str = ""
    """One of `KINDS`; empty: an ordinary answer with `status`."""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    usage: Usage | None = None
    delay_s: float = 0.0
    """Until the answer or, on a stream, its headers."""
    first_token_s: float | None = None
    ends_s: float | None = None
    """Until the whole answer is there; None: with its first token."""
    after_chunks: int | None = None
    """A fault inside a stream strikes after so much content; 0 is before any."""

    @property
    def is_page(self) -> bool:
        """Whether a good answer is a page for people instead of JSON."""
        kinds = (said for name, said in self.headers.items() if name.lower() == "content-type")
        return self.status == 200 and any(said.startswith("text/html") for said in kinds)

    @property
    def failure(self) -> str | None:
        """The token of what goes wrong before any content; None when nothing does."""
        return TOKEN_OF_KIND.get(self.kind) or failure_of(self.status, self.body)


class Played(Struct, frozen=True):
    """An attempt, foreseen."""

    events: tuple[Event, ...]
    label: str
    """What happened, as a trace says it: `503`, `timeout`, `200`."""
    hung: bool = False
    """Only `HANGS_S` ended it."""


class Refusal(Struct, frozen=True):
    """An outcome that is nothing but a failure after a while, whether streamed or not."""

    failure: str
    status: int | None
    retry_after_s: float | None
    delay_s: float
    label: str


def refusal_of(outcome: Outcome) -> Refusal | None:
    failure = outcome.failure
    if failure in (None, "timeout", "malformed", "empty") or outcome.kind in _UNSTREAMED:
        return None
    if outcome.body is not None or outcome.is_page:
        return None
    played = _failed(outcome, (), failure, 0.0)
    (event,) = played.events
    assert isinstance(event, Failed)
    told = (event.failure, event.status, event.retry_after_s)
    return Refusal(*told, outcome.delay_s, played.label)


def play(
    outcome: Outcome, send: Send, stream: bool, at: float, overlooks: frozenset[str] = frozenset()
) -> Played:
    if "html" in overlooks and outcome.is_page:
        outcome = replace(outcome, body=None)
    if stream:
        return _stream(outcome, send, at, overlooks)
    return _answer(outcome, send, at)


def _answer(outcome: Outcome, send: Send, at: float) -> Played:
    failure = outcome.failure
    if outcome.kind in _UNSTREAMED:
        failure = failure or _UNSTREAMED[outcome.kind]
    takes_s = _first_content_s(outcome)
    if failure is None:
        takes_s = max(takes_s, outcome.ends_s or 0.0)
    elif failure != "timeout" and outcome.kind not in _UNSTREAMED:
        takes_s = outcome.delay_s
    limit_s = min(_or_inf(send.timeout_s), _or_inf(send.left_s))
    if failure == "timeout" or takes_s > limit_s:
        return _silence(outcome, at, limit_s, "timeout", takes_s)
    if failure is not None:
        return _failed(outcome, (), failure, at + takes_s)
    ended = Ended(at + takes_s, _usage(outcome), outcome.status)
    return Played((ended,), str(outcome.status))


def _stream(outcome: Outcome, send: Send, at: float, overlooks: frozenset[str]) -> Played:
    left_s = _or_inf(send.left_s)
    failure = outcome.failure
    headers_s = outcome.delay_s
    silence_s = _or_inf(send.first_token_s)
    limit_s = min(_or_inf(send.timeout_s), left_s, silence_s)
    if failure == "timeout" or headers_s > limit_s:
        why = "first_token" if limit_s == silence_s < _or_inf(send.timeout_s) else "timeout"
        return _silence(outcome, at, limit_s, why, headers_s)
    if failure is not None and failure not in ("malformed", "empty"):
        return _failed(outcome, (), failure, at + headers_s)
    events: tuple[Event, ...] = (Headers(at + headers_s),)
    first_s = _first_content_s(outcome)
    fault = CONTENT_FAULTS.get(outcome.kind)
    stays_silent = fault == "stream_stall" and outcome.after_chunks == 0
    if stays_silent or first_s > min(silence_s, left_s):
        why = "deadline" if left_s < silence_s else "first_token"
        played = _silence(outcome, at, min(silence_s, left_s), why, first_s)
        return Played((*events, *played.events), played.label, hung=played.hung)
    if failure is not None:  # a 200 whose body is no stream at all
        return _failed(outcome, events, failure, at + first_s)
    if outcome.kind in overlooks:
        fault = None
    if fault is not None and outcome.after_chunks == 0:
        return _failed(outcome, events, fault, at + first_s)
    events = (*events, FirstToken(at + first_s))
    ends_s = max(first_s, outcome.ends_s or 0.0)
    hung = False
    if fault is not None and outcome.kind != "no_done":
        ends_s = _strikes_s(outcome, first_s, ends_s)
        if fault == "stream_stall":
            hung = silence_s == left_s == inf
            ends_s += min(silence_s, HANGS_S)
    if ends_s > left_s:
        return Played((*events, Failed(at + left_s, "deadline")), "deadline")
    if fault is not None:
        failed = _failed(outcome, events, fault, at + ends_s)
        return Played(failed.events, failed.label, hung)
    return Played((*events, Ended(at + ends_s, _usage(outcome))), str(outcome.status))


def _failed(outcome: Outcome, before: tuple[Event, ...], failure: str, at: float) -> Played:
    answered = outcome.status >= 400
    event = Failed(
        at,
        failure,
        outcome.status if answered else None,
        retry_after_s(outcome.headers) if answered else None,
    )
    says_status = answered and outcome.kind not in TOKEN_OF_KIND
    return Played((*before, event), str(outcome.status) if says_status else failure)


def _silence(outcome: Outcome, at: float, limit_s: float, failure: str, takes_s: float) -> Played:
    """Nothing comes until the limit, or at all."""
    hung = limit_s == inf
    ends_s, gives_up_s = limit_s, 0.0
    if hung and outcome.kind == "timeout":
        # A scripted delay says how long the provider itself keeps silent before it gives up.
        gives_up_s = max(takes_s, outcome.delay_s)
        ends_s = gives_up_s or HANGS_S
    elif hung:
        ends_s = takes_s + HANGS_S
    return Played((Failed(at + ends_s, failure),), failure, hung=hung and not gives_up_s)


def _first_content_s(outcome: Outcome) -> float:
    given_s = outcome.first_token_s
    if given_s is None:
        given_s = SLOW_FIRST_TOKEN_S if outcome.kind == "slow_first_token" else 0.0
    return max(outcome.delay_s, given_s)


def _strikes_s(outcome: Outcome, first_s: float, ends_s: float) -> float:
    after = CUT_AFTER_CHUNKS if outcome.after_chunks is None else outcome.after_chunks
    chunks = outcome.usage.completion_tokens if outcome.usage else 0
    return first_s + (ends_s - first_s) * min(1.0, after / (chunks or ANSWER_CHUNKS))


def _usage(outcome: Outcome) -> Usage:
    return outcome.usage or Usage()


def _or_inf(limit_s: float | None) -> float:
    return inf if limit_s is None else limit_s
