"""Traces and metrics by OpenTelemetry, over OTLP and HTTP (extra `otel`).

A request is a span of a server, each attempt at a model a span of a client below it; names are those of
the semantic conventions for GenAI. Where to send them is said by the usual variables
(`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_SERVICE_NAME`, …), which the SDK reads. Nothing waits for a collector:
what it does not take in time is lost, and the SDK says so.
"""

from importlib.util import find_spec
from typing import Any, Final

from designer.errors import UsageError
from runtime.telemetry.record import Attempted, Record

# The conventions' names of providers (semantic conventions 1.38, read 2026-11-24); others go by their own.
_PROVIDERS: Final = {
    "azure": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "vertex": "gcp.vertex_ai",
    "xai": "x_ai",
}
_NANO: Final = 1_000_000_000
_FLUSH_MS: Final = 5_000


def lacking() -> bool:
    return find_spec("opentelemetry") is None or find_spec("opentelemetry.sdk") is None


class OpenTelemetry:
    """Raises UsageError where the extra is not installed."""

    def __init__(self) -> None:
        if lacking():
            raise UsageError(
                "the configuration exports to OpenTelemetry: "
                "pip install 'llm-gateway-designer[otel]'"
            )
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        # Variables of the environment come first, this is for where there are none.
        resource = Resource({"service.name": "designer"}).merge(Resource.create())
        self._traces = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._traces.get_tracer("designer")
        reader = PeriodicExportingMetricReader(OTLPMetricExporter())
        self._metrics = MeterProvider([reader], resource, shutdown_on_exit=False)
        meter = self._metrics.get_meter("designer")
        self._request = meter.create_histogram("gen_ai.server.request.duration", "s")
        self._took = meter.create_histogram("gen_ai.client.operation.duration", "s")
        self._first = meter.create_histogram("gen_ai.client.operation.time_to_first_chunk", "s")
        self._tokens = meter.create_histogram("gen_ai.client.token.usage", "{token}")

    def told(self, record: Record) -> None:
        self._span(record)
        told = {"gen_ai.operation.name": record.operation, "gen_ai.request.model": record.route}
        failed = {"error.type": record.failure} if record.failure else {}
        self._request.record(record.took_s, {**told, **failed})
        for tried in record.attempts:
            self._measure(record, tried)

    def _span(self, record: Record) -> None:
        from opentelemetry import trace
        from opentelemetry.trace import SpanKind, Status, StatusCode
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        above = TraceContextTextMapPropagator().extract({"traceparent": record.parent})
        span = self._tracer.start_span(
            f"POST {record.path}",
            above,
            SpanKind.SERVER,
            _of_request(record),
            start_time=round(record.began_s * _NANO),
        )
        below = trace.set_span_in_context(span)
        for tried in record.attempts:
            began = round(tried.began_s * _NANO)
            attempt = self._tracer.start_span(
                f"{record.operation} {tried.model}",
                below,
                SpanKind.CLIENT,
                _of_attempt(record, tried),
                start_time=began,
            )
            if tried.outcome != "200":
                attempt.set_status(Status(StatusCode.ERROR))
            attempt.end(began + round(tried.took_s * _NANO))
        if record.status >= 500:
            span.set_status(Status(StatusCode.ERROR))
        span.end(round((record.began_s + record.took_s) * _NANO))

    def _measure(self, record: Record, tried: Attempted) -> None:
        told = _of_model(record, tried)
        self._took.record(tried.took_s, told)
        if tried.first_token_s is not None:
            self._first.record(tried.first_token_s, told)
        if _answered(record, tried):
            self._tokens.record(record.input_tokens, {**told, "gen_ai.token.type": "input"})
            self._tokens.record(record.output_tokens, {**told, "gen_ai.token.type": "output"})

    def close(self) -> None:
        """Sends what is waiting, for as long as a few seconds."""
        self._traces.force_flush(_FLUSH_MS)
        self._traces.shutdown()
        self._metrics.shutdown(_FLUSH_MS)


def _of_request(record: Record) -> dict[str, Any]:
    said: dict[str, Any] = {
        "http.request.method": "POST",
        "http.route": record.path,
        "http.response.status_code": record.status,
        "designer.request.id": record.trace,
        "designer.route": record.route,
        "designer.attempts": len(record.attempts),
        "designer.cache": record.cache,
        "designer.redactions": record.redactions,
    }
    told = {"served_by": record.served_by, "team": record.team, "key_id": record.key_id}
    said |= {f"designer.{name}": value for name, value in told.items() if value}
    if record.cost_usd != "unknown":
        said["designer.cost_usd"] = float(record.cost_usd)
    if record.failure:
        said["error.type"] = record.failure
    return said


def _of_attempt(record: Record, tried: Attempted) -> dict[str, Any]:
    said = _of_model(record, tried) | {
        "designer.deployment": tried.deployment,
        "gen_ai.request.stream": record.is_stream,
    }
    if tried.first_token_s is not None:
        said["gen_ai.response.time_to_first_chunk"] = tried.first_token_s
    if _answered(record, tried):
        said["gen_ai.usage.input_tokens"] = record.input_tokens
        said["gen_ai.usage.output_tokens"] = record.output_tokens
        said["gen_ai.usage.cache_read.input_tokens"] = record.cached_tokens
    return said


def _of_model(record: Record, tried: Attempted) -> dict[str, Any]:
    said = {
        "gen_ai.operation.name": record.operation,
        "gen_ai.provider.name": _PROVIDERS.get(tried.provider, tried.provider or "_OTHER"),
        "gen_ai.request.model": tried.model,
    }
    return said if tried.outcome == "200" else {**said, "error.type": tried.outcome}


def _answered(record: Record, tried: Attempted) -> bool:
    return tried.outcome == "200" and tried.deployment == record.served_by
