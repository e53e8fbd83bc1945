"""The laws of money, held by real `designer serve` processes, some of which are killed meanwhile.

Two workers on one state file; three processes, each with a state file of its own, on one Redis. The
provider is the stub, whose own account is what has to be booked. 300 requests each time;
`BOOKS=10000 pytest tests/runtime/test_money_of_processes.py` for more.
"""

import asyncio
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Final, Protocol

import aiohttp
import httpx
import pytest
import redis
from msgspec import Struct, field

from runtime.ledger import usd_text
from runtime.state import connect
from runtime.stub import Fault, StubServer
from runtime.stub.threaded import running_stub
from tests.runtime.processes import Serve, designer, serve
from tests.runtime.served import HELLO
from tests.runtime.servers import redis_server

pytestmark = pytest.mark.slow

REQUESTS: Final = int(os.environ.get("BOOKS", "300"))
AT_ONCE: Final = 60
LIMIT_USD: Final = Decimal("0.0002") * REQUESTS
NANO_USD: Final = {"dear": (1_000, 4_000), "cheap": (200, 800)}
"""A token in, a token out, as CONFIG has it."""
CONFIG: Final = """\
model_list:
  - model_name: chat
    litellm_params: {{model: openai/gpt-5.4-mini, api_base: "{dear}", api_key: os.environ/KEY, order: 1, timeout: 5,
      input_cost_per_token: 0.000001, output_cost_per_token: 0.000004, max_budget: {half}, budget_duration: 1mo}}
    model_info: {{id: dear}}
  - model_name: chat
    litellm_params: {{model: openai/gpt-5.4-nano, api_base: "{cheap}", api_key: os.environ/KEY, order: 2, timeout: 5,
      input_cost_per_token: 0.0000002, output_cost_per_token: 0.0000008}}
    model_info: {{id: cheap}}
router_settings: {{num_retries: 1}}
litellm_settings: {{max_budget: {limit}, budget_duration: 1mo}}
"""
FAULTS: Final = (
    Fault("reset", share=0.06),
    Fault("malformed", share=0.06),
    Fault("empty", share=0.03),
    Fault("cut_stream", share=0.1),
    Fault("stream_error", share=0.05, after_chunks=1),
    Fault("no_done", share=0.05),
    Fault("http", status=503, share=0.08),
    Fault("content_policy", share=0.03),
    Fault("latency", share=0.1, delay_s=0.3),
)


# --- What is counted, seen from outside -----------------------------------------------------------


class Account(Struct, frozen=True):
    name: str
    spent: int
    held: int


class Count(Protocol):
    def accounts(self) -> Sequence[Account]: ...

    def owners(self) -> set[int]:
        """The pids of those that have counted something."""
        ...


class InFile(Struct):
    db: sqlite3.Connection

    def accounts(self) -> Sequence[Account]:
        rows = self.db.execute("SELECT name, spent, held FROM accounts")
        return [Account(*row) for row in rows]

    def owners(self) -> set[int]:
        return {pid_of(owner) for (owner,) in self.db.execute("SELECT owner FROM leases")}


class InRedis(Struct):
    server: "redis.Redis"

    def accounts(self) -> Sequence[Account]:
        found = []
        for key in self.server.scan_iter("designer:account:*"):
            spent, held = self.server.hmget(key, ["spent", "held"])
            name = key.decode().removeprefix("designer:account:").rpartition("@")[0]
            found.append(Account(name, int(spent or 0), int(held or 0)))
        return found

    def owners(self) -> set[int]:
        return {pid_of(one.decode()) for one in self.server.zrange("designer:leases", 0, -1)}


def pid_of(owner: str) -> int:
    return int(owner.split(":")[-2])


# --- Who serves -----------------------------------------------------------------------------------


class Fleet(Struct):
    """Several processes that count together, in front of one provider."""

    stub: StubServer
    serves: list[Serve]
    count: Count
    keys: list[str]
    """The second may spend little."""
    caps: dict[str, int]
    """Of every account, in nano-dollars."""
    kill: Callable[[int], Awaitable[float]]
    """One of them, by its number; after how many seconds another one was in its place."""


