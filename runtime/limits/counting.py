"""Counters as one process uses them: with a lease on its holds, and with patience.

A settlement that cannot be written is tried again until it is. Holds of processes that are gone are
handed to whoever books them, and then settled.
"""

import asyncio
import logging
import os
import socket
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

from runtime.state.base import Account, Counters, Lease, Orphan, Short, StateError, Want

LEASE_S: Final = 30.0
"""How long a killed process's holds stay with it. Renewed three times as often."""
_KEPT_MS: Final = 2 * 86_400_000
_NEVER_MS: Final = 2**53

Bury = Callable[[Orphan], Awaitable[Mapping[str, int]]]
"""Books an orphan and says what it used, by account name. May be called twice for one orphan."""

_log = logging.getLogger("designer.runtime")


class Counting:
    """Lives in one event loop, from the first hold until `close`."""

    def __init__(
        self,
        counters: Counters,
        wall_clock: Callable[[], float],
        bury: Bury,
        *,
        fails_open: bool = False,
        lease_s: float = LEASE_S,
        ledger: str = "",
    ) -> None:
        """`fails_open`: requests go on, uncounted, while the count cannot be reached.

        `ledger` names where `bury` books.
        """
        self._counters = counters
        self._wall_clock = wall_clock
        self._bury = bury
        self.fails_open: Final = fails_open
        self._lease_s = lease_s
        self.where: Final = f"{_here()}/{sha256(ledger.encode()).hexdigest()[:8]}"
        self._owner = f"{self.where}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._unsettled: dict[str, Mapping[str, int]] = {}
        self._adopted: dict[str, Orphan] = {}
        """Holds of the dead that are this process's to book, and are not booked yet."""
        self._pulse: asyncio.Task[None] | None = None
        self._ends = asyncio.Event()
        self._is_reached = True

    def start(self) -> None:
        """Renew, bury and settle from now on; harmless when it does already."""
        if self._pulse is None:
            self._pulse = asyncio.create_task(self._beat())

    async def hold(self, id_: str, wants: Sequence[Want], note: str) -> Short | None:
        """Raises StateError when the count cannot be reached."""
        self.start()
        short = await self._counters.hold(id_, self._lease(), wants, note)
        self._tell_reached()
        return short

    async def settle(self, id_: str, amounts: Mapping[str, int]) -> None:
        """Now, or as soon as the count can be reached again."""
        self._unsettled[id_] = (
            amounts  # until it is sure, also where nobody waits for that any more
        )
        try:
            await self._counters.settle(id_, amounts)
        except StateError as error:
            self.tell_lost(error)
        else:
            self._unsettled.pop(id_, None)

    async def spent(self, account: Account) -> int:
        """Raises StateError when the count cannot be reached."""
        spent, _ = await self._counters.used(account)
        return spent

    async def close(self) -> None:
        self._ends.set()
        if self._pulse is not None:
            # Not cancelled: Python 3.11's `wait_for`, in which redis-py sends, may swallow that.
            await asyncio.wait([self._pulse])
        try:
            await self._settle_the_rest()
        except StateError as error:
            self.tell_lost(error)
        await self._counters.close()

    # --- Between requests ------------------------------------------------------------------------

    async def _beat(self) -> None:
        is_first = True
        while not self._ends.is_set():
            try:
                await self._counters.renew(self._lease())
                await self._settle_the_rest()
                if is_first:
                    await self._bury_the_killed()
                await self._bury_orphans()
                is_first = False
                self._tell_reached()
            except StateError as error:
                self.tell_lost(error)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._lease_s / 3):
                    await self._ends.wait()

    async def _settle_the_rest(self) -> None:
        for id_, amounts in list(self._unsettled.items()):
            await self._counters.settle(id_, amounts)
            self._unsettled.pop(id_, None)

    async def _bury_the_killed(self) -> None:
        """A restart on the same host need not wait for leases to run out.

        Unless the ledger is another: that of the killed may have the request already.
        """
        for orphan in await self._counters.orphans(_NEVER_MS):
            if self._has_died(orphan.owner):
                await self._adopt(orphan)
        await self._bury_the_adopted()

    async def _bury_orphans(self) -> None:
        for orphan in await self._counters.orphans(self._now_ms()):
            if orphan.id not in self._unsettled:
                await self._adopt(orphan)
        await self._bury_the_adopted()
        await self._counters.forget(self._now_ms() - _KEPT_MS)

    async def _adopt(self, orphan: Orphan) -> None:
        """Unless somebody else has, who may keep another ledger."""
        if await self._counters.adopt(orphan.id, orphan.owner, self._lease()):
            self._adopted[orphan.id] = orphan

    async def _bury_the_adopted(self) -> None:
        for id_, orphan in list(self._adopted.items()):
            await self._counters.settle(id_, await self._buried(orphan))
            del self._adopted[id_]

    async def _buried(self, orphan: Orphan) -> Mapping[str, int]:
        """What it used. What was held without a note was no request, and is booked nowhere."""
        return await self._bury(orphan) if orphan.note else orphan.amounts

    def _has_died(self, owner: str) -> bool:
        """Whether it ran here and does no more; of other hosts nobody here can tell."""
        where, _, rest = owner.partition(":")
        pid = rest.partition(":")[0]
        return where == self.where and pid.isdigit() and not _is_alive(int(pid))

    def _lease(self) -> Lease:
        return Lease(self._owner, self._now_ms() + round(self._lease_s * 1000))

    def _now_ms(self) -> int:
        return round(self._wall_clock() * 1000)

    # --- Telling ---------------------------------------------------------------------------------

    def tell_lost(self, error: StateError) -> None:
        """Once an outage, not once a request."""
        if self._is_reached:
            meanwhile = "requests go on uncounted" if self.fails_open else "requests are refused"
            _log.warning("limits cannot be counted, and %s: %s", meanwhile, error)
        self._is_reached = False

    def _tell_reached(self) -> None:
        if not self._is_reached:
            _log.warning("limits are counted again")
        self._is_reached = True


def _here() -> str:
    """This host and, in containers, this one's own processes."""
    try:
        processes = Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        processes = 0
    return f"{socket.gethostname()}/{processes}"


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # somebody else's
    return True
