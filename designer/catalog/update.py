"""Make a catalog from price data on disk and the hand-kept files beside this module.

The price data are LiteLLM's `model_prices_and_context_window_backup.json` and genai-prices, as installed
or as its JSON; genai-prices' updater, which calls the network, is never started. Same inputs, same
bytes. Of the versions that curated.yaml names, every row that it names must be there; of others, what
names a row that is gone is left out and told.

Where both price sources know an offering and say the same: `agree`; one: `single`; else `conflict`,
both are kept, and the price is the one whose validity is dated, LiteLLM's otherwise. Off-peak hours
are no conflict: the dearest hour of genai-prices is compared with LiteLLM's row.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timezone
from decimal import Decimal
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from designer.catalog.curation import (
    Curated,
    ModelEntry,
    OfferingEntry,
    ProviderEntry,
    Quality,
    RegionEntry,
    read_curated,
    read_facts,
    read_quality,
)
from designer.catalog.model import TIERS, Catalog, Tier, offering_id
from designer.catalog.stored import catalog_from_plain, catalog_json
from designer.catalog.written_out import offerings_of, place_key
from designer.errors import UsageError
from designer.files import replace_all

HERE = Path(__file__).parent
DATA = HERE / "data"

CAPABILITY_OF: Mapping[str, str] = {
    "supports_function_calling": "tools",
    "supports_response_schema": "json",
    "supports_vision": "vision",
    "supports_reasoning": "reasoning",
    "supports_prompt_caching": "prompt_cache",
    "supports_pdf_input": "pdf",
}
SELF_HOSTED_CAPABILITIES = ("json", "streaming", "tools")
"""What Ollama and vLLM do with any chat model whose template knows tools; vision stays unknown."""

MODES: Mapping[str, str] = {"batch": "_batches", "flex": "_flex", "priority": "_priority"}
"""Other ways of calling, and how LiteLLM's fields for them end."""

Json = dict[str, Any]
MILLION = Decimal(1_000_000)


class Quote(Struct, frozen=True):
    """What one source says about one offering, in USD per million tokens."""

    source: str
    entry: str
    observed_on: date
    input: Decimal
    output: Decimal
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    cache_write_1h: Decimal | None = None
    tiers: tuple[Json, ...] = ()
    off_peak: tuple[Json, ...] = ()
    modes: Mapping[str, Json] = field(default_factory=dict)
    """`batch`, `flex` and `priority`, where they are sold."""
    valid_from: date | None = None
    url: str = ""

    def as_evidence(self) -> Json:
        return {
            "source": self.source,
            "entry": self.entry,
            "input": _text(self.input),
            "output": _text(self.output),
            "observed_on": self.observed_on.isoformat(),
        } | ({"url": self.url} if self.url else {})


class Rates(Struct, frozen=True):
    """What one way of calling costs, in USD per million tokens."""

    input: Decimal
    output: Decimal
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    tiers: tuple[Json, ...] = ()

    def as_json(self) -> Json:
        return _without_nothing(
            {
                "input": _text(self.input),
                "output": _text(self.output),
                "cache_read": _text(self.cache_read),
                "cache_write": _text(self.cache_write),
                "tiers": list(self.tiers),
            }
        )


class Inputs(Struct, frozen=True):
    curated: Curated
    quality: Quality
    facts: list[Json]
    litellm: Mapping[str, Json]
    genai: Mapping[str, Any] = field(default_factory=dict)
    """`provider/model` to a ModelInfo of genai-prices."""


class Made(Struct, frozen=True):
    catalog: Catalog
    files: Mapping[str, str]
    """Texts by name, for data/."""
    gone: tuple[str, ...]
    """Rows that curated.yaml names and the price data no longer have."""


# --- From files -----------------------------------------------------------------------------------


