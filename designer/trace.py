"""One request, or several, with scripted outcomes: what is asked when, and what the caller sees.

The outcomes file says what each provider answers; the engine says what a gateway makes of it. Times
are virtual and without jitter. Nothing here knows probabilities, traffic or outages over time
(`designer.simulate`), and no provider's model is run: an answer is its status, its times and its usage.
"""

import random
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import chain
from typing import Any, Literal

from msgspec import Struct, field
from msgspec.structs import replace

from designer.diagnostics import Place, Report, Rule, Severity
from designer.documents import Document, read_json, read_yaml
from designer.engine.call import Program
from designer.engine.events import (
    Finish,
    Inspect,
    Inspected,
    LookedUp,
    Request,
    Reserved,
    Send,
    Usage,
)
from designer.engine.lengths import estimated_tokens, text_of
from designer.engine.outcomes import HANGS_S, KINDS, STATUS_OF_KIND, Outcome
from designer.engine.screens import Fit, Purses, Throughput
from designer.engine.virtual import Arrival, Run, perform
from designer.engine.world import World
from designer.gateways.base import Parsed, Terms
from designer.ir import Guardrail, Pool, walk
from designer.reading import BAD_VALUE, Reader, guess
from designer.tasks import last_said, routes_by_task, task_of

SCHEMA_VERSION = 1

DEFAULT_USAGE = Usage(prompt_tokens=1000, completion_tokens=200)
"""For an answer whose usage nobody gave; every trace that uses it says so."""

_USAGE_ASSUMED = (
    f"no usage given: {DEFAULT_USAGE.prompt_tokens} prompt and "
    f"{DEFAULT_USAGE.completion_tokens} completion tokens are assumed"
)

UNKNOWN_KIND = Rule(
    "SIM603",
    Severity.ERROR,
    "unknown kind `{kind}`{guess}",
    "The kinds of faults are the same in outcomes files and scenarios.",
    help="known kinds: {known}",
)
UNKNOWN_NAME = Rule(
    "SIM604",
    Severity.WARNING,
    "no deployment or guardrail is called `{name}`{guess}",
    "Outcomes are given by deployment id, or by a further name that the configuration gives it.",
    instead="its outcomes are never used, and the deployment that was meant answers 200",
    help="known: {known}",
)
BOTH = Rule(
    "SIM605",
    Severity.ERROR,
    "`request` and `requests` are both there",
    "One request is traced by itself, several over shared state; a file says one or the other.",
    help="put the one request into `requests`, with its `at_s`",
)
NO_ROUTE = Rule(
    "SIM606",
    Severity.ERROR,
    "the configuration has {count} routes and none was named",
    "A request goes to one route; only where there is one is it clear which.",
    help="name one with `--route`, or with `route` in the file: {known}",
)
UNKNOWN_ROUTE = Rule(
    "SIM607",
    Severity.WARNING,
    "no route is called `{name}`{guess}",
    "A gateway answers a request for a model name that it does not know with an error.",
    instead="the trace shows that error",
    help="known: {known}",
)
Verdict = Literal["pass", "changed", "blocked", "broken"]
_VERDICTS = ("pass", "changed", "blocked", "broken")


# --- What a file says -----------------------------------------------------------------------------


class Asked(Struct, frozen=True):
    request: Request
    texts: tuple[str, ...] = ()
    """What its messages say, for guardrails that look for a pattern."""
    ends_with_assistant: bool = False
    prompt: str = ""
    """What the user said last."""
    route: str = ""
    model: str = ""
    """What its body asks for; counts where it is a route's name."""
    at_s: float = 0.0


class Answer(Struct, frozen=True):
    """One scripted answer: of a deployment an outcome, of a guardrail a verdict."""

    outcome: Outcome
    verdict: Verdict | None = None


class Script(Struct, frozen=True):
    asked: tuple[Asked, ...]
    answers: Mapping[str, tuple[Answer, ...]]
    draws: tuple[float, ...] = ()
    is_list: bool = False
    """Whether several requests are played, and a list is the answer."""
    document: Document = field(default_factory=lambda: Document("", None))
    at: tuple[str | int, ...] = ()
    """Where in its document it stands."""


def load_outcomes(text: str, file: str, report: Report) -> Script | None:
    """The script of an outcomes file (JSON, or YAML by its name); None, with findings, if it has errors."""
    read = read_yaml if file.endswith((".yaml", ".yml")) else read_json
    found = Report()
    document = read(text, file, found)
    script = None if document is None else read_script(document, (), found)
    report.extend(found)
    return None if found.has_errors else script


