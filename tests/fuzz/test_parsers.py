"""A few of the fuzzer's inputs, the same ones each time; `make fuzz` tries 100,000 a parser."""

from pathlib import Path

import pytest

from tests.fuzz.parsers import PARSERS, run


@pytest.mark.parametrize("gateway", PARSERS)
def test_no_mutant_of_a_file_breaks_its_reader(gateway: str, tmp_path: Path) -> None:
    assert run(gateway, inputs=200, seed=7, kept=tmp_path) == []
