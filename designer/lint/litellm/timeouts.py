"""How long a request may wait: limits that are missing, or not the ones that count."""

from designer.diagnostics import Report, Rule, Severity
from designer.lint.litellm.view import LITELLM, ROUTER, File, number
from designer.lint.routes.places import listed

_MEASURED = "measured, LiteLLM 1.106.2, 2026-11-22"

NO_TIMEOUT = Rule(
    "LNT405",
    Severity.INFO,
    "nothing limits how long {groups} may wait for an answer",
    "Without `timeout` or `request_timeout` a try may take 6,000 s, and a provider that stays silent is "
    "not one that has failed.",
    instead="a silent provider holds each request for up to 100 minutes, and no fallback is asked",
    help="set router_settings.timeout, such as 60",
    source=f"{_MEASURED}: x-litellm-timeout is 6000.0",
)
PATIENT_STREAM = Rule(
    "LNT407",
    Severity.INFO,
    "`stream_timeout` ({stream:g} s) is longer than `timeout` ({timeout:g} s)",
    "`stream_timeout` limits the wait for the first and every next piece of a stream; `timeout` limits "
    "a whole answer.",
    instead="a stream may stay silent for longer than a whole answer may take",
    help="make stream_timeout the shorter one",
    source=f"{_MEASURED}: stream_timeout is a limit between two pieces",
)
NO_STREAM_TIMEOUT = Rule(
    "LNT408",
    Severity.INFO,
    "streams have no limit of their own: {timeout:g} s of silence count as an answer on its way",
    "A stream that has stalled shows after seconds; `timeout` is made for whole answers.",
    instead="a silent stream is waited for as long as a whole answer",
    help="set router_settings.stream_timeout, such as 15",
    source=f"{_MEASURED}; https://github.com/Portkey-AI/gateway/issues/1797",
)
OTHER_TIMEOUT = Rule(
    "LNT417",
    Severity.WARNING,
    "`request_timeout: {counts:g}` in litellm_settings overrules `timeout: {given:g}` in router_settings",
    "Of the two the one in litellm_settings counts, for every try.",
    instead="a try may take {counts:g} s",
    help="keep one of them, or set `timeout` of the deployments",
    source="measured, LiteLLM 1.106.2, 2026-11-24; router.py:4349",
)


def tries_are_limited(file: File, report: Report) -> None:
    shared = number(file.router.get("timeout")) or number(file.litellm.get("request_timeout"))
    if shared:
        return
    free = [e for e in file.entries if not any(e.params.get(key) for key in _LIMITS)]
    if free:
        place = file.place(*free[0].path)
        report.add(NO_TIMEOUT, place, groups=listed(entry.group for entry in free))


_LIMITS = ("timeout", "request_timeout", "timeout_by_service_tier")


def streams_are_limited(file: File, report: Report) -> None:
    timeout = number(file.router.get("timeout"))
    stream = number(file.router.get("stream_timeout"))
    if timeout and stream and stream > timeout:
        place = file.place(ROUTER, "stream_timeout")
        report.add(PATIENT_STREAM, place, stream=stream, timeout=timeout)
    for entry in file.entries:
        own, own_stream = (number(entry.params.get(k)) for k in ("timeout", "stream_timeout"))
        if own and own_stream and own_stream > own:
            place = file.place(*entry.path_of("stream_timeout"))
            report.add(PATIENT_STREAM, place, stream=own_stream, timeout=own)
    if timeout and not stream and not any(e.params.get("stream_timeout") for e in file.entries):
        report.add(NO_STREAM_TIMEOUT, file.place(ROUTER, "timeout"), timeout=timeout)


def sections_limit_alike(file: File, report: Report) -> None:
    given = number(file.router.get("timeout"))
    counts = number(file.litellm.get("request_timeout"))
    if given and counts and given != counts:
        place = file.place(LITELLM, "request_timeout")
        report.add(OTHER_TIMEOUT, place, counts=counts, given=given)


CHECKS = (tries_are_limited, streams_are_limited, sections_limit_alike)
