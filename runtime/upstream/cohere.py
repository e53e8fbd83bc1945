"""Cohere's API, version 2 (/v2/chat and /v2/embed; docs.cohere.com/reference/chat and cohere 7.3.1,
read 2026-11-24).

Citations of an answer are left out: OpenAI's shape has no place for them.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from runtime.upstream.base import UpstreamError, UpstreamFailure
from runtime.upstream.dialect import (
    Body,
    Dialect,
    Embedding,
    Target,
    Translated,
    UntranslatableError,
    chunk,
    joined_url,
    json_request,
    only_text_of,
    text_of,
    texts_of,
    usage_chunk,
    usage_of,
)
from runtime.upstream.dialogue import function_of, limit_of, stops_of
from runtime.upstream.failures import failure_of

_FINISH_OF: Final = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
}
_STATUS_OF: Final = {"ERROR": 500, "TIMEOUT": 504}
"""Reasons to finish that are failures: the status that an answer would have."""
_CHOICE_OF: Final = {"required": "REQUIRED", "none": "NONE"}
_RENAMED: Final = {
    "stream": "stream",
    "temperature": "temperature",
    "top_p": "p",
    "top_k": "k",
    "seed": "seed",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
}
_NATIVE: Final = ("k", "p", "documents", "citation_options", "safety_mode", "thinking", "priority")
"""Cohere's own words, which clients of gateways send beside OpenAI's."""
_TRANSLATED: Final = frozenset(
    {
        *("model", "messages", "max_tokens", "max_completion_tokens", "stop", "stream_options"),
        *("tools", "tool_choice", "response_format", "reasoning_effort"),
        *_RENAMED,
        *_NATIVE,
    }
)
_INPUT_TYPE: Final = "search_document"
"""Of an embedding whose request does not name one: OpenAI has no word for it, Cohere demands it."""


# --- the request ---------------------------------------------------------------------------------


def request(target: Target, body: Body) -> Translated:
    translated: Body = {
        "model": target.model,
        "messages": [_message(message) for message in body["messages"]],
    }
    translated |= {
        theirs: body[ours] for ours, theirs in _RENAMED.items() if body.get(ours) is not None
    }
    translated |= {key: body[key] for key in _NATIVE if key in body}
    dropped = {key for key in body if key not in _TRANSLATED}
    if limit := limit_of(body):
        translated["max_tokens"] = limit
    if stops := stops_of(body):
        translated["stop_sequences"] = stops
    if body.get("tools"):
        translated |= _tools(body, dropped)
    if answer := _form(body.get("response_format") or {}):
        translated["response_format"] = answer
    if effort := body.get("reasoning_effort"):
        translated["thinking"] = {"type": "disabled" if effort == "none" else "enabled"}
        dropped |= (
            set() if effort in ("none", "high") else {"reasoning_effort between none and high"}
        )
    if body.get("n") in (None, 1):
        dropped -= {"n"}
    if body.get("parallel_tool_calls") is not False:
        dropped -= {"parallel_tool_calls"}
    # Version 1 sent bare lines of JSON to who did not ask for events; asking leaves no doubt.
    accepted = {"accept": "text/event-stream"} if body.get("stream") else {}
    sent = json_request(target, _url(target, "chat"), {**_auth(target), **accepted}, translated)
    return Translated(sent, tuple(sorted(dropped)))


def _url(target: Target, path: str) -> str:
    return joined_url(target.api_base.rstrip("/").removesuffix("/v1"), path, "v2")


def _auth(target: Target) -> dict[str, str]:
    return {"authorization": f"Bearer {target.secret}"} if target.secret else {}


def _message(message: Body) -> Body:
    content = message.get("content")
    match message["role"]:
        case "system" | "developer":
            return {"role": "system", "content": _content(content)}
        case "user":
            return {"role": "user", "content": _content(content)}
        case "tool":
            call = message["tool_call_id"]
            return {
                "role": "tool",
                "tool_call_id": call,
                "content": only_text_of(content, "the result of a tool"),
            }
        case "assistant" if calls := message.get("tool_calls"):
            # What is said beside calls is Cohere's plan of them, both ways.
            text = only_text_of(content, "a message with tool calls")
            plan = {"tool_plan": text} if text else {}
            return {"role": "assistant", **plan, "tool_calls": [_call(call) for call in calls]}
        case "assistant":
            return {"role": "assistant", "content": _content(content)}
    raise UntranslatableError(f"messages of the role {message['role']!r}")


def _content(content: Any) -> Any:
    if content is None or isinstance(content, str):
        return content or ""
    return [_part(part) for part in content]


def _part(part: Body) -> Body:
    match part.get("type"):
        case "text" | "input_text":
            return {"type": "text", "text": part["text"]}
        case "refusal":
            return {"type": "text", "text": part["refusal"]}
        case "image_url":
            image = part["image_url"]
            return {
                "type": "image_url",
                "image_url": {"url": image} if isinstance(image, str) else image,
            }
    raise UntranslatableError(f"message parts of the type {part.get('type')!r}")


def _call(call: Body) -> Body:
    function = call["function"]
    said = {"name": function["name"], "arguments": function.get("arguments") or "{}"}
    return {"id": call["id"], "type": "function", "function": said}


def _tools(body: Body, dropped: set[str]) -> Body:
    choice = body.get("tool_choice")
    tools = [_tool(tool) for tool in body["tools"]]
    translated: Body = {}
    if isinstance(choice, dict):
        # Cohere has no word for one tool: it is the only one that there is to call.
        name = choice["function"]["name"]
        tools = [tool for tool in tools if tool["function"]["name"] == name]
        if not tools:
            raise UntranslatableError(f"the choice of a tool that is not given: {name!r}")
        translated["tool_choice"] = "REQUIRED"
    elif choice in _CHOICE_OF:
        translated["tool_choice"] = _CHOICE_OF[choice]
    strict = [bool(tool["function"].get("strict")) for tool in body["tools"]]
    if all(strict):
        translated["strict_tools"] = True
    elif any(strict):
        dropped.add("strict of single tools")
    return {"tools": tools, **translated}


def _tool(tool: Body) -> Body:
    function = function_of(tool)
    translated = {
        "name": function["name"],
        "parameters": function.get("parameters") or {"type": "object", "properties": {}},
    }
    if function.get("description"):
        translated["description"] = function["description"]
    return {"type": "function", "function": translated}


def _form(form: Body) -> Body | None:
    match form.get("type"):
        case "json_object":
            return {"type": "json_object"}
        case "json_schema":
            return {"type": "json_object", "json_schema": form["json_schema"]["schema"]}
    return None


# --- the answer ----------------------------------------------------------------------------------


def response(payload: Body, model: str) -> Body:
    said = payload["message"]
    blocks = said.get("content") or []
    text = text_of([block for block in blocks if block["type"] == "text"])
    plan = said.get("tool_plan") or ""
    message: Body = {"role": "assistant", "content": plan + text or None}
    if calls := said.get("tool_calls"):
        message["tool_calls"] = [_call(call) for call in calls]
    if thoughts := "".join(b["thinking"] for b in blocks if b["type"] == "thinking"):
        message["reasoning_content"] = thoughts
    reason = payload["finish_reason"]
    if status := _STATUS_OF.get(reason):
        failed = UpstreamFailure(str(status), status, message=f"the answer ended with {reason}")
        raise UpstreamError(failed)
    finish = _FINISH_OF.get(reason, "stop")
    return {
        "id": payload["id"],
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": _usage(payload.get("usage") or {}),
    }


def _usage(usage: Body) -> Body:
    """What is billed: `tokens` counts Cohere's own template in."""
    counted = usage.get("billed_units") or usage.get("tokens") or {}
    return usage_of(
        int(counted.get("input_tokens") or 0),
        int(counted.get("output_tokens") or 0),
        cached=int(usage.get("cached_tokens") or 0),
    )


