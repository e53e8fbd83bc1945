"""A scenario in two worlds: chance is taken over from the gateway, and nothing else is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from designer.cli import run
from designer.conform.observed import Observed, Tried
from designer.conform.worlds import Fault, Met, Played, Real, agreement, as_text, compared
from designer.engine.call import Program
from designer.engine.events import Inspect, Inspected, LookedUp, Request, Reserved, Send
from designer.engine.outcomes import Outcome
from designer.engine.virtual import Arrival, Run, perform
from designer.engine.world import World
from designer.gateways.reference import REFERENCE
from designer.ir import (
    Arm,
    Chain,
    Deployment,
    Node,
    Pool,
    Retry,
    Route,
    Routing,
    Rung,
    Split,
    Target,
)

IDS = ("a", "b", "c")
POOL = Pool((Target("a"), Target("b")), (0.7, 0.3))
DOWN = Fault(2.0, 8.0, 1.0, Outcome(status=503, kind="http"), frozenset({"http"}))
SOMETIMES = replace(DOWN, share=0.4, outcome=Outcome(status=429, kind="rate_limit"))
QUIET = replace(REFERENCE, backoff=replace(REFERENCE.backoff, jitter_s=0.0))


def program(node: Node) -> Program:
    deployments = tuple(Deployment(id_, "openai", id_, timeout_s=5.0) for id_ in IDS)
    return Program(Routing((Route("chat", node),), deployments), QUIET)


class Around:
    """Providers under faults, by a chance of their own, that remember which fault met which attempt."""

    def __init__(self, faults: dict[str, list[Fault]], seed: int) -> None:
        self.faults, self.chance = faults, Random(seed)
        self.met: dict[int, list[Met]] = {}

    def answer(self, run: Run, send: Send, at: float) -> Outcome:
        for fault in self.faults.get(send.deployment, []):
            if fault.from_s <= at < fault.to_s and self.chance.random() < fault.share:
                self._note(run, send, at, fault.kinds)
                return fault.outcome
        self._note(run, send, at, frozenset())
        return Outcome()

    def _note(self, run: Run, send: Send, at: float, kinds: frozenset[str]) -> None:
        self.met.setdefault(run.index, []).append(Met(send.deployment, at, kinds))

    def inspect(self, run: Run, ask: Inspect, at: float) -> Inspected:
        return Inspected(at, "pass")

    def look_up(self, run: Run, at: float) -> LookedUp:
        return LookedUp(at, hit=False)

    def reserve(self, run: Run, at: float) -> Reserved:
        return Reserved(at)

    def jitter(self) -> float:
        return 0.0


def played(what: Program, faults: dict[str, list[Fault]], seed: int, count: int = 30) -> list[Real]:
    """What a gateway that behaves as the program would have done."""
    chance, around = Random(seed), Around(faults, seed)
    at = sorted(chance.uniform(0, 12) for _ in range(count))
    coming = [Arrival(one, "chat", Request()) for one in at]
    runs = perform(what, coming, around, World(), iter(chance.random, None))
    return [
        _real(run, around.met.get(run.index, [])) for run in sorted(runs, key=lambda r: r.index)
    ]


def _real(run: Run, met: Sequence[Met]) -> Real:
    assert run.finish is not None
    start_s = met[0].at_s if met else 0.0
    tried = tuple(Tried(one.deployment, one.at_s - start_s) for one in met)
    told = None
    seen = Observed(tried, run.finish.status, told, run.finish.served_by)
    return Real(run.arrival.at, "chat", False, tuple(met), seen, run.took_s)


NODES: dict[str, Node] = {
    "a pool": Retry(POOL, 2),
    "a chain of pools": Chain((Rung(Retry(POOL, 1)), Rung(Retry(Target("c"), 1)))),
    "an experiment": Split("new", (Arm("one", 0.5, POOL), Arm("two", 0.5, Target("c")))),
    "pools in a pool": Pool((POOL, Target("c"))),
}


@pytest.mark.parametrize("node", NODES.values(), ids=list(NODES))
@given(seed=st.integers(0, 10_000))
def test_a_gateway_that_behaves_as_the_engine_says_is_alike_whatever_chance_did(
    node: Node, seed: int
) -> None:
    faults = {"a": [DOWN], "b": [SOMETIMES]}
    what = program(node)

    pairs = compared(what, played(what, faults, seed), faults)

    assert [pair.differences for pair in pairs if pair.verdict != "alike"] == []


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (Retry(POOL, 0), "asked"),
        (Chain((Rung(Retry(POOL, 2)), Rung(Target("c")))), "asked"),
        (Retry(Target("a"), 2), "asked"),
    ],
)
def test_a_gateway_that_behaves_otherwise_differs(other: Node, says: str) -> None:
    faults = {"a": [DOWN], "b": [DOWN]}

    pairs = compared(program(Retry(POOL, 2)), played(program(other), faults, 3), faults)

    assert agreement(pairs) < 0.95
    assert any(says in text for pair in pairs for text in pair.differences)


def test_what_comes_late_differs_and_by_how_much_is_said() -> None:
    what = program(Target("a"))
    [real, *_] = played(what, {}, 1, count=1)

    [pair] = compared(what, [replace(real, took_s=real.took_s + 2)], {})

    assert (pair.verdict, pair.differences) == ("differs", ("took 2.00 s, traced 0.00 s",))


def test_picks_by_what_was_measured_are_not_compared() -> None:
    what = program(Pool((Target("a"), Target("b")), pick="fastest"))
    reals = played(what, {}, 1, count=3)
    other = [
        replace(
            real,
            met=(Met("b", real.at_s),),
            seen=Observed((Tried("b", 0.0),), 200, None, "b"),
        )
        for real in reals
    ]

    pairs = compared(what, other, {})

    assert {pair.verdict for pair in pairs} <= {"alike", "not_comparable"}
    assert "not_comparable" in {pair.verdict for pair in pairs}
    assert agreement(pairs) == 1.0


def test_the_lines_say_what_both_worlds_did() -> None:
    what = program(Retry(POOL, 1))
    reals = played(program(Target("a")), {"a": [DOWN]}, 7, count=3)[:2]
    pairs = compared(what, reals, {"a": [DOWN]})

    text = as_text(Played("litellm 1", "reference 1", "s", 0, tuple(pairs), 9.0, 0.95, 0.4, ("n",)))

    assert text == _GOLDEN


_GOLDEN = """\
at      route  on paper            on litellm 1
1.81 s  chat   200 a 1× 0.00 s  =  200 a 1× 0.00 s
3.89 s  chat   503 – 2× 0.50 s  ≠  503 – 1× 0.00 s  asked a, traced a a; took 0.00 s, traced 0.50 s

