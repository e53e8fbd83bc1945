"""The configurations in a file: the file itself, or what a manifest, values or compose file holds.

Such a configuration is a text (a ConfigMap's key, a variable's value) or a part of the file (Helm's
`proxy_config`). A text inside such a text is looked at once more, as an Argo CD application holds values.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from msgspec import Struct
from msgspec.structs import replace
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from designer.containers import places
from designer.containers.compose import is_compose
from designer.containers.places import Move
from designer.diagnostics import Diagnostic, Place, Report
from designer.documents import Document, Path, dotted, read_json, read_stream, read_yaml
from designer.errors import UsageError
from designer.gateways.base import Gateway
from designer.gateways.registry import GATEWAYS

_MOST = 100
"""Configurations in one file."""
_MOST_CHARACTERS = 5_000_000
"""Of a part of a file, written anew with its aliases expanded."""


class Source(Struct, frozen=True):
    """A text that may be a configuration, and where it stands."""

    file: str
    key: str
    """What it is called where it is read: a path below its file, so that routes get their names."""
    value: Any
    text: Callable[[], str]
    path: Path = ()
    """In its file; empty for the file itself."""
    move: Move | None = None
    """To places in its file."""
    findings: tuple[Diagnostic, ...] = ()
    """Of reading this part of its file."""
    unread: tuple[Diagnostic, ...] = ()
    """Why it is not what it is called, JSON or YAML."""

    @property
    def name(self) -> str:
        """How it is chosen: `manifest.yaml#data.config.yaml`."""
        return f"{self.file}#{dotted(self.path)}" if self.path else self.file

    @property
    def place(self) -> Place:
        here = Place(self.key)
        return here if self.move is None else self.move(here)


def fits(gateway: Gateway, source: Source) -> bool:
    """Whether a source is that gateway's; inside another file it has to be sure."""
    if not gateway.recognises(source.key, source.value):
        return False
    name = source.key.rpartition("/")[2].lower()
    return not source.path or _tells(gateway, source.value) or _short(gateway) in name


def _tells(gateway: Gateway, value: Any) -> bool:
    return isinstance(value, Mapping) and any(key in value for key in gateway.tells)


def _short(gateway: Gateway) -> str:
    """`portkey` for both of Portkey's."""
    return gateway.name.partition("-")[0]


_TELLS = tuple(dict.fromkeys(key for gateway in GATEWAYS.values() for key in gateway.tells))
_NAMES = tuple(dict.fromkeys(map(_short, GATEWAYS.values())))


def _is_named(text: str) -> bool:
    return any(name in text.lower() for name in _NAMES)


class _Content(NamedTuple):
    value: Any
    """None when it is neither JSON nor YAML."""
    unread: tuple[Diagnostic, ...]


def _content(path: str, text: str, version: str = "1.2") -> _Content:
    """What a text says, as JSON where it is called so, or else as YAML."""
    report = Report()
    document = read_json(text, path, report) if path.endswith(".json") else None
    if document is None:
        document = read_yaml(text, path, Report() if report else report, version)
    own = document is None or report.has_errors
    return _Content(None if document is None else document.value, tuple(report) if own else ())


def whole_file(file: str, text: str) -> Source:
    # As LiteLLM reads YAML, so that its files are read once; it makes no difference to whose they are.
    value, unread = _content(file, text, "1.1")
    return Source(file, file, value, lambda: text, unread=unread)


def sources_in(file: str, text: str) -> list[Source]:
    """The file itself where it is a configuration, or holds none; else those in it."""
    whole = whole_file(file, text)
    own = {g.name for g in GATEWAYS.values() if g.recognises(file, whole.value)}
    if any(_tells(GATEWAYS[name], whole.value) for name in own):
        return [whole]
    is_container = _is_container(whole.value)
    if own and file.endswith(".json") and not is_container:
        return [whole]
    inside = _inside(file, text)
    others = _gateways(inside)
    is_whole = own and not is_container and (not others or own & others)
    if inside and not is_whole:
        return inside
    return [replace(whole, unread=())] if _are_manifests(text) else [whole]


