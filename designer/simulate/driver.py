"""Run a scenario: the engine's virtual driver, with providers that answer by facts, chance and faults."""

from collections.abc import Mapping
from itertools import repeat
from random import Random

from msgspec import Struct, field
from msgspec.structs import replace

from designer.diagnostics import Report
from designer.engine.call import Program
from designer.engine.events import Inspect, Inspected, LookedUp, Reserved, Send, Usage
from designer.engine.outcomes import HANGS_S, Outcome
from designer.engine.virtual import Run, perform
from designer.engine.world import World
from designer.gateways.base import Parsed
from designer.ir import Routing
from designer.simulate.checks import judged
from designer.simulate.faults import Faults, struck
from designer.simulate.result import Moment, Result
from designer.simulate.scenario import Scenario
from designer.simulate.services import (
    REFUSAL_S,
    UNKNOWN,
    Service,
    Tokens,
    cost_usd,
    time_to_first_token_s,
)
from designer.simulate.statistics import Slice, Tally
from designer.simulate.traffic import Load, arrivals, loads_of

MOMENTS = 60
"""Into how many slices the simulated time is cut for a picture."""


def simulate(
    parsed: Parsed,
    scenario: Scenario,
    services: Mapping[str, Service],
    traffic: Mapping[str, Load],
    report: Report,
    seed: int = 0,
) -> Result:
    """What becomes of the scenario's requests.

    `services` are by deployment id and `traffic` by route, both as far as they are known. Each source
    of chance has a stream of its own, so that a fault changes nobody's arrivals.
    """
    routing = parsed.routing
    names = tuple(route.name for route in routing.routes)
    loads = loads_of(scenario.traffic, traffic, names)
    busiest = max(loads, key=lambda name: loads[name].rate_per_s, default="")
    services = _priced(parsed, services)
    lengths: list[Tokens] = []
    around = _Providers(
        routing=routing,
        services=services,
        faults=Faults(scenario, routing, services, busiest, report),
        lengths=lengths,
        speeds=Random(f"{seed}/speeds"),
        shares=Random(f"{seed}/shares"),
        jitters=Random(f"{seed}/jitters"),
    )
    coming = arrivals(loads, scenario.for_s, Random(f"{seed}/arrivals"), lengths)
    picks = Random(f"{seed}/picks")
    draws = (picks.random() for _ in repeat(None))
    gathered = _Gathered(names, services, lengths, scenario.for_s, around)
    for run in perform(Program(routing, parsed.semantics), coming, around, World(), draws):
        gathered.add(run)
    tallies = gathered.tallies
    routes = {name: tallies[name].result(name) for name in loads}
    total = sum(tallies.values(), Tally()).result("")
    asked = {name: frozenset(ids) for name, ids in gathered.asked.items()}
    return Result(
        scenario=scenario.name,
        gateway=parsed.gateway,
        seed=seed,
        for_s=scenario.for_s,
        total=total,
        routes=tuple(routes.values()),
        moments=gathered.moments(),
        checks=tuple(
            judged(bound, total, routes, services, asked, report) for bound in scenario.bounds
        ),
        assumptions=_assumptions(parsed, services, traffic, gathered),
    )


def _priced(parsed: Parsed, services: Mapping[str, Service]) -> dict[str, Service]:
    """A service for each deployment that there are facts about; the configuration's prices fill in."""
    priced = {}
    for deployment in parsed.routing.deployments:
        terms = parsed.terms.get(deployment.id)
        service = services.get(deployment.id)
        if terms is not None and (service is None or service.input_usd_per_mtok is None):
            service = replace(
                service or UNKNOWN,
                input_usd_per_mtok=terms.input_usd_per_mtok,
                output_usd_per_mtok=terms.output_usd_per_mtok,
            )
        if service is not None:
            priced[deployment.id] = service
    return priced


# --- Providers ------------------------------------------------------------------------------------


class _Quota(Struct):
    """What a deployment has used up in the present minute."""

    minute: int = -1
    requests: int = 0
    tokens: int = 0


