"""The small commands, and what every command has in common."""

import json
from pathlib import Path

import pytest

from designer.cli import COMMANDS, run
from designer.rules import all_rules


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_with_an_example(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([name, "--help"]) == 0

    out = capsys.readouterr().out
    assert "Usage: designer" in out
    assert "Examples:" in out


def test_a_misspelt_command_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plam"]) == 2
    assert "Did you mean 'plan'?" in capsys.readouterr().err


def test_an_unknown_option_is_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", "--no-such-option"]) == 2
    assert "no-such-option" in capsys.readouterr().err


def test_the_starter_profile_plans(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    assert run(["init", "profile.yaml"]) == 0
    assert run(["plan", "profile.yaml"]) == 0
    assert run(["init", "profile.yaml"]) == 2
    assert "--overwrite" in capsys.readouterr().err


@pytest.mark.parametrize("code", all_rules())
def test_every_code_has_a_reason(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", code]) == 0

    out = capsys.readouterr().out
    assert out.startswith(code)
    assert "why:" in out


def test_a_key_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "workloads.traffic.repeats"]) == 0
    assert "cache" in capsys.readouterr().out


def test_something_unknown_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "LOW309"]) == 2
    assert "LOW301" in capsys.readouterr().err


def test_the_catalog_is_listed_and_shown_with_sources(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["catalog", "list", "mistral/*", "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)["offerings"]
    assert rows

    assert run(["catalog", "show", rows[0]["id"]]) == 0

    assert "source:" in capsys.readouterr().out


def test_an_offering_that_is_not_there_gets_a_suggestion(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["catalog", "show", "openai/gpt-5.4@mars"]) == 2
    assert "openai/gpt-5.4" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("profile", "Workload profile of the LLM gateway designer"),
        ("litellm", "LiteLLM proxy: config.yaml"),
    ],
)
def test_schemas_are_printed_for_editors(
    name: str, title: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["schema", name]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == title


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_name_the_program(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["completion", shell]) == 0
    assert "_DESIGNER_COMPLETE" in capsys.readouterr().out


def test_keys_are_minted_once_listed_and_revoked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = ["--state", str(tmp_path / "s.sqlite")]
    assert run(["keys", "mint", "web", "--team", "web", *state]) == 0
    key = capsys.readouterr().out.strip()

    assert run(["keys", "list", *state]) == 0
    listed = capsys.readouterr().out

    assert key not in listed
    assert key.encode() not in (tmp_path / "s.sqlite").read_bytes()
    assert "team=web" in listed
    assert run(["keys", "revoke", "web", *state]) == 0
    assert run(["keys", "revoke", "web", *state]) == 2


def test_spend_of_a_state_file_that_is_not_there_is_exit_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["spend", "--state", str(tmp_path / "none.sqlite")]) == 2
    assert "designer serve" in capsys.readouterr().err


def test_limits_of_keys_and_projects_are_said_listed_and_taken_away(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = ["--state", str(tmp_path / "s.sqlite")]
    asked = ["--budget", "30 USD/day", "--budget", "0.05 USD/request", "--rpm", "600"]
    assert run(["keys", "mint", "web", "--project", "search", *asked, *state]) == 0
    limits = ["--budget", "500 USD/month", "--when-spent", "downgrade"]
    assert run(["keys", "limit", "project", "search", *limits, *state]) == 0
    capsys.readouterr()

    assert run(["keys", "list", *state]) == 0
    listed = capsys.readouterr().out
    assert "project=search   30 USD/day, 0.05 USD/request, 600 rpm\n" in listed
    assert "project search   500 USD/month, downgrades\n" in listed

    assert run(["keys", "limit", "key", "web", *state]) == 0
    assert capsys.readouterr().out == "key web: no limits of its own\n"
    assert run(["keys", "limit", "key", "nobody", *state]) == 2
    assert run(["keys", "mint", "x", "--budget", "30 EUR", *state]) == 2
    assert run(["keys", "mint", "x", "--budget", "30 USD", *state]) == 2
    assert "say for how long" in capsys.readouterr().err
