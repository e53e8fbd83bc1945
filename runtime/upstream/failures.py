"""What a provider's error means: its status, unless the body says something more telling.

The signs are data; a provider that words its error in a new way is a new line in a table.
"""

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final

import orjson

from runtime.upstream.base import UpstreamFailure

# Codes and types that OpenAI, Azure, OpenRouter and Mistral give (their API references, and
# LiteLLM 1.106.2's and Portkey 1.15.2's answers to the same errors; read 2026-11-22).
_TOKEN_OF_CODE: Final[Mapping[str, str]] = {
    "context_length_exceeded": "context_length",
    "context_window_exceeded": "context_length",
    "string_above_max_length": "context_length",
    "content_filter": "content_policy",
    "content_policy_violation": "content_policy",
    "responsibleaipolicyviolation": "content_policy",
    "moderation_blocked": "content_policy",
    "invalid_prompt": "content_policy",
}
# Wordings, for providers whose code only says "invalid request".
_SIGNS: Final = (
    (
        "context_length",
        re.compile(
            r"maximum context length|context (?:length|window|limit)|prompt is too long|input is too long"
            r"|(?:exceeds?|over) the maximum (?:number of|allowed)[^.]{0,40}tokens|too many (?:input )?tokens"
            r"|input token count|reduce the length of the (?:messages|prompt)",
            re.IGNORECASE,
        ),
    ),
    (
        "content_policy",
        re.compile(
            r"content management policy|usage polic|content (?:filter|policy)|safety system"
            r"|flagged (?:as|for|by)|requires moderation",
            re.IGNORECASE,
        ),
    ),
    (
        "reject_prefill",
        re.compile(r"prefill|conversation must end with a user message", re.IGNORECASE),
    ),
)
_MAY_BE_TELLING: Final = frozenset({400, 403, 413, 422})


def failure_of(status: int, headers: Mapping[str, str], body: bytes) -> UpstreamFailure:
    """The failure that an answer with an error status means."""
    error = _error_in(body)
    message = str(error.get("message") or "")
    return UpstreamFailure(
        token=(_telling_token(error, message) if status in _MAY_BE_TELLING else None)
        or str(status),
        status=status,
        retry_after_s=retry_after_s(headers),
        body=body,
        message=message[:500],
    )


def in_band_failure(error: Any, body: bytes) -> UpstreamFailure:
    """The failure that an error inside a stream, or inside an answer with status 200, means."""
    details = error if isinstance(error, dict) else {"message": str(error)}
    message = str(details.get("message") or "")
    token = _telling_token(details, message)
    code = details.get("code")
    status = code if isinstance(code, int) and 400 <= code <= 599 else None
    return UpstreamFailure(token or "stream_error", status, body=body, message=message[:500])


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """From `retry-after-ms` or `retry-after`, in seconds or as a date (relative to `date`)."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    text = headers.get("retry-after")
    seconds = _number(text)
    if text is None or seconds is not None:
        return seconds
    try:
        until = parsedate_to_datetime(text)
        return max(0.0, (until - parsedate_to_datetime(headers["date"])).total_seconds())
    except (KeyError, TypeError, ValueError):
        return None


def _number(text: str | None) -> float | None:
    if text is None or not re.fullmatch(r"\s*[0-9]{1,9}(?:\.[0-9]{1,9})?\s*", text):
        return None
    return float(text)


def _error_in(body: bytes) -> dict[str, Any]:
    """The object that describes the error, wherever this provider puts it."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {"message": body[:2000].decode("utf-8", "replace")}
    if isinstance(answer, list) and answer:  # Gemini, on a stream without SSE
        answer = answer[0]
    if not isinstance(answer, dict):
        return {"message": str(answer)[:2000]}
    error = answer.get("error", answer)
    return error if isinstance(error, dict) else {"message": str(error)}


def _telling_token(error: Mapping[str, Any], message: str) -> str | None:
    inner = error.get("innererror")
    for words in (error, inner if isinstance(inner, dict) else {}):
        for word in (words.get("code"), words.get("type")):
            if isinstance(word, str) and (token := _TOKEN_OF_CODE.get(word.lower())):
                return token
    metadata = error.get("metadata")
    if isinstance(metadata, dict) and "flagged_input" in metadata:
        return "content_policy"
    return next((token for token, sign in _SIGNS if sign.search(message)), None)
