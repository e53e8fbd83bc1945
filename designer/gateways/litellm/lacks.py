"""What LiteLLM cannot do, in the order in which `legalize` takes it out.

Each says what the emitted configuration does instead. The route tree comes last among the routing
features: once everything that only looks different is gone, it becomes the tree of a model group
(`groups`), which is what the file means.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping

from msgspec.structs import replace

from designer.gateways.base import Feature, Lack
from designer.gateways.legalize import (
    ATTEMPTS_LIMIT,
    BUFFERING,
    DEADLINE,
    DOWNGRADES,
    WINDOW,
    each_deployment,
    each_guardrail,
    each_node,
    retries_on,
    rewrite,
)
from designer.gateways.litellm.groups import (
    FALLS,
    Group,
    as_group,
    groups,
    plain_weights,
    shape,
    tree,
)
from designer.gateways.litellm.policies import (
    ALERTS,
    BUDGET_ORDER,
    CACHE_KINDS,
    CACHE_ORDER,
    CACHE_TIMES,
    LIMIT_ORDER,
    NO_MONEY,
    OTHER_LIMITS,
    PLAIN_QUOTAS,
    PLAIN_TELEMETRY,
    RAIL_ROUTES,
    REDACTED_LOGS,
    ROUTE_BUDGETS,
    SHARES,
    SOFT_BUDGETS,
    SPENT_AND_SERVED,
    STICKY_USERS,
    TEAM_KEYS,
    TEAM_ROUTES,
    TOKEN_QUOTAS,
    VECTORS,
    WHOLE_BUDGET,
    without_switch,
)
from designer.gateways.litellm.tables import (
    ASCII,
    AWS_ID,
    AWS_SECRET,
    CASE_SENSITIVE,
    ENTITIES,
    KNOWN_PREFIXES,
    PARAMS,
    PREFIX,
    PROVIDER_OF_PREFIX,
    REGION_KEY,
    RETRIED,
    RETRY_POLICY,
    SECRET_KEY,
    SECRET_SETTINGS,
    SETTINGS,
    STRATEGY,
    VERSION,
)
from designer.ir import (
    ANY,
    Chain,
    Cooldown,
    Deployment,
    Failures,
    Guardrail,
    Node,
    Pick,
    Pool,
    Ref,
    Remote,
    Retry,
    Route,
    Routing,
    Rung,
    Switch,
    Target,
    deployments_of,
    frozen,
)

_MEASURED = f"measured, LiteLLM {VERSION}, 2026-11-22"
_READ = f"read in LiteLLM {VERSION}, 2026-11-22"
_SEEN = f"measured, LiteLLM {VERSION}, 2026-11-24"

# --- Deployments ----------------------------------------------------------------------------------


def canonical_provider(provider: str) -> str:
    if provider in PREFIX:
        return provider
    known = PROVIDER_OF_PREFIX.get(provider, provider)
    return known if known in PREFIX or known in KNOWN_PREFIXES else "openai"


def _known_settings(deployment: Deployment) -> Deployment:
    deployment = paired(deployment)
    taken = {SECRET_KEY.get(deployment.provider), REGION_KEY.get(deployment.provider)}
    if uses_aws_pair(deployment):
        taken |= {AWS_ID, AWS_SECRET}
    given = {name: _reference(value) for name, value in deployment.settings}
    kept = {n: v for n, v in given.items() if n in SETTINGS - taken and is_kept(n, v)}
    return replace(deployment, settings=tuple(sorted(kept.items())))


def uses_aws_pair(deployment: Deployment) -> bool:
    """Whether the secret is the first half of an AWS key pair, and no bearer token."""
    secret = deployment.secret or ""
    return (
        deployment.provider == "bedrock"
        and secret.startswith("env:")
        and secret.endswith("ACCESS_KEY_ID")
    )


def is_kept(name: str, value: str) -> bool:
    return value.startswith("env:") if name in SECRET_SETTINGS else bool(value)


def paired(deployment: Deployment) -> Deployment:
    """An AWS key pair written out in settings is the deployment's secret."""
    settings = dict(deployment.settings)
    as_secret = replace(deployment, secret=_reference(settings.get(AWS_ID, "")))
    pair = {AWS_ID: as_secret.secret, AWS_SECRET: aws_partner(as_secret.secret or "")}
    if deployment.secret is not None or not uses_aws_pair(as_secret):
        return deployment
    if {name: _reference(settings.get(name, "")) for name in pair} != pair:
        return deployment
    kept = tuple((n, v) for n, v in deployment.settings if n not in pair)
    return replace(as_secret, settings=kept)


