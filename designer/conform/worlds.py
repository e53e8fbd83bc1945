"""One scenario on paper and on a real gateway: the same requests and faults, compared request by request.

Chance is taken out as in `compare`: where the engine draws, it is given the draw that leads to the deployment
that the gateway asked, if one does, and of a wait's jitter what the gateway waited; and where a fault meets
only a share of the requests, or has just begun or ended, whether it met an attempt is what the stub providers say.
Everything else has to follow: cooldowns, retries, who is asked next, and what the caller sees. Nothing is started
here (`designer.conform.staging`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import heappop, heappush
from itertools import chain, product, repeat
from typing import Any, Literal

from msgspec import Struct, field
from msgspec.structs import replace

from designer.conform.compare import TOLERANCE_S, between
from designer.conform.observed import Observed
from designer.engine.call import Program, Step, begin, step
from designer.engine.events import (
    Began,
    Event,
    Finish,
    Inspect,
    Inspected,
    Listen,
    LookedUp,
    Lookup,
    Request,
    Reserve,
    Reserved,
    Send,
    Usage,
    Wait,
    Woke,
)
from designer.engine.outcomes import Outcome, play
from designer.engine.virtual import Arrival, Attempt, Run
from designer.engine.world import World
from designer.ir import Pool, Routing, reached, walk
from designer.trace import Final, Trace
from designer.trace import Tried as Traced

SCHEMA_VERSION = 1
_CHOICES = tuple((k + 0.5) / 48 for k in range(48))
_FEWER_CHOICES = tuple((k + 0.5) / 12 for k in range(12))
_UNSTEADY = frozenset({"fastest", "least_busy", "usage"})
"""Picks by what was measured to the millisecond, which no paper can know."""


class Fault(Struct, frozen=True):
    """What one fault of a scenario makes of one deployment's answers."""

    from_s: float
    to_s: float
    share: float
    outcome: Outcome
    kinds: frozenset[str]
    """What the stub provider calls it."""


class Pace(Struct, frozen=True):
    """How a deployment's stub streams its answer."""

    pieces: int
    between_s: float


class Met(Struct, frozen=True):
    """An attempt that reached a stub provider."""

    deployment: str
    at_s: float
    """Since the first request's clock began."""
    faults: frozenset[str] = frozenset()


class Real(Struct, frozen=True):
    """A request that was sent to the gateway, and what came of it."""

    at_s: float
    route: str
    stream: bool
    met: tuple[Met, ...]
    seen: Observed
    took_s: float


Verdict = Literal["alike", "differs", "not_comparable"]


class Pair(Struct, frozen=True):
    """One request in both worlds."""

    real: Real
    paper: Trace
    differences: tuple[str, ...]
    verdict: Verdict


def compared(
    program: Program,
    played: Sequence[Real],
    faults: Mapping[str, Sequence[Fault]],
    tolerance_s: float = TOLERANCE_S,
    paces: Mapping[str, Pace] | None = None,
) -> list[Pair]:
    """In the order of `played`. `faults` are by deployment, in the scenario's order; so are `paces`."""
    runs = _Paper(program, played, faults, paces or {}, tolerance_s).perform()
    unsteady = _unsteady(program.routing)
    jitter_s = program.semantics.backoff.jitter_s
    pairs = []
    for run, real in zip(runs, played, strict=True):
        paper = _trace(run, jitter_s)
        found = (*between(paper, real.seen, tolerance_s), *_lateness(paper, real, tolerance_s))
        paths = [t.deployment for t in paper.attempts], [t.deployment for t in real.met]
        verdict: Verdict = "alike"
        if found:
            excused = real.route in unsteady and paths[0] != paths[1]
            verdict = "not_comparable" if excused else "differs"
        pairs.append(Pair(real, paper, found, verdict))
    return pairs


def agreement(pairs: Sequence[Pair]) -> float:
    """The share of comparable requests that are alike; 1.0 of none."""
    judged = [pair for pair in pairs if pair.verdict != "not_comparable"]
    return sum(pair.verdict == "alike" for pair in judged) / len(judged) if judged else 1.0


def _lateness(paper: Trace, real: Real, tolerance_s: float) -> Iterator[str]:
    waits = max(len(paper.attempts) - 1, 0)
    above_s = tolerance_s + waits * paper.jitter_s[1]
    if not -tolerance_s <= real.took_s - paper.final.at_s <= above_s:
        yield f"took {real.took_s:.2f} s, traced {paper.final.at_s:.2f} s"


def _trace(run: Run, jitter_s: float) -> Trace:
    assert run.finish is not None
    finish, began_s = run.finish, run.arrival.at
    final = Final(
        finish.status,
        finish.served_by,
        None,
        run.ended_at - began_s,
        finish.failure,
        finish.in_band,
        finish.told,
    )
    attempts = tuple(Traced(a.deployment, a.at - began_s, a.outcome) for a in run.attempts)
    return Trace(run.arrival.route, attempts, final, (0.0, jitter_s))


