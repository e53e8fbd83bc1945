"""What the five examples decide, as users read it: docs/examples.md and their emitted files."""

import os
from pathlib import Path

import pytest

from designer.catalog import load_catalog
from designer.compiler import Options, compile_profile, lock_for
from designer.diagnostics import Report
from designer.plan import Plan
from designer.profile.load import load_profile
from tests.golden import assert_golden

ROOT = Path(__file__).parents[1]
NAMES = ("eu-support", "prototype", "regulated", "batch", "multi-region")


def _plan(name: str) -> Plan:
    report = Report()
    path = ROOT / "examples" / f"{name}.yaml"
    loaded = load_profile(f"examples/{name}.yaml", path.read_text("utf-8"), report=report)
    assert loaded is not None
    lock = lock_for(path, name, report)
    plan = compile_profile(loaded, load_catalog(), lock, Options(), report)
    assert plan is not None, [str(finding) for finding in report]
    return plan


@pytest.mark.parametrize("name", NAMES)
def test_the_emitted_files_are_as_reviewed(name: str) -> None:
    texts = {p: t for p, t in _plan(name).texts.items() if p != "plan.json"}

    assert_golden(f"examples/{name}", texts)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_input_gives_the_same_bytes(name: str) -> None:
    assert _plan(name).texts == _plan(name).texts


@pytest.mark.parametrize("name", NAMES)
def test_no_emitted_file_says_when_or_by_which_version_it_was_made(name: str) -> None:
    for path, text in _plan(name).texts.items():
        if path not in ("plan.json", "REPORT.md"):
            head = "\n".join(text.splitlines()[:6])
            assert "0.1.0" not in head, path


def test_the_documented_decisions_are_the_decisions() -> None:
    page = ROOT / "docs" / "examples.md"
    text = _page()
    if os.environ.get("UPDATE_GOLDEN"):
        page.write_text(text, "utf-8")

    assert page.read_text("utf-8") == text


def _page() -> str:
    lines = [
        "# The five examples, and why",
        "",
        "For each profile in `examples/`: the gateway that `designer plan` chooses, and against each",
        "alternative the reason that binds. Made by the tests (`make golden`); the whole decision is in",
        "each plan's `REPORT.md`.",
    ]
    for name in NAMES:
        plan = _plan(name)
        lines += ["", f"## {name}: {plan.gateway.title}", ""]
        chains = (
            f"`{c.workload.alias}`: {' → '.join(str(rung) for rung in c.rungs)}"
            for c in plan.chains
        )
        lines += [f"- {chain}" for chain in chains]
        lines.append("")
        for number, verdict in enumerate((v for v in plan.verdicts if v is not plan.verdict), 1):
            if verdict.rejected:
                why = verdict.rejected[0]
            else:
                ours = sum(not lack.refused for lack, _ in plan.verdict.losses)
                theirs = sum(not lack.refused for lack, _ in verdict.losses)
                why = (
                    f"{theirs} losses against {ours}; {verdict.weights[1].why}; "
                    f"{verdict.reasons[-1]}, against {plan.verdict.score:,}"
                )
            lines.append(f"{number}. not {verdict.gateway.title}: {why}")
    return "\n".join(lines) + "\n"
