"""Questions in other words: vectors compared one with all, within the same surroundings.

Near enough is what the configuration says; then the words have to agree too. Nothing is
approximated: ten thousand questions are compared in less than a millisecond.
"""

from typing import Any, Final

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from runtime.cache.lexical import share_words
from runtime.cache.question import Question

Floats = NDArray[np.float32]
_FIRST_ROOM: Final = 4
_CANDIDATES: Final = 16
"""Of those that are near enough, the nearest that are read."""


class _Shelf(Struct):
    """The questions that were asked in the same surroundings; a row a question."""

    vectors: Floats
    keys: list[bytes] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def add(self, question: Question, vector: Floats) -> None:
        count = len(self.keys)
        if count == len(self.vectors):
            self.vectors = np.concatenate([self.vectors, np.empty_like(self.vectors)])
        self.vectors[count] = vector
        self.keys.append(question.key)
        self.texts.append(question.text)

    def drop(self, key: bytes) -> None:
        if key not in self.keys:
            return
        row = self.keys.index(key)
        last_key, last_text = self.keys.pop(), self.texts.pop()
        if row < len(self.keys):
            self.keys[row], self.texts[row] = last_key, last_text
            self.vectors[row] = self.vectors[len(self.keys)]


class Shelves(Struct):
    """All questions of a process that have a vector."""

    _shelves: dict[bytes, _Shelf] = field(default_factory=dict)

    def nearest(self, question: Question, vector: Any) -> tuple[bytes, float] | None:
        shelf = self._shelves.get(question.around)
        if shelf is None:
            return None
        alike = shelf.vectors[: len(shelf.keys)] @ vector
        for row in np.argsort(-alike)[:_CANDIDATES]:
            similarity = float(alike[row])
            if similarity < question.rule.similarity:
                return None
            if share_words(question.text, shelf.texts[row]):
                return shelf.keys[row], similarity
        return None

    def add(self, question: Question, vector: Any) -> int:
        shelf = self._shelves.get(question.around)
        if shelf is None:
            room = np.empty((_FIRST_ROOM, len(vector)), np.float32)
            shelf = self._shelves[question.around] = _Shelf(room)
        shelf.drop(question.key)
        shelf.add(question, vector)
        return int(vector.nbytes) * 2  # room grows by doubling

    def drop(self, question: Question) -> None:
        shelf = self._shelves.get(question.around)
        if shelf is None:
            return
        shelf.drop(question.key)
        if not shelf.keys:
            del self._shelves[question.around]
