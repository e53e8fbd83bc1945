"""Performs what the engine decides, over asyncio: the runtime's counterpart of the simulator's loop.

All decisions are the compiled program's. This module sends, sleeps, inspects and passes content on.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from msgspec import Struct
from msgspec.structs import replace

from designer.engine.call import Program
from designer.engine.events import (
    Began,
    Ended,
    Event,
    Failed,
    Finish,
    FirstToken,
    Inspect,
    Inspected,
    Left,
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
from designer.engine.live import Live
from designer.engine.machine import Machine
from designer.engine.program import compiled
from designer.engine.world import World
from designer.ir import Guardrail, Split, walk
from runtime.attempt import Attempt, Endpoint
from runtime.cache import Found, Kept, Visit
from runtime.guard import Guard, Verdict
from runtime.names import NameFinder
from runtime.upstream import Chunk, Upstream, UpstreamFailure, read_chunks

Body = dict[str, Any]


class Tried(Struct, frozen=True):
    """One attempt, for headers and the ledger."""

    deployment: str
    outcome: str
    """`200` or the failure's token."""
    began_s: float = 0.0
    """On the driver's clock, as the others."""
    ended_s: float = 0.0
    first_token_at_s: float | None = None
    """When a stream's first content came."""


class Piece(Struct, frozen=True):
    """What of a stream has come since the last piece, in OpenAI's shape."""

    parts: Sequence[Chunk]
    """Texts only where `perform` was told that they may pass."""
    deployment: str
    cache: str = "off"
    is_last: bool = False
    """Nothing but `Done` follows, without a wait."""

    @property
    def chunks(self) -> list[Body]:
        return read_chunks(self.parts)


def _forget() -> None:
    return None


class Done(Struct, frozen=True):
    finish: Finish
    answer: Body | None = None
    """Of a call that was not streamed."""
    usage: Body | None = None
    """As the provider told it; None when it was never seen."""
    tried: tuple[Tried, ...] = ()
    redactions: int = 0
    failure: UpstreamFailure | None = None
    """What the last deployment said."""
    dropped: tuple[str, ...] = ()
    arm: str = ""
    """Of each experiment that the call met, the arm it took: `name/arm`."""
    unchecked: tuple[str, ...] = ()
    """Guardrails that could not look, and let pass."""
    refusal: str = ""
    """What the guardrail that refused has to say about it."""
    cache: str = "off"
    """`hit`: an answer kept from an earlier call, whose `usage` nobody is billed for again; `miss`."""
    keep: Callable[[], None] = _forget
    """Keeps the answer for later calls, once it is booked: one that is not is given to nobody."""


class Purse(Protocol):
    """What a call may use, and what it did."""

    async def reserve(self) -> str | None:
        """The failure token of what has no room for the call; None when it may go on."""
        ...

    async def admit(self, deployment: str, body: Body) -> Body | None:
        """The body as it may be sent there; None when there is no room for that."""
        ...

    def ended(self, event: Event, usage: Body | None) -> None:
        """An event of the attempt that was admitted last."""
        ...


class NoLimits:
    """A purse that is never empty, and forgets."""

    async def reserve(self) -> str | None:
        return None

    async def admit(self, deployment: str, body: Body) -> Body | None:
        return body

    def ended(self, event: Event, usage: Body | None) -> None:
        return None


