"""`designer simulate --against` the real gateways: one scenario, two worlds, request by request."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from designer.cli import run
from designer.cli.worlds import Bounds, against
from designer.conform.worlds import Played, as_text
from designer.diagnostics import Report
from designer.load import load_config
from designer.simulate import load_scenario

pytestmark = pytest.mark.gateway

GATEWAYS = Path(__file__).parents[2] / ".gateways"
POOL = [("pool", "left", None), ("pool", "right", None), ("chat", "a", 1), ("chat", "b", 2)]
LITELLM = {
    "model_list": [
        {
            "model_name": name,
            "litellm_params": {"model": "openai/gpt-5.4", "api_key": "os.environ/A"}
            | ({} if order is None else {"order": order}),
            "model_info": {"id": id_},
        }
        for name, id_, order in POOL
    ],
    "router_settings": {"num_retries": 1, "cooldown_time": 3},
}
LEAF = {"provider": "openai", "api_key": "$A"}
PORTKEY = {
    "strategy": {"mode": "fallback"},
    "targets": [
        {
            "strategy": {"mode": "loadbalance"},
            "targets": [
                {"name": "left", "weight": 0.7, "retry": {"attempts": 1}, **LEAF},
                {"name": "a", "weight": 0.3, **LEAF},
            ],
        },
        {"name": "b", **LEAF},
    ],
}
SCENARIO = """\
version: 1
name: a is down, left is limited
traffic: {rate: 4/s, for: 10m}
faults:
  - {target: {deployment: a}, from: 2m, to: 6m, kind: http, status: 503}
  - {target: {deployment: left}, from: 1m, to: 9m, kind: rate_limit, retry_after: 1s, share: 40%}
"""
ASKED = ["--compress", "60", "--tolerance", "2s", "--format", "json"]


@pytest.mark.parametrize(
    ("gateway", "config"), [("litellm", LITELLM), ("portkey", PORTKEY)], ids=["litellm", "portkey"]
)
def test_a_scenario_ends_alike_on_paper_and_on_the_real_gateway(
    gateway: str, config: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "s.yaml").write_text(SCENARIO)
    files = [str(tmp_path / "config.json"), "--scenario", str(tmp_path / "s.yaml")]

    code = run(["simulate", *files, "--against", str(GATEWAYS / gateway), *ASKED])

    said = json.loads(capsys.readouterr().out)
    differing = [request for request in said["requests"] if request["verdict"] == "differs"]
    assert code == 0, differing
    assert said["agreement"] >= 0.95
    assert {len(request["real"]["attempts"]) for request in said["requests"]} > {1}
    assert any(a["faults"] for request in said["requests"] for a in request["real"]["attempts"])


CUTS = """\
version: 1
name: streams break
traffic: {rate: 4/s, for: 12s}
faults:
  - {target: {deployment: a}, from: 1s, to: 11s, kind: cut_stream, after_chunks: 2}
"""


def test_streams_that_break_make_nobody_cool_in_litellm(tmp_path: Path) -> None:
    settings = {"num_retries": 1, "cooldown_time": 30, "allowed_fails": 0}
    both = played(tmp_path, LITELLM | {"router_settings": settings}, CUTS, "own", 2.0, STREAMED)

    assert both.agrees, as_text(both)
    assert all(pair.real.stream for pair in both.pairs)
    assert len([pair for pair in both.pairs if pair.real.seen.told]) > 10


STREAMED = [{"alias": "chat", "needs": ["streaming"], "traffic": {"rate": "4/s"}}]


def played(
    folder: Path,
    content: Any,
    scenario: str,
    semantics: str,
    tolerance_s: float,
    workloads: list[Any],
) -> Played:
    (folder / "config.json").write_text(json.dumps(content))
    report = Report()
    config = load_config(str(folder / "config.json"), report)
    read = load_scenario(scenario, "s.yaml", report)
    assert config is not None
    assert read is not None
    simulated = replace(config.with_semantics(semantics), profile={"workloads": workloads})
    bounds = Bounds(60, 12.0, 1.0, tolerance_s, 0.95)
    return against(simulated, read, str(GATEWAYS / "litellm"), "own", 0, bounds, report)


def test_a_gateway_that_is_simulated_as_another_is_found_out(tmp_path: Path) -> None:
    """Retried without a wait and left alone at once: LiteLLM, and not a careful engineer's wish."""
    scenario = SCENARIO.replace("10m", "10s").replace("m,", "s,")
    both = played(tmp_path, LITELLM, scenario, "reference", 0.4, [])

    assert not both.agrees
