"""A case whose deployments have an address: what is sent to the gateway, and what the engine reads."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, unquote

from msgspec import Struct

from designer.conform.case import Case
from designer.conform.observed import Provider
from designer.diagnostics import Report
from designer.errors import UsageError
from designer.gateways.base import Parsed
from designer.trace import Names

Fill = Callable[[Mapping[str, Any], Callable[[int], str]], Mapping[str, Any]]
"""A configuration with, for its nth deployment, the address that the function gives for n."""


class Placed(Struct, frozen=True):
    case: Case
    config: Mapping[str, Any]
    parsed: Parsed
    """What the engine understands of `config`."""
    names: Mapping[str, str]
    """Deployments, as a trace of the case calls them, by their label at the provider."""


def place(
    case: Case,
    provider: Provider,
    fill: Fill,
    parse: Callable[[Mapping[str, Any], Report], Parsed | None],
    turn: int,
) -> Placed:
    """Give every deployment of the case an address, and the provider its script.

    `turn` tells apart several runs of one case. Raises UsageError for a configuration that the
    engine does not read.
    """
    stem = f"{case.id}~{turn}~"
    config = fill(case.config, lambda number: provider.url(f"{stem}{number}"))
    report = Report()
    parsed = parse(config, report)
    if parsed is None:
        raise UsageError(f"{case.id}: {'; '.join(d.message for d in report.diagnostics)}")
    shown = Names(parsed, case.script)
    names = {
        label_of(deployment.api_base): shown.show(deployment.id)
        for deployment in parsed.routing.deployments
        if deployment.api_base
    }
    for label, name in names.items():
        if answers := case.script.answers.get(name):
            provider.script(label, tuple(answer.outcome for answer in answers))
    return Placed(case, config, parsed, names)


def address(base: str, label: str) -> str:
    return f"{base}/d/{quote(label, safe='')}"


def label_of(api_base: str) -> str:
    """Of an address of the scripted provider: whose it is."""
    return unquote(api_base.partition("/d/")[2].partition("/")[0])
