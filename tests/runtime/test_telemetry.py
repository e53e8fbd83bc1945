"""What is told of requests: the conventions' names, right numbers, and nothing of what was said."""

import asyncio
import io
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from designer.ir import Telemetry
from runtime.keys import mint
from runtime.state.sqlite import connect
from runtime.stub import Fault
from runtime.telemetry import Listener, Record
from runtime.telemetry.build import listeners, notes
from runtime.telemetry.log import JsonLog
from tests.runtime.collector import collector
from tests.runtime.served import FIRST, SECOND, Running, runtime_on, two_deployments

CANARY = "canary-4711 canary.person@example.org"
BODY = {
    "model": "chat",
    "messages": [{"role": "user", "content": CANARY}],
    "user": CANARY,
    "metadata": {"note": CANARY},
}
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Kept:
    def __init__(self) -> None:
        self.records: list[Record] = []

    def told(self, record: Record) -> None:
        self.records.append(record)

    def close(self) -> None:
        pass


async def post(it: Running, body: dict[str, Any], **headers: str) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        url = f"{it.service.url}/v1/chat/completions"
        return await client.post(url, json=body, headers=headers)


async def a_failure_and_two_answers(tmp_path: Path, *told: Listener) -> str:
    """What `/metrics` says after it."""
    async with runtime_on(tmp_path, listeners=told) as it:
        it.stub.add_fault(Fault("http", deployment=FIRST, status=400, message=CANARY, times=1))
        await post(it, BODY)
        it.stub.add_fault(Fault("http", deployment=FIRST, status=401))
        await post(it, BODY, traceparent=PARENT)
        await post(it, {**BODY, "stream": True}, traceparent=CANARY)
        async with httpx.AsyncClient() as client:
            return (await client.get(f"{it.service.url}/metrics")).text


def test_a_record_says_who_was_asked_when_and_how_it_went(tmp_path: Path) -> None:
    kept = Kept()
    asyncio.run(a_failure_and_two_answers(tmp_path, kept))

    failed, whole, stream = kept.records
    assert [r.status for r in kept.records] == [400, 200, 200]
    assert [(t.deployment, t.outcome) for t in whole.attempts] == [(FIRST, "401"), (SECOND, "200")]
    assert whole.served_by == SECOND
    assert whole.output_tokens > 0
    assert float(whole.cost_usd) > 0
    first, second = whole.attempts
    assert whole.began_s <= first.began_s <= second.began_s
    assert second.began_s + second.took_s <= whole.began_s + whole.took_s + 0.05
    [answered] = stream.attempts  # the first is left alone by now
    assert answered.first_token_s is not None
    assert 0 < answered.first_token_s <= answered.took_s
    assert failed.failure == "400"


def test_metrics_are_what_prometheus_reads(tmp_path: Path) -> None:
    text = asyncio.run(a_failure_and_two_answers(tmp_path))

    samples = {
        (s.name, frozenset(s.labels.values())): s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
    }
    assert samples["designer_requests_total", frozenset({"chat", "200", "off"})] == 2
    assert samples["designer_attempts_total", frozenset({"chat", FIRST, "401"})] == 1
    assert samples["designer_attempts_total", frozenset({"chat", SECOND, "200"})] == 2
    assert samples["designer_request_seconds_count", frozenset({"chat"})] == 3
    assert samples["designer_tokens_total", frozenset({"chat", SECOND, "output"})] > 0
    assert samples["designer_cost_usd_total", frozenset({"chat", SECOND})] > 0
    assert "canary" not in text


def test_a_log_line_is_json_and_holds_nothing_that_was_said(tmp_path: Path) -> None:
    out = io.StringIO()
    with connect(tmp_path / "state.sqlite") as db:
        from datetime import UTC, datetime

        key, record = mint(db, "web", at=datetime.now(UTC), team="web", user="canary-user")

    async def main() -> None:
        async with runtime_on(tmp_path, listeners=(JsonLog(out),)) as it:
            await post(it, BODY, authorization=f"Bearer {key}")

    asyncio.run(main())

    [line] = out.getvalue().splitlines()
    told = json.loads(line)
    assert (told["status"], told["route"], told["team"]) == (200, "chat", "web")
    assert (told["key_id"], told["redactions"]) == (record.id, 3)
    assert "canary" not in line
    assert key not in line


