"""How `designer serve` runs: what it reads, where it keeps its books, when it reloads and ends."""

import asyncio
import contextlib
import os
import signal
import tempfile
from collections.abc import Callable, Coroutine, Mapping
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
from msgspec import Struct
from msgspec.structs import replace

from designer.catalog import Price, forget_catalog, load_catalog
from designer.catalog.model import Evidence
from designer.cli.output import tell
from designer.cli.stubbed import Timed
from designer.diagnostics import Report
from designer.engine.call import Program
from designer.engine.semantics import Semantics
from designer.errors import DesignerError, UsageError
from designer.gateways.reference import REFERENCE
from designer.ir import Routing, deployments_of
from designer.load import Config, load_config

if TYPE_CHECKING:
    import socket

    from runtime.attempt import Endpoint
    from runtime.books import Books, Priced
    from runtime.names import NameFinder
    from runtime.reload import Mark, Wishes
    from runtime.serve import Service
    from runtime.stub import StubServer


_NEEDS = ("httptools", "orjson", "prometheus_client", "uvicorn")
"""Packages of the extra `runtime` without which nothing is served."""


def need_runtime() -> None:
    missing = [name for name in _NEEDS if not find_spec(name)]
    if missing:
        raise UsageError(
            f"the runtime lacks {', '.join(missing)}: pip install 'llm-gateway-designer[runtime]'"
        )


def need_names(model: str) -> None:
    """Raises UsageError where `--ner` cannot work."""
    from runtime.names import need_model

    need_model(model)


def loaded_config(path: str, semantics: str = "reference") -> Config:
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


def priced(config: Config) -> "Mapping[str, Priced]":
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


_LOOKS_EVERY_S = 1.0
"""How often `--watch` looks at the files' times."""


class Kept(Struct, frozen=True):
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

    def books(
        self, priced: "Mapping[str, Priced]", max_request_usd: Decimal | None = None
    ) -> "Books":
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
            max_request_usd=max_request_usd,
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


def zone_of(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UsageError(f"there is no time zone {name!r}; write one like Europe/Berlin") from error


def with_its_limits(config: Config) -> Routing:
    """With the limits of the profile beside it, also those that its gateway has no word for."""
    routing = config.parsed.routing
    if not config.profile:
        return routing
    from designer.planner.policies import with_policies
    from designer.profile.kept import read_kept

    asked = with_policies(routing, read_kept(config.profile))
    return replace(routing, budgets=asked.budgets, rate_limits=asked.rate_limits)


def max_request_usd(config: Config) -> Decimal | None:
    """The most that one request may cost, by the profile beside it: no gateway has a word for it."""
    if not config.profile:
        return None
    from designer.profile.kept import read_kept

    most = read_kept(config.profile).cost.max_per_request
    return None if most is None else most.usd


class Serving(Struct, frozen=True):
    """What the options say."""

    path: str
    semantics: str
    stub: bool
    host: str
    port: int
    kept: Kept
    watch: bool
    drain_s: float
    log: Literal["none", "json"]
    restore: bool
    ner: str | None


async def serve_stub(config: Config | None, faults: list[Timed], host: str, port: int) -> None:
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


def serve_with_workers(config: Config, serving: Serving, workers: int) -> None:
    with tempfile.TemporaryDirectory(prefix="designer-metrics-") as counters:
        # Read by prometheus-client when it is imported: workers then count together.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = counters
        _watch_over_workers(config, serving, workers)
    click.echo("stopped")


def _watch_over_workers(config: Config, serving: Serving, workers: int) -> None:
    from runtime.cache.build import notes as cache_notes
    from runtime.serve import endpoints, listen
    from runtime.telemetry.build import notes
    from runtime.workers import run_workers

    # What is wrong with the secrets or the file is told once, before there are workers.
    endpoints(config.parsed.routing, load_catalog(), os.environ)
    serving.kept.check()
    with listen(serving.host, serving.port) as listening:
        url = f"http://{serving.host}:{listening.getsockname()[1]}"
        _announce(config, url, serving)
        for note in (*notes(config.parsed.routing.telemetry), *cache_notes(_program(config))):
            click.echo(f"  note: {note}")

        def work() -> None:
            run_loop(serve_until_told(config, serving, [], listening))

        run_workers(workers, listening, work)


def run_loop(serving: Coroutine[None, None, None]) -> None:
    factory = _loop_factory()
    with contextlib.suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=factory) as runner:
        runner.run(serving)


