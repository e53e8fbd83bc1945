"""`serve --semantics`: the runtime behaves as the table says, whoever's table it is."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from designer.cli import run
from designer.cli.serving import forgiven
from designer.diagnostics import Report
from designer.engine.call import Program
from designer.engine.events import Request
from designer.engine.outcomes import Outcome
from designer.engine.semantics import Semantics
from designer.errors import UsageError
from designer.gateways.reference import REFERENCE
from designer.gateways.registry import GATEWAYS
from designer.ir import Routing
from designer.load import load_config
from tests.engine import strategies
from tests.runtime.served import FIRST, HELLO, SECOND, Running, served
from tests.runtime.test_driver_and_simulator import performed, rounded, simulated

TABLES = {
    "reference": REFERENCE,
    **{name: gateway.semantics("") for name, gateway in GATEWAYS.items()},
    "litellm@1.109": GATEWAYS["litellm"].semantics("1.109"),
    "portkey-oss@1.15-npm": GATEWAYS["portkey-oss"].semantics("1.15-npm"),
}
CONFIG = """\
model_list:
  - {model_name: chat, litellm_params: {model: openai/gpt-5.4, api_key: os.environ/A, order: 1}}
  - {model_name: chat, litellm_params: {model: openai/gpt-5.5, api_key: os.environ/A, order: 2}}
"""


def quiet(table: Semantics) -> Semantics:
    """Without jitter; what the runtime's decoder forgives is its own (`serve` says so)."""
    backoff = replace(table.backoff, jitter_s=0.0)
    return replace(table, backoff=backoff, overlooks=REFERENCE.overlooks)


@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
@settings(max_examples=25)
@given(
    routing=strategies.routings(),
    answers=strategies.answers,
    calls=strategies.calls,
    draws=st.lists(st.floats(0, 0.99), min_size=1, max_size=5),
)
def test_the_runtime_does_what_the_simulator_says_under_every_gateways_table(
    table: Semantics,
    routing: Routing,
    answers: dict[str, list[Outcome]],
    calls: list[tuple[float, str, Request]],
    draws: list[float],
) -> None:
    program = Program(replace(routing, guardrails=()), quiet(table))

    said, world = simulated(program, answers, calls, draws)
    done, own_world = performed(program, answers, calls, draws)

    assert rounded(done) == rounded(said)
    assert own_world == world


@pytest.mark.parametrize("name", ["litellm", "reference"])
def test_an_empty_stream_looks_whole_where_the_gateway_passes_it_on(
    tmp_path: Path, name: str
) -> None:
    async def test(running: Running) -> None:
        for deployment in (FIRST, SECOND):
            running.stub.script(deployment, [Outcome(kind="empty")])
        body = {"model": "chat", "messages": HELLO, "stream": True}
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.post(f"{running.service.url}/v1/chat/completions", json=body)
        is_silent = name == "litellm"
        assert (answer.status_code == 200) == is_silent
        assert ("error" in answer.text) != is_silent
        assert ("[DONE]" in answer.text) == is_silent

    served(tmp_path, test, semantics=TABLES[name])


@pytest.fixture
def path(tmp_path: Path) -> str:
    (tmp_path / "config.yaml").write_text(CONFIG)
    return str(tmp_path / "config.yaml")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("own", ("litellm", "1.106")),
        ("litellm", ("litellm", "1.106")),
        ("litellm@1.109", ("litellm", "1.109")),
        ("reference", ("reference", "1")),
        ("portkey-oss", ("portkey-oss", "1.15")),
    ],
)
def test_a_file_behaves_as_its_own_gateway_or_another(
    path: str, name: str, found: tuple[str, str]
) -> None:
    config = load_config(path, Report())
    assert config is not None

    semantics = config.with_semantics(name, Report()).parsed.semantics

    assert (semantics.name, ".".join(semantics.version.split(".")[:2])) == found


def test_a_version_that_nobody_measured_is_told(path: str) -> None:
    config, report = load_config(path, Report()), Report()
    assert config is not None

    config.with_semantics("litellm@1.50", report)

    assert [finding.code for finding in report] == ["PAR517"]


def test_nobody_behaves_like_an_unknown_name(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    config = load_config(path, Report())
    assert config is not None

    with pytest.raises(UsageError, match="nobody behaves like 'kong'; there are own, reference"):
        config.with_semantics("kong")
    assert run(["serve", path, "--semantics", "kong"]) == 2
    assert "'kong' is none of own, reference, litellm" in capsys.readouterr().err


def test_what_the_runtime_forgives_and_a_gateway_does_not_is_told() -> None:
    assert forgiven(REFERENCE) == []
    assert forgiven(TABLES["litellm"]) == [
        "a stream with `malformed_chunk` is whole here, and not there"
    ]
    assert forgiven(TABLES["portkey-oss"]) == ["an answer with `html` fails here, and not there"]
