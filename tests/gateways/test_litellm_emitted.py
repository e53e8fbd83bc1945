"""An emitted configuration on the real LiteLLM proxy, and the engine's traces beside what it does.

One boot serves all cases: each is an alias of its own, with its own deployments, since cooldowns
outlive a request. The waits are the real ones, without their jitter.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec import Struct
from msgspec.structs import replace

from designer.diagnostics import Report
from designer.emit import render
from designer.gateways.base import Terms
from designer.gateways.legalize import legalize
from designer.gateways.litellm import LITELLM
from designer.ir import (
    ANY,
    REFUSALS,
    TRANSIENT,
    Chain,
    Cooldown,
    Deployment,
    Guardrail,
    Node,
    Pool,
    Ref,
    Retry,
    Route,
    Routing,
    Rung,
    Target,
    failures,
)
from designer.trace import load_outcomes, trace
from tests.gateways.asking import ask_litellm
from tests.gateways.processes import MASTER_KEY, NO_JITTER, RunningGateway, litellm_proxy
from tests.gateways.upstream import (
    CONTENT_POLICY,
    CONTEXT_WINDOW,
    EMPTY,
    HANG,
    MALFORMED,
    OK,
    RESET,
    Outcome,
    Upstream,
    running_upstream,
    status,
)

pytestmark = pytest.mark.gateway

FALLS = ANY - REFUSALS - failures(400, 402, 405, 406, 409, 410, 411, 413, 414, 415, 422)
TIMEOUT_S = 1.5


class Case(Struct, frozen=True):
    """What the first deployment does: to the real provider's place, and in an outcomes file."""

    real: tuple[Outcome, ...]
    told: tuple[dict[str, Any], ...]
    stream: bool = False
    retries: int = 2
    deployments: int = 2
    calls: int = 1
    second_too: bool = False
    """Whether the second deployment does the same."""


CASES = {
    "normal": Case((OK,), ({"status": 200},)),
    "outage": Case((status(503),), ({"status": 503},), calls=4),
    "recovers": Case((status(500), OK), ({"status": 500}, {"status": 200})),
    "both-down": Case((status(503),), ({"status": 503},), calls=4, second_too=True),
    "rate-limit": Case((status(429),), ({"status": 429},), calls=4),
    "both-limited": Case((status(429),), ({"status": 429},), calls=4, second_too=True),
    "wrong-key": Case((status(401),), ({"status": 401},), calls=3),
    "no-model": Case((status(404),), ({"status": 404},), calls=3),
    "forbidden": Case((status(403),), ({"status": 403},), calls=2),
    "bad-request": Case((status(400),), ({"status": 400},), calls=3),
    "refusal": Case((CONTENT_POLICY,), ({"kind": "content_policy"},)),
    "too-long": Case((CONTEXT_WINDOW,), ({"kind": "context_length"},)),
    "hangs": Case((HANG,), ({"kind": "timeout"},)),
    "reset": Case((RESET,), ({"kind": "reset"},)),
    "malformed": Case((MALFORMED,), ({"kind": "malformed"},)),
    "empty": Case((EMPTY,), ({"kind": "empty"},)),
    "no-retries": Case((status(503),), ({"status": 503},), retries=0),
    "three": Case((status(503),), ({"status": 503},), deployments=3, second_too=True, calls=4),
    "alone": Case((status(503),), ({"status": 503},), deployments=1),
    "alone-told-when": Case(
        (status(429, retry_after="2"), OK),
        ({"status": 429, "headers": {"retry-after": "2"}}, {"status": 200}),
        deployments=1,
    ),
    "alone-wrong-key": Case((status(401),), ({"status": 401},), deployments=1, calls=2),
    "stream": Case((OK,), ({"status": 200},), stream=True),
    "stream-outage": Case((status(503),), ({"status": 503},), stream=True),
    "stream-cut-early": Case(
        (Outcome(kind="cut", after_chunks=0),),
        ({"kind": "cut_stream", "after_chunks": 0},),
        stream=True,
    ),
    "stream-cut-late": Case(
        (Outcome(kind="cut", after_chunks=3, chunk_gap_s=0.2),),
        ({"kind": "cut_stream", "after_chunks": 2},),
        stream=True,
    ),
}
LETTERS = "abc"


