"""LiteLLM's spend logs: rows of the table `LiteLLM_SpendLogs` as JSON or CSV.

Names and types are those of `schema.prisma` and `SpendLogsMetadata` in LiteLLM 1.106.2 (read
2026-11-24); column spellings of a database export and of `GET /spend/logs` are the same. A row is a whole
request: what failed before it was answered is not in it, only how often it was retried.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec
from msgspec import Struct, field

from designer.logs.row import MalformedError, Row, count, finite


class _TokenDetails(Struct, frozen=True, gc=False):
    cached_tokens: int | None = None


class _Used(Struct, frozen=True, gc=False):
    prompt_tokens_details: _TokenDetails | None = None
    cache_read_input_tokens: int | None = None


class _Error(Struct, frozen=True, gc=False):
    error_code: str | int | None = None
    error_class: str | None = None


class _Metadata(Struct, frozen=True, gc=False):
    status: str | None = None
    usage_object: _Used | None = None
    error_information: _Error | None = None
    attempted_retries: int | None = None
    attempted_fallbacks: int | None = None
    team_id: str | None = field(name="user_api_key_team_id", default=None)
    team: str | None = field(name="user_api_key_team_alias", default=None)
    key: str | None = field(name="user_api_key_alias", default=None)


class Entry(Struct, frozen=True, gc=False):
    started: str = field(name="startTime")
    ended: str | None = field(name="endTime", default=None)
    first: str | None = field(name="completionStartTime", default=None)
    model: str = ""
    model_id: str | None = None
    model_group: str | None = None
    provider: str | None = field(name="custom_llm_provider", default=None)
    spend: float | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cache_hit: str | bool | None = None
    status: str | None = None
    team_id: str | None = None
    metadata: _Metadata | str | None = None


ENTRY: Final = msgspec.json.Decoder(Entry)
_METADATA: Final = msgspec.json.Decoder(_Metadata)
_NOTHING: Final = _Metadata()


def row(entry: Entry) -> Row:
    metadata = _metadata(entry.metadata)
    started, ended = seconds(entry.started), _maybe(entry.ended)
    first = _maybe(entry.first)
    latency_s = None if ended is None else max(0.0, ended - started)
    # LiteLLM writes the end as the first token's time of answers that were not streamed.
    streamed = first is not None and ended is not None and started < first < ended
    used = metadata.usage_object or _Used()
    details = used.prompt_tokens_details or _TokenDetails()
    cached = details.cached_tokens or used.cache_read_input_tokens or 0
    failure = _failure(entry, metadata)
    return Row(
        at_s=started,
        route=entry.model_group or "",
        provider=entry.provider or "",
        deployment=entry.model_id or "",
        team=metadata.team or "",
        team_id=entry.team_id or metadata.team_id or "",
        key=metadata.key or "",
        model=entry.model,
        input_tokens=count(entry.prompt_tokens),
        output_tokens=count(entry.completion_tokens),
        cached_tokens=min(count(cached), entry.prompt_tokens),
        cost_usd=entry.spend,
        latency_s=latency_s,
        ttft_s=first - started if first is not None and streamed else None,
        failure=failure,
        attempts=1 + (metadata.attempted_retries or 0) + (metadata.attempted_fallbacks or 0),
        from_cache=str(entry.cache_hit).lower() == "true",
    )


def _metadata(said: _Metadata | str | None) -> _Metadata:
    """A column of JSON is a text in some exports."""
    if said is None or said == "":
        return _NOTHING
    if not isinstance(said, str):
        return said
    try:
        return _METADATA.decode(said)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise MalformedError("metadata is not JSON") from error


def _failure(entry: Entry, metadata: _Metadata) -> str:
    if "failure" not in (entry.status, metadata.status):
        return ""
    error = metadata.error_information or _Error()
    return str(error.error_code or error.error_class or "failure")


def seconds(moment: str) -> float:
    """LiteLLM writes UTC, with or without saying so."""
    try:
        read = datetime.fromisoformat(moment)
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, OSError) as error:
        raise MalformedError("a time that is none") from error


def _maybe(moment: str | None) -> float | None:
    return seconds(moment) if moment else None


# --- As a table -----------------------------------------------------------------------------------

_COLUMNS: Final = {
    f.encode_name: f.name for f in msgspec.structs.fields(Entry) if f.name != "metadata"
}


def table(header: Sequence[str]) -> Callable[[list[str]], Row] | None:
    """A reader of the table's rows, when these are its columns."""
    if not {"startTime", "model", "prompt_tokens"} <= set(header):
        return None
    places = {name: index for index, name in enumerate(header)}
    wanted = [(places[column], name) for column, name in _COLUMNS.items() if column in places]
    metadata = places.get("metadata")

    def read(cells: list[str]) -> Row:
        said: dict[str, str] = {name: cells[index] for index, name in wanted}
        entry = Entry(
            started=said["started"],
            ended=said.get("ended"),
            first=said.get("first"),
            model=said["model"],
            model_id=said.get("model_id"),
            model_group=said.get("model_group"),
            provider=said.get("provider"),
            spend=finite(said["spend"]) if said.get("spend") else None,
            prompt_tokens=count(said["prompt_tokens"] or 0),
            completion_tokens=count(said.get("completion_tokens") or 0),
            cache_hit=said.get("cache_hit"),
            status=said.get("status"),
            team_id=said.get("team_id"),
            metadata=cells[metadata] if metadata is not None else None,
        )
        return row(entry)

    return read
