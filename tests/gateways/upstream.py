"""A scripted model provider on loopback, and a record of everything it was asked.

It answers like OpenAI's chat completions, plain and streamed, and fails in the ways a test asks
for. One server stands for many deployments: the first part of the path names which one
(`/d/<label>/v1/...`). It does not check keys, count real tokens or speak other dialects.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, NoReturn

from aiohttp import web
from msgspec import Struct, field

Kind = Literal[
    "answer",  # a whole reply: `status`, `headers` and `body`
    "hang",  # the request is read and never answered
    "reset",  # the connection is reset instead of an answer
    "malformed",  # 200 and a body that is not JSON
    "empty",  # 200 and no body at all
    "cut",  # 200, then reset: after `after_chunks` chunks, or half of a plain body
    "stall",  # as "cut", but silence instead of a reset
    "error_event",  # 200 and `after_chunks` chunks, then an error in the stream or as plain body
]


class Outcome(Struct, frozen=True):
    """How one request to one deployment goes."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    """JSON to answer with; None for a completion or an OpenAI-shaped error, by status."""
    kind: Kind = "answer"
    delay_s: float = 0.0
    """Before anything is sent, headers included."""
    after_chunks: int = 0
    chunk_gap_s: float = 0.0
    """Between two chunks of a stream, and before the first."""
    text: str | None = None
    """What the model says; None for the deployment's label."""
    prompt_tokens: int = 10
    completion_tokens: int = 5


OK = Outcome()
HANG = Outcome(kind="hang")
RESET = Outcome(kind="reset")
MALFORMED = Outcome(kind="malformed")
EMPTY = Outcome(kind="empty")
CONTENT_POLICY = Outcome(
    status=400,
    body={
        "error": {
            "message": "Your request was rejected as a result of our safety system.",
            "type": "invalid_request_error",
            "param": None,
            "code": "content_policy_violation",
        }
    },
)
CONTEXT_WINDOW = Outcome(
    status=400,
    body={
        "error": {
            "message": "This model's maximum context length is 8192 tokens. However, your "
            "messages resulted in 9001 tokens. Please reduce the length of the messages.",
            "type": "invalid_request_error",
            "param": "messages",
            "code": "context_length_exceeded",
        }
    },
)


def status(code: int, *, retry_after: str | None = None) -> Outcome:
    """An error with that status, with a Retry-After header if one is given."""
    headers = {} if retry_after is None else {"retry-after": retry_after}
    return Outcome(status=code, headers=headers)


class Attempt(Struct, frozen=True):
    """One POST that reached the upstream."""

    label: str
    at_s: float
    """Seconds since the upstream started or was last cleared."""
    path: str
    headers: Mapping[str, str]
    body: Any
    """Parsed JSON; the raw text where it is not JSON."""
    outcome: Outcome


class Upstream(Struct):
    """A running server. Scripts and attempts may be used from any thread while it serves."""

    port: int
    attempts: list[Attempt] = field(default_factory=list)
    _scripts: dict[str, list[Outcome]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _cleared_at_s: float = field(default_factory=time.monotonic)

    def url(self, label: str) -> str:
        """The API base of one deployment, version included, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}/d/{label}/v1"

    def script(self, label: str, *outcomes: Outcome) -> None:
        """Answer `label` with these, one per request; the last one repeats."""
        if not outcomes:
            raise ValueError(f"the script of {label!r} needs at least one outcome")
        with self._lock:
            self._scripts[label] = list(outcomes)

    def clear(self) -> None:
        """Forget scripts and attempts, and start the clock again."""
        with self._lock:
            self._scripts.clear()
            self.attempts.clear()
            self._cleared_at_s = time.monotonic()

    def labels(self) -> list[str]:
        """Which deployments were asked, in the order they were."""
        return [attempt.label for attempt in self.attempts]

    def trace(self) -> str:
        """The attempts in one line, for messages: `0.02 a 503, 0.05 b 200`."""
        return ", ".join(
            f"{attempt.at_s:.2f} {attempt.label} {_name(attempt.outcome)}"
            for attempt in self.attempts
        )

    def _record(self, label: str, request: web.Request, raw: bytes) -> Attempt:
        with self._lock:
            script = self._scripts.get(label, [OK])
            outcome = script.pop(0) if len(script) > 1 else script[0]
            attempt = Attempt(
                label=label,
                at_s=time.monotonic() - self._cleared_at_s,
                path=request.path,
                headers=dict(request.headers),
                body=_parsed(raw),
                outcome=outcome,
            )
            self.attempts.append(attempt)
        return attempt

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if request.method != "POST":
            # LiteLLM asks every deployment for its models when it starts; that is no attempt.
            return web.json_response({"object": "list", "data": []})
        attempt = self._record(request.match_info["label"], request, await request.read())
        outcome = attempt.outcome
        await asyncio.sleep(outcome.delay_s)
        match outcome.kind:
            case "hang":
                await asyncio.sleep(_FOREVER_S)
            case "reset":
                _reset(request)
            case "malformed":
                return web.Response(text='{"id": "chatcmpl-', content_type="application/json")
            case "empty":
                return web.Response(content_type="application/json")
        if outcome.status != 200 or outcome.body is not None:
            body = _error(outcome.status) if outcome.body is None else outcome.body
            return web.json_response(body, status=outcome.status, headers=outcome.headers)
        if isinstance(attempt.body, dict) and attempt.body.get("stream"):
            return await _stream(request, attempt)
        return await _plain(request, attempt)


@contextmanager
def running_upstream() -> Iterator[Upstream]:
    """A server on a free loopback port, in a thread of its own, gone at the end."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    upstream = Upstream(port=listener.getsockname()[1])
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="upstream", daemon=True)
    thread.start()
    runner = asyncio.run_coroutine_threadsafe(_started(upstream, listener), loop).result(timeout=10)
    try:
        yield upstream
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(timeout=10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=10)
        loop.close()


