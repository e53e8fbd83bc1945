"""What is wrong with the routes of any gateway: what is lost or crossed on the way down a chain."""

from designer.diagnostics import Report, Rule, Severity
from designer.ir import Deployment, Node, Ref, Route, Target, children
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
    """Deployments that a request for `route` may be sent to, by id, nearest first.

    `Ref`s are followed as far as the gateway follows them.
    """
    found: dict[str, None] = {}
    visited = {route.name}
    depth = subject.parsed.semantics.depth
    waiting: list[tuple[Node, int]] = [(route.node, 0)]
    while waiting:
        node, hops = waiting.pop()
        match node:
            case Target(deployment=id_):
                found[id_] = None
            case Ref(route=name):
                if name not in visited and hops < depth and subject.routing.has_route(name):
                    visited.add(name)
                    waiting.append((subject.routing.route(name).node, hops + 1))
            case _:
                waiting += [(child, hops) for child in reversed(children(node))]
    return tuple(found)


CHECKS = (embeddings_keep_their_model,)
