"""Deployments that stand for one another: exchanged, they leave every path a path.

They are the targets of one pool that may pick any of them, stand nowhere else, and nothing that a path is
judged by tells them apart: limits, parameters, cooldowns, and what the caller of this names. Who is down, and
what fails with it, is asked of each by its own name.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping

from designer.ir import Node, Pool, Retry, Routing, Target, walk

Told = Callable[[str], object]
"""What else there is to tell a deployment by."""

Alike = Mapping[str, tuple[str, ...]]
"""A deployment → those it is exchangeable with, itself among them, in listed order; others are left out."""


def alike(routing: Routing, told: Told = lambda _: None, apart: Collection[str] = ()) -> Alike:
    """`apart` are those that a question is about: each is like nothing else."""
    nodes = [node for route in routing.routes for node in walk(route.node)]
    places = Counter(node.deployment for node in nodes if isinstance(node, Target))
    counts = [node.per_deployment for node in nodes if isinstance(node, Retry)]
    found: dict[str, tuple[str, ...]] = {}
    for node in nodes:
        classes: dict[object, list[str]] = {}
        for id_ in picked_freely(node):
            if places[id_] == 1 and id_ not in apart:
                own = tuple(dict(each).get(id_) for each in counts)
                classes.setdefault((_seen(routing, id_), own, told(id_)), []).append(id_)
        for same in classes.values():
            if len(same) > 1:
                found |= dict.fromkeys(same, tuple(same))
    return found


def picked_freely(node: Node) -> tuple[str, ...]:
    """The targets of a pool of nothing else that may pick any of them."""
    match node:
        case Pool(children=inner, weights=weights, pick="weighted") if all(weights):
            names = tuple(child.deployment for child in inner if isinstance(child, Target))
            return names if len(names) == len(inner) else ()
        case _:
            return ()


def _seen(routing: Routing, id_: str) -> str:
    """All of a deployment that the engine or a bound looks at, as text: parameters may be unhashable."""
    given = routing.deployment(id_)
    return repr((given.params, given.timeout_s, given.first_token_s, given.cooldown))


def covers(known: Alike, down: frozenset[str], failed: frozenset[str]) -> bool:
    """Whether `failed`, or what it becomes when deployments are exchanged, is part of `down`."""
    return all(
        len(failed.intersection(same)) <= len(down.intersection(same))
        for same in _classes(known, failed)
    )


def _classes(known: Alike, ids: Collection[str]) -> Iterator[tuple[str, ...]]:
    yield from dict.fromkeys(known.get(id_, (id_,)) for id_ in sorted(ids))
