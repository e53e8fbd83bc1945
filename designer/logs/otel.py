"""OpenTelemetry's GenAI spans, as OTLP in JSON: what a collector's file exporter writes, a batch a line.

Attributes are those of the GenAI semantic conventions 1.36–1.38, both the older and the newer spelling
(github.com/open-telemetry/semantic-conventions, and LiteLLM 1.106.2's
`integrations/otel/model/semconv.py`, read 2026-11-24). A span that calls no model is counted as another
thing. Where a program and its gateway both trace a call, give only one's spans: each counts.
"""

from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import Struct, field

from designer.logs.row import MalformedError, Row, Skipped, count, finite, moment


class _Value(Struct, frozen=True, gc=False):
    text: str | None = field(name="stringValue", default=None)
    whole: str | int | None = field(name="intValue", default=None)
    number: float | None = field(name="doubleValue", default=None)


class _Attribute(Struct, frozen=True, gc=False):
    key: str
    value: _Value = _Value()


class _Status(Struct, frozen=True, gc=False):
    code: int | str = 0


class _Span(Struct, frozen=True, gc=False):
    started: str | int = field(name="startTimeUnixNano", default=0)
    ended: str | int = field(name="endTimeUnixNano", default=0)
    attributes: list[_Attribute] = []
    status: _Status = _Status()


class _Scope(Struct, frozen=True, gc=False):
    spans: list[msgspec.Raw] = []
    """Each is decoded by itself, so that a malformed one costs no other."""


class _Resource(Struct, frozen=True, gc=False):
    scopes: list[_Scope] = field(name="scopeSpans", default_factory=list)


class _Batch(Struct, frozen=True, gc=False):
    resources: list[_Resource] = field(name="resourceSpans", default_factory=list)


_BATCH: Final = msgspec.json.Decoder(_Batch)
_SPAN: Final = msgspec.json.Decoder(_Span)

MODEL_CALLS: Final = frozenset({"chat", "text_completion", "generate_content", "embeddings"})
"""Of `gen_ai.operation.name`; the others are tools, agents and searches."""
_ERROR: Final = (2, "STATUS_CODE_ERROR")
_INPUT: Final = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")
_OUTPUT: Final = ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens")
_CACHED: Final = ("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cached_tokens")
_TTFT: Final = ("gen_ai.response.time_to_first_chunk", "gen_ai.server.time_to_first_token")
_COST: Final = ("gen_ai.cost.total_cost", "gen_ai.usage.cost")
_PROVIDER: Final = ("gen_ai.provider.name", "gen_ai.system")
_MODEL: Final = ("gen_ai.response.model", "gen_ai.request.model")


def rows(place: str, entry: bytes | msgspec.Raw, skipped: Skipped) -> Iterator[Row]:
    resources = _BATCH.decode(entry).resources
    raw = (span for resource in resources for scope in resource.scopes for span in scope.spans)
    for number, span in enumerate(raw, 1):
        try:
            row = _read(_SPAN.decode(span))
        except (MalformedError, msgspec.ValidationError) as error:
            skipped.add(f"{place}, span {number}", f"not a call: {error}")
            continue
        if row is None:
            skipped.others += 1
        else:
            yield row


def _read(span: _Span) -> Row | None:
    """None for a span that calls no model."""
    said = {a.key: a.value for a in span.attributes}
    is_call = _text(said, ("gen_ai.operation.name",)) in MODEL_CALLS or _has_usage(said)
    return _row(span, said) if is_call else None


def _has_usage(said: dict[str, _Value]) -> bool:
    """Instrumentations before the conventions named operations."""
    return "gen_ai.operation.name" not in said and any(key in said for key in _INPUT)


def _row(span: _Span, said: dict[str, _Value]) -> Row:
    started, ended = moment(finite(span.started) / 1e9), moment(finite(span.ended) / 1e9)
    if started == 0:
        raise MalformedError("a span without a time")
    error = _text(said, ("error.type", "http.response.status_code"))
    failed = span.status.code in _ERROR or "error.type" in said
    into = count(_number(said, _INPUT) or 0)
    return Row(
        at_s=started,
        route=_text(said, ("gen_ai.request.model",)),
        provider=_text(said, _PROVIDER),
        deployment=_text(said, ("server.address",)),
        model=_text(said, _MODEL),
        input_tokens=into,
        output_tokens=count(_number(said, _OUTPUT) or 0),
        cached_tokens=min(into, count(_number(said, _CACHED) or 0)),
        cost_usd=_number(said, _COST),
        latency_s=ended - started if ended >= started else None,
        ttft_s=_number(said, _TTFT),
        failure=(error or "error") if failed else "",
    )


def _text(said: dict[str, _Value], keys: tuple[str, ...]) -> str:
    for key in keys:
        value = said.get(key)
        if value is not None:
            found = value.text if value.text is not None else value.whole
            return "" if found is None else str(found)
    return ""


def _number(said: dict[str, _Value], keys: tuple[str, ...]) -> float | None:
    for key in keys:
        value = said.get(key)
        if value is not None:
            found = value.number if value.number is not None else value.whole
            # JSON's numbers do not hold 64 bits, so OTLP writes whole numbers as texts.
            return None if found is None else finite(found)
    return None
