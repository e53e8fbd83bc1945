"""A LiteLLM file as its checks see it: the values as they were written, with their places.

The Routing says what the router does; this says what the author wrote. Values of the wrong type read
as empty here: the checks of types tell of them.
"""

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

from msgspec import Struct

from designer.diagnostics import Place
from designer.documents import Document, Path, dotted
from designer.ir import Deployment
from designer.lint.subject import Subject

_DATE = re.compile(r"\d{4}-\d\d?-\d\d?")

ROUTER, LITELLM, GENERAL = "router_settings", "litellm_settings", "general_settings"


class Entry(Struct, frozen=True):
    """One deployment of the `model_list`."""

    index: int
    group: str
    """Its `model_name`."""
    params: Mapping[str, Any]
    """Its `litellm_params`."""
    info: Mapping[str, Any]
    """Its `model_info`."""

    @property
    def path(self) -> Path:
        return ("model_list", self.index)

    @property
    def model(self) -> str:
        return text(self.params.get("model"))

    def path_of(self, key: str) -> Path:
        return (*self.path, "litellm_params", key)


class Setting(Struct, frozen=True):
    """A setting that counts, and where it stands."""

    value: Any
    path: Path


class Hop(Struct, frozen=True):
    """One target of one entry of a fallback list."""

    group: str
    """Whose list it is."""
    target: str
    path: Path


class Rail(Struct, frozen=True):
    """One entry of `guardrails`."""

    path: Path
    name: str
    params: Mapping[str, Any]


class File(Struct, frozen=True, dict=True):
    subject: Subject
    document: Document

    def place(self, *path: str | int) -> Place:
        return self.document.place(*path)

    @cached_property
    def value(self) -> Mapping[str, Any]:
        return mapping(self.document.value)

    @cached_property
    def texts(self) -> tuple[tuple[Path, str], ...]:
        """Every text of the file that is a value, with its path, in the order of the file."""
        return tuple(_texts(self.document.value, ()))

    def is_plain_date(self, path: Path, value: str) -> bool:
        """Whether `value` stands without quotes, and is a date to a YAML 1.1 loader."""
        place = self.place(*path)
        lines = self._lines.get(place.file, ())
        line = lines[place.line - 1] if 0 < place.line <= len(lines) else ""
        written = line[place.column - 1 :].partition(":")[2].lstrip()
        return _DATE.fullmatch(value) is not None and written.startswith(value)

    @cached_property
    def _lines(self) -> Mapping[str, list[str]]:
        texts = self.subject.config.texts
        return {file: text.split("\n") for file, text in texts.items()}

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        listed = self.value.get("model_list")
        return tuple(
            Entry(index, text(item["model_name"]), params, mapping(item.get("model_info")))
            for index, item in enumerate(listed if isinstance(listed, list) else ())
            if isinstance(item, Mapping) and text(item.get("model_name"))
            if (params := mapping(item.get("litellm_params")))
        )

    @cached_property
    def deployments(self) -> Mapping[int, Deployment]:
        """What the entries were understood as, by their index."""
        listed = self.subject.routing.deployments
        by_path = {self.subject.place(d.id).path: d for d in listed}
        found = {entry.index: by_path.get(dotted(entry.path)) for entry in self.entries}
        return {index: d for index, d in found.items() if d is not None}

    @cached_property
    def groups(self) -> Mapping[str, tuple[Entry, ...]]:
        found: dict[str, list[Entry]] = {}
        for entry in self.entries:
            found.setdefault(entry.group, []).append(entry)
        return {name: tuple(members) for name, members in found.items()}

    @cached_property
    def aliases(self) -> Mapping[str, str]:
        """`model_group_alias`: another name of a group → the group."""
        listed = mapping(self.router.get("model_group_alias"))
        targets = {
            name: said.get("model") if isinstance(said, Mapping) else said
            for name, said in listed.items()
        }
        return {name: target for name, target in targets.items() if isinstance(target, str)}

    @cached_property
    def wildcards(self) -> tuple[str, ...]:
        return tuple(name for name in self.groups if "*" in name)

    @cached_property
    def ids(self) -> frozenset[str]:
        """Those that entries give themselves: a fallback may name one deployment by its id."""
        return frozenset(text(entry.info.get("id")) for entry in self.entries) - {""}

    def is_served(self, name: str) -> bool:
        """Whether a request for `name` finds somebody: by name, alias, id or wildcard."""
        return (
            name in self.groups
            or name in self.aliases
            or name in self.ids
            or any(fnmatchcase(name, pattern) for pattern in self.wildcards)
        )

    def names_a_group(self, name: str) -> bool:
        """Without a further alias between: by its own name or by a wildcard."""
        return name in self.groups or any(fnmatchcase(name, p) for p in self.wildcards)

    @property
    def router(self) -> Mapping[str, Any]:
        return mapping(self.value.get(ROUTER))

    @property
    def litellm(self) -> Mapping[str, Any]:
        return mapping(self.value.get(LITELLM))

    @property
    def general(self) -> Mapping[str, Any]:
        return mapping(self.value.get(GENERAL))

    def setting(self, key: str) -> Setting | None:
        """A router setting, from the section whose value counts: the router's own goes first."""
        for section in (ROUTER, LITELLM):
            value = mapping(self.value.get(section)).get(key)
            if value is not None and value != []:
                return Setting(value, (section, key))
        return None

    def hops(self, key: str) -> Iterator[Hop]:
        """What a fallback list (`fallbacks`, `context_window_fallbacks`, …) says, entry by entry.

        Of an entry with several keys the first, as LiteLLM reads it.
        """
        setting = self.setting(key)
        listed = setting.value if setting else ()
        for index, item in enumerate(listed if isinstance(listed, list) else ()):
            for group, targets in list(mapping(item).items())[:1]:
                many = targets if isinstance(targets, list) else [targets]
                for number, target in enumerate(many):
                    name = target.get("model") if isinstance(target, Mapping) else target
                    if setting is not None and isinstance(name, str):
                        where = (*setting.path, index, group)
                        path = (*where, number) if isinstance(targets, list) else where
                        yield Hop(group, name, path)

    @cached_property
    def rails(self) -> tuple[Rail, ...]:
        listed = self.value.get("guardrails")
        return tuple(
            Rail(("guardrails", index), text(item.get("guardrail_name")), params)
            for index, item in enumerate(listed if isinstance(listed, list) else ())
            if isinstance(item, Mapping)
            for params in (mapping(item.get("litellm_params")),)
        )


def _texts(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    match value:
        case str():
            yield path, value
        case Mapping():
            for key, item in value.items():
                yield from _texts(item, (*path, key))
        case list():
            for index, item in enumerate(value):
                yield from _texts(item, (*path, index))


def mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def number(value: Any) -> float | None:
    """A finite number; a quoted one is text, as for LiteLLM."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and abs(value) < 1e18 else None
