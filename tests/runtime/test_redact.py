import json
import pickle
import random
import time
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.redact import (
    ENTITIES,
    RedactedText,
    Redactor,
    TooDeepError,
    find,
    redact_request,
    redact_response,
)
from runtime.redact.tables import CARD_RANGES, IBAN_LENGTHS
from tests.pii import values

# --- what is planted -----------------------------------------------------------------------------


def _luhn_digit(digits: str) -> str:
    doubled = [int(d) * (2 - i % 2) for i, d in enumerate(reversed(digits))]
    return str(-sum(d - 9 if d > 9 else d for d in doubled) % 10)


@st.composite
def cards(draw: st.DrawFn) -> str:
    low, _, lengths = draw(st.sampled_from(CARD_RANGES))
    length = draw(st.sampled_from(lengths))
    body = low + "".join(draw(st.lists(_digit, min_size=19, max_size=19)))
    number = body[: length - 1] + _luhn_digit(body[: length - 1])
    gap = draw(st.sampled_from(["", " ", "-", "\u00a0"]))
    return gap.join(number[i : i + 4] for i in range(0, length, 4))


@st.composite
def ibans(draw: st.DrawFn) -> str:
    country = draw(st.sampled_from(sorted(IBAN_LENGTHS)))
    account = "".join(draw(st.lists(_digit, min_size=31, max_size=31)))[: IBAN_LENGTHS[country] - 4]
    value = int("".join(str(int(c, 36)) for c in account + country + "00"))
    number = f"{country}{98 - value % 97:02}{account}"
    gap = draw(st.sampled_from(["", " "]))
    return gap.join(number[i : i + 4] for i in range(0, len(number), 4))


_digit = st.sampled_from("0123456789")
_word = st.text("abcdefghijklmnopqrstuvwxyz", min_size=2, max_size=10)
_key_tail = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=40, max_size=40)
_seeds = st.integers(0, 9999).map(random.Random)
PLANTED = {
    "email": st.builds(
        "{}.{}+x@{}.{}".format,
        _word,
        _word,
        _word,
        st.sampled_from(["com", "de", "co.uk", "museum"]),
    ),
    "phone": st.builds(
        "{}{:03}{}{:04}".format,
        st.sampled_from(["+1 415 ", "(212) ", "+49 30 ", "0044 20 ", "555-", "+33 6 "]),
        st.integers(200, 999),
        st.sampled_from(["-", " "]),
        st.integers(0, 9999),
    ),
    "credit_card": cards(),
    "iban": ibans(),
    "us_ssn": st.builds(
        "{:03}-{:02}-{:04}".format, st.integers(667, 899), st.integers(1, 99), st.integers(1, 9999)
    ),
    "ip_address": st.one_of(
        st.ip_addresses(v=4).map(str), st.ip_addresses(v=6).map(lambda a: a.exploded)
    ),
    "api_key": st.builds(
        str.__add__, st.sampled_from(["sk-", "sk-ant-api03-", "ghp_", "xoxb-", "hf_"]), _key_tail
    )
    | _key_tail.map(lambda tail: "AKIA" + tail[:16])
    | _key_tail.map(lambda tail: "AIza" + tail[:35]),
    "vat": _seeds.map(values.vat),
    "national_id": st.builds(
        lambda language, rng: values.positive(language)["national_id"](rng),
        st.sampled_from(["de", "fr", "es"]),
        _seeds,
    ),
}
canaries = st.one_of(*PLANTED.values())
texts = st.text(max_size=60)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-999, 999) | texts | canaries,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(texts | canaries, inner, max_size=3)
    ),
    max_leaves=12,
)

# --- laws ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("entity", ENTITIES)
@given(data=st.data())
def test_every_entity_is_found_whole_in_the_middle_of_a_sentence(
    entity: str, data: st.DataObject
) -> None:
    canary = data.draw(PLANTED[entity])

    spans = find(f"Please note {canary}, thank you.", [entity])

    assert [(s.start, s.end, s.entity) for s in spans] == [(12, 12 + len(canary), entity)]


