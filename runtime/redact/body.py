"""Redact a whole request or answer, whatever its shape.

Every string is looked at: message parts, tool arguments and results, tool descriptions, schemas,
metadata, fields nobody has heard of yet, and keys too. That is safe for identifiers as well: the
same value gets the same placeholder everywhere, so what belonged together still does.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

from runtime.redact.find import ENTITIES, Named, is_plain, nobody
from runtime.redact.redactor import PLACEHOLDER, Redactor, Vault

_MAX_DEPTH: Final = 100
# Chosen by the gateway and replaced before the request leaves.
_REQUEST_KEEPS: Final = frozenset({"model"})
_RESPONSE_KEEPS: Final = frozenset(
    {"id", "object", "created", "model", "system_fingerprint", "usage"}
)
# Encoded files: nothing in them can be read here, and a placeholder would break them.
_IMAGE: Final = re.compile(r"data:image/[\w.+-]{1,40};base64,[A-Za-z0-9+/=\s]*\Z")
_ENCODED_KEYS: Final = frozenset({"data", "file_data", "b64_json"})
_ENCODED: Final = re.compile(r"(?:data:[\w.+/-]{1,80};base64,)?[A-Za-z0-9+/=\s]{256,}\Z")
_JSON_TOKEN: Final = re.compile(r'("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?|-?[0-9][0-9.eE+-]*')


class TooDeepError(ValueError):
    """The body is nested deeper than anything meant honestly; it must not be sent on."""


@dataclass(frozen=True, slots=True)
class Redactions:
    """What was taken out. Printing it shows how much, never what."""

    counts: dict[str, int]
    """Replacements per entity."""
    vault: Vault

    @property
    def total(self) -> int:
        return sum(self.counts.values())


def redact_request(
    body: dict[str, Any],
    entities: Collection[str] = ENTITIES,
    vault: Vault | None = None,
    named: Named = nobody,
) -> tuple[dict[str, Any], Redactions]:
    """A copy of `body` without any of the entities, and what was taken out.

    A vault given is shared with whatever else belongs to the request.
    """
    return _redact(body, Redactor(entities, vault, named), _REQUEST_KEEPS)


def redact_response(
    body: dict[str, Any], entities: Collection[str] = ENTITIES, vault: Vault | None = None
) -> tuple[dict[str, Any], Redactions]:
    return _redact(body, Redactor(entities, vault), _RESPONSE_KEEPS)


def _redact(
    body: dict[str, Any], redactor: Redactor, keeps: frozenset[str]
) -> tuple[dict[str, Any], Redactions]:
    redactor.vault.avoid(_placeholders_in(body))
    redacted = {
        _text(redactor, key, "", 0): value if key in keeps else _value(redactor, value, key, 0)
        for key, value in body.items()
    }
    return redacted, Redactions(dict(redactor.counts), redactor.vault)


def _value(redactor: Redactor, value: Any, key: str, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise TooDeepError(f"the request is nested deeper than {_MAX_DEPTH} levels")
    match value:
        case str():
            return _text(redactor, value, key, depth)
        case dict():
            return {
                _text(redactor, k, "", depth): _value(redactor, v, k, depth + 1)
                for k, v in value.items()
            }
        case list():
            return [_value(redactor, item, key, depth + 1) for item in value]
        case bool() | None:
            return value
        case int() | float():
            return _number(redactor, value, key)
    return value


def _number(redactor: Redactor, value: int | float, key: str) -> int | float | str:
    """A card number may well come as a number; its placeholder has to be a string."""
    if key == "seed":  # drawn, and none of its digits means anything
        return value
    if abs(value) < 1_000_000 or (isinstance(value, float) and not value.is_integer()):
        return value
    redacted, spans = redactor.redact_text(str(int(value)), key)
    return redacted if spans else value


def redact_string(redactor: Redactor, text: str, key: str) -> str:
    """One string that stands under `key`: inside JSON only its strings and numbers change."""
    return _text(redactor, text, key, 0)


def is_encoded(text: str, key: str) -> bool:
    """A file in letters: nothing in it can be read here."""
    return bool(_IMAGE.match(text)) or (key in _ENCODED_KEYS and bool(_ENCODED.match(text)))


def _text(redactor: Redactor, text: str, key: str, depth: int) -> str:
    if is_plain(text) or is_encoded(text, key):
        return text
    if is_json(text):
        return _json(redactor, text, key, depth + 1)
    return redactor.redact_text(text, key)[0]


def is_json(text: str) -> bool:
    if not text.lstrip().startswith(("{", "[", '"')):
        return False
    try:
        orjson.loads(text)
    except ValueError:  # also text with lone surrogates
        return False
    return True


def _json(redactor: Redactor, text: str, key: str, depth: int) -> str:
    """Redact inside the strings and numbers of a JSON text and leave every other byte alone."""
    if depth > _MAX_DEPTH:
        raise TooDeepError(f"the request is nested deeper than {_MAX_DEPTH} levels")
    context = key

    def token(match: re.Match[str]) -> str:
        nonlocal context
        literal, colon = match[1], match[2]
        if literal is None:
            number = orjson.loads(match[0])
            redacted = _number(redactor, number, context)
            return match[0] if redacted == number else orjson.dumps(redacted).decode()
        plain: str = orjson.loads(literal)
        changed = _text(redactor, plain, "" if colon else context, depth)
        if colon:
            context = plain
        if changed == plain:
            return match[0]
        return orjson.dumps(changed).decode() + (colon or "")

    return _JSON_TOKEN.sub(token, text)


def _placeholders_in(value: Any, depth: int = 0) -> Iterator[str]:
    match value:
        case str():
            if "[" in value:
                yield from PLACEHOLDER.findall(value)
        case dict():
            if depth <= _MAX_DEPTH:
                for key, item in value.items():
                    yield from _placeholders_in(key)
                    yield from _placeholders_in(item, depth + 1)
        case list():
            if depth <= _MAX_DEPTH:
                for item in value:
                    yield from _placeholders_in(item, depth + 1)