# --- OpenTelemetry --------------------------------------------------------------------------------


def value_of(any_value: Any) -> Any:
    return getattr(any_value, any_value.WhichOneof("value"))


def attributes(of: Any) -> dict[str, Any]:
    return {a.key: value_of(a.value) for a in of.attributes}


def test_spans_and_metrics_have_the_conventions_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("opentelemetry.sdk")
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
        ExportMetricsServiceRequest,
    )
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    with collector() as server:
        url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        told = listeners(Telemetry(frozenset({"otel"})), "none")
        asyncio.run(a_failure_and_two_answers(tmp_path, *told))

    traces = [ExportTraceServiceRequest.FromString(body) for body in server.bodies["/v1/traces"]]
    spans = [s for t in traces for r in t.resource_spans for p in r.scope_spans for s in p.spans]
    requests = [span for span in spans if span.kind == span.SPAN_KIND_SERVER]
    attempts = [span for span in spans if span.kind == span.SPAN_KIND_CLIENT]
    assert [span.name for span in requests] == ["POST /v1/chat/completions"] * 3
    parented = [s for s in requests if s.trace_id.hex() == PARENT.split("-")[1]]
    assert [attributes(s)["http.response.status_code"] for s in parented] == [200]
    assert {s.parent_span_id for s in attempts} == {s.span_id for s in requests}
    answer = next(attributes(s) for s in attempts if "error.type" not in attributes(s))
    assert answer["gen_ai.operation.name"] == "chat"
    assert answer["gen_ai.provider.name"] == "anthropic"
    assert answer["gen_ai.usage.output_tokens"] > 0
    assert {attributes(s).get("error.type") for s in attempts} == {None, "400", "401"}

    measured = [
        ExportMetricsServiceRequest.FromString(body) for body in server.bodies["/v1/metrics"]
    ]
    metrics = [
        m
        for e in measured
        for r in e.resource_metrics
        for s in r.scope_metrics
        for m in s.metrics
        if s.scope.name == "designer"
    ]
    told_names = {name for s in spans for name in attributes(s)} | {m.name for m in metrics}
    told_names |= {name for m in metrics for p in m.histogram.data_points for name in attributes(p)}
    gen_ai = {name for name in told_names if name.startswith("gen_ai.")}
    assert len(gen_ai) >= 11
    assert gen_ai <= _conventions()
    bodies = b"".join(body for bodies in server.bodies.values() for body in bodies)
    assert b"canary" not in bodies


def _conventions() -> set[str]:
    from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
    from opentelemetry.semconv._incubating.metrics import gen_ai_metrics

    return {
        value
        for module in (gen_ai_attributes, gen_ai_metrics)
        for name, value in vars(module).items()
        if name.startswith("GEN_AI_")
    }


def test_providers_go_by_the_names_that_the_conventions_know() -> None:
    pytest.importorskip("opentelemetry.semconv")
    from opentelemetry.semconv._incubating.attributes.gen_ai_attributes import (
        GenAiProviderNameValues,
    )

    from designer.catalog import load_catalog
    from runtime.telemetry.otel import _PROVIDERS

    known = {value.value for value in GenAiProviderNameValues}
    assert set(_PROVIDERS.values()) <= known
    assert set(_PROVIDERS) <= set(load_catalog().providers)


def test_what_is_not_told_is_said() -> None:
    told = notes(Telemetry(frozenset({"otel"}), "always"))

    assert told == ("the text of requests and answers is written down nowhere here",)
    assert listeners(None, "none") == ()
    assert two_deployments().telemetry is None
