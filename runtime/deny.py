"""Deny rules: whether a pattern occurs in any text of a body, or in one that streams.

Patterns run on the module `regex`: it gives up after a time, and says of a text's end whether a match may
have begun there (`docs/decisions/0010-patterns-that-may-hang.md`).
"""

import time
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

import orjson
import regex

from runtime.redact import TooDeepError, is_encoded, is_json

PATIENCE_S: Final = 0.25
"""For all the texts of one body together, or for one stream."""
_MAX_DEPTH: Final = 100
# Words of the API, not of a person.
_STRUCTURE: Final = frozenset(
    ("model", "role", "type", "id", "object", "tool_call_id", "finish_reason", "system_fingerprint")
)


class Denial:
    """One pattern, and how long it may still take. Raises TimeoutError, or ValueError for no pattern."""

    def __init__(self, pattern: str, ignore_case: bool, patience_s: float = PATIENCE_S) -> None:
        self._pattern = _compiled(pattern, ignore_case)
        self._left_s = patience_s

    def is_in(self, text: str) -> bool:
        return self.match(text, 0, partial=False) is not None

    def match(self, text: str, start: int, *, partial: bool) -> "regex.Match[str] | None":
        """A whole match if there is any, else with `partial` the first that may have begun."""
        if self._left_s <= 0:
            raise TimeoutError
        began = time.perf_counter()
        try:
            return self._pattern.search(text, start, partial=partial, timeout=self._left_s)
        finally:
            self._left_s -= time.perf_counter() - began


@lru_cache(maxsize=512)
def _compiled(pattern: str, ignore_case: bool) -> "regex.Pattern[str]":
    try:
        return regex.compile(pattern, regex.IGNORECASE if ignore_case else 0)
    except regex.error as error:
        raise ValueError(f"no pattern: {error}") from error


class DeniedText:
    """One streamed text. `feed` and `close` answer with what may go out, or None once it is denied.

    Held is whatever a match may have begun with. A match that ends where the text ends for now is not one
    yet: `$` or `\\b` may stop to hold.
    """

    def __init__(self, denial: Denial) -> None:
        self._denial = denial
        self._text = ""
        self._sent = 0
        self._looked_at = 0

    def feed(self, text: str) -> str | None:
        self._text += text
        held = len(self._text) - self._sent
        if self._looked_at > self._sent and held < 1.25 * (self._looked_at - self._sent):
            return ""  # what is held already is searched anew only when it has grown
        self._looked_at = len(self._text)
        match = self._denial.match(self._text, self._sent, partial=True)
        if match is None:
            return self._send(len(self._text))
        if match.partial:
            return self._send(match.start())
        # What touches the end is held with all that is before it: another match may begin there.
        return None if match.end() < len(self._text.rstrip("\n")) else ""

    def close(self) -> str | None:
        if self._denial.match(self._text, self._sent, partial=False) is not None:
            return None
        return self._send(len(self._text))

    def rest(self) -> str:
        """What was held, unchecked: for a rail that lets pass what it cannot look at."""
        return self._send(len(self._text))

    def _send(self, until: int) -> str:
        part, self._sent = self._text[self._sent : until], max(self._sent, until)
        return part


def texts(value: Any, key: str = "", depth: int = 0) -> Iterator[str]:
    """Everything in a body that somebody said: strings, keys, what JSON in a string says, and the text
    parts of one message in one piece. Raises TooDeepError."""
    if depth > _MAX_DEPTH:
        raise TooDeepError(f"nested deeper than {_MAX_DEPTH} levels")
    match value:
        case str():
            if not is_encoded(value, key):
                yield value
                if is_json(value):
                    yield from texts(orjson.loads(value), key, depth + 1)
        case dict():
            for name, item in value.items():
                if depth > 0:
                    yield name
                if name not in _STRUCTURE:
                    yield from texts(item, name, depth + 1)
        case list():
            parts = [part["text"] for part in value if _is_text(part)]
            if len(parts) > 1:
                yield "".join(parts)
            for item in value:
                yield from texts(item, key, depth + 1)


def _is_text(part: Any) -> bool:
    return isinstance(part, dict) and isinstance(part.get("text"), str)
