"""What neither Portkey product can say of a route, and the shapes that its configurations can.

In the order in which `legalize` must take them: names and references first, then the shape of the
tree, then its sets of failures, then what is tidied up.
"""

from collections.abc import Callable
from itertools import count

from msgspec.structs import replace

from designer.gateways.base import Feature, Lack
from designer.gateways.legalize import (
    ATTEMPTS_LIMIT,
    BUFFERING,
    COOLDOWN,
    DEADLINE,
    FIRST_TOKEN,
    PER_FAILURE_RETRIES,
    QUOTAS,
    STICKY,
    each_deployment,
    each_node,
    each_route,
    picks,
    rewrite,
)
from designer.gateways.portkey_config.conditions import portable, without_inline_flags
from designer.gateways.portkey_config.statuses import EVERY, LOST, UNCAUGHT, as_listed
from designer.ir import (
    ANY,
    Arm,
    Cache,
    Case,
    Chain,
    Condition,
    Deployment,
    Failures,
    Guardrail,
    Node,
    Pool,
    Ref,
    Remote,
    Retry,
    Route,
    Routing,
    Rung,
    Split,
    Switch,
    Target,
    deployments_of,
)

MEASURED = "measured, Portkey gateway 1.15.2, 2026-11-22"
NOWHERE = Switch(())
NOBODY = Switch((), lacking="500")
"""No target can be picked: the gateway fails inside, and a fallback above goes on (measured on 1.15.2)."""
"""A request that gets here is answered 400: a conditional without a match."""


# --- References and names -------------------------------------------------------------------------


def _aliases_as_routes(routing: Routing) -> Routing:
    copies = tuple(
        replace(routing.route(name), name=alias)
        for alias, name in routing.aliases
        if routing.has_route(name) and alias not in {route.name for route in routing.routes}
    )
    return replace(routing, routes=(*routing.routes, *copies), aliases=())


def _inlined(routing: Routing) -> Routing:
    def inline(node: Node, visited: tuple[str, ...]) -> Node | None:
        """The tree without references; None for one that nothing can reach."""
        match node:
            case Ref(route=name):
                if not routing.has_route(name) or len(visited) > _DEPTH:
                    return None
                route = routing.route(name)
                if route.name in visited:
                    return None
                return inline(route.node, (*visited, route.name))
            case Remote(child=child):
                return inline(child, visited)
            case Retry(child=child):
                kept = inline(child, visited)
                return None if kept is None else replace(node, child=kept)
            case Pool(children=inner, weights=weights):
                pairs = [(inline(child, visited), i) for i, child in enumerate(inner)]
                left = [(child, i) for child, i in pairs if child is not None]
                children = tuple(child for child, _ in left)
                shares = tuple(weights[i] for _, i in left) if weights else ()
                return replace(node, children=children, weights=shares) if left else None
            case Split(arms=arms):
                found = [(arm, inline(arm.child, visited)) for arm in arms]
                kept_arms = tuple(replace(arm, child=c) for arm, c in found if c is not None)
                return replace(node, arms=kept_arms) if kept_arms else None
            case Chain(rungs=rungs):
                reached = [(inline(rung.child, visited), rung.on) for rung in rungs]
                steps = tuple(Rung(child, on) for child, on in reached if child is not None)
                return Chain(steps) if steps else None
            case Switch(cases=cases, otherwise=otherwise):
                kept_cases = tuple(
                    Case(case.when, inline(case.child, visited) or NOWHERE) for case in cases
                )
                rest = None if otherwise is None else inline(otherwise, visited)
                return replace(node, cases=kept_cases, otherwise=rest)
            case _:
                return node

    return each_route(
        lambda route: replace(route, node=inline(route.node, (route.name,)) or NOWHERE)
    )(routing)


_DEPTH = 5

ALIASES = Feature("several names for one route", _aliases_as_routes)
REFERENCES = Feature("routes that lead to other routes", _inlined)
EMBEDS = Feature(
    "marking a route as one for embeddings",
    each_route(lambda route: replace(route, embeds=False)),
    keys=("workloads.task",),
)


# --- Experiments ----------------------------------------------------------------------------------


