"""What is wrong with the routes of any gateway: what is lost or crossed on the way down a chain."""

from collections.abc import Iterator

from designer.diagnostics import Report, Rule, Severity
from designer.ir import Chain, Deployment, Node, Pool, Ref, Remote, Retry, Route, Switch, Target
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


def check(subject: Subject, report: Report) -> None:
    for one in CHECKS:
        one(subject, report)


def embeddings_keep_their_model(subject: Subject, report: Report) -> None:
    for route in subject.routing.routes:
        reached = [subject.routing.deployment(id_) for id_ in reach(subject, route)]
        embedders = [d for d in reached if _embeds(subject, d)]
        if not embedders or embedders[0] is not reached[0]:
            continue
        names = {_model_of(subject, d): d for d in reached}
        first, *others = names
        if others:
            report.add(
                OTHER_VECTORS,
                subject.place(names[others[0]].id),
                route=route.name,
                first=first,
                other=others[0],
            )


def _embeds(subject: Subject, deployment: Deployment) -> bool:
    terms = subject.parsed.terms.get(deployment.id)
    if terms is not None and terms.kind == "embedding":
        return True
    offering = subject.offering(deployment)
    return offering is not None and subject.catalog.model_of(offering).kind == "embedding"


def _model_of(subject: Subject, deployment: Deployment) -> str:
    """The catalog's name of the model where it knows it: providers spell the same one differently."""
    offering = subject.offering(deployment)
    return offering.model if offering is not None else deployment.model


def reach(subject: Subject, route: Route) -> tuple[str, ...]:
    """Deployments that a request for `route` may be sent to, by id, nearest first, `Ref`s followed."""
    return tuple(dict.fromkeys(_reach(subject, route.node, {route.name})))


def _reach(subject: Subject, node: Node, visited: set[str]) -> Iterator[str]:
    match node:
        case Target(deployment=id_):
            yield id_
        case Ref(route=name):
            if name not in visited and subject.routing.has_route(name):
                visited.add(name)
                yield from _reach(subject, subject.routing.route(name).node, visited)
        case Pool(children=inner):
            for child in inner:
                yield from _reach(subject, child, visited)
        case Chain(rungs=rungs):
            for rung in rungs:
                yield from _reach(subject, rung.child, visited)
        case Switch(cases=cases, otherwise=otherwise):
            for case in cases:
                yield from _reach(subject, case.child, visited)
            if otherwise is not None:
                yield from _reach(subject, otherwise, visited)
        case Retry(child=child) | Remote(child=child):
            yield from _reach(subject, child, visited)


CHECKS = (embeddings_keep_their_model,)
