"""The compiled program at work: what `call.step` says, on tables, with everything changed in place.

A `Machine` holds one mutable World and runs any number of calls over it, each a small mutable `Call`.
Each method is one event of `events`; what it returns is the kind of the next command, whose details
stand in the call. Order matters as it does in the interpreter: effects of a failure are applied when
its step is over, so that what follows within it still sees the World as it was.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from enum import IntEnum
from math import inf
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from designer.engine.call import Fault, allowed_for, count_for, no_retry
from designer.engine.conditions import holds
from designer.engine.events import (
    Answered,
    Blamed,
    Cooled,
    Effect,
    Missed,
    Request,
    Send,
    Turned,
    Usage,
)
from designer.engine.lists import is_good
from designer.engine.pick import keeper, kept, least, share_of, window_of
from designer.engine.program import (
    Again,
    Ask,
    Choice,
    Compiled,
    Fork,
    Jump,
    Ladder,
    Path,
    Table,
    Trial,
)
from designer.engine.screens import Throughput, answered, screened, sent
from designer.engine.semantics import Phase, status_of
from designer.engine.world import Health, World
from designer.ir import NOTHING_LEFT, Deployment, Guardrail, Pool


class Next(IntEnum):
    """What a call asks for."""

    SEND = 0
    LISTEN = 1
    WAIT = 2
    INSPECT = 3
    LOOKUP = 4
    RESERVE = 5
    FINISH = 6


SEND, LISTEN, WAIT, INSPECT, LOOKUP, RESERVE, FINISH = Next


class Frame(Struct):
    """A chain, a retry or a jump that the call is inside of; pools and forks catch nothing."""

    table: Ladder | Again | Jump
    index: int = 0
    count: int | None = None
    skip: frozenset[int] = frozenset()
    obeyed_s: float = 0.0
    overruled: bool = False
    cause: Fault | None = None
    hops: int = 0


class Call(Struct, eq=False):
    """One call's state, and the details of what it asks for."""

    index: int
    request: Request
    asked: Path
    route: Path
    began_s: float = 0.0
    stage: int = 0
    rail: int = 0
    """Which guardrail of the stage is asked."""
    stack: list[Frame] = []
    deployment: int = -1
    """The one asked last."""
    is_asking: bool = False
    sent_s: float = 0.0
    phase: Phase = "headers"
    attempts: int = 0
    first: Fault | None = None
    last: Fault | None = None
    visited: frozenset[str] = frozenset()
    arms: dict[str, int] | None = None
    hops: int = 0
    resume: Table | None = None
    served_by: int = -1
    served_status: int = 200

    # --- What it asks for ---
    send: Send = Send("", None)
    wait_s: float = 0.0
    jitter_s: float = 0.0

    # --- How it ended ---
    status: int = 0
    told_by: int = -1
    """Whose answer the caller sees, -1 for nobody's."""
    failure: str | None = None
    in_band: bool = False
    told: bool = True

    @property
    def guardrail(self) -> Guardrail:
        return self.asked.stages[self.stage][1][self.rail]

    @property
    def side(self) -> Literal["input", "output"]:
        return "input" if self.asked.stages[self.stage][0] == "guard_in" else "output"

    @property
    def holds_back(self) -> bool:
        return self.asked.route is not None and self.asked.route.mid_stream == "buffer"


class Prospect(Struct, frozen=True):
    """Whom a call asks first, and within which limits the answer is nothing but an answer."""

    route: str
    child: int
    """Of the pool that the pick was made in."""
    deployment: int
    begins_s: float
    ends_s: float
    deadline_s: float

    def allows(self, at: float, begins_s: float, ends_s: float) -> bool:
        left_s = at + self.deadline_s - at
        return begins_s <= self.begins_s and ends_s <= self.ends_s and ends_s <= left_s


class Standing(Struct, frozen=True):
    """What a call for a route comes to first, until a cooldown begins or ends."""

    until: float
    choice: Choice
    able: tuple[int, ...]
    """Empty where everything is cooling that a call would come to."""
    prospects: tuple[tuple[Prospect, ...], ...]
    """By whether it is streamed, and by child."""


