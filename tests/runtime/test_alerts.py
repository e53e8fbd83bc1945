"""A budget that is nearly spent is told of: once a window, whichever process sees it."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from designer.ir import Budget, Routing
from runtime.limits.alerts import Alerts
from runtime.limits.binding import Bind, of_configuration
from runtime.limits.counting import Counting
from runtime.limits.windows import Windows
from runtime.state import connect
from runtime.state.base import Account, Lease, Orphan, StateError, Want
from runtime.state.memory import MemoryCounters
from tests.runtime.served import HELLO, Running, served, two_deployments

ROUTE = Budget("route", "chat", Decimal("1"), "day", alert=0.5)
NANO = 10**9


def with_budget(budget: Budget) -> Routing:
    return replace(two_deployments(), budgets=(budget,))


async def ask(it: Running) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        body = {"model": "chat", "messages": HELLO, "max_tokens": 50}
        return await client.post(f"{it.service.url}/v1/chat/completions", json=body)


async def metric(it: Running) -> list[str]:
    async with httpx.AsyncClient() as client:
        text = (await client.get(f"{it.service.url}/metrics")).text
    return [n for n in text.splitlines() if n.startswith("designer_budget_alerts_total{")]


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.getMessage().startswith("budget ")]


@pytest.mark.parametrize("refuses", [True, False])
def test_a_budget_that_passes_its_alert_is_told_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, refuses: bool
) -> None:
    budget = Budget("route", "chat", Decimal("0.03"), "day", 0.001, refuses)

    async def test(it: Running) -> None:
        assert [(await ask(it)).status_code for _ in range(4)] == [200] * 4
        assert await metric(it) == [
            'designer_budget_alerts_total{budget="route chat: 0.03 USD/day"} 1.0'
        ]
        with closing(connect(it.state)) as db:
            assert db.execute("SELECT sum(held) FROM accounts").fetchone() == (0,)
            assert db.execute("SELECT count(*) FROM ledger").fetchone() == (4,)

    served(tmp_path, test, with_budget(budget))

    (line,) = told(caplog)
    assert line.startswith("budget route chat: 0.03 USD/day: 0.0")


def test_nobody_is_told_before_the_share_is_reached(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def test(it: Running) -> None:
        assert (await ask(it)).status_code == 200
        assert await metric(it) == []

    served(tmp_path, test, with_budget(replace(ROUTE, limit_usd=Decimal(100))))

    assert told(caplog) == []


def test_a_budget_that_only_tells_never_refuses(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    budget = Budget("all", "", Decimal("0.00001"), "day", 1.0, refuses=False)

    async def test(it: Running) -> None:
        assert [(await ask(it)).status_code for _ in range(3)] == [200] * 3

    served(tmp_path, test, with_budget(budget))

    assert len(told(caplog)) == 1


# --- Several processes, several windows -------------------------------------------------------------


def bind_at(budget: Budget, at_ms: int) -> Bind:
    [[rule]] = of_configuration([budget], []).values()
    return rule.bind(_WINDOWS, at_ms)


_WINDOWS = Windows(ZoneInfo("UTC"))
_DAY_MS = 86_400_000


async def _nothing_died(_: Orphan) -> dict[str, int]:
    raise AssertionError("nothing is to be buried here")


def processes(counters: MemoryCounters, count: int) -> list[tuple[Alerts, list[Bind]]]:
    found = []
    for _ in range(count):
        alerts, heard = Alerts(Counting(counters, lambda: 0.0, _nothing_died)), list[Bind]()
        alerts.heard = heard.append
        found.append((alerts, heard))
    return found


async def spend(counters: MemoryCounters, bind: Bind, id_: str, amount: int) -> None:
    await counters.hold(id_, Lease("a", 2**53), [Want(bind.account, amount)], "note")
    await counters.settle(id_, {bind.account.name: amount})


_STEPS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, NANO // 3)), max_size=30
)


@given(_STEPS)
def test_each_window_is_told_of_once_and_only_when_its_share_is_spent(
    steps: Sequence[tuple[int, int, int]],
) -> None:
    """Steps: which process, which day, how much was spent."""

    async def play() -> None:
        counters = MemoryCounters()
        all_, spent = processes(counters, 3), [0, 0, 0]
        for number, (process, day, amount) in enumerate(steps):
            bind = bind_at(ROUTE, day * _DAY_MS)
            if spent[day] + amount <= NANO:
                spent[day] += amount
                await spend(counters, bind, str(number), amount)
            await all_[process][0].look([bind])
            heard = [b.account.starts_ms // _DAY_MS for _, binds in all_ for b in binds]
            seen = {one for _, one, _ in steps[: number + 1]}
            assert sorted(heard) == [d for d in sorted(seen) if spent[d] >= NANO // 2]

    loop = asyncio.new_event_loop()
    try:
        logging.getLogger("designer.runtime").setLevel(logging.ERROR)
        loop.run_until_complete(play())
    finally:
        logging.getLogger("designer.runtime").setLevel(logging.NOTSET)
        loop.run_until_complete(_cancelled())
        loop.close()


async def _cancelled() -> None:
    """The pulses of the processes, which nobody closes."""
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()


def test_an_alert_that_could_not_be_counted_is_told_the_next_time() -> None:
    class Shaky(MemoryCounters):
        is_away = True

        async def used(self, account: Account) -> tuple[int, int]:
            if self.is_away:
                raise StateError("away")
            return await super().used(account)

    async def play() -> None:
        counters = Shaky()
        ((alerts, heard),) = processes(counters, 1)
        bind = bind_at(ROUTE, 0)
        await spend(counters, bind, "1", NANO)
        await alerts.look([bind])
        assert heard == []
        counters.is_away = False
        await alerts.look([bind])
        assert heard == [bind]
        await _cancelled()

    asyncio.run(play())


def test_who_dies_while_telling_leaves_no_row_behind() -> None:
    async def play() -> None:
        counters = MemoryCounters()
        own = Account("alert:x", 0, 2**53, 1)
        await counters.hold("alert:1", Lease("gone:1:x", 0), [Want(own, 1)], "")
        counting = Counting(counters, lambda: 10.0, _nothing_died)
        counting.start()
        while await counters.orphans(2**53):
            await asyncio.sleep(0)
        assert await counters.used(own) == (1, 0)
        await counting.close()

    asyncio.run(play())
