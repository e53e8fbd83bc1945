"""Why JavaScript would not read a regular expression, as far as that can be told without it."""

import re
from functools import cache
from typing import Any


def problem_of(pattern: Any) -> str:
    """Empty where none is known."""
    return _problem(pattern) if isinstance(pattern, str) else "it is no text"


@cache
def _problem(pattern: str) -> str:
    bare = re.sub(r"\[(?:[^\]\\]|\\.)*\]", "[]", re.sub(r"\\[^AZ]", "", pattern))
    for form, problem in _FOREIGN:
        if form.search(bare):
            return problem
    if "[]" in pattern or "[^]" in pattern:
        return ""  # classes that Python does not know
    try:
        re.compile(re.sub(r"\(\?<(?=[A-Za-z_])", "(?P<", pattern))
    except re.error as error:
        return _SHARED.get(error.msg.partition(" at ")[0].partition(",")[0], "")
    except (RecursionError, OverflowError):
        return ""
    return ""


_FOREIGN = (
    (re.compile(r"\(\?[aiLmsux]+\)"), "JavaScript has no inline flags"),
    (re.compile(r"\(\?P[<=>]"), "`(?P` is not JavaScript"),
    (re.compile(r"\(\?>"), "JavaScript has no atomic groups"),
    (re.compile(r"\(\?#"), "JavaScript has no comments in patterns"),
    (re.compile(r"[*+?}]\+"), "JavaScript has no possessive repetition"),
    (re.compile(r"\\[AZ]"), r"JavaScript takes \A and \Z for letters; ^ and $ are meant"),
)
_SHARED = {
    "missing )": "a bracket is not closed",
    "unbalanced parenthesis": "a bracket is closed that was not opened",
    "unterminated character set": "a character class is not closed",
    "nothing to repeat": "there is nothing to repeat",
}
"""What Python and JavaScript both refuse, by Python's words."""
