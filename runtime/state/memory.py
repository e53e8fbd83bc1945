"""Counters of one process, gone when it ends."""

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct, field

from runtime.state.base import Account, Lease, Orphan, Short, Want

_Key = tuple[str, int]


class _Count(Struct):
    ends_ms: int
    spent: int = 0
    held: int = 0


class _Hold(Struct):
    owner: str
    note: str
    keys: dict[str, _Key] = field(default_factory=dict)
    amounts: dict[str, int] = field(default_factory=dict)


class MemoryCounters:
    """Nothing here waits, so that no two requests are ever in the middle of it."""

    def __init__(self) -> None:
        self._counts: Final[dict[_Key, _Count]] = {}
        self._holds: Final[dict[str, _Hold]] = {}
        self._until_ms: Final[dict[str, int]] = {}

    async def hold(
        self, id_: str, lease: Lease, wants: Sequence[Want], note: str = ""
    ) -> Short | None:
        has = self._holds.get(id_)
        for want in wants:
            already = has.amounts.get(want.account.name, 0) if has is not None else 0
            count = self._count(want.account)
            if count.spent + count.held - already + max(want.amount, already) > want.account.cap:
                return Short(want.account, count.spent, count.held, want.amount)
        has = has or self._holds.setdefault(id_, _Hold(lease.owner, note))
        await self.renew(lease)
        for want in wants:
            name, already = want.account.name, has.amounts.get(want.account.name, 0)
            has.keys[name] = (name, want.account.starts_ms)
            has.amounts[name] = max(want.amount, already)
            self._count(want.account).held += has.amounts[name] - already
        return None

    async def settle(self, id_: str, amounts: Mapping[str, int]) -> bool:
        has = self._holds.pop(id_, None)
        if has is None:
            return False
        for name, held in has.amounts.items():
            count = self._counts[has.keys[name]]
            count.held -= held
            count.spent += amounts.get(name, 0)
        return True

    async def renew(self, lease: Lease) -> None:
        self._until_ms[lease.owner] = max(lease.until_ms, self._until_ms.get(lease.owner, 0))

    async def orphans(self, at_ms: int) -> Sequence[Orphan]:
        return [
            Orphan(id_, has.owner, has.note, dict(has.amounts))
            for id_, has in self._holds.items()
            if self._until_ms.get(has.owner, 0) <= at_ms
        ]

    async def adopt(self, id_: str, owner: str, lease: Lease) -> bool:
        has = self._holds.get(id_)
        if has is None or has.owner != owner:
            return False
        has.owner = lease.owner
        await self.renew(lease)
        return True

    async def used(self, account: Account) -> tuple[int, int]:
        count = self._count(account)
        return count.spent, count.held

    async def forget(self, before_ms: int) -> None:
        over = [
            key
            for key, count in self._counts.items()
            if count.ends_ms < before_ms and not count.held
        ]
        for key in over:
            del self._counts[key]

    async def close(self) -> None:
        return None

    def _count(self, account: Account) -> _Count:
        return self._counts.setdefault((account.name, account.starts_ms), _Count(account.ends_ms))
