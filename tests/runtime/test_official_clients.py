"""The providers' own clients, pointed at the stub: what they read in its answers is what the provider
says. They are the judges of the wires that the runtime speaks and the stub answers in."""

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

import anthropic
import boto3
import cohere
import ollama
import pytest
from anthropic import AnthropicVertex
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError
from cohere.core.api_error import ApiError
from google import genai
from google.genai import errors, types
from google.oauth2.credentials import Credentials
from urllib3.exceptions import ProtocolError

from runtime.stub import Fault, StubServer, running_stub, tokens

pytestmark = pytest.mark.slow

ASKS = "How is the weather in Oslo?"
ASKED_TOKENS = tokens(ASKS)
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CALLED = {"city": "stub"}
"""What the stub makes of the schema, as a tool's arguments and as JSON."""
PIXEL = base64.b64decode(b"R0lGODlhAQABAAAAACwAAAAAAQABAAACAkQBADs=")
BUSY = {"retry_after_s": 7.0, "message": "Slow down, please."}


@pytest.fixture(scope="module")
def stub() -> Iterator[StubServer]:
    with running_stub(between_chunks_s=0) as server:
        yield server


@pytest.fixture
def place(stub: StubServer, request: pytest.FixtureRequest) -> str:
    """A deployment of the test's own, so that faults befall nobody else. Brackets would be a glob."""
    return re.sub(r"\W", "-", request.node.name)


# --- Cohere --------------------------------------------------------------------------------------

