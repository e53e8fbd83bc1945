"""Findings that somebody has accepted: by a comment in the file, by an option, or by a baseline.

A comment says which rule, why, and up to which day:

    # designer: ignore LNT401 until 2027-03-01, the provider has its own breaker

On a line of its own it is about the next line that is no comment and what is nested below that, behind a
value about that line, and with `ignore-file` about the whole file. Errors can be accepted too: somebody signed for them. A comment
that is over, or that accepts nothing, is a finding itself.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from fnmatch import fnmatchcase
from typing import Any

from msgspec import Struct

from designer.diagnostics import Diagnostic, Place, Report, Rule, Severity
from designer.documents import Document

OVER = Rule(
    "LNT901",
    Severity.WARNING,
    "this accepted {codes} until {until}, and that day has passed",
    "A finding is accepted for a time, so that somebody looks at it again.",
    instead="the finding counts again",
    help="mend it, or set a later day",
    source="design: an exception without an end is never looked at again",
)
USELESS = Rule(
    "LNT902",
    Severity.INFO,
    "this accepts {codes}, and there is no such finding here",
    "What it accepted has been mended, or the comment stands in the wrong place.",
    help="delete it",
    source="design: an exception that accepts nothing would hide the next finding of its kind",
)
NO_REASON = Rule(
    "LNT903",
    Severity.WARNING,
    "this accepts {codes} without a reason",
    "The next reader has to know why.",
    instead="the finding counts",
    help="write `# designer: ignore {codes} until YYYY-MM-DD, the reason`; the day may be left out",
    source="design: an exception without a reason cannot be judged",
)

_COMMENT = re.compile(
    r"#\s*designer:\s*(?P<scope>ignore(?:-file)?)\s+(?P<codes>[A-Z]{3}\d{3}(?:[\s,]+[A-Z]{3}\d{3})*)"
    r"(?:\s+until\s+(?P<until>\d{4}-\d{2}-\d{2}))?[\s,:;-]*(?P<why>.*)"
)


class Accepted(Struct, frozen=True):
    """Some findings of a file, and who accepted them."""

    codes: tuple[str, ...]
    file: str = "**"
    """As `fnmatch` has it."""
    line: int = 0
    """0 is any."""
    below: str = ""
    """The dotted path of what stands on the line: what is nested below it is accepted as well."""
    lines: frozenset[int] = frozenset()
    """Where that stands: a file may hold several configurations with such a path."""
    until: date | None = None
    place: Place = Place()
    """Of the comment."""

    def accepts(self, finding: Diagnostic) -> bool:
        place = finding.place
        return (
            finding.code in self.codes
            and (not self.line or self.line == place.line or self._is_above(place))
            and (self.file in ("**", place.file) or fnmatchcase(place.file, self.file))
        )

    def _is_above(self, place: Place) -> bool:
        return place.line in self.lines and _is_below(place.path, self.below)


def of_profile(profile: Mapping[str, Any], as_of: date) -> list[Accepted]:
    """What a profile accepts (`ignore`), as plan.json keeps it."""
    return [
        Accepted((str(one["code"]),), str(one.get("at", "**")))
        for one in profile.get("ignore") or []
        if not one.get("until") or str(one["until"]) >= as_of.isoformat()
    ]


class Suppressed(Struct, frozen=True):
    """What is left, and how many findings were accepted, by what accepted them."""

    left: Report
    by_comment: int = 0
    by_option: int = 0


def comments(
    texts: Mapping[str, str], documents: Sequence[Document], report: Report
) -> Iterator[Accepted]:
    """What the comments of some files accept."""
    for file, text in texts.items():
        if "designer:" not in text:
            continue
        lines = text.split("\n")
        heads = _heads(file, documents)
        for number, line in enumerate(lines, start=1):
            found = _COMMENT.search(line)
            if found is not None:
                place = Place(file, number, found.start() + 1)
                accepted = _accepted(found, lines, heads, place, report)
                if accepted is not None:
                    yield accepted


class _Head(Struct, frozen=True):
    """The outermost value that begins on a line."""

    path: str = ""
    document: Document | None = None

    def lines(self) -> frozenset[int]:
        """Where it and what is nested below it stand."""
        places = self.document.places.values() if self.document is not None else ()
        return frozenset(
            place.line
            for place in places
            if place.path == self.path or _is_below(place.path, self.path)
        )


def _is_below(path: str, above: str) -> bool:
    rest = path.removeprefix(above)
    return bool(above) and rest != path and rest[:1] in (".", "[")


def _heads(file: str, documents: Sequence[Document]) -> Mapping[int, _Head]:
    """By line; a document may stand in several files, and a file may hold several documents."""
    heads: dict[int, _Head] = {}
    for document in documents:
        for place in document.places.values():
            if place.file == file and place.path:
                known = heads.get(place.line)
                if known is None or len(place.path) < len(known.path):
                    heads[place.line] = _Head(place.path, document)
    return heads


def _accepted(
    found: re.Match[str],
    lines: list[str],
    heads: Mapping[int, _Head],
    place: Place,
    report: Report,
) -> Accepted | None:
    codes = tuple(re.findall(r"[A-Z]{3}\d{3}", found["codes"]))
    if not found["why"].strip():
        report.add(NO_REASON, place, codes=", ".join(codes))
        return None
    until = _day(found["until"])
    if found["scope"] == "ignore-file":
        return Accepted(codes, place.file, until=until, place=place)
    line = _line_of(place.line, lines)
    head = heads.get(line, _Head()) if line != place.line else _Head()
    return Accepted(codes, place.file, line, head.path, head.lines(), until, place)


def _line_of(number: int, lines: list[str]) -> int:
    """The line that a comment is about: its own, or the next one that says something."""
    if not lines[number - 1].lstrip().startswith("#"):
        return number
    following = range(number, len(lines))
    return next(
        (n + 1 for n in following if lines[n].strip() and not lines[n].lstrip().startswith("#")), 0
    )


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return date.min  # no such day: long over


def suppress(
    report: Report, in_files: Iterable[Accepted], options: Iterable[Accepted], as_of: date
) -> Suppressed:
    """Leave out what was accepted; tell of comments that are over or accept nothing."""
    comments_, options = list(in_files), list(options)
    live = [one for one in comments_ if one.until is None or one.until >= as_of]
    used: set[int] = set()
    left, by_comment, by_option = Report(), 0, 0
    for finding in report:
        comment = next((i for i, one in enumerate(live) if one.accepts(finding)), None)
        if comment is not None:
            used.add(comment)
            by_comment += 1
        elif any(one.accepts(finding) for one in options):
            by_option += 1
        else:
            left.diagnostics.append(finding)
    for one in comments_:
        if one not in live:
            assert one.until is not None
            left.add(OVER, one.place, codes=", ".join(one.codes), until=one.until.isoformat())
    for index, one in enumerate(live):
        if index not in used:
            left.add(USELESS, one.place, codes=", ".join(one.codes))
    return Suppressed(left, by_comment, by_option)
