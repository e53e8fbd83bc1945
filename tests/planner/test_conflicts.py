"""Conflicts are minimal, and relaxing as told gives what is told: 200 infeasible profiles drawn by seed."""

import json
from collections.abc import Iterator
from itertools import count, islice
from random import Random
from typing import Any

import pytest

from designer.catalog import load_catalog
from designer.diagnostics import Report
from designer.planner.accounts import Candidate, accounts, candidates
from designer.planner.chain import Chosen, choose_chain
from designer.planner.requirements import Conflict, Requirement, first_failure, requirements
from designer.profile.load import LoadedProfile, load_profile

CATALOG = load_catalog()
PROVIDERS = ["openai", "anthropic", "gemini", "mistral", "groq", "deepseek", "xai", "cohere"]


def _drawn(seed: int) -> LoadedProfile:
    chance = Random(seed)
    workload: dict[str, Any] = {"alias": "chat", "task": "chat"}
    choices: dict[str, Any] = {
        "quality": ["smart", {"bench": "arena_text", "min": chance.randint(1300, 1600)}],
        "needs": [["tools", "vision"], ["vision"], ["json", "tools"], ["streaming"]],
        "context": ["200k", "900k", "2M"],
        "params": [{"max_tokens": 100_000}, {"reasoning_effort": "high"}],
        "models": [{"deny": ["openai/*"]}, {"allow": ["*/gpt-5.4*"]}, {"deny": ["*/claude-*"]}],
    }
    for key in chance.sample(sorted(choices), chance.randint(1, 4)):
        workload[key] = chance.choice(choices[key])
    compliance = {
        "residency": chance.choice([[], ["eu"], ["de"], ["us"], ["eu-central-1"]]),
        "frameworks": chance.choice([[], ["gdpr"], ["hipaa", "soc2"], ["iso27001"]]),
        "retention": chance.choice(["zero", "any"]),
        "training": chance.choice(["forbid", "allow"]),
    }
    profile: dict[str, Any] = {"version": 1, "name": "p", "compliance": compliance}
    profile["workloads"] = [workload]
    profile["providers"] = chance.sample(PROVIDERS, chance.randint(1, 4))
    if chance.random() < 0.5:
        usd = chance.choice(["0.0001", "0.001", "0.01"])
        profile["cost"] = {"max_per_request": f"{usd} USD"}
    report = Report()
    loaded = load_profile("p.yaml", json.dumps(profile), report=report)
    assert loaded is not None, [str(finding) for finding in report]
    return loaded


def _infeasible() -> Iterator[tuple[list[Candidate], list[Requirement], Conflict, LoadedProfile]]:
    for seed in count():
        loaded = _drawn(seed)
        pool = [c for a in accounts(loaded, CATALOG, Report()) for c in candidates(a, CATALOG)]
        workload = loaded.profile.workloads[0]
        wanted = requirements(loaded, workload, 0, CATALOG, CATALOG.date)
        found = choose_chain(workload, pool, wanted, CATALOG)
        if isinstance(found, Conflict):
            yield pool, wanted, found, loaded


@pytest.mark.parametrize(
    "number", [pytest.param(20), pytest.param(200, marks=pytest.mark.many)], ids=str
)
def test_leaving_any_requirement_out_of_a_conflict_resolves_it(number: int) -> None:
    for pool, wanted, found, _ in islice(_infeasible(), number):
        assert found.requirements
        assert all(requirement in wanted for requirement in found.requirements)
        assert not any(first_failure(c, found.requirements) is None for c in pool)
        for left_out in found.requirements:
            rest = [r for r in found.requirements if r is not left_out]
            assert any(first_failure(c, rest) is None for c in pool)


@pytest.mark.parametrize(
    "number", [pytest.param(20), pytest.param(200, marks=pytest.mark.many)], ids=str
)
def test_relaxing_as_told_gives_what_is_told(number: int) -> None:
    """Nothing is told only where another conflict is left, and that one is smaller or elsewhere."""
    for pool, wanted, found, loaded in islice(_infeasible(), number):
        assert tuple(requirement for requirement, _ in found.relaxed) == found.requirements
        for requirement, passing in found.relaxed:
            rest = [r for r in wanted if r is not requirement]
            again = choose_chain(loaded.profile.workloads[0], pool, rest, CATALOG)
            if isinstance(again, Chosen):
                feasible = {str(c) for c in passing}
                assert {str(rung) for rung in again.rungs} <= feasible
                assert {str(c) for c, _ in again.runners_up} <= feasible
            else:
                assert passing == ()
                assert requirement not in again.requirements
