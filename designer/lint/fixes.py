"""Apply fixes to a file's own text: what a fix does not name stays byte for byte as it was.

Edits are made where the value or key stands in the text, by the marks of a YAML reader (JSON is YAML
here too); nothing is loaded and written anew. Two fixes that touch the same characters are not both
made: the first is, and the next run finds the second.
"""

from collections.abc import Iterable, Mapping, Sequence
from difflib import unified_diff

from msgspec import Struct
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from designer.diagnostics import Diagnostic, Edit, Fix
from designer.documents import Path


class Fixed(Struct, frozen=True):
    text: str
    made: tuple[Fix, ...]


class _Splice(Struct, frozen=True, order=True):
    start: int
    end: int
    text: str


def apply(text: str, findings: Iterable[Diagnostic]) -> Fixed:
    """The text with every fix that could be made."""
    try:
        # Pure Python: the C parser's marks count bytes, not characters.
        root = YAML(typ="safe", pure=True).compose(text)
    except YAMLError:
        return Fixed(text, ())
    made: list[Fix] = []
    taken: list[_Splice] = []
    for finding in findings:
        if finding.fix is None or finding.fix in made:
            continue
        splices = [_splice(text, root, edit) for edit in finding.fix.edits]
        found = [splice for splice in splices if splice is not None]
        if len(found) == len(splices) and not _overlap(found, taken):
            made.append(finding.fix)
            taken += found
    for splice in sorted(taken, reverse=True):
        text = text[: splice.start] + splice.text + text[splice.end :]
    return Fixed(text, tuple(made))


def diff(file: str, before: str, after: str) -> str:
    """A patch that `git apply` and `patch -p1` take; empty when nothing changed."""
    name = file.lstrip("/")
    lines = unified_diff(
        before.splitlines(keepends=True),
        after.splitlines(keepends=True),
        f"a/{name}",
        f"b/{name}",
    )
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def _overlap(new: Sequence[_Splice], taken: Sequence[_Splice]) -> bool:
    return any(a.start < b.end and b.start < a.end for a in new for b in taken)


def _splice(text: str, root: Node | None, edit: Edit) -> _Splice | None:
    """None where the text does not say the value itself, as below an anchor's alias."""
    if edit.kind == "insert":
        parent = _find(root, edit.path[:-1])
        return None if parent is None else _inserted(text, parent[1], edit)
    found = _find(root, edit.path)
    if found is None:
        return None
    key, node = found
    match edit.kind:
        case "set":
            is_flow = isinstance(node, SequenceNode) and node.flow_style
            if not (isinstance(node, ScalarNode) or is_flow):
                return None  # a block's marks take in what stands around it
            return _Splice(node.start_mark.index, node.end_mark.index, _as_before(node, edit.text))
        case "rename":
            if key is None:
                return None
            return _Splice(key.start_mark.index, key.end_mark.index, _as_before(key, edit.text))
        case "drop":
            if key is not None:
                return _lines_of(text, key, node)
            parent = _find(root, edit.path[:-1])
            return None if parent is None else _without(text, parent[1], edit.path[-1])


def _as_before(node: Node, written: str) -> str:
    """In the quotes that stood there, where the new text can stand in them."""
    quote = getattr(node, "style", None)
    plain = all(c.isalnum() or c in "-_./:@" for c in written)
    is_text = isinstance(node, ScalarNode) and not _is_literal(written)
    return f"{quote}{written}{quote}" if quote in ('"', "'") and plain and is_text else written


def _is_literal(written: str) -> bool:
    """A number, a truth value or something in quotes of its own: what loses its meaning in quotes."""
    if written[:1] in ('"', "'", "[", "{") or written in ("true", "false", "null"):
        return True
    try:
        float(written)
    except ValueError:
        return False
    return True


def _find(root: Node | None, path: Path) -> tuple[ScalarNode | None, Node] | None:
    key: ScalarNode | None = None
    node = root
    for part in path:
        if isinstance(node, MappingNode):
            # The last one counts, as in the loaders that gateways use.
            pairs = [p for p in node.value if isinstance(p[0], ScalarNode) and p[0].value == part]
            if not pairs:
                return None
            key, node = pairs[-1]
        elif isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
            key, node = None, node.value[part]
        else:
            return None
    return None if node is None else (key, node)


def _inserted(text: str, parent: Node, edit: Edit) -> _Splice | None:
    """A new first entry, laid out as the one that was first until now."""
    if not isinstance(parent, MappingNode | SequenceNode):
        return None
    first = parent.value[0] if parent.value else None
    key = first[0] if isinstance(first, tuple) else None
    quote = getattr(key, "style", None) or ""
    is_list = isinstance(parent, SequenceNode)
    entry = edit.text if is_list else f"{quote}{edit.path[-1]}{quote}: {edit.text}"
    if first is None:
        at = parent.start_mark.index + 1
        return _Splice(at, at, entry)
    if is_list and not parent.flow_style:
        mark, entry = parent.start_mark, f"- {entry}"
        if text[mark.index] != "-":
            return None  # it has an anchor or a tag
    else:
        mark = (key or first).start_mark
    comma = "," if parent.flow_style else ""
    is_alone = not parent.flow_style or mark.line > parent.start_mark.line
    between = "\n" + " " * mark.column if is_alone else " "
    return _Splice(mark.index, mark.index, f"{entry}{comma}{between}")


def _without(text: str, parent: Node, index: str | int) -> _Splice | None:
    """An item of a list and what parts it from the others; the last one of all has to stay."""
    if not isinstance(parent, SequenceNode) or len(parent.value) < 2 or not isinstance(index, int):
        return None
    node = parent.value[index]
    if not parent.flow_style:
        return _lines_of(text, node, node, after="-")
    if index + 1 < len(parent.value):
        return _Splice(node.start_mark.index, parent.value[index + 1].start_mark.index, "")
    return _Splice(_end(parent.value[index - 1]), _end(node), "")


def _lines_of(text: str, key: Node, node: Node, after: str = "") -> _Splice | None:
    """A whole entry of a block, from its line's beginning to its last line's end."""
    start = text.rfind("\n", 0, key.start_mark.index) + 1
    if text[start : key.start_mark.index].strip() != after:
        return None  # it shares its line with something else
    value_end = _end(node)
    if text[value_end - 1] == "\n":  # a block scalar ends where the next line begins
        return _Splice(start, value_end, "")
    line_end = text.find("\n", value_end)
    end = len(text) if line_end < 0 else line_end + 1
    rest = text[value_end:end].strip()
    return _Splice(start, end, "") if not rest or rest.startswith("#") else None


def _end(node: Node) -> int:
    """Where the last character of a value stands: a block collection's own mark is further down."""
    if isinstance(node, MappingNode) and node.value and not node.flow_style:
        return _end(node.value[-1][1])
    if isinstance(node, SequenceNode) and node.value and not node.flow_style:
        return _end(node.value[-1])
    index: int = node.end_mark.index
    return index


def by_file(findings: Iterable[Diagnostic]) -> Mapping[str, list[Diagnostic]]:
    """Findings that have a fix, by the file that it changes."""
    found: dict[str, list[Diagnostic]] = {}
    for finding in findings:
        if finding.fix is not None:
            found.setdefault(finding.place.file, []).append(finding)
    return found
