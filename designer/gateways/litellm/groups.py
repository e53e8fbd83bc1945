"""A LiteLLM model group as a value, and the route tree that it means.

A group's deployments stand on `order` levels. `tree` says what the router does with them; `shape`
reads any tree as the group that comes nearest to it, so that `tree(shape(node)) == node` tells
whether LiteLLM can do exactly that. The walk was measured on LiteLLM 1.106.2, 2026-11-22.
"""

import math
from collections.abc import Iterable
from typing import Literal

from msgspec import Struct, field
from msgspec.structs import replace

from designer.gateways.litellm.tables import CONTEXT, POLICY, RETRIED, RETRY_POLICY
from designer.ir import (
    ANY,
    COOLING,
    Chain,
    Failures,
    Node,
    Pick,
    Pool,
    Ref,
    Remote,
    Retry,
    Routing,
    Rung,
    Switch,
    Target,
    deployments_of,
    failures,
)

GUARDRAIL = failures("guardrail")
FALLS = ANY - GUARDRAIL
"""What moves a walk on below its first level: everything but a guardrail's own verdict."""
FALLS_FIRST = FALLS - CONTEXT - POLICY
"""What moves it on from the first level (router.py:7679)."""


class Level(Struct, frozen=True):
    """Deployments of the same `order`."""

    ids: tuple[str, ...]
    weights: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()
    """Retries after a failure of each; none where nothing of the level is retried."""

    @property
    def retries(self) -> int:
        return max(self.counts, default=0)

    def count_of(self) -> dict[str, int]:
        return dict(zip(self.ids, self.counts or (0,) * len(self.ids), strict=True))

    def node(self, pick: Pick) -> Node:
        targets = tuple(Target(id_) for id_ in self.ids)
        return targets[0] if len(targets) == 1 else Pool(targets, self.weights, pick)


class Group(Struct, frozen=True):
    levels: tuple[Level, ...]
    pick: Pick = "weighted"
    policy: tuple[tuple[str, int], ...] = ()
    """Retry counts by key of a retry policy, in the order of `RETRY_POLICY`."""
    generic: tuple[str, ...] = ()
    """Groups asked after the last level, whatever the failure."""
    context: tuple[str, ...] = ()
    content: tuple[str, ...] = ()
    """Groups asked after a context-window error, and after a refusal."""
    default: bool = False
    """Whether `generic` is everybody's list (`*`): only for calls that asked for this very group."""
    walks: bool = True
    """Whether further levels are walked to after a failure; if not, they only stand in for cooling ones."""
    spare: Level | None = None
    """Deployments without `order` beside ordered ones: asked only while all of those are cooling."""

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(id_ for level in self.levels for id_ in level.ids)


class Lists(Struct, frozen=True):
    """Whether any group has a typed fallback list: if so, the generic one never serves that class."""

    context: bool = False
    content: bool = False


# --- From a group to its tree ---------------------------------------------------------------------


def tree(group: Group, lists: Lists) -> Node:
    hops = [_hop(group, index, lists) for index in range(len(group.levels))]
    first, *further = hops if group.walks else hops[:1]
    if not further:
        if not group.generic:
            return first
        on = FALLS
        on = on - CONTEXT if lists.context else on
        on = on - POLICY if lists.content else on
        return Chain((Rung(first), Rung(_refs(group.generic), on, group.default)), tells="first")
    *between, walk = further
    if group.generic:
        walk = Chain((Rung(walk), Rung(_refs(group.generic), FALLS, group.default)))
    for hop in reversed(between):
        walk = Chain((Rung(hop), Rung(walk, FALLS)))
    return Chain((Rung(first), Rung(walk, FALLS_FIRST)))


def _hop(group: Group, index: int, lists: Lists) -> Node:
    """The tries of one level, and where its context-window errors and refusals go."""
    level = group.levels[index]
    body = level.node(group.pick) if index else _first_healthy(group)
    spare = (group.spare,) if group.spare else ()
    asked = (level,) if index else (*group.levels, *spare)
    own = tuple(
        (id_, count)
        for other in asked
        for id_, count in other.count_of().items()
        if count != level.retries
    )
    if level.retries or group.policy or own:
        alone = sum(len(other.ids) for other in (*group.levels, *spare)) == 1
        policy = tuple((RETRY_POLICY[key], count) for key, count in group.policy)
        body = Retry(body, level.retries, RETRIED, policy, alone, own)
    walks = len(group.levels) > 1 and group.walks
    context = group.context if lists.context or not walks else group.generic
    content = group.content if lists.content or not walks else group.generic
    asides = [
        Rung(_refs(names), on, group.default and names is group.generic)
        for names, on in ((context, CONTEXT), (content, POLICY))
        if names
    ]
    return Chain((Rung(body), *asides), tells="first") if asides else body


def _first_healthy(group: Group) -> Node:
    """Without a target level the router takes the lowest `order` that is not cooling."""
    levels = [level.node(group.pick) for level in group.levels]
    if group.spare is not None:
        levels.append(group.spare.node(group.pick))
    if len(levels) == 1:
        return levels[0]
    return Chain(tuple(Rung(node, COOLING if i else ANY) for i, node in enumerate(levels)))


def _refs(names: tuple[str, ...]) -> Node:
    if len(names) == 1:
        return Ref(names[0])
    return Chain(tuple(Rung(Ref(name), FALLS if i else ANY) for i, name in enumerate(names)))


