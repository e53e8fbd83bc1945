"""`designer plan` as a user meets it: files, exit codes, and what goes wrong on the way."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from designer.cli import run

PROFILE = """\
version: 1
name: small
workloads:
  - {alias: chat, task: chat, quality: fast, traffic: {rate: 1k/day}}
operations: {hosting: self, sre_team: true}
providers: [openai, groq]
"""


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "profile.yaml"
    path.write_text(PROFILE)
    return path


def _files(folder: Path) -> dict[str, str]:
    return {
        p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*") if p.is_file()
    }


def test_a_plan_writes_its_folder_and_the_lock(profile: Path) -> None:
    assert run(["plan", str(profile)]) == 0

    written = _files(profile.parent / "out" / "small")
    assert {"plan.json", "REPORT.md", "CLIENT.md"} <= written.keys()
    assert (profile.parent / "designer.lock").exists()
    hashes = json.loads(written["plan.json"])["files"]
    assert hashes.keys() == written.keys() - {"plan.json"}


def test_a_second_run_leaves_every_byte_as_it_was(profile: Path) -> None:
    run(["plan", str(profile)])
    before = _files(profile.parent)

    assert run(["plan", str(profile)]) == 0

    assert _files(profile.parent) == before


def test_no_write_writes_nothing(profile: Path) -> None:
    assert run(["plan", str(profile), "--no-write"]) == 0

    assert _files(profile.parent).keys() == {"profile.yaml"}


def test_a_profile_may_come_from_standard_input(
    profile: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", profile.open())

    assert run(["plan", "-", "--no-write", "--format", "json"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert told["schema_version"] == 1
    assert list(told["chains"]) == ["chat"]


def test_a_hand_edited_file_is_not_overwritten(
    profile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["plan", str(profile)])
    report = profile.parent / "out/small/REPORT.md"
    report.write_text("my notes\n")
    profile.write_text(PROFILE.replace("1k/day", "2k/day"))
    before = _files(profile.parent / "out")

    assert run(["plan", str(profile)]) == 1

    assert _files(profile.parent / "out") == before
    assert "was changed by hand" in capsys.readouterr().err
    assert run(["plan", str(profile), "--overwrite"]) == 0
    assert report.read_text() != "my notes\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("version: 1\nname: [\n", "profile.yaml:"),
        (PROFILE.replace("alias: chat", "alais: chat"), "did you mean"),
        (PROFILE.replace("[openai, groq]", "[opnai]"), "did you mean 'openai'"),
        (PROFILE + "cost: {monthly_budget: -5 USD}\n", "profile.yaml:7:"),
        (
            PROFILE.replace("operations", "  - {alias: chat, task: code}\noperations"),
            "chat",
        ),
    ],
    ids=["unreadable", "typo", "unknown provider", "negative money", "duplicate alias"],
)
def test_a_mistake_in_the_profile_is_one_clear_message_and_exit_2(
    profile: Path, text: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    profile.write_text(text)

    assert run(["plan", str(profile)]) == 2

    told = capsys.readouterr().err
    assert says in told
    assert "Traceback" not in told
    assert not (profile.parent / "out").exists()


def test_requirements_that_conflict_are_exit_3(
    profile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    profile.write_text(PROFILE + "compliance: {residency: [ch]}\n")

    assert run(["plan", str(profile)]) == 3

    assert "residency ch" in capsys.readouterr().err


def test_an_output_folder_that_is_a_file_is_exit_2(
    profile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (profile.parent / "taken").write_text("")

    assert run(["plan", str(profile), "-o", "taken"]) == 2

    assert "is not a folder" in capsys.readouterr().err


def test_a_profile_that_is_not_there_is_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", "no-such-profile.yaml"]) == 2
    assert "no-such-profile.yaml" in capsys.readouterr().err


@pytest.mark.parametrize("format_", ["json", "github", "junit", "sarif", "markdown"])
def test_findings_come_in_every_format(
    profile: Path, format_: str, capsys: pytest.CaptureFixture[str]
) -> None:
    profile.write_text(PROFILE.replace("quality", "qualty"))

    assert run(["plan", str(profile), "--format", format_]) == 2

    out = capsys.readouterr().out
    assert "qualty" in out
    if format_ in ("json", "sarif"):
        json.loads(out)


# --- A disk that is full --------------------------------------------------------------------------

_LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
from designer.cli import run
sys.exit(run(["plan", "profile.yaml", "-o", "full"]))
"""


def test_a_file_that_cannot_be_written_whole_leaves_the_old_ones(profile: Path) -> None:
    run(["plan", str(profile), "-o", "full"])
    before = _files(profile.parent / "full")
    profile.write_text(PROFILE.replace("1k/day", "9k/day"))

    result = subprocess.run(
        [sys.executable, "-c", _LIMITED], cwd=profile.parent, capture_output=True, text=True
    )

    assert result.returncode == 2, result.stderr
    assert "cannot write" in result.stderr
    assert "Traceback" not in result.stderr
    assert _files(profile.parent / "full") == before


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(folder)], capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a tmpfs needs root; the limit on file sizes above covers the case")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_exit_2_and_leaves_nothing_half_done(
    profile: Path, small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (small_disk / "filler").write_bytes(b"x" * 8192)

    assert run(["plan", str(profile), "-o", str(small_disk / "plan")]) == 2

    assert "No space left" in capsys.readouterr().err
    assert _files(small_disk) == {"filler": "x" * 8192}


# --- Secrets --------------------------------------------------------------------------------------


def test_no_secret_of_the_environment_or_the_profile_reaches_any_output(
    profile: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    canary = "sk-canary-0123456789abcdefghijklmnop"
    monkeypatch.setenv("OPENAI_API_KEY", canary)
    run(["plan", str(profile)])
    profile.write_text(PROFILE.replace("[openai, groq]", f"[{{name: openai, secret: {canary}}}]"))

    assert run(["plan", str(profile)]) == 2

    told = capsys.readouterr()
    assert canary not in told.out + told.err
    assert canary not in "".join(
        text for path, text in _files(profile.parent).items() if path != "profile.yaml"
    )


def test_a_pipe_that_closes_early_is_no_error(profile: Path) -> None:
    command = f"{sys.executable} -m designer plan {profile} --no-write | head -1"

    result = subprocess.run(
        command,
        shell=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )

    assert result.stderr == ""
    assert result.stdout.startswith("small")


def test_there_is_no_colour_in_a_pipe(profile: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["plan", str(profile)])

    assert "\x1b[" not in capsys.readouterr().out
