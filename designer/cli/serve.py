"""`designer serve` and `designer demo`: the reference runtime on an emitted or hand-written file."""

import asyncio
import contextlib
import os
import signal
import tempfile
from collections.abc import Callable, Coroutine, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
from msgspec import Struct
from msgspec.structs import replace

from designer import resources
from designer.catalog import Price, load_catalog
from designer.catalog.model import Evidence
from designer.cli.output import semantics_option, tell
from designer.cli.simulate import read_scenario
from designer.cli.stubbed import UNPLAYED, Timed, stub_faults, unplayed
from designer.diagnostics import Report
from designer.engine.call import Program
from designer.engine.semantics import Semantics
from designer.errors import DesignerError, UsageError
from designer.gateways.reference import REFERENCE
from designer.ir import Routing, deployments_of
from designer.load import Config, load_config

if TYPE_CHECKING:
    import socket

    from runtime.books import Books, Priced
    from runtime.demo import Shown


def _need_runtime() -> None:
    missing = [name for name in ("httptools", "orjson", "uvicorn") if not find_spec(name)]
    if missing:
        raise UsageError(
            f"the runtime lacks {', '.join(missing)}: pip install 'llm-gateway-designer[runtime]'"
        )


def _load(path: str, semantics: str = "reference") -> Config:
    report = Report()
    config = load_config(path, report)
    config = config and config.with_semantics(semantics, report)
    tell(report)
    if config is None:
        raise click.exceptions.Exit(2)
    return config


def _priced(config: Config) -> "Mapping[str, Priced]":
    """What the ledger books per deployment: the catalog's price, or the one the file says."""
    from runtime.books import Priced, terms_of

    catalog = load_catalog()
    routing = config.parsed.routing
    embedding = {id_ for r in routing.routes if r.embeds for id_ in deployments_of(r.node)}
    found = {}
    for deployment in routing.deployments:
        offering = config.offering(deployment)
        params = dict(deployment.params)
        own = params.get("max_completion_tokens") or params.get("max_tokens")
        found[deployment.id] = Priced(
            deployment.provider,
            deployment.model,
            offering.price if offering else _own_price(config, deployment.id),
            str(catalog.date),
            terms_of(offering, deployment.id in embedding, own if isinstance(own, int) else None),
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
    help="Processes to answer with; each has cooldowns of its own.",
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
    limits: str | None,
    ledger: str | None,
    uncounted: str,
    zone: str,
    workers: int,
    restore: bool,
) -> None:
    """Run CONFIG (an emitted folder or a gateway's file) as an OpenAI-compatible gateway.

    Callers need a key as soon as `designer keys mint` has made one for the state file. Ctrl-C ends
    it. With --stub, faults are set at POST /stub/faults of the stub's own address.
    """
    _need_runtime()
    kept = _Kept(state, limits, ledger, uncounted == "serve", _zone(zone))
    if scenario and not (stub or stub_only):
        raise UsageError("--scenario is played by stub providers: add --stub or --stub-only")
    if config is None and (scenario or not stub_only):
        raise UsageError("CONFIG is missing: an emitted folder or a gateway's file")
    if workers > 1 and (stub or stub_only):
        raise UsageError("stub providers serve in one process: leave out --workers")
    loaded = None if config is None else _load(config, semantics)
    faults = _faults(loaded, scenario) if loaded is not None and scenario else []
    if stub_only or loaded is None:
        _run(_serve_stub(loaded, faults, host, port))
    elif workers > 1:
        _serve_with_workers(loaded, host, port, kept, workers, restore)
    else:
        _run(_serve(loaded, stub, host, port, kept, faults, restore=restore))


