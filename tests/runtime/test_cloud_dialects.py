"""What Cohere, Bedrock and Vertex AI are sent, word for word, and what their errors and vectors mean."""

from typing import Any

import orjson
import pytest
from openai.types import CreateEmbeddingResponse
from openai.types.chat import ChatCompletion

from runtime.upstream import (
    DIALECTS,
    Target,
    Translated,
    UntranslatableError,
    UpstreamFailure,
    dialect_of,
    read_answer,
    translate,
)
from tests.runtime.test_upstream_dialects import DIALOGUE, TOOL

COHERE = Target("https://api.cohere.example", "command-a", "s3cret")
BEDROCK = Target("https://bedrock.example", "eu.anthropic.claude-opus-5:0", "s3cret", region="eu-central-1")  # fmt: skip
VERTEX = Target(
    "https://vertex.example",
    "gemini-4-argon",
    "s3cret",
    {"vertex_project": "shop"},
    region="europe-west4",
)
SCHEMA = TOOL["function"]["parameters"]  # type: ignore[index]
FORM = {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA}}


def _sent(name: str, body: dict[str, Any], target: Target) -> tuple[Translated, Any]:
    translated = translate(DIALECTS[name].request, target, body)
    return translated, orjson.loads(translated.request.body)


# --- Cohere --------------------------------------------------------------------------------------


def test_cohere_gets_openais_messages_with_a_few_words_of_its_own() -> None:
    translated, body = _sent("cohere", {**DIALOGUE, "top_p": 0.9, "seed": 1}, COHERE)

    assert translated.request.url == "https://api.cohere.example/v2/chat"
    assert translated.request.headers["authorization"] == "Bearer s3cret"
    assert translated.dropped == ()
    call = {"type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    assert body == {
        "model": "command-a",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Where is this?"}, image]},
            {"role": "assistant", "tool_calls": [{"id": "call_1", **call}, {"id": "call_2", **call}]},
            {"role": "tool", "tool_call_id": "call_1", "content": '{"c": 4}'},
            {"role": "tool", "tool_call_id": "call_2", "content": "cold"},
        ],
        "temperature": 0.2,
        "p": 0.9,
        "seed": 1,
        "max_tokens": 50,
        "stop_sequences": ["END"],
        "tools": [TOOL],
        "tool_choice": "REQUIRED",
    }  # fmt: skip


def test_cohere_is_asked_for_a_stream_of_server_sent_events() -> None:
    stream, _ = _sent("cohere", {**DIALOGUE, "stream": True}, COHERE)
    whole, _ = _sent("cohere", DIALOGUE, COHERE)

    assert stream.request.headers["accept"] == "text/event-stream"
    assert "accept" not in whole.request.headers


def test_one_tool_is_chosen_at_cohere_by_giving_no_other() -> None:
    other = {"type": "function", "function": {"name": "other"}}
    choice = {"type": "function", "function": {"name": "weather"}}

    _, body = _sent("cohere", {**DIALOGUE, "tools": [other, TOOL], "tool_choice": choice}, COHERE)

    assert (body["tools"], body["tool_choice"]) == ([TOOL], "REQUIRED")


def test_what_cohere_says_beside_calls_is_its_plan_both_ways() -> None:
    plan = {"tool_plan": "Let me look.", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}  # fmt: skip
    payload = {"id": "x", "message": plan, "finish_reason": "TOOL_CALL"}

    answer = _read("cohere", payload)
    message = answer["choices"][0]["message"]
    _, body = _sent("cohere", {"messages": [message]}, COHERE)

    assert message["content"] == "Let me look."
    assert body["messages"] == [{"role": "assistant", **plan}]


