"""LiteLLM's dialect: laws over random Routings, then stories."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from designer.diagnostics import Report
from designer.documents import read_json, read_yaml
from designer.emit import render, to_yaml
from designer.engine.semantics import PHASES
from designer.gateways.base import Parsed, Terms
from designer.gateways.legalize import legalize
from designer.gateways.litellm import LITELLM
from designer.gateways.litellm.tables import ENTITIES
from designer.ir import (
    ANY,
    REFUSALS,
    STATUS_OF,
    TRANSIENT,
    Chain,
    Cooldown,
    Deployment,
    Guardrail,
    Pool,
    Retry,
    Route,
    Routing,
    Rung,
    Target,
    failures,
    walk,
)
from designer.validate import check_files
from tests.golden import assert_golden
from tests.strategies import names, routings

laws = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def legal(routing: Routing) -> Routing:
    return legalize(routing, LITELLM, Report())


def texts(routing: Routing) -> dict[str, str]:
    return {file.path: render(LITELLM.folder, file) for file in LITELLM.lower(routing, {})}


def parsed(files: Mapping[str, str]) -> Parsed:
    report = Report()
    found = LITELLM.parse(files, report)
    assert found is not None, list(map(str, report))
    return found


@laws
@given(routings())
def test_parse_reads_back_what_lower_wrote(wish: Routing) -> None:
    routing = legal(wish)

    found = parsed(texts(routing))

    assert found.routing == routing
    assert found.not_analysed == ()


@laws
@given(routings())
def test_what_is_legal_is_left_alone_and_nothing_is_said(wish: Routing) -> None:
    routing = legal(wish)
    report = Report()

    again = legalize(routing, LITELLM, report)

    assert again == routing
    assert list(map(str, report)) == []


@laws
@given(routings())
def test_every_feature_taken_out_stays_out(wish: Routing) -> None:
    routing = wish
    for lack in LITELLM.lacks:
        routing = lack.feature.without(routing)
        assert lack.feature.without(routing) == routing, lack.feature.name


@laws
@given(routings())
def test_emitted_files_keep_every_value_and_satisfy_their_schema(wish: Routing) -> None:
    routing = legal(wish)
    files = LITELLM.lower(routing, {})
    report = Report()

    for file in files:
        text = render(LITELLM.folder, file)
        for version in ("1.1", "1.2"):
            as_json = file.path.endswith(".json")
            document = (
                read_json(text, file.path, report)
                if as_json
                else read_yaml(text, file.path, report, version)
            )
            assert document is not None
            assert document.value == file.values
    check_files(LITELLM, routing, files, texts(routing), report)

    assert list(map(str, report)) == []


@laws
@given(routings())
def test_the_same_input_gives_the_same_bytes(wish: Routing) -> None:
    assert texts(legal(wish)) == texts(legal(wish))


_KEYS = [
    *("model_list", "model_name", "litellm_params", "model_info", "model", "id", "order", "weight"),
    *(
        "router_settings",
        "litellm_settings",
        "fallbacks",
        "context_window_fallbacks",
        "num_retries",
    ),
    *(
        "model_group_alias",
        "retry_policy",
        "model_group_retry_policy",
        "RateLimitErrorRetries",
        "a",
    ),
    *("cooldown_time", "allowed_fails", "guardrails", "guardrail_name", "patterns", "mode", "*"),
    *("default_fallbacks", "timeout", "api_key", "rpm", "routing_strategy", "max_fallbacks"),
]
_values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 9) | st.floats() | names,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=4)
    ),
    max_leaves=12,
)


@st.composite
def written_by_hand(draw: st.DrawFn) -> dict[str, Any]:
    """Configurations with the right outline and anything at all in it."""
    group = st.sampled_from(["a", "b", "c"])
    params = st.fixed_dictionaries(
        {"model": st.sampled_from(["openai/x", "gpt-4o", "who/knows", "azure/"])},
        optional={
            "order": st.integers(0, 3) | names,
            "weight": st.integers(0, 3) | names,
            "rpm": st.integers(0, 100),
            "num_retries": st.integers(-1, 3) | st.just("2"),
            "cooldown_time": st.sampled_from([0, 5, -1, "x"]),
            "api_key": st.sampled_from(["os.environ/K", "sk-written-out", 3]),
            "timeout": st.sampled_from([1, "2", 0, None]),
        },
    )
    entry = st.fixed_dictionaries(
        {"model_name": group, "litellm_params": params},
        optional={"model_info": st.fixed_dictionaries({}, optional={"id": names, "order": names})},
    )
    fallbacks = st.lists(
        st.dictionaries(group | st.just("*"), st.lists(group | _values, max_size=3), max_size=2),
        max_size=3,
    )
    router = st.fixed_dictionaries(
        {},
        optional={
            "fallbacks": fallbacks,
            "context_window_fallbacks": fallbacks,
            "content_policy_fallbacks": fallbacks,
            "model_group_alias": st.dictionaries(names, group | _values, max_size=2),
            "retry_policy": st.just({"RateLimitErrorRetries": 3, "DefaultRetries": 1}) | _values,
            "allowed_fails": st.integers(0, 4),
            "cooldown_time": st.integers(0, 30),
            "routing_strategy": st.sampled_from(["least-busy", "round-robin", None]),
            "disable_cooldowns": st.booleans(),
            "num_retries": st.integers(-1, 3),
        },
    )
    return draw(
        st.fixed_dictionaries(
            {"model_list": st.lists(entry | _values, max_size=5)},
            optional={"router_settings": router, "guardrails": _values, "x": _values},
        )
    )


def mixed_retries() -> dict[str, Any]:
    """Counts of their own, which turn into the whole file's once the file is written again."""

    def entry(name: str, **params: Any) -> dict[str, Any]:
        return {"model_name": name, "litellm_params": {"model": "openai/x"} | params}

    return {
        "model_list": [
            entry("a", order=0, num_retries="2"),
            entry("a"),
            entry("c"),
            entry("c", num_retries="2"),
        ],
        "router_settings": {"num_retries": 0},
    }


