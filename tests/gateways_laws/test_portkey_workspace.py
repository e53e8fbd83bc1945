"""What both Portkeys make of experiments, caches, money, callers and logs; the files of a workspace."""

import json
import re
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import hcl2
import jsonschema
import pytest
from msgspec.structs import replace

from designer.diagnostics import Report
from designer.emit import render
from designer.gateways.base import Gateway
from designer.gateways.legalize import legalize, take_out
from designer.gateways.portkey_cloud import PORTKEY_CLOUD
from designer.gateways.portkey_config.patterns import without_flags
from designer.gateways.portkey_oss import PORTKEY_OSS
from designer.ir import (
    Arm,
    Budget,
    Cache,
    Case,
    Chain,
    Condition,
    Deployment,
    Guardrail,
    Key,
    Pool,
    Quota,
    RateLimit,
    Retry,
    Route,
    Routing,
    Rung,
    Split,
    Switch,
    Target,
    Team,
    Telemetry,
)
from designer.resources import schema
from tests.golden import assert_golden

both = pytest.mark.parametrize(
    "gateway", [PORTKEY_OSS, PORTKEY_CLOUD], ids=lambda gateway: gateway.name
)

WHOLE = Routing(
    routes=(
        Route(
            "chat",
            Switch(
                (Case(Condition("team.region", "eq", "eu"), Target("chat/azure/gpt")),),
                Split(
                    "new-model",
                    (
                        Arm("old", 0.9, Retry(Target("chat/openai/gpt"), 2)),
                        Arm("new", 0.1, Retry(Target("chat/openai/mini"), 2)),
                    ),
                    by="user",
                ),
            ),
        ),
        Route("nightly", Pool((Target("chat/openai/mini"), Target("chat/azure/gpt")), (0.7, 0.3))),
    ),
    deployments=(
        Deployment("chat/azure/gpt", "azure", "gpt", "https://x.openai.azure.com", "env:AZURE_KEY"),
        Deployment(
            "chat/openai/gpt", "openai", "gpt", None, "env:OPENAI_API_KEY", quota=Quota(rpm=600)
        ),
        Deployment("chat/openai/mini", "openai", "mini", None, "env:OPENAI_API_KEY"),
    ),
    guardrails=(
        Guardrail("pii", "pii", frozenset({"input"}), "redact", ("email", "us_ssn")),
        Guardrail(
            "dose",
            "deny",
            frozenset({"input"}),
            "block",
            pattern="lethal dose",
            ignore_case=True,
            routes=("chat",),
        ),
    ),
    caches=(Cache("semantic", 3600.0, 0.9, ("chat",)),),
    budgets=(
        Budget("all", "", Decimal("8000.5"), "month"),
        Budget("route", "nightly", Decimal(30), "day", 0.8),
        Budget("team", "web", Decimal(3000), "month", 0.8),
    ),
    rate_limits=(RateLimit("team", "web", 600, 400_000),),
    teams=(
        Team("web", (Key("web-prod"), Key("ivr", existing=True)), ("chat",), "eu"),
        Team("ops", (Key("ops"),)),
    ),
    telemetry=Telemetry(frozenset({"otel"}), "always"),
)


def emitted(gateway: Gateway, routing: Routing) -> dict[str, str]:
    legal = legalize(routing, gateway, Report())
    files = (*gateway.lower(legal, {}), *gateway.artefacts(legal, {}, "plan", ()))
    return {file.path: render(gateway.folder, file) for file in files}


def losses(gateway: Gateway, routing: Routing) -> dict[str, tuple[str, bool]]:
    found = take_out(routing, gateway)[1]
    return {lack.feature.name: (lack.instead, lack.refused) for lack, _ in found}


@both
def test_everything_a_profile_can_ask_for_is_emitted_word_for_word(gateway: Gateway) -> None:
    report = Report()
    legalize(WHOLE, gateway, report)

    texts = emitted(gateway, WHOLE) | {"losses.txt": "".join(f"{d}\n" for d in report)}

    assert_golden(f"{gateway.name}/whole", texts)


