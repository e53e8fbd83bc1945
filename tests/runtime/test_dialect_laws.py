"""Laws that hold for every dialect: nothing of a dialogue is lost on the way to a provider, and nothing
of an answer on the way back, whole or streamed, however it is cut."""

import base64
import re
from typing import Any

import botocore.session
import orjson
import pytest
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as st

from runtime.stub.answers import Answer, Question
from runtime.stub.wires import WIRES, Wire
from runtime.upstream import DIALECTS, StreamDecoder, Target, read_answer, translate

TARGET = Target("https://api.example.com", "the-model", "s3cret")
WIRE_OF = {"vertex": "gemini", "vertex_openai": "openai"}
"""Dialects that are spoken over another one's wire."""

every_dialect = pytest.mark.parametrize("name", sorted(DIALECTS))


def _wire(name: str) -> Wire:
    return next(wire for wire in WIRES if wire.name == WIRE_OF.get(name, name))


# --- requests ------------------------------------------------------------------------------------

_MARK = re.compile(rb"mark[0-9]+x")
_PIXEL = "data:image/png;base64,AAAA"


@st.composite
def dialogues(draw: st.DrawFn) -> tuple[list[Any], list[bytes], list[bytes]]:
    """A dialogue in OpenAI's words; the marks in its instructions and in all the rest, in order."""
    said: dict[bool, list[bytes]] = {True: [], False: []}

    def text(instructs: bool = False) -> str:
        mark = f"mark{len(said[True]) + len(said[False])}x"
        said[instructs].append(mark.encode())
        return draw(st.sampled_from(["", " ", '"\n', "Gr\u00fc\u00dfe "])) + mark

    def content(instructs: bool = False) -> Any:
        if draw(st.booleans()):
            return text(instructs)
        parts: list[Any] = [
            {"type": "text", "text": text(instructs)} for _ in range(draw(st.integers(1, 3)))
        ]
        if not instructs and draw(st.booleans()):
            parts.append({"type": "image_url", "image_url": {"url": _PIXEL}})
        return parts

    messages: list[Any] = []
    for turn in range(draw(st.integers(1, 4))):
        if draw(st.booleans()):
            role = draw(st.sampled_from(["system", "developer"]))
            messages.append({"role": role, "content": content(True)})
        messages.append({"role": "user", "content": content()})
        count = draw(st.integers(0, 3))
        plain = {
            "role": "assistant",
            "content": text() if count == 0 or draw(st.booleans()) else None,
        }
        if count == 0:
            messages.append(plain)
            continue
        calls = [
            {
                "id": f"call_{turn}_{number}",
                "type": "function",
                "function": {
                    "name": f"tool{number}",
                    "arguments": orjson.dumps({"a": text()}).decode(),
                },
            }
            for number in range(count)
        ]
        messages.append({**plain, "tool_calls": calls})
        for call in calls:
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": text()})
    return messages, said[True], said[False]


@every_dialect
@given(dialogue=dialogues(), is_stream=st.booleans())
def test_nothing_that_was_said_is_lost_or_changes_places(
    name: str, dialogue: tuple[list[Any], list[bytes], list[bytes]], is_stream: bool
) -> None:
    messages, instructions, rest = dialogue

    sent = translate(DIALECTS[name].request, TARGET, {"messages": messages, "stream": is_stream})

    found = _MARK.findall(sent.request.body)
    assert [mark for mark in found if mark in instructions] == instructions
    assert [mark for mark in found if mark in rest] == rest
    assert sent.request.body.count(b"AAAA") == str(messages).count("AAAA")
    assert (sent.dropped, sent.request.is_stream) == ((), is_stream)


@every_dialect
@given(dialogue=dialogues())
def test_a_provider_reads_the_dialogue_that_was_sent(
    name: str, dialogue: tuple[list[Any], list[bytes], list[bytes]]
) -> None:
    messages, instructions, rest = dialogue
    body = {"messages": messages, "max_tokens": 7, "stream": True}
    sent = translate(DIALECTS[name].request, TARGET, body).request
    wire = _wire(name)
    address = wire.path.search(sent.url.removeprefix("https://api.example.com").partition("?")[0])
    assert address is not None

    question = wire.question(orjson.loads(sent.body), address.groupdict(), "d")

    assert (question.model, question.is_stream, question.max_tokens) == ("the-model", True, 7)
    read = "".join(question.messages).encode()
    written = [message["content"] for message in messages if message["role"] == "user"]
    assert all(mark in read for mark in _MARK.findall(str(written).encode()))


SHAPE = botocore.session.get_session().get_service_model("bedrock-runtime").operation_model("Converse").input_shape  # fmt: skip
TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True}}  # fmt: skip
FORM = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}


