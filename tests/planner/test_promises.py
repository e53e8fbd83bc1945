"""Whatever the profile asks: residency, contracts, retention and training hold for all that sees a prompt.

That is every deployment of every chain and variant, a hosted gateway, the embedder of a semantic cache,
and what a vendor logs. Unknown and expired facts count as no.
"""

import json
from datetime import date
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from designer.catalog import load_catalog
from designer.compiler import Options, compile_profile
from designer.diagnostics import Report, Severity
from designer.plan import Plan
from designer.planner.accounts import Candidate
from designer.planner.lock import Lock
from designer.planner.processors import PROCESSORS
from designer.profile.load import load_profile
from designer.profile.model import Compliance
from designer.profile.policy import policy_of
from designer.profile.regions import region_within

CATALOG = load_catalog()
FACT_OF = {"gdpr": "dpa", "hipaa": "baa", "soc2": "soc2", "iso27001": "iso27001"}

_SOME = st.lists(st.sampled_from(["eu", "us", "de", "eu-central-1"]), max_size=2, unique=True)
_COMPLIANCE = st.fixed_dictionaries(
    {
        "residency": _SOME,
        "frameworks": st.lists(st.sampled_from(sorted(FACT_OF)), max_size=2, unique=True),
        "retention": st.sampled_from(["zero", "any"]),
        "training": st.sampled_from(["forbid", "allow"]),
    }
)
_ACCOUNTS = [
    "openai",
    {"name": "azure", "regions": ["swedencentral"], "api_base": "https://a.example"},
    {"name": "azure", "as": "az-us", "regions": ["eastus2"], "api_base": "https://b.example"},
    {"name": "bedrock", "regions": ["eu-central-1", "us-east-1"]},
    {"name": "vertex", "regions": ["europe-west4"]},
    "mistral",
    "groq",
]
_PROFILES = st.fixed_dictionaries(
    {
        "version": st.just(1),
        "name": st.just("p"),
        "compliance": _COMPLIANCE,
        "cache": st.sampled_from(["off", "exact", "semantic"]),
        "operations": st.fixed_dictionaries(
            {
                "hosting": st.sampled_from(["any", "self", "managed"]),
                "logs": st.fixed_dictionaries({"prompts": st.sampled_from(["never", "always"])}),
                "region": st.sampled_from(
                    [[], "eu-central-1", "us-east-1", ["eu-west-1", "us-east-1"], "ch"]
                ),
            }
        ),
        "teams": st.sampled_from([[], [{"name": "web", "region": "eu", "keys": ["web"]}]]),
        "providers": st.lists(st.sampled_from(_ACCOUNTS), min_size=1, max_size=5, unique_by=str),
    }
)
_ALIASES = st.fixed_dictionaries(
    {
        "search": st.none() | _COMPLIANCE,
        "arms": st.booleans(),
        "gateway": st.sampled_from(["auto", "litellm", "portkey-cloud", "openrouter"]),
        "as_of": st.sampled_from([CATALOG.date, date(2027, 3, 1)]),
    }
)


def _plan(profile: dict[str, Any], more: dict[str, Any]) -> Plan | None:
    chat: dict[str, Any] = {"alias": "chat", "task": "chat"}
    if more["arms"]:
        arms = {"a": {"share": "50%"}, "b": {"share": "50%", "model": "bedrock/*"}}
        chat["experiment"] = {"name": "e", "arms": arms}
    search = {"alias": "search", "task": "embed"}
    if more["search"] is not None:
        search["compliance"] = more["search"]
    text = json.dumps(profile | {"gateway": more["gateway"], "workloads": [chat, search]})
    report = Report()
    loaded = load_profile("p.yaml", text, report=report)
    assert loaded is not None, [str(finding) for finding in report]
    return compile_profile(loaded, CATALOG, Lock(), Options(as_of=more["as_of"]), report)


@given(profile=_PROFILES, more=_ALIASES)
def test_what_compliance_asks_holds_for_all_that_sees_a_prompt(
    profile: dict[str, Any], more: dict[str, Any]
) -> None:
    plan = _plan(profile, more)

    if plan is None:
        return
    for chosen in plan.chains:
        asked = policy_of(plan.profile, chosen.workload).compliance
        for rung, _ in chosen.deployments:
            _holds(rung, asked, more["as_of"])
        _gateway_holds(plan, asked, more["as_of"])
        cached = any(
            c.mode == "semantic" and c.covers(chosen.workload.alias) for c in plan.routing.caches
        )
        if cached and asked != Compliance():
            assert plan.gateway.name == "litellm" or not _asks_anything(asked)
            for rung, _ in plan.chains[1].deployments:
                _holds(rung, asked, more["as_of"])