def stream(model: str) -> "_Stream":
    return _Stream(model)


class _Stream:
    def __init__(self, model: str) -> None:
        self._id = "cohere"
        self._model = model
        self._calls: dict[int, int] = {}
        """The tool call's number, by the index that Cohere gives it."""

    def __call__(self, payload: Body) -> Iterable[Body]:
        match payload["type"]:
            case "message-start":
                self._id = payload.get("id") or self._id
                return [self._chunk({"role": "assistant", "content": ""})]
            case "content-start" | "content-delta":
                return self._content(payload["delta"]["message"]["content"])
            case "tool-plan-delta":
                return [self._chunk({"content": payload["delta"]["message"]["tool_plan"]})]
            case "tool-call-start":
                return self._call(payload["index"], payload["delta"]["message"]["tool_calls"])
            case "tool-call-delta":
                return self._arguments(payload["index"], payload["delta"]["message"]["tool_calls"])
            case "message-end":
                return self._end(payload["delta"])
        return ()

    def _content(self, content: Body) -> Iterator[Body]:
        if thought := content.get("thinking"):
            yield self._chunk({"reasoning_content": thought})
        if text := content.get("text"):
            yield self._chunk({"content": text})

    def _call(self, index: int, call: Body) -> Iterator[Body]:
        number = self._calls.setdefault(index, len(self._calls))
        function = call["function"]
        begun = {"name": function["name"], "arguments": function.get("arguments") or ""}
        yield self._chunk(
            {
                "tool_calls": [
                    {"index": number, "id": call["id"], "type": "function", "function": begun}
                ]
            }
        )

    def _arguments(self, index: int, call: Body) -> Iterator[Body]:
        function = {"arguments": call["function"]["arguments"]}
        yield self._chunk({"tool_calls": [{"index": self._calls[index], "function": function}]})

    def _end(self, delta: Body) -> Iterator[Body]:
        reason = delta["finish_reason"]
        if status := _STATUS_OF.get(reason):
            message = delta.get("error") or f"the answer ended with {reason}"
            raise UpstreamError(UpstreamFailure("stream_error", status, message=message))
        yield self._chunk({}, _FINISH_OF.get(reason, "stop"))
        if usage := delta.get("usage"):
            yield usage_chunk(self._id, self._model, 0, _usage(usage))

    def _chunk(self, delta: Body, finish_reason: str | None = None) -> Body:
        return chunk(self._id, self._model, 0, delta, finish_reason)


