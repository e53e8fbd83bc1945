"""Months that could be: outages of failure domains, drawn from what is known of them.

A month is a value: for each domain when it failed and how badly, and how often single tries fail.
From it follows, exactly, how often each rung of a chain is reached. Chance comes in as an argument;
there is no money and no speed here.
"""

import math
from collections.abc import Iterable, Sequence
from random import Random
from typing import Final

from msgspec import Struct

from designer.catalog.model import Incidents
from designer.planner import priors

Span = tuple[float, float, float]
"""From, to (shares of the month) and the share of requests that it concerns."""

_Z90: Final = 1.2815515655446004


class Domain(Struct, frozen=True):
    """What goes down together."""

    name: str
    incidents: Incidents
    fails: tuple[float, float] = priors.TRY_FAILS
    """Median and spread of the share that fails outside of incidents."""


class Outages(Struct, frozen=True):
    """One domain's month."""

    spans: tuple[Span, ...]
    try_fails: float
    """Share of single tries (of whole requests, for the common cause) that fail outside of them."""


def outages(domain: Domain, chance: Random) -> Outages:
    """Incidents come independently; how long they take has the long tail of the statistics."""
    known = domain.incidents
    spread = math.log(known.repair_p90_min / known.repair_p50_min) / _Z90
    mean_min = known.repair_p50_min * math.exp(spread**2 / 2)
    down_min = (1 - known.availability) * priors.MONTH_MIN * factor(_spread(known), chance)
    median, tries_spread = domain.fails
    return Outages(
        tuple(
            _incident(known.repair_p50_min, spread, chance)
            for _ in range(poisson(down_min / mean_min, chance))
        ),
        min(0.5, median * math.exp(tries_spread * chance.gauss(0.0, 1.0))),
    )


def _spread(known: Incidents) -> float:
    """Of the expected downtime; few failures counted say little of the next ones."""
    spread = priors.DOWNTIME_SPREAD[known.grade]
    failures = (1 - known.availability) * known.requests
    return min(1.5, math.hypot(spread, 1 / math.sqrt(failures))) if failures else spread


def _incident(p50_min: float, spread: float, chance: Random) -> Span:
    start = chance.random()
    length = p50_min * math.exp(spread * chance.gauss(0.0, 1.0)) / priors.MONTH_MIN
    return start, min(1.0, start + length), chance.uniform(*priors.IMPACT)


def factor(spread: float, chance: Random) -> float:
    """Lognormal with mean 1."""
    return math.exp(spread * chance.gauss(0.0, 1.0) - spread**2 / 2)


def poisson(mean: float, chance: Random) -> int:
    if mean > 50:
        return max(0, round(chance.gauss(mean, math.sqrt(mean))))
    count, left = 0, chance.random()
    bound = math.exp(-mean)
    while left > bound:
        left *= chance.random()
        count += 1
    return count


# --- What follows from a month --------------------------------------------------------------------


class Try(Struct, frozen=True):
    """A rung as far as outages concern it: its domain's number, and how often it is tried."""

    domain: int
    tries: int


def failing(rungs: Iterable[Try], month: Sequence[Outages]) -> float:
    """Share of the month's requests that fail on every one of the rungs, but for the common cause.

    An incident fails a request on all rungs of its domain and for all of its tries; failures without
    an incident are independent.
    """
    alone: dict[int, float] = {}
    for rung in rungs:
        fails = month[rung.domain].try_fails ** rung.tries
        alone[rung.domain] = alone.get(rung.domain, 1.0) * fails
    return _joint([(0.0, 1.0, 1.0)], [(month[d].spans, fails) for d, fails in alone.items()])


def with_common(share: float, common: Outages) -> float:
    """Share that fails, the common cause included, which spares nobody."""
    down = _joint([(0.0, 1.0, 1.0)], [(common.spans, common.try_fails)])
    return min(1.0, down + (1 - down) * share)


def _joint(spans: list[Span], rest: list[tuple[tuple[Span, ...], float]]) -> float:
    """Of what `spans` concern, the share that everything in `rest` fails as well."""
    if not spans:
        return 0.0
    if not rest:
        return sum((until - since) * share for since, until, share in spans)
    (down, alone), *others = rest
    without = [(since, until, share * alone) for since, until, share in spans] if alone else []
    return _joint(without, others) + _joint(_within(spans, down, 1 - alone), others)


def _within(spans: list[Span], down: tuple[Span, ...], share: float) -> list[Span]:
    return [
        (max(a, c), min(b, d), x * y * share)
        for a, b, x in spans
        for c, d, y in down
        if max(a, c) < min(b, d)
    ]
