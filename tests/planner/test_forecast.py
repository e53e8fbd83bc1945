"""Forecasts: laws of the intervals, stories of what moves them, and how often they hold."""

import math
import os
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from benchmarks.forecast import measured, table
from designer.catalog import load_catalog
from designer.catalog.model import Catalog, Evidence, Offering, Usage
from designer.diagnostics import Report
from designer.planner import priors
from designer.planner.accounts import (
    Account,
    Candidate,
    accounts,
    candidates,
    with_own_models,
)
from designer.planner.forecast import Course, Figure, Forecast, availability_of, forecast
from designer.profile.load import load_profile
from designer.profile.model import ProviderAccount, Workload

CATALOG = load_catalog()
PAGE = Path(__file__).parents[2] / "docs/forecast.md"
HOSTED = [o for o in CATALOG.offerings.values() if not CATALOG.providers[o.provider].is_self_hosted]


def _rung(offering: Offering) -> Candidate:
    account = Account(ProviderAccount(name=offering.provider))
    return Candidate(account, offering, None, offering.model)


def _workload(**traffic: object) -> Workload:
    wanted = {"rate": "200k/day", "input_tokens": 1200, "output_tokens": 300} | traffic
    return Workload.model_validate({"alias": "chat", "task": "chat", "traffic": wanted})


def _forecast(
    *ids: str, catalog: Catalog = CATALOG, way: Course | None = None, **traffic: object
) -> Forecast:
    rungs = [_rung(catalog.offerings[id_]) for id_ in ids]
    return forecast(_workload(**traffic), rungs, catalog, way or Course())


def _width(figure: Figure | None) -> float:
    assert figure is not None
    return math.log(figure.high / figure.low)


# --- Laws -----------------------------------------------------------------------------------------

_CHAINS = st.lists(st.sampled_from(HOSTED), min_size=1, max_size=4).map(
    lambda chain: [_rung(offering) for offering in chain]
)
_COURSES = st.builds(
    Course,
    retries=st.integers(0, 4),
    attempts=st.integers(1, 8),
    cache=st.sampled_from(["off", "exact", "semantic"]),
)


@given(rungs=_CHAINS, way=_COURSES, repeats=st.integers(0, 100), rate=st.integers(1, 10**6))
def test_every_interval_is_one(
    rungs: list[Candidate], way: Course, repeats: int, rate: int
) -> None:
    said = forecast(_workload(repeats=f"{repeats}%", rate=f"{rate}/day"), rungs, CATALOG, way)

    for figure in (said.availability, said.p95_s, said.usd_per_month, said.usd_per_request):
        assert figure is not None
        assert 0 <= figure.low <= figure.high
        assert figure.source
    assert said.availability.high <= 1
    assert said.p95_s.high <= way.deadline_s


@given(rungs=_CHAINS, more=st.sampled_from(HOSTED))
def test_another_rung_never_makes_a_chain_less_available(
    rungs: list[Candidate], more: Offering
) -> None:
    alone = availability_of(rungs, CATALOG)
    both = availability_of([*rungs, _rung(more)], CATALOG)

    assert both.mean >= alone.mean - 1e-9


@given(rungs=_CHAINS)
def test_the_same_question_has_the_same_answer(rungs: list[Candidate]) -> None:
    first = forecast(_workload(), rungs, CATALOG)

    assert forecast(_workload(), rungs, CATALOG) == first


# --- Stories --------------------------------------------------------------------------------------


def test_a_second_deployment_in_the_same_domain_does_not_survive_its_outages() -> None:
    alone = _forecast("openai/gpt-5.4-mini")
    twins = _forecast("openai/gpt-5.4-mini", "openai/gpt-5.4-nano")
    apart = _forecast("openai/gpt-5.4-mini", "groq/gpt-oss-120b")

    assert twins.availability.mean - alone.availability.mean < 0.0005
    assert apart.availability.mean - alone.availability.mean > 0.001


