"""What the engine does, one short story at a time, under the reference's semantics."""

from itertools import cycle
from typing import Any

import pytest
from msgspec.structs import replace

from designer.engine.call import Program, begin, step
from designer.engine.events import Began, Failed, Finish, Left, Request, Wait
from designer.engine.outcomes import Outcome
from designer.engine.semantics import Backoff, RetryAfter, Row, Semantics, Stage
from designer.engine.virtual import Run
from designer.engine.world import World
from designer.gateways.litellm.semantics import LITELLM_1_106
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
    Guardrail,
    Node,
    Pool,
    Ref,
    Remote,
    Retry,
    Route,
    Routing,
    Rung,
    Switch,
    Target,
    failures,
)
from tests.engine.driving import Scripted, drive, kind, status, tried

PLAIN, STREAM = Request(), Request(stream=True)
A, B, C = Target("a"), Target("b"), Target("c")


def routing(node: Node, others: tuple[Route, ...] = (), **limits: Any) -> Routing:
    deployments = tuple(Deployment(id_, "openai", f"model-{id_}") for id_ in "abc")
    return Routing((Route("chat", node, **limits), *others), deployments)


def with_limits(given: Routing, **fields: Any) -> Routing:
    return replace(given, deployments=tuple(replace(d, **fields) for d in given.deployments))


def chain(*children: Node, on: Any = ANY - REFUSALS) -> Chain:
    return Chain(tuple(Rung(child, on) for child in children))


def ask(
    given: Routing,
    answers: dict[str, list[Outcome]] | None = None,
    request: Request = PLAIN,
    semantics: Semantics = REFERENCE,
    **more: Any,
) -> Run:
    [run] = drive(
        Program(given, semantics), Scripted(answers or {}, **more), [(0.0, "chat", request)]
    )
    return run


def ends(run: Run) -> tuple[int, str | None, str | None]:
    assert run.finish is not None
    return run.finish.status, run.finish.served_by, run.finish.failure


# --- Retries and waits ----------------------------------------------------------------------------


def test_a_failure_that_may_pass_is_retried_after_the_backoff() -> None:
    run = ask(routing(Retry(A, 2)), {"a": [status(503), status(500), status(200)]})

    assert tried(run) == [("a", 0.0, "503"), ("a", 0.5, "500"), ("a", 1.5, "200")]
    assert ends(run) == (200, "a", None)


def test_the_backoff_stops_growing_at_its_cap() -> None:
    habits = replace(REFERENCE, backoff=Backoff(base_s=1.0, factor=10.0, cap_s=5.0))

    run = ask(routing(Retry(A, 3)), {"a": [status(503)]}, semantics=habits)

    assert [at for _, at, _ in tried(run)] == [0.0, 1.0, 6.0, 11.0]
    assert ends(run) == (503, None, "503")


def test_jitter_is_added_to_a_wait() -> None:
    run = ask(routing(Retry(A, 1)), {"a": [status(503), status(200)]}, jitter_share=1.0)

    assert [at for _, at, _ in tried(run)] == [0.0, 0.75]


def test_retry_after_takes_the_place_of_the_backoff() -> None:
    limited = status(429, headers={"Retry-After": "2"})

    run = ask(routing(Retry(A, 1)), {"a": [limited, status(200)]})

    assert tried(run) == [("a", 0.0, "429"), ("a", 2.0, "200")]


def test_a_long_retry_after_is_not_waited_for_but_fallen_back_from() -> None:
    limited = status(429, headers={"retry-after": "90"})

    run = ask(routing(chain(Retry(A, 2), B)), {"a": [limited]})

    assert tried(run) == [("a", 0.0, "429"), ("b", 0.0, "200")]


def test_retry_after_is_ignored_by_a_retry_that_does_not_honour_it() -> None:
    limited = status(429, headers={"retry-after": "2"})
    node = Retry(A, 1, honours_retry_after=False)

    run = ask(routing(node), {"a": [limited, status(200)]})

    assert [at for _, at, _ in tried(run)] == [0.0, 0.5]


def test_a_failure_has_its_own_count_where_one_is_given() -> None:
    node = Retry(A, 2, per_failure=((failures(429), 0),))

    assert len(ask(routing(node), {"a": [status(429)]}).attempts) == 1
    assert len(ask(routing(node), {"a": [status(503)]}).attempts) == 3


