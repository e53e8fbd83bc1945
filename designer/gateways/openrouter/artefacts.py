"""What is deployed beside the requests: the client module that sends them, and a Terraform module.

The module makes what keys.json, workspace.json and guardrail.json say, and assigns the guardrail to the
keys that it makes; without that a guardrail does nothing. It is written in Terraform's JSON syntax, whose
strings can hold every name. Nothing here was applied: the provider wants an account.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from designer.gateways.base import File, Terms
from designer.gateways.openrouter.folders import ROOT, preset_slugs
from designer.ir import Routing

PROVIDER = "OpenRouterTeam/openrouter"
UNKNOWN_TO_TERRAFORM = frozenset({"allowed_data_regions"})
"""Fields of a guardrail that the provider's resource has not (docs/resources/guardrail.md, read
2026-11-24)."""

HEADER = (
    "Written by designer from keys.json, workspace.json and guardrail.json.",
    "Not applied in designer's tests: the provider wants an account. Attributes were checked against "
    "the provider's documentation of 2026-11-24.",
    "Terraform's state holds the keys that are made: keep it where secrets may be.",
    "Budgets of a workspace need an Enterprise plan.",
    "The guardrail is assigned to the keys made here, not to keys that exist already.",
)
REGIONS_BY_HAND = "The provider cannot set allowed_data_regions: PATCH the guardrail with it, as guardrail.json says."


def artefacts(
    _routing: Routing, _terms: Mapping[str, Terms], name: str, files: Sequence[File]
) -> tuple[File, ...]:
    client = File(f"{ROOT}/client.py", "client.py.j2", {"name": name})
    module = _module_for(files)
    if not module:
        return (client,)
    return (client, File(f"{ROOT}/main.tf.json", "values.json.j2", module))


def secrets(_routing: Routing, files: Sequence[File]) -> dict[str, str]:
    """Variables of client.py, by route, and those that Terraform asks for."""
    client: Mapping[str, Any] = next(
        (f.values for f in files if f.path == f"{ROOT}/client.json"), {"routes": {}}
    )
    readers: dict[str, list[str]] = {}
    for route, settings in client["routes"].items():
        if key := settings.get("api_key", ""):
            readers.setdefault(key.removeprefix("env:"), []).append(route)
    needed = {name: f"client.py asks {', '.join(names)} with it" for name, names in readers.items()}
    variables = _module_for(files).get("variable", {})
    return needed | {f"TF_VAR_{name}": _FOR_TERRAFORM[name] for name in variables}


_FOR_TERRAFORM = {
    "management_key": "main.tf.json makes keys, guardrails and workspaces with it; it asks no model",
    "otel_endpoint": "main.tf.json sends traces there",
}


def _module_for(files: Sequence[File]) -> dict[str, Any]:
    values = {file.path.removeprefix(f"{ROOT}/"): file.values for file in files}
    return module_of(
        values.get("keys.json", {}).get("keys", ()),
        values.get("workspace.json", {}),
        values.get("guardrail.json", {}),
    )


def module_of(
    keys: Sequence[Mapping[str, Any]], workspace: Mapping[str, Any], guardrail: Mapping[str, Any]
) -> dict[str, Any]:
    """Terraform's module; empty when there is nothing to make."""
    place = {"workspace_id": "${openrouter_workspace.gateway.id}"} if workspace else {}
    resources: dict[str, dict[str, Any]] = {}
    if workspace:
        resources |= _workspace(workspace, place)
    if guardrail:
        known = {k: v for k, v in guardrail.items() if k not in UNKNOWN_TO_TERRAFORM}
        resources["openrouter_guardrail"] = {"gateway": {**literal(known), **place}}
    made = _named(keys)
    if made:
        resources["openrouter_api_key"] = {
            name: {**literal(key["body"]), **place} for name, key in made.items()
        }
    if made and guardrail:
        resources["openrouter_guardrail_key_assignment"] = {
            name: {
                "guardrail_id": "${openrouter_guardrail.gateway.id}",
                "key_hash": f"${{openrouter_api_key.{name}.hash}}",
            }
            for name in made
        }
    return _module(resources, guardrail, made) if resources else {}


def _named(keys: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """By a name that stays when other keys come and go: under another one, a key would be made anew."""
    unique = {json.dumps(["key", key["team"], key["body"]["name"]]): key for key in keys}
    return {slug: unique[text] for text, slug in preset_slugs(unique).items()}


def _workspace(workspace: Mapping[str, Any], place: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    resources: dict[str, dict[str, Any]] = {
        "openrouter_workspace": {"gateway": literal(workspace["workspace"])}
    }
    if budgets := workspace.get("budgets"):
        resources["openrouter_workspace_budget"] = {
            interval: {"id": place["workspace_id"], "interval": interval, **literal(budget)}
            for interval, budget in budgets.items()
        }
    if destination := workspace.get("destination"):
        own = {"config": {"endpoint": "${jsonencode(var.otel_endpoint)}"}, **place}
        resources["openrouter_observability_destination"] = {
            "traces": {**literal(destination), **own}
        }
    return resources


def _module(
    resources: Mapping[str, Any], guardrail: Mapping[str, Any], made: Mapping[str, Any]
) -> dict[str, Any]:
    by_hand = [REGIONS_BY_HAND] if UNKNOWN_TO_TERRAFORM & guardrail.keys() else []
    module: dict[str, Any] = {
        "//": [*HEADER, *by_hand],
        "terraform": {"required_providers": {"openrouter": {"source": PROVIDER}}},
        "provider": {"openrouter": {"api_key": "${var.management_key}"}},
        "variable": {"management_key": {"type": "string", "sensitive": True}},
    }
    if "openrouter_observability_destination" in resources:
        module["variable"]["otel_endpoint"] = {"type": "string", "sensitive": True}
    module["resource"] = resources
    if made:
        module["output"] = {
            name: {"value": f"${{openrouter_api_key.{name}.key}}", "sensitive": True}
            for name in made
        }
    return module


def literal(value: Any) -> Any:
    """With texts that Terraform takes as they are, whatever they look like to it."""
    if isinstance(value, str):
        return value.replace("${", "$${").replace("%{", "%%{")
    if isinstance(value, Mapping):
        return {key: literal(inner) for key, inner in value.items()}
    return [literal(inner) for inner in value] if isinstance(value, list) else value
