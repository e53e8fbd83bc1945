"""Guardrails of a Portkey configuration that let through what they are there to stop."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from designer.diagnostics import Edit, Fix, Report, Rule, Severity
from designer.gateways.portkey_config import rules as reading
from designer.lint.portkey.patterns import problem_of
from designer.lint.portkey.tables import CHECKS as KNOWN
from designer.lint.portkey.tables import LOCAL_PLUGIN, PLUGINS, REMOTE_CHECKS
from designer.lint.portkey.view import MEASURED, STAGES, Check, Config, Level, Rail, codes, mapping

_DOCUMENTED = "https://portkey.ai/docs/product/guardrails"

DEAF_RULE = Rule(
    "LNT630",
    Severity.ERROR,
    "the rule {pattern!r} of `{check}` is not read as meant: {why}",
    "Rules are JavaScript's regular expressions, without flags; one that does not compile is an error "
    "of the check, and a check in error counts as passed.",
    instead="everything goes through",
    help="write letters in both cases, as [Ll]ethal",
    source=MEASURED,
)
NO_BLOCK = Rule(
    "LNT631",
    Severity.ERROR,
    "{name} does not block: `{key}` is no way to say so",
    "Only `deny: true` stops a request. Examples of the vendor's Terraform provider say "
    "`onFail: block`, which the gateway does not know.",
    instead="a request that fails the check goes to the provider, and is answered 246 instead of 200",
    help="write `deny: true`",
    source="measured, Portkey gateway branch 2.0.0, 2026-11-22; "
    "https://github.com/Portkey-AI/terraform-provider-portkey",
)
UNKNOWN_CHECK = Rule(
    "LNT632",
    Severity.ERROR,
    "the gateway has no check `{check}`{guess}",
    "A check that does not exist is an error of the check, and a check in error counts as passed, with "
    "`deny` and `failOnError` too. Names are told apart by case.",
    instead="everything goes through",
    help="use the name of a check: {known}",
    source=MEASURED,
)
NEVER_RUN = Rule(
    "LNT633",
    Severity.ERROR,
    "{name} is to deny, and is `async`",
    "An asynchronous guardrail cannot stop what it runs beside, and the open-source gateway does not run "
    "it at all.",
    instead="nothing is denied",
    help="take `async` out",
    source=f"{MEASURED}; {_DOCUMENTED}",
)
SAVED = Rule(
    "LNT634",
    Severity.ERROR,
    "{name} is the id of a saved guardrail, and the open-source gateway has none",
    "Ids are looked up in the hosted product. The open-source gateway accepts a list of ids and finds "
    "nothing to check in it.",
    instead="everything goes through, and nothing tells",
    help="write the checks here, or use the hosted product",
    source=MEASURED,
)
REPLACED = Rule(
    "LNT635",
    Severity.WARNING,
    "{target} has {stage} guardrails of its own, which replace those above it",
    "A target's own list replaces the inherited list whole; the two are not merged.",
    instead="requests to this target are not checked by {lost}",
    help="repeat the guardrails from above in the target's list",
    source=MEASURED,
)
BYPASSED = Rule(
    "LNT636",
    Severity.WARNING,
    "what a guardrail of an earlier target denies is sent to {target}, which has none",
    "A denied request ends with 446, and this fallback moves on after 446 like after an outage.",
    instead="the request that was denied is answered by {target}",
    help="put the guardrails at the level of the fallback, or list `on_status_codes` without 446",
    source=MEASURED,
)
LAST_ONLY = Rule(
    "LNT637",
    Severity.WARNING,
    "`{check}` changes the last message only",
    "The check looks at the end of the conversation; what was said before it goes out again with every "
    "request, as it was.",
    instead="what is to be redacted reaches the provider from the second turn on",
    help="redact in the application, or deny instead",
    source=MEASURED,
)
NOT_ON_STREAMS = Rule(
    "LNT638",
    Severity.INFO,
    "output guardrails do not look at streams",
    "The open-source gateway checks an answer when it has all of it, and passes streams on as they come.",
    instead="a caller who asks for a stream gets the unchecked answer",
    help="refuse `stream: true` in the application where answers must be checked",
    source=MEASURED,
)
FAILS_OPEN = Rule(
    "LNT639",
    Severity.WARNING,
    "{name} lets everything through when `{check}` cannot be asked",
    "A check that ends in an error counts as passed, unless its parameters say `failOnError: true`.",
    instead="while its server is down or refuses the credentials, nothing is denied",
    help="add `failOnError: true` to its parameters",
    source=MEASURED,
)

# --- Checks ---------------------------------------------------------------------------------------


def rules_are_javascript(config: Config, report: Report) -> None:
    told = {finding.place.path for finding in report if finding.rule is reading.DEAF_RULE}
    for rail in config.rails:
        for check in rail.checks:
            pattern = check.parameters.get("rule")
            why = problem_of(pattern) if isinstance(pattern, str) else ""
            place = config.place(*check.path_of_parameters, "rule")
            if why and config.place(*rail.path).path not in told:
                report.add(DEAF_RULE, place, pattern=pattern, check=check.full_id, why=why)


def checks_exist(config: Config, report: Report) -> None:
    if not config.is_oss:
        return
    for rail in config.rails:
        for check in rail.checks:
            plugin, _, name = check.full_id.partition(".")
            known = KNOWN.get(plugin)
            if plugin in PLUGINS and (known is None or name in known):
                continue
            _tell_unknown(check, config, report)


def _tell_unknown(check: Check, config: Config, report: Report) -> None:
    plugin, _, name = check.full_id.partition(".")
    listed = sorted(KNOWN.get(plugin, KNOWN[LOCAL_PLUGIN]))
    near = _near(name, listed) if plugin in KNOWN else None
    right = f"{plugin}.{near}" if "." in check.id and near else near
    path = check.path if check.is_key else (*check.path, "id")
    kind = "rename" if check.is_key else "set"
    fix = (
        Fix(f"write {right} instead of {check.id}", (_edit(kind, path, right),)) if right else None
    )
    report.add(
        UNKNOWN_CHECK,
        config.place(*path),
        fix=fix if check.parameters.get("id") is None else None,
        check=check.full_id,
        guess=f" (did you mean `{plugin}.{near}`?)" if near else "",
        known=", ".join(listed),
    )


def _edit(kind: Any, path: tuple[str | int, ...], text: str) -> Edit:
    return Edit(kind, path, text if kind == "rename" else f'"{text}"')


def _near(name: str, known: list[str]) -> str | None:
    lower = {one.lower(): one for one in known}
    plain = name.lower().replace("_", "").replace("-", "")
    close = get_close_matches(plain, lower, n=1, cutoff=0.8) if len(name) < 60 else []
    return lower[close[0]] if close else None


def redaction_reaches_everything(config: Config, report: Report) -> None:
    for rail in config.rails:
        for check in rail.checks:
            if check.full_id == "default.regexReplace" and rail.stage == "input":
                report.add(LAST_ONLY, config.place(*check.path), check=check.full_id)


def checks_fail_closed(config: Config, report: Report) -> None:
    for rail in config.rails:
        for check in rail.checks:
            params = check.parameters
            is_closed = params.get("failOnError") is True or params.get("fail_on_error") is True
            if rail.denies and _asks_a_server(check) and not is_closed:
                place = config.place(*check.path)
                report.add(FAILS_OPEN, place, name=rail.name, check=check.full_id)


def _asks_a_server(check: Check) -> bool:
    plugin = check.full_id.partition(".")[0]
    if plugin == LOCAL_PLUGIN:
        return check.full_id in REMOTE_CHECKS
    return plugin in PLUGINS


# --- Guardrails -----------------------------------------------------------------------------------


def guardrails_deny(config: Config, report: Report) -> None:
    for rail in config.rails:
        said = rail.said
        if rail.denies and said.get("async") is True:
            report.add(NEVER_RUN, config.place(*rail.path, "async"), name=rail.name)
        key = None if rail.denies else _blocking_word(said)
        if key is not None:
            report.add(NO_BLOCK, config.place(*rail.path, *key), name=rail.name, key=key[-1])


def _blocking_word(said: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Where it says in other words that it blocks."""
    for path, place in (((), said), (("actions",), mapping(said.get("actions")))):
        for key in ("onFail", "on_fail", "action", "block", "on_failure"):
            value = place.get(key)
            if value in ("block", "deny", "reject") or (key == "block" and value is True):
                return (*path, key)
        on_fail = mapping(place.get("on_fail"))
        if on_fail.get("deny") is True:
            return (*path, "on_fail", "deny")
    actions = mapping(said.get("actions"))
    return ("actions", "deny") if actions.get("deny") is True else None


