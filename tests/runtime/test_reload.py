"""A running runtime goes over to another configuration, and ends, while it is being asked."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from designer.conform.processes import free_port
from designer.engine.call import Program
from designer.gateways.reference import REFERENCE
from designer.ir import Budget, Cache, Chain, RateLimit, Rung, Target
from runtime.ledger import usd_text
from runtime.reload import drain, mark, renew
from runtime.state import connect
from runtime.stub import Fault
from runtime.stub.threaded import running_stub
from tests.runtime.served import FIRST, HELLO, SECOND, Running, served, two_deployments

CHAT = "/v1/chat/completions"
BODY: dict[str, Any] = {"model": "chat", "messages": HELLO}
CONFIG = """\
model_list:
  - model_name: chat
    litellm_params: {{model: openai/gpt-5.4, api_base: "{base}", api_key: os.environ/KEY}}
    model_info: {{id: "{id}"}}
"""


# --- In one process -------------------------------------------------------------------------------


async def renewed(it: Running, program: Program) -> None:
    app = it.service.app
    await renew(app, program, app.driver.endpoints, app.books.deployments)


async def post(it: Running, **more: Any) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.post(it.service.url + CHAT, json=BODY | more)


async def began(it: Running) -> asyncio.Task[httpx.Response]:
    """A stream that has reached its provider."""
    asking = asyncio.create_task(post(it, stream=True))
    while not it.stub.received:
        await asyncio.sleep(0.01)
    return asking


def second_first() -> Program:
    routing = two_deployments()
    chain = Chain((Rung(Target(SECOND)), Rung(Target(FIRST))))
    chat = replace(routing.routes[0], node=chain)
    return Program(replace(routing, routes=(chat, routing.routes[1])), REFERENCE)


def test_the_next_request_goes_by_the_new_configuration(tmp_path: Path) -> None:
    async def test(it: Running) -> None:
        assert (await post(it)).headers["x-designer-served-by"] == FIRST
        await renewed(it, second_first())
        assert (await post(it)).headers["x-designer-served-by"] == SECOND

    served(tmp_path, test)


def test_a_stream_in_flight_ends_as_it_began(tmp_path: Path) -> None:
    async def test(it: Running) -> None:
        it.stub.add_fault(Fault("slow_first_token", deployment=FIRST, delay_s=0.3))
        asking = await began(it)
        await renewed(it, second_first())
        answer = await asking

        assert answer.headers["x-designer-served-by"] == FIRST
        assert "[DONE]" in answer.text
        assert it.rows()[0]["cost_nano_usd"] > 0

    served(tmp_path, test)


def test_kept_answers_outlive_a_reload_that_does_not_concern_them(tmp_path: Path) -> None:
    cached = replace(two_deployments(), caches=(Cache("exact", 60.0),))
    longer = replace(cached, caches=(Cache("exact", 90.0),))

    async def test(it: Running) -> None:
        await post(it)
        await renewed(it, Program(longer, REFERENCE))
        assert (await post(it)).headers["x-designer-cache"] == "hit"
        other = second_first().routing
        await renewed(it, Program(replace(other, caches=cached.caches), REFERENCE))
        assert (await post(it)).headers["x-designer-cache"] == "miss"

    served(tmp_path, test, cached)


def limited(usd: str, *limits: RateLimit) -> Program:
    budget = Budget("route", "chat", Decimal(usd), "year")
    return Program(replace(two_deployments(), budgets=(budget,), rate_limits=limits), REFERENCE)


def spent_and_held(it: Running) -> tuple[int, int]:
    with closing(connect(it.state)) as db:
        rows = db.execute("SELECT spent, held FROM accounts WHERE name = 'route:chat:usd/year'")
        (found,) = rows.fetchall()
        return int(found[0]), int(found[1])


def test_the_new_limits_bind_and_what_was_spent_stays_spent(tmp_path: Path) -> None:
    async def test(it: Running) -> None:
        assert (await post(it, max_tokens=50)).status_code == 200
        spent, _ = spent_and_held(it)

        await renewed(it, limited("0.0008"))
        refused = await post(it, max_tokens=50)
        assert refused.status_code == 402
        said = refused.json()["error"]["message"]
        assert said.startswith("route chat: 0.0008 USD/year: ")
        assert f"{usd_text(spent)} USD used" in said

        await renewed(it, limited("1", RateLimit("route", "chat", rpm=1)))
        assert [(await post(it, max_tokens=50)).status_code for _ in range(2)] == [200, 429]
        assert spent_and_held(it)[0] > spent

    at_s = 1_800_000_003.0
    served(tmp_path, test, limited("1").routing, wall_clock=lambda: at_s)


def test_what_one_request_may_cost_is_renewed_too(tmp_path: Path) -> None:
    async def test(it: Running) -> None:
        app = it.service.app
        for most, status in ((Decimal("0.0001"), 402), (None, 200)):
            endpoints, known = app.driver.endpoints, app.books.deployments
            await renew(app, app.driver.program, endpoints, known, most)
            assert (await post(it, max_tokens=50)).status_code == status

    served(tmp_path, test)


def test_a_deployment_that_is_gone_is_still_settled(tmp_path: Path) -> None:
    async def test(it: Running) -> None:
        it.stub.add_fault(Fault("slow_first_token", deployment=FIRST, delay_s=0.3))
        asking = await began(it)
        app, whole = it.service.app, limited("100").routing
        chat = replace(whole.routes[0], node=Target(SECOND))
        left = tuple(d for d in whole.deployments if d.id != FIRST)
        without = Program(
            replace(whole, routes=(chat, whole.routes[1]), deployments=left), REFERENCE
        )
        found = {id_: one for id_, one in app.driver.endpoints.items() if id_ != FIRST}
        known = {id_: one for id_, one in app.books.deployments.items() if id_ != FIRST}
        await renew(app, without, found, known)
        answer = await asking

        assert answer.headers["x-designer-served-by"] == FIRST
        (row,) = it.rows()
        assert (row["deployment"], row["is_estimated"]) == (FIRST, 0)
        assert spent_and_held(it) == (row["cost_nano_usd"], 0)
        assert row["cost_nano_usd"] > 0
        assert (await post(it, max_tokens=50)).headers["x-designer-served-by"] == SECOND

    served(tmp_path, test, limited("100").routing)


def test_what_is_about_to_stop_is_not_ready_and_ends_what_it_began(tmp_path: Path) -> None:
    async def test(it: Running) -> None:
        it.stub.add_fault(Fault("slow_first_token", deployment=FIRST, delay_s=0.3))
        asking = await began(it)
        assert not await drain(it.service.app, 0.05)
        async with httpx.AsyncClient() as client:
            ready = await client.get(f"{it.service.url}/readyz")
            alive = await client.get(f"{it.service.url}/healthz")
        assert (ready.status_code, alive.status_code) == (503, 200)
        assert "about to stop" in ready.text
        assert await drain(it.service.app, 5.0)
        assert "[DONE]" in (await asking).text

    served(tmp_path, test)


def test_a_folder_is_marked_by_all_its_files_and_a_file_by_what_is_read_with_it(
    tmp_path: Path,
) -> None:
    config, teams, ledger = (tmp_path / n for n in ("config.yaml", "teams.json", "state.sqlite"))
    config.write_text("a")
    marks = [mark(tmp_path), mark(config)]
    teams.write_text("{}")
    assert [mark(tmp_path), mark(config)] != marks
    before = mark(config)
    ledger.write_text("x")
    assert mark(config) == before != (config.write_text("ab"), mark(config))[1]
    assert mark(tmp_path / "nowhere" / "x") == ()


# --- Real processes -------------------------------------------------------------------------------


@contextlib.contextmanager
def serving(folder: Path, port: int, *more: str) -> Iterator[subprocess.Popen[bytes]]:
    """What it says on standard error is in the folder's `said`."""
    command = [sys.executable, "-m", "designer", "serve", str(folder / "config.yaml")]
    options = ["--port", str(port), "--state", str(folder / "state.sqlite"), *more]
    env = {"KEY": "k", "PATH": "/usr/bin"}
    with (
        (folder / "said").open("wb") as said,
        subprocess.Popen([*command, *options], env=env, stderr=said, stdout=said) as process,
    ):
        try:
            wait_for(lambda: _is_ready(port))
            yield process
        finally:
            process.kill()


