"""When which request comes: Poisson arrivals at the rates of a profile or of a scenario."""

from bisect import bisect
from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate
from math import cos, exp, log, pi, sin, sqrt
from random import Random

from msgspec import Struct
from msgspec.structs import replace

from designer.diagnostics import Report, Rule, Severity
from designer.engine.events import Request
from designer.engine.virtual import Arrival
from designer.ir import Routing
from designer.reading import guess
from designer.simulate.scenario import Scenario, Traffic
from designer.simulate.services import Tokens

UNKNOWN_TEAM = Rule(
    "SIM636",
    Severity.WARNING,
    "no team of this configuration is called `{team}`{guess}",
    "Only the limits and routes of a team that the configuration knows bind its requests.",
    instead="its requests come like anybody's",
    help="known teams: {known}",
)

TOKENS_VARIATION = 1.0
"""Coefficient of variation of input and output lengths.

Azure LLM inference trace 2023, conversation: generated tokens p50 129, p95 451, a spread near that of a
lognormal with CV 1 (CC-BY-4.0, github.com/Azure/AzurePublicDataset).
"""

DAY_S = 86_400.0
PEAK_AT_S = 14 * 3600.0
"""When a day's curve is highest, from midnight. Design decision: early afternoon."""
PEAK_RATIO = 2.0
"""The peak of a daily curve in means of the day, where the profile gives none. Design decision."""


class Load(Struct, frozen=True):
    """What one route is asked for."""

    rate_per_s: float = 1.0
    input_tokens: int = 1000
    output_tokens: int = 200
    max_output_tokens: int | None = None
    streamed: float = 0.0
    """Share of requests."""
    peak_per_s: float | None = None
    """The rate of the day's busiest moment; only a daily curve asks."""
    repeats: float = 0.0
    """Share of requests that ask what was asked before; only a cache asks."""


class Visit(Arrival, frozen=True):
    """An arrival, and how long its prompt and its answer are."""

    tokens: Tokens = Tokens(0, 0)
    question: int = -1
    """What is asked, by number; the same one comes again. -1 where nothing ever does."""
    was_cached: bool = False
    """Recorded: the gateway's own cache answered."""


def loads_of(
    traffic: Traffic, by_route: Mapping[str, Load], routes: tuple[str, ...]
) -> dict[str, Load]:
    """What each route of the configuration is asked for under this scenario.

    Rates of the profile give the shares where the scenario gives the sum; without any rate, the routes
    share alike.
    """
    loads = {name: by_route[name] for name in routes if name in by_route}
    if not loads:
        loads = {name: Load(rate_per_s=1.0 / len(routes)) for name in routes}
    total = sum(load.rate_per_s for load in loads.values())
    factor = traffic.factor
    if traffic.rate_per_s is not None and total > 0:
        factor *= traffic.rate_per_s / total
    return {name: _scaled(load, factor) for name, load in loads.items()}


def _scaled(load: Load, factor: float) -> Load:
    peak = load.peak_per_s
    return replace(
        load,
        rate_per_s=load.rate_per_s * factor,
        peak_per_s=None if peak is None else peak * factor,
    )


def arrivals(
    loads: Mapping[str, Load], for_s: float, chance: Random, is_daily: bool = False
) -> Iterator[Visit]:
    """In order of time. With `is_daily` the rates are means of a day that begins at 0."""
    names = [name for name, load in loads.items() if load.rate_per_s > 0]
    if not names:
        return
    curves = [Curve(_ratio(loads[name])) for name in names] if is_daily else []
    rates = [loads[name].rate_per_s for name in names]
    if is_daily:
        rates = [rate * curve.ratio for rate, curve in zip(rates, curves, strict=True)]
    bounds = list(accumulate(rates))
    most, last = bounds[-1], len(names) - 1
    asked = [_Asked() for _ in names]
    u, at = chance.random, 0.0
    while True:
        at -= log(1.0 - u()) / most
        if at >= for_s:
            return
        drawn = bisect(bounds, u() * most)
        which = drawn if drawn < last else last
        if is_daily and u() >= curves[which].share_at(at):
            continue
        load = loads[names[which]]
        tokens = _lengths(load, u)
        streams = load.streamed > 0 and u() < load.streamed
        request = Request(stream=streams, input_tokens=tokens.input)
        visit = Visit(at, names[which], request, tokens)
        yield asked[which].again(visit, load.repeats, chance) if load.repeats > 0 else visit


