"""Priors replaced by measurements: what logs say of the catalog's offerings, as an overlay.

`match` finds the offering that a row is about, `measure` sums up what rows of one offering say, `write`
makes the overlay that `designer.catalog.overlay` reads. What matches nothing, and what is too little to
say anything, is listed. Nothing here changes a price: what requests cost is `usage`.
"""

from designer.calibrate.measure import Calibration, calibrate
from designer.calibrate.write import overlay_text

__all__ = ["Calibration", "calibrate", "overlay_text"]
