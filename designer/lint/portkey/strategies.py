"""Strategies of a Portkey configuration that leave targets out, or treat failures unlike they look."""

from collections.abc import Iterator
from typing import Any

from designer.diagnostics import Report, Rule, Severity
from designer.lint.portkey.view import MEASURED, Config, Level, above, codes, number

OTHERS_NEVER = Rule(
    "LNT616",
    Severity.WARNING,
    "mode `single` has {count} targets, and asks the first one only",
    "`single` means the first of the list; what stands after it is checked and never used.",
    instead="the other targets are never asked, whatever happens",
    help="use `fallback` or `loadbalance`, or delete the others",
    source=MEASURED,
)
CODES_MISS = Rule(
    "LNT617",
    Severity.WARNING,
    "this fallback does not move on {what}",
    "Only the listed codes move a fallback on. A target that cannot be reached counts as 500, one that "
    "exceeds `request_timeout` as 408.",
    instead="{instead}",
    help="add {code} to `on_status_codes`",
    source=f"{MEASURED}; https://github.com/Portkey-AI/gateway/issues/165",
)
EVERY_FAILURE = Rule(
    "LNT618",
    Severity.INFO,
    "without `on_status_codes` this fallback moves on after refusals too",
    "Every answer that is not 2xx moves on: a 400 for an overlong prompt or a content filter, a 401 for "
    "a wrong key, and the 446 of a guardrail that denied the request.",
    instead="what one provider refused is sent to the next, and a wrong key goes unnoticed",
    help="list the codes of outages: [408, 429, 500, 502, 503, 504, 529]",
    source=f"{MEASURED}; https://github.com/BerriAI/litellm/issues/40406",
)
NO_EFFECT = Rule(
    "LNT619",
    Severity.WARNING,
    "`{key}` has no effect under mode {mode!r}",
    "`weight` counts under `loadbalance` alone, `on_status_codes` under `fallback`, `conditions` and "
    "`default` under `conditional`; elsewhere the gateway accepts and ignores them.",
    instead="it is ignored",
    help="choose the mode that was meant, or delete `{key}`",
    source=MEASURED,
)
NO_FAILOVER = Rule(
    "LNT620",
    Severity.INFO,
    "when a target of this load balance fails, no other one is asked",
    "Each request draws one target and stays with it, retries included.",
    instead="a target that is down fails its share of the requests for as long as it is down",
    help="put it into a `fallback`, or make each target a `fallback` of its own",
    source=f"{MEASURED}; https://github.com/Portkey-AI/gateway/issues/1464",
)
MIXED_WEIGHTS = Rule(
    "LNT621",
    Severity.WARNING,
    "{target} has no `weight` and counts as 1, beside fractions",
    "A missing weight is 1, not what is left to a sum of 1.",
    instead="it gets {share:.0%} of the requests",
    help="give every target a weight",
    source=MEASURED,
)
NEGATIVE_WEIGHT = Rule(
    "LNT622",
    Severity.ERROR,
    "the weight of {target} is {weight:g}",
    "The gateway accepts it and draws from a range that it shortens, so the other shares are not what "
    "they say either.",
    instead="some targets are never asked, and which ones depends on the order",
    help="write 0 for a target that is to get nothing",
    source=MEASURED,
)

# --- Whom a strategy asks -------------------------------------------------------------------------


def targets_are_asked(config: Config, report: Report) -> None:
    for level in config.levels:
        count = len(level.children)
        if level.mode == "single" and count > 1:
            report.add(OTHERS_NEVER, config.place(*level.path_of("targets")), count=count)


def pools_fail_over(config: Config, report: Report) -> None:
    for level in config.levels:
        if level.mode != "loadbalance" or len(level.children) < 2:
            continue
        around = any(up.mode == "fallback" for up in above(level))
        inside = any(child.mode == "fallback" for child in level.children)
        if not around and not inside:
            report.add(NO_FAILOVER, config.place(*level.path_of("strategy")))


def weights_are_shares(config: Config, report: Report) -> None:
    for level in config.levels:
        if level.mode == "loadbalance":
            _negative(level, config, report)
            _mixed(level, config, report)


def _negative(level: Level, config: Config, report: Report) -> None:
    for child in level.children:
        weight = number(child.own.get("weight"))
        if weight is not None and weight < 0:
            place = config.place(*child.path_of("weight"))
            report.add(NEGATIVE_WEIGHT, place, target=child.label, weight=weight)


def _mixed(level: Level, config: Config, report: Report) -> None:
    given = [number(child.own.get("weight")) for child in level.children]
    fractions = [w for w in given if w is not None and 0 < w < 1]
    total = sum(1 if w is None else w for w in given)
    if not fractions or total <= 0:
        return
    for child, weight in zip(level.children, given, strict=True):
        if weight is None:
            place = config.place(*child.path)
            report.add(MIXED_WEIGHTS, place, target=child.label, share=1 / total)


# --- What moves a fallback on ---------------------------------------------------------------------


def fallbacks_catch_outages(config: Config, report: Report) -> None:
    for level in config.levels:
        if level.mode != "fallback" or len(level.children) < 2:
            continue
        listed = level.strategy.get("on_status_codes")
        if listed is None:
            report.add(EVERY_FAILURE, config.place(*level.path_of("strategy")))
        elif isinstance(listed, list):
            place = config.place(*level.path_of("strategy", "on_status_codes"))
            for what, code, instead in _missing(level, listed):
                report.add(CODES_MISS, place, what=what, code=code, instead=instead)


def _missing(level: Level, listed: list[Any]) -> Iterator[tuple[str, str, str]]:
    named = codes(listed)
    if not named:
        yield "at all: `on_status_codes` is empty", "the codes of outages", "it never falls back"
        return
    if 500 not in named and any(code >= 501 for code in named):
        yield (
            "when a target cannot be reached: 500 is not listed",
            "500",
            "a refused connection is returned to the caller as 500",
        )
    if 408 not in named and _is_limited(level):
        yield (
            "when a target exceeds its `request_timeout`: 408 is not listed",
            "408",
            "the caller gets the 408, and the next target is not asked",
        )


def _is_limited(level: Level) -> bool:
    """Whether a target before the last may time out."""
    waiting = list(level.children[:-1])
    while waiting:
        one = waiting.pop()
        if one.is_target and one.effective("request_timeout"):
            return True
        waiting += one.children
    return False


# --- What is not read -----------------------------------------------------------------------------


def settings_fit_the_mode(config: Config, report: Report) -> None:
    for level in config.levels:
        if not level.mode:
            continue
        for key, mode in _COUNTS_UNDER.items():
            if level.mode != mode and level.strategy.get(key) is not None:
                place = config.place(*level.path_of("strategy", key))
                report.add(NO_EFFECT, place, key=key, mode=level.mode)
        weighted = [child for child in level.children if child.own.get("weight") is not None]
        if level.mode != "loadbalance" and weighted:
            place = config.place(*weighted[0].path_of("weight"))
            report.add(NO_EFFECT, place, key="weight", mode=level.mode)


_COUNTS_UNDER = {
    "on_status_codes": "fallback",
    "conditions": "conditional",
    "default": "conditional",
}

CHECKS = (
    targets_are_asked,
    pools_fail_over,
    weights_are_shares,
    fallbacks_catch_outages,
    settings_fit_the_mode,
)
