"""Rules of a team's own, as data."""

from pathlib import Path
from typing import Any

import pytest

from designer.diagnostics import Report, Severity
from designer.lint.own import OwnRules, read_own_rules, select
from designer.load import load_config

CONFIG = """\
model_list:
  - model_name: chat
    litellm_params: {model: openai/gpt-4o, api_base: "http://a.example/v1", rpm: 900}
  - model_name: chat
    litellm_params: {model: openai/gpt-4o, api_base: "https://b.example/v1"}
"""


def checked(tmp_path: Path, rules: str) -> list[tuple[str, str, str]]:
    file = tmp_path / "config.yaml"
    file.write_text(CONFIG, "utf-8")
    report = Report()
    own = read_own_rules(rules, "rules.yaml", report)
    config = load_config(str(file), report)
    assert own is not None, list(map(str, report))
    assert config is not None
    found = Report()
    own.check(config, found)
    return [(f.code, f.place.path, f.message) for f in own.graded(found)]


def rule(must: str, at: str = "model_list[*].litellm_params.api_base", more: str = "") -> str:
    return (
        "version: 1\nrules:\n"
        f"  - {{code: ORG001, at: '{at}', must: {must}, message: 'not {{so}}'{more}}}\n"
    )


FIRST, SECOND = "model_list[0].litellm_params", "model_list[1].litellm_params"


@pytest.mark.parametrize(
    ("must", "at", "places"),
    [
        ("{match: '^https:'}", "model_list[*].litellm_params.api_base", [f"{FIRST}.api_base"]),
        ("{match: '^https:'}", "**.api_base", [f"{FIRST}.api_base"]),
        ("{present: true}", "model_list[*].litellm_params.rpm", [SECOND]),
        ("{absent: true}", "model_list[*].litellm_params.rpm", [f"{FIRST}.rpm"]),
        ("{at_most: 100}", "model_list[*].litellm_params.rpm", [f"{FIRST}.rpm"]),
        ("{at_least: 100}", "model_list[*].litellm_params.rpm", []),
        ("{one_of: [chat]}", "model_list[*].model_name", []),
        ("{none_of: [chat]}", "model_list[1].model_name", ["model_list[1].model_name"]),
    ],
)
def test_each_demand_is_checked_where_the_selector_leads(
    tmp_path: Path, must: str, at: str, places: list[str]
) -> None:
    assert [path for _, path, _ in checked(tmp_path, rule(must, at))] == places


def test_what_the_user_wrote_is_no_template(tmp_path: Path) -> None:
    ((_, _, message),) = checked(tmp_path, rule("{match: '^https:'}"))

    assert message == "not {so}"


def test_a_rule_of_another_gateway_is_left_alone(tmp_path: Path) -> None:
    assert checked(tmp_path, rule("{match: '^https:'}", more=", gateway: openrouter")) == []


def test_severities_are_the_teams(tmp_path: Path) -> None:
    said = rule("{match: '^https:'}") + "severities: {ORG001: error}\n"
    own = read_own_rules(said, "rules.yaml", Report())
    assert own is not None
    report = Report()
    report.add(own.rules[0].rule)

    assert [f.severity for f in own.graded(report)] == [Severity.ERROR]
    assert list(OwnRules(severities={"ORG001": "off"}).graded(report)) == []


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("rules: [{code: ORG1, at: a, must: {absent: true}, message: m}]", 1, "three capitals"),
        ("rules:\n  - {code: ORG001, at: a, must: {mach: x}, message: m}", 2, "did you mean"),
        ("rules:\n  - {code: ORG001, at: a, must: {match: '('}, message: m}", 2, "regular"),
        ("rules:\n  - {code: ORG001, must: {absent: true}, message: m}", 2, "`at`"),
        ("rules:\n  - {code: ORG001, at: a, must: {at_most: x}, message: m}", 2, "a number"),
        ("rules: 3", 1, "a list"),
        ("severities: {LNT401: loud}", 1, "error, warning, info, off"),
        ("- a", 1, "a mapping"),
    ],
)
def test_a_rule_file_with_a_mistake_says_where(text: str, line: int, said: str) -> None:
    report = Report()

    assert read_own_rules(text, "rules.yaml", report) is None
    assert said in "; ".join(finding.message for finding in report)
    assert {finding.place.line for finding in report} == {line}


def test_a_selector_leads_through_keys_items_and_any_depth() -> None:
    value: dict[str, Any] = {"a": [{"b": 1}, {"b": 2}], "c": {"a": [{"b": 3}]}}

    assert [v for _, v in select(value, "a[*].b")] == [1, 2]
    assert [v for _, v in select(value, "a[1].b")] == [2]
    assert [v for _, v in select(value, "**.b")] == [1, 2, 3]
    assert [v for _, v in select(value, "*.a[0].b")] == [3]
