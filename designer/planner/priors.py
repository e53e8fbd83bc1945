"""What a forecast takes for granted before anything was measured: a table, each row with its source.

Spreads are standard deviations of the logarithm: 0.1 is about ± 18 % at the 90 % level. What says
`assumed` has no other source than this file. Nothing here computes.
"""

from collections.abc import Mapping
from typing import Final

from designer.catalog.model import Incidents

MONTH_MIN: Final = 30 * 24 * 60.0
HOURS_A_MONTH: Final = 730.0

# --- Outages --------------------------------------------------------------------------------------

COMMON: Final = Incidents(0.9999, 61.0, 276.0, 30.0, "class", "assumed", "2026-11-24")
"""What takes all providers at once: names, networks, certificates, the gateway's own host. No two
failure domains are fully apart."""
DOWNTIME_SPREAD: Final[Mapping[str, float]] = {"logs": 0.25, "measured": 0.4, "class": 0.7}
"""Of a month's expected downtime, by what the incidents' grade is worth. Assumed."""
IMPACT: Final = (0.1, 1.0)
"""Share of a provider's requests that fail during one of its incidents, anywhere between. Assumed:
status pages tell minutes, not requests."""
TRY_FAILS: Final = (0.003, 0.8)
"""Median and spread of the share of single tries that fail without any incident. Assumed."""
REQUEST_FAILS: Final = (0.0001, 0.8)
"""Likewise of requests that fail wherever they are sent: in the gateway, on the way, over the limit of
the whole request. Assumed."""

# --- Time -----------------------------------------------------------------------------------------

LATENCY_SPREAD: Final[Mapping[str, float]] = {
    "measured": 0.08,
    "third_party": 0.25,
    "borrowed": 0.3,
    "assumed": 0.4,
}
"""Of a deployment's typical speed in the coming month, by the grade of what is known. Assumed."""
FIRST_TOKEN_CV: Final = 0.3
"""From one request to the next: llmperf-leaderboard raw data (2023-12 … 2024-01, Apache-2.0) has
.15–.28; the upper end."""
LENGTH_CV: Final = 1.0
"""Of answers' lengths: Azure LLM inference trace 2023, conversation (CC-BY-4.0), has .77 with p95/p50
of 3.5, the code service 2.1; as in `designer.simulate.traffic`."""
BACKOFF_S: Final = 1.0
"""Between two tries of one deployment: the gateways' first waits are 0.5–1 s (measured 2026-11-22)."""
TIMES_OUT: Final = (0.0, 0.3)
"""Share of failures that say nothing until the try's time limit. Assumed."""

# --- Money ----------------------------------------------------------------------------------------

TRAFFIC_SPREAD: Final = 0.59
"""Of a month's requests around the profile's rate, as often above as below. Forecasts of products that are
new to their company were 47 % accurate a year after launch (Kahn, J. Product Innovation Management 19,
2002, 133–143; table 23.1 of the PDMA Handbook, read 2026-11-24): an error of 53 % on average, which is a
lognormal's of this spread."""
INPUT_SPREAD: Final = 0.2
OUTPUT_SPREAD: Final = 0.25
"""Of the month's average lengths around the profile's, likewise. Assumed."""
PRICE_SPREAD: Final = 0.15
"""Discounts, rounding, prices that change within the month. Assumed."""
USAGE_SPREAD: Final = 0.05
"""Of the cost of a request that was measured on the user's own traffic. Assumed."""
PROMPT_CACHE_KEPT: Final = (0.7, 1.0)
"""Share of the profile's cacheable prefix that is really billed as cached: prefixes expire. Assumed."""
CACHE_HITS: Final[Mapping[str, tuple[float, float]]] = {
    "off": (0.0, 0.0),
    "exact": (0.6, 1.0),
    "semantic": (0.7, 1.3),
}
"""Requests answered by the gateway's cache, per repeated request: some come after the time to live,
and a semantic cache knows similar ones too. Assumed."""
CACHED_S: Final = 0.05
"""An answer from the gateway's cache."""
BILLED_FAILURE: Final = (0.0, 0.3)
"""Of what an answer costs, for a try that failed: a provider may bill what nobody received. Assumed."""
