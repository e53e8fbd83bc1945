"""Route tests as data: scripted outcomes as in a trace, and what has to come of them.

The same tests are played by the engine (here) and on a real gateway (`designer.conform.against`);
both hand in what was `Seen`, and one judge says how it differs from what was expected.
"""

from designer.routetest.judge import difference
from designer.routetest.model import Check, Difference, Range, Result, RouteTest, Seen, Slack, Suite
from designer.routetest.play import Bench, Played, judged, play, ready
from designer.routetest.read import load_suite

__all__ = [
    "Bench",
    "Check",
    "Difference",
    "Played",
    "Range",
    "Result",
    "RouteTest",
    "Seen",
    "Slack",
    "Suite",
    "difference",
    "judged",
    "load_suite",
    "play",
    "ready",
]
