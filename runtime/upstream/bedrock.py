"""Amazon Bedrock's Converse and ConverseStream, and InvokeModel for vectors (botocore 1.44.8,
bedrock-runtime 2023-09-30, read 2026-11-24).

How a request is signed is `aws`; here it bears a key, or what signs it.
"""

import mimetypes
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote

import orjson

from runtime.upstream import cohere, dialogue
from runtime.upstream.base import Request, UpstreamError, UpstreamFailure
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
    text_of,
    texts_of,
    usage_chunk,
    usage_of,
)
from runtime.upstream.eventstream import MessageParser
from runtime.upstream.failures import failure_of

_FINISH_OF: Final = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}
_MALFORMED: Final = frozenset({"malformed_model_output", "malformed_tool_use"})
_CHOICE_OF: Final = {"auto": "auto", "required": "any"}
_FORMAT_OF: Final = {
    "image/png": "png",
    "image/jpeg": "jpeg",
    "image/jpg": "jpeg",
    "image/gif": "gif",
    "image/webp": "webp",
    "application/pdf": "pdf",
    "text/csv": "csv",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
}
_NOT_IN_A_NAME: Final = re.compile(r"[^A-Za-z0-9()\[\]-]+")
"""Of a document (DocumentBlock, `name`)."""
_NATIVE: Final = (
    *("additionalModelRequestFields", "additionalModelResponseFieldPaths", "guardrailConfig"),
    *("performanceConfig", "requestMetadata", "serviceTier"),
)
"""Bedrock's own words, which clients of gateways send beside OpenAI's."""
_MODELS_OWN: Final = ("top_k", "thinking")
"""Words of the models behind it, which it passes on."""
_TRANSLATED: Final = frozenset(
    {
        *("model", "messages", "max_tokens", "max_completion_tokens", "stop", "stream"),
        *("stream_options", "temperature", "top_p", "tools", "reasoning_effort"),
        *_NATIVE,
        *_MODELS_OWN,
    }
)
_SENDER_FAULTS: Final = {"ServiceQuotaExceededException": "429"}
"""Errors whose status says less than their name."""


# --- the request ---------------------------------------------------------------------------------


def request(target: Target, body: Body) -> Translated:
    dropped = {key for key in body if key not in _TRANSLATED}
    translated: Body = {"messages": dialogue.said_in(body["messages"], _WORDS)}
    translated |= {key: body[key] for key in _NATIVE if key in body}
    if system := dialogue.instructions_in(body["messages"], _WORDS):
        translated["system"] = system
    if config := _inference_config(body):
        translated["inferenceConfig"] = config
        dropped |= {"temperature above 1"} if (body.get("temperature") or 0) > 1 else set()
    if tools := _tool_config(body):
        translated["toolConfig"] = tools
    dropped -= _said_by_tools(body)
    if output := _output_config(body):
        translated["outputConfig"] = output
    if own := {key: body[key] for key in _MODELS_OWN if key in body}:
        given = translated.get("additionalModelRequestFields") or {}
        translated["additionalModelRequestFields"] = {**own, **given}
    if body.get("n") in (None, 1):
        dropped -= {"n"}
    if (body.get("response_format") or {}).get("type") in (None, "text", "json_schema"):
        dropped -= {"response_format"}
    is_stream = bool(body.get("stream"))
    sent = _sent(target, "converse-stream" if is_stream else "converse", translated)
    return Translated(replace(sent, is_stream=is_stream), tuple(sorted(dropped)))


def _sent(target: Target, operation: str, body: Body) -> Request:
    # A colon stays as it is: what is signed has to be what is sent, and clients write it so.
    model = quote(target.model, safe=":")
    auth = {"authorization": f"Bearer {target.secret}"} if target.secret else {}
    url = f"{target.api_base.rstrip('/')}/model/{model}/{operation}"
    return json_request(target, url, auth, body)


def _inference_config(body: Body) -> Body:
    config: Body = {}
    if limit := dialogue.limit_of(body):
        config["maxTokens"] = limit
    if (temperature := body.get("temperature")) is not None:
        config["temperature"] = min(temperature, 1.0)
    if (top_p := body.get("top_p")) is not None:
        config["topP"] = top_p
    if stops := dialogue.stops_of(body):
        config["stopSequences"] = stops
    return config


def _output_config(body: Body) -> Body:
    output: Body = {}
    form = body.get("response_format") or {}
    if form.get("type") == "json_schema":
        given = form["json_schema"]
        schema: Body = {"schema": orjson.dumps(given["schema"]).decode()}
        schema |= {key: given[key] for key in ("name", "description") if given.get(key)}
        output["textFormat"] = {"type": "json_schema", "structure": {"jsonSchema": schema}}
    effort = body.get("reasoning_effort")
    if effort and effort != "none":
        output["effort"] = "low" if effort == "minimal" else effort
    return output


