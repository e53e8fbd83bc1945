"""Read the packaged catalog into values.

The file is generated and tested, so it is trusted here: no validation, no pydantic, and loading
costs milliseconds. What a user adds comes through `overlay`, which does check.
"""

import json
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from designer.catalog.model import (
    Catalog,
    Evidence,
    Fact,
    FactRow,
    Incidents,
    Latency,
    Model,
    Names,
    Offering,
    OffPeak,
    OpenRouterName,
    Pin,
    PortkeyName,
    Price,
    PriceTier,
    Provider,
    Score,
    Source,
)
from designer.diagnostics import Report


def load_catalog(overlay: Path | None = None, report: Report | None = None) -> Catalog:
    """The packaged catalog, with the user's own facts on top.

    What is wrong in the overlay goes to `report` and is left out; the rest of it still counts.
    """
    catalog = _packaged()
    if overlay is None:
        return catalog
    from designer.catalog.overlay import apply_overlay  # YAML and pydantic only when needed

    return apply_overlay(catalog, overlay, Report() if report is None else report)


@cache
def _packaged() -> Catalog:
    packaged = files("designer.catalog").joinpath("data", "catalog.json")
    return catalog_from_json(json.loads(packaged.read_text(encoding="utf-8")))


def catalog_from_json(raw: dict[str, Any]) -> Catalog:
    places = {key: _place(place) for key, place in raw["places"].items()}
    return Catalog(
        date=date.fromisoformat(raw["date"]),
        sources=tuple(_source(source) for source in raw["sources"]),
        providers={p["id"]: _provider(p) for p in raw["providers"]},
        models={m["id"]: _model(m, raw["quality_source"]) for m in raw["models"]},
        offerings={o["id"]: _offering(o, places[o["place"]]) for o in raw["offerings"]},
        facts=tuple(_fact(fact) for fact in raw["facts"]),
    )


def _source(raw: dict[str, Any]) -> Source:
    return Source(**{**raw, "observed_on": date.fromisoformat(raw["observed_on"])})


def _provider(raw: dict[str, Any]) -> Provider:
    incidents = raw["incidents"]
    return Provider(
        **{
            **raw,
            "secrets": tuple(raw["secrets"]),
            "incidents": Incidents(**incidents) if incidents else None,
            "observed_on": date.fromisoformat(raw["observed_on"]),
        }
    )


def _model(raw: dict[str, Any], scored: dict[str, Any]) -> Model:
    return Model(
        **{
            **raw,
            "capabilities": frozenset(raw["capabilities"]),
            "quality": tuple(
                Score(name, score, **scored) for name, score in raw["quality"].items()
            ),
            "released": _day(raw["released"]),
            "retires_on": _day(raw["retires_on"]),
            "observed_on": _day(raw["observed_on"]),
        }
    )


def _place(raw: dict[str, Any]) -> dict[str, Any]:
    return {
        **raw,
        "regions": tuple(raw["regions"]),
        "regions_observed_on": _day(raw["regions_observed_on"]),
        "pin": Pin(**raw["pin"]),
        "secrets": tuple(raw["secrets"]),
    }


def _offering(raw: dict[str, Any], place: dict[str, Any]) -> Offering:
    own = {name: value for name, value in raw.items() if name != "place"}
    return Offering(
        **{
            **place,
            **own,
            "price": _price(raw["price"]),
            "names": _names(raw["names"]),
            "latency": Latency(**raw["latency"]),
            "capabilities": frozenset(raw["capabilities"]),
            "retires_on": _day(raw["retires_on"]),
        }
    )


def _names(raw: dict[str, Any]) -> Names:
    portkey, openrouter = raw["portkey"], raw["openrouter"]
    return Names(
        litellm=raw["litellm"],
        litellm_base_model=raw["litellm_base_model"],
        litellm_also=tuple(raw["litellm_also"]),
        portkey=PortkeyName(**portkey) if portkey else None,
        openrouter=OpenRouterName(**openrouter) if openrouter else None,
    )


def _price(raw: dict[str, Any]) -> Price:
    return Price(
        input=Decimal(raw["input"]),
        output=Decimal(raw["output"]),
        agreement=raw["agreement"],
        evidence=tuple(_evidence(evidence) for evidence in raw["evidence"]),
        cache_read=_usd(raw.get("cache_read")),
        cache_write=_usd(raw.get("cache_write")),
        cache_write_1h=_usd(raw.get("cache_write_1h")),
        tiers=tuple(_tier(tier) for tier in raw.get("tiers", ())),
        off_peak=tuple(_off_peak(window) for window in raw.get("off_peak", ())),
        valid_from=_day(raw.get("valid_from")),
        note=raw.get("note", ""),
    )


def _evidence(raw: dict[str, Any]) -> Evidence:
    return Evidence(
        source=raw["source"],
        entry=raw["entry"],
        input=Decimal(raw["input"]),
        output=Decimal(raw["output"]),
        observed_on=_date(raw["observed_on"]),
        url=raw.get("url", ""),
    )


def _tier(raw: dict[str, Any]) -> PriceTier:
    return PriceTier(
        above_input_tokens=raw["above_input_tokens"],
        input=Decimal(raw["input"]),
        output=Decimal(raw["output"]),
        cache_read=_usd(raw.get("cache_read")),
        cache_write=_usd(raw.get("cache_write")),
    )


def _off_peak(raw: dict[str, Any]) -> OffPeak:
    return OffPeak(
        weekdays=frozenset(raw["weekdays"]),
        hours_utc=tuple((start, end) for start, end in raw["hours_utc"]),
        input=Decimal(raw["input"]),
        output=Decimal(raw["output"]),
        cache_read=_usd(raw.get("cache_read")),
    )


def _fact(raw: dict[str, Any]) -> FactRow:
    return FactRow(
        applies_to=raw["applies_to"],
        fact=Fact(
            key=raw["key"],
            value=raw["value"],
            condition=raw["condition"],
            source=raw["source"],
            observed_on=_day(raw["observed_on"]),
            expires_on=_day(raw["expires_on"]),
            grade=raw["grade"],
        ),
    )


@cache
def _date(raw: str) -> date:
    return date.fromisoformat(raw)


@cache
def _day(raw: str | None) -> date | None:
    return date.fromisoformat(raw) if raw else None


@cache
def _usd(raw: str | None) -> Decimal | None:
    return None if raw is None else Decimal(raw)
