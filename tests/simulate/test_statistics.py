"""Estimates and their intervals."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from designer.simulate.statistics import mean, quantile, share


def test_wilsons_interval_agrees_with_a_published_example() -> None:
    """Newcombe 1998, Statistics in Medicine 17: 81 of 263 gives 0.2553 to 0.3662 by this method."""
    interval = share(81, 263)

    assert interval is not None
    assert (round(interval.low, 4), round(interval.high, 4)) == (0.2553, 0.3662)


def test_without_any_failure_availability_is_still_not_certain() -> None:
    interval = share(100, 100)

    assert interval is not None
    assert interval.value == interval.high == 1.0
    assert 0.95 < interval.low < 0.97


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_a_share_lies_in_its_interval_and_the_interval_in_0_to_1(counted: tuple[int, int]) -> None:
    interval = share(*counted)

    assert interval is not None
    assert 0 <= interval.low <= interval.value <= interval.high <= 1


@given(st.lists(st.floats(0, 1e6), min_size=1), st.sampled_from([0.5, 0.95, 0.99]))
def test_a_quantile_is_a_value_that_was_seen_and_lies_in_its_interval(
    values: list[float], q: float
) -> None:
    interval = quantile(sorted(values), q)

    assert interval is not None
    assert interval.value in values
    assert interval.low <= interval.value <= interval.high
    assert sum(v <= interval.value for v in values) >= q * len(values) - 1e-9


@pytest.mark.parametrize(
    "estimate", [lambda: share(0, 0), lambda: mean([]), lambda: quantile([], 0.5)]
)
def test_nothing_gives_no_estimate(estimate: object) -> None:
    assert callable(estimate)
    assert estimate() is None


def test_intervals_hold_the_truth_about_as_often_as_they_promise() -> None:
    chance = Random(7)
    held = {"share": 0, "mean": 0, "quantile": 0}
    for _ in range(400):
        sample = sorted(chance.random() for _ in range(200))
        rare, average = share(sum(u < 0.02 for u in sample), 200), mean(sample)
        tail = quantile(sample, 0.95)
        assert rare is not None
        assert average is not None
        assert tail is not None
        held["share"] += rare.low <= 0.02 <= rare.high
        held["mean"] += average.low <= 0.5 <= average.high
        held["quantile"] += tail.low <= 0.95 <= tail.high

    assert all(0.92 <= count / 400 <= 0.99 for count in held.values()), held
