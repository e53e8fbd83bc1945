"""Lint of Portkey configurations: what no example shows."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from designer.diagnostics import Severity
from designer.lint.portkey.patterns import problem_of
from designer.lint.portkey.tables import LEVEL_KEYS, RETRY_KEYS, STRATEGY_KEYS
from designer.lint.portkey.targets import owner_of
from tests.lint.linting import EXAMPLES, codes, linted

GOLDEN = Path(__file__).parents[1] / "golden"
PUBLISHED = Path(__file__).parents[3] / "shared/corpus/portkey"


def saved(folder: Path, config: Any, name: str = "config.portkey-oss.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(config), "utf-8")
    return path


def target(**more: Any) -> dict[str, Any]:
    return {"provider": "openai", "api_key": "${KEY}", "request_timeout": 30000, **more}


def fallback(*targets: Any, **strategy: Any) -> dict[str, Any]:
    listed = {"on_status_codes": [408, 429, 500, 503], **strategy}
    return {"strategy": {"mode": "fallback", **listed}, "targets": list(targets)}


# --- Laws -----------------------------------------------------------------------------------------

KEYS = st.sampled_from(
    [
        *LEVEL_KEYS,
        *STRATEGY_KEYS,
        *RETRY_KEYS,
        *("checks", "id", "deny", "query", "then", "$and", "$regex", "metadata.plan", "customHost"),
        *("default.regexMatch", "default.regexReplace", "rule", "parameters", "onStatusCodes"),
    ]
) | st.text(max_size=6)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-5, 700)
    | st.floats()
    | st.just(10**400)
    | st.text(max_size=8)
)
VALUES = st.recursive(
    SCALARS | st.sampled_from(["loadbalance", "fallback", "(?i)x", "@slug/m", "metadata.plan"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, VALUES, max_size=6), st.sampled_from(["oss", "cloud"]))
def test_no_value_at_any_key_makes_lint_fail(
    tmp_path_factory: pytest.TempPathFactory, config: dict[str, Any], product: str
) -> None:
    config = {"strategy": {"mode": "conditional"}, "targets": [config], **config}
    folder = tmp_path_factory.mktemp("lint")

    for finding in linted(saved(folder, config, f"config.portkey-{product}.json")):
        assert finding.message


@pytest.mark.slow
@pytest.mark.parametrize("code", ["LNT601", "LNT617", "LNT626", "LNT632", "LNT636"])
@given(VALUES)
def test_any_value_in_place_of_one_of_an_example_is_linted(
    tmp_path_factory: pytest.TempPathFactory, code: str, value: Any
) -> None:
    (path,) = (EXAMPLES / code).glob("fails.*")
    folder = tmp_path_factory.mktemp("lint")
    for number in range(_count(json.loads(path.read_text("utf-8")))):
        config = _with_value(json.loads(path.read_text("utf-8")), number, value)

        for finding in linted(saved(folder, config, path.name)):
            assert finding.message


def _slots(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        one = waiting.pop()
        items = one.items() if isinstance(one, dict) else enumerate(one) if one else ()
        for key, inner in items:
            found.append((one, key))
            waiting += [inner] if isinstance(inner, dict | list) else []
    return found


def _count(value: Any) -> int:
    return len(_slots(value))


def _with_value(config: Any, number: int, value: Any) -> Any:
    parent, key = _slots(config)[number]
    parent[key] = value
    return config


# --- Files of others and our own ------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [p for p in sorted(GOLDEN.rglob("portkey-*/*/config.json")) if "adopt" not in p.parts],
    ids=lambda path: path.parent.name,
)
def test_a_planned_configuration_has_no_finding_but_its_private_host(path: Path) -> None:
    graver = [f for f in linted(path) if f.severity is not Severity.INFO]

    # The gateway refuses a private host until its environment names it; the compose file does.
    assert {f.code for f in graver} <= {"LNT609"}


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="there are no published configurations here")
def test_published_configurations_are_linted() -> None:
    for path in sorted(PUBLISHED.glob("*.json")):
        for finding in linted(path):
            assert finding.severity is not Severity.ERROR or finding.code.startswith("PAR"), path


# --- Stories --------------------------------------------------------------------------------------


def test_a_camel_case_key_is_checked_under_its_documented_name(tmp_path: Path) -> None:
    config = {**fallback(target(), target()), "customHost": "http://10.1.2.3/v1"}

    assert {"LNT602", "LNT609"} <= set(codes(saved(tmp_path, config)))


def test_a_saved_guardrail_is_fine_on_the_hosted_product(tmp_path: Path) -> None:
    config = {"provider": "@openai-prod", "input_guardrails": ["pg-1"], "request_timeout": 30000}

    assert "LNT634" not in codes(saved(tmp_path, config, "config.json"))
    assert "LNT634" in codes(saved(tmp_path, config))


def test_a_fallback_of_fallbacks_counts_its_waits_once(tmp_path: Path) -> None:
    retry = {"attempts": 4, "on_status_codes": [429]}
    inner = fallback(target(retry=retry), target(retry=retry))

    waits = [f for f in linted(saved(tmp_path, fallback(inner, target()))) if f.code == "LNT614"]

    assert [f.message for f in waits] == [
        "when every target fails, a request waits 30 s between retries alone"
    ]


def test_a_pool_waits_as_long_as_its_slowest_member(tmp_path: Path) -> None:
    slow, quick = ({"attempts": n, "on_status_codes": [429]} for n in (5, 1))
    pool = {
        "strategy": {"mode": "loadbalance"},
        "targets": [target(retry=slow), target(retry=quick)],
    }

    (waits,) = (f for f in linted(saved(tmp_path, fallback(pool, target()))) if f.code == "LNT614")

    assert "31 s" in waits.message


def test_a_target_that_only_a_later_one_guards_is_not_reported(tmp_path: Path) -> None:
    rail = {"default.contains": {"words": ["x"], "operator": "none"}, "deny": True}
    config = fallback(target(), target(input_guardrails=[rail]), on_status_codes=[446, 500, 408])

    assert "LNT636" not in codes(saved(tmp_path, config))


def test_an_empty_list_of_guardrails_replaces_those_above(tmp_path: Path) -> None:
    rail = {"default.contains": {"words": ["x"], "operator": "none"}, "deny": True}
    config = {**fallback(target(), target(input_guardrails=[])), "input_guardrails": [rail]}

    assert "LNT635" in codes(saved(tmp_path, config))


def test_a_guardrail_in_the_long_form_under_the_short_key_is_an_unknown_check(
    tmp_path: Path,
) -> None:
    rail = {"deny": True, "checks": [{"id": "default.wordCount", "parameters": {"maxWords": 5}}]}

    assert "LNT632" in codes(saved(tmp_path, target(input_guardrails=[rail])))
    assert "LNT632" not in codes(saved(tmp_path, target(before_request_hooks=[rail])))


@pytest.mark.parametrize(
    "query",
    [
        {"metadata.tier": {"$eq": 5}},
        {"metadata.tier": 5},
        {"params.temperature": {"$in": ["0.7", "1"]}},
        {"params.stream": {"$eq": "true"}},
        {"model": {"$eq": "gpt-4o"}},
        {"params.metadata.tier": {"$eq": "gold"}},
        {"$or": [{"metadata.tier": {"$eq": "a"}}, {"url.host": {"$eq": "b"}}]},
    ],
)
def test_a_comparison_that_cannot_hold_is_reported(tmp_path: Path, query: Any) -> None:
    assert "LNT626" in codes(saved(tmp_path, conditional(query)))


@pytest.mark.parametrize(
    "query",
    [
        {"metadata.tier": {"$eq": "5"}},
        {"metadata.tier": {"$in": [5, "5"]}},
        {"metadata.tier": {"$gte": 5}},
        {"params.temperature": {"$eq": 0.7}},
        {"params.stream": {"$eq": True}},
        {"url.pathname": {"$regex": "embeddings$"}},
        {"params.user": {"$eq": None}},
    ],
)
def test_a_comparison_that_can_hold_is_not(tmp_path: Path, query: Any) -> None:
    assert "LNT626" not in codes(saved(tmp_path, conditional(query)))


def conditional(query: Any) -> dict[str, Any]:
    strategy = {"mode": "conditional", "conditions": [{"query": query, "then": "a"}]}
    targets = [target(name="a"), target(name="b")]
    return {"strategy": {**strategy, "default": "b"}, "targets": targets}


@pytest.mark.parametrize(
    "pattern", ["(?i)x", "x(?i)y", "(?P<n>x)", r"\Ax", "a++", "(x", "x)", "[a", "*x", "(?>x)"]
)
def test_a_pattern_that_javascript_reads_otherwise_has_a_problem(pattern: str) -> None:
    assert problem_of(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "[(?i)]",
        r"\(?P<",
        "(?<n>x)",
        "(?<!x)y",
        "[*+]+",
        r"a\++",
        "[^]x",
        "(?i:x)",
        r"\p{L}",
        "{",
        "",
    ],
)
def test_a_pattern_that_javascript_reads_alike_has_none(pattern: str) -> None:
    assert not problem_of(pattern)


@pytest.mark.parametrize(
    ("text", "owner"),
    [
        ("AKIAR4TQZ7LM2XKD9WVB", "AWS"),
        ("gsk_" + "a1B2c3D4e5F6g7H8i9J0kLmNoPqRsTuVwXyZ0123456789ab", "Groq"),
        ("AKIAIOSFODNN7EXAMPLE", None),
        ("sk-" + "x" * 48, None),
        ("sk-your-openai-api-key-goes-right-here-0123456789", None),
        ("sk-***", None),
        ("${OPENAI_API_KEY}", None),
    ],
)
def test_real_keys_are_told_from_examples(text: str, owner: str | None) -> None:
    assert owner_of(text) == owner
