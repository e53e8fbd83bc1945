"""OpenRouter's own listings become an overlay: what differs, in the overlay's units, and no more."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from designer.catalog import load_catalog
from designer.catalog.openrouter_listing import overlay_of
from designer.diagnostics import Report
from designer.errors import UsageError

CATALOG = load_catalog()
DAY = date(2026, 12, 1)


def endpoint(tag: str, prompt: str, completion: str, **more: Any) -> dict[str, Any]:
    """As much of an endpoint as the importer reads, and a field that it does not."""
    pricing = {"prompt": prompt, "completion": completion, "request": "0"}
    return {"tag": tag, "pricing": pricing, "quantization": "fp8", **more}


def saved(path: Path, data: Any) -> Path:
    path.write_text(json.dumps({"data": data}), "utf-8")
    return path


def imported(path: Path) -> tuple[str, list[str]]:
    report = Report()
    text = overlay_of([path], DAY, CATALOG, report)
    return text, [f"{finding.code} {finding.message}" for finding in report]


KIMI = [
    endpoint(
        "moonshotai",
        "0.0000025",
        "0.000015",
        latency_last_30m={"p50": 840.0, "p99": 3000},
        throughput_last_30m={"p50": 61.5},
    ),
    endpoint("together", "0.000003", "0.000015", latency_last_30m=None),
    endpoint("fireworks/turbo", "0.000006", "0.00003"),
    endpoint("amazon-bedrock", "0.000003", "0.000015"),
    endpoint("deepinfra", "0.0000028", "0.000014"),
]


def test_a_price_that_differs_and_a_speed_that_is_known_are_written(tmp_path: Path) -> None:
    listing = saved(tmp_path / "kimi.json", {"id": "moonshotai/kimi-k3", "endpoints": KIMI})

    text, findings = imported(listing)
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(text, "utf-8")
    report = Report()
    catalog = load_catalog(overlay, report)
    kimi = catalog.offerings["moonshot/kimi-k3"]

    assert [str(finding) for finding in report] == []
    assert (kimi.price.input, kimi.price.output) == (Decimal("2.5"), Decimal(15))
    assert kimi.price.evidence[0].source == "overlay: OpenRouter's listing, kimi.json"
    assert (kimi.latency.ttft_p50_s, kimi.latency.tokens_per_s) == (0.84, 61.5)
    assert kimi.latency.grade == "third_party"
    assert catalog.offerings["together/kimi-k3"] == CATALOG.offerings["together/kimi-k3"]
    assert catalog.offerings["bedrock/kimi-k3@us"] == CATALOG.offerings["bedrock/kimi-k3@us"]
    assert findings == [
        "CAT003 the catalog has no offering for moonshotai/kimi-k3 at fireworks/turbo"
    ]


def test_an_endpoint_that_the_catalog_only_presumes_is_told(tmp_path: Path) -> None:
    listing = saved(tmp_path / "kimi.json", {"id": "moonshotai/kimi-k3", "endpoints": KIMI[:2]})

    _, findings = imported(listing)

    assert findings == [
        f"CAT004 OpenRouter does not list moonshotai/kimi-k3 at {provider}, which the catalog presumes"
        for provider in ("amazon-bedrock", "deepinfra", "fireworks")
    ]


@given(st.sampled_from([o for o in CATALOG.offerings.values() if o.names.openrouter]))
def test_a_listing_that_agrees_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, offering: Any
) -> None:
    slug = offering.names.openrouter.model
    listed = [
        endpoint(
            o.names.openrouter.provider,
            f"{o.price.input / 1_000_000:f}",
            f"{o.price.output / 1_000_000:f}",
        )
        for o in CATALOG.openrouter_endpoints(slug)
        if o.names.openrouter and o.region == "global"
    ]
    path = tmp_path_factory.mktemp("listing") / "same.json"

    text, _ = imported(saved(path, {"id": slug, "endpoints": listed}))

    assert len(text.splitlines()) == 1


def test_providers_say_where_they_are(tmp_path: Path) -> None:
    groq = {"slug": "groq", "name": "Groq", "headquarters": "US", "datacenters": ["US", "FI"]}
    listing = saved(tmp_path / "providers.json", [groq, {"slug": "novita", "name": "Novita"}])

    text, findings = imported(listing)
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(text, "utf-8")

    assert load_catalog(overlay).providers["groq"].datacenters == ("US", "FI")
    assert "headquarters" not in text.partition("\n")[2]
    assert findings == ["CAT003 the catalog has no offering for the provider novita"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "neither"),
        ("[]", "neither"),
        ('{"data": {"id": "a/b"}}', "data.endpoints: Field required"),
        ('{"data": [{"name": "x"}]}', "data.0.slug: Field required"),
    ],
)
def test_what_is_no_listing_is_a_usage_error(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text, "utf-8")

    with pytest.raises(UsageError, match=problem):
        imported(path)
