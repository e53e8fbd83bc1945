"""The packaged cases on the real gateways: a part of them in every run, all in `make conformance`."""

from __future__ import annotations

import pytest

from designer.cli.conform import StubProvider
from designer.conform.case import Case, packaged
from designer.conform.litellm import comes_along
from designer.conform.run import Result, Runner, agreement
from runtime.stub import running_stub
from tests.gateways.processes import installed

FOLDER_OF = {"litellm": "litellm", "portkey-oss": "portkey"}
LEAST = 0.99


def play(gateway: str, cases: list[Case]) -> list[Result]:
    with running_stub(between_chunks_s=0.15) as stub:
        return list(Runner(installed(FOLDER_OF[gateway]), StubProvider(stub)).run(cases))


def told(results: list[Result]) -> str:
    return "\n".join(
        f"{result.case.id}: {'; '.join(result.compared.differences)}"
        for result in results
        if not result.agrees
    )


@pytest.mark.parametrize("gateway", FOLDER_OF)
def test_a_part_of_the_corpus_agrees(gateway: str) -> None:
    """Every eighth case; of LiteLLM's those that need no boot of their own."""
    cases = [case for case in packaged(gateway) if not case.known]
    if gateway == "litellm":
        cases = [case for case in cases if comes_along(case)]

    results = play(gateway, cases[::8])

    assert agreement(results) >= LEAST, told(results)


@pytest.mark.full
@pytest.mark.parametrize("gateway", FOLDER_OF)
def test_the_whole_corpus_agrees(gateway: str) -> None:
    results = play(gateway, packaged(gateway))

    assert len(results) == len(packaged(gateway))
    assert agreement(results) >= LEAST, told(results)
