"""One client call as a state machine: the readable specification of all routing.

`step` knows what comes next and never does it. It walks a route's tree with a stack of frames:
`_enter` goes down to the next deployment to ask, `_unwind` comes back up with a failure until some
node catches it. There is no clock, no randomness and no I/O here; time arrives with events, chance
as `draws`, and what calls share is read from a `World` and changed only through the returned effects.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from designer.engine.conditions import holds
from designer.engine.events import (
    Answered,
    Began,
    Blamed,
    Command,
    Cooled,
    Effect,
    Ended,
    Event,
    Failed,
    Finish,
    FirstToken,
    Headers,
    Inspect,
    Inspected,
    Left,
    Listen,
    LookedUp,
    Lookup,
    Missed,
    Request,
    Reserve,
    Reserved,
    Send,
    Sent,
    Turned,
    Wait,
    Woke,
)
from designer.engine.lists import (
    is_further,
    is_good,
    is_hop,
    is_list,
    list_for,
    reaches,
    walks_on,
)
from designer.engine.pick import keeper, kept, pick, share_of, turn_key
from designer.engine.screens import Throughput, answered, screened, sent
from designer.engine.semantics import Phase, Row, Semantics, Stage, status_of
from designer.engine.world import World
from designer.ir import (
    NOTHING_LEFT,
    Chain,
    Condition,
    Cooldown,
    Deployment,
    Guardrail,
    Node,
    Pool,
    Ref,
    Remote,
    Retry,
    Routing,
    Rung,
    Split,
    Switch,
    Target,
    deployments_of,
)


class Program(Struct, frozen=True):
    """What a call runs: the meaning of a configuration and the gateway it runs on."""

    routing: Routing
    semantics: Semantics


class Fault(Struct, frozen=True):
    """A failed attempt, or the lack of anything to attempt, on its way up the tree."""

    failure: str
    status: int | None = None
    retry_after_s: float | None = None
    row: Row | None = None
    """None when nothing was asked."""
    deployment: str | None = None
    """Whose failure it is."""
    alone: bool = False
    """Whether that deployment is its route's only one."""
    opened: bool = False
    """Whether a stream had begun, so that no earlier failure can be told in its place."""
    counted: bool = False
    """Whether the route that it is in has counted it already."""


class Frame(Struct, frozen=True):
    """One node that the call is inside of."""

    node: Node
    index: int = 0
    """Chain: the rung; Retry: retries done; Pool: the child picked; Ref: 1 once it has resumed a list."""
    count: int | None = None
    """Retry: how many retries, once a failure has fixed it."""
    skip: frozenset[str] = frozenset()
    """Retry: deployments that its next try leaves out."""
    obeyed_s: float = 0.0
    """Retry: how long it has waited because a `Retry-After` said so."""
    overruled: bool = False
    """Retry: whether its count was given for the very failure that fixed it."""
    cause: Fault | None = None
    """Chain: what sent it on from its first rung; Ref: what comes out if the list it resumes fails."""
    hops: int = 0
    """Chain: how many hops led to it; Ref: the same, its own included."""


class Call(NamedTuple):
    """A named tuple, since a call changes a dozen times: `_replace` costs a third of `replace`."""

    request: Request
    asked: str
    """The route the client asked for: its limits and guardrails bind the whole call."""
    route: str
    """The route whose tree is being walked: the one asked for, or one that a `Ref` led to."""
    began_s: float = 0.0
    stages: tuple[Stage, ...] = ()
    """What is still to come, the present stage first."""
    inspections: tuple[Guardrail, ...] = ()
    """Guardrails of the present stage that have not answered yet, the one asked first."""
    stack: tuple[Frame, ...] = ()
    deployment: str | None = None
    """The one asked last."""
    is_asking: bool = False
    """Whether its answer is still to come: what the World counts as in flight."""
    sent_s: float = 0.0
    phase: Phase = "headers"
    attempts: int = 0
    first: Fault | None = None
    last: Fault | None = None
    visited: frozenset[str] = frozenset()
    """Routes that a `Ref` has led to."""
    arms: tuple[tuple[str, int], ...] = ()
    """Of each experiment that the call has met, by name, the arm it took."""
    hops: int = 0
    """Fallbacks that led to where it is: further rungs, and the `Ref`s of a list up to the present one."""
    resume: Node | None = None
    """What to enter when a wait is over; None then means: go on unwinding with `last`."""
    served_by: str | None = None
    served_status: int = 200