@laws
@given(written_by_hand())
@example(mixed_retries())
def test_a_hand_written_configuration_can_be_emitted_again(config: dict[str, Any]) -> None:
    found = parsed({"config.yaml": to_yaml(config)})
    routing = legal(found.routing)

    assert parsed(texts(routing)).routing == routing
    assert "sk-written-out" not in repr(found)


@laws
@given(
    st.dictionaries(
        st.sampled_from(["a.yaml", "litellm/config.yaml", "x.json", "compose.yml"]),
        st.one_of(st.text(max_size=40), st.just("model_list:\n- {"), st.just("model_list: []")),
    )
)
def test_any_text_is_parsed_or_refused_with_a_finding(files: dict[str, str]) -> None:
    report = Report()

    found = LITELLM.parse(files, report)

    assert found is not None or report.has_errors


# --- Stories --------------------------------------------------------------------------------------

FALLS = ANY - REFUSALS - failures(400, 402, 405, 406, 409, 410, 411, 413, 414, 415, 422)


def planned() -> tuple[Routing, dict[str, Terms]]:
    """What the planner makes of a chat over two providers, a pool and an embedding."""
    azure = Deployment(
        "support/azure-se/gptx",
        "azure",
        "gptx-prod",
        api_base="https://example.openai.azure.com",
        secret="env:AZURE_SE_KEY",
        region="swedencentral",
        settings=(("api_version", "2024-10-21"),),
        params=(("max_tokens", 800),),
        timeout_s=30.0,
        first_token_s=10.0,
        cooldown=Cooldown(30.0, 1),
    )
    bedrock = replace(
        azure,
        id="support/bedrock/claude",
        provider="bedrock",
        model="eu.anthropic.claude",
        api_base=None,
        secret="env:AWS_ACCESS_KEY_ID",
        region="eu-central-1",
        settings=(),
    )
    vertex = replace(
        bedrock,
        id="support/vertex/claude",
        provider="vertex",
        secret="env:GOOGLE_APPLICATION_CREDENTIALS",
        region="europe-west1",
    )
    shared = {"timeout_s": 30.0, "cooldown": Cooldown(30.0, 1)}
    groq, ollama = (
        Deployment(f"bulk/{p}/llama", p, "llama", secret=s, **shared)  # type: ignore[arg-type]
        for p, s in (("groq", "env:GROQ_API_KEY"), ("ollama", None))
    )
    vectors = Deployment("vectors/cohere/embed", "cohere", "embed-4", secret="env:CO", **shared)  # type: ignore[arg-type]
    chain = [azure, bedrock, vertex]
    rungs = tuple(
        Rung(Retry(Target(d.id), 2, TRANSIENT), FALLS if i else ANY) for i, d in enumerate(chain)
    )
    pool = Pool((Target(groq.id), Target(ollama.id)), (0.9, 0.1))
    routing = Routing(
        (
            Route("support", Chain(rungs), deadline_s=60.0, attempts_limit=4),
            Route("bulk", Retry(pool, 2, TRANSIENT)),
            Route("vectors", Retry(Target(vectors.id), 2, TRANSIENT), embeds=True),
        ),
        (*chain, groq, ollama, vectors),
        (
            Guardrail(
                "pii", "pii", frozenset({"input", "output"}), "redact", ("email", "phone", "iban")
            ),
            Guardrail("dosage", "deny", frozenset({"input"}), "block", pattern="lethal dose"),
        ),
        (("chat", "support"),),
    )
    priced = {
        "input_usd_per_mtok": Decimal("2.5"),
        "output_usd_per_mtok": Decimal(10),
        "max_input_tokens": 128_000,
    }
    terms = {
        azure.id: Terms("azure/gptx", reason="cheapest that meets every requirement", **priced),  # type: ignore[arg-type]
        bedrock.id: Terms("eu.anthropic.claude", max_input_tokens=200_000, reason="other provider"),
    }
    return routing, terms


