"""The runtime in front of Cohere, Bedrock, Vertex AI and Ollama, with accounts of their own, over real HTTP: the
providers are stubs, the client is OpenAI's."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import openai
import pytest
from msgspec import structs

from designer.engine.call import Program
from designer.gateways.reference import REFERENCE
from designer.ir import ANY, Chain, Deployment, Retry, Route, Routing, Rung, Target
from runtime.books import Books, Priced
from runtime.serve import endpoints, labels, running
from runtime.stub import Fault, StubServer
from tests.runtime.served import CATALOG, HELLO, Running

pytestmark = pytest.mark.slow
AWS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
ENV = {**AWS, "BEDROCK_KEY": "bearer", "COHERE_API_KEY": "k", "VERTEX_TOKEN": "ya29.x"}
SHOP = (("vertex_project", "shop"),)
ACCOUNTS: dict[str, dict[str, Any]] = {
    "cohere": {"provider": "cohere", "model": "command-a-03-2025", "secret": "env:COHERE_API_KEY"},
    "bedrock-signed": {"provider": "bedrock", "model": "eu.anthropic.claude-opus-5:0", "region": "eu-central-1", "secret": "env:AWS_ACCESS_KEY_ID"},
    "bedrock-bearer": {"provider": "bedrock", "model": "eu.amazon.nova-pro-v1:0", "region": "eu-central-1", "secret": "env:BEDROCK_KEY"},
    "vertex-gemini": {"provider": "vertex", "model": "gemini-4-argon", "region": "europe-west4", "secret": "env:VERTEX_TOKEN", "settings": SHOP},
    "vertex-claude": {"provider": "vertex", "model": "claude-opus-5", "region": "europe-west1", "secret": "env:VERTEX_TOKEN", "settings": SHOP},
    "vertex-open": {"provider": "vertex", "model": "zai-org/glm-5.2-maas", "region": "global", "secret": "env:VERTEX_TOKEN", "settings": SHOP},
    "ollama": {"provider": "ollama", "model": "gpt-oss:20b"},
}  # fmt: skip
EMBEDDERS: dict[str, dict[str, Any]] = {
    "cohere": {**ACCOUNTS["cohere"], "model": "embed-v4.0"},
    "bedrock-titan": {**ACCOUNTS["bedrock-signed"], "model": "amazon.titan-embed-text-v2:0"},
    "bedrock-cohere": {**ACCOUNTS["bedrock-signed"], "model": "eu.cohere.embed-v4:0"},
    "vertex-text": {**ACCOUNTS["vertex-gemini"], "model": "text-embedding-005"},
    "vertex-gemini": {**ACCOUNTS["vertex-gemini"], "model": "gemini-embedding-001"},
    "ollama": {**ACCOUNTS["ollama"], "model": "nomic-embed-text"},
}
SPARE = "chat/spare"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL: Any = {"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}
PIXEL = "data:image/gif;base64," + base64.b64encode(b"GIF89a").decode()

every_account = pytest.mark.parametrize("name", sorted(ACCOUNTS))


def _served(
    tmp_path: Path,
    name: str,
    test: Callable[[Running], Awaitable[None]],
    accounts: dict[str, dict[str, Any]] = ACCOUNTS,
) -> None:
    """The account first, and one of OpenAI's after it."""

    async def main() -> None:
        first = Deployment(f"chat/{name}", **accounts[name], timeout_s=5.0, first_token_s=2.0)
        spare = Deployment(SPARE, "openai", "gpt", timeout_s=5.0, secret="env:COHERE_API_KEY")
        embeds = accounts is EMBEDDERS
        chain = Chain((Rung(Retry(Target(first.id), 0)), Rung(Retry(Target(SPARE), 0), ANY)))
        node = Target(first.id) if embeds else chain
        routing = Routing((Route("chat", node, embeds=embeds),), (first, spare))
        async with StubServer(deployments=labels(routing)) as stub:
            there = tuple(
                structs.replace(d, api_base=stub.base_url(d.id)) for d in routing.deployments
            )
            routing = structs.replace(routing, deployments=there)
            state = tmp_path / "state.sqlite"
            priced = {d.id: Priced(d.provider, d.model, None, "d") for d in there}
            found = endpoints(routing, CATALOG, ENV)
            program = Program(routing, REFERENCE)
            async with running(program, found, Books(state, priced), stub=stub) as service:
                await test(Running(service, stub, state))

    asyncio.run(main())


