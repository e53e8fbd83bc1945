"""One call on the compiled program, an event at a time: what `call.step` is on the interpreter.

For drivers that live in real time. The same commands answer the same events; a law says so.
"""

from designer.engine.events import (
    Began,
    Command,
    Ended,
    Event,
    Failed,
    Finish,
    FirstToken,
    Headers,
    Inspect,
    Inspected,
    Left,
    Listen,
    LookedUp,
    Lookup,
    Request,
    Reserve,
    Reserved,
    Wait,
    Woke,
)
from designer.engine.machine import (
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


class Live:
    """Its state is the machine's `call`, once it has begun."""

    call: Call

    def __init__(self, machine: Machine, route: str, request: Request) -> None:
        self._machine = machine
        self._route = route
        self._request = request

    @property
    def deployment(self) -> str:
        """The one asked last."""
        number = self.call.deployment
        return self._machine.compiled.ids[number] if number >= 0 else ""

    @property
    def arms(self) -> tuple[tuple[str, int], ...]:
        """Of each experiment that the call has met, by name, the arm it took."""
        return tuple((self.call.arms or {}).items())

    def step(self, event: Event) -> Command:
        """What the call does next. The machine's World has changed accordingly."""
        return self._command(self._next(event))

    def _next(self, event: Event) -> Next:
        machine = self._machine
        match event:
            case Began(at=at):
                self.call, command = machine.begin(0, self._route, self._request, at)
                return command
            case Ended(at=at, usage=usage, status=status):
                return machine.ended(self.call, at, status, usage)
            case Failed(at=at, failure=failure, status=status, retry_after_s=retry_after_s):
                return machine.failed(self.call, at, failure, status, retry_after_s)
            case Inspected(at=at, verdict=verdict):
                return machine.inspected(self.call, at, verdict)
            case LookedUp(at=at, hit=hit):
                return machine.looked_up(self.call, at, hit)
            case Reserved(at=at, refused=refused):
                return machine.reserved(self.call, at, refused)
            case Headers():
                return machine.headers(self.call)
            case FirstToken():
                return machine.first_token(self.call)
            case Woke(at=at):
                return machine.woke(self.call, at)
            case Left(at=at):
                return machine.left(self.call, at)

    def _command(self, command: Next) -> Command:
        call = self.call
        if command is SEND:
            return call.send
        if command is LISTEN:
            return Listen(call.holds_back)
        if command is WAIT:
            return Wait(call.wait_s, call.jitter_s)
        if command is INSPECT:
            return Inspect(call.guardrail, call.side)
        if command is LOOKUP:
            return Lookup()
        if command is RESERVE:
            return Reserve()
        told_by = self._machine.compiled.ids[call.told_by] if call.told_by >= 0 else None
        return Finish(call.status, told_by, call.failure, call.in_band, call.told)
