"""Read the packaged catalog, or one of another day, with the user's own facts on top.

The packaged file is generated and tested, so it is trusted. What a user adds comes through `overlay`,
which checks and reports.
"""

from functools import cache
from importlib.resources import files
from pathlib import Path

from msgspec import DecodeError

from designer.catalog.model import Catalog
from designer.catalog.stored import catalog_from_json
from designer.diagnostics import Report
from designer.errors import UsageError


def load_catalog(
    overlay: Path | None = None, report: Report | None = None, *, file: Path | None = None
) -> Catalog:
    """The packaged catalog, or the one in `file`, with the user's own facts on top.

    What is wrong in the overlay goes to `report` and is left out; the rest of it still counts.
    """
    catalog = _packaged() if file is None else read_catalog(file)
    if overlay is None:
        return catalog
    from designer.catalog.overlay import apply_overlay  # YAML and pydantic only when needed

    return apply_overlay(catalog, overlay, Report() if report is None else report)


def read_catalog(file: Path) -> Catalog:
    """A catalog that `designer catalog update -o` wrote."""
    try:
        return catalog_from_json(file.read_bytes())
    except OSError as problem:
        raise UsageError(f"cannot read the catalog {file}: {problem.strerror}") from problem
    except DecodeError as problem:
        raise UsageError(f"{file} is no catalog: {problem}") from problem


def forget_catalog() -> None:
    """The packaged catalog is read again when it is next asked for: it may have been replaced."""
    _packaged.cache_clear()


@cache
def _packaged() -> Catalog:
    return catalog_from_json(
        files("designer.catalog").joinpath("data", "catalog.json").read_bytes()
    )
