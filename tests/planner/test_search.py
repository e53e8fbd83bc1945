"""The law of the search: it finds what listing every chain finds, by the order docs/choosing.md tells.

The listing below is written from that page alone and shares no code with the search but the forecast's
availability and the facts themselves.
"""

from collections.abc import Iterable, Sequence
from itertools import combinations, permutations
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from designer.catalog import Catalog, load_catalog
from designer.planner.accounts import Account, Candidate
from designer.planner.capacity import Load, lacking, must_carry, peak_rps, with_load
from designer.planner.chain import MOST_RUNGS, Bounds, Chosen, choose_chain
from designer.planner.forecast import availability_of
from designer.planner.requirements import PEAK, PRICE, Conflict, cost_per_request_usd
from designer.planner.search import best_chain, worst_path_usd
from designer.profile.model import ProviderAccount, RoutingPolicy, Workload

CATALOG = load_catalog()
QUICK, ALL = range(50), range(50, 550)


class Drawn:
    """A small catalog of the packaged offerings with prices, speeds and places of its own."""

    def __init__(self, seed: int) -> None:
        chance = Random(seed)
        self.catalog = _small(chance)
        self.workload = _workload(chance)
        self.bounds = _bounds(chance, self.workload)
        self.pool = _pool(chance, self.catalog)
        self.bounds = replace(self.bounds, must_carry=chance.random() < 0.5)


def _small(chance: Random) -> Catalog:
    kind = "embedding" if chance.random() < 0.2 else "chat"
    able = [o for o in CATALOG.offerings.values() if CATALOG.models[o.model].kind == kind]
    if chance.random() < 0.4:  # many of one kind, which the search thins out
        few = chance.sample(sorted({o.provider for o in able}), 2)
        able = [o for o in able if o.provider in few]
    offerings = chance.sample(able, min(len(able), chance.randint(1, 8)))
    changed = {
        o.id: replace(
            o,
            price=replace(
                o.price,
                input=o.price.input * chance.randint(1, 9),
                output=o.price.output * chance.randint(1, 9),
            ),
            latency=replace(o.latency, ttft_p50_s=chance.uniform(0.1, 4)),
        )
        for o in offerings
    }
    return replace(CATALOG, offerings=changed)


def _workload(chance: Random) -> Workload:
    said: dict[str, Any] = {
        "alias": "a",
        "task": chance.choice(["chat", "chat", "chat", "embed"]),
        "prefer": chance.choice(["cost", "latency", "quality", "static"]),
        "traffic": {"peak_rps": chance.choice([0.5, 3.0, 20.0]), "input_tokens": 500},
    }
    if chance.random() < 0.7:
        said["availability"] = chance.choice(["99%", "99.9%", "99.99%", "99.9999%"])
    if chance.random() < 0.3:
        said["models"] = {"first": chance.choice(["openai/*", "azure/*", "gpt-*", "bedrock/*"])}
    return Workload.model_validate(said)


def _bounds(chance: Random, workload: Workload) -> Bounds:
    policy = RoutingPolicy(
        retries=chance.randint(0, 2), attempts_per_request=chance.choice([2, 4, 8])
    )
    limit = chance.choice([None, 0.002, 0.02])
    return Bounds(policy, limit, Load())


def _pool(chance: Random, catalog: Catalog) -> list[Candidate]:
    found = []
    for offering in catalog.offerings.values():
        models = {}
        number = chance.randint(1, 2)
        if chance.random() < 0.4:
            rpm = chance.choice([30, 90, 600, 6000])
            models[offering.model] = {"quota": {"rpm": rpm}}
            if chance.random() < 0.3:
                models[offering.model]["committed"] = "1000 USD/month"  # type: ignore[assignment]
        settings = ProviderAccount.model_validate(
            {"name": offering.provider, "as": f"{offering.provider}-{number}", "models": models}
        )
        region = chance.choice([None, "eu-central-1", "eu-west-1"])
        candidate = Candidate(Account(settings), offering, region, offering.model)
        if candidate.id not in {other.id for other in found}:
            found.append(candidate)
    return found


# --- Every chain, one by one ----------------------------------------------------------------------


