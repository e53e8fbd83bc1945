"""The generated schema, and the words for each key."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from designer.diagnostics import Report
from designer.profile.explain import explain_key, similar_keys
from designer.profile.keys import key_at, keys
from designer.profile.schema import profile_schema, schema_text
from designer.profile.starter import starter_profile
from designer.profile.tree import plain, read_tree

ROOT = Path(__file__).parents[2]
CASES = Path(__file__).parent / "cases"
MISTAKES_OF_VALUES = (
    "unknown-keys",
    "missing-keys",
    "wrong-alternatives",
    "wrong-kinds",
    "wrong-units",
)


def errors(text: str) -> list[str]:
    tree = read_tree(text, "-", Report())
    assert tree is not None
    return [
        error.json_path for error in Draft202012Validator(profile_schema()).iter_errors(plain(tree))
    ]


def test_the_committed_schema_is_the_generated_one() -> None:
    committed = (ROOT / "schemas" / "profile.schema.json").read_text(encoding="utf-8")

    assert committed == schema_text(), "run: make golden"


def test_the_schema_is_one_and_accepts_what_the_loader_accepts() -> None:
    Draft202012Validator.check_schema(profile_schema())

    assert not errors((CASES / "full" / "profile.yaml").read_text(encoding="utf-8"))
    assert not errors(starter_profile())


@pytest.mark.parametrize("case", MISTAKES_OF_VALUES)
def test_editors_see_the_mistakes_in_values_too(case: str) -> None:
    assert len(errors((CASES / case / "profile.yaml").read_text(encoding="utf-8"))) > 5


def test_every_key_says_what_it_is() -> None:
    schema = profile_schema()
    sections = [schema, *(d["oneOf"][-1] if "oneOf" in d else d for d in schema["$defs"].values())]

    for section in sections:
        for name, key in section["properties"].items():
            assert len(key["description"]) > 10, name
    assert json.loads(schema_text()) == schema


def test_every_key_can_be_explained() -> None:
    for key in keys():
        text = explain_key(key.path)
        assert text, key.path
        assert text.startswith(f"{key.path}: ")


def test_a_key_is_explained_by_its_meaning_kind_and_default() -> None:
    assert explain_key("workloads[0].traffic.repeats") == (
        "workloads.traffic.repeats: for example 90%, 0.9, default 0%\n"
        "  Share of requests that repeat an earlier one, word for word: what a cache can answer.\n"
    )
    assert explain_key("routing.timeout") == (
        "routing.timeout: for example 800ms, 2s, 5m, 1h30m, gateway, default 30s\n"
        "  Longest wait for one try. Left out: as long as lets every try end within the deadline, at most "
        "30 s, but never less than a slow answer takes. `gateway`: no limit beside the gateway's own.\n"
    )


def test_the_end_of_a_path_explains_each_key_that_ends_so() -> None:
    text = explain_key("cooldown") or ""

    assert [
        line.split(":")[0] for line in text.splitlines() if not line.startswith(" ") and line
    ] == [
        "workloads.routing.cooldown",
        "routing.cooldown",
    ]


def test_what_is_no_key_is_not_explained_but_something_like_it_is_named() -> None:
    assert explain_key("workloads.nonsense") is None
    assert "workloads.traffic.repeats" in similar_keys("workloads.repeat")
    assert key_at("routing.retries") is not None
