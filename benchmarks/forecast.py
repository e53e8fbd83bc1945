"""How often the forecast's 90 % intervals hold, on months simulated request by request.

The simulation shares the table of assumptions with the forecast (`designer.planner.priors`) and none of
its arithmetic: requests come one by one, meet outages that alternate with quiet times, are retried, fall
back, hit caches and are billed by their own tokens. `python -m benchmarks.forecast` prints the table of
`docs/forecast.md`.
"""

import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from random import Random

from msgspec import Struct

from designer.catalog import Catalog, load_catalog
from designer.catalog.model import HOSTED_INCIDENTS, Incidents, Price
from designer.compiler import Options, compile_profile
from designer.diagnostics import Report
from designer.planner import priors
from designer.planner.accounts import Candidate
from designer.planner.forecast import Course, Forecast, course, forecast
from designer.planner.lock import Lock
from designer.planner.requirements import tokens
from designer.profile.load import load_profile
from designer.profile.model import Workload
from designer.profile.policy import policy_of

MONTHS = 200
FIGURES = ("availability", "p95_s", "usd_per_month")

_HEAD = "version: 1\nname: p\n"
PROFILES = (
    "workloads: [{alias: a, task: chat, models: {allow: ['openai/gpt-5.4-mini']}, "
    "traffic: {rate: 300/day, input_tokens: 900, output_tokens: 200}}]\nproviders: [openai]\n",
    "workloads: [{alias: a, task: chat, availability: 99%, params: {max_tokens: 900}, "
    "traffic: {rate: 300/day, input_tokens: 2000, output_tokens: 300, prompt_cache: 50%}}]\n"
    "routing: {retries: 0}\nproviders: [deepseek, anthropic]\n",
    "workloads: [{alias: a, task: chat, quality: smart, cache: exact, "
    "traffic: {rate: 300/day, input_tokens: 1500, output_tokens: 250, repeats: 30%}}]\n"
    "providers: [anthropic, bedrock]\n",
    "workloads: [{alias: a, task: chat, cache: semantic, "
    "traffic: {rate: 300/day, repeats: 20%, prompt_cache: 40%}}]\n"
    "routing: {retries: 1, attempts_per_request: 3}\nproviders: [openai, groq, mistral]\n",
)
"""One deployment alone; one with prices that sources disagree about; caches; three providers."""


class Subject(Struct, frozen=True):
    workload: Workload
    rungs: tuple[Candidate, ...]
    catalog: Catalog
    course: Course
    said: Forecast


class Off(Struct, frozen=True):
    """How wrong the priors are."""

    outages: float = 1.0
    prices: float = 1.0
    traffic: float = 1.0


def subjects() -> Iterator[Subject]:
    catalog = load_catalog()
    for text in PROFILES:
        report = Report()
        loaded = load_profile("p.yaml", _HEAD + text, report=report)
        plan = loaded and compile_profile(loaded, catalog, Lock(), Options(), report)
        assert plan is not None, [str(finding) for finding in report]
        chosen = plan.chains[0]
        way = course(policy_of(plan.profile, chosen.workload))
        said = forecast(chosen.workload, chosen.rungs, catalog, way)
        yield Subject(chosen.workload, chosen.rungs, catalog, way, said)


def coverage(off: str, months: int = MONTHS, seed: int = 1) -> Mapping[str, float]:
    """Share of months in which each figure's interval holds. `off` is a key of `ROWS`."""
    chance = Random(seed)
    held = dict.fromkeys(FIGURES, 0)
    cases = list(subjects())
    for number in range(months):
        subject = cases[number % len(cases)]
        truth = simulate(subject, wrong(off, chance), chance)
        for name in FIGURES:
            figure = getattr(subject.said, name)
            held[name] += figure.low <= truth[name] <= figure.high
    return {name: count / months for name, count in held.items()}


def wrong(how: str, chance: Random) -> Off:
    if how == "none":
        return Off()
    if how == "together":
        return Off(1.5, 1.5, 1.5)
    if how == "up to":
        return Off(*(1.5 ** chance.uniform(-1, 1) for _ in range(3)))
    return Off(*(1.5 ** chance.choice((-1, 1)) for _ in range(3)))


