"""Keys of a Portkey configuration that nothing reads, or that this product does not know."""

import json
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any

from designer.diagnostics import Edit, Fix, Report, Rule, Severity
from designer.documents import Path
from designer.gateways.portkey_oss.tables import MAX_HEADER_BYTES
from designer.keys import snake_case
from designer.lint.portkey.tables import (
    CACHE_KEYS,
    CONDITION_KEYS,
    HOSTED_KEYS,
    LEVEL_KEYS,
    MEANT,
    PROVIDER_PREFIXES,
    RETRY_KEYS,
    STRATEGY_KEYS,
)
from designer.lint.portkey.view import MEASURED, Config, Level, listed, mapping

UNKNOWN_KEY = Rule(
    "LNT601",
    Severity.WARNING,
    "{where} has no key `{key}`{guess}",
    "The gateway's schema lets unknown keys pass, so a misspelt one is accepted like a right one: a "
    "fallback with `on_status_code`, for one, moves on after every failure.",
    instead="it is ignored, and the gateway does what it does without it",
    help="correct the spelling, or delete the key",
    source=f"{MEASURED}; https://github.com/Portkey-AI/gateway/issues/855",
)
CAMEL_CASE = Rule(
    "LNT602",
    Severity.WARNING,
    "`{key}` is spelled `{right}` in the documentation",
    "The gateway turns keys into camelCase after it has checked them, so a key that is spelled so from "
    "the beginning counts and is never checked: `customHost` reaches hosts that `custom_host` may not.",
    instead="it counts, and its value is not checked",
    help="write `{right}`",
    source=MEASURED,
)
HOSTED_KEY = Rule(
    "LNT603",
    Severity.WARNING,
    "`{key}` does nothing on the open-source gateway",
    "The open-source gateway accepts the key; what it stands for exists in the hosted product only.",
    instead="it is ignored",
    help="take it out, or use the hosted product",
    source=f"{MEASURED}; https://portkey.ai/docs/api-reference/inference-api/config-object",
)
HOSTED_TARGET = Rule(
    "LNT604",
    Severity.ERROR,
    "the open-source gateway does not know {what}",
    "Saved providers, virtual keys and prompts are state of the hosted product; the open-source gateway "
    "has nothing to look them up in.",
    instead="requests to this target are answered 400 or 500, and no provider is asked",
    help="name the provider and its `api_key` here, or use the hosted product",
    source=f"{MEASURED}; https://github.com/Portkey-AI/gateway/issues/1190",
)
CACHE_OFF = Rule(
    "LNT605",
    Severity.WARNING,
    "`cache` does nothing in the released builds of the open-source gateway",
    "Both the npm package and the Docker image are built without the cache; there is no switch for it. "
    "Built with it, 1.15.2 replays errors as answers and mixes up tenants.",
    instead="every request is sent to the provider; `x-portkey-cache-status` is always DISABLED",
    help="take it out, or cache elsewhere",
    source=f"{MEASURED}; https://github.com/appstrate/appstrate/issues/437",
)
NOT_PARAMS = Rule(
    "LNT606",
    Severity.ERROR,
    "`override_params` is {found}, and should be an object",
    "The gateway's schema does not look at it, and nothing can be overridden by something else than an "
    "object.",
    instead="the caller's own parameters are sent, with the caller's model",
    help='write an object, as {{"model": "…"}}',
    source=MEASURED,
)
TOO_LONG = Rule(
    "LNT607",
    Severity.ERROR,
    "this configuration takes {size:,} bytes, and a request's headers have {most:,} at most",
    "The open-source gateway takes its configuration from a header, and Node.js refuses a request whose "
    "headers are longer.",
    instead="every request is answered 431",
    help="split it into one configuration a route, or shorten it",
    source=MEASURED,
)


def keys_are_known(config: Config, report: Report) -> None:
    for where, path, raw, known in _objects(config):
        for key in raw:
            name = snake_case(key)
            if name in known or (known is LEVEL_KEYS and name.startswith(PROVIDER_PREFIXES)):
                continue
            near = _near(name, known)
            guess = f" (did you mean `{near}`?)" if near else ""
            report.add(
                UNKNOWN_KEY,
                config.place(*path, key),
                fix=_renamed(key, near, path, raw) if near else None,
                where=where,
                key=key,
                guess=guess,
            )


