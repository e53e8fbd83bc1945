"""How what was seen differs from what was expected."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from designer.routetest.model import Check, Difference, Range, Seen, Slack

Resolve = Callable[[str], str]
"""The id of the deployment that a name means."""


def difference(
    check: Check, seen: Seen, resolve: Resolve, slack: Slack, request: int = 0
) -> Difference | None:
    """None where the expectation holds. `request` is its number in a test of several."""
    got = _JUDGES[check.key](check.wanted, seen, resolve, slack)
    if got is None:
        return None
    return Difference(check.key, check.text, got, request, check.place)


def _status(wanted: int, seen: Seen, resolve: Resolve, slack: Slack) -> str | None:
    return None if seen.status == wanted else str(seen.status)


def _served_by(wanted: str | None, seen: Seen, resolve: Resolve, slack: Slack) -> str | None:
    served_by = seen.served_by
    same = wanted == served_by or (wanted and served_by and resolve(wanted) == resolve(served_by))
    return None if same else served_by or "nobody"


def _attempts(
    wanted: tuple[str, ...] | Range, seen: Seen, resolve: Resolve, slack: Slack
) -> str | None:
    asked = [tried.deployment for tried in seen.attempts]
    if isinstance(wanted, Range):
        return None if wanted.holds(len(asked)) else str(len(asked))
    same = list(map(resolve, wanted)) == list(map(resolve, asked))
    return None if same else _list(asked)


def _waits_s(wanted: tuple[Range, ...], seen: Seen, resolve: Resolve, slack: Slack) -> str | None:
    waits_s = seen.waits_s
    held = len(wanted) == len(waits_s) and all(
        one.holds(wait_s, slack.early_s, slack.late_s)
        for one, wait_s in zip(wanted, waits_s, strict=True)
    )
    return None if held else _list([f"{wait_s:.4g}" for wait_s in waits_s])


def _finishes_within(wanted: Range, seen: Seen, resolve: Resolve, slack: Slack) -> str | None:
    late_s = slack.end_s + slack.late_s * len(seen.waits_s)
    return None if wanted.holds(seen.took_s, above=late_s) else f"{seen.took_s:.4g}s"


def _asked(wanted: tuple[str, ...], seen: Seen, resolve: Resolve, slack: Slack) -> str | None:
    asked = {resolve(tried.deployment) for tried in seen.attempts}
    return None if asked.issuperset(map(resolve, wanted)) else _distinct(seen)


def _never_asked(wanted: tuple[str, ...], seen: Seen, resolve: Resolve, slack: Slack) -> str | None:
    asked = {resolve(tried.deployment) for tried in seen.attempts}
    return None if asked.isdisjoint(map(resolve, wanted)) else _distinct(seen)


def _told(wanted: bool, seen: Seen, resolve: Resolve, slack: Slack) -> str | None:
    return None if seen.told == wanted else "yes" if seen.told else "no"


def _distinct(seen: Seen) -> str:
    return _list(list(dict.fromkeys(tried.deployment for tried in seen.attempts)))


def _list(words: Sequence[str]) -> str:
    return ", ".join(words) or "none"


_JUDGES: Mapping[str, Callable[[Any, Seen, Resolve, Slack], str | None]] = {
    "status": _status,
    "served_by": _served_by,
    "attempts": _attempts,
    "waits_s": _waits_s,
    "finishes_within": _finishes_within,
    "asked": _asked,
    "never_asked": _never_asked,
    "told": _told,
}
"""Each says what was there instead; None where the expectation holds."""
