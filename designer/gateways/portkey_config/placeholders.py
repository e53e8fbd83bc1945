"""Texts that stand where a key goes and are none: what examples and templates write there."""

import re

_PLACEHOLDER = re.compile(
    r"[xX*.•]{3,}|\.\.\.|…|[<\[({].*[>\])}]|\byour?s?\b|your[-_ ]|example|placeholder|replace|change[-_]?me"
    r"|insert|dummy|\Aenv[.:]|os\.environ|\A\$|key[-_]?here",
    re.IGNORECASE,
)
_NAME = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|(?i:[a-z]+(?:[-_ ][a-z]+)*[-_ ]?key)")


def is_placeholder(text: str) -> bool:
    """`sk-***`, `<key>`, `{{key}}`, `YOUR_KEY`, `$NAME`, `openai-api-key` and the like."""
    return bool(_PLACEHOLDER.search(text) or _NAME.fullmatch(text.strip()))
