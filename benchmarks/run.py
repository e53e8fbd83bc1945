"""`make bench`: figures measured side by side in one run, printed, never asserted.

Machines differ and are noisy; read ratios. Each comparison interleaves its rounds and reports medians.
"""

import argparse
import importlib
import os
import platform

SUITES = ("start", "scale", "engine", "simulate", "replay", "lint", "verify", "decide", "runtime")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suite", nargs="*", choices=[*SUITES, []], help="all when none is named")
    chosen = parser.parse_args().suite or SUITES
    load = os.getloadavg()[0]
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {load:.1f} at start")
    for name in chosen:
        print(f"\n== {name}")
        importlib.import_module(f"benchmarks.{name}").run()


if __name__ == "__main__":
    main()
