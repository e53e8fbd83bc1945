"""Random route trees, provider answers and requests, for laws about the engine."""

from typing import Any

from hypothesis import strategies as st
from msgspec.structs import replace

from designer.engine.events import Request, Usage
from designer.engine.outcomes import KINDS, STATUS_OF_KIND, Outcome
from designer.engine.screens import Fit, Purse, Purses, Screen, Tags, Throughput
from designer.engine.semantics import Backoff, CooldownRule, RetryAfter, Row, Semantics
from designer.gateways.reference import REFERENCE
from designer.ir import (
    ANY,
    NEVER,
    REFUSALS,
    TRANSIENT,
    Arm,
    Case,
    Chain,
    Condition,
    Cooldown,
    Deployment,
    Failures,
    Guardrail,
    Node,
    Pick,
    Pool,
    Ref,
    Remote,
    Retry,
    Route,
    Routing,
    Rung,
    Split,
    Switch,
    Target,
    failures,
)

IDS = ("a", "b", "c", "d", "e")
ROUTES = ("chat", "code", "nightly")

failure_sets: st.SearchStrategy[Failures] = st.sampled_from(
    [ANY, NEVER, TRANSIENT, ANY - REFUSALS, failures(429, 503), failures("context_length")]
)
targets = st.builds(Target, st.sampled_from(IDS))
leaves: st.SearchStrategy[Node] = targets | targets | st.builds(Ref, st.sampled_from(ROUTES))


Nodes = st.SearchStrategy[Node]

PICKS: tuple[Pick, ...] = (
    *("weighted", "round_robin", "least_busy", "cheapest", "fastest", "usage"),
)
HEEDLESS: tuple[Pick, ...] = ("weighted", "round_robin", "cheapest")
"""Those that do not ask what was answered before."""


def _pools(inner: Nodes, picks: tuple[Pick, ...] = PICKS) -> Nodes:
    def weighted(children: list[Node]) -> st.SearchStrategy[Node]:
        weights = st.just(()) | st.tuples(*[st.sampled_from([0.0, 0.5, 1.0, 3.0])] * len(children))
        windows = st.sampled_from([None, 0.5, 60.0])
        return st.builds(Pool, st.just(tuple(children)), weights, st.sampled_from(picks), windows)

    return st.lists(inner, min_size=1, max_size=3).flatmap(weighted)


def _grown(inner: Nodes, picks: tuple[Pick, ...] = PICKS) -> Nodes:
    rungs = st.lists(st.builds(Rung, inner, failure_sets), min_size=1, max_size=3).map(tuple)
    counts = st.lists(st.tuples(failure_sets, st.integers(0, 2)), max_size=1).map(tuple)
    retries = st.builds(Retry, inner, st.integers(0, 2), failure_sets, counts, st.booleans())
    tier = st.builds(Condition, st.just("metadata.tier"), st.just("eq"), st.just("gold"))
    cases = st.lists(st.builds(Case, tier, inner), min_size=1, max_size=2).map(tuple)
    return (
        st.builds(Chain, rungs, st.sampled_from(["last", "first"]))
        | _pools(inner, picks)
        | retries
        | st.builds(Switch, cases, st.none() | inner)
        | st.builds(
            lambda name, a, b, by: Split(name, (Arm("a", 0.9, a), Arm("b", 0.1, b)), by),
            st.sampled_from(["new", "newer"]),
            inner,
            inner,
            st.sampled_from(["request", "user", "metadata.tier"]),
        )
        | st.builds(Remote, inner)
    )


nodes: Nodes = st.recursive(leaves, _grown, max_leaves=6)


def _straight(picks: tuple[Pick, ...]) -> Nodes:
    """Chains and retries around a pool of deployments that is asked first, as most routes are."""
    nodes = st.recursive(leaves, lambda inner: _grown(inner, picks), max_leaves=4)

    def around(inner: Nodes) -> Nodes:
        further = st.lists(st.builds(Rung, nodes | inner, failure_sets), max_size=2)
        chains = st.builds(lambda first, rungs: Chain((Rung(first), *rungs)), inner, further)
        return chains | st.builds(Retry, inner, st.integers(0, 2), failure_sets)

    return st.recursive(_pools(targets, picks), around, max_leaves=4)