_FOREVER_S = 3600.0


async def _started(upstream: Upstream, listener: socket.socket) -> web.AppRunner:
    app = web.Application(client_max_size=64 * 2**20)
    app.router.add_route("*", "/d/{label}/{path:.*}", upstream._serve)
    # A hanging request must not outlive its client, nor hold up the end of the test.
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    return runner


async def _plain(request: web.Request, attempt: Attempt) -> web.StreamResponse:
    outcome = attempt.outcome
    if outcome.kind == "error_event":
        return web.json_response(_error(503), headers=outcome.headers)
    message = {"role": "assistant", "content": _text(attempt)}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    reply = _completion(attempt, "chat.completion", [choice]) | {"usage": _usage(outcome)}
    if outcome.kind == "answer":
        return web.json_response(reply, headers=outcome.headers)
    payload = json.dumps(reply).encode()
    response = web.StreamResponse(
        headers={"content-type": "application/json", "content-length": str(len(payload))}
    )
    await response.prepare(request)
    await response.write(payload[: len(payload) // 2])
    return await _broken(request, response, outcome)


async def _stream(request: web.Request, attempt: Attempt) -> web.StreamResponse:
    outcome = attempt.outcome
    response = web.StreamResponse(
        headers={"content-type": "text/event-stream", "cache-control": "no-cache"}
        | dict(outcome.headers)
    )
    await response.prepare(request)
    for number, chunk in enumerate(_chunks(attempt)):
        if outcome.kind != "answer" and number == outcome.after_chunks:
            return await _broken(request, response, outcome)
        await asyncio.sleep(outcome.chunk_gap_s)
        await response.write(_event(chunk))
    await response.write(b"data: [DONE]\n\n")
    return response


async def _broken(
    request: web.Request, response: web.StreamResponse, outcome: Outcome
) -> web.StreamResponse:
    match outcome.kind:
        case "stall":
            await asyncio.sleep(_FOREVER_S)
        case "error_event":
            await response.write(_event(_error(503)))
        case _:
            # What was written must be on its way before the reset overtakes it.
            await asyncio.sleep(0.05)
            _reset(request)
    return response


def _chunks(attempt: Attempt) -> Iterator[dict[str, Any]]:
    words = (_text(attempt) + " one two three").split()
    first = {"role": "assistant", "content": ""}
    deltas: Sequence[dict[str, str]] = [first, *({"content": f"{word} "} for word in words)]
    for delta in deltas:
        choice = {"index": 0, "delta": delta, "finish_reason": None}
        yield _completion(attempt, "chat.completion.chunk", [choice])
    last = {"index": 0, "delta": {}, "finish_reason": "stop"}
    yield _completion(attempt, "chat.completion.chunk", [last])
    options = attempt.body.get("stream_options") or {}
    if options.get("include_usage"):
        yield _completion(attempt, "chat.completion.chunk", []) | {"usage": _usage(attempt.outcome)}


def _completion(attempt: Attempt, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
    model = attempt.body.get("model") if isinstance(attempt.body, dict) else None
    return {
        "id": f"chatcmpl-{attempt.label}",
        "object": kind,
        "created": int(time.time()),
        "model": model or attempt.label,
        "choices": choices,
    }


def _usage(outcome: Outcome) -> dict[str, int]:
    return {
        "prompt_tokens": outcome.prompt_tokens,
        "completion_tokens": outcome.completion_tokens,
        "total_tokens": outcome.prompt_tokens + outcome.completion_tokens,
    }


def _error(code: int) -> dict[str, Any]:
    kind = _ERROR_TYPE.get(code, "invalid_request_error" if code < 500 else "server_error")
    message = f"scripted failure {code}"
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}


_ERROR_TYPE = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


def _event(payload: Any) -> bytes:
    return b"data: " + json.dumps(payload).encode() + b"\n\n"


def _text(attempt: Attempt) -> str:
    return attempt.label if attempt.outcome.text is None else attempt.outcome.text


def _name(outcome: Outcome) -> str:
    return str(outcome.status) if outcome.kind == "answer" else outcome.kind


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode(errors="replace")


def _reset(request: web.Request) -> NoReturn:
    transport = request.transport
    if transport is not None:
        # Linger zero makes the kernel send RST rather than a polite FIN.
        linger = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
    raise asyncio.CancelledError
