"""Run a scenario: the compiled program in virtual time, with providers that answer by facts, chance and faults."""

from bisect import bisect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import inf
from random import Random

from msgspec import Struct, field
from msgspec.structs import replace

from designer.diagnostics import Report
from designer.engine.call import Program
from designer.engine.events import Inspect, Inspected, LookedUp, Reserved, Send, Usage
from designer.engine.machine import Machine, Prospect
from designer.engine.outcomes import HANGS_S, Outcome, Refusal
from designer.engine.program import compiled
from designer.engine.screens import Fit, Purses, Screen, Throughput
from designer.engine.swift import Flight, perform
from designer.engine.virtual import Arrival, Attempt
from designer.engine.world import World
from designer.gateways.base import Parsed
from designer.ir import Routing
from designer.simulate.checks import judged
from designer.simulate.faults import Acting, Faults, struck
from designer.simulate.gatekeeping import Answer, Gatekeeper, staged
from designer.simulate.replay import Recording
from designer.simulate.result import Moment, Phase, Result, RouteResult
from designer.simulate.scenario import Scenario
from designer.simulate.services import (
    REFUSAL_S,
    UNKNOWN,
    Service,
    Tokens,
    prices_of,
    time_to_first_token_s,
)
from designer.simulate.statistics import Tally, together
from designer.simulate.traffic import (
    RECENT,
    Load,
    Visit,
    arrivals,
    loads_of,
    names_of_teams,
    of_teams,
    tell_unknown_teams,
)

MOMENTS = 60
"""Into how many slices the simulated time is cut for a picture."""


def simulate(
    parsed: Parsed,
    scenario: Scenario,
    services: Mapping[str, Service],
    traffic: Mapping[str, Load],
    report: Report,
    seed: int = 0,
    recording: Recording | None = None,
) -> Result:
    """What becomes of the scenario's requests.

    `services` are by deployment id and `traffic` by route, both as far as they are known. Each source
    of chance has a stream of its own, so that a fault changes nobody's arrivals. Ctrl-C ends the run:
    its result is then partial. `recording` holds the requests of a scenario that replays some.
    """
    routing = parsed.routing
    names = tuple(route.name for route in routing.routes)
    if recording is not None:
        scenario = _lasting(scenario, recording)
        recording = recording.until(scenario.for_s)
        loads = recording.loads(routing)
    else:
        loads = loads_of(scenario.traffic, traffic, names)
    busiest = max(loads, key=lambda name: loads[name].rate_per_s, default="")
    services = _priced(parsed, services)
    keeper = Gatekeeper(routing, _teams(scenario, routing, recording))
    tell_unknown_teams(scenario, routing, report)
    faults = Faults(scenario, routing, services, busiest, report)
    around = _Providers(
        sources={d.id: _source(d.id, services, faults) for d in routing.deployments},
        keeper=keeper,
        faults=faults,
        speeds=Random(f"{seed}/speeds"),
        shares=Random(f"{seed}/shares"),
        jitters=Random(f"{seed}/jitters"),
    )
    if recording is not None:
        coming = recording.visits(routing, busiest)
    else:
        is_daily = scenario.traffic.is_daily
        coming = arrivals(loads, scenario.for_s, Random(f"{seed}/arrivals"), is_daily)
    if scenario.traffic.teams:
        coming = of_teams(coming, scenario.traffic.teams, Random(f"{seed}/teams"))
    draws = iter(Random(f"{seed}/picks").random, None)
    asked_again = any(load.repeats > 0 for load in loads.values())
    asked_again = asked_again or (recording is not None and recording.was_cached)
    stages = staged(parsed.semantics, keeper, asked_again)
    habits = replace(
        parsed.semantics, stages=stages, screens=_paid(parsed.semantics.screens, services)
    )
    program = compiled(Program(routing if recording is None else _led(routing), habits))
    machines = [Machine(program, World(), draws) for _ in range(scenario.replicas)]
    gathered = _Gathered(names, services, scenario, around, program.ids)
    seer = _Seer(around, gathered, tuple(around.sources[id_] for id_ in program.ids))
    is_partial = False
    try:
        for flight in perform(machines, coming, around, seer):
            gathered.add(flight)
    except KeyboardInterrupt:  # what is there by now is worth telling, and is told as partial
        is_partial = True
    by_phase = gathered.by_phase()
    tallies = {name: together(tallies[name] for tallies in by_phase) for name in names}
    shown = tuple(name for name in names if name in loads or tallies[name].requests)
    routes = {name: tallies[name].result(name) for name in shown}
    total = _whole(tuple(routes.values()), tallies.values())
    asked = {name: frozenset(tally.asked) for name, tally in tallies.items()}
    return Result(
        scenario=scenario.name,
        gateway=parsed.gateway,
        seed=seed,
        for_s=scenario.for_s,
        total=total,
        routes=tuple(routes.values()),
        phases=gathered.phases(by_phase, shown),
        moments=gathered.moments(),
        checks=tuple(
            judged(bound, total, routes, services, asked, report) for bound in scenario.bounds
        ),
        assumptions=(
            *_assumptions(parsed, services, traffic, scenario, asked, gathered.hung, recording),
            *_inferred(scenario),
        ),
        recorded_usd=_recorded_usd(recording, is_partial),
        is_partial=is_partial,
    )


