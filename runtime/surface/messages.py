"""Anthropic's Messages API (version 2023-06-01; docs.anthropic.com/en/api/messages, read 2026-11-22)."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import orjson

from runtime.surface.base import Body, StreamShape, Surface, Worded, event, kind_of, left_over
from runtime.upstream import UntranslatableError

_STOP_OF: Final = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
_CHOICE_OF: Final = {"auto": "auto", "none": "none", "any": "required"}
_SAME: Final = ("model", "max_tokens", "temperature", "top_p", "stream")
_KNOWN: Final = (
    *_SAME,
    *("messages", "system", "stop_sequences", "tools", "tool_choice", "metadata", "output_config"),
)


# --- the request ---------------------------------------------------------------------------------


def _ask(body: Body) -> Worded:
    dropped = set(left_over(body, _KNOWN))
    chat: Body = {key: body[key] for key in _SAME if key in body}
    messages: list[Body] = []
    if system := _parts(body.get("system"), dropped):
        messages.append({"role": "system", "content": system})
    for message in body["messages"]:
        messages += _turns(message, dropped)
    chat["messages"] = messages
    if stop := body.get("stop_sequences"):
        chat["stop"] = stop
    if user := (body.get("metadata") or {}).get("user_id"):
        chat["user"] = user
    if tools := body.get("tools"):
        chat["tools"] = [_tool(tool) for tool in tools]
    if choice := body.get("tool_choice"):
        chat |= _choice(choice)
    chat |= _output(body.get("output_config") or {})
    return Worded(chat, tuple(sorted(dropped)))


def _output(config: Body) -> Body:
    said: Body = {}
    if effort := config.get("effort"):
        said["reasoning_effort"] = effort
    if form := config.get("format"):
        schema = {"name": "answer", "schema": form["schema"], "strict": True}
        said["response_format"] = {"type": "json_schema", "json_schema": schema}
    return said


def _turns(message: Body, dropped: set[str]) -> list[Body]:
    """One message of theirs: the results of tools are messages of their own in OpenAI's API."""
    role, content = message["role"], message["content"]
    if role not in ("user", "assistant", "system"):
        raise UntranslatableError(f"messages of the role {role!r}")
    if isinstance(content, str):
        return [{"role": role, "content": content}]
    turns = [_result(block, dropped) for block in content if block["type"] == "tool_result"]
    rest = [block for block in content if block["type"] not in ("tool_result", "tool_use")]
    calls = [_call(block) for block in content if block["type"] == "tool_use"]
    parts = _parts(rest, dropped)
    if calls:
        turns.append({"role": role, "content": parts or None, "tool_calls": calls})
    elif parts:
        turns.append({"role": role, "content": parts})
    return turns


def _result(block: Body, dropped: set[str]) -> Body:
    if block.get("is_error"):
        dropped.add("is_error")
    content = block.get("content") or ""
    told = content if isinstance(content, str) else _parts(content, dropped)
    return {"role": "tool", "tool_call_id": block["tool_use_id"], "content": told}


def _call(block: Body) -> Body:
    arguments = orjson.dumps(block["input"]).decode()
    function = {"name": block["name"], "arguments": arguments}
    return {"id": block["id"], "type": "function", "function": function}


def _parts(content: Any, dropped: set[str]) -> list[Body]:
    if not content:
        return []
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return list(_each_part(content, dropped))


def _each_part(blocks: Iterable[Body], dropped: set[str]) -> Iterator[Body]:
    for block in blocks:
        kept = {key: block[key] for key in ("cache_control",) if block.get(key)}
        match block["type"]:
            case "text":
                yield {"type": "text", "text": block["text"], **kept}
            case "image":
                yield {"type": "image_url", "image_url": {"url": _url(block["source"])}, **kept}
            case "document" if block["source"]["type"] == "text":
                yield {"type": "text", "text": block["source"]["data"], **kept}
            case "document":
                yield {"type": "file", "file": {"file_data": _url(block["source"])}, **kept}
            case "thinking" | "redacted_thinking":
                dropped.add("thinking blocks")
            case other:
                raise UntranslatableError(f"content blocks of the type {other!r}")


def _url(source: Body) -> str:
    match source["type"]:
        case "base64":
            return f"data:{source['media_type']};base64,{source['data']}"
        case "url":
            return str(source["url"])
        case other:
            raise UntranslatableError(f"sources of the type {other!r}")


def _tool(tool: Body) -> Body:
    if tool.get("type", "custom") != "custom":
        raise UntranslatableError(f"tools of the type {tool['type']!r}")
    function = {"name": tool["name"], "parameters": tool["input_schema"]}
    function |= {key: tool[key] for key in ("description", "strict") if key in tool}
    return {"type": "function", "function": function}


def _choice(choice: Body) -> Body:
    said: Body = {}
    if choice["type"] == "tool":
        said["tool_choice"] = {"type": "function", "function": {"name": choice["name"]}}
    else:
        said["tool_choice"] = _CHOICE_OF[choice["type"]]
    if choice.get("disable_parallel_tool_use"):
        said["parallel_tool_calls"] = False
    return said


