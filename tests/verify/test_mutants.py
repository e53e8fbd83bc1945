"""What is noticed of a configuration that was made worse, and what is not."""

from __future__ import annotations

from designer.catalog import load_catalog
from designer.diagnostics import Report
from designer.gateways.base import Parsed
from designer.gateways.litellm import LITELLM
from designer.gateways.reference import REFERENCE
from designer.ir import Route, Routing
from designer.load import Config
from designer.verify import Judge, facts, load_properties, noticed
from designer.verify.mutants import mutants
from tests.verify.test_stories import CHAIN, FIRST, PII, SECOND

ROUTING = Routing((Route("chat", CHAIN, deadline_s=60.0),), (FIRST, SECOND), (PII,))
ALL = """\
properties:
  - {survives: 1, parts: [deployment]}
  - {attempts: '<= 4'}
  - {redacted: [email]}
  - {deadline: '<= 60s'}
"""


def _noticed(text: str) -> dict[str, str | None]:
    config = Config(LITELLM, Parsed("reference", ROUTING, REFERENCE))
    properties = load_properties(text, "p.yaml", Report())
    assert properties is not None
    found = noticed(Judge(facts(config, load_catalog().date)), properties)
    return {one.mutant.change: one.by and one.by.kind for one in found}


def test_each_mutant_is_noticed_by_the_property_that_it_breaks() -> None:
    found = _noticed(ALL)

    assert found["chat: fallback 1 of 1 dropped"] == "survives"
    assert found["chat: 7 retries instead of 2"] == "attempts"
    assert found["guardrail pii: gone"] == "redacted"
    assert found["guardrail pii: lets pass what it could not check"] == "redacted"
    assert found["chat: no deadline"] == "deadline"


def test_what_nobody_asks_for_is_not_noticed() -> None:
    found = _noticed("properties: [{survives: 1, parts: [deployment]}]")

    assert found["chat: 7 retries instead of 2"] is None
    assert found["first: processed anywhere"] is None


def test_every_mutant_differs_from_the_original() -> None:
    assert all(mutant.routing != ROUTING or mutant.moved for mutant in mutants(ROUTING))
