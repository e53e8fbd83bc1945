"""The smallest change of a profile that makes another choice win, found by planning anew.

Every single edit of the grid is tried, then every pair; the first that works is told, so nothing smaller in
the grid does. An edited profile that no longer reads, or has no plan, does not win.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Any

from msgspec import Struct

from designer.catalog import Catalog
from designer.compiler import Decision, Options, decide
from designer.diagnostics import Report
from designer.planner.lock import Lock
from designer.profile.load import load_profile
from designer.why.edits import Edit, Said, edited, grid, pairs

Wins = Callable[[Decision], bool]


class Flip(Struct, frozen=True):
    edits: tuple[Edit, ...]
    decision: Decision
    """After them."""
    also: tuple[str, ...]
    """What else changes, in words."""


def smallest_flip(
    said: Said,
    before: Decision,
    wins: Wins,
    catalog: Catalog,
    options: Options,
    alias: str,
) -> Flip | None:
    """Without `alias` the edits may touch every workload. `before` is what is planned now."""
    for edits in candidates(said, workloads_of(said, alias)):
        decision = replanned(edited(said, edits), catalog, options)
        if decision is not None and wins(decision):
            return Flip(edits, decision, tuple(_also(before, decision)))
    return None


def candidates(said: Said, workloads: list[int]) -> Iterator[tuple[Edit, ...]]:
    """In the order in which they are tried: one edit is smaller than two."""
    edits = grid(said, workloads)
    return chain(((edit,) for edit in edits), pairs(edits))


def workloads_of(said: Said, alias: str) -> list[int]:
    return [i for i, w in enumerate(said["workloads"]) if not alias or w["alias"] == alias]


def replanned(values: Mapping[str, Any], catalog: Catalog, options: Options) -> Decision | None:
    """None where the profile does not read, or nothing meets it. No lock: what would be chosen."""
    report = Report()
    loaded = load_profile("-", json.dumps(values), report=report)
    if loaded is None:
        return None
    decision = decide(loaded, catalog, Lock(), options, report)
    return None if decision is None or decision.verdict is None else decision


def _also(before: Decision, after: Decision) -> Iterator[str]:
    if before.verdict is not None and after.verdict is not None:
        old, new = before.verdict.gateway.title, after.verdict.gateway.title
        if old != new:
            yield f"gateway: {old} → {new}"
    chains = {c.workload.alias: c for c in before.chains}
    for chosen in after.chains:
        earlier = chains.get(chosen.workload.alias)
        if earlier is not None and earlier.rungs != chosen.rungs:
            old, new = (", ".join(map(str, c.rungs)) for c in (earlier, chosen))
            yield f"{chosen.workload.alias}: {old} → {new}"
    told = set(_obtain(before))
    yield from (f"obtain before go-live: {what}" for what in _obtain(after) if what not in told)


def _obtain(decision: Decision) -> Iterator[str]:
    for chosen in decision.chains:
        yield from chosen.obtain
    if decision.verdict is not None:
        yield from decision.verdict.obtain
