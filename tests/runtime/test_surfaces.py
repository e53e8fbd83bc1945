"""The runtime as Anthropic's client, OpenAI's Responses and LangChain know it, and what none may do."""

import asyncio
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest
from langchain_openai import ChatOpenAI
from openrouter import OpenRouter

from runtime.openapi import FILE, text
from runtime.stub import Fault
from tests.runtime.served import FIRST, HELLO, SECOND, Running, served

pytestmark = pytest.mark.slow

TOOL = {"name": "weather", "description": "of a town", "input_schema": {"type": "object"}}


def _claude(it: Running) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(base_url=it.service.url, api_key="none", max_retries=0)


@pytest.mark.parametrize("broken", [False, True])
def test_anthropics_client_gets_messages_from_either_dialect(tmp_path: Path, broken: bool) -> None:
    async def test(it: Running) -> None:
        if broken:
            it.stub.add_fault(Fault("http", deployment=FIRST, status=503))
        raw = await _claude(it).messages.with_raw_response.create(
            model="chat", max_tokens=100, messages=HELLO, system="be kind"
        )
        answer = await raw.parse()

        assert answer.content[0].text
        assert (answer.type, answer.stop_reason) == ("message", "end_turn")
        assert answer.usage.output_tokens > 0
        assert raw.headers["x-designer-served-by"] == (SECOND if broken else FIRST)
        sent = json.loads(it.stub.received[-1].body)
        assert "be kind" in json.dumps(sent["system"] if broken else sent["messages"][0])

    served(tmp_path, test)


@pytest.mark.parametrize("broken", [False, True])
def test_anthropics_client_streams_the_same_text(tmp_path: Path, broken: bool) -> None:
    async def test(it: Running) -> None:
        if broken:
            it.stub.add_fault(Fault("http", deployment=FIRST, status=503))
        asked: Any = {"model": "chat", "max_tokens": 100, "messages": HELLO}
        whole = await _claude(it).messages.create(**asked)
        async with _claude(it).messages.stream(**asked) as stream:
            streamed = await stream.get_final_message()

        assert streamed.content[0].text == whole.content[0].text != ""
        assert streamed.usage.output_tokens == whole.usage.output_tokens
        assert it.rows()[-1]["completion_tokens"] == whole.usage.output_tokens

    served(tmp_path, test)


def test_a_stream_of_messages_that_is_cut_is_an_error_for_anthropics_client(
    tmp_path: Path,
) -> None:
    async def test(it: Running) -> None:
        it.stub.add_fault(Fault("cut_stream", deployment=FIRST, after_chunks=1))

        with pytest.raises(anthropic.APIStatusError, match="no deployment answered"):
            async with _claude(it).messages.stream(
                model="chat", max_tokens=100, messages=HELLO
            ) as stream:
                await stream.get_final_message()

    served(tmp_path, test)


def test_errors_of_messages_have_anthropics_shape(tmp_path: Path) -> None:
    async def test(it: Running) -> None:
        with pytest.raises(anthropic.NotFoundError, match="no route is called 'nope'"):
            await _claude(it).messages.create(model="nope", max_tokens=1, messages=HELLO)
        it.stub.add_fault(Fault("rate_limit"))
        with pytest.raises(anthropic.RateLimitError) as caught:
            await _claude(it).messages.create(model="chat", max_tokens=1, messages=HELLO)

        body: Any = caught.value.body
        assert (body["type"], body["error"]["type"]) == ("error", "rate_limit_error")

    served(tmp_path, test)


def test_tools_and_their_results_reach_openai_in_openais_words(tmp_path: Path) -> None:
    messages: list[Any] = [
        {"role": "user", "content": "how is it in Oslo?"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "s"},
                {"type": "tool_use", "id": "t1", "name": "weather", "input": {"town": "Oslo"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": "rain"},
                {"type": "text", "text": "well?"},
            ],
        },
    ]

    async def test(it: Running) -> None:
        raw = await _claude(it).messages.with_raw_response.create(
            model="chat",
            max_tokens=100,
            messages=messages,
            tools=[TOOL],  # type: ignore[list-item]  # the SDK's own type wants literals
            tool_choice={"type": "any", "disable_parallel_tool_use": True},
        )

        sent = json.loads(it.stub.received[-1].body)
        assert [m["role"] for m in sent["messages"]] == ["user", "assistant", "tool", "user"]
        call = sent["messages"][1]["tool_calls"][0]
        assert json.loads(call["function"]["arguments"]) == {"town": "Oslo"}
        assert sent["tools"][0]["function"]["name"] == "weather"
        assert (sent["tool_choice"], sent["parallel_tool_calls"]) == ("required", False)
        assert raw.headers["x-designer-dropped"] == "thinking_blocks"

    served(tmp_path, test)


