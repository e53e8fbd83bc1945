"""Keys, limits and configurations, as several real processes heed them that share one state file."""

import asyncio
import contextlib
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest
from msgspec import Struct

from runtime.state import connect
from runtime.stub import Fault, StubServer
from runtime.stub.threaded import running_stub
from tests.runtime.processes import Serve, designer, only, serve, wait_for
from tests.runtime.served import HELLO
from tests.runtime.servers import redis_server

pytestmark = pytest.mark.slow

CHAT = "/v1/chat/completions"
BODY = {"model": "chat", "messages": HELLO, "max_tokens": 50}
CONFIG = """\
model_list:
  - model_name: chat
    litellm_params: {{model: openai/gpt-5.4-nano, api_base: "{base}", api_key: os.environ/KEY}}
"""


@contextmanager
def two_workers(folder: Path) -> Iterator[Serve]:
    with running_stub(between_chunks_s=0.0) as stub:
        (folder / "config.yaml").write_text(CONFIG.format(base=stub.base_url("one")))
        with serve(folder, folder / "config.yaml", "--workers", "2") as served:
            assert len(served.workers) == 2
            yield served


@contextlib.asynccontextmanager
async def clients(served: Serve, each: int = 1) -> AsyncIterator[list[httpx.AsyncClient]]:
    """`each` connections to every worker, the workers in turn; they last while they are used."""
    async with contextlib.AsyncExitStack() as stack:
        found = []
        for _ in range(each):
            for worker in served.workers:
                with only(worker, served.workers):
                    client = httpx.AsyncClient(
                        base_url=served.url, timeout=20, limits=httpx.Limits(max_connections=1)
                    )
                    found.append(await stack.enter_async_context(client))
                    assert (await client.get("/healthz")).status_code == 200
        yield found


async def statuses(asking: Sequence[httpx.AsyncClient], key: str = "none") -> list[int]:
    """What each connection is told, one after the other."""
    headers = {"authorization": f"Bearer {key}"}
    return [(await one.post(CHAT, json=BODY, headers=headers)).status_code for one in asking]


def keys(served: Serve, *arguments: str) -> str:
    return designer("keys", *arguments, "--state", str(served.state)).strip()


def test_what_is_said_of_keys_counts_in_every_worker_as_soon_as_the_command_has_ended(
    tmp_path: Path,
) -> None:
    async def story(served: Serve) -> None:
        async with clients(served) as asking:
            assert await statuses(asking) == [200, 200]

            key = keys(served, "mint", "web", "--user", "alice", "--project", "search")
            assert await statuses(asking) == [401, 401]
            assert await statuses(asking, key) == [200, 200]

            for whose in (("key", "web"), ("user", "alice"), ("project", "search")):
                keys(served, "limit", *whose, "--budget", "0.000000001 USD/request")
                assert await statuses(asking, key) == [402, 402]
                keys(served, "limit", *whose)
                assert await statuses(asking, key) == [200, 200]

            other = keys(served, "mint", "app")
            assert await statuses(asking, other) == [200, 200]
            keys(served, "revoke", "web")
            assert await statuses(asking, key) == [401, 401]
            assert await statuses(asking, other) == [200, 200]

    with two_workers(tmp_path) as served:
        asyncio.run(story(served))


def test_a_key_that_is_revoked_under_load_opens_nothing_from_then_on(tmp_path: Path) -> None:
    async def ask(client: httpx.AsyncClient, key: str) -> list[tuple[float, int]]:
        """When each request began and what came of it, until none has been let in for long."""
        seen: list[tuple[float, int]] = []
        while [status for _, status in seen[-20:]] != [401] * 20:
            seen += zip([time.monotonic()], await statuses([client], key), strict=True)
        return seen

    async def story(served: Serve) -> None:
        key = keys(served, "mint", "web")
        async with clients(served, each=3) as asking:
            loads = asyncio.gather(*(ask(client, key) for client in asking))
            await asyncio.sleep(0.5)
            revoking_at = time.monotonic()
            await asyncio.to_thread(keys, served, "revoke", "web")
            revoked_at = time.monotonic()

            for seen in await asyncio.wait_for(loads, 20):
                assert {status for began, status in seen if began < revoking_at} == {200}
                assert {status for began, status in seen if began > revoked_at} == {401}

    with two_workers(tmp_path) as served:
        asyncio.run(story(served))


