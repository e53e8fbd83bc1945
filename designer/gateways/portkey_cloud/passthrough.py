"""What a profile passes through to the hosted product: configurations, and the files of a workspace."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from msgspec.structs import replace

from designer.gateways.base import File, Parsed, Placed
from designer.gateways.portkey_cloud.lower import FOLDER, SCHEMAS
from designer.gateways.portkey_config import passthrough


def place(section: Mapping[str, Any], aliases: Mapping[str, bool]) -> tuple[Placed, ...]:
    beside = tuple(
        Placed(File(f"{FOLDER}/{name}", "config.json.j2", section[name]), name)
        for name in SCHEMAS
        if name in section and name not in aliases
    )
    return (*passthrough.place(FOLDER, section, aliases), *beside)


def carry(parsed: Parsed) -> Mapping[str, Any]:
    """Documents of configurations come first, one a route."""
    count = len(parsed.routing.routes)
    configs = replace(parsed, documents=parsed.documents[:count])
    beside = {PurePosixPath(doc.file).name: doc.value for doc in parsed.documents[count:]}
    return {**passthrough.carry(configs), **beside}
