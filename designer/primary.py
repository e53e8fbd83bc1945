"""What becomes of a request whose first deployment fails, for every alias of a configuration.

Played by the engine on what the emitted text means, as `designer trace` plays it: one plain request of
nobody in particular, at once after the failure began. Cooldowns and quotas of later requests are
`designer simulate`'s, and single failures of everything else `designer check`'s.
"""

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from designer.diagnostics import Report
from designer.engine.events import Request
from designer.engine.outcomes import Outcome
from designer.gateways.base import Parsed
from designer.trace import Answer, Asked, Final, Script, Trace, trace

FAILURES: Mapping[str, Outcome] = {
    "answers 503": Outcome(status=503),
    "is silent": Outcome(kind="timeout"),
}
"""How a dead deployment shows itself: it says so, or nothing comes and its time limit runs out."""


class Primary(Struct, frozen=True):
    alias: str
    deployment: str
    """The one that is asked first while all is well."""
    when: tuple[str, ...]
    """What the caller gets then, in the order of `FAILURES`."""


def primaries(parsed: Parsed, aliases: Sequence[str]) -> Iterator[Primary]:
    """Aliases without a route, or whose route asks nothing, have none."""
    for alias in aliases:
        well = _traced(parsed, alias, {})
        if well is None or not well.attempts:
            continue
        first = well.attempts[0].deployment
        played = (_traced(parsed, alias, {first: failure}) for failure in FAILURES.values())
        yield Primary(alias, first, tuple(_in_words(first, one) for one in played if one))


def _traced(parsed: Parsed, alias: str, outcomes: Mapping[str, Outcome]) -> Trace | None:
    if not parsed.routing.has_route(alias):
        return None
    embeds = parsed.routing.route(alias).embeds
    request = Request(path="/v1/embeddings") if embeds else Request()
    answers = {id_: (Answer(outcome),) for id_, outcome in outcomes.items()}
    traces = trace(parsed, Script((Asked(request, route=alias),), answers), Report())
    return traces[0] if traces else None


def _in_words(first: str, one: Trace) -> str:
    final = one.final
    tries = sum(tried.deployment == first for tried in one.attempts)
    others = [tried.deployment for tried in one.attempts if tried.deployment != first]
    there = f"{tries} {'try' if tries == 1 else 'tries'} there"
    return f"{_seen(final)} after {final.at_s:.1f} s: {there}{_between(others, final)}"


def _seen(final: Final) -> str:
    if final.failure is None:
        return f"`{final.served_by}` answers"
    named = f" ({final.failure})" if final.failure != str(final.status) else ""
    return f"the caller gets {final.status}{named}"


def _between(others: Sequence[str], final: Final) -> str:
    """The further tries, but for the one that answered."""
    count = len(others) - (final.failure is None)
    return f" and {count} elsewhere" if count > 0 else ""
