"""National ids and VAT numbers, as the patterns find them that gateways are given."""

import random
import re
from itertools import accumulate

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from designer.gateways.litellm.tables import ENTITIES
from designer.gateways.openrouter.tables import PATTERN_OF
from runtime.redact.issued import HAS_STDNUM, national_ids, vats
from tests.pii import values

KINDS = ("national_id", "vat")


def patterns(entity: str) -> list[re.Pattern[str]]:
    """As LiteLLM compiles them, which ignores case, and OpenRouter, where `\\b` and `\\w` are ASCII."""
    litellm = [re.compile(p["pattern"], re.IGNORECASE) for p in ENTITIES[entity]]
    return [*litellm, re.compile(PATTERN_OF[entity], re.ASCII)]


def found(entity: str, text: str) -> list[list[str]]:
    """By LiteLLM, and by OpenRouter."""
    return [[match[0] for match in pattern.finditer(text)] for pattern in patterns(entity)]


@pytest.mark.parametrize("entity", KINDS)
@given(st.sampled_from(["en", "de", "fr", "es"]), st.randoms(use_true_random=False))
def test_every_number_is_found_whole_and_nothing_else_is(
    entity: str, language: str, rng: random.Random
) -> None:
    value = values.positive(language)[entity](rng)
    name = "NHS number: " if entity == "national_id" and language == "en" else ""

    assert found(entity, f"It is {name}{value}, I think.") == [[name + value]] * 2


# --- What the runtime finds -----------------------------------------------------------------------

# Made up, with good check digits: every country, and every length and form that it has.
NUMBERS = """
    ATU39099603 BE0695722008 BE815732980 BG698149119 BG3339803195 CY51070785C CZ01867482
    CZ399806294 CZ9474244505 DE503518210 DK13246033 EE803828531 EL378958836 EL01424119 ES56812610B
    ESP33326596 ESL4699940M FI11288126 FR73886844604 FRC9633785704 GB955427847 HR26543288429
    HU60084882 IE9674035K IE3179156LR IE6U36961C IT64763550643 LT143040813 LT262721859112
    LU21367171 LV68853038976 MT56574254 NL037590873B77 NL556361B65 PL6087889512 PT350714606
    RO81203990 RO2896515436 SE687492853101 SI30464056 SK7373696693 XI367281825 XIGD888810003
    XI120686429816
"""
VATS = NUMBERS.split()
AROUND = ("", *' _-,;()"=\n', ", ", ": ", " OK", " 12 ", "1,", "a", "\u7a0e", "\u3067\u3059")
NHS_NAMES = (
    *("NHS", "nhs_number", "NHS_NUMBER", "nhsNumber", "patient_nhs", '{"nhs_number": "', "NHS no."),
    *("nhs n\u00ba", "Nhs: (GP2)", "nhsId", "NHS number: GP 12", "9nhs", "my NHS is the"),
)
SIZES = {"en": (3, 3, 4), "de": (2, 3, 3, 3), "fr": (1, 2, 2, 2, 3, 3, 2), "es": (8, 1)}


def in_groups(text: str, sizes: tuple[int, ...], gap: str) -> str:
    ends = accumulate(sizes)
    return gap.join(text[end - size : end] for size, end in zip(sizes, ends, strict=True))


@st.composite
def vat_texts(draw: st.DrawFn) -> str:
    """With something or nothing between any two characters, and any word or sign around."""
    gap = draw(st.sampled_from([" ", ".", "-"]))
    gaps = st.sampled_from(["", "", gap])
    number = draw(st.sampled_from(VATS))
    spelt = number[:2] + "".join(draw(gaps) + c for c in number[2:])
    key = draw(st.sampled_from(["", "VAT", "vat_id", "USt-IdNr.", '{"vat": "']))
    return f"{key}{draw(st.sampled_from(AROUND))}{spelt}{draw(st.sampled_from(AROUND))}"


@st.composite
def national_id_texts(draw: st.DrawFn) -> str:
    """In its groups, in capitals or not, behind a name or none, and any word or sign around."""
    language = draw(st.sampled_from(list(SIZES)))
    written = values.positive(language)["national_id"](draw(st.randoms(use_true_random=False)))
    compact = re.sub("[ -]", "", written)
    sizes = (1, 7, 1) if compact[0] in "XYZ" else SIZES[language]
    number = in_groups(compact, sizes, draw(st.sampled_from(["", " ", "-"])))
    cased = draw(st.sampled_from([number, number.lower()]))
    names = NHS_NAMES if language == "en" else ("", "DNI", "tax_id", '{"id": "')
    name = draw(st.sampled_from(names))
    return f"{name}{draw(st.sampled_from(AROUND))}{cased}{draw(st.sampled_from(AROUND))}"


