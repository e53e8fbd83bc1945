"""What budgets and rate limits are, and what callers see of them."""

import asyncio
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from designer.ir import Budget, RateLimit, Routing
from runtime.keys import mint
from runtime.limits.allowed import allow, allowed_to, in_words
from runtime.limits.binding import Allowance, Allowed
from runtime.limits.bounds import (
    IMAGE_TOKENS,
    Bound,
    Terms,
    bound_of,
    input_bound,
    is_free,
    limited,
    worst_nano_usd,
)
from runtime.limits.windows import Span, Windows, window
from runtime.state import connect
from runtime.state.memory import MemoryCounters
from runtime.state.redis import RedisCounters
from runtime.stub import Fault
from tests.runtime.served import FIRST, HELLO, OFFERINGS, SECOND, Running, served, two_deployments

# --- Windows --------------------------------------------------------------------------------------

_ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/Havana", "America/Santiago", "Asia/Kathmandu"]
    + ["Australia/Lord_Howe", "Asia/Beirut", "Pacific/Apia", "America/New_York"]
).map(ZoneInfo)
_SPANS: st.SearchStrategy[Span] = st.sampled_from(
    ["minute", "hour", "day", "week", "month", "year"]
)
_MOMENTS = st.integers(1_500_000_000_000, 2_000_000_000_000)


@given(_ZONES, _SPANS, _MOMENTS)
def test_every_moment_lies_in_one_window_and_windows_follow_one_another(
    zone: ZoneInfo, span: Span, at_ms: int
) -> None:
    starts_ms, ends_ms = window(span, at_ms, zone)

    assert starts_ms <= at_ms < ends_ms
    assert window(span, ends_ms, zone)[0] == ends_ms
    assert window(span, starts_ms, zone) == (starts_ms, ends_ms)
    assert window(span, ends_ms - 1, zone) == (starts_ms, ends_ms)


@given(_ZONES, _MOMENTS)
def test_a_day_holds_the_moments_of_one_date_of_its_zone(zone: ZoneInfo, at_ms: int) -> None:
    def day_of(ms: int) -> date:
        return datetime.fromtimestamp(ms / 1000, UTC).astimezone(zone).date()

    starts_ms, ends_ms = window("day", at_ms, zone)

    assert day_of(starts_ms) == day_of(at_ms) == day_of(ends_ms - 1)
    assert day_of(ends_ms) > day_of(at_ms)


def test_days_of_summer_time_are_an_hour_short_and_long() -> None:
    zone = ZoneInfo("Europe/Berlin")

    def hours(year: int, month: int, day: int) -> float:
        at = datetime(year, month, day, 12, tzinfo=zone)
        starts_ms, ends_ms = window("day", round(at.timestamp() * 1000), zone)
        return (ends_ms - starts_ms) / 3_600_000

    assert [hours(2026, 3, 29), hours(2026, 10, 25), hours(2026, 11, 24)] == [23, 25, 24]


@given(_ZONES, st.lists(st.tuples(_SPANS, _MOMENTS)))
def test_what_windows_remember_changes_nothing(
    zone: ZoneInfo, asked: list[tuple[Span, int]]
) -> None:
    windows = Windows(zone)

    for span, at_ms in asked:
        assert windows.at(span, at_ms) == window(span, at_ms, zone)


# --- Bounds ---------------------------------------------------------------------------------------

_TEXT = st.text(max_size=200)


@given(st.lists(_TEXT, min_size=1, max_size=5))
def test_no_text_has_more_tokens_than_its_bound(texts: list[str]) -> None:
    body = {"messages": [{"role": "user", "content": text} for text in texts]}

    bound = input_bound(body)

    assert bound is not None
    assert bound >= sum(len(text.encode("utf-8", "replace")) for text in texts)


def test_an_image_counts_as_an_image_and_not_as_its_bytes() -> None:
    url = "data:image/png;base64," + "A" * 1_000_000
    part = {"type": "image_url", "image_url": {"url": url}}

    bound = input_bound({"messages": [{"role": "user", "content": [part, part]}]})

    assert bound is not None
    assert 2 * IMAGE_TOKENS <= bound < 2 * IMAGE_TOKENS + 200


def test_a_file_may_fill_the_whole_context() -> None:
    part = {"type": "file", "file": {"file_data": "A" * 100}}
    body = {"messages": [{"role": "user", "content": [part]}], "max_tokens": 10, "n": 3}

    assert input_bound(body) is None
    assert bound_of(body, Terms(8_000), None) == Bound(8_000, 10, 3)
    assert bound_of(body, Terms(8_000), None).tokens == 8_030
    assert bound_of(body, Terms(), None).tokens is None