def _announce(config: Config, url: str, serving: Serving) -> None:
    from runtime.guard import unfit
    from runtime.names import notes as of_names
    from runtime.unheeded import notes as unheeded

    routing = config.parsed.routing

    semantics = config.parsed.semantics
    of = (
        "" if semantics.name == REFERENCE.name else f" as {semantics.name} {semantics.version} does"
    )
    click.echo(f"serving {', '.join(r.name for r in config.parsed.routing.routes)}{of}")
    click.echo(f"  at {url}/v1   ledger {serving.kept.where}")
    rails = routing.guardrails
    named = () if serving.ner is None else of_names(serving.ner, rails)
    for note in (*forgiven(semantics), *unheeded(routing), *unfit(rails), *named):
        click.echo(f"  note: {note}")


def forgiven(semantics: Semantics) -> list[str]:
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


async def serve_until_told(
    config: Config,
    serving: Serving,
    faults: list[Timed],
    listening: "socket.socket | None" = None,
) -> None:
    """`listening` is a socket shared with other workers, for all of whom somebody else has spoken."""
    from runtime.garbage import spare_what_lasts
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
        found = _endpoints(config, server)
        books = serving.kept.books(priced(config), max_request_usd(config))
        where = (serving.host, serving.port, server, notes(telemetry), listening)
        telling = listeners(telemetry, serving.log)
        names = await _names(serving.ner)
        service = await stack.enter_async_context(
            running(_program(config), found, books, *where, telling, serving.restore, names)
        )
        if listening is None:
            _announce(config, service.url, serving)
            for note in service.notes:
                click.echo(f"  note: {note}")
        if server is not None:
            click.echo(f"  stub providers at {server.url}   faults: POST {server.url}/stub/faults")
        spare_what_lasts()
        await _until_it_may_end(service, serving, wishes, seen)
    if listening is None:
        click.echo("stopped")


async def _names(model: str | None) -> "NameFinder | None":
    from runtime.names import name_finder

    return None if model is None else await asyncio.to_thread(name_finder, model)


def _program(config: Config) -> Program:
    return Program(with_its_limits(config), config.parsed.semantics)


def _endpoints(config: Config, server: "StubServer | None") -> "dict[str, Endpoint]":
    """Where each deployment is reached."""
    from runtime.serve import endpoints, labels, stub_endpoints

    routing, catalog = config.parsed.routing, load_catalog()
    if server is None:
        return endpoints(routing, catalog, os.environ)
    server.deployments = labels(routing)
    return stub_endpoints(routing, catalog, server)


async def _fresh(config: Config, serving: Serving) -> Config:
    """The configuration as the file has it now; as it was, where that is broken."""
    try:
        return await asyncio.to_thread(_read, serving.path, serving.semantics) or config
    except DesignerError as error:
        click.echo(f"not taken: {error}", err=True)
        return config


async def _until_it_may_end(
    service: "Service", serving: Serving, wishes: "Wishes", seen: "Mark"
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


async def _reload(service: "Service", serving: Serving) -> None:
    from runtime.garbage import spare_what_lasts
    from runtime.reload import renew

    forget_catalog()
    try:
        config = await asyncio.to_thread(_read, serving.path, serving.semantics)
        if config is None:
            click.echo(f"{serving.path} is broken: the old configuration goes on", err=True)
            return
        found = _endpoints(config, service.stub)
        most = max_request_usd(config)
        await renew(service.app, _program(config), found, priced(config), most)
    except DesignerError as error:
        click.echo(f"{serving.path} is not taken, the old one goes on: {error}", err=True)
        return
    spare_what_lasts()
    names = ", ".join(route.name for route in config.parsed.routing.routes)
    click.echo(f"reloaded {serving.path}: {names}", err=True)


async def _until_told_to_stop() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(one, stop.set)
    await stop.wait()
