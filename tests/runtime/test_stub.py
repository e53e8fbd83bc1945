"""The stub providers, asked by the runtime's own transport and by a vendor's client."""

import asyncio
import struct
import time
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar

import openai
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from designer.errors import NetworkError
from runtime.stub import Fault, FaultError, Labels, StubServer, tokens
from runtime.stub.answers import example_of
from runtime.stub.faults import Faults, fault_of
from runtime.upstream import (
    DIALECTS,
    StreamDecoder,
    StreamEnd,
    Target,
    UpstreamError,
    UpstreamFailure,
    read_answer,
    translate,
)
from runtime.upstream.base import Request
from runtime.upstream.http import HttpUpstream

BODY: dict[str, Any] = {
    "model": "alias",
    "messages": [
        {"role": "system", "content": "12345"},
        {"role": "user", "content": "Gr\u00fc\u00dfe"},
    ],
}
SAYS = "one two three four five six"
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
T = TypeVar("T")
every_dialect = pytest.mark.parametrize("name", sorted(DIALECTS))


def _run(story: Callable[[StubServer, HttpUpstream], Awaitable[T]], *faults: Fault) -> T:
    async def main() -> T:
        upstream = HttpUpstream()
        async with StubServer(faults, says=lambda question: SAYS) as stub:
            try:
                return await story(stub, upstream)
            finally:
                await upstream.close()

    return asyncio.run(main())


async def _ask(
    stub: StubServer,
    upstream: HttpUpstream,
    name: str,
    body: dict[str, Any] = BODY,
    **limits: float,
) -> dict[str, Any] | UpstreamFailure:
    target = Target(stub.base_url("chat/acme/m"), "m", "k3y")
    request = translate(DIALECTS[name].request, target, body).request
    try:
        response = await upstream(replace(request, **limits))
        answer = await response.read()
    except UpstreamError as error:
        return error.failure
    dialect = DIALECTS[name]
    return read_answer(dialect.response, dialect, response.status, response.headers, answer, "m")


async def _listen(
    stub: StubServer,
    upstream: HttpUpstream,
    name: str,
    body: dict[str, Any] = BODY,
    **limits: float,
) -> tuple[str, StreamEnd]:
    target = Target(stub.base_url("chat/acme/m"), "m", "k3y")
    request = translate(DIALECTS[name].request, target, {**body, "stream": True}).request
    decoder = StreamDecoder(DIALECTS[name].stream("m"), DIALECTS[name].framing())
    chunks: list[dict[str, Any]] = []
    failure = None
    try:
        response = await upstream(replace(request, **limits))
        async for piece in response.chunks():
            chunks += decoder.feed(piece)
    except UpstreamError as error:
        failure = error.failure
    rest, end = decoder.close()
    said = "".join(c["delta"].get("content") or "" for x in chunks + rest for c in x["choices"])
    return said, replace(end, failure=failure or end.failure)


@every_dialect
def test_every_wire_answers_in_one_piece(name: str) -> None:
    answer = _run(lambda stub, upstream: _ask(stub, upstream, name))

    assert isinstance(answer, dict)
    assert answer["choices"][0]["message"]["content"] == SAYS
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["usage"]["prompt_tokens"] == tokens("12345") + tokens("Gr\u00fc\u00dfe") == 4
    assert answer["usage"]["completion_tokens"] == tokens(SAYS)


@every_dialect
def test_every_wire_answers_as_a_stream(name: str) -> None:
    said, end = _run(lambda stub, upstream: _listen(stub, upstream, name))

    assert said == SAYS
    assert (end.failure, end.finish_reason, end.bad_chunks) == (None, "stop", 0)
    assert end.usage is not None
    assert (end.usage["prompt_tokens"], end.usage["completion_tokens"]) == (4, tokens(SAYS))


@every_dialect
def test_a_tool_that_must_be_called_is_called(name: str) -> None:
    body = {**BODY, "tools": [WEATHER], "tool_choice": "required"}

    answer = _run(lambda stub, upstream: _ask(stub, upstream, name, body))
    _, end = _run(lambda stub, upstream: _listen(stub, upstream, name, body))

    assert isinstance(answer, dict)
    (call,) = answer["choices"][0]["message"]["tool_calls"]
    assert call["function"] == {"name": "weather", "arguments": '{"city":"stub"}'}
    assert (end.failure, end.finish_reason) == (None, "tool_calls")


@every_dialect
def test_the_limit_on_tokens_cuts_the_answer(name: str) -> None:
    answer = _run(lambda stub, upstream: _ask(stub, upstream, name, {**BODY, "max_tokens": 2}))

    assert isinstance(answer, dict)
    assert answer["choices"][0]["message"]["content"] == SAYS[:8]
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 2


