"""What we emit for OpenRouter, held against its own document, its own SDK and a real client.

The SDK's models drop what they do not know without a word, so only equality after a round trip
proves anything (measured, openrouter 1.3.84).
"""

import asyncio
import importlib.util
import json
import threading
from collections.abc import Iterator, Mapping
from copy import deepcopy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jsonschema
import openai
import pytest
from hypothesis import given
from msgspec.structs import replace
from openrouter import components, operations

from designer.diagnostics import Report
from designer.emit import render
from designer.engine.events import Request
from designer.engine.pick import share_of
from designer.gateways.base import File
from designer.gateways.legalize import legalize
from designer.ir import (
    Arm,
    Cache,
    Case,
    Condition,
    Deployment,
    Ref,
    Route,
    Routing,
    Split,
    Switch,
    Target,
    Team,
)
from tests.gateways_laws.test_openrouter import GATEWAY, laws, wishes

DOCUMENT = Path(__file__).parents[3] / "shared/schemas/openrouter-openapi.2026-08-22.yaml"
MESSAGES = [{"role": "user", "content": "hello"}]

EVERYTHING = {
    "model": "openai/big",
    "models": ["anthropic/clever:nitro"],
    "provider": {
        "allow_fallbacks": True,
        "data_collection": "deny",
        "enforce_distillable_text": False,
        "ignore": ["groq"],
        "max_price": {"completion": "2.5", "prompt": "1"},
        "only": ["openai", "azure"],
        "order": ["azure"],
        "preferred_max_latency": {"p90": 3.5},
        "preferred_min_throughput": 20.5,
        "quantizations": ["fp8", "bf16"],
        "require_parameters": True,
        "sort": {"by": "price", "partition": "none"},
        "zdr": True,
    },
    "frequency_penalty": 0.5,
    "logprobs": True,
    "max_tokens": 800,
    "parallel_tool_calls": False,
    "reasoning_effort": "low",
    "seed": 7,
    "stop": ["x", "y"],
    "temperature": 0.25,
    "top_k": 5,
}
"""A body with every preference and most parameters."""


def files_of(routing: Routing) -> tuple[File, ...]:
    return GATEWAY.lower(legalize(routing, GATEWAY, Report()), {})


def through_sdk(model: Any, body: Mapping[str, Any]) -> Any:
    made = model.model_validate(body)
    return made.model_dump(mode="json", by_alias=True, exclude_unset=True)


def is_embedding(body: Mapping[str, Any], files: tuple[File, ...], path: str) -> bool:
    client = next(dict(f.values) for f in files if f.path.endswith("client.json"))
    folder = path.split("/")[1]
    paths = [r["path"] for r in client["routes"].values() if r.get("folder") == folder]
    return paths == ["/embeddings"]


def assert_survives_the_sdk(files: tuple[File, ...]) -> None:
    for file in files:
        body = dict(file.values)
        if file.path.endswith("guardrail.json"):
            assert through_sdk(components.CreateGuardrailRequest, body) == body
        elif file.path.endswith("keys.json"):
            for key in body["keys"]:
                sent = through_sdk(operations.CreateKeysRequestBody, key["body"])
                assert sent == key["body"]
        elif file.path.endswith("workspace.json"):
            for model, part in workspace_bodies(body):
                assert through_sdk(model, part) == part
        elif file.path.endswith("preset.json"):
            assert through_sdk(components.ChatRequest, body) == body
        elif file.path.endswith("request.json") and is_embedding(body, files, file.path):
            asked = {**body, "input": "hello"}
            assert through_sdk(operations.CreateEmbeddingsRequestBody, asked) == asked
        elif file.path.endswith("request.json"):
            asked = {**body, "messages": MESSAGES}
            assert through_sdk(components.ChatRequest, asked) == asked