COHERE_ASKS: list[Any] = [{"role": "user", "content": ASKS}]
COHERE_TOOL: Any = {"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}


@pytest.fixture
def co(stub: StubServer, place: str) -> cohere.ClientV2:
    return cohere.ClientV2(api_key="k", base_url=stub.base_url(place), max_retries=0)


def test_coheres_client_reads_an_answer_and_the_same_as_a_stream(co: cohere.ClientV2) -> None:
    whole = co.chat(model="command-a", messages=COHERE_ASKS)
    events = list(co.chat_stream(model="command-a", messages=COHERE_ASKS))

    assert whole.finish_reason == "COMPLETE"
    assert whole.message.content is not None
    said = whole.message.content[0].text
    assert said.startswith("This is the stub provider")
    assert whole.usage is not None
    assert whole.usage.billed_units is not None
    assert whole.usage.billed_units.input_tokens == ASKED_TOKENS
    deltas = [e.delta.message.content.text for e in events if e.type == "content-delta"]
    assert "".join(deltas) == said
    end = events[-1]
    assert (end.type, end.delta.finish_reason) == ("message-end", "COMPLETE")
    assert end.delta.usage == whole.usage


def test_coheres_client_reads_tool_calls(co: cohere.ClientV2) -> None:
    asked: Any = {"messages": COHERE_ASKS, "tools": [COHERE_TOOL], "tool_choice": "REQUIRED"}

    whole = co.chat(model="command-a", **asked)
    events = list(co.chat_stream(model="command-a", **asked))

    assert whole.finish_reason == "TOOL_CALL"
    assert whole.message.tool_calls is not None
    [call] = whole.message.tool_calls
    assert call.function is not None
    assert (call.function.name, json.loads(call.function.arguments or "")) == ("weather", CALLED)
    [start] = [e.delta.message.tool_calls for e in events if e.type == "tool-call-start"]
    arguments = [
        e.delta.message.tool_calls.function.arguments for e in events if e.type == "tool-call-delta"
    ]
    assert (start.id, start.function.name) == (call.id, "weather")
    assert json.loads("".join(arguments)) == CALLED


def test_coheres_client_asks_for_json_with_an_image(co: cohere.ClientV2) -> None:
    url = f"data:image/gif;base64,{base64.b64encode(PIXEL).decode()}"
    image: Any = {"type": "image_url", "image_url": {"url": url}}
    content = [{"type": "text", "text": ASKS}, image]

    answer = co.chat(
        model="command-a",
        messages=[{"role": "user", "content": content}],
        response_format={"type": "json_object", "json_schema": SCHEMA},  # type: ignore[arg-type]  # as documented
    )

    assert answer.message.content is not None
    assert json.loads(answer.message.content[0].text) == CALLED


def test_coheres_client_reads_vectors(co: cohere.ClientV2) -> None:
    answer = co.embed(
        model="embed-v4.0",
        input_type="search_query",
        texts=["a", "bcdef"],
        embedding_types=["float"],
        output_dimension=4,
    )

    assert answer.embeddings.float_ is not None
    assert [len(vector) for vector in answer.embeddings.float_] == [4, 4]
    assert answer.meta is not None
    assert answer.meta.billed_units is not None
    assert answer.meta.billed_units.input_tokens == 3


def test_coheres_client_knows_the_faults_as_its_own_errors(
    stub: StubServer, co: cohere.ClientV2, place: str
) -> None:
    stub.add_fault(Fault("rate_limit", deployment=place, times=1, **BUSY))
    with pytest.raises(cohere.TooManyRequestsError) as busy:
        co.chat(model="command-a", messages=COHERE_ASKS)
    stub.add_fault(Fault("http", deployment=place, times=1, status=500))
    with pytest.raises(cohere.InternalServerError):
        co.chat(model="command-a", messages=COHERE_ASKS)
    stub.add_fault(Fault("rate_limit", deployment=place, times=1, **BUSY))
    with pytest.raises(ApiError):
        co.embed(model="e", input_type="clustering", texts=["a"], embedding_types=["float"])

    assert busy.value.headers is not None
    assert busy.value.headers["retry-after"] == "7"
    assert busy.value.body["message"] == "Slow down, please."


def test_coheres_client_is_told_of_an_error_in_a_stream(
    stub: StubServer, co: cohere.ClientV2, place: str
) -> None:
    stub.add_fault(Fault("stream_error", deployment=place))

    *_, end = co.chat_stream(model="command-a", messages=COHERE_ASKS)

    assert (end.type, end.delta.finish_reason) == ("message-end", "ERROR")
    assert end.delta.error == "The server had an error."


# --- Ollama --------------------------------------------------------------------------------------

LLAMA_ASKS: Any = {"model": "llama3.3:70b", "messages": [{"role": "user", "content": ASKS}]}
LLAMA_TOOL: Any = {"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}


@pytest.fixture
def llama(stub: StubServer, place: str) -> ollama.Client:
    return ollama.Client(host=stub.base_url(place))


def test_ollamas_client_reads_an_answer_and_the_same_as_a_stream(llama: ollama.Client) -> None:
    whole = llama.chat(**LLAMA_ASKS)
    *pieces, end = llama.chat(**LLAMA_ASKS, stream=True)

    said = whole.message.content
    assert said is not None
    assert said.startswith("This is the stub provider")
    assert "".join(piece.message.content or "" for piece in pieces) == said
    assert (whole.done, whole.done_reason, whole.prompt_eval_count) == (True, "stop", ASKED_TOKENS)
    assert not any(piece.done for piece in pieces)
    assert end == whole.model_copy(update={"message": end.message})
    assert end.message.content == ""


def test_ollamas_client_reads_tool_calls_until_a_result_has_come(llama: ollama.Client) -> None:
    whole = llama.chat(**LLAMA_ASKS, tools=[LLAMA_TOOL])
    *pieces, end = llama.chat(**LLAMA_ASKS, tools=[LLAMA_TOOL], stream=True)
    result = {"role": "tool", "tool_name": "weather", "content": "cold"}
    turns = [*LLAMA_ASKS["messages"], whole.message, result]
    then = llama.chat(model="llama3.3:70b", messages=turns, tools=[LLAMA_TOOL])

    for message in (whole.message, pieces[0].message):
        assert message.tool_calls is not None
        [call] = message.tool_calls
        assert (call.function.name, call.function.arguments) == ("weather", CALLED)
    assert end.done_reason == "stop"
    assert then.message.tool_calls is None
    assert then.message.content


def test_ollamas_client_asks_for_json_with_an_image_and_a_limit(llama: ollama.Client) -> None:
    asked: Any = [{"role": "user", "content": ASKS, "images": [PIXEL]}]

    of_schema = llama.chat(model="llama3.3:70b", messages=asked, format=SCHEMA)
    cut = llama.chat(**LLAMA_ASKS, options={"num_predict": 2})

    assert json.loads(of_schema.message.content or "") == CALLED
    assert (cut.done_reason, cut.eval_count) == ("length", 2)


def test_ollamas_client_completes_a_prompt(llama: ollama.Client) -> None:
    whole = llama.generate(model="llama3.3:70b", prompt=ASKS, system="Be brief.")
    *pieces, end = llama.generate(
        model="llama3.3:70b", prompt=ASKS, system="Be brief.", stream=True
    )

    assert whole.response
    assert "".join(piece.response or "" for piece in pieces) == whole.response
    assert (end.done_reason, end.prompt_eval_count) == ("stop", ASKED_TOKENS + tokens("Be brief."))


def test_ollamas_client_reads_vectors(llama: ollama.Client) -> None:
    answer = llama.embed(model="nomic-embed-text", input=["a", "bcdef"], dimensions=4)

    assert [len(vector) for vector in answer.embeddings] == [4, 4]
    assert answer.prompt_eval_count == 3


def test_ollamas_client_knows_the_faults_as_its_own_errors(
    stub: StubServer, llama: ollama.Client, place: str
) -> None:
    told = []
    for fault in ({"kind": "down"}, {"kind": "http", "status": 404, "message": "model not found"}):
        stub.add_fault(Fault(deployment=place, times=3, **fault))
        for ask in (
            lambda: llama.chat(**LLAMA_ASKS),
            lambda: list(llama.chat(**LLAMA_ASKS, stream=True)),
            lambda: llama.embed(model="nomic-embed-text", input="a"),
        ):
            with pytest.raises(ollama.ResponseError) as caught:
                ask()
            told.append((caught.value.status_code, caught.value.error))

    assert told == [(503, "The service is unavailable.")] * 3 + [(404, "model not found")] * 3


def test_ollamas_client_is_told_of_an_error_in_a_stream(
    stub: StubServer, llama: ollama.Client, place: str
) -> None:
    stub.add_fault(Fault("stream_error", deployment=place))

    with pytest.raises(ollama.ResponseError, match="The server had an error"):
        list(llama.chat(**LLAMA_ASKS, stream=True))


# --- Bedrock -------------------------------------------------------------------------------------

CONVERSES: Any = {
    "modelId": "eu.anthropic.claude-opus-5:0",
    "messages": [
        {
            "role": "user",
            "content": [{"text": ASKS}, {"image": {"format": "gif", "source": {"bytes": PIXEL}}}],
        }
    ],
}
BEDROCK_TOOLS: Any = {
    "tools": [{"toolSpec": {"name": "weather", "inputSchema": {"json": SCHEMA}}}],
    "toolChoice": {"any": {}},
}


@pytest.fixture
def bedrock(stub: StubServer, place: str) -> Any:
    return boto3.client(
        "bedrock-runtime",
        endpoint_url=stub.base_url(place),
        region_name="eu-central-1",
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="secret",
        config=Config(retries={"total_max_attempts": 1}),
    )


def test_amazons_client_reads_an_answer_and_the_same_as_a_stream(bedrock: Any) -> None:
    whole = bedrock.converse(**CONVERSES)
    events = list(bedrock.converse_stream(**CONVERSES)["stream"])

    assert whole["stopReason"] == "end_turn"
    assert whole["usage"]["inputTokens"] == ASKED_TOKENS
    [block] = whole["output"]["message"]["content"]
    deltas = [e["contentBlockDelta"]["delta"]["text"] for e in events if "contentBlockDelta" in e]
    assert "".join(deltas) == block["text"]
    assert events[0]["messageStart"]["role"] == "assistant"
    assert events[-2]["messageStop"]["stopReason"] == "end_turn"
    assert events[-1]["metadata"]["usage"] == whole["usage"]


def test_amazons_client_reads_tool_calls(bedrock: Any) -> None:
    whole = bedrock.converse(**CONVERSES, toolConfig=BEDROCK_TOOLS)
    events = list(bedrock.converse_stream(**CONVERSES, toolConfig=BEDROCK_TOOLS)["stream"])

    [block] = whole["output"]["message"]["content"]
    assert (block["toolUse"]["name"], block["toolUse"]["input"]) == ("weather", CALLED)
    [start] = [e["contentBlockStart"]["start"] for e in events if "contentBlockStart" in e]
    assert start["toolUse"]["toolUseId"] == block["toolUse"]["toolUseId"]
    [delta] = [e["contentBlockDelta"]["delta"] for e in events if "contentBlockDelta" in e]
    assert json.loads(delta["toolUse"]["input"]) == CALLED
    assert events[-2]["messageStop"]["stopReason"] == "tool_use"


def test_amazons_client_asks_for_json(bedrock: Any) -> None:
    structure = {"jsonSchema": {"name": "place", "schema": json.dumps(SCHEMA)}}
    form = {"textFormat": {"type": "json_schema", "structure": structure}}

    answer = bedrock.converse(**CONVERSES, outputConfig=form)

    assert json.loads(answer["output"]["message"]["content"][0]["text"]) == CALLED


@pytest.mark.parametrize(
    ("model", "body", "read"),
    [
        (
            "amazon.titan-embed-text-v2:0",
            {"inputText": "abcde", "dimensions": 4},
            lambda answer: ([answer["embedding"]], answer["inputTextTokenCount"]),
        ),
        (
            "cohere.embed-v4:0",
            {
                "texts": ["abcde"],
                "input_type": "search_query",
                "embedding_types": ["float"],
                "output_dimension": 4,
            },
            lambda answer: (answer["embeddings"]["float"], 2),
        ),
    ],
)
def test_amazons_client_invokes_a_model_for_vectors(
    bedrock: Any, model: str, body: Any, read: Any
) -> None:
    answer = bedrock.invoke_model(modelId=model, body=json.dumps(body))

    vectors, count = read(json.loads(answer["body"].read()))
    assert [len(vector) for vector in vectors] == [4]
    assert count == tokens("abcde")


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        ({"kind": "rate_limit", **BUSY}, "ThrottlingException"),
        ({"kind": "http", "status": 500}, "InternalServerException"),
        ({"kind": "down"}, "ServiceUnavailableException"),
        ({"kind": "context_length"}, "ValidationException"),
        ({"kind": "http", "status": 408}, "ModelTimeoutException"),
    ],
)
def test_amazons_client_knows_the_faults_as_its_own_errors(
    stub: StubServer, bedrock: Any, place: str, fault: Any, name: str
) -> None:
    stub.add_fault(Fault(deployment=place, **fault))

    for ask in (bedrock.converse, bedrock.converse_stream):
        with pytest.raises(bedrock.exceptions.from_code(name)) as caught:
            ask(**CONVERSES)

        assert isinstance(caught.value, ClientError)
        told = caught.value.response["ResponseMetadata"]["HTTPHeaders"].get("retry-after")
        assert told == ("7" if fault["kind"] == "rate_limit" else None)


