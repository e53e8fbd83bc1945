"""An MCP server on standard input and output whose tools ask a model, each in one of the two ways."""

import os
import sys
import warnings
from typing import Any

from mcp import MCPDeprecationWarning, types
from mcp.server import MCPServer
from mcp.server.mcpserver import Context

warnings.simplefilter("ignore", MCPDeprecationWarning)
server = MCPServer("asks", instructions="It asks a model.")


def asked(question: str, hint: str) -> types.CreateMessageRequestParams:
    return types.CreateMessageRequestParams(
        messages=[
            types.SamplingMessage(role="user", content=types.TextContent(text=question)),
        ],
        model_preferences=types.ModelPreferences(
            hints=[types.ModelHint(name=hint)] if hint else None, cost_priority=0.9
        ),
        system_prompt="be brief",
        max_tokens=64,
    )


def told(result: Any) -> str:
    return f"{result.model}|{result.stop_reason}|{result.content.text}"


@server.tool()
async def within(question: str, ctx: Context, hint: str = "") -> str:
    """Asks while the call is under way, as before 2026-07-28."""
    params = asked(question, hint)
    return told(
        await ctx.session.create_message(
            messages=params.messages,
            max_tokens=params.max_tokens,
            system_prompt=params.system_prompt,
            model_preferences=params.model_preferences,
        )
    )


@server.tool()
async def before(question: str, ctx: Context, hint: str = "") -> Any:
    """Answers the call with what it needs, as since 2026-07-28."""
    responses = ctx.input_responses or {}
    if "model" in responses:
        return told(responses["model"])
    request = types.CreateMessageRequest(params=asked(question, hint))
    return types.InputRequiredResult(input_requests={"model": request}, request_state="1")


@server.tool()
async def environment(name: str) -> str:
    return os.environ.get(name, "")


@server.resource("text://one")
def one() -> str:
    return "a resource"


@server.prompt()
def greeting(name: str) -> str:
    return f"Greet {name}."


if __name__ == "__main__":
    server.run("stdio")
    sys.exit()
