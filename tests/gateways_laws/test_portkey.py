"""The two Portkey dialects: laws over random Routings and random text, then stories."""

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from designer.diagnostics import Report
from designer.emit import render
from designer.engine.semantics import PHASES
from designer.gateways.base import Gateway, Parsed
from designer.gateways.legalize import legalize, take_out
from designer.gateways.portkey_cloud import PORTKEY_CLOUD
from designer.gateways.portkey_config.paths import folders, name_of
from designer.gateways.portkey_config.patterns import without_flags
from designer.gateways.portkey_config.statuses import EVERY, LOST, as_listed, failures_of
from designer.gateways.portkey_oss import PORTKEY_OSS
from designer.ir import (
    ANY,
    REFUSALS,
    STATUS_OF,
    TRANSIENT,
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
    Telemetry,
    failures,
)
from designer.trace import load_outcomes, trace
from designer.validate import check_files
from tests.golden import assert_golden
from tests.strategies import NASTY, failure_sets, names, routings

both = pytest.mark.parametrize(
    "gateway", [PORTKEY_OSS, PORTKEY_CLOUD], ids=lambda gateway: gateway.name
)
thorough = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


# --- Laws -----------------------------------------------------------------------------------------


@both
@thorough
@given(routing=routings())
def test_what_is_emitted_means_what_was_planned(gateway: Gateway, routing: Routing) -> None:
    legal = legalize(routing, gateway, Report())

    files = gateway.lower(legal, {})
    texts = {file.path: render(gateway.folder, file) for file in files}

    assert len(texts) == len(files)
    assert all(json.loads(texts[file.path]) == file.values for file in files)
    report = Report()
    check_files(gateway, legal, files, texts, report)
    assert list(map(str, report)) == []
    assert [file.values for file in gateway.lower(legal, {})] == [file.values for file in files]


@both
@thorough
@given(routing=routings())
def test_legalizing_again_changes_and_says_nothing(gateway: Gateway, routing: Routing) -> None:
    legal = legalize(routing, gateway, Report())

    again = Report()

    assert legalize(legal, gateway, again) == legal
    assert list(map(str, again)) == []


KEYS = st.sampled_from(
    [
        "strategy",
        "targets",
        "mode",
        "on_status_codes",
        "onStatusCodes",
        "conditions",
        "query",
        "then",
        "default",
        "name",
        "weight",
        "provider",
        "api_key",
        "virtual_key",
        "retry",
        "attempts",
        "override_params",
        "model",
        "request_timeout",
        "custom_host",
        "input_guardrails",
        "default.regexMatch",
        "rule",
        "not",
        "deny",
        "id",
        "$and",
        "$or",
        "$regex",
        "metadata.tier",
        "cache",
        "x-portkey-config",
        "headers",
        "config",
    ]
)
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.floats(),
        st.integers(-2, 600),
        names,
        st.sampled_from(
            ["single", "loadbalance", "fallback", "conditional", "@a/b", "openai", "vertex-ai"]
        ),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(KEYS, KEYS, KEYS, names), inner, max_size=5),
        st.fixed_dictionaries(
            {
                "strategy": st.fixed_dictionaries(
                    {"mode": st.sampled_from(["single", "loadbalance", "fallback", "conditional"])},
                    optional={
                        "on_status_codes": st.lists(st.integers(100, 600), max_size=2),
                        "conditions": st.lists(
                            st.fixed_dictionaries({"query": inner, "then": names}), max_size=2
                        ),
                    },
                ),
                "targets": st.lists(inner, max_size=3),
            }
        ),
    ),
    max_leaves=12,
)


@both
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=st.one_of(st.text(), VALUES.map(json.dumps)), path=st.sampled_from(["a.json", "-"]))
def test_no_text_is_too_strange_to_read(gateway: Gateway, text: str, path: str) -> None:
    report = Report()

    parsed = gateway.parse({path: text}, report)

    if parsed is None:
        assert report.has_errors
    else:
        legal = legalize(parsed.routing, gateway, Report())
        files = gateway.lower(legal, {})
        check_files(gateway, legal, files, {f.path: render("portkey", f) for f in files}, report)
        assert not any(found.code.startswith("EMT403") for found in report)


