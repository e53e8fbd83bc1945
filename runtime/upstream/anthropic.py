"""Anthropic's Messages API (version 2023-06-01; docs.anthropic.com/en/api/messages, read 2026-11-22)."""

from collections.abc import Iterable, Iterator
from typing import Final

import orjson

from runtime.upstream import dialogue
from runtime.upstream.dialect import (
    Body,
    Dialect,
    Target,
    Translated,
    UntranslatableError,
    chunk,
    data_url,
    joined_url,
    json_request,
    text_of,
    usage_chunk,
    usage_of,
)
from runtime.upstream.failures import failure_of

_VERSION: Final = "2023-06-01"
_FINISH_OF: Final = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
_TOOL_CHOICE_OF: Final = {"auto": "auto", "none": "none", "required": "any"}
_TRANSLATED: Final = frozenset(
    {
        *("model", "messages", "max_tokens", "max_completion_tokens", "stop", "stream"),
        *("stream_options", "temperature", "top_p", "tools", "tool_choice", "parallel_tool_calls"),
        *("user", "reasoning_effort"),
    }
)
_NATIVE: Final = ("top_k", "thinking")
"""Anthropic's own words, which clients of gateways send beside OpenAI's."""


# --- the request ---------------------------------------------------------------------------------


def request(target: Target, body: Body) -> Translated:
    said, dropped = translated(target, body)
    headers = {"x-api-key": target.secret, "anthropic-version": _VERSION}
    url = joined_url(target.api_base, "messages", "v1")
    return Translated(json_request(target, url, headers, {"model": target.model, **said}), dropped)


def translated(target: Target, body: Body) -> tuple[Body, tuple[str, ...]]:
    """The body but for the model, which not every host wants there, and what it leaves out."""
    said: Body = {
        "max_tokens": dialogue.limit_of(body) or target.max_output_tokens,
        "messages": dialogue.said_in(body["messages"], _WORDS),
    }
    said |= {key: body[key] for key in ("stream", "top_p", *_NATIVE) if key in body}
    dropped = {key for key in body if key not in _TRANSLATED and key not in _NATIVE}
    if system := dialogue.instructions_in(body["messages"], _WORDS):
        said["system"] = system
    if (temperature := body.get("temperature")) is not None:
        said["temperature"] = min(temperature, 1.0)
        dropped |= {"temperature above 1"} if temperature > 1 else set()
    if stops := dialogue.stops_of(body):
        said["stop_sequences"] = stops
    if user := body.get("user"):
        said["metadata"] = {"user_id": user}
    if tools := body.get("tools"):
        said["tools"] = [_tool(tool) for tool in tools]
        said |= _tool_choice(body)
    if output := _output_config(body):
        said["output_config"] = output
        dropped -= {"response_format"} if "format" in output else set()
    if body.get("n") == 1 or body.get("n") is None:
        dropped -= {"n"}
    if (body.get("response_format") or {}).get("type") == "text":
        dropped -= {"response_format"}
    return said, tuple(sorted(dropped))


def _output_config(body: Body) -> Body:
    output: Body = {}
    form = body.get("response_format") or {}
    if form.get("type") == "json_schema":
        output["format"] = {"type": "json_schema", "schema": form["json_schema"]["schema"]}
    effort = body.get("reasoning_effort")
    if effort and effort != "none":
        output["effort"] = "low" if effort == "minimal" else effort
    return output


def _part(part: dialogue.Part) -> list[Body]:
    cache = {} if part.cache is None else {"cache_control": part.cache}
    match part:
        case dialogue.Text(text):
            return [{"type": "text", "text": text, **cache}]
        case dialogue.Image(url):
            return [{"type": "image", "source": _source(url), **cache}]
        case dialogue.File(url):
            return [{"type": "document", "source": _source(url), **cache}]
        case dialogue.Audio():
            raise UntranslatableError("message parts of the type 'input_audio'")


def _source(url: str) -> Body:
    encoded = data_url(url)
    if encoded is None:
        return {"type": "url", "url": url}
    media_type, data = encoded
    return {"type": "base64", "media_type": media_type, "data": data}


def _tool_use(call: dialogue.Call) -> Body:
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments}


def _tool_result(result: dialogue.Result) -> Body:
    content = dialogue.blocks_of(result.content, _part)
    return {"type": "tool_result", "tool_use_id": result.call_id, "content": content}


_WORDS: Final = dialogue.Words(_part, _tool_use, _tool_result)


def _tool(tool: Body) -> Body:
    function = dialogue.function_of(tool)
    translated = {
        "name": function["name"],
        "input_schema": function.get("parameters") or {"type": "object", "properties": {}},
    }
    for key in ("description", "strict"):
        if function.get(key) is not None:
            translated[key] = function[key]
    return translated


