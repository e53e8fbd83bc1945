"""Events that differ from one that was read in their words alone need not be read again.

A long answer is the same event over and over with a few other words in it. Whether what comes next is such
events is told from its bytes: the same JSON but for the text of the same strings. No I/O, no JSON parser.
"""

import re
from typing import Final

DATA: Final = b"data: "
END: Final = b"\n\n"
BETWEEN: Final = END + DATA
"""What stands between the texts of events that follow one another."""
# The inside of a JSON string. What is escaped by number is left to those who read everything.
_TEXT: Final = rb'[^"\\\x00-\x1f]*+(?:\\["\\/bfnrt][^"\\\x00-\x1f]*+)*+'
_INSIDE: Final = re.compile(_TEXT)
# OpenAI pads its chunks with `obfuscation` (platform.openai.com/docs/api-reference, read 2026-11-24).
_WORDS: Final = re.compile(rb'"(?:content|obfuscation)": ?"(' + _TEXT + rb')"')
_MOST_LEARNT: Final = 4
"""Where every event is another there is nothing to be gained."""
_MOST_AT_ONCE: Final = 16_384
"""Bytes: what is looked at in vain is looked at again, so that it must not be much."""


class Alike:
    """Knows the events that are like the last one it was shown."""

    def __init__(self) -> None:
        self._start = b""
        """What such an event begins with, up to its words; empty while none is known."""
        self._middle = b""
        """What stands between its two texts, where it has two."""
        self._end = b""
        self._learnt = 0
        """How often in a row nothing came of it."""

    @property
    def is_learning(self) -> bool:
        return self._learnt < _MOST_LEARNT

    def learn(self, data: bytes) -> None:
        """Of an event with one or two texts, what another one would have in common with it."""
        self._learnt += 1
        texts = list(_WORDS.finditer(data))
        if 1 <= len(texts) <= 2:
            first, last = texts[0], texts[-1]
            self._start = DATA + data[: first.start(1)]
            self._middle = data[first.end(1) : last.start(1)]
            self._end = data[last.end(1) :] + END

    def forget(self) -> None:
        self._start = b""

    def run(self, data: bytes, at: int) -> int:
        """Where the events from `at` on end that are like it; `at` where the first one is not.

        No text of a JSON string can hold what stands around one, which has quotes in it.
        """
        start = self._start
        if not start or not data.startswith(start, at):
            return at
        texts = data[at + len(start) : at + _MOST_AT_ONCE].split(self._end + start)
        last, end, _ = texts.pop().partition(self._end)
        if end:
            texts.append(last)
        if not self._are_texts(texts):
            count = next(n for n, text in enumerate(texts) if not self._are_texts([text]))
            del texts[count:]
        if not texts:
            return at
        self._learnt = 0
        return at + len(texts) * (len(start) + len(self._end)) + sum(map(len, texts))

    def _are_texts(self, texts: list[bytes]) -> bool:
        if self._middle:
            if any(text.count(self._middle) != 1 for text in texts):
                return False
            texts = [part for text in texts for part in text.split(self._middle)]
        joined = b" ".join(texts)  # a backslash at the end of one would not escape that
        return bool(_INSIDE.fullmatch(joined)) and (joined.isascii() or _is_utf8(joined))


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