@pytest.mark.parametrize("entity", ENTITIES)
@given(data=st.data())
def test_a_planted_value_never_survives_anywhere_in_a_body(
    entity: str, data: st.DataObject
) -> None:
    canary = data.draw(PLANTED[entity])
    body = {
        "model": "chat",
        "messages": [
            {"role": "system", "content": f"Serve {canary}."},
            {"role": "user", "name": canary, "content": [{"type": "text", "text": f"I am {canary}!"}]},
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": f"https://x.eu/?q={canary}"}}]},
            {"role": "assistant", "tool_calls": [_tool_call({"deep": [{canary: [canary]}]})]},
            {"role": "tool", "tool_call_id": "call_1", "content": json.dumps([{"found": canary}])},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "description": f"for {canary}"}}],
        "metadata": {"customer": canary},
        "user": canary,
        "stop": [canary],
        "never_heard_of": {"nested": [[canary]]},
    }  # fmt: skip

    redacted, redactions = redact_request(body)

    assert canary not in json.dumps(redacted, ensure_ascii=False)
    assert redactions.total >= 10
    assert canary not in repr(redactions)


def _tool_call(arguments: Any) -> dict[str, Any]:
    return {
        "id": "call_1",
        "type": "function",
        "function": {"name": "f", "arguments": json.dumps(arguments)},
    }


@given(text=st.lists(texts | canaries, max_size=6).map(" ".join))
def test_redacting_twice_is_redacting_once(text: str) -> None:
    once, _ = Redactor().redact_text(text)

    again, spans = Redactor().redact_text(once)

    assert (again, spans) == (once, [])


@given(body=st.dictionaries(texts | canaries, json_values, max_size=4))
def test_redacting_a_body_twice_is_redacting_it_once(body: dict[str, Any]) -> None:
    once, _ = redact_request(body)

    again, redactions = redact_request(once)

    assert again == once
    assert redactions.total == 0


@given(body=st.dictionaries(texts | canaries, json_values, max_size=4))
def test_the_callers_body_is_never_changed(body: dict[str, Any]) -> None:
    before = deepcopy(body)

    redact_request(body)

    assert body == before


@given(text=st.lists(texts | canaries, max_size=6).map(" ".join))
def test_the_vault_restores_what_was_taken_out(text: str) -> None:
    redactor = Redactor()

    redacted, _ = redactor.redact_text(text)

    assert redactor.vault.restore(redacted) == text


@given(text=st.lists(texts | canaries, max_size=6).map(" ".join))
def test_spans_are_in_order_and_apart(text: str) -> None:
    spans = find(text)

    assert all(0 <= s.start < s.end <= len(text) for s in spans)
    assert all(a.end <= b.start for a, b in zip(spans, spans[1:], strict=False))


@given(arguments=json_values)
def test_arguments_stay_valid_json_of_the_same_shape(arguments: Any) -> None:
    body = {"messages": [{"role": "assistant", "tool_calls": [_tool_call(arguments)]}]}

    redacted, _ = redact_request(body)
    direct, _ = redact_request({"x": arguments})

    text = redacted["messages"][0]["tool_calls"][0]["function"]["arguments"]
    assert _shape(json.loads(text)) == _shape(direct["x"])


def _shape(value: Any) -> Any:
    match value:
        case dict():
            return [_shape(v) for v in value.values()]
        case list():
            return [_shape(v) for v in value]
    return type(value)


@given(
    chunks=st.lists(texts | canaries.map(lambda c: f" {c} "), max_size=12), size=st.integers(1, 9)
)
def test_a_stream_lets_through_what_redacting_the_whole_text_does(
    chunks: list[str], size: int
) -> None:
    text = " ".join(chunks)
    redactor = Redactor()
    stream = RedactedText(redactor)

    sent = [stream.feed(text[i : i + size]) for i in range(0, len(text), size)] + [stream.close()]

    assert find("".join(sent)) == []
    assert redactor.vault.restore("".join(sent)) == text


# --- stories -------------------------------------------------------------------------------------

CLEAN = [
    "Our 2026-11-22 release, version 1.106.2, sold 1,234,567 units for 4.50 EUR at 10:30:45.",
    "UUID 123e4567-e89b-12d3-a456-426614174000, sha256 " + "4012888888881881a" * 3,
    "pi is 3.14159265358979323846 and 0.4111111111111111 is a fraction",
    "from std::vector<int> import @scope/pkg; x = a[1:2]; y::z; cafe::babe; npm i left-pad@1.2.3",
    "Meet @alice in room 42 at 01.02.2026 10:30, order 2026-000-1234, ISBN 978-3-16-148410-0",
    "epoch 1700000000, 1700000000000 and 1700000000000000; SSN 000-12-3456 cannot exist",
    "GB00 is not an account, GB82 WEST 1234 5698 7654 33 has a wrong checksum",
    "the card 4111 1111 1111 1112 fails its check digit; ask-for-a-task-force-now-please",
    '{"temperature": 0.7, "seed": 42, "max_tokens": 128000}',
]