@both
def test_another_budget_changes_its_own_lines_only(gateway: Gateway) -> None:
    changed = replace(WHOLE.budgets[2], limit_usd=Decimal(4000))
    other = replace(WHOLE, budgets=(*WHOLE.budgets[:2], changed))

    before, after = emitted(gateway, WHOLE), emitted(gateway, other)

    assert before.keys() == after.keys()
    differing = {
        line
        for path in before
        for line in set(before[path].splitlines()) ^ set(after[path].splitlines())
    }
    assert all("credit_limit" in line or "alert_threshold" in line for line in differing)


# --- The open-source gateway ----------------------------------------------------------------------


def test_a_teams_region_is_refused_where_the_caller_names_its_own_team() -> None:
    instead, refused = losses(PORTKEY_OSS, WHOLE)["keeping a team's requests within its region"]

    assert refused
    assert "wherever the main chain leads" in instead


def test_a_refusing_budget_that_nothing_enforces_is_said_loudly() -> None:
    lost = losses(PORTKEY_OSS, WHOLE)
    mild = replace(WHOLE, budgets=(replace(WHOLE.budgets[0], refuses=False),))

    assert lost["refusing requests once a budget is spent"][0].startswith("NOTHING STOPS")
    assert "refusing requests once a budget is spent" not in losses(PORTKEY_OSS, mild)
    assert lost["budgets"][1] is False


PATTERNS: list[tuple[str, bool, list[str], list[str]]] = [
    (
        "lethal dose",
        True,
        ["a LETHAL Dose", "lethal dose"],
        ["lethal doses".replace("dose", "pill")],
    ),
    (r"\bcase-\d{4}\b", False, ["see case-1234."], ["case-12", "CASE-1234"]),
    ("[a-f]x|straße", True, ["CX", "Straße"], ["gx", "strasse"]),
    (r"(?:ab)+c$", True, ["xABabC"], ["abcd"]),
    ("(?i)gold", False, ["GOLD"], ["old"]),
    (r"https?://[^\s/]+\.example", True, ["HTTPS://A.EXAMPLE/x"], ["ftp://a.example"]),
]


def test_javascript_denies_what_the_examples_of_a_rule_say() -> None:
    node = shutil.which("node")
    assert node, "the gateways of these tests need Node.js as well"
    rules = [(without_flags(pattern, fold), block, let) for pattern, fold, block, let in PATTERNS]
    script = (
        "const rules = JSON.parse(require('fs').readFileSync(0, 'utf8'));"
        "console.log(JSON.stringify(rules.map(([rule, block, pass]) =>"
        " [block, pass].map(texts => texts.map(text => new RegExp(rule).test(text))))))"
    )

    done = subprocess.run(
        [node, "-e", script], input=json.dumps(rules), capture_output=True, text=True, check=True
    )

    for (pattern, _, block, let), (denied, passed) in zip(
        PATTERNS, json.loads(done.stdout), strict=True
    ):
        assert (denied, passed) == ([True] * len(block), [False] * len(let)), pattern
    for rule, block, let in rules:
        assert rule is not None
        assert all(re.search(rule, text) for text in block)
        assert not any(re.search(rule, text) for text in let)


# --- The hosted product ---------------------------------------------------------------------------


def one(routing: Routing, name: str) -> Any:
    return json.loads(emitted(PORTKEY_CLOUD, routing)[f"portkey-cloud/{name}"])


def test_a_caller_keeps_to_one_arm_by_what_the_request_says() -> None:
    strategy = one(WHOLE, "chat/config.json")["targets"][1]["strategy"]

    assert strategy["sticky"] == {
        "enabled": True,
        "hash_fields": ["metadata._user"],
        "ttl": 2_592_000,
    }


def test_sticky_users_keep_to_the_target_they_drew() -> None:
    routes = (replace(WHOLE.routes[1], sticky="user"),)
    routing = Routing(routes, WHOLE.deployments)

    strategy = one(routing, "nightly/config.json")["strategy"]

    assert strategy["sticky"]["hash_fields"] == ["metadata._user"]
    assert "keeping a caller on one deployment" not in losses(PORTKEY_CLOUD, routing)


