"""Every snippet of CLIENT.md runs: against the reference runtime on the emitted files, with stub providers.

What asks Anthropic's API is run against the real LiteLLM (tests/gateways): the runtime does not serve it.
So are Portkey's snippets for embeddings against the real Portkey, as its configurations do not say what a
route is for, and the runtime takes such a one for chat. What `client.py` sends to OpenRouter is answered
by a scripted provider.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from designer.catalog import load_catalog
from designer.compiler import Options, compile_profile
from designer.diagnostics import Report
from designer.planner.lock import Lock
from designer.profile.load import load_profile
from tests.gateways.upstream import running_upstream
from tests.snippets import Snippet, run, snippets

pytestmark = pytest.mark.slow

PROFILE = """
version: 1
name: p
workloads: [{alias: "it's a %s", task: %s, availability: 90%%}]
providers: [openai]
"""
KEYS = {"GATEWAY_KEY": "none", "OPENAI_API_KEY": "key", "PORTKEY_API_KEY": "key"}


def emitted(gateway: str, task: str, folder: Path) -> list[Snippet]:
    report = Report()
    loaded = load_profile("p.yaml", PROFILE % (task, task), report=report)
    assert loaded is not None, [str(finding) for finding in report]
    plan = compile_profile(loaded, load_catalog(), Lock(), Options(gateway=gateway), report)
    assert plan is not None, [str(finding) for finding in report]
    for path, text in plan.texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")
    return snippets(plan.texts["CLIENT.md"])


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The runtime's address, as `designer serve` says it."""
    asked = ["serve", str(folder), "--stub", "--port", "0", "--state", str(folder / "state.sqlite")]
    command = [sys.executable, "-u", "-m", "designer", *asked]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout is not None
        try:
            where = next(line for line in serving.stdout if line.startswith("  at "))
            yield where.split()[1].removesuffix("/v1")
        finally:
            serving.terminate()


@pytest.mark.parametrize(
    ("gateway", "task"),
    [("litellm", "chat"), ("litellm", "embed"), ("portkey-oss", "chat"), ("portkey-cloud", "chat")],
)
def test_every_snippet_gets_an_answer(gateway: str, task: str, tmp_path: Path) -> None:
    found = [s for s in emitted(gateway, task, tmp_path) if not s.asks_messages]

    with served(tmp_path) as url:
        said = [run(s, tmp_path / gateway, KEYS | {"GATEWAY_URL": url}) for s in found]

    assert len(said) >= 2
    assert all(said), said
    if task == "embed":
        assert all(text.isdigit() or "embedding" in text for text in said), said


def test_the_snippet_for_openrouter_sends_the_routes_own_body(tmp_path: Path) -> None:
    (snippet,) = emitted("openrouter", "chat", tmp_path)
    settings = tmp_path / "openrouter/client.json"
    known = json.loads(settings.read_text("utf-8"))
    with running_upstream() as upstream:
        known["routes"]["it's a chat"]["base_url"] = upstream.url("a")
        settings.write_text(json.dumps(known), "utf-8")
        said = run(snippet, tmp_path / "openrouter", {"OPENROUTER_API_KEY": "key"})
        (attempt,) = upstream.attempts

    (body,) = (tmp_path / "openrouter").glob("*/request.json")
    assert said == "a"
    assert attempt.body["model"] == json.loads(body.read_text("utf-8"))["model"]


@pytest.mark.parametrize("gateway", ["litellm", "portkey-oss", "portkey-cloud"])
def test_no_snippet_retries_or_gives_up_before_the_gateway(gateway: str, tmp_path: Path) -> None:
    for snippet in emitted(gateway, "chat", tmp_path):
        if snippet.language == "python":
            assert "max_retries=0" in snippet.code
            assert "timeout=" in snippet.code
        elif "curl" in snippet.code:
            assert "--max-time" in snippet.code
            assert "--retry" not in snippet.code