def test_a_rung_beyond_the_limit_of_attempts_is_never_asked() -> None:
    alone = _forecast("openai/gpt-5.4-mini", way=Course(retries=2, attempts=3))
    unreached = _forecast(
        "openai/gpt-5.4-mini", "groq/gpt-oss-120b", way=Course(retries=2, attempts=3)
    )

    assert abs(unreached.availability.mean - alone.availability.mean) < 0.0005


def test_the_tail_is_the_chains_and_not_the_primarys() -> None:
    """A primary that is down for long leaves the slower fallback to make the 95th percentile."""
    down = replace(
        CATALOG,
        providers={
            **CATALOG.providers,
            "groq": replace(
                CATALOG.providers["groq"],
                incidents=replace(CATALOG.providers["groq"].incidents, availability=0.7),
            ),
        },
    )

    healthy = _forecast("groq/gpt-oss-120b", "openai/gpt-5.4")
    ill = _forecast("groq/gpt-oss-120b", "openai/gpt-5.4", catalog=down)

    assert ill.p95_s.high > 2 * healthy.p95_s.high


def test_repeats_are_cheaper_only_where_there_is_a_cache() -> None:
    plain = _forecast("openai/gpt-5.4", repeats="50%")
    cached = _forecast("openai/gpt-5.4", repeats="50%", way=Course(cache="exact"))

    assert plain.usd_per_request == _forecast("openai/gpt-5.4").usd_per_request
    assert cached.usd_per_request.mean < 0.8 * plain.usd_per_request.mean


def test_a_cached_prefix_is_billed_at_the_price_of_reading() -> None:
    plain = _forecast("anthropic/claude-sonnet-5-5", output_tokens=1)
    cached = _forecast("anthropic/claude-sonnet-5-5", output_tokens=1, prompt_cache="100%")

    assert cached.usd_per_request.mean < 0.5 * plain.usd_per_request.mean


def test_dearer_fallbacks_cost_what_they_serve() -> None:
    alone = _forecast("openai/gpt-5.4-nano")
    backed = _forecast("openai/gpt-5.4-nano", "anthropic/claude-opus-5")

    assert backed.usd_per_request.mean > alone.usd_per_request.mean


def test_prices_that_sources_disagree_about_widen_the_cost() -> None:
    offering = CATALOG.offerings["openai/gpt-5.4"]
    price = offering.price
    other = Evidence("elsewhere 1", "x", price.input * 3, price.output * 3, date(2026, 11, 1))
    disputed = replace(
        offering,
        price=replace(price, agreement="conflict", evidence=(*price.evidence, other)),
    )
    catalog = replace(CATALOG, offerings={**CATALOG.offerings, disputed.id: disputed})

    assert _width(_forecast(disputed.id, catalog=catalog).usd_per_request) > 1.2 * _width(
        _forecast(offering.id).usd_per_request
    )


def test_what_was_measured_says_so_and_is_narrower() -> None:
    offering = CATALOG.offerings["openai/gpt-5.4"]
    incidents = CATALOG.providers["openai"].incidents
    assert incidents is not None
    known = replace(
        offering,
        latency=replace(offering.latency, grade="measured", source="logs.jsonl"),
        usage=Usage(10_000, 1200, 300, 0.004, "logs.jsonl", "2026-11-01"),
    )
    catalog = replace(
        CATALOG,
        offerings={**CATALOG.offerings, known.id: known},
        providers={
            **CATALOG.providers,
            "openai": replace(
                CATALOG.providers["openai"], incidents=replace(incidents, grade="logs")
            ),
        },
    )

    prior, measured = _forecast(offering.id), _forecast(known.id, catalog=catalog)

    assert {prior.p95_s.grade, prior.usd_per_request.grade, prior.availability.grade} == {"prior"}
    assert {
        measured.p95_s.grade,
        measured.usd_per_request.grade,
        measured.availability.grade,
    } == {"measured"}
    assert measured.usd_per_request.low < 0.004 < measured.usd_per_request.high
    assert _width(measured.usd_per_request) < 0.5 * _width(prior.usd_per_request)
    assert _width(measured.p95_s) < _width(prior.p95_s)


