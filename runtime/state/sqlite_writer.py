"""Writes to the state file on the loop of those who ask, and whatever has come in one of its rounds at once.

A commit takes less time than waking a thread for it would. What can take long is kept off the loop:
another process's lock is waited for in small sleeps, and moving what was committed out of SQLite's log,
which waits for the disk, is a thread's.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final, TypeVar

from msgspec import Struct

from runtime.state.base import StateError
from runtime.state.sqlite import BUSY_S, SqliteDatabase, connect, state_error, state_errors

_LOCKED_S: Final = 0.002
"""Between two tries to write while another process does: its commits are shorter."""
_MOVED_AT: Final = 2_000
"""Writes after which SQLite's log is emptied: some megabytes."""
_MOVES_WITHIN_MS: Final = 100
T = TypeVar("T")


class _Job(Struct):
    work: Callable[[sqlite3.Connection], Any]
    done: "asyncio.Future[Any]"


class SqliteWriter:
    """Belongs to the thread that made it, until `close`, which does what is still waiting."""

    def __init__(self, database: SqliteDatabase, busy_s: float = BUSY_S) -> None:
        """`busy_s` is how long another process may keep the file to itself."""
        self._database = database
        self._busy_s = busy_s
        self._db = connect(database.path)
        self._db.execute("PRAGMA busy_timeout = 0")
        self._db.execute("PRAGMA wal_autocheckpoint = 0")
        self._waiting: list[_Job] = []
        self._writes_on: asyncio.AbstractEventLoop | None = None
        """Which loop will write what is waiting."""
        self._locked_since: float | None = None
        self._unmoved = 0
        """Writes since the log was last emptied."""
        self._mover: asyncio.Future[None] | None = None
        self._why_unmoved: str | None = None
        self.is_closed = False

    def do(self, work: Callable[[sqlite3.Connection], T]) -> "asyncio.Future[T]":
        """What `work` returns, once it is committed; what is asked for without waiting is done together.

        Raises `StateError` when it could not be done. Giving up on it does not take it back.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        if self.is_closed:
            done.set_exception(StateError(f"{self._database.name}: is closed"))
            return done
        self._waiting.append(_Job(work, done))
        if self._writes_on is not loop:
            self._writes_on = loop
            # A round later, so that whoever comes in meanwhile shares the commit: it costs more than a row.
            loop.call_soon(loop.call_soon, self._write)
        return done

    def version(self) -> int | None:
        """Another one once another connection has committed; None where it cannot be told just now."""
        try:
            version: int = self._db.execute("PRAGMA data_version").fetchone()[0]
        except sqlite3.OperationalError:  # the file is being recovered, or is out of reach
            return None
        return version

    def trouble(self) -> str | None:
        """Why nothing can be written, as far as that shows without writing."""
        try:
            self._database.check()
        except StateError as error:
            return str(error)
        return "the state file is closed" if self.is_closed else self._why_unmoved

    def close(self) -> None:
        if self.is_closed:
            return
        self.is_closed = True
        self._db.execute(f"PRAGMA busy_timeout = {round(self._busy_s * 1000)}")
        self._busy_s = 0.0
        self._write()
        self._db.close()

    def _write(self) -> None:
        jobs = self._waiting
        if not jobs:
            return
        broken = StateError(f"{self._database.name}: nothing was written")
        answers: Sequence[Any] | None = [broken] * len(jobs)  # unless something else comes of it
        try:
            answers = self._committed(jobs)
        finally:
            if answers is None:
                asyncio.get_running_loop().call_later(_LOCKED_S, self._write)
            else:
                self._finish(jobs, answers)

    def _committed(self, jobs: Sequence[_Job]) -> Sequence[Any] | None:
        """What each has come to; None while another process is writing and may still do so."""
        try:
            self._database.check()
            with state_errors(self._database.path):
                if not self._has_begun():
                    return None
                answers = self._all_done(jobs) or [self._done(job) for job in jobs]
                self._db.execute("COMMIT")
                return answers
        except StateError as error:
            return [error] * len(jobs)

    def _finish(self, jobs: Sequence[_Job], answers: Sequence[Any]) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")
        self._waiting, self._writes_on = [], None
        _answer(jobs, answers)
        self._unmoved += len(jobs)
        if self._unmoved >= _MOVED_AT and not self.is_closed:
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

    def _all_done(self, jobs: Sequence[_Job]) -> list[Any] | None:
        """Nearly always all can be written; None, and nothing is, where one cannot."""
        self._db.execute("SAVEPOINT jobs")
        try:
            return [job.work(self._db) for job in jobs]
        except (sqlite3.Error, OverflowError, UnicodeEncodeError):  # told by the job it belongs to
            if not self._db.in_transaction:
                raise
            self._db.execute("ROLLBACK TO jobs")
            return None

    def _done(self, job: _Job) -> Any:
        """What cannot be written must not take the others with it, nor leave a part of itself."""
        self._db.execute("SAVEPOINT job")
        try:
            answer = job.work(self._db)
        except sqlite3.Error as error:
            if not self._db.in_transaction:  # then the others have gone, too
                raise
            answer = state_error(self._database.path, error)
        except (OverflowError, UnicodeEncodeError) as error:
            answer = StateError(f"{self._database.name}: a row that SQLite cannot hold: {error}")
        if isinstance(answer, StateError):
            self._db.execute("ROLLBACK TO job")
        self._db.execute("RELEASE job")
        return answer

    def _move(self) -> None:
        if self._mover is None or self._mover.done():
            self._unmoved = 0
            path = self._database.path
            moving = asyncio.get_running_loop().run_in_executor(None, _move_out_of_the_log, path)
            moving.add_done_callback(self._moved)
            self._mover = moving

    def _moved(self, moving: "asyncio.Future[None]") -> None:
        error = None if moving.cancelled() else moving.exception()
        self._why_unmoved = None if error is None else str(error)


def _answer(jobs: Sequence[_Job], answers: Sequence[Any]) -> None:
    for job, answer in zip(jobs, answers, strict=True):
        if job.done.done() or job.done.get_loop().is_closed():
            continue  # nobody waits any more
        if isinstance(answer, StateError):
            job.done.set_exception(answer)
        else:
            job.done.set_result(answer)


def _move_out_of_the_log(path: Path) -> None:
    """Most of it while others write; then what is left, while they wait, so that it begins anew."""
    with state_errors(path), closing(connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(PASSIVE)")
        db.execute(f"PRAGMA busy_timeout = {_MOVES_WITHIN_MS}")
        db.execute("PRAGMA wal_checkpoint(RESTART)")
