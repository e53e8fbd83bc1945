"""The steps of checks as lines for a terminal, as data and as JUnit's XML."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from designer.check.model import INCONCLUSIVE, Step, exit_code
from designer.diagnostics import Diagnostic, Report, Severity
from designer.render import findings

SCHEMA_VERSION = 1


class Checked(Struct, frozen=True):
    """A profile and what its steps came to."""

    profile: str
    steps: tuple[Step, ...]


class Terms(Struct, frozen=True):
    """What counts as a failure."""

    fail_on: str = "error"
    allow_inconclusive: bool = False

    def failing(self, step: Step) -> bool:
        return step.code(self.fail_on, self.allow_inconclusive) > 0


def line(step: Step, took_s: float, terms: Terms) -> str:
    """`drift            ok        5 files of out/x   0.01 s`"""
    mark = "skipped" if step.is_skipped else "FAILED" if terms.failing(step) else "ok"
    counts = f": {findings.summary(step.findings)}" if step.findings else ""
    doubts = f", {step.inconclusive} of them inconclusive" if step.inconclusive else ""
    return f"{step.name:15}  {mark:7}  {step.said}{counts}{doubts}   {took_s:.2f} s"


def told(step: Step, terms: Terms, everything: bool) -> list[Diagnostic]:
    """The findings that are shown below a step's line: those that made it fail, or all."""
    if everything:
        return list(step.findings)
    grave = Report(list(step.findings)).at_or_above(Severity(terms.fail_on))
    doubts = (f for f in step.findings if f not in grave and f.rule is INCONCLUSIVE)
    return [*grave, *(() if terms.allow_inconclusive else doubts)]


def as_json(checked: Sequence[Checked], terms: Terms) -> str:
    """Without times: the same input gives the same bytes."""
    steps = [step for one in checked for step in one.steps]
    body = {
        "schema_version": SCHEMA_VERSION,
        "exit_code": exit_code(steps, terms.fail_on, terms.allow_inconclusive),
        "profiles": [
            {"profile": one.profile, "steps": [_step(step, terms) for step in one.steps]}
            for one in checked
        ],
        "findings": [finding.as_json() for step in steps for finding in step.findings],
    }
    return json.dumps(body, indent=2, ensure_ascii=False)


def _step(step: Step, terms: Terms) -> dict[str, Any]:
    verdict = "skipped" if step.is_skipped else "failed" if terms.failing(step) else "ok"
    return {
        "name": step.name,
        "verdict": verdict,
        "said": step.said,
        "inconclusive": step.inconclusive,
        "diff": step.diff,
        "findings": [finding.as_json() for finding in step.findings],
    }


def junit(checked: Sequence[Checked], terms: Terms) -> str:
    """One test case a step."""
    from xml.etree import ElementTree  # only for this format

    steps = [step for one in checked for step in one.steps]
    root = ElementTree.Element("testsuites", _counts(steps, terms))
    for one in checked:
        about = {"name": f"designer check {one.profile}", **_counts(one.steps, terms)}
        suite = ElementTree.SubElement(root, "testsuite", about)
        for step in one.steps:
            said = {"name": step.name, "classname": one.profile}
            case = ElementTree.SubElement(suite, "testcase", said)
            text = findings.xml_text("\n".join(_lines(step)))
            if terms.failing(step):
                entry = ElementTree.SubElement(case, "failure", {"message": step.said})
                entry.text = text
            elif step.is_skipped:
                ElementTree.SubElement(case, "skipped", {"message": step.said})
            elif step.findings:
                ElementTree.SubElement(case, "system-out").text = text
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True)


def _lines(step: Step) -> Iterator[str]:
    for finding in step.findings:
        yield findings.text([finding])


def _counts(steps: Sequence[Step], terms: Terms) -> dict[str, str]:
    failed = sum(terms.failing(step) for step in steps)
    return {"tests": str(len(steps)), "failures": str(failed), "errors": "0"}
