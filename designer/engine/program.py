"""A configuration compiled: its trees as tables of numbers, with everything looked up that can be.

`compiled` answers once what the interpreter (`call.step`) asks at every step: which deployments a
route reaches, which rungs a failure leads to, which row decides about it. What a call does with the
tables is `machine`'s; what a configuration means stays the interpreter's to say, and a law holds the
two together. Nothing is simplified: there is no tree and no habit that is not compiled.
"""

from collections.abc import Mapping
from itertools import accumulate

from msgspec import Struct, field

from designer.engine.call import Program
from designer.engine.lists import (
    is_further,
    is_good,
    is_hop,
    is_list,
    list_for,
    reaches,
    walks_on,
)
from designer.engine.pick import turn_key
from designer.engine.semantics import Phase, Row, Semantics, Stage
from designer.ir import (
    Chain,
    Condition,
    Deployment,
    Guardrail,
    Node,
    Pick,
    Pool,
    Ref,
    Remote,
    Retry,
    Route,
    Routing,
    Rung,
    Split,
    Switch,
    Target,
    deployments_of,
    reached,
)

_REMEMBERS = 1_000
"""For how many sets of candidates a pool keeps their shares: memory must not grow with time."""


class Ask(Struct, frozen=True):
    deployment: int


class Choice(Struct, frozen=True):
    """A pool. `everyone` and `reached` are its candidates and their cumulative shares when none is out."""

    pool: Pool
    children: tuple["Table", ...]
    reach: tuple[tuple[int, ...], ...]
    """By child, the deployments below it."""
    singles: tuple[int, ...]
    """The same where each child is one deployment; else empty."""
    asks: tuple[int, ...]
    """The same where each child is nothing but a deployment."""
    everyone: tuple[int, ...]
    reached: tuple[float, ...]
    turn_key: str
    among: dict[tuple[int, ...], tuple[float, ...]] = field(default_factory=dict)
    """It remembers, by its candidates, their cumulative shares."""

    def shares(self, candidates: tuple[int, ...]) -> tuple[float, ...]:
        known = self.among.get(candidates)
        if known is None:
            if len(self.among) >= _REMEMBERS:
                self.among.clear()
            known = self.among[candidates] = shares_reached(self.pool, candidates)
        return known


class Again(Struct, frozen=True):
    retry: Retry
    child: "Table"


class Step(Struct, frozen=True):
    """A rung."""

    child: "Table"
    asked_only: bool
    is_hop: bool
    is_further: bool


class Ladder(Struct, frozen=True):
    """A chain. `leads` remembers, by the rung that failed and its failure, which rungs may follow."""

    rungs: tuple[Step, ...]
    tells_first: bool
    is_list: bool
    chain: Chain
    leads: dict[tuple[int, str], tuple[int, ...]] = field(default_factory=dict)

    def led_to(self, index: int, failure: str) -> tuple[int, ...]:
        known = self.leads.get((index, failure))
        if known is None:
            further = range(index + 1, len(self.rungs))
            known = tuple(i for i in further if reaches(self.chain.rungs[i], failure))
            self.leads[index, failure] = known
        return known


class Fork(Struct, frozen=True):
    cases: tuple[tuple[Condition, "Table"], ...]
    otherwise: "Table | None"
    lacking: str


class Trial(Struct, frozen=True):
    split: Split
    arms: tuple["Table", ...]


class Jump(Struct, frozen=True):
    to: "Path"


Table = Ask | Choice | Again | Ladder | Fork | Trial | Jump


class Path(Struct, eq=False):
    """A route; one without a `table` is only named by somebody and does not exist."""

    name: str
    route: Route | None = None
    table: Table | None = None
    firsts: tuple[Choice, ...] = ()
    """The pools, each for when all before it are cooling, that a call comes to before anybody is asked.

    None where more has to be known of a call than whom it asks, or of what others were answered.
    """
    group: tuple[int, ...] = ()
    """All its deployments."""
    stages: tuple[tuple[Stage, tuple[Guardrail, ...]], ...] = ()
    """What a call that asks for it passes through; stages without anything to do are left out."""


