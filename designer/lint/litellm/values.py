"""Names that LiteLLM does not know, and fallback lists that it cannot read.

Almost nothing is checked at its start, so most of them show when a request fails. Guardrails have a module
of their own.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from designer.diagnostics import Edit, Fix, Report, Rule, Severity
from designer.documents import Path
from designer.lint.litellm.names import guess, instead_of, known, near, words
from designer.lint.litellm.view import Entry, File, mapping, text

_MEASURED = "measured, LiteLLM 1.106.2, 2026-11-24"

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
_ONLY_BY_OUTCOME = words(
    """
    athina dynamodb greenscale helicone lunary promptlayer s3 sentry slack supabase traceloop
    wandb
    """
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


_BARE_PREFIXES = words(
    """
    aihubmix crusoe gmi llamagate sarvam low medium high standard hd 256-x-256 512-x-512
    1024-x-1024 1024-x-1536 1536-x-1024 1024-x-1792 1792-x-1024 max-x-max os.environ
    """
)
"""Before the slash of names that LiteLLM's price list has a provider for (asked of 1.106.2, 2026-11-24)."""


def _is_decided_by_prefix(entry: Entry) -> bool:
    """Not where the provider is named, or recognised by its address."""
    params = entry.params
    named = ("custom_llm_provider", "api_base", "base_url", "litellm_credential_name")
    return "*" not in entry.model and not any(params.get(key) for key in named)


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


CHECKS = (
    strategies_exist,
    cache_type_exists,
    callbacks_are_known,
    providers_exist,
    fallbacks_are_lists,
)
