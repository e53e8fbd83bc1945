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

CHECKS = (*models.CHECKS, *regions.CHECKS, *spread.CHECKS, *effort.CHECKS)
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
    for walk in walks(subject):
        for each in OF_ROUTES:
            each(subject, walk, report)