straight_nodes = _straight(PICKS)
_tried = st.builds(Retry, _pools(targets, HEEDLESS), st.integers(0, 2))
_chains = st.builds(
    Chain, st.lists(st.builds(Rung, _tried, failure_sets), min_size=2, max_size=3).map(tuple)
)
heedless_nodes = _chains | _chains | _straight(HEEDLESS)

cooldowns = st.builds(
    Cooldown, st.sampled_from([0.0, 5.0, 30.0]), st.none() | st.integers(0, 2), st.booleans()
)


@st.composite
def routings(draw: st.DrawFn, nodes: st.SearchStrategy[Node] = nodes) -> Routing:
    deployments = [
        Deployment(
            id=id_,
            provider="openai",
            model=f"model-{id_}",
            timeout_s=draw(st.sampled_from([None, 1.0, 10.0])),
            first_token_s=draw(st.sampled_from([None, 0.5, 5.0])),
            cooldown=draw(st.none() | cooldowns),
        )
        for id_ in IDS
    ]
    routes = [
        Route(
            name=name,
            node=draw(nodes),
            deadline_s=draw(st.sampled_from([None, 2.0, 20.0])),
            attempts_limit=draw(st.sampled_from([None, 1, 3])),
            mid_stream=draw(st.sampled_from(["error", "buffer"])),
            sticky=draw(st.sampled_from(["none", "none", "user", "session"])),
        )
        for name in ROUTES
    ]
    stages = st.sampled_from([frozenset({"input"}), frozenset({"output"})])
    rails = st.builds(
        Guardrail,
        name=st.just("pii"),
        kind=st.just("pii"),
        stages=stages,
        action=st.just("redact"),
        on_error=st.sampled_from(["block", "pass"]),
    )
    guardrails = tuple(draw(st.lists(rails, max_size=1)))
    return Routing(tuple(routes), tuple(deployments), guardrails)


@st.composite
def semantics(draw: st.DrawFn) -> Semantics:
    """REFERENCE, or a gateway with other habits. Every failure has a row."""
    if draw(st.booleans()):
        return REFERENCE
    rows = (
        Row("streams end in an error", phases=frozenset({"content"}), falls=False, status=200),
        Row(
            "transient",
            TRANSIENT,
            retried=True,
            waits=draw(st.booleans()),
            skips=draw(st.booleans()),
            cools=draw(st.sampled_from(["never", "now", "rate"])),
        ),
        Row("the rest", falls=draw(st.booleans())),
    )
    rule = st.builds(
        CooldownRule,
        lasts_s=st.just(10.0),
        least_requests=st.integers(1, 3),
        counts=st.sampled_from(["every", "first", "rungs"]),
        obeys_retry_after=st.booleans(),
    )
    return Semantics(
        name="some gateway",
        version="1",
        rows=rows,
        backoff=Backoff(draw(st.sampled_from([0.0, 0.5])), jitter_s=0.25),
        retry_after=draw(
            st.none() | st.just(RetryAfter(failures(429, 503), at_most_s=20.0, gives_up_above=True))
        ),
        cooldown=draw(st.none() | rule),
        reports=draw(st.sampled_from(["first", "last"])),
        waits_after_last=draw(st.booleans()),
        fixes_count_at_first=draw(st.booleans()),
        counts_overrule=draw(st.booleans()),
        tells_cooling=draw(st.booleans()),
        visits_once=draw(st.booleans()),
        sticks=draw(st.booleans()),
    )


def _delays() -> st.SearchStrategy[float]:
    return st.sampled_from([0.0, 0.1, 0.8, 3.0, 15.0])


ordinary = st.builds(
    Outcome,
    status=st.sampled_from([200, 200, 400, 401, 404, 408, 429, 500, 503, 529]),
    headers=st.sampled_from([{}, {"retry-after": "2"}, {"retry-after": "90"}]),
    delay_s=_delays(),
    first_token_s=st.none() | _delays(),
)
faults = st.builds(
    Outcome,
    kind=st.sampled_from(sorted(KINDS)),
    delay_s=_delays(),
    after_chunks=st.none() | st.integers(0, 60),
).map(lambda said: replace(said, status=STATUS_OF_KIND.get(said.kind, 200)))
answers: st.SearchStrategy[dict[str, list[Outcome]]] = st.fixed_dictionaries(
    {id_: st.lists(ordinary | faults, min_size=1, max_size=4) for id_ in IDS}
)
_good = st.builds(Outcome, delay_s=_delays(), ends_s=st.none() | _delays())
ordinary_answers: st.SearchStrategy[dict[str, list[Outcome]]] = st.fixed_dictionaries(
    {id_: st.lists(_good | _good | ordinary, min_size=1, max_size=4) for id_ in IDS}
)
"""Mostly good ones."""