def of_teams(
    visits: Iterator[Visit], shares: Mapping[str, float], chance: Random
) -> Iterator[Visit]:
    """Each request with a team; `shares` are of all requests, and may leave some.

    Recorded ones keep the team that the log names.
    """
    teams = [{"name": name} for name in shares]
    bounds = list(accumulate(shares.values()))
    for visit in visits:
        which = bisect(bounds, chance.random())
        is_of_one = which < len(teams) and not visit.request.team
        request = replace(visit.request, team=teams[which]) if is_of_one else visit.request
        yield replace(visit, request=request)


def names_of_teams(routing: Routing) -> tuple[str, ...]:
    """Of those that the configuration knows, be it only by a budget or a limit."""
    known = [team.name for team in routing.teams]
    known += [budget.of for budget in routing.budgets if budget.scope == "team"]
    known += [limit.of for limit in routing.rate_limits if limit.scope == "team"]
    return tuple(dict.fromkeys(known))


def tell_unknown_teams(scenario: Scenario, routing: Routing, report: Report) -> None:
    listed, place = names_of_teams(routing), scenario.traffic.teams_place
    for name in scenario.traffic.teams if listed else ():
        if name not in listed:
            near = guess(name, listed)
            report.add(UNKNOWN_TEAM, place, team=name, guess=near, known=", ".join(listed))


class _Asked:
    """The questions that a route was asked last: one that is repeated is any of them alike."""

    def __init__(self) -> None:
        self.count = 0
        self.recent: list[Visit] = []

    def again(self, visit: Visit, repeats: float, chance: Random) -> Visit:
        if self.recent and chance.random() < repeats:
            told = self.recent[int(chance.random() * len(self.recent))]
            request = replace(visit.request, input_tokens=told.tokens.input)
            return replace(visit, request=request, tokens=told.tokens, question=told.question)
        fresh = replace(visit, question=self.count)
        if len(self.recent) < RECENT:
            self.recent.append(fresh)
        else:
            self.recent[self.count % RECENT] = fresh
        self.count += 1
        return fresh


RECENT = 1_000
"""How many questions back a repetition reaches. Design decision; the result says so."""


_SIGMA = sqrt(log(1.0 + TOKENS_VARIATION**2))
_SHIFT = _SIGMA**2 / 2


def _lengths(load: Load, u: Callable[[], float]) -> Tokens:
    """Lognormal with these means; the two normal numbers are of one draw (Box and Muller)."""
    radius, angle = _SIGMA * sqrt(-2.0 * log(1.0 - u())), 2 * pi * u()
    into, out = load.input_tokens, load.output_tokens
    if into > 0:
        into = round(into * exp(radius * cos(angle) - _SHIFT)) or 1
    if out > 0:
        out = round(out * exp(radius * sin(angle) - _SHIFT)) or 1
    most = load.max_output_tokens
    return Tokens(into, most if most and out > most else out)


# --- The curve of a day ---------------------------------------------------------------------------


class Curve:
    """Rates over a day, shaped like `exp(k cos t)`: one hill, as steep as its peak asks for."""

    def __init__(self, ratio: float) -> None:
        self.ratio = max(1.0, ratio)
        """The peak, in means of the day."""
        self._steepness = _steepness(self.ratio)

    def share_at(self, at: float) -> float:
        """Of the peak."""
        return exp(self._steepness * (cos(2 * pi * (at - PEAK_AT_S) / DAY_S) - 1.0))


def _ratio(load: Load) -> float:
    return PEAK_RATIO if load.peak_per_s is None else load.peak_per_s / load.rate_per_s


def _steepness(ratio: float) -> float:
    """The k whose hill is `ratio` times as high as its mean, by halving; a day's mean over 96 quarters."""
    low, high = 0.0, 1e4
    for _ in range(60):
        k = (low + high) / 2
        mean = sum(exp(k * (cos(2 * pi * n / 96) - 1.0)) for n in range(96)) / 96
        low, high = (k, high) if mean * ratio > 1.0 else (low, k)
    return low