FAILURES = [
    (Fault("http", status=500), "500", 500),
    (Fault("http", status=529), "529", 529),
    (Fault("rate_limit", retry_after_s=2), "429", 429),
    (Fault("down"), "503", 503),
    (Fault("exhausted"), "429", 429),
    (Fault("context_length"), "context_length", 400),
    (Fault("content_policy"), "content_policy", 400),
    (Fault("malformed"), "malformed", 200),
    (Fault("empty"), "empty", 200),
    (Fault("reset"), "reset", None),
    (Fault("refuse_connection"), "reset", None),
    (Fault("cut_stream"), "reset", None),
    (Fault("stream_error"), "500", 500),
    (Fault("malformed_chunk"), "malformed", 200),
]


@every_dialect
@pytest.mark.parametrize(
    ("fault", "token", "status"), FAILURES, ids=lambda v: getattr(v, "kind", "")
)
def test_a_fault_is_recognised_over_every_wire(
    name: str, fault: Fault, token: str, status: int | None
) -> None:
    failure = _run(lambda stub, upstream: _ask(stub, upstream, name), fault)

    assert isinstance(failure, UpstreamFailure)
    assert (failure.token, failure.status) == (token, status)
    assert failure.retry_after_s == (2.0 if fault.retry_after_s else None)


@every_dialect
@pytest.mark.parametrize(
    ("fault", "token", "said"),
    [
        (Fault("cut_stream"), "stream_cut", "one two three"),
        (Fault("cut_stream", after_chunks=0), "stream_cut", ""),
        (Fault("cut_stream", graceful=True), "stream_cut", "one two three"),
        (Fault("stall_stream"), "stream_stall", "one two three"),
        (Fault("stream_error"), "stream_error", "one two three"),
        (Fault("empty"), "empty", ""),
        (Fault("reset"), "reset", ""),
        (Fault("malformed"), "malformed", ""),
    ],
    ids=lambda v: getattr(v, "kind", ""),
)
def test_a_stream_that_breaks_is_recognised_over_every_wire(
    name: str, fault: Fault, token: str, said: str
) -> None:
    heard, end = _run(lambda stub, upstream: _listen(stub, upstream, name, idle_s=0.1), fault)

    assert end.failure is not None
    assert (end.failure.token, heard) == (token, said)


@every_dialect
@pytest.mark.parametrize(("kind", "bad"), [("malformed_chunk", 1), ("no_done", 0)])
def test_a_stream_with_a_flaw_is_still_whole(name: str, kind: str, bad: int) -> None:
    heard, end = _run(lambda stub, upstream: _listen(stub, upstream, name), Fault(kind))

    assert (heard, end.failure, end.bad_chunks) == (SAYS, None, bad)
    assert end.usage is not None


def test_a_provider_that_never_answers_times_out() -> None:
    failure = _run(lambda stub, up: _ask(stub, up, "openai", timeout_s=0.05), Fault("timeout"))

    assert isinstance(failure, UpstreamFailure)
    assert failure.token == "timeout"


def test_a_port_where_nobody_listens_cannot_be_connected_to() -> None:
    async def story(stub: StubServer, upstream: HttpUpstream) -> UpstreamFailure:
        url = stub.url
        await stub.close()
        with pytest.raises(UpstreamError) as caught:
            await upstream(Request(url, {}, b""))
        return caught.value.failure

    assert _run(story).token == "connect"


def test_late_answers_are_late() -> None:
    began = time.monotonic()
    faults = (Fault("latency", delay_s=0.05), Fault("slow_first_token", delay_s=0.05))

    heard, _ = _run(lambda stub, upstream: _listen(stub, upstream, "openai"), *faults)

    assert heard == SAYS
    assert time.monotonic() - began >= 0.1


def test_prefill_is_refused_only_where_there_is_some() -> None:
    prefilled = {**BODY, "messages": [*BODY["messages"], {"role": "assistant", "content": "Once"}]}

    async def story(stub: StubServer, upstream: HttpUpstream) -> tuple[Any, Any]:
        return (
            await _ask(stub, upstream, "anthropic"),
            await _ask(stub, upstream, "anthropic", prefilled),
        )

    plain, refused = _run(story, Fault("reject_prefill"))

    assert isinstance(plain, dict)
    assert refused.token == "reject_prefill"


def test_the_stub_is_alive_after_every_fault() -> None:
    async def story(stub: StubServer, upstream: HttpUpstream) -> Any:
        for kind in ("reset", "malformed", "timeout", "http"):
            stub.add_fault(Fault(kind, times=1))
            await _ask(stub, upstream, "openai", timeout_s=0.05)
        return await _ask(stub, upstream, "openai")

    assert isinstance(_run(story), dict)


