"""A configuration and the files that its `include` names, merged as the proxy merges them.

Of an included file a list is appended to the list of that name and anything else takes the place of
what stood there; an entry is looked for beside the file that has it, then beside the first one; a
file is read once (read in `proxy/common_utils/config_includes.py` of LiteLLM 1.106.2, 2026-11-24).
Files are given as texts by path: finding and reading them, and telling of missing ones, is
`designer.load`'s work.
"""

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from designer.diagnostics import Place, Report, Rule, Severity
from designer.documents import Document, Path, dotted

NO_LIST = Rule(
    "PAR514",
    Severity.ERROR,
    "`include` is to be a list of file names",
    "LiteLLM 1.106.2 does not start with an `include` of another type (read in "
    "config_includes.py, 2026-11-24).",
    instead="nothing is included here",
    help="write `include: [{example}]`",
)
NO_MAPPING = Rule(
    "PAR515",
    Severity.ERROR,
    "{file} is included and holds no mapping",
    "LiteLLM 1.106.2 does not start when an included file is anything but a mapping (read in "
    "proxy_server.py, 2026-11-24).",
    instead="it is left out here",
    help="list the deployments in it under `model_list`",
)

INCLUDE = "include"


def includes(value: Any) -> tuple[str, ...]:
    """The files that a loaded configuration names, as it names them."""
    listed = value.get(INCLUDE) if isinstance(value, Mapping) else None
    if not isinstance(listed, list) or not all(isinstance(entry, str) for entry in listed):
        return ()
    return tuple(listed)


def candidates(value: Any, file: str, first: str) -> tuple[tuple[str, ...], ...]:
    """For each entry of `include` the paths where it is looked for, the better one first."""
    return tuple(_beside(entry, file, first) for entry in includes(value))


def _beside(entry: str, declared_in: str, first: str) -> tuple[str, ...]:
    folders = (posixpath.dirname(declared_in), posixpath.dirname(first))
    paths = (posixpath.normpath(posixpath.join(folder, entry)) for folder in folders)
    return tuple(dict.fromkeys(paths))


def merged(root: Document, files: Mapping[str, Document], report: Report) -> Document:
    """`root` with those of `files` that it includes, and the places of both."""
    by_path = {posixpath.normpath(path): document for path, document in files.items()}
    start = posixpath.normpath(root.file)
    loaded = {start}
    pending = list(_pending(root, start, report))
    found = _without_include(root)
    while pending:
        entry, declared_in = pending.pop(0)
        path = next((p for p in _beside(entry, declared_in, start) if p in by_path), None)
        if path is None or path in loaded:
            continue
        loaded.add(path)
        included = by_path[path]
        if included.value is None:
            continue
        if not isinstance(included.value, Mapping):
            report.add(NO_MAPPING, Place(included.file), file=entry)
            continue
        found = _joined(found, _without_include(included))
        pending += _pending(included, path, report)
    return found


def _pending(document: Document, path: str, report: Report) -> Iterator[tuple[str, str]]:
    entries = includes(document.value)
    if (
        not entries
        and isinstance(document.value, Mapping)
        and document.value.get(INCLUDE, []) != []
    ):
        report.add(NO_LIST, document.place(INCLUDE), example="models.yaml")
    for entry in entries:
        yield entry, path


def _without_include(document: Document) -> Document:
    if not isinstance(document.value, Mapping) or INCLUDE not in document.value:
        return document
    value = {key: item for key, item in document.value.items() if key != INCLUDE}
    return replace(document, value=value)


def _joined(base: Document, included: Document) -> Document:
    value = dict(base.value)
    places = dict(base.places)
    for key, item in included.value.items():
        before = value.get(key)
        offset = len(before) if isinstance(item, list) and isinstance(before, list) else 0
        value[key] = (
            [*before, *item] if isinstance(before, list) and isinstance(item, list) else item
        )
        if not offset:
            places = {path: place for path, place in places.items() if path[:1] != (key,)}
        for path, place in included.places.items():
            if path[:1] == (key,) and not (offset and len(path) == 1):
                moved = _further(path, offset)
                places[moved] = replace(place, path=dotted(moved))
    return replace(base, value=value, places=places)


def _further(path: Path, offset: int) -> Path:
    """The path of a list's item once `offset` others stand before it."""
    match path:
        case (key, int() as index, *rest):
            return (key, index + offset, *rest)
        case _:
            return path