def _drawn_anew(node: Node) -> Node:
    if not isinstance(node, Split) or node.by != "request":
        return node
    return Pool(tuple(arm.child for arm in node.arms), tuple(arm.share for arm in node.arms))


USER = "_user"
"""The metadata that says who a request is for; the hosted product fills it in from the body's `user`."""
REMEMBERED_S = 30 * 24 * 3600
"""How long a caller's target is remembered after it was drawn."""


def is_metadata(by: str) -> bool:
    """Whether a request can say it: one name, without a dot, which is not the user's."""
    space, _, name = by.partition(".")
    return space == "metadata" and name not in ("", USER) and "." not in name


def stuck(pool: Pool, by: str) -> Split:
    """A weighted pool that keeps callers on the target they drew."""
    weights = pool.weights or (1.0,) * len(pool.children)
    pairs = zip(weights, pool.children, strict=True)
    return Split("", tuple(Arm("", weight, child) for weight, child in pairs), by)


def numbered(routing: Routing) -> Routing:
    """Experiments and arms by number: the files hold no names of them."""

    def in_route(route: Route) -> Route:
        numbers = count(1)

        def named(node: Node) -> Node:
            if not isinstance(node, Split):
                return node
            arms = tuple(replace(arm, name=f"arm-{i}") for i, arm in enumerate(node.arms, start=1))
            return replace(node, name=f"experiment-{next(numbers)}", arms=arms)

        return replace(route, node=rewrite(route.node, named))

    return each_route(in_route)(routing)


BY_REQUEST = Feature("an experiment that each request draws for", each_node(_drawn_anew))
"""The same as weights: a request that drew a target stays with it (measured on 1.15.2)."""

# --- The shape of the tree ------------------------------------------------------------------------


def _listed_by_price(node: Node) -> Node:
    if not isinstance(node, Pool) or node.pick != "cheapest":
        return node
    return Chain(tuple(Rung(child, EVERY if i else ANY) for i, child in enumerate(node.children)))


def _retries_at_targets(node: Node) -> Node:
    if not isinstance(node, Retry):
        return node
    return _distributed(node.child, node)


def _distributed(node: Node, retry: Retry) -> Node:
    match node:
        case Target():
            return replace(retry, child=node)
        case Pool(children=inner):
            return replace(node, children=tuple(_distributed(c, retry) for c in inner))
        case Split(arms=arms):
            changed = tuple(replace(arm, child=_distributed(arm.child, retry)) for arm in arms)
            return replace(node, arms=changed)
        case Chain(rungs=rungs):
            return Chain(tuple(Rung(_distributed(r.child, retry), r.on) for r in rungs))
        case Switch(cases=cases, otherwise=otherwise):
            rest = None if otherwise is None else _distributed(otherwise, retry)
            kept = tuple(Case(c.when, _distributed(c.child, retry)) for c in cases)
            return replace(node, cases=kept, otherwise=rest)
        case _:  # its own retries replace those around it
            return node


def _one_set_a_chain(node: Node) -> Node:
    if not isinstance(node, Chain) or len(node.rungs) < 2:
        return node
    on = node.rungs[1].on
    return Chain(tuple(Rung(r.child, on if i else r.on) for i, r in enumerate(node.rungs)))


CHEAPEST = Feature(
    "asking the cheapest and nothing else", each_node(_listed_by_price), keys=("routing.strategy",)
)
PICKS = replace(picks(frozenset({"weighted"})), keys=("routing.strategy", "routing.latency_window"))
RETRIES_ABOVE_TARGETS = Feature(
    "choosing again for each retry (retries around several targets)",
    each_node(_retries_at_targets),
    keys=("routing.retries",),
)
FAILURES_BY_RUNG = Feature(
    "different failures leading to different fallbacks", each_node(_one_set_a_chain)
)


# --- Sets of failures -----------------------------------------------------------------------------


def each_set(
    rungs: Callable[[Failures], Failures], retries: Callable[[Failures], Failures]
) -> Callable[[Routing], Routing]:
    def change(node: Node) -> Node:
        match node:
            case Retry():
                return replace(node, on=retries(node.on))
            case Chain():
                steps = (
                    Rung(r.child, rungs(r.on) if i else r.on) for i, r in enumerate(node.rungs)
                )
                return Chain(tuple(steps))
            case _:
                return node

    return each_node(change)


