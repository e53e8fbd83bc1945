"""The changes that bring a route from the planner's shape to OpenRouter's, one loss at a time.

A route passes from any tree of the user's own deployments to one request (`tree.Ask`). Until `made`
it is a `Remote` around a shrinking tree of Chains, Pools and Targets, with what the profile demands
as settings; after it, changes are changes of requests. What is reported, and how, is in `lacks`.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from designer.gateways.legalize import (
    rewrite,
)
from designer.gateways.openrouter.choice import is_choice, with_choices, without_dangling
from designer.gateways.openrouter.directory import Directory, Endpoint, canonical, names_of
from designer.gateways.openrouter.tables import (
    API_KEY,
    HOST_OF_RESIDENCY,
    HOSTS,
    MAX_MODELS,
)
from designer.gateways.openrouter.tree import (
    MODEL_FALLS,
    PROVIDER,
    PROVIDER_FALLS,
    Ask,
    Offer,
    ask_of,
    asks_of,
    eligible,
    freeze,
    is_param,
    is_reference,
    is_sound,
    models_in,
    routing_of,
    weights,
    with_asks,
)
from designer.ir import (
    REFUSALS,
    Arm,
    Case,
    Chain,
    Deployment,
    Failures,
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
    children,
    deployments_of,
    walk,
)

NOTHING = Switch(())
"""The tree of a route that has nothing left to ask."""

ROUTED_BY: dict[str, str] = {"cheapest": "price", "fastest": "latency"}
"""Picking strategies that OpenRouter has a sort for."""

# --- Trees ----------------------------------------------------------------------------------------


def without_switches(node: Node) -> Node:
    if not isinstance(node, Switch) or not node.cases:
        return node
    return node.otherwise if node.otherwise is not None else node.cases[0].child


def without_retries(node: Node) -> Node:
    return node.child if isinstance(node, Retry) else node


def without_splits(node: Node) -> Node:
    """Arms as a pool; which then loses its shares with every other pool's."""
    if not isinstance(node, Split):
        return node
    return Pool(tuple(arm.child for arm in node.arms), tuple(arm.share for arm in node.arms))


def pruned(node: Node, keeps: Callable[[str], bool]) -> Node | None:
    """The tree without the targets that `keeps` says no to, and without what that leaves empty."""
    match node:
        case Target(deployment=id_):
            return node if keeps(id_) else None
        case Pool(children=inner, weights=shares):
            kept = [(i, c) for i, c in enumerate(pruned(c, keeps) for c in inner) if c is not None]
            if len(kept) < 2:
                return kept[0][1] if kept else None
            left = tuple(shares[i] for i, _ in kept) if shares else ()
            return replace(node, children=tuple(c for _, c in kept), weights=left)
        case Chain(rungs=rungs):
            rest = [Rung(c, r.on) for r in rungs if (c := pruned(r.child, keeps)) is not None]
            if len(rest) < 2:
                return rest[0].child if rest else None
            return Chain(tuple(rest))
        case Retry(child=child) | Remote(child=child):
            left_child = pruned(child, keeps)
            return None if left_child is None else replace(node, child=left_child)
        case Switch(cases=cases, otherwise=otherwise):
            able = [Case(c.when, n) for c in cases if (n := pruned(c.child, keeps)) is not None]
            default = None if otherwise is None else pruned(otherwise, keeps)
            return Switch(tuple(able), default) if able else default
        case Split(arms=arms):
            sides = [Arm(a.name, a.share, n) for a in arms if (n := pruned(a.child, keeps))]
            return replace(node, arms=tuple(sides)) if sides else None
        case Ref():
            return node


class _Wish(Struct, frozen=True):
    """A route on its way: the tree left of it, and what the profile demands."""

    route: Route
    tree: Node
    demands: tuple[tuple[str, Any], ...]

    def remade(self, tree: Node) -> Route:
        return replace(self.route, node=Remote(tree, self.demands))

    def demand(self, name: str) -> Any:
        return dict(self.demands).get(name)


