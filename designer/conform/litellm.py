"""Conformance cases on the real LiteLLM proxy.

Its router forgets nothing: cooldowns, counters and latencies outlive a request. Cases that need
them are groups of one booted configuration, with names of their own; those that do without bring
their router in the request (`user_config`), which is quick but never cools anything down.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from designer.conform.case import Case
from designer.conform.observed import MARK, Asked
from designer.conform.processes import Start, free_port
from designer.diagnostics import Report
from designer.gateways.base import Parsed
from designer.gateways.litellm import LITELLM

MASTER_KEY = "sk-conformance-0123456789abcdef0123456789abcdef"
"""LiteLLM refuses short or famous master keys. This one opens only proxies on loopback."""

ENV = {
    "JITTER": "0",  # constants.py:514; everything else of its backoff is as it comes
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_MASTER_KEY": MASTER_KEY,
}
MOST_IN_A_BOOT = 60
"""A boot asks every deployment for its models first."""

_BY_NAME = (
    *("fallbacks", "context_window_fallbacks", "content_policy_fallbacks"),
    *("model_group_alias", "model_group_retry_policy", "routing_groups"),
)
"""Settings that say something of one group each, so that many cases have them side by side."""
_TYPED = ("context_window_fallbacks", "content_policy_fallbacks")
_SETTINGS = ("router_settings", "litellm_settings")
_KEPT_BETWEEN_REQUESTS = frozenset(
    {"least-busy", "latency-based-routing", "usage-based-routing", "usage-based-routing-v2"}
)
_COUNTED = frozenset({"max_budget", "max_parallel_requests"})
_COUNTING = ("enable_pre_call_checks", "optional_pre_call_checks", "provider_budget_config")


def fill(config: Mapping[str, Any], address: Callable[[int], str]) -> dict[str, Any]:
    models = [
        entry
        | {
            "litellm_params": {"model": f"openai/m{number}"}
            | dict(entry.get("litellm_params") or {})
            | {"api_base": f"{address(number)}/v1", "api_key": "sk-case"}
        }
        for number, entry in enumerate(config.get("model_list") or [])
    ]
    return dict(config) | {"model_list": models}


def parser(version: str) -> Callable[[Mapping[str, Any], Report], Parsed | None]:
    def parse(config: Mapping[str, Any], report: Report) -> Parsed | None:
        return LITELLM.parse({"config.json": json.dumps(config)}, report, version)

    return parse


def comes_along(case: Case) -> bool:
    """Whether the request can bring this case's router."""
    router = case.config.get("router_settings") or {}
    return (
        router.get("disable_cooldowns") is True
        and case.config.keys() <= {"model_list", "router_settings"}
        and not (case.script.is_list and _keeps_counts(case, router))
    )


def _keeps_counts(case: Case, router: Mapping[str, Any]) -> bool:
    """Whether what one request used up decides about the next."""
    params = (entry.get("litellm_params") or {} for entry in case.config.get("model_list") or [])
    return (
        router.get("routing_strategy") in _KEPT_BETWEEN_REQUESTS
        or any(router.get(key) for key in _COUNTING)
        or any(_COUNTED & said.keys() for said in params)
    )


def start(program: Sequence[str], config: Path, port: int | None = None) -> Start:
    port = port or free_port()
    command = (*program, "--config", str(config), "--host", "127.0.0.1", "--port", str(port))
    return Start("LiteLLM", command, port, "/health/liveliness", ENV)


def boots(cases: Iterable[Case]) -> list[list[Case]]:
    """Which cases can share a configuration: all that one could not say for one group alone is equal."""
    by_settings: dict[str, list[Case]] = {}
    for case in cases:
        by_settings.setdefault(_common(case), []).append(case)
    return [
        group[first : first + MOST_IN_A_BOOT]
        for group in by_settings.values()
        for first in range(0, len(group), MOST_IN_A_BOOT)
    ]


def _common(case: Case) -> str:
    """Equal for cases that may stand in one file."""
    rest: dict[str, Any] = {
        key: {k: v for k, v in (value or {}).items() if k not in _BY_NAME}
        if key in _SETTINGS
        else value
        for key, value in case.config.items()
        if key != "model_list"
    }
    said = [case.config.get(section) or {} for section in _SETTINGS]
    typed = [[bool(section.get(key)) for key in _TYPED] for section in said]
    alone = case.id if _needs_its_names(case) else ""
    return json.dumps([rest, typed, alone], sort_keys=True)


