"""OpenAI's messages, read once for all the providers that say them in blocks of their own.

What a part, a call or a result becomes is the dialect's affair (`Words`); here is only what OpenAI's shape
holds, and that most providers want instructions apart and each side's say in one message.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple

import orjson

from runtime.upstream.dialect import Body, UntranslatableError

INSTRUCTS: Final = frozenset({"system", "developer"})
"""Roles."""


class Text(NamedTuple):
    text: str
    cache: Any = None
    """Anthropic's `cache_control`, which clients of gateways send beside OpenAI's words."""


class Image(NamedTuple):
    url: str
    cache: Any = None


class File(NamedTuple):
    url: str
    name: str = ""
    cache: Any = None


class Audio(NamedTuple):
    format: str
    data: str
    cache: Any = None


Part = Text | Image | File | Audio


class Call(NamedTuple):
    id: str
    name: str
    arguments: Any
    given: Body
    """As it came: some providers hang words of their own on it."""


class Result(NamedTuple):
    call_id: str
    name: str | None
    """Of the tool, where the dialogue says it."""
    content: Any


class Words(NamedTuple):
    """How a provider says what is said in a dialogue."""

    part: Callable[[Part], list[Body]]
    call: Callable[[Call], Body]
    result: Callable[[Result], Body]
    assistant: str = "assistant"
    blocks: str = "content"
    """The key under which a message has them."""


def said_in(messages: Iterable[Body], words: Words) -> list[Body]:
    """The dialogue without its instructions. What one side says in a row is one message, because the
    results of parallel tool calls have to come in one."""
    merged: list[Body] = []
    names: dict[str, str] = {}
    for message in messages:
        if message["role"] in INSTRUCTS:
            continue
        role, blocks = _turn(message, words, names)
        if merged and merged[-1]["role"] == role:
            merged[-1][words.blocks] += blocks
        else:
            merged.append({"role": role, words.blocks: blocks})
    return merged


def instructions_in(messages: Iterable[Body], words: Words) -> list[Body]:
    """Every system message, wherever it stood."""
    return [
        block
        for message in messages
        if message["role"] in INSTRUCTS
        for block in blocks_of(message.get("content"), words.part)
    ]


def _turn(message: Body, words: Words, names: dict[str, str]) -> tuple[str, list[Body]]:
    """`names` learns what each call was called."""
    match message["role"]:
        case "user":
            return "user", blocks_of(message.get("content"), words.part)
        case "assistant":
            calls = calls_of(message)
            names |= {call.id: call.name for call in calls}
            said = blocks_of(message.get("content"), words.part)
            return words.assistant, [*said, *(words.call(call) for call in calls)]
        case "tool":
            return "user", [words.result(result_of(message, names))]
    raise unsayable(message)


def unsayable(message: Body) -> UntranslatableError:
    return UntranslatableError(f"messages of the role {message['role']!r}")


def blocks_of(content: Any, part: Callable[[Part], list[Body]]) -> list[Body]:
    return [block for one in parts_of(content) for block in part(one)]


def parts_of(content: Any) -> Iterator[Part]:
    if isinstance(content, str):
        return iter([Text(content)] if content else ())
    return map(_part, content or ())


def _part(part: Body) -> Part:
    cache = part.get("cache_control")
    match part.get("type"):
        case "text" | "input_text":
            return Text(part["text"], cache)
        case "refusal":
            return Text(part["refusal"], cache)
        case "image_url":
            image = part["image_url"]
            return Image(image if isinstance(image, str) else image["url"], cache)
        case "file" if "file_data" in part["file"]:
            file = part["file"]
            return File(file["file_data"], file.get("filename") or "", cache)
        case "input_audio":
            audio = part["input_audio"]
            return Audio(audio["format"], audio["data"], cache)
    raise UntranslatableError(f"message parts of the type {part.get('type')!r}")


def calls_of(message: Body) -> list[Call]:
    return [_call(call) for call in message.get("tool_calls") or ()]


def _call(call: Body) -> Call:
    function = call["function"]
    try:
        arguments = orjson.loads(function.get("arguments") or "{}")
    except orjson.JSONDecodeError as error:
        raise UntranslatableError(f"arguments of {function['name']!r} that are no JSON") from error
    return Call(call["id"], function["name"], arguments, call)


def result_of(message: Body, names: dict[str, str]) -> Result:
    call_id = message["tool_call_id"]
    return Result(call_id, names.get(call_id) or message.get("name"), message.get("content"))


# --- what else several dialects read alike -------------------------------------------------------


def function_of(tool: Body) -> Body:
    if tool.get("type") != "function":
        raise UntranslatableError(f"tools of the type {tool.get('type')!r}")
    function: Body = tool["function"]
    return function


def limit_of(body: Body) -> int | None:
    """Of what may be written, in tokens."""
    return body.get("max_completion_tokens") or body.get("max_tokens")


def stops_of(body: Body) -> list[str]:
    stop = body.get("stop") or []
    return [stop] if isinstance(stop, str) else stop
