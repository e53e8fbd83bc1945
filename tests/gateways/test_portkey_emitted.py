"""Emitted configurations on the real Portkey gateway, and the engine's traces beside what it does.

The gateway is npm's 1.15.2, which ignores Retry-After; its own table of semantics is used.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec import Struct
from msgspec.structs import replace

from designer.diagnostics import Report
from designer.emit import render
from designer.gateways.legalize import legalize
from designer.gateways.portkey_oss import PORTKEY_OSS
from designer.ir import (
    ANY,
    REFUSALS,
    TRANSIENT,
    Chain,
    Deployment,
    Guardrail,
    Retry,
    Route,
    Routing,
    Rung,
    Target,
    failures,
)
from designer.trace import load_outcomes, trace
from tests.gateways.processes import RunningGateway, free_port
from tests.gateways.upstream import (
    CONTENT_POLICY,
    EMPTY,
    HANG,
    MALFORMED,
    OK,
    RESET,
    Outcome,
    Upstream,
    status,
)

pytestmark = pytest.mark.gateway

FALLS = ANY - REFUSALS - failures(400, 402, 405, 406, 409, 410, 411, 413, 414, 415, 422)
ROUTE = 'support "chat"/ü'
TIMEOUT_S = 0.4


def planned(upstream: Upstream, suffix: str = "", retries: int = 1) -> Routing:
    """What the planner makes of a chain of two."""

    def rung(label: str) -> Retry:
        return Retry(Target(f"{ROUTE}/{label}/m"), retries, TRANSIENT)

    def deployment(label: str) -> Deployment:
        return Deployment(
            f"{ROUTE}/{label}/m",
            "openai",
            f"model-{label}",
            api_base=upstream.url(label + suffix),
            secret=f"env:KEY_{label.upper()}",
            timeout_s=TIMEOUT_S,
        )

    return Routing(
        (Route(ROUTE, Chain((Rung(rung("a")), Rung(rung("b"), FALLS)))),),
        (deployment("a"), deployment("b")),
    )


def emitted(routing: Routing) -> dict[str, str]:
    legal = legalize(routing, PORTKEY_OSS, Report())
    files = (*PORTKEY_OSS.lower(legal, {}), *PORTKEY_OSS.artefacts(legal, {}, "plan", ()))
    return {file.path: render(PORTKEY_OSS.folder, file) for file in files}


def configuration(routing: Routing) -> tuple[str, Any]:
    """The emitted file of the only route: its text, and its content with keys for the stub."""
    ((_, text),) = ((p, t) for p, t in emitted(routing).items() if p.endswith("config.json"))
    return text, json.loads(text.replace("${KEY_", "key-").replace('}"', '"'))


def ask(gateway: RunningGateway, config: Any, **body: Any) -> httpx.Response:
    """A request that may break off; what came of it is the answer."""
    messages = [{"role": "user", "content": "hello"}]
    with httpx.stream(
        "POST",
        f"{gateway.base_url}/v1/chat/completions",
        headers={"x-portkey-config": json.dumps(config)},
        json={"model": "any", "messages": messages} | body,
        timeout=60.0,
        trust_env=False,
    ) as response:
        response.read()
    return response


# --- The files run --------------------------------------------------------------------------------


def run_client(folder: Path, url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(folder / "portkey-oss/client.py"), *arguments],
        env={"PORTKEY_URL": url, "KEY_A": "key-a", "KEY_B": "key-b", "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def folder(tmp_path: Path, upstream: Upstream) -> Path:
    for path, text in emitted(planned(upstream)).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, "utf-8")
    return tmp_path


def test_the_emitted_client_gets_an_answer(
    portkey: RunningGateway, upstream: Upstream, folder: Path
) -> None:
    done = run_client(folder, portkey.base_url, ROUTE, "hello")

    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "a", "")
    (attempt,) = upstream.attempts
    assert attempt.headers["Authorization"] == "Bearer key-a"
    assert attempt.body["model"] == "model-a"


def test_during_an_outage_of_the_primary_the_fallback_answers(
    portkey: RunningGateway, upstream: Upstream, folder: Path
) -> None:
    upstream.script("a", status(503))

    done = run_client(folder, portkey.base_url, ROUTE, "hello")

    assert (done.returncode, done.stdout.strip()) == (0, "b")
    assert upstream.labels() == ["a", "a", "b"], upstream.trace()
    assert upstream.attempts[-1].headers["Authorization"] == "Bearer key-b"


def test_a_hanging_primary_is_given_up_after_its_time(
    portkey: RunningGateway, upstream: Upstream, folder: Path
) -> None:
    upstream.script("a", HANG)

    done = run_client(folder, portkey.base_url, ROUTE, "hello")

    assert done.stdout.strip() == "b"
    first, second, third = upstream.attempts
    assert second.at_s - first.at_s == pytest.approx(TIMEOUT_S + 1.0, abs=0.3)
    assert third.at_s - second.at_s == pytest.approx(TIMEOUT_S, abs=0.3)


def test_a_server_without_a_key_is_accepted(portkey: RunningGateway, upstream: Upstream) -> None:
    base = upstream.url("local")
    routing = Routing((Route("r", Target("x")),), (Deployment("x", "vllm", "qwen", base),))

    answer = ask(portkey, configuration(routing)[1])

    assert (answer.status_code, upstream.labels()) == (200, ["local"]), answer.text


def test_azure_and_anthropic_are_asked_where_they_listen(
    portkey: RunningGateway, upstream: Upstream
) -> None:
    host = upstream.url("x").removesuffix("/v1")
    azure = Deployment(
        "az", "azure", "gpt-prod", host, "env:KEY_A", settings=(("api_version", "2024-10-21"),)
    )
    anthropic = Deployment("an", "anthropic", "claude-5", host, "env:KEY_B")
    for deployment in (azure, anthropic):
        routing = Routing((Route("r", Target(deployment.id)),), (deployment,))
        ask(portkey, configuration(routing)[1], max_tokens=5)

    asked_azure, asked_anthropic = upstream.attempts
    assert asked_azure.path == "/d/x/openai/deployments/gpt-prod/chat/completions"
    assert asked_anthropic.path == "/d/x/v1/messages"
    assert asked_anthropic.body["model"] == "claude-5"


def test_a_denied_pattern_is_denied_in_any_case(
    portkey: RunningGateway, upstream: Upstream
) -> None:
    rail = Guardrail(
        "dosage",
        "deny",
        frozenset({"input"}),
        "block",
        pattern="lethal dose",
        ignore_case=True,
    )
    config = configuration(replace(planned(upstream), guardrails=(rail,)))[1]

    denied = ask(portkey, config, messages=[{"role": "user", "content": "a LETHAL Dose?"}])
    streamed = ask(
        portkey, config, stream=True, messages=[{"role": "user", "content": "lethal dose"}]
    )
    passed = ask(portkey, config, messages=[{"role": "user", "content": "the usual dose"}])

    assert (denied.status_code, streamed.status_code) == (446, 446)
    assert passed.status_code == 200
    assert upstream.labels() == ["a"]


# --- The engine says the same ---------------------------------------------------------------------


class Case(Struct, frozen=True):
    """What one deployment does: to the real provider's place, and in an outcomes file."""

    real: tuple[Outcome, ...]
    told: tuple[dict[str, Any], ...]
    stream: bool = False
    retries: int = 1


