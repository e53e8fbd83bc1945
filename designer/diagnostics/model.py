"""The types of findings. See the package for what they are for."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Literal

from msgspec import Struct, field


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for the gravest, so that `a.rank <= b.rank` reads "at or above"."""
        return list(Severity).index(self)


class Place(Struct, frozen=True):
    """Where in the user's material: a file position, a dotted path, or both."""

    file: str = ""
    line: int = 0
    """From 1; 0 when there is no position (a value that no line of a file holds)."""
    column: int = 0
    path: str = ""

    def __str__(self) -> str:
        if self.line:
            return f"{self.file}:{self.line}:{self.column}"
        return ": ".join(part for part in (self.file, self.path) if part)


class Edit(Struct, frozen=True):
    """One change to a text, at the value or key that `path` leads to.

    An `insert` puts a new entry first where `path` will lead to it: a key of a mapping, or 0 of a list.
    """

    kind: Literal["rename", "set", "drop", "insert"]
    path: tuple[str | int, ...]
    text: str = ""
    """The new key of a `rename`; of a `set` or `insert` the value as it is written in the file."""


class Fix(Struct, frozen=True):
    """Edits that mend a finding and change nothing else of what the file means."""

    title: str
    """What it does, as an imperative: "write 2 instead of '2'"."""
    edits: tuple[Edit, ...]

    def as_json(self) -> dict[str, Any]:
        edits = [{"kind": e.kind, "path": list(e.path), "text": e.text} for e in self.edits]
        return {"title": self.title, "edits": edits}


class Rule(Struct, frozen=True):
    code: str
    severity: Severity
    title: str
    """`str.format` template of the message, filled by the names given to `Report.add`."""
    why: str
    """What `designer explain CODE` says: what breaks, with the source and its date."""
    instead: str = ""
    """Template: what happens instead when nobody mends it."""
    help: str = ""
    """Template: what to do."""
    source: str = ""
    """Documentation, issue or measurement that the rule rests on, with its version and date."""


class Diagnostic(Struct, frozen=True):
    rule: Rule
    place: Place
    message: str
    instead: str = ""
    help: str = ""
    severity: Severity = Severity.ERROR
    fix: Fix | None = None

    @property
    def code(self) -> str:
        return self.rule.code

    def __str__(self) -> str:
        more = f"; {self.instead}" if self.instead else ""
        return f"{self.place}: {self.severity}[{self.code}] {self.message}{more}"

    def as_json(self) -> dict[str, Any]:
        said = {
            "code": self.code,
            "severity": str(self.severity),
            "file": self.place.file,
            "line": self.place.line,
            "column": self.place.column,
            "path": self.place.path,
            "message": self.message,
            "instead": self.instead,
            "help": self.help,
        }
        return said | ({"fix": self.fix.as_json()} if self.fix else {})


class Report(Struct):
    """What the phases have found so far. The one mutable thing that travels through the compiler."""

    diagnostics: list[Diagnostic] = field(default_factory=list)

    def add(
        self, rule: Rule, place: Place | str = "", fix: Fix | None = None, **values: Any
    ) -> None:
        """Append a breach of `rule`; `values` fill its three templates."""
        self.diagnostics.append(
            Diagnostic(
                rule=rule,
                place=place if isinstance(place, Place) else Place(path=place),
                message=rule.title.format(**values),
                instead=rule.instead.format(**values),
                help=rule.help.format(**values),
                severity=rule.severity,
                fix=fix,
            )
        )

    def extend(self, other: "Report") -> None:
        self.diagnostics.extend(other.diagnostics)

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(self.diagnostics)

    def __len__(self) -> int:
        return len(self.diagnostics)

    def at_or_above(self, severity: Severity) -> list[Diagnostic]:
        return [d for d in self.diagnostics if d.severity.rank <= severity.rank]

    @property
    def has_errors(self) -> bool:
        return bool(self.at_or_above(Severity.ERROR))
