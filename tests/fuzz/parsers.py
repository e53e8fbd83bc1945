"""A byte-level fuzzer for every reader of gateway configurations, and for lint after it.

    python -m tests.fuzz.parsers --inputs 100000

Each input is read as the gateway's and linted. It fails when anything but a finding or a UsageError
comes out, when it takes more than a second of processor time, or when memory grows beyond a bound. The inputs follow
from the seed that is printed; one that fails is kept as a file.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from designer.catalog import load_catalog
from designer.diagnostics import Report
from designer.errors import UsageError
from designer.lint import lint
from designer.lint.suppress import comments, suppress
from designer.load import load_config
from tests.fuzz.mutate import mutant

ROOT = Path(__file__).parents[2]
MOST_S = 1.0
MOST_BYTES = 1_500_000_000
PARSERS = {
    "litellm": "litellm",
    "portkey-oss": "portkey",
    "portkey-cloud": "portkey",
    "openrouter": "openrouter",
}
_BOMB = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (c, c, b",".join([b"*%c" % (c - 1)] * 9)) for c in range(ord("b"), ord("l"))
)


def seeds(family: str) -> list[bytes]:
    """Our own files of a gateway: emitted ones, examples of rules, and one that grows."""
    suffix = "*.yaml" if family == "litellm" else "*.json"
    found = [
        p.read_bytes() for p in sorted((ROOT / "tests/golden").rglob(suffix)) if family in str(p)
    ]
    for path in sorted((ROOT / "designer/lint/examples").glob(f"*/{suffix.replace('*', '*s')}")):
        found.append(path.read_bytes())
    return [text for text in found if len(text) < 6000] + [_BOMB]


def one(path: Path, gateway: str) -> None:
    """Raises whatever must not be raised."""
    report = Report()
    try:
        config = load_config(str(path), report, gateway)
    except UsageError:
        return  # not UTF-8, say
    if config is None:
        assert report.has_errors, "not understood, and no reason given"
        return
    lint(config, load_catalog().date, report)
    said = list(comments(config.texts, config.parsed.documents, report))
    suppress(report, said, (), load_catalog().date)
    for finding in report:
        str(finding)


def run(gateway: str, inputs: int, seed: int, kept: Path) -> list[str]:
    """What failed, a line each."""
    chance, texts = random.Random(seed), seeds(PARSERS[gateway])
    failed: list[str] = []
    suffix = ".yaml" if gateway == "litellm" else ".json"
    with tempfile.TemporaryDirectory(
        dir="/dev/shm" if Path("/dev/shm").is_dir() else None
    ) as folder:
        path = Path(folder) / f"config{suffix}"
        for number in range(inputs):
            path.write_bytes(mutant(chance, texts))
            started = time.process_time()
            try:
                one(path, gateway)
                problem = ""
            except Exception as error:  # noqa: BLE001  whatever it is, it is what is looked for
                problem = "".join(traceback.format_exception(error)[-3:])
            taken_s = time.process_time() - started
            if taken_s > MOST_S and not problem:
                problem = f"took {taken_s:.1f} s"
            if problem:
                name = kept / f"{gateway}-{seed}-{number}{suffix}"
                name.write_bytes(path.read_bytes())
                failed.append(f"{name}: {problem}")
    return failed


def _bound_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))


def _shares(inputs: int, seed: int) -> Iterator[tuple[str, int, int]]:
    """Each gateway's inputs, in one part a core."""
    cores = os.cpu_count() or 1
    for gateway in PARSERS:
        for core in range(cores):
            yield gateway, -(-inputs // cores), seed * 1000 + core


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000, help="for each parser")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    chosen = parser.parse_args()
    print(
        f"{chosen.inputs} inputs for each of {', '.join(PARSERS)}; seed {chosen.seed}", flush=True
    )
    kept = Path(tempfile.mkdtemp(prefix="designer-fuzz-"))
    failed: list[str] = []
    with ProcessPoolExecutor(initializer=_bound_memory) as pool:
        coming = [
            (gateway, pool.submit(run, gateway, inputs, seed, kept))
            for gateway, inputs, seed in _shares(chosen.inputs, chosen.seed)
        ]
        for gateway, result in coming:
            failed += result.result()
            print(f"{gateway}: a part is done, {len(failed)} failures so far", flush=True)
    print("\n".join(failed[:20]))
    print(f"{len(failed)} failed" if failed else "none failed")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
