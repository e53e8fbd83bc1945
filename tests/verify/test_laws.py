"""Proofs against a plain enumeration, and what makes a counterexample a good one."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from designer.engine.call import Program
from designer.engine.events import Request
from designer.gateways.litellm.semantics import LITELLM_1_106
from designer.ir import Deployment, Pool, Retry, Route, Routing, Target
from designer.verify.alike import alike, covers
from designer.verify.judge import Judge
from designer.verify.mishaps import OUTAGE, mishaps
from designer.verify.opened import opened
from designer.verify.paths import Graph, Way, explore, failing_sets, longest
from designer.verify.properties import KNOWN, Property
from tests.verify import plain

ROUTE = "chat"
SURVIVES_2 = Property("survives", 2, "2")


def _opened(program: Program) -> Program:
    return Program(opened(program.routing), program.semantics)


def _graph(program: Program) -> Graph:
    ours = _opened(program)
    return explore(ours, ROUTE, Request(), mishaps(ours, stream=False))


@given(program=plain.programs())
def test_what_is_reached_is_what_enumeration_reaches(program: Program) -> None:
    assert _graph(program).reached() == plain.reached(program, ROUTE)


@given(program=plain.programs())
def test_no_enumerated_request_makes_more_attempts_than_the_bound(program: Program) -> None:
    bound = longest(_graph(program), lambda _, way: float(way.to >= 0)).value

    most = plain.most_attempts(program, ROUTE)

    assert most <= bound
    if program.semantics.cooldown is None:
        assert most == bound


def _agrees(program: Program) -> None:
    judge = plain.judge(program)
    route = program.routing.route(ROUTE)
    (verdict,) = [v for v in judge.verdicts([SURVIVES_2]) if v.route == route.name]

    expected = plain.smallest_failing(program, ROUTE, most=2)

    assert verdict.outcome == ("holds" if expected is None else "violated")
    if expected is not None:
        assert len(verdict.failing) == expected  # so that no smaller set would do
        assert verdict.trace is not None
        assert verdict.trace.final.failure is not None


@given(program=plain.programs())
def test_routings_survive_what_enumeration_says(program: Program) -> None:
    _agrees(program)


@given(program=plain.programs(), only=st.sets(st.sampled_from(OUTAGE), max_size=3))
def test_what_few_failures_violate_is_violated(program: Program, only: set[str]) -> None:
    whole = plain.judge(program)
    few = Judge(whole.facts, only=tuple(sorted(only)))
    properties = [
        SURVIVES_2,
        Property("attempts", 3.0, "<= 3"),
        Property("refusal", "final", "final"),
    ]

    outcomes = [v.outcome for v in whole.verdicts(properties)]

    for quick, outcome in zip(few.verdicts(properties), outcomes, strict=True):
        assert quick.outcome != "violated" or outcome == "violated"


@pytest.mark.many
@settings(max_examples=1000)
@given(program=plain.programs())
def test_a_thousand_routings_survive_what_enumeration_says(program: Program) -> None:
    _agrees(program)


@given(program=plain.programs())
def test_no_set_holds_another_and_a_call_fails_in_none_smaller(program: Program) -> None:
    found = failing_sets(_graph(program), _fails)

    assert not any(one < other for one in found for other in found)


def _fails(_: str, way: Way) -> bool:
    return way.finish is not None and way.finish.failure is not None


@pytest.mark.slow
@given(program=plain.pooled())
def test_deployments_that_stand_for_one_another_hide_no_path(program: Program) -> None:
    ours = _opened(program)
    classes = mishaps(ours, stream=False)
    all_paths = explore(ours, ROUTE, Request(), classes, known={})

    few = explore(ours, ROUTE, Request(), classes)

    assert few.reached() == all_paths.reached()
    assert _most_attempts(few) == _most_attempts(all_paths)
    ids = sorted(d.id for d in program.routing.deployments)
    ours_fail, fail = failing_sets(few, _fails), failing_sets(all_paths, _fails)
    for size in range(len(ids) + 1):
        for down in map(frozenset, combinations(ids, size)):
            may_fail = any(covers(few.alike, down, one) for one in ours_fail)
            assert may_fail == any(one <= down for one in fail), down


def _most_attempts(graph: Graph) -> float:
    return longest(graph, lambda _, way: float(way.to >= 0)).value


def test_a_pool_of_many_has_no_more_states_than_one_of_a_few() -> None:
    few, many = (
        explore(program, ROUTE, Request(), mishaps(program, stream=False))
        for program in map(_pool_of, (4, 40))
    )

    assert len(few.ways) == len(many.ways)
    assert len(many.reached()) == 40


def _pool_of(count: int) -> Program:
    deployments = tuple(Deployment(f"d{n}", "openai", f"model-{n}") for n in range(count))
    node = Retry(Pool(tuple(Target(d.id) for d in deployments)), 2)
    return Program(Routing((Route(ROUTE, node),), deployments), LITELLM_1_106)


def test_what_is_told_apart_stands_for_itself() -> None:
    routing = _pool_of(3).routing

    assert alike(routing)["d0"] == ("d0", "d1", "d2")
    assert alike(routing, apart={"d0"}) == dict.fromkeys(("d1", "d2"), ("d1", "d2"))
    assert alike(routing, told=lambda id_: id_) == {}


def test_every_kind_of_property_is_judged() -> None:
    from designer.verify.judge import _JUDGES

    assert set(_JUDGES) == set(KNOWN)
