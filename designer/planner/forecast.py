"""What a chain will cost, how often it answers and how fast: intervals for the coming month.

Each figure is the middle 90 % of a few hundred months drawn with a fixed seed from the catalog's facts
and the table in `priors`; `months` draws the outages. How often such an interval holds is measured in
`benchmarks/forecast.py` and written down in `docs/forecast.md`. Quotas, off-peak prices and the time
limits of answers are not forecast.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from itertools import repeat
from random import Random
from typing import Final, Literal, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from designer.catalog import Catalog, Offering
from designer.catalog.model import HOSTED_INCIDENTS, Usage
from designer.planner import priors
from designer.planner.accounts import Candidate
from designer.planner.months import (
    NORMAL,
    Domain,
    Luck,
    Outages,
    Try,
    either,
    factor,
    failing,
    outages,
    poisson,
)
from designer.planner.requirements import tokens
from designer.profile.model import Workload
from designer.profile.policy import EffectivePolicy

LEVEL: Final = 0.9
"""Nominal, of every interval."""
_DRAWS: Final = 256
_SEED: Final = 20261124


CacheMode = Literal["off", "exact", "semantic"]


class Figure(Struct, frozen=True):
    low: float
    high: float
    mean: float
    unit: str
    source: str
    grade: Literal["prior", "measured"] = "prior"
    """`measured` when the user's own logs say it (`designer calibrate`)."""
    level: float = LEVEL


class Fixed(Struct, frozen=True):
    """What an account costs whether or not it is asked; several aliases may share it."""

    account: str
    usd_per_month: float
    source: str


class Forecast(Struct, frozen=True):
    availability: Figure
    p95_s: Figure
    """Of all requests, those included that were retried or fell back."""
    usd_per_month: Figure | None
    """None without a rate of traffic."""
    usd_per_request: Figure
    """Of a request asked, averaged over those that a cache answers."""
    fixed: tuple[Fixed, ...] = ()
    """Not in the figures above."""


class Bill(Struct, frozen=True):
    """A month of all aliases together, in USD."""

    low: float
    high: float
    """Sums of the aliases' ends: wider than nine months of ten, unless all stray the same way."""
    fixed: float
    """Of both: machines and commitments, each account's once, asked or not."""
    without: tuple[str, ...]
    """Aliases without a rate of traffic, whose requests are not in it."""


def bill(forecasts: Mapping[str, Forecast]) -> Bill:
    months = [f.usd_per_month for f in forecasts.values() if f.usd_per_month]
    by_account = {cost.account: cost for f in forecasts.values() for cost in f.fixed}
    fixed = sum(cost.usd_per_month for cost in by_account.values())
    return Bill(
        fixed + sum(figure.low for figure in months),
        fixed + sum(figure.high for figure in months),
        fixed,
        tuple(alias for alias, f in forecasts.items() if f.usd_per_month is None),
    )


class Course(Struct, frozen=True):
    """As much of a route's policy as a forecast needs."""

    retries: int = 2
    attempts: int = 4
    timeouts_s: tuple[float, ...] = ()
    """Of a try, one a rung; empty where all have the profile's default."""
    deadline_s: float = 60.0
    cache: CacheMode = "off"


_ONCE: Final = Try(0, 1)
_USUAL_S: Final = 30.0
"""Of one try, where a profile says nothing and the deadline leaves it."""
_NO_LIMIT_S: Final = 600.0
"""Where the gateway's own limit applies: LiteLLM's default is 6000 s, Portkey has none, and callers
give up earlier."""


def course(
    policy: EffectivePolicy, timeouts_s: Iterable[float | None], cache: CacheMode | None = None
) -> Course:
    """`timeouts_s` one a rung; `cache` is what the gateway makes of the profile's wish; left out, the
    wish itself."""
    routing = policy.routing
    return Course(
        routing.retries,
        routing.attempts_per_request or 100,
        tuple(timeout_s or _NO_LIMIT_S for timeout_s in timeouts_s),
        routing.deadline or _NO_LIMIT_S,
        cache or policy.cache.mode,
    )