def aws_partner(secret: str) -> str:
    return f"{secret.removesuffix('ACCESS_KEY_ID')}SECRET_ACCESS_KEY"


def _reference(value: str) -> str:
    return f"env:{value.removeprefix('os.environ/')}" if value.startswith("os.environ/") else value


def _known_params(deployment: Deployment) -> Deployment:
    kept = {name: frozen(value) for name, value in deployment.params if name in PARAMS}
    return replace(
        deployment, params=tuple(sorted((n, v) for n, v in kept.items() if v is not None))
    )


def _known_secret(deployment: Deployment) -> Deployment:
    secret = deployment.secret
    fine = secret is None or (secret.startswith("env:") and len(secret) > len("env:"))
    return deployment if fine else replace(deployment, secret=None)


def tidy_s(seconds: float | None) -> float | None:
    """Whole milliseconds; None for what LiteLLM takes for "not set"."""
    if seconds is None or not math.isfinite(seconds):
        return None
    rounded = round(float(seconds), 3)
    return rounded if 0 < rounded <= _MOST_S else None


_MOST_S = 1e9


def _tidy_times(deployment: Deployment) -> Deployment:
    given = deployment.cooldown
    if given is not None:
        lasts_s = tidy_s(given.lasts_s) or 0.0
        allowed = given.allowed_failures
        allowed = None if allowed is None else max(allowed, 0)
        given = replace(given, lasts_s=lasts_s, allowed_failures=allowed)
        given = given if lasts_s else NO_COOLDOWN
    return replace(
        deployment,
        timeout_s=tidy_s(deployment.timeout_s),
        first_token_s=tidy_s(deployment.first_token_s),
        cooldown=given,
        api_base=deployment.api_base or None,
        region=deployment.region or None,
    )


NO_COOLDOWN = Cooldown(0.0, yields=False)

PROVIDERS = Feature(
    "this provider",
    each_deployment(lambda d: replace(d, provider=canonical_provider(d.provider))),
    keys=("providers.name",),
)
SECRETS = Feature("secrets kept elsewhere than in the environment", each_deployment(_known_secret))
PROVIDER_SETTINGS = Feature("this setting of a provider", each_deployment(_known_settings))
REQUEST_PARAMS = Feature(
    "this request parameter for a single deployment", each_deployment(_known_params)
)
TIMES = Feature(
    "times finer than a millisecond, or of zero",
    each_deployment(_tidy_times),
    keys=("routing.timeout", "routing.first_token", "routing.cooldown"),
)


def _cooldowns_by_count(routing: Routing) -> Routing:
    alone = {ids[0] for r in routing.routes if len(ids := deployments_of(r.node)) == 1}

    def without(deployment: Deployment) -> Deployment:
        given = deployment.cooldown
        if given is None or given.allowed_failures is None or deployment.id not in alone:
            return deployment
        return replace(deployment, cooldown=replace(given, allowed_failures=None))

    return each_deployment(without)(routing)


COOLDOWN_POLICY = Feature(
    "cooldowns after different counts of different failures",
    each_deployment(
        lambda d: (
            d if d.cooldown is None else replace(d, cooldown=replace(d.cooldown, per_failure=()))
        )
    ),
)
COOLDOWN_COUNTS = Feature(
    "a cooldown after a number of failures where a route has one deployment",
    _cooldowns_by_count,
    keys=("routing.cooldown",),
)


def shared_cooldown_s(deployments: Iterable[Deployment]) -> float | None:
    """The one length that can stand in router_settings, where a Retry-After takes its place."""
    given = [d.cooldown for d in deployments if d.cooldown != NO_COOLDOWN]
    lengths = {c.lasts_s if c is not None and c.yields else None for c in given}
    return next(iter(lengths)) if len(lengths) == 1 else None