def saying(script: Script, prompt: str) -> Script:
    """Every request of the script ends with this prompt."""
    return replace(script, asked=tuple(_saying(asked, prompt) for asked in script.asked))


def _saying(asked: Asked, prompt: str) -> Asked:
    tokens = estimated_tokens([{"content": prompt}])
    return replace(
        asked,
        request=replace(asked.request, input_tokens=tokens),
        texts=(*asked.texts, prompt),
        ends_with_assistant=False,
        prompt=prompt,
    )


_SCRIPT_KEYS = ("request", "requests", "draws", "outcomes")
_OUTCOME_KEYS = (
    *("status", "headers", "delay_s", "first_token_s", "after_chunks"),
    *("usage", "body", "kind", "retry_after", "verdict"),
)


def read_script(
    document: Document,
    path: tuple[str | int, ...],
    report: Report,
    more_keys: tuple[str, ...] = (),
    what: str = "an outcomes file",
) -> Script | None:
    """The script that stands at `path`; `more_keys` are its reader's own and left alone."""
    reader = Reader(document, report)
    value = document.value
    for part in path:
        value = value[part]
    if not reader.is_a(value, dict, path, "the file"):
        return None
    reader.knows(value, (*_SCRIPT_KEYS, *more_keys), path, what)
    if "request" in value and "requests" in value:
        report.add(BOTH, document.place(*path, "requests"))
    several = value.get("requests")
    asked: tuple[Asked, ...] = ()
    if several is None:
        asked = (_asked(reader, value.get("request", {}), (*path, "request")),)
    elif reader.is_a(several, list, (*path, "requests"), "`requests`"):
        asked = tuple(
            _asked(reader, item, (*path, "requests", i)) for i, item in enumerate(several)
        )
    return Script(
        asked=asked,
        answers=_answers(reader, value.get("outcomes", {}), (*path, "outcomes")),
        draws=_draws(reader, value.get("draws", []), (*path, "draws")),
        is_list=several is not None,
        document=document,
        at=path,
    )


_OF_REQUEST = (
    *("messages", "input", "stream", "metadata", "user", "team", "path", "params"),
    "input_tokens",
)
_NOT_PARAMS = frozenset({*_OF_REQUEST, "at_s", "route"}) - {"stream", "user"}
"""What is no parameter of the body; `stream` and `user` are."""


def _asked(reader: Reader, value: Any, path: tuple[str | int, ...]) -> Asked:
    if not reader.is_a(value, dict, path, "a request"):
        return Asked(Request())
    for key, kind in (("metadata", dict), ("team", dict), ("params", dict), ("stream", bool)):
        if key in value and not reader.is_a(value[key], kind, (*path, key), f"`{key}`"):
            value = {k: v for k, v in value.items() if k != key}
    messages = value.get("messages", [])
    if not reader.is_a(messages, list, (*path, "messages"), "`messages`"):
        messages = []
    params = {k: v for k, v in value.items() if k not in _NOT_PARAMS} | value.get("params", {})
    request = Request(
        stream=value.get("stream", False),
        metadata=value.get("metadata", {}),
        params=params,
        user=str(value.get("user", "")),
        team=value.get("team", {}),
        path=str(value.get("path", "/v1/chat/completions")),
    )
    last = messages[-1] if messages else None
    tokens = _tokens(reader, value, path)
    counted = estimated_tokens(messages) if tokens is None else tokens
    return Asked(
        request=replace(request, input_tokens=counted),
        texts=tuple(text_of(m.get("content")) for m in messages if isinstance(m, dict)),
        prompt=last_said(messages),
        ends_with_assistant=isinstance(last, dict) and last.get("role") == "assistant",
        route=str(value.get("route", "")),
        model=str(value.get("model", "")),
        at_s=reader.number(value.get("at_s", 0.0), (*path, "at_s"), "`at_s`"),
    )


def _tokens(reader: Reader, value: Mapping[str, Any], path: tuple[str | int, ...]) -> int | None:
    if "input_tokens" not in value:
        return None
    return int(reader.number(value["input_tokens"], (*path, "input_tokens"), "`input_tokens`"))


