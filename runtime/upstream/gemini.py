"""Google's Gemini API (v1beta generateContent; ai.google.dev/api/generate-content, read 2026-11-22)."""

import mimetypes
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote

import orjson

from runtime.upstream import dialogue
from runtime.upstream.base import UpstreamError, UpstreamFailure
from runtime.upstream.dialect import (
    Body,
    Dialect,
    Embedding,
    Target,
    Translated,
    UntranslatableError,
    chunk,
    data_url,
    joined_url,
    json_request,
    only_text_of,
    texts_of,
    usage_chunk,
    usage_of,
)
from runtime.upstream.failures import failure_of

_FINISH_OF: Final = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "LANGUAGE": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "IMAGE_SAFETY": "content_filter",
}
_CONFIG_OF: Final = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "n": "candidateCount",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "logprobs": "responseLogprobs",
    "top_logprobs": "logprobs",
}
# What Google's own OpenAI endpoint makes of the word (ai.google.dev/gemini-api/docs/openai).
_BUDGET_OF: Final = {"none": 0, "minimal": 1024, "low": 1024, "medium": 8192, "high": 24576}
_MODE_OF: Final = {"auto": "AUTO", "none": "NONE", "required": "ANY"}
_TRANSLATED: Final = frozenset(
    {
        *("model", "messages", "max_tokens", "max_completion_tokens", "stop", "stream"),
        *("stream_options", "tools", "tool_choice", "response_format", "reasoning_effort"),
        *_CONFIG_OF,
    }
)


# --- the request ---------------------------------------------------------------------------------


def request(target: Target, body: Body) -> Translated:
    sent = json_request(target, _url(target, method(body)), _auth(target), translated(body))
    return Translated(replace(sent, is_stream=bool(body.get("stream"))), dropped(body))


def translated(body: Body) -> Body:
    """The body, which says neither the model nor that it is a stream: the address does."""
    said: Body = {"contents": dialogue.said_in(body["messages"], _WORDS)}
    if system := dialogue.instructions_in(body["messages"], _WORDS):
        said["systemInstruction"] = {"parts": system}
    if config := _config(body):
        said["generationConfig"] = config
    if tools := body.get("tools"):
        said["tools"] = [{"functionDeclarations": [_declaration(tool) for tool in tools]}]
        if (choice := body.get("tool_choice")) is not None:
            said["toolConfig"] = {"functionCallingConfig": _calling(choice)}
    return said


def dropped(body: Body) -> tuple[str, ...]:
    return tuple(sorted(key for key in body if key not in _TRANSLATED))


def method(body: Body) -> str:
    return "streamGenerateContent?alt=sse" if body.get("stream") else "generateContent"


def _url(target: Target, method: str) -> str:
    model = quote(target.model.removeprefix("models/"), safe="")
    return joined_url(target.api_base, f"models/{model}:{method}", "v1beta")


def _auth(target: Target) -> dict[str, str]:
    return {"x-goog-api-key": target.secret} if target.secret else {}


def _config(body: Body) -> Body:
    config: Body = {
        theirs: body[ours] for ours, theirs in _CONFIG_OF.items() if body.get(ours) is not None
    }
    if limit := dialogue.limit_of(body):
        config["maxOutputTokens"] = limit
    if stops := dialogue.stops_of(body):
        config["stopSequences"] = stops
    form = body.get("response_format") or {}
    if form.get("type") in ("json_object", "json_schema"):
        config["responseMimeType"] = "application/json"
    if form.get("type") == "json_schema":
        config["responseJsonSchema"] = form["json_schema"]["schema"]
    if effort := body.get("reasoning_effort"):
        config["thinkingConfig"] = {"thinkingBudget": _BUDGET_OF.get(effort, _BUDGET_OF["high"])}
    return config


def _function_response(result: dialogue.Result) -> Body:
    """Gemini matches results by name."""
    if result.name is None:
        raise UntranslatableError("the result of a tool call that is not in the dialogue")
    said = _result(only_text_of(result.content, "the result of a tool"))
    return {"functionResponse": {"name": result.name, "response": said}}


