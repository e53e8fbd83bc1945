"""Route tests on somebody's running gateway, with the scripted provider behind it.

The gateway is neither started nor configured here: LiteLLM has been started on a copy of its
configuration (`designer.conform.rehearsal`), Portkey is sent its configuration with each request. What a
gateway remembers of a test, its cooldowns, is waited out before the next one that it could touch.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import httpx
from msgspec import Struct, field
from msgspec.structs import replace

from designer.conform.case import Case
from designer.conform.compare import TOLERANCE_S, compare
from designer.conform.observed import MARK, Answered, Asked, Observed, Provider, ask, observed
from designer.conform.rehearsal import Rehearsal, rehearsal
from designer.diagnostics import Report
from designer.engine.classify import retry_after_s
from designer.engine.outcomes import Outcome
from designer.errors import NetworkError
from designer.ir import Ref, deployments_of, walk
from designer.routetest import Bench, Result, RouteTest, Seen, Slack, judged
from designer.routetest.play import routed, seen_by_engine, traced
from designer.trace import Names, Trace, Tried

_SETTLES_S = 0.15
"""After the answer: an attempt that nobody waited for may still arrive."""
_REFUSED = (401, 403)
_COMPLETIONS = "/v1/chat/completions"


class Gateway(Struct, frozen=True):
    url: str
    """Without the version at the end."""
    key: str = ""


class Memory(Struct):
    """What a running gateway may still know of the tests that it has played. Changed by each of them."""

    marks: Iterator[int] = field(default_factory=lambda: count(1))
    clean_at: dict[str, float] = field(default_factory=dict)
    """By deployment: when it has cooled down, on the monotonic clock."""
    was_reached: bool = False
    """Whether anything has come from it to the scripted provider."""

    @property
    def cools_s(self) -> float:
        """How long the last cooldown lasts from now on."""
        return max(self.clean_at.values(), default=0.0) - time.monotonic()


class Stage:
    """A suite on a running gateway."""

    def __init__(
        self,
        bench: Bench,
        gateway: Gateway,
        provider: Provider,
        memory: Memory,
        says: Callable[[str], None],
    ) -> None:
        """`says` is told what is waited for. Raises UsageError for a gateway that cannot be played on."""
        self._bench = bench
        self._gateway = gateway
        self._provider = provider
        self._memory = memory
        self._says = says
        self._rehearsal = rehearsal(bench.config, provider.url)

    def play(self, tests: Iterable[RouteTest], report: Report, seed: int = 0) -> Iterator[Result]:
        """Raises NetworkError when the gateway does not answer, or not from the scripted provider."""
        for test in tests:
            foretold = traced(test, self._bench.config, report, seed)
            if foretold is None:
                continue
            reason = _why_never(test, foretold, self._bench)
            if reason:
                seen = seen_by_engine(foretold, test)
                yield Result(test, "not_comparable", (), (), reason, seen)
            else:
                yield self._one(test, foretold)

    def _one(self, test: RouteTest, foretold: tuple[Trace, ...]) -> Result:
        config = self._bench.config
        names = Names(config.parsed, test.script)
        self._wait_until_clean(test, foretold)
        self._script(names)
        marks = [next(self._memory.marks) for _ in test.script.asked]
        requests = self._requests(test, foretold, marks)
        answers = self._answers(requests)
        time.sleep(_SETTLES_S)
        labels = {d.id: names.show(d.id) for d in config.parsed.routing.deployments}
        watched = tuple(
            observed(asked, answer, self._provider.reached(mark), labels)
            for asked, answer, mark in zip(requests, answers, marks, strict=True)
        )
        self._refuse_strangers(watched, foretold)
        self._remember(names, watched)
        jitter_s = config.parsed.semantics.backoff.jitter_s
        slack = Slack(TOLERANCE_S, TOLERANCE_S + jitter_s, TOLERANCE_S)
        tried: dict[str, int] = {}
        seen = [_seen(w, a, names, tried) for w, a in zip(watched, answers, strict=True)]
        result = judged(test, config, seen, slack)
        if result.verdict == "passed":
            return result
        result = replace(result, foretold=seen_by_engine(foretold, test))
        return _excused(result, foretold, watched, self._bench)

    # --- The provider and the gateway -----------------------------------------------------------

    def _script(self, names: Names) -> None:
        """What each deployment answers now; those of earlier tests are forgotten."""
        for deployment in self._bench.config.parsed.routing.deployments:
            outcomes = _outcomes(names, names.show(deployment.id))
            self._provider.script(deployment.id, outcomes or (Outcome(),))

    def _requests(
        self, test: RouteTest, foretold: Sequence[Trace], marks: Sequence[int]
    ) -> list[Asked]:
        put = REQUEST[self._bench.config.gateway.name]
        key = {"authorization": f"Bearer {self._gateway.key}"} if self._gateway.key else {}
        requests = []
        for one, said, mark in zip(foretold, _said(test), marks, strict=True):
            asked = put(self._rehearsal, one.route, said, mark)
            url, headers = self._gateway.url + asked.url, {**asked.headers, **key}
            requests.append(replace(asked, url=url, headers=headers, at_s=said.get("at_s", 0.0)))
        return requests

    def _answers(self, requests: Sequence[Asked]) -> list[Answered]:
        with ThreadPoolExecutor(len(requests)) as pool:
            return list(pool.map(self._answer, requests))

    def _answer(self, asked: Asked) -> Answered:
        try:
            return ask(asked)
        except httpx.TransportError as problem:
            said = str(problem) or type(problem).__name__
            raise NetworkError(f"{self._gateway.url} does not answer: {said}") from problem

    def _refuse_strangers(self, watched: Sequence[Observed], foretold: Sequence[Trace]) -> None:
        """Raises NetworkError while nothing at all has come from this gateway to the provider."""
        self._memory.was_reached = self._memory.was_reached or any(one.attempts for one in watched)
        if self._memory.was_reached or not any(one.attempts for one in foretold):
            return
        status = watched[0].status
        key = (
            ""
            if self._gateway.key or status < 400
            else "; if it asks for a key, name it with --key"
        )
        if status in _REFUSED:
            raise NetworkError(f"{self._gateway.url} refused the request with {status}{key}")
        stub, _, _ = self._provider.url("").partition("/d/")
        raise NetworkError(
            f"{self._gateway.url} answered {status} and asked nothing of the stub provider at {stub}: "
            f"start the gateway on the copy that --rehearse writes, with the same --stub-port{key}"
        )

    # --- Cooldowns ------------------------------------------------------------------------------

    def _wait_until_clean(self, test: RouteTest, foretold: Sequence[Trace]) -> None:
        touched = {id_ for one in foretold for id_ in _within_reach(self._bench, one.route)}
        clean_at = max((self._memory.clean_at.get(id_, 0.0) for id_ in touched), default=0.0)
        wait_s = clean_at - time.monotonic()
        if wait_s > 0:
            self._says(f"{wait_s:.0f} s until cooldowns of earlier tests are over: {test.name}")
            time.sleep(wait_s)

    def _remember(self, names: Names, watched: Sequence[Observed]) -> None:
        now = time.monotonic()
        asked = {names.ids.get(t.deployment, t.deployment) for one in watched for t in one.attempts}
        for deployment in self._bench.config.parsed.routing.deployments:
            outcomes = _outcomes(names, names.show(deployment.id))
            failed = [one for one in outcomes if one.kind or one.status >= 400]
            if deployment.cooldown is None or deployment.id not in asked or not failed:
                continue
            told_s = max(retry_after_s(one.headers) or 0.0 for one in failed)
            lasts_s = max(deployment.cooldown.lasts_s, told_s if deployment.cooldown.yields else 0)
            self._memory.clean_at[deployment.id] = now + lasts_s + TOLERANCE_S


def _within_reach(bench: Bench, route: str) -> set[str]:
    """Deployments that a request for the route could come to, other routes' included."""
    routing = bench.config.parsed.routing
    found: set[str] = set()
    waiting, visited = [route], set[str]()
    while waiting:
        name = waiting.pop()
        if name in visited or not routing.has_route(name):
            continue
        visited.add(name)
        node = routing.route(name).node
        found.update(deployments_of(node))
        waiting += [inner.route for inner in walk(node) if isinstance(inner, Ref)]
    return found


