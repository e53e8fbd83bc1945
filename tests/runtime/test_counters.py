"""One suite for every way of counting: in memory, in the state file, in a real Redis."""

import asyncio
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from decimal import Decimal
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from designer.ir import Budget
from runtime.limits.alerts import Alerts
from runtime.limits.binding import Bind, of_configuration
from runtime.limits.counting import Counting
from runtime.limits.windows import Windows
from runtime.state.base import Account, Counters, Lease, Orphan, StateError, Want
from runtime.state.memory import MemoryCounters
from runtime.state.redis import RedisCounters
from runtime.state.sqlite import SqliteDatabase, connect
from runtime.state.sqlite_counters import SqliteCounters
from runtime.state.sqlite_writer import SqliteWriter
from tests.runtime.servers import redis_server

Make = Callable[[], Counters]
"""A way of counting in which nothing has been counted yet."""
Share = Callable[[int], Sequence[Counters]]
"""The same for as many processes as are asked for, which count together."""

T = 4_102_444_800_000
"""In 2100: Redis forgets what is long over by its own clock."""
DAY = Account("team:web:usd/day", T + 1_000, T + 2_000, 100)
MONTH = Account("all::usd/month", T, T + 9_000, 250)
A, B = Lease("a", 5_000), Lease("b", 50_000)


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture(params=["memory", "sqlite", "redis"])
def share(request: pytest.FixtureRequest) -> Iterator[Share]:
    with ExitStack() as stack:
        folders = (Path(stack.enter_context(TemporaryDirectory())) for _ in iter(int, 1))
        match request.param:
            case "memory":
                yield lambda count: [MemoryCounters()] * count
            case "sqlite":
                yield lambda count: _on_one_file(next(folders) / "s.sqlite", count)
            case _:
                yield partial(_on_an_empty_redis, request.getfixturevalue("redis_url"))


@pytest.fixture
def make(share: Share) -> Make:
    return lambda: share(1)[0]


def _on_one_file(path: Path, count: int) -> Sequence[Counters]:
    return [SqliteCounters(SqliteWriter(SqliteDatabase(path))) for _ in range(count)]


def _on_an_empty_redis(url: str, count: int) -> Sequence[Counters]:
    import redis

    with redis.Redis.from_url(url) as server:
        server.flushall()
    return [RedisCounters(url) for _ in range(count)]


def _story(make: Make, story: Callable[[Counters], Any]) -> None:
    async def told() -> None:
        counters = make()
        try:
            await story(counters)
        finally:
            await counters.close()

    asyncio.run(told())


def test_a_hold_takes_room_and_a_settlement_gives_the_rest_back(make: Make) -> None:
    async def story(counters: Counters) -> None:
        assert await counters.hold("r1", B, [Want(DAY, 70), Want(MONTH, 70)]) is None
        assert await counters.used(DAY) == (0, 70)

        assert await counters.settle("r1", {DAY.name: 20, MONTH.name: 20})

        assert await counters.used(DAY) == (20, 0)
        assert await counters.used(MONTH) == (20, 0)

    _story(make, story)


def test_what_has_no_room_in_one_account_takes_nothing_from_the_others(make: Make) -> None:
    async def story(counters: Counters) -> None:
        assert await counters.hold("r1", B, [Want(DAY, 70), Want(MONTH, 70)]) is None

        short = await counters.hold("r2", B, [Want(MONTH, 40), Want(DAY, 40)])

        assert short is not None
        assert (short.account, short.spent, short.held, short.amount) == (DAY, 0, 70, 40)
        assert short.frees_itself
        assert await counters.used(MONTH) == (0, 70)
        assert not await counters.settle("r2", {})

    _story(make, story)


def test_to_hold_and_to_settle_may_be_repeated(make: Make) -> None:
    async def story(counters: Counters) -> None:
        for _ in range(3):
            assert await counters.hold("r1", B, [Want(DAY, 60)]) is None
        assert await counters.used(DAY) == (0, 60)

        assert await counters.settle("r1", {DAY.name: 60})
        assert not await counters.settle("r1", {DAY.name: 60})

        assert await counters.used(DAY) == (60, 0)

    _story(make, story)


def test_a_hold_is_raised_as_far_as_there_is_room_and_is_never_lowered(make: Make) -> None:
    async def story(counters: Counters) -> None:
        await counters.hold("r1", B, [Want(DAY, 40)])
        assert await counters.hold("r1", B, [Want(DAY, 100), Want(MONTH, 1)]) is None
        assert await counters.hold("r1", B, [Want(DAY, 10)]) is None
        assert await counters.used(DAY) == (0, 100)

        assert await counters.hold("r1", B, [Want(DAY, 101)]) is not None

        assert await counters.used(DAY) == (0, 100)
        assert await counters.used(MONTH) == (0, 1)

    _story(make, story)


