"""Events that differ from one that was read in their words alone need not be read again.

A long answer is the same event over and over with a few other words in it. Whether a new event is such
a one is told from its bytes: the same JSON but for the text of the same strings. No I/O, no JSON parser.
"""

import re
from typing import Final

# The inside of a JSON string. What is escaped by number is left to those who read everything.
_TEXT: Final = rb'[^"\\\x00-\x1f]*+(?:\\["\\/bfnrt][^"\\\x00-\x1f]*+)*+'
_INSIDE: Final = re.compile(_TEXT)
# OpenAI pads its chunks with `obfuscation` (platform.openai.com/docs/api-reference, read 2026-11-24).
_WORDS: Final = re.compile(rb'(?<="content":")' + _TEXT + rb'(?=")|(?<="obfuscation":")' + _TEXT)
_MOST_LEARNT: Final = 4
"""Where every event is another there is nothing to be gained."""


class Alike:
    """Knows the events that are like the last one it was shown."""

    def __init__(self) -> None:
        self._before: tuple[bytes, ...] = ()
        """What stands before each text that may differ."""
        self._end = b""
        self._learnt = 0
        """How often in a row nothing came of it."""

    @property
    def is_learning(self) -> bool:
        return self._learnt < _MOST_LEARNT

    def learn(self, data: bytes) -> None:
        self._learnt += 1
        before, at = [], 0
        for words in _WORDS.finditer(data):
            before.append(data[at : words.start()])
            at = words.end()
        self._before, self._end = tuple(before), data[at:]

    def forget(self) -> None:
        self._before = ()

    def knows(self, data: bytes) -> bool:
        if not self._before:
            return False
        at = 0
        for before in self._before:
            if not data.startswith(before, at):
                return False
            inside = _INSIDE.match(data, at + len(before))
            at = inside.end() if inside else at
        if data[at:] != self._end or not (data.isascii() or _is_utf8(data)):
            return False
        self._learnt = 0
        return True


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
