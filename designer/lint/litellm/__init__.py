"""What is wrong with a LiteLLM configuration file."""

from designer.diagnostics import Report
from designer.lint.litellm import fallbacks
from designer.lint.litellm.view import File
from designer.lint.subject import Subject

CHECKS = (*fallbacks.CHECKS,)


def check(subject: Subject, report: Report) -> None:
    for document in subject.parsed.documents:
        file = File(subject, document)
        for one in CHECKS:
            one(file, report)