@given(st.lists(st.one_of(names, st.sampled_from(NASTY), st.text()), unique=True))
def test_every_name_has_a_folder_of_its_own_and_comes_back(found: list[str]) -> None:
    where = folders(found)

    assert len({folder.lower() for folder in where.values()}) == len(found)
    for name, folder in where.items():
        assert all(0 < len(part) <= 255 and part not in (".", "..") for part in folder.split("/"))
        assert name_of(f"out/x/portkey-oss/{folder}/config.json") == name


def test_a_long_name_spans_folders() -> None:
    name = "ä" * 300

    folder = folders([name])[name]

    assert "/" in folder
    assert name_of(f"portkey-oss/{folder}/config.json") == name


@given(failure_sets)
def test_a_list_of_codes_says_the_same_when_listed_again(on: Any) -> None:
    assert as_listed(as_listed(on)) == as_listed(on)


@both
def test_every_failure_in_every_phase_has_a_row(gateway: Gateway) -> None:
    semantics = gateway.semantics(gateway.version)

    for failure in (*STATUS_OF, "400", "429", "503", "599"):
        for phase in PHASES:
            assert semantics.row(failure, phase, group=2, healthy_left=True).source


# --- Emitted files --------------------------------------------------------------------------------


def deployment(id_: str, provider: str, model: str, **more: Any) -> Deployment:
    return Deployment(id_, provider, model, timeout_s=30.0, **more)


def retried(id_: str, retries: int = 2) -> Retry:
    return Retry(Target(id_), retries, TRANSIENT)


FALLS = ANY - REFUSALS - failures(400, 402, 405, 406, 409, 410, 411, 413, 414, 415, 422)

PLANNED = Routing(
    routes=(
        Route(
            "support-chat",
            Chain(
                (
                    Rung(retried("support-chat/azure-se/gpt-6")),
                    Rung(retried("support-chat/bedrock-fra/claude-5"), FALLS),
                    Rung(retried("support-chat/vertex/claude-5"), FALLS),
                )
            ),
            deadline_s=60.0,
            attempts_limit=4,
        ),
        Route(
            "nightly",
            Retry(Pool((Target("nightly/openai/mini"), Target("nightly/gpu/qwen")), (0.7, 0.3)), 1),
        ),
        Route(
            "assistant",
            Switch(
                (
                    Case(Condition("task", "eq", "code"), retried("assistant/openai/gpt-6", 1)),
                    Case(
                        Condition(
                            "",
                            "and",
                            (
                                Condition("metadata.tier", "in", ("gold", "silver")),
                                Condition("params.max_tokens", "gt", 4000),
                            ),
                        ),
                        Target("assistant/openai/gpt-6"),
                    ),
                ),
                Target("nightly/openai/mini"),
            ),
        ),
    ),
    deployments=(
        deployment(
            "support-chat/azure-se/gpt-6",
            "azure",
            "gpt6-prod",
            api_base="https://contoso-se.openai.azure.com",
            secret="env:AZURE_SE_KEY",
            region="swedencentral",
            settings=(("api_version", "2024-10-21"),),
            first_token_s=10.0,
            cooldown=Cooldown(30.0, 1),
        ),
        deployment(
            "support-chat/bedrock-fra/claude-5",
            "bedrock",
            "eu.anthropic.claude-5",
            secret="env:AWS_ACCESS_KEY_ID",
            region="eu-central-1",
        ),
        deployment(
            "support-chat/vertex/claude-5",
            "vertex",
            "claude-5",
            secret="env:GOOGLE_APPLICATION_CREDENTIALS",
            region="europe-west1",
        ),
        deployment("nightly/openai/mini", "openai", "gpt-6-mini", secret="env:OPENAI_API_KEY"),
        deployment(
            "nightly/gpu/qwen", "vllm", "qwen3", api_base="http://vllm.svc.cluster.local:8000/v1"
        ),
        deployment(
            "assistant/openai/gpt-6",
            "openai",
            "gpt-6",
            secret="env:OPENAI_API_KEY",
            params=(("max_tokens", 800),),
        ),
    ),
    guardrails=(
        Guardrail(
            "dosage",
            "deny",
            frozenset({"input"}),
            "block",
            pattern="lethal dose",
            ignore_case=True,
            message="ask a doctor",
        ),
    ),
)


