"""Whatever fails, whoever leaves: the ledger is what the provider billed, and no budget is exceeded.

The stub keeps an account of its own, and bills whatever it began to work at.
"""

import asyncio
import contextlib
import os
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
from msgspec import Struct
from msgspec.structs import replace

from designer.conform.processes import free_port
from designer.engine.call import Program
from designer.engine.events import Usage
from designer.gateways.reference import REFERENCE
from designer.ir import (
    ANY,
    Budget,
    Chain,
    Deployment,
    RateLimit,
    Retry,
    Route,
    Routing,
    Rung,
    Target,
)
from runtime.books import Books, Priced, terms_of
from runtime.ledger import cost_nano_usd
from runtime.serve import labels, running, stub_endpoints
from runtime.state import connect
from runtime.state.base import Counters
from runtime.state.memory import MemoryCounters
from runtime.state.redis import RedisCounters
from runtime.stub import Fault, StubServer
from tests.runtime.served import CATALOG, HELLO
from tests.runtime.servers import redis_server
from tests.runtime.test_robust import _process

REQUESTS = int(os.environ.get("MONEY_REQUESTS", "2000"))
AT_ONCE = 200
DEAR, CHEAP = "chat/dear/gpt", "chat/cheap/gpt"
OFFERINGS = {
    DEAR: CATALOG.matching("openai/gpt-5.4-mini@global")[0],
    CHEAP: CATALOG.matching("openai/gpt-5.4-nano@global")[0],
}
PRICED = {
    id_: Priced(o.provider, o.model, o.price, "d", terms_of(o, False))
    for id_, o in OFFERINGS.items()
}
FAULTS = (
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


def _routing(limit_usd: Decimal) -> Routing:
    deployments = tuple(
        Deployment(id_, o.provider, o.model, timeout_s=5.0, first_token_s=2.0)
        for id_, o in OFFERINGS.items()
    )
    chain = Chain((Rung(Retry(Target(DEAR), 1)), Rung(Retry(Target(CHEAP), 1), ANY)))
    return Routing(
        (Route("chat", chain, deadline_s=20, attempts_limit=4),),
        deployments,
        budgets=(
            Budget("all", "", limit_usd, "year"),
            Budget("route", "chat", limit_usd * 2, "year"),
            Budget("deployment", DEAR, limit_usd / 2, "year"),
        ),
        rate_limits=(RateLimit("route", "chat", tpm=3_000_000),),
    )


class _Fleet(Struct):
    """Several gateways that share what they count, in front of one provider."""

    urls: list[str]
    stub: StubServer
    folders: list[Path]
    counters: Counters
    """Beside theirs, to look at what they count."""
    books: list[Books]


@contextlib.asynccontextmanager
async def _fleet(
    tmp_path: Path, size: int, limit_usd: Decimal, url: str | None, in_memory: bool = False
) -> AsyncIterator[_Fleet]:
    """With a `url` each on a state file of its own, as on several hosts; else on one file."""
    routing = _routing(limit_usd)
    semantics = replace(REFERENCE, backoff=replace(REFERENCE.backoff, base_s=0.02, jitter_s=0.01))
    program = Program(routing, semantics)
    kept = MemoryCounters()
    async with contextlib.AsyncExitStack() as stack:
        stub = StubServer(FAULTS, labels(routing), keep=1_000_000, between_chunks_s=0.002)
        await stack.enter_async_context(stub)
        found = stub_endpoints(routing, CATALOG, stub)
        folders = [tmp_path / str(n if url else 0) for n in range(size)]
        services, books = [], []
        for folder in folders:
            folder.mkdir(exist_ok=True)
            counters = kept if in_memory else RedisCounters(url) if url else None
            books.append(Books(folder / "state.sqlite", PRICED, counters=counters))
            services.append(
                await stack.enter_async_context(running(program, found, books[-1], stub=stub))
            )
        watching = books[0]._counting._counters
        yield _Fleet([s.url for s in services], stub, folders, watching, books)


async def _ask(
    session: aiohttp.ClientSession, url: str, user: str, chance: random.Random
) -> int | None:
    """The status; None for a client that left."""
    streams, leaves = chance.random() < 0.4, chance.random() < 0.15
    body = {"model": "chat", "messages": HELLO, "user": user, "stream": streams}
    if chance.random() < 0.7:
        body["max_tokens"] = chance.randint(5, 400)
    timeout = aiohttp.ClientTimeout(chance.uniform(0.005, 0.3) if leaves else 60)
    try:
        async with session.post(f"{url}/v1/chat/completions", json=body, timeout=timeout) as answer:
            await answer.read()
            return answer.status
    except (TimeoutError, aiohttp.ClientError):
        return None


class _Watch(Struct):
    """The most that was ever spent and held together, by account."""

    caps: dict[str, int]
    most: dict[str, int]
    looks: int = 0

    async def look(self, fleet: _Fleet) -> None:
        while True:
            for rule in (r for rules in fleet.books[0]._configured.values() for r in rules):
                bind = rule.bind(fleet.books[0]._windows, round(fleet.books[0]._counting._now_ms()))
                spent, held = await fleet.counters.used(bind.account)
                name = bind.account.name
                self.caps[name] = bind.account.cap
                self.most[name] = max(self.most.get(name, 0), spent + held)
            self.looks += 1
            await asyncio.sleep(0.02)


async def _play(fleet: _Fleet, count: int) -> tuple[list[int | None], _Watch]:
    chance, gate = random.Random(7), asyncio.Semaphore(AT_ONCE)
    watch = _Watch({}, {})
    watching = asyncio.create_task(watch.look(fleet))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def one(n: int) -> int | None:
            async with gate:
                return await _ask(session, fleet.urls[n % len(fleet.urls)], f"u{n}", chance)

        statuses = await asyncio.gather(*(one(n) for n in range(count)))
    await _settled(fleet)
    watching.cancel()
    return statuses, watch


async def _settled(fleet: _Fleet) -> None:
    async with asyncio.timeout(60):
        while await fleet.counters.orphans(2**53):
            await asyncio.sleep(0.1)


def _rows(folders: Sequence[Path]) -> dict[str, dict[str, Any]]:
    """By user, of all state files."""
    found = {}
    for folder in set(folders):
        with closing(connect(folder / "state.sqlite")) as db:
            rows = db.execute("SELECT user, status, is_estimated, cost_nano_usd FROM ledger")
            for user, status, is_estimated, cost in rows:
                assert user not in found
                found[user] = {"status": status, "estimated": is_estimated, "cost": cost}
    return found


def _billed(stub: StubServer) -> Mapping[str, int]:
    """By user, in nano-dollars."""
    found: dict[str, int] = defaultdict(int)
    for bill in stub.bills:
        usage = Usage(bill.prompt_tokens, bill.completion_tokens)
        found[bill.user] += cost_nano_usd(OFFERINGS[bill.deployment].price, usage)
    return found


async def _hold_to_the_laws(fleet: _Fleet, count: int) -> None:
    statuses, watch = await _play(fleet, count)
    rows, billed = _rows(fleet.folders), _billed(fleet.stub)
    spent = sum(row["cost"] for row in rows.values())

    assert set(billed) <= set(rows), "somebody was billed and is not in the ledger"
    for user, row in rows.items():
        if row["estimated"]:
            assert row["cost"] >= billed.get(user, 0)
        else:
            assert row["cost"] == billed.get(user, 0)
    assert watch.looks > 5
    assert all(most <= watch.caps[name] for name, most in watch.most.items()), watch
    by_name = {name: most for name, most in watch.most.items() if "all:" in name}
    assert spent <= watch.caps["all::usd/year"]
    estimated = sum(row["estimated"] for row in rows.values())
    print(
        f"{count} requests, {len(fleet.urls)} gateways: {len(rows)} rows, {estimated} estimated, "
        f"billed {sum(billed.values())}, booked {spent} nano-USD, {statuses.count(402)} refused, "
        f"{statuses.count(None)} left, most {by_name}"
    )
    assert statuses.count(200) > count / 10
    assert statuses.count(402) > 0
    assert statuses.count(None) > 0
    assert estimated > 0


LIMIT_USD = Decimal("0.00035") * REQUESTS


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "size"), [("memory", 1), ("sqlite", 1), ("sqlite", 2), ("redis", 3)]
)
def test_the_ledger_is_what_was_billed_and_no_budget_is_exceeded(
    tmp_path: Path, kind: str, size: int
) -> None:
    async def story(url: str | None) -> None:
        async with _fleet(tmp_path, size, LIMIT_USD, url, kind == "memory") as fleet:
            await _hold_to_the_laws(fleet, REQUESTS)

    if kind == "redis":
        (tmp_path / "redis").mkdir()
        with redis_server(tmp_path / "redis") as url:
            asyncio.run(story(url))
    else:
        asyncio.run(story(None))


