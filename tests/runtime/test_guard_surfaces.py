"""Guardrails over HTTP: every API, streamed or not, and every part of a message."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest

from designer.ir import Guardrail, Routing
from runtime.stub.answers import Question
from tests.runtime.served import Running, served, two_deployments

pytestmark = pytest.mark.slow
MAIL, SSN = "jane.canary@example.com", "536-90-4399"
SAID = f"Dear Jane, {MAIL} and {SSN}."
BOTH: frozenset[Literal["input", "output"]] = frozenset({"input", "output"})
PII = Guardrail("pii", "pii", BOTH, "redact", ("email", "us_ssn"))
DENY = Guardrail("dosage", "deny", BOTH, "block", pattern="lethal dose", message="no dosages")
_TOOL = {"type": "object", "properties": {"to": {"const": MAIL}}}
_PNG = "data:image/png;base64,iVBORw0KGgo="

Ask = Callable[[str], dict[str, Any]]


def _chat(content: Any, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": content}], **more}


_PARTS: dict[str, tuple[str, Ask]] = {
    "chat: text": ("chat/completions", lambda t: _chat(t)),
    "chat: parts": ("chat/completions", lambda t: _chat([{"type": "text", "text": t}])),
    "chat: beside an image": (
        "chat/completions",
        lambda t: _chat(
            [{"type": "text", "text": t}, {"type": "image_url", "image_url": {"url": _PNG}}]
        ),
    ),
    "chat: system": (
        "chat/completions",
        lambda t: {
            "messages": [{"role": "system", "content": t}, {"role": "user", "content": "hi"}]
        },
    ),
    "chat: name": (
        "chat/completions",
        lambda t: {"messages": [{"role": "user", "content": "hi", "name": t}]},
    ),
    "chat: tool call": (
        "chat/completions",
        lambda t: {
            "messages": [
                {"role": "user", "content": "hi"},
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {
                            "id": "c",
                            "type": "function",
                            "function": {"name": "f", "arguments": json.dumps({"q": t})},
                        }
                    ],
                },
                {"role": "tool", "tool_call_id": "c", "content": t},
            ]
        },
    ),
    "chat: tools": (
        "chat/completions",
        lambda t: _chat(
            "hi", tools=[{"type": "function", "function": {"name": "f", "description": t}}]
        ),
    ),
    "chat: metadata and user": (
        "chat/completions",
        lambda t: _chat("hi", metadata={"note": t}, user=t),
    ),
    "responses: text": ("responses", lambda t: {"input": t, "instructions": t}),
    "responses: items": (
        "responses",
        lambda t: {
            "input": [
                {"role": "user", "content": [{"type": "input_text", "text": t}]},
                {
                    "type": "function_call",
                    "call_id": "c",
                    "name": "f",
                    "arguments": f'{{"q": "{t}"}}',
                },
                {"type": "function_call_output", "call_id": "c", "output": t},
            ]
        },
    ),
    "messages: text": ("messages", lambda t: {**_chat(t), "system": t, "max_tokens": 500}),
    "messages: blocks": (
        "messages",
        lambda t: {
            "max_tokens": 500,
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": t}]},
                {
                    "role": "assistant",
                    "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {"q": t}}],
                },
                {
                    "role": "user",
                    "content": [{"type": "tool_result", "tool_use_id": "c", "content": t}],
                },
            ],
        },
    ),
    "embeddings: text": ("embeddings", lambda t: {"input": t}),
    "embeddings: list": ("embeddings", lambda t: {"input": ["hi", t]}),
}
_STREAMED = [(part, s) for part in _PARTS for s in (False, True) if not (s and "embed" in part)]


def _routing(*rails: Guardrail) -> Routing:
    routing = two_deployments()
    return Routing(routing.routes, routing.deployments, rails)


async def _post(it: Running, path: str, body: dict[str, Any], stream: bool) -> httpx.Response:
    body = body | {"model": "search" if path == "embeddings" else "chat"}
    if stream:
        body |= {"stream": True}
    async with httpx.AsyncClient() as client:
        return await client.post(f"{it.service.url}/v1/{path}", json=body, timeout=20)


def _echo(question: Question) -> str:
    return " / ".join(question.messages)


def _streamed_text(answer: httpx.Response) -> str:
    """What the caller has of a stream, in one piece, whichever API it is."""
    said = ""
    for line in answer.text.splitlines():
        if line.startswith("data: {"):
            event = json.loads(line.removeprefix("data: "))
            for choice in event.get("choices", ()):
                said += choice["delta"].get("content") or ""
            if event.get("type") == "response.output_text.delta":
                said += event["delta"]
            if event.get("type") == "content_block_delta":
                said += event["delta"].get("text", "")
    return said


@pytest.mark.parametrize(("part", "stream"), _STREAMED)
def test_nothing_personal_reaches_a_provider_or_the_state_file(
    tmp_path: Path, part: str, stream: bool
) -> None:
    path, ask = _PARTS[part]

    async def test(it: Running) -> None:
        answer = await _post(it, path, ask(SAID), stream)

        assert answer.status_code == 200, answer.text
        received = b"".join(r.body for r in it.stub.received)
        kept = b"".join(p.read_bytes() for p in it.state.parent.iterdir())
        assert b"[EMAIL_1]" in received or b"[US_SSN_1]" in received
        for canary in (MAIL.encode(), SSN.encode()):
            assert canary not in received + kept

    served(tmp_path, test, _routing(PII))


@pytest.mark.parametrize(("part", "stream"), _STREAMED)
def test_what_is_denied_reaches_no_provider(tmp_path: Path, part: str, stream: bool) -> None:
    path, ask = _PARTS[part]

    async def test(it: Running) -> None:
        answer = await _post(it, path, ask("a lethal dose of it"), stream)

        assert answer.status_code == 400
        assert "no dosages" in answer.text
        assert not it.stub.received

    served(tmp_path, test, _routing(DENY))


_SPEAKING = [
    (part, stream)
    for part in ("chat: text", "responses: text", "messages: text")
    for stream in (False, True)
]


@pytest.mark.parametrize(("part", "stream"), _SPEAKING)
@pytest.mark.parametrize("restores", [False, True])
def test_callers_get_their_own_values_back_and_nobody_elses(
    tmp_path: Path, part: str, stream: bool, restores: bool
) -> None:
    path, ask = _PARTS[part]

    async def test(it: Running) -> None:
        answer = await _post(it, path, ask(SAID), stream)

        # The Responses API also tells the caller what the caller's instructions were.
        whole = (
            {k: v for k, v in answer.json().items() if k != "instructions"} if not stream else {}
        )
        said = _streamed_text(answer) if stream else json.dumps(whole)
        assert (f"Dear Jane, {MAIL} and {SSN}." in said) == restores
        assert ("Dear Jane, [EMAIL_1] and [US_SSN_1]." in said) != restores
        assert "boss@example.com" not in said
        assert "[EMAIL_2]" in said

    def says(question: Question) -> str:
        return f"{_echo(question)} Ask boss@example.com."

    served(tmp_path, test, _routing(PII), says=says, restores=restores)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", ["chat/completions", "messages"])
def test_a_tools_arguments_come_back_as_json(tmp_path: Path, path: str, stream: bool) -> None:
    async def test(it: Running) -> None:
        body = _chat(SAID, max_tokens=200)
        if path == "messages":
            body |= {
                "tools": [{"name": "send", "input_schema": _TOOL}],
                "tool_choice": {"type": "tool", "name": "send"},
            }
        else:
            tool = {"type": "function", "function": {"name": "send", "parameters": _TOOL}}
            choice = {"type": "function", "function": {"name": "send"}}
            body |= {"tools": [tool], "tool_choice": choice}
        answer = await _post(it, path, body, stream)

        arguments = _arguments(answer, stream)
        assert arguments == {"to": MAIL}

    served(tmp_path, test, _routing(PII), restores=True)


def _arguments(answer: httpx.Response, stream: bool) -> Any:
    if not stream:
        found = answer.json()
        if "content" in found:
            return found["content"][0]["input"]
        return json.loads(found["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"])
    said = ""
    for line in answer.text.splitlines():
        if line.startswith("data: {"):
            event = json.loads(line.removeprefix("data: "))
            said += event.get("delta", {}).get("partial_json", "")
            for choice in event.get("choices", ()):
                for call in choice["delta"].get("tool_calls") or ():
                    said += call["function"].get("arguments") or ""
    return json.loads(said)


@pytest.mark.parametrize(("part", "stream"), _SPEAKING)
def test_a_denied_answer_ends_in_an_error_and_never_goes_out(
    tmp_path: Path, part: str, stream: bool
) -> None:
    path, ask = _PARTS[part]
    rail = Guardrail(
        "d", "deny", frozenset({"output"}), "block", pattern=DENY.pattern, message="no"
    )

    async def test(it: Running) -> None:
        enough = {"max_tokens": 99_000} if path == "messages" else {}
        answer = await _post(it, path, ask("hello") | enough, stream)

        assert answer.status_code == (200 if stream else 400)
        assert "lethal" not in answer.text
        assert "[DONE]" not in answer.text
        assert "message_stop" not in answer.text
        assert "response.completed" not in answer.text
        assert '"no"' in answer.text
        [row] = it.rows()
        assert row["deployment"]
        assert row["failed_attempts"] == 0

    def says(_: Question) -> str:
        # Longer than what is read at once, so that a stream has begun when the words come.
        return f"{'W' * 200} " * 1_000 + "some say that a lethal dose is rather little, and so on."

    served(tmp_path, test, _routing(rail), says=says)


@pytest.mark.parametrize("on_error", ["block", "pass"])
@pytest.mark.parametrize("stage", ["input", "output"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_guardrail_that_fails_blocks_or_is_named(
    tmp_path: Path,
    on_error: Literal["block", "pass"],
    stage: Literal["input", "output"],
    stream: bool,
) -> None:
    rail = Guardrail("faces", "pii", frozenset({stage}), "redact", ("face",), on_error=on_error)

    async def test(it: Running) -> None:
        answer = await _post(it, "chat/completions", _chat("hello"), stream)

        if on_error == "block":
            assert "a guardrail refused this request" in answer.text
            assert "stub provider" not in answer.text
        else:
            assert answer.status_code == 200
            told = answer.text if stream else str(answer.headers)
            assert "x-designer-unchecked" in told
        [row] = it.rows()
        assert row["unchecked"] == ("" if on_error == "block" else "faces")

    served(tmp_path, test, _routing(rail))


def test_an_alias_of_a_route_is_guarded_as_the_route_is(tmp_path: Path) -> None:
    rail = Guardrail("pii", "pii", BOTH, "redact", ("email",), routes=("chat",))
    routing = two_deployments()
    routing = Routing(routing.routes, routing.deployments, (rail,), aliases=(("talk", "chat"),))

    async def test(it: Running) -> None:
        async with httpx.AsyncClient() as client:
            body = _chat(MAIL, model="talk", stream=True)
            answer = await client.post(f"{it.service.url}/v1/chat/completions", json=body)

        assert "boss@example.com" not in answer.text
        assert "[EMAIL_2]" in _streamed_text(answer)

    served(tmp_path, test, routing, says=lambda q: f"{_echo(q)}: ask boss@example.com")
