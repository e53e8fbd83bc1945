"""Perform calls in virtual time by the compiled program: `virtual.perform`, for millions of calls.

The same events in the same order, held by a law. What is saved: no event waits on the heap that is the
next to happen anyway, an ordinary answer is not played out step by step, and what a `Seer` foresees is
not played at all.
"""

from collections.abc import Iterable, Iterator, Sequence
from heapq import heappop, heappush
from math import inf
from typing import Protocol

from msgspec import Struct

from designer.engine.classify import retry_after_s
from designer.engine.events import (
    Ended,
    Event,
    Failed,
    FirstToken,
    Headers,
    Inspect,
    Inspected,
    LookedUp,
    Reserved,
    Usage,
    Woke,
)
from designer.engine.machine import (
    FINISH,
    INSPECT,
    LISTEN,
    LOOKUP,
    RESERVE,
    SEND,
    WAIT,
    Call,
    Machine,
    Next,
    Prospect,
)
from designer.engine.outcomes import Refusal, play
from designer.engine.routine import Routine, Stop, at_stop
from designer.engine.virtual import Arrival, Attempt, Surroundings

NO_USAGE = Usage()


class Flight(Struct, eq=False):
    """One call on its way, and afterwards what became of it. Changed by `perform` alone."""

    index: int
    arrival: Arrival
    call: Call
    machine: Machine
    attempts: list[Attempt] = []
    coming: list[Event] = []
    """Events of the present attempt that have not happened yet, the last one first."""
    event: Event | None = None
    """The next one."""
    command: Next = SEND
    """What it asks for, where no event is known."""
    first_content_at: float | None = None
    ended_at: float = 0.0
    usage: Usage = NO_USAGE

    @property
    def took_s(self) -> float:
        return self.ended_at - self.arrival.at

    @property
    def is_served(self) -> bool:
        """Whether the caller got a whole answer."""
        return self.call.failure is None


class Trip(Struct, eq=False):
    """A call on its way of which nothing has to be known but where it stands."""

    index: int
    arrival: Arrival
    machine: Machine
    stop: Stop
    child: int
    """Whom it asked last, of the stop's pool."""
    attempts: list[Attempt]
    refusal: Refusal | None
    """What was answered; None while it waits."""
    goes_on_at: float


class Seer(Protocol):
    def foresee(
        self, arrival: Arrival, prospect: Prospect, at: float, before: Sequence[Attempt]
    ) -> float | Refusal | None:
        """What comes of asking now: seconds until the answer, and nobody hears of the call again; or a refusal.

        `before` are the call's attempts so far, all refused. None where it has to be played: what the
        attempt's `Surroundings.answer` says is then the same.
        """


def perform(
    machines: Sequence[Machine],
    arrivals: Iterable[Arrival],
    around: Surroundings[Flight],
    seer: Seer | None = None,
) -> Iterator[Flight]:
    """Each call when it is over, but those that `seer` has foreseen.

    Calls go round the `machines`, replicas with a World of their own each. `arrivals` are in order of
    time; of equal times the first is first.
    """
    queue = iter(arrivals)
    heap: list[tuple[float, int, Flight | Trip]] = []
    routine = Routine(machines[0].compiled)
    arrival, index, order = next(queue, None), 0, 1
    arrives_at = inf if arrival is None else arrival.at
    arrives = (arrives_at, order)
    while arrival is not None or heap:
        going: Flight | Trip | None
        if arrival is not None and not (heap and heap[0] < arrives):
            at, machine = arrives_at, machines[index % len(machines)]
            going = _set_out(index, arrival, machine, routine, seer, order + 2)
            arrival, index, order = next(queue, None), index + 1, order + 2
            arrives_at = inf if arrival is None else arrival.at
            arrives = (arrives_at, order - 1)
        else:
            at, now, going = heappop(heap)
            going.machine.order, order = now, order + 1
            if isinstance(going, Trip):
                assert seer is not None
                going = _gone_on(going, routine, at, around, seer)
            else:
                going.command = _happen(going.machine, going, at)
                going.event = None
        if going is None:
            continue
        if isinstance(going, Trip):
            heappush(heap, (going.goes_on_at, order, going))
            continue
        if going.event is not None:
            heappush(heap, (going.event.at, order, going))
            continue
        flight, machine, command = going, going.machine, going.command
        while command is not FINISH:
            if command is SEND:
                event = _foreseen(flight, machine, at, around)
            else:
                event = _asked(flight, command, at, around)
            flight.event = event
            at, order = event.at, order + 1
            if at >= arrives_at or (heap and at >= heap[0][0]):
                heappush(heap, (at, order, flight))
                break
            machine.order = order
            command = _happen(machine, flight, at)
        else:
            flight.ended_at = at
            yield flight
    for machine in machines:
        machine.count_answers()


def _set_out(
    index: int,
    arrival: Arrival,
    machine: Machine,
    routine: Routine,
    seer: Seer | None,
    order: int,
) -> Trip | Flight | None:
    """A call that begins; None when it is over, as far as anybody has to know."""
    at, request = arrival.at, arrival.request
    prospect = None if seer is None else machine.prospect(arrival.route, request, at)
    if seer is None or prospect is None:
        call, command = machine.begin(index, arrival.route, request, at)
        return Flight(index, arrival, call, machine, command=command)
    told = seer.foresee(arrival, prospect, at, ())
    if isinstance(told, float):
        machine.foreseen(prospect, at + told, order)
        return None
    attempts = [] if told is None else [_refused(machine, prospect, told, at)]
    if told is not None and (stop := routine.first(prospect.route)) is not None:
        until = at + told.delay_s
        return Trip(index, arrival, machine, stop, prospect.child, attempts, told, until)
    call, command = machine.begin(index, arrival.route, request, at, prospect)
    event = None if told is None else _failed(told, at + told.delay_s)
    return Flight(index, arrival, call, machine, attempts, event=event, command=command)


