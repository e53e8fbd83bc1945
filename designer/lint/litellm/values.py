"""Values that LiteLLM takes and cannot use: of the wrong kind, of no known name, or no reference.

Almost nothing is checked at its start, so most of them show when a request fails. What a value does when it
is a proper one is not judged here.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from designer import keys
from designer.diagnostics import Edit, Fix, Report, Rule, Severity
from designer.documents import Path
from designer.lint.litellm.names import guess, instead_of, known, near
from designer.lint.litellm.view import ROUTER, Entry, File, mapping, text

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
STRATEGY = Rule(
    "LNT009",
    Severity.ERROR,
    "there is no routing_strategy {strategy!r}{guess}",
    "The router knows its strategies by name, and checks the name when it is made.",
    instead="the proxy does not start",
    help="write one of {names}",
    source="measured, LiteLLM 1.106.2, 2026-11-22",
)
FALLBACKS = Rule(
    "LNT010",
    Severity.ERROR,
    "`{key}` {problem}",
    "A fallback list is a list of mappings with one group each, and of each group a list of names.",
    instead="{effect}",
    help="write `{key}: {shape}`",
    source=f"{_MEASURED}; LiteLLM 1.109.1 refuses a text among the targets at its start",
)
PROVIDER = Rule(
    "LNT011",
    Severity.ERROR,
    "LiteLLM {version} knows no provider {prefix!r}, and drops this deployment of {group!r}{guess}",
    "The provider is what stands before the first slash of `model`. A deployment whose provider is "
    "unknown is left out with a line in the log, and the proxy starts.",
    instead="the group has one deployment fewer; a request for a group without any is a 400",
    help="begin `model` with a provider's name: `openai/` for any server that speaks OpenAI's API",
    source=f"{_MEASURED}; https://docs.litellm.ai/docs/providers",
)
REFERENCE = Rule(
    "LNT012",
    Severity.ERROR,
    "`{key}` is meant to name an environment variable and does not: {problem}",
    "Only a value that begins with exactly `os.environ/` is looked up in the environment.",
    instead="the text itself is used, as a key or an address",
    help="write `os.environ/NAME`",
    source="read, LiteLLM 1.106.2 proxy/proxy_server.py:6018, secret_managers/main.py:204, 2026-11-24",
)
SHELL_VARIABLE = Rule(
    "LNT013",
    Severity.WARNING,
    "`{key}` holds {variable}, which LiteLLM does not replace",
    "Shells, Compose and envsubst replace such variables; LiteLLM reads the file as it is.",
    instead="the text itself is used, unless something replaces it before LiteLLM reads the file",
    help="write `os.environ/{name}` as the whole value",
    source="read, LiteLLM 1.106.2 proxy/proxy_server.py:6018, 2026-11-24",
)
INSIDE = Rule(
    "LNT014",
    Severity.ERROR,
    "`{key}` {problem}, where `os.environ/` is not replaced",
    "A reference is the whole value of a key. Inside a longer text, and as an item of a list, it stays "
    "a text.",
    instead="the text `os.environ/…` itself is used",
    help="put the whole value into one variable, and write `os.environ/NAME` as the key's value",
    source="read, LiteLLM 1.106.2 proxy/proxy_server.py:6007-6024, 2026-11-24",
)
CACHE_TYPE = Rule(
    "LNT015",
    Severity.ERROR,
    "there is no cache type {type!r}{guess}",
    "The cache is made when the proxy starts, by its type's name.",
    instead="the proxy does not start",
    help="write one of {names}",
    source=_MEASURED,
)
CALLBACKS_TEXT = Rule(
    "LNT016",
    Severity.ERROR,
    "`{key}` is a text, where a list is needed",
    "`callbacks` takes a text for the path of a Python object, `success_callback` and "
    "`failure_callback` take it letter by letter.",
    instead="{effect}",
    help="write `[{value}]`",
    source=_MEASURED,
)
CALLBACK = Rule(
    "LNT017",
    Severity.ERROR,
    "`callbacks` names {name!r}, which LiteLLM {version} does not know{guess}",
    "A name that is none of LiteLLM's own is imported as `module.object`, and this one has no module.",
    instead="the proxy does not start",
    help="write one of LiteLLM's names, `module.object` of your own, or move a name that only "
    "`success_callback` knows there",
    source=_MEASURED,
)
LOGS_NOTHING = Rule(
    "LNT018",
    Severity.WARNING,
    "`{key}` names {name!r}, which LiteLLM {version} does not know{guess}",
    "Names are compared one by one when a request is logged; a name that fits none is passed over.",
    instead="nothing is logged there, and nothing says so",
    help="write one of LiteLLM's names, or `module.object` of your own",
    source=_MEASURED,
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


# --- Kinds ----------------------------------------------------------------------------------------

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
_TEXTS = frozenset(
    [
        "api_key",
        "api_base",
        "api_version",
        "organization",
        "azure_ad_token",
        "tenant_id",
        "client_id",
        "client_secret",
        "azure_username",
        "azure_password",
        "vertex_project",
        "vertex_location",
        "region_name",
        "aws_access_key_id",
        "aws_secret_access_key",
        "aws_session_token",
        "aws_region_name",
        "aws_session_name",
        "aws_profile_name",
        "aws_role_name",
        "watsonx_region_name",
        "custom_llm_provider",
        "litellm_credential_name",
        "budget_duration",
    ]
)
_NUMBERS = frozenset(
    [
        "rpm",
        "tpm",
        "itpm",
        "otpm",
        "max_retries",
        "max_budget",
        "input_cost_per_token",
        "output_cost_per_token",
        "input_cost_per_second",
        "output_cost_per_second",
    ]
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


_TAKEN_AS_TEXT = frozenset(
    [
        "max_budget",
        "max_internal_user_budget",
        "default_max_internal_user_budget",
        "max_ui_session_budget",
        "drop_params",
        "user_api_key_cache_ttl",
        "health_check_interval",
    ]
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


# --- Names ----------------------------------------------------------------------------------------


def strategies_exist(file: File, report: Report) -> None:
    strategies = known(file, "routing_strategies")
    for path, strategy in _strategies(file):
        if strategy not in strategies and not strategy.startswith("os.environ/"):
            meant = near(strategy, strategies)
            report.add(
                STRATEGY,
                file.place(*path),
                instead_of(path, meant),
                strategy=strategy,
                guess=guess(meant),
                names=", ".join(sorted(strategies)),
            )


def _strategies(file: File) -> Iterator[tuple[Path, str]]:
    if "routing_strategy" in file.router:
        yield ("router_settings", "routing_strategy"), text(file.router["routing_strategy"])
    groups = file.router.get("routing_groups")
    for index, group in enumerate(groups if isinstance(groups, list) else ()):
        if isinstance(mapping(group).get("routing_strategy"), str):
            path = ("router_settings", "routing_groups", index, "routing_strategy")
            yield path, mapping(group)["routing_strategy"]


def cache_type_exists(file: File, report: Report) -> None:
    kind = mapping(file.litellm.get("cache_params")).get("type")
    types = known(file, "cache_types")
    if file.litellm.get("cache") is True and isinstance(kind, str) and kind not in types:
        path = ("litellm_settings", "cache_params", "type")
        meant = _CACHE.get(kind.lower()) or near(kind, types)
        names = ", ".join(sorted(types))
        fix = instead_of(path, meant)
        place = file.place(*path)
        report.add(CACHE_TYPE, place, fix, type=kind, guess=guess(meant), names=names)


_CACHE = {"memory": "local", "in-memory": "local", "in_memory": "local", "inmemory": "local"}
"""What people call the cache in the process's own memory."""

