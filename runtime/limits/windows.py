"""The window of the calendar that a moment lies in, in a time zone: its hour, day, week, month, year.

Days begin at the zone's own midnight, so one in spring has 23 hours and one in autumn 25. Weeks begin
on Monday. Minutes are the clock's.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from designer.ir import Period

Span = Literal["minute"] | Period

_MINUTE_MS: Final = 60_000
_HOUR_MS: Final = 3_600_000


class Windows:
    """Of one time zone. Remembers the last window of each span, which is nearly always the next one too."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone: Final = zone
        self._last: dict[Span, tuple[int, int]] = {}

    def at(self, span: Span, at_ms: int) -> tuple[int, int]:
        """When it begins and when it is over, in Unix milliseconds."""
        last = self._last.get(span)
        if last is None or not last[0] <= at_ms < last[1]:
            last = self._last[span] = window(span, at_ms, self.zone)
        return last


def window(span: Span, at_ms: int, zone: ZoneInfo) -> tuple[int, int]:
    local = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone)
    match span:
        case "minute":
            return _even(at_ms, _MINUTE_MS, 0)
        case "hour":
            offset = local.utcoffset()
            assert offset is not None
            return _even(at_ms, _HOUR_MS, offset // timedelta(milliseconds=1))
    first, after = _days(span, local.date())
    return _midnight_ms(first, zone), _midnight_ms(after, zone)


def _even(at_ms: int, length_ms: int, offset_ms: int) -> tuple[int, int]:
    starts_ms = at_ms - (at_ms + offset_ms) % length_ms
    return starts_ms, starts_ms + length_ms


def _days(span: Span, day: date) -> tuple[date, date]:
    """The first day of it, and the first one after it."""
    match span:
        case "week":
            first = day - timedelta(days=day.weekday())
            return first, first + timedelta(weeks=1)
        case "month":
            return day.replace(day=1), (day.replace(day=28) + timedelta(days=4)).replace(day=1)
        case "year":
            return date(day.year, 1, 1), date(day.year + 1, 1, 1)
        case _:
            return day, day + timedelta(days=1)


def _midnight_ms(day: date, zone: ZoneInfo) -> int:
    """The first moment of the day: of a midnight that comes twice the first, of one left out the jump."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    return round(midnight.timestamp() * 1000)
