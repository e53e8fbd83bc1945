"""Proofs against a plain enumeration, and what makes a counterexample a good one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from designer.engine.call import Program
from designer.engine.events import Request
from designer.verify.mishaps import mishaps
from designer.verify.opened import opened
from designer.verify.paths import explore, failing_sets, longest
from designer.verify.properties import KNOWN, Property
from tests.verify import plain

ROUTE = "chat"
SURVIVES_2 = Property("survives", 2, "2")


def _opened(program: Program) -> Program:
    return Program(opened(program.routing), program.semantics)


def _graph(program: Program):  # type: ignore[no-untyped-def]  # a Graph, short for the laws below
    ours = _opened(program)
    return explore(ours, ROUTE, Request(), mishaps(ours, stream=False))


@settings(max_examples=100)
@given(program=plain.programs())
def test_what_is_reached_is_what_enumeration_reaches(program: Program) -> None:
    assert _graph(program).reached() == plain.reached(program, ROUTE)


@settings(max_examples=100)
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


@settings(max_examples=100)
@given(program=plain.programs())
def test_a_hundred_routings_survive_what_enumeration_says(program: Program) -> None:
    _agrees(program)


@pytest.mark.slow
@settings(max_examples=1000)
@given(program=plain.programs())
def test_a_thousand_routings_survive_what_enumeration_says(program: Program) -> None:
    _agrees(program)


@given(program=plain.programs())
def test_no_set_holds_another_and_a_call_fails_in_none_smaller(program: Program) -> None:
    found = failing_sets(_graph(program), lambda _, w: bool(w.finish and w.finish.failure))

    assert not any(one < other for one in found for other in found)


def test_every_kind_of_property_is_judged() -> None:
    from designer.verify.judge import _JUDGES

    assert set(_JUDGES) == set(KNOWN)
