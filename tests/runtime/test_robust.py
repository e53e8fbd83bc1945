"""What clients can do to the runtime, and that the others do not notice."""

import asyncio
import contextlib
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from designer.conform.processes import free_port
from runtime import asgi
from runtime.keys import mint, revoke
from runtime.limits.allowed import allow
from runtime.limits.binding import Allowed
from runtime.state.sqlite import connect
from runtime.stub.threaded import running_stub
from tests.runtime.served import HELLO, Running, served

CHAT = "/v1/chat/completions"
GOOD = json.dumps({"model": "chat", "messages": HELLO}).encode()


async def _said(it: Running, *pieces: bytes, pause_s: float = 0.0) -> bytes:
    """What the runtime says to these bytes until it closes, or for a second."""
    host, _, port = it.service.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    answer = b""
    try:
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause_s)
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(1):
                while data := await reader.read(65_536):
                    answer += data
    finally:
        writer.close()
    return answer


def _head(*lines: bytes, path: str = CHAT) -> bytes:
    return b"\r\n".join((f"POST {path} HTTP/1.1".encode(), b"host: x", *lines, b"", b""))


async def _goes_on(it: Running) -> None:
    answer = await it.client.chat.completions.create(model="chat", messages=HELLO)  # type: ignore[call-overload]  # a list of plain dicts
    assert answer.choices[0].message.content


@pytest.mark.parametrize("path", [CHAT, "/v1/messages"])
def test_a_body_that_is_too_large_is_refused_before_it_is_whole(tmp_path: Path, path: str) -> None:
    async def test(it: Running) -> None:
        length = f"content-length: {10 * asgi.MAX_BODY_BYTES}".encode()
        pieces = [b"x" * 1_000_000] * 21

        answer = await _said(it, _head(length, path=path), *pieces)

        assert answer.startswith(b"HTTP/1.1 413 ")
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["message"]
        await _goes_on(it)

    served(tmp_path, test)


@pytest.mark.slow
@pytest.mark.parametrize("flood", [b"x-a: 1\r\n" * 40_000, b"x-a: " + b"1" * 400_000])
def test_a_flood_of_headers_is_refused_while_it_still_flows(tmp_path: Path, flood: bytes) -> None:
    async def test(it: Running) -> None:
        start = f"POST {CHAT} HTTP/1.1\r\nhost: x\r\n".encode()
        pieces = [flood[at : at + 20_000] for at in range(0, len(flood), 20_000)]

        answer = await _said(it, start, *pieces, pause_s=0.01)

        assert answer.startswith(b"HTTP/1.1 431 ")
        await _goes_on(it)

    served(tmp_path, test)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b'"text"',
        b"[" * 100_000,
        b'{"model": "chat", "messages": NaN}',
        b'{"model": 5, "messages": []}',
        b'{"model": "chat", "messages": [], "stream": "yes"}',
        b'{"model": "search", "input": []}',
        b'{"model": "chat", "messages": ' + b'{"a":' * 5000 + b"1" + b"}" * 5001,
    ],
)
@pytest.mark.parametrize("path", [CHAT, "/v1/messages", "/v1/responses", "/v1/embeddings"])
def test_what_is_no_request_is_a_clear_error(tmp_path: Path, path: str, body: bytes) -> None:
    async def test(it: Running) -> None:
        async with httpx.AsyncClient() as client:
            answer = await client.post(f"{it.service.url}{path}", content=body)

        assert 400 <= answer.status_code < 500
        assert answer.json()["error"]["message"]
        assert not it.stub.received

    served(tmp_path, test)


@pytest.mark.parametrize("start", [b"\x16\x03\x01\x02\x00\x01", b"GET\r\n\r\n", b"\x00" * 64])
def test_what_is_no_http_is_refused_and_forgotten(tmp_path: Path, start: bytes) -> None:
    async def test(it: Running) -> None:
        assert (await _said(it, start)).startswith(b"HTTP/1.1 400 ")
        await _goes_on(it)

    served(tmp_path, test)


def test_a_body_that_stops_coming_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asgi, "BODY_WITHIN_S", 0.2)

    async def test(it: Running) -> None:
        answer = await _said(it, _head(b"content-length: 100"), b'{"model"')

        assert answer.startswith(b"HTTP/1.1 408 ")
        await _goes_on(it)

    served(tmp_path, test)


def test_slow_bodies_are_waited_for_while_others_are_answered(tmp_path: Path) -> None:
    async def test(it: Running) -> None:
        head = _head(f"content-length: {len(GOOD)}".encode(), b"connection: close")
        slow = asyncio.create_task(_said(it, head, *[bytes([b]) for b in GOOD], pause_s=0.01))

        await _goes_on(it)

        assert not slow.done()
        assert (await slow).startswith(b"HTTP/1.1 200 ")

    served(tmp_path, test)


def test_a_thousand_idle_connections_are_nobodys_trouble(tmp_path: Path) -> None:
    async def test(it: Running) -> None:
        host, _, port = it.service.url.removeprefix("http://").partition(":")
        idle = []
        try:
            for _ in range(1000):
                _, writer = await asyncio.open_connection(host, int(port))
                idle.append(writer)
            await _goes_on(it)
        finally:
            for writer in idle:
                writer.close()

    served(tmp_path, test)


def test_an_answer_that_cannot_be_booked_is_not_given(tmp_path: Path) -> None:
    async def test(it: Running) -> None:
        it.state.unlink()
        async with httpx.AsyncClient(base_url=it.service.url) as client:
            answer = await client.post(CHAT, content=GOOD)
            health, ready = await client.get("/healthz"), await client.get("/readyz")

        assert answer.status_code == 503
        assert "could not be booked" in answer.json()["error"]["message"]
        assert "choices" not in answer.json()
        assert (health.status_code, ready.status_code) == (200, 503)
        assert "gone away" in ready.json()["why"]

    served(tmp_path, test)


