"""What a configuration of the hosted product cannot say, and what it says instead."""

from collections.abc import Callable

from msgspec.structs import replace

from designer.gateways.base import Feature, Lack
from designer.gateways.legalize import (
    COOLDOWN,
    DOWNGRADES,
    STICKY,
    TO_RUN,
    each_deployment,
    each_guardrail,
    each_node,
    each_route,
    rewrite,
)
from designer.gateways.portkey_cloud.limits import (
    REGION,
    TEAM,
    in_days,
    in_dollars,
    in_percent,
    joined,
)
from designer.gateways.portkey_cloud.rails import is_definable
from designer.gateways.portkey_cloud.slugs import provider_of, slug_of
from designer.gateways.portkey_cloud.tables import SLUG
from designer.gateways.portkey_config.lacks import (
    CACHE_SIMILARITY,
    LAST,
    MEASURED,
    QUOTA,
    ROUTES,
    caches_in_reading_order,
    in_reading_order,
    is_metadata,
    numbered,
    on_leaves,
    stuck,
    trees,
)
from designer.gateways.portkey_config.patterns import without_flags
from designer.ir import (
    Budget,
    Cache,
    Condition,
    Deployment,
    Guardrail,
    Node,
    Pool,
    Route,
    Routing,
    Split,
    Telemetry,
    deployments_of,
    frozen,
)

_DOCUMENTED = "Portkey documentation, snapshot of 2026-08-21, read 2026-11-22"
CACHE_LONGEST_S = 90 * 24 * 3600


def _by_slug(routing: Routing) -> Routing:
    """Each deployment by its integration's slug; key, host, version and region are kept there."""
    users: dict[str, str] = {}
    for route in routing.routes:
        for id_ in deployments_of(route.node):
            users.setdefault(id_, route.name)
            # An id that begins with its route's name tells the account.
            if id_.startswith(f"{route.name}/"):
                users[id_] = route.name

    def change(deployment: Deployment) -> Deployment:
        slug = slug_of(deployment, users.get(deployment.id, ""))
        return replace(
            deployment,
            provider=provider_of(slug),
            api_base=None,
            secret=None,
            region=None,
            settings=((SLUG, slug),),
        )

    return replace(routing, deployments=tuple(map(change, routing.deployments)))


def _params(deployment: Deployment) -> Deployment:
    params = {name: frozen(value) for name, value in deployment.params if name != "model"}
    return replace(deployment, params=tuple(sorted(params.items())))


# --- Guardrails -----------------------------------------------------------------------------------


def _saved(rail: Guardrail) -> Guardrail:
    if is_definable(rail):
        return rail
    return Guardrail(rail.name, "saved", rail.stages, "block", routes=rail.routes)


def _plain(rail: Guardrail) -> Guardrail:
    pattern = without_flags(rail.pattern, rail.ignore_case) if rail.kind == "deny" else None
    return rail if pattern is None else replace(rail, pattern=pattern, ignore_case=False)


def _last_message(rail: Guardrail) -> Guardrail:
    """A pattern is looked for in the last message; the kinds have no other fields than these."""
    match rail.kind:
        case "deny":
            return replace(rail, messages="last", action="block", entities=())
        case "pii":
            return replace(rail, messages="all", pattern="", ignore_case=False)
        case "saved":
            return _saved(rail)


def _named_apart(routing: Routing) -> Routing:
    rails: dict[str, Guardrail] = {}
    for rail in routing.guardrails:
        name, number = rail.name, 1
        while name in rails:
            number += 1
            name = f"{rail.name}-{number}"
        rails[name] = replace(rail, name=name)
    return in_reading_order(replace(routing, guardrails=tuple(rails.values())))


# --- Experiments and callers ----------------------------------------------------------------------


def _by_what_is_said(node: Node) -> Node:
    if not isinstance(node, Split) or node.by == "user" or is_metadata(node.by):
        return node
    return Pool(tuple(arm.child for arm in node.arms), tuple(arm.share for arm in node.arms))


def _stuck(route: Route) -> Route:
    """Callers keep to what they drew; a chain asks its first target for everybody anyhow."""
    if route.sticky != "user":
        return route
    node = rewrite(route.node, lambda n: stuck(n, "user") if isinstance(n, Pool) else n)
    return replace(route, node=node, sticky="none")


