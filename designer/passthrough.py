"""Merge what a profile passes through into a gateway's files, and read back what they then mean.

Maps are merged key by key, lists are appended, and nothing is judged: what the settings mean is what
the gateway's own reader makes of the text. Another value where the plan has one is an error.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from designer.diagnostics import Place, Report, Rule, Severity
from designer.documents import Path, dotted
from designer.gateways.base import File, Gateway, Passthrough, Placed
from designer.profile.tree import joined

COLLISION = Rule(
    "PLN111",
    Severity.ERROR,
    "`passthrough` sets {setting} to another value than the plan",
    "What the profile asks for and what it passes through contradict each other; which one counts is "
    "for its author to say.",
    instead="nothing is written",
    help="take it out of `passthrough`, or out of the profile what the plan's value comes from",
)
NO_PLACE = Rule(
    "PLN112",
    Severity.ERROR,
    "`passthrough` has no place for {key} in the files of {gateway}",
    "For LiteLLM the section is its config.yaml; for the others each entry is named after an alias of "
    "the profile and holds a map.",
    instead="nothing is written",
    help="name an alias of the profile",
)
REPLACED = Rule(
    "PLN113",
    Severity.INFO,
    "`passthrough` sets {setting}, which is written unasked otherwise",
    "The value is a precaution, not something that the profile asks for.",
    instead="the passed one counts",
)


class Source(Struct, frozen=True):
    """The profile's section for one gateway, and where it stands."""

    section: Mapping[str, Any]
    aliases: Mapping[str, bool]
    """Every alias, and whether it is given."""
    place: Callable[[str], Place]
    """By dotted path in the profile."""
    path: str
    """Of the section, `passthrough.litellm`."""


def with_passthrough(
    gateway: Gateway, files: Sequence[File], source: Source, report: Report
) -> tuple[File, ...]:
    """The gateway's files with the section merged in; the report has what does not fit."""
    placed = gateway.passthrough.place(source.section, source.aliases)
    _tell_misplaced(gateway, placed, source, report)
    whole = {file.path: file for file in files}
    merge = _Merge(gateway.passthrough, source.place, report)
    for part in placed:
        path = source.path if part.key is None else joined(source.path, part.key)
        if not isinstance(part.file.values, Mapping):
            continue
        planned = whole.get(part.file.path)
        if planned is None:
            whole[part.file.path] = part.file
        else:
            values = merge.maps(planned.values, part.file.values, (), path)
            notes = {at: note for at, note in planned.notes.items() if at not in merge.replaced}
            whole[part.file.path] = replace(planned, values=values, notes=notes)
    return tuple(whole.values())


def _tell_misplaced(
    gateway: Gateway, placed: Sequence[Placed], source: Source, report: Report
) -> None:
    fits = {part.key for part in placed if isinstance(part.file.values, Mapping)}
    for key in source.section:
        if None not in fits and key not in fits:
            place = source.place(joined(source.path, key))
            report.add(NO_PLACE, place, key=repr(key), gateway=gateway.title)


class _Merge(Struct, frozen=True):
    way: Passthrough
    place: Callable[[str], Place]
    report: Report
    told: set[str] = field(default_factory=set)
    """Paths in the profile; what goes into two files collides once."""
    replaced: set[str] = field(default_factory=set)
    """Settings whose planned value, and with it the reason for it, is gone."""

    def maps(
        self, ours: Mapping[str, Any], theirs: Mapping[str, Any], at: Path, path: str
    ) -> dict[str, Any]:
        """`at` is where we are in the file, `path` where in the profile."""
        merged = dict(ours)
        for key, value in theirs.items():
            here = (*at, key)
            merged[key] = (
                self._values(ours[key], value, here, joined(path, key)) if key in ours else value
            )
        return merged

    def _values(self, ours: Any, theirs: Any, at: Path, path: str) -> Any:
        if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
            return self.maps(ours, theirs, at, path)
        if isinstance(ours, list | tuple) and isinstance(theirs, list):
            return self._items(ours, theirs, at, path)
        if ours == theirs and isinstance(ours, bool) == isinstance(theirs, bool):
            return ours
        setting = dotted(at)
        self.replaced.add(setting)
        if path not in self.told:
            self.told.add(path)
            rule = REPLACED if setting in self.way.yields else COLLISION
            self.report.add(rule, self.place(path), setting=setting)
        return theirs

    def _items(self, ours: Sequence[Any], theirs: Sequence[Any], at: Path, path: str) -> list[Any]:
        merged = list(ours)
        key = self.way.items.get(dotted(at))
        known = {_found(item, key): index for index, item in enumerate(ours)} if key else {}
        for number, item in enumerate(theirs):
            index = known.get(_found(item, key)) if key and _found(item, key) else None
            if index is None:
                merged.append(item)
            else:
                merged[index] = self.maps(merged[index], item, (*at, index), f"{path}[{number}]")
        return merged


def _found(value: Any, path: Path) -> str | None:
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value if isinstance(value, str) else None
