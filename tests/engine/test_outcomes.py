"""From a provider's answer to failure tokens, and from an outcome to what a driver would see."""

from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from designer.engine.classify import failure_of, retry_after_s
from designer.engine.events import Ended, Failed, FirstToken, Headers, Send, Usage
from designer.engine.outcomes import HANGS_S, KINDS, Outcome, play
from designer.gateways.reference import REFERENCE
from designer.ir import STATUS_OF
from tests.engine.strategies import faults, ordinary

SEND = Send("a", timeout_s=10.0, first_token_s=5.0)
UNLIMITED = Send("a", timeout_s=None)


def error(**fields: Any) -> dict[str, Any]:
    return {"error": fields}


@pytest.mark.parametrize(
    ("code", "body", "token"),
    [
        (200, None, None),
        (200, {"choices": [{"message": {"content": "hi"}}]}, None),
        (200, {"object": "list", "data": [{"embedding": [0.1]}]}, None),
        (200, "", "empty"),
        (200, {}, "empty"),
        (200, {"choices": []}, "empty"),
        (200, "<html>", "malformed"),
        (200, '{"choices": [', "malformed"),
        (400, None, "400"),
        (400, error(code="context_length_exceeded"), "context_length"),
        (400, '{"error": {"code": "context_length_exceeded"}}', "context_length"),
        (
            400,
            error(message="prompt is too long: 210000 tokens > 200000 maximum"),
            "context_length",
        ),
        (400, error(code="content_filter"), "content_policy"),
        (400, error(code="content_policy_violation"), "content_policy"),
        (
            400,
            error(code=None, innererror={"code": "ResponsibleAIPolicyViolation"}),
            "content_policy",
        ),
        (
            400,
            error(message="This model does not support assistant message prefill"),
            "reject_prefill",
        ),
        (400, error(message="temperature must be at most 2", type="invalid_request_error"), "400"),
        (400, "Bad Request", "400"),
        (413, error(message="Input is too long for requested model"), "context_length"),
        (429, error(code="context_length_exceeded"), "429"),
        (503, "upstream connect error", "503"),
        (529, error(type="overloaded_error"), "529"),
    ],
)
def test_an_answer_is_told_apart_by_status_code_and_words(
    code: int, body: Any, token: str | None
) -> None:
    assert failure_of(code, body) == token


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2.0),
        ({"Retry-After": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "Sun, 22 Nov 2026 21:00:00 GMT"}, None),
    ],
)
def test_retry_after_is_read_in_seconds(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers) == seconds


@pytest.mark.parametrize(
    ("outcome", "label", "failed"),
    [
        (Outcome(), "200", None),
        (Outcome(status=503), "503", Failed(0.0, "503", 503)),
        (Outcome(kind="http", status=502), "502", Failed(0.0, "502", 502)),
        (
            Outcome(429, "rate_limit", {"retry-after": "2"}),
            "429",
            Failed(0.0, "429", 429, 2.0),
        ),
        (Outcome(kind="timeout"), "timeout", Failed(10.0, "timeout")),
        (Outcome(delay_s=11.0), "timeout", Failed(10.0, "timeout")),
        (Outcome(kind="slow_first_token"), "timeout", Failed(10.0, "timeout")),
        (Outcome(kind="refuse_connection"), "connect", Failed(0.0, "connect")),
        (Outcome(kind="reset", delay_s=2.0), "reset", Failed(2.0, "reset")),
        (Outcome(kind="empty"), "empty", Failed(0.0, "empty")),
        (Outcome(kind="cut_stream", ends_s=6.0), "reset", Failed(0.0, "reset")),
        (
            Outcome(400, "content_policy"),
            "content_policy",
            Failed(0.0, "content_policy", 400),
        ),
    ],
)
def test_a_request_that_is_not_streamed_has_one_event(
    outcome: Outcome, label: str, failed: Failed | None
) -> None:
    played = play(outcome, SEND, stream=False, at=0.0)

    assert played.events == ((failed,) if failed else (Ended(0.0),))
    assert played.label == label


