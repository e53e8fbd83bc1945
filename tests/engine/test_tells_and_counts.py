"""What a chain tells, which failures count against a deployment, and counts that overrule rows."""

import pytest
from msgspec.structs import replace

from designer.engine.call import Program
from designer.engine.events import Request
from designer.engine.outcomes import Outcome
from designer.engine.semantics import Backoff, CooldownRule, RetryAfter
from designer.engine.virtual import Run
from designer.engine.world import World
from designer.gateways.reference import REFERENCE
from designer.ir import (
    ANY,
    Chain,
    Cooldown,
    Deployment,
    Node,
    Ref,
    Retry,
    Route,
    Routing,
    Rung,
    Target,
    failures,
)
from tests.engine.driving import Scripted, drive, status

A, B, C = Target("a"), Target("b"), Target("c")
DOWN = {"a": [status(500)], "b": [status(503)], "c": [status(502)]}
QUIET = replace(REFERENCE, cooldown=None)


def routing(node: Node, *others: Route, cooldown: Cooldown | None = None) -> Routing:
    deployments = tuple(Deployment(i, "openai", i, cooldown=cooldown) for i in "abc")
    return Routing((Route("chat", node), *others), deployments)


def ask(
    given: Routing, answers: dict[str, list[Outcome]], semantics=QUIET, times: int = 1
) -> list[Run]:  # type: ignore[no-untyped-def]
    calls = [(float(n), "chat", Request()) for n in range(times)]
    return drive(Program(given, semantics), Scripted(answers), calls)


def asked(run: Run) -> str:
    return "".join(attempt.deployment for attempt in run.attempts)


def told(run: Run) -> int:
    assert run.finish is not None
    return run.finish.status


@pytest.mark.parametrize(("tells", "expected"), [("last", 502), ("first", 500)])
def test_a_chain_tells_its_last_failure_or_its_first(tells: str, expected: int) -> None:
    chain = Chain((Rung(A), Rung(B), Rung(C)), tells=tells)  # type: ignore[arg-type]

    [run] = ask(routing(chain), DOWN)

    assert (asked(run), told(run)) == ("abc", expected)


def test_what_a_chain_tells_decides_whether_the_one_above_goes_on() -> None:
    inner = Chain((Rung(A), Rung(B)), tells="first")
    chain = Chain((Rung(inner), Rung(C, failures(500))))

    [run] = ask(routing(chain), {"a": [status(500)], "b": [status(400)]})

    assert (asked(run), told(run)) == ("abc", 200)


def test_a_rung_for_askers_only_is_passed_over_by_a_ref() -> None:
    other = Route("other", Chain((Rung(B), Rung(C, ANY, asked_only=True))))
    through_ref = routing(Chain((Rung(A), Rung(Ref("other")))), other)

    [led] = ask(through_ref, DOWN)
    [direct] = drive(Program(through_ref, QUIET), Scripted(DOWN), [(0.0, "other", Request())])

    assert (asked(led), asked(direct)) == ("ab", "bc")


@pytest.mark.parametrize(("once", "expected"), [(True, "abc"), (False, "abcc")])
def test_a_route_may_be_visited_once_a_call_or_once_on_the_way_down(
    once: bool, expected: str
) -> None:
    second = Route("second", Chain((Rung(B), Rung(Ref("third")))))
    third = Route("third", C)
    node = Chain((Rung(A), Rung(Ref("second")), Rung(Ref("third"))))

    [run] = ask(routing(node, second, third), DOWN, replace(QUIET, visits_once=once))

    assert asked(run) == expected


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ("every", ["aab", "b", "b"]),  # the second failure of the first call was one too many
        ("first", ["aab", "ab", "b"]),
    ],
)
def test_retries_count_against_a_deployment_or_not(counts: str, expected: list[str]) -> None:
    rule = CooldownRule(counts=counts)  # type: ignore[arg-type]
    semantics = replace(REFERENCE, cooldown=rule, backoff=Backoff(0.0))
    given = routing(Chain((Rung(Retry(A, 1)), Rung(B))), cooldown=Cooldown(60.0, 1))

    runs = ask(given, {"a": [status(500)]}, semantics, times=3)

    assert [asked(run) for run in runs] == expected


def test_of_nested_rungs_only_what_comes_out_of_them_counts_each_time() -> None:
    semantics = replace(REFERENCE, cooldown=CooldownRule(counts="rungs"))
    nested = Chain((Rung(A), Rung(Chain((Rung(B), Rung(C))))))
    given = routing(nested, cooldown=Cooldown(60.0, 1))

    runs = ask(given, DOWN, semantics, times=3)

    # `c` counts twice a call, once for each chain that ends with it; `b` never, while `a` is there.
    assert [asked(run) for run in runs] == ["abc", "ab", "b"]


def test_a_count_of_its_own_can_overrule_what_is_never_retried() -> None:
    retry = Retry(A, 0, per_failure=((failures(400), 2),))

    [by_rows] = ask(routing(retry), {"a": [status(400)]})
    [overruled] = ask(
        routing(retry),
        {"a": [status(400)]},
        replace(QUIET, counts_overrule=True, fixes_count_at_first=True),
    )

    assert (asked(by_rows), asked(overruled)) == ("a", "aaa")


@pytest.mark.parametrize(("tells", "expected"), [(True, 429), (False, 503)])
def test_finding_only_cooling_ones_hides_the_failure_before_or_not(
    tells: bool, expected: int
) -> None:
    semantics = replace(REFERENCE, tells_cooling=tells)
    world = World()
    given = routing(Chain((Rung(A), Rung(B))), cooldown=Cooldown(60.0, 0))
    calls = [(0.0, "chat", Request())]
    first_down = Scripted({"a": [status(500)], "b": [status(503)]})
    drive(
        Program(replace(given, routes=(Route("chat", B),)), semantics), first_down, calls, (), world
    )

    [run] = drive(Program(given, semantics), Scripted({"a": [status(503)]}), calls, (), world)

    assert (asked(run), told(run)) == ("a", expected)


@pytest.mark.parametrize(
    ("yields", "header", "cools_s"), [(True, "9", 9), (False, "9", 4), (True, "9.5", 4)]
)
def test_a_retry_after_is_the_length_of_a_cooldown_that_yields(
    yields: bool, header: str, cools_s: float
) -> None:
    semantics = replace(REFERENCE, retry_after=RetryAfter(on=failures(429), whole_seconds=True))
    given = routing(Chain((Rung(A), Rung(B))), cooldown=Cooldown(4.0, 0, yields))
    limited = Outcome(status=429, headers={"retry-after": header})
    calls = [(float(n), "chat", Request()) for n in range(12)]

    runs = drive(Program(given, semantics), Scripted({"a": [limited, status(200)]}), calls)

    assert [asked(run) for run in runs].index("a") == cools_s


def test_the_only_deployment_of_a_route_may_have_a_rule_of_its_own() -> None:
    rule = CooldownRule(lasts_s=60.0, alone_least_requests=3)
    semantics = replace(REFERENCE, cooldown=rule)

    runs = ask(routing(A), {"a": [status(500)]}, semantics, times=4)

    assert [asked(run) for run in runs] == ["a", "a", "a", ""]


def test_a_floor_lifts_the_backoff() -> None:
    backoff = Backoff(0.5, cap_s=8.0, floor_s=3.0)

    assert [backoff.wait_s(n) for n in range(6)] == [3.0, 3.0, 3.0, 4.0, 8.0, 8.0]