def _tool_config(body: Body) -> Body | None:
    tools, choice = body.get("tools"), body.get("tool_choice")
    if not tools or (choice == "none" and not _has_calls(body["messages"])):
        return None
    config: Body = {"tools": [_tool(tool) for tool in tools]}
    if isinstance(choice, dict):
        config["toolChoice"] = {"tool": {"name": choice["function"]["name"]}}
    elif choice is not None and choice != "none":
        config["toolChoice"] = {_CHOICE_OF[choice]: {}}
    return config


def _has_calls(messages: list[Body]) -> bool:
    """Bedrock takes no dialogue with calls in it without the tools that were called."""
    return any(message.get("tool_calls") or message["role"] == "tool" for message in messages)


def _said_by_tools(body: Body) -> set[str]:
    """There is no word for "none": it is said by giving no tools, where that can be."""
    is_kept = body.get("tool_choice") == "none" and _has_calls(body["messages"])
    said = set() if is_kept and body.get("tools") else {"tool_choice"}
    return said | (set() if body.get("parallel_tool_calls") is False else {"parallel_tool_calls"})


def _tool(tool: Body) -> Body:
    function = dialogue.function_of(tool)
    schema = function.get("parameters") or {"type": "object", "properties": {}}
    spec: Body = {"name": function["name"], "inputSchema": {"json": schema}}
    if function.get("description"):
        spec["description"] = function["description"]
    if function.get("strict") is not None:
        spec["strict"] = function["strict"]
    return {"toolSpec": spec}


def _part(part: dialogue.Part) -> list[Body]:
    return [_block(part), *_cache_point(part.cache)]


def _cache_point(cache: Any) -> list[Body]:
    if not cache:
        return []
    ttl = {"ttl": cache["ttl"]} if "ttl" in cache else {}
    return [{"cachePoint": {"type": "default", **ttl}}]


def _block(part: dialogue.Part) -> Body:
    match part:
        case dialogue.Text(text):
            return {"text": text}
        case dialogue.Image(url):
            format_, source = _file(url)
            return {"image": {"format": format_, "source": source}}
        case dialogue.File(url, name):
            format_, source = _file(url)
            named = _NOT_IN_A_NAME.sub("-", name or "document")[:200]
            return {"document": {"format": format_, "name": named, "source": source}}
        case dialogue.Audio(format_, data):
            return {"audio": {"format": format_, "source": {"bytes": data}}}


def _file(url: str) -> tuple[str, Body]:
    """Format and source. Bedrock fetches nothing from the web."""
    if url.startswith("s3://"):
        media_type = mimetypes.guess_type(url)[0] or ""
        return _format(media_type), {"s3Location": {"uri": url}}
    encoded = data_url(url)
    if encoded is None:
        raise UntranslatableError("a file at an address other than s3://: Bedrock fetches none")
    media_type, data = encoded
    return _format(media_type), {"bytes": data}


def _format(media_type: str) -> str:
    if media_type not in _FORMAT_OF:
        raise UntranslatableError(f"files of the type {media_type!r}")
    return _FORMAT_OF[media_type]


def _tool_use(call: dialogue.Call) -> Body:
    return {"toolUse": {"toolUseId": call.id, "name": call.name, "input": call.arguments}}


def _tool_result(result: dialogue.Result) -> Body:
    content = dialogue.blocks_of(result.content, _part)
    return {"toolResult": {"toolUseId": result.call_id, "content": content}}


_WORDS: Final = dialogue.Words(_part, _tool_use, _tool_result)


# --- the answer ----------------------------------------------------------------------------------


def response(payload: Body, model: str) -> Body:
    blocks = payload["output"]["message"]["content"]
    message: Body = {"role": "assistant", "content": text_of(blocks) or None}
    if calls := [_tool_call(block["toolUse"]) for block in blocks if "toolUse" in block]:
        message["tool_calls"] = calls
    if thoughts := "".join(_thought(block) for block in blocks):
        message["reasoning_content"] = thoughts
    finish = _finish(payload["stopReason"])
    return {
        "id": "bedrock",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": _usage(payload["usage"]),
    }


def _thought(block: Body) -> str:
    text = ((block.get("reasoningContent") or {}).get("reasoningText") or {}).get("text")
    return text or ""


def _finish(reason: str) -> str:
    if reason in _MALFORMED:
        said = f"the answer ended with {reason}"
        raise UpstreamError(UpstreamFailure("malformed", 200, message=said))
    return _FINISH_OF.get(reason, "stop")


def _tool_call(use: Body) -> Body:
    arguments = orjson.dumps(use["input"]).decode()
    return {
        "id": use["toolUseId"],
        "type": "function",
        "function": {"name": use["name"], "arguments": arguments},
    }


