"""A small MCP gateway: it stands between an agent and one MCP server, and answers the server's sampling.

What the agent asks is passed to the server as it is: tools, prompts, resources, completions. What the
server asks of a model is answered by the runtime and never reaches the agent, which need not support
sampling. Elicitation, roots, progress and log messages are not passed on; docs/mcp.md says so.
"""

from dataclasses import dataclass
from typing import Any, Literal

from mcp import Client, StdioServerParameters, stdio_server, types
from mcp.server import Server, ServerRequestContext

from runtime.mcp.sampling import CAPABILITY, Sampling

Protocol = Literal["auto", "legacy"]
"""How the server is spoken to: `legacy` for one that asks within a call (`create_message`), `auto` for
one that answers a call with what it needs (protocol 2026-07-28)."""

_Context = ServerRequestContext[Any]
_Page = types.PaginatedRequestParams | None


async def stand_between(
    command: StdioServerParameters, sampling: Sampling, protocol: Protocol
) -> None:
    """Serves the agent on standard input and output until it leaves; the server is started and ended."""
    client = Client(
        command, sampling_callback=sampling, sampling_capabilities=CAPABILITY, mode=protocol
    )
    async with client, stdio_server() as (reading, writing):
        server = passing_on(client)
        await server.run(reading, writing, server.create_initialization_options())


def passing_on(client: Client) -> Server[Any]:
    """A server that answers what `client`'s own server answers: only what that one can."""
    info, can, ask = client.server_info, client.server_capabilities, _Asking(client)
    handlers: dict[str, Any] = {}
    if can.tools:
        handlers |= {"on_list_tools": ask.list_tools, "on_call_tool": ask.call_tool}
    if can.prompts:
        handlers |= {"on_list_prompts": ask.list_prompts, "on_get_prompt": ask.get_prompt}
    if can.resources:
        handlers |= {
            "on_list_resources": ask.list_resources,
            "on_list_resource_templates": ask.list_templates,
            "on_read_resource": ask.read_resource,
        }
    if can.completions:
        handlers |= {"on_completion": ask.complete}
    name, version = (info.name, info.version) if info else ("mcp-server", "")
    return Server(name, version=version, instructions=client.instructions, **handlers)


@dataclass(frozen=True, slots=True)
class _Asking:
    """Each of an agent's requests, asked of the server. Its errors go to the agent as they are."""

    client: Client

    async def list_tools(self, _: _Context, page: _Page) -> types.ListToolsResult:
        return await self.client.list_tools(cursor=_cursor(page))

    async def call_tool(
        self, _: _Context, asked: types.CallToolRequestParams
    ) -> types.CallToolResult:
        return await self.client.call_tool(asked.name, asked.arguments)

    async def list_prompts(self, _: _Context, page: _Page) -> types.ListPromptsResult:
        return await self.client.list_prompts(cursor=_cursor(page))

    async def get_prompt(
        self, _: _Context, asked: types.GetPromptRequestParams
    ) -> types.GetPromptResult:
        return await self.client.get_prompt(asked.name, asked.arguments)

    async def list_resources(self, _: _Context, page: _Page) -> types.ListResourcesResult:
        return await self.client.list_resources(cursor=_cursor(page))

    async def list_templates(self, _: _Context, page: _Page) -> types.ListResourceTemplatesResult:
        return await self.client.list_resource_templates(cursor=_cursor(page))

    async def read_resource(
        self, _: _Context, asked: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        return await self.client.read_resource(asked.uri)

    async def complete(
        self, _: _Context, asked: types.CompleteRequestParams
    ) -> types.CompleteResult:
        argument = {"name": asked.argument.name, "value": asked.argument.value}
        known = asked.context.arguments if asked.context else None
        return await self.client.complete(asked.ref, argument, known)


def _cursor(page: _Page) -> str | None:
    return page.cursor if page else None
