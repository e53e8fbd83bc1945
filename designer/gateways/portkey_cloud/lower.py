"""A legal Routing as configurations for the hosted product: one file a route."""

from collections.abc import Iterator, Mapping
from typing import Any

from designer.gateways.base import File, Terms
from designer.gateways.portkey_cloud import limits, rails
from designer.gateways.portkey_cloud.lacks import as_metadata
from designer.gateways.portkey_cloud.tables import SLUG
from designer.gateways.portkey_config.lacks import on_leaves
from designer.gateways.portkey_config.paths import FILE, folders
from designer.gateways.portkey_config.write import config_of
from designer.ir import Deployment, Route, Routing

FOLDER = "portkey-cloud"
SCHEMA = "portkey-cloud"

RETRY_AFTER_KEYS = ("use_retry_after_header", "use_retry_after_headers")
"""The source of branch 2.0.0 reads the first, the documentation has the second (2026-11-22)."""


HEADERS_FILE = "headers.json"
SILENT = {"x-portkey-debug": "false"}
"""Nothing of what is asked and answered is logged (documentation, 2026-08-21)."""

SCHEMAS = {
    rails.FILE: "portkey-cloud-guardrails",
    limits.FILE: "portkey-cloud-limits",
    HEADERS_FILE: "portkey-cloud-headers",
}


def lower(routing: Routing, terms: Mapping[str, Terms]) -> tuple[File, ...]:
    """`terms` find no place: prices are Portkey's own, and JSON has no comments."""
    where = folders(route.name for route in routing.routes)
    routing = on_leaves(as_metadata)(routing)
    configs = (
        File(
            f"{FOLDER}/{where[route.name]}/{FILE}",
            "config.json.j2",
            _config(route, routing),
            SCHEMA,
        )
        for route in routing.routes
    )
    return (*configs, *_beside(routing))


def _beside(routing: Routing) -> Iterator[File]:
    """What has to stand in the workspace, and what each request says beside its configuration."""
    found: dict[str, Mapping[str, Any]] = {
        rails.FILE: rails.values_of(routing.guardrails),
        limits.FILE: limits.values_of(routing),
        HEADERS_FILE: headers_of(routing),
    }
    for name, values in found.items():
        if values:
            yield File(f"{FOLDER}/{name}", "config.json.j2", values, SCHEMAS[name])


def headers_of(routing: Routing) -> dict[str, str]:
    silent = routing.telemetry is not None and routing.telemetry.prompts == "never"
    return dict(SILENT) if silent else {}


def _config(route: Route, routing: Routing) -> dict[str, Any]:
    config = config_of(route.node, routing, _settings_of, RETRY_AFTER_KEYS, default_required=True)
    cache = next((cache for cache in routing.caches if cache.covers(route.name)), None)
    if cache is not None:
        config["cache"] = {"mode": _MODES[cache.mode], "max_age": int(cache.ttl_s)}
    for stage in ("input", "output"):
        named = [
            rail.name
            for rail in routing.guardrails
            if stage in rail.stages and rail.covers(route.name)
        ]
        if named:
            config[f"{stage}_guardrails"] = named
    return config


_MODES = {"exact": "simple", "semantic": "semantic"}


def _settings_of(deployment: Deployment) -> Mapping[str, Any]:
    settings: dict[str, Any] = {"provider": f"@{dict(deployment.settings)[SLUG]}"}
    params = dict(deployment.params)
    if deployment.model:
        params = {"model": deployment.model} | params
    if params:
        settings["override_params"] = params
    return settings