def test_a_chain_needs_no_stickiness() -> None:
    chain = Chain((Rung(Target("chat/azure/gpt")), Rung(Target("chat/openai/gpt"))))
    routing = Routing((Route("r", chain, sticky="user"),), WHOLE.deployments)

    assert "sticky" not in json.dumps(one(routing, "r/config.json"))


def test_what_must_not_be_logged_is_not_cached_either() -> None:
    silent = replace(WHOLE, telemetry=Telemetry(prompts="never"))

    assert one(silent, "headers.json") == {"x-portkey-debug": "false"}
    assert "cache" not in one(silent, "chat/config.json")
    assert (
        "turns the cache off"
        in losses(PORTKEY_CLOUD, silent)["a cache where no text may be logged"][0]
    )
    assert one(WHOLE, "chat/config.json")["cache"] == {"mode": "semantic", "max_age": 3600}
    assert "portkey-cloud/headers.json" not in emitted(PORTKEY_CLOUD, WHOLE)


def test_ibans_are_left_to_a_guardrail_that_somebody_saves() -> None:
    rail = replace(WHOLE.guardrails[0], entities=("email", "iban"))

    texts = emitted(PORTKEY_CLOUD, replace(WHOLE, guardrails=(rail,)))

    assert "portkey-cloud/guardrails.json" not in texts
    assert json.loads(texts["portkey-cloud/chat/config.json"])["input_guardrails"] == ["pii"]


@pytest.mark.parametrize(
    ("budget", "written"),
    [
        (Budget("team", "t", Decimal("0.01"), "month"), {"credit_limit": 1}),
        (Budget("team", "t", Decimal("99.9"), "week"), {"credit_limit": 99}),
        (Budget("team", "t", Decimal(2), "hour"), {"credit_limit": 48, "periodic_reset_days": 1}),
        (Budget("team", "t", Decimal(9), "year"), {"periodic_reset_days": 365}),
        (Budget("team", "t", Decimal(3), "day", 0.85), {"alert_threshold": 2.55}),
    ],
)
def test_money_is_counted_as_the_product_can(budget: Budget, written: dict[str, Any]) -> None:
    (policy,) = one(replace(WHOLE, budgets=(budget,)), "limits.json")["usage_limits"]

    assert {key: policy[key] for key in written} == written


def test_a_budget_that_only_tells_is_left_out_because_a_limit_refuses() -> None:
    mild = replace(WHOLE, budgets=(replace(WHOLE.budgets[0], refuses=False),))

    assert one(mild, "limits.json")["usage_limits"] == []
    assert "412" in losses(PORTKEY_CLOUD, mild)["a budget that refuses nothing"][0]


