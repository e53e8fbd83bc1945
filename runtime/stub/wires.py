"""The wire shapes of providers, seen from their side: read a question, write an answer.

Shapes only. Which requests fail and how bytes travel is the server's affair.
"""

import re
import struct
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import unquote

import orjson

from runtime.stub.answers import Answer, Question, tokens, vector_for

_Json = dict[str, Any]
_DIMENSIONS: Final = 8


@dataclass(frozen=True, slots=True)
class Wire:
    name: str
    path: re.Pattern[str]
    """Found at the end of the request's path; a group `model` names the model."""
    question: Callable[[_Json, Mapping[str, str], str], Question]
    """Of the body, the groups of the path and the deployment."""
    whole: Callable[[Question, Answer], _Json]
    pieces: Callable[[Question, Answer], Iterator[tuple[bytes, bool]]]
    """The stream, and of each piece whether it carries content."""
    error: Callable[[int, str, str], _Json]
    """Of status, kind of fault and message."""
    ending: bytes = b""
    """What a stream ends with, apart from `pieces`."""
    content_type: str = "text/event-stream"
    broken_piece: bytes = b'data: {"broken": [\n\n'
    failed_piece: Callable[[_Json], bytes] = lambda error: b"data: " + orjson.dumps(error) + b"\n\n"
    """An error, told in the middle of a stream."""
    error_headers: Callable[[int, str], Mapping[str, str]] = lambda status, kind: {}
    """Of status and kind of fault, where a client reads the error's name there."""


@dataclass(frozen=True, slots=True)
class Vectors:
    """Where embeddings are asked for, and how they are answered."""

    wire: str
    """Whose errors these are."""
    path: re.Pattern[str]
    """As a wire's."""
    answer: Callable[[_Json], _Json]


# --- reading -------------------------------------------------------------------------------------


def _text(content: Any) -> str:
    """All the text in a message's content, however it is nested."""
    match content:
        case str():
            return content
        case list():
            return "".join(_text(part) for part in content)
        case dict():
            return "".join(
                _text(content[key])
                for key in ("text", "content", "parts", "arguments", "function", "toolResult")
                if key in content
            )
    return ""


def _message_text(message: Any) -> str:
    calls = message.get("tool_calls") if isinstance(message, dict) else None
    return _text(message) + _text(calls or [])


def _is_from_assistant(messages: list[Any]) -> bool:
    last = messages[-1] if messages else None
    return isinstance(last, dict) and last.get("role") in ("assistant", "model")


def _openai_question(body: _Json, groups: Mapping[str, str], deployment: str) -> Question:
    messages = body.get("messages") or []
    form = body.get("response_format") or {}
    schema = (form.get("json_schema") or {}).get("schema") if form else None
    return Question(
        model=str(body.get("model") or groups.get("model") or ""),
        deployment=deployment,
        messages=tuple(_message_text(message) for message in messages),
        is_stream=bool(body.get("stream")),
        max_tokens=body.get("max_completion_tokens") or body.get("max_tokens"),
        tool=_openai_tool(body),
        schema=schema or (True if form.get("type") == "json_object" else None),
        ends_with_assistant=_is_from_assistant(messages),
        body=body,
    )


def _openai_tool(body: _Json) -> tuple[str, Any] | None:
    choice = body.get("tool_choice")
    tools = {
        tool["function"]["name"]: tool["function"].get("parameters")
        for tool in body.get("tools") or ()
    }
    if isinstance(choice, dict):
        name = choice["function"]["name"]
        return name, tools.get(name)
    return next(iter(tools.items()), None) if choice == "required" else None


def _anthropic_question(body: _Json, groups: Mapping[str, str], deployment: str) -> Question:
    tools = {tool["name"]: tool.get("input_schema") for tool in body.get("tools") or ()}
    choice = body.get("tool_choice") or {}
    return Question(
        model=str(body.get("model") or unquote(groups.get("model") or "")),
        deployment=deployment,
        messages=_with_system(body.get("system"), body.get("messages") or []),
        is_stream=bool(body.get("stream")),
        max_tokens=body.get("max_tokens"),
        tool=_chosen(tools, choice.get("name"), choice.get("type") == "any"),
        schema=((body.get("output_config") or {}).get("format") or {}).get("schema"),
        ends_with_assistant=_is_from_assistant(body.get("messages") or []),
        body=body,
    )


