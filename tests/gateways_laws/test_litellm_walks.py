"""Hand-written LiteLLM files, asked as the real 1.106.2 was asked on 2026-11-22: the same attempts.

Each expectation is a trace of the real proxy (JITTER=0): deployments in the order in which they were
asked, then the status the caller got where it was not 200.
"""

import re

import pytest

from designer.diagnostics import Report
from designer.engine.call import Program
from designer.engine.events import Request
from designer.engine.outcomes import Outcome
from designer.engine.world import World
from designer.gateways.base import Parsed
from designer.gateways.litellm import LITELLM
from tests.engine.driving import GOOD, Scripted, drive, kind

_SPECIAL = {
    "ok": GOOD,
    "policy": kind("content_policy"),
    "window": kind("context_length"),
    "reset": kind("reset"),
    "malformed": kind("malformed"),
    "hang": kind("timeout"),
}


def outcome(word: str) -> Outcome:
    return _SPECIAL[word] if word in _SPECIAL else Outcome(status=int(word))


def understood(text: str) -> Parsed:
    report = Report()
    parsed = LITELLM.parse({"config.yaml": text}, report)
    assert parsed is not None, list(map(str, report))
    return parsed


def walk(text: str, fails: str, route: str = "chat", calls: int = 1, apart_s: float = 0.01) -> str:
    """`fails` is `A=503 B=ok,500`; the answer `A A B` or `A A B 503`, several calls in brackets."""
    parsed = understood(text)
    answers = {
        name: [outcome(word) for word in words.split(",")]
        for name, words in (part.split("=") for part in fails.split())
    }
    around = Scripted(answers)
    program = Program(parsed.routing, parsed.semantics)
    world, told = World(), []
    for number in range(calls):
        (run,) = drive(program, around, [(number * apart_s, route, Request())], [0.0] * 9, world)
        assert run.finish is not None
        asked = " ".join(attempt.deployment for attempt in run.attempts)
        status = run.finish.status
        told.append(asked if status == 200 else f"{asked} {status}".strip())
    return told[0] if calls == 1 else " ".join(f"[{line}]" for line in told)


def levels(*names: str, retries: int = 1, more: str = "") -> str:
    entries = "".join(
        f"  - {{model_name: chat, litellm_params: {{model: openai/x, order: {n}}}, "
        f"model_info: {{id: {name}}}}}\n"
        for n, name in enumerate(names, start=1)
    )
    settings = f"router_settings:\n  num_retries: {retries}\n  cooldown_time: 30\n{more}"
    return f"model_list:\n{entries}{settings}"


@pytest.mark.parametrize(
    ("failing", "retries", "expected"),
    [
        ("A=503", 0, "A B"),
        ("A=503", 1, "A A B"),
        ("A=503", 2, "A A A B"),
        ("A=503 B=503", 1, "A A B B C"),
        ("A=503 B=503 C=503", 1, "A A B B C C 503"),
        ("A=503 B=503 C=503", 2, "A A A B B B C C C 503"),
        ("A=reset B=reset C=reset", 1, "A A B B C C 500"),
        ("A=malformed", 1, "A A B"),
        ("A=403 B=403 C=403", 1, "A A B B C C 403"),
        ("A=429", 1, "A B"),
        ("A=429 B=429", 1, "A B B B C"),
        ("A=429 B=429", 2, "A B B B B B C"),
        ("A=429 B=429 C=429", 1, "A B B B C C 429"),
        ("A=401 B=401 C=401", 2, "A B B B B B C C C 401"),
        ("A=400 B=400 C=400", 2, "A B C 400"),
        ("A=404 B=404 C=404", 1, "A B C 404"),
        ("A=422", 1, "A B"),
        ("A=hang", 1, "A A B"),
        ("A=policy", 2, "A 400"),
        ("A=window", 0, "A 400"),
        ("A=503 B=429 C=401", 1, "A A B B C C 401"),
        ("A=401 B=503 C=400", 1, "A B B B C 400"),
        ("A=429 B=400 C=503", 1, "A B B C C 503"),
        ("A=503 B=policy", 1, "A A B C"),
        ("A=503 B=policy C=503", 1, "A A B C C 503"),
        ("A=503 B=window", 1, "A A B C"),
        ("A=503,ok", 1, "A A"),
    ],
)
def test_a_walk_over_order_levels(failing: str, retries: int, expected: str) -> None:
    assert walk(levels("A", "B", "C", retries=retries), failing) == expected


