"""Planted personal data and secrets, in requests of any shape, reach nobody: neither a provider, the state
file, logs, metrics, traces, kept answers, other callers, nor an error; also while providers or guardrails fail.

Secrets are the caller's key, keys that are none, headers that are not the gateway's, and the provider's own
key, which an error repeats.

300 requests each time; `CANARIES=10000 pytest tests/runtime/test_canaries.py` (`make fuzz`) for more.
"""

import asyncio
import io
import json
import os
import pickle
import random
import re
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from string import ascii_lowercase
from typing import Any, Final, Literal
from urllib.parse import quote

import httpx
import pytest

from designer.gateways.reference import REFERENCE
from designer.ir import Budget, Cache, Guardrail, RateLimit, Route, Routing
from runtime.keys import mint
from runtime.names import NameFinder
from runtime.serve import labels
from runtime.state.sqlite import connect
from runtime.stub import Fault, StubServer
from runtime.stub.answers import Question
from runtime.stub.http import HttpRequest
from runtime.telemetry.log import JsonLog
from runtime.telemetry.otel import OpenTelemetry
from tests.pii import values
from tests.runtime.collector import collector
from tests.runtime.served import Running, runtime_on, two_deployments

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
    Guardrail("let pass", "saved", _BOTH, "block", on_error="pass", routes=("open",)),
    Guardrail("no pii", "pii", _BOTH, "redact", ("shoe",), on_error="pass", routes=("open",)),
)
_ROUTES: Final = (
    *("chat",) * 28,
    *("blocking", "broken", "broken too", "kept", "similar", "short") * 3,
    *("open",) * 8,
    "slow",
)
_CACHES: Final = (
    Cache("exact", 3_600, routes=("kept", "open", "search")),
    Cache("semantic", 3_600, 0.9, routes=("similar",)),
)
_LIMITS: Final = (RateLimit("all", "", rpm=10**9, tpm=10**12), RateLimit("route", "short", rpm=1))
_BUDGETS: Final = (Budget("all", "", Decimal(10**6), "month"),)
_BOSS: Final = "boss@example.com"
"""What the providers say of their own accord."""
_PROVIDERS_KEY: Final = "Zq7LvPkX2mWc9RtYb4Hs8NdFg3Jh6Ku1"
"""Of a shape that no recogniser knows."""


def _routing() -> Routing:
    plain = two_deployments()
    chat, search = plain.routes
    more = [
        Route(name, chat.node, deadline_s=10, attempts_limit=4)
        for name in sorted(set(_ROUTES) - {"chat"})
    ]
    routes = (chat, search, *more)
    return Routing(
        routes,
        plain.deployments,
        _RAILS,
        caches=_CACHES,
        budgets=_BUDGETS,
        rate_limits=_LIMITS,
    )


_EXTRAS: Final = (
    *("user", "metadata", "stop", "never_heard_of", "tools"),
    *("seed", "response_format", "tool_choice", "card"),
)


