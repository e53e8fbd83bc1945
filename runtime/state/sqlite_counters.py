"""Counters in the state file: shared by the processes of one host, and there after a restart."""

import sqlite3
from collections.abc import Mapping, Sequence

from runtime.state.base import Account, Lease, Orphan, Short, Want
from runtime.state.sqlite_writer import SqliteWriter


class SqliteCounters:
    """`writer` may be shared with the ledger, whose rows then go into the same transactions."""

    def __init__(self, writer: SqliteWriter) -> None:
        self._writer = writer

    async def hold(
        self, id_: str, lease: Lease, wants: Sequence[Want], note: str = ""
    ) -> Short | None:
        return await self._writer.do(lambda db: _hold(db, id_, lease, wants, note))

    async def settle(self, id_: str, amounts: Mapping[str, int]) -> bool:
        return await self._writer.do(lambda db: _settle(db, id_, amounts))

    async def renew(self, lease: Lease) -> None:
        await self._writer.do(lambda db: _renew(db, lease))

    async def orphans(self, at_ms: int) -> Sequence[Orphan]:
        return await self._writer.do(lambda db: _orphans(db, at_ms))

    async def adopt(self, id_: str, owner: str, lease: Lease) -> bool:
        return await self._writer.do(lambda db: _adopt(db, id_, owner, lease))

    async def used(self, account: Account) -> tuple[int, int]:
        return await self._writer.do(lambda db: _used(db, account))

    async def forget(self, before_ms: int) -> None:
        await self._writer.do(lambda db: _forget(db, before_ms))

    async def close(self) -> None:
        self._writer.close()


def _hold(
    db: sqlite3.Connection, id_: str, lease: Lease, wants: Sequence[Want], note: str
) -> Short | None:
    held_already = dict(db.execute("SELECT name, amount FROM holds WHERE id = ?", (id_,)))
    more = [want.amount - held_already.get(want.account.name, 0) for want in wants]
    for want, extra in zip(wants, more, strict=True):
        spent, held = _used(db, want.account)
        if spent + held + max(extra, 0) > want.account.cap:
            return Short(want.account, spent, held, want.amount)
    _renew(db, lease)
    if not held_already:
        db.execute("INSERT OR IGNORE INTO holders VALUES (?, ?, ?)", (id_, lease.owner, note))
    for want, extra in zip(wants, more, strict=True):
        if extra > 0 or want.account.name not in held_already:
            _take(db, id_, want, max(extra, 0))
    return None


def _take(db: sqlite3.Connection, id_: str, want: Want, extra: int) -> None:
    account = want.account
    db.execute(
        "INSERT INTO accounts VALUES (?, ?, ?, 0, ?) "
        "ON CONFLICT (name, starts_ms) DO UPDATE SET held = held + excluded.held",
        (account.name, account.starts_ms, account.ends_ms, extra),
    )
    db.execute(
        "INSERT INTO holds VALUES (?, ?, ?, ?) "
        "ON CONFLICT (id, name) DO UPDATE SET amount = amount + excluded.amount",
        (id_, account.name, account.starts_ms, extra),
    )


def _settle(db: sqlite3.Connection, id_: str, amounts: Mapping[str, int]) -> bool:
    held = db.execute(
        "DELETE FROM holds WHERE id = ? RETURNING name, starts_ms, amount", (id_,)
    ).fetchall()
    db.execute("DELETE FROM holders WHERE id = ?", (id_,))
    for name, starts_ms, amount in held:
        db.execute(
            "UPDATE accounts SET held = held - ?, spent = spent + ? "
            "WHERE name = ? AND starts_ms = ?",
            (amount, amounts.get(name, 0), name, starts_ms),
        )
    return bool(held)


def _renew(db: sqlite3.Connection, lease: Lease) -> None:
    db.execute(
        "INSERT INTO leases VALUES (?, ?) "
        "ON CONFLICT (owner) DO UPDATE SET until_ms = max(until_ms, excluded.until_ms)",
        (lease.owner, lease.until_ms),
    )


def _orphans(db: sqlite3.Connection, at_ms: int) -> list[Orphan]:
    rows = db.execute(
        "SELECT id, owner, note, name, amount FROM holders JOIN holds USING (id) "
        "LEFT JOIN leases USING (owner) WHERE coalesce(until_ms, 0) <= ?",
        (at_ms,),
    )
    found: dict[str, Orphan] = {}
    for id_, owner, note, name, amount in rows.fetchall():
        amounts = found[id_].amounts if id_ in found else {}
        found[id_] = Orphan(id_, owner, note, {**amounts, name: amount})
    return list(found.values())


def _adopt(db: sqlite3.Connection, id_: str, owner: str, lease: Lease) -> bool:
    set_ = "UPDATE holders SET owner = ? WHERE id = ? AND owner = ?"
    is_its_own = db.execute(set_, (lease.owner, id_, owner)).rowcount == 1
    if is_its_own:
        _renew(db, lease)
    return is_its_own


def _used(db: sqlite3.Connection, account: Account) -> tuple[int, int]:
    row = db.execute(
        "SELECT spent, held FROM accounts WHERE name = ? AND starts_ms = ?",
        (account.name, account.starts_ms),
    ).fetchone()
    return (0, 0) if row is None else (row[0], row[1])


def _forget(db: sqlite3.Connection, before_ms: int) -> None:
    db.execute("DELETE FROM accounts WHERE ends_ms < ? AND held = 0", (before_ms,))
    db.execute(
        "DELETE FROM leases WHERE until_ms < ? AND owner NOT IN (SELECT owner FROM holders)",
        (before_ms,),
    )
