"""Portkey's packaged cases on the real gateway: a part in every run, all in `make conformance`."""

from __future__ import annotations

import pytest

from designer.conform.case import packaged
from tests.conformance.corpora import assert_agreement


def test_a_part_of_the_corpus_agrees() -> None:
    """Every eighth case."""
    cases = [case for case in packaged("portkey-oss") if not case.known]

    assert_agreement("portkey", cases[::8])


@pytest.mark.full
def test_the_whole_corpus_agrees() -> None:
    assert_agreement("portkey", packaged("portkey-oss"))
