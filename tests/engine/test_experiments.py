"""An experiment's arms: their shares, who keeps to one, and that a call never changes its own."""

from collections import Counter
from itertools import count

import pytest
from msgspec.structs import replace

from designer.engine.call import Program
from designer.engine.events import Request
from designer.engine.pick import share_of
from designer.gateways.reference import REFERENCE
from designer.ir import ANY, Arm, Deployment, Retry, Route, Routing, Split, Target
from tests.engine.driving import Scripted, drive, status

NEW = Split("new-model", (Arm("a", 0.9, Target("a")), Arm("b", 0.1, Target("b"))), "user")
BOTH = (Deployment("a", "openai", "a"), Deployment("b", "openai", "b"))


def by_user(split: Split, users: int) -> Counter[int]:
    return Counter(share_of(split, Request(user=f"u{n}"), iter(())) for n in range(users))


def test_users_are_divided_by_the_shares() -> None:
    taken = by_user(NEW, 10_000)

    assert 850 < taken[1] < 1150


def test_a_user_keeps_to_one_arm_and_takes_no_draw() -> None:
    taken = {share_of(NEW, Request(user="ada"), iter(())) for _ in range(5)}

    assert len(taken) == 1


def test_two_experiments_divide_people_differently() -> None:
    half = replace(NEW, arms=(replace(NEW.arms[0], share=0.5), replace(NEW.arms[1], share=0.5)))
    other = replace(half, name="another")
    users = [Request(user=f"u{n}") for n in range(1000)]

    same = sum(share_of(half, u, iter(())) == share_of(other, u, iter(())) for u in users)

    assert 400 < same < 600


@pytest.mark.parametrize("by", ["user", "request", "metadata.tenant"])
def test_who_says_nothing_takes_a_draw(by: str) -> None:
    split = replace(NEW, by=by)

    assert share_of(split, Request(), iter([0.5])) == 0
    assert share_of(split, Request(), iter([0.95])) == 1


def test_a_key_of_the_metadata_keeps_to_an_arm() -> None:
    split = replace(NEW, by="metadata.tenant")
    tenants = Counter(
        share_of(split, Request(metadata={"tenant": n}), iter(())) for n in range(1000)
    )

    assert 60 < tenants[1] < 150


def test_a_call_that_comes_by_again_keeps_its_arm() -> None:
    split = replace(NEW, by="request")
    routing = Routing((Route("chat", Retry(split, 3, ANY)),), BOTH)
    draws = (0.95 if n == 0 else 0.0 for n in count())

    (run,) = drive(
        Program(routing, REFERENCE),
        Scripted({"b": [status(503)]}),
        [(0.0, "chat", Request())],
        draws,  # type: ignore[arg-type]  # an endless list of draws
    )

    assert [attempt.deployment for attempt in run.attempts] == ["b"] * 4