class _Kept(Struct, frozen=True):
    """Where keys, limits and the ledger are."""

    state: Path
    limits: str | None
    ledger: str | None
    fails_open: bool
    zone: ZoneInfo

    @property
    def where(self) -> str:
        """Without what a database's address may hold besides: a password."""
        return str(self.state) if self.ledger is None else "in PostgreSQL"

    def books(self, priced: "Mapping[str, Priced]") -> "Books":
        from runtime.books import Books

        ledger, counters = None, None
        if self.ledger is not None:
            _need("psycopg", "postgres")
            from runtime.ledger import Ledger
            from runtime.state.postgres import PostgresDatabase

            ledger = Ledger(PostgresDatabase(self.ledger))
        if self.limits is not None:
            _need("redis", "redis")
            from runtime.state.redis import RedisCounters

            counters = RedisCounters(self.limits)
        return Books(
            self.state,
            priced,
            counters=counters,
            ledger=ledger,
            zone=self.zone,
            fails_open=self.fails_open,
        )

    def check(self) -> None:
        """Raises UsageError for a file or a database that cannot be used."""
        from runtime.state import connect

        connect(self.state).close()
        if self.ledger is not None:
            _need("psycopg", "postgres")
            from runtime.state.postgres import PostgresDatabase

            PostgresDatabase(self.ledger)


def _need(module: str, extra: str) -> None:
    if not find_spec(module):
        raise UsageError(f"{module} is missing: pip install 'llm-gateway-designer[{extra}]'")


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UsageError(f"there is no time zone {name!r}; write one like Europe/Berlin") from error


def _with_its_limits(config: Config) -> Routing:
    """With the limits of the profile beside it, also those that its gateway has no word for."""
    routing = config.parsed.routing
    if not config.profile:
        return routing
    from designer.planner.policies import with_policies
    from designer.profile.kept import read_kept

    asked = with_policies(routing, read_kept(config.profile))
    return replace(routing, budgets=asked.budgets, rate_limits=asked.rate_limits)


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


def _serve_with_workers(
    config: Config, host: str, port: int, kept: _Kept, workers: int, restore: bool
) -> None:
    from runtime.serve import endpoints, listen
    from runtime.workers import run_workers

    # What is wrong with the secrets or the file is told once, before there are workers.
    endpoints(config.parsed.routing, load_catalog(), os.environ)
    kept.check()
    with listen(host, port) as listening:
        _announce(config, f"http://{host}:{listening.getsockname()[1]}", kept)

        def work() -> None:
            _run(_serve(config, False, host, port, kept, [], listening, restore))

        run_workers(workers, listening, work)
    click.echo("stopped")


def _run(serving: Coroutine[None, None, None]) -> None:
    factory = _loop_factory()
    with contextlib.suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=factory) as runner:
        runner.run(serving)


def _announce(config: Config, url: str, kept: _Kept) -> None:
    from runtime.unheeded import notes as unheeded

    semantics = config.parsed.semantics
    of = (
        "" if semantics.name == REFERENCE.name else f" as {semantics.name} {semantics.version} does"
    )
    click.echo(f"serving {', '.join(r.name for r in config.parsed.routing.routes)}{of}")
    click.echo(f"  at {url}/v1   ledger {kept.where}")
    for note in (*_forgiven(semantics), *unheeded(config.parsed.routing)):
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
    stub: bool,
    host: str,
    port: int,
    kept: _Kept,
    faults: list[Timed],
    listening: "socket.socket | None" = None,
    restore: bool = False,
) -> None:
    """`listening` is a socket shared with other workers, for all of whom somebody else has spoken."""
    from runtime.guard import unfit
    from runtime.serve import endpoints, labels, running, stub_endpoints
    from runtime.stub import StubServer

    routing = _with_its_limits(config)
    program = Program(routing, config.parsed.semantics)
    catalog = load_catalog()
    async with contextlib.AsyncExitStack() as stack:
        server, notes = None, tuple[str, ...]()
        if stub:
            server = await stack.enter_async_context(StubServer(deployments=labels(routing)))
            for fault, after_s in faults:
                server.add_fault(fault, after_s)
            found, notes = stub_endpoints(routing, catalog, server)
        else:
            found = endpoints(routing, catalog, os.environ)
        books = kept.books(_priced(config))
        service = await stack.enter_async_context(
            running(program, found, books, host, port, server, notes, listening, restore)
        )
        if listening is None:
            _announce(config, service.url, kept)
        if server is not None:
            click.echo(f"  stub providers at {server.url}   faults: POST {server.url}/stub/faults")
        for note in (*notes, *unfit(routing.guardrails)):
            click.echo(f"  note: {note}")
        await _until_told_to_stop()
    if listening is None:
        click.echo("stopped")


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
