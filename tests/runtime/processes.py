"""Real `designer serve` processes for a test, each told of by its pid and gone when the test ends.

What they are asked and what has to come of it is the tests' affair.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
from msgspec import Struct

from designer.conform.processes import free_port

ENV = {"KEY": "k", "PATH": "/usr/bin"}
_ENDS_WITHIN_S = 30.0


class Serve(Struct):
    """One command, and the workers that it has started if it has."""

    process: "subprocess.Popen[bytes]"
    url: str
    state: Path
    said: Path
    """What it has written on standard error."""
    ready_s: float
    """After how long it could be asked."""

    @property
    def workers(self) -> list[int]:
        """The pids of those that answer."""
        return children(self.process.pid) or [self.process.pid]

    def kill(self) -> None:
        """As the kernel does when memory is short: nothing is said to it, nor by it."""
        self.process.kill()
        self.process.wait(_ENDS_WITHIN_S)


@contextmanager
def serve(folder: Path, config: Path, *options: str, port: int | None = None) -> Iterator[Serve]:
    """Its state and what it says are in `folder`; several may share one that share their state."""
    port = port or free_port()
    state, said = folder / "state.sqlite", folder / f"said.{port}"
    command = [sys.executable, "-m", "designer", "serve", str(config), "--port", str(port)]
    began = time.monotonic()
    with said.open("ab") as out:
        process = subprocess.Popen(
            [*command, "--state", str(state), *options], env=ENV, stderr=out, stdout=out
        )
    try:
        wait_for(lambda: process.poll() is not None or is_ready(port))
        assert process.poll() is None, said.read_text()
        took_s = time.monotonic() - began
        yield Serve(process, f"http://127.0.0.1:{port}", state, said, took_s)
    finally:
        _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Workers end with whoever watches over them; if they do not, that is said and they are killed."""
    if process.poll() is not None:
        return
    watched = children(process.pid)
    for pid in watched:
        os.kill(pid, signal.SIGCONT)
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_ENDS_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        for pid in watched:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        raise


def children(pid: int) -> list[int]:
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_ready(port: int) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
    return False


def wait_for(holds: Callable[[], bool], within_s: float = 30.0) -> None:
    ends_at = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < ends_at
        time.sleep(0.02)


@contextmanager
def only(worker: int, workers: Sequence[int]) -> Iterator[None]:
    """Meanwhile the other workers stand still, so that whoever connects is this one's from then on."""
    others = [pid for pid in workers if pid != worker]
    for pid in others:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in others:
            os.kill(pid, signal.SIGCONT)


def designer(*arguments: str) -> str:
    """What the command says on standard output."""
    command = [sys.executable, "-m", "designer", *arguments]
    return subprocess.run(command, env=ENV, capture_output=True, text=True, check=True).stdout
