"""Findings as other programs read them: checked against the formats' own rules."""

import json
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest

from designer.diagnostics import Diagnostic, Place, Report, Rule, Severity
from designer.render import findings

RULE = Rule("TST001", Severity.ERROR, "the key {key!r} is odd", "why", "it is ignored", "delete it")
HINT = Rule("TST002", Severity.INFO, "by the way", "why")


def _sample() -> list[Diagnostic]:
    report = Report()
    report.add(RULE, Place("a,b:c.yaml", 3, 7, "x.y"), key="50% | <b>\nnew \x07line")
    report.add(HINT)
    return report.diagnostics


def test_text_says_where_what_instead_and_help() -> None:
    lines = findings.text(_sample()[:1]).splitlines()

    assert lines[0].startswith("a,b:c.yaml:3:7: error[TST001] the key ")
    assert lines[1:] == ["    instead: it is ignored", "    help: delete it"]


def test_summary_counts_by_severity() -> None:
    assert findings.summary(_sample()) == "1 error, 1 info"
    assert findings.summary([]) == "no findings"


def test_json_carries_the_documented_keys() -> None:
    first = json.loads(findings.as_json(_sample()))["findings"][0]

    keys = {"code", "severity", "file", "line", "column", "message", "instead", "help"}
    assert keys <= first.keys()
    assert (first["line"], first["column"]) == (3, 7)


def test_github_escapes_what_would_end_a_command_early() -> None:
    first = findings.github(_sample()).splitlines()[0]

    assert first.startswith("::error file=a%2Cb%3Ac.yaml,line=3,col=7,title=TST001::")
    assert "50%25" in first


def test_junit_is_well_formed_and_counts_failures() -> None:
    root = ElementTree.fromstring(findings.junit(_sample()))

    assert (root.get("tests"), root.get("failures")) == ("2", "1")
    assert len(list(root.iter("testcase"))) == 2
    assert len(list(ElementTree.fromstring(findings.junit([])).iter("testcase"))) == 1


def test_sarif_refers_to_its_rules_by_index() -> None:
    run = json.loads(findings.sarif(_sample()))["runs"][0]

    rules = run["tool"]["driver"]["rules"]
    assert [rules[r["ruleIndex"]]["id"] for r in run["results"]] == ["TST001", "TST002"]


def test_sarif_satisfies_the_official_schema() -> None:
    official = Path(__file__).parents[3] / "shared/schemas/sarif-2.1.0.schema.json"
    if not official.exists():
        pytest.skip("the official schema is not beside this checkout")

    jsonschema.validate(json.loads(findings.sarif(_sample())), json.loads(official.read_text()))


def test_markdown_keeps_its_table_whole() -> None:
    rows = findings.markdown(_sample()).splitlines()

    assert len(rows) == 4
    assert all(row.replace("\\|", "").count("|") == 4 for row in rows)
