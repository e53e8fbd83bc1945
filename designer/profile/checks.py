"""What is wrong with a profile whose every value is right by itself: names, sums, contradictions.

Nothing here reads files or knows the catalog: whether a provider or a model exists is not asked.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from difflib import get_close_matches
from itertools import chain, combinations, islice
from typing import Final

from designer.diagnostics import Report
from designer.profile.model import DenyRule, Experiment, Guardrails, Profile, Workload
from designer.profile.patterns import NotShared, parse, slow_repeats
from designer.profile.policy import policy_of
from designer.profile.positions import Positions
from designer.profile.regions import is_region, known_tokens
from designer.profile.rules import (
    BAD_PATTERN,
    CONTRADICTION,
    DEADLINE,
    EXAMPLE,
    NO_EFFECT,
    ONE_ARM,
    ROUTE_CIRCLE,
    SAME_ARMS,
    SAME_NAME,
    SHARES,
    SLOW_PATTERN,
    TEAM_REGION,
    UNKNOWN_ALIAS,
    UNKNOWN_REGION,
)
from designer.profile.secrets import shown
from designer.profile.tree import joined
from designer.profile.units import format_duration_s, format_share

MAX_LISTED: Final = 200
"""Of one kind of mistake; suggestions for more of them would take long and help nobody."""


def check(profile: Profile, positions: Positions, report: Report) -> None:
    for one_check in _CHECKS:
        one_check(profile, positions, report)


def _names(profile: Profile, positions: Positions, report: Report) -> None:
    accounts = "; `as` names an account"
    for kind, paths, help_ in (
        (
            "alias",
            [(w.alias, f"workloads[{i}].alias") for i, w in enumerate(profile.workloads)],
            "",
        ),
        ("team", [(t.name, f"teams[{i}].name") for i, t in enumerate(profile.teams)], ""),
        ("account", list(_accounts(profile)), accounts),
        ("key", list(_team_keys(profile)), ""),
        *(("rule", paths, "") for paths in _rule_names(profile)),
    ):
        for name, path, first in islice(_repeated(paths), MAX_LISTED):
            line = positions.place(first).line
            place = positions.place(path)
            report.add(SAME_NAME, place, kind=kind, name=name, line=line, help=help_)


def _repeated(paths: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str, str]]:
    """The names that came before, with both places."""
    first: dict[str, str] = {}
    for name, path in paths:
        if name in first:
            yield name, path, first[name]
        first.setdefault(name, path)


def _accounts(profile: Profile) -> Iterator[tuple[str, str]]:
    for index, account in enumerate(profile.providers or ()):
        yield account.id, f"providers[{index}].{'as' if account.account else 'name'}"


def _team_keys(profile: Profile) -> Iterator[tuple[str, str]]:
    for t, team in enumerate(profile.teams):
        for k, key in enumerate(team.keys):
            yield key.name, f"teams[{t}].keys[{k}].name"


def _rule_names(profile: Profile) -> Iterator[list[tuple[str, str]]]:
    for path, guardrails in _guardrails(profile):
        yield [(rule.name, f"{path}.deny[{i}].name") for i, rule in enumerate(guardrails.deny)]


def _aliases(profile: Profile, positions: Positions, report: Report) -> None:
    known = [workload.alias for workload in profile.workloads]
    named = chain(_routed_to(profile), _called(profile))
    for name, path in islice(((n, p) for n, p in named if n not in known), MAX_LISTED):
        report.add(
            UNKNOWN_ALIAS,
            positions.place(path),
            name=name,
            hint=_did_you_mean(name, known),
            aliases=", ".join(known),
        )


def _routed_to(profile: Profile) -> Iterator[tuple[str, str]]:
    for index, workload in enumerate(profile.workloads):
        if workload.route_by:
            path = f"workloads[{index}].route_by"
            for value, alias in workload.route_by.cases.items():
                yield alias, joined(f"{path}.cases", value)
            yield workload.route_by.otherwise, f"{path}.else"


def _called(profile: Profile) -> Iterator[tuple[str, str]]:
    for t, team in enumerate(profile.teams):
        for w, alias in enumerate(team.workloads or ()):
            yield alias, f"teams[{t}].workloads[{w}]"


def _circles(profile: Profile, positions: Positions, report: Report) -> None:
    """Each alias on a circle is reported once, with the circle it is first met on."""
    following = {
        workload.alias: (*workload.route_by.cases.values(), workload.route_by.otherwise)
        for workload in profile.workloads
        if workload.route_by
    }
    reported: set[str] = set()
    for index, workload in enumerate(profile.workloads):
        circle = _circle_from(workload.alias, following)
        if circle and not reported.intersection(circle):
            reported.update(circle)
            place = positions.key(f"workloads[{index}].route_by")
            report.add(ROUTE_CIRCLE, place, circle=" → ".join([*circle, circle[0]]))


def _circle_from(alias: str, following: dict[str, tuple[str, ...]]) -> list[str] | None:
    """The shortest way from `alias` back to itself."""
    ways, seen = [[alias]], {alias}
    while ways:
        longer = []
        for way in ways:
            for name in following.get(way[-1], ()):
                if name == alias:
                    return way
                if name not in seen:
                    seen.add(name)
                    longer.append([*way, name])
        ways = longer
    return None


def _route_values(profile: Profile, positions: Positions, report: Report) -> None:
    teams = [team.name for team in profile.teams]
    for index, workload in enumerate(profile.workloads):
        route_by = workload.route_by
        if not route_by or not route_by.key.startswith("team."):
            continue
        for value in islice(route_by.cases, MAX_LISTED):
            place = positions.key(joined(f"workloads[{index}].route_by.cases", value))
            if route_by.key == "team.name" and value not in teams:
                hint, listed = _did_you_mean(value, teams), ", ".join(teams) or "none"
                report.add(TEAM_REGION, place, name=shown(value), hint=hint, teams=listed)
            if route_by.key == "team.region" and not is_region(value):
                report.add(UNKNOWN_REGION, place, token=shown(value), hint=_region_hint(value))


def _experiments(profile: Profile, positions: Positions, report: Report) -> None:
    for index, workload in enumerate(profile.workloads):
        if workload.experiment:
            path = f"workloads[{index}].experiment"
            _experiment(workload.experiment, path, positions, report)


def _experiment(experiment: Experiment, path: str, positions: Positions, report: Report) -> None:
    place = positions.key(f"{path}.arms")
    arms = experiment.arms
    total = sum((Decimal(repr(arm.share)) for arm in arms.values()), Decimal(0))
    if abs(total - 1) > Decimal("0.0001"):
        report.add(SHARES, place, name=experiment.name, total=format_share(float(total)))
    if len(arms) < 2:
        count = "it has one arm" if arms else "it has no arms"
        report.add(ONE_ARM, place, name=experiment.name, count=count)
    for (first, one), (second, other) in combinations(arms.items(), 2):
        if one.model and one.model == other.model:
            report.add(
                SAME_ARMS,
                positions.place(f"{path}.arms.{second}.model"),
                name=experiment.name,
                first=first,
                second=second,
                model=one.model,
            )


def _regions(profile: Profile, positions: Positions, report: Report) -> None:
    tokens = _region_tokens(profile)
    for token, path in islice(((t, p) for t, p in tokens if not is_region(t)), MAX_LISTED):
        place = positions.place(path)
        report.add(UNKNOWN_REGION, place, token=shown(token), hint=_region_hint(token))


def _region_tokens(profile: Profile) -> Iterator[tuple[str, str]]:
    policies = [("compliance", profile.compliance)]
    policies += [
        (f"workloads[{i}].compliance", workload.compliance)
        for i, workload in enumerate(profile.workloads)
        if workload.compliance
    ]
    for path, compliance in policies:
        for index, token in enumerate(compliance.residency):
            yield token, f"{path}.residency[{index}]"
    for index, team in enumerate(profile.teams):
        if team.region:
            yield team.region, f"teams[{index}].region"
    for index, token in enumerate(profile.operations.region):
        yield token, f"operations.region[{index}]"


def _region_hint(token: str) -> str:
    if token.strip().lower() in ("europe", "global", "world", "any"):
        return "; name what is allowed, for example `eu`"
    return _did_you_mean(token.strip().lower(), known_tokens(), cutoff=0.75)


def _limits(profile: Profile, positions: Positions, report: Report) -> None:
    """Deadline against timeout against first token, where the user wrote at least one of them."""
    policies = [("routing", profile.routing)]
    policies += [
        (f"workloads[{index}].routing", policy_of(profile, workload).routing)
        for index, workload in enumerate(profile.workloads)
        if workload.routing
    ]
    for path, routing in policies:
        for long, short in (("timeout", "deadline"), ("first_token", "timeout")):
            long_s, short_s = getattr(routing, long), getattr(routing, short)
            if long_s is None or short_s is None or long_s <= short_s:
                continue
            written = [key for key in (short, long) if f"{path}.{key}" in positions]
            if written:
                report.add(
                    DEADLINE,
                    positions.place(f"{path}.{written[0]}"),
                    long=long,
                    short=short,
                    long_s=format_duration_s(long_s),
                    short_s=format_duration_s(short_s),
                )


def _deny_rules(profile: Profile, positions: Positions, report: Report) -> None:
    for path, guardrails in _guardrails(profile):
        for index, rule in enumerate(guardrails.deny):
            _deny_rule(rule, f"{path}.deny[{index}]", positions, report)


def _guardrails(profile: Profile) -> Iterator[tuple[str, Guardrails]]:
    yield "guardrails", profile.guardrails
    for index, workload in enumerate(profile.workloads):
        if workload.guardrails:
            yield f"workloads[{index}].guardrails", workload.guardrails


def _deny_rule(rule: DenyRule, path: str, positions: Positions, report: Report) -> None:
    place = positions.place(f"{path}.pattern")
    try:
        pattern = parse(rule.pattern, ignore_case=rule.ignore_case)
    except NotShared as error:
        report.add(
            BAD_PATTERN,
            place,
            name=rule.name,
            problem=error.problem,
            position=error.position,
            help=error.help,
        )
        return
    for position in list(slow_repeats(pattern.part))[:1]:
        report.add(SLOW_PATTERN, place, name=rule.name, position=position)
    for listed, texts, does in (
        ("block", rule.examples.block, "lets through"),
        ("pass", rule.examples.passes, "blocks"),
    ):
        for index, text in enumerate(texts):
            if pattern.search(text) != (listed == "block"):
                where = positions.place(f"{path}.examples.{listed}[{index}]")
                report.add(
                    EXAMPLE, where, name=rule.name, does=does, text=shown(text), listed=listed
                )


def _no_effect(profile: Profile, positions: Positions, report: Report) -> None:
    for path, why, help_ in (*_idle_caches(profile), *_idle_routes(profile)):
        if path in positions:
            key = path.rpartition(".")[2]
            report.add(NO_EFFECT, positions.key(path), key=key, why=why, help=help_)


def _idle_caches(profile: Profile) -> Iterator[tuple[str, str, str]]:
    caches = [("cache", profile.cache, any(w.cache for w in profile.workloads))]
    caches += [
        (f"workloads[{index}].cache", policy_of(profile, workload).cache, False)
        for index, workload in enumerate(profile.workloads)
        if workload.cache
    ]
    for path, cache, is_used_below in caches:
        if cache.mode == "off" and not is_used_below:
            yield f"{path}.ttl", "the cache is off", "set `mode: exact` or `mode: semantic`"
        if cache.mode != "semantic" and not is_used_below:
            yield f"{path}.similarity", "only a semantic cache compares", "set `mode: semantic`"


def _idle_routes(profile: Profile) -> Iterator[tuple[str, str, str]]:
    """Keys of aliases that only pass requests on."""
    for index, workload in enumerate(profile.workloads):
        if workload.route_by:
            for key in _SERVING_KEYS:
                why = f"`{workload.alias}` passes its requests on"
                yield f"workloads[{index}].{key}", why, "set it on the aliases it passes them to"


_SERVING_KEYS: Final = (
    "quality",
    "context",
    "params",
    "latency",
    "availability",
    "prefer",
    "models",
    "experiment",
    "routing",
    "compliance",
    "cache",
)


def _contradictions(profile: Profile, positions: Positions, report: Report) -> None:
    for index, workload in enumerate(profile.workloads):
        why = _why_first_cannot_be(workload)
        if why:
            place = positions.place(f"workloads[{index}].models.first")
            report.add(CONTRADICTION, place, model=workload.models.first, why=why)


def _why_first_cannot_be(workload: Workload) -> str:
    models = workload.models
    if models.first is None:
        return ""
    if _is_among(models.first, models.deny):
        return "denied as well"
    if models.allow and not _is_among(models.first, models.allow):
        return "not among those allowed"
    return ""


def _is_among(model: str, patterns: Sequence[str]) -> bool:
    """`*` stands for any text."""
    return any(_is_like(model, pattern.split("*")) for pattern in patterns)


def _is_like(model: str, pieces: list[str]) -> bool:
    if len(pieces) == 1:
        return model == pieces[0]
    first, *middle, last = pieces
    if len(model) < len(first) + len(last):
        return False
    if not (model.startswith(first) and model.endswith(last)):
        return False
    at = len(first)
    for piece in middle:
        found = model.find(piece, at, len(model) - len(last))
        if found < 0:
            return False
        at = found + len(piece)
    return True


def _did_you_mean(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    close = get_close_matches(name, list(known), 1, cutoff)
    return f"; did you mean `{close[0]}`?" if close else ""


_Check = Callable[[Profile, Positions, Report], None]
_CHECKS: Final[tuple[_Check, ...]] = (
    _names,
    _aliases,
    _circles,
    _route_values,
    _experiments,
    _regions,
    _limits,
    _deny_rules,
    _no_effect,
    _contradictions,
)
