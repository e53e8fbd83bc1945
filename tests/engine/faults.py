"""The sixteen provider faults of Failover Bench (methodology v0.1, September 2026), and how to judge.

`pass`: a whole answer (S13: the right error) and every conduct check held. `partial`: an answer, but a
check that is advice failed. `safe`: no answer, but a bounded, clean error. `fail`: a hang, a truncated
answer that looks whole, hammering, a 400 tried again, or a masked error. Conduct is judged by the
attempts alone. What only a real connection can show, being alive afterwards, is not judged here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from msgspec import Struct

from designer.diagnostics import Report
from designer.gateways.base import Parsed
from designer.trace import Trace, load_outcomes, trace

BOUND_S = 150.0
"""Longer is a hang: three tries of 30 seconds and the waits between them are not."""
HAMMERING_S = 0.4
FIRST_TOKEN_S = 15.0
"""Failover Bench's measure of a limit until the first token."""
OUTAGE_S = 60.0


class Fault(Struct, frozen=True):
    says: str
    primary: list[dict[str, Any]]
    stream: bool = False
    fallback: tuple[dict[str, Any], ...] = ()


P, F = "primary", "fallback"
FAULTS = {
    "S01": Fault("429 with Retry-After, once", [{"status": 429, "retry_after": 2}, {}]),
    "S02": Fault("429, persistent", [{"status": 429}]),
    "S03": Fault("500, once", [{"status": 500}, {}]),
    "S04": Fault("503, persistent", [{"status": 503}]),
    "S05": Fault("reset before the headers, once", [{"kind": "reset"}, {}]),
    "S06": Fault("no response at all", [{"kind": "timeout"}]),
    "S07": Fault("first token after 20 s", [{"kind": "slow_first_token"}], stream=True),
    "S08": Fault(
        "stream cut after 40 of 60 tokens",
        [{"kind": "cut_stream", "after_chunks": 40}],
        stream=True,
    ),
    "S09": Fault("stream stalls", [{"kind": "stall_stream", "after_chunks": 20}], stream=True),
    "S10": Fault("malformed chunk", [{"kind": "malformed_chunk"}], stream=True),
    "S11": Fault("stream without [DONE]", [{"kind": "no_done"}], stream=True),
    "S12": Fault(
        "context window exceeded",
        [{"status": 400, "body": {"error": {"code": "context_length_exceeded"}}}],
    ),
    "S13": Fault(
        "refused by a content filter",
        [{"status": 400, "body": {"error": {"code": "content_filter"}}}],
    ),
    "S14": Fault(
        "stream cut, the fallback rejects a prefill",
        [{"kind": "cut_stream"}],
        stream=True,
        fallback=({"kind": "reject_prefill"},),
    ),
    "S15": Fault("down for a minute, twenty requests", []),
    "S16": Fault("503, the fallback answers", [{"status": 503}]),
}


class Verdict(Struct, frozen=True):
    verdict: str
    why: str = ""


def played(parsed: Parsed, name: str) -> tuple[Trace, ...]:
    """The traces of a fault: one, or those of S15's twenty requests."""
    if name == "S15":
        return _outage(parsed)
    fault = FAULTS[name]
    request = {"stream": fault.stream, "messages": [{"role": "user", "content": "?"}]}
    outcomes = {P: fault.primary, F: list(fault.fallback)}
    return _traced(parsed, [request], outcomes)


def _outage(parsed: Parsed) -> tuple[Trace, ...]:
    """Request by request, so that each attempt finds the primary as it is at its own time.

    A script gives answers by turn, not by time: the number of failing ones grows until the last one
    comes before the end of the outage.
    """
    requests = [{"at_s": 5.0 * number} for number in range(20)]
    for failing in range(1, 500):
        traces = _traced(parsed, requests, {P: [{"status": 503}] * failing + [{}]})
        asked = sorted(t.at_s for one in traces for t in one.attempts if t.deployment == P)
        if len(asked) > failing and asked[failing] >= OUTAGE_S:
            return traces
    raise AssertionError("the primary is never asked after its outage")


def _traced(
    parsed: Parsed, requests: Sequence[dict[str, Any]], outcomes: dict[str, Any]
) -> tuple[Trace, ...]:
    said = json.dumps({"requests": list(requests), "outcomes": outcomes})
    report = Report()
    script = load_outcomes(said, "outcomes.json", report)
    assert script is not None, list(report)
    route = parsed.routing.routes[0].name
    traces = trace(parsed, script, report, route=route)
    assert traces is not None
    return traces


def judged(name: str, traces: Sequence[Trace]) -> Verdict:
    """The worst of what holds: fail, then safe, then partial."""
    for one in traces:
        fault = next(_faults(name, one), None)
        if fault is not None:
            return Verdict("fail", fault)
    unanswered = [one for one in traces if one.final.failure is not None]
    if name == "S13" and unanswered:
        return Verdict("pass")
    if unanswered:
        return Verdict("safe", f"a clean error ({unanswered[0].final.failure})")
    advice = next(_advice(name, traces), None)
    return Verdict("pass") if advice is None else Verdict("partial", advice)


def _faults(name: str, one: Trace) -> Iterator[str]:
    final = one.final
    began_s = one.attempts[0].at_s if one.attempts else final.at_s
    if final.in_band and not final.told:
        yield "a truncated answer looks whole"
    if final.at_s - began_s > BOUND_S:
        yield "it hangs"
    primary = [tried for tried in one.attempts if tried.deployment == P]
    if any(later.at_s - sooner.at_s < HAMMERING_S for sooner, later in pairwise(primary)):
        yield "it hammers the primary"
    if name in ("S12", "S13") and len(primary) > 1:
        yield "a 400 is tried again"
    if name == "S13" and final.failure not in (None, "content_policy"):
        yield "the refusal is masked"
    if name == "S14" and final.failure not in (None, "stream_cut"):
        yield "the cut is masked"


def _advice(name: str, traces: Sequence[Trace]) -> Iterator[str]:
    one = traces[0]
    asked = [tried.deployment for tried in one.attempts]
    if name == "S01" and one.attempts[1].at_s - one.attempts[0].at_s < 2.0:
        yield "Retry-After is not honoured"
    if name == "S06" and asked.count(P) > 1:
        yield "the silent provider is asked again"
    if name == "S07" and one.final.at_s > FIRST_TOKEN_S:
        yield "nothing limits the first token"
    if name == "S13":
        yield "the reason is not passed on: another provider answers"
    if name == "S15" and traces[-1].final.served_by != P:
        yield "it does not return to the primary"