def test_windows_of_one_account_are_apart(make: Make) -> None:
    async def story(counters: Counters) -> None:
        tomorrow = Account(DAY.name, T + 2_000, T + 3_000, 100)
        await counters.hold("r1", B, [Want(DAY, 100)])
        assert await counters.hold("r2", B, [Want(tomorrow, 100)]) is None

        await counters.settle("r1", {DAY.name: 7})

        assert await counters.used(DAY) == (7, 0)
        assert await counters.used(tomorrow) == (0, 100)

    _story(make, story)


def test_holds_are_orphans_once_nobody_renews_their_lease(make: Make) -> None:
    async def story(counters: Counters) -> None:
        await counters.hold("r1", A, [Want(DAY, 60), Want(MONTH, 60)], "whose")
        await counters.hold("r2", B, [Want(DAY, 10)])
        assert await counters.orphans(4_999) == []

        (orphan,) = await counters.orphans(5_000)

        assert (orphan.id, orphan.note) == ("r1", "whose")
        assert orphan.amounts == {DAY.name: 60, MONTH.name: 60}
        await counters.renew(Lease("a", 6_000))
        assert await counters.orphans(5_000) == []

    _story(make, story)


def test_an_orphan_is_adopted_once_and_then_has_its_new_owners_lease(make: Make) -> None:
    async def story(counters: Counters) -> None:
        await counters.hold("r1", A, [Want(DAY, 60)], "whose")

        assert await counters.adopt("r1", "a", B)
        assert not await counters.adopt("r1", "a", Lease("c", 90_000))
        assert not await counters.adopt("r2", "a", B)

        assert await counters.orphans(5_000) == []
        (orphan,) = await counters.orphans(50_000)
        assert (orphan.id, orphan.owner, orphan.note) == ("r1", "b", "whose")
        assert await counters.settle("r1", {DAY.name: 60})
        assert await counters.used(DAY) == (60, 0)

    _story(make, story)


def test_who_holds_again_has_its_lease_renewed(make: Make) -> None:
    async def story(counters: Counters) -> None:
        await counters.hold("r1", A, [Want(DAY, 1)])
        await counters.hold("r2", Lease("a", 9_000), [Want(DAY, 1)])

        assert await counters.orphans(8_000) == []

    _story(make, story)


def test_old_windows_are_forgotten_unless_something_is_held(make: Make) -> None:
    async def story(counters: Counters) -> None:
        await counters.hold("r1", B, [Want(DAY, 5)])
        await counters.hold("r2", B, [Want(DAY, 5)])
        await counters.settle("r1", {DAY.name: 5})

        await counters.forget(T + 10_000)

        assert await counters.used(DAY) == (5, 5)
        assert await counters.settle("r2", {DAY.name: 5})

    _story(make, story)


def test_amounts_beyond_a_million_dollars_are_exact(make: Make) -> None:
    async def story(counters: Counters) -> None:
        large = Account("all::usd/year", T, T + 9_000, 2 * 10**15 + 1)
        assert await counters.hold("r1", B, [Want(large, 10**15 + 1)]) is None
        assert await counters.hold("r2", B, [Want(large, 10**15 + 1)]) is not None
        assert await counters.hold("r3", B, [Want(large, 10**15)]) is None
        await counters.settle("r1", {large.name: 10**15 - 1})

        assert await counters.used(large) == (10**15 - 1, 10**15)

    _story(make, story)


def test_of_many_at_once_as_many_are_held_as_there_is_room_for(make: Make) -> None:
    async def story(counters: Counters) -> None:
        shorts = await asyncio.gather(
            *(counters.hold(f"r{n}", B, [Want(DAY, 7), Want(MONTH, 7)]) for n in range(60))
        )

        assert sum(short is None for short in shorts) == 100 // 7
        assert await counters.used(DAY) == (0, 98)

    _story(make, story)


def test_a_budget_that_passes_its_alert_is_told_of_once_a_window_by_one_of_many(
    share: Share,
) -> None:
    """Four look in the same moment, and one that had not been there then."""
    budget = Budget("team", "web", Decimal("0.0000001"), "day", alert=0.5)
    [[rule]] = of_configuration([budget], []).values()
    today, tomorrow = (rule.bind(Windows(ZoneInfo("UTC")), T + day * 86_400_000) for day in (0, 1))

    async def story() -> None:
        heard: list[Bind] = []
        *counters, late = share(5)
        processes = [_alerts(one, heard) for one in (*counters, late)]

        async def look(at: Bind) -> list[Bind]:
            await asyncio.gather(*(alerts.look([at]) for _, alerts in processes[:4]))
            return heard

        await _spend(late, "r1", today, 49)
        assert await look(today) == []
        await _spend(late, "r2", today, 1)
        assert await look(today) == [today]
        assert await look(today) == [today]
        await _spend(late, "r3", tomorrow, 100)
        assert await look(tomorrow) == [today, tomorrow]

        await processes[4][1].look([today, tomorrow])
        assert heard == [today, tomorrow]
        for counting, _ in processes:
            await counting.close()

    asyncio.run(story())


