"""The scripted upstream answers and fails as it was told; no gateway is needed for that."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.gateways.upstream import (
    EMPTY,
    HANG,
    MALFORMED,
    RESET,
    Kind,
    Outcome,
    Upstream,
    status,
)


def ask(upstream: Upstream, label: str, patience_s: float = 5.0, **body: Any) -> httpx.Response:
    return httpx.post(
        f"{upstream.url(label)}/chat/completions",
        json={"model": "m", "messages": []} | body,
        timeout=patience_s,
        trust_env=False,
    )


def test_an_unscripted_deployment_answers_with_its_label_and_usage(upstream: Upstream) -> None:
    reply = ask(upstream, "a").json()

    assert reply["choices"][0]["message"]["content"] == "a"
    assert reply["usage"] == {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


def test_outcomes_come_in_order_and_the_last_one_repeats(upstream: Upstream) -> None:
    upstream.script("a", status(503), status(429, retry_after="2"), Outcome(text="fine"))

    replies = [ask(upstream, "a") for _ in range(4)]

    assert [reply.status_code for reply in replies] == [503, 429, 200, 200]
    assert replies[1].headers["retry-after"] == "2"


def test_deployments_on_one_server_have_scripts_of_their_own(upstream: Upstream) -> None:
    upstream.script("a", status(500))

    assert [ask(upstream, label).status_code for label in ("a", "b")] == [500, 200]
    assert upstream.labels() == ["a", "b"]


def test_an_attempt_keeps_what_was_sent(upstream: Upstream) -> None:
    ask(upstream, "a", temperature=0.5)

    attempt = upstream.attempts[0]
    assert attempt.path == "/d/a/v1/chat/completions"
    assert attempt.body["temperature"] == 0.5
    assert attempt.headers["Content-Type"] == "application/json"
    assert 0 <= attempt.at_s < 5


def test_a_get_is_not_an_attempt(upstream: Upstream) -> None:
    upstream.script("a", status(503), Outcome())

    models = httpx.get(f"{upstream.url('a')}/models", trust_env=False)

    assert models.json()["data"] == []
    assert upstream.attempts == []
    assert ask(upstream, "a").status_code == 503


def test_a_stream_has_chunks_and_usage_when_asked_for(upstream: Upstream) -> None:
    lines = ask(upstream, "a", stream=True, stream_options={"include_usage": True}).text.split(
        "\n\n"
    )

    events = [json.loads(line.removeprefix("data: ")) for line in lines if "{" in line]
    words = [event["choices"][0]["delta"].get("content", "") for event in events[:-1]]
    assert "".join(words).split() == ["a", "one", "two", "three"]
    assert events[-1]["usage"]["total_tokens"] == 15
    assert lines[-2] == "data: [DONE]"


@pytest.mark.parametrize("outcome", [RESET, Outcome(kind="cut")], ids=lambda o: o.kind)
def test_a_broken_connection_is_an_error_at_the_client(
    upstream: Upstream, outcome: Outcome
) -> None:
    upstream.script("a", outcome)

    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        ask(upstream, "a")


@pytest.mark.parametrize("outcome", [HANG, Outcome(kind="stall")], ids=lambda o: o.kind)
def test_silence_ends_with_the_clients_patience(upstream: Upstream, outcome: Outcome) -> None:
    upstream.script("a", outcome)

    with pytest.raises(httpx.ReadTimeout):
        ask(upstream, "a", patience_s=0.2)


@pytest.mark.parametrize("outcome", [MALFORMED, EMPTY], ids=lambda o: o.kind)
def test_a_body_that_is_no_json_comes_with_200(upstream: Upstream, outcome: Outcome) -> None:
    upstream.script("a", outcome)

    reply = ask(upstream, "a")

    assert reply.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        reply.json()


@pytest.mark.parametrize("kind", ["cut", "stall"])
def test_a_stream_breaks_after_the_chunks_it_was_told_to_send(
    upstream: Upstream, kind: Kind
) -> None:
    upstream.script("a", Outcome(kind=kind, after_chunks=2))
    seen: list[str] = []

    with (
        pytest.raises((httpx.ReadError, httpx.RemoteProtocolError, httpx.ReadTimeout)),
        httpx.stream(
            "POST",
            f"{upstream.url('a')}/chat/completions",
            json={"model": "m", "messages": [], "stream": True},
            timeout=0.5,
            trust_env=False,
        ) as reply,
    ):
        seen.extend(line for line in reply.iter_lines() if line)

    assert reply.status_code == 200
    assert len(seen) in (0, 2)


def test_an_error_in_the_stream_is_its_last_event(upstream: Upstream) -> None:
    upstream.script("a", Outcome(kind="error_event", after_chunks=1))

    events = ask(upstream, "a", stream=True).text.strip().split("\n\n")

    assert len(events) == 2
    assert "error" in json.loads(events[1].removeprefix("data: "))
