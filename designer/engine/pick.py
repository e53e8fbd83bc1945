"""Which child of a pool is asked. Strategies are ways to rank or to draw, and nothing else."""

from collections.abc import Iterator, Sequence

from designer.engine.world import World
from designer.ir import Node, Pool, deployments_of


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
            return min(candidates, key=lambda i: _used(pool.children[i], world, at))
        case "round_robin":
            return candidates[world.turn(turn_key(pool)) % len(candidates)]
        case "least_busy":
            return min(candidates, key=lambda i: _busy(pool.children[i], world))
        case "fastest":
            return min(candidates, key=lambda i: _latency_s(pool.children[i], world, at))


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


def _used(child: Node, world: World, at: float) -> int:
    return sum(world.minute_counts(id_, at)[0] for id_ in deployments_of(child))


_WINDOW_S = 300.0


def _latency_s(child: Node, world: World, at: float) -> float:
    """Unmeasured children come first, so that each is measured once."""
    seen = [world.latency_s(id_, at - _WINDOW_S) for id_ in deployments_of(child)]
    known = [s for s in seen if s is not None]
    return min(known) if known else 0.0
