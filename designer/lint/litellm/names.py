"""What LiteLLM has names for (guardrails, callbacks, providers, …), and which name was meant."""

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from functools import cache

from designer import keys
from designer.diagnostics import Edit, Fix
from designer.documents import Path
from designer.lint.litellm.view import File

_NOT_LISTED: Mapping[str, frozenset[str]] = {
    "guardrails": frozenset({"tool_policy"}),
}
"""Names that are registered under no enumeration (guardrail_registry.py of 1.106.2)."""


def known(file: File, what: keys.Names) -> frozenset[str]:
    """All names of a sort that the file's version of LiteLLM knows."""
    return _known(file.subject.version, what)


@cache
def _known(version: str, what: keys.Names) -> frozenset[str]:
    return frozenset(keys.names("litellm", version, what)) | _NOT_LISTED.get(what, frozenset())


def words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


def near(name: str, names: Collection[str]) -> str | None:
    """The name that was meant, if one is close; letters of the other case are no difference."""
    same = next((other for other in sorted(names) if other.lower() == name.lower()), None)
    close = same or next(iter(get_close_matches(name, sorted(names), n=1, cutoff=0.75)), None)
    return None if close == name else close


def guess(meant: str | None) -> str:
    return f" (did you mean `{meant}`?)" if meant else ""


def instead_of(path: Path, meant: str | None) -> Fix | None:
    """The fix that writes what was meant."""
    return Fix(f"write {meant}", (Edit("set", path, meant),)) if meant else None