def make(
    litellm: Path, genai: Path | None = None, observed_on: date | None = None, *, both: bool = True
) -> Made:
    """`genai` left out: as installed; not `both`: LiteLLM alone.

    `observed_on` is the day of price data that are not the ones curated.yaml names.
    """
    raw = _read(litellm)
    curated, is_pinned = _as_read(read_curated(HERE), litellm, raw, genai, observed_on)
    inputs = Inputs(
        curated=curated,
        quality=read_quality(HERE),
        facts=read_facts(HERE).as_json(),
        litellm=json.loads(raw),
        genai=_genai(curated, genai) if both else {},
    )
    lock = _lock(curated, hashlib.sha256(raw).hexdigest())
    gone: list[str] = []
    catalog = catalog_from_plain(build(inputs, gone) | {"sources": _sources(lock)})
    if gone and is_pinned:
        raise UsageError("the price data have no row any more: " + "; ".join(gone))
    files = {
        "catalog.json": catalog_json(catalog),
        "catalog.lock.json": _render(lock),
        "price_map.json": _render_price_map(inputs.litellm, lock),
    }
    return Made(catalog, files, tuple(gone))


def stale(made: Made) -> list[str]:
    """The packaged files that would change."""
    return [name for name, text in made.files.items() if _on_disk(name) != text]


def write(made: Made) -> list[str]:
    changed = stale(made)
    try:
        replace_all({DATA / name: made.files[name] for name in changed})
    except OSError as problem:
        raise UsageError(f"cannot write {DATA}: {problem.strerror}; name a file: -o") from problem
    return changed


def installed_litellm() -> Path | None:
    """The price map of the LiteLLM in this environment, found without importing it."""
    spec = find_spec("litellm")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).with_name("model_prices_and_context_window_backup.json")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as problem:
        raise UsageError(f"cannot read {path}: {problem.strerror}") from problem


def _as_read(
    curated: Curated, litellm: Path, raw: bytes, genai: Path | None, observed_on: date | None
) -> tuple[Curated, bool]:
    """The curation with the versions and the day of the price data given, and whether they are its own."""
    sha256 = hashlib.sha256(raw).hexdigest()
    if observed_on is None and genai is None and sha256 == _pinned_sha256():
        return curated, True
    if observed_on is None:
        raise UsageError(
            "these are not the price data that the catalog was made from: say of which day they are "
            "(--observed-on)"
        )
    known = {"litellm": _version_beside(litellm) or f"sha256:{sha256[:12]}"}
    if genai is not None:
        known["genai-prices"] = f"sha256:{hashlib.sha256(_read(genai)).hexdigest()[:12]}"
    sources = {
        name: source.model_copy(update={"version": known[name], "observed_on": observed_on})
        if name in known
        else source
        for name, source in curated.sources.items()
    }
    return curated.model_copy(update={"date": observed_on, "sources": sources}), False


def _pinned_sha256() -> str:
    lock = _on_disk("catalog.lock.json")
    return str(json.loads(lock)["taken"]["litellm"]["sha256"]) if lock else ""


def _version_beside(litellm: Path) -> str | None:
    """Of an installed package, by the metadata that stand beside it."""
    found = sorted(litellm.parent.parent.glob("litellm-*.dist-info"))
    return found[0].name.removeprefix("litellm-").removesuffix(".dist-info") if found else None


def _on_disk(name: str) -> str:
    path = DATA / name
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _render(value: Json) -> str:
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _render_price_map(litellm: Mapping[str, Json], lock: Json) -> str:
    """A line a name, in the order of the fields of `price_map.Row`."""
    taken = lock["taken"]["litellm"]
    source = f"litellm {taken['version']}, {taken['observed_on']}"
    rows = ",\n".join(
        f"  {json.dumps(name)}: {json.dumps(_price_map_row(row))}"
        for name, row in sorted(litellm.items())
        if name != "sample_spec"
    )
    return f'{{\n "source": {json.dumps(source)},\n "rows": {{\n{rows}\n }}\n}}\n'


def _price_map_row(row: Json) -> list[Any]:
    def per_mtok(key: str) -> float | None:
        price = row.get(key)
        return None if price is None else float(Decimal(str(price)) * MILLION)

    able = sorted(word for key, word in CAPABILITY_OF.items() if row.get(key))
    unable = [f"no_{word}" for key, word in CAPABILITY_OF.items() if row.get(key) is False]
    window = row.get("max_input_tokens")
    return [
        row.get("litellm_provider", ""),
        row.get("mode", ""),
        per_mtok("input_cost_per_token"),
        per_mtok("output_cost_per_token"),
        window if isinstance(window, int) else None,
        row.get("deprecation_date"),
        " ".join([*able, *sorted(unable)]),
    ]


