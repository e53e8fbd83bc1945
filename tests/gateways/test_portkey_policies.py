"""What the open-source gateway honours of a profile beside its chains, seen at the provider's side."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from designer.catalog import load_catalog
from designer.compiler import Options, compile_profile
from designer.diagnostics import Report
from designer.gateways.portkey_oss import PORTKEY_OSS
from designer.gateways.portkey_oss.lacks import POLICIES
from designer.ir import Arm, Case, Condition, Deployment, Ref, Route, Routing, Split, Switch, Target
from designer.planner.lock import Lock
from designer.profile.load import load_profile
from tests.gateways.asking import ask_portkey
from tests.gateways.processes import RunningGateway
from tests.gateways.test_portkey_emitted import configuration, emitted, run_client
from tests.gateways.upstream import Outcome, Upstream
from tests.snippets import run, snippets

pytestmark = pytest.mark.gateway


def deployment(upstream: Upstream, label: str, **more: Any) -> Deployment:
    return Deployment(label, "openai", f"m-{label}", upstream.url(label), "env:KEY_A", **more)


def experiment(upstream: Upstream, share: float, by: str) -> Routing:
    arms = (Arm("old", share, Target("a")), Arm("new", 1 - share, Target("b")))
    deployments = (deployment(upstream, "a"), deployment(upstream, "b"))
    return Routing((Route("r", Split("trial", arms, by)),), deployments)


def ask_often(gateway: RunningGateway, upstream: Upstream, config: Any, times: int) -> Counter[str]:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: ask_portkey(gateway, config, user="u"), range(times)))
    assert {answer.status_code for answer in answers} == {200}
    return Counter(upstream.labels())


def test_an_experiment_divides_requests_by_its_shares(
    portkey: RunningGateway, upstream: Upstream
) -> None:
    config = configuration(experiment(upstream, 0.9, "request"))[1]

    asked = ask_often(portkey, upstream, config, 300)

    assert 4 <= asked["b"] <= 56, asked  # five standard deviations around 30


def test_a_caller_does_not_keep_to_one_arm(portkey: RunningGateway, upstream: Upstream) -> None:
    config = configuration(experiment(upstream, 0.5, "user"))[1]

    asked = ask_often(portkey, upstream, config, 60)

    assert set(asked) == {"a", "b"}
    assert any("each request draws its arm" in lack.instead for lack in POLICIES)


def test_the_client_names_the_task_and_the_gateway_takes_its_route(
    portkey: RunningGateway, upstream: Upstream, tmp_path: Path
) -> None:
    routing = Routing(
        (
            Route("chat", Target("a")),
            Route("code", Target("b")),
            Route(
                "any", Switch((Case(Condition("task", "eq", "code"), Ref("code")),), Ref("chat"))
            ),
        ),
        (deployment(upstream, "a"), deployment(upstream, "b")),
    )
    for path, text in emitted(routing).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, "utf-8")

    coding = run_client(tmp_path, portkey.base_url, "--metadata", "task=code", "any", "hello")
    chatting = run_client(tmp_path, portkey.base_url, "any", "hello")

    assert (coding.stdout.strip(), chatting.stdout.strip()) == ("b", "a"), coding.stderr


def test_parameters_of_the_profile_replace_the_callers(
    portkey: RunningGateway, upstream: Upstream
) -> None:
    forced = deployment(upstream, "a", params=(("max_tokens", 800), ("temperature", 0.2)))
    config = configuration(Routing((Route("r", Target("a")),), (forced,)))[1]

    ask_portkey(portkey, config, max_tokens=9000, temperature=1, seed=7)

    (attempt,) = upstream.attempts
    said = {key: attempt.body[key] for key in ("model", "max_tokens", "temperature", "seed")}
    assert said == {"model": "m-a", "max_tokens": 800, "temperature": 0.2, "seed": 7}


def test_a_cache_that_a_configuration_asks_for_keeps_nothing(
    portkey: RunningGateway, upstream: Upstream
) -> None:
    config = configuration(Routing((Route("r", Target("a")),), (deployment(upstream, "a"),)))[1]
    config["cache"] = {"mode": "simple", "max_age": 3_600_000}

    answers = [ask_portkey(portkey, config) for _ in range(2)]

    assert {answer.headers["x-portkey-cache-status"] for answer in answers} == {"DISABLED"}
    assert upstream.labels() == ["a", "a"]


def test_a_condition_on_the_callers_team_reads_what_the_client_says(
    portkey: RunningGateway, upstream: Upstream, tmp_path: Path
) -> None:
    when = Condition("team.name", "eq", "web")
    routing = Routing(
        (Route("r", Switch((Case(when, Target("b")),), Target("a"))),),
        (deployment(upstream, "a"), deployment(upstream, "b")),
    )
    for path, text in emitted(routing).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, "utf-8")

    done = run_client(tmp_path, portkey.base_url, "--metadata", "team_name=web", "r", "hello")

    assert done.stdout.strip() == "b", done.stderr
    text = (tmp_path / "portkey-oss/r/config.json").read_text("utf-8")
    assert "metadata.team_name" in text
    assert PORTKEY_OSS.recognises("portkey-oss/r/config.json", json.loads(text))


PROFILE = """
version: 1
name: p
gateway: {{use: portkey-oss}}
workloads: [{{alias: r, task: {task}, availability: 90%}}]
providers: [{{name: openai, api_base: "{base}"}}]
"""
VECTORS = {
    "object": "list",
    "model": "m",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}],
    "usage": {"prompt_tokens": 1, "total_tokens": 1},
}


@pytest.mark.parametrize("task", ["chat", "embed"])
def test_the_snippets_for_application_teams_run(
    portkey: RunningGateway, upstream: Upstream, tmp_path: Path, task: str
) -> None:
    report = Report()
    text = PROFILE.format(base=upstream.url("a"), task=task)
    loaded = load_profile("p.yaml", text, report=report)
    assert loaded is not None, [str(finding) for finding in report]
    plan = compile_profile(loaded, load_catalog(), Lock(), Options(), report)
    assert plan is not None, [str(finding) for finding in report]
    for path, text in plan.texts.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, "utf-8")
    found = snippets(plan.texts["CLIENT.md"])
    if task == "embed":
        upstream.script("a", Outcome(body=VECTORS))

    told = {"GATEWAY_URL": portkey.base_url, "OPENAI_API_KEY": "key"}
    said = [run(s, tmp_path / "portkey-oss", told) for s in found]

    assert len(said) == {"chat": 3, "embed": 2}[task]
    assert all(said), said
    assert {attempt.label for attempt in upstream.attempts} == {"a"}
    assert len(upstream.attempts) == len(said)
