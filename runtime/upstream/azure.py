"""Azure OpenAI: OpenAI's bodies at a deployment's own address.

`settings["api_version"]` chooses the address: a date (`2024-10-21`) the one with the deployment in
the path, `v1` and `preview` the one without (learn.microsoft.com/azure/ai-services/openai/
api-version-lifecycle, read 2026-11-22).
"""

from typing import Final
from urllib.parse import quote, urlencode

from runtime.upstream import openai
from runtime.upstream.dialect import Body, Dialect, Embedding, Target, Translated, json_request
from runtime.upstream.failures import failure_of

_DEFAULT_VERSION: Final = "2024-10-21"
_UNVERSIONED: Final = ("v1", "latest", "preview")


def request(target: Target, body: Body) -> Translated:
    return _translated(target, "chat/completions", openai.with_usage(body))


def embedding_request(target: Target, body: Body) -> Translated:
    return _translated(target, "embeddings", body)


def _translated(target: Target, path: str, body: Body) -> Translated:
    auth = {"api-key": target.secret} if target.secret else {}
    named = {**body, "model": target.model}
    return Translated(json_request(target, _url(target, path), auth, named))


def _url(target: Target, path: str) -> str:
    base = target.api_base.rstrip("/").removesuffix("/openai/v1").removesuffix("/openai")
    version = target.settings.get("api_version") or _DEFAULT_VERSION
    if version in _UNVERSIONED:
        query = "" if version == "v1" else f"?{urlencode({'api-version': 'preview'})}"
        return f"{base}/openai/v1/{path}{query}"
    deployment = quote(target.model, safe="")
    return f"{base}/openai/deployments/{deployment}/{path}?{urlencode({'api-version': version})}"


AZURE = Dialect(
    name="azure",
    request=request,
    response=openai.response,
    stream=openai.stream,
    error=failure_of,
    embedding=Embedding(embedding_request, openai.embedding_response),
)