def _genai(curated: Curated, file: Path | None) -> Mapping[str, Any]:
    if file is not None:
        return _genai_of_file(file)
    from genai_prices.data import providers  # 0.5 s and an optional extra: only here

    wanted = curated.sources["genai-prices"].version
    if version("genai-prices") != wanted:
        raise UsageError(
            f"genai-prices {version('genai-prices')} is installed, curated.yaml names {wanted}"
        )
    return {f"{p.id}/{m.id}": m for p in providers for m in p.models}


def _genai_of_file(file: Path) -> Mapping[str, Any]:
    """The project's own data.json."""
    from genai_prices import types
    from pydantic import ValidationError

    try:
        # The package's own reader: it has no public name, and the plain shapes do not read prices.
        providers = types._providers_from_raw(json.loads(_read(file)))
    except ValidationError as problem:
        first = problem.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UsageError(f"{file} is no data of genai-prices: {where}: {first['msg']}") from problem
    except ValueError as problem:
        raise UsageError(f"{file} is no data of genai-prices: {problem}") from problem
    return {f"{p.id}/{m.id}": m for p in providers for m in p.models}


def _lock(curated: Curated, litellm_sha256: str) -> Json:
    kept = {
        name: {"sha256": hashlib.sha256((HERE / name).read_bytes()).hexdigest()}
        for name in ("curated.yaml", "facts.yaml", "quality.yaml")
    }
    taken = {name: {**source.model_dump(mode="json")} for name, source in curated.sources.items()}
    taken["litellm"]["sha256"] = litellm_sha256
    return {"date": curated.date.isoformat(), "hand_kept": kept, "taken": taken}


def _sources(lock: Json) -> list[Json]:
    return [{"id": name, "sha256": "", **source} for name, source in sorted(lock["taken"].items())]


# --- The catalog ----------------------------------------------------------------------------------


def build(inputs: Inputs, gone: list[str]) -> Json:
    """Plain values of the shape of `stored.Stored`; rows that are no longer there go to `gone`."""
    curated = inputs.curated
    tiers = {model.id: _tier(model, inputs) for model in curated.models}
    speeds = _typical_speeds(inputs.quality, {m: tier for m, (tier, _) in tiers.items()})
    models, offerings = [], []
    for short in curated.models:
        sold = tuple(offerings_of(short, curated, inputs.litellm, inputs.genai, gone))
        if not sold:
            continue
        entry = short.model_copy(update={"offerings": sold})
        tier, why = tiers[entry.id]
        model = _model(entry, inputs, tier, why)
        models.append(model)
        offerings += [_offering(entry, each, model, inputs, speeds[tier]) for each in sold]
    return {
        "date": curated.date.isoformat(),
        "providers": [_provider(provider, curated) for provider in curated.providers],
        "models": models,
        "offerings": offerings,
        "facts": inputs.facts,
    }


def _provider(entry: ProviderEntry, curated: Curated) -> Json:
    raw = entry.model_dump(mode="json", exclude={"residency", "rows", "genai"})
    incidents = curated.incidents[entry.incidents] if entry.incidents else None
    return raw | {
        "incidents": incidents.model_dump(mode="json") if incidents else None,
        "observed_on": curated.date.isoformat(),
    }


def _model(entry: ModelEntry, inputs: Inputs, tier: Tier, why: str) -> Json:
    return {
        "id": entry.id,
        "developer": entry.developer,
        "family": entry.family,
        "status": entry.status,
        "kind": entry.kind,
        "purpose": entry.purpose,
        "released": _iso(entry.released),
        "retires_on": _iso(entry.retires_on),
        "tier": tier,
        "tier_why": why,
        "embedding_dimensions": entry.embedding_dimensions or _dimensions(entry, inputs),
        "quality": _scores(inputs.quality, entry.id),
        **_limits(entry, inputs),
    }


def _scores(quality: Quality, model: str) -> list[Json]:
    entry = quality.models.get(model)
    said = {"source": quality.source, "as_of": quality.as_of.isoformat()}
    scores = sorted(entry.scores.items()) if entry else ()
    return [{"bench": bench, "score": score, **said} for bench, score in scores]


def _dimensions(entry: ModelEntry, inputs: Inputs) -> int | None:
    rows = (inputs.litellm[offering.row] for offering in entry.offerings if offering.row)
    found = (row.get("output_vector_size") for row in rows)
    return next((int(size) for size in found if size), None)


