"""Answers kept for requests that come again: what is the same question, what is kept, what is booked."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from designer.engine.call import Program
from designer.engine.events import Request
from designer.gateways.reference import REFERENCE
from designer.ir import Arm, Cache, Case, Condition, Routing, Split, Switch, Target
from runtime.cache import Answers, Kept, Question, Reader, Stored, Visit
from runtime.guard import inspect
from runtime.ledger import spend
from runtime.state.sqlite import connect
from runtime.stub import Fault
from tests.runtime.served import FIRST, HELLO, SECOND, Running, served, two_deployments

EXACT = Cache("exact", 60.0)


def caching(routing: Routing | None = None, cache: Cache = EXACT) -> Routing:
    return replace(routing or two_deployments(), caches=(cache,))


def reader(routing: Routing | None = None) -> Reader:
    return Reader(Program(caching(routing), REFERENCE))


def asked(body: dict[str, Any], tenant: str = "", **request: Any) -> Question:
    question = reader().question("chat", tenant, Request(**request), body)
    assert question is not None
    return question


BODY: dict[str, Any] = {"model": "chat", "messages": HELLO}
WHOLE = Stored(FIRST, {}, {"choices": [{"index": 0, "finish_reason": "stop"}]})


# --- Over HTTP ------------------------------------------------------------------------------------


async def post(it: Running, body: dict[str, Any], path: str = "chat/completions") -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.post(f"{it.service.url}/v1/{path}", json=body)


def test_a_repeated_request_is_answered_without_a_provider_at_no_cost(tmp_path: Path) -> None:
    async def test(it: Running) -> None:
        first, again = await post(it, BODY), await post(it, {**BODY, "user": "bob"})

        assert [a.headers["x-designer-cache"] for a in (first, again)] == ["miss", "hit"]
        assert again.json() == first.json()
        assert len(it.stub.received) == 1
        assert again.headers["x-designer-cost-usd"] == "0"
        assert again.headers["x-designer-served-by"] == FIRST
        dear, free = it.rows()
        assert (free["cost_nano_usd"], free["prompt_tokens"]) == (0, 0)
        assert free["saved_nano_usd"] == dear["cost_nano_usd"] > 0
        with connect(it.state) as db:
            [row] = spend(db, "model")
        assert (row.requests, row.hits) == (2, 1)
        assert row.saved_nano_usd == dear["cost_nano_usd"]

    served(tmp_path, test, caching())


def test_an_answer_that_could_not_be_booked_is_given_to_nobody_later(tmp_path: Path) -> None:
    async def test(it: Running) -> None:
        away = it.state.with_suffix(".away")
        it.state.rename(away)
        refused = await post(it, BODY)
        away.rename(it.state)
        answered = await post(it, BODY)

        assert refused.status_code == 503
        assert (answered.status_code, answered.headers["x-designer-cache"]) == (200, "miss")
        assert len(it.stub.received) == 2

    served(tmp_path, test, caching())


def test_a_stream_is_kept_and_given_again_as_a_stream(tmp_path: Path) -> None:
    async def test(it: Running) -> None:
        body = {**BODY, "stream": True}
        first, again = await post(it, body), await post(it, body)

        assert [a.headers["x-designer-cache"] for a in (first, again)] == ["miss", "hit"]
        assert _said(again) == _said(first)
        assert "x-designer-cost-usd=0 " in again.text.splitlines()[-2] + " "
        assert "[DONE]" in again.text
        assert len(it.stub.received) == 1

    served(tmp_path, test, caching())


def _said(answer: httpx.Response) -> str:
    events = [line[6:] for line in answer.text.splitlines() if line.startswith("data: {")]
    choices = [choice for event in events for choice in json.loads(event)["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


def test_every_surface_answers_from_the_same_cache(tmp_path: Path) -> None:
    async def test(it: Running) -> None:
        body = {**BODY, "max_tokens": 50}
        said = [await post(it, body, path) for path in ("messages", "messages", "responses")]

        assert [a.status_code for a in said] == [200, 200, 400]  # responses wants `input`
        assert said[1].headers["x-designer-cache"] == "hit"
        assert said[1].json()["content"] == said[0].json()["content"]

    served(tmp_path, test, caching())


def test_embeddings_are_kept_too(tmp_path: Path) -> None:
    async def test(it: Running) -> None:
        body = {"model": "search", "input": "hello"}
        first, again = await post(it, body, "embeddings"), await post(it, body, "embeddings")

        assert again.headers["x-designer-cache"] == "hit"
        assert again.json() == first.json()

    served(tmp_path, test, caching())


def test_a_route_without_a_cache_says_off(tmp_path: Path) -> None:
    async def test(it: Running) -> None:
        for _ in range(2):
            assert (await post(it, BODY)).headers["x-designer-cache"] == "off"
        assert len(it.stub.received) == 2

    served(tmp_path, test, caching(cache=Cache("exact", 60.0, routes=("search",))))


@pytest.mark.parametrize("stream", [False, True])
def test_errors_and_broken_off_answers_are_never_kept(tmp_path: Path, stream: bool) -> None:
    async def test(it: Running) -> None:
        body = {**BODY, "stream": stream}
        for kind in ("cut_stream" if stream else "malformed", "http"):
            for deployment in (FIRST, SECOND):
                it.stub.add_fault(Fault(kind, deployment=deployment, status=400, after_chunks=1))
            await post(it, body)
            it.stub.faults.clear()

        assert (await post(it, body)).headers["x-designer-cache"] == "miss"

    served(tmp_path, test, caching())


def test_what_was_taken_out_of_a_request_is_nowhere_in_the_cache() -> None:
    canary = "canary.person@example.org"
    rail = two_deployments().guardrails[0]
    body = {"model": "chat", "messages": [{"role": "user", "content": f"write to {canary}"}]}
    kept = Kept(reader(), Answers())

    async def call() -> None:
        visit = Visit(kept)
        sent = inspect(rail, "input", body).body
        assert not await visit.look_up("chat", "", Request(), sent, True, 0.0)
        visit.keep(FIRST, {"choices": [{"finish_reason": "stop", "said": sent}]}, {}, 0.0)

    asyncio.run(call())

    assert len(kept.answers) == 1
    assert "write to" in repr(kept)
    assert canary not in repr(kept)


def test_what_is_given_back_to_one_caller_is_never_anothers(tmp_path: Path) -> None:
    async def test(it: Running) -> None:
        def body(who: str, stream: bool) -> dict[str, Any]:
            text = f"write to {who}@example.org"
            return {
                "model": "chat",
                "messages": [{"role": "user", "content": text}],
                "stream": stream,
            }

        for stream in (False, True):
            first, again = [await post(it, body(who, stream)) for who in ("ann", "bob")]

            assert [a.headers["x-designer-cache"] for a in (first, again)] == ["miss", "hit"]
            assert "ann@example.org" in first.text
            assert "bob@example.org" in again.text
            assert "ann@" not in again.text

    served(
        tmp_path,
        test,
        caching(),
        says=lambda asked: f"I wrote: {asked.messages[-1]}",
        restores=True,
    )


def test_an_experiment_keeps_no_answers() -> None:
    arms = (Arm("a", 0.5, Target(FIRST)), Arm("b", 0.5, Target(SECOND)))
    routing = two_deployments()
    split = replace(routing.routes[0], node=Split("models", arms))

    assert reader(replace(routing, routes=(split,))).is_idle


# --- Questions ------------------------------------------------------------------------------------

tenants = st.sampled_from(["", "key a", "key b", "team a", "team b"])
params = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.floats(0, 2),
        "max_tokens": st.integers(1, 9),
        "seed": st.integers(0, 9),
        "stream": st.booleans(),
        "tools": st.just([{"type": "function", "function": {"name": "f"}}]),
    },
)
texts = st.text(max_size=4).map(lambda t: [{"role": "user", "content": t}])
bodies = st.builds(lambda m, p: {"model": "chat", "messages": m, **p}, texts, params)
beside = st.fixed_dictionaries(
    {},
    optional={
        "user": st.text(max_size=3),
        "metadata": st.dictionaries(st.text(max_size=2), st.text(max_size=2), max_size=2),
        "service_tier": st.sampled_from(["auto", "flex"]),
        "stream_options": st.just({"include_usage": True}),
    },
)


@given(a=bodies, b=bodies, tenant=tenants, other=tenants)
def test_only_the_same_tenant_with_the_same_request_finds_an_answer(
    a: dict[str, Any], b: dict[str, Any], tenant: str, other: str
) -> None:
    answers = Answers()
    answers.keep(asked(a, tenant), WHOLE, 0.0)

    found = answers.find(asked(b, other), 1.0)

    assert (found is not None) == (a == b and tenant == other)


@given(body=bodies, more=beside, less=beside)
def test_what_only_books_a_request_is_no_part_of_the_question(
    body: dict[str, Any], more: dict[str, Any], less: dict[str, Any]
) -> None:
    assert asked(body | more).key == asked(body | less).key


def test_metadata_that_routes_are_chosen_by_is_a_part_of_the_question() -> None:
    gold = Case(Condition("metadata.tier", "eq", "gold"), Target(FIRST))
    routing = two_deployments()
    route = replace(routing.routes[0], node=Switch((gold,), Target(SECOND)))
    chosen = reader(replace(routing, routes=(route,)))

    def key(**metadata: str) -> bytes:
        question = chosen.question("chat", "", Request(metadata=metadata), BODY)
        assert question is not None
        return question.key

    assert key(tier="gold") != key(tier="tin")
    assert key(tier="gold", note="x") == key(tier="gold")


def test_another_model_behind_the_route_is_another_question() -> None:
    routing = two_deployments()
    changed = replace(routing.deployments[0], model="gpt-next")
    after = reader(replace(routing, deployments=(changed, *routing.deployments[1:])))

    question = after.question("chat", "", Request(), BODY)

    assert question is not None
    assert question.key != asked(BODY).key


# --- What is kept ---------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), max_size=60))
def test_the_cache_never_outgrows_its_bound_and_the_least_used_go_first(
    steps: list[tuple[int, bool]],
) -> None:
    answers, model = Answers(most_bytes=6_000), list[int]()
    size = 0
    for number, keeps in steps:
        question = asked({"model": "chat", "messages": [number]})
        if keeps:
            answers.keep(question, WHOLE, 0.0)
            size = size or answers._bytes
            model = [*(n for n in model if n != number), number][-(6_000 // size) :]
        else:
            found = answers.find(question, 1.0)
            assert (found is not None) == (number in model)
            if found is not None:
                model = [*(n for n in model if n != number), number]
        assert answers._bytes <= 6_000
        assert len(answers) == len(model)


def test_an_answer_is_forgotten_when_its_time_is_over() -> None:
    answers = Answers()
    answers.keep(asked(BODY), WHOLE, 100.0)

    assert answers.find(asked(BODY), 159.9) is not None
    assert answers.find(asked(BODY), 160.0) is None
    assert len(answers) == 0


@pytest.mark.parametrize("reason", ["length", "content_filter", None, "error"])
def test_an_answer_that_did_not_end_by_itself_is_not_kept(reason: str | None) -> None:
    choices = [{"index": 0, "finish_reason": "stop"}, {"index": 1, "finish_reason": reason}]
    chunks = [{"choices": [choice]} for choice in choices]

    assert not Answers().keep(asked(BODY), Stored(FIRST, {}, {"choices": choices}), 0.0)
    assert not Answers().keep(asked(BODY), Stored(FIRST, {}, None, chunks), 0.0)


def test_an_answer_that_would_push_out_hundreds_is_not_kept() -> None:
    choice = {"index": 0, "finish_reason": "stop", "message": {"content": "x" * 2**20}}

    assert not Answers().keep(asked(BODY), Stored(FIRST, {}, {"choices": [choice]}), 0.0)
