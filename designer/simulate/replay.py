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
from msgspec.structs import replace

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
    flags: bytearray
    origin: "array[int]"
    """Into `origins`."""
    origins: tuple[tuple[str, str, str, str], ...]
    """The route, the team, its id and the name of the key, as the log has them; empty where it does not tell."""
    cost_usd: "array[float]"
    """What the log says that each cost; `nan` where it does not tell."""

    @property
    def lasts_s(self) -> float:
        return self.at_s[-1] + 1.0

    @property
    def recorded_usd(self) -> float | None:
        """What the log says that it cost; None where it tells no costs."""
        told = [usd for usd in self.cost_usd if not isnan(usd)]
        return sum(told) if told else None

    def until(self, for_s: float) -> "Recording":
        """The requests before then."""
        end = bisect_left(self.at_s, for_s)
        if end == len(self.at_s):
            return self
        return replace(
            self,
            at_s=self.at_s[:end],
            input_tokens=self.input_tokens[:end],
            output_tokens=self.output_tokens[:end],
            cached_tokens=self.cached_tokens[:end],
            flags=self.flags[:end],
            origin=self.origin[:end],
            cost_usd=self.cost_usd[:end],
        )

    def visits(self, routing: Routing, busiest: str) -> Iterator[Visit]:
        """Requests for a route that is not there go to `busiest`, where there is one.

        Their routes are where the aliases of their teams have led: nothing is to lead them again.
        """
        known = [name or busiest for name in self._routes(routing)]
        teams = [{"name": team} if team else {} for team in self._teams(routing)]
        for index, at in enumerate(self.at_s):
            tokens = Tokens(
                self.input_tokens[index], self.output_tokens[index], self.cached_tokens[index]
            )
            is_stream = bool(self.flags[index] & _IS_STREAM)
            origin = self.origin[index]
            request = Request(stream=is_stream, input_tokens=tokens.input, team=teams[origin])
            was_cached = bool(self.flags[index] & _IS_CACHED)
            yield Visit(at, known[origin], request, tokens, was_cached=was_cached)

    def loads(self, routing: Routing) -> dict[str, Load]:
        """The routes that it asks for, with their mean rates; the first of all where it names none."""
        first = routing.routes[0].name if routing.routes else ""
        counts = self._counts(routing)
        counts[first] += counts[""]
        return {
            route.name: Load(rate_per_s=counts[route.name] / self.lasts_s)
            for route in routing.routes
            if counts[route.name]
        }

    def astray(self, routing: Routing) -> int:
        """How many name no route of the configuration."""
        return self._counts(routing)[""]

    def teams(self, routing: Routing) -> Counter[str]:
        """How many requests are of each team; of nobody's none."""
        counts: Counter[str] = Counter()
        names = self._teams(routing)
        for number, count in Counter(self.origin).items():
            if names[number]:
                counts[names[number]] += count
        return counts

    def _counts(self, routing: Routing) -> Counter[str]:
        """How many requests ask for each route; under an empty name, for none."""
        known, counts = self._routes(routing), Counter[str]()
        for number, count in Counter(self.origin).items():
            counts[known[number]] += count
        return counts

    def _routes(self, routing: Routing) -> list[str]:
        """By number of the origin, what is asked for; empty where it is no route."""
        named = zip(self.origins, self._teams(routing), strict=True)
        return [_route_of(origin[0], team, routing) for origin, team in named]

    def _teams(self, routing: Routing) -> list[str]:
        """By number of the origin: a team that the configuration knows, or the one that has its key.

        A key tells only where the log does not say what the team is called: other teams may have a key
        of that name too.
        """
        known = names_of_teams(routing)
        by_key = {key.name: team.name for team in routing.teams for key in team.keys}
        return [
            next((name for name in (team, id_) if name in known), "")
            or team
            or by_key.get(key, id_)
            for _, team, id_, key in self.origins
        ]

    @property
    def was_cached(self) -> bool:
        return any(flag & _IS_CACHED for flag in set(self.flags))


_IS_STREAM, _IS_CACHED = 1, 2


def _route_of(name: str, team: str, routing: Routing) -> str:
    """Empty for a name of nothing.

    A route's name is not led again by an alias of the team: the runtime's ledger has it from after that.
    Whether LiteLLM's `model_group` has it from before or after is not measured.
    """
    led = name if routing.has_route(name) else routing.led(team, name)
    return routing.route(led).name if routing.has_route(led) else ""


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
    cached, origin, flags = array("q"), array("q"), bytearray()
    origins: dict[tuple[str, str, str, str], int] = {}
    cost_usd = array("d")
    for row in rows:
        at_s.append(row.at_s)
        into.append(row.input_tokens)
        out.append(row.output_tokens)
        cached.append(row.cached_tokens)
        named = (row.route, row.team, row.team_id, row.key)
        origin.append(origins.setdefault(named, len(origins)))
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
        flags=bytearray(flags[n] for n in order),
        origin=array("q", (origin[n] for n in order)),
        origins=tuple(origins),
        cost_usd=array("d", (cost_usd[n] for n in order)),
    )