@every_account
def test_an_account_answers_in_one_piece_and_as_a_stream(tmp_path: Path, name: str) -> None:
    async def test(it: Running) -> None:
        raw = await it.client.chat.completions.with_raw_response.create(
            model="chat", messages=HELLO, seed=1
        )
        stream = await it.client.chat.completions.create(
            model="chat", messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]

        answer = raw.parse()
        assert raw.headers["x-designer-served-by"] == f"chat/{name}"
        said = answer.choices[0].message.content
        assert said
        assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == said
        assert (answer.usage and answer.usage.total_tokens) == chunks[-1].usage.total_tokens  # type: ignore[union-attr]  # asked for
        no_seed = name.startswith("bedrock") or name == "vertex-claude"
        assert raw.headers.get("x-designer-dropped") == ("seed" if no_seed else None)
        assert [row["status"] for row in it.rows()] == [200, 200]
        assert all(row["prompt_tokens"] > 0 for row in it.rows())

    _served(tmp_path, name, test)


@every_account
def test_an_account_calls_tools_and_takes_images(tmp_path: Path, name: str) -> None:
    async def test(it: Running) -> None:
        asked: Any = [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": PIXEL}},
                ],
            }
        ]
        answer = await it.client.chat.completions.create(
            model="chat", messages=asked, tools=[TOOL], tool_choice="required"
        )
        message = answer.choices[0].message
        assert message.tool_calls
        [call] = message.tool_calls
        result: Any = {"role": "tool", "tool_call_id": call.id, "content": "cold"}
        turns = [*asked, message.to_dict(), result]
        then = await it.client.chat.completions.create(model="chat", messages=turns, tools=[TOOL])

        assert json.loads(call.to_dict()["function"]["arguments"]) == {"city": "stub"}  # type: ignore[index]  # a function's
        assert then.choices[0].message.content
        sent = [bytes(received.body) for received in it.stub.received]
        image = PIXEL.partition(",")[2].encode()
        assert all(image in body for body in sent)
        assert b"cold" in sent[-1]
        assert [received.deployment for received in it.stub.received] == [f"chat/{name}"] * 2

    _served(tmp_path, name, test)


@every_account
def test_an_account_answers_in_json_of_a_schema(tmp_path: Path, name: str) -> None:
    async def test(it: Running) -> None:
        form: Any = {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA}}

        answer = await it.client.chat.completions.create(
            model="chat", messages=HELLO, response_format=form
        )

        assert json.loads(answer.choices[0].message.content or "") == {"city": "stub"}

    _served(tmp_path, name, test)


@every_account
@pytest.mark.parametrize("fault", ["rate_limit", "http", "context_length", "malformed", "reset"])
def test_a_fault_of_an_account_is_answered_by_the_next(
    tmp_path: Path, name: str, fault: str
) -> None:
    async def test(it: Running) -> None:
        retry_after_s = 7.0 if fault == "rate_limit" else None
        it.stub.add_fault(Fault(fault, deployment=f"chat/{name}", retry_after_s=retry_after_s))

        for is_stream in (False, True):
            raw = await it.client.chat.completions.with_raw_response.create(
                model="chat", messages=HELLO, stream=is_stream
            )
            assert raw.headers["x-designer-served-by"] == SPARE

    _served(tmp_path, name, test)


@every_account
def test_a_limit_of_an_account_is_told_with_its_time(tmp_path: Path, name: str) -> None:
    async def test(it: Running) -> None:
        it.stub.add_fault(Fault("rate_limit", retry_after_s=7.0))

        with pytest.raises(openai.RateLimitError) as caught:
            await it.client.chat.completions.create(model="chat", messages=HELLO)

        assert caught.value.response.headers["retry-after"] == "7"
        assert it.stub.received[0].faults == ("rate_limit",)

    _served(tmp_path, name, test)


@every_account
def test_a_stream_that_an_account_cuts_is_told_and_not_taken_for_whole(
    tmp_path: Path, name: str
) -> None:
    async def test(it: Running) -> None:
        it.stub.add_fault(Fault("cut_stream", deployment=f"chat/{name}"))

        stream = await it.client.chat.completions.create(model="chat", messages=HELLO, stream=True)
        with pytest.raises(openai.APIError) as caught:
            [chunk async for chunk in stream]

        assert caught.value.code == "stream_cut"
        assert [row["failed_attempts"] for row in it.rows()] == [1]

    _served(tmp_path, name, test)


@pytest.mark.parametrize("name", sorted(EMBEDDERS))
def test_an_account_makes_vectors(tmp_path: Path, name: str) -> None:
    async def test(it: Running) -> None:
        answer = await it.client.embeddings.create(model="chat", input="abcde", dimensions=4)

        assert [len(item.embedding) for item in answer.data] == [4]
        it.stub.add_fault(Fault("rate_limit", retry_after_s=7.0))
        with pytest.raises(openai.RateLimitError):
            await it.client.embeddings.create(model="chat", input="abcde")

    _served(tmp_path, name, test, EMBEDDERS)


def test_what_cannot_be_said_to_an_account_is_refused(tmp_path: Path) -> None:
    async def test(it: Running) -> None:
        with pytest.raises(openai.BadRequestError, match="one a request"):
            await it.client.embeddings.create(model="chat", input=["a", "b"])

        assert not it.stub.received

    _served(tmp_path, "bedrock-titan", test, EMBEDDERS)
