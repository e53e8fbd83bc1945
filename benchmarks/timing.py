"""Interleaved rounds of whole processes, and medians."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence


def medians_s(commands: Mapping[str, Sequence[str]], rounds: int = 7) -> dict[str, float]:
    """Wall seconds of each command, run by this Python, interleaved.

    With compiled modules, as an installed package has them: the first round, which writes them, does
    not count.
    """
    taken: dict[str, list[float]] = {name: [] for name in commands}
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory(prefix="designer-bench-") as compiled:
        environment["PYTHONPYCACHEPREFIX"] = compiled
        for counts in (False, *[True] * rounds):
            for name, arguments in commands.items():
                start = time.perf_counter()
                command = [sys.executable, *arguments]
                subprocess.run(command, check=True, capture_output=True, env=environment)
                if counts:
                    taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in taken.items()}
