"""The SDK's own client and server over standard input and output, the runtime and its stub between them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest
from mcp import Client, MCPError, StdioServerParameters

from designer.catalog import load_catalog
from designer.cli import run
from runtime.mcp.candidates import candidates
from runtime.mcp.preferences import Choice
from runtime.mcp.sampling import CAPABILITY, Sampling
from runtime.stub import Fault
from tests.runtime.served import FIRST, OFFERINGS, SECOND, Running, served, two_deployments

pytestmark = pytest.mark.slow
SERVER = [sys.executable, "-m", "tests.mcp.server"]
ROOT = Path(__file__).parents[2]
MODES: list[tuple[Literal["auto", "legacy"], str]] = [("auto", "before"), ("legacy", "within")]
SSN = "536-90-4399"

CONFIG = """\
model_list:
  - model_name: chat
    litellm_params: {model: openai/gpt-5.4, api_key: os.environ/KEY}
  - model_name: vectors
    model_info: {mode: embedding}
    litellm_params: {model: openai/text-embedding-3-small, api_key: os.environ/KEY}
"""


def stdio(command: list[str], **env: str) -> StdioServerParameters:
    return StdioServerParameters(command=command[0], args=command[1:], cwd=ROOT, env=env)


def text_of(result: Any) -> str:
    assert not result.is_error, result
    text: str = result.content[0].text
    return text


@pytest.mark.parametrize(("mode", "tool"), MODES)
def test_the_sdks_client_gets_a_sampled_answer_in_both_modes(
    mode: Literal["auto", "legacy"], tool: str, tmp_path: Path
) -> None:
    chosen: list[Choice] = []
    offered = candidates(
        two_deployments(), lambda deployment: OFFERINGS[deployment.id], load_catalog()
    )

    async def test(it: Running) -> None:
        async with httpx.AsyncClient(base_url=it.service.url) as http:
            sampling = Sampling(http, offered, chosen.append)
            async with Client(
                stdio(SERVER),
                sampling_callback=sampling,
                sampling_capabilities=CAPABILITY,
                mode=mode,
            ) as client:
                told = await client.call_tool(
                    tool, {"question": f"My SSN is {SSN}.", "hint": "gpt"}
                )

        model, stopped, text = text_of(told).split("|", 2)
        assert (stopped, chosen[0].route) == ("endTurn", "chat")
        assert model
        assert text
        (row,) = it.rows()
        assert (row["route"], row["deployment"]) == ("chat", FIRST)
        sent = json.loads(it.stub.received[-1].body)
        assert SSN not in json.dumps(sent)
        assert sent["messages"][0] == {"role": "system", "content": "be brief"}

    served(tmp_path, test)


@pytest.mark.parametrize(("mode", "tool"), MODES)
def test_an_agent_without_sampling_gets_the_answer_through_the_gateway(
    mode: str, tool: str, tmp_path: Path
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG, "utf-8")

    async def test(it: Running) -> None:
        it.stub.add_fault(Fault("http", deployment=FIRST, status=503))
        gateway = ["mcp-gateway", str(config), "--at", it.service.url, "--protocol", mode]
        command = [sys.executable, "-m", "designer", *gateway, "--", *SERVER]
        async with Client(stdio(command, DESIGNER_KEY="secret-canary", SEEN="yes")) as agent:
            told = text_of(await agent.call_tool(tool, {"question": "What is new?"}))
            tools = [one.name for one in (await agent.list_tools()).tools]
            resource = await agent.read_resource("text://one")
            prompt = await agent.get_prompt("greeting", {"name": "Ada"})
            key = text_of(await agent.call_tool("environment", {"name": "DESIGNER_KEY"}))
            seen = text_of(await agent.call_tool("environment", {"name": "SEEN"}))
            with pytest.raises(MCPError, match="nowhere"):
                await agent.read_resource("text://nowhere")

        assert told.split("|", 2)[1] == "endTurn"
        assert tools == ["within", "before", "environment"]
        assert resource.contents[0].text == "a resource"  # type: ignore[union-attr]
        assert prompt.messages[0].content.text == "Greet Ada."  # type: ignore[union-attr]
        assert (key, seen) == ("", "yes")
        assert [row["deployment"] for row in it.rows()] == [SECOND]

    served(tmp_path, test)


def test_a_runtime_that_refuses_is_told_in_its_own_words(tmp_path: Path) -> None:
    async def test(it: Running) -> None:
        for deployment in (FIRST, SECOND):
            it.stub.add_fault(Fault("http", deployment=deployment, status=503))
        offered = candidates(
            two_deployments(), lambda deployment: OFFERINGS[deployment.id], load_catalog()
        )
        async with (
            httpx.AsyncClient(base_url=it.service.url) as http,
            Client(
                stdio(SERVER), sampling_callback=Sampling(http, offered), mode="legacy"
            ) as client,
        ):
            with pytest.raises(MCPError, match="refused with 503: no deployment answered"):
                await client.call_tool("within", {"question": "hello"})

    served(tmp_path, test)


@pytest.mark.parametrize("command", ["no-such-server", "true"])
def test_a_server_that_does_not_start_is_told(command: str, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG, "utf-8")

    done = subprocess.run(
        [sys.executable, "-m", "designer", "mcp-gateway", str(config), "--", command],
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        check=False,
    )

    assert done.returncode == 4
    assert f"the MCP server '{command}' cannot be used" in done.stderr
    assert done.stdout == ""


def test_a_configuration_without_chats_offers_nothing(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    rows = CONFIG.splitlines(keepends=True)
    config.write_text("".join([rows[0], *rows[3:]]), "utf-8")

    assert run(["mcp-gateway", str(config), "--", "true"]) == 2
