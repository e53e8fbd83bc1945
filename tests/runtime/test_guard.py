"""One request's guardrails: whatever the borders of a stream's chunks, the same as on the whole answer."""

import json
import pickle
import random
import re
import time
from copy import deepcopy
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from designer.ir import Guardrail
from runtime.deny import Denial, DeniedText
from runtime.guard import Guard, unfit
from runtime.redact import ENTITIES, RedactedText, Redactor, RestoredText, Restorer
from tests.pii import values

BOTH: frozenset[Literal["input", "output"]] = frozenset({"input", "output"})
PII = Guardrail("pii", "pii", BOTH, "redact")
PII_IN = Guardrail("pii", "pii", frozenset({"input"}), "redact")
NO_PII = Guardrail("no pii", "pii", BOTH, "block")
DENY = Guardrail("dosage", "deny", BOTH, "block", pattern=r"lethal\s+dose\b", message="not here")
SAVED = Guardrail("elsewhere", "saved", BOTH, "block")
SLOW = Guardrail("slow", "deny", BOTH, "block", pattern=r"(x|xx)+(y|z)$")

_VALUES = {
    "[EMAIL_1]": "jane@example.com",
    "[EMAIL_12]": 'o"hara\\@example.com',
    "[API_KEY_1]": "-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----",
}
_pieces = st.sampled_from(
    [*_VALUES, "[EMAIL_2]", "[", "[EMAIL", "[[EMAIL_1]", "_1]", " said ", "{", '"', "ok", "\n"]
)
_answers = st.lists(_pieces | st.text(max_size=5), max_size=12).map("".join)
_seeds = st.integers(0, 9999).map(random.Random)
_canaries = st.builds(
    lambda kind, rng: values.positive("de")[kind](rng),
    st.sampled_from(["email", "credit_card", "iban", "ip_address", "api_key", "phone"]),
    _seeds,
)
_prose = st.lists(
    st.sampled_from(["the order", "is late,", "call", "and", "Write to", "2026-11-22.", "ok"])
    | _canaries,
    min_size=1,
    max_size=14,
).map(" ".join)


