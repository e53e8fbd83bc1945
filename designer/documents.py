"""Read YAML and JSON text into plain values with a position for each of them.

Nothing is executed, no tag builds an object, no template in a value is rendered, and a file of
nested aliases cannot grow: the number of values is bounded. Scalars follow YAML 1.2 (`no` and `on`
are strings) or, for a program that loads its files with PyYAML, YAML 1.1; a duplicate key is a
finding and the last one wins, as in the loaders that gateways use.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from msgspec import Struct, field
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from designer.diagnostics import Diagnostic, Place, Report, Rule, Severity

UNREADABLE = Rule(
    "PAR501",
    Severity.ERROR,
    "this is not readable {language}: {problem}",
    "Nothing in a file can be understood before its syntax is right.",
    help="mend the syntax at this place",
)
DUPLICATE = Rule(
    "PAR502",
    Severity.WARNING,
    "the key {key!r} stands here for the second time",
    "YAML forbids duplicate keys, but PyYAML, which LiteLLM loads its configuration with, keeps the "
    "last one without a word (measured on LiteLLM 1.106.2, 2026-11-22).",
    instead="the last one counts and the first is ignored",
    help="delete one of the two",
)
TOO_LARGE = Rule(
    "PAR503",
    Severity.ERROR,
    "this file holds more than {limit} values once its aliases are expanded",
    "Nested aliases make a small file grow without bound; no real configuration is that large.",
    help="write the values out, or split the file",
)

SPARE_VALUES = 50_000
"""How many values aliases may add to those that a file writes out (at most one a character)."""

Path = tuple[str | int, ...]


class Document(Struct, frozen=True):
    """A file's values, and where each of them stands."""

    file: str
    value: Any
    places: Mapping[Path, Place] = field(default_factory=dict)
    """By path: of a mapping's entry, the key; of a list's item, the item."""

    def __repr__(self) -> str:
        return f"Document({self.file!r})"  # its values may be secrets

    def place(self, *path: str | int) -> Place:
        """The nearest known position at or above `path`."""
        for length in range(len(path), -1, -1):
            known = self.places.get(path[:length])
            if known is not None:
                return Place(known.file, known.line, known.column, dotted(path))
        return Place(self.file, path=dotted(path))


def dotted(path: Path) -> str:
    """`("a", 0, "b")` → `a[0].b`"""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def read_yaml(text: str, file: str, report: Report, version: str = "1.2") -> Document | None:
    """The one document of `text`; None, with a finding, when it cannot be read.

    Nobody may change its values: a file that is looked at to tell whose it is, and then read, is the
    same document both times.
    """
    document, found = _read_yaml(text, file, version)
    report.diagnostics += found
    return document


@lru_cache(maxsize=2)
def _read_yaml(
    text: str, file: str, version: str
) -> tuple[Document | None, tuple[Diagnostic, ...]]:
    report = Report()
    nodes = _nodes(text, file, report, lambda: [YAML(typ="safe", pure=False).compose(text)])
    if nodes is None:
        return None, tuple(report)
    builder = _Builder(file, report, version, len(text) + SPARE_VALUES)
    return builder.document(nodes[0]), tuple(report)


class Composed(NamedTuple):
    """A document of a stream, and the nodes that it was built from, with their styles and marks."""

    node: Node
    document: Document


def read_stream(text: str, file: str, report: Report, version: str = "1.2") -> list[Composed]:
    """The documents of `text`, without empty ones; none, with a finding, when one is unreadable."""
    nodes = _nodes(text, file, report, lambda: list(YAML(typ="safe").compose_all(text)))
    found: list[Composed] = []
    left = len(text) + SPARE_VALUES
    for node in nodes or ():
        builder = _Builder(file, report, version, left)
        document = builder.document(node)
        if document is None:
            return []
        left -= builder.values
        if node is not None:
            found.append(Composed(node, document))
    return found


def _nodes(
    text: str, file: str, report: Report, compose: Callable[[], list[Node | None]]
) -> list[Node | None] | None:
    if _may_be_deep(text):
        report.add(UNREADABLE, Place(file), language="YAML", problem="it is nested too deeply")
        return None
    try:
        return compose()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)
        report.add(UNREADABLE, place, language="YAML", problem=error.problem or str(error.context))
    except (YAMLError, ValueError, RecursionError) as error:
        problem = " ".join(str(error).split())[:200] or type(error).__name__
        report.add(UNREADABLE, Place(file), language="YAML", problem=problem)
    return None


