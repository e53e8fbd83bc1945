"""One recogniser per entity: text in, (start, end) pairs out.

Each takes time linear in the text whatever the text is: repetitions are bounded, start at a
boundary, or are read off once from a landmark (the `@`, a run of digits). `context` is the key a
value stands under in JSON; it lets a bare number be known by its name.
"""

import ipaddress
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from operator import itemgetter
from typing import Final

from runtime.redact.dialled import HAS_PHONENUMBERS, is_dialled
from runtime.redact.tables import CARD_RANGES, IBAN_LENGTHS, KEY_SHAPES, KEY_SIGNS

_INVISIBLE: Final = "\u00ad\u200b\u200c\u200d\u2060\ufeff"
_SEP: Final = rf"[ \t\-.\u00a0\u2000-\u200a\u2010-\u2015\u2212\u202f{_INVISIBLE}]"

_Range = tuple[int, int]

# --- e-mail ------------------------------------------------------------------------------------

# Each alternative begins with one certain character, so that the search can leap to it.
_AT: Final = re.compile(
    r"@|\uff20|%40|\\[uU]0040|\[\s?[aA][tT]\s?[\])]\s?|\(\s?[aA][tT]\s?[\])]\s?"
)
_LOCAL: Final = re.compile(rf"[\w.+\-%&'!#$*^~|{_INVISIBLE}]")
_DOMAIN: Final = re.compile(
    rf"[\w\-{_INVISIBLE}]+(?:(?:\.|\u3002|\s?[\[(]\s?dot\s?[\])]\s?)[\w\-{_INVISIBLE}]+)+",
    re.IGNORECASE,
)
_TOP_LEVEL: Final = re.compile(r"(?:xn--[a-z0-9-]+|[^\W\d_]{2,63})\Z", re.IGNORECASE)


def emails(text: str, context: str = "") -> Iterator[_Range]:
    done = 0
    for at in _AT.finditer(text):
        domain = _DOMAIN.match(text, at.end())
        if domain is None:
            continue
        end_of_local = start = _end_of_local(text, at.start())
        # An `@` is no local character, so each is read leftwards over its own stretch only.
        while start > done and _LOCAL.match(text, start - 1):
            start -= 1
        while start < end_of_local and text[start] in ".'&!#$*^~|%-":
            start += 1
        end = _domain_end(text, domain)
        if start < end_of_local and end:
            done = end
            yield start, end


def _end_of_local(text: str, at: int) -> int:
    """Before a bracketed `at` there may be a space."""
    is_apart = text[at] in "[(" and at > 0 and text[at - 1].isspace()
    return at - 1 if is_apart else at


def _domain_end(text: str, domain: re.Match[str]) -> int:
    """Where the longest part of `domain` that ends in a top-level name ends, or 0."""
    end = domain.end()
    while end > domain.start() and text[end - 1] in f"-_{_INVISIBLE}":
        end -= 1
    while True:
        dot = max(text.rfind(mark, domain.start(), end) for mark in (".", "\u3002", ")", "]"))
        if dot < 0:
            return 0
        if _TOP_LEVEL.match(text[dot + 1 : end].strip()):
            return end
        end = dot


# --- numbers -----------------------------------------------------------------------------------

_RUN: Final = re.compile(rf"\d(?:{_SEP}{{0,2}}\d){{12,}}")
_GROUP: Final = re.compile(r"\d+")
_FRACTION: Final = re.compile(r"\d{1,3}\.\d{7,}")
# Between a name and its number: `phone no. is: (`
_BETWEEN: Final = r"(?:[ _-]?(?:number|no|nr|num|#))?\W{0,3}(?:\w{1,4}\W{1,3}){0,2}\(?"


def cards(text: str, context: str = "") -> Iterator[_Range]:
    runs = list(_RUN.finditer(text))
    accounts = _accounts(text) if runs else []
    for run in runs:
        for start, end in _cards_in(text, run.start(), run.end()):
            if not _is_inside(accounts, start, end):
                yield start, end


