"""The transport that the runtime uses: HTTP/1.1 over one pool of kept connections.

It follows no redirect (the secret would go along), keeps no cookie, reads no proxy from the
environment, never retries, and asks for no compression. Why it is our own: docs/decisions/0009.
"""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from functools import lru_cache
from typing import Final, NamedTuple, cast
from urllib.parse import quote, urlsplit

import httptools

from runtime.upstream.base import Request, Response, UpstreamError, UpstreamFailure

_CONNECT_S: Final = 5.0
_KEPT_S: Final = 15.0
"""Shorter than servers usually wait for another request: who closes first loses none."""
_ENDS_WITHIN_S: Final = 0.05
_MOST_HEAD_BYTES: Final = 65_536
_MOST_AHEAD_BYTES: Final = 1_048_576
"""Of a body that nobody has taken yet; more stays in the sender's hands."""
_UNSAYABLE: Final = re.compile(r"[\r\n\0]")
_SAFE: Final = "/%:@!$&'()*+,;=~"


class Place(NamedTuple):
    """What a URL says: where to connect, and what to ask for there."""

    is_tls: bool
    host: str
    port: int
    named: str
    """The host as the request names it."""
    path: str


@lru_cache(maxsize=1024)
def place_of(url: str) -> Place:
    """Raises ValueError for what is no URL of HTTP."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("not a URL of http or https")
    if parts.username is not None:
        raise ValueError("a URL with a user's name in it; a key belongs in a header")
    host = parts.hostname if parts.hostname.isascii() else parts.hostname.encode("idna").decode()
    is_tls = parts.scheme == "https"
    named = (f"[{host}]" if ":" in host else host) + (f":{parts.port}" if parts.port else "")
    query = f"?{quote(parts.query, _SAFE + '?')}" if parts.query else ""
    path = quote(parts.path, _SAFE) or "/"
    return Place(is_tls, host, parts.port or (443 if is_tls else 80), named, path + query)


class HttpUpstream:
    """A pool of connections; lives in one event loop, from the first call until `close`."""

    def __init__(self, connect_s: float = _CONNECT_S, tls: ssl.SSLContext | None = None) -> None:
        self._connect_s = connect_s
        self._tls = tls
        self._idle: dict[tuple[bool, str, int], list[_Connection]] = {}

    async def __call__(self, send: Request) -> Response:
        began = asyncio.get_running_loop().time()
        try:
            place = place_of(send.url)
        except ValueError as error:
            raise UpstreamError(UpstreamFailure("connect", message=str(error))) from error
        head = _head(place, send)
        idle = self._idle.get(place[:3])
        connection = idle.pop() if idle else await self._connected(place, send.timeout_s)
        answer = connection.ask(head + send.body)
        until = None if send.timeout_s is None else began + send.timeout_s
        try:
            await answer.begun(until, send.idle_s if send.is_stream else None)
        except BaseException:  # also a caller that gives up: nobody else knows the connection
            connection.drop()
            raise
        answer.idle_s, answer.until = send.idle_s, None if send.is_stream else until
        return answer

    async def _connected(self, place: Place, within_s: float | None) -> "_Connection":
        is_short = within_s is not None and within_s < self._connect_s
        try:
            async with asyncio.timeout(within_s if is_short else self._connect_s):
                _, connection = await asyncio.get_running_loop().create_connection(
                    lambda: _Connection(self._idle.setdefault(place[:3], [])),
                    place.host,
                    place.port,
                    ssl=self._context() if place.is_tls else None,
                )
        except TimeoutError as error:
            token = "timeout" if is_short else "connect"
            raise UpstreamError(UpstreamFailure(token, message="no connection in time")) from error
        except (OSError, ValueError) as error:  # ssl's errors are OSErrors
            raise UpstreamError(UpstreamFailure("connect", message=_words(error))) from error
        return connection

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls

    async def close(self) -> None:
        for idle in self._idle.values():
            for connection in tuple(idle):
                connection.drop()
        await asyncio.sleep(0)  # the transports notice


def _head(place: Place, send: Request) -> bytes:
    lines = [f"POST {place.path} HTTP/1.1\r\nhost: {place.named}\r\n"]
    lines += [f"{name}: {value}\r\n" for name, value in send.headers.items()]
    lines.append(f"accept-encoding: identity\r\ncontent-length: {len(send.body)}\r\n\r\n")
    if any(_UNSAYABLE.search(f"{name}{value}") for name, value in send.headers.items()):
        raise UpstreamError(UpstreamFailure("malformed", message="a line break in a header"))
    return "".join(lines).encode("latin-1", "replace")


class _Connection(asyncio.Protocol):
    """Carries one exchange after another. In `idle`, its place's pool, while it has none."""

    def __init__(self, idle: "list[_Connection]") -> None:
        self._pool = idle
        self._answer: _Answer | None = None
        self._closes: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own derive from none
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)

    def ask(self, request: bytes) -> "_Answer":
        if self._closes is not None:
            self._closes.cancel()
            self._closes = None
        self._head_bytes = 0
        self._answer = _Answer(self, self._loop)
        self._transport.write(request)
        return self._answer

    def data_received(self, data: bytes) -> None:
        if self._answer is None:  # nobody has asked anything
            self.drop()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail("malformed", _words(error.__context__ or error))
            return
        if self._answer is None:
            return
        self._head_bytes += len(data)
        if not self._answer.status and self._head_bytes > _MOST_HEAD_BYTES:
            self._fail("malformed", "the headers have no end")
        else:
            self._answer.wake()

    def eof_received(self) -> None:
        """The transport closes itself next."""
        self._leave()

    def connection_lost(self, error: Exception | None) -> None:
        self._leave()
        if self._answer is not None and self._answer.ends_with_connection and error is None:
            self._answer.is_whole = True
            self._answer.wake()
        else:
            self._fail("reset", _words(error) if error else "the connection was closed")

    def drop(self) -> None:
        self._leave()
        self._transport.abort()

    def _leave(self) -> None:
        if self in self._pool:
            self._pool.remove(self)

    def drop_soon(self) -> None:
        """Unless the answer is whole by then."""
        self._closes = self._loop.call_later(_ENDS_WITHIN_S, self._transport.abort)

    def hold(self, is_held: bool) -> None:
        if is_held:
            self._transport.pause_reading()
        elif not self._transport.is_closing():
            self._transport.resume_reading()

    def _fail(self, token: str, message: str) -> None:
        self._transport.abort()
        if self._answer is not None:
            self._answer.fail(UpstreamFailure(token, message=message))
            self._answer = None

    # --- What the parser calls ---------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._answer is None:  # a second answer to one request: whose would the third be?
            self.drop()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._answer is not None and not self._answer.status:
            self._answer.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if self._answer is None:
            return
        headers = self._answer.headers
        if status < 200:  # the answer itself follows
            headers.clear()
            return
        if headers.get("content-encoding", "identity") != "identity":
            raise ValueError(f"an answer in {headers['content-encoding']}, which nobody asked for")
        self._answer.status = status
        has_length = "content-length" in headers or "transfer-encoding" in headers
        self._answer.ends_with_connection = not has_length

    def on_body(self, body: bytes) -> None:
        if self._answer is not None:
            self._answer.add(body)

    def on_message_complete(self) -> None:
        answer = self._answer
        if answer is None or not answer.status:
            return
        self._answer = None
        answer.is_whole = True
        answer.wake()
        if self._closes is not None:
            self._closes.cancel()
        is_sent = not self._transport.get_write_buffer_size()
        if self._parser.should_keep_alive() and is_sent and not self._transport.is_closing():
            self.hold(False)
            self._closes = self._loop.call_later(_KEPT_S, self.drop)
            self._pool.append(self)
        else:
            self._transport.close()


