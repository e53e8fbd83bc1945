"""No profile key is dropped silently: every one is honoured, approximated or refused, with a source."""

import os
from pathlib import Path

import pytest

from designer.gateways.registry import GATEWAYS
from designer.matrix import cell, leaf_keys, page, rows

PAGE = Path(__file__).parents[1] / "docs/matrix.md"


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_there_is_no_gap(gateway: str) -> None:
    gaps = [path for path, cells in rows() if cells[gateway].verdict == "gap"]

    assert gaps == []


@pytest.mark.parametrize("gateway", GATEWAYS.values(), ids=lambda gateway: gateway.name)
def test_a_key_that_a_feature_or_a_dialect_names_is_one(gateway: object) -> None:
    known = set(leaf_keys())
    above = {path.rpartition(".")[0] for path in known} | {p.partition(".")[0] for p in known}
    named = [key for lack in gateway.lacks for key in lack.feature.keys]  # type: ignore[attr-defined]

    said = [*named, *gateway.honoured]  # type: ignore[attr-defined]

    assert [key for key in said if key not in known | above] == []


def test_the_page_is_current() -> None:
    if os.environ.get("UPDATE_GOLDEN"):
        PAGE.write_text(page(), "utf-8")

    assert PAGE.read_text("utf-8") == page()


def test_what_is_approximated_says_what_happens_instead() -> None:
    assert "rounded" in cell("routing.timeout", GATEWAYS["litellm"]).how