def emitted(gateway: Gateway, routing: Routing) -> dict[str, str]:
    legal = legalize(routing, gateway, Report())
    files = (*gateway.lower(legal, {}), *gateway.artefacts(legal, {}, "plan", ()))
    return {file.path: render(gateway.folder, file) for file in files}


@both
def test_a_plan_is_emitted_word_for_word(gateway: Gateway) -> None:
    report = Report()
    legalize(PLANNED, gateway, report)

    texts = emitted(gateway, PLANNED) | {"losses.txt": "".join(f"{d}\n" for d in report)}

    assert_golden(f"{gateway.name}/planned", texts)


def test_hosted_configurations_satisfy_the_documented_schema() -> None:
    """The schema of the documentation, in what concerns the keys written here."""
    documented = {
        "strategy": {"mode", "conditions", "default", "on_status_codes"},
        "retry": {"attempts", "on_status_codes", "use_retry_after_headers"},
        "": {
            *("strategy", "targets", "name", "provider", "weight", "request_timeout", "retry"),
            *("override_params", "input_guardrails", "output_guardrails"),
        },
    }

    def check(config: Mapping[str, Any]) -> None:
        assert set(config) <= documented[""]
        assert set(config.get("strategy", {})) <= documented["strategy"]
        assert set(config.get("retry", {})) <= {*documented["retry"], "use_retry_after_header"}
        if config.get("strategy", {}).get("mode") == "conditional":
            assert {"conditions", "default"} <= set(config["strategy"])
        for target in config.get("targets", ()):
            check(target)

    official = Path("../shared/schemas/portkey-config.docs.schema.json")
    for path, text in emitted(PORTKEY_CLOUD, PLANNED).items():
        if path.endswith("config.json"):
            check(json.loads(text))
            if official.exists():
                jsonschema.validate(json.loads(text), json.loads(official.read_text()))


def test_no_secret_is_written_but_by_name() -> None:
    texts = emitted(PORTKEY_OSS, PLANNED)

    config = json.loads(texts["portkey-oss/support-chat/config.json"])

    azure, bedrock, vertex = config["targets"]
    assert azure["api_key"] == "${AZURE_SE_KEY}"
    assert bedrock["aws_access_key_id"] == "${AWS_ACCESS_KEY_ID}"
    assert bedrock["aws_secret_access_key"] == "${AWS_SECRET_ACCESS_KEY}"
    assert vertex["vertex_service_account_json"] == "${GOOGLE_APPLICATION_CREDENTIALS}"


def test_a_private_host_is_made_known_to_the_gateway() -> None:
    compose = emitted(PORTKEY_OSS, PLANNED)["portkey-oss/compose.yaml"]

    assert (
        "TRUSTED_CUSTOM_HOSTS: "
        '"localhost,127.0.0.1,::1,host.docker.internal,vllm.svc.cluster.local"' in compose
    )


# --- Losses ---------------------------------------------------------------------------------------


def lost(gateway: Gateway, routing: Routing) -> dict[str, bool]:
    return {lack.feature.name: lack.refused for lack, _ in take_out(routing, gateway)[1]}


PII = Guardrail("pii", "pii", frozenset({"input"}), "redact", ("email",))


def one_route(node: Any, *deployments: Deployment, **more: Any) -> Routing:
    return Routing((Route("r", node),), deployments, **more)


def test_redaction_is_refused_where_history_would_go_out_unredacted() -> None:
    routing = one_route(
        Target("a"), Deployment("a", "openai", "m", secret="env:K"), guardrails=(PII,)
    )

    assert lost(PORTKEY_OSS, routing)["finding personal data"] is True
    assert not any("guardrail" in name for name in lost(PORTKEY_CLOUD, routing))


def test_the_hosted_product_is_told_the_id_of_a_saved_guardrail() -> None:
    routing = one_route(Target("a"), Deployment("a", "openai", "m"), guardrails=(PII,))

    config = json.loads(emitted(PORTKEY_CLOUD, routing)["portkey-cloud/r/config.json"])

    assert config["input_guardrails"] == ["pii"]
    assert config["provider"] == "@openai"