def as_metadata(condition: Condition) -> Condition:
    """`team.<k>` as the metadata of the caller's key, which is how the files say it."""
    name = _AS_METADATA.get(condition.key)
    return condition if name is None else replace(condition, key=f"metadata.{name}")


def as_team(condition: Condition) -> Condition:
    key = _AS_TEAM.get(condition.key)
    return condition if key is None else replace(condition, key=key)


_AS_METADATA = {"team.name": TEAM, "team.region": REGION}
_AS_TEAM = {f"metadata.{name}": key for key, name in _AS_METADATA.items()}


def each_budget(change: Callable[[Budget], Budget]) -> Callable[[Routing], Routing]:
    return lambda routing: replace(routing, budgets=tuple(map(change, routing.budgets)))


def _refusing(routing: Routing) -> Routing:
    return replace(routing, budgets=tuple(b for b in routing.budgets if b.refuses))


def _everything(routing: Routing) -> Routing:
    return replace(routing, teams=tuple(replace(team, routes=None) for team in routing.teams))


# --- Caches and logs ------------------------------------------------------------------------------


def each_cache(change: Callable[[Cache], Cache]) -> Callable[[Routing], Routing]:
    return lambda routing: replace(routing, caches=tuple(map(change, routing.caches)))


def _at_fixed_similarity(cache: Cache) -> Cache:
    return replace(cache, similarity=CACHE_SIMILARITY if cache.mode == "semantic" else 1.0)


def _whole_age(cache: Cache) -> Cache:
    return replace(cache, ttl_s=float(min(max(60, round(cache.ttl_s)), CACHE_LONGEST_S)))


def _logs(change: Callable[[Telemetry], Telemetry | None]) -> Callable[[Routing], Routing]:
    def changed(routing: Routing) -> Routing:
        told = routing.telemetry
        return routing if told is None else replace(routing, telemetry=change(told))

    return changed


def _uncached(routing: Routing) -> Routing:
    told = routing.telemetry
    return routing if told is None or told.prompts != "never" else replace(routing, caches=())


POLICIES: tuple[Lack, ...] = (
    Lack(TO_RUN, "nothing is written: its vendor runs it", _DOCUMENTED),
    Lack(
        Feature(
            "an experiment by something that no single piece of metadata says",
            each_node(_by_what_is_said),
            keys=("workloads.experiment.by",),
        ),
        "each request draws its arm by the shares",
        _DOCUMENTED,
    ),
    Lack(
        Feature(
            "traces and metrics of its own",
            _logs(lambda told: replace(told, exporters=frozenset())),
            keys=("operations.observability",),
        ),
        "the hosted product keeps logs and figures itself; nothing is set up to send them on",
        _DOCUMENTED,
    ),
    Lack(
        Feature(
            "logs with redacted prompts",
            _logs(lambda t: replace(t, prompts="never") if t.prompts == "redacted" else t),
            keys=("operations.logs",),
        ),
        "no text is logged (`x-portkey-debug: false`)",
        _DOCUMENTED,
    ),
    Lack(
        Feature(
            "logging everything in so many words",
            _logs(lambda told: None if told.prompts == "always" else told),
        ),
        "it is what the product does when nothing is said",
        _DOCUMENTED,
        told=False,
    ),
    Lack(
        Feature(
            "a cache where no text may be logged",
            _uncached,
            keys=("cache",),
        ),
        "nothing is cached: `x-portkey-debug: false` turns the cache off as well",
        _DOCUMENTED,
    ),
    Lack(
        Feature(
            "how similar a request must be",
            each_cache(_at_fixed_similarity),
            keys=("cache.similarity",),
        ),
        f"the threshold is the product's, {CACHE_SIMILARITY}",
        _DOCUMENTED,
    ),
    Lack(
        Feature(
            "answers kept for less than a minute, more than 90 days, or parts of a second",
            each_cache(_whole_age),
            keys=("cache.ttl",),
        ),
        "`max_age` is the nearest whole second within those limits",
        _DOCUMENTED,
    ),
    Lack(
        Feature("several caches for one route", caches_in_reading_order),
        "the first one is used",
        _DOCUMENTED,
    ),
    Lack(DOWNGRADES, "a usage limit always answers 412 once it is spent", _DOCUMENTED),
    Lack(
        Feature(
            "a budget that refuses nothing",
            _refusing,
            keys=("workloads.budget", "teams.budget"),
        ),
        "it is left out: a usage limit always answers 412 once it is spent",
        _DOCUMENTED,
    ),
    Lack(
        Feature(
            "a budget by the hour",
            each_budget(in_days),
            keys=("workloads.budget.limit", "teams.budget.limit"),
        ),
        "24 times as much may be spent in a day",
        _DOCUMENTED,
    ),
    Lack(
        Feature(
            "parts of a dollar",
            each_budget(in_dollars),
            keys=("workloads.budget.limit", "teams.budget.limit", "cost.monthly_budget"),
        ),
        "limits are rounded down to whole dollars, one at least",
        "Portkey's OpenAPI document of 2026-06-12, read 2026-11-22",
    ),
    Lack(
        Feature(
            "an alert finer than a percent, or at the limit itself",
            each_budget(in_percent),
            keys=("workloads.budget.alert", "teams.budget.alert"),
        ),
        "it is rounded to a percent, and left out at nothing or at the limit",
        _DOCUMENTED,
    ),
    Lack(
        Feature("limits in this form", joined),
        "requests and tokens of the same callers are one limit",
        _DOCUMENTED,
        told=False,
    ),
    Lack(
        Feature("what a team may ask for", _everything, keys=("teams.workloads",)),
        "each of its keys may use every configuration of the workspace",
        _DOCUMENTED,
    ),
    QUOTA,
    Lack(
        Feature("conditions on a team as metadata", on_leaves(as_metadata)),
        "the metadata of the caller's key says it",
        _DOCUMENTED,
        told=False,
    ),
)

