"""Which profile a written plan came from: its files by path and hash, as `origin` in plan.json.

The profile itself first, then what it extends; paths are relative to the plan's folder. Whether the
profile still gives that plan is not asked here.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from designer.errors import UsageError

KEY: Final = "origin"

Origin = list[dict[str, str]]


def origin_of(files: Iterable[str], folder: Path) -> Origin:
    """Raises UsageError where a file cannot be read any more."""
    return [
        {
            "path": Path(os.path.relpath(Path(file).resolve(), folder.resolve())).as_posix(),
            "sha256": _sha256(Path(file)),
        }
        for file in files
    ]


def with_origin(plan_json: str, origin: Origin) -> str:
    content = json.loads(plan_json) | {KEY: origin}
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def profile_of(content: Mapping[str, Any], plan_json: Path) -> Path:
    """Raises UsageError, which says what to run, where the profile is not the one that was planned."""
    origin = content.get(KEY)
    if not origin:
        raise UsageError(
            f"{plan_json} does not say which file it was planned from; name the profile: "
            "designer why PROFILE"
        )
    try:
        listed = [(plan_json.parent / row["path"], row["sha256"]) for row in origin]
    except (KeyError, TypeError) as error:
        raise UsageError(
            f"{plan_json} is not a plan that `designer plan` wrote: {error}"
        ) from error
    profile, *_ = (_shown(file) for file, _ in listed)
    for file, planned in listed:
        shown = _shown(file)
        if not file.exists():
            raise UsageError(
                f"{shown}, which {plan_json} was planned from, is gone; where the profile is elsewhere "
                "now: designer plan PROFILE"
            )
        if _sha256(file) != planned:
            raise UsageError(
                f"{shown} has changed since {plan_json} was planned; plan again: designer plan {profile}, "
                f"or argue with the profile as it is: designer why {profile}"
            )
    return profile


def _shown(file: Path) -> Path:
    """As one would type it."""
    return Path(os.path.relpath(file))


def _sha256(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror or error}") from error