@pytest.mark.parametrize("code", [400, 401, 404, 413, 422])
def test_what_would_fail_again_is_not_retried(code: int) -> None:
    assert len(ask(routing(Retry(A, 3)), {"a": [status(code)]}).attempts) == 1


def test_a_silent_target_is_not_asked_a_second_time() -> None:
    given = with_limits(routing(chain(Retry(A, 2), B)), timeout_s=10.0)

    run = ask(given, {"a": [kind("timeout")]})

    assert tried(run) == [("a", 0.0, "timeout"), ("b", 10.0, "200")]


def test_a_gateway_may_sleep_after_its_last_failed_try_before_it_falls_back() -> None:
    habits = replace(REFERENCE, waits_after_last=True)

    run = ask(routing(chain(Retry(A, 1), B)), {"a": [status(503)]}, semantics=habits)

    assert tried(run) == [("a", 0.0, "503"), ("a", 0.5, "503"), ("b", 1.5, "200")]


def test_the_first_failure_may_fix_the_number_of_retries() -> None:
    node = Retry(A, 0, on=ANY, per_failure=((failures(429), 2), (failures(503), 0)))
    answers = {"a": [status(429), status(503)]}
    fixing = replace(REFERENCE, fixes_count_at_first=True)

    assert len(ask(routing(node), answers).attempts) == 2
    assert len(ask(routing(node), answers, semantics=fixing).attempts) == 3


# --- Chains ---------------------------------------------------------------------------------------


def test_a_chain_goes_on_where_retries_end() -> None:
    run = ask(routing(chain(Retry(A, 1), Retry(B, 1), C)), {"a": [status(500)], "b": [status(502)]})

    assert [d for d, _, _ in tried(run)] == ["a", "a", "b", "b", "c"]
    assert ends(run) == (200, "c", None)


def test_a_refusal_is_final() -> None:
    run = ask(routing(chain(Retry(A, 2), B)), {"a": [kind("content_policy")]})

    assert tried(run) == [("a", 0.0, "content_policy")]
    assert ends(run) == (400, None, "content_policy")


def test_a_chain_may_say_that_refusals_fall_back() -> None:
    run = ask(routing(chain(A, B, on=ANY)), {"a": [kind("content_policy")]})

    assert [d for d, _, _ in tried(run)] == ["a", "b"]


def test_a_rung_is_reached_only_by_its_own_failures() -> None:
    node = Chain((Rung(A), Rung(B, failures("context_length")), Rung(C, TRANSIENT)))

    by_length = ask(routing(node), {"a": [kind("context_length")]})
    by_outage = ask(routing(node), {"a": [status(503)]})

    assert [d for d, _, _ in tried(by_length)] == ["a", "b"]
    assert [d for d, _, _ in tried(by_outage)] == ["a", "c"]


def test_the_caller_sees_the_last_failure_or_the_first() -> None:
    answers = {"a": [status(503)], "b": [status(500)]}
    first = replace(REFERENCE, reports="first")

    assert ends(ask(routing(chain(A, B)), answers)) == (500, None, "500")
    assert ends(ask(routing(chain(A, B)), answers, semantics=first)) == (503, None, "503")


def test_a_wrong_key_is_not_shown_to_the_caller_as_his_own() -> None:
    assert ends(ask(routing(A), {"a": [status(401)]})) == (502, None, "401")


def test_a_row_that_does_not_fall_stops_a_chain() -> None:
    rows = (Row("a gateway's own exception", failures("malformed"), falls=False, status=500),)
    habits = replace(REFERENCE, rows=(*rows, *REFERENCE.rows))

    run = ask(routing(chain(A, B, on=ANY)), {"a": [kind("malformed")]}, semantics=habits)

    assert ends(run) == (500, None, "malformed")
    assert len(run.attempts) == 1


# --- Cooldowns ------------------------------------------------------------------------------------


def test_a_cooling_deployment_is_left_alone_until_its_time_is_over() -> None:
    given = with_limits(routing(chain(A, B)), cooldown=Cooldown(lasts_s=30, allowed_failures=0))
    calls = [(at, "chat", PLAIN) for at in (0.0, 10.0, 29.9, 30.0)]

    runs = drive(Program(given, REFERENCE), Scripted({"a": [status(503), status(200)]}), calls)

    assert [[d for d, _, _ in tried(run)] for run in runs] == [["a", "b"], ["b"], ["b"], ["a"]]


