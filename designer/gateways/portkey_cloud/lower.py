"""A legal Routing as configurations for the hosted product: one file a route."""

from collections.abc import Mapping
from typing import Any

from designer.gateways.base import File, Terms
from designer.gateways.portkey_cloud.tables import SLUG
from designer.gateways.portkey_config.paths import FILE, folders
from designer.gateways.portkey_config.write import config_of
from designer.ir import Deployment, Route, Routing

FOLDER = "portkey-cloud"
SCHEMA = "portkey-cloud"

RETRY_AFTER_KEYS = ("use_retry_after_header", "use_retry_after_headers")
"""The source of branch 2.0.0 reads the first, the documentation has the second (2026-11-22)."""


def lower(routing: Routing, terms: Mapping[str, Terms]) -> tuple[File, ...]:
    """`terms` find no place: prices are Portkey's own, and JSON has no comments."""
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
    config = config_of(route.node, routing, _settings_of, RETRY_AFTER_KEYS, default_required=True)
    for stage in ("input", "output"):
        rails = [
            rail.name
            for rail in routing.guardrails
            if stage in rail.stages and rail.covers(route.name)
        ]
        if rails:
            config[f"{stage}_guardrails"] = rails
    return config


def _settings_of(deployment: Deployment) -> Mapping[str, Any]:
    settings: dict[str, Any] = {"provider": f"@{dict(deployment.settings)[SLUG]}"}
    params = dict(deployment.params)
    if deployment.model:
        params = {"model": deployment.model} | params
    if params:
        settings["override_params"] = params
    return settings
