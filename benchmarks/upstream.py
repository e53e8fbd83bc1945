"""A provider that costs next to nothing, so that what is measured is the gateway in front of it.

It speaks just enough HTTP/1.1 for the three gateways and answers every chat completion alike: whole,
or as forty pieces of a stream, each written by itself.
"""

import asyncio
import sys
from typing import cast

import orjson
import uvloop

CHUNKS = 40
_USAGE = {"prompt_tokens": 24, "completion_tokens": CHUNKS, "total_tokens": 24 + CHUNKS}
_SAYS = "All is well at the window of the shop, and the kettle is on. "


def _whole() -> bytes:
    message = {"role": "assistant", "content": _SAYS * 3}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    answer = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m"}
    body = orjson.dumps(answer | {"choices": [choice], "usage": _USAGE})
    head = (
        f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _pieces() -> list[bytes]:
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    deltas: list[tuple[dict[str, str], str | None]] = [({"role": "assistant", "content": ""}, None)]
    deltas += [({"content": "a few words "}, None)] * CHUNKS
    deltas += [({}, "stop")]
    chunks = [
        base | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
        for delta, finish in deltas
    ]
    chunks.append(base | {"choices": [], "usage": _USAGE})
    events = [b"data: " + orjson.dumps(chunk) + b"\n\n" for chunk in chunks] + [b"data: [DONE]\n\n"]
    return [f"{len(event):x}\r\n".encode() + event + b"\r\n" for event in events]


WHOLE, PIECES = _whole(), _pieces()
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


class _Provider(asyncio.Protocol):
    """One connection; requests do not overlap on it."""

    def __init__(self) -> None:
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(
            asyncio.Transport, transport
        )  # uvloop's own, which derives from none

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._received += data
        head, end, rest = self._received.partition(b"\r\n\r\n")
        if not end:
            return
        if head.startswith(b"GET"):
            self._received = rest
            self._transport.write(WHOLE)
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(rest) < length:
            return
        self._received = rest[length:]
        if b'"stream":true' in rest.replace(b" ", b""):
            self._transport.write(HEAD)
            self._stream(0)
        else:
            self._transport.write(WHOLE)

    def _stream(self, number: int) -> None:
        assert self._transport is not None
        if number == len(PIECES):
            self._transport.write(b"0\r\n\r\n")
        else:
            self._transport.write(PIECES[number])
            asyncio.get_running_loop().call_soon(self._stream, number + 1)


async def _serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Provider, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
