"""OpenAI's Responses API, without memory: what refers to an earlier response is refused.

platform.openai.com/docs/api-reference/responses and the types of the SDK openai 3.54.0, read 2026-11-24.
"""

from collections.abc import Iterator
from typing import Any, Final

from runtime.surface.base import (
    Body,
    StreamShape,
    Surface,
    Worded,
    event,
    left_over,
    openai_error,
)
from runtime.upstream import UntranslatableError

_SAME: Final = (
    *("model", "temperature", "top_p", "stream", "user", "metadata", "parallel_tool_calls"),
    *("top_logprobs", "service_tier", "safety_identifier", "prompt_cache_key"),
)
_KNOWN: Final = (
    *_SAME,
    *("input", "instructions", "max_output_tokens", "tools", "tool_choice", "text", "reasoning"),
    "store",
)
_STATEFUL: Final = ("previous_response_id", "conversation", "background", "prompt")


# --- the request ---------------------------------------------------------------------------------


def _ask(body: Body) -> Worded:
    for key in _STATEFUL:
        if body.get(key):
            raise UntranslatableError(
                f"`{key}`: this gateway keeps no responses; send the input whole"
            )
    chat: Body = {key: body[key] for key in _SAME if body.get(key) is not None}
    chat["messages"] = list(_messages(body))
    if (limit := body.get("max_output_tokens")) is not None:
        chat["max_completion_tokens"] = limit
    if tools := body.get("tools"):
        chat["tools"] = [_tool(tool) for tool in tools]
    if (choice := body.get("tool_choice")) is not None:
        chat["tool_choice"] = _choice(choice)
    if form := (body.get("text") or {}).get("format"):
        chat |= _format(form)
    if effort := (body.get("reasoning") or {}).get("effort"):
        chat["reasoning_effort"] = effort
    dropped = left_over({k: v for k, v in body.items() if v is not None}, (*_KNOWN, *_STATEFUL))
    return Worded(chat, dropped)


def _messages(body: Body) -> Iterator[Body]:
    if instructions := body.get("instructions"):
        yield {"role": "system", "content": instructions}
    asked = body["input"]
    if isinstance(asked, str):
        yield {"role": "user", "content": asked}
        return
    calls: list[Body] = []
    for item in asked:
        kind = item.get("type", "message")
        if kind == "function_call":
            calls.append(_call(item))
            continue
        if calls:  # calls made together are one message of the assistant's
            yield {"role": "assistant", "content": None, "tool_calls": calls}
            calls = []
        match kind:
            case "message":
                yield {"role": item["role"], "content": _content(item["content"])}
            case "function_call_output":
                told = _content(item["output"])
                yield {"role": "tool", "tool_call_id": item["call_id"], "content": told}
            case "reasoning":
                continue  # a summary for people; no model reads it
            case _:
                raise UntranslatableError(f"input items of the type {kind!r}")
    if calls:
        yield {"role": "assistant", "content": None, "tool_calls": calls}


def _content(content: Any) -> Any:
    return content if isinstance(content, str) else [_part(part) for part in content]


def _part(part: Body) -> Body:
    match part["type"]:
        case "input_text" | "output_text" | "text":
            return {"type": "text", "text": part["text"]}
        case "refusal":
            return {"type": "refusal", "refusal": part["refusal"]}
        case "input_image" if part.get("image_url"):
            detail = {"detail": part["detail"]} if part.get("detail") else {}
            return {"type": "image_url", "image_url": {"url": part["image_url"], **detail}}
        case "input_file" if part.get("file_data"):
            file = {key: part[key] for key in ("file_data", "filename") if part.get(key)}
            return {"type": "file", "file": file}
        case other:
            raise UntranslatableError(f"input of the type {other!r}")


def _call(item: Body) -> Body:
    function = {"name": item["name"], "arguments": item["arguments"]}
    return {"id": item["call_id"], "type": "function", "function": function}