def _teams(scenario: Scenario, routing: Routing, recording: Recording | None) -> frozenset[str]:
    """Those that requests are of."""
    recorded = () if recording is None else recording.teams(routing)
    return frozenset(scenario.traffic.teams).union(recorded)


def _led(routing: Routing) -> Routing:
    """For recorded requests, which the aliases of their teams have led already."""
    return replace(routing, teams=tuple(replace(team, aliases=()) for team in routing.teams))


def _recorded_usd(recording: Recording | None, is_partial: bool) -> float | None:
    """None for part of a run: which requests it has is not known."""
    return None if recording is None or is_partial else recording.recorded_usd


def _lasting(scenario: Scenario, recording: Recording) -> Scenario:
    """As long as was said, or else as the recording."""
    for_s = scenario.traffic.for_s or recording.lasts_s
    return replace(scenario, traffic=replace(scenario.traffic, for_s=for_s))


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
                cached_usd_per_mtok=terms.cache_read_usd_per_mtok,
            )
        if service is not None:
            priced[deployment.id] = service
    return priced


def _paid(screens: tuple[Screen, ...], services: Mapping[str, Service]) -> tuple[Screen, ...]:
    """Purses are paid from at the prices that are known, where the configuration says none."""
    known = {id_: prices_of(service) for id_, service in services.items()}
    usd = {id_: (p.input / 1e6, p.output / 1e6) for id_, p in known.items() if p is not None}
    return tuple(
        replace(screen, usd_per_token={**usd, **screen.usd_per_token})
        if isinstance(screen, Purses)
        else screen
        for screen in screens
    )


# --- Providers ------------------------------------------------------------------------------------


class _Quota(Struct):
    """What a deployment has used up in the present minute."""

    minute: int = -1
    requests: int = 0
    tokens: int = 0


class _Source(Struct, frozen=True):
    """A deployment, with everything looked up that decides about its answers."""

    service: Service
    has_quota: bool
    faults: tuple[Acting, ...]

    def acting(self, route: str, at: float) -> Acting | None:
        """The first fault that it is asked under."""
        for fault in self.faults:
            if fault.from_s <= at < fault.to_s and fault.covers(route):
                return fault
        return None


def _good(service: Service, tokens: Tokens, begins_s: float) -> Outcome:
    ends_s = begins_s + tokens.output / service.tokens_per_s
    return Outcome(usage=Usage(tokens.input, tokens.output), delay_s=begins_s, ends_s=ends_s)


def _source(id_: str, services: Mapping[str, Service], faults: Faults) -> _Source:
    service = services.get(id_, UNKNOWN)
    return _Source(service, service.has_quota, faults.of_deployment(id_))


