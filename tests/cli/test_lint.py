"""`designer lint` as its users call it."""

import json
import subprocess
import sys
from pathlib import Path
from textwrap import indent

import pytest

from designer.cli import run

BAD = """\
model_list:
  - model_name: chat
    litellm_params: {model: openai/gpt-4o, api_key: os.environ/OPENAI_API_KEY}
  - model_name: chat
    litellm_params: {model: anthropic/claude-sonnet-4-6, api_key: os.environ/ANTHROPIC_API_KEY}
  - model_name: spare
    litellm_params: {model: openai/gpt-4.1, api_key: os.environ/OPENAI_API_KEY}
  - model_name: spare
    litellm_params: {model: anthropic/claude-opus-4-6, api_key: os.environ/ANTHROPIC_API_KEY}
router_settings:
  timeout: 30
  stream_timeout: 10
  context_window_fallbacks:
    - chat: [spair] # kept as it is
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text(BAD, "utf-8")
    return Path("config.yaml")


def test_a_finding_has_a_place_a_code_and_says_what_to_do(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["lint", str(config)]) == 1

    out, err = capsys.readouterr()
    assert out.startswith(
        "config.yaml:14:14: error[LNT201] `context_window_fallbacks` of 'chat' leads to 'spair'"
    )
    assert "help: name a `model_name`" in out
    assert "1 error; 15 settings: 15 simulated, 0 checked only, 0 not analysed" in err
    assert "--fix" in err


def test_a_good_file_says_so(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text(BAD.replace("spair", "spare"), "utf-8")

    assert run(["lint", str(config)]) == 0

    out, err = capsys.readouterr()
    assert (out, err.startswith("no findings")) == ("", True)


def test_fix_changes_what_it_names_and_diff_only_shows_it(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["lint", str(config), "--diff"]) == 1
    patch = capsys.readouterr().out
    assert config.read_text("utf-8") == BAD
    assert "-    - chat: [spair] # kept as it is\n+    - chat: [spare] # kept as it is\n" in patch

    assert run(["lint", str(config), "--fix"]) == 0
    assert config.read_text("utf-8") == BAD.replace("spair", "spare")


def test_the_diff_is_a_patch(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["lint", str(config), "--diff"])
    patch = capsys.readouterr().out

    subprocess.run(["patch", "-p1"], input=patch, text=True, check=True, capture_output=True)

    assert config.read_text("utf-8") == BAD.replace("spair", "spare")


def test_a_baseline_keeps_quiet_about_what_was_there(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["lint", str(config), "--write-baseline", "base.json"]) == 0
    # Lines move; the finding stays the same one. A second one is new.
    config.write_text("# a new head\n" + BAD + "    - spare: [cat]\n", "utf-8")
    capsys.readouterr()

    assert run(["lint", str(config), "--baseline", "base.json"]) == 1

    out, err = capsys.readouterr()
    assert "spair" not in out
    assert "'cat'" in out
    assert "accepted: 1 by baseline" in err


def test_an_unreadable_baseline_is_exit_2(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("base.json").write_text("[]", "utf-8")

    assert run(["lint", str(config), "--baseline", "base.json"]) == 2
    assert "base.json" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("ignored", "code"), [("LNT201", 0), ("lnt201@*.yaml", 0), ("LNT201@other/*", 1), ("LNT202", 1)]
)
def test_a_rule_can_be_left_out_everywhere_or_in_some_files(
    config: Path, ignored: str, code: int
) -> None:
    assert run(["lint", str(config), "--ignore", ignored]) == code


def test_own_rules_and_severities(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("rules.yaml").write_text(
        "version: 1\n"
        "rules:\n"
        "  - {code: ORG001, at: 'model_list[*].litellm_params.timeout', must: {present: true},\n"
        "     message: no timeout, severity: error}\n"
        "severities: {LNT201: info}\n",
        "utf-8",
    )

    assert run(["lint", str(config), "--rules", "rules.yaml"]) == 1

    out = capsys.readouterr().out
    assert out.count("error[ORG001] no timeout") == 4
    assert "info[LNT201]" in out


@pytest.mark.parametrize("level", ["error", "warning", "info"])
def test_fail_on_says_what_is_a_failure(config: Path, level: str) -> None:
    config.write_text(BAD.replace("chat: [spair]", "chatt: [spare]"), "utf-8")  # a warning

    assert run(["lint", str(config), "--fail-on", level]) == (0 if level == "error" else 1)


def test_json_carries_the_fix_and_the_counts(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["lint", str(config), "--format", "json"])

    said = json.loads(capsys.readouterr().out)
    assert (said["schema_version"], said["settings"], said["analysed"]) == (1, 15, 15)
    (finding,) = said["findings"]
    assert (finding["code"], finding["line"]) == ("LNT201", 14)
    assert finding["fix"]["edits"] == [
        {
            "kind": "set",
            "path": ["router_settings", "context_window_fallbacks", 0, "chat", 0],
            "text": "spare",
        }
    ]


@pytest.mark.parametrize("format_", ["github", "junit", "sarif", "markdown"])
def test_every_format_names_the_finding(
    config: Path, format_: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["lint", str(config), "--format", format_]) == 1
    assert "LNT201" in capsys.readouterr().out


def test_several_files_are_linted_in_one_call(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("other.yaml").write_text(BAD.replace("spair", "spire"), "utf-8")

    assert run(["lint", str(config), "other.yaml"]) == 1

    out, err = capsys.readouterr()
    assert "config.yaml:14:14" in out
    assert "other.yaml:14:14" in out
    assert "2 configurations" in err


def test_a_file_of_a_folder_is_named_from_here_and_can_be_mended(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("deploy/litellm").mkdir(parents=True)
    moved = Path("deploy/litellm/config.yaml")
    config.rename(moved)

    assert run(["lint", "deploy"]) == 1
    assert capsys.readouterr().out.startswith("deploy/litellm/config.yaml:14:14: error[LNT201]")
    assert run(["lint", "deploy", "--fix"]) == 0
    assert moved.read_text("utf-8") == BAD.replace("spair", "spare")


@pytest.mark.parametrize("text", ["a: [", "just text", "services: {x: {image: y}}"])
def test_what_is_no_configuration_is_exit_2(
    config: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text(text, "utf-8")

    assert run(["lint", str(config)]) == 2
    assert "config.yaml" in capsys.readouterr().out


def test_it_starts_without_the_heavy_libraries(config: Path) -> None:
    program = (
        "import sys; from designer.cli import run; run(['lint', 'config.yaml']); "
        "print([m for m in ('pydantic', 'jinja2', 'jsonschema', 'httpx') if m in sys.modules])"
    )

    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert said.stdout.splitlines()[-1] == "[]"


# --- Configurations inside other files ------------------------------------------------------------


def _manifest(*texts: str) -> str:
    return "---\n".join(
        "apiVersion: v1\nkind: ConfigMap\ndata:\n  config.yaml: |\n" + indent(text, "    ")
        for text in texts
    )


def test_every_configuration_of_a_manifest_is_linted_at_its_own_lines(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    comment = "# designer: ignore LNT201 the list is filled by a script\n    - chat: [spair]"
    accepted = BAD.replace("- chat: [spair]", comment)
    config.write_text(_manifest(accepted, BAD), "utf-8")

    assert run(["lint", str(config)]) == 1

    out, err = capsys.readouterr()
    assert [line.partition(" `")[0] for line in out.splitlines() if "LNT" in line] == [
        "config.yaml:38:18: error[LNT201]"
    ]
    assert "accepted: 1 by comment" in err


def test_what_stands_inside_another_file_is_not_mended_there(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text(_manifest(BAD), "utf-8")

    assert run(["lint", str(config), "--fix"]) == 1

    assert config.read_text("utf-8") == _manifest(BAD)
    assert "--fix" not in capsys.readouterr().err
