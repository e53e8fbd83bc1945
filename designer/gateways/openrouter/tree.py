"""What a request body means as a tree, and which body a tree stands for.

An `Ask` is one route in OpenRouter's own terms. `routing_of` says what OpenRouter will try for it,
`ask_of` reads the terms back from a route made so. A legal Routing is one that survives the round.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from operator import itemgetter
from typing import Any, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from designer.gateways.legalize import rewrite
from designer.gateways.openrouter.choice import is_choice
from designer.gateways.openrouter.directory import (
    Directory,
    Endpoint,
    canonical,
    is_named,
    names_of,
    slugs,
)
from designer.gateways.openrouter.tables import (
    API_KEY,
    HOSTS,
    MAPS,
    PREFERENCES,
    QUANTIZATIONS,
    REGION_OF,
    SORT_OF_SUFFIX,
    TIER_OF_SUFFIX,
    TIERS,
    params_of,
)
from designer.ir import (
    ANY,
    Chain,
    Deployment,
    Failures,
    Guardrail,
    Node,
    Pool,
    Remote,
    Retry,
    Route,
    Routing,
    Rung,
    Switch,
    Target,
    deployments_of,
    failures,
)

PROVIDER = "openrouter"

PROVIDER_FALLS = ANY - failures(
    *(400, 413, 422),
    *("context_length", "content_policy", "guardrail", "reject_prefill"),
)
"""What moves a request to the same model's next provider: 5xx, rate limits and a provider's own
refusals of OpenRouter (guides/overview/faq, guides/routing/provider-selection, 2026-08-22). Faults
of the request are taken to stop there: the guides count 400 and 413 as no fault of a provider."""

MODEL_FALLS = ANY
"""Any error moves a request to the next model (guides/routing/model-fallbacks, 2026-08-22)."""


class Ask(Struct, frozen=True):
    """One route as OpenRouter is asked for it, and what the client adds."""

    name: str
    models: tuple[str, ...]
    preferences: tuple[tuple[str, Any], ...] = ()
    """Fields of `provider`, sorted by name; lists as tuples, objects as sorted pairs."""
    params: tuple[tuple[str, Any], ...] = ()
    base_url: str = HOSTS["global"]
    api_key: str = API_KEY
    deadline_s: float | None = None
    session: str = "none"
    """What the client takes its session id from."""
    embeds: bool = False

    def preference(self, name: str) -> Any:
        return dict(self.preferences).get(name)

    def prefer(self, **changes: Any) -> "Ask":
        """With these preferences; None takes one away."""
        kept = {**dict(self.preferences), **changes}
        pairs = sorted((k, v) for k, v in kept.items() if v is not None)
        return replace(self, preferences=tuple(pairs))


def freeze(value: Any) -> Any:
    """A JSON value as the tree keeps it: hashable, objects as sorted pairs."""
    if isinstance(value, Mapping):
        return tuple(sorted((k, freeze(v)) for k, v in value.items()))
    if isinstance(value, list | tuple):
        return tuple(freeze(v) for v in value)
    return value


def thaw(name: str, value: Any) -> Any:
    """A preference as JSON again."""
    if isinstance(value, tuple):
        return dict(value) if name in MAPS else list(value)
    return value


# --- What OpenRouter tries ------------------------------------------------------------------------


class Offer(NamedTuple):
    """A model at an endpoint. `provider` is empty when nothing is known of a model's endpoints."""

    model: str
    provider: str


class Sorting(Struct, frozen=True):
    by: str
    """One of the sorts, or empty for OpenRouter's own balance."""
    is_global: bool = False
    """Endpoints of all models sorted together, not model by model."""


def expand(ask: Ask, directory: Directory) -> Node | None:
    """What is tried, with `Offer`s packed as deployments' ids; None: nothing, every request fails."""
    sorting = _sorting(ask)
    if sorting.is_global and len(ask.models) > 1 and not ask.preference("order"):
        together = [(m, e) for m in ask.models for e in eligible(ask, m, directory)]
        return _pool(ask, together, sorting, across=True)
    children = [_of_model(ask, model, directory) for model in ask.models]
    return _chain([child for child in children if child is not None], MODEL_FALLS)