# --- What cannot be compared ----------------------------------------------------------------------


_CONFIGURED_BY_REQUEST = frozenset({"portkey-oss"})


def _why_never(test: RouteTest, foretold: Sequence[Trace], bench: Bench) -> str:
    """Why a real gateway cannot play the test at all; empty when it can."""
    rails = {rail.name for rail in bench.config.parsed.routing.guardrails}
    scripted = sorted(rails & test.script.answers.keys())
    if scripted:
        return f"a real gateway's guardrail takes no verdict from a script ({', '.join(scripted)})"
    other = sorted({a.request.path for a in test.script.asked} - {_COMPLETIONS})
    if other:
        return f"only {_COMPLETIONS} is played on a real gateway, not {', '.join(other)}"
    unknown = [
        one.route for one in foretold if not bench.config.parsed.routing.has_route(one.route)
    ]
    if unknown and bench.config.gateway.name in _CONFIGURED_BY_REQUEST:
        return f"each request brings its configuration along, and `{unknown[0]}` has none"
    return ""


def _excused(
    result: Result, foretold: Sequence[Trace], watched: Sequence[Observed], bench: Bench
) -> Result:
    """Not comparable, where the test holds by the engine and other picks alone explain what was seen."""
    test = result.test
    by_engine = judged(test, bench.config, result.foretold, Slack())
    if by_engine.verdict == "failed":
        return result
    case = Case(test.name, {}, {}, routed(test))
    compared = compare(case, bench.config.parsed, watched)
    paths = [[t.deployment for t in one.attempts] for one in foretold]
    if compared.differences or paths == [
        [t.deployment for t in one.attempts] for one in compared.traces
    ]:
        return result
    reason = "the gateway picks at random, and it picked others than the draws of this test"
    return replace(result, verdict="not_comparable", reason=reason)


