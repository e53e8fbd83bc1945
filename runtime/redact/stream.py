"""Redact text that arrives in pieces: nothing is passed on that could still become an entity."""

import re
from typing import Final

from runtime.redact.find import find
from runtime.redact.redactor import Redactor

# The longest entity with gaps in it is an IBAN or a phone number behind its context words.
_HELD: Final = 100
_CONTEXT: Final = 200
_WORD: Final = re.compile(r"(?<=[^\W\d] )(?=[^\W\d])")
_CUT: Final = re.compile(r"(?<=[\s,;!?\u3001\u3002\uff0c])(?=\S)")
_NUMBERS_MEET: Final = re.compile(r"[\d)]\W{0,3}\Z")
_MOST_HELD: Final = 16_384


class RedactedText:
    """One streamed text. `feed` answers with what is safe to send, `close` with the rest."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._sent = ""
        """The end of what was sent, as it came: it may be what makes a number a phone number."""
        self._held = ""

    def feed(self, text: str) -> str:
        self._held += text
        return self._send(self._safe_length()) if len(self._held) > _HELD else ""

    def close(self) -> str:
        return self._send(len(self._held))

    def rest(self) -> str:
        """What was held, as it came."""
        held, self._held = self._held, ""
        return held

    def _safe_length(self) -> int:
        """Up to where nothing that comes can change anything: between two words, outside of every span."""
        limit = len(self._held) - _HELD
        spans = [
            (start - len(self._sent), end - len(self._sent))
            for start, end, _ in find(self._sent + self._held, self._redactor.entities)
        ]
        for start, end in spans:
            if start < limit < end:
                limit = max(start, 0)
        cuts = [cut.start() for cut in _CUT.finditer(self._held, 0, limit + 1)]
        for cut in reversed(cuts):
            if not self._numbers_meet(cut) and not any(start < cut < end for start, end in spans):
                return cut
        return limit if len(self._held) > _MOST_HELD else 0

    def _numbers_meet(self, cut: int) -> bool:
        before = self._held[max(0, cut - 4) : cut]
        return self._held[cut].isdigit() and _NUMBERS_MEET.search(before) is not None

    def _send(self, length: int) -> str:
        """Redact the first `length` characters, seeing what stands before and behind them."""
        before, part, behind = self._sent, self._held[:length], self._held[length:]
        pieces: list[str] = []
        at = len(before)
        for start, end, entity in find(before + part + behind, self._redactor.entities):
            start, end = max(start, at), min(end, len(before) + length)
            if start < end:
                pieces += (
                    part[at - len(before) : start - len(before)],
                    self._redactor.vault.placeholder(
                        entity, part[start - len(before) : end - len(before)]
                    ),
                )
                self._redactor.counts[entity] += 1
                at = end
        safe = "".join((*pieces, part[at - len(before) :]))
        self._sent = _end_of(before + part)
        self._held = behind
        return safe


def _end_of(text: str) -> str:
    """The last words: from between two of them, so that no number is begun in its middle."""
    if len(text) <= _CONTEXT:
        return text
    word = _WORD.search(text, len(text) - _CONTEXT)
    return text[word.start() if word else len(text) - _CONTEXT :]
