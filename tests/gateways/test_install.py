"""The installer is instant when there is nothing to do and says what it cannot do."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.gateways.processes import GATEWAYS

INSTALLER = Path(__file__).with_name("install.sh")


@pytest.mark.gateway
def test_a_second_install_changes_nothing() -> None:
    stamps = [GATEWAYS / gateway / ".stamp" for gateway in ("litellm", "portkey")]
    before = [stamp.stat().st_mtime_ns for stamp in stamps]

    done = install()

    assert done.returncode == 0, done.stderr
    litellm, portkey, servers = done.stderr.splitlines()
    assert (litellm, portkey) == (
        "gateways: litellm is up to date",
        "gateways: portkey is up to date",
    )
    assert servers == "gateways: servers are there" or "tests will be skipped" in servers
    assert [stamp.stat().st_mtime_ns for stamp in stamps] == before


def test_an_unknown_gateway_is_refused(tmp_path: Path) -> None:
    done = install("openrouter", gateways=tmp_path)

    assert done.returncode == 1
    assert "unknown gateway 'openrouter' (litellm, portkey or servers)" in done.stderr


def test_a_python_without_ensurepip_is_told_what_to_install(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\ncase "$*" in *ensurepip*) exit 1 ;; esac\n')
    python.chmod(0o755)

    done = install("litellm", gateways=tmp_path, python=python)

    assert done.returncode == 1
    assert "apt-get install python3-venv" in done.stderr
    assert not (tmp_path / "litellm" / ".stamp").exists()


def install(
    *names: str, gateways: Path = GATEWAYS, python: Path | None = None
) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"GATEWAYS_DIR": str(gateways)}
    if python is not None:
        env["PYTHON"] = str(python)
    command = ["bash", str(INSTALLER), *names]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)