def _result(text: str) -> Body:
    try:
        result = orjson.loads(text)
    except orjson.JSONDecodeError:
        result = text
    return result if isinstance(result, dict) else {"result": result}


def _part(part: dialogue.Part) -> list[Body]:
    match part:
        case dialogue.Text(text):
            return [{"text": text}]
        case dialogue.Image(url) | dialogue.File(url):
            return [_file(url)]
        case dialogue.Audio(format_, data):
            return [{"inlineData": {"mimeType": f"audio/{format_}", "data": data}}]


def _file(url: str) -> Body:
    encoded = data_url(url)
    if encoded is not None:
        media_type, data = encoded
        return {"inlineData": {"mimeType": media_type, "data": data}}
    guessed = mimetypes.guess_type(url.partition("?")[0])[0]
    return {"fileData": {"fileUri": url, **({"mimeType": guessed} if guessed else {})}}


def _function_call(call: dialogue.Call) -> Body:
    part: Body = {"functionCall": {"name": call.name, "args": call.arguments}}
    signature = (call.given.get("extra_content") or {}).get("google", {}).get("thought_signature")
    return {**part, "thoughtSignature": signature} if signature else part


_WORDS: Final = dialogue.Words(_part, _function_call, _function_response, "model", "parts")


def _declaration(tool: Body) -> Body:
    function = dialogue.function_of(tool)
    declaration = {"name": function["name"]}
    if function.get("description"):
        declaration["description"] = function["description"]
    if function.get("parameters"):
        declaration["parametersJsonSchema"] = function["parameters"]
    return declaration


def _calling(choice: Any) -> Body:
    if isinstance(choice, dict):
        return {"mode": "ANY", "allowedFunctionNames": [choice["function"]["name"]]}
    return {"mode": _MODE_OF[choice]}


# --- the answer ----------------------------------------------------------------------------------


def response(payload: Body, model: str) -> Body:
    _raise_if_blocked(payload)
    id_ = payload.get("responseId") or "gemini"
    return {
        "id": id_,
        "object": "chat.completion",
        "created": 0,
        "model": payload.get("modelVersion") or model,
        "choices": [
            _choice(candidate, number, id_)
            for number, candidate in enumerate(payload["candidates"])
        ],
        "usage": _usage(payload.get("usageMetadata") or {}),
    }


def _raise_if_blocked(payload: Body) -> None:
    reason = (payload.get("promptFeedback") or {}).get("blockReason")
    if reason and not payload.get("candidates"):
        message = f"the prompt was blocked: {reason}"
        raise UpstreamError(
            UpstreamFailure("content_policy", 200, body=orjson.dumps(payload), message=message)
        )


def _choice(candidate: Body, number: int, id_: str) -> Body:
    parts = (candidate.get("content") or {}).get("parts") or []
    message: Body = {"role": "assistant", "content": _said(parts, thought=False) or None}
    calls = [part for part in parts if "functionCall" in part]
    if calls:
        message["tool_calls"] = [_tool_call(part, id_, n) for n, part in enumerate(calls)]
    if thoughts := _said(parts, thought=True):
        message["reasoning_content"] = thoughts
    finish = _finish(candidate["finishReason"], bool(calls))
    return {"index": candidate.get("index", number), "message": message, "finish_reason": finish}


def _said(parts: list[Body], thought: bool) -> str:
    return "".join(
        part["text"] for part in parts if "text" in part and bool(part.get("thought")) is thought
    )


def _finish(reason: str, has_calls: bool) -> str:
    finish = _FINISH_OF.get(reason, "stop")
    return "tool_calls" if has_calls and finish == "stop" else finish


def _tool_call(part: Body, id_: str, number: int) -> Body:
    """The signature of the thought behind a call has to come back with it in the next turn."""
    function = part["functionCall"]
    arguments = orjson.dumps(function.get("args") or {}).decode()
    call: Body = {
        "id": function.get("id") or f"call_{id_}_{number}",
        "type": "function",
        "function": {"name": function["name"], "arguments": arguments},
    }
    if signature := part.get("thoughtSignature"):
        call["extra_content"] = {"google": {"thought_signature": signature}}
    return call


