"""Dry runs: what outages do, that chance is in the seed alone, and how assertions are judged."""

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from designer.diagnostics import Report
from designer.engine.outcomes import CONTENT_FAULTS, KINDS
from designer.engine.semantics import Semantics
from designer.engine.swift import perform
from designer.gateways.litellm.semantics import LITELLM_1_106
from designer.gateways.reference import REFERENCE
from designer.ir import Chain, Deployment, Node, Pool, Retry, Route, Routing, Rung, Target
from designer.simulate import (
    BUILTIN,
    Load,
    Result,
    Service,
    builtin_scenario,
    driver,
    simulate,
)
from designer.simulate.result import RouteResult
from designer.simulate.services import VARIATION, time_to_first_token_s
from designer.simulate.traffic import arrivals
from tests.simulate.arrangements import (
    CHAT,
    FRA,
    LOADS,
    PARSED,
    PII,
    RAILED,
    ROUTING,
    SE,
    SERVICES,
    fault,
    ran,
)

QUIET = "version: 1\ntraffic: {from: profile, for: 10m}\n"
STREAMS = {"chat": replace(LOADS["chat"], streamed=1.0)}


def as_bytes(result: Result) -> str:
    return json.dumps(result.as_json())


# --- Outages --------------------------------------------------------------------------------------


def test_without_faults_everything_is_served_by_the_first() -> None:
    total = ran(QUIET).total

    assert total.requests > 1000
    assert total.served == total.requests
    assert total.served_by == {SE.id: total.requests}
    assert total.attempts_max == 1
    assert total.failures == {}


def test_an_outage_of_the_first_provider_is_not_one_of_the_aggregator_in_front_of_it() -> None:
    behind = tuple(replace(d, provider="openrouter") for d in ROUTING.deployments)
    parsed = replace(PARSED, routing=replace(ROUTING, deployments=behind))

    result = ran(fault("target: {provider: '@first'}, kind: http, status: 503"), parsed)

    assert result.total.served_by == {FRA.id: result.total.requests}


def test_an_outage_is_served_by_the_fallback_and_only_while_it_lasts() -> None:
    result = ran(fault("target: {provider: azure}, from: 2m, to: 4m, kind: http, status: 503"))

    assert result.total.served == result.total.requests
    by_time = {moment.from_s: moment.served_by for moment in result.moments}
    assert set(by_time[60.0]) == {SE.id}
    assert set(by_time[180.0]) == {FRA.id}
    assert set(by_time[400.0]) == {SE.id}
    assert 1 < result.total.attempts_max <= 4


def test_with_everything_down_callers_are_told_and_providers_are_left_alone() -> None:
    total = ran(fault("target: {provider: '*'}, kind: http, status: 503")).total

    assert total.served == 0
    assert set(total.failures) == {"503", "cooling"}
    assert total.attempts_mean < 0.5
    assert (total.p95_s, total.cost_per_1k_usd) == (None, None)


@pytest.mark.parametrize(
    ("kind", "failure"),
    [
        ("http", "500"),
        ("rate_limit", "429"),
        ("timeout", "first_token"),  # on a stream the shorter limit strikes first
        ("refuse_connection", "connect"),
        ("down", "connect"),
        ("reset", "reset"),
        ("malformed", "malformed"),
        ("empty", "empty"),
        ("context_length", "context_length"),
        ("content_policy", "content_policy"),
        ("reject_prefill", "reject_prefill"),
        ("exhausted", "429"),
        ("cut_stream", "stream_cut"),
        ("stall_stream", "stream_stall"),
        ("stream_error", "stream_error"),
        ("slow_first_token", "first_token"),
    ],
)
def test_every_kind_of_fault_acts_on_streams(kind: str, failure: str) -> None:
    alone = replace(
        PARSED, routing=Routing((Route("chat", Target(SE.id)),), (replace(SE, cooldown=None),))
    )
    status = ", status: 500" if kind == "http" else ""
    one = f"target: {{provider: azure}}, kind: {kind}{status}"

    total = ran(fault(one, "{from: profile, for: 20s}"), alone, loads=STREAMS).total

    assert failure in total.failures
    assert total.served == 0