def _cards_in(text: str, start: int, end: int) -> Iterator[_Range]:
    groups = [group.span() for group in _GROUP.finditer(text, start, end)]
    digits = "".join(text[first:last] for first, last in groups)
    if not digits.isascii():
        digits = "".join(str(unicodedata.decimal(digit)) for digit in digits)
    sums = _luhn_sums(digits)
    offsets = [0]
    for first, last in groups:
        offsets.append(offsets[-1] + last - first)
    done = 0
    for i in range(len(groups)):
        if i < done:
            continue
        lengths = _card_lengths(digits[offsets[i] : offsets[i] + 4])
        longest = 0
        for j in range(i + 1, min(i + 20, len(groups) + 1)):
            length = offsets[j] - offsets[i]
            if length > 19:
                break
            if (
                length in lengths
                and _is_luhn(sums, offsets[i], offsets[j])
                and _is_written_as_a_card(groups, i, j)
                and not _FRACTION.match(text, groups[i][0])
                and not _is_part_of_a_number(text, *groups[i], single=j == i + 1)
            ):
                longest = j
        if longest:
            done = longest
            yield groups[i][0], groups[longest - 1][1]


def _card_lengths(prefix: str) -> tuple[int, ...]:
    return next(
        (
            lengths
            for low, high, lengths in CARD_RANGES
            if low <= prefix[: len(low)] <= high and len(prefix) == 4
        ),
        (),
    )


def _luhn_sums(digits: str) -> tuple[list[int], list[int]]:
    """Running Luhn sums, with the even and with the odd positions doubled."""
    even, odd = [0], [0]
    for at, digit in enumerate(digits):
        plain = int(digit)
        doubled = plain * 2 - 9 if plain > 4 else plain * 2
        even.append(even[-1] + (plain if at % 2 else doubled))
        odd.append(odd[-1] + (doubled if at % 2 else plain))
    return even, odd


def _is_luhn(sums: tuple[list[int], list[int]], start: int, end: int) -> bool:
    running = sums[end % 2]  # the last digit stands undoubled
    return (running[end] - running[start]) % 10 == 0


def _is_written_as_a_card(groups: list[_Range], i: int, j: int) -> bool:
    """In one piece, in groups of three and more, or the run is this number and nothing else."""
    sizes = [last - first for first, last in groups[i:j]]
    return len(sizes) == 1 or all(size >= 3 for size in sizes[:-1]) or j - i == len(groups)


# Letters with a digit among them just before: `1ZCJW6338685068387` is a parcel's number.
_PARCEL: Final = re.compile(r"(?<![A-Za-z0-9])[A-Z]{0,3}[0-9][A-Z]+\Z")


def _is_part_of_a_number(text: str, start: int, end: int, single: bool) -> bool:
    """A decimal fraction, the end of a parcel's number, or a stretch of a hexadecimal digest."""
    if not single:
        return False
    if start >= 2 and text[start - 1] == "." and text[start - 2].isdigit():
        return True
    if _PARCEL.search(text, max(0, start - 20), start):
        return True
    first, last = start, end
    while first > start - 130 and first > 0 and text[first - 1] in "0123456789abcdefABCDEF":
        first -= 1
    while last < end + 130 and last < len(text) and text[last] in "0123456789abcdefABCDEF":
        last += 1
    return last - first >= 24


_SSN: Final = re.compile(
    rf"[0-8](?<!\d\d)(?<!\d[-.]\d)\d{{2}}{_SEP}\d{{2}}{_SEP}\d{{4}}(?!\d)(?![-.]\d)"
)
_SSN_BARE: Final = re.compile(r"[0-8](?<!\d\d)\d{8}(?!\d)")
_SSN_NAME: Final = re.compile(
    rf"(?<![A-Za-z])(?:ssn|social[ _-]?security){_BETWEEN}\Z", re.IGNORECASE
)
_SSN_KEY: Final = re.compile(r"ssn|social.?security", re.IGNORECASE)


def us_ssns(text: str, context: str = "") -> Iterator[_Range]:
    for match in _SSN.finditer(text):
        if _is_ssn(match[0]):
            yield match.span()
    for match in _SSN_BARE.finditer(text):
        is_named = _is_named(_SSN_NAME, text, match.start()) or _SSN_KEY.search(context)
        if is_named and _is_ssn(match[0]):
            yield match.span()


def _is_ssn(number: str) -> bool:
    """Area, group and serial numbers that can have been given out (ssa.gov, randomization 2011)."""
    digits = [str(unicodedata.decimal(digit)) for digit in number if digit.isdecimal()]
    area, group, serial = "".join(digits[:3]), "".join(digits[3:5]), "".join(digits[5:])
    return area not in ("000", "666") and group != "00" and serial != "0000"


