"""The runtime over real HTTP in front of stub providers, asked by the official OpenAI client."""

import asyncio
import json
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from designer.engine.call import Program
from designer.errors import NetworkError, UsageError
from designer.gateways.reference import REFERENCE
from runtime.books import Books
from runtime.keys import mint
from runtime.serve import endpoints, running
from runtime.state.sqlite import connect
from runtime.stub import Fault
from tests.runtime.served import (
    CATALOG,
    FIRST,
    HELLO,
    OFFERINGS,
    SECOND,
    VECTORS,
    Running,
    served,
    two_deployments,
)


def test_an_answer_names_who_served_it_and_what_it_cost(tmp_path: Path) -> None:
    async def test(it: Running) -> None:
        raw = await it.client.chat.completions.with_raw_response.create(
            model="chat", messages=HELLO, user="alice"
        )
        answer = raw.parse()

        assert answer.choices[0].message.content
        assert raw.headers["x-designer-served-by"] == FIRST
        [row] = it.rows()
        assert (row["deployment"], row["user"], row["status"]) == (FIRST, "alice", 200)
        usage = answer.usage
        assert usage is not None
        owed = OFFERINGS[FIRST].price.cost_usd(usage.prompt_tokens, usage.completion_tokens)
        assert row["cost_nano_usd"] == round(owed * 10**9)
        assert raw.headers["x-designer-trace"] == row["request_id"]

    served(tmp_path, test)


def test_an_outage_is_answered_by_the_second_in_its_own_dialect(tmp_path: Path) -> None:
    async def test(it: Running) -> None:
        it.stub.add_fault(Fault("http", deployment=FIRST, status=500))

        raw = await it.client.chat.completions.with_raw_response.create(
            model="chat", messages=HELLO
        )

        assert raw.headers["x-designer-served-by"] == SECOND
        assert raw.headers["x-designer-attempts"] == "3"
        assert [r.deployment for r in it.stub.received] == [FIRST, FIRST, SECOND]
        assert it.stub.received[-1].path.endswith("/messages")
        [row] = it.rows()
        assert (row["provider"], row["failed_attempts"]) == ("anthropic", 2)

    served(tmp_path, test)


@pytest.mark.parametrize("broken", [False, True])
def test_a_stream_arrives_whole_from_either_dialect(tmp_path: Path, broken: bool) -> None:
    async def test(it: Running) -> None:
        whole = await it.client.chat.completions.create(model="chat", messages=HELLO)
        if broken:
            it.stub.add_fault(Fault("http", deployment=FIRST, status=503))
        stream = await it.client.chat.completions.create(
            model="chat", messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]

        text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
        assert text == whole.choices[0].message.content or broken
        assert text
        assert chunks[-1].usage is not None
        assert it.rows()[-1]["deployment"] == (SECOND if broken else FIRST)
        assert it.rows()[-1]["completion_tokens"] > 0

    served(tmp_path, test)


def test_usage_is_only_passed_on_to_those_who_asked(tmp_path: Path) -> None:
    async def test(it: Running) -> None:
        stream = await it.client.chat.completions.create(model="chat", messages=HELLO, stream=True)

        assert all(chunk.usage is None for chunk in [c async for c in stream])
        assert it.rows()[-1]["prompt_tokens"] > 0

    served(tmp_path, test)


def test_a_cut_stream_ends_in_an_error_and_never_as_a_whole_answer(tmp_path: Path) -> None:
    async def test(it: Running) -> None:
        it.stub.add_fault(Fault("cut_stream", deployment=FIRST, after_chunks=1))

        async with httpx.AsyncClient() as client:
            body = {"model": "chat", "messages": HELLO, "stream": True}
            answer = await client.post(f"{it.service.url}/v1/chat/completions", json=body)

        events = [line for line in answer.text.splitlines() if line.startswith("data: ")]
        assert "[DONE]" not in answer.text
        error = json.loads(events[-1].removeprefix("data: "))["error"]
        assert (error["code"], error["type"]) == ("stream_cut", "server_error")
        assert it.rows()[-1]["is_estimated"] == 1

    served(tmp_path, test)


def test_a_buffered_stream_survives_the_cut(tmp_path: Path) -> None:
    async def test(it: Running) -> None:
        it.stub.add_fault(Fault("cut_stream", deployment=FIRST, after_chunks=1))

        stream = await it.client.chat.completions.create(model="chat", messages=HELLO, stream=True)
        chunks = [chunk async for chunk in stream]

        assert chunks[-1].choices[0].finish_reason == "stop"
        assert it.rows()[-1]["deployment"] == SECOND

    served(tmp_path, test, two_deployments(mid_stream="buffer"))


