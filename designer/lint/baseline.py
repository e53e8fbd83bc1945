"""The findings that were there when a team began to lint: kept in a file, and not told again.

A finding is recognised by its rule, file, place in the configuration and message, not by its line, so
that lines may be added above it. A finding that stands twice must be in the baseline twice.
"""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from designer.diagnostics import Diagnostic, Report
from designer.errors import UsageError

SCHEMA_VERSION = 1
_KEYS = ("code", "file", "path", "message")


def write(findings: Iterable[Diagnostic]) -> str:
    """The text of a baseline: one finding a line, sorted, so that a diff of it reads well."""
    rows = sorted(_key(finding) for finding in findings)
    listed = ",\n".join(
        "    " + json.dumps(dict(zip(_KEYS, row, strict=True)), ensure_ascii=False) for row in rows
    )
    inner = f"[\n{listed}\n  ]" if rows else "[]"
    return f'{{\n  "schema_version": {SCHEMA_VERSION},\n  "findings": {inner}\n}}\n'


def read(path: Path) -> Counter[tuple[str, ...]]:
    """Raises UsageError when there is no baseline there."""
    try:
        content: Any = json.loads(path.read_text("utf-8"))
        return Counter(tuple(str(row[key]) for key in _KEYS) for row in content["findings"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        problem = f"it has no {error}" if isinstance(error, KeyError) else error
        raise UsageError(f"cannot read the baseline {path}: {problem}") from error


def left_out(report: Report, known: Counter[tuple[str, ...]]) -> tuple[Report, int]:
    """The report without what the baseline knows, and how much that was."""
    remaining = known.copy()
    left = Report()
    for finding in report:
        key = _key(finding)
        if remaining[key] > 0:
            remaining[key] -= 1
        else:
            left.diagnostics.append(finding)
    return left, len(report) - len(left)


def _key(finding: Diagnostic) -> tuple[str, ...]:
    return (finding.code, finding.place.file, finding.place.path, finding.message)
