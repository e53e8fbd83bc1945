"""`designer conform`: how often the engine and a real gateway agree, case by case."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from fnmatch import fnmatchcase
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from designer.cli.output import echo_json, format_option, tell
from designer.conform import fidelity
from designer.conform.case import Case, packaged, read_cases
from designer.conform.installed import find
from designer.conform.observed import Reached
from designer.conform.run import Result, Runner, agreement
from designer.diagnostics import Report
from designer.engine.outcomes import Outcome
from designer.errors import UsageError
from designer.files import write_atomically

if TYPE_CHECKING:
    from runtime.stub import StubServer


@click.command(
    epilog="""\b
Examples:
  designer conform --bin ~/venvs/litellm/bin/litellm
  designer conform --bin node_modules/@portkey-ai/gateway --only 'row-*'
  designer conform --bin .gateways/litellm --cases mine.yaml --format json"""
)
@click.option(
    "--bin",
    "program",
    required=True,
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="LiteLLM's program, Portkey's start-server.js, or a folder with one of them.",
)
@click.option(
    "--cases",
    multiple=True,
    metavar="FILE",
    help="Cases of your own, instead of the corpus that comes with designer.",
)
@click.option(
    "--only", multiple=True, metavar="ID", help="Only these cases; * stands for anything."
)
@click.option(
    "--at-least",
    type=click.FloatRange(0, 100),
    default=99.0,
    show_default=True,
    metavar="PERCENT",
    help="Less agreement than this is a failure.",
)
@click.option(
    "--record", metavar="FILE", type=click.Path(path_type=Path), help="Write every result as JSON."
)
@format_option()
def conform(
    program: Path,
    cases: tuple[str, ...],
    only: tuple[str, ...],
    at_least: float,
    record: Path | None,
    format_: str,
) -> None:
    """Play cases on a real gateway and on the engine, and compare every attempt.

    The gateway is started on loopback, with scripted providers behind it. What is compared: which
    deployments are asked, in which order, when, and what the caller sees. Exit code 4 means that
    the gateway did not start or died; its log is named.
    """
    installed = find(program)
    chosen = [
        case
        for case in (_read(cases) if cases else packaged(installed.gateway))
        if not only or any(fnmatchcase(case.id, pattern) for pattern in only)
    ]
    if not chosen:
        raise UsageError("no case is left to run")
    results: list[Result] = []
    with scripted_provider() as provider, _progress(len(chosen)) as went_on:
        for result in Runner(installed, provider).run(chosen):
            results.append(result)
            went_on()
    results.sort(key=lambda result: result.case.id)
    run = fidelity.summary(installed, results, date.today())
    if record is not None:
        write_atomically(record, json.dumps(run, indent=1, ensure_ascii=False) + "\n")
    if format_ == "json":
        echo_json(run)
    else:
        click.echo(fidelity.as_text(run), nl=False)
    if 100 * agreement(results) < at_least:
        raise click.exceptions.Exit(1)


def _read(paths: Sequence[str]) -> list[Case]:
    report = Report()
    texts = []
    for path in paths:
        try:
            texts.append((path, Path(path).read_text("utf-8")))
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"cannot read {path}: {error}") from error
    cases = list(read_cases(texts, report))
    tell(report)
    if report.has_errors:
        raise click.exceptions.Exit(2)
    return cases


@contextmanager
def scripted_provider(port: int = 0) -> Iterator["StubProvider"]:
    """Listens on loopback until the block ends. Raises NetworkError for a port that is taken."""
    missing = [name for name in ("orjson",) if not find_spec(name)]
    if missing:
        raise UsageError(
            f"the stub provider lacks {', '.join(missing)}: "
            "pip install 'llm-gateway-designer[runtime]'"
        )
    from runtime.stub import running_stub

    # Slow enough that a gateway hands content on before the stream breaks.
    with running_stub(port, between_chunks_s=0.15) as stub:
        yield StubProvider(stub)


class StubProvider:
    """The scripted provider that all deployments of all cases are: the runtime's stub."""

    def __init__(self, stub: "StubServer") -> None:
        self._stub = stub

    def url(self, label: str) -> str:
        return self._stub.base_url(label)

    def script(self, label: str, outcomes: tuple[Outcome, ...]) -> None:
        self._stub.script(label, outcomes)

    def reached(self, mark: int) -> list[Reached]:
        from designer.conform.observed import MARK

        wanted = f'"{MARK}":{mark}'.encode()
        return [
            Reached(received.deployment, received.at_s)
            for received in list(self._stub.received)
            if _carries(received.body, wanted, MARK, mark)
        ]


def _carries(body: bytes, wanted: bytes, name: str, mark: int) -> bool:
    if wanted not in body.replace(b": ", b":"):
        return False
    try:
        value: Any = json.loads(body)
    except ValueError:
        return False
    return isinstance(value, dict) and value.get(name) == mark


@contextmanager
def _progress(total: int) -> "Iterator[Any]":
    """Counts on a terminal; silent in a pipe."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    with click.progressbar(length=total, label="cases", file=sys.stderr) as bar:
        yield lambda: bar.update(1)
