"""What a secret in clear text looks like, and what only stands for one.

Nothing here keeps, returns or prints a value: a text goes in, and what it looks like comes out.
"""

import re
from collections.abc import Mapping

SHAPES: Mapping[str, re.Pattern[str]] = {
    name: re.compile(rf"(?<![A-Za-z0-9_-])(?:{pattern})")
    for name, pattern in {
        "an Anthropic key": r"sk-ant-[A-Za-z0-9_-]{20,}",
        "an OpenRouter key": r"sk-or-[A-Za-z0-9_-]{20,}",
        "a Langfuse secret key": r"sk-lf-[A-Za-z0-9-]{20,}",
        "an API key": r"sk-[A-Za-z0-9_-]{20,}",
        "an AWS access key id": r"(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])",
        "a GitHub token": r"gh[opsur]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,}",
        "a Slack token": r"xox[abeprs]-[A-Za-z0-9-]{10,}",
        "a Slack webhook": r"https://hooks\.slack\.com/services/T[A-Z0-9]+/B[A-Z0-9]+/\w+",
        "a Google API key": r"AIza[A-Za-z0-9_-]{35}",
        "a Hugging Face token": r"hf_[A-Za-z0-9]{30,}",
        "a Groq key": r"gsk_[A-Za-z0-9]{40,}",
        "an xAI key": r"xai-[A-Za-z0-9]{40,}",
        "a Perplexity key": r"pplx-[A-Za-z0-9]{40,}",
        "an NVIDIA key": r"nvapi-[A-Za-z0-9_-]{40,}",
        "a Replicate token": r"r8_[A-Za-z0-9]{30,}",
        "a JSON web token": r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}",
        "a private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----",
    }.items()
}
"""The published prefixes and lengths of keys, by what they are; the first that fits names it. As the
providers' documentation and public secret scanners have them, read 2026-11-24."""

_SECRET_KEY = re.compile(
    r"(?:^|[_-])(?:api[_-]?key|secret|secret[_-]key|secret[_-]access[_-]key|session[_-]token|"
    r"access[_-]token|auth[_-]token|ad[_-]token|token|private[_-]key|master[_-]key|salt[_-]key|"
    r"license|authorization)$",
    re.IGNORECASE,
)
_PASSWORD_KEY = re.compile(r"(?:^|_)(?:password|passwd)$", re.IGNORECASE)
_URL_PASSWORD = re.compile(r"^[a-z][a-z0-9+.-]*://[^/@\s:]*:(?P<password>[^/@\s]+)@", re.IGNORECASE)
_STANDS_FOR_ONE = re.compile(
    r"<[^>]+>|\.\.\.|…|x{4,}|\*{3,}|\byour\b|(?<![a-z])your[-_]|"
    r"\b(?:change|replace|insert|enter|put|add|paste)[-_ ]?(?:me|this|with|here|in|your|key)|"
    r"[-_ ]here$|placeholder|\bto-?do\b",
    re.IGNORECASE,
)
_MADE_UP = re.compile(
    r"dummy|fake|example|sample|test|mock|none|null|local|anything|not[-_ ]?(?:needed|used|required)|"
    r"empty|ignored|1234567|abcdef",
    re.IGNORECASE,
)
_REFERENCE = re.compile(r"^(?:os\.environ/|oidc/|hashicorp_vault|aws_secret)|[${}]")
_RANDOM = re.compile(r"[A-Za-z0-9_+/=.~-]{16,}")


def is_secret_key(name: str) -> bool:
    """Whether a setting of this name holds a key or a token."""
    return _SECRET_KEY.search(name) is not None


def is_password_key(name: str) -> bool:
    return _PASSWORD_KEY.search(name) is not None


def stands_for_one(value: str) -> bool:
    """Whether a value tells its reader to write something else: `<your key>`, `sk-...`, `changeme`."""
    return _STANDS_FOR_ONE.search(value) is not None


def is_harmless(value: str) -> bool:
    """A reference to a secret, something to be replaced, or a word that is nobody's secret."""
    return (
        not value.strip()
        or _REFERENCE.search(value) is not None
        or stands_for_one(value)
        or _MADE_UP.search(value) is not None
    )


def shape_of(value: str) -> str | None:
    """What sort of secret a text certainly holds, whatever the name of its setting."""
    if len(value) < 16 or is_harmless(value):
        return None
    return next((name for name, shape in SHAPES.items() if shape.search(value)), None)


def is_random(value: str) -> bool:
    """Whether a setting that is meant for a secret holds one: long, mixed and no word."""
    text = value.removeprefix("Bearer ").strip()
    return (
        _RANDOM.fullmatch(text) is not None
        and not is_harmless(text)
        and not text.startswith(("/", "./", "~/"))
        and len(set(text)) >= 9
        and any(c.isdigit() for c in text)
        and any(c.isalpha() for c in text)
    )


def holds_password(value: str) -> bool:
    """Whether a URL names a user's password in clear text."""
    found = _URL_PASSWORD.match(value)
    return found is not None and not is_placeholder(found["password"])


def is_placeholder(value: str) -> bool:
    return not value.strip() or _REFERENCE.search(value) is not None or stands_for_one(value)
