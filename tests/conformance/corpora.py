"""Playing packaged cases on a real gateway, for the tests of the two corpora."""

from __future__ import annotations

from designer.cli.conform import StubProvider
from designer.conform.case import Case
from designer.conform.run import Result, Runner, agreement
from runtime.stub import running_stub
from tests.gateways.processes import installed

LEAST = 0.99


def assert_agreement(program: str, cases: list[Case]) -> None:
    with running_stub(between_chunks_s=0.15) as stub:
        results = list(Runner(installed(program), StubProvider(stub)).run(cases))

    assert len(results) == len(cases)
    assert agreement(results) >= LEAST, _told(results)


def _told(results: list[Result]) -> str:
    return "\n".join(
        f"{result.case.id}: {'; '.join(result.compared.differences)}"
        for result in results
        if not result.agrees
    )
