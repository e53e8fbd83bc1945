"""What numbers that a state gives out look like, for gateways without a filter of their own for them.

Patterns that Python, JavaScript and RE2 read alike, without a repetition in a repeated group, and for
which large letters are not small ones. A pattern cannot count: check digits are not looked at, so that other numbers of the same shape are found
too; the runtime, which does look at them, finds fewer.
"""

from typing import Final

_LETTER: Final = "[A-HJ-NP-TV-Z]"

_NATIONAL_IDS: Final = (
    # NHS number: ten digits are anything, so that its name has to stand before it, and is found with it.
    r"[Nn][Hh][Ss]\b[^0-9]{0,40}[0-9]{3} ?[0-9]{3} ?[0-9]{4}",
    # Steuer-ID: any eleven digits.
    "[1-9][0-9] ?[0-9]{3} ?[0-9]{3} ?[0-9]{3}",
    # NIR; the department may be 2A or 2B.
    "[1-478] ?[0-9]{2} ?[0-9]{2} ?[0-9][0-9AB] ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}",
    # DNI and NIE.
    f"[0-9]{{8}}[ -]?{_LETTER}",
    f"[XYZ][ -]?[0-9]{{7}}[ -]?{_LETTER}",
)
"""Of the United Kingdom, Germany, France and Spain: those that the runtime knows. Source: the modules
gb.nhs, de.idnr, fr.nir, es.dni and es.nie of python-stdnum 2.2, read 2026-11-24."""

_VATS: Final = (
    "AT[ .-]?U[ .]?[0-9]{8}",
    "DK[ .-]?[0-9]{2}[ .]?[0-9]{2}[ .]?[0-9]{2}[ .]?[0-9]{2}",
    "ES[ .-]?[0-9A-Z][ .-]?[0-9]{7}[ .-]?[0-9A-Z]",
    "FR[ .-]?[0-9A-Z]{2}[ .]?[0-9]{3}[ .]?[0-9]{3}[ .]?[0-9]{3}",
    "IE[ .-]?[0-9][0-9A-Z][0-9]{5}[A-Z]{1,2}",
    "NL[ .-]?[0-9]{3}[ .]?[0-9]{3}[ .]?[0-9]{3}[ .]?B[ .]?[0-9]{2}",
    "(?:BE|BG|CY|CZ|DE|EE|EL|FI|GB|HR|HU|IT|LT|LU|LV|MT|PL|PT|RO|SE|SI|SK|XI)[ .-]?"
    "(?:[0-9]{8,12}|[0-9]{3,4}[ .][0-9]{3,4}[ .][0-9]{2,4}[ .]?[0-9]{0,3})[A-Z]?",
)
"""Of the EU, Northern Ireland and Great Britain. Source: the module eu.vat of python-stdnum 2.2 and those
of its countries, read 2026-11-24. Not Romania's of under eight digits, which look like anything."""

NATIONAL_ID: Final = rf"\b(?:{'|'.join(_NATIONAL_IDS)})\b"
VAT: Final = rf"\b(?:{'|'.join(_VATS)})\b"
