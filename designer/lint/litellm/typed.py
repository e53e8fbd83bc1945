"""Fallback lists beside one another: which failure is answered by which list, and how far they lead."""

from collections.abc import Iterator, Mapping

from designer.diagnostics import Place, Report, Rule, Severity
from designer.gateways.litellm.tables import DEFAULT_MAX_FALLBACKS
from designer.gateways.litellm.versions import habits
from designer.lint.litellm.view import File, Hop, number
from designer.lint.routes.places import listed

_MEASURED = "measured, LiteLLM 1.106.2, 2026-11-22"

NO_CONTEXT_ENTRY = Rule(
    "LNT208",
    Severity.WARNING,
    "`context_window_fallbacks` has no entry for {groups}: prompts that are too long get no fallback",
    "As soon as `context_window_fallbacks` names any group, an overlong prompt is looked up there alone; "
    "`fallbacks` no longer count for it.",
    instead="the caller gets the error, although `fallbacks` names a model with a larger window",
    help="give each of them an entry in `context_window_fallbacks`",
    source=f"{_MEASURED}: router.py:7738",
)
NO_POLICY_ENTRY = Rule(
    "LNT209",
    Severity.INFO,
    "`content_policy_fallbacks` has no entry for {groups}: a refusal there is final",
    "As soon as `content_policy_fallbacks` names any group, a refusal is looked up there alone, and "
    "`fallbacks` no longer count for it. From 1.109 on they do.",
    instead="the caller gets the refusal; other errors fall back",
    help="give each of them an entry, if a refusal may be answered by another model",
    source=f"{_MEASURED}, and 1.109.1",
)
TOO_DEEP = Rule(
    "LNT210",
    Severity.WARNING,
    "{target!r} is never asked for {group!r}: it is {hops} fallbacks away, and {depth} are followed",
    "A fallback's own fallbacks are followed to a depth of `max_fallbacks`, 5 where it is left out. The "
    "length of one list does not count.",
    instead="the chain of {group!r} ends before {target!r}",
    help="list the targets of {group!r} in one entry, or raise max_fallbacks",
    source=f"{_MEASURED}: fallback_event_handlers.py:711; https://github.com/BerriAI/litellm/issues/37301",
)
NOT_EVERYBODYS = Rule(
    "LNT211",
    Severity.INFO,
    "`default_fallbacks` do not stand in for {groups}, which have fallbacks of their own",
    "The default list is for groups without an entry; it is not asked after an entry's targets.",
    instead="when all of their own fallbacks fail, the request fails",
    help="write the default targets at the end of those entries too, if they are meant to be the last resort",
    source=_MEASURED,
)
REFUSALS_GO_ON = Rule(
    "LNT320",
    Severity.INFO,
    "a refusal by the content policy of {groups} is answered by their fallback",
    "`fallbacks` are for any error, and a refused prompt is one: it is sent to the next model until one "
    "answers. The same goes for prompts that are too long and for malformed requests.",
    instead="what one provider refuses another one may answer",
    help="where a refusal must be final, write `content_policy_fallbacks` for those groups to a group that "
    "refuses too, or check answers with a guardrail",
    source="https://github.com/BerriAI/litellm/issues/40406; measured, LiteLLM 1.106.2, 2026-11-22",
)


def typed_lists_are_whole(file: File, report: Report) -> None:
    generic = _targets(file, "fallbacks")
    context = _targets(file, "context_window_fallbacks")
    policy = _targets(file, "content_policy_fallbacks")
    if context and "*" not in context:
        groups = [g for g in generic if g not in context and _could_help(file, g, generic[g])]
        if groups:
            place = _place(file, "context_window_fallbacks")
            report.add(NO_CONTEXT_ENTRY, place, groups=listed(groups))
    if policy and "*" not in policy and habits(file.subject.version).refusal_lists_bind_all:
        groups = [group for group in generic if group not in policy and group != "*"]
        if groups:
            place = _place(file, "content_policy_fallbacks")
            report.add(NO_POLICY_ENTRY, place, groups=listed(groups))
    if generic and not policy:
        place = _place(file, "fallbacks")
        report.add(REFUSALS_GO_ON, place, groups=listed(generic))


def _place(file: File, key: str) -> Place:
    setting = file.setting(key)
    assert setting is not None
    return file.place(*setting.path)


def _targets(file: File, key: str) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for hop in file.hops(key):
        found.setdefault(hop.group, []).append(hop.target)
    return found


def _could_help(file: File, group: str, targets: list[str]) -> bool:
    """Whether a generic fallback is known to take longer prompts than the group itself."""
    own = _window(file, group)
    return own is not None and any((_window(file, target) or 0) > own for target in targets)


def _window(file: File, group: str) -> int | None:
    entries = file.groups.get(file.aliases.get(group, group), ())
    ids = [d.id for e in entries if (d := file.deployments.get(e.index)) is not None]
    sizes = [size for id_ in ids if (size := file.subject.known[id_].max_input_tokens)]
    return min(sizes) if sizes and len(sizes) == len(entries) else None


def chains_are_short_enough(file: File, report: Report) -> None:
    leads: dict[str, list[Hop]] = {}
    for hop in file.hops("fallbacks"):
        leads.setdefault(hop.group, []).append(hop)
    setting = file.setting("max_fallbacks")
    given = number(setting.value) if setting is not None else None
    depth = DEFAULT_MAX_FALLBACKS if given is None else int(given)
    if len(leads) <= depth or depth <= 0:
        return
    targets = {hop.target for hops in leads.values() for hop in hops}
    for group in leads:
        if group not in targets:
            for hop, hops in _beyond(leads, group, depth):
                report.add(
                    TOO_DEEP,
                    file.place(*hop.path),
                    group=group,
                    target=hop.target,
                    hops=hops,
                    depth=depth,
                )


def _beyond(leads: Mapping[str, list[Hop]], start: str, depth: int) -> Iterator[tuple[Hop, int]]:
    """The first targets on each way that are too far, by the shortest way."""
    seen, level = {start}, [start]
    for hops in range(1, depth + 2):
        reached = []
        for group in level:
            for hop in leads.get(group, ()):
                if hop.target not in seen:
                    seen.add(hop.target)
                    reached.append(hop.target)
                    if hops > depth:
                        yield hop, hops
        level = reached


def defaults_are_for_the_rest(file: File, report: Report) -> None:
    setting = file.setting("default_fallbacks")
    wanted = setting.value if setting is not None else None
    if setting is None or not isinstance(wanted, list):
        return
    generic = _targets(file, "fallbacks")
    groups = [g for g, own in generic.items() if g != "*" and not set(own) & _names(wanted)]
    if groups:
        report.add(NOT_EVERYBODYS, file.place(*setting.path), groups=listed(groups))


def _names(wanted: list[object]) -> set[str]:
    return {name for name in wanted if isinstance(name, str)}


CHECKS = (typed_lists_are_whole, chains_are_short_enough, defaults_are_for_the_rest)
