"""A catalog as a file is the same catalog."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from designer.catalog import load_catalog
from designer.catalog.model import PriceTier, Rate
from designer.catalog.stored import catalog_from_json, catalog_json
from designer.errors import UsageError

CATALOG = load_catalog()

usd = st.decimals(Decimal(0), Decimal(1000), places=6)
tiers = st.lists(st.builds(PriceTier, st.integers(1, 10**6), usd, usd), max_size=2).map(tuple)
rates = st.none() | st.builds(Rate, usd, usd, st.none() | usd, st.none() | usd, tiers)


def test_the_packaged_file_is_what_the_catalog_writes() -> None:
    assert catalog_from_json(catalog_json(CATALOG).encode()) == CATALOG


@given(
    st.sampled_from(sorted(CATALOG.offerings)),
    usd,
    rates,
    tiers,
    st.none() | st.dates(date(2026, 1, 1), date(2030, 1, 1)),
)
def test_what_is_written_is_read_back(
    offering_id: str,
    input_usd: Decimal,
    batch: Rate | None,
    steps: tuple[PriceTier, ...],
    ends: date | None,
) -> None:
    old = CATALOG.offerings[offering_id]
    price = replace(old.price, input=input_usd, batch=batch, tiers=steps)
    changed = replace(old, price=price, retires_on=ends)
    small = replace(CATALOG, offerings={changed.id: changed})

    assert catalog_from_json(catalog_json(small).encode()) == small


@pytest.mark.parametrize("text", ["", "[]", '{"date": "soon"}', "{}"])
def test_a_file_that_is_no_catalog_is_a_usage_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "catalog.json"
    path.write_text(text, "utf-8")

    with pytest.raises(UsageError, match="is no catalog"):
        load_catalog(file=path)


def test_a_catalog_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read the catalog"):
        load_catalog(file=tmp_path / "missing.json")
