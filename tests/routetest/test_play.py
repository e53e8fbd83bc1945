"""What comes of route tests: laws over the conformance corpora, and what is judged how."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from designer.conform import litellm, portkey
from designer.conform.case import Case, packaged
from designer.diagnostics import Report
from designer.load import load_config
from designer.routetest import Bench, Result, load_suite, play, ready
from designer.routetest.play import seen_by_engine, traced
from designer.trace import Names

FILL = {"litellm": litellm.fill, "portkey-oss": portkey.fill}
CASES = {f"{name}: {case.id}": (name, case) for name in FILL for case in packaged(name)}
ids = st.sampled_from(sorted(CASES))

LITELLM = {
    "model_list": [
        {"model_name": name, "litellm_params": {"model": f"openai/{name}"}} for name in "AAB"
    ],
    "router_settings": {"num_retries": 1, "fallbacks": [{"A": ["B"]}]},
}


def bench_of(folder: Path, config: Any, *tests: Any) -> Bench:
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    report = Report()
    suite = load_suite(json.dumps({"tests": tests}), str(folder / "t.json"), report)
    assert suite is not None, list(report)
    bench = ready(suite, report, str(folder / "config.json"))
    assert bench is not None, list(report)
    return bench


def played(folder: Path, config: Any, *tests: Any) -> list[Result]:
    bench = bench_of(folder, config, *tests)
    return play(bench, bench.suite.tests, Report())


def as_test(case: Case, expect: Any) -> dict[str, Any]:
    return {**case.said, "name": case.id, "route": case.route, "expect": expect}


def reachable(case: Case, config: Any, folder: Path) -> Case:
    """Without outcomes of targets that no request can come to: those are no deployments."""
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    loaded = load_config(str(folder / "config.json"), Report())
    assert loaded is not None
    ids = Names(loaded.parsed, case.script).ids
    outcomes = {name: v for name, v in case.said.get("outcomes", {}).items() if name in ids}
    return replace(case, said=dict(case.said) | {"outcomes": outcomes})


def as_traced(folder: Path, id_: str) -> tuple[Case, Any, list[dict[str, Any]]]:
    """A case, its configuration, and the expectations that say what the engine makes of it."""
    name, case = CASES[id_]
    config = FILL[name](case.config, lambda number: f"http://127.0.0.1/d/{number}")
    case = reachable(case, config, folder)
    nothing = [{"attempts": ">= 0"} for _ in case.script.asked]
    bench = bench_of(folder, config, as_test(case, nothing))
    [test] = bench.suite.tests
    traces = traced(test, bench.config, Report())
    assert traces is not None
    expect = [
        {
            "status": seen.status,
            "served_by": seen.served_by,
            "attempts": [tried.deployment for tried in seen.attempts],
            "waits_s": list(seen.waits_s),
            "finishes_within": f"{seen.took_s + 0.001:.3f}s",
            "told": seen.told,
        }
        for seen in seen_by_engine(traces, test)
    ]
    return case, config, expect


@given(ids)
def test_what_the_trace_says_is_what_passes(
    tmp_path_factory: pytest.TempPathFactory, id_: str
) -> None:
    folder = tmp_path_factory.mktemp("case")
    case, config, expect = as_traced(folder, id_)

    [result] = played(folder, config, as_test(case, expect))

    assert (result.verdict, result.differences) == ("passed", ())


@given(ids, st.randoms(use_true_random=False))
def test_one_wrong_expectation_is_one_difference(
    tmp_path_factory: pytest.TempPathFactory, id_: str, chance: random.Random
) -> None:
    folder = tmp_path_factory.mktemp("case")
    case, config, expect = as_traced(folder, id_)
    number = chance.randrange(len(expect))
    said = expect[number]
    key = chance.choice(["status", "attempts", "waits_s", "told"])
    said[key] = {
        "status": 599 if said["status"] != 599 else 598,
        "attempts": len(said["attempts"]) + 1,
        "waits_s": [*said["waits_s"], 1.0],
        "told": not said["told"],
    }[key]

    [result] = played(folder, config, as_test(case, expect))

    assert result.verdict == "failed"
    [difference] = result.differences
    assert (difference.key, difference.request) == (key, number + 1 if len(expect) > 1 else 0)


@pytest.mark.parametrize(
    ("expect", "told"),
    [
        ({"status": 200}, []),
        ({"status": 503}, ["status: expected 503, got 200"]),
        ({"served_by": "B#1"}, []),
        ({"served_by": None}, ["served_by: expected nobody, got B#1"]),
        ({"attempts": ["A#1", "A#2", "B#1"]}, []),
        ({"attempts": []}, ["attempts: expected none, got A#1, A#2, B#1"]),
        ({"attempts": "<= 2"}, ["attempts: expected <= 2, got 3"]),
        ({"attempts": "1..3"}, []),
        ({"waits_s": [0, "<= 1"]}, []),
        ({"waits_s": [0]}, ["waits_s: expected 0, got 0, 0"]),
        ({"finishes_within": "1s"}, []),
        ({"asked": ["A#2"]}, []),
        ({"never_asked": ["B#1"]}, ["never_asked: expected B#1, got A#1, A#2, B#1"]),
        ({"told": True}, ["told: expected yes, got no"]),
    ],
)
def test_each_expectation_is_judged(tmp_path: Path, expect: Any, told: list[str]) -> None:
    down = [{"status": 503}]
    test = {
        "name": "x",
        "route": "A",
        "draws": [0.1, 0.9],
        "outcomes": {"A#1": down, "A#2": down},
        "expect": expect,
    }

    [result] = played(tmp_path, LITELLM, test)

    assert [str(difference) for difference in result.differences] == told


def test_a_deployment_goes_by_any_of_its_names(tmp_path: Path) -> None:
    config = {"model_list": [LITELLM["model_list"][0] | {"model_info": {"id": "first"}}]}
    expect = {"served_by": "A#1", "attempts": ["first"]}

    [result] = played(tmp_path, config, {"name": "x", "expect": expect})

    assert result.verdict == "passed"


def config_findings(folder: Path, test: Any, config: str = "config.json") -> list[str]:
    (folder / "config.json").write_text(json.dumps(LITELLM), "utf-8")
    report = Report()
    suite = load_suite(
        json.dumps({"config": config, "tests": [test]}), str(folder / "t.json"), report
    )
    assert suite is not None
    assert ready(suite, report) is None
    return [finding.message for finding in report]


def test_a_name_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    test = {
        "name": "x",
        "route": "A",
        "outcomes": {"A#3": [{"status": 503}]},
        "expect": {"never_asked": ["B#2"]},
    }

    assert config_findings(tmp_path, test) == [
        "no deployment is called `B#2` (did you mean `B#1`?)",
        "no deployment is called `A#3` (did you mean `A#2`?)",
    ]


def test_a_configuration_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    test = {"name": "x", "expect": {"status": 200}}

    [told] = config_findings(tmp_path, test, "nowhere.yaml")

    assert told == f"no configuration to test: there is no {tmp_path}/nowhere.yaml"
    assert config_findings(tmp_path, test, "") == ["no configuration to test: the file names none"]