def _worth(chain: Sequence[Candidate], drawn: Drawn) -> tuple[Any, ...]:
    workload, catalog, bounds = drawn.workload, drawn.catalog, drawn.bounds
    first = workload.models.first
    named = first is None or chain[0].offering in catalog.matching(first)
    goal = workload.availability
    reached = availability_of(chain, catalog).low
    dearest = worst_path_usd([_usd(c, drawn) for c in chain], bounds.routing)
    limit = bounds.max_usd
    chances = [1.0]
    for rung in chain:
        chances.append(chances[-1] * max(1e-6, 1 - availability_of((rung,), catalog).low))
    ranks = [_rank(c, drawn) for c in chain]
    expected = [
        sum(p * (r[i] - ranks[0][i]) for p, r in zip(chances, ranks, strict=False))
        for i in range(2)
    ]
    families = [catalog.models[c.offering.model].family for c in chain]
    without_room = _without_room(chain, drawn)
    return (
        without_room if bounds.must_carry else 0.0,
        0.0 if limit is None else max(0.0, dearest / limit - 1),
        not named,
        0.0 if goal is None else max(0.0, goal - reached),
        0.0 if bounds.must_carry else without_room,
        ranks[0],
        len(chain) == 1,
        sum(_one_outage_stops_both(a, b) for a, b in combinations(chain, 2)),
        len(chain),
        tuple(expected),
        sum(a == b for a, b in combinations(families, 2)),
        tuple(map(str, chain)),
    )


def _usd(candidate: Candidate, drawn: Drawn) -> float:
    traffic = drawn.workload.traffic
    out = 0 if drawn.workload.task == "embed" else 250
    return float(candidate.offering.price.cost_usd(traffic.input_tokens or 1000, out))


def _seconds(candidate: Candidate, drawn: Drawn) -> float:
    latency = candidate.offering.latency
    out = 0 if drawn.workload.task == "embed" else 250
    return latency.ttft_p50_s + out / latency.tokens_per_s


def _rank(candidate: Candidate, drawn: Drawn) -> tuple[float, float]:
    own = candidate.account.settings.models.get(candidate.offering.model)
    paid = 0.0
    if own is not None and own.committed is not None and own.quota is not None:
        paid = min(1.0, (own.quota.rpm or 0) / 60 / (drawn.workload.traffic.peak_rps or 1))
    usd = _usd(candidate, drawn) * (1 - paid)
    match drawn.workload.prefer:
        case "cost":
            return usd, _seconds(candidate, drawn)
        case "latency":
            return _seconds(candidate, drawn), usd
        case "static":
            return 0.0, usd
        case _:
            model = drawn.catalog.models[candidate.offering.model]
            score = model.score("arena_text")
            tier = ("fast", "balanced", "smart").index(model.tier)
            return -(tier * 10_000 + (score.score if score else 0.0)), usd


def _without_room(chain: Sequence[Candidate], drawn: Drawn) -> float:
    """No two rungs share a quota here, so what is left over is the peak without all of theirs."""
    peak = drawn.workload.traffic.peak_rps or 0.0
    domains = {c.offering.failure_domain for c in chain}
    failures = ["none", *(domains if len(domains) > 1 else ())]
    worst = 0.0
    for failed in failures:
        standing = [c for c in chain if c.offering.failure_domain != failed]
        quotas = [c.account.settings.models.get(c.offering.model) for c in standing]
        if all(q is not None for q in quotas):
            room = sum((q.quota.rpm or 0) / 60 for q in quotas if q is not None and q.quota)
            worst = max(worst, peak - room)
    return worst / peak if worst > 1e-9 else 0.0


def _one_outage_stops_both(one: Candidate, other: Candidate) -> bool:
    places = [
        c.region or (c.offering.region if c.offering.region not in ("global", "eu", "us") else None)
        for c in (one, other)
    ]
    same_place = places[0] is not None and places[0] == places[1]
    return one.offering.failure_domain == other.offering.failure_domain or same_place


def _every_chain(drawn: Drawn) -> Iterable[tuple[Candidate, ...]]:
    for length in range(1, MOST_RUNGS + 1):
        for chain in permutations(drawn.pool, length):
            one_model = len({c.offering.model for c in chain}) == 1
            each_once = len({c.account.name for c in chain}) == length
            if each_once and (drawn.workload.task != "embed" or one_model):
                yield chain