def _usage(usage: Body) -> Body:
    """Bedrock counts what was read from and written to the cache apart from the input."""
    read = usage.get("cacheReadInputTokens") or 0
    written = usage.get("cacheWriteInputTokens") or 0
    prompt = usage["inputTokens"] + read + written
    return usage_of(prompt, usage["outputTokens"], cached=read, written=written)


def stream(model: str) -> "_Stream":
    return _Stream(model)


class _Stream:
    def __init__(self, model: str) -> None:
        self._model = model
        self._calls: dict[int, int] = {}
        """The tool call's number, by the number of its content block."""
        self._without_arguments: set[int] = set()

    def __call__(self, payload: Body) -> Iterable[Body]:
        ((name, event),) = payload.items()
        match name:
            case "messageStart":
                return [self._chunk({"role": event["role"], "content": ""})]
            case "contentBlockStart":
                return self._block_start(event["contentBlockIndex"], event["start"])
            case "contentBlockDelta":
                return self._delta(event["contentBlockIndex"], event["delta"])
            case "contentBlockStop":
                return self._block_stop(event["contentBlockIndex"])
            case "messageStop":
                return [self._chunk({}, _finish(event["stopReason"]))]
            case "metadata":
                return [usage_chunk("bedrock", self._model, 0, _usage(event["usage"]))]
        return ()

    def _block_start(self, index: int, start: Body) -> Iterator[Body]:
        if use := start.get("toolUse"):
            self._calls[index] = len(self._calls)
            self._without_arguments.add(index)
            function = {"name": use["name"], "arguments": ""}
            call = {"id": use["toolUseId"], "type": "function", "function": function}
            yield self._call_chunk(index, call)

    def _delta(self, index: int, delta: Body) -> Iterator[Body]:
        if text := delta.get("text"):
            yield self._chunk({"content": text})
        if thought := (delta.get("reasoningContent") or {}).get("text"):
            yield self._chunk({"reasoning_content": thought})
        if arguments := (delta.get("toolUse") or {}).get("input"):
            self._without_arguments.discard(index)
            yield self._call_chunk(index, {"function": {"arguments": arguments}})

    def _block_stop(self, index: int) -> Iterator[Body]:
        if index in self._without_arguments:
            yield self._call_chunk(index, {"function": {"arguments": "{}"}})

    def _chunk(self, delta: Body, finish_reason: str | None = None) -> Body:
        return chunk("bedrock", self._model, 0, delta, finish_reason)

    def _call_chunk(self, index: int, call: Body) -> Body:
        return self._chunk({"tool_calls": [{"index": self._calls[index], **call}]})


def error(status: int, headers: Mapping[str, str], body: bytes) -> UpstreamFailure:
    failure = failure_of(status, headers, body)
    name = (headers.get("x-amzn-errortype") or "").partition(":")[0]
    return replace(failure, token=_SENDER_FAULTS.get(name, failure.token))


# --- embeddings ----------------------------------------------------------------------------------


def _titan(body: Body) -> tuple[Body, tuple[str, ...]]:
    texts = texts_of(body["input"])
    if len(texts) != 1:
        raise UntranslatableError("more than one text: Titan embeds one a request")
    known = ("model", "input", "dimensions", "encoding_format")
    size = {"dimensions": body["dimensions"]} if body.get("dimensions") else {}
    dropped = tuple(sorted(key for key in body if key not in known))
    return {"inputText": texts[0], **size}, dropped


_EMBEDS: Final[Mapping[str, Callable[[Body], tuple[Body, tuple[str, ...]]]]] = {
    "amazon.titan-embed": _titan,
    "cohere.embed": cohere.embedding_body,
}
"""By what is in the model's name: InvokeModel takes each maker's own bodies."""


def embedding_request(target: Target, body: Body) -> Translated:
    asked = next((ask for name, ask in _EMBEDS.items() if name in target.model), None)
    if asked is None:
        raise UntranslatableError(f"vectors of {target.model!r}: its bodies are not known here")
    translated, dropped = asked(body)
    return Translated(_sent(target, "invoke", translated), dropped)


def embedding_response(payload: Body, model: str) -> Body:
    """Titan's or Cohere's; Cohere's says here nothing of what it read."""
    if "inputTextTokenCount" not in payload:
        return cohere.embedding_response(payload, model)
    read = payload["inputTextTokenCount"]
    return {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": payload["embedding"]}],
        "model": model,
        "usage": {"prompt_tokens": read, "total_tokens": read},
    }


BEDROCK = Dialect(
    name="bedrock",
    request=request,
    response=response,
    stream=stream,
    error=error,
    embedding=Embedding(embedding_request, embedding_response),
    framing=MessageParser,
)
