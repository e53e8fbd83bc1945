"""What users read: one folder a case, the profile beside the findings, word for word.

`make golden` rewrites the expected texts; review them as a diff.
"""

import os
from pathlib import Path

import pytest

from designer.diagnostics import Report
from designer.profile.load import load_profile

CASES = Path(__file__).parent / "cases"
CLEAN = "(nothing found)\n"


@pytest.mark.parametrize("case", sorted(path.name for path in CASES.iterdir()))
def test_a_profile_is_answered_with_these_findings(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(CASES / case)
    report = Report()

    loaded = load_profile("profile.yaml", report=report)

    text = "".join(f"{found}\n" + _help(found.help) for found in report) or CLEAN
    expected = Path("expected.txt")
    if os.environ.get("UPDATE_GOLDEN"):
        expected.write_text(text, encoding="utf-8")
    assert text == expected.read_text(encoding="utf-8")
    assert (loaded is None) == report.has_errors


def _help(text: str) -> str:
    return f"    help: {text}\n" if text else ""