def keys_are_spelled_as_documented(config: Config, report: Report) -> None:
    for _, path, raw, known in _objects(config):
        for key in raw:
            right = snake_case(key)
            if right != key and right in known:
                place = config.place(*path, key)
                report.add(CAMEL_CASE, place, _renamed(key, right, path, raw), key=key, right=right)


def _objects(
    config: Config,
) -> Iterator[tuple[str, Path, Mapping[str, Any], tuple[str, ...]]]:
    """Everything whose keys are fixed: what it is called, where it stands, and its keys."""
    for level in config.levels:
        yield ("a target" if level.parent else "a configuration"), level.path, level.raw, LEVEL_KEYS
        for key, known in _INNER.items():
            path = level.path_of(key)
            yield f"`{key}`", path, mapping(level.own.get(key)), known
        conditions = listed(level.strategy.get("conditions"))
        for index, condition in enumerate(conditions):
            path = (*level.path_of("strategy"), "conditions", index)
            yield "a condition", path, mapping(condition), CONDITION_KEYS


_INNER: Mapping[str, tuple[str, ...]] = {
    "strategy": STRATEGY_KEYS,
    "retry": RETRY_KEYS,
    "cache": CACHE_KEYS,
}


@cache
def _near(name: str, known: tuple[str, ...]) -> str | None:
    close = get_close_matches(name, known, n=1, cutoff=0.8) if len(name) < 60 else []
    if close:
        return close[0]
    meant = MEANT.get(name)
    return meant if meant in known else None


def _renamed(key: str, right: str, path: Path, siblings: Collection[str]) -> Fix | None:
    """Only a misspelling is mended: another word may take another value."""
    if right in siblings or MEANT.get(snake_case(key)) == right:
        return None
    return Fix(f"write {right} instead of {key}", (Edit("rename", (*path, key), right),))


# --- What only the hosted product knows -----------------------------------------------------------


def hosted_features_are_not_used(config: Config, report: Report) -> None:
    if not config.is_oss:
        return
    # Without a provider it may belong to the hosted product just as well.
    is_complete = any(level.own.get("provider") for level in config.levels)
    for level in config.levels:
        for key in HOSTED_KEYS:
            if level.own.get(key) is not None:
                report.add(HOSTED_KEY, config.place(*level.path_of(key)), key=key)
            if level.strategy.get(key) is not None:
                path = (*level.path_of("strategy"), key)
                report.add(HOSTED_KEY, config.place(*path), key=f"strategy.{key}")
        if mapping(level.own.get("cache")).get("mode") and is_complete:
            report.add(CACHE_OFF, config.place(*level.path_of("cache")))
        for path, what in _saved(level):
            report.add(HOSTED_TARGET, config.place(*path), what=what)


def _saved(level: Level) -> Iterator[tuple[Path, str]]:
    for key, what in (("virtual_key", "virtual keys"), ("prompt_id", "saved prompts")):
        if level.own.get(key):
            yield level.path_of(key), what
    if level.own.get("passthrough") is True:
        yield level.path_of("passthrough"), "`passthrough`"
    provider = level.own.get("provider")
    if isinstance(provider, str) and provider.startswith("@"):
        yield level.path_of("provider"), f"the saved provider {provider!r:.60}"
    model = mapping(level.own.get("override_params")).get("model")
    if isinstance(model, str) and model.startswith("@"):
        path = level.path_of("override_params", "model")
        yield path, f"the saved provider in {model!r:.60}"


# --- Values ---------------------------------------------------------------------------------------


def params_are_objects(config: Config, report: Report) -> None:
    for level in config.levels:
        params = level.own.get("override_params")
        if params is not None and not isinstance(params, Mapping):
            found = (
                "text"
                if isinstance(params, str)
                else "a list"
                if isinstance(params, list)
                else f"{params!r}"
            )
            report.add(NOT_PARAMS, config.place(*level.path_of("override_params")), found=found)


def header_is_short(config: Config, report: Report) -> None:
    if not config.is_oss:
        return
    written = json.dumps(config.root.raw, separators=(",", ":"))
    if len(written) > MAX_HEADER_BYTES:
        report.add(
            TOO_LONG, config.place(*config.root.path), size=len(written), most=MAX_HEADER_BYTES
        )


CHECKS = (
    keys_are_known,
    keys_are_spelled_as_documented,
    hosted_features_are_not_used,
    params_are_objects,
    header_is_short,
)
