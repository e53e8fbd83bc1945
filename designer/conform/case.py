"""Conformance cases: a gateway's own configuration, and what its providers answer.

A case says nothing about what should come of it: the engine says one thing, the real gateway does
another or the same. Deployments in it have no address and no key; who runs it gives them both.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from importlib.resources import files
from typing import Any

from msgspec import Struct

from designer.diagnostics import Report, Rule, Severity
from designer.documents import Document, read_json, read_yaml
from designer.errors import UsageError
from designer.reading import Reader
from designer.trace import Script, read_script

TWICE = Rule(
    "CNF801",
    Severity.ERROR,
    "the case `{id}` is there twice",
    "Results are told apart by the id of their case.",
    help="give each case an id of its own",
)
NO_ID = Rule(
    "CNF802",
    Severity.ERROR,
    "a case needs an `id`, a `config` and a `script`",
    "A case is a configuration, and what its providers answer.",
    help="see docs/fidelity.md for the form of a case",
)

_KEYS = ("id", "origin", "config", "script", "route", "known")


class Case(Struct, frozen=True, dict=True):
    id: str
    config: Mapping[str, Any]
    said: Mapping[str, Any]
    """Its outcomes file, as written."""
    script: Script
    route: str = ""
    origin: str = ""
    """The row of the semantics it is for, or the seed it was made from."""
    known: str = ""
    """Why the engine is known to differ from the gateway here."""

    @property
    def is_generated(self) -> bool:
        return self.origin.startswith("seed")

    @cached_property
    def fingerprint(self) -> str:
        """Equal for cases that ask the same thing, whatever their ids and the order of their keys."""
        return json.dumps([self.config, self.said, self.route], sort_keys=True)


def packaged(gateway: str) -> list[Case]:
    """The corpus of a gateway, as shipped. Raises UsageError for a gateway without one."""
    folder = files("designer.conform").joinpath("corpus")
    found = [f for f in folder.iterdir() if f.name.startswith(f"{gateway}-")]
    if not found:
        raise UsageError(f"there is no corpus of cases for {gateway}")
    texts = ((f.name, f.read_text(encoding="utf-8")) for f in sorted(found, key=lambda f: f.name))
    report = Report()
    cases = list(read_cases(texts, report))
    if report.has_errors:
        raise UsageError("\n".join(str(d.message) for d in report.diagnostics))
    return cases


def read_cases(texts: Iterable[tuple[str, str]], report: Report) -> Iterator[Case]:
    """The cases of some files, `(name, text)`; findings for what is none."""
    seen: set[str] = set()
    for name, text in texts:
        read = read_json if name.endswith(".json") else read_yaml
        document = read(text, name, report)
        if document is None:
            continue
        reader = Reader(document, report)
        if not reader.is_a(document.value, list, (), "a file of cases"):
            continue
        for index in range(len(document.value)):
            case = _case(document, reader, index, report)
            if case is None:
                continue
            if case.id in seen:
                report.add(TWICE, document.place(index, "id"), id=case.id)
                continue
            seen.add(case.id)
            yield case


def _case(document: Document, reader: Reader, index: int, report: Report) -> Case | None:
    value = document.value[index]
    if not reader.is_a(value, dict, (index,), "a case"):
        return None
    reader.knows(value, _KEYS, (index,), "a case")
    if not value.get("id") or not isinstance(value.get("config"), dict) or "script" not in value:
        report.add(NO_ID, document.place(index))
        return None
    script = read_script(document, (index, "script"), report)
    if script is None:
        return None
    return Case(
        id=str(value["id"]),
        config=value["config"],
        said=value["script"],
        script=script,
        route=str(value.get("route", "")),
        origin=str(value.get("origin", "")),
        known=str(value.get("known", "")),
    )
