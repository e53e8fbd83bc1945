"""Typed scalars: laws first, then what is refused."""

from collections.abc import Callable
from contextlib import suppress
from datetime import time
from decimal import Decimal
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from designer.profile.units import (
    Money,
    MoneyPeriod,
    NotAValue,
    Period,
    Rate,
    Window,
    format_count,
    format_duration_s,
    format_money,
    format_rate,
    format_share,
    format_window,
    parse_count,
    parse_duration_s,
    parse_money,
    parse_rate,
    parse_share,
    parse_window,
)

amounts = st.decimals(min_value=0, max_value=10**9, places=4).map(lambda d: d.normalize())
periods: st.SearchStrategy[Period] = st.sampled_from(get_args(Period))
money_periods: st.SearchStrategy[MoneyPeriod | None] = st.sampled_from(
    [None, *get_args(MoneyPeriod)]
)
minutes = st.times().map(lambda t: time(t.hour, t.minute))
PARSERS = (parse_count, parse_duration_s, parse_money, parse_rate, parse_share, parse_window)


@given(st.integers(0, 300_000_000_000).map(lambda ms: ms / 1000))
@settings(deadline=None)
def test_a_duration_is_read_back_from_how_it_is_written(seconds: float) -> None:
    assert parse_duration_s(format_duration_s(seconds)) == seconds


@given(amounts, money_periods)
@settings(deadline=None)
def test_money_is_read_back_from_how_it_is_written(usd: Decimal, per: MoneyPeriod | None) -> None:
    assert parse_money(format_money(Money(usd, per))) == Money(usd, per)


@given(amounts, periods)
@settings(deadline=None)
def test_a_rate_is_read_back_from_how_it_is_written(count: Decimal, per: Period) -> None:
    assert parse_rate(format_rate(Rate(count, per))) == Rate(count, per)


@given(st.integers(0, 10**6).map(lambda n: n / 10**6))
@settings(deadline=None)
def test_a_share_is_read_back_from_how_it_is_written(share: float) -> None:
    assert parse_share(format_share(share)) == share
    assert parse_share(share) == share


@given(st.integers(0, 10**12))
@settings(deadline=None)
def test_a_count_is_read_back_from_how_it_is_written(count: int) -> None:
    assert parse_count(format_count(count)) == count
    assert parse_count(count) == count


@given(minutes, minutes, st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]))
@settings(deadline=None)
def test_a_window_is_read_back_from_how_it_is_written(start: time, end: time, zone: str) -> None:
    window = Window(start, end, zone)
    if start != end:
        assert parse_window(format_window(window)) == window
        assert 0 < window.length_s < 24 * 3600


@given(
    st.sampled_from(PARSERS),
    st.one_of(
        st.text(),
        st.text(alphabet="0123456789.%/kMsmhd -+eEUSDEUR:_,"),
        st.floats(),
        st.integers(),
        st.booleans(),
        st.none(),
        st.lists(st.integers()),
    ),
)
@settings(deadline=None)
def test_anything_is_a_value_or_refused(parse: Callable[[object], Any], value: object) -> None:
    with suppress(NotAValue):
        parse(value)


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (parse_duration_s, "800ms", 0.8),
        (parse_duration_s, "1h30m", 5400.0),
        (parse_duration_s, "1.5 s", None),
        (parse_duration_s, "0.1s", 0.1),
        (parse_duration_s, "11y", None),
        (parse_duration_s, "4000d", None),
        (parse_money, "5000 USD", Money(Decimal(5000))),
        (parse_money, "0.05USD", Money(Decimal("0.05"))),
        (parse_money, "9 USD / hour", Money(Decimal(9), "hour")),
        (parse_money, "$5", None),
        (parse_money, "5 USD/decade", None),
        (parse_rate, "200k/day", Rate(Decimal(200_000), "day")),
        (parse_rate, "20/s", Rate(Decimal(20), "second")),
        (parse_rate, "1.5M/month", Rate(Decimal(1_500_000), "month")),
        (parse_share, "99.9%", 0.999),
        (parse_share, 0.9, 0.9),
        (parse_share, 1, 1.0),
        (parse_share, "101%", None),
        (parse_share, True, None),
        (parse_share, "9" * 400 + "e999", None),
        (parse_count, "32k", 32_000),
        (parse_count, 1000.0, 1000),
        (parse_count, "1.5k", 1500),
        (parse_count, "1.5", None),
        (parse_count, "32K", None),
        (parse_window, "22:00-24:00 UTC", Window(time(22), time(0), "UTC")),
        (parse_window, "22:00-24:30 UTC", None),
        (parse_window, "22:00-23:00", None),
    ],
)
def test_these_texts_mean_these_values(
    parse: Callable[[object], Any], text: object, value: object
) -> None:
    if value is None:
        with pytest.raises(NotAValue):
            parse(text)
    else:
        assert parse(text) == value


def test_periods_are_converted_over_a_year_of_365_days() -> None:
    assert parse_rate("365/year").per_day == 1
    assert parse_rate("86400/day").per_second == 1
    assert parse_money("12 USD/year").usd_per_month == 1
    assert parse_money("1 USD/hour").usd_per_month == 730
    assert parse_money("5 USD").usd_per_month == 5


def test_a_window_may_run_over_midnight() -> None:
    assert parse_window("23:00-01:30 UTC").length_s == 9000
