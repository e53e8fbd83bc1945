"""What a profile implies under single failures: held, excused by a told loss, broken, not known."""

import json
import re
from pathlib import Path

import pytest

from designer.check import INCONCLUSIVE, Step, Wanted, check
from designer.cli import run
from designer.project import Project

PROFILE = """\
version: 1
name: small
gateway: litellm
workloads:
  - {{alias: chat, task: chat, quality: fast{workload}}}
routing: {{retries: 1, attempts_per_request: {attempts}, deadline: {deadline}}}
{more}
operations: {{hosting: self, sre_team: true}}
providers: [{providers}]
"""


def _planned(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    workload: str = "",
    more: str = "",
    providers: str = "openai, groq",
    attempts: int = 4,
    deadline: str = "90s",
    gateway: str = "litellm",
) -> Path:
    monkeypatch.chdir(folder)
    text = PROFILE.format(
        workload=workload, more=more, providers=providers, attempts=attempts, deadline=deadline
    )
    (folder / "profile.yaml").write_text(text.replace("litellm", gateway), "utf-8")
    assert run(["plan", "profile.yaml"]) == 0
    return next((folder / "out" / "small").rglob("config.*"))


def _step(name: str = "single failures") -> Step:
    return next(step for step in check(Wanted("profile.yaml")) if step.name == name)


def _told() -> list[str]:
    return [f"{f.code} {f.message}" for f in _step().findings]


def test_a_chain_over_two_providers_survives_every_single_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _planned(tmp_path, monkeypatch)

    step = _step()

    assert [f.code for f in step.findings] == []
    assert re.fullmatch(r"5 of 5 properties hold in \d+ plays", step.said)


def test_a_route_that_lost_its_fallback_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = _planned(tmp_path, monkeypatch)
    text = config.read_text("utf-8")
    config.write_text(
        text.replace("order: 2", "order: 1").replace("num_retries: 1", "num_retries: 0")
    )

    codes = [f.code for f in _step().findings]

    assert codes
    assert set(codes) <= {"CHK402", "CHK406"}


def test_what_the_plan_told_as_a_loss_is_a_warning_with_what_comes_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _planned(tmp_path, monkeypatch, attempts=1)

    (told,) = _step().findings

    assert told.code == "CHK403"
    assert told.message.startswith("chat: attempts: 3 attempts instead of 1 at most while ")
    assert told.instead == "the number of deployments and their retries is the only limit"


def test_the_same_breach_without_a_plan_that_tells_of_it_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _planned(tmp_path, monkeypatch)
    text = (tmp_path / "profile.yaml").read_text("utf-8")
    (tmp_path / "profile.yaml").write_text(
        text.replace("attempts_per_request: 4", "attempts_per_request: 1")
        + "compliance: {residency: [aq]}\n",
        "utf-8",
    )

    steps = {step.name: step for step in check(Wanted("profile.yaml"))}

    assert steps["plan"].cannot == 3
    assert "CHK402" in {f.code for f in steps["single failures"].findings}


def test_one_deployment_alone_is_said_and_nothing_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _planned(
        tmp_path, monkeypatch, providers="openai", workload=", models: {allow: ['*/gpt-5-nano']}"
    )

    assert [line.partition(" (")[0] for line in _told()] == [
        "CHK405 chat: nothing stands in for chat/openai/gpt-5-nano"
    ]


def test_deployments_of_one_region_go_down_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = (
        "{name: bedrock, as: one, regions: [eu-central-1], secret: ONE}, "
        "{name: bedrock, as: two, regions: [eu-central-1], secret: TWO}"
    )
    _planned(tmp_path, monkeypatch, providers=accounts)

    assert "CHK404 chat: all of its deployments go down with provider bedrock" in _told()


def test_a_deployment_that_nobody_knows_makes_residency_inconclusive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bedrock = "{name: bedrock, as: eu, regions: [eu-central-1], secret: ONE}"
    more = "compliance: {residency: [eu]}"
    config = _planned(tmp_path, monkeypatch, providers=bedrock, more=more)
    assert not any("residency" in line for line in _told())

    text = config.read_text("utf-8")
    config.write_text(re.sub(r"model: bedrock/\S+", "model: bedrock/eu.somebody.new-v1:0", text))

    doubts = [f for f in _step().findings if f.rule is INCONCLUSIVE]
    assert [f.message.partition(" where ")[0] for f in doubts] == ["inconclusive: chat: residency:"]


