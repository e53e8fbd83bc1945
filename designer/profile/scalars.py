"""The typed scalars of `units` as field types: how pydantic reads them and how editors see them."""

import re
from datetime import date
from typing import Annotated, Any, Final, Literal

from msgspec import Struct, structs
from pydantic import (
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic_core.core_schema import CoreSchema, no_info_after_validator_function

from designer.profile.secrets import parse_env_name
from designer.profile.units import (
    COUNT,
    DURATION,
    MONEY,
    RATE,
    SHARE,
    WINDOW,
    Money,
    NotAValue,
    Rate,
    Window,
    parse_count,
    parse_duration_s,
    parse_money,
    parse_rate,
    parse_share,
    parse_window,
)


def _pattern(pattern: str, *examples: str) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^{pattern}$", "examples": list(examples)}


def read_seconds(value: object) -> float:
    return parse_duration_s(value)


def read_some_seconds(value: object) -> float:
    seconds = parse_duration_s(value)
    if seconds == 0:
        raise NotAValue("zero; it must be longer than nothing")
    return seconds


def _read_some_share(value: object) -> float:
    share = parse_share(value)
    if share == 0:
        raise NotAValue("zero; it must be more than nothing")
    return share


LEFT_ALONE: Final = "gateway"
"""The word for a limit that is left to the gateway: nothing is written for it."""


def read_limit_s(value: object) -> float | None:
    return None if value == LEFT_ALONE else read_some_seconds(value)


def read_cooldown_s(value: object) -> float | None:
    return None if value == LEFT_ALONE else read_seconds(value)


def _read_tries(value: object) -> object:
    if value is None:
        raise NotAValue(f"nothing; `{LEFT_ALONE}` leaves it to the gateway")
    return None if value == LEFT_ALONE else value


def _read_money(value: object) -> Money:
    return value if isinstance(value, Money) else parse_money(value)


def _read_total(value: object) -> Money:
    money = _read_money(value)
    if money.per is not None:
        raise NotAValue(f"an amount per {money.per} where a plain one belongs (`{money.usd} USD`)")
    return money


def _read_monthly(value: object) -> Money:
    money = _read_money(value)
    if money.per not in (None, "month"):
        raise NotAValue(f"an amount per {money.per}; here it is per month (`5000 USD/month`)")
    return Money(money.usd, "month")


def _read_hourly(value: object) -> Money:
    money = _read_money(value)
    if money.per in (None, "request"):
        raise NotAValue("an amount without its period; write for example `9 USD/hour`")
    return money


def _read_limit(value: object) -> Money:
    money = _read_money(value)
    if money.per not in ("hour", "day", "week", "month", "year"):
        raise NotAValue("a budget without its period; write for example `30 USD/day`")
    return money


def _read_rate(value: object) -> Rate:
    return value if isinstance(value, Rate) else parse_rate(value)


def _read_window(value: object) -> Window:
    return value if isinstance(value, Window) else parse_window(value)


def _read_positive_count(value: object) -> int:
    count = parse_count(value)
    if count == 0:
        raise NotAValue("zero; it must be at least 1")
    return count


def _read_version(value: object) -> object:
    if isinstance(value, bool) or value != 1:
        raise NotAValue("not a version of this format; write `1`, without quotes")
    return 1


def _read_date(value: object) -> date:
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value).strip())
    except ValueError as error:
        raise NotAValue("not a date; write for example `2027-06-30`") from error


_DURATION_SCHEMA: Final = _pattern(DURATION, "800ms", "2s", "5m", "1h30m")
_HOURLY_SCHEMA: Final = _pattern(MONEY, "9 USD/hour", "7300 USD/month")
_AS_MAP: Final = PlainSerializer(structs.asdict)

