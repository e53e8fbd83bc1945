"""Read a profile from a file or from text, and report everything that is wrong with it at once.

The tree of `extends` becomes plain values, the model judges each value, `checks` judges them
together. Where values are wrong the rest is still checked, with those values left out, as far as
that makes sense.
"""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from designer.diagnostics import Diagnostic, Place, Report
from designer.profile.checks import check
from designer.profile.extends import read_files
from designer.profile.keys import fields_of, hint_for, nearest_key, section_at
from designer.profile.model import Profile
from designer.profile.positions import Positions
from designer.profile.rules import (
    BAD_VALUE,
    MANY_MORE,
    MISSING_KEY,
    NOT_AN_ALTERNATIVE,
    OUT_OF_RANGE,
    SECRET,
    UNKNOWN_KEY,
    WRONG_KIND,
)
from designer.profile.secrets import hide_secrets, looks_secret, shown
from designer.profile.tree import Items, Map, Node, Scalar, joined, places, plain, scalars

MAX_LISTED: Final = 200
"""Wrong values that are listed one by one."""

Parts = tuple[str | int, ...]


class LoadedProfile(Struct, frozen=True):
    profile: Profile
    positions: Positions
    files: tuple[str, ...]
    """What it was read from, the profile itself first, then what it extends."""


def load_profile(
    path: Path | str, text: str | None = None, *, report: Report
) -> LoadedProfile | None:
    """None when there is an error; the report then says all that is wrong.

    With `text` nothing is read from `path`, which only names it in messages (`-` is standard
    input) and is where `extends` starts from.
    """
    found = Report()
    loaded = _load(path, text, found)
    order = {file: index for index, file in enumerate(loaded.files)} if loaded else {}
    found.diagnostics.sort(key=lambda diagnostic: _in_file_order(diagnostic, order))
    report.diagnostics += [_without_secrets(diagnostic) for diagnostic in found]
    return None if found.has_errors else loaded


def values_of(path: Path | str, text: str | None, report: Report) -> dict[str, Any]:
    """What a profile says, as it is written, with all that it extends; empty where nothing reads."""
    tree, _ = read_files(path, text, report)
    values = plain(tree) if tree is not None else {}
    if not isinstance(values, dict):
        return {}
    values.pop("extends", None)
    return values


def _without_secrets(diagnostic: Diagnostic) -> Diagnostic:
    """A secret may stand anywhere, as an alias too, and messages repeat names."""
    place = diagnostic.place
    return replace(
        diagnostic,
        place=replace(place, path=hide_secrets(place.path)),
        message=hide_secrets(diagnostic.message),
        instead=hide_secrets(diagnostic.instead),
        help=hide_secrets(diagnostic.help),
    )


def _load(path: Path | str, text: str | None, report: Report) -> LoadedProfile | None:
    tree, files = read_files(path, text, report)
    if tree is None:
        if not report.has_errors:
            report.add(WRONG_KIND, Place(files[0], 1, 1), **_nothing())
        return None
    positions = Positions(*places(tree))
    _refuse_secrets(tree, positions, report)
    profile = _read(tree, positions, report)
    return None if profile is None else LoadedProfile(profile, positions, files)


def _nothing() -> dict[str, Any]:
    return {"found": "nothing", "expected": "a profile", "help": "`designer init` writes one"}


def _in_file_order(diagnostic: Diagnostic, order: dict[str, int]) -> tuple[int, str, int, int]:
    place = diagnostic.place
    return order.get(place.file, len(order)), place.file, place.line, place.column


def _refuse_secrets(tree: Node, positions: Positions, report: Report) -> None:
    for path, scalar in scalars(tree):
        if looks_secret(scalar.text) and not _is_judged_elsewhere(path):
            report.add(SECRET, positions.place(path))


def _is_judged_elsewhere(path: str) -> bool:
    """`providers[0].secret` wants a name and says so itself."""
    return path.startswith("providers[") and path.endswith("].secret")


def _read(tree: Node, positions: Positions, report: Report) -> Profile | None:
    values = plain(tree)
    try:
        profile = Profile.model_validate(values)
    except ValidationError as error:
        return _read_rest(tree, values, error, positions, report)
    check(profile, positions, report)
    return profile


