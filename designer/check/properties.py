"""What a profile implies under every single failure, judged by playing the emitted text.

Each property is a small function over one play: what is wrong with it, or nothing. A breach that the
plan has told as a loss of the gateway is a warning, any other an error; what hangs on something that is
not known is inconclusive. More than one failure at a time is not looked at.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from designer.catalog import Catalog
from designer.check.model import INCONCLUSIVE, Subject, counted
from designer.check.paths import ids_of
from designer.check.plays import (
    AT_S,
    REFUSES,
    SILENT,
    Part,
    Play,
    Way,
    groups,
    parts,
    play,
    routes_from,
    unplayed,
    ways,
)
from designer.compiler import GIVEN
from designer.diagnostics import Diagnostic, Place, Report, Rule, Severity
from designer.gateways.base import Parsed
from designer.gateways.legalize import Loss
from designer.load import Config
from designer.planner.accounts import Candidate, is_within
from designer.profile.model import RoutingPolicy, Workload
from designer.profile.policy import policy_of
from designer.profile.regions import region_within
from designer.services import services
from designer.trace import Trace

NO_ROUTE = Rule(
    "CHK401",
    Severity.ERROR,
    "{route}: the configuration has no route of this name",
    "Applications call the alias of every workload.",
    instead="the gateway answers with an error",
    help="plan again",
)
BROKEN = Rule(
    "CHK402",
    Severity.ERROR,
    "{route}: {property}: {found}",
    "The profile implies it, no loss of the gateway excuses it, and a play of the emitted text by the "
    "engine shows otherwise.",
    help="designer trace shows the same request, attempt by attempt",
)
TOLD = Rule(
    "CHK403",
    Severity.WARNING,
    "{route}: {property}: {found}",
    "The gateway cannot do what the profile asks for, and the plan says so; this is what comes of it.",
    instead="{instead}",
)
BY_CHANCE = Rule(
    "CHK406",
    Severity.WARNING,
    "{route}: {property}: {found}",
    "The route picks among its deployments by chance, and a retry may pick the one that is down again.",
    instead="some requests fail, others are answered: it hangs on what is drawn",
    help="more `retries`, or `strategy: priority`",
)
NOTHING_LEFT = Rule(
    "CHK404",
    Severity.WARNING,
    "{route}: all of its deployments go down with {part}",
    "A route survives a failure only where something is left that does not share it.",
    instead="callers are told of the failure",
    help="allow another provider or region",
)
ALONE = Rule(
    "CHK405",
    Severity.INFO,
    "{route}: nothing stands in for {part}",
    "The requirements leave one deployment (vectors of different models do not compare). The plan says "
    "so too.",
    instead="callers are told of the failure",
)

Verdict = Literal["held", "told", "chance", "broken", "inconclusive"]


class Judged(Struct, frozen=True):
    """One property of one route, over everything that was played."""

    route: str
    name: str
    verdict: Verdict
    found: str = ""
    """What a breach looks like: the first one."""
    instead: str = ""
    """What the gateway does instead, where the plan told of it."""


class Examined(Struct, frozen=True):
    judged: tuple[Judged, ...]
    findings: tuple[Diagnostic, ...]
    plays: int


class _Case(Struct, frozen=True):
    """A route and all that its properties are judged by."""

    workload: Workload
    policy: RoutingPolicy
    config: Config
    known: Mapping[str, Candidate]
    """What the plan chose deployments as, by id."""
    residency: tuple[str, ...]
    teams: tuple[str, ...]
    """Regions that teams which may call it insist on."""
    homes: tuple[str, ...]
    """Where the gateway runs."""
    catalog: Catalog
    losses: tuple[Loss, ...]

    @property
    def parsed(self) -> Parsed:
        return self.config.parsed

    @property
    def route(self) -> str:
        return self.workload.alias

    def told(self, keys: tuple[str, ...], routes: Iterable[str]) -> str:
        """What happens instead of what the profile's keys ask for; empty where nothing is lost."""
        if self.workload.given:
            return GIVEN.instead
        own = {f"routes.{route}" for route in routes}
        return "; ".join(
            lack.instead
            for lack, places in self.losses
            if not own.isdisjoint(places) and not set(keys).isdisjoint(lack.feature.keys)
        )


class _Property(Struct, frozen=True):
    name: str
    keys: tuple[str, ...]
    """The profile's: a loss that they are told as excuses a breach."""
    applies: Callable[[_Case], bool]
    """Whether the profile implies it."""
    wrong: Callable[[_Case, Play, Trace, float], str | None] | None = None
    """What is wrong with a request that came at the time given; None where no play is needed."""
    may_hang_on_chance: bool = False
    """Whether it is no breach yet where other draws of chance are well."""


