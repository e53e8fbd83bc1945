"""What each dialect makes of OpenAI's requests, and OpenAI's answers of what each dialect sends."""

from typing import Any

import orjson
import pytest
from openai.types import CreateEmbeddingResponse
from openai.types.chat import ChatCompletion

from runtime.upstream import (
    DIALECTS,
    Dialect,
    Target,
    UntranslatableError,
    UpstreamFailure,
    read_answer,
    translate,
)

BASE = Target("https://api.example.com", "the-model", "s3cret")
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Weather of a place",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
DIALOGUE: dict[str, Any] = {
    "model": "alias",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Where is this?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": f"call_{n}",
                    "type": "function",
                    "function": {"name": "weather", "arguments": '{"city": "Oslo"}'},
                }
                for n in (1, 2)
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": '{"c": 4}'},
        {"role": "tool", "tool_call_id": "call_2", "content": "cold"},
    ],
    "tools": [TOOL],
    "tool_choice": "required",
    "max_tokens": 50,
    "temperature": 0.2,
    "stop": "END",
}


def _sent(name: str, body: dict[str, Any], target: Target = BASE) -> tuple[Any, dict[str, Any]]:
    translated = translate(DIALECTS[name].request, target, body)
    return translated, orjson.loads(translated.request.body)


def _answer(dialect: Dialect, payload: Any, status: int = 200) -> dict[str, Any] | UpstreamFailure:
    body = payload if isinstance(payload, bytes) else orjson.dumps(payload)
    return read_answer(dialect.response, dialect, status, {}, body, "the-model")


def test_openai_gets_the_body_unchanged_but_for_the_model() -> None:
    translated, body = _sent("openai", DIALOGUE)

    assert body == {**DIALOGUE, "model": "the-model"}
    assert translated.request.url == "https://api.example.com/chat/completions"
    assert translated.request.headers["authorization"] == "Bearer s3cret"


@pytest.mark.parametrize("name", ["openai", "azure"])
def test_a_stream_is_always_asked_for_its_usage(name: str) -> None:
    translated, body = _sent(name, {**DIALOGUE, "stream": True})

    assert body["stream_options"] == {"include_usage": True}
    assert translated.request.is_stream


@pytest.mark.parametrize(
    ("version", "url"),
    [
        ("", "/openai/deployments/the-model/chat/completions?api-version=2024-10-21"),
        ("2025-01-01-preview", "/openai/deployments/the-model/chat/completions?api-version=2025-01-01-preview"),
        ("v1", "/openai/v1/chat/completions"),
        ("preview", "/openai/v1/chat/completions?api-version=preview"),
    ],
)  # fmt: skip
def test_azure_addresses_the_deployment(version: str, url: str) -> None:
    target = Target("https://eu.openai.azure.com/", "the-model", "s3cret", {"api_version": version})

    translated, _ = _sent("azure", DIALOGUE, target)

    assert translated.request.url == f"https://eu.openai.azure.com{url}"
    assert translated.request.headers["api-key"] == "s3cret"


def test_anthropic_gets_blocks_and_tool_results_in_one_message() -> None:
    translated, body = _sent("anthropic", DIALOGUE)

    assert translated.request.url == "https://api.example.com/v1/messages"
    assert translated.request.headers["x-api-key"] == "s3cret"
    assert translated.dropped == ()
    use = {"type": "tool_use", "name": "weather", "input": {"city": "Oslo"}}
    assert body == {
        "model": "the-model",
        "max_tokens": 50,
        "system": [{"type": "text", "text": "Be brief."}],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Where is this?"},
                    {
                        "type": "image",
                        "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"},
                    },
                ],
            },
            {"role": "assistant", "content": [{**use, "id": "call_1"}, {**use, "id": "call_2"}]},
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "call_1",
                        "content": [{"type": "text", "text": '{"c": 4}'}],
                    },
                    {
                        "type": "tool_result",
                        "tool_use_id": "call_2",
                        "content": [{"type": "text", "text": "cold"}],
                    },
                ],
            },
        ],
        "temperature": 0.2,
        "stop_sequences": ["END"],
        "tools": [
            {
                "name": "weather",
                "description": "Weather of a place",
                "input_schema": TOOL["function"]["parameters"],  # type: ignore[index]
            }
        ],
        "tool_choice": {"type": "any"},
    }