CASES = {
    "normal": Case((OK,), ({"status": 200},)),
    "outage": Case((status(503),), ({"status": 503},)),
    "recovers": Case((status(500), OK), ({"status": 500}, {"status": 200})),
    "retries back off": Case((status(529),), ({"status": 529},), retries=2),
    "rate limit": Case((status(429),), ({"status": 429},)),
    "wrong key": Case((status(401),), ({"status": 401},)),
    "bad request": Case((status(400),), ({"status": 400},)),
    "refusal": Case((CONTENT_POLICY,), ({"kind": "content_policy"},)),
    "another code while retrying": Case(
        (status(500), status(404)), ({"status": 500}, {"status": 404})
    ),
    "timeout": Case((HANG,), ({"kind": "timeout"},)),
    "reset": Case((RESET,), ({"kind": "reset"},)),
    "malformed": Case((MALFORMED,), ({"kind": "malformed"},)),
    "empty": Case((EMPTY,), ({"kind": "empty"},)),
    "stream": Case((OK,), ({"status": 200},), stream=True),
    "stream, outage": Case((status(503),), ({"status": 503},), stream=True),
    "stream, error event": Case(
        (Outcome(kind="error_event", after_chunks=2),),
        ({"kind": "stream_error", "after_chunks": 2},),
        stream=True,
    ),
    "stream, cut": Case(
        (Outcome(kind="cut", after_chunks=2),),
        ({"kind": "cut_stream", "after_chunks": 2},),
        stream=True,
    ),
    "stream, cut before any content": Case(
        (Outcome(kind="cut", after_chunks=0),),
        ({"kind": "cut_stream", "after_chunks": 0},),
        stream=True,
    ),
}


