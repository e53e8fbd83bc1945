"""When a failing deployment is left alone: settings that do not do what they say."""

from designer.diagnostics import Edit, Fix, Report, Rule, Severity
from designer.gateways.litellm.tables import DEFAULT_ALLOWED_FAILS
from designer.gateways.litellm.versions import habits
from designer.lint.litellm.retries import retries
from designer.lint.litellm.view import LITELLM, ROUTER, File, mapping, number
from designer.lint.routes.places import listed

_MEASURED = "measured, LiteLLM 1.106.2, 2026-11-22"

NO_BREAKER = Rule(
    "LNT401",
    Severity.INFO,
    "every request for {groups} tries a dead deployment for about {seconds:.0f} s before the fallback",
    "The only deployment of a group never cools down for errors of its server, and a group of one waits "
    "after every failed try, also after the last one before its fallback.",
    instead="in an outage each request pays for the retries of the dead deployment",
    help="set router_settings.allowed_fails to a number other than 3, or put the stand-in into the same "
    "group with `order: 2`",
    source=f"{_MEASURED}: 2 retries, the fallback after 4.6 s; "
    "https://github.com/BerriAI/litellm/issues/40405",
)
STILL_COOLS = Rule(
    "LNT409",
    Severity.WARNING,
    "`cooldown_time: 0` does not turn cooldowns off",
    "A router's cooldown of 0 is taken for unset.",
    instead="deployments cool down for 5 s",
    help="write disable_cooldowns: true",
    source=f"{_MEASURED}: router.py:1211",
)
SAME_AS_UNSET = Rule(
    "LNT410",
    Severity.WARNING,
    "`allowed_fails: {count}` counts as unset, because it is what {whose} says",
    "Only a number that differs from the module's own is a setting; with that one the rule for unset "
    "counts. From 1.109 on the number counts.",
    instead="a deployment cools down after more than half of 5 requests in a minute have failed, or at "
    "once after a 429",
    help="write another number, such as 2 or 4",
    source=f"{_MEASURED}: cooldown_handlers.py:644; https://github.com/BerriAI/litellm/issues/14284",
)
NOT_THE_ROUTERS = Rule(
    "LNT411",
    Severity.WARNING,
    "`allowed_fails` in litellm_settings sets nothing",
    "There it becomes the number that counts as unset; a router without a number of its own takes it over "
    "and finds it equal.",
    instead="a deployment cools down after more than half of 5 requests in a minute have failed, or at "
    "once after a 429",
    help="move it to router_settings",
    source="measured, LiteLLM 1.106.2, 2026-11-24: 0 there, and nothing cools; cooldown_handlers.py:656",
)
NEVER_COOLS = Rule(
    "LNT412",
    Severity.INFO,
    "`disable_cooldowns` keeps failing deployments in rotation",
    "A deployment that is down is asked again and again while others are up.",
    instead="in an outage a share of the requests fails or waits for its retries",
    help="leave cooldowns on, with a short cooldown_time",
    source=_MEASURED,
)
IGNORED_COUNT = Rule(
    "LNT414",
    Severity.WARNING,
    "`{key}` of allowed_fails_policy does nothing",
    "A 400 never makes a deployment cool down, whatever the policy says of it: the request is at fault.",
    instead="deployments stay in rotation after such errors",
    help="delete it",
    source=f"{_MEASURED}: cooldown_handlers.py:250",
)
ALONE = Rule(
    "LNT418",
    Severity.WARNING,
    "`allowed_fails` under model_info turns cooldowns off for {group!r}, which has one deployment",
    "A deployment's own number is meant for groups of several; the only deployment of a group with one is "
    "never left alone.",
    instead="the deployment never cools down, whatever fails",
    help="set allowed_fails in router_settings, or write the errors into model_info.allowed_fails_policy",
    source="read, LiteLLM 1.106.2 cooldown_handlers.py:170, 2026-11-24",
)

_REQUESTS_FAULTS = ("BadRequestErrorAllowedFails", "ContentPolicyViolationErrorAllowedFails")
_MEANT_AS_NEVER = 100
_MEAN_JITTER_S = 0.375
_MANY = 100


def failing_deployments_are_left_alone(file: File, report: Report) -> None:
    if file.router.get("disable_cooldowns") is True:
        report.add(NEVER_COOLS, file.place(ROUTER, "disable_cooldowns"))
        return
    if file.router.get("allowed_fails_policy") or _counts(file):
        return
    falling = dict.fromkeys(hop.group for hop in file.hops("fallbacks"))
    alone = [group for group in falling if _is_alone(file, group)]
    setting = file.setting("fallbacks")
    if alone and setting is not None:
        place = file.place(*setting.path)
        report.add(NO_BREAKER, place, groups=listed(alone), seconds=_waits_s(file))


def _is_alone(file: File, group: str) -> bool:
    entries = file.groups.get(group, ())
    return len(entries) == 1 and not entries[0].info.get("allowed_fails_policy")


def _waits_s(file: File) -> float:
    """All backoffs of a group of one: doubling from half a second, 8 s at most, with jitter."""
    floor = number(file.router.get("retry_after")) or 0.0
    tries = min(retries(file), _MANY) + 1 if retries(file) else 0
    return sum(min(max(0.5 * 2.0**n, floor), 8.0) + _MEAN_JITTER_S for n in range(tries))


def _counts(file: File) -> bool:
    """Whether the router's own number is a setting."""
    own = file.router.get("allowed_fails")
    return own is not None and (own != _modules_own(file) or not _takes_default_for_unset(file))


def _takes_default_for_unset(file: File) -> bool:
    return habits(file.subject.version).takes_default_for_unset


def _modules_own(file: File) -> float:
    own = number(file.litellm.get("allowed_fails"))
    return DEFAULT_ALLOWED_FAILS if own is None else own


def cooldowns_are_set(file: File, report: Report) -> None:
    if number(file.router.get("cooldown_time")) == 0:
        report.add(STILL_COOLS, file.place(ROUTER, "cooldown_time"))
    own, other = file.router.get("allowed_fails"), file.litellm.get("allowed_fails")
    if file.router.get("allowed_fails_policy") or not _takes_default_for_unset(file):
        return  # the number counts
    if own is None and number(other) is not None:
        report.add(NOT_THE_ROUTERS, file.place(LITELLM, "allowed_fails"))
    elif number(own) == _modules_own(file):
        whose = "litellm_settings" if other is not None else "LiteLLM itself"
        report.add(SAME_AS_UNSET, file.place(ROUTER, "allowed_fails"), count=own, whose=whose)


def policies_count(file: File, report: Report) -> None:
    policy = mapping(file.router.get("allowed_fails_policy"))
    for key in _REQUESTS_FAULTS:
        count = number(policy.get(key))
        if count is not None and count < _MEANT_AS_NEVER:
            path = (ROUTER, "allowed_fails_policy", key)
            fix = Fix(f"delete {key}", (Edit("drop", path),)) if len(policy) > 1 else None
            report.add(IGNORED_COUNT, file.place(*path), fix, key=key)


def own_counts_count(file: File, report: Report) -> None:
    for group, entries in file.groups.items():
        info = entries[0].info
        is_set = number(info.get("allowed_fails")) is not None
        if len(entries) == 1 and is_set and not info.get("allowed_fails_policy"):
            path = (*entries[0].path, "model_info", "allowed_fails")
            report.add(ALONE, file.place(*path), group=group)


CHECKS = (
    failing_deployments_are_left_alone,
    cooldowns_are_set,
    policies_count,
    own_counts_count,
)