def test_cohere_counts_what_it_bills() -> None:
    payload = {
        "id": "x",
        "message": {"content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "hi"}]},
        "finish_reason": "COMPLETE",
        "usage": {"billed_units": {"input_tokens": 3.0, "output_tokens": 1.0}, "tokens": {"input_tokens": 70.0, "output_tokens": 2.0}, "cached_tokens": 2.0},
    }  # fmt: skip

    answer = _read("cohere", payload)

    completion = ChatCompletion.model_validate(answer, strict=True)
    assert completion.usage is not None
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (3, 1)
    assert answer["usage"]["prompt_tokens_details"]["cached_tokens"] == 2
    assert answer["choices"][0]["message"]["reasoning_content"] == "hm"


@pytest.mark.parametrize(("reason", "token"), [("ERROR", "500"), ("TIMEOUT", "504")])
def test_an_answer_that_cohere_did_not_finish_is_a_failure(reason: str, token: str) -> None:
    payload = {"id": "x", "message": {"content": []}, "finish_reason": reason}

    failure = read_answer(
        DIALECTS["cohere"].response, DIALECTS["cohere"], 200, {}, orjson.dumps(payload), "m"
    )

    assert isinstance(failure, UpstreamFailure)
    assert failure.token == token


# --- Bedrock -------------------------------------------------------------------------------------


def test_bedrock_gets_blocks_and_tool_results_in_one_message() -> None:
    body = {**DIALOGUE, "response_format": FORM, "reasoning_effort": "low", "top_k": 5}

    translated, said = _sent("bedrock", body, BEDROCK)

    url = "https://bedrock.example/model/eu.anthropic.claude-opus-5:0/converse"
    assert translated.request.url == url
    assert translated.request.headers["authorization"] == "Bearer s3cret"
    assert translated.dropped == ()
    use = {"name": "weather", "input": {"city": "Oslo"}}
    schema = '{"type":"object","properties":{"city":{"type":"string"}}}'
    structure = {"jsonSchema": {"schema": schema, "name": "place"}}
    assert said == {
        "system": [{"text": "Be brief."}],
        "messages": [
            {"role": "user", "content": [{"text": "Where is this?"}, {"image": {"format": "png", "source": {"bytes": "AAAA"}}}]},
            {"role": "assistant", "content": [{"toolUse": {"toolUseId": "call_1", **use}}, {"toolUse": {"toolUseId": "call_2", **use}}]},
            {
                "role": "user",
                "content": [
                    {"toolResult": {"toolUseId": "call_1", "content": [{"text": '{"c": 4}'}]}},
                    {"toolResult": {"toolUseId": "call_2", "content": [{"text": "cold"}]}},
                ],
            },
        ],
        "inferenceConfig": {"maxTokens": 50, "temperature": 0.2, "stopSequences": ["END"]},
        "toolConfig": {
            "tools": [{"toolSpec": {"name": "weather", "description": "Weather of a place", "inputSchema": {"json": SCHEMA}}}],
            "toolChoice": {"any": {}},
        },
        "outputConfig": {"textFormat": {"type": "json_schema", "structure": structure}, "effort": "low"},
        "additionalModelRequestFields": {"top_k": 5},
    }  # fmt: skip


def test_bedrock_streams_from_its_own_operation() -> None:
    translated, body = _sent("bedrock", {**DIALOGUE, "stream": True}, BEDROCK)

    assert translated.request.url.endswith("/converse-stream")
    assert translated.request.is_stream
    assert "stream" not in body


def test_a_cache_point_follows_the_part_that_is_marked() -> None:
    part = {"type": "text", "text": "long", "cache_control": {"type": "ephemeral", "ttl": "1h"}}

    _, body = _sent("bedrock", {"messages": [{"role": "user", "content": [part]}]}, BEDROCK)

    point = {"cachePoint": {"type": "default", "ttl": "1h"}}
    assert body["messages"][0]["content"] == [{"text": "long"}, point]


def test_no_tool_is_said_to_bedrock_by_giving_none_unless_some_were_called() -> None:
    fresh = {
        "messages": [{"role": "user", "content": "hi"}],
        "tools": [TOOL],
        "tool_choice": "none",
    }

    translated, body = _sent("bedrock", fresh, BEDROCK)
    kept, after_calls = _sent("bedrock", {**DIALOGUE, "tool_choice": "none"}, BEDROCK)

    assert ("toolConfig" in body, translated.dropped) == (False, ())
    assert ("toolConfig" in after_calls, kept.dropped) == (True, ("tool_choice",))


def test_a_file_has_its_name_in_letters_that_bedrock_takes() -> None:
    part = {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA", "filename": "Q3/r\u00e9sum\u00e9 (2).pdf"}}  # fmt: skip

    _, body = _sent("bedrock", {"messages": [{"role": "user", "content": [part]}]}, BEDROCK)

    [block] = body["messages"][0]["content"]
    source = {"bytes": "AAAA"}
    assert block == {"document": {"format": "pdf", "name": "Q3-r-sum-(2)-pdf", "source": source}}


def test_an_answer_of_bedrock_comes_back_in_openais_shape() -> None:
    content = [
        {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}},
        {"text": "Let me look."},
        {"toolUse": {"toolUseId": "t1", "name": "weather", "input": {"city": "Oslo"}}},
    ]
    usage = {"inputTokens": 10, "cacheReadInputTokens": 90, "outputTokens": 7, "totalTokens": 107}
    payload = {"output": {"message": {"role": "assistant", "content": content}}, "stopReason": "tool_use", "usage": usage}  # fmt: skip

    answer = _read("bedrock", payload)

    completion = ChatCompletion.model_validate(answer, strict=True)
    message = completion.choices[0].message
    assert message.content == "Let me look."
    assert message.tool_calls is not None
    assert message.tool_calls[0].to_dict()["function"] == {"name": "weather", "arguments": '{"city":"Oslo"}'}  # fmt: skip
    assert answer["choices"][0]["message"]["reasoning_content"] == "hm"
    assert completion.usage is not None
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (100, 7)


@pytest.mark.parametrize(
    ("status", "name", "message", "token"),
    [
        (429, "ThrottlingException", "Too many tokens, please wait before trying again.", "429"),
        (429, "ModelNotReadyException", "The model is not ready.", "429"),
        (400, "ServiceQuotaExceededException", "Your quota is used up.", "429"),
        (400, "ValidationException:http://internal.amazon.com/", "Input is too long for requested model.", "context_length"),
        (400, "ValidationException", "The provided model identifier is invalid.", "400"),
        (403, "AccessDeniedException", "You don't have access to the model.", "403"),
        (408, "ModelTimeoutException", "It took too long.", "408"),
        (424, "ModelErrorException", "The model failed.", "424"),
        (503, "ServiceUnavailableException", "Try again later.", "503"),
    ],
)  # fmt: skip
def test_amazons_errors_have_the_token_that_tells_most(
    status: int, name: str, message: str, token: str
) -> None:
    body = orjson.dumps({"message": message})

    failure = DIALECTS["bedrock"].error(status, {"x-amzn-errortype": name}, body)

    assert (failure.token, failure.status, failure.message) == (token, status, message)


@pytest.mark.parametrize("reason", ["malformed_model_output", "malformed_tool_use"])
def test_what_bedrock_itself_calls_malformed_is_no_answer(reason: str) -> None:
    message = {"content": [{"text": "x"}]}
    usage = {"inputTokens": 1, "outputTokens": 1}
    payload = {"output": {"message": message}, "stopReason": reason, "usage": usage}

    failure = read_answer(
        DIALECTS["bedrock"].response, DIALECTS["bedrock"], 200, {}, orjson.dumps(payload), "m"
    )

    assert isinstance(failure, UpstreamFailure)
    assert failure.token == "malformed"


# --- Vertex AI -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gemini-4-argon", "vertex"),
        ("text-embedding-005", "vertex"),
        ("claude-opus-5@20260401", "vertex_anthropic"),
        ("zai-org/glm-5.2-maas", "vertex_openai"),
    ],
)
def test_vertex_is_spoken_to_in_the_words_of_the_models_maker(model: str, name: str) -> None:
    dialect = dialect_of("vertex", model)

    assert dialect is DIALECTS[name]


