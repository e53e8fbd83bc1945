"""Evidence as one archive: an index for people, a CSV for each table, all of it as JSON.

Bytes depend on the evidence alone: times are fixed and nothing is compressed, since compressors differ.
"""

import csv
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator

from designer.evidence.gather import Evidence, Table

SCHEMA_VERSION = 1
_MOMENT = (1980, 1, 1, 0, 0, 0)
"""The first that the format knows."""


def archive(evidence: Evidence) -> bytes:
    """A zip archive."""
    texts = dict(_members(evidence))
    texts["SHA256SUMS"] = "".join(
        f"{hashlib.sha256(text.encode()).hexdigest()}  {name}\n" for name, text in texts.items()
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as file:
        for name, text in texts.items():
            member = zipfile.ZipInfo(name, _MOMENT)
            member.create_system = 3  # the same on every system
            member.external_attr = 0o644 << 16
            file.writestr(member, text.encode())
    return buffer.getvalue()


def _members(evidence: Evidence) -> Iterator[tuple[str, str]]:
    yield "index.md", _index(evidence)
    yield "evidence.json", _json(evidence)
    for table in evidence.tables:
        yield f"{table.name}.csv", _csv(table)


def _json(evidence: Evidence) -> str:
    content = {
        "schema_version": SCHEMA_VERSION,
        "name": evidence.name,
        "gateway": evidence.gateway,
        "as_of": evidence.as_of.isoformat(),
        "provenance": dict(evidence.provenance),
        **{
            table.name: [dict(zip(table.columns, row, strict=True)) for row in table.rows]
            for table in evidence.tables
        },
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _csv(table: Table) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")  # RFC 4180
    writer.writerow(table.columns)
    writer.writerows([_inert(cell) for cell in row] for row in table.rows)
    return text.getvalue()


def _inert(cell: str) -> str:
    """Spreadsheets would run a cell that begins like a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def _index(evidence: Evidence) -> str:
    lines = [f"# Evidence: {evidence.name} on {evidence.gateway}", ""]
    lines += [f"Facts count as of {evidence.as_of}.", ""]
    lines += [f"- {what}: {value}" for what, value in evidence.provenance]
    for table in evidence.tables:
        lines += ["", f"## {table.name}", "", f"{table.about} Whole: `{table.name}.csv`.", ""]
        lines += _markdown(table.columns, _shown(table))
    return "\n".join(lines) + "\n"


def _shown(table: Table) -> Iterable[tuple[str, ...]]:
    """Facts that are required, losses of the chosen gateway; everything stands in the CSV."""
    column = _ONLY.get(table.name)
    if column is None:
        return table.rows
    return [row for row in table.rows if row[table.columns.index(column)] == "yes"]


_ONLY = {"facts": "required", "losses": "chosen"}


def _markdown(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    listed = list(rows)
    if not listed:
        yield "None."
        return
    yield "| " + " | ".join(columns) + " |"
    yield "| " + " | ".join("---" for _ in columns) + " |"
    for row in listed:
        yield "| " + " | ".join(map(_cell, row)) + " |"


def _cell(value: str) -> str:
    return " ".join(re.sub(r"([|<`\\\[\]])", r"\\\1", value).split())
