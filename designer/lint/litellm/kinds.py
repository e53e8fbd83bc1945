"""Values of the wrong kind: texts where LiteLLM calculates, numbers and dates where it wants a text.

Almost nothing is checked at its start, so most of them show when a request fails. What a value of the right
kind does is not judged here.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from designer import keys
from designer.diagnostics import Edit, Fix, Report, Rule, Severity
from designer.documents import Path
from designer.lint.litellm.names import words
from designer.lint.litellm.view import ROUTER, File, mapping

_MEASURED = "measured, LiteLLM 1.106.2, 2026-11-24"

WRONG_KIND = Rule(
    "LNT007",
    Severity.ERROR,
    "`{key}` is {found}, where {needed} is needed",
    "LiteLLM takes the value as it stands; it is first calculated with when a request is routed or "
    "fails.",
    instead="{effect}",
    help="write {needed}",
    source=_MEASURED,
)

QUOTED = Rule(
    "LNT008",
    Severity.WARNING,
    "`{key}` is the text {value!r}, where {needed} is meant",
    "A quoted value is a text. Where LiteLLM asks whether a setting is true, a text is not; where it "
    "asks whether there is one, even 'false' is; and a text cannot be compared with a number.",
    instead="the setting does something else than it says",
    help="write it without quotes",
    source="read, LiteLLM 1.106.2 proxy/proxy_server.py:6862 (values are kept as they are), 2026-11-24",
)

DATE = Rule(
    "LNT019",
    Severity.ERROR,
    "`{key}: {value}` is a date, and LiteLLM drops this deployment of {group!r}",
    "YAML reads an unquoted 2024-02-01 as a date, and `{key}` must be a text: the deployment is left out with "
    "a line in the log, and the proxy starts.",
    instead="the group has one deployment fewer; a request for a group without any is a 400",
    help='write `{key}: "{value}"`',
    source=_MEASURED,
)

_NUMBER, _WHOLE = "a number", "a whole number"
_ROUTER: Mapping[str, tuple[str, str]] = {
    "num_retries": (
        _WHOLE,
        "every failure reaches the caller as a 500 about types, without a retry",
    ),
    "retry_after": (_NUMBER, "every failure reaches the caller as a 500 about types"),
    "max_fallbacks": (_WHOLE, "every fallback fails with an error about types"),
    "cooldown_time": (_NUMBER, "no deployment is ever left alone after it failed"),
    "allowed_fails": (_WHOLE, "no deployment is ever left alone after it failed"),
}
"""Settings of the router that it calculates with → what they must be, and what happens otherwise
(measured one by one, LiteLLM 1.106.2, 2026-11-24)."""

_BOTH = frozenset({"num_retries"})
"""Those of them that litellm_settings sets too."""

_DROPPED = "LiteLLM drops the deployment, writes a line into its log, and starts"
_TEXTS = words(
    """
    api_key api_base api_version organization azure_ad_token tenant_id client_id client_secret
    azure_username azure_password vertex_project vertex_location region_name aws_access_key_id
    aws_secret_access_key aws_session_token aws_region_name aws_session_name aws_profile_name
    aws_role_name watsonx_region_name custom_llm_provider litellm_credential_name
    budget_duration
    """
)
_NUMBERS = words(
    """
    rpm tpm itpm otpm max_retries max_budget input_cost_per_token output_cost_per_token
    input_cost_per_second output_cost_per_second
    """
)
"""Of litellm_params those that are checked when a deployment is made (types/router.py of 1.106.2): a
text in figures is taken for a number, and nothing else for a text."""


def kinds_are_right(file: File, report: Report) -> None:
    for path, found, needed, effect in (*_router_kinds(file), *_deployment_kinds(file)):
        value = _at(file, path)
        fix = _unquoted(path, value, needed) if isinstance(value, str) else None
        report.add(
            WRONG_KIND,
            file.place(*path),
            fix,
            key=path[-1],
            found=found,
            needed=needed,
            effect=effect,
        )


def _at(file: File, path: Path) -> Any:
    value: Any = file.value
    for part in path:
        value = value[part]
    return value


def _router_kinds(file: File) -> Iterator[tuple[Path, str, str, str]]:
    for section in ("router_settings", "litellm_settings"):
        settings = mapping(file.value.get(section))
        for key, (needed, effect) in _ROUTER.items():
            value = settings.get(key) if section == ROUTER or key in _BOTH else None
            if isinstance(value, str):
                is_named = value.startswith("os.environ/")
                found = "an environment variable, which is a text" if is_named else "a text"
                yield (section, key), found, needed, effect
            elif isinstance(value, float) and needed == _WHOLE and not value.is_integer():
                yield (section, key), "a fraction", needed, effect


def _deployment_kinds(file: File) -> Iterator[tuple[Path, str, str, str]]:
    for entry in file.entries:
        for key, value in entry.params.items():
            wrong = _wrong(key, value)
            if wrong is not None:
                yield entry.path_of(key), *wrong
        if isinstance(entry.info.get("base_model"), int | float):
            path = (*entry.path, "model_info", "base_model")
            yield path, "a number", "a text", _DROPPED


def _wrong(key: str, value: Any) -> tuple[str, str, str] | None:
    """What a deployment's setting is, what it must be, and what happens."""
    is_number = isinstance(value, int | float)
    if key in _TEXTS and is_number:
        found = "true or false" if isinstance(value, bool) else "a number"
        return found, "a text in quotes", _DROPPED
    if not isinstance(value, str) or value.startswith("os.environ/"):
        return None
    if key == "weight":
        return "a text", _NUMBER, "every request for the group fails with an error about types"
    if key in _NUMBERS and not _is_number(value):
        return "a text", _NUMBER, _DROPPED
    if key in ("timeout", "stream_timeout") and not _is_number(value):
        return "a text", "a number of seconds", "every request to the deployment fails"
    if key == "tags":
        return "a text", "a list", _DROPPED
    return None


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def _unquoted(path: Path, value: str, needed: str) -> Fix | None:
    """Only what is a plain number already, and loses nothing but its quotes."""
    if needed == "a list" and value.isidentifier():
        return Fix(f"write [{value}]", (Edit("set", path, f"[{value}]"),))
    plain = value.strip()
    is_plain = re.fullmatch(r"\d+" if needed == _WHOLE else r"\d+(\.\d+)?", plain) is not None
    return Fix(f"write {plain} without quotes", (Edit("set", path, plain),)) if is_plain else None


