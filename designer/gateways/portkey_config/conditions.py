"""Conditions of `conditional` as queries, and queries as conditions.

Measured on 1.15.2, 2026-11-22: a key has two segments and what follows them is dropped; what is not
`metadata.<k>`, `params.<k>` or `url.pathname` is always missing; a missing key equals nothing and
differs from everything; an unknown operator ends the request when it is reached.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from msgspec.structs import replace

from designer.gateways.portkey_config.patterns import is_portable, without_flags
from designer.ir import Condition

ALWAYS = Condition("", "and", ())
NEVER_HOLDS = Condition("", "or", ())

_OPERATORS: Mapping[str, str] = {
    "$eq": "eq",
    "$ne": "ne",
    "$gt": "gt",
    "$gte": "gte",
    "$lt": "lt",
    "$lte": "lte",
    "$in": "in",
    "$nin": "not_in",
    "$regex": "regex",
}
_SPELLED = {ours: theirs for theirs, ours in _OPERATORS.items()}
_SCALAR = (str, int, float, bool, type(None))
_DEEPEST = 20


# --- Written --------------------------------------------------------------------------------------


def query_of(condition: Condition) -> dict[str, Any]:
    """The query for a condition that `portable` left as it is."""
    if condition.operator in ("and", "or"):
        return {f"${condition.operator}": [query_of(inner) for inner in condition.value]}
    value = condition.value
    written = list(value) if isinstance(value, tuple) else value
    key = "metadata.task" if condition.key == "task" else condition.key
    return {key: {_SPELLED[condition.operator]: written}}


def portable(condition: Condition) -> Condition:
    """The condition as Portkey can hold it: other keys are missing, other values match nothing."""
    if condition.operator in ("and", "or"):
        return replace(condition, key="", value=tuple(map(portable, condition.value)))
    key = condition.key
    # Ours may hold dots inside a name, which would be cut off there.
    known = key == "task" or (key.count(".") == 1 and _key(key) is not None)
    name = ("task" if key == "task" else _key(key)) if known else None
    return _leaf(name, condition.operator, condition.value)


# --- Read -----------------------------------------------------------------------------------------


class Read(NamedTuple):
    """What a query means: when it holds and, after that has failed, when it ends the request."""

    holds: Condition
    ends: Condition | None = None
    problem: str = ""


class _EndsError(Exception):
    """An operator that the gateway does not know."""


def read_query(query: Any) -> Read:
    """Never raises. Keys are tried in order; the first that is unknown ends the request."""
    if not isinstance(query, Mapping):
        return Read(NEVER_HOLDS, ALWAYS, "a query is an object of keys")
    read: list[Condition] = []
    try:
        for condition in _parts(query, 0):
            read.append(condition)
    except _EndsError as problem:
        return Read(NEVER_HOLDS, _all(read), str(problem))
    return Read(_all(read))


def _parts(query: Mapping[str, Any], depth: int) -> Iterator[Condition]:
    if depth > _DEEPEST:
        raise _EndsError("this query is nested too deeply to follow")
    for key, wanted in query.items():
        if key in ("$or", "$and") and isinstance(wanted, list):
            inner = []
            for item in wanted:
                if not isinstance(item, Mapping):
                    raise _EndsError(f"{key} lists queries, not {item!r:.40}")
                inner.append(_all(list(_parts(item, depth + 1))))
            yield Condition("", key[1:], tuple(inner))
            return  # what stands beside `$or` and `$and` is never read
        if isinstance(wanted, Mapping):
            yield from _operators(key, wanted)
        elif isinstance(wanted, list):
            # The gateway takes the list for an object whose first operator is `0`.
            if wanted:
                raise _EndsError(f"{key}: a list is no operator")
        else:
            yield _leaf(_key(key), "eq", wanted)


def _operators(key: str, wanted: Mapping[str, Any]) -> Iterator[Condition]:
    for operator, value in wanted.items():
        if operator not in _OPERATORS:
            raise _EndsError(f"{key}: {operator} is no operator")
        yield _leaf(_key(key), _OPERATORS[operator], value)
        if operator == "$regex":
            return  # the operators after it are never read


def _all(conditions: Sequence[Condition]) -> Condition:
    return conditions[0] if len(conditions) == 1 else Condition("", "and", tuple(conditions))


def _key(key: str) -> str | None:
    """The key in our words; None for one that is always missing there."""
    space, _, rest = key.partition(".")
    name = rest.partition(".")[0]
    if space in ("metadata", "params") and name:
        return "task" if (space, name) == ("metadata", "task") else f"{space}.{name}"
    return "url.pathname" if (space, name) == ("url", "pathname") else None


def _leaf(key: str | None, operator: str, value: Any) -> Condition:
    if operator in ("in", "not_in"):
        if not isinstance(value, list | tuple):
            return NEVER_HOLDS
        # An object equals nothing there, not even its like.
        value = tuple(item for item in value if isinstance(item, _SCALAR))
    elif operator == "regex":
        if not isinstance(value, str) or not _compiles(value):
            return NEVER_HOLDS
    elif not isinstance(value, _SCALAR):
        return ALWAYS if operator == "ne" else NEVER_HOLDS
    if key is None:
        if operator == "regex":
            return ALWAYS if re.search(value, "undefined") else NEVER_HOLDS
        return ALWAYS if operator in ("ne", "not_in") else NEVER_HOLDS
    return Condition(key, operator, value)


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return False
    return is_portable(pattern)


def without_inline_flags(condition: Condition) -> Condition:
    """Patterns with `(?i)` in a form that JavaScript reads alike."""
    if condition.operator in ("and", "or"):
        return replace(condition, value=tuple(map(without_inline_flags, condition.value)))
    if condition.operator != "regex" or not isinstance(condition.value, str):
        return condition
    plain = without_flags(condition.value)
    return condition if plain is None else replace(condition, value=plain)
