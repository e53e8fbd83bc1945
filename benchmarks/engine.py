"""Simulated requests per CPU second of the interpreter: 12 deployments, one provider down 30 % of the time.

Comparable with the spike in the project's notes: a nested tree with frozen frames did 53,000 requests/s
with cooldowns and 39,000 retry-heavy without, a compiled one 203,000 and 76,000–137,000.
"""

import random
import time

from designer.engine.call import Program, begin, step
from designer.engine.events import Began, Ended, Event, Failed, Finish, Request, Send, Wait, Woke
from designer.engine.world import World
from designer.gateways.reference import REFERENCE
from designer.ir import ANY, Chain, Cooldown, Deployment, Pool, Retry, Route, Routing, Rung, Target

REQUESTS = 20_000


def run() -> None:
    for name, cooldown in (("cooldowns on", Cooldown(30.0, 2)), ("no cooldowns", None)):
        program = Program(_routing(cooldown), REFERENCE)
        start = time.process_time()
        attempts = _play(program)
        seconds = time.process_time() - start
        rate = REQUESTS / seconds
        print(f"{name:13} {rate:8,.0f} requests/s   {attempts / REQUESTS:.2f} attempts a request")


def _routing(cooldown: Cooldown | None) -> Routing:
    deployments = tuple(
        Deployment(f"p{i // 4}/d{i}", "openai", f"m{i}", timeout_s=30.0, cooldown=cooldown)
        for i in range(12)
    )
    pools = [Pool(tuple(Target(d.id) for d in deployments[i : i + 4])) for i in (0, 4, 8)]
    rungs = tuple(Rung(Retry(pool, 1), ANY) for pool in pools)
    return Routing((Route("chat", Chain(rungs)),), deployments)


def _play(program: Program) -> int:
    world, chance = World(), random.Random(1)
    draws = iter(chance.random, None)
    attempts = 0
    for index in range(REQUESTS):
        at = index * 0.05
        call, event = begin("chat", Request()), Began(at)
        current: Event = event
        while True:
            call, command, effects = step(program, call, current, world, draws)
            world.apply(effects)
            match command:
                case Send(deployment=id_):
                    attempts += 1
                    at += 0.01
                    down = id_.startswith("p0") and (index // 1000) % 10 < 3
                    current = Failed(at, "503", 503) if down else Ended(at)
                case Wait(seconds=seconds):
                    at += seconds
                    current = Woke(at)
                case Finish():
                    break
                case other:
                    raise AssertionError(other)
    return attempts
