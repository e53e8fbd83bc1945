"""Derived timeouts nest into the deadline, or it is told which deadline would fit; stated ones stay."""

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from designer.catalog import load_catalog
from designer.compiler import Options, compile_profile
from designer.diagnostics import Place, Report
from designer.ir import deployments_of
from designer.plan import Plan
from designer.planner.accounts import Account, Candidate
from designer.planner.forecast import slow_answer_s
from designer.planner.lock import Lock
from designer.planner.timeouts import timeouts_s, too_long
from designer.profile.load import load_profile
from designer.profile.model import ProviderAccount, RoutingPolicy, Workload
from designer.validate import read_back

CATALOG = load_catalog()
USUAL_S = 30.0
CHAT = [o for o in CATALOG.offerings.values() if CATALOG.model_of(o).kind == "chat"]


def _rung(number: int) -> Candidate:
    offering = CHAT[number % len(CHAT)]
    account = Account(ProviderAccount(name=offering.provider))
    return Candidate(account, offering, None, offering.model)


chains = st.lists(st.integers(0, 999).map(_rung), min_size=1, max_size=3)
workloads = st.builds(
    lambda out, most: Workload.model_validate(
        {
            "alias": "chat",
            "task": "chat",
            "traffic": {"output_tokens": out},
            "params": {"max_tokens": most} if most else {},
        }
    ),
    st.integers(1, 2000),
    st.sampled_from([0, 100, 1000]),
)
policies = st.builds(
    lambda said: RoutingPolicy.model_validate(said),
    st.fixed_dictionaries(
        {"deadline": st.integers(1, 900).map("{}s".format), "retries": st.integers(0, 4)},
        optional={
            "attempts_per_request": st.one_of(st.integers(1, 12), st.just("gateway")),
            "strategy": st.sampled_from(["priority", "round_robin"]),
            "first_token": st.just("3s"),
        },
    ),
)


def _slowest_s(policy: RoutingPolicy, limits_s: Sequence[float | None]) -> float:
    """Try by try, as a request meets them; a pool may give its slowest deployment every time."""
    known = [limit or 0.0 for limit in limits_s]
    rungs = known if policy.strategy == "priority" else [max(known)]
    tried, passed = 0, 0.0
    for limit in rungs:
        for again in range(1 + policy.retries):
            if tried == policy.attempts_per_request:
                return passed
            tried += 1
            passed += limit + (1.0 if again else 0.0)
    return passed


@given(workloads, chains, policies)
def test_the_slowest_way_ends_within_the_deadline_or_is_told(
    workload: Workload, rungs: list[Candidate], policy: RoutingPolicy
) -> None:
    assert policy.deadline is not None
    ends_in_time = _slowest_s(policy, timeouts_s(workload, rungs, policy)) <= policy.deadline + 1e-6

    late = too_long(workload, rungs, policy, {})

    assert ends_in_time or late


@given(workloads, chains, policies)
def test_the_deadline_that_is_told_fits_and_no_shorter_one_does(
    workload: Workload, rungs: list[Candidate], policy: RoutingPolicy
) -> None:
    late = too_long(workload, rungs, policy, {})
    if not late:
        return
    (fits,) = re.findall(r"`deadline: (\d+)s`", late)

    longer = policy.model_copy(update={"deadline": float(fits)})
    shorter = policy.model_copy(update={"deadline": float(fits) - 1})

    assert too_long(workload, rungs, longer, {}) == ""
    assert too_long(workload, rungs, shorter, {})
    limits_s = timeouts_s(workload, rungs, longer)
    assert _slowest_s(longer, limits_s) <= float(fits) + 1e-6


@given(workloads, chains, policies)
def test_no_derived_timeout_cuts_a_slow_answer_that_the_deadline_allows(
    workload: Workload, rungs: list[Candidate], policy: RoutingPolicy
) -> None:
    assert policy.deadline is not None
    for rung, limit_s in zip(rungs, timeouts_s(workload, rungs, policy), strict=True):
        assert limit_s is not None
        slow_s = slow_answer_s(workload, rung)
        assert min(slow_s, policy.deadline) - 1e-6 <= limit_s
        assert limit_s <= max(USUAL_S, slow_s + 0.1) + 1e-6