def test_a_planned_chain_is_written_word_for_word() -> None:
    routing, terms = planned()
    report = Report()

    routing = legalize(routing, LITELLM, report)

    files = (*LITELLM.lower(routing, terms), *LITELLM.artefacts(routing, terms, "eu support", ()))
    found = {file.path: render(LITELLM.folder, file) for file in files}
    assert_golden("litellm/planned", found | {"losses.txt": "".join(f"{d}\n" for d in report)})


def test_prices_and_windows_survive() -> None:
    routing, terms = planned()
    (file,) = LITELLM.lower(legal(routing), terms)

    found = parsed({file.path: render(LITELLM.folder, file)}).terms

    assert found["support/azure-se/gptx"] == replace(terms["support/azure-se/gptx"], reason="")


def test_a_database_is_never_asked_for() -> None:
    routing, terms = planned()

    assert "database" not in "".join(texts(legal(routing)).values())


def test_every_variable_of_the_configuration_is_in_the_example() -> None:
    routing, terms = planned()
    routing = legal(routing)
    example = render(LITELLM.folder, LITELLM.artefacts(routing, terms, "x", ())[0])

    named = set(re.findall(r"os\.environ/(\w+)", "".join(texts(routing).values())))

    assert set(re.findall(r"^(\w+)=$", example, re.M)) == named


def test_a_written_out_secret_is_not_kept() -> None:
    text = """
model_list:
  - model_name: a
    litellm_params: {model: bedrock/x, api_key: sk-live, aws_secret_access_key: hush, aws_region_name: eu-west-1}
"""

    found = parsed({"config.yaml": text})

    assert "sk-live" not in repr(found)
    assert "hush" not in repr(found)
    assert found.routing.deployments[0].region == "eu-west-1"


def test_the_timeout_of_litellm_settings_counts_before_the_routers() -> None:
    """Measured, LiteLLM 1.106.2, 2026-11-24: with 5 s there and 1 s here an answer after 2 s came through."""
    text = """
model_list:
  - {model_name: a, litellm_params: {model: openai/x}}
  - {model_name: b, litellm_params: {model: openai/x, timeout: 3}}
router_settings: {timeout: 1}
litellm_settings: {request_timeout: 5}
"""

    found = parsed({"config.yaml": text}).routing

    assert [d.timeout_s for d in found.deployments] == [5, 3]


