import asyncio
import multiprocessing
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from designer.catalog import Price
from designer.engine.events import Usage
from runtime.keys import PREFIX, KeyNameError, check, list_keys, mint, revoke
from runtime.ledger import SPEND_BY, Billed, Ledger, Row, cost_nano_usd, usage_of
from runtime.state import StateError, connect
from runtime.state.sqlite import MIGRATIONS, SqliteDatabase
from runtime.state.writer import Writer
from tests.runtime.servers import postgres_server

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ROW = Row(
    request_id="r1",
    at_ms=round(NOON.timestamp() * 1000),
    status=200,
    route="chat",
    model="m",
    prompt_tokens=100,
    completion_tokens=10,
    cost_nano_usd=5_000,
    team="web",
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    ledger = Ledger(path)
    yield ledger
    ledger.close()


@pytest.fixture(scope="module")
def postgres_url() -> Iterator[str]:
    with postgres_server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def any_ledger(request: pytest.FixtureRequest, path: Path) -> Iterator[Ledger]:
    """An empty one, in each database that there is."""
    where: Any = path
    if request.param == "postgres":
        import psycopg

        from runtime.state.postgres import PostgresDatabase

        url = request.getfixturevalue("postgres_url")
        with psycopg.connect(url) as db:
            db.execute("DROP TABLE IF EXISTS ledger, attempts, designer_schema")
        where = PostgresDatabase(url)
    ledger = Ledger(where)
    yield ledger
    ledger.close()


def _record(ledger: Ledger, *rows: Row) -> list[bool]:
    async def all_at_once() -> list[bool]:
        return await asyncio.gather(*(ledger.record(row) for row in rows))

    return asyncio.run(all_at_once())


def _price(input_: str, output: str, cache_read: str | None = None) -> Price:
    read = None if cache_read is None else Decimal(cache_read)
    return Price(
        Decimal(input_), Decimal(output), "single", (), cache_read=read, valid_from=date.min
    )


# --- money ---------------------------------------------------------------------------------------


def test_cost_is_exact_to_the_nano_dollar() -> None:
    price = _price("0.15", "0.60", "0.075")

    cost = cost_nano_usd(price, Usage(1_000_001, 333, 1))

    assert cost == 1_000_000 * 150 + 75 + 333 * 600


@given(
    prompt=st.integers(0, 10**7),
    completion=st.integers(0, 10**6),
    price=st.decimals("0", "1000", places=4),
)
def test_cost_never_differs_from_exact_arithmetic_by_more_than_half(
    prompt: int, completion: int, price: Decimal
) -> None:
    cost = cost_nano_usd(_price(str(price), str(price)), Usage(prompt, completion))

    assert abs(cost - (prompt + completion) * price * 1000) <= Decimal("0.5")


@pytest.mark.parametrize(
    ("said", "usage"),
    [
        (None, None),
        ({}, None),
        ({"prompt_tokens": 7, "completion_tokens": 3}, Usage(7, 3)),
        ({"prompt_tokens": 7, "prompt_tokens_details": {"cached_tokens": 5}}, Usage(7, 0, 5)),
        ({"prompt_tokens": 7, "prompt_tokens_details": {"cached_tokens": 50}}, Usage(7, 0, 7)),
        (
            {"prompt_tokens": -7, "completion_tokens": "many", "prompt_tokens_details": None},
            Usage(),
        ),
    ],
)
def test_what_a_provider_says_of_its_usage_is_made_reliable(said: Any, usage: Usage | None) -> None:
    assert usage_of(said) == usage


# --- writing -------------------------------------------------------------------------------------


def test_a_row_is_in_the_file_once_recorded(path: Path, ledger: Ledger) -> None:
    assert _record(ledger, ROW) == [True]

    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT request_id, cost_nano_usd FROM ledger").fetchall() == [
            ("r1", 5000)
        ]


