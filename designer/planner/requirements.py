"""What a workload insists on, each as a test of one candidate that can say why it failed.

Unknown and expired facts never satisfy anything. Conflicts among requirements are told as the
smallest set that no candidate satisfies together.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import date
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Final

from msgspec import Struct

from designer.catalog import Catalog
from designer.catalog.model import TIERS
from designer.diagnostics import Place
from designer.planner.accounts import Candidate, is_within
from designer.profile.load import LoadedProfile
from designer.profile.model import BenchQuality, Workload
from designer.profile.policy import policy_of


class Verdict(Struct, frozen=True):
    holds: bool
    reason: str = ""
    """Down to the fact, in words."""
    source: str = ""
    """Source and day of the fact."""
    obtain: str = ""
    """Holds only once this is obtained."""


HOLDS = Verdict(True)

PEAK: Final = "traffic.peak_rps"
PRICE: Final = "cost.max_per_request"
"""Kept to by a chain as a whole, beside what each of its deployments must satisfy."""


class Requirement(Struct, frozen=True):
    key: str
    """The profile key it comes from."""
    says: str
    place: Place
    test: Callable[[Candidate], Verdict]
    """Of what a chain must keep to as a whole it says nothing: each deployment may be part of one."""


class Rejected(Struct, frozen=True):
    candidate: Candidate
    requirement: Requirement
    verdict: Verdict


FACTS_OF_FRAMEWORK = {
    "gdpr": ("dpa",),
    "hipaa": ("baa",),
    "soc2": ("soc2",),
    "iso27001": ("iso27001",),
}
"""What a framework asks of a processor. GDPR art. 28(3): a contract; HIPAA 45 CFR 164.504(e): a BAA."""


def requirements(
    loaded: LoadedProfile, workload: Workload, index: int, catalog: Catalog, as_of: date
) -> list[Requirement]:
    """In the order in which they are told."""
    profile = loaded.profile
    compliance = policy_of(profile, workload).compliance
    found: list[Requirement] = []

    def add(key: str, says: str, test: Callable[[Candidate], Verdict]) -> None:
        own = f"workloads[{index}].{key}"
        place = loaded.positions.place(own if own in loaded.positions else key)
        found.append(Requirement(key, says, place, test))

    kind = "embedding" if workload.task == "embed" else "chat"
    add("task", f"task {workload.task}", _kind(catalog, kind, workload.task))
    add("alias", "a model still sold", _on_sale(catalog, as_of))
    if workload.models.allow or workload.models.deny:
        add("models", "models allow/deny", _listed(workload, catalog))
    if workload.needs:
        wanted = frozenset(str(need) for need in workload.needs)
        add("needs", f"needs {', '.join(sorted(wanted))}", _able(wanted))
    if workload.context:
        add("context", f"context {workload.context}", _roomy(workload.context))
    if workload.params.max_tokens:
        most = workload.params.max_tokens
        add("params.max_tokens", f"answers of {most:,} tokens", _talkative(most))
    if workload.params.reasoning_effort not in (None, "none"):
        says = f"reasoning_effort {workload.params.reasoning_effort}"
        add("params.reasoning_effort", says, _able(frozenset({"reasoning"})))
    if kind == "chat":
        add("quality", f"quality {_quality_text(workload)}", _good(workload, catalog))
    if compliance.residency:
        allowed = compliance.residency
        test = _resident(allowed, profile.operations.region, catalog)
        add("compliance.residency", f"residency {', '.join(allowed)}", test)
    for framework in compliance.frameworks:
        for fact in FACTS_OF_FRAMEWORK[framework]:
            test = _fact(catalog, fact, as_of)
            add("compliance.frameworks", f"framework {framework}", test)
    if compliance.retention == "zero":
        test = _fact(catalog, "zero_retention", as_of)
        add("compliance.retention", "retention zero", test)
    if compliance.training == "forbid":
        add("compliance.training", "training forbid", _fact(catalog, "no_training", as_of))
    limit = profile.cost.max_per_request
    if limit is not None:
        add(PRICE, f"at most {limit} per request", _cheap(workload, limit.usd))
    return found


def within(loaded: LoadedProfile, region: str, path: str, catalog: Catalog) -> Requirement:
    """That a deployment stays in a team's region; `path` is where the profile says so."""
    test = _resident((region,), loaded.profile.operations.region, catalog)
    return Requirement("teams.region", f"residency {region}", loaded.positions.place(path), test)


