"""What keys each gateway knows, where they stand and what they take: facts, for whoever reads files.

A section is a place in a file (`router_settings`, `guardrails[].litellm_params`; `""` is the top). The
facts are files in `data/`, one for each version that was read; see `update` for how they are made.
Whether a value is a good one is not known here.
"""

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib.resources import files
from typing import Literal

import msgspec
from msgspec import Struct

from designer.documents import Path

Kind = Literal["int", "float", "bool", "str", "list", "dict", "null"]
Names = Literal[
    "callbacks",
    "guardrails",
    "guardrail_modes",
    "routing_strategies",
    "cache_types",
    "content_patterns",
    "providers",
]

OTHERS = "*"
"""The name under which a section says what its keys take when users choose them."""


class Key(Struct, frozen=True):
    name: str
    section: str
    accepts: frozenset[Kind] = frozenset()
    """Kinds of values; empty where anything is taken. A float may always be written as an int."""
    choices: tuple[str, ...] = ()
    """The texts that are taken, where only some are."""
    default: str = ""
    """As the source writes it; empty where it has none."""
    source: str = ""
    """`file:line` in the gateway's own source, or the document it was read from."""
    since: str = ""
    """The first of the versions read that knows the key; empty where all earlier ones do."""
    until: str = ""
    """The last of the versions read that knows the key; empty where all later ones do."""
    internal: bool = False
    """A variable of the gateway that a file can reach, and no setting."""
    ignored: bool = False
    """Taken without a word, and without effect."""


Sections = Mapping[str, Mapping[str, Key]]


def sections(gateway: str, version: str = "") -> Sections:
    """Everything the gateway knows, by section and name; of an unread version, of the nearest one."""
    return _sections(gateway, nearest(gateway, version))


def find(gateway: str, version: str, section: str, name: str) -> Key | None:
    known = sections(gateway, version).get(section, {})
    return known.get(name) or known.get(_spelled(gateway, name)) or known.get(OTHERS)


def _spelled(gateway: str, name: str) -> str:
    """The documented spelling: Portkey's open-source gateway takes camelCase too (1.15.2)."""
    return snake_case(name) if gateway in _CAMEL else name


_CAMEL = frozenset({"portkey-oss"})


def snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda capital: "_" + capital[1].lower(), name)


def locate(gateway: str, version: str, path: Path, start: str = "") -> Key | None:
    """The key that the setting at a path belongs to, below the section where the file starts.

    None where a key on the way is unknown, or where the setting stands below a mapping whose keys
    are the user's own.
    """
    return _located(gateway, nearest(gateway, version), _shape(path), start)


def _shape(path: Path) -> Path:
    """The path of any item of the same lists."""
    return tuple(0 if isinstance(part, int) else part for part in path)


@lru_cache(maxsize=4096)
def _located(gateway: str, version: str, path: Path, start: str) -> Key | None:
    section, key = start, None
    for part in path:
        if isinstance(part, int):
            section += "[]"
            continue
        key = find(gateway, version, section, part)
        if key is None:
            return None
        section = section_below(gateway, section, key.name)
    return key


def section_below(gateway: str, section: str, key: str) -> str:
    """What the section of a key's own keys is called."""
    path = f"{section}.{key}" if section else key
    for end, name in _SECTIONS.get(gateway, {}).items():
        if path == end or path.endswith(f".{end}"):
            return name
    return path


_OF_PORTKEY: Mapping[str, str] = {
    **{key: key for key in ("targets", "strategy", "retry", "cache", "cb_config", "deployments")},
    **dict.fromkeys(("input_guardrails", "output_guardrails"), "hooks"),
    **dict.fromkeys(("before_request_hooks", "after_request_hooks"), "hooks"),
    **dict.fromkeys(("on_fail.feedback", "on_success.feedback"), "hooks[].feedback"),
}
_SECTIONS: Mapping[str, Mapping[str, str]] = {
    "litellm": {
        "model_list[].litellm_params": "litellm_params",
        "model_list[].model_info": "model_info",
        "litellm_settings.cache_params": "cache_params",
        "router_settings.retry_policy": "retry_policy",
        "router_settings.model_group_retry_policy.*": "retry_policy",
        "router_settings.allowed_fails_policy": "allowed_fails_policy",
        "router_settings.routing_groups": "routing_groups",
    },
    "portkey-oss": _OF_PORTKEY,
    "portkey-cloud": _OF_PORTKEY,
}
"""How a path ends → its section, where that is not called like the path."""


def elsewhere(gateway: str, version: str, name: str) -> tuple[str, ...]:
    """The sections that know the key."""
    return tuple(where for where, known in sections(gateway, version).items() if name in known)


def names(gateway: str, version: str, what: Names) -> tuple[str, ...]:
    """The values of an open list: what stands in it is known, what does not may be the user's own."""
    return tuple(_file(gateway, nearest(gateway, version)).names.get(what, ()))


@cache
def versions(gateway: str) -> tuple[str, ...]:
    """Those that were read, oldest first."""
    stems = (file.name.removesuffix(".json") for file in files(__name__).joinpath("data").iterdir())
    found = [stem.removeprefix(f"{gateway}-") for stem in stems if stem.startswith(f"{gateway}-")]
    return tuple(sorted(found, key=_numbers))


@cache
def nearest(gateway: str, version: str) -> str:
    """The version that was read and is the last one up to `version`, or else the first one."""
    read = versions(gateway)
    if not read:
        raise KeyError(gateway)
    wanted = _numbers(version or _MEASURED.get(gateway, read[-1]))
    earlier = [own for own in read if _numbers(own)[: len(wanted)] <= wanted]
    return earlier[-1] if earlier else read[0]


_MEASURED: Mapping[str, str] = {"litellm": "1.106.2"}
"""The version that a file is taken for when it does not say, where that is not the newest."""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))


# --- Files ----------------------------------------------------------------------------------------


class _File(Struct, frozen=True):
    sections: dict[str, dict[str, tuple[str, ...]]]
    """Type, default, source, and a flag where there is one."""
    names: dict[str, list[str]] = {}


@cache
def _file(gateway: str, version: str) -> _File:
    data = files(__name__).joinpath("data", f"{gateway}-{version}.json").read_bytes()
    return msgspec.json.decode(data, type=_File)


@cache
def _sections(gateway: str, version: str) -> Sections:
    return {
        section: {name: _key(gateway, section, name, row) for name, row in rows.items()}
        for section, rows in _file(gateway, version).sections.items()
    }


def _key(gateway: str, section: str, name: str, row: tuple[str, ...]) -> Key:
    type_, default, source, *flags = row
    accepts, choices = _type(type_)
    since, until = _span(gateway, section, name)
    return Key(
        name,
        section,
        accepts,
        choices,
        default,
        source,
        since,
        until,
        internal="internal" in flags,
        ignored="ignored" in flags,
    )


@cache
def _type(written: str) -> tuple[frozenset[Kind], tuple[str, ...]]:
    """`str|null|'fast'|'slow'` → the kinds, and the choices."""
    parts = re.findall(r"'[^']*'|\w+", written)
    kinds = frozenset(part for part in parts if part[0] != "'")
    return msgspec.convert(kinds, frozenset[Kind]), tuple(p[1:-1] for p in parts if p[0] == "'")


def _span(gateway: str, section: str, name: str) -> tuple[str, str]:
    read = versions(gateway)
    knowing = [v for v in read if name in _file(gateway, v).sections.get(section, {})]
    since, until = knowing[0], knowing[-1]
    return "" if since == read[0] else since, "" if until == read[-1] else until
