"""The ledger in PostgreSQL, for gateways on several hosts; keys and limits stay where they are."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg

from runtime.state.base import StateError

_CONNECTS_WITHIN_S: Final = 5
_LOCK: Final = 5_281_949
"""Any number that nobody else uses: who holds it makes the tables."""

# Append only, as are those of SQLite: a database in use has been through all before its version.
MIGRATIONS: Final = (
    """
    CREATE TABLE ledger (
        request_id TEXT PRIMARY KEY,
        at_ms BIGINT NOT NULL,
        status INTEGER NOT NULL,
        route TEXT NOT NULL,
        deployment TEXT NOT NULL,
        provider TEXT NOT NULL,
        model TEXT NOT NULL,
        prompt_tokens BIGINT NOT NULL,
        completion_tokens BIGINT NOT NULL,
        cached_tokens BIGINT NOT NULL,
        is_estimated INTEGER NOT NULL,
        cost_nano_usd BIGINT,
        price_input TEXT NOT NULL,
        price_output TEXT NOT NULL,
        catalog_date TEXT NOT NULL,
        key_id TEXT NOT NULL,
        "user" TEXT NOT NULL,
        team TEXT NOT NULL,
        project TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        failed_attempts INTEGER NOT NULL,
        redactions INTEGER NOT NULL,
        arm TEXT NOT NULL,
        unchecked TEXT NOT NULL,
        extra_nano_usd BIGINT NOT NULL,
        saved_nano_usd BIGINT NOT NULL
    );
    CREATE INDEX ledger_at ON ledger (at_ms);
    CREATE TABLE attempts (
        request_id TEXT NOT NULL,
        number INTEGER NOT NULL,
        deployment TEXT NOT NULL,
        provider TEXT NOT NULL,
        model TEXT NOT NULL,
        outcome TEXT NOT NULL,
        prompt_tokens BIGINT NOT NULL,
        completion_tokens BIGINT NOT NULL,
        cached_tokens BIGINT NOT NULL,
        is_estimated INTEGER NOT NULL,
        cost_nano_usd BIGINT,
        PRIMARY KEY (request_id, number)
    );
    """,
    "ALTER TABLE ledger ADD COLUMN cache TEXT NOT NULL DEFAULT 'off'",
)

_Connection = psycopg.Connection[tuple[Any, ...]]


class PostgresDatabase:
    """A `Database` for the ledger. A connection that is lost is made anew for the next row."""

    name: Final = "PostgreSQL"

    def __init__(self, url: str) -> None:
        """Raises StateError when it cannot be used; says nothing of the address, which may hold a password."""
        self._url = url
        db = self.connect()
        try:
            with self.transaction(db):
                _migrate(db)
        finally:
            db.close()

    def connect(self) -> _Connection:
        with _state_errors():
            return psycopg.connect(self._url, autocommit=True, connect_timeout=_CONNECTS_WITHIN_S)

    def is_open(self, db: _Connection) -> bool:
        return not db.closed

    @contextmanager
    def transaction(self, db: _Connection) -> Iterator[None]:
        with _state_errors(), db.transaction():
            yield

    def close(self, db: _Connection) -> None:
        db.close()

    def check(self) -> None:
        return None

    @property
    def keeps_keys(self) -> bool:
        return False

    def sql(self, statement: str) -> str:
        return statement.replace("?", "%s")


def _migrate(db: _Connection) -> None:
    db.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
    db.execute("CREATE TABLE IF NOT EXISTS designer_schema (version INTEGER NOT NULL)")
    row = db.execute("SELECT max(version) FROM designer_schema").fetchone()
    version = (row[0] if row is not None else None) or 0
    if version > len(MIGRATIONS):
        raise StateError(
            f"PostgreSQL: written by a newer version of this program (schema {version}, known "
            f"{len(MIGRATIONS)}); update it, or use another database"
        )
    for script in MIGRATIONS[version:]:
        for statement in script.split(";"):
            if statement.strip():
                db.execute(statement.encode())
    if version < len(MIGRATIONS):
        db.execute("INSERT INTO designer_schema VALUES (%s)", (len(MIGRATIONS),))


@contextmanager
def _state_errors() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        said = str(error).strip().splitlines()
        raise StateError(
            f"PostgreSQL: {type(error).__name__}: {said[-1] if said else ''}"
        ) from error
    except UnicodeEncodeError as error:
        raise StateError(f"PostgreSQL: a row that it cannot hold: {error}") from error
