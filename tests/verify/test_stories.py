"""What is said of small configurations: each property held, violated and unknown."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, Literal

import pytest
from jsonschema import Draft202012Validator
from msgspec.structs import replace

from designer.catalog import load_catalog
from designer.diagnostics import Report
from designer.gateways.base import Parsed, Terms
from designer.gateways.litellm import LITELLM
from designer.gateways.reference import REFERENCE
from designer.ir import (
    ANY,
    REFUSALS,
    Cache,
    Case,
    Chain,
    Condition,
    Deployment,
    Guardrail,
    Pool,
    Retry,
    Route,
    Routing,
    Rung,
    Switch,
    Target,
)
from designer.load import Config
from designer.resources import pack, schema
from designer.verify import PACKS, Judge, Verdict, facts, load_pack, load_properties

FIRST = Deployment("first", "openai", "gpt-x", secret="env:ONE", timeout_s=10.0)
SECOND = replace(
    FIRST, id="second", provider="mistral", model="gpt-y", secret="env:TWO", region="eu-west-1"
)
CHAIN = Chain((Rung(Retry(Target("first"), 2)), Rung(Target("second"), ANY - REFUSALS)))
PII = Guardrail("pii", "pii", frozenset({"input"}), "redact", entities=("email",))


def _judged(
    said: str,
    *rails: Guardrail,
    node: Any = CHAIN,
    second: Deployment = SECOND,
    caches: tuple[Cache, ...] = (),
    **more: Any,
) -> list[Verdict]:
    routing = Routing((Route("chat", node, **more),), (FIRST, second), rails, caches=caches)
    terms = {
        "first": Terms("", Decimal(1), Decimal(2), max_input_tokens=128_000),
        "second": Terms("", Decimal(3), Decimal(4), max_input_tokens=64_000),
    }
    config = Config(LITELLM, Parsed("reference", routing, REFERENCE, terms))
    report = Report()
    properties = load_properties(f"properties: [{{{said}}}]", "p.yaml", report)
    assert properties is not None, list(report)
    return list(Judge(facts(config, load_catalog().date)).verdicts(properties))


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        ("refusal: final", "holds"),
        ("attempts: '<= 4'", "holds"),
        ("attempts: '<= 3'", "violated"),
        ("deadline: '<= 30s'", "violated"),
        ("deadline: '<= 200s'", "holds"),
        ("survives: 1, parts: [provider]", "holds"),
        ("survives: 2", "violated"),
        ("cost: '<= 0.01 USD'", "inconclusive"),
        ("cost: '<= 0.01 USD', input_tokens: 1000, output_tokens: 100", "holds"),
        ("cost: '<= 0.004 USD', input_tokens: 1000, output_tokens: 100", "violated"),
        ("residency: [eu]", "inconclusive"),
        ("residency: [us]", "violated"),
        ("promise: dpa", "inconclusive"),
        ("priced: true", "holds"),
        ("whole_answers: true", "holds"),
        ("redacted: pii", "violated"),
        ("context: 64k", "holds"),
        ("context: 100k", "violated"),
        ("capabilities: [tools]", "inconclusive"),
        ("served_until: 2027-06-30", "inconclusive"),
    ],
)
def test_a_chain_of_two_is_judged(said: str, outcome: str) -> None:
    (verdict,) = _judged(said)

    assert verdict.outcome == outcome, verdict.found


@pytest.mark.parametrize(("on_error", "outcome"), [("block", "violated"), ("pass", "holds")])
def test_a_guardrail_that_is_down_fails_as_the_configuration_says(
    on_error: Literal["block", "pass"], outcome: str
) -> None:
    rail = replace(PII, on_error=on_error)

    (verdict,) = _judged("survives: 1, parts: [guardrail, provider]", rail)
    (upstream,) = _judged("survives: 1, parts: [provider]", rail)

    assert verdict.outcome == outcome, verdict.found
    assert verdict.failing == (("guardrail pii (down)",) if outcome == "violated" else ())
    assert upstream.outcome == "holds"


def test_a_guardrail_of_other_routes_is_no_part_of_this_one() -> None:
    (verdict,) = _judged("survives: 1, parts: [guardrail]", replace(PII, routes=("other",)))

    assert verdict.found == "answered whichever part fails (2 sets)"  # nothing, once each


def test_a_cache_that_is_down_is_a_miss() -> None:
    caches = (Cache("exact", 60.0),)

    (held,) = _judged("survives: 1, parts: [cache]", caches=caches)
    (broken,) = _judged("survives: 2, parts: [cache, provider]", caches=caches)

    assert held.found == "answered whichever part fails (4 sets)"  # nothing and the cache, twice
    assert broken.failing == ("provider openai (503)", "provider mistral (503)")


def test_a_key_that_is_revoked_takes_every_deployment_that_has_it() -> None:
    shared = replace(SECOND, secret="env:ONE")

    (verdict,) = _judged("survives: 1, parts: [key], failures: [401]", second=shared)

    assert verdict.failing == ("key env:ONE (401)",)
    assert verdict.trace is not None
    assert [tried.outcome for tried in verdict.trace.attempts] == ["401", "401"]


def test_a_deadline_of_the_route_limits_whatever_happens_below() -> None:
    (verdict,) = _judged("deadline: '<= 30s'", deadline_s=30.0)

    assert verdict.outcome == "holds"


def test_a_violation_shows_the_smallest_set_and_a_request() -> None:
    (verdict,) = _judged("survives: 2")

    assert verdict.failing == ("deployment first (503)", "deployment second (503)")
    assert verdict.trace is not None
    assert [tried.outcome for tried in verdict.trace.attempts] == ["503"] * 4


def test_what_is_asked_only_after_a_failure_is_reached_all_the_same() -> None:
    (verdict,) = _judged("residency: [us]")

    assert verdict.failing == ("first",)
    assert verdict.found == "second is processed outside, in eu-west-1"


@pytest.mark.parametrize(
    ("rail", "outcome"),
    [
        (PII, "holds"),
        (replace(PII, on_error="pass"), "violated"),
        (replace(PII, messages="last"), "violated"),
        (replace(PII, routes=("other",)), "violated"),
        (replace(PII, kind="saved"), "inconclusive"),
        (replace(PII, entities=("iban",)), "violated"),
    ],
)
def test_redaction_has_to_cover_the_route_and_to_fail_closed(rail: Guardrail, outcome: str) -> None:
    (verdict,) = _judged("redacted: [email]", rail)

    assert verdict.outcome == outcome


@pytest.mark.parametrize("pick", ["least_busy", "round_robin", "fastest", "usage"])
def test_a_pool_may_pick_any_child_in_some_state(pick: Any) -> None:
    pool = Pool((Target("first"), Target("second")), pick=pick)

    (verdict,) = _judged("residency: [us]", node=pool)

    assert verdict.outcome == "violated"


def test_a_request_may_be_any_that_a_switch_asks_for() -> None:
    gold = Condition("metadata.tier", "eq", "gold")
    switch = Switch((Case(gold, Target("second")),), Target("first"))

    (verdict,) = _judged("residency: [us]", node=switch)

    assert verdict.outcome == "violated"


def test_requests_that_no_case_is_for_are_no_outage() -> None:
    gold = Condition("metadata.tier", "eq", "gold")

    (verdict,) = _judged("survives: 1, parts: [provider]", node=Switch((Case(gold, CHAIN),)))

    assert verdict.outcome == "holds"


def test_an_unlucky_pick_can_be_tolerated() -> None:
    pool = Retry(Pool((Target("first"), Target("second"))), 1)

    (strict,) = _judged("survives: 1, failures: [503]", node=pool)
    (lenient,) = _judged("survives: 1, failures: [503], tolerates: 50%", node=pool)

    assert strict.found == "a request is not answered (25.0% of them)"
    assert lenient.outcome == "holds"


def test_what_is_slow_to_fall_back_does_not_survive_in_time() -> None:
    (late,) = _judged("survives: 1, within: 5s, failures: [timeout]")
    (soon,) = _judged("survives: 1, within: 15s, failures: [timeout]")

    assert (late.outcome, soon.outcome) == ("violated", "holds")


# --- Files and packs ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("properties: []", "VER714"),
        ("properties: [{refusal: final, priced: true}]", "VER711"),
        ("properties: [{attempts: many}]", "VER712"),
        ("properties: [{survives: 9}]", "VER712"),
        ("properties: [{survives: 1, parts: [moon]}]", "VER712"),
        ("properties: [{residency: [atlantis]}]", "VER712"),
        ("packs: [gdpr]", "VER713"),
        ("properties: [{refusal: final, routs: [chat]}]", "SIM602"),
        ("properties: 3", "SIM601"),
    ],
)
def test_a_file_that_would_have_to_be_guessed_at_is_refused(text: str, code: str) -> None:
    report = Report()

    assert load_properties(text, "p.yaml", report) is None
    assert code in [finding.code for finding in report]


@pytest.mark.parametrize("name", PACKS)
def test_a_pack_names_its_sources_and_days(name: str) -> None:
    report = Report()
    listed = load_pack(name, report)

    assert not report
    assert listed
    assert all("2026-" in one.source and one.why for one in listed)


@pytest.mark.parametrize("name", PACKS)
def test_a_pack_satisfies_the_schema(name: str) -> None:
    from designer.documents import read_yaml

    document = read_yaml(pack(name), name, Report())

    assert document is not None
    Draft202012Validator(json.loads(schema("properties"))).validate(document.value)


def test_the_pci_pack_passes_with_cards_masked_and_fails_without() -> None:
    (properties,) = (load_pack("pci", Report()),)
    rail = replace(PII, entities=("credit_card",))

    for rails, outcome in (((rail,), "holds"), ((), "violated")):
        routing = Routing((Route("chat", CHAIN),), (FIRST, SECOND), rails)
        judge = Judge(facts(Config(LITELLM, Parsed("x", routing, REFERENCE)), load_catalog().date))
        assert [verdict.outcome for verdict in judge.verdicts(properties)] == [outcome]