class _Drawn:
    """One request: where it goes, what it says, and what was planted in it."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.planted: list[str] = []
        self.header = f"sk-dsg-{rng.getrandbits(256):064x}"
        """What stands in headers and in the address."""
        self.path = rng.choice(
            ("chat/completions", "chat/completions", "responses", "messages", "embeddings")
        )
        self.body = self._body()

    def _body(self) -> dict[str, Any]:
        rng, make = self._rng, self._text
        if self.path == "embeddings":
            return {"model": "search", "input": rng.choice((self._said(), [self._said(), make()]))}
        if self.path == "chat/completions" and rng.random() < 0.2:
            return self._same_but_for_whom()
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
        for key in rng.sample(_EXTRAS, 2):
            body[key] = self._extra(key)
        if rng.random() < 0.1:
            body[rng.choice(("model", "role", "stream", self._text()))] = self._text()
        return body

    def _same_but_for_whom(self) -> dict[str, Any]:
        """Without personal data a question that was asked before, so that its answer is kept."""
        address = values.email(self._rng)
        self.planted.append(address)
        said = {"role": "user", "content": f"Write to {address} today"}
        return {"model": self._rng.choice(("kept", "similar")), "messages": [said]}

    def _message(self) -> dict[str, Any]:
        rng = self._rng
        part = {"type": "text", "text": self._said()}
        said = {"role": "user", "content": rng.choice((self._said(), [part, dict(part)]))}
        odd = rng.random()
        if odd < 0.1:
            said["name"] = self._text()
        elif odd < 0.15:
            said["role"] = self._text()
        elif odd < 0.2:
            said["content"] = [{"type": self._text(), "text": self._text()}]
        elif odd < 0.3 and self.path == "chat/completions":
            called = {"name": "f", "arguments": self._json()}
            call = {"id": self._text(), "type": "function", "function": called}
            said = {"role": "assistant", "content": None, "tool_calls": [call]}
        return said

    def _extra(self, key: str) -> Any:
        match key:
            case "user":
                return self._said()
            case "metadata":
                return {"note": self._said(), self._said(): "key"}
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
            case "seed":
                return self._rng.choice((self._text(), [self._text()], 7))
            case "response_format":
                schema = {"type": "object", "properties": {self._text(): {"enum": [self._text()]}}}
                form = {"name": self._text(), "schema": schema}
                return {"type": "json_schema", "json_schema": form}
            case "tool_choice":
                return {"type": "function", "function": {"name": self._text()}}
            case "card":
                return self._number()
        return self._nested(self._rng.choice((2, 5, 130)))

    def _nested(self, depth: int) -> Any:
        value: Any = self._text()
        for _ in range(depth):
            value = self._rng.choice(([value], {"deeper": value}))
        return value

    def _json(self) -> str:
        text = json.dumps({"q": self._said(), "n": [1, {"deep": self._text()}]})
        return text.replace("@", "\\u0040") if self._rng.random() < 0.3 else text

    def _number(self) -> int:
        card = values.positive("en")["credit_card"](self._rng)
        digits = "".join(c for c in card if c.isdigit())
        self.planted.append(digits)
        return int(digits)

    def _said(self) -> str:
        """A text, or a name where one may be looked for: an API's own words are not read for names."""
        if self._rng.random() > 0.2:
            return self._text()
        first, last = ("".join(self._rng.choices(ascii_lowercase, k=8)) for _ in "ab")
        self.planted.append(f"Zeb{first} Quux{last}")
        return f"{self.planted[-1]} said so"

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


@dataclass(frozen=True)
class Result:
    """As presidio's `RecognizerResult`."""

    start: int
    end: int
    entity_type: str


