"""Every rule of every phase, by code: what `designer explain` looks things up in."""

import importlib
import pkgutil
from collections.abc import Mapping

import designer
from designer.diagnostics import Rule

_NO_RULES = ("designer.cli", "designer.catalog.update", "designer.__main__")
"""Not imported: the command line is above this module, the update script needs an extra."""


def all_rules() -> Mapping[str, Rule]:
    """Sorted by code. Raises ValueError when two rules share one."""
    found: dict[str, Rule] = {}
    for module in pkgutil.walk_packages(designer.__path__, "designer."):
        if module.name.startswith(_NO_RULES):
            continue
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, Rule) and found.setdefault(value.code, value) is not value:
                raise ValueError(f"two rules are called {value.code}")
    return {code: found[code] for code in sorted(found)}
