"""Judge properties: each holds, is violated by a path that is shown, or is inconclusive.

Safety is judged over every path in every state, whatever has failed; availability over every set of so
many failed parts. What a property needs and nobody knows makes it inconclusive and is named.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain
from math import inf
from typing import Literal

from msgspec import Struct

from designer.catalog import load_catalog
from designer.diagnostics import Place
from designer.engine.call import Program
from designer.engine.events import Request
from designer.ir import Guardrail, Route
from designer.profile.units import format_duration_s
from designer.trace import Final, Trace, Tried
from designer.verify.alike import alike, covers
from designer.verify.facts import Facts
from designer.verify.mishaps import CAUSES, IN_SILENCE, Mishap, mishaps
from designer.verify.opened import CASE, opened
from designer.verify.outages import Outage, suffer
from designer.verify.parts import (
    Failed,
    Part,
    broken,
    of_route,
    parts,
    parts_of_gateway,
    said,
    sets,
    ways_to_fail,
)
from designer.verify.paths import (
    Bound,
    Graph,
    Path,
    Way,
    explore,
    failing_sets,
    longest,
    shortest_to,
    units,
)
from designer.verify.properties import Property

Outcome = Literal["holds", "violated", "inconclusive"]


class Verdict(Struct, frozen=True):
    property: Property
    route: str
    outcome: Outcome
    found: str
    """What was found, in words."""
    failing: tuple[str, ...] = ()
    """The smallest set of parts that has to fail; empty where nothing has to."""
    trace: Trace | None = None
    """One request that shows it."""
    place: Place = Place()


class Judge(Struct, frozen=True, dict=True):
    """What is asked about one configuration. Paths are walked once and kept."""

    facts: Facts
    only: tuple[str, ...] | None = None
    """The failures that paths may have; None: any. What they violate is violated, and no more is known."""

    def verdicts(self, properties: Sequence[Property]) -> Iterator[Verdict]:
        """Of each property in turn, for each route that it is about."""
        routes = self.program.routing.routes
        for one in properties:
            for route in routes:
                if one.is_about(route.name):
                    verdict = _JUDGES[one.kind](self, one, route)
                    if verdict is not None:
                        yield self._doubted(verdict)

    def _doubted(self, verdict: Verdict) -> Verdict:
        """Where not all paths were looked at, none of those that were proves that it holds."""
        if verdict.outcome != "holds" or verdict.property.kind in _PLAYED:
            return verdict
        if all(graph.is_whole for graph in self.graphs(verdict.route)):
            return verdict
        found = "there are too many paths to look at all of them"
        return Verdict(verdict.property, verdict.route, "inconclusive", found, place=verdict.place)

    # --- What is asked of the configuration -------------------------------------------------------

    @cached_property
    def program(self) -> Program:
        parsed = self.facts.config.parsed
        return Program(opened(parsed.routing), parsed.semantics)

    @cached_property
    def failures(self) -> Mapping[bool, tuple[Mishap, ...]]:
        """By whether requests are streamed."""
        return {stream: self.mishaps(self.program, stream) for stream in (False, True)}

    def mishaps(self, program: Program, stream: bool, is_timed: bool = False) -> tuple[Mishap, ...]:
        found = mishaps(program, stream, is_timed)
        return found if self.only is None else tuple(m for m in found if m.may_be(self.only))

    @cached_property
    def _graphs(self) -> dict[tuple[str, bool], Graph]:
        return {}

    def graph(self, route: str, stream: bool) -> Graph:
        key = route, stream
        if key not in self._graphs:
            self._graphs[key] = self._explored(self.program, route, stream)
        return self._graphs[key]

    def _explored(self, program: Program, route: str, stream: bool, about: str = "") -> Graph:
        """`about`: the deployment that is asked about, which then stands for itself."""
        terms = self.facts.config.terms
        known = alike(program.routing, lambda id_: repr(terms.get(id_)), {about})
        request, failures = Request(stream=stream), self.failures[stream]
        return explore(program, route, request, failures, known)

    @cached_property
    def answerable(self) -> Program:
        """For the requests that the configuration has a case for: others fail without an outage."""
        program = self.program
        return Program(
            opened(self.facts.config.parsed.routing, some_case_holds=True), program.semantics
        )

    def outages(self, route: str, stream: bool) -> Graph:
        """The paths of those requests on which only parts fail."""
        if self.answerable == self.program:
            graph = self.graph(route, stream)
        else:
            graph = self._explored(self.answerable, route, stream)
        return graph.only(lambda way: way.mishap is None or _is_of_a_part(way.mishap))

    def graphs(self, route: str) -> tuple[Graph, ...]:
        """Of plain requests and, where there are any, of streams."""
        return tuple(self.graph(route, stream) for stream in self.streams(route))

    def streams(self, route: str) -> tuple[bool, ...]:
        return (False,) if self.embeds(route) else (False, True)

    def embeds(self, route: str) -> bool:
        """Where not every failure is looked at, who is reached is not known: then anybody may be."""
        listed = self.program.routing.deployments
        reached = self.graph(route, stream=False).reached() if self.only is None else None
        is_said = self.program.routing.route(route).embeds
        return is_said or any(
            _embeds(self, d.id) for d in listed if reached is None or d.id in reached
        )

    def reached(self, route: str) -> tuple[str, ...]:
        """In listed order."""
        found = frozenset[str]().union(*(graph.reached() for graph in self.graphs(route)))
        return tuple(d.id for d in self.program.routing.deployments if d.id in found)

    def place(self, name: str) -> Place:
        return self.facts.config.parsed.places.get(name, Place(path=name))

    def verdict(
        self,
        one: Property,
        route: str,
        outcome: Outcome,
        found: str,
        at: str = "",
        failing: Sequence[str] = (),
        trace: Trace | None = None,
    ) -> Verdict:
        return Verdict(one, route, outcome, found, tuple(failing), trace, self.place(at or route))

    def traced(self, route: str, path: Path, is_slow: bool = False) -> Trace:
        """`is_slow`: every answer takes as long as the limit allows."""
        semantics, at_s, tried = self.program.semantics, 0.0, []
        assumed = dict.fromkeys(sorted(chain(*(way.assumed for _, way in path))))
        for asked, way in path:
            if asked:
                label = way.mishap.label if way.mishap is not None else _status(way)
                tried.append(Tried(asked, at_s, label))
                at_s += _lasted_s(way, is_slow)
            at_s += way.wait_s
        finish = path[-1][1].finish
        assert finish is not None
        final = Final(
            *(finish.status, finish.served_by, None, at_s, finish.failure, finish.in_band),
            finish.told,
        )
        cools = (f"{id_} is cooling: earlier requests failed there" for id_ in assumed)
        waits = ("waits are the longest that are possible",) if _waits(path) else ()
        return Trace(
            route, tuple(tried), final, (0.0, 0.0), (*semantics.assumptions, *cools, *waits)
        )

    def asking(self, route: str, id_: str) -> tuple[tuple[str, ...], Trace]:
        """The smallest set of deployments that has to fail before it is asked, and a request."""
        best: tuple[frozenset[str], Path] | None = None
        for stream in self.streams(route):
            graph = self._explored(self.program, route, stream, about=id_)
            names = graph.deployments

            def asks(_: str, way: Way, names: tuple[str, ...] = names) -> bool:
                return way.to >= 0 and names[way.to] == id_

            for failed in sorted(failing_sets(graph, asks), key=lambda s: (len(s), sorted(s))):
                path = shortest_to(graph, asks, failed)
                if path is not None and (best is None or len(failed) < len(best[0])):
                    best = failed, (*path, _answered(graph, path[-1][1].to))
        assert best is not None
        return tuple(sorted(best[0])), self.traced(route, best[1])


def _answered(graph: Graph, state: int) -> tuple[str, Way]:
    ways = graph.ways[state]
    way = next(w for w in ways if w.finish is not None and (w.mishap is None or w == ways[-1]))
    return graph.deployments[state], way


def _status(way: Way) -> str:
    return str(way.finish.status) if way.finish is not None else "an answer, thrown away"


def _lasted_s(way: Way, is_slow: bool) -> float:
    silent = way.mishap is not None and way.mishap.is_silent
    return way.limit_s if (is_slow or silent) and way.limit_s < inf else 0.0


def _waits(path: Path) -> bool:
    return any(way.wait_s for _, way in path)


# --- Safety: facts of all that is reached ---------------------------------------------------------


def _each_reached(
    judge: Judge,
    one: Property,
    route: Route,
    keeps: Callable[[str], tuple[bool | None, str]],
) -> Verdict:
    """Whether all that a request can be sent to keeps something."""
    unknown: list[tuple[str, str]] = []
    reached = judge.reached(route.name)
    for id_ in reached:
        is_kept, why = keeps(id_)
        if is_kept is False:
            failing, trace = judge.asking(route.name, id_)
            return judge.verdict(one, route.name, "violated", why, id_, failing, trace)
        if is_kept is None:
            unknown.append((id_, why))
    if unknown:
        listed = "; ".join(f"{id_}: {why}" for id_, why in unknown)
        return judge.verdict(one, route.name, "inconclusive", listed, unknown[0][0])
    count = (
        f"all {len(reached)} deployments that a request can reach" if reached else "no deployment"
    )
    return judge.verdict(one, route.name, "holds", count)


def _residency(judge: Judge, one: Property, route: Route) -> Verdict:
    def keeps(id_: str) -> tuple[bool | None, str]:
        is_within = judge.facts.is_within(id_, one.value)
        if is_within is None:
            return None, "its region is not known"
        region = judge.facts.services[id_].region
        return is_within, f"{id_} is processed outside" + (f", in {region}" if region else "")

    return _each_reached(judge, one, route, keeps)


_PROMISE = {"retention": "zero_retention", "training": "no_training"}


def _promise(judge: Judge, one: Property, route: Route) -> Verdict:
    promise = _PROMISE.get(one.kind) or str(one.value)

    def keeps(id_: str) -> tuple[bool | None, str]:
        is_kept, why = judge.facts.keeps(id_, promise)
        return is_kept, why if is_kept is None else f"{id_} does not promise {promise} ({why})"

    return _each_reached(judge, one, route, keeps)


def _priced(judge: Judge, one: Property, route: Route) -> Verdict:
    def keeps(id_: str) -> tuple[bool | None, str]:
        return judge.facts.cost_usd(id_, 1, 1) is not None, f"{id_} has no price that is known"

    return _each_reached(judge, one, route, keeps)


def _context(judge: Judge, one: Property, route: Route) -> Verdict:
    def keeps(id_: str) -> tuple[bool | None, str]:
        tokens = judge.facts.input_tokens(id_)
        if tokens is None:
            return None, "how long a request it takes is not known"
        return tokens >= one.value, f"{id_} takes {tokens:,} tokens at most"

    return _each_reached(judge, one, route, keeps)


def _capabilities(judge: Judge, one: Property, route: Route) -> Verdict:
    def keeps(id_: str) -> tuple[bool | None, str]:
        offering = judge.facts.offering(id_)
        if offering is None:
            return None, _NOT_IN_CATALOG
        lacking = [name for name in one.value if name not in offering.capabilities]
        return not lacking, f"{id_} has no {' and no '.join(lacking)}"

    return _each_reached(judge, one, route, keeps)


def _served(judge: Judge, one: Property, route: Route) -> Verdict:
    def keeps(id_: str) -> tuple[bool | None, str]:
        offering = judge.facts.offering(id_)
        if offering is None:
            return None, _NOT_IN_CATALOG
        ends = offering.retires_on
        return ends is None or ends > one.value, f"{id_} is retired on {ends}"

    return _each_reached(judge, one, route, keeps)


_NOT_IN_CATALOG = "the catalog does not know it"


def _embeddings(judge: Judge, one: Property, route: Route) -> Verdict | None:
    reached = judge.reached(route.name)
    if not reached or not judge.embeds(route.name):
        return None
    known = {id_: _model(judge, id_) for id_ in reached}
    first = known[reached[0]]

    def keeps(id_: str) -> tuple[bool | None, str]:
        why = f"{id_} is {known[id_]}, whose vectors do not compare with those of {first}"
        return known[id_] == first, why

    return _each_reached(judge, one, route, keeps)


def _embeds(judge: Judge, id_: str) -> bool:
    config = judge.facts.config
    terms = config.parsed.terms.get(id_)
    offering = config.offering(config.parsed.routing.deployment(id_))
    is_known = offering is not None and load_catalog().model_of(offering).kind == "embedding"
    return is_known or (terms is not None and terms.kind == "embedding")


def _model(judge: Judge, id_: str) -> str:
    deployment = judge.program.routing.deployment(id_)
    return judge.facts.services[id_].model or deployment.model


# --- Safety: what a request may come to -----------------------------------------------------------


def _refusal(judge: Judge, one: Property, route: Route) -> Verdict:
    for graph in judge.graphs(route.name):
        path = shortest_to(graph, _goes_around)
        if path is not None:
            path = (*path, _answered(graph, path[-1][1].to))
            (*_, (refusing, _), (asked, _)) = path
            found = f"after {refusing} has refused, {asked} is asked"
            trace = judge.traced(route.name, path)
            return judge.verdict(one, route.name, "violated", found, trace=trace)
    return judge.verdict(one, route.name, "holds", "after a refusal nothing else is asked")


def _goes_around(_: str, way: Way) -> bool:
    return way.mishap is not None and way.mishap.failure == "content_policy" and way.to >= 0


def _whole(judge: Judge, one: Property, route: Route) -> Verdict | None:
    if judge.embeds(route.name):
        return None
    wanted = one.options.get("failures")
    graph = judge.graph(route.name, stream=True)
    path = shortest_to(graph, lambda _, way: _looks_whole(way) and _is_one_of(way, wanted))
    if path is None:
        found = "whoever gets part of an answer is told so"
        return judge.verdict(one, route.name, "holds", found)
    asked, way = path[-1]
    assert way.mishap is not None
    found = f"a stream of {asked} that fails ({way.mishap.failure}) ends like a whole answer"
    return judge.verdict(
        one, route.name, "violated", found, failing=(asked,), trace=judge.traced(route.name, path)
    )


def _looks_whole(way: Way) -> bool:
    return way.finish is not None and way.finish.in_band and not way.finish.told


def _is_one_of(way: Way, failures: tuple[str, ...] | None) -> bool:
    return failures is None or (way.mishap is not None and way.mishap.may_be(failures))


def _redacted(judge: Judge, one: Property, route: Route) -> Verdict:
    rails = [r for r in judge.program.routing.guardrails if r.covers(route.name)]
    inputs = [r for r in rails if "input" in r.stages and _looks_for(r, one.value)]
    problems = [(rail, _lets_through(rail)) for rail in inputs]
    if any(not problem for _, problem in problems):
        return judge.verdict(one, route.name, "holds", "no request leaves before it is masked")
    if problems:
        rail, problem = problems[0]
        failing = (f"guardrail {rail.name} (down)",) if rail.on_error == "pass" else ()
        return judge.verdict(one, route.name, "violated", problem, failing=failing)
    saved = [r.name for r in rails if r.kind == "saved"]
    if saved:
        found = f"what {', '.join(saved)} does is kept on the gateway's side"
        return judge.verdict(one, route.name, "inconclusive", found)
    found = "no guardrail looks for it in what goes in"
    if judge.facts.config.parsed.routing.guardrails:
        found = "no guardrail that covers the route looks for it in what goes in"
    return judge.verdict(one, route.name, "violated", found)


def _looks_for(rail: Guardrail, entities: tuple[str, ...]) -> bool:
    is_all = not rail.entities or set(entities) <= set(rail.entities)
    return rail.kind == "pii" and is_all


def _lets_through(rail: Guardrail) -> str:
    if rail.on_error == "pass":
        return f"while {rail.name} is down, requests leave as they are"
    if rail.messages == "last":
        return f"{rail.name} looks at the last message only, and earlier ones leave as they are"
    return ""


# --- Safety: how much at most ---------------------------------------------------------------------


def _attempts(judge: Judge, one: Property, route: Route) -> Verdict:
    bounds = [
        longest(graph, lambda _, way: float(way.to >= 0)) for graph in judge.graphs(route.name)
    ]
    worst = max(bounds, key=lambda bound: bound.value)
    return _bounded(judge, one, route, worst, f"{worst.value:g} attempts at most")


def _deadline(judge: Judge, one: Property, route: Route) -> Verdict:
    graph = judge.graph(route.name, stream=False)
    worst = longest(graph, lambda asked, way: way.wait_s + (way.limit_s if asked else 0.0))
    limit_s = inf if route.deadline_s is None else route.deadline_s
    if worst.value == inf and limit_s == inf:
        asked = next(asked for asked, way in worst.path if way.limit_s == inf)
        found = f"nothing limits how long {asked} may keep silent"
        trace = judge.traced(route.name, worst.path)
        silent = (f"deployment {asked} (timeout)",)
        return judge.verdict(one, route.name, "violated", found, asked, silent, trace)
    worst = worst._replace(value=min(worst.value, limit_s))
    return _bounded(judge, one, route, worst, f"{_seconds(worst.value)} at most", is_slow=True)


def _cost(judge: Judge, one: Property, route: Route) -> Verdict:
    tokens = {id_: _tokens(judge, one, id_) for id_ in judge.reached(route.name)}
    if any(None in pair for pair in tokens.values()):
        found = "how long requests and answers are is not known: say input_tokens and output_tokens"
        return judge.verdict(one, route.name, "inconclusive", found)
    costs = {
        id_: judge.facts.cost_usd(id_, input_ or 0, output or 0)
        for id_, (input_, output) in tokens.items()
    }

    def weight(asked: str, way: Way) -> float:
        is_billed = bool(asked) and (way.mishap is None or way.mishap.is_billed)
        return (costs[asked] or 0.0) if is_billed else 0.0

    bounds = [longest(graph, weight) for graph in judge.graphs(route.name)]
    worst = max(bounds, key=lambda bound: bound.value)
    unpriced = [id_ for id_, usd in costs.items() if usd is None]
    if unpriced and worst.value <= one.value:
        found = f"no price is known of {', '.join(unpriced)}"
        return judge.verdict(one, route.name, "inconclusive", found, unpriced[0])
    return _bounded(judge, one, route, worst, f"{worst.value:.4g} USD at most")


def _tokens(judge: Judge, one: Property, id_: str) -> tuple[int | None, int | None]:
    """Of an answer no more than the deployment allows, where it says so."""
    params = dict(judge.program.routing.deployment(id_).params)
    most = params.get("max_tokens")
    output = one.options.get("output_tokens", most if isinstance(most, int) else None)
    return one.options.get("input_tokens"), output


def _bounded(
    judge: Judge, one: Property, route: Route, worst: Bound, found: str, is_slow: bool = False
) -> Verdict:
    if worst.value <= one.value:
        return judge.verdict(one, route.name, "holds", found)
    trace = judge.traced(route.name, worst.path, is_slow)
    failing = dict.fromkeys(a for a, way in worst.path if a and way.mishap is not None)
    return judge.verdict(one, route.name, "violated", found, failing=tuple(failing), trace=trace)


def _seconds(value: float) -> str:
    return format_duration_s(round(value, 2))


# --- Availability ---------------------------------------------------------------------------------


def _survives(judge: Judge, one: Property, route: Route) -> Verdict:
    count = 0
    for stream in judge.streams(route.name):
        found = _Survival(judge, one, route.name, stream).smallest()
        if isinstance(found, Verdict):
            return found
        count += found
    parts_ = "part" if one.value == 1 else f"{one.value} parts"
    words = f"answered whichever {parts_} fail{'s' * (one.value == 1)} ({count} sets)"
    return judge.verdict(one, route.name, "holds", words)


class _Survival(Struct, frozen=True, dict=True):
    judge: Judge
    property: Property
    route: str
    stream: bool

    def smallest(self) -> Verdict | int:
        """The smallest set of parts that a request does not survive; else how many were looked at."""
        count = 0
        for failed in sets(self.parts, self.property.value):
            count += 1
            down = frozenset[str]().union(*(part.deployments for part in failed))
            is_guarded = any(part.kind == "guardrail" for part in failed)
            if not is_guarded and not self._may_fail(down):
                continue
            for chosen in ways_to_fail(failed, self.failures):
                outage = self._unsurvived(chosen)
                if outage is not None:
                    return self._violated(chosen, outage)
        return count

    @cached_property
    def graph(self) -> Graph:
        return self.judge.outages(self.route, self.stream)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        kinds = self.property.options.get("parts")
        listed, services = self.judge.program.routing.deployments, self.judge.facts.services
        every = parts(listed, services) if kinds is None else parts(listed, services, kinds)
        ours = parts_of_gateway(self.judge.program.routing, self.route, kinds or ())
        return (*of_route(every, self.graph.reached()), *ours)

    @cached_property
    def failures(self) -> tuple[Mishap, ...]:
        found = self.judge.mishaps(self.judge.answerable, self.stream, is_timed=True)
        wanted = self.property.options.get("failures")
        parts_ = (mishap for mishap in found if _is_of_a_part(mishap))
        return tuple(m for m in parts_ if wanted is None or m.may_be(wanted))

    def _may_fail(self, down: frozenset[str]) -> bool:
        if self.property.options.get("within") is not None or not self.graph.is_whole:
            return True  # it is played
        return any(covers(self.graph.alike, down, failed) for failed in self.needed)

    @cached_property
    def needed(self) -> frozenset[frozenset[str]]:
        """Without one of these, or of what exchanges make of them, failing as a whole, every request
        is answered."""
        most = self.property.value * max((len(p.deployments) for p in self.parts), default=0)

        return failing_sets(self.graph, _fails, lambda failed: len(failed) <= most)

    def _unsurvived(self, chosen: Sequence[Failed]) -> Outage | None:
        """What befalls a request while these have failed, if it is not answered in time."""
        answers = said(chosen)
        able = frozenset(units(self.judge.program).keys() & answers.keys())
        for cooling in dict.fromkeys((frozenset[str](), able)):
            program, request = self.judge.answerable, Request(stream=self.stream)
            outage = suffer(program, self.route, request, answers, cooling, broken(chosen))
            if self._is_too_bad(outage):
                return outage
        return None

    def _is_too_bad(self, outage: Outage) -> bool:
        options = self.property.options
        within_s = options.get("within")
        if within_s is not None and outage.slowest.final.at_s > within_s:
            return True
        tolerated = options.get("tolerates") or 0.0
        return outage.failing is not None and outage.chance > tolerated

    def _violated(self, chosen: Sequence[Failed], outage: Outage) -> Verdict:
        trace = outage.failing or outage.slowest
        chance = f" ({outage.chance:.1%} of them)" if self._is_of_chance(outage) else ""
        late = f"a request waits {_seconds(trace.final.at_s)} before it is answered"
        what = "a stream" if self.stream else "a request"
        if not chosen:
            what = f"although nothing has failed, {what}"
        found = late if outage.failing is None else f"{what} is not answered{chance}"
        words = tuple(map(str, chosen))
        return self.judge.verdict(
            self.property, self.route, "violated", found, failing=words, trace=trace
        )

    def _is_of_chance(self, outage: Outage) -> bool:
        return 0 < outage.chance < 0.9995 and CASE not in repr(self.judge.program.routing.routes)


def _is_of_a_part(mishap: Mishap) -> bool:
    """A stream that turns out to be none is `whole_answers`' affair."""
    if mishap.phase == "silent":
        return mishap.may_be(IN_SILENCE)
    return mishap.phase == "headers" and any(mishap.may_be(names) for names in CAUSES.values())


def _fails(_: str, way: Way) -> bool:
    return way.finish is not None and way.finish.failure is not None


_PLAYED = ("survives", "redacted")
"""Judged without the graph where it is not whole."""

_JUDGES: Mapping[str, Callable[[Judge, Property, Route], Verdict | None]] = {
    "residency": _residency,
    "promise": _promise,
    "retention": _promise,
    "training": _promise,
    "priced": _priced,
    "embeddings": _embeddings,
    "refusal": _refusal,
    "whole_answers": _whole,
    "redacted": _redacted,
    "context": _context,
    "capabilities": _capabilities,
    "served_until": _served,
    "attempts": _attempts,
    "deadline": _deadline,
    "cost": _cost,
    "survives": _survives,
}
