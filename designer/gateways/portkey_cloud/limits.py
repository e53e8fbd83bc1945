"""Callers and what they may spend: keys with metadata, and policies on that metadata.

All keys stand in one workspace. A key carries its team as metadata, which takes the place of what a
request says of itself, and policies count by it. Policies are of the Enterprise plan. Read in the
vendor's documentation (2026-08-21) and its provider for Terraform (2026-06-24), on 2026-11-24;
nothing of it was observed.
"""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Literal

from msgspec.structs import replace

from designer.documents import Path
from designer.ir import Budget, Key, Period, RateLimit, Routing, Scope, Team

FILE = "limits.json"
SECTIONS = ("teams", "usage_limits", "rate_limits")

TEAM, REGION, ALIAS = "team_name", "team_region", "alias"
"""Metadata: the first two are a key's own, the third is sent by `client.py`."""

RESETS: Mapping[Period, tuple[str, Any]] = {
    "day": ("periodic_reset_days", 1),
    "week": ("periodic_reset", "weekly"),
    "month": ("periodic_reset", "monthly"),
    "year": ("periodic_reset_days", 365),
}
_KEYS: Mapping[Scope, tuple[str, str]] = {
    "all": ("api_key", "workspace_id"),
    "route": (f"metadata.{ALIAS}", f"metadata.{ALIAS}"),
    "team": (f"metadata.{TEAM}", f"metadata.{TEAM}"),
}
"""By scope: what the policy's condition looks at, and what it counts by."""
_SLOTS: Mapping[str, Literal["rpm", "tpm"]] = {"requests": "rpm", "tokens": "tpm"}

# --- Made expressible -----------------------------------------------------------------------------


def in_days(budget: Budget) -> Budget:
    if budget.per != "hour":
        return budget
    return replace(budget, per="day", limit_usd=budget.limit_usd * 24)


def in_dollars(budget: Budget) -> Budget:
    return replace(budget, limit_usd=Decimal(max(1, int(budget.limit_usd))))


def in_percent(budget: Budget) -> Budget:
    percent = 0 if budget.alert is None else round(budget.alert * 100)
    return replace(budget, alert=percent / 100 if 0 < percent < 100 else None)


def joined(routing: Routing) -> Routing:
    """Limits as reading the policies back finds them."""
    written = [policy for limit in routing.rate_limits for policy in _rates(limit)]
    return replace(routing, rate_limits=tuple(_rate_limits(written)))


# --- Written --------------------------------------------------------------------------------------


def values_of(routing: Routing) -> dict[str, Any]:
    """Empty where nothing is limited and nobody has a key."""
    found = {
        "teams": [_team(team) for team in routing.teams],
        "usage_limits": [_usage(budget) for budget in routing.budgets],
        "rate_limits": [policy for limit in routing.rate_limits for policy in _rates(limit)],
    }
    return found if any(found.values()) else {}


def _team(team: Team) -> dict[str, Any]:
    region = {REGION: team.region} if team.region else {}
    return {
        "name": team.name,
        "metadata": {TEAM: team.name, **region},
        "api_keys": [{"name": key.name, "existing": key.existing} for key in team.keys],
    }


def _usage(budget: Budget) -> dict[str, Any]:
    reset, every = RESETS[budget.per]
    told = {}
    if budget.alert is not None:
        share = Decimal(round(budget.alert * 100)) / 100
        told = {"alert_threshold": _number(budget.limit_usd * share)}
    return {
        "name": _named(budget.scope, budget.of, f"a {budget.per}"),
        **_for(budget.scope, budget.of),
        "type": "cost",
        "credit_limit": int(budget.limit_usd),
        **told,
        reset: every,
    }


def _rates(limit: RateLimit) -> Iterator[dict[str, Any]]:
    for kind, slot in _SLOTS.items():
        value = getattr(limit, slot)
        if value is not None:
            yield {
                "name": _named(limit.scope, limit.of, f"{kind} a minute"),
                **_for(limit.scope, limit.of),
                "type": kind,
                "unit": "rpm",
                "value": value,
            }


def _named(scope: Scope, of: str, what: str) -> str:
    return f"everybody, {what}" if scope == "all" else f"{scope} {of}, {what}"


