"""OpenAI's chat completions and embeddings: what the runtime itself speaks, passed through untouched."""

from collections.abc import Callable, Iterable

import orjson

from runtime.surface.base import Body, StreamShape, Surface, Worded, openai_error
from runtime.upstream import without_usage


def _ask(body: Body) -> Worded:
    return Worded(body)


def _whole(_request: Body, answer: Body) -> Body:
    return answer


def _completion(_request: Body, answer: Body) -> Body:
    """OpenRouter's client takes no completion without this field, which OpenAI always sends."""
    if "system_fingerprint" in answer:
        return answer
    return {**answer, "system_fingerprint": None}


class _Stream:
    """Usage is always asked of the provider, and passed on to those who asked for it."""

    def __init__(self, request: Body) -> None:
        self._wants_usage = _wants_usage(request)

    def chunk(self, chunk: Body) -> bytes:
        if not self._wants_usage and "usage" in chunk:
            if not chunk.get("choices"):
                return b""
            chunk = {name: value for name, value in chunk.items() if name != "usage"}
        return b"data: " + orjson.dumps(chunk) + b"\n\n"

    def end(self) -> bytes:
        return b"data: [DONE]\n\n"

    def failed(self, status: int, message: str, code: str) -> bytes:
        return b"data: " + orjson.dumps(openai_error(status, message, code)) + b"\n\n"


def _wants_usage(request: Body) -> bool:
    options = request.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


def _passed(request: Body) -> Callable[[Iterable[bytes]], bytes]:
    return _events if _wants_usage(request) else lambda chunks: without_usage(_events(chunks))


def _events(chunks: Iterable[bytes]) -> bytes:
    return b"data: " + b"\n\ndata: ".join(chunks) + b"\n\n"


def _stream(request: Body) -> StreamShape:
    return _Stream(request)


CHAT = Surface(
    "/v1/chat/completions", "messages", _ask, _completion, _stream, openai_error, passed=_passed
)
EMBEDDINGS = Surface("/v1/embeddings", "input", _ask, _whole, _stream, openai_error, embeds=True)
