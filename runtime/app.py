"""The HTTP surface: OpenAI's API in front of the driver.

It reads a request, finds out who calls, passes content on as it comes and books what it cost. Bodies
are not validated field by field: what the runtime does not route on is passed through untouched.
"""

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from designer.engine.events import Request as Asked
from designer.engine.lengths import estimated_tokens
from runtime.books import Books, Caller
from runtime.driver import Chunk, Done, Driver, left_early

Body = dict[str, Any]

MAX_BODY_BYTES = 20_000_000
"""Larger than any provider accepts (OpenAI: 50 MB in all with files, 20 MB an image)."""


@dataclass(slots=True)
class App:
    """One running configuration."""

    driver: Driver
    books: Books
    wall_clock: Callable[[], float]
    """Seconds since 1970, for `created` and the ledger; the driver has a monotonic one."""

    def asgi(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1/chat/completions", self.chat, methods=["POST"]),
                Route("/v1/embeddings", self.embeddings, methods=["POST"]),
                Route("/v1/models", self.models),
                Route("/healthz", self.healthz),
                Route("/readyz", self.healthz),
            ],
            exception_handlers={404: _not_found, 405: _not_found},
        )

    async def healthz(self, _request: Request) -> Response:
        return JSONResponse({"status": "ok", "routes": len(self.driver.program.routing.routes)})

    async def models(self, request: Request) -> Response:
        caller = await self.books.caller(_bearer(request))
        if caller is None:
            return _unauthorized()
        routing = self.driver.program.routing
        names = [*(r.name for r in routing.routes), *(alias for alias, _ in routing.aliases)]
        rows = [{"id": n, "object": "model", "created": 0, "owned_by": "designer"} for n in names]
        return JSONResponse({"object": "list", "data": rows})

    async def chat(self, request: Request) -> Response:
        return await self._answer(request, embeds=False)

    async def embeddings(self, request: Request) -> Response:
        return await self._answer(request, embeds=True)

    async def _answer(self, request: Request, embeds: bool) -> Response:
        caller = await self.books.caller(_bearer(request))
        if caller is None:
            return _unauthorized()
        body = await _body(request)
        if isinstance(body, Response):
            return body
        problem = self._problem(body, embeds)
        if problem is not None:
            return problem
        return await self._perform(body, caller, request.url.path)

    def _problem(self, body: Body, embeds: bool) -> Response | None:
        """What makes the request one that no deployment could answer."""
        routing = self.driver.program.routing
        model = body.get("model")
        if not isinstance(model, str) or not model:
            return _error(400, "`model` is missing: it names the route", "missing_model")
        if not routing.has_route(model):
            names = ", ".join(route.name for route in routing.routes)
            return _error(
                404, f"no route is called {model!r}; there are {names}", "model_not_found"
            )
        if routing.route(model).embeds != embeds:
            where = "/v1/embeddings" if not embeds else "/v1/chat/completions"
            return _error(400, f"{model!r} is asked at {where}", "wrong_endpoint")
        wanted = "input" if embeds else "messages"
        if wanted not in body:
            return _error(400, f"`{wanted}` is missing", "missing_field")
        return None

    async def _perform(self, body: Body, caller: Caller, path: str) -> Response:
        trace = uuid.uuid4().hex
        is_stream = body.get("stream") is True
        metadata = body.get("metadata")
        asked = Asked(
            stream=is_stream,
            metadata=metadata if isinstance(metadata, Mapping) else {},
            params=body,
            user=str(body.get("user") or ""),
            team={"name": caller.team},
            path=path,
            input_tokens=estimated_tokens(body.get("messages") or ()),
        )
        route = str(body["model"])
        items = self.driver.perform(route, asked, body)
        first = await anext(items)
        if isinstance(first, Done):
            return await self._whole(first, route, trace, caller, asked)
        return self._stream(first, items, route, trace, caller, asked, _wants_usage(body))

    async def _whole(
        self, done: Done, route: str, trace: str, caller: Caller, asked: Asked
    ) -> Response:
        cost = await self.books.settle(done, route, trace, caller, asked.user, self.wall_clock())
        headers = _headers(done, trace) | {"x-designer-cost-usd": cost}
        if done.answer is None:
            return _failed(done, headers)
        return Response(orjson.dumps(done.answer), headers=headers, media_type="application/json")

    def _stream(
        self,
        first: Chunk,
        items: AsyncGenerator[Chunk | Done, None],
        route: str,
        trace: str,
        caller: Caller,
        asked: Asked,
        wants_usage: bool,
    ) -> Response:
        async def events() -> AsyncIterator[bytes]:
            """What is not known when the headers go out comes in the last comment."""
            done: Done | None = None
            try:
                yield _event(first.body, wants_usage)
                async for item in items:
                    if isinstance(item, Chunk):
                        yield _event(item.body, wants_usage)
                    else:
                        done = item
                if done is not None:
                    cost = await settle(done)
                    yield _last_words(done, trace, cost)
            finally:
                if done is None:  # the client left: what the provider has sent is still owed
                    await items.aclose()
                    await asyncio.shield(settle(left_early(first.deployment)))

        async def settle(done: Done) -> str:
            now = self.wall_clock()
            return await self.books.settle(done, route, trace, caller, asked.user, now)

        headers = {"x-designer-served-by": first.deployment, "x-designer-trace": trace}
        return StreamingResponse(events(), headers=headers, media_type="text/event-stream")


