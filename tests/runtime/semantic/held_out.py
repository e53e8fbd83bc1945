"""Pairs of questions drawn from templates that the cache was not built on (`held_out.txt`).

Drawn the same every time. That nobody tunes the cache on them is for people to keep.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

_FILE: Final = Path(__file__).parent / "held_out.txt"
_SEED: Final = 20261124
_DRAWS: Final = 2
"""Pairs of a template that has anything to draw."""
_SLOT: Final = re.compile(r"<(\w+)(!?)>")
_SIDES: Final = re.compile(r"\{([^{}|]*)\|([^{}|]*)\}")

_Slots = Mapping[str, Sequence[str]]


class Drawn(NamedTuple):
    language: str
    kind: str
    template: str
    one: str
    other: str


def held_out() -> list[Drawn]:
    random, slots, pairs = Random(_SEED), dict[str, Sequence[str]](), list[Drawn]()
    section = ""
    for line in _FILE.read_text("utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif section == "slots":
            name, _, values = line.partition(": ")
            slots[name] = values.split(", ")
        elif not line.startswith("#"):
            language, kind = section.split()
            draws = sorted({_draw(line, slots, random) for _ in range(_DRAWS)})
            pairs += (Drawn(language, kind, line, *sides) for sides in draws)
    return pairs


def _draw(template: str, slots: _Slots, random: Random) -> tuple[str, str]:
    said = {name: random.sample(list(slots[name]), 2) for name, _ in _SLOT.findall(template)}

    def side(text: str, at: int) -> str:
        told = _SLOT.sub(lambda slot: said[slot[1]][at if slot[2] else 0], text)
        return " ".join(_SIDES.sub(lambda sides: sides[at + 1], told).split())

    one, _, other = template.partition(" = ")
    drawn = side(one, 0), side(other or one, 1)
    assert drawn[0] != drawn[1], template
    return drawn
