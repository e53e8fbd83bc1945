"""The stub's server: one loopback port that stands for every deployment of a configuration.

A deployment is addressed by a prefix of the path, so that a gateway's `api_base` selects it. The
prefix is followed by whatever the provider's own client would ask for:

    /d/support-chat%2Fazure-se%2Fgpt/openai/deployments/gpt/chat/completions
    POST   /stub/faults      one fault or a list of them
    DELETE /stub/faults
    GET    /stub/requests    what was received, with the faults it met
    DELETE /stub/requests
"""

import asyncio
import re
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote, unquote

import orjson

from designer.engine.outcomes import Outcome
from designer.errors import NetworkError
from runtime.stub.answers import Answer, Question, answer_to
from runtime.stub.faults import (
    DELAYS,
    STREAM_KINDS,
    Fault,
    FaultError,
    Faults,
    fault_of,
    unstreamed,
)
from runtime.stub.http import BadRequestError, HttpRequest, Reply, read_request
from runtime.stub.scripts import Scripts
from runtime.stub.wires import EMBEDDINGS, WIRES, Wire

_PREFIX: Final = re.compile(r"/d/([^/]+)")
_SECRET_HEADERS: Final = frozenset(
    {"authorization", "api-key", "x-api-key", "x-goog-api-key", "x-amz-security-token"}
)
_STATUS_OF_KIND: Final = {
    "malformed": 200,
    "empty": 200,
    "rate_limit": 429,
    "exhausted": 429,
    "down": 503,
    "context_length": 400,
    "content_policy": 400,
    "reject_prefill": 400,
}
_BILLED_ALL_THE_SAME: Final = STREAM_KINDS | {"timeout", "reset", "malformed", "empty"}
"""Faults that strike when the work is done, or going on: a provider that means ill bills all of it."""
_MESSAGE_OF_KIND: Final = {
    "rate_limit": "Rate limit reached. Please slow down.",
    "exhausted": "You exceeded your current quota, please check your plan and billing details.",
    "down": "The service is unavailable.",
    "context_length": "This model's maximum context length is 8192 tokens; prompt is too long.",
    "content_policy": "The response was filtered due to the content management policy.",
    "reject_prefill": "This model does not support assistant message prefill. "
    "The conversation must end with a user message.",
}


@dataclass(frozen=True, slots=True)
class Labels:
    """What faults may say of a deployment; an empty model is the one the request names."""

    provider: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class Received:
    at_s: float
    """Since the server was made."""
    deployment: str
    provider: str
    model: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    """Values of those that hold keys are left out."""
    body: bytes = field(repr=False)
    faults: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        try:
            body = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            body = self.body.decode("utf-8", "replace")
        return {
            "at_s": round(self.at_s, 3),
            "deployment": self.deployment,
            "provider": self.provider,
            "model": self.model,
            "path": self.path,
            "headers": dict(self.headers),
            "body": body,
            "faults": list(self.faults),
        }


@dataclass(frozen=True, slots=True)
class Bill:
    """What the provider wants to be paid for one request."""

    deployment: str
    user: str
    """As the request named its user."""
    prompt_tokens: int
    completion_tokens: int


