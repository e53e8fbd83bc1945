"""YAML text as a tree of values that know where they stand.

Plain values follow the YAML 1.2 core schema, whatever a `%YAML` directive says: `true`/`false`,
`null`/`~`, decimal, `0x` and `0o` integers, and floats; everything else is text. So `no`, `off`,
`on`, `yes`, `1:30`, `1_000` and dates stay text, and `010` is ten. Anchors, aliases and `<<` work;
tags do not. The tree is built from the parser's events rather than by its composer, which ends the
process on deep nesting, so every limit holds before memory is spent.
"""

import math
import re
from collections.abc import Iterator
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from designer.diagnostics import Place, Report
from designer.profile.rules import NOT_YAML, TOO_LARGE, TWICE, UNSUPPORTED_YAML
from designer.profile.secrets import shown

MAX_CHARACTERS: Final = 1_000_000
MAX_DEPTH: Final = 40
MAX_NODES: Final = 50_000
"""Counted with every alias written out."""

_INT: Final = re.compile(r"[-+]?[0-9]{1,18}|0x[0-9a-fA-F]{1,15}|0o[0-7]{1,20}", re.ASCII)
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_SPECIAL: Final = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}
_TEXT_TAGS: Final = ("!", "tag:yaml.org,2002:str")


class Scalar(Struct, frozen=True):
    value: str | int | float | bool | None
    text: str
    """As it is written, so that messages can repeat `1.10`."""
    at: Place


class Items(Struct, frozen=True):
    nodes: tuple["Node", ...]
    at: Place


class Entry(Struct, frozen=True):
    key_at: Place
    node: "Node"


class Map(Struct, frozen=True):
    entries: dict[str, Entry]
    at: Place


Node = Scalar | Items | Map


def read_tree(text: str, file: str, report: Report) -> Node | None:
    """The one document in `text`; None when it holds none or cannot be read, which is reported."""
    if len(text) > MAX_CHARACTERS:
        report.add(TOO_LARGE, Place(file), what=f"more than {MAX_CHARACTERS:,} characters")
        return None
    try:
        return _Reader(text, file, report).document()
    except _Stop:
        return None
    except MarkedYAMLError as error:
        report.add(
            NOT_YAML, _place_of(error, file), problem=_problem(error), help=_how_to_mend(error)
        )
    except (YAMLError, UnicodeError):
        report.add(
            NOT_YAML,
            _first_odd_character(text, file),
            problem="a control character",
            help="delete it; an editor that shows invisible characters will find it",
        )
    return None


def plain(node: Node) -> Any:
    """The values alone."""
    match node:
        case Scalar(value=value):
            return value
        case Items(nodes=nodes):
            return [plain(item) for item in nodes]
        case Map(entries=entries):
            return {key: plain(entry.node) for key, entry in entries.items()}


def places(node: Node) -> tuple[dict[str, Place], dict[str, Place]]:
    """Where each value stands by dotted path, and where each key does."""
    values: dict[str, Place] = {}
    keys: dict[str, Place] = {}
    for path, key_at, found in _walk(node, "", node.at):
        values[path] = replace(found.at, path=path)
        keys[path] = replace(key_at, path=path)
    return values, keys


def scalars(node: Node) -> Iterator[tuple[str, Scalar]]:
    """Every scalar with its dotted path."""
    for path, _, found in _walk(node, "", node.at):
        if isinstance(found, Scalar):
            yield path, found


def joined(path: str, part: str | int) -> str:
    if isinstance(part, int):
        return f"{path}[{part}]"
    return f"{path}.{part}" if path else part


def resolve(text: str) -> str | int | float | bool | None:
    """A plain scalar by the YAML 1.2 core schema."""
    if text in _SPECIAL:
        return _SPECIAL[text]
    if _INT.fullmatch(text):
        is_decimal = text.lstrip("+-").isdecimal()
        return int(text) if is_decimal else int(text, 0)
    return float(text) if _FLOAT.fullmatch(text) else text


def _walk(node: Node, path: str, key_at: Place) -> Iterator[tuple[str, Place, Node]]:
    yield path, key_at, node
    match node:
        case Items(nodes=nodes):
            for index, item in enumerate(nodes):
                yield from _walk(item, joined(path, index), item.at)
        case Map(entries=entries):
            for key, entry in entries.items():
                yield from _walk(entry.node, joined(path, key), entry.key_at)


class _Stop(Exception):  # noqa: N818  (leaves the reader; what is wrong has been reported)
    pass


