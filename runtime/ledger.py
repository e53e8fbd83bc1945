"""What every request cost and who asked for it: one row each, committed before the caller's reply.

Money is a whole number of nano-dollars. A price that is not known is no price: the row says so
(`cost_nano_usd` None) and `spend` counts it apart, so that nothing is ever booked as free. A row
that cannot be written is an exception and never forgotten.
"""

import asyncio
import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

from designer.catalog import Price
from designer.engine.events import Usage
from runtime.state.sqlite import BUSY_S, StateError, connect, state_error, state_errors

NANO: Final = Decimal(1_000_000_000)
_LOCKED_S: Final = 0.002
"""Between two tries to write while another process does: its commits are shorter."""
_MOVED_AT: Final = 2_000
"""Rows after which SQLite's log is emptied: some megabytes."""
_MOVES_WITHIN_MS: Final = 100


@dataclass(frozen=True, slots=True)
class Row:
    request_id: str
    at_ms: int
    """Unix time."""
    status: int
    """What the caller got."""
    route: str
    deployment: str = ""
    """Which answered; empty when none did."""
    provider: str = ""
    model: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    is_estimated: bool = False
    """The provider did not say how many tokens there were."""
    cost_nano_usd: int | None = None
    """None: nobody knows the price."""
    price_input: str = ""
    """USD per million tokens, as it was when the row was written."""
    price_output: str = ""
    catalog_date: str = ""
    key_id: str = ""
    """Names the key; never the key itself."""
    user: str = ""
    team: str = ""
    project: str = ""
    attempts: int = 0
    failed_attempts: int = 0
    redactions: int = 0
    arm: str = ""
    unchecked: str = ""
    """Guardrails that could not look, and let pass: by name, with commas."""
    cache: str = "off"
    """`hit`: answered from the cache, at no cost; `miss`; `off` where the route keeps no answers."""
    saved_nano_usd: int = 0
    """What a hit would have cost, as far as its price is known."""


_COLUMNS: Final = tuple(f.name for f in fields(Row))
_VALUES: Final = attrgetter(*_COLUMNS)
_INSERT: Final = (
    f"INSERT INTO ledger ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))}) "
    "ON CONFLICT (request_id) DO NOTHING"
)


# --- money ---------------------------------------------------------------------------------------


def usage_of(usage: Mapping[str, Any] | None) -> Usage | None:
    """OpenAI's usage as numbers that can be relied on, None when the provider gave none."""
    if not usage:
        return None
    prompt = _count(usage.get("prompt_tokens"))
    details = usage.get("prompt_tokens_details")
    cached = _count(details.get("cached_tokens")) if isinstance(details, Mapping) else 0
    return Usage(prompt, _count(usage.get("completion_tokens")), min(cached, prompt))


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def cost_nano_usd(
    price: Price, usage: Usage, *, cache_write_tokens: int = 0, at: datetime | None = None
) -> int:
    """`at` lets cheaper hours count; without it the price is the peak's."""
    usd = price.cost_usd(
        usage.prompt_tokens,
        usage.completion_tokens,
        cached_tokens=usage.cached_tokens,
        cache_write_tokens=cache_write_tokens,
        at=at,
    )
    return int((usd * NANO).to_integral_value(ROUND_HALF_UP))


# --- writing -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Job:
    row: Row
    written: "asyncio.Future[bool]"


