"""Made-up values for labelled prompts: personal data with good check digits, and what only looks so.

Nothing is taken from the recognisers or their tables; check digits are computed from the published rules
(ISO 7064, ISO 7812, the tax offices' own), so that a shared mistake would show.
"""

import random
import string
from collections.abc import Callable, Mapping
from typing import Final

Draw = Callable[[random.Random], str]


def _digits(rng: random.Random, count: int, first: str = string.digits) -> str:
    return rng.choice(first) + "".join(rng.choices(string.digits, k=count - 1))


def _letters(rng: random.Random, count: int, alphabet: str) -> str:
    return "".join(rng.choices(alphabet, k=count))


def _in_groups(text: str, sizes: tuple[int, ...], gap: str) -> str:
    parts, at = [], 0
    for size in sizes:
        parts.append(text[at : at + size])
        at += size
    return gap.join((*parts, text[at:]) if at < len(text) else parts)


def _one_of(*draws: Draw) -> Draw:
    return lambda rng: rng.choice(draws)(rng)


# --- people and machines -------------------------------------------------------------------------

_FIRST: Final = (
    "anna",
    "john.paul",
    "m.keller",
    "j_roe",
    "lucia",
    "o'hara",
    "jean-luc",
    "ines+shop",
)
_HOSTS: Final = ("example.com", "post.example.de", "corp.example.co.uk", "mairie-exemple.fr")
_MORE_HOSTS: Final = ("ejemplo.es", "uni-beispiel.de", "mail.example.museum", "example.info")


def email(rng: random.Random) -> str:
    name = rng.choice(_FIRST) + rng.choice(("", str(rng.randint(1, 99)), ".x"))
    made = f"{name}@{rng.choice(_HOSTS + _MORE_HOSTS)}"
    return rng.choice((made, made, made.upper(), made.title()))


def ipv4(rng: random.Random) -> str:
    return ".".join(str(rng.randint(1, 254)) for _ in range(4))


def ipv6(rng: random.Random) -> str:
    groups = [f"{rng.randint(1, 0xFFFF):x}" for _ in range(rng.choice((3, 8)))]
    return ":".join(groups) if len(groups) == 8 else f"2001:db8:{groups[0]}::{groups[1]}"


_WIDE: Final = string.ascii_letters + string.digits


def api_key(rng: random.Random) -> str:
    tail = _letters(rng, 40, _WIDE)
    return rng.choice(
        (
            f"sk-proj-{tail}",
            f"sk-ant-api03-{tail}",
            f"AKIA{_letters(rng, 16, string.ascii_uppercase + string.digits)}",
            f"ghp_{tail[:36]}",
            f"github_pat_{tail[:22]}_{tail}",
            f"xoxb-{_digits(rng, 12)}-{_digits(rng, 12)}-{tail[:24]}",
            f"AIza{tail[:35]}",
            f"glpat-{tail[:20]}",
            f"hf_{tail[:34]}",
            f"sk_live_{tail[:24]}",
            f"eyJhbGciOiJIUzI1NiJ9.eyJ{tail[:30]}.{tail[:38]}",
        )
    )


# --- telephones ----------------------------------------------------------------------------------


def _us(rng: random.Random) -> str:
    area = rng.choice(("212", "415", "312", "617", "206", "303", "512"))
    office, line = f"{rng.randint(2, 9)}{rng.randint(20, 99)}", _digits(rng, 4)
    return rng.choice(
        (
            f"({area}) {office}-{line}",
            f"{area}-{office}-{line}",
            f"{area}.{office}.{line}",
            f"+1 {area} {office} {line}",
            f"+1{area}{office}{line}",
            f"1-{area}-{office}-{line}",
        )
    )


def _uk(rng: random.Random) -> str:
    mobile = f"7{rng.choice('4578')}{_digits(rng, 8)}"
    return rng.choice(
        (
            f"020 7{_digits(rng, 3)} {_digits(rng, 4)}",
            f"+44 20 7{_digits(rng, 3)} {_digits(rng, 4)}",
            f"0{mobile[:4]} {mobile[4:]}",
            f"+44 {mobile[:4]} {mobile[4:7]} {mobile[7:]}",
            f"0161 {rng.randint(200, 999)} {_digits(rng, 4)}",
        )
    )


