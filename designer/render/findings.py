"""Findings in each format that a terminal, an editor or a CI system reads."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from designer import __version__
from designer.diagnostics import Diagnostic, Severity

SCHEMA_VERSION = 1


def text(findings: Sequence[Diagnostic]) -> str:
    """One finding a line, with what happens instead and the help indented below."""
    lines = []
    for finding in findings:
        where = f"{finding.place}: " if str(finding.place) else ""
        lines.append(f"{where}{finding.severity}[{finding.code}] {finding.message}")
        lines += [f"    instead: {finding.instead}"] if finding.instead else []
        lines += [f"    help: {finding.help}"] if finding.help else []
    return "\n".join(lines)


def summary(findings: Iterable[Diagnostic]) -> str:
    """`1 error, 2 warnings`; `no findings` when there are none."""
    counts = dict.fromkeys(Severity, 0)
    for finding in findings:
        counts[finding.severity] += 1
    parts = [f"{n} {s}{'s' if n > 1 else ''}" for s, n in counts.items() if n]
    return ", ".join(parts) or "no findings"


def as_json(findings: Sequence[Diagnostic]) -> str:
    body = {"schema_version": SCHEMA_VERSION, "findings": [f.as_json() for f in findings]}
    return json.dumps(body, indent=2, ensure_ascii=False)


_GITHUB_LEVEL = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def github(findings: Sequence[Diagnostic]) -> str:
    """Workflow commands: annotations on the lines of a pull request."""
    lines = []
    for finding in findings:
        place = finding.place
        where = [f"file={_property(place.file)}"] if place.file else []
        where += [f"line={place.line}", f"col={place.column}"] if place.line else []
        where.append(f"title={_property(finding.code)}")
        body = _data(_sentence(finding))
        lines.append(f"::{_GITHUB_LEVEL[finding.severity]} {','.join(where)}::{body}")
    return "\n".join(lines)


def _data(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")


def junit(findings: Sequence[Diagnostic]) -> str:
    """One test case a finding; a run without findings has one that passed."""
    from xml.etree import ElementTree  # only for this format

    failed = [f for f in findings if f.severity is Severity.ERROR]
    cases = max(len(findings), 1)
    counts = {"tests": str(cases), "failures": str(len(failed)), "errors": "0"}
    root = ElementTree.Element("testsuites", counts)
    suite = ElementTree.SubElement(root, "testsuite", {"name": "designer", **counts})
    if not findings:
        ElementTree.SubElement(suite, "testcase", {"name": "no findings", "classname": "designer"})
    for finding in findings:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            {"name": f"{finding.code} {finding.place}".strip(), "classname": "designer"},
        )
        kind = "failure" if finding.severity is Severity.ERROR else "system-out"
        entry = ElementTree.SubElement(case, kind)
        if kind == "failure":
            entry.set("message", xml_text(finding.message))
            entry.set("type", finding.code)
        entry.text = xml_text(_sentence(finding))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True)


def xml_text(value: str) -> str:
    """Without the control characters that XML 1.0 cannot hold."""
    return "".join(c for c in value if c >= " " or c in "\t\n\r")


_SARIF_LEVEL = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def sarif(findings: Sequence[Diagnostic]) -> str:
    """SARIF 2.1.0, as GitHub's code scanning reads it."""
    rules = {finding.code: finding.rule for finding in findings}
    order = sorted(rules)
    run = {
        "tool": {
            "driver": {
                "name": "designer",
                "version": __version__,
                "rules": [
                    {
                        "id": code,
                        "shortDescription": {"text": rules[code].title},
                        "fullDescription": {"text": rules[code].why},
                        "defaultConfiguration": {"level": _SARIF_LEVEL[rules[code].severity]},
                    }
                    for code in order
                ],
            }
        },
        "results": [_sarif_result(finding, order.index(finding.code)) for finding in findings],
    }
    body = {"version": "2.1.0", "$schema": _SARIF_SCHEMA, "runs": [run]}
    return json.dumps(body, indent=2, ensure_ascii=False)


_SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def _sarif_result(finding: Diagnostic, rule_index: int) -> Mapping[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": rule_index,
        "level": _SARIF_LEVEL[finding.severity],
        "message": {"text": _sentence(finding)},
    }
    if finding.place.file:
        physical: dict[str, Any] = {"artifactLocation": {"uri": finding.place.file}}
        if finding.place.line:
            physical["region"] = {
                "startLine": finding.place.line,
                "startColumn": finding.place.column,
            }
        result["locations"] = [{"physicalLocation": physical}]
    return result


def markdown(findings: Sequence[Diagnostic]) -> str:
    """A table for a pull request's comment."""
    if not findings:
        return "No findings."
    rows = ["| where | finding | instead, and what to do |", "| --- | --- | --- |"]
    for finding in findings:
        after = " ".join(part for part in (finding.instead, finding.help) if part)
        cells = (str(finding.place), f"**{finding.code}** {finding.message}", after)
        rows.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    return "\n".join(rows)


def _cell(value: str) -> str:
    return " ".join(value.replace("|", "\\|").replace("<", "&lt;").split())


def _sentence(finding: Diagnostic) -> str:
    return "; ".join(part for part in (finding.message, finding.instead, finding.help) if part)


FORMATS: Mapping[str, Callable[[Sequence[Diagnostic]], str]] = {
    "text": text,
    "json": as_json,
    "github": github,
    "junit": junit,
    "sarif": sarif,
    "markdown": markdown,
}
