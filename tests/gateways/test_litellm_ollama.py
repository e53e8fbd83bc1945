"""The real LiteLLM proxy in front of a stub Ollama: it reads what the stub says in Ollama's own words, and the
engine's traces, which were measured on OpenAI's, hold there too but for what is written down here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from msgspec import Struct

from designer.diagnostics import Report
from designer.gateways.base import Parsed
from designer.gateways.litellm import LITELLM
from designer.trace import load_outcomes, trace
from runtime.stub import StubServer, running_stub, tokens
from tests.gateways.asking import ask_litellm
from tests.gateways.processes import MASTER_KEY, NO_WAITS, RunningGateway, litellm_proxy

pytestmark = pytest.mark.gateway

OUTCOMES: dict[str, dict[str, Any]] = {
    "good": {"status": 200},
    "outage": {"status": 500},
    "busy": {"status": 503},
    "limited": {"kind": "rate_limit"},
    "no-model": {"status": 404},
    "bad-request": {"status": 400},
    "malformed": {"kind": "malformed"},
    "empty": {"kind": "empty"},
    "reset": {"kind": "reset"},
    "too-long": {"kind": "context_length"},
}
"""Of the first of two deployments that are tried in their order."""
UNLIKE = {
    "reset": ((["a", "a", "a", "a", "b"], 200), (["a", "a", "b"], 200)),
    "too-long": ((["a", "b"], 200), (["a"], 400)),
}
"""What is so of LiteLLM with providers that it asks over its own HTTP client, and not with OpenAI's: a connection
that breaks is asked once more each time; and of Ollama alone: a prompt too long is a bad request like any other."""
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}


class Booted(Struct, frozen=True):
    gateway: RunningGateway
    stub: StubServer
    parsed: Parsed

    def asked(self, group: str) -> list[str]:
        labels = [received.deployment.split("/") for received in self.stub.received]
        return [name for owner, name in labels if owner == group]


@pytest.fixture(scope="module")
def booted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Booted]:
    path = tmp_path_factory.mktemp("ollama") / "config.yaml"
    with running_stub(between_chunks_s=0) as stub:

        def entry(group: str, name: str, model: str, **more: Any) -> dict[str, Any]:
            base = stub.base_url(f"{group}/{name}")
            params = {"model": model, "api_base": base, **more}
            return {
                "model_name": group,
                "litellm_params": params,
                "model_info": {"id": f"{group}/{name}"},
            }

        models = [
            entry(group, name, "ollama_chat/gpt-oss:20b", order=order)
            for group in OUTCOMES
            for order, name in ((1, "a"), (2, "b"))
        ]
        models += [
            entry("prompt", "a", "ollama/llama3.3:70b"),
            entry("vectors", "a", "ollama/nomic-embed-text"),
        ]
        config = {"model_list": models, "router_settings": {"num_retries": 1}}
        path.write_text(json.dumps(config), "utf-8")
        parsed = LITELLM.parse({"config.yaml": path.read_text("utf-8")}, Report())
        assert parsed is not None
        with litellm_proxy(path, NO_WAITS) as gateway:
            yield Booted(gateway, stub, parsed)


def _read(streamed: httpx.Response) -> list[Any]:
    lines = streamed.text.splitlines()
    return [json.loads(line[6:]) for line in lines if line.startswith("data: {")]


def test_litellm_reads_an_answer_and_the_same_as_a_stream(booted: Booted) -> None:
    whole = ask_litellm(booted.gateway, "good").json()
    usage = {"stream_options": {"include_usage": True}}
    chunks = _read(ask_litellm(booted.gateway, "good", stream=True, **usage))

    said = whole["choices"][0]["message"]["content"]
    assert said.startswith("This is the stub provider for good/a")
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    assert "".join(delta.get("content") or "" for delta in deltas) == said
    for counted in (whole["usage"], chunks[-1]["usage"]):
        assert counted["prompt_tokens"] == tokens("hello")
        assert counted["completion_tokens"] == tokens(said)


def test_litellm_reads_tool_calls_and_json(booted: Booted) -> None:
    called = ask_litellm(booted.gateway, "good", tools=[TOOL]).json()["choices"][0]
    form = {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA}}
    said = ask_litellm(booted.gateway, "good", response_format=form).json()["choices"][0]

    [call] = called["message"]["tool_calls"]
    assert called["finish_reason"] == "tool_calls"
    assert call["function"]["name"] == "weather"
    assert json.loads(call["function"]["arguments"]) == {"city": "stub"}
    assert json.loads(said["message"]["content"]) == {"city": "stub"}


def test_litellm_completes_prompts_and_reads_vectors(booted: Booted) -> None:
    completed = ask_litellm(booted.gateway, "prompt").json()
    vectors = httpx.post(
        f"{booted.gateway.base_url}/v1/embeddings",
        headers={"authorization": f"Bearer {MASTER_KEY}"},
        json={"model": "vectors", "input": ["a", "bcdef"]},
        timeout=60.0,
        trust_env=False,
    ).json()

    assert "stub provider for prompt/a" in completed["choices"][0]["message"]["content"]
    assert [len(item["embedding"]) for item in vectors["data"]] == [8, 8]
    assert vectors["usage"]["prompt_tokens"] == 3


def _asked_and_traced(booted: Booted, group: str) -> tuple[Any, Any]:
    """Who was asked, and the status: on the real gateway, and by the engine."""
    text = json.dumps({"outcomes": {f"{group}/a": [OUTCOMES[group]]}})
    script = load_outcomes(text, "outcomes.json", Report())
    assert script is not None
    traces = trace(booted.parsed, script, Report(), route=group)
    assert traces is not None
    booted.stub.script(f"{group}/a", [answer.outcome for answer in script.answers[f"{group}/a"]])

    answer = ask_litellm(booted.gateway, group)

    traced = traces[0].as_json()
    paper = [attempt["deployment"].rpartition("/")[2] for attempt in traced["attempts"]]
    return (booted.asked(group), answer.status_code), (paper, traced["final"]["status"])


@pytest.mark.parametrize("group", [group for group in OUTCOMES if group not in ("good", *UNLIKE)])
def test_the_engine_traces_what_litellm_makes_of_ollamas_failures(
    booted: Booted, group: str
) -> None:
    real, paper = _asked_and_traced(booted, group)

    assert real == paper


@pytest.mark.parametrize("group", UNLIKE)
def test_two_failures_end_otherwise_than_traced(booted: Booted, group: str) -> None:
    assert _asked_and_traced(booted, group) == UNLIKE[group]