def _tool_choice(body: Body) -> Body:
    choice = body.get("tool_choice")
    translated: Body
    if isinstance(choice, dict):
        translated = {"type": "tool", "name": choice["function"]["name"]}
    else:
        translated = {"type": _TOOL_CHOICE_OF[choice or "auto"]}
    if body.get("parallel_tool_calls") is False and translated["type"] != "none":
        translated["disable_parallel_tool_use"] = True
    is_default = choice is None and len(translated) == 1
    return {} if is_default else {"tool_choice": translated}


# --- the answer ----------------------------------------------------------------------------------


def response(payload: Body, model: str) -> Body:
    blocks = payload["content"]
    message: Body = {"role": "assistant", "content": text_of(_of_type(blocks, "text")) or None}
    if calls := [_tool_call(block) for block in _of_type(blocks, "tool_use")]:
        message["tool_calls"] = calls
    if thoughts := "".join(block["thinking"] for block in _of_type(blocks, "thinking")):
        message["reasoning_content"] = thoughts
    finish = _FINISH_OF.get(payload["stop_reason"], "stop")
    return {
        "id": payload["id"],
        "object": "chat.completion",
        "created": 0,
        "model": payload.get("model") or model,
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": _usage(payload["usage"]),
    }


def _of_type(blocks: list[Body], type_: str) -> list[Body]:
    return [block for block in blocks if block["type"] == type_]


def _tool_call(block: Body) -> Body:
    arguments = orjson.dumps(block["input"]).decode()
    return {
        "id": block["id"],
        "type": "function",
        "function": {"name": block["name"], "arguments": arguments},
    }


def _usage(usage: Body) -> Body:
    """Anthropic counts what was read from and written to the cache apart from the input."""
    read = usage.get("cache_read_input_tokens") or 0
    written = usage.get("cache_creation_input_tokens") or 0
    prompt = (usage.get("input_tokens") or 0) + read + written
    return usage_of(prompt, usage.get("output_tokens") or 0, cached=read, written=written)


def stream(model: str) -> "_Stream":
    return _Stream(model)


class _Stream:
    def __init__(self, model: str) -> None:
        self._id = ""
        self._model = model
        self._usage: Body = {}
        self._calls: dict[int, int] = {}
        """The tool call's number, by the number of its content block."""
        self._without_arguments: set[int] = set()

    def __call__(self, payload: Body) -> Iterable[Body]:
        match payload["type"]:
            case "message_start":
                return self._start(payload["message"])
            case "content_block_start":
                return self._block_start(payload["index"], payload["content_block"])
            case "content_block_delta":
                return self._delta(payload["index"], payload["delta"])
            case "content_block_stop":
                return self._block_stop(payload["index"])
            case "message_delta":
                return self._finish(payload)
        return ()

    def _start(self, message: Body) -> Iterator[Body]:
        self._id = message["id"]
        self._model = message.get("model") or self._model
        self._usage = dict(message.get("usage") or {})
        yield self._chunk({"role": "assistant", "content": ""})

    def _block_start(self, index: int, block: Body) -> Iterator[Body]:
        if block["type"] == "tool_use":
            self._calls[index] = len(self._calls)
            self._without_arguments.add(index)
            function = {"name": block["name"], "arguments": ""}
            yield self._call_chunk(
                index, {"id": block["id"], "type": "function", "function": function}
            )
        elif block["type"] == "text" and block.get("text"):
            yield self._chunk({"content": block["text"]})

    def _delta(self, index: int, delta: Body) -> Iterator[Body]:
        match delta["type"]:
            case "text_delta":
                yield self._chunk({"content": delta["text"]})
            case "thinking_delta":
                yield self._chunk({"reasoning_content": delta["thinking"]})
            case "input_json_delta" if delta["partial_json"] and index in self._calls:
                self._without_arguments.discard(index)
                yield self._call_chunk(index, {"function": {"arguments": delta["partial_json"]}})

    def _block_stop(self, index: int) -> Iterator[Body]:
        if index in self._without_arguments:
            yield self._call_chunk(index, {"function": {"arguments": "{}"}})

    def _finish(self, payload: Body) -> Iterator[Body]:
        self._usage |= {k: v for k, v in (payload.get("usage") or {}).items() if v is not None}
        if reason := payload["delta"].get("stop_reason"):
            yield self._chunk({}, _FINISH_OF.get(reason, "stop"))
            yield usage_chunk(self._id, self._model, 0, _usage(self._usage))

    def _chunk(self, delta: Body, finish_reason: str | None = None) -> Body:
        return chunk(self._id, self._model, 0, delta, finish_reason)

    def _call_chunk(self, index: int, call: Body) -> Body:
        return self._chunk({"tool_calls": [{"index": self._calls[index], **call}]})


ANTHROPIC = Dialect(
    name="anthropic", request=request, response=response, stream=stream, error=failure_of
)
