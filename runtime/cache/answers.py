"""The answers themselves, in memory: the least recently used go first, and none outlives its time.

Time comes in as an argument. Whether a similar question is the same one is `similar`'s affair.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final, Protocol

import orjson
from msgspec import Struct, field

from runtime.cache.question import Question
from runtime.upstream import Chunk, listed

Body = dict[str, Any]
Vector = Any
"""A numpy array of length 1: this module asks for no numpy, and never looks into one."""

MOST_BYTES: Final = 64 * 2**20
"""All answers of a process together."""
MOST_ANSWER_BYTES: Final = 2**20
"""A longer one would push out hundreds of others."""
_OVERHEAD_BYTES: Final = 512
"""What an entry costs beside its answer, roughly; a vector is counted by itself."""
_WHOLE: Final = frozenset({"stop", "tool_calls", "function_call"})
"""Reasons to finish that say that an answer has ended by itself."""


class Stored(Struct, frozen=True):
    """An answer and who gave it."""

    deployment: str
    usage: Body | None = None
    answer: Body | None = None
    """Of a call that was not streamed."""
    chunks: Sequence[Chunk] | None = None
    """Of a stream, in OpenAI's shape."""


class Found(Struct, frozen=True):
    stored: Stored
    similarity: float = 1.0
    """To the question that it was an answer to."""


class Similar(Protocol):
    """Finds a question that was asked before in other words."""

    def nearest(self, question: Question, vector: Vector) -> tuple[bytes, float] | None:
        """Its key, and how similar it is; None where none is near enough to share an answer."""
        ...

    def add(self, question: Question, vector: Vector) -> int:
        """How many bytes it costs to remember the question."""
        ...

    def drop(self, question: Question) -> None:
        """Harmless for a question that was never added."""
        ...


class _Entry(Struct, frozen=True):
    question: Question
    until_s: float
    packed: bytes
    costs: int


class Answers(Struct):
    """One process's answers, of all tenants; a question's key names its tenant."""

    similar: Similar | None = None
    """None: only the very same question is answered."""
    most_bytes: int = MOST_BYTES
    _entries: OrderedDict[bytes, _Entry] = field(default_factory=OrderedDict)
    _bytes: int = 0

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, question: Question, at_s: float, vector: Vector | None = None) -> Found | None:
        """An answer to this very question or, with its vector, to a similar one."""
        stored = self._take(question.key, at_s)
        if stored is not None:
            return Found(stored)
        if self.similar is None or vector is None:
            return None
        near = self.similar.nearest(question, vector)
        if near is None:
            return None
        key, similarity = near
        stored = self._take(key, at_s)
        return None if stored is None else Found(stored, similarity)

    def keep(
        self, question: Question, stored: Stored, at_s: float, vector: Vector | None = None
    ) -> bool:
        """Whether it was kept: only a whole answer of a reasonable size is."""
        if not is_whole(stored):
            return False
        chunks = None if stored.chunks is None else listed(stored.chunks)
        packed = orjson.dumps([stored.deployment, stored.usage, stored.answer, chunks])
        if len(packed) > MOST_ANSWER_BYTES:
            return False
        self._drop(question.key)
        costs = len(packed) + _OVERHEAD_BYTES + len(question.text)
        if self.similar is not None and vector is not None:
            costs += self.similar.add(question, vector)
        self._entries[question.key] = _Entry(question, at_s + question.rule.ttl_s, packed, costs)
        self._bytes += costs
        while self._bytes > self.most_bytes:
            self._drop(next(iter(self._entries)))
        return True

    def _take(self, key: bytes, at_s: float) -> Stored | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        if at_s >= entry.until_s:
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        deployment, usage, answer, chunks = orjson.loads(entry.packed)
        return Stored(deployment, usage, answer, chunks)

    def _drop(self, key: bytes) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        self._bytes -= entry.costs
        if self.similar is not None:
            self.similar.drop(entry.question)


def is_whole(stored: Stored) -> bool:
    """Whether every choice has come to its own end. Vectors have no end to come to."""
    if stored.answer is not None:
        choices = stored.answer.get("choices")
        if choices is None:
            return bool(stored.answer.get("data"))
        reasons = [choice.get("finish_reason") for choice in choices]
    else:
        reasons = _reasons(stored.chunks or [])
    return bool(reasons) and all(reason in _WHOLE for reason in reasons)


def _reasons(chunks: Sequence[Chunk]) -> list[str | None]:
    """Why each choice of a stream finished, None for one that did not.

    Texts have only more of a choice that a chunk before them has begun.
    """
    found: dict[int, str | None] = {}
    for chunk in chunks:
        for choice in (chunk.get("choices") or ()) if isinstance(chunk, dict) else ():
            index = choice.get("index", 0)
            found[index] = choice.get("finish_reason") or found.get(index)
    return list(found.values())
