"""`designer serve` and `designer demo`: the reference runtime on an emitted or hand-written file."""

import asyncio
import contextlib
import os
import signal
import tempfile
from collections.abc import Callable, Coroutine, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click
from msgspec import Struct

from designer import resources
from designer.catalog import Price, forget_catalog, load_catalog
from designer.catalog.model import Evidence
from designer.cli.output import semantics_option, tell
from designer.cli.simulate import read_scenario
from designer.cli.stubbed import UNPLAYED, Timed, stub_faults, unplayed
from designer.diagnostics import Report
from designer.engine.call import Program
from designer.engine.semantics import Semantics
from designer.errors import DesignerError, UsageError
from designer.gateways.reference import REFERENCE
from designer.load import Config, load_config

if TYPE_CHECKING:
    import socket

    from runtime.attempt import Endpoint
    from runtime.books import Priced
    from runtime.demo import Shown
    from runtime.reload import Mark, Wishes
    from runtime.serve import Service
    from runtime.stub import StubServer


_NEEDS = ("httptools", "orjson", "prometheus_client", "uvicorn")
"""Packages of the extra `runtime` without which nothing is served."""


def _need_runtime() -> None:
    missing = [name for name in _NEEDS if not find_spec(name)]
    if missing:
        raise UsageError(
            f"the runtime lacks {', '.join(missing)}: pip install 'llm-gateway-designer[runtime]'"
        )


def _load(path: str, semantics: str = "reference") -> Config:
    config = _read(path, semantics)
    if config is None:
        raise click.exceptions.Exit(2)
    return config


def _read(path: str, semantics: str) -> Config | None:
    """None, with its findings told, for a configuration that is none."""
    report = Report()
    config = load_config(path, report)
    config = config and config.with_semantics(semantics, report)
    tell(report)
    return config


def _priced(config: Config) -> "Mapping[str, Priced]":
    """What the ledger books per deployment: the catalog's price, or the one the file says."""
    from runtime.books import Priced

    catalog = load_catalog()
    found = {}
    for deployment in config.parsed.routing.deployments:
        offering = config.offering(deployment)
        found[deployment.id] = Priced(
            deployment.provider,
            deployment.model,
            offering.price if offering else _own_price(config, deployment.id),
            str(catalog.date),
        )
    return found


def _own_price(config: Config, deployment: str) -> Price | None:
    said = config.terms.get(deployment)
    if said is None or said.input_usd_per_mtok is None or said.output_usd_per_mtok is None:
        return None
    day = load_catalog().date
    evidence = Evidence(
        "the configuration", deployment, said.input_usd_per_mtok, said.output_usd_per_mtok, day
    )
    return Price(
        said.input_usd_per_mtok,
        said.output_usd_per_mtok,
        "single",
        (evidence,),
        cache_read=said.cache_read_usd_per_mtok,
    )


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
def serve(
    config: str | None,
    stub: bool,
    stub_only: bool,
    scenario: str | None,
    host: str,
    port: int,
    state: Path,
    semantics: str,
    workers: int,
    restore: bool,
    watch: bool,
    drain_s: float,
    log: Literal["none", "json"],
) -> None:
    """Run CONFIG (an emitted folder or a gateway's file) as an OpenAI-compatible gateway.

    Callers need a key as soon as `designer keys mint` has made one for the state file. Ctrl-C ends
    it. With --stub, faults are set at POST /stub/faults of the stub's own address.
    """
    _need_runtime()
    if scenario and not (stub or stub_only):
        raise UsageError("--scenario is played by stub providers: add --stub or --stub-only")
    if config is None and (scenario or not stub_only):
        raise UsageError("CONFIG is missing: an emitted folder or a gateway's file")
    if watch and (stub_only or config == "-"):
        raise UsageError("--watch needs a runtime and a file: leave out --stub-only, name a CONFIG")
    if workers > 1 and (stub or stub_only):
        raise UsageError("stub providers serve in one process: leave out --workers")
    loaded = None if config is None else _load(config, semantics)
    faults = _faults(loaded, scenario) if loaded is not None and scenario else []
    if stub_only or loaded is None:
        _run(_serve_stub(loaded, faults, host, port))
        return
    assert config is not None
    where = (config, semantics, stub, host, port, state)
    serving = _Serving(*where, watch, drain_s, log, restore)
    if workers > 1:
        _serve_with_workers(loaded, serving, workers)
    else:
        _run(_serve(loaded, serving, faults))


class _Serving(Struct, frozen=True):
    """What the options say."""

    path: str
    semantics: str
    stub: bool
    host: str
    port: int
    state: Path
    watch: bool
    drain_s: float
    log: Literal["none", "json"]
    restore: bool


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


