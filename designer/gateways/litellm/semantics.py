"""How LiteLLM's router behaves, as rows: measured on the real 1.106.2, 2026-11-22, and what 1.109 changes.

What a configuration can set (retries, cooldowns, `order`) is in the Routing that `parse` makes;
here is what it cannot.
"""

from msgspec.structs import replace

from designer.engine.semantics import Backoff, CooldownRule, Phase, RetryAfter, Row, Semantics
from designer.gateways.litellm.tables import (
    DEFAULT_COOLDOWN_S,
    DEFAULT_MAX_FALLBACKS,
    FINAL,
    VERSION,
)
from designer.gateways.litellm.versions import habits
from designer.ir import ANY, failures

_NOT_RETRIED = FINAL | failures(*(set(range(400, 500)) - {401, 403, 408, 409, 429}))
_RETRIED = ANY - _NOT_RETRIED
_MEASURED = f"measured, LiteLLM {VERSION}, 2026-11-22"
_CONTENT: frozenset[Phase] = frozenset({"content"})
_SILENT: frozenset[Phase] = frozenset({"silent"})
_NEVER_COOLS = failures(403, 409)

_NEVER_BY_STREAMS = (
    "no stream that broke ever made a deployment cool, not with `allowed_fails: 0` (2026-11-24)"
)

_BREAKS_EARLY = Row(
    f"{_MEASURED}: a stream that breaks before its first chunk goes to the fallback at once; "
    f"{_NEVER_BY_STREAMS}",
    _RETRIED,
    phases=_SILENT,
)
_ROWS = (
    Row(
        f"{_MEASURED}: after content was sent neither retry nor fallback, an error event in the "
        f"stream under status 200; {_NEVER_BY_STREAMS}",
        phases=_CONTENT,
        falls=False,
        status=200,
    ),
    Row(
        f"{_MEASURED}: a stream that is empty, or no stream at all, is passed on as a whole answer",
        failures("empty", "malformed"),
        phases=_SILENT,
        falls=False,
        silent=True,
    ),
    _BREAKS_EARLY,
    Row(
        f"{_MEASURED}: 403 and 409 never cool; with nothing healthy left there is no retry",
        _NEVER_COOLS,
        healthy_left=False,
    ),
    Row(
        f"{_MEASURED}: 403 and 409 are retried and never cool",
        _NEVER_COOLS,
        group="one",
        retried=True,
    ),
    Row(
        f"{_MEASURED}: 409 is retried and never cools; in a group nothing waits",
        failures(409),
        group="many",
        retried=True,
        waits=False,
    ),
    Row(
        f"{_MEASURED}: 403 is retried and never cools; the next try of the level leaves out who "
        "answered it, if others remain",
        failures(403),
        group="many",
        retried=True,
        waits=False,
        skips=True,
    ),
    Row(
        f"{_MEASURED}: 401 cools at once, and another deployment of the group is tried",
        failures(401),
        group="many",
        healthy_left=True,
        retried=True,
        waits=False,
        skips=True,
        cools="now",
    ),
    Row(f"{_MEASURED}: 401 cools at once; alone it is not retried", failures(401), cools="now"),
    Row("read, cooldown_handlers.py:378: alone, 402 never cools", failures(402), group="one"),
    Row(
        f"{_MEASURED} (404) and read, cooldown_handlers.py:243 (402): cools at once, no retry",
        failures(402, 404),
        group="many",
        healthy_left=True,
        waits=False,
        cools="now",
    ),
    Row(f"{_MEASURED}: 404 cools at once and is not retried", failures(402, 404), cools="now"),
    Row(
        f"{_MEASURED}: 429 cools at once, and another deployment of the group is tried",
        failures(429),
        group="many",
        healthy_left=True,
        retried=True,
        waits=False,
        cools="now",
    ),
    Row(f"{_MEASURED}: 429 cools at once in a group", failures(429), group="many", cools="now"),
    Row(
        f"{_MEASURED}: with nothing healthy left there is no retry (router.py:8340)",
        _RETRIED,
        healthy_left=False,
        cools="rate",
    ),
    Row(
        f"{_MEASURED}: in a group nothing waits, not even for Retry-After (router.py:8371)",
        _RETRIED,
        group="many",
        retried=True,
        waits=False,
        cools="rate",
    ),
    Row(
        f"{_MEASURED}: alone, with backoff; 429 does not cool",
        _RETRIED,
        group="one",
        retried=True,
        cools="rate",
    ),
    Row(
        f"{_MEASURED}: the request is at fault: on to the next level, nothing cools",
        _NOT_RETRIED,
        group="many",
        healthy_left=True,
        waits=False,
    ),
    Row(f"{_MEASURED}: the request is at fault: on to the next group, nothing cools", _NOT_RETRIED),
)

