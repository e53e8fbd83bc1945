"""Whole dry runs, a million requests: how long, how much memory, and how both grow.

Twelve deployments of three providers, one of them down for 30 % of the time. Each run is a process of
its own, so that its memory is its own; beside them LiteLLM's in-process Router with mocked answers,
where `.gateways/litellm` is installed.
"""

import resource
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

from benchmarks.engine import FORGETFUL, routing
from designer.diagnostics import Report
from designer.gateways.base import Parsed
from designer.gateways.reference import REFERENCE
from designer.simulate import Load, Service, load_scenario, simulate

ROUTER_PYTHON = Path(".gateways/litellm/bin/python")
ROUTER_REQUESTS = 2_000
RATE_PER_S = 100.0
IN_USD, OUT_USD = 2.0, 8.0


def run() -> None:
    rates = {}
    for cooldowns in ("on", "off"):
        for requests, deployments in ((250_000, 12), (500_000, 12), (1_000_000, 12)):
            rates[cooldowns] = _measured(requests, deployments, cooldowns)
    for deployments in (6, 12, 24, 48):
        _measured(250_000, deployments, "on")
    if ROUTER_PYTHON.exists():
        router = _router()
        on, off = rates["on"] / router, rates["off"] / router
        print(
            f"LiteLLM Router, mocked   {router:8,.0f} requests/s   "
            f"ratio {on:,.0f} with cooldowns, {off:,.0f} without"
        )
    else:
        print("LiteLLM Router: not installed (make gateways)")


def _services(parsed: Parsed) -> dict[str, Service]:
    prices = Decimal(str(IN_USD)), Decimal(str(OUT_USD))
    service = Service(input_usd_per_mtok=prices[0], output_usd_per_mtok=prices[1])
    return {d.id: service for d in parsed.routing.deployments}


def _measured(requests: int, deployments: int, cooldowns: str) -> float:
    command = [sys.executable, "-m", "benchmarks.simulate", str(requests), str(deployments)]
    said = subprocess.run([*command, cooldowns], check=True, capture_output=True, text=True).stdout
    seconds, megabytes, attempts, availability = map(float, said.split())
    rate = requests / seconds
    print(
        f"{requests:9,} requests  {deployments:2} deployments  cooldowns {cooldowns:3}  "
        f"{seconds:6.2f} s CPU  {rate:8,.0f} requests/s  {megabytes:4.0f} MB  "
        f"{attempts:.2f} attempts  {availability:.4f} available"
    )
    return rate


def _one(requests: int, deployments: int, cooldowns: str) -> None:
    for_s = requests / RATE_PER_S
    text = (
        f"traffic: {{rate: {RATE_PER_S:g}/s, for: {for_s:g}s}}\n"
        f"faults: [{{target: {{provider: p0}}, from: {for_s * 0.3:g}s, to: {for_s * 0.6:g}s, "
        "kind: http, status: 503}]\n"
    )
    report = Report()
    scenario = load_scenario(text, "bench.yaml", report)
    assert scenario is not None, list(map(str, report))
    habits = REFERENCE if cooldowns == "on" else FORGETFUL
    parsed = Parsed("reference", routing(deployments), habits)
    services = _services(parsed)
    start = time.process_time()
    result = simulate(parsed, scenario, services, {"chat": Load()}, report)
    seconds = time.process_time() - start
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    assert result.total.availability is not None
    print(seconds, megabytes, result.total.attempts_mean, result.total.availability.value)


_ROUTER = """
import asyncio, logging, sys, time
logging.disable(logging.CRITICAL)
import litellm
from litellm import Router
requests = int(sys.argv[1])
groups = [f"g{i // 4}" for i in range(12)]
router = Router(
    model_list=[
        {"model_name": g, "litellm_params": {"model": f"openai/m{i}", "api_key": "x", "mock_response": "ok"}}
        for i, g in enumerate(groups)
    ],
    fallbacks=[{"g0": ["g1"]}, {"g1": ["g2"]}],
    num_retries=1,
)
async def main():
    messages = [{"role": "user", "content": "hi"}]
    for _ in range(50):
        await router.acompletion(model="g0", messages=messages)
    start = time.process_time()
    for index in range(requests):
        down = index % 10 < 3
        await router.acompletion(model="g0", messages=messages, mock_testing_fallbacks=down)
    print(requests / (time.process_time() - start))
asyncio.run(main())
"""


def _router() -> float:
    """Requests per CPU second of the real Router; for three in ten the first group is down."""
    command = [str(ROUTER_PYTHON), "-c", _ROUTER, str(ROUTER_REQUESTS)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(said.split()[-1])


if __name__ == "__main__":
    _one(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
