"""What single keys, users, teams and projects may, as the state file keeps it."""

import sqlite3
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

import msgspec

from runtime.limits.binding import Allowance, Allowed
from runtime.state.sqlite import transaction

SCOPES: Final = ("key", "user", "team", "project")
_SELECT: Final = "SELECT scope, name, budgets, rpm, tpm FROM limits"
_Row = tuple[str, str, str, int | None, int | None]


def allow(db: sqlite3.Connection, allowed: Allowed) -> None:
    """In place of what it was allowed before; nothing at all takes its limits away."""
    with transaction(db):
        db.execute("DELETE FROM limits WHERE scope = ? AND name = ?", (allowed.scope, allowed.name))
        if allowed.budgets or allowed.rpm is not None or allowed.tpm is not None:
            budgets = msgspec.json.encode(allowed.budgets).decode()
            row = (allowed.scope, allowed.name, budgets, allowed.rpm, allowed.tpm)
            db.execute("INSERT INTO limits VALUES (?, ?, ?, ?, ?)", row)


def allowed_to(db: sqlite3.Connection, who: Iterable[tuple[str, str]]) -> list[Allowed]:
    """Of these (scope, name), those that have limits."""
    found = []
    for scope, name in who:
        if name:
            row = db.execute(f"{_SELECT} WHERE scope = ? AND name = ?", (scope, name)).fetchone()
            found += [] if row is None else [_allowed(row)]
    return found


def all_allowed(db: sqlite3.Connection) -> list[Allowed]:
    return [_allowed(row) for row in db.execute(f"{_SELECT} ORDER BY scope, name")]


def _allowed(row: _Row) -> Allowed:
    scope, name, budgets, rpm, tpm = row
    kept = msgspec.json.decode(budgets, type=tuple[Allowance, ...])
    return Allowed(scope, name, kept, rpm, tpm)


def in_words(allowed: Allowed) -> str:
    """`30 USD/day, 600 rpm`."""
    words = [
        f"{_plain(b.limit_usd)} USD/{b.per}{', downgrades' if b.downgrades else ''}"
        for b in allowed.budgets
    ]
    words += [f"{allowed.rpm} rpm"] if allowed.rpm is not None else []
    words += [f"{allowed.tpm} tpm"] if allowed.tpm is not None else []
    return ", ".join(words)


def _plain(usd: Decimal) -> str:
    return format(usd, "f")
