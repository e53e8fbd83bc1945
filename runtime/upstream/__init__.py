"""Talk to providers: one transport, one table of dialects.

A dialect is a value (see `dialect`); adding one is a module and a line here. Transports and
dialects know nothing of routes, retries or money.
"""

from collections.abc import Mapping
from typing import Final

from runtime.upstream.anthropic import ANTHROPIC
from runtime.upstream.azure import AZURE
from runtime.upstream.base import Request, Response, Upstream, UpstreamError, UpstreamFailure
from runtime.upstream.dialect import (
    Dialect,
    Target,
    Translated,
    UntranslatableError,
    read_answer,
    translate,
)
from runtime.upstream.gemini import GEMINI
from runtime.upstream.openai import OPENAI
from runtime.upstream.stream import Chunk, StreamDecoder, StreamEnd, read_chunks, without_usage

DIALECTS: Final[Mapping[str, Dialect]] = {
    dialect.name: dialect for dialect in (OPENAI, AZURE, ANTHROPIC, GEMINI)
}

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
    "read_answer",
    "read_chunks",
    "translate",
    "without_usage",
]