async def _serve_stub(config: Config | None, faults: list[Timed], host: str, port: int) -> None:
    from runtime.serve import labels
    from runtime.stub import StubServer

    deployments = {} if config is None else labels(config.parsed.routing)
    async with StubServer(deployments=deployments, host=host, port=port) as server:
        for fault, after_s in faults:
            server.add_fault(fault, after_s)
        click.echo(f"stub providers at {server.url}   faults: POST {server.url}/stub/faults")
        for deployment in deployments:
            click.echo(f"  {deployment}   api_base {server.base_url(deployment)}")
        await _until_told_to_stop()
    click.echo("stopped")


def _serve_with_workers(config: Config, serving: _Serving, workers: int) -> None:
    with tempfile.TemporaryDirectory(prefix="designer-metrics-") as counters:
        # Read by prometheus-client when it is imported: workers then count together.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = counters
        _watch_over_workers(config, serving, workers)
    click.echo("stopped")


def _watch_over_workers(config: Config, serving: _Serving, workers: int) -> None:
    from runtime.cache.build import notes as cache_notes
    from runtime.serve import endpoints, listen
    from runtime.state import connect
    from runtime.telemetry.build import notes
    from runtime.workers import run_workers

    # What is wrong with the secrets or the file is told once, before there are workers.
    endpoints(config.parsed.routing, load_catalog(), os.environ)
    connect(serving.state).close()
    with listen(serving.host, serving.port) as listening:
        url = f"http://{serving.host}:{listening.getsockname()[1]}"
        _announce(config, url, serving.state)
        for note in (*notes(config.parsed.routing.telemetry), *cache_notes(_program(config))):
            click.echo(f"  note: {note}")

        def work() -> None:
            _run(_serve(config, serving, [], listening))

        run_workers(workers, listening, work)


def _run(serving: Coroutine[None, None, None]) -> None:
    factory = _loop_factory()
    with contextlib.suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=factory) as runner:
        runner.run(serving)


def _announce(config: Config, url: str, state: Path) -> None:
    from runtime.guard import unfit
    from runtime.unheeded import notes as unheeded

    routing = config.parsed.routing

    semantics = config.parsed.semantics
    of = (
        "" if semantics.name == REFERENCE.name else f" as {semantics.name} {semantics.version} does"
    )
    click.echo(f"serving {', '.join(r.name for r in config.parsed.routing.routes)}{of}")
    click.echo(f"  at {url}/v1   ledger {state}")
    for note in (*_forgiven(semantics), *unheeded(routing), *unfit(routing.guardrails)):
        click.echo(f"  note: {note}")


