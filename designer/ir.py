"""What a gateway configuration means: named trees of deployments, with every default explicit.

A `Routing` is written by the planner (the ideal one), changed by `legalize`, written out by `lower`
and read back by `parse`; the engine performs it under some gateway's `Semantics`. It knows no
gateway, no price, no region's law: those are facts *about* deployments and are joined when needed
(`designer.catalog`), and it holds no secret, only the name of one.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cached_property
from typing import Any, Literal

from msgspec import Struct

# --- Failures -------------------------------------------------------------------------------------

STATUS_OF: Mapping[str, int] = {
    "timeout": 408,
    "first_token": 408,
    "connect": 500,
    "reset": 500,
    "malformed": 500,
    "empty": 500,
    "context_length": 400,
    "content_policy": 400,
    "reject_prefill": 400,
    "stream_cut": 500,
    "stream_stall": 504,
    "stream_error": 500,
    "cooling": 429,
    "guardrail": 400,
    "budget": 402,
    "limit": 429,
    "barred": 429,
    "untagged": 401,
    "deadline": 504,
    "attempts": 503,
    "abort": 500,
    "no_route": 400,
}
"""The failures that are not simply an HTTP status, and the status a careful gateway gives them.

Together with every HTTP status written as a number (`"503"`) these are the *failure tokens* that all
of the engine speaks. `first_token` is a stream that stayed silent too long; `cooling`: no deployment
left to ask; `barred`, `untagged`: none that this request may be sent to, for limits, budgets or regions,
or for its tags; `attempts`, `deadline`: the route's own limits; `abort`: a gateway's own exception,
which no chain catches.
"""


class Failures(Struct, frozen=True):
    """A set of failure tokens or, with `all_but`, everything except them."""

    tokens: frozenset[str] = frozenset()
    all_but: bool = False

    def __contains__(self, token: object) -> bool:
        return (token in self.tokens) != self.all_but

    def __or__(self, other: "Failures") -> "Failures":
        match self.all_but, other.all_but:
            case False, False:
                return Failures(self.tokens | other.tokens)
            case True, True:
                return Failures(self.tokens & other.tokens, all_but=True)
            case True, False:
                return Failures(self.tokens - other.tokens, all_but=True)
            case _:
                return Failures(other.tokens - self.tokens, all_but=True)

    def __sub__(self, other: "Failures") -> "Failures":
        match self.all_but, other.all_but:
            case False, False:
                return Failures(self.tokens - other.tokens)
            case True, True:
                return Failures(other.tokens - self.tokens)
            case True, False:
                return Failures(self.tokens | other.tokens, all_but=True)
            case _:
                return Failures(self.tokens & other.tokens)

    def __str__(self) -> str:
        names = ", ".join(sorted(self.tokens))
        if self.all_but:
            return f"any but {names}" if names else "any"
        return names or "none"


def failures(*tokens: str | int) -> Failures:
    return Failures(frozenset(str(token) for token in tokens))


ANY = Failures(all_but=True)
NEVER = Failures()
REFUSALS = failures("content_policy", "guardrail")
COOLING = failures("cooling")
NOTHING_LEFT = failures("cooling", "barred", "untagged")
"""There were deployments, and none that could be asked."""
TRANSIENT = failures(
    *(408, 429, 500, 502, 503, 504, 529),
    *("timeout", "first_token", "connect", "reset", "malformed", "empty"),
    *("stream_cut", "stream_stall", "stream_error"),
)
"""What another try at the same deployment may cure."""


# --- Deployments ----------------------------------------------------------------------------------


class Cooldown(Struct, frozen=True):
    """How long a failing deployment is left alone, and after how many failures."""

    lasts_s: float
    allowed_failures: int | None = None
    """Failures tolerated before it is left alone; None leaves the rule to the gateway's semantics."""
    yields: bool = True
    """Whether a provider's own Retry-After takes the place of `lasts_s`, on gateways that read it."""
    per_failure: tuple[tuple[Failures, int], ...] = ()
    """Counts that replace `allowed_failures` for some failures; the first match counts."""


