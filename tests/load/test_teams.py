"""The teams beside a LiteLLM configuration: read with it, and followed."""

import json
from pathlib import Path

import pytest
from msgspec import structs

from designer.catalog import load_catalog
from designer.compiler import Options, compile_profile
from designer.diagnostics import Report
from designer.emit import write_folder
from designer.gateways.base import Parsed
from designer.ir import Rollout, deployments_of
from designer.load import load_config
from designer.planner.lock import Lock
from designer.profile.load import load_profile
from designer.trace import load_outcomes, trace

TEAMS = """\
version: 1
name: p
gateway: litellm
workloads: [{alias: chat, task: chat}]
providers: [openai, {name: bedrock, regions: [eu-central-1, us-east-1]}]
teams:
  - {name: web, region: eu, keys: [web], budget: {limit: 30 USD/day}, rate_limit: {rpm: 60}}
  - {name: ops, keys: [ops]}
"""


@pytest.mark.parametrize("at", [".", "litellm"])
def test_the_teams_beside_a_litellm_configuration_are_part_of_what_it_means(
    tmp_path: Path, at: str
) -> None:
    report = Report()
    loaded = load_profile("p.yaml", TEAMS, report=report)
    assert loaded is not None
    plan = compile_profile(loaded, load_catalog(), Lock(), Options(), report)
    assert plan is not None
    write_folder(tmp_path, plan.texts, {}, report)

    config = load_config(str(tmp_path / at), report)

    assert config is not None
    assert config.is_whole
    assert config.parsed.routing == structs.replace(plan.routing, rollout=Rollout())
    everybody, inside = (
        set(deployments_of(config.parsed.routing.route(name).node)) for name in ("chat", "chat@eu")
    )
    assert _asked(config.parsed, "web") == inside
    assert _asked(config.parsed, "ops") == everybody
    assert not inside & everybody


def _asked(parsed: Parsed, team: str) -> set[str]:
    """Whom a team's request is sent to while nobody answers."""
    outcomes = {d.id: [{"status": 503}] for d in parsed.routing.deployments}
    script = {"request": {"messages": [], "team": {"name": team}}, "outcomes": outcomes}
    read = load_outcomes(json.dumps(script), "outcomes.json", Report())
    assert read is not None
    traces = trace(parsed, read, Report(), route="chat")
    assert traces is not None
    return {tried.deployment for tried in traces[0].attempts}
