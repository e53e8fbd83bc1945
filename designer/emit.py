"""Turn a gateway's `File`s into text, and write a folder of them so that nothing is lost.

Templates lay values out and comment; they decide nothing. Values reach the text only through the
`yaml` and `tojson` filters, so that every string comes back as it was. Files are written atomically;
a file that someone changed by hand since the last run is never overwritten unasked.
"""

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import jinja2
from jinja2.runtime import Context
from msgspec import Struct

from designer.bytecode import BesideTemplates
from designer.diagnostics import Place, Report, Rule, Severity
from designer.documents import scalar
from designer.errors import UsageError
from designer.files import replace_all
from designer.gateways.base import File
from designer.resources import templates

HAND_EDITED = Rule(
    "EMT401",
    Severity.ERROR,
    "{path} was changed by hand since it was written",
    "Its hash differs from the one that plan.json holds; overwriting it would lose the edit.",
    instead="nothing was written",
    help="move the change into the profile (or `passthrough`), or write with --overwrite",
)


# --- Text -----------------------------------------------------------------------------------------


def render(folder: str, file: File) -> str:
    """The text of `file`, by its template in `templates/<folder>/`. Ends with one newline."""
    text = (
        _environment(folder)
        .get_template(file.template)
        .render(values=file.values, notes=file.notes, path=file.path)
    )
    return text.rstrip("\n") + "\n"


_environments: dict[str, jinja2.Environment] = {}


def _environment(folder: str) -> jinja2.Environment:
    if folder not in _environments:
        root = templates(folder)
        environment = jinja2.Environment(
            loader=jinja2.FunctionLoader(lambda name: _source(root.joinpath(name))),
            # What the filters are decides what a template is compiled to, and they stand in this file.
            bytecode_cache=BesideTemplates(Path(__file__).read_text("utf-8")),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            optimized=False,  # each template runs once: folding its constants costs more than it saves
            autoescape=False,  # YAML, JSON and Python, never HTML; values pass the filters below
        )
        environment.filters["yaml"] = _yaml_filter
        environment.filters["tojson"] = to_json
        environment.filters["comment"] = comment
        _environments[folder] = environment
    return _environments[folder]


def _source(template: Traversable) -> tuple[str, str, None]:
    return template.read_text("utf-8"), str(template), None


def to_json(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, indent=indent, ensure_ascii=False, default=_number)


def comment(text: str) -> str:
    """One line that cannot end its comment early."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


@jinja2.pass_context
def _yaml_filter(context: Context, value: Any, path: str = "", indent: int = 0) -> str:
    """Block style for mappings and lists that are not empty, with the notes of `path` and below."""
    return to_yaml(value, context.get("notes") or {}, path, indent)


def to_yaml(
    value: Any, notes: Mapping[str, str] | None = None, path: str = "", indent: int = 0
) -> str:
    """`value` as YAML that loaders of version 1.1 and 1.2 read alike. No final newline."""
    return "\n".join(_lines(value, notes or {}, path, " " * indent))


def _lines(value: Any, notes: Mapping[str, str], path: str, pad: str) -> list[str]:
    if isinstance(value, Mapping) and value:
        lines = []
        for key, item in value.items():
            inner = f"{path}.{key}" if path else str(key)
            note = f"  # {comment(notes[inner])}" if inner in notes else ""
            if _is_block(item):
                lines += [f"{pad}{_inline(key)}:{note}", *_lines(item, notes, inner, pad + "  ")]
            else:
                lines.append(f"{pad}{_inline(key)}: {_inline(item)}{note}")
        return lines
    if isinstance(value, list | tuple) and value and _is_block(value):
        lines = []
        for index, item in enumerate(value):
            inner = f"{path}[{index}]"
            if inner in notes:
                lines.append(f"{pad}# {comment(notes[inner])}")
            nested = _lines(item, notes, inner, pad + "  ")
            nested[0] = f"{pad}- {nested[0].lstrip(' ')}"
            lines += nested
        return lines
    return [pad + _inline(value)]


def _is_block(value: Any) -> bool:
    """Lists of short scalars stay on one line."""
    if isinstance(value, Mapping):
        return bool(value)
    if isinstance(value, list | tuple):
        return any(isinstance(v, Mapping | list | tuple) for v in value) or len(str(value)) > 80
    return False


_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./@+-]*(:[A-Za-z0-9_/@+-][A-Za-z0-9_./@+-]*)*\Z")


def _inline(value: Any, in_flow: bool = False) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            plain = (
                _PLAIN.match(value) is not None
                and not (in_flow and ":" in value)  # libyaml stops at one between brackets
                and scalar(value, plain=True, version="1.1") == value
                and scalar(value, plain=True) == value
                and value not in ("y", "Y", "n", "N", "_")
            )
            return value if plain else _quoted(value)
        case float() | Decimal():
            return _number_text(value)
        case int():
            return str(value)
        case list() | tuple():
            return "[" + ", ".join(_inline(item, True) for item in value) + "]"
        case Mapping():
            pairs = (f"{_inline(k, True)}: {_inline(v, True)}" for k, v in value.items())
            return "{" + ", ".join(pairs) + "}"
        case _:
            raise TypeError(f"no YAML for {type(value).__name__}")


_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")


def _quoted(text: str) -> str:
    """A JSON string is a YAML string too, once what YAML does not print is escaped as well."""
    return _UNPRINTABLE.sub(
        lambda match: f"\\u{ord(match[0]):04x}", json.dumps(text, ensure_ascii=False)
    )


def _number_text(value: float | Decimal) -> str:
    """Plain digits: PyYAML reads `1e-06` as a string."""
    if not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    text = format(Decimal(repr(value)) if isinstance(value, float) else value, "f")
    return text if "." in text else f"{text}.0"


def _number(value: Any) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"no JSON for {type(value).__name__}")


# --- Folders --------------------------------------------------------------------------------------


class Written(Struct, frozen=True):
    """What a run did to the folder, as paths below it."""

    written: tuple[str, ...]
    unchanged: tuple[str, ...]
    removed: tuple[str, ...]


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def write_folder(
    folder: Path,
    texts: Mapping[str, str],
    earlier: Mapping[str, str],
    report: Report,
    overwrite: bool = False,
) -> Written | None:
    """Write `texts` (by path below `folder`), removing what an earlier run wrote and this one does not.

    `earlier` holds the hashes of the earlier run's files, as in its plan.json. Returns None, with
    findings and nothing written, when a file was edited by hand since.

    Raises UsageError when the folder cannot be written; files of the earlier run are then whole, each
    either old or new.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is not a folder; choose another with -o")
    edited = [] if overwrite else list(_edited(folder, texts, earlier))
    for path in edited:
        report.add(HAND_EDITED, Place(str(folder / path)), path=str(folder / path))
    if edited:
        return None
    changed = [p for p, text in texts.items() if _read(folder / p) != text]
    gone = [p for p in earlier if p not in texts and (folder / p).is_file()]
    try:
        replace_all({folder / p: texts[p] for p in changed})
        for path in gone:
            (folder / path).unlink()
    except OSError as error:
        where = error.filename or folder
        raise UsageError(f"cannot write {where}: {error.strerror or error}") from error
    kept = tuple(p for p in texts if p not in changed)
    return Written(tuple(changed), kept, tuple(gone))


def _edited(folder: Path, texts: Mapping[str, str], earlier: Mapping[str, str]) -> Iterable[str]:
    for path in {**texts, **earlier}:
        present = _read(folder / path)
        if present is None or present == texts.get(path):
            continue
        if sha256(present) != earlier.get(path):
            yield path


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {error}") from error
