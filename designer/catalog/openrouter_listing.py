"""OpenRouter's own listings, saved as files, as an overlay: prices, speeds, headquarters and datacenters.

Two answers of its API are understood: `/models/{author}/{slug}/endpoints` and `/providers`. What the
listing says as the catalog does is left out, and so is what it does not say. An endpoint that the
catalog lacks, or one that it presumes and the listing lacks, is a finding: nothing is made up for it.
The overlay is text to be read, kept and edited; nothing here changes a catalog.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from designer.catalog.model import Catalog, Offering, Price, Provider
from designer.diagnostics import Place, Report, Rule, Severity
from designer.errors import UsageError

NOT_IN_CATALOG = Rule(
    "CAT003",
    Severity.INFO,
    "the catalog has no offering for {what}",
    "The overlay can only change what the catalog knows; an endpoint alone says too little of a model "
    "to plan with it.",
    instead="it is left out of the overlay",
    help="describe it yourself under `models` of the overlay",
)
NOT_LISTED = Rule(
    "CAT004",
    Severity.WARNING,
    "OpenRouter does not list {what}, which the catalog presumes",
    "The catalog's names of OpenRouter's endpoints are partly presumed: the model is there, and the "
    "provider is.",
    instead="the catalog still has it",
    help="give the listing to the commands that take `--endpoints`, or leave the provider out",
)

MILLION = Decimal(1_000_000)
Usd = Annotated[Decimal, Field(ge=0)]


class _Listed(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Percentiles(_Listed):
    p50: float | None = None


class Pricing(_Listed):
    """USD per token."""

    prompt: Usd
    completion: Usd
    input_cache_read: Usd | None = None
    input_cache_write: Usd | None = None


class Endpoint(_Listed):
    tag: str
    """The provider's slug, with variant or region where it has one."""
    pricing: Pricing
    latency_last_30m: Percentiles | None = None
    """Milliseconds to the first token."""
    throughput_last_30m: Percentiles | None = None


class Endpoints(_Listed):
    id: str
    endpoints: tuple[Endpoint, ...]


class ListedProvider(_Listed):
    slug: str
    headquarters: str | None = None
    datacenters: tuple[str, ...] | None = None
    status_page_url: str | None = None


class _EndpointsAnswer(_Listed):
    data: Endpoints


class _ProvidersAnswer(_Listed):
    data: tuple[ListedProvider, ...]


def overlay_of(files: Iterable[Path], observed_on: date, catalog: Catalog, report: Report) -> str:
    """The overlay's text; empty lists are left out, so it may be empty but for its first line."""
    sections: dict[str, list[dict[str, Any]]] = {"prices": [], "latency": [], "providers": []}
    for file in files:
        listed = _read(file)
        said = {"source": f"OpenRouter's listing, {file.name}", "observed_on": str(observed_on)}
        if isinstance(listed, Endpoints):
            for offering, endpoint in _matched(listed, str(file), catalog, report):
                sections["prices"] += _price(offering, endpoint.pricing, said)
                sections["latency"] += _latency(offering, endpoint, said)
        else:
            sections["providers"] += _providers(listed, str(file), catalog, report, said)
    return _text(sections)


def _read(file: Path) -> Endpoints | tuple[ListedProvider, ...]:
    try:
        raw = json.loads(file.read_bytes())
        listed = raw["data"]
        if isinstance(listed, list):
            return _ProvidersAnswer.model_validate(raw).data
        return _EndpointsAnswer.model_validate(raw).data
    except OSError as problem:
        raise UsageError(f"cannot read {file}: {problem.strerror}") from problem
    except ValidationError as problem:
        first = problem.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UsageError(
            f"{file} is no listing of OpenRouter: {where}: {first['msg']}"
        ) from problem
    except (ValueError, KeyError, TypeError) as problem:
        raise UsageError(
            f"{file} is neither an answer of /models/…/endpoints nor of /providers"
        ) from problem


