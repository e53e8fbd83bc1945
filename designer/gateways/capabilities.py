"""What each gateway ships, needs and costs: `data/capabilities.json` as values, and its page.

Every cell names a source and the version or day it is of. The planner weighs hosting, effort and cost;
the features are for people who compare (`docs/gateways.md`). What a profile loses on a gateway is not
here but in that gateway's `lacks`.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Final, Literal

import msgspec
from msgspec import Struct

Has = Literal["yes", "partly", "database", "enterprise", "no", "unknown"]
"""`database`: it ships, and needs one beside it; `enterprise`: only in the vendor's paid plan or
licence for companies."""
FAMILIES: Final[Mapping[str, tuple[str, ...]]] = {
    "litellm": ("litellm",),
    "portkey": ("portkey-oss", "portkey-cloud"),
    "openrouter": ("openrouter",),
}


class Costs(Struct, frozen=True, forbid_unknown_fields=True):
    """Of running it, in USD, besides the models."""

    why: str
    source: str
    usd_per_month: float = 0.0
    included_requests: int = 0
    """Per month, within `usd_per_month`."""
    usd_per_100k_more: float = 0.0
    custom_above_requests: int | None = None
    usd_per_replica: float = 0.0
    """Per month, as `usd_per_database`."""
    usd_per_database: float = 0.0
    fee_on_credits: float = 0.0
    """Share of what models cost, when they are paid through it."""
    fee_on_own_keys: float = 0.0
    """Share of the list price of what goes through one's own accounts,"""
    own_keys_free_usd: float = 0.0
    """beyond this much a month."""


class Operation(Struct, frozen=True, forbid_unknown_fields=True):
    """What running a gateway means."""

    version: str
    hosting: frozenset[Literal["self", "managed"]]
    single_invoice: bool
    own_keys: bool
    effort: int
    """0 nothing to run; 1 one process without state; 2 a service to keep alive, patched and watched."""
    effort_why: str
    source: str
    costs: Costs


class Cell(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    has: Has
    note: str
    source: str


class Feature(Struct, frozen=True, forbid_unknown_fields=True):
    group: str
    title: str
    cells: Mapping[str, Cell]
    headline: str = ""
    """The family that is best known by it: the others have nothing like it."""
    lack: str = ""
    """The feature of a gateway's `lacks` that says the same of plans, where there is one."""

    def only(self) -> str:
        """The family that alone ships it, in whatever plan; empty when several do, or nobody knows."""
        having = {
            family
            for family, names in FAMILIES.items()
            if any(self.cells[name].has != "no" for name in names)
        }
        return having.pop() if len(having) == 1 else ""


class _Table(Struct, frozen=True, forbid_unknown_fields=True):
    sources: Mapping[str, str]
    gateways: Mapping[str, Operation]
    features: tuple[Feature, ...]


@cache
def _table() -> _Table:
    data = files("designer.gateways").joinpath("data", "capabilities.json").read_bytes()
    return msgspec.json.decode(data, type=_Table)


def operations() -> Mapping[str, Operation]:
    return _table().gateways


def features() -> tuple[Feature, ...]:
    return _table().features


def source(name: str) -> str:
    """In words, with its version or day."""
    return _table().sources[name]


# --- The page -------------------------------------------------------------------------------------

_TITLES: Final = {
    "litellm": "LiteLLM",
    "portkey-oss": "Portkey OSS",
    "portkey-cloud": "Portkey cloud",
    "openrouter": "OpenRouter",
    "portkey": "Portkey",
}


def page() -> str:
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield from (
        "# Gateways compared",
        "",
        "Made from `designer/gateways/data/capabilities.json` by the tests; every cell has a source, listed",
        "below by its number. What *your* profile loses on each gateway is in the plan's REPORT.md, and what",
        "becomes of every profile key in [matrix.md](matrix.md).",
        "",
        "## What each has and the other two have not",
        "",
    )
    for family in FAMILIES:
        head = next(f for f in features() if f.headline == family)
        others = [f.title for f in features() if f.only() == family and f is not head]
        more = f" Also: {'; '.join(others)}." if others else ""
        yield f"- **{_TITLES[family]}**: {head.title}.{more}"
    yield from ("", "## Features", "")
    yield from _features()
    yield from (
        "",
        "*database*: it ships, and needs a database beside it. *enterprise*: only in the vendor's plan or",
        "licence for companies. *unknown*: nobody here has found it written down.",
        "",
        "## Running it",
        "",
    )
    yield from _running()
    yield from ("", "## Sources", "")
    yield from (f"{number}. {text}" for number, text in enumerate(_table().sources.values(), 1))


def _features() -> Iterator[str]:
    names = list(operations())
    group = ""
    yield f"| | {' | '.join(f'{_TITLES[n]} {operations()[n].version}' for n in names)} |"
    yield f"| --- |{' --- |' * len(names)}"
    for feature in features():
        if feature.group != group:
            group = feature.group
            yield f"| **{group}** |{' |' * len(names)}"
        yield f"| {feature.title} | {' | '.join(_cell(feature.cells[n]) for n in names)} |"


def _cell(cell: Cell) -> str:
    note = f": {cell.note}" if cell.note else ""
    return f"{cell.has}{note} [{_number(cell.source)}]"


def _running() -> Iterator[str]:
    yield "| | hosting | what there is to run | what it costs besides the models |"
    yield "| --- | --- | --- | --- |"
    for name, operation in operations().items():
        hosting = "yourself" if "self" in operation.hosting else "its vendor"
        costs = operation.costs
        machines = [
            f"{usd:g} USD a month for each {what}"
            for usd, what in (
                (costs.usd_per_replica, "replica"),
                (costs.usd_per_database, "database"),
            )
            if usd
        ]
        cost = f"{costs.why}: {', '.join(machines)}" if machines else costs.why
        yield (
            f"| {_TITLES[name]} | {hosting} | {operation.effort_why} [{_number(operation.source)}] "
            f"| {cost} [{_number(costs.source)}] |"
        )


def _number(name: str) -> int:
    return list(_table().sources).index(name) + 1
