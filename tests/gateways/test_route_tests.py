"""`designer test --against` on the real gateways: what holds passes, what does not fails, and picks.

LiteLLM runs on the copy that `--rehearse` writes, as a user's would.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from designer.cli import run
from tests.gateways.processes import (
    MASTER_KEY,
    NO_JITTER,
    RunningGateway,
    free_port,
    litellm_proxy,
)

pytestmark = pytest.mark.gateway

ROOT = Path(__file__).parents[2]
FIRST = "support-chat/azure-se/gpt-5.4-nano"


class Told(Struct, frozen=True):
    code: int
    verdicts: dict[str, str]
    tests: list[dict[str, Any]]

    def differences(self, name: str) -> list[str]:
        [test] = (test for test in self.tests if test["name"] == name)
        return [f"{d['key']}: {d['expected']} / {d['got']}" for d in test["differences"]]


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> Told:
    capsys.readouterr()
    code = run(["test", *arguments, "--format", "json"])
    said = capsys.readouterr()
    assert said.err == ""
    [suite] = json.loads(said.out)["suites"]
    verdicts = {test["name"]: test["verdict"] for test in suite["tests"]}
    return Told(code, verdicts, suite["tests"])


# --- LiteLLM --------------------------------------------------------------------------------------

LITELLM = f"""\
tests:
  - name: the first answers
    route: support-chat
    expect: {{status: 200, served_by: {FIRST}, attempts: 1}}
  - name: a refusal goes back
    route: support-chat
    outcomes: {{{FIRST}: [{{kind: content_policy}}]}}
    expect: {{status: 400, served_by: null, attempts: [{FIRST}]}}
  - name: a broken stream is told
    route: support-chat
    request: {{stream: true}}
    outcomes: {{{FIRST}: [{{kind: cut_stream, after_chunks: 2}}]}}
    expect: {{status: 200, told: true, attempts: 1}}
  - name: an outage falls through
    route: support-chat
    requests: [{{}}, {{at_s: 1}}]
    outcomes: {{{FIRST}: [{{status: 503}}]}}
    expect:
      - {{status: 200, attempts: 3, waits_s: [0, 0], finishes_within: 1s}}
      - {{served_by: support-chat/bedrock-fra/deepseek-v3.2, attempts: 2}}
  - name: wrong about the other alias
    route: support-search
    outcomes: {{support-search/bedrock-fra/titan-embed-v2: [{{status: 503}}, {{status: 200}}]}}
    expect: {{status: 503, attempts: 3, waits_s: ['>= 3']}}
  - name: the outage is over
    route: support-chat
    expect: {{served_by: {FIRST}}}
