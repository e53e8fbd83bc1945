"""The automaton agrees with Python's own engine, and accepts only what three engines share."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from designer.profile.patterns import NotShared, parse, slow_repeats

SHARED = ("d", "w", "s", "D", "W", "S")
singles = st.sampled_from(
    [
        "a",
        "b",
        "é",
        ".",
        "-",
        r"\.",
        r"\n",
        r"\x41",
        "[ab]",
        "[^a]",
        "[a-c-]",
        r"[\w.]",
        r"[^\s]",
        "[+-]",
    ]
    + [f"\\{kind}" for kind in SHARED]
)
edges = st.sampled_from(["^", "$", r"\b", r"\B"])
patterns = st.recursive(
    singles | edges,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map("".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda p: f"(?:{'|'.join(p)})"),
        inner.map(lambda p: f"({p})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{0,2}", "{1,}", "*?"])).map(
            lambda p: f"(?:{p[0]}){p[1]}"
        ),
    ),
    max_leaves=8,
)
texts = st.text(alphabet="abcAB1_ .-é\n+", min_size=1, max_size=8)
"""Not empty: there Python before 3.14 says that `\\B` does not hold."""


@given(patterns, texts, st.booleans())
def test_a_shared_pattern_matches_what_python_matches(
    pattern: str, text: str, ignore_case: bool
) -> None:
    # Not `(?a:…)`: CPython 3.11 does not apply it to a shorthand that stands alone.
    flags = re.ASCII | (re.IGNORECASE if ignore_case else re.NOFLAG)
    expected = re.search(_for_python(pattern), text, flags) is not None

    assert parse(pattern, ignore_case=ignore_case).search(text) == expected


@given(st.text(max_size=30) | st.text(alphabet=r"ab(?:[]{}*+|\dpk1^$-,)", max_size=20))
@settings(deadline=None)
def test_any_text_is_a_shared_pattern_or_refused_and_python_compiles_it(pattern: str) -> None:
    refusal = _refusal(pattern)

    if refusal:
        assert 1 <= refusal.position <= len(pattern) + 1
    else:
        re.compile(pattern)


def test_no_pattern_holds_up_the_reader() -> None:
    pattern = parse(r"(?:a|a?)+(?:a+)+$")
    began = time.process_time()

    assert not pattern.search("a" * 400 + "!")

    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("pattern", "positions"),
    [(r"(a+)+", [5]), (r"(?:\w+\s?)*x", [8]), (r"(?:\d[ -]?){13,16}", []), ("a+b+", [])],
)
def test_a_repeated_repetition_is_found(pattern: str, positions: list[int]) -> None:
    found = list(slow_repeats(parse(pattern).part))

    assert len(found) == len(positions)


@pytest.mark.parametrize(
    "pattern",
    [
        r"\0",
        r"\u0041",
        r"\k<a>",
        r"[\b]",
        "a**",
        "a{1,2}{3}",
        "^*",
        "a{1001}",
        "a{,3}",
        "(?:",
        "[a-\\d]",
    ],
)
def test_what_one_of_the_engines_reads_otherwise_is_refused(pattern: str) -> None:
    with pytest.raises(NotShared):
        parse(pattern)


def _refusal(pattern: str) -> NotShared | None:
    try:
        parse(pattern).search("abc 123")
    except NotShared as refusal:
        return refusal
    return None


def _for_python(pattern: str) -> str:
    """Python's `$` also matches before a last newline."""
    return pattern.replace("$", r"\Z")
