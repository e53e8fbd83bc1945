"""Server-sent events out of bytes, however the bytes were cut. No I/O.

https://html.spec.whatwg.org/multipage/server-sent-events.html, without ids and retry times.
"""

from typing import Final, NamedTuple

_LARGEST_EVENT: Final = 32 * 1024 * 1024


class Event(NamedTuple):
    name: str
    data: bytes


class FramingError(ValueError):
    """The bytes are no stream of events, and nothing behind them can be read."""


class EventTooLargeError(FramingError):
    """One event grew beyond what a provider sends."""


class EventParser:
    """`feed` answers with the events that are whole; `close` with a last one that nothing ended."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        """The beginning of a line whose end has not come."""
        self._size = 0
        self._name = b""
        self._data: list[bytes] = []
        self._after_cr = False
        self._is_first = True

    def feed(self, chunk: bytes) -> list[Event]:
        if not chunk:
            return []
        if self._is_first and not (self._parts or chunk.startswith(b"\xef")):
            self._is_first = False  # no byte order mark
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
        self._after_cr = chunk.endswith(b"\r")
        # CR LF and CR are line ends like LF; a CR LF cut in two is one line end (see above).
        if b"\r" in chunk:
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if chunk.endswith(b"\n\n") and self.is_between_events:
            events: list[Event] = []
            for block in chunk[:-2].split(b"\n\n"):
                # What nearly all events are, in nearly all pieces: one line of data.
                if block.startswith(b"data: ") and b"\n" not in block:
                    events.append(Event("", block[6:]))
                else:
                    for line in (*block.split(b"\n"), b""):
                        self._line(line, events)
            return events
        return self._lines(chunk)

    @property
    def is_between_events(self) -> bool:
        """Whether what comes next is the beginning of an event, and of a line."""
        is_within = self._size or self._data or self._name or any(self._parts)
        return not (is_within or self._is_first or self._after_cr)

    def _lines(self, chunk: bytes) -> list[Event]:
        first, *lines = chunk.split(b"\n")
        self._parts.append(first)
        self._size += len(first)
        if self._size > _LARGEST_EVENT:
            raise EventTooLargeError(f"an event of more than {_LARGEST_EVENT} bytes")
        events: list[Event] = []
        for line in lines:
            self._line(b"".join(self._parts), events)
            self._parts = [line]
        return events

    def close(self) -> list[Event]:
        """Some providers leave out the empty line behind the last event."""
        events: list[Event] = []
        self._line(b"".join(self._parts), events)
        self._line(b"", events)
        self._parts = []
        return events

    def _line(self, line: bytes, events: list[Event]) -> None:
        if self._is_first:
            line = line.removeprefix(b"\xef\xbb\xbf")
            self._is_first = False
        if not line:
            if self._data:
                events.append(Event(self._name.decode("utf-8", "replace"), b"\n".join(self._data)))
            self._name, self._data, self._size = b"", [], 0
            return
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        self._size += len(line)
        if field == b"data":
            self._data.append(value)
        elif field == b"event":
            self._name = value