def test_failures_are_tolerated_up_to_the_number_that_is_allowed() -> None:
    given = with_limits(routing(chain(A, B)), cooldown=Cooldown(lasts_s=30, allowed_failures=2))
    calls = [(float(at), "chat", PLAIN) for at in range(5)]

    runs = drive(Program(given, REFERENCE), Scripted({"a": [status(503)]}), calls)

    assert [len(run.attempts) for run in runs] == [2, 2, 2, 1, 1]


def test_more_than_half_of_at_least_five_requests_must_fail_where_no_number_is_given() -> None:
    calls = [(float(at), "chat", PLAIN) for at in range(8)]

    runs = drive(Program(routing(chain(A, B)), REFERENCE), Scripted({"a": [status(503)]}), calls)

    assert [len(run.attempts) for run in runs] == [2, 2, 2, 2, 2, 1, 1, 1]


def test_with_everything_cooling_nothing_is_asked_and_the_caller_is_told_to_come_later() -> None:
    given = with_limits(routing(chain(A, B)), cooldown=Cooldown(lasts_s=30, allowed_failures=0))
    answers = {"a": [status(503)], "b": [status(503)]}

    _, second = drive(
        Program(given, REFERENCE), Scripted(answers), [(0.0, "chat", PLAIN), (1.0, "chat", PLAIN)]
    )

    assert tried(second) == []
    assert ends(second) == (429, None, "cooling")


def test_a_pool_leaves_out_what_cools() -> None:
    given = with_limits(routing(Pool((A, B))), cooldown=Cooldown(lasts_s=30, allowed_failures=0))
    calls = [(0.0, "chat", PLAIN), (1.0, "chat", PLAIN)]

    first, second = drive(
        Program(given, REFERENCE), Scripted({"a": [status(503)]}), calls, draws=[0.1]
    )

    assert [d for d, _, _ in tried(first)] == ["a"]
    assert [d for d, _, _ in tried(second)] == ["b"]  # and takes no draw


def test_a_gateway_without_health_asks_again_and_again() -> None:
    given = with_limits(routing(chain(A, B)), cooldown=Cooldown(lasts_s=30, allowed_failures=0))
    calls = [(float(at), "chat", PLAIN) for at in range(3)]

    runs = drive(
        Program(given, replace(REFERENCE, cooldown=None)), Scripted({"a": [status(503)]}), calls
    )

    assert [len(run.attempts) for run in runs] == [2, 2, 2]


def test_a_rate_limited_deployment_cools_as_long_as_it_asks_for() -> None:
    given = with_limits(routing(chain(A, B)), cooldown=Cooldown(lasts_s=30, allowed_failures=0))
    limited = status(429, headers={"retry-after": "4"})
    calls = [(at, "chat", PLAIN) for at in (0.0, 3.9, 4.0)]

    runs = drive(Program(given, REFERENCE), Scripted({"a": [limited, status(200)]}), calls)

    assert [run.attempts[0].deployment for run in runs] == ["a", "b", "a"]


# --- Pools ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("draw", "picked"), [(0.0, "a"), (0.69, "a"), (0.7, "b"), (0.89, "b"), (0.9, "c"), (0.999, "c")]
)
def test_a_weighted_pick_takes_the_first_whose_cumulative_share_exceeds_the_draw(
    draw: float, picked: str
) -> None:
    given = routing(Pool((A, B, C), weights=(7, 2, 1)))

    [run] = drive(Program(given, REFERENCE), Scripted(), [(0.0, "chat", PLAIN)], draws=[draw])

    assert tried(run) == [(picked, 0.0, "200")]


def test_a_weight_of_zero_is_never_picked() -> None:
    given = routing(Pool((A, B), weights=(0, 1)))

    [run] = drive(Program(given, REFERENCE), Scripted(), [(0.0, "chat", PLAIN)], draws=[0.0])

    assert tried(run) == [("b", 0.0, "200")]


def test_one_candidate_takes_no_draw() -> None:
    assert tried(ask(routing(Pool((A,))))) == [("a", 0.0, "200")]


def test_a_retry_may_leave_out_the_deployment_that_failed() -> None:
    rows = (Row("skips", TRANSIENT, retried=True, waits=False, skips=True),)
    habits = replace(REFERENCE, rows=(*rows, *REFERENCE.rows))
    given = routing(Retry(Pool((A, B)), 1))

    [run] = drive(
        Program(given, habits),
        Scripted({"a": [status(503)]}),
        [(0.0, "chat", PLAIN)],
        draws=[0.1],
    )

    assert [d for d, _, _ in tried(run)] == ["a", "b"]


