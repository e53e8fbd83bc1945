"""How long a prompt is in tokens where nobody has counted: a rule of thumb, no tokenizer."""

from collections.abc import Iterable, Mapping
from typing import Any

_CHARACTERS_A_TOKEN = 4
_TOKENS_A_MESSAGE = 3
"""OpenAI's cookbook, "How to count tokens with tiktoken", and its help page on tokens; read 2026-11-24."""


def estimated_tokens(messages: Iterable[Any]) -> int:
    """Of a chat's messages, and of the answer's beginning."""
    texts = [text_of(m.get("content")) for m in messages if isinstance(m, Mapping)]
    words = sum(-(-len(text) // _CHARACTERS_A_TOKEN) for text in texts)
    return words + _TOKENS_A_MESSAGE * (len(texts) + 1)


def text_of(content: Any) -> str:
    """Plain, or the text parts of a list of parts."""
    if isinstance(content, list):
        return "\n".join(str(p["text"]) for p in content if isinstance(p, dict) and "text" in p)
    return content if isinstance(content, str) else ""
