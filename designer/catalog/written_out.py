"""Offerings in short form, written out: the names that follow from the provider's own name of a model.

LiteLLM puts its prefix before that name, Portkey takes it as it is, and the price data know it under
one of a few patterns that curated.yaml keeps by provider and region. OpenRouter's slug follows from
nothing and is kept by hand; that a provider without a region answers for it there is presumed, until
`designer catalog import-openrouter` says what OpenRouter itself lists.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from designer.catalog.curation import (
    Curated,
    ModelEntry,
    OfferingEntry,
    ProviderEntry,
    RegionEntry,
    SoldEntry,
)


def offerings_of(
    model: ModelEntry,
    curated: Curated,
    litellm: Mapping[str, Any],
    genai: Collection[str],
    gone: list[str],
) -> Iterator[OfferingEntry]:
    """The offerings of a model, those kept in full first, as far as the price data have their rows.

    What they no longer have is added to `gone`.
    """
    for entry in model.offerings:
        missing = list(_missing(entry, litellm, genai))
        gone += [f"{model.id} at {entry.provider}: {row}" for row in missing]
        if not missing:
            yield entry
        elif entry.row in litellm:
            yield entry.model_copy(update={"genai": None})
    if genai and model.openrouter and f"openrouter/{model.openrouter}" not in genai:
        gone.append(f"{model.id} at OpenRouter: genai-prices' openrouter/{model.openrouter}")
    known = {entry.lower(): entry for entry in genai}
    for provider_id, sold in model.sold.items():
        provider = next(p for p in curated.providers if p.id == provider_id)
        for region in sold.regions:
            place = curated.regions.get(place_key(provider_id, region))
            written = _written_out(model, provider, sold, region, place, litellm, known)
            if isinstance(written, OfferingEntry):
                yield written
            else:
                gone.append(f"{model.id} at {provider_id}: {' or '.join(written)}")


def _missing(
    entry: OfferingEntry, litellm: Mapping[str, Any], genai: Collection[str]
) -> Iterator[str]:
    if entry.row and entry.row not in litellm:
        yield entry.row
    if entry.genai and entry.genai not in genai and (genai or not entry.row):
        yield f"genai-prices' {entry.genai}"


def place_key(provider: str, region: str) -> str:
    return provider if region == "global" else f"{provider}@{region}"


def _written_out(
    model: ModelEntry,
    provider: ProviderEntry,
    sold: SoldEntry,
    region: str,
    place: RegionEntry | None,
    litellm: Mapping[str, Any],
    genai: Mapping[str, str],
) -> OfferingEntry | list[str]:
    """Written out, or the rows that would have to be there."""
    name = place.name.format(name=sold.name) if place else sold.name
    prefix = provider.litellm_prefix
    rows = [
        pattern.format(prefix=prefix, name=name, region=region)
        for pattern in ((place.rows if place else ()) or provider.rows)
    ]
    row = next((row for row in rows if row in litellm), None)
    if row is None:
        return rows
    quoted = provider.genai if place is None or place.genai is None else place.genai
    quotes = (pattern.format(name=sold.name, last=_last(sold.name)) for pattern in quoted)
    uplift = place.uplift if place else ""
    is_presumed = bool(model.openrouter and provider.openrouter_slug and region == "global")
    return OfferingEntry(
        provider=provider.id,
        region=region,
        litellm=sold.litellm or f"{prefix}{name}",
        row=row,
        portkey=(provider.portkey_slug, sold.portkey or name) if provider.portkey_slug else None,
        openrouter=(provider.openrouter_slug, model.openrouter) if is_presumed else None,
        genai=next((genai[quote.lower()] for quote in quotes if quote.lower() in genai), None),
        uplift=uplift if uplift and has_field(litellm[row], uplift) else None,
        note=sold.note or ("" if row == rows[0] else _any_region(region)),
    )


def _any_region(region: str) -> str:
    """For an offering in one cloud region whose price is that of a row for any."""
    if region == "global":
        return ""
    return f"LiteLLM's row names no region: check that {region} has it, and at this price"


def has_field(row: Mapping[str, Any], path: str) -> bool:
    first, _, rest = path.partition(".")
    return first in row and (not rest or has_field(row[first], rest))


def _last(name: str) -> str:
    return name.rpartition("/")[2]