def test_round_robin_takes_turns() -> None:
    given = routing(Pool((A, B, C), pick="round_robin"))

    runs = drive(
        Program(given, REFERENCE), Scripted(), [(float(at), "chat", PLAIN) for at in range(4)]
    )

    assert [run.attempts[0].deployment for run in runs] == ["a", "b", "c", "a"]


def test_the_least_busy_is_the_one_with_the_fewest_requests_in_flight() -> None:
    given = routing(Pool((A, B), pick="least_busy"))
    slow = {"a": [Outcome(delay_s=10.0)], "b": [Outcome(delay_s=10.0)]}

    runs = drive(
        Program(given, REFERENCE), Scripted(slow), [(float(at), "chat", PLAIN) for at in range(3)]
    )

    assert [run.attempts[0].deployment for run in runs] == ["a", "b", "a"]


def test_the_fastest_is_picked_once_each_has_been_measured() -> None:
    given = routing(Pool((A, B), pick="fastest"))
    answers = {"a": [Outcome(delay_s=2.0)], "b": [Outcome(delay_s=1.0)]}

    runs = drive(
        Program(given, REFERENCE),
        Scripted(answers),
        [(at, "chat", PLAIN) for at in (0.0, 10.0, 20.0, 30.0)],
    )

    assert [run.attempts[0].deployment for run in runs] == ["a", "b", "b", "b"]


# --- What is in flight ----------------------------------------------------------------------------


def together(node: Node, *at_s: float, semantics: Semantics = REFERENCE, **slots: int) -> list[Run]:
    """Calls at these times, where every answer takes ten seconds."""
    slow = {id_: [Outcome(delay_s=10.0)] for id_ in "abc"}
    program = Program(routing(node), replace(semantics, slots=slots))
    return drive(program, Scripted(slow), [(at, "chat", PLAIN) for at in at_s])


def test_who_comes_to_a_full_deployment_is_refused_and_nobody_is_asked() -> None:
    first, second, third = together(A, 0.0, 1.0, 11.0, a=1)

    assert ends(first) == ends(third) == (200, "a", None)
    assert ends(second) == (429, None, "429")
    assert not second.attempts
    assert second.ended_at == 1.0


def test_a_full_deployment_leads_on_as_a_429_does() -> None:
    _, second = together(chain(A, B, on=failures(429)), 0.0, 1.0, a=1)

    assert tried(second) == [("b", 1.0, "200")]


def test_a_full_deployment_is_asked_again_after_the_backoff() -> None:
    patient = replace(REFERENCE, backoff=Backoff(base_s=9.5, cap_s=9.5))

    _, second = together(Retry(A, 1), 0.0, 1.0, a=1, semantics=patient)

    assert tried(second) == [("a", 10.5, "200")]


def test_a_failed_attempt_leaves_its_slot_before_the_next_try() -> None:
    at_once = replace(REFERENCE, backoff=Backoff(base_s=0.0), slots={"a": 1})

    run = ask(routing(Retry(A, 1)), {"a": [status(503), status(200)]}, semantics=at_once)

    assert [outcome for _, _, outcome in tried(run)] == ["503", "200"]


def test_being_full_cools_a_deployment_only_where_it_came_out_of_a_further_rung() -> None:
    """Measured, LiteLLM 1.106.2, 2026-11-24."""
    slow = {"a": [status(500)], "b": [Outcome(delay_s=2.0)], "c": [Outcome()]}
    either = Pool((B, C), pick="cheapest")
    fallback = Route("first", chain(A, Ref("either"), on=ANY))
    given = Routing(
        (fallback, Route("either", either)),
        tuple(Deployment(id_, "openai", f"model-{id_}") for id_ in "abc"),
    )
    program = Program(given, replace(LITELLM_1_106, slots={"b": 1}))

    def third(second: str) -> str:
        calls = [(0.0, "either", PLAIN), (0.5, second, PLAIN), (4.0, "either", PLAIN)]
        return drive(program, Scripted(slow), calls)[2].attempts[0].deployment

    assert third("either") == "b"
    assert third("first") == "c"


# --- Limits of the whole call ---------------------------------------------------------------------


