"""The regular expressions that RE2, JavaScript and Python share, and what they match.

`parse` accepts that subset and nothing else; `Pattern.search` runs it as an automaton, in time
bounded by pattern times text, so that no pattern can hold up whoever reads a profile. Sources:
github.com/google/re2/wiki/Syntax, ECMA-262 §22.2, docs.python.org/3/library/re.html; `\\d`, `\\w`,
`\\s` and `\\b` mean ASCII, as in RE2 and in JavaScript's `\\d`, `\\w`, `\\b`.
"""

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Final

from msgspec import Struct

MAX_STATES: Final = 2_000
MAX_REPEAT: Final = 1_000
"""RE2's own limit on `{n,m}`."""
MAX_DEPTH: Final = 50

_CLASSES: Final = {
    "d": r"0-9",
    "D": r"\x00-/:-\U0010ffff",
    "w": r"0-9A-Z_a-z",
    "W": r"\x00-/:-@\[-\^`{-\U0010ffff",
    "s": r"\t\n\v\f\r ",
    "S": r"\x00-\x08\x0e-\x1f!-\U0010ffff",
}
"""What stands between the brackets of the class that each shorthand means."""
_CONTROLS: Final = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v"}
_GROUPS: Final = (
    ("(?=", "a look-ahead"),
    ("(?!", "a look-ahead"),
    ("(?<=", "a look-behind"),
    ("(?<!", "a look-behind"),
    ("(?P=", "a back-reference"),
    ("(?P<", "a named group"),
    ("(?<", "a named group"),
    ("(?>", "an atomic group"),
    ("(?#", "a comment"),
    ("(?(", "a condition"),
    ("(?|", "a branch reset"),
    ("(?", "an inline flag"),
)
_ADVICE: Final = {
    "an inline flag": "for `(?i)` write `ignore_case: true`",
    "a named group": "write a plain group `(…)` or `(?:…)`",
    "an anchor of its own": "write `^` or `$`",
    "a look-ahead": "write what the text must be, or two rules",
    "a look-behind": "write what the text must be, or two rules",
}
_OTHERWISE: Final = "keep to what RE2, JavaScript and Python share"


class NotShared(ValueError):  # noqa: N818  (a finding about the user's pattern)
    """The pattern cannot be read, or not by all three engines; `position` counts from 1."""

    def __init__(self, problem: str, position: int) -> None:
        super().__init__(problem)
        self.problem = problem
        self.position = position

    @property
    def help(self) -> str:
        return _ADVICE.get(self.problem, _OTHERWISE)


class One(Struct, frozen=True):
    """One character, by a class Python's `re` knows."""

    accepts: str


class Edge(Struct, frozen=True):
    """A place between characters: `^`, `$`, `\\b` or `\\B`."""

    kind: str


class Row(Struct, frozen=True):
    parts: tuple["Part", ...]


class Either(Struct, frozen=True):
    options: tuple["Part", ...]


class Repeat(Struct, frozen=True):
    part: "Part"
    least: int
    most: int | None
    position: int


Part = One | Edge | Row | Either | Repeat


class Pattern(Struct, frozen=True, dict=True):
    part: Part
    ignore_case: bool = False

    def search(self, text: str) -> bool:
        """Whether the pattern occurs anywhere in `text`."""
        return self._automaton.occurs_in(text)

    @cached_property
    def _automaton(self) -> "_Automaton":
        return _Automaton(self.part, self.ignore_case)


def parse(pattern: str, *, ignore_case: bool = False) -> Pattern:
    """Raises NotShared for what the three engines do not share."""
    part = _Parser(pattern).whole()
    if (size := _size(part)) > MAX_STATES:
        raise NotShared(f"repetitions that make {size:,} states, too many,", 1)
    return Pattern(part, ignore_case)


def slow_repeats(part: Part, *, inside: bool = False) -> Iterator[int]:
    """Where an unbounded repetition stands inside another, which back-tracking may take long for."""
    match part:
        case Repeat(part=below, most=None, position=position):
            if inside:
                yield position
            yield from slow_repeats(below, inside=True)
        case Repeat(part=below):
            yield from slow_repeats(below, inside=inside)
        case Row(parts=parts) | Either(options=parts):
            for below in parts:
                yield from slow_repeats(below, inside=inside)
        case One() | Edge():
            return


def _size(part: Part) -> int:
    match part:
        case Row(parts=parts) | Either(options=parts):
            return 1 + sum(_size(below) for below in parts)
        case Repeat(part=below, least=least, most=most):
            return 1 + _size(below) * max(least, most or 0, 1)
        case One() | Edge():
            return 1


