"""Whether a switch's condition holds for a request.

Compared by value, missing keys make every comparison false but `ne` and `not_in`. Compared as
JavaScript does, types count for equality, texts are read as numbers for order, and a missing value is
the text "undefined" to a pattern.
"""

import re
from collections.abc import Callable, Mapping
from math import nan
from typing import Any, Literal

from designer.engine.events import Request
from designer.ir import Condition

_MISSING = object()

_Compare = Mapping[str, Callable[[Any, Any], bool]]

_BY_VALUE: _Compare = {
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

_AS_JAVASCRIPT: _Compare = {
    "eq": lambda have, want: _is_same(have, want),
    "ne": lambda have, want: not _is_same(have, want),
    "in": lambda have, want: any(_is_same(have, item) for item in want),
    "not_in": lambda have, want: not any(_is_same(have, item) for item in want),
    "gt": lambda have, want: _number(have) > _number(want),
    "gte": lambda have, want: _number(have) >= _number(want),
    "lt": lambda have, want: _number(have) < _number(want),
    "lte": lambda have, want: _number(have) <= _number(want),
    "regex": lambda have, want: re.search(want, _text(have)) is not None,
}


def holds(
    condition: Condition, request: Request, compares: Literal["values", "javascript"] = "values"
) -> bool:
    if condition.operator == "and":
        return all(holds(inner, request, compares) for inner in condition.value)
    if condition.operator == "or":
        return any(holds(inner, request, compares) for inner in condition.value)
    have = _lookup(condition.key, request)
    if compares == "javascript":
        return _AS_JAVASCRIPT[condition.operator](have, condition.value)
    if have is _MISSING:
        return condition.operator in ("ne", "not_in")
    try:
        return _BY_VALUE[condition.operator](have, condition.value)
    except TypeError:  # values that do not compare, "a" < 3
        return False


def _lookup(key: str, request: Request) -> Any:
    space, _, name = key.partition(".")
    match space:
        case "metadata":
            return request.metadata.get(name, _MISSING)
        case "task":
            return request.metadata.get("task", request.task or _MISSING)
        case "params":
            return request.params.get(name, _MISSING)
        case "team":
            return request.team.get(name, _MISSING)
        case "url":
            return request.path
        case _:
            return _MISSING


# --- JavaScript -----------------------------------------------------------------------------------


def _is_same(have: Any, want: Any) -> bool:
    """`===`: no conversion, and two objects are never the same."""
    if isinstance(have, bool) or isinstance(want, bool):
        return have is want
    if isinstance(have, int | float) and isinstance(want, int | float):
        return have == want
    if isinstance(have, str) or have is None:
        return type(have) is type(want) and bool(have == want)
    return False


_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|Infinity))")


def _number(value: Any) -> float:
    """`parseFloat`: as much of the text as is a number; nan compares with nothing."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    found = _NUMBER.match(value) if isinstance(value, str) else None
    return float(found[1]) if found else nan


def _text(value: Any) -> str:
    """`String(value)`, as far as scalars go."""
    if value is _MISSING:
        return "undefined"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