_CALLBACK_KEYS = ("callbacks", "success_callback", "failure_callback")
_ONLY_BY_OUTCOME = frozenset(
    [
        "athina",
        "dynamodb",
        "greenscale",
        "helicone",
        "lunary",
        "promptlayer",
        "s3",
        "sentry",
        "slack",
        "supabase",
        "traceloop",
        "wandb",
    ]
)
"""Names that `success_callback` and `failure_callback` know and `callbacks` does not
(litellm_core_utils/litellm_logging.py of 1.106.2)."""
_GENERIC = frozenset({"sample_callback", "rubrik", "sumologic", "qualifire_eval", "ramp"})
"""integrations/generic_api/generic_api_compatible_callbacks.json of 1.106.2."""


def callbacks_are_known(file: File, report: Report) -> None:
    version = file.subject.version
    own = set(mapping(file.value.get("callback_settings")))
    names = known(file, "callbacks") | _GENERIC | own
    for key in _CALLBACK_KEYS:
        value = file.litellm.get(key)
        path = ("litellm_settings", key)
        if isinstance(value, str) and not (key == "callbacks" and "." in value):
            _tell_text(file, key, value, report)
        rule = CALLBACK if key == "callbacks" else LOGS_NOTHING
        allowed = names - _ONLY_BY_OUTCOME if key == "callbacks" else names | _ONLY_BY_OUTCOME
        for index, name in enumerate(value if isinstance(value, list) else ()):
            if isinstance(name, str) and "." not in name and name not in allowed:
                meant = None if name in _ONLY_BY_OUTCOME else near(name, allowed)
                report.add(
                    rule,
                    file.place(*path, index),
                    instead_of((*path, index), meant),
                    key=key,
                    name=name,
                    version=version,
                    guess=guess(meant),
                )