def _draws(reader: Reader, value: Any, path: tuple[str | int, ...]) -> tuple[float, ...]:
    if not reader.is_a(value, list, path, "`draws`"):
        return ()
    return tuple(reader.number(u, (*path, i), "a draw", 0.0, 1.0) for i, u in enumerate(value))


def _answers(
    reader: Reader, value: Any, path: tuple[str | int, ...]
) -> dict[str, tuple[Answer, ...]]:
    if not reader.is_a(value, dict, path, "`outcomes`"):
        return {}
    answers: dict[str, tuple[Answer, ...]] = {}
    for name, listed in value.items():
        if reader.is_a(listed, list, (*path, name), f"the outcomes of `{name}`"):
            read = (_answer(reader, item, (*path, name, i)) for i, item in enumerate(listed))
            answers[name] = tuple(read)
    return answers


def _answer(reader: Reader, value: Any, path: tuple[str | int, ...]) -> Answer:
    if not reader.is_a(value, dict, path, "an outcome"):
        return Answer(Outcome())
    reader.knows(value, _OUTCOME_KEYS, path, "an outcome")
    kind = value.get("kind", "")
    if kind and kind not in KINDS:
        known = tuple(sorted(KINDS))
        reader.report.add(
            UNKNOWN_KIND,
            reader.document.place(*path, "kind"),
            kind=kind,
            guess=guess(str(kind), known),
            known=", ".join(known),
        )
        kind = ""
    verdict = value.get("verdict", "broken" if kind == "down" else None)
    if verdict not in (None, *_VERDICTS):
        place = reader.document.place(*path, "verdict")
        wanted = "one of " + ", ".join(_VERDICTS)
        reader.report.add(BAD_VALUE, place, what="`verdict`", found=repr(verdict), wanted=wanted)
        verdict = None

    def seconds(key: str) -> float | None:
        given = value.get(key)
        return None if given is None else reader.number(given, (*path, key), f"`{key}`")

    after = seconds("after_chunks")
    outcome = Outcome(
        status=_status(reader, value, kind, path),
        kind=kind,
        headers=_headers(reader, value, path),
        body=value.get("body"),
        usage=_usage(reader, value, path),
        delay_s=seconds("delay_s") or 0.0,
        first_token_s=seconds("first_token_s"),
        after_chunks=None if after is None else int(after),
    )
    return Answer(outcome, verdict)


def _status(
    reader: Reader, value: Mapping[str, Any], kind: str, path: tuple[str | int, ...]
) -> int:
    if "status" not in value:
        return STATUS_OF_KIND.get(kind, 200)
    return int(reader.number(value["status"], (*path, "status"), "`status`", 200, 600))


def _headers(
    reader: Reader, value: Mapping[str, Any], path: tuple[str | int, ...]
) -> dict[str, str]:
    given = value.get("headers", {})
    if not reader.is_a(given, dict, (*path, "headers"), "`headers`"):
        return {}
    headers = {str(name): str(said) for name, said in given.items()}
    if "retry_after" in value:
        place = (*path, "retry_after")
        wait_s = reader.number(value["retry_after"], place, "`retry_after` (seconds)")
        headers["retry-after"] = f"{wait_s:g}"
    return headers


def _usage(reader: Reader, value: Mapping[str, Any], path: tuple[str | int, ...]) -> Usage | None:
    """`usage`, in OpenAI's form; else that of the body."""
    body = value.get("body")
    given, at = value.get("usage"), (*path, "usage")
    if given is None and isinstance(body, dict):
        given, at = body.get("usage"), (*path, "body", "usage")
    if given is None or not reader.is_a(given, dict, at, "`usage`"):
        return None
    details = given.get("prompt_tokens_details") or {}
    cached = given.get("cached_tokens", details.get("cached_tokens", 0))
    counts = (given.get("prompt_tokens", 0), given.get("completion_tokens", 0), cached or 0)
    return Usage(*(int(reader.number(n, at, "a count of tokens")) for n in counts))


# --- What comes of it -----------------------------------------------------------------------------


class Tried(Struct, frozen=True):
    deployment: str
    at_s: float
    outcome: str


class Final(Struct, frozen=True):
    status: int
    served_by: str | None
    cost_usd: Decimal | None
    """None when it is not known."""
    at_s: float
    failure: str | None = None
    in_band: bool = False
    """The failure is told inside an answer whose status had already gone out."""
    told: bool = True
    """False: the caller takes a broken-off answer for a whole one."""