def _rung_as_listed(on: Failures) -> Failures:
    return on if on == EVERY else as_listed(on)


def _retry_as_listed(on: Failures) -> Failures:
    return as_listed(on if "500" in on else on - LOST) | LOST


BROKEN_ANSWERS = Feature(
    "another try after a broken answer (not JSON, empty, cut off)",
    each_set(lambda on: on - UNCAUGHT, lambda on: on - UNCAUGHT),
    keys=("routing.retries",),
)
STATUS_LISTS = Feature(
    "failures that are not a list of status codes",
    each_set(_rung_as_listed, _retry_as_listed),
    keys=("routing.on_refusal",),
)


# --- Conditions -----------------------------------------------------------------------------------


def each_condition(change: Callable[[Condition], Condition]) -> Callable[[Routing], Routing]:
    def in_switch(node: Node) -> Node:
        if not isinstance(node, Switch):
            return node
        return replace(node, cases=tuple(Case(change(c.when), c.child) for c in node.cases))

    return each_node(in_switch)


def on_leaves(
    change: Callable[[Condition], Condition],
) -> Callable[[Routing], Routing]:
    def through(condition: Condition) -> Condition:
        if condition.operator in ("and", "or"):
            return replace(condition, value=tuple(map(through, condition.value)))
        return change(condition)

    return each_condition(through)


INLINE_FLAGS = Feature(
    "patterns with inline flags in conditions", each_condition(without_inline_flags)
)
CONDITIONS = Feature(
    "conditions on anything but metadata, parameters and the path",
    each_condition(portable),
    keys=("workloads.route_by.key",),
)


# --- Numbers --------------------------------------------------------------------------------------


def _whole_ms(deployment: Deployment) -> Deployment:
    if deployment.timeout_s is None:
        return deployment
    return replace(deployment, timeout_s=max(1, round(deployment.timeout_s * 1000)) / 1000)


def _shares(node: Node) -> Node:
    if isinstance(node, Pool) and node.weights and sum(node.weights) <= 0:
        return replace(node, weights=())
    if isinstance(node, Split) and node.arms and sum(arm.share for arm in node.arms) <= 0:
        return replace(node, arms=tuple(replace(arm, share=1.0) for arm in node.arms))
    return node


MILLISECONDS = Feature(
    "time limits finer than a millisecond", each_deployment(_whole_ms), keys=("routing.timeout",)
)
NO_SHARES = Feature("weights that come to nothing", each_node(_shares))


# --- What is left ---------------------------------------------------------------------------------


def tidied(routing: Routing) -> Routing:
    """Deployments in the order of their first use; nothing empty, nothing that says nothing."""
    routing = each_node(_simplest)(routing)
    used = dict.fromkeys(id_ for route in routing.routes for id_ in deployments_of(route.node))
    deployments = tuple(routing.deployment(id_) for id_ in used)
    return replace(routing, deployments=deployments)


def _simplest(node: Node) -> Node:
    match node:
        case Chain(rungs=()) | Pool(children=()) | Split(arms=()):
            return NOWHERE
        case Chain(rungs=rungs):
            return Chain((Rung(rungs[0].child), *rungs[1:]))
        case Switch(cases=(), otherwise=rest) if rest is not None:
            return rest
        case Switch(lacking=lacking) if lacking != NOWHERE.lacking and node != NOBODY:
            return replace(node, lacking=NOWHERE.lacking)
        case _:
            return node


LEFTOVERS = Feature("parts that no request reaches, or another order of targets", tidied)


# --- Guardrails -----------------------------------------------------------------------------------


