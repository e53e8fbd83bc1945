"""What `designer catalog` prints: rows of plain values, each with its source."""

import json
from decimal import Decimal

from msgspec.structs import replace

from designer.catalog import load_catalog
from designer.catalog.model import FACT_KEYS
from designer.catalog.view import Change, diff, list_rows, show

CATALOG = load_catalog()


def test_a_list_has_one_row_per_matching_offering() -> None:
    rows = list_rows(CATALOG, "bedrock/claude-opus-5-5")

    assert [row["id"] for row in rows] == [
        "bedrock/claude-opus-5-5",
        "bedrock/claude-opus-5-5@us",
        "bedrock/claude-opus-5-5@eu",
        "bedrock/claude-opus-5-5@au",
        "bedrock/claude-opus-5-5@jp",
        "bedrock/claude-opus-5-5@apac",
    ]
    assert rows[2]["residency"] == "eu"
    assert rows[2]["input_usd_per_mtok"] == "4.4"


def test_every_offering_can_be_shown_as_json() -> None:
    for offering_id in CATALOG.offerings:
        shown = show(CATALOG, offering_id)
        assert shown is not None
        assert [fact["key"] for fact in shown["facts"]] == list(FACT_KEYS)
        assert json.loads(json.dumps(shown)) == shown


def test_an_offering_that_does_not_exist_shows_nothing() -> None:
    assert show(CATALOG, "openai/gpt-99") is None


def test_a_catalog_does_not_differ_from_itself() -> None:
    assert diff(CATALOG, CATALOG) == []


def test_a_difference_names_the_offering_the_field_and_both_values() -> None:
    old = CATALOG.offerings["openai/gpt-6-sol"]
    dearer = replace(old, price=replace(old.price, input=Decimal("2.5")))
    kept = {id_: o for id_, o in CATALOG.offerings.items() if id_ != "openai/gpt-5.1"}
    later = replace(
        CATALOG,
        offerings={**kept, old.id: dearer},
        facts=tuple(
            replace(row, fact=replace(row.fact, value="no"))
            if (row.applies_to, row.fact.key) == ("groq/*", "dpa")
            else row
            for row in CATALOG.facts
        ),
    )

    assert diff(CATALOG, later) == [
        Change("openai/gpt-6-sol", "price.input", "2", "2.5"),
        Change("openai/gpt-5.1", "offering", "there", ""),
        Change("groq/*", "dpa", "yes", "no"),
    ]
