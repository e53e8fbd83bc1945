"""Recorded traffic: the requests of a log, asked again at their times and with their tokens.

What a request was answered then is not replayed: who serves it now, and whether it fails, is what a dry
run finds out. Rows are kept as numbers, some forty bytes each, so that a million fit.
"""

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from math import isnan, nan
from pathlib import Path

from msgspec import Struct

from designer.diagnostics import Place, Report, Rule, Severity
from designer.engine.events import Request
from designer.ir import Routing
from designer.logs import Row, Skipped, read_logs
from designer.simulate.scenario import Scenario
from designer.simulate.services import Tokens
from designer.simulate.traffic import Load, Visit, names_of_teams

UNREAD = Rule(
    "SIM633",
    Severity.WARNING,
    "{count} of {all} entries of this log could not be read: {reasons}; the first is {first}",
    "What is left out is traffic that the dry run does not see.",
    instead="they are left out",
    help="`--strict` refuses such a log",
)
UNREAD_STRICTLY = Rule(
    "SIM634",
    Severity.ERROR,
    "{count} of {all} entries of this log could not be read: {reasons}; the first is {first}",
    "With `--strict` a log counts only as a whole.",
)
NOTHING_RECORDED = Rule(
    "SIM635",
    Severity.ERROR,
    "there is no request in this log",
    "There is nothing to replay.",
)


class Recording(Struct, eq=False):
    """Requests in order of time, which begins with the first."""

    at_s: "array[float]"
    input_tokens: "array[int]"
    output_tokens: "array[int]"
    cached_tokens: "array[int]"
    route: "array[int]"
    """Into `routes`."""
    flags: bytearray
    routes: tuple[str, ...]
    """As the log spells them; empty for those that it does not tell."""
    caller: "array[int]"
    """Into `callers`."""
    callers: tuple[tuple[str, str], ...]
    """The team and the name of the key, as the log has them; empty where it does not tell."""
    cost_usd: "array[float]"
    """What the log says that each cost; `nan` where it does not tell."""

    @property
    def lasts_s(self) -> float:
        return self.at_s[-1] + 1.0

    def recorded_usd(self, for_s: float) -> float | None:
        """What the log says that the requests until then cost; None where it tells no costs."""
        told = [usd for usd in self.cost_usd[: bisect_left(self.at_s, for_s)] if not isnan(usd)]
        return sum(told) if told else None

    def visits(self, routing: Routing, busiest: str, for_s: float) -> Iterator[Visit]:
        """Requests for a route that is not there go to `busiest`, where there is one."""
        known = [_route_of(name, routing, busiest) for name in self.routes]
        teams = [{"name": team} if team else {} for team in self._teams(routing)]
        for index, at in enumerate(self.at_s):
            if at >= for_s:
                return
            tokens = Tokens(
                self.input_tokens[index], self.output_tokens[index], self.cached_tokens[index]
            )
            is_stream = bool(self.flags[index] & _IS_STREAM)
            team = teams[self.caller[index]]
            request = Request(stream=is_stream, input_tokens=tokens.input, team=team)
            was_cached = bool(self.flags[index] & _IS_CACHED)
            yield Visit(at, known[self.route[index]], request, tokens, was_cached=was_cached)

    def loads(self, routing: Routing) -> dict[str, Load]:
        """The routes that it asks for, with their mean rates; the first of all where it names none."""
        first = routing.routes[0].name if routing.routes else ""
        counts: Counter[str] = Counter()
        for number, count in Counter(self.route).items():
            counts[_route_of(self.routes[number], routing, first)] += count
        return {
            route.name: Load(rate_per_s=counts[route.name] / self.lasts_s)
            for route in routing.routes
            if counts[route.name]
        }

    def astray(self, routing: Routing) -> int:
        """How many name no route of the configuration."""
        known = [routing.has_route(name) for name in self.routes]
        return sum(n for number, n in Counter(self.route).items() if not known[number])

    def teams(self, routing: Routing) -> Counter[str]:
        """How many requests are of each team; of nobody's none."""
        counts: Counter[str] = Counter()
        names = self._teams(routing)
        for number, count in Counter(self.caller).items():
            if names[number]:
                counts[names[number]] += count
        return counts

    def _teams(self, routing: Routing) -> list[str]:
        """By number of the caller: a team that the configuration knows, or else the one that has its key."""
        known = names_of_teams(routing)
        by_key = {key.name: team.name for team in routing.teams for key in team.keys}
        return [team if team in known else by_key.get(key, team) for team, key in self.callers]

    @property
    def was_cached(self) -> bool:
        return any(flag & _IS_CACHED for flag in set(self.flags))


_IS_STREAM, _IS_CACHED = 1, 2


def _route_of(name: str, routing: Routing, otherwise: str) -> str:
    return routing.route(name).name if routing.has_route(name) else otherwise


def recording_of(scenario: Scenario, report: Report, is_strict: bool = False) -> Recording | None:
    """Of a scenario that replays one; its path is beside the scenario's file."""
    traffic = scenario.traffic
    if not traffic.replay:
        return None
    path = Path(scenario.file).parent / traffic.replay
    return read_recording(path, traffic.place, report, is_strict)


def read_recording(
    path: Path, place: Place, report: Report, is_strict: bool = False
) -> Recording | None:
    """None, with findings, when there is nothing to replay."""
    skipped = Skipped()
    recording = recorded(read_logs(path, skipped))
    if skipped.count:
        count = 0 if recording is None else len(recording.at_s)
        rule = UNREAD_STRICTLY if is_strict else UNREAD
        reasons = ", ".join(f"{n} × {reason}" for reason, n in sorted(skipped.reasons.items()))
        first = " ".join(skipped.first[0][:1])
        everything = count + skipped.count
        report.add(rule, place, count=skipped.count, all=everything, reasons=reasons, first=first)
    if recording is None:
        report.add(NOTHING_RECORDED, place)
    return recording


def recorded(rows: Iterable[Row]) -> Recording | None:
    at_s, into, out = array("d"), array("q"), array("q")
    cached, route, flags = array("q"), array("q"), bytearray()
    caller = array("q")
    routes: dict[str, int] = {}
    callers: dict[tuple[str, str], int] = {}
    cost_usd = array("d")
    for row in rows:
        at_s.append(row.at_s)
        into.append(row.input_tokens)
        out.append(row.output_tokens)
        cached.append(row.cached_tokens)
        route.append(routes.setdefault(row.route, len(routes)))
        caller.append(callers.setdefault((row.team, row.key), len(callers)))
        flags.append(_IS_STREAM * (row.ttft_s is not None) + _IS_CACHED * row.from_cache)
        cost_usd.append(nan if row.cost_usd is None else row.cost_usd)
    if not at_s:
        return None
    order = sorted(range(len(at_s)), key=at_s.__getitem__)
    began = at_s[order[0]]
    return Recording(
        at_s=array("d", (at_s[n] - began for n in order)),
        input_tokens=array("q", (into[n] for n in order)),
        output_tokens=array("q", (out[n] for n in order)),
        cached_tokens=array("q", (cached[n] for n in order)),
        route=array("q", (route[n] for n in order)),
        flags=bytearray(flags[n] for n in order),
        routes=tuple(routes),
        caller=array("q", (caller[n] for n in order)),
        callers=tuple(callers),
        cost_usd=array("d", (cost_usd[n] for n in order)),
    )
