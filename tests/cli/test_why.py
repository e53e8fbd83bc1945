"""`designer why` as users see it."""

import io
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


@pytest.fixture
def planned(profile: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert run(["plan", "p.yaml"]) == 0
    capsys.readouterr()
    return profile


@pytest.mark.parametrize(
    "question",
    [
        ["chat", "--not", "openai/gpt-5.4*"],
        ["--not", "litellm"],
        ["--flip", "portkey-oss"],
        ["chat", "--pareto"],
    ],
    ids=" ".join,
)
def test_a_written_plan_is_argued_with_as_its_profile_is(
    planned: Path, capsys: pytest.CaptureFixture[str], question: list[str]
) -> None:
    assert run(["why", "p.yaml", *question]) == 0
    by_profile = capsys.readouterr()

    assert run(["why", "out/p", *question]) == 0
    assert capsys.readouterr() == by_profile
    assert run(["why", "out/p/plan.json", *question]) == 0
    assert capsys.readouterr() == by_profile


def test_a_plan_finds_its_profile_from_any_folder(
    planned: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("out")

    assert run(["why", "p", "--not", "litellm"]) == 0
    assert "operations.hosting managed" in _out(capsys)


def test_a_profile_that_changed_since_is_named_with_what_to_run(
    planned: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    planned.write_text(PROFILE + "# a remark\n", "utf-8")

    assert run(["why", "out/p", "--not", "litellm"]) == 2
    assert (
        "p.yaml has changed since out/p/plan.json was planned; plan again: designer plan p.yaml, or "
        "argue with the profile as it is: designer why p.yaml"
    ) in capsys.readouterr().err
    assert run(["check", "p.yaml"]) in (0, 1)
    assert "plan.json" not in capsys.readouterr().out  # a remark is no drift


def test_a_profile_that_is_gone_is_named_with_what_to_run(
    planned: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    planned.rename("q.yaml")

    assert run(["why", "out/p", "chat", "--pareto"]) == 2
    assert (
        "p.yaml, which out/p/plan.json was planned from, is gone; where the profile is elsewhere now: "
        "designer plan PROFILE"
    ) in capsys.readouterr().err
    assert run(["why", "out/p"]) == 0  # what was recorded needs no profile


def test_what_a_profile_extends_is_part_of_it(
    profile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("base.yaml").write_text(PROFILE, "utf-8")
    profile.write_text("extends: [base.yaml]\nversion: 1\nname: p\n", "utf-8")
    assert run(["plan", "p.yaml"]) == 0
    assert run(["why", "out/p", "--not", "litellm"]) == 0
    Path("base.yaml").write_text(PROFILE + "# a remark\n", "utf-8")
    capsys.readouterr()

    assert run(["why", "out/p", "--not", "litellm"]) == 2
    assert "base.yaml has changed since out/p/plan.json was planned" in capsys.readouterr().err


def test_a_plan_of_standard_input_asks_for_the_profile(
    profile: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(PROFILE))
    assert run(["plan", "-"]) == 0
    capsys.readouterr()

    assert run(["why", "out/p", "--not", "litellm"]) == 2
    assert "does not say which file it was planned from" in capsys.readouterr().err


def test_a_plan_that_is_not_what_its_profile_gives_now_says_so(
    profile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    profile.write_text(PROFILE.replace("hosting: managed", "hosting: any"), "utf-8")
    assert run(["plan", "p.yaml", "--gateway", "portkey-cloud"]) == 0
    Path("designer.lock").unlink()
    capsys.readouterr()

    assert run(["why", "out/p", "chat", "--pareto"]) == 0
    assert capsys.readouterr().err == (
        "out/p/plan.json has another choice for the gateway than p.yaml gives now, and what follows is "
        "about now; to write it: designer plan p.yaml\n"
    )
    assert run(["plan", "p.yaml"]) == 0
    capsys.readouterr()
    assert run(["why", "out/p", "chat", "--pareto"]) == 0
    assert capsys.readouterr().err == ""