def test_a_denied_pattern_is_written_in_both_cases() -> None:
    config = json.loads(emitted(PORTKEY_OSS, PLANNED)["portkey-oss/nightly/config.json"])

    (rail,) = config["input_guardrails"]
    assert rail["default.regexMatch"] == {
        "rule": "[Ll][Ee][Tt][Hh][Aa][Ll] [Dd][Oo][Ss][Ee]",
        "not": True,
        "failOnError": True,
    }


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("lethal dose", "LeThAl DOSE"),
        ("[a-f]x\\d", "Cx7"),
        ("[a-f]x\\d", "cX7"),
        ("(?i)gold|silver", "SILVER"),
        ("(?:ab)+\\bc", "aBAB c".replace(" ", "")[:4] + " c"),
    ],
)
def test_both_cases_match_what_ignoring_case_matches(pattern: str, text: str) -> None:
    plain = without_flags(pattern, ignore_case=True)

    assert plain is not None
    assert bool(re.search(plain, text)) == bool(re.search(pattern, text, re.IGNORECASE))


def test_retries_around_a_pool_become_retries_of_each_target() -> None:
    routing = one_route(
        Retry(Pool((Target("a"), Target("b")), (1.0, 3.0)), 2),
        Deployment("a", "openai", "m", secret="env:K"),
        Deployment("b", "openai", "n", secret="env:K"),
    )

    legal = legalize(routing, PORTKEY_OSS, Report())

    match legal.routes[0].node:
        case Pool(children=(Retry(child=Target("a")), Retry(child=Target("b")))) as pool:
            assert pool.weights == (1.0, 3.0)
        case other:
            pytest.fail(str(other))


def test_a_refusal_keeps_bad_requests_out_of_the_list() -> None:
    assert failures(400).tokens.isdisjoint(as_listed(FALLS).tokens)
    assert "400" in as_listed(FALLS | REFUSALS)
    assert "529" in as_listed(FALLS)


# --- Reading hand-written configurations ----------------------------------------------------------


def read(config: Any, gateway: Gateway = PORTKEY_OSS, report: Report | None = None) -> Parsed:
    found = Report() if report is None else report
    parsed = gateway.parse({"chat.json": json.dumps(config)}, found)
    assert parsed is not None, [str(d) for d in found]
    return parsed


def target(model: str, **more: Any) -> dict[str, Any]:
    return {
        "provider": "openai",
        "api_key": "${K}",
        "override_params": {"model": model},
        **more,
    }


def codes(config: Any, gateway: Gateway = PORTKEY_OSS) -> list[str]:
    report = Report()
    read(config, gateway, report)
    return [found.code for found in report]


def test_a_configuration_without_targets_is_called_config() -> None:
    parsed = read(target("m"))

    (route,) = parsed.routing.routes
    assert (route.name, route.node) == ("chat", Target("config"))
    assert parsed.routing.deployment("config").secret == "env:K"


def test_targets_are_called_by_unique_names_or_else_by_their_path() -> None:
    parsed = read(
        {
            "strategy": {"mode": "fallback"},
            "targets": [
                target("a", name="twice"),
                target("b", name="twice"),
                {"strategy": {"mode": "loadbalance"}, "targets": [target("c", name="once")]},
            ],
        }
    )

    assert [d.id for d in parsed.routing.deployments] == ["targets[0]", "targets[1]", "once"]
    assert parsed.names["targets[2].targets[0]"] == "once"
    assert parsed.names["config.targets[1]"] == "targets[1]"


def test_camel_case_means_the_same() -> None:
    snake = {
        "strategy": {"mode": "fallback", "on_status_codes": [429]},
        "request_timeout": 1500,
        "targets": [target("a"), target("b", custom_host="http://localhost:1/v1")],
    }
    camel = {
        "strategy": {"mode": "fallback", "onStatusCodes": [429]},
        "requestTimeout": 1500,
        "targets": [target("a"), target("b", customHost="http://localhost:1/v1")],
    }

    assert read(snake).routing == read(camel).routing
    assert read(camel).routing.deployment("targets[0]").timeout_s == 1.5


