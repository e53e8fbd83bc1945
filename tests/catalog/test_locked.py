"""A new catalog changes no locked choice; it says what would be better, and by how much money."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from designer.catalog import Catalog, load_catalog
from designer.compiler import Options, compile_profile, lock_for
from designer.diagnostics import Report
from designer.plan import Plan
from designer.planner.lock import Lock
from designer.profile.load import load_profile

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = ("eu-support", "prototype", "regulated", "batch", "multi-region")
CATALOG = load_catalog()

factors = st.dictionaries(
    st.sampled_from(sorted(CATALOG.providers)),
    st.sampled_from([Decimal("0.1"), Decimal("0.5"), Decimal("1.2"), Decimal(3)]),
    max_size=6,
)


def repriced(factor_of: dict[str, Decimal]) -> Catalog:
    """The catalog of another day: whole providers dearer or cheaper."""
    offerings = {
        o.id: replace(
            o,
            price=replace(
                o.price,
                input=o.price.input * factor_of.get(o.provider, Decimal(1)),
                output=o.price.output * factor_of.get(o.provider, Decimal(1)),
            ),
        )
        for o in CATALOG.offerings.values()
    }
    return replace(CATALOG, offerings=offerings)


def planned(name: str, catalog: Catalog) -> tuple[Plan, Lock, list[str]]:
    report = Report()
    path = EXAMPLES / f"{name}.yaml"
    loaded = load_profile(f"examples/{name}.yaml", path.read_text("utf-8"), report=report)
    assert loaded is not None
    lock = lock_for(path, name, report)
    plan = compile_profile(loaded, catalog, lock, Options(), report)
    assert plan is not None, [str(finding) for finding in report]
    return plan, lock, [finding.message for finding in report if finding.code == "PLN107"]


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(factors)
def test_no_change_of_prices_changes_a_locked_choice(
    name: str, factor_of: dict[str, Decimal]
) -> None:
    plan, lock, _ = planned(name, repriced(factor_of))

    chains = {c.workload.alias: tuple(rung.id for rung in c.rungs) for c in plan.chains}
    assert lock.chains
    assert chains == lock.chains


def test_what_would_be_better_is_told_with_the_money() -> None:
    _, _, better = planned("batch", repriced({"openai": Decimal(3)}))

    assert better == [
        "nightly-summaries: groq/gpt-oss-20b@global would be preferred now to "
        "openai/gpt-5-nano@global: 0.00026 instead of 0.00068 USD a request (-61 %), -502 USD/month",
        "nightly-labels: groq/gpt-oss-20b@global would be preferred now to "
        "openai/gpt-5-nano@global: 0.00005 instead of 0.00011 USD a request (-55 %), -230 USD/month",
    ]
