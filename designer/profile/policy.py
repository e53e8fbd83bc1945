"""What applies to one workload: its own policies over the profile's, key by key.

Maps are merged, lists are replaced. A workload may be more lenient than the profile; that is never
refused here, only found, so that the report can list it.
"""

from collections.abc import Iterator
from typing import Final, TypeVar

from msgspec import Struct

from designer.profile.model import (
    Cache,
    Compliance,
    Guardrails,
    Profile,
    RoutingPolicy,
    Section,
    Workload,
)
from designer.profile.regions import region_within

_Policy = TypeVar("_Policy", bound=Section)

_STRICT_FIRST: Final = {
    "compliance.retention": ("zero", "any"),
    "compliance.training": ("forbid", "allow"),
    "guardrails.pii.input": ("block", "redact", "off"),
    "guardrails.pii.output": ("block", "redact", "off"),
    "guardrails.on_failure": ("block", "pass"),
    "routing.on_refusal": ("return", "fallback"),
}
"""Keys whose alternatives have an order of strictness."""


class EffectivePolicy(Struct, frozen=True):
    routing: RoutingPolicy
    compliance: Compliance
    guardrails: Guardrails
    cache: Cache


class Loosening(Struct, frozen=True):
    """A workload asks for less than the profile does."""

    workload: str
    key: str
    """The profile's key, for example `compliance.retention`."""
    path: str
    """The workload's key, for example `workloads[1].compliance.retention`."""
    profile: str
    """What the profile asks for, in words of the format."""
    here: str
    """What the workload asks for instead."""


def policy_of(profile: Profile, workload: Workload) -> EffectivePolicy:
    return EffectivePolicy(
        routing=merged(profile.routing, workload.routing),
        compliance=merged(profile.compliance, workload.compliance),
        guardrails=merged(profile.guardrails, workload.guardrails),
        cache=merged(profile.cache, workload.cache),
    )


def merged(base: _Policy, over: _Policy | None) -> _Policy:
    """`base` with the keys that `over` sets; what is set stays known in `model_fields_set`."""
    if over is None:
        return base
    changes = {}
    for key in over.model_fields_set:
        below, above = getattr(base, key), getattr(over, key)
        is_map = isinstance(below, Section) and isinstance(above, Section)
        changes[key] = merged(below, above) if is_map else above
    return base.model_copy(update=changes)


def loosenings(profile: Profile) -> list[Loosening]:
    """Where workloads are more lenient than the profile, in profile order."""
    return [
        Loosening(workload.alias, key, f"workloads[{index}].{key}", top, here)
        for index, workload in enumerate(profile.workloads)
        for key, top, here in _loosened(
            policy_of(profile, _nobody(workload)), policy_of(profile, workload)
        )
    ]


def _nobody(workload: Workload) -> Workload:
    """The workload without policies of its own."""
    return workload.model_copy(
        update={"routing": None, "compliance": None, "guardrails": None, "cache": None}
    )


def _loosened(top: EffectivePolicy, here: EffectivePolicy) -> Iterator[tuple[str, str, str]]:
    yield from _loosened_choices(top, here)
    yield from _loosened_residency(top.compliance, here.compliance)
    yield from _lost("compliance.frameworks", top.compliance.frameworks, here.compliance.frameworks)
    yield from _lost(
        "guardrails.pii.entities", top.guardrails.pii.entities, here.guardrails.pii.entities
    )
    rules = {rule.name: rule for rule in here.guardrails.deny}
    gone = [rule.name for rule in top.guardrails.deny if rules.get(rule.name) != rule]
    if gone:
        kept = [rule.name for rule in top.guardrails.deny if rule.name not in gone]
        yield (
            "guardrails.deny",
            _listed([*kept, *gone]),
            _listed([*kept, *(n for n in gone if n in rules)]),
        )


def _loosened_choices(
    top: EffectivePolicy, here: EffectivePolicy
) -> Iterator[tuple[str, str, str]]:
    for key, order in _STRICT_FIRST.items():
        above, below = _value(top, key), _value(here, key)
        if order.index(below) > order.index(above):
            yield key, above, below


def _loosened_residency(top: Compliance, here: Compliance) -> Iterator[tuple[str, str, str]]:
    stays = here.residency and all(region_within(token, top.residency) for token in here.residency)
    if top.residency and not stays:
        yield "compliance.residency", _listed(top.residency), _listed(here.residency) or "anywhere"


def _lost(key: str, top: tuple[str, ...], here: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    if set(top) - set(here):
        yield key, _listed(top), _listed(here) or "none"


def _value(policy: EffectivePolicy, key: str) -> str:
    found: object = policy
    for part in key.split("."):
        found = getattr(found, part)
    return str(found)


def _listed(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(names)