class _Providers(Struct):
    """Surroundings made of facts, chance and faults. Keeps how much of each quota is used."""

    sources: Mapping[str, _Source]
    keeper: Gatekeeper
    faults: Faults
    speeds: Random
    shares: Random
    jitters: Random
    guarded: set[int] = field(default_factory=set)
    """Calls that a working guardrail for personal data has looked at, by index."""
    saved_usd: dict[int, float] = field(default_factory=dict)
    """What calls that the cache has answered would have cost, by index."""
    quotas: dict[str, _Quota] = field(default_factory=dict)
    running: dict[str, list[float]] = field(default_factory=dict)
    """When what runs on a deployment with a parallel quota will end."""
    drawn_s: float | None = None
    """The time to the first token of the next answer, where it has been drawn already."""

    def answer(self, run: Flight, send: Send, at: float) -> Outcome:
        source = self.sources[send.deployment]
        service, visit = source.service, run.arrival
        assert isinstance(visit, Visit)
        begins_s, self.drawn_s = self.drawn_s, None
        if begins_s is None:
            begins_s = time_to_first_token_s(service, self.speeds)
        if source.has_quota and self._is_over_quota(send.deployment, service, visit.tokens, at):
            return Outcome(status=429, delay_s=REFUSAL_S)
        outcome = None
        for fault in source.faults:
            if not (fault.from_s <= at < fault.to_s and fault.covers(run.call.asked.name)):
                continue
            if fault.share >= 1.0 or self.shares.random() < fault.share:
                outcome = fault.answer or struck(
                    fault.fault, outcome or _good(service, visit.tokens, begins_s)
                )
                if outcome.kind:
                    break
        if outcome is None:
            outcome = _good(service, visit.tokens, begins_s)
        if service.parallel is not None:
            self.running[send.deployment].append(at + (outcome.ends_s or outcome.delay_s))
        return outcome

    def inspect(self, run: Flight, ask: Inspect, at: float) -> Inspected:
        is_down = any(
            fault.share >= 1.0 or self.shares.random() < fault.share
            for fault in self.faults.of_guardrail(ask.guardrail.name, run.call.asked.name, at)
        )
        if is_down:
            return Inspected(at, "broken")
        if ask.guardrail.kind == "pii" and ask.stage == "input":
            self.guarded.add(run.index)
        return Inspected(at, "pass")

    def look_up(self, run: Flight, at: float) -> LookedUp:
        """A cache that is down has nothing, and keeps a gateway from nothing."""
        route, question = run.call.asked.name, _visit_of(run).question
        stored = self.keeper.stored(route, question, at)
        if _visit_of(run).was_cached and self.keeper.cache_of(route) is not None:
            stored = Answer(at, cost_usd=0.0)
        if stored is None or self._is_cache_down(route, at):
            return LookedUp(at, hit=False)
        self.saved_usd[run.index] = stored.cost_usd
        return LookedUp(at, hit=True)

    def reserve(self, run: Flight, at: float) -> Reserved:
        tokens = _tokens_of(run)
        wanted = tokens.input + tokens.output
        return Reserved(at, self.keeper.refused(run.call.asked.name, wanted, at, _team_of(run)))

    def keep(self, run: Flight, cost_usd: float) -> None:
        """A whole answer has gone out: it is booked, and stored where there is a cache."""
        route, at, question = run.call.asked.name, run.ended_at, _visit_of(run).question
        self.keeper.spend(route, cost_usd, at, _team_of(run))
        if question >= 0 and not self._is_cache_down(route, at):
            self.keeper.store(route, question, cost_usd, at)

    def _is_cache_down(self, route: str, at: float) -> bool:
        cache = self.keeper.cache_of(route)
        return cache is not None and any(
            fault.share >= 1.0 or self.shares.random() < fault.share
            for fault in self.faults.of_cache(cache.mode, route, at)
        )

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
    """Sums by phase, slice of time and route, so that neither calls nor their tokens are kept."""

    def __init__(
        self,
        names: tuple[str, ...],
        services: Mapping[str, Service],
        scenario: Scenario,
        around: _Providers,
        ids: tuple[str, ...],
    ) -> None:
        self.names = names
        self.slice_s = scenario.for_s / MOMENTS
        self.around = around
        self.ids = ids
        self.prices = {id_: prices_of(services.get(id_, UNKNOWN)) for id_ in ids}
        self.spans = _spans(scenario)
        phases = [from_s for from_s, _ in self.spans]
        slices = [n * self.slice_s for n in range(MOMENTS)]
        self.begins = sorted({*phases, *slices})
        """When a cell begins: between two of these times nothing is told apart."""
        self.phase_of = [bisect(phases, at) - 1 for at in self.begins]
        self.slice_of = [bisect(slices, at) - 1 for at in self.begins]
        self.cells = [{name: Tally() for name in names} for _ in self.begins]
        self.here, self.from_s, self.until_s = self.cells[0], 0.0, 0.0
        """The cell of what was foreseen last, and when it begins and ends."""
        self.guarded, self.keeps = around.guarded, around.keeper.keeps
        self.hung: set[str] = set()

    def add(self, flight: Flight) -> None:
        call, at = flight.call, flight.arrival.at
        attempts = len(flight.attempts)
        tally = self.cells[bisect(self.begins, at) - 1][call.asked.name]
        tally.requests += 1
        tally.attempts += attempts
        if attempts > tally.attempts_max:
            tally.attempts_max = attempts
        if attempts and flight.index not in self.guarded:
            tally.pii_upstream += 1
        else:
            self.guarded.discard(flight.index)
        for attempt in flight.attempts:
            tally.asked.add(attempt.deployment)
            if attempt.hung:
                self.hung.add(attempt.deployment)
        if call.failure is not None:
            tally.failures[call.failure] += 1
            return
        tally.took_s.append(flight.ended_at - at)
        if call.told_by >= 0:
            self._served(flight, tally, self.ids[call.told_by])
        else:
            tally.cached += 1
            tally.saved_usd += self.around.saved_usd.pop(flight.index, 0.0)
            tally.costs_usd.append(0.0)

    def _served(self, flight: Flight, tally: Tally, id_: str) -> None:
        tally.served_by[id_] += 1
        visit, prices = flight.arrival, self.prices[id_]
        assert isinstance(visit, Visit)
        if flight.first_content_at is not None and visit.request.stream:
            tally.first_token_s.append(flight.first_content_at - visit.at)
        if prices is None:
            tally.has_all_prices = False
            cost_usd = 0.0
        else:
            cost_usd = prices.cost_usd(visit.tokens)
            tally.costs_usd.append(cost_usd)
        if self.keeps:
            self.around.keep(flight, cost_usd)

    def foreseen(
        self,
        visit: Visit,
        prospect: Prospect,
        begins_at: float,
        ends_at: float,
        before: Sequence[Attempt],
    ) -> None:
        """An answer, before it is there, and whatever was asked before."""
        at, id_ = visit.at, self.ids[prospect.deployment]
        if not self.from_s <= at < self.until_s:
            self._move_to(at)
        tally, prices = self.here[prospect.route], self.prices[id_]
        if before:
            self._after(tally, id_, before)
        else:
            tally.at_once[id_] += 1
        tally.took_s.append(ends_at - at)
        if visit.request.stream:
            tally.first_token_s.append(begins_at - at)
        if prices is None:
            tally.has_all_prices = False
        else:
            tally.costs_usd.append(prices.cost_usd(visit.tokens))

    def _after(self, tally: Tally, id_: str, before: Sequence[Attempt]) -> None:
        attempts = len(before) + 1
        tally.requests += 1
        tally.attempts += attempts
        if attempts > tally.attempts_max:
            tally.attempts_max = attempts
        tally.pii_upstream += 1
        tally.served_by[id_] += 1
        tally.asked.add(id_)
        for attempt in before:
            tally.asked.add(attempt.deployment)

    def _move_to(self, at: float) -> None:
        cell = bisect(self.begins, at)
        self.here, self.from_s = self.cells[cell - 1], self.begins[cell - 1]
        self.until_s = self.begins[cell] if cell < len(self.begins) else inf

    def by_phase(self) -> list[dict[str, Tally]]:
        tallies = [{name: Tally() for name in self.names} for _ in self.spans]
        for phase, cell in zip(self.phase_of, self.cells, strict=True):
            for name, tally in cell.items():
                tallies[phase][name].add(tally)
        for here in tallies:
            for tally in here.values():
                tally.sort()
        return tallies

    def phases(self, by_phase: list[dict[str, Tally]], names: tuple[str, ...]) -> tuple[Phase, ...]:
        """None where nothing begins or ends while requests come: the whole says it all."""
        if len(self.spans) == 1:
            return ()
        phases = []
        for (from_s, to_s), tallies in zip(self.spans, by_phase, strict=True):
            routes = tuple(tallies[name].result(name) for name in names)
            phases.append(Phase(from_s, to_s, _whole(routes, tallies.values()), routes))
        return tuple(phases)

    def moments(self) -> tuple[Moment, ...]:
        slices = [Tally() for _ in range(MOMENTS)]
        for number, cell in zip(self.slice_of, self.cells, strict=True):
            for tally in cell.values():
                slices[number].add(tally)
        return tuple(one.moment(n * self.slice_s) for n, one in enumerate(slices))


