"""The HTTP surface: OpenAI's and Anthropic's APIs in front of the driver.

It reads a request, finds out who calls, passes content on as it comes and books what it cost. Bodies
are not validated field by field: what the runtime does not route on is passed through untouched. Where
a request goes is decided by the configuration alone; nothing that a client sends names a host.
"""

import asyncio
import os
import re
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from msgspec import Struct
from msgspec.structs import replace

from designer.engine.events import Request as Asked
from designer.engine.lengths import estimated_tokens
from designer.ir import Routing
from designer.tasks import last_said, routes_by_task, task_of
from runtime.asgi import (
    BodyTooLargeError,
    ClientGoneError,
    Receive,
    Scope,
    Send,
    Whole,
    header,
    read_body,
    send_stream,
    send_whole,
)
from runtime.books import Books, Caller
from runtime.driver import Done, Driver, Piece, left_early
from runtime.guard import Guard
from runtime.limits.tab import Refusal, Tab
from runtime.openapi import document
from runtime.redact import Redactor
from runtime.state import StateError
from runtime.surface import SURFACES, Body, StreamShape, Surface
from runtime.surface.base import openai_error, worded
from runtime.telemetry import Listener, recorded
from runtime.telemetry.prometheus import CONTENT_TYPE as METRICS_TYPE
from runtime.telemetry.prometheus import Metrics
from runtime.telemetry.record import Asking
from runtime.upstream import Chunk, UntranslatableError


class _Exchange(Struct, frozen=True):
    """One request that is asked of the driver, and what is needed to book it."""

    surface: Surface
    body: Body
    """As it came."""
    route: str
    caller: Caller
    asked: Asked
    tab: Tab
    dropped: tuple[str, ...]
    guard: Guard
    asking: Asking

    @property
    def trace(self) -> str:
        return self.tab.id


