"""Performs what the engine decides, over asyncio: the runtime's counterpart of the simulator's loop.

All decisions are the compiled program's. This module sends, sleeps, inspects and passes content on.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

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
    Wait,
    Woke,
)
from designer.engine.live import Live
from designer.engine.machine import Machine
from designer.engine.program import compiled
from designer.engine.world import World
from designer.ir import Split, walk
from runtime.attempt import Attempt, Endpoint
from runtime.cache import Found, Kept, Visit
from runtime.guard import inspect, joined
from runtime.upstream import Chunk, Upstream, UpstreamFailure, read_chunks

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Tried:
    """One attempt, for headers and the ledger."""

    deployment: str
    outcome: str
    """`200` or the failure's token."""
    began_s: float = 0.0
    """On the driver's clock, as the others."""
    ended_s: float = 0.0
    first_token_at_s: float | None = None
    """When a stream's first content came."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What of a stream has come since the last piece, in OpenAI's shape."""

    parts: Sequence[Chunk]
    """Texts only where `perform` was told that they may pass."""
    deployment: str
    cache: str = "off"

    @property
    def chunks(self) -> list[Body]:
        return read_chunks(self.parts)


@dataclass(frozen=True, slots=True)
class Done:
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
    cache: str = "off"
    """`hit`: an answer kept from an earlier call, whose `usage` nobody is billed for again; `miss`."""


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
    machine: Machine = field(init=False)

    def __post_init__(self) -> None:
        self.machine = Machine(compiled(self.program), self.world, self.draws)

    async def perform(
        self, route: str, request: Request, body: Body, passes: bool = False, tenant: str = ""
    ) -> AsyncGenerator[Piece | Done, None]:
        """Pieces of a stream as they may go out, then `Done`; of anything else only `Done`.

        Closing the iterator early gives up the connection to the provider. `passes` lets chunks of
        a stream that nobody here has to look into stay the text that they came as; `tenant` is
        whose answers the cache may give.
        """
        live = Live(self.machine, route, request)
        event: Event = Began(self.clock())
        attempt: Attempt | None = None
        tried: list[Tried] = []
        visit = Visit(self.kept)
        redactions, finished = 0, False
        sent_at, first_at = 0.0, None
        meant = self._meant(route, request)
        embeds = self._embeds(meant)
        holds = request.stream and self._inspects_output(meant)
        try:
            while True:
                match command := live.step(event):
                    case Inspect(guardrail=rail, stage=stage):
                        looked_at = body if stage == "input" else _whole(attempt)
                        inspection = inspect(rail, stage, looked_at)
                        redactions += inspection.found
                        if stage == "input":
                            body = inspection.body
                        else:
                            _change(attempt, inspection.body)
                        event = Inspected(self.clock(), inspection.verdict)
                    case Lookup():
                        asked = (route, tenant, request, body)
                        hit = await visit.look_up(*asked, redactions > 0, self.clock())
                        event = LookedUp(self.clock(), hit)
                    case Reserve():
                        event = Reserved(self.clock())
                    case Send():
                        attempt = self._open(command, embeds, passes and not holds)
                        sent_at, first_at = self.clock(), None
                        event = await attempt.begin(command, body)
                        tried += _ended(command.deployment, event, sent_at, first_at)
                    case Listen(hold=hold):
                        assert attempt is not None
                        heard: Event | None = None
                        while heard is None:
                            if not hold and not holds and (chunks := attempt.take()):
                                visit.hear(chunks)
                                yield Piece(chunks, live.deployment, visit.word)
                            heard = await attempt.listen()
                        event = heard
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
                            for item in _again(visit.found, command, redactions):
                                yield item
                            return
                        served = attempt if command.failure is None else None
                        if served is not None and (chunks := served.take()):
                            visit.hear(chunks)
                            yield Piece(chunks, live.deployment, visit.word)
                        finished = True
                        arm = self._arm(live.arms)
                        done = _done(command, attempt, tuple(tried), redactions, arm, visit.word)
                        if served is not None:
                            by = command.served_by
                            visit.keep(by, done.answer, done.usage, self.clock())
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

    def _inspects_output(self, route: str) -> bool:
        """Whether a stream has to be whole before any of it may go out."""
        return any(
            "output" in rail.stages and rail.covers(route)
            for rail in self.program.routing.guardrails
        )


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


def _whole(attempt: Attempt | None) -> Body:
    assert attempt is not None
    if attempt.answer is not None:
        return attempt.answer
    return {"chunks": joined(read_chunks(attempt.chunks))}


def _change(attempt: Attempt | None, body: Body) -> None:
    assert attempt is not None
    if attempt.answer is not None:
        attempt.answer = body
    else:
        attempt.chunks = body["chunks"]


def _again(found: Found, finish: Finish, redactions: int) -> Iterator[Piece | Done]:
    """A kept answer, in the shape in which it was given the first time."""
    kept = found.stored
    if kept.chunks is not None:
        yield Piece(kept.chunks, kept.deployment, "hit")
    finish = replace(finish, served_by=kept.deployment)
    yield Done(finish, kept.answer, kept.usage, redactions=redactions, cache="hit")


def _done(
    finish: Finish,
    attempt: Attempt | None,
    tried: tuple[Tried, ...],
    redactions: int,
    arm: str,
    cache: str,
) -> Done:
    if attempt is None:
        return Done(finish, tried=tried, redactions=redactions, arm=arm, cache=cache)
    served = finish.failure is None
    return Done(
        finish,
        attempt.answer if served else None,
        attempt.usage,
        tried,
        redactions,
        None if served else attempt.failure,
        attempt.dropped,
        arm,
        cache,
    )
