"""Requests that leave a region on the way down a chain, or by the name of a model."""

from collections.abc import Mapping
from functools import cache

from msgspec import Struct

from designer.catalog import load_catalog
from designer.diagnostics import Report, Rule, Severity
from designer.ir import Deployment
from designer.lint.routes.places import model_place
from designer.lint.routes.walk import Walk
from designer.lint.subject import Subject
from designer.profile.regions import countries_of, region_within

_EU = countries_of("eu")
_GEOGRAPHY: Mapping[str, frozenset[str]] = {
    "us": frozenset({"us", "ca", "mx"}),
    "eu": _EU | frozenset({"gb", "ch", "il"}),
    "apac": frozenset({"jp", "kr", "in", "sg", "au", "nz", "id", "my", "th", "tw", "hk", "ae"}),
    "jp": frozenset({"jp"}),
    "au": frozenset({"au", "nz"}),
}
"""Inference profile prefix of Bedrock → countries of the regions that it can be called from."""

OUTSIDE = Rule(
    "LNT310",
    Severity.ERROR,
    "{deployment} is processed {where}, and the profile allows {allowed} only",
    "The profile that this folder was made from keeps requests inside a residency; whatever the "
    "configuration can reach must stay there, also after failures.",
    instead="requests leave the residency when they get there",
    help="take the deployment out, or use an offering inside {allowed}",
    source="design: `compliance.residency` of the profile beside the configuration, 2026-11-24",
)
LEAVES = Rule(
    "LNT311",
    Severity.WARNING,
    "{route!r} is processed in {home}, and its fallback {fallback} {where}",
    "A fallback is for availability: nobody asks it where the data may go.",
    instead="during an outage of the first deployment requests are processed {where}",
    help="fall back to a deployment in the same region, or to a regional offering of the model",
    source="https://github.com/project-arbr/arbr-control-plane/issues/77; "
    "https://docs.litellm.ai/docs/proxy/customer_routing",
)
GLOBAL_PROFILE = Rule(
    "LNT312",
    Severity.WARNING,
    "{model} is called in {region}, and processed anywhere in the world",
    "A `global.` inference profile lets AWS choose among all its commercial regions; the region of the "
    "call only says where the request enters.",
    instead="requests leave the region whenever AWS finds room elsewhere",
    help="use the profile of the geography, such as `eu.`, where the region matters",
    source="https://docs.aws.amazon.com/bedrock/latest/userguide/cross-region-inference.html; "
    "https://github.com/strands-agents/harness-sdk/pull/804",
)
OTHER_GEOGRAPHY = Rule(
    "LNT313",
    Severity.ERROR,
    "{model} cannot be called in {region}: its inference profile is of `{prefix}`",
    "Bedrock knows the inference profile of a geography only in the regions of that geography.",
    instead="every request fails: the model identifier is invalid there",
    help="use the profile of the region's geography, or a region of `{prefix}`",
    source="https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html",
)


class _Where(Struct, frozen=True):
    """Where a deployment's requests are processed. `countries` empty: anywhere."""

    name: str
    countries: frozenset[str]

    def __str__(self) -> str:
        return f"in {self.name}" if self.countries else "anywhere"


_ANYWHERE = _Where("anywhere", frozenset())


def _where(subject: Subject, deployment: Deployment) -> _Where | None:
    """None where nothing says it: another's server, a resource whose region the name hides."""
    fact = subject.config.facts.get(deployment.id)
    if fact is not None:
        return _named(str(fact.get("residency")))
    prefix = _profile_prefix(deployment)
    if deployment.provider == "bedrock" and prefix in ("global", *_GEOGRAPHY):
        return None if _is_elsewhere(prefix, deployment.region) else _named(prefix)
    offering = subject.offering(deployment)
    if offering is not None and offering.residency != "global":
        return _named(offering.residency)
    if deployment.provider in _TOLD_BY_REGION:
        return _named(deployment.region) if deployment.region else None
    is_known = offering is not None or not deployment.api_base
    return _ANYWHERE if is_known and deployment.provider in _anywhere() else None


