"""Ollama's own API (/api/chat and /api/embed; docs/api.md and api/types.go of ollama/ollama, and its client
ollama 0.6.3, read 2026-11-24).

No tool can be demanded there, images come as data only, and a model is loaded when it is asked for.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final

import orjson

from runtime.upstream.dialect import (
    Body,
    Dialect,
    Embedding,
    Target,
    Translated,
    UntranslatableError,
    chunk,
    data_url,
    json_request,
    only_text_of,
    texts_of,
    usage_chunk,
    usage_of,
)
from runtime.upstream.dialogue import (
    INSTRUCTS,
    Image,
    Text,
    calls_of,
    function_of,
    limit_of,
    parts_of,
    result_of,
    stops_of,
    unsayable,
)
from runtime.upstream.failures import failure_of
from runtime.upstream.ndjson import LineParser

_OPTIONS: Final = (
    *("temperature", "top_p", "top_k", "min_p", "seed", "presence_penalty", "frequency_penalty"),
    *("num_ctx", "num_keep", "num_gpu", "num_thread", "repeat_penalty", "repeat_last_n"),
    *("mirostat", "mirostat_eta", "mirostat_tau", "tfs_z", "typical_p"),
)
"""What both call the same, and Ollama's own words, which clients of gateways send beside OpenAI's."""
_NATIVE: Final = ("keep_alive", "think")
_TRANSLATED: Final = frozenset(
    {
        *("model", "messages", "max_tokens", "max_completion_tokens", "stop", "stream"),
        *("stream_options", "tools", "tool_choice", "response_format", "reasoning_effort"),
        *_OPTIONS,
        *_NATIVE,
    }
)
_THINKS: Final[Body] = {"none": False, "minimal": "low", "low": "low", "medium": "medium"}
"""By effort; anything else is `high`, the most there is."""
_PATH: Final = re.compile(r"/+(?:v1|api(?:/(?:chat|generate|embed))?)?/*\Z")
"""What addresses of Ollama end in beyond the server's own."""


# --- the request ---------------------------------------------------------------------------------


def request(target: Target, body: Body) -> Translated:
    dropped = {key for key in body if key not in _TRANSLATED}
    said: Body = {
        "model": target.model,
        "messages": _messages(body["messages"]),
        "stream": bool(body.get("stream")),  # left out, it would be true
    }
    if options := _options(body):
        said["options"] = options
    if effort := body.get("reasoning_effort"):
        said["think"] = _THINKS.get(effort, "high")
    said |= {key: body[key] for key in _NATIVE if key in body}
    if tools := _tools(body):
        said["tools"] = tools
        dropped |= _left_out(body, tools)
    if (form := _form(body.get("response_format") or {})) is not None:
        said["format"] = form
    if body.get("n") in (None, 1):
        dropped -= {"n"}
    if body.get("parallel_tool_calls") is not False:
        dropped -= {"parallel_tool_calls"}
    sent = json_request(target, _url(target, "chat"), _auth(target), said)
    return Translated(sent, tuple(sorted(dropped)))


def _url(target: Target, path: str) -> str:
    return f"{_PATH.sub('', target.api_base)}/api/{path}"


def _auth(target: Target) -> dict[str, str]:
    return {"authorization": f"Bearer {target.secret}"} if target.secret else {}


def _options(body: Body) -> Body:
    options = {key: body[key] for key in _OPTIONS if body.get(key) is not None}
    if limit := limit_of(body):
        options["num_predict"] = limit
    if stops := stops_of(body):
        options["stop"] = stops
    return options


def _messages(messages: Iterable[Body]) -> list[Body]:
    names: dict[str, str] = {}
    return [_message(message, names) for message in messages]


def _message(message: Body, names: dict[str, str]) -> Body:
    """`names` learns what each call was called: results are matched by it."""
    content = message.get("content")
    match message["role"]:
        case role if role in INSTRUCTS:
            return {"role": "system", **_content(content)}
        case "user":
            return {"role": "user", **_content(content)}
        case "assistant":
            calls = calls_of(message)
            names |= {call.id: call.name for call in calls}
            said = {"role": "assistant", **_content(content)}
            if thoughts := message.get("reasoning_content"):
                said["thinking"] = thoughts
            if calls:
                functions = [{"name": c.name, "arguments": c.arguments} for c in calls]
                said["tool_calls"] = [{"function": function} for function in functions]
            return said
        case "tool":
            result = result_of(message, names)
            text = only_text_of(result.content, "the result of a tool")
            named = {"tool_name": result.name} if result.name else {}
            return {"role": "tool", "content": text, **named, "tool_call_id": result.call_id}
    raise unsayable(message)


def _content(content: Any) -> Body:
    texts, images = [], []
    for part in parts_of(content):
        match part:
            case Text(text):
                texts.append(text)
            case Image(url):
                images.append(_image(url))
            case _:
                raise UntranslatableError("anything but text and images")
    return {"content": "".join(texts), **({"images": images} if images else {})}


def _image(url: str) -> str:
    encoded = data_url(url)
    if encoded is None:
        raise UntranslatableError("an image at an address: Ollama fetches none")
    return encoded[1]


