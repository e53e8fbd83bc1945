"""Streams of every dialect: whole events only, and a verdict on how they ended."""

import itertools
import struct
import zlib
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionChunk

from runtime.stub.wires import aws_event
from runtime.upstream import (
    DIALECTS,
    StreamDecoder,
    StreamEnd,
    listed,
    read_chunks,
    without_usage,
)
from runtime.upstream.eventstream import MessageParser
from runtime.upstream.sse import Event, EventParser


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
COHERE_STREAM = _sse(
    {"type": "message-start", "id": "c", "delta": {"message": {"role": "assistant"}}},
    {"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}},
    {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "Gr\u00fc\u00df "}}}},
    {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "Gott \U0001f44b"}}}},
    {"type": "content-end", "index": 0},
    {
        "type": "message-end",
        "delta": {"finish_reason": "COMPLETE", "usage": {"billed_units": {"input_tokens": 3.0, "output_tokens": 2.0}, "tokens": {"input_tokens": 70.0, "output_tokens": 4.0}}},
    },
)  # fmt: skip
BEDROCK_STREAM = b"".join(
    aws_event(name, payload)
    for name, payload in (
        ("messageStart", {"role": "assistant"}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Gr\u00fc\u00df "}, "p": "abcd"}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Gott \U0001f44b"}}),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("messageStop", {"stopReason": "end_turn"}),
        ("metadata", {"usage": {"inputTokens": 1, "cacheReadInputTokens": 2, "outputTokens": 2, "totalTokens": 5}, "metrics": {"latencyMs": 1}}),
    )
)  # fmt: skip
OLLAMA_STREAM = b"".join(
    orjson.dumps({"model": "m", "created_at": "2026-11-24T17:00:00Z", **payload}) + b"\n"
    for payload in (
        {"message": {"role": "assistant", "content": "Gr\u00fc\u00df "}, "done": False},
        {"message": {"role": "assistant", "content": "Gott \U0001f44b"}, "done": False},
        {"message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 2},
    )
)  # fmt: skip
STREAMS = {
    "openai": OPENAI_STREAM,
    "azure": OPENAI_STREAM,
    "anthropic": ANTHROPIC_STREAM,
    "gemini": GEMINI_STREAM,
    "cohere": COHERE_STREAM,
    "bedrock": BEDROCK_STREAM,
    "ollama": OLLAMA_STREAM,
    "vertex": GEMINI_STREAM,
    "vertex_anthropic": ANTHROPIC_STREAM,
    "vertex_openai": OPENAI_STREAM,
}


def _decode(
    name: str, *pieces: bytes, passes: bool = False
) -> tuple[list[dict[str, Any]], StreamEnd]:
    dialect = DIALECTS[name]
    decoder = StreamDecoder(dialect.stream("the-model"), dialect.framing(), passes)
    chunks = [chunk for piece in pieces for chunk in decoder.feed(piece)]
    rest, end = decoder.close()
    return read_chunks(chunks + rest), end


def _text(chunks: list[dict[str, Any]]) -> str:
    return "".join(
        choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"]
    )


every_dialect = pytest.mark.parametrize("name", sorted(STREAMS))


def test_every_dialect_has_a_stream_here() -> None:
    assert STREAMS.keys() == DIALECTS.keys()


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
    stream = STREAMS[name]
    if name != "bedrock":  # which has no lines
        ends = [b"\n", b"\r\n", *([] if name == "ollama" else [b"\r"])]
        stream = stream.replace(b"\n", data.draw(st.sampled_from(ends)))
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


_TEXTS = st.text(st.sampled_from('ab \U0001f44b\u00fc"\\\n{}:,'), max_size=6) | st.sampled_from(
    ['","usage":null', "[DONE]", '"error":', '"finish_reason":"stop"']
)
_MORE = st.fixed_dictionaries(
    {},
    optional={
        "usage": st.sampled_from([None, None, USAGE]),
        "obfuscation": _TEXTS,
        "error": st.sampled_from([None, {"message": "no"}]),
    },
)


@st.composite
def _alike_events(draw: st.DrawFn) -> bytes:
    """Mostly the same event with other words; now and then another one, or one that is broken."""
    keys = ["content", "refusal"] if draw(st.integers(0, 3)) == 0 else ["content"]
    delta = {key: draw(_TEXTS) for key in keys}
    finish = draw(st.sampled_from([None] * 9 + ["stop"]))
    event = orjson.dumps(_openai(delta, finish, **draw(_MORE)))
    if draw(st.integers(0, 5)) == 0:
        at = draw(st.integers(0, len(event)))
        instead = draw(
            st.sampled_from([b"", b'"', b"\\", b"\xff", b"\n", b"\x01", b" ", b",", b"}"])
        )
        event = event[:at] + instead + event[at + draw(st.integers(0, 2)) :]
    return event


@given(
    st.lists(_alike_events(), max_size=12),
    st.booleans(),
    st.lists(st.integers(0, 1500), max_size=4).map(sorted),
    st.sampled_from([b"\n", b"\n", b"\n", b"\r\n", b"\r"]),
)
@settings(max_examples=max(300, settings().max_examples))
def test_chunks_that_pass_as_text_say_what_they_say_when_read(
    events: list[bytes], done: bool, cuts: list[int], line_end: bytes
) -> None:
    stream = _sse(*events, done=done).replace(b"\n", line_end)
    pieces = [stream[a:b] for a, b in itertools.pairwise([0, *cuts, len(stream)])]

    read, end = _decode("openai", stream)
    passed, same_end = _decode("openai", *pieces, passes=True)

    assert (passed, same_end) == (read, end)


def test_of_a_long_answer_only_what_is_new_is_read() -> None:
    words = [
        _openai({"content": f"w\u00f6rd {n}"}, usage=None, obfuscation="x" * n) for n in range(9)
    ]
    decoder = StreamDecoder(DIALECTS["openai"].stream("m"), passes=True)

    first, *passed = decoder.feed(_sse(*words))

    assert first == words[0]
    assert passed == [b"\n\ndata: ".join(map(orjson.dumps, words[1:]))]
    assert orjson.loads(orjson.dumps(listed([first, *passed]))) == words
    assert read_chunks([without_usage(text) for text in passed if isinstance(text, bytes)]) == [
        {key: value for key, value in chunk.items() if key != "usage"} for chunk in words[1:]
    ]


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
        ("cohere", {"type": "message-end", "delta": {"finish_reason": "TIMEOUT"}}, "stream_error"),
    ],
)  # fmt: skip
def test_an_error_inside_a_stream_ends_it(name: str, event: dict[str, Any], token: str) -> None:
    chunks, end = _decode(name, _sse(event) + STREAMS[name])

    assert chunks == []
    assert end.failure is not None
    assert end.failure.token == token


