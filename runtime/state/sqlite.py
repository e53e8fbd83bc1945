"""Open the runtime's SQLite file and bring its tables up to date.

The file is in WAL mode, so several processes of one host may share it. A commit survives the death
of the process; the last moments before a power cut may be lost (`synchronous=NORMAL`), which is
what keeps a commit at a tenth of a millisecond.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from designer.errors import UsageError

BUSY_S: Final = 5.0
"""How long a writer waits for another one."""

# Append only: a file in use somewhere has been through all before its `user_version`.
MIGRATIONS: Final = (
    """
    CREATE TABLE ledger (
        request_id TEXT PRIMARY KEY,
        at_ms INTEGER NOT NULL,
        status INTEGER NOT NULL,
        route TEXT NOT NULL,
        deployment TEXT NOT NULL,
        provider TEXT NOT NULL,
        model TEXT NOT NULL,
        prompt_tokens INTEGER NOT NULL,
        completion_tokens INTEGER NOT NULL,
        cached_tokens INTEGER NOT NULL,
        is_estimated INTEGER NOT NULL,
        cost_nano_usd INTEGER,
        price_input TEXT NOT NULL,
        price_output TEXT NOT NULL,
        catalog_date TEXT NOT NULL,
        key_id TEXT NOT NULL,
        user TEXT NOT NULL,
        team TEXT NOT NULL,
        project TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        failed_attempts INTEGER NOT NULL,
        redactions INTEGER NOT NULL,
        arm TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX ledger_at ON ledger (at_ms);
    CREATE TABLE keys (
        id TEXT PRIMARY KEY,
        sha256 BLOB NOT NULL UNIQUE,
        name TEXT NOT NULL,
        user TEXT NOT NULL,
        team TEXT NOT NULL,
        project TEXT NOT NULL,
        created_ms INTEGER NOT NULL,
        revoked_ms INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE UNIQUE INDEX keys_live_name ON keys (name) WHERE revoked_ms IS NULL;
    """,
    "ALTER TABLE ledger ADD COLUMN unchecked TEXT NOT NULL DEFAULT ''",
    """
    ALTER TABLE ledger ADD COLUMN cache TEXT NOT NULL DEFAULT 'off';
    ALTER TABLE ledger ADD COLUMN saved_nano_usd INTEGER NOT NULL DEFAULT 0
    """,
)


class StateError(UsageError):
    """The file cannot be opened, read or written. What should have been written was not."""


def connect(path: Path) -> sqlite3.Connection:
    """A connection of the calling thread, to tables that are up to date. Makes the file if need be."""
    with state_errors(path):
        # Transactions are begun by hand, so that each takes its lock before it reads.
        db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
        try:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=NORMAL")
            _migrate(db, path)
        except BaseException:
            db.close()
            raise
        return db


@contextmanager
def state_errors(path: Path) -> Iterator[None]:
    """Whatever SQLite complains about inside is a `StateError` outside."""
    try:
        yield
    except sqlite3.Error as error:
        raise state_error(path, error) from error


def state_error(path: Path, error: sqlite3.Error) -> StateError:
    return StateError(f"{path}: {_in_words(error)}")


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _migrate(db: sqlite3.Connection, path: Path) -> None:
    if _version(db) == len(MIGRATIONS):
        return
    with transaction(db):
        version = _version(db)  # another process may have been faster
        if version > len(MIGRATIONS):
            raise StateError(
                f"{path}: written by a newer version of this program (schema {version}, known "
                f"{len(MIGRATIONS)}); update it, or use another file"
            )
        for script in MIGRATIONS[version:]:
            for statement in script.split(";"):
                db.execute(statement)
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def _version(db: sqlite3.Connection) -> int:
    with closing(db.execute("PRAGMA user_version")) as cursor:
        return int(cursor.fetchone()[0])


def _in_words(error: sqlite3.Error) -> str:
    text = str(error)
    if "unable to open" in text:
        return "cannot be opened; is the folder there, and may this user write to it?"
    if "locked" in text:
        return "is locked by another process, and stays so"
    if "not a database" in text or "malformed" in text:
        return f"is not a database, or damaged ({text}); move it away to begin a new one"
    if "readonly" in text:
        return "is read-only; this user may not write to it"
    return text