def examine(subject: Subject, known: Mapping[str, Candidate]) -> Examined:
    """Every route under every single failure. The subject has a configuration."""
    config, loaded = subject.config, subject.loaded
    assert config is not None
    report, judged, plays = Report(), list[Judged](), 0
    for index, workload in enumerate(loaded.profile.workloads):
        place = loaded.positions.place(f"workloads[{index}].alias")
        if not config.parsed.routing.has_route(workload.alias):
            report.add(NO_ROUTE, place, route=workload.alias)
            continue
        seen = _Seen(_case(subject, config, workload, known))
        seen.look(ways(loaded.profile, workload, config.parsed.routing))
        plays += seen.plays
        for part in seen.alone:
            rule = NOTHING_LEFT if len(part.ids) > 1 else ALONE
            report.add(rule, place, route=workload.alias, part=part.says)
        for one in seen.judged():
            judged.append(one)
            _tell(one, place, report)
    return Examined(tuple(judged), tuple(report), plays)


def _case(
    subject: Subject, config: Config, workload: Workload, known: Mapping[str, Candidate]
) -> _Case:
    profile = subject.loaded.profile
    policy = policy_of(profile, workload)
    return _Case(
        workload=workload,
        policy=policy.routing,
        config=config,
        known=known,
        residency=policy.compliance.residency,
        teams=tuple(
            team.region
            for team in profile.teams
            if team.region and (team.workloads is None or workload.alias in team.workloads)
        ),
        homes=profile.operations.region,
        catalog=subject.catalog,
        losses=subject.losses,
    )


def _tell(one: Judged, place: Place, report: Report) -> None:
    match one.verdict:
        case "broken":
            report.add(BROKEN, place, route=one.route, property=one.name, found=one.found)
        case "told":
            said = one.instead
            report.add(
                TOLD, place, route=one.route, property=one.name, found=one.found, instead=said
            )
        case "inconclusive":
            report.add(INCONCLUSIVE, place, what=f"{one.route}: {one.name}", why=one.found)
        case "chance":
            report.add(BY_CHANCE, place, route=one.route, property=one.name, found=one.found)
        case "held":
            pass


# --- Playing and counting -------------------------------------------------------------------------


class _Seen:
    """What the plays of one route have shown so far."""

    def __init__(self, case: _Case) -> None:
        self.case = case
        self.plays = 0
        self.alone: dict[Part, None] = {}
        self.breaches: dict[str, dict[str, None]] = {p.name: {} for p in PROPERTIES}
        self.chances: dict[str, dict[str, None]] = {p.name: {} for p in PROPERTIES}
        """What is well for other draws of chance."""
        self.unknown: dict[str, str] = {}
        self.routes: dict[str, None] = {}
        """Every route that was led to, by name."""

    def look(self, all_ways: Iterable[Way]) -> None:
        case = self.case
        routing, known = case.parsed.routing, services(case.config)
        for why in unplayed(case.route, routing):
            told = f"no request is made for the condition {why}"
            self.unknown |= dict.fromkeys(self.breaches, told)
        for way in all_ways:
            self.routes |= dict.fromkeys(routes_from(way.route, routing))
            reached = map(routing.deployment, ids_of(routing, way.route))
            for part in parts(reached, known):
                self._play(way, part)
            for allowed in (case.residency, (way.region,) if way.region else ()):
                if allowed:
                    self._place(way, allowed)

    def _play(self, way: Way, part: Part) -> None:
        alive = groups(way, self.case.parsed.routing)
        if part.ids and any(group and group <= part.ids for group in alive):
            self.alone.setdefault(part)
        for plays in play(self.case.parsed, way, part):
            self._judge(plays, (ANSWERS, SILENCE, ATTEMPTS, DEADLINE))
        for plays in play(self.case.parsed, way, part, REFUSES):
            self._judge(plays, (REFUSALS,))

    def _judge(self, plays: list[Play], properties: Iterable[_Property]) -> None:
        """`plays` differ in nothing but chance."""
        self.plays += len(plays)
        for asked in properties:
            wrong = [self._wrong(one, asked) for one in plays]
            first = next((found for found in wrong if found), None)
            if first is not None:
                by_chance = asked.may_hang_on_chance and not all(wrong)
                found = self.chances if by_chance else self.breaches
                found[asked.name].setdefault(f"{first} {plays[0].says}")

    def _wrong(self, one: Play, asked: _Property) -> str | None:
        if asked.wrong is None:
            return None
        found = (asked.wrong(self.case, one, t, at) for at, t in zip(AT_S, one.traces, strict=True))
        return next((wrong for wrong in found if wrong), None)

    def _place(self, way: Way, allowed: tuple[str, ...]) -> None:
        """Residency needs no play: nothing but what a route holds can be asked, whatever fails."""
        reached = frozenset[str]().union(*groups(way, self.case.parsed.routing))
        for id_ in sorted(reached):
            inside = self._is_inside(id_, allowed)
            if inside is None:
                self.unknown.setdefault(RESIDENCY.name, f"where {id_} is processed is not known")
            elif not inside and not way.is_led:
                why = f"nothing in the configuration leads {way.says} away from {id_}"
                self.unknown.setdefault(RESIDENCY.name, why)
            elif not inside:
                asked = f" for {way.says}" if way.says else ""
                wrong = f"{id_} may be processed outside {', '.join(allowed)}{asked}"
                self.breaches[RESIDENCY.name].setdefault(wrong)

    def _is_inside(self, id_: str, allowed: tuple[str, ...]) -> bool | None:
        """None where it is not known: the text is not what the plan chose, nor in the catalog."""
        case = self.case
        if id_ in case.known:
            return is_within(case.known[id_], allowed, case.homes, case.catalog)
        deployment = case.parsed.routing.deployment(id_)
        offering = replace(case.config, facts={}).offering(deployment)
        if offering is None:
            return None
        return offering.residency != "global" and region_within(offering.residency, allowed)

    def judged(self) -> Iterator[Judged]:
        for property_ in PROPERTIES:
            if property_.applies(self.case):
                yield self._judged(property_)

    def _judged(self, property_: _Property) -> Judged:
        route, name = self.case.route, property_.name
        found = _summed(self.breaches[name])
        instead = self.case.told(property_.keys, self.routes)
        if found and not instead:
            return Judged(route, name, "broken", found)
        if name in self.unknown:
            known = f"; besides, {found}" if found else ""
            return Judged(route, name, "inconclusive", f"{self.unknown[name]}{known}", instead)
        if found:
            return Judged(route, name, "told", found, instead)
        if self.chances[name]:
            return Judged(route, name, "chance", _summed(self.chances[name]))
        return Judged(route, name, "held")


