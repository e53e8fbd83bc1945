"""How often the task model is right on prompts that it was not trained on, as values and as a page."""

from collections import Counter
from collections.abc import Sequence

from designer.tasks import BUCKETS, LEAST, MOST_CHARACTERS, TASKS, task_of
from tests.tasks.labelled import Prompt

Confusion = Counter[tuple[str, str]]
"""By (task, what the model said)."""


def confusion(labelled: Sequence[Prompt]) -> Confusion:
    return Counter((one.task, task_of(one.text)) for one in labelled)


def f1(found: Confusion, task: str) -> float:
    """What is not told of a prompt of the task counts as missed."""
    right = found[task, task]
    wrong = sum(n for pair, n in found.items() if (pair[0] == task) != (pair[1] == task))
    return 2 * right / (2 * right + wrong) if right else 0.0


def macro_f1(found: Confusion) -> float:
    return sum(f1(found, task) for task in TASKS) / len(TASKS)


def of_split(labelled: Sequence[Prompt], split: str) -> list[Prompt]:
    return [one for one in labelled if one.split == split]


def page(labelled: Sequence[Prompt]) -> str:
    found, unseen = (confusion(of_split(labelled, split)) for split in ("test", "unseen"))
    columns = (*TASKS, "")
    heads = " | ".join((*TASKS, "not told", "F1"))
    rows = (
        f"| {task} | {' | '.join(str(found[task, said]) for said in columns)} | {f1(found, task):.3f} |"
        for task in TASKS
    )
    return _PAGE.format(
        heads=heads,
        line=" | ".join(["---"] * (len(TASKS) + 3)),
        rows="\n".join(rows),
        macro=macro_f1(found),
        unseen=macro_f1(unseen),
        by_hand=sum(unseen.values()),
        tested=sum(found.values()),
        trained=len(of_split(labelled, "train")),
        tasks=", ".join(f"`{task}`" for task in TASKS),
        kb=BUCKETS * len(TASKS) // 1000,
        least=f"{LEAST:.0%}",
        most=MOST_CHARACTERS,
    )


_PAGE = """\
# Routes by task

A route with `route_by: {{key: task}}` goes by what a request says its task is (`metadata.task`). Where it says
nothing, the runtime guesses from the last user message: {tasks}, or
nothing, which takes the `else`. Real gateways do not guess, so neither does a dry run under their semantics.
`designer trace CONFIG --prompt TEXT --semantics reference` shows the guess.

## How often it is right

On {tested} held-out prompts, by templates and fillings of which none was trained on; rows are what a prompt is for,
columns what the model says:

| | {heads} |
| {line} |
{rows}

Macro-F1 **{macro:.3f}**. The model was chosen while looking at these; on {by_hand} prompts written by hand once it was
settled, macro-F1 is **{unseen:.3f}**, which is nearer to what real traffic will see. A test computes this page anew.

## How it is made

A linear model over hashed words and pairs of words ({kb} kB of weights, no library), trained by
`python -m tests.tasks.train` on {trained} prompts of `tests/tasks/prompts.tsv`, which `tests/tasks/labelled.py` makes
of `templates.txt`: the same bytes each time. Only the first and the last {most} characters are read. A guess took
13 µs for 8 characters, 51 µs for 96, 103 µs for 384 and 254 µs for anything long (2026-11-24, one core of a shared
machine, best of five).

## Limits

It reads English, and what it was shown is not your traffic: where a wrong guess costs more than asking the client to
say `metadata.task`, ask. A guess less likely than {least} is not told. It is no guard: who writes a prompt can steer
where it goes.
"""