def _tool(tool: Body) -> Body:
    if tool["type"] != "function":
        raise UntranslatableError(f"tools of the type {tool['type']!r}")
    keys = ("name", "description", "parameters", "strict")
    function = {key: tool[key] for key in keys if tool.get(key) is not None}
    return {"type": "function", "function": function}


def _choice(choice: Any) -> Any:
    if isinstance(choice, str):
        return choice
    if choice["type"] != "function":
        raise UntranslatableError(f"a tool choice of the type {choice['type']!r}")
    return {"type": "function", "function": {"name": choice["name"]}}


def _format(form: Body) -> Body:
    if form["type"] != "json_schema":
        return {} if form["type"] == "text" else {"response_format": {"type": form["type"]}}
    keys = ("name", "schema", "strict", "description")
    schema = {key: form[key] for key in keys if form.get(key) is not None}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


# --- the answer ----------------------------------------------------------------------------------


def _whole(request: Body, answer: Body) -> Body:
    choice = answer["choices"][0]
    message = choice["message"]
    output: list[Body] = []
    if message.get("content") or message.get("refusal"):
        output.append(_message("msg_0", message))
    for number, call in enumerate(message.get("tool_calls") or ()):
        output.append(_function_call(f"fc_{number}", call["id"], call["function"]))
    ending = _ending(choice.get("finish_reason"))
    id_, model = str(answer.get("id")), answer.get("model") or request["model"]
    return _response(request, id_, model, output, _usage(answer.get("usage")), ending)


def _message(id_: str, message: Body) -> Body:
    content = []
    if message.get("content"):
        content.append(_text(message["content"]))
    if message.get("refusal"):
        content.append({"type": "refusal", "refusal": message["refusal"]})
    shared = {"type": "message", "role": "assistant", "status": "completed"}
    return {"id": id_, **shared, "content": content}


def _text(text: str) -> Body:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _function_call(id_: str, call_id: str, function: Body, status: str = "completed") -> Body:
    return {
        "id": id_,
        "type": "function_call",
        "call_id": call_id,
        "name": function["name"],
        "arguments": function.get("arguments") or "",
        "status": status,
    }


_REASON_OF: Final = {"length": "max_output_tokens", "content_filter": "content_filter"}


def _ending(finish: Any) -> Body:
    reason = _REASON_OF.get(finish)
    if reason is None:
        return {"status": "completed", "incomplete_details": None}
    return {"status": "incomplete", "incomplete_details": {"reason": reason}}


def _usage(usage: Body | None) -> Body | None:
    if usage is None:
        return None
    prompt, completion = usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0
    read = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    thought = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0
    return {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": read},
        "output_tokens": completion,
        "output_tokens_details": {"reasoning_tokens": thought},
        "total_tokens": prompt + completion,
    }


def _response(
    request: Body, id_: str, model: str, output: list[Body], usage: Body | None, ending: Body
) -> Body:
    return {
        "id": id_ if id_.startswith("resp_") else f"resp_{id_}",
        "object": "response",
        "created_at": 0,
        "model": model,
        "output": output,
        "usage": usage,
        "error": None,
        "instructions": request.get("instructions"),
        "metadata": request.get("metadata") or {},
        "parallel_tool_calls": request.get("parallel_tool_calls") is not False,
        "temperature": request.get("temperature"),
        "top_p": request.get("top_p"),
        "tool_choice": request.get("tool_choice") or "auto",
        "tools": request.get("tools") or [],
        **ending,
    }