class _Providers(Struct):
    """Surroundings made of facts, chance and faults. Keeps how much of each quota is used."""

    routing: Routing
    services: Mapping[str, Service]
    faults: Faults
    lengths: list[Tokens]
    speeds: Random
    shares: Random
    jitters: Random
    guarded: set[int] = field(default_factory=set)
    """Calls that a working guardrail for personal data has looked at, by index."""
    quotas: dict[str, _Quota] = field(default_factory=dict)
    running: dict[str, list[float]] = field(default_factory=dict)
    """When what runs on a deployment with a parallel quota will end."""

    def answer(self, run: Run, send: Send, at: float) -> Outcome:
        service = self.services.get(send.deployment, UNKNOWN)
        tokens = self.lengths[run.index]
        begins_s = time_to_first_token_s(service, self.speeds)
        generates_s = tokens.output / service.tokens_per_s
        outcome = Outcome(
            usage=Usage(tokens.input, tokens.output),
            delay_s=begins_s,
            ends_s=begins_s + generates_s,
        )
        if self._is_over_quota(send.deployment, service, tokens, at):
            return Outcome(status=429, delay_s=REFUSAL_S)
        for fault in self.faults.of_deployment(send.deployment, run.call.asked, at):
            if fault.share >= 1.0 or self.shares.random() < fault.share:
                outcome = struck(fault, outcome)
                if outcome.kind:
                    break
        if service.parallel is not None:
            self.running[send.deployment].append(at + (outcome.ends_s or outcome.delay_s))
        return outcome

    def inspect(self, run: Run, ask: Inspect, at: float) -> Inspected:
        is_down = any(
            fault.share >= 1.0 or self.shares.random() < fault.share
            for fault in self.faults.of_guardrail(ask.guardrail.name, run.call.asked, at)
        )
        if is_down:
            return Inspected(at, "broken")
        if ask.guardrail.kind == "pii" and ask.stage == "input":
            self.guarded.add(run.index)
        return Inspected(at, "pass")

    def look_up(self, run: Run, at: float) -> LookedUp:
        return LookedUp(at, hit=False)

    def reserve(self, run: Run, at: float) -> Reserved:
        return Reserved(at)

    def jitter(self) -> float:
        return self.jitters.random()

    def _is_over_quota(self, id_: str, service: Service, tokens: Tokens, at: float) -> bool:
        """Whether the provider says 429. What it refuses costs no quota."""
        if service.parallel is not None:
            running = [ends for ends in self.running.get(id_, []) if ends > at]
            self.running[id_] = running
            if len(running) >= service.parallel:
                return True
        if service.rpm is None and service.tpm is None:
            return False
        quota = self.quotas.setdefault(id_, _Quota())
        if quota.minute != int(at // 60):
            quota.minute, quota.requests, quota.tokens = int(at // 60), 0, 0
        wanted = tokens.input + tokens.output
        if service.rpm is not None and quota.requests + 1 > service.rpm:
            return True
        if service.tpm is not None and quota.tokens + wanted > service.tpm:
            return True
        quota.requests, quota.tokens = quota.requests + 1, quota.tokens + wanted
        return False


# --- What became of calls -------------------------------------------------------------------------


class _Gathered:
    def __init__(
        self,
        names: tuple[str, ...],
        services: Mapping[str, Service],
        lengths: list[Tokens],
        for_s: float,
        around: _Providers,
    ) -> None:
        self.services = services
        self.lengths = lengths
        self.slice_s = for_s / MOMENTS
        self.around = around
        self.tallies = {name: Tally() for name in names}
        self.slices = [Slice() for _ in range(MOMENTS)]
        self.asked: dict[str, set[str]] = {name: set() for name in names}
        self.hung: set[str] = set()

    def add(self, run: Run) -> None:
        finish = run.finish
        assert finish is not None
        tally = self.tallies[run.call.asked]
        here = self.slices[min(int(run.arrival.at / self.slice_s), MOMENTS - 1)]
        tally.requests += 1
        here.requests += 1
        tally.attempts += len(run.attempts)
        tally.attempts_max = max(tally.attempts_max, len(run.attempts))
        if run.attempts and run.index not in self.around.guarded:
            tally.pii_upstream += 1
        self.around.guarded.discard(run.index)
        for attempt in run.attempts:
            self.asked[run.call.asked].add(attempt.deployment)
            if attempt.hung:
                self.hung.add(attempt.deployment)
        if not run.is_served:
            tally.failures[finish.failure or "unknown"] += 1
            return
        tally.took_s.append(run.took_s)
        here.took_s.append(run.took_s)
        if finish.served_by is None:
            return
        tally.served_by[finish.served_by] += 1
        here.served_by[finish.served_by] += 1
        if run.arrival.request.stream and run.first_content_at is not None:
            tally.first_token_s.append(run.first_content_at - run.arrival.at)
        cost = cost_usd(self.services.get(finish.served_by, UNKNOWN), self.lengths[run.index])
        if cost is None:
            tally.has_all_prices = False
        else:
            tally.costs_usd.append(cost)

    def moments(self) -> tuple[Moment, ...]:
        return tuple(one.moment(n * self.slice_s) for n, one in enumerate(self.slices))


def _assumptions(
    parsed: Parsed,
    services: Mapping[str, Service],
    traffic: Mapping[str, Load],
    gathered: _Gathered,
) -> tuple[str, ...]:
    semantics = parsed.semantics
    said = list(semantics.assumptions)
    if semantics.doubt:
        said.append(semantics.doubt)
    asked = sorted(set[str]().union(*gathered.asked.values()))
    guessed = [id_ for id_ in asked if services.get(id_, UNKNOWN) == UNKNOWN]
    said.append("speeds are priors, not measured")
    if guessed:
        said.append(
            f"nothing is known of {', '.join(guessed)}: {UNKNOWN.ttft_s:g} s to the first token and "
            f"{UNKNOWN.tokens_per_s:g} tokens/s are assumed"
        )
    if not any(name in traffic for name in gathered.tallies):
        load = Load()
        said.append(
            f"no traffic is known: {load.input_tokens} tokens in and {load.output_tokens} out, "
            "all routes alike"
        )
    if not any(service.rpm or service.tpm or service.parallel for service in services.values()):
        said.append("capacity not checked: no quota is known")
    for id_ in sorted(gathered.hung):
        said.append(f"no limit ends a silent attempt at {id_}: it is taken to last {HANGS_S:g} s")
    return tuple(said)