def _is_named(name: re.Pattern[str], text: str, start: int) -> bool:
    """Do the words just before `start` say what the number there is?"""
    return name.search(text, max(0, start - 60), start) is not None


_IN_PHONE: Final = rf"(?:{_SEP}|[()/])"
_PHONE_WORDS: Final = (
    r"phone|telephone|tel|mobile|cell|fax|whatsapp|signal|sms|call|dial|ring|text me|handy|telefon"
    r"|mobil|t[ée]l[ée]phone|portable|tel[ée]fono|m[óo]vil|celular|telefoon|cellulare"
)
_PHONES: Final = (
    # International: + or 00, a country code, seven to fifteen digits in all (E.164).
    re.compile(rf"(?<![\w+])\+{_SEP}?[1-9](?:{_IN_PHONE}{{0,3}}\d){{6,14}}(?!\d)"),
    re.compile(rf"(?<![\w+])(?<!\d[-.])00{_SEP}?[1-9](?:{_IN_PHONE}{{0,3}}\d){{8,13}}(?!\d)"),
    # North America: 555-123-4567, (555) 123-4567, 1 555.123.4567, 555 223 4567.
    re.compile(
        rf"(?<!\w)(?<!\d[-.])(?:1{_SEP}?)?(?:\(\d{{3}}\){_SEP}?|\d{{3}}[-.\u2010-\u2015])"
        rf"\d{{3}}{_SEP}\d{{4}}(?!\d)"
    ),
    re.compile(rf"(?<!\w)(?<!\d[-.])(?:1{_SEP})?[2-9]\d{{2}} [2-9]\d{{2}}[ -]\d{{4}}(?!\d)"),
    # India 98765 43210, China 138 1234 5678, Brazil (11) 91234-5678.
    re.compile(r"(?<!\w)(?<!\d[-.])[6-9]\d{4}[ -]\d{5}(?!\d)"),
    re.compile(r"(?<!\w)(?<!\d[-.])1[3-9]\d[ -]\d{4}[ -]\d{4}(?!\d)"),
    re.compile(r"(?<!\w)\(\d{2}\) ?9?\d{4}-\d{4}(?!\d)"),
)
_TRUNK: Final = re.compile(
    rf"(?<!\w)(?<!\d[-.,/])(?<![\da-f][-.])\(?0[1-9](?:{_IN_PHONE}{{0,2}}\d){{7,10}}(?!\d)"
)
_DATE: Final = re.compile(r"\(?\d{2}\W\d{2}\W(?:19|20)\d{2}(?!\d)")
_PHONE_NAME: Final = re.compile(rf"(?<![A-Za-z])(?:{_PHONE_WORDS}){_BETWEEN}\Z", re.IGNORECASE)
_PHONE_KEY: Final = re.compile(_PHONE_WORDS, re.IGNORECASE)
# Every phone number has one of these in it.
_NUMBER: Final = re.compile(rf"\d(?:{_IN_PHONE}{{0,3}}\d){{6,}}")


# What bare digits are when such a word stands before them: en, de, fr, es.
_COUNTED: Final = (
    r"(?:order|invoice|receipt|ticket|case|issue|report|ref|tracking|serial|shipment|parcel|contract|policy"
    r"|mandate|batch|lot|job|bestell|auftrag|rechnung|beleg|bericht|vorgang|sendung|lieferschein|vertrag"
    r"|aktenzeichen|verwendungszweck|charge|mandat|police|commande|facture|dossier|r\u00e9f\u00e9rence|colis"
    r"|devis|bon de livraison|rapport|contrat|pedido|factura|expediente|paquete|informe|recibo"
    r"|presupuesto|albar\u00e1n|contrato|p\u00f3liza|lote)\w{0,8}"
)
# Of anything else when it says that it is a number: `Kundennummer`, `item no`, `n\u00ba de cliente`.
_NUMBERED: Final = (
    r"\w{0,20}(?:nummer|number)|\w{1,20}[ _-](?:no|nr|num|id|#)(?!\w)"
    r"|(?:num\u00e9ro|n\u00b0|n\u00famero|n\u00ba|n\u00fam\.?|nr\.?) (?:de |of |der )\w{1,20}"
)
_COUNTED_NAME: Final = re.compile(
    rf"(?<!\w)(?!\w{{0,20}}(?:phone|telefon|mobil|handy|fax|hotline))(?:{_COUNTED}(?:[ _-]?(?:number|no|nr|num|id))?|{_NUMBERED})"
    r"[^\w\[\]]{0,5}(?:\w{1,4}[^\w\[\]]{1,3}){0,2}\Z",
    re.IGNORECASE,
)
# Bare digits need more than a leading 0: talk of reaching somebody a little before, or a place in a list.
_REACHED: Final = re.compile(
    rf"(?<![^\W_])(?:{_PHONE_WORDS}|reach|contact|kontakt|(?:r\u00fcck|an)?ruf|erreich|joindre|joign|joint|r?appel"
    r"|llam|localiz)",
    re.IGNORECASE,
)
_LISTED: Final = re.compile(r"(?:^|[,;:|(\n]) {0,2}\Z")
# Groups with hyphens, other than the pairs of France.
_FILED: Final = re.compile(r"(?!\d\d(?:-\d\d){4}\Z)\d+(?:-\d+){2,}")
# Four groups of four: a card, be its check digit right or not.
_CARD_SHAPED: Final = re.compile(r"(?<!\d)\d{4}([ -])\d{4}\1\d{4}\1\d{4}(?!\d)")


