"""The harness starts the real gateways, they route, and nothing is left of them afterwards."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.gateways.asking import ask_litellm, ask_portkey
from tests.gateways.fixtures import write_litellm_config
from tests.gateways.processes import (
    MASTER_KEY,
    GatewayStartError,
    RunningGateway,
    free_port,
    litellm_proxy,
    portkey_gateway,
)
from tests.gateways.upstream import HANG, Outcome, Upstream, status

pytestmark = pytest.mark.gateway

TIMEOUT_S = 0.5

Ask = Callable[..., httpx.Response]
"""A request whose route is deployment `a`, then deployment `b`."""


@pytest.fixture(params=["litellm", "portkey"])
def ask(request: pytest.FixtureRequest, upstream: Upstream) -> Ask:
    gateway: RunningGateway = request.getfixturevalue(request.param)
    through: Ask = _through_litellm if request.param == "litellm" else _through_portkey
    return partial(through, gateway, upstream)


def test_a_healthy_primary_answers(ask: Ask, upstream: Upstream) -> None:
    reply = ask()

    assert reply.status_code == 200, reply.text
    assert reply.json()["choices"][0]["message"]["content"] == "a"
    assert upstream.labels() == ["a"]


def test_a_failing_primary_is_replaced(ask: Ask, upstream: Upstream) -> None:
    upstream.script("a", status(503))

    reply = ask()

    assert reply.json()["choices"][0]["message"]["content"] == "b"
    assert upstream.labels() == ["a", "b"]


def test_a_stream_from_a_failing_primary_is_replaced(ask: Ask, upstream: Upstream) -> None:
    upstream.script("a", status(503))

    reply = ask(stream=True)

    assert reply.status_code == 200
    assert '"b "' in reply.text
    assert upstream.labels() == ["a", "b"]


def test_a_silent_primary_is_given_up_after_its_timeout(ask: Ask, upstream: Upstream) -> None:
    upstream.script("a", HANG)

    reply = ask()

    assert reply.status_code == 200, reply.text
    first, second = upstream.attempts
    assert (first.label, second.label) == ("a", "b")
    assert TIMEOUT_S * 0.9 <= second.at_s - first.at_s < TIMEOUT_S + 2


def test_what_the_provider_is_sent_can_be_read(ask: Ask, upstream: Upstream) -> None:
    ask(temperature=0.25)

    attempt = upstream.attempts[0]
    assert attempt.path == "/d/a/v1/chat/completions"
    assert attempt.body["temperature"] == 0.25
    assert attempt.headers["Authorization"] == "Bearer key-of-a"


def test_litellm_names_the_deployment_that_served(
    litellm: RunningGateway, upstream: Upstream
) -> None:
    upstream.script("a", status(503))

    reply = _through_litellm(litellm, upstream)

    assert reply.headers["x-litellm-model-id"] == "b"


def test_litellm_lets_nobody_in_without_the_key(
    litellm: RunningGateway, upstream: Upstream
) -> None:
    reply = httpx.post(
        f"{litellm.base_url}/v1/chat/completions",
        headers={"authorization": "Bearer sk-of-somebody-else"},
        json={"model": "chat", "messages": [], "user_config": {"model_list": _models(upstream)}},
        trust_env=False,
    )

    # Without a database LiteLLM says 400 "No connected db." where one expects 401.
    assert reply.status_code == 400
    assert upstream.labels() == []


def test_a_booted_litellm_cools_a_deployment_down_within_a_request(
    tmp_path: Path, upstream: Upstream
) -> None:
    """The reason that cooldown cases cannot use `user_config`; see the `litellm` fixture."""
    upstream.script("a", status(429))
    config = write_litellm_config(
        tmp_path / "config.yaml", _models(upstream), router={"num_retries": 1}
    )

    with litellm_proxy(config) as gateway:
        ask_litellm(gateway, "chat")
        booted = upstream.labels()
        upstream.attempts.clear()
        ask_litellm(gateway, "chat")

    assert booted == ["a", "b"]
    assert upstream.labels() == ["b"]


def test_user_config_knows_no_cooldown(litellm: RunningGateway, upstream: Upstream) -> None:
    upstream.script("a", status(429))

    _through_litellm(litellm, upstream, num_retries=1)

    assert upstream.labels() == ["a", "a", "b"]


def test_a_gateway_is_gone_afterwards_even_when_the_test_failed() -> None:
    seen: list[int] = []

    def failing_test() -> None:
        with portkey_gateway() as gateway:
            seen.append(gateway.pid)
            assert not _runs(gateway.pid)

    with pytest.raises(AssertionError):
        failing_test()

    assert not _runs(seen[0])


def test_a_hanging_request_does_not_keep_litellm_alive(tmp_path: Path, upstream: Upstream) -> None:
    upstream.script("a", HANG)
    models = _models(upstream, timeout_s=600.0)
    config = write_litellm_config(tmp_path / "config.yaml", models)

    with litellm_proxy(config) as gateway:
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(
                f"{gateway.base_url}/v1/chat/completions",
                headers={"authorization": f"Bearer {MASTER_KEY}"},
                json={"model": "chat", "messages": []},
                timeout=0.2,
                trust_env=False,
            )
        ending = time.monotonic()

    assert not _runs(gateway.pid)
    assert time.monotonic() - ending < 15


@pytest.mark.parametrize("name", ["litellm", "portkey"])
def test_a_taken_port_is_named(name: str, tmp_path: Path) -> None:
    with (
        _listening() as port,
        pytest.raises(GatewayStartError, match=f"port {port} is taken"),
        _starting(name, tmp_path, port),
    ):
        pytest.fail("it started on a port that another program has")


def test_a_litellm_that_refuses_its_configuration_says_why(tmp_path: Path) -> None:
    config = write_litellm_config(
        tmp_path / "config.yaml", router={"routing_strategy": "no-such-strategy"}
    )

    with pytest.raises(GatewayStartError, match="no-such-strategy"), litellm_proxy(config):
        pytest.fail("it started with a strategy that does not exist")


def test_a_missing_gateway_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.gateways.processes.GATEWAYS", tmp_path)

    with pytest.raises(GatewayStartError, match="make gateways"), portkey_gateway():
        pytest.fail("it started from an empty folder")


def test_a_slow_provider_is_waited_for(ask: Ask, upstream: Upstream) -> None:
    upstream.script("a", Outcome(delay_s=TIMEOUT_S / 2))

    assert ask().status_code == 200
    assert upstream.labels() == ["a"]


def _through_litellm(
    gateway: RunningGateway, upstream: Upstream, num_retries: int = 0, **body: object
) -> httpx.Response:
    router = {"model_list": _models(upstream), "num_retries": num_retries}
    return ask_litellm(gateway, "chat", user_config=router, **body)


def _through_portkey(gateway: RunningGateway, upstream: Upstream, **body: object) -> httpx.Response:
    targets = [
        {"provider": "openai", "api_key": f"key-of-{label}", "custom_host": upstream.url(label)}
        for label in ("a", "b")
    ]
    config = {
        "strategy": {"mode": "fallback"},
        "request_timeout": round(TIMEOUT_S * 1000),
        "targets": targets,
    }
    return ask_portkey(gateway, config, **body)


def _models(upstream: Upstream, timeout_s: float = TIMEOUT_S) -> list[dict[str, object]]:
    return [
        {
            "model_name": "chat",
            "litellm_params": {
                "model": "openai/any",
                "api_key": f"key-of-{label}",
                "api_base": upstream.url(label),
                "timeout": timeout_s,
                "order": order,
            },
            "model_info": {"id": label},
        }
        for order, label in enumerate(("a", "b"), start=1)
    ]


def _starting(name: str, folder: Path, port: int) -> AbstractContextManager[RunningGateway]:
    if name == "portkey":
        return portkey_gateway(port)
    return litellm_proxy(write_litellm_config(folder / "config.yaml"), port=port)


@contextmanager
def _listening() -> Iterator[int]:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        yield port


def _runs(pid: int) -> bool:
    """Whether the process or any of its group is still there."""
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return False
    return True