def test_gemini_gets_contents_and_tool_results_by_name() -> None:
    translated, body = _sent("gemini", DIALOGUE)

    assert (
        translated.request.url == "https://api.example.com/v1beta/models/the-model:generateContent"
    )
    assert translated.request.headers["x-goog-api-key"] == "s3cret"
    assert translated.dropped == ()
    call = {"functionCall": {"name": "weather", "args": {"city": "Oslo"}}}
    assert body == {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {
                "role": "user",
                "parts": [
                    {"text": "Where is this?"},
                    {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
                ],
            },
            {"role": "model", "parts": [call, call]},
            {
                "role": "user",
                "parts": [
                    {"functionResponse": {"name": "weather", "response": {"c": 4}}},
                    {"functionResponse": {"name": "weather", "response": {"result": "cold"}}},
                ],
            },
        ],
        "generationConfig": {"temperature": 0.2, "maxOutputTokens": 50, "stopSequences": ["END"]},
        "tools": [
            {
                "functionDeclarations": [
                    {
                        "name": "weather",
                        "description": "Weather of a place",
                        "parametersJsonSchema": TOOL["function"]["parameters"],  # type: ignore[index]
                    }
                ]
            }
        ],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
    }


def test_gemini_streams_from_its_own_method() -> None:
    translated, _ = _sent("gemini", {**DIALOGUE, "stream": True})

    assert translated.request.url.endswith("/models/the-model:streamGenerateContent?alt=sse")
    assert translated.request.is_stream


@pytest.mark.parametrize(
    ("name", "base", "url"),
    [
        ("anthropic", "https://a.example/v1/", "https://a.example/v1/messages"),
        ("gemini", "https://g.example/v1beta", "https://g.example/v1beta/models/the-model:generateContent"),
        ("openai", "https://o.example/v1/", "https://o.example/v1/chat/completions"),
    ],
)  # fmt: skip
def test_a_base_may_name_the_version_itself(name: str, base: str, url: str) -> None:
    translated, _ = _sent(name, DIALOGUE, Target(base, "the-model"))

    assert translated.request.url == url


@pytest.mark.parametrize(
    ("name", "dropped"),
    [
        ("anthropic", ("logit_bias", "metadata", "seed", "temperature above 1")),
        ("gemini", ("logit_bias", "metadata")),
    ],
)
def test_parameters_without_an_equivalent_are_named(name: str, dropped: tuple[str, ...]) -> None:
    more = {"temperature": 1.5, "seed": 1, "logit_bias": {"1": 2}, "metadata": {"tier": "gold"}}

    translated, _ = _sent(name, {**DIALOGUE, **more})

    assert translated.dropped == dropped


def test_a_schema_for_the_answer_is_passed_on() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}

    _, anthropic = _sent("anthropic", {**DIALOGUE, "response_format": form})
    _, gemini = _sent("gemini", {**DIALOGUE, "response_format": form})

    assert anthropic["output_config"] == {"format": {"type": "json_schema", "schema": schema}}
    assert gemini["generationConfig"]["responseJsonSchema"] == schema


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("anthropic", {"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}),
        ("anthropic", {"role": "oracle", "content": "x"}),
        ("gemini", {"role": "tool", "tool_call_id": "nobody", "content": "x"}),
        ("gemini", {"role": "user", "content": [{"type": "hologram"}]}),
        ("gemini", {"content": "no role"}),
        ("anthropic", "not a message"),
    ],
)
def test_what_cannot_be_said_is_refused_and_not_left_out(name: str, message: Any) -> None:
    with pytest.raises(UntranslatableError):
        _sent(name, {"messages": [message]})