# --- One month ------------------------------------------------------------------------------------


class _Place(Struct):
    """A deployment's month."""

    domain: str
    ttft_s: float
    tokens_per_s: float
    price: float
    fails: float


def simulate(subject: Subject, off: Off, chance: Random) -> dict[str, float]:
    workload, rate = subject.workload, subject.workload.traffic.rate
    assert rate is not None
    spread = priors.TRAFFIC_SPREAD
    traffic = rate.per_month * off.traffic * _around_one(spread, chance)
    down = _timelines(subject, off, chance)
    world = _World(
        subject,
        [_place(workload, rung, down, off, chance) for rung in subject.rungs],
        {name: line for name, (line, _) in down.items()},
        down[""][1],
        chance.uniform(*priors.TIMES_OUT),
        chance.uniform(*priors.BILLED_FAILURE),
        workload.traffic.prompt_cache * chance.uniform(*priors.PROMPT_CACHE_KEPT),
        workload.traffic.repeats * chance.uniform(*priors.CACHE_HITS[subject.course.cache]),
        tokens(workload)[0] * _around_one(priors.INPUT_SPREAD, chance),
        tokens(workload)[1] * _around_one(priors.OUTPUT_SPREAD, chance),
    )
    count = max(1, round(chance.gauss(traffic, math.sqrt(traffic))))
    answers = [_request(world, chance) for _ in range(count)]
    served = sorted(took for took, _ in answers if took is not None)
    return {
        "availability": len(served) / count,
        "p95_s": served[math.ceil(0.95 * len(served)) - 1],
        "usd_per_month": math.fsum(usd for _, usd in answers),
    }


Timeline = list[tuple[float, float, float]]


class _World(Struct):
    subject: Subject
    places: list[_Place]
    down: dict[str, Timeline]
    fails: float
    """Share of requests that fail wherever they are sent."""
    times_out: float
    billed: float
    prompt_cache: float
    hits: float
    input: float
    output: float


def _around_one(spread: float, chance: Random) -> float:
    return chance.lognormvariate(-(spread**2) / 2, spread)


def _timelines(subject: Subject, off: Off, chance: Random) -> dict[str, tuple[Timeline, float]]:
    """By failure domain: its incidents as (from minute, to minute, share that fails), and its tries."""
    found = {"": (_timeline(priors.COMMON, off, chance), _fails(priors.REQUEST_FAILS, off, chance))}
    for rung in subject.rungs:
        provider = subject.catalog.providers[rung.offering.provider]
        known = provider.incidents or HOSTED_INCIDENTS
        if rung.offering.failure_domain not in found:
            fails = _fails(priors.TRY_FAILS, off, chance)
            found[rung.offering.failure_domain] = (_timeline(known, off, chance), fails)
    return found


def _fails(known: tuple[float, float], off: Off, chance: Random) -> float:
    return min(0.5, off.outages * chance.lognormvariate(math.log(known[0]), known[1]))


def _timeline(known: Incidents, off: Off, chance: Random) -> Timeline:
    """Quiet times and incidents by turns, from a while before the month begins."""
    spread = math.log(known.repair_p90_min / known.repair_p50_min) / 1.2815515655446004
    mean = known.repair_p50_min * math.exp(spread**2 / 2)
    worse = off.outages * _around_one(priors.DOWNTIME_SPREAD[known.grade], chance)
    quiet = mean / min(0.5, (1 - known.availability) * worse) - mean
    at, line = -10 * mean + chance.expovariate(1 / quiet), []
    while at < priors.MONTH_MIN:
        until = at + known.repair_p50_min * chance.lognormvariate(0.0, spread)
        line.append((at, until, chance.uniform(*priors.IMPACT)))
        at = until + chance.expovariate(1 / quiet)
    return line


