"""Verdicts for people, as JSON, and as findings for the formats of `designer.render.findings`."""

from collections.abc import Sequence
from typing import Any

from designer.diagnostics import Report, Rule, Severity
from designer.trace import as_text as timeline
from designer.verify import Noticed, Verdict

SCHEMA_VERSION = 1

VIOLATED = Rule(
    "VER701",
    Severity.ERROR,
    "{route}: `{property}` is violated: {found}",
    "There is a path, or a set of failed parts, on which the configuration breaks the property. It was "
    "found by the engine walking every path, and `designer verify` shows one request that takes it.",
    instead="{instead}",
    help="change the configuration, or the property if it asks too much",
)
INCONCLUSIVE = Rule(
    "VER702",
    Severity.WARNING,
    "{route}: whether `{property}` holds is not known: {found}",
    "Whether it holds depends on a fact that neither the configuration nor the catalog has. A guess "
    "would be worth nothing, so that it counts as not shown.",
    help="say the fact in the profile or the catalog's overlay, or pass --allow-inconclusive",
)


def violations(verdicts: Sequence[Verdict]) -> Report:
    report = Report()
    for one in verdicts:
        if one.outcome == "violated":
            report.add(
                VIOLATED,
                one.place,
                route=one.route,
                property=one.property,
                found=one.found,
                instead=f"fails with: {', '.join(one.failing)}" if one.failing else "",
            )
    return report


def findings(verdicts: Sequence[Verdict]) -> Report:
    report = violations(verdicts)
    for one in verdicts:
        if one.outcome == "inconclusive":
            report.add(
                INCONCLUSIVE, one.place, route=one.route, property=one.property, found=one.found
            )
    return report


def as_json(verdicts: Sequence[Verdict], is_partial: bool = False) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "partial": is_partial,
        "verdicts": [_one(verdict) for verdict in verdicts],
        "findings": [finding.as_json() for finding in findings(verdicts)],
    }


def _one(verdict: Verdict) -> dict[str, Any]:
    said: dict[str, Any] = {
        "property": verdict.property.kind,
        "value": verdict.property.text,
        "route": verdict.route,
        "verdict": verdict.outcome,
        "found": verdict.found,
        "failing": list(verdict.failing),
        "file": verdict.place.file,
        "line": verdict.place.line,
    }
    if verdict.property.source:
        said["source"] = verdict.property.source
    return said | ({"trace": verdict.trace.as_json()} if verdict.trace is not None else {})


def text(verdicts: Sequence[Verdict], is_partial: bool = False) -> str:
    """What is violated with its request, then what is not known, then what holds."""
    lines: list[str] = []
    for outcome in ("violated", "inconclusive", "holds"):
        for one in verdicts:
            if one.outcome == outcome:
                lines += _lines(one)
    return "\n".join([*lines, summary(verdicts, is_partial)])


def _lines(one: Verdict) -> list[str]:
    where = f"{one.place}: " if one.outcome != "holds" and one.place.line else ""
    lines = [f"{where}{one.outcome}  {one.route}  {one.property}  ({one.found})"]
    if one.failing:
        lines.append(f"    fails with: {', '.join(one.failing)}")
    if one.trace is not None:
        _, *shown = timeline((one.trace,)).rstrip("\n").split("\n")
        lines += [f"  {line}" for line in shown if not line.startswith("  assumed: ")]
        lines += [f"    {line.strip()}" for line in shown if "is cooling" in line]
    if one.outcome != "holds" and one.property.why:
        lines.append(f"    why: {one.property.why} ({one.property.source})")
    return lines


def summary(verdicts: Sequence[Verdict], is_partial: bool = False) -> str:
    counts = [
        f"{sum(v.outcome == outcome for v in verdicts)} {words}"
        for outcome, words in _WORDS.items()
    ]
    partial = "interrupted, and only in part: " if is_partial else ""
    return partial + ", ".join(counts)


_WORDS = {"holds": "hold", "violated": "violated", "inconclusive": "inconclusive"}


# --- Mutants --------------------------------------------------------------------------------------


def mutants_text(found: Sequence[Noticed]) -> str:
    """What nobody notices, and the score."""
    missed = [f"not noticed  {one.mutant.change}" for one in found if one.by is None]
    return "\n".join([*missed, f"{len(found) - len(missed)} of {len(found)} mutants are noticed"])


def mutants_json(found: Sequence[Noticed]) -> dict[str, Any]:
    listed = [
        {"change": one.mutant.change, "noticed_by": None if one.by is None else str(one.by)}
        for one in found
    ]
    return {"schema_version": SCHEMA_VERSION, "mutants": listed}