@pytest.mark.parametrize(
    ("name", "status"),
    [("throttlingException", 429), ("modelStreamErrorException", 424), ("newException", None)],
)
def test_an_exception_inside_amazons_stream_ends_it(name: str, status: int | None) -> None:
    exception = aws_event(name, {"message": "Slow down"}, "exception")

    chunks, end = _decode("bedrock", exception + BEDROCK_STREAM)

    assert chunks == []
    assert end.failure is not None
    assert (end.failure.token, end.failure.status) == ("stream_error", status)
    assert end.failure.message == "Slow down"


@given(at=st.integers(0, len(BEDROCK_STREAM) - 1), bit=st.integers(0, 7))
def test_no_flipped_bit_of_amazons_stream_passes_unseen(at: int, bit: int) -> None:
    """Its checksums are looked at."""
    flipped = bytearray(BEDROCK_STREAM)
    flipped[at] ^= 1 << bit

    chunks, end = _decode("bedrock", bytes(flipped))

    whole, _ = _decode("bedrock", BEDROCK_STREAM)
    assert chunks == whole[: len(chunks)]
    assert end.failure is not None


@pytest.mark.parametrize("kind", range(10))
def test_headers_of_every_type_stand_in_amazons_messages(kind: int) -> None:
    """A new header of any type is passed over, and what follows it is read."""
    size = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}.get(kind, 5)
    prefix = b"\x00\x05" if kind in (6, 7) else b""
    extra = b"\x01x" + bytes([kind]) + prefix + b"a" * size
    known = b"".join(
        bytes([len(name)]) + name + b"\x07" + len(value).to_bytes(2, "big") + value
        for name, value in ((b":event-type", b"metadata"), (b":message-type", b"event"))
    )
    headers, payload = extra + known, b'{"a":1}'
    prelude = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + headers + payload
    message += struct.pack("!I", zlib.crc32(message))

    assert MessageParser().feed(message) == [Event("metadata", b'{"metadata":{"a":1}}')]


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


CALL_BEGINS = {"id": "t1", "type": "function", "function": {"name": "f", "arguments": ""}}
CALLING = {
    "cohere": _sse(
        {"type": "message-start", "id": "c"},
        {"type": "tool-plan-delta", "delta": {"message": {"tool_plan": "Looking."}}},
        {"type": "tool-call-start", "index": 3, "delta": {"message": {"tool_calls": CALL_BEGINS}}},
        {"type": "tool-call-delta", "index": 3, "delta": {"message": {"tool_calls": {"function": {"arguments": '{"a":'}}}}},
        {"type": "tool-call-delta", "index": 3, "delta": {"message": {"tool_calls": {"function": {"arguments": " 1}"}}}}},
        {"type": "tool-call-end", "index": 3},
        {"type": "tool-call-start", "index": 4, "delta": {"message": {"tool_calls": {**CALL_BEGINS, "id": "t2"}}}},
        {"type": "tool-call-delta", "index": 4, "delta": {"message": {"tool_calls": {"function": {"arguments": "{}"}}}}},
        {"type": "message-end", "delta": {"finish_reason": "TOOL_CALL"}},
    ),
    "bedrock": b"".join(
        aws_event(name, payload)
        for name, payload in (
            ("messageStart", {"role": "assistant"}),
            ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "hm"}}}),
            ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"text": "Looking."}}),
            ("contentBlockStart", {"contentBlockIndex": 2, "start": {"toolUse": {"toolUseId": "t1", "name": "f"}}}),
            ("contentBlockDelta", {"contentBlockIndex": 2, "delta": {"toolUse": {"input": '{"a":'}}}),
            ("contentBlockDelta", {"contentBlockIndex": 2, "delta": {"toolUse": {"input": " 1}"}}}),
            ("contentBlockStop", {"contentBlockIndex": 2}),
            ("contentBlockStart", {"contentBlockIndex": 3, "start": {"toolUse": {"toolUseId": "t2", "name": "f"}}}),
            ("contentBlockStop", {"contentBlockIndex": 3}),
            ("messageStop", {"stopReason": "tool_use"}),
        )
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(CALLING))
def test_tool_calls_arrive_piece_by_piece_beside_what_is_said(name: str) -> None:
    chunks, end = _decode(name, CALLING[name])

    calls: dict[int, str] = {}
    ids: list[str] = []
    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk, strict=True)
        for choice in chunk["choices"]:
            for call in choice["delta"].get("tool_calls", ()):
                ids += [call["id"]] if "id" in call else []
                calls[call["index"]] = calls.get(call["index"], "") + call["function"]["arguments"]
    assert calls == {0: '{"a": 1}', 1: "{}"}
    assert ids == ["t1", "t2"]
    assert _text(chunks) == "Looking."
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