class Trace(Struct, frozen=True):
    route: str
    attempts: tuple[Tried, ...]
    final: Final
    jitter_s: tuple[float, float]
    """What chance would add to each wait."""
    assumptions: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        final = self.final
        said: dict[str, Any] = {
            "status": final.status,
            "served_by": final.served_by,
            "cost_usd": None if final.cost_usd is None else plain(final.cost_usd),
            "at_s": _rounded(final.at_s),
        }
        if final.failure is not None:
            said["failure"] = final.failure
        if final.in_band:
            said |= {"in_band": True, "told": final.told}
        return {
            "schema_version": SCHEMA_VERSION,
            "attempts": [
                {"deployment": t.deployment, "at_s": _rounded(t.at_s), "outcome": t.outcome}
                for t in self.attempts
            ],
            "final": said,
            "jitter_s": list(self.jitter_s),
            "assumptions": list(self.assumptions),
        }


def trace(
    parsed: Parsed,
    script: Script,
    report: Report,
    route: str = "",
    seed: int = 0,
    terms: Mapping[str, Terms] | None = None,
) -> tuple[Trace, ...] | None:
    """One `Trace` for each request of the script, in its order; None, with a finding, without a route.

    `route` is for requests that do not say `route` themselves. `terms` are prices by deployment id where they are better
    known than the configuration says them.
    """
    routing = parsed.routing
    names = Names(parsed, script)
    names.report_unknown(report)
    known = tuple(r.name for r in routing.routes)
    only = known[0] if len(known) == 1 else ""
    wants = [
        asked.route or route or (asked.model if routing.has_route(asked.model) else only)
        for asked in script.asked
    ]
    if not all(wants):
        place = script.document.place(*script.at)
        report.add(NO_ROUTE, place, count=len(known), known=", ".join(known))
        return None
    if route and not routing.has_route(route):
        _warn_of(route, known, "--route", report)
    for index, asked in enumerate(script.asked):
        if asked.route and not routing.has_route(asked.route):
            at = ("requests", index, "route") if script.is_list else ("request", "route")
            _warn_of(asked.route, known, script.document.place(*script.at, *at), report)
    order = sorted(range(len(script.asked)), key=lambda i: script.asked[i].at_s)
    taken = list(wants)
    if parsed.for_request is not None:
        for index, asked in enumerate(script.asked):
            led = routing.led(str(asked.request.team.get("name", "")), wants[index])
            changed = parsed.for_request(routing, led, asked.request.params)
            routing, taken[index] = changed
    by_task = routes_by_task(routing) if parsed.semantics.guesses_task else frozenset()
    arrivals = [
        Arrival(script.asked[i].at_s, taken[i], _guessed(script.asked[i], taken[i] in by_task))
        for i in order
    ]
    chance = random.Random(seed)
    draws = chain(script.draws, iter(chance.random, None))
    around = _Scripted(names, script, order, counts=_counts_usage(parsed))
    program = Program(routing, parsed.semantics)
    runs = perform(program, arrivals, around, World(), draws)
    prices = parsed.terms if terms is None else terms
    traced = {order[run.index]: _trace(run, parsed, names, around, prices) for run in runs}
    return tuple(replace(traced[index], route=wants[index]) for index in sorted(traced))


def _guessed(asked: Asked, is_by_task: bool) -> Request:
    """With the task that its prompt looks like, where that decides and the request does not say it."""
    if not is_by_task or "task" in asked.request.metadata:
        return asked.request
    return replace(asked.request, task=task_of(asked.prompt))


def _counts_usage(parsed: Parsed) -> bool:
    """Whether what an answer uses decides who is asked later."""
    spends = any(isinstance(screen, Purses | Throughput) for screen in parsed.semantics.screens)
    nodes = (node for route in parsed.routing.routes for node in walk(route.node))
    return spends or any(isinstance(node, Pool) and node.pick == "usage" for node in nodes)


def _warn_of(route: str, known: tuple[str, ...], place: Place | str, report: Report) -> None:
    report.add(UNKNOWN_ROUTE, place, name=route, guess=guess(route, known), known=", ".join(known))


