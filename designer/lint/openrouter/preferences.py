"""Provider preferences that are not read, or that do something else than they look like."""

from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from typing import Any

from designer.diagnostics import Edit, Fix, Report, Rule, Severity
from designer.documents import Path
from designer.gateways.openrouter.directory import canonical
from designer.gateways.openrouter.tables import PREFERENCES, is_number, price_text
from designer.keys import snake_case
from designer.lint.openrouter.tables import (
    KNOWN_PREFERENCES,
    KNOWN_PROVIDERS,
    PROVIDERS,
    WRAPPERS,
    plain,
)
from designer.lint.openrouter.view import Body, Entry, mapping, number

_SELECTION = "https://openrouter.ai/docs/guides/routing/provider-selection, 2026-08-22"
_SDK = "measured, Python SDK openrouter 1.3.84, 2026-11-22"

UNKNOWN_PREFERENCE = Rule(
    "LNT801",
    Severity.WARNING,
    "`provider` has no preference `{key}`{guess}",
    "The API's document allows no other keys, and both official SDKs leave them out without a word; "
    "the names are written with underscores.",
    instead="requests are routed as if it were not there, or refused",
    help="correct the spelling, or delete it",
    source=f"{_SDK}; {_SELECTION}",
)
MISPLACED = Rule(
    "LNT802",
    Severity.ERROR,
    "`{key}` stands beside `provider` and belongs into it",
    "A request has no such field, and unknown fields of a request are ignored.",
    instead="requests are routed without it: to any provider, under any data policy",
    help='write `"provider": {{"{key}": …}}`',
    source="https://github.com/OpenRouterTeam/ai-sdk-provider/issues/153; OpenAPI document, 2026-08-22",
)
WRAPPED = Rule(
    "LNT803",
    Severity.WARNING,
    "preferences in `{wrapper}` do not reach OpenRouter",
    "A client library takes them there as an argument and puts them into the request's `provider`; in a "
    "body, or one level too deep, they are an unknown field.",
    instead="requests are routed as if they were not there",
    help="write them into `provider`, at the top of the request",
    source="https://github.com/OpenRouterTeam/ai-sdk-provider/issues/153; "
    "https://github.com/AtomicBot-ai/atomic-agent/issues/413",
)
PRICE_NUMBER = Rule(
    "LNT804",
    Severity.WARNING,
    "`max_price.{key}` is a number, and should be text",
    "The guides show numbers, the API's document wants text, and over a number the Python SDK drops the "
    "whole `provider` object, with `zdr` and all.",
    instead="through the Python SDK requests are routed without any preference",
    help="put the number in quotes",
    source=f"{_SDK}; {_SELECTION}",
)
PRICE_PER_TOKEN = Rule(
    "LNT805",
    Severity.ERROR,
    "`max_price.{key}` of {price} is a price per token; the unit is USD per million tokens",
    "Listings give prices per token, `max_price` counts per million; a limit a million times too low is "
    "still a hard filter.",
    instead="no endpoint that costs anything is left, and requests fail with 404",
    help="write {meant}",
    source=_SELECTION,
)
ORDER_AND_SORT = Rule(
    "LNT806",
    Severity.WARNING,
    "`sort` has no effect beside `order`",
    "Providers are sorted only if `order` does not name them.",
    instead="providers are asked in the order of `order`",
    help="delete one of the two",
    source=_SELECTION,
)
ORDER_UNSTICKS = Rule(
    "LNT807",
    Severity.WARNING,
    "`{key}` keeps no conversation with its provider: `order` turns that off",
    "Requests of one conversation go to the provider that has its prompt cached, unless `order` says whom "
    "to ask.",
    instead="the prompt cache is cold whenever another provider answers, at full price",
    help="use `only` in place of `order`, or do without `{key}`",
    source="https://openrouter.ai/docs/guides/best-practices/prompt-caching, 2026-08-22",
)
NEVER_ASKED = Rule(
    "LNT808",
    Severity.WARNING,
    "{provider!r} stands in `{key}`, and {why}",
    "`only` and `ignore` filter before `order` is looked at.",
    instead="it is never asked",
    help="make the lists agree",
    source=_SELECTION,
)
MISSPELT_PROVIDER = Rule(
    "LNT809",
    Severity.WARNING,
    "OpenRouter knows no provider {provider!r} (did you mean `{near}`?)",
    "Any text is accepted as a provider's name; one that nobody has filters like one that has nothing.",
    instead="in `only` it leaves nobody and requests fail with 404; elsewhere it is passed over",
    help="write {near}",
    source="OpenAPI document (BYOKProviderSlug, ProviderName), 2026-08-22",
)
UNKNOWN_PROVIDER = Rule(
    "LNT810",
    Severity.INFO,
    "{provider!r} is not among the providers known in August 2026",
    "Any text is accepted as a provider's name, so a wrong one does not show before requests fail.",
    help="look it up at https://openrouter.ai/providers",
    source="OpenAPI document (BYOKProviderSlug, ProviderName), 2026-08-22",
)
IN_MILLISECONDS = Rule(
    "LNT811",
    Severity.WARNING,
    "`preferred_max_latency` of {value:g} counts seconds",
    "Statistics of endpoints are in milliseconds, this preference is in seconds.",
    instead="every endpoint is fast enough, and none is put back",
    help="write seconds, as {meant:g}",
    source=_SELECTION,
)
ZDR_OFF = Rule(
    "LNT812",
    Severity.INFO,
    "`zdr: false` turns nothing off",
    "Zero data retention holds if the request, the account or a guardrail asks for it.",
    help="delete it",
    source=_SELECTION,
)
NO_FALLBACKS = Rule(
    "LNT813",
    Severity.INFO,
    "with `allow_fallbacks: false` one provider is asked, and its error is the answer",
    "It turns off the providers behind the first one; whether `models` are still tried is not documented.",
    help="leave it out where availability counts, and name allowed providers in `only`",
    source=_SELECTION,
)
TOOLS_OPTIONAL = Rule(
    "LNT814",
    Severity.INFO,
    "`tools` may reach a provider that does not support them",
    "Without `require_parameters: true` a provider may be asked that leaves out what it does not know.",
    help='add `"require_parameters": true` to `provider`',
    source=f"{_SELECTION}; https://github.com/pydantic/pydantic-ai/issues/2896",
)