def _own_cooldowns(routing: Routing) -> Routing:
    if shared_cooldown_s(routing.deployments) is not None:
        return routing
    return each_deployment(
        lambda d: (
            d if d.cooldown is None else replace(d, cooldown=replace(d.cooldown, yields=False))
        )
    )(routing)


YIELDING = Feature(
    "cooldowns as long as a provider's Retry-After says, where their lengths differ", _own_cooldowns
)


# --- Names ----------------------------------------------------------------------------------------


def _some_name(routing: Routing) -> Routing:
    """LiteLLM gives a deployment without a name a random one at every start."""
    taken = {d.id for d in routing.deployments}
    if "" not in taken:
        return routing
    name = _free("deployment", taken)
    return replace(
        each_deployment(lambda d: d if d.id else replace(d, id=name))(routing),
        routes=tuple(replace(r, node=_renamed(r.node, {"": name})) for r in routing.routes),
    )


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "'"
    return name


def _own_copies(routing: Routing) -> Routing:
    """A second route that asks the same deployment gets one of its own."""
    taken = {d.id for d in routing.deployments}
    seen: set[str] = set()
    copies: list[Deployment] = []
    routes = []
    for route in routing.routes:
        fresh: dict[str, str] = {}
        for id_ in deployments_of(route.node):
            if id_ in seen:
                name = _free(f"{id_}@{route.name}", taken)
                taken.add(name)
                fresh[id_] = name
                copies.append(replace(routing.deployment(id_), id=name))
            seen.add(fresh.get(id_, id_))
        routes.append(replace(route, node=_renamed(route.node, fresh)) if fresh else route)
    if not copies:
        return routing
    return replace(routing, routes=tuple(routes), deployments=(*routing.deployments, *copies))


def _renamed(node: Node, names: Mapping[str, str]) -> Node:
    return rewrite(
        node,
        lambda n: Target(names.get(n.deployment, n.deployment)) if isinstance(n, Target) else n,
    )


NAMELESS = Feature("a deployment without a name", _some_name)
SHARING = Feature("one deployment in several routes", _own_copies, keys=("teams.region",))


def _named(routing: Routing) -> Routing:
    """Routes that only lead to another become aliases of it; names that lead nowhere go."""
    led: dict[str, str] = {}
    kept = []
    for route in routing.routes:
        group = shape(route.node)
        if group.levels:
            kept.append(route)
        elif group.generic or group.context or group.content:
            led[route.name] = next(iter((*group.generic, *group.context, *group.content)))
    names = {route.name for route in kept}
    goal = dict(routing.aliases) | led
    aliases = {}
    for alias in goal:
        target = _end_of(alias, goal, names)
        if target is not None and alias not in names:
            aliases[alias] = target
    known = {name: name for name in names} | aliases
    routes = tuple(replace(r, node=_reachable(r, known)) for r in kept)
    asked = [id_ for route in routes for id_ in shape(route.node).ids]
    by_id = {d.id: d for d in routing.deployments}
    return replace(
        routing,
        routes=routes,
        aliases=tuple(aliases.items()),
        deployments=tuple(by_id[id_] for id_ in dict.fromkeys(asked)),
    )


def _end_of(name: str, goal: Mapping[str, str], names: set[str]) -> str | None:
    for _ in range(len(goal) + 1):
        if name in names:
            return name
        if name not in goal:
            return None
        name = goal[name]
    return None


def _reachable(route: Route, known: Mapping[str, str]) -> Node:
    """Without rungs that lead to no other route."""

    def prune(node: Node) -> Node:
        if not isinstance(node, Chain):
            return node
        kept = tuple(rung for rung in node.rungs if not leads_nowhere(rung.child))
        if len(kept) == len(node.rungs):
            return node
        return Chain(kept, node.tells) if len(kept) != 1 else kept[0].child

    def leads_nowhere(node: Node) -> bool:
        match node:
            case Ref(route=name):
                return known.get(name, route.name) == route.name
            case Chain(rungs=()):
                return True
            case _:
                return False

    return rewrite(route.node, prune)


NAMES = Feature("a route without deployments", _named, keys=("workloads.route_by",))

# --- The route tree -------------------------------------------------------------------------------