def test_amazons_client_is_told_of_an_error_in_a_stream_and_sees_a_cut_one(
    stub: StubServer, bedrock: Any, place: str
) -> None:
    stub.add_fault(Fault("stream_error", deployment=place, times=1))
    with pytest.raises(EventStreamError, match="internalServerException"):
        list(bedrock.converse_stream(**CONVERSES)["stream"])
    stub.add_fault(Fault("cut_stream", deployment=place, times=1))
    with pytest.raises(ProtocolError):
        list(bedrock.converse_stream(**CONVERSES)["stream"])


# --- Vertex AI, and Google's own API -------------------------------------------------------------


@pytest.fixture(params=["vertex", "gemini"])
def google(stub: StubServer, place: str, request: pytest.FixtureRequest) -> genai.Client:
    at = types.HttpOptions(base_url=stub.base_url(place))
    if request.param == "gemini":
        return genai.Client(api_key="k", http_options=at)
    return genai.Client(
        vertexai=True,
        project="shop",
        location="europe-west4",
        credentials=Credentials("an-access-token"),  # type: ignore[no-untyped-call]  # google-auth's
        http_options=at,
    )


def test_googles_client_reads_an_answer_and_the_same_as_a_stream(
    stub: StubServer, google: genai.Client, place: str
) -> None:
    pixel = types.Part.from_bytes(data=PIXEL, mime_type="image/gif")
    asked: Any = [types.Content(role="user", parts=[types.Part(text=ASKS), pixel])]

    whole = google.models.generate_content(model="gemini-4-argon", contents=asked)
    chunks = list(google.models.generate_content_stream(model="gemini-4-argon", contents=asked))

    assert whole.text is not None
    assert "".join(chunk.text or "" for chunk in chunks) == whole.text
    assert chunks[-1].candidates is not None
    assert chunks[-1].candidates[0].finish_reason is types.FinishReason.STOP
    assert whole.usage_metadata is not None
    assert whole.usage_metadata.prompt_token_count == ASKED_TOKENS
    assert chunks[-1].usage_metadata == whole.usage_metadata
    if google.vertexai:
        path = stub.received[-1].path
        assert "/projects/shop/locations/europe-west4/publishers/google/models/" in path


