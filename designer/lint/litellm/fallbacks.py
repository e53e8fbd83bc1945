"""Fallback lists that lead nowhere, in circles, or are never read."""

from collections.abc import Mapping
from difflib import get_close_matches

from designer.diagnostics import Edit, Fix, Report, Rule, Severity
from designer.documents import Path
from designer.lint.litellm.view import File, Hop, mapping, text

LISTS = ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks")
_MEASURED = "measured, LiteLLM 1.106.2, 2026-11-22"

DANGLING = Rule(
    "LNT201",
    Severity.ERROR,
    "`{list}` of {group!r} leads to {target!r}, and no model is called that{guess}",
    "The proxy boots and says that the configuration is fine; the name is first looked up when the "
    "primary is down.",
    instead="the caller gets the primary's error, with the failed fallback named in it",
    help="name a `model_name` of the model_list, or an alias of one",
    source=f"{_MEASURED}; https://github.com/BerriAI/litellm/issues/10317",
)
NOBODYS = Rule(
    "LNT202",
    Severity.WARNING,
    "`{list}` has an entry for {group!r}, and no model is called that{guess}",
    "An entry is looked up by the name that a request asks for; a request for an unknown name is "
    "refused before any fallback.",
    instead="the entry is never used",
    help="name a `model_name` of the model_list, or delete the entry",
    source=f"{_MEASURED}: an unknown model name is a 400 even with default_fallbacks",
)
TO_ITSELF = Rule(
    "LNT203",
    Severity.WARNING,
    "`{list}` of {group!r} leads back to {group!r}",
    "A group that has just failed is not asked again as its own fallback.",
    instead="this target is passed over",
    help="delete the target, or name another group",
    source=_MEASURED,
)
CIRCLE = Rule(
    "LNT204",
    Severity.INFO,
    "`fallbacks` go in a circle: {circle}",
    "Every group is asked once at most, so the chain ends where it meets itself, and `default_fallbacks` "
    "are not asked after it.",
    instead="the chain ends after {last!r}",
    help="let the last group lead to one that is not in the circle, or to nobody",
    source=_MEASURED,
)
SECOND_ENTRY = Rule(
    "LNT205",
    Severity.ERROR,
    "`{list}` has a second entry for {group!r}",
    "The first entry whose key matches is taken; the others are not merged with it.",
    instead="the targets of the second entry are never asked",
    help="write all targets into one entry",
    source="read, LiteLLM 1.106.2 router_utils/fallback_event_handlers.py, 2026-11-22",
)
OTHER_SECTION = Rule(
    "LNT206",
    Severity.WARNING,
    "`{list}` stands in router_settings and in litellm_settings, and they differ",
    "Both sections work; where both have the list, the router's counts alone.",
    instead="the list in litellm_settings is ignored",
    help="keep one of them",
    source=_MEASURED,
)

SECOND_KEY = Rule(
    "LNT207",
    Severity.ERROR,
    "this entry of `{list}` has keys for {count} groups, and only the first of them, {first!r}, is read",
    "Each entry of a fallback list is looked up by its first key.",
    instead="{group!r} has no fallback",
    help="write one entry a group: `- {first}: […]`, `- {group}: […]`",
    source="read, LiteLLM 1.106.2 router_utils/fallback_event_handlers.py:551, 2026-11-24",
)


def targets_exist(file: File, report: Report) -> None:
    for key in LISTS:
        for hop in file.hops(key):
            if not file.is_served(hop.target):
                near = _near(hop.target, file)
                report.add(
                    DANGLING,
                    file.place(*hop.path),
                    fix=_renamed(hop.target, near, hop.path),
                    list=key,
                    group=hop.group,
                    target=hop.target,
                    guess=_guess(near),
                )
    _default_targets_exist(file, report)


def _default_targets_exist(file: File, report: Report) -> None:
    setting = file.setting("default_fallbacks")
    listed = setting.value if setting is not None and isinstance(setting.value, list) else []
    for index, target in enumerate(listed):
        if isinstance(target, str) and setting is not None and not file.is_served(target):
            near = _near(target, file)
            path = (*setting.path, index)
            report.add(
                DANGLING,
                file.place(*path),
                fix=_renamed(target, near, path),
                list="default_fallbacks",
                group="everybody",
                target=target,
                guess=_guess(near),
            )


