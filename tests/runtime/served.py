"""The runtime over real HTTP in front of stub providers, for one test."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import openai
from msgspec import Struct

from designer.catalog import load_catalog
from designer.engine.call import Program
from designer.engine.semantics import Semantics
from designer.gateways.reference import REFERENCE
from designer.ir import (
    ANY,
    REFUSALS,
    Chain,
    Deployment,
    Guardrail,
    Retry,
    Route,
    Routing,
    Rung,
    Target,
    failures,
)
from runtime.books import Books, Priced, terms_of
from runtime.names import NameFinder
from runtime.serve import Service, labels, running, stub_endpoints
from runtime.state.sqlite import connect
from runtime.stub import StubServer
from runtime.stub.answers import Question
from runtime.telemetry import Listener

CATALOG = load_catalog()
FIRST, SECOND, VECTORS = "chat/one/gpt", "chat/two/claude", "search/one/embed"
OFFERINGS = {
    FIRST: CATALOG.matching("openai/gpt-5.4@global")[0],
    SECOND: CATALOG.matching("anthropic/claude-haiku-4-5@global")[0],
    VECTORS: CATALOG.matching("openai/text-embedding-3-small@global")[0],
}


def two_deployments(**route: Any) -> Routing:
    deployments = tuple(
        Deployment(id_, o.provider, o.model, timeout_s=5.0, first_token_s=2.0, secret="env:KEY")
        for id_, o in OFFERINGS.items()
    )
    on = ANY - REFUSALS - failures(400, 422)
    chat = Chain((Rung(Retry(Target(FIRST), 1)), Rung(Retry(Target(SECOND), 1), on)))
    rail = Guardrail("pii", "pii", frozenset({"input"}), "redact", ("email", "us_ssn"))
    return Routing(
        (
            Route("chat", chat, deadline_s=10, attempts_limit=4, **route),
            Route("search", Target(VECTORS), embeds=True),
        ),
        deployments,
        (rail,),
    )


class Running(Struct):
    service: Service
    stub: StubServer
    state: Path

    @property
    def client(self) -> openai.AsyncOpenAI:
        base = f"{self.service.url}/v1"
        return openai.AsyncOpenAI(base_url=base, api_key="none", max_retries=0)

    def rows(self) -> list[dict[str, Any]]:
        with closing(connect(self.state)) as db:
            found = db.execute("SELECT * FROM ledger ORDER BY at_ms, request_id")
            names = [column[0] for column in found.description]
            return [dict(zip(names, row, strict=True)) for row in found]


PRICED = {
    id_: Priced(o.provider, o.model, o.price, "d", terms_of(o, id_ == VECTORS))
    for id_, o in OFFERINGS.items()
}


@contextlib.asynccontextmanager
async def runtime_on(
    tmp_path: Path,
    routing: Routing | None = None,
    semantics: Semantics = REFERENCE,
    listeners: tuple[Listener, ...] = (),
    *,
    says: Callable[[Question], str] | None = None,
    restores: bool = False,
    stub: StubServer | None = None,
    names: NameFinder | None = None,
    **books: Any,
) -> AsyncIterator[Running]:
    """`stub` is one that runs already; `books` is how limits are counted."""
    routing = routing or two_deployments()
    state = tmp_path / "state.sqlite"
    async with contextlib.AsyncExitStack() as stack:
        own = StubServer(deployments=labels(routing), keep=100_000, says=says)
        stub = stub or await stack.enter_async_context(own)
        found = stub_endpoints(routing, CATALOG, stub)
        program, kept = Program(routing, semantics), Books(state, PRICED, **books)
        service = await stack.enter_async_context(
            running(
                program,
                found,
                kept,
                stub=stub,
                listeners=listeners,
                restores=restores,
                names=names,
            )
        )
        yield Running(service, stub, state)


def served(
    tmp_path: Path,
    test: Callable[[Running], Awaitable[None]],
    routing: Routing | None = None,
    semantics: Semantics = REFERENCE,
    *,
    says: Callable[[Question], str] | None = None,
    restores: bool = False,
    **books: Any,
) -> None:
    async def main() -> None:
        async with runtime_on(
            tmp_path, routing, semantics, says=says, restores=restores, **books
        ) as running_:
            await test(running_)

    asyncio.run(main())


HELLO: list[Any] = [{"role": "user", "content": "hello"}]