def _tell_text(file: File, key: str, value: str, report: Report) -> None:
    path = ("litellm_settings", key)
    effect = "the proxy does not start" if key == "callbacks" else "nothing is logged there"
    is_plain = re.fullmatch(r"[\w.]+", value) is not None
    fix = Fix(f"write [{value}]", (Edit("set", path, f"[{value}]"),)) if is_plain else None
    report.add(CALLBACKS_TEXT, file.place(*path), fix, key=key, value=value, effect=effect)


def providers_exist(file: File, report: Report) -> None:
    own = {
        text(mapping(one).get("provider"))
        for one in file.litellm.get("custom_provider_map") or ()
        if isinstance(one, Mapping)
    }
    providers = known(file, "providers") | _BARE_PREFIXES | own
    for entry in file.entries:
        prefix, slash, _ = entry.model.partition("/")
        if slash and prefix not in providers and _is_decided_by_prefix(entry):
            meant = near(prefix, known(file, "providers"))
            path = entry.path_of("model")
            model = f"{meant}/{entry.model.partition('/')[2]}"
            report.add(
                PROVIDER,
                file.place(*path),
                Fix(f"write {model}", (Edit("set", path, model),)) if meant else None,
                version=file.subject.version,
                prefix=prefix,
                group=entry.group,
                guess=guess(meant),
            )


_BARE_PREFIXES = frozenset(
    [
        "aihubmix",
        "crusoe",
        "gmi",
        "llamagate",
        "sarvam",
        "low",
        "medium",
        "high",
        "standard",
        "hd",
        "256-x-256",
        "512-x-512",
        "1024-x-1024",
        "1024-x-1536",
        "1536-x-1024",
        "1024-x-1792",
        "1792-x-1024",
        "max-x-max",
        "os.environ",
    ]
)
"""Before the slash of names that LiteLLM's price list has a provider for (asked of 1.106.2, 2026-11-24)."""


def _is_decided_by_prefix(entry: Entry) -> bool:
    """Not where the provider is named, or recognised by its address."""
    params = entry.params
    named = ("custom_llm_provider", "api_base", "base_url", "litellm_credential_name")
    return "*" not in entry.model and not any(params.get(key) for key in named)


# --- Fallback lists -------------------------------------------------------------------------------

_LISTS = ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks")
_SHAPE = "[{group: [target]}]"


def fallbacks_are_lists(file: File, report: Report) -> None:
    for section in ("router_settings", "litellm_settings"):
        settings = mapping(file.value.get(section))
        for key in _LISTS:
            for path, problem, effect in _shape_problems(key, settings.get(key), (section, key)):
                place = file.place(*path)
                report.add(FALLBACKS, place, key=key, problem=problem, effect=effect, shape=_SHAPE)
        default = settings.get("default_fallbacks")
        if isinstance(default, str):
            report.add(
                FALLBACKS,
                file.place(section, "default_fallbacks"),
                key="default_fallbacks",
                problem="is a text",
                effect=_LETTERS,
                shape="[target]",
            )


