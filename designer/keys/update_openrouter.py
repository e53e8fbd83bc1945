"""Write the key inventory of OpenRouter from its OpenAPI document.

    python -m designer.keys.update_openrouter OPENAPI.yaml 2026-08-22

The second argument is the day of the document, which has no version of its own. What a key means is
not kept, and neither is what stands in messages and tools.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from designer.diagnostics import Report
from designer.documents import read_yaml

_DATA = Path(__file__).with_name("data")

_ROOTS: Mapping[str, tuple[str, ...]] = {
    "": ("#/components/schemas/ChatRequest", "#/paths/~1embeddings/post"),
    "guardrail": ("#/components/schemas/Guardrail", "#/paths/~1guardrails/post"),
    "key": ("#/paths/~1keys/post", "#/paths/~1keys~1{hash}/patch"),
    "preset": ("#/components/schemas/PresetWithDesignatedVersion",),
    "workspace": ("#/components/schemas/Workspace", "#/paths/~1workspaces/post"),
}
"""Section → what may stand there."""

_CONTENT = frozenset({"messages", "input", "tools", "prediction", "response_format"})
"""The request's content: their keys are the application's."""

_PARAMETERS = "#/components/schemas/Parameter"

_ADDED: Mapping[str, Mapping[str, tuple[str, str, str]]] = {
    "": {
        "preset": ("str", "", "guides/features/presets, 2026-08-22"),
        "system": ("str", "", "guides/features/presets, 2026-08-22"),
        "usage": ("dict", "", "cookbook/administration/usage-accounting, 2026-08-22"),
        "verbosity": ("str", "", f"{_PARAMETERS}, 2026-08-22"),
        "include_reasoning": ("bool", "", f"{_PARAMETERS}, 2026-08-22"),
        "structured_outputs": ("bool", "", f"{_PARAMETERS}, 2026-08-22"),
        "deferred_tools": ("list", "", "openrouter 1.3.84"),
    },
    "provider": {"options": ("dict", "", "openrouter 1.3.84")},
    "guardrail": {"allowed_data_regions": ("list|null", "", "openrouter 1.3.84")},
}
"""Documented, but not where the document describes the object."""

_KINDS: Mapping[str, tuple[str, ...]] = {
    "string": ("str",),
    "integer": ("int",),
    "number": ("float", "int"),
    "boolean": ("bool",),
    "array": ("list",),
    "object": ("dict",),
    "null": ("null",),
}


class _Document:
    def __init__(self, value: Mapping[str, Any], day: str) -> None:
        self.value = value
        self.day = day
        self.sections: dict[str, dict[str, tuple[str, str, str]]] = {}

    def read(self) -> dict[str, dict[str, tuple[str, str, str]]]:
        for section, references in _ROOTS.items():
            for reference in references:
                self.section(section, self.body(reference), reference)
        for section, rows in _ADDED.items():
            for key, row in rows.items():
                self.sections[section].setdefault(key, row)
        return self.sections

    def body(self, reference: str) -> Any:
        """A schema, or that of an operation's request."""
        found = self.at(reference)
        request = found.get("requestBody", {}).get("content", {})
        return request.get("application/json", {}).get("schema", found)

    def at(self, reference: str) -> Any:
        found: Any = self.value
        for part in reference.removeprefix("#/").split("/"):
            found = found[part.replace("~1", "/")]
        return found

    def variants(self, schema: Any) -> Iterator[Any]:
        """What a schema may be: itself, or each of its alternatives."""
        while "$ref" in schema:
            schema = self.at(schema["$ref"])
        alternatives = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
        for alternative in alternatives:
            yield from self.variants(alternative)
        for part in schema.get("allOf", ()):
            yield from self.variants(part)
        if not alternatives:
            yield schema

    def section(self, section: str, schema: Any, source: str) -> None:
        for variant in self.variants(schema):
            for key, inner in variant.get("properties", {}).items():
                self.key(section, key, inner, source)

    def key(self, section: str, key: str, schema: Any, source: str) -> None:
        kinds, choices = self.type(schema)
        written = "|".join([*sorted(kinds), *map(repr, choices)]) if kinds else ""
        default = json.dumps(schema["default"]) if "default" in schema else ""
        rows = self.sections.setdefault(section, {})
        row = (written, default, f"{source}, {self.day}")
        if key in rows:
            row = (_both(rows[key][0], written), *rows[key][1:])
        rows[key] = row
        path = f"{section}.{key}" if section else key
        if key in _CONTENT or path.count(".") > 3:
            return
        self.section(path, schema, source)
        for variant in self.variants(schema):
            if "items" in variant:
                self.section(f"{path}[]", variant["items"], source)

    def type(self, schema: Any) -> tuple[set[str], list[str]]:
        kinds: set[str] = set()
        choices: list[str] = []
        is_open = False
        for variant in self.variants(schema):
            named = variant.get("type", "object" if "properties" in variant else None)
            listed = named if isinstance(named, list) else [named]
            if named is None:
                return set(), []
            kinds |= {kind for name in listed for kind in _KINDS[name]}
            values = [value for value in variant.get("enum", ()) if isinstance(value, str)]
            choices += [value for value in values if value not in choices]
            is_open |= "string" in listed and not values
        return kinds, [] if is_open else choices


def _both(one: str, other: str) -> str:
    """A type that takes what either takes; choices only where both have some."""
    if not one or not other:
        return ""
    parts = list(dict.fromkeys([*one.split("|"), *other.split("|")]))
    is_open = any("str" in t.split("|") and "'" not in t for t in (one, other))
    kinds = sorted(part for part in parts if part[0] != "'")
    return "|".join([*kinds, *(p for p in parts if p[0] == "'" and not is_open)])


def text(value: Mapping[str, Any], day: str) -> str:
    """One key a line, sorted."""
    parts = []
    for section, rows in sorted(_Document(value, day).read().items()):
        lines = ",\n".join(f"{_json(key)}:{_json(rows[key])}" for key in sorted(rows))
        parts.append(f"{_json(section)}:{{\n{lines}\n}}")
    providers = _json(value["components"]["schemas"]["ProviderName"]["enum"])
    return f'{{"sections":{{\n{",".join(parts)}}},\n"names":{{\n"providers":{providers}\n}}}}\n'


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    file, day = arguments
    report = Report()
    document = read_yaml(Path(file).read_text(encoding="utf-8"), file, report)
    if document is None:
        print(*(finding.message for finding in report), sep="\n", file=sys.stderr)
        return 2
    target = _DATA / f"openrouter-{day}.json"
    target.write_text(text(document.value, day), encoding="utf-8")
    print(f"wrote {target}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
