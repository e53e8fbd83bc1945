"""The ways in which an attempt can fail, as few as a configuration and its gateway tell apart.

Two failures that every row of the semantics and every list of the configuration treat alike are one
class, and one of them stands for it: what is found for it holds for all.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property

from msgspec import Struct

from designer.engine.call import Program
from designer.engine.events import Event, Failed, FirstToken, Headers
from designer.engine.semantics import Phase
from designer.ir import Chain, Failures, Node, Retry, Routing, deployments_of, walk

OUTAGE: tuple[str, ...] = (
    *("503", "timeout", "429", "connect", "500", "502", "504", "529", "408"),
    *("reset", "malformed", "empty"),
)
"""What a provider says, or fails to say, that is down; the first of a class is its name."""
OF_KEY: tuple[str, ...] = ("401", "403", "402", "429")
"""A key that was revoked, may not ask, or whose account is spent."""
OF_MODEL: tuple[str, ...] = ("404", "410")
"""A model that is no longer served."""
OF_REQUEST: tuple[str, ...] = (
    *("content_policy", "context_length", "reject_prefill"),
    *("400", "405", "409", "413", "422"),
)
"""The request's own fault: no part has failed."""
IN_SILENCE: tuple[str, ...] = ("first_token", "stream_cut", "stream_stall", "stream_error")
"""Of a stream that has opened and said nothing yet."""
IN_CONTENT: tuple[str, ...] = ("stream_cut", "stream_stall", "stream_error", "malformed")

_NEVER_BILLED = frozenset({"connect", "content_policy", "context_length", "reject_prefill"})
_SILENT = frozenset({"timeout", "first_token", "stream_stall"})
_APART = frozenset({"content_policy", "context_length", "reject_prefill"})
_TELLS_WHEN = frozenset({"429", "503"})
"""Statuses that come with Retry-After: RFC 9110, 10.2.3 and 15.6.4; RFC 6585, 4."""


class Mishap(Struct, frozen=True):
    failure: str
    phase: Phase = "headers"
    retry_after_s: float | None = None
    also: tuple[str, ...] = ()
    """The others of its class."""
    does: int = 0
    """The same for those after which a call goes on alike, whoever is at fault."""

    @property
    def status(self) -> int | None:
        return int(self.failure) if self.failure.isdigit() else None

    @property
    def is_billed(self) -> bool:
        """Whether the provider may have worked, and be paid, for nothing: not when it said no."""
        names = (self.failure, *self.also)
        return any(not name.isdigit() and name not in _NEVER_BILLED for name in names)

    @property
    def is_silent(self) -> bool:
        """Whether it is the silence that fails, so that it takes as long as the limit allows."""
        return self.failure in _SILENT

    @property
    def label(self) -> str:
        told = "" if self.retry_after_s is None else f", Retry-After {self.retry_after_s:g} s"
        return f"{self.failure}{told}"

    def may_be(self, failures: tuple[str, ...]) -> bool:
        return any(failure in failures for failure in (self.failure, *self.also))

    def events(self, at: float) -> Iterator[Event]:
        if self.phase != "headers":
            yield Headers(at)
        if self.phase == "content":
            yield FirstToken(at)
        yield Failed(at, self.failure, self.status, self.retry_after_s)


def mishaps(program: Program, stream: bool, is_timed: bool = False) -> tuple[Mishap, ...]:
    """One of every class, for requests that are or are not streamed.

    `is_timed`: a failure that takes as long as it may is in no class with one that comes at once.
    """
    sets = tuple(dict.fromkeys(_sets(program.routing)))
    named = sorted({t for each in sets for t in each.tokens if t.isdigit() and t[0] in "45"})
    tokens = tuple(dict.fromkeys((*OUTAGE, *OF_KEY, *OF_MODEL, *OF_REQUEST, *named)))
    divide = _Classes(program, sets, is_timed)
    found = divide(tokens, "headers")
    if stream:
        found += divide((*IN_SILENCE, "malformed", "empty"), "silent")
        missed = program.semantics.overlooks
        content = (t for t in IN_CONTENT if t != "malformed" or "malformed_chunk" not in missed)
        found += divide(tuple(content), "content")
    return (*found, *_that_tell_when(program, found))


class _Classes(Struct, frozen=True, dict=True):
    program: Program
    sets: tuple[Failures, ...]
    is_timed: bool

    def __call__(self, tokens: tuple[str, ...], phase: Phase) -> tuple[Mishap, ...]:
        by_class: dict[tuple[object, object, bool], list[str]] = {}
        for token in tokens:
            by_class.setdefault(self.of(token, phase), []).append(token)
        alike: dict[object, int] = {}
        return tuple(
            Mishap(first, phase, also=tuple(rest), does=alike.setdefault(of, len(alike)))
            for (of, *_), (first, *rest) in by_class.items()
        )

    def of(self, token: str, phase: Phase) -> tuple[object, object, bool]:
        """What a call does after it, whose fault it is, and whether it takes its time."""
        semantics = self.program.semantics
        rows = tuple(
            semantics.rows.index(semantics.row(token, phase, group, healthy))
            for group in self.groups
            for healthy in (True, False)
        )
        kinds = (token in OUTAGE, token in OF_KEY, token in OF_MODEL, token in _APART and token)
        lasts = self.is_timed and token in _SILENT
        return (rows, tuple(token in each for each in self.sets)), kinds, lasts

    @cached_property
    def groups(self) -> frozenset[int]:
        """Whether routes have one deployment or several, as rows distinguish them."""
        counts = (len(deployments_of(route.node)) for route in self.program.routing.routes)
        return frozenset(min(count, 2) for count in counts if count)


def _sets(routing: Routing) -> Iterator[Failures]:
    for route in routing.routes:
        for node in walk(route.node):
            yield from _sets_of(node)
    for deployment in routing.deployments:
        if deployment.cooldown is not None:
            yield from (on for on, _ in deployment.cooldown.per_failure)


def _sets_of(node: Node) -> Iterator[Failures]:
    match node:
        case Chain(rungs=rungs):
            yield from (rung.on for rung in rungs[1:])
        case Retry(on=on, per_failure=per_failure):
            yield on
            yield from (one for one, _ in per_failure)
        case _:
            pass


def _that_tell_when(program: Program, found: tuple[Mishap, ...]) -> Iterator[Mishap]:
    """With the longest Retry-After that is obeyed, and with one beyond where that ends the tries."""
    rule = program.semantics.retry_after
    if rule is None:
        return
    for mishap in found:
        if mishap.failure in _TELLS_WHEN and mishap.failure in rule.on:
            yield Mishap(mishap.failure, retry_after_s=rule.at_most_s)
            if rule.gives_up_above:
                yield Mishap(mishap.failure, retry_after_s=rule.at_most_s + 1.0)


CAUSES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("deployment", "provider", "region"), (*OUTAGE, *IN_SILENCE)),
    "model": (*OUTAGE, *IN_SILENCE, *OF_MODEL),
    "key": OF_KEY,
}
"""Kind of part → what its deployments answer when it has failed."""
