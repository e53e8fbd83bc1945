"""Routes that an outage of one provider takes down whole."""

from collections.abc import Sequence

from designer.diagnostics import Report, Rule, Severity
from designer.ir import Ref
from designer.ir import walk as walk_tree
from designer.lint.routes.places import listed
from designer.lint.routes.walk import Walk
from designer.lint.subject import Subject

ONE_PROVIDER = Rule(
    "LNT212",
    Severity.INFO,
    "every deployment of {routes} goes down with {domain}",
    "Deployments, keys and models of one provider share its outages; a fallback among them helps "
    "against limits and single models only.",
    instead="an outage of {domain} leaves nobody to ask",
    help="add a deployment at another provider",
    source="design: failure domains of the catalog, 2026-11-22",
)
NO_FALLBACK = Rule(
    "LNT229",
    Severity.INFO,
    "nobody stands in for {routes}: one deployment, and no fallback",
    "Other routes of the file survive an outage of a deployment; of these every request fails.",
    instead="its outage is the route's outage",
    help="add a second deployment, or a fallback",
    source="by definition",
)


def routes_survive_an_outage(subject: Subject, walks: Sequence[Walk], report: Report) -> None:
    """Where no route has a stand-in, nobody has to be told so."""
    alone: list[str] = []
    together: dict[str, list[str]] = {}
    stand_ins = _stand_ins(subject)
    is_prepared = bool(stand_ins)
    for walk in walks:
        if "*" in walk.route.name:
            continue  # a wildcard's deployment stands for many models
        is_prepared = is_prepared or len(walk.all) > 1
        if len(walk.all) == 1 and walk.route.name not in stand_ins:
            alone.append(walk.route.name)
        elif (domain := _domain(subject, walk)) is not None:
            together.setdefault(domain, []).append(walk.route.name)
    if alone and is_prepared:
        report.add(NO_FALLBACK, subject.place(alone[0]), routes=listed(alone))
    for domain, names in together.items():
        report.add(ONE_PROVIDER, subject.place(names[0]), routes=listed(names), domain=domain)


def _stand_ins(subject: Subject) -> set[str]:
    """Routes that others fall back to."""
    nodes = (node for route in subject.routing.routes for node in walk_tree(route.node))
    return {node.route for node in nodes if isinstance(node, Ref)}


def _domain(subject: Subject, walk: Walk) -> str | None:
    """The one that all of them share; several machines of one's own are not one."""
    found = [subject.known[d.id] for d in walk.all]
    domains = {k.failure_domain for k in found}
    shared = domains.pop() if len(domains) == 1 else ""
    return (
        shared if shared and len(found) > 1 and not any(k.is_self_hosted for k in found) else None
    )


ACROSS_ROUTES = (routes_survive_an_outage,)
