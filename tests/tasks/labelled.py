"""The labelled prompts that the task model is trained on and judged by: templates, filled, and some by hand.

`python -m tests.tasks.labelled` writes `prompts.tsv`. A template and what fills it are of one split, so that no
held-out prompt has a near-duplicate among the others; only the names of programming languages are shared.
"""

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

HERE = Path(__file__).parent
PROMPTS = HERE / "prompts.tsv"
OF_A_TASK = {"train": 600, "test": 140}
"""How many prompts are made of templates."""
_SPLITS = ("train", "test")

Parts = Mapping[str, Sequence[str]]


class Prompt(Struct, frozen=True):
    task: str
    split: str
    """`train`, `test`, or `unseen`: written when the model was settled, and by hand."""
    source: str
    """The template it was made of, by number, or `hand`."""
    text: str


def prompts() -> list[Prompt]:
    """As they were written down."""
    rows = PROMPTS.read_text("utf-8").splitlines()
    return [Prompt(*(_broken(cell) for cell in row.split("\t"))) for row in rows]


def made() -> Iterator[Prompt]:
    """The same ones each time."""
    parts = _parts((HERE / "templates.txt").read_text("utf-8"))
    tasks = [name.split()[0] for name in parts if name.endswith(" train") and name[0] != ":"]
    for task in tasks:
        for split in _SPLITS:
            yield from _filled(task, split, parts)
            yield from _by_hand(task, split, parts)
        yield from _by_hand(task, "unseen", parts)


def _by_hand(task: str, split: str, parts: Parts) -> Iterator[Prompt]:
    for text in parts[f"{task} {split} by hand"]:
        yield Prompt(task, split, "hand", _broken(text))


def _filled(task: str, split: str, parts: Parts) -> Iterator[Prompt]:
    chance = random.Random(f"{task}/{split}")
    templates, seen = parts[f"{task} {split}"], set[str]()
    for turn in range(20 * OF_A_TASK[split]):
        number = turn % len(templates)
        text = _fill(templates[number], split, parts, chance)
        if text in seen:
            continue
        seen.add(text)
        yield Prompt(task, split, f"{split}-{number}", _broken(text))
        if len(seen) == OF_A_TASK[split]:
            return


def _fill(template: str, split: str, parts: Parts, chance: random.Random) -> str:
    text = template
    for name in ("passage", "message", "labels", "fields", "record", "language", "program"):
        text = _with(text, name, split, parts, chance)
    for name in ("snippet", "error", "topic", "thing", "who", "choice", "n"):
        text = _with(text, name, split, parts, chance)
    if chance.random() < _LED:
        text = f"{chance.choice(parts[f':lead {split}'])} {text}"
    return text.lower() if chance.random() < _LOWER else text


_LED, _LOWER = 0.25, 0.1
"""Shares of prompts that begin politely, of any task, and that are written small."""


def _with(text: str, name: str, split: str, parts: Parts, chance: random.Random) -> str:
    return text.replace(f"{{{name}}}", chance.choice(parts[f":{name} {split}"]))


def _parts(text: str) -> dict[str, list[str]]:
    parts: dict[str, list[str]] = defaultdict(list)
    name = ""
    for line in text.splitlines():
        if line.startswith("[") and line.endswith("]"):
            name = line[1:-1]
        elif line and not line.startswith("# "):
            parts[name].append(line)
    return dict(parts)


def _broken(text: str) -> str:
    return text.replace("\\n", "\n").replace("\\t", "    ")


def main() -> None:
    rows = (
        "\t".join((one.task, one.split, one.source, one.text.replace("\n", "\\n")))
        for one in made()
    )
    PROMPTS.write_text("\n".join(rows) + "\n", "utf-8")


if __name__ == "__main__":
    main()
