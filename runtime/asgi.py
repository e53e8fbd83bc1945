"""The little of ASGI that the runtime needs, without a framework between it and the server.

Bodies and heads are bounded here, so that no client takes the memory of the others.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

MAX_BODY_BYTES: Final = 20_000_000
"""Larger than any provider accepts (OpenAI: 50 MB in all with files, 20 MB an image)."""
MAX_HEAD_BYTES: Final = 65_536
"""Servers usually allow 8 to 64 kB for all headers together."""
BODY_WITHIN_S: Final = 60.0
"""Between two pieces of a body: a client slower than that is gone or means no good."""
_LINGERS_S: Final = 1.0
_WATCHED_AFTER_S: Final = 0.1
"""A client that leaves earlier is missed then, which costs its provider nothing worth a task a stream."""


class BodyTooLargeError(ValueError):
    """More than `MAX_BODY_BYTES` came."""


class ClientGoneError(ConnectionError):
    """Nobody is there to be answered."""


@dataclass(frozen=True, slots=True)
class Whole:
    """An answer in one piece."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: bytes = b"application/json"


def header(scope: Scope, name: bytes) -> str:
    """The first of that name, in lower case; empty where there is none."""
    for key, value in scope["headers"]:
        if key == name:
            return str(value, "latin-1")
    return ""


async def read_body(receive: Receive) -> bytes:
    """Raises BodyTooLargeError, TimeoutError or ClientGoneError."""
    parts: list[bytes] = []
    size, has_more = 0, True
    while has_more:
        async with asyncio.timeout(BODY_WITHIN_S):
            message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError("the client left before its request was whole")
        part = message.get("body", b"")
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise BodyTooLargeError(f"the body is larger than {MAX_BODY_BYTES:,} bytes")
        parts.append(part)
        has_more = message.get("more_body", False)
    return b"".join(parts)


async def send_whole(send: Send, answer: Whole) -> None:
    headers = [(b"content-type", answer.content_type)]
    headers.append((b"content-length", str(len(answer.body)).encode()))
    headers += _encoded(answer.headers)
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def send_stream(
    receive: Receive, send: Send, headers: Mapping[str, str], pieces: AsyncGenerator[bytes, None]
) -> None:
    """Server-sent events as they come. Raises ClientGoneError as soon as the client leaves."""
    head = [(b"content-type", b"text/event-stream; charset=utf-8"), *_encoded(headers)]
    head.append((b"cache-control", b"no-store"))
    start: Message | None = {"type": "http.response.start", "status": 200, "headers": head}
    try:
        async with asyncio.timeout(None) as patience, aclosing(pieces):
            watch = _Watch(receive, patience)
            try:
                async for piece in pieces:
                    if start is not None:  # only now, so that both are one write
                        await send(start)
                        start = None
                    if piece:
                        await send({"type": "http.response.body", "body": piece, "more_body": True})
            finally:
                watch.end()
    except TimeoutError as error:
        raise ClientGoneError("the client left in the middle of its answer") from error
    await send({"type": "http.response.body", "body": b""})


class _Watch:
    """Ends somebody's patience when the client is gone; short answers are over before it begins to look."""

    def __init__(self, receive: Receive, patience: asyncio.Timeout) -> None:
        self._receive = receive
        self._patience = patience
        self._looking: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._begins = self._loop.call_later(_WATCHED_AFTER_S, self._begin)

    def _begin(self) -> None:
        self._looking = self._loop.create_task(self._look())

    async def _look(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            continue
        self._patience.reschedule(self._loop.time())

    def end(self) -> None:
        self._begins.cancel()
        if self._looking is not None:
            self._looking.cancel()


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


class _Gathering:
    """A transport that sends at once what is written within a round of the loop: head and body."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._written: list[bytes] = []

    def write(self, data: bytes) -> None:
        if not self._written:
            self._loop.call_soon(self._send)
        self._written.append(data)

    def close(self) -> None:
        self._send()
        self._transport.close()

    def _send(self) -> None:
        if self._written:
            self._transport.write(b"".join(self._written))
            self._written = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which by itself reads headers without end and sends heads apart."""

    _head_size = 0
    _reads_head = True
    _is_refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        self.transport = cast(asyncio.Transport, _Gathering(transport, self.loop))

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        if self._reads_head:
            self._head_size += len(data)
        super().data_received(data)
        if self._reads_head and self._head_size > MAX_HEAD_BYTES:
            self._refuse()

    def on_message_begin(self) -> None:
        self._reads_head, self._head_size = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._reads_head = False
        super().on_headers_complete()

    def _refuse(self) -> None:
        body = b'{"error":{"message":"the headers are too large","type":"invalid_request_error"}}'
        self.transport.write(
            b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/json\r\n"
            b"connection: close\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
        )
        # Closed at once, with more arriving, the client would see a reset and not the answer.
        self._is_refused = True
        self.loop.call_later(_LINGERS_S, self.transport.close)