def test_the_same_request_is_booked_once(any_ledger: Ledger) -> None:
    assert sorted(_record(any_ledger, ROW, replace(ROW, cost_nano_usd=9))) == [False, True]
    assert _record(any_ledger, ROW) == [False]

    (total,) = any_ledger.spend("team")
    assert (total.requests, total.cost_nano_usd) == (1, 5_000)


def test_many_rows_at_once_all_arrive(any_ledger: Ledger) -> None:
    rows = [replace(ROW, request_id=f"r{n}") for n in range(1_000)]

    assert all(_record(any_ledger, *rows))

    (total,) = any_ledger.spend("route")
    assert (total.requests, total.cost_nano_usd) == (1_000, 5_000_000)


def test_a_row_that_cannot_be_written_does_not_take_others_with_it(any_ledger: Ledger) -> None:
    async def story() -> list[Any]:
        bad = replace(ROW, request_id="bad", prompt_tokens=2**70)
        odd = replace(ROW, request_id="odd", team="\ud800")
        wrong = replace(ROW, request_id="wrong", status="what")  # type: ignore[arg-type]
        rows = [ROW, bad, odd, wrong, replace(ROW, request_id="r2")]
        return await asyncio.gather(*map(any_ledger.record, rows), return_exceptions=True)

    first, *bad, last = asyncio.run(story())

    assert (first, last) == (True, True)
    assert [type(error) for error in bad] == [StateError] * 3


def test_a_caller_that_gives_up_is_booked_all_the_same(ledger: Ledger) -> None:
    async def story() -> None:
        task = asyncio.create_task(ledger.record(ROW))
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(story())
    ledger.close()

    assert ledger.spend("team")[0].requests == 1


def test_a_closed_ledger_says_so(ledger: Ledger) -> None:
    ledger.close()

    with pytest.raises(StateError, match="the ledger is closed"):
        _record(ledger, ROW)


def test_a_file_that_is_no_database_is_refused_at_once(path: Path) -> None:
    path.write_bytes(b"a letter to my aunt, and long enough to have no header" * 40)

    with pytest.raises(StateError, match="is not a database, or damaged"):
        Ledger(path)


def test_a_folder_that_is_not_there_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="cannot be opened"):
        Ledger(tmp_path / "no" / "where.sqlite")


def test_a_folder_in_the_files_place_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="cannot be opened"):
        Ledger(tmp_path)


def test_a_file_taken_away_while_running_is_noticed(path: Path, ledger: Ledger) -> None:
    _record(ledger, ROW)
    path.rename(path.with_name("elsewhere"))

    with pytest.raises(StateError, match="has gone away"):
        _record(ledger, replace(ROW, request_id="r2"))


def test_a_damaged_table_is_an_error_and_not_a_lost_row(path: Path, ledger: Ledger) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("DROP TABLE ledger")

    with pytest.raises(StateError, match="no such table"):
        _record(ledger, ROW)


def test_a_locked_file_is_an_error_and_the_next_row_is_written(
    path: Path,
) -> None:
    ledger = Ledger(path, busy_s=0.05)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(StateError, match="is locked by another process"):
        _record(ledger, ROW)
    other.execute("ROLLBACK")
    other.close()

    assert _record(ledger, ROW) == [True]


def test_a_lock_is_waited_for_while_the_loop_goes_on(path: Path, ledger: Ledger) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    async def story() -> tuple[bool, list[bool]]:
        asked = [asyncio.create_task(ledger.record(replace(ROW, request_id=n))) for n in "ab"]
        await asyncio.sleep(0.05)
        was_waiting = not any(task.done() for task in asked)
        other.execute("ROLLBACK")
        return was_waiting, await asyncio.gather(*asked)

    assert asyncio.run(story()) == (True, [True, True])
    other.close()


def test_what_is_waiting_when_the_ledger_is_closed_is_written(path: Path) -> None:
    ledger = Ledger(path)

    async def story() -> bool:
        asked = asyncio.create_task(ledger.record(ROW))
        await asyncio.sleep(0)
        ledger.close()
        return await asked

    assert asyncio.run(story())
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM ledger").fetchone() == (1,)