def _each_unsettled(change: Callable[[Node], Node]) -> Callable[[Routing], Routing]:
    """`change` sees the whole node of each route that is not a model group's tree yet."""

    def without(routing: Routing) -> Routing:
        _, lists = groups(routing)
        return replace(
            routing,
            routes=tuple(
                r if as_group(r.node, lists) == r.node else replace(r, node=change(r.node))
                for r in routing.routes
            ),
        )

    return without


def _flat(node: Node) -> Node:
    """A chain of levels, each perhaps retried: what the planner makes."""
    rungs: list[Rung] = []
    _flatten(node, None, ANY, rungs, set())
    return rungs[0].child if len(rungs) == 1 else Chain(tuple(rungs))


def _flatten(
    node: Node, retry: Retry | None, on: Failures, rungs: list[Rung], seen: set[str]
) -> None:
    match node:
        case Chain():
            for index, rung in enumerate(node.rungs):
                _flatten(rung.child, retry, rung.on if index else on, rungs, seen)
        case Retry():
            _flatten(node.child, node, on, rungs, seen)
        case Remote():
            _flatten(node.child, retry, on, rungs, seen)
        case Ref():
            rungs.append(Rung(node, on if rungs else ANY))
        case Target() | Pool() | Switch():
            level = _level(node, seen)
            if level is not None:
                inner = retry or next((n for n in _below(node) if isinstance(n, Retry)), None)
                child = replace(inner, child=level) if inner is not None else level
                rungs.append(Rung(child, on if rungs else ANY))


def _below(node: Node) -> tuple[Node, ...]:
    return node.children if isinstance(node, Pool) else ()


def _level(node: Node, seen: set[str]) -> Node | None:
    group = shape(node)
    fresh = [
        (id_, level.weights[i] if level.weights else 1.0)
        for level in group.levels
        for i, id_ in enumerate(level.ids)
        if id_ not in seen
    ]
    seen.update(id_ for id_, _ in fresh)
    if not fresh:
        return None
    if len(fresh) == 1:
        return Target(fresh[0][0])
    weights = plain_weights(tuple(weight for _, weight in fresh))
    pick = node.pick if isinstance(node, Pool) else group.pick
    targets = tuple(Target(id_) for id_, _ in fresh)
    return Pool(targets, weights if pick == "weighted" else (), pick)


def _one_strategy(routing: Routing) -> Routing:
    """The router has one strategy for all groups: that of the first pool it knows."""
    picks = [group.pick for group in groups(routing)[0].values() if has_pool(group)]
    pick: Pick = next((p for p in picks if p in STRATEGY), "weighted")

    def change(node: Node) -> Node:
        if not isinstance(node, Pool):
            return node
        weights = plain_weights(node.weights) if pick == "weighted" else ()
        return replace(node, pick=pick, weights=weights)

    return each_node(change)(routing)


def has_pool(group: Group) -> bool:
    return any(len(level.ids) > 1 for level in group.levels)


def _known_policy(node: Node) -> Node:
    if not isinstance(node, Retry):
        return node
    known = tuple((on, n) for on, n in node.per_failure if on in RETRY_POLICY.values())
    return replace(node, per_failure=known)


def _at_once(routing: Routing) -> Routing:
    """Where a route has several deployments nothing waits, and in a chain of single ones nothing is
    retried that only waiting would cure."""
    all_groups, lists = groups(routing)

    def change(route: Route) -> Route:
        group = all_groups[route.name]
        if not group.levels or tree(group, lists) == route.node and not _hurries(group):
            return route
        alone = len(group.ids) == 1
        if _hurries(group):
            group = replace(group, policy=_policy({**NO_WAIT_POLICY, **dict(group.policy)}))
            if tree(all_groups[route.name], lists) == route.node:
                return replace(route, node=tree(group, lists))
        per_failure = tuple((RETRY_POLICY[key], count) for key, count in group.policy)

        def counted(node: Node) -> Node:
            if not isinstance(node, Retry):
                return node
            return replace(node, per_failure=per_failure, honours_retry_after=alone)

        return replace(route, node=rewrite(route.node, counted))

    return replace(routing, routes=tuple(change(route) for route in routing.routes))


def _hurries(group: Group) -> bool:
    walks = len(group.levels) > 1 and not has_pool(group)
    retried = any(level.retries for level in group.levels)
    return walks and retried and not NO_WAIT_POLICY.keys() <= dict(group.policy).keys()


