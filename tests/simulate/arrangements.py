"""One small configuration that most of the tests here run on."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from designer.diagnostics import Report
from designer.gateways.base import Parsed
from designer.gateways.reference import REFERENCE
from designer.ir import (
    ANY,
    REFUSALS,
    Chain,
    Cooldown,
    Deployment,
    Guardrail,
    Retry,
    Route,
    Routing,
    Rung,
    Target,
)
from designer.simulate import Load, Result, Service, load_scenario, simulate

SE = Deployment(
    "chat/azure-se/x",
    "azure",
    "gptx-prod",
    timeout_s=30.0,
    first_token_s=10.0,
    cooldown=Cooldown(30.0, 2),
)
FRA = replace(SE, id="chat/bedrock-fra/y", provider="bedrock", model="y-2", region="eu-central-1")
CHAT = Route(
    "chat",
    Chain((Rung(Retry(Target(SE.id), 2)), Rung(Retry(Target(FRA.id), 1), ANY - REFUSALS))),
    deadline_s=60.0,
    attempts_limit=4,
)
PII = Guardrail("pii", "pii", frozenset({"input"}), "redact")
ROUTING = Routing((CHAT,), (SE, FRA))
PARSED = Parsed("reference", ROUTING, REFERENCE)
RAILED = replace(PARSED, routing=replace(ROUTING, guardrails=(PII,)))
SERVICES = {
    SE.id: Service(
        ttft_s=0.5,
        tokens_per_s=100.0,
        provider="azure",
        model="azure/x",
        region="swedencentral",
        zones=frozenset({"eu", "se"}),
        input_usd_per_mtok=Decimal(2),
        output_usd_per_mtok=Decimal(8),
    ),
    FRA.id: Service(
        ttft_s=1.0,
        tokens_per_s=50.0,
        provider="bedrock",
        model="bedrock/y",
        region="eu-central-1",
        zones=frozenset({"eu", "de"}),
        input_usd_per_mtok=Decimal(3),
        output_usd_per_mtok=Decimal(15),
    ),
}
LOADS = {"chat": Load(2.0, input_tokens=1000, output_tokens=100, max_output_tokens=800)}


def ran(
    text: str,
    parsed: Parsed = PARSED,
    services: Mapping[str, Service] = SERVICES,
    loads: Mapping[str, Load] = LOADS,
    report: Report | None = None,
    **more: Any,
) -> Result:
    found = Report() if report is None else report
    scenario = load_scenario(text, "scenario.yaml", found)
    assert scenario is not None, [str(finding) for finding in found]
    return simulate(parsed, scenario, services, loads, found, **more)


def fault(text: str, traffic: str = "{from: profile, for: 10m}", bounds: str = "[]") -> str:
    """A scenario of one fault."""
    return f"version: 1\ntraffic: {traffic}\nfaults: [{{{text}}}]\nassert: {bounds}\n"
