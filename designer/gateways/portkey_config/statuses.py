"""Failures as Portkey sees them: HTTP statuses, and nothing else.

A fallback list and a retry list hold status codes. Whatever has no status of the provider becomes one
of the gateway's own before a list is consulted, so several failures share a code and are told apart
by none.
"""

from collections.abc import Iterable, Mapping

from designer.ir import ANY, Failures, failures

STATUS_OF: Mapping[str, int] = {
    "timeout": 408,
    "connect": 500,
    "reset": 500,
    "context_length": 400,
    "content_policy": 400,
    "reject_prefill": 400,
    "guardrail": 446,
}
"""Measured on 1.15.2, 2026-11-22: a request timeout becomes 408, a lost connection 500, a denying
guardrail 446. Refusals and overlong prompts are the provider's own 400."""

UNCAUGHT = failures(
    *("malformed", "empty", "stream_cut", "stream_stall", "stream_error", "first_token"),
    *("no_route", "abort"),
)
"""What no list can name. Measured on 1.15.2, 2026-11-22: a 200 that is not JSON ends the request, as
does a conditional without a match; after the headers of a stream there is no fallback; and there is
no limit until the first token."""

EVERY = ANY - UNCAUGHT
"""What `fallback` without `on_status_codes` moves on: every answer that is not 2xx."""

LISTED = (
    *(401, 403, 404, 408, 409, 421, 423, 424, 425, 429, 446, 451, 498, 499),
    *range(500, 512),
    *(520, 521, 522, 523, 524, 525, 526, 527, 529, 530, 598, 599),
    *(400, 402, 405, 406, 410, 411, 413, 414, 415, 422),
)
"""What an open set of failures is written as. Assigned codes (IANA registry, 2026-11-22) that a model
provider or a proxy before it may send, with Cloudflare's 52x (its documentation, 2026-11-22) and
Anthropic's 529."""

DEFAULT_RETRIED = (429, 500, 502, 503, 504)
"""`retry` without `on_status_codes`; 529 is documented and not retried (measured on 1.15.2,
2026-11-22)."""

LOST = failures("connect", "reset")
"""Retried whatever the list says (measured on 1.15.2, 2026-11-22)."""


def failures_of(codes: Iterable[int]) -> Failures:
    """Everything that shows as one of these codes."""
    wanted = set(codes)
    named = (token for token, code in STATUS_OF.items() if code in wanted)
    return failures(*wanted, *named)


def codes_of(on: Failures) -> list[int]:
    """The codes that stand for `on`, sorted.

    What shares a code goes together. Of an open set (everything except …) the refusals decide about
    400, as it may be the one thing that the set leaves out; into a closed one each part brings its
    code, as it was asked for by name.
    """
    named = set() if on.all_but else {int(token) for token in on.tokens if token.isdigit()}
    return sorted(code for code in {*LISTED, *named} if _is_meant(code, on))


_DECIDING: Mapping[int, str] = {400: "content_policy", 446: "guardrail"}


def _is_meant(code: int, on: Failures) -> bool:
    if on.all_but:
        return _DECIDING.get(code, str(code)) in on
    return any(token in on for token in failures_of([code]).tokens)


def as_listed(on: Failures) -> Failures:
    """`on` as far as a list of codes can say it."""
    return failures_of(codes_of(on))