def _limits(entry: ModelEntry, inputs: Inputs) -> Json:
    """The model's own limits and capabilities: kept by hand, or those of its first known row."""
    if entry.limits:
        return {
            "context_tokens": entry.limits.context,
            "max_input_tokens": entry.limits.max_input,
            "max_output_tokens": entry.limits.max_output,
            "capabilities": sorted(entry.capabilities or ()),
            "source": entry.limits.source,
            "observed_on": entry.limits.observed_on.isoformat(),
        }
    first = next((o for o in entry.offerings if o.row), None)
    if first is None:
        raise UsageError(f"{entry.id}: no offering has a row, so its limits must be kept by hand")
    assert first.row
    row = inputs.litellm[first.row]
    source = inputs.curated.sources["litellm"]
    return {
        **_row_limits(entry, first, inputs),
        "capabilities": sorted(entry.capabilities or _capabilities(entry, row)),
        "source": f"litellm {source.version}: {first.row}",
        "observed_on": source.observed_on.isoformat(),
    }


def _row_limits(entry: ModelEntry, offering: OfferingEntry, inputs: Inputs) -> Json:
    assert offering.row
    row = inputs.litellm[offering.row]
    max_input = int(row.get("max_input_tokens") or row.get("max_tokens") or 0)
    max_output = int(row.get("max_output_tokens") or 0)
    if entry.kind == "chat" and not max_output:
        max_output = max_input
    window = getattr(inputs.genai.get(offering.genai or ""), "context_window", None) or 0
    return {
        "context_tokens": max(window, max_input),
        "max_input_tokens": max_input,
        "max_output_tokens": max_output,
    }


def _capabilities(entry: ModelEntry, row: Json) -> list[str]:
    found = {word for name, word in CAPABILITY_OF.items() if row.get(name)}
    return sorted(found | ({"streaming"} if entry.kind == "chat" else set()))


def _offering(
    model_entry: ModelEntry, entry: OfferingEntry, model: Json, inputs: Inputs, typical: Json
) -> Json:
    curated = inputs.curated
    provider = next(p for p in curated.providers if p.id == entry.provider)
    row = inputs.litellm[entry.row] if entry.row else {}
    limits = model
    capabilities = model["capabilities"]
    if entry.row and row.get("max_input_tokens"):
        limits = _row_limits(model_entry, entry, inputs)
        capabilities = _capabilities(model_entry, row)
    if provider.is_self_hosted and model_entry.kind == "chat":
        capabilities = sorted(set(capabilities) & set(SELF_HOSTED_CAPABILITIES))
    retires_on = row.get("deprecation_date")
    return {
        "id": offering_id(entry.provider, model_entry.id, entry.region),
        "provider": entry.provider,
        "model": model_entry.id,
        "region": entry.region,
        "residency": provider.residency if entry.region == "global" else entry.region,
        **_place(entry, provider, curated),
        "price": _price(entry, inputs),
        "names": {
            "litellm": entry.litellm,
            "litellm_base_model": entry.row or "",
            "litellm_also": list(entry.also),
            "portkey": _pair(entry.portkey, "provider", "model"),
            "openrouter": _pair(entry.openrouter, "provider", "model"),
        },
        "latency": _latency(model_entry, entry, inputs, typical),
        "context_tokens": limits["context_tokens"],
        "max_input_tokens": limits["max_input_tokens"],
        "max_output_tokens": limits["max_output_tokens"],
        "capabilities": capabilities,
        "deployment_type": _deployment_type(entry),
        "retires_on": retires_on,
        "note": entry.note,
    }


def _place(entry: OfferingEntry, provider: ProviderEntry, curated: Curated) -> Json:
    """What every offering of a provider and region shares."""
    key = place_key(entry.provider, entry.region)
    place = curated.regions.get(key)
    if place is None and entry.region != "global":
        raise UsageError(f"curated.yaml has no region {key}")
    place = place or RegionEntry(
        by="name", regions=(), source=provider.source, observed_on=curated.date
    )
    by_region = entry.region if place.by == "location" else ""
    return {
        "regions": list(place.regions if place.regions is not None else (entry.region,)),
        "regions_source": place.source,
        "regions_observed_on": place.observed_on.isoformat(),
        "pin": {"by": place.by, "location": place.location or by_region, "body": place.body},
        "api_base": place.api_base or provider.api_base,
        "secrets": list(provider.secrets),
        "failure_domain": provider.failure_domain,
    }