def test_a_client_that_leaves_is_booked_and_the_runtime_goes_on(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async def test(it: Running) -> None:
        it.stub.add_fault(Fault("stall_stream", deployment=FIRST, after_chunks=1))
        async with httpx.AsyncClient() as client:
            body = {"model": "chat", "messages": HELLO, "stream": True}
            url = f"{it.service.url}/v1/chat/completions"
            async with client.stream("POST", url, json=body) as answer:
                await anext(answer.aiter_bytes())
        it.stub.faults.clear()

        await it.client.chat.completions.create(model="chat", messages=HELLO)

        for _ in range(100):
            if len(it.rows()) == 2:
                break
            await asyncio.sleep(0.02)
        assert sorted(row["status"] for row in it.rows()) == [200, 499]

    served(tmp_path, test)
    assert "Traceback" not in capfd.readouterr().err


CANARIES = {"mail": "jane.canary@example.com", "ssn": "536-90-4399"}


def test_no_canary_reaches_a_provider_or_the_state_file(tmp_path: Path) -> None:
    text = " and ".join(CANARIES.values())
    call = {
        "id": "c",
        "type": "function",
        "function": {"name": "f", "arguments": json.dumps({"q": text})},
    }
    messages: list[Any] = [
        {"role": "system", "content": text},
        {"role": "user", "content": [{"type": "text", "text": text}]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": text},
        {"role": "user", "content": text, "name": "jane"},
    ]

    async def test(it: Running) -> None:
        for broken in (False, True):
            if broken:
                it.stub.add_fault(Fault("http", deployment=FIRST, status=500))
            for stream in (False, True):
                answer = await it.client.chat.completions.create(
                    model="chat",
                    messages=messages,
                    stream=stream,
                    metadata={"note": text},
                    tools=[{"type": "function", "function": {"name": "f", "description": text}}],
                )
                if stream:
                    async for _ in answer:
                        pass

        received = b"".join(r.body for r in it.stub.received)
        kept = b"".join(p.read_bytes() for p in it.state.parent.iterdir())
        for canary in CANARIES.values():
            assert canary.encode() not in received
            assert canary.encode() not in kept

    served(tmp_path, test)


def test_a_refusal_is_final_and_says_why(tmp_path: Path) -> None:
    async def test(it: Running) -> None:
        it.stub.add_fault(Fault("content_policy", deployment=FIRST))

        with pytest.raises(openai.BadRequestError) as caught:
            await it.client.chat.completions.create(model="chat", messages=HELLO)

        assert "content management policy" in str(caught.value)
        assert [r.deployment for r in it.stub.received] == [FIRST]

    served(tmp_path, test)


def test_when_nobody_answers_the_error_says_what_was_tried(tmp_path: Path) -> None:
    async def test(it: Running) -> None:
        it.stub.add_fault(Fault("http", status=503))

        with pytest.raises(openai.InternalServerError) as caught:
            await it.client.chat.completions.create(model="chat", messages=HELLO)

        assert f"{FIRST}: 503" in str(caught.value)
        [row] = it.rows()
        assert (row["status"], row["deployment"], row["cost_nano_usd"]) == (503, "", 0)

    served(tmp_path, test)


def test_embeddings_and_models(tmp_path: Path) -> None:
    async def test(it: Running) -> None:
        answer = await it.client.embeddings.create(model="search", input="hello")
        models = [model.id async for model in it.client.models.list()]

        assert answer.data[0].embedding
        assert models == ["chat", "search"]
        assert it.rows()[-1]["deployment"] == VECTORS

    served(tmp_path, test)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("chat/completions", b"{", 400),
        ("chat/completions", b"[]", 400),
        ("chat/completions", b"{}", 400),
        ("chat/completions", b'{"model": "nope", "messages": []}', 404),
        ("chat/completions", b'{"model": "chat"}', 400),
        ("chat/completions", b'{"model": "search", "messages": []}', 400),
        ("embeddings", b'{"model": "chat", "input": "x"}', 400),
        ("nothing", b"{}", 404),
    ],
)
def test_a_bad_request_is_told_in_openais_shape(
    tmp_path: Path, path: str, body: bytes, status: int
) -> None:
    async def test(it: Running) -> None:
        async with httpx.AsyncClient() as client:
            answer = await client.post(f"{it.service.url}/v1/{path}", content=body)

        assert answer.status_code == status
        assert answer.json()["error"]["message"]
        assert not it.stub.received

    served(tmp_path, test)


def test_once_there_is_a_key_callers_need_one(tmp_path: Path) -> None:
    async def test(it: Running) -> None:
        with closing(connect(it.state)) as db:
            key, _ = mint(db, "web", at=datetime.now(UTC), team="web", project="shop")

        with pytest.raises(openai.AuthenticationError):
            await it.client.chat.completions.create(model="chat", messages=HELLO)
        await it.client.with_options(api_key=key).chat.completions.create(
            model="chat", messages=HELLO
        )

        [row] = it.rows()
        assert (row["team"], row["project"]) == ("web", "shop")
        assert key.encode() not in b"".join(p.read_bytes() for p in it.state.parent.iterdir())

    served(tmp_path, test)


def test_a_taken_port_is_a_network_error_that_names_it(tmp_path: Path) -> None:
    async def test(it: Running) -> None:
        port = int(it.service.url.rpartition(":")[2])
        books = Books(tmp_path / "other.sqlite", {})
        with pytest.raises(NetworkError, match=f"{port}.*--port"):
            async with running(Program(two_deployments(), REFERENCE), {}, books, port=port):
                pass

    served(tmp_path, test)


def test_every_missing_secret_is_named_before_anything_is_served() -> None:
    with pytest.raises(UsageError, match="KEY"):
        endpoints(two_deployments(), CATALOG, {})

    assert endpoints(two_deployments(), CATALOG, {"KEY": "k"}).keys() == OFFERINGS.keys()
