"""The callback that an MCP client gives the SDK: a server's sampling request becomes a chat completion.

It is asked of a running runtime over HTTP, with a virtual key, so redaction, budgets, caches, fallback
and the ledger apply as to any application. Routing is the operator's: of what the server sends, only
`modelPreferences` chooses among the offered routes, and `metadata` is not passed on.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
from mcp import types
from mcp.client.context import ClientRequestContext

from runtime.mcp.preferences import Candidate, Choice, Preferences, choose

Body = dict[str, Any]
Answer = types.CreateMessageResult | types.CreateMessageResultWithTools

CAPABILITY = types.SamplingCapability(tools=types.SamplingToolsCapability())
"""What a client that uses this callback declares: tools, but no context of other servers."""

_STOPPED = {
    "stop": "endTurn",
    "length": "maxTokens",
    "tool_calls": "toolUse",
    "content_filter": "contentFilter",
}
_AUDIO = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3"}


class UnsayableError(Exception):
    """What chat completions have no word for; the message says what."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """Answers sampling requests; give `Sampling(...)` to the SDK's Client as `sampling_callback`."""

    http: httpx.AsyncClient
    """Its base URL is the runtime's; it carries the key and the time limit."""
    candidates: Sequence[Candidate]
    chosen: Callable[[Choice], None] = lambda _: None
    """Told of each choice before it is asked."""

    async def __call__(
        self, context: ClientRequestContext, params: types.CreateMessageRequestParams
    ) -> Answer | types.ErrorData:
        choice = choose(preferences(params), self.candidates)
        self.chosen(choice)
        try:
            body = chat_body(choice.route, params)
        except UnsayableError as problem:
            return types.ErrorData(code=types.INVALID_PARAMS, message=str(problem))
        try:
            answered = await self.http.post("/v1/chat/completions", json=body)
        except httpx.HTTPError as problem:
            said = f"the runtime at {self.http.base_url} did not answer ({problem!r})"
            return types.ErrorData(code=types.INTERNAL_ERROR, message=said)
        if answered.status_code != 200:
            return _refused(answered)
        return result(answered.json(), with_tools=bool(params.tools))


def preferences(params: types.CreateMessageRequestParams) -> Preferences:
    said = params.model_preferences or types.ModelPreferences()
    return Preferences(
        hints=tuple(hint.name for hint in said.hints or () if hint.name),
        cost=said.cost_priority or 0.0,
        speed=said.speed_priority or 0.0,
        intelligence=said.intelligence_priority or 0.0,
    )


# --- What is asked --------------------------------------------------------------------------------


def chat_body(route: str, params: types.CreateMessageRequestParams) -> Body:
    """Raises UnsayableError."""
    system = [{"role": "system", "content": params.system_prompt}] if params.system_prompt else []
    said = [one for message in params.messages for one in _messages(message)]
    body: Body = {"model": route, "messages": system + said, "max_tokens": params.max_tokens}
    if params.temperature is not None:
        body["temperature"] = params.temperature
    if params.stop_sequences:
        body["stop"] = params.stop_sequences
    if params.tools:
        body["tools"] = [_tool(tool) for tool in params.tools]
        mode = params.tool_choice.mode if params.tool_choice else None
        body["tool_choice"] = mode or "auto"
    return body


def _tool(tool: types.Tool) -> Body:
    function = {"name": tool.name, "parameters": tool.input_schema}
    if tool.description:
        function["description"] = tool.description
    return {"type": "function", "function": function}


def _messages(message: types.SamplingMessage) -> Iterator[Body]:
    """Results of tools are messages of their own in chat completions, and come first."""
    blocks = message.content_as_list
    for block in blocks:
        if isinstance(block, types.ToolResultContent):
            yield {
                "role": "tool",
                "tool_call_id": block.tool_use_id,
                "content": _result_text(block),
            }
    calls = [_call(block) for block in blocks if isinstance(block, types.ToolUseContent)]
    parts = [
        _part(block)
        for block in blocks
        if not isinstance(block, types.ToolResultContent | types.ToolUseContent)
    ]
    if calls or parts:
        said: Body = {"role": message.role, "content": _content(parts)}
        yield said | ({"tool_calls": calls} if calls else {})


def _content(parts: list[Body]) -> str | list[Body] | None:
    if not parts:
        return None
    return parts[0]["text"] if len(parts) == 1 and parts[0]["type"] == "text" else parts


def _part(block: types.TextContent | types.ImageContent | types.AudioContent) -> Body:
    match block:
        case types.TextContent():
            return {"type": "text", "text": block.text}
        case types.ImageContent():
            url = f"data:{block.mime_type};base64,{block.data}"
            return {"type": "image_url", "image_url": {"url": url}}
        case types.AudioContent():
            form = _AUDIO.get(block.mime_type)
            if form is None:
                raise UnsayableError(
                    f"audio of type {block.mime_type} cannot be asked; wav and mp3 can"
                )
            return {"type": "input_audio", "input_audio": {"data": block.data, "format": form}}


def _call(block: types.ToolUseContent) -> Body:
    function = {"name": block.name, "arguments": json.dumps(block.input)}
    return {"id": block.id, "type": "function", "function": function}


def _result_text(block: types.ToolResultContent) -> str:
    texts = []
    for one in block.content:
        if not isinstance(one, types.TextContent):
            raise UnsayableError(f"a tool's result of type {one.type} cannot be asked; text can")
        texts.append(one.text)
    if not texts and block.structured_content is not None:
        texts.append(json.dumps(block.structured_content))
    told = "\n".join(texts)
    return f"error: {told}" if block.is_error else told


# --- What is answered -----------------------------------------------------------------------------


def result(answer: Body, with_tools: bool) -> Answer:
    """In the protocol's words; `model` is the one that answered."""
    choice = answer["choices"][0]
    said = choice["message"]
    stopped = _STOPPED.get(choice.get("finish_reason") or "", choice.get("finish_reason"))
    text = types.TextContent(text=said.get("content") or said.get("refusal") or "")
    model = str(answer.get("model") or "")
    if not with_tools:
        return types.CreateMessageResult(
            role="assistant", content=text, model=model, stop_reason=stopped
        )
    calls: list[types.SamplingMessageContentBlock] = [
        types.ToolUseContent(
            id=call["id"],
            name=call["function"]["name"],
            input=json.loads(call["function"]["arguments"] or "{}"),
        )
        for call in said.get("tool_calls") or ()
    ]
    blocks = [text, *calls] if text.text or not calls else calls
    return types.CreateMessageResultWithTools(
        role="assistant", content=blocks, model=model, stop_reason=stopped
    )


def _refused(answered: httpx.Response) -> types.ErrorData:
    """The runtime's own words; they hold no prompt."""
    try:
        message = answered.json()["error"]["message"]
    except (ValueError, KeyError, TypeError):
        message = "it did not say why"
    at_fault = answered.status_code in (400, 404, 413, 422)
    code = types.INVALID_PARAMS if at_fault else types.INTERNAL_ERROR
    return types.ErrorData(code=code, message=f"refused with {answered.status_code}: {message}")
