"""From a place in an embedded configuration to its place in the file around it.

The dotted path stays that of the configuration itself, as its own readers know it.
"""

from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace
from ruamel.yaml.nodes import ScalarNode

from designer.diagnostics import Diagnostic, Place, Report
from designer.documents import Document, Path, dotted
from designer.gateways.base import Parsed

Move = Callable[[Place], Place]


def of_text(file: str, lines: Sequence[str], node: ScalarNode, skipped: int, key: Place) -> Move:
    """For the text of `node` (without its first `skipped` characters), which stands in `lines`.

    A literal block or a scalar without escapes keeps its lines and columns; of any other the `key` is
    all that can be pointed at.
    """
    mark, end = node.start_mark, node.end_mark
    if node.style == "|":
        indent = None if skipped else _indent(lines, mark.line + 1, node.value)
        return _pinned(key) if indent is None else _shifted(file, mark.line + 1, indent, key)
    quote = len(node.style or "")
    written = lines[mark.line][mark.column + quote : end.column - quote] if lines else ""
    if mark.line == end.line and written == node.value:
        return _shifted(file, mark.line, mark.column + quote + skipped, key)
    return _pinned(key)


def _indent(lines: Sequence[str], start: int, text: str) -> int | None:
    """How far a block is indented; None when its lines are not what `text` says."""
    said = text.rstrip("\n").split("\n")
    written = [line.rstrip("\r") for line in lines[start : start + len(said)]]
    first = next((i for i, line in enumerate(said) if line), None)
    if first is None or len(written) < len(said):
        return None
    indent = len(written[first]) - len(said[first])
    same = all(w[indent:] == s for w, s in zip(written, said, strict=True))
    return indent if same and indent >= 0 else None


def _shifted(file: str, lines: int, columns: int, key: Place) -> Move:
    def move(place: Place) -> Place:
        if not place.line:
            return replace(key, path=place.path)
        return Place(file, place.line + lines, place.column + columns, place.path)

    return move


def _pinned(key: Place) -> Move:
    return lambda place: replace(key, path=place.path)


def of_value(document: Document, prefix: Path) -> Move:
    """For the value at `prefix` of a document, written anew as a text of its own."""
    depth = len(prefix)
    known: Mapping[str, Place] = {
        dotted(path[depth:]): place
        for path, place in document.places.items()
        if path[:depth] == prefix
    }

    def move(place: Place) -> Place:
        at = place.path
        while at and at not in known:
            at = at[: max(at.rfind("."), at.rfind("["), 0)]
        return replace(known.get(at, document.place(*prefix)), path=place.path)

    return move


def after(inner: Move, outer: Move) -> Move:
    return lambda place: outer(inner(place))


def moved(parsed: Parsed, moves: Mapping[str, Move]) -> Parsed:
    """With every place where `moves`, by the file that a place names, say."""
    return replace(
        parsed,
        places={name: _at(place, moves) for name, place in parsed.places.items()},
        documents=tuple(_document(document, moves) for document in parsed.documents),
    )


def moved_findings(report: Report, moves: Mapping[str, Move]) -> list[Diagnostic]:
    return [replace(finding, place=_at(finding.place, moves)) for finding in report]


def _at(place: Place, moves: Mapping[str, Move]) -> Place:
    move = moves.get(place.file)
    return place if move is None else move(place)


def _document(document: Document, moves: Mapping[str, Move]) -> Document:
    places = {path: _at(place, moves) for path, place in document.places.items()}
    file = _at(Place(document.file), moves).file
    return Document(file, document.value, places)
