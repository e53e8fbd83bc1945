"""Checks of LiteLLM files beyond their examples: versions, values of any shape, retirements, places."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from designer.diagnostics import Report, Severity
from designer.emit import to_yaml
from designer.lint import lint
from designer.load import load_config
from tests.lint.linting import codes, example, linted

DAY = date(2026, 11, 22)
EMITTED = sorted((Path(__file__).parents[1] / "golden").glob("**/litellm/config.yaml"))


def linted_on(path: Path, day: date) -> list[str]:
    report = Report()
    config = load_config(str(path), report)
    assert config is not None
    lint(config, day, report)
    return [finding.code for finding in report]


@pytest.mark.parametrize("code", ["LNT209", "LNT410", "LNT411"])
def test_what_1_109_mends_is_told_of_earlier_versions_only(code: str) -> None:
    path = example(code, "fails")

    assert code in codes(path, "litellm@1.106.2")
    assert code not in codes(path, "litellm@1.109")


def test_a_model_retires_on_its_day() -> None:
    path = example("LNT122", "fails")

    told = {day: linted_on(path, date.fromisoformat(day)) for day in ("2026-10-30", "2026-10-31")}

    assert "LNT122" not in told["2026-10-30"]
    assert "LNT122" in told["2026-10-31"]
    assert "LNT121" in linted_on(path, date(2026, 11, 30))


def test_an_azure_deployments_name_says_nothing_of_its_model(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        """
model_list:
  - model_name: chat
    litellm_params: {model: azure/gpt-4, api_base: https://acme.openai.azure.com}
"""
    )

    assert "LNT121" not in codes(path)


def test_a_deployment_that_many_routes_fall_back_to_is_told_of_once(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        """
model_list:
  - {model_name: a, litellm_params: {model: openai/gpt-5.5}}
  - {model_name: b, litellm_params: {model: anthropic/claude-opus-4-8}}
  - model_name: small
    litellm_params: {model: hosted_vllm/x, api_base: "http://vllm:8000"}
    model_info: {max_input_tokens: 8000}
router_settings: {fallbacks: [{a: [small]}, {b: [small]}]}
"""
    )

    assert codes(path).count("LNT224") == 1


def test_a_model_of_an_included_file_is_pointed_at_there(tmp_path: Path) -> None:
    (tmp_path / "models.yaml").write_text(
        """
model_list:
  - model_name: a
    litellm_params:
      model: openai/gpt-4-turbo
"""
    )
    path = tmp_path / "config.yaml"
    path.write_text("include: [models.yaml]\nrouter_settings: {timeout: 30}\n")

    (found,) = [finding for finding in linted(path) if finding.code == "LNT121"]

    assert Path(found.place.file).name == "models.yaml"
    assert found.place.line == 5


def test_a_base_model_with_another_number_is_taken_for_another_model(tmp_path: Path) -> None:
    """It may be newer than the price map that the rule goes by."""
    path = tmp_path / "config.yaml"
    text = example("LNT126", "fails").read_text("utf-8")
    path.write_text(text.replace("azure/gpt5.5", "azure/gpt-7.5"), "utf-8")

    assert "LNT126" not in codes(path)


def test_a_fallback_may_name_one_deployment_by_its_id(tmp_path: Path) -> None:
    """Measured, LiteLLM 1.106.2, 2026-11-24; an alias may not."""
    path = tmp_path / "config.yaml"
    path.write_text(
        """
model_list:
  - {model_name: a, litellm_params: {model: openai/gpt-5.5}}
  - {model_name: b, litellm_params: {model: openai/gpt-4.1}, model_info: {id: b-2}}
router_settings: {fallbacks: [{a: [b-2]}]}
"""
    )

    assert "LNT201" not in codes(path)


@pytest.mark.parametrize("path", EMITTED, ids=lambda path: path.parts[-3])
def test_an_emitted_configuration_has_no_error_or_warning(path: Path) -> None:
    assert not [str(f) for f in linted(path) if f.severity is not Severity.INFO]


# --- Values of any shape --------------------------------------------------------------------------

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**400), 10**400)
    | st.floats()
    | st.sampled_from(["", "a", "*", "2", "openai/gpt-5.5", "azure/x", "us.x.y", "simple-shuffle"])
    | st.text(max_size=5)
)
_ANYTHING = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab*"), inner, max_size=3)
    ),
    max_leaves=6,
)


def _mostly(*usual: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(usual) | _ANYTHING


def _section(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({}, optional=keys) | _ANYTHING


_PARAMS = _section(
    model=_mostly("openai/gpt-5.5", "gpt-4", "bedrock/us.amazon.nova-pro-v1:0", "openai/*"),
    api_base=_ANYTHING,
    aws_region_name=_mostly("eu-central-1", "us-east-1"),
    order=_mostly(1, 2),
    weight=_mostly(0, 1, 9),
    rpm=_ANYTHING,
    timeout=_mostly(30, 600),
    stream_timeout=_mostly(5),
    num_retries=_ANYTHING,
    max_retries=_ANYTHING,
    max_budget=_mostly(0, 10),
    budget_duration=_ANYTHING,
    input_cost_per_token=_mostly(2.5, 1e-6),
    output_cost_per_token=_ANYTHING,
    custom_llm_provider=_ANYTHING,
)
_INFO = _section(
    id=_ANYTHING,
    mode=_mostly("chat", "embedding"),
    base_model=_mostly("azure/gpt5.5"),
    max_input_tokens=_mostly(100),
    allowed_fails=_mostly(1),
    allowed_fails_policy=_ANYTHING,
    weight=_ANYTHING,
    order=_ANYTHING,
)
_ENTRY = _section(model_name=_mostly("a", "b", "c"), litellm_params=_PARAMS, model_info=_INFO)
_HOPS = (
    st.lists(
        st.dictionaries(
            _mostly("a", "b", "*").filter(lambda k: isinstance(k, str)),
            st.lists(_mostly("a", "b", "c"), max_size=3) | _ANYTHING,
            max_size=2,
        ),
        max_size=4,
    )
    | _ANYTHING
)
_SHARED = {
    "num_retries": _mostly(0, 3),
    "fallbacks": _HOPS,
    "context_window_fallbacks": _HOPS,
    "content_policy_fallbacks": _HOPS,
    "default_fallbacks": st.lists(_mostly("a"), max_size=2) | _ANYTHING,
    "max_fallbacks": _mostly(1, 2),
    "allowed_fails": _mostly(0, 3),
}
_COUNTS = st.dictionaries(
    st.sampled_from(["BadRequestErrorRetries", "BadRequestErrorAllowedFails", "x"]), _ANYTHING
)
_CONFIG = st.fixed_dictionaries(
    {"model_list": st.lists(_ENTRY, min_size=1, max_size=4)},
    optional={
        "router_settings": _section(
            **_SHARED,
            routing_strategy=_mostly(
                "least-busy",
                "cost-based-routing",
                "latency-based-routing",
                "usage-based-routing",
                "usage-based-routing-v2",
            ),
            routing_strategy_args=_ANYTHING,
            timeout=_mostly(600),
            stream_timeout=_mostly(900),
            cooldown_time=_mostly(0),
            disable_cooldowns=_ANYTHING,
            retry_after=_mostly(30),
            retry_policy=_COUNTS | _ANYTHING,
            model_group_retry_policy=st.dictionaries(st.just("a"), _COUNTS) | _ANYTHING,
            allowed_fails_policy=_COUNTS | _ANYTHING,
            model_group_alias=st.dictionaries(st.sampled_from("abd"), _mostly("a", "d"))
            | _ANYTHING,
            provider_budget_config=st.dictionaries(
                st.sampled_from(["openai", "x"]), _section(budget_limit=_mostly(0))
            )
            | _ANYTHING,
            optional_pre_call_checks=_ANYTHING,
        ),
        "litellm_settings": _section(
            **_SHARED, request_timeout=_mostly(60), max_budget=_mostly(0, 5)
        ),
        "general_settings": _section(database_url=_ANYTHING),
    },
)


@settings(max_examples=200, suppress_health_check=list(HealthCheck), deadline=None)
@given(_CONFIG)
def test_no_value_at_a_known_key_makes_lint_raise(
    tmp_path_factory: pytest.TempPathFactory, config: dict[str, Any]
) -> None:
    path = tmp_path_factory.mktemp("any") / "config.yaml"
    path.write_text(to_yaml(config), "utf-8")
    report = Report()
    found = load_config(str(path), report)

    if found is not None:
        lint(found, DAY, report)

    assert all(str(finding) for finding in report)
