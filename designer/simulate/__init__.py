"""Dry runs in virtual time: traffic and outages from a scenario, decisions from the engine.

What is simulated is what a configuration's text means (`Parsed`); providers' speeds, prices and quotas
are facts that the caller joins (`Service`). Nothing here reads a catalog, a clock or a network, and the
same seed gives the same bytes.
"""

from designer.simulate.builtin import BUILTIN
from designer.simulate.driver import simulate
from designer.simulate.replay import Recording, read_recording, recorded, recording_of
from designer.simulate.result import Check, Interval, Result, RouteResult
from designer.simulate.scenario import Scenario, builtin_scenario, load_scenario
from designer.simulate.services import Service
from designer.simulate.sweep import BACKENDS, Job, Workers, sweep
from designer.simulate.traffic import Load

__all__ = [
    "BACKENDS",
    "BUILTIN",
    "Check",
    "Interval",
    "Job",
    "Load",
    "Recording",
    "Result",
    "RouteResult",
    "Scenario",
    "Service",
    "Workers",
    "builtin_scenario",
    "load_scenario",
    "read_recording",
    "recorded",
    "recording_of",
    "simulate",
    "sweep",
]