def _read_rest(
    tree: Node, values: Any, error: ValidationError, positions: Positions, report: Report
) -> Profile | None:
    """Report what the model refuses, and check the rest if it can stand alone."""
    details = error.errors(include_url=False)
    if len(details) > MAX_LISTED:
        report.add(MANY_MORE, Place(positions.place().file), count=len(details) - MAX_LISTED)
        details = details[:MAX_LISTED]
    for detail in _without_consequences(details):
        _Refusal(tree, detail, positions, report).add()
    dropped = [_parts_of(tree, detail["loc"]) for detail in details]
    if not all(_drop(values, parts) for parts in sorted(dropped, key=_last_first, reverse=True)):
        return None
    try:
        profile = Profile.model_validate(values)
    except ValidationError:
        return None
    rest = Report()
    check(profile, positions, rest)
    spoilt = {_above(parts) for parts in dropped}
    report.diagnostics += [d for d in rest if d.place.path.rpartition(".")[0] not in spoilt]
    return profile


def _without_consequences(details: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    """Without errors that only follow from others.

    A list is called empty when all its items are wrong, and a misspelt key is missing as well.
    """
    locs = [detail["loc"] for detail in details]
    misspelt = {
        (*detail["loc"][:-1], suggestion)
        for detail in details
        if detail["type"] == "extra_forbidden"
        and (suggestion := nearest_key(str(detail["loc"][-1]), detail["loc"][:-1]))
    }
    return [
        detail
        for detail in details
        if not (detail["type"] == "missing" and detail["loc"] in misspelt)
        and not (detail["type"] == "too_short" and _is_above(detail["loc"], locs))
    ]


def _is_above(loc: Parts, locs: Sequence[Parts]) -> bool:
    return any(other[: len(loc)] == loc != other for other in locs)


def _parts_of(tree: Node, loc: Parts) -> Parts:
    """The part of pydantic's location that is there in the file; it also names types in between."""
    parts: list[str | int] = []
    node = tree
    for part in loc:
        if isinstance(node, Map) and isinstance(part, str) and part in node.entries:
            node = node.entries[part].node
        elif isinstance(node, Items) and isinstance(part, int) and part < len(node.nodes):
            node = node.nodes[part]
        else:
            continue
        parts.append(part)
    return tuple(parts)


def _node_at(tree: Node, parts: Parts) -> Node:
    node = tree
    for part in parts:
        if isinstance(node, Map) and isinstance(part, str):
            node = node.entries[part].node
        elif isinstance(node, Items) and isinstance(part, int):
            node = node.nodes[part]
    return node


def _path_of(parts: Parts) -> str:
    path = ""
    for part in parts:
        path = joined(path, part)
    return path


def _above(parts: Parts) -> str:
    return _path_of(parts[:-1])


def _last_first(parts: Parts) -> tuple[tuple[int, str], ...]:
    return tuple((part, "") if isinstance(part, int) else (-1, part) for part in parts)


def _drop(values: Any, parts: Parts) -> bool:
    """Take one value out; False where that would take out more than the value."""
    if not parts:
        return False
    for part in parts[:-1]:
        try:
            values = values[part]
        except (KeyError, IndexError, TypeError):
            return True
    last = parts[-1]
    if isinstance(values, dict):
        values.pop(last, None)
        return True
    if isinstance(values, list) and isinstance(last, int) and last < len(values):
        is_single = not isinstance(values[last], (dict, list))
        del values[last]
        return is_single
    return False


_WANTED: Final = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "`true` or `false`",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a map of keys",
    "model_type": "a map of keys",
    "model_attributes_type": "a map of keys",
}
_LIMIT: Final = {
    "greater_than_equal": " is too small; at least {ge:g}",
    "greater_than": " is too small; more than {gt:g}",
    "less_than_equal": " is too large; at most {le:g}",
    "less_than": " is too large; less than {lt:g}",
    "finite_number": " is not a finite number",
    "string_too_long": " is too long; {max_length} characters at most",
}
_YAML_1_1: Final = {"yes": "true", "on": "true", "no": "false", "off": "false"}


