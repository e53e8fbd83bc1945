"""Whether the engine's trace of a case is what the real gateway did.

Chance is taken out: where the engine picks among several deployments, it is told the picks that the
gateway made, and everything else has to follow.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from designer.conform.case import Case
from designer.conform.observed import Observed
from designer.diagnostics import Report
from designer.gateways.base import Parsed
from designer.trace import Trace, trace

TOLERANCE_S = 0.4
"""What a loaded machine adds to a wait. The shortest wait that is told from none is 0.5 s."""

_CHOICES = tuple((k + 0.5) / 48 for k in range(48))
"""Draws that tell the picks of a pool apart, down to shares of 2 %."""
_MOST_DRAWS = 60
_MOST_TRIES = 80


class Compared(Struct, frozen=True):
    differences: tuple[str, ...]
    traces: tuple[Trace, ...]
    draws: tuple[float, ...] = ()
    """The picks that the gateway made, as the engine takes them."""
    only_times: bool = False
    """Whether all that differs is when something happened."""


def compare(case: Case, parsed: Parsed, seen: Sequence[Observed]) -> Compared:
    traces, draws = _steered(case, parsed, seen)
    if not traces:
        return Compared(("the engine has no route for it",), ())
    found = [
        (f"request {number}: " if len(seen) > 1 else "") + text
        for number, (one, real) in enumerate(zip(traces, seen, strict=True), start=1)
        for text in (*_paths(one, real), *_ends(one, real))
    ]
    if found:
        return Compared(tuple(found), traces, draws)
    late = [
        (f"request {number}: " if len(seen) > 1 else "") + text
        for number, (one, real) in enumerate(zip(traces, seen, strict=True), start=1)
        for text in _times(one, real)
    ]
    return Compared(tuple(late), traces, draws, only_times=bool(late))


def between(one: Trace, real: Observed, tolerance_s: float = TOLERANCE_S) -> tuple[str, ...]:
    """How one request differs; when something happened is looked at only where all else is the same."""
    found = (*_paths(one, real), *_ends(one, real))
    return found or tuple(_times(one, real, tolerance_s))


def _paths(one: Trace, real: Observed) -> Iterator[str]:
    traced = [t.deployment for t in one.attempts]
    asked = [t.deployment for t in real.attempts]
    if traced != asked:
        yield f"asked {_list(asked)}, traced {_list(traced)}"


def _ends(one: Trace, real: Observed) -> Iterator[str]:
    final = one.final
    if final.status != real.status:
        yield f"status {real.status}, traced {final.status}"
        return
    if final.in_band:
        if final.told != real.told:
            yield f"the caller was {'' if real.told else 'not '}told of the failure, traced as {'told' if final.told else 'not told'}"
    elif final.failure is None and real.told:
        yield "the answer carries an error, traced as a whole one"
    elif final.failure is None and final.served_by != real.served_by:
        yield f"served by {real.served_by}, traced {final.served_by}"


def _times(one: Trace, real: Observed, tolerance_s: float = TOLERANCE_S) -> Iterator[str]:
    if not one.attempts:
        return
    start_s = one.attempts[0].at_s
    low, high = one.jitter_s
    slack_s = 0.0
    before_s = 0.0
    for tried, was in zip(one.attempts, real.attempts, strict=True):
        at_s = tried.at_s - start_s
        slack_s += high - low if at_s > before_s else 0.0
        before_s = at_s
        if not -tolerance_s <= was.at_s - at_s <= slack_s + tolerance_s:
            yield f"{tried.deployment} asked at {was.at_s:.2f} s, traced at {at_s:.2f} s"
            return


def _list(names: Sequence[str]) -> str:
    return " ".join(names) or "nothing"


# --- Picks ----------------------------------------------------------------------------------------


def _steered(
    case: Case, parsed: Parsed, seen: Sequence[Observed]
) -> tuple[tuple[Trace, ...], tuple[float, ...]]:
    """The traces in which every pick is the one that was seen, as far as there is one."""
    best = _traced(case, parsed, ())
    if _same_path(best, seen):
        return best, ()
    waiting: list[tuple[float, ...]] = [()]
    best_draws: tuple[float, ...] = ()
    tries = 0
    while waiting and tries < _MOST_TRIES:
        draws = waiting.pop()
        if len(draws) == _MOST_DRAWS:
            continue
        # Draws that lead to the same attempts are the same pick.
        ways = {}
        for draw in reversed(_CHOICES):
            traces = _traced(case, parsed, (*draws, draw))
            ways[tuple(map(_path, traces))] = ((*draws, draw), traces)
        tries += 1
        if len(ways) == 1 and not _may_still_pick(case, parsed, draws):
            continue
        for taken, traces in sorted(ways.values(), key=lambda way: _agreed(way[1], seen)):
            if _agreed(traces, seen) > _agreed(best, seen):
                best, best_draws = traces, taken
            if _same_path(traces, seen):
                return traces, taken
            waiting.append(taken)
    return best, best_draws


def _may_still_pick(case: Case, parsed: Parsed, draws: tuple[float, ...]) -> bool:
    """Whether a later draw matters although the next one does not."""
    now = tuple(map(_path, _traced(case, parsed, draws)))
    return any(
        tuple(map(_path, _traced(case, parsed, (*draws, 0.0, draw)))) != now for draw in _CHOICES
    )


def _traced(case: Case, parsed: Parsed, draws: tuple[float, ...]) -> tuple[Trace, ...]:
    script = replace(case.script, draws=(*draws, *(0.0,) * _MOST_DRAWS))
    return trace(parsed, script, Report(), route=case.route) or ()


def _path(one: Trace) -> tuple[str, ...]:
    return tuple(t.deployment for t in one.attempts)


def _same_path(traces: Sequence[Trace], seen: Sequence[Observed]) -> bool:
    return [_path(one) for one in traces] == [
        tuple(t.deployment for t in real.attempts) for real in seen
    ]


def _agreed(traces: Sequence[Trace], seen: Sequence[Observed]) -> int:
    """How many attempts are right before the first wrong one, over all requests in their order."""
    agreed = 0
    for one, real in zip(traces, seen, strict=True):
        asked = tuple(t.deployment for t in real.attempts)
        traced = _path(one)
        for theirs, ours in zip(asked, traced, strict=False):
            if theirs != ours:
                return agreed
            agreed += 1
        if len(asked) != len(traced):
            return agreed
        agreed += 1
    return agreed
