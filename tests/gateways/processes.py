"""The real gateways as `tests/gateways/install.sh` installs them, started for a test."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from msgspec.structs import replace

from designer.conform import litellm, portkey
from designer.conform.installed import Installed, find
from designer.conform.litellm import MASTER_KEY
from designer.conform.processes import Running as RunningGateway
from designer.conform.processes import free_port, running
from designer.errors import NetworkError as GatewayStartError

__all__ = [
    "GATEWAYS",
    "MASTER_KEY",
    "NO_JITTER",
    "NO_WAITS",
    "GatewayStartError",
    "RunningGateway",
    "free_port",
    "installed",
    "litellm_proxy",
    "portkey_gateway",
]

GATEWAYS = Path(os.environ.get("GATEWAYS_DIR") or Path(__file__).resolve().parents[2] / ".gateways")

NO_WAITS = {"INITIAL_RETRY_DELAY": "0", "MAX_RETRY_DELAY": "0", "JITTER": "0"}
"""LiteLLM environment for tests that count attempts and need no backoff between them."""

NO_JITTER = {"JITTER": "0"}
"""LiteLLM environment for tests that measure its real backoff."""


def installed(gateway: str) -> Installed:
    """A missing gateway fails the test: a conformance run that skips proves nothing."""
    folder = GATEWAYS / gateway
    if not (folder / ".stamp").exists():
        raise GatewayStartError(f"{gateway} is not installed in {GATEWAYS}; run: make gateways")
    return find(folder)


@contextmanager
def litellm_proxy(
    config: Path, env: Mapping[str, str] | None = None, port: int | None = None
) -> Iterator[RunningGateway]:
    """The real LiteLLM proxy with this configuration file, answering, then gone.

    Its environment is only what it needs and `env`: no key of the developer's reaches it. Clients
    use `MASTER_KEY`, unless the configuration names another one.
    """
    start = litellm.start(installed("litellm").program, config, port)
    settings = {name: value for name, value in start.env.items() if name != "JITTER"}
    with running(replace(start, env=settings | dict(env or {}))) as gateway:
        yield gateway


@contextmanager
def portkey_gateway(port: int | None = None) -> Iterator[RunningGateway]:
    """The real open-source Portkey gateway, answering, then gone."""
    with running(portkey.start(installed("portkey").program, port)) as gateway:
        yield gateway