def _gemini_question(body: _Json, groups: Mapping[str, str], deployment: str) -> Question:
    tools = {
        function["name"]: function.get("parametersJsonSchema")
        or function.get(
            "parameters_json_schema"
        )  # protobuf's own spelling; Google's client sends it
        or function.get("parameters")
        for tool in body.get("tools") or ()
        for function in tool.get("functionDeclarations") or ()
    }
    calling = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    allowed = calling.get("allowedFunctionNames") or [None]
    config = body.get("generationConfig") or {}
    wants_json = config.get("responseMimeType") == "application/json"
    return Question(
        model=unquote(groups["model"]),
        deployment=deployment,
        messages=_with_system(body.get("systemInstruction"), body.get("contents") or []),
        is_stream=groups["method"].startswith("stream"),
        max_tokens=config.get("maxOutputTokens"),
        tool=_chosen(tools, allowed[0], calling.get("mode") == "ANY"),
        schema=config.get("responseJsonSchema") or (True if wants_json else None),
        ends_with_assistant=_is_from_assistant(body.get("contents") or []),
        body=body,
    )


def _bedrock_question(body: _Json, groups: Mapping[str, str], deployment: str) -> Question:
    specs = [tool["toolSpec"] for tool in (body.get("toolConfig") or {}).get("tools") or ()]
    tools = {spec["name"]: (spec.get("inputSchema") or {}).get("json") for spec in specs}
    choice = (body.get("toolConfig") or {}).get("toolChoice") or {}
    return Question(
        model=unquote(groups["model"]),
        deployment=deployment,
        messages=_with_system(body.get("system"), body.get("messages") or []),
        is_stream=groups["method"].endswith("stream"),
        max_tokens=(body.get("inferenceConfig") or {}).get("maxTokens"),
        tool=_chosen(tools, (choice.get("tool") or {}).get("name"), "any" in choice),
        schema=_bedrock_schema(body),
        ends_with_assistant=_is_from_assistant(body.get("messages") or []),
        body=body,
    )


def _bedrock_schema(body: _Json) -> Any:
    form = (body.get("outputConfig") or {}).get("textFormat") or {}
    schema = ((form.get("structure") or {}).get("jsonSchema") or {}).get("schema")
    return None if schema is None else orjson.loads(schema)


def _cohere_question(body: _Json, groups: Mapping[str, str], deployment: str) -> Question:
    messages = body.get("messages") or []
    functions = [tool["function"] for tool in body.get("tools") or ()]
    tools = {function["name"]: function.get("parameters") for function in functions}
    form = body.get("response_format") or {}
    return Question(
        model=str(body.get("model") or ""),
        deployment=deployment,
        messages=tuple(_message_text(message) for message in messages),
        is_stream=bool(body.get("stream")),
        max_tokens=body.get("max_tokens"),
        tool=_chosen(tools, None, body.get("tool_choice") == "REQUIRED"),
        schema=form.get("json_schema") or (True if form.get("type") == "json_object" else None),
        ends_with_assistant=_is_from_assistant(messages),
        body=body,
    )


def _with_system(system: Any, messages: list[Any]) -> tuple[str, ...]:
    return (*([_text(system)] if system else []), *(_message_text(message) for message in messages))


def _chosen(tools: Mapping[str, Any], name: str | None, is_any: bool) -> tuple[str, Any] | None:
    if name is not None:
        return name, tools.get(name)
    return next(iter(tools.items()), None) if is_any else None


def _words(answer: Answer) -> list[str]:
    return re.findall(r"\s*\S+\s*\Z|\s*\S+", answer.text)


def _event(payload: Any, name: str = "") -> bytes:
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + orjson.dumps(payload) + b"\n\n"


def _id(question: Question, prefix: str) -> str:
    text = orjson.dumps([question.deployment, question.messages]).decode("utf-8", "replace")
    return f"{prefix}{zlib.crc32(text.encode()):08x}"


# --- OpenAI and Azure ----------------------------------------------------------------------------


def _openai_finish(answer: Answer) -> str:
    return "tool_calls" if answer.tool else "length" if answer.is_cut else "stop"