class Machine:
    def __init__(self, compiled: Compiled, world: World, draws: Iterator[float]) -> None:
        self.compiled = compiled
        self.semantics = compiled.semantics
        self.world = world
        self.draws = draws
        self.at = 0.0
        self._ids = compiled.ids
        self._number = {id_: n for n, id_ in enumerate(compiled.ids)}
        self._health: list[Health | None] = [None] * len(compiled.ids)
        keeps_health = self.semantics.cooldown is not None
        self._cools_until = [
            world.cools_until(id_) if keeps_health else -inf for id_ in compiled.ids
        ]
        self._all_well_from = max(self._cools_until, default=-inf)
        """From then on nothing cools, if nothing else happens."""
        self._has_teams = bool(compiled.routing.teams)
        self._screens = self.semantics.screens
        self._slots = self.semantics.slots
        routes = compiled.routing.routes if self.semantics.sticks else ()
        self._sticky = {route.name: route.sticky for route in routes if route.sticky != "none"}
        """By route, what keeps a caller to one child of a pool."""
        deployments, one_limit = compiled.deployments, self.semantics.one_stream_limit
        self._sends = tuple(
            tuple(_send_to(deployment, streams and one_limit) for deployment in deployments)
            for streams in (False, True)
        )
        """For requests that are not streamed and that are, without a deadline."""
        self._standings: dict[str, Standing] = {}
        """By route, as long as no cooldown begins."""
        self._chosen = -1
        """The child that was picked for the call that begins, -1 for none."""
        self.order = 0
        """Of events at the same time, which one is happening: the driver's to say where it foresees answers."""
        self._coming: list[list[tuple[float, int]]] = [[] for _ in compiled.ids]
        """When answers that were foreseen are there, with their order, until somebody has to know."""
        self._may_skip = any(row.skips for row in self.semantics.rows)
        self._effects: list[Effect] = []
        self._blamed: dict[int, int] = {}

    # --- The pipeline -----------------------------------------------------------------------------

    def begin(
        self, index: int, route: str, request: Request, at: float, prospect: Prospect | None = None
    ) -> tuple[Call, Next]:
        """With a `prospect` its first pick has been made."""
        self.at = at
        led = route
        if self._has_teams and request.team:
            led = self.compiled.routing.led(str(request.team.get("name", "")), route)
        path = self.compiled.paths.get(led)
        if path is None or path.table is None:
            path = Path(route)
            call = Call(index, request, path, path)
            return call, self._end(call, self.semantics.unknown_route, -1, "no_route")
        call = Call(index, request, path, path, at)
        self._chosen = -1 if prospect is None else prospect.child
        command = self._over(self._stage(call))
        self._chosen = -1
        return call, command

    def prospect(self, route: str, request: Request, at: float) -> Prospect | None:
        """Whom a call that is about to begin asks first: its pick is made. None where it has to begin first."""
        if self._has_teams and request.team:
            route = self.compiled.routing.led(str(request.team.get("name", "")), route)
        path = self.compiled.paths.get(route)
        if path is None or not path.firsts:
            return None
        self.at = at
        standing = self._standings.get(path.name)
        if standing is None or at >= standing.until:
            standing = self._standings[path.name] = self._standing(path)
        if not standing.able:
            return None
        child = self.picked(standing.choice, standing.able)
        return standing.prospects[request.stream][child]

    def picked(self, choice: Choice, able: tuple[int, ...]) -> int:
        """One of those that are able, as a step of its own."""
        child = self.pick(choice, able)
        if self._effects:
            self._over(SEND)
        return child

    def take_up(
        self, call: Call, index: int, request: Request, began_s: float, sent_s: float
    ) -> None:
        """Make a call one's own that has asked somebody without any machine knowing."""
        call.index, call.request, call.began_s, call.sent_s = index, request, began_s, sent_s
        call.send = self._sends[request.stream][call.deployment]
        self._health_of(call.deployment).in_flight += 1

    def _standing(self, path: Path) -> Standing:
        ables = ((choice, self._able(choice, _NOBODY)) for choice in path.firsts)
        choice, able = next((found for found in ables if found[1]), (path.firsts[0], ()))
        until = min((cool for cool in self._cools_until if cool > self.at), default=inf)
        return Standing(until, choice, able, self.prospects(path, choice))

    def prospects(self, path: Path, choice: Choice) -> tuple[tuple[Prospect, ...], ...]:
        return tuple(
            tuple(_prospect(path, choice, child, sends, streams) for child in choice.everyone)
            for streams, sends in zip((False, True), self._sends, strict=True)
        )

    def foreseen(self, prospect: Prospect, at: float, order: int) -> None:
        """What was a prospect is sure: an answer will be there, and nothing else comes of the call.

        Its `order` is that of a call which is sent now. A stream that is played ends in the order of its
        first token instead: where another call fails at the very time at which a foreseen stream ends, the
        answer may be counted too early. Times that are drawn have no such ties.
        """
        if self.semantics.cooldown is not None:
            coming = self._coming[prospect.deployment]
            coming.append((at, order))
            if len(coming) >= _MOST_COMING:
                self._count_answers(prospect.deployment, 0)

    def count_answers(self) -> None:
        """Bring the World up to date with all that was foreseen, whenever it comes."""
        self.at = inf
        for number, coming in enumerate(self._coming):
            if coming:
                self._count_answers(number, 0)

    def _count_answers(self, number: int, order: int) -> None:
        """Those that have come, or come as events at this time do that are before this one."""
        coming = self._coming[number]
        coming.sort()
        come = bisect_left(coming, (self.at, order))
        answered = self._health_of(number).answered
        for at, _ in coming[:come]:
            answered.add(at)
        del coming[:come]

    def _stage(self, call: Call) -> Next:
        stage = call.asked.stages[call.stage][0]
        if stage == "settle":
            call.status, call.told_by = call.served_status, call.served_by
            return FINISH
        if stage == "route":
            assert call.route.table is not None
            return self._enter(call, call.route.table)
        if stage == "cache":
            return LOOKUP
        if stage == "reserve":
            return RESERVE
        call.rail = 0
        return INSPECT

    def inspected(self, call: Call, at: float, verdict: str) -> Next:
        self.at = at
        if verdict == "blocked" or (verdict == "broken" and call.guardrail.on_error == "block"):
            return self._refuse(call, "guardrail")
        if call.rail + 1 < len(call.asked.stages[call.stage][1]):
            call.rail += 1
            return INSPECT
        return self._next_stage(call)

    def looked_up(self, call: Call, at: float, hit: bool) -> Next:
        self.at = at
        if hit:
            call.stage = len(call.asked.stages) - 1
            return self._over(self._stage(call))
        return self._next_stage(call)

    def reserved(self, call: Call, at: float, refused: str | None) -> Next:
        self.at = at
        return self._next_stage(call) if refused is None else self._refuse(call, refused)

    def _next_stage(self, call: Call) -> Next:
        call.stage += 1
        command = self._stage(call)
        return self._over(command) if self._effects else command

    def _refuse(self, call: Call, failure: str) -> Next:
        in_band = call.phase == "content"
        status = self.semantics.guardrail if failure == "guardrail" else status_of(failure)
        return self._end(call, 200 if in_band else status, call.served_by, failure, in_band)

    # --- Answers of a deployment ------------------------------------------------------------------

    def headers(self, call: Call) -> Next:
        call.phase = "silent"
        return LISTEN

    def first_token(self, call: Call) -> Next:
        call.phase = "silent" if call.holds_back else "content"
        return LISTEN

    def ended(self, call: Call, at: float, status: int, usage: Usage) -> Next:
        self.at = at
        call.is_asking = False
        tokens = usage.prompt_tokens + usage.completion_tokens
        if self._screens:
            id_ = self._ids[call.deployment]
            self._effects += answered(self._screens, id_, usage, at)
        if self.compiled.discarded and call.phase == "headers" and _discards(call, str(status)):
            return self._thrown_away(call, status, tokens)
        health = self._health[call.deployment] or self._health_of(call.deployment)
        health.in_flight -= 1
        if coming := self._coming[call.deployment]:
            coming.append((at, self.order))
        else:
            health.answered.add(at)
        health.tokens.add(at, tokens)
        health.latencies.append((at, at - call.sent_s))
        call.served_by, call.served_status = call.deployment, status
        call.stack.clear()
        return self._next_stage(call)

    def _thrown_away(self, call: Call, status: int, tokens: int) -> Next:
        failure, id_ = str(status), self._ids[call.deployment]
        self._effects.append(Answered(id_, self.at, self.at - call.sent_s, tokens))
        row = self.compiled.row(failure, call.phase, len(call.route.group), healthy_left=True)
        return self._over(self._unwind(call, Fault(failure, status, row=row, deployment=id_)))

    def failed(
        self,
        call: Call,
        at: float,
        failure: str,
        status: int | None,
        retry_after_s: float | None,
    ) -> Next:
        self.at = at
        call.is_asking = False
        group = call.route.group
        alone, opened = len(group) == 1, call.phase != "headers"
        told = (failure, status, retry_after_s)
        row = self.compiled.row(failure, call.phase, len(group), self._is_any_well(group))
        fault = Fault(*told, row, self._ids[call.deployment], alone, opened)
        self._count(call, fault)
        again = row
        if self.at < self._all_well_from:
            # A deployment that has just been left alone changes which row holds.
            again = self.compiled.row(failure, call.phase, len(group), self._is_any_well(group))
        if again is not row:
            fault = Fault(*told, again, fault.deployment, alone, opened)
        call.first, call.last = call.first or fault, fault
        if call.phase == "content" or again.silent:
            return self._over(self._finish(call, in_band=True))
        return self._over(self._unwind(call, fault))

    def left(self, call: Call, at: float) -> Next:
        """The client is gone."""
        if call.is_asking:
            missed = Missed(self._ids[call.deployment], at, "client_left", counted=False)
            self.world.apply((missed,))
        return self._end(call, 499, -1, "client_left")

    def _count(self, call: Call, fault: Fault) -> None:
        assert fault.deployment is not None
        rule = self.semantics.cooldown
        counted = (
            rule is not None and _harms(fault) and (rule.counts == "every" or call.attempts == 1)
        )
        self._effects.append(Missed(fault.deployment, self.at, fault.failure, counted))
        if counted:
            self._judge(fault)

    def _blame(self, fault: Fault) -> None:
        rule = self.semantics.cooldown
        if rule is None or rule.counts != "rungs" or fault.counted or not _harms(fault):
            return
        assert fault.deployment is not None
        self._effects.append(Blamed(fault.deployment, self.at))
        self._judge(fault)

    def _judge(self, fault: Fault) -> None:
        rule = self.semantics.cooldown
        assert rule is not None
        assert fault.deployment is not None
        number = self._number[fault.deployment]
        deployment = self.compiled.deployments[number]
        ill = self._is_too_ill(deployment, fault, self._blamed.get(number, 0) + 1)
        self._blamed[number] = self._blamed.get(number, 0) + 1
        given = deployment.cooldown
        lasts_s = given.lasts_s if given is not None else rule.lasts_s
        told_s = fault.retry_after_s if fault.failure in rule.retry_after_on else None
        if (
            told_s is not None
            and rule.obeys_retry_after
            and (given is None or (given.yields and given.lasts_s > 0))
            and (self.semantics.retry_after is None or self.semantics.retry_after.reads(told_s))
        ):
            lasts_s = told_s
        if ill and lasts_s > 0:
            until = self.at + lasts_s
            self._effects.append(Cooled(deployment.id, until))
            self._cools_until[number] = max(self._cools_until[number], until)
            self._all_well_from = max(self._all_well_from, until)
            self._standings.clear()

    def _is_too_ill(self, deployment: Deployment, fault: Fault, more: int) -> bool:
        rule = self.semantics.cooldown
        assert rule is not None
        assert fault.row is not None
        given = deployment.cooldown
        allowed = None if given is None else allowed_for(given, fault.failure)
        if given is not None and allowed is not None:
            before = self.world.failures_within(deployment.id, self.at, given.lasts_s)
            return before + more > allowed
        if fault.row.cools == "now":
            return True
        number = self._number[deployment.id]
        if self._coming[number]:
            self._count_answers(number, self.order)
        requests, failed = self.world.minute_counts(deployment.id, self.at)
        requests, failed = requests + more, failed + more
        if fault.alone and rule.alone_least_requests is not None:
            return failed == requests >= rule.alone_least_requests
        return requests >= rule.least_requests and failed / requests > rule.share

    # --- Down the tree ----------------------------------------------------------------------------

    def _enter(self, call: Call, table: Table) -> Next:
        while True:
            if isinstance(table, Again):
                call.stack.append(Frame(table))
                table = table.child
            elif isinstance(table, Ladder):
                call.stack.append(Frame(table, hops=call.hops))
                table = table.rungs[0].child
            elif isinstance(table, Choice):
                barred = self._barred(call, table) if self._screens else _NOBODY
                if isinstance(barred, Fault):
                    return self._unwind(call, barred)
                index = self._picked(call, table, barred)
                if index is None:
                    return self._unwind(call, Fault("cooling"))
                if table.asks and not self._screens:
                    return self._send(call, table.asks[index])
                table = table.children[index]
            elif isinstance(table, Ask):
                barred = self._barred(call, table) if self._screens else _NOBODY
                if isinstance(barred, Fault):
                    return self._unwind(call, barred)
                if table.deployment in barred or self.at < self._cools_until[table.deployment]:
                    return self._unwind(call, Fault("cooling"))
                return self._send(call, table.deployment)
            elif isinstance(table, Fork):
                taken = self._taken(call, table)
                if taken is None:
                    return self._unwind(call, Fault(table.lacking))
                table = taken
            elif isinstance(table, Trial):
                table = table.arms[self._arm(call, table)]
            else:
                path = table.to
                if self._is_out_of_reach(call, path):
                    # What brought the call here goes on, but has been counted already.
                    return self._unwind(call, replace(call.last or Fault("no_route"), counted=True))
                call.hops += 1
                call.visited = call.visited | {path.name}
                call.stack.append(Frame(table, hops=call.hops))
                call.route = path
                if path.table is None:
                    return self._unwind(call, Fault("no_route"))
                table = path.table

    def _taken(self, call: Call, fork: Fork) -> Table | None:
        compares = self.semantics.compares
        found = (child for when, child in fork.cases if holds(when, call.request, compares))
        return next(found, fork.otherwise)

    def _arm(self, call: Call, trial: Trial) -> int:
        if call.arms is None:
            call.arms = {}
        name = trial.split.name
        if name not in call.arms:
            call.arms[name] = share_of(trial.split, call.request, self.draws)
        return call.arms[name]

    def _barred(self, call: Call, table: Ask | Choice) -> frozenset[int] | Fault:
        """Deployments that the screens keep this request from, or the failure of their leaving none."""
        group = tuple(self._ids[number] for number in call.route.group)
        here = _below(table)
        among = {self._ids[number] for number in here}
        left = healthy = tuple(
            self._ids[number] for number in call.route.group if not self._is_cooling(number)
        )
        for screen in self._screens:
            if isinstance(screen, Throughput):
                left = tuple(id_ for id_ in left if id_ in among)
            found = screened(screen, left, group, call.request, self.world, self.at) if left else ()
            if isinstance(found, str) or (left and not found):
                failure = found if isinstance(found, str) else "barred"
                row = self.compiled.row(failure, "headers", len(group), healthy_left=True)
                return Fault(failure, row=row)
            left = found
        if not healthy:
            return _NOBODY
        return frozenset(here) - {self._number[id_] for id_ in left}

    def _picked(self, call: Call, choice: Choice, barred: frozenset[int]) -> int | None:
        """Index of the child to ask; None when nothing below may be asked."""
        if barred or self.at < self._all_well_from:
            able = self._able(choice, barred)
        else:
            able = choice.everyone
        if self._may_skip:
            able = _fresh(call, choice, able)
        if not able:
            return None
        if self._chosen >= 0:
            return self._chosen
        if self._sticky and (who := keeper(self._sticky.get(call.asked.name, ""), call.request)):
            return kept(choice.pool, able, who)
        return self.pick(choice, able)

    def pick(self, choice: Choice, able: tuple[int, ...]) -> int:
        """One of those that are able; that a pool's turn has come is an effect, and not applied yet."""
        kind, count = choice.pool.pick, len(able)
        if count == 1:
            index = able[0]
        elif kind == "weighted":
            reached = choice.reached if count == len(choice.everyone) else choice.shares(able)
            at = bisect_right(reached, next(self.draws))
            index = able[at if at < count else count - 1]
        elif kind == "cheapest":
            index = able[0]
        elif kind == "round_robin":
            index = able[self.world.turn(choice.turn_key) % len(able)]
        elif kind == "usage":
            index = least(able, [self._used(choice.reach[i]) for i in able], self.draws)
        else:
            index = min(able, key=lambda i: self._rank(choice.pool, choice.reach[i]))
        if kind == "round_robin":
            turn = self.world.turn(choice.turn_key) + 1
            self._effects.append(Turned(choice.turn_key, turn))
        return index

    def _rank(self, pool: Pool, reach: tuple[int, ...]) -> float:
        ids = [self._ids[n] for n in reach]
        if pool.pick == "least_busy":
            return sum(self.world.in_flight(id_) for id_ in ids)
        seen = [self.world.latency_s(id_, self.at - window_of(pool)) for id_ in ids]
        return min((s for s in seen if s is not None), default=0.0)

    def _used(self, reach: tuple[int, ...]) -> int:
        return sum(self.world.minute_tokens(self._ids[n], self.at) for n in reach)

    def _able(self, choice: Choice, barred: frozenset[int]) -> tuple[int, ...]:
        """Children of which something may be asked."""
        until, at = self._cools_until, self.at
        if barred:
            return tuple(
                index
                for index, numbers in enumerate(choice.reach)
                if not numbers or any(n not in barred and until[n] <= at for n in numbers)
            )
        if choice.singles:
            return tuple([i for i, number in enumerate(choice.singles) if until[number] <= at])
        reach = enumerate(choice.reach)
        return tuple([i for i, ns in reach if not ns or any(until[n] <= at for n in ns)])

    def _is_out_of_reach(self, call: Call, path: Path) -> bool:
        if self.semantics.visits_once:
            seen = path.name in call.visited
        else:
            seen = any(isinstance(f.table, Jump) and f.table.to is path for f in call.stack)
        return seen or path is call.asked or self._is_deep(call)

    def _is_deep(self, call: Call) -> bool:
        above = [frame.hops for frame in call.stack if isinstance(frame.table, Jump)]
        if self.semantics.depth_counts == "routes":
            return len(above) >= self.semantics.depth
        return (above[-1] if above else 0) >= self.semantics.depth

    def _send(self, call: Call, number: int) -> Next:
        asked = call.asked.route
        assert asked is not None
        if asked.attempts_limit is not None and call.attempts >= asked.attempts_limit:
            return self._give_up(call, "attempts")
        send = self._sends[call.request.stream][number]
        if asked.deadline_s is not None:
            left_s = call.began_s + asked.deadline_s - self.at
            if left_s <= 0:
                return self._give_up(call, "deadline")
            timeout_s = left_s if send.timeout_s is None else min(send.timeout_s, left_s)
            send = Send(send.deployment, timeout_s, send.first_token_s, left_s)
        if self._slots and self._is_full(number):
            return self._unwind(call, self._overflow(call, number))
        call.send = send
        call.deployment, call.is_asking, call.sent_s = number, True, self.at
        call.phase = "headers"
        call.attempts += 1
        if self._screens:
            self._effects += sent(self._screens, send.deployment, self.at)
        # Last in its step, so that nothing in it sees the World with this attempt already on its way.
        health = self._health[number] or self._health_of(number)
        health.in_flight += 1
        return SEND

    def _is_full(self, number: int) -> bool:
        id_ = self._ids[number]
        most = self._slots.get(id_)
        return most is not None and self.world.in_flight(id_, self._effects) >= most

    def _overflow(self, call: Call, number: int) -> Fault:
        """The gateway's own 429 for a deployment that has as much to do as it may."""
        group = len(call.route.group)
        row = self.compiled.row("429", "headers", group, healthy_left=True)
        return Fault("429", 429, row=row, deployment=self._ids[number], alone=group == 1)

    # --- Up the tree ------------------------------------------------------------------------------

    def _unwind(self, call: Call, fault: Fault) -> Next:
        self._tell(call, fault)
        stack = call.stack
        while stack:
            frame = stack.pop()
            table = frame.table
            if isinstance(table, Again):
                caught = self._retried(call, frame, table, fault)
                if caught is not None:
                    return caught
            elif isinstance(table, Ladder):
                step = table.rungs[frame.index]
                if step.is_further:
                    self._blame(fault)
                cause = frame.cause or fault
                index = self._rung_after(call, frame, table, fault)
                if index is not None:
                    step = table.rungs[index]
                    call.hops = call.hops if table.is_list else frame.hops + step.is_hop
                    frame.index, frame.cause = index, cause
                    stack.append(frame)
                    return self._enter(call, step.child)
                hidden = cause is not fault and not self._hides(call, fault, cause)
                if table.tells_first and hidden:
                    fault = cause
                    self._tell(call, fault)
            else:
                resumed = self._resumed(call, frame, fault)
                if resumed is not None:
                    return resumed
                call.route, call.hops = self._route_above(call), frame.hops
                fault = replace(frame.cause or fault, counted=False)
                self._tell(call, fault)
        return self._finish(call)

    def _rung_after(self, call: Call, frame: Frame, ladder: Ladder, fault: Fault) -> int | None:
        if not _may_fall(fault):
            return None
        for index in ladder.led_to(frame.index, fault.failure):
            step = ladder.rungs[index]
            if step.asked_only and call.route is not call.asked:
                continue
            if step.is_hop and self.semantics.depth_counts == "hops" and self._is_deep(call):
                continue
            return index
        return None

    def _hides(self, call: Call, fault: Fault, cause: Fault) -> bool:
        nothing = fault.failure in NOTHING_LEFT and self.semantics.tells_cooling
        told = nothing and cause.failure not in NOTHING_LEFT
        return fault.opened or (told and call.route is call.asked)

    def _resumed(self, call: Call, frame: Frame, fault: Fault) -> Next | None:
        if not self.semantics.resumes_list or frame.index or not _may_fall(fault):
            return None
        here, failure = call.route, fault.failure
        listed = self.compiled.list_for(call.asked, failure)
        if listed is None or self.compiled.list_for(here, failure, own=True) is not None:
            return None
        frame.index = 1
        frame.cause = None if self.compiled.walks_on(here, failure) else fault
        call.stack.append(frame)
        call.hops = frame.hops
        return self._enter(call, listed)

    def _route_above(self, call: Call) -> Path:
        above = (frame.table for frame in reversed(call.stack))
        return next((table.to for table in above if isinstance(table, Jump)), call.asked)

    def _tell(self, call: Call, fault: Fault) -> None:
        # Having nothing to ask must not hide why: a real failure stays the one that is told.
        if fault.row is None and call.last is not None:
            cools, semantics = fault.failure == "cooling", self.semantics
            if not (semantics.tells_cooling if cools else semantics.tells_no_route):
                return
        call.first, call.last = call.first or fault, fault

    def _retried(self, call: Call, frame: Frame, again: Again, fault: Fault) -> Next | None:
        row, retry = fault.row, again.retry
        if row is None:
            return None
        overruled = frame.overruled
        if frame.count is None:
            overruled = self.semantics.counts_overrule and any(
                fault.failure in on for on, _ in retry.per_failure
            )
        # A stream that had begun has left the retries behind it, unless its row says otherwise.
        if not (overruled and not fault.opened) and not (row.retried and fault.failure in retry.on):
            return None
        count = frame.count
        if count is None:
            varies = retry.per_failure or retry.per_deployment
            count = count_for(retry, fault) if varies else retry.retries
        rule = self.semantics.retry_after
        given_s = fault.retry_after_s if retry.honours_retry_after else None
        wait_s = self.semantics.backoff.wait_s(frame.index)
        obeyed_s, waits_after_last = frame.obeyed_s, self.semantics.waits_after_last
        if rule is not None and obeyed_s and rule.ends_backoff:
            wait_s = 0.0
        if rule is not None and given_s is not None and fault.failure in rule.on:
            spent = rule.at_most_in_all_s is not None and obeyed_s + given_s > rule.at_most_in_all_s
            if (given_s > rule.at_most_s or spent) and rule.gives_up_above:
                return None
            if rule.at_least_s <= given_s <= rule.at_most_s and rule.reads(given_s) and not spent:
                wait_s, obeyed_s = given_s, obeyed_s + given_s
                waits_after_last = waits_after_last or rule.after_last
        if frame.index >= count:
            if waits_after_last and row.waits and count > 0:
                return self._wait(call, wait_s, resume=None)
            return None
        if row.skips and call.deployment >= 0:
            frame.skip = frame.skip | {call.deployment}
        frame.index += 1
        frame.count = count if self.semantics.fixes_count_at_first else None
        frame.obeyed_s, frame.overruled = obeyed_s, overruled
        call.stack.append(frame)
        return (
            self._wait(call, wait_s, again.child) if row.waits else self._enter(call, again.child)
        )

    def _wait(self, call: Call, wait_s: float, resume: Table | None) -> Next:
        left_s = self._left_s(call)
        if left_s is not None and wait_s >= left_s:
            # Sleeping past the deadline helps nobody, but another rung may answer in time.
            if resume is not None:
                call.stack.pop()
            assert call.last is not None
            return self._unwind(call, replace(call.last, row=no_retry(call.last.row)))
        jitter_s = self.semantics.backoff.jitter_s
        if left_s is not None:
            jitter_s = min(jitter_s, left_s - wait_s)
        call.resume, call.wait_s, call.jitter_s = resume, wait_s, jitter_s
        return WAIT

    def woke(self, call: Call, at: float) -> Next:
        self.at = at
        if call.resume is not None:
            resume, call.resume = call.resume, None
            return self._over(self._enter(call, resume))
        assert call.last is not None
        return self._over(self._unwind(call, call.last))

    # --- The end ----------------------------------------------------------------------------------

    def _give_up(self, call: Call, why: str) -> Next:
        """The route's own limits stop the call; what the caller sees is the failure behind it."""
        if call.last is None:
            call.last = Fault(why)
        return self._finish(call)

    def _finish(self, call: Call, in_band: bool = False) -> Next:
        told = call.first if self.semantics.reports == "first" else call.last
        assert told is not None
        call.stack.clear()
        if in_band:
            call.told = told.row is None or not told.row.silent
            return self._end(call, 200, call.deployment, told.failure, in_band=True)
        status = self.semantics.status(told.failure, told.status, told.row)
        if is_good(told.failure):
            return self._end(call, status, self._number.get(told.deployment or "", -1))
        return self._end(call, status, -1, told.failure)

    def _end(
        self,
        call: Call,
        status: int,
        told_by: int,
        failure: str | None = None,
        in_band: bool = False,
    ) -> Next:
        call.status, call.told_by = status, told_by
        call.failure, call.in_band = failure, in_band
        return FINISH

    # --- The World --------------------------------------------------------------------------------

    def _over(self, command: Next) -> Next:
        """End a step: what it did to the World is done now."""
        if self._effects:
            self.world.apply(self._effects)
            self._effects.clear()
            self._blamed.clear()
        return command

    def _health_of(self, number: int) -> Health:
        health = self._health[number]
        if health is None:
            health = self._health[number] = self.world.health_of(self._ids[number])
        return health

    def _is_cooling(self, number: int) -> bool:
        return self.at < self._cools_until[number]

    def _is_any_well(self, group: tuple[int, ...]) -> bool:
        if self.at >= self._all_well_from:
            return bool(group)
        return any(not self._is_cooling(number) for number in group)

    def _left_s(self, call: Call) -> float | None:
        route = call.asked.route
        if route is None or route.deadline_s is None:
            return None
        return call.began_s + route.deadline_s - self.at


