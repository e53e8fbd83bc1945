"""Which deployments a request is kept from, and what becomes of one that all are barred to."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from designer.engine.call import Program
from designer.engine.events import Counted, Request, Usage
from designer.engine.outcomes import Outcome
from designer.engine.screens import (
    Fit,
    Purse,
    Purses,
    Screen,
    Tags,
    Throughput,
    answered,
    screened,
    sent,
)
from designer.engine.virtual import Run
from designer.engine.world import World
from designer.gateways.reference import REFERENCE
from designer.ir import (
    COOLING,
    Chain,
    Deployment,
    Node,
    Pool,
    Ref,
    Retry,
    Route,
    Routing,
    Rung,
    Target,
    failures,
)
from tests.engine.driving import Scripted, drive, status

IDS = ("a", "b", "c")
ROOM = Fit("", {}, {}, {}, "region")
TAGGED = Tags("", {"a": ("free",), "b": ("paid", "eu"), "c": ("default",)})

tags = st.lists(st.sampled_from(["free", "paid", "eu", "x", "!free", "&eu", "!", "&"]), max_size=3)


def asking(*of: str, **more: Any) -> Request:
    return Request(metadata={"tags": list(of)}, **more)


def left(screen: Screen, request: Request, world: World | None = None, at: float = 0.0) -> Any:
    return screened(screen, IDS, IDS, request, world or World(), at)


# --- One screen -----------------------------------------------------------------------------------


@given(tags, st.dictionaries(st.sampled_from(IDS), tags.map(tuple)), st.booleans())
def test_tags_leave_some_in_listed_order_or_say_so(
    asked: list[str], given_tags: dict[str, tuple[str, ...]], any_of: bool
) -> None:
    found = left(Tags("", given_tags, any_of), asking(*asked))

    assert found == "untagged" or (found and list(found) == [i for i in IDS if i in found])


@given(tags)
def test_nobody_with_an_unwanted_tag_is_left(asked: list[str]) -> None:
    found = left(TAGGED, asking(*asked, "!free"))

    assert found == "untagged" or "a" not in found


@pytest.mark.parametrize(
    ("asked", "stay"),
    [
        (["paid"], ("b",)),
        (["paid", "free"], ("a", "b")),
        (["x"], ("c",)),
        ([], ("c",)),
        (["!free"], ("c",)),
        (["!default"], "untagged"),
        (["&eu"], ("b",)),
        (["&eu", "free"], "untagged"),
        (["&us"], "untagged"),
    ],
)
def test_tags_choose(asked: list[str], stay: Any) -> None:
    assert left(TAGGED, asking(*asked)) == stay


def test_a_known_tag_whose_deployments_are_away_is_not_served_by_the_default() -> None:
    assert screened(TAGGED, ("a", "c"), IDS, asking("paid"), World(), 0.0) == "untagged"


def test_all_of_the_tags_may_be_wanted() -> None:
    strict = replace(TAGGED, any_of=False)

    assert left(strict, asking("paid", "eu")) == ("b",)
    assert left(strict, asking("paid", "free")) == "untagged"


def test_tags_of_other_routes_say_nothing_here() -> None:
    assert left(Tags("", {"elsewhere": ("paid",)}), asking("paid")) == IDS


def test_a_prompt_has_to_fit() -> None:
    small = replace(ROOM, max_input_tokens={"a": 10, "b": 20})

    assert left(small, Request(input_tokens=15)) == ("b", "c")
    assert screened(small, "ab", "ab", Request(input_tokens=25), World(), 0.0) == "context_length"
    assert left(small, Request()) == IDS


def test_a_region_asked_for_leaves_out_who_names_none() -> None:
    regions = replace(ROOM, regions={"a": "eu", "b": "us"})

    assert left(regions, Request(params={"region": "eu"})) == ("a",)
    assert left(regions, Request(params={"region": "ch"})) == "barred"
    assert left(regions, Request()) == IDS


def test_being_busy_is_told_before_being_too_small() -> None:
    world = World()
    fit = Fit("", {"a": 10}, {"b": 1}, {}, "region")

    world.apply(sent((fit,), "b", 0.0))

    assert screened(fit, "ab", "ab", Request(input_tokens=15), world, 1.0) == "barred"
    assert screened(fit, "ab", "ab", Request(input_tokens=15), world, 61.0) == ("b",)


@given(st.lists(st.floats(0, 100), max_size=8), st.integers(1, 5))
def test_a_rate_lets_so_many_pass_and_no_more(gaps: list[float], rpm: int) -> None:
    world, at, passed = World(), 0.0, []
    fit = replace(ROOM, rpm={"a": rpm})
    for gap in gaps:
        at += gap
        if screened(fit, ("a",), ("a",), Request(), world, at) == ("a",):
            passed.append(at)
            world.apply(sent((fit,), "a", at))

    began, count = float("-inf"), 0
    for moment in passed:
        began, count = (moment, 0) if moment >= began + 60 else (began, count)
        count += 1
        assert count <= rpm


def test_money_is_spent_by_answers_and_comes_back() -> None:
    purse = Purse("p", frozenset({"a", "b"}), limit_usd=0.03, window_s=100.0)
    purses = Purses("", (purse,), {"a": (0.001, 0.002)})
    world = World()

    world.apply(answered((purses,), "a", Usage(10, 5), 5.0))
    assert left(purses, Request(), world, 6.0) == IDS
    world.apply(answered((purses,), "a", Usage(10, 5), 7.0))

    assert left(purses, Request(), world, 8.0) == ("c",)
    assert left(purses, Request(), world, 105.0) == IDS
    assert answered((purses,), "c", Usage(10, 5), 5.0) == ()


def test_throughput_stops_short_of_its_requests_and_at_its_tokens() -> None:
    room = Throughput("", rpm={"a": 2, "b": 1}, tpm={"c": 100}, spare_requests=1)
    world = World()
    assert left(room, Request(input_tokens=100), world) == IDS
    assert left(room, Request(input_tokens=101), world) == ("a", "b")

    for id_ in IDS:
        world.apply(sent((room,), id_, 0.0))

    assert left(room, Request(), world, 1.0) == ("c",)


def test_what_nobody_limits_is_not_counted() -> None:
    assert sent((replace(ROOM, rpm={"a": 1}),), "b", 0.0) == ()
    assert sent((replace(ROOM, rpm={"a": 1}),), "a", 3.0) == (Counted("requests a", 3.0, 1, 60.0),)


# --- In a call ------------------------------------------------------------------------------------


def ask(
    node: Node,
    screens: tuple[Screen, ...],
    request: Request,
    answers: dict[str, Sequence[Outcome]] | None = None,
    *others: Route,
) -> Run:
    deployments = tuple(Deployment(i, "openai", i) for i in IDS)
    routing = Routing((Route("chat", node), *others), deployments)
    semantics = replace(REFERENCE, cooldown=None, screens=screens, tells_cooling=True)
    around = Scripted(answers or {})
    (run,) = drive(Program(routing, semantics), around, [(0.0, "chat", request)], [0.0] * 9)
    return run


def asked(run: Run) -> list[str]:
    return [attempt.deployment for attempt in run.attempts]


def ended(run: Run) -> tuple[int, str | None]:
    assert run.finish is not None
    return run.finish.status, run.finish.failure


TARGETS = tuple(Target(id_) for id_ in IDS)


def test_a_pool_picks_among_those_that_are_left() -> None:
    assert asked(ask(Pool(TARGETS), (TAGGED,), asking("paid"))) == ["b"]


def test_a_barred_target_is_stood_in_for_as_a_cooling_one_is() -> None:
    levels = Chain((Rung(TARGETS[0]), Rung(TARGETS[1], COOLING)))

    assert asked(ask(levels, (TAGGED,), asking("paid"))) == ["b"]


def test_with_nobody_left_nothing_is_asked_and_no_stand_in_helps() -> None:
    levels = Chain((Rung(TARGETS[0]), Rung(TARGETS[1], COOLING)))

    run = ask(levels, (TAGGED,), asking("&us"))

    assert (asked(run), ended(run)) == ([], (401, "untagged"))


def test_a_chain_may_catch_that_nobody_is_left() -> None:
    chain = Chain((Rung(Pool(TARGETS[:2])), Rung(Ref("other"), failures("context_length"))))
    small = replace(ROOM, max_input_tokens={"a": 1, "b": 1})

    run = ask(chain, (small,), Request(input_tokens=2), None, Route("other", TARGETS[2]))

    assert (asked(run), ended(run)) == (["c"], (200, None))


def test_that_the_last_fallback_had_nobody_is_told_in_place_of_the_first_failure() -> None:
    chain = Chain((Rung(TARGETS[1]), Rung(Ref("other"))), tells="first")
    other = Route("other", TARGETS[0])

    run = ask(chain, (TAGGED,), asking("paid"), {"b": [status(503)]}, other)

    assert (asked(run), ended(run)) == (["b"], (401, "untagged"))


def test_a_retry_is_screened_again() -> None:
    busy = replace(ROOM, rpm={"a": 1})

    run = ask(Retry(TARGETS[0], 2), (busy,), Request(), {"a": [status(503)]})

    assert (asked(run), ended(run)) == (["a"], (429, "barred"))


def test_throughput_screens_the_pick_and_not_the_route() -> None:
    levels = Chain((Rung(TARGETS[0]), Rung(TARGETS[1], COOLING)))
    full = Throughput("", rpm={}, tpm={"a": 1})

    assert ended(ask(levels, (full,), Request(input_tokens=2))) == (429, "barred")


@given(tags)
def test_screens_that_bar_nobody_change_nothing(asked_tags: list[str]) -> None:
    node = Retry(Pool(TARGETS), 2)
    answers = {"a": [status(503)], "b": [status(429)]}
    open_ = (ROOM, Tags("", {"elsewhere": ("x",)}), Purses("", (), {}), Throughput("", {}, {}))

    plain = ask(node, (), asking(*asked_tags), answers)
    behind = ask(node, open_, asking(*asked_tags), answers)

    assert (plain.attempts, plain.finish) == (behind.attempts, behind.finish)
