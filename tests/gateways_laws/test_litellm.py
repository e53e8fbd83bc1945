"""LiteLLM's dialect: laws over random Routings, then stories."""

from collections.abc import Mapping
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from designer.diagnostics import Report
from designer.documents import read_yaml
from designer.emit import render, to_yaml
from designer.gateways.base import Parsed
from designer.gateways.legalize import legalize
from designer.gateways.litellm import LITELLM
from designer.ir import Routing
from designer.validate import check_files
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
    files = (*LITELLM.lower(routing, {}), LITELLM.artefacts(routing, {}, "x")[1])
    report = Report()

    for file in files:
        for version in ("1.1", "1.2"):
            document = read_yaml(render(LITELLM.folder, file), file.path, report, version)
            assert document is not None
            assert document.value == file.values
    check_files(LITELLM, routing, files[:1], texts(routing), report)

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


@laws
@given(written_by_hand())
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