def test_the_deadline_cuts_an_attempt_short() -> None:
    run = ask(routing(chain(A, B), deadline_s=5.0), {"a": [Outcome(delay_s=60.0)]})

    assert tried(run) == [("a", 0.0, "timeout")]
    assert ends(run) == (504, None, "timeout")
    assert run.took_s == 5.0


def test_a_wait_that_would_end_after_the_deadline_is_not_begun_but_another_rung_is() -> None:
    limited = status(429, headers={"retry-after": "8"})

    run = ask(routing(chain(Retry(A, 1), B), deadline_s=5.0), {"a": [limited]})

    assert tried(run) == [("a", 0.0, "429"), ("b", 0.0, "200")]


def test_jitter_does_not_carry_a_wait_over_the_deadline() -> None:
    given = routing(Retry(A, 1), deadline_s=0.6)

    run = ask(given, {"a": [status(503)]}, jitter_share=1.0)

    assert run.took_s == pytest.approx(0.6)


def test_a_stream_is_cut_off_at_the_deadline() -> None:
    run = ask(routing(A, deadline_s=5.0), {"a": [Outcome(ends_s=60.0)]}, STREAM)

    assert run.finish == Finish(200, "a", "deadline", in_band=True)
    assert run.took_s == 5.0


def test_attempts_are_limited_and_the_caller_sees_why_the_last_one_failed() -> None:
    run = ask(routing(chain(Retry(A, 5), B), attempts_limit=3), {"a": [status(503)]})

    assert [d for d, _, _ in tried(run)] == ["a", "a", "a"]
    assert ends(run) == (503, None, "503")


# --- Refs, switches, remotes ----------------------------------------------------------------------


def test_a_ref_leads_to_another_route_under_the_limits_of_the_one_that_was_asked() -> None:
    other = Route("spare", chain(B, C), attempts_limit=1)

    run = ask(routing(chain(A, Ref("spare")), (other,)), {"a": [status(503)], "b": [status(503)]})

    assert [d for d, _, _ in tried(run)] == ["a", "b", "c"]
    assert ends(run) == (200, "c", None)


def test_a_cycle_of_refs_ends() -> None:
    given = routing(chain(A, Ref("spare")), (Route("spare", chain(B, Ref("chat"))),))

    run = ask(given, {"a": [status(503)], "b": [status(500)]})

    assert [d for d, _, _ in tried(run)] == ["a", "b"]
    assert ends(run) == (500, None, "500")


def test_refs_go_no_deeper_than_the_gateway_allows() -> None:
    others = tuple(Route(f"r{n}", chain(B, Ref(f"r{n + 1}"))) for n in range(9))
    given = routing(chain(A, Ref("r0")), others)

    run = ask(given, {"a": [status(503)], "b": [status(503)]})

    assert len(run.attempts) == 1 + REFERENCE.depth


def test_a_switch_takes_the_first_case_that_holds() -> None:
    gold = Case(Condition("metadata.tier", "eq", "gold"), A)
    given = routing(Switch((gold, Case(Condition("params.n", "gt", 1), B)), otherwise=C))

    runs = [
        ask(given, request=request)
        for request in (
            Request(metadata={"tier": "gold"}, params={"n": 2}),
            Request(params={"n": 2}),
            PLAIN,
        )
    ]

    assert [run.attempts[0].deployment for run in runs] == ["a", "b", "c"]


def test_a_switch_without_a_matching_case_has_no_route() -> None:
    given = routing(Switch((Case(Condition("task", "eq", "code"), A),)))

    assert ends(ask(given)) == (400, None, "no_route")


def test_a_remote_subtree_is_performed_like_any_other() -> None:
    run = ask(routing(Remote(chain(A, B))), {"a": [status(503)]})

    assert [d for d, _, _ in tried(run)] == ["a", "b"]


def test_an_unknown_route_is_answered_and_nothing_is_asked() -> None:
    [run] = drive(Program(routing(A), REFERENCE), Scripted(), [(0.0, "chta", PLAIN)])

    assert tried(run) == []
    assert ends(run) == (400, None, "no_route")


def test_an_alias_is_another_name_of_a_route() -> None:
    given = replace(routing(A), aliases=(("gpt-4", "chat"),))

    [run] = drive(Program(given, REFERENCE), Scripted(), [(0.0, "gpt-4", PLAIN)])

    assert ends(run) == (200, "a", None)


# --- Streams --------------------------------------------------------------------------------------


