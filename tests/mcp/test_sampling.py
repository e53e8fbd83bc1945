"""What an MCP server asks, as a chat completion, and the answer in the protocol's words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from mcp import types

from runtime.mcp.sampling import UnsayableError, chat_body, preferences, result

pytestmark = pytest.mark.slow


def asked(*messages: types.SamplingMessage, **rest: Any) -> types.CreateMessageRequestParams:
    return types.CreateMessageRequestParams(messages=list(messages), max_tokens=64, **rest)


def said(*blocks: Any, role: Any = "user") -> types.SamplingMessage:
    return types.SamplingMessage(role=role, content=list(blocks))


TEXT = types.TextContent(text="hello")
TOOL = types.Tool(name="weather", description="of a town", input_schema={"type": "object"})


def test_everything_that_a_chat_can_say_is_said() -> None:
    body = chat_body(
        "chat",
        asked(
            said(TEXT, types.ImageContent(data="aGk=", mime_type="image/png")),
            said(types.AudioContent(data="aGk=", mime_type="audio/wav")),
            said(
                types.ToolUseContent(id="1", name="weather", input={"town": "Ulm"}),
                role="assistant",
            ),
            said(
                types.ToolResultContent(tool_use_id="1", content=[types.TextContent(text="rain")])
            ),
            system_prompt="be brief",
            temperature=0.0,
            stop_sequences=["END"],
            tools=[TOOL],
            tool_choice=types.ToolChoice(mode="required"),
        ),
    )

    assert [m["role"] for m in body["messages"]] == ["system", "user", "user", "assistant", "tool"]
    _, picture, sound, call, weather = body["messages"]
    assert picture["content"][1]["image_url"]["url"] == "data:image/png;base64,aGk="
    assert sound["content"][0]["input_audio"] == {"data": "aGk=", "format": "wav"}
    assert json.loads(call["tool_calls"][0]["function"]["arguments"]) == {"town": "Ulm"}
    assert weather == {"role": "tool", "tool_call_id": "1", "content": "rain"}
    assert body["tools"][0]["function"]["parameters"] == {"type": "object"}
    assert (body["model"], body["max_tokens"], body["temperature"]) == ("chat", 64, 0.0)
    assert (body["stop"], body["tool_choice"]) == (["END"], "required")


def test_a_text_alone_is_a_plain_string() -> None:
    assert chat_body("chat", asked(said(TEXT)))["messages"] == [
        {"role": "user", "content": "hello"}
    ]


def test_a_failed_tool_says_so() -> None:
    failed = types.ToolResultContent(
        tool_use_id="1", content=[types.TextContent(text="no such town")], is_error=True
    )

    assert chat_body("chat", asked(said(failed)))["messages"][0]["content"] == "error: no such town"


@pytest.mark.parametrize(
    "block",
    [
        types.AudioContent(data="aGk=", mime_type="audio/ogg"),
        types.ToolResultContent(
            tool_use_id="1", content=[types.ImageContent(data="aGk=", mime_type="image/png")]
        ),
    ],
)
def test_what_a_chat_has_no_word_for_is_refused(block: Any) -> None:
    with pytest.raises(UnsayableError, match="cannot be asked"):
        chat_body("chat", asked(said(block)))


def test_what_the_server_sends_chooses_no_host_and_no_route_by_metadata() -> None:
    body = chat_body("chat", asked(said(TEXT), metadata={"tier": "gold", "api_base": "http://x"}))

    assert set(body) == {"model", "messages", "max_tokens"}


def test_preferences_that_are_not_there_are_none() -> None:
    said_nothing = preferences(asked(said(TEXT)))

    assert (said_nothing.hints, said_nothing.cost) == ((), 0.0)


@pytest.mark.parametrize(
    ("finish", "stopped"),
    [("stop", "endTurn"), ("length", "maxTokens"), ("content_filter", "contentFilter")],
)
def test_an_answer_names_the_model_that_gave_it_and_why_it_ended(finish: str, stopped: str) -> None:
    message = {"role": "assistant", "content": "hi"}
    answer = {"model": "gpt-6", "choices": [{"message": message, "finish_reason": finish}]}

    told = result(answer, with_tools=False)

    assert (told.model, told.stop_reason, told.content) == (
        "gpt-6",
        stopped,
        types.TextContent(text="hi"),
    )


def test_calls_of_tools_are_given_where_tools_were_offered() -> None:
    call = {"id": "1", "function": {"name": "weather", "arguments": '{"town": "Ulm"}'}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    answer = {"model": "m", "choices": [{"message": message, "finish_reason": "tool_calls"}]}

    told = result(answer, with_tools=True)

    assert told.stop_reason == "toolUse"
    assert told.content == [types.ToolUseContent(id="1", name="weather", input={"town": "Ulm"})]