def test_a_target_inherits_and_its_own_retry_replaces_the_whole_of_the_inherited_one() -> None:
    parsed = read(
        {
            "retry": {"attempts": 3, "on_status_codes": [429]},
            "override_params": {"temperature": 0, "model": "x"},
            "strategy": {"mode": "fallback"},
            "targets": [target("a"), target("b", retry={"attempts": 1})],
        }
    )

    first, second = (rung.child for rung in parsed.routing.routes[0].node.rungs)  # type: ignore[union-attr]
    assert first == Retry(Target("targets[0]"), 3, failures(429) | LOST, honours_retry_after=False)
    assert second.retries == 1
    assert "503" in second.on
    assert "529" not in second.on
    assert parsed.routing.deployment("targets[0]").params == (("temperature", 0),)
    assert parsed.routing.deployment("targets[0]").model == "a"


def test_a_fallback_without_codes_moves_on_for_every_bad_status() -> None:
    parsed = read({"strategy": {"mode": "fallback"}, "targets": [target("a"), target("b")]})

    match parsed.routing.routes[0].node:
        case Chain(rungs=(_, Rung(on=on))):
            assert on == EVERY
            assert "401" in on
            assert "malformed" not in on
        case other:
            pytest.fail(str(other))


def test_missing_weights_count_as_one() -> None:
    parsed = read(
        {"strategy": {"mode": "loadbalance"}, "targets": [target("a", weight=3), target("b")]}
    )

    assert parsed.routing.routes[0].node == Pool(
        (Target("targets[0]"), Target("targets[1]")), (3.0, 1.0)
    )


CONDITIONAL = {
    "strategy": {
        "mode": "conditional",
        "conditions": [
            {"query": {"metadata.tier": "gold", "params.x": {"$gte": 1, "$lt": 9}}, "then": "big"},
            {"query": {"$or": [{"url.pathname": {"$regex": "^/v1/e"}}, {}]}, "then": "nobody"},
        ],
        "default": "small",
    },
    "targets": [target("s", name="small"), target("b", name="big"), target("u", name="unused")],
}


def test_a_conditional_is_a_switch() -> None:
    parsed = read(CONDITIONAL)

    every = Condition("", "and", ())
    assert parsed.routing.routes[0].node == Switch(
        (
            Case(
                Condition(
                    "",
                    "and",
                    (
                        Condition("metadata.tier", "eq", "gold"),
                        Condition("params.x", "gte", 1),
                        Condition("params.x", "lt", 9),
                    ),
                ),
                Target("big"),
            ),
            Case(
                Condition("", "or", (Condition("url.pathname", "regex", "^/v1/e"), every)),
                Switch(()),
            ),
        ),
        Target("small"),
    )
    assert parsed.not_analysed == ("targets[2].override_params.model",)
    assert parsed.unmodelled == tuple(
        f"targets[2].{key}" for key in CONDITIONAL["targets"][2] if key != "override_params"
    )


def test_a_condition_that_leads_nowhere_is_found() -> None:
    assert codes(CONDITIONAL) == ["PAR547"]


def test_an_unknown_operator_ends_the_request_where_it_is_reached() -> None:
    config = {
        "strategy": {
            "mode": "conditional",
            "conditions": [
                {
                    "query": {"metadata.a": 1, "metadata.b": {"$exists": True}},
                    "then": "only",
                }
            ],
            "default": "only",
        },
        "targets": [target("m", name="only")],
    }

    parsed = read(config)

    assert codes(config) == ["PAR546"]
    assert parsed.routing.routes[0].node == Switch(
        (Case(Condition("metadata.a", "eq", 1), Switch(())),), Target("only")
    )


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({"strategy": {"mode": "load-balance"}, "targets": [target("a")]}, "PAR542"),
        ({**target("a"), "retry": {"count": 2}}, "PAR542"),
        ({**target("a"), "provider": "@mine"}, "PAR542"),
        ({"provider": "openai", "custom_host": "http://localhost:1/v1"}, "PAR542"),
        ({"strategy": {"mode": "fallback"}, "targets": []}, "PAR544"),
        (
            {"strategy": {"mode": "loadbalance"}, "targets": [target("a", weight=0)]},
            "PAR545",
        ),
        (
            {"strategy": {"mode": "fallback", "on_status_codes": [200]}, "targets": [target("a")]},
            "PAR549",
        ),
        (target("a", on_status_codes=[429]), "PAR550"),
        (target("a", retry={"attempts": 1, "use_retry_after_headers": True}), "PAR551"),
        (target("a", api_key="sk-test"), "PAR553"),
        (
            {
                "strategy": {"mode": "fallback"},
                "targets": [{"retry": {"attempts": 1}}, target("b")],
            },
            "PAR554",
        ),
        (
            target(
                "a",
                input_guardrails=[
                    {"default.regexMatch": {"rule": "(?i)x", "not": True}, "deny": True}
                ],
            ),
            "PAR555",
        ),
        (target("a", input_guardrails=["pg-1"]), "PAR556"),
    ],
)
def test_what_the_gateway_rejects_or_ignores_is_found(config: Any, code: str) -> None:
    assert codes(config) == [code]