_TOLD_BY_REGION = frozenset({"azure", "bedrock", "vertex"})
"""Providers whose region in a configuration is where the author believes that requests are processed."""


@cache
def _anywhere() -> frozenset[str]:
    """Providers that promise no place to those who do not ask for one."""
    catalog = load_catalog()
    plain = [o for o in catalog.offerings.values() if o.region == "global"]
    bound = {o.provider for o in plain if o.residency != "global"}
    hosted = {o.provider for o in plain if not catalog.providers[o.provider].is_self_hosted}
    return frozenset(hosted - bound)


def _profile_prefix(deployment: Deployment) -> str:
    return deployment.model.rpartition("/")[2].partition(".")[0]


def _named(token: str) -> _Where | None:
    if token == "global":
        return _ANYWHERE
    countries = countries_of(token) or _GEOGRAPHY.get(token)
    return _Where(token, countries) if countries else None


def _is_chosen(subject: Subject, deployment: Deployment) -> bool:
    """Whether the author asked for a place, rather than the provider having only one."""
    offering = subject.offering(deployment)
    return bool(
        deployment.region
        or _profile_prefix(deployment) in _GEOGRAPHY
        or (offering is not None and offering.region != "global")
    )


def residency_is_kept(subject: Subject, report: Report) -> None:
    compliance = subject.config.profile.get("compliance") or {}
    allowed = [str(token) for token in compliance.get("residency") or ()]
    for deployment in subject.routing.deployments if allowed else ():
        where = _where(subject, deployment)
        if where is not None and not (where.countries and region_within(where.name, allowed)):
            report.add(
                OUTSIDE,
                model_place(subject, deployment.id),
                deployment=deployment.id,
                where=where,
                allowed=", ".join(allowed),
            )


def fallbacks_stay_in_the_region(subject: Subject, walk: Walk, report: Report) -> None:
    """Only for routes whose author chose a region: clouds have none without one, and most take the US."""
    homes = [_where(subject, d) for d in walk.first]
    countries = frozenset[str]().union(*(home.countries for home in homes if home is not None))
    if not all(home is not None and home.countries for home in homes) or "us" in countries:
        return
    if not all(_is_chosen(subject, d) for d in walk.first):
        return
    if (subject.config.profile.get("compliance") or {}).get("residency"):
        return
    allowed = _EU if countries <= _EU else countries
    for fallback in walk.further:
        where = _where(subject, fallback)
        if where is not None and not (where.countries and where.countries <= allowed):
            report.add(
                LEAVES,
                model_place(subject, fallback.id),
                route=walk.route.name,
                home=" and ".join(dict.fromkeys(home.name for home in homes if home)),
                fallback=fallback.model,
                where=where,
            )


def profiles_fit_their_region(subject: Subject, report: Report) -> None:
    for deployment in subject.routing.deployments:
        if deployment.provider == "bedrock" and deployment.region:
            _profile_fits(subject, deployment, deployment.region, report)


def _profile_fits(subject: Subject, deployment: Deployment, region: str, report: Report) -> None:
    prefix = _profile_prefix(deployment)
    countries = countries_of(region)
    place = model_place(subject, deployment.id)
    if prefix == "global" and countries and "us" not in countries:
        report.add(GLOBAL_PROFILE, place, model=deployment.model, region=region)
    elif _is_elsewhere(prefix, region):
        report.add(
            OTHER_GEOGRAPHY, place, model=deployment.model, region=region, prefix=f"{prefix}."
        )


def _is_elsewhere(prefix: str, region: str | None) -> bool:
    """Whether the region belongs to other geographies only, so that the profile is not known there."""
    countries = countries_of(region or "")
    own = _GEOGRAPHY.get(prefix, frozenset())
    others = frozenset[str]().union(*_GEOGRAPHY.values()) - own
    return bool(own) and bool(countries) and countries <= others


CHECKS = (residency_is_kept, profiles_fit_their_region)
OF_ROUTES = (fallbacks_stay_in_the_region,)
