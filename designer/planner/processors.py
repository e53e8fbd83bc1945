"""Who else handles prompts: a hosted gateway, the embedder of a semantic cache, a vendor's log.

The deployments of a chain are tested one by one before; what stands beside it is held to the same
`compliance` here, per gateway. Facts have a source and a day, and what is unknown or expired counts as no.
A gateway that one runs oneself, its guardrails and the telemetry that leaves it stay with their operator,
who says where that is.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Final, Literal

from msgspec import Struct

from designer.catalog.model import FACT_LIFE_DAYS, Fact, FactValue
from designer.ir import Routing
from designer.planner.chain import Chosen
from designer.planner.requirements import FACTS_OF_FRAMEWORK, first_failure
from designer.profile.model import Compliance, Profile
from designer.profile.policy import policy_of
from designer.profile.regions import region_within


class Processor(Struct, frozen=True):
    """A hosted gateway's own facts, by the names of the catalog's; residency by region."""

    facts: Mapping[str, Fact]

    def fact(self, key: str, as_of: date) -> Fact:
        found = self.facts.get(key)
        if found is None:
            return Fact(key, "unknown", "nobody has looked")
        if not found.is_current(as_of):
            return Fact(key, "unknown", f"expired on {found.expires_on}", found.source)
        return found


class Findings(Struct, frozen=True):
    broken: tuple[str, ...]
    """Promises that do not hold, each with its source."""
    obtain: tuple[str, ...]


def _facts(
    source: str, observed_on: date, rows: Sequence[tuple[str, FactValue, str]]
) -> Mapping[str, Fact]:
    until = observed_on + timedelta(days=FACT_LIFE_DAYS)
    return {
        key: Fact(key, value, condition, source, observed_on, until, "vendor")
        for key, value, condition in rows
    }


_HYBRID = "the hybrid data plane in your own network, Enterprise plan"
_REGIONAL = "a regional host, Business or Enterprise plan"

PROCESSORS: Final[Mapping[str, Processor]] = {
    "portkey-cloud": Processor(
        _facts(
            "Portkey-AI/docs-core, enterprise/{security,pricing,poc,support}.mdx",
            date(2026, 8, 21),
            [
                ("residency", "obtainable", _HYBRID),
                ("zero_retention", "obtainable", f"privacy mode, or {_HYBRID}"),
                ("no_training", "obtainable", f"{_HYBRID}: prompts then do not reach Portkey"),
                ("dpa", "obtainable", "GDPR is listed with the Enterprise plan"),
                (
                    "baa",
                    "obtainable",
                    "HIPAA is listed with the Enterprise plan; its text was not seen",
                ),
                ("soc2", "yes", "Type II, through the trust portal"),
                ("iso27001", "unknown", "its pages disagree: certified, and in readiness"),
            ],
        )
    ),
    "openrouter": Processor(
        _facts(
            "OpenRouterTeam/docs, guides/privacy, guides/features and cookbook/get-started",
            date(2026, 8, 22),
            [
                ("residency", "obtainable", _REGIONAL),
                ("zero_retention", "yes", "prompts are not kept unless one opts in"),
                ("no_training", "yes", ""),
                ("dpa", "obtainable", "named in the Enterprise onboarding"),
                ("baa", "unknown", "its provider schema has a flag `hipaa`; no contract was seen"),
                ("soc2", "unknown", "named in the Enterprise onboarding, no report was seen"),
            ],
        )
    ),
}
"""Of the gateways that somebody else runs. `residency` is whatever the profile asks for: which regions a
regional host has is a loss or a refusal of its dialect."""

EMBEDDERS: Final[Mapping[str, Literal["route"]]] = {"litellm": "route"}
"""Who embeds the questions for a semantic cache: the profile's first embedding alias (LiteLLM's
`redis_semantic_cache_embedding_model`, 1.106.2, 2026-11-22). Elsewhere it is the vendor's, and not told."""