@pytest.mark.parametrize("kind", ["malformed_chunk", "no_done"])
def test_what_the_reference_overlooks_costs_no_answer(kind: str) -> None:
    total = ran(fault(f"target: {{provider: '*'}}, kind: {kind}"), loads=STREAMS).total

    assert total.served == total.requests


def test_no_kind_was_forgotten_above() -> None:
    assert set(CONTENT_FAULTS) < KINDS
    assert len(KINDS) == 19


def test_latency_multiplies_what_answers_take() -> None:
    usual, slow = ran(QUIET), ran(fault("target: {provider: '*'}, kind: latency, factor: 3"))

    assert usual.total.p50_s is not None
    assert slow.total.p50_s is not None
    assert slow.total.p50_s.value == pytest.approx(3 * usual.total.p50_s.value, rel=0.01)


def test_a_share_strikes_about_that_share_of_attempts() -> None:
    alone = replace(PARSED, routing=Routing((Route("chat", Target(SE.id)),), (SE,)))

    total = ran(fault("target: {provider: azure}, kind: content_policy, share: 25%"), alone).total

    assert 0.2 < total.failures["content_policy"] / total.requests < 0.3


@pytest.mark.parametrize(
    "target",
    [
        "provider: bedrock",
        "provider: 'bed*'",
        "model: y-2",
        "model: 'bedrock/*'",
        "region: eu-central-1",
        "region: de",
        "deployment: chat/bedrock-fra/y",
        "provider: bedrock, region: eu-central-1",
    ],
)
def test_a_target_is_found_by_what_is_known_of_it(target: str) -> None:
    text = (
        "faults:\n"
        "  - {target: {deployment: chat/azure-se/x}, kind: http}\n"
        f"  - {{target: {{{target}}}, kind: http}}\n"
    )

    assert ran(text).total.served == 0


def test_a_target_that_is_nothing_here_is_warned_of() -> None:
    report = Report()

    result = ran(fault("target: {provider: openai}, kind: http"), report=report)

    assert result.total.served == result.total.requests
    [finding] = report
    assert str(finding) == (
        "scenario.yaml:3:10: warning[SIM631] no deployment of this configuration matches "
        "provider openai; the fault never acts"
    )
    assert finding.help == (
        "here are: chat/azure-se/x (azure in swedencentral), chat/bedrock-fra/y (bedrock in "
        "eu-central-1)"
    )


def test_a_fault_of_one_route_leaves_the_others_alone() -> None:
    routing = replace(ROUTING, routes=(CHAT, replace(CHAT, name="code")))
    loads = {"chat": Load(1.0), "code": Load(1.0)}

    result = ran(
        fault("target: {route: code}, kind: content_policy"),
        replace(PARSED, routing=routing),
        loads=loads,
    )

    chat, code = result.routes
    assert chat.served == chat.requests > 0
    assert code.served == 0 < code.requests


def test_a_guardrail_that_is_down_blocks_and_lets_nothing_unseen_upstream() -> None:
    total = ran(fault("target: {guardrail: pii}, kind: down"), RAILED).total

    assert total.failures == {"guardrail": total.requests}
    assert total.pii_upstream == 0


def test_a_guardrail_that_lets_pass_when_it_is_down_lets_personal_data_pass() -> None:
    open_ = replace(ROUTING, guardrails=(replace(PII, on_error="pass"),))

    total = ran(
        fault("target: {guardrail: '*'}, from: 5m, kind: down"), replace(PARSED, routing=open_)
    ).total

    assert total.served == total.requests
    assert 0.4 < total.pii_upstream / total.requests < 0.6


# --- Traffic, facts, quotas -----------------------------------------------------------------------


def test_a_rate_of_all_is_split_by_the_rates_of_the_profile() -> None:
    routing = replace(ROUTING, routes=(CHAT, replace(CHAT, name="code")))
    loads = {"chat": Load(300.0), "code": Load(100.0)}

    chat, code = ran(
        "traffic: {rate: 8/s, for: 10m}", replace(PARSED, routing=routing), loads=loads
    ).routes

    assert chat.requests + code.requests == pytest.approx(4800, rel=0.05)
    assert chat.requests / code.requests == pytest.approx(3, rel=0.1)


