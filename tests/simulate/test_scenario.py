"""Scenario files: what is read, and what is said about what cannot be."""

import json
from math import inf
from typing import Any

import jsonschema
import pytest

from designer.diagnostics import Report
from designer.documents import read_yaml
from designer.engine.outcomes import KINDS
from designer.resources import schema
from designer.simulate import BUILTIN, Scenario, builtin_scenario, load_scenario
from designer.simulate.scenario import Bound, Fault, Target, Traffic

SCHEMA = json.loads(schema("scenario"))

PUBLISHED = """\
version: 1
name: primary-region-down
traffic: {from: profile}           # or {rate: 20/s, for: 30m} in all
faults:
  - {target: {provider: azure}, from: 5m, to: 20m, kind: http, status: 503}
  - {target: {model: 'bedrock/*'}, from: 8m, to: 12m, kind: rate_limit, retry_after: 2s, share: 40%}
  - {target: {region: eu-west-1}, kind: latency, factor: 5}
  - {target: {guardrail: pii}, kind: down}
assert:
  - {route: support-chat, availability: '>= 99.9%', p95: '<= 8s', cost_per_1k: '<= 1.40 USD'}
  - {residency: eu}
  - {attempts_per_request: '<= 4'}
  - {pii_upstream: 0}
"""


def read(text: str) -> Scenario:
    report = Report()
    scenario = load_scenario(text, "s.yaml", report)
    assert scenario is not None
    assert list(report) == []
    return scenario


def said(text: str) -> list[str]:
    report = Report()
    load_scenario(text, "s.yaml", report)
    return [str(finding) for finding in report]


def values(text: str) -> Any:
    document = read_yaml(text, "s.yaml", Report())
    assert document is not None
    return document.value


def bare(item: Fault | Bound) -> Any:
    """Without its place."""
    return {name: getattr(item, name) for name in item.__slots__ if name != "place"}


def test_the_published_example_is_read() -> None:
    scenario = read(PUBLISHED)

    assert scenario.name == "primary-region-down"
    assert scenario.traffic == Traffic()
    assert [bare(fault) for fault in scenario.faults] == [
        bare(Fault(Target(provider="azure"), "http", 300.0, 1200.0, status=503)),
        bare(
            Fault(
                Target(model="bedrock/*"),
                "rate_limit",
                480.0,
                720.0,
                share=0.4,
                status=429,
                retry_after_s=2.0,
            )
        ),
        bare(Fault(Target(region="eu-west-1"), "latency", factor=5.0)),
        bare(Fault(Target(guardrail="pii"), "down", 0.0, inf)),
    ]
    assert [(b.route, b.name, b.compare, b.limit) for b in scenario.bounds] == [
        ("support-chat", "availability", ">=", 0.999),
        ("support-chat", "p95", "<=", 8.0),
        ("support-chat", "cost_per_1k", "<=", 1.4),
        ("", "residency", "", "eu"),
        ("", "attempts_per_request", "<=", 4.0),
        ("", "pii_upstream", "<=", 0.0),
    ]


def test_everything_knows_where_it_stands() -> None:
    scenario = read(PUBLISHED)

    assert [str(fault.place) for fault in scenario.faults][:2] == ["s.yaml:5:5", "s.yaml:6:5"]
    assert str(scenario.bounds[1].place) == "s.yaml:10:53"


def test_a_rate_is_of_all_routes_together() -> None:
    assert read("traffic: {rate: 20/s, for: 30m, factor: 2}").traffic == Traffic(20.0, 1800.0, 2.0)


