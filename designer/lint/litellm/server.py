"""The server around the router: database, health checks, cache, logging and access.

What a key or a value is called is the work of `keys` and `values`; here every setting is a proper one, and
does more, or less, than it seems to.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from designer.diagnostics import Edit, Fix, Report, Rule, Severity
from designer.lint.litellm.names import words
from designer.lint.litellm.view import GENERAL, LITELLM, File, mapping, text

_MEASURED = "measured, LiteLLM 1.106.2"

DRIFT = Rule(
    "LNT501",
    Severity.INFO,
    "`store_model_in_db` lets the database add to this file, and overrule it",
    "Models and settings that are changed in the UI or by the API are kept in the database, and win over "
    "the file's.",
    help="leave it out where the file alone should say what runs, or compare the two regularly",
    source="https://github.com/BerriAI/litellm/issues/12875, "
    "https://github.com/BerriAI/litellm/issues/36564",
)
CHECKS_OFF = Rule(
    "LNT502",
    Severity.ERROR,
    "background health checks are on, and `health_check_interval: {value}` switches them off",
    "The interval must be a whole number of seconds above 0; the loop of checks ends at once with any other "
    "value, a number in quotes included.",
    instead="no deployment is ever checked, and nothing says so",
    help="write a whole number without quotes, such as 300",
    source="read, LiteLLM 1.106.2 proxy/proxy_server.py:4745, 2026-11-24; "
    "https://docs.litellm.ai/docs/proxy/health",
)
CHECKS_COST = Rule(
    "LNT503",
    Severity.INFO,
    "background health checks call {deployments} deployments every {interval} s: {calls} paid calls a day",
    "A health check is a real request to the provider, and each process of the proxy makes its own.",
    help="check less often, or only some groups (`background_health_check_model_groups`)",
    source="https://docs.litellm.ai/docs/proxy/health, read 2026-11-24; measured, LiteLLM 1.106.2, "
    "2026-11-22: /health calls every deployment",
)
VERBOSE = Rule(
    "LNT504",
    Severity.INFO,
    "`set_verbose` prints lines for debugging with every request",
    "The setting is deprecated, and its lines have neither a level nor a request's id.",
    help="delete it; set the environment variable LITELLM_LOG to INFO or DEBUG while you look for something",
    source=f"{_MEASURED}, 2026-11-24; litellm/_logging.py:68",
)
PROMPTS_LEAVE = Rule(
    "LNT505",
    Severity.INFO,
    "{names} keeps the text of prompts and answers",
    "What a logging service is sent holds messages unless `turn_off_message_logging` is true.",
    help="write `turn_off_message_logging: true` in litellm_settings if only numbers are meant to be kept",
    source="https://docs.litellm.ai/docs/proxy/logging, read 2026-11-24; read, LiteLLM 1.106.2 "
    "litellm_core_utils/redact_messages.py:354",
)
PROMPTS_KEPT = Rule(
    "LNT506",
    Severity.INFO,
    "`store_prompts_in_spend_logs` keeps the text of prompts and answers in the database for ever",
    "Spend logs are deleted only when a retention period says so.",
    help="write `maximum_spend_logs_retention_period: 30d`, or delete the setting",
    source="https://docs.litellm.ai/docs/proxy/spend_logs_deletion, read 2026-11-24",
)
CACHE_OFF = Rule(
    "LNT508",
    Severity.WARNING,
    "`cache_params` say how to cache, and `cache: true` is missing",
    "`cache_params` are read only when `cache` is true.",
    instead="nothing is cached",
    help="write `cache: true` in litellm_settings, or delete `cache_params`",
    source="read, LiteLLM 1.106.2 proxy/proxy_server.py:6545, 2026-11-24",
)
CACHE_SHARED = Rule(
    "LNT510",
    Severity.INFO,
    "the cache is shared by all callers",
    "A cached answer is found by the model, the messages and the parameters; who asks makes no difference, "
    "unless the request says `user`.",
    help="give callers who must not share answers a `namespace` of their own, or let them send `no-store`",
    source=f"{_MEASURED}, 2026-11-22",
)
CACHE_INCOMPLETE = Rule(
    "LNT511",
    Severity.ERROR,
    "a cache of type {type} needs `{key}`",
    "The cache is made when the proxy starts.",
    instead="the proxy does not start",
    help="write `{key}` into `cache_params`",
    source=f"{_MEASURED}, 2026-11-24",
)
CACHE_PACKAGE = Rule(
    "LNT512",
    Severity.WARNING,
    "a cache of type disk needs the package `diskcache`, which `litellm[proxy]` does not bring",
    "The package is imported when the proxy starts.",
    instead="the proxy does not start where the package is missing",
    help="install `litellm[caching]` too, or use the type local or redis",
    source=f"{_MEASURED}, 2026-11-22",
)
CUSTOM_AUTH = Rule(
    "LNT514",
    Severity.WARNING,
    "`custom_auth` is set, and `custom_auth_run_common_checks` is not: budgets and lists of models do not "
    "hold",
    "What custom authentication returns is trusted. Of its limits only rate limits are looked at, unless "
    "the common checks run.",
    instead="a caller over its budget, or without the right to a model, is served",
    help="write `custom_auth_run_common_checks: true`, and try a caller over its budget",
    source=f"{_MEASURED}, 2026-11-22; https://docs.litellm.ai/docs/proxy/custom_auth",
)
OPEN_WITHOUT_DATABASE = Rule(
    "LNT515",
    Severity.INFO,
    "`allow_requests_on_db_unavailable` lets every caller in while the database is away",
    "While keys cannot be looked up, a request is served with whatever key it brings.",
    help="keep it where only trusted callers reach the proxy, and delete it elsewhere",
    source="read, LiteLLM 1.106.2 proxy/auth/auth_exception_handler.py:147, 2026-11-24",
)
LICENSED = Rule(
    "LNT518",
    Severity.INFO,
    "`{key}` needs a licence of LiteLLM Enterprise",
    "The licence is asked for when the proxy starts, and without one it refuses to.",
    help="set LITELLM_LICENSE, or delete the setting",
    source="read, LiteLLM 1.106.2 proxy/proxy_server.py:7086, :7141, 2026-11-24; measured for "
    "tag_budget_config, 2026-11-22",
)


def file_is_the_truth(file: File, report: Report) -> None:
    if file.general.get("store_model_in_db") is True and file.entries:
        report.add(DRIFT, file.place(GENERAL, "store_model_in_db"))


def checks_are_made(file: File, report: Report) -> None:
    if file.general.get("background_health_checks") is not True:
        return
    interval = file.general.get("health_check_interval", _CHECK_INTERVAL_S)
    path = (GENERAL, "health_check_interval")
    if isinstance(interval, int) and interval > 0:
        _tell_cost(file, interval, report)
    elif interval is not None and not text(interval).startswith("os.environ/"):
        quoted = isinstance(interval, str) and interval.strip().isdecimal() and int(interval) > 0
        plain = text(interval).strip()
        fix = Fix(f"write {plain} without quotes", (Edit("set", path, plain),)) if quoted else None
        value = repr(interval) if isinstance(interval, str) else text(interval)
        report.add(CHECKS_OFF, file.place(*path), fix, value=value)


_CHECK_INTERVAL_S = 300
"""DEFAULT_HEALTH_CHECK_INTERVAL, constants.py of 1.106.2."""
_FEW_CALLS = 2_000
"""A day's calls that nobody needs to be told of: six deployments every five minutes."""
_OWN_SERVERS = ("ollama/", "ollama_chat/", "hosted_vllm/", "vllm/", "lm_studio/", "llamafile/")