@given(workloads, chains, policies)
def test_a_derived_timeout_is_as_long_as_the_deadline_lets_it_be(
    workload: Workload, rungs: list[Candidate], policy: RoutingPolicy
) -> None:
    assert policy.deadline is not None
    limits_s = [limit or 0.0 for limit in timeouts_s(workload, rungs, policy)]
    asked = [k for k in range(len(rungs)) if _is_asked(policy, k)]
    least = min(limits_s[k] for k in asked)
    is_free = least < USUAL_S and any(
        limits_s[k] == least > slow_answer_s(workload, rungs[k]) + 0.2
        for k in asked
        if "first_token" not in policy.model_fields_set or least > 3.0
    )

    longer = [limit + 0.2 if limit == least else limit for limit in limits_s]

    assert not is_free or _slowest_s(policy, longer) > policy.deadline


def _is_asked(policy: RoutingPolicy, k: int) -> bool:
    most = policy.attempts_per_request
    return policy.strategy != "priority" or most is None or k * (1 + policy.retries) < most


@given(workloads, chains, policies, st.integers(1, 900))
def test_a_stated_timeout_stays(
    workload: Workload, rungs: list[Candidate], policy: RoutingPolicy, stated: int
) -> None:
    said = policy.model_copy(update={"timeout": float(stated)})
    left_alone = policy.model_copy(update={"timeout": None})

    assert set(timeouts_s(workload, rungs, said)) == {float(stated)}
    assert set(timeouts_s(workload, rungs, left_alone)) == {None}
    assert too_long(workload, rungs, left_alone, {}) == ""


def test_two_stated_limits_that_do_not_nest_are_told_with_both_lines() -> None:
    policy = RoutingPolicy(retries=2, timeout="30s", deadline="60s")
    places = {"routing.deadline": Place("p.yaml", 9, 3), "routing.timeout": Place("p.yaml", 8, 3)}
    mini, nano = (_named(f"openai/gpt-5.4-{size}") for size in ("mini", "nano"))
    workload = Workload.model_validate(
        {"alias": "a", "task": "chat", "traffic": {"output_tokens": 50}}
    )

    assert too_long(workload, [mini, nano], policy, places) == (
        "tries that hang take 122.0 s, over the deadline of 60 s (p.yaml:9:3): 3 × 30 s of "
        "openai/gpt-5.4-mini + 1 × 30 s of openai/gpt-5.4-nano + 2 s between tries; from try 2 of "
        "openai/gpt-5.4-mini on they do not fit; `deadline: 122s` would fit the timeout of 30 s "
        "(p.yaml:8:3); without that timeout, one that fits is derived"
    )


def _named(name: str) -> Candidate:
    return _rung(next(n for n, o in enumerate(CHAT) if f"{o.provider}/{o.model}" == name))


PROFILE = """\
version: 1
name: p
workloads:
  - {alias: chat, task: chat, traffic: {output_tokens: 40}}
providers: [openai, anthropic, groq]
operations: {hosting: any}
routing:
  retries: 1
  deadline: %s
"""


def _planned(gateway: str, deadline: str) -> tuple[Plan, Report]:
    report = Report()
    loaded = load_profile("p.yaml", PROFILE % deadline, report=report)
    assert loaded is not None
    plan = compile_profile(loaded, CATALOG, Lock(), Options(gateway=gateway), report)
    assert plan is not None, [str(finding) for finding in report]
    return plan, report


@pytest.mark.parametrize("gateway", ["litellm", "portkey-oss"])
def test_the_written_file_carries_what_was_derived(gateway: str) -> None:
    plan, report = _planned(gateway, "40s")

    texts = {file.path: plan.texts[file.path] for file in plan.files}
    read = read_back(plan.gateway, plan.files, texts, Report(), plan.version)

    assert read is not None
    ids = deployments_of(read.routing.route("chat").node)
    # 4 tries, and a second between the two of each deployment
    assert [read.routing.deployment(id_).timeout_s for id_ in ids] == [9.5, 9.5]
    assert not [f for f in report if "deadline" in f.message and f.code == "PLN105"]


def test_openrouter_says_that_it_has_no_time_limit_of_a_try() -> None:
    plan, _ = _planned("openrouter", "40s")

    assert any("time limit" in lack.feature.name for lack, _ in plan.verdict.losses)


def test_a_deadline_that_no_timeout_fits_is_told_at_its_line() -> None:
    _, report = _planned("litellm", "4s")

    (late,) = [f for f in report if f.code == "PLN105" and "tries that hang" in f.message]
    assert (late.place.file, late.place.line) == ("p.yaml", 9)
    assert "`deadline: " in late.message
