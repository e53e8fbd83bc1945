"""Traces: what a file may say, what comes out, and what the user is told when it says nonsense."""

import json
import subprocess
import sys
from decimal import Decimal
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from designer.diagnostics import Report
from designer.engine.outcomes import KINDS
from designer.engine.semantics import Backoff
from designer.gateways.base import Parsed, Terms
from designer.gateways.reference import REFERENCE
from designer.ir import (
    ANY,
    REFUSALS,
    Case,
    Chain,
    Condition,
    Cooldown,
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
from designer.resources import schema
from designer.trace import Script, as_json, as_text, load_outcomes, trace

AZURE, BEDROCK = "support-chat/azure-se/x", "support-chat/bedrock-fra/y"
CHAT = Route(
    "support-chat",
    Chain((Rung(Retry(Target(AZURE), 2)), Rung(Retry(Target(BEDROCK), 1), ANY - REFUSALS))),
)
ROUTING = Routing(
    (CHAT,),
    (
        Deployment(AZURE, "azure", "x", timeout_s=30.0),
        Deployment(BEDROCK, "bedrock", "y", timeout_s=30.0),
    ),
)
TERMS = {
    AZURE: Terms(
        input_usd_per_mtok=Decimal("1.5"),
        output_usd_per_mtok=Decimal(3),
        cache_read_usd_per_mtok=Decimal("0.15"),
    )
}
PARSED = Parsed(
    "reference",
    ROUTING,
    replace(REFERENCE, backoff=Backoff(0.5, cap_s=8.0, jitter_s=0.75)),
    TERMS,
    names={"azure": AZURE},
)


def loaded(content: Any, report: Report | None = None) -> Script:
    script = load_outcomes(json.dumps(content), "outcomes.json", report or Report())
    assert script is not None
    return script


def answered(content: Any, parsed: Parsed = PARSED, **more: Any) -> Any:
    script = loaded(content)
    traces = trace(parsed, script, Report(), **more)
    assert traces is not None
    return as_json(traces, script)


def findings(text: str, file: str = "outcomes.json") -> list[str]:
    report = Report()
    load_outcomes(text, file, report)
    return [str(finding) for finding in report]


# --- What comes out -------------------------------------------------------------------------------


def test_the_answer_has_the_published_form() -> None:
    answer = answered(
        {
            "request": {"messages": [], "stream": False, "metadata": {"tier": "gold"}},
            "draws": [0.42],
            "outcomes": {
                AZURE: [
                    {"status": 503},
                    {"status": 200, "usage": {"prompt_tokens": 1000, "completion_tokens": 200}},
                ],
                BEDROCK: [{"status": 429, "headers": {"retry-after": "2"}}, {"kind": "timeout"}],
            },
        }
    )

    assert answer == {
        "schema_version": 1,
        "attempts": [
            {"deployment": AZURE, "at_s": 0.0, "outcome": "503"},
            {"deployment": AZURE, "at_s": 0.5, "outcome": "200"},
        ],
        "final": {"status": 200, "served_by": AZURE, "cost_usd": "0.0021", "at_s": 0.5},
        "jitter_s": [0.0, 0.75],
        "assumptions": [],
    }


def test_people_read_the_same_in_lines() -> None:
    script = loaded({"outcomes": {AZURE: [{"status": 503}], BEDROCK: [{"kind": "timeout"}, {}]}})
    traces = trace(PARSED, script, Report())
    assert traces is not None

    assert as_text(traces) == (
        "support-chat\n"
        "      0.00 s  support-chat/azure-se/x     503\n"
        "      0.50 s  support-chat/azure-se/x     503\n"
        "      1.50 s  support-chat/azure-se/x     503\n"
        "      1.50 s  support-chat/bedrock-fra/y  timeout\n"
        "  → 504 (timeout) at 31.50 s\n"
        "  waits are without jitter, which would add 0 to 0.75 s to each\n"
    )


def test_the_last_outcome_repeats_and_who_is_not_named_answers_200() -> None:
    answer = answered({"outcomes": {AZURE: [{"status": 500}]}})

    assert [a["outcome"] for a in answer["attempts"]] == ["500", "500", "500", "200"]
    assert answer["final"]["served_by"] == BEDROCK


def test_a_deployment_is_called_what_the_file_calls_it() -> None:
    answer = answered({"outcomes": {"azure": [{"status": 503}, {}]}})

    assert {a["deployment"] for a in answer["attempts"]} == {"azure"}
    assert answer["final"]["served_by"] == "azure"


def test_several_requests_share_what_has_happened_and_are_answered_in_a_list() -> None:
    cooling = tuple(replace(d, cooldown=Cooldown(30.0, 0)) for d in ROUTING.deployments)
    parsed = replace(PARSED, routing=replace(ROUTING, deployments=cooling))

    later, first, third = answered(
        {
            "requests": [{"at_s": 10.0}, {"at_s": 0.0}, {"at_s": 31.0}],
            "outcomes": {AZURE: [{"status": 503}, {"status": 200}]},
        },
        parsed,
    )

    assert [a["deployment"] for a in first["attempts"]] == [AZURE, BEDROCK]
    assert later["attempts"] == [{"deployment": BEDROCK, "at_s": 10.0, "outcome": "200"}]
    assert [a["deployment"] for a in third["attempts"]] == [AZURE]


def test_a_list_of_one_request_is_answered_in_a_list() -> None:
    assert isinstance(answered({"requests": [{}]}), list)


POOL = Routing(
    (Route("chat", Pool((Target("a"), Target("b")), weights=(1, 1))),),
    (Deployment("a", "openai", "a"), Deployment("b", "openai", "b")),
)


def test_draws_are_used_up_in_order_and_then_the_seed_decides() -> None:
    parsed = replace(PARSED, routing=POOL)
    asked = {"requests": [{"at_s": float(n)} for n in range(22)], "draws": [0.49, 0.5]}

    def served_by(seed: int) -> list[str]:
        return [one["final"]["served_by"] for one in answered(asked, parsed, seed=seed)]

    assert served_by(1)[:2] == served_by(2)[:2] == ["a", "b"]
    assert served_by(1) == served_by(1)
    assert served_by(1) != served_by(2)


def test_an_answer_without_usage_is_priced_as_if_and_says_so() -> None:
    answer = answered({})

    assert answer["final"]["cost_usd"] == "0.0021"
    assert answer["assumptions"] == [
        "no usage given: 1000 prompt and 200 completion tokens are assumed"
    ]


def test_cached_tokens_have_their_own_price() -> None:
    usage = {
        "prompt_tokens": 1000,
        "completion_tokens": 0,
        "prompt_tokens_details": {"cached_tokens": 1000},
    }

    assert answered({"outcomes": {AZURE: [{"usage": usage}]}})["final"]["cost_usd"] == "0.00015"


def test_a_price_that_nobody_knows_is_not_made_up() -> None:
    answer = answered({"outcomes": {AZURE: [{"status": 404}]}})

    assert answer["final"] == {"status": 200, "served_by": BEDROCK, "cost_usd": None, "at_s": 0.0}


def test_what_failed_costs_nothing() -> None:
    answer = answered({"outcomes": {AZURE: [{"kind": "content_policy"}]}})

    assert answer["final"] == {
        "status": 400,
        "served_by": None,
        "cost_usd": "0",
        "at_s": 0.0,
        "failure": "content_policy",
    }


def test_a_broken_off_stream_says_how_the_caller_learns_of_it() -> None:
    answer = answered({"request": {"stream": True}, "outcomes": {AZURE: [{"kind": "cut_stream"}]}})

    final = answer["final"]
    assert (final["status"], final["failure"], final["in_band"], final["told"]) == (
        200,
        "stream_cut",
        True,
        True,
    )


def test_a_body_is_read_like_a_providers() -> None:
    body = {"error": {"code": "context_length_exceeded", "message": "too long"}}

    answer = answered({"outcomes": {AZURE: [{"status": 400, "body": body}]}})

    assert [a["outcome"] for a in answer["attempts"]] == ["400", "200"]


def test_an_unmeasured_gateway_and_open_questions_are_told() -> None:
    habits = replace(REFERENCE, verified=False, assumptions=("tags are ignored",))

    answer = answered({"outcomes": {AZURE: [{"status": 404}]}}, replace(PARSED, semantics=habits))

    assert answer["assumptions"] == [
        "tags are ignored",
        "reference 1 is not measured: the nearest table is used",
    ]


def test_a_silent_attempt_that_nothing_ends_is_told() -> None:
    endless = tuple(replace(d, timeout_s=None) for d in ROUTING.deployments)
    parsed = replace(PARSED, routing=replace(ROUTING, deployments=endless))

    answer = answered({"outcomes": {AZURE: [{"kind": "timeout"}]}}, parsed)

    assert answer["attempts"][1]["at_s"] == 600.0
    assert answer["assumptions"] == [
        f"no limit ends a silent attempt at {AZURE}: it is taken to last 600 s"
    ]


# --- Routes, conditions, guardrails ---------------------------------------------------------------


def test_conditions_see_metadata_and_parameters_of_the_body() -> None:
    gold = Case(Condition("metadata.tier", "eq", "gold"), Target("a"))
    hot = Case(Condition("params.temperature", "gt", 1), Target("b"))
    routing = replace(POOL, routes=(Route("chat", Switch((gold, hot))),))

    answer = answered(
        {"requests": [{"metadata": {"tier": "gold"}}, {"temperature": 1.5}, {}]},
        replace(PARSED, routing=routing),
    )

    assert [one["final"]["served_by"] for one in answer] == ["a", "b", None]


def test_a_denied_pattern_is_looked_for_in_the_messages() -> None:
    rail = Guardrail(
        "dosage", "deny", frozenset({"input"}), "block", pattern="lethal dose", ignore_case=True
    )
    parsed = replace(PARSED, routing=replace(ROUTING, guardrails=(rail,)))

    def status(text: str) -> int:
        messages = [{"role": "user", "content": [{"type": "text", "text": text}]}]
        return int(answered({"request": {"messages": messages}}, parsed)["final"]["status"])

    assert status("What is a Lethal Dose of water?") == 400
    assert status("What is a dose?") == 200


@pytest.mark.parametrize(
    ("said", "status"),
    [({"kind": "down"}, 400), ({"verdict": "blocked"}, 400), ({"verdict": "changed"}, 200)],
)
def test_a_guardrail_is_scripted_by_its_name(said: dict[str, str], status: int) -> None:
    rail = Guardrail("pii", "pii", frozenset({"input"}), "redact")
    parsed = replace(PARSED, routing=replace(ROUTING, guardrails=(rail,)))

    assert answered({"outcomes": {"pii": [said]}}, parsed)["final"]["status"] == status


TWO = replace(POOL, routes=(Route("chat", Target("a")), Route("code", Target("b"))))


def test_with_several_routes_one_has_to_be_named() -> None:
    report = Report()

    traces = trace(replace(PARSED, routing=TWO), loaded({}), report)

    assert traces is None
    [finding] = report
    assert str(finding) == (
        "outcomes.json:1:1: error[SIM606] the configuration has 2 routes and none was named"
    )
    assert finding.help == "name one with `--route`, or with `route` in the file: chat, code"


@pytest.mark.parametrize(
    ("request_", "route", "served_by"),
    [({}, "code", "b"), ({"route": "chat"}, "code", "a"), ({"model": "code"}, "", "b")],
)
def test_the_request_or_the_option_or_the_model_names_the_route(
    request_: dict[str, str], route: str, served_by: str
) -> None:
    answer = answered({"request": request_}, replace(PARSED, routing=TWO), route=route)

    assert answer["final"]["served_by"] == served_by


def test_an_unknown_route_is_traced_and_warned_of() -> None:
    report = Report()

    traces = trace(PARSED, loaded({}), report, route="suport-chat")

    assert traces is not None
    assert traces[0].final.failure == "no_route"
    assert [str(finding) for finding in report] == [
        "--route: warning[SIM607] no route is called `suport-chat` (did you mean `support-chat`?); "
        "the trace shows that error"
    ]


def test_an_unknown_deployment_is_warned_of_at_its_place() -> None:
    text = json.dumps({"outcomes": {"azuer": [{"status": 503}]}}, indent=1)
    script = load_outcomes(text, "outcomes.json", Report())
    assert script is not None
    report = Report()

    trace(PARSED, script, report)

    assert [str(finding) for finding in report] == [
        "outcomes.json:3:3: warning[SIM604] no deployment or guardrail is called `azuer` (did you "
        "mean `azure`?); its outcomes are never used, and the deployment that was meant answers 200"
    ]


# --- What a file may not say ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "outcomes.json:1:2: error[PAR501]"),
        ("[]", "error[SIM601] the file is to be a mapping, not a list"),
        ('{"outcome": {}}', "unknown key `outcome` in an outcomes file (did you mean `outcomes`?)"),
        ('{"outcomes": []}', "error[SIM601] `outcomes` is to be a mapping, not a list"),
        ('{"outcomes": {"a": {"status": 503}}}', "the outcomes of `a` is to be a list"),
        ('{"outcomes": {"a": [503]}}', "an outcome is to be a mapping, not a number"),
        ('{"outcomes": {"a": [{"kind": "time_out"}]}}', "did you mean `timeout`?"),
        ('{"outcomes": {"a": [{"state": 503}]}}', "did you mean `status`?"),
        ('{"outcomes": {"a": [{"status": "503"}]}}', "`status` is to be a number, not text"),
        ('{"outcomes": {"a": [{"status": 99}]}}', "`status` is 99; it is to be at least 200"),
        ('{"outcomes": {"a": [{"delay_s": -1}]}}', "`delay_s` is -1; it is to be at least 0"),
        ('{"outcomes": {"a": [{"delay_s": true}]}}', "is to be a number, not true or false"),
        ('{"outcomes": {"a": [{"verdict": "maybe"}]}}', "one of pass, changed, blocked, broken"),
        ('{"outcomes": {"a": [{"usage": {"prompt_tokens": "1"}}]}}', "a count of tokens is to be"),
        ('{"draws": [1]}', "a draw is 1; it is to be below 1"),
        ('{"request": {}, "requests": []}', "error[SIM605]"),
        ('{"request": {"stream": "yes"}}', "`stream` is to be true or false, not text"),
        ('{"requests": [{"at_s": "1s"}]}', "`at_s` is to be a number, not text"),
    ],
)
def test_nonsense_is_an_error_with_a_place(text: str, said: str) -> None:
    [finding] = findings(text)

    assert said in finding
    assert finding.startswith("outcomes.json:1:")


