"""Keys and limits, as several real processes hold them that share one state file."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from runtime.stub.threaded import running_stub
from tests.runtime.processes import Serve, designer, only, serve
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
