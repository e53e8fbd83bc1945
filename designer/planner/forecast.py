"""What a chain will cost, how often it answers and how fast, as intervals of priors.

Nothing here was measured on the user's traffic; every figure says so and names where its prior is
from. Independence of failure domains is assumed, which is why only distinct domains are multiplied.
"""

import math
from collections.abc import Sequence
from decimal import Decimal

from msgspec import Struct

from designer.catalog import Catalog
from designer.planner.accounts import Candidate
from designer.planner.requirements import cost_per_request_usd, tokens
from designer.profile.model import Workload

TRAFFIC_BAND = 0.2
"""How far a month's traffic is expected to stray from the profile's rate: an assumption."""
LATENCY_CV = 0.3
"""Coefficient of variation of a request's time: llmperf-leaderboard raw data (2023-12 … 2024-01,
Apache-2.0) has .15–.28 for the first token; the upper end, since answers vary in length too."""
Z95 = 1.645


class Figure(Struct, frozen=True):
    low: float
    high: float
    unit: str
    source: str
    grade: str = "prior"


class Forecast(Struct, frozen=True):
    availability: Figure
    p95_s: Figure
    usd_per_month: Figure | None
    """None without a rate of traffic."""
    usd_per_request: Figure


DEFAULT_AVAILABILITY = 0.995
"""For a provider without any incident statistics, marked as assumed."""


def forecast(workload: Workload, rungs: Sequence[Candidate], catalog: Catalog) -> Forecast:
    per_request = _usd_per_request(workload, rungs)
    return Forecast(
        availability_of(rungs, catalog),
        _p95(workload, rungs[0]),
        _usd_per_month(workload, per_request),
        per_request,
    )


def availability_of(rungs: Sequence[Candidate], catalog: Catalog) -> Figure:
    """All distinct failure domains would have to be down at once; the low end doubles each outage."""
    shares: dict[str, float] = {}
    sources = []
    for rung in rungs:
        incidents = catalog.providers[rung.offering.provider].incidents
        share = incidents.availability if incidents else DEFAULT_AVAILABILITY
        shares.setdefault(rung.offering.failure_domain, share)
        if incidents:
            sources.append(f"{rung.offering.provider}: {incidents.source}, {incidents.as_of}")
    down = math.prod(1 - share for share in shares.values())
    worse = math.prod(min(1.0, 2 * (1 - share)) for share in shares.values())
    source = "; ".join(dict.fromkeys(sources)) or "assumed"
    return Figure(1 - worse, 1 - down, "share of requests", source)


def _p95(workload: Workload, primary: Candidate) -> Figure:
    latency = primary.offering.latency
    typical = latency.ttft_p50_s + tokens(workload)[1] / latency.tokens_per_s
    sigma = math.sqrt(math.log(1 + LATENCY_CV**2))
    p95 = typical * math.exp(Z95 * sigma)
    source = f"{latency.source}, {latency.as_of} ({latency.grade})"
    return Figure(p95 * 0.8, p95 * 1.3, "s", source)


def _usd_per_request(workload: Workload, rungs: Sequence[Candidate]) -> Figure:
    """From the primary's price where sources agree to where they differ most."""
    primary = rungs[0]
    usual = float(cost_per_request_usd(primary, workload))
    input_tokens, output_tokens = tokens(workload)
    price = primary.offering.price
    others = [
        float((e.input * input_tokens + e.output * output_tokens) / Decimal(1_000_000))
        for e in price.evidence
    ]
    low, high = (min(usual, *others), max(usual, *others)) if others else (usual, usual)
    if price.agreement != "conflict":
        low = high = usual
    source = "; ".join(f"{e.source} {e.entry}, {e.observed_on}" for e in price.evidence)
    return Figure(low, high, "USD", source)


def _usd_per_month(workload: Workload, per_request: Figure) -> Figure | None:
    rate = workload.traffic.rate
    if rate is None:
        return None
    requests = rate.per_month
    return Figure(
        requests * per_request.low * (1 - TRAFFIC_BAND),
        requests * per_request.high * (1 + TRAFFIC_BAND),
        "USD/month",
        f"{per_request.source}; traffic ± {TRAFFIC_BAND:.0%} (assumed)",
    )
