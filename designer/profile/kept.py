"""Read a profile back as plan.json keeps it: typed scalars by their parts, durations as seconds.

Only what `Profile.model_dump` wrote is understood; a profile that somebody writes is read by
`designer.profile.load`.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from pydantic import ValidationError

from designer.errors import UsageError
from designer.profile.model import Profile
from designer.profile.scalars import LEFT_ALONE
from designer.profile.units import Money, Rate, format_duration_s, format_money, format_rate

_DURATIONS: Final = frozenset(
    {
        "ttft_p95",
        "total_p95",
        "timeout",
        "first_token",
        "deadline",
        "cooldown",
        "latency_window",
        "ttl",
    }
)
_LIMITS: Final = frozenset(
    {"timeout", "first_token", "deadline", "cooldown", "attempts_per_request"}
)
"""Where nothing means that the gateway decides."""


def read_kept(value: Any) -> Profile:
    """Raises UsageError where this is no profile that this version kept."""
    try:
        return Profile.model_validate(_written(value, ""))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"plan.json keeps a profile that cannot be read: {where}") from error


def _written(value: Any, key: str) -> Any:
    """As a profile writes it."""
    match value:
        case {"usd": usd, "per": per}:
            return format_money(Money(Decimal(usd), per))
        case {"count": count, "per": per}:
            return format_rate(Rate(Decimal(count), per))
        case {"start": str(start), "end": str(end), "zone": zone}:
            return f"{start[:5]}-{end[:5]} {zone}"
        case Mapping():
            # What is passed through has words of its own.
            return {k: v if k == "passthrough" else _written(v, k) for k, v in value.items()}
        case list():
            return [_written(item, "") for item in value]
        case None if key in _LIMITS:
            return LEFT_ALONE
        case int() | float() if key in _DURATIONS and not isinstance(value, bool):
            return format_duration_s(value)
        case _:
            return value
