"""Requests that leave the region that a guardrail or a profile keeps them in."""

from collections.abc import Iterator, Mapping
from typing import Any

from designer.diagnostics import Place, Report, Rule, Severity
from designer.gateways.openrouter.tables import DATA_REGION, HOST_OF_RESIDENCY, HOSTS, REGION_OF
from designer.lint.openrouter.view import Files, listed, mapping

_GUIDE = "https://openrouter.ai/docs/guides/features/in-region-routing, read 2026-11-22"

OTHER_REGION = Rule(
    "LNT828",
    Severity.WARNING,
    "{what}, and the guardrail allows data in {allowed}",
    "A guardrail's `allowed_data_regions` and the host that a request is sent to each say where it may be "
    "processed; the guardrail refuses what it does not allow, and allows whatever it lists.",
    instead="{instead}",
    help='write `"allowed_data_regions": ["{right}"]`, or change the other side',
    source=f"{_GUIDE}; Python SDK openrouter 1.3.84 (allowed_data_regions)",
)
NOT_RESIDENT = Rule(
    "LNT829",
    Severity.ERROR,
    "{route!r} must stay in {residency} (profile), and is sent to {host}",
    "Only the regional hosts keep requests in their region, and they refuse rather than leave it; the "
    "global host decrypts and routes anywhere.",
    instead="requests are processed outside {residency}",
    help="send them to {right}",
    source=f"{_GUIDE}; https://github.com/OpenRouterTeam/typescript-sdk/issues/157",
)


def guardrails_allow_the_region(files: Files, report: Report) -> None:
    for rail in files.guardrails:
        listed_ = listed(rail.value.get("allowed_data_regions"))
        allowed = [region for region in listed_ if isinstance(region, str)]
        place = rail.place("allowed_data_regions")
        for what, right, is_refused in _wanted(files) if allowed else ():
            if right not in allowed if is_refused else set(allowed) - {right}:
                report.add(
                    OTHER_REGION,
                    place,
                    what=what,
                    allowed=", ".join(allowed),
                    right=right,
                    instead="its requests are refused with 403"
                    if is_refused
                    else "a request to another host is processed elsewhere, and nothing stops it",
                )


def _wanted(files: Files) -> Iterator[tuple[str, str, bool]]:
    """Who wants which region, and whether another one is a refusal or a leak."""
    for route, host, _ in _hosts(files):
        yield f"{route!r} goes to {host}", DATA_REGION.get(REGION_OF.get(host, ""), "global"), True
    residency = _residency(files.subject.config.profile, "")
    wanted = {DATA_REGION[HOST_OF_RESIDENCY[n]] for n in residency if n in HOST_OF_RESIDENCY}
    if len(wanted) == 1:
        yield f"the profile keeps data in {' or '.join(residency)}", wanted.pop(), False


def requests_stay_in_region(files: Files, report: Report) -> None:
    for route, host, place in _hosts(files):
        residency = _residency(files.subject.config.profile, route)
        right = [HOSTS[HOST_OF_RESIDENCY[name]] for name in residency if name in HOST_OF_RESIDENCY]
        if right and host not in right:
            names = " or ".join(residency)
            report.add(NOT_RESIDENT, place, route=route, host=host, residency=names, right=right[0])


def _hosts(files: Files) -> Iterator[tuple[str, str, Place]]:
    """The host of each route, as the client's settings say it."""
    if files.client is None:
        return
    for route, settings in mapping(mapping(files.client.value).get("routes")).items():
        host = mapping(settings).get("base_url")
        if isinstance(host, str):
            place = files.client.place("routes", route, "base_url")
            yield route, host.rstrip("/"), place


def _residency(profile: Mapping[str, Any], route: str) -> tuple[str, ...]:
    """A workload's own demand goes before the profile's."""
    own = [
        mapping(workload.get("compliance")).get("residency")
        for workload in listed(profile.get("workloads"))
        if isinstance(workload, Mapping) and workload.get("alias") == route
    ]
    said = next((one for one in own if one), mapping(profile.get("compliance")).get("residency"))
    return tuple(name for name in listed(said) if isinstance(name, str))


CHECKS = (guardrails_allow_the_region, requests_stay_in_region)