def test_another_host_is_not_taken_to_be_in_the_same_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    azure = (
        "{name: azure, as: az, regions: [swedencentral], deployment_type: datazone, "
        "api_base: 'https://x.openai.azure.com', secret: AZ}"
    )
    more = "compliance: {residency: [eu]}"
    config = _planned(tmp_path, monkeypatch, providers=azure, more=more)
    assert not any("residency" in line for line in _told())

    config.write_text(config.read_text("utf-8").replace("x.openai.azure", "y.openai.azure"))

    assert any(line.startswith("CHK402 chat: residency: ") for line in _told())


def test_a_move_out_of_the_residency_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bedrock = "{name: bedrock, as: eu, regions: [eu-central-1], secret: ONE}"
    more = "compliance: {residency: [eu]}"
    config = _planned(tmp_path, monkeypatch, providers=bedrock, more=more)

    text = config.read_text("utf-8")
    assert "eu-central-1" in text
    config.write_text(
        text.replace("eu-central-1", "us-east-1").replace("bedrock/eu.", "bedrock/us.")
    )

    assert any(
        line.startswith("CHK402 chat: residency: ") and "outside eu" in line for line in _told()
    )


def test_a_pick_by_chance_that_may_fail_is_told_as_chance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _planned(tmp_path, monkeypatch, workload=", routing: {strategy: weighted, retries: 0}")

    assert {line[:6] for line in _told()} == {"CHK406"}


def test_a_team_is_judged_by_the_route_that_its_own_names_lead_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = (
        "groq, {name: bedrock, as: b, regions: [eu-central-1], secret: B}, "
        "{name: azure, as: az, regions: [swedencentral], deployment_type: datazone, "
        "api_base: 'https://x.openai.azure.com', secret: AZ}"
    )
    _planned(tmp_path, monkeypatch, providers=accounts, more="teams: [{name: web, region: eu}]")

    assert not any("residency" in line for line in _told())


def test_a_refusal_after_which_another_deployment_is_asked_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = _planned(tmp_path, monkeypatch, gateway="portkey-oss")
    assert not any("refusals" in line for line in _told())

    content = json.loads(config.read_text("utf-8"))
    content["strategy"]["on_status_codes"] += [400]
    config.write_text(json.dumps(content))

    assert any(": refusals: " in line and " refuses, and " in line for line in _told())


def test_a_missing_route_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = _planned(tmp_path, monkeypatch)
    config.write_text(config.read_text("utf-8").replace("model_name: chat", "model_name: talk"))

    assert "CHK401 chat: the configuration has no route of this name" in _told()


def test_a_condition_that_no_request_is_made_for_leaves_everything_inconclusive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = "passthrough: {portkey-oss: {chat: PASSED}}"
    one, other = ({"name": n, "provider": n, "api_key": "${K}"} for n in ("openai", "groq"))
    conditions = [{"query": {"metadata.age": {"$gt": 3}}, "then": "openai"}]
    passed = {
        "strategy": {"mode": "conditional", "conditions": conditions, "default": "groq"},
        "targets": [one, other],
    }
    _planned(
        tmp_path,
        monkeypatch,
        gateway="portkey-oss",
        workload=", given: true",
        more=more.replace("PASSED", json.dumps(passed)),
    )

    step = _step()

    assert step.inconclusive == 5
    assert all(
        "the condition metadata.age gt" in f.message for f in step.findings if f.code == "CHK901"
    )


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("attempts: '<= 4'", []),
        ("attempts: '<= 1'", ["VER701"]),
        ("cost: '<= 1 USD'", ["CHK901"]),
        ("refusal: final, routes: [chatt]", ["VER715"]),
    ],
)
def test_properties_of_ones_own_are_proved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, told: list[str]
) -> None:
    _planned(tmp_path, monkeypatch)
    (tmp_path / "own.yaml").write_text(f"properties: [{{{said}}}]", "utf-8")
    wanted = Wanted("profile.yaml", project=Project(properties="own.yaml"))

    step = next(step for step in check(wanted) if step.name == "single failures")

    assert [finding.code for finding in step.findings] == told
