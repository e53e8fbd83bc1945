"""`designer.yaml`: what the commands of a project share, so that nobody has to type it.

Only its own form is checked here; whether the files it names are there is for those who open them.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from designer.diagnostics import Place, Report, Severity
from designer.documents import Document, read_yaml
from designer.errors import UsageError
from designer.reading import BAD_VALUE, Reader

FILE = "designer.yaml"

_LISTS = ("profiles", "scenarios", "tests")
_TEXTS = ("out", "fail-on", "baseline", "overlay", "catalog", "properties")
KEYS = ("version", *_LISTS, *_TEXTS)


class Project(Struct, frozen=True):
    """Paths are from where the file stands; everything may be left out."""

    profiles: tuple[str, ...] = ()
    out: str = "out"
    """Below it every profile has a folder of its name."""
    fail_on: str = "error"
    baseline: str = ""
    overlay: str = ""
    """Facts of one's own, over the catalog's."""
    catalog: str = ""
    """A catalog of another day instead of the packaged one."""
    properties: str = ""
    scenarios: tuple[str, ...] = ()
    """Files, or names of scenarios that come along."""
    tests: tuple[str, ...] = ()
    """Files of route tests; `*` stands for anything."""
    document: Document = Document("", None)

    @property
    def overlay_path(self) -> Path | None:
        return Path(self.overlay) if self.overlay else None

    @property
    def catalog_path(self) -> Path | None:
        return Path(self.catalog) if self.catalog else None

    def place(self, *path: str | int) -> Place:
        return self.document.place(*path)


def project_above(path: Path) -> Path | None:
    """The project file beside a file or in a folder, else the nearest above; None where there is none."""
    here = path.resolve()
    folders = (here, *here.parents) if here.is_dir() else here.parents
    return next((folder / FILE for folder in folders if (folder / FILE).is_file()), None)


def read_project(report: Report, path: Path = Path(FILE)) -> Project:
    """All defaults where there is no such file. Raises UsageError when it cannot be opened."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Project()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {error}") from error
    document = read_yaml(text, str(path), report)
    if document is None or document.value is None:
        return Project()
    return _project(document, report)


def _project(document: Document, report: Report) -> Project:
    reader, value = Reader(document, report), document.value
    if not reader.is_a(value, dict, (), FILE):
        return Project()
    reader.knows(value, KEYS, (), FILE)
    if value.get("version", 1) != 1:
        place, found = document.place("version"), value["version"]
        report.add(BAD_VALUE, place, what="`version`", found=found, wanted="1")
    texts = {key: value[key] for key in _TEXTS if _is_text(reader, value, key)}
    grade = texts.pop("fail-on", "error")
    if grade not in tuple(Severity):
        wanted = "one of " + ", ".join(Severity)
        place = document.place("fail-on")
        report.add(BAD_VALUE, place, what="`fail-on`", found=grade, wanted=wanted)
        grade = "error"
    return Project(
        **texts,
        profiles=_texts(reader, value, "profiles"),
        scenarios=_texts(reader, value, "scenarios"),
        tests=_texts(reader, value, "tests"),
        fail_on=grade,
        document=document,
    )


def _is_text(reader: Reader, value: Mapping[str, Any], key: str) -> bool:
    return key in value and reader.is_a(value[key], str, (key,), f"`{key}`")


def _texts(reader: Reader, value: Mapping[str, Any], key: str) -> tuple[str, ...]:
    listed = value.get(key, [])
    if not reader.is_a(listed, list, (key,), f"`{key}`"):
        return ()
    what = f"an entry of `{key}`"
    return tuple(
        item for index, item in enumerate(listed) if reader.is_a(item, str, (key, index), what)
    )