def _summed(found: Iterable[str]) -> str:
    first, *others = [*found] or [""]
    return f"{first} (and {len(others)} more)" if others else first


# --- The properties -------------------------------------------------------------------------------


def _unanswered(case: _Case, one: Play, traced: Trace, came_at: float) -> str | None:
    return None if one.how == SILENT else _fails(case, one, traced)


def _waits_in_vain(case: _Case, one: Play, traced: Trace, came_at: float) -> str | None:
    return _fails(case, one, traced) if one.how == SILENT else None


def _fails(case: _Case, one: Play, traced: Trace) -> str | None:
    """A call that keeps to a group with a survivor in it is answered."""
    final, tries = traced.final, len(traced.attempts)
    if final.failure is None:
        return None
    asked = {tried.deployment for tried in traced.attempts}
    own = [group for group in groups(one.way, case.parsed.routing) if asked <= group]
    if own and not any(group - one.part.ids for group in own):
        return None
    return f"told {final.status} ({final.failure}) after {counted(tries, 'attempt')}"


def _too_many(case: _Case, one: Play, traced: Trace, came_at: float) -> str | None:
    limit, made = case.policy.attempts_per_request, len(traced.attempts)
    if limit is None or made <= limit:
        return None
    return f"{counted(made, 'attempt')} instead of {limit} at most"


def _too_long(case: _Case, one: Play, traced: Trace, came_at: float) -> str | None:
    limit_s, took_s = case.policy.deadline, traced.final.at_s - came_at
    if limit_s is None or took_s <= limit_s + _SLACK_S:
        return None
    return f"{took_s:g} s instead of {limit_s:g} s at most, answers themselves not counted,"


_SLACK_S = 1e-6


def _refusal_passed_on(case: _Case, one: Play, traced: Trace, came_at: float) -> str | None:
    """Where all that is up refuses, the first refusal is the end of it."""
    refused = [t.deployment for t in traced.attempts if t.deployment not in one.part.ids]
    if len(set(refused)) <= 1:
        return None
    return f"{refused[0]} refuses, and {next(r for r in refused if r != refused[0])} is asked"


def _residency_asked(case: _Case) -> bool:
    return bool(case.residency or case.teams)


ANSWERS = _Property("answers", (), lambda case: True, _unanswered, may_hang_on_chance=True)
SILENCE = _Property(
    "answers in spite of silence",
    ("routing.timeout",),
    lambda case: True,
    _waits_in_vain,
    may_hang_on_chance=True,
)
RESIDENCY = _Property("residency", ("compliance.residency", "teams.region"), _residency_asked)
ATTEMPTS = _Property(
    "attempts",
    ("routing.attempts_per_request",),
    lambda case: case.policy.attempts_per_request is not None,
    _too_many,
)
DEADLINE = _Property(
    "deadline", ("routing.deadline",), lambda case: case.policy.deadline is not None, _too_long
)
REFUSALS = _Property(
    "refusals",
    ("routing.on_refusal",),
    lambda case: case.policy.on_refusal == "return",
    _refusal_passed_on,
)
PROPERTIES = (ANSWERS, SILENCE, RESIDENCY, ATTEMPTS, DEADLINE, REFUSALS)
