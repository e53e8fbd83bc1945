"""A stream of JSON documents, one a line, out of bytes, however the bytes were cut. No I/O."""

from typing import Final

from runtime.upstream.sse import Event, EventTooLargeError

_LARGEST_LINE: Final = 32 * 1024 * 1024


class LineParser:
    """`feed` answers with the lines that are whole; `close` with a last one that nothing ended."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        """The beginning of a line whose end has not come."""
        self._size = 0

    def feed(self, chunk: bytes) -> list[Event]:
        first, *rest = chunk.split(b"\n")
        self._parts.append(first)
        self._size += len(first)
        if self._size > _LARGEST_LINE:
            raise EventTooLargeError(f"a line of more than {_LARGEST_LINE} bytes")
        if not rest:
            return []
        lines = [b"".join(self._parts), *rest[:-1]]
        self._parts, self._size = [rest[-1]], len(rest[-1])
        return [Event("", line) for line in lines if line.strip()]

    def close(self) -> list[Event]:
        return self.feed(b"\n")
