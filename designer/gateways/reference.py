"""The behaviour that a careful engineer would want: what the runtime does, and no gateway's own.

Each row says why. Where a row speaks of a scenario (S01 …) it is one of the sixteen provider faults
of Failover Bench, methodology v0.1, September 2026.
"""

from designer.engine.semantics import Backoff, CooldownRule, RetryAfter, Row, Semantics
from designer.ir import ANY, failures

_OWN = "design decision"
_CALLERS_FAULT = failures(400, 402, 405, 406, 409, 410, 411, 413, 414, 415, 422)

REFERENCE = Semantics(
    name="reference",
    version="1",
    rows=(
        Row(
            f"{_OWN}: the caller has part of an answer; another one behind it would be wrong (S08)",
            phases=frozenset({"content"}),
            cools="rate",
            falls=False,
            status=200,
        ),
        Row(
            f"{_OWN}: a refusal is final unless the chain says otherwise (S13)",
            failures("content_policy", "guardrail"),
        ),
        Row(f"{_OWN}: only a larger model helps (S12)", failures("context_length")),
        Row(f"{_OWN}: only another model may take it (S14)", failures("reject_prefill")),
        Row(f"{_OWN}: the request itself is at fault, it fails everywhere", _CALLERS_FAULT),
        Row(
            f"{_OWN}: wrong key or model: no retry helps, and the next request need not ask",
            failures(401, 403, 404),
            cools="now",
            status=502,
        ),
        Row(
            f"{_OWN}: a silent target is not asked again (S06, S09)",
            failures("timeout", "first_token", 408, "stream_stall"),
            cools="rate",
            status=504,
        ),
        Row(
            f"{_OWN}: back off, then elsewhere (S01, S02)",
            failures(429),
            retried=True,
            cools="rate",
        ),
        Row(
            f"{_OWN}: may be gone in a moment (S03, S04, S05, S10)",
            failures(500, 502, 503, 504, 529, "connect", "reset", "malformed", "empty")
            | failures("stream_cut", "stream_error"),
            retried=True,
            cools="rate",
        ),
        Row(f"{_OWN}: unknown failures are not repeated", ANY),
    ),
    backoff=Backoff(base_s=0.5, factor=2.0, cap_s=8.0, jitter_s=0.25),
    retry_after=RetryAfter(on=failures(429, 503), at_most_s=20.0, gives_up_above=True),
    cooldown=CooldownRule(lasts_s=30.0, share=0.5, least_requests=5, obeys_retry_after=True),
    reports="last",
    sticks=True,
    guesses_task=True,
    overlooks=frozenset({"no_done", "malformed_chunk"}),  # a bad chunk is left out (S10, S11)
)
