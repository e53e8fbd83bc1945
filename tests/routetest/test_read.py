"""Files of route tests: what is read, and what is said about what cannot be."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from designer.diagnostics import Report
from designer.documents import read_yaml
from designer.profile.units import NotAValue
from designer.resources import schema
from designer.routetest import Range, Suite, load_suite
from designer.routetest.read import read_range

ROOT = Path(__file__).parents[2]
TRACE = Resource.from_contents(json.loads(schema("trace")))
SCHEMA = json.loads(schema("route-test"))
VALID = Draft202012Validator(SCHEMA, registry=Registry().with_resource("trace.schema.json", TRACE))

EVERYTHING = """\
version: 1
config: ../out/eu-support
tests:
  - name: the second answers
    route: support-chat
    request: {stream: true, messages: [{role: user, content: hi}], metadata: {tier: gold}}
    draws: [0.42]
    outcomes: {a: [{status: 503}, {kind: timeout}]}
    expect:
      status: 200
      served_by: b
      attempts: [a, a, b]
      waits_s: [0.5, 0.5..1.25, '<= 2']
      finishes_within: 5s
      asked: [a]
      never_asked: [c]
      told: false
  - name: nobody answers
    requests: [{at_s: 0}, {at_s: 5}]
    expect:
      - {served_by: null, attempts: '<= 3'}
      - {attempts: 2}
