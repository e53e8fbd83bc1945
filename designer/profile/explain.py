"""What a key of the profile means, in a few lines: the text of `designer explain KEY`."""

from difflib import get_close_matches
from functools import cache
from typing import Any, Final

from designer.profile.keys import Key, fields_of, inner, key_at, keys
from designer.profile.schema import default_text, profile_schema

_MOST: Final = 6
_OVERRIDES: Final = ("cache", "compliance", "guardrails", "routing")
"""What a workload takes from the profile where it says nothing."""


def explain_key(path: str) -> str | None:
    """By its path or the end of one; None for what is no key.

    `traffic.repeats` will do for `workloads.traffic.repeats`, and positions in lists may stay. An
    ending that several keys share explains each of them.
    """
    exact = key_at(path)
    found = [exact] if exact else [key for key in keys() if key.path.endswith(f".{path.strip()}")]
    return "\n".join(_explained(key) for key in found[:_MOST]) or None


def similar_keys(path: str) -> list[str]:
    """Paths that may have been meant, best first."""
    last = path.rpartition(".")[2]
    close = get_close_matches(last, sorted({key.name for key in keys()}), 3)
    return [key.path for name in close for key in keys() if key.name == name]


def _explained(key: Key) -> str:
    default = _default(key)
    facts = [_kind(key)]
    if key.field.is_required():
        facts.append("mandatory")
    if default:
        facts.append(f"default {default}")
    lines = [f"{key.path}: {', '.join(facts)}", f"  {_line(key.field.description)}"]
    section, _ = inner(key.field.annotation)
    if section:
        lines += [f"    {name}: {_first(f.description)}" for name, f in fields_of(section).items()]
    return "\n".join(lines) + "\n"


def _default(key: Key) -> str:
    above = key.path.removeprefix("workloads.")
    if above != key.path and above.partition(".")[0] in _OVERRIDES and "." in above:
        return f"what `{above}` says"
    return default_text(key.field)


def _kind(key: Key) -> str:
    """The sort of value, from the schema: `one of cost, latency`, `for example 30s`."""
    schema = _schema()
    holder = schema if key.section.__name__ == "Profile" else schema["$defs"][key.section.__name__]
    if "oneOf" in holder:
        holder = holder["oneOf"][1]
    return _kind_of(holder["properties"][key.name])


@cache
def _schema() -> dict[str, Any]:
    return profile_schema()


def _kind_of(schema: dict[str, Any]) -> str:
    if "const" in schema:
        return f"always {schema['const']}"
    if "enum" in schema:
        return f"one of {', '.join(schema['enum'])}"
    if schema.get("type") == "array":
        kind = _kind_of(schema["items"])
        return f"a list of {_PLURAL.get(kind, kind.removeprefix('one of '))}"
    if "examples" in schema:
        return f"for example {', '.join(str(example) for example in schema['examples'])}"
    if "oneOf" in schema:
        return " or ".join(_kind_of(option) for option in schema["oneOf"])
    return _PLAIN_KINDS.get(schema.get("type", ""), "a map of keys")


_PLURAL: Final = {"a map of keys": "maps", "text": "texts"}
_PLAIN_KINDS: Final = {
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
}


def _first(text: str | None) -> str:
    return _line(text).partition(". ")[0].removesuffix(".")


def _line(text: str | None) -> str:
    return " ".join((text or "").split())