def test_all_errors_show_at_once_and_in_yaml_too() -> None:
    text = "draws: [2]\noutcomes:\n  a:\n    - {statu: 503}\n    - kind: timout\n"

    found = findings(text, "outcomes.yaml")

    assert [line.split(" ")[0] for line in found] == [
        "outcomes.yaml:4:8:",
        "outcomes.yaml:5:7:",
        "outcomes.yaml:1:9:",
    ]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["request", "requests", "draws", "outcomes", "status", "kind", "headers", "body"]
                + ["usage", "verdict", "at_s", "messages", "stream", "prompt_tokens", "azure"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(json_values)
def test_whatever_a_file_says_it_is_traced_or_refused(content: Any) -> None:
    report = Report()

    script = load_outcomes(json.dumps(content), "outcomes.json", report)

    assert (script is None) == report.has_errors
    if script is not None:
        assert trace(PARSED, script, report) is not None


SCHEMA = json.loads(schema("trace"))


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"requests": [{}, {"at_s": 1.0}]},
        {"outcomes": {AZURE: [{"kind": "content_policy"}]}},
        {"request": {"stream": True}, "outcomes": {AZURE: [{"kind": "cut_stream"}]}},
        {"outcomes": {AZURE: [{"status": 404}], BEDROCK: [{"delay_s": 1.5}]}, "draws": [0.5]},
    ],
)
def test_what_is_read_and_what_comes_out_keep_to_the_published_schema(content: Any) -> None:
    outcomes = SCHEMA["$defs"]["outcomes"] | {"$defs": SCHEMA["$defs"]}

    jsonschema.Draft202012Validator(outcomes).validate(content)
    jsonschema.Draft202012Validator(SCHEMA).validate(answered(content))


def test_the_schema_knows_every_kind() -> None:
    assert SCHEMA["$defs"]["outcome"]["properties"]["kind"]["enum"] == sorted(KINDS)


def test_tracing_starts_without_pydantic_and_jinja() -> None:
    code = "import designer.trace, sys; print([m for m in ('pydantic', 'jinja2', 'jsonschema') if m in sys.modules])"

    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert out.stdout.strip() == "[]"