@pytest.mark.parametrize(
    ("failing", "retries", "fails", "expected"),
    [
        ("A=503", 0, None, "[A B]*5 [B]*3"),
        ("A=503 B=503", 0, None, "[A B C]*5 [B B C]*4 [B C] [C]*2"),
        ("A=503 B=503 C=503", 0, None, "[A B C 503]*3 [A B 429]*2 [B B 429]"),
        ("A=503", 0, 0, "[A B] [B]*2"),
        ("A=503 B=503", 0, 0, "[A B C] [B C] [C]*2"),
        ("A=503 B=503 C=503", 0, 0, "[A B C 503] [B 429] [429]*2"),
        ("A=503", 0, 1, "[A B]*2 [B]*2"),
        ("A=503 B=503", 0, 1, "[A B C]*2 [B B C] [B C] [C]"),
        ("A=503 B=503 C=503", 0, 1, "[A B C 503] [A B 429] [B B 429] [B 429] [429]"),
        ("A=429", 0, None, "[A B] [B]*3"),
        ("A=401 B=401", 0, None, "[A B C] [B C] [C]*2"),
        ("A=429 B=429 C=429", 0, None, "[A B C 429] [B 429] [429]*2"),
        ("A=429 B=429", 0, 1, "[A B C]*2 [B B C] [B C] [C]"),
        ("A=400", 0, 0, "[A B]*4"),
        ("A=503", 0, 3, "[A B]*5 [B]*3"),
        ("A=503", 1, None, "[A A B]*4 [A B] [B]*2"),
        ("A=503 B=503", 1, None, "[A A B B C]*4 [A B B B C] [B B B B C]*4 [B C] [C]"),
        (
            "A=503 B=503 C=503",
            1,
            None,
            "[A A B B C C 503]*3 [A A B B 429] [A B B B 429] [B B B B 429]",
        ),
        ("A=503", 1, 0, "[A B] [B]*2"),
        ("A=503 B=503", 1, 0, "[A B B B C] [B C] [C]"),
        ("A=503 B=503 C=503", 1, 0, "[A B B B C C 503] [B 429] [429]"),
        ("A=503 B=503", 1, 1, "[A A B B C] [A B B B C] [B B B B C] [B C] [C]"),
        ("A=429", 1, None, "[A B] [B]*2"),
        ("A=401", 1, 1, "[A A B] [A B] [B]"),
        ("A=429 B=429 C=429", 1, None, "[A B B B C C 429] [B 429] [429]"),
    ],
)
def test_cooldowns_over_calls_in_a_row(
    failing: str, retries: int, fails: int | None, expected: str
) -> None:
    more = "" if fails is None else f"  allowed_fails: {fails}\n"
    wanted = _spelled_out(expected)

    seen = walk(levels("A", "B", "C", retries=retries, more=more), failing, calls=len(wanted))

    assert seen == " ".join(wanted)


def _spelled_out(expected: str) -> list[str]:
    """`[A B]*2 [B]` as three."""
    found = re.findall(r"(\[.*?\])(?:\*(\d+))?", expected)
    return [call for call, times in found for _ in range(int(times or 1))]


GROUP_FALLBACKS = """
model_list:
  - {model_name: A, litellm_params: {model: openai/x}, model_info: {id: A}}
  - {model_name: B, litellm_params: {model: openai/x}, model_info: {id: B}}
  - {model_name: C, litellm_params: {model: openai/x}, model_info: {id: C}}
  - {model_name: D, litellm_params: {model: openai/x}, model_info: {id: D}}
router_settings:
  num_retries: 0
"""