def test_googles_client_reads_tool_calls_and_json(google: genai.Client) -> None:
    tool = types.Tool(
        function_declarations=[
            types.FunctionDeclaration(name="weather", parameters_json_schema=SCHEMA)
        ]
    )
    must = types.ToolConfig(
        function_calling_config=types.FunctionCallingConfig(
            mode=types.FunctionCallingConfigMode.ANY
        )
    )
    off = types.AutomaticFunctionCallingConfig(disable=True)

    called = google.models.generate_content(
        model="gemini-4-argon",
        contents=ASKS,
        config=types.GenerateContentConfig(
            tools=[tool], tool_config=must, automatic_function_calling=off
        ),
    )
    said = google.models.generate_content(
        model="gemini-4-argon",
        contents=ASKS,
        config=types.GenerateContentConfig(
            response_mime_type="application/json", response_json_schema=SCHEMA
        ),
    )

    assert called.function_calls is not None
    assert [(c.name, c.args) for c in called.function_calls] == [("weather", CALLED)]
    assert json.loads(said.text or "") == CALLED


@pytest.mark.parametrize("model", ["gemini-embedding-001", "text-embedding-005"])
@pytest.mark.parametrize("texts", [["abcde"], ["a", "b"]])
def test_googles_client_reads_vectors(google: genai.Client, model: str, texts: list[Any]) -> None:
    size = types.EmbedContentConfig(output_dimensionality=4)

    answer = google.models.embed_content(model=model, contents=texts, config=size)

    assert answer.embeddings is not None
    assert [len(one.values or []) for one in answer.embeddings] == [4] * len(texts)