@pytest.mark.parametrize(
    ("text", "for_s"),
    [
        ("traffic: {from: profile}", 1800.0),
        ("traffic: {from: profile, for: 5m}", 300.0),
        ("faults: [{target: {provider: x}, kind: http, from: 1h, to: 2h}]", 7800.0),
    ],
)
def test_a_run_lasts_as_long_as_said_or_ten_minutes_beyond_its_last_fault(
    text: str, for_s: float
) -> None:
    assert read(text).for_s == for_s


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("- 1", "s.yaml:1:1: error[SIM601] a scenario is to be a mapping, not a list"),
        (
            "fault: []",
            "s.yaml:1:1: error[SIM602] unknown key `fault` in a scenario (did you mean `faults`?)",
        ),
        ("version: 2", "s.yaml:1:1: error[SIM608] `version` is 2; it is to be 1"),
        (
            "faults: [{target: {provider: a}, kind: htpp}]",
            "s.yaml:1:34: error[SIM621] unknown kind of fault `htpp` (did you mean `http`?)",
        ),
        (
            "traffic: {replay: traffic.jsonl, rate: 5/s}",
            "s.yaml:1:34: error[SIM622] `rate` says nothing about traffic that is replayed",
        ),
        (
            "traffic: {rate: 20}",
            "s.yaml:1:11: error[SIM623] `rate`: a bare number where a rate belongs; write the "
            "period, for example `200k/day`, `20/s`",
        ),
        (
            "faults: [{target: {provider: a}, kind: http, from: 5}]",
            "s.yaml:1:46: error[SIM623] `from`: a bare number where a duration belongs; write a "
            "unit, for example `30s`, `800ms`, `5m`, `1h`",
        ),
        (
            "faults: [{target: {provider: a}, kind: http, share: 140%}]",
            "s.yaml:1:46: error[SIM623] `share`: more than 100 %",
        ),
        ("faults: [{kind: http}]", "s.yaml:1:10: error[SIM624] this fault has no target"),
        (
            "faults: [{target: {guardrail: pii}, kind: http}]",
            "s.yaml:1:37: error[SIM625] a guardrail cannot be the target of `http`",
        ),
        (
            "faults: [{target: {provder: a, route: b}, kind: http}]",
            "s.yaml:1:20: error[SIM602] unknown key `provder` in a target (did you mean `provider`?)",
        ),
        (
            "faults: [{target: {provider: a}, kind: timeout, status: 503}]",
            "s.yaml:1:49: warning[SIM626] `status` says nothing about the kind `timeout`; "
            "it is ignored",
        ),
        (
            "faults: [{target: {provider: a}, kind: http, from: 5m, to: 5m}]",
            "s.yaml:1:56: error[SIM627] this fault ends (5m) before it begins (5m)",
        ),
        (
            "faults: [{target: {provider: a}, kind: http, status: 20}]",
            "s.yaml:1:46: error[SIM608] `status` is 20; it is to be at least 200",
        ),
        (
            "assert: [{availabilty: '>= 99%'}]",
            "s.yaml:1:11: error[SIM602] unknown key `availabilty` in an assertion "
            "(did you mean `availability`?)",
        ),
        (
            "assert: [{p95: '<= 8'}]",
            "s.yaml:1:11: error[SIM623] `p95`: not a duration; write for example `800ms`, `2s`, "
            "`5m`, `1h30m`",
        ),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place(text: str, finding: str) -> None:
    assert said(text) == [finding]


def test_all_errors_show_at_once() -> None:
    text = "traffic: {rate: x}\nfaults: [{kind: htpp}, {target: {provider: a}, kind: x}]\n"

    assert len(said(text)) == 4


@pytest.mark.parametrize("name", BUILTIN)
def test_what_comes_along_is_readable_and_keeps_to_the_published_schema(name: str) -> None:
    report = Report()

    scenario = builtin_scenario(name, report)

    assert list(report) == []
    assert scenario is not None
    assert scenario.name == name
    jsonschema.Draft202012Validator(SCHEMA).validate(values(BUILTIN[name]))


def test_the_published_example_keeps_to_the_published_schema() -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(values(PUBLISHED))


def test_the_schema_knows_every_kind() -> None:
    faults = SCHEMA["properties"]["faults"]["items"]["properties"]

    assert faults["kind"]["enum"] == sorted(KINDS)


def test_the_ten_that_were_promised_come_along() -> None:
    assert list(BUILTIN) == [
        *("provider-outage", "region-outage", "rate-limit-storm", "brownout", "slow-first-token"),
        *("stream-cuts", "black-friday", "budget-exhausted", "guardrail-down", "all-down"),
    ]


def test_an_unknown_name_is_an_error() -> None:
    report = Report()

    assert builtin_scenario("provider-outtage", report) is None
    [finding] = report
    assert finding.message == (
        "there is no scenario called `provider-outtage` (did you mean `provider-outage`?)"
    )


EVERYTHING = """\
version: 1
name: everything
replicas: 3
traffic: {from: profile, rate: 20/s, for: 30m, factor: 2, curve: daily, teams: {web: 60%, batch: 0.1}}
faults:
  - {target: {cache: exact}, kind: down, share: 40%, inferred: true}
"""


def test_the_schema_knows_what_is_read_besides() -> None:
    document = read_yaml(EVERYTHING, "s.yaml", Report())
    assert document is not None

    jsonschema.validate(document.value, SCHEMA)

    assert read(EVERYTHING).traffic.teams == {"web": 0.6, "batch": 0.1}


def test_more_than_all_requests_cannot_be_of_teams() -> None:
    report = Report()

    assert load_scenario("traffic: {teams: {web: 60%, batch: 50%}}", "s.yaml", report) is None
    assert [finding.place.path for finding in report] == ["traffic.teams"]
