"""A route's name as a folder, and back: `portkey-oss/<name>/config.json`.

Percent-encoding is reversible, so no index file is needed. Names that a file system might confuse
(upper and lower case, dots, devices of Windows) are encoded further; long ones span several folders,
each but the last ending in a bare `%`.
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath
from urllib.parse import quote, unquote

FILE = "config.json"

_LONGEST = 200
"""File systems take 255 bytes a name."""
_EMPTY = "%"
_DEVICES = frozenset({"con", "prn", "aux", "nul"}) | {
    f"{port}{number}" for port in ("com", "lpt") for number in range(10)
}


def folders(names: Iterable[str]) -> dict[str, str]:
    """A folder (with `/` when long) for each name; no two are the same, even without case."""
    plain = {name: _encoded(name) for name in names}
    like = Counter(folder.lower() for folder in plain.values())
    return {
        name: folder if like[folder.lower()] == 1 else _encoded(name, upper=True)
        for name, folder in plain.items()
    }


def _encoded(name: str, upper: bool = False) -> str:
    if not name:
        return _EMPTY
    letters = [
        _percent(letter) if upper and letter.isupper() else quote(letter, safe="", errors=_ODD)
        for letter in name
    ]
    if name[0] in ".~" or name.split(".")[0].lower() in _DEVICES:
        letters[0] = _percent(name[0])
    if name[-1] == ".":
        letters[-1] = _percent(".")
    parts = [""]
    for letter in letters:
        if len(parts[-1]) + len(letter) > _LONGEST:
            parts[-1] += "%"
            parts.append("")
        parts[-1] += letter
    return "/".join(parts)


_ODD = "surrogatepass"


def _percent(letter: str) -> str:
    return "".join(f"%{byte:02X}" for byte in letter.encode("utf-8", _ODD))


def name_of(path: str) -> str:
    """The route that the file at `path` stands for: its folder's name or, elsewhere, its own."""
    file = PurePosixPath(path.replace("\\", "/"))
    if file.name != FILE:
        return _decoded(file.stem) if file.stem else "config"
    parts = list(file.parent.parts)
    if not parts:
        return "config"
    name = parts.pop()
    if name == _EMPTY:
        return ""
    while parts and parts[-1].endswith("%") and parts[-1] != _EMPTY:
        name = parts.pop()[:-1] + name
    return _decoded(name)


def _decoded(text: str) -> str:
    return unquote(text, errors=_ODD)