def _deployment_type(entry: OfferingEntry) -> str:
    if entry.provider != "azure":
        return ""
    return {"global": "global", "eu": "datazone", "us": "datazone"}.get(entry.region, "regional")


def _pair(names: tuple[str, str] | None, first: str, second: str) -> Json | None:
    return {first: names[0], second: names[1]} if names else None


# --- Prices ---------------------------------------------------------------------------------------


def _price(entry: OfferingEntry, inputs: Inputs) -> Json:
    quotes = [q for q in (_litellm_quote(entry, inputs), _genai_quote(entry, inputs)) if q]
    if not quotes:
        return _free(entry, inputs)
    agreement = "single"
    if len(quotes) == 2:
        same = (quotes[0].input, quotes[0].output) == (quotes[1].input, quotes[1].output)
        agreement = "agree" if same else "conflict"
    chosen = quotes[0]
    if agreement == "conflict":
        chosen = next((q for q in quotes if q.valid_from), chosen)
    dates = [q.valid_from for q in quotes if q.valid_from]
    return _without_nothing(
        {
            "input": _text(chosen.input),
            "output": _text(chosen.output),
            "cache_read": _text(chosen.cache_read),
            "cache_write": _text(chosen.cache_write),
            "cache_write_1h": _text(chosen.cache_write_1h),
            "tiers": list(chosen.tiers),
            "off_peak": list(chosen.off_peak),
            **chosen.modes,
            "agreement": agreement,
            "evidence": [quote.as_evidence() for quote in quotes],
            "valid_from": _iso(dates[0]) if dates else None,
            "note": f"the base price times {entry.uplift}" if entry.uplift else "",
        }
    )


def _free(entry: OfferingEntry, inputs: Inputs) -> Json:
    provider = next(p for p in inputs.curated.providers if p.id == entry.provider)
    if not provider.is_self_hosted:
        raise UsageError(f"{entry.provider}/{entry.litellm}: no source has a price")
    nothing = Quote(
        "no price per token", provider.title, inputs.curated.date, Decimal(0), Decimal(0)
    )
    return {
        "input": "0",
        "output": "0",
        "agreement": "single",
        "evidence": [nothing.as_evidence()],
        "note": "tokens cost nothing; the machine does",
    }


def _litellm_quote(entry: OfferingEntry, inputs: Inputs) -> Quote | None:
    if entry.row is None:
        return None
    row = inputs.litellm[entry.row]
    factor = _factor(row, entry.uplift)
    source = inputs.curated.sources["litellm"]
    base = _rate(row, "", factor) or Rates(Decimal(0), Decimal(0))
    return Quote(
        source=f"litellm {source.version}",
        entry=entry.row + (f" × {entry.uplift}" if entry.uplift else ""),
        observed_on=source.observed_on,
        input=base.input,
        output=base.output,
        cache_read=base.cache_read,
        cache_write=base.cache_write,
        cache_write_1h=_usd(row, "cache_creation_input_token_cost_above_1hr", factor),
        tiers=base.tiers,
        off_peak=tuple(_off_peak_windows(row.get("off_peak_pricing"), factor)),
        modes={
            mode: rate.as_json()
            for mode, suffix in MODES.items()
            if (rate := _rate(row, suffix, factor)) is not None
        },
        url=row.get("source", ""),
    )


def _rate(row: Json, suffix: str, factor: Decimal) -> Rates | None:
    """The prices whose fields end in `suffix`: `_batches`, say; None when the row has none."""
    if not suffix and (ranges := row.get("tiered_pricing")):
        return _ranged(ranges, factor)
    usd_in = _usd(row, f"input_cost_per_token{suffix}", factor)
    if usd_in is None:
        return None
    usd_out = _usd(row, f"output_cost_per_token{suffix}", factor) or Decimal(0)
    return Rates(
        usd_in,
        usd_out,
        _usd(row, f"cache_read_input_token_cost{suffix}", factor),
        _usd(row, f"cache_creation_input_token_cost{suffix}", factor),
        tuple(_row_tiers(row, suffix, factor, usd_out)),
    )


