"""Regular expressions for a gateway written in JavaScript, which has no inline flags.

`(?i)…` does not match there at all, and a rule that denies by it lets everything through (measured
on 1.15.2, 2026-11-22).
"""

import re

_FLAGS = re.compile(r"\(\?([a-zA-Z]+)\)")
_FOREIGN = re.compile(r"\(\?P[<=>]|\\[AZ]|\(\?#")
_ESCAPE = re.compile(
    r"\\(?:x[0-9a-fA-F]{2}|u\{[0-9a-fA-F]+\}|u[0-9a-fA-F]{4}|[pP]\{[^}]*\}|k<[^>]*>|c[a-zA-Z]|.)",
    re.DOTALL,
)
_GROUP = re.compile(r"\(\?(?:<[A-Za-z_]\w*>|<[=!]|[:=!])")
_RANGE = re.compile(r"([A-Za-z])-([A-Za-z])")


def is_portable(pattern: str) -> bool:
    """Whether JavaScript reads it as Python does, as far as flags and groups go."""
    return not (_FLAGS.match(pattern) or _FOREIGN.search(pattern))


def without_flags(pattern: str, ignore_case: bool = False) -> str | None:
    """The same pattern without leading flags; None where a flag other than `i` is needed."""
    flags = _FLAGS.match(pattern)
    if flags:
        if set(flags[1]) - {"i"}:
            return None
        pattern, ignore_case = pattern[flags.end() :], True
    if not is_portable(pattern):
        return None
    return _in_both_cases(pattern) if ignore_case else pattern


def _in_both_cases(pattern: str) -> str:
    """`a` as `[Aa]`; in a class both, ranges too. Escapes and group names stay as they are."""
    out, at, in_class = "", 0, False
    while at < len(pattern):
        letter = pattern[at]
        token = _ESCAPE.match(pattern, at) or (not in_class and _GROUP.match(pattern, at))
        if token:
            out, at = out + token[0], token.end()
            continue
        span = _RANGE.match(pattern, at) if in_class else None
        if span and span[1].islower() == span[2].islower():
            out, at = out + span[0] + span[0].swapcase(), span.end()
            continue
        in_class = letter == "[" or (in_class and letter != "]")
        other = letter.swapcase()
        if other != letter and len(other) == 1:
            both = "".join(sorted((letter, other)))
            letter = both if in_class else f"[{both}]"
        out, at = out + letter, at + 1
    return out
