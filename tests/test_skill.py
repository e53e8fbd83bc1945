"""The skill for coding agents: its front matter, and every command in it, run in order."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from designer.diagnostics import Report
from designer.documents import read_yaml

ROOT = Path(__file__).parents[1]
SKILL = ROOT / "skills" / "routing-config-designer" / "SKILL.md"
TEXT = SKILL.read_text("utf-8")
BLOCKS = re.findall(r"^```bash\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)


def test_the_front_matter_is_as_agent_skills_have_it() -> None:
    """A name of at most 64 characters, the folder's own, and a description of at most 1024."""
    head = TEXT.split("---\n")[1]

    document = read_yaml(head, "SKILL.md", Report())

    assert document is not None
    assert document.value.keys() == {"name", "description"}
    assert document.value["name"] == SKILL.parent.name
    assert re.fullmatch(r"[a-z0-9-]{1,64}", document.value["name"])
    assert 0 < len(document.value["description"]) <= 1024


@pytest.mark.slow
def test_every_command_in_it_runs(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "designer"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m designer "$@"\n', "utf-8")
    program.chmod(0o755)
    folder = tmp_path / "work"
    folder.mkdir()
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}

    assert len(BLOCKS) >= 5
    for block in BLOCKS:
        ran = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],
            cwd=folder,
            env=env,
            capture_output=True,
            text=True,
        )
        assert ran.returncode == 0, f"{block}\n{ran.stdout}\n{ran.stderr}"

    made = {file.name for file in folder.iterdir()}
    assert made >= {"out", "designer.lock", "litellm.json", "check.xml", "evidence.zip"}


def test_what_it_names_outside_the_blocks_exists() -> None:
    from designer.cli import COMMANDS

    named = re.findall(r"`designer (\w+)", re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL))

    assert named
    assert set(named) <= COMMANDS.keys()