def test_the_log_of_the_file_does_not_grow_with_its_rows(path: Path, ledger: Ledger) -> None:
    sizes = []
    for batch in range(12):
        _record(ledger, *(replace(ROW, request_id=f"{batch}-{n}") for n in range(1_000)))
        sizes.append(path.with_name(f"{path.name}-wal").stat().st_size)

    assert max(sizes) < 3 * sizes[1]  # without anybody moving it, twelve times the first
    assert ledger.trouble() is None


def test_a_file_of_a_newer_version_is_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")

    with pytest.raises(StateError, match="written by a newer version"):
        connect(path)


def _book_some(path: Path, worker: int) -> None:
    ledger = Ledger(path)
    _record(ledger, *(replace(ROW, request_id=f"{worker}-{n}") for n in range(100)))
    ledger.close()


def test_processes_share_a_file_without_losing_a_row(path: Path) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_book_some, args=(path, worker)) for worker in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    with closing(Ledger(path)) as ledger:
        assert ledger.spend("route")[0].requests == 300


def test_a_new_file_is_opened_by_many_processes_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    for round_ in range(5):
        ready = context.Barrier(8)
        path = tmp_path / f"{round_}.sqlite"
        workers = [context.Process(target=_open_at_once, args=(path, ready)) for _ in range(8)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

        assert [worker.exitcode for worker in workers] == [0] * 8


def _open_at_once(path: Path, ready: Any) -> None:
    ready.wait()
    connect(path).close()


# --- reading -------------------------------------------------------------------------------------


def test_spend_adds_up_by_every_grouping(any_ledger: Ledger) -> None:
    _record(any_ledger, *(replace(ROW, request_id=str(n), team=f"t{n % 2}") for n in range(5)))

    assert [(s.group, s.cost_nano_usd) for s in any_ledger.spend("team")] == [
        ("t0", 15_000),
        ("t1", 10_000),
    ]
    for by in SPEND_BY:
        totals = any_ledger.spend(by)
        assert sum(s.cost_nano_usd for s in totals) == 25_000
        assert sum(s.prompt_tokens for s in totals) == 500


def test_an_unknown_price_is_not_a_price_of_nothing(any_ledger: Ledger) -> None:
    unpriced = replace(ROW, request_id="r2", cost_nano_usd=None)
    refused = replace(
        ROW, request_id="r3", status=503, cost_nano_usd=None, prompt_tokens=0, completion_tokens=0
    )

    _record(any_ledger, ROW, unpriced, refused)

    (total,) = any_ledger.spend("model")
    assert (total.cost_usd, total.unpriced, total.failed) == (Decimal("0.000005"), 1, 1)


def test_what_failed_attempts_cost_is_spent_where_they_were_made(any_ledger: Ledger) -> None:
    lost = Billed("chat/b", "b", "mb", "reset", 40, 60, is_estimated=1, cost_nano_usd=700)
    row = replace(
        ROW,
        deployment="chat/a",
        is_estimated=1,
        cost_nano_usd=5_700,
        extra_nano_usd=700,
        saved_nano_usd=50,
        failed=(lost,),
    )
    _record(any_ledger, row, replace(row, failed=(lost, lost)))

    by_model = {spend.group: spend for spend in any_ledger.spend("model")}
    (by_team,) = any_ledger.spend("team")

    assert (by_model["m"].cost_nano_usd, by_model["m"].estimated) == (5_000, 0)
    assert (by_model["mb"].cost_nano_usd, by_model["mb"].estimated) == (700, 1)
    assert (by_model["mb"].requests, by_model["m"].saved_nano_usd) == (0, 50)
    assert (by_team.requests, by_team.cost_nano_usd, by_team.estimated) == (1, 5_700, 1)
    assert asyncio.run(any_ledger.cost_of("r1")) == 5_700


def test_a_file_of_the_first_version_is_brought_up_to_date(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.executescript(MIGRATIONS[0])
        db.execute(
            "INSERT INTO ledger VALUES ('old', 1, 200, 'chat', '', '', 'm', 1, 1, 0, 0, 5, "
            "'', '', '', '', '', '', '', 1, 0, 0, '')"
        )
        db.execute("PRAGMA user_version = 1")
        db.commit()

    with closing(Ledger(path)) as ledger:
        _record(ledger, ROW)
        (total,) = ledger.spend("route")
    assert (total.requests, total.cost_nano_usd, total.saved_nano_usd) == (2, 5_005, 0)


def test_a_database_that_is_not_there_is_an_error_of_state() -> None:
    from runtime.state.postgres import PostgresDatabase

    with pytest.raises(StateError, match="PostgreSQL") as caught:
        PostgresDatabase("postgresql://somebody:hush@127.0.0.1:1/none")
    assert "hush" not in str(caught.value)


def test_a_period_has_its_beginning_and_not_its_end(any_ledger: Ledger) -> None:
    hour = timedelta(hours=1)
    at = [NOON - hour, NOON, NOON + hour]
    _record(
        any_ledger,
        *(replace(ROW, request_id=str(m), at_ms=round(m.timestamp() * 1000)) for m in at),
    )

    assert any_ledger.spend("team", NOON, NOON + hour)[0].requests == 1
    assert any_ledger.spend("team", since=NOON)[0].requests == 2
    with pytest.raises(ValueError, match="time zone"):
        any_ledger.spend("team", datetime(2026, 1, 1))  # noqa: DTZ001


# --- keys ----------------------------------------------------------------------------------------


@pytest.fixture
def db(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(connect(path)) as db:
        yield db


def test_a_minted_key_opens_and_others_do_not(db: sqlite3.Connection) -> None:
    key, record = mint(db, "web-prod", at=NOON, user="ann", team="web", project="shop")

    assert key.startswith(PREFIX)
    assert check(db, key) == record
    for other in (key[:-1], key + "x", "", "sk-dsg-", record.id, "\ud800"):
        assert check(db, other) is None


def test_a_key_is_nowhere_in_the_file(db: sqlite3.Connection, path: Path) -> None:
    key, record = mint(db, "web-prod", at=NOON)

    stored = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert key.removeprefix(PREFIX).encode() not in stored
    assert b"web-prod" in stored
    assert key not in repr(record)


def test_a_revoked_key_stops_working_and_stays_listed(db: sqlite3.Connection) -> None:
    key, record = mint(db, "web-prod", at=NOON)

    revoked = revoke(db, "web-prod", at=NOON + timedelta(days=1))

    assert check(db, key) is None
    assert revoked.revoked_at == NOON + timedelta(days=1)
    assert list_keys(db) == [revoked]
    with pytest.raises(KeyNameError, match=f"there is no live key '{record.id}'"):
        revoke(db, record.id, at=NOON)


def test_a_name_is_free_again_after_its_key_was_revoked(db: sqlite3.Connection) -> None:
    mint(db, "web-prod", at=NOON)
    with pytest.raises(KeyNameError, match="already"):
        mint(db, "web-prod", at=NOON)

    revoke(db, "web-prod", at=NOON)

    assert mint(db, "web-prod", at=NOON)[1].name == "web-prod"


def test_spend_by_key_shows_the_name_people_know(db: sqlite3.Connection, ledger: Ledger) -> None:
    _, record = mint(db, "web-prod", at=NOON)

    _record(ledger, replace(ROW, key_id=record.id), replace(ROW, request_id="r2"))

    assert {s.group for s in ledger.spend("key")} == {f"web-prod ({record.id})", ""}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_nobody_waits_for_a_writer_that_has_broken_down(path: Path) -> None:
    async def story() -> list[Any]:
        writer = Writer(SqliteDatabase(path))
        jobs = (writer.do(lambda db: 1 // 0), writer.do(lambda db: 1))
        async with asyncio.timeout(10):
            first = await asyncio.gather(*jobs, return_exceptions=True)
            later = await asyncio.gather(writer.do(lambda db: 1), return_exceptions=True)
        writer.close()
        return [*first, *later]

    assert {type(answer) for answer in asyncio.run(story())} == {StateError}
