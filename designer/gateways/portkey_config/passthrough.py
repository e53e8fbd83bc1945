"""What a profile passes through to either Portkey: a configuration for each alias."""

from collections.abc import Mapping
from typing import Any

from designer.gateways.base import File, Parsed, Placed
from designer.gateways.portkey_config.paths import FILE, folders
from designer.gateways.portkey_config.read import unwrapped


def place(
    folder: str, section: Mapping[str, Any], aliases: Mapping[str, bool]
) -> tuple[Placed, ...]:
    planned = folders(alias for alias, is_given in aliases.items() if not is_given)
    where = folders(aliases) | planned  # `lower` knows of no others than the planned ones
    return tuple(
        Placed(File(f"{folder}/{where[alias]}/{FILE}", "config.json.j2", config), alias)
        for alias, config in section.items()
        if alias in aliases
    )


def carry(parsed: Parsed) -> Mapping[str, Any]:
    """Without what a saved configuration or a request is wrapped in."""
    configs = (unwrapped(document.value)[0] for document in parsed.documents)
    return {
        route.name: config for route, config in zip(parsed.routing.routes, configs, strict=True)
    }
