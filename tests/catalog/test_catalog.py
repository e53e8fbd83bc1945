"""The packaged catalog holds what it promises: sources, unique spellings, honest unknowns."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from designer.catalog import Catalog, Offering, add_custom_offering, forget_catalog, load_catalog
from designer.catalog.model import CAPABILITIES, FACT_KEYS, TIERS, spellings

CATALOG = load_catalog()

offerings = st.sampled_from(sorted(CATALOG.offerings.values(), key=lambda o: o.id))
fact_keys = st.sampled_from(FACT_KEYS)
days = st.dates(date(2025, 1, 1), date(2030, 1, 1))


def offering(offering_id: str) -> Offering:
    found = CATALOG.offering(offering_id)
    assert found is not None
    return found


# --- What is in it --------------------------------------------------------------------------------


def test_it_covers_the_providers_people_ask_for() -> None:
    promised = (
        "openai azure anthropic bedrock gemini vertex mistral cohere groq deepseek ollama vllm"
    )

    assert set(promised.split()) <= {o.provider for o in CATALOG.offerings.values()}
    assert len(CATALOG.models) >= 36
    assert len(CATALOG.offerings) >= 90


def test_most_models_can_be_bought_today() -> None:
    current = [m for m in CATALOG.models.values() if m.status in ("active", "preview")]

    assert len(current) >= 30
    for model in current:
        sold = CATALOG.offerings_of(model.id)
        assert any(CATALOG.status_of(o, CATALOG.date) != "retired" for o in sold), model.id


def test_every_offering_has_a_price_with_source_and_day() -> None:
    for offering in CATALOG.offerings.values():
        price = offering.price

        assert price.evidence
        assert all(proof.source and proof.observed_on <= CATALOG.date for proof in price.evidence)
        assert min(price.input, price.output) >= 0
        if not CATALOG.providers[offering.provider].is_self_hosted:
            assert price.input > 0
            assert price.output > 0 or CATALOG.model_of(offering).kind == "embedding"


def test_the_price_is_what_one_of_its_sources_says() -> None:
    for offering in CATALOG.offerings.values():
        price = offering.price
        said = {(proof.input, proof.output) for proof in price.evidence}

        assert (price.input, price.output) in said
        assert (price.agreement == "conflict") == (len(said) > 1)
        assert (price.agreement == "single") == (len(price.evidence) == 1)


def test_every_offering_is_complete() -> None:
    for offering in CATALOG.offerings.values():
        model = CATALOG.model_of(offering)

        assert offering.provider in CATALOG.providers
        assert offering.capabilities <= CAPABILITIES
        assert offering.max_input_tokens > 0
        assert offering.max_output_tokens > 0 or model.kind == "embedding"
        assert offering.regions_source
        assert offering.latency.source
        assert offering.latency.ttft_p50_s > 0
        assert offering.latency.tokens_per_s > 0
        assert offering.names.litellm
        assert model.tier in TIERS
        assert model.tier_why
        assert model.source


def test_prices_vary_by_more_than_the_region_in_the_name() -> None:
    europe, world = offering("azure/gpt-6-sol@eu"), offering("azure/gpt-6-sol")

    assert europe.price.input > world.price.input
    assert (europe.residency, world.residency) == ("eu", "global")


def test_a_disagreement_between_sources_is_shown_not_settled_in_silence() -> None:
    price = offering("mistral/mistral-large-4").price

    assert price.agreement == "conflict"
    assert {proof.source.split()[0] for proof in price.evidence} == {"litellm", "genai-prices"}


def test_a_model_without_benchmarks_is_of_unknown_quality_not_average() -> None:
    model = CATALOG.models["gpt-6-luna"]

    assert model.quality == ()
    assert model.score("arena_text") is None
    assert model.tier_why.startswith("no benchmark found")


def test_every_score_and_incident_prior_names_its_source_and_day() -> None:
    for model in CATALOG.models.values():
        assert all(score.source and score.as_of for score in model.quality)
    for provider in CATALOG.providers.values():
        assert provider.is_self_hosted or provider.incidents is not None
        assert provider.incidents is None or (
            provider.incidents.source and provider.incidents.as_of
        )


# --- Spellings ------------------------------------------------------------------------------------


def test_no_spelling_means_two_models_or_two_providers() -> None:
    meanings = defaultdict(set)
    for each in CATALOG.offerings.values():
        for spelling in spellings(each):
            meanings[spelling].add((each.provider, each.model))

    assert {s: sold for s, sold in meanings.items() if len(sold) > 1} == {}


def test_every_spelling_with_host_and_region_leads_back_to_its_offering() -> None:
    for offering in CATALOG.offerings.values():
        region = None if offering.region == "global" else offering.region

        for gateway, provider, name in spellings(offering):
            found = CATALOG.by_gateway_name(
                gateway, name, offering.api_base or None, region, provider or None
            )
            assert found == offering, (gateway, provider, name)


def test_a_name_alone_never_promises_a_region_that_it_does_not_fix() -> None:
    for offering in CATALOG.offerings.values():
        for gateway, provider, name in spellings(offering):
            found = CATALOG.by_gateway_name(gateway, name, provider=provider or None)
            if found is not None and found.region != "global":
                fixed = found.pin.by in ("name", "deployment") or f"/{found.region}/" in name
                assert fixed, (gateway, name)


@pytest.mark.parametrize(
    ("gateway", "name", "expected"),
    [
        ("litellm", "gpt-6-sol", "openai/gpt-6-sol"),
        ("litellm@1.106", "anthropic/claude-sonnet-5-5", "anthropic/claude-sonnet-5-5"),
        ("litellm", "azure/eu/gpt-6-sol", "azure/gpt-6-sol@eu"),
        (
            "litellm",
            "bedrock/converse/eu.anthropic.claude-sonnet-5-5",
            "bedrock/claude-sonnet-5-5@eu",
        ),
        (
            "litellm",
            "bedrock/eu-central-1/qwen.qwen3-coder-next",
            "bedrock/qwen3-coder-next@eu-central-1",
        ),
        ("openrouter", "anthropic/claude-sonnet-5.5", "anthropic/claude-sonnet-5-5"),
        ("litellm", "bedrock/qwen.qwen3-coder-next", None),
        ("openrouter", "openai/gpt-oss-120b", None),
        ("litellm", "openai/no-such-model", None),
        ("portkey", "gpt-6-sol", None),
    ],
)
def test_names_as_people_write_them(gateway: str, name: str, expected: str | None) -> None:
    found = CATALOG.by_gateway_name(gateway, name)

    assert (found.id if found else None) == expected


def test_the_host_decides_between_siblings_of_one_name() -> None:
    europe = CATALOG.by_gateway_name("litellm", "openai/gpt-6-sol", "https://eu.api.openai.com/v1")
    proxy = CATALOG.by_gateway_name("litellm", "openai/gpt-6-sol", "http://10.0.0.7:4000/v1")

    assert europe == offering("openai/gpt-6-sol@eu")
    assert proxy is None


def test_an_azure_resource_in_sweden_proves_no_european_deployment() -> None:
    found = CATALOG.by_gateway_name("litellm", "azure/gpt-6-sol", region="swedencentral")

    assert found == offering("azure/gpt-6-sol")


def test_openrouter_slugs_with_a_provider_and_a_region() -> None:
    found = CATALOG.by_gateway_name(
        "openrouter", "google/gemini-3.8-flash", provider="google-vertex/europe"
    )
    answering = CATALOG.openrouter_endpoints("google/gemini-3.8-flash")

    assert found == offering("vertex/gemini-3.8-flash@eu")
    assert {o.provider for o in answering} == {"gemini", "vertex"}


# --- Facts ----------------------------------------------------------------------------------------


def test_every_fact_applies_to_something_and_names_source_day_and_end() -> None:
    for row in CATALOG.facts:
        assert CATALOG.matching(row.applies_to), row.applies_to
        assert row.fact.source
        assert row.fact.observed_on
        assert row.fact.expires_on == row.fact.observed_on + timedelta(days=180)
        assert row.fact.value not in ("obtainable", "unknown") or row.fact.condition


def test_no_fact_is_stale_on_the_day_of_the_catalog() -> None:
    stale = [r for r in CATALOG.facts if not r.fact.is_current(CATALOG.date)]

    assert stale == []


@given(offerings, fact_keys)
def test_every_fact_becomes_unknown_after_its_last_day(offering: Offering, key: str) -> None:
    today = CATALOG.fact(offering, key, CATALOG.date)

    if today.expires_on:
        after = CATALOG.fact(offering, key, today.expires_on + timedelta(days=1))
        assert after.value == "unknown"
        assert CATALOG.fact(offering, key, today.expires_on).value == today.value


@given(offerings, fact_keys, days)
def test_what_is_not_unknown_is_current_and_uncontradicted(
    offering: Offering, key: str, day: date
) -> None:
    fact = CATALOG.fact(offering, key, day)

    if fact.value != "unknown":
        assert fact.is_current(day)
        assert fact.grade != "conflict"


def test_what_nobody_looked_at_is_unknown() -> None:
    fact = CATALOG.fact(offering("groq/gpt-oss-120b"), "iso27001", CATALOG.date)

    assert (fact.value, fact.source) == ("unknown", "")


def test_two_pages_that_contradict_one_another_are_unknown() -> None:
    fact = CATALOG.fact(offering("cohere/command-a"), "eu_residency", CATALOG.date)

    assert (fact.value, fact.grade) == ("unknown", "conflict")
    assert "Japan" in fact.condition


def test_a_fact_about_a_region_beats_the_one_about_the_provider() -> None:
    at = CATALOG.date

    assert CATALOG.fact(offering("bedrock/claude-opus-5-5@eu"), "eu_residency", at).value == "yes"
    assert CATALOG.fact(offering("bedrock/claude-opus-5-5"), "eu_residency", at).value == "no"
    assert CATALOG.fact(offering("anthropic/claude-opus-5-5"), "eu_residency", at).value == "no"


def test_a_misspelt_fact_is_the_programmers_error() -> None:
    with pytest.raises(KeyError, match="no such fact: zero_retnetion"):
        CATALOG.fact(offering("openai/gpt-6-sol"), "zero_retnetion", CATALOG.date)


# --- Prices of calls ------------------------------------------------------------------------------


def test_a_call_costs_its_tokens() -> None:
    price = offering("anthropic/claude-sonnet-5-5").price

    assert price.cost_usd(1_000_000, 100_000) == Decimal("3.0")
    assert price.cost_usd(1_000_000, 0, cached_tokens=1_000_000) == Decimal("0.1")
    assert price.cost_usd(1_000_000, 0, cache_write_tokens=1_000_000) == Decimal("2.5")


def test_a_long_prompt_costs_more_from_its_first_token() -> None:
    price = offering("openai/gpt-6-sol").price

    assert price.cost_usd(272_000, 0) == Decimal("0.544")
    assert price.cost_usd(273_000, 0) == Decimal("1.092")


def test_deepseek_is_cheaper_at_night_and_at_the_weekend() -> None:
    price = offering("deepseek/deepseek-v4-pro").price
    sunday = datetime(2026, 11, 22, 8, tzinfo=UTC)
    monday, evening = sunday + timedelta(days=1), sunday + timedelta(days=1, hours=10)

    assert price.cost_usd(1_000_000, 0) == Decimal("1.32")
    assert price.cost_usd(1_000_000, 0, at=monday) == Decimal("1.32")
    assert price.cost_usd(1_000_000, 0, at=sunday) == Decimal("0.66")
    assert price.cost_usd(1_000_000, 0, at=evening) == Decimal("0.66")


@pytest.mark.parametrize(("hour", "usd"), [(0, "0.66"), (1, "1.32"), (4, "0.66"), (10, "0.66")])
def test_cheaper_hours_begin_and_end_on_the_minute(hour: int, usd: str) -> None:
    price = offering("deepseek/deepseek-v4-pro").price

    assert price.cost_usd(1_000_000, 0, at=datetime(2026, 11, 23, hour, tzinfo=UTC)) == Decimal(usd)


@given(offerings, st.integers(0, 2_000_000), st.integers(0, 500_000), st.integers(0, 1_000))
def test_more_tokens_never_cost_less(
    offering: Offering, given_tokens: int, answer: int, more: int
) -> None:
    cost = offering.price.cost_usd(given_tokens, answer)

    assert offering.price.cost_usd(given_tokens + more, answer) >= cost
    assert offering.price.cost_usd(given_tokens, answer + more) >= cost


# --- Patterns and models of the user's own --------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "inside", "outside"),
    [
        ("bedrock/*@eu", "bedrock/claude-opus-5-5@eu", "bedrock/claude-opus-5-5"),
        ("bedrock/*", "bedrock/claude-opus-5-5@us", "anthropic/claude-opus-5-5"),
        ("claude-opus-5-5", "vertex/claude-opus-5-5", "vertex/claude-opus-5"),
        ("azure/gpt-6-sol", "azure/gpt-6-sol@eu", "azure/gpt-6-luna"),
        ("azure/gpt-6-sol@global", "azure/gpt-6-sol", "azure/gpt-6-sol@eu"),
    ],
)
def test_patterns(pattern: str, inside: str, outside: str) -> None:
    matched = {o.id for o in CATALOG.matching(pattern)}

    assert inside in matched
    assert outside not in matched


def with_own_model() -> Catalog:
    return add_custom_offering(
        CATALOG, "vllm", "qwen3-coder", context_tokens=131_000, capabilities=["tools"]
    )


def test_a_model_on_the_users_own_machine_joins_the_catalog() -> None:
    catalog = with_own_model()
    own = catalog.offering("vllm/qwen3-coder")

    assert own is not None
    assert own.price.cost_usd(1_000_000, 1_000_000) == 0
    assert own.capabilities == {"tools"}
    assert catalog.by_gateway_name("litellm", "hosted_vllm/qwen3-coder") == own
    assert catalog.fact(own, "no_training", catalog.date).value == "yes"
    assert CATALOG.offering("vllm/qwen3-coder") is None


def test_a_known_model_on_the_users_own_machine_keeps_its_quality() -> None:
    catalog = add_custom_offering(CATALOG, "ollama", "gpt-oss-120b", context_tokens=32_000)

    assert catalog.models["gpt-oss-120b"] == CATALOG.models["gpt-oss-120b"]
    assert catalog.offerings["ollama/gpt-oss-120b"].context_tokens == 32_000


def test_an_offering_that_ends_counts_as_retired_from_that_day() -> None:
    ending = offering("azure/gpt-6-sol")
    assert ending.retires_on is not None

    assert CATALOG.status_of(ending, ending.retires_on - timedelta(days=1)) == "active"
    assert CATALOG.status_of(ending, ending.retires_on) == "retired"


def test_a_catalog_that_is_forgotten_is_read_again() -> None:
    before = load_catalog()
    assert load_catalog() is before

    forget_catalog()

    assert load_catalog() is not before
    assert load_catalog() == before
