"""Amazon's event stream encoding out of bytes, however the bytes were cut. No I/O.

A message is two lengths and their checksum, headers, a payload, and a checksum of it all
(smithy.io/2.0/aws/amazon-eventstream.html, read 2026-11-24). Payloads come out under the name of
their event, `{"metadata": {…}}`, and an exception as `{"error": {…}}`.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import Final

import orjson

from runtime.upstream.sse import Event, FramingError

_PRELUDE: Final = struct.Struct("!III")
_CHECKSUM: Final = struct.Struct("!I")
_LARGEST_MESSAGE: Final = 24 * 1024 * 1024
_SIZE_OF_TYPE: Final = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Of a header's value; the types 6 and 7, bytes and text, say their length in two bytes."""
_STRUCT_ERRORS: Final = (struct.error, IndexError, KeyError, UnicodeDecodeError)
_STATUS_OF: Final = {
    "throttlingException": 429,
    "serviceUnavailableException": 503,
    "internalServerException": 500,
    "modelStreamErrorException": 424,
    "validationException": 400,
}
"""What each exception inside a stream would be as an answer (botocore 1.44.8, bedrock-runtime)."""


class MessageParser:
    """`feed` answers with the events that are whole."""

    def __init__(self) -> None:
        self._left = bytearray()

    def feed(self, chunk: bytes) -> list[Event]:
        self._left += chunk
        return list(self._whole())

    def close(self) -> list[Event]:
        """Half a message is none."""
        return []

    def _whole(self) -> Iterator[Event]:
        while len(self._left) >= _PRELUDE.size:
            size, headers_size, checksum = _PRELUDE.unpack_from(self._left)
            if zlib.crc32(self._left[:8]) != checksum:
                raise FramingError("the head of a message has a wrong checksum")
            if not 16 + headers_size <= size <= _LARGEST_MESSAGE:
                raise FramingError(f"a message of {size} bytes")
            if len(self._left) < size:
                return
            message = bytes(self._left[:size])
            del self._left[:size]
            if zlib.crc32(message[:-4]) != _CHECKSUM.unpack(message[-4:])[0]:
                raise FramingError("a message has a wrong checksum")
            payload_at = _PRELUDE.size + headers_size
            yield _event(_headers(message[_PRELUDE.size : payload_at]), message[payload_at:-4])


def _event(headers: dict[str, str], payload: bytes) -> Event:
    if headers.get(":message-type", "event") == "event":
        name = headers.get(":event-type", "")
        return Event(name, b'{"%b":%b}' % (name.encode(), payload))
    name = headers.get(":exception-type") or headers.get(":error-code") or "error"
    error = {"type": name, "code": _STATUS_OF.get(name), "message": _message(headers, payload)}
    return Event(name, orjson.dumps({"error": error}))


def _message(headers: dict[str, str], payload: bytes) -> str:
    try:
        said = orjson.loads(payload)["message"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        said = headers.get(":error-message") or payload[:500].decode("utf-8", "replace")
    return str(said)


def _headers(data: bytes) -> dict[str, str]:
    """Those whose value is text."""
    found: dict[str, str] = {}
    at = 0
    try:
        while at < len(data):
            name = data[at + 1 : at + 1 + data[at]].decode()
            at += 1 + data[at]
            kind = data[at]
            at += 1
            if kind in (6, 7):
                (size,) = struct.unpack_from("!H", data, at)
                at += 2
            else:
                size = _SIZE_OF_TYPE[kind]
            if kind == 7:
                found[name] = data[at : at + size].decode()
            at += size
    except _STRUCT_ERRORS as error:
        raise FramingError(f"the headers of a message cannot be read: {error!r}") from error
    return found
