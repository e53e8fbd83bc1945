"""Telephone numbers that only their grouping gives away. Needs the extra `pii` (phonenumbers).

The library is asked about single candidates, never about whole texts: a text costs it a hundred times as
much. Its metadata is loaded when the first candidate comes.
"""

from importlib.util import find_spec
from typing import Final

HAS_PHONENUMBERS: Final = find_spec("phonenumbers") is not None

# Countries in which no trunk 0 is dialled, so that a number at home looks like any other number.
_REGIONS: Final = ("ES", "PT", "IT", "GR")


def is_dialled(number: str) -> bool:
    """Is it a number of one of the regions, written in the groups that are usual there?"""
    from phonenumbers import Leniency, PhoneNumberMatcher  # 60 ms: not before it is needed

    return any(
        match.raw_string == number
        for region in _REGIONS
        for match in PhoneNumberMatcher(number, region, leniency=Leniency.EXACT_GROUPING)
    )
