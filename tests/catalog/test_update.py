"""The catalog is what its script makes of the hand-kept files and the price data, and nothing else."""

import hashlib
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from designer.catalog import load_catalog, update
from designer.catalog.curation import OfferingEntry, read_curated, read_facts, read_quality
from designer.catalog.model import offering_id
from designer.errors import UsageError

ROOT = Path(__file__).parents[2]
DATA = update.DATA

BY_GENAI = {
    "anthropic": (
        "anthropic/claude-opus-5-5",
        "anthropic/claude-sonnet-5-5",
        "anthropic/claude-haiku-5-5",
    ),
    "openai": ("openai/gpt-6-astra", "openai/gpt-6.1-sol", "openai/gpt-5.5"),
    "google": ("gemini/gemini-3.8-flash", "vertex/gemini-4-argon"),
    "mistral": ("mistral/mistral-large-4", "mistral/mistral-medium-3-5"),
    "cohere": ("cohere/embed-v4",),
    "deepseek": ("deepseek/deepseek-v4-pro",),
    "x-ai": ("xai/grok-4.7",),
    "moonshotai": ("moonshot/kimi-k3",),
    "zai": ("zai/glm-5.3",),
    "minimax": ("minimax/minimax-m3",),
    "groq": ("groq/gpt-oss-120b",),
    "voyageai": ("voyage/voyage-4-large",),
    "aws": ("bedrock/claude-sonnet-5-5@eu", "bedrock/gpt-6-sol"),
}
"""Models people route to, by genai-prices' name of the provider."""
CONFLICTS = ("mistral/mistral-large-4",)
"""Of these, the ones whose sources disagree."""
PEAK = datetime(2026, 11, 23, 2, tzinfo=UTC)
"""A working day's hour at which DeepSeek asks its full price."""

FLAGSHIPS = (
    "openai/gpt-6-sol",
    "openai/gpt-6-astra",
    "openai/gpt-5.5",
    "anthropic/claude-opus-5-5",
    "anthropic/claude-sonnet-5-5",
    "anthropic/claude-haiku-5-5",
    "bedrock/claude-sonnet-5-5@eu",
    "gemini/gemini-3.8-flash",
    "vertex/gemini-4-argon",
    "groq/gpt-oss-120b",
    "deepseek/deepseek-v4-pro",
    "xai/grok-4.7",
)


def lock() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DATA / "catalog.lock.json").read_text("utf-8"))
    return found


def prices_of_litellm() -> Path | None:
    """LiteLLM's price map, if `make gateways` installed the very version the catalog is made from."""
    wanted = lock()["taken"]["litellm"]["sha256"]
    name = "litellm/model_prices_and_context_window_backup.json"
    for path in ROOT.glob(f".gateways/litellm/lib/python3*/site-packages/{name}"):
        if hashlib.sha256(path.read_bytes()).hexdigest() == wanted:
            return path
    return None


def test_the_hand_kept_files_are_the_ones_the_catalog_was_made_from() -> None:
    for name, kept in lock()["hand_kept"].items():
        text = (update.HERE / name).read_bytes()
        assert hashlib.sha256(text).hexdigest() == kept["sha256"], (
            f"{name} has changed: run designer catalog update --write"
        )


def test_running_the_script_again_gives_the_same_bytes() -> None:
    prices = prices_of_litellm()
    if prices is None:
        pytest.skip("the LiteLLM that the catalog was made from is not installed (make gateways)")

    made = update.make(prices)

    assert made.files == {name: (DATA / name).read_text("utf-8") for name in made.files}
    assert update.make(prices).files == made.files
    assert made.gone == ()


def test_each_hand_kept_model_and_offering_is_in_the_catalog_once() -> None:
    curated = read_curated(update.HERE)
    catalog = load_catalog()
    sold = [offering_id(at, m.id, region) for m in curated.models for at, region in m.places]

    assert sold == list(catalog.offerings)
    assert [m.id for m in curated.models] == list(catalog.models)
    assert catalog.date == curated.date


def test_scores_are_kept_only_for_models_that_there_are() -> None:
    assert set(read_quality(update.HERE).models) <= set(load_catalog().models)


def test_facts_use_every_source_they_list() -> None:
    facts = read_facts(update.HERE)
    used = {source for fact in facts.facts for source in fact.source}

    assert used == set(facts.sources)