LITELLM_1_106 = Semantics(
    name="litellm",
    version="1.106",
    rows=_ROWS,
    # INITIAL_RETRY_DELAY, MAX_RETRY_DELAY and JITTER, constants.py:514.
    backoff=Backoff(base_s=0.5, factor=2.0, cap_s=8.0, jitter_s=0.75),
    retry_after=RetryAfter(on=ANY, at_least_s=1.0, at_most_s=60.0, whole_seconds=True),
    cooldown=CooldownRule(
        lasts_s=DEFAULT_COOLDOWN_S,
        share=0.5,
        least_requests=5,
        alone_least_requests=1000,  # SINGLE_DEPLOYMENT_TRAFFIC_FAILURE_THRESHOLD, constants.py:166
        counts="rungs",
        obeys_retry_after=True,
        retry_after_on=ANY,
    ),
    waits_after_last=True,
    one_stream_limit=True,
    reports="last",
    fixes_count_at_first=True,
    counts_overrule=True,
    tells_cooling=True,
    tells_no_route=True,
    depth=DEFAULT_MAX_FALLBACKS,
    depth_counts="hops",  # fallback_event_handlers.py:711
    resumes_list=True,  # fallback_event_handlers.py:487
    visits_once=True,
    assumptions=(
        "one worker process, no Redis: cooldowns and counters are the process's own",
        "requests carry no router settings of their own (num_retries, fallbacks, timeout)",
    ),
)


_HYBRID = "measured on a hybrid install of 1.109.1, 2026-11-22"
_READ = "read in the source of 1.109.1"
_STALLS = failures("first_token", "stream_stall")

_STALLED = f"{_READ}, cooldown_handlers.py:846: a stream that stalls does not cool its deployment"

_STALL_ROWS = (
    Row(_STALLED, _STALLS, phases=_CONTENT, falls=False, status=200),
    Row(_STALLED, _STALLS, phases=_SILENT, healthy_left=False),
    Row(f"{_STALLED}; it is retried", _STALLS, phases=_SILENT, group="one", retried=True),
    Row(f"{_STALLED}; it is retried", _STALLS, phases=_SILENT, retried=True, waits=False),
)

LITELLM_1_109 = replace(
    LITELLM_1_106,
    version="1.109",
    rows=(
        *_STALL_ROWS,
        # Without the row that sends a stream which breaks before its first chunk to the fallback at
        # once: it is retried in its group as a failure before the headers is.
        *(
            replace(row, source=f"{row.source}; the same {_HYBRID.removeprefix('measured ')}")
            for row in _ROWS
            if row is not _BREAKS_EARLY
        ),
    ),
    verified=False,
    basis=f"its own table is used, {_HYBRID} (three requirements other than it pins) and {_READ}",
    assumptions=(
        *LITELLM_1_106.assumptions,
        "callers may use every group: 1.109 skips fallbacks that the caller's key is not allowed",
        "fallback_on_unsupported_params and enable_mid_stream_fallback_continuation are left at their "
        "defaults, true and false",
    ),
)

_TABLE = {"1.106": LITELLM_1_106, "1.109": LITELLM_1_109}


def semantics(version: str) -> Semantics:
    """1.106 is measured, 1.109 partly; any other has the nearest table, marked unverified."""
    table = _TABLE[habits(version).version]
    if not version or version == table.version or version.startswith(f"{table.version}."):
        return table
    basis = f"the nearest table is used, that of {table.version}"
    return replace(table, version=version, verified=False, basis=basis)