@pytest.mark.parametrize(
    ("outcome", "events"),
    [
        (
            Outcome(delay_s=1.0, first_token_s=2.0, ends_s=4.0),
            (Headers(1.0), FirstToken(2.0), Ended(4.0)),
        ),
        (Outcome(status=503, delay_s=1.0), (Failed(1.0, "503", 503),)),
        (Outcome(delay_s=11.0), (Failed(5.0, "first_token"),)),
        (Outcome(first_token_s=6.0), (Headers(0.0), Failed(5.0, "first_token"))),
        (Outcome(kind="slow_first_token"), (Headers(0.0), Failed(5.0, "first_token"))),
        (Outcome(kind="malformed"), (Headers(0.0), Failed(0.0, "malformed"))),
        (
            Outcome(kind="cut_stream", first_token_s=1.0, ends_s=7.0),
            (Headers(0.0), FirstToken(1.0), Failed(5.0, "stream_cut")),
        ),
        (
            Outcome(kind="cut_stream", after_chunks=0, delay_s=1.0),
            (Headers(1.0), Failed(1.0, "stream_cut")),
        ),
        (
            Outcome(kind="stall_stream", after_chunks=0),
            (Headers(0.0), Failed(5.0, "first_token")),
        ),
        (
            Outcome(kind="stall_stream", first_token_s=1.0),
            (Headers(0.0), FirstToken(1.0), Failed(6.0, "stream_stall")),
        ),
        (
            Outcome(kind="malformed_chunk", ends_s=6.0),
            (Headers(0.0), FirstToken(0.0), Failed(4.0, "malformed")),
        ),
        (
            Outcome(kind="no_done", ends_s=6.0),
            (Headers(0.0), FirstToken(0.0), Failed(6.0, "stream_cut")),
        ),
    ],
)
def test_a_stream_has_headers_then_content_then_an_end(
    outcome: Outcome, events: tuple[Any, ...]
) -> None:
    assert play(outcome, SEND, stream=True, at=0.0).events == events


@pytest.mark.parametrize("kind", ["no_done", "malformed_chunk"])
def test_what_a_gateway_overlooks_ends_well(kind: str) -> None:
    outcome = Outcome(kind=kind, ends_s=6.0, usage=Usage(10, 60))

    played = play(outcome, SEND, stream=True, at=0.0, overlooks=REFERENCE.overlooks)

    assert played.events[-1] == Ended(6.0, Usage(10, 60))


def test_a_silent_attempt_without_any_limit_lasts_as_long_as_clients_hold_out_and_says_so() -> None:
    played = play(Outcome(kind="timeout"), UNLIMITED, stream=False, at=1.0)

    assert played.events == (Failed(1.0 + HANGS_S, "timeout"),)
    assert played.hung


any_outcome = ordinary | faults
limits = st.sampled_from([None, 0.5, 5.0, 60.0])


@given(any_outcome, st.booleans(), limits, limits, limits, st.floats(0, 1e6))
def test_events_follow_one_another_and_keep_to_the_limits(
    outcome: Outcome,
    stream: bool,
    timeout_s: float | None,
    first_token_s: float | None,
    left_s: float | None,
    at: float,
) -> None:
    timeout_s = left_s if timeout_s is None else min(timeout_s, inf if left_s is None else left_s)

    played = play(outcome, Send("a", timeout_s, first_token_s, left_s), stream, at)

    times = [event.at for event in played.events]
    assert times == sorted(times)
    assert times[0] >= at
    assert isinstance(played.events[-1], Ended | Failed)
    assert timeout_s is None or times[0] <= at + timeout_s
    assert left_s is None or times[-1] <= at + left_s


@given(any_outcome, st.booleans())
def test_every_failure_that_an_outcome_leads_to_is_a_token_of_the_engine(
    outcome: Outcome, stream: bool
) -> None:
    last = play(outcome, SEND, stream, 0.0).events[-1]

    if isinstance(last, Failed):
        assert last.failure.isdigit() or last.failure in STATUS_OF


@pytest.mark.parametrize("kind", sorted(KINDS - {"latency"}))
def test_every_kind_does_something_to_a_stream(kind: str) -> None:
    # The scripted statuses of the HTTP kinds are their readers' work.
    outcome = Outcome(
        kind=kind, status={"http": 503, "rate_limit": 429, "exhausted": 429}.get(kind, 200)
    )

    assert (
        play(outcome, SEND, True, 0.0).events
        != play(replace(outcome, kind="", status=200), SEND, True, 0.0).events
    )
