"""The schemas for editors, on files that are right and on slips."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from designer import keys
from designer.diagnostics import Report
from designer.documents import read_json, read_yaml
from designer.keys.schema import EDITORS, FOLDER, Editor, editor_schema, schema_text
from tests.lint.linting import codes

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "designer/lint/examples"
GOLDEN = ROOT / "tests/golden"
WHEEL = ROOT / ".gateways/litellm/lib"

VALIDATORS = {editor.name: Draft7Validator(editor_schema(editor)) for editor in EDITORS}
OF_KEYS = {"LNT001", "LNT002", "LNT003", "LNT005", "LNT006", "LNT007", "LNT008"}
"""Rules of LiteLLM's keys and kinds of values."""


def read(path: Path) -> Any:
    reader = read_json if path.suffix == ".json" else read_yaml
    document = reader(path.read_text("utf-8"), path.name, Report())
    return document.value if document is not None else None


def editor_of(path: Path, value: Any) -> str | None:
    """None where the file is no configuration that somebody writes by hand."""
    if not isinstance(value, dict) or path.name in ("plan.json", "client.json", "compose.yaml"):
        return None
    if "model_list" in value:
        return "litellm"
    if "strategy" in value or "targets" in value or isinstance(value.get("provider"), str):
        return "portkey-cloud" if "portkey-cloud" in str(path) else "portkey-oss"
    if path.name == "guardrail.json":
        return "openrouter-guardrail"
    return "openrouter-request" if "model" in value or "models" in value else None


def configurations(*folders: Path) -> Iterator[tuple[str, Path]]:
    for folder in folders:
        for path in sorted((*folder.rglob("*.yaml"), *folder.rglob("*.json"))):
            editor = editor_of(path, read(path)) if not path.name.startswith("fails") else None
            if editor is not None:
                yield editor, path


def errors(editor: str, value: Any) -> list[str]:
    return sorted(error.json_path for error in VALIDATORS[editor].iter_errors(value))


@pytest.mark.parametrize("editor", EDITORS, ids=lambda editor: editor.name)
def test_the_committed_schema_is_the_generated_one_and_is_draft_07(editor: Editor) -> None:
    committed = (ROOT / FOLDER / f"{editor.name}.schema.json").read_text("utf-8")

    assert committed == schema_text(editor), "run: make golden"
    Draft7Validator.check_schema(json.loads(committed))


EMITTED = list(configurations(GOLDEN))
PASSING = list(configurations(EXAMPLES))


def test_each_schema_is_tried_on_an_emitted_file() -> None:
    assert {editor for editor, _ in EMITTED} == set(VALIDATORS)


@pytest.mark.parametrize(
    ("editor", "path"),
    [*EMITTED, *PASSING],
    ids=lambda value: str(value.relative_to(ROOT)) if isinstance(value, Path) else value,
)
def test_emitted_files_and_those_that_pass_a_rule_fit(editor: str, path: Path) -> None:
    assert errors(editor, read(path)) == []


@pytest.mark.gateway
def test_litellms_own_examples_fit_unless_lint_finds_a_key_wrong() -> None:
    found = [path for editor, path in configurations(WHEEL) if editor == "litellm"]
    wrong = [path for path in found if errors("litellm", read(path))]

    assert len(found) > 20
    assert [path.name for path in wrong if not OF_KEYS & set(codes(path))] == []


@pytest.mark.parametrize(
    ("editor", "example", "flagged"),
    [
        ("litellm", "LNT001/fails.yaml", "$.router_settings"),
        ("litellm", "LNT002/fails.yaml", "$.litellm_settings"),
        ("litellm", "LNT007/fails.yaml", "$.router_settings.num_retries"),
        ("portkey-oss", "LNT601/fails.json", "$.strategy"),
        ("openrouter-request", "LNT801/fails.json", "$.provider"),
        ("openrouter-request", "LNT802/fails.json", "$"),
        ("openrouter-request", "LNT804/fails.json", "$.provider"),
    ],
)
def test_what_breaks_a_rule_of_keys_or_kinds_is_flagged(
    editor: str, example: str, flagged: str
) -> None:
    assert flagged in errors(editor, read(EXAMPLES / example))


@pytest.mark.parametrize("section", ["router_settings", "litellm_settings", "general_settings"])
def test_every_key_of_a_closed_section_is_flagged_once_it_is_misspelt(section: str) -> None:
    known = [name for name, key in keys.sections("litellm")[section].items() if not key.internal]

    for name in known:
        assert errors("litellm", {section: {f"{name}_": None}}) == [f"$.{section}"], name


def test_what_litellm_sends_on_and_remarks_are_not_flagged() -> None:
    entry = {
        "model_name": "chat",
        "litellm_params": {"model": "openai/gpt-5", "of_the_provider": 1},
        "model_info": {"owner": "search"},
    }

    assert errors("litellm", {"model_list": [entry], "x-common": {"anything": 1}}) == []


def test_only_a_guardrail_of_ones_own_class_takes_other_keys() -> None:
    def found(guardrail: str) -> list[str]:
        params = {"guardrail": guardrail, "mode": "pre_call", "words_of_mine": ["x"]}
        return errors(
            "litellm", {"guardrails": [{"guardrail_name": "g", "litellm_params": params}]}
        )

    assert found("words.Guardrail") == []
    assert found("presidio") == ["$.guardrails[0].litellm_params"]


@pytest.mark.parametrize("variable", ["os.environ/RETRIES", "${RETRIES}"])
def test_a_variable_may_stand_for_any_scalar(variable: str) -> None:
    for section, known in keys.sections("litellm").items():
        if section in ("router_settings", "litellm_settings", "general_settings"):
            scalars = {n for n, key in known.items() if key.accepts & {"int", "bool", "str"}}
            value = {name: variable for name in scalars if not known[name].internal}
            assert errors("litellm", {section: value}) == []

    assert errors("litellm", {"router_settings": {"num_retries": "RETRIES"}})


def test_a_text_that_is_no_choice_and_a_list_in_place_of_a_number_are_flagged() -> None:
    router = {"routing_strategy": "fastest", "num_retries": [2], "timeout": 30}

    assert errors("litellm", {"router_settings": router}) == [
        "$.router_settings.num_retries",
        "$.router_settings.routing_strategy",
    ]


def test_the_words_at_a_key_say_kind_default_and_source() -> None:
    made = json.loads((ROOT / FOLDER / "litellm.schema.json").read_text("utf-8"))
    router = made["definitions"]["router_settings"]["properties"]

    assert router["allowed_fails"]["description"] == (
        "int or null, default None; LiteLLM 1.106.2 router.py:968"
    )


def test_a_key_that_does_nothing_is_offered_with_a_warning() -> None:
    made = json.loads((ROOT / FOLDER / "portkey-oss.schema.json").read_text("utf-8"))
    level = made["definitions"]["targets-item"]["properties"]

    assert level["cb_config"]["deprecationMessage"] == (
        "Portkey OSS takes this key and does nothing with it."
    )
    assert "deprecationMessage" not in level["retry"]
