"""Answers that were written down beforehand, one deployment and one request after the other.

The same outcomes that a trace plays against the engine are played here over the wire.
"""

import threading
from collections.abc import Sequence

from designer.engine.outcomes import SLOW_FIRST_TOKEN_S, Outcome
from runtime.stub.faults import Fault

_SAME_AS = {"down": "refuse_connection", "latency": ""}


class Scripts:
    """What each deployment answers next. May be told from one thread and asked from another."""

    def __init__(self) -> None:
        self._left: dict[str, list[Outcome]] = {}
        self._lock = threading.Lock()

    def write(self, deployment: str, outcomes: Sequence[Outcome]) -> None:
        """One for each request; the last one repeats."""
        if not outcomes:
            raise ValueError(f"the script of {deployment!r} needs at least one outcome")
        with self._lock:
            self._left[deployment] = list(outcomes)

    def next_faults(self, deployment: str) -> list[Fault] | None:
        """None for a deployment that has no script."""
        with self._lock:
            left = self._left.get(deployment)
            if left is None:
                return None
            return faults_of(left.pop(0) if len(left) > 1 else left[0])


def faults_of(outcome: Outcome) -> list[Fault]:
    """What is wrong with a provider that behaves like this; nothing, if it just answers."""
    found = []
    if outcome.delay_s:
        found.append(Fault("latency", delay_s=outcome.delay_s))
    kind = _SAME_AS.get(outcome.kind, outcome.kind)
    late_s = outcome.first_token_s
    if late_s is None and kind == "slow_first_token":
        late_s = SLOW_FIRST_TOKEN_S
    if late_s is not None and late_s > outcome.delay_s:
        found.append(Fault("slow_first_token", delay_s=late_s - outcome.delay_s))
    if kind == "empty":  # no body at all, which is worse than an answer that says nothing
        return [*found, Fault("http", status=outcome.status, headers=outcome.headers, body="")]
    if kind in ("", "slow_first_token"):
        if outcome.status == 200 and outcome.body is None:
            return found
        kind = "http"
    fault = Fault(
        kind,
        status=None if outcome.status == 200 and kind != "http" else outcome.status,
        headers=dict(outcome.headers),
        body=outcome.body,
        after_chunks=3 if outcome.after_chunks is None else outcome.after_chunks,
    )
    return [*found, fault]