def _asks_anything(asked: Compliance) -> bool:
    some = asked.residency or asked.frameworks
    return bool(some) or asked.retention == "zero" or asked.training == "forbid"


def _wanted(asked: Compliance) -> list[str]:
    found = [FACT_OF[framework] for framework in asked.frameworks]
    found += ["zero_retention"] if asked.retention == "zero" else []
    return found + (["no_training"] if asked.training == "forbid" else [])


def _holds(rung: Candidate, asked: Compliance, as_of: date) -> None:
    if asked.residency:
        assert region_within(rung.offering.residency, asked.residency)
    for key in _wanted(asked):
        fact = CATALOG.fact(rung.offering, key, as_of)
        assert fact.value in ("yes", "obtainable")
        assert fact.expires_on is not None
        assert fact.expires_on >= as_of


def _gateway_holds(plan: Plan, asked: Compliance, as_of: date) -> None:
    processor = PROCESSORS.get(plan.gateway.name)
    if processor is None:
        _stands_inside(plan, asked)
        return
    keys = _wanted(asked) + (["residency"] if asked.residency else [])
    for key in keys:
        fact = processor.facts[key]
        assert fact.value in ("yes", "obtainable")
        assert fact.expires_on is not None
        assert fact.expires_on >= as_of
        if fact.value == "obtainable":
            assert any(key.replace("_", " ") in what for what in plan.obtain)
    if asked.retention == "zero":
        assert plan.profile.operations.logs.prompts == "never"


def _stands_inside(plan: Plan, asked: Compliance) -> None:
    """One's own gateway, in one of its regions; where it is not said, that is still to be obtained."""
    regions = plan.profile.operations.region
    teams = [(team.region,) for team in plan.profile.teams if team.region]
    for residency in [asked.residency, *teams]:
        if residency and regions:
            assert any(region_within(place, residency) for place in regions)
        elif residency:
            assert any("operations.region does not say" in what for what in plan.obtain)


ZERO = {"residency": ["eu"], "retention": "zero", "frameworks": [], "training": "allow"}
LOOSE = {"residency": [], "retention": "any", "frameworks": [], "training": "allow"}
BOTH = [
    "openai",
    {"name": "azure", "regions": ["swedencentral"], "api_base": "https://a.example"},
]


def _story(**more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    profile = {"version": 1, "name": "p", "compliance": ZERO, "cache": "semantic"}
    profile["operations"] = {"hosting": "self", "logs": {"prompts": "never"}}
    profile |= {"providers": BOTH}
    told = {"search": None, "arms": False, "gateway": "litellm", "as_of": CATALOG.date}
    return profile, told | more


def test_a_semantic_cache_whose_embedder_is_looser_than_the_chat_is_refused() -> None:
    assert _plan(*_story()) is not None
    assert _plan(*_story(search=LOOSE)) is None


def test_a_hosted_gateway_with_expired_facts_is_refused() -> None:
    profile, more = _story(gateway="portkey-cloud")
    profile |= {"cache": "off", "operations": {"hosting": "managed"}}

    assert _plan(profile, more) is not None
    assert _plan(profile, more | {"as_of": date(2027, 3, 1)}) is None


def test_a_vendor_that_would_log_prompts_is_no_zero_retention() -> None:
    profile, more = _story(gateway="portkey-cloud")
    profile |= {"cache": "off", "operations": {"hosting": "managed", "logs": {"prompts": "always"}}}

    assert _plan(profile, more) is None


def test_a_gateway_of_ones_own_outside_of_the_residency_is_refused_and_the_alias_is_named() -> None:
    profile, more = _story()
    profile |= {"cache": "off", "operations": {"hosting": "self", "region": "us-east-1"}}
    report = Report()
    loaded = load_profile(
        "p.yaml",
        json.dumps(profile | {"workloads": [{"alias": "chat", "task": "chat"}]}),
        report=report,
    )
    assert loaded is not None

    assert compile_profile(loaded, CATALOG, Lock(), Options(), report) is None
    assert {finding.code for finding in report.at_or_above(Severity.ERROR)} == {"PLN103"}
    assert all(
        "residency eu of chat: the gateway itself runs in us-east-1" in finding.message
        for finding in report
        if "LiteLLM" in finding.message or "Portkey OSS" in finding.message
    )


def test_where_a_gateway_runs_in_several_regions_client_md_says_which_one_an_alias_may_enter() -> (
    None
):
    profile, more = _story()
    regions = {"hosting": "self", "region": ["us-east-1", "eu-central-1"]}
    plan = _plan(profile | {"cache": "off", "operations": regions}, more | {"search": LOOSE})

    assert plan is not None
    assert "- `chat`: eu-central-1\n" in plan.texts["CLIENT.md"]
    assert "- `search`:" not in plan.texts["CLIENT.md"]
