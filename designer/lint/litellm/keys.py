"""Keys that LiteLLM does not read where they stand: misspelt, misplaced, or of another version.

LiteLLM refuses almost no key. Whether a value is a good one is the work of `values`.
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any

from msgspec import Struct

from designer import keys
from designer.diagnostics import Edit, Fix, Report, Rule, Severity
from designer.documents import Path
from designer.keys.undeclared import UNDECLARED
from designer.lint.litellm.view import File, mapping, text

_MEASURED = "measured, LiteLLM 1.106.2, 2026-11-22"

MISSPELT = Rule(
    "LNT001",
    Severity.ERROR,
    "there is no `{key}` in {section} (did you mean `{meant}`?)",
    "LiteLLM takes unknown keys without an error: at the top and in general_settings and "
    "litellm_settings without a word, in router_settings with a warning in the log.",
    instead="{instead}",
    help="write `{meant}`",
    source=f"{_MEASURED}; https://github.com/BerriAI/litellm/issues/34877",
)
UNKNOWN = Rule(
    "LNT002",
    Severity.WARNING,
    "LiteLLM {version} knows no `{key}` in {section}",
    "LiteLLM takes unknown keys without an error: at the top and in general_settings and "
    "litellm_settings without a word, in router_settings with a warning in the log.",
    instead="{instead}",
    help="look the key up in the documentation of your version, or delete it",
    source=f"{_MEASURED}; https://github.com/BerriAI/litellm/issues/34877",
)
MISPLACED = Rule(
    "LNT003",
    Severity.WARNING,
    "`{key}` has no effect in {section}: it belongs into {home}",
    "A key is looked up in its own section, and an unknown key is taken without an error.",
    instead="{instead}",
    help="move it into {home}",
    source=f"{_MEASURED}; https://github.com/BerriAI/litellm/issues/34877",
)
FORWARDED = Rule(
    "LNT004",
    Severity.INFO,
    "`{key}` is no setting of LiteLLM {version}, and is sent to the provider with every request",
    "What litellm_params holds beside LiteLLM's own settings becomes part of the request's body.",
    instead="the provider uses it, ignores it, or refuses the request",
    help="make sure that the provider knows it",
    source=f"{_MEASURED}: a misspelt key was seen in the upstream request's body",
)
OTHER_VERSION = Rule(
    "LNT005",
    Severity.WARNING,
    "LiteLLM {version} does not know `{key}` in {section}: it is there {when}",
    "An unknown key is taken without an error, so a setting can disappear with an upgrade, or wait "
    "for one.",
    instead="{instead}",
    help="use a version that knows the key, or delete it",
    source="read, LiteLLM 1.106.2 and 1.109.1, 2026-11-22",
)
STOPS = Rule(
    "LNT006",
    Severity.ERROR,
    "`{key}` in router_settings stops the proxy at its start: it belongs into general_settings",
    "Of all misplaced keys LiteLLM refuses just two, `health_check_interval` and "
    "`health_check_concurrency`.",
    instead="the proxy does not start",
    help="move it into general_settings",
    source="read, LiteLLM 1.106.2 proxy/proxy_server.py:7243, 2026-11-24",
)


class Section(Struct, frozen=True):
    """A part of the file whose keys are known."""

    kind: str
    """As `designer.keys` calls it."""
    path: Path
    value: Mapping[str, Any]


def keys_are_known(file: File, report: Report) -> None:
    for section in sections(file):
        for key in section.value:
            if not _is_known(file, section, key):
                _tell(file, section, key, report)


def sections(file: File) -> Iterator[Section]:
    yield Section("", (), file.value)
    for kind in ("router_settings", "litellm_settings", "general_settings"):
        yield Section(kind, (kind,), mapping(file.value.get(kind)))
    cache_params = ("litellm_settings", "cache_params")
    yield Section("cache_params", cache_params, mapping(file.litellm.get("cache_params")))
    yield from _policies(file)
    yield from _deployments(file)
    yield from _guardrails(file)


def _policies(file: File) -> Iterator[Section]:
    for kind in ("retry_policy", "allowed_fails_policy"):
        yield Section(kind, ("router_settings", kind), mapping(file.router.get(kind)))
    for name, policy in mapping(file.router.get("model_group_retry_policy")).items():
        path = ("router_settings", "model_group_retry_policy", name)
        yield Section("retry_policy", path, mapping(policy))
    for index, group in _mappings(file.router.get("routing_groups")):
        yield Section("routing_groups[]", ("router_settings", "routing_groups", index), group)


def _deployments(file: File) -> Iterator[Section]:
    for index, entry in _mappings(file.value.get("model_list")):
        yield Section("model_list[]", ("model_list", index), entry)
        for kind in ("litellm_params", "model_info"):
            yield Section(kind, ("model_list", index, kind), mapping(entry.get(kind)))


def _guardrails(file: File) -> Iterator[Section]:
    for index, item in _mappings(file.value.get("guardrails")):
        path: Path = ("guardrails", index)
        yield Section("guardrails[]", path, item)
        params = mapping(item.get("litellm_params"))
        if "." not in text(params.get("guardrail")):  # a class of one's own takes what it likes
            yield Section("guardrails[].litellm_params", (*path, "litellm_params"), params)


def _mappings(value: Any) -> Iterator[tuple[int, Mapping[str, Any]]]:
    listed = value if isinstance(value, list) else ()
    return ((index, item) for index, item in enumerate(listed) if isinstance(item, Mapping))


def _is_known(file: File, section: Section, key: str) -> bool:
    if section.kind == "" and key.startswith(("x-", "_", ".")):
        return True  # by custom a place for anchors
    if key in UNDECLARED["litellm"].get(section.kind, ()):
        return True
    return keys.find("litellm", file.subject.version, section.kind, key) is not None


def _tell(file: File, section: Section, key: str, report: Report) -> None:
    version = file.subject.version
    when = _other_version(version, section.kind, key)
    home = _home(version, section.kind, key)
    meant = _meant(version, section.kind, key)
    fix = None
    if section.kind == "router_settings" and key in _REFUSED:
        rule = STOPS
    elif when:
        rule = OTHER_VERSION
    elif home:
        rule = MISPLACED
    elif meant and meant not in section.value:
        rule = MISSPELT
        fix = Fix(f"write {meant} instead of {key}", (Edit("rename", (*section.path, key), meant),))
    elif section.kind == "litellm_params":
        rule = FORWARDED
    elif section.kind in _FREE:
        return
    else:
        rule = UNKNOWN
    report.add(
        rule,
        file.place(*section.path, key),
        fix,
        key=key,
        section=_TITLE.get(section.kind, section.kind),
        version=version,
        when=when,
        home=home,
        meant=meant,
        instead=_EFFECT.get(section.kind, "it has no effect"),
    )


_REFUSED = frozenset({"health_check_interval", "health_check_concurrency"})
_FREE = frozenset({"model_info"})
"""Where anybody may keep remarks of their own."""

_TITLE: Mapping[str, str] = {
    "": "the file",
    "model_list[]": "an entry of model_list",
    "routing_groups[]": "an entry of routing_groups",
    "guardrails[]": "a guardrail",
    "guardrails[].litellm_params": "a guardrail's litellm_params",
}
_EFFECT: Mapping[str, str] = {
    "litellm_params": "it is sent to the provider as part of the request, and changes nothing here",
    "litellm_settings": "it becomes a variable that nothing reads",
    "cache_params": "it is passed to the cache's client, which refuses it or does nothing with it",
    "guardrails[].litellm_params": "the guardrail runs without it",
}


@cache
def _other_version(version: str, section: str, key: str) -> str:
    """Since or until when LiteLLM knows the key; empty where no version that was read does."""
    own = keys.nearest("litellm", version)
    for other in keys.versions("litellm"):
        found = keys.find("litellm", other, section, key)
        if found is not None and other != own:
            return f"since {found.since}" if found.since else f"until {found.until}"
    return ""


_BESIDE: Mapping[str, tuple[str, ...]] = {
    "model_list[]": ("litellm_params", "model_info"),
    "model_info": ("litellm_params",),
    "litellm_params": ("model_info", "router_settings", "general_settings"),
    "guardrails[]": ("guardrails[].litellm_params",),
    "guardrails[].litellm_params": ("guardrails[]",),
}
"""Where a key of a section that stands inside another one is looked for."""
_COMMON = frozenset(
    {"name", "type", "model", "mode", "id", "description", "url", "version", "path"}
)
"""Words that mean something else everywhere, and that people write beside a model as remarks."""


@cache
def _home(version: str, section: str, key: str) -> str:
    """The section that the key belongs into; empty where it is not known or not certain."""
    if section == "model_info" and key not in _ROUTING:
        return ""
    known = keys.sections("litellm", version)
    wanted = _BESIDE.get(section, ("router_settings", "general_settings", "litellm_settings", ""))
    for home in wanted:
        found = known.get(home, {}).get(key)
        if found is not None and not found.internal and key not in _COMMON and home != section:
            return home or "the top of the file"
    return ""


_ROUTING = frozenset({"timeout", "stream_timeout", "num_retries", "max_budget", "tags"})
"""Of a deployment's keys those that do something, and nothing in `model_info` (measured: `order`, `rpm`
and `tpm` work there; `weight` has a rule of its own)."""


@cache
def _meant(version: str, section: str, key: str) -> str:
    """The one key that is close enough for a slip of the fingers; letters that changed places count as one."""
    known = keys.sections("litellm", version).get(section, {})
    names = [name for name, one in known.items() if not one.internal and name != keys.OTHERS]
    swapped = [name for name in names if sorted(name) == sorted(key)]
    cutoff = 0.9 if section in ("model_info", "litellm_params") else 0.84
    close = swapped or get_close_matches(key, names, n=1, cutoff=cutoff)
    return close[0] if close and len(key) > 4 else ""


CHECKS = (keys_are_known,)