def test_what_nobody_waits_for_any_more_is_settled_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"

    async def story() -> None:
        counters = SqliteCounters(SqliteWriter(SqliteDatabase(path), busy_s=0.1))
        counting = Counting(counters, lambda: T / 1_000, _nothing_to_bury)
        assert await counting.hold("r1", [Want(DAY, 70)], "note") is None
        with closing(connect(path)) as other:
            other.execute("BEGIN IMMEDIATE")
            settling = asyncio.create_task(counting.settle("r1", {DAY.name: 20}))
            await asyncio.sleep(0.01)
            settling.cancel()
            await asyncio.sleep(0.3)  # longer than the writer waits for the other one's lock
        await counting.close()

    asyncio.run(story())

    with closing(connect(path)) as db:
        assert db.execute("SELECT spent, held FROM accounts").fetchall() == [(20, 0)]


async def _nothing_to_bury(orphan: Orphan) -> Mapping[str, int]:
    raise AssertionError(orphan)


def test_whoever_closes_in_the_middle_of_a_beat_is_not_kept_waiting(share: Share) -> None:
    async def story() -> None:
        for rounds, counters in enumerate(share(60)):
            counting, _ = _alerts(counters, [])
            counting.start()
            for _ in range(rounds):
                await asyncio.sleep(0)
            await asyncio.wait_for(counting.close(), 5)

    asyncio.run(story())


def test_of_several_that_find_what_a_dead_one_left_each_is_booked_by_one(share: Share) -> None:
    """They may keep ledgers of their own. What could not be booked is booked the next time."""

    async def story() -> None:
        buried, counters = list[str](), share(4)
        failing = {f"r{n}" for n in range(0, 20, 3)}

        async def bury(orphan: Orphan) -> Mapping[str, int]:
            await asyncio.sleep(0.002)
            if orphan.id in failing:
                failing.remove(orphan.id)
                raise StateError("the ledger is away")
            buried.append(orphan.id)
            return orphan.amounts

        for number in range(20):
            await counters[0].hold(f"r{number}", A, [Want(DAY, 5)], "whose")
        heirs = [Counting(one, lambda: T / 1000, bury, lease_s=0.1) for one in counters]
        for heir in heirs:
            heir.start()
        async with asyncio.timeout(20):
            while await counters[0].used(DAY) != (100, 0):
                await asyncio.sleep(0.01)
        for heir in heirs:
            await heir.close()

        assert sorted(buried) == sorted(f"r{number}" for number in range(20))

    asyncio.run(story())


def test_a_restart_books_at_once_what_only_its_own_ledger_can_have() -> None:
    """Another ledger may have the request of a killed process already, as far as anybody here knows."""
    gone = subprocess.Popen(["true"])
    gone.wait()

    async def story() -> None:
        counters, buried = MemoryCounters(), list[str]()

        async def bury(orphan: Orphan) -> Mapping[str, int]:
            buried.append(orphan.id)
            return orphan.amounts

        def counting(ledger: str) -> Counting:
            return Counting(counters, lambda: T / 1000, bury, ledger=ledger)

        for ledger in ("own", "other"):
            lease = Lease(f"{counting(ledger).where}:{gone.pid}:x", 2 * T)
            await counters.hold(ledger, lease, [Want(DAY, 1)], "whose")
        restarted = counting("own")
        restarted.start()
        while not buried:
            await asyncio.sleep(0)
        await restarted.close()

        assert buried == ["own"]
        assert [orphan.id for orphan in await counters.orphans(3 * T)] == ["other"]

    asyncio.run(story())


def _alerts(counters: Counters, heard: list[Bind]) -> tuple[Counting, Alerts]:
    async def nothing_died(orphan: Orphan) -> dict[str, int]:
        raise AssertionError(orphan)

    counting = Counting(counters, lambda: T / 1000, nothing_died)
    alerts = Alerts(counting)
    alerts.heard = heard.append
    return counting, alerts


