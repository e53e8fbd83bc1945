"""Streams of every dialect: whole events only, and a verdict on how they ended."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionChunk

from runtime.upstream import DIALECTS, StreamDecoder, StreamEnd
from runtime.upstream.sse import EventParser


def _sse(*payloads: Any, done: bool = False) -> bytes:
    lines = [
        b"data: " + (p if isinstance(p, bytes) else orjson.dumps(p)) + b"\n\n" for p in payloads
    ]
    return b"".join(lines) + (b"data: [DONE]\n\n" if done else b"")


def _openai(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {
        "id": "c",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [choice],
        **more,
    }


USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
OPENAI_STREAM = _sse(
    _openai({"role": "assistant", "content": ""}),
    _openai({"content": "Gr\u00fc\u00df "}),
    _openai({"content": "Gott \U0001f44b"}),
    _openai({}, "stop"),
    {**_openai({}), "choices": [], "usage": USAGE},
    done=True,
)
ANTHROPIC_STREAM = b"".join(
    b"event: " + payload["type"].encode() + b"\ndata: " + orjson.dumps(payload) + b"\n\n"
    for payload in (
        {"type": "message_start", "message": {"id": "m1", "model": "claude-x", "usage": {"input_tokens": 3, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Gr\u00fc\u00df "}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Gott \U0001f44b"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
        {"type": "message_stop"},
    )
)  # fmt: skip
GEMINI_STREAM = _sse(
    {"responseId": "r", "candidates": [{"content": {"parts": [{"text": "Gr\u00fc\u00df "}]}}]},
    {
        "responseId": "r",
        "candidates": [
            {"content": {"parts": [{"text": "Gott \U0001f44b"}]}, "finishReason": "STOP"}
        ],
        "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2},
    },
)
STREAMS = {
    "openai": OPENAI_STREAM,
    "azure": OPENAI_STREAM,
    "anthropic": ANTHROPIC_STREAM,
    "gemini": GEMINI_STREAM,
}


def _decode(name: str, *pieces: bytes) -> tuple[list[dict[str, Any]], StreamEnd]:
    decoder = StreamDecoder(DIALECTS[name].stream("the-model"), DIALECTS[name].framing())
    chunks = [chunk for piece in pieces for chunk in decoder.feed(piece)]
    rest, end = decoder.close()
    return chunks + rest, end


def _text(chunks: list[dict[str, Any]]) -> str:
    return "".join(
        choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"]
    )


every_dialect = pytest.mark.parametrize("name", sorted(STREAMS))


@every_dialect
def test_a_stream_becomes_openais_chunks(name: str) -> None:
    chunks, end = _decode(name, STREAMS[name])

    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk, strict=True)
    assert _text(chunks) == "Gr\u00fc\u00df Gott \U0001f44b"
    assert end.failure is None
    assert end.finish_reason == "stop"
    assert end.usage is not None
    assert (end.usage["prompt_tokens"], end.usage["completion_tokens"]) == (3, 2)


@every_dialect
@given(data=st.data())
def test_it_does_not_matter_how_the_bytes_were_cut(name: str, data: st.DataObject) -> None:
    line_end = data.draw(st.sampled_from([b"\n", b"\r\n", b"\r"]))
    stream = STREAMS[name].replace(b"\n", line_end)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=20)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]

    assert _decode(name, *pieces) == _decode(name, STREAMS[name])


@every_dialect
@given(data=st.data())
def test_a_stream_cut_anywhere_is_never_taken_for_a_whole_answer(
    name: str, data: st.DataObject
) -> None:
    stream = STREAMS[name]
    length = data.draw(st.integers(0, len(stream)))

    chunks, end = _decode(name, stream[:length])

    whole, _ = _decode(name, stream)
    assert whole[: len(chunks)] == chunks
    if end.failure is None:
        assert _text(chunks) == _text(whole)
    else:
        assert end.failure.token in ("stream_cut", "empty", "malformed")
        assert end.finish_reason is None


@given(pieces=st.lists(st.binary(max_size=40), max_size=10))
def test_no_bytes_whatever_upset_a_decoder(pieces: list[bytes]) -> None:
    for name in STREAMS:
        _decode(name, *pieces)


@given(
    st.lists(
        st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"])), min_size=1
    )
)
def test_an_events_lines_come_back_joined(lines: list[str]) -> None:
    sent = "".join(f"data: {line}\n" for line in lines) + "\n"

    (event,) = EventParser().feed(sent.encode())

    assert event.data.decode() == "\n".join(lines)


def test_comments_and_unknown_fields_are_passed_over() -> None:
    noise = b": keep-alive\n\nid: 7\nretry: 10\n\n"

    chunks, end = _decode("openai", noise + OPENAI_STREAM.replace(b"\n\n", b"\n\n" + noise))

    assert _text(chunks) == "Gr\u00fc\u00df Gott \U0001f44b"
    assert (end.failure, end.bad_chunks) == (None, 0)


@pytest.mark.parametrize(
    "bad",
    [b'{"choices": [{"del', b"oops", b"42", b'{"object": "x"}', b'{"choices": [1]}', b"\xff\xfe"],
)
def test_a_chunk_that_is_none_is_skipped_and_counted(bad: bytes) -> None:
    stream = OPENAI_STREAM.replace(b"\n\n", b"\n\ndata: " + bad + b"\n\n", 1)

    chunks, end = _decode("openai", stream)

    assert _text(chunks) == "Gr\u00fc\u00df Gott \U0001f44b"
    assert (end.failure, end.bad_chunks) == (None, 1)


def test_a_stream_without_done_is_complete_once_the_answer_is() -> None:
    _, end = _decode("openai", OPENAI_STREAM.removesuffix(b"data: [DONE]\n\n"))

    assert end.failure is None


def test_the_last_event_may_lack_its_empty_line() -> None:
    stream = _sse(_openai({"content": "hi"}), _openai({}, "stop")).rstrip(b"\n")

    _, end = _decode("openai", stream)

    assert end.failure is None


def test_one_of_two_answers_left_open_is_a_cut() -> None:
    other = _openai({"content": "b"})
    other["choices"][0]["index"] = 1

    _, end = _decode("openai", _sse(_openai({"content": "a"}), other, _openai({}, "stop")))

    assert end.failure is not None
    assert end.failure.token == "stream_cut"


@pytest.mark.parametrize(
    ("name", "event", "token"),
    [
        ("openai", {"error": {"message": "The server had an error", "code": 502}}, "stream_error"),
        ("openai", {"error": "gone"}, "stream_error"),
        ("anthropic", {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, "stream_error"),
        ("gemini", {"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}, "stream_error"),
        ("gemini", {"promptFeedback": {"blockReason": "SAFETY"}}, "content_policy"),
    ],
)  # fmt: skip
def test_an_error_inside_a_stream_ends_it(name: str, event: dict[str, Any], token: str) -> None:
    chunks, end = _decode(name, _sse(event) + STREAMS[name])

    assert chunks == []
    assert end.failure is not None
    assert end.failure.token == token


@pytest.mark.parametrize(
    ("stream", "token"),
    [
        (b"", "empty"),
        (b'{"not": "a stream"}', "malformed"),
        (b"<html>hello</html>", "malformed"),
        (_sse(_openai({"content": ""}), _openai({}, "stop"), done=True), "empty"),
        (_sse(_openai({"content": "half"})), "stream_cut"),
    ],
)
def test_a_stream_that_says_nothing_is_a_failure(stream: bytes, token: str) -> None:
    _, end = _decode("openai", stream)

    assert end.failure is not None
    assert end.failure.token == token


def test_anthropics_tool_calls_arrive_piece_by_piece() -> None:
    chunks, end = _decode(
        "anthropic",
        _sse(
            {"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 1}}},
            {"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "id": "t1", "name": "f", "input": {}}},
            {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": '{"a":'}},
            {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": " 1}"}},
            {"type": "content_block_stop", "index": 1},
            {"type": "content_block_start", "index": 2, "content_block": {"type": "tool_use", "id": "t2", "name": "g", "input": {}}},
            {"type": "content_block_stop", "index": 2},
            {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 9}},
            {"type": "message_stop"},
        ),
    )  # fmt: skip

    calls: dict[int, str] = {}
    for chunk in chunks:
        for choice in chunk["choices"]:
            for call in choice["delta"].get("tool_calls", ()):
                calls[call["index"]] = calls.get(call["index"], "") + call["function"]["arguments"]
    assert calls == {0: '{"a": 1}', 1: "{}"}
    assert (end.failure, end.finish_reason) == (None, "tool_calls")


_LINES = st.sampled_from(
    [
        b"data: a\n",
        b"data:b\n",
        b"data: \n",
        b"\n",
        b"\n\n",
        b": c\n",
        b"event: e\n",
        b"data: [DONE]",
    ]
)


@given(lines=st.lists(_LINES, max_size=20), data=st.data())
def test_events_are_the_same_however_the_bytes_are_cut(
    lines: list[bytes], data: st.DataObject
) -> None:
    sent = b"".join(lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=6)))
    in_pieces, by_byte = EventParser(), EventParser()

    found = [
        event
        for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True)
        for event in in_pieces.feed(sent[start:end])
    ]

    slow = [event for byte in sent for event in by_byte.feed(bytes([byte]))]
    assert found + in_pieces.close() == slow + by_byte.close()