def _place(
    workload: Workload,
    rung: Candidate,
    down: Mapping[str, tuple[Timeline, float]],
    off: Off,
    chance: Random,
) -> _Place:
    offering = rung.offering
    slower = _around_one(priors.LATENCY_SPREAD[offering.latency.grade], chance)
    price = off.prices * _around_one(priors.PRICE_SPREAD, chance)
    if offering.price.agreement == "conflict":
        price *= chance.uniform(*_disputed(offering.price, *tokens(workload)))
    return _Place(
        offering.failure_domain,
        offering.latency.ttft_p50_s * slower,
        offering.latency.tokens_per_s / slower,
        price,
        down[offering.failure_domain][1],
    )


def _disputed(price: Price, into: int, out: int) -> tuple[float, float]:
    """What the sources make of a request, as shares of what the catalog does."""
    bills = [float(proof.input * into + proof.output * out) for proof in price.evidence]
    usual = float(price.input * into + price.output * out)
    return min(usual, *bills) / usual, max(usual, *bills) / usual


def _request(world: _World, chance: Random) -> tuple[float | None, float]:
    """How long it took (None: it failed) and what it cost."""
    if world.hits and chance.random() < world.hits:
        return priors.CACHED_S, 0.0
    minute = chance.random() * priors.MONTH_MIN
    bad = {name: _is_hit(line, minute, chance) for name, line in world.down.items()}
    bad[""] = bad[""] or chance.random() < world.fails
    late = world.times_out > 0 and chance.random() < world.times_out
    longest = world.subject.workload.params.max_tokens or 1_000_000
    into = _length(world.input, chance)
    out = min(longest, _length(world.output, chance))
    took, usd, left = 0.0, 0.0, world.subject.course.attempts
    for rung, place in zip(world.subject.rungs, world.places, strict=True):
        for number in range(min(left, world.subject.course.retries + 1)):
            left -= 1
            took += priors.BACKOFF_S if number else 0.0
            if not (bad[""] or bad[place.domain] or chance.random() < place.fails):
                took += _around_one(_FIRST_TOKEN, chance) * place.ttft_s + out / place.tokens_per_s
                return took, usd + _bill(world, rung, place, into, out)
            took += world.subject.course.timeout_s if late else place.ttft_s
            usd += world.billed * _bill(world, rung, place, into, out)
    return None, usd


_FIRST_TOKEN = math.sqrt(math.log(1 + priors.FIRST_TOKEN_CV**2))
_LENGTH = math.sqrt(math.log(1 + priors.LENGTH_CV**2))


def _length(mean: float, chance: Random) -> int:
    return round(mean * _around_one(_LENGTH, chance)) if mean else 0


def _is_hit(line: Timeline, minute: float, chance: Random) -> bool:
    index = bisect_right(line, (minute, math.inf, 0.0)) - 1
    return index >= 0 and minute < line[index][1] and chance.random() < line[index][2]


def _bill(world: _World, rung: Candidate, place: _Place, into: int, out: int) -> float:
    price = rung.offering.price
    read = float(price.input if price.cache_read is None else price.cache_read)
    cached = into * world.prompt_cache
    tokens_usd = (into - cached) * float(price.input) + cached * read + out * float(price.output)
    return place.price * tokens_usd / 1e6


# --- The table ------------------------------------------------------------------------------------

ROWS = (
    ("none", "months drawn from the priors"),
    ("up to", "outage rates, prices and traffic each off by a factor of up to 1.5"),
    ("apart", "each of the three off by exactly 1.5, up or down"),
    ("together", "all three 1.5 times higher than thought"),
)


def measured(months: int = MONTHS) -> dict[str, Mapping[str, float]]:
    return {how: coverage(how, months) for how, _ in ROWS}


def table(found: Mapping[str, Mapping[str, float]]) -> str:
    lines = [
        "| what is true | availability | p95 | USD a month | all figures |",
        "| --- | --- | --- | --- | --- |",
        *(f"| {words} | {_cells([*found[how].values()])} |" for how, words in ROWS),
    ]
    return "\n".join(lines) + "\n"


def _cells(shares: Sequence[float]) -> str:
    return " | ".join(f"{share:.1%}" for share in (*shares, sum(shares) / len(shares)))


if __name__ == "__main__":
    print(table(measured()), end="")
