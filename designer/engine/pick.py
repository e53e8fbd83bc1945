"""Which child of a pool is asked. Strategies are ways to rank or to draw, and nothing else."""

import hashlib
from collections.abc import Iterator, Sequence
from math import inf, log

from designer.engine.events import Request
from designer.engine.world import World
from designer.ir import Node, Pool, Split, deployments_of


def pick(
    pool: Pool, candidates: Sequence[int], world: World, at: float, draws: Iterator[float]
) -> int:
    """Index of the child to ask, one of `candidates` (in listed order, not empty).

    One candidate takes no draw. A weighted pick takes the first candidate whose cumulative share
    exceeds the draw.
    """
    if len(candidates) == 1:
        return candidates[0]
    match pool.pick:
        case "weighted":
            return _weighted(pool, candidates, next(draws))
        case "cheapest":  # children are listed cheapest first: prices are facts, not health
            return candidates[0]
        case "usage":
            return least(
                candidates, [_used(pool.children[i], world, at) for i in candidates], draws
            )
        case "round_robin":
            return candidates[world.turn(turn_key(pool)) % len(candidates)]
        case "least_busy":
            return min(candidates, key=lambda i: _busy(pool.children[i], world))
        case "fastest":
            since = at - window_of(pool)
            return min(candidates, key=lambda i: _latency_s(pool.children[i], world, since))


def keeper(sticky: str, request: Request) -> str:
    """Whom a sticky route keeps to one child; empty where the request does not say."""
    match sticky:
        case "user":
            return request.user
        case "session":
            return str(request.metadata.get("session_id", ""))
        case _:
            return ""


def kept(pool: Pool, candidates: Sequence[int], who: str) -> int:
    """The candidate that `who` keeps to: the same in every process, and after a restart.

    Weighted rendezvous hashing: while a candidate is out, only those who were kept to it move.
    """
    return min(candidates, key=lambda index: _distance(pool, index, who))


def _distance(pool: Pool, index: int, who: str) -> float:
    weight = pool.weights[index] if pool.weights else 1.0
    if weight <= 0:
        return inf
    child = "|".join(deployments_of(pool.children[index]))
    digest = hashlib.sha256(f"{child}\0{who}".encode()).digest()
    return -log((int.from_bytes(digest[:8]) + 0.5) / 2**64) / weight


def share_of(split: Split, request: Request, draws: Iterator[float]) -> int:
    """Index of the arm of an experiment that a call takes.

    Who is to keep to one arm is hashed with the experiment's name, so that two experiments divide
    people differently; a request that does not say who it is for takes a draw, as `request` does.
    """
    who = _who(split.by, request)
    if who:
        digest = hashlib.sha256(f"{split.name}\0{who}".encode()).digest()
        draw = int.from_bytes(digest[:8]) / 2**64
    else:
        draw = next(draws) if len(split.arms) > 1 else 0.0
    total = sum(arm.share for arm in split.arms)
    reached = 0.0
    for index, arm in enumerate(split.arms):
        reached += arm.share / total if total > 0 else 1 / len(split.arms)
        if reached > draw:
            return index
    return len(split.arms) - 1


def _who(by: str, request: Request) -> str:
    if by == "user":
        return request.user
    space, _, name = by.partition(".")
    return str(request.metadata.get(name, "")) if space == "metadata" else ""


def turn_key(pool: Pool) -> str:
    return "|".join(deployments_of(pool))


def _weighted(pool: Pool, candidates: Sequence[int], draw: float) -> int:
    weights = [pool.weights[i] if pool.weights else 1.0 for i in candidates]
    total = sum(weights)
    if total <= 0:
        weights, total = [1.0] * len(candidates), float(len(candidates))
    reached = 0.0
    for index, weight in zip(candidates, weights, strict=True):
        reached += weight / total
        if reached > draw:
            return index
    return candidates[-1]


def _busy(child: Node, world: World) -> int:
    return sum(world.in_flight(id_) for id_ in deployments_of(child))


def least(candidates: Sequence[int], amounts: Sequence[float], draws: Iterator[float]) -> int:
    """The one with the least; of several, each as likely as the next."""
    least = [i for i, amount in zip(candidates, amounts, strict=True) if amount == min(amounts)]
    return least[0] if len(least) == 1 else least[int(next(draws) * len(least))]


def _used(child: Node, world: World, at: float) -> int:
    return sum(world.minute_tokens(id_, at) for id_ in deployments_of(child))


WINDOW_S = 300.0
"""How far back `fastest` looks where a pool does not say."""


def window_of(pool: Pool) -> float:
    return WINDOW_S if pool.window_s is None else pool.window_s


def _latency_s(child: Node, world: World, since: float) -> float:
    """Unmeasured children come first, so that each is measured once."""
    seen = [world.latency_s(id_, since) for id_ in deployments_of(child)]
    known = [s for s in seen if s is not None]
    return min(known) if known else 0.0