def _tell_cost(file: File, interval_s: int, report: Report) -> None:
    paid = [one for one in file.entries if _is_checked(one.info) and not _is_own(one.model)]
    calls = len(paid) * 86_400 // interval_s
    if calls > _FEW_CALLS and not file.general.get("background_health_check_model_groups"):
        report.add(
            CHECKS_COST,
            file.place(GENERAL, "background_health_checks"),
            deployments=len(paid),
            interval=interval_s,
            calls=f"{calls:,}",
        )


def _is_checked(info: Mapping[str, Any]) -> bool:
    return info.get("disable_background_health_check") is not True


def _is_own(model: str) -> bool:
    return model.startswith(_OWN_SERVERS)


def debugging_is_off(file: File, report: Report) -> None:
    for section in (LITELLM, "router_settings"):
        if mapping(file.value.get(section)).get("set_verbose") is True:
            report.add(VERBOSE, file.place(section, "set_verbose"))


_KEEP_TEXTS = words(
    """
    argilla arize arize_phoenix athina azure_sentinel azure_storage braintrust datadog
    datadog_llm_observability dynamodb galileo gcs_bucket gcs_pubsub generic_api helicone humanloop
    langfuse langfuse_otel langsmith langtrace literalai logfire lunary mlflow opik otel posthog
    promptlayer s3 s3_v2 supabase traceloop wandb weave_otel
    """
)
"""Callbacks that log messages, of those that LiteLLM 1.106.2 knows."""