class _Parser:
    """A recursive descent over the pattern; `at` is the next character."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._depth = 0

    def whole(self) -> Part:
        part = self._either()
        if self._at < len(self._pattern):
            raise self._error("a `)` without its `(`")
        return part

    def _either(self) -> Part:
        options = [self._row()]
        while self._next("|"):
            options.append(self._row())
        return options[0] if len(options) == 1 else Either(tuple(options))

    def _row(self) -> Part:
        parts = []
        while self._at < len(self._pattern) and self._pattern[self._at] not in "|)":
            parts.append(self._repeated())
        return parts[0] if len(parts) == 1 else Row(tuple(parts))

    def _repeated(self) -> Part:
        start = self._at
        part = self._single()
        position = self._at + 1
        bounds = self._bounds()
        if bounds is None:
            return part
        if isinstance(part, Edge) and self._pattern[start] != "(":
            raise self._error("a repetition of a place, not of text,", start)
        self._next("?")
        if self._pattern[self._at : self._at + 1] == "+":
            raise self._error("a possessive repetition")
        if self._bounds() is not None:
            raise self._error("a repetition right after a repetition", position)
        return Repeat(part, *bounds, position)

    def _bounds(self) -> tuple[int, int | None] | None:
        for sign, bounds in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._next(sign):
                return bounds
        found = re.compile(r"\{(\d{1,9})(,(\d{0,9}))?\}", re.ASCII).match(self._pattern, self._at)
        if not found:
            return None
        least = int(found[1])
        most = least if found[2] is None else int(found[3]) if found[3] else None
        if max(least, most or 0) > MAX_REPEAT:
            raise self._error(f"a repetition of more than {MAX_REPEAT:,} times")
        if most is not None and most < least:
            raise self._error("a repetition whose bounds are the wrong way round")
        self._at = found.end()
        return least, most

    def _single(self) -> Part:
        character = self._pattern[self._at]
        if character == "(":
            return self._group()
        if character == "[":
            return One(self._class())
        if character == "\\":
            return self._escape()
        if character in "*+?":
            raise self._error("a repetition of nothing")
        if character in "{}]":
            raise self._error(f"a `{character}` that is not escaped")
        self._at += 1
        if character in "^$":
            return Edge(character)
        return One(r"[^\n]" if character == "." else re.escape(character))

    def _group(self) -> Part:
        if not self._next("(?:"):
            for opening, problem in _GROUPS:
                if self._pattern.startswith(opening, self._at):
                    raise self._error(problem)
            self._at += 1
        start = self._at - 1
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._error("too many groups inside one another")
        part = self._either()
        self._depth -= 1
        if not self._next(")"):
            raise self._error("a `(` without its `)`", start)
        return part

    def _escape(self) -> Part:
        kind = self._pattern[self._at + 1 : self._at + 2]
        if kind and kind in "bB":
            self._at += 2
            return Edge(kind)
        members = self._shorthand()
        return One(f"[{members}]" if members else self._escaped())

    def _escaped(self) -> str:
        """The character after a backslash, as Python writes it."""
        kind = self._pattern[self._at + 1 : self._at + 2]
        hexadecimal = re.compile(r"\\x([0-9A-Fa-f]{2})").match(self._pattern, self._at)
        if hexadecimal:
            self._at += 4
            return re.escape(chr(int(hexadecimal[1], 16)))
        if kind in _CONTROLS:
            self._at += 2
            return re.escape(_CONTROLS[kind])
        if kind and kind.isascii() and not kind.isalnum() and kind not in " _":
            self._at += 2
            return re.escape(kind)
        raise self._error(_why_no_escape(kind))

    def _class(self) -> str:
        """A bracketed class, translated member by member into one that Python reads alike."""
        start = self._at
        self._at += 1
        negated = self._next("^")
        members: list[str] = []
        while not self._next("]"):
            if self._at >= len(self._pattern):
                raise self._error("a `[` without its `]`", start)
            members.append(self._member())
        if not members:
            raise self._error("an empty class", start)
        return f"[^{''.join(members)}]" if negated else f"[{''.join(members)}]"

    def _member(self) -> str:
        start = self._at
        low = self._class_item()
        rest = self._pattern[self._at : self._at + 2]
        if not (len(rest) == 2 and rest[0] == "-" and rest[1] != "]"):
            return low
        self._at += 1
        high = self._class_item()
        if low in _CLASSES.values() or high in _CLASSES.values():
            raise self._error("a range with a class at one end", start)
        if low[-1] > high[-1]:
            raise self._error("a range the wrong way round", start)
        return f"{low}-{high}"

    def _class_item(self) -> str:
        character = self._pattern[self._at : self._at + 1]
        if character == "\\":
            if self._pattern[self._at + 1 : self._at + 2] in ("b", "B"):
                raise self._error("`\\b` inside a class")
            return self._shorthand() or self._escaped()
        if character == "[":
            raise self._error("a `[` inside a class that is not escaped")
        if not character:
            raise self._error("a `[` without its `]`")
        self._at += 1
        return re.escape(character)

    def _shorthand(self) -> str | None:
        """The members of `\\d` and the like, if one comes next."""
        members = _CLASSES.get(self._pattern[self._at + 1 : self._at + 2])
        if members:
            self._at += 2
        return members

    def _next(self, text: str) -> bool:
        if self._pattern.startswith(text, self._at):
            self._at += len(text)
            return True
        return False

    def _error(self, problem: str, at: int | None = None) -> NotShared:
        return NotShared(problem, (self._at if at is None else at) + 1)


def _why_no_escape(kind: str) -> str:
    if not kind:
        return "a backslash at its end"
    if kind.isdigit() or kind == "k":
        return "a back-reference"
    if kind in "pP":
        return "a Unicode property"
    if kind in "AZzG":
        return "an anchor of its own"
    return f"the escape `\\{kind}`"


class _Automaton:
    """The pattern's states, and which may be reached without reading a character."""

    def __init__(self, part: Part, ignore_case: bool) -> None:
        self._flags = re.IGNORECASE if ignore_case else re.NOFLAG
        self._classes: dict[str, int] = {}
        """Each class of characters once, and its number."""
        self._reads: list[int | None] = []
        self._edges: list[str] = []
        self._next: list[list[int]] = []
        self._end = self._state()
        self._start = self._build(part, self._end)

    def occurs_in(self, text: str) -> bool:
        current: set[int] = set()
        for index in range(len(text) + 1):
            current = self._reachable({*current, self._start}, text, index)
            if self._end in current:
                return True
            if index < len(text):
                current = self._after(current, text[index])
        return False

    def _after(self, states: set[int], character: str) -> set[int]:
        accepts = {
            number
            for accepted, number in self._classes.items()
            if re.fullmatch(accepted, character, self._flags)
        }
        following: set[int] = set()
        for state in states:
            if self._reads[state] in accepts:
                following.update(self._next[state])
        return following

    def _reachable(self, states: set[int], text: str, index: int) -> set[int]:
        found, left = set(states), list(states)
        while left:
            state = left.pop()
            if self._reads[state] is None and _holds(self._edges[state], text, index):
                new = [following for following in self._next[state] if following not in found]
                found.update(new)
                left += new
        return found

    def _build(self, part: Part, then: int) -> int:
        match part:
            case One(accepts=accepts):
                number = self._classes.setdefault(accepts, len(self._classes))
                return self._state(then, reads=number)
            case Edge(kind=kind):
                return self._state(then, edge=kind)
            case Row(parts=parts):
                for below in reversed(parts):
                    then = self._build(below, then)
                return then
            case Either(options=options):
                return self._state(*(self._build(option, then) for option in options))
            case Repeat():
                return self._build_repeat(part, then)

    def _build_repeat(self, repeat: Repeat, then: int) -> int:
        if repeat.most is None:
            loop = self._state(then)
            self._next[loop].append(self._build(repeat.part, loop))
            then = loop
        else:
            end = then
            for _ in range(repeat.most - repeat.least):
                then = self._state(self._build(repeat.part, then), end)
        for _ in range(repeat.least):
            then = self._build(repeat.part, then)
        return then

    def _state(self, *then: int, reads: int | None = None, edge: str = "") -> int:
        self._reads.append(reads)
        self._edges.append(edge)
        self._next.append(list(then))
        return len(self._reads) - 1


def _holds(edge: str, text: str, index: int) -> bool:
    if not edge:
        return True
    if edge == "^":
        return index == 0
    if edge == "$":
        return index == len(text)
    return (_is_word(text, index - 1) != _is_word(text, index)) == (edge == "b")


def _is_word(text: str, index: int) -> bool:
    return 0 <= index < len(text) and re.fullmatch(r"\w", text[index], re.ASCII) is not None
