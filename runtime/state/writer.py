"""One thread that writes to one database: whatever is waiting, in one transaction.

To wake a thread up costs more than to write a row, so those who wait together are answered together.
"""

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Generic, Protocol, TypeVar

from msgspec import Struct

from runtime.state.base import StateError

_BATCH: Final = 256
C = TypeVar("C")
T = TypeVar("T")


class Database(Protocol[C]):
    """How a database is reached. Everything raises StateError and nothing else."""

    @property
    def name(self) -> str: ...

    def connect(self) -> C: ...

    def is_open(self, db: C) -> bool:
        """Whether it can be written to, as far as that shows without writing."""
        ...

    def transaction(self, db: C) -> AbstractContextManager[None]: ...

    def close(self, db: C) -> None: ...

    def check(self) -> None:
        """Raises StateError when nothing can be written, as far as that shows without asking it."""
        ...

    @property
    def keeps_keys(self) -> bool:
        """Whether the virtual keys are in it too, with the names that people know."""
        ...

    def sql(self, statement: str) -> str:
        """A statement whose places are `?`, as this database wants it."""
        ...


class Writing(Protocol):
    """How work is done in a database, whoever's thread does it."""

    is_closed: bool

    def do(self, work: Callable[[Any], T]) -> "asyncio.Future[T]": ...

    def trouble(self) -> str | None: ...

    def close(self) -> None: ...


class _Job(Struct):
    work: Callable[[Any], Any]
    loop: asyncio.AbstractEventLoop
    done: "asyncio.Future[Any]"


class _Told(Struct):
    job: _Job
    answer: Any


class Writer(Generic[C]):
    """Open until `close`, which does what is still waiting."""

    def __init__(self, database: Database[C]) -> None:
        self._database = database
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._in_hand: list[_Job] = []
        self._why: str | None = None
        self.is_closed = False
        self._thread = threading.Thread(target=self._run, name="state", daemon=True)
        self._thread.start()

    def do(self, work: Callable[[C], T]) -> "asyncio.Future[T]":
        """What `work` returns, once it is committed.

        Raises StateError when it could not be done. Giving up on it does not take it back.
        `work` may be done twice when others in its transaction fail, and then only once for good.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        if self.is_closed:
            done.set_exception(StateError(f"{self._database.name}: is closed"))
        else:
            self._jobs.put(_Job(work, loop, done))
        return done

    def trouble(self) -> str | None:
        """Why the last work could not be done; it is tried anew for the next time this is asked."""
        loop = asyncio.get_running_loop()
        if self._jobs.empty():
            self._jobs.put(_Job(lambda db: db.execute("SELECT 1"), loop, loop.create_future()))
        return self._why

    def close(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            self._jobs.put(None)
            self._thread.join()

    # --- the thread ------------------------------------------------------------------------------

    def _run(self) -> None:
        """Whatever ends it: nobody is left waiting."""
        try:
            self._work()
        finally:
            self.is_closed = True
            ended = StateError(f"{self._database.name}: nothing is written any more")
            while not self._jobs.empty():
                self._in_hand += [job for job in [self._jobs.get()] if job is not None]
            _answer([_Told(job, ended) for job in self._in_hand])

    def _work(self) -> None:
        db: C | None = None
        goes_on = True
        while goes_on:
            waiting = self._waiting()
            goes_on = waiting[-1] is not None
            jobs = self._in_hand = [job for job in waiting if job is not None]
            try:
                if db is None or not self._database.is_open(db):
                    db = self._database.connect()
            except StateError as error:
                self._why = str(error)
                _answer([_Told(job, error) for job in jobs])
                continue
            self._why = None
            self._commit(db, jobs)
        if db is not None:
            self._database.close(db)

    def _waiting(self) -> list[_Job | None]:
        """At least one; None, which ends the thread, comes last if it comes."""
        waiting = [self._jobs.get()]
        while waiting[-1] is not None and len(waiting) < _BATCH:
            try:
                waiting.append(self._jobs.get_nowait())
            except queue.Empty:
                break
        return waiting

    def _commit(self, db: C, jobs: list[_Job]) -> None:
        try:
            with self._database.transaction(db):
                answers = [job.work(db) for job in jobs]
        except StateError as error:
            if len(jobs) == 1:
                _answer([_Told(jobs[0], error)])
                return
            # What cannot be written must not take the others with it.
            for job in jobs:
                self._commit(db, [job])
            return
        _answer([_Told(job, answer) for job, answer in zip(jobs, answers, strict=True)])


def _answer(told: Sequence[_Told]) -> None:
    """Tell those who wait, each loop once."""

    def settle(own: Sequence[_Told]) -> None:
        for one in own:
            if one.job.done.done():
                continue
            if isinstance(one.answer, StateError):
                one.job.done.set_exception(one.answer)
            else:
                one.job.done.set_result(one.answer)

    for loop in {one.job.loop for one in told}:
        try:
            loop.call_soon_threadsafe(settle, [one for one in told if one.job.loop is loop])
        except RuntimeError:
            continue  # the loop has ended, and nobody waits there any more
