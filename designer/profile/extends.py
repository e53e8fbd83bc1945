"""Read a profile and those it builds on into one tree.

Maps are merged by key; lists whose items have names (workloads, providers, teams, keys, deny rules)
item by item; any other list is replaced. What is nearer to the profile wins, and every value keeps
the place in the file that says it.
"""

from pathlib import Path
from typing import Final

from designer.diagnostics import Place, Report
from designer.profile.rules import EXTENDS_CYCLE, EXTENDS_MISSING, UNREADABLE
from designer.profile.secrets import shown
from designer.profile.tree import MAX_CHARACTERS, Entry, Items, Map, Node, Scalar, read_tree

_NAMED_BY: Final = {
    "workloads": ("alias",),
    "providers": ("as", "name"),
    "teams": ("name",),
    "teams.keys": ("name",),
    "guardrails.deny": ("name",),
    "workloads.guardrails.deny": ("name",),
}
"""Lists that are merged item by item, and the keys that name an item, the first one there."""

_SHORT_FOR: Final = {
    "cache": "mode",
    "workloads.cache": "mode",
    "gateway": "use",
    "providers": "name",
    "teams.keys": "name",
}
"""Where a text may stand for a map, and the key it stands for."""

MAX_FILES: Final = 50


def read_files(
    path: Path | str, text: str | None, report: Report
) -> tuple[Node | None, tuple[str, ...]]:
    """The merged tree, and the files it came from, the profile itself first."""
    files = _Files(report)
    return files.read(str(path), text, ()), tuple(files.seen)


class _Files:
    """Follows `extends`; holds the files seen, to name them and to bound their number."""

    def __init__(self, report: Report) -> None:
        self.seen: list[str] = []
        self._report = report

    def read(self, name: str, text: str | None, chain: tuple[str, ...]) -> Node | None:
        if name not in self.seen:
            self.seen.append(name)
        if text is None:
            text = self._text(name)
        tree = None if text is None else read_tree(text, name, self._report)
        if not isinstance(tree, Map):
            return tree
        merged: Node = Map({}, tree.at)
        for named in _extended(tree):
            below = self._extend(named, name, (*chain, name))
            if isinstance(below, Map):
                merged = _merge(merged, below, "")
        return _merge(merged, tree, "")

    def _extend(self, named: Scalar, by: str, chain: tuple[str, ...]) -> Node | None:
        file = str(Path(by).parent / named.text) if by != "-" else named.text
        same = [above for above in chain if _is_same(above, file)]
        if same:
            circle = [*chain[chain.index(same[0]) :], same[0]]
            self._report.add(EXTENDS_CYCLE, named.at, circle=" → ".join(shown(f) for f in circle))
            return None
        why = _why_not(file)
        if not why and len(self.seen) >= MAX_FILES:
            why = f"more than {MAX_FILES} files"
        if why:
            self._report.add(EXTENDS_MISSING, named.at, name=shown(named.text), why=why)
            return None
        return self.read(file, None, chain)

    def _text(self, name: str) -> str | None:
        why = _why_not(name)
        if not why:
            try:
                return Path(name).read_bytes().decode("utf-8-sig")
            except UnicodeDecodeError as error:
                why = f"it is not UTF-8 text (byte {error.start + 1})"
            except OSError as error:
                why = error.strerror or "the system refuses"
        self._report.add(UNREADABLE, Place(name), why=why)
        return None


def _why_not(name: str) -> str:
    """Why a file cannot be read, as far as that can be seen without reading it."""
    try:
        path = Path(name)
        if not path.exists():
            return "there is no such file"
        if path.is_dir():
            return "it is a folder"
        if path.is_file() and path.stat().st_size > 4 * MAX_CHARACTERS:
            return f"it is larger than {4 * MAX_CHARACTERS:,} bytes"
    except (OSError, ValueError):
        return "that cannot be the name of a file"
    return ""


def _is_same(one: str, other: str) -> bool:
    return one != "-" and Path(one).resolve() == Path(other).resolve()


def _extended(tree: Map) -> list[Scalar]:
    """The files named by `extends`; whether it is a list of texts at all, the model says."""
    entry = tree.entries.get("extends")
    nodes = entry.node.nodes if entry and isinstance(entry.node, Items) else ()
    return [node for node in nodes if isinstance(node, Scalar) and isinstance(node.value, str)]


def _merge(below: Node, above: Node, path: str) -> Node:
    below, above = _written_out(below, path), _written_out(above, path)
    if isinstance(below, Map) and isinstance(above, Map):
        return _merge_maps(below, above, path)
    if isinstance(below, Items) and isinstance(above, Items) and path in _NAMED_BY:
        return _merge_items(below, above, path)
    return above


def _merge_maps(below: Map, above: Map, path: str) -> Map:
    entries = dict(below.entries)
    if not path:
        entries.pop("extends", None)
    for key, entry in above.entries.items():
        known = entries.get(key)
        child = f"{path}.{key}" if path else key
        node = _merge(known.node, entry.node, child) if known else entry.node
        entries[key] = Entry(entry.key_at, node)
    return Map(entries, above.at)


def _merge_items(below: Items, above: Items, path: str) -> Items:
    nodes = [_written_out(node, path) for node in below.nodes]
    where = {name: index for index, node in enumerate(nodes) if (name := _name_of(node, path))}
    for node in (_written_out(node, path) for node in above.nodes):
        index = where.get(_name_of(node, path) or "")
        if index is None:
            nodes.append(node)
        else:
            nodes[index] = _merge(nodes[index], node, path)
    return Items(tuple(nodes), above.at)


def _name_of(node: Node, path: str) -> str | None:
    if isinstance(node, Map):
        for key in _NAMED_BY[path]:
            entry = node.entries.get(key)
            if entry and isinstance(entry.node, Scalar):
                return entry.node.text
    return None


def _written_out(node: Node, path: str) -> Node:
    """`exact` as `{mode: exact}`, where a text stands for a map."""
    key = _SHORT_FOR.get(path)
    if key is None or not isinstance(node, Scalar) or not isinstance(node.value, str):
        return node
    text, at, version = node.value.partition("@") if key == "use" else (node.value, "", "")
    entries = {key: Entry(node.at, Scalar(text, text, node.at))}
    if at:
        entries["version"] = Entry(node.at, Scalar(version, version, node.at))
    return Map(entries, node.at)
