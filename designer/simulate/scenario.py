"""Read a scenario: traffic, faults with their times and targets, and what must hold.

The text becomes frozen values here, or findings with positions; which deployments a target means is
decided against a configuration (`designer.simulate.faults`).
"""

import operator
import re
from collections.abc import Callable, Mapping
from math import inf
from typing import Any

from msgspec import Struct

from designer.diagnostics import Place, Report, Rule, Severity
from designer.documents import Document, Path, read_yaml
from designer.engine.outcomes import CONTENT_FAULTS, KINDS, STATUS_OF_KIND
from designer.profile.units import (
    NotAValue,
    parse_duration_s,
    parse_money,
    parse_rate,
    parse_share,
)
from designer.reading import BAD_VALUE, Reader, guess
from designer.simulate.builtin import BUILTIN

UNKNOWN_KIND = Rule(
    "SIM621",
    Severity.ERROR,
    "unknown kind of fault `{kind}`{guess}",
    "A fault that is not performed would make every dry run look better than it is.",
    help="known kinds: {known}",
)
REPLAYED = Rule(
    "SIM622",
    Severity.ERROR,
    "`{key}` says nothing about traffic that is replayed",
    "Recorded requests come when they came: a rate or a curve would be another traffic.",
    help="remove `{key}` or `replay`",
)
NOT_A_VALUE = Rule(
    "SIM623",
    Severity.ERROR,
    "{what}: {problem}",
    "Durations, rates, shares and amounts are written as in a profile: `5m`, `20/s`, `40%`, `1.40 USD`.",
)
NO_TARGET = Rule(
    "SIM624",
    Severity.ERROR,
    "this fault has no target",
    "A fault without a target could mean everything or nothing.",
    help="name one of {known}; `{{provider: '*'}}` means every deployment",
)
GUARDRAIL_KIND = Rule(
    "SIM625",
    Severity.ERROR,
    "a {what} cannot be the target of `{kind}`",
    "Guardrails and caches answer or are down; the other kinds are faults of providers.",
    help="use `kind: down`",
)
KEY_OF_OTHER_KIND = Rule(
    "SIM626",
    Severity.WARNING,
    "`{key}` says nothing about the kind `{kind}`",
    "Each kind has its own keys.",
    instead="it is ignored",
    help="keys of `{kind}`: {known}",
)
ENDS_FIRST = Rule(
    "SIM627",
    Severity.ERROR,
    "this fault ends ({to}) before it begins ({start})",
    "It would never act.",
)
UNKNOWN_NAME = Rule(
    "SIM628",
    Severity.ERROR,
    "there is no scenario called `{name}`{guess}",
    "Built-in scenarios are known by name; one of your own is a file.",
    help="built in: {known}",
)


class Traffic(Struct, frozen=True):
    rate_per_s: float | None = None
    """Of all routes together; None: the profile's."""
    for_s: float | None = None
    factor: float = 1.0
    is_daily: bool = False
    """Rates follow the curve of a day that begins at 0."""
    teams: Mapping[str, float] = {}
    """Shares of the requests, by the team that they are of; the rest is nobody's."""
    teams_place: Place = Place()
    replay: str = ""
    """The log whose requests come instead, as the file names it."""
    place: Place = Place()
    """Of `replay`."""


class Target(Struct, frozen=True):
    """All that is given has to match. Patterns as in a shell; `@first` is what most requests ask first."""

    provider: str = ""
    model: str = ""
    region: str = ""
    deployment: str = ""
    route: str = ""
    guardrail: str = ""
    cache: str = ""
    """By its mode, since caches have no names."""

    def __str__(self) -> str:
        named = {key: getattr(self, key) for key in SELECTORS}
        return ", ".join(f"{key} {value}" for key, value in named.items() if value)


SELECTORS = ("provider", "model", "region", "deployment", "route", "guardrail", "cache")


class Fault(Struct, frozen=True):
    target: Target
    kind: str
    from_s: float = 0.0
    to_s: float = inf
    share: float = 1.0
    """Of the attempts that meet it."""
    status: int = 200
    retry_after_s: float | None = None
    factor: float = 1.0
    first_token_s: float | None = None
    delay_s: float | None = None
    after_chunks: int | None = None
    is_inferred: bool = False
    """Concluded from a log, not known to have been."""
    place: Place = Place()


class Bound(Struct, frozen=True):
    """One thing that must hold: `availability >= 0.999` of a route, or of all."""

    name: str
    compare: str
    limit: float | str
    text: str
    """As the file says it."""
    route: str = ""
    place: Place = Place()


class Scenario(Struct, frozen=True):
    name: str
    traffic: Traffic
    faults: tuple[Fault, ...]
    bounds: tuple[Bound, ...]
    file: str = ""
    replicas: int = 1
    """How many processes share the requests, each with cooldowns and counters of its own."""

    @property
    def for_s(self) -> float:
        """What was said, or else half an hour, and ten minutes after the last fault's end."""
        if self.traffic.for_s is not None:
            return self.traffic.for_s
        ends = (fault.to_s if fault.to_s < inf else fault.from_s for fault in self.faults)
        return max(1800.0, max(ends, default=0.0) + 600.0)


