"""Know a log by its beginning, and read it.

Files are read once, from front to end, and need no more memory than their longest line; only a JSON
array is held whole. Raises UsageError for a file that is no log at all.
"""

import csv
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from designer.errors import UsageError
from designer.logs import ledger, litellm, otel, tokens
from designer.logs.row import MalformedError, Row, Skipped

_FIELD_LIMIT: Final = 64 * 1024 * 1024
"""Bytes of one cell: exports may hold whole conversations, which are passed over."""
_HEAD: Final = 64 * 1024
_BOM: Final = b"\xef\xbb\xbf"


def read_logs(path: Path, skipped: Skipped) -> Iterator[Row]:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
        yield from _rows(path, head, skipped)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error


def _rows(path: Path, head: bytes, skipped: Skipped) -> Iterator[Row]:
    start = head.removeprefix(_BOM).lstrip()[:1]
    if head.startswith(ledger.MAGIC):
        return ledger.rows(path)
    if start == b"[":
        return _of_array(path, skipped)
    if start == b"{":
        return _of_lines(path, head, skipped)
    return _of_table(path, skipped)


# --- JSON -----------------------------------------------------------------------------------------


def _of_lines(path: Path, head: bytes, skipped: Skipped) -> Iterator[Row]:
    if _is_one_value(head):
        yield from _of_raw([(str(path), path.read_bytes().removeprefix(_BOM))], skipped)
        return
    with path.open("rb") as file:
        file.seek(len(_BOM) if head.startswith(_BOM) else 0)
        numbered = ((f"{path}:{n}", line) for n, line in enumerate(file, 1) if not line.isspace())
        yield from _of_raw(numbered, skipped)


def _is_one_value(head: bytes) -> bool:
    """Written over several lines, as `jq` and editors do: the first line opens and closes nothing."""
    return head.removeprefix(_BOM).lstrip().split(b"\n", 1)[0].strip() == b"{"


def _of_array(path: Path, skipped: Skipped) -> Iterator[Row]:
    try:
        items = msgspec.json.decode(path.read_bytes().removeprefix(_BOM), type=list[msgspec.Raw])
    except msgspec.DecodeError as error:
        skipped.add(str(path), f"not JSON: {error}")
        return
    yield from _of_raw(((f"{path}[{n}]", item) for n, item in enumerate(items)), skipped)


def _of_raw(entries: Iterable[tuple[str, bytes | msgspec.Raw]], skipped: Skipped) -> Iterator[Row]:
    """Each entry may be of either kind: a spend log, or a batch of spans."""
    for place, entry in entries:
        try:
            if b'"resourceSpans"' in bytes(entry)[:_HEAD]:
                yield from otel.rows(place, entry, skipped)
            else:
                yield litellm.row(litellm.ENTRY.decode(entry))
        except MalformedError as error:
            skipped.add(place, str(error))
        except msgspec.ValidationError as error:
            skipped.add(place, f"not a request: {error}")
        except (msgspec.DecodeError, UnicodeDecodeError):
            skipped.add(place, "not JSON")


# --- Tables ---------------------------------------------------------------------------------------


def _of_table(path: Path, skipped: Skipped) -> Iterator[Row]:
    csv.field_size_limit(_FIELD_LIMIT)
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        lines = csv.reader(file)
        header = next(lines, [])
        reader = litellm.table(header) or tokens.table(header)
        if reader is None:
            raise UsageError(
                f"{path}: no log that is known: neither LiteLLM's spend logs, OpenTelemetry's GenAI "
                "spans, the runtime's ledger, nor a table with a time, input and output tokens"
            )
        yield from _of_cells(path, lines, len(header), reader, skipped)


def _of_cells(
    path: Path,
    lines: Iterator[list[str]],
    width: int,
    reader: Callable[[list[str]], Row],
    skipped: Skipped,
) -> Iterator[Row]:
    number = 1
    while True:
        number += 1
        try:
            cells = next(lines)
            if cells and len(cells) != width:
                raise MalformedError(f"not {width} cells")
            if cells:
                yield reader(cells)
        except StopIteration:
            return
        except (MalformedError, csv.Error) as error:
            skipped.add(f"{path}, row {number}", str(error))