class _Stream:
    """Items are opened, filled and closed one after the other, every event with its number."""

    def __init__(self, request: Body) -> None:
        self._request = request
        self._number = -1
        self._id = ""
        self._model = request["model"]
        self._output: list[Body] = []
        self._open = ""
        """What is being said: `text`, or a tool's call by its number."""
        self._finish: Any = None
        self._usage: Body | None = None

    def chunk(self, chunk: Body) -> bytes:
        out = b"" if self._id else self._begin(chunk)
        self._usage = chunk.get("usage") or self._usage
        for choice in chunk["choices"][:1]:
            delta = choice.get("delta") or {}
            self._finish = choice.get("finish_reason") or self._finish
            if text := delta.get("content") or delta.get("refusal"):
                out += self._say(text)
            for call in delta.get("tool_calls") or ():
                out += self._call(call)
        return out

    def end(self) -> bytes:
        ending = _ending(self._finish)
        out = self._closed()
        final = self._response(ending, _usage(self._usage))
        return out + self._event(f"response.{ending['status']}", {"response": final})

    def failed(self, status: int, message: str, code: str) -> bytes:
        response = self._response({"status": "failed", "incomplete_details": None}, None)
        response["error"] = {"code": "server_error", "message": message}
        return self._event("response.failed", {"response": response})

    def _begin(self, chunk: Body) -> bytes:
        self._id = str(chunk.get("id") or "0")
        self._model = chunk.get("model") or self._model
        begun = self._response({"status": "in_progress", "incomplete_details": None}, None)
        return self._event("response.created", {"response": begun}) + self._event(
            "response.in_progress", {"response": begun}
        )

    def _say(self, text: str) -> bytes:
        out = b""
        if self._open != "text":
            out = self._closed()
            self._open = "text"
            item = {**_message(f"msg_{len(self._output)}", {}), "status": "in_progress"}
            out += self._added(item)
            part = {"content_index": 0, "part": _text("")}
            out += self._of_item("response.content_part.added", part)
            item["content"] = [_text("")]
        self._output[-1]["content"][0]["text"] += text
        told = {"content_index": 0, "delta": text, "logprobs": []}
        return out + self._of_item("response.output_text.delta", told)

    def _call(self, call: Body) -> bytes:
        out, function = b"", call.get("function") or {}
        kind = f"call {call.get('index', 0)}"
        if self._open != kind:
            out = self._closed()
            self._open = kind
            named = {"name": function.get("name") or ""}
            id_ = f"fc_{len(self._output)}"
            item = _function_call(id_, call.get("id") or id_, named, "in_progress")
            out += self._added(item)
        if arguments := function.get("arguments"):
            self._output[-1]["arguments"] += arguments
            told = {"delta": arguments}
            out += self._of_item("response.function_call_arguments.delta", told)
        return out

    def _added(self, item: Body) -> bytes:
        self._output.append(item)
        told = {"output_index": len(self._output) - 1, "item": item}
        return self._event("response.output_item.added", told)

    def _closed(self) -> bytes:
        if not self._open:
            return b""
        item = self._output[-1]
        item["status"] = "completed"
        if self._open == "text":
            part = item["content"][0]
            told = {"content_index": 0, "text": part["text"], "logprobs": []}
            out = self._of_item("response.output_text.done", told)
            ended = {"content_index": 0, "part": part}
            out += self._of_item("response.content_part.done", ended)
        else:
            told = {"arguments": item["arguments"], "name": item["name"]}
            out = self._of_item("response.function_call_arguments.done", told)
        self._open = ""
        done = {"output_index": len(self._output) - 1, "item": item}
        return out + self._event("response.output_item.done", done)

    def _of_item(self, name: str, told: Body) -> bytes:
        at = {"item_id": self._output[-1]["id"], "output_index": len(self._output) - 1}
        return self._event(name, at | told)

    def _event(self, name: str, told: Body) -> bytes:
        self._number += 1
        return event(name, {"type": name, "sequence_number": self._number, **told})

    def _response(self, ending: Body, usage: Body | None) -> Body:
        return _response(self._request, self._id, self._model, self._output, usage, ending)


def _stream(request: Body) -> StreamShape:
    return _Stream(request)


RESPONSES = Surface("/v1/responses", "input", _ask, _whole, _stream, openai_error)
