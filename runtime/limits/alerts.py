"""Tells that a budget has passed its alert share: once a window, by whichever process sees it first.

Who was first is counted like everything else that processes share: one hold of one, and no more room.
"""

import logging
import uuid
from collections.abc import Callable, Iterable
from typing import Final

from runtime.ledger import usd_text
from runtime.limits.binding import Bind
from runtime.limits.counting import Counting
from runtime.state.base import Account, StateError, Want

Alerted = Callable[[Bind], None]

_log = logging.getLogger("designer.runtime")


class Alerts:
    """Lives as long as the books. `heard` is called for each budget that is told of."""

    def __init__(self, counting: Counting) -> None:
        self._counting = counting
        self._told: Final[set[tuple[str, int]]] = set()
        """Accounts that need no look any more: the alert's own, by name and window."""
        self.heard: Alerted = lambda _: None

    async def look(self, binds: Iterable[Bind]) -> None:
        """At what is spent just now, of budgets with an alert. A count that is away is told as such."""
        for bind in binds:
            own = _account(bind)
            if bind.alert is None or (own.name, own.starts_ms) in self._told:
                continue
            try:
                spent = await self._counting.spent(bind.account)
                if spent >= bind.alert:
                    self._told.add((own.name, own.starts_ms))
                    await self._tell_first(bind, own, spent)
            except StateError as error:
                self._told.discard((own.name, own.starts_ms))
                self._counting.tell_lost(error)

    async def _tell_first(self, bind: Bind, own: Account, spent: int) -> None:
        claim = f"alert:{uuid.uuid4().hex}"
        if await self._counting.hold(claim, [Want(own, 1)], note="") is None:
            _log.warning("budget %s: %s USD are spent", bind.words, usd_text(spent))
            self.heard(bind)
            await self._counting.settle(claim, {own.name: 1})


def _account(bind: Bind) -> Account:
    """Another share or limit is another alert."""
    account = bind.account
    name = f"alert:{account.name}:{bind.alert}"
    return Account(name, account.starts_ms, account.ends_ms, 1)