# --- The process dies -----------------------------------------------------------------------------

KILLS = 50
CONFIG = """\
model_list:
  - model_name: chat
    litellm_params: {{model: openai/gpt-5.4, api_base: "{base}", api_key: os.environ/KEY}}
"""


@contextlib.contextmanager
def _process(
    folder: Path, port: int, *more: str
) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    """A runtime of its own, and after how many seconds it was ready."""
    command = [sys.executable, "-m", "designer", "serve", str(folder / "config.yaml")]
    options = ["--port", str(port), "--state", str(folder / "state.sqlite")]
    began = time.monotonic()
    with subprocess.Popen(
        [*command, *options, *more], env={"KEY": "k", "PATH": "/usr/bin"}, stdout=subprocess.DEVNULL
    ) as process:
        try:
            while time.monotonic() < began + 30:
                with contextlib.suppress(httpx.TransportError):
                    if httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200:
                        break
                time.sleep(0.02)
            yield process, time.monotonic() - began
        finally:
            process.kill()


async def _load_until_killed(
    process: subprocess.Popen[bytes], port: int, after_s: float
) -> list[str]:
    """The requests whose answers arrived before the process was no more."""
    acknowledged: list[str] = []

    async def one_after_the_other(client: httpx.AsyncClient) -> None:
        with contextlib.suppress(httpx.TransportError):
            while True:
                answer = await client.post(CHAT, content=GOOD)
                assert answer.status_code == 200
                acknowledged.append(answer.headers["x-designer-trace"])

    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
        asking = asyncio.gather(*(one_after_the_other(client) for _ in range(8)))
        await asyncio.sleep(after_s)
        process.send_signal(signal.SIGKILL)
        await asking
    return acknowledged


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    chance, port, acknowledged, ready_s = random.Random(4), free_port(), [], []
    with running_stub() as stub:
        (tmp_path / "config.yaml").write_text(CONFIG.format(base=stub.base_url("one")))
        for _ in range(KILLS):
            with _process(tmp_path, port) as (process, took_s):
                ready_s.append(took_s)
                after_s = chance.uniform(0.02, 0.4)
                acknowledged += asyncio.run(_load_until_killed(process, port, after_s))

    with closing(connect(tmp_path / "state.sqlite")) as db:
        booked = {row[0] for row in db.execute("SELECT request_id FROM ledger")}
    assert len(acknowledged) > KILLS
    assert set(acknowledged) <= booked
    assert statistics.median(ready_s) < 2.0, ready_s


@pytest.mark.slow
def test_workers_share_a_socket_and_a_ledger_and_are_replaced(tmp_path: Path) -> None:
    port = free_port()
    with running_stub() as stub:
        (tmp_path / "config.yaml").write_text(CONFIG.format(base=stub.base_url("one")))
        with _process(tmp_path, port, "--workers", "2") as (process, _):
            url = f"http://127.0.0.1:{port}{CHAT}"
            answers = [httpx.post(url, content=GOOD, timeout=20) for _ in range(40)]
            before = _children(process.pid)
            os.kill(before[0], signal.SIGKILL)
            deadline = time.monotonic() + 20
            while len(set(_children(process.pid)) - set(before)) < 1:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            answers += [httpx.post(url, content=GOOD, timeout=20) for _ in range(10)]
            process.send_signal(signal.SIGTERM)
            code = process.wait(30)

    with closing(connect(tmp_path / "state.sqlite")) as db:
        booked = {row[0] for row in db.execute("SELECT request_id FROM ledger")}
    assert code == 0
    assert len(before) == 2
    assert {a.headers["x-designer-trace"] for a in answers} == booked
    assert len(booked) == 50


@pytest.mark.slow
def test_what_is_revoked_or_limited_elsewhere_is_so_at_once_in_every_worker(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}{CHAT}"

    def statuses(key: str) -> set[int]:
        """Of some requests, each on a connection of its own, so that each worker has to do with one."""
        headers = {"authorization": f"Bearer {key}"}
        return {httpx.post(url, content=GOOD, headers=headers).status_code for _ in range(6)}

    with running_stub() as stub, closing(connect(tmp_path / "state.sqlite")) as db:
        (tmp_path / "config.yaml").write_text(CONFIG.format(base=stub.base_url("one")))
        known, record = mint(db, "known", at=datetime.now(UTC))
        with _process(tmp_path, port, "--workers", "2"):
            for _ in range(5):
                key, _ = mint(db, "short-lived", at=datetime.now(UTC))
                assert statuses(key) == {200}
                revoke(db, "short-lived", at=datetime.now(UTC))
                assert statuses(key) == {401}
                assert statuses(known) == {200}
                allow(db, Allowed("key", record.id, rpm=0))
                assert statuses(known) == {429}
                allow(db, Allowed("key", record.id))


def _children(pid: int) -> list[int]:
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


# --- Whatever the document allows -----------------------------------------------------------------


@pytest.mark.slow
def test_schemathesis_finds_no_breach_of_the_document(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    checks = "not_a_server_error,status_code_conformance,content_type_conformance"
    program = Path(sys.executable).parent / "schemathesis"

    async def test(it: Running) -> None:
        process = await asyncio.create_subprocess_exec(
            *(str(program), "run", f"{it.service.url}/openapi.json", "--seed", "1"),
            *("--checks", f"{checks},response_schema_conformance", "--max-examples", "100"),
            *("--generation-database", "none"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=tmp_path,
        )
        said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()[-4000:]
        assert any(row["status"] == 200 for row in it.rows())

    served(tmp_path, test)
    assert "Traceback" not in capfd.readouterr().err