# --- Requests and answers -------------------------------------------------------------------------


def _said(test: RouteTest) -> list[Mapping[str, Any]]:
    return test.said.get("requests") or [test.said.get("request") or {}]


_NOT_SENT = frozenset({"at_s", "route", "path", "team", "params", "model", "input_tokens"})
"""Of a request in the file, what is for the engine or has its own place."""


def _body(said: Mapping[str, Any], mark: int) -> dict[str, Any]:
    body = {key: value for key, value in said.items() if key not in _NOT_SENT}
    body = {"messages": [{"role": "user", "content": "hello"}]} | body
    return body | dict(said.get("params") or {}) | {MARK: mark}


def _to_litellm(copy: Rehearsal, route: str, said: Mapping[str, Any], mark: int) -> Asked:
    return Asked(_COMPLETIONS, {}, _body(said, mark) | {"model": route})


def _to_portkey(copy: Rehearsal, route: str, said: Mapping[str, Any], mark: int) -> Asked:
    place = copy.parsed.places.get(route)
    config = copy.contents[place.file if place else next(iter(copy.contents))]
    body = {"model": str(said.get("model", "any"))} | _body(said, mark)
    headers = {"x-portkey-config": json.dumps(config)}
    if "metadata" in body:
        headers["x-portkey-metadata"] = json.dumps(body.pop("metadata"))
    return Asked(_COMPLETIONS, headers, body)


REQUEST: Mapping[str, Callable[[Rehearsal, str, Mapping[str, Any], int], Asked]] = {
    "litellm": _to_litellm,
    "portkey-oss": _to_portkey,
}
"""By gateway: how a request for a route is put to it. The address is only a path."""


def _outcomes(names: Names, shown: str) -> tuple[Outcome, ...]:
    return tuple(answer.outcome for answer in names.script.answers.get(shown, ()))


def _seen(watched: Observed, answer: Answered, names: Names, used: dict[str, int]) -> Seen:
    """`used` counts how many outcomes of each deployment's script are used up."""
    attempts = []
    for tried in watched.attempts:
        outcomes = _outcomes(names, tried.deployment) or (Outcome(),)
        turn = used.get(tried.deployment, 0)
        used[tried.deployment] = turn + 1
        outcome = outcomes[min(turn, len(outcomes) - 1)]
        said = outcome.kind or str(outcome.status)
        attempts.append(Tried(tried.deployment, tried.at_s, said))
    told = watched.status >= 400 if watched.told is None else watched.told
    return Seen(
        attempts=tuple(attempts),
        status=watched.status,
        served_by=watched.served_by,
        told=told,
        took_s=answer.took_s,
        lines=tuple(_lines(attempts, watched, answer, told)),
    )


def _lines(
    attempts: Sequence[Tried], watched: Observed, answer: Answered, told: bool
) -> Iterator[str]:
    width = max((len(t.deployment) for t in attempts), default=0)
    for tried in attempts:
        yield f"  {tried.at_s:8.2f} s  {tried.deployment:<{width}}  {tried.outcome}"
    if not attempts:
        yield "  nothing is asked"
    served_by = f" from {watched.served_by}" if watched.served_by else ""
    broken = ", the caller is told of a failure" if told and watched.status < 400 else ""
    yield f"  → {watched.status}{served_by} after {answer.took_s:.2f} s{broken}"
