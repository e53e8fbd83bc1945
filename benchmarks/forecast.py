"""How often the forecast's 90 % intervals hold, on months simulated request by request.

The simulation shares the table of assumptions with the forecast (`designer.planner.priors`) and none of
its arithmetic: requests come one by one, meet outages that alternate with quiet times, are retried, fall
back, hit caches and are billed by their own tokens. What differs from month to month is drawn evenly
(Latin hypercube), so that another seed moves no share by much. `python -m benchmarks.forecast` prints the
table of `docs/forecast.md`.
"""

import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from statistics import NormalDist

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
from designer.planner.timeouts import timeouts_s
from designer.profile.load import load_profile
from designer.profile.model import Workload
from designer.profile.policy import policy_of

MONTHS = 800
FIGURES = ("availability", "p95_s", "usd_per_month")

_HEAD = "version: 1\nname: p\n"
PROFILES = (
    "workloads: [{alias: a, task: chat, models: {allow: ['openai/gpt-5.4-mini']}, "
    "traffic: {rate: 100/day, input_tokens: 900, output_tokens: 200}}]\nproviders: [openai]\n",
    "workloads: [{alias: a, task: chat, availability: 99%, params: {max_tokens: 900}, "
    "traffic: {rate: 100/day, input_tokens: 2000, output_tokens: 300, prompt_cache: 50%}}]\n"
    "routing: {retries: 0}\nproviders: [deepseek, anthropic]\n",
    "workloads: [{alias: a, task: chat, quality: smart, cache: exact, "
    "traffic: {rate: 100/day, input_tokens: 1500, output_tokens: 250, repeats: 30%}}]\n"
    "providers: [anthropic, bedrock]\n",
    "workloads: [{alias: a, task: chat, cache: semantic, "
    "traffic: {rate: 100/day, repeats: 20%, prompt_cache: 40%}}]\n"
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
    """How far the truth is from what was thought."""

    outages: float = 1.0
    prices: float = 1.0
    traffic: float = 1.0
    is_all: bool = False
    """The three are off by that and no more; else that comes on top of what the priors allow anyway."""


def subjects() -> Iterator[Subject]:
    catalog = load_catalog()
    for text in PROFILES:
        report = Report()
        loaded = load_profile("p.yaml", _HEAD + text, report=report)
        plan = loaded and compile_profile(loaded, catalog, Lock(), Options(), report)
        assert plan is not None, [str(finding) for finding in report]
        chosen = plan.chains[0]
        limits_s = timeouts_s(
            chosen.workload, chosen.rungs, policy_of(plan.profile, chosen.workload).routing
        )
        way = course(policy_of(plan.profile, chosen.workload), limits_s)
        said = forecast(chosen.workload, chosen.rungs, catalog, way)
        yield Subject(chosen.workload, chosen.rungs, catalog, way, said)


def coverage(off: str, months: int = MONTHS, seed: int = 1) -> Mapping[str, float]:
    """Share of months in which each figure's interval holds. `off` is a key of `ROWS`."""
    chance = Random(seed)
    held = dict.fromkeys(FIGURES, 0)
    cases = list(subjects())
    for subject in cases:
        for month in _months(months // len(cases), chance):
            truth = simulate(subject, wrong(off, month), month)
            for name in FIGURES:
                figure = getattr(subject.said, name)
                held[name] += figure.low <= truth[name] <= figure.high
    return {name: count / months for name, count in held.items()}


def wrong(how: str, month: "Month") -> Off:
    offs = ("outages off", "prices off", "traffic off")
    match how:
        case "none":
            return Off()
        case "higher" | "together":
            return Off(1.5, 1.5, 1.5, how == "higher")
        case "up to":
            return Off(*(1.5 ** month.between(-1, 1, of) for of in offs))
        case _:
            either = (1.5 ** (1 if month.share(of) < 0.5 else -1) for of in offs)
            return Off(*either, how == "exactly")


# --- Chance ---------------------------------------------------------------------------------------


class Month(Struct):
    """Numbers of one month among many: each column has as many in every part of 0–1."""

    number: int
    count: int
    columns: dict[str, list[float]]
    chance: Random

    def share(self, of: str) -> float:
        if of not in self.columns:
            column = [(n + self.chance.random()) / self.count for n in range(self.count)]
            self.chance.shuffle(column)
            self.columns[of] = column
        return self.columns[of][self.number]

    def between(self, low: float, high: float, of: str) -> float:
        return low + (high - low) * self.share(of)

    def times(self, median: float, spread: float, of: str) -> float:
        """Lognormal."""
        return median * math.exp(NormalDist(0.0, spread).inv_cdf(self.share(of)))

    def around_one(self, spread: float, of: str) -> float:
        """With mean 1."""
        return self.times(math.exp(-(spread**2) / 2), spread, of)


def _months(count: int, chance: Random) -> Iterator[Month]:
    columns: dict[str, list[float]] = {}
    return (Month(number, count, columns, chance) for number in range(count))


# --- One month ------------------------------------------------------------------------------------


class _Place(Struct):
    """A deployment's month."""

    domain: str
    ttft_s: float
    tokens_per_s: float
    usd: tuple[float, float, float]
    """Of a token that is read, read from the provider's cache, and written."""
    fails: float


def simulate(subject: Subject, off: Off, month: Month) -> dict[str, float]:
    workload, rate = subject.workload, subject.workload.traffic.rate
    assert rate is not None
    strays = 1.0 if off.is_all else month.times(1.0, priors.TRAFFIC_SPREAD, "traffic")
    traffic = rate.per_month * off.traffic * strays
    down = _timelines(subject, off, month)
    world = _World(
        subject,
        [_place(workload, rung, k, down, off, month) for k, rung in enumerate(subject.rungs)],
        {name: line for name, (line, _) in down.items()},
        down[""][1],
        month.between(*priors.TIMES_OUT, "times out"),
        month.between(*priors.BILLED_FAILURE, "billed"),
        workload.traffic.prompt_cache * month.between(*priors.PROMPT_CACHE_KEPT, "kept"),
        workload.traffic.repeats * month.between(*priors.CACHE_HITS[subject.course.cache], "hits"),
        month.times(tokens(workload)[0], priors.INPUT_SPREAD, "input"),
        month.times(tokens(workload)[1], priors.OUTPUT_SPREAD, "output"),
    )
    chance = month.chance
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


def _timelines(subject: Subject, off: Off, month: Month) -> dict[str, tuple[Timeline, float]]:
    """By failure domain: its incidents as (from minute, to minute, share that fails), and its tries."""
    found = {
        "": (
            _timeline(priors.COMMON, off, month, ""),
            _fails(priors.REQUEST_FAILS, off, month, ""),
        )
    }
    for rung in subject.rungs:
        known = subject.catalog.providers[rung.offering.provider].incidents or HOSTED_INCIDENTS
        name = rung.offering.failure_domain
        if name not in found:
            fails = _fails(priors.TRY_FAILS, off, month, name)
            found[name] = (_timeline(known, off, month, name), fails)
    return found


def _fails(known: tuple[float, float], off: Off, month: Month, domain: str) -> float:
    median, spread = known
    fails = median if off.is_all else month.times(median, spread, f"fails {domain}")
    return min(0.5, off.outages * fails)


def _timeline(known: Incidents, off: Off, month: Month, domain: str) -> Timeline:
    """Quiet times and incidents by turns, from a while before the month begins."""
    chance = month.chance
    spread = math.log(known.repair_p90_min / known.repair_p50_min) / 1.2815515655446004
    mean = known.repair_p50_min * math.exp(spread**2 / 2)
    unknown = 0.0 if off.is_all else priors.DOWNTIME_SPREAD[known.grade]
    worse = off.outages * (month.around_one(unknown, f"worse {domain}") if unknown else 1.0)
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
    number: int,
    down: Mapping[str, tuple[Timeline, float]],
    off: Off,
    month: Month,
) -> _Place:
    offering = rung.offering
    grade = offering.latency.grade
    slower = month.around_one(priors.LATENCY_SPREAD[grade], f"speed {number}")
    strays = 1.0 if off.is_all else month.around_one(priors.PRICE_SPREAD, f"price {number}")
    price = off.prices * strays
    if offering.price.agreement == "conflict":
        ends = _disputed(offering.price, *tokens(workload))
        price *= month.between(*ends, f"listed {number}")
    listed = offering.price
    cached = listed.input if listed.cache_read is None else listed.cache_read
    return _Place(
        offering.failure_domain,
        offering.latency.ttft_p50_s * slower,
        offering.latency.tokens_per_s / slower,
        (
            price * float(listed.input) / 1e6,
            price * float(cached) / 1e6,
            price * float(listed.output) / 1e6,
        ),
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
    hit = {"": _is_hit(world.down[""], minute, chance) or chance.random() < world.fails}
    late = world.times_out > 0 and chance.random() < world.times_out
    longest = world.subject.workload.params.max_tokens or 1_000_000
    into = _length(world.input, chance)
    out = min(longest, _length(world.output, chance))
    took, usd, left = 0.0, 0.0, world.subject.course.attempts
    for place, timeout_s in zip(world.places, world.subject.course.timeouts_s, strict=True):
        if place.domain not in hit:
            hit[place.domain] = _is_hit(world.down[place.domain], minute, chance)
        for number in range(min(left, world.subject.course.retries + 1)):
            left -= 1
            took += priors.BACKOFF_S if number else 0.0
            if not (hit[""] or hit[place.domain] or chance.random() < place.fails):
                first_s = place.ttft_s * _varied(_FIRST_TOKEN, chance)
                usd += _bill(world, place, into, out)
                return took + first_s + out / place.tokens_per_s, usd
            took += timeout_s if late else place.ttft_s
            usd += world.billed * _bill(world, place, into, out)
    return None, usd


_FIRST_TOKEN = math.sqrt(math.log(1 + priors.FIRST_TOKEN_CV**2))
_LENGTH = math.sqrt(math.log(1 + priors.LENGTH_CV**2))


def _varied(spread: float, chance: Random) -> float:
    """Lognormal with mean 1, from one request to the next."""
    return math.exp(chance.gauss(-(spread**2) / 2, spread))


def _length(mean: float, chance: Random) -> int:
    return round(mean * _varied(_LENGTH, chance)) if mean else 0


def _is_hit(line: Timeline, minute: float, chance: Random) -> bool:
    index = bisect_right(line, (minute, math.inf, 0.0)) - 1
    return index >= 0 and minute < line[index][1] and chance.random() < line[index][2]


def _bill(world: _World, place: _Place, into: int, out: int) -> float:
    plain, read, output = place.usd
    cached = into * world.prompt_cache
    return (into - cached) * plain + cached * read + out * output


# --- The table ------------------------------------------------------------------------------------

ROWS = (
    ("none", "months drawn from the priors"),
    ("exactly", "outage rates, prices and traffic each off by exactly 1.5, up or down"),
    ("higher", "all three 1.5 times higher than thought"),
    ("up to", "each off by a factor of up to 1.5, on top of what the priors allow anyway"),
    ("apart", "each off by exactly 1.5, up or down, on top of that"),
    ("together", "all three 1.5 times higher, on top of that"),
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