LACKS: tuple[Lack, ...] = (
    *ROUTES,
    *POLICIES,
    Lack(
        COOLDOWN,
        "every request starts again at the first target: circuit breakers (`cb_config`) never opened for "
        "targets that name their provider by `@slug`",
        "measured on branch 2.0.0 (2026-03-14) with a stand-in control plane, 2026-11-22",
    ),
    *trees("the caller gets it as it came: status 200, and nothing says that it is broken"),
    Lack(
        Feature("conditions on metadata as a team", on_leaves(as_team)),
        "the metadata of the caller's key says it",
        _DOCUMENTED,
        told=False,
    ),
    Lack(
        Feature("a caller that keeps to what it drew", each_route(_stuck)),
        "`strategy.sticky` says the same",
        _DOCUMENTED,
        told=False,
    ),
    Lack(STICKY, "sessions are not told apart: each request draws anew", _DOCUMENTED),
    Lack(
        Feature(
            "credentials, hosts and regions",
            _by_slug,
            keys=(
                *("providers.secret", "providers.api_base", "providers.api_version"),
                *("providers.regions", "compliance.residency"),
            ),
        ),
        "each target names a provider integration of the workspace, `@slug`, which must hold them",
        _DOCUMENTED,
    ),
    Lack(
        Feature("parameters in this form", each_deployment(_params)),
        "they are sorted, and `model` is the deployment's",
        _DOCUMENTED,
    ),
    Lack(
        Feature(
            "what Portkey's own checks do not find (IBANs, national ids, VAT numbers, patterns that "
            "JavaScript does not read)",
            each_guardrail(_saved),
            keys=("guardrails.pii", "guardrails.deny", "guardrails.on_failure"),
        ),
        "it names the saved guardrail of that id, which must exist in the workspace and do what the "
        "profile says",
        _DOCUMENTED,
    ),
    Lack(
        Feature(
            "patterns that ignore case",
            each_guardrail(_plain),
            keys=("guardrails.deny.ignore_case",),
        ),
        "each letter is written in both cases",
        MEASURED,
    ),
    Lack(
        Feature(
            "a guardrail's own message",
            each_guardrail(lambda rail: replace(rail, message="")),
            keys=("guardrails.deny.message",),
        ),
        "the caller sees status 446 with the gateway's own text",
        MEASURED,
    ),
    Lack(
        Feature(
            "looking for a pattern in the whole conversation",
            each_guardrail(_last_message),
            keys=("guardrails.deny.pattern",),
        ),
        "only its last message is checked",
        MEASURED,
    ),
    Lack(
        Feature("guardrails in this order", _named_apart),
        "they are listed by route and stage, each under a name of its own",
        MEASURED,
        told=False,
    ),
    *LAST,
    Lack(
        Feature(
            "names of an experiment and its arms", numbered, keys=("workloads.experiment.name",)
        ),
        "logs tell arms by their targets",
        _DOCUMENTED,
    ),
)
