"""`designer why` as users see it."""

import json
from pathlib import Path

import pytest

from designer.cli import run

PROFILE = """\
version: 1
name: p
workloads:
  - {alias: chat, task: chat, quality: smart, prefer: quality, traffic: {rate: 1k/day}}
  - {alias: search, task: embed}
compliance: {training: forbid}
operations: {hosting: managed, billing: own_keys}
providers: [openai, {name: bedrock, regions: [eu-central-1]}]
"""


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "p.yaml"
    path.write_text(PROFILE, "utf-8")
    return path


def _out(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def test_reasons_go_down_to_facts_with_source_and_day(
    profile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["why", str(profile), "chat"]) == 0

    text = _out(capsys)
    assert "best rated that meets every requirement" in text
    assert "training forbid: " in text
    assert ", 2026-" in text
    assert "search" not in text


def test_a_written_plan_tells_the_same_chain(
    profile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["plan", str(profile)]) == 0
    capsys.readouterr()

    assert run(["why", str(profile), "--format", "json"]) == 0
    planned = json.loads(_out(capsys))
    assert run(["why", "--format", "json"]) == 0  # the one folder below out/
    written = json.loads(_out(capsys))

    assert [[r["deployment"] for r in c["rungs"]] for c in planned["chains"]] == [
        [r["deployment"] for r in c["rungs"]] for c in written["chains"]
    ]
    assert written["schema_version"] == 1
    assert all(rung["facts"] for chain in written["chains"] for rung in chain["rungs"])


def test_not_a_gateway_tells_the_promise_that_breaks(
    profile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["why", str(profile), "--not", "litellm"]) == 0

    assert "operations.hosting managed: it is run by yourself" in _out(capsys)


def test_not_a_deployment_tells_all_that_binds_or_the_wish_that_decided(
    profile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["why", str(profile), "chat", "--not", "openai/gpt-5.4*"]) == 0

    text = _out(capsys)
    assert "openai/gpt-5.4@global would do, but is not preferred" in text
    assert "prefer: quality prefers the other" in text
    assert "USD/month" in text
    assert "openai/gpt-5.4-nano@global is excluded" in text
    assert "quality at least smart (" in text


def test_a_flip_is_printed_as_an_edit(profile: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["why", str(profile), "--flip", "portkey-oss"]) == 0

    text = _out(capsys)
    assert "operations.hosting: managed → any" in text
    assert "→ Portkey OSS" in text


def test_a_flip_that_the_grid_does_not_hold_says_so(
    profile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = PROFILE.replace("task: chat, quality: smart", "task: chat, quality: smart, context: 1k")
    profile.write_text(text.replace("  - {alias: search, task: embed}\n", ""), "utf-8")

    assert run(["why", str(profile), "chat", "--flip", "mistral/*"]) == 1
    assert "no one or two edits of the grid make mistral/* win" in _out(capsys)


def test_pareto_marks_what_was_chosen(profile: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["why", str(profile), "chat", "--pareto", "--format", "json"]) == 0

    (front,) = json.loads(_out(capsys))["pareto"]
    chosen = [point for point in front["points"] if point["chosen"]]
    assert len(chosen) == 1
    costs = [point["usd_per_request"] for point in front["points"]]
    assert costs == sorted(costs)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["p.yaml", "nobody"], "there is no chain for 'nobody'"),
        (["p.yaml", "--not", "nothing/at-all"], "neither a gateway nor a deployment"),
        (["p.yaml", "--flip", "openai/gpt-5.4"], "for which alias?"),
        (["chat"], "there are 0 plans below out/"),
        (["out/none.yaml"], "none.yaml"),
    ],
)
def test_wrong_usage_is_told(
    profile: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    assert run(["why", *arguments]) == 2
    assert says in capsys.readouterr().err


def test_an_infeasible_profile_tells_its_conflict(
    profile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    profile.write_text(PROFILE.replace("training: forbid", "residency: [ch]"), "utf-8")

    assert run(["why", str(profile)]) == 3
    assert "PLN102" in capsys.readouterr().err


OURS = (
    "prices: [{applies_to: openai/gpt-5.4, input: 0.01, output: 0.01, source: our contract, "
    "observed_on: 2026-11-01}]\n"
)


@pytest.mark.parametrize("by", ["option", "designer.yaml"])
def test_the_users_own_facts_are_argued_with_too(
    by: str, profile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (profile.parent / "ours.yaml").write_text(OURS, "utf-8")
    if by == "designer.yaml":
        (profile.parent / "designer.yaml").write_text("overlay: ours.yaml\n", "utf-8")
    option = ["--overlay", "ours.yaml"] if by == "option" else []

    assert run(["why", str(profile), "chat", "--not", "openai/gpt-5.4", *option]) == 0

    assert "a request costs 0.00001 USD" in _out(capsys)


def test_a_catalog_of_another_day_is_argued_with(
    profile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["why", str(profile), "--catalog", "nowhere.json"]) == 2

    assert "nowhere.json" in capsys.readouterr().err