class _Reader:
    """Turns one stream of events into a tree; holds the anchors seen and the nodes counted."""

    def __init__(self, text: str, file: str, report: Report) -> None:
        self._events: Iterator[Event] = iter(YAML(typ="safe").parse(text))
        self._file = file
        self._report = report
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._count = 0

    def document(self) -> Node | None:
        root: Node | None = None
        for event in self._events:
            match event:
                case DocumentStartEvent() if root is not None:
                    what = "a second document begins here; a profile is one document"
                    self._unsupported(event, what, "make it a file of its own, and use `extends`")
                    return root
                case DocumentStartEvent():
                    root = self._node(next(self._events), 0)
                case StreamEndEvent():
                    break
        return root

    def _node(self, event: Event, depth: int) -> Node:
        self._count += 1
        before = self._count
        node = self._read(event, depth)
        anchor = getattr(event, "anchor", None)
        if anchor and not isinstance(event, AliasEvent):
            self._anchors[anchor] = (node, self._count - before + 1)
        if self._count > MAX_NODES:
            self._stop(event, f"more than {MAX_NODES:,} values, anchors written out")
        return node

    def _read(self, event: Event, depth: int) -> Node:
        if depth > MAX_DEPTH:
            self._stop(event, f"more than {MAX_DEPTH} levels deep")
        self._refuse_tag(event)
        match event:
            case ScalarEvent():
                return self._scalar(event)
            case SequenceStartEvent():
                return self._items(event, depth)
            case MappingStartEvent():
                return self._map(event, depth)
            case AliasEvent():
                return self._alias(event)
        raise _Stop

    def _scalar(self, event: ScalarEvent) -> Scalar:
        value = resolve(event.value) if _is_plain(event) else event.value
        return Scalar(value, event.value, self._place(event))

    def _items(self, start: Event, depth: int) -> Items:
        nodes = []
        while not isinstance(event := next(self._events), SequenceEndEvent):
            nodes.append(self._node(event, depth + 1))
        return Items(tuple(nodes), self._place(start))

    def _map(self, start: Event, depth: int) -> Map:
        entries: dict[str, Entry] = {}
        inherited: list[Node] = []
        while not isinstance(event := next(self._events), MappingEndEvent):
            key = self._key(event, depth)
            node = self._node(next(self._events), depth + 1)
            if key == "<<" and _is_plain(event):
                inherited += node.nodes if isinstance(node, Items) else [node]
            elif key in entries:
                first = entries[key].key_at.line
                self._report.add(TWICE, self._place(event), key=shown(key), line=first)
            elif key is not None:
                entries[key] = Entry(self._place(event), node)
        for source in inherited:
            if not isinstance(source, Map):
                self._unsupported(start, "`<<` merges maps only", "name a map, as `<<: *anchor`")
                continue
            entries = {**source.entries, **entries}
        return Map(entries, self._place(start))

    def _key(self, event: Event, depth: int) -> str | None:
        if isinstance(event, ScalarEvent):
            self._refuse_tag(event)
            return str(event.value)
        node = self._node(event, depth + 1)
        if isinstance(node, Scalar):
            return node.text
        self._unsupported(event, "a list or a map as a key", "keys are plain text")
        return None

    def _alias(self, event: AliasEvent) -> Node:
        known = self._anchors.get(event.anchor)
        if known is None:
            what = f"`*{shown(event.anchor)}` refers to an anchor that does not stand before it"
            self._unsupported(event, what, "write `&name` before the value, above this line")
            raise _Stop
        node, size = known
        self._count += size
        return node

    def _refuse_tag(self, event: Event) -> None:
        tag = getattr(event, "tag", None)
        if tag and str(tag) not in _TEXT_TAGS:
            name = shown(str(tag).replace("tag:yaml.org,2002:", "!!"))
            self._unsupported(event, f"the tag `{name}`; tags mean nothing here", "take it out")

    def _unsupported(self, event: Event, what: str, help_: str) -> None:
        self._report.add(UNSUPPORTED_YAML, self._place(event), what=what, help=help_)

    def _stop(self, event: Event, what: str) -> None:
        self._report.add(TOO_LARGE, self._place(event), what=what)
        raise _Stop

    def _place(self, event: Event) -> Place:
        mark = event.start_mark
        return Place(self._file, mark.line + 1, mark.column + 1)


def _is_plain(event: Event) -> bool:
    return isinstance(event, ScalarEvent) and bool(event.implicit[0])


def _place_of(error: MarkedYAMLError, file: str) -> Place:
    mark = error.problem_mark or error.context_mark
    return Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)


def _problem(error: MarkedYAMLError) -> str:
    """The parser's own words; they name characters and constructs, never the user's text."""
    parts = [part for part in (error.context, error.problem) if part]
    return ", ".join(parts) or "it cannot be parsed"


def _how_to_mend(error: MarkedYAMLError) -> str:
    if "unexpected ':'" in str(error.problem):
        return "within `{…}` and `[…]` a text with a colon needs quotes"
    return "look at this line and the one before it: brackets, quotes, colons, indentation"


def _first_odd_character(text: str, file: str) -> Place:
    odd = re.search(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", text)
    if not odd:
        return Place(file)
    before = text[: odd.start()]
    return Place(file, before.count("\n") + 1, odd.start() - (before.rfind("\n") + 1) + 1)
