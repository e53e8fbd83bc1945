"""What a residency stands for."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from designer.profile.regions import (
    COUNTRIES,
    COUNTRY_OF,
    GROUPS,
    countries_of,
    known_tokens,
    region_within,
)

tokens = st.sampled_from(known_tokens())


@pytest.mark.parametrize(
    ("region", "allowed", "is_within"),
    [
        ("swedencentral", ["eu"], True),
        ("eu-west-2", ["eu"], False),
        ("eu-west-2", ["uk"], True),
        ("eu-central-2", ["eea"], False),
        ("eu-central-2", ["ch"], True),
        ("norwayeast", ["eu"], False),
        ("norwayeast", ["eea"], True),
        ("europe-west3", ["de"], True),
        ("us-east-1", ["us"], True),
        ("us-east-1", ["us-east-2"], False),
        ("eu", ["eea"], True),
        ("eea", ["eu"], False),
        ("eea", ["eu", "no", "is", "li"], True),
        ("de", ["eu-central-1"], False),
        ("EU-Central-1", ["EU"], True),
        ("gb", ["uk"], True),
        ("global", ["eu"], False),
        ("global", ["global"], False),
        ("us", [], False),
    ],
)
def test_a_region_is_within_what_is_allowed(
    region: str, allowed: list[str], is_within: bool
) -> None:
    assert region_within(region, allowed) == is_within


@given(tokens, st.lists(tokens), tokens)
@settings(deadline=None)
def test_allowing_more_never_excludes(region: str, allowed: list[str], more: str) -> None:
    if region_within(region, allowed):
        assert region_within(region, [*allowed, more])


@given(tokens)
@settings(deadline=None)
def test_every_token_is_within_itself_and_means_some_country(token: str) -> None:
    assert region_within(token, [token])
    assert countries_of(token)


def test_the_tables_agree() -> None:
    assert set(COUNTRY_OF.values()) <= COUNTRIES
    assert all(members <= COUNTRIES for members in GROUPS.values())
    assert len(GROUPS["eu"]) == 27
    assert len(COUNTRIES) == 249
    assert not set(COUNTRY_OF) & COUNTRIES
