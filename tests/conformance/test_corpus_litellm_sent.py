"""LiteLLM's packaged cases whose router comes along with the request: the proxy starts once.

A part of them is played in every run, all in `make conformance`.
"""

from __future__ import annotations

import pytest

from designer.conform.case import packaged
from designer.conform.litellm import comes_along
from tests.conformance.corpora import assert_agreement

CASES = [case for case in packaged("litellm") if comes_along(case)]


def test_a_part_of_the_corpus_agrees() -> None:
    """Every eighth case."""
    assert_agreement("litellm", [case for case in CASES if not case.known][::8])


@pytest.mark.full
def test_the_whole_corpus_agrees() -> None:
    assert_agreement("litellm", CASES)