def prompts_stay_here(file: File, report: Report) -> None:
    if file.litellm.get("turn_off_message_logging") is True:
        return
    found = list(_keepers(file))
    if found:
        _, first = found[0]
        names = ", ".join(dict.fromkeys(f"`{name}`" for name, _ in found))
        report.add(PROMPTS_LEAVE, file.place(LITELLM, first), names=names)


def _keepers(file: File) -> Iterator[tuple[str, str]]:
    """Callbacks that keep texts, and the setting that names them."""
    for key in ("callbacks", "success_callback", "failure_callback"):
        listed = file.litellm.get(key)
        for name in listed if isinstance(listed, list) else ():
            if isinstance(name, str) and name in _KEEP_TEXTS:
                yield name, key


def stored_prompts_end(file: File, report: Report) -> None:
    key = "store_prompts_in_spend_logs"
    ends = file.general.get("maximum_spend_logs_retention_period")
    if file.general.get(key) is True and not ends:
        report.add(PROMPTS_KEPT, file.place(GENERAL, key))


_NEEDS: Mapping[str, tuple[str, ...]] = {
    "redis-semantic": ("similarity_threshold",),
    "valkey-semantic": ("similarity_threshold",),
    "qdrant-semantic": ("qdrant_collection_name", "similarity_threshold"),
}
"""What a cache of a type cannot be made without, whatever the environment holds."""


def cache_works(file: File, report: Report) -> None:
    params = mapping(file.litellm.get("cache_params"))
    place = file.place(LITELLM, "cache_params")
    if file.litellm.get("cache") is not True:
        if params and file.litellm.get("cache") is None:
            report.add(CACHE_OFF, place)
        return
    kind = text(params.get("type"))
    for key in _NEEDS.get(kind, ()):
        if params.get(key) is None:
            report.add(CACHE_INCOMPLETE, file.place(*_CACHE_TYPE), type=kind, key=key)
    if kind == "disk":
        report.add(CACHE_PACKAGE, file.place(*_CACHE_TYPE))
    if not params.get("namespace") and params.get("mode") != "default_off":
        report.add(CACHE_SHARED, file.place(LITELLM, "cache"))


_CACHE_TYPE = (LITELLM, "cache_params", "type")


def limits_hold(file: File, report: Report) -> None:
    is_checked = file.general.get("custom_auth_run_common_checks") is True
    if file.general.get("custom_auth") and not is_checked:
        report.add(CUSTOM_AUTH, file.place(GENERAL, "custom_auth"))
    key = "allow_requests_on_db_unavailable"
    if file.general.get(key) is True:
        report.add(OPEN_WITHOUT_DATABASE, file.place(GENERAL, key))


_LICENSED = (
    (GENERAL, "allowed_ips"),
    (GENERAL, "enforced_params"),
    (LITELLM, "tag_budget_config"),
)
"""Settings without which the proxy starts, and with which it wants a licence."""


def licences_are_there(file: File, report: Report) -> None:
    has_one = file.general.get("litellm_license") or (
        "LITELLM_LICENSE" in mapping(file.value.get("environment_variables"))
    )
    for section, key in _LICENSED:
        if not has_one and mapping(file.value.get(section)).get(key) is not None:
            report.add(LICENSED, file.place(section, key), key=key)


CHECKS = (
    file_is_the_truth,
    checks_are_made,
    debugging_is_off,
    prompts_stay_here,
    stored_prompts_end,
    cache_works,
    limits_hold,
    licences_are_there,
)
