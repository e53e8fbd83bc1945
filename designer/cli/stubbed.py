"""A scenario's faults as the stub providers play them: the same file that drives a dry run.

Faults of guardrails and caches are no provider's, and a provider does not know by which route it is asked: both
are told and not played.
"""

from collections.abc import Iterator
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from designer.diagnostics import Report
from designer.engine.outcomes import Outcome
from designer.load import Config
from designer.services import loads, services
from designer.simulate import Scenario
from designer.simulate.faults import Faults, struck
from designer.simulate.scenario import Fault
from designer.simulate.services import UNKNOWN
from designer.simulate.traffic import loads_of

if TYPE_CHECKING:
    from runtime.stub import Fault as StubFault

_LITERAL = str.maketrans({"[": "[[]", "*": "[*]", "?": "[?]"})


UNPLAYED = "the fault of {target} is no provider's, and is not played"


class Timed(NamedTuple):
    fault: "StubFault"
    after_s: float
    """Since the stub began."""


def unplayed(scenario: Scenario) -> list[str]:
    """The targets that mean nothing to a provider, in words."""
    return [str(fault.target) for fault in scenario.faults if is_unplayed(fault)]


def stub_faults(config: Config, scenario: Scenario, report: Report) -> list[Timed]:
    """In the scenario's order, each for the deployments that it meets."""
    known, routing = services(config), config.parsed.routing
    names = tuple(route.name for route in routing.routes)
    traffic = loads_of(scenario.traffic, loads(config), names)
    busiest = max(traffic, key=lambda name: traffic[name].rate_per_s, default="")
    played = replace(scenario, faults=tuple(f for f in scenario.faults if not is_unplayed(f)))
    faults = Faults(played, routing, known, busiest, report)
    return [
        timed
        for deployment in routing.deployments
        for acting in faults.of_deployment(deployment.id)
        for timed in _timed(acting.fault, deployment.id, known.get(deployment.id, UNKNOWN).ttft_s)
    ]


def is_unplayed(fault: Fault) -> bool:
    target = fault.target
    return bool(target.guardrail or target.route or target.cache)


def _timed(fault: Fault, deployment: str, usual_s: float) -> Iterator[Timed]:
    """`usual_s`: what is slowed down; the stub itself answers at once."""
    from dataclasses import replace as changed

    from runtime.stub.scripts import faults_of

    good = Outcome(delay_s=usual_s if fault.kind == "latency" else 0.0)
    lasts_s = None if fault.to_s == inf else fault.to_s - fault.from_s
    # An id is a name here and not a pattern, whatever characters it is made of.
    literal = deployment.translate(_LITERAL)
    for played in faults_of(struck(fault, good)):
        yield Timed(
            changed(played, deployment=literal, share=fault.share, lasts_s=lasts_s), fault.from_s
        )