def _german(rng: random.Random) -> str:
    mobile = rng.choice(("151", "160", "170", "171", "175", "176"))
    rest = _digits(rng, 7, "23456789")
    return rng.choice(
        (
            f"0{mobile} {rest}",
            f"0{mobile}-{rest}",
            f"0{mobile}/{rest}",
            f"+49 {mobile} {rest}",
            f"+49{mobile}{rest}",
            f"030 {rest[:3]} {rest[3:]}",
            f"089/{rest}",
            f"+49 (0)40 {rest}",
            f"0049 69 {rest}",
            f"(0221) {rest[:6]}",
        )
    )


def _french(rng: random.Random) -> str:
    number = rng.choice("1234567") + _digits(rng, 8, "23456789")
    return rng.choice(
        (
            _in_groups("0" + number, (2, 2, 2, 2), " "),
            _in_groups("0" + number, (2, 2, 2, 2), "."),
            _in_groups("0" + number, (2, 2, 2, 2), "-"),
            "0" + number,
            f"+33 {number[0]} {_in_groups(number[1:], (2, 2, 2), ' ')}",
            f"+33{number}",
            f"0033 {number[0]} {_in_groups(number[1:], (2, 2, 2), ' ')}",
        )
    )


def _spanish(rng: random.Random) -> str:
    number = rng.choice(("61", "62", "65", "66", "91", "93", "95")) + _digits(rng, 7, "2345678")
    return rng.choice(
        (
            _in_groups(number, (3, 3), " "),
            _in_groups(number, (3, 2, 2), " "),
            f"+34 {_in_groups(number, (3, 3), ' ')}",
            f"+34{number}",
            f"0034 {_in_groups(number, (3, 3), ' ')}",
            _in_groups(number, (3, 3), "-"),
        )
    )


# --- money ---------------------------------------------------------------------------------------