def _sorting(ask: Ask) -> Sorting:
    sort = ask.preference("sort")
    if isinstance(sort, tuple):
        pairs = dict(sort)
        return Sorting(pairs.get("by") or "", pairs.get("partition") == "none")
    return Sorting(sort or "")


def eligible(ask: Ask, model: str, directory: Directory) -> list[Endpoint]:
    """The endpoints of a model that the preferences leave, in listed order."""
    order, only = ask.preference("order") or (), ask.preference("only")
    ignored, named = slugs(ask.preference("ignore") or ()), slugs((*order, *(only or ())))
    allowed = None if only is None else slugs(only)
    tier = TIER_OF_SUFFIX.get(model.rpartition(":")[2], "")
    known = [e for e in directory.of(model) if _is_opted_into(e, tier, named)]
    left = [
        endpoint
        for endpoint in known
        if (allowed is None or is_named(allowed, endpoint.provider))
        and not is_named(ignored, endpoint.provider)
        and _is_affordable(ask, endpoint)
        and _is_precise(ask, endpoint)
    ]
    if left or directory.is_complete(model):
        return left
    # An open directory: what the preferences name is taken to exist.
    wanted = dict.fromkeys(map(canonical, order if only is None else only))
    assumed = [w for w in wanted if not is_named(ignored, w)]
    if assumed or only is not None:
        return [Endpoint(w) for w in assumed]
    return [] if known else [Endpoint("")]


def _is_opted_into(endpoint: Endpoint, tier: str, named: frozenset[str]) -> bool:
    own = endpoint.provider.rpartition("/")[2]
    return own not in TIERS or own == tier or endpoint.provider in named


def _is_affordable(ask: Ask, endpoint: Endpoint) -> bool:
    limits = dict(ask.preference("max_price") or ())
    prices = {
        "prompt": endpoint.prompt_usd_per_mtok,
        "completion": endpoint.completion_usd_per_mtok,
    }
    return all(
        price is None or name not in limits or price <= Decimal(limits[name])
        for name, price in prices.items()
    )


def _is_precise(ask: Ask, endpoint: Endpoint) -> bool:
    wanted = ask.preference("quantizations")
    if not wanted or not endpoint.quantization:
        return True
    return any(endpoint.quantization in QUANTIZATIONS[level] for level in wanted)


def _of_model(ask: Ask, model: str, directory: Directory) -> Node | None:
    able = [(model, endpoint) for endpoint in eligible(ask, model, directory)]
    order = ask.preference("order")
    sorting = _sorting(ask)
    if not order:
        suffix = SORT_OF_SUFFIX.get(model.rpartition(":")[2], "") if ":" in model else ""
        return _pool(ask, able, Sorting(sorting.by or suffix))
    rank = {slug: i for i, slug in reversed(list(enumerate(map(canonical, order))))}
    places = [
        min((rank[n] for n in names_of(e.provider) if n in rank), default=-1) for _, e in able
    ]
    ranked = sorted(zip(places, able, strict=True), key=itemgetter(0))
    first = [a for place, a in ranked if place >= 0]
    others = [a for place, a in ranked if place < 0]
    if ask.preference("allow_fallbacks") is False:
        others = [] if first else able[:1]
    children = [_target(m, e) for m, e in first]
    balanced = _pool(ask, others, Sorting(""))
    return _chain([*children, *([balanced] if balanced else [])], PROVIDER_FALLS)