class Quota(Struct, frozen=True):
    """What an account lets a deployment do; None is no limit that is known."""

    rpm: int | None = None
    """Requests a minute."""
    tpm: int | None = None
    """Tokens a minute, input and output together."""
    parallel: int | None = None
    """Requests at the same time."""


class Deployment(Struct, frozen=True):
    """One model of one provider account that a request can be sent to."""

    id: str
    """Stable, `alias/account/model` in what the planner makes; unique within a Routing."""
    provider: str
    """The provider's name in the catalog; its wire dialect and each gateway's prefix follow from it."""
    model: str
    """The name on the wire: on Azure the deployment's name, on Bedrock the inference profile's id."""
    api_base: str | None = None
    secret: str | None = None
    """A reference, `env:NAME`; never a value."""
    region: str | None = None
    """Where the provider is told to process (`aws_region_name`, `vertex_location`)."""
    settings: tuple[tuple[str, str], ...] = ()
    """What else its provider needs on the wire, such as `api_version`, sorted by name."""
    params: tuple[tuple[str, Any], ...] = ()
    """Request parameters forced for this deployment (`max_tokens`), sorted by name."""
    timeout_s: float | None = None
    """Limit of one attempt, until the whole answer or, on a stream, the end of its headers phase."""
    first_token_s: float | None = None
    """Limit until a stream's first content; also the longest silence between two chunks."""
    cooldown: Cooldown | None = None
    quota: Quota | None = None
    """What is known of the provider's limits: beyond them it answers 429."""


def frozen(value: Any) -> Any:
    """A parameter's value with tuples for lists, so that what was read compares with what was planned."""
    match value:
        case list() | tuple():
            return tuple(frozen(item) for item in value)
        case Mapping():
            return {str(key): frozen(item) for key, item in value.items()}
        case _:
            return value


# --- The route tree -------------------------------------------------------------------------------


class Target(Struct, frozen=True):
    deployment: str


Pick = Literal["weighted", "round_robin", "least_busy", "cheapest", "fastest", "usage"]


class Pool(Struct, frozen=True):
    """One of its children is picked for each try."""

    children: tuple["Node", ...]
    weights: tuple[float, ...] = ()
    """Shares for `weighted`, one a child; empty means equal."""
    pick: Pick = "weighted"
    window_s: float | None = None
    """How far back `fastest` looks; None leaves it to the gateway."""


class Retry(Struct, frozen=True):
    """Its child is tried again, `retries` times at most after the first try."""

    child: "Node"
    retries: int
    on: Failures = TRANSIENT
    per_failure: tuple[tuple[Failures, int], ...] = ()
    """Counts that replace `retries` for some failures; the first match counts."""
    honours_retry_after: bool = True
    per_deployment: tuple[tuple[str, int], ...] = ()
    """Counts that replace `retries` where the first failure is that deployment's, by its id."""


class Rung(Struct, frozen=True):
    """A child of a chain, and the failures of the rungs above that reach it."""

    child: "Node"
    on: Failures = ANY
    asked_only: bool = False
    """Only for calls that asked for this route, not for those that a `Ref` led to it."""


class Chain(Struct, frozen=True):
    """Its rungs are tried in order. The first rung's `on` says nothing."""

    rungs: tuple[Rung, ...]
    tells: Literal["last", "first"] = "last"
    """Which rung's failure comes out when none of them answered."""


class Condition(Struct, frozen=True):
    """`key` is `metadata.<k>`, `params.<k>`, `task`, `team.<k>` or `url.pathname`.

    `operator` is eq, ne, in, not_in, gt, gte, lt, lte, regex, and, or; for the last two `value` is a
    tuple of Conditions and `key` is empty.
    """

    key: str
    operator: str
    value: Any


class Case(Struct, frozen=True):
    when: Condition
    child: "Node"


