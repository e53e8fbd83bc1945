"""What is written beside the configurations: a client to try them with."""

from collections.abc import Mapping, Sequence

from designer.gateways.base import File, Terms
from designer.gateways.portkey_cloud.lower import FOLDER
from designer.gateways.portkey_cloud.tables import API_URL, MAX_HEADER_BYTES
from designer.gateways.portkey_config.paths import FILE, folders
from designer.ir import Routing


def artefacts(
    routing: Routing, terms: Mapping[str, Terms], name: str, files: Sequence[File]
) -> tuple[File, ...]:
    where = folders(route.name for route in routing.routes)
    client = {
        "configs": {route: f"{folder}/{FILE}" for route, folder in where.items()},
        "url": API_URL,
        "max_header_bytes": MAX_HEADER_BYTES,
    }
    return (File(f"{FOLDER}/client.py", "client_cloud.py.j2", client),)
