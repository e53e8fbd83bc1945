"""Whether a folder is what `designer plan` would write into it now.

Only compares; what the files mean is another step's affair. A profile may be named by another path
than when it was planned: that alone is no drift.
"""

import difflib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from designer.compiler import earlier_hashes
from designer.diagnostics import Place, Report, Rule, Severity
from designer.emit import sha256
from designer.errors import UsageError
from designer.load import PLAN
from designer.origin import KEY as ORIGIN
from designer.origin import with_origin

NO_FOLDER = Rule(
    "CHK201",
    Severity.ERROR,
    "there is no {folder}: nothing was planned yet",
    "A check is about the files that will be deployed, and there are none.",
    help="designer plan {profile}",
)
MISSING = Rule(
    "CHK202",
    Severity.ERROR,
    "{path} is missing",
    "The plan writes this file, and the folder has it not.",
    help="run `designer plan` again",
)
HAND_EDITED = Rule(
    "CHK203",
    Severity.ERROR,
    "{path} was changed by hand since it was written",
    "Its hash is not the one that plan.json holds, and the plan would write something else: the next "
    "plan refuses to overwrite it, and what was decided is no longer what is deployed.",
    help="move the change into the profile (or `passthrough`) and plan again",
)
STALE = Rule(
    "CHK204",
    Severity.ERROR,
    "{path} is not what the profile gives now",
    "The file is as it was written, but the profile, designer.lock, the catalog or this program has "
    "changed since.",
    help="run `designer plan` again, and review the difference",
)
LEFT_OVER = Rule(
    "CHK205",
    Severity.ERROR,
    "{path} was written by an earlier plan and is no longer made",
    "Whoever deploys the folder deploys it too.",
    help="run `designer plan` again, which removes it",
)
NOT_OURS = Rule(
    "CHK206",
    Severity.WARNING,
    "{path} stands in the folder, and no plan has written it",
    "Gateways and tools that read the whole folder read it too.",
    help="move it elsewhere",
)


def drift(folder: Path, texts: Mapping[str, str], report: Report) -> None:
    """Adds what differs between the folder and `texts`, the files of a plan by path."""
    earlier = earlier_hashes(folder)
    for path, text in texts.items():
        present = _read(folder / path)
        where = (folder / path).as_posix()
        if present is None:
            report.add(MISSING, Place(where), path=where)
        elif not _is_same(path, present, text):
            rule = STALE if sha256(present) == earlier.get(path) else HAND_EDITED
            report.add(rule, Place(where), path=where)
    for path in _others(folder, texts):
        where = (folder / path).as_posix()
        report.add(LEFT_OVER if path in earlier else NOT_OURS, Place(where), path=where)


def diff(folder: Path, texts: Mapping[str, str]) -> str:
    """What planning again would change, as a patch."""
    parts: list[str] = []
    for path, text in texts.items():
        present = _read(folder / path) or ""
        if not _is_same(path, present, text):
            again = _with_its_origin(present, text) if path == PLAN else text
            parts += _patch((folder / path).as_posix(), present, again)
    for path in _others(folder, texts):
        if path in earlier_hashes(folder):
            parts += _patch((folder / path).as_posix(), _read(folder / path) or "", "")
    return "".join(parts)


def _patch(name: str, before: str, after: str) -> Iterator[str]:
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    for line in difflib.unified_diff(old, new, f"a/{name}", f"b/{name}" if after else "/dev/null"):
        yield line if line.endswith("\n") else f"{line}\n"


def _others(folder: Path, texts: Mapping[str, str]) -> list[str]:
    found = (p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    return sorted(path for path in found if path not in texts)


def _is_same(path: str, present: str, text: str) -> bool:
    if present == text or path != PLAN:
        return present == text
    try:
        again = _with_its_origin(present, text)
        return bool(_placeless(json.loads(present)) == _placeless(json.loads(again)))
    except ValueError:
        return False


def _with_its_origin(present: str, text: str) -> str:
    """A remark that changes in the profile changes its hash, and is no drift."""
    try:
        return with_origin(text, json.loads(present)[ORIGIN])
    except (ValueError, KeyError, TypeError):
        return text


def _placeless(value: Any) -> Any:
    """plan.json without the paths by which the profile's files were named; lines and columns stay."""
    if isinstance(value, dict):
        return {
            key: item.partition(":")[2]
            if key in ("file", "at") and isinstance(item, str)
            else _placeless(item)
            for key, item in value.items()
        }
    return [_placeless(item) for item in value] if isinstance(value, list) else value


def _read(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {error}") from error
