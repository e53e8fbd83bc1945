"""The paths of a configuration, route by route: which deployment it is, and what the profile asks of it.

A deployment is judged as what the plan chose it as only while the text still says the same of it;
otherwise nothing that depends on the choice is known.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from msgspec import Struct

from designer.catalog import Catalog
from designer.diagnostics import Report
from designer.ir import Deployment, Node, Ref, Routing, Target, children
from designer.load import Config
from designer.plan import encode
from designer.planner.accounts import Candidate, accounts, candidates, with_own_models
from designer.planner.requirements import Requirement, Verdict, requirements
from designer.profile.load import LoadedProfile


class Path(Struct, frozen=True):
    """One way that a request for a route can go."""

    route: str
    deployment: Deployment
    """As the text says it."""
    candidate: Candidate | None
    """What the plan chose it as; None where the text is another deployment, or the catalog lost it."""
    asked: tuple[Requirement, ...]
    """What the profile asks of every deployment of the route."""

    def verdicts(self) -> Iterator[tuple[Requirement, Verdict | None]]:
        """None is inconclusive."""
        for requirement in self.asked:
            candidate = self.candidate
            yield requirement, None if candidate is None else requirement.test(candidate)


def paths(
    loaded: LoadedProfile,
    config: Config,
    planned: Mapping[str, Any],
    catalog: Catalog,
    as_of: date,
) -> list[Path]:
    """In the profile's order, then the configuration's, and last the routes that no alias leads to.

    `planned` is the content of plan.json.
    """
    known = chosen(loaded, config, planned, catalog)
    catalog = with_own_models(catalog, accounts(loaded, catalog, Report()))
    routing = config.parsed.routing
    asked = {
        workload.alias: tuple(requirements(loaded, workload, index, catalog, as_of))
        for index, workload in enumerate(loaded.profile.workloads)
        if workload.route_by is None
    }
    aliases = [workload.alias for workload in loaded.profile.workloads]
    reached = {id_ for alias in aliases for id_ in ids_of(routing, alias)}
    others = [r.name for r in routing.routes if reached.isdisjoint(ids_of(routing, r.name))]
    return [
        Path(name, routing.deployment(id_), known.get(id_), asked.get(alias_of(name, aliases), ()))
        for name in (*aliases, *others)
        for id_ in ids_of(routing, name)
    ]


def alias_of(route: str, aliases: Iterable[str]) -> str:
    """A team's own chain of an alias is called after it: `chat@eu`."""
    return next((a for a in aliases if route == a or route.startswith((f"{a}@", f"{a}/"))), "")


def ids_of(routing: Routing, alias: str) -> tuple[str, ...]:
    """Every deployment that a request for the alias may be sent to, other routes' included."""
    if not routing.has_route(alias):
        return ()
    seen: set[str] = set()
    return tuple(dict.fromkeys(_reached(routing.route(alias).node, routing, seen)))


def _reached(node: Node, routing: Routing, seen: set[str]) -> Iterator[str]:
    match node:
        case Target(deployment=id_):
            yield id_
        case Ref(route=name):
            if name not in seen and routing.has_route(name):
                seen.add(name)
                yield from _reached(routing.route(name).node, routing, seen)
        case _:
            for child in children(node):
                yield from _reached(child, routing, seen)


def chosen(
    loaded: LoadedProfile, config: Config, planned: Mapping[str, Any], catalog: Catalog
) -> dict[str, Candidate]:
    """What the plan chose each deployment as, by id; only where text and plan describe it alike."""
    own = accounts(loaded, catalog, Report())
    catalog = with_own_models(catalog, own)
    pool = [candidate for account in own for candidate in candidates(account, catalog)]
    facts = _facts(planned)
    found = {}
    for deployment in config.parsed.routing.deployments:
        fact = facts.get(_described(json.loads(json.dumps(encode(deployment)))))
        for candidate in pool if fact is not None else ():
            assert fact is not None
            where = candidate.region or candidate.offering.region
            same = (candidate.offering.id, candidate.account.name, where)
            if same == (fact["offering"], fact["account"], fact["region"]):
                found[deployment.id] = candidate
    return found


def _facts(planned: Mapping[str, Any]) -> dict[str, Any]:
    """The plan's facts, by what it says of the deployment: a gateway may make copies of one."""
    known = planned.get("deployments", {})
    listed = planned.get("routing", {}).get("deployments", ())
    return {_described(one): known[one["id"]] for one in listed if one["id"] in known}


def _described(deployment: Mapping[str, Any]) -> str:
    """What decides where its requests go and who processes them."""
    return json.dumps([deployment[key] for key in _IDENTITY])


_IDENTITY = ("provider", "model", "api_base", "region", "secret", "settings")
