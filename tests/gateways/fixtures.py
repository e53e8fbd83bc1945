"""What tests against the real gateways share; a conftest imports the fixtures it offers.

A missing gateway fails the test: a conformance run that skips proves nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateways.processes import (
    MASTER_KEY,
    NO_WAITS,
    RunningGateway,
    litellm_proxy,
    portkey_gateway,
)
from tests.gateways.upstream import Upstream, running_upstream


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """A scripted provider of this test's own."""
    with running_upstream() as upstream:
        yield upstream


@pytest.fixture(scope="session")
def portkey() -> Iterator[RunningGateway]:
    """One Portkey for the whole run: it keeps nothing between two requests."""
    with portkey_gateway() as gateway:
        yield gateway


@pytest.fixture(scope="session")
def litellm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """One LiteLLM proxy that runs whatever Router a request brings in `user_config`.

    It never waits between retries, and **it never cools a deployment down, not even within one
    request**: such a Router loses its callbacks before the call starts. That is what a booted
    proxy does under `disable_cooldowns: true`; a 429 or 401 with retries goes elsewhere otherwise.
    Anything with cooldowns needs a proxy booted with its own configuration, `litellm_proxy`.
    """
    config = tmp_path_factory.mktemp("litellm") / "config.yaml"
    write_litellm_config(config, allow_client_side_credentials=True)
    with litellm_proxy(config, NO_WAITS) as gateway:
        yield gateway


def write_litellm_config(
    path: Path,
    models: list[dict[str, object]] | None = None,
    router: dict[str, object] | None = None,
    **general: object,
) -> Path:
    """A LiteLLM configuration that `MASTER_KEY` opens. JSON is YAML, so it is written as JSON."""
    config = {
        "model_list": models or [],
        "router_settings": router or {},
        "general_settings": {"master_key": MASTER_KEY} | general,
    }
    path.write_text(json.dumps(config))
    return path
