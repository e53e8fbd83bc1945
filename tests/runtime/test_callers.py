"""What is remembered of keys and limits is what the file says, from one request to the next."""

import asyncio
import socket
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from runtime.callers import Callers
from runtime.keys import KeyRecord, check, has_keys, mint, revoke
from runtime.limits.allowed import allow, allowed_to
from runtime.limits.binding import Allowed, of_allowed
from runtime.state import connect
from runtime.state.sqlite import SqliteDatabase
from runtime.state.sqlite_writer import SqliteWriter

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@contextmanager
def _opened() -> Iterator[tuple[Callers, SqliteWriter, sqlite3.Connection, sqlite3.Connection]]:
    """The callers, the runtime's writer, the connection they read on, and somebody else's."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.sqlite"
        writer = SqliteWriter(SqliteDatabase(path))
        with closing(connect(path)) as reads, closing(connect(path)) as other, closing(writer):
            yield Callers(reads, writer.version), writer, reads, other


async def _book(writer: SqliteWriter) -> None:
    await writer.do(lambda db: db.execute("INSERT OR REPLACE INTO leases VALUES ('me', 1)"))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["mint", "revoke", "limit", "unlimit", "book"]),
            st.sampled_from(["web", "app"]),
        ),
        max_size=12,
    )
)
def test_whatever_is_written_counts_from_the_next_request(steps: list[tuple[str, str]]) -> None:
    async def story() -> None:
        with _opened() as (callers, writer, _, other):
            shown, live = {"nobody": "sk-dsg-no"}, set[str]()
            for act, name in steps:
                await asyncio.sleep(0)  # the next request is met in the next round at the earliest
                match act:
                    case "mint" if name not in live:
                        shown[name], _ = mint(other, name, at=NOON)
                        live.add(name)
                    case "revoke" if name in live:
                        revoke(other, name, at=NOON)
                        live.remove(name)
                    case "limit" | "unlimit":
                        allow(other, Allowed("team", name, rpm=5 if act == "limit" else None))
                    case _:
                        await _book(writer)
                assert callers.are_asked() == has_keys(other)
                for key in shown.values():
                    assert callers.of(key) == check(other, key)
                for who in (("team", "web"), ("team", "app")):
                    assert callers.rules_of(who) == [
                        rule
                        for allowed in allowed_to(other, (who,))
                        for rule in of_allowed(allowed)
                    ]

    asyncio.run(story())


def test_a_request_that_comes_in_after_a_key_was_revoked_is_refused() -> None:
    """Even where it arrives in the same round of the loop in which another one was let in."""
    loop = asyncio.new_event_loop()
    ours, theirs = socket.socketpair()
    found: list[KeyRecord | None] = []
    with _opened() as (callers, _, _, other), ours, theirs:
        ours.setblocking(False)
        key, record = mint(other, "web", at=NOON)

        async def ask() -> None:
            found.append(callers.of(key))

        def arrived() -> None:
            if ours.recv(1) == b"2":
                loop.create_task(ask()).add_done_callback(lambda _: loop.stop())
                return
            found.append(callers.of(key))
            revoke(other, "web", at=NOON)
            theirs.send(b"2")

        loop.add_reader(ours, arrived)
        theirs.send(b"1")
        loop.run_forever()
        loop.close()

    assert found == [record, None]


def test_the_file_is_read_once_while_only_the_runtime_writes() -> None:
    async def story() -> None:
        with _opened() as (callers, writer, reads, other):
            key, record = mint(other, "web", at=NOON)
            read: list[str] = []
            reads.set_trace_callback(read.append)

            for _ in range(3):
                assert callers.of(key) == record
                await _book(writer)

            assert len(read) == 1

    asyncio.run(story())


def test_those_who_are_met_in_one_round_are_told_by_one_look() -> None:
    async def story() -> None:
        looks: list[int] = []
        with _opened() as (_, writer, reads, other):
            key, record = mint(other, "web", at=NOON)
            callers = Callers(reads, lambda: looks.append(1) or writer.version())

            assert [callers.of(key), callers.of(key)] == [record, record]
            assert len(looks) == 1
            await asyncio.sleep(0)
            assert callers.of(key) == record
            assert len(looks) == 2

    asyncio.run(story())


def test_a_key_that_is_nobodys_is_not_remembered() -> None:
    async def story() -> None:
        with _opened() as (callers, _, reads, _):
            read: list[str] = []
            reads.set_trace_callback(read.append)

            assert [callers.of("sk-dsg-guess"), callers.of("sk-dsg-guess")] == [None, None]
            assert len(read) == 2

    asyncio.run(story())