def _unsteady(routing: Routing) -> frozenset[str]:
    """Routes that may come to a pool which picks by what it has measured."""
    reach = {route.name: reached(routing, route.name) for route in routing.routes}
    of = {
        route.name
        for route in routing.routes
        for node in walk(route.node)
        if isinstance(node, Pool) and node.pick in _UNSTEADY and len(node.children) > 1
    }
    return frozenset(name for name, names in reach.items() if of & names)


# --- On paper -------------------------------------------------------------------------------------


class _Draws:
    """Counts what is taken of a row of draws."""

    def __init__(self, draws: Iterable[float]) -> None:
        self.taken = 0
        self._draws = iter(draws)

    def __iter__(self) -> "_Draws":
        return self

    def __next__(self) -> float:
        self.taken += 1
        return next(self._draws)


class _Flight(Struct):
    run: Run
    real: Real


class _Paper(Struct):
    """All requests over one World, in virtual time, each steered by what its real counterpart did."""

    program: Program
    played: Sequence[Real]
    faults: Mapping[str, Sequence[Fault]]
    paces: Mapping[str, Pace]
    tolerance_s: float
    world: World = field(default_factory=World)

    def perform(self) -> list[Run]:
        """In the order of `played`."""
        heap: list[tuple[float, int, _Flight, Event]] = []
        flights = []
        for index, real in enumerate(self.played):
            request = Request(stream=real.stream)
            arrival = Arrival(real.at_s, real.route, request)
            flights.append(_Flight(Run(index, arrival, begin(real.route, request)), real))
            heappush(heap, (real.at_s, index, flights[-1], Began(real.at_s)))
        order = len(heap)
        while heap:
            at, _, flight, event = heappop(heap)
            taken = self._steered(flight, event)
            flight.run.call = taken.call
            self.world.apply(taken.effects)
            following = self._answered(flight, taken, at)
            if following is None:
                assert isinstance(taken.command, Finish)
                flight.run.finish, flight.run.ended_at = taken.command, at
                continue
            order += 1
            heappush(heap, (following.at, order, flight, following))
        return [flight.run for flight in flights]

    def _answered(self, flight: _Flight, taken: Step, at: float) -> Event | None:
        """The event that answers a command; None of a Finish. Guardrails pass, caches have nothing."""
        run = flight.run
        match taken.command:
            case Send() as send:
                outcome = self._outcome(flight, send, at)
                overlooks = self.program.semantics.overlooks
                played = play(outcome, send, flight.real.stream, at, overlooks)
                run.attempts.append(Attempt(send.deployment, at, played.label, played.hung))
                run.coming = list(reversed(played.events))
                return run.coming.pop()
            case Listen():
                return run.coming.pop()
            case Wait(seconds=seconds, jitter_s=jitter_s):
                return Woke(self._woken(flight, at + seconds, jitter_s))
            case Inspect():
                return Inspected(at, "pass")
            case Lookup():
                return LookedUp(at, hit=False)
            case Reserve():
                return Reserved(at)
            case Finish():
                return None

    def _steered(self, flight: _Flight, event: Event) -> Step:
        """The next step, under the draws that lead where the gateway went, if there are any."""
        first, count = self._tried(flight, event, repeat(_CHOICES[0]))
        wanted = self._wanted(flight)
        if not count or not wanted or _is_sent_to(first, wanted):
            return first
        alike = (repeat(draw) for draw in _CHOICES)
        apart = (chain(pair, repeat(pair[1])) for pair in product(_FEWER_CHOICES, repeat=2))
        for draws in chain(alike, apart if count > 1 else ()):
            taken, _ = self._tried(flight, event, draws)
            if _is_sent_to(taken, wanted):
                return taken
        return first

    def _tried(self, flight: _Flight, event: Event, draws: Iterable[float]) -> tuple[Step, int]:
        """A step changes nothing until its effects are applied."""
        counted = _Draws(draws)
        taken = step(self.program, flight.run.call, event, self.world, counted)
        return taken, counted.taken

    def _wanted(self, flight: _Flight) -> str:
        turn = len(flight.run.attempts)
        met = flight.real.met
        return met[turn].deployment if turn < len(met) else ""

    def _woken(self, flight: _Flight, at: float, jitter_s: float) -> float:
        """When a wait is over: within its jitter, when the gateway went on."""
        turn, met = len(flight.run.attempts), flight.real.met
        return min(max(met[turn].at_s, at), at + jitter_s) if turn < len(met) else at

    def _outcome(self, flight: _Flight, send: Send, at: float) -> Outcome:
        turn, met = len(flight.run.attempts), flight.real.met
        same = met[turn] if turn < len(met) and met[turn].deployment == send.deployment else None
        outcome = Outcome()
        for fault in self.faults.get(send.deployment, ()):
            if self._strikes(fault, at, same):
                outcome = _both(outcome, fault.outcome)
        pace = self.paces.get(send.deployment) if flight.real.stream else None
        return outcome if pace is None else _paced(outcome, pace)

    def _strikes(self, fault: Fault, at: float, met: Met | None) -> bool:
        edges = (abs(at - fault.from_s), abs(at - fault.to_s))
        if met is not None and (fault.share < 1.0 or min(edges) <= self.tolerance_s):
            return bool(fault.kinds & met.faults)
        return fault.from_s <= at < fault.to_s and fault.share >= 0.5


