"""Decode a provider's event stream to OpenAI's chunks, and judge how it ended. No I/O.

Where the caller takes them, chunks that say nothing but more words come out as their JSON text.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import orjson

from runtime.upstream.alike import BETWEEN, DATA, END, Alike
from runtime.upstream.base import UpstreamError, UpstreamFailure
from runtime.upstream.dialect import SHAPE_ERRORS, Body, Framing, StreamTranslation
from runtime.upstream.failures import in_band_failure
from runtime.upstream.sse import Event, EventParser, FramingError

_CONTENT: Final = (
    "content",
    "tool_calls",
    "function_call",
    "reasoning_content",
    "refusal",
    "audio",
)


NO_USAGE: Final = b',"usage":null'
Chunk = Body | bytes
"""A chunk, or the JSON texts of some as the provider wrote them, with `BETWEEN` between them."""


def read_chunks(chunks: Iterable[Chunk]) -> list[Body]:
    return [read for chunk in chunks for read in _read(chunk)]


def _read(chunk: Chunk) -> list[Body]:
    return [chunk] if isinstance(chunk, dict) else list(map(orjson.loads, chunk.split(BETWEEN)))


def listed(chunks: Iterable[Chunk]) -> list[Body | orjson.Fragment]:
    """For orjson: the same list as `read_chunks` makes, with texts as they are."""
    return [
        chunk if isinstance(chunk, dict) else orjson.Fragment(chunk.replace(BETWEEN, b","))
        for chunk in chunks
    ]


def without_usage(texts: bytes) -> bytes:
    """Inside a string these quotes would be escaped."""
    return texts.replace(NO_USAGE, b"")


def _has_no_usage(chunk: Body, text: bytes) -> bool:
    """None, or one that `without_usage` takes out."""
    if "usage" in chunk:
        return chunk["usage"] is None and text.count(b'"usage"') == 1 and NO_USAGE in text
    return b'"usage"' not in text


@dataclass(frozen=True, slots=True)
class StreamEnd:
    """How a stream came out, once the connection has no more to say."""

    failure: UpstreamFailure | None
    """None: the answer is complete."""
    finish_reason: str | None
    usage: Body | None
    """As OpenAI puts it; None when the provider never said."""
    bad_chunks: int
    """Events that were skipped because they were not what the provider documents."""


class StreamDecoder:
    """One stream. After a failure or the end nothing more comes out of `feed`."""

    def __init__(
        self,
        translation: StreamTranslation,
        framing: Framing | None = None,
        passes: bool = False,
    ) -> None:
        """`framing` is None for server-sent events.

        `passes`: chunks may come out as text, where the provider's is OpenAI's.
        """
        self._translation = translation
        self._parser: Framing = framing or EventParser()
        self._alike = Alike() if passes and isinstance(self._parser, EventParser) else None
        self._open: set[int] = set()
        """Choices that have begun and not ended."""
        self._received = 0
        self.failure: UpstreamFailure | None = None
        self.finish_reason: str | None = None
        self.usage: Body | None = None
        self.bad_chunks = 0
        self.has_content = False
        """Something that the caller would see has come."""
        self.is_done = False
        """The provider has said that nothing follows."""

    @property
    def is_complete(self) -> bool:
        """Every answer in the stream has reached its end, whether or not the stream has."""
        return self.is_done or (self.finish_reason is not None and not self._open)

    def feed(self, data: bytes) -> list[Chunk]:
        self._received += len(data)
        chunks: list[Chunk] = []
        at = 0
        try:
            while at < len(data) and not self._is_over:
                end = self._alike_until(data, at)
                if end > at:
                    chunks.append(data[at + len(DATA) : end - len(END)])
                else:
                    end = self._read_until(data, at)
                    chunks += self._chunks(self._parser.feed(data[at:end]))
                at = end
        except FramingError as error:
            has_begun = self.has_content or self._open
            token = "stream_error" if has_begun else "malformed"
            self.failure = UpstreamFailure(token, message=str(error))
        return chunks

    @property
    def _is_over(self) -> bool:
        return self.is_done or self.failure is not None

    def _alike_until(self, data: bytes, at: int) -> int:
        """Where the events end, from `at` on, that need not be read."""
        alike, parser = self._alike, self._parser
        is_apart = isinstance(parser, EventParser) and parser.is_between_events
        return alike.run(data, at) if alike is not None and is_apart else at

    def _read_until(self, data: bytes, at: int) -> int:
        """Where the first event ends, if others may be like it; else all is read at once."""
        if self._alike is None or not self._alike.is_learning:
            return len(data)
        end = data.find(END, at)
        return len(data) if end < 0 else end + len(END)

    def close(self) -> tuple[list[Chunk], StreamEnd]:
        """The connection has ended: what was still to come, and the verdict."""
        chunks = self._chunks(self._parser.close())
        end = StreamEnd(self._verdict(), self.finish_reason, self.usage, self.bad_chunks)
        return chunks, end

    def _chunks(self, events: Iterable[Event]) -> list[Chunk]:
        chunks: list[Chunk] = []
        alike = self._alike
        for event in events:
            if self._is_over:
                break
            read = self._of_event(event)
            chunks += read
            if alike is not None:
                alike.forget()  # where the stream stands now, what it knew may mean something else
                if alike.is_learning and self._is_only_more(event, read):
                    alike.learn(event.data)
        return chunks

    def _is_only_more(self, event: Event, read: list[Body]) -> bool:
        """Whether another event like this one changes nothing here, and needs no translation."""
        if len(read) != 1 or not self.has_content or b"\n" in event.data:
            return False
        (chunk,) = read
        if len(chunk["choices"]) != 1 or not _has_no_usage(chunk, event.data):
            return False
        (choice,) = chunk["choices"]
        is_open = not choice.get("finish_reason") and choice.get("index", 0) in self._open
        return is_open and bool(chunk == orjson.loads(event.data))

    def _of_event(self, event: Event) -> list[Body]:
        if event.data.strip() == b"[DONE]":
            self.is_done = True
            return []
        chunks: list[Body] = []
        try:
            payload = orjson.loads(event.data)
            if payload.get("error"):
                self.failure = in_band_failure(payload["error"], event.data)
                return []
            if payload.get("type") == "message_stop":
                self.is_done = True
            for chunk in self._translation(payload):
                self._note(chunk)
                chunks.append(chunk)
        except UpstreamError as error:
            self.failure = error.failure
        except SHAPE_ERRORS:
            self.bad_chunks += 1
        return chunks

    def _note(self, chunk: Body) -> None:
        if isinstance(chunk.get("usage"), dict):
            self.usage = chunk["usage"]
        for choice in chunk["choices"]:
            index: Any = choice.get("index", 0)
            delta = choice.get("delta") or {}
            if not self.has_content:
                self.has_content = any(delta.get(key) for key in _CONTENT)
            if choice.get("finish_reason"):
                self.finish_reason = choice["finish_reason"]
                self._open.discard(index)
            else:
                self._open.add(index)

    def _verdict(self) -> UpstreamFailure | None:
        if self.failure is not None:
            return self.failure
        if not self._received:
            return UpstreamFailure("empty", message="the stream has no content")
        if not self.is_complete:
            if self.has_content or self._open:
                return UpstreamFailure(
                    "stream_cut", message="the stream ended before the answer did"
                )
            return UpstreamFailure("malformed", message="the stream holds no event")
        if not self.has_content and self.finish_reason in (None, "stop"):
            return UpstreamFailure("empty", message="the answer says nothing")
        return None
