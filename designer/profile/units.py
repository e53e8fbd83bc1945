"""Typed scalars of a profile: durations, money, rates, shares, token counts, daily windows.

Text in, plain values out, and back: for every kind `parse(format(value)) == value`. A bare number
where a unit belongs is refused rather than guessed. Nothing here knows keys, files or pydantic;
what cannot be read raises `NotAValue`, whose message can stand in a diagnostic as it is.
"""

import re
from collections.abc import Mapping
from datetime import time
from decimal import Decimal, InvalidOperation
from typing import Final, Literal, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from msgspec import Struct

Period = Literal["second", "minute", "hour", "day", "week", "month", "year"]
MoneyPeriod = Literal["request", "hour", "day", "week", "month", "year"]

SECONDS_IN: Final[Mapping[str, int]] = {
    "second": 1,
    "minute": 60,
    "hour": 3_600,
    "day": 86_400,
    "week": 604_800,
    "month": 2_628_000,
    "year": 31_536_000,
}
"""A month is a twelfth of 365 days, so that twelve months are a year."""

DURATION: Final = r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d)\s*)+"
MONEY: Final = r"\d+(?:\.\d+)?\s*USD(?:\s*/\s*(?:request|hour|day|week|month|year))?"
RATE: Final = r"\d+(?:\.\d+)?[kM]?\s*/\s*(?:s|sec|second|min|minute|h|hour|d|day|week|month|year)"
SHARE: Final = r"\d+(?:\.\d+)?\s*%"
COUNT: Final = r"\d+(?:\.\d+)?[kM]?"
WINDOW: Final = r"([01]\d|2[0-3]):([0-5]\d)\s*-\s*([01]\d|2[0-4]):([0-5]\d)\s+([A-Za-z][\w+/-]*)"

_DURATION_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)\s*")
_UNIT_S: Final = {
    "d": Decimal(86_400),
    "h": Decimal(3_600),
    "m": Decimal(60),
    "s": Decimal(1),
    "ms": Decimal("0.001"),
}
_RATE_UNIT: Final[Mapping[str, Period]] = {
    "s": "second",
    "sec": "second",
    "second": "second",
    "min": "minute",
    "minute": "minute",
    "h": "hour",
    "hour": "hour",
    "d": "day",
    "day": "day",
    "week": "week",
    "month": "month",
    "year": "year",
}
_RATE_SHORT: Final[Mapping[Period, str]] = {"second": "s", "minute": "min", "hour": "h"}
_MULTIPLE: Final = {"": Decimal(1), "k": Decimal(1_000), "M": Decimal(1_000_000)}

MAX_DURATION_S: Final = 10 * SECONDS_IN["year"]
MAX_DIGITS: Final = 18
"""Longer numbers are typing accidents, and would make exact decimals costly."""


class NotAValue(ValueError):  # noqa: N818  (it is a finding about the user's text, not a fault)
    """The text is not a value of the wanted kind; the message says how to write one."""


class Money(Struct, frozen=True, order=True):
    usd: Decimal
    per: MoneyPeriod | None = None

    def __str__(self) -> str:
        return format_money(self)

    @property
    def usd_per_month(self) -> Decimal:
        """What an amount per period makes in a month; a plain amount is taken as monthly."""
        if self.per in (None, "request", "month"):
            return self.usd
        return self.usd * SECONDS_IN["month"] / SECONDS_IN[cast(str, self.per)]


class Rate(Struct, frozen=True):
    count: Decimal
    per: Period

    def __str__(self) -> str:
        return format_rate(self)

    @property
    def per_second(self) -> float:
        return float(self.count / SECONDS_IN[self.per])

    @property
    def per_day(self) -> float:
        return float(self.count * SECONDS_IN["day"] / SECONDS_IN[self.per])

    @property
    def per_month(self) -> float:
        return float(self.count * SECONDS_IN["month"] / SECONDS_IN[self.per])


class Window(Struct, frozen=True):
    """A stretch of every day; `end` before `start` runs over midnight."""

    start: time
    end: time
    zone: str

    def __str__(self) -> str:
        return format_window(self)

    @property
    def length_s(self) -> int:
        minutes = (self.end.hour - self.start.hour) * 60 + self.end.minute - self.start.minute
        return minutes % (24 * 60) * 60


def parse_duration_s(value: object) -> float:
    """Seconds from `800ms`, `2s`, `1m30s`, `1h`, `30d`."""
    text = _text(value, "a duration", "write a unit, for example `30s`, `800ms`, `5m`, `1h`")
    if not re.fullmatch(DURATION, text, re.ASCII):
        _refuse_negative(text, "a duration")
        raise NotAValue("not a duration; write for example `800ms`, `2s`, `5m`, `1h30m`")
    parts = _DURATION_PART.findall(text)
    if len({unit for _, unit in parts}) != len(parts):
        raise NotAValue("a duration that names a unit twice; write for example `1h30m`")
    seconds = sum((_decimal(number) * _UNIT_S[unit] for number, unit in parts), Decimal(0))
    if seconds > MAX_DURATION_S:
        raise NotAValue("longer than ten years")
    return float(seconds)


def parse_money(value: object) -> Money:
    """An amount in US dollars, with or without a period: `5000 USD`, `9 USD/hour`."""
    text = _text(value, "an amount of money", "write the currency, for example `5000 USD`")
    found = re.fullmatch(r"([\d.]+)\s*USD(?:\s*/\s*([a-z]+))?", text, re.ASCII)
    if not re.fullmatch(MONEY, text, re.ASCII) or not found:
        _refuse_negative(text, "an amount of money")
        raise NotAValue(_why_no_money(text))
    return Money(_decimal(found[1]), cast("MoneyPeriod | None", found[2]))


