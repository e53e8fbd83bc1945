"""What hurts in production: a configuration that has it, on which it is found, and one without it.

What the real gateway makes of the same is measured in `tests/conformance` and
`designer/conform/corpus`; here it is what a proof says of it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from designer.catalog import load_catalog
from designer.diagnostics import Report
from designer.load import load_config
from designer.verify import Judge, Verdict, facts, load_properties

PAINS = sorted((Path(__file__).parent / "pains").iterdir())


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