def forecast(
    workload: Workload,
    rungs: Sequence[Candidate],
    catalog: Catalog,
    course: Course = Course(),  # noqa: B008  a frozen value
) -> Forecast:
    chain = _chain(workload, rungs, catalog, course)
    rate = workload.traffic.rate
    planned = rate.per_month if rate else None
    months = [_month(chain, outlook, planned) for outlook in _outlooks(chain)]
    answers = _answer_sources(rungs)
    cost = "; ".join(_price_sources(rungs))
    # The primary serves nearly everything; its fallbacks may never be seen in a log.
    usage = chain.rungs[0].usd_measured is not None
    speed = rungs[0].offering.latency.grade == "measured"
    return Forecast(
        _availability([m.availability for m in months], chain.domains),
        _figure([m.p95_s for m in months], "s", answers, speed),
        _figure([m.usd_per_month for m in months], "USD/month", f"{cost}; {_TRAFFIC}", usage)
        if planned
        else None,
        _figure([m.usd_per_request for m in months], "USD", cost, usage),
        tuple(_fixed(rungs)),
    )


_TRAFFIC: Final = "traffic as planned, off as plans for new products are (Kahn 2002)"


def availability_of(rungs: Sequence[Candidate], catalog: Catalog) -> Figure:
    """Of the chain under the default policy, whatever the traffic."""
    domains, tries = _domains(rungs, catalog, Course())
    return _availability(_answered(domains, tries), domains)


@lru_cache(maxsize=4096)
def _answered(domains: tuple[Domain, ...], tries: tuple[Try, ...]) -> tuple[float, ...]:
    months = zip(_failing(domains, tries), _common(), strict=True)
    return tuple(1 - either(share, common) for share, common in months)


@lru_cache(maxsize=4096)
def _failing(domains: tuple[Domain, ...], tries: tuple[Try, ...]) -> tuple[float, ...]:
    """Month by month, but for the common cause."""
    return tuple(failing(tries, month) for month in _drawn_outages(domains))


def _drawn_outages(domains: tuple[Domain, ...]) -> Iterable[tuple[Outages, ...]]:
    own = (_months_of(replace(domain, name=""), n) for n, domain in enumerate(domains))
    return zip(*own, strict=True)


@lru_cache(maxsize=1)
def _common() -> tuple[float, ...]:
    """Share of requests that fail by what takes all providers at once."""
    months = _months_of(Domain("", priors.COMMON, priors.REQUEST_FAILS), -1)
    return tuple(failing([Try(0, 1)], [month]) for month in months)


@lru_cache(maxsize=256)
def _months_of(domain: Domain, place: int) -> tuple[Outages, ...]:
    """The same ones for every chain with such a domain at its `place`: another rung changes none."""
    chance = Random(f"{_SEED} {place}")
    lucks = map(
        Luck, _normals(f"worse {place}"), _shares(f"count {place}"), _normals(f"fails {place}")
    )
    return tuple(outages(domain, luck, chance) for luck in lucks)


_BASES: Final = {
    "traffic": 2,
    "output": 3,
    "speed 0": 5,
    "price 0": 7,
    "input": 11,
    "count 0": 13,
    "luck": 17,
}
"""Of what moves the figures most: Halton's sequence in different bases is even in pairs as well."""


@lru_cache(maxsize=256)
def _shares(of: str) -> tuple[float, ...]:
    """One in the middle of each of as many equal parts of 0–1 as there are draws, in an order of its
    own: months that are drawn evenly need fewer than independent ones (a Latin hypercube)."""
    if of in _BASES:
        order = sorted(range(_DRAWS), key=lambda n: _mirrored(n + 1, _BASES[of]))
    else:
        order = Random(f"{_SEED} {of}").sample(range(_DRAWS), _DRAWS)
    ranks = {draw: rank for rank, draw in enumerate(order)}
    return tuple((ranks[draw] + 0.5) / _DRAWS for draw in range(_DRAWS))


