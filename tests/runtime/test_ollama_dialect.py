"""What Ollama is sent, word for word, and what its answers mean. Its own client judges the stub's answers in
`test_official_clients`, and a real LiteLLM in `tests/gateways`."""

from typing import Any, get_args, get_type_hints

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import CreateEmbeddingResponse
from openai.types.chat import ChatCompletion

from designer.catalog.model import Provider
from runtime.upstream import (
    DIALECTS,
    Target,
    Translated,
    UntranslatableError,
    dialect_of,
    read_answer,
    translate,
)
from runtime.upstream.ndjson import LineParser
from tests.runtime.test_cloud_dialects import FORM, MORE, SCHEMA
from tests.runtime.test_upstream_dialects import DIALOGUE, TOOL

OLLAMA = Target("http://gpu:11434", "gpt-oss:20b")
DIALECT = DIALECTS["ollama"]
CALLED = {"function": {"name": "weather", "arguments": {"city": "Oslo"}}}
ENDED = {
    "model": "gpt-oss:20b",
    "created_at": "2026-11-24T17:00:00.123456789Z",
    "done": True,
    "done_reason": "stop",
    "prompt_eval_count": 3,
    "eval_count": 2,
}


def _sent(body: dict[str, Any], target: Target = OLLAMA) -> tuple[Translated, Any]:
    translated = translate(DIALECT.request, target, body)
    return translated, orjson.loads(translated.request.body)


def _read(message: dict[str, Any], **ended: Any) -> dict[str, Any]:
    body = orjson.dumps({**ENDED, **ended, "message": {"role": "assistant", **message}})
    answer = read_answer(DIALECT.response, DIALECT, 200, {}, body, "gpt-oss:20b")
    assert isinstance(answer, dict)
    ChatCompletion.model_validate(answer, strict=True)
    return answer


def test_every_wire_of_the_catalog_is_spoken() -> None:
    wires = get_args(get_type_hints(Provider)["dialect"])

    assert {dialect_of(wire, "m").name for wire in wires} == set(wires)


def test_ollama_gets_text_images_and_results_by_the_name_of_the_tool() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    said = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}}  # fmt: skip
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "What "}, {"type": "text", "text": "is it?"}, image]},
        {"role": "assistant", "content": None, "reasoning_content": "hm", "tool_calls": [said]},
        {"role": "tool", "tool_call_id": "call_1", "content": "cold"},
    ]  # fmt: skip

    translated, body = _sent({"messages": messages, "tools": [TOOL], "max_tokens": 9, "stop": "X"})

    assert translated.request.url == "http://gpu:11434/api/chat"
    assert "authorization" not in translated.request.headers
    assert body == {
        "model": "gpt-oss:20b",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "What is it?", "images": ["AAAA"]},
            {"role": "assistant", "content": "", "thinking": "hm", "tool_calls": [CALLED]},
            {"role": "tool", "content": "cold", "tool_name": "weather", "tool_call_id": "call_1"},
        ],
        "stream": False,
        "options": {"num_predict": 9, "stop": ["X"]},
        "tools": [TOOL],
    }


@pytest.mark.parametrize(
    "base", ["", "/", "/v1", "/api", "/api/", "/api/chat", "/api/embed", "/api/generate"]
)
def test_an_address_of_ollama_may_end_in_any_of_its_paths(base: str) -> None:
    translated, _ = _sent(DIALOGUE, Target(f"http://gpu:11434/ollama{base}", "m", "k"))

    assert translated.request.url == "http://gpu:11434/ollama/api/chat"
    assert translated.request.headers["authorization"] == "Bearer k"


@pytest.mark.parametrize(
    ("choice", "tools", "dropped"),
    [
        ("auto", 2, ()),
        (None, 2, ()),
        ("none", 0, ()),
        ("required", 2, ("tool_choice",)),
        ({"type": "function", "function": {"name": "weather"}}, 1, ("tool_choice",)),
    ],
)
def test_a_tool_is_kept_from_ollama_or_shown_and_never_demanded(
    choice: Any, tools: int, dropped: tuple[str, ...]
) -> None:
    other = {"type": "function", "function": {"name": "other"}}

    translated, body = _sent({**DIALOGUE, "tools": [TOOL, other], "tool_choice": choice})

    assert len(body.get("tools", ())) == tools
    assert translated.dropped == dropped


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"response_format": {"type": "json_object"}}, {"format": "json"}),
        ({"response_format": FORM}, {"format": SCHEMA}),
        ({"reasoning_effort": "none"}, {"think": False}),
        ({"reasoning_effort": "minimal"}, {"think": "low"}),
        ({"reasoning_effort": "high"}, {"think": "high"}),
        ({"reasoning_effort": "high", "think": True}, {"think": True}),
        ({"keep_alive": "10m"}, {"keep_alive": "10m"}),
        ({"num_ctx": 8192, "seed": 0}, {"options": {"num_ctx": 8192, "seed": 0}}),
    ],
)
def test_the_words_of_a_request_have_a_place_at_ollama(asked: Any, said: dict[str, Any]) -> None:
    translated, body = _sent({"messages": [{"role": "user", "content": "x"}], **asked})

    assert {key: body[key] for key in said} == said
    assert translated.dropped == ()