def _gone_on(
    trip: Trip, routine: Routine, at: float, around: Surroundings[Flight], seer: Seer
) -> Trip | Flight | None:
    """The same trip; or the call, where it has to be played from here on; None when it is over."""
    machine = trip.machine
    if trip.refusal is not None:
        turn = routine.turn(trip.stop, trip.child, trip.refusal)
        if turn is None:
            flight = _taken_up(trip, trip.attempts[-1].at)
            flight.event = _failed(trip.refusal, at)
            flight.command, flight.event = _happen(machine, flight, at), None
            return flight
        trip.stop, trip.refusal = turn.stop, None
        if turn.waits:
            jitter_s = turn.jitter_s * around.jitter() if turn.jitter_s else 0.0
            trip.goes_on_at = at + turn.wait_s + jitter_s
            return trip
    stop = trip.stop
    trip.child = machine.picked(stop.choice, stop.able)
    prospect = stop.prospects[trip.arrival.request.stream][trip.child]
    told = seer.foresee(trip.arrival, prospect, at, trip.attempts)
    if told is None:
        return _taken_up(trip, at)
    if isinstance(told, float):
        return None
    trip.refusal, trip.goes_on_at = told, at + told.delay_s
    trip.attempts.append(_refused(machine, prospect, told, at))
    return trip


def _taken_up(trip: Trip, sent_s: float) -> Flight:
    """The call as it has asked the trip's last child."""
    arrival, machine = trip.arrival, trip.machine
    call = at_stop(trip.stop, trip.child)
    machine.take_up(call, trip.index, arrival.request, arrival.at, sent_s)
    return Flight(trip.index, arrival, call, machine, trip.attempts)


def _refused(machine: Machine, prospect: Prospect, refusal: Refusal, at: float) -> Attempt:
    return Attempt(machine.compiled.ids[prospect.deployment], at, refusal.label)


def _failed(refusal: Refusal, at: float) -> Failed:
    return Failed(at, refusal.failure, refusal.status, refusal.retry_after_s)


def _happen(machine: Machine, flight: Flight, at: float) -> Next:
    event, call = flight.event, flight.call
    if isinstance(event, Ended):
        flight.usage = event.usage
        return machine.ended(call, at, event.status, event.usage)
    if isinstance(event, Failed):
        return machine.failed(call, at, event.failure, event.status, event.retry_after_s)
    if isinstance(event, Woke):
        return machine.woke(call, at)
    if isinstance(event, Headers):
        return machine.headers(call)
    if isinstance(event, FirstToken):
        flight.first_content_at = at
        return machine.first_token(call)
    if isinstance(event, Inspected):
        return machine.inspected(call, at, event.verdict)
    if isinstance(event, LookedUp):
        return machine.looked_up(call, at, event.hit)
    assert isinstance(event, Reserved)
    return machine.reserved(call, at, event.refused)


def _asked(flight: Flight, command: Next, at: float, around: Surroundings[Flight]) -> Event:
    call = flight.call
    if command is LISTEN:
        return flight.coming.pop()
    if command is WAIT:
        jitter_s = call.jitter_s
        return Woke(at + call.wait_s + (jitter_s * around.jitter() if jitter_s else 0.0))
    if command is INSPECT:
        return around.inspect(flight, Inspect(call.guardrail, call.side), at)
    if command is LOOKUP:
        return around.look_up(flight, at)
    assert command is RESERVE
    return around.reserve(flight, at)


def _foreseen(flight: Flight, machine: Machine, at: float, around: Surroundings[Flight]) -> Event:
    """The attempt's first event; the rest are the flight's `coming`. As `outcomes.play` has them."""
    call = flight.call
    send, id_ = call.send, call.send.deployment
    outcome = around.answer(flight, send, at)
    streams = call.request.stream
    status, limit_s = outcome.status, send.timeout_s
    if outcome.body is not None:
        pass
    elif status == 200 and not outcome.kind and not outcome.headers and not streams:
        ends_s = outcome.delay_s
        if outcome.first_token_s is not None and outcome.first_token_s > ends_s:
            ends_s = outcome.first_token_s
        if outcome.ends_s is not None and outcome.ends_s > ends_s:
            ends_s = outcome.ends_s
        if limit_s is None or ends_s <= limit_s:
            flight.attempts.append(Attempt(id_, at, "200"))
            return Ended(at + ends_s, outcome.usage or NO_USAGE)
    elif status >= 400 and outcome.kind in _PLAIN:
        if streams and send.first_token_s is not None:
            limit_s = min(inf if limit_s is None else limit_s, send.first_token_s)
        if limit_s is None or outcome.delay_s <= limit_s:
            token = str(status)
            flight.attempts.append(Attempt(id_, at, token))
            wanted_s = retry_after_s(outcome.headers) if outcome.headers else None
            return Failed(at + outcome.delay_s, token, status, wanted_s)
    played = play(outcome, send, streams, at, machine.semantics.overlooks)
    flight.attempts.append(Attempt(id_, at, played.label, played.hung))
    flight.coming = list(reversed(played.events))
    return flight.coming.pop()


_PLAIN = frozenset({"", "http", "rate_limit", "exhausted"})
"""Kinds that are nothing but a status."""