def _policy(counts: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple((key, counts[key]) for key in RETRY_POLICY if key in counts)


NO_WAIT_POLICY: Mapping[str, int] = {
    "AuthenticationErrorRetries": 0,
    "TimeoutErrorRetries": 0,
    "RateLimitErrorRetries": 0,
}


def _as_litellm_falls(node: Node) -> Node:
    if not isinstance(node, Chain):
        return node
    rungs = tuple(
        Rung(r.child, FALLS) if i and not isinstance(r.child, Ref) else r
        for i, r in enumerate(node.rungs)
    )
    return replace(node, rungs=rungs)


def _as_groups(routing: Routing) -> Routing:
    _, lists = groups(routing)
    return _each_route_node(lambda node: as_group(node, lists))(routing)


def _each_route_node(change: Callable[[Node], Node]) -> Callable[[Routing], Routing]:
    return lambda routing: replace(
        routing, routes=tuple(replace(r, node=change(r.node)) for r in routing.routes)
    )


CONDITIONS = Feature(
    "routes chosen by task, metadata or parameters",
    _each_route_node(lambda node: rewrite(node, without_switch)),
    keys=("workloads.route_by",),
)
NESTING = Feature("chains inside pools, or retries around chains", _each_unsettled(_flat))
STRATEGIES = Feature(
    "this picking strategy, or a different one for each route",
    _one_strategy,
    keys=("routing.strategy",),
)
RETRY_COUNTS = Feature("different retry counts for these failures", each_node(_known_policy))
WAITS = Feature(
    "waits between the tries of a route with several deployments",
    _at_once,
    keys=("routing.retries",),
)
FALLBACK_CHOICE = Feature(
    "the choice of failures that move a chain on",
    _each_unsettled(_as_litellm_falls),
    keys=("routing.on_refusal",),
)
ORDER = Feature(
    "a chain that passes over a cooling deployment", _as_groups, keys=("routing.cooldown",)
)

# --- Guardrails -----------------------------------------------------------------------------------


def _known_entities(rail: Guardrail) -> Guardrail:
    if rail.kind != "pii":
        return rail
    return replace(rail, entities=tuple(e for e in rail.entities if e in ENTITIES))


def _readable_pattern(rail: Guardrail) -> Guardrail | None:
    if rail.kind != "deny":
        return rail
    if not compiles(written(rail)) or not compiles(rail.pattern):
        return None
    return rail if rail.pattern else None


def written(rail: Guardrail) -> str:
    """The pattern of a deny rule as LiteLLM is given it."""
    pattern = rail.pattern if rail.ignore_case else f"{CASE_SENSITIVE}{rail.pattern})"
    return f"{ASCII}{pattern}" if is_widened(rail.pattern) else pattern


def is_widened(pattern: str) -> bool:
    """Whether Python takes a part of a shared pattern for more characters than the others do."""
    return not pattern.startswith("(?") and re.search(r"\\[wWdDsSbB]", pattern) is not None


def matches(rail: Guardrail, text: str) -> bool:
    return re.search(written(rail), text, re.IGNORECASE) is not None


def compiles(pattern: str) -> bool:
    try:
        re.compile(pattern, re.IGNORECASE)
    except (re.error, RecursionError, OverflowError):
        return False
    return True


def _plain_rail(rail: Guardrail) -> Guardrail | None:
    if not rail.stages or rail.kind == "saved" or (rail.kind == "pii" and not rail.entities):
        return None
    if rail.kind == "pii":
        return replace(
            rail, pattern="", ignore_case=False, entities=tuple(dict.fromkeys(rail.entities))
        )
    wrapped = rail.ignore_case and rail.pattern.startswith(CASE_SENSITIVE)
    pattern = f"(?:{rail.pattern})" if wrapped else rail.pattern
    return replace(rail, pattern=pattern, entities=())


ENTITY_CHOICE = Feature("finding this kind of personal data", each_guardrail(_known_entities))
PATTERNS = Feature("a pattern that Python's `re` cannot compile", each_guardrail(_readable_pattern))
MESSAGES = Feature(
    "a guardrail's own message",
    each_guardrail(lambda rail: replace(rail, message="")),
    keys=("guardrails.deny.message",),
)
LAST_MESSAGE = Feature(
    "a guardrail that sees the last message only",
    each_guardrail(lambda rail: replace(rail, messages="all")),
)
FAIL_OPEN = Feature(
    "letting a request pass when a guardrail breaks",
    each_guardrail(lambda rail: replace(rail, on_error="block")),
    keys=("guardrails.on_failure",),
)
PLAIN_RAILS = Feature("a guardrail that checks nothing here", each_guardrail(_plain_rail))

LACKS: tuple[Lack, ...] = (
    Lack(
        WINDOW,
        "the last ten answers of each deployment count, until an hour has passed without one",
        f"{_READ}: max_latency_list_size and ttl of lowest_latency.py",
    ),
    Lack(TEAM_KEYS, "the first stays", f"{_READ}: key_alias is unique"),
    Lack(
        STICKY_USERS,
        "whoever sends the same `metadata.session_id` is kept, for an hour; `user` is not looked at",
        f"{_SEEN}: deployment_affinity_check.py reads the key and the session id only",
    ),
    Lack(
        SHARES,
        "the arms' first deployments are a pool with the shares as weights, the rest of the arms follows "
        "for all; a call keeps to its draw only while it sends `metadata.session_id`, for an hour",
        f"{_SEEN}: session_affinity pins (key, session_id) to a deployment; `user` is not read",
    ),
    Lack(DEADLINE, "only each attempt has a time limit", f"{_MEASURED}: timeouts are per attempt"),
    Lack(
        ATTEMPTS_LIMIT,
        "the number of deployments and their retries is the only limit",
        f"{_MEASURED}: max_fallbacks bounds neither levels nor lists",
    ),
    Lack(
        BUFFERING,
        "a stream that breaks off ends with an error event after what was already sent",
        _MEASURED,
    ),
    Lack(TEAM_ROUTES, "the team's name for it leads to a group of its own", _READ, told=False),
    Lack(
        CONDITIONS,
        "every request takes the default route; a caller that wants another asks for it by its alias",
        f"{_READ}: tags choose among deployments of one group, and only where the caller sends them",
    ),
    Lack(
        PROVIDERS,
        "it is called as an OpenAI-compatible endpoint",
        f"{_MEASURED}: a deployment of an unknown provider is dropped at boot",
    ),
    Lack(
        SECRETS,
        "no key is written; LiteLLM falls back to the provider's usual environment variable",
        f"{_READ}: os.environ/NAME",
    ),
    Lack(
        PROVIDER_SETTINGS,
        "it is left out",
        f"{_MEASURED}: unknown litellm_params are forwarded to the provider in the request body",
    ),
    Lack(
        REQUEST_PARAMS,
        "it is left out",
        f"{_MEASURED}: unknown litellm_params are forwarded to the provider in the request body",
    ),
    Lack(TIMES, "they are rounded; a limit of zero is none", f"{_READ}: 0 is taken for unset"),
    Lack(NAMELESS, "it is called `deployment`", f"{_READ}: an empty id is replaced at every start"),
    Lack(
        SHARING, "each route has a copy, with cooldowns, quotas and counters of its own", _MEASURED
    ),
    Lack(
        NESTING,
        "the deployments stand in one chain, in listed order",
        f"{_READ}: a model group is a list of order levels",
    ),
    Lack(NAMES, "its name is an alias, or gone", f"{_READ}: a group is its deployments"),
    Lack(
        STRATEGIES,
        "the first known strategy serves all routes, or simple-shuffle",
        f"{_MEASURED}: routing_strategy is one for the whole router; an unknown one stops the boot",
    ),
    Lack(
        retries_on(RETRIED),
        "LiteLLM decides: 403, 409 and every 5xx are retried too",
        _MEASURED,
    ),
    Lack(
        RETRY_COUNTS,
        "they have the common count",
        f"{_READ}: a retry policy knows nine classes of errors",
    ),
    Lack(
        WAITS,
        "retries come at once, whatever Retry-After says; in a chain a 429, a 401 or a timeout is not "
        "retried but goes to the next deployment",
        f"{_MEASURED}: in a group of two or more nothing ever sleeps, not even for Retry-After",
    ),
    Lack(
        FALLBACK_CHOICE,
        "any failure moves it on, a plain 400 too; only the first deployment's refusals and "
        "context-window errors go back to the caller",
        _MEASURED,
    ),
    Lack(
        ORDER,
        "while the first is cooling, the next one is asked with its retries twice over",
        f"{_MEASURED}: the walk over order levels starts at the second whoever was asked before",
    ),
    Lack(
        COOLDOWN_POLICY,
        "one count for every failure",
        f"{_READ}: `allowed_fails_policy` is the whole router's, not a deployment's",
    ),
    Lack(
        COOLDOWN_COUNTS,
        "only a 401 or 404 lets it cool, at once",
        f"{_READ}: cooldown_handlers.py:167 never cools the only deployment by a count",
    ),
    Lack(YIELDING, "each lasts as long as it is configured", f"{_READ}: router.py:8655"),
    Lack(
        ENTITY_CHOICE,
        "it would pass unseen",
        f"{_READ}: none of the content filter's 82 patterns, and no pattern of ours",
        refused=True,
    ),
    Lack(
        PATTERNS,
        "LiteLLM would start without the guardrail",
        f"{_MEASURED}: guardrails fail open at boot",
        refused=True,
    ),
    Lack(RAIL_ROUTES, "it is left out, or on for every route that there is", _READ, told=False),
    Lack(MESSAGES, "the caller reads `Content blocked: NAME pattern detected`", _MEASURED),
    Lack(LAST_MESSAGE, "all messages are checked", _READ),
    Lack(FAIL_OPEN, "the request fails", f"{_MEASURED}: a guardrail that raises answers 500"),
    Lack(PLAIN_RAILS, "it is left out", _READ),
    Lack(
        CACHE_KINDS,
        "all are exact, or as strict as the strictest",
        f"{_READ}: one `cache_params.type` for the whole proxy",
    ),
    Lack(
        VECTORS,
        "only the same request is answered from it",
        f"{_READ}: redis-semantic needs an embedding group of this proxy",
    ),
    Lack(CACHE_TIMES, "it is rounded up", f"{_READ}: Redis keeps whole seconds"),
    Lack(CACHE_ORDER, "it is the same", _READ, told=False),
    Lack(
        DOWNGRADES,
        "what the budget has no room for is refused, or goes to whichever deployment has money left",
        f"{_READ}: a budget's check does not look at prices",
    ),
    Lack(
        WHOLE_BUDGET,
        "it is left out: nothing stops the spending; set a limit at the providers",
        f"{_MEASURED}: without a database `max_budget` refused nothing",
    ),
    Lack(
        SPENT_AND_SERVED,
        "it is left out: spending shows in the metrics only",
        f"{_READ}: a deployment's max_budget always refuses",
    ),
    Lack(
        ALERTS,
        "nobody is told",
        f"{_READ}: soft budgets are for teams and keys, and need PostgreSQL",
    ),
    Lack(
        ROUTE_BUDGETS,
        "each of its deployments may spend the limit: one that has is passed over, and a request is "
        "refused (429) once all have. Checked before a call, so calls under way overshoot; counted in "
        "memory, so a restart begins anew",
        f"{_SEEN}: litellm_params.max_budget",
    ),
    Lack(NO_MONEY, "it is left out", f"{_READ}: 0 is taken for unset"),
    Lack(SOFT_BUDGETS, "its alert is the soft budget", _READ, told=False),
    Lack(OTHER_LIMITS, "it is left out", f"{_READ}: rpm_limit and tpm_limit are of teams and keys"),
    Lack(BUDGET_ORDER, "they are the same", _READ, told=False),
    Lack(LIMIT_ORDER, "they are the same", _READ, told=False),
    Lack(
        REDACTED_LOGS,
        "nothing of them is written",
        f"{_READ}: turn_off_message_logging is for all text or for none",
    ),
    Lack(PLAIN_TELEMETRY, "it is the same", _READ, told=False),
    Lack(
        TOKEN_QUOTAS,
        "it is left out: the provider's own 429 is what counts",
        f"{_SEEN}: enforce_model_rate_limits, the check that counts tokens, also cools the deployment "
        "that steps in for one beyond its limit",
    ),
    Lack(PLAIN_QUOTAS, "it is the same", _READ, told=False),
)