class _Refusal:
    """One error of pydantic's, put into the format's words."""

    def __init__(
        self, tree: Node, detail: ErrorDetails, positions: Positions, report: Report
    ) -> None:
        self._tree = tree
        self._detail = detail
        self._report = report
        self._parts = _parts_of(tree, detail["loc"])
        self._node = _node_at(tree, self._parts)
        self._positions = positions

    def add(self) -> None:
        kind = self._detail["type"]
        if kind == "extra_forbidden":
            self._unknown_key()
        elif kind == "missing":
            self._missing_key()
        elif kind == "literal_error":
            self._not_an_alternative()
        elif kind in _WANTED:
            self._wrong_kind(_WANTED[kind])
        elif kind in ("too_short", "string_too_short"):
            self._report.add(
                OUT_OF_RANGE, self._place(), value="nothing", why="; at least one is needed"
            )
        elif kind == "too_long":
            why = "; {max_length} at most".format(**self._detail["ctx"])
            self._report.add(OUT_OF_RANGE, self._place(), value="too many", why=why)
        elif kind in _LIMIT:
            why = _LIMIT[kind].format(**self._detail.get("ctx", {}))
            self._report.add(OUT_OF_RANGE, self._place(), value=self._quoted(), why=why)
        else:
            self._bad_value()

    def _place(self) -> Place:
        path = _path_of(self._parts)
        if self._detail["loc"][-1:] == ("[key]",):
            return self._positions.key(path)
        return self._positions.place(path)

    def _unknown_key(self) -> None:
        *above, key = self._parts
        self._report.add(
            UNKNOWN_KEY,
            self._positions.key(_path_of(self._parts)),
            key=shown(key),
            where=_where(above),
            hint=hint_for(str(key), above),
        )

    def _missing_key(self) -> None:
        key = str(self._detail["loc"][-1])
        self._report.add(
            MISSING_KEY,
            self._positions.place(joined(_path_of(self._parts), key)),
            key=key,
            where=_where(self._parts),
            help=_describe(key, self._parts),
        )

    def _not_an_alternative(self) -> None:
        alternatives = _alternatives(self._detail)
        if not isinstance(self._node, Scalar):
            self._wrong_kind("one of " + ", ".join(f"`{name}`" for name in alternatives))
            return
        close = get_close_matches(self._node.text, alternatives, 1)
        self._report.add(
            NOT_AN_ALTERNATIVE,
            self._place(),
            value=shown(self._node.text),
            alternatives=", ".join(f"`{name}`" for name in alternatives),
            hint=f"; did you mean `{close[0]}`?" if close else "",
        )

    def _wrong_kind(self, expected: str) -> None:
        self._report.add(
            WRONG_KIND,
            self._place(),
            found=_found(self._node),
            expected=expected,
            help=_how_to_write(self._node, expected),
        )

    def _bad_value(self) -> None:
        why = str(self._detail.get("ctx", {}).get("error") or self._detail["msg"])
        hides = "not shown" in why
        value = "" if hides else f"{self._quoted()}: "
        self._report.add(BAD_VALUE, self._place(), value=value, why=why)

    def _quoted(self) -> str:
        if self._detail["loc"][-1:] == ("[key]",):
            return f"`{shown(self._parts[-1])}`"
        return (
            f"`{shown(self._node.text)}`" if isinstance(self._node, Scalar) else _found(self._node)
        )


def _where(parts: Sequence[str | int]) -> str:
    return f"`{shown(_path_of(tuple(parts)))}`" if parts else "the profile"


def _describe(key: str, parts: Parts) -> str:
    section = section_at(parts)
    field = fields_of(section).get(key) if section else None
    text = " ".join((field.description or "").split()) if field else ""
    return f"`{key}`: {text[:1].lower()}{text[1:]}" if text else ""


def _alternatives(detail: ErrorDetails) -> list[str]:
    """pydantic lists them as `'a', 'b' or 'c'`."""
    expected = str(detail.get("ctx", {}).get("expected", ""))
    return [part.strip().strip("'") for part in expected.replace(" or ", ", ").split(", ")]


def _found(node: Node) -> str:
    match node:
        case Items():
            return "a list"
        case Map():
            return "a map of keys"
        case Scalar(value=None):
            return "nothing"
        case Scalar(value=bool(), text=text):
            return f"the truth value `{text}`"
        case Scalar(value=str(), text=text):
            return f"the text `{shown(text)}`"
        case Scalar(text=text):
            return f"the number `{shown(text)}`"


def _how_to_write(node: Node, expected: str) -> str:
    if not isinstance(node, Scalar) or node.value is None:
        return ""
    if expected == "text":
        return f'put it in quotes: `"{shown(node.text)}"`'
    if expected == "a list":
        return f"write `[{shown(node.text)}]`"
    if node.text.lower() in _YAML_1_1 and expected.startswith("`true`"):
        return f"write `{_YAML_1_1[node.text.lower()]}`"
    return ""
