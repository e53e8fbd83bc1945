"""What is wrong with the routes of any gateway: what is lost or crossed on the way down a chain."""

from designer.diagnostics import Report
from designer.lint.routes import (
    capability,
    contracts,
    effort,
    embeddings,
    models,
    money,
    regions,
    spread,
)
from designer.lint.routes.walk import walks
from designer.lint.subject import Subject

CHECKS = (*models.CHECKS, *regions.CHECKS)
ACROSS_ROUTES = (*spread.ACROSS_ROUTES, *effort.ACROSS_ROUTES)
"""Checks that compare routes, and tell of several at once."""
OF_ROUTES = (
    *embeddings.OF_ROUTES,
    *capability.OF_ROUTES,
    *regions.OF_ROUTES,
    *contracts.OF_ROUTES,
    *money.OF_ROUTES,
)
"""Checks of one route at a time."""


def check(subject: Subject, report: Report) -> None:
    for one in CHECKS:
        one(subject, report)
    every = list(walks(subject))
    for across in ACROSS_ROUTES:
        across(subject, every, report)
    found = Report()
    for walk in every:
        for each in OF_ROUTES:
            each(subject, walk, found)
    # Many routes may fall back to one deployment: it is told of once.
    at_place = {(finding.code, finding.place): finding for finding in reversed(list(found))}
    report.diagnostics += reversed(at_place.values())
