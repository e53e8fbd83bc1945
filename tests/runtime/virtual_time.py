"""An event loop whose clock jumps to the next thing to happen, and a provider to go with it."""

from __future__ import annotations

import asyncio
import json
import selectors
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

from designer.engine.outcomes import (
    ANSWER_CHUNKS,
    CUT_AFTER_CHUNKS,
    HANGS_S,
    SLOW_FIRST_TOKEN_S,
    Outcome,
)
from runtime.upstream import Request, UpstreamError, UpstreamFailure


class _Selector(selectors.DefaultSelector):
    """Waits for nothing outside the loop: time passes instead."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if not ready and timeout:
            self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now


class Provider:
    """Says over the wire what the outcomes say: statuses, bodies and pieces of streams."""

    def __init__(self, answers: Mapping[str, Sequence[Outcome]]) -> None:
        self._answers = answers
        self._used: dict[str, int] = {}
        self.asked: list[tuple[str, float]] = []

    async def __call__(self, send: Request) -> _Response:
        deployment = send.url.split("/")[2]
        listed = self._answers[deployment]
        turn = self._used.get(deployment, 0)
        self._used[deployment] = turn + 1
        outcome = listed[min(turn, len(listed) - 1)]
        loop = asyncio.get_running_loop()
        began = loop.time()
        self.asked.append((deployment, began))
        limits = [(send.timeout_s, "timeout")]
        if send.is_stream:
            limits.append((send.idle_s, "first_token"))
        known = [(limit, token) for limit, token in limits if limit is not None]
        # Of two equal limits it is the attempt's that is told, as on paper.
        limit_s, token = min(known, key=lambda one: one[0], default=(None, "timeout"))
        is_silent = outcome.kind == "timeout"
        takes_s = max(outcome.delay_s, HANGS_S) if is_silent else outcome.delay_s
        if is_silent and limit_s is None:
            takes_s = outcome.delay_s or HANGS_S
        try:
            await _in_time(takes_s, limit_s)
        except TimeoutError as error:
            raise UpstreamError(UpstreamFailure(token)) from error
        if is_silent:
            raise UpstreamError(UpstreamFailure("timeout"))
        if outcome.kind in ("refuse_connection", "down"):
            raise UpstreamError(UpstreamFailure("connect"))
        if outcome.kind == "reset":
            raise UpstreamError(UpstreamFailure("reset"))
        left_s = None if send.timeout_s is None else send.timeout_s - (loop.time() - began)
        return _Response(outcome, send, began, left_s)


class _Response:
    def __init__(self, outcome: Outcome, send: Request, began: float, left_s: float | None) -> None:
        self._outcome = outcome
        self._send = send
        self._began = began
        self._left_s = left_s

    @property
    def status(self) -> int:
        return self._outcome.status

    @property
    def headers(self) -> Mapping[str, str]:
        return {name.lower(): value for name, value in self._outcome.headers.items()}

    async def read(self) -> bytes:
        kind = self._outcome.kind
        takes_s = 0.0
        if self.status == 200 and kind not in ("malformed", "empty"):
            takes_s = self._left_until(self._first_s())
        if kind == "stall_stream":
            takes_s += HANGS_S
        try:
            await _in_time(takes_s, self._left_s)
        except TimeoutError as error:
            raise UpstreamError(UpstreamFailure("timeout")) from error
        if kind == "stall_stream":
            raise UpstreamError(UpstreamFailure("timeout"))
        if kind == "cut_stream":
            raise UpstreamError(UpstreamFailure("reset"))
        return _body(self._outcome)

    async def chunks(self) -> AsyncIterator[bytes]:
        kind = self._outcome.kind
        after = self._outcome.after_chunks
        after = CUT_AFTER_CHUNKS if after is None else after
        await self._wait_or_fail(self._first_s())
        if kind in ("malformed", "empty"):
            yield _body(self._outcome)
            return
        for number in range(ANSWER_CHUNKS):
            if number == after or (number == 0 == after):
                if kind == "cut_stream":
                    raise UpstreamError(UpstreamFailure("stream_cut"))
                if kind == "stall_stream":
                    await self._wait_or_fail(HANGS_S + self._first_s())
                    raise UpstreamError(UpstreamFailure("stream_stall"))
                if kind == "stream_error":
                    yield _event({"error": {"message": "The server had an error.", "code": None}})
                    return
                if kind == "malformed_chunk":
                    yield b"data: {nonsense\n\n"
            yield _event(_chunk({"content": "word "}))
        yield _event(_chunk({}, "stop"))
        if kind != "no_done":
            yield b"data: [DONE]\n\n"

    async def close(self) -> None:
        return None

    async def finish(self) -> None:
        """Nothing comes after `[DONE]` here."""

    def _first_s(self) -> float:
        given = self._outcome.first_token_s
        if given is None:
            given = SLOW_FIRST_TOKEN_S if self._outcome.kind == "slow_first_token" else 0.0
        return max(self._outcome.delay_s, given)

    def _left_until(self, after_s: float) -> float:
        left_s = self._began + after_s - asyncio.get_running_loop().time()
        return left_s if left_s > 1e-9 else 0.0

    async def _wait_or_fail(self, after_s: float) -> None:
        try:
            await _in_time(self._left_until(after_s), self._send.idle_s)
        except TimeoutError as error:
            raise UpstreamError(UpstreamFailure("stream_stall")) from error


async def _in_time(takes_s: float, limit_s: float | None) -> None:
    """An answer at the very moment of a limit counts, as it does on paper."""
    if limit_s is not None and takes_s > limit_s:
        await asyncio.sleep(limit_s)
        raise TimeoutError
    await asyncio.sleep(takes_s)


def _body(outcome: Outcome) -> bytes:
    if outcome.kind == "malformed" or outcome.kind == "malformed_chunk":
        return b'{"id": "broken", "choi'
    if outcome.kind == "empty":
        return b""
    if outcome.kind == "stream_error":
        return json.dumps({"error": {"message": "an error", "code": 500}}).encode()
    if outcome.status == 200:
        message = {"role": "assistant", "content": "words"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return json.dumps({"id": "x", "object": "chat.completion", "choices": [choice]}).encode()
    code, message_text = _SAID.get(outcome.kind, (None, "something"))
    return json.dumps({"error": {"message": message_text, "code": code}}).encode()


_SAID = {
    "context_length": ("context_length_exceeded", "too long"),
    "content_policy": ("content_filter", "refused"),
    "reject_prefill": (None, "This model does not support assistant message prefill."),
}


def _chunk(delta: Mapping[str, str], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "x", "object": "chat.completion.chunk", "choices": [choice]}


def _event(payload: Mapping[str, Any]) -> bytes:
    return b"data: " + json.dumps(payload).encode() + b"\n\n"


def endless(draws: Sequence[float]) -> Iterator[float]:
    while True:
        yield from draws
