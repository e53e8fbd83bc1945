"""What LiteLLM's router keeps a request from: by tags, length and region, rates, money and what is in flight.

Settings as the engine's screens, in the router's order: budgets, the pre-call checks, tags, and last
what a strategy leaves out of the level that it picks from (router.py:13473). Beside them `slots`, which
hold once the pick is made. Read in the source of 1.106.2 and measured on it, 2026-11-24.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from designer.engine.screens import Fit, Purse, Purses, Screen, Tags, Throughput
from designer.gateways.base import Terms
from designer.gateways.litellm.tables import OTHER_REGION_KEY

_MEASURED = "measured, LiteLLM 1.106.2, 2026-11-24"
REGION_PARAM = "allowed_model_region"
LIMITING = "usage-based-routing-v2"
"""The strategy under which rpm and tpm are limits of the pick."""
_SPARE_REQUESTS = 1
"""It stops one short of rpm (lowest_tpm_rpm_v2.py:388)."""


class Model(Struct, frozen=True):
    """An entry of `model_list`, as far as it matters here."""

    id: str
    group: str
    prefix: str
    """The provider in LiteLLM's own words."""
    strategy: str
    """How its group is picked from."""
    params: Mapping[str, Any]
    info: Mapping[str, Any]
    terms: Terms


def screens(router: Mapping[str, Any], models: Collection[Model]) -> tuple[Screen, ...]:
    found = (_purses(router, models), _fit(router, models), _tags(router, models))
    return tuple(s for s in (*found, _throughput(models)) if s is not None)


def assumed(router: Mapping[str, Any], models: Collection[Model]) -> Iterator[str]:
    """What the screens take to be so."""
    purses = _purses(router, models)
    if purses is not None:
        spent = frozenset[str]().union(*(purse.deployments for purse in purses.purses))
        free = [m.id for m in models if m.id in spent and m.id not in purses.usd_per_token]
        if free:
            names = ", ".join(free)
            yield f"what {names} cost is not in the file: they use up no budget"
        yield "a budget's period begins with the first answer that it pays for, a month has 30 days"
    if router.get("enable_pre_call_checks") is True:
        if any("max_input_tokens" not in model.info for model in models):
            yield "context windows are those of the file, not those of LiteLLM's own price list"
        yield "no deployment is left out for a response_format that its model lacks"
    if _tags(router, models) is not None:
        yield "requests carry their tags in the body; callers' keys and teams add none"


# --- What is in flight ----------------------------------------------------------------------------


def slots(router: Mapping[str, Any], models: Iterable[Model]) -> dict[str, int]:
    """By id, at how many requests in flight the router refuses the next one; none for none."""
    found = ((model.id, _slots(router, model.params)) for model in models)
    return {id_: most for id_, most in found if most}


def _slots(router: Mapping[str, Any], params: Mapping[str, Any]) -> int | None:
    """As `calculate_max_parallel_requests` has it (utils.py:5346): rpm and tpm count although they are no limits."""
    own = _whole(params.get("max_parallel_requests"))
    rpm, tpm = _whole(params.get("rpm")), _whole(params.get("tpm"))
    if own is not None or rpm is not None:
        return rpm if own is None else own
    if tpm is not None:
        return int(tpm / 1000 * 6) or 1
    return _whole(router.get("default_max_parallel_requests"))


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


# --- Money ----------------------------------------------------------------------------------------


def _purses(router: Mapping[str, Any], models: Iterable[Model]) -> Purses | None:
    purses = (*_provider_purses(router, models), *_deployment_purses(models))
    if not purses:
        return None
    prices = {model.id: _usd_per_token(model.terms) for model in models}
    return Purses(
        f"{_MEASURED}: what has spent its budget is left out, and with nobody left it is a 429 that is "
        "retried (budget_limiter.py:115)",
        purses,
        {id_: price for id_, price in prices.items() if price is not None},
    )


