"""A surface: one API that clients speak, put into the chat completions that everything else speaks.

What a client says that chat completions have no word for is named in `Worded.dropped`, or refused by
`UntranslatableError`; it is never left out in silence.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import orjson

from runtime.upstream import UntranslatableError
from runtime.upstream.dialect import SHAPE_ERRORS

Body = dict[str, Any]

_KIND_OF: Final = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    429: "rate_limit_error",
    504: "timeout_error",
}


@dataclass(frozen=True, slots=True)
class Worded:
    """A request as a chat completion."""

    body: Body
    dropped: tuple[str, ...] = ()


class StreamShape(Protocol):
    """One answer's stream. Each method says what goes out; nothing follows `end` or `failed`."""

    def chunk(self, chunk: Body) -> bytes: ...

    def end(self) -> bytes: ...

    def failed(self, status: int, message: str, code: str) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Surface:
    path: str
    wanted: str
    """The field without which nothing is asked, beside `model`."""
    ask: Callable[[Body], Worded]
    """Raises UntranslatableError, or one of SHAPE_ERRORS for what this API does not know."""
    whole: Callable[[Body, Body], Body]
    """The request, as it came, and its chat completion to this API's answer."""
    stream: Callable[[Body], StreamShape]
    error: Callable[[int, str, str], Body]
    """Of a status, a message and a code."""
    embeds: bool = False
    passed: Callable[[Body], Callable[[Iterable[bytes]], bytes]] | None = None
    """The request to what goes out for chunks' JSON texts; None where every chunk is put anew."""


def worded(surface: Surface, body: Body) -> Worded:
    """Raises UntranslatableError for whatever cannot be asked."""
    try:
        return surface.ask(body)
    except SHAPE_ERRORS as error:
        raise UntranslatableError(
            f"not a request that {surface.path} knows: {type(error).__name__}: {error}"
        ) from error


def kind_of(status: int) -> str:
    """The word for a status that OpenAI's and Anthropic's errors share."""
    return _KIND_OF.get(status, "invalid_request_error" if status < 500 else "server_error")


def openai_error(status: int, message: str, code: str) -> Body:
    return {"error": {"message": message, "type": kind_of(status), "code": code, "param": None}}


def event(name: str, payload: Body) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + orjson.dumps(payload) + b"\n\n"


def left_over(body: Body, known: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(key for key in body if key not in known))
