"""Thousands of names, known a little."""

from datetime import date

from designer.catalog.price_map import load_price_map


def test_a_row_is_found_with_and_without_the_providers_prefix() -> None:
    prices = load_price_map()

    assert prices.row_of_model("openai/gpt-4o") == prices.row("gpt-4o")
    assert prices.row_of_model("bedrock/amazon.titan-embed-text-v2:0") is not None
    assert prices.row("openai/gpt-4o") is None


def test_a_name_of_another_provider_is_not_taken_for_its_own() -> None:
    assert load_price_map().row_of_model("groq/gpt-4o") is None


def test_prices_are_per_million_tokens_and_dates_are_dates() -> None:
    row = load_price_map().row("gpt-4")

    assert row is not None
    assert (row.input_usd_per_mtok, row.output_usd_per_mtok) == (30.0, 60.0)
    assert (row.mode, row.max_input_tokens, row.retires_on) == ("chat", 8192, date(2026, 10, 23))
    assert "tools" in row.capabilities


def test_every_row_can_be_read() -> None:
    prices = load_price_map()

    assert len([prices.row(name) for name in prices.rows]) > 4000
    assert prices.source == "litellm 1.106.2, 2026-11-22"
