"""Which endpoints OpenRouter has for a model, and what it calls a deployment of the catalog.

A directory is a value made from the catalog or from OpenRouter's own endpoint listings; it asks no
network. The catalog knows only the providers that it has facts about, so a directory made from it is
*open*: what it does not list may exist. A listing from OpenRouter is closed.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any

from msgspec import Struct

from designer.catalog import Offering, load_catalog
from designer.gateways.openrouter.tables import SLUG_OF_NAME, SORT_OF_SUFFIX, TIERS
from designer.ir import Deployment


class Endpoint(Struct, frozen=True):
    """One provider's offer of a model, as OpenRouter lists it."""

    provider: str
    """Its slug, with variant or region where it has one: `deepinfra/turbo`."""
    prompt_usd_per_mtok: Decimal | None = None
    completion_usd_per_mtok: Decimal | None = None
    quantization: str = ""

    @property
    def price(self) -> Decimal | None:
        """Prompt and completion together: which of them OpenRouter weighs is not documented."""
        if self.prompt_usd_per_mtok is None or self.completion_usd_per_mtok is None:
            return None
        return self.prompt_usd_per_mtok + self.completion_usd_per_mtok


class Directory(Struct, frozen=True):
    find: Callable[[Deployment], tuple[str, str] | None]
    """Model slug and provider slug of a deployment at a catalog provider; None: not offered."""
    endpoints: Callable[[str], tuple[Endpoint, ...]]
    """Of a model slug; empty when the model is not known."""
    is_closed: Callable[[str], bool] = lambda _model: False
    """Whether every endpoint of this model is listed."""

    def of(self, model: str) -> tuple[Endpoint, ...]:
        """Endpoints of a slug; a suffix that only chooses how to route is not part of the name."""
        base, _, suffix = model.rpartition(":")
        return self.endpoints(model) or (self.endpoints(base) if suffix in SORT_OF_SUFFIX else ())

    def is_complete(self, model: str) -> bool:
        base, _, suffix = model.rpartition(":")
        return self.is_closed(model) or (suffix in SORT_OF_SUFFIX and self.is_closed(base))

    def with_listings(self, listings: Mapping[str, tuple[Endpoint, ...]]) -> "Directory":
        """Endpoints listed by OpenRouter take the place of what was known of those models."""
        return Directory(
            find=self.find,
            endpoints=lambda model: listings[model] if model in listings else self.endpoints(model),
            is_closed=lambda model: model in listings or self.is_closed(model),
        )


def canonical(provider: str) -> str:
    """The slug of a provider that a preference names, by slug or by display name."""
    slug = provider.strip().lower().replace(" ", "-")
    return SLUG_OF_NAME.get(slug, slug)


def slugs(named: Iterable[str]) -> frozenset[str]:
    return frozenset(map(canonical, named))


def names_of(provider: str) -> tuple[str, ...]:
    """The slugs by which a preference can name an endpoint: a bare slug names all of a provider's
    regions and variants, but not its service tiers (guides/routing/provider-selection, 2026-08-22)."""
    parts = provider.split("/", 3)
    if parts[-1] in TIERS:
        return (provider,)
    return (provider, *("/".join(parts[:count]) for count in range(1, len(parts))))


def is_named(wanted: frozenset[str], provider: str) -> bool:
    """Whether one of the slugs means the endpoint."""
    return not wanted.isdisjoint(names_of(provider))


# --- From the catalog -----------------------------------------------------------------------------


def from_catalog() -> Directory:
    """The packaged catalog; read when first asked."""
    return Directory(
        find=_find,
        endpoints=lambda model: _catalog_endpoints().get(model, ()),
    )


def _find(deployment: Deployment) -> tuple[str, str] | None:
    """By provider and the name on the wire or, where that is the user's own (an Azure deployment's
    name), the model in the planner's id `alias/account/model`."""
    model_of_id = deployment.id.split("/", 2)[-1]
    names = _catalog_names()
    for name in (deployment.model, model_of_id):
        if found := names.get((deployment.provider, name)):
            return found
    return None


@cache
def _catalog_names() -> Mapping[tuple[str, str], tuple[str, str]]:
    names: dict[tuple[str, str], tuple[str, str]] = {}
    offered: dict[tuple[str, str], tuple[str, str]] = {}
    offerings = load_catalog().offerings.values()
    for offering in offerings:
        if offering.names.openrouter:
            slugs = (offering.names.openrouter.model, offering.names.openrouter.provider)
            offered.setdefault((offering.provider, offering.model), slugs)
    for offering in offerings:
        # Regional offerings of a model have no slug of their own: the model is the same.
        if found := offered.get((offering.provider, offering.model)):
            for name in _wire_names(offering):
                names.setdefault((offering.provider, name), found)
    return names


def _wire_names(offering: Offering) -> Iterable[str]:
    yield offering.model
    names = offering.names
    for name in (names.litellm, names.litellm_base_model, *names.litellm_also):
        if name:
            yield name.partition("/")[2] or name
    if names.portkey:
        yield names.portkey.model


@cache
def _catalog_endpoints() -> Mapping[str, tuple[Endpoint, ...]]:
    found: dict[str, dict[str, Endpoint]] = {}
    for offering in load_catalog().offerings.values():
        name = offering.names.openrouter
        if name:
            endpoint = Endpoint(name.provider, offering.price.input, offering.price.output)
            found.setdefault(name.model, {}).setdefault(name.provider, endpoint)
    return {model: tuple(known.values()) for model, known in found.items()}


# --- From OpenRouter's listings -------------------------------------------------------------------


def listings_of(value: Any) -> dict[str, tuple[Endpoint, ...]] | None:
    """Endpoints by model from `GET /models/{author}/{slug}/endpoints`, a list of such answers, or
    the short form `{"<model slug>": ["<provider slug>", …]}`. None: it is neither."""
    if isinstance(value, list) and value:
        found: dict[str, tuple[Endpoint, ...]] = {}
        for item in value:
            listing = listings_of(item)
            if listing is None:
                return None
            found |= listing
        return found
    if not isinstance(value, Mapping):
        return None
    inner = value.get("data", value)
    if isinstance(inner, Mapping) and isinstance(inner.get("endpoints"), list):
        model = inner.get("id")
        endpoints = [_endpoint(item) for item in inner["endpoints"]]
        if isinstance(model, str):
            return {model: tuple(e for e in endpoints if e is not None)}
        return None
    if value and all(_is_slugs(model, providers) for model, providers in value.items()):
        return {
            model: tuple(Endpoint(canonical(p)) for p in providers)
            for model, providers in value.items()
        }
    return None


def _is_slugs(model: Any, providers: Any) -> bool:
    return (
        isinstance(model, str)
        and "/" in model
        and isinstance(providers, list)
        and all(isinstance(p, str) and p for p in providers)
    )


def _endpoint(item: Any) -> Endpoint | None:
    if not isinstance(item, Mapping):
        return None
    name = item.get("tag") or item.get("provider_name")
    if not isinstance(name, str) or not name:
        return None
    pricing = item.get("pricing")
    pricing = pricing if isinstance(pricing, Mapping) else {}
    level = item.get("quantization")
    return Endpoint(
        canonical(name),
        _per_mtok(pricing.get("prompt")),
        _per_mtok(pricing.get("completion")),
        level if isinstance(level, str) else "",
    )


def _per_mtok(per_token: Any) -> Decimal | None:
    """Listings give USD per token as text, preferences USD per million tokens."""
    try:
        price = Decimal(str(per_token))
    except InvalidOperation:
        return None
    return price * 1_000_000 if price.is_finite() and 0 <= price <= 1 else None