def _mirrored(number: int, base: int) -> float:
    """Its digits behind the point, the last one first."""
    share, digit = 0.0, 1.0
    while number:
        digit /= base
        share += digit * (number % base)
        number //= base
    return share


@lru_cache(maxsize=256)
def _normals(of: str) -> tuple[float, ...]:
    return tuple(map(NORMAL.inv_cdf, _shares(of)))


# --- The chain as numbers -------------------------------------------------------------------------


class _Rung(Struct, frozen=True):
    on: Try
    timeout_s: float
    ttft_s: float
    length_s: float
    """Of an average answer, after its first token."""
    longest_s: float
    """Of one that reaches the profile's `max_tokens`."""
    speed_spread: float
    usd: tuple[float, float, float]
    """Of an average request: its input if nothing is cached, its cacheable input if all of it is, its
    output."""
    price: tuple[float, float]
    """What the sources' prices may be, as factors of the usual one."""
    usd_measured: tuple[float, float] | None
    """The cost of a request and its spread."""


class _Chain(Struct, frozen=True):
    domains: tuple[Domain, ...]
    rungs: tuple[_Rung, ...]
    course: Course
    repeats: float
    prompt_cache: float


class _Outlook(Struct, frozen=True):
    """What differs from one month that could be to the next."""

    outages: tuple[Outages, ...]
    common: float
    """Share of requests that fail wherever they are sent."""
    reached: tuple[float, ...]
    """By k: the share of requests that the first k rungs all failed."""
    speeds: tuple[float, ...]
    """Factors of each rung's times."""
    times_out: float
    prices: tuple[float, ...]
    billed: float
    input: float
    output: float
    traffic: float
    kept: float
    hits: float
    luck: float
    """Which share of months has fewer requests that fail."""


class _Month(Struct, frozen=True):
    availability: float
    p95_s: float
    usd_per_month: float
    usd_per_request: float


def _chain(
    workload: Workload, rungs: Sequence[Candidate], catalog: Catalog, course: Course
) -> _Chain:
    domains, tries = _domains(rungs, catalog, course)
    limits_s = course.timeouts_s or (_USUAL_S,) * len(rungs)
    return _Chain(
        domains,
        tuple(
            _rung(workload, rung, on, limit_s)
            for rung, on, limit_s in zip(rungs, tries, limits_s, strict=False)
        ),
        course,
        workload.traffic.repeats,
        workload.traffic.prompt_cache,
    )


def _domains(
    rungs: Sequence[Candidate], catalog: Catalog, course: Course
) -> tuple[tuple[Domain, ...], tuple[Try, ...]]:
    """Rungs beyond the limit of attempts are never asked."""
    found: dict[str, Domain] = {}
    left, tries = course.attempts, []
    for rung in rungs:
        name = rung.offering.failure_domain
        incidents = catalog.providers[rung.offering.provider].incidents
        found.setdefault(name, Domain(name, incidents or HOSTED_INCIDENTS))
        if left > 0:
            tries.append(Try(list(found).index(name), min(left, course.retries + 1)))
            left -= course.retries + 1
    return tuple(found.values()), tuple(tries)


def _rung(
    workload: Workload, candidate: Candidate, on: Try = _ONCE, timeout_s: float = _USUAL_S
) -> _Rung:
    offering = candidate.offering
    usage = offering.usage
    into, out = tokens(workload)
    if usage is not None and workload.traffic.output_tokens is None and out:
        out = usage.output_tokens
    plain = offering.price.cost_usd(into, 0)
    cached = offering.price.cost_usd(into, 0, cached_tokens=into)
    output = offering.price.cost_usd(into, out) - plain
    is_free = _committed(candidate) is not None
    longest = workload.params.max_tokens
    return _Rung(
        on,
        timeout_s,
        offering.latency.ttft_p50_s,
        out / offering.latency.tokens_per_s,
        longest / offering.latency.tokens_per_s if longest else math.inf,
        priors.LATENCY_SPREAD[offering.latency.grade],
        (0.0, 0.0, 0.0) if is_free else (float(plain), float(cached), float(output)),
        _conflict(offering, into, out),
        _measured_usd(usage) if usage and not is_free else None,
    )


