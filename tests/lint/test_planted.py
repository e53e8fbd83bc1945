"""What hurts users of gateways is found where it was planted, and not in the repaired file.

One folder a pain. Two are not here: what a migration changes, and drift between file and database, are in
no single file.
"""

from pathlib import Path

import pytest

from designer.diagnostics import Severity
from tests.lint.linting import linted
from tests.lint.planted import planted

HERE = Path(__file__).parent
SEEDED = sorted(HERE.glob("pains/*/seeded.*")) + sorted(HERE.glob("seeded/*.seeded.*"))


def name(path: Path) -> str:
    return path.parent.name if path.stem == "seeded" else path.stem


def repaired(path: Path) -> Path:
    return path.with_name(path.name.replace("seeded.", "repaired."))


@pytest.mark.parametrize("path", SEEDED, ids=name)
def test_what_was_planted_is_found_at_its_line(path: Path) -> None:
    found = {(finding.place.line, finding.code) for finding in linted(path)}

    assert planted(path)
    assert planted(path) <= found


@pytest.mark.parametrize("path", SEEDED, ids=name)
def test_the_seeded_file_has_no_other_error_or_warning(path: Path) -> None:
    found = {(f.place.line, f.code) for f in linted(path) if f.severity is not Severity.INFO}

    assert found <= planted(path)


@pytest.mark.parametrize("path", SEEDED, ids=name)
def test_the_repaired_file_is_clean(path: Path) -> None:
    found = linted(repaired(path))

    mended = {code for _, code in planted(path)}
    assert not [str(f) for f in found if f.code in mended or f.severity is not Severity.INFO]
