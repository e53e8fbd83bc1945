"""Chains, conflicts and gateways: promises first, then the stories of the five examples."""

import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from designer.catalog import load_catalog
from designer.compiler import Options, compile_profile
from designer.diagnostics import Report
from designer.ir import Pool, Retry, deployments_of
from designer.plan import Plan
from designer.planner.accounts import accounts, candidates
from designer.planner.chain import Chosen, choose_chain
from designer.planner.lock import Lock, lock_text, read_lock
from designer.planner.requirements import Conflict, conflict, first_failure, requirements
from designer.planner.routing import build_routing
from designer.profile.load import LoadedProfile, load_profile
from designer.profile.regions import region_within

EXAMPLES = Path(__file__).parents[2] / "examples"
CATALOG = load_catalog()


def _load(text: str) -> LoadedProfile:
    report = Report()
    loaded = load_profile("p.yaml", text, report=report)
    assert loaded is not None, [str(finding) for finding in report]
    return loaded


def _plan(text: str, lock: Lock | None = None, **options: object) -> tuple[Plan | None, Report]:
    report = Report()
    asked = Options(**options)  # type: ignore[arg-type]
    return compile_profile(_load(text), CATALOG, lock or Lock(), asked, report), report


def _example(name: str) -> tuple[Plan, Report]:
    plan, report = _plan((EXAMPLES / f"{name}.yaml").read_text("utf-8"))
    assert plan is not None, [str(finding) for finding in report]
    return plan, report


MINIMAL = "version: 1\nname: p\nworkloads: [{{alias: chat, task: chat{more}}}]\n"


# --- Promises -------------------------------------------------------------------------------------

_PLACES = st.sampled_from(["eu", "us", "eea", "de", "eu-central-1", "swedencentral"])
_ASKS = st.fixed_dictionaries(
    {
        "residency": st.lists(_PLACES, max_size=2, unique=True),
        "frameworks": st.lists(st.sampled_from(["gdpr", "hipaa", "soc2"]), max_size=2, unique=True),
        "retention": st.sampled_from(["zero", "any"]),
        "training": st.sampled_from(["forbid", "allow"]),
    }
)
_FACT_OF = {"gdpr": "dpa", "hipaa": "baa", "soc2": "soc2"}


@given(asks=_ASKS, quality=st.sampled_from(["fast", "balanced", "smart"]))
def test_every_rung_of_every_chain_satisfies_every_requirement(
    asks: dict[str, object], quality: str
) -> None:
    loaded = _load(
        MINIMAL.format(more=f", quality: {quality}")
        + f"compliance: {{residency: {asks['residency']}, frameworks: {asks['frameworks']}, "
        f"retention: {asks['retention']}, training: {asks['training']}}}\n".replace("'", "")
    )
    chosen = _choose(loaded)

    if isinstance(chosen, Conflict):
        return
    for rung in chosen.rungs:
        allowed = tuple(asks["residency"])  # type: ignore[arg-type]
        assert not allowed or region_within(rung.offering.residency, allowed)
        wanted = [_FACT_OF[f] for f in asks["frameworks"]]  # type: ignore[attr-defined]
        wanted += ["zero_retention"] if asks["retention"] == "zero" else []
        wanted += ["no_training"] if asks["training"] == "forbid" else []
        for fact in wanted:
            assert CATALOG.fact(rung.offering, fact, CATALOG.date).value in ("yes", "obtainable")


@given(region=st.sampled_from(["eu", "us", "de", "eu-central-1"]))
def test_what_a_team_is_led_to_is_within_its_region(region: str) -> None:
    """One account has the same model in several regions: each is a deployment of its own."""
    accounts_ = "[openai, {name: bedrock, regions: [eu-central-1, us-east-1]}]"
    plan, report = _plan(
        "version: 1\nname: p\ngateway: litellm\nworkloads: [{alias: chat, task: chat}]\n"
        f"teams: [{{name: web, region: {region}, keys: [web]}}]\nproviders: {accounts_}\n"
    )

    if plan is None:
        assert report.has_errors
        return
    places = {chosen.id_of(rung): rung for chosen in plan.chains for rung, _ in chosen.deployments}
    led = dict(plan.routing.teams[0].aliases).get("chat", "chat")
    for id_ in deployments_of(plan.routing.route(led).node):
        rung = places[id_.removesuffix(f"@{led}")]
        assert region_within(rung.offering.residency, (region,))
        assert plan.routing.deployment(id_).region in (None, rung.region or rung.offering.region)


