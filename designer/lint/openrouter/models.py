"""Models that a request names: names that nobody has, and chains that cost more than they look."""

from collections.abc import Mapping
from decimal import Decimal
from functools import cache

from designer.catalog import load_catalog
from designer.diagnostics import Edit, Fix, Report, Rule, Severity
from designer.lint.openrouter.tables import PLUGIN_OF_ROUTER
from designer.lint.openrouter.view import Body, Entry

NO_AUTHOR = Rule(
    "LNT824",
    Severity.WARNING,
    "{model!r} is no model of OpenRouter: its author is missing{guess}",
    "Models are called `author/model`; a name from a provider's own API is not one.",
    instead="a request for it is answered 400",
    help="write `author/model`, as https://openrouter.ai/models lists it",
    source="https://openrouter.ai/docs/api_reference/overview, 2026-08-22",
)
OTHERS_PREFIX = Rule(
    "LNT825",
    Severity.WARNING,
    "{model!r} begins with a prefix that LiteLLM needs and OpenRouter does not know",
    "`openrouter/` leads to OpenRouter in LiteLLM's files; at OpenRouter itself a model is `author/model`.",
    instead="a request for it is answered 400",
    help="write {right}",
    source="https://openrouter.ai/docs/api_reference/overview, 2026-08-22",
)
DEAR_FALLBACK = Rule(
    "LNT826",
    Severity.INFO,
    "the fallback {model} costs {times:.0f} times as much as {first}",
    "Any error of the first model leads to the next, at that one's price, and the answer looks alike.",
    help="limit it with `provider.max_price`, or choose a fallback of the same class",
    source="https://github.com/langchain-ai/openwiki/issues/85; prices: the packaged catalog",
)
OPAQUE = Rule(
    "LNT827",
    Severity.INFO,
    "which model answers is {model}'s choice, and the profile has demands on data handling",
    "The router picks among models of many authors; preferences still filter providers, but which model "
    "and whose terms apply is known only afterwards.",
    help="list allowed models in the router's plugin, or name the models",
    source="https://openrouter.ai/docs/guides/routing/routers/auto-router, 2026-08-22",
)

_TIMES = 10


def names_are_slugs(body: Body, report: Report) -> None:
    for entry in body.models:
        name = entry.name
        if name.startswith("openrouter/") and name.count("/") > 1:
            right = name.removeprefix("openrouter/")
            place = body.place(*entry.path)
            report.add(OTHERS_PREFIX, place, _set(entry, body, right), model=name, right=right)
        elif name and "/" not in name and name[0] not in "@~":
            slugs = _slugs().get(name.partition(":")[0], ())
            near = slugs[0] if len(slugs) == 1 else None
            guess = f" (did you mean `{near}`?)" if near else ""
            fix = _set(entry, body, near) if near else None
            report.add(NO_AUTHOR, body.place(*entry.path), fix, model=name, guess=guess)


def _set(entry: Entry, body: Body, right: str) -> Fix:
    return Fix(f"write {right}", (Edit("set", (*body.path, *entry.path), f'"{right}"'),))


def fallbacks_cost_alike(body: Body, report: Report) -> None:
    if not body.models:
        return
    first, *others = body.models
    base = _prices().get(first.name)
    for entry in others:
        price = _prices().get(entry.name)
        if base and price and price > _TIMES * base:
            place = body.place(*entry.path)
            times = price / base
            report.add(DEAR_FALLBACK, place, model=entry.name, first=first.name, times=times)


@cache
def _prices() -> Mapping[str, Decimal]:
    """USD per million tokens in and out together, at the cheapest provider."""
    found: dict[str, Decimal] = {}
    for offering in load_catalog().offerings.values():
        name = offering.names.openrouter
        if name:
            price = Decimal(offering.price.input) + Decimal(offering.price.output)
            found[name.model] = min(price, found.get(name.model, price))
    return found


@cache
def _slugs() -> Mapping[str, tuple[str, ...]]:
    """By the part behind the author."""
    found: dict[str, tuple[str, ...]] = {}
    for slug in _prices():
        bare = slug.partition("/")[2]
        found[bare] = (*found.get(bare, ()), slug)
    return found


def routers_are_seen_through(body: Body, report: Report) -> None:
    demands = body.subject.config.profile.get("compliance")
    for entry in body.models if demands else ():
        if entry.name.partition(":")[0] in PLUGIN_OF_ROUTER:
            report.add(OPAQUE, body.place(*entry.path), model=entry.name)


CHECKS = (names_are_slugs, fallbacks_cost_alike, routers_are_seen_through)
