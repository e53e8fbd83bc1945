"""What of a LiteLLM file becomes a screen, and what is assumed of it."""

import json
from typing import Any

import pytest

from designer.diagnostics import Report
from designer.engine.screens import Fit, Purse, Purses, Screen, Tags, Throughput
from designer.gateways.base import Parsed
from designer.gateways.litellm import LITELLM
from designer.ir import Chain, Pool


def parsed(models: list[dict[str, Any]], **router: Any) -> Parsed:
    text = json.dumps({"model_list": models, "router_settings": router})
    found = LITELLM.parse({"config.json": text}, Report())
    assert found is not None
    return found


def screens(models: list[dict[str, Any]], **router: Any) -> tuple[Screen, ...]:
    return parsed(models, **router).semantics.screens


def model(group: str = "a", info: dict[str, Any] | None = None, **params: Any) -> dict[str, Any]:
    said = {"model": "openai/x"} | params
    return {"model_name": group, "litellm_params": said, "model_info": info or {}}


def test_without_such_settings_nothing_is_screened() -> None:
    assert screens([model(tags=["x"], rpm=3, region_name="eu", max_budget=1)]) == ()


def test_tags_count_where_the_router_or_the_group_says_so() -> None:
    models = [
        model("a", tags=["x", 3]),
        model("b", {"enable_tag_filtering": False}, tags=["y"]),
        model("c"),
    ]

    (everywhere,) = screens(models, enable_tag_filtering=True, tag_filtering_match_any=False)

    assert isinstance(everywhere, Tags)
    assert everywhere.tags == {"a#1": ("x",), "c#1": ()}
    assert not everywhere.any_of


def test_pre_call_checks_read_windows_rates_and_regions() -> None:
    models = [model(info={"max_input_tokens": 20}, rpm=3, region_name="eu"), model(rpm="3")]

    (fit,) = screens(models, enable_pre_call_checks=True)

    assert isinstance(fit, Fit)
    assert fit.max_input_tokens == {"a#1": 20}
    assert (fit.rpm, fit.regions) == ({"a#1": 3}, {"a#1": "eu"})


@pytest.mark.parametrize(
    ("period", "seconds"),
    [("30s", 30.0), ("2m", 120.0), ("1h", 3600.0), ("1d", 86400.0), ("1mo", 2592000.0)],
)
def test_budgets_are_of_providers_and_of_deployments(period: str, seconds: float) -> None:
    price = {"input_cost_per_token": 2e-6, "output_cost_per_token": 4e-6}
    models = [
        model(max_budget=5, budget_duration=period, **price),
        model(model="groq/y"),
        model(max_budget=5),
    ]
    budgets = {"groq": {"budget_limit": 1, "time_period": period}, "azure": {"budget_limit": 1}}

    found = parsed(models, provider_budget_config=budgets)

    (purses,) = found.semantics.screens
    assert isinstance(purses, Purses)
    assert purses.purses == (
        Purse("provider groq", frozenset({"a#2"}), 1.0, seconds),
        Purse("deployment a#1", frozenset({"a#1"}), 5.0, seconds),
    )
    assert purses.usd_per_token == {"a#1": (2e-6, 4e-6)}
    assert any("what a#2 cost is not in the file" in said for said in found.semantics.assumptions)


def test_rates_are_limits_of_the_pick_where_usage_decides() -> None:
    models = [model(rpm=3), model(info={"tpm": 100}), model("b", rpm=5)]
    group = {"group_name": "g", "models": ["a"], "routing_strategy": "usage-based-routing-v2"}

    found = parsed(models, routing_groups=[group])

    (room,) = found.semantics.screens
    assert isinstance(room, Throughput)
    assert (room.rpm, room.tpm, room.spare_requests) == ({"a#1": 3.0}, {"a#2": 100.0}, 1)


def test_budgets_come_before_checks_and_those_before_tags() -> None:
    models = [model(max_budget=1, budget_duration="1d", tags=["x"], rpm=3)]
    settings = {"enable_tag_filtering": True, "enable_pre_call_checks": True}

    found = screens(models, routing_strategy="usage-based-routing-v2", **settings)

    assert [type(screen) for screen in found] == [Purses, Fit, Tags, Throughput]
    assert isinstance(found[1], Fit)
    assert not found[1].rpm


def test_a_routing_group_can_be_asked_for_and_orders_its_models() -> None:
    by_priority = {"routing_strategy": "priority", "model_priorities": {"a": 2, "b": 1}}
    group = {"group_name": "g", "models": ["a", "b"]} | by_priority

    found = parsed([model("a"), model("b"), model("c")], routing_groups=[group])

    node = found.routing.route("g").node
    assert isinstance(node, Chain)
    assert [route.name for route in found.routing.routes] == ["a", "b", "c", "g"]


def test_a_routing_group_picks_in_its_own_way() -> None:
    group = {"group_name": "g", "models": ["a"], "routing_strategy": "least-busy"}

    found = parsed([model("a"), model("a"), model("b"), model("b")], routing_groups=[group])

    picks = {
        route.name: node.pick
        for route in found.routing.routes
        for node in (getattr(route.node, "child", route.node),)
        if isinstance(node, Pool)
    }
    assert picks == {"a": "least_busy", "b": "weighted", "g": "least_busy"}


# --- What is in flight ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "most"),
    [
        ({}, None),
        ({"max_parallel_requests": 3, "rpm": 9, "tpm": 9000}, 3),
        ({"max_parallel_requests": 0, "rpm": 9}, None),
        ({"rpm": 9, "tpm": 9000}, 9),
        ({"rpm": 0, "tpm": 9000}, None),
        ({"tpm": 9000}, 54),
        ({"tpm": 100}, 1),
    ],
)
def test_a_deployment_has_the_slots_that_the_router_reckons(
    params: dict[str, Any], most: int | None
) -> None:
    slots = {} if most is None else {"a#1": most}

    assert parsed([model(**params)]).semantics.slots == slots


def test_the_routers_default_is_for_those_that_say_nothing() -> None:
    models = [model(), model(tpm=100), model(max_parallel_requests=0)]

    assert parsed(models, default_max_parallel_requests=2).semantics.slots == {"a#1": 2, "a#2": 1}


def test_nothing_is_assumed_of_limits_that_are_played() -> None:
    without = parsed([model()]).semantics.assumptions
    limited = parsed([model(max_parallel_requests=1)], default_max_parallel_requests=2)

    assert limited.semantics.assumptions == without
