"""Lint of OpenRouter's requests, presets and guardrails: what no example shows."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from designer.diagnostics import Severity
from designer.gateways.openrouter.tables import GUARDRAIL_KEYS, PREFERENCES
from designer.lint import fixes
from designer.lint.openrouter.tables import FIELDS, NOT_OFFERED
from tests.lint.linting import codes, linted

GOLDEN = Path(__file__).parents[1] / "golden"
MODEL = "anthropic/claude-sonnet-4.5"


def saved(folder: Path, content: Any, name: str = "request.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(content), "utf-8")
    return path


# --- Laws -----------------------------------------------------------------------------------------

KEYS = st.sampled_from([*PREFERENCES, *FIELDS, *NOT_OFFERED, *GUARDRAIL_KEYS]) | st.sampled_from(
    ["extra_body", "allowFallbacks", "prompt", "p50", "slug", "action", "pattern", "config", "data"]
)
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.just(10**400) | st.text(max_size=8)
)
VALUES = st.recursive(
    SCALARS | st.sampled_from(["openai", "amazon-bedrok", "openrouter/auto", "(?i)x", "gpt-4.1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_no_value_at_any_key_makes_lint_fail(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, Any]
) -> None:
    folder = tmp_path_factory.mktemp("lint")
    files = (
        {**content, "model": MODEL},
        {"name": "x", "config": content},
        {"name": "x", **{k: v for k, v in content.items() if k in GUARDRAIL_KEYS}, "limit_usd": 1},
        {"routes": {"chat": {**content, "folder": "chat"}}},
    )
    for one in files:
        for finding in linted(saved(folder, one)):
            assert finding.message


@pytest.mark.parametrize(
    "folder", sorted(GOLDEN.rglob("openrouter/client.json")), ids=lambda path: path.parts[-3]
)
def test_an_emitted_configuration_has_no_finding(folder: Path) -> None:
    assert not [f for f in linted(folder.parents[1]) if f.severity is not Severity.INFO]


# --- Stories --------------------------------------------------------------------------------------


def test_a_price_is_put_into_quotes_where_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "request.json"
    before = f'{{"model": "{MODEL}",\n "provider": {{"max_price": {{"prompt": 2.5}}}}}}\n'
    path.write_text(before, "utf-8")

    fixed = fixes.apply(before, linted(path))

    assert fixed.text == before.replace("2.5", '"2.5"')


def test_preferences_of_a_preset_are_found_inside_the_answer_of_its_api(tmp_path: Path) -> None:
    config = {"model": MODEL, "provider": {"allowFallbacks": False}}
    path = saved(tmp_path, {"data": {"slug": "chat", "designated_version": {"config": config}}})

    (finding,) = (f for f in linted(path) if f.code == "LNT801")

    assert finding.place.path == "data.designated_version.config.provider.allowFallbacks"
    assert finding.fix is not None
    assert fixes.apply(path.read_text("utf-8"), [finding]).made


@pytest.mark.parametrize(
    "name", ["openai", "OpenAI", "Amazon Bedrock", "google-vertex/europe-west4", "deepinfra/turbo"]
)
def test_slugs_variants_and_display_names_of_providers_are_known(tmp_path: Path, name: str) -> None:
    found = codes(saved(tmp_path, {"model": MODEL, "provider": {"only": [name]}}))

    assert not {"LNT809", "LNT810"} & set(found)


def test_the_fallbacks_of_the_messages_endpoint_are_a_field(tmp_path: Path) -> None:
    strings, objects = ["openai/gpt-4.1"], [{"model": "openai/gpt-4.1"}]

    assert "LNT815" in codes(saved(tmp_path, {"model": MODEL, "fallbacks": strings}))
    assert "LNT815" not in codes(saved(tmp_path, {"model": MODEL, "fallbacks": objects}))


def test_a_regional_host_and_a_guardrail_of_another_region_disagree(tmp_path: Path) -> None:
    route = {"folder": "chat", "base_url": "https://eu.openrouter.ai/api/v1"}
    saved(tmp_path, {"routes": {"chat": route}}, "client.json")
    saved(tmp_path, {"name": "g", "allowed_data_regions": ["us"]}, "guardrail.json")
    (tmp_path / "chat").mkdir()
    saved(tmp_path, {"model": MODEL}, "chat/request.json")

    (finding,) = (f for f in linted(tmp_path) if f.code == "LNT828")

    assert finding.instead == "its requests are refused with 403"


def test_every_file_of_the_published_limits_is_a_pair(tmp_path: Path) -> None:
    whole = {"name": "g", "limit_usd": 5, "reset_interval": "weekly"}

    assert "LNT831" not in codes(saved(tmp_path, whole))
    for key in ("limit_usd", "reset_interval"):
        assert "LNT831" in codes(saved(tmp_path, {k: v for k, v in whole.items() if k != key}))