def test_an_odd_target_without_a_key_is_accepted_once_it_has_a_retry() -> None:
    keyless = {"provider": "openai", "custom_host": "http://localhost:1/v1"}

    assert codes({**keyless, "retry": {"attempts": 0}}) == []


def test_what_the_model_does_not_cover_is_listed() -> None:
    parsed = read(target("a", cache={"mode": "simple"}, strict_open_ai_compliance=False))

    assert parsed.unmodelled == ("cache.mode", "strict_open_ai_compliance")
    assert parsed.not_analysed == ()
    assert (parsed.settings, parsed.simulated) == (5, 3)


def test_what_nobody_knows_is_not_analysed() -> None:
    parsed = read(
        {**target("a"), "cahce": {"mode": "simple"}, "retry": {"atempts": 2, "attempts": 1}}
    )

    assert parsed.not_analysed == ("cahce.mode", "retry.atempts")
    assert parsed.unmodelled == ()


def test_nothing_of_a_configuration_that_is_rejected_is_simulated() -> None:
    parsed = read({**target("a"), "weight": "1", "mine": 1})

    assert parsed.simulated == 0
    assert parsed.not_analysed == ("override_params.model", "mine")


def test_what_stands_beside_a_saved_configuration_is_not_analysed() -> None:
    parsed = read({"name": "chat", "config": target("a")})

    assert parsed.not_analysed == ("name",)
    assert (parsed.settings, parsed.simulated) == (4, 3)


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda config: {"name": "x", "config": config},
        lambda config: {"config": json.dumps(config)},
        lambda config: {"headers": {"X-Portkey-Config": json.dumps(config)}, "body": {}},
        lambda config: {"x-portkey-config": config},
    ],
)
def test_a_configuration_is_found_in_its_wrapping(wrapped: Any) -> None:
    assert read(wrapped(target("a"))).routing == read(target("a")).routing


def test_several_files_are_several_routes() -> None:
    files = {
        "portkey-oss/a%2Fb/config.json": json.dumps(target("m")),
        "portkey-oss/c/config.json": json.dumps(target("n")),
        "portkey-oss/compose.yaml": "services: {}",
        "portkey-oss/client.py": "print()",
    }

    parsed = PORTKEY_OSS.parse(files, Report())

    assert parsed is not None
    assert [route.name for route in parsed.routing.routes] == ["a/b", "c"]
    assert [d.id for d in parsed.routing.deployments] == ["a/b/config", "c/config"]


@pytest.mark.parametrize(
    ("config", "provider", "slug", "model"),
    [
        ({"provider": "@openai-prod"}, "openai", "openai-prod", ""),
        ({"override_params": {"model": "@azure-1/gpt-4o"}}, "azure", "azure-1", "gpt-4o"),
        ({"virtual_key": "mine"}, "@mine", "mine", ""),
        ({"provider": "anthropic", "virtual_key": "mine"}, "anthropic", "mine", ""),
    ],
)
def test_the_hosted_product_resolves_slugs(
    config: Any, provider: str, slug: str, model: str
) -> None:
    found = read(config, PORTKEY_CLOUD).routing.deployment("config")

    assert (found.provider, dict(found.settings)["slug"], found.model) == (provider, slug, model)


def test_two_accounts_never_share_a_slug() -> None:
    routing = Routing(
        (Route("r", Chain((Rung(Target("r/Azure SE/m")), Rung(Target("r/azure-se/m"), EVERY)))),),
        (Deployment("r/Azure SE/m", "azure", "m"), Deployment("r/azure-se/m", "azure", "m")),
    )

    first, second = legalize(routing, PORTKEY_CLOUD, Report()).deployments

    assert dict(second.settings)["slug"] == "azure-se"
    assert dict(first.settings)["slug"].startswith("azure-se-")