def phones(text: str, context: str = "") -> Iterator[_Range]:
    numbers = list(_NUMBER.finditer(text))
    accounts = _accounts(text) if numbers else []
    shaped = [match.span() for match in _CARD_SHAPED.finditer(text)] if numbers else []
    for start, end in _phones(text, context, numbers):
        if not _is_inside(accounts, start, end) and not _is_inside(shaped, start, end):
            yield start, end


def _phones(text: str, context: str, numbers: list[re.Match[str]]) -> Iterator[_Range]:
    is_key = bool(_PHONE_KEY.search(context))
    for number in numbers:
        # Room for the + and the brackets in front, and for a look at what comes next.
        start, end = max(0, number.start() - 3), number.end() + 1
        for shape in _PHONES:
            for match in shape.finditer(text, start, end):
                yield match.span()
        for match in _TRUNK.finditer(text, start, end):
            if _is_trunk_call(match[0]) and not _is_mere_number(text, *match.span(), context):
                yield match.span()
        digits = sum(character.isdigit() for character in number[0][:60])
        is_named = digits <= 15 and (is_key or _is_named(_PHONE_NAME, text, number.start()))
        if is_named or (9 <= digits <= 12 and _is_grouped_as_dialled(text, number)):
            yield number.span()


def _is_mere_number(text: str, start: int, end: int, context: str) -> bool:
    """Digits without a gap, or as files are numbered, that nothing around them makes a telephone's."""
    number = text[start:end]
    if not (number.isdigit() or _FILED.fullmatch(number)):
        return False
    if _COUNTED_NAME.search(context) or _is_named(_COUNTED_NAME, text, start):
        return True
    return not (
        _LISTED.search(text, max(0, start - 3), start)
        or _REACHED.search(context)
        or _is_named(_REACHED, text, start)
    )


_MONEY: Final = re.compile(r"\s?(?:[\u20ac$\u00a3%]|EUR|USD|GBP|CHF|kg\b|km\b|m\u00b2)")


def _is_grouped_as_dialled(text: str, number: re.Match[str]) -> bool:
    """Numbers of countries that dial no 0 first show themselves by their grouping alone."""
    start, end = number.span()
    is_bare = (
        number[0].isdigit() or text[start - 1 : start].isalnum() or text[end : end + 1].isalnum()
    )
    is_longer = _goes_on(text, start) or _JOINED.search(text, max(0, start - 3), start)
    if not HAS_PHONENUMBERS or is_bare or is_longer or _MONEY.match(text, end):
        return False
    return is_dialled(number[0])


_JOINED: Final = re.compile(r"[\w][-./,:]\Z")


def _is_trunk_call(number: str) -> bool:
    digits = sum(character.isdigit() for character in number)
    return not _DATE.match(number) and (digits < len(number) or digits in (10, 11))


# --- bank accounts -----------------------------------------------------------------------------

_ACCOUNT: Final = re.compile(
    r"(?<![A-Za-z0-9])[A-Z]{2}[0-9]{2}(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,4})?"
)
# Looks for the digits, which are rarer than letters.
_IBAN_START: Final = re.compile(r"[0-9]{2}(?<=[A-Za-z]{2}[0-9]{2})")
_IBAN_WORD: Final = re.compile("iban", re.IGNORECASE)
_IBAN_BODY: Final = re.compile(rf"[A-Za-z0-9](?:{_SEP}?[A-Za-z0-9]){{14,32}}")