@pytest.mark.parametrize("offering_id", FLAGSHIPS)
def test_both_price_sources_agree_on_flagships(offering_id: str) -> None:
    assert load_catalog().offerings[offering_id].price.agreement == "agree"


@pytest.mark.parametrize(
    ("provider", "offering_id"), [(p, o) for p, ids in BY_GENAI.items() for o in ids]
)
def test_genai_prices_asked_today_says_what_the_catalog_says(
    provider: str, offering_id: str
) -> None:
    genai = pytest.importorskip("genai_prices")
    offering = load_catalog().offerings[offering_id]
    name = offering.names.litellm.partition("/")[2]

    asked = genai.calc_price(
        genai.Usage(input_tokens=1000, output_tokens=1000),
        model_ref=name,
        provider_id=provider,
        genai_request_timestamp=PEAK,
    )

    said = (asked.input_price * 1000, asked.output_price * 1000)
    proof = offering.price.evidence[-1]
    assert (proof.input, proof.output) == said
    assert (offering.price.agreement == "conflict") == (offering_id in CONFLICTS)


# --- The script's own rules, on price data made up for the purpose --------------------------------


def entry(**values: Any) -> OfferingEntry:
    return OfferingEntry.model_validate({"provider": "openai", "litellm": "x", **values})


def inputs(row: dict[str, Any], genai: Any = None) -> update.Inputs:
    return update.Inputs(
        curated=read_curated(update.HERE),
        quality=read_quality(update.HERE),
        facts=[],
        litellm={"row": row},
        genai={"openai/m": genai} if genai else {},
    )


class Quoted:
    """As much of genai-prices' ModelInfo as the script reads."""

    prices: Any = None

    def __init__(self, input_usd: str, output_usd: str) -> None:
        self.input_mtok, self.output_mtok = Decimal(input_usd), Decimal(output_usd)

    def get_prices(self, at: object) -> "Quoted":
        return self


class Starting:
    """A price of genai-prices that holds from a day on."""

    def __init__(self, start_date: date, prices: Quoted) -> None:
        self.start_date, self.prices = start_date, prices
        self.constraint = self


ROW = {"input_cost_per_token": 2e-06, "output_cost_per_token": 1e-05, "uplift": 1.1}


@pytest.mark.parametrize(
    ("genai", "agreement", "kept"),
    [
        (None, "single", 1),
        (Quoted("2", "10"), "agree", 2),
        (Quoted("2", "12"), "conflict", 2),
    ],
)
def test_agreement_is_by_both_prices(genai: Quoted | None, agreement: str, kept: int) -> None:
    price = update._price(entry(row="row", genai="openai/m"), inputs(ROW, genai))

    assert (price["agreement"], len(price["evidence"])) == (agreement, kept)
    assert (price["input"], price["output"]) == ("2", "10")


def test_of_two_prices_the_one_with_a_dated_beginning_counts() -> None:
    dated = Quoted("2", "12")
    dated.prices = [Starting(date(2026, 10, 29), dated)]

    price = update._price(entry(row="row", genai="openai/m"), inputs(ROW, dated))

    assert (price["agreement"], price["output"]) == ("conflict", "12")
    assert price["valid_from"] == "2026-10-29"


def test_a_regional_surcharge_multiplies_the_row() -> None:
    price = update._price(entry(row="row", uplift="uplift"), inputs(ROW))

    assert (price["input"], price["output"]) == ("2.2", "11")


def test_hours_that_end_at_midnight_end_with_the_day() -> None:
    assert update._minutes("10:00-00:00") == [600, 1440]
    assert update._minutes("00:00-01:00") == [0, 60]


def test_a_row_of_ranges_is_a_price_with_steps() -> None:
    row = {
        "tiered_pricing": [
            {
                "input_cost_per_token": 4e-07,
                "output_cost_per_token": 1.6e-06,
                "range": [0, 256000.0],
            },
            {
                "input_cost_per_token": 1.2e-06,
                "output_cost_per_token": 4.8e-06,
                "range": [256000.0, 1e6],
            },
        ]
    }

    price = update._price(entry(row="row"), inputs(row))

    assert (price["input"], price["output"]) == ("0.4", "1.6")
    assert price["tiers"] == [{"above_input_tokens": 256_000, "input": "1.2", "output": "4.8"}]


