"""Virtual keys: what callers show instead of a provider's secret.

Only a digest is kept, so a key can be shown once, when it is made. A key is 256 random bits, so one
round of SHA-256 without salt is as good as many. What a key may use is `runtime.limits`' affair.
"""

import hashlib
import hmac
import secrets
import sqlite3
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from designer.errors import UsageError
from runtime.state.sqlite import transaction

PREFIX: Final = "sk-dsg-"
_COLUMNS: Final = "id, name, user, team, project, created_ms, revoked_ms"


class KeyNameError(UsageError):
    """There is no such key, or there is one already."""


@dataclass(frozen=True, slots=True)
class KeyRecord:
    id: str
    """The beginning of the digest: names the key and does not open anything."""
    name: str
    user: str
    team: str
    project: str
    created_at: datetime
    revoked_at: datetime | None


def mint(
    db: sqlite3.Connection,
    name: str,
    *,
    at: datetime,
    user: str = "",
    team: str = "",
    project: str = "",
    random_bytes: Callable[[int], bytes] = secrets.token_bytes,
) -> tuple[str, KeyRecord]:
    """A new key, to be shown now and never again, and its record."""
    key = PREFIX + urlsafe_b64encode(random_bytes(32)).rstrip(b"=").decode()
    digest = digest_of(key)
    record = KeyRecord(digest.hex()[:12], name, user, team, project, at, None)
    try:
        with transaction(db):
            db.execute(
                "INSERT INTO keys (id, sha256, name, user, team, project, created_ms) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (record.id, digest, name, user, team, project, _ms(at)),
            )
    except sqlite3.IntegrityError as error:
        raise KeyNameError(f"there is a key named {name!r} already; revoke it first") from error
    return key, record


def check(db: sqlite3.Connection, key: str) -> KeyRecord | None:
    """Whose key this is; None when it is nobody's, or revoked."""
    digest = digest_of(key)
    row = db.execute(
        f"SELECT sha256, {_COLUMNS} FROM keys WHERE id = ? AND revoked_ms IS NULL",
        (digest.hex()[:12],),
    ).fetchone()
    if row is None or not hmac.compare_digest(row[0], digest):
        return None
    return _record(row[1:])


def has_keys(db: sqlite3.Connection) -> bool:
    """Whether there ever was one, revoked or not."""
    return db.execute("SELECT 1 FROM keys LIMIT 1").fetchone() is not None


def list_keys(db: sqlite3.Connection) -> list[KeyRecord]:
    """All that ever were, the oldest first."""
    rows = db.execute(f"SELECT {_COLUMNS} FROM keys ORDER BY created_ms, id")
    return [_record(row) for row in rows]


def find(db: sqlite3.Connection, name_or_id: str) -> KeyRecord:
    """The live key of that name or id. Raises KeyNameError where there is none."""
    row = db.execute(
        f"SELECT {_COLUMNS} FROM keys WHERE (name = ? OR id = ?) AND revoked_ms IS NULL",
        (name_or_id, name_or_id),
    ).fetchone()
    if row is None:
        raise KeyNameError(f"there is no live key {name_or_id!r}")
    return _record(row)


def revoke(db: sqlite3.Connection, name_or_id: str, *, at: datetime) -> KeyRecord:
    """The key stops working at once; its record stays, because the ledger names it."""
    with transaction(db):
        row = db.execute(
            f"UPDATE keys SET revoked_ms = ? WHERE (name = ? OR id = ?) AND revoked_ms IS NULL "
            f"RETURNING {_COLUMNS}",
            (_ms(at), name_or_id, name_or_id),
        ).fetchone()
    if row is None:
        raise KeyNameError(f"there is no live key {name_or_id!r}")
    return _record(row)


def digest_of(key: str) -> bytes:
    """All that is kept of a key."""
    return hashlib.sha256(key.encode("utf-8", "replace")).digest()


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _record(row: tuple[str, str, str, str, str, int, int | None]) -> KeyRecord:
    id_, name, user, team, project, created_ms, revoked_ms = row
    revoked_at = None if revoked_ms is None else _moment(revoked_ms)
    return KeyRecord(id_, name, user, team, project, _moment(created_ms), revoked_at)


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