def test_a_response_of_openais_client_whole_and_streamed(tmp_path: Path) -> None:
    async def test(it: Running) -> None:
        whole = await it.client.responses.create(model="chat", input="hello", instructions="kind")
        events = [
            event
            async for event in await it.client.responses.create(
                model="chat", input="hello", instructions="kind", stream=True
            )
        ]

        assert whole.output_text
        assert whole.status == "completed"
        assert whole.usage is not None
        deltas = "".join(e.delta for e in events if e.type == "response.output_text.delta")
        last = events[-1]
        assert last.type == "response.completed"
        assert deltas == last.response.output_text == whole.output_text
        assert [e.sequence_number for e in events] == list(range(len(events)))

    served(tmp_path, test)


def test_a_response_that_builds_on_an_earlier_one_is_refused_with_the_reason(
    tmp_path: Path,
) -> None:
    async def test(it: Running) -> None:
        with pytest.raises(openai.BadRequestError, match="keeps no responses"):
            await it.client.responses.create(
                model="chat", input="and then?", previous_response_id="resp_1"
            )
        assert not it.stub.received

    served(tmp_path, test)


def test_function_calls_of_a_response_are_messages_of_the_assistant(tmp_path: Path) -> None:
    items: list[Any] = [
        {"role": "user", "content": [{"type": "input_text", "text": "Oslo?"}]},
        {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "rain"},
    ]

    async def test(it: Running) -> None:
        await it.client.responses.create(model="chat", input=items)

        sent = json.loads(it.stub.received[-1].body)
        assert [m["role"] for m in sent["messages"]] == ["user", "assistant", "tool"]
        assert sent["messages"][2]["tool_call_id"] == "c1"

    served(tmp_path, test)


@pytest.mark.parametrize("stream", [False, True])
def test_no_canary_in_any_api_reaches_a_provider_or_the_state_file(
    tmp_path: Path, stream: bool
) -> None:
    canary = "jane.canary@example.com"
    parts = [{"type": "text", "text": canary}]
    call = {"type": "tool_use", "id": "t", "name": "f", "input": {"to": canary}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": canary}
    messages = [
        {"role": "user", "content": parts},
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [result]},
    ]
    items = [{"role": "user", "content": [{"type": "input_text", "text": canary}]}]
    shared = {"model": "chat", "stream": stream}

    async def test(it: Running) -> None:
        async with httpx.AsyncClient(base_url=it.service.url) as client:
            asked = {"max_tokens": 9, "system": canary, "messages": messages}
            said = {"input": items, "instructions": canary}
            one = await client.post("/v1/messages", json=shared | asked)
            two = await client.post("/v1/responses", json=shared | said)

        assert (one.status_code, two.status_code) == (200, 200)
        received = b"".join(r.body for r in it.stub.received)
        kept = b"".join(p.read_bytes() for p in it.state.parent.iterdir())
        assert b"[EMAIL_1]" in received
        assert canary.encode() not in received + kept

    served(tmp_path, test)


def test_langchain_asks_and_streams_unchanged(tmp_path: Path) -> None:
    async def test(it: Running) -> None:
        model = ChatOpenAI(
            model="chat",
            base_url=f"{it.service.url}/v1",
            api_key="none",  # type: ignore[arg-type]  # a SecretStr, or what becomes one
            max_retries=0,
        )
        answer = await model.ainvoke("hello")
        streamed = [chunk.text async for chunk in model.astream("hello")]

        assert "".join(streamed) == answer.text != ""

    served(tmp_path, test)


