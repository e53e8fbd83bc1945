"""Interleaved rounds of whole processes, and medians."""

import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence


def medians_s(commands: Mapping[str, Sequence[str]], rounds: int = 7) -> dict[str, float]:
    """Wall seconds of each command, run by this Python, interleaved."""
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, arguments in commands.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
            taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in taken.items()}
