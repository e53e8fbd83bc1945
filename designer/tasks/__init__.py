"""What a prompt is for (`chat`, `code`, `reason`, …), guessed from its words: for routes by `task`.

A linear model over hashed words, small enough to be asked on every request. It is trained elsewhere
(`tests/tasks/train.py`, on texts kept beside it); how often it is right is in docs/tasks.md. It reads English
and knows nothing of who asks: what a request says itself (`metadata.task`) is not its affair.
"""

import re
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from math import exp
from typing import Any
from zlib import crc32

from designer.engine.lengths import text_of
from designer.ir import Condition, Node, Ref, Routing, Switch, walk

TASKS = ("chat", "code", "reason", "summarize", "extract", "classify")
"""Those of a profile that a prompt can be for: an embedding is asked for at a path of its own."""
BUCKETS = 1 << 13
SCALE = 32
"""Weights are kept as bytes: in 32nds."""
LEAST = 0.4
"""Less likely than that, nothing is said. Design decision: one in six is a blind guess."""
MOST_CHARACTERS = 600
"""Read at each end of a long prompt: instructions stand before or after what they are about."""

_WORD = re.compile(r"[a-z]+|[0-9]+|[^\sa-z0-9]")
_STEM = 5
"""Letters that stand for a word's forms: `summarise`, `summary`."""
_LONG_WORDS = 40


def task_of(text: str) -> str:
    """One of `TASKS`; empty where the model cannot tell."""
    likely = shares(text)
    best = max(range(len(TASKS)), key=likely.__getitem__)
    return TASKS[best] if likely[best] >= LEAST else ""


def last_said(messages: Sequence[Any]) -> str:
    """The user's last message; empty where there is none."""
    said = (m for m in reversed(messages) if isinstance(m, Mapping) and m.get("role") == "user")
    last = next(said, None)
    return "" if last is None else text_of(last.get("content"))


def routes_by_task(routing: Routing) -> frozenset[str]:
    """The routes, and their other names, on whose way something is decided by the task."""
    names = (*(route.name for route in routing.routes), *(alias for alias, _ in routing.aliases))
    return frozenset(name for name in names if _asks(routing, name, set()))


def _asks(routing: Routing, name: str, visited: set[str]) -> bool:
    if name in visited or not routing.has_route(name):
        return False
    visited.add(name)
    nodes = tuple(walk(routing.route(name).node))
    further = (node.route for node in nodes if isinstance(node, Ref))
    return any(map(_decides, nodes)) or any(_asks(routing, other, visited) for other in further)


def _decides(node: Node) -> bool:
    return isinstance(node, Switch) and any(_is_of_task(case.when) for case in node.cases)


def _is_of_task(condition: Condition) -> bool:
    if condition.operator in ("and", "or"):
        return any(map(_is_of_task, condition.value))
    return condition.key == "task"


def shares(text: str) -> list[float]:
    """How likely each task is, in the order of `TASKS`."""
    found, weights, width = features(text), _weights(), len(TASKS)
    sums = [0] * width
    for feature in found:
        at = feature * width
        for index in range(width):
            sums[index] += weights[at + index]
    return softmax([total / SCALE for total in sums]) if found else [1 / width] * width


def softmax(sums: Sequence[float]) -> list[float]:
    most = max(sums)
    powers = [exp(one - most) for one in sums]
    total = sum(powers)
    return [power / total for power in powers]


def features(text: str) -> set[int]:
    """The buckets of its words, of pairs of them, and of how it begins, ends and looks."""
    return {crc32(name.encode()) % BUCKETS for name in _named(_ends(text))}


def _ends(text: str) -> str:
    if len(text) <= 2 * MOST_CHARACTERS:
        return text
    return f"{text[:MOST_CHARACTERS]} … {text[-MOST_CHARACTERS:]}"


def _named(text: str) -> Iterator[str]:
    words = [_plain(word) for word in _WORD.findall(text.lower())]
    if not words:
        return
    yield from words
    yield from (f"{word[:_STEM]}~" for word in words if len(word) > _STEM)
    yield from map(" ".join, zip(words, words[1:], strict=False))
    yield from (f"^{word}" for word in words[:4])
    yield from (f"{word}$" for word in words[-3:])
    yield "long" if len(words) > _LONG_WORDS else "short"
    yield from _looks(text)


_LOOKS = tuple(
    re.compile(look)
    for look in (
        *(r"\n\n", r"```", r"\w\(", r"[a-z]\.[a-z]", r"[a-z][A-Z]", r"[{};]\s", r"::|=>|==|\+=|->"),
        *(r"\w_\w", r"\?", r"[\"“]", r":\s", r"\d", r" [-+*^/] ", r"\n", r"^\W*[A-Z]"),
    )
)
"""What a text is recognised by at a glance: code, sums, questions, quotations."""


def _looks(text: str) -> Iterable[str]:
    return (f"has {look.pattern}" for look in _LOOKS if look.search(text))


def _plain(word: str) -> str:
    return "0" if word.isdigit() else word


@cache
def _weights() -> "array[int]":
    """Task by task for each bucket."""
    return array("b", files("designer.tasks").joinpath("weights.bin").read_bytes())
