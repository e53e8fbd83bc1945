"""What is wrong with a Portkey configuration, of the hosted product or the open-source gateway."""

from designer.diagnostics import Report
from designer.lint.portkey import conditions, keys, rails, strategies, targets
from designer.lint.portkey.view import Config
from designer.lint.subject import Subject

CHECKS = (
    *keys.CHECKS,
    *targets.CHECKS,
    *strategies.CHECKS,
    *conditions.CHECKS,
    *rails.CHECKS,
)


def check(subject: Subject, report: Report) -> None:
    for document in subject.parsed.documents:
        config = Config(subject, document)
        for one in CHECKS:
            one(config, report)