def workspace_bodies(values: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = [(components.CreateWorkspaceRequest, values["workspace"])]
    budgets = values.get("budgets", {}).values()
    found += [(components.UpsertWorkspaceBudgetRequest, budget) for budget in budgets]
    if "destination" in values:
        found.append((components.CreateObservabilityDestinationRequest, values["destination"]))
    return found


# --- The SDK --------------------------------------------------------------------------------------


@laws
@given(wishes())
def test_emitted_bodies_pass_the_sdk_unchanged(wish: Routing) -> None:
    assert_survives_the_sdk(files_of(wish))


def test_a_body_with_every_preference_passes_the_parser_and_the_sdk_unchanged() -> None:
    found = GATEWAY.parse({"chat.json": json.dumps(EVERYTHING)}, Report())
    assert found is not None

    files = files_of(found.routing)

    request = next(dict(f.values) for f in files if f.path.endswith("request.json"))
    assert request == EVERYTHING
    assert_survives_the_sdk(files)


def test_the_sdk_still_drops_what_it_does_not_like_so_equality_is_the_test() -> None:
    body = {"model": "a/b", "messages": MESSAGES, "provider": {"max_price": {"prompt": 1}}}

    assert through_sdk(components.ChatRequest, body) != body


# --- The document ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    if not DOCUMENT.is_file():
        pytest.skip("OpenRouter's OpenAPI document is not beside the project")
    from ruamel.yaml import YAML

    found: dict[str, Any] = YAML(typ="safe").load(DOCUMENT)
    # Newer than the document, from the SDK 1.3.84.
    regions = {"type": "array", "minItems": 1, "items": {"enum": ["global", "europe", "us"]}}
    guardrail = found["components"]["schemas"]["CreateGuardrailRequest"]
    guardrail["properties"]["allowed_data_regions"] = regions
    closed: dict[str, Any] = _closed(found)
    return closed


def _closed(value: Any) -> Any:
    """Objects that list properties take no others: a typo is then an error."""
    if isinstance(value, list):
        return [_closed(item) for item in value]
    if not isinstance(value, dict):
        return value
    closed = {key: _closed(inner) for key, inner in value.items() if key != "example"}
    if isinstance(value.get("properties"), dict) and "allOf" not in value:
        closed.setdefault("additionalProperties", False)
    return closed


def against_document(document: dict[str, Any], schema: dict[str, Any], body: Any) -> list[str]:
    validator = jsonschema.Draft202012Validator({**document, **schema})
    return [error.message for error in validator.iter_errors(body)]


def _component(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _embeddings(document: dict[str, Any]) -> dict[str, Any]:
    request = document["paths"]["/embeddings"]["post"]["requestBody"]
    schema: dict[str, Any] = deepcopy(request["content"]["application/json"]["schema"])
    # `provider` is an allOf of the preferences, which closing has already closed.
    schema["properties"]["provider"] = _component("ProviderPreferences")
    return schema


def test_emitted_bodies_satisfy_openrouters_document(document: dict[str, Any]) -> None:
    found = GATEWAY.parse({"chat.json": json.dumps(EVERYTHING)}, Report())
    assert found is not None
    request = {**EVERYTHING, "messages": MESSAGES}

    assert against_document(document, _component("ChatRequest"), request) == []
    for case in sorted((Path(__file__).parents[1] / "golden/openrouter").rglob("*.json")):
        body = json.loads(case.read_text(encoding="utf-8"))
        if case.name == "guardrail.json":
            schema = _component("CreateGuardrailRequest")
        elif case.name == "workspace.json":
            for model, part in workspace_bodies(body):
                assert against_document(document, _component(model.__name__), part) == [], case
            continue
        elif case.name == "keys.json":
            own = document["paths"]["/keys"]["post"]["requestBody"]["content"]
            for key in body["keys"]:
                schema = own["application/json"]["schema"]
                assert against_document(document, schema, key["body"]) == [], case
            continue
        elif case.name in ("request.json", "preset.json"):
            schema, body = _component("ChatRequest"), {**body, "messages": MESSAGES}
        else:
            continue
        assert against_document(document, schema, body) == [], case


def test_an_embedding_body_satisfies_openrouters_document(document: dict[str, Any]) -> None:
    own = Deployment("v/openai/big", "openai", "big", params=(("dimensions", 256),))
    files = files_of(Routing((Route("v", Target(own.id), embeds=True),), (own,)))

    body = next(dict(f.values) for f in files if f.path.endswith("request.json"))

    assert body["dimensions"] == 256
    schema = _embeddings(document)
    assert against_document(document, schema, {**body, "input": "hello"}) == []


def test_the_document_closed_as_here_finds_a_typo(document: dict[str, Any]) -> None:
    body = {"model": "a/b", "messages": MESSAGES, "provider": {"onyl": ["azure"]}}

    assert against_document(document, _component("ChatRequest"), body) != []


def test_our_schema_knows_what_the_document_knows(document: dict[str, Any]) -> None:
    from designer.resources import schema

    ours = json.loads(schema("openrouter-request"))
    theirs = document["components"]["schemas"]
    preferences = set(theirs["ProviderPreferences"]["properties"])
    embedding_only = {"dimensions", "encoding_format", "input_type"}

    assert set(ours["properties"]["provider"]["properties"]) == preferences
    assert set(ours["properties"]) - embedding_only <= set(theirs["ChatRequest"]["properties"])


# --- The emitted client ---------------------------------------------------------------------------

ANSWER = {
    "id": "gen-1",
    "object": "chat.completion",
    "created": 0,
    "model": "openai/big",
    "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}}
    ],
}


class Stub(ThreadingHTTPServer):
    """Answers like OpenRouter and keeps what it was asked; silent while `is_silent`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.asked: list[tuple[str, str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.statuses: list[int] = []
        self.may_answer = threading.Event()
        self.may_answer.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/api/v1"


class _Answering(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        stub = self.server
        assert isinstance(stub, Stub)
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        stub.asked.append((self.path, self.headers["authorization"], body))
        stub.headers.append(dict(self.headers.items()))
        stub.may_answer.wait()
        text = json.dumps(ANSWER).encode()
        if body.get("stream"):
            delta = {"index": 0, "delta": {"content": "hi"}, "finish_reason": "stop"}
            chunk = {**ANSWER, "object": "chat.completion.chunk", "choices": [delta]}
            text = (
                f": OPENROUTER PROCESSING\n\ndata: {json.dumps(chunk)}\n\ndata: [DONE]\n\n".encode()
            )
        self.send_response(stub.statuses.pop(0) if stub.statuses else 200)
        kind = "text/event-stream" if body.get("stream") else "application/json"
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_args: Any) -> None:
        """Quiet."""


@pytest.fixture
def stub() -> Iterator[Stub]:
    server = Stub()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.may_answer.set()
    server.shutdown()
    server.server_close()
    thread.join()


def emitted_client(tmp_path: Path, stub: Stub, **route: Any) -> Any:
    """The emitted module's Gateway on an emitted folder, with the stub as its host."""
    own = Deployment("chat/openai/big", "openai", "big", params=(("max_tokens", 5),))
    routing = Routing((Route("chat", Target(own.id), sticky="user", **route),), (own,))
    return emitted(routing, tmp_path, stub)


def emitted(routing: Routing, tmp_path: Path, stub: Stub, **more: Any) -> Any:
    legal = legalize(routing, GATEWAY, Report())
    for file in (*GATEWAY.lower(legal, {}), *GATEWAY.artefacts(legal, {}, "plan", ())):
        target = tmp_path / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        text = render(GATEWAY.folder, file).replace("https://openrouter.ai/api/v1", stub.url)
        target.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("client", tmp_path / "openrouter/client.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Gateway(tmp_path / "openrouter", {"OPENROUTER_API_KEY": "k"}, **more)


def test_the_client_sends_the_emitted_body_and_the_session(tmp_path: Path, stub: Stub) -> None:
    gateway = emitted_client(tmp_path, stub)

    answer = asyncio.run(gateway.chat("chat", MESSAGES, session="caller-7"))

    assert answer.choices[0].message.content == "hi"
    sent = {"messages": MESSAGES, "model": "openai/big", "max_tokens": 5}
    assert stub.asked == [
        (
            "/api/v1/chat/completions",
            "Bearer k",
            {**sent, "provider": {"only": ["openai"]}, "session_id": "caller-7"},
        )
    ]


def test_the_client_names_the_preset_instead_where_asked(tmp_path: Path, stub: Stub) -> None:
    gateway = emitted_client(tmp_path, stub)

    asyncio.run(gateway.chat("chat", MESSAGES, preset=True, temperature=0))

    assert stub.asked[0][2] == {"messages": MESSAGES, "model": "@preset/chat", "temperature": 0}


def test_the_client_streams(tmp_path: Path, stub: Stub) -> None:
    gateway = emitted_client(tmp_path, stub)

    async def read() -> list[str]:
        return [c.choices[0].delta.content async for c in gateway.stream("chat", MESSAGES)]

    assert asyncio.run(read()) == ["hi"]


def test_the_client_does_not_retry(tmp_path: Path, stub: Stub) -> None:
    gateway = emitted_client(tmp_path, stub)
    stub.statuses = [503]

    with pytest.raises(openai.InternalServerError):
        asyncio.run(gateway.chat("chat", MESSAGES))

    assert len(stub.asked) == 1


def test_the_client_gives_up_at_the_deadline(tmp_path: Path, stub: Stub) -> None:
    gateway = emitted_client(tmp_path, stub, deadline_s=0.05)
    stub.may_answer.clear()

    with pytest.raises(TimeoutError):
        asyncio.run(gateway.chat("chat", MESSAGES))


def test_a_long_session_is_hashed(tmp_path: Path, stub: Stub) -> None:
    gateway = emitted_client(tmp_path, stub)

    assert len(gateway.body("chat", session="x" * 1000)["session_id"]) == 64


# --- What the client decides ----------------------------------------------------------------------

BIG = Deployment("chat/openai/big", "openai", "big")
CLEVER = Deployment("chat/anthropic/clever", "anthropic", "clever")
ARMS = (Arm("a", 0.9, Target(BIG.id)), Arm("b", 0.1, Target(CLEVER.id)))


def experiment(by: str) -> Routing:
    return Routing((Route("chat", Split("new-model", ARMS, by)),), (BIG, CLEVER))


def test_the_client_takes_the_arm_that_the_engine_takes_for_the_same_user(
    tmp_path: Path, stub: Stub
) -> None:
    routing = experiment("user")
    gateway = emitted(routing, tmp_path, stub)
    split = routing.routes[0].node
    assert isinstance(split, Split)
    users = [f"user-{number}" for number in range(1000)]

    taken = [gateway.choose("chat", {"user": user}) for user in users]

    engine = [share_of(split, Request(user=user), iter(())) for user in users]
    assert taken == [("chat/a", "chat/b")[index] for index in engine]
    assert 60 < taken.count("chat/b") < 140


def test_who_is_not_named_draws_an_arm_for_each_request(tmp_path: Path, stub: Stub) -> None:
    draws = iter([0.89, 0.9, 0.5])
    gateway = emitted(experiment("metadata.tenant"), tmp_path, stub, draw=lambda: next(draws))

    asyncio.run(gateway.chat("chat", MESSAGES))
    asyncio.run(gateway.chat("chat", MESSAGES))
    asyncio.run(gateway.chat("chat", MESSAGES))

    assert [body["model"] for _, _, body in stub.asked] == [
        "openai/big",
        "anthropic/clever",
        "openai/big",
    ]


def test_the_client_routes_by_task_and_sends_the_metadata_too(tmp_path: Path, stub: Stub) -> None:
    by_task = Switch((Case(Condition("task", "eq", "code"), Ref("code")),), Ref("talk"))
    routes = (
        Route("assistant", by_task),
        Route("code", Target(CLEVER.id)),
        Route("talk", Target(BIG.id)),
    )
    gateway = emitted(Routing(routes, (BIG, CLEVER)), tmp_path, stub)

    asyncio.run(gateway.chat("assistant", MESSAGES, metadata={"task": "code"}))
    asyncio.run(gateway.chat("assistant", MESSAGES))

    assert [body["model"] for _, _, body in stub.asked] == ["anthropic/clever", "openai/big"]
    assert stub.asked[0][2]["metadata"] == {"task": "code"}


def test_a_team_that_stays_in_the_eu_asks_its_host(tmp_path: Path, stub: Stub) -> None:
    inside = Case(Condition("team.region", "eq", "eu"), Target(CLEVER.id))
    teams = (Team("web", region="eu"), Team("lab"))
    routing = Routing(
        (Route("chat", Switch((inside,), Target(BIG.id))),), (BIG, CLEVER), teams=teams
    )

    web = emitted(routing, tmp_path, stub, team="web")
    lab = emitted(routing, tmp_path, stub, team="lab")

    eu = web.routes[web.choose("chat", {})]
    assert eu["base_url"] == "https://eu.openrouter.ai/api/v1"
    assert lab.routes[lab.choose("chat", {})]["base_url"] == stub.url


def test_a_team_asks_for_its_own_routes_only(tmp_path: Path, stub: Stub) -> None:
    teams = (Team("web", routes=("other",)),)
    gateway = emitted(replace(experiment("user"), teams=teams), tmp_path, stub, team="web")

    with pytest.raises(PermissionError):
        asyncio.run(gateway.chat("chat", MESSAGES))

    assert stub.asked == []


def test_the_client_asks_for_the_cache_only_where_the_profile_does(
    tmp_path: Path, stub: Stub
) -> None:
    routing = Routing(
        (Route("chat", Target(BIG.id)), Route("fresh", Target(CLEVER.id))),
        (BIG, CLEVER),
        caches=(Cache("exact", 3600.0, routes=("chat",)),),
    )
    gateway = emitted(routing, tmp_path, stub)

    asyncio.run(gateway.chat("chat", MESSAGES))
    asyncio.run(gateway.chat("fresh", MESSAGES))

    sent = [
        {k.lower(): v for k, v in headers.items() if k.lower().startswith("x-openrouter-")}
        for headers in stub.headers
    ]
    assert sent == [
        {"x-openrouter-cache": "true", "x-openrouter-cache-ttl": "3600"},
        {"x-openrouter-cache": "false"},
    ]
