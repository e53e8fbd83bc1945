"""A flip is true and minimal: what it tells wins when planned anew, and nothing smaller in the grid does."""

import copy
import json
from random import Random
from typing import Any

import pytest

from designer.catalog import load_catalog
from designer.compiler import Decision, Options, decide
from designer.diagnostics import Report
from designer.gateways.registry import GATEWAYS
from designer.planner.lock import Lock
from designer.profile.load import load_profile
from designer.why.edits import Edit, edited, grid, in_full, pairs
from designer.why.flip import smallest_flip

CATALOG = load_catalog()
QUICK, SLOW, MANY = range(2), range(2, 22), range(22, 202)
PAIRS_TRIED = 40
"""Of the pairs before the one that is told: trying each would take hours for all profiles."""


def _drawn(chance: Random) -> dict[str, Any]:
    workload: dict[str, Any] = {
        "alias": "chat",
        "task": "chat",
        "quality": chance.choice(["fast", "balanced", "smart"]),
        "prefer": chance.choice(["cost", "latency", "quality"]),
    }
    if chance.random() < 0.5:
        workload["availability"] = chance.choice(["99.9%", "99%"])
    if chance.random() < 0.3:
        workload["context"] = chance.choice(["100k", "300k"])
    profile: dict[str, Any] = {
        "version": 1,
        "name": "p",
        "workloads": [workload],
        "providers": chance.sample(["groq", "deepseek", "anthropic", "xai", "cohere"], 2),
        "operations": {"hosting": chance.choice(["any", "self", "managed"])},
    }
    if chance.random() < 0.5:
        profile["compliance"] = {"training": "forbid", "retention": chance.choice(["any", "zero"])}
    if chance.random() < 0.4:
        profile["cost"] = {"max_per_request": chance.choice(["0.001 USD", "0.01 USD"])}
    if chance.random() < 0.4:
        profile["guardrails"] = {"pii": {"input": "redact"}}
    return profile


def _planned(values: dict[str, Any]) -> Decision | None:
    report = Report()
    loaded = load_profile("p.yaml", json.dumps(values), report=report)
    found = decide(loaded, CATALOG, Lock(), Options(), report) if loaded is not None else None
    return found if found is not None and found.verdict is not None else None


def _by_hand(values: dict[str, Any], edits: tuple[Edit, ...]) -> dict[str, Any]:
    """Written apart from the program's own, so that a mistake there shows."""
    changed = json.loads(json.dumps(values))
    for edit in edits:
        at = changed
        for part in edit.parts[:-1]:
            if isinstance(part, str) and part not in at:
                at[part] = {}
            at = at[part]
        at[edit.parts[-1]] = edit.new
        if edit.new is None:
            del at[edit.parts[-1]]
    return changed  # type: ignore[no-any-return]  # json.loads


def _won(decision: Decision | None, wanted: str) -> bool:
    if decision is None or decision.verdict is None:
        return False
    if wanted in GATEWAYS:
        return decision.verdict.gateway.name == wanted
    return decision.chains[0].rungs[0].id == wanted


def _check(seed: int) -> None:
    chance = Random(seed)
    values = _drawn(chance)
    before = _planned(values)
    if before is None:
        return
    others = [c.id for c in before.pool] if chance.random() < 0.6 else list(GATEWAYS)
    wanted = chance.choice([o for o in others if not _won(before, o)])
    said = in_full(values)
    alias = "" if wanted in GATEWAYS else "chat"

    found = smallest_flip(said, before, lambda d: _won(d, wanted), CATALOG, Options(), alias)

    singles = [(edit,) for edit in grid(said, [0])]
    doubles = list(pairs(grid(said, [0])))
    if found is None:
        smaller = [*singles, *chance.sample(doubles, min(PAIRS_TRIED, len(doubles)))]
    elif len(found.edits) == 1:
        smaller = singles[: singles.index(found.edits)]  # type: ignore[arg-type]  # it is one edit
    else:
        at = doubles.index(found.edits)  # type: ignore[arg-type]  # it is two edits
        smaller = [*singles, *doubles[max(0, at - PAIRS_TRIED) : at]]
    assert found is None or _won(_planned(_by_hand(values, found.edits)), wanted)
    for edits in smaller:
        assert not _won(_planned(_by_hand(values, edits)), wanted), [str(e) for e in edits]


@pytest.mark.parametrize("seed", QUICK)
def test_a_flip_is_true_and_nothing_smaller_works(seed: int) -> None:
    _check(seed)


@pytest.mark.parametrize(
    "seed",
    [
        *(pytest.param(seed, marks=pytest.mark.slow) for seed in SLOW),
        *(pytest.param(seed, marks=pytest.mark.many) for seed in MANY),
    ],
)
def test_a_flip_is_true_and_nothing_smaller_works_for_many_profiles(seed: int) -> None:
    _check(seed)


def test_edits_leave_the_profile_that_they_are_made_to_alone() -> None:
    values = in_full(_drawn(Random(1)))
    kept = copy.deepcopy(dict(values))

    for edit in grid(values, [0]):
        changed = edited(values, [edit])
        assert changed != values or edit.old is None

    assert values == kept


def test_every_step_of_the_grid_still_reads() -> None:
    """With everything said that the grid has steps for."""
    values = in_full(
        {
            "version": 1,
            "name": "p",
            "gateway": "litellm@1.106",
            "cache": "semantic",
            "compliance": {"residency": ["eu-central-1"], "frameworks": ["gdpr", "hipaa"]},
            "cost": {"max_per_request": "0.05 USD", "monthly_budget": "500 USD"},
            "guardrails": {"pii": {"input": "redact", "output": "redact"}, "on_failure": "block"},
            "operations": {"logs": {"prompts": "always"}, "observability": ["otel"]},
            "workloads": [
                {
                    "alias": "chat",
                    "task": "chat",
                    "quality": {"bench": "arena_text", "min": 1400},
                    "needs": ["tools", "json"],
                    "context": "32k",
                    "params": {"max_tokens": 800, "reasoning_effort": "low"},
                    "availability": "99.95%",
                    "models": {"deny": ["openai/*"]},
                    "compliance": {"residency": ["de"], "training": "forbid"},
                },
            ],
        }
    )
    edits = grid(values, [0])

    assert len({str(edit) for edit in edits}) == len(edits)
    assert 'workloads[0].compliance.residency: ["de"] → ["eu"]' in map(str, edits)
    assert "cost.max_per_request: 0.05 USD → 0.1 USD" in map(str, edits)
    for edit in edits:
        report = Report()
        load_profile("p.yaml", json.dumps(edited(values, [edit])), report=report)
        assert not report.has_errors, [str(edit), *map(str, report)]
