"""When which request comes: Poisson arrivals at the rates of a profile or of a scenario."""

from bisect import bisect
from collections.abc import Iterator, Mapping
from itertools import accumulate
from math import exp, log, sqrt
from random import Random

from msgspec import Struct
from msgspec.structs import replace

from designer.engine.events import Request
from designer.engine.virtual import Arrival
from designer.simulate.scenario import Traffic
from designer.simulate.services import Tokens

TOKENS_VARIATION = 1.0
"""Coefficient of variation of input and output lengths.

Azure LLM inference trace 2023, conversation: generated tokens p50 129, p95 451, a spread near that of a
lognormal with CV 1 (CC-BY-4.0, github.com/Azure/AzurePublicDataset).
"""


class Load(Struct, frozen=True):
    """What one route is asked for."""

    rate_per_s: float = 1.0
    input_tokens: int = 1000
    output_tokens: int = 200
    max_output_tokens: int | None = None
    streamed: float = 0.0
    """Share of requests."""


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
    return {
        name: replace(load, rate_per_s=load.rate_per_s * factor) for name, load in loads.items()
    }


def arrivals(
    loads: Mapping[str, Load], for_s: float, chance: Random, lengths: list[Tokens]
) -> Iterator[Arrival]:
    """In order of time. Each arrival's lengths are appended to `lengths`, under its index."""
    names = [name for name, load in loads.items() if load.rate_per_s > 0]
    if not names:
        return
    bounds = list(accumulate(loads[name].rate_per_s for name in names))
    at = 0.0
    while True:
        at += chance.expovariate(bounds[-1])
        if at >= for_s:
            return
        name = names[min(bisect(bounds, chance.random() * bounds[-1]), len(names) - 1)]
        load = loads[name]
        into, out = _length(load.input_tokens, chance), _length(load.output_tokens, chance)
        lengths.append(Tokens(into, min(out, load.max_output_tokens or out)))
        streams = load.streamed > 0 and chance.random() < load.streamed
        yield Arrival(at, name, Request(stream=streams, input_tokens=into))


_SIGMA = sqrt(log(1.0 + TOKENS_VARIATION**2))


def _length(mean: int, chance: Random) -> int:
    """Lognormal with this mean."""
    if mean <= 0:
        return 0
    return max(1, round(mean * exp(_SIGMA * chance.gauss(0.0, 1.0) - _SIGMA**2 / 2)))