def test_a_request_never_shows_its_secret_or_its_content() -> None:
    translated, _ = _sent("openai", DIALOGUE)

    assert "s3cret" not in repr(translated)
    assert "s3cret" not in repr(BASE)
    assert "Where is this" not in repr(translated)


# --- answers -------------------------------------------------------------------------------------

ANTHROPIC_ANSWER = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-x",
    "content": [
        {"type": "thinking", "thinking": "hm", "signature": "x"},
        {"type": "text", "text": "Let me look."},
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}},
    ],
    "stop_reason": "tool_use",
    "usage": {"input_tokens": 10, "cache_read_input_tokens": 90, "output_tokens": 7},
}
GEMINI_ANSWER = {
    "responseId": "r1",
    "modelVersion": "gemini-x",
    "candidates": [
        {
            "content": {
                "role": "model",
                "parts": [
                    {"text": "hm", "thought": True},
                    {"text": "Let me look."},
                    {
                        "functionCall": {"name": "weather", "args": {"city": "Oslo"}},
                        "thoughtSignature": "c2ln",
                    },
                ],
            },
            "finishReason": "STOP",
        }
    ],
    "usageMetadata": {
        "promptTokenCount": 100,
        "cachedContentTokenCount": 90,
        "candidatesTokenCount": 5,
        "thoughtsTokenCount": 2,
    },
}


@pytest.mark.parametrize(
    ("name", "payload"), [("anthropic", ANTHROPIC_ANSWER), ("gemini", GEMINI_ANSWER)]
)
def test_an_answer_comes_back_in_openais_shape(name: str, payload: dict[str, Any]) -> None:
    answer = _answer(DIALECTS[name], payload)

    assert isinstance(answer, dict)
    completion = ChatCompletion.model_validate(answer, strict=True)
    message = completion.choices[0].message
    assert message.content == "Let me look."
    assert message.tool_calls is not None
    assert message.tool_calls[0].to_dict()["function"] == {
        "name": "weather",
        "arguments": '{"city":"Oslo"}',
    }
    assert answer["choices"][0]["message"]["reasoning_content"] == "hm"
    assert completion.choices[0].finish_reason == "tool_calls"
    assert completion.usage is not None
    assert completion.usage.prompt_tokens == 100
    assert completion.usage.completion_tokens == 7
    assert answer["usage"]["prompt_tokens_details"]["cached_tokens"] == 90


def test_geminis_thought_signature_goes_back_with_the_call() -> None:
    answer = _answer(DIALECTS["gemini"], GEMINI_ANSWER)
    assert isinstance(answer, dict)

    _, body = _sent("gemini", {"messages": [answer["choices"][0]["message"]]})

    assert body["contents"][0]["parts"][1]["thoughtSignature"] == "c2ln"


def test_geminis_embeddings_come_back_as_openais() -> None:
    dialect = DIALECTS["gemini"]
    assert dialect.embedding is not None

    sent = translate(dialect.embedding.request, BASE, {"input": ["a", "b"], "dimensions": 2})
    answer = read_answer(
        dialect.embedding.response,
        dialect,
        200,
        {},
        orjson.dumps({"embeddings": [{"values": [1.0]}, {"values": [2.0]}]}),
        "the-model",
    )

    assert sent.request.url.endswith("/models/the-model:batchEmbedContents")
    assert [r["outputDimensionality"] for r in orjson.loads(sent.request.body)["requests"]] == [
        2,
        2,
    ]
    assert isinstance(answer, dict)
    assert [item["embedding"] for item in answer["data"]] == [[1.0], [2.0]]
    CreateEmbeddingResponse.model_validate(
        {**answer, "usage": {"prompt_tokens": 1, "total_tokens": 1}}
    )


