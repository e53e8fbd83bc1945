"""`designer check` as a user and their CI meet it: lines, formats, exit codes, designer.yaml."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from jsonschema import Draft202012Validator

from designer.check import STEPS
from designer.cli import run
from designer.resources import schema
from tests.golden import assert_golden

PROFILE = """\
version: 1
name: small
gateway: litellm
workloads:
  - {alias: chat, task: chat, quality: fast, availability: 99%, traffic: {rate: 10k/day}}
routing: {retries: 1}
operations: {hosting: self, sre_team: true}
providers: [openai, groq]
"""
TESTS = """\
config: out/small
tests:
  - name: the next provider answers
    outcomes: {chat/openai/gpt-5-nano: [{status: 503}], chat/groq/gpt-oss-20b: [{status: 200}]}
    expect: {status: STATUS}
"""
Printed = Callable[[], str]


@pytest.fixture
def printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Printed:
    """A folder with a planned profile; gives what was printed, without times."""
    monkeypatch.chdir(tmp_path)
    Path("profile.yaml").write_text(PROFILE, "utf-8")
    Path("profile.test.yaml").write_text(TESTS.replace("STATUS", "200"), "utf-8")
    assert run(["plan", "profile.yaml"]) == 0
    capsys.readouterr()
    return lambda: re.sub(r"\d+\.\d\d s$", "0.00 s", capsys.readouterr().out, flags=re.MULTILINE)


def _edit(path: str, old: str, new: str) -> None:
    text = Path(path).read_text("utf-8")
    assert old in text
    Path(path).write_text(text.replace(old, new), "utf-8")


def _config() -> str:
    return next(Path("out/small").rglob("config.*")).as_posix()


def test_every_step_is_a_line_and_all_is_well(printed: Printed) -> None:
    assert run(["check", "profile.yaml"]) == 0

    lines = printed().splitlines()
    assert [line[:15].rstrip() for line in lines[: len(STEPS)]] == list(STEPS)
    assert all(line[17:19] == "ok" for line in lines[: len(STEPS)])


@pytest.mark.parametrize(
    ("format_", "name"),
    [
        ("text", "check.txt"),
        ("json", "check.json"),
        ("junit", "check.xml"),
        ("github", "annotations.txt"),
        ("markdown", "comment.md"),
    ],
)
def test_what_went_wrong_reads_as_reviewed(printed: Printed, format_: str, name: str) -> None:
    _edit(_config(), "num_retries: 1", "num_retries: 5")
    Path("profile.test.yaml").write_text(TESTS.replace("STATUS", "500"), "utf-8")
    Path("out/small/CLIENT.md").unlink()
    Path("out/small/notes.txt").write_text("mine", "utf-8")

    assert run(["check", "profile.yaml", "--format", format_]) == 1

    assert_golden(f"check/{format_}", {name: printed()})


def test_the_same_input_gives_the_same_bytes(printed: Printed) -> None:
    run(["check", "profile.yaml", "--format", "json"])
    first = printed()
    run(["check", "profile.yaml", "--format", "json"])

    assert printed() == first
    content = json.loads(first)
    assert content["exit_code"] == 0
    assert [step["name"] for step in content["profiles"][0]["steps"]] == list(STEPS)


def test_junit_has_a_case_for_each_step(printed: Printed) -> None:
    Path("out/small/CLIENT.md").unlink()
    assert run(["check", "profile.yaml", "--format", "junit"]) == 1

    suite = ElementTree.fromstring(printed()).find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures")) == (str(len(STEPS)), "1")
    assert [case.get("name") for case in suite.findall("testcase[failure]")] == ["drift"]


def test_an_edit_by_hand_is_drift_and_another_meaning_and_the_diff_takes_it_back(
    printed: Printed,
) -> None:
    _edit(_config(), "model: openai/gpt-5-nano", "model: openai/gpt-5-mini")

    assert run(["check", "profile.yaml", "--diff"]) == 1

    said = printed()
    assert "error[CHK203]" in said
    assert "error[CHK302]" in said
    assert "gpt-5-mini" in "".join(line for line in said.splitlines(True) if line[0] == "-")


def test_nothing_planned_yet_is_said_and_the_rest_is_skipped(printed: Printed) -> None:
    shutil.rmtree("out")

    assert run(["check", "profile.yaml"]) == 1

    said = printed()
    assert "error[CHK201] there is no out/small: nothing was planned yet" in said
    assert said.count("skipped  nothing to read") == 5


def test_what_is_not_obtained_fails_until_the_profile_names_the_agreement(
    printed: Printed,
) -> None:
    _edit(
        "profile.yaml",
        "providers: [openai, groq]",
        "compliance: {frameworks: [hipaa]}\nproviders: [openai]",
    )
    Path("profile.test.yaml").unlink()
    run(["plan", "profile.yaml"])
    printed()
    assert run(["check", "profile.yaml"]) == 1
    assert "error[CHK101] chat: not obtained yet: baa on openai" in printed()

    signed = "providers: [{name: openai, agreements: [{is: baa, ref: BAA-1}]}]"
    _edit("profile.yaml", "providers: [openai]", signed)
    run(["plan", "profile.yaml"])
    printed()

    assert run(["check", "profile.yaml"]) == 0
    assert "CHK101" not in printed()


def test_what_only_a_team_s_own_chain_needs_is_to_be_obtained_too(printed: Printed) -> None:
    more = "teams: [{name: web, region: eu}]\ncompliance: {retention: zero}\nproviders:\n"
    accounts = (
        "  - {name: groq, agreements: [{is: zero_retention, ref: Z}]}\n"
        "  - {name: openai, agreements: [{is: zero_retention, ref: Y}]}\n"
        "  - {name: bedrock, as: bed, regions: [eu-central-1], secret: B}\n"
    )
    _edit("profile.yaml", "providers: [openai, groq]", more + accounts)
    _edit(
        "profile.yaml",
        "quality: fast",
        "quality: fast, models: {first: 'groq/*', deny: ['bed/*nova*']}",
    )
    Path("profile.test.yaml").unlink()
    run(["plan", "profile.yaml"])
    printed()

    assert run(["check", "profile.yaml"]) == 1
    assert "error[CHK101] chat: not obtained yet: zero retention on bed" in printed()


def test_requirements_that_conflict_exit_3_and_the_other_steps_run(printed: Printed) -> None:
    with Path("profile.yaml").open("a", encoding="utf-8") as file:
        file.write("compliance: {residency: [aq]}\n")

    assert run(["check", "profile.yaml"]) == 3

    said = printed()
    assert "error[PLN102]" in said
    assert "lint             ok" in said


@pytest.mark.parametrize(
    ("spoilt", "code"),
    [("profile.yaml", "PRF002"), ("profile.test.yaml", "PAR501"), ("config", "PAR501")],
)
def test_what_cannot_be_read_exits_2(printed: Printed, spoilt: str, code: str) -> None:
    Path(_config() if spoilt == "config" else spoilt).write_text("a: [", "utf-8")

    assert run(["check", "profile.yaml"]) == 2

    assert f"error[{code}]" in printed()


def test_a_warning_fails_where_the_project_says_so(printed: Printed) -> None:
    assert run(["check", "profile.yaml"]) == 0
    Path("designer.yaml").write_text("fail-on: warning\n", "utf-8")

    assert run(["check", "profile.yaml"]) == 1
    assert run(["check", "profile.yaml", "--fail-on", "error"]) == 0


def test_what_is_inconclusive_fails_unless_it_is_allowed(printed: Printed) -> None:
    Path("designer.yaml").write_text("properties: ours.yaml\n", "utf-8")
    Path("ours.yaml").write_text("properties: [{cost: '<= 1 USD'}]\n", "utf-8")

    assert run(["check", "profile.yaml"]) == 1
    assert "`cost: <= 1 USD`: how long requests and answers are is not known" in printed()
    assert run(["check", "profile.yaml", "--allow-inconclusive"]) == 0


def test_without_a_profile_those_of_the_project_are_checked(printed: Printed) -> None:
    Path("designer.yaml").write_text(
        "profiles: [profile.yaml]\nscenarios: [brownout, harsh.yaml]\ntests: ['*.test.yaml']\n",
        "utf-8",
    )
    Path("harsh.yaml").write_text(
        "version: 1\nname: harsh\nfaults: [{target: {provider: '*'}, kind: down}]\n"
        "assert: [{availability: '>= 50%'}]\n",
        "utf-8",
    )

    assert run(["check"]) == 1

    said = printed()
    assert "harsh.yaml:4:1: error[CHK601] harsh: all routes: availability >= 50%" in said
    assert "1 test: 1 passed" in said


def test_without_a_profile_and_without_a_project_nothing_is_checked(
    printed: Printed, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check"]) == 2


def test_a_file_that_the_project_names_and_is_not_there_is_an_error(printed: Printed) -> None:
    Path("designer.yaml").write_text("tests: [gone.test.yaml]\nscenarios: [gone.yaml]\n", "utf-8")

    assert run(["check", "profile.yaml"]) == 2

    said = printed()
    assert "designer.yaml:1:9: error[CHK501] there is no gone.test.yaml" in said
    assert "designer.yaml:2:13: error[CHK501] there is no gone.yaml" in said


REPLAYS = (
    "traffic: {replay: log.csv}\nfaults: []\nassert: [{availability: '>= 99%'}, {p95: '<= 0s'}]\n"
)


def test_a_scenario_replays_its_log_and_finds_what_a_dry_run_of_it_finds(printed: Printed) -> None:
    Path("designer.yaml").write_text("scenarios: [replays.yaml, brownout]\n", "utf-8")
    Path("replays.yaml").write_text(REPLAYS, "utf-8")
    Path("log.csv").write_text(
        "time,input_tokens,output_tokens\n0,1000000,1\n1,1000000,1\n", "utf-8"
    )

    assert run(["check", "profile.yaml"]) == 1
    (found,) = [line for line in printed().splitlines() if "CHK601" in line]
    run(["simulate", "out/small", "--scenario", "replays.yaml"])

    assert "2 requests" in (said := printed())
    assert found.split(": ")[-1] in said


def test_a_log_that_is_not_there_or_holds_no_request_is_an_error(printed: Printed) -> None:
    Path("designer.yaml").write_text("scenarios: [replays.yaml]\n", "utf-8")
    Path("replays.yaml").write_text(REPLAYS, "utf-8")

    assert run(["check", "profile.yaml"]) == 2
    Path("log.csv").write_text("time,input_tokens,output_tokens\n", "utf-8")
    assert run(["check", "profile.yaml"]) == 2

    said = printed()
    assert "replays.yaml:1:11: error[CHK501] there is no log.csv" in said
    assert "replays.yaml:1:11: error[SIM635] there is no request in this log" in said


def test_a_log_that_is_none_is_an_error_and_the_other_scenarios_are_played(
    printed: Printed,
) -> None:
    Path("designer.yaml").write_text("scenarios: [replays.yaml, harsh.yaml]\n", "utf-8")
    Path("replays.yaml").write_text(REPLAYS, "utf-8")
    Path("harsh.yaml").write_text("faults: []\nassert: [{p95: '<= 0s'}]\n", "utf-8")
    Path("log.csv").write_text("a,b\n1,2\n", "utf-8")

    assert run(["check", "profile.yaml"]) == 2

    said = printed()
    assert "replays.yaml:1:11: error[CHK502] log.csv: no log that is known" in said
    assert "error[CHK601] harsh.yaml: all routes: p95 <= 0" in said
    assert "1 assertion in replays.yaml, harsh.yaml: 2 errors" in said


def test_a_misspelt_key_of_the_project_is_told_with_a_guess(
    printed: Printed, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("designer.yaml").write_text("profils: [profile.yaml]\nfail-on: never\nout: 3\n", "utf-8")

    assert run(["check"]) == 2

    told = capsys.readouterr().err
    assert "designer.yaml:1:1: error[SIM602] unknown key `profils`" in told
    assert "did you mean `profiles`?" in told
    assert "`fail-on` is never" in told
    assert "`out` is to be text" in told


def test_the_project_file_has_a_published_schema_with_the_keys_that_are_read() -> None:
    from designer.project import KEYS

    published = json.loads(schema("designer"))

    Draft202012Validator.check_schema(published)
    assert set(published["properties"]) == set(KEYS)


def test_plan_and_check_agree_on_where_the_files_are(printed: Printed) -> None:
    Path("designer.yaml").write_text("out: deploy\n", "utf-8")

    assert run(["plan", "profile.yaml"]) == 0
    assert Path("deploy/small/plan.json").exists()
    assert run(["check", "profile.yaml"]) == 0


@pytest.mark.parametrize("how", ["baseline", "ignore"])
def test_a_baseline_and_the_profile_accept_what_lint_finds(printed: Printed, how: str) -> None:
    def codes() -> list[str]:
        run(["check", "profile.yaml", "--format", "json"])
        steps = {step["name"]: step for step in json.loads(printed())["profiles"][0]["steps"]}
        return [finding["code"] for finding in steps["lint"]["findings"]]

    _edit("profile.yaml", "routing:", "  - {alias: search, task: embed}\nrouting:")
    run(["plan", "profile.yaml"])
    printed()
    assert codes() == ["LNT229"]

    if how == "baseline":
        run(["lint", "out/small", "--write-baseline", "known.json"])
        Path("designer.yaml").write_text("baseline: known.json\n", "utf-8")
    else:
        ignore = "ignore: [{code: LNT229, why: vectors do not compare}]\nrouting:"
        _edit("profile.yaml", "routing:", ignore)

    assert codes() == []


def test_a_plan_for_another_gateway_is_checked_as_that(printed: Printed) -> None:
    Path("profile.test.yaml").unlink()
    assert run(["plan", "profile.yaml", "--gateway", "portkey-oss"]) == 0

    assert run(["check", "profile.yaml"]) == 1
    assert run(["check", "profile.yaml", "--gateway", "portkey-oss"]) == 0


def test_the_facts_that_plan_used_are_those_that_check_uses(printed: Printed) -> None:
    price = (
        "{applies_to: openai/gpt-5-nano, input: 40, output: 40, source: x, observed_on: 2026-11-01}"
    )
    Path("ours.yaml").write_text(f"prices: [{price}]\n", "utf-8")
    Path("profile.test.yaml").unlink()
    assert run(["plan", "profile.yaml", "--overlay", "ours.yaml"]) == 0

    assert run(["check", "profile.yaml", "--overlay", "ours.yaml"]) == 0
    assert run(["check", "profile.yaml"]) == 1


def test_tests_of_another_configuration_are_named_and_not_played(printed: Printed) -> None:
    Path("other.test.yaml").write_text(
        TESTS.replace("out/small", "out/other").replace("STATUS", "200"), "utf-8"
    )

    assert run(["check", "profile.yaml"]) == 0

    assert "1 test: 1 passed (other.test.yaml: about other configurations)" in printed()


def test_a_profile_on_standard_input_is_checked_against_the_folder_named(
    printed: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO(PROFILE))

    assert run(["check", "-", "out/small"]) == 0


GIVEN = """\
version: 1
name: small
gateway: litellm
workloads: [{alias: chat, task: chat, given: true}]
operations: {hosting: self}
passthrough:
  litellm:
    litellm_settings: {some_new_setting: 1}
    model_list:
      - {model_name: chat, litellm_params: {model: openai/gpt-5-nano}}
      - {model_name: chat, litellm_params: {model: groq/openai/gpt-oss-20b}}
"""


def test_what_is_passed_through_is_no_fault_of_the_plan(printed: Printed) -> None:
    Path("profile.test.yaml").unlink()
    Path("profile.yaml").write_text(GIVEN, "utf-8")
    assert run(["plan", "profile.yaml", "--overwrite"]) == 0
    printed()

    assert run(["check", "profile.yaml", "--allow-inconclusive", "-v"]) == 0

    assert "instead: the route does what `passthrough` says" in printed()


def test_a_file_that_breaks_its_schema_is_told_by_where(printed: Printed) -> None:
    _edit(_config(), "num_retries: 1", "num_retries: often")

    assert run(["check", "profile.yaml"]) in (1, 2)

    assert re.search(r"config\.yaml: error\[CHK301\] \$\..*num_retries", printed())