# --- The process dies -----------------------------------------------------------------------------

CONFIG = """\
model_list:
  - model_name: chat
    litellm_params: {{model: openai/gpt-5.4-nano, api_base: "{base}", api_key: os.environ/KEY,
      input_cost_per_token: 0.000001, output_cost_per_token: 0.000004}}
litellm_settings: {{max_budget: 10.0, budget_duration: 1mo}}
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_a_killed_process_leaks_no_budget_and_what_it_held_is_booked(
    tmp_path: Path, kind: str
) -> None:
    from runtime.stub.threaded import running_stub

    port, body = free_port(), {"model": "chat", "messages": HELLO, "max_tokens": 500}
    with contextlib.ExitStack() as stack:
        more: tuple[str, ...] = ()
        if kind == "redis":
            (tmp_path / "redis").mkdir()
            more = ("--limits", stack.enter_context(redis_server(tmp_path / "redis")))
        stub = stack.enter_context(running_stub())
        (tmp_path / "config.yaml").write_text(CONFIG.format(base=stub.base_url("one")))

        async def load(process: Any) -> None:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
                answers = [client.post("/v1/chat/completions", json=body) for _ in range(5)]
                assert [a.status_code for a in await asyncio.gather(*answers)] == [200] * 5
                stub.add_fault(Fault("latency", delay_s=15))
                asking = [
                    asyncio.create_task(client.post("/v1/chat/completions", json=body))
                    for _ in range(7)
                ]
                while len(stub.received) < 12:
                    await asyncio.sleep(0.02)
                process.kill()
                await asyncio.gather(*asking, return_exceptions=True)

        with _process(tmp_path, port, *more) as (process, _):
            asyncio.run(load(process))
        stub.faults.clear()
        with _process(tmp_path, port, *more):
            rows = _until_booked(tmp_path / "state.sqlite", 12)
            if kind == "sqlite":
                assert _until_settled(tmp_path / "state.sqlite") == sum(cost for cost, _ in rows)

    good = [cost for cost, is_estimated in rows if not is_estimated]
    lost = [cost for cost, is_estimated in rows if is_estimated]
    assert (len(good), len(lost)) == (5, 7)
    assert min(lost) > max(good)


def _until_settled(state: Path) -> int:
    """What is spent, once nothing is held."""
    ends_at = time.monotonic() + 30
    while time.monotonic() < ends_at:
        with closing(connect(state)) as db:
            ((spent, held),) = db.execute("SELECT spent, held FROM accounts").fetchall()
        if not held:
            return int(spent)
        time.sleep(0.05)
    pytest.fail(f"{held} are held still")


def _until_booked(state: Path, count: int) -> list[tuple[int, int]]:
    ends_at = time.monotonic() + 30
    while time.monotonic() < ends_at:
        with closing(connect(state)) as db:
            rows = db.execute("SELECT cost_nano_usd, is_estimated FROM ledger").fetchall()
        if len(rows) >= count:
            return rows
        time.sleep(0.05)
    pytest.fail(f"only {rows} were booked")
