"""`designer conform` when a real gateway dies, or does not start: exit 4, its log, nothing left."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.gateways.processes import GATEWAYS

SLOW_PORTKEY = {"request_timeout": 20000}
SLOW_LITELLM = {
    "model_list": [{"model_name": "A"}],
    "router_settings": {"disable_cooldowns": True, "num_retries": 0, "timeout": 20},
}
REFUSED = {
    "model_list": [{"model_name": "A"}],
    "router_settings": {"routing_strategy": "whichever"},
}


def started(folder: Path, gateway: str, config: dict[str, Any]) -> subprocess.Popen[str]:
    path = folder / "cases.json"
    deployment = "A#1" if "model_list" in config else "config"
    script = {"outcomes": {deployment: [{"status": 200, "delay_s": 15}]}}
    path.write_text(json.dumps([{"id": "slow", "config": config, "script": script}]), "utf-8")
    return subprocess.Popen(
        [sys.executable, "-m", "designer", "conform", "--bin", str(GATEWAYS / gateway)]
        + ["--cases", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(folder)},
    )


def running_below(folder: Path) -> list[int]:
    """Processes whose working directory is in `folder`: the gateway, and whatever it started."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                cwd = (entry / "cwd").resolve()
            except OSError:  # gone, or somebody else's
                continue
            if cwd.is_relative_to(folder):
                found.append(int(entry.name))
    return found


def when_it_answers(folder: Path, health: str) -> int:
    """The pid of the gateway, once it is up."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        for pid in running_below(folder):
            asked = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
            port = re.search(r"--port[ =](\d+)", asked)
            if port and is_up(f"http://127.0.0.1:{port[1]}{health}"):
                return pid
        time.sleep(0.2)
    raise AssertionError("the gateway never started")


def is_up(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2.0, trust_env=False).status_code == 200
    except httpx.TransportError:  # not listening yet
        return False


def logs(folder: Path) -> list[Path]:
    return sorted(folder.glob("designer-*/gateway.log"))


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    try:
        _, told = process.communicate(timeout=60)
    finally:
        process.kill()
    return process.returncode, told


@pytest.mark.parametrize(
    ("gateway", "config", "health"),
    [("portkey", SLOW_PORTKEY, "/"), ("litellm", SLOW_LITELLM, "/health/liveliness")],
)
def test_a_gateway_that_is_killed_in_the_middle_is_told(
    gateway: str, config: dict[str, Any], health: str, tmp_path: Path
) -> None:
    process = started(tmp_path, gateway, config)
    pid = when_it_answers(tmp_path, health)
    time.sleep(4.0)  # the request is under way for 15 seconds
    began = time.monotonic()

    os.kill(pid, signal.SIGKILL)

    code, told = ended(process)
    assert code == 4, told
    assert "in the middle of the run" in told
    assert all(str(log) in told for log in logs(tmp_path))
    assert time.monotonic() - began < 30
    assert running_below(tmp_path) == []


def test_a_gateway_that_refuses_its_configuration_is_told(tmp_path: Path) -> None:
    code, told = ended(started(tmp_path, "litellm", REFUSED))

    assert code == 4, told
    assert "while starting" in told
    (log,) = logs(tmp_path)
    assert str(log) in told
    assert "whichever" in log.read_text()
    assert running_below(tmp_path) == []
