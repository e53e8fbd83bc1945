"""Fallbacks that cost far more than what they stand in for."""

from designer.diagnostics import Report, Rule, Severity
from designer.ir import Deployment
from designer.lint.routes.places import model_place
from designer.lint.routes.walk import Walk
from designer.lint.subject import Subject

_FAR_DEARER = 10

PAID_FALLBACK = Rule(
    "LNT108",
    Severity.INFO,
    "{route!r} costs nothing at first, and falls back to {fallback}, which does; no budget limits that",
    "A free or self-hosted model that stays down sends all of its traffic to the paid one.",
    instead="during an outage the traffic is paid for, without a limit",
    help="give the fallback a budget, or a key that has one",
    source="https://github.com/BerriAI/litellm/issues/37923",
)
DEARER_FALLBACK = Rule(
    "LNT111",
    Severity.INFO,
    "{fallback}, a fallback of {route!r}, costs {times} times as much as the first deployment",
    "An outage of the cheap deployment multiplies the bill for as long as it lasts.",
    instead="during an outage a request costs {times} times as much",
    help="fall back to a model of a similar price first, or limit what the fallback may spend",
    source="https://github.com/anomalyco/opencode/issues/46894; prices: the catalog, 2026-11-22",
)


def fallbacks_cost_alike(subject: Subject, walk: Walk, report: Report) -> None:
    first = [_sum(subject, d) for d in walk.first]
    further = [(cost, d) for d in walk.further if (cost := _sum(subject, d)) is not None]
    dearest = max((cost for cost in first if cost is not None), default=None)
    if None in first or dearest is None or not further:
        return
    cost, fallback = max(further, key=lambda pair: pair[0])
    place = model_place(subject, fallback.id)
    if dearest == 0 and cost > 0:
        if not _limits_spending(subject):
            report.add(PAID_FALLBACK, place, route=walk.route.name, fallback=fallback.model)
    elif dearest > 0 and cost >= _FAR_DEARER * dearest:
        report.add(
            DEARER_FALLBACK,
            place,
            route=walk.route.name,
            fallback=fallback.model,
            times=round(cost / dearest),
        )


def _sum(subject: Subject, deployment: Deployment) -> float | None:
    """Of an input and an output token, a million times: what the file says, else what is known."""
    terms = subject.parsed.terms.get(deployment.id)
    if terms is not None and terms.input_usd_per_mtok is not None:
        return float(terms.input_usd_per_mtok + (terms.output_usd_per_mtok or 0))
    found = subject.known[deployment.id]
    if found.input_usd_per_mtok is None:
        return None
    return found.input_usd_per_mtok + (found.output_usd_per_mtok or 0.0)


def _limits_spending(subject: Subject) -> bool:
    """Whether the file says anything of budgets, wherever."""
    paths = (path for document in subject.parsed.documents for path in document.places)
    return any(isinstance(part, str) and "budget" in part for path in paths for part in path[-2:])


OF_ROUTES = (fallbacks_cost_alike,)
