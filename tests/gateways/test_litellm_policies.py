"""What a LiteLLM configuration says beside its routes, observed to act on the real proxy without a database.

One boot for all: a hit in the cache, quotas, a route's money, a kept session, a guardrail of some routes,
parameters on the wire. Bodies for teams and keys are checked against the proxy's own OpenAPI.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from msgspec import Struct

from designer.catalog import load_catalog
from designer.compiler import Options, compile_profile
from designer.diagnostics import Report
from designer.emit import render
from designer.gateways.base import Terms
from designer.gateways.legalize import legalize
from designer.gateways.litellm import LITELLM
from designer.ir import (
    Arm,
    Budget,
    Cache,
    Chain,
    Cooldown,
    Deployment,
    Guardrail,
    Quota,
    Route,
    Routing,
    Rung,
    Split,
    Target,
)
from designer.planner.lock import Lock
from designer.profile.load import load_profile
from tests.gateways.asking import ask_litellm
from tests.gateways.processes import MASTER_KEY, NO_WAITS, RunningGateway, installed, litellm_proxy
from tests.gateways.upstream import Outcome, Upstream, running_upstream
from tests.gateways_laws.litellm_admin import apply_teams, running_admin
from tests.gateways_laws.test_litellm_policies import legal, organisation, texts
from tests.snippets import run, snippets

pytestmark = pytest.mark.gateway

CHAINS = {
    "cached": ("a",),
    "brief": ("a",),
    "fresh": ("a",),
    "limited": ("a", "b"),
    "alone": ("a",),
    "crowded": ("a", "b"),
    "paid": ("a", "b"),
    "guarded": ("a",),
    "free": ("a",),
}
PRICE = Terms("gpt-4o-mini", Decimal(1000), Decimal(2000))
"""A call of 10 and 5 tokens costs 0.02 USD."""


def wish(upstream: Upstream) -> Routing:
    quotas = {
        "limited/a": Quota(rpm=3),
        "alone/a": Quota(rpm=2),
        "crowded/a": Quota(parallel=1),
        "split/a": Quota(rpm=1000),  # far from 1 to 9, so that it would show as a weight
        "split/b": Quota(rpm=9000),
    }

    def deployment(route: str, letter: str) -> Deployment:
        return Deployment(
            f"{route}/{letter}",
            "openai",
            f"model-{letter}",
            api_base=upstream.url(f"{route}-{letter}"),
            secret="env:KEY",
            params=(("max_tokens", 7), ("seed", 4), ("stop", ("END",)), ("temperature", 0.5)),
            cooldown=Cooldown(30.0, 1),
            quota=quotas.get(f"{route}/{letter}"),
        )

    routes = [
        Route(name, Chain(tuple(Rung(Target(f"{name}/{letter}")) for letter in letters)))
        for name, letters in CHAINS.items()
    ]
    arms = (Arm("old", 0.9, Target("split/a")), Arm("new", 0.1, Target("split/b")))
    routes.append(Route("split", Split("new-model", arms, "user")))
    ids = [(name, letter) for name, letters in CHAINS.items() for letter in letters]
    ids += [("split", "a"), ("split", "b")]
    return Routing(
        tuple(routes),
        tuple(deployment(*id_) for id_ in ids),
        (
            Guardrail(
                "pii",
                "pii",
                frozenset({"input", "output"}),
                "redact",
                ("email",),
                routes=("guarded",),
            ),
            Guardrail("dosage", "deny", frozenset({"input", "output"}), "block", pattern="lethal"),
        ),
        aliases=(("guarded-too", "guarded"),),
        caches=(Cache("exact", 60.0, routes=("cached",)), Cache("exact", 1.0, routes=("brief",))),
        budgets=(Budget("route", "paid", Decimal("0.03"), "day"),),
    )


class Booted(Struct, frozen=True):
    gateway: RunningGateway
    upstream: Upstream

    def ask(self, model: str, text: str = "hello", **body: Any) -> httpx.Response:
        said = {"messages": [{"role": "user", "content": text}]} | body
        return ask_litellm(self.gateway, model, **said)

    def calls(self, label: str) -> list[dict[str, Any]]:
        return [a.body for a in self.upstream.attempts if a.label == label]


@pytest.fixture(scope="module")
def booted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Booted]:
    config = tmp_path_factory.mktemp("policies") / "config.yaml"
    with running_upstream() as upstream:
        routing = legalize(wish(upstream), LITELLM, Report())
        (file,) = LITELLM.lower(routing, {d.id: PRICE for d in routing.deployments})
        config.write_text(render(LITELLM.folder, file), "utf-8")
        with litellm_proxy(config, NO_WAITS | {"KEY": "key"}) as gateway:
            yield Booted(gateway, upstream)


def served_by(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    return answer.headers["x-litellm-model-id"]


# --- Caches ---------------------------------------------------------------------------------------


def test_the_same_request_is_answered_from_the_cache_of_its_route_alone(booted: Booted) -> None:
    for route in ("cached", "fresh"):
        for _ in range(3):
            assert booted.ask(route).status_code == 200

    assert (len(booted.calls("cached-a")), len(booted.calls("fresh-a"))) == (1, 3)


def test_a_route_with_a_shorter_time_forgets_sooner(booted: Booted) -> None:
    for _ in range(2):
        booted.ask("brief")
    assert len(booted.calls("brief-a")) == 1
    time.sleep(1.5)
    booted.ask("brief")

    assert len(booted.calls("brief-a")) == 2


def test_nothing_of_the_caches_or_guardrails_reaches_the_provider(booted: Booted) -> None:
    booted.ask("guarded", "plain")

    (body, *_) = booted.calls("guarded-a")
    assert set(body) == {"model", "messages", "max_tokens", "temperature", "seed", "stop"}
    assert (body["max_tokens"], body["stop"], body["temperature"]) == (7, ["END"], 0.5)


# --- Quotas ---------------------------------------------------------------------------------------


def test_beyond_its_requests_a_minute_the_next_level_is_asked(booted: Booted) -> None:
    within_a_minute()

    served = [served_by(booted.ask("limited", f"call {n}")) for n in range(6)]

    assert served == ["limited/a"] * 3 + ["limited/b"] * 3


def test_beyond_them_the_only_deployment_is_refused(booted: Booted) -> None:
    within_a_minute()

    statuses = [booted.ask("alone", f"call {n}").status_code for n in range(4)]

    assert statuses == [200, 200, 429, 429]


def within_a_minute() -> None:
    """The limit is counted by the minute of the clock."""
    if time.gmtime().tm_sec > 45:
        time.sleep(61 - time.gmtime().tm_sec)


def test_one_more_at_the_same_time_goes_to_the_next_level(booted: Booted) -> None:
    for letter in "ab":
        booted.upstream.script(f"crowded-{letter}", Outcome(delay_s=1.0))
    with ThreadPoolExecutor(3) as pool:
        served = Counter(
            map(served_by, pool.map(lambda n: booted.ask("crowded", f"{n}"), range(3)))
        )

    assert served == {"crowded/a": 1, "crowded/b": 2}


# --- Money ----------------------------------------------------------------------------------------


def test_a_deployment_that_has_spent_its_budget_is_passed_over_and_then_refused(
    booted: Booted,
) -> None:
    served = []
    for number in range(6):
        answer = booted.ask("paid", f"call {number}")
        served.append(answer.headers.get("x-litellm-model-id") or answer.status_code)
        time.sleep(0.4)  # what a call cost is counted after it

    assert served[:4] == ["paid/a", "paid/a", "paid/b", "paid/b"]
    assert served[4:] == [429, 429]


# --- Experiments ----------------------------------------------------------------------------------


def test_an_experiment_splits_by_its_shares_and_not_by_quotas(booted: Booted) -> None:
    served = Counter(served_by(booted.ask("split", f"call {n}")) for n in range(100))

    assert 78 <= served["split/a"] <= 99  # 3.9 standard deviations


def test_a_session_keeps_to_its_arm(booted: Booted) -> None:
    for session in range(8):
        metadata = {"session_id": f"caller {session}"}
        served = {
            served_by(booted.ask("split", f"{session} {n}", metadata=metadata)) for n in range(5)
        }
        assert len(served) == 1


# --- Guardrails -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["guarded", "guarded-too"])
def test_a_guardrail_runs_for_its_route_by_every_name(booted: Booted, name: str) -> None:
    booted.upstream.script("guarded-a", Outcome(text="write to jo@example.com"))

    plain = booted.ask(name, f"{name}: mail jo@example.com")
    streamed = booted.ask(name, f"{name}: again jo@example.com", stream=True)

    assert "jo@" not in json.dumps(booted.calls("guarded-a"))
    assert "jo@" not in plain.text
    assert "jo@" not in streamed.text
    assert "pii" in plain.headers["x-litellm-applied-guardrails"]


def test_a_guardrail_of_one_route_leaves_the_others_alone(booted: Booted) -> None:
    booted.ask("free", "mail jo@example.com")

    assert "jo@example.com" in json.dumps(booted.calls("free-a"))


def test_what_is_denied_is_denied_in_answers_too(booted: Booted) -> None:
    booted.upstream.script("free-a", Outcome(text="a lethal dose"))

    asked = booted.ask("free", "is it lethal?")
    answered = booted.ask("free", "how much?")

    assert (asked.status_code, answered.status_code) == (400, 400)
    assert "dosage" in answered.text


# --- Teams ----------------------------------------------------------------------------------------

_OPENAPI = "import json, sys; from litellm.proxy.proxy_server import app; json.dump(app.openapi(), sys.stdout)"
_BODY_OF = {
    "/team/new": "NewTeamRequest",
    "/team/update": "UpdateTeamRequest",
    "/key/generate": "GenerateKeyRequest",
    "/key/update": "UpdateKeyRequest",
}


@pytest.fixture(scope="module")
def openapi() -> dict[str, Any]:
    """Of the installed proxy, which describes itself without being started."""
    python = Path(installed("litellm").program[0])
    done = subprocess.run(
        [python, "-c", _OPENAPI],
        env={"LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{") :])
    return found


def test_every_request_of_the_script_is_one_that_the_proxy_knows(
    openapi: dict[str, Any], tmp_path: Path
) -> None:
    for path, text in texts(legal(organisation())).items():
        if "team" in path:
            (tmp_path / Path(path).name).write_text(text, "utf-8")

    def check(path: str, body: dict[str, Any]) -> None:
        assert "post" in openapi["paths"][path]
        name = _BODY_OF[path]
        schema = {"$ref": f"#/components/schemas/{name}", "components": openapi["components"]}
        jsonschema.Draft202012Validator(schema).validate(body)
        assert body.keys() <= openapi["components"]["schemas"][name]["properties"].keys()

    with running_admin() as admin:
        admin.check = check
        admin.keys.append({"token": "hash-of-old", "key_alias": "web-old", "team_id": None})
        assert apply_teams(tmp_path, admin, "--apply").returncode == 0
        admin.teams[0]["rpm_limit"] = 1
        assert apply_teams(tmp_path, admin, "--apply").returncode == 0
        assert {path for path, _ in admin.changes} == set(_BODY_OF)

    asked = {p["name"] for p in openapi["paths"]["/key/list"]["get"]["parameters"]}
    assert {"key_alias", "return_full_object"} <= asked
    assert "get" in openapi["paths"]["/team/list"]


# --- Clients --------------------------------------------------------------------------------------

PROFILE = """
version: 1
name: p
gateway: {{use: litellm}}
workloads: [{{alias: chat, task: chat, availability: 90%}}]
providers:
  - {{name: vllm, as: gpu, api_base: "{base}", cost: 9 USD/hour, models: {{qwen3-coder: {{context: 131k}}}}}}
"""


def test_the_snippets_for_application_teams_run(tmp_path: Path) -> None:
    with running_upstream() as upstream:
        report = Report()
        loaded = load_profile("p.yaml", PROFILE.format(base=upstream.url("a")), report=report)
        assert loaded is not None, [str(finding) for finding in report]
        plan = compile_profile(loaded, load_catalog(), Lock(), Options(), report)
        assert plan is not None, [str(finding) for finding in report]
        config = tmp_path / "config.yaml"
        config.write_text(plan.texts["litellm/config.yaml"], "utf-8")
        found = snippets(plan.texts["CLIENT.md"])
        with litellm_proxy(config, NO_WAITS | {"LITELLM_MASTER_KEY": MASTER_KEY}) as gateway:
            told = {"GATEWAY_URL": gateway.base_url, "GATEWAY_KEY": MASTER_KEY}
            said = [run(snippet, tmp_path, told) for snippet in found]

    assert sum(snippet.asks_messages for snippet in found) == 1
    assert len(said) == 4
    assert all("a" in text for text in said), said
    assert len(upstream.attempts) == 4