@given(
    st.one_of(st.none(), st.integers(1, 10**6)),
    st.one_of(st.none(), st.integers(1, 10**6)),
    st.sampled_from(["max_tokens", "max_completion_tokens"]),
)
def test_a_limited_body_asks_for_no_more_than_its_bound(
    asked: int | None, limit: int | None, word: str
) -> None:
    body = {"messages": HELLO, **({} if asked is None else {word: asked})}
    terms = Terms(None, limit, "max_completion_tokens")

    sent = limited(body, terms)
    bound = bound_of(body, terms, 10)

    said = sent.get("max_completion_tokens") or sent.get("max_tokens")
    if asked is None and limit is None:
        assert bound.output_tokens is None
    else:
        assert bound.output_tokens is not None
        assert said is not None
        assert bound.output_tokens == min(n for n in (asked, limit) if n is not None) <= said


@given(st.sampled_from(sorted(OFFERINGS)), st.integers(0, 10**6), st.integers(0, 10**5), st.data())
def test_no_usage_within_a_bound_costs_more_than_the_worst(
    id_: str, into: int, out: int, data: st.DataObject
) -> None:
    price = OFFERINGS[id_].price
    used_in = data.draw(st.integers(0, into))
    cached = data.draw(st.integers(0, used_in))
    written = data.draw(st.integers(0, used_in - cached))

    worst = worst_nano_usd(Bound(into, out), price)

    usd = price.cost_usd(
        used_in, data.draw(st.integers(0, out)), cached_tokens=cached, cache_write_tokens=written
    )
    assert worst is not None
    assert usd * 10**9 <= worst


def test_only_what_surely_was_not_billed_is_free() -> None:
    assert [is_free("openai", f) for f in ("503", "429", "400", "content_policy", "connect")] == [
        True
    ] * 5
    doubtful = ("timeout", "reset", "stream_cut", "malformed", "408", "504", "client_left", "200")
    assert not any(is_free("openai", failure) for failure in doubtful)
    assert not is_free("azure", "content_policy")
    assert is_free("azure", "429")


# --- Over HTTP ------------------------------------------------------------------------------------


def _with(*limits: Budget | RateLimit) -> Routing:
    return replace(
        two_deployments(),
        budgets=tuple(one for one in limits if isinstance(one, Budget)),
        rate_limits=tuple(one for one in limits if isinstance(one, RateLimit)),
    )


async def _ask(
    it: Running, path: str = "/v1/chat/completions", key: str = "none", **more: Any
) -> httpx.Response:
    body = {"model": "chat", "messages": HELLO, "max_tokens": 50} | more
    async with httpx.AsyncClient() as client:
        headers = {"authorization": f"Bearer {key}"}
        return await client.post(f"{it.service.url}{path}", json=body, headers=headers)


def _accounts(it: Running) -> dict[str, tuple[int, int]]:
    with closing(connect(it.state)) as db:
        rows = db.execute("SELECT name, spent, held FROM accounts")
        return {name: (spent, held) for name, spent, held in rows}


def test_a_budget_refuses_what_it_has_no_room_for_and_says_when_to_come_again(
    tmp_path: Path,
) -> None:
    async def test(it: Running) -> None:
        answers = [await _ask(it) for _ in range(8)]

        good = [a for a in answers if a.status_code == 200]
        spent = sum(Decimal(a.headers["x-designer-cost-usd"]) for a in good)
        refused = answers[-1]
        assert 0 < len(good) < 8
        assert refused.status_code == 402
        error = refused.json()["error"]
        assert error["code"] == "budget"
        assert error["message"].startswith("route chat: 0.004 USD/day: this request may take 0.00")
        assert 0 < int(refused.headers["retry-after"]) <= 86_400
        assert _accounts(it) == {"route:chat:usd/day": (int(spent * 10**9), 0)}
        assert [row["status"] for row in it.rows()].count(402) == 8 - len(good)

    served(tmp_path, test, _with(Budget("route", "chat", Decimal("0.004"), "day")))


def test_a_refusal_has_the_shape_of_the_api_that_was_asked(tmp_path: Path) -> None:
    async def test(it: Running) -> None:
        refused = await _ask(it, "/v1/messages")

        assert refused.status_code == 402
        assert refused.json()["type"] == "error"
        assert "everybody: 0.0001 USD/month" in refused.json()["error"]["message"]
        assert "retry-after" not in refused.headers

    served(tmp_path, test, _with(Budget("all", "", Decimal("0.0001"), "month")))


def test_requests_beyond_a_rate_are_told_to_wait_for_the_minute(tmp_path: Path) -> None:
    async def test(it: Running) -> None:
        answers = [await _ask(it) for _ in range(4)]

        assert [a.status_code for a in answers] == [200, 200, 200, 429]
        assert answers[3].json()["error"]["type"] == "rate_limit_error"
        assert 0 < int(answers[3].headers["retry-after"]) <= 60

    at_s = 1_800_000_003.0
    routing = _with(RateLimit("route", "chat", rpm=3))
    served(tmp_path, test, routing, wall_clock=lambda: at_s)