def _usage(usage: Body) -> Body:
    thoughts = usage.get("thoughtsTokenCount") or 0
    return usage_of(
        (usage.get("promptTokenCount") or 0) + (usage.get("toolUsePromptTokenCount") or 0),
        (usage.get("candidatesTokenCount") or 0) + thoughts,
        cached=usage.get("cachedContentTokenCount") or 0,
        reasoning=thoughts,
    )


def stream(model: str) -> "_Stream":
    return _Stream(model)


class _Stream:
    def __init__(self, model: str) -> None:
        self._id = "gemini"
        self._model = model
        self._has_started = False
        self._calls = 0

    def __call__(self, payload: Body) -> Iterator[Body]:
        _raise_if_blocked(payload)
        self._id = payload.get("responseId") or self._id
        self._model = payload.get("modelVersion") or self._model
        candidates = payload.get("candidates") or []
        if not candidates and "usageMetadata" not in payload:
            raise ValueError("neither candidates nor usage")
        for candidate in candidates:
            for delta, finish in self._deltas(candidate):
                piece = chunk(self._id, self._model, 0, delta, finish)
                piece["choices"][0]["index"] = candidate.get("index", 0)
                yield piece
        is_last = not candidates or any(candidate.get("finishReason") for candidate in candidates)
        if is_last and "usageMetadata" in payload:
            yield usage_chunk(self._id, self._model, 0, _usage(payload["usageMetadata"]))

    def _deltas(self, candidate: Body) -> Iterable[tuple[Body, str | None]]:
        if not self._has_started:
            self._has_started = True
            yield {"role": "assistant", "content": ""}, None
        parts = (candidate.get("content") or {}).get("parts") or []
        if thoughts := _said(parts, thought=True):
            yield {"reasoning_content": thoughts}, None
        if text := _said(parts, thought=False):
            yield {"content": text}, None
        for part in parts:
            if "functionCall" in part:
                call = _tool_call(part, self._id, self._calls)
                yield {"tool_calls": [{"index": self._calls, **call}]}, None
                self._calls += 1
        if reason := candidate.get("finishReason"):
            yield {}, _finish(reason, bool(self._calls))


def error(status: int, headers: Mapping[str, str], body: bytes) -> UpstreamFailure:
    failure = failure_of(status, headers, body)
    if failure.retry_after_s is None:
        return replace(failure, retry_after_s=_retry_delay_s(body))
    return failure


def _retry_delay_s(body: bytes) -> float | None:
    """Google says in the body when to come back: `{"@type": …RetryInfo, "retryDelay": "34s"}`."""
    try:
        payload = orjson.loads(body)
        details = (payload[0] if isinstance(payload, list) else payload)["error"]["details"]
        delays = [detail["retryDelay"] for detail in details if "retryDelay" in detail]
        return float(delays[0].removesuffix("s"))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return None


# --- embeddings ----------------------------------------------------------------------------------


def embedding_request(target: Target, body: Body) -> Translated:
    texts = texts_of(body["input"])
    size = {"outputDimensionality": body["dimensions"]} if body.get("dimensions") else {}
    name = f"models/{target.model.removeprefix('models/')}"
    requests = [{"model": name, "content": {"parts": [{"text": text}]}, **size} for text in texts]
    url = _url(target, "batchEmbedContents")
    known = ("model", "input", "dimensions", "encoding_format")
    dropped = tuple(sorted(key for key in body if key not in known))
    return Translated(json_request(target, url, _auth(target), {"requests": requests}), dropped)


def embedding_response(payload: Body, model: str) -> Body:
    """Gemini does not say how many tokens it read."""
    data = [
        {"object": "embedding", "index": number, "embedding": embedding["values"]}
        for number, embedding in enumerate(payload["embeddings"])
    ]
    return {"object": "list", "data": data, "model": model}


GEMINI = Dialect(
    name="gemini",
    request=request,
    response=response,
    stream=stream,
    error=error,
    embedding=Embedding(embedding_request, embedding_response),
)
