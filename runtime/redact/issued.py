"""Numbers that a state gives out: national ids and VAT numbers. Needs the extra `pii` (python-stdnum).

A shape finds candidates and python-stdnum checks their digits. Of ten digits one number in eleven passes the
check of the NHS, so that those are looked at behind its name alone. Other countries' numbers are not known.
"""

import importlib
import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib.util import find_spec
from typing import Final

HAS_STDNUM: Final = find_spec("stdnum") is not None

_Range = tuple[int, int]
_DIGITS: Final = re.compile(r"\d\D{0,3}\d")
_BETWEEN: Final = (
    r"(?:[ _-]?(?:number|no|nr|num|n\u00ba))?[^\w\[\]]{0,4}(?:\w{1,4}[^\w\[\]]{1,3}){0,2}\Z"
)
_NHS_NAME: Final = re.compile(rf"(?<![A-Za-z])nhs{_BETWEEN}", re.IGNORECASE)

# (shape, module of python-stdnum, the word that must stand before it). Sources: the module's own.
_NATIONAL_IDS: Final = (
    (re.compile(r"(?<![\w-])\d{3} ?\d{3} ?\d{4}(?![\w-])"), "stdnum.gb.nhs", _NHS_NAME),
    (re.compile(r"(?<![\w-])[1-9]\d( ?)\d{3}\1\d{3}\1\d{3}(?![\w-])"), "stdnum.de.idnr", None),
    (
        re.compile(
            r"(?<![\w-])[1-478]([ ]?)\d\d\1[0-9]\d\1\d[\dAB]\1\d{3}\1\d{3}\1? ?\d\d(?![\w-])"
        ),
        "stdnum.fr.nir",
        None,
    ),
    (re.compile(r"(?<![\w-])\d{8}[- ]?[A-Za-z](?![\w-])"), "stdnum.es.dni", None),
    (re.compile(r"(?<![\w-])[XYZxyz][- ]?\d{7}[- ]?[A-Za-z](?![\w-])"), "stdnum.es.nie", None),
)
_STATES: Final = (
    "AT|BE|BG|CY|CZ|DE|DK|EE|EL|ES|FI|FR|HR|HU|IE|IT|LT|LU|LV|MT|NL|PL|PT|RO|SE|SI|SK|XI"
)
_VAT: Final = re.compile(rf"(?<![A-Za-z0-9])(?:{_STATES})(?:[ .-]?[A-Z0-9]){{8,12}}(?![A-Za-z0-9])")
_BRITISH: Final = re.compile(r"(?<![A-Za-z0-9])GB[ ]?\d{3} ?\d{4} ?\d{2}(?:\d{3})?(?![A-Za-z0-9])")


def national_ids(text: str, context: str = "") -> Iterator[_Range]:
    if not _DIGITS.search(text):
        return
    for shape, module, name in _NATIONAL_IDS:
        for match in shape.finditer(text):
            is_named = name is None or _is_named(name, text, match.start(), context)
            if is_named and _is_valid(module)(match[0]):
                yield match.span()


def vats(text: str, context: str = "") -> Iterator[_Range]:
    if not _DIGITS.search(text):
        return
    for match in _VAT.finditer(text):
        yield from _longest_vat(text, *match.span())
    for match in _BRITISH.finditer(text):
        if _is_valid("stdnum.gb.vat")(match[0]):
            yield match.span()


def _longest_vat(text: str, start: int, end: int) -> Iterator[_Range]:
    """The words that follow look like more of it: `DE 123 456 788 OK`."""
    while end - start >= 8:
        if _is_valid("stdnum.eu.vat")(text[start:end]):
            yield start, end
            return
        end = max(text.rfind(gap, start, end) for gap in " .-")


def _is_named(name: re.Pattern[str], text: str, start: int, context: str) -> bool:
    """Do the words just before, or the key it stands under, say what the number is?"""
    return bool(name.search(context)) or name.search(text, max(0, start - 60), start) is not None


@cache
def _is_valid(module: str) -> Callable[[str], bool]:
    found: Callable[[str], bool] = importlib.import_module(module).is_valid
    return found