_NOBODY: frozenset[int] = frozenset()
_MOST_COMING = 4096
"""So many foreseen answers are kept of a deployment before those that have come are counted."""


def _send_to(deployment: Deployment, has_one_limit: bool) -> Send:
    timeout_s, first_token_s = deployment.timeout_s, deployment.first_token_s
    if has_one_limit:
        timeout_s = first_token_s = timeout_s if first_token_s is None else first_token_s
    return Send(deployment.id, timeout_s, first_token_s)


def _prospect(
    path: Path, choice: Choice, child: int, sends: tuple[Send, ...], streams: bool
) -> Prospect:
    """Unstreamed, an answer has one limit, for all of it; a stream's are for its beginning."""
    assert path.route is not None
    number = choice.asks[child]
    send = sends[number]
    limit_s = inf if send.timeout_s is None else send.timeout_s
    first_s = inf if send.first_token_s is None else send.first_token_s
    deadline_s = inf if path.route.deadline_s is None else path.route.deadline_s
    begins_s, ends_s = (min(limit_s, first_s), inf) if streams else (inf, limit_s)
    return Prospect(path.name, child, number, begins_s, ends_s, deadline_s)


def _below(table: Ask | Choice) -> tuple[int, ...]:
    if isinstance(table, Ask):
        return (table.deployment,)
    return tuple(number for numbers in table.reach for number in numbers)


def _harms(fault: Fault) -> bool:
    return fault.row is not None and fault.row.cools != "never" and fault.deployment is not None


def _may_fall(fault: Fault) -> bool:
    return fault.row.falls if fault.row is not None else True


def _fresh(call: Call, choice: Choice, able: tuple[int, ...]) -> tuple[int, ...]:
    """Those of which nothing is to be left out; all of them, where that leaves nothing."""
    skip = frozenset[int]().union(*(frame.skip for frame in call.stack))
    if not skip:
        return able
    return tuple(i for i in able if skip.isdisjoint(choice.reach[i])) or able


def _discards(call: Call, status: str) -> bool:
    """Whether some list on the way up names the status of a good answer."""
    for frame in call.stack:
        table = frame.table
        if isinstance(table, Ladder):
            further = table.chain.rungs[frame.index + 1 :]
            if any(status in rung.on.tokens and not rung.on.all_but for rung in further):
                return True
        elif isinstance(table, Again):
            on = table.retry.on
            if status in on.tokens and not on.all_but:
                return True
    return False
