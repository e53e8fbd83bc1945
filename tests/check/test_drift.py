"""Drift: a folder against what a plan would write into it."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from designer.check.drift import diff, drift
from designer.diagnostics import Report
from designer.emit import sha256

TEXTS = {"a/config.yaml": "x: 1\n", "REPORT.md": "one\ntwo\n"}


def _written(folder: Path, texts: dict[str, str]) -> dict[str, str]:
    """As a plan writes it: the files, and a plan.json with their hashes."""
    hashes = {path: sha256(text) for path, text in texts.items()}
    content = {"files": hashes, "findings": [{"file": "here/profile.yaml"}]}
    whole = texts | {"plan.json": json.dumps(content)}
    for path, text in whole.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")
    return whole


def _found(folder: Path, texts: dict[str, str]) -> list[tuple[str, str]]:
    report = Report()
    drift(folder, texts, report)
    return [(f.code, Path(f.place.file).relative_to(folder).as_posix()) for f in report]


def test_a_folder_as_it_was_written_has_not_drifted(tmp_path: Path) -> None:
    texts = _written(tmp_path, TEXTS)

    assert _found(tmp_path, texts) == []
    assert diff(tmp_path, texts) == ""


@given(st.sampled_from(sorted(TEXTS)), st.text(st.characters(codec="ascii"), max_size=20))
def test_every_edit_by_hand_is_told_with_its_file(
    tmp_path_factory: pytest.TempPathFactory, path: str, edited: str
) -> None:
    folder = tmp_path_factory.mktemp("edited")
    texts = _written(folder, TEXTS)
    (folder / path).write_bytes(edited.encode())

    expected = [] if edited == TEXTS[path] else [("CHK203", path)]
    assert _found(folder, texts) == expected


def test_a_profile_that_changed_makes_its_files_stale(tmp_path: Path) -> None:
    texts = _written(tmp_path, TEXTS)

    assert _found(tmp_path, texts | {"REPORT.md": "one\nthree\n"}) == [("CHK204", "REPORT.md")]
    assert "-two\n+three\n" in diff(tmp_path, texts | {"REPORT.md": "one\nthree\n"})


def test_missing_left_over_and_foreign_files_are_told_apart(tmp_path: Path) -> None:
    texts = _written(tmp_path, TEXTS)
    (tmp_path / "a" / "config.yaml").unlink()
    (tmp_path / "notes.txt").write_text("mine", "utf-8")
    del texts["REPORT.md"]

    assert _found(tmp_path, texts) == [
        ("CHK202", "a/config.yaml"),
        ("CHK205", "REPORT.md"),
        ("CHK206", "notes.txt"),
    ]


def test_another_path_to_the_same_profile_is_no_drift(tmp_path: Path) -> None:
    texts = _written(tmp_path, TEXTS)
    content = json.loads(texts["plan.json"])
    content["findings"][0]["file"] = "elsewhere/profile.yaml"

    assert _found(tmp_path, texts | {"plan.json": json.dumps(content)}) == []
    content["findings"][0]["line"] = 3
    assert _found(tmp_path, texts | {"plan.json": json.dumps(content)}) == [("CHK204", "plan.json")]