@contextmanager
def workers(folder: Path) -> Iterator[Fleet]:
    """Two, on one file."""
    with provider(folder) as (stub, config), closing(connect(folder / "state.sqlite")) as db:
        keys, caps = mint(folder)
        count = InFile(db)
        with serve(folder, config, "--workers", "2") as served:

            async def kill(number: int) -> float:
                pids, began = served.workers, time.monotonic()
                os.kill(pids[number % 2], signal.SIGKILL)
                await until(
                    lambda: not (set(served.workers) - set(pids)).isdisjoint(count.owners())
                )
                return time.monotonic() - began

            yield Fleet(stub, [served], count, keys, caps, kill)


@contextmanager
def hosts(folder: Path) -> Iterator[Fleet]:
    """Three, each on a file of its own, as on three hosts, that count in one Redis."""
    with ExitStack() as stack:
        stub, config = stack.enter_context(provider(folder))
        keys, caps = mint(folder)
        (folder / "redis").mkdir()
        url = stack.enter_context(redis_server(folder / "redis"))
        server = stack.enter_context(redis.Redis.from_url(url))
        serves = []
        for number in range(3):
            (folder / str(number)).mkdir()
            shutil.copy(folder / "state.sqlite", folder / str(number))
            own = serve(folder / str(number), config, "--limits", url)
            serves.append(stack.enter_context(own))

        async def kill(number: int) -> float:
            port = int(serves[number].url.rpartition(":")[2])
            serves[number].kill()
            again = serve(folder / str(number), config, "--limits", url, port=port)
            serves[number] = await asyncio.to_thread(stack.enter_context, again)
            return serves[number].ready_s

        yield Fleet(stub, serves, InRedis(server), keys, caps, kill)


@contextmanager
def provider(folder: Path) -> Iterator[tuple[StubServer, Path]]:
    """And the configuration that leads to it."""
    with running_stub(between_chunks_s=0.002, keep=1_000_000) as stub:
        for fault in FAULTS:
            stub.add_fault(fault)
        bases = {id_: stub.base_url(id_) for id_ in NANO_USD}
        config = folder / "config.yaml"
        config.write_text(CONFIG.format(limit=LIMIT_USD, half=LIMIT_USD / 2, **bases))
        yield stub, config


def mint(folder: Path) -> tuple[list[str], dict[str, int]]:
    """Two keys, and the cap of every account that there can be."""
    state, small_usd = ("--state", str(folder / "state.sqlite")), LIMIT_USD / 10
    large = json.loads(designer("keys", "mint", "large", "--format", "json", *state))
    small = json.loads(
        designer(
            *("keys", "mint", "small", "--budget", f"{small_usd:f} USD/month"),
            *("--format", "json", *state),
        )
    )
    caps = {"all::usd/month": LIMIT_USD, "deployment:dear:usd/month": LIMIT_USD / 2}
    caps[f"key:{small['id']}:usd/month"] = small_usd
    return [large["key"], small["key"]], {n: int(usd * 10**9) for n, usd in caps.items()}


# --- Who asks -------------------------------------------------------------------------------------


class Told(Struct, frozen=True):
    """An answer that a client has read to its end."""

    status: int
    trace: str
    cost_usd: str


_TOLD: Final = re.compile(rb"x-designer-cost-usd=(\S+)")


async def ask(
    session: aiohttp.ClientSession, url: str, key: str, user: str, chance: random.Random
) -> Told | None:
    """None for a client that left, or was left."""
    streams, leaves = chance.random() < 0.4, chance.random() < 0.1
    body = {"model": "chat", "messages": HELLO, "user": user, "stream": streams}
    body["max_tokens"] = chance.randint(5, 400)
    timeout = aiohttp.ClientTimeout(chance.uniform(0.005, 0.3) if leaves else 60)
    headers = {"authorization": f"Bearer {key}"}
    try:
        async with session.post(
            f"{url}/v1/chat/completions", json=body, timeout=timeout, headers=headers
        ) as answer:
            said = _TOLD.search(await answer.read())
            cost = said[1].decode() if said else answer.headers.get("x-designer-cost-usd", "")
            return Told(answer.status, answer.headers.get("x-designer-trace", ""), cost)
    except (TimeoutError, aiohttp.ClientError):
        return None