def keys_exist(file: File, report: Report) -> None:
    for key in LISTS:
        for group, path in _entries(file, key):
            if group != "*" and not _matches_a_group(group, file):
                near = _near(group, file)
                place = file.place(*path)
                report.add(NOBODYS, place, list=key, group=group, guess=_guess(near))


def _matches_a_group(key: str, file: File) -> bool:
    """Keys match with and without a provider's prefix (fallback_event_handlers.py:555)."""
    bare = key.rpartition("/")[2]
    return file.is_served(key) or any(g.rpartition("/")[2] == bare for g in file.groups)


def entries_are_read(file: File, report: Report) -> None:
    for key in LISTS:
        _first_keys_only(key, file, report)
        seen: set[str] = set()
        for group, path in _entries(file, key):
            if group in seen:
                report.add(SECOND_ENTRY, file.place(*path), list=key, group=group)
            seen.add(group)


def _first_keys_only(key: str, file: File, report: Report) -> None:
    setting = file.setting(key)
    listed = setting.value if setting is not None and isinstance(setting.value, list) else []
    for index, item in enumerate(listed):
        first, *others = mapping(item) or ("",)
        for group in others:
            assert setting is not None
            report.add(
                SECOND_KEY,
                file.place(*setting.path, index, group),
                list=key,
                count=len(others) + 1,
                first=first,
                group=group,
            )


def sections_agree(file: File, report: Report) -> None:
    for key in (*LISTS, "default_fallbacks"):
        own, other = file.router.get(key), file.litellm.get(key)
        if own and other and own != other:
            report.add(OTHER_SECTION, file.place("litellm_settings", key), list=key)


def chains_end(file: File, report: Report) -> None:
    hops = list(file.hops("fallbacks"))
    leads: dict[str, list[Hop]] = {}
    for hop in hops:
        leads.setdefault(hop.group, []).append(hop)
        if hop.target == hop.group:
            report.add(TO_ITSELF, file.place(*hop.path), list="fallbacks", group=hop.group)
    for circle in _circles({g: [h.target for h in listed] for g, listed in leads.items()}):
        first = leads[circle[0]][0]
        names = " → ".join((*circle, circle[0]))
        report.add(CIRCLE, file.place(*first.path[:-1]), circle=names, last=circle[-1])


def _circles(leads: Mapping[str, list[str]]) -> list[tuple[str, ...]]:
    """Each circle once, beginning at its first group in the file; found by following first visits."""
    found: list[tuple[str, ...]] = []
    done: set[str] = set()
    for start in leads:
        trail: list[str] = []
        waiting: list[tuple[str, int]] = [(start, 0)]
        while waiting:
            group, depth = waiting.pop()
            del trail[depth:]
            if group in trail:
                circle = tuple(trail[trail.index(group) :])
                if len(circle) > 1 and not any(set(circle) == set(other) for other in found):
                    found.append(circle)
                continue
            if group in done:
                continue
            done.add(group)
            trail.append(group)
            waiting += [(target, depth + 1) for target in reversed(leads.get(group, []))]
    return found


def _entries(file: File, key: str) -> list[tuple[str, Path]]:
    setting = file.setting(key)
    if setting is None or not isinstance(setting.value, list):
        return []
    return [
        (text(group), (*setting.path, index, group))
        for index, item in enumerate(setting.value)
        for group in mapping(item)
    ]


def _near(name: str, file: File) -> str | None:
    close = get_close_matches(name, (*file.groups, *file.aliases), n=1)
    return close[0] if close else None


def _guess(near: str | None) -> str:
    return f" (did you mean `{near}`?)" if near else ""


def _renamed(name: str, near: str | None, path: Path) -> Fix | None:
    if near is None:
        return None
    return Fix(f"write {near} instead of {name}", (Edit("set", path, near),))


CHECKS = (targets_exist, keys_exist, entries_are_read, sections_agree, chains_end)