class Ledger:
    """Writes on the loop of those who record, and whatever has come in one of its rounds at once.

    A commit takes less time than waking a thread for it would. What can take long is kept off the
    loop: another process's lock is waited for in small sleeps, and moving what was committed out of
    SQLite's log, which waits for the disk, is a thread's. Belongs to the thread that made it, until
    `close`, which writes what is still waiting.
    """

    def __init__(self, path: Path, busy_s: float = BUSY_S) -> None:
        """`busy_s` is how long another process may keep the file to itself."""
        self._path = path
        self._busy_s = busy_s
        self._db = connect(path)  # what is wrong with the file is told here, not at a request
        self._db.execute("PRAGMA busy_timeout = 0")
        self._db.execute("PRAGMA wal_autocheckpoint = 0")
        self._inode = path.stat().st_ino
        self._waiting: list[_Job] = []
        self._writes_on: asyncio.AbstractEventLoop | None = None
        """Which loop will write what is waiting."""
        self._locked_since: float | None = None
        self._unmoved = 0
        """Rows since the log was last emptied."""
        self._mover: asyncio.Future[None] | None = None
        self._why_unmoved: str | None = None
        self._is_closed = False

    async def record(self, row: Row) -> bool:
        """Returns once the row is committed: True, or False when its request was in already.

        Raises `StateError` when it could not be written. Giving up on the call does not take the
        row back.
        """
        if self._is_closed:
            raise StateError(f"{self._path}: the ledger is closed")
        loop = asyncio.get_running_loop()
        job = _Job(row, loop.create_future())
        self._waiting.append(job)
        if self._writes_on is not loop:
            self._writes_on = loop
            loop.call_soon(self._write)
        return await job.written

    def trouble(self) -> str | None:
        """Why rows cannot be written, as far as that shows without writing one."""
        try:
            self._check_that_the_file_is_there()
        except StateError as error:
            return str(error)
        return "the ledger is closed" if self._is_closed else self._why_unmoved

    def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        self._db.execute(f"PRAGMA busy_timeout = {round(self._busy_s * 1000)}")
        self._busy_s = 0.0
        self._write()
        self._db.close()

    def spend(
        self, by: str, since: datetime | None = None, until: datetime | None = None
    ) -> list["Spend"]:
        with closing(connect(self._path)) as db:
            return spend(db, by, since, until)

    def _write(self) -> None:
        jobs = self._waiting
        if not jobs:
            return
        try:
            self._check_that_the_file_is_there()
            with state_errors(self._path):
                if not self._has_begun():
                    asyncio.get_running_loop().call_later(_LOCKED_S, self._write)
                    return
                answers = [self._inserted(job.row) for job in jobs]
                self._db.execute("COMMIT")
        except StateError as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            answers = [error] * len(jobs)
        self._waiting, self._writes_on = [], None
        _answer(jobs, answers)
        self._unmoved += len(jobs)
        if self._unmoved >= _MOVED_AT and not self._is_closed:
            self._move()

    def _has_begun(self) -> bool:
        """False while another process is writing and may still do so."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            since = self._locked_since = self._locked_since or time.monotonic()
            is_busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if is_busy and time.monotonic() - since < self._busy_s:
                return False
            self._locked_since = None
            raise
        self._locked_since = None
        return True

    def _inserted(self, row: Row) -> bool | StateError:
        """One row that cannot be written must not take the others with it."""
        try:
            return self._db.execute(_INSERT, _VALUES(row)).rowcount == 1
        except sqlite3.Error as error:
            if not self._db.in_transaction:  # then the others have gone, too
                raise
            return state_error(self._path, error)
        except (OverflowError, UnicodeEncodeError) as error:
            return StateError(f"{self._path}: a row that SQLite cannot hold: {error}")

    def _move(self) -> None:
        if self._mover is None or self._mover.done():
            self._unmoved = 0
            moving = asyncio.get_running_loop().run_in_executor(
                None, _move_out_of_the_log, self._path
            )
            moving.add_done_callback(self._moved)
            self._mover = moving

    def _moved(self, moving: "asyncio.Future[None]") -> None:
        error = None if moving.cancelled() else moving.exception()
        self._why_unmoved = None if error is None else str(error)

    def _check_that_the_file_is_there(self) -> None:
        """SQLite goes on writing happily into a file that somebody has removed."""
        try:
            is_same = self._path.stat().st_ino == self._inode
        except OSError as error:
            raise StateError(f"{self._path}: has gone away: {error}") from error
        if not is_same:
            raise StateError(f"{self._path}: has been replaced by another file; restart to use it")


def _answer(jobs: Sequence[_Job], answers: Sequence[bool | StateError]) -> None:
    for job, answer in zip(jobs, answers, strict=True):
        written = job.written
        if written.done() or written.get_loop().is_closed():
            continue  # nobody waits any more
        if isinstance(answer, StateError):
            written.set_exception(answer)
        else:
            written.set_result(answer)


def _move_out_of_the_log(path: Path) -> None:
    """Most of it while others write; then what is left, while they wait, so that it begins anew."""
    with state_errors(path), closing(connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(PASSIVE)")
        db.execute(f"PRAGMA busy_timeout = {_MOVES_WITHIN_MS}")
        db.execute("PRAGMA wal_checkpoint(RESTART)")


# --- reading -------------------------------------------------------------------------------------

# How each grouping is read from the tables; a key by its name, which is what people know.
_GROUPS: Final = {
    "key": "coalesce((SELECT name || ' (' || id || ')' FROM keys WHERE id = key_id), key_id)",
    "user": "user",
    "team": "team",
    "project": "project",
    "model": "model",
    "provider": "provider",
    "deployment": "deployment",
    "route": "route",
    "arm": "arm",
}
SPEND_BY: Final = tuple(_GROUPS)


@dataclass(frozen=True, slots=True)
class Spend:
    group: str
    requests: int
    failed: int
    """Those that the caller saw fail."""
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    cost_nano_usd: int
    unpriced: int
    """Requests that used tokens whose price nobody knows: the cost is too low by theirs."""
    estimated: int
    hits: int
    """Requests that the cache answered."""
    saved_nano_usd: int
    """What those would have cost, as far as prices are known."""

    @property
    def cost_usd(self) -> Decimal:
        return Decimal(self.cost_nano_usd) / NANO

    @property
    def saved_usd(self) -> Decimal:
        return Decimal(self.saved_nano_usd) / NANO


def spend(
    db: sqlite3.Connection, by: str, since: datetime | None = None, until: datetime | None = None
) -> list[Spend]:
    """The dearest first. `since` is included, `until` is not; both know their time zone."""
    rows = db.execute(
        f"""
        SELECT {_GROUPS[by]} AS grouped, count(*), sum(status >= 400),
            sum(prompt_tokens), sum(completion_tokens), sum(cached_tokens),
            coalesce(sum(cost_nano_usd), 0),
            sum(cost_nano_usd IS NULL AND prompt_tokens + completion_tokens > 0),
            sum(is_estimated), sum(cache = 'hit'), sum(saved_nano_usd)
        FROM ledger WHERE at_ms >= ? AND at_ms < ?
        GROUP BY grouped ORDER BY 7 DESC, grouped
        """,
        (_ms(since, -(2**62)), _ms(until, 2**62)),
    )
    return [Spend(*row) for row in rows]


def _ms(moment: datetime | None, otherwise: int) -> int:
    if moment is None:
        return otherwise
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone")
    return round(moment.timestamp() * 1000)