def _pool(
    ask: Ask, able: Sequence[tuple[str, Endpoint]], sorting: Sorting, across: bool = False
) -> Node | None:
    """One of the endpoints by OpenRouter's sort or balance and, when it fails, one of the others."""
    if not able:
        return None
    if sorting.by == "price":
        able = sorted(able, key=_price_or_last)
    children = tuple(_target(model, endpoint) for model, endpoint in able)
    if len(children) == 1:
        return children[0]
    if sorting.by == "price":
        pool = Pool(children, pick="cheapest")
    elif sorting.by:
        pool = Pool(children, pick="fastest")
    else:
        pool = Pool(children, weights([endpoint for _, endpoint in able]))
    if ask.preference("allow_fallbacks") is False and not across:
        return pool
    falls = MODEL_FALLS if across else PROVIDER_FALLS
    return Retry(pool, len(children) - 1, falls, honours_retry_after=False)


def _price_or_last(able: tuple[str, Endpoint]) -> tuple[bool, Decimal]:
    price = able[1].price
    return price is None, price or Decimal(0)


def weights(endpoints: Sequence[Endpoint]) -> tuple[float, ...]:
    """Inverse squares of prices, the cheapest is 1; none where a price is unknown or nothing
    (guides/routing/provider-selection, 2026-08-22)."""
    prices = [endpoint.price for endpoint in endpoints]
    known = [price for price in prices if price]
    if len(known) < len(prices):
        return ()
    least = min(known)
    shares = tuple(round(float(least / price) ** 2, 6) for price in known)
    return () if len(set(shares)) == 1 else shares


def _chain(children: Sequence[Node], falls: Failures) -> Node | None:
    if len(children) < 2:
        return children[0] if children else None
    return Chain(tuple(Rung(child, falls if i else ANY) for i, child in enumerate(children)))


def _target(model: str, endpoint: Endpoint) -> Target:
    return Target(_packed(Offer(model, endpoint.provider)))


_BETWEEN = "\0"


def _packed(offer: Offer) -> str:
    return _BETWEEN.join(offer)


def _unpacked(packed: str) -> Offer:
    model, _, provider = packed.rpartition(_BETWEEN)
    return Offer(model, provider)


# --- Asks → Routing -------------------------------------------------------------------------------


def routing_of(
    asks: Sequence[Ask], guardrails: Sequence[Guardrail], directory: Directory
) -> Routing:
    """What OpenRouter does for these requests.

    Ids are `<model slug>@<provider slug>`; where routes want different things of the same endpoint
    (parameters, host), `#<route>` follows.
    """
    trees = [expand(ask, directory) for ask in asks]
    wanted: dict[str, list[Deployment]] = {}
    for ask, tree in zip(asks, trees, strict=True):
        for offer in offers_in(tree):
            deployment = deployment_of(ask, offer)
            variants = wanted.setdefault(deployment.id, [])
            if deployment not in variants:
                variants.append(deployment)
    shared = {id_ for id_, variants in wanted.items() if len(variants) == 1}
    deployments: dict[str, Deployment] = {}
    routes = []
    for ask, tree in zip(asks, trees, strict=True):
        own: dict[str, str] = {}
        for offer in offers_in(tree):
            made = deployment_of(ask, offer)
            if made.id not in shared:
                made = replace(made, id=f"{made.id}#{ask.name}")
            while deployments.get(made.id, made) != made:
                made = replace(made, id=f"{made.id}+")
            deployments[made.id] = made
            own[_packed(offer)] = made.id
        routes.append(_route(ask, tree, own))
    return Routing(tuple(routes), tuple(deployments.values()), tuple(guardrails))


def with_asks(routing: Routing, asks: Sequence[Ask], directory: Directory) -> Routing:
    """The same Routing with these requests for its routes."""
    made = routing_of(asks, routing.guardrails, directory)
    own = {route.name: route for route in made.routes}
    routes = [own.get(route.name, route) for route in routing.routes]
    return replace(routing, routes=tuple(routes), deployments=made.deployments)


def offers_in(tree: Node | None) -> list[Offer]:
    return [] if tree is None else [_unpacked(packed) for packed in deployments_of(tree)]


