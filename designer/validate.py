"""Check emitted text: against its schema, and by reading it back."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import jsonschema
from msgspec.structs import replace

from designer.diagnostics import Place, Report, Rule, Severity
from designer.documents import read_json, read_yaml
from designer.emit import to_json
from designer.gateways.base import File, Gateway, Parsed
from designer.ir import Routing
from designer.resources import schema

AGAINST_SCHEMA = Rule(
    "EMT402",
    Severity.ERROR,
    "{where} {problem}",
    "The emitted file breaks the schema of its gateway: a fault of this program, or of what "
    "`passthrough` merged into the file.",
    instead="nothing was written",
)
READ_BACK = Rule(
    "EMT403",
    Severity.ERROR,
    "what {gateway} will understand differs from the plan: {difference}",
    "The emitted text was parsed back and means something else: a fault of this program, or of what "
    "`passthrough` merged into the file.",
    instead="nothing was written",
)


@lru_cache
def _validator(name: str) -> Any:
    return jsonschema.Draft202012Validator(json.loads(schema(name)))


def against_schema(name: str, value: Any, place: Place, report: Report) -> None:
    for where, problem in problems(name, value):
        report.add(AGAINST_SCHEMA, place, where=where, problem=problem)


def problems(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Each breach of a schema: where, as a JSON path, and what is wrong there."""
    for error in sorted(_validator(name).iter_errors(value), key=lambda e: list(map(str, e.path))):
        yield error.json_path, error.message[:300]


def check_files(
    gateway: Gateway,
    legal: Routing,
    files: Iterable[File],
    texts: Mapping[str, str],
    report: Report,
) -> None:
    """Each file against its schema, and all of them read back against the Routing they stand for."""
    for file in files:
        if file.schema is None:
            continue
        read = read_json if file.path.endswith(".json") else read_yaml
        document = read(texts[file.path], file.path, report)
        if document is not None:
            against_schema(file.schema, document.value, Place(file.path), report)
    parsed = gateway.parse({f.path: texts[f.path] for f in files}, report)
    understood = None if parsed is None else replace(parsed.routing, rollout=legal.rollout)
    if understood != legal:
        said = "it cannot be read" if understood is None else _difference(legal, understood)
        report.add(READ_BACK, gateway=gateway.title, difference=said)


def read_back(
    gateway: Gateway,
    files: Sequence[File],
    texts: Mapping[str, str],
    report: Report,
    version: str = "",
) -> Parsed | None:
    """What files with passed-through settings mean to a version of the gateway; None where their text is
    not what was to be said."""
    for file in files:
        read = read_json if file.path.endswith(".json") else read_yaml
        document = read(texts[file.path], file.path, report)
        if document is None or to_json(document.value) != to_json(file.values):
            said = f"{file.path} does not say what was to be written"
            report.add(READ_BACK, gateway=gateway.title, difference=said)
            return None
    return gateway.parse({file.path: texts[file.path] for file in files}, report, version)


def _difference(planned: Routing, understood: Routing) -> str:
    """The first part that differs, in words."""
    tables = ("caches", "budgets", "rate_limits", "teams")
    for name in ("aliases", "guardrails", "deployments", "routes", *tables):
        wanted, got = getattr(planned, name), getattr(understood, name)
        if len(wanted) != len(got):
            return f"{len(got)} {name} instead of {len(wanted)}"
        for one, other in zip(wanted, got, strict=True):
            if one != other:
                return f"{other} instead of {one}"
    return "nothing that has a name"
