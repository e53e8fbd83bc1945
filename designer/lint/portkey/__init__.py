"""What is wrong with a Portkey configuration."""

from designer.diagnostics import Report
from designer.lint.subject import Subject


def check(subject: Subject, report: Report) -> None:
    del subject, report