@pytest.mark.parametrize(
    ("config", "gateway"),
    [
        (target("a"), "portkey-oss"),
        ({"strategy": {"mode": "fallback"}, "targets": [{"provider": "@x"}]}, "portkey-cloud"),
        ({"virtual_key": "x"}, "portkey-cloud"),
        ({"model_list": [], "router_settings": {}}, ""),
        ({"messages": []}, ""),
    ],
)
def test_a_configuration_belongs_to_one_product(config: Any, gateway: str) -> None:
    known = [g.name for g in (PORTKEY_OSS, PORTKEY_CLOUD) if g.recognises("x.json", config)]

    assert known == ([gateway] if gateway else [])


# --- What it means when it runs -------------------------------------------------------------------


def traced(config: Any, outcomes: Any, request: Any = None) -> Any:
    script = load_outcomes(
        json.dumps({"request": request or {}, "outcomes": outcomes}), "o.json", Report()
    )
    assert script is not None
    traces = trace(read(config), script, Report())
    assert traces is not None
    return traces[0].as_json()


TWO = {
    "strategy": {"mode": "fallback"},
    "targets": [
        target("a", retry={"attempts": 3, "use_retry_after_header": True}),
        target("b"),
    ],
}


def attempts(said: Any) -> list[tuple[str, float]]:
    return [(one["deployment"], one["at_s"]) for one in said["attempts"]]


def test_retry_after_is_waited_after_the_last_try_as_well() -> None:
    """Attempts 3, each answered 429 with Retry-After 1: the fallback came at 4.07 s."""
    limited = {"status": 429, "headers": {"retry-after": "1"}}

    said = traced(TWO, {"targets[0]": [limited]})

    assert [at for _, at in attempts(said)] == [0, 1, 2, 3, 4]


def test_after_one_obeyed_retry_after_the_other_retries_come_at_once() -> None:
    limited = {"status": 429, "headers": {"retry-after": "1"}}

    said = traced(TWO, {"targets[0]": [limited, {"status": 500}, {"status": 500}, {"status": 200}]})

    assert [at for _, at in attempts(said)] == [0, 1, 1, 1]


def test_a_long_retry_after_skips_the_retries() -> None:
    limited = {"status": 429, "headers": {"retry-after": "60"}}

    said = traced(TWO, {"targets[0]": [limited]})

    assert attempts(said) == [("targets[0]", 0), ("targets[1]", 0)]


def test_a_cut_stream_looks_like_a_whole_answer() -> None:
    cut = {"kind": "cut_stream", "after_chunks": 2}

    said = traced(TWO, {"targets[0]": [cut]}, {"stream": True})

    assert attempts(said) == [("targets[0]", 0)]
    assert (said["final"]["status"], said["final"]["told"]) == (200, False)


def test_an_answer_that_is_not_json_ends_the_request() -> None:
    said = traced(TWO, {"targets[0]": [{"kind": "malformed"}]})

    assert attempts(said) == [("targets[0]", 0)]
    assert said["final"]["status"] == 500


def test_a_denied_request_is_446_and_asks_nobody() -> None:
    rail = {"default.regexMatch": {"rule": "secret", "not": True}, "deny": True, "id": "no"}
    config = {**TWO, "input_guardrails": [rail]}
    said = traced(config, {}, {"messages": [{"role": "user", "content": "the secret"}]})
    passed = traced(
        config,
        {},
        {
            "messages": [
                {"role": "user", "content": "the secret"},
                {"role": "user", "content": "hello"},
            ]
        },
    )

    assert (said["final"]["status"], said["attempts"]) == (446, [])
    assert passed["final"]["status"] == 200


# --- The clients ----------------------------------------------------------------------------------