def test_an_alias_hides_a_group_of_its_name_and_is_followed_once() -> None:
    """Measured, LiteLLM 1.106.2, 2026-11-24."""
    text = """
model_list:
  - {model_name: a, litellm_params: {model: openai/x}}
  - {model_name: b, litellm_params: {model: openai/y}}
  - {model_name: c, litellm_params: {model: openai/z}}
router_settings:
  num_retries: 0
  model_group_alias: {a: b, b: c, d: a}
"""

    found = parsed({"config.yaml": text}).routing

    assert {n: found.route(n).node for n in "abcd"} == {
        "a": Target("b#1"),
        "b": Target("c#1"),
        "c": Target("c#1"),
        "d": Target("a#1"),
    }


def test_ids_are_the_given_ones_or_count_within_their_group() -> None:
    text = """
model_list:
  - {model_name: a, litellm_params: {model: gpt-4o}}
  - {model_name: b, litellm_params: {model: openai/x}, model_info: {id: own}}
  - {model_name: a, litellm_params: {model: vertex_ai/y}}
  - {model_name: b, litellm_params: {model: openai/x}, model_info: {id: own}}
"""
    report = Report()

    found = LITELLM.parse({"config.yaml": text}, report)

    assert found is not None
    assert [d.id for d in found.routing.deployments] == ["a#1", "own", "a#2", "b#2"]
    assert [d.provider for d in found.routing.deployments] == [
        "openai",
        "openai",
        "vertex",
        "openai",
    ]
    assert found.names == {"b#1": "own"}
    assert [str(d) for d in report] == [
        "config.yaml:6:69: warning[PAR512] two deployments have the id 'own'; "
        "the second is called 'b#2' here"
    ]
    assert str(found.places["a#2"]) == "config.yaml:5:5"


def test_what_the_model_does_not_cover_is_listed() -> None:
    text = """
model_list:
  - {model_name: a, litellm_params: {model: openai/x, extra_body: {a: 1}, rpm: 3}, tags: [x]}
router_settings: {num_retries: 1, enable_tag_filtering: true}
litellm_settings: {cache: true, cache_params: {type: redis}}
general_settings: {database_url: "postgresql://x"}
guardrails: [{guardrail_name: g, litellm_params: {guardrail: presidio, mode: pre_call}}]
"""

    found = parsed({"config.yaml": text})

    assert found.not_analysed == (
        "model_list[0].litellm_params.extra_body.a",
        "model_list[0].tags[0]",
    )
    assert found.unmodelled == (
        "litellm_settings.cache",
        "litellm_settings.cache_params.type",
        "general_settings.database_url",
        "guardrails[0].guardrail_name",
        "guardrails[0].litellm_params.guardrail",
        "guardrails[0].litellm_params.mode",
    )
    assert (found.settings, found.simulated) == (13, 5)


@pytest.mark.parametrize(
    "settings",
    [
        "litellm_settings: {callbacks: [prometheus, hooks.mine]}",
        "litellm_settings: {success_callback: [langfuse], post_call_rules: hooks.mine}",
        "general_settings: {store_model_in_db: false, custom_auth: hooks.mine}",
        "guardrails: [{guardrail_name: g, litellm_params: {guardrail: hooks.mine}}]",
    ],
)
def test_code_is_not_analysed_though_its_key_is_known(settings: str) -> None:
    text = f"model_list: [{{model_name: a, litellm_params: {{model: openai/x}}}}]\n{settings}\n"

    found = parsed({"config.yaml": text})

    (code,) = found.not_analysed
    assert code.endswith(("callbacks[1]", "post_call_rules", "custom_auth", "guardrail"))
    assert len(found.unmodelled) == 1


@pytest.mark.parametrize(
    ("weights", "shares"),
    [
        (("weight: 9", "weight: 1"), (9, 1)),
        (("rpm: 900", "rpm: 100"), (900, 100)),
        (("weight: 1", "rpm: 100"), (1, 0)),
        (("weight: 0", "weight: 0"), ()),
        (("tpm: 5", "order: 0"), ()),
    ],
)
def test_shares_are_the_first_of_weight_rpm_and_tpm(
    weights: tuple[str, str], shares: tuple[int, ...]
) -> None:
    entries = "".join(
        f"  - {{model_name: a, litellm_params: {{model: openai/x, {w}}}}}\n" for w in weights
    )

    node = parsed({"config.yaml": f"model_list:\n{entries}"}).routing.routes[0].node

    pools = [n for n in walk(node) if isinstance(n, Pool)]
    assert [pool.weights for pool in pools] == ([shares] if "order" not in weights[1] else [])


