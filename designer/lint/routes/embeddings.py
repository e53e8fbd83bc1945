"""Embeddings that change their model on the way down a chain."""

from designer.diagnostics import Report, Rule, Severity
from designer.ir import Deployment
from designer.lint.routes.walk import Walk
from designer.lint.subject import Subject

OTHER_VECTORS = Rule(
    "LNT214",
    Severity.ERROR,
    "{route!r} makes embeddings with {first}, and may fall back to {other}",
    "Vectors of different models do not compare: an index that holds both returns nonsense, and nothing "
    "fails.",
    instead="after an outage the index holds vectors of two models",
    help="let an embedding route fall back to the same model elsewhere, or to nobody",
    source="by definition; vectors of two models differ in space and often in length",
)


def vectors_stay_comparable(subject: Subject, walk: Walk, report: Report) -> None:
    embedders = [d for d in walk.all if _embeds(subject, d)]
    if not embedders or embedders[0] is not walk.all[0]:
        return
    names = {_model_of(subject, d): d for d in walk.all}
    first, *others = names
    if others:
        report.add(
            OTHER_VECTORS,
            subject.place(names[others[0]].id),
            route=walk.route.name,
            first=first,
            other=others[0],
        )


def _embeds(subject: Subject, deployment: Deployment) -> bool:
    terms = subject.parsed.terms.get(deployment.id)
    if terms is not None and terms.kind == "embedding":
        return True
    return subject.known[deployment.id].kind == "embedding"


def _model_of(subject: Subject, deployment: Deployment) -> str:
    """The catalog's name of the model where it knows it: providers spell the same one differently."""
    offering = subject.offering(deployment)
    return offering.model if offering is not None else deployment.model


OF_ROUTES = (vectors_stay_comparable,)
