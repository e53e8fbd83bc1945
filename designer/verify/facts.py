"""What is known of where a deployment processes requests and what its provider promises.

Joined from the plan beside the configuration, the profile's agreements and the catalog. What nobody
knows is None, and a property that needs it is inconclusive.
"""

from collections.abc import Iterable, Mapping
from datetime import date

from msgspec import Struct
from msgspec.structs import replace

from designer.catalog import Catalog, load_catalog
from designer.catalog.model import Offering
from designer.ir import Deployment
from designer.load import Config
from designer.profile.regions import region_within
from designer.services import services
from designer.simulate import Service

_PROFILES: Mapping[str, frozenset[str]] = {
    "global": frozenset(),
    "us": frozenset({"us"}),
    "eu": frozenset({"eu", "eea"}),
    "apac": frozenset(),
    "jp": frozenset({"jp"}),
    "au": frozenset(),
}
"""Geography of a Bedrock inference profile → what its processing surely stays in, whatever the region
of the call; docs.aws.amazon.com, "Supported Regions and models for inference profiles", 2026-11-22."""


class Facts(Struct, frozen=True):
    config: Config
    as_of: date
    services: Mapping[str, Service]
    catalog: Catalog
    """With an overlay of one's own, where there is one."""

    def is_within(self, id_: str, residency: Iterable[str]) -> bool | None:
        """Whether requests to the deployment surely stay there; None: nobody knows."""
        zones = self.services[id_].zones
        if zones is None:
            return None
        wanted = tuple(residency)
        return any(zone in wanted or region_within(zone, wanted) for zone in sorted(zones))

    def keeps(self, id_: str, promise: str) -> tuple[bool | None, str]:
        """Whether the provider promises it, and why that is known or not."""
        deployment = self.config.parsed.routing.deployment(id_)
        agreed = self._agreement(id_, promise)
        if agreed:
            return True, agreed
        offering = self.config.offering(deployment)
        if offering is None:
            return None, f"the catalog does not know {deployment.model} at {deployment.provider}"
        fact = self.catalog.fact(offering, promise, self.as_of)
        if fact.value in ("yes", "no"):
            return fact.value == "yes", fact.source
        if fact.value == "obtainable":
            return None, f"{offering.provider} gives it by agreement, and no agreement is named"
        return None, fact.condition or "sources contradict one another"

    def _agreement(self, id_: str, promise: str) -> str:
        account = self.config.facts.get(id_, {}).get("account")
        for provider in self.config.profile.get("providers") or ():
            if not isinstance(provider, Mapping) or account is None:
                continue
            if account not in (provider.get("as"), provider.get("name")):
                continue
            for agreement in provider.get("agreements") or ():
                until = agreement.get("until")
                is_current = until is None or str(until) >= self.as_of.isoformat()
                if agreement.get("is") == promise and is_current:
                    return f"agreement {agreement.get('ref', '')}".strip()
        return ""

    def offering(self, id_: str) -> Offering | None:
        """What the catalog knows the deployment as."""
        return self.config.offering(self.config.parsed.routing.deployment(id_))

    def input_tokens(self, id_: str) -> int | None:
        """How long a request it takes: what the configuration says of it, else the catalog."""
        offering = self.offering(id_)
        known = None if offering is None else offering.max_input_tokens
        return self.config.terms[id_].max_input_tokens or known

    def cost_usd(self, id_: str, input_tokens: int, output_tokens: int) -> float | None:
        terms = self.config.terms[id_]
        if terms.input_usd_per_mtok is None:
            return None
        if terms.output_usd_per_mtok is None and output_tokens:
            return None
        input_usd = input_tokens * float(terms.input_usd_per_mtok)
        return (input_usd + output_tokens * float(terms.output_usd_per_mtok or 0)) / 1e6


def facts(config: Config, as_of: date, catalog: Catalog | None = None) -> Facts:
    known = services(config)
    for deployment in config.parsed.routing.deployments:
        zones = _PROFILES.get(_geography(deployment))
        if zones is not None:
            known[deployment.id] = replace(known[deployment.id], zones=zones)
    return Facts(config, as_of, known, catalog or load_catalog())


def _geography(deployment: Deployment) -> str:
    if deployment.provider != "bedrock":
        return ""
    return deployment.model.rpartition("/")[2].partition(".")[0]