def parse_rate(value: object) -> Rate:
    """Requests per period: `200k/day`, `20/s`."""
    text = _text(value, "a rate", "write the period, for example `200k/day`, `20/s`")
    found = re.fullmatch(r"([\d.]+)([kM]?)\s*/\s*([a-z]+)", text, re.ASCII)
    if not re.fullmatch(RATE, text, re.ASCII) or not found:
        _refuse_negative(text, "a rate")
        raise NotAValue("not a rate; write for example `200k/day`, `600/min`, `20/s`")
    return Rate(_decimal(found[1]) * _MULTIPLE[found[2]], _RATE_UNIT[found[3]])


def parse_share(value: object) -> float:
    """0 to 1, from `90%` or `0.9`."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise NotAValue("not a share; write for example `90%` or `0.9`")
    text = str(value).strip()
    percent = text.endswith("%")
    if text.startswith("-"):
        raise NotAValue("a share cannot be negative")
    number = text.removesuffix("%").strip()
    if not re.fullmatch(r"\d*\.?\d+(?:[eE][-+]?\d{1,3})?|\d+\.", number, re.ASCII):
        raise NotAValue("not a share; write for example `90%` or `0.9`")
    share = _decimal(number) / (100 if percent else 1)
    if share > 1:
        more = "" if percent else f"; did you mean `{number}%`?"
        raise NotAValue("more than 100 %" + (more if _decimal(number) <= 100 else ""))
    return float(share)


def parse_count(value: object) -> int:
    """A whole number, `k` being a thousand: `800`, `32k`, `1.5M`."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise NotAValue("not a number; write for example `800` or `32k`")
    text = str(value).strip()
    if text.endswith(".0"):  # `1e3` is a float in YAML
        text = text.removesuffix(".0")
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([kM]?)", text, re.ASCII)
    if not found:
        _refuse_negative(text, "a count")
        raise NotAValue("not a number; write for example `800` or `32k` (k is a thousand)")
    count = _decimal(found[1]) * _MULTIPLE[found[2]]
    if count != count.to_integral_value():
        raise NotAValue("not a whole number")
    return int(count)


def parse_window(value: object) -> Window:
    """`01:00-05:00 Europe/Berlin`."""
    text = _text(value, "a daily window", 'write it as `"01:00-05:00 Europe/Berlin"`, in quotes')
    found = re.fullmatch(WINDOW, text, re.ASCII)
    if not found or (found[3] == "24" and found[4] != "00"):
        raise NotAValue('not a daily window; write for example `"01:00-05:00 Europe/Berlin"`')
    start, end = time(int(found[1]), int(found[2])), time(int(found[3]) % 24, int(found[4]))
    if start == end:
        raise NotAValue("a window that starts and ends at the same minute; leave it out instead")
    if not _is_zone(found[5]):
        raise NotAValue(f"`{found[5]}` is not a time zone; write for example `Europe/Berlin`")
    return Window(start, end, found[5])


def format_duration_s(seconds: float) -> str:
    exact = Decimal(repr(float(seconds)))
    if exact == 0:
        return "0s"
    if exact != exact.to_integral_value():
        milliseconds = exact * 1000
        if exact < 1 and milliseconds == milliseconds.to_integral_value():
            return f"{int(milliseconds)}ms"
        return f"{exact:f}s"
    left, parts = int(exact), []
    for unit in ("d", "h", "m", "s"):
        count, left = divmod(left, int(_UNIT_S[unit]))
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


def format_money(money: Money) -> str:
    return f"{_plain(money.usd)} USD" + (f"/{money.per}" if money.per else "")


def format_rate(rate: Rate) -> str:
    return f"{format_count(rate.count)}/{_RATE_SHORT.get(rate.per, rate.per)}"


def format_share(share: float) -> str:
    return f"{_plain(Decimal(repr(float(share))) * 100)}%"


def format_count(count: int | Decimal) -> str:
    exact = Decimal(count)
    for suffix in ("M", "k"):
        if exact and exact % _MULTIPLE[suffix] == 0:
            return f"{_plain(exact / _MULTIPLE[suffix])}{suffix}"
    return _plain(exact)


def format_window(window: Window) -> str:
    return f"{window.start:%H:%M}-{window.end:%H:%M} {window.zone}"


def _text(value: object, kind: str, hint: str) -> str:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if value < 0:
            raise NotAValue(f"{kind} cannot be negative")
        raise NotAValue(f"a bare number where {kind} belongs; {hint}")
    raise NotAValue(f"not {kind}; {hint}")


def _refuse_negative(text: str, kind: str) -> None:
    if re.match(r"-\s*\d", text):
        raise NotAValue(f"{kind} cannot be negative")


def _why_no_money(text: str) -> str:
    other = re.search(r"(?<![A-Za-z])(?!USD)[A-Z]{3}(?![A-Za-z])|[€£¥]", text)
    if other:
        return f"money is in USD only, not {other[0]}; convert it, for example `5000 USD`"
    if "," in text or "_" in text:
        return "digits are not grouped here; write for example `5000 USD`"
    return "not an amount of money; write for example `5000 USD`, `30 USD/day`, `0.05 USD`"


def _decimal(number: str) -> Decimal:
    if sum(character.isdigit() for character in number) > MAX_DIGITS:
        raise NotAValue(f"a number of more than {MAX_DIGITS} digits")
    try:
        return Decimal(number)
    except InvalidOperation as error:
        raise NotAValue("not a number") from error


def _plain(number: Decimal) -> str:
    """Without exponent and without trailing zeros after the point."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return not available_timezones()  # a system without the database cannot judge
    return True