@dataclass(slots=True)
class App:
    """One running configuration, as an ASGI application."""

    driver: Driver
    books: Books
    wall_clock: Callable[[], float]
    """Seconds since 1970, for the ledger; the driver has a monotonic one."""
    restores: bool = False
    """Whether callers get their own values back where an answer names their placeholders."""
    listeners: tuple[Listener, ...] = ()
    """Who is told of each request."""
    metrics: Metrics | None = None
    """What `/metrics` says."""
    is_draining: bool = False
    """Whether it is about to end, so that nobody should send it more."""
    in_flight: int = 0
    """Requests that are being answered."""
    _by_task: frozenset[str] = field(init=False)
    """The routes for which a prompt's task is guessed."""

    def __post_init__(self) -> None:
        self.take(self.driver)

    def take(self, driver: Driver) -> None:
        """From the next request on, this is who answers."""
        self.driver = driver
        guesses = driver.program.semantics.guesses_task
        self._by_task = routes_by_task(self._routing) if guesses else frozenset()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        surface = SURFACES.get(scope["path"])
        try:
            if surface is not None and scope["method"] == "POST":
                await self._answer(surface, scope, receive, send)
            else:
                await send_whole(send, await self._tell(scope))
        except ClientGoneError:
            return

    async def _answer(self, surface: Surface, scope: Scope, receive: Receive, send: Send) -> None:
        self.in_flight += 1
        try:
            answer = await self._ask(surface, scope, receive, send)
            if answer is not None:
                await send_whole(send, answer)
        finally:
            self.in_flight -= 1

    # --- What is known without asking anybody ----------------------------------------------------

    async def _tell(self, scope: Scope) -> Whole:
        match scope["method"], scope["path"]:
            case "GET" | "HEAD", "/healthz":
                return _json(200, {"status": "ok", "routes": len(self._routing.routes)})
            case "GET" | "HEAD", "/readyz":
                return self._readiness()
            case "GET", "/openapi.json":
                return _json(200, document(self._routing))
            case "GET", "/metrics" if self.metrics is not None:
                return Whole(200, self.metrics.text(), content_type=METRICS_TYPE)
            case "GET", "/v1/models":
                return await self._models(scope)
            case method, path if path in SURFACES:
                said = openai_error(405, f"{path} is asked with POST, not {method}", "method")
                return _json(405, said, {"allow": "POST"})
            case method, path:
                said = openai_error(404, _impersonal(f"there is no {method} {path}"), "not_found")
                return _json(404, said)

    def _readiness(self) -> Whole:
        """Ready is who can book: an answer that cannot be booked would not be given."""
        trouble = "it is about to stop" if self.is_draining else self.books.trouble()
        if trouble is None:
            return _json(200, {"status": "ok"})
        return _json(503, {"status": "not ready", "why": trouble})

    async def _models(self, scope: Scope) -> Whole:
        if await self.books.caller(_key(scope)) is None:
            return _json(401, openai_error(401, _NO_KEY, "invalid_api_key"))
        routing = self._routing
        names = [*(r.name for r in routing.routes), *(alias for alias, _ in routing.aliases)]
        rows = [{"id": n, "object": "model", "created": 0, "owned_by": "designer"} for n in names]
        return _json(200, {"object": "list", "data": rows})

    @property
    def _routing(self) -> Routing:
        return self.driver.program.routing

    # --- What has to be asked --------------------------------------------------------------------

    async def _ask(
        self, surface: Surface, scope: Scope, receive: Receive, send: Send
    ) -> Whole | None:
        """The answer, None when it has been streamed."""
        caller = await self.books.caller(_key(scope))
        if caller is None:
            return _refusal(surface, 401, _NO_KEY, "invalid_api_key")
        body = await _read(surface, receive)
        if isinstance(body, Whole):
            return body
        problem = self._problem(surface, body, caller)
        if problem is not None:
            return _refusal(surface, *problem)
        try:
            chat = worded(surface, body)
        except UntranslatableError as error:
            return _refusal(surface, 400, str(error), "unsupported")
        user = str(chat.body.get("user") or "")
        metadata, messages = chat.body.get("metadata"), chat.body.get("messages")
        messages = messages if isinstance(messages, list) else []
        asked = Asked(
            stream=body.get("stream") is True,
            metadata=metadata if isinstance(metadata, Mapping) else {},
            params=chat.body,
            user=user,
            team=self._team(caller.team),
            path=surface.path,
            task=self._task(caller.team, body["model"], messages),
            input_tokens=estimated_tokens(messages),
        )
        route, now = body["model"], self.wall_clock()
        tab = self.books.open(_trace(now), caller, route, chat.body, now)
        guard = self.driver.guard(route, asked, restores=self.restores)
        asking = self._asking(surface, scope, body, caller, tab.id)
        exchange = _Exchange(surface, body, route, caller, asked, tab, chat.dropped, guard, asking)
        passes = surface.passed is not None and not self.restores
        items = self.driver.perform(route, asked, chat.body, tab, passes, guard, caller.tenant)
        first = await self._first(items, exchange)
        if isinstance(first, Done):
            if first.finish.told:
                return await self._whole(first, exchange)
            # A gateway's habit: an empty stream that looks whole.
            items = _only(first)
            first = Piece([], first.finish.served_by or "", first.cache)
        told = {
            "x-designer-served-by": first.deployment,
            "x-designer-cache": first.cache,
            "x-designer-trace": tab.id,
        }
        await send_stream(receive, send, told, self._events(first, items, exchange))
        return None

    async def _first(
        self, items: AsyncGenerator[Piece | Done, None], exchange: _Exchange
    ) -> Piece | Done:
        try:
            return await anext(items)
        except asyncio.CancelledError:  # the runtime stops: what was sent is owed all the same
            await items.aclose()
            await asyncio.shield(self._settle(left_early(""), exchange))
            raise

    def _task(self, team: str, model: str, messages: list[Any]) -> str:
        """What the prompt is for, where the route asks."""
        if self._routing.led(team, model) not in self._by_task:
            return ""
        return task_of(last_said(messages))

    def _team(self, name: str) -> dict[str, str]:
        """What conditions may ask of the caller's team."""
        regions = (team.region for team in self._routing.teams if team.name == name)
        region = next(regions, "")
        return {"name": name, "region": region} if region else {"name": name}

    def _may_ask(self, team: str, model: str) -> bool:
        asked = (one.routes for one in self._routing.teams if one.name == team)
        routes = next(asked, None)
        return routes is None or model in routes

    def _problem(self, surface: Surface, body: Body, caller: Caller) -> tuple[int, str, str] | None:
        """What makes the request one that no deployment could answer: status, message, code."""
        routing = self._routing
        model = body.get("model")
        if not isinstance(model, str) or not model:
            return 400, "`model` is missing: it names the route", "missing_model"
        if not self._may_ask(caller.team, model):
            return 403, f"team {caller.team} may not ask for {model!r}", "model_not_allowed"
        asked, model = model, routing.led(caller.team, model)
        if not routing.has_route(model):
            names = ", ".join(route.name for route in routing.routes)
            return 404, f"no route is called {asked!r}; there are {names}", "model_not_found"
        if routing.route(model).embeds != surface.embeds:
            where = "/v1/chat/completions" if surface.embeds else "/v1/embeddings"
            return 400, f"{asked!r} is asked at {where}", "wrong_endpoint"
        if surface.wanted not in body:
            return 400, f"`{surface.wanted}` is missing", "missing_field"
        if surface.embeds and not body["input"]:
            return 400, "`input` is empty: there is nothing to embed", "invalid_value"
        if not isinstance(body.get("stream"), bool | None):
            return 400, "`stream` is true or false", "invalid_type"
        if surface.embeds and body.get("stream"):
            return 400, "embeddings have no stream", "invalid_value"
        return None

    async def _whole(self, done: Done, exchange: _Exchange) -> Whole:
        try:
            cost = await self._settle(done, exchange)
        except StateError as error:
            return _refusal(exchange.surface, 503, _not_booked(error), "ledger")
        headers = _headers(done, exchange) | {"x-designer-cost-usd": cost}
        if done.answer is None:
            retry_after_s = _retry_after_s(done, exchange.tab)
            if retry_after_s is not None:
                headers["retry-after"] = str(max(1, round(retry_after_s)))
            return _refusal(exchange.surface, *_failure(done, exchange.tab), headers)
        restored = exchange.guard.restored(done.answer)
        answer = exchange.surface.whole(exchange.body, restored)
        return Whole(200, orjson.dumps(answer), headers)

    async def _events(
        self, first: Piece, items: AsyncGenerator[Piece | Done, None], exchange: _Exchange
    ) -> AsyncGenerator[bytes, None]:
        """What is not known when the headers go out comes in the last comment.

        The last piece goes out with the end, once it is booked: one write, and one to read.
        """
        shape = exchange.surface.stream(exchange.body)
        written = _writer(exchange.surface, shape, exchange.body)
        restoring = exchange.guard.restored_stream()
        done: Done | None = None

        def told(piece: Piece) -> bytes:
            if restoring is None:
                return written(piece)
            return b"".join(map(shape.chunk, restoring.feed(piece.chunks)))

        try:
            last = told(first)
            if not first.is_last:
                yield last
                last = b""
            async for item in items:
                if isinstance(item, Done):
                    done = item
                elif item.is_last:
                    last = told(item)
                else:
                    yield told(item)
            assert done is not None
            if restoring and not done.finish.in_band:
                last += b"".join(map(shape.chunk, restoring.close()))
            try:
                cost = await self._settle(done, exchange)
            except StateError as error:
                yield shape.failed(503, _not_booked(error), "ledger")
                return
            is_told = done.finish.in_band and done.finish.told
            end = shape.failed(*_failure(done, exchange.tab)) if is_told else shape.end()
            headers = _headers(done, exchange) | {"x-designer-cost-usd": cost}
            told_last = " ".join(f"{name}={value}" for name, value in headers.items())
            yield last + end + f": {told_last}\n\n".encode()
        finally:
            if done is None:  # the client left: what the provider has sent is still owed
                await items.aclose()
                await asyncio.shield(self._settle(left_early(first.deployment), exchange))

    async def _settle(self, done: Done, exchange: _Exchange) -> str:
        now, user = self.wall_clock(), exchange.guard.alias(exchange.asked.user)
        refusal = _refusal_behind(done, exchange.tab)
        if refusal is not None and not done.finish.in_band:
            done = replace(done, finish=replace(done.finish, status=refusal.status))
        cost = await self.books.settle(
            done, exchange.tab, exchange.route, exchange.caller, user, now
        )
        done.keep()
        if self.listeners:
            clocks = (self.driver.clock(), self.wall_clock())
            known = self.books.deployments
            told = recorded(exchange.asking, done, exchange.caller, cost, known, *clocks)
            for listener in self.listeners:
                listener.told(told)
        return cost

    def _asking(
        self, surface: Surface, scope: Scope, body: Body, caller: Caller, trace: str
    ) -> Asking:
        routing = self._routing
        asked = routing.led(caller.team, body["model"])
        return Asking(
            trace=trace,
            path=surface.path,
            route=routing.route(asked).name if routing.has_route(asked) else "",
            operation="embeddings" if surface.embeds else "chat",
            is_stream=body.get("stream") is True,
            began_s=self.driver.clock(),
            parent=header(scope, b"traceparent"),
        )