@pytest.mark.parametrize(
    ("name", "model", "is_stream", "path"),
    [
        ("vertex", "gemini-4", False, "publishers/google/models/gemini-4:generateContent"),
        ("vertex", "gemini-4", True, "publishers/google/models/gemini-4:streamGenerateContent?alt=sse"),
        ("vertex_anthropic", "claude-5@1", False, "publishers/anthropic/models/claude-5@1:rawPredict"),
        ("vertex_anthropic", "claude-5@1", True, "publishers/anthropic/models/claude-5@1:streamRawPredict"),
        ("vertex_openai", "zai-org/glm-5", True, "endpoints/openapi/chat/completions"),
    ],
)  # fmt: skip
def test_vertex_addresses_project_location_and_model(
    name: str, model: str, is_stream: bool, path: str
) -> None:
    target = Target("https://v.example/", model, "s3cret", {"vertex_project": "shop"}, region="eu")

    translated, _ = _sent(name, {**DIALOGUE, "stream": is_stream}, target)

    assert translated.request.url == f"https://v.example/v1/projects/shop/locations/eu/{path}"
    assert translated.request.headers["authorization"] == "Bearer s3cret"
    assert translated.request.is_stream is is_stream


def test_bodies_at_vertex_are_their_makers_own_but_for_version_and_model() -> None:
    _, google = _sent("vertex", DIALOGUE, VERTEX)
    _, googles_own = _sent("gemini", DIALOGUE, VERTEX)
    _, claude = _sent("vertex_anthropic", DIALOGUE, VERTEX)
    _, anthropics_own = _sent("anthropic", DIALOGUE, VERTEX)

    assert google == googles_own
    model = anthropics_own.pop("model")
    assert model == "gemini-4-argon"
    assert claude == {"anthropic_version": "vertex-2023-10-16", **anthropics_own}


