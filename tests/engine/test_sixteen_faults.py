"""The sixteen provider faults of Failover Bench (methodology v0.1, September 2026) on paper.

`pass` is a whole answer (S13: the right error), `safe` a clean error; a truncated answer that looks
whole, hammering or a repeated 400 would fail. What only a real connection can show, such as being
alive afterwards, is for the conformance tests.
"""

import json
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from designer.diagnostics import Report
from designer.engine.call import Program
from designer.engine.events import Request
from designer.engine.outcomes import Outcome
from designer.engine.virtual import Run
from designer.gateways.base import Parsed
from designer.gateways.reference import REFERENCE
from designer.ir import (
    ANY,
    REFUSALS,
    Chain,
    Cooldown,
    Deployment,
    Retry,
    Route,
    Routing,
    Rung,
    Target,
)
from designer.trace import Trace, load_outcomes, trace
from tests.engine.driving import Scripted, drive

PRIMARY = Deployment("primary", "openai", "p", timeout_s=10.0, first_token_s=10.0)
FALLBACK = replace(PRIMARY, id="fallback", model="f")
CHAT = Route(
    "chat",
    Chain((Rung(Retry(Target("primary"), 2)), Rung(Target("fallback"), ANY - REFUSALS))),
    deadline_s=60.0,
    attempts_limit=4,
)
BY_DEFAULT = Routing((CHAT,), (PRIMARY, FALLBACK))
BUFFERED = replace(BY_DEFAULT, routes=(replace(CHAT, mid_stream="buffer"),))


class Fault(Struct, frozen=True):
    primary: list[dict[str, Any]]
    stream: bool = False
    fallback: tuple[dict[str, Any], ...] = ()
    asked: tuple[str, ...] = ()
    """Which deployments a correct system asks, by default."""
    verdict: str = "pass"
    buffered: str = "pass"


P, F = "primary", "fallback"
FAULTS = {
    "S01": Fault([{"status": 429, "headers": {"retry-after": "2"}}, {}], asked=(P, P)),
    "S02": Fault([{"status": 429}], asked=(P, P, P, F)),
    "S03": Fault([{"status": 500}, {}], asked=(P, P)),
    "S04": Fault([{"status": 503}], asked=(P, P, P, F)),
    "S05": Fault([{"kind": "reset"}, {}], asked=(P, P)),
    "S06": Fault([{"kind": "timeout"}], asked=(P, F)),
    "S07": Fault([{"kind": "slow_first_token"}], stream=True, asked=(P, F)),
    "S08": Fault([{"kind": "cut_stream", "after_chunks": 40}], True, asked=(P,), verdict="safe"),
    "S09": Fault([{"kind": "stall_stream", "after_chunks": 20}], True, asked=(P,), verdict="safe"),
    "S10": Fault([{"kind": "malformed_chunk"}], True, asked=(P,)),
    "S11": Fault([{"kind": "no_done"}], True, asked=(P,)),
    "S12": Fault(
        [{"status": 400, "body": {"error": {"code": "context_length_exceeded"}}}], asked=(P, F)
    ),
    "S13": Fault([{"status": 400, "body": {"error": {"code": "content_filter"}}}], asked=(P,)),
    "S14": Fault(
        [{"kind": "cut_stream"}],
        True,
        fallback=({"kind": "reject_prefill"},),
        asked=(P,),
        verdict="safe",
    ),
    "S16": Fault([{"status": 503}], asked=(P, P, P, F)),
}


def traced(routing: Routing, fault: Fault) -> Trace:
    script = load_outcomes(
        json.dumps(
            {
                "request": {"stream": fault.stream, "messages": [{"role": "user", "content": "?"}]},
                "outcomes": {"primary": fault.primary, "fallback": list(fault.fallback)},
            }
        ),
        "outcomes.json",
        Report(),
    )
    assert script is not None
    answer = trace(Parsed("reference", routing, REFERENCE), script, Report())
    assert answer is not None
    return answer[0]


def judged(name: str, one: Trace) -> str:
    final = one.final
    if name == "S13":
        refused = final.failure == "content_policy" and len(one.attempts) == 1
        return "pass" if refused and final.status == 400 else "fail"
    if final.failure is None:
        return "pass"
    return "safe" if final.told and final.at_s <= 60.0 else "fail"


@pytest.mark.parametrize("name", FAULTS)
def test_by_default_a_stream_that_broke_off_is_safe_and_the_rest_passes(name: str) -> None:
    one = traced(BY_DEFAULT, FAULTS[name])

    assert judged(name, one) == FAULTS[name].verdict
    assert tuple(attempt.deployment for attempt in one.attempts) == FAULTS[name].asked


@pytest.mark.parametrize("name", FAULTS)
def test_everything_passes_where_streams_are_held_back(name: str) -> None:
    assert judged(name, traced(BUFFERED, FAULTS[name])) == "pass"


def test_with_the_recovery_below_they_are_thirteen_and_three() -> None:
    verdicts = [fault.verdict for fault in FAULTS.values()] + ["pass"]

    assert (verdicts.count("pass"), verdicts.count("safe")) == (13, 3)


@pytest.mark.parametrize("name", FAULTS)
def test_nobody_is_hammered(name: str) -> None:
    one = traced(BUFFERED, FAULTS[name])

    by_deployment: dict[str, list[float]] = {}
    for attempt in one.attempts:
        by_deployment.setdefault(attempt.deployment, []).append(attempt.at_s)
    for times in by_deployment.values():
        assert all(later - earlier >= 0.5 for earlier, later in zip(times, times[1:], strict=False))


def test_s01_waits_as_long_as_it_was_told() -> None:
    one = traced(BY_DEFAULT, FAULTS["S01"])

    assert [attempt.at_s for attempt in one.attempts] == [0.0, 2.0]


def test_s14_the_real_error_is_told_and_not_the_prefills() -> None:
    assert traced(BY_DEFAULT, FAULTS["S14"]).final.failure == "stream_cut"


def test_s15_the_fallback_serves_while_the_primary_is_down_and_the_primary_returns() -> None:
    cooling = replace(PRIMARY, cooldown=Cooldown(lasts_s=15.0))
    routing = replace(BY_DEFAULT, deployments=(cooling, FALLBACK))

    class DownForAMinute(Scripted):
        def answer(self, run: Run, send: Any, at: float) -> Outcome:
            is_down = send.deployment == "primary" and at < 60.0
            return Outcome(status=503 if is_down else 200)

    calls = [(5.0 * n, "chat", Request()) for n in range(20)]
    runs = drive(Program(routing, REFERENCE), DownForAMinute(), calls)

    served_by = [run.finish.served_by for run in runs if run.finish]
    assert served_by.count(None) == 0
    assert set(served_by[:12]) == {"fallback"}
    assert set(served_by[-4:]) == {"primary"}
    probes = [a.at for run in runs[:12] for a in run.attempts if a.deployment == "primary"]
    assert 2 < len(probes) < 15, "it is probed, and not with every request"


def test_s16_who_answered_is_named() -> None:
    assert traced(BY_DEFAULT, FAULTS["S16"]).final.served_by == "fallback"