def test_arrivals_and_lengths_have_the_means_that_were_asked_for() -> None:
    came = list(arrivals({"chat": Load(5.0, 1000, 200)}, 3600.0, Random(1)))

    assert len(came) == pytest.approx(18_000, rel=0.03)
    assert sum(a.tokens.input for a in came) / len(came) == pytest.approx(1000, rel=0.05)
    assert sum(a.tokens.output for a in came) / len(came) == pytest.approx(200, rel=0.05)
    assert [a.at for a in came] == sorted(a.at for a in came)


def test_the_time_to_first_token_varies_around_its_median() -> None:
    chance, service = Random(1), Service(ttft_s=2.0)
    drawn = sorted(time_to_first_token_s(service, chance) for _ in range(20_000))
    average = sum(drawn) / len(drawn)
    deviation = (sum((x - average) ** 2 for x in drawn) / len(drawn)) ** 0.5

    assert drawn[10_000] == pytest.approx(2.0, rel=0.02)
    assert deviation / average == pytest.approx(VARIATION, rel=0.05)


@pytest.mark.parametrize(
    "limited",
    [
        replace(SERVICES[SE.id], rpm=30),
        replace(SERVICES[SE.id], tpm=30_000),
        replace(SERVICES[SE.id], parallel=1),
    ],
)
def test_a_deployment_over_its_quota_answers_429_and_the_fallback_serves(
    limited: Service,
) -> None:
    services = SERVICES | {SE.id: limited}

    total = ran(QUIET, services=services).total

    assert total.served == total.requests
    assert 0 < total.served_by[SE.id] < total.requests * 0.7


def test_prices_are_those_of_the_facts() -> None:
    total = ran(QUIET, loads={"chat": Load(5.0, 1000, 200)}).total

    assert total.cost_per_1k_usd is not None
    assert (
        total.cost_per_1k_usd.low < 1000 * (1000 * 2 + 200 * 8) / 1e6 < total.cost_per_1k_usd.high
    )


def test_without_facts_the_result_says_what_was_assumed() -> None:
    outage = fault("target: {provider: azure}, from: 2m, to: 4m, kind: http")
    result = ran(outage, services={}, loads={})

    assert result.total.cost_per_1k_usd is None
    assert result.assumptions == (
        "speeds are priors, not measured",
        "nothing is known of chat/azure-se/x, chat/bedrock-fra/y: 0.8 s to the first token and 60 "
        "tokens/s are assumed",
        "no traffic is known: 1000 tokens in and 200 out, all routes alike",
        "capacity not checked: no quota is known",
    )


# --- The seed -------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    text = fault("target: {provider: azure}, from: 2m, to: 4m, kind: http, share: 50%")

    assert as_bytes(ran(text, seed=1)) == as_bytes(ran(text, seed=1))
    assert as_bytes(ran(text, seed=1)) != as_bytes(ran(text, seed=2))
    assert ran(text, seed=7).as_json()["seed"] == 7


def test_a_fault_changes_nobodys_arrival() -> None:
    usual, ill = ran(QUIET), ran(fault("target: {provider: azure}, kind: http, share: 50%"))

    assert [m.requests for m in usual.moments] == [m.requests for m in ill.moments]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(KINDS)),
            st.sampled_from(["provider: azure", "provider: '*'", "region: de", "model: y-2"]),
            st.sampled_from(["10%", "60%", "100%"]),
        ),
        max_size=3,
    ),
    st.integers(0, 5),
)
def test_every_request_is_either_served_or_told_why(
    faults: list[tuple[str, str, str]], seed: int
) -> None:
    listed = [
        f"  - {{target: {{{target}}}, kind: {kind}, share: {share}}}"
        for kind, target, share in faults
    ]
    text = "traffic: {rate: 2/s, for: 60s}\nfaults:\n" + "\n".join(listed or ["  []"])

    result = ran(text, RAILED, seed=seed)

    total = result.total
    assert total.served + sum(total.failures.values()) == total.requests
    assert sum(total.served_by.values()) == total.served
    assert sum(moment.requests for moment in result.moments) == total.requests
    assert total.attempts_max <= 4
    assert total.pii_upstream == 0
    json.dumps(result.as_json(), allow_nan=False)


