"""`designer simulate --against`: one scenario on paper and on a real gateway, the difference request by request."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import islice, takewhile
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import click
from msgspec import Struct
from msgspec.structs import replace

from designer import __version__
from designer.cli.output import echo_json
from designer.cli.stubbed import UNPLAYED, is_unplayed, stub_faults
from designer.conform.installed import Installed, find
from designer.conform.observed import MARK, Answered, Asked, Reached, observed
from designer.conform.rehearsal import rehearsal
from designer.conform.staging import RUNTIME, runtime, standing
from designer.conform.worlds import Fault, Met, Pace, Played, Real, as_text, compared
from designer.diagnostics import Report
from designer.engine.call import Program
from designer.engine.outcomes import Outcome
from designer.errors import UsageError
from designer.load import Config
from designer.services import loads, services
from designer.simulate import Scenario
from designer.simulate.faults import Faults, struck
from designer.simulate.services import UNKNOWN
from designer.simulate.traffic import Visit, arrivals, loads_of

if TYPE_CHECKING:
    from runtime.stub import StubServer

BETWEEN_CHUNKS_S = 0.05
_SETTLES_S = 0.3
"""After the last answer: an attempt that nobody waited for may still arrive."""
_BEGINS_AFTER_S = 0.5


class Bounds(Struct, frozen=True):
    """How much is played, how fast, and how alike it has to be."""

    at_most: int
    """Requests."""
    within_s: float
    compress: float
    """The scenario's times are divided by it; a gateway's own waits and cooldowns are not."""
    tolerance_s: float
    at_least: float
    """Share of the requests that are to be alike."""


def against(
    config: Config,
    scenario: Scenario,
    gateway: str,
    semantics: str,
    seed: int,
    bounds: Bounds,
    report: Report,
) -> Played:
    """Raises UsageError for what cannot be played, NetworkError where a gateway does not start."""
    if scenario.traffic.replay:
        raise UsageError("--against plays traffic of a profile or at a rate, not a recorded log")
    if scenario.replicas > 1:
        raise UsageError("--against plays one process, and the scenario has several replicas")
    installed = _installed(gateway, semantics)
    scenario = _compressed(scenario, bounds.compress)
    visits = list(_visits(config, scenario, seed, bounds))
    if not visits:
        raise UsageError("the scenario asks for nothing in the time that is played")
    faults = _faults(config, scenario)
    with _stub() as stub:
        copy = rehearsal(config, stub.base_url)
        with standing(installed, copy, config.gateway.name) as stood:
            stood.wake()
            marks = range(1, len(visits) + 1)
            requests = [
                stood.asked(v.route, {"stream": v.request.stream}, mark, v.at + _BEGINS_AFTER_S)
                for v, mark in zip(visits, marks, strict=True)
            ]
            began_s = stub.now_s + _BEGINS_AFTER_S
            for fault, after_s in stub_faults(config, scenario, report):
                stub.add_fault(fault, after_s + _BEGINS_AFTER_S)
            answers = stood.answers(requests)
            time.sleep(_SETTLES_S)
            met = _met(stub, began_s)
    played = [
        _real(visit, asked, answer, met.get(mark, ()))
        for visit, asked, answer, mark in zip(visits, requests, answers, marks, strict=True)
    ]
    program = Program(config.parsed.routing, config.parsed.semantics)
    return Played(
        gateway=f"{installed.gateway} {installed.version}",
        semantics=f"{config.parsed.semantics.name} {config.parsed.semantics.version}",
        scenario=scenario.name,
        seed=seed,
        pairs=tuple(compared(program, played, faults, bounds.tolerance_s, _paces(config))),
        lasted_s=visits[-1].at,
        at_least=bounds.at_least,
        tolerance_s=bounds.tolerance_s,
        notes=tuple(_notes(scenario, bounds, visits)),
    )


def show(played: Played, format_: str) -> None:
    if format_ == "json":
        echo_json(played.as_json())
    else:
        click.echo(as_text(played), nl=False)


def _installed(gateway: str, semantics: str) -> Installed:
    if gateway == RUNTIME:
        return runtime(semantics, __version__)
    if semantics != "own":
        raise UsageError("a real gateway has semantics of its own: --semantics is for the runtime")
    return find(Path(gateway))


def _notes(scenario: Scenario, bounds: Bounds, visits: Sequence[Visit]) -> Iterator[str]:
    if bounds.compress != 1.0:
        yield (
            f"the scenario's times are divided by {bounds.compress:g}; rates, and the gateway's own "
            "waits and cooldowns, are not"
        )
    whole_s = scenario.for_s
    if len(visits) == bounds.at_most or whole_s > bounds.within_s:
        yield f"played are the first {visits[-1].at:.0f} of {whole_s:.0f} s"
    yield "providers answer at once, but for faults; quotas are not played"
    yield (
        "picks at random, and which requests a fault with a share meets, are taken over from the "
        f"gateway; times may differ by {bounds.tolerance_s:g} s and the jitter"
    )
    for fault in scenario.faults:
        if is_unplayed(fault):
            yield UNPLAYED.format(target=fault.target)


# --- Before ---------------------------------------------------------------------------------------


def _compressed(scenario: Scenario, by: float) -> Scenario:
    for_s = scenario.for_s / by
    faults = (replace(f, from_s=f.from_s / by, to_s=f.to_s / by) for f in scenario.faults)
    traffic = replace(scenario.traffic, for_s=for_s)
    return replace(scenario, traffic=traffic, faults=tuple(faults))


def _visits(config: Config, scenario: Scenario, seed: int, bounds: Bounds) -> Iterator[Visit]:
    """The requests that a dry run with this seed has, as far as they are played."""
    names = tuple(r.name for r in config.parsed.routing.routes if not r.embeds)
    traffic = loads_of(scenario.traffic, loads(config), names) if names else {}
    coming = arrivals(
        traffic, scenario.for_s, Random(f"{seed}/arrivals"), scenario.traffic.is_daily
    )
    return islice(takewhile(lambda visit: visit.at < bounds.within_s, coming), bounds.at_most)


def _faults(config: Config, scenario: Scenario) -> dict[str, list[Fault]]:
    """By deployment, as the stub providers play them; `stub_faults` reports what meets nothing."""
    from runtime.stub.scripts import faults_of

    known, routing = services(config), config.parsed.routing
    names = tuple(route.name for route in routing.routes)
    rates = loads_of(scenario.traffic, loads(config), names)
    busiest = max(rates, key=lambda name: rates[name].rate_per_s, default="")
    kept = replace(scenario, faults=tuple(f for f in scenario.faults if not is_unplayed(f)))
    met = Faults(kept, routing, known, busiest, Report())
    found: dict[str, list[Fault]] = {}
    for deployment in routing.deployments:
        usual_s = known.get(deployment.id, UNKNOWN).ttft_s
        for acting in met.of_deployment(deployment.id):
            good = Outcome(delay_s=usual_s if acting.fault.kind == "latency" else 0.0)
            outcome = struck(acting.fault, good)
            kinds = frozenset(fault.kind for fault in faults_of(outcome))
            fault = Fault(acting.from_s, acting.to_s, acting.share, outcome, kinds)
            found.setdefault(deployment.id, []).append(fault)
    return found


def _paces(config: Config) -> dict[str, Pace]:
    """What a stub says names its deployment, so that each says as much as its name is long."""
    from runtime.stub.answers import Question, answer_to
    from runtime.stub.wires import WIRES

    wire = next(wire for wire in WIRES if wire.name == "openai")
    found = {}
    for deployment in config.parsed.routing.deployments:
        question = Question("", deployment.id, ("hello",), is_stream=True, body={})
        pieces = wire.pieces(question, answer_to(question))
        count = sum(has_content for _, has_content in pieces)
        found[deployment.id] = Pace(count, BETWEEN_CHUNKS_S)
    return found


@contextmanager
def _stub() -> "Iterator[StubServer]":
    if not find_spec("orjson"):
        raise UsageError(
            "the stub provider lacks orjson: pip install 'llm-gateway-designer[runtime]'"
        )
    from runtime.stub import running_stub

    with running_stub(between_chunks_s=BETWEEN_CHUNKS_S) as stub:
        yield stub


# --- Afterwards -----------------------------------------------------------------------------------


def _met(stub: "StubServer", began_s: float) -> dict[int, tuple[Met, ...]]:
    """What reached the stub providers, by the mark of its request."""
    import orjson

    found: dict[int, tuple[Met, ...]] = {}
    for received in list(stub.received):
        try:
            mark = orjson.loads(received.body).get(MARK)
        except (ValueError, AttributeError):  # not one of ours
            continue
        if isinstance(mark, int):
            met = Met(received.deployment, received.at_s - began_s, frozenset(received.faults))
            found[mark] = (*found.get(mark, ()), met)
    return found


def _real(visit: Visit, asked: Asked, answer: Answered, met: Sequence[Met]) -> Real:
    reached = [Reached(one.deployment, one.at_s) for one in met]
    seen = observed(asked, answer, reached, {})
    return Real(visit.at, visit.route, visit.request.stream, tuple(met), seen, answer.took_s)
