"""A change of one alias changes what the files say of that alias, and of no other."""

import copy
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from designer.emit import to_yaml
from designer.gateways.registry import GATEWAYS
from designer.ir import deployments_of
from designer.plan import Plan
from tests.planner.test_any_profile import planned, unshrunk
from tests.profiles import Drawn, profiles

pytestmark = pytest.mark.slow

CHANGES: tuple[Drawn, ...] = (
    {"params": {"temperature": 0.3, "max_tokens": 77}},
    {"routing": {"timeout": "7s", "deadline": "77s"}},
    {"routing": {"first_token": "3s", "attempts_per_request": 7}},
    {"routing": {"retries": 5}},
    {"routing": {"strategy": "weighted"}},
    {"routing": {"on_refusal": "fallback"}},
    {"cache": {"mode": "exact", "ttl": "77s"}},
    {"traffic": {"input_tokens": 777, "rate": "7k/day"}},
    {"models": {"deny": ["openai/gpt-5.4-nano"]}},
    {"availability": "99.99%"},
)

SHARED = re.compile(r"(?m)^      (?:num_retries: \d+|(?:cache|guardrails):.*(?:\n        .*)*)\n")
"""LiteLLM has one count of retries, one cache and one set of guardrails for the whole proxy, and a
deployment says where it differs: these lines alone may come and go with another alias; what they mean
stays."""

each = pytest.mark.parametrize("gateway", GATEWAYS)


@each
@unshrunk
@given(profile=profiles(least=3), change=st.sampled_from(CHANGES), at=st.integers(0, 1))
def test_a_changed_alias_leaves_the_others_as_they_are(
    gateway: str, profile: Drawn, change: Drawn, at: int
) -> None:
    changed = copy.deepcopy(profile)
    changed["workloads"][at] |= change

    _assert_same_but(profile["workloads"][at]["alias"], gateway, profile, changed)


@each
@unshrunk
@given(profile=profiles(least=3))
def test_a_new_alias_leaves_the_others_as_they_are(gateway: str, profile: Drawn) -> None:
    more = copy.deepcopy(profile)
    more["workloads"].insert(1, {"alias": "new", "task": "chat"})

    _assert_same_but("new", gateway, profile, more)
    _assert_same_but("new", gateway, more, profile)


def _assert_same_but(alias: str, gateway: str, one: Drawn, other: Drawn) -> None:
    before, after = planned(one, gateway)[0], planned(other, gateway)[0]
    if before is None or after is None:
        return
    for name in (workload.alias for workload in before.profile.workloads):
        if name != alias and before.routing.has_route(name):
            assert _of(after, name) == _of(before, name), name


def _of(plan: Plan, alias: str) -> dict[str, Any]:
    """All that the files say of one alias."""
    facts = json.loads(plan.texts["plan.json"])
    folder = quote(alias, safe="")
    chains, forecasts = facts["decision"]["chains"], facts["forecast"]
    return {
        "files": {p: text for p, text in plan.texts.items() if p.split("/")[1:2] == [folder]},
        "blocks": list(_blocks(plan.texts.get("litellm/config.yaml", ""), alias)),
        "meaning": plan.gateway.one_file and _meaning(plan, alias),
        "report": _section(plan.texts["REPORT.md"], alias),
        "client": [ln for ln in plan.texts["CLIENT.md"].splitlines() if f"| `{alias}` |" in ln],
        "chain": _without_places(chains.get(alias)),
        "forecast": forecasts.get(alias),
        "facts": {k: v for k, v in facts["deployments"].items() if k.startswith(f"{alias}/")},
    }


def _meaning(plan: Plan, alias: str) -> tuple[Any, ...]:
    route = plan.routing.route(alias)
    rails = {
        (rail.kind, rail.pattern, rail.stages, rail.action, rail.entities)
        for rail in plan.routing.guardrails
        if rail.covers(alias)
    }
    caches = [replace(c, routes=()) for c in plan.routing.caches if c.covers(alias)]
    return (
        route,
        [plan.routing.deployment(id_) for id_ in deployments_of(route.node)],
        rails,
        caches,
    )


def _without_places(said: Any) -> Any:
    """Lines of the profile move when others come before them."""
    match said:
        case dict():
            return {key: _without_places(value) for key, value in said.items() if key != "at"}
        case list():
            return [_without_places(item) for item in said]
        case _:
            return said


def _blocks(config: str, alias: str) -> Iterator[str]:
    """The entries of one group in `model_list`, each with the comment above it."""
    listed = re.search(r"(?ms)^model_list:\n(.*?)(?=^\S|\Z)", config)
    for block in re.split(r"(?m)^(?=  # )", listed.group(1) if listed else ""):
        if f"- model_name: {to_yaml(alias)}\n" in block:
            yield SHARED.sub("", block)


def _section(report: str, alias: str) -> str:
    found = re.search(rf"(?ms)^### {re.escape(alias)}\n(.*?)(?=^##|\Z)", report)
    return found.group(1) if found else ""
