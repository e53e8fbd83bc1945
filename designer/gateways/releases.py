"""Releases of gateways that nobody should run, as facts with their sources.

`problem` says what is wrong with a version and which one is near and good. What is merely not measured is
no problem here.
"""

import re
from collections.abc import Mapping
from typing import Final, Literal

from msgspec import Struct


class Weakness(Struct, frozen=True):
    """What every version before `fixed` lets happen."""

    fixed: tuple[int, int, int]
    what: str
    source: str


class Problem(Struct, frozen=True):
    kind: Literal["malware", "weak", "pre-release", "withdrawn"]
    version: str
    what: str
    source: str
    good: str
    """The nearest release that is good."""


MALICIOUS: Final[Mapping[str, str]] = {"1.82.7": "MAL-2026-2144", "1.82.8": "MAL-2026-2144"}
"""LiteLLM as somebody else published it on PyPI on 2026-03-24 → the advisory."""
WITHDRAWN: Final = frozenset({"1.107.0"})
"""Not on PyPI, though its pre-releases and 1.108.0 are (looked up 2026-11-22); nobody says why."""
WEAKNESSES: Final = (
    Weakness(
        (1, 83, 0),
        "one user's OIDC identity may be taken from the cache for another's",
        "CVE-2026-35030",
    ),
    Weakness(
        (1, 83, 14),
        "an internal user can make keys that may do more than its own",
        "published without a CVE",
    ),
    Weakness(
        (1, 84, 0), "a forged Host header passes for an authenticated request", "CVE-2026-49468"
    ),
)
"""The gravest last."""
GOOD: Final = "1.106.2"
"""Measured, 2026-11-22."""
HARDENED: Final = "1.84.3"
"""The first release with the follow-up to CVE-2026-49468 (BerriAI/litellm-docs#273, read 2026-11-22)."""

_VERSION: Final = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?")
_PRE_RELEASE: Final = re.compile(r"\d[.-]?(?:dev|rc|alpha|beta|nightly)", re.IGNORECASE)


def problem(version: str) -> Problem | None:
    """Of a version of LiteLLM: the gravest. Of the other gateways no bad releases are known."""
    numbers = _VERSION.match(version)
    if numbers is None:
        return None
    exact = ".".join(number for number in numbers.groups() if number)
    parts = (int(numbers[1]), int(numbers[2]), int(numbers[3] or 10**6))
    weak = [weakness for weakness in WEAKNESSES if parts < weakness.fixed]
    if exact in MALICIOUS:
        what = "malware, published with a stolen account"
        return Problem("malware", exact, what, MALICIOUS[exact], HARDENED)
    if weak:
        worst = weak[-1]
        return Problem("weak", exact, worst.what, worst.source, HARDENED)
    if _PRE_RELEASE.search(version):
        what, where = "a pre-release", "the releases of litellm on PyPI, looked up 2026-11-22"
        return Problem("pre-release", version, what, where, GOOD)
    if exact in WITHDRAWN or f"{exact}.0" in WITHDRAWN:
        what = "not published any more"
        where = "the releases of litellm on PyPI, looked up 2026-11-22"
        return Problem("withdrawn", exact, what, where, GOOD)
    return None
