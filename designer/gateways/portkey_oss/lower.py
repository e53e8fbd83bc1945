"""A legal Routing as configurations for the open-source gateway: one file a route."""

from collections.abc import Mapping
from typing import Any

from designer.gateways.base import File, Terms
from designer.gateways.portkey_config.paths import FILE, folders
from designer.gateways.portkey_config.providers import (
    ADDED_TO_HOST,
    AZURE_HOST,
    CLAUDE_PREFIX,
    LEFT_OUT_OF_HOST,
    REGION_KEYS,
    SETTINGS,
    SPELLED,
)
from designer.gateways.portkey_config.write import config_of
from designer.gateways.portkey_oss import tables
from designer.gateways.portkey_oss.lacks import is_azure_resource
from designer.ir import Deployment, Guardrail, Route, Routing

FOLDER = "portkey-oss"
SCHEMA = "portkey-oss"


def lower(routing: Routing, terms: Mapping[str, Terms]) -> tuple[File, ...]:
    """`terms` find no place: the gateway keeps no prices, and JSON no comments."""
    where = folders(route.name for route in routing.routes)
    return tuple(
        File(
            f"{FOLDER}/{where[route.name]}/{FILE}",
            "config.json.j2",
            _config(route, routing),
            SCHEMA,
        )
        for route in routing.routes
    )


def _config(route: Route, routing: Routing) -> dict[str, Any]:
    config = config_of(route.node, routing, settings_of, ("use_retry_after_header",))
    rails = [_guardrail(rail) for rail in routing.guardrails if rail.covers(route.name)]
    return config | {"input_guardrails": rails} if rails else config


def settings_of(deployment: Deployment) -> Mapping[str, Any]:
    provider = deployment.provider
    settings: dict[str, Any] = {"provider": SPELLED.get(provider, provider)}
    if deployment.api_base is not None:
        settings |= _address(deployment.api_base, provider)
    if deployment.region is not None:
        settings[REGION_KEYS[provider]] = deployment.region
    keys = SETTINGS.get(provider, {})
    settings |= {keys[name]: value for name, value in deployment.settings}
    settings |= _credentials(deployment)
    params = dict(deployment.params)
    if provider == "azure" and deployment.model:
        settings["deployment_id"] = deployment.model
    elif deployment.model:
        params = {"model": spelled_model(deployment)} | params
    if params:
        settings["override_params"] = params
    return settings


def spelled_model(deployment: Deployment) -> str:
    """Vertex AI tells publishers apart by a prefix; Google's own have none."""
    is_claude = deployment.provider == "vertex" and deployment.model.startswith("claude")
    return CLAUDE_PREFIX + deployment.model if is_claude else deployment.model


def _address(base: str, provider: str) -> dict[str, str]:
    if is_azure_resource(provider, base):
        before, after = AZURE_HOST.split("{}")
        return {"resource_name": base.removeprefix(before).removesuffix(after)}
    host = base.removesuffix(LEFT_OUT_OF_HOST.get(provider, ""))
    return {"custom_host": host + ADDED_TO_HOST.get(provider, "")}


def _credentials(deployment: Deployment) -> dict[str, str]:
    if deployment.secret is None:
        # The schema wants a key at every target; an empty one sends none.
        return {} if deployment.provider == "ollama" else {"api_key": ""}
    name = deployment.secret.removeprefix("env:")
    match deployment.provider:
        case "bedrock":
            first, second = tables.PARTNER_SECRET
            partner = name.replace(first, second) if first in name else f"{name}_SECRET"
            return {"aws_access_key_id": _filled(name), "aws_secret_access_key": _filled(partner)}
        case "vertex":
            return {"vertex_service_account_json": _filled(name)}
        case _:
            return {"api_key": _filled(name)}


def _filled(name: str) -> str:
    return f"${{{name}}}"


def _guardrail(rail: Guardrail) -> dict[str, Any]:
    return {
        "id": rail.name,
        "default.regexMatch": {
            "rule": rail.pattern,
            "not": True,
            "failOnError": rail.on_error == "block",
        },
        "deny": True,
    }
