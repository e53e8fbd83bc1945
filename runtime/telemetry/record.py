"""One request as it is told of: names of the configuration, numbers and failure tokens."""

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from runtime.books import Caller, Priced
from runtime.driver import Done
from runtime.ledger import usage_of


class Attempted(Struct, frozen=True):
    """One attempt at one deployment."""

    deployment: str
    provider: str
    """The catalog's name of it."""
    model: str
    outcome: str
    """`200` or the failure's token."""
    began_s: float
    """Unix time."""
    took_s: float
    first_token_s: float | None = None
    """Of a stream: from the attempt's beginning to its first content."""


class Record(Struct, frozen=True):
    trace: str
    """The ledger's id of the request."""
    began_s: float
    """Unix time."""
    took_s: float
    path: str
    route: str
    operation: str
    """`chat` or `embeddings`."""
    is_stream: bool
    status: int
    failure: str
    """A failure token, empty for an answer."""
    served_by: str
    cost_usd: str
    """`unknown` where nobody knows the price."""
    cache: str
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    redactions: int
    team: str
    key_id: str
    arm: str
    attempts: tuple[Attempted, ...]
    parent: str = ""
    """The caller's `traceparent`, as it came: only a well-formed one is used."""


class Listener(Protocol):
    """Told of every request that was performed, after it was booked. Never waits and never raises."""

    def told(self, record: Record) -> None: ...

    def close(self) -> None: ...


class Asking(Struct, frozen=True):
    """What is known when a request comes in."""

    trace: str
    path: str
    route: str
    operation: str
    is_stream: bool
    began_s: float
    """On the driver's clock."""
    parent: str = ""


def recorded(
    asking: Asking,
    done: Done,
    caller: Caller,
    cost_usd: str,
    deployments: Mapping[str, Priced],
    now_s: float,
    wall_s: float,
) -> Record:
    """`now_s` is the driver's clock, `wall_s` the same moment as Unix time.

    An attempt that its client left has no times of its own: it is told with the request's.
    """
    shift_s = wall_s - now_s
    usage = usage_of(done.usage) if done.cache != "hit" else None
    attempts = tuple(
        Attempted(
            t.deployment,
            deployments[t.deployment].provider if t.deployment in deployments else "",
            deployments[t.deployment].model if t.deployment in deployments else "",
            t.outcome,
            (t.began_s or asking.began_s) + shift_s,
            max(0.0, (t.ended_s or now_s) - (t.began_s or asking.began_s)),
            None if t.first_token_at_s is None else t.first_token_at_s - t.began_s,
        )
        for t in done.tried
    )
    return Record(
        trace=asking.trace,
        began_s=asking.began_s + shift_s,
        took_s=now_s - asking.began_s,
        path=asking.path,
        route=asking.route,
        operation=asking.operation,
        is_stream=asking.is_stream,
        status=done.finish.status,
        failure=done.finish.failure or "",
        served_by=done.finish.served_by or "",
        cost_usd=cost_usd,
        cache=done.cache,
        input_tokens=usage.prompt_tokens if usage else 0,
        output_tokens=usage.completion_tokens if usage else 0,
        cached_tokens=usage.cached_tokens if usage else 0,
        redactions=done.redactions,
        team=caller.team,
        key_id=caller.key_id,
        arm=done.arm,
        attempts=attempts,
        parent=asking.parent,
    )