class Switch(Struct, frozen=True):
    """The first case that holds is taken."""

    cases: tuple[Case, ...]
    otherwise: "Node | None" = None
    lacking: str = "no_route"
    """The failure that comes out when no case holds and there is nothing otherwise."""


class Arm(Struct, frozen=True):
    """One side of an experiment."""

    name: str
    share: float
    child: "Node"


class Split(Struct, frozen=True):
    """An experiment: a call takes one of its arms and keeps to it, whatever fails there."""

    name: str
    arms: tuple[Arm, ...]
    by: str = "request"
    """Who keeps to one arm: `user`, `metadata.<k>`, or nobody (`request`: each call draws anew)."""


class Ref(Struct, frozen=True):
    """Another route, by name. May be cyclic: the call remembers which routes it has visited."""

    route: str


class Remote(Struct, frozen=True):
    """A subtree that the gateway's vendor performs on its own side, in one request of ours.

    Simulated like any other; a runtime sends it once and must not perform it a second time.
    """

    child: "Node"
    settings: tuple[tuple[str, Any], ...] = ()
    """Routing preferences of the vendor that the tree does not show, sorted by name."""


Node = Target | Pool | Retry | Chain | Switch | Split | Ref | Remote


class Route(Struct, frozen=True):
    """What happens to a request for `name`."""

    name: str
    node: Node
    deadline_s: float | None = None
    """Limit of the whole request, waits and all attempts included."""
    attempts_limit: int | None = None
    mid_stream: Literal["error", "buffer"] = "error"
    sticky: str = "none"
    embeds: bool = False
    """Vectors of different models do not compare: an embedding route never changes its model."""


# --- Guardrails -----------------------------------------------------------------------------------


class Guardrail(Struct, frozen=True):
    """A check of what goes in or comes out. `routes` empty means every route."""

    name: str
    kind: Literal["pii", "deny", "saved"]
    """`saved`: kept on the gateway's side; the configuration only names it."""
    stages: frozenset[Literal["input", "output"]]
    action: Literal["redact", "block"]
    entities: tuple[str, ...] = ()
    pattern: str = ""
    ignore_case: bool = False
    message: str = ""
    messages: Literal["all", "last"] = "all"
    """Which messages of a conversation an input check sees."""
    on_error: Literal["block", "pass"] = "block"
    routes: tuple[str, ...] = ()

    def covers(self, route: str) -> bool:
        return not self.routes or route in self.routes


# --- Caches, money, callers -----------------------------------------------------------------------


class Cache(Struct, frozen=True):
    """Answers kept for requests that come again. `routes` empty means every route."""

    mode: Literal["exact", "semantic"]
    ttl_s: float
    similarity: float = 1.0
    """How similar a request must be, 0 to 1; only `semantic` asks."""
    routes: tuple[str, ...] = ()

    def covers(self, route: str) -> bool:
        return not self.routes or route in self.routes


Scope = Literal["all", "route", "team", "deployment"]
Period = Literal["hour", "day", "week", "month", "year"]


class Budget(Struct, frozen=True):
    """Money that may be spent in a period: by everybody, on a route, by a team, on a deployment."""

    scope: Scope
    of: str
    """The route, team or deployment; empty for `all`."""
    limit_usd: Decimal
    per: Period
    alert: float | None = None
    """Share of the limit at which somebody is told."""
    refuses: bool = True
    """Whether requests are refused once it is spent."""
    downgrades: bool = False
    """Whether a request that it has no room for is first tried on cheaper deployments of its route."""


class RateLimit(Struct, frozen=True):
    """How much may be asked in a minute."""

    scope: Scope
    of: str
    rpm: int | None = None
    tpm: int | None = None


class Key(Struct, frozen=True):
    """A virtual key, by name; the key itself is nowhere in a Routing."""

    name: str
    existing: bool = False
    """Whether the gateway has it already, so that none is made."""