def _matched(
    listed: Endpoints, file: str, catalog: Catalog, report: Report
) -> Iterator[tuple[Offering, Endpoint]]:
    """Each offering without a region, with the endpoint whose tag is its provider's slug alone."""
    presumed = {
        offering.names.openrouter.provider: offering
        for offering in catalog.openrouter_endpoints(listed.id)
        if offering.names.openrouter and offering.region == "global"
    }
    for endpoint in listed.endpoints:
        offering = presumed.get(endpoint.tag)
        if offering is None:
            what = f"{listed.id} at {endpoint.tag}"
            report.add(NOT_IN_CATALOG, Place(file), what=what)
        else:
            yield offering, endpoint
    there = {endpoint.tag.partition("/")[0] for endpoint in listed.endpoints}
    for provider in sorted(set(presumed) - there):
        report.add(NOT_LISTED, Place(file), what=f"{listed.id} at {provider}")


def _price(offering: Offering, pricing: Pricing, said: dict[str, str]) -> list[dict[str, Any]]:
    figures = {
        "input": pricing.prompt * MILLION,
        "output": pricing.completion * MILLION,
        "cache_read": _times(pricing.input_cache_read),
        "cache_write": _times(pricing.input_cache_write),
    }
    if all(_same(offering.price, name, usd) for name, usd in figures.items()):
        return []
    known = {name: _plain(usd) for name, usd in figures.items() if usd is not None}
    return [{"applies_to": _exactly(offering), **known, **said}]


def _times(usd_per_token: Decimal | None) -> Decimal | None:
    return None if usd_per_token is None else usd_per_token * MILLION


def _same(price: Price, name: str, usd: Decimal | None) -> bool:
    return usd is None or bool(getattr(price, name) == usd)


def _plain(usd: Decimal) -> str:
    text = f"{usd:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _latency(offering: Offering, endpoint: Endpoint, said: dict[str, str]) -> list[dict[str, Any]]:
    wait, speed = endpoint.latency_last_30m, endpoint.throughput_last_30m
    if wait is None or speed is None or not wait.p50 or not speed.p50:
        return []
    seconds = round(wait.p50 / 1000, 3)
    figures = {"ttft_p50_s": seconds, "tokens_per_s": speed.p50, "grade": "third_party"}
    return [{"applies_to": _exactly(offering), **figures, **said}]


def _exactly(offering: Offering) -> str:
    """A pattern of this offering alone: without a region it would mean every region's."""
    return f"{offering.provider}/{offering.model}@{offering.region}"


def _providers(
    listed: Iterable[ListedProvider],
    file: str,
    catalog: Catalog,
    report: Report,
    said: dict[str, str],
) -> Iterator[dict[str, Any]]:
    known = {p.openrouter_slug: p for p in catalog.providers.values() if p.openrouter_slug}
    for listed_one in listed:
        provider = known.get(listed_one.slug)
        if provider is None:
            report.add(NOT_IN_CATALOG, Place(file), what=f"the provider {listed_one.slug}")
            continue
        figures = {
            "headquarters": listed_one.headquarters,
            "datacenters": list(listed_one.datacenters or ()),
            "status_page": listed_one.status_page_url,
        }
        told = {
            name: value
            for name, value in figures.items()
            if value and _is_new(provider, name, value)
        }
        if told:
            yield {"provider": provider.id, **told, **said}


def _is_new(provider: Provider, name: str, value: Any) -> bool:
    known = getattr(provider, name)
    return bool((list(known) if isinstance(known, tuple) else known) != value)


def _text(sections: dict[str, list[dict[str, Any]]]) -> str:
    lines = [
        "# From OpenRouter's listings (`designer catalog import-openrouter`): review, then --overlay."
    ]
    for name, entries in sections.items():
        if entries:
            lines += ["", f"{name}:"]
            lines += [f"  - {json.dumps(entry, ensure_ascii=False)}" for entry in entries]
    return "\n".join(lines) + "\n"
