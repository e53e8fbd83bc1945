"""Rows for `designer catalog list|show|diff`: plain values, in the catalog's order, nothing printed.

Money is a string as the catalog has it, days are ISO; how it looks is `designer.render`'s affair.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

from msgspec import Struct

from designer.catalog.model import (
    FACT_KEYS,
    Catalog,
    Offering,
    OffPeak,
    Price,
    PriceTier,
    Provider,
    Rate,
)

Key = TypeVar("Key")


class Change(Struct, frozen=True):
    id: str
    what: str
    """A field (`price.input`, `status`), or `offering` for one that came or went."""
    before: str
    after: str

    @property
    def percent(self) -> str:
        """By how much a price rose or fell; empty for what is no price, or was none."""
        if not self.what.startswith("price.") or self.what == "price.agreement":
            return ""
        if not self.before or not self.after or not Decimal(self.before):
            return ""
        rise = (Decimal(self.after) / Decimal(self.before) - 1) * 100
        return f"{rise:+.1f} %"


def list_rows(
    catalog: Catalog, pattern: str = "*", as_of: date | None = None
) -> list[dict[str, str]]:
    """One row per offering that matches, e.g. `bedrock/*@eu` or `claude-*`."""
    day = as_of or catalog.date
    return [_row(catalog, offering, day) for offering in catalog.matching(pattern)]


def _row(catalog: Catalog, offering: Offering, as_of: date) -> dict[str, str]:
    model = catalog.model_of(offering)
    return {
        "id": offering.id,
        "kind": model.kind,
        "tier": model.tier,
        "status": catalog.status_of(offering, as_of),
        "residency": offering.residency,
        "context": str(offering.context_tokens),
        "input_usd_per_mtok": str(offering.price.input),
        "output_usd_per_mtok": str(offering.price.output),
        "price_agreement": offering.price.agreement,
        "capabilities": " ".join(sorted(offering.capabilities)),
    }


def show(catalog: Catalog, offering_id: str, as_of: date | None = None) -> dict[str, Any] | None:
    """Everything about one offering, each fact with its source and day; None if there is none."""
    offering = catalog.offering(offering_id)
    if offering is None:
        return None
    day = as_of or catalog.date
    model = catalog.model_of(offering)
    return {
        **_row(catalog, offering, day),
        "developer": model.developer,
        "tier_why": model.tier_why,
        "released": _iso(model.released),
        "retires_on": _iso(offering.retires_on or model.retires_on),
        "limits": {
            "context_tokens": offering.context_tokens,
            "max_input_tokens": offering.max_input_tokens,
            "max_output_tokens": offering.max_output_tokens,
            "source": model.source,
            "observed_on": _iso(model.observed_on),
        },
        "where": {
            "region": offering.region,
            "regions": list(offering.regions),
            "pinned_by": offering.pin.by,
            "deployment_type": offering.deployment_type,
            "source": offering.regions_source,
            "observed_on": _iso(offering.regions_observed_on),
        },
        "price": _price(offering.price),
        "provider": _provider(catalog.providers[offering.provider]),
        "names": _names(offering),
        "quality": [
            {"bench": s.bench, "score": s.score, "as_of": s.as_of, "source": s.source}
            for s in model.quality
        ],
        "latency": {
            "ttft_p50_s": offering.latency.ttft_p50_s,
            "tokens_per_s": offering.latency.tokens_per_s,
            "grade": offering.latency.grade,
            "source": offering.latency.source,
            "as_of": offering.latency.as_of,
        },
        "facts": [_fact_row(catalog, offering, key, day) for key in FACT_KEYS],
        "note": offering.note,
    }


def _price(price: Price) -> dict[str, Any]:
    return {
        "input": str(price.input),
        "output": str(price.output),
        "cache_read": _usd(price.cache_read),
        "cache_write": _usd(price.cache_write),
        "cache_write_1h": _usd(price.cache_write_1h),
        "tiers": [_tier(tier) for tier in price.tiers],
        "off_peak": [_off_peak(window) for window in price.off_peak],
        "batch": _rate(price.batch),
        "flex": _rate(price.flex),
        "priority": _rate(price.priority),
        "agreement": price.agreement,
        "valid_from": _iso(price.valid_from),
        "evidence": [
            {
                "source": proof.source,
                "entry": proof.entry,
                "input": str(proof.input),
                "output": str(proof.output),
                "observed_on": _iso(proof.observed_on),
                "url": proof.url,
            }
            for proof in price.evidence
        ],
        "note": price.note,
    }


def _rate(rate: Rate | None) -> dict[str, Any]:
    if rate is None:
        return {}
    return {
        "input": str(rate.input),
        "output": str(rate.output),
        "cache_read": _usd(rate.cache_read),
        "cache_write": _usd(rate.cache_write),
        "tiers": [_tier(tier) for tier in rate.tiers],
    }


def _tier(tier: PriceTier) -> dict[str, Any]:
    return {
        "above_input_tokens": tier.above_input_tokens,
        "input": str(tier.input),
        "output": str(tier.output),
        "cache_read": _usd(tier.cache_read),
        "cache_write": _usd(tier.cache_write),
    }


def _off_peak(window: OffPeak) -> dict[str, Any]:
    return {
        "weekdays": sorted(window.weekdays),
        "hours_utc": [f"{_clock(start)}-{_clock(end)}" for start, end in window.hours_utc],
        "input": str(window.input),
        "output": str(window.output),
        "cache_read": _usd(window.cache_read),
    }


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _provider(provider: Provider) -> dict[str, Any]:
    incidents = provider.incidents
    return {
        "title": provider.title,
        "headquarters": provider.headquarters,
        "datacenters": list(provider.datacenters),
        "status_page": provider.status_page,
        "source": provider.source,
        "observed_on": _iso(provider.observed_on),
        "incidents": {
            "availability": incidents.availability,
            "repair_p50_min": incidents.repair_p50_min,
            "repair_p90_min": incidents.repair_p90_min,
            "between_failures_mean_d": incidents.between_failures_mean_d,
            "grade": incidents.grade,
            "source": incidents.source,
            "as_of": incidents.as_of,
        }
        if incidents
        else {},
    }


def _names(offering: Offering) -> dict[str, Any]:
    names = offering.names
    return {
        "litellm": [names.litellm, *names.litellm_also],
        "litellm_base_model": names.litellm_base_model,
        "portkey": f"{names.portkey.provider} {names.portkey.model}" if names.portkey else "",
        "openrouter": (
            f"{names.openrouter.model}@{names.openrouter.provider}" if names.openrouter else ""
        ),
    }


def _fact_row(catalog: Catalog, offering: Offering, key: str, as_of: date) -> dict[str, str]:
    fact = catalog.fact(offering, key, as_of)
    return {
        "key": key,
        "value": fact.value,
        "condition": fact.condition,
        "source": fact.source,
        "grade": fact.grade,
        "observed_on": _iso(fact.observed_on),
        "expires_on": _iso(fact.expires_on),
    }


# --- What changed between two catalogs ------------------------------------------------------------


def diff(before: Catalog, after: Catalog) -> list[Change]:
    """Offerings that came, went or changed in what a plan depends on, then facts that changed."""
    return [*_offering_changes(before, after), *_fact_changes(before, after)]


def _offering_changes(before: Catalog, after: Catalog) -> Iterator[Change]:
    for offering_id in _ids(before.offerings, after.offerings):
        old, new = before.offering(offering_id), after.offering(offering_id)
        if old is None or new is None:
            yield Change(offering_id, "offering", "there" if old else "", "there" if new else "")
            continue
        then, now = _watched(before, old), _watched(after, new)
        for field in then:
            if then[field] != now[field]:
                yield Change(offering_id, field, then[field], now[field])


def _watched(catalog: Catalog, offering: Offering) -> dict[str, str]:
    model, price = catalog.model_of(offering), offering.price
    modes = {"batch": price.batch, "flex": price.flex, "priority": price.priority}
    return {
        "status": model.status,
        "retires_on": _iso(offering.retires_on),
        "tier": model.tier,
        "price.input": str(price.input),
        "price.output": str(price.output),
        "price.cache_read": _usd(price.cache_read),
        "price.cache_write": _usd(price.cache_write),
        **{f"price.{mode}.input": _usd(rate and rate.input) for mode, rate in modes.items()},
        **{f"price.{mode}.output": _usd(rate and rate.output) for mode, rate in modes.items()},
        "price.agreement": price.agreement,
        "tiers": ", ".join(
            f"above {t.above_input_tokens}: {t.input}/{t.output}" for t in price.tiers
        ),
        "off_peak": ", ".join(f"{w.input}/{w.output}" for w in price.off_peak),
        "context_tokens": str(offering.context_tokens),
        "max_output_tokens": str(offering.max_output_tokens),
        "capabilities": " ".join(sorted(offering.capabilities)),
        "residency": offering.residency,
        "api_base": offering.api_base,
        "names.litellm": offering.names.litellm,
        "names.openrouter": str(_names(offering)["openrouter"]),
        "latency": f"{offering.latency.ttft_p50_s:g} s, {offering.latency.tokens_per_s:g} tokens/s",
        "quality": ", ".join(f"{s.bench} {s.score:g}" for s in model.quality),
    }


def _fact_changes(before: Catalog, after: Catalog) -> Iterator[Change]:
    then = {(row.applies_to, row.fact.key): row.fact.value for row in before.facts}
    now = {(row.applies_to, row.fact.key): row.fact.value for row in after.facts}
    for applies_to, key in _ids(then, now):
        old, new = then.get((applies_to, key), ""), now.get((applies_to, key), "")
        if old != new:
            yield Change(applies_to, key, old, new)


def _ids(first: Iterable[Key], second: Iterable[Key]) -> list[Key]:
    return list(dict.fromkeys((*first, *second)))


def _iso(day: date | None) -> str:
    return day.isoformat() if day else ""


def _usd(value: object) -> str:
    return "" if value is None else str(value)
