"""Perform calls in virtual time by the compiled program: `virtual.perform`, for millions of calls.

The same events in the same order, held by a law. What is saved: no event waits on the heap that is the
next to happen anyway, and an ordinary answer is not played out step by step.
"""

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush

from msgspec import Struct

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
    Send,
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
)
from designer.engine.outcomes import Outcome, play
from designer.engine.virtual import Arrival, Attempt, Surroundings


class Flight(Struct, eq=False):
    """One call on its way, and afterwards what became of it. Changed by `perform` alone."""

    index: int
    arrival: Arrival
    call: Call
    attempts: list[Attempt] = []
    coming: list[Event] = []
    """Events of the present attempt that have not happened yet, the last one first."""
    event: Event | None = None
    """The next one."""
    first_content_at: float | None = None
    ended_at: float = 0.0
    usage: Usage = Usage()

    @property
    def took_s(self) -> float:
        return self.ended_at - self.arrival.at

    @property
    def is_served(self) -> bool:
        """Whether the caller got a whole answer."""
        return self.call.failure is None


def perform(
    machine: Machine, arrivals: Iterable[Arrival], around: Surroundings[Flight]
) -> Iterator[Flight]:
    """Each call when it is over. `arrivals` are in order of time; of equal times the first is first."""
    queue = iter(arrivals)
    heap: list[tuple[float, int, Flight]] = []
    arrival, arrival_order, order, index = next(queue, None), 1, 1, 0
    while True:
        if arrival is not None and (not heap or (arrival.at, arrival_order) < heap[0][:2]):
            at = arrival.at
            call, command = machine.begin(index, arrival.route, arrival.request, at)
            flight = Flight(index, arrival, call)
            index, order = index + 1, order + 1
            arrival, arrival_order = next(queue, None), order
        elif heap:
            at, _, flight = heappop(heap)
            command = _happen(machine, flight, at)
        else:
            return
        while command is not FINISH:
            event = flight.event = _asked(machine, flight, command, at, around)
            at, order = event.at, order + 1
            if (heap and at >= heap[0][0]) or (arrival is not None and at >= arrival.at):
                heappush(heap, (at, order, flight))
                break
            command = _happen(machine, flight, at)
        else:
            flight.ended_at = at
            yield flight


def _happen(machine: Machine, flight: Flight, at: float) -> Next:
    event, call = flight.event, flight.call
    match event:
        case Ended():
            flight.usage = event.usage
            return machine.ended(call, at, event.status)
        case Failed(failure=failure, status=status, retry_after_s=retry_after_s):
            return machine.failed(call, at, failure, status, retry_after_s)
        case Woke():
            return machine.woke(call, at)
        case Headers():
            return machine.headers(call)
        case FirstToken():
            flight.first_content_at = at
            return machine.first_token(call)
        case Inspected(verdict=verdict):
            return machine.inspected(call, at, verdict)
        case LookedUp(hit=hit):
            return machine.looked_up(call, at, hit)
        case Reserved(refused=refused):
            return machine.reserved(call, at, refused)
        case _:
            raise AssertionError(event)


def _asked(
    machine: Machine, flight: Flight, command: Next, at: float, around: Surroundings[Flight]
) -> Event:
    call = flight.call
    if command is SEND:
        id_ = machine.compiled.ids[call.deployment]
        send = Send(id_, call.timeout_s, call.first_token_s, call.left_s)
        outcome = around.answer(flight, send, at)
        if _is_ordinary(outcome) and not call.request.stream:
            ends_s = max(outcome.delay_s, outcome.first_token_s or 0.0, outcome.ends_s or 0.0)
            if send.timeout_s is None or ends_s <= send.timeout_s:
                flight.attempts.append(Attempt(id_, at, "200"))
                return Ended(at + ends_s, outcome.usage or Usage())
        played = play(outcome, send, call.request.stream, at, machine.semantics.overlooks)
        flight.attempts.append(Attempt(id_, at, played.label, played.hung))
        flight.coming = list(reversed(played.events))
        return flight.coming.pop()
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


def _is_ordinary(outcome: Outcome) -> bool:
    return (
        outcome.status == 200 and not outcome.kind and outcome.body is None and not outcome.headers
    )
