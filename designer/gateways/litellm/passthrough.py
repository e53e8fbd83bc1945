"""What a profile passes through to LiteLLM: its config.yaml, key by key, as one section."""

from collections.abc import Mapping
from typing import Any

from designer.gateways.base import File, Parsed, Placed
from designer.gateways.litellm.lower import CONFIG


def place(section: Mapping[str, Any], aliases: Mapping[str, bool]) -> tuple[Placed, ...]:
    del aliases  # a group is named in `model_list`, not by an entry of the section
    return (Placed(File(CONFIG, "config.yaml.j2", section)),)


def carry(parsed: Parsed) -> Mapping[str, Any]:
    (document,) = parsed.documents
    section: Mapping[str, Any] = document.value
    return section
