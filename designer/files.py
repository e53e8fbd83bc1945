"""Write files so that no reader, and no crash, ever sees half of one."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from designer.errors import UsageError


def write_atomically(path: Path, content: str | bytes) -> None:
    """Raises UsageError; the old file is whole until the new one is."""
    try:
        replace_all({path: content})
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error


def replace_all(contents: Mapping[Path, str | bytes]) -> None:
    """All files are complete on disk before the first one takes its place."""
    ready: list[tuple[Path, Path]] = []
    try:
        for path, content in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(
                dir=path.parent, prefix=f".{path.name}.", delete=False
            ) as draft:
                ready.append((Path(draft.name), path))
                draft.write(content.encode() if isinstance(content, str) else content)
                draft.flush()
                os.fsync(draft.fileno())
            mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
            Path(draft.name).chmod(mode)
        for draft_path, path in ready:
            draft_path.replace(path)
    finally:
        for draft_path, _ in ready:
            draft_path.unlink(missing_ok=True)