# --- failures ------------------------------------------------------------------------------------

OPENAI_OK = {
    "id": "x",
    "choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}],
}
SAYS_NOTHING = {"choices": [{"index": 0, "message": {"content": ""}, "finish_reason": "stop"}]}


@pytest.mark.parametrize(
    ("status", "body", "token"),
    [
        (429, {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}, "429"),
        (503, b"<html>upstream connect error</html>", "503"),
        (529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, "529"),
        (307, b"", "307"),
        (401, {"error": {"message": "content filter"}}, "401"),
        (400, {"error": {"message": "no", "code": "context_length_exceeded"}}, "context_length"),
        (400, {"error": {"message": "This model's maximum context length is 8192 tokens"}}, "context_length"),
        (400, {"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 1 > 0"}}, "context_length"),
        (400, {"error": {"code": 400, "message": "The input token count (9) exceeds the maximum number of tokens allowed (8)."}}, "context_length"),
        (400, {"error": {"code": "content_filter", "message": "x", "innererror": {"code": "ResponsibleAIPolicyViolation"}}}, "content_policy"),
        (403, {"error": {"code": 403, "message": "x", "metadata": {"reasons": ["violence"], "flagged_input": "…"}}}, "content_policy"),
        (400, {"type": "error", "error": {"type": "invalid_request_error", "message": "This model does not support assistant message prefill."}}, "reject_prefill"),
        (400, {"error": {"message": "max_tokens is too large: 99999. This model supports at most 16384 completion tokens"}}, "400"),
        (200, b"", "empty"),
        (200, {"choices": []}, "empty"),
        (200, SAYS_NOTHING, "empty"),
        (200, b'{"choices": [{"mess', "malformed"),
        (200, b"[]", "malformed"),
        (200, {"object": "list"}, "malformed"),
        (200, {"choices": [None]}, "malformed"),
        (200, {"error": {"code": 429, "message": "upstream is busy"}}, "429"),
        (200, {"error": "boom"}, "500"),
    ],
)  # fmt: skip
def test_failures_have_the_token_that_tells_most(status: int, body: Any, token: str) -> None:
    failure = _answer(DIALECTS["openai"], body, status)

    assert isinstance(failure, UpstreamFailure)
    assert failure.token == token


def test_an_answer_cut_short_by_its_limit_is_an_answer_even_without_words() -> None:
    cut = {"choices": [{"index": 0, "message": {"content": None}, "finish_reason": "length"}]}

    assert isinstance(_answer(DIALECTS["openai"], cut), dict)


def test_a_prompt_that_gemini_blocks_is_refused_by_policy() -> None:
    failure = _answer(DIALECTS["gemini"], {"promptFeedback": {"blockReason": "SAFETY"}})

    assert isinstance(failure, UpstreamFailure)
    assert failure.token == "content_policy"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"date": "Sun, 22 Nov 2026 10:00:00 GMT", "retry-after": "Sun, 22 Nov 2026 10:00:30 GMT"}, 30.0),
        ({"retry-after": "Sun, 22 Nov 2026 10:00:30 GMT"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_the_wait_a_provider_asks_for_is_read(
    headers: dict[str, str], seconds: float | None
) -> None:
    failure = DIALECTS["openai"].error(429, headers, b"{}")

    assert failure.retry_after_s == seconds


def test_gemini_says_in_the_body_when_to_come_back() -> None:
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34s"}

    failure = DIALECTS["gemini"].error(429, {}, orjson.dumps({"error": {"details": [info]}}))

    assert failure.retry_after_s == 34.0


def test_an_openai_answer_is_left_as_it_came() -> None:
    assert _answer(DIALECTS["openai"], {**OPENAI_OK, "model": "m", "new_field": 1}) == {
        **OPENAI_OK,
        "model": "m",
        "new_field": 1,
    }
