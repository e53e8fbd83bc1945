"""What a check is asked for, and what its steps come to."""

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

from msgspec import Struct

from designer.catalog import Catalog
from designer.diagnostics import Diagnostic, Report, Rule, Severity
from designer.errors import UsageError
from designer.gateways.legalize import Loss
from designer.load import Config
from designer.plan import Plan
from designer.profile.load import LoadedProfile
from designer.project import Project

INCONCLUSIVE = Rule(
    "CHK901",
    Severity.WARNING,
    "inconclusive: {what}: {why}",
    "Something that the answer depends on is not known, and what is not known is not taken to be well.",
    instead="it counts as not shown",
    help="accept it with --allow-inconclusive",
)

STEPS = ("plan", "drift", "schemas", "lint", "single failures", "route tests", "scenarios")
"""In the order in which they run."""


class Wanted(Struct, frozen=True):
    """What the command line asks of a check."""

    profile: str
    """A file, or `-`."""
    text: str | None = None
    """Of a profile that is no file."""
    folder: Path | None = None
    """None: the profile's own below the project's `out`."""
    project: Project = Project()
    gateway: str | None = None
    """A token instead of the profile's choice, as `designer plan` takes it."""
    as_of: date | None = None
    """Which facts count; None is the catalog's date."""


class Subject(Struct, frozen=True):
    """What the steps look at."""

    wanted: Wanted
    loaded: LoadedProfile
    catalog: Catalog
    as_of: date
    folder: Path
    plan: Plan | None = None
    """None where no plan could be made."""
    losses: tuple[Loss, ...] = ()
    """What the plan says that its gateway cannot do."""
    config: Config | None = None
    """Of the folder; None where there is nothing to read."""


class Step(Struct, frozen=True):
    name: str
    said: str
    """What was looked at, in a few words."""
    findings: tuple[Diagnostic, ...] = ()
    cannot: int = 0
    """The exit code of what could not be done at all: 2 unreadable, 3 infeasible."""
    is_skipped: bool = False
    """There was nothing to look at, for a reason that an earlier step tells."""
    diff: str = ""
    """What a regenerated folder would change."""

    @property
    def inconclusive(self) -> int:
        return sum(finding.rule is INCONCLUSIVE for finding in self.findings)

    def code(self, fail_on: str, allow_inconclusive: bool) -> int:
        """As if it had run alone."""
        fails = bool(Report(list(self.findings)).at_or_above(Severity(fail_on)))
        doubts = self.inconclusive > 0 and not allow_inconclusive
        return max(self.cannot, int(fails or doubts))


def exit_code(steps: Iterable[Step], fail_on: str, allow_inconclusive: bool) -> int:
    """That of the worst step."""
    return max((step.code(fail_on, allow_inconclusive) for step in steps), default=0)


def said_by(subject: Subject) -> dict[str, Any]:
    """The profile as plan.json keeps it."""
    return subject.loaded.profile.model_dump(mode="json", by_alias=True, exclude_unset=True)


def text_of(path: Path) -> str | None:
    """None where there is no such file. Raises UsageError when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {error}") from error


def counted(count: int, noun: str) -> str:
    """`1 attempt`, `2 attempts`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