# --- what cannot be said -------------------------------------------------------------------------

MORE = {
    "temperature": 1.5,
    "seed": 1,
    "logit_bias": {"1": 2},
    "metadata": {"tier": "gold"},
    "n": 2,
    "parallel_tool_calls": False,
    "reasoning_effort": "medium",
    "response_format": {"type": "json_object"},
    "logprobs": True,
}


@pytest.mark.parametrize(
    ("name", "dropped"),
    [
        ("cohere", ("logit_bias", "logprobs", "metadata", "n", "parallel_tool_calls", "reasoning_effort between none and high")),
        ("bedrock", ("logit_bias", "logprobs", "metadata", "n", "parallel_tool_calls", "response_format", "seed", "temperature above 1")),
        ("vertex", ("logit_bias", "metadata", "parallel_tool_calls")),
        ("vertex_anthropic", ("logit_bias", "logprobs", "metadata", "n", "response_format", "seed", "temperature above 1")),
        ("vertex_openai", ()),
    ],
)  # fmt: skip
def test_parameters_without_an_equivalent_are_named(name: str, dropped: tuple[str, ...]) -> None:
    translated, _ = _sent(name, {**DIALOGUE, **MORE}, VERTEX)

    assert translated.dropped == dropped


_IMAGE = {"type": "image_url", "image_url": {"url": "https://pictures.example/a.png"}}
_SOUND = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}