def _provider_purses(router: Mapping[str, Any], models: Iterable[Model]) -> Iterator[Purse]:
    config = router.get("provider_budget_config")
    for provider, said in config.items() if isinstance(config, Mapping) else ():
        limits = said if isinstance(said, Mapping) else {}
        limit_usd = _positive(limits.get("budget_limit", limits.get("max_budget")))
        window_s = _seconds(limits.get("time_period", limits.get("budget_duration")))
        ids = frozenset(model.id for model in models if model.prefix == provider)
        if limit_usd is not None and window_s is not None and ids:
            yield Purse(f"provider {provider}", ids, limit_usd, window_s)


def _deployment_purses(models: Iterable[Model]) -> Iterator[Purse]:
    for model in models:
        limit_usd = _positive(model.params.get("max_budget"))
        window_s = _seconds(model.params.get("budget_duration"))
        if limit_usd is not None and window_s is not None:
            yield Purse(f"deployment {model.id}", frozenset({model.id}), limit_usd, window_s)


def _usd_per_token(terms: Terms) -> tuple[float, float] | None:
    prompt, answer = terms.input_usd_per_mtok, terms.output_usd_per_mtok
    if prompt is None and answer is None:
        return None
    return float(prompt or 0) / 1e6, float(answer or 0) / 1e6


_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "mo": 30 * 86400}


def _seconds(duration: Any) -> float | None:
    """As `duration_in_seconds` reads it (duration_parser.py:51); a month there depends on the day."""
    found = re.fullmatch(r"(\d+)(mo|[smhdw])", str(duration))
    return float(int(found[1]) * _SECONDS[found[2]]) if found else None


# --- The pre-call checks --------------------------------------------------------------------------


def _fit(router: Mapping[str, Any], models: Iterable[Model]) -> Fit | None:
    if router.get("enable_pre_call_checks") is not True:
        return None
    windows = {m.id: m.info.get("max_input_tokens") for m in models}
    counts = router.get("routing_strategy") != LIMITING
    rates = {m.id: m.params.get("rpm") for m in models if counts}
    regions = {m.id: m.params.get(OTHER_REGION_KEY) for m in models}
    return Fit(
        f"{_MEASURED}: with nobody left, a prompt too long for all is a context-window error that no "
        "provider was asked for; anything else is a 429 that is retried (router.py:12920)",
        {id_: n for id_, n in windows.items() if isinstance(n, int)},
        {id_: n for id_, n in rates.items() if isinstance(n, int)},
        {id_: region for id_, region in regions.items() if isinstance(region, str)},
        REGION_PARAM,
    )


# --- Tags -----------------------------------------------------------------------------------------


def _tags(router: Mapping[str, Any], models: Iterable[Model]) -> Tags | None:
    """A group's own say, in the `model_info` of one of its deployments, beats the router's."""
    own: dict[str, Any] = {}
    for model in models:
        said = model.info.get("enable_tag_filtering")
        if said is not None:
            own.setdefault(model.group, said)
    everywhere = router.get("enable_tag_filtering")
    screened = [m for m in models if own.get(m.group, everywhere) is True]
    if not screened:
        return None
    return Tags(
        f"{_MEASURED}: with nobody left it is a 401 that is retried, and told although another "
        "deployment's failure led there (tag_based_routing.py:481)",
        {model.id: _texts(model.params.get("tags")) for model in screened},
        any_of=router.get("tag_filtering_match_any") is not False,
    )


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(v for v in value if isinstance(v, str)) if isinstance(value, list) else ()


# --- Strategies -----------------------------------------------------------------------------------


def _throughput(models: Iterable[Model]) -> Throughput | None:
    limited = [model for model in models if model.strategy == LIMITING]
    rpm = {model.id: _limit(model, "rpm") for model in limited}
    tpm = {model.id: _limit(model, "tpm") for model in limited}
    if not any((*rpm.values(), *tpm.values())):
        return None
    return Throughput(
        f"{_MEASURED}: usage-based-routing-v2 treats rpm and tpm as limits, and stops one short of rpm",
        {id_: n for id_, n in rpm.items() if n is not None},
        {id_: n for id_, n in tpm.items() if n is not None},
        _SPARE_REQUESTS,
    )


def _limit(model: Model, key: str) -> float | None:
    given = model.params.get(key)
    return _positive(given if given is not None else model.info.get(key))


def _positive(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and value > 0 else None