def _are_manifests(text: str) -> bool:
    """Documents that Kubernetes reads, and gateways do not when they are several."""
    if "apiVersion" not in text:
        return False
    stream = read_stream(text, "", Report())
    return any(_is_container(document.value) for _, document in stream)


def _gateways(sources: list[Source]) -> set[str]:
    return {g.name for g in GATEWAYS.values() for source in sources if fits(g, source)}


def _is_container(value: Any) -> bool:
    return is_compose(value) or (
        isinstance(value, Mapping) and "apiVersion" in value and "kind" in value
    )


# --- Looking for them -----------------------------------------------------------------------------


class _Around(NamedTuple):
    """The text that is looked through, and how it stands in the file."""

    file: str
    key: str
    path: Path
    text: str
    lines: list[str]
    move: Move | None = None


def _inside(file: str, text: str) -> list[Source]:
    around = _Around(file, file, (), text, text.split("\n"))
    found = []
    for source in _below(around):
        found.append(source)
        if len(found) > _MOST:
            raise UsageError(f"{file} holds more than {_MOST} configurations")
    return _told_apart(found)


def _told_apart(found: list[Source]) -> list[Source]:
    """With the document's number (of a stream) only where a path alone says too little."""
    short = [replace(source, path=source.path[1:]) for source in found]
    names = [source.name for source in short]
    return [
        brief if names.count(brief.name) == 1 else full
        for brief, full in zip(short, found, strict=True)
    ]


def _below(around: _Around) -> Iterator[Source]:
    if not any(word in around.text for word in _TELLS) and not _is_named(around.text):
        return
    report = Report()
    for number, (node, document) in enumerate(
        read_stream(around.text, around.key, report, version="1.1")
    ):
        yield from _Search(around, number, document, report).below(node)


class _Spot(NamedTuple):
    path: Path
    node: Node
    value: Any
    parent: Any


class _Search(NamedTuple):
    """Through one document. An alias is followed once, so that the work is bounded by the text."""

    around: _Around
    number: int
    document: Document
    report: Report

    def below(self, root: Node) -> Iterator[Source]:
        seen = {id(root)}
        waiting = _children(_Spot((), root, self.document.value, None))
        while waiting:
            spot = waiting.pop()
            if id(spot.node) in seen:
                continue
            seen.add(id(spot.node))
            found = list(self.at(spot))
            yield from found
            if not found:
                waiting += _children(spot)

    def at(self, spot: _Spot) -> Iterator[Source]:
        match spot.value:
            case Mapping() if any(key in spot.value for key in _TELLS):
                yield from self._part(spot)
            case str() if isinstance(spot.node, ScalarNode):
                yield from self._text(spot)

    def _part(self, spot: _Spot) -> Iterator[Source]:
        label = str(spot.path[-1])
        source = self._candidate(spot, f"{label}.json", spot.value, lambda: _written(spot.value))
        if any(fits(gateway, source) for gateway in GATEWAYS.values()):
            move = self._around(places.of_value(self.document, spot.path))
            yield replace(source, move=move, findings=tuple(self._findings(spot.path)))

    def _findings(self, path: Path) -> Iterator[Diagnostic]:
        """Of this part of the document: the rest is not the gateway's."""
        depth = len(path)
        texts = {dotted(p): p[depth:] for p in self.document.places if p[:depth] == path}
        for finding in self.report:
            below = texts.get(finding.place.path)
            if below is not None:
                place = replace(finding.place, path=dotted(below))
                yield replace(finding, place=self._outward(place))

    def _text(self, spot: _Spot) -> Iterator[Source]:
        label, skipped = _labelled(spot)
        text = spot.value[skipped:]
        if not _may_be_config(text, label):
            return
        name = _file_name(label, text)
        value, unread = _content(name, text, version="1.1")
        move = self._around(self._move(spot, skipped))
        source = replace(
            self._candidate(spot, name, value, lambda: text),
            move=move,
            unread=tuple(replace(finding, place=move(finding.place)) for finding in unread),
        )
        if value is None or any(fits(gateway, source) for gateway in GATEWAYS.values()):
            yield source
        elif self.around.move is None:
            lines = text.split("\n")
            yield from _below(
                _Around(source.file, source.key, source.path, text, lines, source.move)
            )

    def _move(self, spot: _Spot, skipped: int) -> Move:
        assert isinstance(spot.node, ScalarNode)
        key = self.document.place(*spot.path)
        return places.of_text(self.around.key, self.around.lines, spot.node, skipped, key)

    def _candidate(self, spot: _Spot, name: str, value: Any, text: Callable[[], str]) -> Source:
        around = self.around
        path = (*(around.path or (self.number,)), *spot.path)
        parent = dotted((self.number, *spot.path[:-1]))
        key = f"{around.key}#{parent}/{_folder(self.document.value, around.file)}/{name}"
        return Source(around.file, key, value, text, path)

    def _around(self, move: Move) -> Move:
        outer = self.around.move
        return move if outer is None else places.after(move, outer)

    def _outward(self, place: Place) -> Place:
        outer = self.around.move
        return place if outer is None else outer(place)


