"""What is written beside the configurations: a client to try them with, and what saves them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from designer.gateways.base import File, Terms
from designer.gateways.portkey_cloud import limits, rails
from designer.gateways.portkey_cloud.limits import ALIAS
from designer.gateways.portkey_cloud.lower import FOLDER, headers_of
from designer.gateways.portkey_cloud.tables import API_URL, MAX_HEADER_BYTES
from designer.gateways.portkey_config.paths import FILE, folders
from designer.ir import Routing


def artefacts(
    routing: Routing, terms: Mapping[str, Terms], name: str, files: Sequence[File]
) -> tuple[File, ...]:
    where = folders(route.name for route in routing.routes)
    configs = {route: f"{folder}/{FILE}" for route, folder in where.items()}
    client = {
        "configs": configs,
        "headers": headers_of(routing),
        "alias": ALIAS,
        "url": API_URL,
        "max_header_bytes": MAX_HEADER_BYTES,
    }
    terraform = {
        "configs": {_hcl(route): _hcl(path) for route, path in configs.items()},
        "guardrails": rails.FILE if rails.values_of(routing.guardrails) else "",
        "limits": limits.FILE if limits.values_of(routing) else "",
    }
    return (
        File(f"{FOLDER}/client.py", "client_cloud.py.j2", client),
        File(f"{FOLDER}/main.tf", "main.tf.j2", terraform),
    )


def secrets(routing: Routing, files: Sequence[File]) -> dict[str, str]:
    """The workspace's key, and what the workspace must hold itself: providers' keys are kept there."""
    readers: dict[str, list[str]] = {}
    for file in files:
        for slug in _slugs(file.values):
            readers.setdefault(slug, []).append(file.path.removeprefix(f"{FOLDER}/"))
    return {"PORTKEY_API_KEY": "client.py and main.tf open the workspace with it"} | {
        slug: f"a provider integration of the workspace, with its key; {', '.join(dict.fromkeys(paths))} names it"
        for slug, paths in readers.items()
    }


def _slugs(value: Mapping[str, Any]) -> Iterator[str]:
    if str(value.get("provider", "")).startswith("@"):
        yield value["provider"]
    for target in value.get("targets", ()):
        yield from _slugs(target)


def _hcl(text: str) -> str:
    """A quoted string of HCL, in which nothing is a template."""
    quoted = json.dumps(text, ensure_ascii=False)
    for short, long in (("\\b", "\\u0008"), ("\\f", "\\u000c")):
        quoted = _unescaped(quoted, short, long)
    return quoted.replace("${", "$${").replace("%{", "%%{")


def _unescaped(quoted: str, short: str, long: str) -> str:
    """JSON's escapes that HCL has not, where they are not part of an escaped backslash."""
    parts = quoted.split("\\\\")
    return "\\\\".join(part.replace(short, long) for part in parts)
