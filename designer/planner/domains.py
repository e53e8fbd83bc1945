"""What two deployments share, and so may lose together.

A provider's own control plane and a cloud region go down as one; a model family misbehaves as one (a
bad release, a withdrawn version) without taking a service down, so it is told and breaks ties only.
How often each of them fails is the forecast's affair.
"""

from collections.abc import Iterator

from designer.planner.accounts import Candidate
from designer.profile.regions import COUNTRY_OF


def cloud_region(candidate: Candidate) -> str:
    """The one cloud region it runs in; empty where it may be any of several, or nobody says."""
    where = candidate.region or candidate.offering.region
    return where if where in COUNTRY_OF else ""


def outages_shared(one: Candidate, other: Candidate) -> Iterator[str]:
    """In words: a failure of any of these stops both."""
    if one.offering.failure_domain == other.offering.failure_domain:
        yield one.offering.failure_domain
    region = cloud_region(one)
    if region and region == cloud_region(other):
        yield f"region {region}"


def stands_apart(one: Candidate, other: Candidate) -> bool:
    return not any(outages_shared(one, other))
