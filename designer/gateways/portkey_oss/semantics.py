"""How the open-source gateway behaves: measured against a scripted provider, row by row.

"docker" is version 1.15.2 with the dependencies of its lock file and the patches of the official
image; the package on npm without them ignores Retry-After and is a table of its own.
"""

from msgspec.structs import replace

from designer.engine.semantics import Backoff, RetryAfter, Row, Semantics
from designer.ir import failures

_SOURCE = "measured, Portkey gateway 1.15.2 (docker), 2026-11-22"

DOCKER = Semantics(
    name="portkey-oss",
    version="1.15.2",
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
            f"{_SOURCE}: an answer that is not JSON ends the request with 500 and the header "
            "x-portkey-gateway-exception; no retry, no fallback",
            failures("malformed", "empty", "stream_cut", "stream_stall", "stream_error", "abort"),
            falls=False,
            status=500,
        ),
        Row(
            f"{_SOURCE}: a conditional without a match ends the request, within a fallback too",
            failures("no_route"),
            falls=False,
            status=400,
        ),
        Row(
            f"{_SOURCE}: refused, reset and unresolved connections become 500, retried whatever the "
            "list says",
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
            f"{_SOURCE}: any other status is retried and moves a fallback on if it is listed; the "
            "last answer is passed on",
            retried=True,
        ),
    ),
    # A chunk that is no JSON is passed on as it came, and the rest of the stream after it (S10).
    overlooks=frozenset({"no_done", "malformed_chunk", "html"}),
    tells_no_route=True,
    compares="javascript",
    backoff=Backoff(base_s=1.0, factor=2.0, cap_s=2.0**60),
    retry_after=RetryAfter(
        on=failures(429),
        at_least_s=0.001,
        at_most_s=59.999,
        gives_up_above=True,
        at_most_in_all_s=60.0,
        after_last=True,
        ends_backoff=True,
    ),
    cooldown=None,
    reports="last",
    guardrail=446,
    assumptions=(
        "a request without `request_timeout` waits as long as its provider does (the gateway's HTTP "
        "client gives up after 300 s; not measured)",
        "guardrails are asked once a request; the gateway asks them again at every target",
    ),
)

NPM = replace(
    DOCKER,
    version="1.15.2+npm",
    rows=tuple(
        replace(row, source=row.source.replace("(docker)", "(npm, @hono/node-server 1.13.5)"))
        for row in DOCKER.rows
    ),
    retry_after=None,
    assumptions=(
        *DOCKER.assumptions,
        "@hono/node-server is pinned to 1.13.5: with 1.15 and later every stream fails with 500 "
        "(gateway issue 1389)",
    ),
)

_MEASURED = {"": DOCKER, "1.15": DOCKER, "1.15.2": DOCKER, "1.15-npm": NPM, "1.15.2+npm": NPM}


def semantics(version: str = "") -> Semantics:
    """`1.15` is the official image; `1.15-npm` what npm installs. Others are taken for `1.15`."""
    known = _MEASURED.get(version)
    if known is not None:
        return known
    basis = f"the nearest table is used, that of {DOCKER.version}"
    return replace(DOCKER, version=version, verified=False, basis=basis)