def _choose(loaded: LoadedProfile, as_of: date = CATALOG.date) -> Chosen | Conflict:
    pool = [c for a in accounts(loaded, CATALOG, Report()) for c in candidates(a, CATALOG)]
    workload = loaded.profile.workloads[0]
    wanted = requirements(loaded, workload, 0, CATALOG, as_of)
    return choose_chain(workload, pool, wanted, CATALOG)


@given(
    asks=_ASKS,
    bench=st.integers(1300, 2000),
    provider=st.sampled_from(["deepseek", "groq", "anthropic", "gemini", "cohere"]),
)
def test_a_conflict_cannot_be_made_smaller(
    asks: dict[str, object], bench: int, provider: str
) -> None:
    loaded = _load(
        MINIMAL.format(more=f", quality: {{bench: arena_text, min: {bench}}}")
        + f"providers: [{provider}]\n"
        + f"compliance: {{residency: {asks['residency']}, retention: {asks['retention']}}}\n".replace(
            "'", ""
        )
    )
    pool = [c for a in accounts(loaded, CATALOG, Report()) for c in candidates(a, CATALOG)]
    wanted = requirements(loaded, loaded.profile.workloads[0], 0, CATALOG, CATALOG.date)
    if any(first_failure(c, wanted) is None for c in pool):
        return

    found = conflict("chat", pool, wanted)

    assert not any(first_failure(c, found.requirements) is None for c in pool)
    for left_out in found.requirements:
        rest = [r for r in found.requirements if r is not left_out]
        assert any(first_failure(c, rest) is None for c in pool)


def test_expired_facts_satisfy_nothing() -> None:
    loaded = _load(MINIMAL.format(more="") + "compliance: {frameworks: [gdpr]}\n")

    assert isinstance(_choose(loaded, CATALOG.date), Chosen)
    assert isinstance(_choose(loaded, date(2029, 1, 1)), Conflict)


def test_an_agreement_counts_until_the_day_it_ends() -> None:
    account = (
        "providers: [{name: azure, as: az, regions: [swedencentral], api_base: 'https://a.example', "
        "agreements: [{is: zero_retention, ref: R-1, until: 2027-06-30}]}]\n"
    )
    loaded = _load(MINIMAL.format(more="") + account + "compliance: {retention: zero}\n")

    kept = _choose(loaded)
    lapsed = _choose(loaded, date(2028, 1, 1))

    assert isinstance(kept, Chosen)
    assert kept.obtain == ()
    assert isinstance(lapsed, Conflict)


def test_what_is_only_obtainable_is_listed_to_be_obtained() -> None:
    chosen = _choose(
        _load(MINIMAL.format(more="") + "compliance: {retention: zero}\nproviders: [openai]\n")
    )

    assert isinstance(chosen, Chosen)
    assert any("zero retention on openai" in what for what in chosen.obtain)


def test_an_embedding_never_falls_back_to_another_model() -> None:
    plan, _ = _plan(
        "version: 1\nname: p\nworkloads: [{alias: search, task: embed, availability: 99.99%}]\n"
    )

    assert plan is not None
    models = {rung.offering.model for rung in plan.chains[0].rungs}
    assert len(plan.chains[0].rungs) > 1
    assert len(models) == 1


def test_fallbacks_do_not_share_a_failure_domain() -> None:
    plan, _ = _plan(MINIMAL.format(more=", availability: 99.9%"))

    assert plan is not None
    domains = [rung.offering.failure_domain for rung in plan.chains[0].rungs]
    assert len(domains) > 1
    assert len(set(domains)) == len(domains)


def test_a_named_first_deployment_comes_first() -> None:
    plan, _ = _plan(MINIMAL.format(more=", models: {first: openai/gpt-5.4}"))

    assert plan is not None
    assert plan.chains[0].rungs[0].id == "openai/gpt-5.4"


# --- The lock -------------------------------------------------------------------------------------