@pytest.mark.parametrize("text", CLEAN)
def test_text_without_personal_data_is_left_as_it_is(text: str) -> None:
    body, redactions = redact_request({"messages": [{"role": "user", "content": text}]})

    assert body["messages"][0]["content"] == text
    assert redactions.total == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mail <alice@example.com>.", "mail <[EMAIL_1]>."),
        ("?e=alice%40example.com&x=1", "?e=[EMAIL_1]&x=1"),
        ("alice [at] example [dot] com", "[EMAIL_1]"),
        ("jos\u00e9@m\u00fcller.de", "[EMAIL_1]"),
        ("call me at 5551234567", "call me at [PHONE_1]"),
        ("Tel.: 0171/1234567", "Tel.: [PHONE_1]"),
        ("01 23 45 67 89", "[PHONE_1]"),
        ("+49 (0) 30 123456", "[PHONE_1]"),
        ("card 4111111111111111 12/29 123", "card [CREDIT_CARD_1] 12/29 123"),
        ("4111-1111-1111-1111 123", "[CREDIT_CARD_1] 123"),
        ("3782 822463 10005", "[CREDIT_CARD_1]"),
        ("\uff14111111111111111", "[CREDIT_CARD_1]"),
        ("4111\u200b1111\u200b1111\u200b1111", "[CREDIT_CARD_1]"),
        ("DE89 3704 0044 0532 0130 00 is mine", "[IBAN_1] is mine"),
        ("my SSN is 123456789", "my SSN is [US_SSN_1]"),
        ("ping ::1 or fe80::1%eth0", "ping [IP_ADDRESS_1] or [IP_ADDRESS_2]%eth0"),
        ("to fdff:ffff:ffff:ffff:ffff:ffff:ffff:fffa", "to [IP_ADDRESS_1]"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----.", "[API_KEY_1]."),
        ("-----BEGIN PRIVATE KEY-----\nMIIE cut off", "[API_KEY_1]"),
        ("aws_secret_access_key = " + "a1B2" * 10, "aws_secret_access_key = [API_KEY_1]"),
        ("AwsSecretAccessKey=" + "a1B2" * 10, "AwsSecretAccessKey=[API_KEY_1]"),
        ("awssecretkey: " + "a1B2" * 10, "awssecretkey: [API_KEY_1]"),
        ("Bearer eyJhbGciOiJIUzI1.eyJzdWIiOiIx.abc", "Bearer [API_KEY_1]"),
    ],
)
def test_shapes_people_write(text: str, expected: str) -> None:
    assert Redactor().redact_text(text)[0] == expected


def test_the_same_value_has_the_same_placeholder_throughout_a_request() -> None:
    body = {
        "messages": [
            {"role": "user", "content": "a@example.com and b@example.com"},
            {"role": "user", "content": "b@example.com"},
        ]
    }

    redacted, redactions = redact_request(body)

    assert [m["content"] for m in redacted["messages"]] == ["[EMAIL_1] and [EMAIL_2]", "[EMAIL_2]"]
    assert redactions.counts == {"email": 3}


def test_a_placeholder_of_an_earlier_turn_is_not_given_to_someone_else() -> None:
    body = {"messages": [{"content": "As I told [EMAIL_1]"}, {"content": "write to c@example.com"}]}

    redacted, _ = redact_request(body)

    assert redacted["messages"][1]["content"] == "write to [EMAIL_2]"


def test_a_card_that_comes_as_a_number_is_replaced_and_the_arguments_stay_json() -> None:
    body = {"arguments": '{ "card": 4111111111111111, "price": 1.10, "n": 3 }'}

    redacted, _ = redact_request(body)

    assert redacted["arguments"] == '{ "card": "[CREDIT_CARD_1]", "price": 1.10, "n": 3 }'


def test_an_escaped_value_in_arguments_is_seen() -> None:
    redacted, _ = redact_request({"arguments": r'{"to": "alice\u0040example.com"}'})

    assert redacted["arguments"] == '{"to": "[EMAIL_1]"}'


@pytest.mark.parametrize("key", ["aws_secret_access_key", "AwsSecretKey", "my_aws_secret_key_2"])
def test_a_bare_secret_of_aws_is_known_by_its_key(key: str) -> None:
    body = {"messages": [{"content": json.dumps({key: "wJalrXUtnFEMI/K7" * 2 + "a1B2c3D4"})}]}

    redacted, _ = redact_request(body)

    assert json.loads(redacted["messages"][0]["content"]) == {key: "[API_KEY_1]"}