class Step(NamedTuple):
    call: Call
    command: Command
    effects: tuple[Effect, ...] = ()


def begin(route: str, request: Request) -> Call:
    return Call(request=request, asked=route, route=route)


def step(program: Program, call: Call, event: Event, world: World, draws: Iterator[float]) -> Step:
    """What the call does next.

    `draws` yields uniform numbers in [0, 1); only picks among several candidates take one.
    """
    walk = _Walk(program, world, draws, event.at)
    match event:
        case Began():
            return walk.begin(call)
        case Inspected() | LookedUp() | Reserved():
            return walk.stage_answered(call, event)
        case Headers():
            return Step(call._replace(phase="silent"), Listen(walk.holds_back(call)))
        case FirstToken():
            held = walk.holds_back(call)
            return Step(call._replace(phase="silent" if held else "content"), Listen(held))
        case Ended():
            return walk.ended(call, event)
        case Failed():
            return walk.failed(call, event)
        case Woke():
            return walk.woke(call)
        case Left():
            return Step(call, Finish(499, failure="client_left"), walk.forget(call))


class _Walk:
    """The fixed surroundings of one step: it has no state that outlives it but gathered effects."""

    def __init__(self, program: Program, world: World, draws: Iterator[float], at: float) -> None:
        self.routing = program.routing
        self.semantics = program.semantics
        self.world = world
        self.draws = draws
        self.at = at
        self.effects: list[Effect] = []
        self.cooled: set[str] = set()
        self.blamed: dict[str, int] = {}

    # --- The pipeline -----------------------------------------------------------------------------

    def begin(self, call: Call) -> Step:
        asked = self.routing.led(str(call.request.team.get("name", "")), call.asked)
        if not self.routing.has_route(asked):
            return Step(call, Finish(self.semantics.unknown_route, failure="no_route"))
        name = self.routing.route(asked).name
        call = call._replace(asked=name, route=name, began_s=self.at)
        return self._stage(call._replace(stages=self.semantics.stages))

    def _stage(self, call: Call) -> Step:
        """Do the present stage, or pass on to the first that has something to do."""
        while call.stages:
            match call.stages[0]:
                case "guard_in" | "guard_out" as stage:
                    side: Literal["input", "output"] = "input" if stage == "guard_in" else "output"
                    asked = tuple(
                        rail
                        for rail in self.routing.guardrails
                        if rail.covers(call.asked) and side in rail.stages
                    )
                    if asked:
                        call = call._replace(inspections=asked)
                        return Step(call, Inspect(asked[0], side), self._told())
                case "route":
                    return self._enter(call, self.routing.route(call.route).node)
                case "reserve":
                    return Step(call, Reserve(), self._told())
                case "cache":
                    return Step(call, Lookup(), self._told())
                case "settle":
                    return Step(call, Finish(call.served_status, call.served_by), self._told())
            call = call._replace(stages=call.stages[1:])
        raise AssertionError("the stages of a semantics end with settle")

    def stage_answered(self, call: Call, event: Inspected | LookedUp | Reserved) -> Step:
        match event:
            case Inspected(verdict="blocked"):
                return self._refuse(call, "guardrail")
            case Inspected(verdict="broken") if call.inspections[0].on_error == "block":
                return self._refuse(call, "guardrail")
            case Inspected() if len(call.inspections) > 1:
                call = call._replace(inspections=call.inspections[1:])
                side: Literal["input", "output"] = (
                    "input" if call.stages[0] == "guard_in" else "output"
                )
                return Step(call, Inspect(call.inspections[0], side))
            case LookedUp(hit=True):
                return self._stage(call._replace(stages=("settle",)))
            case Reserved(refused=str() as refused):
                return self._refuse(call, refused)
        return self._stage(call._replace(inspections=(), stages=call.stages[1:]))

    def _refuse(self, call: Call, failure: str) -> Step:
        in_band = call.phase == "content"
        status = self.semantics.guardrail if failure == "guardrail" else status_of(failure)
        status = 200 if in_band else status
        return Step(call, Finish(status, call.served_by, failure, in_band), self._told())

    # --- Answers of a deployment ------------------------------------------------------------------

    def holds_back(self, call: Call) -> bool:
        return self.routing.route(call.asked).mid_stream == "buffer"

    def ended(self, call: Call, event: Ended) -> Step:
        assert call.deployment is not None
        tokens = event.usage.prompt_tokens + event.usage.completion_tokens
        self.effects.append(Answered(call.deployment, self.at, self.at - call.sent_s, tokens))
        self.effects += answered(self.semantics.screens, call.deployment, event.usage, self.at)
        call = call._replace(is_asking=False)
        if call.phase == "headers" and _discards(call.stack, str(event.status)):
            group = self._group(call)
            row = self.semantics.row(str(event.status), call.phase, len(group), healthy_left=True)
            fault = Fault(str(event.status), event.status, row=row, deployment=call.deployment)
            return self._unwind(call, fault)
        served = call._replace(
            served_by=call.deployment,
            served_status=event.status,
            stack=(),
            stages=call.stages[1:],
        )
        return self._stage(served)

    def failed(self, call: Call, event: Failed) -> Step:
        assert call.deployment is not None
        group = self._group(call)
        healthy = any(not self._is_cooling(id_) for id_ in group)
        row = self.semantics.row(event.failure, call.phase, len(group), healthy)
        alone = len(group) == 1
        opened = call.phase != "headers"
        told = (event.failure, event.status, event.retry_after_s)
        fault = Fault(*told, row, call.deployment, alone, opened)
        self._count(call, fault)
        # A deployment that has just been left alone changes which row holds.
        healthy = any(not self._is_cooling(id_) for id_ in group)
        row = self.semantics.row(event.failure, call.phase, len(group), healthy)
        fault = replace(fault, row=row)
        call = call._replace(is_asking=False, first=call.first or fault, last=fault)
        if call.phase == "content" or row.silent:
            return self._finish(call, in_band=True)
        return self._unwind(call, fault)

    def forget(self, call: Call) -> tuple[Effect, ...]:
        if call.deployment is None or not call.is_asking:
            return ()
        return (Missed(call.deployment, self.at, "client_left", counted=False),)

    def _count(self, call: Call, fault: Fault) -> None:
        """Tell the World of a failed attempt, and decide whether its deployment is to cool."""
        assert fault.deployment is not None
        rule = self.semantics.cooldown
        counted = self._harms(fault) and (
            rule is not None and (rule.counts == "every" or call.attempts == 1)
        )
        self.effects.append(Missed(fault.deployment, self.at, fault.failure, counted))
        if counted:
            self._judge(fault)

    def _blame(self, fault: Fault) -> None:
        """Count, once more perhaps, the failure that came out of a chain's further rung."""
        rule = self.semantics.cooldown
        if rule is None or rule.counts != "rungs" or fault.counted or not self._harms(fault):
            return
        assert fault.deployment is not None
        self.effects.append(Blamed(fault.deployment, self.at))
        self._judge(fault)

    def _harms(self, fault: Fault) -> bool:
        return fault.row is not None and fault.row.cools != "never" and fault.deployment is not None

    def _judge(self, fault: Fault) -> None:
        """Let the deployment cool if this failure, which has just been counted, is one too many."""
        rule = self.semantics.cooldown
        assert rule is not None
        assert fault.deployment is not None
        deployment = self.routing.deployment(fault.deployment)
        ill = self._is_too_ill(deployment, fault)
        self.blamed[deployment.id] = self.blamed.get(deployment.id, 0) + 1
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
            self.effects.append(Cooled(deployment.id, self.at + lasts_s))
            self.cooled.add(deployment.id)

    def _is_too_ill(self, deployment: Deployment, fault: Fault) -> bool:
        """Whether this failure, the World's counts not holding it yet, is one too many."""
        rule = self.semantics.cooldown
        assert rule is not None
        assert fault.row is not None
        given, more = deployment.cooldown, self.blamed.get(deployment.id, 0) + 1
        allowed = None if given is None else allowed_for(given, fault.failure)
        if given is not None and allowed is not None:
            before = self.world.failures_within(deployment.id, self.at, given.lasts_s)
            return before + more > allowed
        if fault.row.cools == "now":
            return True
        requests, failed = self.world.minute_counts(deployment.id, self.at)
        requests, failed = requests + more, failed + more
        if fault.alone and rule.alone_least_requests is not None:
            return failed == requests >= rule.alone_least_requests
        return requests >= rule.least_requests and failed / requests > rule.share

    # --- Down and up the tree ---------------------------------------------------------------------

    def _enter(self, call: Call, node: Node) -> Step:
        """Go down from `node` to the deployment to ask."""
        while True:
            match node:
                case Target(deployment=id_):
                    barred = self._barred(call, node)
                    if isinstance(barred, Fault):
                        return self._unwind(call, barred)
                    if id_ in barred or self._is_cooling(id_):
                        return self._unwind(call, Fault("cooling"))
                    return self._send(call, id_)
                case Pool():
                    barred = self._barred(call, node)
                    if isinstance(barred, Fault):
                        return self._unwind(call, barred)
                    able = self._able(call, node, barred)
                    if not able:
                        return self._unwind(call, Fault("cooling"))
                    who = self._keeper(call)
                    if who:
                        index = kept(node, able, who)
                    else:
                        index = pick(node, able, self.world, self.at, self.draws)
                    if node.pick == "round_robin" and not who:
                        key = turn_key(node)
                        self.effects.append(Turned(key, self.world.turn(key) + 1))
                    call = _push(call, Frame(node, index))
                    node = node.children[index]
                case Retry(child=child):
                    call = _push(call, Frame(node))
                    node = child
                case Chain(rungs=rungs):
                    call = _push(call, Frame(node, hops=call.hops))
                    node = rungs[0].child
                case Remote(child=child):
                    node = child
                case Switch(cases=cases, otherwise=otherwise):
                    taken = next((c.child for c in cases if self._holds(c.when, call)), otherwise)
                    if taken is None:
                        return self._unwind(call, Fault(node.lacking))
                    node = taken
                case Split(name=experiment, arms=arms):
                    taken_arms = dict(call.arms)
                    if experiment not in taken_arms:
                        taken_arms[experiment] = share_of(node, call.request, self.draws)
                        call = call._replace(arms=tuple(taken_arms.items()))
                    node = arms[taken_arms[experiment]].child
                case Ref(route=asked):
                    name = self._name_of(asked)
                    if self._is_out_of_reach(call, name):
                        # What brought the call here goes on, but has been counted already.
                        why = replace(call.last or Fault("no_route"), counted=True)
                        return self._unwind(call, why)
                    call = call._replace(hops=call.hops + 1, visited=call.visited | {name})
                    call = _push(call, Frame(node, hops=call.hops))._replace(route=name)
                    if not self.routing.has_route(name):
                        return self._unwind(call, Fault("no_route"))
                    node = self.routing.route(name).node

    def _barred(self, call: Call, node: Node) -> frozenset[str] | Fault:
        """Deployments that the screens keep this request from, or the failure of their leaving none."""
        screens = self.semantics.screens
        if not screens:
            return frozenset()
        group, here = self._group(call), deployments_of(node)
        left = healthy = tuple(id_ for id_ in group if not self._is_cooling(id_))
        for screen in screens:
            if isinstance(screen, Throughput):
                left = tuple(id_ for id_ in left if id_ in here)
            found = screened(screen, left, group, call.request, self.world, self.at) if left else ()
            if isinstance(found, str) or (left and not found):
                failure = found if isinstance(found, str) else "barred"
                row = self.semantics.row(failure, "headers", len(group), healthy_left=True)
                return Fault(failure, row=row)
            left = found
        return frozenset(here if healthy else ()) - set(left)

    def _keeper(self, call: Call) -> str:
        """Who is kept to one child of each pool; empty for nobody."""
        if not self.semantics.sticks:
            return ""
        return keeper(self.routing.route(call.asked).sticky, call.request)

    def _able(self, call: Call, pool: Pool, barred: frozenset[str]) -> list[int]:
        """Children of which something may be asked."""
        skip = frozenset[str]().union(*(frame.skip for frame in call.stack))
        able = [
            index
            for index, child in enumerate(pool.children)
            if not (ids := deployments_of(child))
            or any(i not in barred and not self._is_cooling(i) for i in ids)
        ]
        if not skip:
            return able
        fresh = [i for i in able if not skip.intersection(deployments_of(pool.children[i]))]
        return fresh or able

    def _is_out_of_reach(self, call: Call, name: str) -> bool:
        above = (self._name_of(route) for route in _refs(call))
        visited = call.visited if self.semantics.visits_once else above
        return name in (call.asked, *visited) or self._is_deep(call)

    def _name_of(self, route: str) -> str:
        """Its own, where it is an alias; as it stands, where there is no such route."""
        return self.routing.route(route).name if self.routing.has_route(route) else route

    def _walks_no_further(self, call: Call) -> bool:
        return self.semantics.depth_counts == "hops" and self._is_deep(call)

    def _is_deep(self, call: Call) -> bool:
        """Whether no fallback begins any more where the present route fails."""
        above = [frame for frame in call.stack if isinstance(frame.node, Ref)]
        if self.semantics.depth_counts == "routes":
            return len(above) >= self.semantics.depth
        return (above[-1].hops if above else 0) >= self.semantics.depth

    def _send(self, call: Call, id_: str) -> Step:
        limit = self.routing.route(call.asked).attempts_limit
        if limit is not None and call.attempts >= limit:
            return self._give_up(call, "attempts")
        left_s = self._left_s(call)
        if left_s is not None and left_s <= 0:
            return self._give_up(call, "deadline")
        if self._is_full(id_):
            return self._unwind(call, self._overflow(call, id_))
        timeout_s, first_token_s = self._limits(self.routing.deployment(id_), call.request)
        limits = [s for s in (timeout_s, left_s) if s is not None]
        self.effects.append(Sent(id_, self.at))
        self.effects += sent(self.semantics.screens, id_, self.at)
        call = call._replace(
            deployment=id_,
            is_asking=True,
            sent_s=self.at,
            phase="headers",
            attempts=call.attempts + 1,
        )
        send = Send(id_, min(limits, default=None), first_token_s, left_s)
        return Step(call, send, self._told())

    def _is_full(self, id_: str) -> bool:
        most = self.semantics.slots.get(id_)
        return most is not None and self.world.in_flight(id_, self.effects) >= most

    def _overflow(self, call: Call, id_: str) -> Fault:
        """The gateway's own 429 for a deployment that has as much to do as it may."""
        group = self._group(call)
        row = self.semantics.row("429", "headers", len(group), healthy_left=True)
        return Fault("429", 429, row=row, deployment=id_, alone=len(group) == 1)

    def _limits(
        self, deployment: Deployment, request: Request
    ) -> tuple[float | None, float | None]:
        timeout_s, first_token_s = deployment.timeout_s, deployment.first_token_s
        if request.stream and self.semantics.one_stream_limit:
            only_s = timeout_s if first_token_s is None else first_token_s
            return only_s, only_s
        return timeout_s, first_token_s

    def _unwind(self, call: Call, fault: Fault) -> Step:
        """Come up with `fault` until a node catches it."""
        call = self._telling(call, fault)
        while call.stack:
            frame, call = call.stack[-1], call._replace(stack=call.stack[:-1])
            match frame.node:
                case Retry() as retry:
                    caught = self._retry(call, frame, retry, fault)
                    if caught is not None:
                        return caught
                case Chain(rungs=rungs, tells=tells):
                    if is_further(rungs[frame.index], frame.index):
                        self._blame(fault)
                    cause = frame.cause or fault
                    below = frame.index + 1
                    for index, rung in enumerate(rungs[below:], start=below):
                        led_here = rung.asked_only and call.route != call.asked
                        if (
                            not self._may_fall(fault)
                            or not reaches(rung, fault.failure)
                            or led_here
                        ):
                            continue
                        if is_hop(rung) and self._walks_no_further(call):
                            continue
                        call = call._replace(hops=_hops_at(call, frame, rung))
                        call = _push(call, replace(frame, index=index, cause=cause))
                        return self._enter(call, rung.child)
                    if (
                        tells == "first"
                        and cause is not fault
                        and not self._hides(call, fault, cause)
                    ):
                        fault = cause
                        call = self._telling(call, fault)
                case Ref():
                    resumed = self._resume(call, frame, fault)
                    if resumed is not None:
                        return resumed
                    call = call._replace(route=self._route_above(call), hops=frame.hops)
                    fault = replace(frame.cause or fault, counted=False)
                    call = self._telling(call, fault)
                case _:
                    pass
        return self._finish(call)

    def _hides(self, call: Call, fault: Fault, cause: Fault) -> bool:
        """Whether a further rung's failure is told although the chain tells its first one's, `cause`."""
        nothing = fault.failure in NOTHING_LEFT and self.semantics.tells_cooling
        told = nothing and cause.failure not in NOTHING_LEFT
        return fault.opened or (told and call.route == call.asked)

    def _resume(self, call: Call, frame: Frame, fault: Fault) -> Step | None:
        """The next step if a route that a `Ref` led to goes on with the list of the one asked for."""
        if not self.semantics.resumes_list or frame.index or not self._may_fall(fault):
            return None
        here = self.routing.route(call.route).node if self.routing.has_route(call.route) else None
        listed = list_for(self.routing.route(call.asked).node, fault.failure)
        if listed is None or (
            here is not None and list_for(here, fault.failure, own=True) is not None
        ):
            return None
        cause = None if here is not None and walks_on(here, fault.failure) else fault
        call = _push(call, replace(frame, index=1, cause=cause))._replace(hops=frame.hops)
        return self._enter(call, listed)

    def _telling(self, call: Call, fault: Fault) -> Call:
        # Having nothing to ask must not hide why: a real failure stays the one that is told.
        semantics = self.semantics
        tells = semantics.tells_cooling if fault.failure == "cooling" else semantics.tells_no_route
        if fault.row is None and call.last is not None and not tells:
            return call
        return call._replace(first=call.first or fault, last=fault)

    def _may_fall(self, fault: Fault) -> bool:
        return fault.row.falls if fault.row is not None else True

    def _retry(self, call: Call, frame: Frame, retry: Retry, fault: Fault) -> Step | None:
        """The next try under `retry`, or the wait before it; None when it does not catch."""
        row = fault.row
        if row is None:
            return None
        overruled = frame.overruled if frame.count is not None else self._overrules(retry, fault)
        # A stream that had begun has left the retries behind it, unless its row says otherwise.
        if not (overruled and not fault.opened) and not (row.retried and fault.failure in retry.on):
            return None
        count = frame.count if frame.count is not None else count_for(retry, fault)
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
        fixed = count if self.semantics.fixes_count_at_first else None
        skip = frame.skip | ({call.deployment} if row.skips and call.deployment else set())
        again = Frame(retry, frame.index + 1, fixed, frozenset(skip), obeyed_s, overruled)
        call = _push(call, again)
        if not row.waits:
            return self._enter(call, retry.child)
        return self._wait(call, wait_s, resume=retry.child)

    def _overrules(self, retry: Retry, fault: Fault) -> bool:
        return self.semantics.counts_overrule and any(
            fault.failure in on for on, _ in retry.per_failure
        )

    def _wait(self, call: Call, wait_s: float, resume: Node | None) -> Step:
        left_s = self._left_s(call)
        if left_s is not None and wait_s >= left_s:
            # Sleeping past the deadline helps nobody, but another rung may answer in time.
            if resume is not None:
                call = call._replace(stack=call.stack[:-1])
            assert call.last is not None
            return self._unwind(call, replace(call.last, row=no_retry(call.last.row)))
        jitter_s = self.semantics.backoff.jitter_s
        if left_s is not None:
            jitter_s = min(jitter_s, left_s - wait_s)
        return Step(call._replace(resume=resume), Wait(wait_s, jitter_s), self._told())

    def woke(self, call: Call) -> Step:
        if call.resume is not None:
            return self._enter(call._replace(resume=None), call.resume)
        assert call.last is not None
        return self._unwind(call, call.last)

    # --- The end ----------------------------------------------------------------------------------

    def _give_up(self, call: Call, why: str) -> Step:
        """The route's own limits stop the call; what the caller sees is the failure behind it."""
        if call.last is None:
            call = call._replace(last=Fault(why))
        return self._finish(call)

    def _finish(self, call: Call, in_band: bool = False) -> Step:
        told = call.first if self.semantics.reports == "first" else call.last
        assert told is not None
        if in_band:
            silent = told.row is not None and told.row.silent
            finish = Finish(200, call.deployment, told.failure, in_band=True, told=not silent)
        else:
            status = self.semantics.status(told.failure, told.status, told.row)
            good = is_good(told.failure)
            finish = Finish(status, told.deployment) if good else Finish(status, None, told.failure)
        return Step(call._replace(stack=()), finish, self._told())

    # --- Small questions --------------------------------------------------------------------------

    def _told(self) -> tuple[Effect, ...]:
        return tuple(self.effects)

    def _holds(self, condition: Condition, call: Call) -> bool:
        return holds(condition, call.request, self.semantics.compares)

    def _is_cooling(self, id_: str) -> bool:
        return self.semantics.cooldown is not None and (
            id_ in self.cooled or self.world.is_cooling(id_, self.at)
        )

    def _group(self, call: Call) -> tuple[str, ...]:
        return deployments_of(self.routing.route(call.route).node)

    def _route_above(self, call: Call) -> str:
        return self._name_of((call.asked, *_refs(call))[-1])

    def _left_s(self, call: Call) -> float | None:
        deadline_s = self.routing.route(call.asked).deadline_s
        return None if deadline_s is None else call.began_s + deadline_s - self.at


