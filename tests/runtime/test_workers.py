"""Processes that are watched over: replaced, told to end, and given up. What they serve is not asked here."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.runtime.processes import children, wait_for

pytestmark = pytest.mark.slow

WATCH = """\
import os, signal, socket, sys, time
from pathlib import Path
import runtime.workers as workers

born, young_s, work = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
workers._LEAST_LIFE_S = young_s

def be_born_slowly():
    time.sleep(0.3)
    (born / str(os.getpid())).touch()

os.register_at_fork(after_in_child=be_born_slowly)
with socket.create_server(("127.0.0.1", 0)) as listening:
    workers.run_workers(2, listening, lambda: exec(work))
"""
LASTS, FAILS = "time.sleep(60)", "sys.exit(9)"
IS_KILLED = "os.kill(os.getpid(), signal.SIGKILL)"
FAILS_BUT_FOR_ONE = "(born / 'one').touch(exist_ok=False); time.sleep(60)"


def watching(folder: Path, work: str, young_s: float = 2.0) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", WATCH, str(folder), str(young_s), work],
        stderr=subprocess.PIPE,
        text=True,
    )


def end(watch: "subprocess.Popen[str]") -> str:
    """What it has said, once it and its workers have ended."""
    return watch.communicate(timeout=20)[1]


def test_workers_that_end_as_soon_as_they_start_are_given_up(tmp_path: Path) -> None:
    watch = watching(tmp_path, FAILS)
    said = end(watch)

    assert watch.returncode == 1
    assert "NetworkError: workers end as soon as they have started, with 70" in said
    assert 3 <= len(list(tmp_path.iterdir())) <= 4


def test_workers_that_are_killed_again_and_again_are_replaced(tmp_path: Path) -> None:
    watch = watching(tmp_path, LASTS)
    wait_for(lambda: len(list(tmp_path.iterdir())) == 2)
    first, second = children(watch.pid)
    for number in range(1, 6):
        os.kill(second, signal.SIGKILL)
        wait_for(lambda n=number: len(list(tmp_path.iterdir())) == 2 + n)
        (second,) = set(children(watch.pid)) - {first}
    watch.send_signal(signal.SIGTERM)
    said = end(watch)

    assert watch.returncode == 0
    assert said.count("a worker ended with -9; another takes its place") == 5


def test_workers_that_are_killed_as_soon_as_they_start_are_replaced_with_pauses(
    tmp_path: Path,
) -> None:
    watch = watching(tmp_path, IS_KILLED)
    wait_for(lambda: len(list(tmp_path.iterdir())) >= 4)
    began, before = time.monotonic(), len(list(tmp_path.iterdir()))
    wait_for(lambda: len(list(tmp_path.iterdir())) >= before + 2)
    took_s = time.monotonic() - began
    watch.send_signal(signal.SIGTERM)
    end(watch)

    assert watch.returncode == 0
    assert took_s > 1  # two pauses, and two births


def test_workers_that_end_as_soon_as_they_start_are_tried_again_while_another_lives(
    tmp_path: Path,
) -> None:
    watch = watching(tmp_path, FAILS_BUT_FOR_ONE, young_s=0.5)
    wait_for(lambda: len(list(tmp_path.iterdir())) > 6)
    watch.send_signal(signal.SIGTERM)
    end(watch)

    assert watch.returncode == 0


def test_workers_are_told_to_end_however_young_they_are(tmp_path: Path) -> None:
    watch = watching(tmp_path, LASTS)
    wait_for(lambda: len(children(watch.pid)) == 2)
    watch.send_signal(signal.SIGTERM)
    end(watch)

    assert watch.returncode == 0


def test_workers_end_when_nobody_watches_over_them_any_more(tmp_path: Path) -> None:
    watch = watching(tmp_path, LASTS)
    wait_for(lambda: len(list(tmp_path.iterdir())) == 2)
    workers = children(watch.pid)
    watch.kill()
    end(watch)

    wait_for(lambda: not any(is_alive(pid) for pid in workers))


def is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