def test_googles_client_knows_the_faults_as_its_own_errors(
    stub: StubServer, google: genai.Client, place: str
) -> None:
    stub.add_fault(Fault("rate_limit", deployment=place, times=1, **BUSY))
    with pytest.raises(errors.ClientError) as busy:
        google.models.generate_content(model="gemini-4-argon", contents=ASKS)
    stub.add_fault(Fault("http", deployment=place, times=1, status=500))
    with pytest.raises(errors.ServerError) as broken:
        list(google.models.generate_content_stream(model="gemini-4-argon", contents=ASKS))

    assert (busy.value.code, busy.value.status) == (429, "RESOURCE_EXHAUSTED")
    assert (broken.value.code, broken.value.status) == (500, "INTERNAL")


# --- Anthropic's models on Vertex AI -------------------------------------------------------------

CLAUDE_ASKS: Any = {
    "model": "claude-opus-5@20260401",
    "max_tokens": 500,
    "messages": [{"role": "user", "content": ASKS}],
}


@pytest.fixture
def claude(stub: StubServer, place: str) -> AnthropicVertex:
    return AnthropicVertex(
        region="europe-west1",
        project_id="shop",
        access_token="an-access-token",
        base_url=f"{stub.base_url(place)}/v1",
        max_retries=0,
    )


def test_anthropics_client_on_vertex_reads_an_answer_and_the_same_as_a_stream(
    stub: StubServer, claude: AnthropicVertex
) -> None:
    whole = claude.messages.create(**CLAUDE_ASKS)
    with claude.messages.stream(**CLAUDE_ASKS) as stream:
        said, final = "".join(stream.text_stream), stream.get_final_message()

    [block] = whole.content
    assert block.type == "text"
    assert said == block.text
    assert (whole.stop_reason, final.stop_reason) == ("end_turn", "end_turn")
    assert whole.model == "claude-opus-5@20260401"
    assert whole.usage.input_tokens == final.usage.input_tokens == ASKED_TOKENS
    assert whole.usage.output_tokens == final.usage.output_tokens


def test_anthropics_client_on_vertex_reads_tool_calls(claude: AnthropicVertex) -> None:
    tools: Any = [{"name": "weather", "input_schema": SCHEMA}]

    answer = claude.messages.create(**CLAUDE_ASKS, tools=tools, tool_choice={"type": "any"})

    [block] = answer.content
    assert block.type == "tool_use"
    assert (block.name, block.input) == ("weather", CALLED)


def test_anthropics_client_on_vertex_knows_the_faults_as_its_own_errors(
    stub: StubServer, claude: AnthropicVertex, place: str
) -> None:
    stub.add_fault(Fault("rate_limit", deployment=place, times=1, **BUSY))
    with pytest.raises(anthropic.RateLimitError) as busy:
        claude.messages.create(**CLAUDE_ASKS)
    stub.add_fault(Fault("http", deployment=place, times=1, status=500))
    with pytest.raises(anthropic.InternalServerError):
        claude.messages.create(**CLAUDE_ASKS)

    assert busy.value.response.headers["retry-after"] == "7"
