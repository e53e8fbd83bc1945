"""Small changes to a profile, as a grid: each key's values in steps away from what it says.

The grid is what `designer why --flip` searches; docs/choosing.md lists it. Pinning a deployment or a gateway
is not in it: that a choice can be forced says nothing about why it was not made.
"""

import copy
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, Final

from msgspec import Struct

from designer.profile.regions import COUNTRY_OF, GROUPS
from designer.profile.units import parse_count

Parts = tuple[str | int, ...]
Said = Mapping[str, Any]
"""A profile as plain values, only what it says."""


class Edit(Struct, frozen=True):
    """`None` is a key that is left out."""

    parts: Parts
    old: Any
    new: Any

    @property
    def path(self) -> str:
        text = ""
        for part in self.parts:
            text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
        return text

    def __str__(self) -> str:
        return f"{self.path}: {_written(self.old)} → {_written(self.new)}"


def _written(value: Any) -> str:
    if value is None:
        return "(left out)"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def in_full(said: Said) -> Said:
    """Short forms written out, so that each key has one place: `cache: exact`, `gateway: litellm@1.106`."""
    full = copy.deepcopy(dict(said))
    use, _, version = str(full.get("gateway") or "").partition("@")
    if isinstance(full.get("gateway"), str):
        full["gateway"] = {"use": use} | ({"version": version} if version else {})
    for section in (full, *full["workloads"]):
        if isinstance(section.get("cache"), str):
            section["cache"] = {"mode": section["cache"]}
    return full


def edited(said: Said, edits: Iterable[Edit]) -> dict[str, Any]:
    """A copy with every edit made."""
    changed = copy.deepcopy(dict(said))
    for edit in edits:
        at: Any = changed
        for part in edit.parts[:-1]:
            at = at[part] if isinstance(part, int) else at.setdefault(part, {})
        if edit.new is None:
            at.pop(edit.parts[-1], None)
        else:
            at[edit.parts[-1]] = edit.new
    return changed


def grid(said: Said, workloads: Sequence[int]) -> list[Edit]:
    """Of the profile's own keys, then of these workloads' keys; the smaller step first."""
    found = [edit for key in (*OF_PROFILE, *POLICIES) for edit in _steps(said, (), key)]
    for index in workloads:
        base = ("workloads", index)
        found += [edit for key in OF_WORKLOAD for edit in _steps(said, base, key)]
        own = [key for key in POLICIES if _value(said, _parts(base, key)) is not None]
        found += [edit for key in own for edit in _steps(said, base, key)]
    return found


def pairs(edits: Sequence[Edit]) -> Iterator[tuple[Edit, Edit]]:
    """Two edits of different keys."""
    return ((a, b) for a, b in combinations(edits, 2) if a.parts != b.parts)


def _steps(said: Said, base: Parts, key: str) -> Iterator[Edit]:
    parts = _parts(base, key)
    old = _value(said, parts)
    steps = {**OF_PROFILE, **POLICIES, **OF_WORKLOAD}[key]
    for new in steps(old):
        if new != old:
            yield Edit(parts, old, new)


def _parts(base: Parts, key: str) -> Parts:
    return (*base, *key.split("."))


def _value(said: Said, parts: Parts) -> Any:
    at: Any = said
    for part in parts:
        if isinstance(part, str) and not isinstance(at, Mapping):
            return None
        at = at.get(part) if isinstance(at, Mapping) else at[part]
        if at is None:
            return None
    return at


# --- Steps ----------------------------------------------------------------------------------------

Steps = Callable[[Any], Iterable[Any]]


def _drop(old: Any) -> Iterable[Any]:
    return [None]


def _one_less(old: Any) -> Iterable[Any]:
    return [[item for item in old if item != gone] for gone in old or ()]


def _one_of(*values: Any) -> Steps:
    return lambda old: values


def _when_said(*values: Any) -> Steps:
    return lambda old: () if old is None else values


def _wider(old: Any) -> Iterable[Any]:
    """A cloud region to its country, a country to its group, and at last anywhere."""
    if not old:
        return
    tokens = [str(token).lower() for token in old]
    yield [COUNTRY_OF.get(token, token) for token in tokens]
    groups = [next((g for g in GROUPS if COUNTRY_OF.get(t, t) in GROUPS[g]), t) for t in tokens]
    yield list(dict.fromkeys(groups))
    yield None


def _money(old: Any) -> Iterable[Any]:
    if old is not None:
        usd, rest = str(old).split(" ", 1)
        yield from (
            f"{float(usd) * factor:.10f}".rstrip("0").rstrip(".") + f" {rest}" for factor in (2, 5)
        )
        yield None


def _half(old: Any) -> Iterable[Any]:
    return () if old is None else (max(1, parse_count(old) // 2), None)


_LEVELS: Final = ("smart", "balanced", "fast")


def _quality(old: Any) -> Iterable[Any]:
    if isinstance(old, Mapping):
        return [{**old, "min": old["min"] - less} for less in (50, 100, 200)]
    at = _LEVELS.index(old or "balanced")
    return [*_LEVELS[at + 1 :], *reversed(_LEVELS[:at])]


_GOALS: Final = ("99.99%", "99.9%", "99.5%", "99%")


def _goal(old: Any) -> Iterable[Any]:
    if old is not None:
        yield from (goal for goal in _GOALS if _percent(goal) < _percent(old))
        yield None


def _percent(share: Any) -> float:
    return float(str(share).removesuffix("%"))


OF_WORKLOAD: Final[Mapping[str, Steps]] = {
    "models.first": _drop,
    "models.deny": _drop,
    "models.allow": _drop,
    "needs": _one_less,
    "context": _half,
    "params.max_tokens": _half,
    "params.reasoning_effort": _drop,
    "quality": _quality,
    "availability": _goal,
    "prefer": _one_of("cost", "latency", "quality"),
    "budget": _drop,
    "experiment": _drop,
}
OF_PROFILE: Final[Mapping[str, Steps]] = {
    "gateway.use": _when_said("auto"),
    "gateway.deploy": _when_said("config"),
    "operations.hosting": _one_of("any", "self", "managed"),
    "operations.billing": _one_of("any", "own_keys", "single_invoice"),
    "operations.sre_team": _one_of(True, False),
    "operations.observability": _drop,
    "operations.logs.prompts": _when_said("redacted", "never"),
    "cost.max_per_request": _money,
    "cost.monthly_budget": _drop,
    "teams": _drop,
}
POLICIES: Final[Mapping[str, Steps]] = {
    "compliance.residency": _wider,
    "compliance.frameworks": _one_less,
    "compliance.retention": _when_said("any"),
    "compliance.training": _when_said("allow"),
    "guardrails.pii.input": _when_said("block", "off"),
    "guardrails.pii.output": _when_said("block", "off"),
    "guardrails.deny": _drop,
    "guardrails.on_failure": _when_said("pass"),
    "cache.mode": _when_said("exact", "off"),
    "routing.strategy": _when_said("priority"),
    "routing.retries": _one_of(0),
    "routing.attempts_per_request": _one_of("gateway"),
    "routing.timeout": _one_of("gateway"),
    "routing.first_token": _one_of("gateway"),
    "routing.deadline": _one_of("gateway"),
    "routing.cooldown": _one_of("gateway"),
    "routing.on_refusal": _one_of("fallback"),
    "routing.mid_stream": _when_said("error"),
    "routing.sticky": _when_said("none"),
}
"""Keys that may stand at the top and, as an override, under a workload."""