def builtin_scenario(name: str, report: Report) -> Scenario | None:
    if name not in BUILTIN:
        known = tuple(BUILTIN)
        report.add(UNKNOWN_NAME, "", name=name, guess=guess(name, known), known=", ".join(known))
        return None
    return load_scenario(BUILTIN[name], f"<{name}>", report)


def load_scenario(text: str, file: str, report: Report) -> Scenario | None:
    """None, with findings, when the file has errors."""
    found = Report()
    document = read_yaml(text, file, found)
    scenario = None if document is None else _Scenario(document, found).read()
    report.extend(found)
    return None if found.has_errors else scenario


# --- Reading --------------------------------------------------------------------------------------

_KEYS = ("version", "name", "traffic", "replicas", "faults", "assert")
_COMMON_KEYS = ("target", "kind", "from", "to", "share", "inferred")
_KEYS_OF_KIND: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(KINDS, ()),
    **dict.fromkeys(CONTENT_FAULTS, ("after_chunks",)),
    "http": ("status", "retry_after", "delay"),
    "rate_limit": ("status", "retry_after", "delay"),
    "exhausted": ("status", "retry_after", "delay"),
    "latency": ("factor",),
    "slow_first_token": ("first_token",),
    "reset": ("delay",),
}
_FAULT_KEYS = (
    *_COMMON_KEYS,
    *("status", "retry_after", "factor", "first_token", "delay", "after_chunks"),
)


