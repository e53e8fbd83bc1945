"""What a stub says to a question: always the same, and none of the asker's own words."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Question:
    """A request, whatever wire it came over."""

    model: str
    deployment: str
    messages: tuple[str, ...]
    """The text of each message, system messages included."""
    is_stream: bool = False
    max_tokens: int | None = None
    tool: tuple[str, Any] | None = None
    """Name and schema of the tool that has to be called."""
    schema: Any = None
    """Of the JSON that is asked for; `True` for any object."""
    ends_with_assistant: bool = False
    body: Any = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    text: str
    tool: tuple[str, str] | None
    """Name and JSON arguments of the call."""
    prompt_tokens: int
    completion_tokens: int
    is_cut: bool = False
    """Ended by the limit that the request set."""


def tokens(text: str) -> int:
    """One token for every four bytes of UTF-8, and a rest counts as one."""
    return -(-len(text.encode("utf-8", "replace")) // 4)


def answer_to(question: Question, says: Callable[[Question], str] | None = None) -> Answer:
    prompt_tokens = sum(tokens(text) for text in question.messages)
    if question.tool is not None:
        name, schema = question.tool
        arguments = orjson.dumps(example_of(schema)).decode()
        return Answer("", (name, arguments), prompt_tokens, tokens(arguments))
    text = _text(question, prompt_tokens, says)
    limit = question.max_tokens
    if limit is not None and tokens(text) > limit:
        text = text.encode()[: limit * 4].decode("utf-8", "ignore")
        return Answer(text, None, prompt_tokens, tokens(text), is_cut=True)
    return Answer(text, None, prompt_tokens, tokens(text))


def _text(question: Question, prompt_tokens: int, says: Callable[[Question], str] | None) -> str:
    if says is not None:
        return says(question)
    if question.schema is not None:
        schema = {"type": "object"} if question.schema is True else question.schema
        return orjson.dumps(example_of(schema)).decode()
    digest = hashlib.sha256("\0".join(question.messages).encode("utf-8", "replace")).hexdigest()
    return (
        f"This is the stub provider for {question.deployment or question.model}. It read "
        f"{len(question.messages)} messages of {prompt_tokens} tokens, digest {digest[:8]}, "
        "and has nothing else to say."
    )


def vector_for(text: str, dimensions: int) -> list[float]:
    """Of length one at most, and the same for the same text."""
    stream = hashlib.shake_256(text.encode("utf-8", "replace")).digest(dimensions)
    return [(byte - 127.5) / 127.5 / dimensions**0.5 for byte in stream]


def example_of(schema: Any) -> Any:
    """The plainest value that a JSON schema allows, as far as its types say."""
    if not isinstance(schema, dict):
        return {}
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    for key in ("anyOf", "oneOf", "allOf"):
        if schema.get(key):
            return example_of(schema[key][0])
    kind = schema.get("type", "object")
    match kind[0] if isinstance(kind, list) and kind else kind:
        case "object":
            return {name: example_of(inner) for name, inner in schema.get("properties", {}).items()}
        case "array":
            return [example_of(schema.get("items", {}))] * schema.get("minItems", 1)
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
        case "null":
            return None
    return "stub"
