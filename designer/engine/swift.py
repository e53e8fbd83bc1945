"""Perform calls in virtual time by the compiled program: `virtual.perform`, for millions of calls.

The same events in the same order, held by a law. What is saved: no event waits on the heap that is the
next to happen anyway, and an ordinary answer is not played out step by step.
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
from designer.engine.outcomes import play
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


class Seer(Protocol):
    def foresee(self, index: int, arrival: Arrival, prospect: Prospect) -> float | None:
        """Seconds until the answer is there, where that is all there is to a call: nobody hears of it again.

        None where it has to begin; the answer that its first `Surroundings.answer` gives is then the same.
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
    heap: list[tuple[float, int, Flight]] = []
    arrival, index, order = next(queue, None), 0, 1
    arrives_at = inf if arrival is None else arrival.at
    arrives = (arrives_at, order)
    while arrival is not None or heap:
        if arrival is not None and not (heap and heap[0] < arrives):
            at = arrives_at
            machine = machines[index % len(machines)]
            came, number = arrival, index
            arrival, index, order = next(queue, None), index + 1, order + 1
            arrives_at = inf if arrival is None else arrival.at
            arrives = (arrives_at, order)
            if seer is not None:
                prospect = machine.prospect(came.route, came.request, at)
                ends_s = None if prospect is None else seer.foresee(number, came, prospect)
                if prospect is not None and ends_s is not None:
                    order += 1
                    machine.foreseen(prospect, at + ends_s, order)
                    continue
            call, command = machine.begin(number, came.route, came.request, at)
            flight = Flight(number, came, call, machine)
        else:
            at, machine_order, flight = heappop(heap)
            machine = flight.machine
            machine.order = machine_order
            command = _happen(machine, flight, at)
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