# --- The tests ------------------------------------------------------------------------------------


def _kind(catalog: Catalog, kind: str, task: str) -> Callable[[Candidate], Verdict]:
    def test(candidate: Candidate) -> Verdict:
        model = catalog.model_of(candidate.offering)
        if model.kind != kind:
            return Verdict(False, f"it is a model for {model.kind}")
        if model.purpose == "code" and task != "code":
            return Verdict(False, "it is a model for code")
        return HOLDS

    return test


def _on_sale(catalog: Catalog, as_of: date) -> Callable[[Candidate], Verdict]:
    def test(candidate: Candidate) -> Verdict:
        status = catalog.status_of(candidate.offering, as_of)
        return Verdict(status in ("active", "preview"), f"it is {status}")

    return test


def _listed(workload: Workload, catalog: Catalog) -> Callable[[Candidate], Verdict]:
    models = workload.models

    def test(candidate: Candidate) -> Verdict:
        if is_named(candidate, models.deny, catalog):
            return Verdict(False, "models.deny names it")
        if models.allow and not is_named(candidate, models.allow, catalog):
            return Verdict(False, "models.allow does not name it")
        return HOLDS

    return test


def is_named(candidate: Candidate, patterns: Iterable[str], catalog: Catalog) -> bool:
    """By `account/model`, by the catalog's `provider/model@region`, or by a glob over either."""
    return any(
        fnmatchcase(candidate.id, pattern) or candidate.offering in catalog.matching(pattern)
        for pattern in patterns
    )


def _able(wanted: frozenset[str]) -> Callable[[Candidate], Verdict]:
    def test(candidate: Candidate) -> Verdict:
        missing = wanted - candidate.offering.capabilities
        return Verdict(False, f"it has no {', '.join(sorted(missing))}") if missing else HOLDS

    return test


def _roomy(context: int) -> Callable[[Candidate], Verdict]:
    def test(candidate: Candidate) -> Verdict:
        room = candidate.offering.context_tokens
        return Verdict(room >= context, f"its context is {room:,} tokens")

    return test


def _talkative(max_tokens: int) -> Callable[[Candidate], Verdict]:
    def test(candidate: Candidate) -> Verdict:
        most = candidate.offering.max_output_tokens
        return Verdict(most >= max_tokens, f"its longest answer is {most:,} tokens")

    return test


def _quality_text(workload: Workload) -> str:
    quality = workload.quality
    if isinstance(quality, BenchQuality):
        return f"{quality.bench} >= {quality.min:g}"
    return f"at least {quality}"


def _good(workload: Workload, catalog: Catalog) -> Callable[[Candidate], Verdict]:
    quality = workload.quality

    def by_bench(candidate: Candidate) -> Verdict:
        assert isinstance(quality, BenchQuality)
        score = catalog.model_of(candidate.offering).score(quality.bench)
        if score is None:
            return Verdict(False, f"it has no {quality.bench} score")
        says = f"its {quality.bench} is {score.score:g}"
        return Verdict(score.score >= quality.min, says, f"{score.source}, {score.as_of}")

    def by_tier(candidate: Candidate) -> Verdict:
        model = catalog.model_of(candidate.offering)
        assert not isinstance(quality, BenchQuality)
        enough = TIERS.index(model.tier) >= TIERS.index(quality)
        return Verdict(enough, f"it is {model.tier}: {model.tier_why}")

    return by_bench if isinstance(quality, BenchQuality) else by_tier


def _resident(
    allowed: tuple[str, ...], homes: Collection[str], catalog: Catalog
) -> Callable[[Candidate], Verdict]:
    def test(candidate: Candidate) -> Verdict:
        offering = candidate.offering
        where = "anywhere" if offering.residency == "global" else f"in {offering.residency}"
        return Verdict(
            is_within(candidate, allowed, homes, catalog),
            f"it may be processed {where}",
            f"{offering.regions_source}, {offering.regions_observed_on}",
        )

    return test


