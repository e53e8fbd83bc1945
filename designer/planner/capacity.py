"""Whether a chain carries the peak within the accounts' quotas, in each single failure.

A quota belongs to a model of an account, or to the whole account, and aliases share it: they are
served in the profile's order, and a later one has what the earlier ones leave. Without a quota a
deployment is taken to carry anything, and the report says that nobody checked.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct, field

from designer.planner.accounts import Candidate
from designer.planner.requirements import tokens, typical_seconds
from designer.profile.model import Quota, Workload
from designer.profile.units import SECONDS_IN

PEAK_OVER_MEAN: Final = 3.0
"""The busiest minute over the mean of the hours with traffic, where a profile has no `peak_rps`: an
assumption, told wherever it is used."""

NOTHING: Final = ""
"""The failure in which everything works."""

Shares = Mapping[tuple[str, str], float]
"""By holder of a quota and failure domain that is down: the share of the quota that is in use."""


class Held(Struct, frozen=True):
    """A quota, and who holds it: `account`, or `account/model`."""

    holder: str
    quota: Quota


class Load(Struct, frozen=True):
    """What the aliases chosen so far use."""

    shares: Shares = field(default_factory=dict)
    is_assumed: bool = False
    """The profile does not tell all of their peaks."""


def quota_of(rung: Candidate) -> Held | None:
    """Of the model in its account where the profile tells it, else of the whole account."""
    settings = rung.account.settings
    for name, model in settings.models.items():
        if name.rpartition("/")[2] == rung.offering.model and model.quota is not None:
            return Held(rung.id, model.quota)
    return None if settings.quota is None else Held(rung.account.name, settings.quota)


def peak_rps(workload: Workload) -> float | None:
    """None without traffic."""
    traffic = workload.traffic
    if traffic.peak_rps is not None:
        return traffic.peak_rps
    if traffic.rate is None:
        return None
    busy_s = traffic.window.length_s if traffic.window else SECONDS_IN["day"]
    return PEAK_OVER_MEAN * traffic.rate.per_day / (busy_s or SECONDS_IN["day"])


def capacity_rps(rung: Candidate, workload: Workload) -> float | None:
    """What its quota carries of this workload's requests; None where there is no quota."""
    held = quota_of(rung)
    if held is None:
        return None
    limits = []
    if held.quota.rpm is not None:
        limits.append(held.quota.rpm / 60)
    if held.quota.tpm is not None:
        limits.append(held.quota.tpm / 60 / max(1, sum(tokens(workload))))
    if held.quota.parallel is not None:
        limits.append(held.quota.parallel / typical_seconds(rung, workload))
    return min(limits, default=None)


def lacking(workload: Workload, rungs: Sequence[Candidate], load: Load) -> float:
    """Share of the peak that finds no room in the worst single failure that leaves a rung."""
    peak = peak_rps(workload)
    if not peak or all(quota_of(rung) is None for rung in rungs):
        return 0.0
    domains = {rung.offering.failure_domain for rung in rungs}
    survivable = [NOTHING, *(domains if len(domains) > 1 else ())]
    return max(_served(workload, rungs, load.shares, down)[0] for down in survivable) / peak


def with_load(
    load: Load, workload: Workload, rungs: Sequence[Candidate], domains: Iterable[str]
) -> Load:
    """After this alias has its place, in every failure of `domains`."""
    shares = dict(load.shares)
    for down in (NOTHING, *domains):
        shares |= _served(workload, rungs, load.shares, down)[1]
    return Load(shares, load.is_assumed or workload.traffic.peak_rps is None)


def must_carry(workload: Workload, load: Load) -> bool:
    """Where all peaks are the profile's own: nothing is refused because of an assumption."""
    return workload.traffic.peak_rps is not None and not load.is_assumed


def _served(
    workload: Workload, rungs: Sequence[Candidate], shares: Shares, down: str
) -> tuple[float, dict[tuple[str, str], float]]:
    """(requests a second that find no room, shares in use): each rung takes what it can, in order."""
    left, used = peak_rps(workload) or 0.0, dict[tuple[str, str], float]()
    for rung in rungs:
        if rung.offering.failure_domain == down:
            continue
        held, most = quota_of(rung), capacity_rps(rung, workload)
        if held is None or most is None:
            return 0.0, used
        key = (held.holder, down)
        before = used.get(key, shares.get(key, 0.0))
        takes = min(left, most * max(0.0, 1 - before))
        used[key] = before + takes / most
        left -= takes
    return (left if left > _ROUNDING else 0.0), used


_ROUNDING: Final = 1e-9


def in_words(workload: Workload, rungs: Sequence[Candidate]) -> str:
    """What was checked, for the report."""
    peak = peak_rps(workload)
    if peak is None:
        return "capacity not checked: the workload has no traffic"
    unknown = [rung.id for rung in rungs if capacity_rps(rung, workload) is None]
    if unknown:
        return f"capacity not checked: no quota is known of {', '.join(unknown)}"
    assumed = "" if workload.traffic.peak_rps else f" ({PEAK_OVER_MEAN:g} × the mean, assumed)"
    each = ", ".join(f"{capacity_rps(r, workload):.3g} on {r.id}" for r in rungs)
    return f"peak of {peak:.3g} requests/s{assumed}; the quotas carry {each}"