class _Seer(Struct, frozen=True):
    """Answers that nothing keeps from coming, gathered as they are asked for."""

    around: _Providers
    gathered: _Gathered
    sources: tuple[_Source, ...]

    def foresee(
        self, visit: Arrival, prospect: Prospect, at: float, before: Sequence[Attempt]
    ) -> float | Refusal | None:
        source = self.sources[prospect.deployment]
        fault = source.acting(prospect.route, at) if source.faults else None
        refusal = None if fault is None else fault.refusal
        if source.has_quota or (fault is not None and refusal is None):
            return None
        begins_s = time_to_first_token_s(source.service, self.around.speeds)
        if refusal is not None:
            if prospect.allows(at, refusal.delay_s, refusal.delay_s):
                return refusal
            self.around.drawn_s = begins_s
            return None
        assert isinstance(visit, Visit)
        ends_s = begins_s + visit.tokens.output / source.service.tokens_per_s
        if not prospect.allows(at, begins_s, ends_s):
            self.around.drawn_s = begins_s
            return None
        self.gathered.foreseen(visit, prospect, at + begins_s, at + ends_s, before)
        return ends_s


def _whole(routes: tuple[RouteResult, ...], tallies: Iterable[Tally]) -> RouteResult:
    """All routes together: what the only one says, where there is no other."""
    if len(routes) == 1:
        return replace(routes[0], route="")
    return together(tallies).result("")


