"""Simulated requests per CPU second: the interpreter beside the compiled program, driven alike.

Twelve deployments, one provider down 30 % of the time; no chance but picks, no statistics.
"""

import random
import time
from collections.abc import Iterator

from msgspec.structs import replace

from designer.engine.call import Program
from designer.engine.events import Inspect, Inspected, LookedUp, Request, Reserved, Send
from designer.engine.machine import Machine
from designer.engine.outcomes import Outcome
from designer.engine.program import compiled
from designer.engine.swift import perform as perform_swiftly
from designer.engine.virtual import Arrival, perform
from designer.engine.world import World
from designer.gateways.reference import REFERENCE
from designer.ir import ANY, Chain, Cooldown, Deployment, Pool, Retry, Route, Routing, Rung, Target

REQUESTS = 20_000
TAKES_S = 0.01
FORGETFUL = replace(REFERENCE, cooldown=None)


def run() -> None:
    for name, habits in (("cooldowns on", REFERENCE), ("no cooldowns", FORGETFUL)):
        program = Program(routing(), habits)
        rates = {}
        for how, play in (("interpreted", _interpreted), ("compiled", _compiled)):
            start = time.process_time()
            attempts = play(program)
            rates[how] = REQUESTS / (time.process_time() - start)
            print(
                f"{name:13} {how:12} {rates[how]:8,.0f} requests/s   "
                f"{attempts / REQUESTS:.2f} attempts a request"
            )


def routing(count: int = 12) -> Routing:
    """`count` deployments of three providers, `p0` asked first."""
    each = count // 3
    deployments = tuple(
        Deployment(
            f"p{i // each}/d{i}",
            f"p{i // each}",
            f"m{i}",
            timeout_s=30.0,
            cooldown=Cooldown(30.0, 2),
        )
        for i in range(count)
    )
    pools = [
        Pool(tuple(Target(d.id) for d in deployments[i : i + each])) for i in range(0, count, each)
    ]
    rungs = tuple(Rung(Retry(pool, 1), ANY) for pool in pools)
    return Routing((Route("chat", Chain(rungs)),), deployments)


class _Providers:
    """One of three is down in three of ten stretches of 50 s."""

    down, good = Outcome(status=503, delay_s=TAKES_S), Outcome(delay_s=TAKES_S)

    def answer(self, _run: object, send: Send, at: float) -> Outcome:
        is_down = send.deployment.startswith("p0") and int(at // 50) % 10 < 3
        return self.down if is_down else self.good

    def inspect(self, _run: object, _ask: Inspect, at: float) -> Inspected:
        return Inspected(at, "pass")

    def look_up(self, _run: object, at: float) -> LookedUp:
        return LookedUp(at, hit=False)

    def reserve(self, _run: object, at: float) -> Reserved:
        return Reserved(at)

    def jitter(self) -> float:
        return 0.5


def _arrivals() -> Iterator[Arrival]:
    request = Request()
    return (Arrival(index * 0.05, "chat", request) for index in range(REQUESTS))


def _draws() -> Iterator[float]:
    return iter(random.Random(1).random, None)


def _interpreted(program: Program) -> int:
    runs = perform(program, _arrivals(), _Providers(), World(), _draws())
    return sum(len(run.attempts) for run in runs)


def _compiled(program: Program) -> int:
    machine = Machine(compiled(program), World(), _draws())
    flights = perform_swiftly([machine], _arrivals(), _Providers())
    return sum(len(flight.attempts) for flight in flights)