def _row_tiers(row: Json, suffix: str, factor: Decimal, usd_out: Decimal) -> Iterable[Json]:
    for above in _tier_starts(row, suffix):
        from_here = f"_above_{above // 1000}k_tokens{suffix}"
        yield _without_nothing(
            {
                "above_input_tokens": above,
                "input": _text(_usd(row, f"input_cost_per_token{from_here}", factor)),
                "output": _text(_usd(row, f"output_cost_per_token{from_here}", factor) or usd_out),
                "cache_read": _text(_usd(row, f"cache_read_input_token_cost{from_here}", factor)),
                "cache_write": _text(
                    _usd(row, f"cache_creation_input_token_cost{from_here}", factor)
                ),
            }
        )


def _ranged(ranges: list[Json], factor: Decimal) -> Rates:
    """LiteLLM's `tiered_pricing`: prices by the length of the prompt, the shortest first."""
    first, *longer = ranges
    tiers = tuple(
        {"above_input_tokens": int(each["range"][0]), **_range_prices(each, factor).as_json()}
        for each in longer
    )
    return replace(_range_prices(first, factor), tiers=tiers)


def _range_prices(prices: Json, factor: Decimal) -> Rates:
    return Rates(
        _usd(prices, "input_cost_per_token", factor) or Decimal(0),
        _usd(prices, "output_cost_per_token", factor) or Decimal(0),
        _usd(prices, "cache_read_input_token_cost", factor),
    )


def _usd(row: Json, name: str, factor: Decimal) -> Decimal | None:
    value = row.get(name)
    return None if value is None else Decimal(str(value)) * MILLION * factor


def _factor(row: Json, uplift: str | None) -> Decimal:
    if uplift is None:
        return Decimal(1)
    value: Any = row
    for name in uplift.split("."):
        value = value[name]
    return Decimal(str(value))


def _tier_starts(row: Json, suffix: str) -> list[int]:
    pattern = re.compile(rf"input_cost_per_token_above_(\d+)k_tokens{suffix}")
    found = (pattern.fullmatch(name) for name in row)
    return sorted(int(match[1]) * 1000 for match in found if match)


def _off_peak_windows(off_peak: Json | None, factor: Decimal) -> Iterable[Json]:
    for window in (off_peak or {}).get("windows", ()):
        hours = window["hours_utc"]
        yield _without_nothing(
            {
                "weekdays": window["weekdays"],
                "hours_utc": [
                    _minutes(span) for span in ([hours] if isinstance(hours, str) else hours)
                ],
                "input": _text(_usd(off_peak or {}, "input_cost_per_token", factor)),
                "output": _text(_usd(off_peak or {}, "output_cost_per_token", factor)),
                "cache_read": _text(_usd(off_peak or {}, "cache_read_input_token_cost", factor)),
            }
        )


def _minutes(span: str) -> list[int]:
    """`"10:00-00:00"` as [600, 1440]: an end at midnight is the day's end."""
    start, end = (int(part[:2]) * 60 + int(part[3:]) for part in span.split("-"))
    return [start, end or 1440]


def _genai_quote(entry: OfferingEntry, inputs: Inputs) -> Quote | None:
    if entry.genai is None or not inputs.genai:
        return None
    info = inputs.genai[entry.genai]
    source = inputs.curated.sources["genai-prices"]
    hours = [
        datetime.combine(inputs.curated.date, time(hour), tzinfo=timezone.utc)  # noqa: UP017
        for hour in range(24)
    ]
    dearest = max((info.get_prices(hour) for hour in hours), key=lambda p: _base(p.input_mtok))
    return Quote(
        source=f"genai-prices {source.version}",
        entry=entry.genai,
        observed_on=source.observed_on,
        input=_base(dearest.input_mtok),
        output=_base(dearest.output_mtok),
        cache_read=_base_or_none(getattr(dearest, "cache_read_mtok", None)),
        cache_write=_base_or_none(getattr(dearest, "cache_write_mtok", None)),
        tiers=tuple(_genai_tiers(dearest)),
        valid_from=_valid_from(info, inputs.curated.date),
        url=source.url,
    )


def _base(price: Any) -> Decimal:
    return _base_or_none(price) or Decimal(0)


def _base_or_none(price: Any) -> Decimal | None:
    if price is None:
        return None
    return Decimal(getattr(price, "base", price))