def _is_ready(port: int) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
    return False


def wait_for(holds: Any, within_s: float = 30.0) -> None:
    ends_at = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < ends_at
        time.sleep(0.02)


@contextlib.asynccontextmanager
async def load(port: int, answers: list[httpx.Response]) -> AsyncIterator[None]:
    """Four clients that ask and ask, every other time for a stream."""
    going = True

    async def one(client: httpx.AsyncClient) -> None:
        while going:
            answers.append(await client.post(CHAT, json=BODY))
            answers.append(await client.post(CHAT, json={**BODY, "stream": True}))

    async with (
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
        asyncio.TaskGroup() as group,
    ):
        for _ in range(4):
            group.create_task(one(client))
        try:
            yield
        finally:
            going = False


def is_good(answer: httpx.Response) -> bool:
    stream = "event-stream" in answer.headers["content-type"]
    return answer.status_code == 200 and (not stream or "data: [DONE]" in answer.text)


def config(folder: Path, base: str, id_: str) -> None:
    """Written as an editor does: whole, or not at all."""
    fresh = folder / "fresh"
    fresh.write_text(CONFIG.format(base=base, id=id_))
    fresh.replace(folder / "config.yaml")


def said(folder: Path) -> str:
    return (folder / "said").read_text()


RELOADS = 20


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_no_request_fails_over_twenty_reloads_under_load(tmp_path: Path, workers: int) -> None:
    port, answers = free_port(), list[httpx.Response]()

    async def reload_under_load(process: subprocess.Popen[bytes], base: str) -> None:
        async with load(port, answers):
            for number in range(1, RELOADS + 1):
                config(tmp_path, base, f"d{number}")
                process.send_signal(signal.SIGHUP)
                told, asked = number * workers, len(answers) + 8
                await asyncio.to_thread(
                    wait_for, lambda n=told: said(tmp_path).count("reloaded") == n
                )
                await asyncio.to_thread(wait_for, lambda n=asked: len(answers) >= n)
            await asyncio.sleep(0.3)

    with running_stub(between_chunks_s=0.005) as stub:
        config(tmp_path, stub.base_url("one"), "d0")
        with serving(tmp_path, port, "--workers", str(workers)) as process:
            asyncio.run(reload_under_load(process, stub.base_url("one")))
            process.send_signal(signal.SIGTERM)
            code = process.wait(30)

    assert code == 0
    assert len(answers) > RELOADS
    assert all(is_good(answer) for answer in answers)
    by = [answer.headers["x-designer-served-by"] for answer in answers]
    assert by[-1] == f"d{RELOADS}"
    assert len(set(by)) > RELOADS / 2


