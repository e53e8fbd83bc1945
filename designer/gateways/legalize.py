"""Take out of a Routing what a gateway cannot express, and report what happens instead.

The result is what the emitted files mean: `lower` is total on it, and legalizing it again changes
nothing and says nothing. The features here are common ones; a gateway adds its own beside its tables.
"""

from collections.abc import Callable, Iterable

from msgspec.structs import replace

from designer.diagnostics import Report, Rule, Severity
from designer.gateways.base import Feature, Gateway, Lack
from designer.ir import (
    Arm,
    Case,
    Chain,
    Deployment,
    Failures,
    Guardrail,
    Node,
    Pool,
    Remote,
    Retry,
    Route,
    Routing,
    Rung,
    Split,
    Switch,
    deployments_of,
)

APPROXIMATED = Rule(
    "LOW301",
    Severity.WARNING,
    "{gateway} cannot express {feature}",
    "The profile asks for behaviour that the gateway has no setting for. The emitted configuration "
    "behaves as the message says, and every dry run simulates that behaviour, not the wish. The "
    "source of each loss (a measurement, a page, its day) stands in REPORT.md and plan.json.",
    instead="{instead}",
)
REFUSED = Rule(
    "LOW302",
    Severity.ERROR,
    "{gateway} cannot express {feature}",
    "The profile makes a promise that this gateway cannot keep, so nothing is emitted for it.",
    instead="{instead}",
    help="choose another gateway (`gateway: {{use: auto}}`) or take the promise out of the profile",
)


Loss = tuple[Lack, tuple[str, ...]]
"""A lack that costs a Routing something, and the places it costs it."""


def legalize(routing: Routing, gateway: Gateway, report: Report) -> Routing:
    legal, losses = take_out(routing, gateway)
    tell(losses, gateway, report)
    return legal


def take_out(routing: Routing, gateway: Gateway) -> tuple[Routing, list[Loss]]:
    """The legal Routing, and what was lost on the way to it."""
    losses: list[Loss] = []
    for lack in gateway.lacks:
        lesser = lack.feature.without(routing)
        if lack.told and lesser != routing:
            losses.append((lack, tuple(_changed(routing, lesser))))
        routing = lesser
    return routing, losses


def tell(losses: Iterable[Loss], gateway: Gateway, report: Report) -> None:
    for lack, places in losses:
        for place in places:
            report.add(
                REFUSED if lack.refused else APPROXIMATED,
                place,
                gateway=gateway.title,
                feature=lack.feature.name,
                instead=lack.instead,
            )


def _changed(before: Routing, after: Routing) -> Iterable[str]:
    """Which routes (or `guardrails`) differ, as dotted places."""
    kept = {route.name: route for route in after.routes}
    old, new = ({d.id: d for d in r.deployments} for r in (before, after))
    places = []
    for route in before.routes:
        ids = deployments_of(route.node)
        if kept.get(route.name) != route or any(old[i] != new.get(i) for i in ids if i in old):
            places.append(f"routes.{route.name}")
    before_rails = {rail.name: rail for rail in before.guardrails}
    after_rails = {rail.name: rail for rail in after.guardrails}
    places += [f"guardrails.{n}" for n, rail in before_rails.items() if after_rails.get(n) != rail]
    return places or ["routing"]


# --- Ways to change a Routing ---------------------------------------------------------------------


def each_route(change: Callable[[Route], Route]) -> Callable[[Routing], Routing]:
    return lambda routing: replace(routing, routes=tuple(change(r) for r in routing.routes))


def each_deployment(change: Callable[[Deployment], Deployment]) -> Callable[[Routing], Routing]:
    return lambda routing: replace(
        routing, deployments=tuple(change(d) for d in routing.deployments)
    )


def each_node(change: Callable[[Node], Node]) -> Callable[[Routing], Routing]:
    """`change` sees every node once, children first."""
    return each_route(lambda route: replace(route, node=rewrite(route.node, change)))


def each_guardrail(change: Callable[[Guardrail], Guardrail | None]) -> Callable[[Routing], Routing]:
    """`change` returns the guardrail to keep, or None to drop it."""
    return lambda routing: replace(
        routing, guardrails=tuple(r for r in map(change, routing.guardrails) if r is not None)
    )


def rewrite(node: Node, change: Callable[[Node], Node]) -> Node:
    match node:
        case Pool():
            node = replace(node, children=tuple(rewrite(c, change) for c in node.children))
        case Retry() | Remote():
            node = replace(node, child=rewrite(node.child, change))
        case Chain():
            rungs = tuple(replace(r, child=rewrite(r.child, change)) for r in node.rungs)
            node = replace(node, rungs=rungs)
        case Switch():
            cases = tuple(Case(c.when, rewrite(c.child, change)) for c in node.cases)
            rest = None if node.otherwise is None else rewrite(node.otherwise, change)
            node = replace(node, cases=cases, otherwise=rest)
        case Split(arms=arms):
            changed = tuple(Arm(a.name, a.share, rewrite(a.child, change)) for a in arms)
            node = replace(node, arms=changed)
        case _:
            pass
    return change(node)


# --- Common features ------------------------------------------------------------------------------


def _each_call_draws(node: Node) -> Node:
    """Without arms that last: the shares are drawn for each try, as a weighted pool draws them."""
    if not isinstance(node, Split):
        return node
    return Pool(tuple(arm.child for arm in node.arms), tuple(arm.share for arm in node.arms))


