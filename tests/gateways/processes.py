"""Starting the real gateways on loopback and making sure that none outlives its test.

Nothing here knows what a configuration means; it takes one that is on disk, or none.
"""

from __future__ import annotations

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

GATEWAYS = Path(os.environ.get("GATEWAYS_DIR") or Path(__file__).resolve().parents[2] / ".gateways")

MASTER_KEY = "sk-conformance-0123456789abcdef0123456789abcdef"
"""LiteLLM refuses short or famous master keys. This one opens only proxies on loopback."""

NO_WAITS = {"INITIAL_RETRY_DELAY": "0", "MAX_RETRY_DELAY": "0", "JITTER": "0"}
"""LiteLLM environment for tests that count attempts and need no backoff between them."""

NO_JITTER = {"JITTER": "0"}
"""LiteLLM environment for tests that measure its real backoff."""

_LITELLM_START_S = 180.0
_PORTKEY_START_S = 60.0


class GatewayStartError(Exception):
    """A real gateway is missing, could not start, or died; the message says what to do."""


class RunningGateway(Struct, frozen=True):
    base_url: str
    log: Path
    """Everything it printed; deleted when it ends."""
    pid: int


def free_port() -> int:
    """A loopback port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def litellm_proxy(
    config: Path, env: Mapping[str, str] | None = None, port: int | None = None
) -> Iterator[RunningGateway]:
    """The real LiteLLM proxy with this configuration file, answering, then gone.

    Its environment is only what it needs and `env`: no key of the developer's reaches it. Clients
    use `MASTER_KEY`, unless the configuration names another one.
    """
    port = port or free_port()
    # The script is given to its interpreter, so that a checkout may be moved.
    program = [_installed("litellm", "bin/python"), _installed("litellm", "bin/litellm")]
    command = [*program, "--config", config, "--host", "127.0.0.1", "--port", port]
    settings = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MASTER_KEY": MASTER_KEY}
    with _running(
        "LiteLLM", command, settings | dict(env or {}), port, "/health/liveliness", _LITELLM_START_S
    ) as gateway:
        yield gateway


@contextmanager
def portkey_gateway(port: int | None = None) -> Iterator[RunningGateway]:
    """The real open-source Portkey gateway, answering, then gone."""
    port = port or free_port()
    node = _installed("portkey", "bin/node")
    server = _installed("portkey", "node_modules/@portkey-ai/gateway/build/start-server.js")
    command = [node, server, "--headless", f"--port={port}"]
    with _running("Portkey", command, {}, port, "/", _PORTKEY_START_S) as gateway:
        yield gateway


def _installed(gateway: str, inside: str) -> Path:
    folder = GATEWAYS / gateway
    if not (folder / ".stamp").exists() or not (folder / inside).exists():
        raise GatewayStartError(f"{gateway} is not installed in {GATEWAYS}; run: make gateways")
    return folder / inside


@contextmanager
def _running(
    name: str,
    command: Sequence[object],
    env: Mapping[str, str],
    port: int,
    health: str,
    start_within_s: float,
) -> Iterator[RunningGateway]:
    _refuse_taken(name, port)
    with tempfile.TemporaryDirectory(prefix=f"{name.lower()}-") as folder:
        log = Path(folder) / "gateway.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*_die_with_parent(), *(str(part) for part in command)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={"PATH": os.environ["PATH"], "HOME": folder, "LANG": "C.UTF-8"} | dict(env),
                start_new_session=True,
            )
        try:
            base_url = f"http://127.0.0.1:{port}"
            _wait_until_up(name, process, base_url + health, log, start_within_s)
            yield RunningGateway(base_url=base_url, log=log, pid=process.pid)
        finally:
            _end(process)


def _refuse_taken(name: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            # Portkey listens on every interface, so the port must be free on all of them.
            probe.bind(("", port))
        except OSError as problem:
            raise GatewayStartError(
                f"{name} cannot start: port {port} is taken ({problem.strerror})"
            ) from problem


def _die_with_parent() -> list[str]:
    # A test run that is killed cannot clean up; the kernel then ends the gateway for it.
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL"] if setpriv else []


def _wait_until_up(
    name: str, process: subprocess.Popen[bytes], url: str, log: Path, within_s: float
) -> None:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise GatewayStartError(
                f"{name} ended with {process.returncode} while starting:\n{_tail(log)}"
            )
        with suppress(httpx.TransportError):  # not listening yet
            if httpx.get(url, timeout=2.0, trust_env=False).status_code == 200:
                return
        time.sleep(0.1)
    raise GatewayStartError(f"{name} did not answer {url} in {within_s:g} s:\n{_tail(log)}")


def _tail(log: Path, lines: int = 40) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process, and then whatever it started: it leads a group of its own."""
    _signal(process, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=5.0)
    _signal(process, signal.SIGKILL)
    process.wait(timeout=5.0)


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
