"""Promises about the data that hold at the first deployment and not at a fallback."""

from designer.diagnostics import Report, Rule, Severity
from designer.ir import Deployment
from designer.lint.routes.places import model_place
from designer.lint.routes.walk import Walk
from designer.lint.subject import Subject

LEFT = Rule(
    "LNT314",
    Severity.INFO,
    "{first} promises {promise}; {other}, which {route!r} falls back to, {does}",
    "What happens to the data is agreed with each provider apart; a fallback to another provider goes "
    "by that provider's terms.",
    instead="during an outage the other provider's terms count",
    help="look at the terms of both (`designer catalog show`), or fall back inside one contract",
    source="the vendors' own pages, as the catalog of 2026-11-22 cites them",
)

_DOES = {"no": "does not", "obtainable": "does so by agreement only", "unknown": "is not known to"}
_PROMISES = {"zero_retention": "to keep nothing", "no_training": "not to train on the data"}


def promises_are_kept(subject: Subject, walk: Walk, report: Report) -> None:
    for key, promise in _PROMISES.items():
        if not all(_value(subject, d, key) == "yes" for d in walk.first):
            continue
        for fallback in walk.further:
            does = _DOES.get(_value(subject, fallback, key) or "")
            if does is not None:
                report.add(
                    LEFT,
                    model_place(subject, fallback.id),
                    first=walk.first[0].provider,
                    promise=promise,
                    other=fallback.provider,
                    route=walk.route.name,
                    does=does,
                )
                return


def _value(subject: Subject, deployment: Deployment, key: str) -> str | None:
    """None for what the catalog does not know at all."""
    offering = subject.offering(deployment)
    if offering is None:
        return None
    return subject.catalog.fact(offering, key, subject.as_of).value


OF_ROUTES = (promises_are_kept,)
