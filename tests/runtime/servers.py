"""Real Redis and PostgreSQL servers on loopback, each in a folder of its own; stopped by their pid.

They are not there on every machine: `tests/gateways/install.sh servers` installs them where that is
allowed. A test that needs one is skipped without it, and says so.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from designer.conform.processes import free_port

_STARTS_WITHIN_S = 20.0


@contextmanager
def redis_server(folder: Path, port: int | None = None) -> Iterator[str]:
    """Its URL."""
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("there is no redis-server: bash tests/gateways/install.sh servers")
    port = port or free_port()
    command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    command += ["--appendonly", "yes", "--save", ""]
    with _process(command, folder / "redis.log", port):
        yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def postgres_server() -> Iterator[str]:
    """Its URL. PostgreSQL refuses to run as root, so that root starts it as somebody else."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    initdb = shutil.which("initdb") or (str(found[-1]) if found else None)
    if initdb is None:
        pytest.skip("there is no PostgreSQL: bash tests/gateways/install.sh servers")
    user = "nobody" if os.getuid() == 0 else None
    # A folder of a test is below folders that only its owner may enter.
    with TemporaryDirectory(prefix="designer-postgres-") as folder:
        if user is not None:
            shutil.chown(folder, user)
        data, port = Path(folder) / "data", free_port()
        made = [initdb, "-D", str(data), "-U", "designer", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(made, user=user, cwd="/", check=True, capture_output=True)
        command = [str(Path(initdb).parent / "postgres"), "-D", str(data), "-p", str(port)]
        command += ["-h", "127.0.0.1", "-k", "", "-F"]
        with _process(command, Path(folder) / "postgres.log", port, user):
            url = f"postgresql://designer@127.0.0.1:{port}/postgres"
            _wait_for_answers(url)
            yield url


def _wait_for_answers(url: str) -> None:
    """PostgreSQL opens its port before it is ready."""
    import psycopg

    ends_at = time.monotonic() + _STARTS_WITHIN_S
    while True:
        try:
            psycopg.connect(url).close()
            return
        except psycopg.OperationalError:
            if time.monotonic() > ends_at:
                raise
            time.sleep(0.05)


@contextmanager
def _process(command: list[str], log: Path, port: int, user: str | None = None) -> Iterator[None]:
    with log.open("wb") as out:
        server = subprocess.Popen(command, stdout=out, stderr=out, user=user, cwd="/")
    try:
        _wait(server, port, log)
        yield
    finally:
        server.send_signal(signal.SIGINT)  # PostgreSQL waits for its clients on a SIGTERM
        server.wait(_STARTS_WITHIN_S)


def _wait(server: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    ends_at = time.monotonic() + _STARTS_WITHIN_S
    while time.monotonic() < ends_at and server.poll() is None:
        with socket.socket() as probe:
            probe.settimeout(0.5)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail(f"{server.args} did not start: {log.read_text(errors='replace')[-800:]}")
