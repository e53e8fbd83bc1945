"""Keep secrets out of evidence: what looks like one, and what stands where one is kept in the files."""

import re
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from designer.lint.secrets import is_password_key, is_placeholder, is_secret_key
from designer.load import Config
from designer.profile.secrets import hide_secrets

_HIDDEN = "(secret not shown)"
_USER_IN_URL = re.compile(r"://[^/\s]*@")
_PASSWORD_IN_URL = re.compile(r"://[^/\s:]*:([^/\s]+)@")
_SHORTEST = 6
"""Of a value that is taken out wherever it stands: `none` is too common a word for that."""


class Hide(Struct, frozen=True):
    """Takes secrets out of a text."""

    values: tuple[str, ...]

    def __call__(self, text: str) -> str:
        for value in self.values:
            text = text.replace(value, _HIDDEN)
        return hide_secrets(_USER_IN_URL.sub(f"://{_HIDDEN}@", text))


def hide_of(config: Config) -> Hide:
    """For texts about a configuration: the values of its settings for secrets are known."""
    found = (v for document in config.parsed.documents for v in _secrets(document.value, ""))
    return Hide(tuple(sorted({v for v in found if len(v) >= _SHORTEST}, key=len, reverse=True)))


def _secrets(value: Any, key: str) -> Iterator[str]:
    match value:
        case dict():
            for name, item in value.items():
                yield from _secrets(item, str(name))
        case list():
            for item in value:
                yield from _secrets(item, key)
        case str() if (is_secret_key(key) or is_password_key(key)) and not is_placeholder(value):
            yield value
        case str():
            yield from _PASSWORD_IN_URL.findall(value)
        case _:
            return
