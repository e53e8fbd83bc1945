"""Names on disk and at OpenRouter for routes, whatever characters their own names have."""

import re
from collections.abc import Iterable
from urllib.parse import unquote

ROOT = "openrouter"

_PLAIN = re.compile(r"[a-z0-9_-]")
_PLACES = re.compile(r"(?:client|guardrail|keys|workspace|main)\.")


def folder_of(alias: str) -> str:
    """A folder that `alias_of` reads back. Upper case is escaped: some disks do not tell it apart."""
    keeps_dots = not alias.startswith(".") and not _PLACES.match(alias)
    return "".join(_escaped(char, keeps_dots) for char in alias) or "%"


def _escaped(char: str, keeps_dots: bool) -> str:
    if _PLAIN.fullmatch(char) or (char == "." and keeps_dots):
        return char
    return "".join(f"%{byte:02x}" for byte in char.encode("utf-8", "surrogatepass"))


def alias_of(folder: str) -> str:
    return "" if folder == "%" else unquote(folder, errors="surrogatepass")


def preset_slugs(aliases: Iterable[str]) -> dict[str, str]:
    """One URL-safe slug for each alias, in order."""
    slugs: dict[str, str] = {}
    for alias in aliases:
        plain = re.sub(r"[^a-z0-9]+", "-", alias.lower()).strip("-")[:60].strip("-") or "route"
        slug, number = plain, 2
        while slug in slugs.values():
            slug, number = f"{plain}-{number}", number + 1
        slugs[alias] = slug
    return slugs