def test_tokens_are_held_at_their_bound_and_settled_as_used(tmp_path: Path) -> None:
    async def test(it: Running) -> None:
        answer = await _ask(it)

        assert answer.status_code == 200
        used = answer.json()["usage"]["total_tokens"]
        assert _accounts(it) == {"route:chat:tokens/minute": (used, 0)}

    served(tmp_path, test, _with(RateLimit("route", "chat", tpm=1_000)))


def test_a_fallback_that_a_budget_has_no_room_for_is_not_asked(tmp_path: Path) -> None:
    """The first attempt may have been billed: what is left does not pay for the second."""

    async def test(it: Running) -> None:
        it.stub.add_fault(Fault("reset", deployment=FIRST))
        refused = await _ask(it)

        assert refused.status_code == 402
        assert [bill.deployment for bill in it.stub.bills] == [FIRST]
        (row,) = it.rows()
        assert (row["is_estimated"], row["attempts"], row["status"]) == (1, 1, 402)
        ((spent, held),) = _accounts(it).values()
        assert (spent, held) == (row["cost_nano_usd"], 0)

    served(tmp_path, test, _with(Budget("all", "", Decimal("0.0012"), "day")))


def test_a_failed_attempt_that_was_billed_is_booked_where_it_was_made(tmp_path: Path) -> None:
    async def test(it: Running) -> None:
        it.stub.add_fault(Fault("malformed", deployment=FIRST))
        answer = await _ask(it)

        assert answer.headers["x-designer-served-by"] == SECOND
        (row,) = it.rows()
        assert row["is_estimated"] == 1
        assert 0 < row["extra_nano_usd"] < row["cost_nano_usd"]
        with closing(connect(it.state)) as db:
            found = db.execute("SELECT deployment, outcome, is_estimated FROM attempts").fetchall()
        assert set(found) == {(FIRST, "malformed", 1)}

    served(tmp_path, test)


def test_deployments_without_room_are_passed_by(tmp_path: Path) -> None:
    async def test(it: Running) -> None:
        answers = [await _ask(it) for _ in range(3)]

        by = [a.headers["x-designer-served-by"] for a in answers]
        assert by == [FIRST, SECOND, SECOND]

    served(tmp_path, test, _with(RateLimit("deployment", FIRST, rpm=1)))


def test_a_budget_that_downgrades_makes_do_with_what_is_cheaper(tmp_path: Path) -> None:
    routing = two_deployments()
    cheap = "chat/two/claude"
    limit = Budget("route", "chat", Decimal("0.00075"), "day", downgrades=True)

    async def test(it: Running) -> None:
        answer = await _ask(it)
        assert (answer.status_code, answer.headers["x-designer-served-by"]) == (200, cheap)

    served(tmp_path, test, replace(routing, budgets=(limit,)))
    (tmp_path / "strict").mkdir()

    async def refuses(it: Running) -> None:
        assert (await _ask(it)).status_code == 402

    strict = replace(limit, downgrades=False)
    served(tmp_path / "strict", refuses, replace(routing, budgets=(strict,)))


def test_a_budget_that_continues_refuses_nobody(tmp_path: Path) -> None:
    async def test(it: Running) -> None:
        assert (await _ask(it)).status_code == 200
        assert _accounts(it) == {}

    limit = Budget("route", "chat", Decimal("0.0000001"), "day", refuses=False)
    served(tmp_path, test, _with(limit))


def test_a_deployments_own_limit_on_answers_is_the_only_one_that_is_sent() -> None:
    body = {"messages": HELLO, "max_completion_tokens": 5_000, "max_tokens": 9}
    terms = Terms(None, 800, "max_completion_tokens", forces_limit=True)

    assert limited(body, terms) == {"messages": HELLO}
    assert bound_of(body, terms, 10).output_tokens == 800


def test_an_answer_without_a_limit_of_its_own_is_given_one(tmp_path: Path) -> None:
    async def test(it: Running) -> None:
        body = {"model": "chat", "messages": HELLO}
        async with httpx.AsyncClient() as client:
            url = f"{it.service.url}/v1/chat/completions"
            assert (await client.post(url, json=body)).status_code == 200

        sent = orjson.loads(it.stub.received[0].body)
        assert sent["max_completion_tokens"] == OFFERINGS[FIRST].max_output_tokens

    served(tmp_path, test, _with(Budget("all", "", Decimal(100), "year")))