class StubServer:
    """Runs in the event loop it is started in, from `start` to `close`."""

    def __init__(
        self,
        faults: Iterable[Fault] = (),
        deployments: Mapping[str, Labels] | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        says: Callable[[Question], str] | None = None,
        between_chunks_s: float = 0.0,
        keep: int = 1000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`keep` bounds how many requests are remembered; `port` 0 takes a free one."""
        self.faults = Faults()
        self._scripts = Scripts()
        self.received: deque[Received] = deque(maxlen=keep)
        self.bills: deque[Bill] = deque(maxlen=keep)
        """The provider's own account, whatever it told the client."""
        self.deployments = deployments or {}
        """May be replaced while it runs."""
        self._host = host
        self._port = port
        self._says = says
        self._between_chunks_s = between_chunks_s
        self._clock = clock
        self._made_at = clock()
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        for fault in faults:
            self.faults.add(fault, self._made_at)

    # --- life --------------------------------------------------------------------------------

    async def start(self) -> Self:
        try:
            self._server = await asyncio.start_server(self._connected, self._host, self._port)
        except OSError as error:
            raise NetworkError(f"cannot listen on {self._host}:{self._port}: {error}") from error
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def close(self) -> None:
        if self._server is None:
            return
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def url(self) -> str:
        return f"http://{self._host}:{self._port}"

    def base_url(self, deployment: str) -> str:
        """The `api_base` under which this deployment answers, in any dialect."""
        return f"{self.url}/d/{quote(deployment, safe='')}"

    @property
    def now_s(self) -> float:
        """Since the server was made, as `Received.at_s` has it."""
        return self._clock() - self._made_at

    def add_fault(self, fault: Fault, after_s: float = 0.0) -> None:
        self.faults.add(fault, self._clock() + after_s)

    def script(self, deployment: str, outcomes: Sequence[Outcome]) -> None:
        """Answer this deployment's requests with these in turn, whatever faults are set."""
        self._scripts.write(deployment, outcomes)

    # --- one connection ----------------------------------------------------------------------

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)
        try:
            await self._converse(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client left in the middle, which is its right
        except asyncio.CancelledError:
            pass  # the server is closing; nobody else cancels a connection
        finally:
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reply = Reply(writer)
        while True:
            try:
                request = await read_request(reader, writer)
            except BadRequestError as error:
                await reply.whole(400, orjson.dumps({"error": {"message": str(error)}}))
                return
            if request is None:
                return
            may_go_on = await self._answer(request, reply, reader)
            if not may_go_on or not request.keeps_connection:
                return

    async def _answer(
        self, request: HttpRequest, reply: Reply, reader: asyncio.StreamReader
    ) -> bool:
        """Whether the connection can carry another request."""
        if request.path.startswith("/stub/"):
            status, payload = self._administer(request)
            await reply.whole(status, orjson.dumps(payload))
            return True
        prefix = _PREFIX.match(request.path)
        deployment = unquote(prefix[1]) if prefix else ""
        path = request.path[prefix.end() :] if prefix else request.path
        if request.method == "GET":
            await reply.whole(200, orjson.dumps({"object": "list", "data": []}))
            return True
        exchange = _Exchange(self, request, path, deployment, reply, reader)
        return await exchange.perform()

    # --- the admin endpoint ------------------------------------------------------------------

    def _administer(self, request: HttpRequest) -> tuple[int, Any]:
        match request.method, request.path:
            case "GET", "/stub/faults":
                return 200, {"faults": [fault_as_json(fault) for fault in self.faults]}
            case "POST", "/stub/faults":
                return self._set_faults(request.body)
            case "DELETE", "/stub/faults":
                self.faults.clear()
                return 200, {"faults": []}
            case "GET", "/stub/requests":
                return 200, {"requests": [received.as_json() for received in self.received]}
            case "DELETE", "/stub/requests":
                self.received.clear()
                return 200, {"requests": []}
        return 404, {"error": {"message": f"no {request.method} {request.path}"}}

    def _set_faults(self, body: bytes) -> tuple[int, Any]:
        try:
            described = orjson.loads(body)
            faults = [
                fault_of(d) for d in (described if isinstance(described, list) else [described])
            ]
        except (FaultError, orjson.JSONDecodeError) as error:
            return 400, {"error": {"message": str(error)}}
        for fault in faults:
            self.add_fault(fault)
        return 200, {"faults": [fault_as_json(fault) for fault in self.faults]}

    # --- for the exchange --------------------------------------------------------------------

    def note(self, request: HttpRequest, deployment: str, model: str) -> list[Fault]:
        """Remember a request and say which faults it meets."""
        labels = self.deployments.get(deployment, Labels())
        model = labels.model or model
        now = self._clock()
        faults = self._scripts.next_faults(deployment)
        if faults is None:
            faults = self.faults.befalling(deployment, labels.provider, model, now)
        headers = {
            name: "…" if name in _SECRET_HEADERS else value
            for name, value in request.headers.items()
        }
        self.received.append(
            Received(
                at_s=now - self._made_at,
                deployment=deployment,
                provider=labels.provider,
                model=model,
                path=request.path,
                headers=headers,
                body=request.body,
                faults=tuple(fault.kind for fault in faults),
            )
        )
        return faults

    def answer(self, question: Question) -> Answer:
        return answer_to(question, self._says)

    def bill(self, deployment: str, body: Any, prompt_tokens: int, completion_tokens: int) -> None:
        user = str(body.get("user") or "") if isinstance(body, dict) else ""
        self.bills.append(Bill(deployment, user, prompt_tokens, completion_tokens))

    async def pause(self) -> None:
        if self._between_chunks_s:
            await asyncio.sleep(self._between_chunks_s)


def fault_as_json(fault: Fault) -> dict[str, Any]:
    return {name: getattr(fault, name) for name in Fault.__dataclass_fields__}


@dataclass(slots=True)
class _Exchange:
    """One request and what becomes of it."""

    server: StubServer
    request: HttpRequest
    path: str
    deployment: str
    reply: Reply
    reader: asyncio.StreamReader

    async def perform(self) -> bool:
        try:
            body = orjson.loads(self.request.body)
            if not isinstance(body, dict):
                raise ValueError("the body is not an object")
            return await self._dispatch(body)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            await self._refuse(400, f"not a request this provider knows: {error!r}")
            return True

    async def _dispatch(self, body: dict[str, Any]) -> bool:
        for wire in WIRES:
            if found := wire.path.search(self.path):
                question = wire.question(body, found.groupdict(), self.deployment)
                faults = self.server.note(self.request, self.deployment, question.model)
                return await self._complete(wire, question, faults)
        for vectors in EMBEDDINGS:
            if found := vectors.path.search(self.path):
                answer = orjson.dumps(vectors.answer(body))
                model = found.groupdict().get("model")
                named = unquote(model) if model else str(body.get("model", ""))
                faults = self.server.note(self.request, self.deployment, named)
                return await self._embed(vectors.wire, answer, faults)
        self.server.note(self.request, self.deployment, str(body.get("model", "")))
        await self._refuse(404, f"no such endpoint: {self.path}")
        return True

    async def _refuse(self, status: int, message: str) -> None:
        await self.reply.whole(status, orjson.dumps({"error": {"message": message, "code": None}}))

    async def _embed(self, name: str, answer: bytes, faults: list[Fault]) -> bool:
        wire = next(wire for wire in WIRES if wire.name == name)
        await _sleep(sum(fault.delay_s for fault in faults if fault.kind in DELAYS))
        failed = next((f for f in faults if f.kind not in DELAYS), None)
        if failed is not None and failed.kind in STREAM_KINDS:
            failed = unstreamed(failed)
        if failed is not None and failed.kind != "reject_prefill":
            return await self._fail(wire, failed)
        await self.reply.whole(200, answer)
        return True

    async def _complete(self, wire: Wire, question: Question, faults: list[Fault]) -> bool:
        await _sleep(sum(fault.delay_s for fault in faults if fault.kind == "latency"))
        first_token_s = sum(fault.delay_s for fault in faults if fault.kind == "slow_first_token")
        fault = next((f for f in faults if f.kind not in DELAYS), None)
        if fault is not None and fault.kind in STREAM_KINDS and not question.is_stream:
            fault = unstreamed(fault)
        status = 200
        if fault is not None and fault.kind == "http" and _is_good(fault):
            status, fault = fault.status or 200, None
        if (
            fault is not None
            and fault.kind == "reject_prefill"
            and not question.ends_with_assistant
        ):
            fault = None
        answer = self.server.answer(question)
        if fault is None or fault.kind in _BILLED_ALL_THE_SAME:
            into, out = answer.prompt_tokens, answer.completion_tokens
            self.server.bill(self.deployment, question.body, into, out)
        if fault is not None and fault.kind not in STREAM_KINDS and fault.kind != "empty":
            return await self._fail(wire, fault)
        if fault is not None and fault.kind == "empty":
            answer = Answer("", None, answer.prompt_tokens, 0)
        if question.is_stream:
            return await self._stream(wire, question, answer, fault, first_token_s)
        await _sleep(first_token_s)
        await self.reply.whole(status, orjson.dumps(wire.whole(question, answer)))
        return True

    async def _fail(self, wire: Wire, fault: Fault) -> bool:
        match fault.kind:
            case "timeout":
                await self._wait_for_the_client_to_leave()
                return False
            case "reset" | "refuse_connection":
                # A port that is open cannot refuse; the client sees it break off at once.
                self.reply.reset()
                return False
        status = fault.status or _STATUS_OF_KIND.get(fault.kind, 503)
        headers = {**wire.error_headers(status, fault.kind), **fault.headers}
        if fault.retry_after_s is not None:
            headers.setdefault("retry-after", f"{fault.retry_after_s:g}")
        await self.reply.whole(status, _body(wire, fault, status), headers)
        return True

    async def _stream(
        self,
        wire: Wire,
        question: Question,
        answer: Answer,
        fault: Fault | None,
        first_token_s: float,
    ) -> bool:
        await self.reply.begin_stream(wire.content_type)
        await _sleep(first_token_s)
        kind = fault.kind if fault is not None else ""
        async for piece in self._pieces(wire, question, answer, fault):
            await self.reply.piece(piece)
            await self.server.pause()
        match kind:
            case "stall_stream":
                await self._wait_for_the_client_to_leave()
                return False
            case "cut_stream" if fault is not None and not fault.graceful:
                return False
            case "cut_stream" | "stream_error" | "no_done":
                pass
            case _ if wire.ending:
                await self.reply.piece(wire.ending)
        await self.reply.end_stream()
        return True

    async def _pieces(
        self, wire: Wire, question: Question, answer: Answer, fault: Fault | None
    ) -> AsyncIterator[bytes]:
        """The stream as far as the fault lets it come."""
        sent = 0
        for piece, has_content in wire.pieces(question, answer):
            # After no chunk at all means before the first one, which may only name the speaker.
            strikes = has_content or (fault is not None and fault.after_chunks == 0)
            if fault is not None and strikes and sent == fault.after_chunks:
                match fault.kind:
                    case "cut_stream" | "stall_stream":
                        return
                    case "stream_error":
                        message = fault.message or "The server had an error."
                        yield wire.failed_piece(wire.error(500, "", message))
                        return
                    case "malformed_chunk":
                        yield wire.broken_piece
            sent += has_content
            yield piece

    async def _wait_for_the_client_to_leave(self) -> None:
        with suppress(ConnectionError):
            while await self.reader.read(65_536):
                continue


def _is_good(fault: Fault) -> bool:
    """Whether it is no fault at all, but an ordinary answer with an unusual status."""
    return 200 <= (fault.status or 503) < 300 and fault.body is None


def _body(wire: Wire, fault: Fault, status: int) -> bytes:
    if fault.kind == "malformed":
        return b'{"id": "broken", "choices": [{"index": 0, "mess'
    if fault.kind == "empty":
        return b""
    if isinstance(fault.body, str):
        return fault.body.encode()
    if fault.body is not None:
        return orjson.dumps(fault.body)
    message = fault.message or _MESSAGE_OF_KIND.get(fault.kind, f"The stub answers {status}.")
    return orjson.dumps(wire.error(status, fault.kind, message))


async def _sleep(seconds: float) -> None:
    if seconds > 0:
        await asyncio.sleep(seconds)
