"""Profiles derived from one configuration of each dialect, as users read them, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from designer.cli import run
from designer.diagnostics import Report
from designer.emit import to_yaml
from designer.load import load_config
from tests.adopt.adopting import Taken, planned, read, take
from tests.golden import assert_golden

CASES = Path(__file__).parent / "cases"


def adopted(config: dict[str, Any]) -> Taken:
    found = read("litellm", {"config.yaml": to_yaml(config)})
    assert found is not None
    return take(found)


def entry(name: str, model: str, **params: Any) -> dict[str, Any]:
    return {"model_name": name, "litellm_params": {"model": model, "api_key": KEY, **params}}


KEY = "os.environ/OPENAI_API_KEY"


@pytest.mark.parametrize("case", ["litellm.yaml", "portkey.json", "openrouter"])
def test_a_derived_profile_reads_as_reviewed(
    case: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(CASES)

    assert run(["init", "--from", case]) == 0

    profile, told = capsys.readouterr()
    name = case.partition(".")[0]
    files = {path: t for path, t in planned(profile).texts.items() if path.startswith(name)}
    own = {path: t for path, t in files.items() if path.endswith(("config.yaml", ".json"))}
    assert_golden(f"adopt/{name}", {"profile.yaml": profile, "told.txt": told, **own})


def test_a_written_out_secret_is_named_and_never_copied(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for case in ("litellm.yaml", "portkey.json"):
        assert run(["init", "--from", str(CASES / case)]) == 0
        profile, told = capsys.readouterr()

        for secret in ("5up3r", "hunter2", "not-for-your-eyes"):
            assert secret not in profile + told


def test_the_whole_way_can_be_walked_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    source = str(CASES / "litellm.yaml")
    assert run(["init", "--from", source, "-o", "profile.yaml"]) == 0
    assert run(["plan", "profile.yaml", "-o", "out"]) == 0
    capsys.readouterr()

    config = load_config("out", Report())

    assert config is not None
    route = config.parsed.routing.route("code-review")
    assert {"support", "code-review"} <= {r.name for r in config.parsed.routing.routes}
    assert dict(config.parsed.routing.deployment("code-review/anthropic/claude-sonnet-4-6").params)
    assert route.name == "code-review"
    example = (tmp_path / "out/litellm/.env.example").read_text()
    for variable in ("DATABASE_URL", "AZURE_API_KEY", "TEAM_B_OPENAI_KEY"):
        assert f"\n{variable}=" in example


def test_standard_input_and_a_forced_gateway(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", (CASES / "portkey.json").open())

    assert run(["init", "--from", "-", "--gateway", "portkey-cloud"]) == 0

    assert "use: portkey-cloud" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("model_list: [", "PAR501"),
        ("model_list: []\n", "no route that a workload could be named after"),
        ("just: text\n", "PAR504"),
    ],
)
def test_what_is_no_configuration_is_exit_2_and_writes_nothing(
    text: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.yaml").write_text(text)
    wanted = tmp_path / "profile.yaml"

    assert run(["init", "--from", str(tmp_path / "config.yaml"), "-o", str(wanted)]) == 2

    assert says in capsys.readouterr().err
    assert not wanted.exists()


def test_gateway_goes_with_from_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", "--gateway", "litellm"]) == 2

    assert "--gateway goes with --from" in capsys.readouterr().err


# --- What is said and what is carried -------------------------------------------------------------


def test_a_plain_file_is_said_whole() -> None:
    taken = adopted(
        {
            "model_list": [
                entry("chat", "openai/gpt-5.2", timeout=60),
                entry("small", "openai/gpt-5-mini", timeout=60),
            ],
            "router_settings": {"num_retries": 3},
        }
    )

    assert taken.adopted is not None
    assert taken.adopted.carried == 0
    assert "\npassthrough:" not in taken.adopted.text
    assert "retries: 3" in taken.adopted.text
    assert 'timeout: "1m"' in taken.adopted.text


def test_what_a_deployment_says_beside_is_merged_with_the_planned_one() -> None:
    taken = adopted({"model_list": [entry("chat", "openai/gpt-5.2", rpm=60, temperature=0.2)]})

    assert taken.plan is not None
    (deployment,) = taken.plan.routing.deployments
    assert deployment.id == "chat/openai/gpt-5.2"
    assert dict(deployment.params) == {"temperature": 0.2}
    assert "rpm: 60" in taken.plan.texts["litellm/config.yaml"]


def test_a_price_of_ones_own_is_kept_and_its_route_given() -> None:
    taken = adopted(
        {"model_list": [entry("chat", "openai/gpt-5.2", input_cost_per_token=0.000001)]}
    )

    assert taken.plan is not None
    assert [workload.alias for workload in taken.plan.given] == ["chat"]
    assert "input_cost_per_token: 0.000001" in taken.plan.texts["litellm/config.yaml"]


def test_ids_that_a_file_gives_stay() -> None:
    one = {**entry("chat", "openai/gpt-5.2"), "model_info": {"id": "prod-1"}}

    taken = adopted({"model_list": [one]})

    assert taken.after is not None
    assert [d.id for d in taken.after.routing.deployments] == ["prod-1"]


def test_prompts_go_on_being_logged_where_they_were() -> None:
    taken = adopted(
        {
            "model_list": [entry("chat", "openai/gpt-5.2")],
            "litellm_settings": {"callbacks": ["langfuse"]},
        }
    )

    assert taken.plan is not None
    assert "turn_off_message_logging: false" in taken.plan.texts["litellm/config.yaml"]
    assert "PLN113" in [finding.code for finding in taken.plan.report]


def test_what_the_profile_cannot_name_is_carried_and_told() -> None:
    taken = adopted(
        {"model_list": [entry("chat", "openai/gpt-5.2"), entry("a\u200bb", "openai/gpt-5-mini")]}
    )

    assert taken.after is not None
    assert taken.after.routing.has_route("a\u200bb")
    assert [finding.code for finding in taken.report] == ["ADP702"]


def test_a_given_route_is_said_to_be_unchecked() -> None:
    found = read("portkey-oss", {"support.json": (CASES / "portkey.json").read_text()})
    assert found is not None
    taken = take(found)
    assert taken.adopted is not None

    strict = taken.adopted.text + "\ncompliance: {residency: [eu]}\n"
    plan = planned(strict)

    (said,) = [finding for finding in plan.report if finding.code == "PLN114"]
    assert "residency eu" in said.message
    assert json.loads(plan.texts["plan.json"])["decision"]["given"] == ["support"]
    assert "nothing is planned or forecast for `support`" in plan.texts["REPORT.md"]


def test_a_version_that_is_named_stays(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", "--from", str(CASES / "litellm.yaml"), "--gateway", "litellm@1.109"]) == 0

    assert 'version: "1.109"' in capsys.readouterr().out