def _genai_tiers(price: Any) -> Iterable[Json]:
    starts = {tier.start for tier in getattr(price.input_mtok, "tiers", ())}
    for start in sorted(starts):
        yield _without_nothing(
            {
                "above_input_tokens": start,
                "input": _text(_above(price.input_mtok, start)),
                "output": _text(_above(price.output_mtok, start)),
                "cache_read": _text(_above(getattr(price, "cache_read_mtok", None), start)),
                "cache_write": _text(_above(getattr(price, "cache_write_mtok", None), start)),
            }
        )


def _above(price: Any, start: int) -> Decimal | None:
    for tier in getattr(price, "tiers", ()):
        if tier.start == start:
            return Decimal(tier.price)
    return _base_or_none(price)


def _valid_from(info: Any, as_of: date) -> date | None:
    """The day from which the current price holds, where genai-prices dates it."""
    conditional = info.prices if isinstance(info.prices, list) else []
    starts = [getattr(price.constraint, "start_date", None) for price in conditional]
    return max((start for start in starts if start and start <= as_of), default=None)


# --- Quality and speed ----------------------------------------------------------------------------


def _tier(entry: ModelEntry, inputs: Inputs) -> tuple[Tier, str]:
    quality = inputs.quality.models.get(entry.id)
    votes = [
        (bench, quality.scores[bench], _vote(quality.scores[bench], limit.balanced, limit.smart))
        for bench, limit in inputs.curated.tiers.items()
        if quality and bench in quality.scores
    ]
    if not votes:
        if entry.tier is None:
            raise UsageError(f"{entry.id}: no benchmark, so its tier must be kept by hand")
        return entry.tier, entry.tier_why
    if entry.tier is not None:
        raise UsageError(f"{entry.id}: has benchmarks, so its tier is not kept by hand")
    ranks = sorted(TIERS.index(vote) for _, _, vote in votes)
    said = ", ".join(f"{bench} {score:g} is {vote}" for bench, score, vote in votes)
    return TIERS[ranks[(len(ranks) - 1) // 2]], f"by benchmark: {said}"


def _vote(score: float, balanced: float, smart: float) -> Tier:
    if score >= smart:
        return "smart"
    return "balanced" if score >= balanced else "fast"


def _typical_speeds(quality: Quality, tiers: Mapping[str, Tier]) -> dict[Tier, Json]:
    """Per tier the median of what was measured."""
    typical: dict[Tier, Json] = {}
    for tier in TIERS:
        speeds = [q.latency for model, q in quality.models.items() if tiers.get(model) == tier]
        typical[tier] = {
            "ttft_p50_s": median(s.ttft_p50_s for s in speeds if s.ttft_p50_s),
            "tokens_per_s": median(s.tokens_per_s for s in speeds if s.tokens_per_s),
        }
    return typical


def _latency(model: ModelEntry, entry: OfferingEntry, inputs: Inputs, typical: Json) -> Json:
    quality = inputs.quality.models.get(model.id)
    provider = next(p for p in inputs.curated.providers if p.id == entry.provider)
    found = quality.latency if quality and not provider.is_self_hosted else None
    as_of = inputs.quality.as_of.isoformat()
    if model.kind == "embedding" or found is None or found.tokens_per_s is None:
        return typical | {
            "grade": "assumed",
            "source": "the median of its tier in the starter catalog of tryaii 0.8.3",
            "as_of": as_of,
        }
    first = entry is model.offerings[0]
    whole = first and found.ttft_p50_s is not None
    return {
        "ttft_p50_s": found.ttft_p50_s or typical["ttft_p50_s"],
        "tokens_per_s": found.tokens_per_s,
        "grade": "third_party" if whole else "borrowed",
        "source": inputs.quality.source
        + ("" if found.ttft_p50_s else "; the first token's wait is the median of its tier"),
        "as_of": as_of,
    }


# --- Small conversions ----------------------------------------------------------------------------


def _text(value: Decimal | None) -> str | None:
    """Without trailing zeros or an exponent; rounded to a millionth of a dollar."""
    if value is None:
        return None
    text = f"{round(value, 6):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _without_nothing(raw: Json) -> Json:
    return {name: value for name, value in raw.items() if value not in (None, [], "")}
