"""Whether a switch's condition holds for a request. Missing keys make every comparison false."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from designer.engine.events import Request
from designer.ir import Condition

_MISSING = object()

_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": lambda have, want: bool(have == want),
    "ne": lambda have, want: bool(have != want),
    "in": lambda have, want: have in want,
    "not_in": lambda have, want: have not in want,
    "gt": lambda have, want: bool(have > want),
    "gte": lambda have, want: bool(have >= want),
    "lt": lambda have, want: bool(have < want),
    "lte": lambda have, want: bool(have <= want),
    "regex": lambda have, want: re.search(want, str(have)) is not None,
}


def holds(condition: Condition, request: Request) -> bool:
    if condition.operator == "and":
        return all(holds(inner, request) for inner in condition.value)
    if condition.operator == "or":
        return any(holds(inner, request) for inner in condition.value)
    have = _lookup(condition.key, request)
    if have is _MISSING:
        return condition.operator in ("ne", "not_in")
    try:
        return _COMPARE[condition.operator](have, condition.value)
    except TypeError:  # values that do not compare, "a" < 3
        return False


def _lookup(key: str, request: Request) -> Any:
    space, _, name = key.partition(".")
    match space:
        case "metadata" | "task":
            return request.metadata.get(name or "task", _MISSING)
        case "params":
            return request.params.get(name, _MISSING)
        case "team":
            return request.team.get(name, _MISSING)
        case "url":
            return request.path
        case _:
            return _MISSING
