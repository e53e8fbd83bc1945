"""Guardrails as content filters of an OpenRouter guardrail, and back.

`rails_of(filters_of(rails))` is the normal form: entities per action, one deny rail per pattern. A
custom pattern is searched as JavaScript reads it, without flags.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct

from designer.gateways.openrouter.tables import (
    BUILTIN_OF,
    ENTITIES,
    LABEL_OF,
    MAX_LABEL,
    MAX_PATTERN,
    PATTERN_OF,
)
from designer.ir import Guardrail

ENTITY_OF: Mapping[str, str] = {slug: entity for entity, slug in BUILTIN_OF.items()}
_CUSTOM: Mapping[str, str] = {pattern: entity for entity, pattern in PATTERN_OF.items()}
INPUT: frozenset[Literal["input", "output"]] = frozenset({"input"})


class Filters(Struct, frozen=True):
    """The two lists of a guardrail that look at content."""

    builtins: list[dict[str, Any]]
    custom: list[dict[str, Any]]


def filters_of(rails: Sequence[Guardrail]) -> Filters:
    builtins, custom = [], []
    for entity, action in _actions(rails).items():
        if entity in BUILTIN_OF:
            builtins.append({"slug": BUILTIN_OF[entity], "action": action})
        else:
            custom.append(
                {"pattern": PATTERN_OF[entity], "action": action, "label": LABEL_OF[entity]}
            )
    for rail in rails:
        if rail.kind == "deny" and rail.pattern not in _CUSTOM:
            pattern = any_case(rail.pattern) if rail.ignore_case else rail.pattern
            custom.append(
                {"pattern": pattern, "action": rail.action, "label": rail.name[:MAX_LABEL]}
            )
    return Filters(builtins, custom)


def _actions(rails: Sequence[Guardrail]) -> dict[str, str]:
    """Entity → action, in the tables' order; blocking beats redacting (guides/features/guardrails)."""
    found: dict[str, str] = {}
    for rail in rails:
        own = _CUSTOM.get(rail.pattern) if rail.kind == "deny" else None
        for entity in rail.entities if rail.kind == "pii" else (own,) if own else ():
            if found.get(entity) != "block":
                found[entity] = rail.action
    return {entity: found[entity] for entity in ENTITIES if entity in found}


def rails_of(filters: Filters) -> tuple[Guardrail, ...]:
    """Only well-formed filters that block or redact; see `parse` for the others."""
    actions = {ENTITY_OF[f["slug"]]: f["action"] for f in filters.builtins}
    actions |= {
        _CUSTOM[f["pattern"]]: f["action"] for f in filters.custom if f["pattern"] in _CUSTOM
    }
    rails = []
    for action in ("redact", "block"):
        entities = tuple(e for e in ENTITIES if actions.get(e) == action)
        if entities:
            rails.append(_rail(f"pii-{action}", "pii", action, entities=entities))
    names = {rail.name for rail in rails}
    for content_filter in filters.custom:
        if content_filter["pattern"] not in _CUSTOM:
            name = unique(content_filter.get("label") or "deny", names)
            names.add(name)
            rails.append(
                _rail(name, "deny", content_filter["action"], pattern=content_filter["pattern"])
            )
    return tuple(rails)


def _rail(name: str, kind: Any, action: Any, **more: Any) -> Guardrail:
    return Guardrail(name=name, kind=kind, stages=INPUT, action=action, on_error="pass", **more)


def unique(name: str, taken: set[str]) -> str:
    """`name`, or `name` with the first free number behind it, within a label's length."""
    number, candidate = 2, name
    while candidate in taken:
        suffix = f"-{number}"
        candidate = name[: MAX_LABEL - len(suffix)] + suffix
        number += 1
    return candidate


# --- Patterns -------------------------------------------------------------------------------------

_REFUSED = re.compile(r"\(\?(?!:)|\\(?:[1-9]|k<)")
"""Lookaround, flags and named groups; backreferences."""
_REPEATS = re.compile(r"[*+]|\{[0-9]+,?[0-9]*\}")


def is_pattern(pattern: str) -> bool:
    """Whether OpenRouter takes it: no lookaround, flags, named groups or backreferences, and no
    repeated group with a repetition in it (guides/features/guardrails, 2026-08-22)."""
    if not 0 < len(pattern) <= MAX_PATTERN:
        return False
    return not _REFUSED.search(pattern.replace("\\\\", "")) and not _repeats_repetition(pattern)


def _repeats_repetition(pattern: str) -> bool:
    """One pass; `repeats` says of each open group whether something in it is repeated."""
    repeats = [False]
    position, in_class = 0, False
    while position < len(pattern):
        char = pattern[position]
        position += 2 if char == "\\" else 1
        inner = False
        if in_class or char == "[":
            in_class = char != "]"
        elif char == "(":
            repeats.append(False)
        elif char == ")" and len(repeats) > 1:
            inner = repeats.pop()
            repeats[-1] = repeats[-1] or inner
        if in_class or char == "(" or not _REPEATS.match(pattern, position):
            continue
        if inner:
            return True
        repeats[-1] = True
    return False


def any_case(pattern: str) -> str:
    """The pattern with every letter in both cases: there is no flag to say so."""
    out: list[str] = []
    in_class = False
    position = 0
    while position < len(pattern):
        char = pattern[position]
        span = _RANGE.match(pattern, position) if in_class else None
        if char == "\\":
            escape = _ESCAPE.match(pattern, position)
            token = escape[0] if escape else pattern[position : position + 2]
        elif span:
            token = _both_ranges(span)
        elif char.isascii() and char.isalpha():
            both = char.lower() + char.upper()
            token = both if in_class else f"[{both}]"
        else:
            in_class = char == "[" or (in_class and char != "]")
            token = char
        out.append(token)
        position += len(span[0]) if span else len(token) if char == "\\" else 1
    return "".join(out)


_RANGE = re.compile(r"([a-z])-([a-z])|([A-Z])-([A-Z])")
_ESCAPE = re.compile(r"\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|[pP]\{[^}]*\}|.)", re.DOTALL)


def _both_ranges(span: re.Match[str]) -> str:
    text = span[0]
    return text.lower() + text.upper()