class Shapes:
    """The changes that need to know which endpoints there are."""

    def __init__(self, directory: Directory) -> None:
        self.directory = directory

    # --- The planner's shape → Remote(tree, demands) ----------------------------------------------

    def adopted(self, routing: Routing) -> Routing:
        """Every route a choice or a Remote of its own: aliases and references written out, nothing
        shared. A circle of choices is one no more when it is written out, and can then be picked."""
        while (after := self._adopted_once(routing)) != routing:
            routing = after
        return routing

    def _adopted_once(self, routing: Routing) -> Routing:
        named = {route.name: route for route in routing.routes}
        also = [
            replace(named[route], name=alias)
            for alias, route in routing.aliases
            if route in named and alias not in named
        ]
        deployments = {d.id: replace(d, params=_frozen(d.params)) for d in routing.deployments}
        taken: set[str] = set()
        routes = []
        routing, choices = with_choices(
            replace(routing, routes=(*named.values(), *also), aliases=())
        )
        for route in routing.routes:
            if route.name not in choices and ask_of(route, routing, self.directory) is None:
                route = self._adopted(route, routing, deployments, taken)
            taken.update(deployments_of(route.node))
            routes.append(route)
        used = {id_ for route in routes for id_ in deployments_of(route.node)}
        kept = tuple(d for d in deployments.values() if d.id in used)
        return replace(routing, routes=tuple(routes), deployments=kept, aliases=())

    def _adopted(
        self, route: Route, routing: Routing, deployments: dict[str, Deployment], taken: set[str]
    ) -> Route:
        demands: dict[str, Any] = {}
        tree = self._inlined(route, routing, demands)
        tree = pruned(tree, deployments.__contains__) or NOTHING
        own: dict[str, str] = {}
        for id_ in deployments_of(tree):
            if id_ in taken:
                own[id_] = _free(f"{id_}#{route.name}", deployments)
                deployments[own[id_]] = replace(deployments[id_], id=own[id_])
        node = Remote(_with_targets(tree, own), tuple(sorted(demands.items())))
        return replace(route, node=node)

    def _inlined(self, route: Route, routing: Routing, demands: dict[str, Any]) -> Node:
        """Without Refs and Remotes. A route reached a second time would ask the same again."""
        seen = {route.name}

        def inlined(node: Node) -> Node:
            match node:
                case Ref(route=name):
                    if not routing.has_route(name) or routing.route(name).name in seen:
                        return NOTHING
                    seen.add(routing.route(name).name)
                    return rewrite(routing.route(name).node, inlined)
                case Remote(child=child, settings=settings):
                    for key, value in settings:
                        if key in _HINTS or (key not in _OF_THE_TREE and is_sound(key, value)):
                            demands.setdefault(key, value)
                    return child
                case _:
                    return node

        return rewrite(route.node, inlined)

    # --- Steps on wishes --------------------------------------------------------------------------

    def each_wish(
        self, change: Callable[[_Wish, Routing], Route | None]
    ) -> Callable[[Routing], Routing]:
        def changed(routing: Routing) -> Routing:
            routes = []
            for route in routing.routes:
                if is_choice(route.node) or ask_of(route, routing, self.directory) is not None:
                    routes.append(route)
                    continue
                wish = _wish_of(route)
                after = change(wish, routing)
                if after is not None:
                    routes.append(after)
            return replace(routing, routes=tuple(routes))

        return changed

    def each_tree(self, change: Callable[[Node], Node]) -> Callable[[Routing], Routing]:
        return self.each_wish(lambda wish, _: wish.remade(rewrite(wish.tree, change)))

    def without_unoffered(self, routing: Routing) -> Routing:
        def offered(wish: _Wish, routing: Routing) -> Route:
            tree = pruned(wish.tree, lambda id_: self.offer(routing.deployment(id_)) is not None)
            return wish.remade(tree or NOTHING)

        return self.each_wish(offered)(routing)

    def without_empty(self, routing: Routing) -> Routing:
        return self.each_wish(lambda wish, _: wish.route if deployments_of(wish.tree) else None)(
            routing
        )

    def without_far_regions(self, routing: Routing) -> Routing:
        def is_near(region: Any) -> bool:
            return region is None or (isinstance(region, str) and region in HOST_OF_RESIDENCY)

        return self.each_wish(
            lambda wish, _: wish.route if is_near(wish.demand("region")) else None
        )(routing)

    def with_hosts(self, routing: Routing) -> Routing:
        """The region that is asked for → the host that keeps requests there."""

        def hosted(wish: _Wish, _: Routing) -> Route:
            demands = dict(wish.demands)
            if (region := demands.pop("region", None)) is None:
                return wish.route
            demands["host"] = HOST_OF_RESIDENCY[region]
            return replace(wish, demands=tuple(sorted(demands.items()))).remade(wish.tree)

        return self.each_wish(hosted)(routing)

    def offer(self, deployment: Deployment) -> Offer | None:
        """Model slug and provider slug; the provider is empty where any of the model's will do."""
        if deployment.provider == PROVIDER:
            endpoint = dict(deployment.settings).get("endpoint", "")
            return Offer(deployment.model, canonical(endpoint)) if deployment.model else None
        found = self.directory.find(deployment)
        return None if found is None else Offer(*found)

    def without_regions(self, routing: Routing) -> Routing:
        return _each_foreign(routing, lambda d: replace(d, region=None))

    def without_accounts(self, routing: Routing) -> Routing:
        def own(deployment: Deployment) -> Deployment:
            offer = self.offer(deployment)
            if offer is None:
                return deployment
            return replace(
                deployment,
                provider=PROVIDER,
                model=offer.model,
                api_base=None,
                secret=API_KEY,
                settings=(("endpoint", offer.provider),) if offer.provider else (),
            )

        return _each_foreign(routing, own)

    def with_shared_params(self, routing: Routing) -> Routing:
        deployments = {d.id: d for d in routing.deployments}
        for route in routing.routes:
            used = [deployments[id_] for id_ in deployments_of(route.node)]
            shared = [
                (name, value)
                for name, value in (used[0].params if used else ())
                if is_param(name, value, route.embeds)
                and all((name, value) in d.params for d in used)
            ]
            deployments |= {d.id: replace(d, params=tuple(shared)) for d in used}
        return replace(routing, deployments=tuple(deployments.values()))

    # --- Order, balance and what falls ------------------------------------------------------------

    def with_own_balance(self, routing: Routing) -> Routing:
        def balanced(wish: _Wish, routing: Routing) -> Route:
            if isinstance(wish.tree, Pool) and self._has_sort(wish.tree):
                return wish.route
            return wish.remade(rewrite(wish.tree, lambda node: self._balanced(node, routing)))

        return self.each_wish(balanced)(routing)

    def _has_sort(self, pool: Pool) -> bool:
        return pool.pick in ROUTED_BY and all(isinstance(c, Target) for c in pool.children)

    def _balanced(self, node: Node, routing: Routing) -> Node:
        if not isinstance(node, Pool):
            return node
        offers = [self._offer_of(id_, routing) for id_ in deployments_of(node)]
        one_model = len(models_in(offers)) == 1 and all(offer.provider for offer in offers)
        if not one_model or not all(isinstance(child, Target) for child in node.children):
            return self._in_order(node.children, routing)
        shares = weights([self._endpoint(offer) for offer in offers])
        return Pool(node.children, shares)

    def _in_order(self, nodes: Sequence[Node], routing: Routing) -> Node:
        chain = Chain(tuple(Rung(node) for node in nodes))
        return self._with_falls(chain, routing, _falls_but_refusals)

    def _offer_of(self, id_: str, routing: Routing) -> Offer:
        offer = self.offer(routing.deployment(id_))
        assert offer is not None, "unoffered deployments were taken out before"
        return offer

    def _endpoint(self, offer: Offer) -> Endpoint:
        listed = self.directory.of(offer.model)
        return next((e for e in listed if e.provider == offer.provider), Endpoint(offer.provider))

    def with_refusals_falling(self, routing: Routing) -> Routing:
        return self._each_chain(_refusals_fall)(routing)

    def with_fixed_falls(self, routing: Routing) -> Routing:
        return self._each_chain(_fixed_falls)(routing)

    def _each_chain(self, on: "_Falls") -> Callable[[Routing], Routing]:
        def changed(wish: _Wish, routing: Routing) -> Route:
            return wish.remade(
                rewrite(
                    wish.tree,
                    lambda node: (
                        self._with_falls(node, routing, on) if isinstance(node, Chain) else node
                    ),
                )
            )

        return self.each_wish(changed)

    def _with_falls(self, chain: Chain, routing: Routing, on: "_Falls") -> Chain:
        """Change what reaches each rung but the first, knowing whether a new model begins there."""
        rungs = [chain.rungs[0]]
        seen = {offer.model for offer in self._offers(chain.rungs[0].child, routing)}
        for rung in chain.rungs[1:]:
            models = {offer.model for offer in self._offers(rung.child, routing)}
            rungs.append(replace(rung, on=on(rung, bool(models - seen))))
            seen |= models
        return Chain(tuple(rungs))

    def _offers(self, node: Node, routing: Routing) -> list[Offer]:
        return [self._offer_of(id_, routing) for id_ in deployments_of(node)]

    def as_product(self, routing: Routing) -> Routing:
        """Routes whose request tries more, or in another order, than asked: as that request."""
        return self._finished(routing, lambda wanted, got: wanted != got)

    def made(self, routing: Routing) -> Routing:
        """Every route as its request, with ids and order of deployments as `parse` gives them."""
        finished = without_dangling(self._finished(routing, lambda _wanted, _got: True))
        asks = asks_of(finished, self.directory)
        assert asks is not None, "every route is a request by now"
        return with_asks(finished, asks, self.directory)

    def _finished(
        self, routing: Routing, is_due: Callable[[list[frozenset[Offer]], Any], bool]
    ) -> Routing:
        deployments = {d.id: d for d in routing.deployments}
        routes = []
        for route in routing.routes:
            if not is_choice(route.node) and ask_of(route, routing, self.directory) is None:
                wish = _wish_of(route)
                ask = self.ask(wish, routing)
                alone = routing_of([ask], (), self.directory)
                wanted = list(self._steps(wish.tree, routing, ask))
                got = list(self._steps(alone.routes[0].node, alone, ask))
                if is_due(_first_seen(wanted), _first_seen(got)):
                    names = {
                        d.id: _free(f"{d.id}#{route.name}", deployments) for d in alone.deployments
                    }
                    deployments |= {
                        names[d.id]: replace(d, id=names[d.id]) for d in alone.deployments
                    }
                    node = _with_targets(alone.routes[0].node, names)
                    route = replace(alone.routes[0], node=node)
            routes.append(route)
        return replace(routing, routes=tuple(routes), deployments=tuple(deployments.values()))

    def _steps(self, node: Node, routing: Routing, ask: Ask) -> Iterator[frozenset[Offer]]:
        """What is asked, in order; offers that OpenRouter chooses among are one step."""
        match node:
            case Target(deployment=id_):
                offer = self._offer_of(id_, routing)
                if offer.provider:
                    yield frozenset({offer})
                else:
                    able = eligible(ask, offer.model, self.directory)
                    yield frozenset(Offer(offer.model, e.provider) for e in able)
            case Pool():
                inner = (self._steps(child, routing, ask) for child in children(node))
                yield frozenset[Offer]().union(*(step for steps in inner for step in steps))
            case _:
                for child in children(node):
                    yield from self._steps(child, routing, ask)

    def ask(self, wish: _Wish, routing: Routing) -> Ask:
        """The one request that comes nearest to what a tree of Chains and Pools says."""
        tree = wish.tree
        used = [routing.deployment(id_) for id_ in deployments_of(tree)]
        offers = [self._offer_of(d.id, routing) for d in used]
        demands = {k: v for k, v in wish.demands if k not in _HINTS}
        ask = Ask(
            name=wish.route.name,
            models=models_in(offers),
            preferences=tuple(sorted(demands.items())),
            params=used[0].params,
            base_url=_base_url(wish.demand("host"), used),
            api_key=next((d.secret for d in used if is_reference(d.secret)), None) or API_KEY,
            deadline_s=wish.route.deadline_s,
            session=wish.route.sticky,
            embeds=wish.route.embeds,
        )
        only = tuple(dict.fromkeys(offer.provider for offer in offers))
        first = tuple(
            dict.fromkeys(self._offer_of(id_, routing).provider for id_ in _before_pool(tree))
        )
        if "" not in only:
            ask = ask.prefer(only=only)
        if isinstance(tree, Pool) and tree.pick in ROUTED_BY:
            by = ROUTED_BY[tree.pick]
            across = len(ask.models) > 1
            return ask.prefer(sort=(("by", by), ("partition", "none")) if across else by)
        if any(first) and len(only) > 1:
            ask = ask.prefer(order=tuple(filter(None, first)))
        return ask

    # --- Steps on requests ------------------------------------------------------------------------

    def each_ask(self, change: Callable[[Ask], Ask]) -> Callable[[Routing], Routing]:
        def changed(routing: Routing) -> Routing:
            asks = asks_of(routing, self.directory)
            assert asks is not None, "every route is a request by now"
            after = tuple(change(ask) for ask in asks)
            if after == asks:
                return routing
            return with_asks(routing, after, self.directory)

        return changed

    def with_one_model(self, ask: Ask) -> Ask:
        return self._with_models(ask, 1) if ask.embeds else ask

    def with_few_models(self, ask: Ask) -> Ask:
        return self._with_models(ask, MAX_MODELS)

    def _with_models(self, ask: Ask, most: int) -> Ask:
        """The first models that answer at all, and only the providers that one of them needs."""
        if len(ask.models) <= most:
            return ask
        able = [m for m in ask.models if eligible(ask, m, self.directory)]
        ask = replace(ask, models=tuple(able[:most]))
        endpoints = [e for m in ask.models for e in eligible(ask, m, self.directory)]
        useful = {name for endpoint in endpoints for name in names_of(endpoint.provider)}
        for key in ("only", "order"):
            named = ask.preference(key) or ()
            needed = tuple(p for p in named if canonical(p) in useful)
            ask = ask.prefer(**{key: needed or None})
        only = ask.preference("only")
        return ask.prefer(order=None) if only and len(only) == 1 else ask


