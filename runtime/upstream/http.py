"""The transport that the runtime uses: aiohttp with one pool of connections.

It follows no redirect (the secret would go along), keeps no cookie and never retries.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from typing import Final

import aiohttp

from runtime.upstream.base import Request, Response, UpstreamError, UpstreamFailure

_CONNECT_S: Final = 5.0
_ENDS_WITHIN_S: Final = 0.05


class AiohttpUpstream:
    """A pool of connections; lives in one event loop, from the first call until `close`."""

    def __init__(self, connect_s: float = _CONNECT_S) -> None:
        self._connect_s = connect_s
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, send: Request) -> Response:
        session = self._opened()
        began = time.monotonic()
        timeout = aiohttp.ClientTimeout(
            total=None,
            sock_connect=self._connect_s,
            sock_read=send.idle_s if send.is_stream else None,
        )
        try:
            async with asyncio.timeout(send.timeout_s):
                response = await session.post(
                    send.url,
                    data=send.body,
                    headers=send.headers,
                    timeout=timeout,
                    allow_redirects=False,
                )
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # Before the headers, too, silence is what a stream's limit is about.
            is_idle = send.is_stream and isinstance(error, aiohttp.SocketTimeoutError)
            raise UpstreamError(_failure(error, "first_token" if is_idle else "timeout")) from error
        left = None
        if send.timeout_s is not None and not send.is_stream:
            left = max(0.0, send.timeout_s - (time.monotonic() - began))
        return _AiohttpResponse(response, left)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=60),
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("User-Agent", "Content-Type"),
            )
        return self._session

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


class _AiohttpResponse:
    def __init__(self, response: aiohttp.ClientResponse, left_s: float | None) -> None:
        self._response = response
        self._left_s = left_s

    @property
    def status(self) -> int:
        return self._response.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self._response.headers  # which finds names in any case

    async def read(self) -> bytes:
        try:
            async with asyncio.timeout(self._left_s):
                return await self._response.read()
        except (aiohttp.ClientError, OSError, ValueError) as error:
            self._response.close()
            raise UpstreamError(_failure(error, "timeout")) from error

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._response.content.iter_any():
                yield chunk
        except (aiohttp.ClientError, OSError, ValueError) as error:
            failure = _failure(error, "stream_stall")
            token = failure.token if failure.token == "stream_stall" else "stream_cut"
            raise UpstreamError(UpstreamFailure(token, message=failure.message)) from error

    async def close(self) -> None:
        """A connection whose answer was not read to its end cannot carry another one."""
        self._response.close()

    async def finish(self) -> None:
        """All that matters has come: read the little that ends the body, so that the connection stays."""
        try:
            async with asyncio.timeout(_ENDS_WITHIN_S):
                while await self._response.content.readany():
                    continue
        except (aiohttp.ClientError, OSError, ValueError):
            self._response.close()


def _failure(error: Exception, silence: str) -> UpstreamFailure:
    """`silence` is what a timeout means where it happened."""
    message = f"{type(error).__name__}: {error}".rstrip(": ")
    match error:
        case aiohttp.ConnectionTimeoutError() | aiohttp.ClientConnectorError():
            return UpstreamFailure("connect", message=message)
        case TimeoutError():
            return UpstreamFailure(silence, message=message)
        case (
            aiohttp.ServerDisconnectedError()
            | aiohttp.ClientOSError()
            | aiohttp.ClientPayloadError()
        ):
            return UpstreamFailure("reset", message=message)
        case aiohttp.ClientSSLError() | aiohttp.InvalidURL():
            return UpstreamFailure("connect", message=message)
        case aiohttp.ClientError() | ValueError():
            return UpstreamFailure("malformed", message=message)
    return UpstreamFailure("reset", message=message)