def test_other_ways_of_calling_have_prices_of_their_own() -> None:
    row = {
        **ROW,
        "input_cost_per_token_batches": 1e-06,
        "output_cost_per_token_batches": 5e-06,
        "input_cost_per_token_above_272k_tokens_batches": 2e-06,
        "output_cost_per_token_above_272k_tokens_batches": 7.5e-06,
        "input_cost_per_token_priority": 4e-06,
        "output_cost_per_token_priority": 2e-05,
    }

    price = update._price(entry(row="row", uplift="uplift"), inputs(row))

    assert price["priority"] == {"input": "4.4", "output": "22"}
    assert price["batch"]["tiers"] == [
        {"above_input_tokens": 272_000, "input": "2.2", "output": "8.25"}
    ]
    assert "flex" not in price
    assert "tiers" not in price


# --- Price data of another day --------------------------------------------------------------------


def other_day(tmp_path: Path, prices: Path, **changed: Any) -> Path:
    """LiteLLM's price map with some rows changed; None takes a row out."""
    rows = json.loads(prices.read_bytes())
    for name, row in changed.items():
        rows[name] = {**rows[name], **row} if row is not None else None
    path = tmp_path / "prices.json"
    path.write_text(json.dumps({k: v for k, v in rows.items() if v is not None}), "utf-8")
    return path


@pytest.fixture
def prices() -> Path:
    found = prices_of_litellm()
    if found is None:
        pytest.skip("the LiteLLM that the catalog was made from is not installed (make gateways)")
    return found


def test_prices_of_another_day_make_a_catalog_of_that_day(tmp_path: Path, prices: Path) -> None:
    dearer = other_day(tmp_path, prices, **{"gpt-6-sol": {"input_cost_per_token": 2.5e-06}})

    made = update.make(dearer, observed_on=date(2026, 12, 1), both=False)

    offering = made.catalog.offerings["openai/gpt-6-sol"]
    proof = offering.price.evidence[0]
    assert made.catalog.date == date(2026, 12, 1)
    assert (offering.price.input, proof.observed_on) == (Decimal("2.5"), date(2026, 12, 1))
    assert proof.source.startswith("litellm sha256:")
    assert made.gone == ("llama-3.3-70b at groq: genai-prices' groq/llama-3.3-70b-versatile",)


def test_what_other_price_data_no_longer_have_is_left_out_and_told(
    tmp_path: Path, prices: Path
) -> None:
    smaller = other_day(tmp_path, prices, **{"gpt-5.5": None, "zai/glm-5.3": None})

    made = update.make(smaller, observed_on=date(2026, 12, 1), both=False)

    assert "openai/gpt-5.5" not in made.catalog.offerings
    assert "azure/gpt-5.5" in made.catalog.offerings
    assert "zai/glm-5.3" not in made.catalog.offerings
    assert made.gone == (
        "gpt-5.5 at openai: gpt-5.5",
        "gpt-5.5 at openai: gpt-5.5",
        "llama-3.3-70b at groq: genai-prices' groq/llama-3.3-70b-versatile",
        "glm-5.3 at zai: zai/glm-5.3",
    )


def test_prices_of_an_unknown_day_are_not_taken(tmp_path: Path, prices: Path) -> None:
    with pytest.raises(UsageError, match="of which day they are"):
        update.make(other_day(tmp_path, prices, **{"gpt-5.5": None}))


def test_genai_prices_may_be_a_file(tmp_path: Path) -> None:
    pytest.importorskip("genai_prices")
    path = tmp_path / "data.json"
    model = {"id": "m", "match": {"equals": "m"}, "prices": {"input_mtok": 2, "output_mtok": 12}}
    provider = {"id": "openai", "name": "OpenAI", "api_pattern": "https://x", "models": [model]}
    path.write_text(json.dumps([provider]), "utf-8")

    known = update._genai_of_file(path)
    price = update._price(entry(row="row", genai="openai/m"), inputs(ROW, known["openai/m"]))

    assert (price["agreement"], price["evidence"][1]["output"]) == ("conflict", "12")


def test_a_file_that_is_no_data_of_genai_prices_is_a_usage_error(tmp_path: Path) -> None:
    pytest.importorskip("genai_prices")
    path = tmp_path / "data.json"
    path.write_text('[{"id": 1}]', "utf-8")

    with pytest.raises(UsageError, match="is no data of genai-prices"):
        update._genai_of_file(path)


def test_a_missing_price_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        update.make(tmp_path / "missing.json")
