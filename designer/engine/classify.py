"""What a provider's HTTP answer means in failure tokens, and how long it asks to wait.

Providers say "too long" and "refused" with the same status as "nonsense"; telling them apart is a
table of the codes and words that they use. No gateway's own reading is here: where a gateway
misreads an answer, its semantics say what happens then.
"""

import json
from collections.abc import Mapping
from typing import Any

MEANING_OF_CODE: Mapping[str, str] = {
    "context_length_exceeded": "context_length",
    "string_above_max_length": "context_length",
    "content_filter": "content_policy",
    "content_policy_violation": "content_policy",
    "responsibleaipolicyviolation": "content_policy",
    "moderation_blocked": "content_policy",
}
"""`error.code`, `error.type` or Azure's `error.innererror.code`, in lower case.

OpenAI: platform.openai.com/docs/guides/error-codes; Azure: learn.microsoft.com, "Content filtering".
Both as of 2026-11.
"""

MEANING_OF_WORDS: Mapping[str, str] = {
    "maximum context length": "context_length",
    "prompt is too long": "context_length",
    "input is too long": "context_length",
    "exceeds the maximum number of tokens": "context_length",
    "content management policy": "content_policy",
    "content filtering policy": "content_policy",
    "assistant message prefill": "reject_prefill",
    "must end with a user message": "reject_prefill",
}
"""Parts of `error.message`, in lower case, of providers without codes.

OpenAI-compatible servers, Anthropic, Bedrock, Vertex in this order; then Azure and Anthropic.
"""

_MEANT_BY = frozenset({400, 413, 422})
"""Statuses that need a second look."""


def failure_of(status: int, body: Any = None) -> str | None:
    """The failure token of an answer, None for a good one. `body` is JSON, or text; None: unseen."""
    if 200 <= status < 300:
        return None if body is None else _fault_of(body)
    if status in _MEANT_BY:
        error = _error(_loaded(body))
        for code in (error.get("code"), error.get("type"), _inner_code(error)):
            meaning = MEANING_OF_CODE.get(str(code).lower())
            if meaning:
                return meaning
        message = str(error.get("message", "")).lower()
        return next((m for words, m in MEANING_OF_WORDS.items() if words in message), str(status))
    return str(status)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds; None without the header and for an HTTP date, which only a clock could read."""
    given = {name.lower(): value for name, value in headers.items()}
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(given[name]) * unit_s
        except (KeyError, ValueError):
            continue
        if 0 <= seconds < float("inf"):
            return seconds
    return None


def _fault_of(body: Any) -> str | None:
    loaded = _loaded(body)
    if loaded in (None, "", {}):
        return "empty"
    if not isinstance(loaded, dict):
        return "malformed"
    if loaded.get("choices") == []:
        return "empty"
    return None


def _loaded(body: Any) -> Any:
    if not isinstance(body, str):
        return body
    try:
        return json.loads(body)
    except ValueError:
        return body.strip()


def _error(body: Any) -> Mapping[str, Any]:
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, dict):
        return error
    return {"message": error if isinstance(error, str) else body}


def _inner_code(error: Mapping[str, Any]) -> Any:
    inner = error.get("innererror")
    return inner.get("code") if isinstance(inner, dict) else None
