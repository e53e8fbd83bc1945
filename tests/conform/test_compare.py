"""Comparing a trace with what was seen: picks are followed, everything else has to agree."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from designer.conform import litellm
from designer.conform.case import Case, read_cases
from designer.conform.compare import TOLERANCE_S, compare
from designer.conform.observed import Observed, Tried
from designer.diagnostics import Report
from designer.gateways.base import Parsed

POOL = {
    "model_list": [
        {"model_name": "A", "litellm_params": {"weight": weight}} for weight in (5, 3, 2)
    ],
    "router_settings": {"disable_cooldowns": True, "num_retries": 4},
}


def case(script: dict[str, Any], config: dict[str, Any] = POOL) -> tuple[Case, Parsed]:
    text = json.dumps([{"id": "c", "config": config, "script": script}])
    (read,) = read_cases([("cases.json", text)], Report())
    filled = litellm.fill(read.config, lambda number: f"http://127.0.0.1/d/{number}")
    parsed = litellm.parser("")(filled, Report())
    assert parsed is not None
    return read, parsed


def seen(*names: str, status: int = 200, gap_s: float = 0.0, told: bool | None = None) -> Observed:
    attempts = tuple(Tried(name, index * gap_s) for index, name in enumerate(names))
    return Observed(attempts, status, told, names[-1] if status == 200 else None)


@given(st.lists(st.sampled_from(["A#1", "A#2"]), max_size=4))
def test_whatever_was_picked_is_picked_again(failed: list[str]) -> None:
    script = {"outcomes": {"A#1": [{"status": 500}], "A#2": [{"status": 503}]}}

    compared = compare(*case(script), [seen(*failed, "A#3")])

    assert compared.differences == ()
    assert [t.deployment for t in compared.traces[0].attempts] == [*failed, "A#3"]


def test_a_pick_that_the_engine_cannot_make_is_a_difference() -> None:
    script = {"outcomes": {"A#1": [{"status": 500}], "A#2": [{"status": 400}]}}

    compared = compare(*case(script), [seen("A#1", "A#2", "A#3")])

    assert "asked A#1 A#2 A#3, traced A#1 A#2" in compared.differences


@pytest.mark.parametrize(
    ("real", "told"),
    [
        (seen("A#1", status=500), "status 500, traced 503"),
        (seen("A#1", "A#1", status=503), "asked A#1 A#1, traced A#1"),
    ],
)
def test_what_differs_is_said(real: Observed, told: str) -> None:
    alone = {
        "model_list": [{"model_name": "A"}],
        "router_settings": {"disable_cooldowns": True, "num_retries": 0},
    }

    compared = compare(*case({"outcomes": {"A#1": [{"status": 503}]}}, alone), [real])

    assert told in compared.differences
    assert not compared.only_times


@pytest.mark.parametrize(
    ("late_s", "agrees"), [(TOLERANCE_S - 0.05, True), (TOLERANCE_S + 0.05, False)]
)
def test_times_agree_within_the_tolerance(late_s: float, agrees: bool) -> None:
    alone = {
        "model_list": [{"model_name": "A"}],
        "router_settings": {"disable_cooldowns": True, "num_retries": 1},
    }
    one, parsed = case({"outcomes": {"A#1": [{"status": 503}, {"status": 200}]}}, alone)
    wait_s = parsed.semantics.backoff.wait_s(0) + parsed.semantics.backoff.jitter_s

    compared = compare(one, parsed, [seen("A#1", "A#1", gap_s=wait_s + late_s)])

    assert (compared.differences == ()) == agrees
    assert compared.only_times == (not agrees)


# --- Many cases in one file -----------------------------------------------------------------------


def _cases(*configs: dict[str, Any]) -> list[Case]:
    listed = [
        {"id": f"c{index}", "config": config, "script": {}} for index, config in enumerate(configs)
    ]
    return list(read_cases([("cases.json", json.dumps(listed))], Report()))


def test_cases_share_a_boot_when_their_settings_are_equal() -> None:
    def config(**router: Any) -> dict[str, Any]:
        return {"model_list": [{"model_name": "A"}], "router_settings": router}

    listed = _cases(
        config(num_retries=1, fallbacks=[{"A": ["B"]}]),
        config(num_retries=1),
        config(num_retries=2),
        config(num_retries=1, context_window_fallbacks=[{"A": ["B"]}]),
        config(num_retries=1, default_fallbacks=["B"]),
        config(num_retries=1, default_fallbacks=["B"]),
    )

    boots = [{one.id for one in group} for group in litellm.boots(listed)]

    assert boots == [{"c0", "c1"}, {"c2"}, {"c3"}, {"c4"}, {"c5"}]


def test_groups_of_different_cases_have_different_names() -> None:
    config = {
        "model_list": [{"model_name": "A"}, {"model_name": "B"}],
        "router_settings": {
            "fallbacks": [{"A": ["B"]}],
            "model_group_alias": {"C": "A"},
            "model_group_retry_policy": {"A": {"TimeoutErrorRetries": 1}},
        },
    }
    listed = _cases(config, config)

    merged = litellm.booted([(one, one.config) for one in listed])

    assert [entry["model_name"] for entry in merged["model_list"]] == [
        *("c0/A", "c0/B", "c1/A", "c1/B")
    ]
    assert merged["router_settings"] == {
        "fallbacks": [{"c0/A": ["c0/B"]}, {"c1/A": ["c1/B"]}],
        "model_group_alias": {"c0/C": "c0/A", "c1/C": "c1/A"},
        "model_group_retry_policy": {
            "c0/A": {"TimeoutErrorRetries": 1},
            "c1/A": {"TimeoutErrorRetries": 1},
        },
    }