def test_of_several_files_the_first_configuration_counts_with_what_it_includes() -> None:
    report = Report()
    text = "model_list: [{model_name: %s, litellm_params: {model: openai/x}}]"
    first = "include: [c.yaml]\n" + text % "a"

    found = LITELLM.parse(
        {"a.yaml": first, "b.yaml": text % "b", "c.yaml": text % "c", "notes.txt": "x"}, report
    )

    assert found is not None
    assert [route.name for route in found.routing.routes] == ["a", "c"]
    assert not list(report)


@pytest.mark.parametrize("version", ["1.106", "1.106.2"])
def test_the_measured_version_is_verified_and_others_are_not(version: str) -> None:
    assert LITELLM.semantics(version).verified
    assert not LITELLM.semantics("1.109").verified


def test_every_failure_has_a_row() -> None:
    table = LITELLM.semantics("1.106")

    for failure in (*STATUS_OF, *map(str, range(300, 600))):
        for phase in PHASES:
            for group in (1, 2):
                for healthy in (True, False):
                    assert table.row(failure, phase, group, healthy).source


def test_prebuilt_patterns_compile_and_find_what_they_are_for() -> None:
    examples = {
        "phone": ["+49 170 1234567", "+1 (415) 555-0134"],
        "iban": ["DE89 3704 0044 0532 0130 00", "GB82 WEST 1234 5698 7654 32"],
        "api_key": ["sk-abcdefghijklmnopqrstuvwx"],
    }
    for entity, found_in in examples.items():
        own = [p["pattern"] for p in ENTITIES[entity] if p["pattern_type"] == "regex"]
        for text in found_in:
            assert any(re.search(pattern, text, re.IGNORECASE) for pattern in own), text


@pytest.mark.parametrize(
    ("router", "params", "said"),
    [
        ({"enable_tag_filtering": True}, {"tags": ["x"]}, "callers' keys and teams add none"),
        ({"enable_pre_call_checks": True}, {}, "context windows are those of the file"),
        ({"enable_weighted_failover": True}, {}, "enable_weighted_failover is not modelled"),
        (
            {"provider_budget_config": {"openai": {"budget_limit": 1, "time_period": "1d"}}},
            {},
            "what a#1 cost is not in the file: they use up no budget",
        ),
        ({}, {"max_budget": 0.1, "budget_duration": "1d"}, "they use up no budget"),
        ({"routing_strategy": "latency-based-routing"}, {}, "seconds per completion token"),
        ({"routing_strategy": "usage-based-routing-v2"}, {}, "LiteLLM goes by the clock"),
    ],
)
def test_what_is_not_modelled_is_assumed_aloud(
    router: dict[str, Any], params: dict[str, Any], said: str
) -> None:
    model = {"model_name": "a", "litellm_params": {"model": "openai/x"} | params}
    text = json.dumps({"model_list": [model], "router_settings": router})

    found = parsed({"config.json": text})

    assert any(said in assumption for assumption in found.semantics.assumptions)
    modelled = {
        *("routing_strategy", "enable_tag_filtering", "enable_pre_call_checks"),
        *("provider_budget_config", "tags", "max_budget", "budget_duration"),
    }
    unread = {key for key in (*router, *params) if key not in modelled}
    listed = (*found.unmodelled, *found.not_analysed)
    assert all(any(key in path for path in listed) for key in unread)


def test_what_is_switched_off_is_not_assumed() -> None:
    text = json.dumps(
        {
            "model_list": [{"model_name": "a", "litellm_params": {"model": "openai/x"}}],
            "router_settings": {"enable_tag_filtering": False},
        }
    )

    found = parsed({"config.json": text})

    assert found.semantics.assumptions == LITELLM.semantics("").assumptions
