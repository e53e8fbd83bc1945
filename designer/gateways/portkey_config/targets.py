"""A target that says for itself how its provider is reached, as a deployment."""

import re
from collections.abc import Mapping
from typing import Any

from designer.gateways.portkey_config import rules
from designer.gateways.portkey_config.placeholders import is_placeholder
from designer.gateways.portkey_config.providers import (
    ADDED_TO_HOST,
    AZURE_HOST,
    CLAUDE_PREFIX,
    LEFT_OUT_OF_HOST,
    MEANT,
    REGION_KEYS,
    SECRET_KEYS,
    SETTINGS,
)
from designer.gateways.portkey_config.read import Fields, Tell
from designer.ir import Deployment, frozen


def read_target(fields: Fields, tell: Tell) -> Deployment:
    own = fields.own
    named = str(own.get("provider") or "")
    provider = MEANT.get(named, named)
    params = dict(fields.params)
    model = params.pop("model", "")
    if provider == "azure" and isinstance(own.get("deployment_id"), str):
        model = own["deployment_id"]
    settings = {
        name: own[key]
        for name, key in SETTINGS.get(provider, {}).items()
        if isinstance(own.get(key), str) and own[key]
    }
    region = own.get(REGION_KEYS.get(provider, ""))
    return Deployment(
        id="",
        provider=provider,
        model=_wire_model(provider, model),
        api_base=_api_base(fields, provider),
        secret=_secret(own, tell),
        region=region if isinstance(region, str) and region else None,
        settings=tuple(sorted(settings.items())),
        params=tuple(sorted((name, frozen(value)) for name, value in params.items())),
    )


def _wire_model(provider: str, model: Any) -> str:
    if not isinstance(model, str):
        return ""
    is_claude = provider == "vertex" and model.startswith(f"{CLAUDE_PREFIX}claude")
    return model.removeprefix(CLAUDE_PREFIX) if is_claude else model


def _api_base(fields: Fields, provider: str) -> str | None:
    if fields.custom_host:
        host = fields.custom_host.removesuffix(ADDED_TO_HOST.get(provider, ""))
        return host + LEFT_OUT_OF_HOST.get(provider, "")
    resource = fields.own.get("resource_name")
    if provider == "azure" and isinstance(resource, str) and resource:
        return AZURE_HOST.format(resource)
    return None


_REFERENCE = re.compile(r"\$\{(.*)\}", re.DOTALL)


def _secret(own: Mapping[str, Any], tell: Tell) -> str | None:
    """The first reference. AWS's second secret goes with the first."""
    found = None
    for key in SECRET_KEYS:
        value = own.get(key)
        if not value:
            continue
        reference = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
        if reference is None:
            if not (isinstance(value, str) and is_placeholder(value)):
                tell.add(rules.LITERAL_KEY, key, key=key)
        elif found is None and key != "aws_secret_access_key":
            found = f"env:{reference[1]}"
    return found
