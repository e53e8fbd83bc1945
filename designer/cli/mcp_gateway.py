"""`designer mcp-gateway`: an MCP server's requests for a model's answer, answered by the runtime."""

import asyncio
import os
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

import click

from designer.catalog import load_catalog
from designer.cli.output import tell
from designer.diagnostics import Report
from designer.errors import NetworkError, UsageError
from designer.load import load_config

if TYPE_CHECKING:
    from runtime.mcp.preferences import Candidate, Choice

_ANSWERS_WITHIN_S = 300.0


@click.command(
    epilog="""\b
Examples:
  designer serve out/eu-support --stub &
  designer mcp-gateway out/eu-support -- python server.py
  designer mcp-gateway out/eu-support --at https://llm.internal --protocol legacy -- npx a-server

\b
The key, where the runtime asks for one, is read from DESIGNER_KEY.""",
)
@click.argument("config")
@click.argument("command", nargs=-1, required=True)
@click.option(
    "--at",
    "url",
    default="http://127.0.0.1:4000",
    show_default=True,
    help="Where the runtime answers (`designer serve`).",
)
@click.option(
    "--key-from",
    metavar="NAME",
    default="DESIGNER_KEY",
    show_default=True,
    help="The environment variable with the runtime's virtual key; need not be set.",
)
@click.option(
    "--protocol",
    type=click.Choice(["auto", "legacy"]),
    default="auto",
    show_default=True,
    help="`legacy` for a server that asks for answers within a call (before 2026-07-28).",
)
def mcp_gateway(
    config: str, command: tuple[str, ...], url: str, key_from: str, protocol: str
) -> None:
    """Stand between an agent and the MCP server COMMAND, and answer the server's sampling requests.

    Speaks MCP on standard input and output: give this command to the agent in place of the server's.
    CONFIG offers its chat routes; a server's model preferences choose among them. What is asked goes
    through the runtime at --at: its guardrails, budgets, fallbacks and ledger.
    """
    if not find_spec("mcp"):
        raise UsageError("the MCP SDK is missing: pip install 'llm-gateway-designer[mcp]'")
    offered = _offered(config)
    # The server gets what the agent gave this process, but not the key to the runtime.
    env = dict(os.environ)
    key = env.pop(key_from, "")
    asyncio.run(_stand_between(offered, command, env, url, key, protocol))


def _offered(path: str) -> "tuple[Candidate, ...]":
    from runtime.mcp.candidates import candidates

    report = Report()
    config = load_config(path, report)
    tell(report)
    if config is None:
        raise click.exceptions.Exit(2)
    found = candidates(config.parsed.routing, config.offering, load_catalog())
    if not found:
        raise UsageError(f"{path} has no route that answers chats")
    return found


async def _stand_between(
    offered: "tuple[Candidate, ...]",
    command: tuple[str, ...],
    env: dict[str, str],
    url: str,
    key: str,
    protocol: str,
) -> None:
    import httpx
    from mcp import MCPError, StdioServerParameters

    from runtime.mcp.gateway import stand_between
    from runtime.mcp.sampling import Sampling

    headers = {"authorization": f"Bearer {key}"} if key else {}
    server = StdioServerParameters(command=command[0], args=list(command[1:]), env=env)
    mode: Literal["auto", "legacy"] = "legacy" if protocol == "legacy" else "auto"
    try:
        async with httpx.AsyncClient(
            base_url=url, headers=headers, timeout=_ANSWERS_WITHIN_S, trust_env=False
        ) as http:
            await stand_between(server, Sampling(http, offered, _say), mode)
    except (OSError, MCPError, ExceptionGroup) as problem:
        causes = _causes(problem)
        if not all(isinstance(cause, OSError | MCPError) for cause in causes):
            raise
        told = "; ".join(map(str, causes))
        raise NetworkError(f"the MCP server {command[0]!r} cannot be used: {told}") from problem


def _causes(problem: Exception) -> list[Exception]:
    if not isinstance(problem, ExceptionGroup):
        return [problem]
    return [cause for one in problem.exceptions for cause in _causes(one)]


def _say(choice: "Choice") -> None:
    print(f"sampling: {choice.route} ({choice.why})", file=sys.stderr, flush=True)
