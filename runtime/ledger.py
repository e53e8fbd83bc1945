"""What every request cost and who asked for it: one row each, committed before the caller's reply.

Money is a whole number of nano-dollars. A price that is not known is no price: the row says so
(`cost_nano_usd` None) and `spend` counts it apart, so that nothing is ever booked as free. A row
that cannot be written is an exception and never forgotten.
"""

import asyncio
import queue
import sqlite3
import threading
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
from runtime.state.sqlite import StateError, connect, state_errors, transaction

NANO: Final = Decimal(1_000_000_000)
_BATCH: Final = 256


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
    loop: asyncio.AbstractEventLoop
    written: "asyncio.Future[bool]"


class Ledger:
    """Writes from one thread of its own, and whatever is waiting in one transaction.

    Open until `close`, which writes what is still waiting.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        connect(path).close()  # what is wrong with the file is told here, not at the first request
        self._inode = path.stat().st_ino
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._is_closed = False
        self._writer = threading.Thread(target=self._write, name="ledger", daemon=True)
        self._writer.start()

    async def record(self, row: Row) -> bool:
        """Returns once the row is committed: True, or False when its request was in already.

        Raises `StateError` when it could not be written. Giving up on the call does not take the
        row back.
        """
        if self._is_closed:
            raise StateError(f"{self._path}: the ledger is closed")
        loop = asyncio.get_running_loop()
        job = _Job(row, loop, loop.create_future())
        self._jobs.put(job)
        return await job.written

    def trouble(self) -> str | None:
        """Why rows cannot be written, as far as that shows without writing one."""
        try:
            self._check_that_the_file_is_there()
        except StateError as error:
            return str(error)
        return "the ledger is closed" if self._is_closed else None

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._jobs.put(None)
            self._writer.join()

    def spend(
        self, by: str, since: datetime | None = None, until: datetime | None = None
    ) -> list["Spend"]:
        with closing(connect(self._path)) as db:
            return spend(db, by, since, until)

    # --- the writer's thread -----------------------------------------------------------------

    def _write(self) -> None:
        db: sqlite3.Connection | None = None
        is_open = True
        while is_open:
            waiting = self._waiting()
            is_open = waiting[-1] is not None
            jobs = [job for job in waiting if job is not None]
            try:
                if db is None:
                    self._check_that_the_file_is_there()  # to connect would make a new one
                    db = connect(self._path)
            except StateError as error:
                _answer([(job, error) for job in jobs])
                continue
            self._commit(db, jobs)
        if db is not None:
            db.close()

    def _waiting(self) -> list[_Job | None]:
        """At least one; None, which ends the thread, comes last if it comes."""
        waiting = [self._jobs.get()]
        while waiting[-1] is not None and len(waiting) < _BATCH:
            try:
                waiting.append(self._jobs.get_nowait())
            except queue.Empty:
                break
        return waiting

    def _commit(self, db: sqlite3.Connection, jobs: list[_Job]) -> None:
        try:
            answers = self._inserted(db, jobs)
        except StateError as error:
            if len(jobs) == 1:
                _answer([(jobs[0], error)])
                return
            # One row that cannot be written must not take the others with it.
            for job in jobs:
                self._commit(db, [job])
            return
        _answer(list(zip(jobs, answers, strict=True)))

    def _inserted(self, db: sqlite3.Connection, jobs: list[_Job]) -> list[bool]:
        self._check_that_the_file_is_there()
        try:
            with state_errors(self._path), transaction(db):
                return [db.execute(_INSERT, _VALUES(job.row)).rowcount == 1 for job in jobs]
        except (OverflowError, UnicodeEncodeError) as error:
            raise StateError(f"{self._path}: a row that SQLite cannot hold: {error}") from error

    def _check_that_the_file_is_there(self) -> None:
        """SQLite goes on writing happily into a file that somebody has removed."""
        try:
            is_same = self._path.stat().st_ino == self._inode
        except OSError as error:
            raise StateError(f"{self._path}: has gone away: {error}") from error
        if not is_same:
            raise StateError(f"{self._path}: has been replaced by another file; restart to use it")


def _answer(answers: Sequence[tuple[_Job, bool | StateError]]) -> None:
    """Tell those who wait, each loop once: to wake one up costs more than to write a row."""

    def settle(told: Sequence[tuple[_Job, bool | StateError]]) -> None:
        for job, answer in told:
            if job.written.done():
                continue
            if isinstance(answer, StateError):
                job.written.set_exception(answer)
            else:
                job.written.set_result(answer)

    for loop in {job.loop for job, _ in answers}:
        own = [(job, answer) for job, answer in answers if job.loop is loop]
        try:
            loop.call_soon_threadsafe(settle, own)
        except RuntimeError:
            continue  # the loop has ended, and nobody waits there any more


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

    @property
    def cost_usd(self) -> Decimal:
        return Decimal(self.cost_nano_usd) / NANO


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
            sum(is_estimated)
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