# --- Built in -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BUILTIN)
def test_every_scenario_that_comes_along_finds_its_target(name: str) -> None:
    report = Report()
    scenario = builtin_scenario(name, report)
    assert scenario is not None

    result = simulate(RAILED, scenario, SERVICES, {"chat": Load(0.5)}, report, seed=1)

    assert list(report) == []
    assert result.total.requests > 0


def test_a_provider_outage_is_survived_with_a_fallback_and_not_without() -> None:
    scenario = builtin_scenario("provider-outage", Report())
    assert scenario is not None
    alone = replace(PARSED, routing=Routing((Route("chat", Target(SE.id)),), (SE,)))

    with_fallback, without = (
        simulate(parsed, scenario, SERVICES, LOADS, Report()) for parsed in (PARSED, alone)
    )

    assert with_fallback.total.availability is not None
    assert without.total.availability is not None
    assert with_fallback.total.availability.value == 1.0
    assert without.total.availability.value == pytest.approx(0.5, abs=0.03)


# --- Assertions -----------------------------------------------------------------------------------


def verdicts(
    bounds: str, one: str = "target: {provider: azure}, kind: http", **more: Any
) -> list[str]:
    result = ran(fault(one, bounds=bounds), **more)
    return [check.verdict for check in result.checks]


@pytest.mark.parametrize(
    ("bound", "verdict"),
    [
        ("availability: '>= 99.9%'", "held"),
        ("availability: '== 50%'", "failed"),
        ("route: chat, p95: '<= 60s'", "held"),
        ("p95: '<= 100ms'", "failed"),
        ("p50: '> 0.1s'", "held"),
        ("first_token_p95: '<= 2s'", "inconclusive"),
        ("cost_per_1k: '<= 100 USD'", "held"),
        ("cost_per_1k: '<= 0.01 USD'", "failed"),
        ("attempts_per_request: '<= 4'", "held"),
        ("attempts_per_request: '<= 1'", "failed"),
        ("residency: eu", "held"),
        ("residency: se", "failed"),
        ("pii_upstream: 0", "failed"),
    ],
)
def test_an_assertion_holds_or_fails(bound: str, verdict: str) -> None:
    assert verdicts(f"[{{{bound}}}]") == [verdict]


def test_what_facts_do_not_decide_is_inconclusive() -> None:
    assert verdicts("[{residency: eu}, {cost_per_1k: '<= 1 USD'}]", services={}) == [
        "inconclusive",
        "inconclusive",
    ]


def test_personal_data_behind_a_working_guardrail_stays_here() -> None:
    assert verdicts("[{pii_upstream: 0}]", parsed=RAILED) == ["held"]


def test_an_assertion_about_an_unknown_route_is_an_error_and_never_holds() -> None:
    report = Report()

    result = ran(QUIET + "assert: [{route: chta, availability: '>= 1%'}]", report=report)

    assert [check.verdict for check in result.checks] == ["inconclusive"]
    assert not result.has_held
    [finding] = report
    assert str(finding) == (
        "scenario.yaml:3:24: error[SIM632] the assertion is about the route `chta`, which the "
        "configuration has not (did you mean `chat`?); the assertion counts as inconclusive"
    )


def test_a_limit_within_the_interval_is_called_close() -> None:
    alone = replace(PARSED, routing=Routing((Route("chat", Target(SE.id)),), (SE,)))
    text = fault(
        "target: {provider: azure}, kind: content_policy, share: 25%",
        bounds="[{availability: '>= 75%'}, {availability: '>= 10%'}]",
    )

    checks = ran(text, alone).checks

    assert [check.is_close for check in checks] == [True, False]
    assert checks[0].wanted == ">= 75%"
    assert checks[0].found.count("%") == 3


