"""Retries that do not happen, cannot help, or are not the ones that were meant."""

from collections.abc import Iterator, Mapping
from typing import Any

from designer.diagnostics import Edit, Fix, Report, Rule, Severity
from designer.documents import Path
from designer.gateways.litellm.tables import DEFAULT_RETRIES
from designer.lint.litellm.view import LITELLM, ROUTER, Entry, File, mapping, number
from designer.lint.routes.places import listed

_MEASURED = "measured, LiteLLM 1.106.2, 2026-11-22"

MAX_RETRIES = Rule(
    "LNT403",
    Severity.WARNING,
    "`max_retries` of a deployment changes nothing",
    "The router retries by `num_retries`, and tells the provider's client not to retry at all.",
    instead="the deployment is retried {retries} times, as the router says",
    help="write num_retries",
    source=f"{_MEASURED}; https://github.com/BerriAI/litellm/issues/18968",
)
NO_SECOND_TRY = Rule(
    "LNT404",
    Severity.INFO,
    "a request for {groups} is tried once: no retry, no second deployment, no fallback",
    "`num_retries: 0` also gives up on errors that a second try would cure, such as a dropped connection.",
    instead="every single failure reaches the caller",
    help="allow one retry, or add a fallback",
    source=_MEASURED,
)
HOPELESS = Rule(
    "LNT413",
    Severity.INFO,
    "`{key}: {count}` sends a request again that the provider has found wrong",
    "The same request gets the same answer; the caller waits for it {count} times more.",
    instead="the error comes later, and no more often than before",
    help="set it to 0",
    source=f"{_MEASURED}: a policy makes 400 and 404 retryable",
)
REPLACES = Rule(
    "LNT415",
    Severity.WARNING,
    "the retry policy of {group!r} stands in the place of `retry_policy`, and says nothing of {keys}",
    "A group's own policy replaces the common one; they are not merged.",
    instead="those errors of {group!r} are retried `num_retries` times",
    help="repeat the common keys in the policy of {group!r}",
    source=f"{_MEASURED}: get_retry_from_policy.py:40",
)
TWO_COUNTS = Rule(
    "LNT416",
    Severity.WARNING,
    "`num_retries` is {own} in router_settings and {other} in litellm_settings",
    "Both sections work; where both have it, the router's counts.",
    instead="`num_retries: {own}` counts",
    help="keep one of them",
    source=_MEASURED,
)
LONG_FLOOR = Rule(
    "LNT423",
    Severity.WARNING,
    "`retry_after: {given:g}` is cut to 8 s",
    "The wait between tries is never longer than 8 s, unless the provider itself asks for more.",
    instead="tries are 8 to 9 s apart",
    help="write at most 8; a fallback helps more than a long wait",
    source="measured, LiteLLM 1.106.2, 2026-11-24: 30 waits twice 8 s; utils.py:7468",
)

_HOPELESS_KEYS = ("BadRequestErrorRetries", "NotFoundErrorRetries")
_LONGEST_WAIT_S = 8


def deployments_retry_as_they_say(file: File, report: Report) -> None:
    for entry in file.entries:
        if entry.params.get("max_retries") is not None:
            path = entry.path_of("max_retries")
            report.add(MAX_RETRIES, file.place(*path), _renamed(entry), retries=retries(file))


def _renamed(entry: Entry) -> Fix | None:
    if "num_retries" in entry.params:
        return None
    edit = Edit("rename", entry.path_of("max_retries"), "num_retries")
    return Fix("write num_retries instead of max_retries", (edit,))


def retries(file: File) -> int:
    """Of a group, unless its deployments or a policy say otherwise."""
    setting = file.setting("num_retries")
    given = number(setting.value) if setting is not None else None
    return DEFAULT_RETRIES if given is None else max(int(given), 0)


def somebody_tries_again(file: File, report: Report) -> None:
    setting = file.setting("num_retries")
    if setting is None or number(setting.value) != 0 or file.setting("default_fallbacks"):
        return
    falling = {hop.group for hop in file.hops("fallbacks")}
    alone = [
        group
        for group, entries in file.groups.items()
        if len(entries) == 1 and group not in falling and not entries[0].params.get("num_retries")
    ]
    if alone and "*" not in falling and not _policies(file):
        report.add(NO_SECOND_TRY, file.place(*setting.path), groups=listed(alone))


def _policies(file: File) -> bool:
    return any(file.router.get(key) for key in ("retry_policy", "model_group_retry_policy"))


def policies_can_help(file: File, report: Report) -> None:
    for path, policy in _listed_policies(file):
        for key in _HOPELESS_KEYS:
            count = number(policy.get(key))
            if count and count > 0:
                report.add(HOPELESS, file.place(*path, key), key=key, count=int(count))


def _listed_policies(file: File) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    yield (ROUTER, "retry_policy"), mapping(file.router.get("retry_policy"))
    for group, policy in mapping(file.router.get("model_group_retry_policy")).items():
        yield (ROUTER, "model_group_retry_policy", group), mapping(policy)


def policies_are_whole(file: File, report: Report) -> None:
    common = mapping(file.router.get("retry_policy"))
    for group, policy in mapping(file.router.get("model_group_retry_policy")).items():
        keys = [key for key in common if key not in mapping(policy)]
        if keys and isinstance(policy, Mapping):
            place = file.place(ROUTER, "model_group_retry_policy", group)
            report.add(REPLACES, place, group=group, keys=listed(map(str, keys)))


def sections_count_alike(file: File, report: Report) -> None:
    own, other = file.router.get("num_retries"), file.litellm.get("num_retries")
    if number(own) is not None and number(other) is not None and own != other:
        report.add(TWO_COUNTS, file.place(LITELLM, "num_retries"), own=own, other=other)


def waits_are_possible(file: File, report: Report) -> None:
    given = number(file.router.get("retry_after"))
    if given is not None and given > _LONGEST_WAIT_S:
        report.add(LONG_FLOOR, file.place(ROUTER, "retry_after"), given=given)


CHECKS = (
    deployments_retry_as_they_say,
    somebody_tries_again,
    policies_can_help,
    policies_are_whole,
    sections_count_alike,
    waits_are_possible,
)