async def _only(done: Done) -> AsyncGenerator[Piece | Done, None]:
    yield done


# --- Requests -------------------------------------------------------------------------------------

_NO_KEY = "this gateway asks for a key: `designer keys mint` makes one"


def _trace(at_s: float) -> str:
    """One of its kind, and later than the ones before: the ledger grows at its end."""
    return f"{round(at_s * 1000):012x}{os.urandom(10).hex()}"


def _key(scope: Scope) -> str:
    scheme, _, key = header(scope, b"authorization").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else header(scope, b"x-api-key")


async def _read(surface: Surface, receive: Receive) -> Body | Whole:
    try:
        body = orjson.loads(await read_body(receive))
    except orjson.JSONDecodeError as error:
        return _refusal(surface, 400, f"the body is not JSON: {error}", "invalid_json")
    except BodyTooLargeError as error:
        return _refusal(surface, 413, str(error), "too_large", {"connection": "close"})
    except TimeoutError:
        said = "the body did not come in time"
        return _refusal(surface, 408, said, "timeout", {"connection": "close"})
    if not isinstance(body, dict):
        return _refusal(surface, 400, "the body is not a JSON object", "invalid_json")
    return body


# --- Answers --------------------------------------------------------------------------------------


def _json(status: int, body: Body, headers: Mapping[str, str] | None = None) -> Whole:
    return Whole(status, orjson.dumps(body), headers or {})


