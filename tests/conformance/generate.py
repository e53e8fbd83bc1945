"""Write the generated half of a corpus: what Hypothesis draws from a gateway's strategies.

    python -m tests.conformance.generate litellm portkey-oss

The seeds are recorded in the cases. The cases are kept as data, since another version of Hypothesis
draws others from the same seed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

CORPUS = Path(__file__).resolve().parents[2] / "designer/conform/corpus"
STRATEGIES = {
    "litellm": "tests.conformance.litellm_strategies",
    "portkey-oss": "tests.conformance.portkey_strategies",
}
WANTED = 400
_FROM_A_SEED = 20
"""More from one seed would look alike: Hypothesis varies what it has just drawn."""


def main(gateways: list[str]) -> None:
    for gateway in gateways:
        strategies = import_module(STRATEGIES[gateway])
        path = CORPUS / f"{gateway}-generated.json"
        drawn = [*_distinct(strategies.cases, WANTED)]
        if hasattr(strategies, "more_cases"):
            drawn += _distinct(*strategies.more_cases, prefix="s")
        found = [case | _known(case, path) for case in drawn]
        lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in found)
        path.write_text(f"[\n{lines}\n]\n", "utf-8")
        print(f"{path}: {len(found)} cases")


def _known(case: dict[str, Any], path: Path) -> dict[str, str]:
    """Why the engine differs in a case that asks the same, if somebody has found out."""
    kept = json.loads(path.read_text("utf-8")) if path.exists() else []
    asks = _asks(case)
    found = next((old["known"] for old in kept if "known" in old and _asks(old) == asks), None)
    return {} if found is None else {"known": found}


def _asks(case: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in case.items() if key not in ("id", "origin", "known")}


def _distinct(
    cases: SearchStrategy[dict[str, Any]], wanted: int, prefix: str = "g"
) -> Iterator[dict[str, Any]]:
    seen: set[str] = set()
    for number in range(1, 1000):
        for index, case in enumerate(_drawn(cases, number)):
            print_ = json.dumps(case, sort_keys=True)
            if print_ not in seen:
                seen.add(print_)
                yield {"id": f"{prefix}{number}-{index}", "origin": f"seed {number}"} | case
                if len(seen) == wanted:
                    return


def _drawn(cases: SearchStrategy[dict[str, Any]], number: int) -> list[dict[str, Any]]:
    drawn: list[dict[str, Any]] = []

    @seed(number)
    @settings(
        max_examples=_FROM_A_SEED,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(cases)
    def draw(case: dict[str, Any]) -> None:
        drawn.append(case)

    draw()
    return drawn


if __name__ == "__main__":
    main(sys.argv[1:] or list(STRATEGIES))
