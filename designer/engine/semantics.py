"""How a gateway behaves, as rows with conditions: data, one table a gateway and version.

The first row whose conditions hold decides about a failed attempt. A failure that no row matches is
a hole in the table and raises, so that a table can be tested for completeness.
"""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, field

from designer.engine.screens import Screen
from designer.ir import ANY, STATUS_OF, Failures, failures

Phase = Literal["headers", "silent", "content"]
"""Where an attempt failed: before its headers; after them with nothing for the caller yet; or when
the caller already had content. Non-streamed attempts fail in `headers`."""

PHASES: frozenset[Phase] = frozenset({"headers", "silent", "content"})

Stage = Literal["reserve", "guard_in", "cache", "route", "guard_out", "settle"]


def with_cache(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
    """The stages with a look at the cache before anybody is asked, after what is done to the request."""
    if "cache" in stages:
        return stages
    before = stages.index("route")
    return (*stages[:before], "cache", *stages[before:])


class Backoff(Struct, frozen=True):
    """Wait before retry n (from 0): `base * factor**n` within floor and cap, plus up to `jitter_s`."""

    base_s: float
    factor: float = 2.0
    cap_s: float = 60.0
    jitter_s: float = 0.0
    floor_s: float = 0.0

    def wait_s(self, retry: int) -> float:
        return min(max(self.base_s * self.factor ** min(retry, 60), self.floor_s), self.cap_s)


class RetryAfter(Struct, frozen=True):
    """Which `Retry-After` a gateway obeys: within the range it takes the place of the backoff."""

    on: Failures
    at_least_s: float = 0.0
    at_most_s: float = 60.0
    gives_up_above: bool = False
    """Above the range: stop retrying (and fall back) instead of ignoring the header."""
    at_most_in_all_s: float | None = None
    """What the waits under one `Retry` may come to; a wait beyond it counts as above the range."""
    after_last: bool = False
    """Whether it is also waited after the last failed try."""
    ends_backoff: bool = False
    """Whether, once one was obeyed, the retries that follow come without any backoff."""
    whole_seconds: bool = False
    """Whether a fraction (`1.5`) makes the header unreadable, as it does to a strict parser."""

    def reads(self, seconds: float) -> bool:
        return not self.whole_seconds or float(seconds).is_integer()


class Row(Struct, frozen=True):
    """What becomes of one kind of failure."""

    source: str
    failures: Failures = ANY
    phases: frozenset[Phase] = PHASES
    group: Literal["one", "many", None] = None
    """Condition: the route has one deployment, or several."""
    healthy_left: bool | None = None
    """Condition: some deployment of the route is not cooling."""

    retried: bool = False
    waits: bool = True
    """Whether a retry is preceded by the backoff."""
    skips: bool = False
    """Whether a retry leaves out the deployment that failed."""
    cools: Literal["never", "now", "rate"] = "never"
    falls: bool = True
    """Whether a chain may catch it."""
    status: int | None = None
    """What the caller sees; None passes the provider's own status on."""
    silent: bool = False
    """Whether, after the headers, the answer just ends: status 200, and nothing says that it failed."""


class CooldownRule(Struct, frozen=True):
    """What `cools: rate` means and how long a cooldown lasts where the configuration is silent."""

    lasts_s: float = 5.0
    share: float = 0.5
    """More than this share of the minute's requests failed …"""
    least_requests: int = 5
    """… and there were at least so many."""
    alone_least_requests: int | None = None
    """In a group of one instead: all of the minute's requests failed, and they were at least so many."""
    counts: Literal["every", "first", "rungs"] = "every"
    """Which failed attempts of a request count: all; the first; or the first and then, for each further
    rung that fails, the failure that comes out of it."""
    obeys_retry_after: bool = False
    retry_after_on: Failures = failures(429)
    """Whose Retry-After is obeyed as the length of the cooldown."""


class Semantics(Struct, frozen=True):
    name: str
    version: str
    rows: tuple[Row, ...]
    backoff: Backoff
    retry_after: RetryAfter | None = None
    cooldown: CooldownRule | None = None
    """None: the gateway keeps no health."""
    waits_after_last: bool = False
    """Whether the backoff is also slept after the last failed try, before anything else is asked."""
    reports: Literal["first", "last"] = "last"
    """Whose failure the caller sees when a whole route failed."""
    fixes_count_at_first: bool = False
    """Whether the first failure of a route fixes the number of retries for all that follow."""
    counts_overrule: bool = False
    """Whether a `Retry`'s own count for a failure makes it retried, whatever the rows say."""
    tells_cooling: bool = False
    """Whether finding only cooling deployments hides the failure that came before."""
    tells_no_route: bool = False
    """Whether finding no case of a switch to hold hides the failure that came before."""
    sticks: bool = False
    """Whether a route's `sticky` is obeyed by hashing, without a memory. Gateways that remember whom they sent
    where do so in their own ways, which are not simulated."""
    guesses_task: bool = False
    """Whether a request that does not say its task is given the one that its prompt looks like."""
    compares: Literal["values", "javascript"] = "values"
    """How conditions compare: by value, or as JavaScript's operators do, missing values included."""
    depth: int = 5
    """How deep a call may go."""
    depth_counts: Literal["routes", "hops"] = "routes"
    """What depth is: the `Ref`s a call is inside of; or all fallbacks that led to the present route, the
    further rungs of chains and the earlier entries of lists included, beyond which none begins."""
    resumes_list: bool = False
    """Whether a route that a fallback led to goes on, for want of a list of its own, with the list of the
    route asked for; what comes out then is still its own failure."""
    visits_once: bool = False
    """Whether a route, once asked, is out of reach for the rest of the call, not only below itself."""
    unknown_route: int = 400
    overlooks: frozenset[str] = frozenset({"no_done"})
    """What this gateway does not fail on: faults of a stream that cost no content (`no_done`,
    `malformed_chunk`), and a page instead of JSON (`html`). What a caller is not told of a broken-off answer is `Row.silent`."""
    guardrail: int = 400
    """What the caller sees of a request or an answer that a guardrail blocks."""
    screens: tuple[Screen, ...] = ()
    """What keeps a request from some deployments of a route, in the order in which it is asked."""
    slots: Mapping[str, int] = field(default_factory=dict)
    """By deployment, how many requests may be in flight there. At so many the gateway itself says 429: nobody
    is asked and nobody waits, and it counts against health only as what came out of a further rung."""
    one_stream_limit: bool = False
    """Whether a stream has a single limit, for its headers and for every piece: `first_token_s` where it
    is set, else `timeout_s`."""
    stages: tuple[Stage, ...] = ("guard_in", "route", "guard_out", "settle")
    """In which order a request passes through; `settle` is always the last."""
    verified: bool = True
    """Measured against this very version."""
    basis: str = "the nearest table is used"
    """What a table stands on that is not."""
    assumptions: tuple[str, ...] = ()
    """What documentation leaves open and this table decides."""

    @property
    def doubt(self) -> str:
        """In words, that it is not measured; empty for one that is."""
        return "" if self.verified else f"{self.name} {self.version} is not measured: {self.basis}"

    def row(self, failure: str, phase: Phase, group: int, healthy_left: bool) -> Row:
        for row in self.rows:
            if (
                failure in row.failures
                and phase in row.phases
                and row.group in (None, "one" if group == 1 else "many")
                and row.healthy_left in (None, healthy_left)
            ):
                return row
        raise LookupError(f"{self.name} has no row for {failure} in phase {phase}")

    def status(self, failure: str, status: int | None, row: Row | None) -> int:
        """What the caller sees when nothing helped."""
        if row is not None and row.status is not None:
            return row.status
        return status if status is not None else status_of(failure)


def status_of(failure: str) -> int:
    return int(failure) if failure.isdigit() else STATUS_OF[failure]
