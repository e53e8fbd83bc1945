"""Put the caller's own values back where an answer names their placeholders, whole or as it streams.

Only what was taken out of the request comes back; what was taken out of the answer stays out. Of a stream no
more is held than could still become one of this request's placeholders.
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from runtime.redact.redactor import PLACEHOLDER

# Strings of an answer that are JSON, so that what comes back into them has to be escaped.
JSON_KEYS: Final = frozenset({"arguments"})


class Restorer:
    """The placeholders of one request. It never shows its values, and nothing can write it down."""

    def __init__(self, value_of: Mapping[str, str], json_mode: bool = False) -> None:
        self._value_of = dict(value_of)
        self._json_mode = json_mode
        self._longest = max(map(len, value_of), default=0)
        self._beginnings = frozenset(name[:n] for name in value_of for n in range(1, len(name)))

    def __len__(self) -> int:
        return len(self._value_of)

    def __repr__(self) -> str:
        return f"<Restorer of {len(self)} values>"

    def __reduce__(self) -> str:
        raise TypeError("a restorer is not to be written anywhere")

    def text(self, text: str, in_json: bool) -> str:
        def value(name: str) -> str:
            known = self._value_of.get(name)
            if known is None:
                return name
            return orjson.dumps(known).decode()[1:-1] if in_json else known

        return PLACEHOLDER.sub(lambda match: value(match[0]), text)

    def held(self, text: str) -> int:
        """How many characters at the end may be the beginning of a placeholder."""
        at = text.rfind("[", max(0, len(text) - self._longest + 1))
        return len(text) - at if at >= 0 and text[at:] in self._beginnings else 0

    def is_json(self, key: str, text: str) -> bool:
        """Decided by the first character that is no space: a stream must not wait for the last."""
        return key in JSON_KEYS or self._json_mode or text.lstrip()[:1] == "{"

    def whole(self, value: Any, key: str = "") -> Any:
        """A copy of an answer, or of a part of it, with every string restored."""
        match value:
            case str():
                return self.text(value, self.is_json(key, value))
            case dict():
                return {name: self.whole(item, name) for name, item in value.items()}
            case list():
                return [self.whole(item, key) for item in value]
        return value


class RestoredText:
    """One streamed text: `feed` answers with what can go out, `close` with the rest."""

    def __init__(self, restorer: Restorer, key: str) -> None:
        self._restorer = restorer
        self._key = key
        self._held = ""
        self._in_json: bool | None = None

    def feed(self, text: str) -> str:
        self._held += text
        return self._send(len(self._held) - self._restorer.held(self._held))

    def close(self) -> str:
        return self._send(len(self._held))

    def _send(self, length: int) -> str:
        part, self._held = self._held[:length], self._held[length:]
        if self._in_json is None and part.strip():
            self._in_json = self._restorer.is_json(self._key, part)
        return self._restorer.text(part, bool(self._in_json))
