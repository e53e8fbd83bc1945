"""What is announced for the chosen deployments, and what a lock keeps from being better."""

from datetime import date, timedelta

from msgspec.structs import replace

from designer.catalog import Catalog, load_catalog
from designer.compiler import Options, compile_profile
from designer.diagnostics import Report
from designer.planner.lock import Lock
from designer.profile.load import load_profile

CATALOG = load_catalog()
PROFILE = """\
version: 1
name: p
gateway: litellm
workloads: [{alias: chat, task: chat, quality: fast, traffic: {rate: 10k/day}}]
providers: [openai, groq]
"""


def _told(catalog: Catalog, options: Options, lock: Lock | None = None) -> list[str]:
    report = Report()
    loaded = load_profile("p.yaml", PROFILE, report=report)
    assert loaded is not None
    assert compile_profile(loaded, catalog, lock or Lock(), options, report) is not None
    return [f.message for f in report if f.code in ("PLN107", "PLN130", "PLN131")]


def _with(**changed: object) -> tuple[Catalog, str]:
    """The catalog with the chosen primary changed."""
    loaded = load_profile("p.yaml", PROFILE, report=Report())
    assert loaded is not None
    plan = compile_profile(loaded, CATALOG, Lock(), Options(), Report())
    assert plan is not None
    first = plan.chains[0].rungs[0].offering
    offerings = {**CATALOG.offerings, first.id: replace(first, **changed)}
    return replace(CATALOG, offerings=offerings), first.id


def test_a_retirement_up_to_the_day_is_told_with_what_comes_instead() -> None:
    end = CATALOG.date + timedelta(days=30)
    catalog, name = _with(retires_on=end)

    (told,) = _told(catalog, Options(until=end))

    assert f"{name}@global retires on {end}; then: " in told
    assert name not in told.partition("then: ")[2]
    assert _told(catalog, Options(until=end - timedelta(days=1))) == []
    assert _told(catalog, Options()) == []


def test_a_price_of_a_later_day_is_told() -> None:
    start = CATALOG.date + timedelta(days=10)
    catalog, name = _with()
    price = replace(catalog.offerings[name].price, valid_from=start)
    catalog, name = _with(price=price)

    (told,) = _told(catalog, Options(until=date(2028, 1, 1)))

    assert f"the price of {name}@global that was planned with holds from {start} only" in told


def test_a_lock_tells_what_it_costs() -> None:
    lock = Lock("litellm", {"chat": ("openai/gpt-4o-mini", "groq/gpt-oss-120b")})

    (told,) = _told(CATALOG, Options(), lock)

    assert "would be preferred now to openai/gpt-4o-mini" in told
    assert " %), -" in told
    assert told.endswith(" USD/month")