async def until(holds: Callable[[], bool], within_s: float = 30.0) -> None:
    async with asyncio.timeout(within_s):
        while not holds():
            await asyncio.sleep(0.01)


class Watch(Struct):
    """The most that was ever spent and held together, by account, and who counted."""

    most: dict[str, int] = field(default_factory=dict)
    owners: set[int] = field(default_factory=set)
    looks: int = 0

    async def look(self, count: Count) -> None:
        while True:
            for account in count.accounts():
                used = account.spent + account.held
                self.most[account.name] = max(self.most.get(account.name, 0), used)
            self.owners |= count.owners()
            self.looks += 1
            await asyncio.sleep(0.02)


class Played(Struct):
    told: list[Told | None]
    watch: Watch
    back_s: list[float]
    """After each kill, how long it took until somebody was in its place, while the others worked."""


async def play(fleet: Fleet, kills: Mapping[int, int]) -> Played:
    """`kills` says at which request which process dies."""
    chance, gate, watch = random.Random(7), asyncio.Semaphore(AT_ONCE), Watch()
    watching = asyncio.create_task(watch.look(fleet.count))
    killing: list[asyncio.Task[float]] = []
    one_at_a_time = asyncio.Lock()

    async def kill(number: int) -> float:
        """Once the one before is replaced: who takes whose place is known only then."""
        async with one_at_a_time:
            return await fleet.kill(number)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def one(n: int) -> Told | None:
            async with gate:
                if n in kills:
                    killing.append(asyncio.ensure_future(kill(kills[n])))
                url = fleet.serves[n % len(fleet.serves)].url
                key = fleet.keys[chance.random() < 0.2]
                return await ask(session, url, key, f"u{n}", chance)

        told = await asyncio.gather(*(one(n) for n in range(REQUESTS)))
        back_s = list(await asyncio.gather(*killing))
    await until(lambda: not any(account.held for account in fleet.count.accounts()))
    watching.cancel()
    watch.owners |= fleet.count.owners()
    return Played(told, watch, back_s)


# --- What has to come of it -----------------------------------------------------------------------


class Booked(Struct, frozen=True):
    request_id: str
    user: str
    is_estimated: bool
    cost: int
    has_died: bool
    """Whether the process ended before its request did, and another one has booked that."""


_ROWS: Final = """
    SELECT request_id, user, is_estimated, cost_nano_usd, EXISTS (
        SELECT 1 FROM attempts WHERE request_id = l.request_id AND outcome = 'process_ended'
    ) FROM ledger AS l
"""


def ledger(fleet: Fleet) -> dict[str, Booked]:
    """By request, of all state files: no request is in two of them."""
    rows: list[Booked] = []
    for served in fleet.serves:
        with closing(connect(served.state)) as db:
            rows += [Booked(*row) for row in db.execute(_ROWS)]
    found = {row.request_id: row for row in rows}
    assert len(found) == len(rows)
    return found


def billed(stub: StubServer) -> dict[str, int]:
    """By user, in nano-dollars."""
    found: dict[str, int] = defaultdict(int)
    for bill in stub.bills:
        into, out = NANO_USD[bill.deployment]
        found[bill.user] += bill.prompt_tokens * into + bill.completion_tokens * out
    return found


