"""Guardrails of OpenRouter that are refused, or guard less than they say."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from designer.diagnostics import Edit, Fix, Report, Rule, Severity
from designer.documents import Path
from designer.gateways.openrouter.filters import is_pattern
from designer.lint.openrouter.tables import ACTIONS, BUILTINS, INTERVALS, LISTS
from designer.lint.openrouter.view import Files, Guardrail, entries, listed, mapping

_GUIDE = "https://openrouter.ai/docs/guides/features/guardrails, 2026-08-22"
_DOCUMENT = "OpenAPI document (CreateGuardrailRequest), 2026-08-22"

HALF_A_LIMIT = Rule(
    "LNT831",
    Severity.ERROR,
    "`{given}` without `{missing}`",
    "A limit is an amount in an interval, and the API takes both or neither.",
    instead="the guardrail is refused with 400, and the one before stays in force",
    help="set `limit_usd` and `reset_interval`",
    source="https://github.com/OpenRouterTeam/terraform-provider-openrouter docs/resources/guardrail.md, "
    "2026-11-22",
)
EMPTY_LIST = Rule(
    "LNT832",
    Severity.ERROR,
    "`{key}` is empty",
    "These lists are null or have an item: nothing allowed is not something that the API can be told.",
    instead="the guardrail is refused with 400, and the one before stays in force",
    help="leave it out to allow everything, or list what is allowed",
    source=_DOCUMENT,
)
NOT_A_WORD = Rule(
    "LNT833",
    Severity.ERROR,
    "`{key}` is {value!r}, and should be one of {known}",
    "The API refuses other words, and the Python SDK leaves out the filter that holds one, or the "
    "interval, without a word.",
    instead="through the Python SDK the guardrail is made without it; through the API it is refused",
    help="write one of {known}",
    source=f"measured, Python SDK openrouter 1.3.84, 2026-11-22; {_DOCUMENT}",
)
NOT_A_PATTERN = Rule(
    "LNT834",
    Severity.ERROR,
    "the pattern {pattern!r} is refused: no lookaround, flags, named groups, backreferences or repeated "
    "repetition",
    "Patterns are checked so that none can take forever.",
    instead="the guardrail is refused with `invalid_regex_pattern`",
    help="write letters in both cases, and repetition on one level",
    source=_GUIDE,
)
UNASSIGNED = Rule(
    "LNT835",
    Severity.INFO,
    "a guardrail enforces nothing until it is assigned, and no file says so",
    "Guardrails are assigned to API keys and members, or are their workspace's default.",
    help="assign it: POST /guardrails/{{id}}/assignments/keys",
    source=_GUIDE,
)
ONE_FLAG = Rule(
    "LNT836",
    Severity.INFO,
    "`enforce_zdr` is deprecated",
    "It is copied into one flag each for Anthropic, OpenAI, Google, xAI and the others.",
    help="set `enforce_zdr_anthropic`, `_openai`, `_google`, `_xai` and `_other`",
    source=_DOCUMENT,
)
BOTH_WAYS = Rule(
    "LNT837",
    Severity.WARNING,
    "{name!r} stands in `{allowed}` and in `{ignored}`",
    "What is ignored is taken out of what is allowed.",
    instead="it is never asked",
    help="delete it from one of the two",
    source=_GUIDE,
)


def limits_are_whole(rail: Guardrail, report: Report) -> None:
    both = ("limit_usd", "reset_interval")
    for given, missing in (both, both[::-1]):
        if rail.value.get(given) is not None and rail.value.get(missing) is None:
            report.add(HALF_A_LIMIT, rail.place(given), given=given, missing=missing)


def lists_have_items(rail: Guardrail, report: Report) -> None:
    for key in LISTS:
        if rail.value.get(key) == []:
            report.add(EMPTY_LIST, rail.place(key), key=key)


def words_are_known(rail: Guardrail, report: Report) -> None:
    for path, value, known in _words(rail):
        if value is not None and value not in known:
            near = _near(value, known)
            fix = Fix(f"write {near}", (Edit("set", path, f'"{near}"'),)) if near else None
            place = rail.place(*path)
            listed_ = ", ".join(known)
            report.add(NOT_A_WORD, place, fix, key=path[-1], value=value, known=listed_)


def _words(rail: Guardrail) -> Iterator[tuple[Path, Any, tuple[str, ...]]]:
    yield ("reset_interval",), rail.value.get("reset_interval"), INTERVALS
    for index, one in enumerate(listed(rail.value.get("content_filter_builtins"))):
        path = ("content_filter_builtins", index)
        yield (*path, "slug"), mapping(one).get("slug"), BUILTINS
        yield (*path, "action"), mapping(one).get("action"), ACTIONS
    for index, one in enumerate(listed(rail.value.get("content_filters"))):
        yield ("content_filters", index, "action"), mapping(one).get("action"), ACTIONS


def _near(value: Any, known: tuple[str, ...]) -> str | None:
    if not isinstance(value, str) or len(value) > 60:
        return None
    plain = value.lower().replace("_", "-")
    return next(iter(get_close_matches(plain, known, n=1, cutoff=0.8)), None)


def patterns_are_taken(rail: Guardrail, report: Report) -> None:
    for index, one in enumerate(listed(rail.value.get("content_filters"))):
        pattern = mapping(one).get("pattern")
        if isinstance(pattern, str) and not is_pattern(pattern):
            place = rail.place("content_filters", index, "pattern")
            report.add(NOT_A_PATTERN, place, pattern=pattern[:60])


def flags_are_current(rail: Guardrail, report: Report) -> None:
    if rail.value.get("enforce_zdr") is not None:
        report.add(ONE_FLAG, rail.place("enforce_zdr"))


def lists_agree(rail: Guardrail, report: Report) -> None:
    for kind in ("models", "providers"):
        ignored = f"ignored_{kind}"
        names = {entry.name for entry in entries(rail.value.get(ignored), (ignored,))}
        allowed = f"allowed_{kind}"
        for entry in entries(rail.value.get(allowed), (allowed,)):
            if entry.name in names:
                place = rail.place(*entry.path)
                report.add(BOTH_WAYS, place, name=entry.name, allowed=allowed, ignored=ignored)


def somebody_is_guarded(files: Files, report: Report) -> None:
    for rail in files.guardrails[:1]:
        report.add(UNASSIGNED, rail.place())


CHECKS = (
    limits_are_whole,
    lists_have_items,
    words_are_known,
    patterns_are_taken,
    flags_are_current,
    lists_agree,
)
