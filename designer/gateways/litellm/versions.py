"""What a reader of configurations has to know of LiteLLM's versions, beside their tables of rows.

Only what was compared is here: 1.106.2, measured, and 1.109.1, measured on an installation with three
other requirements than it pins and read in its source. How attempts go is in `semantics`.
"""

from msgspec import Struct


class Habits(Struct, frozen=True):
    version: str
    """Major and minor."""
    takes_default_for_unset: bool
    """Whether `allowed_fails` with the module's own value, 3, counts as left out."""
    spares_lone_deployments: bool
    """Whether `allowed_fails` leaves out a group of one without fallbacks, save for failures that
    `allowed_fails_policy` names."""
    refusal_lists_bind_all: bool
    """Whether, where any group has `content_policy_fallbacks`, refusals of the others fall nowhere."""
    starts_with_bare_targets: bool
    """Whether `fallbacks: [{A: B}]` does for `[{A: [B]}]`."""


V1_106 = Habits(
    version="1.106",
    takes_default_for_unset=True,  # measured, 1.106.2, 2026-11-22; cooldown_handlers.py:644
    spares_lone_deployments=False,  # measured, 1.106.2, 2026-11-22
    refusal_lists_bind_all=True,  # measured, 1.106.2, 2026-11-22; router.py:7738
    starts_with_bare_targets=True,  # measured, 1.106.2, 2026-11-22
)
V1_109 = Habits(
    version="1.109",
    takes_default_for_unset=False,  # read in 1.109.1, cooldown_handlers.py:794; measured, hybrid
    spares_lone_deployments=True,  # read in 1.109.1, cooldown_handlers.py:552; measured, hybrid
    refusal_lists_bind_all=False,  # measured on a hybrid install of 1.109.1, 2026-11-22
    starts_with_bare_targets=False,  # read in 1.109.1, router_python_core.py:3180; measured, hybrid
)
_KNOWN = (V1_106, V1_109)


def habits(version: str) -> Habits:
    """Those of the nearest version that is known; of no version, those that were measured."""
    number = _minor(version)
    if number is None:
        return V1_106
    return min(_KNOWN, key=lambda known: abs((_minor(known.version) or 0) - number))


def _minor(version: str) -> int | None:
    """How far along 1.x it is; other majors count as a thousand each."""
    parts = version.split(".")
    if len(parts) < 2 or not all(part.isdecimal() for part in parts[:2]):
        return None
    return 1000 * (int(parts[0]) - 1) + int(parts[1])
