"""What is deployed beside the configurations: the gateway's container, and a client to try it with."""

import re
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from designer.gateways.base import File, Terms
from designer.gateways.portkey_config.paths import FILE, folders
from designer.gateways.portkey_config.providers import SECRET_KEYS
from designer.gateways.portkey_oss import tables
from designer.gateways.portkey_oss.lower import FOLDER, settings_of
from designer.ir import Routing

IMAGE = "portkeyai/gateway:1.15.2"
PORT = 8787


def artefacts(
    routing: Routing, terms: Mapping[str, Terms], name: str, files: Sequence[File]
) -> tuple[File, ...]:
    where = folders(route.name for route in routing.routes)
    client = {
        "configs": {route: f"{folder}/{FILE}" for route, folder in where.items()},
        "secret_keys": list(SECRET_KEYS),
        "max_header_bytes": tables.MAX_HEADER_BYTES,
    }
    return (
        File(f"{FOLDER}/compose.yaml", "compose.yaml.j2", _compose(routing)),
        File(f"{FOLDER}/client.py", "client_oss.py.j2", client),
    )


def secrets(routing: Routing, files: Sequence[File]) -> dict[str, str]:
    """Variables of whoever asks: client.py fills them into the configurations that name them."""
    readers: dict[str, list[str]] = {}
    for file in files:
        for name in _named(file.values):
            readers.setdefault(name, []).append(file.path.removeprefix(f"{FOLDER}/"))
    return {
        name: f"client.py fills it into {', '.join(dict.fromkeys(paths))}"
        for name, paths in readers.items()
    }


def _named(value: Any) -> Iterator[str]:
    """As client.py finds them: in credentials, at any target."""
    for key, item in value.items():
        if key in SECRET_KEYS and (found := re.fullmatch(r"\$\{(.*)\}", str(item), re.DOTALL)):
            yield found[1]
        elif key == "targets":
            for target in item:
                yield from _named(target)


def _compose(routing: Routing) -> Mapping[str, object]:
    service: dict[str, object] = {
        "image": IMAGE,
        "restart": "unless-stopped",
        "ports": [f"127.0.0.1:{PORT}:{PORT}"],
    }
    written = (settings_of(d).get("custom_host", "") for d in routing.deployments)
    private = {host for host in map(_host, written) if _is_private(host)}
    strange = private - set(tables.TRUSTED_HOSTS)
    if strange:
        trusted = ",".join((*tables.TRUSTED_HOSTS, *sorted(strange)))
        service["environment"] = {"TRUSTED_CUSTOM_HOSTS": trusted}
    return {"services": {"portkey": service}}


def _host(base: str) -> str:
    try:
        return urlsplit(base).hostname or ""
    except ValueError:  # not an address at all
        return ""


def _is_private(host: str) -> bool:
    """Whether the gateway refuses the host unless it is told to trust it."""
    try:
        return not ip_address(host).is_global
    except ValueError:  # a name
        return host.endswith(tables.PRIVATE_SUFFIXES)
