"""Guardrails that do not start, are not asked, or check less than they seem to.

LiteLLM's guardrails fail open: one that it cannot set up is left out with a line in the log, and every
request passes. What a guardrail finds in a text is not judged here.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from designer.diagnostics import Report, Rule, Severity
from designer.documents import Path
from designer.lint.litellm.names import guess, instead_of, known, near
from designer.lint.litellm.view import File, Rail, mapping, text

_MEASURED = "measured, LiteLLM 1.106.2, 2026-11-22"
CONTENT_FILTER = "litellm_content_filter"

NOT_STARTED = Rule(
    "LNT301",
    Severity.ERROR,
    "the guardrail {name!r} does not start: {cause}{guess}",
    "LiteLLM leaves out a guardrail that it cannot set up, writes a line into its log, and starts.",
    instead="every request passes unchecked and unmasked",
    help="mend it, and look for the response header `x-litellm-applied-guardrails`: only that proves "
    "that a guardrail ran",
    source=f"{_MEASURED} and 2026-11-24 (proxy/guardrails/init_guardrails.py:37)",
)
NO_START = Rule(
    "LNT302",
    Severity.ERROR,
    "{subject} stops the proxy at its start: {cause}",
    "Of a guardrail's mistakes LiteLLM passes over those of values, and stops at the others.",
    instead="the proxy does not start",
    help="mend it",
    source="measured, LiteLLM 1.106.2, 2026-11-24 (init_guardrails_v2 catches ValueError and TypeError)",
)
NOT_ASKED = Rule(
    "LNT303",
    Severity.WARNING,
    "the guardrail {name!r} runs only for requests that name it",
    "Without `default_on: true` a guardrail runs when a request, its key, team, project or model "
    "asks for it, and nothing in this file does.",
    instead="a request that does not ask passes unchecked and unmasked",
    help="write `default_on: true`; or `default_on: false` if callers are meant to ask",
    source=f"{_MEASURED}; https://github.com/BerriAI/litellm/issues/8359",
)
MASKS_NOTHING = Rule(
    "LNT304",
    Severity.ERROR,
    "the guardrail {name!r} masks by chance: its only mode is `during_call`",
    "In `during_call` the request is sent while it is being checked: what is found is masked only where "
    "the check happens to be first. Of 40 requests 32 left unmasked, of 40 at 8 a time 35.",
    instead="most prompts are sent, and all answers returned, unmasked",
    help="write `mode: [pre_call, post_call]`",
    source="measured, LiteLLM 1.106.2, 2026-11-24",
)
ONE_SIDE = Rule(
    "LNT305",
    Severity.INFO,
    "the guardrail {name!r} leaves {side}",
    "`pre_call` masks what is sent, `post_call` what comes back.",
    help="write `mode: [pre_call, post_call]` if both sides are meant",
    source=_MEASURED,
)
NOT_ON_STREAMS = Rule(
    "LNT306",
    Severity.WARNING,
    "the guardrail {name!r} does not change streamed answers",
    "What custom code changes in an answer is applied to whole answers only.",
    instead="streamed answers are returned as the provider sent them",
    help=f"use `{CONTENT_FILTER}` with `post_call`, which masks streams too, or allow no streams",
    source=f"{_MEASURED}, and on 1.109.1",
)
FAILS_OPEN = Rule(
    "LNT307",
    Severity.WARNING,
    "the guardrail {name!r} lets requests pass while its service fails: `{key}: {value}`",
    "When the service cannot be reached or answers with an error, the request goes on unchecked.",
    instead="an outage of the guardrail's service is an outage of the protection, and nobody notices",
    help="write `{key}: {closed}`",
    source="read, LiteLLM 1.106.2 types/guardrails.py:1158, 2026-11-24; "
    "https://github.com/BerriAI/litellm/issues/30728",
)
NOT_DEFINED = Rule(
    "LNT308",
    Severity.ERROR,
    "the model {model!r} asks for the guardrail {name!r}, and none is called that{guess}",
    "A guardrail that is asked for and not there is passed over without a word.",
    instead="requests for the model pass without it",
    help="name a `guardrail_name` of `guardrails`",
    source=f"{_MEASURED}: a request that asks for an unknown guardrail is answered with 200",
)
MISSING_PACKAGE = Rule(
    "LNT309",
    Severity.WARNING,
    "the guardrail {name!r} needs the package `detect_secrets`, which `litellm[proxy]` does not bring",
    "The package is first imported when a request is checked; only the images and `litellm[proxy-runtime]` "
    "have it.",
    instead="the proxy starts, and answers every request with 500",
    help="install `detect-secrets` beside LiteLLM, or leave secrets to the content filter's patterns",
    source=_MEASURED,
)


class Fault(Struct, frozen=True):
    """Why a guardrail does not start, and where that stands."""

    path: Path
    cause: str
    meant: str | None = None
    """The one name that is close to what was written."""


def guardrails_start(file: File, report: Report) -> None:
    for rail in _checked(file):
        for fault in _faults(rail, file):
            report.add(
                NOT_STARTED,
                file.place(*fault.path),
                fix=instead_of(fault.path, fault.meant),
                name=rail.name,
                cause=fault.cause,
                guess=guess(fault.meant),
            )


def _checked(file: File) -> Iterator[Rail]:
    """Those that LiteLLM sets up: it stops at the others."""
    return (rail for rail in file.rails if rail.name and rail.params)


def _faults(rail: Rail, file: File) -> Iterator[Fault]:
    where = (*rail.path, "litellm_params")
    yield from _of_kind(rail, file, where)
    yield from _of_mode(rail, file, where)
    if isinstance(switch := rail.params.get("default_on"), str) and switch.lower() not in _BOOLS:
        yield Fault((*where, "default_on"), "`default_on` is neither true nor false")
    if text(rail.params.get("guardrail")) == CONTENT_FILTER:
        yield from _of_patterns(rail, file, (*where, "patterns"))
        yield from _of_words(rail, (*where, "blocked_words"))
    entities = mapping(rail.params.get("pii_entities_config"))
    for entity, action in entities.items():
        yield from _of_action(action, (*where, "pii_entities_config", entity))


_BOOLS = frozenset(["true", "false", "yes", "no", "on", "off", "1", "0", "t", "f", "y", "n"])
"""Texts that pydantic takes for one."""


def _of_kind(rail: Rail, file: File, where: Path) -> Iterator[Fault]:
    kind = rail.params.get("guardrail")
    if kind is None:
        yield Fault(where, "`guardrail` is missing: it says which one it is")
    elif isinstance(kind, str) and "." not in kind and kind not in known(file, "guardrails"):
        meant = near(kind, known(file, "guardrails"))
        yield Fault((*where, "guardrail"), f"there is no guardrail {kind!r}", meant)


def _of_mode(rail: Rail, file: File, where: Path) -> Iterator[Fault]:
    mode = rail.params.get("mode")
    path = (*where, "mode")
    if mode is None:
        yield Fault(where, "`mode` is missing: it says when the guardrail runs")
    elif isinstance(mode, str):
        yield from _of_one_mode(mode, path, file)
    elif isinstance(mode, list):
        for index, one in enumerate(mode):
            yield from _of_one_mode(text(one), (*path, index), file)


def _of_one_mode(mode: str, path: Path, file: File) -> Iterator[Fault]:
    modes = known(file, "guardrail_modes")
    if mode.lower() not in modes:
        yield Fault(path, f"there is no mode {mode!r}", near(mode, modes))


def _of_patterns(rail: Rail, file: File, where: Path) -> Iterator[Fault]:
    for index, pattern in _listed(rail.params.get("patterns")):
        path = (*where, index)
        if not isinstance(pattern, Mapping):
            yield Fault(path, "a pattern is a mapping with `pattern_type` and `action`")
            continue
        yield from _of_action(pattern.get("action"), (*path, "action"), is_needed=True)
        kind, name = pattern.get("pattern_type"), pattern.get("pattern_name")
        if kind not in ("prebuilt", "regex"):
            yield Fault((*path, "pattern_type"), "`pattern_type` is neither `prebuilt` nor `regex`")
        elif kind == "regex" and not pattern.get("pattern"):
            yield Fault((*path, "pattern"), "a pattern of type `regex` needs `pattern`")
        elif kind == "prebuilt" and name not in known(file, "content_patterns"):
            meant = near(text(name), known(file, "content_patterns"))
            cause = (
                f"there is no prebuilt pattern {name!r}" if name else "`pattern_name` is missing"
            )
            yield Fault((*path, "pattern_name"), cause, meant)


def _of_words(rail: Rail, where: Path) -> Iterator[Fault]:
    for index, word in _listed(rail.params.get("blocked_words")):
        if isinstance(word, Mapping):
            yield from _of_action(word.get("action"), (*where, index, "action"), is_needed=True)
        else:
            yield Fault((*where, index), "a blocked word is a mapping with `keyword` and `action`")


def _of_action(action: Any, path: Path, is_needed: bool = False) -> Iterator[Fault]:
    if action is None and not is_needed:
        return
    if action is None:
        yield Fault(path, "`action` is missing: BLOCK or MASK")
    elif action not in ("BLOCK", "MASK"):
        upper = text(action).upper()
        meant = upper if upper in ("BLOCK", "MASK") else None
        yield Fault(path, f"the action {text(action)!r} is neither `BLOCK` nor `MASK`", meant)


def _listed(value: Any) -> Iterator[tuple[int, Any]]:
    return enumerate(value if isinstance(value, list) else ())


def proxy_starts(file: File, report: Report) -> None:
    listed = file.value.get("guardrails")
    if listed is not None and not isinstance(listed, list):
        cause = "the guardrails are not a list"
        report.add(NO_START, file.place("guardrails"), subject="`guardrails`", cause=cause)
    for index, item in _listed(listed):
        for key in ("guardrail_name", "litellm_params"):
            if not mapping(item).get(key):
                place = file.place("guardrails", index)
                subject, cause = f"guardrails[{index}]", f"it has no `{key}`"
                report.add(NO_START, place, subject=subject, cause=cause)
    for rail in _checked(file):
        for path, cause in _crashes(rail):
            subject = f"the guardrail {rail.name!r}"
            report.add(NO_START, file.place(*path), subject=subject, cause=cause)


def _crashes(rail: Rail) -> Iterator[tuple[Path, str]]:
    where = (*rail.path, "litellm_params")
    kind = text(rail.params.get("guardrail"))
    patterns = rail.params.get("patterns") if kind == CONTENT_FILTER else None
    for index, pattern in _listed(patterns):
        wanted = mapping(pattern).get("pattern")
        if mapping(pattern).get("pattern_type") == "regex" and isinstance(wanted, str):
            problem = _regex_problem(wanted)
            if problem:
                path = (*where, "patterns", index, "pattern")
                yield path, f"its pattern is no regular expression of Python: {problem}"
    code = rail.params.get("custom_code")
    if kind == "custom_code" and isinstance(code, str):
        try:
            ast.parse(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            problem = error.msg if isinstance(error, SyntaxError) else "it is too deep"
            yield (*where, "custom_code"), f"its code is no Python: {problem}"


def _regex_problem(pattern: str) -> str | None:
    try:
        re.compile(pattern, re.IGNORECASE)
    except (re.error, RecursionError, OverflowError) as error:
        return error.msg if isinstance(error, re.error) else "it is too large"
    return None


def guardrails_run(file: File, report: Report) -> None:
    if file.value.get("policies"):
        return  # policies say for whom a guardrail runs
    told = {name for _, _, name in _asked(file)}
    for rail in _checked(file):
        if rail.params.get("default_on") is None and rail.name not in told:
            told.add(rail.name)  # several of one name share its requests
            place = file.place(*rail.path, "litellm_params")
            report.add(NOT_ASKED, place, name=rail.name)


def _asked(file: File) -> Iterator[tuple[str, Path, str]]:
    """Guardrails that deployments ask for: model, place, name."""
    for entry in file.entries:
        for index, name in _listed(entry.params.get("guardrails")):
            if isinstance(name, str):
                yield entry.group, (*entry.path_of("guardrails"), index), name


def asked_guardrails_exist(file: File, report: Report) -> None:
    defined = [rail.name for rail in file.rails]
    if file.general.get("store_model_in_db") is True:
        return  # the database may hold others
    for model, path, name in _asked(file):
        if name not in defined:
            meant = near(name, defined)
            report.add(
                NOT_DEFINED,
                file.place(*path),
                fix=instead_of(path, meant),
                model=model,
                name=name,
                guess=guess(meant),
            )


def modes_reach_what_they_mask(file: File, report: Report) -> None:
    for rail in _checked(file):
        place = file.place(*rail.path, "litellm_params", "mode")
        if text(rail.params.get("guardrail")) == "custom_code" and "post_call" in _modes(rail):
            report.add(NOT_ON_STREAMS, place, name=rail.name)
    masks = [rail for rail in _checked(file) if _masks(rail)]
    reached = {mode for rail in masks for mode in _modes(rail)}
    for rail in masks:
        place = file.place(*rail.path, "litellm_params", "mode")
        if _modes(rail) == {"during_call"}:
            report.add(MASKS_NOTHING, place, name=rail.name)
        elif reached == {"pre_call"}:
            report.add(ONE_SIDE, place, name=rail.name, side="answers unmasked")
        elif reached == {"post_call"}:
            side = "prompts unmasked on their way to the provider"
            report.add(ONE_SIDE, place, name=rail.name, side=side)


def _modes(rail: Rail) -> set[str]:
    mode = rail.params.get("mode")
    return {text(one).lower() for one in (mode if isinstance(mode, list) else [mode])}


def _masks(rail: Rail) -> bool:
    if rail.params.get("guardrail") != CONTENT_FILTER:
        return False
    listed = [*_listed(rail.params.get("patterns")), *_listed(rail.params.get("blocked_words"))]
    return any(mapping(one).get("action") == "MASK" for _, one in listed)


_OPEN: Mapping[str, tuple[Any, str]] = {
    "unreachable_fallback": ("fail_open", "fail_closed"),
    "fail_on_error": (False, "true"),
    "block_on_error": (False, "true"),
    "block_failures": (False, "true"),
}
"""Settings by which a guardrail fails open → the value that does it, and the one that does not."""


def guardrails_fail_closed(file: File, report: Report) -> None:
    for rail in _checked(file):
        for key, (opens, closed) in _OPEN.items():
            if key in rail.params and rail.params[key] == opens:
                place = file.place(*rail.path, "litellm_params", key)
                value = text(opens).lower()
                report.add(FAILS_OPEN, place, name=rail.name, key=key, value=value, closed=closed)


def packages_are_there(file: File, report: Report) -> None:
    for rail in _checked(file):
        if rail.params.get("guardrail") == "hide-secrets":
            place = file.place(*rail.path, "litellm_params", "guardrail")
            report.add(MISSING_PACKAGE, place, name=rail.name)


CHECKS = (
    guardrails_start,
    proxy_starts,
    guardrails_run,
    asked_guardrails_exist,
    modes_reach_what_they_mask,
    guardrails_fail_closed,
    packages_are_there,
)