_Falls = Callable[[Rung, bool], Failures]
"""A rung, and whether it brings in a model that no rung above it has → what reaches it."""


def _refusals_fall(rung: Rung, is_new_model: bool) -> Failures:
    is_missing = any(token not in rung.on for token in REFUSALS.tokens)
    return rung.on | REFUSALS if is_new_model and is_missing else rung.on


def _falls_but_refusals(rung: Rung, is_new_model: bool) -> Failures:
    """Of what was no chain before: a refusal went back to the caller, and that loss is told apart."""
    return _fixed_falls(rung, is_new_model) - REFUSALS


def _fixed_falls(_rung: Rung, is_new_model: bool) -> Failures:
    return MODEL_FALLS if is_new_model else PROVIDER_FALLS


def without_idle_session(ask: Ask) -> Ask:
    return replace(ask, session="none") if ask.preference("order") else ask


_HINTS = frozenset({"region", "host"})
"""Settings of an unfinished Remote that are no preferences of OpenRouter's."""
_OF_THE_TREE = frozenset({"models", "order", "only", "ignore", "sort"})
"""Settings of a Remote that its tree says again."""


def _wish_of(route: Route) -> _Wish:
    assert isinstance(route.node, Remote), "adopted before"
    return _Wish(route, route.node.child, route.node.settings)