def _openai_usage(answer: Answer) -> _Json:
    return {
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.completion_tokens,
        "total_tokens": answer.prompt_tokens + answer.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": 0},
    }


def _openai_call(question: Question, answer: Answer) -> list[_Json]:
    if answer.tool is None:
        return []
    name, arguments = answer.tool
    call = {"name": name, "arguments": arguments}
    return [{"id": _id(question, "call_"), "type": "function", "function": call}]


def _openai_whole(question: Question, answer: Answer) -> _Json:
    message: _Json = {"role": "assistant", "content": None if answer.tool else answer.text}
    if calls := _openai_call(question, answer):
        message["tool_calls"] = calls
    choice: _Json = {"index": 0, "message": message, "finish_reason": _openai_finish(answer)}
    return {
        "id": _id(question, "chatcmpl-"),
        "object": "chat.completion",
        "created": 0,
        "model": question.model,
        "choices": [choice],
        "usage": _openai_usage(answer),
    }


def _openai_pieces(question: Question, answer: Answer) -> Iterator[tuple[bytes, bool]]:
    def chunk(delta: _Json, finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return _event({**base, "choices": [choice]})

    base = {
        "id": _id(question, "chatcmpl-"),
        "object": "chat.completion.chunk",
        "created": 0,
        "model": question.model,
    }
    yield chunk({"role": "assistant", "content": ""}), False
    for word in _words(answer):
        yield chunk({"content": word}), True
    for call in _openai_call(question, answer):
        yield chunk({"tool_calls": [{"index": 0, **call}]}), True
    yield chunk({}, _openai_finish(answer)), False
    if (question.body.get("stream_options") or {}).get("include_usage"):
        yield _event({**base, "choices": [], "usage": _openai_usage(answer)}), False


_OPENAI_CODES: Final = {
    "context_length": "context_length_exceeded",
    "content_policy": "content_policy_violation",
    "rate_limit": "rate_limit_exceeded",
    "exhausted": "insufficient_quota",
}


def _openai_error(status: int, kind: str, message: str) -> _Json:
    type_, code = _OPENAI_ERRORS.get(status, ("server_error", None))
    if status == 401:  # clients tell a wrong key from a bad request by these words
        message = f"Incorrect API key provided. {message}"
    code = _OPENAI_CODES.get(kind, code)
    return {"error": {"message": message, "type": type_, "param": None, "code": code}}


_OPENAI_ERRORS: Mapping[int, tuple[str, str | None]] = {
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", "invalid_api_key"),
    403: ("request_forbidden", "unsupported_country_region_territory"),
    404: ("invalid_request_error", "model_not_found"),
    408: ("timeout", None),
    409: ("conflict", None),
    413: ("invalid_request_error", "request_too_large"),
    422: ("invalid_request_error", None),
    429: ("rate_limit_error", "rate_limit_exceeded"),
}
"""`type` and `code` of OpenAI's errors by status (platform.openai.com, error codes; as of 2026-11)."""


def _azure_error(status: int, kind: str, message: str) -> _Json:
    error: _Json = {"message": message, "code": _OPENAI_CODES.get(kind) or str(status)}
    if kind == "content_policy":
        error |= {"code": "content_filter", "innererror": {"code": "ResponsibleAIPolicyViolation"}}
    return {"error": error}


def openai_embeddings(body: _Json) -> _Json:
    given = body.get("input")
    inputs = given if isinstance(given, list) else [given]
    if inputs and isinstance(inputs[0], int):
        inputs = [inputs]
    texts = [item if isinstance(item, str) else orjson.dumps(item).decode() for item in inputs]
    used = sum(tokens(text) for text in texts)
    vectors = [vector_for(text, body.get("dimensions") or _DIMENSIONS) for text in texts]
    is_packed = body.get("encoding_format") == "base64"
    data = [
        {"object": "embedding", "index": n, "embedding": _packed(vector) if is_packed else vector}
        for n, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": used, "total_tokens": used}
    return {"object": "list", "data": data, "model": body.get("model") or "", "usage": usage}


def _packed(vector: list[float]) -> str:
    return b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


# --- Anthropic -----------------------------------------------------------------------------------


def _anthropic_stop(answer: Answer) -> str:
    return "tool_use" if answer.tool else "max_tokens" if answer.is_cut else "end_turn"


def _anthropic_message(question: Question, answer: Answer) -> _Json:
    usage = {"input_tokens": answer.prompt_tokens, "output_tokens": answer.completion_tokens}
    return {
        "id": _id(question, "msg_"),
        "type": "message",
        "role": "assistant",
        "model": question.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**usage, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0},
    }


def _anthropic_block(question: Question, answer: Answer) -> _Json:
    if answer.tool is None:
        return {"type": "text", "text": answer.text}
    name, arguments = answer.tool
    return {
        "type": "tool_use",
        "id": _id(question, "toolu_"),
        "name": name,
        "input": orjson.loads(arguments),
    }


def _anthropic_whole(question: Question, answer: Answer) -> _Json:
    message = _anthropic_message(question, answer)
    content = [_anthropic_block(question, answer)] if answer.text or answer.tool else []
    return {**message, "content": content, "stop_reason": _anthropic_stop(answer)}


def _anthropic_pieces(question: Question, answer: Answer) -> Iterator[tuple[bytes, bool]]:
    def event(type_: str, **more: Any) -> bytes:
        return _event({"type": type_, **more}, type_)

    message = _anthropic_message(question, answer)
    yield (
        event(
            "message_start", message={**message, "usage": {**message["usage"], "output_tokens": 1}}
        ),
        False,
    )
    block = _anthropic_block(question, answer)
    empty = {**block, "text": ""} if answer.tool is None else {**block, "input": {}}
    yield event("content_block_start", index=0, content_block=empty), False
    yield event("ping"), False
    for word in _words(answer):
        yield (
            event("content_block_delta", index=0, delta={"type": "text_delta", "text": word}),
            True,
        )
    if answer.tool is not None:
        delta = {"type": "input_json_delta", "partial_json": answer.tool[1]}
        yield event("content_block_delta", index=0, delta=delta), True
    yield event("content_block_stop", index=0), False
    stop = {"stop_reason": _anthropic_stop(answer), "stop_sequence": None}
    usage = {"output_tokens": answer.completion_tokens}
    yield event("message_delta", delta=stop, usage=usage), False


_ANTHROPIC_TYPES: Final = {429: "rate_limit_error", 500: "api_error", 529: "overloaded_error"}


def _anthropic_error(status: int, kind: str, message: str) -> _Json:
    type_ = _ANTHROPIC_TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
    return {"type": "error", "error": {"type": type_, "message": message}}


# --- Gemini --------------------------------------------------------------------------------------


def _gemini_answer(
    question: Question, parts: list[_Json], finish: str | None, answer: Answer
) -> _Json:
    candidate: _Json = {"content": {"role": "model", "parts": parts}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    usage = {
        "promptTokenCount": answer.prompt_tokens,
        "candidatesTokenCount": answer.completion_tokens if finish else 0,
        "totalTokenCount": answer.prompt_tokens + (answer.completion_tokens if finish else 0),
    }
    return {
        "candidates": [candidate],
        "usageMetadata": usage,
        "modelVersion": question.model,
        "responseId": _id(question, "gm-"),
    }


def _gemini_call(answer: Answer) -> list[_Json]:
    if answer.tool is None:
        return []
    name, arguments = answer.tool
    return [{"functionCall": {"name": name, "args": orjson.loads(arguments)}}]


def _gemini_finish(answer: Answer) -> str:
    return "MAX_TOKENS" if answer.is_cut else "STOP"


def _gemini_whole(question: Question, answer: Answer) -> _Json:
    parts = _gemini_call(answer) or ([{"text": answer.text}] if answer.text else [])
    return _gemini_answer(question, parts, _gemini_finish(answer), answer)


def _gemini_pieces(question: Question, answer: Answer) -> Iterator[tuple[bytes, bool]]:
    for word in _words(answer):
        yield _event(_gemini_answer(question, [{"text": word}], None, answer)), True
    for part in _gemini_call(answer):
        yield _event(_gemini_answer(question, [part], None, answer)), True
    last = _gemini_answer(question, [{"text": ""}], _gemini_finish(answer), answer)
    yield _event(last), False


_GOOGLE_STATUS: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def _gemini_error(status: int, kind: str, message: str) -> _Json:
    return {
        "error": {
            "code": status,
            "message": message,
            "status": _GOOGLE_STATUS.get(status, "UNKNOWN"),
        }
    }


def gemini_embeddings(body: _Json) -> _Json:
    def values(request: _Json) -> _Json:
        text = _text(request.get("content"))
        own = request.get("embedContentConfig") or request  # as Vertex has it
        return {"values": vector_for(text, own.get("outputDimensionality") or _DIMENSIONS)}

    if "requests" in body:
        return {"embeddings": [values(request) for request in body["requests"]]}
    return {"embedding": values(body)}


# --- Vertex AI: Gemini as above, Anthropic at an address of its own -------------------------------


def _vertex_anthropic_error(status: int, kind: str, message: str) -> _Json:
    """Access and quotas are Google's, the rest is the model's."""
    of = _gemini_error if status in (401, 403, 404, 429) else _anthropic_error
    return of(status, kind, message)


def vertex_embeddings(body: _Json) -> _Json:
    """Of Gemini's models, which on Vertex say what they read."""
    asked = body.get("requests") or [body]
    read = sum(tokens(_text(request.get("content"))) for request in asked)
    return {**gemini_embeddings(body), "usageMetadata": {"promptTokenCount": read}}


def vertex_predictions(body: _Json) -> _Json:
    """Of text models."""
    size = (body.get("parameters") or {}).get("outputDimensionality") or _DIMENSIONS
    texts = [instance["content"] for instance in body["instances"]]
    return {
        "predictions": [
            {
                "embeddings": {
                    "values": vector_for(text, size),
                    "statistics": {"token_count": tokens(text), "truncated": False},
                }
            }
            for text in texts
        ]
    }


# --- Bedrock -------------------------------------------------------------------------------------


def _bedrock_stop(answer: Answer) -> str:
    return "tool_use" if answer.tool else "max_tokens" if answer.is_cut else "end_turn"


def _bedrock_usage(answer: Answer) -> _Json:
    return {
        "inputTokens": answer.prompt_tokens,
        "outputTokens": answer.completion_tokens,
        "totalTokens": answer.prompt_tokens + answer.completion_tokens,
    }


def _bedrock_whole(question: Question, answer: Answer) -> _Json:
    content: list[_Json] = [{"text": answer.text}] if answer.text else []
    if answer.tool is not None:
        name, arguments = answer.tool
        call = {
            "toolUseId": _id(question, "tooluse_"),
            "name": name,
            "input": orjson.loads(arguments),
        }
        content = [{"toolUse": call}]
    return {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": _bedrock_stop(answer),
        "usage": _bedrock_usage(answer),
        "metrics": {"latencyMs": 1},
    }


def _bedrock_pieces(question: Question, answer: Answer) -> Iterator[tuple[bytes, bool]]:
    yield aws_event("messageStart", {"role": "assistant"}), False
    if answer.tool is not None:
        name, arguments = answer.tool
        start = {"toolUse": {"toolUseId": _id(question, "tooluse_"), "name": name}}
        yield aws_event("contentBlockStart", {"contentBlockIndex": 0, "start": start}), False
        delta = {"toolUse": {"input": arguments}}
        yield aws_event("contentBlockDelta", {"contentBlockIndex": 0, "delta": delta}), True
    for word in _words(answer):
        yield (
            aws_event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": word}}),
            True,
        )
    yield aws_event("contentBlockStop", {"contentBlockIndex": 0}), False
    yield aws_event("messageStop", {"stopReason": _bedrock_stop(answer)}), False
    yield (
        aws_event("metadata", {"usage": _bedrock_usage(answer), "metrics": {"latencyMs": 1}}),
        False,
    )


def aws_event(name: str, payload: Any, kind: str = "event") -> bytes:
    """One message of AWS's event stream encoding: lengths, checksum, headers, payload, checksum."""
    headers = b"".join(
        struct.pack("!B", len(key))
        + key.encode()
        + struct.pack("!BH", 7, len(value))
        + value.encode()
        for key, value in (
            (f":{kind}-type", name),
            (":content-type", "application/json"),
            (":message-type", kind),
        )
    )
    body = orjson.dumps(payload)
    prelude = struct.pack("!II", 16 + len(headers) + len(body), len(headers))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + headers + body
    return message + struct.pack("!I", zlib.crc32(message))


def _bedrock_error(status: int, kind: str, message: str) -> _Json:
    return {"message": message}


_BEDROCK_ERRORS: Final = {
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
}
"""By status, as botocore 1.44.8 knows them (bedrock-runtime, read 2026-11-24)."""


def _bedrock_error_headers(status: int, kind: str) -> Mapping[str, str]:
    name = _BEDROCK_ERRORS.get(
        status, "ValidationException" if status < 500 else "InternalServerException"
    )
    return {"x-amzn-errortype": name}


def bedrock_embeddings(body: _Json) -> _Json:
    """Of Titan's models, and of Cohere's in the bodies of its own API."""
    if "texts" in body:
        return cohere_embeddings(body)
    text = body["inputText"]
    vector = vector_for(text, body.get("dimensions") or _DIMENSIONS)
    return {
        "embedding": vector,
        "embeddingsByType": {"float": vector},
        "inputTextTokenCount": tokens(text),
    }


# --- Cohere --------------------------------------------------------------------------------------


def _cohere_finish(answer: Answer) -> str:
    return "TOOL_CALL" if answer.tool else "MAX_TOKENS" if answer.is_cut else "COMPLETE"


def _cohere_usage(answer: Answer) -> _Json:
    counted = {"input_tokens": answer.prompt_tokens, "output_tokens": answer.completion_tokens}
    return {"billed_units": counted, "tokens": counted}


def _cohere_whole(question: Question, answer: Answer) -> _Json:
    message: _Json = {"role": "assistant"}
    if answer.text:
        message["content"] = [{"type": "text", "text": answer.text}]
    if calls := _openai_call(question, answer):
        message["tool_calls"] = calls
    return {
        "id": _id(question, "co-"),
        "message": message,
        "finish_reason": _cohere_finish(answer),
        "usage": _cohere_usage(answer),
    }


def _cohere_pieces(question: Question, answer: Answer) -> Iterator[tuple[bytes, bool]]:
    def event(type_: str, message: _Json | None = None, **more: Any) -> bytes:
        delta = {} if message is None else {"delta": {"message": message}}
        return _event({"type": type_, **more, **delta}, type_)

    yield (
        event("message-start", {"role": "assistant", "content": []}, id=_id(question, "co-")),
        False,
    )
    if answer.text:
        yield event("content-start", {"content": {"type": "text", "text": ""}}, index=0), False
    for word in _words(answer):
        yield event("content-delta", {"content": {"text": word}}, index=0), True
    if answer.text:
        yield event("content-end", index=0), False
    for call in _openai_call(question, answer):
        function = call["function"]
        begun = {**call, "function": {**function, "arguments": ""}}
        yield event("tool-call-start", {"tool_calls": begun}, index=0), True
        said = {"function": {"arguments": function["arguments"]}}
        yield event("tool-call-delta", {"tool_calls": said}, index=0), True
        yield event("tool-call-end", index=0), False
    delta = {"finish_reason": _cohere_finish(answer), "usage": _cohere_usage(answer)}
    yield _event({"type": "message-end", "delta": delta}, "message-end"), False


def _cohere_error(status: int, kind: str, message: str) -> _Json:
    return {"id": "stub", "message": message}


def _cohere_failed(error: _Json) -> bytes:
    """In the middle of a stream: its end, and a reason that is none."""
    delta = {"finish_reason": "ERROR", "error": error["message"]}
    return _event({"type": "message-end", "delta": delta}, "message-end")


def cohere_embeddings(body: _Json) -> _Json:
    size = body.get("output_dimension") or _DIMENSIONS
    return {
        "id": "stub",
        "embeddings": {"float": [vector_for(text, size) for text in body["texts"]]},
        "texts": body["texts"],
        "meta": {"billed_units": {"input_tokens": sum(tokens(text) for text in body["texts"])}},
        "response_type": "embeddings_by_type",
    }


# --- Ollama --------------------------------------------------------------------------------------


def _ollama_question(body: _Json, groups: Mapping[str, str], deployment: str) -> Question:
    messages = body.get("messages") or []
    form = body.get("format")
    return Question(
        model=str(body.get("model") or ""),
        deployment=deployment,
        messages=tuple(_message_text(message) for message in messages),
        is_stream=body.get("stream", True) is not False,
        max_tokens=(body.get("options") or {}).get("num_predict"),
        tool=_ollama_tool(body, messages),
        schema=True if form == "json" else form or None,
        ends_with_assistant=_is_from_assistant(messages),
        body=body,
    )


def _ollama_tool(body: _Json, messages: list[Any]) -> tuple[str, Any] | None:
    """No call can be demanded, so that who shows tools is called back until a result has come."""
    functions = [tool["function"] for tool in body.get("tools") or ()]
    tools = {function["name"]: function.get("parameters") for function in functions}
    return _chosen(tools, None, not messages or messages[-1].get("role") != "tool")


def _ollama_counts(answer: Answer) -> _Json:
    """At the end. A count of none is left out; durations are in nanoseconds."""
    counts = {"prompt_eval_count": answer.prompt_tokens, "eval_count": answer.completion_tokens}
    durations = ("total_duration", "load_duration", "prompt_eval_duration", "eval_duration")
    return {name: n for name, n in counts.items() if n} | dict.fromkeys(durations, 1_000_000)


def _ollama_head(question: Question, done: bool) -> _Json:
    return {"model": question.model, "created_at": "1970-01-01T00:00:00Z", "done": done}


def _ollama_said(question: Question, done: bool, **message: Any) -> _Json:
    said = {"role": "assistant", "content": "", **message}
    return {**_ollama_head(question, done), "message": said}


def _ollama_end(answer: Answer) -> _Json:
    return {"done_reason": "length" if answer.is_cut else "stop", **_ollama_counts(answer)}


def _ollama_calls(question: Question, answer: Answer) -> list[_Json]:
    if answer.tool is None:
        return []
    name, arguments = answer.tool
    function = {"index": 0, "name": name, "arguments": orjson.loads(arguments)}
    return [{"id": _id(question, "call_"), "function": function}]


def _ollama_whole(question: Question, answer: Answer) -> _Json:
    calls = _ollama_calls(question, answer)
    called = {"tool_calls": calls} if calls else {}
    said = _ollama_said(question, True, content=answer.text, **called)
    return {**said, **_ollama_end(answer)}


def _ollama_pieces(question: Question, answer: Answer) -> Iterator[tuple[bytes, bool]]:
    for word in _words(answer):
        yield _line(_ollama_said(question, False, content=word)), True
    if calls := _ollama_calls(question, answer):
        yield _line(_ollama_said(question, False, tool_calls=calls)), True
    yield _line({**_ollama_said(question, True), **_ollama_end(answer)}), False


def _ollama_prompt(body: _Json, groups: Mapping[str, str], deployment: str) -> Question:
    """Of /api/generate, which knows neither messages nor tools."""
    said = [body[key] for key in ("system", "prompt") if body.get(key)]
    messages = [{"role": "user", "content": text} for text in said]
    chat = {**body, "messages": messages, "tools": []}
    return replace(_ollama_question(chat, groups, deployment), body=body)


def _ollama_written(question: Question, answer: Answer) -> _Json:
    head = _ollama_head(question, True)
    return {**head, "response": answer.text, **_ollama_end(answer)}


def _ollama_words(question: Question, answer: Answer) -> Iterator[tuple[bytes, bool]]:
    for word in _words(answer):
        yield _line({**_ollama_head(question, False), "response": word}), True
    yield _line({**_ollama_written(question, answer), "response": ""}), False


def _line(payload: _Json) -> bytes:
    return orjson.dumps(payload) + b"\n"


def _ollama_error(status: int, kind: str, message: str) -> _Json:
    return {"error": message}


def ollama_embeddings(body: _Json) -> _Json:
    given = body["input"]
    texts = given if isinstance(given, list) else [given]
    size = body.get("dimensions") or _DIMENSIONS
    return {
        "model": body.get("model") or "",
        "embeddings": [vector_for(text, size) for text in texts],
        "total_duration": 1_000_000,
        "load_duration": 1_000_000,
        "prompt_eval_count": sum(tokens(text) for text in texts),
    }


# --- the table -----------------------------------------------------------------------------------

WIRES: Final = (
    Wire(
        name="azure",
        path=re.compile(r"/openai/deployments/(?P<model>[^/]+)/chat/completions\Z"),
        question=_openai_question,
        whole=_openai_whole,
        pieces=_openai_pieces,
        error=_azure_error,
        ending=b"data: [DONE]\n\n",
    ),
    Wire(
        name="openai",
        path=re.compile(r"/chat/completions\Z"),
        question=_openai_question,
        whole=_openai_whole,
        pieces=_openai_pieces,
        error=_openai_error,
        ending=b"data: [DONE]\n\n",
    ),
    Wire(
        name="anthropic",
        path=re.compile(r"/messages\Z"),
        question=_anthropic_question,
        whole=_anthropic_whole,
        pieces=_anthropic_pieces,
        error=_anthropic_error,
        ending=_event({"type": "message_stop"}, "message_stop"),
    ),
    Wire(
        name="vertex_anthropic",
        path=re.compile(
            r"/publishers/anthropic/models/(?P<model>[^/:]+):(?:rawPredict|streamRawPredict)\Z"
        ),
        question=_anthropic_question,
        whole=_anthropic_whole,
        pieces=_anthropic_pieces,
        error=_vertex_anthropic_error,
        ending=_event({"type": "message_stop"}, "message_stop"),
    ),
    Wire(
        name="cohere",
        path=re.compile(r"/v2/chat\Z"),
        question=_cohere_question,
        whole=_cohere_whole,
        pieces=_cohere_pieces,
        error=_cohere_error,
        failed_piece=_cohere_failed,
    ),
    Wire(
        name="gemini",
        path=re.compile(
            r"/models/(?P<model>[^/:]+):(?P<method>generateContent|streamGenerateContent)\Z"
        ),
        question=_gemini_question,
        whole=_gemini_whole,
        pieces=_gemini_pieces,
        error=_gemini_error,
    ),
    Wire(
        name="bedrock",
        path=re.compile(r"/model/(?P<model>[^/]+)/(?P<method>converse|converse-stream)\Z"),
        question=_bedrock_question,
        whole=_bedrock_whole,
        pieces=_bedrock_pieces,
        error=_bedrock_error,
        content_type="application/vnd.amazon.eventstream",
        broken_piece=aws_event("contentBlockDelta", {"broken": True}),
        failed_piece=lambda error: aws_event("internalServerException", error, "exception"),
        error_headers=_bedrock_error_headers,
    ),
    Wire(
        name="ollama",
        path=re.compile(r"/api/chat\Z"),
        question=_ollama_question,
        whole=_ollama_whole,
        pieces=_ollama_pieces,
        error=_ollama_error,
        content_type="application/x-ndjson",
        broken_piece=b'{"broken": [\n',
        failed_piece=_line,
    ),
    Wire(
        name="ollama_generate",
        path=re.compile(r"/api/generate\Z"),
        question=_ollama_prompt,
        whole=_ollama_written,
        pieces=_ollama_words,
        error=_ollama_error,
        content_type="application/x-ndjson",
        broken_piece=b'{"broken": [\n',
        failed_piece=_line,
    ),
)
_EMBED_CONTENT: Final = r"/models/(?P<model>[^/:]+):(?:batchEmbedContents|embedContent)\Z"
EMBEDDINGS: Final = (
    Vectors("openai", re.compile(r"/embeddings\Z"), openai_embeddings),
    Vectors("gemini", re.compile(rf"/publishers/google{_EMBED_CONTENT}"), vertex_embeddings),
    Vectors("gemini", re.compile(_EMBED_CONTENT), gemini_embeddings),
    Vectors("gemini", re.compile(r"/models/(?P<model>[^/:]+):predict\Z"), vertex_predictions),
    Vectors("cohere", re.compile(r"/v2/embed\Z"), cohere_embeddings),
    Vectors("ollama", re.compile(r"/api/embed\Z"), ollama_embeddings),
    Vectors("bedrock", re.compile(r"/model/(?P<model>[^/]+)/invoke\Z"), bedrock_embeddings),
)
