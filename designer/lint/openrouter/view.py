"""OpenRouter's files as their checks see them: the bodies of requests and presets, guardrails, the client.

Values of the wrong type read as empty here: reading the files tells of them.
"""

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from msgspec import Struct

from designer.diagnostics import Place
from designer.documents import Document, Path
from designer.gateways.openrouter.sources import kind_of
from designer.lint.subject import Subject


class Entry(Struct, frozen=True):
    """One item of a list of names, and where it stands."""

    name: str
    path: Path


class Body(Struct, frozen=True, dict=True):
    """What a request says, or what a preset keeps of one."""

    subject: Subject
    document: Document
    value: Mapping[str, Any]
    path: Path = ()
    """Where the body stands: an answer of the presets' API wraps it."""

    def place(self, *path: str | int) -> Place:
        return self.document.place(*self.path, *path)

    @property
    def provider(self) -> Mapping[str, Any]:
        return mapping(self.value.get("provider"))

    @cached_property
    def models(self) -> tuple[Entry, ...]:
        """`model` first, then `models`."""
        own = self.value.get("model")
        first = (Entry(own, ("model",)),) if isinstance(own, str) else ()
        return (*first, *entries(self.value.get("models"), ("models",)))

    def named(self, key: str) -> tuple[Entry, ...]:
        """The providers that a preference lists."""
        return entries(self.provider.get(key), ("provider", key))


class Guardrail(Struct, frozen=True):
    document: Document

    def place(self, *path: str | int) -> Place:
        return self.document.place(*path)

    @property
    def value(self) -> Mapping[str, Any]:
        return mapping(self.document.value)


class Files(Struct, frozen=True):
    subject: Subject
    bodies: tuple[Body, ...]
    guardrails: tuple[Guardrail, ...]
    client: Document | None


def files_of(subject: Subject) -> Files:
    bodies: list[Body] = []
    guardrails: list[Guardrail] = []
    client: Document | None = None
    for document in subject.parsed.documents:
        match kind_of(document.value):
            case "request":
                bodies.append(Body(subject, document, mapping(document.value)))
            case "preset":
                bodies.append(_preset(subject, document))
            case "guardrail":
                guardrails.append(Guardrail(document))
            case "client":
                client = document
            case _:
                pass
    return Files(subject, tuple(bodies), tuple(guardrails), client)


def _preset(subject: Subject, document: Document) -> Body:
    path: list[str | int] = []
    value = mapping(document.value)
    for key in ("data", "designated_version", "config"):
        if isinstance(value.get(key), Mapping):
            path.append(key)
            value = value[key]
    return Body(subject, document, value, tuple(path))


def mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def entries(value: Any, path: Path) -> tuple[Entry, ...]:
    found = enumerate(listed(value))
    return tuple(Entry(item, (*path, index)) for index, item in found if isinstance(item, str))


def number(value: Any) -> float | None:
    """A number, also where it is written as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        read = float(value)
    except (ValueError, OverflowError):
        return None
    return read if math.isfinite(read) else None