def deployment_of(ask: Ask, offer: Offer) -> Deployment:
    return Deployment(
        id=f"{offer.model}@{offer.provider or 'any'}",
        provider=PROVIDER,
        model=offer.model,
        api_base=ask.base_url,
        secret=ask.api_key,
        region=REGION_OF.get(ask.base_url),
        settings=(("endpoint", offer.provider),) if offer.provider else (),
        params=ask.params,
    )


def _route(ask: Ask, tree: Node | None, ids: Mapping[str, str]) -> Route:
    return Route(
        name=ask.name,
        node=Remote(_renamed(tree or Switch(()), ids), settings_of(ask)),
        deadline_s=ask.deadline_s,
        sticky=ask.session,
        embeds=ask.embeds,
    )


def settings_of(ask: Ask) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted((*ask.preferences, ("models", ask.models))))


def _renamed(tree: Node, ids: Mapping[str, str]) -> Node:
    return rewrite(
        tree, lambda node: Target(ids[node.deployment]) if isinstance(node, Target) else node
    )


# --- Routing → asks -------------------------------------------------------------------------------


def ask_of(route: Route, routing: Routing, directory: Directory) -> Ask | None:
    """The request a route stands for; None when it is not a route that `routing_of` makes."""
    node = route.node
    if not isinstance(node, Remote) or route.attempts_limit or route.mid_stream != "error":
        return None
    settings = dict(node.settings)
    models = settings.pop("models", None)
    used = [routing.deployment(id_) for id_ in deployments_of(node)]
    if not _are_models(models) or not used or not all(is_sound(*p) for p in settings.items()):
        return None
    ask = Ask(
        name=route.name,
        models=models,
        preferences=tuple(sorted(settings.items())),
        params=used[0].params,
        base_url=used[0].api_base or "",
        api_key=used[0].secret or "",
        deadline_s=route.deadline_s,
        session=route.sticky,
        embeds=route.embeds,
    )
    if not is_reference(ask.api_key):
        return None
    if not all(is_param(name, value, route.embeds) for name, value in ask.params):
        return None
    return ask if _stands_for(ask, node, routing, directory) else None


def is_reference(secret: str | None) -> bool:
    return secret is not None and secret.startswith("env:")


def _are_models(models: Any) -> bool:
    return isinstance(models, tuple) and len(models) > 0 and all(isinstance(m, str) for m in models)


def is_sound(name: str, value: Any) -> bool:
    """Whether a frozen preference is one that OpenRouter takes."""
    if name not in PREFERENCES:
        return False
    if isinstance(value, tuple) and name in MAPS and not _are_pairs(value):
        return False
    return freeze(thaw(name, value)) == value and PREFERENCES[name][0](thaw(name, value))


def _are_pairs(value: tuple[Any, ...]) -> bool:
    return all(isinstance(v, tuple) and len(v) == 2 and isinstance(v[0], str) for v in value)


def is_param(name: str, value: Any, embeds: bool) -> bool:
    known = params_of(embeds)
    return name in known and not isinstance(value, list) and known[name](value)


def _stands_for(ask: Ask, node: Remote, routing: Routing, directory: Directory) -> bool:
    """Whether `node` is what this ask expands to, whatever its deployments are called."""
    ids: dict[str, str] = {}
    for id_ in deployments_of(node):
        have = routing.deployment(id_)
        offer = Offer(have.model, dict(have.settings).get("endpoint", ""))
        if replace(deployment_of(ask, offer), id=id_) != have:
            return False
        ids[id_] = _packed(offer)
    tree = expand(ask, directory)
    return tree is not None and _renamed(node.child, ids) == tree


def asks_of(routing: Routing, directory: Directory) -> tuple[Ask, ...] | None:
    """The requests of a whole Routing, without its choices; None when some route is not OpenRouter's."""
    asks = [
        ask_of(route, routing, directory) for route in routing.routes if not is_choice(route.node)
    ]
    return None if None in asks else tuple(ask for ask in asks if ask is not None)


def models_in(offers: Iterable[Offer]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(offer.model for offer in offers))