class _Scenario:
    def __init__(self, document: Document, report: Report) -> None:
        self.document = document
        self.report = report
        self.reader = Reader(document, report)

    def read(self) -> Scenario | None:
        value = self.document.value
        if not self.reader.is_a(value, dict, (), "a scenario"):
            return None
        self.reader.knows(value, _KEYS, (), "a scenario")
        if "version" in value and value["version"] != 1:
            self.bad(("version",), "`version`", value["version"], "1")
        faults = self.items(value, "faults")
        bounds = self.items(value, "assert")
        return Scenario(
            name=str(value.get("name", self.document.file)),
            traffic=self.traffic(value.get("traffic", {"from": "profile"})),
            faults=tuple(
                fault
                for index, item in faults
                if (fault := self.fault(item, ("faults", index))) is not None
            ),
            bounds=tuple(
                bound for index, item in bounds for bound in self.bounds(item, ("assert", index))
            ),
            file=self.document.file,
            replicas=int(self.number(value, (), "replicas", 1, 1, 1000)),
        )

    def items(self, value: Mapping[str, Any], key: str) -> list[tuple[int, Mapping[str, Any]]]:
        listed = value.get(key, [])
        if not self.reader.is_a(listed, list, (key,), f"`{key}`"):
            return []
        what = "a fault" if key == "faults" else "an assertion"
        return [
            (index, item)
            for index, item in enumerate(listed)
            if self.reader.is_a(item, dict, (key, index), what)
        ]

    def traffic(self, value: Any) -> Traffic:
        at: Path = ("traffic",)
        if not self.reader.is_a(value, dict, at, "`traffic`"):
            return Traffic()
        self.reader.knows(
            value, ("from", "rate", "for", "factor", "curve", "teams", "replay"), at, "`traffic`"
        )
        replay = value.get("replay", "")
        if not isinstance(replay, str):
            self.bad((*at, "replay"), "`replay`", replay, "the path of a log")
        for key in ("rate", "factor", "curve"):
            if replay and key in value:
                self.report.add(REPLAYED, self.document.place(*at, key), key=key)
        if value.get("from", "profile") != "profile":
            self.bad((*at, "from"), "`from`", value["from"], "`profile`")
        if value.get("curve", "flat") not in ("flat", "daily"):
            self.bad((*at, "curve"), "`curve`", value["curve"], "`flat` or `daily`")
        rate = self.parsed(value, at, "rate", parse_rate)
        return Traffic(
            rate_per_s=None if rate is None else rate.per_second,
            for_s=self.parsed(value, at, "for", parse_duration_s),
            factor=self.number(value, at, "factor", 1.0),
            is_daily=value.get("curve") == "daily",
            teams=self.teams(value.get("teams", {}), (*at, "teams")),
            teams_place=self.document.place(*at, "teams") if "teams" in value else Place(),
            replay=str(replay),
            place=self.document.place(*at, "replay") if replay else Place(),
        )

    def teams(self, value: Any, at: Path) -> dict[str, float]:
        if not self.reader.is_a(value, dict, at, "`teams`"):
            return {}
        read = {str(name): self.parsed(value, at, name, parse_share) for name in value}
        shares = {name: share for name, share in read.items() if share is not None}
        if sum(shares.values()) > 1.0 + 1e-9:
            self.bad(at, "the sum of `teams`", f"{sum(shares.values()):.4g}", "100% at most")
        return shares

    def fault(self, value: Mapping[str, Any], at: Path) -> Fault | None:
        self.reader.knows(value, _FAULT_KEYS, at, "a fault")
        kind = value.get("kind", "")
        target = self.target(value, at)
        if kind not in KINDS:
            known = tuple(sorted(KINDS))
            self.report.add(
                UNKNOWN_KIND,
                self.document.place(*at, "kind"),
                kind=kind,
                guess=guess(str(kind), known),
                known=", ".join(known),
            )
            return None
        own = (*_COMMON_KEYS, *_KEYS_OF_KIND[kind])
        for key in value:
            if key in _FAULT_KEYS and key not in own:
                place, known_keys = self.document.place(*at, key), ", ".join(own)
                self.report.add(KEY_OF_OTHER_KIND, place, key=key, kind=kind, known=known_keys)
        if (target.guardrail or target.cache) and kind != "down":
            what = "guardrail" if target.guardrail else "cache"
            self.report.add(GUARDRAIL_KIND, self.document.place(*at, "kind"), what=what, kind=kind)
        from_s = self.parsed(value, at, "from", parse_duration_s) or 0.0
        to_s = self.parsed(value, at, "to", parse_duration_s)
        if to_s is not None and to_s <= from_s:
            place = self.document.place(*at, "to")
            self.report.add(ENDS_FIRST, place, to=value["to"], start=value.get("from", "0s"))
        share = self.parsed(value, at, "share", parse_share)
        after = value.get("after_chunks")
        return Fault(
            target=target,
            kind=kind,
            from_s=from_s,
            to_s=inf if to_s is None else to_s,
            share=1.0 if share is None else share,
            status=int(self.number(value, at, "status", STATUS_OF_KIND.get(kind, 200), 200, 600)),
            retry_after_s=self.parsed(value, at, "retry_after", parse_duration_s),
            factor=self.number(value, at, "factor", 5.0 if kind == "latency" else 1.0),
            first_token_s=self.parsed(value, at, "first_token", parse_duration_s),
            delay_s=self.parsed(value, at, "delay", parse_duration_s),
            is_inferred=value.get("inferred") is True,
            after_chunks=None if after is None else int(self.number(value, at, "after_chunks", 0)),
            place=self.document.place(*at),
        )

    def target(self, value: Mapping[str, Any], at: Path) -> Target:
        given = value.get("target", {})
        if not self.reader.is_a(given, dict, (*at, "target"), "`target`"):
            return Target()
        self.reader.knows(given, SELECTORS, (*at, "target"), "a target")
        named = {key: str(given[key]) for key in SELECTORS if given.get(key) not in (None, "")}
        if not named:
            self.report.add(NO_TARGET, self.document.place(*at), known=", ".join(SELECTORS))
        return Target(**named)

    def bounds(self, value: Mapping[str, Any], at: Path) -> list[Bound]:
        self.reader.knows(value, ("route", *_LIMITS), at, "an assertion")
        route = str(value.get("route", ""))
        bounds = (self.bound(name, value[name], route, at) for name in value if name in _LIMITS)
        return [bound for bound in bounds if bound is not None]

    def bound(self, name: str, said: Any, route: str, at: Path) -> Bound | None:
        place = self.document.place(*at, name)
        text = str(said).strip()
        parse = _LIMITS[name]
        if parse is None:
            return Bound(name, "", text, text, route, place)
        found = re.fullmatch(r"(>=|<=|==|>|<)?\s*(.*)", text, re.DOTALL)
        assert found is not None
        try:
            limit = parse(found[2])
        except NotAValue as problem:
            self.report.add(NOT_A_VALUE, place, what=f"`{name}`", problem=problem)
            return None
        return Bound(name, found[1] or _USUAL.get(name, "<="), limit, text, route, place)

    def parsed(
        self, value: Mapping[str, Any], at: Path, key: str, parse: Callable[[object], Any]
    ) -> Any:
        if key not in value:
            return None
        try:
            return parse(value[key])
        except NotAValue as problem:
            place = self.document.place(*at, key)
            self.report.add(NOT_A_VALUE, place, what=f"`{key}`", problem=problem)
            return None

    def number(
        self,
        value: Mapping[str, Any],
        at: Path,
        key: str,
        default: float,
        least: float = 0.0,
        below: float = 1e6,
    ) -> float:
        if key not in value:
            return default
        return self.reader.number(value[key], (*at, key), f"`{key}`", least, below)

    def bad(self, at: Path, what: str, found: Any, wanted: str) -> None:
        self.report.add(BAD_VALUE, self.document.place(*at), what=what, found=found, wanted=wanted)


# --- Bounds ---------------------------------------------------------------------------------------


def _count(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise NotAValue("not a number; write for example `<= 4`") from error


def _share(text: str) -> float:
    return parse_share(text.replace(" ", ""))


def _usd(text: str) -> float:
    return float(parse_money(text).usd)


_LIMITS: Mapping[str, Callable[[str], float] | None] = {
    "availability": _share,
    "p50": parse_duration_s,
    "p95": parse_duration_s,
    "p99": parse_duration_s,
    "first_token_p95": parse_duration_s,
    "cost_per_1k": _usd,
    "attempts_per_request": _count,
    "pii_upstream": _count,
    "residency": None,
}
_USUAL: Mapping[str, str] = {"availability": ">=", "pii_upstream": "<="}
"""The comparison of a bound that names none."""

COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}
