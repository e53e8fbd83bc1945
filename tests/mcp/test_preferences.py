"""Which route preferences mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from runtime.mcp.preferences import Candidate, Preferences, choose

CHEAP = Candidate("cheap", ("gpt-6-luna", "openai/gpt-6-luna"), 0.5, 3.0, 0.0)
QUICK = Candidate("quick", ("claude-haiku-4-5",), 2.0, 1.0, 1.0)
SMART = Candidate("smart", ("claude-opus-5",), 20.0, 9.0, 2.0)
ALL = (CHEAP, QUICK, SMART)

shares = st.floats(0, 1, allow_nan=False)
facts = st.none() | st.floats(0.1, 100, allow_nan=False)
words = st.sampled_from(["claude", "haiku", "GPT", "luna", "opus", "mistral", "", " "])
drawn = st.builds(
    Preferences,
    st.lists(words, max_size=3).map(tuple),
    cost=shares,
    speed=shares,
    intelligence=shares,
)
offered = st.lists(
    st.builds(
        Candidate,
        st.sampled_from("abcdef"),
        st.lists(st.sampled_from(["claude-haiku", "gpt-6-luna", "opus"]), max_size=2).map(tuple),
        facts,
        facts,
        facts,
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda c: c.route,
)


@pytest.mark.parametrize(
    ("preferences", "route"),
    [
        (Preferences(), "cheap"),
        (Preferences(cost=1), "cheap"),
        (Preferences(speed=1), "quick"),
        (Preferences(intelligence=1), "smart"),
        (Preferences(cost=0.9, intelligence=0.1), "cheap"),
        (Preferences(cost=0.9, intelligence=0.3), "quick"),  # hardly dearer, and better
        (Preferences(("Opus",), cost=1), "smart"),
        (Preferences(("gemini", "claude"), cost=1), "quick"),
        (Preferences(("claude",)), "quick"),
        (Preferences(("", "  ")), "cheap"),
        (Preferences(("smart",)), "smart"),
    ],
)
def test_hints_come_before_priorities(preferences: Preferences, route: str) -> None:
    assert choose(preferences, ALL).route == route


@given(drawn, offered)
def test_the_first_hint_that_matches_bounds_the_choice(
    preferences: Preferences, candidates: list[Candidate]
) -> None:
    chosen = choose(preferences, candidates).route

    for hint in filter(None, (h.strip() for h in preferences.hints)):
        matching = [
            c.route for c in candidates if any(hint.lower() in n for n in (c.route, *c.names))
        ]
        if matching:
            assert chosen in matching
            return
    assert chosen in [c.route for c in candidates]


@given(drawn, offered, st.sampled_from([0.5, 0.25]))
def test_only_the_proportion_of_the_priorities_counts(
    preferences: Preferences, candidates: list[Candidate], factor: float
) -> None:
    less = replace(
        preferences,
        cost=preferences.cost * factor,
        speed=preferences.speed * factor,
        intelligence=preferences.intelligence * factor,
    )

    assert choose(less, candidates).route == choose(preferences, candidates).route


@given(offered)
def test_cost_alone_takes_the_cheapest_that_is_known(candidates: list[Candidate]) -> None:
    chosen = choose(Preferences(cost=1), candidates).route

    known = [c for c in candidates if c.usd_per_mtok is not None]
    if known:
        assert {c.route: c.usd_per_mtok for c in candidates}[chosen] == min(
            c.usd_per_mtok for c in known if c.usd_per_mtok is not None
        )


def test_without_a_route_there_is_nothing_to_choose() -> None:
    with pytest.raises(ValueError, match="no route"):
        choose(Preferences(), [])