s: 2 requests in 9 s, 1 alike, 1 differ, 0 not comparable: 50.0% alike, less than the 95.0%
  note: n
"""

# --- The command ----------------------------------------------------------------------------------

CONFIG = {
    "model_list": [
        {
            "model_name": "chat",
            "litellm_params": {
                "model": "openai/gpt-5.4",
                "api_key": "os.environ/A",
                "order": order,
            },
            "model_info": {"id": id_},
        }
        for order, id_ in ((1, "first"), (2, "second"))
    ],
    "router_settings": {"num_retries": 1, "cooldown_time": 2},
}
SCENARIO = """\
version: 1
name: first down
traffic: {rate: 6/s, for: 5m}
faults:
  - {target: {deployment: first}, from: 1m, to: 3m, kind: http, status: 503}
  - {target: {route: chat}, kind: down}
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    (tmp_path / "config.yaml").write_text(json.dumps(CONFIG))
    (tmp_path / "s.yaml").write_text(SCENARIO)
    return str(tmp_path / "config.yaml"), str(tmp_path / "s.yaml")


@pytest.mark.slow
@pytest.mark.parametrize("semantics", ["own", "reference"])
def test_the_runtime_does_in_time_what_is_simulated(
    files: tuple[str, str], semantics: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config, scenario = files
    asked = ["--against", "runtime", "--compress", "60", "--tolerance", "1s", "--format", "json"]

    code = run(["simulate", config, "--scenario", scenario, "--semantics", semantics, *asked])

    said = json.loads(capsys.readouterr().out)
    assert code == 0, [request for request in said["requests"] if request["differences"]]
    assert len(said["requests"]) > 10
    served = {request["real"]["served_by"] for request in said["requests"]}
    assert served == {"first", "second"}
    assert "the fault of route chat is no provider's, and is not played" in said["notes"]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--seeds", "2"], "one configuration, one scenario and one seed"),
        (["--within", "soon"], "'soon' is not a duration"),
        (["--against", "nowhere"], "there is no nowhere"),
        (["--against", ".gateways/litellm", "--semantics", "reference"], "of its own"),
    ],
)
def test_what_cannot_be_played_is_refused(
    files: tuple[str, str], more: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config, scenario = files

    assert run(["simulate", config, "--scenario", scenario, "--against", "runtime", *more]) == 2
    assert says in capsys.readouterr().err
