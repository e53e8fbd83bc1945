"""What the recognisers find in labelled prompts, counted strictly.

A value is found when one span of its own entity covers it, with at most two characters more at either end; a
span that belongs to no value is a false alarm, also when it covers one under another name.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from msgspec import Struct

from tests.pii.prompts import Label, Prompt

Find = Callable[[str], Iterable[tuple[int, int, str]]]
_SLACK: Final = 2


class Miss(Struct, frozen=True):
    prompt: Prompt
    label: Label
    kind: str
    """`missed`, `renamed` (hidden under another name) or `false alarm`."""

    def __str__(self) -> str:
        value = self.prompt.text[self.label.start : self.label.end]
        return f"{self.prompt.language} {self.label.entity} {self.kind}: {value!r} in {self.prompt.text!r}"


class Score(Struct, frozen=True):
    entity: str
    found: int
    missed: int
    false_alarms: int

    @property
    def precision(self) -> float:
        claimed = self.found + self.false_alarms
        return self.found / claimed if claimed else 1.0

    @property
    def recall(self) -> float:
        there = self.found + self.missed
        return self.found / there if there else 1.0


def misses(prompts: Iterable[Prompt], find: Find) -> list[Miss]:
    return [miss for prompt in prompts for miss in _of_prompt(prompt, find)]


def scores(
    prompts: Sequence[Prompt], wrong: Sequence[Miss], entities: Iterable[str]
) -> list[Score]:
    """A row an entity and, last, `all`."""
    labels = [label for prompt in prompts for label in prompt.labels]
    rows = []
    for entity in entities:
        there = sum(label.entity == entity for label in labels)
        own = [miss for miss in wrong if miss.label.entity == entity]
        alarms = sum(miss.kind == "false alarm" for miss in own)
        missed = len(own) - alarms
        rows.append(Score(entity, there - missed, missed, alarms))
    summed = (
        sum(getattr(row, name) for row in rows) for name in ("found", "missed", "false_alarms")
    )
    return [*rows, Score("all", *summed)]


def _of_prompt(prompt: Prompt, find: Find) -> Iterable[Miss]:
    spans = [Label(*span) for span in find(prompt.text)]
    for label in prompt.labels:
        own = next((span for span in spans if _fits(span, label)), None)
        if own is not None:
            spans.remove(own)
        else:
            covered = any(s.start <= label.start and s.end >= label.end for s in spans)
            yield Miss(prompt, label, "renamed" if covered else "missed")
    for span in spans:
        yield Miss(prompt, span, "false alarm")


def _fits(span: Label, label: Label) -> bool:
    return (
        span.entity == label.entity
        and label.start - _SLACK <= span.start <= label.start
        and label.end <= span.end <= label.end + _SLACK
    )