def _paced(outcome: Outcome, pace: Pace) -> Outcome:
    begins_s = max(outcome.delay_s, outcome.first_token_s or 0.0)
    ends_s = begins_s + pace.pieces * pace.between_s
    return replace(outcome, ends_s=ends_s, usage=Usage(completion_tokens=pace.pieces))


def _is_sent_to(taken: Step, deployment: str) -> bool:
    return isinstance(taken.command, Send) and taken.command.deployment == deployment


def _both(before: Outcome, more: Outcome) -> Outcome:
    """Delays add up, and of what else is wrong the first counts: so does the stub provider."""
    if before.kind and more.kind:
        return before
    delay_s = before.delay_s + more.delay_s
    base = before if before.kind else more
    firsts = [s for s in (before.first_token_s, more.first_token_s) if s is not None]
    return replace(base, delay_s=delay_s, first_token_s=max(firsts) if firsts else None)


# --- Words ----------------------------------------------------------------------------------------


class Played(Struct, frozen=True):
    """A whole comparison, for people and for machines."""

    gateway: str
    """With its version."""
    semantics: str
    scenario: str
    seed: int
    pairs: tuple[Pair, ...]
    lasted_s: float
    at_least: float
    tolerance_s: float
    notes: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        return agreement(self.pairs) >= self.at_least

    def count(self, verdict: Verdict) -> int:
        return sum(pair.verdict == verdict for pair in self.pairs)

    def as_json(self) -> dict[str, Any]:
        return {
            "schema_version": SCHEMA_VERSION,
            "gateway": self.gateway,
            "semantics": self.semantics,
            "scenario": self.scenario,
            "seed": self.seed,
            "lasted_s": round(self.lasted_s, 3),
            "tolerance_s": self.tolerance_s,
            "agreement": round(agreement(self.pairs), 5),
            "at_least": self.at_least,
            "alike": self.count("alike"),
            "differ": self.count("differs"),
            "not_comparable": self.count("not_comparable"),
            "notes": list(self.notes),
            "requests": [_pair_as_json(pair) for pair in self.pairs],
        }


def as_text(played: Played) -> str:
    """A request a line: on paper, what differs, and the real one."""
    return "\n".join(_lines(played)) + "\n"


def _lines(played: Played) -> Iterator[str]:
    rows = [_cells(pair) for pair in played.pairs]
    head = ("at", "route", "on paper", "", f"on {played.gateway}", "")
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    for row in (head, *rows):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    yield ""
    yield (
        f"{played.scenario}: {len(played.pairs)} requests in {played.lasted_s:.0f} s, "
        f"{played.count('alike')} alike, {played.count('differs')} differ, "
        f"{played.count('not_comparable')} not comparable: {agreement(played.pairs):.1%} alike, "
        f"{'at least' if played.agrees else 'less than the'} {played.at_least:.1%}"
    )
    yield from (f"  note: {note}" for note in played.notes)


_MARKS: Mapping[Verdict, str] = {"alike": "=", "differs": "≠", "not_comparable": "?"}


def _cells(pair: Pair) -> tuple[str, ...]:
    final, seen = pair.paper.final, pair.real.seen
    paper = _seen(final.status, final.served_by, len(pair.paper.attempts), final.at_s)
    real = _seen(seen.status, seen.served_by, len(pair.real.met), pair.real.took_s)
    at = f"{pair.real.at_s:.2f} s"
    return at, pair.real.route, paper, _MARKS[pair.verdict], real, "; ".join(pair.differences)


def _seen(status: int, served_by: str | None, attempts: int, took_s: float) -> str:
    return f"{status} {served_by or '–'} {attempts}× {took_s:.2f} s"


def _pair_as_json(pair: Pair) -> dict[str, Any]:
    final, seen = pair.paper.final, pair.real.seen
    began_s = pair.real.met[0].at_s if pair.real.met else 0.0
    return {
        "at_s": round(pair.real.at_s, 3),
        "route": pair.real.route,
        "stream": pair.real.stream,
        "verdict": pair.verdict,
        "differences": list(pair.differences),
        "paper": {
            "status": final.status,
            "served_by": final.served_by,
            "attempts": [
                {"deployment": t.deployment, "at_s": round(t.at_s, 3), "outcome": t.outcome}
                for t in pair.paper.attempts
            ],
            "took_s": round(final.at_s, 3),
        },
        "real": {
            "status": seen.status,
            "served_by": seen.served_by,
            "attempts": [
                {
                    "deployment": met.deployment,
                    "at_s": round(met.at_s - began_s, 3),
                    "faults": sorted(met.faults),
                }
                for met in pair.real.met
            ],
            "took_s": round(pair.real.took_s, 3),
        },
    }