def test_a_stream_that_fails_before_its_headers_is_retried_like_any_request() -> None:
    run = ask(routing(Retry(A, 1)), {"a": [status(503), status(200)]}, STREAM)

    assert tried(run) == [("a", 0.0, "503"), ("a", 0.5, "200")]


def test_a_stream_that_stays_silent_after_its_headers_falls_back() -> None:
    given = with_limits(routing(chain(A, B)), first_token_s=5.0)

    run = ask(given, {"a": [kind("slow_first_token")]}, STREAM)

    assert tried(run) == [("a", 0.0, "first_token"), ("b", 5.0, "200")]


def test_a_stream_that_breaks_before_any_content_falls_back() -> None:
    run = ask(routing(chain(A, B)), {"a": [kind("cut_stream", after_chunks=0)]}, STREAM)

    assert [d for d, _, _ in tried(run)] == ["a", "b"]


def test_a_stream_that_breaks_after_content_ends_in_an_error_inside_the_answer() -> None:
    run = ask(routing(chain(Retry(A, 2), B)), {"a": [kind("cut_stream")]}, STREAM)

    assert tried(run) == [("a", 0.0, "stream_cut")]
    assert run.finish == Finish(200, "a", "stream_cut", in_band=True)


def test_a_stream_that_is_held_back_may_be_started_again_elsewhere() -> None:
    given = routing(chain(A, B), mid_stream="buffer")

    run = ask(given, {"a": [kind("cut_stream", ends_s=3.0)]}, STREAM)

    assert [d for d, _, _ in tried(run)] == ["a", "b"]
    assert run.finish == Finish(200, "b")


def test_a_stream_that_stalls_is_noticed_after_the_longest_silence_allowed() -> None:
    given = with_limits(routing(A), first_token_s=5.0)

    run = ask(given, {"a": [kind("stall_stream", first_token_s=1.0)]}, STREAM)

    assert tried(run) == [("a", 0.0, "stream_stall")]
    assert run.took_s == 6.0


def test_a_gateway_may_end_a_broken_stream_without_a_word() -> None:
    rows = (Row("clean end", failures("stream_cut"), silent=True, falls=False, status=200),)
    habits = replace(REFERENCE, rows=(*rows, *REFERENCE.rows))

    run = ask(routing(A), {"a": [kind("cut_stream")]}, STREAM, habits)

    assert run.finish == Finish(200, "a", "stream_cut", in_band=True, told=False)
    assert not run.is_served


# --- The pipeline ---------------------------------------------------------------------------------


def railed(node: Node, *stages: Any, on_error: Any = "block", **limits: Any) -> Routing:
    rail = Guardrail("pii", "pii", frozenset(stages), "redact", on_error=on_error)
    return replace(routing(node, **limits), guardrails=(rail,))


def test_what_passes_its_guardrails_goes_through() -> None:
    around = Scripted(verdicts=iter(["changed", "pass"]))

    [run] = drive(Program(railed(A, "input", "output"), REFERENCE), around, [(0.0, "chat", PLAIN)])

    assert [ask.stage for ask in around.inspected] == ["input", "output"]
    assert ends(run) == (200, "a", None)


def test_a_blocked_request_reaches_no_provider() -> None:
    run = ask(railed(A, "input"), verdicts=iter(["blocked"]))

    assert tried(run) == []
    assert ends(run) == (400, None, "guardrail")


def test_a_broken_guardrail_blocks() -> None:
    run = ask(railed(A, "input"), verdicts=iter(["broken"]))

    assert tried(run) == []
    assert ends(run) == (400, None, "guardrail")


def test_a_broken_guardrail_lets_pass_only_where_that_was_asked_for() -> None:
    run = ask(railed(A, "input", on_error="pass"), verdicts=iter(["broken"]))

    assert ends(run) == (200, "a", None)


def test_a_blocked_answer_is_an_error_although_a_provider_answered() -> None:
    run = ask(railed(A, "output"), verdicts=iter(["blocked"]))

    assert ends(run) == (400, "a", "guardrail")


def test_a_blocked_stream_whose_content_went_out_ends_in_an_error_inside_the_answer() -> None:
    run = ask(railed(A, "output"), request=STREAM, verdicts=iter(["blocked"]))

    assert run.finish == Finish(200, "a", "guardrail", in_band=True)