RPM, AT_ONCE, ASKED = 30, 4, 120


def minute_of(answer: httpx.Response) -> int:
    """In which minute the request began, by the clock of whoever counted it."""
    return int(answer.headers["x-designer-trace"][:12], 16) // 60_000


async def asked_at_once(asking: Sequence[httpx.AsyncClient], key: str) -> list[httpx.Response]:
    headers = {"authorization": f"Bearer {key}"}

    async def in_turn(client: httpx.AsyncClient) -> list[httpx.Response]:
        count = ASKED // len(asking)
        return [await client.post(CHAT, json=BODY, headers=headers) for _ in range(count)]

    return [answer for own in await asyncio.gather(*map(in_turn, asking)) for answer in own]


def hold_to_the_rate(answers: Sequence[httpx.Response]) -> None:
    """The minute may end meanwhile: of each in which somebody was refused all of it was used."""
    let_in = Counter(minute_of(answer) for answer in answers if answer.status_code == 200)
    refused = Counter(minute_of(answer) for answer in answers if answer.status_code == 429)

    assert let_in.total() + refused.total() == len(answers) == ASKED
    assert refused
    assert {minute: let_in[minute] for minute in refused} == dict.fromkeys(refused, RPM)
    assert max(let_in.values()) == RPM


def test_a_rate_over_two_workers_is_exact(tmp_path: Path) -> None:
    async def story(served: Serve) -> None:
        key = keys(served, "mint", "web", "--rpm", str(RPM))
        async with clients(served, each=AT_ONCE) as asking:
            hold_to_the_rate(await asked_at_once(asking, key))

    with two_workers(tmp_path) as served:
        asyncio.run(story(served))


def test_a_rate_over_three_processes_that_share_a_redis_is_exact(tmp_path: Path) -> None:
    async def story(all_: Sequence[Serve]) -> None:
        key = keys(all_[0], "mint", "web", "--rpm", str(RPM))
        async with contextlib.AsyncExitStack() as stack:
            asking = [
                client
                for served in all_
                for client in await stack.enter_async_context(clients(served, AT_ONCE))
            ]
            hold_to_the_rate(await asked_at_once(asking, key))

    (tmp_path / "redis").mkdir()
    with contextlib.ExitStack() as stack:
        limits = ("--limits", stack.enter_context(redis_server(tmp_path / "redis")))
        stub = stack.enter_context(running_stub(between_chunks_s=0.0))
        config = tmp_path / "config.yaml"
        config.write_text(CONFIG.format(base=stub.base_url("one")))
        all_ = [stack.enter_context(serve(tmp_path, config, *limits)) for _ in range(3)]
        asyncio.run(story(all_))


# --- Another configuration ------------------------------------------------------------------------

LIMITED = """\
model_list:
  - model_name: chat
    litellm_params: {{model: openai/gpt-5.4-nano, api_base: "{base}", api_key: os.environ/KEY,
      input_cost_per_token: 0.000001, output_cost_per_token: 0.000004}}
    model_info: {{id: {id}}}
litellm_settings: {{max_budget: {usd}, budget_duration: 1mo}}
"""


class Seen(Struct, frozen=True):
    began_s: float
    status: int
    served_by: str
    is_whole: bool


async def load(client: httpx.AsyncClient, seen: list[Seen], ends: asyncio.Event) -> None:
    """Asks and asks, every other time for a stream."""
    while not ends.is_set():
        began_s = time.monotonic()
        streams = len(seen) % 2 == 1
        answer = await client.post(CHAT, json={**BODY, "stream": streams})
        is_whole = "data: [DONE]" in answer.text or answer.json().keys() >= {"choices"}
        served_by = answer.headers.get("x-designer-served-by", "")
        seen.append(Seen(began_s, answer.status_code, served_by, is_whole))