def missed(entity: str, text: str) -> list[list[str]]:
    """What the runtime finds in the text and LiteLLM's pattern, or OpenRouter's, finds no match around."""
    ours = list((national_ids if entity == "national_id" else vats)(text))
    spans = [[match.span() for match in pattern.finditer(text)] for pattern in patterns(entity)]
    return [
        [text[a:b] for a, b in ours if not any(start <= a and b <= end for start, end in theirs)]
        for theirs in spans
    ]


def is_short_romanian(number: str) -> bool:
    return number.startswith("RO") and sum(c.isdigit() for c in number) < 8


needs_stdnum = pytest.mark.skipif(not HAS_STDNUM, reason="the extra pii is not installed")


@needs_stdnum
@given(vat_texts())
def test_every_vat_number_that_the_runtime_finds_they_find(text: str) -> None:
    assume(not any(is_short_romanian(text[a:b]) for a, b in vats(text)))

    assert missed("vat", text) == [[], []]


@needs_stdnum
@given(national_id_texts())
def test_every_national_id_that_the_runtime_finds_they_find(text: str) -> None:
    assume(not re.search(r"(?:19|20)\d{6} ", text))  # A date, with a word of one letter behind it.

    assert missed("national_id", text) == [[], []]


@needs_stdnum
@pytest.mark.parametrize("number", VATS)
def test_the_runtime_finds_the_numbers_of_the_law(number: str) -> None:
    assert list(vats(f"vat_{number}")) == [(4, 4 + len(number))]


@pytest.mark.parametrize(
    ("entity", "text"),
    [
        ("vat", "ATU 12345678"),
        ("vat", "BE 0403.170.701"),
        ("vat", "DE-136695976"),
        ("vat", "DK 13 58 56 28"),
        ("vat", "ESX1234567R"),
        ("vat", "FR 40 303 265 045"),
        ("vat", "GB 980 7806 84"),
        ("vat", "IE6433435F"),
        ("vat", "LT100001919017"),
        ("vat", "NL 004495445 B01"),
        ("national_id", "2 95 10 99 126 111 93"),
        ("national_id", "1 85 05 2A 123 456 23"),
        ("national_id", "NHS No. 943 476 5919"),
        ("national_id", "36 574 261 809"),
        ("national_id", "54362315-K"),
        ("national_id", "X-2482300W"),
        ("vat", "CY 10259033 P"),
        ("vat", "DE 136-695-976"),
        ("vat", "FI 2077474-0"),
        ("vat", "IE 6433435 F"),
        ("vat", "LU 150-274-42"),
        ("vat", "MT 1167-9112"),
        ("vat", "PL 856-734-62-15"),
        ("vat", "SE 556188-8404-01"),
        ("vat", "SI 5022 3054"),
        ("national_id", "54362315k"),
        ("national_id", "54362315-k"),
        ("national_id", "54362315 K"),
        ("national_id", "x2482300w"),
        ("national_id", "X-2482300w"),
        ("national_id", "nhs_number: 943 476 5919"),
        ("national_id", "NHS_NUMBER=9434765919"),
        ("national_id", 'nhs_number": "9434765919'),
    ],
)
def test_numbers_are_found_as_their_states_write_them(entity: str, text: str) -> None:
    assert found(entity, f"({text})") == [[text]] * 2


@pytest.mark.parametrize(
    ("entity", "text"),
    [
        ("vat", "beautifully"),
        ("vat", "DE 12345 Berlin"),
        ("vat", "de 136695976"),
        ("vat", "LTS 20.04"),
        ("national_id", "call 415-555-0134"),
        ("national_id", "9434765919"),
        ("national_id", "on 2026-11-24 at 10:30"),
        ("national_id", "10 000 000 000"),
        ("national_id", "12 345 000 000"),
        ("national_id", "NHSX and 9434765919x"),
        ("national_id", "2026-11-24 A"),
    ],
)
def test_other_words_and_numbers_are_left(entity: str, text: str) -> None:
    assert found(entity, text) == [[], []]


def test_a_name_is_found_behind_a_line_below() -> None:
    litellm, openrouter = found("national_id", "patient_nhs 943 476 5919")

    assert (litellm, openrouter) == (["nhs 943 476 5919"], ["_nhs 943 476 5919"])


def test_letters_of_other_scripts_are_no_part_of_a_number() -> None:
    assert found("vat", "\u7a0e\u53f7DE136695976\u3067\u3059") == [["DE136695976"]] * 2


@pytest.mark.parametrize(
    "text",
    [
        "pi is 3.14159265358",
        "loss=1.98765432101",
        "total 12345678901.50",
        "on 20261124 A list",
        "uuid 0b1c-36574261809-77",
    ],
)
def test_where_a_pattern_can_look_around_decimals_and_dates_are_left(text: str) -> None:
    litellm, openrouter = found("national_id", text)

    assert (litellm, len(openrouter)) == ([], 1)


def test_where_a_pattern_can_look_around_a_day_is_no_vat_number() -> None:
    litellm, openrouter = found("vat", "FI 2026-11-24 and FI 2026-11-2")

    assert (litellm, openrouter) == ([], ["FI 2026-11-24"])