Seconds = Annotated[float, BeforeValidator(read_seconds), WithJsonSchema(_DURATION_SCHEMA)]
"""A duration; zero is allowed."""
SomeSeconds = Annotated[float, BeforeValidator(read_some_seconds), WithJsonSchema(_DURATION_SCHEMA)]
"""A duration longer than nothing."""
_LIMIT_SCHEMA: Final = {
    "oneOf": [_DURATION_SCHEMA, {"const": LEFT_ALONE}],
    "examples": [*_DURATION_SCHEMA["examples"], LEFT_ALONE],
}
_AS_LEFT_ALONE: Final = PlainSerializer(lambda value: LEFT_ALONE if value is None else value)
LimitSeconds = Annotated[
    float | None, BeforeValidator(read_limit_s), _AS_LEFT_ALONE, WithJsonSchema(_LIMIT_SCHEMA)
]
"""A duration longer than nothing; None where it is left to the gateway."""
CooldownSeconds = Annotated[
    float | None, BeforeValidator(read_cooldown_s), _AS_LEFT_ALONE, WithJsonSchema(_LIMIT_SCHEMA)
]
"""A duration, zero allowed; None where it is left to the gateway."""
Tries = Annotated[
    Annotated[int, Field(strict=True, ge=1, le=100)] | None,
    BeforeValidator(_read_tries),
    _AS_LEFT_ALONE,
    WithJsonSchema(
        {
            "oneOf": [{"type": "integer", "minimum": 1, "maximum": 100}, {"const": LEFT_ALONE}],
            "examples": [4, LEFT_ALONE],
        }
    ),
]
"""A number of tries; None where it is left to the gateway."""
PerRequestMoney = Annotated[
    Money,
    BeforeValidator(_read_total),
    _AS_MAP,
    WithJsonSchema(_pattern(r"\d+(?:\.\d+)?\s*USD", "0.05 USD")),
]
MonthlyMoney = Annotated[
    Money,
    BeforeValidator(_read_monthly),
    _AS_MAP,
    WithJsonSchema(_pattern(r"\d+(?:\.\d+)?\s*USD(?:\s*/\s*month)?", "5000 USD")),
]
LimitMoney = Annotated[
    Money,
    BeforeValidator(_read_limit),
    _AS_MAP,
    WithJsonSchema(
        _pattern(
            r"\d+(?:\.\d+)?\s*USD\s*/\s*(?:hour|day|week|month|year)",
            "30 USD/day",
            "3000 USD/month",
        )
    ),
]
"""Money with a period, as budgets have it."""
HourlyMoney = Annotated[
    Money, BeforeValidator(_read_hourly), _AS_MAP, WithJsonSchema(_HOURLY_SCHEMA)
]
"""Money per stretch of time, as rented machines and commitments cost it."""
RequestRate = Annotated[
    Rate, BeforeValidator(_read_rate), _AS_MAP, WithJsonSchema(_pattern(RATE, "200k/day", "20/s"))
]
Share = Annotated[
    float,
    BeforeValidator(parse_share),
    WithJsonSchema(
        {
            "oneOf": [
                {"type": "string", "pattern": f"^{SHARE}$"},
                {"type": "number", "minimum": 0, "maximum": 1},
            ],
            "examples": ["90%", 0.9],
        }
    ),
]
"""0 to 1."""
SomeShare = Annotated[
    float,
    BeforeValidator(_read_some_share),
    WithJsonSchema(
        {
            "oneOf": [
                {"type": "string", "pattern": f"^{SHARE}$"},
                {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
            ],
            "examples": ["80%", 0.8],
        }
    ),
]
"""More than 0, up to 1."""
Count = Annotated[
    int,
    BeforeValidator(_read_positive_count),
    WithJsonSchema(
        {
            "oneOf": [
                {"type": "integer", "minimum": 1},
                {"type": "string", "pattern": f"^{COUNT}$"},
            ],
            "examples": [800, "32k", "400k"],
        }
    ),
]
"""A positive whole number in which `k` is a thousand."""
DailyWindow = Annotated[
    Window,
    BeforeValidator(_read_window),
    _AS_MAP,
    WithJsonSchema(_pattern(WINDOW, "01:00-05:00 Europe/Berlin")),
]
EnvName = Annotated[
    str,
    BeforeValidator(parse_env_name),
    WithJsonSchema(_pattern(r"(?:env:)?[A-Za-z_][A-Za-z0-9_]{0,127}", "AZURE_SE_KEY")),
]
Day = Annotated[
    date, BeforeValidator(_read_date), WithJsonSchema({"type": "string", "format": "date"})
]


class Shaped(Struct, frozen=True):
    """Text of a fixed shape; `kind` says in words what is wanted."""

    pattern: str
    kind: str
    examples: tuple[str, ...] = ()

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return no_info_after_validator_function(self._read, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        more = {"examples": list(self.examples)} if self.examples else {}
        return {"type": "string", "pattern": f"^{self.pattern}$", **more}

    def _read(self, text: str) -> str:
        if not re.fullmatch(self.pattern, text, re.ASCII):
            raise NotAValue(f"not {self.kind}")
        return text


Text = Annotated[str, Field(min_length=1, max_length=2_000)]
Texts = Annotated[
    tuple[Text, ...],
    BeforeValidator(lambda value: (value,) if isinstance(value, str) else value),
    PlainSerializer(lambda value: value[0] if len(value) == 1 else list(value)),
    WithJsonSchema(
        {
            "oneOf": [
                (_TEXT := {"type": "string", "minLength": 1}),
                {"type": "array", "items": _TEXT},
            ]
        }
    ),
]
"""One, or a list."""
Examples = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=500)], ...], Field(max_length=20)
]
"""Short texts; bounded, because patterns are run over them."""
Name = Annotated[
    str,
    Shaped(
        r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}",
        "a name (letters, digits, `.`, `_`, `-`; 63 at most, a letter or digit first)",
    ),
]
"""A name that is also part of ids and file names."""
_UNSEEN: Final = r"\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff"
_OUTER: Final = rf"[^{_UNSEEN} \u00a0\u3000]"
Alias = Annotated[
    str,
    Shaped(
        rf"{_OUTER}(?:[^{_UNSEEN}]{{0,198}}{_OUTER})?",
        "a model name (200 characters at most, none of them invisible, no space at its ends)",
        ("support-chat", "openai/gpt-4o"),
    ),
]
"""What applications call a route: gateways take nearly any text for it."""
ModelName = Annotated[
    str,
    Shaped(
        r"[A-Za-z0-9@*][A-Za-z0-9@._:/*+-]{0,199}",
        "the name of a model, for example `azure-se/gpt-x` or `bedrock/*`",
    ),
]
"""A model or a deployment: `azure-se/gpt-x`, patterns such as `bedrock/*`."""
ExperimentKey = Annotated[
    str,
    Shaped(
        r"(user|request|metadata\.[A-Za-z0-9_-]+)",
        "one of `user`, `request`, `metadata.<key>`",
        ("user", "request", "metadata.tenant"),
    ),
]
RouteKey = Annotated[
    str,
    Shaped(
        r"(task|team\.(name|region)|metadata\.[A-Za-z0-9_-]+)",
        "one of `task`, `team.name`, `team.region`, `metadata.<key>`",
        ("task", "team.region", "metadata.tier"),
    ),
]
Url = Annotated[
    str,
    Shaped(
        rf"https?://[^\s/@]+(/\S*)?|{LEFT_ALONE}",
        "an address; write for example `https://example.openai.azure.com` (no user or password "
        "in it)",
    ),
]
"""An address; `gateway` where none is to be written."""
RuleCode = Annotated[str, Shaped(r"[A-Z]{3}[0-9]{3}", "a finding's code, for example `LNT402`")]
FormatVersion = Annotated[Literal[1], BeforeValidator(_read_version)]
Switched = Annotated[bool, Field(strict=True)]
Need = Literal["tools", "json", "streaming", "vision"]