def _measured_usd(usage: Usage) -> tuple[float, float] | None:
    """A mean of few answers is itself uncertain: their costs vary about as much as they are."""
    if usage.usd_per_request is None:
        return None
    return usage.usd_per_request, math.hypot(priors.USAGE_SPREAD, 1 / math.sqrt(usage.requests))


def _conflict(offering: Offering, into: int, out: int) -> tuple[float, float]:
    """From the cheapest source to the dearest."""
    price = offering.price
    usual = into * price.input + out * price.output
    if price.agreement != "conflict" or not usual:
        return 1.0, 1.0
    others = [float((into * e.input + out * e.output) / usual) for e in price.evidence]
    return min(1.0, *others), max(1.0, *others)


# --- A month --------------------------------------------------------------------------------------


def _outlooks(chain: _Chain) -> Iterable[_Outlook]:
    places = range(len(chain.rungs))
    return map(
        _Outlook,
        _drawn_outages(chain.domains),
        _common(),
        _reached(chain),
        zip(*(_factors(f"speed {k}", chain.rungs[k].speed_spread) for k in places), strict=True),
        _between("times out", priors.TIMES_OUT),
        zip(*(_prices(f"price {k}", chain.rungs[k]) for k in places), strict=True),
        _between("billed", priors.BILLED_FAILURE),
        _as_planned("input", priors.INPUT_SPREAD),
        _as_planned("output", priors.OUTPUT_SPREAD),
        _as_planned("traffic", priors.TRAFFIC_SPREAD),
        _between("kept", priors.PROMPT_CACHE_KEPT),
        _between("hits", priors.CACHE_HITS[chain.course.cache]),
        _shares("luck"),
    )


def _reached(chain: _Chain) -> Iterable[tuple[float, ...]]:
    tries = tuple(rung.on for rung in chain.rungs)
    for_all = repeat(1.0, _DRAWS)
    failed = (_failing(chain.domains, tries[:k]) for k in range(1, len(tries) + 1))
    return zip(for_all, *failed, strict=True)


def _factors(of: str, spread: float) -> list[float]:
    return [factor(spread, deviation) for deviation in _normals(of)]


@lru_cache(maxsize=16)
def _as_planned(of: str, spread: float) -> list[float]:
    """Factors of what a person has planned with: as often too low as too high."""
    return [math.exp(spread * deviation) for deviation in _normals(of)]


@lru_cache(maxsize=16)
def _between(of: str, ends: tuple[float, float]) -> list[float]:
    low, high = ends
    return [low + share * (high - low) for share in _shares(of)]


def _prices(of: str, rung: _Rung) -> list[float]:
    if rung.usd_measured is not None:
        return _factors(of, rung.usd_measured[1])
    listed = _between(f"{of} listed", rung.price)
    return [
        one * other for one, other in zip(listed, _factors(of, priors.PRICE_SPREAD), strict=True)
    ]


def _month(chain: _Chain, outlook: _Outlook, planned: float | None) -> _Month:
    reached = outlook.reached
    hits = min(0.95, chain.repeats * outlook.hits)
    failed = either(reached[-1], outlook.common)
    if planned:
        asked = max(1.0, planned * outlook.traffic * (1 - hits))
        failed = min(1.0, poisson(asked * failed, outlook.luck) / asked)
    usd = (1 - hits) * _usd(chain, outlook, reached)
    return _Month(
        1 - failed * (1 - hits),
        _p95_s(chain, outlook, reached, hits),
        usd * (planned or 0.0) * outlook.traffic,
        usd,
    )