def test_every_worker_goes_over_to_a_configuration_under_load_and_none_to_a_broken_one(
    tmp_path: Path,
) -> None:
    async def story(served: Serve, write: Callable[[str], None]) -> list[Seen]:
        ends = asyncio.Event()

        async def after(config: str, told: str, times: int) -> set[tuple[int, str]]:
            """What callers of all workers see once each of these has told of it."""
            write(config)
            served.process.send_signal(signal.SIGHUP)
            await asyncio.to_thread(wait_for, lambda: served.said.read_text().count(told) == times)
            at_s = time.monotonic()
            while min(sum(one.began_s > at_s for one in seen) for seen in each) < 4:
                await asyncio.sleep(0.01)
            return {(s.status, s.served_by) for seen in each for s in seen if s.began_s > at_s}

        async with clients(served, each=2) as asking, asyncio.TaskGroup() as group:
            each = [list[Seen]() for _ in asking]
            for client, seen in zip(asking, each, strict=True):
                group.create_task(load(client, seen, ends))

            assert await after(text(id="new", usd=10), "reloaded", 2) == {(200, "new")}
            broken = "is broken: the old configuration goes on"
            assert await after("model_list: [", broken, 2) == {(200, "new")}
            assert await after(text(id="new", usd="0.0001"), "reloaded", 4) == {(402, "")}
            assert await after(text(id="newer", usd=10), "reloaded", 6) == {(200, "newer")}
            ends.set()
        return [one for seen in each for one in seen]

    with running_stub(between_chunks_s=0.005) as stub:
        text = partial(LIMITED.format, base=stub.base_url("one"))
        config = tmp_path / "config.yaml"
        config.write_text(text(id="old", usd=10))
        with serve(tmp_path, config, "--workers", "2") as served:
            all_ = asyncio.run(story(served, partial(write_whole, config)))

    good = [one for one in all_ if one.status != 402]
    assert {(one.status, one.is_whole) for one in good} == {(200, True)}
    assert {one.served_by for one in good} == {"old", "new", "newer"}


def write_whole(path: Path, text: str) -> None:
    """As an editor does: readers find the old or the new, and nothing between them."""
    fresh = path.with_suffix(".fresh")
    fresh.write_text(text)
    fresh.replace(path)


# --- Nobody watches over them any more -------------------------------------------------------------


def test_workers_whose_watcher_is_killed_end_what_they_began_and_leave_the_port(
    tmp_path: Path,
) -> None:
    async def story(served: Serve, stub: StubServer) -> list[int]:
        async with httpx.AsyncClient(base_url=served.url, timeout=20) as client:
            asking = [asyncio.create_task(client.post(CHAT, json=BODY)) for _ in range(8)]
            while len(stub.received) < 8:
                await asyncio.sleep(0.01)
            served.kill()
            return [(await one).status_code for one in asking]

    with running_stub() as stub:
        stub.add_fault(Fault("latency", delay_s=1.0))
        config = tmp_path / "config.yaml"
        config.write_text(LIMITED.format(base=stub.base_url("one"), id="one", usd=10))
        with serve(tmp_path, config, "--workers", "2") as served:
            port, workers = int(served.url.rpartition(":")[2]), served.workers
            assert asyncio.run(story(served, stub)) == [200] * 8
        with serve(tmp_path, config, "--workers", "2", port=port) as again:
            answer = httpx.post(again.url + CHAT, json=BODY, timeout=20)
            with closing(connect(again.state)) as db:
                booked = db.execute("SELECT count(*), sum(is_estimated) FROM ledger").fetchone()
                held = db.execute("SELECT sum(held) FROM accounts").fetchone()

    assert answer.status_code == 200
    assert (booked, held) == ((9, 0), (0,))
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))