def deployment(upstream: Upstream, route: str, letter: str) -> Deployment:
    return Deployment(
        f"{route}/{letter}/m",
        "openai",
        f"model-{letter}",
        api_base=upstream.url(f"{route}-{letter}"),
        secret=f"env:KEY_{letter.upper()}",
        region="eu-west-1",
        timeout_s=TIMEOUT_S,
        first_token_s=TIMEOUT_S,
        cooldown=Cooldown(60.0, 1),
    )


def planned(route: str, case: Case) -> Route:
    """What the planner makes of a chain."""
    targets = [Target(f"{route}/{letter}/m") for letter in LETTERS[: case.deployments]]
    retried: list[Node] = [
        Retry(target, case.retries, TRANSIENT) if case.retries else target for target in targets
    ]
    rungs = tuple(Rung(node, FALLS if i else ANY) for i, node in enumerate(retried))
    return Route(route, Chain(rungs) if len(rungs) > 1 else retried[0], deadline_s=60.0)


def everything(upstream: Upstream) -> Routing:
    routes = [planned(name, case) for name, case in CASES.items()]
    deployments = [
        deployment(upstream, name, letter)
        for name, case in CASES.items()
        for letter in LETTERS[: case.deployments]
    ]
    pool = Pool((Target("split/a/m"), Target("split/b/m")), (9.0, 1.0))
    routes.append(Route("split", Retry(pool, 1, TRANSIENT)))
    odd = 'odd "name": {{ x }} ü'
    routes.append(Route(odd, Target("odd/a/m")))
    last = Chain((Rung(Target("with-ref/a/m")), Rung(Ref("normal"))))
    routes.append(Route("with-ref", last))
    deployments += [deployment(upstream, "split", letter) for letter in "ab"]
    deployments += [deployment(upstream, name, "a") for name in ("odd", "with-ref")]
    azure = replace(
        deployment(upstream, "azure", "a"),
        provider="azure",
        api_base=upstream.url("azure-a").removesuffix("/v1"),
        settings=(("api_version", "2024-10-21"),),
        params=(("max_tokens", 5), ("temperature", 0.5)),
    )
    routes.append(Route("azure", Target(azure.id)))
    vectors = replace(deployment(upstream, "vectors", "a"), id="vectors/a/m")
    routes.append(Route("vectors", Target(vectors.id), embeds=True))
    return Routing(
        tuple(routes),
        (*deployments, azure, vectors),
        (
            Guardrail(
                "pii",
                "pii",
                frozenset({"input", "output"}),
                "redact",
                ("email", "phone", "iban", "credit_card", "us_ssn", "national_id", "vat")
                + ("ip", "api_key"),
            ),
            Guardrail("dosage", "deny", frozenset({"input"}), "block", pattern="lethal dose"),
        ),
        aliases=(("same", "with-ref"),),
    )


class Booted(Struct, frozen=True):
    gateway: RunningGateway
    upstream: Upstream
    text: str
    boot_log: str


@pytest.fixture(scope="module")
def booted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Booted]:
    folder = tmp_path_factory.mktemp("emitted")
    with running_upstream() as upstream:
        legal = legalize(everything(upstream), LITELLM, Report())
        terms = {
            d.id: Terms("gpt-4o-mini", reason="chosen for the test") for d in legal.deployments
        }
        (file,) = LITELLM.lower(legal, terms)
        text = render(LITELLM.folder, file)
        config = Path(folder / "config.yaml")
        config.write_text(text, "utf-8")
        keys = {f"KEY_{letter}": f"key-{letter.lower()}" for letter in "ABC"}
        with litellm_proxy(config, NO_JITTER | keys) as gateway:
            yield Booted(gateway, upstream, text, gateway.log.read_text(errors="replace"))