@contextmanager
def stub() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A gateway that answers everything, and the headers that it was sent."""
    seen: list[dict[str, str]] = []

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            seen.append({name.lower(): value for name, value in self.headers.items()})
            body = json.dumps({"choices": [{"message": {"content": "well"}}]}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def written(folder: Path, texts: Mapping[str, str]) -> Path:
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")
    return folder


def run_client(client: Path, env: Mapping[str, str], *arguments: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, str(client), *arguments],
        env={"PYTHONUTF8": "1", **env},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


ODD = replace(
    one_route(
        Chain((Rung(Target("a")), Rung(Target("日本"), EVERY))),
        Deployment("a", "openai", "m", secret="env:KEY_A", params=(("stop", "${HOME}"),)),
        Deployment("日本", "vertex", "g", secret="env:SA", region="europe-west1"),
    ),
    routes=(
        Route('a "b"/ü', Chain((Rung(Target("a")), Rung(Target("日本"), EVERY)))),
        Route("other", Target("a")),
    ),
)


def test_the_client_fills_secrets_in_and_sends_the_header(tmp_path: Path) -> None:
    folder = written(tmp_path, emitted(PORTKEY_OSS, ODD))
    with stub() as (url, seen):
        env = {"PORTKEY_URL": url, "KEY_A": "secret-a", "SA": '{"project_id": "p"}'}

        code, out, err = run_client(folder / "portkey-oss/client.py", env, 'a "b"/ü', "hello")

    assert (code, out.strip(), err) == (0, "well", "")
    first, second = json.loads(seen[0]["x-portkey-config"])["targets"]
    assert first["api_key"] == "secret-a"
    assert first["override_params"]["stop"] == "${HOME}"
    assert second["vertex_service_account_json"] == {"project_id": "p"}
    assert second["name"] == "日本"


def test_the_client_says_which_variable_is_missing(tmp_path: Path) -> None:
    folder = written(tmp_path, emitted(PORTKEY_OSS, ODD))

    code, _, err = run_client(folder / "portkey-oss/client.py", {}, "other", "hello")

    assert (code, err.strip()) == (2, "set the environment variable KEY_A (api_key)")


def test_the_client_refuses_a_header_that_the_gateway_would(tmp_path: Path) -> None:
    ids = [f"target-{number}" for number in range(120)]
    routing = one_route(
        Chain(tuple(Rung(Target(id_), EVERY if id_ != ids[0] else ANY) for id_ in ids)),
        *(Deployment(id_, "openai", "m" * 60, secret="env:K") for id_ in ids),
    )
    folder = written(tmp_path, emitted(PORTKEY_OSS, routing))

    code, _, err = run_client(folder / "portkey-oss/client.py", {"K": "k"}, "r", "hello")

    assert code == 2
    assert "answers 431" in err


def test_the_client_of_the_hosted_product_sends_its_key(tmp_path: Path) -> None:
    folder = written(tmp_path, emitted(PORTKEY_CLOUD, ODD))
    with stub() as (url, seen):
        env = {"PORTKEY_URL": url, "PORTKEY_API_KEY": "pk"}

        code, out, _ = run_client(folder / "portkey-cloud/client.py", env, "other", "hello")

    assert (code, out.strip()) == (0, "well")
    assert seen[0]["x-portkey-api-key"] == "pk"
    assert json.loads(seen[0]["x-portkey-metadata"]) == {"alias": "other"}
    assert json.loads(seen[0]["x-portkey-config"])["provider"] == "@openai"


def test_the_client_of_the_hosted_product_sends_the_id_of_what_was_saved(tmp_path: Path) -> None:
    routing = replace(ODD, telemetry=Telemetry(prompts="never"))
    folder = written(tmp_path, emitted(PORTKEY_CLOUD, routing)) / "portkey-cloud"
    (folder / "saved.json").write_text(json.dumps({"other": "pc-other-1"}), "utf-8")
    with stub() as (url, seen):
        env = {"PORTKEY_URL": url, "PORTKEY_API_KEY": "pk"}

        code, _, err = run_client(
            folder / "client.py", env, "--metadata", "task=code", "other", "hello"
        )

    assert (code, err) == (0, "")
    assert seen[0]["x-portkey-config"] == "pc-other-1"
    assert seen[0]["x-portkey-debug"] == "false"
    assert json.loads(seen[0]["x-portkey-metadata"]) == {"alias": "other", "task": "code"}


def test_codes_are_read_as_everything_that_shows_as_them() -> None:
    assert failures_of([408, 500]) == failures(408, 500, "timeout", "connect", "reset")