def _said(case: Case, text: str) -> Any:
    script = {
        "request": {"stream": case.stream},
        "outcomes": {f"{ROUTE}/a/m": list(case.told)},
    }
    outcomes = load_outcomes(json.dumps(script), "outcomes.json", Report())
    parsed = PORTKEY_OSS.parse({"portkey-oss/r/config.json": text}, Report())
    assert outcomes is not None
    assert parsed is not None
    npm = replace(parsed, semantics=PORTKEY_OSS.semantics("1.15-npm"))
    traces = trace(npm, outcomes, Report())
    assert traces is not None
    return traces[0].as_json()


def test_the_engine_traces_what_the_gateway_does(
    portkey: RunningGateway, upstream: Upstream
) -> None:
    """All cases at once: the gateway keeps nothing between requests and waits for real."""

    def one(numbered: tuple[int, str]) -> list[str]:
        number, name = numbered
        case = CASES[name]
        routing = planned(upstream, f"-{number}", case.retries)
        upstream.script(f"a-{number}", *case.real)
        text, config = configuration(routing)
        answer = ask(portkey, config, stream=case.stream)
        return list(_differences(name, _said(case, text), answer, upstream, number))

    with ThreadPoolExecutor(len(CASES)) as pool:
        found = [line for lines in pool.map(one, enumerate(CASES)) for line in lines]

    assert found == []


def _differences(
    name: str, said: Any, answer: httpx.Response, upstream: Upstream, number: int
) -> Any:
    real = [a for a in upstream.attempts if a.label.endswith(f"-{number}")]
    labels = [a.label[0] for a in real]
    traced = [one["deployment"].split("/")[-2] for one in said["attempts"]]
    if labels != traced:
        yield f"{name}: asked {labels}, traced {traced}"
    elif any(
        abs((attempt.at_s - real[0].at_s) - one["at_s"]) > 0.35
        for attempt, one in zip(real, said["attempts"], strict=True)
    ):
        times = [round(a.at_s - real[0].at_s, 2) for a in real]
        yield f"{name}: at {times}, traced {[one['at_s'] for one in said['attempts']]}"
    if answer.status_code != said["final"]["status"]:
        yield f"{name}: status {answer.status_code}, traced {said['final']['status']}"
    told = said["final"].get("told")
    if told is not None and told != ("error" in answer.text):
        yield f"{name}: traced as told: {told}, answered {answer.text}"


