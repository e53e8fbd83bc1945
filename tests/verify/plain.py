"""A plain enumeration, to compare proofs with: every outcome, every draw, no classes, nothing merged
but calls that are equal in every field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product
from math import inf

from hypothesis import strategies as st
from msgspec.structs import replace

from designer.catalog import load_catalog
from designer.engine.call import Call, Program, begin, step
from designer.engine.events import (
    Began,
    Command,
    Cooled,
    Ended,
    Event,
    Failed,
    Finish,
    Inspect,
    Inspected,
    Request,
    Send,
    Wait,
    Woke,
)
from designer.engine.semantics import Semantics
from designer.engine.world import World
from designer.gateways.base import Parsed
from designer.gateways.litellm import LITELLM
from designer.gateways.litellm.semantics import LITELLM_1_106
from designer.gateways.portkey_oss.semantics import semantics as portkey
from designer.gateways.reference import REFERENCE
from designer.ir import (
    ANY,
    REFUSALS,
    TRANSIENT,
    Case,
    Chain,
    Condition,
    Cooldown,
    Deployment,
    Node,
    Pool,
    Ref,
    Retry,
    Route,
    Routing,
    Rung,
    Switch,
    Target,
    failures,
)
from designer.load import Config
from designer.verify import Judge, facts

IDS, ROUTES = ("a", "b", "c"), ("chat", "spare")
TOKENS = ("503", "500", "timeout", "connect", "429", "401", "404", "400", "content_policy")
OUTAGES = ("503", "500", "timeout", "429", "connect", "malformed", "529")
KEY_OUTAGES = ("401", "403", "402", "429")
DRAWS = (0.1, 0.3, 0.4, 0.6, 0.7, 0.9)
"""One in every share that the pools below can have."""

_sets = st.sampled_from([ANY, TRANSIENT, ANY - REFUSALS, failures(429), failures(503, "timeout")])
_leaves: st.SearchStrategy[Node] = st.builds(Target, st.sampled_from(IDS)) | st.builds(
    Ref, st.sampled_from(ROUTES)
)


def _grown(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    rungs = st.lists(st.builds(Rung, inner, _sets), min_size=1, max_size=2).map(tuple)
    pairs = st.tuples(inner, inner)
    gold = Condition("metadata.tier", "eq", "gold")
    return (
        st.builds(Chain, rungs, st.sampled_from(["last", "first"]))
        | st.builds(Pool, pairs, st.sampled_from([(), (1.0, 3.0)]))
        | st.builds(Pool, pairs, st.just(()), st.just("cheapest"))
        | st.builds(Retry, inner, st.integers(0, 1), _sets)
        | st.builds(lambda one, two: Switch((Case(gold, one),), two), inner, inner)
    )


nodes: st.SearchStrategy[Node] = st.recursive(_leaves, _grown, max_leaves=4)
_cooldowns = st.none() | st.builds(Cooldown, st.just(1000.0), st.sampled_from([None, 0, 1]))


@st.composite
def programs(draw: st.DrawFn) -> Program:
    deployments = tuple(
        Deployment(
            id_,
            draw(st.sampled_from(["openai", "mistral"])),
            f"model-{id_}",
            secret=draw(st.sampled_from([None, "env:ONE", "env:TWO"])),
            timeout_s=10.0,
            cooldown=draw(_cooldowns),
        )
        for id_ in IDS
    )
    limit = st.sampled_from([None, None, 2])
    routes = tuple(Route(n, draw(nodes), attempts_limit=draw(limit)) for n in ROUTES)
    return Program(Routing(routes, deployments), draw(_habits))


_without_cooldowns = [REFERENCE, LITELLM_1_106]
_habits: st.SearchStrategy[Semantics] = st.sampled_from(
    [
        REFERENCE,
        LITELLM_1_106,
        portkey(""),
        *(replace(s, cooldown=None) for s in _without_cooldowns),
    ]
)


def judge(program: Program) -> Judge:
    parsed = Parsed("litellm", program.routing, program.semantics)
    return Judge(facts(Config(LITELLM, parsed), load_catalog().date))


# --- One step -------------------------------------------------------------------------------------


def _on(
    program: Program, call: Call, event: Event, world: World
) -> Iterator[tuple[Call, Command, World]]:
    """Every way to go on, up to the next attempt or the end."""
    waiting: list[tuple[float, ...]] = [()]
    while waiting:
        given = waiting.pop()
        left, mine = list(given), World(dict(world._health), dict(world._turns))
        now, seen = call, event
        try:
            while True:
                now, command, effects = step(program, now, seen, mine, _popped(left))
                mine = _with(mine, effects)
                match command:
                    case Wait():
                        seen = Woke(seen.at)
                    case Inspect():
                        seen = Inspected(seen.at, "pass")
                    case _:
                        break
        except _NoMore:
            waiting += [(*given, draw) for draw in DRAWS]
            continue
        yield now, command, mine


def _with(world: World, effects: Sequence[object]) -> World:
    from copy import deepcopy

    world = deepcopy(world)
    world.apply(effects)  # type: ignore[arg-type]  # what step returns
    return world


class _NoMore(Exception):  # noqa: N818  (no fault: more draws are wanted)
    pass


def _popped(left: list[float]) -> Iterator[float]:
    while left:
        yield left.pop(0)
    raise _NoMore


REQUESTS = (Request(), Request(metadata={"tier": "gold"}))


def all_steps(
    program: Program,
    route: str,
    answers: Mapping[str, Sequence[str | None]],
    cooling: Sequence[str],
) -> Iterator[tuple[Call, Command]]:
    """Every attempt and every end of a request; `answers` by deployment, None a good one."""
    for request in REQUESTS:
        world = World()
        world.apply([Cooled(id_, inf) for id_ in cooling])
        waiting = list(_on(program, begin(route, request), Began(0.0), world))
        seen: set[str] = set()
        while waiting:
            call, command, world = waiting.pop()
            key = repr((call, command, world))
            if key in seen:
                continue
            seen.add(key)
            yield call, command
            if isinstance(command, Finish):
                continue
            assert isinstance(command, Send)
            for token in answers[command.deployment]:
                code = int(token) if token and token.isdigit() else None
                event = Ended(0.0) if token is None else Failed(0.0, token, code)
                waiting += _on(program, call, event, world)


# --- What is compared -----------------------------------------------------------------------------


def reached(program: Program, route: str) -> set[str]:
    """Asked on some path, whatever is cooling at first."""
    every = dict.fromkeys(IDS, (None, *TOKENS))
    found: set[str] = set()
    for count in range(len(IDS) + 1 if program.semantics.cooldown else 1):
        for cooling in combinations(IDS, count):
            steps = all_steps(program, route, every, [i for i in cooling if _can_cool(program, i)])
            found |= {c.deployment for _, c in steps if isinstance(c, Send)}
    return found


def most_attempts(program: Program, route: str) -> int:
    every = dict.fromkeys(IDS, (None, *TOKENS))
    return max(call.attempts for call, _ in all_steps(program, route, every, ()))


def _can_cool(program: Program, id_: str) -> bool:
    cooldown = program.routing.deployment(id_).cooldown
    return program.semantics.cooldown is not None and (cooldown is None or cooldown.lasts_s > 0)


def fails(program: Program, route: str, said: Mapping[str, str]) -> bool:
    """Whether a request may stay without an answer while these are down, at first or later."""
    answers = {id_: (said.get(id_),) for id_ in IDS}
    able = [id_ for id_ in said if _can_cool(program, id_)]
    for cooling in ((), able):
        for _, command in all_steps(program, route, answers, cooling):
            if isinstance(command, Finish) and command.failure is not None:
                return True
    return False


def parts(routing: Routing) -> list[tuple[str, frozenset[str]]]:
    """The narrowest kind first."""
    found: dict[tuple[str, str], set[str]] = {}
    for kind in ("id", "secret", "model", "provider"):
        for deployment in routing.deployments:
            name = getattr(deployment, kind)
            if name:
                found.setdefault((kind, name), set()).add(deployment.id)
    return [(kind, frozenset(ids)) for (kind, _), ids in found.items()]


def smallest_failing(program: Program, route: str, most: int) -> int | None:
    """How many parts have to fail for a request to stay without an answer; None: more than `most`."""
    listed = parts(program.routing)
    known: dict[tuple[tuple[str, str], ...], bool] = {}
    for size in range(most + 1):
        for chosen in combinations(listed, size):
            causes = [KEY_OUTAGES if kind == "secret" else _outages(kind) for kind, _ in chosen]
            for tokens in product(*causes):
                said: dict[str, str] = {}
                for (_, ids), token in zip(chosen, tokens, strict=True):
                    said = dict.fromkeys(ids, token) | said
                key = tuple(sorted(said.items()))
                if key not in known:
                    known[key] = fails(program, route, said)
                if known[key]:
                    return size
    return None


def _outages(kind: str) -> tuple[str, ...]:
    return (*OUTAGES, "404") if kind == "model" else OUTAGES


# --- Pools of deployments that stand for one another ----------------------------------------------


@st.composite
def pooled(draw: st.DrawFn) -> Program:
    """Two routes, each of a pool that is retried, or of two one after the other; one falls back."""
    ids = ("a", "b", "c", "d", "e")
    given = draw(st.sampled_from([None, Cooldown(1000.0, 0), Cooldown(1000.0, None)]))
    other = draw(st.sampled_from([given, Cooldown(1000.0, 1)]))
    deployments = tuple(
        Deployment(id_, "openai", f"model-{id_}", timeout_s=10.0, cooldown=cooldown)
        for id_, cooldown in zip(ids, (given, given, other, given, given), strict=True)
    )
    retries = draw(st.integers(0, 2))
    own = Pool(tuple(map(Target, ids[:3])), draw(st.sampled_from([(), (1.0, 2.0, 1.0)])))
    spare = Pool(tuple(map(Target, ids[3:])))
    tried: Node = Retry(own, retries, draw(_sets))
    if draw(st.booleans()):
        tried = Retry(Chain((Rung(own), Rung(spare, draw(_sets)))), retries, draw(_sets))
        spare = Pool((Target("e"), Target("a")))
    chat = Chain((Rung(tried), Rung(Ref("spare"), draw(_sets))))
    limit = draw(st.sampled_from([None, 2]))
    routes = Route("chat", chat, attempts_limit=limit), Route("spare", Retry(spare, 1, draw(_sets)))
    return Program(Routing(routes, deployments), draw(_habits))
