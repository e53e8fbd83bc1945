"""What can fail, and every set of so many parts.

A part is whatever fails as one: a deployment, a key, a model, a cloud's region, a provider and, where they
are asked about, a guardrail or a route's caches. Of parts that take the same deployments of a route with them,
and can fail in the same ways, one stands for all.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations, product

from msgspec import Struct

from designer.ir import Deployment, Routing
from designer.profile.regions import COUNTRY_OF, countries_of
from designer.simulate import Service
from designer.verify.mishaps import CAUSES, Mishap

UPSTREAM: tuple[str, ...] = ("deployment", "key", "model", "region", "provider")
"""The narrowest first: where two failed parts share a deployment, the narrower says how it fails."""
OF_GATEWAY: tuple[str, ...] = ("guardrail", "cache")
"""Looked at only when they are named: a guardrail that is down refuses requests because it should."""
KINDS = (*UPSTREAM, *OF_GATEWAY)

DOWN = Mishap("down")
"""How a guardrail or a cache fails."""


class Part(Struct, frozen=True):
    kind: str
    name: str
    deployments: frozenset[str]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class Failed(Struct, frozen=True):
    """A part and how it fails."""

    part: Part
    mishap: Mishap

    def __str__(self) -> str:
        return f"{self.part} ({self.mishap.label})"


def parts(
    deployments: Iterable[Deployment],
    services: Mapping[str, Service],
    kinds: Sequence[str] = UPSTREAM,
) -> tuple[Part, ...]:
    """Every part upstream, the narrowest first and then in listed order."""
    listed = tuple(deployments)
    found: dict[tuple[str, str], set[str]] = {}
    for kind in UPSTREAM:
        for deployment in listed if kind in kinds else ():
            name = _name(kind, deployment, services.get(deployment.id, Service()))
            if name:
                found.setdefault((kind, name), set()).add(deployment.id)
    return tuple(Part(kind, name, frozenset(ids)) for (kind, name), ids in found.items())


def _name(kind: str, deployment: Deployment, service: Service) -> str:
    match kind:
        case "deployment":
            return deployment.id
        case "key":
            return deployment.secret or ""
        case "model":
            return service.model or deployment.model
        case "region":
            named = (name for name in (deployment.region, service.region) if name)
            return next((name for name in named if _fails_as_one(name)), "")
        case _:
            return service.provider or deployment.provider


def _fails_as_one(region: str) -> bool:
    """A zone of many (`eu`, `global`) does not."""
    return region in COUNTRY_OF or not (region == "global" or countries_of(region))


def parts_of_gateway(routing: Routing, route: str, kinds: Sequence[str]) -> tuple[Part, ...]:
    """What the gateway itself does for a route: each guardrail, and all caches together."""
    rails = [rail.name for rail in routing.guardrails if rail.covers(route)]
    caches = ["of the route"] if any(cache.covers(route) for cache in routing.caches) else []
    named = {"guardrail": rails, "cache": caches}
    return tuple(
        Part(kind, name, frozenset())
        for kind in OF_GATEWAY
        for name in (named[kind] if kind in kinds else ())
    )


def of_route(every: Sequence[Part], reached: frozenset[str]) -> tuple[Part, ...]:
    """The parts as far as they concern a route; one for all that are alike there."""
    found: dict[object, Part] = {}
    for part in every:
        here = part.deployments & reached
        if here:
            alike = here, CAUSES[part.kind]
            found.setdefault(alike, Part(part.kind, part.name, here))
    return tuple(found.values())


def sets(listed: Sequence[Part], most: int) -> Iterator[tuple[Part, ...]]:
    """The smallest first, and that is none."""
    for size in range(most + 1):
        yield from combinations(listed, size)


def ways_to_fail(
    failed: Sequence[Part], failures: Sequence[Mishap]
) -> Iterator[tuple[Failed, ...]]:
    """The parts, each with one class of failure that it can have."""
    yield from product(*(_ways(part, failures) for part in failed))


def _ways(part: Part, failures: Sequence[Mishap]) -> list[Failed]:
    if part.kind in OF_GATEWAY:
        return [Failed(part, DOWN)]
    causes = CAUSES[part.kind]
    return [Failed(part, mishap) for mishap in failures if mishap.may_be(causes)]


def said(failed: Iterable[Failed]) -> Mapping[str, Mishap]:
    """What each deployment of the failed parts answers."""
    found: dict[str, Mishap] = {}
    for one in sorted(failed, key=lambda f: KINDS.index(f.part.kind)):
        for id_ in one.part.deployments:
            found.setdefault(id_, one.mishap)
    return found


def broken(failed: Iterable[Failed]) -> frozenset[str]:
    """The guardrails among the failed parts. A cache that is down is a miss, as it is for every request."""
    return frozenset(one.part.name for one in failed if one.part.kind == "guardrail")
