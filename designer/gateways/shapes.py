"""What numbers that a state gives out look like, for gateways without a filter of their own for them.

Patterns are made for `\\w` and `\\b` that mean ASCII and for large letters that are not small ones. A pattern
cannot count: check digits are not looked at, so that other numbers of the same shape are found too. What the
runtime finds, which does look at them, is found here as well, save what reads as a decimal or as a date,
Romania's short VAT numbers, and an NHS number that only a key elsewhere names.

Each kind has two patterns: one that Python, JavaScript and RE2 read alike, without a repetition in a repeated
group, and one for Python alone, which also sees what stands around and so leaves decimals and dates.
"""

from typing import Final

_LETTER: Final = "[A-HJ-NP-TV-Za-hj-np-tv-z]"
_NOT_000: Final = "(?:[1-9][0-9]{2}|0[1-9][0-9]|00[1-9])"
_WORD: Final = r"\w{1,6}\W{1,4}"

# Ten digits are anything, so that the name has to stand before them, and is found with them: with up to
# forty characters between that are no digits, or up to three short words that may be.
_NHS: Final = (
    r"[Nn][Hh][Ss]\w{0,11}"
    rf"(?:(?:\W[^0-9]{{0,39}})?[^0-9A-Za-z]|\W{{1,4}}(?:{_WORD}|{_WORD}{_WORD}|{_WORD}{_WORD}{_WORD}))"
    "[0-9]{3} ?[0-9]{3} ?[0-9]{4}"
)
_PLAIN_IDS: Final = (
    # Steuer-ID: any eleven digits, but no digit comes four times, as in 10 000 000 000.
    rf"[1-9][0-9] ?(?:[0-9]{{3}} ?{_NOT_000} ?[0-9]{{3}}|{_NOT_000} ?000 ?{_NOT_000})",
    # NIR; the department may be 2A or 2B.
    "[1-478] ?[0-9]{2} ?[0-9]{2} ?[0-9][0-9AB] ?[0-9]{3} ?[0-9]{3} {0,2}[0-9]{2}",
    # DNI and NIE.
    f"[0-9]{{8}}[ -]?{_LETTER}",
    f"[XYZxyz][ -]?[0-9]{{7}}[ -]?{_LETTER}",
)
"""Of Germany, France and Spain; with the NHS's, those that the runtime knows. Source: the modules gb.nhs,
de.idnr, fr.nir, es.dni and es.nie of python-stdnum 2.2, read 2026-11-24."""


def _each(count: int, one: str = "[0-9]") -> str:
    """So many characters, with or without something before each."""
    return f"[ .-]?{one}" * count


_VATS: Final = (
    f"AT{_each(1, 'U')}{_each(8)}",
    f"CY{_each(8)}{_each(1, '[A-Z]')}",
    f"ES{_each(1, '[0-9A-Z]')}{_each(7)}{_each(1, '[0-9A-Z]')}",
    f"FR{_each(2, '[0-9A-Z]')}{_each(9)}",
    f"IE{_each(1)}{_each(1, '[0-9A-Z]')}{_each(5)}{_each(1, '[A-Z]')}(?:{_each(1, '[A-Z]')})?",
    # Zeros in front may be left out.
    f"NL{_each(5)}{_each(4, '[0-9]?')}{_each(1, 'B')}{_each(2)}",
    f"XI{_each(1, '[GH]')}{_each(1, '[AD]')}{_each(9)}",
    f"(?:GB|LT|SE|XI){_each(12)}",
    f"(?:HR|IT|LV){_each(11)}",
    f"(?:BE|BG|CZ|PL|RO|SK){_each(10)}",
    f"(?:BE|BG|CZ|DE|EE|EL|GB|LT|PT|RO|XI){_each(9)}",
    f"(?:CZ|DK|EL|FI|HU|LU|MT|RO|SI){_each(8)}",
)
"""Of the EU, Northern Ireland and Great Britain. Source: the module eu.vat of python-stdnum 2.2 and those
of its countries, read 2026-11-24. Not Romania's of under eight digits, which look like its
postcodes."""

_PLAIN_ID: Final = "|".join(_PLAIN_IDS)
_PLAIN_VAT: Final = "|".join(_VATS)

# A line below is a character of a word, but not of a number.
NATIONAL_ID: Final = rf"(?:\b|[0-9_]){_NHS}\b|\b(?:{_PLAIN_ID})\b"
VAT: Final = rf"(?:\b|_)(?:{_PLAIN_VAT})(?:\b|_)"

_MONTH_AND_DAY: Final = "(?:0[1-9]|1[0-2]){gap}(?:0[1-9]|[12][0-9]|3[01])"
_DATE: Final = "(?:19|20)[0-9]{2}" + _MONTH_AND_DAY.format(gap="")
_DASHED_DATE: Final = "(?:19|20)[0-9]{2}-" + _MONTH_AND_DAY.format(gap="-")
_FRACTION_BEFORE, _FRACTION_BEHIND = r"(?<![0-9]\.)", r"(?!\.[0-9])"

NATIONAL_ID_ALONE: Final = (
    rf"(?:(?<![A-Za-z]){_NHS}|(?<![\w-]){_FRACTION_BEFORE}(?!{_DATE} )(?:{_PLAIN_ID}))"
    rf"(?![\w-]){_FRACTION_BEHIND}"
)
"""`NATIONAL_ID` where nothing of a longer word or number stands around it; for Python."""
VAT_ALONE: Final = (
    rf"(?<![A-Za-z0-9])(?![A-Z]{{2}}[ .-]?{_DASHED_DATE}\b)(?:{_PLAIN_VAT})(?![A-Za-z0-9])"
)
"""`VAT` where no letter or digit stands around it, and no day; for Python."""
