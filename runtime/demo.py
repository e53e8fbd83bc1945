"""Three requests through the official OpenAI client, and what has to be true of each.

The runtime and its stub providers run in a thread; the client is the real one, over loopback.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from designer.engine.call import Program
from designer.errors import UsageError
from designer.ir import Routing, deployments_of
from runtime.books import Books, Priced
from runtime.ledger import cost_nano_usd, usage_of
from runtime.serve import Service, labels, running, stub_endpoints
from runtime.state.sqlite import connect
from runtime.stub import Fault, StubServer

PERSONAL = {
    "social security number": "536-90-4399",
    "e-mail address": "jane.roe@example.com",
    "card number": "4111 1111 1111 1111",
}
"""Made up: a number from the advertising range's neighbour, a reserved domain, a test card."""


@dataclass(slots=True)
class Shown:
    """One request of the demonstration, as a row of its table."""

    title: str
    route: str
    served_by: str = ""
    attempts: str = ""
    cost_usd: str = ""
    trace: str = ""
    """The request's id in the ledger."""
    saw: str = ""
    """What was checked, in words."""
    problems: list[str] = field(default_factory=list)

    def expect(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.problems.append(otherwise)


@dataclass(frozen=True, slots=True)
class Stage:
    """What the demonstration plays on."""

    program: Program
    priced: dict[str, Priced]
    catalog: Any
    state: Path


def play(stage: Stage) -> list[Shown]:
    """The rows, in order. Raises UsageError when the configuration has nothing to show."""
    route = _route(stage.program.routing)
    with _served(stage) as (service, in_loop):
        client = _client(service.url)
        assert service.stub is not None
        return [
            _normal(client, route, stage),
            _outage(client, route, stage, service.stub, in_loop),
            _personal(client, route, stage, service.stub),
        ]


def _route(routing: Routing) -> str:
    chat = [r.name for r in routing.routes if not r.embeds and len(deployments_of(r.node)) > 1]
    if not chat:
        raise UsageError("the demonstration needs a chat route with at least two deployments")
    return chat[0]


def _client(url: str) -> Any:
    try:
        from openai import OpenAI
    except ImportError as error:
        raise UsageError(
            "the demonstration uses the official OpenAI client: pip install 'llm-gateway-designer[demo]'"
        ) from error
    return OpenAI(base_url=f"{url}/v1", api_key="demo", max_retries=0, timeout=30)


# --- The three requests ---------------------------------------------------------------------------


def _normal(client: Any, route: str, stage: Stage) -> Shown:
    row = Shown("a normal request", route)
    primary, _ = _first_two(stage, route)
    usage = _ask(client, row, "What are your opening hours?")
    row.expect(row.served_by == primary, f"{row.served_by} answered instead of {primary}")
    row.expect(row.attempts == "1", f"it took {row.attempts} attempts")
    _expect_cost(row, stage, usage)
    row.saw = "the first deployment answers"
    return row


def _outage(
    client: Any,
    route: str,
    stage: Stage,
    stub: StubServer,
    in_loop: Callable[[Callable[[], Awaitable[None]]], None],
) -> Shown:
    row = Shown("the first provider is down", route)
    primary, second = _first_two(stage, route)

    async def break_it() -> None:
        stub.add_fault(Fault("down", deployment=primary))

    async def mend_it() -> None:
        stub.faults.clear()

    in_loop(break_it)
    usage = _ask(client, row, "And on Sundays?")
    in_loop(mend_it)
    row.expect(row.served_by == second, f"{row.served_by} answered instead of {second}")
    _expect_cost(row, stage, usage)
    provider = stage.priced[row.served_by].provider if row.served_by in stage.priced else "nobody"
    row.saw = f"the second answers, and the cost is booked to {provider}"
    return row


def _personal(client: Any, route: str, stage: Stage, stub: StubServer) -> Shown:
    row = Shown("personal data in the prompt", route)
    stub.received.clear()
    text = "; ".join(f"my {what} is {value}" for what, value in PERSONAL.items())
    usage = _ask(client, row, f"Please update my file: {text}.")
    bodies = b"\n".join(received.body for received in stub.received)
    row.expect(bool(stub.received), "no provider was asked")
    for what, value in PERSONAL.items():
        row.expect(value.encode() not in bodies, f"the {what} reached a provider")
    _expect_cost(row, stage, usage)
    row.saw = f"none of {', '.join(PERSONAL)} reached a provider"
    if row.served_by != _first_two(stage, route)[0]:
        row.saw += "; the first deployment is still left alone after its outage"
    return row


def _ask(client: Any, row: Shown, text: str) -> Any:
    """Ask, and note what the headers say. Returns the usage, None when there was no answer."""
    from openai import OpenAIError

    try:
        response = client.chat.completions.with_raw_response.create(
            model=row.route, messages=[{"role": "user", "content": text}]
        )
    except OpenAIError as error:
        row.problems.append(f"no answer: {error}")
        return None
    headers = response.headers
    row.trace = headers.get("x-designer-trace", "")
    row.served_by = headers.get("x-designer-served-by", "")
    row.attempts = headers.get("x-designer-attempts", "")
    row.cost_usd = headers.get("x-designer-cost-usd", "")
    answer = response.parse()
    row.expect(bool(answer.choices[0].message.content), "the answer is empty")
    return answer.usage.model_dump() if answer.usage else None


def _expect_cost(row: Shown, stage: Stage, usage: Any) -> None:
    """The ledger's row has to name who answered, at that deployment's own price."""
    with closing(connect(stage.state)) as db:
        booked = db.execute(
            "SELECT deployment, provider, cost_nano_usd FROM ledger WHERE request_id = ?",
            (row.trace,),
        ).fetchone()
    if booked is None:
        row.problems.append("nothing was booked")
        return
    priced, told = stage.priced.get(row.served_by), usage_of(usage)
    row.expect(booked[0] == row.served_by, f"the cost was booked to {booked[0]}")
    if priced is None or priced.price is None or told is None:
        row.problems.append("the price is not known")
        return
    row.expect(booked[1] == priced.provider, f"the cost was booked to {booked[1]}")
    owed = cost_nano_usd(priced.price, told)
    row.expect(booked[2] == owed, f"{booked[2]} nano-USD were booked, {owed} are owed")


def _first_two(stage: Stage, route: str) -> tuple[str, str]:
    first, second, *_ = deployments_of(stage.program.routing.route(route).node)
    return first, second


# --- The thread -----------------------------------------------------------------------------------


@contextmanager
def _served(
    stage: Stage,
) -> Iterator[tuple[Service, Callable[[Callable[[], Awaitable[None]]], None]]]:
    """The runtime and its stub in a thread of their own, until the block ends."""
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    made: dict[str, Any] = {}

    async def serve() -> None:
        made["end"] = asyncio.Event()
        routing = stage.program.routing
        async with StubServer(deployments=labels(routing)) as stub:
            found = stub_endpoints(routing, stage.catalog, stub)
            books = Books(stage.state, stage.priced)
            async with running(stage.program, found, books, stub=stub) as service:
                made["service"] = service
                ready.set()
                await made["end"].wait()

    def run() -> None:
        try:
            loop.run_until_complete(serve())
        except BaseException as error:  # noqa: BLE001  handed to the thread that waits
            made["error"] = error
        finally:
            ready.set()

    def in_loop(act: Callable[[], Awaitable[None]]) -> None:
        async def acted() -> None:
            await act()

        asyncio.run_coroutine_threadsafe(acted(), loop).result(10)

    thread = threading.Thread(target=run, name="demo", daemon=True)
    thread.start()
    ready.wait(30)
    if "error" in made:
        raise made["error"]
    try:
        yield made["service"], in_loop
    finally:
        loop.call_soon_threadsafe(made["end"].set)
        thread.join(10)
        loop.close()