@pytest.mark.parametrize("path", ["chat/completions", "messages", "responses"])
def test_no_header_and_no_field_of_a_client_chooses_a_host(tmp_path: Path, path: str) -> None:
    elsewhere = "http://127.0.0.1:9/v1"
    names = ("api_base", "base_url", "custom_host", "api_key", "x-portkey-custom-host", "host")

    async def test(it: Running) -> None:
        body = {"model": "chat", "max_tokens": 9, "messages": HELLO, "input": "hello"}
        body |= dict.fromkeys(names, elsewhere)
        headers = {
            "x-portkey-custom-host": elsewhere,
            "x-portkey-config": json.dumps({"provider": "openai", "custom_host": elsewhere}),
            "x-forwarded-host": "127.0.0.1:9",
            "forwarded": "host=127.0.0.1:9",
            "host": "127.0.0.1:9",
        }
        async with httpx.AsyncClient() as client:
            answer = await client.post(f"{it.service.url}/v1/{path}", json=body, headers=headers)

        assert answer.status_code == 200
        assert [r.deployment for r in it.stub.received] == [FIRST]
        assert not any("portkey" in name for name in it.stub.received[0].headers)

    served(tmp_path, test)


def test_the_openapi_document_served_names_the_routes_and_the_one_checked_in_is_current(
    tmp_path: Path,
) -> None:
    async def test(it: Running) -> None:
        async with httpx.AsyncClient() as client:
            told = await client.get(f"{it.service.url}/openapi.json")

        assert told.json().keys() == json.loads(text()).keys()
        body = told.json()["paths"]["/v1/messages"]["post"]["requestBody"]
        schema = body["content"]["application/json"]["schema"]
        assert schema["properties"]["model"]["enum"] == ["chat"]

    served(tmp_path, test)
    assert FILE.read_text(encoding="utf-8") == text()


def test_openrouters_client_is_answered_and_streams(tmp_path: Path) -> None:
    async def test(it: Running) -> None:
        async with OpenRouter(api_key="none", server_url=f"{it.service.url}/v1") as client:
            answer = await client.chat.send_async(model="chat", messages=HELLO)
            stream = await client.chat.send_async(model="chat", messages=HELLO, stream=True)
            streamed = [chunk async for chunk in stream]

        text = "".join(c.choices[0].delta.content or "" for c in streamed if c.choices)
        assert text == answer.choices[0].message.content != ""

    served(tmp_path, test)


NODE_CLIENT = "openai@6.49.0"
SCRIPT = """
const OpenAI = require("openai").default;
const client = new OpenAI({ baseURL: process.argv[1], apiKey: "none", maxRetries: 0 });
(async () => {
  const asked = { model: "chat", messages: [{ role: "user", content: "hello" }] };
  const whole = await client.chat.completions.create(asked);
  let streamed = "";
  for await (const chunk of await client.chat.completions.create({ ...asked, stream: true }))
    streamed += chunk.choices[0]?.delta?.content ?? "";
  const vectors = await client.embeddings.create({ model: "search", input: "hello" });
  let refused = 0;
  try {
    await client.chat.completions.create({ ...asked, model: "nope" });
  } catch (error) {
    refused = error.status;
  }
  const whole_ = whole.choices[0].message.content;
  console.log(JSON.stringify({ whole: whole_, streamed, vectors: vectors.data.length, refused }));
})();
"""


@pytest.mark.gateway
@pytest.mark.skipif(shutil.which("npm") is None, reason="needs npm, which installs OpenAI's client")
def test_openais_client_for_node_is_answered_unchanged(tmp_path: Path) -> None:
    install = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(tmp_path), NODE_CLIENT]
    subprocess.run(install, check=True, capture_output=True)

    async def test(it: Running) -> None:
        process = await asyncio.create_subprocess_exec(
            *("node", "-e", SCRIPT, f"{it.service.url}/v1"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=tmp_path,
        )
        said, trouble = await process.communicate()

        assert process.returncode == 0, trouble.decode()
        seen = json.loads(said)
        assert seen["whole"] == seen["streamed"] != ""
        assert (seen["vectors"], seen["refused"]) == (1, 404)

    served(tmp_path, test)
