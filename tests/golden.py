"""Expected files of a case, word for word: `tests/golden/<case>/`. `UPDATE_GOLDEN=1 pytest` rewrites them."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"


def assert_golden(case: str, texts: Mapping[str, str]) -> None:
    """`texts` by path are exactly the files below the case's folder."""
    folder = GOLDEN / case
    if os.environ.get("UPDATE_GOLDEN"):
        _rewrite(folder, texts)
    kept = {
        path.relative_to(folder).as_posix(): path.read_text("utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    assert sorted(texts) == sorted(kept), (
        "other files than expected (UPDATE_GOLDEN=1 rewrites them)"
    )
    for path, text in texts.items():
        if text != kept[path]:
            pytest.fail(f"{folder / path} differs; UPDATE_GOLDEN=1 rewrites it:\n{text}")


def _rewrite(folder: Path, texts: Mapping[str, str]) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            path.unlink()
    for name, text in texts.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8", newline="")
