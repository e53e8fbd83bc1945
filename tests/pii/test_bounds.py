"""How well structured personal data is found, as docs/redaction.md publishes it."""

import re
from pathlib import Path

import pytest

from runtime.redact import ENTITIES, find
from tests.pii.prompts import FIRST, HELD_OUT, SECOND, THIRD, Templates, prompts
from tests.pii.score import Score, misses, scores

PUBLISHED = Path("docs/redaction.md")


def _scores(templates: Templates) -> list[Score]:
    labelled = list(prompts(templates))
    return scores(labelled, misses(labelled, find), ENTITIES)


@pytest.mark.parametrize("templates", [FIRST, SECOND, THIRD, HELD_OUT], ids=lambda t: str(t.seed))
def test_each_kind_and_all_are_found_with_precision_099_and_recall_098(
    templates: Templates,
) -> None:
    for score in _scores(templates):
        assert score.found + score.missed >= 30
        assert score.precision >= 0.99, score
        assert score.recall >= 0.98, score


def test_the_published_table_is_what_is_measured() -> None:
    rows = [
        f"| {s.entity} | {s.found + s.missed} | {s.precision:.4f} | {s.recall:.4f} |"
        for s in _scores(HELD_OUT)
    ]

    assert "\n".join(rows) in PUBLISHED.read_text(encoding="utf-8")


def test_every_published_miss_is_one() -> None:
    told = PUBLISHED.read_text(encoding="utf-8")
    named = re.findall(r"`([^`\n]+)` in set (\d)", told)
    wrong = {
        str(number): [
            m.prompt.text[m.label.start : m.label.end] for m in misses(prompts(set_), find)
        ]
        for number, set_ in enumerate((FIRST, SECOND, THIRD, HELD_OUT), 1)
    }

    assert sorted(named) == sorted(
        (value, number) for number, own in wrong.items() for value in own
    )


def test_a_set_is_the_same_each_time_and_no_sentence_is_in_two() -> None:
    assert list(prompts(HELD_OUT)) == list(prompts(HELD_OUT))
    texts = [
        s for t in (FIRST, SECOND, THIRD, HELD_OUT) for own in t.sentences.values() for s in own
    ]
    assert len(texts) == len(set(texts))
