"""`designer conform` against programs that play a gateway: what it compares, and how it fails."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from designer.conform.processes import Start, free_port, running
from designer.errors import NetworkError
from tests.conform.gateways import gateway

TWO = {"model_list": [{"model_name": "A"}, {"model_name": "B"}]}
ROUTER = {"disable_cooldowns": True, "num_retries": 0, "fallbacks": [{"A": ["B"]}]}
CASE = {
    "id": "one",
    "origin": "seed 1",
    "config": TWO | {"router_settings": ROUTER},
    "route": "A",
    "script": {"outcomes": {"B#1": [{"status": 200}]}},
}


def cases(folder: Path, *listed: dict[str, Any]) -> str:
    path = folder / "cases.json"
    path.write_text(json.dumps(list(listed)), "utf-8")
    return str(path)


def run(*arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "designer", "conform", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "TMPDIR": str(folder)},
    )


def test_agreement_is_clean(tmp_path: Path) -> None:
    done = run(
        *("--bin", gateway(tmp_path, "asks the first")),
        *("--cases", cases(tmp_path, CASE)),
        folder=tmp_path,
    )

    assert done.returncode == 0, done.stderr
    assert "litellm 1.106.2" in done.stdout
    assert "1 cases (1 generated), 1 requests, 1 attempts" in done.stdout
    assert "1 of 1 agree: 100.00 %" in done.stdout


def test_a_disagreement_is_shown_from_both_sides(tmp_path: Path) -> None:
    program = gateway(tmp_path, "asks the last")

    done = run("--bin", program, "--cases", cases(tmp_path, CASE), folder=tmp_path)

    assert done.returncode == 1
    assert "asked B#1, traced A#1" in done.stdout
    assert "gateway: 0.00 B#1 → 200" in done.stdout
    assert "engine:  0.00 A#1 200 → 200" in done.stdout
    assert "0 of 1 agree: 0.00 %" in done.stdout


def test_a_known_disagreement_counts_and_says_why(tmp_path: Path) -> None:
    known = CASE | {"known": "the engine does not know this gateway"}

    done = run(
        *("--bin", gateway(tmp_path, "asks the last"), "--cases", cases(tmp_path, known)),
        *("--at-least", 0, "--format", "json", "--record", tmp_path / "record.json"),
        folder=tmp_path,
    )

    said = json.loads(done.stdout)
    assert done.returncode == 0
    assert (said["cases"], said["agree"]) == (1, 0)
    assert said["disagreements"][0]["known"] == "the engine does not know this gateway"
    assert json.loads((tmp_path / "record.json").read_text("utf-8")) == said


@pytest.mark.parametrize(
    ("behaviour", "told", "logged"),
    [
        ("does not start", "ended with 3 while starting", "model_list is nonsense"),
        ("dies", "ended with 9 in the middle of the run", "out of memory"),
        ("dies slowly", "ended with 9 in the middle of the run", "out of memory"),
    ],
)
def test_a_gateway_that_fails_is_told_with_its_log(
    behaviour: str, told: str, logged: str, tmp_path: Path
) -> None:
    listed = [CASE | {"id": f"case-{number}"} for number in range(12)]
    began = time.monotonic()

    done = run(
        *("--bin", gateway(tmp_path, behaviour), "--cases", cases(tmp_path, *listed)),
        folder=tmp_path,
    )

    assert done.returncode == 4
    assert told in done.stderr
    (log,) = re.findall(r"its log: (\S+)", done.stderr.splitlines()[0])
    assert logged in Path(log).read_text("utf-8")
    assert time.monotonic() - began < 30
    assert not _left_running(tmp_path)


def test_an_interrupt_ends_the_gateway_too(tmp_path: Path) -> None:
    program = gateway(tmp_path, "hangs")
    listed = [CASE | {"id": f"case-{number}"} for number in range(12)]
    command = ["conform", "--bin", str(program), "--cases", cases(tmp_path, *listed)]
    process = subprocess.Popen(
        [sys.executable, "-m", "designer", *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    until = time.monotonic() + 20
    while not _left_running(tmp_path) and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(1.0)

    process.send_signal(signal.SIGINT)
    try:
        assert process.wait(timeout=20) == 130
    finally:
        process.kill()
    assert not _left_running(tmp_path)


def test_a_taken_port_is_told(tmp_path: Path) -> None:
    port = free_port()
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(NetworkError, match=f"port {port} is taken"),
        running(Start("Gateway", ("true",), port, "/")),
    ):
        pytest.fail("it started on a port that another program has")


def test_a_gateway_that_never_answers_is_given_up(tmp_path: Path) -> None:
    start = Start("Gateway", ("sleep", "60"), free_port(), "/", within_s=0.5)
    began = time.monotonic()

    with pytest.raises(NetworkError, match=r"did not answer .* its log: "), running(start):
        pytest.fail("it counts as started without an answer")

    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    ("listed", "told"),
    [
        ([CASE, CASE], "CNF801"),
        ([{"id": "x", "config": {}}], "CNF802"),
        ([CASE | {"confg": {}}], "confg"),
        ([CASE | {"script": {"outcomes": {"A#1": [{"kind": "nonsense"}]}}}], "SIM603"),
    ],
)
def test_cases_that_cannot_be_read_are_told(
    listed: list[dict[str, Any]], told: str, tmp_path: Path
) -> None:
    program = gateway(tmp_path, "asks the first")

    done = run("--bin", program, "--cases", cases(tmp_path, *listed), folder=tmp_path)

    assert done.returncode == 2
    assert told in done.stderr


def test_what_is_no_gateway_is_told(tmp_path: Path) -> None:
    done = run("--bin", tmp_path, folder=tmp_path)

    assert done.returncode == 2
    assert "neither a LiteLLM program" in done.stderr


def _left_running(folder: Path) -> bool:
    listed = subprocess.run(
        ["ps", "-eww", "-o", "args"], capture_output=True, text=True, check=True
    )
    return f"{folder / 'litellm'} --config" in listed.stdout