DEADLINE = Feature(
    "a limit for the whole request",
    each_route(lambda route: replace(route, deadline_s=None)),
    keys=("routing.deadline",),
)
EXPERIMENTS = Feature(
    "an experiment whose callers keep to one arm",
    each_node(_each_call_draws),
    keys=("workloads.experiment",),
)
SEMANTIC_CACHE = Feature(
    "a cache that answers similar requests",
    lambda routing: replace(
        routing,
        caches=tuple(replace(c, mode="exact", similarity=1.0) for c in routing.caches),
    ),
    keys=("cache.mode", "cache.similarity"),
)
CACHES = Feature("a cache of answers", lambda routing: replace(routing, caches=()), keys=("cache",))
BUDGETS = Feature(
    "budgets",
    lambda routing: replace(routing, budgets=()),
    keys=("workloads.budget", "teams.budget", "cost.monthly_budget"),
)
DOWNGRADES = Feature(
    "cheaper deployments for what a budget has no room for",
    lambda routing: replace(
        routing, budgets=tuple(replace(budget, downgrades=False) for budget in routing.budgets)
    ),
    keys=("workloads.budget.when_spent", "teams.budget.when_spent"),
)
RATE_LIMITS = Feature(
    "rate limits", lambda routing: replace(routing, rate_limits=()), keys=("teams.rate_limit",)
)
TEAMS = Feature(
    "teams with keys of their own", lambda routing: replace(routing, teams=()), keys=("teams",)
)
TELEMETRY = Feature(
    "traces, metrics and what is logged",
    lambda routing: replace(routing, telemetry=None),
    keys=("operations.observability", "operations.logs"),
)
QUOTAS = Feature(
    "the limits of the provider's account",
    each_deployment(lambda deployment: replace(deployment, quota=None)),
    keys=("providers.quota", "providers.models.quota"),
)
ATTEMPTS_LIMIT = Feature(
    "a limit on attempts per request",
    each_route(lambda route: replace(route, attempts_limit=None)),
    keys=("routing.attempts_per_request",),
)
COOLDOWN = Feature(
    "cooldowns of failing deployments",
    each_deployment(lambda deployment: replace(deployment, cooldown=None)),
    keys=("routing.cooldown",),
)
TIMEOUT = Feature(
    "a time limit for each attempt",
    each_deployment(lambda deployment: replace(deployment, timeout_s=None)),
    keys=("routing.timeout",),
)
FIRST_TOKEN = Feature(
    "a limit until the first token",
    each_deployment(lambda deployment: replace(deployment, first_token_s=None)),
    keys=("routing.first_token",),
)
TO_RUN = Feature(
    "files to run the gateway by",
    lambda routing: replace(routing, rollout=replace(routing.rollout, deploy="config")),
    keys=("gateway.deploy",),
)
BUFFERING = Feature(
    "holding a stream back until it is whole (mid_stream: buffer)",
    each_route(lambda route: replace(route, mid_stream="error")),
    keys=("routing.mid_stream",),
)
STICKY = Feature(
    "keeping a caller on one deployment",
    each_route(lambda route: replace(route, sticky="none")),
    keys=("routing.sticky",),
)
RETRIES = Feature(
    "retries on the same deployment",
    each_node(lambda node: node.child if isinstance(node, Retry) else node),
    keys=("routing.retries",),
)
RETRY_AFTER = Feature(
    "waiting as long as Retry-After says",
    each_node(
        lambda node: replace(node, honours_retry_after=False) if isinstance(node, Retry) else node
    ),
)
PER_FAILURE_RETRIES = Feature(
    "different retry counts for different failures",
    each_node(lambda node: replace(node, per_failure=()) if isinstance(node, Retry) else node),
)
WINDOW = Feature(
    "how far back `fastest` looks",
    each_node(lambda node: replace(node, window_s=None) if isinstance(node, Pool) else node),
    keys=("routing.latency_window",),
)
POOLS = Feature(
    "weights or a picking strategy among deployments",
    each_node(
        lambda node: (
            Chain(tuple(Rung(child) for child in node.children)) if isinstance(node, Pool) else node
        )
    ),
    keys=("routing.strategy",),
)
OUTPUT_GUARDRAILS = Feature(
    "guardrails on what comes out",
    each_guardrail(
        lambda rail: (
            rail
            if "output" not in rail.stages
            else replace(rail, stages=rail.stages - {"output"})
            if "input" in rail.stages
            else None
        )
    ),
    keys=("guardrails.pii.output",),
)
GUARDRAILS = Feature("guardrails", each_guardrail(lambda _rail: None), keys=("guardrails",))
GUARDRAILS_BY_ROUTE = Feature(
    "guardrails for some routes only", each_guardrail(lambda rail: replace(rail, routes=()))
)


POLICIES = (EXPERIMENTS, CACHES, BUDGETS, RATE_LIMITS, TEAMS, TELEMETRY, QUOTAS)


def retries_on(on: Failures) -> Feature:
    """For a gateway that decides itself which failures are retried."""
    return Feature(
        "the choice of failures that are retried",
        each_node(lambda node: replace(node, on=on) if isinstance(node, Retry) else node),
        keys=("routing.retries",),
    )


def picks(known: frozenset[str]) -> Feature:
    """For a gateway that knows only these picking strategies."""
    return Feature(
        "this picking strategy",
        each_node(
            lambda node: (
                replace(node, pick="weighted", window_s=None)
                if isinstance(node, Pool) and node.pick not in known
                else node
            )
        ),
    )
