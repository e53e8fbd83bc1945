"""References to environment variables that LiteLLM does not follow.

What a variable holds is not known here.
"""

import re

from designer.diagnostics import Report, Rule, Severity
from designer.documents import Path
from designer.lint.litellm.names import instead_of, words
from designer.lint.litellm.view import File

REFERENCE = Rule(
    "LNT012",
    Severity.ERROR,
    "`{key}` is meant to name an environment variable and does not: {problem}",
    "Only a value that begins with exactly `os.environ/` is looked up in the environment.",
    instead="the text itself is used, as a key or an address",
    help="write `os.environ/NAME`",
    source="read, LiteLLM 1.106.2 proxy/proxy_server.py:6018, secret_managers/main.py:204, 2026-11-24",
)

SHELL_VARIABLE = Rule(
    "LNT013",
    Severity.WARNING,
    "`{key}` holds {variable}, which LiteLLM does not replace",
    "Shells, Compose and envsubst replace such variables; LiteLLM reads the file as it is.",
    instead="the text itself is used, unless something replaces it before LiteLLM reads the file",
    help="write `os.environ/{name}` as the whole value",
    source="read, LiteLLM 1.106.2 proxy/proxy_server.py:6018, 2026-11-24",
)

INSIDE = Rule(
    "LNT014",
    Severity.ERROR,
    "`{key}` {problem}, where `os.environ/` is not replaced",
    "A reference is the whole value of a key. Inside a longer text, and as an item of a list, it stays "
    "a text.",
    instead="the text `os.environ/…` itself is used",
    help="put the whole value into one variable, and write `os.environ/NAME` as the key's value",
    source="read, LiteLLM 1.106.2 proxy/proxy_server.py:6007-6024, 2026-11-24",
)

_EXACT = "os.environ/"
_ALMOST = re.compile(
    r"\s*(?:os[._ -]?environ|os[._-]env|os/env(?:iron)?)\s*[./:\\]+\s*(?P<name>[A-Za-z_]\w*)\s*",
    re.IGNORECASE,
)
_CALLED = re.compile(
    r"\s*(?:os\.)?(?:environ|getenv|environ\.get|process\.env|env)\s*"
    r"[\[(/:.]\s*[\"']?(?P<name>[A-Z][A-Z0-9_]{2,})[\"']?\s*[\])]?\s*"
)
_SHELL = re.compile(
    r"\$\{(?P<braced>[A-Z_][A-Z0-9_]*)(?::?-[^}]*)?\}|^\$(?P<bare>[A-Z_][A-Z0-9_]*)$"
)
_NO_NAME = re.compile(r"[\s${}\"'<>]|^$")


def references_are_exact(file: File, report: Report) -> None:
    for path, value in file.texts:
        if len(value) > 300 or "\n" in value:
            continue  # code or a prompt
        problem, name = _reference_problem(value)
        if problem:
            fix = instead_of(path, f"{_EXACT}{name}") if name else None
            report.add(REFERENCE, file.place(*path), fix, key=_key(path), problem=problem)
        elif shell := _SHELL.search(value):
            name = shell["braced"] or shell["bare"]
            variable = f"`${{{name}}}`"
            place = file.place(*path)
            report.add(SHELL_VARIABLE, place, key=_key(path), variable=variable, name=name)


def _reference_problem(value: str) -> tuple[str, str]:
    """What is wrong with a reference, and the variable that it means; both empty where nothing is."""
    if value.startswith(_EXACT):
        name = value.removeprefix(_EXACT)
        if name.startswith("sk-"):
            return "a key stands where the variable's name belongs", ""
        if not _NO_NAME.search(name):
            return "", ""
        meant = name.strip(" \t\"'${}<>")
        is_name = meant.isidentifier() and meant.isascii()
        return "its name is no name of a variable", meant if is_name else ""
    found = _ALMOST.fullmatch(value) or _CALLED.fullmatch(value)
    return (f"it does not begin with `{_EXACT}`", found["name"]) if found else ("", "")


def references_stand_alone(file: File, report: Report) -> None:
    for path, value in file.texts:
        if _EXACT not in value or path[0] not in _RESOLVED or "\n" in value:
            continue
        if path[0] == "general_settings" and len(path) > 2:
            continue  # pass-through endpoints and others resolve their own
        if not value.startswith(_EXACT) and not _ALMOST.fullmatch(value):
            problem = "has a reference inside a longer text"
        elif isinstance(path[-1], int):
            problem = "has a reference as an item of its list"
        else:
            continue
        report.add(INSIDE, file.place(*path), key=_key(path), problem=problem)


_RESOLVED = words(
    """
    model_list router_settings litellm_settings general_settings environment_variables
    """
)


def _key(path: Path) -> str:
    return next((part for part in reversed(path) if isinstance(part, str)), "")


CHECKS = (
    references_are_exact,
    references_stand_alone,
)