class Compiled(Struct, eq=False):
    """A configuration and its gateway's habits, ready to run. It grows only by what it remembers."""

    routing: Routing
    semantics: Semantics
    ids: tuple[str, ...]
    deployments: tuple[Deployment, ...]
    paths: Mapping[str, Path]
    """By name and by alias, routes that are only named included."""
    discarded: frozenset[str]
    """The statuses of good answers that some list makes a failure of."""
    compiler: "_Compiler"
    _rows: dict[tuple[str, Phase, bool, bool], Row] = field(default_factory=dict)
    _lists: dict[tuple[str, str, bool], Table | None] = field(default_factory=dict)

    def row(self, failure: str, phase: Phase, group: int, healthy_left: bool) -> Row:
        key = (failure, phase, group == 1, healthy_left)
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = self.semantics.row(failure, phase, group, healthy_left)
        return row

    def list_for(self, path: Path, failure: str, own: bool = False) -> Table | None:
        """As `lists.list_for` of the route's tree."""
        key = (path.name, failure, own)
        if key not in self._lists:
            found = None if path.route is None else list_for(path.route.node, failure, own)
            self._lists[key] = None if found is None else self.compiler.table(found)
        return self._lists[key]

    def walks_on(self, path: Path, failure: str) -> bool:
        return path.route is not None and walks_on(path.route.node, failure)


def compiled(program: Program) -> Compiled:
    routing, semantics = program.routing, program.semantics
    compiler = _Compiler(routing)
    for route in routing.routes:
        path = compiler.path(route.name)
        path.table = compiler.table(route.node)
        path.group = compiler.numbers(route.node)
        path.stages = _stages(routing, semantics, route.name)
    for alias, _ in routing.aliases:
        compiler.path(alias)
    discarded = frozenset(token for token in compiler.discarded if is_good(token))
    if not (discarded or semantics.screens or compiler.picks & _BY_ANSWERS):
        for route in routing.routes:
            path = compiler.path(route.name)
            plain = _is_plain(path, semantics) and not _is_limited(routing, semantics, route.name)
            path.firsts = _firsts(path) if plain else ()
    return Compiled(
        routing=routing,
        semantics=semantics,
        ids=tuple(compiler.number),
        deployments=routing.deployments,
        paths=compiler.paths,
        discarded=discarded,
        compiler=compiler,
    )


_BY_ANSWERS: frozenset[Pick] = frozenset({"least_busy", "fastest", "usage"})
"""Picks that depend on what was answered before."""


def _is_plain(path: Path, semantics: Semantics) -> bool:
    """Whether all there is to a call is whom it asks, unless something fails."""
    route = path.route
    assert route is not None
    return (
        tuple(stage for stage, _ in path.stages) == ("route", "settle")
        and not (semantics.sticks and route.sticky != "none")
        and (route.deadline_s is None or route.deadline_s > 0)
        and (route.attempts_limit is None or route.attempts_limit > 0)
        and semantics.depth > 0
    )


def _is_limited(routing: Routing, semantics: Semantics, name: str) -> bool:
    """Whether a call for this route may find a deployment full: how many are there has to be known."""
    if not semantics.slots:
        return False
    nodes = (routing.route(one).node for one in reached(routing, name))
    return any(id_ in semantics.slots for node in nodes for id_ in deployments_of(node))


def _firsts(path: Path) -> tuple[Choice, ...]:
    found: list[Choice] = []
    within: list[tuple[Ladder, int]] = []
    table = path.table
    while table is not None:
        table = _descended(table, within)
        if isinstance(table, Ask):
            table = only(table)
        if not isinstance(table, Choice) or not table.asks:
            break
        found.append(table)
        table = _after_cooling(within)
    return tuple(found)


def _descended(table: Table, within: list[tuple[Ladder, int]]) -> Table:
    while isinstance(table, Again | Ladder):
        if isinstance(table, Ladder):
            within.append((table, 0))
        table = table.child if isinstance(table, Again) else table.rungs[0].child
    return table


def _after_cooling(within: list[tuple[Ladder, int]]) -> Table | None:
    while within:
        ladder, index = within.pop()
        led = ladder.led_to(index, "cooling")
        if led:
            within.append((ladder, led[0]))
            return ladder.rungs[led[0]].child
    return None


