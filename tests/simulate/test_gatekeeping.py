"""What the gateway answers and refuses by itself, and what its replicas do not share."""

from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from designer.diagnostics import Report
from designer.gateways.base import Parsed
from designer.ir import Budget, Cache, RateLimit, Route, Target, Team
from designer.load import load_config
from designer.services import services
from designer.simulate import Load
from designer.simulate.traffic import DAY_S, Curve
from tests.simulate.arrangements import FRA, LOADS, PARSED, ROUTING, SE, fault, ran

QUIET = "traffic: {from: profile, for: 30m}\nfaults: []\n"
ASKED_AGAIN = {"chat": replace(LOADS["chat"], repeats=0.4)}


def with_(**more: object) -> Parsed:
    return replace(PARSED, routing=replace(ROUTING, **more))


def test_what_is_asked_again_comes_from_the_cache_at_no_cost() -> None:
    cache = Cache("exact", 3600.0)
    plain = ran(QUIET, loads=ASKED_AGAIN)
    cached = ran(QUIET, with_(caches=(cache,)), loads=ASKED_AGAIN)

    assert plain.total.cached == 0
    assert cached.total.cached / cached.total.requests == pytest.approx(0.4, abs=0.03)
    assert cached.total.saved_usd == pytest.approx(
        plain.total.cost_usd - cached.total.cost_usd, rel=0.1
    )
    assert sum(cached.total.served_by.values()) + cached.total.cached == cached.total.served


def test_an_answer_older_than_the_cache_keeps_it_is_asked_for_again() -> None:
    short = ran(QUIET, with_(caches=(Cache("exact", 5.0),)), loads=ASKED_AGAIN)
    long = ran(QUIET, with_(caches=(Cache("exact", 3600.0),)), loads=ASKED_AGAIN)

    assert 0 < short.total.cached < long.total.cached / 4


def test_traffic_that_never_repeats_itself_asks_no_cache() -> None:
    assert ran(QUIET, with_(caches=(Cache("exact", 3600.0),))).total == ran(QUIET).total


def test_a_cache_that_is_down_has_nothing() -> None:
    text = fault("target: {cache: exact}, from: 0s, to: 10m, kind: down")
    down = ran(text, with_(caches=(Cache("exact", 3600.0),)), loads=ASKED_AGAIN)

    assert down.total.cached == 0
    assert down.total.served == down.total.requests


def test_a_fault_of_a_cache_that_is_not_there_is_told() -> None:
    report = Report()

    ran(fault("target: {cache: '*'}, kind: down"), report=report)

    assert [finding.message for finding in report] == [
        "no cache of this configuration matches cache *"
    ]


def test_a_spent_budget_refuses_until_its_period_is_over() -> None:
    budget = Budget("route", "chat", Decimal("0.20"), "hour")
    text = "traffic: {from: profile, for: 2h}\nfaults: []\n"
    result = ran(text, with_(budgets=(budget,)))
    served = [moment.served for moment in result.moments]

    assert set(result.total.failures) == {"budget"}
    assert result.total.cost_usd == pytest.approx(0.40, rel=0.1)
    assert served[0] > 0 == served[29] < served[30]


def test_a_budget_that_only_tells_refuses_nobody() -> None:
    budget = Budget("route", "chat", Decimal("0.20"), "hour", refuses=False)

    assert ran(QUIET, with_(budgets=(budget,))).total == ran(QUIET).total


def test_a_rate_limit_lets_so_many_a_minute_through() -> None:
    result = ran(QUIET, with_(rate_limits=(RateLimit("all", "", rpm=60),)))

    assert set(result.total.failures) == {"limit"}
    assert result.total.served == 30 * 60


OF_TEAMS = "traffic: {from: profile, for: 30m, teams: {web: 50%, batch: 25%}}\nfaults: []\n"


def test_a_limit_of_a_team_that_no_request_is_of_is_said_to_bind_nobody() -> None:
    result = ran(QUIET, with_(rate_limits=(RateLimit("team", "web", rpm=1),)))

    assert result.total.served == result.total.requests
    assert any(said.startswith("no request is of web") for said in result.assumptions)


