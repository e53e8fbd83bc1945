"""Versions of gateways that nobody should run, as facts with their sources.

A version comes from the command line or from an image's tag; a check takes it with its place.
"""

import re
from collections.abc import Mapping

from msgspec import Struct

from designer.diagnostics import Place, Report, Rule, Severity


class Weakness(Struct, frozen=True):
    """What every version before `fixed` lets happen."""

    fixed: tuple[int, int, int]
    what: str
    source: str


MALICIOUS: Mapping[str, str] = {"1.82.7": "MAL-2026-2144", "1.82.8": "MAL-2026-2144"}
"""LiteLLM as somebody else published it on PyPI on 2026-03-24 → the advisory."""
WITHDRAWN = frozenset({"1.107.0"})
"""Not on PyPI, though its pre-releases and 1.108.0 are (looked up 2026-11-22); nobody says why."""
WEAKNESSES = (
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

MALWARE = Rule(
    "LNT707",
    Severity.ERROR,
    "LiteLLM {version} is malware",
    "Two releases on PyPI were published with a stolen account, and carry a program that collects "
    "credentials and sends them away.",
    instead="every secret that its process can read is to be taken as stolen",
    help="install another version, and replace every secret that this one could read",
    source="https://github.com/BerriAI/litellm/issues/24512, OSV MAL-2026-2144, read 2026-11-22",
)
WEAK = Rule(
    "LNT708",
    Severity.WARNING,
    "LiteLLM {version} has a known weakness: {what} ({source})",
    "The weaknesses of old versions are published with the way to use them.",
    instead="whoever reaches the proxy may get more rights than were given",
    help="use {fixed} or later",
    source="https://github.com/BerriAI/litellm-docs/pull/273 (CVE-2026-49468), "
    "https://github.com/unclecode/crawl4ai/pull/2087 (CVE-2026-35030), "
    "https://github.com/remyxai/VQASynth/pull/109, read 2026-11-22",
)
UNFINISHED = Rule(
    "LNT709",
    Severity.WARNING,
    "LiteLLM {version} is {what}",
    "Pre-releases are made for trying out, get no fixes of their own, and disappear.",
    instead="an installation that works today may not be repeatable tomorrow",
    help="use a version that was released",
    source="the releases of litellm on PyPI, looked up 2026-11-22",
)

_VERSION = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?")
_PRE_RELEASE = re.compile(r"\d[.-]?(?:dev|rc|alpha|beta|nightly)", re.IGNORECASE)


def check_version(version: str, place: Place, report: Report) -> None:
    """One finding at most: the gravest."""
    numbers = _VERSION.match(version)
    if numbers is None:
        return
    exact = ".".join(number for number in numbers.groups() if number)
    parts = (int(numbers[1]), int(numbers[2]), int(numbers[3] or 10**6))
    weak = [weakness for weakness in WEAKNESSES if parts < weakness.fixed]
    if exact in MALICIOUS:
        report.add(MALWARE, place, version=exact)
    elif weak:
        fixed = ".".join(map(str, max(weakness.fixed for weakness in weak)))
        worst = weak[-1]
        report.add(WEAK, place, version=exact, what=worst.what, source=worst.source, fixed=fixed)
    elif _PRE_RELEASE.search(version):
        report.add(UNFINISHED, place, version=version, what="a pre-release")
    elif exact in WITHDRAWN:
        report.add(UNFINISHED, place, version=exact, what="not published any more")
