"""Check plain values against the form that an outcomes file, a route test or a scenario has.

Every check is a finding with a place and a value that reading can go on with, so that all errors of a
file show at once. Profiles and catalogs have models of their own and are not read here.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from designer.diagnostics import Report, Rule, Severity
from designer.documents import Document, Path

WRONG_TYPE = Rule(
    "SIM601",
    Severity.ERROR,
    "{what} is to be {wanted}, not {found}",
    "Outcomes files, route tests and scenarios have a fixed form; a value of another type would have "
    "to be guessed at. The form: schemas/trace.schema.json, schemas/route-test.schema.json and "
    "schemas/scenario.schema.json.",
)
UNKNOWN_KEY = Rule(
    "SIM602",
    Severity.ERROR,
    "unknown key `{key}` in {where}{guess}",
    "A key that is not read would change nothing, and the answer would be to another question.",
    help="known here: {known}",
)
BAD_VALUE = Rule(
    "SIM608",
    Severity.ERROR,
    "{what} is {found}; it is to be {wanted}",
    "Times and counts are not negative, a draw lies in [0, 1), an HTTP status in 200 … 599.",
)


LARGEST = 1e9
"""Seconds, tokens: what is larger is a typing accident."""


class Reader:
    """Checks with findings; what is wrong reads as its default, so that all errors show at once."""

    def __init__(self, document: Document, report: Report) -> None:
        self.document = document
        self.report = report

    def is_a(self, value: Any, kind: type, path: Path, what: str) -> bool:
        if isinstance(value, kind):
            return True
        self.wrong(value, kind, path, what)
        return False

    def wrong(self, value: Any, kind: type, path: Path, what: str) -> None:
        self.report.add(
            WRONG_TYPE,
            self.document.place(*path),
            what=what,
            wanted=_A[kind],
            found=_A.get(type(value), type(value).__name__),
        )

    def knows(self, value: Mapping[str, Any], known: tuple[str, ...], path: Path, at: str) -> None:
        for key in value:
            if key not in known:
                self.report.add(
                    UNKNOWN_KEY,
                    self.document.place(*path, key),
                    key=key,
                    where=at,
                    guess=guess(key, known),
                    known=", ".join(known),
                )

    def number(
        self, value: Any, path: Path, what: str, least: float = 0.0, below: float = LARGEST
    ) -> float:
        """`least`, with a finding, where it is no number in [least, below)."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.wrong(value, float, path, what)
        elif not least <= value < below:
            wanted = f"below {below:g}" if value >= below else f"at least {least:g}"
            place = self.document.place(*path)
            self.report.add(BAD_VALUE, place, what=what, found=value, wanted=wanted)
        else:
            return value
        return least


_A: Mapping[type, str] = {
    dict: "a mapping",
    list: "a list",
    str: "text",
    float: "a number",
    int: "a number",
    bool: "true or false",
    type(None): "nothing",
}


def guess(name: str, known: tuple[str, ...]) -> str:
    close = get_close_matches(name, known, n=1)
    return f" (did you mean `{close[0]}`?)" if close else ""