def _for(scope: Scope, of: str) -> dict[str, Any]:
    key, by = _KEYS[scope]
    value = "*" if scope == "all" else of
    return {"conditions": [{"key": key, "value": value}], "group_by": [{"key": by}]}


def _number(amount: Decimal) -> int | float:
    return int(amount) if amount == int(amount) else float(amount)


# --- Read -----------------------------------------------------------------------------------------


def read(written: Any, routing: Routing) -> tuple[Routing, list[Path]]:
    """With callers and limits, and the paths of what is not understood."""
    sections = written if isinstance(written, Mapping) else {}
    odd: list[Path] = []

    def each(section: str) -> Iterator[tuple[Mapping[str, Any], Path]]:
        items = sections.get(section)
        for index, item in enumerate(items if isinstance(items, list) else []):
            path = (section, index)
            if isinstance(item, Mapping):
                yield item, path
            else:
                odd.append(path)

    def kept(section: str, read_one: Any) -> list[Any]:
        found = [(read_one(item), path) for item, path in each(section)]
        odd.extend(path for value, path in found if value is None)
        return [value for value, _ in found if value is not None]

    rates = kept("rate_limits", lambda item: item if _rate(item) else None)
    odd += [(key,) for key in sections if key not in SECTIONS]
    routing = replace(
        routing,
        teams=tuple(kept("teams", _read_team)),
        budgets=tuple(kept("usage_limits", _budget)),
        rate_limits=tuple(_rate_limits(rates)),
    )
    return routing, odd


def _read_team(item: Mapping[str, Any]) -> Team | None:
    name, metadata, keys = item.get("name"), item.get("metadata"), item.get("api_keys")
    if not isinstance(name, str) or not isinstance(metadata, Mapping) or not isinstance(keys, list):
        return None
    region = metadata.get(REGION, "")
    if metadata.get(TEAM) != name or not isinstance(region, str):
        return None
    if not all(isinstance(key, Mapping) and isinstance(key.get("name"), str) for key in keys):
        return None
    own = tuple(Key(key["name"], key.get("existing") is True) for key in keys)
    return Team(name, own, region=region)


def _budget(item: Mapping[str, Any]) -> Budget | None:
    scope, limit = _scope(item), item.get("credit_limit")
    resets = {(key, item[key]) for key in ("periodic_reset", "periodic_reset_days") if key in item}
    per = next((per for per, reset in RESETS.items() if {reset} == resets), None)
    if scope is None or per is None or item.get("type") != "cost" or not _is_amount(limit):
        return None
    amount, alert = Decimal(str(limit)), item.get("alert_threshold")
    share = float(round(Decimal(str(alert)) / amount, 2)) if _is_amount(alert) else None
    return Budget(*scope, amount, per, share)


def _rate(item: Mapping[str, Any]) -> bool:
    is_known = item.get("type") in _SLOTS and item.get("unit") == "rpm"
    value = item.get("value")
    return is_known and isinstance(value, int) and _is_amount(value) and _scope(item) is not None


def _rate_limits(written: Iterable[Mapping[str, Any]]) -> Iterator[RateLimit]:
    """Requests and tokens of the same callers, one after the other, are one limit."""
    open_limit: RateLimit | None = None
    for item in written:
        scope, slot = _scope(item), _SLOTS[item["type"]]
        if scope is None:
            continue
        same = open_limit is not None and (open_limit.scope, open_limit.of) == scope
        if open_limit is not None and same and slot == "tpm" and open_limit.tpm is None:
            open_limit = replace(open_limit, tpm=item["value"])
            continue
        if open_limit is not None:
            yield open_limit
        open_limit = replace(RateLimit(*scope), **{slot: item["value"]})
    if open_limit is not None:
        yield open_limit


def _scope(item: Mapping[str, Any]) -> tuple[Scope, str] | None:
    conditions, group = item.get("conditions"), item.get("group_by")
    for scope, (key, by) in _KEYS.items():
        if group != [{"key": by}] or not isinstance(conditions, list) or len(conditions) != 1:
            continue
        (condition,) = conditions
        if not isinstance(condition, Mapping) or condition.get("key") != key:
            continue
        value = condition.get("value")
        if scope == "all":
            return (scope, "") if value == "*" else None
        return (scope, value) if isinstance(value, str) else None
    return None


def _is_amount(value: Any) -> bool:
    """A positive number; comparisons with it are safe."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 < value < 1e15