def in_reading_order(routing: Routing) -> Routing:
    """Guardrails as reading the files back finds them: by route, then stage, then as listed.

    `routes` is empty exactly where all are covered.
    """
    found: dict[str, Guardrail] = {}
    for route in routing.routes:
        for stage in ("input", "output"):
            for rail in routing.guardrails:
                if stage in rail.stages and rail.covers(route.name):
                    found.setdefault(rail.name, rail)
    rails = []
    for rail in found.values():
        covered = tuple(route.name for route in routing.routes if rail.covers(route.name))
        whole = len(covered) == len(routing.routes)
        rails.append(replace(rail, routes=() if whole else covered))
    return replace(routing, guardrails=tuple(rails))


# --- Caches ---------------------------------------------------------------------------------------

CACHE_DEFAULT_S = 7 * 24 * 3600
CACHE_SIMILARITY = 0.95
"""What the hosted product takes where a configuration says nothing (documentation, 2026-08-21)."""


def caches_in_reading_order(routing: Routing) -> Routing:
    """One cache a route, the first that covers it, as reading the files back finds them."""
    found: dict[Cache, list[str]] = {}
    for route in routing.routes:
        cache = next((c for c in routing.caches if c.covers(route.name)), None)
        if cache is not None:
            found.setdefault(replace(cache, routes=()), []).append(route.name)
    caches = (
        replace(cache, routes=() if len(names) == len(routing.routes) else tuple(names))
        for cache, names in found.items()
    )
    return replace(routing, caches=tuple(caches))


# --- The lists ------------------------------------------------------------------------------------

QUOTA = Lack(
    QUOTAS,
    "they are not known to it: beyond them the provider answers 429, which is retried and moves a "
    "fallback on",
    MEASURED,
)

ROUTES: tuple[Lack, ...] = (
    Lack(BY_REQUEST, "weights say the same", MEASURED, told=False),
    Lack(ALIASES, "each name gets a configuration of its own", MEASURED),
    Lack(REFERENCES, "the other route is written out in place, each at most once", MEASURED),
    Lack(DEADLINE, "only each attempt is limited, so attempts and waits add up", MEASURED),
    Lack(
        ATTEMPTS_LIMIT,
        "each target is tried as often as its retries allow, on every request",
        MEASURED,
    ),
    Lack(FIRST_TOKEN, "a stream that stays silent after its headers is waited for", MEASURED),
    Lack(
        BUFFERING,
        "a stream that breaks off ends like a complete answer, without an error",
        f"{MEASURED}; gateway issue 1797",
    ),
    Lack(EMBEDS, "any endpoint can be asked through it", MEASURED),
)


def trees(broken: str) -> tuple[Lack, ...]:
    """`broken` is what becomes of an answer that is not JSON."""
    return (
        Lack(PER_FAILURE_RETRIES, "every retried failure has the same number of retries", MEASURED),
        Lack(
            CHEAPEST,
            "the targets are asked in listed order, the next one when one fails",
            MEASURED,
        ),
        Lack(PICKS, "each request draws a target at random", MEASURED),
        Lack(NO_SHARES, "all targets get equal shares", MEASURED),
        Lack(
            RETRIES_ABOVE_TARGETS,
            "each target is retried by itself: a request stays on the target it drew",
            MEASURED,
        ),
        Lack(
            FAILURES_BY_RUNG,
            "what reaches the second target reaches every later one too",
            MEASURED,
        ),
        Lack(
            BROKEN_ANSWERS,
            broken,
            MEASURED,
        ),
        Lack(
            STATUS_LISTS,
            "the status codes in `on_status_codes` decide, so what shares a code is treated alike (a "
            "refusal, an overlong prompt and any other 400; a lost connection and any other 500), and "
            "lost connections are always retried",
            MEASURED,
        ),
        Lack(INLINE_FLAGS, "each letter is written in both cases", MEASURED),
        Lack(
            CONDITIONS,
            "other keys count as missing, and what JavaScript cannot compare never matches",
            MEASURED,
        ),
    )


LAST: tuple[Lack, ...] = (
    Lack(MILLISECONDS, "they are rounded to whole milliseconds, at least one", MEASURED),
    Lack(LEFTOVERS, "targets stand in the order in which requests reach them", MEASURED),
)
HEALTH = (
    Lack(
        COOLDOWN,
        "nothing is remembered: every request starts again at the first target",
        MEASURED,
    ),
    Lack(STICKY, "each request draws anew", MEASURED),
)
