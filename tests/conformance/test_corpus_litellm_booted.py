"""LiteLLM's packaged cases that the proxy must be started for: only in `make conformance`."""

from __future__ import annotations

import pytest

from designer.conform.case import packaged
from designer.conform.litellm import comes_along
from tests.conformance.corpora import assert_agreement


@pytest.mark.full
def test_the_whole_corpus_agrees() -> None:
    assert_agreement("litellm", [case for case in packaged("litellm") if not comes_along(case)])
