"""A deny rule means the same in every gateway's own engine, and its examples are tried on what is written."""

import json
import re
import shutil
import subprocess
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from designer.gateways.litellm import LITELLM
from designer.gateways.openrouter import OPENROUTER
from designer.gateways.portkey_cloud import PORTKEY_CLOUD
from designer.gateways.portkey_oss import PORTKEY_OSS
from designer.ir import Guardrail, Routing
from designer.planner.examples import written
from designer.profile.model import DenyRule
from designer.profile.patterns import parse
from tests.planner.test_any_profile import planned
from tests.profile.test_patterns import patterns, texts

NODE = shutil.which("node")
IN_NODE = """
const cases = JSON.parse(require("fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(cases.map(([pattern, text]) => new RegExp(pattern).test(text))));
"""
"""As Portkey's `default.regexMatch` builds it: no flags (package @portkey-ai/gateway 1.15.2)."""

rules = st.builds(
    lambda pattern, ignore_case: DenyRule(name="r", pattern=pattern, ignore_case=ignore_case),
    patterns,
    st.booleans(),
)
cases = st.lists(st.tuples(rules, texts), min_size=1, max_size=12)


def _is_found(rule: DenyRule, text: str) -> bool:
    return parse(rule.pattern, ignore_case=bool(rule.ignore_case)).search(text)


def _written(rule: DenyRule, gateway: Any) -> list[Guardrail]:
    return list(written(rule, Routing((), ()), gateway))


@given(cases)
def test_what_litellm_is_given_matches_in_python_what_the_rule_says(
    cases: list[tuple[DenyRule, str]],
) -> None:
    for rule, text in cases:
        if "$" in rule.pattern and text.endswith("\n"):
            continue  # Python's `$` also matches before a last newline
        for rail in _written(rule, LITELLM):
            pattern = LITELLM.lower(Routing((), (), (rail,)), {})[0].values["guardrails"][0]
            emitted = pattern["litellm_params"]["patterns"][0]["pattern"]
            found = re.compile(emitted, re.IGNORECASE).search(text) is not None

            assert found == _is_found(rule, text), (emitted, text)


@pytest.mark.skipif(NODE is None, reason="there is no Node.js")
@given(cases)
def test_what_portkey_is_given_matches_in_node_what_the_rule_says(
    cases: list[tuple[DenyRule, str]],
) -> None:
    asked = [
        (rail.pattern, text, _is_found(rule, text))
        for rule, text in cases
        for gateway in (PORTKEY_OSS, PORTKEY_CLOUD)
        for rail in _written(rule, gateway)
    ]

    said = subprocess.run(
        [str(NODE), "-e", IN_NODE],
        input=json.dumps([(pattern, text) for pattern, text, _ in asked]),
        capture_output=True,
        text=True,
        check=True,
    )

    found = json.loads(said.stdout)
    assert [case for case, one in zip(asked, found, strict=True) if case[2] != one] == []


@given(cases)
def test_what_openrouter_is_given_means_what_the_rule_says(
    cases: list[tuple[DenyRule, str]],
) -> None:
    for rule, text in cases:
        for rail in _written(rule, OPENROUTER):
            pattern = parse(rail.pattern, ignore_case=rail.ignore_case)

            assert pattern.search(text) == _is_found(rule, text), rail.pattern


def test_an_example_that_what_is_written_does_not_keep_is_an_error_at_its_line() -> None:
    profile = {
        "version": 1,
        "name": "p",
        "workloads": [{"alias": "chat", "task": "chat"}],
        "guardrails": {
            "deny": [{"name": "stop", "pattern": "^stop$", "examples": {"pass": ["go", "stop\n"]}}]
        },
    }

    plan, report = planned(profile, "litellm")

    assert plan is None
    assert [(f.code, f.place.path, f.place.line) for f in report if f.code == "PLN124"] == [
        ("PLN124", "guardrails.deny[0].examples.pass[1]", 18)
    ]
    assert planned(profile, "portkey-cloud")[0] is not None