def messages(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


# --- It starts, and does what it says -------------------------------------------------------------


def test_it_starts_without_a_complaint_about_any_key(booted: Booted) -> None:
    complaints = [
        line
        for line in booted.boot_log.splitlines()
        if "WARNING" in line or "ERROR" in line or "Ignoring" in line or "Traceback" in line
    ]

    # This one every proxy writes: which addresses stand in front of it is its operator's to know.
    assert [line for line in complaints if "trusted_proxy_ranges" not in line] == []


def test_the_key_and_the_model_reach_the_provider_and_nothing_of_ours_does(booted: Booted) -> None:
    ask_litellm(booted.gateway, "normal")

    attempt = next(a for a in booted.upstream.attempts if a.label == "normal-a")
    assert attempt.headers["Authorization"] == "Bearer key-a"
    assert attempt.body["model"] == "model-a"
    assert set(attempt.body) <= {"model", "messages", "user", "stream", "extra_body"}


def test_deployments_carry_their_ids_and_guardrails_their_proof(booted: Booted) -> None:
    answer = ask_litellm(booted.gateway, 'odd "name": {{ x }} ü')

    assert answer.status_code == 200, answer.text
    assert answer.headers["x-litellm-model-id"] == "odd/a/m"
    assert set(answer.headers["x-litellm-applied-guardrails"].split(",")) == {"pii", "dosage"}


def test_azure_is_asked_for_its_deployment_with_its_parameters(booted: Booted) -> None:
    answer = ask_litellm(booted.gateway, "azure")

    assert answer.status_code == 200, answer.text
    (attempt,) = (a for a in booted.upstream.attempts if a.label == "azure-a")
    assert attempt.path == "/d/azure-a/openai/deployments/model-a/chat/completions"
    assert (attempt.body["max_tokens"], attempt.body["temperature"]) == (5, 0.5)


def test_personal_data_is_masked_both_ways(booted: Booted) -> None:
    secret = (
        "mail jo@example.com, call +49 170 1234567 or 415-555-0134, IBAN DE89 3704 0044 0532 0130 00 "
        "or DE89370400440532013000, card 4111 1111 1111 1111, ssn 123-45-6789, ip 10.20.30.40, "
        "key sk-abcdefghijklmnopqrstuvwxyz, VAT FR 40 303 265 045, DNI 54362315-K, "
        "NIR 2 95 10 99 126 111 93, nhs_number: 943 476 5919, nie x2482300w, VAT PL 856-734-62-15, "
        "loss=1.98765432101"
    )
    kept = [
        "jo@",
        "1234567",
        "0134",
        "3704",
        "4111",
        "6789",
        "10.20",
        "sk-abc",
        "303",
        "54362",
        "126",
        "5919",
        "2482300",
        "734-62",
    ]
    booted.upstream.script("normal-a", Outcome(text=secret))

    plain = ask_litellm(booted.gateway, "normal", **messages(secret))
    streamed = ask_litellm(booted.gateway, "normal", stream=True, **messages(secret))
    booted.upstream.script("normal-a", OK)

    for sent in (a.body for a in booted.upstream.attempts if a.label == "normal-a"):
        assert not [part for part in kept if part in json.dumps(sent)]
    said = "".join(
        json.loads(line.removeprefix("data: "))["choices"][0]["delta"].get("content") or ""
        for line in streamed.text.splitlines()
        if line.startswith("data: {")
    )
    for text in (plain.json()["choices"][0]["message"]["content"], said):
        assert not [part for part in kept if part in text], text
        assert "[EMAIL_REDACTED]" in text
        assert "loss=1.98765432101" in text


def test_a_denied_pattern_is_denied_in_its_own_case_only(booted: Booted) -> None:
    denied = ask_litellm(booted.gateway, "normal", **messages("a lethal dose?"))
    passed = ask_litellm(booted.gateway, "normal", **messages("a LETHAL dose?"))

    assert (denied.status_code, passed.status_code) == (400, 200)


def test_weights_split_the_traffic(booted: Booted) -> None:
    for _ in range(40):
        ask_litellm(booted.gateway, "split")

    asked = [a.label for a in booted.upstream.attempts if a.label.startswith("split")]
    assert 28 <= asked.count("split-a") <= 40


def test_an_alias_has_the_fallbacks_of_its_route(booted: Booted) -> None:
    booted.upstream.script("with-ref-a", status(400))

    answer = ask_litellm(booted.gateway, "same")

    assert answer.headers["x-litellm-model-id"] == "normal/a/m"


# --- The engine says the same ---------------------------------------------------------------------


def _said(name: str, case: Case, text: str) -> Any:
    asked = LETTERS[: 2 if case.second_too else 1]
    script = {
        "requests": [{"at_s": float(n), "stream": case.stream} for n in range(case.calls)],
        "outcomes": {f"{name}/{letter}/m": list(case.told) for letter in asked},
    }
    outcomes = load_outcomes(json.dumps(script), "outcomes.json", Report())
    parsed = LITELLM.parse({"litellm/config.yaml": text}, Report())
    assert outcomes is not None
    assert parsed is not None
    traces = trace(parsed, outcomes, Report(), route=name)
    assert traces is not None
    return [one.as_json() for one in traces]


def test_the_engine_traces_what_the_proxy_does(booted: Booted) -> None:
    def one(name: str) -> list[str]:
        case = CASES[name]
        for letter in LETTERS[: 2 if case.second_too else 1]:
            booted.upstream.script(f"{name}-{letter}", *case.real)
        return list(_differences(booted, name, case))

    with ThreadPoolExecutor(4) as pool:
        found = [line for lines in pool.map(one, CASES) for line in lines]

    assert found == [], "\n".join(found)


def _differences(booted: Booted, name: str, case: Case) -> Iterator[str]:
    asked = {f"{name}-{letter}" for letter in LETTERS}
    seen = sum(a.label in asked for a in booted.upstream.attempts)
    for number, said in enumerate(_said(name, case, booted.text), start=1):
        answer = _ask(booted.gateway, name, case.stream)
        real = [a for a in booted.upstream.attempts if a.label in asked][seen:]
        seen += len(real)
        labels = [a.label[-1] for a in real]
        traced = [attempt["deployment"].split("/")[-2] for attempt in said["attempts"]]
        start = said["attempts"][0]["at_s"] if said["attempts"] else 0.0
        if labels != traced:
            yield f"{name}, call {number}: asked {labels}, traced {traced}"
        elif any(
            abs((a.at_s - real[0].at_s) - (attempt["at_s"] - start)) > 0.6
            for a, attempt in zip(real, said["attempts"], strict=True)
        ):
            times = [round(a.at_s - real[0].at_s, 2) for a in real]
            yield f"{name}: at {times}, traced {[a['at_s'] - start for a in said['attempts']]}"
        if answer.status_code != said["final"]["status"]:
            yield f"{name}, call {number}: status {answer.status_code}, traced {said['final']}"
        told = said["final"].get("told")
        if told is not None and told != ("error" in answer.text):
            yield f"{name}: traced as told: {told}, answered {answer.text}"


def _ask(gateway: RunningGateway, model: str, stream: bool) -> httpx.Response:
    with httpx.stream(
        "POST",
        f"{gateway.base_url}/v1/chat/completions",
        headers={"authorization": f"Bearer {MASTER_KEY}"},
        json={"model": model, "stream": stream, **messages("hello")},
        timeout=120.0,
        trust_env=False,
    ) as response:
        response.read()
    return response