@dataclass(slots=True)
class Driver:
    """What every call of a runtime shares."""

    program: Program
    world: World
    endpoints: Mapping[str, Endpoint]
    """By deployment id."""
    upstream: Upstream
    clock: Callable[[], float]
    draws: Iterator[float]
    sleep: Callable[[float], Awaitable[None]] = field(default=asyncio.sleep)
    kept: Kept | None = None
    """Answers to questions that come again; None keeps none."""
    names: NameFinder | None = None
    """Finds names in requests whose guardrails take personal data out; None finds none."""
    machine: Machine = field(init=False)

    def __post_init__(self) -> None:
        self.machine = Machine(compiled(self.program), self.world, self.draws)

    def guard(self, route: str, request: Request, *, restores: bool = False) -> Guard:
        """The guardrails of one call, by the route that the engine will find for it."""
        name = self._meant(route, request)
        rails = self.program.routing.guardrails
        return Guard(rails, name, restores=restores, names=self.names)

    async def perform(
        self,
        route: str,
        request: Request,
        body: Body,
        purse: Purse,
        passes: bool = False,
        guard: Guard | None = None,
        tenant: str = "",
    ) -> AsyncGenerator[Piece | Done, None]:
        """Pieces of a stream as they may go out, then `Done`; of anything else only `Done`.

        Closing the iterator early gives up the connection to the provider. `passes` lets chunks of
        a stream that nobody here has to look into stay the text that they came as. `guard` keeps
        what its placeholders stand for; what comes from here still holds them. `tenant` is whose
        answers the cache may give.
        """
        live = Live(self.machine, route, request)
        event: Event = Began(self.clock())
        attempt: Attempt | None = None
        tried: list[Tried] = []
        guard = guard or self.guard(route, request)
        visit = Visit(self.kept)
        ready: list[Chunk] = []
        finished = False
        sent_at, first_at = 0.0, None
        embeds = self._embeds(self._meant(route, request))
        try:
            while True:
                match command := live.step(event):
                    case Inspect(guardrail=rail, stage="input"):
                        await guard.read(rail, body)
                        inspection = guard.ask(rail, body)
                        body = inspection.body
                        event = Inspected(self.clock(), inspection.verdict)
                    case Inspect(guardrail=rail):
                        assert attempt is not None
                        ready += guard.rest(attempt.take())
                        event = Inspected(self.clock(), _judged(guard, rail, attempt))
                    case Lookup():
                        asked = (route, tenant, request, body)
                        hit = await visit.look_up(*asked, guard.redactions > 0, self.clock())
                        event = LookedUp(self.clock(), hit)
                    case Reserve():
                        event = Reserved(self.clock(), await purse.reserve())
                    case Send():
                        admitted = await purse.admit(command.deployment, body)
                        if admitted is None:
                            event = Failed(self.clock(), "barred")
                            continue
                        attempt = self._open(command, embeds, passes and not guard.reads_streams)
                        guard.begin()
                        sent_at, first_at = self.clock(), None
                        event = await attempt.begin(command, admitted)
                        purse.ended(event, attempt.usage)
                        tried += _ended(command.deployment, event, sent_at, first_at)
                    case Listen(hold=hold):
                        assert attempt is not None
                        heard: Event | None = None
                        while heard is None:
                            if not hold and (chunks := guard.passed(attempt.take())):
                                visit.hear(chunks)
                                yield Piece(chunks, live.deployment, visit.word)
                            heard = self._cut_short(guard) or await attempt.listen()
                        event = heard
                        purse.ended(event, attempt.usage)
                        if first_at is None and isinstance(event, FirstToken | Ended):
                            first_at = event.at  # a short answer comes in one piece
                        tried += _ended(live.deployment, event, sent_at, first_at)
                    case Wait(seconds=seconds, jitter_s=jitter_s):
                        jitter_s *= next(self.draws) if jitter_s else 0.0
                        await self.sleep(seconds + jitter_s)
                        event = Woke(self.clock())
                    case Finish():
                        if visit.found is not None:
                            finished = True
                            for item in _again(visit.found, command, guard):
                                yield item
                            return
                        served = attempt if command.failure is None else None
                        if served is not None and (chunks := [*ready, *guard.rest(served.take())]):
                            visit.hear(chunks)
                            yield Piece(chunks, live.deployment, visit.word, is_last=True)
                        if guard.is_stopped and command.failure is None:  # nobody asked about it
                            command = replace(command, failure="guardrail", in_band=True, told=True)
                        finished = True
                        arm = self._arm(live.arms)
                        done = _done(command, attempt, tuple(tried), guard, arm, visit.word)
                        if visit.keeps and command.failure is None and not guard.unchecked:
                            said = (command.served_by, done.answer, done.usage, self.clock())
                            done = replace(done, keep=partial(visit.keep, *said))
                        yield done
                        return
        finally:
            if not finished:  # the client has gone, or this task is being cancelled
                live.step(Left(self.clock()))
            if attempt is not None:
                await attempt.close()

    def _open(self, send: Send, embeds: bool, passes: bool) -> Attempt:
        endpoint = self.endpoints[send.deployment]
        return Attempt(endpoint, self.upstream, self.clock, embeds, passes)

    def _meant(self, route: str, request: Request) -> str:
        """The route's own name, where it was asked for by another or by a team's."""
        routing = self.program.routing
        led = routing.led(str(request.team.get("name", "")), route)
        return routing.route(led).name if routing.has_route(led) else led

    def _embeds(self, route: str) -> bool:
        routing = self.program.routing
        return routing.has_route(route) and routing.route(route).embeds

    def _arm(self, arms: tuple[tuple[str, int], ...]) -> str:
        if not arms:
            return ""
        routes = self.program.routing.routes
        splits = (n for route in routes for n in walk(route.node) if isinstance(n, Split))
        named = {split.name: split.arms for split in splits}
        return " ".join(f"{name}/{named[name][index].name}" for name, index in arms)

    def _cut_short(self, guard: Guard) -> Ended | None:
        """A stream that a guardrail has stopped is over, through no fault of its deployment."""
        return Ended(self.clock(), Usage()) if guard.is_stopped else None


def left_early(deployment: str) -> Done:
    """What a call comes to whose client went away in the middle of a stream."""
    tried = (Tried(deployment, "client_left"),)
    return Done(Finish(499, deployment, "client_left", in_band=True), tried=tried)


def _ended(deployment: str, event: Event, began_s: float, first_s: float | None) -> list[Tried]:
    match event:
        case Ended():
            return [Tried(deployment, "200", began_s, event.at, first_s)]
        case Failed(failure=failure):
            return [Tried(deployment, failure, began_s, event.at, first_s)]
        case _:
            return []


def _judged(guard: Guard, rail: Guardrail, attempt: Attempt) -> Verdict:
    """A rail on the answer, which then is what the rail makes of it."""
    if attempt.answer is None:
        return guard.heard(rail)
    inspection = guard.answer(rail, attempt.answer)
    attempt.answer = inspection.body
    return inspection.verdict


def _again(found: Found, finish: Finish, guard: Guard) -> Iterator[Piece | Done]:
    """A kept answer, in the shape in which it was given the first time."""
    kept = found.stored
    if kept.chunks is not None:
        yield Piece(kept.chunks, kept.deployment, "hit", is_last=True)
    finish = replace(finish, served_by=kept.deployment)
    yield Done(
        finish,
        kept.answer,
        kept.usage,
        redactions=guard.redactions,
        unchecked=guard.unchecked,
        cache="hit",
    )


def _done(
    finish: Finish,
    attempt: Attempt | None,
    tried: tuple[Tried, ...],
    guard: Guard,
    arm: str,
    cache: str,
) -> Done:
    served = finish.failure is None
    return Done(
        finish,
        answer=attempt.answer if attempt and served else None,
        usage=attempt.usage if attempt else None,
        tried=tried,
        redactions=guard.redactions,
        failure=attempt.failure if attempt and not served else None,
        dropped=attempt.dropped if attempt else (),
        arm=arm,
        unchecked=guard.unchecked,
        refusal=guard.refusal,
        cache=cache,
    )
