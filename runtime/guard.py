"""Guardrails at work: what a rail of the Routing does to a request or an answer."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from designer.ir import Guardrail
from runtime.redact import ENTITIES, TooDeepError, redact_request, redact_response

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Inspection:
    verdict: Literal["pass", "changed", "blocked", "broken"]
    body: Body
    found: int
    """How many entities; what they were is never kept."""


ALWAYS = frozenset({"api_key", "ip_address"})
"""Taken out wherever anything is: nobody asks for a prompt with a secret in it."""


def inspect(rail: Guardrail, stage: Literal["input", "output"], body: Body) -> Inspection:
    """What the rail makes of a request or an answer.

    What cannot be looked at is `broken`, which a rail that fails closed does not let through. So is a
    rail that is only a name here because its gateway keeps it elsewhere.
    """
    match rail.kind:
        case "pii":
            return _inspect_pii(rail, stage, body)
        case "deny":
            return _inspect_deny(rail, body)
        case _:
            return Inspection("broken", body, 0)


def _inspect_pii(rail: Guardrail, stage: Literal["input", "output"], body: Body) -> Inspection:
    """Personal data and secrets replaced, or found and blocked."""
    entities = frozenset(rail.entities) | ALWAYS if rail.entities else frozenset(ENTITIES)
    redact = redact_request if stage == "input" else redact_response
    try:
        redacted, taken = redact(body, entities)
    except (TooDeepError, RecursionError):
        return Inspection("broken", body, 0)
    if not taken.total:
        return Inspection("pass", body, 0)
    if rail.action == "block":
        return Inspection("blocked", body, taken.total)
    return Inspection("changed", redacted, taken.total)


def _inspect_deny(rail: Guardrail, body: Body) -> Inspection:
    try:
        pattern = re.compile(rail.pattern, re.IGNORECASE if rail.ignore_case else 0)
        found = any(pattern.search(text) for text in _strings(body))
    except (re.error, RecursionError):
        return Inspection("broken", body, 0)
    return Inspection("blocked" if found else "pass", body, int(found))


def _strings(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for item in value.values():
                yield from _strings(item)
        case list():
            for item in value:
                yield from _strings(item)


def joined(chunks: list[Body]) -> list[Body]:
    """The chunks of a stream with each choice's text in one piece, so that nothing is split over two.

    Only for streams that are held back anyway; what is not text stays where it was.
    """
    first: dict[tuple[Any, ...], tuple[Body, str]] = {}
    for chunk in chunks:
        for choice in chunk.get("choices", ()):
            for key, holder, name in _texts(choice):
                if key in first:
                    home, home_name = first[key]
                    home[home_name] += holder[name]
                    holder[name] = ""
                else:
                    first[key] = holder, name
    return chunks


def _texts(choice: Body) -> list[tuple[tuple[Any, ...], Body, str]]:
    index, delta = choice.get("index", 0), choice.get("delta") or {}
    found: list[tuple[tuple[Any, ...], Body, str]] = [
        ((index, name), delta, name)
        for name in ("content", "refusal", "reasoning_content")
        if isinstance(delta.get(name), str)
    ]
    for call in delta.get("tool_calls") or ():
        function = call.get("function") or {}
        if isinstance(function.get("arguments"), str):
            found.append(((index, "tool", call.get("index", 0)), function, "arguments"))
    return found
