"""What the packaged corpora are, and that the published page is about them."""

from __future__ import annotations

from pathlib import Path

import pytest

from designer.conform import fidelity, litellm, portkey
from designer.conform.case import Case, packaged
from designer.conform.run import distinct
from designer.diagnostics import Report
from designer.trace import trace
from tests.conformance.page import PAGE, records

GATEWAYS = ("litellm", "portkey-oss")


def traced(gateway: str, case: Case) -> bool:
    fill, parse = (
        (litellm.fill, litellm.parser("1.106"))
        if gateway == "litellm"
        else (portkey.fill, portkey.parser("1.15-npm"))
    )
    parsed = parse(fill(case.config, lambda number: f"http://127.0.0.1/d/{number}"), Report())
    return parsed is not None and trace(parsed, case.script, Report(), case.route) is not None


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_there_are_enough_different_cases_and_half_are_generated(gateway: str) -> None:
    cases = packaged(gateway)

    assert len(distinct(cases)) >= 500
    assert sum(case.is_generated for case in cases) * 2 >= len(cases)
    assert all(case.origin for case in cases)


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_the_engine_has_a_trace_for_every_case(gateway: str) -> None:
    assert [case.id for case in packaged(gateway) if not traced(gateway, case)] == []


def test_the_published_page_is_made_from_the_records() -> None:
    assert PAGE.read_text("utf-8") == fidelity.page(records())


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_the_published_figures_are_about_the_packaged_cases(gateway: str) -> None:
    (record,) = (r for r in records() if r["gateway"] == gateway)

    assert record["corpus"] == fidelity.fingerprint(packaged(gateway))
    assert record["agreement"] >= 0.99


def test_every_disagreement_is_explained() -> None:
    unexplained = [
        one["id"] for record in records() for one in record["disagreements"] if not one["known"]
    ]

    assert unexplained == []


def test_no_record_says_where_it_was_made() -> None:
    folder = str(Path(__file__).resolve().parents[2])

    assert folder not in "".join(str(record) for record in records())
