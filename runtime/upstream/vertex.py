"""Vertex AI: Google's models, Anthropic's and open ones, each in its maker's bodies.

https://cloud.google.com/vertex-ai/generative-ai/docs (inference, partner models, embeddings), and the
clients google-genai 3.6.1 and anthropic 2.13.0, read 2026-11-24. Where tokens come from is `google`.
"""

from dataclasses import replace
from typing import Final
from urllib.parse import quote

from runtime.upstream import anthropic, gemini, openai
from runtime.upstream.dialect import (
    Body,
    Dialect,
    Embedding,
    Target,
    Translated,
    json_request,
    texts_of,
)

_ANTHROPIC_VERSION: Final = "vertex-2023-10-16"
_HOSTS: Final = {
    "global": "https://aiplatform.googleapis.com",
    "us": "https://aiplatform.us.rep.googleapis.com",
    "eu": "https://aiplatform.eu.rep.googleapis.com",
}
"""Of locations that are no single region."""


def api_base(location: str) -> str:
    return _HOSTS.get(location) or f"https://{location}-aiplatform.googleapis.com"


def _url(target: Target, path: str, version: str = "v1") -> str:
    project = quote(target.settings.get("vertex_project", "-"), safe="")
    location = quote(target.region or "-", safe="")
    base = target.api_base.rstrip("/")
    return f"{base}/{version}/projects/{project}/locations/{location}/{path}"


def _model(target: Target, publisher: str) -> str:
    return f"publishers/{publisher}/models/{quote(target.model, safe='@')}"


def _auth(target: Target) -> dict[str, str]:
    return {"authorization": f"Bearer {target.secret}"} if target.secret else {}


# --- Google's own --------------------------------------------------------------------------------


def request(target: Target, body: Body) -> Translated:
    url = _url(target, f"{_model(target, 'google')}:{gemini.method(body)}")
    sent = json_request(target, url, _auth(target), gemini.translated(body))
    return Translated(replace(sent, is_stream=bool(body.get("stream"))), gemini.dropped(body))


_EMBEDDING_KNOWN: Final = ("model", "input", "dimensions", "encoding_format")
_GEMINI: Final = "gemini-"
"""How the models begin that embed contents; older ones `predict`."""


def embedding_request(target: Target, body: Body) -> Translated:
    texts = texts_of(body["input"])
    dropped = tuple(sorted(key for key in body if key not in _EMBEDDING_KNOWN))
    size = {"outputDimensionality": body["dimensions"]} if body.get("dimensions") else {}
    model = _model(target, "google")
    said: Body
    if target.model.startswith(_GEMINI):
        url = _url(target, f"{model}:batchEmbedContents", "v1beta1")
        config = {"embedContentConfig": size} if size else {}
        said = {"requests": [{"content": {"parts": [{"text": t}]}, **config} for t in texts]}
    else:
        url = _url(target, f"{model}:predict")
        said = {"instances": [{"content": text} for text in texts]}
        said |= {"parameters": size} if size else {}
    return Translated(json_request(target, url, _auth(target), said), dropped)


def embedding_response(payload: Body, model: str) -> Body:
    if "predictions" in payload:
        vectors = [prediction["embeddings"] for prediction in payload["predictions"]]
        read = sum(int(vector["statistics"]["token_count"]) for vector in vectors)
    else:
        vectors = payload["embeddings"]
        read = (payload.get("usageMetadata") or {}).get("promptTokenCount") or 0
    answer = gemini.embedding_response({"embeddings": vectors}, model)
    usage = {"prompt_tokens": read, "total_tokens": read}
    return {**answer, "usage": usage} if read else answer


VERTEX: Final = Dialect(
    name="vertex",
    request=request,
    response=gemini.response,
    stream=gemini.stream,
    error=gemini.error,
    embedding=Embedding(embedding_request, embedding_response),
)


# --- Anthropic's and open models -----------------------------------------------------------------


def anthropic_request(target: Target, body: Body) -> Translated:
    said, dropped = anthropic.translated(target, body)
    method = "streamRawPredict" if body.get("stream") else "rawPredict"
    url = _url(target, f"{_model(target, 'anthropic')}:{method}")
    versioned = {"anthropic_version": _ANTHROPIC_VERSION, **said}
    return Translated(json_request(target, url, _auth(target), versioned), dropped)


VERTEX_ANTHROPIC: Final = Dialect(
    name="vertex_anthropic",
    request=anthropic_request,
    response=anthropic.response,
    stream=anthropic.stream,
    error=gemini.error,
)


def openai_request(target: Target, body: Body) -> Translated:
    url = _url(target, "endpoints/openapi/chat/completions")
    named = {**openai.with_usage(body), "model": target.model}
    return Translated(json_request(target, url, _auth(target), named))


VERTEX_OPENAI: Final = Dialect(
    name="vertex_openai",
    request=openai_request,
    response=openai.response,
    stream=openai.stream,
    error=gemini.error,
)


def spoken_by(model: str) -> Dialect:
    """By the name: open models have their maker's before a slash, `zai-org/glm-5.2-maas`."""
    if "/" in model:
        return VERTEX_OPENAI
    return VERTEX_ANTHROPIC if model.startswith("claude-") else VERTEX
