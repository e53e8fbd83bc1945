"""Caches, budgets, limits, teams and telemetry of a Routing: what the profile says beside its routes.

Only what the profile asks for is written: where it says nothing, a gateway keeps its own defaults.
"""

from collections.abc import Iterator
from typing import cast

from msgspec.structs import replace

from designer.ir import (
    Budget,
    Cache,
    Key,
    Period,
    RateLimit,
    Rollout,
    Routing,
    Scope,
    Team,
    Telemetry,
)
from designer.profile.model import Budget as AskedBudget
from designer.profile.model import Operations, Profile
from designer.profile.policy import policy_of


def with_policies(routing: Routing, profile: Profile) -> Routing:
    return replace(
        routing,
        caches=tuple(_caches(profile)),
        budgets=tuple(_budgets(profile)),
        rate_limits=tuple(
            RateLimit("team", team.name, team.rate_limit.rpm, team.rate_limit.tpm)
            for team in profile.teams
            if team.rate_limit is not None
        ),
        teams=tuple(
            Team(
                team.name,
                tuple(Key(key.name, bool(key.existing)) for key in team.keys),
                team.workloads,
                team.region or "",
            )
            for team in profile.teams
        ),
        telemetry=_telemetry(profile.operations),
        rollout=Rollout(profile.gateway.deploy, profile.operations.replicas),
    )


def _caches(profile: Profile) -> Iterator[Cache]:
    """One a distinct policy; without routes where every serving alias has the same one."""
    serving = [w for w in profile.workloads if w.route_by is None and not w.given]
    wanted: dict[Cache, list[str]] = {}
    for workload in serving:
        asked = policy_of(profile, workload).cache
        if asked.mode != "off":
            similarity = asked.similarity if asked.mode == "semantic" else 1.0
            wanted.setdefault(Cache(asked.mode, asked.ttl, similarity), []).append(workload.alias)
    for cache, covered in wanted.items():
        everywhere = len(covered) == len(serving)
        yield cache if everywhere else replace(cache, routes=tuple(covered))


def _budgets(profile: Profile) -> Iterator[Budget]:
    whole = profile.cost.monthly_budget
    if whole is not None:
        yield Budget("all", "", whole.usd, "month")
    for workload in profile.workloads:
        if workload.budget is not None:
            yield _budget("route", workload.alias, workload.budget)
    for team in profile.teams:
        if team.budget is not None:
            yield _budget("team", team.name, team.budget)


def _budget(scope: Scope, of: str, asked: AskedBudget) -> Budget:
    refuses, downgrades = asked.when_spent != "continue", asked.when_spent == "downgrade"
    per = cast(Period, asked.limit.per)  # the profile's form leaves no other
    return Budget(scope, of, asked.limit.usd, per, asked.alert, refuses, downgrades)


def _telemetry(operations: Operations) -> Telemetry | None:
    if not operations.model_fields_set & {"observability", "logs"}:
        return None
    return Telemetry(frozenset(operations.observability), operations.logs.prompts)
