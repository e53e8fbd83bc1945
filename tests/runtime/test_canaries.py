"""Planted personal data and secrets, in requests of any shape, reach nobody: neither a provider, the state
file, the log, nor an error; also while providers or guardrails fail.

300 requests each time; `CANARIES=10000 pytest tests/runtime/test_canaries.py` (`make fuzz`) for more.
"""

import asyncio
import json
import os
import random
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Final, Literal

import httpx
import pytest

from designer.ir import Guardrail, Route, Routing
from runtime.state.sqlite import connect
from runtime.stub import Fault
from runtime.stub.answers import Question
from tests.pii import values
from tests.runtime.served import Running, served, two_deployments

REQUESTS: Final = int(os.environ.get("CANARIES", "300"))
_BATCH: Final = 25
_KINDS: Final = ("email", "phone", "credit_card", "iban", "us_ssn", "ip_address", "api_key", "vat")
_BOTH: frozenset[Literal["input", "output"]] = frozenset({"input", "output"})
_FAULTS: Final = (
    *(
        "http",
        "malformed",
        "empty",
        "cut_stream",
        "malformed_chunk",
        "no_done",
        "stream_error",
        "reset",
    ),
    *("content_policy", "context_length", "rate_limit"),
)
# Each guards a route of its own: one that works, and some that break in the ways they can.
_RAILS: Final = (
    Guardrail("pii", "pii", _BOTH, "redact"),
    Guardrail("blocks", "pii", _BOTH, "block", routes=("blocking",)),
    Guardrail("elsewhere", "saved", _BOTH, "block", routes=("broken",)),
    Guardrail("no pattern", "deny", _BOTH, "block", pattern="(", routes=("broken too",)),
    Guardrail("hangs", "deny", _BOTH, "block", pattern="(x|xx)+(y|z)$", routes=("slow",)),
)
_ROUTES: Final = (*("chat",) * 32, *("blocking", "broken", "broken too") * 3, "slow")


def _routing() -> Routing:
    plain = two_deployments()
    chat, search = plain.routes
    more = [
        Route(name, chat.node, deadline_s=10, attempts_limit=4)
        for name in sorted(set(_ROUTES) - {"chat"})
    ]
    return Routing((chat, search, *more), plain.deployments, _RAILS)