async def _spend(counters: Counters, id_: str, bind: Bind, amount: int) -> None:
    assert await counters.hold(id_, Lease("a", 2 * T), [Want(bind.account, amount)]) is None
    assert await counters.settle(id_, {bind.account.name: amount})


def test_a_redis_that_is_not_there_is_an_error_of_state() -> None:
    async def story() -> None:
        counters = RedisCounters("redis://127.0.0.1:1/0")
        with pytest.raises(StateError, match="Redis: ConnectionError"):
            await counters.hold("r1", B, [Want(DAY, 1)])
        await counters.close()

    asyncio.run(story())


def test_an_address_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(StateError, match="not the address of a Redis server"):
        RedisCounters("localhost")


# --- Against a plain model ------------------------------------------------------------------------

_ACCOUNTS = (DAY, MONTH, Account("key:k:tokens/minute", T, T + 60_000, 30))
_IDS, _OWNERS = st.sampled_from(["r1", "r2", "r3", "r4"]), st.sampled_from(["a", "b", "c"])
_TIMES = st.integers(0, 20)
_WANTED = st.dictionaries(st.sampled_from(_ACCOUNTS), st.integers(0, 60), min_size=1)
_SHARES = st.fractions(0, 1)


class _Against(RuleBasedStateMachine):
    """Sums over a list of holds and of settlements, which is all that there is to it."""

    make: Make

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.run = self.runner.run
        self.counters = type(self).make()
        self.held: dict[str, dict[Account, int]] = {}
        self.owners: dict[str, str] = {}
        self.until: dict[str, int] = {}
        self.spent: list[tuple[Account, int]] = []

    def teardown(self) -> None:
        self.run(self.counters.close())
        self.runner.close()

    def _totals(self, account: Account) -> tuple[int, int]:
        spent = sum(amount for one, amount in self.spent if one == account)
        return spent, sum(held.get(account, 0) for held in self.held.values())

    @rule(id_=_IDS, owner=_OWNERS, until=_TIMES, wanted=_WANTED)
    def hold(self, id_: str, owner: str, until: int, wanted: dict[Account, int]) -> None:
        wants = [Want(account, amount) for account, amount in wanted.items()]
        short = self.run(self.counters.hold(id_, Lease(owner, until), wants))

        has = self.held.get(id_, {})
        after = {account: max(n, has.get(account, 0)) for account, n in wanted.items()}
        lacking = [
            account
            for account, n in after.items()
            if sum(self._totals(account)) - has.get(account, 0) + n > account.cap
        ]
        if lacking:
            assert short is not None
            assert short.account == lacking[0]
            assert (short.spent, short.held) == self._totals(lacking[0])
            return
        assert short is None
        self.held[id_] = has | after
        self.owners.setdefault(id_, owner)
        self.until[owner] = max(until, self.until.get(owner, 0))

    @rule(id_=_IDS, share=_SHARES)
    def settle(self, id_: str, share: Any) -> None:
        used = {account: int(n * share) for account, n in self.held.get(id_, {}).items()}
        was_held = self.run(self.counters.settle(id_, {a.name: n for a, n in used.items()}))

        assert was_held == (id_ in self.held)
        self.spent += used.items()
        self.held.pop(id_, None)
        self.owners.pop(id_, None)

    @rule(owner=_OWNERS, until=_TIMES)
    def renew(self, owner: str, until: int) -> None:
        self.run(self.counters.renew(Lease(owner, until)))
        self.until[owner] = max(until, self.until.get(owner, 0))

    @rule(id_=_IDS, owner=_OWNERS, heir=_OWNERS, until=_TIMES)
    def adopt(self, id_: str, owner: str, heir: str, until: int) -> None:
        is_adopted = self.run(self.counters.adopt(id_, owner, Lease(heir, until)))

        assert is_adopted == (self.owners.get(id_) == owner)
        if is_adopted:
            self.owners[id_] = heir
            self.until[heir] = max(until, self.until.get(heir, 0))

    @rule(at=_TIMES)
    def orphans(self, at: int) -> None:
        found = {orphan.id: orphan.amounts for orphan in self.run(self.counters.orphans(at))}

        assert found == {
            id_: {account.name: n for account, n in self.held[id_].items()}
            for id_, owner in self.owners.items()
            if self.until[owner] <= at
        }

    @invariant()
    def no_account_holds_more_than_its_cap(self) -> None:
        for account in _ACCOUNTS:
            used = self.run(self.counters.used(account))
            assert used == self._totals(account)
            assert sum(used) <= account.cap


def test_every_way_of_counting_does_as_a_plain_model_does(make: Make) -> None:
    machine = type("Against", (_Against,), {"make": staticmethod(make)})
    run_state_machine_as_test(machine, settings=settings(stateful_step_count=30))
