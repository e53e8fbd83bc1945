"""Put a runtime together from a configuration's meaning, and serve it on a loopback port.

What cannot work is refused before the first request: a secret that is not set, an account that lacks
something.
"""

import asyncio
import contextlib
import random
import socket
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field

import uvicorn
from msgspec.structs import replace

from designer.catalog import Catalog
from designer.engine.call import Program
from designer.engine.world import World
from designer.errors import NetworkError, UsageError
from designer.ir import Deployment, Remote, Routing, walk
from runtime.accounts import missing_secrets, target
from runtime.app import App
from runtime.asgi import BoundedProtocol
from runtime.attempt import Endpoint
from runtime.books import Books
from runtime.cache.build import cached
from runtime.cache.build import notes as cache_notes
from runtime.driver import Driver
from runtime.names import NameFinder
from runtime.stub import Labels, StubServer
from runtime.telemetry import Listener
from runtime.telemetry.prometheus import Metrics
from runtime.upstream import Dialect, Target, dialect_of
from runtime.upstream.authorized import Authorized
from runtime.upstream.http import HttpUpstream

_ENDS_WITHIN_S = 10
"""What answers in flight are given to end when the runtime stops."""


@dataclass(frozen=True, slots=True)
class Service:
    """A running runtime."""

    url: str
    app: App
    stub: StubServer | None
    notes: tuple[str, ...] = field(default=())
    """What is not as it would be in front of real providers."""


def endpoints(routing: Routing, catalog: Catalog, env: Mapping[str, str]) -> dict[str, Endpoint]:
    """Raises UsageError that names every secret that is not set."""
    if any(isinstance(node, Remote) for route in routing.routes for node in walk(route.node)):
        raise UsageError(
            "OpenRouter performs this configuration's chain on its own side: point the client at "
            "OpenRouter, or try the chain out with --stub"
        )
    missing = sorted({name for d in routing.deployments for name in missing_secrets(d, env)})
    if missing:
        raise UsageError(
            f"not set in the environment: {', '.join(missing)} (or try the configuration with --stub)"
        )
    return {
        d.id: Endpoint(
            target(d, _wire(d, catalog), _base(d, catalog), env),
            _dialect(d, catalog),
            dict(d.params),
        )
        for d in routing.deployments
    }


def stub_endpoints(routing: Routing, catalog: Catalog, stub: StubServer) -> dict[str, Endpoint]:
    """Every deployment on the stub, which answers over each one's own wire."""
    return {
        d.id: Endpoint(
            Target(
                api_base=stub.base_url(d.id),
                model=d.model,
                secret="stub",
                region=d.region or "",
                settings=dict(d.settings),
            ),
            _dialect(d, catalog),
            dict(d.params),
        )
        for d in routing.deployments
    }


def reserving(program: Program) -> Program:
    """Whatever the semantics are of: nothing here is sent before there is room for it."""
    semantics = program.semantics
    if "reserve" in semantics.stages:
        return program
    return replace(program, semantics=replace(semantics, stages=("reserve", *semantics.stages)))


def labels(routing: Routing) -> dict[str, Labels]:
    return {d.id: Labels(d.provider, d.model) for d in routing.deployments}


def _dialect(deployment: Deployment, catalog: Catalog) -> Dialect:
    return dialect_of(_wire(deployment, catalog), deployment.model)


def _wire(deployment: Deployment, catalog: Catalog) -> str:
    provider = catalog.providers.get(deployment.provider)
    return provider.dialect if provider else "openai"


def _base(deployment: Deployment, catalog: Catalog) -> str:
    provider = catalog.providers.get(deployment.provider)
    return provider.api_base if provider else ""


@contextlib.asynccontextmanager
async def running(
    program: Program,
    found: Mapping[str, Endpoint],
    books: Books,
    host: str = "127.0.0.1",
    port: int = 0,
    stub: StubServer | None = None,
    notes: tuple[str, ...] = (),
    listening: socket.socket | None = None,
    listeners: tuple[Listener, ...] = (),
    restores: bool = False,
    names: NameFinder | None = None,
) -> AsyncIterator[Service]:
    """The runtime on `host:port` (0 takes a free one), or on a socket that listens already.

    With `restores` callers get their own values back where an answer names their placeholders.

    Raises NetworkError when the port is taken.
    """
    upstream = HttpUpstream()
    program = reserving(program)
    books.bind(program.routing)
    draws = iter(random.Random().random, None)
    notes = (*notes, *cache_notes(program))
    program, kept = cached(program)
    asks = Authorized(upstream)
    driver = Driver(program, World(), found, asks, time.monotonic, draws, kept=kept, names=names)
    metrics = Metrics()
    books.alerts.heard = metrics.alerted
    app = App(driver, books, time.time, restores, (metrics, *listeners), metrics)
    listening = listening or listen(host, port)
    config = uvicorn.Config(
        app,
        http=BoundedProtocol,
        ws="none",
        log_level="warning",
        access_log=False,
        lifespan="off",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_ENDS_WITHIN_S,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        while not server.started and not task.done():
            await asyncio.sleep(0.005)
        if task.done():
            task.result()
            raise NetworkError(f"the server on {host}:{port} stopped at once")
        bound = listening.getsockname()[1]
        yield Service(f"http://{host}:{bound}", app, stub, notes)
    finally:
        server.should_exit = True
        await task
        await upstream.close()
        await books.close()
        if names is not None:
            names.close()
        for listener in listeners:
            await asyncio.to_thread(listener.close)


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Without the protocol's name asyncio leaves Nagle's algorithm on: 40 ms for each answer.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise NetworkError(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another with --port"
        ) from error
    return listening
