"""Byte-level mutants of configuration files: what a bad edit, a bad merge or a bad network makes."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

_DICTIONARY = [
    *(b"model_list:\n", b"litellm_params", b"router_settings:", b"fallbacks: [{a: [b]}]"),
    *(b'"targets": []', b'"strategy": {"mode": "fallback"}', b'"retry": {"attempts": 3}'),
    *(b'"provider": {"order": []}', b'"models": []', b"<<: *a", b"&a", b"*a", b"!!python/object"),
    *(b"{", b"}", b"[", b"]", b'"', b"'", b"\n- ", b"\n  ", b": ", b"#", b"|\n", b">\n", b"\t"),
    *(b"null", b"true", b"-1", b"1e999", b"0x10", b".nan", b"9" * 400, b"os.environ/", b"${X}"),
    *(b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\xc3", "ü😀\u2028".encode(), b"\r\n"),
    b"{{ .Values.x }}",
]


def mutant(chance: random.Random, seeds: Sequence[bytes]) -> bytes:
    """One seed, changed in one to six places."""
    text = bytearray(chance.choice(seeds))
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        chance.choice(_WAYS)(chance, text, seeds)
    return bytes(text)


def _span(chance: random.Random, text: bytearray, most: int = 64) -> slice:
    start = chance.randrange(len(text) + 1)
    return slice(start, min(len(text), start + chance.randrange(most)))


def _flip(chance: random.Random, text: bytearray, _: Sequence[bytes]) -> None:
    if text:
        text[chance.randrange(len(text))] ^= 1 << chance.randrange(8)


def _delete(chance: random.Random, text: bytearray, _: Sequence[bytes]) -> None:
    del text[_span(chance, text)]


def _cut(chance: random.Random, text: bytearray, _: Sequence[bytes]) -> None:
    del text[chance.randrange(len(text) + 1) :]


def _insert(chance: random.Random, text: bytearray, _: Sequence[bytes]) -> None:
    at = chance.randrange(len(text) + 1)
    text[at:at] = chance.choice(_DICTIONARY)


def _replace(chance: random.Random, text: bytearray, _: Sequence[bytes]) -> None:
    text[_span(chance, text, 16)] = chance.choice(_DICTIONARY)


def _repeat(chance: random.Random, text: bytearray, _: Sequence[bytes]) -> None:
    span = _span(chance, text, 200)
    text[span] = text[span] * chance.choice((2, 3, 50))


def _splice(chance: random.Random, text: bytearray, seeds: Sequence[bytes]) -> None:
    other = chance.choice(seeds)
    start = chance.randrange(len(other) + 1)
    text[_span(chance, text)] = other[start : start + chance.randrange(300)]


def _swap_lines(chance: random.Random, text: bytearray, _: Sequence[bytes]) -> None:
    lines = text.split(b"\n")
    if len(lines) > 1:
        a, b = chance.randrange(len(lines)), chance.randrange(len(lines))
        lines[a], lines[b] = lines[b], lines[a]
        text[:] = b"\n".join(lines)


def _indent(chance: random.Random, text: bytearray, _: Sequence[bytes]) -> None:
    lines = text.split(b"\n")
    at = chance.randrange(len(lines))
    lines[at] = b" " * chance.choice((1, 2, 4)) + lines[at]
    text[:] = b"\n".join(lines)


_WAYS: Sequence[Callable[[random.Random, bytearray, Sequence[bytes]], None]] = (
    *(_flip, _delete, _cut, _insert, _insert, _replace, _repeat, _splice, _swap_lines, _indent),
)