def test_lint_takes_no_file_of_the_workspace_for_a_configuration(tmp_path: Path) -> None:
    for path, text in emitted(PORTKEY_CLOUD, WHOLE).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, "utf-8")

    done = subprocess.run(
        [sys.executable, "-m", "designer", "lint", str(tmp_path / "portkey-cloud")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert "0 not analysed" in done.stdout + done.stderr
    assert "warning" not in done.stdout.replace("0 warnings", "")


def test_strange_limits_are_listed_and_not_guessed_at() -> None:
    texts = emitted(PORTKEY_CLOUD, WHOLE)
    limits = json.loads(texts["portkey-cloud/limits.json"])
    limits["usage_limits"] = [{"type": "tokens"}, None, *limits["usage_limits"]]
    limits["teams"][0]["metadata"] = {"team_name": "another"}
    files = texts | {"portkey-cloud/limits.json": json.dumps(limits)}

    parsed = PORTKEY_CLOUD.parse(files, Report())

    assert parsed is not None
    assert [team.name for team in parsed.routing.teams] == ["ops"]
    assert len(parsed.routing.budgets) == 3
    found = [path for path in parsed.not_analysed if "limits.json" in path]
    assert {re.split(r"(?<=\])", path)[0] for path in found} == {
        "portkey-cloud/limits.json: teams[0]",
        "portkey-cloud/limits.json: usage_limits[0]",
        "portkey-cloud/limits.json: usage_limits[1]",
    }


@pytest.mark.parametrize(
    "text", ["[]", "{", "null", '{"guardrails": [1, {"name": "pii", "checks": [], "actions": {}}]}']
)
def test_a_broken_file_beside_configurations_never_breaks_reading(text: str) -> None:
    texts = emitted(PORTKEY_CLOUD, WHOLE)
    for name in ("guardrails.json", "limits.json", "headers.json"):
        parsed = PORTKEY_CLOUD.parse(texts | {f"portkey-cloud/{name}": text}, Report())

        assert parsed is not None
        assert [route.name for route in parsed.routing.routes] == ["chat", "nightly"]


# --- Terraform ------------------------------------------------------------------------------------

ATTRIBUTES = {
    "portkey_config": {"config", "name", "is_default", "workspace_id"},
    "portkey_guardrail": {"actions", "checks", "name", "workspace_id"},
    "portkey_api_key": {
        *("name", "type", "sub_type", "alert_emails", "description", "metadata", "rate_limits"),
        *("scopes", "usage_limits", "user_id", "workspace_id"),
    },
    "portkey_usage_limits_policy": {
        *("conditions", "credit_limit", "group_by", "type", "workspace_id", "alert_threshold"),
        *("name", "periodic_reset", "periodic_reset_days"),
    },
    "portkey_rate_limits_policy": {
        *("conditions", "group_by", "type", "unit", "value", "workspace_id", "name"),
    },
}
"""What may be set: docs/resources of Portkey-AI/terraform-provider-portkey, read 2026-11-24."""
REQUIRED = {
    "portkey_config": {"config", "name"},
    "portkey_guardrail": {"actions", "checks", "name", "workspace_id"},
    "portkey_api_key": {"name", "type", "sub_type"},
    "portkey_usage_limits_policy": {
        "conditions",
        "credit_limit",
        "group_by",
        "type",
        "workspace_id",
    },
    "portkey_rate_limits_policy": {"conditions", "group_by", "type", "unit", "value"},
}
READ_ONLY = {"slug", "key"}


def resources(text: str) -> dict[str, dict[str, Any]]:
    """By type; names come with their quotes from some versions of the parser."""
    found = {}
    for block in hcl2.loads(text).get("resource", []):
        for kind, named in block.items():
            for body in named.values():
                found[kind.strip('"')] = body
    return found


ODD = replace(
    WHOLE,
    routes=(*WHOLE.routes, Route('a "${b}" %{c} \\\b\u2028', Target("chat/azure/gpt"))),
)


@pytest.mark.parametrize("routing", [WHOLE, ODD, Routing(WHOLE.routes[1:], WHOLE.deployments)])
def test_terraform_can_read_every_attribute(routing: Routing) -> None:
    text = emitted(PORTKEY_CLOUD, routing)["portkey-cloud/main.tf"]

    for kind, body in resources(text).items():
        said = {key for key in body if not key.startswith("__")} - {"for_each"}
        assert said <= ATTRIBUTES[kind], kind
        assert said >= REQUIRED[kind], kind
    references = re.findall(r"(portkey_\w+)\.\w+(?:\[name\])?\.?(\w*)", text)
    assert {kind for kind, _ in references} <= set(resources(text))


def test_terraform_makes_what_the_plan_needs_and_nothing_else() -> None:
    plain = Routing(WHOLE.routes[1:], WHOLE.deployments)

    assert set(resources(emitted(PORTKEY_CLOUD, plain)["portkey-cloud/main.tf"])) == {
        "portkey_config"
    }
    assert set(resources(emitted(PORTKEY_CLOUD, WHOLE)["portkey-cloud/main.tf"])) == set(ATTRIBUTES)


def test_a_route_cannot_break_out_of_its_string() -> None:
    text = emitted(PORTKEY_CLOUD, ODD)["portkey-cloud/main.tf"]

    assert '"a \\"$${b}\\" %%{c} \\\\\\u0008\u2028"' in text


def test_what_a_saved_configuration_needs_is_by_the_schemas() -> None:
    for name in ("guardrails", "limits"):
        jsonschema.validate(one(WHOLE, f"{name}.json"), json.loads(schema(f"portkey-cloud-{name}")))