@pytest.mark.parametrize(
    ("settings", "failing", "expected"),
    [
        ("fallbacks: [{A: [B, C]}]", "A=500 B=503", "A B C"),
        ("fallbacks: [{A: [B, C]}]", "A=500 B=503 C=503", "A B C 500"),
        ("fallbacks: [{A: [B]}]", "A=policy", "A B"),
        ("fallbacks: [{A: [B]}]", "A=window", "A B"),
        ("fallbacks: [{A: [B]}]", "A=400", "A B"),
        ("fallbacks: [{A: [B]}]\n  context_window_fallbacks: [{Z: [C]}]", "A=window", "A 400"),
        ("fallbacks: [{A: [B]}]\n  content_policy_fallbacks: [{Z: [C]}]", "A=policy", "A 400"),
        ("fallbacks: [{A: [B]}]\n  context_window_fallbacks: [{A: [C]}]", "A=window", "A C"),
        ("fallbacks: [{A: [nope]}]", "A=500", "A 500"),
        ("default_fallbacks: [D]", "A=401", "A D"),
        (
            "fallbacks: [{A: [B]}, {B: [C]}, {C: [A]}]\n  default_fallbacks: [D]",
            "A=500 B=500 C=500",
            "A B C 500",
        ),
        ("fallbacks: [{A: [B, C]}, {B: [C]}]", "A=500 B=500 C=503", "A B C 500"),
        ("fallbacks: [{A: [B, C]}, {'*': [D]}]", "A=500 B=500 C=503", "A B C 500"),
        ("fallbacks: [{A: [B, C]}, {'*': [D]}]", "A=500 B=ok", "A B"),
        ("max_fallbacks: 0\n  fallbacks: [{A: [B]}]", "A=500", "A 500"),
        ("max_fallbacks: 1\n  fallbacks: [{A: [B, C, D]}]", "A=500 B=500 C=500", "A B C D"),
        ("max_fallbacks: 1\n  fallbacks: [{A: [B]}, {B: [C]}]", "A=500 B=500", "A B 500"),
        (
            "max_fallbacks: 2\n  fallbacks: [{A: [B]}, {B: [C]}, {C: [D]}]",
            "A=500 B=500 C=500",
            "A B C 500",
        ),
    ],
)
def test_fallbacks_between_groups(settings: str, failing: str, expected: str) -> None:
    assert walk(f"{GROUP_FALLBACKS}  {settings}\n", failing, route="A") == expected


TWO_LEVELS_AND_Z = levels("A", "B", retries=1).replace(
    "router_settings:",
    "  - {model_name: Z, litellm_params: {model: openai/x}, model_info: {id: Z}}\nrouter_settings:",
)


@pytest.mark.parametrize(
    ("settings", "failing", "expected"),
    [
        ("fallbacks: [{chat: [Z]}]", "A=503 B=503", "A A B B Z"),
        ("fallbacks: [{chat: [Z]}]", "A=503 B=429 Z=500", "A A B B Z Z 500"),
        ("fallbacks: [{chat: [Z]}]", "A=policy", "A Z"),
        ("fallbacks: [{chat: [Z]}]", "A=window", "A Z"),
        ("fallbacks: [{chat: [Z]}]", "A=400 B=400", "A B Z"),
        ("fallbacks: [{chat: [Z]}]\n  content_policy_fallbacks: [{q: [Z]}]", "A=policy", "A 400"),
        (
            "fallbacks: [{chat: [Z]}]\n  content_policy_fallbacks: [{q: [Z]}]",
            "A=503 B=policy",
            "A A B Z",
        ),
        ("content_policy_fallbacks: [{chat: [Z]}]", "A=policy", "A Z"),
        ("content_policy_fallbacks: [{chat: [Z]}]", "A=503 B=policy", "A A B Z"),
    ],
)
def test_fallbacks_beside_order_levels(settings: str, failing: str, expected: str) -> None:
    assert walk(f"{TWO_LEVELS_AND_Z}  {settings}\n", failing) == expected