def _children(spot: _Spot) -> list[_Spot]:
    """The last one first, so that a stack gives them in order."""
    path, node, value, _ = spot
    found = []
    if isinstance(node, MappingNode) and isinstance(value, Mapping):
        for key, child in node.value:
            name = key.value if isinstance(key, ScalarNode) else None
            if isinstance(name, str) and name in value:
                found.append(_Spot((*path, name), child, value[name], value))
    elif isinstance(node, SequenceNode) and isinstance(value, list):
        for index, child in enumerate(node.value):
            found.append(_Spot((*path, index), child, value[index], value))
    return found[::-1]


# --- What they are called, and what they say ------------------------------------------------------


_VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(?=\s*\{)")


def _labelled(spot: _Spot) -> tuple[str, int]:
    """What a text is called, and how much of it is a variable's name before the configuration."""
    assignment = _VARIABLE.match(spot.value)
    if assignment is not None:
        return assignment[1], assignment.end()
    label = spot.path[-1]
    if label == "value" and isinstance(spot.parent, Mapping):
        label = spot.parent.get("name", label)
    elif label == "content" and len(spot.path) > 1:
        label = spot.path[-2]
    return str(label), 0


def _file_name(label: str, text: str) -> str:
    if label.endswith((".yaml", ".yml", ".json")):
        return label
    return f"{label}.json" if text.lstrip()[:1] == "{" else f"{label}.yaml"


def _may_be_config(text: str, label: str) -> bool:
    is_long = "\n" in text or text.lstrip()[:1] == "{"
    return is_long and (any(word in text for word in _TELLS) or _is_named(label))


def _folder(manifest: Any, file: str) -> str:
    """Of whose folder a configuration seems to be one: the resource's, else the file's."""
    metadata = manifest.get("metadata") if isinstance(manifest, Mapping) else None
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    stem = file.rpartition("/")[2].partition(".")[0]
    return (name if isinstance(name, str) else stem).replace("/", "-") or "config"


def _written(value: Any) -> str:
    if _weight(value) > _MOST_CHARACTERS:
        raise UsageError(
            f"a configuration has more than {_MOST_CHARACTERS:,} characters once its aliases are "
            "expanded"
        )
    return json.dumps(value)


def _weight(value: Any) -> int:
    total, waiting = 0, [value]
    while waiting and total <= _MOST_CHARACTERS:
        item = waiting.pop()
        total += len(item) if isinstance(item, str) else 1
        if isinstance(item, Mapping):
            total += sum(map(len, item))
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
    return total