def _fact(catalog: Catalog, key: str, as_of: date) -> Callable[[Candidate], Verdict]:
    def test(candidate: Candidate) -> Verdict:
        signed = candidate.account.agreement(key, as_of)
        if signed is not None:
            return Verdict(True, f"agreement {signed}", "the profile")
        fact = catalog.fact(candidate.offering, key, as_of)
        source = f"{fact.source}, {fact.observed_on}" if fact.source else ""
        name = key.replace("_", " ")
        if fact.value == "obtainable":
            how = f" ({fact.condition})" if fact.condition else ""
            return Verdict(True, source=source, obtain=f"{name} on {candidate.account.name}{how}")
        if fact.value == "yes":
            return Verdict(True, source=source)
        why = f" ({fact.condition})" if fact.condition else ""
        return Verdict(False, f"{name}: {fact.value}{why}", source)

    return test


def _cheap(workload: Workload, limit_usd: Decimal) -> Callable[[Candidate], Verdict]:
    def test(candidate: Candidate) -> Verdict:
        cost = cost_per_request_usd(candidate, workload)
        return Verdict(cost <= limit_usd, f"a request costs {cost:.4f} USD")

    return test


DEFAULT_INPUT_TOKENS = 1000
DEFAULT_OUTPUT_TOKENS = 250
"""Where a profile is silent about its traffic; marked as assumed in the report."""


def tokens(workload: Workload) -> tuple[int, int]:
    """(input, output) of a typical request."""
    traffic = workload.traffic
    out = 0 if workload.task == "embed" else DEFAULT_OUTPUT_TOKENS
    return traffic.input_tokens or DEFAULT_INPUT_TOKENS, traffic.output_tokens or out


def cost_per_request_usd(candidate: Candidate, workload: Workload) -> Decimal:
    """A typical request at the list price; the profile's prompt-cache share is read at its price."""
    input_tokens, output_tokens = tokens(workload)
    cached = round(input_tokens * workload.traffic.prompt_cache)
    return candidate.offering.price.cost_usd(input_tokens, output_tokens, cached_tokens=cached)


def typical_seconds(candidate: Candidate, workload: Workload) -> float:
    """A prior: time to the first token plus the answer at the model's pace."""
    latency = candidate.offering.latency
    return latency.ttft_p50_s + tokens(workload)[1] / latency.tokens_per_s


# --- Conflicts ------------------------------------------------------------------------------------


class Conflict(Struct, frozen=True):
    """Requirements of one workload that nothing satisfies together; none can be left out."""

    alias: str
    requirements: tuple[Requirement, ...]
    relaxed: tuple[tuple[Requirement, tuple[Candidate, ...]], ...]
    """For each of them, the candidates that satisfy everything else."""


def first_failure(
    candidate: Candidate, wanted: Sequence[Requirement]
) -> tuple[Requirement, Verdict] | None:
    for requirement in wanted:
        verdict = requirement.test(candidate)
        if not verdict.holds:
            return requirement, verdict
    return None


HaveChain = Callable[[Sequence[Candidate], Sequence[Requirement]], bool]
"""Whether some chain of these deployments keeps to those requirements as a whole."""


def conflict(
    alias: str,
    pool: Sequence[Candidate],
    wanted: Sequence[Requirement],
    have_chain: HaveChain = lambda passing, rest: True,
) -> Conflict:
    """Drop requirements while nothing meets the rest: what stays is minimal."""

    def meeting(rest: Sequence[Requirement]) -> tuple[Candidate, ...]:
        passing = tuple(c for c in pool if first_failure(c, rest) is None)
        return passing if passing and have_chain(passing, rest) else ()

    kept = list(wanted)
    for requirement in reversed(wanted):
        rest = [r for r in kept if r is not requirement]
        if not meeting(rest):
            kept = rest
    relaxed = []
    for requirement in kept:
        rest = [r for r in wanted if r is not requirement]
        relaxed.append((requirement, meeting(rest)))
    return Conflict(alias, tuple(kept), tuple(relaxed))
