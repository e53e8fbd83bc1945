"""The JSON Schema of the profile, made from the model, for editors and for other tools.

It describes single values; what values mean together only the loader knows. `python -m
designer.profile.schema` writes it into the checkout.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BeforeValidator
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema

from designer.profile.keys import fields_of, inner
from designer.profile.model import Profile, Section
from designer.profile.scalars import (
    read_cooldown_s,
    read_limit_s,
    read_seconds,
    read_some_seconds,
)
from designer.profile.units import format_duration_s, format_share, parse_share

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
FILE: Final = "schemas/profile.schema.json"

_SHORT_FORMS: Final[Mapping[str, Mapping[str, Any]]] = {
    "AccountModel": {"type": "null"},
    "Cache": {"type": "string", "enum": ["off", "exact", "semantic"]},
    "GatewayChoice": {"type": "string", "examples": ["auto", "litellm@1.106", "openrouter"]},
    "ProviderAccount": {"type": "string", "examples": ["openai", "azure", "bedrock"]},
    "TeamKey": {"type": "string", "examples": ["web-prod"]},
}
"""Where something shorter may stand for a map."""

_WRITTEN_BY: Final[Mapping[Callable[..., Any], Callable[[Any], str]]] = {
    read_seconds: format_duration_s,
    read_some_seconds: format_duration_s,
    read_limit_s: format_duration_s,
    read_cooldown_s: format_duration_s,
    parse_share: format_share,
}
"""How the default of a typed scalar is written, by what reads it."""


def profile_schema() -> dict[str, Any]:
    made = Profile.model_json_schema(by_alias=True, schema_generator=_Generator)
    definitions = made.pop("$defs")
    mandatory = made.pop("required")
    for name, short in _SHORT_FORMS.items():
        definitions[name] = {"oneOf": [dict(short), definitions[name]]}
    return {
        "$schema": DIALECT,
        "title": "Workload profile of the LLM gateway designer",
        **_tidy(made, Profile),
        "anyOf": [{"required": mandatory}, {"required": ["extends"]}],
        "$defs": {
            name: _tidy_definition(name, definition) for name, definition in definitions.items()
        },
    }


def schema_text() -> str:
    return json.dumps(profile_schema(), indent=2, ensure_ascii=False) + "\n"


def default_text(field: FieldInfo) -> str:
    """A key's default as users write it; nothing when left out means left out."""
    value = field.get_default()
    if field.is_required() or value is None or value in ((), {}) or isinstance(value, Section):
        return ""
    for mark in field.metadata:
        if isinstance(mark, BeforeValidator) and mark.func in _WRITTEN_BY:
            return _WRITTEN_BY[mark.func](value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(value) if isinstance(value, tuple) else str(value)


class _Generator(GenerateJsonSchema):
    """Without titles, which only repeat the keys, and without `null`, which nobody writes."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def nullable_schema(self, schema: Any) -> dict[str, Any]:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: Any) -> dict[str, Any]:
        return self.generate_inner(schema["schema"])


def _tidy_definition(name: str, definition: dict[str, Any]) -> dict[str, Any]:
    section = _SECTIONS.get(name)
    if section is None:
        return definition
    if "oneOf" in definition:
        short, long = definition["oneOf"]
        return {"description": _line(section.__doc__), "oneOf": [short, _tidy(long, section)]}
    return _tidy(definition, section)


def _tidy(schema: dict[str, Any], section: type[Section]) -> dict[str, Any]:
    schema = {key: value for key, value in schema.items() if key != "title"}
    schema["description"] = _line(section.__doc__)
    schema["properties"] = {
        key: _with_description(schema["properties"][key], field)
        for key, field in fields_of(section).items()
    }
    return schema


def _with_description(schema: dict[str, Any], field: FieldInfo) -> dict[str, Any]:
    default = default_text(field)
    more = f" Default: {default}." if default else ""
    return {"description": _line(field.description) + more, **_without(schema, "description")}


def _without(schema: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in schema.items() if name != key}


def _line(text: str | None) -> str:
    return " ".join((text or "").split())


def _sections(section: type[Section]) -> dict[str, type[Section]]:
    found = {section.__name__: section}
    for field in fields_of(section).values():
        for below in _below(field):
            found |= _sections(below)
    return found


def _below(field: FieldInfo) -> list[type[Section]]:
    section, _ = inner(field.annotation)
    return [section] if section else []


_SECTIONS: Final = _sections(Profile)


if __name__ == "__main__":
    Path(FILE).write_text(schema_text(), encoding="utf-8")