# --- Where they stand -----------------------------------------------------------------------------


def preferences_exist(body: Body, report: Report) -> None:
    for key in body.provider:
        if key in KNOWN_PREFERENCES or key in WRAPPERS or key == "provider":
            continue
        near = _near_key(key)
        path = ("provider", key)
        fix = _edit("rename", body, path, near) if near and near not in body.provider else None
        report.add(UNKNOWN_PREFERENCE, body.place(*path), fix, key=key, guess=_guess(near))


def preferences_stand_in_provider(body: Body, report: Report) -> None:
    for key in body.value:
        if snake_case(key) in PREFERENCES:
            report.add(MISPLACED, body.place(key), key=snake_case(key))
    for path, wrapper in _wrappers(body):
        report.add(WRAPPED, body.place(*path), wrapper=wrapper)


def _wrappers(body: Body) -> Iterator[tuple[Path, str]]:
    for key in (*WRAPPERS, "provider"):
        if isinstance(body.provider.get(key), dict):
            yield ("provider", key), f"provider.{key}"
    for key in WRAPPERS:
        inner = mapping(body.value.get(key))
        below = mapping(inner.get("openrouter")) or inner
        if isinstance(below.get("provider"), dict) or any(k in PREFERENCES for k in below):
            yield (key,), key


@cache
def _near_key(key: str) -> str | None:
    if snake_case(key) in PREFERENCES:
        return snake_case(key)
    close = get_close_matches(snake_case(key), KNOWN_PREFERENCES, n=1, cutoff=0.8)
    return close[0] if close and len(key) < 60 else None


def _guess(near: str | None) -> str:
    return f" (did you mean `{near}`?)" if near else ""


def _edit(kind: Any, body: Body, path: Path, text: str, title: str = "") -> Fix:
    return Fix(
        title or f"write {text} instead of {path[-1]}", (Edit(kind, (*body.path, *path), text),)
    )


# --- What they say --------------------------------------------------------------------------------

_LEAST_USD_PER_MTOK = 0.001
"""Nothing that costs costs so little: the cheapest endpoints ask for about 0.01."""


