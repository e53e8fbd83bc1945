"""A running runtime goes over to another configuration, and comes to an end, without dropping a request.

What is in flight keeps the driver that it began with; the next request gets the new one. What the
deployments' health is, what has been kept and whose connections are open outlives the change. What the
new configuration is, and whether it is any good, is the caller's affair.
"""

import asyncio
import signal
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Final, Literal

from designer.engine.call import Program
from runtime.app import App
from runtime.attempt import Endpoint
from runtime.books import Priced
from runtime.cache.build import cached
from runtime.driver import Driver
from runtime.serve import reserving

Wish = Literal["stop", "drain", "reload"]
_WISHES: Final[dict[signal.Signals, Wish]] = {
    signal.SIGINT: "stop",
    signal.SIGTERM: "drain",
    **({signal.SIGHUP: "reload"} if hasattr(signal, "SIGHUP") else {}),
}
_LOOKS_EVERY_S: Final = 0.02


async def renew(
    app: App,
    program: Program,
    found: Mapping[str, Endpoint],
    deployments: Mapping[str, Priced],
    max_request_usd: Decimal | None = None,
) -> None:
    """From now on `app` answers by `program`. Raises UsageError, and changes nothing, if it cannot."""
    old = app.driver
    program = reserving(program)
    # An encoder takes a moment to load, which requests need not wait for.
    staged, kept = await asyncio.to_thread(cached, program, old.kept)
    # Deployments that are gone are still owed for by what is in flight.
    app.books.deployments = {**app.books.deployments, **deployments}
    app.books.max_request_usd = max_request_usd
    app.books.bind(program.routing)
    same = (old.upstream, old.clock, old.draws, old.sleep)
    app.take(Driver(staged, old.world, found, *same, kept, old.names))


async def drain(app: App, limit_s: float) -> bool:
    """Whether everything in flight has ended in time; meanwhile the runtime is alive and not ready."""
    app.is_draining = True
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + limit_s
    while app.in_flight and loop.time() < ends_at:
        await asyncio.sleep(_LOOKS_EVERY_S)
    return not app.in_flight


class Wishes:
    """Signals, as they come, to whoever waits for the next."""

    def __init__(self) -> None:
        """Listens from here on; inside a running loop."""
        self._come: asyncio.Queue[Wish] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        for number, wish in _WISHES.items():
            loop.add_signal_handler(number, self._come.put_nowait, wish)
        if hasattr(signal, "pthread_sigmask"):  # a worker is born with it blocked, see `workers`
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})

    async def next(self, within_s: float | None = None) -> Wish | None:
        """None when there was none in time."""
        try:
            async with asyncio.timeout(within_s):
                return await self._come.get()
        except TimeoutError:
            return None


Mark = tuple[tuple[str, int, int], ...]
_READ_WITH_IT: Final = (".json", ".yaml", ".yml")


def mark(path: Path) -> Mark:
    """Changes when a file of the configuration does: its folder, or the file and what is read with it."""
    if path.is_dir():
        files = [file for file in path.rglob("*") if file.is_file()]
    else:
        beside = path.absolute().parent.glob("*")
        files = [path, *(file for file in beside if file.suffix in _READ_WITH_IT)]
    return tuple(sorted(one for file in files if (one := _mark(file)) is not None))


def _mark(file: Path) -> tuple[str, int, int] | None:
    try:
        stat = file.stat()
    except OSError:  # gone in this moment: that it is missing is the change
        return None
    return str(file), stat.st_mtime_ns, stat.st_size
