"""Open the runtime's SQLite file and bring its tables up to date.

The file is in WAL mode, so several processes of one host may share it. A commit survives the death
of the process; the last moments before a power cut may be lost (`synchronous=NORMAL`), which is
what keeps a commit at a tenth of a millisecond.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from runtime.state.base import StateError

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
    ALTER TABLE ledger ADD COLUMN extra_nano_usd INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE ledger ADD COLUMN saved_nano_usd INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE attempts (
        request_id TEXT NOT NULL,
        number INTEGER NOT NULL,
        deployment TEXT NOT NULL,
        provider TEXT NOT NULL,
        model TEXT NOT NULL,
        outcome TEXT NOT NULL,
        prompt_tokens INTEGER NOT NULL,
        completion_tokens INTEGER NOT NULL,
        cached_tokens INTEGER NOT NULL,
        is_estimated INTEGER NOT NULL,
        cost_nano_usd INTEGER,
        PRIMARY KEY (request_id, number)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE limits (
        scope TEXT NOT NULL,
        name TEXT NOT NULL,
        budgets TEXT NOT NULL,
        rpm INTEGER,
        tpm INTEGER,
        PRIMARY KEY (scope, name)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE accounts (
        name TEXT NOT NULL,
        starts_ms INTEGER NOT NULL,
        ends_ms INTEGER NOT NULL,
        spent INTEGER NOT NULL,
        held INTEGER NOT NULL,
        PRIMARY KEY (name, starts_ms)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE holds (
        id TEXT NOT NULL,
        name TEXT NOT NULL,
        starts_ms INTEGER NOT NULL,
        amount INTEGER NOT NULL,
        PRIMARY KEY (id, name)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE holders (
        id TEXT PRIMARY KEY,
        owner TEXT NOT NULL,
        note TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE leases (owner TEXT PRIMARY KEY, until_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    """,
    "ALTER TABLE ledger ADD COLUMN cache TEXT NOT NULL DEFAULT 'off'",
)


def connect(path: Path) -> sqlite3.Connection:
    """A connection of the calling thread, to tables that are up to date. Makes the file if need be."""
    with state_errors(path):
        # Transactions are begun by hand, so that each takes its lock before it reads.
        db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
        try:
            _write_ahead(db)
            db.execute("PRAGMA synchronous=NORMAL")
            _migrate(db, path)
        except BaseException:
            db.close()
            raise
        return db


def _write_ahead(db: sqlite3.Connection) -> None:
    """SQLite does not wait for its turn when several processes open a new file and each says this."""
    ends_at = time.monotonic() + BUSY_S
    while True:
        try:
            db.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > ends_at:
                raise
            time.sleep(0.01)


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


class SqliteDatabase:
    """The file as a `Database`. Removed or replaced, it is an error and not a new file."""

    def __init__(self, path: Path) -> None:
        """Raises StateError when the file cannot be used."""
        self.path = path
        connect(path).close()  # what is wrong with the file is told here, not at the first request
        self._inode = path.stat().st_ino

    @property
    def name(self) -> str:
        return str(self.path)

    def connect(self) -> sqlite3.Connection:
        self.check()  # to connect would make a new one
        return connect(self.path)

    def is_open(self, _db: sqlite3.Connection) -> bool:
        return True

    @contextmanager
    def transaction(self, db: sqlite3.Connection) -> Iterator[None]:
        self.check()
        try:
            with state_errors(self.path), transaction(db):
                yield
        except (OverflowError, UnicodeEncodeError) as error:
            raise StateError(f"{self.path}: a row that SQLite cannot hold: {error}") from error

    def close(self, db: sqlite3.Connection) -> None:
        db.close()

    @property
    def keeps_keys(self) -> bool:
        return True

    def sql(self, statement: str) -> str:
        return statement

    def check(self) -> None:
        """SQLite goes on writing happily into a file that somebody has removed."""
        try:
            is_same = self.path.stat().st_ino == self._inode
        except OSError as error:
            raise StateError(f"{self.path}: has gone away: {error}") from error
        if not is_same:
            raise StateError(f"{self.path}: has been replaced by another file; restart to use it")


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
