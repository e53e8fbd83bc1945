"""Every rule has a page, a file that breaks it and one that does not; both are tests."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from designer.diagnostics import Diagnostic, Severity
from designer.lint import fixes
from designer.lint.pages import index, page
from designer.render import findings as render
from tests.golden import assert_golden
from tests.lint.linting import EXAMPLES, codes, example, examples, lint_rules, linted

RULES = lint_rules()
DOCS = Path(__file__).parents[2] / "docs/rules"


@pytest.mark.parametrize("code", RULES)
def test_every_rule_says_why_with_a_source_and_what_to_do(code: str) -> None:
    rule = RULES[code]

    assert rule.why.endswith((".", "?"))
    assert rule.help
    assert re.search(r"20\d\d|https?://|^by definition|^design: ", rule.source), rule.source
    assert rule.severity is Severity.INFO or rule.instead or "design" in rule.source


@pytest.mark.parametrize("code", RULES)
def test_the_failing_example_fails_and_the_passing_one_does_not(code: str) -> None:
    assert code in codes(example(code, "fails"))

    passed = linted(example(code, "passes"))

    assert code not in [finding.code for finding in passed]
    assert not [str(f) for f in passed if f.severity is Severity.ERROR]


def test_every_example_is_of_a_rule() -> None:
    assert sorted(folder.name for folder in EXAMPLES.iterdir()) == sorted(RULES)


def test_what_lint_says_of_the_failing_examples_is_what_people_read() -> None:
    said = {
        f"{path.parent.name}.txt": render.text(_here(path)) + "\n" for path in examples("fails")
    }

    assert_golden("lint", said)


def _here(path: Path) -> list[Diagnostic]:
    """Its findings, named as from its own folder; of other rules only what is more than advice."""
    own = path.parent.name
    told = [f for f in linted(path) if f.code == own or f.severity is not Severity.INFO]
    return [replace(f, place=replace(f.place, file=path.name)) for f in told]


@pytest.mark.parametrize("path", examples("fails"), ids=lambda path: path.parent.name)
def test_a_fix_mends_its_finding_and_brings_no_error(path: Path, tmp_path: Path) -> None:
    before = linted(path)
    fixable = [finding for finding in before if finding.fix is not None]
    fixed = fixes.apply(path.read_text("utf-8"), fixable)
    copy = tmp_path / path.name
    copy.write_text(fixed.text, "utf-8")

    after = linted(copy)

    mended = [f for f in fixable if f.fix in fixed.made]
    left = [(f.code, f.place.path) for f in after]
    assert not [f.code for f in mended if (f.code, f.place.path) in left]
    known = {finding.code for finding in before}
    assert not [f for f in after if f.severity is Severity.ERROR and f.code not in known]


def test_the_pages_are_current() -> None:
    pages = {f"{code}.md": page(rule) for code, rule in RULES.items()}
    pages["README.md"] = index(list(RULES.values()))
    if os.environ.get("UPDATE_GOLDEN"):
        DOCS.mkdir(parents=True, exist_ok=True)
        for old in DOCS.glob("*.md"):
            old.unlink()
        for name, text in pages.items():
            (DOCS / name).write_text(text, "utf-8")

    kept = {path.name: path.read_text("utf-8") for path in DOCS.glob("*.md")}

    assert kept == pages


@pytest.mark.parametrize(
    "folder",
    sorted((Path(__file__).parents[1] / "golden/examples").iterdir()),
    ids=lambda p: p.name,
)
def test_what_we_emit_has_nothing_to_warn_of(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "out")
    routing = {"deployments": [{"model": "openai/gpt-5.4", "provider": "openai"}]}
    (tmp_path / "out/plan.json").write_text(json.dumps({"routing": routing}), "utf-8")

    found = linted(tmp_path / "out")

    assert [str(f) for f in found if f.severity is not Severity.INFO] == []