def hold_to_the_laws(fleet: Fleet, played: Played) -> None:
    rows, bills, watch = ledger(fleet), billed(fleet.stub), played.watch
    died = [row.cost for row in rows.values() if row.has_died]
    booked = sum(row.cost for row in rows.values())
    print(
        f"{REQUESTS} requests: {len(rows)} rows, {sum(r.is_estimated for r in rows.values())} "
        f"estimated, {len(died)} of processes that died; billed {sum(bills.values())}, booked "
        f"{booked} nano-USD; told {Counter(t and t.status for t in played.told)}; back after "
        f"{played.back_s} s; {len(watch.owners)} counted; {watch.looks} looks, at most "
        f"{watch.most} of {fleet.caps}"
    )

    for told in filter(None, played.told):
        assert usd_text(rows[told.trace].cost) == told.cost_usd, "told, and not booked as that"
    of_user = {row.user: row for row in rows.values() if not row.has_died}
    assert len(of_user) + len(died) == len(rows)
    for user, row in of_user.items():
        if row.is_estimated:
            assert row.cost >= bills.get(user, 0)
        else:
            assert row.cost == bills.get(user, 0)
    # A row of a process that died names nobody: the dearest of them has to pay the dearest bill.
    unpaid = sorted((bill for user, bill in bills.items() if user not in of_user), reverse=True)
    assert len(unpaid) <= len(died), "somebody was billed and is not in the ledger"
    assert all(cost >= bill for cost, bill in zip(sorted(died, reverse=True), unpaid, strict=False))

    assert watch.looks > 5
    assert watch.most.keys() == fleet.caps.keys()
    assert all(most <= fleet.caps[name] for name, most in watch.most.items())
    (all_,) = (one for one in fleet.count.accounts() if one.name.startswith("all:"))
    assert (all_.spent, all_.held) == (booked, 0)


def hold_to_the_story(fleet: Fleet, played: Played) -> None:
    """That what can go wrong has been there, so that the laws had something to hold."""
    told = Counter(one.status for one in played.told if one is not None)
    assert told[200] > REQUESTS / 10
    assert told[402] > 0
    assert None in played.told


KINDS = {"two workers on SQLite": workers, "three processes on Redis": hosts}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("is_killed", [False, True], ids=["", "killed"])
def test_the_ledger_is_what_was_billed_and_no_budget_is_exceeded(
    tmp_path: Path, kind: str, is_killed: bool
) -> None:
    kills = {REQUESTS // 3: 0, REQUESTS * 2 // 3: 1} if is_killed else {}
    with KINDS[kind](tmp_path) as fleet:
        played = asyncio.run(play(fleet, kills))
        hold_to_the_laws(fleet, played)
        hold_to_the_story(fleet, played)
        assert len(played.watch.owners) == (2 if kind.startswith("two") else 3) + len(kills)
        if is_killed:
            assert min(asyncio.run(fleet.kill(number)) for number in (0, 1, 0)) < 2.0


def test_what_a_host_held_that_never_comes_back_is_booked_by_another_after_its_lease(
    tmp_path: Path,
) -> None:
    async def story(fleet: Fleet) -> list[int]:
        fleet.stub.faults.clear()
        fleet.stub.add_fault(Fault("latency", delay_s=2.0))
        headers = {"authorization": f"Bearer {fleet.keys[0]}"}
        body = {"model": "chat", "messages": HELLO, "max_tokens": 50}
        async with httpx.AsyncClient(timeout=20, headers=headers) as client:
            urls = [f"{served.url}/v1/chat/completions" for served in fleet.serves for _ in "1234"]
            asking = [asyncio.create_task(client.post(url, json=body)) for url in urls]
            await until(lambda: len(fleet.stub.received) == 12)
            fleet.serves[0].kill()
            said = await asyncio.gather(*asking, return_exceptions=True)
        await until(lambda: not any(one.held for one in fleet.count.accounts()), within_s=60)
        return [one.status_code for one in said if isinstance(one, httpx.Response)]

    with hosts(tmp_path) as fleet:
        assert asyncio.run(story(fleet)) == [200] * 8
        rows = ledger(fleet)
        (all_,) = (one for one in fleet.count.accounts() if one.name.startswith("all:"))

    died = [row.cost for row in rows.values() if row.has_died]
    good = {row.cost for row in rows.values() if not row.has_died}
    assert (len(rows), len(died), len(good)) == (12, 4, 1)
    assert min(died) > max(good)
    assert all_.spent == sum(row.cost for row in rows.values())
