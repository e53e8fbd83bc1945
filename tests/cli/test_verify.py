"""`designer verify` as a user calls it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from designer.cli import run
from designer.cli.verify import _gathered
from designer.render.verification import text
from designer.verify import Property, Verdict

CONFIG = """\
model_list:
  - {model_name: chat, litellm_params: {model: openai/gpt-5.4-mini, api_key: os.environ/A, timeout: 20}}
  - {model_name: spare, litellm_params: {model: mistral/mistral-small-latest, api_key: os.environ/B, timeout: 20}}
router_settings: {num_retries: 1, fallbacks: [{chat: [spare]}]}
"""
SAID = """\
{file}:3:6: violated  spare  survives: 1  (a request is not answered)
    fails with: deployment spare#1 (503)
        0.00 s  spare#1  503
        0.50 s  spare#1  503
    → 503 (503) at 1.50 s
    waits are without jitter, which would add 0 to 0.75 s to each
holds  chat  survives: 1  (answered whichever part fails (14 sets))
1 hold, 1 violated, 0 inconclusive
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG, "utf-8")
    return str(path)


def _properties(config: str, text: str) -> list[str]:
    path = Path(config).with_name("properties.yaml")
    path.write_text(text, "utf-8")
    return ["verify", config, "--properties", str(path)]


def test_a_violation_is_shown_with_its_line_and_a_request(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(_properties(config, "properties: [{survives: 1}]")) == 1
    assert capsys.readouterr().out == SAID.format(file=config)


def test_what_holds_exits_with_0(config: str) -> None:
    assert run(_properties(config, "properties: [{survives: 1, routes: [chat]}]")) == 0


def test_what_is_not_known_fails_unless_it_is_allowed(config: str) -> None:
    command = _properties(config, "properties: [{cost: '<= 1 USD'}]")

    assert run(command) == 1
    assert run([*command, "--allow-inconclusive"]) == 0


def test_json_holds_the_verdicts_and_the_findings(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run([*_properties(config, "properties: [{survives: 1}]"), "--format", "json"])
    said = json.loads(capsys.readouterr().out)

    assert (said["schema_version"], said["partial"]) == (1, False)
    assert [one["verdict"] for one in said["verdicts"]] == ["holds", "violated"]
    assert [finding["code"] for finding in said["findings"]] == ["VER701"]
    assert said["verdicts"][1]["trace"]["final"]["status"] == 503


@pytest.mark.parametrize("format_", ["github", "junit", "sarif", "markdown"])
def test_machines_get_findings(
    config: str, format_: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["verify", config, "--format", format_]) == 1
    assert "VER701" in capsys.readouterr().out


@pytest.mark.parametrize(
    "more", [["--route", "chatt"], ["--properties", "nowhere.yaml"], ["--pack", "gdpr"]]
)
def test_wrong_usage_exits_with_2(config: str, more: list[str]) -> None:
    assert run(["verify", config, *more]) == 2


def test_a_property_of_no_route_is_wrong_usage(config: str) -> None:
    assert run(_properties(config, "properties: [{survives: 1, routes: [chatt]}]")) == 2


def test_what_was_found_before_an_interruption_is_kept_and_marked() -> None:
    def judged() -> Iterator[Verdict]:
        yield Verdict(
            Property("refusal", "final", "final"), "chat", "holds", "nothing else is asked"
        )
        raise KeyboardInterrupt

    found, is_partial = _gathered(judged(), ())

    assert (len(found), is_partial) == (1, True)
    assert text(found, is_partial).endswith(
        "interrupted, and only in part: 1 hold, 0 violated, 0 inconclusive"
    )


def test_what_the_project_above_names_must_hold(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules/own.yaml").write_text("properties: [{attempts: '<= 1', routes: [chat]}]")
    (tmp_path / "designer.yaml").write_text("version: 1\nproperties: rules/own.yaml\n")
    below = tmp_path / "deploy/eu"
    below.mkdir(parents=True)
    (below / "config.yaml").write_text(CONFIG)

    for path in (config, str(below / "config.yaml"), str(below)):
        assert run(["verify", path]) == 1
        assert "chat  attempts: <= 1" in capsys.readouterr().out


def test_properties_that_are_given_take_the_place_of_the_projects(
    config: str, tmp_path: Path
) -> None:
    (tmp_path / "given.yaml").write_text("properties: [{attempts: '<= 4', routes: [chat]}]")
    (tmp_path / "designer.yaml").write_text("properties: not-there.yaml\n")

    assert run(["verify", config, "--properties", str(tmp_path / "given.yaml")]) == 0
    assert run(["verify", config]) == 2