def test_a_locked_choice_stays_and_the_better_one_is_told() -> None:
    text = MINIMAL.format(more=", quality: fast") + "providers: [openai, groq]\n"
    lock = Lock("litellm", {"chat": ("openai/gpt-4o-mini", "groq/gpt-oss-120b")})

    plan, report = _plan(text, lock)

    assert plan is not None
    assert [rung.id for rung in plan.chains[0].rungs] == list(lock.chains["chat"])
    assert "PLN107" in [finding.code for finding in report]


def test_replan_reconsiders() -> None:
    text = MINIMAL.format(more=", quality: fast") + "providers: [openai, groq]\n"
    lock = Lock("litellm", {"chat": ("openai/gpt-4o-mini", "groq/gpt-oss-120b")})

    plan, _ = _plan(text, lock, replan=frozenset({"chat"}))

    assert plan is not None
    assert plan.chains[0].rungs[0].id != "openai/gpt-4o-mini"


def test_a_locked_choice_that_is_no_longer_feasible_is_made_anew() -> None:
    text = MINIMAL.format(more="") + "providers: [openai, groq]\n"

    plan, _ = _plan(text, Lock("litellm", {"chat": ("openai/no-such-model",)}))

    assert plan is not None
    assert plan.chains[0].rungs[0].id != "openai/no-such-model"


def test_a_lock_that_changes_nothing_changes_no_byte() -> None:
    first, _ = _example("batch")
    chains = {c.workload.alias: tuple(r.id for r in c.rungs) for c in first.chains}
    text = (EXAMPLES / "batch.yaml").read_text("utf-8")

    second, _ = _plan(text, Lock(first.gateway.name, chains))

    assert second is not None
    assert second.texts == first.texts


def test_a_lock_keeps_the_entries_of_other_profiles(tmp_path: Path) -> None:
    path = tmp_path / "designer.lock"
    plan, _ = _example("batch")
    path.write_text(lock_text(path, "one", "litellm", plan.chains, "2026-11-22"))

    path.write_text(lock_text(path, "two", "openrouter", plan.chains, "2026-11-22"))

    report = Report()
    assert read_lock(path, "one", report).gateway == "litellm"
    assert read_lock(path, "two", report).gateway == "openrouter"
    assert not report.diagnostics


@pytest.mark.parametrize("text", ["", "[]", "{", '{"profiles": {"p": 3}}', '{"profiles": []}'])
def test_a_broken_lock_is_a_finding(tmp_path: Path, text: str) -> None:
    (tmp_path / "designer.lock").write_text(text)
    report = Report()

    read_lock(tmp_path / "designer.lock", "p", report)

    assert [finding.code for finding in report] == ["PLN120"]


# --- Gateways -------------------------------------------------------------------------------------


def test_the_examples_choose_each_gateway_at_least_once() -> None:
    names = ("eu-support", "prototype", "regulated", "batch", "multi-region")

    chosen = {name: _example(name)[0].gateway.name for name in names}

    families = {token.partition("-")[0] for token in chosen.values()}
    assert families == {"litellm", "portkey", "openrouter"}


def test_a_forced_gateway_that_breaks_a_promise_is_refused_with_the_reason() -> None:
    text = (EXAMPLES / "eu-support.yaml").read_text("utf-8")

    plan, report = _plan(text, gateway="portkey-oss")

    assert plan is None
    refusal = next(finding for finding in report if finding.code == "PLN103")
    assert "last message" in refusal.message


def test_an_infeasible_profile_names_the_conflict_by_line() -> None:
    text = (
        "version: 1\nname: p\nworkloads:\n  - alias: chat\n    task: chat\n"
        "    compliance: {residency: [eu]}\nproviders: [anthropic]\n"
    )

    plan, report = _plan(text)

    assert plan is None
    finding = next(iter(report))
    assert finding.code == "PLN102"
    assert "p.yaml:6:" in finding.message
    assert "without `residency eu`: anthropic/" in finding.help


def test_every_reason_against_a_gateway_names_a_source() -> None:
    for name in ("eu-support", "prototype", "regulated"):
        for verdict in _example(name)[0].verdicts:
            assert all("20" in reason or "(" in reason for reason in verdict.rejected)
            assert all(lack.source for lack, _ in verdict.losses)


