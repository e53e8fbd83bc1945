"""Whatever stands where LiteLLM's settings are, linting it gives findings and no exception."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from designer import keys
from designer.lint import fixes
from tests.lint.linting import linted

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(
        [
            *(
                "os.environ/KEY",
                "os.env/KEY",
                "${KEY}",
                "https://os.environ/KEY",
                "http://[::1",
                "2",
            ),
            *("30s", "true", "2024-10-21", "pre_call", "litellm_content_filter", "regex", "MASK"),
            *("redis", "custom_code", "postgresql://a:b@c/d", "sk-1234", "http://169.254.169.254"),
        ]
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


def section(name: str) -> st.SearchStrategy[dict[str, Any]]:
    """Some of a section's own keys, with anything in them."""
    known = sorted(keys.sections("litellm")[name])
    return st.dictionaries(st.sampled_from(known) | st.text(max_size=12), VALUES, max_size=6)


RAILS = st.fixed_dictionaries(
    {"guardrail_name": VALUES, "litellm_params": section("guardrails[].litellm_params") | VALUES}
)
PATTERNS = st.lists(
    st.dictionaries(
        st.sampled_from(["pattern_type", "pattern_name", "pattern", "name", "action", "keyword"]),
        VALUES,
    )
    | VALUES,
    max_size=3,
)
FILTERS = st.fixed_dictionaries(
    {
        "guardrail_name": st.just("filter"),
        "litellm_params": st.fixed_dictionaries(
            {"guardrail": st.just("litellm_content_filter"), "mode": VALUES, "patterns": PATTERNS}
        ),
    }
)


def deployment(group: Any, params: dict[str, Any], info: Any) -> dict[str, Any]:
    params = {"model": "openai/gpt-4o", **params}
    return {"model_name": group, "litellm_params": params, "model_info": info}


DEPLOYMENTS = st.builds(
    deployment, st.just("chat") | VALUES, section("litellm_params"), section("model_info") | VALUES
)
CONFIGS = st.fixed_dictionaries(
    {"model_list": st.lists(DEPLOYMENTS, max_size=3)},
    optional={
        **{name: section(name) | VALUES for name in ("router_settings", "general_settings")},
        "litellm_settings": section("litellm_settings"),
        "guardrails": st.lists(RAILS | FILTERS, max_size=3) | VALUES,
        "environment_variables": VALUES,
    },
)


@settings(suppress_health_check=list(HealthCheck), deadline=None)
@given(CONFIGS)
def test_any_value_of_any_key_is_linted_and_fixed(
    tmp_path_factory: pytest.TempPathFactory, config: dict[str, Any]
) -> None:
    path = tmp_path_factory.getbasetemp() / "config.yaml"
    path.write_text(json.dumps(config), "utf-8")

    found = linted(Path(path), "litellm")
    fixed = fixes.apply(path.read_text("utf-8"), found)

    assert all(finding.message and finding.place.file for finding in found)
    assert len(fixed.made) <= sum(finding.fix is not None for finding in found)