def _luhn(digits: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def _card_number(rng: random.Random) -> str:
    prefix, length = rng.choice((("4", 16), ("52", 16), ("2500", 16), ("34", 15), ("6011", 16)))
    body = prefix + _digits(rng, length - 1 - len(prefix))
    return body + _luhn(body)


def _written(number: str, rng: random.Random) -> str:
    sizes = (4, 6) if len(number) == 15 else (4, 4, 4)
    return _in_groups(number, sizes, rng.choice((" ", "-"))) if rng.random() < 0.7 else number


def card(rng: random.Random) -> str:
    return _written(_card_number(rng), rng)


def bad_card(rng: random.Random) -> str:
    number = _card_number(rng)
    return _written(number[:-1] + str((int(number[-1]) + rng.randint(1, 9)) % 10), rng)


def _mod97(text: str) -> int:
    return int("".join(str(int(character, 36)) for character in text)) % 97


def _account(rng: random.Random) -> str:
    country, body = rng.choice(
        (
            ("DE", _digits(rng, 18)),
            ("AT", _digits(rng, 16)),
            ("ES", _digits(rng, 20)),
            ("FR", _digits(rng, 10) + _letters(rng, 11, string.digits) + _digits(rng, 2)),
            ("NL", _letters(rng, 4, "ABCINGR") + _digits(rng, 10)),
            ("GB", _letters(rng, 4, "BARCLNWK") + _digits(rng, 14)),
            ("IT", _letters(rng, 1, string.ascii_uppercase) + _digits(rng, 22)),
            ("CH", _digits(rng, 17)),
        )
    )
    return f"{country}{98 - _mod97(body + country + '00'):02}{body}"


def iban(rng: random.Random) -> str:
    number = _account(rng)
    return _in_groups(number, (4,) * 8, " ").rstrip() if rng.random() < 0.6 else number


def bad_iban(rng: random.Random) -> str:
    number = _account(rng)
    wrong = f"{(int(number[2:4]) + rng.randint(1, 90)) % 97:02}"
    return _in_groups(number[:2] + wrong + number[4:], (4,) * 8, " ").rstrip()


# --- numbers that a state gives ------------------------------------------------------------------


def ssn(rng: random.Random) -> str:
    area = rng.choice([a for a in range(1, 900) if a != 666])
    gap = rng.choice(("-", "-", " "))
    return f"{area:03}{gap}{rng.randint(1, 99):02}{gap}{rng.randint(1, 9999):04}"


def _nhs(rng: random.Random) -> str:
    while True:
        body = _digits(rng, 9, "49")
        check = 11 - sum(int(d) * (10 - i) for i, d in enumerate(body)) % 11
        if check != 10:
            return _in_groups(body + str(check % 11), (3, 3), " ")


def _mod_11_10(digits: str) -> str:
    product = 10
    for digit in digits:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    return str((11 - product) % 10)


def _steuer_id(rng: random.Random) -> str:
    """Ten digits of which exactly one comes twice, and a check digit."""
    digits = rng.sample(string.digits, 9)
    digits.insert(rng.randint(2, 9), digits[rng.randint(0, 1)])
    if digits[0] == "0":
        return _steuer_id(rng)
    body = "".join(digits)
    number = body + _mod_11_10(body)
    return rng.choice((number, _in_groups(number, (2, 3, 3), " ")))


def _nir(rng: random.Random) -> str:
    body = (
        f"{rng.choice('12')}{rng.randint(30, 99)}{rng.randint(1, 12):02}{rng.randint(1, 95):02}"
        f"{rng.randint(1, 499):03}{rng.randint(1, 399):03}"
    ).replace("20", "21")
    number = f"{body}{97 - int(body) % 97:02}"
    return rng.choice((number, _in_groups(number, (1, 2, 2, 2, 3, 3), " ")))


_DNI: Final = "TRWAGMYFPDXBNJZSQVHLCKE"


def _dni(rng: random.Random) -> str:
    number = _digits(rng, 8)
    nie = rng.randint(0, 2)
    with_x = number[1:]
    return rng.choice(
        (
            number + _DNI[int(number) % 23],
            f"{number}-{_DNI[int(number) % 23]}",
            f"{'XYZ'[nie]}{with_x}{_DNI[int(str(nie) + with_x) % 23]}",
        )
    )


def _german_vat(rng: random.Random) -> str:
    body = _digits(rng, 8, "123456789")
    number = body + _mod_11_10(body)
    return rng.choice((f"DE{number}", f"DE {_in_groups(number, (3, 3), ' ')}"))


def _french_vat(rng: random.Random) -> str:
    body = _digits(rng, 8, "345678")
    siren = body + _luhn(body)
    key = f"{(12 + 3 * (int(siren) % 97)) % 97:02}"
    return rng.choice((f"FR{key}{siren}", f"FR {key} {_in_groups(siren, (3, 3), ' ')}"))


def _spanish_vat(rng: random.Random) -> str:
    body = _digits(rng, 2, "0123") + _digits(rng, 5)
    return f"ES{rng.choice('ABEH')}{body}{_luhn(body)}"


def _italian_vat(rng: random.Random) -> str:
    body = f"{rng.randint(1, 9999999):07}{rng.randint(1, 100):03}"
    return f"IT{body}{_luhn(body)}"


vat: Final = _one_of(_german_vat, _french_vat, _spanish_vat, _italian_vat)


# --- what only looks like it ---------------------------------------------------------------------


def _order(rng: random.Random) -> str:
    return rng.choice(
        (
            f"{rng.randint(2023, 2026)}-{_digits(rng, 3)}-{_digits(rng, 4)}",
            f"ORD-{rng.randint(2023, 2026)}11{rng.randint(10, 28)}-{_digits(rng, 4)}",
            f"{_digits(rng, 4)}-{_digits(rng, 4)}-{_digits(rng, 2)}",
            _digits(rng, 10, "3456789"),
            f"0{_digits(rng, 9, '123456789')}",
            f"AB-{_digits(rng, 9)}",
            f"1Z{_letters(rng, 3, string.ascii_uppercase)}{_digits(rng, 13)}",
        )
    )


def _version(rng: random.Random) -> str:
    a, b, c = rng.randint(0, 20), rng.randint(0, 99), rng.randint(0, 40)
    return rng.choice(
        (f"{a}.{b}.{c}", f"v{a}.{b}.{c}.{c}", f"{a}.{b}.{c}-rc{c}", f"10.0.{c}904{b}.42{c}")
    )


def _date(rng: random.Random) -> str:
    day, month, year = rng.randint(10, 28), rng.randint(10, 12), rng.randint(1995, 2026)
    return rng.choice(
        (
            f"{day}.{month}.{year}",
            f"{year}-{month}-{day}",
            f"{day}/{month}/{year}",
            f"{day} {month} {year}",
            f"{year}-{month}-{day}T1{day % 10}:30:45Z",
        )
    )


def _hash(rng: random.Random) -> str:
    return _letters(rng, rng.choice((7, 12, 32, 40, 64)), "0123456789abcdef")


def _uuid(rng: random.Random) -> str:
    return _in_groups(_letters(rng, 32, "0123456789abcdef"), (8, 4, 4, 4), "-")


def _product(rng: random.Random) -> str:
    return rng.choice(
        (
            f"XR-{_digits(rng, 4)}-{_digits(rng, 2)}",
            f"{_digits(rng, 3)}-{_digits(rng, 3)}-{_letters(rng, 2, 'ABCD')}",
            f"978-3-16-{_digits(rng, 6)}-{_digits(rng, 1)}",
            f"EN {_digits(rng, 5)}-1:2{_digits(rng, 3)}",
            f"{_letters(rng, 2, 'KLMN')}{_digits(rng, 6)}/{_digits(rng, 2)}",
        )
    )


def _figure(rng: random.Random) -> str:
    return rng.choice(
        (
            f"{rng.randint(1, 9)},{_digits(rng, 3)},{_digits(rng, 3)}.50",
            f"{rng.randint(1, 9)} {_digits(rng, 3)} {_digits(rng, 3)}",
            f"{rng.randint(1, 9)}.{_digits(rng, 3)}.{_digits(rng, 3)},90",
            f"{rng.randint(40, 59)}.{_digits(rng, 6)}, {rng.randint(1, 14)}.{_digits(rng, 6)}",
            f"17{_digits(rng, 8)}",
            f"17{_digits(rng, 11)}",
            f"3.{_digits(rng, 18)}",
        )
    )


def _bad_ssn(rng: random.Random) -> str:
    return f"{rng.choice(('000', '666'))}-{rng.randint(1, 99):02}-{rng.randint(1, 9999):04}"


NEGATIVE: Final[Mapping[str, Draw]] = {
    "order": _order,
    "version": _version,
    "date": _date,
    "hash": _hash,
    "uuid": _uuid,
    "product": _product,
    "figure": _figure,
    "bad_card": bad_card,
    "bad_iban": bad_iban,
    "bad_ssn": _bad_ssn,
}
"""What stands in prompts and is nobody's."""

_PHONES: Final[Mapping[str, Draw]] = {
    "en": _one_of(_us, _us, _uk),
    "de": _german,
    "fr": _french,
    "es": _spanish,
}
_NATIONAL: Final[Mapping[str, Draw]] = {"en": _nhs, "de": _steuer_id, "fr": _nir, "es": _dni}


def positive(language: str) -> Mapping[str, Draw]:
    """Entity → a draw of it, as people who write this language have it."""
    return {
        "email": email,
        "phone": _PHONES[language],
        "credit_card": card,
        "iban": iban,
        "us_ssn": ssn,
        "ip_address": _one_of(ipv4, ipv4, ipv6),
        "api_key": api_key,
        "national_id": _NATIONAL[language],
        "vat": vat,
    }
