"""`designer catalog` and the catalog's part in `designer plan`: days, overlays, listings."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from designer.catalog import load_catalog
from designer.catalog.stored import catalog_json
from designer.cli import run

CATALOG = load_catalog()

PROFILE = """\
version: 1
name: small
workloads:
  - {alias: chat, task: chat, traffic: {rate: 1k/day, input_tokens: 1000, output_tokens: 100}}
providers: [openai, mistral]
"""
OVERLAY = """\
prices:
  - {applies_to: mistral/mistral-medium-3-5, input: 0.01, output: 0.02, source: our contract, observed_on: 2026-11-20}
"""


def later(path: Path) -> Path:
    """A catalog of another day: one offering a quarter dearer, one gone."""
    old = CATALOG.offerings["openai/gpt-6-sol"]
    dearer = replace(old, price=replace(old.price, input=old.price.input * Decimal("1.25")))
    kept = {id_: o for id_, o in CATALOG.offerings.items() if id_ != "openai/gpt-5.1"}
    path.write_text(catalog_json(replace(CATALOG, offerings={**kept, old.id: dearer})), "utf-8")
    return path


def test_two_days_differ_in_offerings_and_in_per_cent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    december = str(later(tmp_path / "december.json"))

    assert run(["catalog", "diff", december]) == 1
    backwards = capsys.readouterr().out
    assert run(["catalog", "diff", december, december]) == 0
    nothing = capsys.readouterr().out
    now = tmp_path / "now.json"
    now.write_text(catalog_json(CATALOG), "utf-8")
    assert run(["catalog", "diff", str(now), december]) == 1

    assert capsys.readouterr().out.splitlines() == [
        "~ openai/gpt-6-sol: price.input: 2 → 2.50 (+25.0 %)",
        "- openai/gpt-5.1",
        "0 added, 1 removed, 1 changed",
    ]
    assert "+ openai/gpt-5.1" in backwards
    assert "price.input: 2.50 → 2 (-20.0 %)" in backwards
    assert nothing == "no differences\n"


def test_an_overlay_is_seen_in_the_list_in_the_difference_and_in_the_reasons(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    overlay, profile = tmp_path / "ours.yaml", tmp_path / "small.yaml"
    overlay.write_text(OVERLAY, "utf-8")
    profile.write_text(PROFILE, "utf-8")
    own = ["--overlay", str(overlay)]

    assert run(["catalog", "list", "mistral/mistral-medium-3-5", *own]) == 0
    listed = capsys.readouterr().out
    assert run(["catalog", "diff", *own]) == 1
    changed = capsys.readouterr().out
    assert run(["plan", str(profile), "--no-write", *own]) == 0
    planned = capsys.readouterr().out

    assert listed.splitlines()[1].endswith("overlay")
    assert "price.input: 1.5 → 0.01 (-99.3 %)" in changed
    assert "mistral/mistral-medium-3-5@global" in planned
    assert "a request by your own price" in planned


def test_a_plan_may_be_made_with_the_catalog_of_another_day(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    profile, day = tmp_path / "small.yaml", tmp_path / "day.json"
    profile.write_text(PROFILE, "utf-8")
    only = {"mistral/mistral-medium-3-5": CATALOG.offerings["mistral/mistral-medium-3-5"]}
    day.write_text(catalog_json(replace(CATALOG, offerings=only)), "utf-8")

    assert run(["plan", str(profile), "--no-write", "--catalog", str(day)]) == 0

    assert "chat  mistral/mistral-medium-3-5@global\n" in capsys.readouterr().out


def test_every_way_of_calling_is_shown_with_its_price(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["catalog", "show", "openai/gpt-6-sol", "--format", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)

    assert (shown["price"]["batch"]["input"], shown["price"]["batch"]["output"]) == ("1", "5")
    assert shown["price"]["priority"]["output"] == "20"
    assert shown["price"]["batch"]["tiers"][0]["above_input_tokens"] == 272_000
    assert shown["provider"]["incidents"]["grade"] == "measured"


def test_an_update_without_a_day_is_refused_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prices = tmp_path / "prices.json"
    prices.write_text("{}", "utf-8")

    assert run(["catalog", "update", "--litellm", str(prices), "--write"]) == 2

    assert "--observed-on" in capsys.readouterr().err
    assert load_catalog(file=None) == CATALOG


def test_a_listing_is_imported_once_and_never_over_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listing, out = tmp_path / "providers.json", tmp_path / "ours.yaml"
    listing.write_text(
        '{"data": [{"slug": "groq", "datacenters": ["FI"], "headquarters": "US"}]}', "utf-8"
    )
    command = ["catalog", "import-openrouter", str(listing), "-o", str(out)]

    assert run(command) == 2
    assert "--observed-on" in capsys.readouterr().err
    assert run([*command, "--observed-on", "2026-12-01"]) == 0
    assert '"datacenters": ["FI"]' in out.read_text("utf-8")
    assert run([*command, "--observed-on", "2026-12-01"]) == 2
    assert "is there already" in capsys.readouterr().err
