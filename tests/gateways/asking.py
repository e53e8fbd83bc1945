"""One chat request to a running gateway, the way a client of it would send it.

Requests are as short as can be; what the gateway makes of them is read from the upstream's record.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import httpx

from tests.gateways.processes import MASTER_KEY, RunningGateway

_PATIENCE_S = 120.0


def ask_litellm(gateway: RunningGateway, model: str, **body: Any) -> httpx.Response:
    """Ask the proxy for `model`; `user_config={...}` in the body brings a Router of its own."""
    return _ask(gateway, {"authorization": f"Bearer {MASTER_KEY}"}, {"model": model} | body)


def ask_portkey(gateway: RunningGateway, config: Mapping[str, Any], **body: Any) -> httpx.Response:
    """Ask the gateway to route by `config`; each target there says where its provider is."""
    return _ask(gateway, {"x-portkey-config": json.dumps(config)}, {"model": "any"} | body)


def _ask(
    gateway: RunningGateway, headers: Mapping[str, str], body: Mapping[str, Any]
) -> httpx.Response:
    return httpx.post(
        f"{gateway.base_url}/v1/chat/completions",
        headers=dict(headers),
        json={"messages": [{"role": "user", "content": "hello"}]} | dict(body),
        timeout=_PATIENCE_S,
        trust_env=False,
    )
