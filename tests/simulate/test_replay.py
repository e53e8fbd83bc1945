"""Recorded traffic comes as it came, and costs what it cost."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from designer.cli import run
from designer.diagnostics import Place, Report
from designer.ir import Budget, Cache, Key, RateLimit, Target, Team
from designer.logs import Row
from designer.simulate import Recording, Result, load_scenario, read_recording, recorded, simulate
from designer.simulate.services import Prices, Tokens, prices_of
from tests.logs.samples import lines, spend_log
from tests.simulate.arrangements import CHAT, FRA, LOADS, PARSED, ROUTING, SE, SERVICES

TRACES = Path("../shared/traces")
PRICES = Prices(2.0, 8.0, 2.0)
REPLAYS = "traffic: {replay: log.jsonl}\nfaults: []\n"


def rows(count: int, seed: int = 1) -> Iterator[Row]:
    """As the first deployment had answered and billed them, not quite in order."""
    chance = Random(seed)
    for number in range(count):
        tokens = Tokens(chance.randrange(10, 3000), chance.randrange(5, 600), chance.randrange(10))
        yield Row(
            at_s=1_700_000_000 + number * 0.7 + chance.random() * 5,
            route="chat",
            input_tokens=tokens.input,
            output_tokens=tokens.output,
            cached_tokens=tokens.cached,
            cost_usd=PRICES.cost_usd(tokens),
        )


def replayed(recording: Recording, text: str = REPLAYS, **more: object) -> Result:
    report = Report()
    scenario = load_scenario(text, "scenario.yaml", report)
    assert scenario is not None, list(map(str, report))
    parsed = replace(PARSED, routing=replace(ROUTING, **more))
    return simulate(parsed, scenario, SERVICES, LOADS, report, recording=recording)


def recording_of(listed: Iterator[Row] | list[Row]) -> Recording:
    found = recorded(listed)
    assert found is not None
    return found


def test_an_unchanged_configuration_costs_what_the_log_says() -> None:
    result = replayed(recording_of(rows(3000)))

    assert result.total.requests == 3000
    assert result.recorded_usd is not None
    assert result.total.cost_usd == pytest.approx(result.recorded_usd, rel=0.01)


def test_the_log_s_costs_are_those_of_the_requests_that_are_replayed() -> None:
    listed = list(rows(3000))
    half = replayed(recording_of(listed), REPLAYS.replace("log.jsonl", "log.jsonl, for: 17m"))

    assert half.total.requests < 1600
    assert half.recorded_usd == pytest.approx(half.total.cost_usd)
    assert (
        replayed(recording_of([replace(row, cost_usd=None) for row in listed])).recorded_usd is None
    )


def test_cached_input_is_billed_as_such() -> None:
    cheaper = prices_of(replace(SERVICES[SE.id], cached_usd_per_mtok=Decimal("0.2")))

    assert cheaper is not None
    assert cheaper.cost_usd(Tokens(1000, 100, 1000)) == pytest.approx((200 + 800) / 1e6)
    assert PRICES.cost_usd(Tokens(1000, 100, 1000)) == pytest.approx((2000 + 800) / 1e6)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50))
def test_every_row_comes_once_in_order_of_time_from_the_first_on(times: list[float]) -> None:
    recording = recording_of([Row(at_s=at, input_tokens=n) for n, at in enumerate(times)])
    visits = list(recording.visits(ROUTING, "chat"))

    assert [visit.at for visit in visits] == [at - min(times) for at in sorted(times)]
    assert sorted(visit.tokens.input for visit in visits) == list(range(len(times)))


def test_requests_for_unknown_routes_go_to_the_busiest_and_it_is_said() -> None:
    result = replayed(recording_of([Row(at_s=1.0, route="gone"), Row(at_s=2.0, route="chat")]))

    assert result.routes[0].requests == 2
    assert any("1 recorded requests name no route" in said for said in result.assumptions)


def test_faults_meet_recorded_requests_at_their_times() -> None:
    text = REPLAYS.replace(
        "[]", "[{target: {provider: azure}, from: 5m, to: 10m, kind: http, status: 503}]"
    )
    before, during, _ = replayed(recording_of(rows(3000)), text).phases

    assert set(before.total.served_by) == {"chat/azure-se/x"}
    assert set(during.total.served_by) == {"chat/bedrock-fra/y"}


def test_what_the_gateways_cache_answered_costs_nothing_where_there_still_is_one() -> None:
    listed = [replace(row, from_cache=n % 2 == 0) for n, row in enumerate(rows(100))]

    cached = replayed(recording_of(listed), caches=(Cache("exact", 60.0),))
    gone = replayed(recording_of(listed))

    assert (cached.total.cached, gone.total.cached) == (50, 0)
    assert gone.total.cost_usd > cached.total.cost_usd > 0


def of_callers(*callers: tuple[str, str]) -> list[Row]:
    """A request a second, by turns of these teams and keys."""
    return [
        replace(
            row, at_s=float(n), team=callers[n % len(callers)][0], key=callers[n % len(callers)][1]
        )
        for n, row in enumerate(rows(300))
    ]


def test_a_recorded_team_is_held_to_its_own_budget_and_limits_and_others_are_not() -> None:
    recording = recording_of(of_callers(("web", ""), ("batch", ""), ("", "")))

    limited = replayed(recording, rate_limits=(RateLimit("team", "batch", rpm=10),))
    broke = replayed(recording, budgets=(Budget("team", "web", Decimal("0.01"), "month"),))

    assert limited.total.failures == {"limit": 50}  # of twenty a minute, ten have room
    assert not any("no request is of" in said for said in limited.assumptions)
    assert 0 < broke.total.failures["budget"] < 100


def by_id(listed: list[Row]) -> list[Row]:
    """Of teams that the log does not name."""
    return [replace(row, team="", team_id=row.team) for row in listed]


def test_a_recorded_request_is_of_the_team_that_has_its_key_where_the_log_names_none() -> None:
    recording = recording_of(by_id(of_callers(("0b9e-11", "web-prod"), ("0b9e-11", "other"))))
    teams = (Team("web", keys=(Key("web-prod"),)), Team("batch"))

    result = replayed(recording, teams=teams, rate_limits=(RateLimit("team", "web", rpm=10),))

    assert result.total.failures == {"limit": 100}
    assert any(
        said.startswith(
            "150 recorded requests are of teams that this configuration does not know (0b9e-11)"
        )
        for said in result.assumptions
    )


def test_a_team_that_the_log_names_is_not_overruled_by_what_its_key_is_called() -> None:
    batch = Team("batch", keys=(Key("prod"),))
    limits = (RateLimit("team", "batch", rpm=10),)
    strangers = recording_of(of_callers(("marketing", "prod")))
    known_by_id = recording_of(by_id(of_callers(("marketing", "prod"))))

    named = replayed(strangers, teams=(batch,), rate_limits=limits)
    by_their_id = replayed(known_by_id, teams=(batch, Team("marketing")), rate_limits=limits)

    assert not named.total.failures
    assert not by_their_id.total.failures
    assert any("300 recorded requests are of teams" in said for said in named.assumptions)
    assert not any("recorded requests" in said for said in by_their_id.assumptions)


CODE = replace(CHAT, name="code", node=Target(FRA.id))


@pytest.mark.parametrize(
    ("recorded_route", "played_route"),
    [("code", "code"), ("chat", "chat"), ("swift", "code"), ("gone", "chat")],
)
def test_a_recorded_route_is_not_led_again_and_a_team_s_own_name_is_led_once(
    recorded_route: str, played_route: str
) -> None:
    blue = Team("blue", aliases=(("chat", "code"), ("code", "chat"), ("swift", "code")))
    listed = [replace(row, route=recorded_route) for row in of_callers(("blue", ""))]
    astray = recorded_route == "gone"

    result = replayed(recording_of(listed), routes=(CHAT, CODE), teams=(blue,))

    assert [(route.route, route.requests) for route in result.routes] == [(played_route, 300)]
    assert any("name no route" in said for said in result.assumptions) == astray


def test_what_is_not_replayed_is_not_told_of() -> None:
    listed = of_callers(("web", ""))
    strange = [replace(row, team="stranger", route="gone") for row in listed[60:]]

    result = replayed(
        recording_of([*listed[:60], *strange]),
        REPLAYS.replace("log.jsonl", "log.jsonl, for: 1m"),
        teams=(Team("web"),),
        rate_limits=(RateLimit("team", "stranger", rpm=1),),
    )

    assert result.total.requests == 60
    assert not any("recorded requests" in said for said in result.assumptions)
    assert any(said.startswith("no request is of stranger") for said in result.assumptions)


def test_shares_of_teams_are_of_the_recorded_requests_that_name_none() -> None:
    recording = recording_of(of_callers(("web", ""), ("", "")))
    text = REPLAYS.replace("log.jsonl", "log.jsonl, teams: {batch: 100%}")

    of_web = replayed(recording, text, rate_limits=(RateLimit("team", "web", rpm=0),))
    of_batch = replayed(recording, text, rate_limits=(RateLimit("team", "batch", rpm=0),))

    assert of_web.total.failures == of_batch.total.failures == {"limit": 150}


def test_what_cannot_be_read_is_counted_with_place_and_reason(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(lines(spend_log()) + "{nonsense\n" + lines(spend_log()), "utf-8")
    lenient, strict = Report(), Report()

    assert read_recording(log, Place(), lenient) is not None
    read_recording(log, Place(), strict, is_strict=True)

    assert [f.message for f in lenient] == [
        f"1 of 3 entries of this log could not be read: 1 × not JSON; the first is {log}:2"
    ]
    assert not lenient.has_errors
    assert strict.has_errors


def test_a_log_without_requests_cannot_be_replayed(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n", "utf-8")
    report = Report()

    assert read_recording(log, Place(), report) is None
    assert [finding.code for finding in report] == ["SIM635"]


def test_the_command_finds_the_log_beside_the_scenario(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "scenarios"
    folder.mkdir()
    (folder / "log.jsonl").write_text(lines(spend_log(), spend_log()), "utf-8")
    (folder / "mine.yaml").write_text(REPLAYS, "utf-8")
    config = tmp_path / "config.yaml"
    config.write_text(
        "model_list:\n  - model_name: chat\n    litellm_params: {model: openai/gpt-4o}\n", "utf-8"
    )

    code = run(
        ["simulate", str(config), "--scenario", str(folder / "mine.yaml"), "--format", "json"]
    )

    said = json.loads(capsys.readouterr().out)
    assert code == 0
    assert said["total"]["requests"] == 2
    assert said["recorded_usd"] == 0.0042


@pytest.mark.skipif(not TRACES.exists(), reason="the traces are not here")
@pytest.mark.parametrize(("name", "count"), [("conversation", 19_366), ("code", 8_819)])
def test_a_public_trace_is_replayed_as_it_is(name: str, count: int) -> None:
    recording = read_recording(TRACES / f"azure-llm-2023-{name}.csv", Place(), Report())

    assert recording is not None
    assert replayed(recording).total.requests == count
