"""The README's transcript is what the commands print."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
COMMANDS = (
    "designer plan examples/eu-support.yaml -o out/eu-support",
    "designer simulate out/eu-support --scenario provider-outage",
    "designer demo out/eu-support",
)


def test_the_transcript_is_what_the_commands_print(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    told = README.read_text("utf-8")

    for command in COMMANDS:
        printed = _print(command, tmp_path)
        if os.environ.get("UPDATE_GOLDEN"):
            told = _with(told, command, printed)
            README.write_text(told, "utf-8")
        assert f"$ {command}\n{printed}\n" in told, command


def _print(command: str, folder: Path) -> str:
    run = subprocess.run(
        [sys.executable, "-m", *command.split()],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    return "\n".join(line.rstrip() for line in run.stdout.rstrip().splitlines())


def _with(readme: str, command: str, printed: str) -> str:
    block = re.compile(rf"(?<=\$ {re.escape(command)}\n).*?(?=\n\n\$ designer|\n```)", re.DOTALL)
    return block.sub(lambda _match: printed, readme, count=1)


def test_every_command_it_names_exists() -> None:
    from designer.cli import COMMANDS as KNOWN

    named = set(re.findall(r"^designer (\w+)", README.read_text("utf-8"), re.MULTILINE))

    assert named <= KNOWN.keys()


def test_every_file_it_links_to_is_there() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", README.read_text("utf-8")):
        assert (ROOT / link).exists(), link
