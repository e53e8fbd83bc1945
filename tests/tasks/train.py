"""Train the task model, and say on a page how often it is right.

`python -m tests.tasks.train` writes `designer/tasks/weights.bin` and `docs/tasks.md`, the same bytes each time:
multinomial logistic regression by stochastic descent, in plain Python, in under a minute.
"""

import random
from array import array
from collections.abc import Sequence
from pathlib import Path

from designer.tasks import BUCKETS, SCALE, TASKS, features, softmax
from tests.tasks.judge import page
from tests.tasks.labelled import Prompt, prompts

ROOT = Path(__file__).parents[2]
WEIGHTS = ROOT / "designer/tasks/weights.bin"
PAGE = ROOT / "docs/tasks.md"
ROUNDS = 6
STEP = 0.1
KEPT = 0.5
"""Share of a prompt's words that are shown at a time, so that no single one decides."""
BY_HAND = 10
"""How often a prompt by hand counts: a template comes that often and more."""


def trained(labelled: Sequence[Prompt]) -> bytes:
    rows = [
        (sorted(features(one.text)), TASKS.index(one.task))
        for one in labelled
        for _ in range(BY_HAND if one.source == "hand" else 1)
    ]
    width, chance = len(TASKS), random.Random(1)
    weights = [0.0] * (BUCKETS * width)
    for turn in range(ROUNDS):
        step = STEP / (1 + turn)
        chance.shuffle(rows)
        for found, task in rows:
            shown = [at for at in found if chance.random() < KEPT]
            _learn(weights, shown, task, step, width)
    return array("b", (_byte(weight) for weight in weights)).tobytes()


def _learn(weights: list[float], found: Sequence[int], task: int, step: float, width: int) -> None:
    sums = [sum(weights[at * width + index] for at in found) for index in range(width)]
    for index, likely in enumerate(softmax(sums)):
        wrong = (index == task) - likely
        for at in found:
            place = at * width + index
            weights[place] += step * wrong


def _byte(weight: float) -> int:
    return max(-127, min(127, round(weight * SCALE)))


def main() -> None:
    labelled = prompts()
    WEIGHTS.write_bytes(trained([one for one in labelled if one.split == "train"]))
    PAGE.write_text(page(labelled), "utf-8")


if __name__ == "__main__":
    main()