class _Drawn:
    """One request: where it goes, what it says, and what was planted in it."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.planted: list[str] = []
        self.path = rng.choice(
            ("chat/completions", "chat/completions", "responses", "messages", "embeddings")
        )
        self.body = self._body()

    def _body(self) -> dict[str, Any]:
        rng, make = self._rng, self._text
        if self.path == "embeddings":
            return {"model": "search", "input": rng.choice((make(), [make(), make()]))}
        body: dict[str, Any] = {"model": rng.choice(_ROUTES), "stream": rng.random() < 0.5}
        if self.path == "responses":
            item = {"role": "user", "content": [{"type": "input_text", "text": make()}]}
            call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": self._json()}
            output = {"type": "function_call_output", "call_id": "c", "output": make()}
            body |= {"input": rng.choice((make(), [item, call, output])), "instructions": make()}
        else:
            body["messages"] = [self._message() for _ in range(rng.randint(1, 3))]
            if self.path == "messages":
                body |= {"max_tokens": 300, "system": make()}
        for key in rng.sample(("user", "metadata", "stop", "never_heard_of", "tools"), 2):
            body[key] = self._extra(key)
        return body

    def _message(self) -> dict[str, Any]:
        part = {"type": "text", "text": self._text()}
        return {"role": "user", "content": self._rng.choice((self._text(), [part, dict(part)]))}

    def _extra(self, key: str) -> Any:
        match key:
            case "user":
                return self._text()
            case "metadata":
                return {"note": self._text(), self._text(): "key"}
            case "tools" if self.path == "messages":
                return [
                    {"name": "f", "description": self._text(), "input_schema": {"type": "object"}}
                ]
            case "tools" if self.path == "responses":
                return [{"type": "function", "name": "f", "description": self._text()}]
            case "tools":
                return [
                    {"type": "function", "function": {"name": "f", "description": self._text()}}
                ]
            case "stop":
                return [self._text()]
        return self._nested(self._rng.choice((2, 5, 130)))

    def _nested(self, depth: int) -> Any:
        value: Any = self._text()
        for _ in range(depth):
            value = self._rng.choice(([value], {"deeper": value}))
        return value

    def _json(self) -> str:
        text = json.dumps({"q": self._text(), "n": [1, {"deep": self._text()}]})
        return text.replace("@", "\\u0040") if self._rng.random() < 0.3 else text

    def _text(self) -> str:
        rng = self._rng
        kind, language = rng.choice(_KINDS), rng.choice(("en", "de", "fr", "es"))
        canary = values.positive(language)[kind](rng)
        if kind == "phone" and not canary.startswith("+"):
            canary = "+49 171 " + "".join(rng.choices("23456789", k=7))
        self.planted.append(canary)
        before, after = (
            rng.choice(("", "I am ", "(", "x: ", "\n", "- ")),
            rng.choice(("", ".", ")", ", ok")),
        )
        return f"{before}{canary}{after}"


@pytest.mark.slow
def test_no_canary_reaches_anybody(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    seen = {"requests": 0, "answers": 0, "refusals": 0, "canaries": 0, "sent": 0}

    async def test(it: Running) -> None:
        rng = random.Random(REQUESTS)
        async with httpx.AsyncClient(timeout=30) as client:
            for _ in range(REQUESTS // _BATCH):
                await _batch(it, client, rng, seen)

    served(tmp_path, test, _routing(), says=_says, restores=True)

    assert capfd.readouterr().err == ""
    assert seen["requests"] == REQUESTS // _BATCH * _BATCH
    assert seen["answers"] > REQUESTS * 0.2, seen
    assert seen["refusals"] > REQUESTS * 0.1, seen
    assert seen["sent"] > REQUESTS * 0.2, seen


def _says(question: Question) -> str:
    return f"{' '.join(question.messages)} and boss@example.com {'x' * 60}!"


async def _batch(
    it: Running, client: httpx.AsyncClient, rng: random.Random, seen: dict[str, int]
) -> None:
    it.stub.faults.clear()
    if rng.random() < 0.5:
        it.stub.add_fault(Fault(rng.choice(_FAULTS), share=0.5, after_chunks=rng.randint(0, 3)))
    drawn = [_Drawn(rng) for _ in range(_BATCH)]
    it.stub.received.clear()
    began_ms = time.time_ns() // 1_000_000

    answers = await asyncio.gather(
        *(client.post(f"{it.service.url}/v1/{d.path}", json=d.body) for d in drawn)
    )

    sent = it.stub.received
    told = b"\n".join(r.body + r.path.encode() + repr(r.headers).encode() for r in sent)
    booked = "\n".join(_booked(it, began_ms))
    errors = "\n".join(a.text + str(a.headers) for a in answers if a.status_code >= 400)
    for request, answer in zip(drawn, answers, strict=True):
        for canary in request.planted:
            for form in {canary, json.dumps(canary)[1:-1], canary.replace("@", "\\u0040")}:
                assert form.encode() not in told, (canary, request.body)
                assert form not in booked, (canary, request.body)
                assert form not in errors, (canary, request.body)
        seen["answers"] += answer.status_code == 200
        seen["refusals"] += answer.status_code == 400
        seen["canaries"] += len(request.planted)
    seen["requests"] += len(drawn)
    seen["sent"] += len(sent)


def _booked(it: Running, since_ms: int) -> list[str]:
    with closing(connect(it.state)) as db:
        rows = db.execute("SELECT * FROM ledger WHERE at_ms >= ?", (since_ms,)).fetchall()
    assert len(rows) >= _BATCH // 2
    return [repr(row) for row in rows]
