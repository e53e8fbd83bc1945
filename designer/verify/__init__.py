"""Proofs about a configuration before it is deployed: every path, and every set of failed parts.

A request's paths are walked by the engine itself (`paths`), with everything open that depends on chance,
load or other requests (`opened`, `choices`). Nothing is estimated here: how likely an outage is, is
`designer.simulate`'s affair, and what is a bad idea `designer.lint`'s.
"""

from designer.verify.facts import facts
from designer.verify.judge import Judge, Outcome, Verdict
from designer.verify.mutants import Noticed, noticed
from designer.verify.parts import parts
from designer.verify.properties import (
    PACKS,
    Property,
    implied,
    load_pack,
    load_properties,
    tell_unknown_routes,
)

__all__ = [
    "PACKS",
    "Judge",
    "Noticed",
    "Outcome",
    "Property",
    "Verdict",
    "facts",
    "implied",
    "load_pack",
    "load_properties",
    "noticed",
    "parts",
    "tell_unknown_routes",
]
