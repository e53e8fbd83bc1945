"""What lasts as long as the process is no garbage, and the collector need not look at it again and again."""

import gc
from typing import Final

_BORN: Final = 50_000
"""Objects more than have died, before the young ones are looked at: several rounds of requests, not one.
Of CPU time for an answer that saves a twentieth, for one from a stream twice that (2026-11-24)."""


def spare_what_lasts() -> None:
    """To be called when everything is there, and again when much of it has been replaced."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_BORN, 10, 10)
