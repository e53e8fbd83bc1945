"""One attempt at one deployment, as the events the engine understands.

It opens the connection, translates both ways and notices how the answer ends. It decides nothing:
whether another attempt follows is the engine's affair.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from designer.engine.events import Ended, Event, Failed, FirstToken, Headers, Send, Usage
from runtime.ledger import usage_of
from runtime.upstream import (
    Chunk,
    Dialect,
    Request,
    Response,
    StreamDecoder,
    Target,
    UntranslatableError,
    Upstream,
    UpstreamError,
    UpstreamFailure,
    read_answer,
    translate,
)

Body = dict[str, Any]

_PASSED = {
    "deadline": "the route's deadline passed",
    "first_token": "the stream stayed without content for too long",
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a deployment is reached, and in which words."""

    target: Target
    dialect: Dialect
    params: Mapping[str, Any] = field(default_factory=dict)
    """Parameters forced for this deployment, whatever the client says."""


@dataclass(slots=True)
class Attempt:
    """Changes as its answer arrives: `answer` or `chunks`, `usage`, `failure`."""

    endpoint: Endpoint
    upstream: Upstream
    clock: Callable[[], float]
    embeds: bool = False
    passes: bool = False
    """Whether chunks may stay the text that the provider wrote."""
    answer: Body | None = None
    """The whole answer, in OpenAI's shape; of a stream it stays None."""
    chunks: list[Chunk] = field(default_factory=list)
    """Of a stream: what has come and was not taken yet."""
    usage: Body | None = None
    failure: UpstreamFailure | None = None
    dropped: tuple[str, ...] = ()
    """Parameters that the provider has no word for."""
    _response: Response | None = None
    _pieces: AsyncIterator[bytes] | None = None
    _decoder: StreamDecoder | None = None
    _ends_at: float | None = None
    """When the route's deadline is, on this clock."""
    _first_by: float | None = None
    """When a stream's first content has to be there, on this clock."""

    async def begin(self, send: Send, body: Body) -> Event:
        """`Headers` for a stream that was opened, otherwise how it ended."""
        try:
            return await self._begin(send, body)
        except UpstreamError as error:
            return self._failed(error.failure)
        except UntranslatableError as error:
            return self._failed(UpstreamFailure("400", 400, message=str(error)))

    async def _begin(self, send: Send, body: Body) -> Event:
        dialect, target = self.endpoint.dialect, self.endpoint.target
        asks, answers = dialect.request, dialect.response
        if self.embeds:
            if dialect.embedding is None:
                raise UntranslatableError(f"{dialect.name} has no embeddings here")
            asks, answers = dialect.embedding.request, dialect.embedding.response
        translated = translate(asks, target, {**body, **self.endpoint.params})
        self.dropped = translated.dropped
        began = self.clock()
        self._ends_at = None if send.left_s is None else began + send.left_s
        self._first_by = None if send.first_token_s is None else began + send.first_token_s
        is_stream = translated.request.is_stream
        asked = translated.request
        request = Request(
            asked.url,
            asked.headers,
            asked.body,
            is_stream,
            timeout_s=send.timeout_s,
            idle_s=send.first_token_s,
            authorize=asked.authorize,
        )
        self._response = await self.upstream(request)
        if is_stream and self._response.status == 200:
            self._pieces = self._response.chunks()
            translation = dialect.stream(target.model)
            self._decoder = StreamDecoder(translation, dialect.framing(), self.passes)
            return Headers(self.clock())
        raw = await self._response.read()
        status, headers = self._response.status, self._response.headers
        answer = read_answer(answers, dialect, status, headers, raw, target.model)
        if isinstance(answer, UpstreamFailure):
            return self._failed(answer)
        self.answer, self.usage = answer, answer.get("usage")
        return Ended(self.clock(), usage_of(self.usage) or Usage())

    async def listen(self) -> Event | None:
        """The stream's next event; None when only more content has come."""
        assert self._decoder is not None
        assert self._pieces is not None
        decoder, had_content = self._decoder, self._decoder.has_content
        limit = self._limit()
        try:
            if limit is None:
                piece = await anext(self._pieces, None)
            else:
                async with asyncio.timeout(limit[0] - self.clock()):
                    piece = await anext(self._pieces, None)
        except TimeoutError:
            assert limit is not None
            await self.close()
            return self._failed(UpstreamFailure(limit[1], message=_PASSED[limit[1]]))
        except UpstreamError as error:
            if decoder.is_complete:
                return self._closed(decoder)
            if error.failure.token == "stream_stall" and not decoder.has_content:
                return self._failed(replace(error.failure, token="first_token"))
            return self._failed(error.failure)
        if piece is None or decoder.is_done:
            return self._closed(decoder)
        self.chunks += decoder.feed(piece)
        if decoder.failure is not None:
            return self._failed(decoder.failure)
        if decoder.is_done:
            await self._finish()
            return self._closed(decoder)
        if decoder.has_content and not had_content:
            return FirstToken(self.clock())
        return None

    def _limit(self) -> tuple[float, str] | None:
        """When listening ends, whatever comes, and the failure that it then is."""
        assert self._decoder is not None
        first_by = None if self._decoder.has_content else self._first_by
        limits = ((self._ends_at, "deadline"), (first_by, "first_token"))
        return min(((at, token) for at, token in limits if at is not None), default=None)

    def take(self) -> list[Chunk]:
        """The content that has come since the last time."""
        taken, self.chunks = self.chunks, []
        return taken

    async def _finish(self) -> None:
        if self._response is not None:
            await self._response.finish()

    async def close(self) -> None:
        if self._response is not None:
            await self._response.close()

    def _closed(self, decoder: StreamDecoder) -> Event:
        chunks, end = decoder.close()
        self.chunks += chunks
        if end.failure is not None:
            return self._failed(end.failure)
        self.usage = end.usage
        return Ended(self.clock(), usage_of(end.usage) or Usage())

    def _failed(self, failure: UpstreamFailure) -> Failed:
        secret = self.endpoint.target.secret
        if secret:  # some providers say which key they were shown
            failure = replace(failure, message=failure.message.replace(secret, "[API_KEY]"))
        self.failure = failure
        # A good status does not make good an answer that is none.
        status = failure.status if failure.status is not None and failure.status >= 400 else None
        return Failed(self.clock(), failure.token, status, failure.retry_after_s)
