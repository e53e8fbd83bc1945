"""OpenAI's chat completions and embeddings, and everybody who speaks them unchanged."""

from collections.abc import Iterable
from typing import Any

from runtime.upstream.dialect import (
    Body,
    Dialect,
    Embedding,
    Target,
    Translated,
    joined_url,
    json_request,
)
from runtime.upstream.failures import failure_of


def request(target: Target, body: Body) -> Translated:
    url = joined_url(target.api_base, "chat/completions")
    return Translated(
        json_request(target, url, _auth(target), with_usage({**body, "model": target.model}))
    )


def with_usage(body: Body) -> Body:
    """A stream tells its usage only when asked, and a ledger needs it."""
    if not body.get("stream"):
        return body
    options = body.get("stream_options") or {}
    return {**body, "stream_options": {**options, "include_usage": True}}


def response(payload: Body, model: str) -> Body:
    """Checked where others rely on it, and otherwise as the provider sent it."""
    for choice in payload["choices"]:
        choice["message"].get("content")
    return {**payload, "model": payload.get("model") or model}


def stream(model: str) -> "_Stream":
    return _Stream(model)


class _Stream:
    def __init__(self, model: str) -> None:
        self._model = model

    def __call__(self, payload: Body) -> Iterable[Body]:
        for choice in payload["choices"]:
            choice.get("delta")
        return [payload if payload.get("model") else {**payload, "model": self._model}]


def embedding_request(target: Target, body: Body) -> Translated:
    url = joined_url(target.api_base, "embeddings")
    return Translated(json_request(target, url, _auth(target), {**body, "model": target.model}))


def embedding_response(payload: Body, model: str) -> Body:
    for item in payload["data"]:
        item["embedding"]
    return {**payload, "model": payload.get("model") or model}


def _auth(target: Target) -> dict[str, Any]:
    return {"authorization": f"Bearer {target.secret}"} if target.secret else {}


OPENAI = Dialect(
    name="openai",
    request=request,
    response=response,
    stream=stream,
    error=failure_of,
    embedding=Embedding(embedding_request, embedding_response),
)