_TAKEN_AS_TEXT = words(
    """
    max_budget max_internal_user_budget default_max_internal_user_budget max_ui_session_budget
    drop_params user_api_key_cache_ttl health_check_interval
    """
)
"""Settings that LiteLLM converts itself (proxy_server.py:6677-6862 of 1.106.2), and one that a rule of the
server is about."""


def values_are_unquoted(file: File, report: Report) -> None:
    for section in ("router_settings", "litellm_settings", "general_settings"):
        for key, value in mapping(file.value.get(section)).items():
            if isinstance(value, str) and key not in _TAKEN_AS_TEXT and key not in _ROUTER:
                needed = _needed(file, section, key, value)
                if needed:
                    path = (section, key)
                    plain = value.strip().lower()
                    fix = Fix(f"write {plain} without quotes", (Edit("set", path, plain),))
                    place = file.place(*path)
                    report.add(QUOTED, place, fix, key=key, value=value, needed=needed)


def _needed(file: File, section: str, key: str, value: str) -> str:
    """What a quoted value is meant for; empty where a text may be meant."""
    one = keys.find("litellm", file.subject.version, section, key)
    if one is None or not one.accepts or "str" in one.accepts:
        return ""
    if one.accepts & {"int", "float"} and re.fullmatch(r"\d+(\.\d+)?", value.strip()):
        return "a number"
    is_bool = "bool" in one.accepts and value.strip().lower() in ("true", "false")
    return "true or false" if is_bool else ""


def versions_are_no_dates(file: File, report: Report) -> None:
    for entry in file.entries:
        value = entry.params.get("api_version")
        path = entry.path_of("api_version")
        if isinstance(value, str) and file.is_plain_date(path, value):
            fix = Fix("write it in quotes", (Edit("set", path, f'"{value}"'),))
            place = file.place(*path)
            report.add(DATE, place, fix, key="api_version", value=value, group=entry.group)


CHECKS = (
    kinds_are_right,
    values_are_unquoted,
    versions_are_no_dates,
)
