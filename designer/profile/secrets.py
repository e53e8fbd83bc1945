"""Tell a secret's value from the name of one, so that no value is kept, printed or passed on.

A heuristic over known prefixes: it misses unknown formats and never decides anything but refusal.
"""

import re
from typing import Final

from designer.profile.units import NotAValue

PREFIXES: Final = (
    "sk-",
    "sk_",
    "rk_",
    "pk-lf-",
    "AIza",
    "AKIA",
    "ASIA",
    "ABSK",
    "Bearer ",
    "eyJ",
    "fw_",
    "ghp_",
    "gho_",
    "github_pat_",
    "glpat-",
    "gsk_",
    "hf_",
    "nvapi-",
    "pplx-",
    "r8_",
    "tgp_v1_",
    "xai-",
    "xoxb-",
    "-----BEGIN",
)
"""How keys of model providers and of common services begin, as their own documentation shows them."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}", re.ASCII)
_RANDOM: Final = re.compile(
    r"[0-9a-fA-F]{32,}|(?=[A-Za-z0-9]*[a-z])(?=[A-Za-z0-9]*[0-9])[A-Za-z0-9]{24,}"
)
_TOKEN: Final = re.compile(
    "(?<![A-Za-z0-9])(?:"
    + "|".join(re.escape(prefix) for prefix in PREFIXES)
    + r")[A-Za-z0-9_\-./+=]{12,}"
)
_USER_IN_URL: Final = re.compile(r"://[^/\s]*@")
_HIDDEN: Final = "(secret not shown)"
_LONGEST_SHOWN: Final = 60


def looks_secret(text: str) -> bool:
    """Whether a text of unknown purpose holds a secret; short ones (`sk-test`) pass."""
    return bool(_TOKEN.search(text)) or "-----BEGIN" in text


def hide_secrets(text: str) -> str:
    """The text with every secret in it taken out."""
    return _TOKEN.sub(_HIDDEN, text)


def parse_env_name(value: object) -> str:
    """The name of an environment variable, `env:` before it or not."""
    if not isinstance(value, str):
        raise NotAValue("not the name of an environment variable; write for example `AZURE_KEY`")
    name = value.strip().removeprefix("env:")
    if name.startswith(PREFIXES) or _RANDOM.fullmatch(name):
        raise NotAValue(
            "a secret's value (not shown here); put it into an environment variable and write that "
            "variable's name, for example `AZURE_KEY`"
        )
    if not _NAME.fullmatch(name):
        raise NotAValue(
            "not the name of an environment variable (letters, digits, `_`); the text is not shown "
            "in case it is a secret"
        )
    return name


def shown(value: object) -> str:
    """A user's value as messages may repeat it: short, on one line, never a secret."""
    text = _USER_IN_URL.sub("://(not shown)@", " ".join(str(value).split()))
    if looks_secret(text) or text.startswith(PREFIXES):
        return _HIDDEN
    printable = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    if len(printable) > _LONGEST_SHOWN:
        return printable[: _LONGEST_SHOWN - 1] + "…"
    return printable