def test_a_bare_number_is_known_by_its_key() -> None:
    body = {"arguments": '{"ssn": "123456789", "order": "123456789", "mobile": 5551234567}'}

    redacted, _ = redact_request(body)

    assert json.loads(redacted["arguments"]) == {
        "ssn": "[US_SSN_1]",
        "order": "123456789",
        "mobile": "[PHONE_1]",
    }


def test_images_and_the_routed_model_are_left_alone() -> None:
    image = "data:image/png;base64," + "4111111111111111/AKIA"
    body = {"model": "team@example.com", "messages": [{"content": [{"image_url": {"url": image}}]}]}

    redacted, redactions = redact_request(body)

    assert redacted == body
    assert redactions.total == 0


def test_a_seed_is_left_alone_where_it_is_a_number_and_nowhere_else() -> None:
    card = 4111111111111111

    assert redact_request({"seed": card})[0] == {"seed": card}
    assert redact_request({"seed": [str(card)]})[0] == {"seed": ["[CREDIT_CARD_1]"]}


def test_text_that_only_pretends_to_be_an_image_is_redacted() -> None:
    redacted, _ = redact_request({"url": "data:image/png;base64,alice@example.com"})

    assert "alice" not in redacted["url"]


def test_only_the_entities_asked_for_are_taken_out() -> None:
    text = "a@example.com from 10.0.0.7"

    assert Redactor(["ip_address"]).redact_text(text)[0] == "a@example.com from [IP_ADDRESS_1]"


def test_an_unknown_entity_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="unknown entities: passport"):
        Redactor(["passport"])


def test_an_answer_keeps_its_own_identifiers() -> None:
    body = {
        "id": "chatcmpl-555-123-4567",
        "choices": [{"message": {"content": "write to a@example.com"}}],
    }

    redacted, redactions = redact_response(body)

    assert redacted == {
        "id": body["id"],
        "choices": [{"message": {"content": "write to [EMAIL_1]"}}],
    }
    assert redactions.total == 1


def test_a_body_nested_without_end_is_refused() -> None:
    body: dict[str, Any] = {}
    for _ in range(200):
        body = {"deeper": body}

    with pytest.raises(TooDeepError):
        redact_request(body)


def test_a_vault_cannot_be_written_down() -> None:
    redactor = Redactor()
    redactor.redact_text("a@example.com")

    assert "example" not in repr(redactor.vault)
    with pytest.raises(TypeError):
        pickle.dumps(redactor.vault)


def test_a_value_cut_by_chunks_does_not_leave_the_stream() -> None:
    stream = RedactedText(Redactor())
    text = "Of course. Write to alice.longname@example.com or call her phone 5551234567 today. " * 3

    sent = "".join(stream.feed(character) for character in text) + stream.close()

    assert sent == "Of course. Write to [EMAIL_1] or call her phone [PHONE_1] today. " * 3


def test_a_stream_does_not_hold_a_long_answer_back() -> None:
    stream = RedactedText(Redactor())

    sent = stream.feed("All is well and nothing is secret. " * 30)

    assert len(sent) > 800


HOSTILE = [
    *("a", "1", "@", "a@", "4 ", "4111 ", "+1", "0 1 ", "-----BEGIN PRIVATE KEY-----", "eyJ", "sk-"),
    *("1.", "::", "a.", "DE89", "DE89 ", "phone ", "(", "[at]", " [dot] a", "01 ", "a@b.", "a@b.c.1"),
    *("00", "phone 1 a ", "555-", "\u200b", "f4", "{", '"a', '["1",', "0123-", "123-45-6789-", "AKIA"),
]  # fmt: skip


@pytest.mark.parametrize("pattern", HOSTILE)
def test_no_text_takes_more_than_linear_time(pattern: str) -> None:
    """A quadratic search needs minutes for 100 kB; the limit only leaves room for a slow machine."""
    text = (pattern * 100_000)[:100_000]

    started = time.process_time()
    redact_request({"content": text})

    assert time.process_time() - started < 5


def _rate_ms_per_kb(call: Callable[[], object], length: int) -> float:
    best = min(_seconds(call) for _ in range(5))
    return best * 1e6 / length


def _seconds(call: Callable[[], object]) -> float:
    started = time.process_time()
    call()
    return time.process_time() - started


def test_ordinary_prose_is_read_at_a_kilobyte_per_millisecond() -> None:
    text = (
        "Please summarise the report of 2026-11-22 for a.b@example.com, section 3.2, page 17. "
        * 100
    )

    assert _rate_ms_per_kb(lambda: find(text), len(text)) < 2  # about 0.5 on an idle machine