def _usd(chain: _Chain, outlook: _Outlook, reached: Sequence[float]) -> float:
    """Of a request that no cache answers: what serves it, and what is billed for failed tries."""
    kept = chain.prompt_cache * outlook.kept
    total = 0.0
    for k, (rung, price) in enumerate(zip(chain.rungs, outlook.prices, strict=True)):
        plain, cached, output = rung.usd
        usual = (plain * (1 - kept) + cached * kept) * outlook.input + output * outlook.output
        one = price * (usual if rung.usd_measured is None else rung.usd_measured[0])
        failed = reached[k + 1] * rung.on.tries
        total += one * (reached[k] - reached[k + 1] + outlook.billed * failed)
    return total


_Z95: Final = NORMAL.inv_cdf(0.95)
_SLOW: Final = NORMAL.inv_cdf(0.999)
"""A time limit may cut as many answers as there are hangs for it to end: by `TRY_FAILS` and `TIMES_OUT`
one try in a thousand. Each is a failure, and cools a deployment that is well."""
_NEGLIGIBLE: Final = 1e-4
"""Of requests: they move no 95th percentile."""


class _Part(NamedTuple):
    """Requests that waited alike: their share, the wait, and the answer as a lognormal with an end."""

    share: float
    wait_s: float
    log_s: float
    sigma: float
    latest_s: float


def _p95_s(chain: _Chain, outlook: _Outlook, reached: Sequence[float], hits: float) -> float:
    """Where the answers' distribution reaches 95 %, cached ones being the fastest."""
    if hits >= 0.95:
        return priors.CACHED_S
    parts = [part for part in _parts(chain, outlook, reached) if part.share > _NEGLIGIBLE]
    level = (0.95 - hits) / (1 - hits) * sum(part.share for part in parts)
    return _reaching(level, parts, chain.course.deadline_s)


def _reaching(level: float, parts: Sequence[_Part], latest_s: float) -> float:
    """Newton's way from where the largest part ends, kept between what is too early and too late."""
    most = max(parts, key=lambda part: part.share)
    low, high = 0.0, latest_s
    at = min(high, most.wait_s + math.exp(most.log_s + _Z95 * most.sigma))
    while high - low > _EXACT_S:
        done, a_second = _done(parts, at)
        low, high = (at, high) if done < level else (low, at)
        nearer = at + (level - done) / a_second if a_second else low
        if abs(nearer - at) < _EXACT_S and low <= nearer <= high:
            return nearer
        at = nearer if low < nearer < high else (low + high) / 2
    return high


def _done(parts: Iterable[_Part], at_s: float) -> tuple[float, float]:
    """Share of requests answered until then, and in the next second at that pace."""
    done = a_second = 0.0
    for share, wait_s, log_s, sigma, latest_s in parts:
        left = at_s - wait_s
        if left >= latest_s:
            done += share
        elif left > 0:
            z = (log_s - math.log(left)) / (sigma * _SQRT2)
            done += share * 0.5 * math.erfc(z)
            a_second += share * math.exp(-z * z) / (left * sigma * _SQRT_2PI)
    return done, a_second


_EXACT_S: Final = 0.005
_SQRT2: Final = math.sqrt(2)
_SQRT_2PI: Final = math.sqrt(2 * math.pi)


def _parts(chain: _Chain, outlook: _Outlook, reached: Sequence[float]) -> Iterable[_Part]:
    wait_fast = wait_slow = 0.0
    for k, (rung, speed) in enumerate(zip(chain.rungs, outlook.speeds, strict=True)):
        answer = _answer(rung, speed, outlook.output)
        served = reached[k] - reached[k + 1]
        again = served * min(1.0, outlook.outages[rung.on.domain].try_fails)
        if rung.on.tries == 1:
            again = 0.0
        error_s = rung.ttft_s * speed
        late = outlook.times_out if k else 0.0
        yield _Part((served - again) * (1 - late), wait_fast, *answer)
        yield _Part((served - again) * late, wait_slow, *answer)
        yield _Part(again, wait_fast + error_s + priors.BACKOFF_S, *answer)
        waits = (rung.on.tries - 1) * priors.BACKOFF_S
        wait_fast += rung.on.tries * error_s + waits
        wait_slow += rung.on.tries * rung.timeout_s + waits


