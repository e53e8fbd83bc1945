"""What properties would notice: the configuration made worse, one small thing at a time.

A mutant that no property notices is a mistake that could be made in that place tomorrow; a property that
is violated already notices nothing. Mutants are of
what a configuration means, not of its text; nothing is written.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from designer.ir import Chain, Deployment, Node, Pool, Remote, Retry, Route, Routing, Split, Switch
from designer.load import Config
from designer.verify.facts import Facts
from designer.verify.judge import Judge
from designer.verify.properties import Property


class Mutant(Struct, frozen=True):
    change: str
    """What was made worse, in words."""
    at: str
    """The route, deployment or guardrail; part of `change`."""
    routing: Routing
    moved: str = ""
    """The deployment that is now anywhere."""


class Noticed(Struct, frozen=True):
    mutant: Mutant
    by: Property | None
    """The first that no longer holds; None: nobody notices."""


def noticed(judge: Judge, properties: Sequence[Property]) -> Iterator[Noticed]:
    """Each mutant, and the first property that tells it from the original."""
    before = {_key(v.property, v.route): v.outcome for v in judge.verdicts(properties)}
    for mutant in mutants(judge.facts.config.parsed.routing):
        other = Judge(_facts_of(judge.facts, mutant))
        worse = (
            verdict.property
            for verdict in other.verdicts(properties)
            if verdict.outcome != "holds"
            and before.get(_key(verdict.property, verdict.route)) == "holds"
        )
        yield Noticed(mutant, next(worse, None))


def _key(one: Property, route: str) -> tuple[str, str, str]:
    return str(one), str(sorted(one.options.items())), route


def _facts_of(facts: Facts, mutant: Mutant) -> Facts:
    config: Config = facts.config
    config = replace(config, parsed=replace(config.parsed, routing=mutant.routing))
    services = dict(facts.services)
    if mutant.moved:
        services[mutant.moved] = replace(services[mutant.moved], zones=frozenset(), region="global")
    return replace(facts, config=config, services=services)


def mutants(routing: Routing) -> Iterator[Mutant]:
    for index, route in enumerate(routing.routes):
        for change, node in _of_node(route.node):
            worse = replace(route, node=node)
            yield Mutant(f"{route.name}: {change}", route.name, _with_route(routing, index, worse))
        if route.deadline_s is not None:
            worse = replace(route, deadline_s=None)
            change = f"{route.name}: no deadline"
            yield Mutant(change, route.name, _with_route(routing, index, worse))
    for index, deployment in enumerate(routing.deployments):
        id_ = deployment.id
        if deployment.timeout_s is not None:
            longer = replace(deployment, timeout_s=None)
            yield Mutant(f"{id_}: no timeout", id_, _with_deployment(routing, index, longer))
        yield Mutant(f"{id_}: processed anywhere", id_, routing, moved=id_)
    for index, rail in enumerate(routing.guardrails):
        others = (*routing.guardrails[:index], *routing.guardrails[index + 1 :])
        gone = replace(routing, guardrails=others)
        yield Mutant(f"guardrail {rail.name}: gone", rail.name, gone)
        if rail.on_error == "block":
            loose = replace(routing.guardrails[index], on_error="pass")
            opened = (*routing.guardrails[:index], loose, *routing.guardrails[index + 1 :])
            change = f"guardrail {rail.name}: lets pass what it could not check"
            yield Mutant(change, rail.name, replace(routing, guardrails=opened))


def _with_route(routing: Routing, index: int, route: Route) -> Routing:
    routes = (*routing.routes[:index], route, *routing.routes[index + 1 :])
    return replace(routing, routes=routes)


def _with_deployment(routing: Routing, index: int, deployment: Deployment) -> Routing:
    listed = (*routing.deployments[:index], deployment, *routing.deployments[index + 1 :])
    return replace(routing, deployments=listed)


MORE_RETRIES = 5


def _of_node(node: Node) -> Iterator[tuple[str, Node]]:
    """The tree with one thing made worse in it."""
    match node:
        case Chain(rungs=rungs):
            for index in range(1, len(rungs)):
                fewer = (*rungs[:index], *rungs[index + 1 :])
                yield f"fallback {index} of {len(rungs) - 1} dropped", replace(node, rungs=fewer)
            for index, rung in enumerate(rungs):
                for change, child in _of_node(rung.child):
                    worse = (*rungs[:index], replace(rung, child=child), *rungs[index + 1 :])
                    yield change, replace(node, rungs=worse)
        case Retry(child=child, retries=retries):
            more = retries + MORE_RETRIES
            yield f"{more} retries instead of {retries}", replace(node, retries=more)
            for change, inner in _of_node(child):
                yield change, replace(node, child=inner)
        case Pool(children=children):
            for index, child in enumerate(children):
                for change, inner in _of_node(child):
                    worse_pool = (*children[:index], inner, *children[index + 1 :])
                    yield change, replace(node, children=worse_pool)
        case Remote(child=child):
            for change, inner in _of_node(child):
                yield change, replace(node, child=inner)
        case Switch(cases=cases):
            for index, case in enumerate(cases):
                for change, inner in _of_node(case.child):
                    taken = (*cases[:index], replace(case, child=inner), *cases[index + 1 :])
                    yield change, replace(node, cases=taken)
            if node.otherwise is not None:
                for change, inner in _of_node(node.otherwise):
                    yield change, replace(node, otherwise=inner)
        case Split(arms=arms):
            for index, arm in enumerate(arms):
                for change, inner in _of_node(arm.child):
                    other = (*arms[:index], replace(arm, child=inner), *arms[index + 1 :])
                    yield change, replace(node, arms=other)
        case _:
            return