def prices_are_text_per_million(body: Body, report: Report) -> None:
    for key, value in mapping(body.provider.get("max_price")).items():
        path = ("provider", "max_price", key)
        price = number(value)
        if price is None:
            continue
        if key in ("prompt", "completion") and 0 < price < _LEAST_USD_PER_MTOK:
            meant = f"{price * 1_000_000:.6g}"
            report.add(
                PRICE_PER_TOKEN, body.place(*path), key=key, price=_written(value), meant=meant
            )
        elif is_number(value) and (text := price_text(value)) is not None:
            fix = _edit("set", body, path, f'"{text}"', f"write {text} as text")
            report.add(PRICE_NUMBER, body.place(*path), fix, key=key)


def _written(price: Any) -> str:
    return price if isinstance(price, str) else price_text(price) or str(price)


def latencies_are_seconds(body: Body, report: Report) -> None:
    said = body.provider.get("preferred_max_latency")
    for key, value in mapping(said).items() or (("", said),):
        latency = number(value)
        if latency is not None and latency >= 100:
            path = ("provider", "preferred_max_latency", *([key] if key else []))
            place = body.place(*path)
            report.add(IN_MILLISECONDS, place, value=latency, meant=latency / 1000)


def preferences_have_effect(body: Body, report: Report) -> None:
    provider = body.provider
    if provider.get("order") and provider.get("sort"):
        report.add(ORDER_AND_SORT, body.place("provider", "sort"))
    for key in ("session_id", "prompt_cache_key"):
        if len(body.named("order")) > 1 and body.value.get(key):
            report.add(ORDER_UNSTICKS, body.place("provider", "order"), key=key)
    if provider.get("zdr") is False:
        report.add(ZDR_OFF, body.place("provider", "zdr"))
    if provider.get("allow_fallbacks") is False:
        report.add(NO_FALLBACKS, body.place("provider", "allow_fallbacks"))
    if body.value.get("tools") and not provider.get("require_parameters"):
        report.add(TOOLS_OPTIONAL, body.place("tools"))


# --- Whom they name -------------------------------------------------------------------------------


def providers_exist(body: Body, report: Report) -> None:
    for key in ("order", "only", "ignore"):
        for index, entry in enumerate(body.named(key)):
            base = entry.name.partition("/")[0]
            if not base or plain(base) in KNOWN_PROVIDERS:
                continue
            near = _near_provider(base) if index < _MOST_GUESSES else None
            if near is None:
                report.add(UNKNOWN_PROVIDER, body.place(*entry.path), provider=entry.name)
                continue
            right = near + entry.name[len(base) :]
            fix = _edit("set", body, entry.path, f'"{right}"', f"write {right}")
            place = body.place(*entry.path)
            report.add(MISSPELT_PROVIDER, place, fix, provider=entry.name, near=right)


_MOST_GUESSES = 200
"""Of a list; twice as many as there are providers."""


@cache
def _near_provider(name: str) -> str | None:
    known = {plain(slug): slug for slug in PROVIDERS}
    also = _CALLED.get(plain(name))
    close = get_close_matches(plain(name), known, n=1, cutoff=0.75) if len(name) < 60 else []
    return also or (known[close[0]] if close else None)


_CALLED = {
    "bedrock": "amazon-bedrock",
    "aws": "amazon-bedrock",
    "awsbedrock": "amazon-bedrock",
    "vertex": "google-vertex",
    "vertexai": "google-vertex",
    "gemini": "google-ai-studio",
    "azureopenai": "azure",
    "mistralai": "mistral",
    "togetherai": "together",
    "fireworksai": "fireworks",
    "nebiusai": "nebius",
    "novitaai": "novita",
    "grok": "xai",
}
"""What other tools call them."""


def lists_of_providers_agree(body: Body, report: Report) -> None:
    ignored = {canonical(entry.name) for entry in body.named("ignore")}
    only = {canonical(entry.name).partition("/")[0] for entry in body.named("only")}
    for key in ("only", "order"):
        for entry in body.named(key):
            why = _never(entry, key, only, ignored)
            if why:
                place = body.place(*entry.path)
                report.add(NEVER_ASKED, place, provider=entry.name, key=key, why=why)


def _never(entry: Entry, key: str, only: set[str], ignored: set[str]) -> str:
    name = canonical(entry.name)
    base = name.partition("/")[0]
    if name in ignored or base in ignored:
        return "in `ignore` too"
    return "not in `only`" if key == "order" and only and base not in only else ""


CHECKS = (
    preferences_exist,
    preferences_stand_in_provider,
    prices_are_text_per_million,
    latencies_are_seconds,
    preferences_have_effect,
    providers_exist,
    lists_of_providers_agree,
)