def _tools(body: Body) -> list[Body]:
    """There is no word for a choice: what must not be called is not shown."""
    choice = body.get("tool_choice")
    functions = [function_of(tool) for tool in body.get("tools") or ()]
    if choice == "none":
        return []
    if isinstance(choice, dict):
        name = choice["function"]["name"]
        functions = [function for function in functions if function["name"] == name]
        if not functions:
            raise UntranslatableError(f"the choice of a tool that is not given: {name!r}")
    return [{"type": "function", "function": _function(function)} for function in functions]


def _function(function: Body) -> Body:
    kept: Body = {key: function[key] for key in ("name", "description") if key in function}
    return {**kept, "parameters": function.get("parameters") or {"type": "object"}}


def _left_out(body: Body, tools: list[Body]) -> set[str]:
    choice = body.get("tool_choice")
    is_strict = any(function_of(tool).get("strict") for tool in body["tools"])
    left_out = {"tool_choice"} if isinstance(choice, dict) or choice == "required" else set()
    return left_out | ({"strict"} if is_strict else set())


def _form(form: Body) -> Any:
    match form.get("type"):
        case "json_object":
            return "json"
        case "json_schema":
            return form["json_schema"]["schema"]
    return None


# --- the answer ----------------------------------------------------------------------------------


def response(payload: Body, model: str) -> Body:
    said = payload["message"]
    message: Body = {"role": "assistant", "content": said.get("content") or None}
    created = _created(payload)
    if calls := said.get("tool_calls"):
        message["tool_calls"] = [_call(call, n, created) for n, call in enumerate(calls)]
    if thoughts := said.get("thinking"):
        message["reasoning_content"] = thoughts
    finish = _finish(payload, bool(calls))
    return {
        "id": _id(created),
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        **({"usage": _usage(payload)} if _is_counted(payload) else {}),
    }


def _created(payload: Body) -> int:
    return int(datetime.fromisoformat(payload["created_at"]).timestamp())


def _id(created: int) -> str:
    return f"ollama-{created}"


def _finish(payload: Body, has_calls: bool) -> str:
    """A call ends an answer like any other (`stop`)."""
    if has_calls:
        return "tool_calls"
    return "length" if payload.get("done_reason") == "length" else "stop"


def _call(call: Body, number: int, created: int) -> Body:
    """Older servers give calls no id."""
    function = call["function"]
    return {
        "id": call.get("id") or f"call_{created}_{number}",
        "type": "function",
        "function": {
            "name": function["name"],
            "arguments": orjson.dumps(function["arguments"]).decode(),
        },
    }


def _is_counted(payload: Body) -> bool:
    """Ollama leaves out a count of none, and so may the prompt's be; an answer has a token at least."""
    return payload.get("eval_count") is not None


def _usage(payload: Body) -> Body:
    return usage_of(payload.get("prompt_eval_count") or 0, payload.get("eval_count") or 0)


def stream(model: str) -> "_Stream":
    return _Stream(model)


class _Stream:
    def __init__(self, model: str) -> None:
        self._model = model
        self._created: int | None = None
        self._calls = 0

    def __call__(self, payload: Body) -> Iterator[Body]:
        said, is_last = payload["message"], payload["done"]
        if self._created is None:
            self._created = _created(payload)
            yield self._chunk({"role": "assistant", "content": ""})
        if thoughts := said.get("thinking"):
            yield self._chunk({"reasoning_content": thoughts})
        if text := said.get("content"):
            yield self._chunk({"content": text})
        for call in said.get("tool_calls") or ():
            whole = {"index": self._calls, **_call(call, self._calls, self._created)}
            self._calls += 1
            yield self._chunk({"tool_calls": [whole]})
        if is_last:
            yield self._chunk({}, _finish(payload, self._calls > 0))
            if _is_counted(payload):
                yield usage_chunk(_id(self._created), self._model, self._created, _usage(payload))

    def _chunk(self, delta: Body, finish_reason: str | None = None) -> Body:
        created = self._created or 0
        return chunk(_id(created), self._model, created, delta, finish_reason)


# --- embeddings ----------------------------------------------------------------------------------

_EMBEDDING_KNOWN: Final = frozenset({"model", "input", "encoding_format"})
_EMBEDDING_SAME: Final = ("dimensions", "truncate", "keep_alive")


def embedding_request(target: Target, body: Body) -> Translated:
    said: Body = {"model": target.model, "input": texts_of(body["input"])}
    said |= {key: body[key] for key in _EMBEDDING_SAME if body.get(key) is not None}
    known = {*_EMBEDDING_KNOWN, *_EMBEDDING_SAME}
    sent = json_request(target, _url(target, "embed"), _auth(target), said)
    return Translated(sent, tuple(sorted(key for key in body if key not in known)))


def embedding_response(payload: Body, model: str) -> Body:
    data = [
        {"object": "embedding", "index": number, "embedding": vector}
        for number, vector in enumerate(payload["embeddings"])
    ]
    read = payload.get("prompt_eval_count") or 0
    usage = {"prompt_tokens": read, "total_tokens": read}
    return {"object": "list", "data": data, "model": model, "usage": usage}


OLLAMA = Dialect(
    name="ollama",
    request=request,
    response=response,
    stream=stream,
    error=failure_of,
    embedding=Embedding(embedding_request, embedding_response),
    framing=LineParser,
)
