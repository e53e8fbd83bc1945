"""National ids and VAT numbers, as the patterns find them that gateways are given."""

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from designer.gateways.litellm.tables import ENTITIES
from designer.gateways.openrouter.tables import PATTERN_OF
from tests.pii import values

KINDS = ("national_id", "vat")


def found(entity: str, text: str) -> list[list[str]]:
    """By LiteLLM, which ignores case, and by OpenRouter."""
    litellm = [re.compile(p["pattern"], re.IGNORECASE) for p in ENTITIES[entity]]
    patterns = [*litellm, re.compile(PATTERN_OF[entity])]
    return [[match[0] for match in pattern.finditer(text)] for pattern in patterns]


@pytest.mark.parametrize("entity", KINDS)
@given(st.sampled_from(["en", "de", "fr", "es"]), st.randoms(use_true_random=False))
def test_every_number_is_found_whole_and_nothing_else_is(
    entity: str, language: str, rng: random.Random
) -> None:
    value = values.positive(language)[entity](rng)
    name = "NHS number: " if entity == "national_id" and language == "en" else ""

    assert found(entity, f"It is {name}{value}, I think.") == [[name + value]] * 2


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
    ],
)
def test_other_words_and_numbers_are_left(entity: str, text: str) -> None:
    assert found(entity, text) == [[], []]