"""


def read(text: str, file: str = "routes/t.yaml") -> Suite:
    report = Report()
    suite = load_suite(text, file, report)
    assert suite is not None, list(report)
    assert list(report) == []
    return suite


def said(text: str) -> list[str]:
    report = Report()
    assert load_suite(text, "t.yaml", report) is None
    return [str(finding) for finding in report]


def values(text: str) -> Any:
    document = read_yaml(text, "t.yaml", Report())
    assert document is not None
    return document.value


def test_everything_that_a_file_can_say_is_read() -> None:
    suite = read(EVERYTHING)

    first, second = suite.tests
    assert suite.config == "out/eu-support"
    assert (first.name, first.route, first.script.draws) == (
        "the second answers",
        "support-chat",
        (0.42,),
    )
    [checks] = first.expected
    assert {check.key: check.wanted for check in checks} == {
        "status": 200,
        "served_by": "b",
        "attempts": ("a", "a", "b"),
        "waits_s": (Range(0.5, 0.5), Range(0.5, 1.25), Range(high=2.0)),
        "finishes_within": Range(high=5.0),
        "asked": ("a",),
        "never_asked": ("c",),
        "told": False,
    }
    assert [[check.wanted for check in checks] for checks in second.expected] == [
        [None, Range(high=3.0)],
        [Range(2.0, 2.0)],
    ]
    assert str(checks[0].place) == "routes/t.yaml:10:7"


def test_a_file_may_be_json() -> None:
    text = json.dumps(values(EVERYTHING))

    assert len(read(text, "t.json").tests) == 2


@pytest.mark.parametrize("text", [EVERYTHING, (ROOT / "examples/eu-support.test.yaml").read_text()])
def test_the_schema_accepts_what_is_read(text: str) -> None:
    read(text)

    VALID.validate(values(text))


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


BEYOND_A_SCHEMA = ("is there twice", "expectations for", "a span that ends")
GOOD = "expect: {status: 200}"


def one(rest: str) -> str:
    return f"tests: [{{name: x, {rest}}}]"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- 1", "t.yaml:1:1: error[SIM601] a file of route tests is to be a mapping, not a list"),
        (
            f"confg: x\n{one(GOOD)}",
            "t.yaml:1:1: error[SIM602] unknown key `confg` in a file of route tests "
            "(did you mean `config`?)",
        ),
        (f"version: 2\n{one(GOOD)}", "t.yaml:1:1: error[SIM608] `version` is 2; it is to be 1"),
        (
            f"config: 3\n{one(GOOD)}",
            "t.yaml:1:1: error[SIM601] `config` is to be text, not a number",
        ),
        ("tests: []", "t.yaml:1:1: error[TST901] a file of route tests needs `tests`"),
        ("tests: [3]", "t.yaml:1:9: error[SIM601] a test is to be a mapping, not a number"),
        ("tests: [{name: x}]", "t.yaml:1:9: error[TST901] a test needs `expect`"),
        ("tests: [{expect: {status: 200}}]", "t.yaml:1:9: error[TST901] a test needs `name`"),
        (
            "tests: [{name: x, expect: {status: 200}}, {name: x, expect: {status: 200}}]",
            "t.yaml:1:44: error[TST902] the test `x` is there twice",
        ),
        (
            one(f"rout: y, {GOOD}"),
            "t.yaml:1:19: error[SIM602] unknown key `rout` in a test (did you mean `route`?)",
        ),
        (
            one("expect: {served: y}"),
            "t.yaml:1:28: error[SIM602] unknown key `served` in an expectation "
            "(did you mean `served_by`?)",
        ),
        (
            one("requests: [{}, {}], expect: {status: 200}"),
            "t.yaml:1:39: error[TST904] there are expectations for 1 of 2 requests",
        ),
        (
            one("expect: [{}]"),
            "t.yaml:1:28: error[TST901] an expectation needs at least one of status, served_by, "
            "attempts, waits_s, finishes_within, asked, never_asked, told",
        ),
        (one("expect: {status: '503'}"), "t.yaml:1:28: error[TST903] `status`: not an HTTP status"),
        (one("expect: {status: true}"), "t.yaml:1:28: error[TST903] `status`: not an HTTP status"),
        (
            one("expect: {served_by: 3}"),
            "t.yaml:1:28: error[TST903] `served_by`: not the name of a deployment",
        ),
        (
            one("expect: {attempts: < 3}"),
            "t.yaml:1:28: error[TST903] `attempts`: neither a number nor a bound nor a span",
        ),
        (one("expect: {attempts: true}"), "t.yaml:1:28: error[TST903] `attempts`: not a number"),
        (
            one("expect: {waits_s: [3..1]}"),
            "t.yaml:1:28: error[TST903] `waits_s`: a span that ends (1) before it begins (3)",
        ),
        (one("expect: {waits_s: 1}"), "t.yaml:1:28: error[TST903] `waits_s`: not a list of times"),
        (
            one("expect: {asked: []}"),
            "t.yaml:1:28: error[TST903] `asked`: an empty list, which always holds",
        ),
        (
            one("expect: {told: 1}"),
            "t.yaml:1:28: error[TST903] `told`: neither true nor false",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(text: str, told: str) -> None:
    assert said(text) == [told]
    assert (
        not VALID.is_valid(values(text)) or "TST902" in told or "TST904" in told or "3..1" in text
    )


def test_all_mistakes_are_told_at_once() -> None:
    text = "tests: [{name: x, outcomes: {a: [{kind: htpp}]}, expect: {status: 1, told: 2}}, {}]"

    assert [line.split("[")[1][:6] for line in said(text)] == [
        *("SIM603", "TST903", "TST903"),
        *("TST901", "TST901"),
    ]


numbers = st.decimals(0, 1000, places=2).map(float)


@given(numbers, numbers, numbers)
def test_a_range_holds_for_what_lies_in_it(a: float, b: float, value: float) -> None:
    low, high = sorted((a, b))

    assert read_range(f"{low}..{high}").holds(value) == (low <= value <= high)
    assert read_range(f"<= {high}").holds(value) == (value <= high)
    assert read_range(f">= {low}").holds(value) == (value >= low)
    assert read_range(low) == read_range(str(low)) == read_range(f"{low}..{low}")


@given(st.one_of(st.text(), st.floats(), st.none(), st.lists(st.integers())))
def test_a_range_is_read_or_refused(said: Any) -> None:
    try:
        found = read_range(said)
    except NotAValue:
        return

    assert 0 <= found.low <= found.high