def test_what_was_received_is_kept_without_the_key() -> None:
    async def story(stub: StubServer, upstream: HttpUpstream) -> list[Any]:
        await _ask(stub, upstream, "openai", {**BODY, "user": "canary"})
        return [received.as_json() for received in stub.received]

    (received,) = _run(story, Fault("http", status=418))

    assert received["deployment"] == "chat/acme/m"
    assert received["body"]["user"] == "canary"
    assert received["faults"] == ["http"]
    assert "k3y" not in orjson.dumps(received).decode()


def test_no_more_is_kept_than_was_asked_for() -> None:
    async def main() -> int:
        upstream = HttpUpstream()
        async with StubServer(keep=2) as stub:
            for _ in range(4):
                await _ask(stub, upstream, "openai")
            await upstream.close()
            return len(stub.received)

    assert asyncio.run(main()) == 2


# --- faults as data ------------------------------------------------------------------------------


def test_a_fault_befalls_what_its_labels_say() -> None:
    faults = Faults()
    faults.add(Fault("down", provider="azure", model="gpt-*"), at=0.0)

    assert faults.befalling("d1", "azure", "gpt-5", 0.0)
    assert not faults.befalling("d1", "azure", "claude", 0.0)
    assert not faults.befalling("d1", "openai", "gpt-5", 0.0)


def test_a_fault_ends_after_its_time_and_after_its_count() -> None:
    faults = Faults()
    faults.add(Fault("down", times=2, lasts_s=60), at=100.0)

    kinds = [
        [f.kind for f in faults.befalling("d", "p", "m", at)] for at in (100.0, 161.0, 101.0, 102.0)
    ]

    assert kinds == [["down"], [], ["down"], []]


def test_a_share_of_the_requests_is_spread_evenly() -> None:
    faults = Faults()
    faults.add(Fault("down", share=0.4), at=0.0)

    hits = [bool(faults.befalling("d", "p", "m", 0.0)) for _ in range(10)]

    assert hits == [False, False, True, False, True] * 2


def test_scenario_spellings_are_understood() -> None:
    described = {
        "target": {"provider": "azure"},
        "kind": "rate_limit",
        "retry_after": "2s",
        "share": "40%",
        "lasts": "5m",
    }

    assert fault_of(described) == Fault(
        "rate_limit", provider="azure", retry_after_s=2.0, share=0.4, lasts_s=300.0
    )


