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
    """Of configurations; what stands beside them in a workspace (`limits.json`) has no place of a route."""
    configurations = {place.file for place in subject.parsed.places.values()}
    for document in subject.parsed.documents:
        if document.file not in configurations:
            continue
        config = Config(subject, document)
        for one in CHECKS:
            one(config, report)