requests = st.builds(
    Request,
    stream=st.booleans(),
    metadata=st.sampled_from([{}, {"tier": "gold"}, {"tier": "free", "session_id": "s1"}]),
    user=st.sampled_from(["", "u1", "u2"]),
    team=st.sampled_from([{}, {"name": "blue"}]),
)
calls: st.SearchStrategy[list[tuple[float, str, Request]]] = st.lists(
    st.tuples(st.sampled_from([0.0, 0.5, 3.0, 8.0, 40.0]), st.sampled_from(ROUTES), requests),
    min_size=1,
    max_size=5,
).map(lambda listed: sorted(listed, key=lambda call: call[0]))

verdicts: st.SearchStrategy[list[Any]] = st.lists(
    st.sampled_from(["pass", "changed", "blocked", "broken"]), min_size=1, max_size=4
)
draws = st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=20)


# --- Screens, and requests and answers that they make a difference to -----------------------------

TAGS = ("free", "paid", "default")
_some_ids = st.sets(st.sampled_from(IDS), min_size=1).map(frozenset)


def _by_id(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.dictionaries(st.sampled_from(IDS), values, max_size=4)


_tags = st.lists(st.sampled_from(TAGS), max_size=2, unique=True).map(tuple)
_purses = st.builds(
    Purse,
    name=st.sampled_from(["p", "q"]),
    deployments=_some_ids,
    limit_usd=st.sampled_from([0.0, 1.0, 3.0]),
    window_s=st.sampled_from([5.0, 60.0]),
)
screens: st.SearchStrategy[tuple[Screen, ...]] = st.tuples(
    st.just(()) | st.tuples(st.builds(Tags, st.just("drawn"), _by_id(_tags), st.booleans())),
    st.just(())
    | st.tuples(
        st.builds(
            Fit,
            source=st.just("drawn"),
            max_input_tokens=_by_id(st.sampled_from([5, 50])),
            rpm=_by_id(st.sampled_from([0, 1, 2])),
            regions=_by_id(st.sampled_from(["eu", "us"])),
            region_param=st.just("region"),
        )
    ),
    st.just(())
    | st.tuples(
        st.builds(
            Purses,
            source=st.just("drawn"),
            purses=st.lists(_purses, min_size=1, max_size=2).map(tuple),
            usd_per_token=_by_id(st.just((0.1, 0.2))),
        )
    ),
    st.just(())
    | st.tuples(
        st.builds(
            Throughput,
            source=st.just("drawn"),
            rpm=_by_id(st.sampled_from([0.0, 1.0, 2.0])),
            tpm=_by_id(st.sampled_from([5.0, 30.0])),
            spare_requests=st.integers(0, 1),
        )
    ),
).map(lambda parts: tuple(screen for part in parts for screen in part))

_asked_tags = st.lists(st.sampled_from([*TAGS, "!free", "&paid", "unknown"]), max_size=2)
particular_requests = st.builds(
    Request,
    stream=st.booleans(),
    metadata=_asked_tags.map(lambda tags: {"tags": tags}),
    params=st.sampled_from([{}, {"region": "eu"}]),
    team=st.sampled_from([{}, {}, {"name": "blue"}, {"name": "nobody"}]),
    input_tokens=st.sampled_from([None, 3, 20, 100]),
)
particular_calls: st.SearchStrategy[list[tuple[float, str, Request]]] = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.5, 3.0, 8.0, 40.0, 70.0]),
        st.sampled_from(ROUTES),
        particular_requests,
    ),
    min_size=2,
    max_size=6,
).map(lambda listed: sorted(listed, key=lambda call: call[0]))
billed_answers: st.SearchStrategy[dict[str, list[Outcome]]] = answers.map(
    lambda by_id: {
        id_: [replace(outcome, usage=Usage(10, 5)) for outcome in listed]
        for id_, listed in by_id.items()
    }
)