def _compare(seed: int) -> None:
    """The chain that is chosen, or a conflict where every chain breaks what it must keep to."""
    drawn = Drawn(seed)

    found = best_chain(drawn.workload, drawn.pool, drawn.catalog, drawn.bounds)
    chosen = choose_chain(drawn.workload, drawn.pool, [], drawn.catalog, bounds=drawn.bounds)

    worths = {tuple(map(str, chain)): _worth(chain, drawn) for chain in _every_chain(drawn)}
    best = min(worths.values())
    assert worths[tuple(map(str, found))] == best
    assert isinstance(chosen, Conflict) == any(best[:2])
    if isinstance(chosen, Conflict):
        _is_minimal([requirement.key for requirement in chosen.requirements], worths.values())


def _is_minimal(keys: Sequence[str], worths: Iterable[tuple[Any, ...]]) -> None:
    """No chain keeps to all of them, and one does to all but any one."""
    every = list(worths)

    def are_kept(some: Iterable[str]) -> bool:
        places = [(PEAK, PRICE).index(key) for key in some]
        return any(not any(worth[place] for place in places) for worth in every)

    assert not are_kept(keys)
    assert all(are_kept(key for key in keys if key != left_out) for left_out in keys)


@pytest.mark.parametrize("seed", QUICK)
def test_the_search_finds_what_listing_every_chain_finds(seed: int) -> None:
    _compare(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", ALL)
def test_the_search_finds_what_listing_every_chain_finds_in_many_catalogs(seed: int) -> None:
    _compare(seed)


# --- Stories --------------------------------------------------------------------------------------


def _candidate(offering: str, **settings: Any) -> Candidate:
    found = CATALOG.offerings[offering]
    account = ProviderAccount.model_validate({"name": found.provider, **settings})
    region = account.regions[0] if account.regions else None
    return Candidate(Account(account), found, region, found.model)


def _chosen(workload: dict[str, Any], pool: Sequence[Candidate], **bounds: Any) -> Chosen:
    asked = Workload.model_validate({"alias": "a", "task": "chat"} | workload)
    chosen = choose_chain(asked, pool, [], CATALOG, bounds=Bounds(**bounds))
    assert isinstance(chosen, Chosen)
    return chosen


MINI, NANO = "openai/gpt-5.4-mini", "azure/gpt-5.4-nano"


def test_quotas_that_carry_the_peak_only_together_lead_to_three_rungs() -> None:
    quota = {"rpm": 300}
    pool = [
        _candidate("openai/gpt-5.4-mini", quota=quota),
        _candidate("azure/gpt-5.4-mini", quota=quota),
        _candidate("gemini/gemini-3.5-flash-lite", quota=quota),
    ]

    chosen = _chosen({"traffic": {"peak_rps": 8}}, pool)

    assert len(chosen.rungs) == 3
    assert any("the quotas carry 5 on" in note for note in chosen.notes)
    assert not any("no room" in doubt for doubt in chosen.warnings)


def test_an_assumed_peak_that_no_quota_carries_is_a_doubt_with_its_share() -> None:
    """A rate's peak is a guess, and nothing is refused for a guess."""
    pool = [_candidate(MINI, quota={"rpm": 60}), _candidate(NANO, quota={"rpm": 60})]

    chosen = _chosen({"traffic": {"rate": "115200/day"}}, pool)

    assert any("75% of the peak finds no room" in doubt for doubt in chosen.warnings)


def test_a_peak_of_the_profile_that_no_quota_carries_is_a_conflict() -> None:
    asked = {"alias": "a", "task": "chat", "traffic": {"peak_rps": 4}}
    pool = [_candidate(MINI, quota={"rpm": 60}), _candidate(NANO, quota={"rpm": 60})]

    found = choose_chain(
        Workload.model_validate(asked), pool, [], CATALOG, bounds=Bounds(must_carry=True)
    )

    assert isinstance(found, Conflict)
    assert [r.says for r in found.requirements] == ["room for 4 requests/s in every single failure"]


def test_a_peak_is_insisted_on_where_every_alias_that_shares_a_quota_tells_its_own() -> None:
    told, guessed = (
        Workload.model_validate({"alias": "a", "task": "chat", "traffic": traffic})
        for traffic in ({"peak_rps": 4}, {"rate": "1k/day"})
    )
    rungs = [_candidate(MINI, quota={"rpm": 600})]

    assert must_carry(told, Load())
    assert must_carry(told, with_load(Load(), told, rungs, []))
    assert not must_carry(told, with_load(Load(), guessed, rungs, []))
    assert not must_carry(guessed, Load())


def test_a_locked_chain_that_no_longer_carries_the_peak_is_chosen_anew() -> None:
    asked = {"alias": "a", "task": "chat", "traffic": {"peak_rps": 4}}
    pool = [_candidate(MINI, quota={"rpm": 60}), _candidate(NANO, quota={"rpm": 600})]

    found = choose_chain(
        Workload.model_validate(asked), pool, [], CATALOG, (MINI,), Bounds(must_carry=True)
    )

    assert isinstance(found, Chosen)
    assert [rung.id for rung in found.rungs] == ["azure/gpt-5.4-nano"]


def test_without_quotas_capacity_is_not_checked_and_the_report_says_so() -> None:
    chosen = _chosen({"traffic": {"peak_rps": 4}}, [_candidate(MINI)])

    assert "capacity not checked: no quota is known of openai/gpt-5.4-mini" in chosen.notes


def test_aliases_share_the_quota_of_a_deployment() -> None:
    """The first takes nearly all of it, so that the second goes elsewhere."""
    pool = [_candidate(NANO, quota={"rpm": 300}), _candidate(MINI, quota={"rpm": 60_000})]
    domains = [c.offering.failure_domain for c in pool]
    first = _chosen({"traffic": {"peak_rps": 4.5}}, pool)

    load = with_load(Load(), first.workload, first.rungs, domains)

    assert first.rungs[0].id == "azure/gpt-5.4-nano"
    alone = Workload.model_validate({"alias": "b", "task": "chat", "traffic": {"peak_rps": 3.0}})
    assert lacking(alone, [pool[0]], Load()) == 0.0
    assert lacking(alone, [pool[0]], load) == pytest.approx(1 - 0.5 / 3.0)


def test_committed_capacity_comes_first_where_cost_decides() -> None:
    committed = {"models": {"gpt-5.4-mini": {"committed": "7300 USD/month"}}}
    pool = [_candidate(NANO), _candidate(MINI, **committed)]

    assert _chosen({}, pool).rungs[0].id == MINI
    assert "committed capacity" in _chosen({}, pool).reasons[0]
    assert _chosen({}, [pool[0], _candidate(MINI)]).rungs[0].id == NANO


def test_two_machines_in_one_cloud_region_share_an_outage() -> None:
    pool = [
        _candidate("bedrock/nova-pro@eu", regions=["eu-central-1"]),
        _candidate("vllm/gpt-oss-120b", regions=["eu-central-1"], api_base="http://gpu.example"),
    ]

    chosen = _chosen({}, pool)

    assert "both go down with region eu-central-1" in chosen.reasons[1]


def test_the_price_limit_counts_every_try_that_may_be_billed() -> None:
    policy = RoutingPolicy(retries=1, attempts_per_request=3)

    assert worst_path_usd([0.01, 0.04, 0.5], policy) == pytest.approx(2 * 0.01 + 0.04)

    pool = [_candidate("anthropic/claude-opus-5"), _candidate("openai/gpt-5.4")]
    within = _chosen({"prefer": "quality"}, pool, routing=policy, max_usd=0.05)
    assert (
        worst_path_usd(
            [float(cost_per_request_usd(r, within.workload)) for r in within.rungs], policy
        )
        <= 0.05
    )
    asked = Workload.model_validate({"alias": "a", "task": "chat"})
    found = choose_chain(asked, pool, [], CATALOG, bounds=Bounds(policy, max_usd=0.0001))
    assert isinstance(found, Conflict)
    assert [r.says for r in found.requirements] == [
        "at most 0.0001 USD per request, every try billed"
    ]


def test_a_peak_is_estimated_from_the_hours_with_traffic() -> None:
    day = Workload.model_validate({"alias": "a", "task": "chat", "traffic": {"rate": "86400/day"}})
    night = {"rate": "86400/day", "window": "01:00-05:00 Europe/Berlin"}
    hours = Workload.model_validate({"alias": "a", "task": "chat", "traffic": night})

    assert peak_rps(day) == pytest.approx(3.0)
    assert peak_rps(hours) == pytest.approx(18.0)