POLICY = """
model_list:
  - {model_name: chat, litellm_params: {model: openai/x}, model_info: {id: A}}
router_settings:
  num_retries: 2
  retry_policy: {BadRequestErrorRetries: 1, AuthenticationErrorRetries: 2, TimeoutErrorRetries: 0,
    RateLimitErrorRetries: 3, InternalServerErrorRetries: 0, NotFoundErrorRetries: 1}
  disable_cooldowns: true
"""


@pytest.mark.parametrize(
    ("failing", "attempts"),
    [
        *(("400", 2), ("401", 3), ("404", 2), ("408", 1), ("429", 4), ("500", 1), ("503", 3)),
        ("429,500", 4),
    ],
)
def test_a_retry_policy_overrules_the_kind_of_failure(failing: str, attempts: int) -> None:
    asked = walk(POLICY, f"A={failing}").split()[:-1]

    assert asked == ["A"] * attempts


def test_a_groups_own_policy_replaces_the_common_one() -> None:
    own = POLICY + "  model_group_retry_policy: {chat: {RateLimitErrorRetries: 1}}\n"

    assert walk(own, "A=429") == "A A 429"
    assert walk(own, "A=500") == "A A A 500"


ALONE = """
model_list:
  - {model_name: chat, litellm_params: {model: openai/x}, model_info: {id: A}}
  - {model_name: B, litellm_params: {model: openai/x}, model_info: {id: B}}
router_settings: {num_retries: 2, fallbacks: [{chat: [B]}]}
"""


def times(text: str, *outcomes: Outcome) -> list[float]:
    parsed = understood(text)
    program = Program(parsed.routing, parsed.semantics)
    (run,) = drive(program, Scripted({"A": outcomes}), [(0.0, "chat", Request())])
    return [*(a.at for a in run.attempts), run.ended_at]


def test_alone_it_backs_off_and_waits_once_more_before_the_fallback() -> None:
    assert times(ALONE, Outcome(status=500)) == [0.0, 0.5, 1.5, 3.5, 3.5]


@pytest.mark.parametrize(
    ("header", "waits"),
    [("2", [0, 2, 4, 6, 6]), ("1.5", [0, 0.5, 1.5, 3.5, 3.5]), ("90", [0, 0.5, 1.5, 3.5, 3.5])],
)
def test_only_a_short_whole_retry_after_replaces_the_backoff(
    header: str, waits: list[float]
) -> None:
    limited = Outcome(status=429, headers={"retry-after": header})

    assert times(ALONE, limited) == waits


def test_retry_after_is_a_floor_of_the_backoff() -> None:
    slow = ALONE.replace("num_retries: 2", "num_retries: 2, retry_after: 3")

    assert times(slow, Outcome(status=500)) == [0, 3, 6, 9, 9]


CALLS = """
model_list:
  - {model_name: two, litellm_params: {model: openai/x, weight: 1}, model_info: {id: A}}
  - {model_name: two, litellm_params: {model: openai/x}, model_info: {id: A2}}
  - {model_name: one, litellm_params: {model: openai/x}, model_info: {id: S}}
router_settings: {num_retries: 0, cooldown_time: 60}
"""


