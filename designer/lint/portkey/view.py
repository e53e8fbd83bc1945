"""A Portkey configuration as its checks see it: every level of targets with what it says and inherits.

Keys stand in their documented spelling; camelCase is read alike, as the gateway does. Values of the
wrong type read as empty here: reading the file tells of them.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from msgspec import Struct

from designer.diagnostics import Place
from designer.documents import Document, Path
from designer.gateways.portkey_config.read import unwrapped, with_underscores
from designer.lint.subject import Subject

MEASURED = "measured, Portkey gateway 1.15.2, 2026-11-22"
STAGES: Mapping[str, tuple[str, str]] = {
    "input": ("input_guardrails", "before_request_hooks"),
    "output": ("output_guardrails", "after_request_hooks"),
}


class Rail(Struct, frozen=True, dict=True):
    """One entry of a list of guardrails, in the long form (`checks`) or the short one."""

    path: Path
    value: Any
    """A text is the id of a saved one."""
    stage: str
    is_long: bool

    @property
    def said(self) -> Mapping[str, Any]:
        return mapping(self.value)

    @cached_property
    def checks(self) -> tuple["Check", ...]:
        if self.is_long:
            return tuple(
                Check((*self.path, "checks", index), item["id"], mapping(item.get("parameters")))
                for index, item in enumerate(listed(self.said.get("checks")))
                if isinstance(item, Mapping) and isinstance(item.get("id"), str)
            )
        return tuple(
            Check((*self.path, key), key, mapping(value), is_key=True)
            for key, value in self.said.items()
            if key not in OF_GUARDRAIL and not isinstance(value, str)
        )

    @property
    def denies(self) -> bool:
        return bool(self.said.get("deny"))

    @property
    def name(self) -> str:
        """Its id, for messages."""
        id_ = self.value if isinstance(self.value, str) else self.said.get("id")
        return repr(id_) if isinstance(id_, str) else "this guardrail"


OF_GUARDRAIL = frozenset(
    {"id", "deny", "async", "type", "on_fail", "on_success", "guardrail_version_id", "sequential"}
)
"""Keys of a short guardrail that are no checks (read, Portkey gateway 1.15.2, 2026-11-24)."""


class Check(Struct, frozen=True):
    path: Path
    id: str
    """As written: without a plugin's name it is `default`'s."""
    parameters: Mapping[str, Any]
    is_key: bool = False
    """Whether the id is the key that `path` leads to; else it stands below it, as `id`."""

    @property
    def full_id(self) -> str:
        own = self.parameters.get("id") if self.is_key else None
        id_ = own if isinstance(own, str) else self.id
        return id_ if "." in id_ else f"default.{id_}"

    @property
    def path_of_parameters(self) -> Path:
        return self.path if self.is_key else (*self.path, "parameters")


class Level(Struct, frozen=True, dict=True):
    """The root of a configuration, or one of its targets at any depth."""

    path: Path
    raw: Mapping[str, Any]
    parent: "Level | None" = None

    @cached_property
    def own(self) -> Mapping[str, Any]:
        return with_underscores(self.raw)

    @property
    def label(self) -> str:
        """Its name or position, for messages."""
        name = self.own.get("name")
        return repr(name) if isinstance(name, str) else f"targets[{self.path[-1]}]"

    def path_of(self, key: str, *more: str | int) -> Path:
        """Where `key` stands, as it is spelled there."""
        if key in self.raw:
            return (*self.path, key, *more)
        written = next((k for k in self.raw if with_underscores({k: 0}).get(key) == 0), key)
        return (*self.path, written, *more)

    @cached_property
    def strategy(self) -> Mapping[str, Any]:
        return with_underscores(self.own.get("strategy"))

    @property
    def mode(self) -> str:
        mode = self.strategy.get("mode")
        return mode if isinstance(mode, str) else ""

    @cached_property
    def children(self) -> tuple["Level", ...]:
        return tuple(
            Level((*self.path_of("targets"), index), target, self)
            for index, target in enumerate(listed(self.own.get("targets")))
            if isinstance(target, Mapping)
        )

    @property
    def is_target(self) -> bool:
        """Whether requests are sent from here, and not handed down."""
        return self.own.get("targets") is None and self.own.get("strategy") is None

    def effective(self, key: str) -> Any:
        """What counts here: the own setting replaces the inherited one."""
        level: Level | None = self
        while level is not None:
            if level.own.get(key):
                return level.own[key]
            level = level.parent
        return None

    def own_rails(self, stage: str) -> Iterator[Rail]:
        for key in STAGES[stage]:
            for index, value in enumerate(listed(self.own.get(key))):
                yield Rail(self.path_of(key, index), value, stage, key.endswith("_hooks"))

    def has_own_rails(self, stage: str) -> bool:
        """An empty list is one: it replaces the inherited list by nothing."""
        return any(isinstance(self.own.get(key), list) for key in STAGES[stage])

    def rails(self, stage: str) -> tuple[Rail, ...]:
        """Those that count here: the own list replaces the inherited one."""
        level: Level | None = self
        while level is not None:
            if level.has_own_rails(stage):
                return tuple(level.own_rails(stage))
            level = level.parent
        return ()


class Config(Struct, frozen=True, dict=True):
    """One file."""

    subject: Subject
    document: Document

    @property
    def is_oss(self) -> bool:
        return self.subject.config.gateway.name == "portkey-oss"

    def place(self, *path: str | int) -> Place:
        return self.document.place(*path)

    @cached_property
    def root(self) -> Level:
        value, prefix = unwrapped(self.document.value)
        return Level(prefix, mapping(value))

    @cached_property
    def levels(self) -> tuple[Level, ...]:
        """In the order of the file, parents first."""
        found: list[Level] = []
        waiting = [self.root]
        while waiting:
            level = waiting.pop()
            found.append(level)
            waiting += reversed(level.children)
        return tuple(found)

    @cached_property
    def targets(self) -> tuple[Level, ...]:
        return tuple(level for level in self.levels if level.is_target)

    @cached_property
    def rails(self) -> tuple[Rail, ...]:
        """All that are written, wherever they stand."""
        return tuple(
            rail for level in self.levels for stage in STAGES for rail in level.own_rails(stage)
        )


def mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def above(level: Level) -> Iterator[Level]:
    """Nearest first."""
    while level.parent is not None:
        level = level.parent
        yield level


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) < _LARGEST else None


_LARGEST = 1e15
"""What is larger, or no number at all, is no setting; what is smaller, Python can format."""


def codes(value: Any) -> frozenset[int]:
    return frozenset(int(code) for item in listed(value) if (code := number(item)) is not None)