def saved_guardrails_exist(config: Config, report: Report) -> None:
    for rail in config.rails if config.is_oss else ():
        is_reference = isinstance(rail.value, str) or (rail.is_long and set(rail.said) == {"id"})
        if is_reference:
            report.add(SAVED, config.place(*rail.path), name=rail.name)


def streams_are_checked(config: Config, report: Report) -> None:
    listed = [rail for rail in config.rails if rail.stage == "output"]
    if config.is_oss and any(isinstance(rail.value, Mapping) for rail in listed):
        report.add(NOT_ON_STREAMS, config.place(*listed[0].path[:-1]))


# --- Lists ----------------------------------------------------------------------------------------


def lists_are_complete(config: Config, report: Report) -> None:
    for level in config.levels:
        for stage in STAGES:
            if level.parent is None or not level.has_own_rails(stage):
                continue
            own = [rail.value for rail in level.own_rails(stage)]
            lost = [rail for rail in level.parent.rails(stage) if rail.value not in own]
            if lost:
                key = next(k for k in STAGES[stage] if level.own.get(k) is not None)
                names = " or ".join(dict.fromkeys(rail.name for rail in lost))
                place = config.place(*level.path_of(key))
                report.add(REPLACED, place, target=level.label, stage=stage, lost=names)


def fallbacks_keep_guardrails(config: Config, report: Report) -> None:
    for level in config.levels:
        listed = level.strategy.get("on_status_codes")
        if level.mode != "fallback" or (listed is not None and 446 not in codes(listed)):
            continue
        for target in _unguarded(level):
            report.add(BYPASSED, config.place(*target.path), target=target.label)


def _unguarded(level: Level) -> Iterator[Level]:
    """Targets of a fallback without input guardrails, behind one that denies by its own."""
    denies = False
    for child in level.children:
        guarded = child.has_own_rails("input") and any(map(_may_deny, child.rails("input")))
        if denies and not any(map(_may_deny, child.rails("input"))) and child.is_target:
            yield child
        denies = denies or guarded


def _may_deny(rail: Rail) -> bool:
    return isinstance(rail.value, str) or rail.denies or set(rail.said) == {"id"}


CHECKS = (
    rules_are_javascript,
    checks_exist,
    redaction_reaches_everything,
    checks_fail_closed,
    guardrails_deny,
    saved_guardrails_exist,
    streams_are_checked,
    lists_are_complete,
    fallbacks_keep_guardrails,
)