def only(ask: Ask) -> Choice:
    """A pool of one."""
    alone, numbers = (0,), (ask.deployment,)
    return Choice(Pool(()), (ask,), (numbers,), numbers, numbers, alone, (1.0,), "")


def _stages(
    routing: Routing, semantics: Semantics, name: str
) -> tuple[tuple[Stage, tuple[Guardrail, ...]], ...]:
    stages: list[tuple[Stage, tuple[Guardrail, ...]]] = []
    for stage in semantics.stages:
        if stage not in ("guard_in", "guard_out"):
            stages.append((stage, ()))
            continue
        side = "input" if stage == "guard_in" else "output"
        rails = tuple(r for r in routing.guardrails if r.covers(name) and side in r.stages)
        if rails:
            stages.append((stage, rails))
    return tuple(stages)


class _Compiler:
    """Numbers deployments and compiles nodes; routes exist, without a table, before any is compiled."""

    def __init__(self, routing: Routing) -> None:
        self.routing = routing
        self.number = {d.id: n for n, d in enumerate(routing.deployments)}
        self.discarded: set[str] = set()
        self.picks: set[Pick] = set()
        self.paths: dict[str, Path] = {}

    def path(self, name: str) -> Path:
        """The same object for a route and for its aliases."""
        found = self.paths.get(name)
        if found is None and self.routing.has_route(name):
            route = self.routing.route(name)
            found = self.paths.get(route.name) or Path(route.name, route)
            self.paths[route.name] = found
        elif found is None:
            found = Path(name)
        self.paths[name] = found
        return found

    def numbers(self, node: Node) -> tuple[int, ...]:
        return tuple(self.number[id_] for id_ in deployments_of(node))

    def table(self, node: Node) -> Table:
        match node:
            case Target(deployment=id_):
                return Ask(self.number[id_])
            case Pool():
                return self._choice(node)
            case Retry(child=child, on=on):
                if not on.all_but:
                    self.discarded |= on.tokens
                return Again(node, self.table(child))
            case Chain(rungs=rungs, tells=tells):
                steps = tuple(self._step(rung, index) for index, rung in enumerate(rungs))
                return Ladder(steps, tells == "first", is_list(node), node)
            case Remote(child=child):
                return self.table(child)
            case Switch(cases=cases, otherwise=otherwise, lacking=lacking):
                rest = None if otherwise is None else self.table(otherwise)
                return Fork(tuple((c.when, self.table(c.child)) for c in cases), rest, lacking)
            case Split(arms=arms):
                return Trial(node, tuple(self.table(arm.child) for arm in arms))
            case Ref(route=name):
                return Jump(self.path(name))

    def _step(self, rung: Rung, index: int) -> Step:
        if index and not rung.on.all_but:
            self.discarded |= rung.on.tokens
        further = is_further(rung, index)
        return Step(self.table(rung.child), rung.asked_only, is_hop(rung), further)

    def _choice(self, pool: Pool) -> Choice:
        self.picks.add(pool.pick)
        everyone = tuple(range(len(pool.children)))
        reach = tuple(self.numbers(child) for child in pool.children)
        is_flat = all(len(numbers) == 1 for numbers in reach)
        is_plain = all(isinstance(child, Target) for child in pool.children)
        return Choice(
            pool=pool,
            children=tuple(self.table(child) for child in pool.children),
            reach=reach,
            asks=tuple(numbers[0] for numbers in reach) if is_plain else (),
            singles=tuple(numbers[0] for numbers in reach) if is_flat else (),
            everyone=everyone,
            reached=shares_reached(pool, everyone),
            turn_key=turn_key(pool),
        )


def shares_reached(pool: Pool, candidates: tuple[int, ...]) -> tuple[float, ...]:
    """The candidates' cumulative shares, added in the order that `pick` adds them in."""
    weights = [pool.weights[i] if pool.weights else 1.0 for i in candidates]
    total = sum(weights)
    if total <= 0:
        weights, total = [1.0] * len(candidates), float(len(candidates))
    return tuple(accumulate(weight / total for weight in weights))