def _forgiven(semantics: Semantics) -> list[str]:
    """What the runtime's decoder forgives, or not, whatever gateway it behaves as."""
    own = REFERENCE.overlooks
    return [
        *(
            f"a stream with `{kind}` is whole here, and not there"
            for kind in sorted(own - semantics.overlooks)
        ),
        *(
            f"an answer with `{kind}` fails here, and not there"
            for kind in sorted(semantics.overlooks - own)
        ),
    ]


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's, which halves the cost of a request; None, asyncio's own, where there is no uvloop."""
    if not find_spec("uvloop"):
        return None
    import uvloop

    return uvloop.new_event_loop


async def _serve(
    config: Config,
    serving: _Serving,
    faults: list[Timed],
    listening: "socket.socket | None" = None,
) -> None:
    """`listening` is a socket shared with other workers, for all of whom somebody else has spoken."""
    from runtime.books import Books
    from runtime.reload import Wishes, mark
    from runtime.serve import running
    from runtime.stub import StubServer
    from runtime.telemetry.build import listeners, notes

    wishes, seen = Wishes(), mark(Path(serving.path))
    if listening is not None:  # another worker's place: the file may have changed since
        config = await _fresh(config, serving)
    telemetry = config.parsed.routing.telemetry
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(StubServer()) if serving.stub else None
        for fault, after_s in faults if server else ():
            assert server is not None
            server.add_fault(fault, after_s)
        found, told = _endpoints(config, server)
        books = Books(serving.state, _priced(config))
        where = (serving.host, serving.port, server, (*told, *notes(telemetry)), listening)
        telling = listeners(telemetry, serving.log)
        service = await stack.enter_async_context(
            running(_program(config), found, books, *where, telling, serving.restore)
        )
        if listening is None:
            _announce(config, service.url, serving.state)
            for note in service.notes:
                click.echo(f"  note: {note}")
        if server is not None:
            click.echo(f"  stub providers at {server.url}   faults: POST {server.url}/stub/faults")
        await _until_it_may_end(service, serving, wishes, seen)
    if listening is None:
        click.echo("stopped")


def _program(config: Config) -> Program:
    return Program(config.parsed.routing, config.parsed.semantics)


def _endpoints(
    config: Config, server: "StubServer | None"
) -> "tuple[dict[str, Endpoint], tuple[str, ...]]":
    """Where each deployment is reached, and what about that is not as it would be."""
    from runtime.serve import endpoints, labels, stub_endpoints

    routing, catalog = config.parsed.routing, load_catalog()
    if server is None:
        return endpoints(routing, catalog, os.environ), ()
    server.deployments = labels(routing)
    return stub_endpoints(routing, catalog, server)


async def _fresh(config: Config, serving: _Serving) -> Config:
    """The configuration as the file has it now; as it was, where that is broken."""
    try:
        return await asyncio.to_thread(_read, serving.path, serving.semantics) or config
    except DesignerError as error:
        click.echo(f"not taken: {error}", err=True)
        return config


async def _until_it_may_end(
    service: "Service", serving: _Serving, wishes: "Wishes", seen: "Mark"
) -> None:
    """Goes over to changed configurations; on SIGTERM lets answers end, on SIGINT does not wait."""
    from runtime.reload import drain, mark

    path = Path(serving.path)
    while True:
        wish = await wishes.next(_LOOKS_EVERY_S if serving.watch else None)
        now = await asyncio.to_thread(mark, path) if serving.watch else seen
        if wish == "stop":
            return
        if wish == "drain":
            draining = asyncio.create_task(drain(service.app, serving.drain_s))
            hurried = asyncio.create_task(wishes.next())
            await asyncio.wait((draining, hurried), return_when=asyncio.FIRST_COMPLETED)
            draining.cancel()
            hurried.cancel()
            return
        if wish == "reload" or now != seen:
            await _reload(service, serving)
        seen = now


async def _reload(service: "Service", serving: _Serving) -> None:
    from runtime.reload import renew

    forget_catalog()
    try:
        config = await asyncio.to_thread(_read, serving.path, serving.semantics)
        if config is None:
            click.echo(f"{serving.path} is broken: the old configuration goes on", err=True)
            return
        found, _ = _endpoints(config, service.stub)
        await renew(service.app, _program(config), found, _priced(config))
    except DesignerError as error:
        click.echo(f"{serving.path} is not taken, the old one goes on: {error}", err=True)
        return
    names = ", ".join(route.name for route in config.parsed.routing.routes)
    click.echo(f"reloaded {serving.path}: {names}", err=True)


_LOOKS_EVERY_S = 1.0
"""How often `--watch` looks at the files' times."""


async def _until_told_to_stop() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(one, stop.set)
    await stop.wait()


@click.command(
    epilog="""\b
Examples:
  designer demo
  designer demo out/eu-support"""
)
@click.argument("config", required=False)
def demo(config: str | None) -> None:
    """Three requests that show fallback, cost and redaction: no key, no network.

    They go through the official OpenAI client and the runtime to stub providers, on CONFIG or on a
    bundled example. Exits 1 when anything was not as it has to be.
    """
    _need_runtime()
    import runtime.demo

    with tempfile.TemporaryDirectory(prefix="designer-demo-") as scratch:
        folder = config or _plan_example(Path(scratch))
        loaded = _load(folder)
        stage = runtime.demo.Stage(
            Program(loaded.parsed.routing, loaded.parsed.semantics),
            dict(_priced(loaded)),
            load_catalog(),
            Path(scratch) / "ledger.sqlite",
        )
        shown = runtime.demo.play(stage)
    _table(shown)
    if any(row.problems for row in shown):
        raise click.exceptions.Exit(1)


def _plan_example(scratch: Path) -> str:
    from designer.compiler import Options, compile_profile, write_plan
    from designer.planner.lock import Lock
    from designer.profile.load import load_profile

    report = Report()
    loaded = load_profile("eu-support.yaml", resources.example("eu-support"), report=report)
    plan = loaded and compile_profile(loaded, load_catalog(), Lock(), Options(), report)
    if not plan:
        tell(report)
        raise DesignerError("the bundled example does not compile")
    write_plan(plan, scratch / "plan", report)
    return str(scratch / "plan")


def _table(shown: "list[Shown]") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("request", "answered by", "attempts", "USD", "what was seen", ""):
        table.add_column(
            column, overflow="fold", justify="right" if column in ("attempts", "USD") else "left"
        )
    for row in shown:
        good = not row.problems
        table.add_row(
            row.title,
            row.served_by or "–",
            row.attempts or "–",
            row.cost_usd or "–",
            row.saw if good else "; ".join(row.problems),
            "[green]ok[/]" if good else "[red]WRONG[/]",
        )
    Console(width=None if os.isatty(1) else 140).print(table)
