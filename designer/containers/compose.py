"""Which configuration a compose file starts its services with, where that is a file beside it.

Only the argument `--config` and the mounts are read. Variables in paths are not expanded.
"""

import posixpath
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from designer.documents import Path


class Mount(Struct, frozen=True):
    """A service's configuration."""

    at: Path
    """The command that names it."""
    image: str
    inside: str
    """As the service sees it, `/app/config.yaml`."""
    local: str | None
    """Relative to the compose file, or absolute; None where nothing is mounted there."""


def is_compose(value: Any) -> bool:
    services = value.get("services") if isinstance(value, Mapping) else None
    return isinstance(services, Mapping) and any(
        isinstance(service, Mapping) and not service.keys().isdisjoint(("image", "build"))
        for service in services.values()
    )


def mounts(value: Any) -> Iterator[Mount]:
    if not is_compose(value):
        return
    for name, service in value["services"].items():
        if not isinstance(service, Mapping):
            continue
        for key in ("command", "entrypoint"):
            inside = _argument(_words(service.get(key)))
            if inside is not None:
                local = _local(inside, [*_volumes(service), *_configs(service, value)])
                at = ("services", name, key)
                yield Mount(at, str(service.get("image", "")), inside, local)


def _words(command: Any) -> list[str]:
    if isinstance(command, list):
        return [str(word) for word in command]
    try:
        return shlex.split(command) if isinstance(command, str) else []
    except ValueError:  # an open quote: compose refuses it too
        return []


def _argument(words: list[str]) -> str | None:
    for index, word in enumerate(words):
        option, equals, value = word.partition("=")
        if option in ("--config", "-c") and equals:
            return value
        if word in ("--config", "-c") and index + 1 < len(words):
            return words[index + 1]
    return None


def _volumes(service: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Of each bind mount the local path and the one inside."""
    listed = service.get("volumes")
    for volume in listed if isinstance(listed, list) else ():
        if isinstance(volume, str):
            source, _, rest = volume.partition(":")
            target = rest.partition(":")[0]
        elif isinstance(volume, Mapping):
            source, target = str(volume.get("source", "")), str(volume.get("target", ""))
        else:
            continue
        if source.startswith((".", "/", "~", "$")) and target:
            yield source, target


def _configs(service: Mapping[str, Any], compose: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The service's `configs` that are files."""
    known = compose.get("configs")
    listed = service.get("configs")
    for config in listed if isinstance(listed, list) else ():
        name = config.get("source") if isinstance(config, Mapping) else config
        one = known.get(name) if isinstance(known, Mapping) and isinstance(name, str) else None
        file = one.get("file") if isinstance(one, Mapping) else None
        target = config.get("target") if isinstance(config, Mapping) else None
        if isinstance(file, str):
            yield file, str(target or f"/{name}")


def _local(inside: str, mounted: list[tuple[str, str]]) -> str | None:
    """Through the innermost mount that holds the path."""
    wanted = posixpath.normpath(inside)
    for source, target in sorted(mounted, key=lambda pair: -len(pair[1])):
        at = posixpath.normpath(target)
        if wanted == at:
            return source
        if wanted.startswith(f"{at.rstrip('/')}/"):
            return posixpath.join(source, posixpath.relpath(wanted, at))
    return None