# --- the answer ----------------------------------------------------------------------------------


def _whole(request: Body, answer: Body) -> Body:
    choice = answer["choices"][0]
    message = choice["message"]
    content: list[Body] = []
    if thoughts := message.get("reasoning_content"):
        content.append({"type": "thinking", "thinking": thoughts, "signature": ""})
    if text := message.get("content") or message.get("refusal"):
        content.append({"type": "text", "text": text})
    content += [_tool_use(call) for call in message.get("tool_calls") or ()]
    return {
        "id": answer.get("id") or "msg",
        "type": "message",
        "role": "assistant",
        "model": answer.get("model") or request["model"],
        "content": content,
        "stop_reason": _STOP_OF.get(choice.get("finish_reason") or "stop", "end_turn"),
        "stop_sequence": None,
        "usage": _usage(answer.get("usage")),
    }


def _tool_use(call: Body) -> Body:
    function = call["function"]
    return {
        "type": "tool_use",
        "id": call["id"],
        "name": function["name"],
        "input": orjson.loads(function.get("arguments") or "{}"),
    }


def _usage(usage: Body | None) -> Body:
    """Anthropic counts what was read from and written to the cache apart from the input."""
    usage = usage or {}
    details = usage.get("prompt_tokens_details") or {}
    read, written = details.get("cached_tokens") or 0, details.get("cache_creation_tokens") or 0
    return {
        "input_tokens": max(0, (usage.get("prompt_tokens") or 0) - read - written),
        "output_tokens": usage.get("completion_tokens") or 0,
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": written,
    }


class _Stream:
    """Blocks come one after the other here, each opened and closed; OpenAI's pieces only have kinds."""

    def __init__(self, request: Body) -> None:
        self._model = request["model"]
        self._has_begun = False
        self._index = -1
        self._open = ""
        """The kind of the block that is open, with the number of a tool's call."""
        self._stop = "stop"
        self._usage: Body | None = None

    def chunk(self, chunk: Body) -> bytes:
        out = b"" if self._has_begun else self._begin(chunk)
        self._usage = chunk.get("usage") or self._usage
        for choice in chunk["choices"][:1]:
            delta = choice.get("delta") or {}
            self._stop = choice.get("finish_reason") or self._stop
            if thoughts := delta.get("reasoning_content"):
                out += self._opened(
                    "thinking", {"type": "thinking", "thinking": "", "signature": ""}
                )
                out += self._delta({"type": "thinking_delta", "thinking": thoughts})
            if text := delta.get("content") or delta.get("refusal"):
                out += self._opened("text", {"type": "text", "text": ""})
                out += self._delta({"type": "text_delta", "text": text})
            for call in delta.get("tool_calls") or ():
                out += self._call(call)
        return out

    def end(self) -> bytes:
        delta = {"stop_reason": _STOP_OF.get(self._stop, "end_turn"), "stop_sequence": None}
        last = {"type": "message_delta", "delta": delta, "usage": _usage(self._usage)}
        stop = event("message_stop", {"type": "message_stop"})
        return self._closed() + event("message_delta", last) + stop

    def failed(self, status: int, message: str, code: str) -> bytes:
        return event("error", _error(status, message, code))

    def _begin(self, chunk: Body) -> bytes:
        self._has_begun = True
        message = {
            "id": chunk.get("id") or "msg",
            "type": "message",
            "role": "assistant",
            "model": chunk.get("model") or self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": _usage(None),
        }
        return event("message_start", {"type": "message_start", "message": message})

    def _call(self, call: Body) -> bytes:
        function = call.get("function") or {}
        block: Body = {
            "type": "tool_use",
            "id": call.get("id"),
            "name": function.get("name"),
            "input": {},
        }
        out = self._opened(f"tool {call.get('index', 0)}", block)
        if arguments := function.get("arguments"):
            out += self._delta({"type": "input_json_delta", "partial_json": arguments})
        return out

    def _opened(self, kind: str, block: Body) -> bytes:
        if kind == self._open:
            return b""
        out = self._closed()
        self._open, self._index = kind, self._index + 1
        start = {"type": "content_block_start", "index": self._index, "content_block": block}
        return out + event("content_block_start", start)

    def _closed(self) -> bytes:
        if not self._open:
            return b""
        self._open = ""
        return event("content_block_stop", {"type": "content_block_stop", "index": self._index})

    def _delta(self, delta: Body) -> bytes:
        told = {"type": "content_block_delta", "index": self._index, "delta": delta}
        return event("content_block_delta", told)


def _stream(request: Body) -> StreamShape:
    return _Stream(request)


_ERROR_OF: Final = {413: "request_too_large", 503: "overloaded_error", 529: "overloaded_error"}


def _error(status: int, message: str, _code: str) -> Body:
    kind = _ERROR_OF.get(status) or kind_of(status).replace("server_error", "api_error")
    return {"type": "error", "error": {"type": kind, "message": message}}


MESSAGES = Surface("/v1/messages", "messages", _ask, _whole, _stream, _error)