PHASES_MOST = 12
"""Above so many, phases are not told apart. Design decision: nobody reads a table of a hundred."""


def _spans(scenario: Scenario) -> tuple[tuple[float, float], ...]:
    """The times between which the same faults act."""
    for_s = scenario.for_s
    cuts = {t for f in scenario.faults for t in (f.from_s, f.to_s) if 0.0 < t < for_s}
    if len(cuts) >= PHASES_MOST:
        return ((0.0, for_s),)
    edges = [0.0, *sorted(cuts), for_s]
    return tuple(zip(edges[:-1], edges[1:], strict=True))


def _visit_of(flight: Flight) -> Visit:
    visit = flight.arrival
    assert isinstance(visit, Visit)
    return visit


def _team_of(flight: Flight) -> str:
    return str(flight.arrival.request.team.get("name", ""))


def _tokens_of(flight: Flight) -> Tokens:
    return _visit_of(flight).tokens


def _assumptions(
    parsed: Parsed,
    services: Mapping[str, Service],
    traffic: Mapping[str, Load],
    scenario: Scenario,
    asked: Mapping[str, frozenset[str]],
    hung: set[str],
    recording: Recording | None,
) -> tuple[str, ...]:
    semantics = parsed.semantics
    said = list(semantics.assumptions)
    if semantics.doubt:
        said.append(semantics.doubt)
    all_asked = sorted(frozenset[str]().union(*asked.values()))
    guessed = [id_ for id_ in all_asked if services.get(id_, UNKNOWN) == UNKNOWN]
    said.append("speeds are priors, not measured")
    if guessed:
        said.append(
            f"nothing is known of {', '.join(guessed)}: {UNKNOWN.ttft_s:g} s to the first token and "
            f"{UNKNOWN.tokens_per_s:g} tokens/s are assumed"
        )
    if recording is not None:
        said += _replayed(recording, parsed)
    elif not any(name in traffic for name in asked):
        load = Load()
        said.append(
            f"no traffic is known: {load.input_tokens} tokens in and {load.output_tokens} out, "
            "all routes alike"
        )
    if not any(service.rpm or service.tpm or service.parallel for service in services.values()):
        said.append("capacity not checked: no quota is known")
    routing = parsed.routing
    said += _unbound(parsed, _teams(scenario, routing, recording))
    if scenario.replicas > 1:
        said.append(_shared(routing, scenario.replicas))
    if routing.caches and any(load.repeats > 0 for load in traffic.values()):
        said.append(f"a repetition asks any of the route's last {RECENT:,} questions, each alike")
    for id_ in sorted(hung):
        said.append(f"no limit ends a silent attempt at {id_}: it is taken to last {HANGS_S:g} s")
    return tuple(said)