def test_what_decides_between_gateways_is_printed_with_its_sum() -> None:
    plan, _ = _example("multi-region")
    told = {v["gateway"]: v for v in json.loads(plan.texts["plan.json"])["decision"]["gateway"]}

    for verdict in plan.verdicts:
        weights = told[verdict.gateway.name]["weights"]
        assert [weight["what"] for weight in weights] == ["losses", "operations", "running it"]
        assert round(sum(weight["usd_per_month"] for weight in weights)) == verdict.score
        assert all(weight["source"] for weight in weights)
        assert f"weight {verdict.score:,} (losses" in verdict.reasons[-1]


def test_a_fee_on_what_models_cost_grows_with_the_traffic() -> None:
    def running(rate: str, more: str = "") -> float:
        text = MINIMAL.format(more=f", traffic: {{rate: {rate}}}") + more
        plan, _ = _plan(text)
        assert plan is not None
        verdict = next(v for v in plan.verdicts if v.gateway.name == "openrouter")
        return verdict.weights[-1].usd_per_month

    assert running("1M/day") == pytest.approx(1000 * running("1k/day"))
    assert running("1k/day", "operations: {billing: own_keys}\n") == 0


@pytest.mark.parametrize("wanted", ["return", "fallback"])
def test_a_pool_tries_again_after_a_refusal_only_where_refusals_fall_back(wanted: str) -> None:
    text = f"""
version: 1
name: pool
workloads: [{{alias: chat, task: chat, traffic: {{rate: 1k/day}}}}]
routing: {{strategy: weighted, retries: 1, on_refusal: {wanted}}}
gateway: {{use: portkey-oss}}
"""
    loaded = _load(text)
    own = accounts(loaded, CATALOG, Report())
    pool = [candidate for account in own for candidate in candidates(account, CATALOG)]
    workload = loaded.profile.workloads[0]
    chosen = choose_chain(
        workload, pool, requirements(loaded, workload, 0, CATALOG, CATALOG.date), CATALOG
    )
    assert isinstance(chosen, Chosen)

    (route,) = build_routing(loaded.profile, [chosen], CATALOG).routes

    assert isinstance(route.node, Retry)
    assert isinstance(route.node.child, Pool)
    assert ("content_policy" in route.node.on) is (wanted == "fallback")


def test_machines_by_the_hour_count_once_against_the_budget() -> None:
    text = (
        "version: 1\nname: p\ncost: {monthly_budget: 10000 USD}\nworkloads:\n"
        "  - {alias: a, task: chat, traffic: {rate: 10/day}}\n"
        "  - {alias: b, task: chat, traffic: {rate: 10/day}}\n"
        "providers:\n  - {name: vllm, as: gpu, api_base: 'http://gpu:8000/v1', cost: COST,"
        " models: {qwen3-coder: {context: 131k}}}\n"
    )

    within, over = (_plan(text.replace("COST", f"{usd} USD/hour"))[1] for usd in (9, 15))

    assert "PLN109" not in [finding.code for finding in within]
    assert "PLN109" in [finding.code for finding in over]


def test_an_accepted_finding_is_left_out_until_the_day_it_says() -> None:
    text = MINIMAL.format(more="") + "providers: [openai]\n"
    accepted = "ignore: [{code: PLN105, why: known, until: 2027-01-01}]\n"

    told = [f.code for f in _plan(text)[1]]
    left = [f.code for f in _plan(text + accepted)[1]]
    later = [f.code for f in _plan(text + accepted, as_of=date(2027, 1, 2))[1]]

    assert "PLN105" in told
    assert "PLN105" not in left
    assert "PLN105" in later


@pytest.mark.parametrize(
    "more",
    [
        "cache: {mode: exact, ttl: 1h}\n",
        "teams: [{name: web, rate_limit: {rpm: 5}}]\n",
        "guardrails: {deny: [{name: d, pattern: 'lethal', examples: {block: [lethal]}}]}\n",
    ],
)
def test_every_key_is_acted_on_or_told_as_a_loss(more: str) -> None:
    plan, report = _plan(MINIMAL.format(more="") + more)

    assert plan is not None
    assert plan.not_honoured == ()
    assert not [f for f in report if f.code == "PLN104"]


def test_what_is_passed_through_to_nobody_is_reported_and_kept() -> None:
    plan, report = _plan(MINIMAL.format(more="") + "passthrough: {kong: {x: 1}}\n")

    assert plan is not None
    assert plan.not_honoured == ("passthrough",)
    assert any(f.code == "PLN104" for f in report)
    assert json.loads(plan.texts["plan.json"])["profile"]["passthrough"]
