"""The files that may be read: those in the given folder, those beside the given file, or none."""

from pathlib import Path

from msgspec import Struct

from designer.errors import UsageError

_MOST_BYTES = 50_000_000


class Folder(Struct, frozen=True):
    base: Path
    """What the paths of files are relative to."""
    bounds: Path | None
    """None for standard input, which has no folder."""

    @classmethod
    def of(cls, path: str) -> "Folder":
        if path == "-":
            return cls(Path(), None)
        given = Path(path)
        if given.is_dir():
            return cls(given, given.resolve())
        return cls(Path(), given.parent.resolve())

    def why_not(self, file: str) -> str:
        """Why a file is not read, as the end of a sentence; empty when it can be."""
        if self.bounds is None:
            return "standard input has no files beside it"
        try:
            path = (self.base / file).resolve()
            if not path.is_relative_to(self.bounds):
                return "it lies outside the folder that is looked at"
            return "" if path.is_file() else "there is no such file"
        except (
            OSError,
            ValueError,
            RuntimeError,
        ) as error:  # no name for a file, links in a circle
            return f"it cannot be looked for: {error}"

    def read(self, file: str) -> str:
        return read_text(self.base / file)


def read_text(path: Path) -> str:
    """Raises UsageError when the file is too large, is no text or cannot be read."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UsageError(f"{path} is larger than {_MOST_BYTES:,} bytes")
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise UsageError(f"there is no {error.filename}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {error}") from error
