"""`designer test`: route tests as data, by the engine or on a real gateway."""

import os
import sys
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import click

from designer.cli.output import format_option, play_options, tell
from designer.diagnostics import Report
from designer.errors import UsageError
from designer.files import write_atomically
from designer.render import findings
from designer.render import routetest as render
from designer.routetest import Bench, Played, RouteTest, load_suite, play, ready

STUB_PORT = 4999


@click.command(
    epilog=f"""\b
Examples:
  designer test examples/eu-support.test.yaml
  designer test routes.yaml --config out/eu-support --only '*outage*'
  designer test routes.yaml --format junit > report.xml
  designer test routes.yaml --against http://127.0.0.1:8787          # Portkey: nothing to prepare
  designer test routes.yaml --rehearse rehearsal                     # LiteLLM: a copy to start ...
  litellm --config rehearsal/config.yaml --port 4000
  designer test routes.yaml --against http://127.0.0.1:4000 --key LITELLM_MASTER_KEY

\b
The stub provider listens on 127.0.0.1:{STUB_PORT} unless --stub-port says otherwise."""
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--config", default="", metavar="CONFIG", help="Instead of what the files name.")
@click.option(
    *("-k", "--only"),
    multiple=True,
    metavar="PATTERN",
    help="Only tests with these names; * stands for anything.",
)
@play_options
@click.option("--against", default="", metavar="URL", help="Play them on this running gateway.")
@click.option("--key", default="", metavar="ENV", help="The variable with the gateway's key.")
@click.option(
    "--stub-port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="Where the stub provider listens or, with --rehearse, will listen.",
)
@click.option(
    "--rehearse",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write a copy of the configuration whose deployments are the stub, and run nothing.",
)
@click.option(
    "--allow-inconclusive",
    is_flag=True,
    help="Exit 0 although a test was not comparable.",
)
@format_option("github", "junit", "sarif", "markdown")
def test(
    files: tuple[str, ...],
    config: str,
    only: tuple[str, ...],
    gateway: str | None,
    semantics: str,
    seed: int,
    against: str,
    key: str,
    stub_port: int | None,
    rehearse: Path | None,
    allow_inconclusive: bool,
    format_: str,
) -> None:
    """Play the route tests in each FILE and say which expectations do not hold.

    A test is scripted outcomes, as for trace, and what has to come of them. FILE is YAML, JSON by
    its name, or - for standard input. Without --against the engine plays them on the configuration's
    text. Exit 1 when a test fails. The form of the files is described in docs/route-tests.md.
    """
    report = Report()
    benches = _benches(files, config, gateway, report)
    if against and semantics != "own":
        raise UsageError("--against plays on a real gateway, which has semantics of its own")
    if rehearse is not None:
        _rehearse(benches, rehearse, STUB_PORT if stub_port is None else stub_port)
        return
    chosen = [_chosen(bench, only) for bench in benches]
    if not any(chosen):
        raise UsageError("no test is left to run")
    pairs = list(zip(benches, chosen, strict=True))
    if against:
        port = STUB_PORT if stub_port is None else stub_port
        played = _against(pairs, against, os.environ, key, port, report, seed)
    else:
        played = [Played(b, tuple(play(b, tests, report, semantics, seed))) for b, tests in pairs]
    if report.has_errors:
        tell(report)
        raise click.exceptions.Exit(2)
    _show(played, report, format_)
    accepted = ("passed", "not_comparable") if allow_inconclusive else ("passed",)
    results = [result for one in played for result in one.results]
    raise click.exceptions.Exit(int(any(r.verdict not in accepted for r in results)))


def _benches(files: Sequence[str], config: str, gateway: str | None, report: Report) -> list[Bench]:
    suites = [load_suite(_text(file), file, report) for file in files]
    found = [ready(suite, report, config, gateway) for suite in suites if suite is not None]
    if report.has_errors:
        tell(report)
        raise click.exceptions.Exit(2)
    return [bench for bench in found if bench is not None]


def _text(path: str) -> str:
    if path == "-":
        return sys.stdin.read()
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {error}") from error


def _chosen(bench: Bench, patterns: Sequence[str]) -> list[RouteTest]:
    return [
        test
        for test in bench.suite.tests
        if not patterns or any(fnmatchcase(test.name, pattern) for pattern in patterns)
    ]


def _show(played: Sequence[Played], report: Report, format_: str) -> None:
    if format_ in ("github", "sarif", "markdown"):
        told = [*report.diagnostics, *render.findings(played)]
        click.echo(findings.FORMATS[format_](told))
        return
    tell(report)
    says = {"text": render.text, "json": render.json_text, "junit": render.junit}
    click.echo(says[format_](played))


# --- On a real gateway ----------------------------------------------------------------------------


def _against(
    pairs: Sequence[tuple[Bench, list[RouteTest]]],
    url: str,
    env: Mapping[str, str],
    key: str,
    stub_port: int,
    report: Report,
    seed: int,
) -> list[Played]:
    from designer.cli.conform import scripted_provider
    from designer.conform.against import Gateway, Memory, Stage

    if not url.startswith(("http://", "https://")):
        raise UsageError(
            f"--against takes an address, for example http://127.0.0.1:4000, not {url!r}"
        )
    if key and not env.get(key):
        raise UsageError(f"--key names the environment variable {key}, which is not set")
    url = url.rstrip("/").removesuffix("/v1")
    gateway, memory = Gateway(url, env.get(key, "")), Memory()
    with scripted_provider(stub_port) as provider:
        stages = [(Stage(b, gateway, provider, memory, _progress), b, tests) for b, tests in pairs]
        played = [
            Played(bench, tuple(stage.play(tests, report, seed)), url)
            for stage, bench, tests in stages
        ]
    if memory.cools_s > 0:
        _progress(f"the gateway's last cooldowns are over in {memory.cools_s:.0f} s")
    return played


def _progress(what: str) -> None:
    if sys.stderr.isatty():
        click.echo(what, err=True)


def _rehearse(benches: Sequence[Bench], folder: Path, stub_port: int) -> None:
    from designer.conform.placed import address
    from designer.conform.rehearsal import as_yaml, is_copy, rehearsal

    paths = sorted({bench.path for bench in benches})
    if len(paths) != 1:
        raise UsageError(f"one configuration is rehearsed at a time, not {', '.join(paths)}")
    config = benches[0].config
    if config.gateway.name != "litellm":
        raise UsageError(
            f"{config.gateway.title} is started without a configuration: --rehearse is for LiteLLM"
        )
    base_url = f"http://127.0.0.1:{stub_port}"
    copy = rehearsal(config, lambda label: address(base_url, label))
    texts = {
        folder / (path if len(copy.contents) > 1 else Path(path).name): as_yaml(content)
        for path, content in copy.contents.items()
    }
    for target in texts:
        if target.exists() and not is_copy(_text(str(target))):
            raise UsageError(f"{target} is no copy for rehearsals, and is not overwritten")
    for target, text in texts.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target, text)
        click.echo(f"wrote {target}: its deployments are the stub provider at {base_url}")
