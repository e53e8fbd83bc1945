"""How long it takes to choose chains for thirty aliases among everything in the catalog."""

import statistics
import time

from designer.catalog import load_catalog
from designer.compiler import Options, compile_profile
from designer.diagnostics import Report
from designer.planner.lock import Lock
from designer.profile.load import load_profile

ALIASES = 30
ROUNDS = 5
TASKS = ("chat", "code", "summarize", "extract", "reason", "embed")
PREFERENCES = ("cost", "latency", "quality")
GOALS = {"no goal": None, "99.9%": "99.9%", "out of reach": "99.99999%"}


def run() -> None:
    catalog = load_catalog()
    for title, goal in GOALS.items():
        loaded = load_profile("bench.yaml", profile(goal), report=Report())
        assert loaded is not None
        taken = []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            made = compile_profile(loaded, catalog, Lock(), Options(), Report())
            taken.append(time.perf_counter() - start)
            assert made is not None
        offerings = len(catalog.offerings)
        print(
            f"{ALIASES} aliases, {offerings} offerings, {title:12} {statistics.median(taken):6.2f} s"
        )


def profile(goal: str | None) -> str:
    """Every combination of task and preference, and some twice."""
    lines = ["version: 1", "name: bench", "gateway: litellm", "workloads:"]
    for number in range(ALIASES):
        task, prefer = TASKS[number % len(TASKS)], PREFERENCES[number % len(PREFERENCES)]
        wish = f", availability: {goal}" if goal else ""
        lines.append(
            f"  - {{alias: a{number}, task: {task}, prefer: {prefer}, "
            f"traffic: {{rate: {number + 1}k/day, input_tokens: {500 + 100 * number}}}{wish}}}"
        )
    return "\n".join(lines) + "\n"
