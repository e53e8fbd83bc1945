"""What LiteLLM 1.109 does differently from 1.106: each difference with what both make of one file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from msgspec import Struct

from designer.cli import cli
from designer.diagnostics import Report
from designer.engine.semantics import PHASES
from designer.gateways.litellm import LITELLM
from designer.gateways.litellm.versions import habits
from designer.ir import STATUS_OF
from designer.load import load_config
from designer.trace import Trace, load_outcomes, trace


class Difference(Struct, frozen=True):
    router: dict[str, Any]
    outcomes: dict[str, list[dict[str, Any]]]
    old: list[str]
    """For each request: who is asked in 1.106, and the status that the caller gets."""
    new: list[str]
    groups: str = "AB"
    calls: int = 1
    stream: bool = False


def failing(status: int) -> list[dict[str, Any]]:
    return [{"status": status}]


NO_RETRIES = {"num_retries": 0}
TO_B = {"fallbacks": [{"A": ["B"]}]}

DIFFERENCES = {
    "a refusal falls to the generic list where the typed one is another group's": Difference(
        NO_RETRIES | TO_B | {"content_policy_fallbacks": [{"Z": ["B"]}]},
        {"A#1": [{"kind": "content_policy"}]},
        old=["A#1 400"],
        new=["A#1 B#1 200"],
    ),
    "a context-window error still does not": Difference(
        NO_RETRIES | TO_B | {"context_window_fallbacks": [{"Z": ["B"]}]},
        {"A#1": [{"kind": "context_length"}]},
        old=["A#1 400"],
        new=["A#1 400"],
    ),
    "allowed_fails: 3 is no longer taken for unset": Difference(
        NO_RETRIES | {"allowed_fails": 3, "cooldown_time": 60, "routing_strategy": "least-busy"},
        {"A#1": failing(429)},
        groups="AA",
        calls=6,
        old=["A#1 429", *["A#2 200"] * 5],
        new=["A#1 429", "A#1 429", "A#1 429", "A#1 429", "A#2 200", "A#2 200"],
    ),
    "a group of one without fallbacks is spared by allowed_fails": Difference(
        NO_RETRIES | {"allowed_fails": 1, "cooldown_time": 60},
        {"A#1": failing(500)},
        calls=4,
        old=["A#1 500", "A#1 500", " 429", " 429"],
        new=["A#1 500", "A#1 500", "A#1 500", "A#1 500"],
    ),
    "one with fallbacks is not": Difference(
        NO_RETRIES | TO_B | {"allowed_fails": 1, "cooldown_time": 60},
        {"A#1": failing(500)},
        calls=3,
        old=["A#1 B#1 200", "A#1 B#1 200", "B#1 200"],
        new=["A#1 B#1 200", "A#1 B#1 200", "B#1 200"],
    ),
    "nor is one whose failure allowed_fails_policy names": Difference(
        NO_RETRIES
        | {
            "allowed_fails": 1,
            "cooldown_time": 60,
            "allowed_fails_policy": {"RateLimitErrorAllowedFails": 0},
        },
        {"A#1": [{"status": 500}, {"status": 500}, {"status": 500}, {"status": 429}]},
        calls=5,
        old=["A#1 500", "A#1 500", " 429", " 429", " 429"],
        new=["A#1 500", "A#1 500", "A#1 500", "A#1 429", " 429"],
    ),
    "without allowed_fails a wrong key still cools it": Difference(
        NO_RETRIES,
        {"A#1": failing(401)},
        calls=2,
        old=["A#1 401", " 429"],
        new=["A#1 401", " 429"],
    ),
    "a stream that breaks before its first chunk is retried first": Difference(
        TO_B | {"num_retries": 1},
        {"A#1": [{"kind": "cut_stream", "after_chunks": 0}]},
        stream=True,
        old=["A#1 B#1 200"],
        new=["A#1 A#1 B#1 200"],
    ),
    "so is one that is silent for longer than stream_timeout": Difference(
        TO_B | {"num_retries": 1, "stream_timeout": 1},
        {"A#1": [{"first_token_s": 3}]},
        stream=True,
        old=["A#1 B#1 200"],
        new=["A#1 A#1 B#1 200"],
    ),
    "one name instead of a list is not taken": Difference(
        NO_RETRIES | {"fallbacks": [{"A": "B"}]},
        {"A#1": failing(500)},
        old=["A#1 B#1 200"],
        new=["A#1 500"],
    ),
}


def config(groups: str, router: dict[str, Any]) -> str:
    models = [{"model_name": g, "litellm_params": {"model": "openai/x"}} for g in groups]
    return json.dumps({"model_list": models, "router_settings": router})


def played(one: Difference, version: str) -> list[str]:
    request = {"route": "A", "stream": one.stream}
    script = load_outcomes(
        json.dumps(
            {
                "requests": [request | {"at_s": float(n)} for n in range(one.calls)],
                "outcomes": one.outcomes,
            }
        ),
        "outcomes.json",
        Report(),
    )
    parsed = LITELLM.parse({"config.json": config(one.groups, one.router)}, Report(), version)
    assert script is not None
    assert parsed is not None
    traces = trace(parsed, script, Report())
    assert traces is not None
    return [told(trace) for trace in traces]


def told(one: Trace) -> str:
    return " ".join([*(tried.deployment for tried in one.attempts), str(one.final.status)])


@pytest.mark.parametrize("name", DIFFERENCES)
def test_each_version_does_as_it_does(name: str) -> None:
    one = DIFFERENCES[name]

    assert played(one, "1.106") == [text.strip() for text in one.old]
    assert played(one, "1.109") == [text.strip() for text in one.new]


def test_one_name_instead_of_a_list_is_told_where_it_stops_the_proxy() -> None:
    text = config("AB", {"fallbacks": [{"A": "B"}]})
    old, new = Report(), Report()

    LITELLM.parse({"config.json": text}, old, "1.106")
    LITELLM.parse({"config.json": text}, new, "1.109.1")

    assert [d.code for d in old] == []
    assert [d.code for d in new] == ["PAR516"]


@pytest.mark.parametrize(
    ("version", "nearest"),
    [("", "1.106"), ("1.83", "1.106"), ("1.107", "1.106"), ("1.108", "1.109"), ("1.140", "1.109")]
    + [("2.0", "1.109"), ("next", "1.106")],
)
def test_an_unknown_version_has_the_nearest_table(version: str, nearest: str) -> None:
    assert habits(version).version == nearest


def test_only_what_was_measured_counts_as_verified() -> None:
    assert LITELLM.semantics("1.106.2").verified
    for version in ("1.107", "1.109", "1.109.1", "next"):
        assert not LITELLM.semantics(version).verified
    assert "hybrid" in LITELLM.semantics("1.109").doubt
    assert "that of 1.109" in LITELLM.semantics("1.110").doubt


def test_every_failure_has_a_row_in_1_109() -> None:
    table = LITELLM.semantics("1.109")

    for failure in (*STATUS_OF, *map(str, range(300, 600))):
        for phase in PHASES:
            for group in (1, 2):
                for healthy in (True, False):
                    assert table.row(failure, phase, group, healthy).source


@pytest.mark.parametrize(
    ("token", "codes"),
    [
        ("litellm", []),
        ("litellm@1.106", []),
        ("litellm@1.109", ["PAR517"]),
        ("litellm@1.107", ["PAR517"]),
    ],
)
def test_a_token_chooses_the_version_and_a_doubt_is_told(
    token: str, codes: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(config("A", {}), "utf-8")
    report = Report()

    loaded = load_config(str(path), report, token)

    assert loaded is not None
    assert [d.code for d in report] == codes
    assert loaded.parsed.semantics.version == (token.partition("@")[2] or "1.106")


def test_trace_takes_a_token_with_a_version(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(config("A", NO_RETRIES), "utf-8")
    outcomes = tmp_path / "outcomes.json"
    outcomes.write_text("{}", "utf-8")

    done = CliRunner().invoke(
        cli, ["trace", str(path), "--outcomes", str(outcomes), "--gateway", "litellm@1.107"]
    )

    assert done.exit_code == 0, done.output
    assert "that of 1.106" in done.stderr
    assert "assumed: litellm 1.107 is not measured" in done.stdout