@pytest.mark.slow
def test_a_broken_configuration_is_told_and_not_taken(tmp_path: Path) -> None:
    port = free_port()
    with running_stub() as stub:
        config(tmp_path, stub.base_url("one"), "good")
        with serving(tmp_path, port, "--watch", "--log", "json"):
            for broken, told in (
                ("model_list: [", "is broken: the old configuration goes on"),
                (CONFIG.format(base="x", id="d").replace("/KEY", "/OTHER"), "OTHER"),
            ):
                (tmp_path / "config.yaml").write_text(broken)
                wait_for(lambda told=told: told in said(tmp_path))
                answer = httpx.post(f"http://127.0.0.1:{port}{CHAT}", json=BODY)
                assert answer.headers["x-designer-served-by"] == "good"
            config(tmp_path, stub.base_url("one"), "better")
            wait_for(lambda: "reloaded" in said(tmp_path))
            answer = httpx.post(f"http://127.0.0.1:{port}{CHAT}", json=BODY)

    assert answer.headers["x-designer-served-by"] == "better"
    lines = [json.loads(line) for line in said(tmp_path).splitlines() if line.startswith("{")]
    assert [line["served_by"] for line in lines] == ["good", "good", "better"]


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_on_sigterm_streams_end_and_the_exit_code_is_good(tmp_path: Path, workers: int) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"

    async def stop_in_the_middle(process: subprocess.Popen[bytes]) -> str:
        async with httpx.AsyncClient(timeout=30) as client:
            asking = asyncio.create_task(client.post(url + CHAT, json={**BODY, "stream": True}))
            await asyncio.sleep(0.5)
            process.send_signal(signal.SIGTERM)
            await asyncio.sleep(0.1)
            return (await asking).text

    with running_stub() as stub:
        stub.add_fault(Fault("slow_first_token", delay_s=2.0))
        config(tmp_path, stub.base_url("one"), "d")
        with serving(tmp_path, port, "--workers", str(workers)) as process:
            text = asyncio.run(stop_in_the_middle(process))
            code = process.wait(30)

    assert "data: [DONE]" in text
    assert code == 0


@pytest.mark.slow
def test_draining_ends_at_its_limit_and_several_workers_count_together(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with running_stub() as stub:
        config(tmp_path, stub.base_url("one"), "d")
        with serving(tmp_path, port, "--workers", "2", "--drain", "0.2") as process:
            for _ in range(30):
                assert httpx.post(url + CHAT, json=BODY).status_code == 200
            metrics = httpx.get(f"{url}/metrics").text
            stub.add_fault(Fault("stall_stream", after_chunks=1))
            with httpx.stream(
                "POST", url + CHAT, json={**BODY, "stream": True}, timeout=30
            ) as answer:
                next(answer.iter_raw())
                began = time.monotonic()
                os.kill(process.pid, signal.SIGTERM)
                code = process.wait(30)

    [line] = [n for n in metrics.splitlines() if n.startswith("designer_requests_total{")]
    assert float(line.split()[-1]) == 30
    assert code == 0
    assert time.monotonic() - began < 20