@given(
    dialogue=dialogues(),
    more=st.fixed_dictionaries(
        {},
        optional={
            "tools": st.just([TOOL]),
            "tool_choice": st.sampled_from(["auto", "none", "required"]),
            "temperature": st.floats(0, 2),
            "top_p": st.floats(0, 1),
            "max_tokens": st.integers(1, 9000),
            "stop": st.sampled_from(["END", ["a", "b"]]),
            "response_format": st.just(FORM),
            "reasoning_effort": st.sampled_from(["none", "minimal", "low", "high"]),
            "top_k": st.integers(1, 9),
        },
    ),
)
def test_amazons_own_model_of_the_api_finds_nothing_wrong_with_a_request(
    dialogue: tuple[list[Any], list[bytes], list[bytes]], more: dict[str, Any]
) -> None:
    sent = translate(DIALECTS["bedrock"].request, TARGET, {"messages": dialogue[0], **more}).request

    body = _with_bytes(orjson.loads(sent.body))
    report = ParamValidator().validate({"modelId": "m", **body}, SHAPE)
    assert not report.has_errors(), report.generate_report()


def _with_bytes(value: Any) -> Any:
    """As Amazon's client has it before it writes JSON."""
    match value:
        case dict():
            return {
                k: base64.b64decode(v) if k == "bytes" else _with_bytes(v) for k, v in value.items()
            }
        case list():
            return [_with_bytes(item) for item in value]
    return value


# --- answers -------------------------------------------------------------------------------------

_texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)
_json = st.dictionaries(
    _texts, st.one_of(_texts, st.integers(-(2**53), 2**53), st.none()), max_size=3
)
_counts = st.integers(0, 10**9)
answers = st.one_of(
    st.builds(Answer, _texts, st.none(), _counts, _counts, st.booleans()),
    st.builds(
        lambda arguments, read, written: Answer(
            "", ("weather", orjson.dumps(arguments).decode()), read, written
        ),
        _json,
        _counts,
        _counts,
    ),
)


def _asked(is_stream: bool) -> Question:
    body = {"stream_options": {"include_usage": True}}
    return Question("the-model", "d", ("hello",), is_stream, body=body)


def _finish(answer: Answer) -> str:
    return "tool_calls" if answer.tool else "length" if answer.is_cut else "stop"


@every_dialect
@given(answer=answers)
def test_an_answer_is_read_as_the_provider_wrote_it(name: str, answer: Answer) -> None:
    dialect, written = DIALECTS[name], _wire(name).whole(_asked(False), answer)

    read = read_answer(dialect.response, dialect, 200, {}, orjson.dumps(written), "the-model")

    assert isinstance(read, dict)
    [choice] = read["choices"]
    assert (choice["message"]["content"] or "") == answer.text
    calls = [
        (call["function"]["name"], orjson.loads(call["function"]["arguments"]))
        for call in choice["message"].get("tool_calls", ())
    ]
    assert calls == (
        [] if answer.tool is None else [(answer.tool[0], orjson.loads(answer.tool[1]))]
    )
    assert choice["finish_reason"] == _finish(answer)
    _assert_counted(name, read.get("usage"), answer)


@every_dialect
@given(answer=answers, data=st.data())
def test_a_stream_is_read_as_the_provider_wrote_it(
    name: str, answer: Answer, data: st.DataObject
) -> None:
    dialect, wire = DIALECTS[name], _wire(name)
    stream = b"".join(piece for piece, _ in wire.pieces(_asked(True), answer)) + wire.ending
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=5)))
    decoder = StreamDecoder(dialect.stream("the-model"), dialect.framing())

    chunks = [
        chunk
        for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)
        for chunk in decoder.feed(stream[start:end])
    ]
    rest, end_ = decoder.close()

    deltas = [choice["delta"] for chunk in chunks + rest for choice in chunk["choices"]]
    assert "".join(delta.get("content") or "" for delta in deltas) == answer.text
    calls = [call for delta in deltas for call in delta.get("tool_calls", ())]
    assert [call["function"]["name"] for call in calls if "id" in call] == (
        [] if answer.tool is None else [answer.tool[0]]
    )
    arguments = "".join(call["function"].get("arguments") or "" for call in calls)
    if answer.tool is not None:
        assert orjson.loads(arguments) == orjson.loads(answer.tool[1])
    assert (end_.failure, end_.finish_reason, end_.bad_chunks) == (None, _finish(answer), 0)
    _assert_counted(name, end_.usage, answer)


def _assert_counted(name: str, usage: Any, answer: Answer) -> None:
    if name == "ollama" and not answer.completion_tokens:  # left out, as where nobody has counted
        assert usage is None
        return
    counted = (usage["prompt_tokens"], usage["completion_tokens"])
    assert counted == (answer.prompt_tokens, answer.completion_tokens)