def _needs_its_names(case: Case) -> bool:
    """Whether its groups cannot be renamed: patterns, and lists that are everybody's."""
    names = [str(entry.get("model_name", "")) for entry in case.config.get("model_list") or []]
    said = [case.config.get(section) or {} for section in _SETTINGS]
    listed = [pair for section in said for pair in section.get("fallbacks") or []]
    return (
        any("*" in name for name in names)
        or any("default_fallbacks" in section for section in said)
        or any(isinstance(pair, Mapping) and "*" in pair for pair in listed)
    )


def booted(configs: Sequence[tuple[Case, Mapping[str, Any]]]) -> dict[str, Any]:
    """One configuration for all of them, each with group names of its own."""
    merged: dict[str, Any] = {
        "model_list": [],
        "general_settings": {"master_key": MASTER_KEY, "allow_client_side_credentials": True},
    }
    for case, config in configs:
        rename = _renamer(case, len(configs))
        for entry in config["model_list"]:
            merged["model_list"].append(entry | {"model_name": rename(entry.get("model_name"))})
        for section, value in config.items():
            if section == "model_list":
                continue
            if not isinstance(value, Mapping):
                merged[section] = value
                continue
            into = merged.setdefault(section, {})
            for key, said in value.items():
                if section in _SETTINGS and key in _BY_NAME:
                    _merge(into, key, said, rename)
                else:
                    into[key] = said
    return merged


def _merge(into: dict[str, Any], key: str, said: Any, rename: Callable[[Any], Any]) -> None:
    if key in ("model_group_alias", "model_group_retry_policy"):
        held = into.setdefault(key, {})
        for name, value in (said or {}).items():
            held[rename(name)] = _target(value, rename) if key == "model_group_alias" else value
        return
    held = into.setdefault(key, [])
    if key == "routing_groups":
        held.extend(_routing_group(group, rename) for group in said or [])
        return
    for pair in said or []:
        held.append(
            {rename(name): [_target(n, rename) for n in names] for name, names in pair.items()}
        )


def _routing_group(said: Mapping[str, Any], rename: Callable[[Any], Any]) -> dict[str, Any]:
    group = dict(said) | {
        "group_name": rename(said["group_name"]),
        "models": [rename(name) for name in said["models"]],
    }
    if "model_priorities" in said:
        priorities = said["model_priorities"].items()
        group["model_priorities"] = {rename(name): priority for name, priority in priorities}
    return group


def _target(value: Any, rename: Callable[[Any], Any]) -> Any:
    if isinstance(value, Mapping):
        return dict(value) | {"model": rename(value["model"])}
    return rename(value)


def _renamer(case: Case, cases: int) -> Callable[[Any], Any]:
    """A case that has the file for itself keeps its names."""
    if cases == 1:
        return lambda name: name
    return lambda name: f"{case.id}/{name}" if isinstance(name, str) else name


def requests(
    case: Case, config: Mapping[str, Any], base_url: str, marks: Sequence[int], together: int
) -> list[Asked]:
    """`together` is with how many cases it was booted; 0: its router comes along."""
    rename = _renamer(case, together or 1)
    asked = []
    raw = case.said.get("requests") or [case.said.get("request") or {}]
    for said, mark in zip(raw, marks, strict=True):
        body = {
            key: value
            for key, value in said.items()
            if key not in ("at_s", "route", "path", "input_tokens")
        }
        name = said.get("route") or case.route or said.get("model") or _only(config)
        body |= {"model": rename(name), MARK: mark}
        body.setdefault("messages", [{"role": "user", "content": "hello"}])
        if isinstance(body.get("fallbacks"), list):
            body["fallbacks"] = [_target(f, rename) for f in body["fallbacks"]]
        if not together:
            router = config.get("router_settings") or {}
            body["user_config"] = {**router, "model_list": config["model_list"]}
        headers = {"authorization": f"Bearer {MASTER_KEY}"}
        path = said.get("path", "/v1/chat/completions")
        asked.append(Asked(base_url + path, headers, body, float(said.get("at_s", 0.0))))
    return asked


def _only(config: Mapping[str, Any]) -> Any:
    models = config["model_list"]
    return models[0].get("model_name") if models else None