_LETTERS = "its letters are taken for names of models, one by one"


def _shape_problems(key: str, value: Any, path: Path) -> Iterator[tuple[Path, str, str]]:
    stops = "the proxy does not start"
    if isinstance(value, Mapping) and value:
        effect = "no group finds its fallback" if key.startswith("context") else stops
        yield path, "is a mapping", effect
    for index, item in enumerate(value if isinstance(value, list) else ()):
        if not isinstance(item, Mapping):
            yield (*path, index), "holds an entry without a group", stops
            continue
        for group, targets in item.items():
            if isinstance(targets, str):
                yield (*path, index, group), f"of {group!r} leads to a text", _LETTERS


# --- References -----------------------------------------------------------------------------------

_EXACT = "os.environ/"
_ALMOST = re.compile(
    r"\s*(?:os[._ -]?environ|os[._-]env|os/env(?:iron)?)\s*[./:\\]+\s*(?P<name>[A-Za-z_]\w*)\s*",
    re.IGNORECASE,
)
_CALLED = re.compile(
    r"\s*(?:os\.)?(?:environ|getenv|environ\.get|process\.env|env)\s*"
    r"[\[(/:.]\s*[\"']?(?P<name>[A-Z][A-Z0-9_]{2,})[\"']?\s*[\])]?\s*"
)
_SHELL = re.compile(
    r"\$\{(?P<braced>[A-Z_][A-Z0-9_]*)(?::?-[^}]*)?\}|^\$(?P<bare>[A-Z_][A-Z0-9_]*)$"
)
_NO_NAME = re.compile(r"[\s${}\"'<>]|^$")


def references_are_exact(file: File, report: Report) -> None:
    for path, value in file.texts:
        if len(value) > 300 or "\n" in value:
            continue  # code or a prompt
        problem, name = _reference_problem(value)
        if problem:
            fix = instead_of(path, f"{_EXACT}{name}") if name else None
            report.add(REFERENCE, file.place(*path), fix, key=_key(path), problem=problem)
        elif shell := _SHELL.search(value):
            name = shell["braced"] or shell["bare"]
            variable = f"`${{{name}}}`"
            place = file.place(*path)
            report.add(SHELL_VARIABLE, place, key=_key(path), variable=variable, name=name)


def _reference_problem(value: str) -> tuple[str, str]:
    """What is wrong with a reference, and the variable that it means; both empty where nothing is."""
    if value.startswith(_EXACT):
        name = value.removeprefix(_EXACT)
        if name.startswith("sk-"):
            return "a key stands where the variable's name belongs", ""
        if not _NO_NAME.search(name):
            return "", ""
        meant = name.strip(" \t\"'${}<>")
        is_name = meant.isidentifier() and meant.isascii()
        return "its name is no name of a variable", meant if is_name else ""
    found = _ALMOST.fullmatch(value) or _CALLED.fullmatch(value)
    return (f"it does not begin with `{_EXACT}`", found["name"]) if found else ("", "")


def references_stand_alone(file: File, report: Report) -> None:
    for path, value in file.texts:
        if _EXACT not in value or path[0] not in _RESOLVED or "\n" in value:
            continue
        if path[0] == "general_settings" and len(path) > 2:
            continue  # pass-through endpoints and others resolve their own
        if not value.startswith(_EXACT) and not _ALMOST.fullmatch(value):
            problem = "has a reference inside a longer text"
        elif isinstance(path[-1], int):
            problem = "has a reference as an item of its list"
        else:
            continue
        report.add(INSIDE, file.place(*path), key=_key(path), problem=problem)


_RESOLVED = frozenset(
    [
        "model_list",
        "router_settings",
        "litellm_settings",
        "general_settings",
        "environment_variables",
    ]
)


def _key(path: Path) -> str:
    return next((part for part in reversed(path) if isinstance(part, str)), "")


CHECKS = (
    kinds_are_right,
    values_are_unquoted,
    versions_are_no_dates,
    strategies_exist,
    cache_type_exists,
    callbacks_are_known,
    providers_exist,
    fallbacks_are_lists,
    references_are_exact,
    references_stand_alone,
)