class _Names:
    """presidio's place: it knows the names that are planted, and fails now and then."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def analyze(self, text: str, entities: list[str], language: str) -> list[Result]:
        if self._rng.random() < 0.01:
            raise self._rng.choice((RuntimeError, LookupError, ValueError))(text)
        found = re.finditer(r"Zeb[a-z]+ Quux[a-z]+", text)
        return [Result(match.start(), match.end(), entities[0]) for match in found]


class _Provider(StubServer):
    """A stub that remembers headers as they came, secrets too."""

    def __init__(self, routing: Routing) -> None:
        super().__init__(deployments=labels(routing), keep=100_000, says=_says)
        self.heard: list[bytes] = []

    def note(self, request: HttpRequest, deployment: str, model: str) -> list[Fault]:
        self.heard.append(f"{request.path} {request.headers}".encode() + request.body)
        return super().note(request, deployment, model)


@dataclass
class _Seen:
    """How much was tried, so that silence is not success."""

    requests: int = 0
    answers: int = 0
    refusals: int = 0
    sent: int = 0
    hits: int = 0
    limited: int = 0
    unchecked: int = 0
    left: int = 0
    kept: int = 0
    canaries: set[bytes] = field(default_factory=set)


@pytest.mark.slow
def test_no_canary_reaches_anybody(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, log = _Seen(), io.StringIO()
    with closing(connect(tmp_path / "state.sqlite")) as db:
        keys = [mint(db, name, at=datetime.now(UTC), team=name)[0] for name in ("web", "ops")]

    async def test() -> tuple[bytes, bytes]:
        rng, routing = random.Random(REQUESTS), _routing()
        told, names = (JsonLog(log), OpenTelemetry()), NameFinder(_Names(random.Random(1)), "en")
        async with (
            _Provider(routing) as stub,
            runtime_on(
                tmp_path, routing, REFERENCE, told, restores=True, stub=stub, names=names
            ) as it,
            httpx.AsyncClient(timeout=30) as client,
        ):
            _open_with(it, _PROVIDERS_KEY)
            for _ in range(REQUESTS // _BATCH):
                await _batch(it, stub, client, rng, keys, seen)
            metrics = (await client.get(f"{it.service.url}/metrics")).content
            return metrics, _files(tmp_path)

    with collector() as server:
        url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        metrics, files = asyncio.run(test())

    exported = b"".join(body for bodies in server.bodies.values() for body in bodies)
    secrets = {_PROVIDERS_KEY.encode(), *(key.encode() for key in keys), _BOSS.encode()}
    everywhere = {
        "metrics": metrics,
        "log": log.getvalue().encode(),
        "files": files,
        "exported": exported,
        "files after": _files(tmp_path),
    }
    for where, told in everywhere.items():
        assert len(told) > 1_000, where
        assert _found(secrets | seen.canaries, told) == [], where
    assert capfd.readouterr().err == ""
    assert len(log.getvalue().splitlines()) > REQUESTS * 0.5
    assert exported.count(b"designer.request.id") > REQUESTS * 0.5
    assert seen.requests == REQUESTS // _BATCH * _BATCH
    for share, count in ((0.2, seen.answers), (0.1, seen.refusals), (0.2, seen.sent)):
        assert count > REQUESTS * share, seen
    for count in (seen.limited, seen.unchecked, seen.left, seen.kept, seen.hits):
        assert count > REQUESTS * 0.01, seen


def _says(question: Question) -> str:
    return f"{' '.join(question.messages)} and {_BOSS} {'x' * 60}!"


def _open_with(it: Running, secret: str) -> None:
    driver = it.service.app.driver
    driver.endpoints = {
        id_: replace(endpoint, target=replace(endpoint.target, secret=secret))
        for id_, endpoint in driver.endpoints.items()
    }


async def _batch(
    it: Running,
    stub: _Provider,
    client: httpx.AsyncClient,
    rng: random.Random,
    keys: list[str],
    seen: _Seen,
) -> None:
    stub.faults.clear()
    if rng.random() < 0.5:
        message = f"no: {_PROVIDERS_KEY} of {_BOSS}" if rng.random() < 0.5 else ""
        kind, after = rng.choice(_FAULTS), rng.randint(0, 3)
        status = rng.choice((400, 401, 422, 500)) if kind == "http" else None
        stub.add_fault(Fault(kind, share=0.5, after_chunks=after, message=message, status=status))
    drawn = [_Drawn(rng) for _ in range(_BATCH)]
    stub.heard.clear()

    answers = await asyncio.gather(*(_post(it, client, rng, keys, d) for d in drawn))

    planted = _forms(canary for request in drawn for canary in request.planted)
    secret = _forms((*keys, *(request.header for request in drawn)))
    assert _found(planted | secret, b"\n".join(stub.heard)) == []
    unheard = secret | _forms((_BOSS, _PROVIDERS_KEY))
    kept = it.service.app.driver.kept
    assert kept is not None
    assert _found(planted | unheard, pickle.dumps(kept.answers)) == []
    seen.kept = len(kept.answers)
    for request, answer in zip(drawn, answers, strict=True):
        if answer is None:
            seen.left += 1
            continue
        told = answer.content + repr(answer.headers.multi_items()).encode()
        own = _forms(request.planted)
        others = {c for c in planted - own if not any(c in mine for mine in own)}
        foreign = others if answer.status_code == 200 else planted
        leaked = _found(foreign | unheard, told)
        assert leaked == [], (answer.status_code, request.body, told)
        seen.answers += answer.status_code == 200
        seen.refusals += answer.status_code == 400
        seen.limited += answer.status_code == 429
        seen.hits += answer.headers.get("x-designer-cache") == "hit"
        seen.unchecked += "x-designer-unchecked" in answer.headers
    seen.requests += len(drawn)
    seen.sent += len(stub.heard)
    seen.canaries |= planted | secret


async def _post(
    it: Running, client: httpx.AsyncClient, rng: random.Random, keys: list[str], drawn: _Drawn
) -> httpx.Response | None:
    """None where the caller did not wait for the end."""
    url = f"{it.service.url}/v1/{drawn.path}"
    key = rng.choice((*keys * 8, drawn.header))
    headers = {
        **rng.choice(({"authorization": f"Bearer {key}"}, {"x-api-key": key})),
        **dict.fromkeys(("cookie", "traceparent", "x-forwarded-for"), drawn.header),
    }
    content = json.dumps(drawn.body)
    if rng.random() < 0.04:
        content = content[:-1]
    leaves = rng.random() < 0.05
    asked = {"params": {"user": drawn.header}, "content": content, "headers": headers}
    async with client.stream("POST", url, **asked) as answer:
        if leaves:
            return None
        await answer.aread()
    return answer


# --- what was told --------------------------------------------------------------------------------


def _forms(canaries: Iterable[str]) -> set[bytes]:
    return {
        form.encode()
        for canary in canaries
        for form in (
            canary,
            json.dumps(canary)[1:-1],
            canary.replace("@", "\\u0040"),
            quote(canary),
        )
    }


_BEGINNING: Final = 6


def _found(canaries: Iterable[bytes], told: bytes) -> list[bytes]:
    """The canaries that stand in it, in one walk over it however many there are."""
    beginning: dict[bytes, list[bytes]] = {}
    for canary in canaries:
        assert len(canary) >= _BEGINNING
        beginning.setdefault(canary[:_BEGINNING], []).append(canary)
    return [
        canary
        for at in range(len(told))
        for canary in beginning.get(told[at : at + _BEGINNING], ())
        if told.startswith(canary, at)
    ]


def _files(folder: Path) -> bytes:
    """Everything that stands in files: tables, and what SQLite has only marked as deleted."""
    return b"\n".join(path.read_bytes() for path in sorted(folder.iterdir()))


def test_a_canary_that_was_told_is_found() -> None:
    told = b'{"a": "x@example.com", "b": "caf\\u00e9@example.com"}'

    assert _found(_forms(("x@example.com", "y@example.com")), told) == [b"x@example.com"]
    assert _found(_forms(("caf\u00e9@example.com",)), told) == [b"caf\\u00e9@example.com"]


def test_an_error_repeats_neither_personal_data_nor_the_providers_key(tmp_path: Path) -> None:
    async def test() -> list[str]:
        async with runtime_on(tmp_path) as it, httpx.AsyncClient() as client:
            _open_with(it, _PROVIDERS_KEY)
            message = f"{_PROVIDERS_KEY} is not known to {_BOSS}"
            it.stub.add_fault(Fault("http", status=400, message=message))
            hello: Any = {"messages": [{"role": "user", "content": "hello"}]}
            odd = {"messages": [{"role": f"\n{_BOSS}", "content": "hello"}], "max_tokens": 9}
            asked = (
                ("chat/completions", hello | {"model": "chat"}),
                ("chat/completions", hello | {"model": _BOSS}),
                ("messages", odd | {"model": "chat"}),
                (_BOSS, hello),
            )
            url = f"{it.service.url}/v1"
            return [(await client.post(f"{url}/{path}", json=b)).text for path, b in asked]

    said = [json.loads(text)["error"]["message"] for text in asyncio.run(test())]

    assert said == [
        "[API_KEY] is not known to [EMAIL_1]",
        "no route is called '[EMAIL_1]'; there are chat, search",
        "messages of the role ' [EMAIL_1]'",
        "there is no POST /v1/[EMAIL_1]",
    ]
