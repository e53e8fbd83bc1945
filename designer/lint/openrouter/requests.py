"""Fields of a request that OpenRouter does not have, no longer has, or reads otherwise."""

from difflib import get_close_matches
from functools import cache

from designer.diagnostics import Edit, Fix, Report, Rule, Severity
from designer.documents import Path
from designer.gateways.openrouter.tables import MAX_SESSION_ID, PREFERENCES
from designer.keys import snake_case
from designer.lint.openrouter.tables import (
    FIELDS,
    NOT_OFFERED,
    PLUGIN_OF_ROUTER,
    PLUGINS,
    WRAPPERS,
)
from designer.lint.openrouter.view import Body, listed, mapping

_DOCUMENT = "OpenAPI document (ChatRequest), 2026-08-22"

NOT_A_FIELD = Rule(
    "LNT815",
    Severity.WARNING,
    "OpenRouter has no `{key}`",
    "Retries, time limits, shares and budgets of a request are settings of other gateways; OpenRouter "
    "ignores fields that it does not know.",
    instead="it is ignored",
    help="{help}",
    source=_DOCUMENT,
)
MISSPELT_FIELD = Rule(
    "LNT816",
    Severity.WARNING,
    "a request has no field `{key}` (did you mean `{near}`?)",
    "OpenRouter ignores fields that it does not know.",
    instead="it is ignored",
    help="write `{near}`",
    source=_DOCUMENT,
)
OUTDATED = Rule(
    "LNT817",
    Severity.INFO,
    "{what} is out of date",
    "It is accepted for the sake of older requests, and newer SDKs no longer know it.",
    help="{help}",
    source=f"{_DOCUMENT}; Python SDK openrouter 1.3.84, 2026-11-22",
)
NO_TRANSFORMS = Rule(
    "LNT818",
    Severity.WARNING,
    "`transforms` is gone",
    "The field is no longer in the API; the plugin `context-compression` took its place, and is on by "
    "default for endpoints of up to 8k tokens of context only.",
    instead="a prompt that is too long for a larger endpoint is refused in place of shortened",
    help='write `"plugins": [{{"id": "context-compression"}}]`',
    source="https://openrouter.ai/docs/guides/features/message-transforms, 2026-08-22",
)
PRESET_FIELD = Rule(
    "LNT819",
    Severity.WARNING,
    "the field `preset` does not pass the official SDKs",
    "The guide shows the field, the API's document does not have it: the Python SDK refuses it and the "
    "TypeScript SDK leaves it out.",
    instead="requests are sent without the preset",
    help='name it in the model: `"model": "@preset/{slug}"`',
    source="measured, Python SDK openrouter 1.3.84 and @openrouter/sdk 1.3.19, 2026-11-22",
)
SESSION_TOO_LONG = Rule(
    "LNT820",
    Severity.ERROR,
    "`session_id` has {length} characters, and {most} are the most",
    "The API refuses a longer one.",
    instead="every request is answered 400",
    help="use a hash of it",
    source=_DOCUMENT,
)
UNKNOWN_PLUGIN = Rule(
    "LNT821",
    Severity.WARNING,
    "OpenRouter has no plugin {id!r}{guess}",
    "Plugins are told apart by `id`; one that nobody has is refused or does nothing.",
    instead="the plugin does not run",
    help="use the id of a plugin",
    source="OpenAPI document (plugins), 2026-08-22; Python SDK openrouter 1.3.84, 2026-11-22",
)
OTHER_ROUTER = Rule(
    "LNT822",
    Severity.WARNING,
    "the plugin {id!r} does not configure {model}{right}",
    "Each router takes its settings from the plugin of its own; that of another one is accepted and "
    "ignored.",
    instead="the router runs with its defaults",
    help="use the router's own plugin, or the plugin's router as `model`",
    source="https://openrouter.ai/docs/guides/routing/routers/auto-router, 2026-08-22",
)
ONLY_FLEX = Rule(
    "LNT823",
    Severity.INFO,
    "`service_tier: flex` asks flex endpoints only, and falls back to no other",
    "Of a model that has flex endpoints no other endpoint is asked, however long they are overloaded.",
    help="leave it out where an answer counts more than its price",
    source="https://openrouter.ai/docs/guides/features/service-tiers, 2026-08-22",
)


