"""What hurts in production: a configuration that has it, on which it is found, and one without it.

What the real gateway makes of the same is measured in `tests/conformance` and
`designer/conform/corpus`; here it is what a proof says of it. What is no property of routing, drift and
secrets, is found by other commands (docs/verify.md).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from designer.catalog import load_catalog
from designer.diagnostics import Report
from designer.load import load_config
from designer.verify import Judge, Verdict, facts, load_properties

CORPUS = Path(__file__).parents[2] / "designer/conform/corpus"
PAINS_IN = Path(__file__).parent / "pains"
PAINS = sorted(PAINS_IN.iterdir())


def _verdicts(folder: Path, kind: str) -> list[Verdict]:
    report = Report()
    (path,) = folder.glob(f"{kind}.*")
    config = load_config(str(path), report)
    file = folder / "properties.yaml"
    properties = load_properties(file.read_text("utf-8"), str(file), report)
    assert config is not None
    assert properties is not None
    assert not report.has_errors, list(report)
    return list(Judge(facts(config, load_catalog().date)).verdicts(properties))


@pytest.mark.parametrize("folder", PAINS, ids=lambda folder: folder.name)
def test_a_pain_is_found(folder: Path) -> None:
    verdicts = _verdicts(folder, "seeded")

    assert "violated" in [verdict.outcome for verdict in verdicts]


@pytest.mark.parametrize("folder", PAINS, ids=lambda folder: folder.name)
def test_of_a_repaired_configuration_nothing_is_said(folder: Path) -> None:
    verdicts = _verdicts(folder, "repaired")

    assert {verdict.outcome for verdict in verdicts} == {"holds"}, verdicts


def test_what_held_where_it_came_from_is_what_a_migration_breaks() -> None:
    verdicts = _verdicts(PAINS_IN / "14-migration-changes-meaning", "source")

    of_chat = {verdict.outcome for verdict in verdicts if verdict.route == "chat"}
    assert of_chat == {"holds"}


MEASURED = {
    "02-hops-that-vanish": ("litellm", "max-nested-1"),
    "03-fallbacks-that-never-fire": ("portkey-oss", "fallback-listed-503"),
    "04-half-an-answer": ("portkey-oss", "stream-cut-2"),
    "07-retries-multiplied": ("litellm", "fallback-503"),
    "10-refusals-routed-around": ("portkey-oss", "content-policy-any"),
    "13-timeouts-that-do-not-nest": ("litellm", "fallback-timeout"),
    "14-migration-changes-meaning": ("portkey-oss", "timeout-fallback-429"),
}
"""The case that shows the effect on the real gateway. Money, places and guardrails show in no attempt."""


@pytest.mark.parametrize("name", MEASURED)
def test_the_real_gateway_shows_it_in_a_case(name: str) -> None:
    gateway, case = MEASURED[name]
    rows = (CORPUS / f"{gateway}-rows.yaml").read_text("utf-8")

    assert f'- id: "{case}"' in rows
