"""JSON Schemas for editors: what somebody writing a gateway's file by hand may write where.

Made from the inventory of keys; `python -m designer.keys.schema` writes them into the checkout. They say
which keys there are and what kind of value each takes. What values mean together is `lint`'s work, and
the files that `plan` writes are held to the closed schemas beside them.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, get_args

from msgspec import Struct

from designer import keys
from designer.keys import OTHERS, Key, Kind, Names, section_below
from designer.keys.undeclared import ALSO, PREFIXES, UNDECLARED

DIALECT: Final = "http://json-schema.org/draft-07/schema#"
FOLDER: Final = "schemas/editor"

Schema = dict[str, Any]


class Editor(Struct, frozen=True):
    """A kind of file that people write by hand."""

    name: str
    gateway: str
    product: str
    title: str
    start: str = ""
    """The section that the file as a whole is."""


EDITORS: Final = (
    Editor("litellm", "litellm", "LiteLLM", "LiteLLM proxy: config.yaml"),
    Editor("portkey-oss", "portkey-oss", "Portkey OSS", "Portkey gateway, open source: a config"),
    Editor("portkey-cloud", "portkey-cloud", "Portkey cloud", "Portkey, hosted: a config"),
    Editor(
        "openrouter-request", "openrouter", "OpenRouter", "OpenRouter: a request, or a preset's"
    ),
    Editor(
        "openrouter-guardrail", "openrouter", "OpenRouter", "OpenRouter: a guardrail", "guardrail"
    ),
)

_CLOSED: Final[Mapping[str, frozenset[str]]] = {
    "litellm": frozenset(
        {
            *("", "model_list[]", "router_settings", "litellm_settings", "general_settings"),
            *("cache_params", "retry_policy", "allowed_fails_policy", "routing_groups[]"),
            *("guardrails[]", "guardrails[].litellm_params"),
        }
    ),
    **dict.fromkeys(
        ("portkey-oss", "portkey-cloud"),
        frozenset(
            {"", "targets[]", "strategy", "strategy.conditions[]", "retry", "cache", "cb_config"}
        ),
    ),
    "openrouter": frozenset(
        {
            *("", "provider", "provider.sort", "provider.max_price", "guardrail"),
            *("guardrail.content_filters[]", "guardrail.content_filter_builtins[]"),
        }
    ),
}
"""Where an unknown key is taken without an error and without effect (LiteLLM 1.106.2 and Portkey 1.15.2,
measured 2026-11-22; OpenRouter's documents, 2026-08-22). Elsewhere it is sent on, or not known to be
ignored."""

_REMARKS: Final[Mapping[tuple[str, str], str]] = {("litellm", ""): r"^(x-|_|\.)"}
"""Keys that are by custom a place for anchors."""

_CLASS_OF_ONES_OWN: Final[Mapping[tuple[str, str], str]] = {
    ("litellm", "guardrails[].litellm_params"): "guardrail"
}
"""A section that takes what it likes where this key names a Python class, which has a dot."""

_OFFERED: Final[Mapping[tuple[str, str], Names]] = {
    ("litellm_settings", "callbacks"): "callbacks",
    ("litellm_settings", "success_callback"): "callbacks",
    ("litellm_settings", "failure_callback"): "callbacks",
    ("guardrails[].litellm_params", "guardrail"): "guardrails",
    ("guardrails[].litellm_params", "mode"): "guardrail_modes",
    ("guardrails[].litellm_params.patterns[]", "pattern_name"): "content_patterns",
}
"""Keys with known names beside which users may write their own."""

_TYPES: Final[Mapping[Kind, str]] = {
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "str": "string",
    "null": "null",
}
_VARIABLE: Final = {"type": "string", "pattern": r"^os\.environ/.|\$\{.+\}"}
"""Without words of its own, which editors would show beside the key's."""


_CONVERTED: Final[Mapping[str, frozenset[str]]] = {
    "litellm": frozenset({"litellm_params"}),
    **dict.fromkeys(("portkey-oss", "portkey-cloud", "openrouter"), frozenset()),
}
"""Where a number in quotes is a number (types/router.py of LiteLLM 1.106.2)."""
_IN_QUOTES: Final = {"type": "string", "pattern": r"^[0-9_]+(\.[0-9]+)?$"}


def editor_schema(editor: Editor) -> Schema:
    known = _all_versions(editor.gateway)
    made = {
        _definition(section): _section(editor, known, section)
        for section in _reached(editor.gateway, known, editor.start)
    }
    return {
        "$schema": DIALECT,
        "$id": f"https://llm-gateway-designer.dev/{FOLDER}/{editor.name}.schema.json",
        "title": editor.title,
        "description": f"The keys that {editor.product} reads ({_read(editor.gateway)}), for editors. "
        "A file can fit and still be wrong: `designer lint` knows more.",
        "allOf": [_ref(editor.start)],
        "definitions": {"variable": _VARIABLE, **made},
    }


def schema_text(editor: Editor) -> str:
    return json.dumps(editor_schema(editor), indent=1, ensure_ascii=False) + "\n"


def _all_versions(gateway: str) -> keys.Sections:
    """An editor does not know which version will read the file, so what one of them knows is no slip."""
    found: dict[str, dict[str, Key]] = {}
    for version in (*keys.versions(gateway), keys.nearest(gateway, "")):
        for section, rows in keys.sections(gateway, version).items():
            found[section] = {**found.get(section, {}), **rows}
    return found


def _read(gateway: str) -> str:
    return ", ".join(keys.versions(gateway))


def _reached(gateway: str, known: keys.Sections, start: str) -> Iterable[str]:
    """The sections of a file, from its start; Portkey's targets have targets."""
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        section = waiting.pop()
        if section not in reached:
            reached.add(section)
            waiting += [s for key in known[section].values() for s in _below(gateway, known, key)]
    return sorted(reached)


def _below(gateway: str, known: keys.Sections, key: Key) -> Iterator[str]:
    kinds, below = _kinds(gateway, known, key), section_below(gateway, key.section, key.name)
    if "dict" in kinds and below in known:
        yield below
    if "list" in kinds and f"{below}[]" in known:
        yield f"{below}[]"


def _kinds(gateway: str, known: keys.Sections, key: Key) -> frozenset[Kind]:
    kinds = key.accepts | ALSO[gateway].get((key.section, key.name), frozenset())
    if not kinds and section_below(gateway, key.section, key.name) in known:
        return frozenset({"dict", "null"})  # no kind was declared, and keys of its own were
    return kinds


def _definition(section: str) -> str:
    """A name without the signs that a reference would have to escape."""
    return section.replace("[]", "-item").replace("*", "any") or "file"


def _ref(section: str) -> Schema:
    return {"$ref": f"#/definitions/{_definition(section)}"}


# --- Sections -------------------------------------------------------------------------------------


def _section(editor: Editor, known: keys.Sections, section: str) -> Schema:
    place = (editor.gateway, section)
    shown = {name: key for name, key in known[section].items() if not key.internal}
    made: Schema = {
        "type": "object",
        "properties": {
            name: _key(editor, known, key) for name, key in shown.items() if name != OTHERS
        },
    }
    if OTHERS in shown:
        return {**made, "additionalProperties": _key(editor, known, shown[OTHERS])}
    if section not in _CLOSED[editor.gateway]:
        return {**made, "additionalProperties": True}
    patterns = _patterns(editor.gateway, section)
    if patterns:
        made["patternProperties"] = dict.fromkeys(patterns, True)
    if place in _CLASS_OF_ONES_OWN:
        names_a_class = {"properties": {_CLASS_OF_ONES_OWN[place]: {"pattern": r"\."}}}
        only = {
            "properties": dict.fromkeys(made["properties"], True),
            "additionalProperties": False,
        }
        return {**made, "if": names_a_class, "else": only}
    return {**made, "additionalProperties": False}


def _patterns(gateway: str, section: str) -> list[str]:
    """Of keys that are right and that nobody can be told more of."""
    undeclared = sorted(UNDECLARED[gateway].get(section, ()))
    prefixes = PREFIXES.get(section, ()) if gateway.startswith("portkey") else ()
    return [
        *([_REMARKS[gateway, section]] if (gateway, section) in _REMARKS else []),
        *([f"^({'|'.join(undeclared)})$"] if undeclared else []),
        *([f"^({'|'.join(prefixes)})"] if prefixes else []),
    ]


# --- Keys -----------------------------------------------------------------------------------------


def _key(editor: Editor, known: keys.Sections, key: Key) -> Schema:
    kinds = _kinds(editor.gateway, known, key)
    words = {"description": _hover(editor, kinds, key)}
    if key.ignored:
        words["deprecationMessage"] = f"{editor.product} takes this key and does nothing with it."
    return {**words, **_value(editor, known, kinds, key)}


def _hover(editor: Editor, kinds: frozenset[Kind], key: Key) -> str:
    named = [kind for kind in get_args(Kind) if kind in kinds]
    if "float" in named and "int" in named:
        named.remove("int")
    default = f", default {key.default}" if key.default else ""
    version = key.until or key.since or keys.nearest(editor.gateway, "")
    is_in_source = re.fullmatch(r"\S+\.py(:\d+)?", key.source) is not None
    read_in = f"{editor.product} {version} " if is_in_source else f"{editor.product}, "
    return f"{' or '.join(named) or 'anything'}{default}; {read_in}{key.source}"


def _value(editor: Editor, known: keys.Sections, kinds: frozenset[Kind], key: Key) -> Schema:
    if kinds <= {"null"}:
        return {}  # what it takes besides nothing is not declared
    return _one_of([*_scalars(editor, kinds, key), *_collections(editor, known, kinds, key)])


def _one_of(ways: Sequence[Schema]) -> Schema:
    """What stands beside a reference is not read, so that the key's own words need an `allOf`."""
    if len(ways) > 1:
        return {"anyOf": list(ways)}
    return {"allOf": list(ways)} if "$ref" in ways[0] else ways[0]


def _scalars(editor: Editor, kinds: frozenset[Kind], key: Key) -> Iterator[Schema]:
    """A variable may stand for any of them, and is a text."""
    if key.choices:
        yield {"enum": list(key.choices)}
        also = ALSO[editor.gateway].get((key.section, key.name), frozenset())
        kinds = (kinds - {"str"}) | also
    types = [name for kind, name in _TYPES.items() if kind in kinds]
    if types:
        yield {"type": types[0] if len(types) == 1 else types, **_offered(key)}
    if "str" not in kinds and (key.choices or set(types) - {"null"}):
        yield {"$ref": "#/definitions/variable"}
    if key.section in _CONVERTED[editor.gateway] and kinds & {"int", "float"}:
        yield _IN_QUOTES


def _collections(
    editor: Editor, known: keys.Sections, kinds: frozenset[Kind], key: Key
) -> Iterator[Schema]:
    below = section_below(editor.gateway, key.section, key.name)
    if "dict" in kinds:
        yield _ref(below) if below in known else {"type": "object"}
    if "list" in kinds:
        yield {"type": "array", **_items(editor, known, key, f"{below}[]")}


def _items(editor: Editor, known: keys.Sections, key: Key, section: str) -> Schema:
    if section not in known:
        return {"items": _offered(key)} if _offered(key) else {}
    also = ALSO[editor.gateway].get((key.section, f"{key.name}[]"), frozenset())
    others = [{"type": _TYPES[kind]} for kind in sorted(also)]
    return {"items": _one_of([_ref(section), *others])}


def _offered(key: Key) -> Schema:
    """Names to choose from: `examples` would all be shown beside the key's words."""
    offered = _OFFERED.get((key.section, key.name))
    if offered is None:
        return {}
    names = keys.names("litellm", "", offered)
    return {"defaultSnippets": [{"label": name, "body": name} for name in names]}


if __name__ == "__main__":
    for editor in EDITORS:
        file = Path(FOLDER, f"{editor.name}.schema.json")
        file.write_text(schema_text(editor), encoding="utf-8")
