"""Conformance cases on the real open-source Portkey gateway.

It keeps nothing between two requests, so all cases run side by side; the configuration travels in a
header.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from designer.conform.case import Case
from designer.conform.observed import MARK, Asked
from designer.conform.processes import Start, free_port
from designer.diagnostics import Report
from designer.gateways.base import Parsed
from designer.gateways.portkey_oss import PORTKEY_OSS


def fill(config: Mapping[str, Any], address: Callable[[int], str]) -> dict[str, Any]:
    count = 0

    def filled(node: Mapping[str, Any]) -> dict[str, Any]:
        nonlocal count
        if isinstance(node.get("targets"), list):
            return dict(node) | {"targets": [filled(inner) for inner in node["targets"]]}
        count += 1
        host = {"custom_host": f"{address(count - 1)}/v1", "api_key": "sk-case"}
        return {"provider": "openai"} | dict(node) | host

    return filled(config)


def parser(version: str) -> Callable[[Mapping[str, Any], Report], Parsed | None]:
    def parse(config: Mapping[str, Any], report: Report) -> Parsed | None:
        return PORTKEY_OSS.parse({"config.json": json.dumps(config)}, report, version)

    return parse


def start(program: Sequence[str], port: int | None = None) -> Start:
    port = port or free_port()
    return Start("Portkey", (*program, "--headless", f"--port={port}"), port, "/", within_s=60.0)


def requests(
    case: Case, config: Mapping[str, Any], base_url: str, marks: Sequence[int]
) -> list[Asked]:
    asked = []
    raw = case.said.get("requests") or [case.said.get("request") or {}]
    for said, mark in zip(raw, marks, strict=True):
        kept = ("at_s", "route", "path", "metadata", "headers", "input_tokens")
        body = {key: value for key, value in said.items() if key not in kept}
        body.setdefault("messages", [{"role": "user", "content": "hello"}])
        headers = {"x-portkey-config": json.dumps(config)} | dict(said.get("headers") or {})
        if "metadata" in said:
            headers["x-portkey-metadata"] = json.dumps(said["metadata"])
        path = said.get("path", "/v1/chat/completions")
        body = {"model": "any"} | body | {MARK: mark}
        asked.append(Asked(base_url + path, headers, body, float(said.get("at_s", 0.0))))
    return asked