def test_a_machine_by_the_hour_and_a_commitment_cost_whether_asked_or_not() -> None:
    report = Report()
    loaded = load_profile(
        "p.yaml",
        "version: 1\nname: p\nworkloads: [{alias: chat, task: chat, traffic: {rate: 1k/day}}]\n"
        "providers:\n"
        "  - {name: vllm, as: gpu, api_base: 'http://gpu:8000/v1', cost: 9 USD/hour,"
        " models: {qwen3-coder: {context: 131k}}}\n"
        "  - {name: openai, models: {gpt-5.4: {committed: 7300 USD/month}}}\n",
        report=report,
    )
    assert loaded is not None, [str(finding) for finding in report]
    own = accounts(loaded, CATALOG, report)
    catalog = with_own_models(CATALOG, own)
    pool = {c.id: c for account in own for c in candidates(account, catalog)}

    said = forecast(
        loaded.profile.workloads[0],
        [pool["gpu/qwen3-coder"], pool["openai/gpt-5.4"]],
        catalog,
    )

    hours = 9 * 730
    assert [f.account for f in said.fixed] == ["gpu", "openai/gpt-5.4"]
    assert said.fixed[0].usd_per_month == pytest.approx(hours, rel=0.02)
    assert said.fixed[1].usd_per_month == 7300
    assert said.usd_per_request.high == 0


def test_a_forecast_takes_no_longer_than_twenty_milliseconds() -> None:
    ids = ("openai/gpt-5.4-nano", "groq/gpt-oss-120b", "mistral/mistral-large-4")
    took = []
    for rate in range(1, 6):
        started = time.process_time()
        _forecast(*ids, rate=f"{rate}k/day")
        took.append(time.process_time() - started)

    assert min(took) < 0.020


# --- Honesty --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found() -> dict[str, Mapping[str, float]]:
    return measured()


@pytest.mark.slow
def test_the_intervals_hold_as_often_as_they_say(found: dict[str, Mapping[str, float]]) -> None:
    assert all(0.85 <= share <= 0.95 for share in found["none"].values()), found["none"]


@pytest.mark.slow
@pytest.mark.parametrize("how", ["exactly", "higher", "up to"])
def test_each_mostly_holds_when_rates_prices_and_traffic_are_off_by_half(
    how: str, found: dict[str, Mapping[str, float]]
) -> None:
    assert all(share >= 0.8 for share in found[how].values()), found[how]


@pytest.mark.slow
def test_together_they_mostly_hold_when_that_comes_on_top_of_what_the_priors_allow(
    found: dict[str, Mapping[str, float]],
) -> None:
    apart = found["apart"]

    assert sum(apart.values()) / len(apart) >= 0.8, apart


def test_planned_traffic_strays_as_far_as_forecasts_of_new_products_do() -> None:
    """A mean absolute error of 53 %: the mean of |1 − x| of a lognormal x around 1."""
    spread = priors.TRAFFIC_SPREAD
    error = math.exp(spread**2 / 2) * (2 * NormalDist().cdf(spread) - 1)

    assert error == pytest.approx(0.53, abs=0.005)


@pytest.mark.slow
def test_the_page_shows_what_was_measured(found: dict[str, Mapping[str, float]]) -> None:
    if os.environ.get("UPDATE_GOLDEN"):
        head, _, rest = PAGE.read_text("utf-8").partition("| what is true")
        after = rest.partition("\n\n")[2]
        PAGE.write_text(f"{head}{table(found)}\n{after}", "utf-8")

    assert table(found) in PAGE.read_text("utf-8")