def test_a_team_is_held_to_its_own_limit_and_others_are_not() -> None:
    free = ran(OF_TEAMS)
    result = ran(OF_TEAMS, with_(rate_limits=(RateLimit("team", "batch", rpm=1),)))

    refused = result.total.failures["limit"]
    assert result.total.requests == free.total.requests
    assert refused == pytest.approx(result.total.requests / 4 - 30, rel=0.1)
    assert not any("no request is of" in said for said in result.assumptions)


def test_a_team_spends_its_own_budget() -> None:
    budget = Budget("team", "web", Decimal("0.20"), "month")
    result = ran(OF_TEAMS, with_(budgets=(budget,)))
    whole = ran(OF_TEAMS)

    assert set(result.total.failures) == {"budget"}
    assert result.total.cost_usd == pytest.approx(whole.total.cost_usd / 2 + 0.20, rel=0.1)


def test_whose_requests_are_changes_nobody_s_arrivals() -> None:
    assert ran(OF_TEAMS).total == ran(QUIET).total


def test_a_team_s_own_route_serves_it() -> None:
    own = Route("chat@web", Target(FRA.id))
    team = Team("web", aliases=(("chat", "chat@web"),))
    result = ran(OF_TEAMS, with_(routes=(*ROUTING.routes, own), teams=(team, Team("batch"))))

    share = result.total.served_by[FRA.id] / result.total.requests
    assert share == pytest.approx(0.5, abs=0.03)
    assert set(result.total.served_by) == {SE.id, FRA.id}


def test_a_team_that_the_configuration_has_not_is_told() -> None:
    report = Report()

    ran(OF_TEAMS, with_(teams=(Team("web"), Team("batches"))), report=report)

    assert [finding.message for finding in report] == [
        "no team of this configuration is called `batch` (did you mean `batches`?)"
    ]


def test_what_replicas_share_is_said() -> None:
    limited = with_(rate_limits=(RateLimit("all", "", rpm=60),))
    result = ran("replicas: 4\n" + QUIET, limited)

    assert result.total.served == 30 * 60
    (said,) = [said for said in result.assumptions if "replicas" in said]
    assert said.startswith("each of the 4 replicas has cooldowns, turns and limits of deployments")
    assert said.endswith("are one for all, as with a shared database or Redis")


def test_a_deployment_whose_budget_is_spent_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(SPENDING, "utf-8")
    config = load_config(str(path), Report())
    assert config is not None
    result = ran(QUIET, config.parsed, services(config))

    assert not any("not simulated" in said for said in result.assumptions)
    assert result.total.failures == {}
    first, second = (result.total.served_by[d.id] for d in config.parsed.routing.deployments)
    assert 0 < first < second / 4


SPENDING = """\
model_list:
  - model_name: chat
    litellm_params: {model: openai/gpt-5.4-mini, api_key: os.environ/A, max_budget: 0.05, budget_duration: 1d}
  - model_name: chat
    litellm_params: {model: openai/gpt-5.4-mini, api_key: os.environ/B}
"""


def test_each_replica_learns_of_an_outage_by_itself() -> None:
    outage = "target: {provider: azure}, from: 1m, to: 9m, kind: http, status: 503"
    alone = ran(fault(outage))
    four = ran("replicas: 4\n" + fault(outage))

    assert four.total.requests == alone.total.requests
    assert four.total.attempts_mean > alone.total.attempts_mean


def test_a_daily_curve_has_the_mean_and_the_peak_that_were_asked_for() -> None:
    curve = Curve(4.0)
    shares = [curve.share_at(DAY_S * n / 1000) for n in range(1000)]

    assert max(shares) == pytest.approx(1.0, abs=1e-4)
    assert 4.0 * sum(shares) / 1000 == pytest.approx(1.0, rel=0.01)


def test_a_day_of_traffic_is_busy_in_the_afternoon_and_no_longer_in_all() -> None:
    text = "traffic: {rate: 0.2/s, for: 24h, curve: daily}\nfaults: []\n"
    result = ran(text, loads={"chat": Load(0.2, peak_per_s=0.8)})
    night, noon = result.moments[5].requests, result.moments[35].requests

    assert result.total.requests == pytest.approx(0.2 * DAY_S, rel=0.03)
    assert noon > 10 * max(night, 1)