def read_json(text: str, file: str, report: Report) -> Document | None:
    """JSON; positions are those of the same text read as YAML, where that is possible."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        place = Place(file, error.lineno, error.colno)
        report.add(UNREADABLE, place, language="JSON", problem=error.msg)
        return None
    except ValueError:  # an integer of thousands of digits, which Python refuses to convert
        report.add(UNREADABLE, Place(file), language="JSON", problem="a number is too long")
        return None
    except RecursionError:
        report.add(UNREADABLE, Place(file), language="JSON", problem="it is nested too deeply")
        return None
    as_yaml = Report()
    placed = read_yaml(text, file, as_yaml)
    report.diagnostics += [finding for finding in as_yaml if finding.rule is DUPLICATE]
    return Document(file, value, placed.places if placed else {})


_MOST_LEVELS = 500
_BRACKET = re.compile(r"[\[\]{}]")
_LEAD = re.compile(r"^[ \t]*(?:[-?:][ \t]+)*", re.MULTILINE)


def _may_be_deep(text: str) -> bool:
    """Whether there may be more levels than the C parser's stack holds: it crashes on 200,000.

    An upper bound of the depth: open brackets, wherever they stand, and the marks that begin a line.
    """
    depth = deepest = 0
    for bracket in _BRACKET.finditer(text):
        depth = depth + 1 if bracket[0] in "[{" else max(depth - 1, 0)
        deepest = max(deepest, depth)
    lead = max((len(match[0]) for match in _LEAD.finditer(text)), default=0)
    return deepest > _MOST_LEVELS or lead > 2 * _MOST_LEVELS


class _TooLargeError(Exception):
    """More values than the file may have, or an alias inside itself."""


class _Builder:
    def __init__(self, file: str, report: Report, version: str, most: int) -> None:
        self.file = file
        self.most = most
        self.version = version
        self.report = report
        self.places: dict[Path, Place] = {}
        self.values = 0
        self.open: set[int] = set()

    def document(self, node: Node | None) -> Document | None:
        if node is None:
            return Document(self.file, None)
        try:
            self._mark((), node)
            return Document(self.file, self._value(node, ()), self.places)
        except _TooLargeError:
            self.report.add(TOO_LARGE, Place(self.file), limit=self.most)
        except RecursionError:
            self.report.add(
                UNREADABLE, Place(self.file), language="YAML", problem="it is nested too deeply"
            )
        return None

    def _mark(self, path: Path, node: Node) -> None:
        mark = node.start_mark
        self.places[path] = Place(self.file, mark.line + 1, mark.column + 1, dotted(path))

    def _value(self, node: Node, path: Path) -> Any:
        self.values += 1
        if self.values > self.most or id(node) in self.open:
            raise _TooLargeError
        match node:
            case ScalarNode():
                return _scalar(node, self.version)
            case SequenceNode():
                self.open.add(id(node))
                items = []
                for index, item in enumerate(node.value):
                    self._mark((*path, index), item)
                    items.append(self._value(item, (*path, index)))
                self.open.discard(id(node))
                return items
            case MappingNode():
                self.open.add(id(node))
                mapping = self._mapping(node, path)
                self.open.discard(id(node))
                return mapping
        raise AssertionError(node)

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge" or (
                isinstance(key_node, ScalarNode) and key_node.value == "<<" and not key_node.style
            ):
                self._merge(merged, value_node, path)
                continue
            key = self._key(key_node)
            if key in mapping:
                mark = key_node.start_mark
                place = Place(self.file, mark.line + 1, mark.column + 1, dotted((*path, key)))
                self.report.add(DUPLICATE, place, key=key)
            self._mark((*path, key), key_node)
            mapping[key] = self._value(value_node, (*path, key))
        return merged | mapping if merged else mapping

    def _key(self, node: Node) -> str:
        if isinstance(node, ScalarNode):
            return str(node.value)
        self.values += 1
        return f"<a key that is a {type(node).__name__.removesuffix('Node').lower()}>"

    def _merge(self, merged: dict[str, Any], node: Node, path: Path) -> None:
        """`<<: *anchor` or a list of them; of several, the first wins."""
        sources = node.value if isinstance(node, SequenceNode) else [node]
        for source in sources:
            if isinstance(source, MappingNode):
                for key, value in self._value(source, path).items():
                    merged.setdefault(key, value)


def _scalar(node: ScalarNode, version: str) -> Any:
    said_text = node.tag == "tag:yaml.org,2002:str" and not _resolves_to_text(node.value)
    return node.value if said_text else scalar(node.value, not node.style, version=version)


def _resolves_to_text(text: str) -> bool:
    """Whether a plain `text` is a string anyway, so that its tag says nothing."""
    return isinstance(scalar(text, plain=True), str)


_WORDS: Mapping[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf"), math.inf),
    "-.inf": -math.inf,
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}
_WORDS_11: Mapping[str, Any] = {
    **_WORDS,
    **dict.fromkeys(("yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("no", "No", "NO", "off", "Off", "OFF"), False),
}
_INT = re.compile(r"[-+]?[0-9]+\Z")
_INT_0 = re.compile(r"0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_INT_11 = re.compile(r"[-+]?(0|[1-9][0-9_]*)\Z")
_OCTAL_11 = re.compile(r"[-+]?0[0-7_]+\Z")
_FLOAT_11 = re.compile(r"[-+]?([0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)([eE][-+][0-9]+)?\Z")


def scalar(text: str, plain: bool, version: str = "1.2") -> Any:
    """A scalar's value under YAML's core schema of that version.

    What is too long to be a number stays text, and so does what YAML 1.1 reads as a date or in base
    60: no gateway setting is either, and as text a finding can quote it.
    """
    if not plain or len(text) > 40:
        return text
    if version == "1.1":
        return _scalar_11(text)
    if text in _WORDS:
        return _WORDS[text]
    if _INT.match(text):
        return int(text)
    if _INT_0.match(text):
        return int(text, 0)
    if _FLOAT.match(text):
        return float(text)
    return text


def _scalar_11(text: str) -> Any:
    if text in _WORDS_11:
        return _WORDS_11[text]
    if _INT_11.match(text):
        return int(text.replace("_", ""))
    if _OCTAL_11.match(text):
        return int(text.replace("_", ""), 8)
    if text[:2] == "0x" and _INT_0.match(text):
        return int(text, 0)
    if _FLOAT_11.match(text):
        return float(text.replace("_", ""))
    return text