def test_a_blocked_stream_that_was_held_back_is_an_error_with_a_status() -> None:
    run = ask(railed(A, "output", mid_stream="buffer"), request=STREAM, verdicts=iter(["blocked"]))

    assert run.finish == Finish(400, "a", "guardrail")


def test_a_guardrail_of_another_route_is_not_asked() -> None:
    rail = Guardrail("pii", "pii", frozenset({"input"}), "redact", routes=("code",))
    given = replace(routing(A), guardrails=(rail,))

    assert ends(ask(given, verdicts=iter([]))) == (200, "a", None)


STAGES: tuple[Stage, ...] = ("reserve", "guard_in", "cache", "route", "guard_out", "settle")


@pytest.mark.parametrize(("refused", "code"), [("budget", 402), ("limit", 429)])
def test_without_room_in_a_budget_or_limit_nothing_is_asked(refused: str, code: int) -> None:
    habits = replace(REFERENCE, stages=STAGES)

    run = ask(routing(A), semantics=habits, refuses=refused)

    assert tried(run) == []
    assert ends(run) == (code, None, refused)


def test_an_answer_from_the_cache_asks_no_provider() -> None:
    run = ask(routing(A), semantics=replace(REFERENCE, stages=STAGES), has_cached=True)

    assert tried(run) == []
    assert ends(run) == (200, None, None)


# --- The World ------------------------------------------------------------------------------------


def test_calls_at_the_same_time_share_one_world() -> None:
    given = with_limits(routing(chain(A, B)), cooldown=Cooldown(lasts_s=30, allowed_failures=0))
    late = {"a": [Outcome(status=503, delay_s=1.0)]}
    calls = [(at, "chat", PLAIN) for at in (0.0, 0.5, 1.2)]

    runs = drive(Program(given, REFERENCE), Scripted(late), calls)

    assert [[d for d, _, _ in tried(run)] for run in runs] == [["a", "b"], ["a", "b"], ["b"]]


def test_a_world_may_outlive_a_drive() -> None:
    given = with_limits(routing(chain(A, B)), cooldown=Cooldown(lasts_s=30, allowed_failures=0))
    program, world = Program(given, REFERENCE), World()
    drive(program, Scripted({"a": [status(503)]}), [(0.0, "chat", PLAIN)], world=world)

    [run] = drive(program, Scripted(), [(1.0, "chat", PLAIN)], world=world)

    assert [d for d, _, _ in tried(run)] == ["b"]


def test_a_retry_after_rule_may_leave_headers_unread() -> None:
    habits = replace(REFERENCE, retry_after=RetryAfter(failures(503)))
    limited = status(429, headers={"retry-after": "2"})

    run = ask(routing(Retry(A, 1)), {"a": [limited, status(200)]}, semantics=habits)

    assert [at for _, at, _ in tried(run)] == [0.0, 0.5]


def test_verdicts_of_several_guardrails_all_have_to_pass() -> None:
    rails = tuple(
        Guardrail(name, "deny", frozenset({"input"}), "block") for name in ("one", "two", "three")
    )
    around = Scripted(verdicts=cycle(["pass", "blocked"]))

    [run] = drive(
        Program(replace(routing(A), guardrails=rails), REFERENCE), around, [(0.0, "chat", PLAIN)]
    )

    assert [ask.guardrail.name for ask in around.inspected] == ["one", "two"]
    assert ends(run) == (400, None, "guardrail")


def test_a_client_that_leaves_during_a_wait_takes_nothing_out_of_flight_a_second_time() -> None:
    program, world, none = Program(routing(Retry(A, 1)), REFERENCE), World(), iter(())
    call, _, effects = step(program, begin("chat", PLAIN), Began(0.0), world, none)
    world.apply(effects)
    call, command, effects = step(program, call, Failed(0.1, "503", 503), world, none)
    world.apply(effects)
    assert isinstance(command, Wait)

    _, command, effects = step(program, call, Left(0.2), world, none)
    world.apply(effects)

    assert command == Finish(499, failure="client_left")
    assert world.in_flight("a") == 0


def test_a_client_that_leaves_while_a_provider_answers_frees_its_place() -> None:
    program, world, none = Program(routing(A), REFERENCE), World(), iter(())
    call, _, effects = step(program, begin("chat", PLAIN), Began(0.0), world, none)
    world.apply(effects)
    assert world.in_flight("a") == 1

    _, _, effects = step(program, call, Left(0.2), world, none)
    world.apply(effects)

    assert world.in_flight("a") == 0