def test_keys_users_teams_and_projects_have_limits_of_their_own(tmp_path: Path) -> None:
    async def test(it: Running) -> None:
        with closing(connect(it.state)) as db:
            at = datetime.now(UTC)
            small, record = mint(db, "small", at=at, project="search")
            large, _ = mint(db, "large", at=at, project="search")
            allow(db, Allowed("key", record.id, (Allowance(Decimal("0.0001"), "request"),)))
            allow(db, Allowed("project", "search", rpm=2))

        assert (await _ask(it, key=small)).status_code == 402
        codes = [(await _ask(it, key=large)).status_code for _ in range(3)]
        assert codes == [200, 200, 429]

    served(tmp_path, test, wall_clock=lambda: 1_800_000_003.0)


def test_no_request_may_cost_more_than_the_profile_allows(tmp_path: Path) -> None:
    async def test(it: Running) -> None:
        refused, open_, good = (
            await _ask(it),
            await _ask(it, max_tokens=None),
            await _ask(it, max_tokens=5),
        )

        assert [a.status_code for a in (refused, open_, good)] == [402, 402, 200]
        said = refused.json()["error"]["message"]
        assert said.startswith("everybody: 0.0006 USD/request: this request may cost 0.00")
        assert open_.json()["error"]["message"].endswith(" USD; it sets no max_tokens")
        assert "retry-after" not in refused.headers
        assert len(it.stub.received) == 1
        assert [row["status"] for row in it.rows()] == [402, 402, 200]

    served(tmp_path, test, max_request_usd=Decimal("0.0006"))


def test_a_try_that_may_have_been_billed_counts_for_what_its_request_may_cost(
    tmp_path: Path,
) -> None:
    async def test(it: Running) -> None:
        it.stub.add_fault(Fault("reset", deployment=FIRST))
        refused = await _ask(it)

        assert refused.status_code == 402
        assert "0.0012 USD/request" in refused.json()["error"]["message"]
        assert [bill.deployment for bill in it.stub.bills] == [FIRST]
        assert it.rows()[0]["cost_nano_usd"] <= 1_200_000

    served(tmp_path, test, max_request_usd=Decimal("0.0012"))


def test_what_has_no_price_is_not_asked_where_a_request_is_limited(tmp_path: Path) -> None:
    async def test(it: Running) -> None:
        known = it.service.app.books.deployments
        unpriced = replace(known[FIRST], price=None)
        it.service.app.books.deployments = {**known, FIRST: unpriced}
        answer = await _ask(it)

        assert answer.headers["x-designer-served-by"] == SECOND

    served(tmp_path, test, max_request_usd=Decimal(1))


def test_what_is_allowed_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    allowed = Allowed("team", "web", (Allowance(Decimal("30.50"), "day", True),), 600, None)

    with closing(connect(tmp_path / "s.sqlite")) as db:
        allow(db, allowed)
        assert allowed_to(db, [("team", "web"), ("user", ""), ("key", "x")]) == [allowed]
        assert in_words(allowed) == "30.50 USD/day, downgrades, 600 rpm"
        allow(db, Allowed("team", "web"))
        assert allowed_to(db, [("team", "web")]) == []


# --- When the count cannot be reached ---------------------------------------------------------------


@pytest.mark.parametrize("fails_open", [False, True])
def test_without_a_count_requests_are_refused_or_marked(
    tmp_path: Path, fails_open: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def test(it: Running) -> None:
        answers = [await _ask(it) for _ in range(3)]

        if fails_open:
            assert {a.status_code for a in answers} == {200}
            assert {a.headers["x-designer-limits"] for a in answers} == {"not-counted"}
        else:
            assert {a.status_code for a in answers} == {503}
            assert {a.json()["error"]["code"] for a in answers} == {"state"}
            assert answers[0].headers["retry-after"] == "1"
            assert not it.stub.received

    routing = _with(Budget("all", "", Decimal(1), "day"))
    away = RedisCounters("redis://127.0.0.1:1/0")
    served(tmp_path, test, routing, counters=away, fails_open=fails_open)

    (told,) = {r.message for r in caplog.records if r.name == "designer.runtime"}
    assert "limits cannot be counted" in told


def test_a_settlement_waits_until_the_count_is_reached_again(tmp_path: Path) -> None:
    from runtime.state.base import StateError

    class Shaky(MemoryCounters):
        is_away = False

        async def settle(self, id_: str, amounts: Mapping[str, int]) -> bool:
            if self.is_away:
                raise StateError("away")
            return await super().settle(id_, amounts)

    counters = Shaky()

    async def test(it: Running) -> None:
        counters.is_away = True
        assert (await _ask(it)).status_code == 200
        assert list(counters._holds)
        counters.is_away = False
        await asyncio.sleep(0.4)
        assert not counters._holds

    routing = _with(Budget("all", "", Decimal(1), "day"))
    served(tmp_path, test, routing, counters=counters, lease_s=0.3)
