"""What a derived profile says, before it is text."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

TASKS_BY_WORD = (
    ("embed", "embed"),
    ("summar", "summarize"),
    ("classif", "classify"),
    ("extract", "extract"),
    ("code", "code"),
    ("coding", "code"),
)
"""A word in a name → the task it hints at; the first that is found counts."""


class Draft(Struct, frozen=True):
    workloads: tuple[Mapping[str, Any], ...]
    section: Mapping[str, Any]
    """Of the gateway, under `passthrough`."""
    routing: Mapping[str, Any] = field(default_factory=dict)
    guardrails: Mapping[str, Any] = field(default_factory=dict)
    providers: tuple[Mapping[str, Any], ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)
    """Comments by dotted path."""
    added: int = 0
    """Settings of the section that the configuration does not have."""


def guessed_task(*names: str) -> str:
    words = " ".join(names).lower()
    return next((task for word, task in TASKS_BY_WORD if word in words), "chat")
