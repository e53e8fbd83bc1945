"""What callers may use up and how much of it is taken: accounts, holds, and who keeps the count.

A request holds the most it may use before it is sent, and settles what it did use. An account never
takes more than its cap, what is held included. Which accounts bind a request, and how much it may
use, is not known here (`runtime.limits`).
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from designer.errors import UsageError


class StateError(UsageError):
    """State cannot be opened, read or written. What should have been written was not."""


class Account(Struct, frozen=True):
    """An amount that may be used up in one window of time: nano-dollars, tokens or requests."""

    name: str
    """The same in every window; one request meets a name in one window only."""
    starts_ms: int
    """Unix time, as everywhere here."""
    ends_ms: int
    cap: int


class Want(Struct, frozen=True):
    account: Account
    amount: int


class Lease(Struct, frozen=True):
    """Who holds, and until when its holds are its own if nobody renews them."""

    owner: str
    until_ms: int


class Short(Struct, frozen=True):
    """The first account that had no room for what was wanted."""

    account: Account
    spent: int
    held: int
    """By others, and by the request itself before it wanted more."""
    amount: int
    """What was wanted in all."""

    @property
    def frees_itself(self) -> bool:
        """Whether there may be room as soon as others settle."""
        return self.spent + self.amount <= self.account.cap


class Orphan(Struct, frozen=True):
    """A hold whose owner has not renewed its lease."""

    id: str
    owner: str
    note: str
    """What its owner left for whoever has to settle it."""
    amounts: Mapping[str, int]
    """By account name."""


class Counters(Protocol):
    """Every method raises StateError when the count cannot be reached.

    All are safe to repeat: a hold that is held already is raised and not added to, a hold that is
    settled is not settled again.
    """

    async def hold(
        self, id_: str, lease: Lease, wants: Sequence[Want], note: str = ""
    ) -> Short | None:
        """Raise the hold to these amounts: all of them, or none and the account that is short."""
        ...

    async def settle(self, id_: str, amounts: Mapping[str, int]) -> bool:
        """Put these amounts, by account name, in place of what is held; False when nothing is.

        An account that is held and not named gets all of it back.
        """
        ...

    async def renew(self, lease: Lease) -> None: ...

    async def orphans(self, at_ms: int) -> Sequence[Orphan]: ...

    async def adopt(self, id_: str, owner: str, lease: Lease) -> bool:
        """Make a hold of `owner` this lease's; False when it is not that owner's any more."""
        ...

    async def used(self, account: Account) -> tuple[int, int]:
        """(spent, held)."""
        ...

    async def forget(self, before_ms: int) -> None:
        """Drop the accounts whose windows ended before that and in which nothing is held."""
        ...

    async def close(self) -> None: ...
