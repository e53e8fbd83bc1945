"""How the hosted product is expected to behave: it could not be asked.

Its routing is that of branch 2.0.0, which was measured with a stand-in for the vendor's control plane;
the rest is the vendor's documentation. The table is therefore never marked as verified.
"""

from msgspec.structs import replace

from designer.engine.semantics import Backoff, RetryAfter, Row, Semantics
from designer.ir import failures

_SOURCE = "measured on branch 2.0.0 (2026-03-14) with a stand-in control plane, 2026-11-22"

HOSTED = Semantics(
    name="portkey-cloud",
    version="2026-08",
    rows=(
        Row(
            f"{_SOURCE}: an error event inside a stream is passed on; no fallback",
            failures("stream_error"),
            phases=frozenset({"silent", "content"}),
            falls=False,
            status=200,
        ),
        Row(
            f"{_SOURCE}: after the headers a stream that breaks off ends cleanly; no error, no "
            "fallback (gateway issue 1797)",
            phases=frozenset({"silent", "content"}),
            falls=False,
            status=200,
            silent=True,
        ),
        Row(
            f"{_SOURCE}: an answer that is not JSON is passed on as it is, with 200",
            failures("malformed", "empty", "stream_cut", "stream_stall", "stream_error"),
            falls=False,
            status=200,
            silent=True,
        ),
        Row(f"{_SOURCE}: the gateway's own error", failures("abort"), falls=False, status=500),
        Row(
            f"{_SOURCE}: a conditional without a match ends the request, within a fallback too",
            failures("no_route"),
            falls=False,
            status=400,
        ),
        Row(
            f"{_SOURCE}: refused and reset connections become 500, retried whatever the list says",
            failures("connect", "reset"),
            retried=True,
            status=500,
        ),
        Row(
            f"{_SOURCE}: `request_timeout` becomes 408; it limits each attempt until its headers",
            failures("timeout", "first_token"),
            retried=True,
            status=408,
        ),
        Row(
            f"{_SOURCE}: a denying guardrail is 446; a retry of it does not wait",
            failures("guardrail", 446),
            retried=True,
            waits=False,
            status=446,
        ),
        Row(
            f"{_SOURCE}: any other status is retried and moves a fallback on if it is listed",
            retried=True,
        ),
    ),
    tells_no_route=True,
    compares="javascript",
    backoff=Backoff(base_s=1.0, factor=2.0, cap_s=2.0**60),
    retry_after=RetryAfter(
        on=failures(429),
        at_least_s=0.001,
        at_most_s=60.0,
        gives_up_above=True,
        at_most_in_all_s=60.0,
        after_last=True,
        ends_backoff=True,
    ),
    cooldown=None,
    reports="last",
    guardrail=446,
    verified=False,
    basis="branch 2.0.0 of the open-source repository and the documentation are the table",
    assumptions=(
        "the hosted product routes like branch 2.0.0 of the open-source repository",
        "configurations are saved, as sticky targets need",
        "no circuit breaker, which never opened for targets named by `@slug`",
        "as many retries as configured, although the documentation speaks of five at most",
        "guardrails are asked once a request; the gateway asks them again at every target",
    ),
)


def semantics(version: str = "") -> Semantics:
    return HOSTED if version in ("", HOSTED.version) else replace(HOSTED, version=version)
