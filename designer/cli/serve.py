"""`designer serve`: the reference runtime on an emitted or hand-written file. How it runs is `serving`."""

from pathlib import Path
from typing import Literal

import click

from designer.cli.output import semantics_option, tell
from designer.cli.serving import (
    Kept,
    Serving,
    loaded_config,
    need_names,
    need_runtime,
    run_loop,
    serve_stub,
    serve_until_told,
    serve_with_workers,
    zone_of,
)
from designer.cli.simulate import read_scenario
from designer.cli.stubbed import UNPLAYED, Timed, stub_faults, unplayed
from designer.diagnostics import Report
from designer.errors import UsageError
from designer.load import Config


@click.command(
    epilog="""\b
Examples:
  designer serve out/eu-support --stub
  designer serve config.yaml --port 8080 --state prod.sqlite
  designer serve out/eu-support --stub-only --scenario provider-outage
  curl localhost:4000/v1/chat/completions -d '{"model": "support-chat", "messages": [...]}'"""
)
@click.argument("config", required=False)
@click.option("--stub", is_flag=True, help="Answer from local stub providers: no key, no network.")
@click.option(
    "--stub-only",
    is_flag=True,
    help="Only the stub providers, for any gateway; without CONFIG, for any deployment.",
)
@click.option(
    "--scenario",
    metavar="FILE|NAME",
    help="Faults that the stub providers play, from when they start.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=4000,
    show_default=True,
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--state",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("designer.sqlite"),
    show_default=True,
    help="Keys and ledger.",
)
@semantics_option("reference")
@click.option(
    "--limits",
    metavar="redis://…",
    help="Where what is used up of limits is counted; several hosts share a Redis. Default: --state.",
)
@click.option(
    "--ledger",
    metavar="postgresql://…",
    help="Where the ledger is kept, for several hosts. Default: --state.",
)
@click.option(
    "--uncounted",
    type=click.Choice(["refuse", "serve"]),
    default="refuse",
    show_default=True,
    help="What becomes of limited requests while nothing can be counted.",
)
@click.option(
    "--zone",
    default="UTC",
    show_default=True,
    help="Time zone in which a budget's days, weeks and months begin, like Europe/Berlin.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Processes to answer with; each has cooldowns and a cache of its own.",
)
@click.option(
    "--watch",
    is_flag=True,
    help="Go over to CONFIG when it changes, as on SIGHUP; a broken one is told and not taken.",
)
@click.option(
    "--drain",
    "drain_s",
    type=click.FloatRange(0, 3_600),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="On SIGTERM, how long answers may go on; /readyz says 503 meanwhile.",
)
@click.option(
    "--log",
    type=click.Choice(["none", "json"]),
    default="none",
    show_default=True,
    help="A line about each request on standard error, without its text.",
)
@click.option(
    "--restore",
    is_flag=True,
    help="Give callers their own values back where an answer names their placeholders.",
)
@click.option(
    "--ner",
    metavar="MODEL",
    help="spaCy model that finds names and places in requests, for the guardrails that take "
    "personal data out (extra pii-ner).",
)
def serve(
    config: str | None,
    stub: bool,
    stub_only: bool,
    scenario: str | None,
    host: str,
    port: int,
    state: Path,
    semantics: str,
    limits: str | None,
    ledger: str | None,
    uncounted: str,
    zone: str,
    workers: int,
    restore: bool,
    watch: bool,
    drain_s: float,
    log: Literal["none", "json"],
    ner: str | None,
) -> None:
    """Run CONFIG (an emitted folder or a gateway's file) as an OpenAI-compatible gateway.

    Callers need a key as soon as `designer keys mint` has made one for the state file. Ctrl-C ends
    it. With --stub, faults are set at POST /stub/faults of the stub's own address.
    """
    need_runtime()
    kept = Kept(state, limits, ledger, uncounted == "serve", zone_of(zone))
    if scenario and not (stub or stub_only):
        raise UsageError("--scenario is played by stub providers: add --stub or --stub-only")
    if config is None and (scenario or not stub_only):
        raise UsageError("CONFIG is missing: an emitted folder or a gateway's file")
    if watch and (stub_only or config == "-"):
        raise UsageError("--watch needs a runtime and a file: leave out --stub-only, name a CONFIG")
    if workers > 1 and (stub or stub_only):
        raise UsageError("stub providers serve in one process: leave out --workers")
    if ner is not None:
        need_names(ner)
    loaded = None if config is None else loaded_config(config, semantics)
    faults = _faults(loaded, scenario) if loaded is not None and scenario else []
    if stub_only or loaded is None:
        run_loop(serve_stub(loaded, faults, host, port))
        return
    assert config is not None
    serving = Serving(config, semantics, stub, host, port, kept, watch, drain_s, log, restore, ner)
    if workers > 1:
        serve_with_workers(loaded, serving, workers)
    else:
        run_loop(serve_until_told(loaded, serving, faults))


def _faults(config: Config, name: str) -> list[Timed]:
    report = Report()
    scenario = read_scenario(name, report)
    faults = [] if scenario is None else stub_faults(config, scenario, report)
    tell(report)
    if scenario is None:
        raise click.exceptions.Exit(2)
    for target in unplayed(scenario):
        click.echo(f"  note: {UNPLAYED.format(target=target)}")
    return faults
