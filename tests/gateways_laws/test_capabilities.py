"""The table of what gateways ship, and the releases not to be run: complete, sourced and consistent."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from designer.catalog import load_catalog
from designer.compiler import Options, compile_profile
from designer.diagnostics import Report
from designer.gateways.capabilities import FAMILIES, Feature, features, operations, page, source
from designer.gateways.registry import GATEWAYS
from designer.gateways.releases import MALICIOUS, WITHDRAWN, problem
from designer.planner.lock import Lock
from designer.profile.load import load_profile

PAGE = Path(__file__).parents[2] / "docs/gateways.md"


def test_every_gateway_is_in_every_row_and_every_cell_has_a_source() -> None:
    assert set(operations()) == set(GATEWAYS)
    for operation in operations().values():
        assert "20" in source(operation.source)
        assert "20" in source(operation.costs.source)
    for feature in features():
        assert set(feature.cells) == set(GATEWAYS), feature.title
        assert all("20" in source(cell.source) for cell in feature.cells.values()), feature.title


@pytest.mark.parametrize("family", FAMILIES)
def test_each_is_known_by_one_feature_that_the_others_do_not_have(family: str) -> None:
    heads = [feature for feature in features() if feature.headline == family]

    assert len(heads) == 1
    assert heads[0].only() == family


def test_only_a_cell_whose_source_is_nobody_is_unknown() -> None:
    for feature in features():
        for cell in feature.cells.values():
            assert (cell.has == "unknown") == (cell.source == "nobody"), feature.title


@pytest.mark.parametrize("feature", [f for f in features() if f.lack], ids=lambda f: f.lack)
def test_what_plans_lose_is_what_a_gateway_does_not_ship(feature: Feature) -> None:
    losing = {
        name: any(lack.feature.name == feature.lack and lack.told for lack in gateway.lacks)
        for name, gateway in GATEWAYS.items()
    }

    assert any(losing.values())
    for name, cell in feature.cells.items():
        if cell.has in ("yes", "no", "database"):
            assert losing[name] == (cell.has == "no"), name


def test_the_page_is_current() -> None:
    if os.environ.get("UPDATE_GOLDEN"):
        PAGE.write_text(page(), "utf-8")

    assert PAGE.read_text("utf-8") == page()


# --- Releases -------------------------------------------------------------------------------------


@given(
    st.one_of(
        st.sampled_from([*MALICIOUS, *WITHDRAWN, "1.107", "1.106.0rc1", "v1.50.0", "1.83"]),
        st.tuples(st.integers(0, 2), st.integers(0, 120), st.integers(0, 20)).map(
            lambda parts: ".".join(map(str, parts))
        ),
    )
)
def test_the_release_that_is_proposed_instead_is_good(version: str) -> None:
    found = problem(version)

    if found is not None:
        assert problem(found.good) is None
        assert found.what
        assert found.source


@pytest.mark.parametrize(
    ("version", "says"),
    [
        ("1.82.8", "malware"),
        ("1.83.10", "forged Host header"),
        ("1.107.0", "not published"),
        ("1.106.0rc1", "pre-release"),
    ],
)
def test_a_plan_for_a_bad_release_is_refused_and_names_a_good_one(version: str, says: str) -> None:
    report = Report()
    loaded = load_profile(
        "p.yaml",
        "version: 1\nname: p\nworkloads: [{alias: chat, task: chat}]\n"
        f'gateway: {{use: litellm, version: "{version}"}}\n',
        report=report,
    )
    assert loaded is not None

    plan = compile_profile(loaded, load_catalog(), Lock(), Options(), report)

    assert plan is None
    refusal = next(finding for finding in report if finding.code == "PLN118")
    assert says in refusal.message
    assert refusal.place.line == 4
    assert "litellm@1." in refusal.help


@pytest.mark.parametrize("version", ["1.106", "1.106.2", "1.109.1", "1.84.3"])
def test_a_good_release_is_not_refused(version: str) -> None:
    assert problem(version) is None
