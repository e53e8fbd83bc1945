"""The container images of gateways that a file names: which version will read a configuration.

A tag that moves (`latest`, `main-stable`) says no version, nor does a variable.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from designer.diagnostics import Place
from designer.documents import Document, Path
from designer.gateways.base import Gateway
from designer.gateways.registry import GATEWAYS

_VERSION = re.compile(r"(?:main-|litellm_)?v?(\d+\.\d+(?:\.\d+)?)(?![\d.]*\d)")


class Image(Struct, frozen=True):
    """An image of a gateway, as a file names it."""

    reference: str
    """`ghcr.io/berriai/litellm:main-v1.82.7`"""
    version: str
    """`1.82.7`; empty where the tag says none."""
    place: Place


def images_in(document: Document, gateway: Gateway) -> Iterator[Image]:
    """Under every `image`: a reference, or `repository` and `tag` as in Helm's values."""
    seen: set[int] = set()
    waiting: list[tuple[Path, Any]] = [((), document.value)]
    while waiting:
        path, value = waiting.pop()
        if not isinstance(value, Mapping | list) or id(value) in seen:
            continue
        seen.add(id(value))
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        waiting += [((*path, key), item) for key, item in reversed(list(items))]
        reference = _reference(value.get("image")) if isinstance(value, Mapping) else None
        if reference is not None and _repository(reference) in gateway.images:
            yield Image(reference, version_of(reference), document.place(*path, "image"))


def is_gateways(reference: str) -> bool:
    """Whether an image is that of a gateway."""
    return any(_repository(reference) in gateway.images for gateway in GATEWAYS.values())


def _reference(image: Any) -> str | None:
    if isinstance(image, str):
        return image
    if not isinstance(image, Mapping) or not isinstance(image.get("repository"), str):
        return None
    tag = image.get("tag")
    registry = image.get("registry")
    name = f"{registry}/{image['repository']}" if registry else image["repository"]
    return f"{name}:{tag}" if tag not in (None, "") else str(name)


def _repository(reference: str) -> str:
    """Without registry, tag and digest."""
    name = reference.partition("@")[0]
    head, slash, last = name.rpartition("/")
    parts = f"{head}{slash}{last.partition(':')[0]}".split("/")
    has_registry = len(parts) > 1 and (
        "." in parts[0] or ":" in parts[0] or parts[0] == "localhost"
    )
    return "/".join(parts[1:] if has_registry else parts)


def version_of(reference: str) -> str:
    """What the tag says, `1.82.7` of `…:main-v1.82.7-stable`; empty for a tag that moves."""
    tag = reference.partition("@")[0].rpartition("/")[2].partition(":")[2]
    found = _VERSION.match(tag)
    return found[1] if found is not None else ""