@pytest.mark.parametrize(
    ("name", "message", "why"),
    [
        ("cohere", {"role": "user", "content": [_SOUND]}, "input_audio"),
        ("cohere", {"role": "tool", "tool_call_id": "c", "content": [_IMAGE]}, "anything but text"),
        ("cohere", {"role": "oracle", "content": "x"}, "oracle"),
        ("bedrock", {"role": "user", "content": [_IMAGE]}, "fetches none"),
        ("bedrock", {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/tiff;base64,AAAA"}}]}, "image/tiff"),
        ("bedrock", {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{"}}]}, "no JSON"),
        ("bedrock", {"role": "oracle", "content": "x"}, "oracle"),
        ("gemini", {"role": "tool", "tool_call_id": "c", "name": "f", "content": [_IMAGE]}, "anything but text"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_refused_and_not_left_out(name: str, message: Any, why: str) -> None:
    with pytest.raises(UntranslatableError, match=why):
        _sent(name, {"messages": [message]}, VERTEX)


# --- vectors -------------------------------------------------------------------------------------


def _at(target: Target, model: str) -> Target:
    return Target(target.api_base, model, "s3cret", target.settings, region=target.region)


@pytest.mark.parametrize(
    ("name", "target", "path", "sent", "said", "read"),
    [
        (
            "cohere",
            _at(COHERE, "embed-v4.0"),
            "/v2/embed",
            {"model": "embed-v4.0", "texts": ["a"], "input_type": "search_document", "embedding_types": ["float"], "output_dimension": 2},
            {"embeddings": {"float": [[1.0, 2.0]]}, "meta": {"billed_units": {"input_tokens": 1.0}}},
            1,
        ),
        (
            "bedrock",
            _at(BEDROCK, "amazon.titan-embed-text-v2:0"),
            "/model/amazon.titan-embed-text-v2:0/invoke",
            {"inputText": "a", "dimensions": 2},
            {"embedding": [1.0, 2.0], "inputTextTokenCount": 1},
            1,
        ),
        (
            "bedrock",
            _at(BEDROCK, "us.cohere.embed-v4:0"),
            "/model/us.cohere.embed-v4:0/invoke",
            {"texts": ["a"], "input_type": "search_document", "embedding_types": ["float"], "output_dimension": 2},
            {"embeddings": {"float": [[1.0, 2.0]]}},
            None,
        ),
        (
            "vertex",
            _at(VERTEX, "text-embedding-005"),
            "/v1/projects/shop/locations/europe-west4/publishers/google/models/text-embedding-005:predict",
            {"instances": [{"content": "a"}], "parameters": {"outputDimensionality": 2}},
            {"predictions": [{"embeddings": {"values": [1.0, 2.0], "statistics": {"token_count": 1}}}]},
            1,
        ),
        (
            "vertex",
            _at(VERTEX, "gemini-embedding-001"),
            "/v1beta1/projects/shop/locations/europe-west4/publishers/google/models/gemini-embedding-001:batchEmbedContents",
            {"requests": [{"content": {"parts": [{"text": "a"}]}, "embedContentConfig": {"outputDimensionality": 2}}]},
            {"embeddings": [{"values": [1.0, 2.0]}], "usageMetadata": {"promptTokenCount": 1}},
            1,
        ),
    ],
)  # fmt: skip
def test_vectors_are_asked_for_and_read(
    name: str, target: Target, path: str, sent: Any, said: Any, read: int | None
) -> None:
    dialect = DIALECTS[name]
    assert dialect.embedding is not None
    asked = {
        "model": "alias",
        "input": "a",
        "dimensions": 2,
        "encoding_format": "float",
        "user": "u",
    }

    translated = translate(dialect.embedding.request, target, asked)
    answer = read_answer(
        dialect.embedding.response, dialect, 200, {}, orjson.dumps(said), target.model
    )

    assert translated.request.url == target.api_base + path
    assert orjson.loads(translated.request.body) == sent
    assert translated.dropped == ("user",)
    assert isinstance(answer, dict)
    assert answer["data"][0]["embedding"] == [1.0, 2.0]
    assert answer.get("usage", {}).get("prompt_tokens") == read
    CreateEmbeddingResponse.model_validate({"usage": {"prompt_tokens": 0, "total_tokens": 0}, **answer})  # fmt: skip


@pytest.mark.parametrize(
    ("model", "given", "why"),
    [
        ("amazon.titan-embed-text-v2:0", ["a", "b"], "one a request"),
        ("amazon.nova-embed:0", "a", "not known here"),
        ("cohere.embed-v4:0", [[1, 2]], "token numbers"),
    ],
)
def test_vectors_that_cannot_be_asked_for_are_refused(model: str, given: Any, why: str) -> None:
    embedding = DIALECTS["bedrock"].embedding
    assert embedding is not None

    with pytest.raises(UntranslatableError, match=why):
        translate(embedding.request, _at(BEDROCK, model), {"input": given})


def _read(name: str, payload: Any) -> dict[str, Any]:
    answer = read_answer(DIALECTS[name].response, DIALECTS[name], 200, {}, orjson.dumps(payload), "m")  # fmt: skip
    assert isinstance(answer, dict)
    return answer
