"""Starting a real gateway on loopback and making sure that it does not outlive its use.

Nothing here knows what a configuration means. What a gateway prints goes to a log; it is kept where
something went wrong, and every error names it.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
from msgspec import Struct

from designer.errors import NetworkError

_ENDS_WITHIN_S = 5.0
_DIES_WITHIN_S = 2.0


class Start(Struct, frozen=True):
    """How a gateway is started."""

    name: str
    command: tuple[str, ...]
    port: int
    health: str
    """The path that answers 200 when it is up."""
    env: Mapping[str, str] = {}
    """All of its environment, besides PATH, HOME and LANG: nobody's keys reach it by accident."""
    within_s: float = 180.0


class Running(Struct, frozen=True):
    base_url: str
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        return self.process.pid

    def end(self) -> None:
        _end(self.process)

    def ensure_alive(self, name: str) -> None:
        """Raises NetworkError when it has ended by itself, or does within two seconds.

        To be asked when it did not answer: the kernel closes the connections of a dying process
        before anybody can learn its exit code, on a busy machine long before.
        """
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=_DIES_WITHIN_S)
        if self.process.returncode is not None:
            raise NetworkError(
                f"{name} ended with {self.process.returncode} in the middle of the run; "
                f"its log: {self.log}"
            )


def free_port() -> int:
    """A loopback port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(start: Start) -> Iterator[Running]:
    """The gateway, answering, then gone. Raises NetworkError, naming the log, if it does not start."""
    _refuse_taken(start)
    folder = Path(tempfile.mkdtemp(prefix=f"designer-{start.name.lower().replace(' ', '-')}-"))
    log = folder / "gateway.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*_die_with_parent(), *start.command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8", **start.env},
            start_new_session=True,
        )
    try:
        gateway = Running(f"http://127.0.0.1:{start.port}", log, process)
        _wait_until_up(start, gateway)
        yield gateway
    except NetworkError:
        _end(process)
        raise
    except BaseException:
        _end(process)
        shutil.rmtree(folder, ignore_errors=True)
        raise
    _end(process)
    shutil.rmtree(folder, ignore_errors=True)


def _refuse_taken(start: Start) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            # Some gateways listen on every interface, so the port must be free on all of them.
            probe.bind(("", start.port))
        except OSError as problem:
            raise NetworkError(
                f"{start.name} cannot start: port {start.port} is taken ({problem.strerror})"
            ) from problem


def _die_with_parent() -> Sequence[str]:
    # A run that is killed cannot clean up; the kernel then ends the gateway for it.
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL"] if setpriv else []


def _wait_until_up(start: Start, gateway: Running) -> None:
    url = gateway.base_url + start.health
    deadline = time.monotonic() + start.within_s
    while time.monotonic() < deadline:
        if gateway.process.poll() is not None:
            raise NetworkError(
                f"{start.name} ended with {gateway.process.returncode} while starting; "
                f"its log: {gateway.log}\n{tail(gateway.log)}"
            )
        with suppress(httpx.TransportError):  # not listening yet
            if httpx.get(url, timeout=2.0, trust_env=False).status_code == 200:
                return
        time.sleep(0.1)
    raise NetworkError(
        f"{start.name} did not answer {url} in {start.within_s:g} s; its log: {gateway.log}\n"
        f"{tail(gateway.log)}"
    )


def tail(log: Path, lines: int = 20) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process, and then whatever it started: it leads a group of its own."""
    _signal(process, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=_ENDS_WITHIN_S)
    _signal(process, signal.SIGKILL)
    process.wait(timeout=_ENDS_WITHIN_S)


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
