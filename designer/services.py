"""Join what the catalog, a plan and a profile know to the deployments and routes of a configuration."""

from collections.abc import Mapping
from typing import Any

from designer.load import Config
from designer.profile.regions import region_within
from designer.profile.units import parse_rate, parse_share
from designer.simulate import Load, Service

ZONES = ("eu", "eea", "uk", "ch", "us")
_DEFAULT_TOKENS = (1000, 250)


def services(config: Config) -> dict[str, Service]:
    """By deployment id; what nobody knows stays unknown."""
    found = {}
    for deployment in config.parsed.routing.deployments:
        offering = config.offering(deployment)
        terms = config.terms[deployment.id]
        if offering is None:
            found[deployment.id] = Service(
                provider=deployment.provider,
                model=deployment.model,
                region=deployment.region,
                zones=_zones(deployment.region) if deployment.region else None,
                input_usd_per_mtok=terms.input_usd_per_mtok,
                output_usd_per_mtok=terms.output_usd_per_mtok,
                cached_usd_per_mtok=terms.cache_read_usd_per_mtok,
            )
            continue
        found[deployment.id] = Service(
            ttft_s=offering.latency.ttft_p50_s,
            tokens_per_s=offering.latency.tokens_per_s,
            provider=offering.provider,
            model=offering.model,
            region=deployment.region or offering.region,
            zones=_zones(offering.residency),
            input_usd_per_mtok=terms.input_usd_per_mtok,
            output_usd_per_mtok=terms.output_usd_per_mtok,
            cached_usd_per_mtok=terms.cache_read_usd_per_mtok,
        )
    return found


def _zones(residency: str) -> frozenset[str]:
    """Every zone that processing surely stays in, the place itself included."""
    if residency == "global":
        return frozenset()
    return frozenset({residency, *(zone for zone in ZONES if region_within(residency, (zone,)))})


def loads(config: Config) -> dict[str, Load]:
    """The traffic that the profile gives each route; empty without a profile beside the files."""
    found = {}
    for workload in config.profile.get("workloads", ()):
        load = _load(workload)
        if load is not None:
            found[str(workload["alias"])] = load
    return found


def _load(workload: Mapping[str, Any]) -> Load | None:
    traffic = workload.get("traffic") or {}
    rate = traffic.get("rate")
    if rate is None:
        return None
    output = 0 if workload.get("task") == "embed" else _DEFAULT_TOKENS[1]
    needs = workload.get("needs") or ()
    return Load(
        rate_per_s=_per_second(rate),
        input_tokens=traffic.get("input_tokens") or _DEFAULT_TOKENS[0],
        output_tokens=traffic.get("output_tokens") or output,
        streamed=1.0 if "streaming" in needs else 0.0,
        peak_per_s=traffic.get("peak_rps"),
        repeats=_share(traffic.get("repeats")),
    )


def _share(said: Any) -> float:
    """As plan.json keeps a share: its text, or the number."""
    return 0.0 if said is None else float(said) if isinstance(said, float) else parse_share(said)


def _per_second(rate: Any) -> float:
    """As plan.json keeps a rate: its text, or its parts."""
    if isinstance(rate, Mapping):
        return parse_rate(f"{rate['count']}/{rate['per']}").per_second
    return parse_rate(str(rate)).per_second
