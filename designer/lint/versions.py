"""Findings about versions of gateways that nobody should run; the facts are `designer.gateways.releases`.

A version comes from the command line or from an image's tag; a check takes it with its place.
"""

from designer.diagnostics import Place, Report, Rule, Severity
from designer.gateways.releases import problem

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


def check_version(version: str, place: Place, report: Report) -> None:
    """One finding at most: the gravest."""
    found = problem(version)
    if found is None:
        return
    match found.kind:
        case "malware":
            report.add(MALWARE, place, version=found.version)
        case "weak":
            report.add(
                WEAK,
                place,
                version=found.version,
                what=found.what,
                source=found.source,
                fixed=found.good,
            )
        case _:
            report.add(UNFINISHED, place, version=found.version, what=found.what)
