"""A profile for a gateway that somebody already runs, derived from its configuration.

What a profile has words for is said in them, the rest is carried under `passthrough`, and the profile
is planned before it is shown: the plan has to route as the configuration does. Nothing is improved
here; that is for the profile's reader, and for `lint`.
"""

from designer.adopt.derive import Adopted, adopt

__all__ = ["Adopted", "adopt"]