def side_channels(
    profile: Profile, gateway: str, legal: Routing, chains: Sequence[Chosen], as_of: date
) -> Findings:
    """`legal` is what the gateway really does, so that a cache it lacks needs no embedder."""
    broken: dict[str, None] = {}
    obtain: dict[str, None] = {}
    for who, compliance in _promises(profile, chains):
        for fact, why in _asked(gateway, compliance, as_of):
            if fact.value == "obtainable":
                obtain[f"{_words(fact)} on {gateway} ({fact.condition})"] = None
            elif fact.value != "yes":
                says = f"{why}: the gateway's own {_words(fact)} is {fact.value}"
                broken[f"{says} ({_source(fact)})"] = None
        if gateway not in PROCESSORS:
            broken |= dict.fromkeys(_misplaced(profile, who, compliance))
            obtain |= dict.fromkeys(_unplaced(profile, gateway, compliance))
        broken |= dict.fromkeys(_logged(profile, gateway, compliance))
    for chosen in chains:
        broken |= dict.fromkeys(_embedded(gateway, legal, chosen, chains))
    return Findings(tuple(broken), tuple(obtain))


def _promises(profile: Profile, chains: Sequence[Chosen]) -> Iterator[tuple[str, Compliance]]:
    """Of each alias, and of each team that insists on a region."""
    for chosen in chains:
        yield chosen.workload.alias, policy_of(profile, chosen.workload).compliance
    for team in profile.teams:
        if team.region:
            yield f"team {team.name}", Compliance(residency=(team.region,))


def _asked(gateway: str, compliance: Compliance, as_of: date) -> Iterator[tuple[Fact, str]]:
    processor = PROCESSORS.get(gateway)
    if processor is None:
        return
    if compliance.residency:
        yield processor.fact("residency", as_of), "compliance.residency"
    for framework in compliance.frameworks:
        for key in FACTS_OF_FRAMEWORK[framework]:
            yield processor.fact(key, as_of), f"compliance.frameworks {framework}"
    if compliance.retention == "zero":
        yield processor.fact("zero_retention", as_of), "compliance.retention zero"
    if compliance.training == "forbid":
        yield processor.fact("no_training", as_of), "compliance.training forbid"


def entrances(profile: Profile, gateway: str, compliance: Compliance) -> tuple[str, ...]:
    """Of the regions that a gateway of one's own runs in, those where a request may enter."""
    if gateway in PROCESSORS or not compliance.residency:
        return profile.operations.region
    return tuple(
        place for place in profile.operations.region if region_within(place, compliance.residency)
    )


def _misplaced(profile: Profile, who: str, compliance: Compliance) -> Iterator[str]:
    """Prompts are processed where the gateway is, before any deployment sees them."""
    regions = profile.operations.region
    if regions and not entrances(profile, "", compliance):
        yield (
            f"residency {', '.join(compliance.residency)} of {who}: the gateway itself "
            f"runs in {', '.join(regions)} (operations.region)"
        )


def _unplaced(profile: Profile, gateway: str, compliance: Compliance) -> Iterator[str]:
    if compliance.residency and not profile.operations.region:
        yield (
            f"a place within {', '.join(compliance.residency)} for {gateway} "
            "(operations.region does not say where it runs)"
        )


def _logged(profile: Profile, gateway: str, compliance: Compliance) -> Iterator[str]:
    prompts = profile.operations.logs.prompts
    if gateway in PROCESSORS and compliance.retention == "zero" and prompts != "never":
        yield f"operations.logs.prompts {prompts}: its vendor would keep them (compliance.retention zero)"


def _embedded(
    gateway: str,
    legal: Routing,
    chosen: Chosen,
    chains: Sequence[Chosen],
) -> Iterator[str]:
    alias = chosen.workload.alias
    if not any(c.mode == "semantic" and c.covers(alias) for c in legal.caches):
        return
    wanted = [r for r in chosen.wanted if r.key.startswith("compliance.")]
    if EMBEDDERS.get(gateway) != "route":
        if wanted:
            yield f"cache semantic of {alias}: nobody says who embeds its questions ({wanted[0].says})"
        return
    embedder = next((c for c in chains if c.workload.task == "embed"), None)
    for rung, _ in embedder.deployments if embedder else ():
        if failure := first_failure(rung, wanted):
            requirement, verdict = failure
            yield (
                f"cache semantic of {alias}: its questions would be embedded by {rung}, against "
                f"{requirement.says}: {verdict.reason} ({verdict.source})"
            )


def _words(fact: Fact) -> str:
    return fact.key.replace("_", " ")


def _source(fact: Fact) -> str:
    why = f"{fact.condition}; " if fact.condition else ""
    return f"{why}{fact.source}, {fact.observed_on}" if fact.source else fact.condition