class Names:
    """Which deployment each name of the script means, and how the answer calls it."""

    def __init__(self, parsed: Parsed, script: Script) -> None:
        self.script = script
        self.rails = {rail.name for rail in parsed.routing.guardrails}
        self.ids = dict(parsed.names) | {d.id: d.id for d in parsed.routing.deployments}
        self.shown = {self.ids[name]: name for name in script.answers if name in self.ids}

    def report_unknown(self, report: Report) -> None:
        known = (*self.ids, *sorted(self.rails))
        for name in self.script.answers:
            if name not in self.ids and name not in self.rails:
                report.add(
                    UNKNOWN_NAME,
                    self.script.document.place(*self.script.at, "outcomes", name),
                    name=name,
                    guess=guess(name, known),
                    known=", ".join(known),
                )

    def show(self, id_: str) -> str:
        return self.shown.get(id_, id_)


class _Scripted:
    """Surroundings that answer from the script: in order, and the last answer again and again."""

    def __init__(self, names: Names, script: Script, order: list[int], counts: bool) -> None:
        self.counts = counts
        self.names = names
        self.script = script
        self.order = order
        self.used: dict[str, int] = {}
        self.said: dict[int, Outcome] = {}
        """The last outcome that each run was given."""
        self.assumed: dict[int, dict[str, None]] = {}

    def answer(self, run: Run, send: Send, at: float) -> Outcome:
        given = self._next(self.names.show(send.deployment))
        outcome = given.outcome if given else Outcome()
        if outcome.kind == "reject_prefill" and not self._asked(run).ends_with_assistant:
            self._assume(
                run, "no prefill is sent: the request does not end with an assistant's turn"
            )
            outcome = Outcome(delay_s=outcome.delay_s, usage=outcome.usage)
        if self.counts and outcome.usage is None:
            # What an answer uses up decides who is asked next.
            outcome = replace(outcome, usage=DEFAULT_USAGE)
            self._assume(run, _USAGE_ASSUMED)
        self.said[run.index] = outcome
        return outcome

    def inspect(self, run: Run, ask: Inspect, at: float) -> Inspected:
        given = self._next(ask.guardrail.name)
        if given and given.verdict:
            return Inspected(at, given.verdict)
        rail = ask.guardrail
        if rail.kind == "deny" and rail.pattern:
            return Inspected(at, _denies(rail, self._texts(run, ask)))
        self._assume(
            run, f"guardrail {rail.name} looks at no content here: it lets everything pass"
        )
        return Inspected(at, "pass")

    def look_up(self, run: Run, at: float) -> LookedUp:
        self._assume(run, "the cache is empty")
        return LookedUp(at, hit=False)

    def reserve(self, run: Run, at: float) -> Reserved:
        self._assume(run, "budgets and limits have room")
        return Reserved(at)

    def jitter(self) -> float:
        return 0.0

    def _next(self, name: str) -> Answer | None:
        listed = self.script.answers.get(name)
        if not listed:
            return None
        turn = self.used.get(name, 0)
        self.used[name] = turn + 1
        return listed[min(turn, len(listed) - 1)]

    def _asked(self, run: Run) -> Asked:
        return self.script.asked[self.order[run.index]]

    def _texts(self, run: Run, ask: Inspect) -> tuple[str, ...]:
        if ask.stage == "input":
            texts = self._asked(run).texts
            return texts[-1:] if ask.guardrail.messages == "last" else texts
        body = self.said[run.index].body if run.index in self.said else None
        choices = body.get("choices") if isinstance(body, dict) else None
        messages = [c.get("message") for c in choices or [] if isinstance(c, dict)]
        return tuple(text_of(m.get("content")) for m in messages if isinstance(m, dict))

    def _assume(self, run: Run, what: str) -> None:
        self.assumed.setdefault(run.index, {})[what] = None


def _denies(rail: Guardrail, texts: tuple[str, ...]) -> Verdict:
    try:
        pattern = re.compile(rail.pattern, re.IGNORECASE if rail.ignore_case else 0)
    except re.error:
        return "broken"
    return "blocked" if any(pattern.search(text) for text in texts) else "pass"