def fields_exist(body: Body, report: Report) -> None:
    for key in body.value:
        if key in NOT_OFFERED and not _is_of_messages(key, body):
            report.add(NOT_A_FIELD, body.place(key), key=key, help=NOT_OFFERED[key])
        elif key not in FIELDS and key not in WRAPPERS and snake_case(key) not in PREFERENCES:
            near = _near(key)
            if near is not None:
                is_free = near not in body.value
                fix = _renamed(key, near, (*body.path, key)) if is_free else None
                report.add(MISSPELT_FIELD, body.place(key), fix, key=key, near=near)


def _is_of_messages(key: str, body: Body) -> bool:
    """The messages endpoint has `fallbacks`: objects with a model."""
    items = listed(body.value.get(key))
    return key == "fallbacks" and bool(items) and all("model" in mapping(item) for item in items)


@cache
def _near(key: str) -> str | None:
    snake = snake_case(key)
    if snake in FIELDS:
        return snake
    close = get_close_matches(snake, FIELDS, n=1, cutoff=0.85) if len(key) < 60 else []
    return close[0] if close and len(close[0]) > 4 else None


def _renamed(key: str, right: str, path: Path) -> Fix:
    return Fix(f"write {right} instead of {key}", (Edit("rename", path, right),))


def fields_are_current(body: Body, report: Report) -> None:
    value = body.value
    if value.get("transforms") is not None:
        report.add(NO_TRANSFORMS, body.place("transforms"))
    if isinstance(value.get("preset"), str):
        report.add(PRESET_FIELD, body.place("preset"), slug=value["preset"])
    if value.get("route") is not None:
        help_ = "leave it out: `models` is tried in order without it"
        report.add(OUTDATED, body.place("route"), what="`route`", help=help_)
    if "include" in mapping(value.get("usage")):
        help_ = "leave it out: usage is always told"
        report.add(OUTDATED, body.place("usage"), what="`usage.include`", help=help_)
    for entry in body.models:
        if entry.name.endswith(":online"):
            help_ = "leave the suffix out, and add the server tool for web search"
            report.add(OUTDATED, body.place(*entry.path), what="the suffix `:online`", help=help_)


def values_are_taken(body: Body, report: Report) -> None:
    session = body.value.get("session_id")
    if isinstance(session, str) and len(session) > MAX_SESSION_ID:
        place = body.place("session_id")
        report.add(SESSION_TOO_LONG, place, length=len(session), most=MAX_SESSION_ID)
    if body.value.get("service_tier") == "flex":
        report.add(ONLY_FLEX, body.place("service_tier"))


def plugins_run(body: Body, report: Report) -> None:
    models = [entry.name.partition(":")[0] for entry in body.models]
    own = {PLUGIN_OF_ROUTER[model]: model for model in models if model in PLUGIN_OF_ROUTER}
    for index, plugin in enumerate(listed(body.value.get("plugins"))):
        id_ = mapping(plugin).get("id")
        if not isinstance(id_, str):
            continue
        place = body.place("plugins", index, "id")
        if id_ not in PLUGINS:
            near = next(iter(get_close_matches(id_, PLUGINS, n=1, cutoff=0.75)), None)
            guess = f" (did you mean `{near}`?)" if near else ""
            report.add(UNKNOWN_PLUGIN, place, id=id_, guess=guess)
        elif id_ in PLUGIN_OF_ROUTER.values() and models and id_ not in own:
            right = f": that is {next(iter(own))!r}" if own else ""
            report.add(OTHER_ROUTER, place, id=id_, model=models[0], right=right)


CHECKS = (fields_exist, fields_are_current, values_are_taken, plugins_run)
