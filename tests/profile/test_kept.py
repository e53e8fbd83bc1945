"""A profile read back as plan.json keeps it is the profile."""

import json
from pathlib import Path

import pytest

from designer.diagnostics import Report
from designer.errors import UsageError
from designer.profile.kept import read_kept
from designer.profile.load import load_profile

ROOT = Path(__file__).parents[2]
PROFILES = [
    *(p for p in sorted((ROOT / "examples").glob("*.yaml")) if ".test." not in p.name),
    *(ROOT / "tests" / "profile" / "cases" / name / "profile.yaml" for name in ("full", "limits")),
]


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_is_kept_is_read_back(path: Path) -> None:
    loaded = load_profile(path, report=Report())
    assert loaded is not None
    kept = loaded.profile.model_dump(mode="json", by_alias=True, exclude_unset=True)

    assert read_kept(json.loads(json.dumps(kept))) == loaded.profile


def test_what_was_never_kept_is_refused_by_its_place() -> None:
    with pytest.raises(UsageError, match=r"workloads\.0\.alias"):
        read_kept({"version": 1, "name": "x", "workloads": [{"alias": 3, "task": "chat"}]})