@st.composite
def _split(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> tuple[str, list[str]]:
    text = draw(texts)
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=12)))
    return text, [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def _every_character(text: str) -> list[str]:
    return list(text)


# --- placeholders come back ----------------------------------------------------------------------


@given(split=_split(_answers), key=st.sampled_from(["content", "arguments"]))
def test_placeholders_over_any_border_come_back_as_in_the_whole_text(
    split: tuple[str, list[str]], key: str
) -> None:
    text, pieces = split
    restorer = Restorer(_VALUES)
    stream = RestoredText(restorer, key)

    sent = "".join([*map(stream.feed, pieces), stream.close()])

    assert sent == restorer.whole(text, key)


@given(text=_answers)
def test_no_more_is_held_than_could_become_a_placeholder(text: str) -> None:
    restorer = Restorer(_VALUES)

    held = text[len(text) - restorer.held(text) :]

    assert not held or any(name.startswith(held) and name != held for name in _VALUES)


@pytest.mark.parametrize("value", _VALUES.values())
def test_what_comes_back_into_json_is_escaped(value: str) -> None:
    restorer = Restorer({"[X_1]": value, "[EMAIL_1]": value})

    assert json.loads(restorer.whole('{"to": "[EMAIL_1]"}', "content")) == {"to": value}
    assert json.loads(restorer.whole('["[EMAIL_1]"]', "arguments")) == [value]
    assert restorer.whole("to [EMAIL_1]", "content") == f"to {value}"


def test_what_was_taken_out_of_the_answer_never_comes_back() -> None:
    guard = Guard([PII], "chat", restores=True)
    guard.ask(PII, {"messages": [{"content": "I am jane@example.com"}]})
    said = {"choices": [{"message": {"content": "[EMAIL_1], write to boss@example.com [EMAIL_9]"}}]}

    answer = guard.restored(guard.answer(PII, said).body)

    content = answer["choices"][0]["message"]["content"]
    assert content == "jane@example.com, write to [EMAIL_2] [EMAIL_9]"


def test_a_placeholder_that_the_caller_wrote_stays_one() -> None:
    guard = Guard([PII_IN], "chat", restores=True)
    asked = guard.ask(PII_IN, {"messages": [{"content": "[EMAIL_1] is jane@example.com"}]})
    said = {"choices": [{"message": {"content": "[EMAIL_1] [EMAIL_2]"}}]}

    assert asked.body["messages"][0]["content"] == "[EMAIL_1] is [EMAIL_2]"
    answer = guard.restored(said)
    assert answer["choices"][0]["message"]["content"] == "[EMAIL_1] jane@example.com"


def test_nothing_comes_back_unless_asked_for() -> None:
    guard = Guard([PII_IN], "chat")
    guard.ask(PII_IN, {"messages": [{"content": "jane@example.com"}]})
    said = {"choices": [{"message": {"content": "[EMAIL_1]"}}]}

    assert guard.restored(said) is said
    assert guard.restored_stream() is None


def test_a_restorer_cannot_be_written_down() -> None:
    restorer = Restorer(_VALUES)

    assert "example" not in repr(restorer)
    with pytest.raises(TypeError):
        pickle.dumps(restorer)


# --- a stream is redacted as the whole is ---------------------------------------------------------


@given(split=_split(_prose))
def test_a_text_redacted_over_any_border_is_the_whole_text_redacted(
    split: tuple[str, list[str]],
) -> None:
    text, pieces = split
    stream = RedactedText(Redactor())

    sent = "".join([*map(stream.feed, pieces), stream.close()])

    assert sent == Redactor().redact_text(text)[0]


def _chunks(index: int, path: str, pieces: list[str]) -> list[dict[str, Any]]:
    return [
        {"id": "c", "choices": [{"index": index, "delta": _delta(path, piece)}]} for piece in pieces
    ]


def _delta(path: str, piece: str) -> dict[str, Any]:
    match path:
        case "tool":
            return {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}
        case "second tool":
            return {"tool_calls": [{"index": 1, "function": {"arguments": piece}}]}
        case "function_call":
            return {"function_call": {"arguments": piece}}
        case "audio":
            return {"audio": {"transcript": piece}}
    return {path: piece}


def _said(chunks: list[dict[str, Any]]) -> dict[tuple[int, str], str]:
    """Each text of a stream in one piece."""
    said: dict[tuple[int, str], str] = {}

    def note(index: int, path: str, value: Any) -> None:
        match value:
            case str():
                said[index, path] = said.get((index, path), "") + value
            case dict():
                for name, item in value.items():
                    note(index, f"{path}.{name}", item)
            case list():
                for item in value:
                    note(index, f"{path}.{item.get('index')}", item)

    for chunk in chunks:
        for choice in chunk["choices"]:
            note(choice["index"], "", choice.get("delta"))
    return said


_PATHS = [
    *("content", "refusal", "reasoning_content", "reasoning", "thinking"),
    *("tool", "second tool", "function_call", "audio"),
]


@pytest.mark.parametrize("path", _PATHS)
@given(split=_split(_prose), as_json=st.booleans())
def test_every_text_of_a_stream_is_redacted_whatever_the_chunks(
    path: str, split: tuple[str, list[str]], as_json: bool
) -> None:
    text, pieces = split
    if as_json:
        text = json.dumps({"q": text})
        pieces = [text[i : i + 7] for i in range(0, len(text), 7)]
    end = [{"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}]
    guard, whole = Guard([PII], "chat"), Guard([PII], "chat")

    guard.begin()
    sent = [c for chunk in _chunks(0, path, pieces) + end for c in guard.passed([chunk])]
    sent += guard.rest([])

    expected = whole.answer(PII, {"choices": [{"index": 0, "delta": _delta(path, text)}]}).body
    assert _said(sent) == _said([expected])
    assert guard.redactions == whole.redactions
    assert sent[-1]["choices"][0]["finish_reason"] == "stop"


@given(a=_split(_prose), b=_split(_prose), seed=st.integers(0, 99))
def test_choices_that_take_turns_are_kept_apart(
    a: tuple[str, list[str]], b: tuple[str, list[str]], seed: int
) -> None:
    rng = random.Random(seed)
    queues = [_chunks(0, "content", a[1]), _chunks(1, "content", b[1])]
    guard = Guard([PII], "chat")
    guard.begin()

    sent: list[dict[str, Any]] = []
    while any(queues):
        queue = rng.choice([q for q in queues if q])
        sent += guard.passed([queue.pop(0)])
    sent += guard.rest([])

    said = _said(sent)
    found = [re.sub(r"_\d+\]", "_N]", said.get((i, ".content"), "")) for i in (0, 1)]
    wanted = [re.sub(r"_\d+\]", "_N]", Redactor().redact_text(t)[0]) for t in (a[0], b[0])]
    assert found == wanted


def test_what_is_held_comes_before_the_text_that_follows_it() -> None:
    guard = Guard([PII], "chat")
    guard.begin()
    chunks = [
        *_chunks(0, "reasoning_content", ["Hm, jane@", "example.com"]),
        *_chunks(0, "content", ["Hello ", "there"]),
        *_chunks(0, "tool", ['{"a": ', '"b@example.com"}']),
        *_chunks(0, "second tool", ["{}"]),
    ]

    sent = [c for chunk in chunks for c in guard.passed([chunk])] + guard.rest([])

    order = [
        name
        for c in sent
        for name, value in c["choices"][0]["delta"].items()
        if name != "tool_calls" and value
    ]
    assert order == ["reasoning_content", "content"]
    assert _said(sent)[0, ".tool_calls.0.function.arguments"] == '{"a": "[EMAIL_2]"}'
    assert _said(sent)[0, ".reasoning_content"] == "Hm, [EMAIL_1]"


def test_token_probabilities_do_not_spell_out_what_was_taken_out() -> None:
    tokens = {"content": [{"token": t} for t in ("jane", "@", "example", ".com")]}
    guard = Guard([PII], "chat")
    guard.begin()
    chunk = {
        "choices": [{"index": 0, "delta": {"content": "jane@example.com"}, "logprobs": tokens}]
    }
    whole = {"choices": [{"message": {"content": "jane@example.com"}, "logprobs": tokens}]}

    assert "jane" not in json.dumps(guard.passed([deepcopy(chunk)]) + guard.rest([]))
    assert "jane" not in json.dumps(guard.answer(PII, whole).body)


# --- what is denied ------------------------------------------------------------------------------

_PATTERNS = [
    r"lethal dose",
    r"lethal\s+dose\b",
    r"a.{0,5}b|cd\b",
    r"^start",
    r"x+y",
    r"end$",
    r"(?:ab)*c",
    r"lethal.*dose",
    r"b\b",
]
_deniable = st.text("abcdxy \n", max_size=30) | st.lists(
    st.sampled_from(["lethal", " ", "dose", "s", "start", "end", "\n", "ab", "c"]), max_size=10
).map("".join)


@pytest.mark.parametrize("pattern", _PATTERNS)
@given(split=_split(_deniable))
def test_a_stream_is_denied_exactly_when_the_whole_text_is_and_nothing_denied_goes_out(
    pattern: str, split: tuple[str, list[str]]
) -> None:
    text, pieces = split
    stream = DeniedText(Denial(pattern, False))

    sent, is_denied = "", False
    for ask in [*[lambda p=p: stream.feed(p) for p in pieces], stream.close]:
        safe = ask()
        if safe is None:
            is_denied = True
            break
        sent += safe

    assert is_denied == (re.search(pattern, text) is not None)
    assert text.startswith(sent)
    assert is_denied or sent == text
    assert all(found.end() > len(sent) for found in re.finditer(pattern, text))


@pytest.mark.parametrize(
    "content",
    [
        "a lethal dose",
        [{"type": "text", "text": "a lethal "}, {"type": "text", "text": "dose"}],
        [{"type": "text", "text": '{"q": "lethal\\u0020dose"}'}],
        [{"type": "text", "text": '{"lethal dose": 1}'}],
    ],
)
def test_what_is_denied_is_found_in_every_part_of_a_request(content: Any) -> None:
    guard = Guard([DENY], "chat")

    assert (
        guard.ask(DENY, {"messages": [{"role": "user", "content": content}]}).verdict == "blocked"
    )
    assert guard.refusal == "not here"


def test_words_of_the_api_are_nobodys() -> None:
    rail = Guardrail("r", "deny", BOTH, "block", pattern="user|assistant|function")
    body = {
        "model": "user",
        "messages": [{"role": "user", "content": "hi"}],
        "tools": [{"type": "function"}],
    }

    assert Guard([rail], "chat").ask(rail, body).verdict == "pass"


# --- guardrails that fail ------------------------------------------------------------------------

_HANGS = "x" * 5_000 + "!"


def test_a_pattern_that_hangs_is_given_up_in_time_and_blocks() -> None:
    began = time.perf_counter()
    guard = Guard([SLOW], "chat")

    assert guard.ask(SLOW, {"messages": [{"content": _HANGS}] * 50}).verdict == "broken"
    assert time.perf_counter() - began < 3
    assert guard.unchecked == ()


@pytest.mark.parametrize(
    "rail",
    [
        SLOW,
        SAVED,
        Guardrail("bad", "deny", BOTH, "block", pattern="("),
        Guardrail("faces", "pii", BOTH, "redact", ("face",)),
    ],
    ids=lambda rail: rail.name,
)
@pytest.mark.parametrize("on_error", ["block", "pass"])
def test_a_guardrail_that_fails_stops_a_stream_or_is_named(
    rail: Guardrail, on_error: Literal["block", "pass"]
) -> None:
    rail = Guardrail(
        rail.name, rail.kind, BOTH, rail.action, rail.entities, rail.pattern, on_error=on_error
    )
    guard = Guard([rail], "chat")
    guard.begin()

    sent = [c for p in ("well ", _HANGS, " bye") for c in guard.passed(_chunks(0, "content", [p]))]
    sent += guard.rest([])

    if on_error == "block":
        assert guard.heard(rail) == "broken"
        assert "!" not in _said(sent).get((0, ".content"), "")
    else:
        assert _said(sent)[0, ".content"] == f"well {_HANGS} bye"
        assert guard.unchecked == (rail.name,)
        assert guard.heard(rail) == "pass"


@pytest.mark.parametrize("held", ["jane@example.com", '{"a": "jane@example.com"}'])
def test_personal_data_that_blocks_never_leaves_a_stream(held: str) -> None:
    guard = Guard([NO_PII], "chat")
    guard.begin()

    sent = [c for p in _every_character(held) for c in guard.passed(_chunks(0, "content", [p]))]
    sent += guard.rest([])

    assert guard.heard(NO_PII) == "blocked"
    assert "example" not in json.dumps(sent)


def test_tokens_that_cannot_be_read_are_a_broken_check() -> None:
    for tokens in ([1, 2], [[1], [2]]):
        assert Guard([PII], "search").ask(PII, {"input": tokens}).verdict == "broken"
    assert Guard([PII], "search").ask(PII, {"input": ["a@example.com"]}).verdict == "changed"


def test_a_name_is_told_by_an_alias_only_where_it_is_personal() -> None:
    guard = Guard([PII_IN], "chat")

    assert guard.alias("web-17") == "web-17"
    assert guard.alias("jane@example.com") == guard.alias("jane@example.com")
    assert re.fullmatch(r"anon-[0-9a-f]{16}", guard.alias("jane@example.com"))
    assert Guard([], "chat").alias("jane@example.com") == "jane@example.com"


def test_what_cannot_work_here_is_told_before_anything_is_served() -> None:
    bad = Guardrail("faces", "pii", BOTH, "redact", ("face",), on_error="pass")

    assert list(unfit([PII, DENY, SAVED, bad])) == [
        "guardrail elsewhere: only its name is known here; requests that it covers are refused",
        "guardrail faces: nothing here finds face; requests that it covers go unchecked",
    ]


def test_every_entity_that_a_dialect_names_can_be_found() -> None:
    ip = Guardrail("ip", "pii", BOTH, "redact", ("ip", "email"))

    assert list(unfit([ip])) == []
    assert "ip_address" in ENTITIES


def test_a_denied_key_of_the_metadata_is_seen() -> None:
    body = {"messages": [{"role": "user", "content": "hello"}], "metadata": {"lethal dose": "x"}}

    assert Guard([DENY], "chat").ask(DENY, body).verdict == "blocked"