class _Answer:
    """One exchange. Filled by its connection, which it does not need any more once `is_whole`."""

    def __init__(self, connection: _Connection, loop: asyncio.AbstractEventLoop) -> None:
        self._connection = connection
        self._loop = loop
        self._waiter: asyncio.Future[None] | None = None
        self._parts: list[bytes] = []
        self._size = 0
        self._failure: UpstreamFailure | None = None
        self.status = 0
        self.headers: dict[str, str] = {}
        self.is_whole = False
        self.ends_with_connection = False
        self.idle_s: float | None = None
        self.until: float | None = None
        """When the whole body has to be there, on the loop's clock."""

    # --- For the connection --------------------------------------------------------------------

    def add(self, body: bytes) -> None:
        self._parts.append(body)
        self._size += len(body)
        if self._size > _MOST_AHEAD_BYTES:
            self._connection.hold(True)

    def fail(self, failure: UpstreamFailure) -> None:
        if self._failure is None and not self.is_whole:
            self._failure = failure
        self.wake()

    def wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # --- For the caller ------------------------------------------------------------------------

    async def begun(self, until: float | None, idle_s: float | None) -> None:
        """Returns when the headers are there."""
        left_s = None if until is None else until - self._loop.time()
        is_idle = idle_s is not None and (left_s is None or idle_s < left_s)
        while not self.status:
            # Before the headers, too, silence is what a stream's limit is about.
            await self._wait(idle_s if is_idle else left_s, "first_token" if is_idle else "timeout")
            if not self.status:  # what fails behind the headers is their reader's
                self._raise()
            left_s = None if until is None else until - self._loop.time()

    async def read(self) -> bytes:
        parts: list[bytes] = []
        while not self.is_whole:
            left_s = None if self.until is None else self.until - self._loop.time()
            await self._more(left_s, "timeout")
            parts.append(self._taken())
        return b"".join((*parts, *self._parts))

    async def chunks(self) -> AsyncIterator[bytes]:
        while True:
            if not self._parts and not self.is_whole:
                try:
                    await self._more(self.idle_s, "stream_stall")
                except UpstreamError as error:
                    failure = error.failure
                    token = "stream_stall" if failure.token == "stream_stall" else "stream_cut"
                    cut = UpstreamFailure(token, message=failure.message)
                    raise UpstreamError(cut) from error
            if self._parts:
                yield self._taken()
            elif self.is_whole:
                return

    async def _more(self, within_s: float | None, silence: str) -> None:
        """Returns when something has come; raises what went wrong, `silence` if nothing came."""
        await self._wait(within_s, silence)
        self._raise()

    async def _wait(self, within_s: float | None, silence: str) -> None:
        if self._failure is not None:
            return
        self._waiter = self._loop.create_future()
        timer = None
        if within_s is not None:
            failure = UpstreamFailure(silence, message=f"silence for {within_s:g} s")
            timer = self._loop.call_later(within_s, self.fail, failure)
        try:
            await self._waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()

    def _raise(self) -> None:
        if self._failure is not None:
            self._connection.drop()
            raise UpstreamError(self._failure)

    def _taken(self) -> bytes:
        taken = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        if self._size > _MOST_AHEAD_BYTES and not self.is_whole:
            self._connection.hold(False)
        self._parts, self._size = [], 0
        return taken

    async def close(self) -> None:
        """A connection whose answer was not read to its end cannot carry another one."""
        if not self.is_whole:
            self._connection.drop()

    async def finish(self) -> None:
        """All that matters has come: the little that ends the body may come by itself."""
        if not self.is_whole:
            self._connection.drop_soon()


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")
