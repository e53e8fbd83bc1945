"""Every setting of a file is simulated, checked only, or not analysed, and none is two of these."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from designer.diagnostics import Report
from designer.documents import dotted, read_json, read_yaml
from designer.gateways.base import Parsed
from designer.gateways.registry import GATEWAYS
from designer.gateways.settings import account, leaves
from designer.load import load_configs

CONFIGS: Mapping[str, Any] = {
    "litellm": {
        "model_list": [
            {"model_name": "a", "litellm_params": {"model": "openai/x", "rpm": 3, "tags": ["t"]}},
            {"model_name": "a", "litellm_params": {"model": "azure/y"}, "model_info": {"id": "y"}},
        ],
        "router_settings": {"num_retries": 1, "fallbacks": [{"a": ["b"]}]},
        "litellm_settings": {"callbacks": ["prometheus", "my.hook"], "cache_params": {"ttl": 3}},
        "general_settings": {"master_key": "os.environ/KEY", "alerting": ["slack"]},
    },
    "portkey-oss": {
        "strategy": {"mode": "fallback", "on_status_codes": [429, 503]},
        "targets": [
            {"provider": "openai", "api_key": "k", "override_params": {"model": "x"}},
            {"provider": "groq", "api_key": "k", "cache": {"mode": "simple"}, "weight": 1},
        ],
    },
    "portkey-cloud": {
        "retry": {"attempts": 2, "useRetryAfterHeader": True},
        "targets": [{"virtual_key": "a", "prompt_id": "p"}],
        "strategy": {"mode": "single"},
        "input_guardrails": ["pg-1", {"default.contains": {"words": ["x"]}, "deny": True}],
    },
    "openrouter": {
        "models": ["openai/big", "meta/open"],
        "provider": {"order": ["azure"], "sort": {"by": "price"}, "zdr": None},
        "plugins": [{"id": "web", "max_results": 3}],
        "mine": {"team": "x"},
    },
}
every_gateway = pytest.mark.parametrize("gateway", CONFIGS)

names = st.text("abcdefgh_", min_size=1, max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | names,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)


def read(gateway: str, config: Any) -> Parsed | None:
    files = {"config.json": json.dumps(config)}
    return GATEWAYS[gateway].parse(files, Report())


def places(value: Any) -> list[str]:
    return [dotted(path) for path, _ in leaves(value)]


def is_accounted(parsed: Parsed, settings: list[str]) -> None:
    listed = [*parsed.unmodelled, *parsed.not_analysed]

    assert parsed.settings == len(settings)
    assert len(listed) == len(set(listed))
    assert set(listed) <= set(settings)
    assert parsed.simulated == len(settings) - len(listed)


@given(value=values, simulated=st.sets(st.integers(0, 9)), known=st.sets(st.integers(0, 9)))
def test_each_leaf_is_counted_once(value: Any, simulated: set[int], known: set[int]) -> None:
    numbers = {path: number for number, (path, _) in enumerate(leaves(value))}

    said = account(
        leaves(value), lambda p: numbers[p] in simulated, lambda p, _: numbers[p] in known
    )

    listed = [*said.unmodelled, *said.not_analysed]
    assert said.count == len(numbers)
    assert sorted(listed) == sorted(dotted(p) for p, n in numbers.items() if n not in simulated)


@every_gateway
@given(data=st.data())
def test_every_setting_of_any_configuration_is_in_one_class(
    gateway: str, data: st.DataObject
) -> None:
    config = _changed(CONFIGS[gateway], data)

    parsed = read(gateway, config)

    if parsed is not None:
        is_accounted(parsed, places(config))


def _changed(config: Any, data: st.DataObject) -> Any:
    """A configuration with some values and keys that are not its own."""
    changed = json.loads(json.dumps(config))
    for _ in range(data.draw(st.integers(0, 4))):
        at = changed
        while isinstance(at, dict | list) and at and data.draw(st.booleans()):
            inner = at[data.draw(st.sampled_from(sorted(at)))] if isinstance(at, dict) else at[0]
            if not isinstance(inner, dict | list):
                break
            at = inner
        if isinstance(at, dict):
            key = data.draw(names | st.sampled_from(sorted(at)) if at else names)
            at[key] = data.draw(values)
        else:
            at.append(data.draw(values))
    return changed


@every_gateway
@pytest.mark.parametrize("value", [1, "x", None, {}, [1, 2], {"a": {"b": 1}}])
def test_an_unknown_key_is_not_analysed_and_changes_no_other_setting(
    gateway: str, value: Any
) -> None:
    before = read(gateway, CONFIGS[gateway])
    after = read(gateway, {**CONFIGS[gateway], "zz_mine": value})

    assert before is not None
    assert after is not None
    mine = [path for path in after.not_analysed if path.startswith("zz_mine")]
    assert len(mine) == (
        0 if gateway == "openrouter" and value is None else len(list(leaves(value)))
    )
    assert [path for path in after.not_analysed if path not in mine] == list(before.not_analysed)
    assert after.unmodelled == before.unmodelled


@every_gateway
def test_a_configuration_has_settings_of_each_class(gateway: str) -> None:
    parsed = read(gateway, CONFIGS[gateway])

    assert parsed is not None
    assert parsed.simulated
    assert parsed.unmodelled
    assert gateway == "portkey-oss" or parsed.not_analysed
    assert parsed.summary == (
        f"{parsed.settings} settings: {parsed.simulated} simulated, "
        f"{len(parsed.unmodelled)} checked only, {len(parsed.not_analysed)} not analysed"
    )


ROOT = Path(__file__).parents[2]
WHEEL = sorted((ROOT / ".gateways/litellm/lib").glob("python3*/site-packages/litellm/proxy"))
CORPUS = ROOT.parent / "shared/corpus"
FILES = [
    *(file for folder in WHEEL for file in sorted(folder.rglob("*.yaml"))),
    *(file for file in sorted(CORPUS.rglob("*.*")) if file.suffix in (".yaml", ".json")),
]


@pytest.mark.skipif(
    not FILES, reason="neither LiteLLM's own examples nor other people's files are here"
)
def test_every_setting_of_real_configurations_is_in_one_class() -> None:
    seen = analysed = 0
    for file in FILES:
        for config in load_configs(str(file), Report(), None):
            if config is None:
                continue
            parsed = config.parsed
            if config.is_whole:
                is_accounted(parsed, places(_value(file, parsed)))
            seen += parsed.settings
            analysed += parsed.settings - len(parsed.not_analysed)
    assert seen > 500
    assert analysed / seen > 0.8


def _value(file: Path, parsed: Parsed) -> Any:
    """What was read: of LiteLLM with what the file includes."""
    if parsed.gateway == "litellm":
        return parsed.documents[0].value
    text = file.read_text("utf-8")
    read_text = read_json if re.search(r"\.json$", file.name) else read_yaml
    document = read_text(text, str(file), Report())
    assert document is not None
    return document.value
