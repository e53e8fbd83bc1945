"""What a derived profile's plan means is what the configuration meant, for every configuration."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from designer.adopt.compare import differing
from designer.adopt.derive import is_alias
from designer.adopt.litellm import made_up_ids
from designer.diagnostics import Report
from designer.emit import render, to_yaml
from designer.gateways.legalize import legalize
from designer.gateways.litellm.tables import SECRET_SETTINGS
from designer.gateways.registry import GATEWAYS
from designer.ir import Routing, deployments_of
from tests.adopt.adopting import Taken, read, take
from tests.conformance.litellm_strategies import light
from tests.conformance.portkey_strategies import nodes
from tests.gateways_laws.test_litellm import written_by_hand
from tests.gateways_laws.test_openrouter import bodies
from tests.strategies import routings

pytestmark = pytest.mark.slow

laws = settings(suppress_health_check=list(HealthCheck))


def holds(token: str, texts: dict[str, str]) -> Taken:
    """For what the gateway reads, as far as its routes have names that an alias can have."""
    config = read(token, texts)
    assume(config is not None)
    assert config is not None
    names = [is_alias(route.name) for route in config.parsed.routing.routes]
    assume(any(names) if token == "litellm" else all(names))
    taken = take(config)
    assert taken.adopted is not None, list(map(str, taken.report))
    assert_same_meaning(token, taken)
    event("planned" if taken.plan is not None and taken.plan.chains else "given")
    return taken


def assert_same_meaning(token: str, taken: Taken) -> None:
    assert taken.after is not None
    before, after = taken.before.routing, taken.after.routing
    made_up = frozenset[str]()
    if token == "litellm":
        made_up = made_up_ids(before, taken.before.documents[0].value)
    assert not differing(public(before), public(after), made_up)
    assert_secrets_stay(before, after)


def public(routing: Routing) -> Routing:
    """Without credentials, of which a name takes the place of what was written out."""
    return replace(
        routing,
        deployments=tuple(
            replace(
                deployment,
                secret=None,
                settings=tuple(s for s in deployment.settings if s[0] not in SECRET_SETTINGS),
            )
            for deployment in routing.deployments
        ),
    )


def assert_secrets_stay(before: Routing, after: Routing) -> None:
    for route in before.routes:
        ids = zip(
            deployments_of(route.node),
            deployments_of(after.route(route.name).node),
            strict=True,
        )
        for one, other in ids:
            assert before.deployment(one).secret in (None, after.deployment(other).secret)


def emitted(token: str, wish: Routing) -> dict[str, str]:
    gateway = GATEWAYS[token]
    legal = legalize(wish, gateway, Report())
    return {file.path: render(gateway.folder, file) for file in gateway.lower(legal, {})}


@laws
@pytest.mark.parametrize("token", [token for token in GATEWAYS if token != "openrouter"])
@given(routings())
def test_what_is_emitted_for_any_routing_can_be_adopted(token: str, wish: Routing) -> None:
    holds(token, emitted(token, wish))


@laws
@given(written_by_hand())
def test_any_hand_written_litellm_file_can_be_adopted(config: dict[str, Any]) -> None:
    holds("litellm", {"config.yaml": to_yaml(config)})


@laws
@given(light())
def test_any_generated_litellm_router_can_be_adopted(case: dict[str, Any]) -> None:
    for entry in case["config"]["model_list"]:
        entry["litellm_params"] = {"model": "openai/gpt-4o", **entry.get("litellm_params", {})}
    holds("litellm", {"config.yaml": to_yaml(case["config"])})


@laws
@pytest.mark.parametrize("token", ["portkey-oss", "portkey-cloud"])
@given(nodes(2))
def test_any_portkey_strategy_can_be_adopted(token: str, config: dict[str, Any]) -> None:
    holds(token, {"support.json": json.dumps(config)})


@st.composite
def openrouter_files(draw: st.DrawFn) -> dict[str, str]:
    """Requests alone, and with what may stand beside them."""
    requests = draw(st.lists(bodies(), min_size=1, max_size=3))
    files: dict[str, Any] = {f"r{n}.json": body for n, body in enumerate(requests)}
    if draw(st.booleans()):
        files["x.json"] = {"data": {"slug": "x", "config": draw(bodies())}}
    if draw(st.booleans()):
        rail = {"slug": "email", "action": draw(st.sampled_from(["redact", "block", "flag"]))}
        files["rail.json"] = {"name": "rail", "content_filter_builtins": [rail]}
    if draw(st.booleans()):
        timeout_s = draw(st.sampled_from([None, 30, "x"]))
        files["client.json"] = {"routes": {"r0": {"folder": "r0", "timeout_s": timeout_s}}}
    return {path: json.dumps(value) for path, value in files.items()}


@laws
@given(openrouter_files())
def test_any_openrouter_files_can_be_adopted(files: dict[str, str]) -> None:
    holds("openrouter", files)


# --- LiteLLM files of the usual kind --------------------------------------------------------------

MODELS = (
    *("openai/gpt-4o", "openai/gpt-4o-mini", "openai/gpt-5.2", "anthropic/claude-sonnet-4-6"),
    *("gemini/gemini-2.5-flash", "groq/llama-3.3-70b-versatile", "mistral/mistral-small-latest"),
    *("gpt-4o", "openai/nobody-knows-this"),
)
NAMES = ("chat", "coder", "openai/gpt-4o", "*", "summaries")


@st.composite
def usual(draw: st.DrawFn) -> dict[str, Any]:
    """Known models under a few names, with what people add to them."""
    params = st.fixed_dictionaries(
        {"model": st.sampled_from(MODELS)},
        optional={
            "api_key": st.sampled_from(["os.environ/A_KEY", "os.environ/B_KEY", "plain-text-key"]),
            "api_base": st.sampled_from(["https://eu.example.com/v1", "os.environ/BASE"]),
            "timeout": st.sampled_from([30, 600, 0.5]),
            "order": st.integers(1, 2),
            "weight": st.integers(1, 3),
            "rpm": st.integers(1, 100),
            "temperature": st.sampled_from([0, 0.7]),
            "input_cost_per_token": st.sampled_from([0, 0.000001]),
            "max_retries": st.just(3),
        },
    )
    info = st.fixed_dictionaries(
        {},
        optional={
            "id": st.sampled_from(["one", "two", "three"]),
            "mode": st.sampled_from(["chat", "image_generation"]),
            "description": st.just("ours"),
        },
    )
    entry = st.fixed_dictionaries(
        {"model_name": st.sampled_from(NAMES), "litellm_params": params},
        optional={"model_info": info},
    )
    lists = st.lists(
        st.dictionaries(
            st.sampled_from(NAMES),
            st.lists(st.sampled_from(NAMES), min_size=1, max_size=2),
            min_size=1,
            max_size=1,
        ),
        max_size=2,
    )
    shared: dict[str, st.SearchStrategy[Any]] = {
        "num_retries": st.integers(0, 25),
        "fallbacks": lists,
        "context_window_fallbacks": lists,
    }
    return draw(
        st.fixed_dictionaries(
            {"model_list": st.lists(entry, min_size=1, max_size=4)},
            optional={
                "router_settings": st.fixed_dictionaries(
                    {},
                    optional={
                        **shared,
                        "timeout": st.sampled_from([60, 600]),
                        "routing_strategy": st.sampled_from(["simple-shuffle", "least-busy"]),
                        "allowed_fails": st.integers(0, 4),
                        "cooldown_time": st.sampled_from([5, 60]),
                        "enable_pre_call_checks": st.booleans(),
                        "model_group_alias": st.just({"old": "chat"}),
                    },
                ),
                "litellm_settings": st.fixed_dictionaries(
                    {},
                    optional={
                        **shared,
                        "request_timeout": st.sampled_from([60, 600]),
                        "callbacks": st.just(["langfuse"]),
                        "turn_off_message_logging": st.booleans(),
                    },
                ),
                "general_settings": st.fixed_dictionaries(
                    {},
                    optional={
                        "master_key": st.sampled_from(
                            ["os.environ/LITELLM_MASTER_KEY", "os.environ/OTHER", "sk-1234"]
                        ),
                        "database_url": st.just("postgresql://u:hunter2@db/x"),
                    },
                ),
            },
        )
    )


@laws
@given(usual())
def test_a_usual_litellm_file_is_adopted_and_nothing_it_says_is_lost(
    config: dict[str, Any],
) -> None:
    taken = holds("litellm", {"config.yaml": to_yaml(config)})

    assert taken.adopted is not None
    assert taken.plan is not None
    assert "hunter2" not in taken.adopted.text
    assert "plain-text-key" not in taken.adopted.text
    said = taken.plan.texts["litellm/config.yaml"]
    for key in ("max_retries", "description", "temperature", "rpm", "callbacks", "master_key"):
        if f"{key}: " in to_yaml(config):
            assert f"{key}: " in said


@laws
@given(usual())
def test_a_derived_profile_is_the_same_each_time(config: dict[str, Any]) -> None:
    found = read("litellm", {"config.yaml": to_yaml(config)})
    assert found is not None

    one, other = take(found).adopted, take(found).adopted

    assert one is not None
    assert other is not None
    assert one.text == other.text