@pytest.mark.parametrize(
    ("described", "message"),
    [
        ({"kind": "fire"}, "unknown kind 'fire'"),
        ({"kind": "http", "staus": 500}, "unknown field staus"),
        ({"kind": "http", "status": 99}, "status is 100 to 599"),
        ({"kind": "latency", "delay": "soon"}, "'soon' is not a duration"),
        ({"status": 500}, "a fault has a kind"),
        ([], "a fault is an object"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(described: Any, message: str) -> None:
    with pytest.raises(FaultError, match=message):
        fault_of(described)


def test_faults_are_set_and_cleared_over_http() -> None:
    async def story(stub: StubServer, upstream: HttpUpstream) -> list[Any]:
        async def admin(method: str, path: str, body: bytes = b"") -> tuple[int, Any]:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", int(stub.url.rpartition(":")[2])
            )
            head = f"{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            answer = await reader.read()
            writer.close()
            return int(answer[9:12]), orjson.loads(answer.partition(b"\r\n\r\n")[2])

        seen: list[Any] = []
        seen.append(await admin("POST", "/stub/faults", b'{"kind": "down"}'))
        seen.append(await _ask(stub, upstream, "openai"))
        seen.append(await admin("POST", "/stub/faults", b'[{"kind": "fire"}]'))
        seen.append(await admin("DELETE", "/stub/faults"))
        seen.append(await _ask(stub, upstream, "openai"))
        seen.append(await admin("GET", "/stub/requests"))
        seen.append(await admin("GET", "/stub/nothing"))
        return seen

    set_, failed, refused, cleared, answered, requests, unknown = _run(story)

    assert (set_[0], set_[1]["faults"][0]["kind"]) == (200, "down")
    assert failed.token == "503"
    assert refused[0] == 400
    assert cleared == (200, {"faults": []})
    assert isinstance(answered, dict)
    assert [r["faults"] for r in requests[1]["requests"]] == [["down"], []]
    assert unknown[0] == 404


def test_labels_give_a_deployment_its_provider() -> None:
    async def main() -> list[Any]:
        upstream = HttpUpstream()
        labels = {"chat/acme/m": Labels(provider="azure")}
        async with StubServer([Fault("down", provider="azure")], labels) as stub:
            answer = await _ask(stub, upstream, "openai")
            await upstream.close()
            return [answer]

    (failure,) = asyncio.run(main())

    assert failure.token == "503"


# --- clients that were not written for it --------------------------------------------------------


def test_openais_own_client_is_served() -> None:
    async def story(stub: StubServer, upstream: HttpUpstream) -> tuple[Any, ...]:
        base = stub.base_url("chat/openai/gpt") + "/v1"
        client = openai.AsyncOpenAI(api_key="k", base_url=base, max_retries=0)
        whole = await client.chat.completions.create(model="gpt", messages=BODY["messages"])
        stream = await client.chat.completions.create(
            model="gpt",
            messages=BODY["messages"],
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]
        vectors = await client.embeddings.create(model="e", input=["a", "b"], dimensions=4)
        await client.close()
        return whole, chunks, vectors

    whole, chunks, vectors = _run(story)

    assert whole.choices[0].message.content == SAYS
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == SAYS
    assert chunks[-1].usage.total_tokens == whole.usage.total_tokens
    assert [len(item.embedding) for item in vectors.data] == [4, 4]


def test_openais_own_client_sees_faults_as_its_own_errors() -> None:
    async def story(stub: StubServer, upstream: HttpUpstream) -> openai.APIError:
        client = openai.AsyncOpenAI(api_key="k", base_url=stub.url + "/v1", max_retries=0)
        with pytest.raises(openai.APIError) as caught:
            await client.chat.completions.create(model="gpt", messages=BODY["messages"])
        await client.close()
        return caught.value

    error = _run(story, Fault("context_length", model="gpt"))

    assert isinstance(error, openai.BadRequestError)
    assert error.code == "context_length_exceeded"


def test_bedrock_streams_in_amazons_own_encoding() -> None:
    async def story(stub: StubServer, upstream: HttpUpstream) -> tuple[Any, bytes]:
        body = orjson.dumps({"messages": [{"role": "user", "content": [{"text": "hi"}]}]})
        base = stub.base_url("b")
        whole = await (await upstream(Request(f"{base}/model/eu.x%3A0/converse", {}, body))).read()
        stream = await (
            await upstream(Request(f"{base}/model/eu.x%3A0/converse-stream", {}, body))
        ).read()
        assert [received.model for received in stub.received] == ["eu.x:0", "eu.x:0"]
        return orjson.loads(whole), stream

    whole, stream = _run(story)

    assert whole["output"]["message"]["content"] == [{"text": SAYS}]
    events = list(_aws_events(stream))
    assert "".join(e["delta"]["text"] for e in events if "delta" in e) == SAYS
    assert events[-1]["usage"] == whole["usage"]


def _aws_events(stream: bytes) -> Any:
    while stream:
        size, headers_size, checksum = struct.unpack("!III", stream[:12])
        assert checksum == zlib.crc32(stream[:8])
        assert struct.unpack("!I", stream[size - 4 : size])[0] == zlib.crc32(stream[: size - 4])
        yield orjson.loads(stream[12 + headers_size : size - 4])
        stream = stream[size:]


def test_an_unknown_endpoint_and_a_body_that_is_none_are_the_clients_mistake() -> None:
    async def story(stub: StubServer, upstream: HttpUpstream) -> list[int]:
        return [
            (await upstream(Request(stub.url + path, {}, body))).status
            for path, body in (
                ("/v1/images", b"{}"),
                ("/v1/chat/completions", b"not json"),
                ("/v1/chat/completions", b'{"messages": 7}'),
            )
        ]

    assert _run(story) == [404, 400, 400]


def test_a_port_in_use_is_an_error_with_a_name() -> None:
    async def main() -> None:
        async with StubServer() as stub:
            with pytest.raises(NetworkError, match="cannot listen on"):
                await StubServer(port=int(stub.url.rpartition(":")[2])).start()

    asyncio.run(main())


# --- answers -------------------------------------------------------------------------------------


@given(st.text())
def test_four_bytes_are_a_token(text: str) -> None:
    assert 4 * (tokens(text) - 1) < len(text.encode("utf-8", "replace")) <= 4 * tokens(text)


def test_an_example_has_the_types_of_its_schema() -> None:
    schema = {
        "type": "object",
        "properties": {
            "n": {"type": "integer"},
            "tags": {"type": "array", "items": {"enum": ["a", "b"]}},
            "ok": {"type": ["boolean", "null"]},
        },
    }

    assert example_of(schema) == {"n": 1, "tags": ["a"], "ok": True}
