"""How long one try may take, so that the slowest way through a chain ends within the route's deadline.

What the profile states stays as it is; only where it is silent is a limit derived. `docs/choosing.md`
says how. Which gateway keeps to the limits is not asked here.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from designer.diagnostics import Place
from designer.planner import priors
from designer.planner.accounts import Candidate
from designer.planner.forecast import slow_answer_s
from designer.profile.model import RoutingPolicy, Workload

DEADLINE: Final = "routing.deadline"
TIMEOUT: Final = "routing.timeout"

_STEP_S: Final = 0.1
_EXACT_S: Final = 1e-6
"""Sums of tenths are not exact."""


class Leg(Struct, frozen=True):
    """All tries of one deployment on a way through a chain."""

    rung: int
    """Its place in the chain."""
    tries: int
    timeout_s: float
    """Of each of them."""

    @property
    def waits_s(self) -> float:
        return (self.tries - 1) * priors.BACKOFF_S

    @property
    def lasts_s(self) -> float:
        return self.tries * self.timeout_s + self.waits_s


Way = tuple[Leg, ...]


def timeouts_s(
    workload: Workload, rungs: Sequence[Candidate], policy: RoutingPolicy
) -> tuple[float | None, ...]:
    """One a rung. None leaves it to the gateway."""
    if policy.timeout is None:
        return (None,) * len(rungs)
    latest_s = math.inf if is_stated(policy, "timeout") else policy.deadline or math.inf
    return tuple(min(limit, latest_s) for limit in _limits_s(workload, rungs, policy))


def is_stated(policy: RoutingPolicy, key: str) -> bool:
    return key in policy.model_fields_set


def too_long(
    workload: Workload,
    rungs: Sequence[Candidate],
    policy: RoutingPolicy,
    places: Mapping[str, Place],
) -> str:
    """What does not fit into the deadline, and what would; empty where all does."""
    if policy.timeout is None or policy.deadline is None:
        return ""
    way = max(_ways(policy, _limits_s(workload, rungs, policy)), key=_lasts_s)
    lasts_s = _lasts_s(way)
    if lasts_s <= policy.deadline + _EXACT_S:
        return ""
    tries = " + ".join(f"{leg.tries} × {leg.timeout_s:g} s of {rungs[leg.rung].id}" for leg in way)
    waits_s = sum(leg.waits_s for leg in way)
    waits = f" + {waits_s:g} s between tries" if waits_s else ""
    leg, number = _first_late(way, policy.deadline)
    return (
        f"tries that hang take {lasts_s:.1f} s, over the deadline of {policy.deadline:g} s "
        f"({_where(places, DEADLINE)}): {tries}{waits}; from try {number} of {rungs[leg.rung].id} on "
        f"they do not fit; {_cure(workload, rungs, policy, places, math.ceil(lasts_s - _EXACT_S))}"
    )


def _cure(
    workload: Workload,
    rungs: Sequence[Candidate],
    policy: RoutingPolicy,
    places: Mapping[str, Place],
    fits_s: int,
) -> str:
    if not is_stated(policy, "timeout"):
        return f"`deadline: {fits_s}s` would fit tries as long as a slow answer takes"
    said = f"`deadline: {fits_s}s` would fit the timeout of {policy.timeout:g} s ({_where(places, TIMEOUT)})"
    if too_long(workload, rungs, _without_timeout(policy), places):
        return said
    return f"{said}; without that timeout, one that fits is derived"


def _without_timeout(policy: RoutingPolicy) -> RoutingPolicy:
    stated = policy.model_fields_set - {"timeout"}
    return RoutingPolicy.model_construct(**{key: getattr(policy, key) for key in stated})


def _where(places: Mapping[str, Place], key: str) -> str:
    return str(places[key]) if key in places else "the default"


def _first_late(way: Way, deadline_s: float) -> tuple[Leg, int]:
    """The first try that ends after the deadline, and which of its deployment's it is."""
    begun_s = 0.0
    for leg in way:
        if begun_s + leg.lasts_s > deadline_s + _EXACT_S:
            in_time = (deadline_s - begun_s + priors.BACKOFF_S + _EXACT_S) // (
                leg.timeout_s + priors.BACKOFF_S
            )
            return leg, 1 + max(0, int(in_time))
        begun_s += leg.lasts_s
    raise AssertionError("a way that is late has a try that is")


# --- The limits -----------------------------------------------------------------------------------


def _limits_s(
    workload: Workload, rungs: Sequence[Candidate], policy: RoutingPolicy
) -> tuple[float, ...]:
    """As stated; or else all alike, but none below a slow answer of its deployment."""
    usual_s = policy.timeout
    assert usual_s is not None, "the gateway's own limit is not known here"
    if is_stated(policy, "timeout"):
        return (usual_s,) * len(rungs)
    least = tuple(_least_s(workload, rung, policy) for rung in rungs)
    even_s = usual_s
    if policy.deadline is not None:
        even_s = min(usual_s, *(_even_s(way, policy.deadline) for way in _ways(policy, least)))
    even_s = math.floor(even_s / _STEP_S + _EXACT_S) / round(1 / _STEP_S)
    return tuple(max(least_s, even_s) for least_s in least)


def _least_s(workload: Workload, rung: Candidate, policy: RoutingPolicy) -> float:
    """A stated wait for the first token is one that the user wants to allow."""
    first_s = policy.first_token if is_stated(policy, "first_token") else None
    slow_s = max(slow_answer_s(workload, rung), first_s or 0.0)
    return math.ceil(slow_s / _STEP_S - _EXACT_S) / round(1 / _STEP_S)


def _even_s(way: Way, deadline_s: float) -> float:
    """The longest limit of all tries, but of those that need a longer one, that ends in time."""
    free = list(way)
    left_s = deadline_s - sum(leg.waits_s for leg in way)
    while free:
        even_s = left_s / sum(leg.tries for leg in free)
        longer = [leg for leg in free if leg.timeout_s > even_s]
        if not longer:
            return even_s
        left_s -= sum(leg.tries * leg.timeout_s for leg in longer)
        free = [leg for leg in free if leg not in longer]
    return 0.0


def _ways(policy: RoutingPolicy, limits_s: Sequence[float]) -> list[Way]:
    """A chain is gone through in order; of a pool, any deployment may be picked for every try."""
    left = policy.attempts_per_request or math.inf
    most = 1 + policy.retries
    if policy.strategy != "priority":
        return [(Leg(k, int(min(left, most)), limit),) for k, limit in enumerate(limits_s)]
    way = []
    for k, limit in enumerate(limits_s):
        if left > 0:
            way.append(Leg(k, int(min(left, most)), limit))
            left -= most
    return [tuple(way)]


def _lasts_s(way: Way) -> float:
    return sum(leg.lasts_s for leg in way)