def test_parameters_without_an_equivalent_are_named() -> None:
    translated, _ = _sent({**DIALOGUE, **MORE})

    left_out = {"logit_bias", "logprobs", "metadata", "n", "parallel_tool_calls", "tool_choice"}
    assert set(translated.dropped) == left_out


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/a.png"}}]}, "fetches none"),
        ({"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}]}, "anything but text and images"),
        ({"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{"}}]}, "no JSON"),
        ({"role": "oracle", "content": "x"}, "oracle"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_refused_and_not_left_out(message: Any, why: str) -> None:
    with pytest.raises(UntranslatableError, match=why):
        _sent({"messages": [message]})


def test_an_answer_of_ollama_comes_back_in_openais_shape() -> None:
    answer = _read({"content": "Hi", "thinking": "hm"})

    [choice] = answer["choices"]
    said = {"role": "assistant", "content": "Hi", "reasoning_content": "hm"}
    assert (choice["message"], choice["finish_reason"]) == (said, "stop")
    assert answer["created"] == 1795539600
    assert answer["usage"]["total_tokens"] == 5


def test_calls_end_an_answer_and_have_an_id_of_their_own_where_ollama_gives_none() -> None:
    answer = _read({"content": "", "tool_calls": [CALLED, {"id": "call_x", **CALLED}]})

    [choice] = answer["choices"]
    assert choice["finish_reason"] == "tool_calls"
    calls = choice["message"]["tool_calls"]
    assert [call["id"] for call in calls] == ["call_1795539600_0", "call_x"]
    assert orjson.loads(calls[0]["function"]["arguments"]) == {"city": "Oslo"}


def test_an_answer_that_its_limit_cut_says_so_and_counts_of_none_may_be_missing() -> None:
    cut = _read({"content": "Hi"}, done_reason="length", prompt_eval_count=None)

    assert cut["choices"][0]["finish_reason"] == "length"
    assert (cut["usage"]["prompt_tokens"], cut["usage"]["completion_tokens"]) == (0, 2)


def test_an_answer_that_nobody_has_counted_has_no_usage() -> None:
    uncounted = _read({"content": "Hi"}, prompt_eval_count=None, eval_count=None)
    message = {"role": "assistant", "content": "Hi"}
    last = {**ENDED, "eval_count": None, "prompt_eval_count": None, "message": message}

    assert "usage" not in uncounted
    assert not [chunk for chunk in DIALECT.stream("m")(last) if chunk.get("usage")]


def test_vectors_are_asked_for_and_read() -> None:
    assert DIALECT.embedding is not None
    asked = {"model": "alias", "input": "a", "dimensions": 2, "encoding_format": "float", "user": "u"}  # fmt: skip
    said = {"model": "m", "embeddings": [[1.0, 2.0]], "prompt_eval_count": 1}

    translated = translate(DIALECT.embedding.request, OLLAMA, asked)
    answer = read_answer(DIALECT.embedding.response, DIALECT, 200, {}, orjson.dumps(said), "m")

    assert translated.request.url == "http://gpu:11434/api/embed"
    assert orjson.loads(translated.request.body) == {"model": "gpt-oss:20b", "input": ["a"], "dimensions": 2}  # fmt: skip
    assert translated.dropped == ("user",)
    assert isinstance(answer, dict)
    CreateEmbeddingResponse.model_validate(answer)
    assert (answer["data"][0]["embedding"], answer["usage"]["prompt_tokens"]) == ([1.0, 2.0], 1)


_lines = st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"x")), max_size=6)


@given(_lines, st.booleans(), st.data())
def test_lines_come_back_however_they_were_cut(
    lines: list[bytes], ends: bool, data: st.DataObject
) -> None:
    stream = b"\n".join(lines) + (b"\n" if ends else b"")
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=6)))
    parser = LineParser()

    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    events = [event for piece in pieces for event in parser.feed(piece)] + parser.close()

    assert [event.data for event in events] == [line for line in lines if line.strip()]
