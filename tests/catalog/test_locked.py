"""Neither a new catalog nor a new version of this program changes a locked choice; what would be better
is said, with the money."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from designer.catalog import Catalog, Offering, load_catalog
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


def planned(name: str, catalog: Catalog, lock: Lock | None = None) -> tuple[Plan, Lock, list[str]]:
    report = Report()
    path = EXAMPLES / f"{name}.yaml"
    loaded = load_profile(f"examples/{name}.yaml", path.read_text("utf-8"), report=report)
    assert loaded is not None
    lock = lock_for(path, name, report) if lock is None else lock
    plan = compile_profile(loaded, catalog, lock, Options(), report)
    assert plan is not None, [str(finding) for finding in report]
    better = [f.message for f in report if f.code in ("PLN107", "PLN108")]
    return plan, lock, better


def chains_of(plan: Plan) -> dict[str, tuple[str, ...]]:
    return {c.workload.alias: tuple(rung.id for rung in c.rungs) for c in plan.chains}


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(factors)
def test_no_change_of_prices_changes_a_locked_choice(
    name: str, factor_of: dict[str, Decimal]
) -> None:
    plan, lock, _ = planned(name, repriced(factor_of))

    assert lock.chains
    assert chains_of(plan) == lock.chains
    assert plan.gateway.name == lock.gateway


def test_what_would_be_better_is_told_with_the_money() -> None:
    _, _, better = planned("batch", repriced({"openai": Decimal(3)}))

    assert better == [
        "nightly-summaries: groq/gpt-oss-20b@global would be preferred now to "
        "openai/gpt-5-nano@global: 0.00026 instead of 0.00068 USD a request (-61 %), -502 USD/month",
        "nightly-labels: groq/gpt-oss-20b@global would be preferred now to "
        "openai/gpt-5-nano@global: 0.00005 instead of 0.00011 USD a request (-55 %), -230 USD/month",
    ]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("model", ["a new model", "the same model in another scope"])
def test_what_is_new_and_cheaper_changes_no_locked_choice(name: str, model: str) -> None:
    before, lock, _ = planned(name, CATALOG)
    rungs = [rung for chosen in before.chains for rung in chosen.rungs]
    new = [_newer(rung.offering, model) for rung in rungs]
    models = {o.model: CATALOG.model_of(r.offering) for o, r in zip(new, rungs, strict=True)}
    catalog = replace(
        CATALOG,
        offerings=CATALOG.offerings | {o.id: o for o in new},
        models=CATALOG.models | models,
    )

    plan, _, _ = planned(name, catalog)

    assert [str(rung) for chosen in plan.chains for rung in chosen.rungs] == list(map(str, rungs))
    assert chains_of(plan) == lock.chains
    assert {o.id for o in new}.isdisjoint(r.offering.id for c in plan.chains for r in c.rungs)
    unlocked, _, _ = planned(name, catalog, Lock())
    assert (
        any(r.offering in new for c in unlocked.chains for r in c.rungs) or model == "a new model"
    )


def _newer(offering: Offering, model: str) -> Offering:
    """Half as dear and three times as fast."""
    price, latency = offering.price, offering.latency
    return replace(
        offering,
        id=offering.id.replace("/", "/next-", 1),
        model=f"next-{offering.model}" if model == "a new model" else offering.model,
        price=replace(price, input=price.input / 2, output=price.output / 2),
        latency=replace(latency, tokens_per_s=latency.tokens_per_s * 3),
    )


def test_what_another_version_of_this_program_chose_stays_while_it_will_do() -> None:
    """Whatever feasible choice a lock holds, and for whatever reasons it was made."""
    plan, lock, _ = planned("batch", CATALOG)
    for chosen in plan.chains:
        for candidate, _ in chosen.runners_up[:3]:
            other = {**lock.chains, chosen.workload.alias: (candidate.id,)}

            kept, _, better = planned("batch", CATALOG, Lock(lock.gateway, other))

            assert chains_of(kept) == other
            assert [m for m in better if m.startswith(f"{chosen.workload.alias}: ")]


@pytest.mark.parametrize("name", NAMES)
def test_the_gateway_that_another_version_chose_stays_while_it_will_do(name: str) -> None:
    plan, lock, _ = planned(name, CATALOG)
    if plan.profile.gateway.use != "auto":
        pytest.skip("the profile itself says which gateway")
    best = plan.verdicts[0]
    for verdict in plan.verdicts:
        kept, _, better = planned(name, CATALOG, Lock(verdict.gateway.name, lock.chains))

        stays = verdict if not verdict.rejected else best
        assert kept.gateway is stays.gateway
        told = [m for m in better if m.startswith(f"{best.gateway.title} would be preferred now")]
        assert bool(told) == (stays is not best)
        if told:
            less = stays.score - best.score
            assert told == [
                f"{best.gateway.title} would be preferred now to {stays.gateway.title}: it weighs "
                f"{less:,} USD/month less"
            ]
