"""Every field of the IR against the runtime: what changes when it changes, or why nothing does.

A field that nobody has classified fails. A probe is two routings that differ in the field alone, and a few
requests; what providers are sent, what callers get and when has to differ, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing, closing
from datetime import UTC, datetime
from inspect import getmembers, isclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec import Struct
from msgspec.structs import fields, replace

from designer import ir
from designer.engine.call import Program
from designer.engine.events import Request
from designer.engine.outcomes import Outcome
from designer.engine.world import World
from designer.gateways.reference import REFERENCE
from designer.ir import (
    NEVER,
    TRANSIENT,
    Arm,
    Case,
    Chain,
    Condition,
    Cooldown,
    Deployment,
    Failures,
    Node,
    Pool,
    Quota,
    Ref,
    Retry,
    Rollout,
    Route,
    Routing,
    Rung,
    Split,
    Switch,
    Target,
    Team,
    failures,
)
from runtime.driver import Done, Driver, NoLimits
from runtime.keys import mint
from runtime.serve import endpoints
from runtime.state.sqlite import connect
from runtime.unheeded import UNHEEDED, notes
from runtime.unheeded import fields as unheeded
from runtime.upstream import Request as Sent
from tests.runtime.served import CATALOG, HELLO, Running, served, two_deployments
from tests.runtime.virtual_time import Provider, VirtualLoop, endless

QUIET = replace(REFERENCE, backoff=replace(REFERENCE.backoff, jitter_s=0.0))
ENV = {"KEY": "sk-one", "OTHER": "sk-other"}
A, B = Target("a"), Target("b")
FAIL, SLOW = Outcome(status=503), Outcome(delay_s=3.0)
LIMITED = Outcome(status=429, headers={"retry-after": "2"})
CUT = Outcome(kind="cut_stream", after_chunks=5)
CHAIN = Chain((Rung(A), Rung(B)))

Calls = Sequence[tuple[float, str, Request]]
ONCE: Calls = ((0.0, "chat", Request()),)
TWICE: Calls = (*ONCE, (10.0, "chat", Request()))
STREAM: Calls = [(0.0, "chat", Request(stream=True))]


def routing(node: Node, **route: Any) -> Routing:
    deployments = (
        Deployment(id_, "openai", f"m-{id_}", f"http://{id_}/v1", secret="env:KEY") for id_ in "abc"
    )
    other = Route("other", Chain((Rung(A), Rung(B, asked_only=True))))
    return Routing((Route("chat", node, **route), other), tuple(deployments))


def of_a(whole: Routing, **changes: Any) -> Routing:
    first, *others = whole.deployments
    return replace(whole, deployments=(replace(first, **changes), *others))


class Probe(Struct, frozen=True):
    before: Routing
    after: Routing
    answers: Mapping[str, Sequence[Outcome]] = {}
    calls: Calls = ONCE
    draws: Sequence[float] = (0.5,)


def nodes(before: Node, after: Node, *answers: Outcome, **more: Any) -> Probe:
    """`answers` are those of `a`."""
    said = {"a": answers} if answers else {}
    return Probe(routing(before), routing(after), said, **more)


def routes(after: Mapping[str, Any], *answers: Outcome, node: Node = CHAIN, **more: Any) -> Probe:
    return Probe(routing(node), routing(node, **after), {"a": answers} if answers else {}, **more)


def reached(**after: Any) -> Probe:
    """How deployment `a` is reached."""
    return Probe(routing(A), of_a(routing(A), **after))


def cooling(before: Cooldown | None, after: Cooldown, answer: Outcome = FAIL) -> Probe:
    whole = routing(CHAIN)
    changed = of_a(whole, cooldown=before), of_a(whole, cooldown=after)
    return Probe(*changed, {"a": [answer]}, TWICE)


def switch(
    case: Condition | None = None, child: Node = B, otherwise: Node | None = A, **more: Any
) -> Switch:
    when = case or Condition("metadata.tier", "eq", "gold")
    return Switch((Case(when, child),), otherwise, **more)


GOLD: Calls = [(0.0, "chat", Request(metadata={"tier": "gold", "task": "code"}))]
PEOPLE: Calls = [(1.0, "chat", Request(user=f"u{number}")) for number in range(8)]
POOL = Pool((A, B), (0.5, 0.5))
SPLIT = Split("new", (Arm("one", 0.5, A), Arm("two", 0.5, B)), "user")


def arms(*changed: Arm) -> Split:
    return replace(SPLIT, arms=changed)


PROBES: dict[str, Probe] = {
    "Failures.tokens": nodes(
        Chain((Rung(A), Rung(B, failures(503)))), Chain((Rung(A), Rung(B, failures(429)))), FAIL
    ),
    "Failures.all_but": nodes(
        Chain((Rung(A), Rung(B, Failures(frozenset({"503"}))))),
        Chain((Rung(A), Rung(B, Failures(frozenset({"503"}), all_but=True)))),
        FAIL,
    ),
    "Cooldown.lasts_s": cooling(Cooldown(5.0, 0), Cooldown(60.0, 0)),
    "Cooldown.allowed_failures": cooling(Cooldown(60.0, 0), Cooldown(60.0, 5)),
    "Cooldown.yields": cooling(Cooldown(60.0, 0), Cooldown(60.0, 0, yields=False), LIMITED),
    "Cooldown.per_failure": cooling(
        Cooldown(60.0, 5), Cooldown(60.0, 5, per_failure=((failures(503), 0),))
    ),
    "Deployment.id": nodes(A, B),
    "Deployment.provider": reached(provider="anthropic"),
    "Deployment.model": reached(model="another"),
    "Deployment.api_base": reached(api_base="http://elsewhere/v1"),
    "Deployment.secret": reached(secret="env:OTHER"),
    "Deployment.settings": Probe(
        *(
            of_a(routing(A), provider="azure", settings=(("api_version", version),))
            for version in ("2024-10-21", "2025-04-01")
        )
    ),
    "Deployment.params": reached(params=(("max_tokens", 5),)),
    "Deployment.timeout_s": Probe(
        routing(CHAIN), of_a(routing(CHAIN), timeout_s=1.0), {"a": [SLOW]}
    ),
    "Deployment.first_token_s": Probe(
        routing(CHAIN), of_a(routing(CHAIN), first_token_s=1.0), {"a": [SLOW]}, STREAM
    ),
    "Deployment.cooldown": cooling(None, Cooldown(60.0, 0)),
    "Target.deployment": nodes(A, B),
    "Pool.children": nodes(Pool((A, B)), Pool((B, A))),
    "Pool.weights": nodes(Pool((A, B), (9, 1)), Pool((A, B), (1, 9))),
    "Pool.pick": nodes(Pool((A, B)), Pool((A, B), pick="round_robin"), calls=TWICE, draws=(0.1,)),
    "Pool.window_s": nodes(
        Pool((A, B), pick="fastest"),
        Pool((A, B), pick="fastest", window_s=1.0),
        SLOW,
        calls=[*TWICE, (10.0, "chat", Request())],
    ),
    "Retry.child": nodes(Retry(A, 1), Retry(B, 1)),
    "Retry.retries": nodes(Retry(A, 0), Retry(A, 2), FAIL),
    "Retry.on": nodes(Retry(A, 1, TRANSIENT), Retry(A, 1, NEVER), FAIL),
    "Retry.per_failure": nodes(Retry(A, 2), Retry(A, 2, per_failure=((failures(503), 0),)), FAIL),
    "Retry.honours_retry_after": nodes(
        Retry(A, 1), Retry(A, 1, honours_retry_after=False), LIMITED
    ),
    "Retry.per_deployment": nodes(Retry(A, 2), Retry(A, 2, per_deployment=(("a", 0),)), FAIL),
    "Rung.child": nodes(CHAIN, Chain((Rung(A), Rung(Target("c")))), FAIL),
    "Rung.on": nodes(CHAIN, Chain((Rung(A), Rung(B, NEVER))), FAIL),
    "Rung.asked_only": nodes(Ref("other"), CHAIN, FAIL),
    "Chain.rungs": nodes(CHAIN, Chain((Rung(A),)), FAIL),
    "Chain.tells": Probe(
        routing(CHAIN), routing(replace(CHAIN, tells="first")), {"a": [FAIL], "b": [LIMITED]}
    ),
    "Condition.key": nodes(switch(), switch(Condition("metadata.other", "eq", "gold")), calls=GOLD),
    "Condition.operator": nodes(
        switch(), switch(Condition("metadata.tier", "ne", "gold")), calls=GOLD
    ),
    "Condition.value": nodes(
        switch(), switch(Condition("metadata.tier", "eq", "free")), calls=GOLD
    ),
    "Case.when": nodes(switch(), switch(Condition("task", "eq", "chat")), calls=GOLD),
    "Case.child": nodes(switch(), switch(child=Target("c")), calls=GOLD),
    "Switch.cases": nodes(switch(), Switch((), A), calls=GOLD),
    "Switch.otherwise": nodes(switch(), switch(otherwise=B)),
    "Switch.lacking": nodes(switch(otherwise=None), switch(otherwise=None, lacking="budget")),
    "Arm.name": nodes(SPLIT, arms(Arm("renamed", 0.5, A), Arm("two", 0.5, B)), calls=PEOPLE),
    "Arm.share": nodes(SPLIT, arms(Arm("one", 0.0, A), Arm("two", 1.0, B)), calls=PEOPLE),
    "Arm.child": nodes(SPLIT, arms(Arm("one", 0.5, B), Arm("two", 0.5, B)), calls=PEOPLE),
    "Split.name": nodes(SPLIT, replace(SPLIT, name="newer"), calls=PEOPLE),
    "Split.arms": nodes(SPLIT, arms(Arm("one", 1.0, A)), calls=PEOPLE),
    "Split.by": nodes(SPLIT, replace(SPLIT, by="request"), calls=PEOPLE),
    "Ref.route": nodes(Ref("other"), Ref("nowhere")),
    "Route.name": Probe(routing(A), replace(routing(A), routes=(Route("renamed", A),)), calls=ONCE),
    "Route.node": nodes(A, B),
    "Route.deadline_s": routes({"deadline_s": 2.0}, SLOW),
    "Route.attempts_limit": routes({"attempts_limit": 1}, FAIL),
    "Route.mid_stream": routes({"mid_stream": "buffer"}, CUT, calls=STREAM),
    "Route.sticky": routes({"sticky": "user"}, node=POOL, calls=PEOPLE),
    "Route.embeds": routes({"embeds": True}, node=A),
    "Routing.routes": nodes(A, B),
    "Routing.deployments": reached(model="another"),
    "Routing.aliases": Probe(
        routing(A),
        replace(routing(A), aliases=(("also", "chat"),)),
        calls=[(0.0, "also", Request())],
    ),
    "Routing.teams": Probe(
        routing(B),
        replace(routing(B), teams=(Team("web", aliases=(("chat", "other"),)),)),
        calls=[(0.0, "chat", Request(team={"name": "web"}))],
    ),
    "Team.name": Probe(
        *(
            replace(routing(B), teams=(Team(name, aliases=(("chat", "other"),)),))
            for name in ("web", "app")
        ),
        calls=[(0.0, "chat", Request(team={"name": "web"}))],
    ),
    "Team.aliases": Probe(
        *(
            replace(routing(B), teams=(Team("web", aliases=aliases),))
            for aliases in ((), (("chat", "other"),))
        ),
        calls=[(0.0, "chat", Request(team={"name": "web"}))],
    ),
}

_RAILS = (
    "acted on in runtime/guard.py and runtime/redact/, tested in test_serve.py and test_redact.py"
)
_LIMITS = "kept in runtime/limits/, tested in test_limits.py, test_alerts.py and test_money_laws.py"
_CACHES = "acted on in runtime/cache/, tested in test_cache.py and test_semantic_cache.py"
_TELEMETRY = "acted on in runtime/telemetry/build.py, tested in test_telemetry.py"
ELSEWHERE: dict[str, str] = {
    "Deployment.region": "where Bedrock and Vertex are reached: runtime/accounts.py, tested in test_accounts.py",
    "Remote.child": "refused before the start: performed by its vendor (test_a_vendors_chain_is_not_performed_twice)",
    "Team.routes": "test_a_team_asks_only_for_its_own_routes_by_its_own_names_from_its_own_region",
    "Team.region": "test_a_team_asks_only_for_its_own_routes_by_its_own_names_from_its_own_region",
    "Routing.budgets": _LIMITS,
    "Routing.rate_limits": _LIMITS,
    **{f"Budget.{field.name}": _LIMITS for field in fields(ir.Budget)},
    **{f"RateLimit.{field.name}": _LIMITS for field in fields(ir.RateLimit)},
    "Routing.guardrails": _RAILS,
    "Routing.caches": _CACHES,
    **{f"Cache.{field.name}": _CACHES for field in fields(ir.Cache)},
    "Routing.telemetry": _TELEMETRY,
    **{f"Telemetry.{field.name}": _TELEMETRY for field in fields(ir.Telemetry)},
    **{f"Guardrail.{field.name}": _RAILS for field in fields(ir.Guardrail)},
}


def every_field() -> set[str]:
    structs = (
        member
        for _, member in getmembers(ir, isclass)
        if issubclass(member, Struct) and member.__module__ == ir.__name__
    )
    return {f"{struct.__name__}.{field.name}" for struct in structs for field in fields(struct)}


def test_every_field_is_probed_acted_on_elsewhere_or_told_as_unheeded() -> None:
    classified = [*PROBES, *ELSEWHERE, *unheeded()]

    assert sorted(classified) == sorted(every_field())


class _Recording:
    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.sent: list[tuple[str, str, bytes]] = []

    async def __call__(self, send: Sent) -> Any:
        self.sent.append((send.url, str(sorted(send.headers.items())), send.body))
        return await self.provider(send)


class _Answers(dict[str, Sequence[Outcome]]):
    def __missing__(self, key: str) -> Sequence[Outcome]:
        return [Outcome()]


def seen(whole: Routing, probe: Probe) -> list[Any]:
    """Of each call: what providers were sent, what the caller got, and when."""
    loop = VirtualLoop()
    upstream = _Recording(Provider(_Answers(probe.answers)))
    found = endpoints(whole, CATALOG, ENV)
    program = Program(whole, QUIET)
    driver = Driver(program, World(), found, upstream, loop.time, endless(probe.draws))

    async def one(route: str, request: Request) -> Done:
        body: dict[str, Any] = {"model": route, "messages": [], "stream": request.stream}
        async with aclosing(
            driver.perform(route, request, body | {"input": "x"}, NoLimits())
        ) as said:
            async for piece in said:
                if isinstance(piece, Done):
                    return piece
        raise AssertionError("a call ends with Done")

    async def everything() -> list[Any]:
        told = []
        for gap_s, route, request in probe.calls:
            await asyncio.sleep(gap_s)
            before = len(upstream.sent)
            done = await one(route, request)
            told.append((upstream.sent[before:], done.finish, done.arm, round(loop.time(), 6)))
        return told

    try:
        return loop.run_until_complete(everything())
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


@pytest.mark.parametrize("field", PROBES)
def test_what_a_field_says_is_done(field: str) -> None:
    probe = PROBES[field]

    assert probe.before != probe.after
    assert seen(probe.before, probe) != seen(probe.after, probe)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (lambda r: r, []),
        (lambda r: of_a(r, quota=Quota(rpm=5)), ["quotas"]),
        (lambda r: replace(r, caches=(ir.Cache("exact", 60.0),)), ["caches"]),
        (lambda r: replace(r, rollout=Rollout(replicas=2)), ["replicas"]),
    ],
)
def test_what_is_not_heeded_is_told(what: Callable[[Routing], Routing], said: list[str]) -> None:
    known = {one.note.partition(":")[0] for one in UNHEEDED}

    told = [
        note.removeprefix("not heeded here, ").partition(":")[0] for note in notes(what(routing(A)))
    ]

    assert told == [name for name in said if name in known]


def test_who_is_kept_to_a_deployment_moves_only_while_it_is_out() -> None:
    pool = Pool((A, B, Target("c")), (1.0, 1.0, 2.0))
    people = [(0.0, "chat", Request(user=f"u{number}")) for number in range(40)]
    whole = routing(Chain((Rung(pool), Rung(pool))), sticky="user")
    well = seen(whole, Probe(whole, whole, calls=people))

    ill = of_a(whole, cooldown=Cooldown(600.0, 0))
    out = seen(ill, Probe(ill, ill, {"a": [Outcome(status=500)]}, people))

    by_well = [finish.served_by for _, finish, _, _ in well]
    by_out = [finish.served_by for _, finish, _, _ in out]
    assert {"a", "b", "c"} == set(by_well)
    assert all(now == before for now, before in zip(by_out, by_well, strict=True) if before != "a")
    assert "a" not in by_out


def test_a_team_asks_only_for_its_own_routes_by_its_own_names_from_its_own_region(
    tmp_path: Path,
) -> None:
    whole = two_deployments()
    [first, second] = (d.id for d in whole.deployments[:2])
    eu = Case(Condition("team.region", "eq", "eu"), Target(second))
    teams = (Team("web", routes=("mine",), region="eu", aliases=(("mine", "by-region"),)),)
    by_region = Route("by-region", Switch((eu,), Target(first)))
    whole = replace(whole, routes=(*whole.routes, by_region), teams=teams)

    async def test(running: Running) -> None:
        with closing(connect(running.state)) as db:
            key, _ = mint(db, "ci", at=datetime.now(UTC), team="web")
        url, headers = (
            f"{running.service.url}/v1/chat/completions",
            {"authorization": f"Bearer {key}"},
        )
        async with httpx.AsyncClient(headers=headers, trust_env=False) as client:
            mine = await client.post(url, json={"model": "mine", "messages": HELLO})
            other = await client.post(url, json={"model": "chat", "messages": HELLO})
        assert (mine.status_code, mine.headers["x-designer-served-by"]) == (200, second)
        assert other.status_code == 403
        assert other.json()["error"]["message"] == "team web may not ask for 'chat'"

    served(tmp_path, test, whole)


def test_a_vendors_chain_is_not_performed_twice() -> None:
    from designer.errors import UsageError

    with pytest.raises(UsageError, match="performs this configuration's chain on its own side"):
        endpoints(routing(ir.Remote(CHAIN)), CATALOG, ENV)