# --- embeddings ----------------------------------------------------------------------------------

_EMBEDDING_KNOWN: Final = (
    "model",
    "input",
    "dimensions",
    "encoding_format",
    "input_type",
    "truncate",
)


def embedding_body(body: Body) -> tuple[Body, tuple[str, ...]]:
    """What Cohere's models are asked for vectors, wherever they run, and what it leaves out."""
    translated: Body = {
        "texts": texts_of(body["input"]),
        "input_type": body.get("input_type") or _INPUT_TYPE,
        "embedding_types": ["float"],
    }
    if body.get("dimensions"):
        translated["output_dimension"] = body["dimensions"]
    if body.get("truncate"):
        translated["truncate"] = body["truncate"]
    return translated, tuple(sorted(key for key in body if key not in _EMBEDDING_KNOWN))


def embedding_request(target: Target, body: Body) -> Translated:
    translated, dropped = embedding_body(body)
    named = {"model": target.model, **translated}
    return Translated(json_request(target, _url(target, "embed"), _auth(target), named), dropped)


def embedding_response(payload: Body, model: str) -> Body:
    data = [
        {"object": "embedding", "index": number, "embedding": vector}
        for number, vector in enumerate(payload["embeddings"]["float"])
    ]
    answer: Body = {"object": "list", "data": data, "model": model}
    billed = (payload.get("meta") or {}).get("billed_units") or {}
    if (read := billed.get("input_tokens")) is not None:
        answer["usage"] = {"prompt_tokens": int(read), "total_tokens": int(read)}
    return answer


COHERE = Dialect(
    name="cohere",
    request=request,
    response=response,
    stream=stream,
    error=failure_of,
    embedding=Embedding(embedding_request, embedding_response),
)
