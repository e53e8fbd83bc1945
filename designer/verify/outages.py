"""One call while some parts are down for good: what comes of it, over every pick.

The engine runs in virtual time with a World of its own, so that cooldowns, deadlines and timeouts are
what they are; nothing is assumed of the call's chances but that it may be unlucky.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from math import inf
from typing import NamedTuple

from msgspec.structs import replace

from designer.engine.call import Call, Program, begin, step
from designer.engine.events import (
    Began,
    Command,
    Cooled,
    Ended,
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
    Wait,
    Woke,
)
from designer.engine.outcomes import HANGS_S
from designer.engine.world import World
from designer.ir import Target
from designer.trace import Final, Trace, Tried
from designer.verify.choices import Choices, every
from designer.verify.mishaps import Mishap


class Outage(NamedTuple):
    chance: float
    """That a request fails; 1 where nothing is left to picks."""
    failing: Trace | None
    """One that fails; None where every request is answered."""
    slowest: Trace
    """The one that ends, or begins to be answered, last."""


class _Call(NamedTuple):
    chance: float
    call: Call
    world: World
    at: float
    tried: tuple[Tried, ...]
    command: Command


def suffer(
    program: Program,
    route: str,
    request: Request,
    said: Mapping[str, Mishap],
    cooling: frozenset[str] = frozenset(),
    broken: frozenset[str] = frozenset(),
) -> Outage:
    """A request for the route. `program` is one of an opened Routing; what `said` lacks answers.

    `cooling` are those of the failed deployments that earlier requests have made cool, `broken` the
    guardrails that are down.
    """
    world = World()
    world.apply([Cooled(id_, inf) for id_ in sorted(cooling)])
    first = _Call(1.0, begin(route, request), world, 0.0, (), Wait(0.0))
    waiting = _merged(_on(program, first, [Began(0.0)], broken))
    over: list[_Call] = []
    while waiting:
        going: list[_Call] = []
        for one in waiting:
            if isinstance(one.command, Send):
                going += _on(program, *_asked(one, one.command, said), broken)
            else:
                over.append(one)
        waiting = _merged(going)
    failed = [one for one in over if _fails(one)]
    slowest = max(over, key=lambda one: one.at)
    chance = sum(one.chance for one in failed)
    failing = _trace(route, failed[0], program) if failed else None
    return Outage(min(chance, 1.0), failing, _trace(route, slowest, program))


def _fails(one: _Call) -> bool:
    return isinstance(one.command, Finish) and one.command.failure is not None


def _asked(one: _Call, send: Send, said: Mapping[str, Mishap]) -> tuple[_Call, list[Event]]:
    mishap = said.get(send.deployment)
    if mishap is None:
        tried = Tried(send.deployment, one.at, "200")
        return one._replace(tried=(*one.tried, tried)), [Ended(one.at)]
    at = one.at + _lasts_s(send, mishap)
    tried = Tried(send.deployment, one.at, mishap.label)
    events = list(mishap.events(at))
    return one._replace(tried=(*one.tried, tried), at=at), events


def _lasts_s(send: Send, mishap: Mishap) -> float:
    if not mishap.is_silent:
        return 0.0
    limit_s = send.timeout_s if mishap.phase == "headers" else send.first_token_s
    left_s = inf if send.left_s is None else send.left_s
    return min(HANGS_S if limit_s is None else limit_s, left_s)


def _on(
    program: Program, one: _Call, events: list[Event], broken: frozenset[str]
) -> Iterator[_Call]:
    return every(lambda choices: _went(program, one, events, broken, choices))


def _went(
    program: Program, one: _Call, events: list[Event], broken: frozenset[str], choices: Choices
) -> _Call:
    call, world, at, draws = one.call, deepcopy(one.world), one.at, choices.draws()
    command: Command = one.command
    for event in events:
        call, command, effects = step(program, call, event, world, draws)
        world.apply(effects)
    while not isinstance(command, Send | Finish):
        match command:
            case Wait(seconds=seconds):
                at += seconds
                event = Woke(at)
            case Inspect(guardrail=rail):
                event = Inspected(at, "broken" if rail.name in broken else "pass")
            case Lookup():
                event = LookedUp(at, hit=False)
            case Reserve():
                event = Reserved(at)
            case Listen():
                raise AssertionError("every attempt is told to its end")
        call, command, effects = step(program, call, event, world, draws)
        world.apply(effects)
    return _Call(one.chance * choices.chance, call, world, at, one.tried, command)


def _merged(listed: Iterator[_Call] | list[_Call]) -> list[_Call]:
    """Calls that differ in nothing but how they came there, as one with the chances of all."""
    found: dict[object, _Call] = {}
    for one in listed:
        key = _key(one)
        same = found.get(key)
        found[key] = one if same is None else same._replace(chance=same.chance + one.chance)
    return list(found.values())


def _key(one: _Call) -> object:
    call = one.call
    frames = tuple((id(f.node), replace(f, node=_NOTHING)) for f in call.stack)
    past = (call.deployment, call.route, call.attempts, call.visited, call.arms, call.hops)
    return past, repr(frames), repr((call.first, call.last)), repr(one.world), one.at, one.command


_NOTHING = Target("")
"""In place of a node, which is known by its identity."""


def _trace(route: str, one: _Call, program: Program) -> Trace:
    finish = one.command
    assert isinstance(finish, Finish)
    final = Final(
        status=finish.status,
        served_by=finish.served_by,
        cost_usd=None,
        at_s=one.at,
        failure=finish.failure,
        in_band=finish.in_band,
        told=finish.told,
    )
    return Trace(route, one.tried, final, (0.0, program.semantics.backoff.jitter_s))
