"""The stub's server in a thread of its own, for callers that are no coroutines."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from runtime.stub.server import StubServer

_ENDS_WITHIN_S = 10.0


@contextmanager
def running_stub(
    port: int = 0, between_chunks_s: float = 0.02, keep: int = 100_000
) -> Iterator[StubServer]:
    """Serves on loopback until the block ends. Raises NetworkError for a port that is taken."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="stub", daemon=True)
    thread.start()
    try:
        stub = StubServer(port=port, between_chunks_s=between_chunks_s, keep=keep)
        asyncio.run_coroutine_threadsafe(stub.start(), loop).result(_ENDS_WITHIN_S)
        try:
            yield stub
        finally:
            asyncio.run_coroutine_threadsafe(stub.close(), loop).result(_ENDS_WITHIN_S)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_ENDS_WITHIN_S)
        loop.close()
