"""Months that could be: outages of failure domains, drawn from what is known of them.

A month is a value: for each domain when it failed and how badly, and how often single tries fail.
From it follows, exactly, how often each rung of a chain is reached. Chance comes in as an argument;
there is no money and no speed here.
"""

import math
from collections.abc import Iterable, Sequence
from random import Random
from statistics import NormalDist
from typing import Final

from msgspec import Struct

from designer.catalog.model import Incidents
from designer.planner import priors

Span = tuple[float, float, float]
"""From, to (shares of the month) and the share of requests that it concerns."""

NORMAL: Final = NormalDist()
_Z90: Final = NORMAL.inv_cdf(0.9)


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


class Luck(Struct, frozen=True):
    """What decides most of a domain's month, to be drawn evenly over many of them."""

    worse: float
    """The expected downtime's standard deviations above its middle."""
    count: float
    """Which share of months has fewer incidents at that rate."""
    fails: float
    """Standard deviations of the share of single tries that fail."""


def outages(domain: Domain, luck: Luck, chance: Random) -> Outages:
    """Incidents come independently; how long they take has the long tail of the statistics."""
    known = domain.incidents
    spread = math.log(known.repair_p90_min / known.repair_p50_min) / _Z90
    mean_min = known.repair_p50_min * math.exp(spread**2 / 2)
    down_min = (1 - known.availability) * priors.MONTH_MIN * factor(_spread(known), luck.worse)
    median, tries_spread = domain.fails
    return Outages(
        tuple(
            _incident(known.repair_p50_min, spread, chance)
            for _ in range(poisson(down_min / mean_min, luck.count))
        ),
        min(0.5, median * math.exp(tries_spread * luck.fails)),
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


def factor(spread: float, deviation: float) -> float:
    """Lognormal with mean 1, so many of its spreads away from its middle."""
    return math.exp(spread * deviation - spread**2 / 2)


def poisson(mean: float, share: float) -> int:
    """The count that this share of draws stays below or reaches."""
    if mean > 50:
        return max(0, round(mean + math.sqrt(mean) * NORMAL.inv_cdf(share)))
    count, one = 0, math.exp(-mean)
    reached = one
    while reached < share:
        count += 1
        one *= mean / count
        reached += one
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
    return _joint([_WHOLE], [(month[d].spans, fails) for d, fails in alone.items()])


def either(share: float, other: float) -> float:
    """Share that fails for one of two causes, independent of one another."""
    return share + (1 - share) * other


_WHOLE: Final[Span] = (0.0, 1.0, 1.0)


def _joint(spans: list[Span], rest: Sequence[tuple[tuple[Span, ...], float]]) -> float:
    """Of what `spans` concern, the share that everything in `rest` fails as well: by chance alone, or
    within the first one's incidents."""
    if not rest:
        return sum([(until - since) * share for since, until, share in spans])
    (down, alone), *others = rest
    by_chance = alone * _joint(spans, others) if alone else 0.0
    if not down or not (within := _within(spans, down)):
        return by_chance
    return by_chance + (1 - alone) * _joint(within, others)


def _within(spans: list[Span], down: tuple[Span, ...]) -> list[Span]:
    return [
        (a if a > c else c, b if b < d else d, x * y)
        for a, b, x in spans
        for c, d, y in down
        if a < d and c < b
    ]