# --- From any tree to the nearest group -----------------------------------------------------------


class _Found(Struct):
    levels: list[Level] = field(default_factory=list)
    pick: Pick | None = None
    policy: dict[str, int] = field(default_factory=dict)
    refs: dict[Literal["generic", "context", "content"], list[str]] = field(
        default_factory=lambda: {"generic": [], "context": [], "content": []}
    )
    stand_ins: list[tuple[Node, Retry | None]] = field(default_factory=list)
    """What is asked only while others are cooling: levels of their own, unless met again below."""


def shape(node: Node) -> Group:
    """Total. A node without any deployment gives a group without levels."""
    found = _Found()
    _collect(node, None, ANY, found)
    while found.stand_ins:
        _collect(*found.stand_ins.pop(0), ANY, found)
    return Group(
        levels=tuple(found.levels),
        pick=found.pick or "weighted",
        policy=tuple((key, found.policy[key]) for key in RETRY_POLICY if key in found.policy),
        generic=tuple(dict.fromkeys(found.refs["generic"])),
        context=tuple(dict.fromkeys(found.refs["context"])),
        content=tuple(dict.fromkeys(found.refs["content"])),
    )


def _collect(node: Node, retry: Retry | None, on: Failures, found: _Found) -> None:
    match node:
        case Target():
            _add_level((node.deployment,), (), retry, found)
        case Pool():
            inner = retry or next((c for c in node.children if isinstance(c, Retry)), None)
            ids = deployments_of(node)
            if len(ids) > 1:
                found.pick = found.pick or node.pick
            _note_policy(inner, found)
            _add_level(ids, _spread(node, ids), inner, found)
        case Retry():
            _note_policy(node, found)
            _collect(node.child, node, on, found)
        case Chain():
            for index, rung in enumerate(node.rungs):
                if index and rung.on == COOLING:
                    found.stand_ins.append((rung.child, retry))
                else:
                    aside = on in (CONTEXT, POLICY)
                    _collect(rung.child, retry, rung.on if index and not aside else on, found)
        case Switch():
            inner_node = node.otherwise or next((case.child for case in node.cases), None)
            if inner_node is not None:
                _collect(inner_node, retry, on, found)
        case Remote():
            _collect(node.child, retry, on, found)
        case Ref():
            found.refs[_list_of(on)].append(node.route)


def _list_of(on: Failures) -> Literal["generic", "context", "content"]:
    return "context" if on == CONTEXT else "content" if on == POLICY else "generic"


def _note_policy(retry: Retry | None, found: _Found) -> None:
    """The counts that a retry policy has a key for; each key's first one stays."""
    for on, count in retry.per_failure if retry is not None else ():
        for key, known in RETRY_POLICY.items():
            if known == on:
                found.policy.setdefault(key, count)


def _add_level(
    ids: tuple[str, ...], weights: tuple[float, ...], retry: Retry | None, found: _Found
) -> None:
    seen = {id_ for level in found.levels for id_ in level.ids}
    fresh = [i for i, id_ in enumerate(ids) if id_ not in seen]
    if fresh:
        kept = tuple(weights[i] for i in fresh) if weights else ()
        here = tuple(ids[i] for i in fresh)
        found.levels.append(Level(here, plain_weights(kept), _counts(here, retry)))


def _counts(ids: tuple[str, ...], retry: Retry | None) -> tuple[int, ...]:
    own = dict(retry.per_deployment) if retry is not None else {}
    common = retry.retries if retry is not None else 0
    return plain_counts(max(own.get(id_, common), 0) for id_ in ids)


def plain_counts(counts: Iterable[int]) -> tuple[int, ...]:
    listed = tuple(counts)
    return listed if any(listed) else ()


def _spread(pool: Pool, ids: tuple[str, ...]) -> tuple[float, ...]:
    """Each child's share, split evenly over the deployments below it."""
    if pool.pick != "weighted" or not pool.weights:
        return ()
    share = dict.fromkeys(ids, 0.0)
    for child, weight in zip(pool.children, pool.weights, strict=False):
        below = deployments_of(child)
        for id_ in below:
            share[id_] += weight / len(below)
    return tuple(share.values())


def plain_weights(weights: tuple[float, ...]) -> tuple[float, ...]:
    """Weights as a file holds them; none when they make no difference."""
    tidy = tuple(round(w, 6) if math.isfinite(w) and w > 0 else 0.0 for w in weights)
    return () if len(set(tidy)) < 2 else tidy


# --- Questions about a whole Routing --------------------------------------------------------------


def groups(routing: Routing) -> tuple[dict[str, Group], Lists]:
    """By route name, in listed order."""
    shapes = {route.name: shape(route.node) for route in routing.routes}
    # Above a walk the generic list stands in for a typed one that no group has.
    lists = Lists(
        context=any(g.context not in ((), g.generic) for g in shapes.values()),
        content=any(g.content not in ((), g.generic) for g in shapes.values()),
    )
    return {name: _settled(group, lists) for name, group in shapes.items()}, lists


def _settled(group: Group, lists: Lists) -> Group:
    return replace(
        group,
        context=group.context if lists.context else (),
        content=group.content if lists.content else (),
    )


def as_group(node: Node, lists: Lists) -> Node:
    """What LiteLLM does with the nearest group; `node` itself if it has no deployment."""
    group = _settled(shape(node), lists)
    return tree(group, lists) if group.levels else node
