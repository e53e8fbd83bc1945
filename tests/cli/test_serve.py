"""`designer serve --stub-only`: a scenario's faults, over HTTP, for any gateway."""

from decimal import Decimal
from pathlib import Path

import pytest

from designer import resources
from designer.cli import run
from designer.cli.stubbed import stub_faults, unplayed
from designer.diagnostics import Report
from designer.load import load_config
from designer.simulate import BUILTIN, builtin_scenario, load_scenario
from runtime.stub import Labels, StubServer

CONFIG = """\
model_list:
  - {model_name: chat, litellm_params: {model: openai/gpt-5.4, api_key: os.environ/A, order: 1}}
  - {model_name: chat, litellm_params: {model: anthropic/claude-haiku-4-5, api_key: os.environ/B, order: 2}}
"""
SCENARIO = """\
version: 1
name: mine
traffic: {rate: 1/s, for: 10m}
faults:
  - {target: {provider: openai}, from: 1m, to: 3m, kind: http, status: 503}
  - {target: {provider: anthropic}, kind: rate_limit, retry_after: 2s, share: 40%}
  - {target: {provider: anthropic}, kind: latency, factor: 5}
  - {target: {route: chat}, kind: down}
"""


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> str:
    (tmp_path / "config.yaml").write_text(CONFIG)
    return str(tmp_path / "config.yaml")


def _stub(path: str, text: str) -> tuple[StubServer, _Clock, list[str]]:
    report = Report()
    config, scenario = load_config(path, report), load_scenario(text, "mine.yaml", report)
    assert config is not None
    assert scenario is not None
    deployments = config.parsed.routing.deployments
    clock = _Clock()
    labels = {d.id: Labels(d.provider, d.model) for d in deployments}
    stub = StubServer(deployments=labels, clock=clock)
    for fault, after_s in stub_faults(config, scenario, report):
        stub.add_fault(fault, after_s)
    return stub, clock, [d.id for d in deployments]


def test_a_fault_is_on_between_its_times_and_only_where_it_strikes(path: str) -> None:
    stub, clock, (first, _) = _stub(path, SCENARIO)

    def meets(at: float) -> list[int | None]:
        clock.now = at
        met = stub.faults.befalling(first, "openai", "gpt-5.4", at)
        return [f.status for f in met if f.kind == "http"]

    assert [meets(at) for at in (0, 59, 60, 179, 180)] == [[], [], [503], [503], []]


def test_a_share_a_wait_and_a_delay_are_kept(path: str) -> None:
    stub, _, (_, second) = _stub(path, SCENARIO)

    met = [stub.faults.befalling(second, "anthropic", "x", 1.0) for _ in range(10)]

    limits = [f for faults in met for f in faults if f.kind == "rate_limit"]
    assert len(limits) == 4
    assert {f.headers["retry-after"] for f in limits} == {"2"}
    assert all(any(f.kind == "latency" and f.delay_s > 1 for f in faults) for faults in met)


def test_what_is_no_providers_fault_is_told() -> None:
    scenario = load_scenario(SCENARIO, "mine.yaml", Report())

    assert scenario is not None
    assert unplayed(scenario) == ["route chat"]


@pytest.mark.parametrize("name", sorted(set(BUILTIN) - {"guardrail-down", "black-friday"}))
def test_every_scenario_that_comes_along_strikes_a_stub(path: str, name: str) -> None:
    report = Report()
    config, scenario = load_config(path, report), builtin_scenario(name, report)

    assert config is not None
    assert scenario is not None
    assert stub_faults(config, scenario, report)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["config.yaml", "--scenario", "brownout"], "add --stub or --stub-only"),
        (["--stub"], "CONFIG is missing"),
        (["--stub-only", "--scenario", "brownout"], "CONFIG is missing"),
        (["config.yaml", "--stub", "--workers", "2"], "leave out --workers"),
    ],
)
def test_options_that_do_not_go_together_are_told(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["serve", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_the_runtime_keeps_the_budgets_that_its_gateway_has_no_word_for(tmp_path: Path) -> None:
    from designer.cli.serving import max_request_usd, with_its_limits

    profile = resources.example("eu-support")
    (tmp_path / "p.yaml").write_text(profile, encoding="utf-8")
    assert run(["plan", str(tmp_path / "p.yaml"), "-o", str(tmp_path / "out")]) == 0

    config = load_config(str(tmp_path / "out"), Report())

    assert config is not None
    assert config.parsed.routing.budgets == ()
    assert [(b.scope, b.per, b.limit_usd) for b in with_its_limits(config).budgets] == [
        ("all", "month", 6000)
    ]
    assert max_request_usd(config) == Decimal("0.05")


def test_a_time_zone_that_is_none_is_exit_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["serve", "x.yaml", "--zone", "Mars/Olympus"]) == 2
    assert "there is no time zone 'Mars/Olympus'" in capsys.readouterr().err