# --- Requests -------------------------------------------------------------------------------------


def _bearer(request: Request) -> str:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else request.headers.get("x-api-key", "")


async def _body(request: Request) -> Body | Response:
    size, parts = 0, []
    try:
        async for part in request.stream():
            size += len(part)
            if size > MAX_BODY_BYTES:
                return _error(413, f"the body is larger than {MAX_BODY_BYTES:,} bytes", "too_large")
            parts.append(part)
        body = orjson.loads(b"".join(parts))
    except orjson.JSONDecodeError as error:
        return _error(400, f"the body is not JSON: {error}", "invalid_json")
    except ClientDisconnect:
        return Response(status_code=499)
    if not isinstance(body, dict):
        return _error(400, "the body is not a JSON object", "invalid_json")
    return body


def _wants_usage(body: Body) -> bool:
    options = body.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


# --- Answers --------------------------------------------------------------------------------------


def _event(chunk: Body, wants_usage: bool) -> bytes:
    """Usage is always asked of the provider, and passed on to those who asked for it."""
    if not wants_usage and "usage" in chunk:
        if not chunk.get("choices"):
            return b""
        chunk = {name: value for name, value in chunk.items() if name != "usage"}
    return b"data: " + orjson.dumps(chunk) + b"\n\n"


def _last_words(done: Done, trace: str, cost_usd: str) -> bytes:
    end = b"data: [DONE]\n\n"
    if done.finish.in_band:
        end = b"data: " + orjson.dumps(_error_body(done)) + b"\n\n"
    told = _headers(done, trace) | {"x-designer-cost-usd": cost_usd}
    return end + f": {' '.join(f'{k}={v}' for k, v in told.items())}\n\n".encode()


def _headers(done: Done, trace: str) -> dict[str, str]:
    headers = {
        "x-designer-attempts": str(len(done.tried)),
        "x-designer-cache": "off",
        "x-designer-redactions": str(done.redactions),
        "x-designer-trace": trace,
    }
    if done.finish.served_by:
        headers["x-designer-served-by"] = done.finish.served_by
    if done.dropped:
        headers["x-designer-dropped"] = ",".join(done.dropped)
    return headers


_KIND_OF = {400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error"}
_KIND_OF |= {408: "timeout_error", 429: "rate_limit_error", 504: "timeout_error"}


def _error(status: int, message: str, code: str) -> Response:
    kind = _KIND_OF.get(status, "invalid_request_error" if status < 500 else "server_error")
    body = {"error": {"message": message, "type": kind, "code": code, "param": None}}
    return JSONResponse(body, status_code=status)


def _failed(done: Done, headers: Mapping[str, str]) -> Response:
    response = JSONResponse(
        _error_body(done), status_code=done.finish.status, headers=dict(headers)
    )
    if done.failure is not None and done.failure.retry_after_s is not None:
        response.headers["retry-after"] = str(max(1, round(done.failure.retry_after_s)))
    return response


def _error_body(done: Done) -> Body:
    """A provider's own words only where the request was at fault; otherwise what was tried."""
    failure = done.finish.failure or "unknown"
    status = done.finish.status
    if done.failure is not None and done.failure.message and 400 <= status < 500 and status != 429:
        message = done.failure.message
    elif failure == "guardrail":
        message = "a guardrail refused this request"
    else:
        tried = ", ".join(f"{t.deployment}: {t.outcome}" for t in done.tried) or "nothing was asked"
        message = f"no deployment answered ({tried})"
    kind = _KIND_OF.get(status, "invalid_request_error" if status < 500 else "server_error")
    return {"error": {"message": message, "type": kind, "code": failure, "param": None}}


def _unauthorized() -> Response:
    return _error(
        401, "this gateway asks for a key: `designer keys mint` makes one", "invalid_api_key"
    )


async def _not_found(request: Request, _error_: Exception) -> Response:
    return _error(404, f"there is no {request.method} {request.url.path}", "not_found")
