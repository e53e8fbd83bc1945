"""Models that have ended, or are about to."""

from datetime import timedelta

from designer.diagnostics import Report, Rule, Severity
from designer.ir import Deployment
from designer.lint.routes.places import model_place
from designer.lint.subject import Subject

_SOON = timedelta(days=30)

RETIRED = Rule(
    "LNT121",
    Severity.WARNING,
    "{source} says that {model} ended{on}{others}",
    "A provider answers requests for a retired model with 404, or serves and bills another one.",
    instead="requests fail there, or are answered by a model that nobody chose",
    help="name a model that is still served",
    source="retirement dates: LiteLLM 1.106.2's price map and the catalog, 2026-11-22; "
    "https://github.com/BerriAI/litellm/issues/41668",
)
RETIRES_SOON = Rule(
    "LNT122",
    Severity.WARNING,
    "{source} says that {model} ends on {day}, in {days} days{others}",
    "After that day the provider answers with 404, or serves and bills another model.",
    instead="requests fail there from {day} on",
    help="move to a model that stays, before {day}",
    source="retirement dates: LiteLLM 1.106.2's price map and the catalog, 2026-11-22; "
    "https://github.com/BerriAI/litellm/issues/41668",
)
FLOATING = Rule(
    "LNT123",
    Severity.INFO,
    "{model} is a floating name: the provider decides which model answers",
    "Prices, windows and behaviour change on a day that the provider chooses.",
    instead="the model changes without a change of this file",
    help="name a dated model",
    source="https://docs.mistral.ai/getting-started/models/models_overview (`-latest`), 2026-11-24",
)


def models_are_still_served(subject: Subject, report: Report) -> None:
    """Each model is told of once, at the first deployment of it."""
    by_model: dict[tuple[str, str], list[Deployment]] = {}
    for deployment in subject.routing.deployments:
        by_model.setdefault((deployment.provider, deployment.model), []).append(deployment)
    for (_, model), deployments in by_model.items():
        found = subject.known[deployments[0].id]
        ends, place = found.retires_on, model_place(subject, deployments[0].id)
        others = _others(len(deployments) - 1)
        if found.is_retired:
            on = f" on {ends}" if ends is not None else ""
            report.add(RETIRED, place, source=found.source, model=model, on=on, others=others)
        elif ends is not None and ends - subject.as_of <= _SOON:
            days = (ends - subject.as_of).days
            report.add(
                RETIRES_SOON,
                place,
                source=found.source,
                model=model,
                day=ends,
                days=days,
                others=others,
            )
        elif model.endswith("-latest"):
            report.add(FLOATING, place, model=model)


def _others(count: int) -> str:
    return f" (and {count} more deployments name it)" if count > 1 else " (and one more)" * count


CHECKS = (models_are_still_served,)