Change = Callable[[Any], Any]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda c: c["strategy"].update(mode="load-balance"), 400),
        (lambda c: c["targets"][0].update(provider="@slug"), 400),
        (lambda c: c["targets"][0]["retry"].pop("attempts"), 400),
        (lambda c: c["targets"][0]["retry"].update(attempts="3"), 400),
        (lambda c: c["targets"][0].update(weight="1"), 400),
    ],
)
def test_what_is_read_as_rejected_is_rejected(
    portkey: RunningGateway, upstream: Upstream, change: Change, told: int
) -> None:
    config = configuration(planned(upstream))[1]
    change(config)
    report = Report()

    parsed = PORTKEY_OSS.parse({"c.json": json.dumps(config)}, report)
    answer = ask(portkey, config)

    assert [found.code for found in report if found.code == "PAR542"] == ["PAR542"]
    assert parsed is not None
    assert parsed.routing.deployments == ()
    assert (answer.status_code, upstream.labels()) == (told, [])


@pytest.mark.parametrize(
    ("query", "metadata", "holds"),
    [
        ({"metadata.tier": "gold"}, {"tier": "gold"}, True),
        ({"metadata.tier": {"$ne": "gold"}}, {}, True),
        ({"metadata.n": {"$eq": "5"}}, {"n": 5}, False),
        ({"metadata.n": {"$gte": 3, "$lt": 9}}, {"n": 5}, True),
        ({"metadata.tier": {"$nin": ["a", "b"]}}, {"tier": "c"}, True),
        ({"metadata.tier": {"$in": "gold"}}, {"tier": "gold"}, False),
        ({"metadata.tier": {"$regex": "(?i)GOLD"}}, {"tier": "gold"}, False),
        ({"metadata.tier.deep": "gold"}, {"tier": "gold"}, True),
        ({"headers.x": {"$ne": "y"}}, {}, True),
        ({"$or": [{"metadata.a": 1}, {"metadata.b": 2}]}, {"b": 2}, True),
        ({"$and": [{"metadata.a": 1}], "metadata.b": 3}, {"a": 1}, True),
        ({}, {}, True),
        ({"url.pathname": {"$regex": "^/v1/chat"}}, {}, True),
        ({"params.model": {"$eq": "any"}}, {}, True),
    ],
)
def test_conditions_hold_for_the_same_requests(
    portkey: RunningGateway, upstream: Upstream, query: Any, metadata: Any, holds: bool
) -> None:
    def target(name: str) -> dict[str, str]:
        return {
            "name": name,
            "provider": "openai",
            "api_key": "k",
            "custom_host": upstream.url(name),
        }

    config = {
        "strategy": {
            "mode": "conditional",
            "conditions": [{"query": query, "then": "yes"}],
            "default": "no",
        },
        "targets": [target("yes"), target("no")],
    }
    httpx.post(
        f"{portkey.base_url}/v1/chat/completions",
        headers={
            "x-portkey-config": json.dumps(config),
            "x-portkey-metadata": json.dumps(metadata),
        },
        json={"model": "any", "messages": [{"role": "user", "content": "hello"}]},
        timeout=30.0,
        trust_env=False,
    )
    script = {"request": {"metadata": metadata, "model": "any"}}
    outcomes = load_outcomes(json.dumps(script), "o.json", Report())
    parsed = PORTKEY_OSS.parse({"c.json": json.dumps(config)}, Report())
    assert outcomes is not None
    assert parsed is not None
    traces = trace(parsed, outcomes, Report())
    assert traces is not None

    assert upstream.labels() == ["yes" if holds else "no"]
    assert [tried.deployment for tried in traces[0].attempts] == upstream.labels()


def test_a_refused_connection_falls_back_although_its_code_is_not_retried(
    portkey: RunningGateway, upstream: Upstream
) -> None:
    routing = planned(upstream)
    first, second = routing.deployments
    gone = replace(first, api_base=f"http://127.0.0.1:{free_port()}/v1")
    text, config = configuration(replace(routing, deployments=(gone, second)))

    answer = ask(portkey, config)

    assert (answer.status_code, upstream.labels()) == (200, ["b"])
    said = _said(Case((), ({"kind": "refuse_connection"},)), text)
    assert [one["deployment"].split("/")[-2] for one in said["attempts"]] == ["a", "a", "b"]