# --- The answer -----------------------------------------------------------------------------------


def test_the_answer_has_a_fixed_form() -> None:
    result = ran(fault("target: {provider: azure}, kind: http", bounds="[{residency: eu}]"))
    answer = result.as_json()

    assert list(answer) == [
        *("schema_version", "scenario", "gateway", "seed", "seeds", "partial", "for_s"),
        *("recorded_usd", "total", "routes", "phases", "moments", "checks", "assumptions"),
    ]
    assert list(answer["total"]["availability"]) == ["value", "low", "high"]
    assert answer["routes"][0]["route"] == "chat"
    assert len(answer["moments"]) == 60
    assert answer["checks"] == [
        {
            "assertion": "residency",
            "route": None,
            "wanted": "eu",
            "found": "all 2 deployments asked are inside",
            "verdict": "held",
            "is_close": False,
            "line": 4,
        }
    ]


def test_a_configuration_without_routes_has_nothing_to_simulate() -> None:
    empty = replace(PARSED, routing=Routing((), (Deployment("a", "openai", "a"),)))

    total = ran(QUIET, empty, services={"a": Service()}).total

    assert (total.requests, total.availability) == (0, None)


# --- What is in flight ----------------------------------------------------------------------------


def test_what_a_deployment_may_not_have_in_flight_is_refused_or_goes_on() -> None:
    def total(node: Node, **slots: int) -> RouteResult:
        limited = replace(PARSED.semantics, slots=slots)
        routing = replace(ROUTING, routes=(replace(CHAT, node=node),))
        return ran(QUIET, replace(PARSED, routing=routing, semantics=limited)).total

    alone, both = Target(SE.id), Chain((Rung(Target(SE.id)), Rung(Target(FRA.id))))
    free, full, helped = total(alone), total(alone, **{SE.id: 1}), total(both, **{SE.id: 1})

    assert not free.failures
    assert not helped.failures
    assert full.failures == {"429": full.requests - full.served}
    assert 0 < full.served < full.requests
    assert full.attempts_mean == pytest.approx(full.served / full.requests)
    assert set(helped.served_by) == {SE.id, FRA.id}


# --- Answers that are foreseen --------------------------------------------------------------------

FORGETFUL = replace(REFERENCE, cooldown=None)
SKIPPING = replace(FORGETFUL, rows=tuple(replace(row, skips=True) for row in REFERENCE.rows))
WORLDS = (
    "faults: []\n",
    "faults: [{target: {provider: azure}, from: 1m, to: 4m, kind: http, status: 503}]\n",
    "faults: [{target: {provider: azure}, share: 30%, kind: rate_limit, retry_after: 2s}]\n",
    "faults: [{target: {provider: '*'}, from: 2m, kind: latency, factor: 12}]\n",
)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("habits", [REFERENCE, LITELLM_1_106, FORGETFUL, SKIPPING])
@pytest.mark.parametrize("pool", ["none", "weighted", "round_robin", "least_busy"])
def test_foreseeing_answers_changes_no_figure(
    world: str, habits: Semantics, pool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether answers are foreseen or played, event by event."""
    route = CHAT if habits.cooldown is not None else replace(CHAT, deadline_s=None)
    routing = replace(ROUTING, routes=(route,))
    parsed = replace(PARSED, routing=routing, semantics=habits)
    if pool != "none":
        both = Retry(Pool((Target(SE.id), Target(FRA.id)), (0.7, 0.3), pool), 2)
        parsed = replace(parsed, routing=replace(ROUTING, routes=(replace(route, node=both),)))
    text = f"version: 1\ntraffic: {{rate: 4/s, for: 6m}}\nreplicas: 2\n{world}"
    loads = {"chat": replace(LOADS["chat"], streamed=0.5)}

    foreseen = ran(text, parsed, loads=loads)
    monkeypatch.setattr(driver, "perform", lambda *around: perform(*around[:3]))
    played = ran(text, parsed, loads=loads)

    assert foreseen == played
