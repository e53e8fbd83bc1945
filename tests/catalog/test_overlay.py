"""The user's own facts: they count, they beat the catalog's, and slips of the pen are findings."""

from decimal import Decimal
from pathlib import Path

import pytest

from designer.catalog import Catalog, load_catalog
from designer.diagnostics import Report
from designer.errors import UsageError


def overlaid(tmp_path: Path, text: str) -> tuple[Catalog, list[str]]:
    path = tmp_path / "overlay.yaml"
    path.write_text(text, encoding="utf-8")
    report = Report()
    catalog = load_catalog(path, report)
    return catalog, [str(finding).removeprefix(f"{tmp_path}/") for finding in report]


def test_a_signed_contract_beats_the_catalog_until_it_ends(tmp_path: Path) -> None:
    catalog, findings = overlaid(
        tmp_path,
        """
facts:
  - {applies_to: "azure/*", key: zero_retention, value: yes, source: contract MAM-4711,
     observed_on: 2026-11-01, expires_on: 2027-06-30}
""",
    )
    offering = catalog.offerings["azure/gpt-6-sol@eu"]
    fact = catalog.fact(offering, "zero_retention", catalog.date)

    assert findings == []
    assert (fact.value, fact.grade, fact.source) == (
        "yes",
        "contract",
        "overlay: contract MAM-4711",
    )
    assert catalog.fact(offering, "zero_retention", catalog.date.replace(2027, 7, 1)).value == (
        "unknown"
    )


def test_the_users_own_fact_beats_a_narrower_one_of_the_catalog(tmp_path: Path) -> None:
    catalog, _ = overlaid(
        tmp_path,
        """
facts:
  - {applies_to: "openai/*", key: eu_residency, value: yes, source: letter, observed_on: 2026-11-01}
""",
    )
    offering = catalog.offerings["openai/gpt-6-sol@eu"]

    assert catalog.fact(offering, "eu_residency", catalog.date).value == "yes"


def test_a_price_sheet_and_a_measurement_replace_the_priors(tmp_path: Path) -> None:
    catalog, findings = overlaid(
        tmp_path,
        """
prices:
  - {applies_to: azure/gpt-6-sol@eu, input: 1.9, output: 9.5, source: our price sheet, observed_on: 2026-11-01}
latency:
  - {applies_to: azure/gpt-6-sol@eu, ttft_p50_s: 0.42, tokens_per_s: 71, source: our logs, observed_on: 2026-11-20}
""",
    )
    offering = catalog.offerings["azure/gpt-6-sol@eu"]

    assert findings == []
    assert offering.price.input == Decimal("1.9")
    assert offering.price.agreement == "overlay"
    assert offering.price.evidence[0].source == "overlay: our price sheet"
    assert offering.latency.source == "overlay: our logs"
    assert (offering.latency.grade, offering.latency.ttft_p50_s) == ("measured", 0.42)
    assert catalog.offerings["azure/gpt-6-sol"] == load_catalog().offerings["azure/gpt-6-sol"]


def test_a_score_of_ones_own_joins_the_others_and_beats_one_of_the_same_name(
    tmp_path: Path,
) -> None:
    catalog, findings = overlaid(
        tmp_path,
        """
scores:
  - {model: gpt-5.5, bench: our_tickets, score: 87.5, source: our evaluation, observed_on: 2026-11-20}
  - {model: gpt-5.5, bench: arena_text, score: 1400, source: our arena, observed_on: 2026-11-20}
  - {model: gpt-5.6, bench: our_tickets, score: 80, source: our evaluation, observed_on: 2026-11-20}
""",
    )
    before, after = load_catalog().models["gpt-5.5"], catalog.models["gpt-5.5"]
    own, arena = after.score("our_tickets"), after.score("arena_text")

    assert own is not None
    assert arena is not None
    assert (own.score, own.source) == (87.5, "overlay: our evaluation")
    assert (arena.score, len(after.quality)) == (1400, len(before.quality) + 1)
    assert [finding.partition(" matches")[0] for finding in findings] == [
        "overlay.yaml:5:6: warning[CAT002] 'gpt-5.6'"
    ]


def test_where_a_provider_stands_may_be_said_again(tmp_path: Path) -> None:
    catalog, findings = overlaid(
        tmp_path,
        """
providers:
  - {provider: groq, datacenters: [US, FI], source: their letter, observed_on: 2026-11-20}
""",
    )
    groq = catalog.providers["groq"]

    assert findings == []
    assert (groq.datacenters, groq.headquarters) == (("US", "FI"), "US")
    assert groq.source == "overlay: their letter"


def test_a_model_that_the_catalog_does_not_know(tmp_path: Path) -> None:
    catalog, findings = overlaid(
        tmp_path,
        """
models:
  - {provider: vllm, model: house-llm, context_tokens: 65536, capabilities: [tools, json],
     source: our own, observed_on: 2026-11-20}
facts:
  - {applies_to: vllm/house-llm, key: soc2, value: yes, source: our report, observed_on: 2026-10-01}
""",
    )
    offering = catalog.offerings["vllm/house-llm"]

    assert findings == []
    assert catalog.fact(offering, "soc2", catalog.date).value == "yes"


def test_slips_of_the_pen_are_found_where_they_stand_and_the_rest_counts(tmp_path: Path) -> None:
    catalog, findings = overlaid(
        tmp_path,
        """\
facts:
  - {applies_to: azur/*, key: dpa, value: yes, source: x, observed_on: 2026-11-01}
  - {applies_to: azure/*, key: zero_retnetion, value: yes, source: x, observed_on: 2026-11-01}
  - {applies_to: groq/*, key: iso27001, value: yes, source: x, observed_on: 2026-11-01}
price: []
models:
  - {provider: vlm, model: a, context_tokens: 1, source: x, observed_on: 2026-11-01}
""",
    )

    assert findings == [
        "overlay.yaml:5:1: error[CAT001] price: no such section (did you mean 'prices'?); there are "
        "facts, prices, latency, usage, availability, scores, models, providers; the entry is left out",
        "overlay.yaml:7:6: error[CAT001] vlm: no such provider (did you mean 'vllm'?); "
        "the entry is left out",
        "overlay.yaml:2:6: warning[CAT002] 'azur/*' matches nothing in the catalog "
        "(did you mean 'azure/*'?); the entry has no effect",
        "overlay.yaml:3:27: error[CAT001] key: no such fact; there are zero_retention, no_training, "
        "dpa, baa, hipaa, soc2, iso27001, eu_residency, us_residency; the entry is left out",
    ]
    groq = catalog.offerings["groq/gpt-oss-120b"]
    assert catalog.fact(groq, "iso27001", catalog.date).value == "yes"


def test_an_overlay_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read the overlay"):
        load_catalog(tmp_path / "missing.yaml")


def test_an_empty_overlay_changes_nothing(tmp_path: Path) -> None:
    assert overlaid(tmp_path, "")[0] == load_catalog()