def _each_foreign(routing: Routing, change: Callable[[Deployment], Deployment]) -> Routing:
    return replace(
        routing,
        deployments=tuple(d if d.provider == PROVIDER else change(d) for d in routing.deployments),
    )


def _frozen(params: tuple[tuple[str, Any], ...]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted((name, freeze(value)) for name, value in dict(params).items()))


def _with_targets(tree: Node, names: dict[str, str]) -> Node:
    return rewrite(
        tree,
        lambda node: (
            Target(names.get(node.deployment, node.deployment))
            if isinstance(node, Target)
            else node
        ),
    )


def _free(wanted: str, taken: dict[str, Deployment]) -> str:
    while wanted in taken:
        wanted += "+"
    return wanted


def _before_pool(tree: Node) -> list[str]:
    """The deployments that are listed before the first choice among several."""
    found: list[str] = []
    for node in walk(tree):
        if isinstance(node, Pool):
            break
        if isinstance(node, Target):
            found.append(node.deployment)
    return found


def _first_seen(steps: list[frozenset[Offer]]) -> list[frozenset[Offer]]:
    """Each step without what an earlier one asked, and without those that have nothing new."""
    seen: frozenset[Offer] = frozenset()
    kept = []
    for step in steps:
        if not step <= seen:
            kept.append(step - seen)
        seen |= step
    return kept


def _base_url(host: Any, used: list[Deployment]) -> str:
    if isinstance(host, str) and host in HOSTS:
        return HOSTS[host]
    own = [d.api_base for d in used if d.provider == PROVIDER and d.api_base]
    return own[0] if own else HOSTS["global"]
