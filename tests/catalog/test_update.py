"""The catalog is what its script makes of the hand-kept files and the price data, and nothing else."""

import hashlib
import json
from datetime import date
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
            f"{name} has changed: run python -m designer.catalog.update"
        )


def test_running_the_script_again_gives_the_same_bytes() -> None:
    prices = prices_of_litellm()
    if prices is None:
        pytest.skip("the LiteLLM that the catalog was made from is not installed (make gateways)")

    made = update.generate(prices)

    assert made == {name: (DATA / name).read_text("utf-8") for name in made}


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


@pytest.mark.parametrize("offering_id", FLAGSHIPS)
def test_genai_prices_as_installed_still_says_what_the_catalog_says(offering_id: str) -> None:
    snapshot = pytest.importorskip("genai_prices.data")
    models = {f"{p.id}/{m.id}": m for p in snapshot.providers for m in p.models}
    proof = load_catalog().offerings[offering_id].price.evidence[-1]
    assert proof.source.startswith("genai-prices")

    quoted = models[proof.entry].prices
    prices = [each.prices for each in quoted] if isinstance(quoted, list) else [quoted]
    inputs = [getattr(price.input_mtok, "base", price.input_mtok) for price in prices]

    assert proof.input in inputs


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


def test_a_row_that_litellm_no_longer_has_stops_the_script() -> None:
    with pytest.raises(UsageError, match="has no row gone"):
        update._price(entry(row="gone"), inputs(ROW))


def test_a_missing_price_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        update.generate(tmp_path / "missing.json")
