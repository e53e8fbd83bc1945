"""`designer test`: what users and their CI read, and how it ends."""

from __future__ import annotations

import http.server
import json
import shutil
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import xmlschema
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from designer.cli import run
from designer.conform.processes import free_port
from designer.resources import schema
from tests.golden import assert_golden

ROOT = Path(__file__).parents[2]
CONFIG = {
    "strategy": {"mode": "fallback"},
    "targets": [
        {"name": "first", "provider": "openai", "api_key": "${A}", "retry": {"attempts": 1}},
        {"name": "second", "provider": "anthropic", "api_key": "${B}"},
    ],
}
TESTS = """\
config: chat.json
tests:
  - name: the second answers while the first is down
    outcomes: {first: [{status: 503}]}
    expect: {status: 200, served_by: second, attempts: [first, first, second], waits_s: [1, 0]}
  - name: nobody is asked in vain
    outcomes: {first: [{status: 503}]}
    expect:
      never_asked: [first]
      finishes_within: 500ms
  - name: two requests, and the second one differs
    requests: [{at_s: 0}, {at_s: 1}]
    expect: [{attempts: 1}, {attempts: 2}]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "chat.json").write_text(json.dumps(CONFIG), "utf-8")
    (tmp_path / "routes.yaml").write_text(TESTS, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("format_", "name"),
    [
        ("text", "results.txt"),
        ("json", "results.json"),
        ("junit", "results.xml"),
        ("github", "annotations.txt"),
        ("markdown", "comment.md"),
    ],
)
def test_results_read_as_reviewed(
    folder: Path, capsys: pytest.CaptureFixture[str], format_: str, name: str
) -> None:
    assert run(["test", "routes.yaml", "--format", format_]) == 1

    assert_golden(f"route-tests/{format_}", {name: capsys.readouterr().out})


def test_the_json_has_the_published_form(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["test", "routes.yaml", "--format", "json"])

    trace = Resource.from_contents(json.loads(schema("trace")))
    own = json.loads(schema("route-test"))
    registry = Registry().with_resource("trace.schema.json", trace)
    form = {"$defs": own["$defs"], "$ref": "#/$defs/results", "$schema": own["$schema"]}
    Draft202012Validator(form, registry=registry).validate(json.loads(capsys.readouterr().out))


def test_the_junit_counts_and_satisfies_its_schema(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["test", "routes.yaml", "--format", "junit"])

    text = capsys.readouterr().out
    suite = ElementTree.fromstring(text).find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "2", "0")
    assert len(suite.findall("testcase/failure")) == 2
    official = ROOT.parent / "shared" / "schemas" / "junit.xsd"
    if official.exists():
        xmlschema.XMLSchema(str(official)).validate(text)


def test_sarif_points_at_what_does_not_hold(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["test", "routes.yaml", "--format", "sarif"])

    [first, second] = json.loads(capsys.readouterr().out)["runs"][0]["results"]
    assert first["locations"][0]["physicalLocation"]["region"]["startLine"] == 9
    assert second["message"]["text"].startswith(
        "two requests, and the second one differs: request 2: attempts: expected 2, got 1"
    )


def test_what_holds_is_clean(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["test", "routes.yaml", "-k", "the second*", "--only", "no such"]) == 0

    assert "1 test: 1 passed" in capsys.readouterr().out


def test_nothing_left_to_run_is_a_mistake(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["test", "routes.yaml", "--only", "no such"]) == 2

    assert "no test is left to run" in capsys.readouterr().err


def test_a_file_may_come_from_standard_input(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "other.json").write_text(json.dumps(CONFIG["targets"][1]), "utf-8")
    text = "tests: [{name: x, expect: {served_by: second}}]"
    monkeypatch.setattr("sys.stdin", _Input(text))

    assert run(["test", "-", "--config", "other.json"]) == 0


class _Input:
    def __init__(self, text: str) -> None:
        self.read = lambda: text


def test_the_reference_semantics_can_be_asked_for(folder: Path) -> None:
    """It waits otherwise than Portkey does."""
    one = ["test", "routes.yaml", "-k", "the second*"]

    assert run(one) == 0
    assert run([*one, "--semantics", "reference"]) == 1


def test_mistakes_in_all_files_are_told_at_once(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "a.yaml").write_text("tests: [{name: x, expect: {statos: 200}}]", "utf-8")
    (folder / "b.yaml").write_text("config: chat.json\ntests: [{name: x, expect: {asked: [b]}}]")

    assert run(["test", "a.yaml", "b.yaml"]) == 2

    told = capsys.readouterr().err
    assert "a.yaml:1:28: error[SIM602] unknown key `statos` in an expectation" in told
    assert "b.yaml:2:28: error[TST906] no deployment is called `b`" in told


def test_the_example_holds_for_the_plan_that_it_is_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)

    assert run(["plan", "examples/eu-support.yaml", "-o", "out/eu-support"]) == 0
    assert run(["test", "examples/eu-support.test.yaml"]) == 0

    assert "7 tests: 7 passed" in capsys.readouterr().out


# --- On something that answers as a gateway would ------------------------------------------------


@contextmanager
def gateway(behaviour: str) -> Iterator[str]:
    """`asks in order`, `asks the second` or `asks nobody`, or answers with a status by itself."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *ignored: Any) -> None:
            pass

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            targets = json.loads(self.headers["x-portkey-config"])["targets"]
            status = int(behaviour) if behaviour.isdigit() else 200
            order = {"asks in order": [0, 0, 1], "asks the second": [1]}.get(behaviour, [])
            for number in order:
                status = _asked(targets[number], body)
                if status == 200:
                    break
            payload = b'{"choices": []}' if status == 200 else b'{"error": {"message": "x"}}'
            self.send_response(status)
            self.send_header("content-length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def _asked(target: dict[str, Any], body: dict[str, Any]) -> int:
    url = f"{target['custom_host']}/chat/completions"
    request = urllib.request.Request(url, json.dumps(body).encode())
    try:
        with urllib.request.urlopen(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def against(url: str, *more: str) -> int:
    return run(["test", "routes.yaml", "--against", url, "--stub-port", "0", *more])


def test_a_gateway_that_does_as_expected_passes(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "routes.yaml").write_text(TESTS.replace("waits_s: [1, 0]", "waits_s: [0, 0]"))
    with gateway("asks in order") as url:
        assert against(f"{url}/v1/", "-k", "the second*") == 0

    assert f"at {url})" in capsys.readouterr().out


def test_a_gateway_that_does_otherwise_is_shown_from_both_sides(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with gateway("asks the second") as url:
        assert against(url, "-k", "the second*") == 1

    told = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert "attempts: expected first, first, second, got second" in told
    assert "waits_s: expected 1, 0, got none" in told
    assert told.index("the gateway:") + 1 == told.index("0.00 s  second  200")
    assert told.index("the engine:") + 1 == told.index("0.00 s  first   503")


@pytest.mark.parametrize(
    ("behaviour", "told"),
    [
        ("asks nobody", "answered 200 and asked nothing of the stub provider at http://127.0.0.1:"),
        ("500", "with the same --stub-port; if it asks for a key, name it with --key"),
        ("401", "refused the request with 401; if it asks for a key, name it with --key"),
    ],
)
def test_a_gateway_that_the_stub_is_not_behind_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str], behaviour: str, told: str
) -> None:
    with gateway(behaviour) as url:
        assert against(url) == 4

    assert told in capsys.readouterr().err


def test_a_url_that_does_not_answer_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()

    assert against(f"http://127.0.0.1:{port}") == 4

    assert f"error: http://127.0.0.1:{port} does not answer" in capsys.readouterr().err


def test_a_taken_port_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        arguments = ["--against", "http://127.0.0.1:1", "--stub-port", str(port)]
        assert run(["test", "routes.yaml", *arguments]) == 4

    assert f"cannot listen on 127.0.0.1:{port}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--against", "localhost:4000"], "--against takes an address"),
        (["--against", "http://x", "--key", "NOT_SET_ANYWHERE"], "which is not set"),
        (["--against", "http://x", "--semantics", "reference"], "semantics of its own"),
        (["--rehearse", "copy"], "--rehearse is for LiteLLM"),
    ],
)
def test_options_that_make_no_sense_are_told(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    assert run(["test", "routes.yaml", *arguments]) == 2

    assert told in capsys.readouterr().err


def test_the_key_is_sent_and_not_shown(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_KEY", "sk-very-secret")
    with gateway("401") as url:
        assert against(url, "--key", "GATEWAY_KEY") == 4

    told = capsys.readouterr().err
    assert "refused the request with 401" in told
    assert "sk-very-secret" not in told


def test_what_a_real_gateway_cannot_be_told_is_not_comparable(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "routes.yaml").write_text(
        "config: chat.json\n"
        "tests: [{name: x, request: {path: /v1/embeddings}, expect: {attempts: 1}}]"
    )
    with gateway("asks in order") as url:
        assert against(url) == 1
        assert against(url, "--allow-inconclusive") == 0

    told = capsys.readouterr().out
    assert "NOT COMPARABLE  x" in told
    assert "only /v1/chat/completions is played on a real gateway, not /v1/embeddings" in told


def test_a_rehearsal_is_written_for_litellm(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = {
        "model_name": "chat",
        "litellm_params": {"model": "azure/m", "api_key": "os.environ/K"},
    }
    (folder / "litellm.yaml").write_text(json.dumps({"model_list": [model]}))
    (folder / "t.yaml").write_text(
        "config: litellm.yaml\ntests: [{name: x, expect: {status: 200}}]"
    )

    assert run(["test", "t.yaml", "--rehearse", "copy", "--stub-port", "4998"]) == 0

    assert capsys.readouterr().out == (
        "wrote copy/litellm.yaml: its deployments are the stub provider at http://127.0.0.1:4998\n"
    )
    assert run(["test", "t.yaml", "--config", "copy/litellm.yaml"]) == 0
    assert (
        'api_base: "http://127.0.0.1:4998/d/chat%231/v1"' in Path("copy/litellm.yaml").read_text()
    )


def test_a_rehearsal_overwrites_nothing_but_a_rehearsal(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = json.dumps({"model_list": [{"model_name": "c", "litellm_params": {"model": "m"}}]})
    (folder / "litellm.yaml").write_text(config)
    (folder / "t.yaml").write_text(
        "config: litellm.yaml\ntests: [{name: x, expect: {status: 200}}]"
    )

    assert run(["test", "t.yaml", "--rehearse", "copy"]) == 0
    assert run(["test", "t.yaml", "--rehearse", "copy"]) == 0
    assert run(["test", "t.yaml", "--rehearse", "."]) == 2

    assert "litellm.yaml is no copy for rehearsals" in capsys.readouterr().err
    assert (folder / "litellm.yaml").read_text() == config


def test_a_route_without_a_configuration_is_not_comparable_on_portkey(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "routes.yaml").write_text(
        "config: chat.json\ntests: [{name: x, route: nobody, expect: {attempts: 0}}]"
    )
    assert run(["test", "routes.yaml"]) == 0
    with gateway("asks in order") as url:
        assert against(url) == 1

    assert "brings its configuration along, and `nobody` has none" in capsys.readouterr().out
