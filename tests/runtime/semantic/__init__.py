"""Pairs of questions, written by hand: the same in other words, and alike but not the same."""

import re
from pathlib import Path
from typing import NamedTuple

_HERE = Path(__file__).parent
_PAIR = re.compile(r"\{([^{}|]*)\|([^{}|]*)\}")


class Pair(NamedTuple):
    kind: str
    one: str
    other: str


def paraphrases() -> list[Pair]:
    lines = (_HERE / "paraphrases.txt").read_text("utf-8").splitlines()
    told = [line.split(" = ") for line in lines if not line.startswith("#")]
    return [Pair("paraphrase", one, other) for one, other in told]


def hard_negatives() -> list[Pair]:
    found, kind = list[Pair](), ""
    for line in (_HERE / "hard_negatives.txt").read_text("utf-8").splitlines():
        if line.startswith("["):
            kind = line.strip("[]")
        elif not line.startswith("#"):
            found.append(Pair(kind, *(_side(line, side) for side in (1, 2))))
    return found


def _side(line: str, side: int) -> str:
    text, count = _PAIR.subn(lambda found: found[side], line)
    assert count == 1, line
    return " ".join(text.split())
