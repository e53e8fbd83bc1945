"""Conditions that never hold, always hold, or let the caller choose what is not the caller's."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from designer.diagnostics import Report, Rule, Severity
from designer.documents import Path
from designer.lint.portkey.patterns import problem_of
from designer.lint.portkey.tables import FLAG_PARAMS, NUMBER_PARAMS, TEXT_PARAMS
from designer.lint.portkey.view import MEASURED, Config, Level, listed, mapping

_DOCUMENTED = "https://portkey.ai/docs/product/ai-gateway/conditional-routing"

SAME_NAME = Rule(
    "LNT623",
    Severity.ERROR,
    "{name!r} is the name of an earlier target too",
    "A conditional looks its targets up by name and takes the first that has it.",
    instead="this target is never asked",
    help="give each target a name of its own",
    source=MEASURED,
)
NO_DEFAULT = Rule(
    "LNT624",
    Severity.WARNING,
    "a request that no condition matches has no target: there is no `default`",
    "The open-source gateway takes `default` for optional, and answers 400 when it would be needed; "
    "around such a conditional a fallback does not go on.",
    instead="such a request is answered 400, or 500 on endpoints other than chat",
    help="name a target as `default`",
    source=f"{MEASURED}; https://github.com/Portkey-AI/gateway/pull/1708",
)
UNREACHED = Rule(
    "LNT625",
    Severity.WARNING,
    "{what} is never reached: {why}",
    "Conditions are tried in order and the first that holds decides; targets are reached by name alone.",
    instead="it is never used",
    help="{help}",
    source=f"{MEASURED}; {_DOCUMENTED}",
)
NEVER_HOLDS = Rule(
    "LNT626",
    Severity.WARNING,
    "{comparison} {outcome}: {why}",
    "Keys are `metadata.<name>`, `params.<name>` and `url.pathname`, of two segments; everything else is "
    "missing. Values are compared as JavaScript's === does, and metadata is documented as text.",
    instead="requests go where the other conditions, or `default`, lead",
    help="{help}",
    source=f"{MEASURED}; {_DOCUMENTED}",
)
DEAF_REGEX = Rule(
    "LNT627",
    Severity.ERROR,
    "the pattern {pattern!r} of `{key}` is not read as meant: {why}",
    "Patterns are JavaScript's, without flags; one that does not compile counts as not matching.",
    instead="the condition does not hold where it should, and nothing tells",
    help="write it without, as [Gg]old",
    source=MEASURED,
)
SKIPPED = Rule(
    "LNT628",
    Severity.WARNING,
    "`{key}` is not looked at: it stands after `{before}`",
    "`$or` and `$and` decide about the whole query, and `$regex` about its key; what is written after "
    "them is never read.",
    instead="the query holds without it",
    help="join all parts in one `$and` list, one comparison each",
    source=MEASURED,
)
CALLER_CHOOSES = Rule(
    "LNT629",
    Severity.WARNING,
    "`{key}` decides where data goes, and the caller sets it",
    "Metadata is a header that every caller writes for itself; a wrong or missing value leads to another "
    "target, and nothing checks it.",
    instead="whoever sends another value, or none, is served from another region",
    help="give each region its own configuration, and bind it to the API key",
    source="https://portkey.ai/docs/product/observability/metadata, 2026-08-21; "
    "https://github.com/project-arbr/arbr-control-plane/issues/77",
)

# --- Targets and conditions -----------------------------------------------------------------------


def conditionals(config: Config) -> Iterator[Level]:
    return (level for level in config.levels if level.mode == "conditional")


def names_are_unique(config: Config, report: Report) -> None:
    for level in conditionals(config):
        seen: set[str] = set()
        for child in level.children:
            name = child.own.get("name")
            if isinstance(name, str) and name in seen:
                report.add(SAME_NAME, config.place(*child.path_of("name")), name=name)
            elif isinstance(name, str):
                seen.add(name)


def there_is_a_default(config: Config, report: Report) -> None:
    for level in conditionals(config):
        conditions = level.strategy.get("conditions")
        if level.strategy.get("default") is not None or not isinstance(conditions, list):
            continue
        if not any(_holds_always(mapping(c).get("query")) for c in conditions):
            report.add(NO_DEFAULT, config.place(*level.path_of("strategy")))


def everything_is_reached(config: Config, report: Report) -> None:
    for level in conditionals(config):
        _conditions_after_catch_all(level, config, report)
        _targets_without_condition(level, config, report)


def _conditions_after_catch_all(level: Level, config: Config, report: Report) -> None:
    conditions = listed(level.strategy.get("conditions"))
    for index, condition in enumerate(conditions[:-1]):
        if _holds_always(mapping(condition).get("query")):
            path = level.path_of("strategy", "conditions", index + 1)
            why = f"the query of conditions[{index}] is empty and holds for every request"
            help_ = "put the empty query last, or make it the `default`"
            what = f"conditions[{index + 1}]"
            report.add(UNREACHED, config.place(*path), what=what, why=why, help=help_)
            return


def _targets_without_condition(level: Level, config: Config, report: Report) -> None:
    conditions = listed(level.strategy.get("conditions"))
    reached = {str(mapping(c).get("then")) for c in conditions}
    reached.add(str(level.strategy.get("default")))
    for child in level.children:
        name = child.own.get("name")
        if not isinstance(name, str) or name not in reached:
            label = f"the target {child.label}"
            why = "no condition leads to it" if isinstance(name, str) else "it has no `name`"
            help_ = "name it in `then` or `default`, or delete it"
            report.add(UNREACHED, config.place(*child.path), what=label, why=why, help=help_)


def _holds_always(query: Any) -> bool:
    return isinstance(query, Mapping) and all(value == {} for value in query.values())


# --- Comparisons ----------------------------------------------------------------------------------


class Comparison(Struct, frozen=True):
    path: Path
    key: str
    operator: str
    value: Any

    def __str__(self) -> str:
        return f"`{self.key}` {self.operator} {self.value!r:.40}"


def comparisons(config: Config) -> Iterator[Comparison]:
    """All of them, at any depth of `$and` and `$or`."""
    for level in conditionals(config):
        for index, condition in enumerate(listed(level.strategy.get("conditions"))):
            path = level.path_of("strategy", "conditions", index, "query")
            yield from _of_query(mapping(condition).get("query"), path)


def _of_query(query: Any, path: Path) -> Iterator[Comparison]:
    waiting: list[tuple[Any, Path]] = [(query, path)]
    while waiting:
        one, at = waiting.pop()
        for key, wanted in mapping(one).items():
            if key in _JOINTS:
                waiting += [(item, (*at, key, i)) for i, item in enumerate(listed(wanted))]
            elif isinstance(wanted, Mapping):
                for operator, value in wanted.items():
                    yield Comparison((*at, key, operator), key, operator, value)
            else:
                yield Comparison((*at, key), key, "$eq", wanted)


_JOINTS = ("$and", "$or")


def comparisons_can_hold(config: Config, report: Report) -> None:
    for one in comparisons(config):
        found = _unknown_key(one.key) or _other_type(one)
        if found is not None:
            why, help_ = found
            differs = one.operator in ("$ne", "$nin")
            outcome = "holds for every request" if differs else "never holds"
            place = config.place(*one.path)
            report.add(
                NEVER_HOLDS, place, comparison=str(one), outcome=outcome, why=why, help=help_
            )


def _unknown_key(key: str) -> tuple[str, str] | None:
    space, *names = key.split(".")
    if space.startswith("$"):
        return None  # an operator where a key goes: the gateway refuses it, and reading says so
    if space not in ("metadata", "params", "url") or not names:
        return (
            "there is no such field",
            "compare a field of `metadata` or `params`, or `url.pathname`",
        )
    if space == "url":
        is_known = names == ["pathname"]
        return None if is_known else ("of `url` only the pathname is known", "use `url.pathname`")
    if len(names) > 1:
        return (
            f"`{space}.{names[0]}` is compared, as further segments are cut off",
            "send what is to be compared as a field of its own",
        )
    if "[" in names[0]:
        return "lists cannot be looked into", "send it as a field of its own"
    return None


def _other_type(one: Comparison) -> tuple[str, str] | None:
    if one.operator not in ("$eq", "$ne", "$in", "$nin"):
        return None
    values = listed(one.value) if one.operator in ("$in", "$nin") else [one.value]
    kind = _kind_of(one.key)
    if kind is None or not values or None in values:
        return None
    if any(isinstance(value, kind) and _is_bool(value) == (kind is bool) for value in values):
        return None
    return _WORDS[kind], "write the value as the request has it"


def _kind_of(key: str) -> Any:
    """The type that the field has in a request."""
    space, _, name = key.partition(".")
    if space == "metadata" or (space == "params" and name in TEXT_PARAMS) or space == "url":
        return str
    if space != "params":
        return None
    return int | float if name in NUMBER_PARAMS else bool if name in FLAG_PARAMS else None


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


_WORDS = {
    str: "the field is text, and the value is not",
    int | float: "the field is a number, and the value is not",
    bool: "the field is true or false, and the value is neither",
}


def patterns_are_javascript(config: Config, report: Report) -> None:
    for one in comparisons(config):
        why = problem_of(one.value) if one.operator == "$regex" else ""
        if why:
            place = config.place(*one.path)
            report.add(DEAF_REGEX, place, pattern=one.value, key=one.key, why=why)


def everything_is_compared(config: Config, report: Report) -> None:
    for level in conditionals(config):
        for index, condition in enumerate(listed(level.strategy.get("conditions"))):
            path = level.path_of("strategy", "conditions", index, "query")
            for at, key, before in _skipped(mapping(condition).get("query"), path):
                report.add(SKIPPED, config.place(*at), key=key, before=before)


def _skipped(query: Any, path: Path) -> Iterator[tuple[Path, str, str]]:
    waiting: list[tuple[Any, Path]] = [(query, path)]
    while waiting:
        one, at = waiting.pop()
        ended = ""
        for key, wanted in mapping(one).items():
            if ended:
                yield (*at, key), key, ended
            elif key in _JOINTS and isinstance(wanted, list):
                ended = key
                waiting += [(item, (*at, key, i)) for i, item in enumerate(wanted)]
            elif isinstance(wanted, Mapping):
                operators = list(wanted)
                after = operators.index("$regex") + 1 if "$regex" in operators else len(operators)
                for operator in operators[after:]:
                    yield (*at, key, operator), operator, "$regex"


_PLACES = re.compile(
    r"(?:data[-_]?)?(?:regions?|residenc[ey]|jurisdiction|country(?:[-_]?code)?|geo|locality)|is[-_]?eu|eu[-_]?only"
    r"|(?:user|customer|tenant|data)[-_]?(?:region|country|residency|location)",
    re.IGNORECASE,
)


def callers_choose_no_region(config: Config, report: Report) -> None:
    told: set[tuple[Path, str]] = set()
    for one in comparisons(config):
        space, _, name = one.key.partition(".")
        conditional = one.path[: one.path.index("conditions")] if "conditions" in one.path else ()
        if space == "metadata" and _PLACES.fullmatch(name) and (conditional, name) not in told:
            told.add((conditional, name))
            report.add(CALLER_CHOOSES, config.place(*one.path), key=one.key)


CHECKS = (
    names_are_unique,
    there_is_a_default,
    everything_is_reached,
    comparisons_can_hold,
    patterns_are_javascript,
    everything_is_compared,
    callers_choose_no_region,
)