def _accounts(text: str) -> list[_Range]:
    """What is written as a bank account, be its check digits right or not."""
    return [
        match.span()
        for match in _ACCOUNT.finditer(text)
        if len(match[0].replace(" ", "")) == IBAN_LENGTHS.get(match[0][:2])
    ]


def _is_inside(ranges: list[_Range], start: int, end: int) -> bool:
    at = bisect_right(ranges, start, key=itemgetter(0)) - 1
    return at >= 0 and ranges[at][0] <= start and end <= ranges[at][1]


def ibans(text: str, context: str = "") -> Iterator[_Range]:
    for digits in _IBAN_START.finditer(text):
        start = digits.start() - 2
        if text[start - 1 : start].isalnum() and not _IBAN_WORD.match(text, start - 4):
            continue
        length = IBAN_LENGTHS.get(text[start : start + 2].upper())
        body = _IBAN_BODY.match(text, start) if length else None
        if length is None or body is None:
            continue
        places = [at for at in range(*body.span()) if text[at].isalnum()][:length]
        end = places[-1] + 1
        is_whole = len(places) == length and not text[end : end + 1].isalnum()
        if is_whole and _is_mod_97("".join(text[at] for at in places)):
            yield start, end


def _is_mod_97(account: str) -> bool:
    rearranged = account[4:] + account[:4]
    return int("".join(str(int(character, 36)) for character in rearranged)) % 97 == 1


# --- addresses of machines ---------------------------------------------------------------------

_IPV4: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?!\w)(?!\.[0-9])")
_IPV6_SIGN: Final = re.compile(r":[0-9A-Fa-f]{0,4}:")
_IPV6: Final = re.compile(r"[0-9A-Fa-f:]{2,45}(?:\.[0-9]{1,3}){0,3}(?![\w:])")


def ip_addresses(text: str, context: str = "") -> Iterator[_Range]:
    if text.count(".") >= 3:
        for match in _IPV4.finditer(text):
            if not _goes_on(text, match.start()) and _is_ip(match[0]):
                yield match.span()
    if text.count(":") < 2 or not _IPV6_SIGN.search(text):
        return
    for match in _IPV6.finditer(text):
        # Few groups without a digit are no address: `cafe::babe` is how C++ names things.
        colons = match[0].count(":")
        has_digit = any(character.isdigit() for character in match[0])
        may_be = colons >= 4 or (colons >= 2 and has_digit)
        if may_be and not _goes_on(text, match.start()) and _is_ip(match[0]):
            yield match.span()


def _goes_on(text: str, start: int) -> bool:
    """Is this the end of something longer, such as a version number?"""
    before = text[start - 1 : start]
    return before.isalnum() or before in ("_", ":", ".") if before else False


def _is_ip(token: str) -> bool:
    try:
        ipaddress.ip_address(token)
    except ValueError:
        return False
    return True


# --- secrets -----------------------------------------------------------------------------------

_KEY: Final = re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(KEY_SHAPES)})")
_AWS_SECRETS_NAME: Final = r"aws_?secret_?(?:access_?)?key"
_AWS_SECRET: Final = re.compile(
    rf"{_AWS_SECRETS_NAME}\W{{1,5}}([A-Za-z0-9/+=]{{40}})(?![A-Za-z0-9/+=])", re.IGNORECASE
)
_AWS_SECRET_ALONE: Final = re.compile(r"[A-Za-z0-9/+=]{40}")
_NAMES_AN_AWS_SECRET: Final = re.compile(_AWS_SECRETS_NAME, re.IGNORECASE)
_PRIVATE_KEY: Final = re.compile(
    r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----.*?"
    r"(?:-----END (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)


def api_keys(text: str, context: str = "") -> Iterator[_Range]:
    if _has_sign_of_a_key(text):
        for match in _PRIVATE_KEY.finditer(text):
            yield match.span()
        for match in _KEY.finditer(text):
            yield match.span()
    if "secret" in text.casefold():
        for match in _AWS_SECRET.finditer(text):
            yield match.span(1)
    elif _AWS_SECRET_ALONE.fullmatch(text.strip()) and _NAMES_AN_AWS_SECRET.search(context):
        yield 0, len(text)


def _has_sign_of_a_key(text: str) -> bool:
    return any(any(map(text.__contains__, KEY_SIGNS[of])) for of in KEY_SIGNS if of in text)
