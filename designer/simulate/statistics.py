"""Gather what became of calls, and estimate from it. All intervals are for 95 %."""

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from math import ceil, floor, fsum, sqrt

from msgspec import Struct, field

from designer.simulate.result import Interval, Moment, RouteResult

Z = 1.959963984540054
"""The normal distribution's 97.5 % quantile."""


def _numbers() -> "array[float]":
    return array("d")


class Tally(Struct):
    """Sums and samples of one route, growing while calls end: eight bytes a sample.

    What comes of them does not depend on the order in which calls are told of.
    """

    requests: int = 0
    attempts: int = 0
    attempts_max: int = 0
    took_s: "array[float]" = field(default_factory=_numbers)
    """Of whole answers."""
    first_token_s: "array[float]" = field(default_factory=_numbers)
    costs_usd: "array[float]" = field(default_factory=_numbers)
    has_all_prices: bool = True
    served_by: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    asked: set[str] = field(default_factory=set)
    """Deployments that were asked at all."""
    pii_upstream: int = 0
    cached: int = 0
    saved_usd: float = 0.0
    at_once: Counter[str] = field(default_factory=Counter)
    """Calls that the one deployment they asked answered, by deployment; they count nowhere else above."""

    def add(self, other: "Tally") -> None:
        once = other.at_once.total()
        self.requests += other.requests + once
        self.attempts += other.attempts + once
        self.attempts_max = max(self.attempts_max, other.attempts_max, 1 if once else 0)
        self.took_s += other.took_s
        self.first_token_s += other.first_token_s
        self.costs_usd += other.costs_usd
        self.has_all_prices = self.has_all_prices and other.has_all_prices
        self.served_by += other.served_by + other.at_once
        self.failures += other.failures
        self.asked |= other.asked | other.at_once.keys()
        self.pii_upstream += other.pii_upstream + once
        self.cached += other.cached
        self.saved_usd += other.saved_usd

    def sort(self) -> None:
        """Order the samples now, so that sums of tallies are merged rather than sorted again."""
        self.took_s = array("d", sorted(self.took_s))
        self.first_token_s = array("d", sorted(self.first_token_s))

    def moment(self, from_s: float) -> Moment:
        served_by = dict(sorted(self.served_by.items()))
        mean_s = fsum(self.took_s) / len(self.took_s) if self.took_s else None
        return Moment(from_s, self.requests, len(self.took_s), served_by, mean_s)

    def result(self, route: str) -> RouteResult:
        took_s, first_s = sorted(self.took_s), sorted(self.first_token_s)
        cost = mean(self.costs_usd) if self.has_all_prices else None
        return RouteResult(
            route=route,
            requests=self.requests,
            served=len(took_s),
            availability=share(len(took_s), self.requests),
            attempts_mean=self.attempts / self.requests if self.requests else 0.0,
            attempts_max=self.attempts_max,
            p50_s=quantile(took_s, 0.5),
            p95_s=quantile(took_s, 0.95),
            p99_s=quantile(took_s, 0.99),
            first_token_p95_s=quantile(first_s, 0.95),
            cost_per_1k_usd=cost and Interval(cost.value * 1e3, cost.low * 1e3, cost.high * 1e3),
            cost_usd=fsum(self.costs_usd),
            served_by=dict(sorted(self.served_by.items())),
            failures=dict(sorted(self.failures.items())),
            pii_upstream=self.pii_upstream,
            cached=self.cached,
            saved_usd=self.saved_usd,
        )


def together(tallies: Iterable[Tally]) -> Tally:
    total = Tally()
    for tally in tallies:
        total.add(tally)
    return total


def share(hits: int, of: int) -> Interval | None:
    """Wilson's interval, which is honest near 0 and 1 and for few requests."""
    if of == 0:
        return None
    p, z2 = hits / of, Z * Z
    centre = (p + z2 / (2 * of)) / (1 + z2 / of)
    half = Z * sqrt(p * (1 - p) / of + z2 / (4 * of * of)) / (1 + z2 / of)
    # Rounding must not exclude what was found.
    return Interval(p, min(p, max(0.0, centre - half)), max(p, min(1.0, centre + half)))


def mean(values: Sequence[float]) -> Interval | None:
    """The normal approximation; of a single value the value itself."""
    count = len(values)
    if count == 0:
        return None
    average = fsum(values) / count
    if count == 1:
        return Interval(average, average, average)
    variance = fsum([(value - average) ** 2 for value in values]) / (count - 1)
    half = Z * sqrt(variance / count)
    return Interval(average, average - half, average + half)


def quantile(ordered: Sequence[float], q: float) -> Interval | None:
    """The smallest value that at least a share `q` does not exceed; its interval by order statistics."""
    count = len(ordered)
    if count == 0:
        return None
    half = Z * sqrt(count * q * (1 - q))
    low = max(0, floor(count * q - half) - 1)
    high = min(count - 1, ceil(count * q + half) - 1)
    at = min(count - 1, max(0, ceil(count * q) - 1))
    return Interval(ordered[at], ordered[min(low, at)], ordered[max(high, at)])
