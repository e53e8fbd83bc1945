"""Logs as the programs write them, made by hand after their schemas."""

import csv
import io
import json
from typing import Any


def spend_log(**changes: Any) -> dict[str, Any]:
    return {
        "request_id": "r-1",
        "call_type": "acompletion",
        "api_key": "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b",
        "spend": 0.0021,
        "total_tokens": 1500,
        "prompt_tokens": 1200,
        "completion_tokens": 300,
        "startTime": "2026-11-01T10:00:00.000000Z",
        "endTime": "2026-11-01T10:00:04.000000Z",
        "completionStartTime": "2026-11-01T10:00:00.500000Z",
        "model": "gpt-5.4-mini",
        "model_id": "chat/openai/gpt-5.4-mini",
        "model_group": "chat",
        "custom_llm_provider": "openai",
        "cache_hit": "False",
        "messages": {"content": "my secret question"},
        "response": {"content": "a secret answer"},
        "status": "success",
        "metadata": {
            "status": "success",
            "usage_object": {"prompt_tokens_details": {"cached_tokens": 400}},
            "error_information": None,
            "attempted_retries": 1,
            "attempted_fallbacks": 0,
        },
        **changes,
    }


FAILED = {
    "status": "failure",
    "spend": 0.0,
    "prompt_tokens": 0,
    "completion_tokens": 0,
    "metadata": {
        "status": "failure",
        "error_information": {"error_code": "503", "error_class": "ServiceUnavailableError"},
    },
}


def lines(*entries: dict[str, Any]) -> str:
    return "".join(json.dumps(entry) + "\n" for entry in entries)


def table(*entries: dict[str, Any]) -> str:
    """As a database exports it: JSON columns as texts."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(entries[0]))
    writer.writeheader()
    for entry in entries:
        writer.writerow({k: json.dumps(v) if isinstance(v, dict) else v for k, v in entry.items()})
    return out.getvalue()


def span(status: int = 0, **attributes: str | int | float) -> dict[str, Any]:
    return {
        "name": "chat gpt-5.4-mini",
        "startTimeUnixNano": "1793527200000000000",
        "endTimeUnixNano": "1793527204000000000",
        "status": {"code": status},
        "attributes": [
            {"key": key.replace("__", "."), "value": _value(value)}
            for key, value in attributes.items()
        ],
    }


def _value(value: str | float) -> dict[str, Any]:
    if isinstance(value, str):
        return {"stringValue": value}
    return {"intValue": str(value)} if isinstance(value, int) else {"doubleValue": value}


def batch(*spans: dict[str, Any]) -> dict[str, Any]:
    return {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {}, "spans": spans}]}]}


CALL: dict[str, str | int | float] = {
    "gen_ai__operation__name": "chat",
    "gen_ai__provider__name": "openai",
    "gen_ai__request__model": "gpt-5.4-mini",
    "gen_ai__usage__input_tokens": 1200,
    "gen_ai__usage__output_tokens": 300,
    "gen_ai__usage__cache_read__input_tokens": 400,
    "gen_ai__response__time_to_first_chunk": 0.5,
    "gen_ai__cost__total_cost": 0.0021,
}