def _answer(rung: _Rung, speed: float, longer: float) -> tuple[float, float, float]:
    """A first token and a length, both lognormal, as one lognormal of the same mean and variance; and
    what an answer of `max_tokens` takes."""
    ttft_s, length_s = rung.ttft_s * speed, rung.length_s * speed * longer
    mean = ttft_s + length_s
    variance = (priors.FIRST_TOKEN_CV * ttft_s) ** 2 + (priors.LENGTH_CV * length_s) ** 2
    sigma = math.sqrt(math.log(1 + variance / mean**2))
    return math.log(mean) - sigma**2 / 2, sigma, ttft_s + rung.longest_s * speed


def slow_answer_s(workload: Workload, candidate: Candidate) -> float:
    """What one answer in a thousand takes longer than, at the usual speed; `max_tokens` end it before."""
    log_s, sigma, latest_s = _answer(_rung(workload, candidate), 1.0, 1.0)
    return min(latest_s, math.exp(log_s + _SLOW * sigma))


# --- Figures --------------------------------------------------------------------------------------


def _figure(values: Sequence[float], unit: str, source: str, measured: bool) -> Figure:
    ordered = sorted(values)
    tail = (1 - LEVEL) / 2
    low, high = _quantile(ordered, tail), _quantile(ordered, 1 - tail)
    if high == ordered[-1]:
        low = _quantile(ordered, 2 * tail)  # nothing lies above: the whole tail is below
    mean = math.fsum(ordered) / len(ordered)
    return Figure(low, high, mean, unit, source, "measured" if measured else "prior")


def _quantile(ordered: Sequence[float], share: float) -> float:
    at = share * (len(ordered) - 1)
    below = math.floor(at)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (at - below) * (ordered[above] - ordered[below])


def _availability(values: Sequence[float], domains: Sequence[Domain]) -> Figure:
    sources = (
        f"{d.name}: {d.incidents.source}, {d.incidents.as_of} ({d.incidents.grade})"
        for d in domains
    )
    measured = all(d.incidents.grade == "logs" for d in domains)
    return _figure(values, "share of requests", "; ".join(sources), measured)


def _answer_sources(rungs: Sequence[Candidate]) -> str:
    speeds = [rung.offering.latency for rung in rungs]
    return "; ".join(dict.fromkeys(f"{s.source}, {s.as_of} ({s.grade})" for s in speeds))


def _price_sources(rungs: Sequence[Candidate]) -> Iterable[str]:
    offering = rungs[0].offering
    if offering.usage is not None:
        yield f"{offering.usage.source}, {offering.usage.observed_on}"
        return
    for proof in offering.price.evidence:
        yield f"{proof.source} {proof.entry}, {proof.observed_on}"


# --- What does not depend on traffic --------------------------------------------------------------


def _fixed(rungs: Sequence[Candidate]) -> Iterable[Fixed]:
    found: dict[str, Fixed] = {}
    for rung in rungs:
        account = rung.account
        if account.settings.cost is not None:
            usd = float(account.settings.cost.usd_per_month)
            found[account.name] = Fixed(account.name, usd, f"profile, {account.path}.cost")
        committed = _committed(rung)
        if committed is not None:
            source = f"profile, {account.path}.models"
            found[rung.id] = Fixed(rung.id, float(committed), f"{source}, committed")
    return found.values()


def _committed(rung: Candidate) -> Decimal | None:
    for name, model in rung.account.settings.models.items():
        if name.rpartition("/")[2] == rung.offering.model and model.committed is not None:
            return model.committed.usd_per_month
    return None