class Team(Struct, frozen=True):
    """Who calls, and what they may. Its budget and rate limit name it as their scope."""

    name: str
    keys: tuple[Key, ...] = ()
    routes: tuple[str, ...] | None = None
    """What it may ask for; None is everything."""
    region: str = ""
    """Where its requests may be processed, a residency; empty is anywhere."""
    aliases: tuple[tuple[str, str], ...] = ()
    """Names that lead this team to another route, `(name, route)`."""


class Telemetry(Struct, frozen=True):
    """What is told about requests, and to whom."""

    exporters: frozenset[Literal["otel", "prometheus"]] = frozenset()
    prompts: Literal["never", "redacted", "always"] = "never"
    """Whether the text of requests and answers is written down."""


class Rollout(Struct, frozen=True):
    """How the gateway is run: what is written beside its configuration, no part of what that means."""

    deploy: Literal["config", "compose", "kubernetes"] = "config"
    replicas: int = 1
    """How many copies of the gateway run; more than one need a place to share what they count."""


# --- The whole ------------------------------------------------------------------------------------


class Routing(Struct, frozen=True, dict=True):
    routes: tuple[Route, ...]
    deployments: tuple[Deployment, ...]
    guardrails: tuple[Guardrail, ...] = ()
    aliases: tuple[tuple[str, str], ...] = ()
    """Other names of routes, `(alias, route)`."""
    caches: tuple[Cache, ...] = ()
    budgets: tuple[Budget, ...] = ()
    rate_limits: tuple[RateLimit, ...] = ()
    teams: tuple[Team, ...] = ()
    telemetry: Telemetry | None = None
    """None leaves it to the gateway's defaults."""
    rollout: Rollout = Rollout()

    @cached_property
    def _by_id(self) -> Mapping[str, Deployment]:
        return {deployment.id: deployment for deployment in self.deployments}

    @cached_property
    def _by_name(self) -> Mapping[str, Route]:
        routes = {route.name: route for route in self.routes}
        return routes | {alias: routes[name] for alias, name in self.aliases if name in routes}

    @cached_property
    def _aliases(self) -> Mapping[str, Mapping[str, str]]:
        """By team; of two with one name the first counts."""
        return {team.name: dict(team.aliases) for team in reversed(self.teams)}

    def deployment(self, id_: str) -> Deployment:
        return self._by_id[id_]

    def route(self, name: str) -> Route:
        """Raises KeyError for a name that is neither a route nor an alias of one."""
        return self._by_name[name]

    def has_route(self, name: str) -> bool:
        return name in self._by_name

    def led(self, team: str, name: str) -> str:
        """What a team's request for a name asks for: its own route of that name, where it has one."""
        return self._aliases.get(team, {}).get(name, name)


def children(node: Node) -> tuple[Node, ...]:
    match node:
        case Target() | Ref():
            return ()
        case Pool(children=inner):
            return inner
        case Retry(child=child) | Remote(child=child):
            return (child,)
        case Chain(rungs=rungs):
            return tuple(rung.child for rung in rungs)
        case Switch(cases=cases, otherwise=otherwise):
            rest = () if otherwise is None else (otherwise,)
            return (*(case.child for case in cases), *rest)
        case Split(arms=arms):
            return tuple(arm.child for arm in arms)


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it, in listed order; `Ref`s are not followed."""
    yield node
    for child in children(node):
        yield from walk(child)


def reached(routing: Routing, name: str) -> frozenset[str]:
    """The routes that a call for this one may come to, itself included; none where there is no such route."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        one = waiting.pop()
        if not routing.has_route(one) or routing.route(one).name in found:
            continue
        route = routing.route(one)
        found.add(route.name)
        waiting += [node.route for node in walk(route.node) if isinstance(node, Ref)]
    return frozenset(found)


def deployments_of(node: Node) -> tuple[str, ...]:
    """Ids below `node`, in listed order, each once; `Ref`s are not followed."""
    return tuple(dict.fromkeys(n.deployment for n in walk(node) if isinstance(n, Target)))