"""


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """The emitted configuration's copy with a cooldown that a test can wait for, and the stub's port."""
    folder = tmp_path_factory.mktemp("rehearsal")
    emitted = ROOT / "tests/golden/examples/eu-support/litellm/config.yaml"
    text, count = re.subn(r"cooldown_time: 30", "cooldown_time: 4", emitted.read_text("utf-8"))
    assert count == 1
    (folder / "config.yaml").write_text(text, "utf-8")
    (folder / "routes.yaml").write_text(f"config: config.yaml\n{LITELLM}", "utf-8")
    port = free_port()
    copy = folder / "copy"
    arguments = ["--rehearse", str(copy), "--stub-port", str(port)]
    assert run(["test", str(folder / "routes.yaml"), *arguments]) == 0
    return copy / "config.yaml", port


@pytest.fixture(scope="module")
def proxy(rehearsal: tuple[Path, int]) -> Iterator[RunningGateway]:
    with litellm_proxy(rehearsal[0], NO_JITTER) as gateway:
        yield gateway


def test_litellm_on_its_rehearsal_does_what_the_engine_foretells(
    rehearsal: tuple[Path, int],
    proxy: RunningGateway,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    copy, port = rehearsal
    file = str(copy.parents[1] / "routes.yaml")
    monkeypatch.setenv("LITELLM_MASTER_KEY", MASTER_KEY)

    by_engine = told(capsys, file)
    began = time.monotonic()
    real = told(
        *(capsys, file, "--against", proxy.base_url, "--key", "LITELLM_MASTER_KEY"),
        *("--stub-port", str(port)),
    )

    assert real.verdicts == by_engine.verdicts
    assert (real.code, [n for n, v in real.verdicts.items() if v != "passed"]) == (
        1,
        ["wrong about the other alias"],
    )
    assert real.differences("wrong about the other alias")[:2] == [
        "status: 503 / 200",
        "attempts: 3 / 2",
    ]
    assert time.monotonic() - began > 4, "the cooldown of the outage was waited out"


def test_a_wrong_key_for_litellm_is_told(
    rehearsal: tuple[Path, int],
    proxy: RunningGateway,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    copy, port = rehearsal
    monkeypatch.setenv("WRONG", "sk-wrong")
    arguments = ["--against", proxy.base_url, "--key", "WRONG", "--stub-port", str(port)]

    assert run(["test", str(copy.parents[1] / "routes.yaml"), *arguments]) == 4

    assert proxy.base_url in capsys.readouterr().err


# --- Portkey --------------------------------------------------------------------------------------

PORTKEY = """\
tests:
  - name: the second answers
    route: nightly-labels
    outcomes: {nightly-labels/openai/gpt-5-nano: [{status: 403}]}
    expect: {status: 200, served_by: nightly-labels/groq/gpt-oss-20b, attempts: 2, waits_s: [0]}
  - name: a rate limit is waited for
    route: nightly-summaries
    outcomes: {nightly-summaries/openai/gpt-5-nano: [{status: 429}, {status: 200}]}
    expect: {attempts: ["nightly-summaries/targets[0]", "nightly-summaries/targets[0]"], waits_s: [1]}
  - name: wrong about a broken answer
    route: nightly-labels
    request: {stream: false, metadata: {tier: gold}}
    outcomes: {nightly-labels/openai/gpt-5-nano: [{kind: malformed}]}
    expect: {status: 200}
"""


def test_portkey_needs_no_preparation(
    portkey: RunningGateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "routes.yaml"
    file.write_text(PORTKEY, "utf-8")
    config = str(ROOT / "tests/golden/examples/batch")

    by_engine = told(capsys, str(file), "--config", config)
    real = told(
        *(capsys, str(file), "--config", config, "--against", portkey.base_url),
        *("--stub-port", "0"),
    )

    assert real.verdicts == by_engine.verdicts
    assert (real.code, [n for n, v in real.verdicts.items() if v != "passed"]) == (
        1,
        ["wrong about a broken answer"],
    )
    assert real.differences("wrong about a broken answer") == ["status: 200 / 500"]


def test_picks_that_a_gateway_makes_by_chance_are_not_comparable(
    portkey: RunningGateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = {"provider": "openai", "api_key": "${KEY}", "weight": 0.5}
    config = {"strategy": {"mode": "loadbalance"}, "targets": [target, target]}
    (tmp_path / "config.json").write_text(json.dumps(config), "utf-8")
    lines = ["config: config.json", "tests:"]
    lines += [
        f"  - {{name: pick {n}, draws: [0.1], expect: {{served_by: 'targets[0]'}}}}"
        for n in range(20)
    ]
    lines += ["  - {name: either, draws: [0.1], expect: {attempts: 1}}"]
    lines += ["  - {name: neither, draws: [0.1], expect: {status: 503}}"]
    (tmp_path / "routes.yaml").write_text("\n".join(lines), "utf-8")

    real = told(
        *(capsys, str(tmp_path / "routes.yaml"), "--against", portkey.base_url),
        *("--stub-port", "0"),
    )

    picks = {verdict for name, verdict in real.verdicts.items() if name.startswith("pick")}
    assert picks == {"passed", "not_comparable"}, "twenty fair picks are never all the same"
    assert (real.verdicts["either"], real.verdicts["neither"]) == ("passed", "failed")
