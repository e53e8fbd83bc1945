"""Which route an MCP server's model preferences mean: a pure function, without the MCP SDK.

Preferences are wishes. They choose among the routes that the operator offers, never a host or a model.
"""

from collections.abc import Callable, Sequence

from msgspec import Struct


class Candidate(Struct, frozen=True):
    """A route that may be chosen, and what is known of the deployment that usually answers on it."""

    route: str
    names: tuple[str, ...] = ()
    """What a hint may match besides the route's name: models as the wire and the catalog call them."""
    usd_per_mtok: float | None = None
    """Of equal parts of input and output; None when it is not known."""
    answer_s: float | None = None
    """Until 500 tokens of an answer have come."""
    intelligence: float | None = None
    """The catalog's tier as a number; only the order means something."""


class Preferences(Struct, frozen=True):
    """As the protocol has them: hints in order, and what matters how much, from 0 to 1."""

    hints: tuple[str, ...] = ()
    cost: float = 0.0
    speed: float = 0.0
    intelligence: float = 0.0


class Choice(Struct, frozen=True):
    route: str
    why: str


def choose(preferences: Preferences, candidates: Sequence[Candidate]) -> Choice:
    """The route for one request; the first of `candidates` where the preferences say nothing.

    The first hint that matches any candidate leaves only those that it matches. The priorities choose
    among what is left: each of cost, speed and intelligence counts from 0, the worst of them, to 1.
    What is not known counts as the worst. Raises ValueError without candidates.
    """
    if not candidates:
        raise ValueError("there is no route to choose from")
    hint, left = _hinted(preferences.hints, candidates)
    said = f"hint {hint!r}" if hint else "no hint matches" if preferences.hints else "no hint"
    weights = (
        (preferences.cost, _least(left, lambda c: c.usd_per_mtok), "cost"),
        (preferences.speed, _least(left, lambda c: c.answer_s), "speed"),
        (preferences.intelligence, _most(left, lambda c: c.intelligence), "intelligence"),
    )
    asked = [(weight, shares, name) for weight, shares, name in weights if weight > 0]
    if len(left) == 1 or not asked:
        return Choice(left[0].route, said if len(left) == 1 else f"{said}, no priority")
    totals = [sum(weight * shares[i] for weight, shares, _ in asked) for i in range(len(left))]
    best = max(range(len(left)), key=totals.__getitem__)  # the first of equals
    terms = ", ".join(f"{name} {weight:g}" for weight, _, name in asked)
    return Choice(left[best].route, f"{said}, {terms}: {totals[best]:.2f}")


def _hinted(
    hints: Sequence[str], candidates: Sequence[Candidate]
) -> tuple[str, Sequence[Candidate]]:
    for hint in filter(None, (hint.strip() for hint in hints)):
        matching = [one for one in candidates if _matches(hint, one)]
        if matching:
            return hint, matching
    return "", candidates


def _matches(hint: str, candidate: Candidate) -> bool:
    wanted = hint.casefold()
    return any(wanted in name.casefold() for name in (candidate.route, *candidate.names))


def _most(
    candidates: Sequence[Candidate], value: Callable[[Candidate], float | None]
) -> tuple[float, ...]:
    """Each one's share of the way from the worst to the best; 0 where it is not known."""
    known = [found for one in candidates if (found := value(one)) is not None]
    if not known:
        return (0.0,) * len(candidates)
    low, width = min(known), max(known) - min(known)
    return tuple(
        0.0 if found is None else (found - low) / width if width else 1.0
        for found in map(value, candidates)
    )


def _least(
    candidates: Sequence[Candidate], value: Callable[[Candidate], float | None]
) -> tuple[float, ...]:
    def negated(candidate: Candidate) -> float | None:
        found = value(candidate)
        return None if found is None else -found

    return _most(candidates, negated)