@pytest.mark.parametrize(
    ("status", "fails", "in_two", "alone"),
    [
        ("400", None, ".......", "...."),
        ("401", None, ".cccccc", ".ccc"),
        ("403", None, ".......", "...."),
        ("404", None, ".cccccc", ".ccc"),
        ("408", None, ".....cc", "...."),
        ("409", None, ".......", "...."),
        ("429", None, ".cccccc", "...."),
        ("503", None, ".....cc", "...."),
        ("reset", None, ".....cc", "...."),
        ("429", 1, "..ccccc", "..cc"),
        ("401", 1, "..ccccc", "..cc"),
        ("500", 1, "..ccccc", "..cc"),
        ("400", 1, ".......", "...."),
        ("429", 3, ".cccccc", "...."),
        ("500", 3, ".....cc", "...."),
    ],
)
def test_which_status_cools_and_when(
    status: str, fails: int | None, in_two: str, alone: str
) -> None:
    text = (
        CALLS if fails is None else CALLS.replace("time: 60", f"time: 60, allowed_fails: {fails}")
    )

    two = _spelled_out(walk(text, f"A={status}", route="two", calls=7))
    one = _spelled_out(walk(text, f"S={status}", route="one", calls=4))

    assert "".join("c" if call == "[A2]" else "." for call in two) == in_two
    assert "".join("c" if call == "[429]" else "." for call in one) == alone


def test_the_only_deployment_never_cools_by_its_own_count() -> None:
    own = ALONE.replace("model_info: {id: A}", "model_info: {id: A, allowed_fails: 0}")
    own = own.replace("num_retries: 2, fallbacks: [{chat: [B]}]", "num_retries: 0")

    assert walk(own, "A=401", calls=3) == "[A 401] [A 401] [A 401]"


ALIASES = (
    GROUP_FALLBACKS
    + """  model_group_alias: {X: A}
  model_group_retry_policy: {A: {RateLimitErrorRetries: 2}}
  fallbacks: [{A: [B]}, {"*": [D]}]
"""
)


@pytest.mark.parametrize(
    ("route", "failing", "expected"),
    [
        ("A", "A=500", "A B"),
        ("X", "A=500", "A D"),
        ("A", "A=429", "A A A B"),
        ("X", "A=429", "A D"),
    ],
)
def test_lists_and_policies_go_by_the_name_that_was_asked_for(
    route: str, failing: str, expected: str
) -> None:
    assert walk(ALIASES, failing, route) == expected


UNORDERED = """
model_list:
  - {model_name: chat, litellm_params: {model: openai/x, order: 1}, model_info: {id: A}}
  - {model_name: chat, litellm_params: {model: openai/x}, model_info: {id: B}}
router_settings: {num_retries: 0}
"""


def test_a_deployment_without_order_is_asked_only_while_the_ordered_ones_are_cooling() -> None:
    assert walk(UNORDERED, "A=429", calls=3) == "[A 429] [B] [B]"
    assert walk(UNORDERED, "A=400") == "A 400"


STAND_IN = """
model_list:
  - {model_name: chat, litellm_params: {model: openai/x, order: 1, num_retries: 0}, model_info: {id: A}}
  - {model_name: chat, litellm_params: {model: openai/x, order: 2}, model_info: {id: B}}
router_settings: {num_retries: 2, cooldown_time: 60}
"""


def test_what_stands_in_for_a_cooling_level_is_retried_by_its_own_count() -> None:
    assert walk(STAND_IN, "A=429 B=500", calls=2) == "[A B B B 500] [B B B B B B 500]"


def stream(text: str, primary: Outcome) -> tuple[list[str], int, bool]:
    parsed = understood(text)
    program = Program(parsed.routing, parsed.semantics)
    (run,) = drive(program, Scripted({"A": [primary]}), [(0.0, "chat", Request(stream=True))])
    assert run.finish is not None
    return [a.deployment for a in run.attempts], run.finish.status, run.finish.in_band


@pytest.mark.parametrize(
    ("chunks", "expected"), [(0, (["A", "B"], 200, False)), (2, (["A"], 200, True))]
)
def test_a_stream_that_breaks_off_is_never_retried_and_falls_back_only_before_its_content(
    chunks: int, expected: tuple[list[str], int, bool]
) -> None:
    assert stream(levels("A", "B", retries=2), kind("cut_stream", after_chunks=chunks)) == expected
