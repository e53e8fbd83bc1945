"""What a dry run has to know of a deployment beside its routing: speed, price, place and quota."""

from decimal import Decimal
from math import exp, log, sqrt
from random import Random
from typing import NamedTuple

from msgspec import Struct

VARIATION = 0.25
"""Coefficient of variation of the time to first token.

llmperf leaderboard raw data (19 files of 150 requests, Dec 2023 and Jan 2024) show .15 to .28.
"""

REFUSAL_S = 0.1
"""How fast a provider says no. Design decision: nothing is generated."""


class Service(Struct, frozen=True):
    """The defaults are a guess that fits no model in particular; the result says where they were used."""

    ttft_s: float = 0.8
    """Median time to first token."""
    tokens_per_s: float = 60.0
    provider: str = ""
    """In the catalog's words, where the configuration's differ."""
    model: str = ""
    region: str | None = None
    """Where requests are processed."""
    zones: frozenset[str] | None = None
    """The residency zones that its processing surely stays in (`eu`, `de`); None: not known."""
    input_usd_per_mtok: Decimal | None = None
    output_usd_per_mtok: Decimal | None = None
    cached_usd_per_mtok: Decimal | None = None
    """Of cached input; None: as any other."""
    rpm: int | None = None
    tpm: int | None = None
    parallel: int | None = None

    @property
    def has_quota(self) -> bool:
        return self.rpm is not None or self.tpm is not None or self.parallel is not None


UNKNOWN = Service()


class Tokens(Struct, frozen=True, gc=False):
    input: int
    output: int
    cached: int = 0
    """Those of the input that the provider bills as cached."""


def time_to_first_token_s(service: Service, chance: Random) -> float:
    """Lognormal around the median."""
    return service.ttft_s * exp(_SIGMA * chance.gauss(0.0, 1.0))


_SIGMA = sqrt(log(1.0 + VARIATION**2))


class Prices(NamedTuple):
    """USD a million tokens; floats, since what a dry run adds up are estimates."""

    input: float
    output: float
    cached: float

    def cost_usd(self, tokens: Tokens) -> float:
        fresh = tokens.input - tokens.cached
        whole = fresh * self.input + tokens.cached * self.cached + tokens.output * self.output
        return whole / 1e6


def prices_of(service: Service) -> Prices | None:
    """None without both prices."""
    if service.input_usd_per_mtok is None or service.output_usd_per_mtok is None:
        return None
    into = float(service.input_usd_per_mtok)
    cached = service.cached_usd_per_mtok
    return Prices(
        into, float(service.output_usd_per_mtok), into if cached is None else float(cached)
    )