def _trace(
    run: Run, parsed: Parsed, names: Names, around: _Scripted, prices: Mapping[str, Terms]
) -> Trace:
    assert run.finish is not None
    semantics = parsed.semantics
    assumed = dict.fromkeys(semantics.assumptions)
    if semantics.doubt:
        assumed[semantics.doubt] = None
    if any(isinstance(screen, Fit | Throughput) for screen in semantics.screens):
        tokens = run.arrival.request.input_tokens
        assumed[f"the prompt has {tokens} tokens: as `input_tokens` says, or by its length"] = None
    if run.arrival.request.task:
        assumed[
            f"the prompt is taken for `{run.arrival.request.task}`: it does not say its task"
        ] = None
    assumed |= around.assumed.get(run.index, {})
    for attempt in run.attempts:
        if attempt.hung:
            who = names.show(attempt.deployment)
            assumed[
                f"no limit ends a silent attempt at {who}: it is taken to last {HANGS_S:g} s"
            ] = None
    cost_usd = _cost_usd(run.finish, around.said.get(run.index), prices, assumed)
    served_by = run.finish.served_by
    final = Final(
        status=run.finish.status,
        served_by=None if served_by is None else names.show(served_by),
        cost_usd=cost_usd,
        at_s=run.ended_at,
        failure=run.finish.failure,
        in_band=run.finish.in_band,
        told=run.finish.told,
    )
    return Trace(
        route=run.arrival.route,
        attempts=tuple(Tried(names.show(a.deployment), a.at, a.outcome) for a in run.attempts),
        final=final,
        jitter_s=(0.0, semantics.backoff.jitter_s),
        assumptions=tuple(assumed),
    )


def _cost_usd(
    finish: Finish,
    said: Outcome | None,
    prices: Mapping[str, Terms],
    assumed: dict[str, None],
) -> Decimal | None:
    """Of the answer that was served: failed attempts are not billed."""
    if finish.served_by is None:
        return Decimal(0)
    if finish.in_band:
        assumed["what a provider bills for an answer that broke off is not known"] = None
        return None
    usage = said.usage if said else None
    if usage is None:
        usage = DEFAULT_USAGE
    cost_usd = cost_of(usage, prices.get(finish.served_by))
    if cost_usd is not None and (said is None or said.usage is None):
        assumed[_USAGE_ASSUMED] = None
    return cost_usd


def cost_of(usage: Usage, terms: Terms | None) -> Decimal | None:
    """None when the terms lack a price that the usage needs."""
    if terms is None or terms.input_usd_per_mtok is None:
        return None
    output_usd = terms.output_usd_per_mtok
    if output_usd is None and usage.completion_tokens:
        return None
    cached_usd = terms.cache_read_usd_per_mtok
    if cached_usd is None:
        cached_usd = terms.input_usd_per_mtok
    fresh = max(usage.prompt_tokens - usage.cached_tokens, 0)
    millionths = (
        fresh * terms.input_usd_per_mtok
        + min(usage.cached_tokens, usage.prompt_tokens) * cached_usd
        + usage.completion_tokens * (output_usd or Decimal(0))
    )
    return millionths / 1_000_000


# --- Words ----------------------------------------------------------------------------------------


def as_json(traces: tuple[Trace, ...], script: Script) -> Any:
    """One object, or a list of them where the script is one of `requests`."""
    said = [one.as_json() for one in traces]
    return said if script.is_list else said[0]


def as_text(traces: tuple[Trace, ...]) -> str:
    """For people: an attempt a line, then what the caller sees."""
    return "\n".join(line for one in traces for line in _lines(one)) + "\n"


def _lines(one: Trace) -> Iterator[str]:
    yield one.route
    width = max((len(t.deployment) for t in one.attempts), default=0)
    for tried in one.attempts:
        yield f"  {tried.at_s:8.2f} s  {tried.deployment:<{width}}  {tried.outcome}"
    if not one.attempts:
        yield "  nothing is asked"
    yield f"  → {_seen(one.final)}"
    if one.jitter_s[1] and len(one.attempts) > 1:
        yield f"  waits are without jitter, which would add 0 to {one.jitter_s[1]:g} s to each"
    yield from (f"  assumed: {what}" for what in one.assumptions)


def _seen(final: Final) -> str:
    at = f"at {final.at_s:.2f} s"
    if final.failure is None:
        cost = "cost unknown" if final.cost_usd is None else f"{plain(final.cost_usd)} USD"
        served_by = f" from {final.served_by}" if final.served_by else " from the cache"
        return f"{final.status}{served_by} {at}, {cost}"
    if not final.in_band:
        return f"{final.status} ({final.failure}) {at}"
    how = "told inside the answer" if final.told else "without a word: it looks whole"
    return f"{final.status} from {final.served_by}, broken off ({final.failure}) {at}, {how}"


def plain(amount: Decimal) -> str:
    """Without exponent and trailing zeros."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _rounded(seconds: float) -> float:
    return round(seconds, 6)