def _writer(surface: Surface, shape: StreamShape, body: Body) -> Callable[[Piece], bytes]:
    if surface.passed is None:
        return lambda piece: b"".join(map(shape.chunk, piece.chunks))
    passed = surface.passed(body)
    return lambda piece: b"".join(_runs(piece.parts, passed, shape))


def _runs(
    parts: Sequence[Chunk], passed: Callable[[Iterable[bytes]], bytes], shape: StreamShape
) -> Iterator[bytes]:
    """Texts that follow one another go out together."""
    texts: list[bytes] = []
    for part in parts:
        if isinstance(part, bytes):
            texts.append(part)
            continue
        if texts:
            yield passed(texts)
            texts = []
        yield shape.chunk(part)
    if texts:
        yield passed(texts)


def _refusal(
    surface: Surface,
    status: int,
    message: str,
    code: str,
    headers: Mapping[str, str] | None = None,
) -> Whole:
    return _json(status, surface.error(status, _impersonal(message), code), headers)


# In a quoted text they run into the value behind them, and hide where it begins.
_ESCAPE: Final = re.compile(r"\\(?:[nrtfv]|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})")


def _impersonal(message: str) -> str:
    """What an error repeats of a request, or a provider says in one, is written down by whoever gets it."""
    return Redactor().redact_text(_ESCAPE.sub(" ", message))[0]


def _headers(done: Done, exchange: _Exchange) -> dict[str, str]:
    headers = {
        "x-designer-attempts": str(len(done.tried)),
        "x-designer-cache": done.cache,
        "x-designer-redactions": str(done.redactions),
        "x-designer-trace": exchange.trace,
    }
    if done.finish.served_by:
        headers["x-designer-served-by"] = done.finish.served_by
    if done.arm:
        headers["x-designer-experiment-arm"] = done.arm
    if not exchange.tab.is_counted:
        headers["x-designer-limits"] = "not-counted"
    if done.unchecked:
        headers["x-designer-unchecked"] = ",".join(_printable(name) for name in done.unchecked)
    if dropped := (*map(exchange.guard.alias, exchange.dropped), *done.dropped):
        headers["x-designer-dropped"] = ",".join(_printable(name) for name in dropped)
    return headers


def _printable(name: str) -> str:
    """A client may call a field what it likes; a header may not hold all of that."""
    return "".join(c if 32 < ord(c) < 127 and c not in ",=" else "_" for c in name)[:64]


_NO_ROOM = frozenset({"budget", "limit", "barred"})


def _refusal_behind(done: Done, tab: Tab) -> Refusal | None:
    """Why there was no room, where that is what the caller is told."""
    return tab.refusal if done.finish.failure in _NO_ROOM else None


def _retry_after_s(done: Done, tab: Tab) -> float | None:
    refusal = _refusal_behind(done, tab)
    if refusal is not None:
        return refusal.retry_after_s
    return done.failure.retry_after_s if done.failure is not None else None


def _failure(done: Done, tab: Tab) -> tuple[int, str, str]:
    """Status, message and code: a provider's own words only where the request was at fault."""
    refusal = _refusal_behind(done, tab)
    if refusal is not None:
        return refusal.status, refusal.message, refusal.code
    failure = done.finish.failure or "unknown"
    status = done.finish.status
    if done.finish.in_band:  # under a 200 that has gone out already
        status = 400 if failure == "guardrail" else 502
    if done.failure is not None and done.failure.message and 400 <= status < 500 and status != 429:
        return status, _impersonal(done.failure.message), failure
    if failure == "guardrail":
        return status, done.refusal or "a guardrail refused this request", failure
    tried = ", ".join(f"{t.deployment}: {t.outcome}" for t in done.tried) or "nothing was asked"
    return status, f"no deployment answered ({tried})", failure


def _not_booked(error: StateError) -> str:
    return f"the answer could not be booked, so it is not given: {error}"