def _refs(call: Call) -> list[str]:
    return [frame.node.route for frame in call.stack if isinstance(frame.node, Ref)]


def _hops_at(call: Call, frame: Frame, rung: Rung) -> int:
    """How many fallbacks led to this rung of the frame's chain."""
    if is_list(frame.node):
        return call.hops
    return frame.hops + is_hop(rung)


def _discards(stack: tuple[Frame, ...], status: str) -> bool:
    """Whether some list on the way up names the status of a good answer."""
    for frame in stack:
        match frame.node:
            case Chain(rungs=rungs):
                further = rungs[frame.index + 1 :]
                if any(status in rung.on.tokens and not rung.on.all_but for rung in further):
                    return True
            case Retry(on=on):
                if status in on.tokens and not on.all_but:
                    return True
            case _:
                pass
    return False


def _push(call: Call, frame: Frame) -> Call:
    return call._replace(stack=(*call.stack, frame))


def count_for(retry: Retry, fault: Fault) -> int:
    for on, count in retry.per_failure:
        if fault.failure in on:
            return count
    own = (count for id_, count in retry.per_deployment if id_ == fault.deployment)
    return next(own, retry.retries)


def allowed_for(cooldown: Cooldown, failure: str) -> int | None:
    named = (count for on, count in cooldown.per_failure if failure in on)
    return next(named, cooldown.allowed_failures)


def no_retry(row: Row | None) -> Row | None:
    return None if row is None else replace(row, retried=False)
