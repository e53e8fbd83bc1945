"""The keys of the format as a table, made from the model: for hints, `explain` and the schema.

A key's path leaves out positions in lists and writes `<name>` for a name the user chooses:
`workloads.traffic.repeats`, `providers.models.<name>.quota`.
"""

import ast
import inspect
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from functools import cache
from itertools import pairwise
from typing import Any, Final, get_args, get_origin

from msgspec import Struct
from pydantic.fields import FieldInfo

from designer.profile import model
from designer.profile.model import Profile, Section

ELSEWHERE: Final = {
    "api_key": "providers.secret",
    "allowed_models": "workloads.models.allow",
    "cooldown_time": "routing.cooldown",
    "fallbacks": "workloads.models.allow",
    "guardrail": "guardrails",
    "max_budget": "teams.budget.limit",
    "max_retries": "routing.retries",
    "model_list": "workloads",
    "model_name": "workloads.alias",
    "num_retries": "routing.retries",
    "regex": "guardrails.deny.pattern",
    "request_timeout": "routing.timeout",
    "routing_strategy": "routing.strategy",
    "stream_timeout": "routing.first_token",
    "threshold": "cache.similarity",
}
"""Keys of other formats, and what comes nearest here."""

_HERE: Final = 0.75
_ANYWHERE: Final = 0.85
"""How alike (difflib's ratio) a key must be to be suggested from the same map, and from others."""


class Key(Struct, frozen=True):
    path: str
    name: str
    field: FieldInfo
    section: type[Section]
    """The map the key belongs to."""


@cache
def keys() -> tuple[Key, ...]:
    return tuple(_keys_of(Profile, ""))


def key_at(path: str) -> Key | None:
    """A key by its path; positions in lists may be given or left out."""
    wanted = _without_positions(path)
    return next((key for key in keys() if key.path == wanted), None)


def section_at(parts: Sequence[str | int]) -> type[Section] | None:
    """The map of the format that a place in a profile belongs to."""
    section: type[Section] | None = Profile
    names = [part for part in parts if isinstance(part, str)]
    while names and section is not None:
        field = fields_of(section).get(names.pop(0))
        section, is_named = (None, False) if field is None else inner(field.annotation)
        if is_named and names:
            names.pop(0)
    return section


def fields_of(section: type[Section]) -> dict[str, FieldInfo]:
    """A map's keys as users write them, each with its description."""
    _describe()
    return {
        field.validation_alias if isinstance(field.validation_alias, str) else name: field
        for name, field in section.model_fields.items()
    }


@cache
def _describe() -> None:
    """Give every field the string below it as its description.

    pydantic would do so for each class, at every start; it is only for messages, `explain` and the
    schema.
    """
    for node in ast.parse(inspect.getsource(model)).body:
        section = getattr(model, node.name, None) if isinstance(node, ast.ClassDef) else None
        if section is None or not issubclass(section, Section):
            continue
        assert isinstance(node, ast.ClassDef)
        for said, text in pairwise(node.body):
            match said, text:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str() as description)),
                ):
                    section.model_fields[name].description = inspect.cleandoc(description)


def inner(annotation: Any) -> tuple[type[Section] | None, bool]:
    """The map inside a field's type, and whether it stands under names the user chooses."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation, False
    is_named = get_origin(annotation) is dict
    for part in get_args(annotation):
        found, below = inner(part)
        if found is not None:
            return found, below or is_named
    return None, is_named


def hint_for(key: str, parts: Sequence[str | int]) -> str:
    """What to say about a key that is not known in the map at `parts`; may be nothing."""
    near = nearest_key(key, parts)
    if near:
        return f"; did you mean `{near}`?"
    if key in ELSEWHERE:
        return f"; here it is `{ELSEWHERE[key]}`"
    homes = _homes(key)
    if homes:
        return f"; it belongs under {homes}"
    far = get_close_matches(key, list(_names()), 1, _ANYWHERE)
    return f"; did you mean `{far[0]}`, which belongs under {_homes(far[0])}?" if far else ""


def nearest_key(key: str, parts: Sequence[str | int]) -> str | None:
    """The key of the same map that was probably meant; None for what is a key of another map."""
    section = section_at(parts)
    close = get_close_matches(key, list(fields_of(section)), 1, _HERE) if section else []
    is_another = (key in ELSEWHERE or key in _names()) and not _is_plural(key, *close[:1])
    return close[0] if close and not is_another else None


def _homes(key: str) -> str:
    """`routing`, `workloads.latency` and the like; the shortest three, `the top` for the root."""
    above = sorted({k.path.rpartition(".")[0] for k in keys() if k.name == key}, key=_by_depth)
    names = [f"`{path}`" if path else "the top" for path in above[:3]]
    if len(names) < 2:
        return "".join(names)
    return ", ".join(names[:-1]) + f" or {names[-1]}"


def _by_depth(path: str) -> tuple[int, str]:
    return path.count("."), path


@cache
def _names() -> tuple[str, ...]:
    return tuple(sorted({key.name for key in keys()}))


def _is_plural(key: str, near: str = "") -> bool:
    return key.rstrip("s") == near.rstrip("s")


def _keys_of(section: type[Section], above: str) -> Iterator[Key]:
    for name, field in fields_of(section).items():
        path = f"{above}.{name}" if above else name
        yield Key(path, name, field, section)
        below, is_named = inner(field.annotation)
        if below is not None:
            yield from _keys_of(below, f"{path}.<name>" if is_named else path)


def _without_positions(path: str) -> str:
    return ".".join(part.partition("[")[0] for part in path.strip().split("."))
