"""What becomes of every profile key on every gateway: the table of `docs/matrix.md`.

A cell is made from the tables that `legalize` and the planner use, and from nothing else: a lack whose
feature names the key makes it approximated or refused; else the dialect says how it honours the key, or
the planner acts on it whatever the gateway. A key of which nothing is known is a gap, and a test holds
that there is none.
"""

from collections.abc import Iterator, Mapping
from typing import Literal

from msgspec import Struct

from designer.gateways.base import Gateway, Lack
from designer.gateways.registry import GATEWAYS
from designer.planner.acts import ACTS
from designer.profile.keys import keys

Verdict = Literal["honoured", "approximated", "refused", "gap"]

_OVERRIDDEN = ("routing", "compliance", "guardrails", "cache")
"""Sections that a workload may override: the profile's own rows stand for both."""


class Cell(Struct, frozen=True):
    verdict: Verdict
    how: str
    """What acts on the key, or what happens instead, with its source."""


def rows() -> Iterator[tuple[str, dict[str, Cell]]]:
    """Each key that holds a value, in the profile's order, and its cells by gateway."""
    for path in leaf_keys():
        yield path, {name: cell(path, gateway) for name, gateway in GATEWAYS.items()}


def leaf_keys() -> list[str]:
    paths = [key.path.replace(".<name>", "") for key in keys()]
    above = {path.rpartition(".")[0] for path in paths}
    return [path for path in paths if path not in above and not _is_override(path)]


def _is_override(path: str) -> bool:
    below = path.removeprefix("workloads.")
    return below != path and below.partition(".")[0] in _OVERRIDDEN


def cell(path: str, gateway: Gateway) -> Cell:
    lacks = [lack for lack in gateway.lacks if lack.told and _names(lack, path)]
    if lacks:
        verdict: Verdict = "refused" if any(lack.refused for lack in lacks) else "approximated"
        return Cell(verdict, "; ".join(map(_in_words, lacks)))
    how = _nearest(path, gateway.honoured) or _nearest(path, ACTS)
    return Cell("honoured", how) if how else Cell("gap", "")


def _nearest(path: str, table: Mapping[str, str]) -> str:
    """The entry of the key, or of the nearest one above it."""
    parts = path.split(".")
    above = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((table[key] for key in above if key in table), "")


def _names(lack: Lack, path: str) -> bool:
    return any(path == key or path.startswith(f"{key}.") for key in lack.feature.keys)


def _in_words(lack: Lack) -> str:
    return f"{lack.feature.name}: {lack.instead} ({lack.source})"


def page() -> str:
    """`docs/matrix.md`."""
    lines = [
        "# Every profile key on every gateway",
        "",
        "Written by `make golden` from the tables that `designer plan` uses; nothing in it is written by",
        "hand. A key of a workload (`workloads.routing.retries`) is met like the profile's own.",
    ]
    for path, cells in rows():
        lines += ["", f"## `{path}`", ""]
        lines += [f"- **{GATEWAYS[name].title}** {c.verdict}: {c.how}" for name, c in cells.items()]
    return "\n".join(lines) + "\n"