def _unbound(parsed: Parsed, teams: frozenset[str]) -> Iterator[str]:
    """Limits that no request of this dry run meets."""
    routing, screens = parsed.routing, parsed.semantics.screens
    bound = {budget.of for budget in routing.budgets if budget.scope == "team"}
    bound |= {limit.of for limit in routing.rate_limits if limit.scope == "team"}
    idle = bound - teams
    if idle:
        names = ", ".join(sorted(idle))
        yield f"no request is of {names}: `traffic.teams` says how many are, and their limits then bind"
    spends = any(isinstance(screen, Purses) for screen in screens)
    counts = any(isinstance(screen, Fit | Throughput) for screen in screens)
    if (not spends and any(b.scope == "deployment" for b in routing.budgets)) or (
        not counts and any(limit.scope == "deployment" for limit in routing.rate_limits)
    ):
        yield "limits of deployments are not simulated: how this gateway keeps them is not known"


def _shared(routing: Routing, replicas: int) -> str:
    """Whose the counters are. Design decision: what is money or has a store of its own is one for all."""
    own = (
        f"each of the {replicas} replicas has cooldowns, turns and limits of deployments of its own"
    )
    if not (routing.caches or routing.budgets or routing.rate_limits):
        return own
    return f"{own}; caches, budgets and other limits are one for all, as with a shared database or Redis"


def _replayed(recording: Recording, parsed: Parsed) -> Iterator[str]:
    routing = parsed.routing
    astray, known = recording.astray(routing), names_of_teams(routing)
    if astray:
        busiest = max(recording.loads(routing).items(), key=lambda item: item[1].rate_per_s)[0]
        yield f"{astray:,} recorded requests name no route of this configuration: they ask {busiest}"
    strangers = {team: n for team, n in recording.teams(routing).items() if team not in known}
    if known and strangers:
        names = ", ".join(sorted(strangers)[:STRANGERS_TOLD])
        more = ", …" if len(strangers) > STRANGERS_TOLD else ""
        yield (
            f"{sum(strangers.values()):,} recorded requests are of teams that this configuration does "
            f"not know ({names}{more}): no team's limits bind them"
        )


STRANGERS_TOLD = 5


def _inferred(scenario: Scenario) -> list[str]:
    count = sum(fault.is_inferred for fault in scenario.faults)
    if not count:
        return []
    return [f"{count} of {len(scenario.faults)} faults are inferred from a log, not known"]
