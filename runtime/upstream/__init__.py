"""Talk to providers: one transport, one table of dialects.

A dialect is a value (see `dialect`); adding one is a module and a line here. Transports and
dialects know nothing of routes, retries or money.
"""

from collections.abc import Mapping
from typing import Final

from runtime.upstream import vertex
from runtime.upstream.anthropic import ANTHROPIC
from runtime.upstream.azure import AZURE
from runtime.upstream.base import Request, Response, Upstream, UpstreamError, UpstreamFailure
from runtime.upstream.bedrock import BEDROCK
from runtime.upstream.cohere import COHERE
from runtime.upstream.dialect import (
    Dialect,
    Target,
    Translated,
    UntranslatableError,
    read_answer,
    translate,
)
from runtime.upstream.gemini import GEMINI
from runtime.upstream.ollama import OLLAMA
from runtime.upstream.openai import OPENAI
from runtime.upstream.stream import (
    Chunk,
    StreamDecoder,
    StreamEnd,
    listed,
    read_chunks,
    without_usage,
)

DIALECTS: Final[Mapping[str, Dialect]] = {
    dialect.name: dialect
    for dialect in (
        *(OPENAI, AZURE, ANTHROPIC, GEMINI, COHERE, BEDROCK, OLLAMA),
        *(vertex.VERTEX, vertex.VERTEX_ANTHROPIC, vertex.VERTEX_OPENAI),
    )
}


def dialect_of(wire: str, model: str) -> Dialect:
    """What is spoken to this model of a provider with this wire, one of the catalog's."""
    return vertex.spoken_by(model) if wire == vertex.VERTEX.name else DIALECTS[wire]


__all__ = [
    "DIALECTS",
    "Chunk",
    "Dialect",
    "Request",
    "Response",
    "StreamDecoder",
    "StreamEnd",
    "Target",
    "Translated",
    "Upstream",
    "UpstreamError",
    "UpstreamFailure",
    "UntranslatableError",
    "dialect_of",
    "read_answer",
    "listed",
    "read_chunks",
    "translate",
    "without_usage",
]
