"""OpenRouter's dialect: laws over random Routings, then stories."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from designer.catalog import load_catalog
from designer.diagnostics import Report, Severity
from designer.documents import read_json
from designer.emit import render
from designer.gateways.base import Constraint, Parsed
from designer.gateways.legalize import legalize, take_out
from designer.gateways.openrouter import (
    OPENROUTER,
    Directory,
    Endpoint,
    openrouter,
    with_policy,
)
from designer.gateways.openrouter.filters import any_case, is_pattern
from designer.gateways.openrouter.folders import alias_of, folder_of, preset_slugs
from designer.gateways.openrouter.tables import PATTERN_OF
from designer.ir import (
    ANY,
    REFUSALS,
    Budget,
    Cache,
    Chain,
    Deployment,
    Failures,
    Guardrail,
    Key,
    Node,
    Pick,
    Pool,
    Ref,
    Remote,
    Retry,
    Route,
    Routing,
    Rung,
    Target,
    Team,
    Telemetry,
    deployments_of,
)
from designer.trace import load_outcomes, trace
from designer.validate import check_files
from tests.golden import assert_golden
from tests.strategies import names, routings

OFFERED = {
    ("openai", "big"): ("openai/big", "openai"),
    ("azure", "big"): ("openai/big", "azure"),
    ("anthropic", "clever"): ("anthropic/clever", "anthropic"),
    ("bedrock", "clever"): ("anthropic/clever", "amazon-bedrock"),
    ("vertex", "clever"): ("anthropic/clever", "google-vertex"),
    ("azure", "open"): ("meta/open", "azure"),
    ("groq", "open"): ("meta/open", "groq"),
    ("mistral", "small"): ("mistral/small", "mistral"),
}
PRICES = {"openai": 2, "azure": 4, "anthropic": 3, "amazon-bedrock": 3, "google-vertex": 6}


def _endpoints(model: str) -> tuple[Endpoint, ...]:
    providers = [slugs[1] for slugs in OFFERED.values() if slugs[0] == model]
    return tuple(
        Endpoint(p, Decimal(PRICES[p]), Decimal(PRICES[p])) if p in PRICES else Endpoint(p)
        for p in providers
    )


DIRECTORY = Directory(lambda d: OFFERED.get((d.provider, d.model)), _endpoints)
GATEWAY = openrouter(DIRECTORY)


@st.composite
def planned(draw: st.DrawFn) -> Routing:
    """What the planner makes of long chains and pools over everything that OpenRouter offers."""
    routes, deployments = [], []
    for name in draw(st.lists(names, min_size=1, max_size=2, unique=True)):
        chosen = draw(st.lists(st.sampled_from(list(OFFERED)), min_size=1, unique=True))
        params = draw(st.sampled_from([(), (("max_tokens", 800), ("temperature", 0.5))]))
        own = [Deployment(f"{name}/{p}/{m}", p, m, params=params) for p, m in chosen]
        first = draw(st.integers(0, len(own)))
        pick: Pick = draw(st.sampled_from(["weighted", "cheapest", "fastest"]))
        on = draw(st.sampled_from([ANY, ANY - REFUSALS]))
        pooled = [Pool(tuple(Target(d.id) for d in own[:first]), pick=pick)] if first else []
        nodes: list[Node] = [*pooled, *(Retry(Target(d.id), 1) for d in own[first:])]
        if draw(st.booleans()):
            nodes.reverse()
        node = Chain(tuple(Rung(n, on) for n in nodes)) if len(nodes) > 1 else nodes[0]
        sticky, embeds = draw(st.sampled_from(["none", "user"])), draw(st.booleans())
        routes.append(Route(name, node, deadline_s=60.0, sticky=sticky, embeds=embeds))
        deployments += own
    return Routing(tuple(routes), tuple(deployments))


@st.composite
def wishes(draw: st.DrawFn) -> Routing:
    """Random Routings, most of whose deployments OpenRouter offers."""
    if draw(st.booleans()):
        return draw(planned())
    routing = draw(routings())
    known = st.sampled_from([*OFFERED, *OFFERED, ("vllm", "own"), ("openrouter", "openai/big")])
    offered = []
    for deployment in routing.deployments:
        provider, model = draw(known)
        params = draw(
            st.sampled_from([deployment.params, (), (("max_tokens", 800),), (("stop", ["x"]),)])
        )
        offered.append(replace(deployment, provider=provider, model=model, params=params))
    routing = replace(routing, deployments=tuple(offered))
    return with_policy(
        routing,
        zdr=draw(st.booleans()),
        no_training=draw(st.booleans()),
        region=draw(st.sampled_from([None, None, "eu", "us", "ch"])),
        max_prompt_usd_per_mtok=draw(st.sampled_from([None, None, Decimal("3.50")])),
    )


@st.composite
def preferences(draw: st.DrawFn) -> dict[str, object]:
    slugs = st.lists(
        st.sampled_from(["azure", "openai", "Amazon Bedrock", "groq", "x/y"]), max_size=3
    )
    cutoff = st.one_of(st.just(3.5), st.just({"p50": 2}), st.just({"p50": None}))
    return draw(
        st.fixed_dictionaries(
            {},
            optional={
                "order": slugs,
                "only": slugs,
                "ignore": slugs,
                "allow_fallbacks": st.booleans(),
                "zdr": st.booleans(),
                "data_collection": st.sampled_from(["allow", "deny", None]),
                "quantizations": st.sampled_from([["fp8"], []]),
                "sort": st.sampled_from(
                    ["price", "latency", {"by": "throughput", "partition": "none"}, {"by": None}]
                ),
                "max_price": st.sampled_from([{"prompt": "3"}, {"prompt": 3, "completion": 0.5}]),
                "preferred_max_latency": cutoff,
                "nonsense": names,
            },
        )
    )


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, object]:
    model = st.sampled_from(
        ["openai/big", "anthropic/clever:nitro", "meta/open:floor", "who/knows", "@preset/x"]
    )
    return {
        "model": draw(model),
        **draw(
            st.fixed_dictionaries(
                {},
                optional={
                    "models": st.lists(model, max_size=4),
                    "provider": preferences(),
                    "max_tokens": st.sampled_from([5, "5", None]),
                    "stop": st.sampled_from(["x", ["x", "y"], 3]),
                    "reasoning": st.just({"effort": "low"}),
                    "plugins": st.just([{"id": "web"}]),
                    "session_id": names,
                    "messages": st.just([]),
                    "route": st.sampled_from(["sort", "fallback"]),
                },
            )
        ),
    }


def legal(routing: Routing) -> Routing:
    return legalize(routing, GATEWAY, Report())


def texts(routing: Routing) -> dict[str, str]:
    return {file.path: render(GATEWAY.folder, file) for file in GATEWAY.lower(routing, {})}


def parsed(files: Mapping[str, str]) -> Parsed:
    report = Report()
    found = GATEWAY.parse(files, report)
    assert found is not None, list(map(str, report))
    return found


# --- Laws -----------------------------------------------------------------------------------------

laws = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@laws
@given(wishes())
def test_parse_reads_back_what_lower_wrote(wish: Routing) -> None:
    routing = legal(wish)

    assert parsed(texts(routing)).routing == routing


@laws
@given(wishes())
def test_what_is_legal_is_left_alone_and_nothing_is_said(wish: Routing) -> None:
    routing = legal(wish)
    report = Report()

    again = legalize(routing, GATEWAY, report)

    assert again == routing
    assert list(report) == []


@laws
@given(wishes())
def test_every_feature_taken_out_stays_out(wish: Routing) -> None:
    routing = wish
    for lack in GATEWAY.lacks:
        routing = lack.feature.without(routing)
        assert lack.feature.without(routing) == routing, lack.feature.name


@laws
@given(wishes())
def test_emitted_files_keep_every_value_and_satisfy_their_schemas(wish: Routing) -> None:
    routing = legal(wish)
    files = GATEWAY.lower(routing, {})
    report = Report()

    for file in files:
        document = read_json(render(GATEWAY.folder, file), file.path, report)
        assert document is not None
        assert document.value == file.values
    check_files(GATEWAY, routing, files, texts(routing), report)

    assert list(map(str, report)) == []


@laws
@given(wishes())
def test_the_same_input_gives_the_same_bytes(wish: Routing) -> None:
    assert texts(legal(wish)) == texts(legal(wish))


@laws
@given(bodies())
def test_a_hand_written_request_survives_being_emitted(body: dict[str, object]) -> None:
    first = parsed({"body.json": json.dumps(body)}).routing
    if deployments_of(first.routes[0].node) == ():
        return

    again = parsed(texts(legal(first))).routing

    assert again == legal(first)
    assert isinstance(first.routes[0].node, Remote)
    if len(dict(first.routes[0].node.settings)["models"]) <= 3:
        assert again.deployments == first.deployments
        assert again.routes[0].node == first.routes[0].node


@laws
@given(
    st.dictionaries(
        st.sampled_from(["a.json", "b/request.json", "b/preset.json", "c.yaml", "client.json"]),
        st.one_of(st.text(max_size=40), bodies().map(json.dumps), st.just('{"model": "a", "m')),
    )
)
def test_any_text_is_parsed_or_refused_with_a_finding(files: dict[str, str]) -> None:
    report = Report()

    found = GATEWAY.parse(files, report)

    assert found is not None or report.has_errors


_json = st.recursive(
    st.none() | st.booleans() | st.floats() | st.sampled_from([10**400, -1]) | names,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["model", "models", "provider", "routes", "folder", "preset", "config", "data"]
                + ["sort", "max_price", "only", "content_filters", "name", "endpoints", "id"]
                + ["content_filter_builtins", "slug", "action", "pattern", "base_url", "timeout_s"]
                + ["designated_version", "reasoning", "pricing", "tag", "label", "api_key"]
                + ["prompt", "preferred_max_latency", "max_tokens", "temperature", "order"]
                + ["keys", "team", "body", "limit", "limit_reset", "workspace", "budgets", "daily"]
                + ["pick", "cases", "else", "arms", "teams", "cache_ttl_s", "destination"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@laws
@given(st.lists(_json, max_size=3))
def test_any_json_is_parsed_or_refused_with_a_finding(values: list[object]) -> None:
    report = Report()

    found = GATEWAY.parse({f"{i}.json": json.dumps(v) for i, v in enumerate(values)}, report)

    assert found is not None or report.has_errors


@given(st.lists(names, unique=True))
def test_folders_and_presets_have_one_name_for_each_route(aliases: list[str]) -> None:
    folders = [folder_of(alias) for alias in aliases]

    assert [alias_of(folder) for folder in folders] == aliases
    assert len({folder.casefold() for folder in folders}) == len(aliases)
    assert all("/" not in folder and folder not in ("", ".", "..") for folder in folders)
    assert len(set(preset_slugs(aliases).values())) == len(aliases)


# --- Stories: legalizing --------------------------------------------------------------------------


def deployment(name: str, provider: str, model: str, **more: Any) -> Deployment:
    return Deployment(f"chat/{name}/{model}", provider, model, secret=f"env:{name}", **more)


def chain(*deployments: Deployment, on: Failures = ANY, **more: Any) -> Routing:
    rungs = tuple(Rung(Retry(Target(d.id), 2), on) for d in deployments)
    node = Chain(rungs) if len(rungs) > 1 else rungs[0].child
    return Routing((Route("chat", node, **more),), deployments)


BIG_OPENAI = deployment("openai", "openai", "big")
BIG_AZURE = deployment("azure", "azure", "big")
CLEVER = deployment("anthropic", "anthropic", "clever")
CLEVER_BEDROCK = deployment("aws", "bedrock", "clever")
OPEN_AZURE = deployment("azure", "azure", "open")
OPEN_GROQ = deployment("groq", "groq", "open")
SMALL = deployment("mistral", "mistral", "small")
OWN = deployment("gpu", "vllm", "own")


def asked(routing: Routing) -> list[str]:
    return list(deployments_of(routing.routes[0].node))


def body(routing: Routing) -> dict[str, Any]:
    return next(
        dict(f.values) for f in GATEWAY.lower(legal(routing), {}) if f.path.endswith("request.json")
    )


def lost(routing: Routing) -> dict[str, str]:
    return {lack.feature.name: lack.instead for lack, _ in take_out(routing, GATEWAY)[1]}


def test_a_chain_becomes_every_model_at_every_provider_of_it() -> None:
    routing = chain(OPEN_GROQ, BIG_AZURE)

    assert asked(legal(routing)) == ["meta/open@groq", "meta/open@azure", "openai/big@azure"]
    assert body(routing) == {
        "model": "meta/open",
        "models": ["openai/big"],
        "provider": {"only": ["groq", "azure"], "order": ["groq", "azure"]},
    }
    assert lost(routing)["a chain of single deployments"] == (
        "each model is asked at every provider of the route that has it, before the next model"
    )


def test_a_chain_that_is_such_a_product_loses_nothing_by_it() -> None:
    assert "a chain of single deployments" not in lost(chain(BIG_OPENAI, CLEVER))


def test_one_provider_needs_no_order() -> None:
    assert body(chain(BIG_OPENAI)) == {"model": "openai/big", "provider": {"only": ["openai"]}}


def test_what_is_lost_is_told_word_for_word() -> None:
    report = Report()

    legalize(chain(BIG_AZURE, CLEVER, on=ANY - REFUSALS, attempts_limit=4), GATEWAY, report)

    assert [str(finding) for finding in report] == [
        "routes.chat: warning[LOW301] OpenRouter cannot express retries on the same deployment; "
        "each endpoint is asked once and then the next one",
        "routes.chat: warning[LOW301] OpenRouter cannot express a limit on attempts per request; "
        "every endpoint that the request allows may be asked",
        "routes.chat: warning[LOW301] OpenRouter cannot express your own accounts at providers; "
        "OpenRouter's accounts are used; agreements you signed with providers do not cover them",
        "routes.chat: warning[LOW301] OpenRouter cannot express a refusal that is final "
        "(on_refusal: return); a refusal or moderation flag of one model makes it ask the next "
        "model",
    ]


def test_within_one_model_a_refusal_stays_final() -> None:
    routing = chain(BIG_OPENAI, BIG_AZURE, on=ANY - REFUSALS)

    assert "a refusal that is final (on_refusal: return)" not in lost(routing)
    node = legal(routing).routes[0].node
    assert isinstance(node, Remote)
    assert isinstance(node.child, Chain)
    assert "content_policy" not in node.child.rungs[1].on


def test_different_models_of_a_pool_take_over_each_others_refusals_and_that_is_told() -> None:
    pool = Pool((Target(BIG_OPENAI.id), Target(CLEVER.id)))
    routing = Routing((Route("chat", pool),), (BIG_OPENAI, CLEVER))

    assert "a refusal that is final (on_refusal: return)" in lost(routing)


def test_a_fourth_model_is_left_out_with_the_providers_that_only_it_needs() -> None:
    routing = chain(BIG_OPENAI, CLEVER, OPEN_GROQ, SMALL)

    assert body(routing)["models"] == ["anthropic/clever", "meta/open"]
    assert body(routing)["provider"]["only"] == ["openai", "anthropic", "groq"]
    assert lost(routing)["more than 3 models in a route"] == "the first 3 are kept"


def test_a_model_it_does_not_offer_is_left_out_and_a_route_of_nothing_else_is_refused() -> None:
    alone, report = chain(OWN), Report()

    legal_alone = legalize(alone, GATEWAY, report)

    assert asked(legal(chain(OWN, CLEVER))) == ["anthropic/clever@anthropic"]
    assert legal_alone.routes == ()
    assert [finding.code for finding in report.at_or_above(Severity.ERROR)] == ["LOW302"]


def test_the_cheapest_of_several_models_is_a_sort_over_all_of_them() -> None:
    pool = Pool((Target(CLEVER.id), Target(BIG_AZURE.id)), pick="cheapest")
    routing = Routing((Route("chat", pool),), (CLEVER, BIG_AZURE))

    assert body(routing)["provider"]["sort"] == {"by": "price", "partition": "none"}
    assert asked(legal(routing)) == ["anthropic/clever@anthropic", "openai/big@azure"]


def test_weights_within_one_model_become_its_own_balance_by_price() -> None:
    pool = Pool((Target(BIG_OPENAI.id), Target(BIG_AZURE.id)), (0.9, 0.1))
    routing = Routing((Route("chat", pool),), (BIG_OPENAI, BIG_AZURE))

    made = legal(routing).routes[0].node

    assert body(routing)["provider"] == {"only": ["openai", "azure"]}
    assert isinstance(made, Remote)
    assert isinstance(made.child, Retry)
    assert isinstance(made.child.child, Pool)
    assert made.child.child.weights == (1.0, 0.25)
    assert "weights or a picking strategy among deployments" in lost(routing)


def test_a_session_is_kept_only_where_no_order_is_asked_for() -> None:
    single, ordered = chain(BIG_OPENAI, sticky="user"), chain(BIG_OPENAI, BIG_AZURE, sticky="user")

    assert legal(single).routes[0].sticky == "user"
    assert legal(ordered).routes[0].sticky == "none"
    assert "keeping a caller on one deployment while providers are asked in order" in lost(ordered)


def test_parameters_that_the_whole_route_shares_are_kept() -> None:
    one = replace(BIG_OPENAI, params=(("max_tokens", 800), ("temperature", 0.1)))
    other = replace(CLEVER, params=(("max_tokens", 800), ("temperature", 0.9)))

    assert body(chain(one, other))["max_tokens"] == 800
    assert "temperature" not in body(chain(one, other))


def test_routes_that_want_different_things_of_an_endpoint_have_each_their_own() -> None:
    loud = replace(BIG_OPENAI, id="loud/openai/big", params=(("temperature", 1.0),))
    routing = Routing(
        (Route("chat", Target(BIG_OPENAI.id)), Route("loud", Target(loud.id))), (BIG_OPENAI, loud)
    )

    assert [d.id for d in legal(routing).deployments] == [
        "openai/big@openai#chat",
        "openai/big@openai#loud",
    ]


def test_references_and_aliases_are_written_out() -> None:
    routing = Routing(
        (
            Route("chat", Chain((Rung(Target(BIG_OPENAI.id)), Rung(Ref("spare"))))),
            Route("spare", Chain((Rung(Target(CLEVER.id)), Rung(Ref("chat"))))),
        ),
        (BIG_OPENAI, CLEVER),
        aliases=(("talk", "chat"),),
    )

    made = legal(routing)

    assert {route.name: deployments_of(route.node) for route in made.routes} == {
        "chat": ("openai/big@openai", "anthropic/clever@anthropic"),
        "spare": ("anthropic/clever@anthropic", "openai/big@openai"),
        "talk": ("openai/big@openai", "anthropic/clever@anthropic"),
    }


# --- Stories: demands on data ---------------------------------------------------------------------


def test_demands_on_data_reach_the_body_the_host_and_the_guardrail() -> None:
    wanted = Constraint(zero_retention=True, no_training=True, residency=("eu",))
    assert GATEWAY.constrain is not None

    routing = GATEWAY.constrain(chain(BIG_OPENAI), {"chat": wanted})
    files = {file.path: dict(file.values) for file in GATEWAY.lower(legal(routing), {})}

    assert body(routing)["provider"] == {
        "data_collection": "deny",
        "only": ["openai"],
        "zdr": True,
    }
    assert files["openrouter/client.json"]["routes"]["chat"]["base_url"] == (
        "https://eu.openrouter.ai/api/v1"
    )
    guardrail = files["openrouter/guardrail.json"]
    assert guardrail["allowed_data_regions"] == ["europe"]
    assert guardrail["enforce_zdr_openai"] is True
    assert guardrail["enable_paid_model_training"] is False
    assert legal(routing).deployments[0].region == "eu"
    assert "processing kept exactly in the EU or the US" in lost(routing)


def test_a_team_that_stays_in_a_region_asks_its_host_with_the_same_deployments() -> None:
    routing = replace(chain(BIG_OPENAI), teams=(Team("web", region="eu"), Team("far", region="ch")))
    assert GATEWAY.constrain is not None

    made = GATEWAY.constrain(routing, {"chat": Constraint()})
    report = Report()
    left = legalize(made, GATEWAY, report)

    assert {d.id: d.api_base for d in left.deployments} == {
        "openai/big@openai#chat/eu": "https://eu.openrouter.ai/api/v1",
        "openai/big@openai#chat/else": "https://openrouter.ai/api/v1",
    }
    assert [str(finding.place) for finding in report.at_or_above(Severity.ERROR)] == [
        "routes.chat/ch"
    ]


def test_a_region_without_a_host_refuses_the_route() -> None:
    routing, report = with_policy(chain(BIG_OPENAI), region="ch"), Report()

    assert legalize(routing, GATEWAY, report).routes == ()
    assert report.has_errors


def test_highest_prices_are_written_as_text() -> None:
    routing = with_policy(chain(BIG_OPENAI), max_prompt_usd_per_mtok=Decimal("3.50"))

    assert body(routing)["provider"]["max_price"] == {"prompt": "3.50"}


# --- Stories: guardrails --------------------------------------------------------------------------


def rail(**more: Any) -> Guardrail:
    fields: dict[str, Any] = {"kind": "pii", "action": "redact", "on_error": "pass", **more}
    return Guardrail("rail", stages=frozenset({"input"}), **fields)


def guardrail(*rails: Guardrail) -> dict[str, Any]:
    routing = replace(chain(BIG_OPENAI), guardrails=rails)
    files = {file.path: dict(file.values) for file in GATEWAY.lower(legal(routing), {})}
    return files.get("openrouter/guardrail.json", {})


def test_personal_data_is_found_by_built_in_filters_or_by_pattern() -> None:
    made = guardrail(rail(entities=("iban", "email", "us_ssn")))

    assert made["content_filter_builtins"] == [
        {"slug": "email", "action": "redact"},
        {"slug": "ssn", "action": "redact"},
    ]
    assert [f["label"] for f in made["content_filters"]] == ["[IBAN]"]


def test_blocking_beats_redacting() -> None:
    made = guardrail(rail(entities=("email",)), rail(entities=("email",), action="block"))

    assert made["content_filter_builtins"] == [{"slug": "email", "action": "block"}]


@pytest.mark.parametrize("entity", PATTERN_OF)
def test_own_patterns_are_ones_that_openrouter_takes(entity: str) -> None:
    assert is_pattern(PATTERN_OF[entity])


@pytest.mark.parametrize(
    ("entity", "text", "is_found"),
    [
        ("iban", "pay DE89 3704 0044 0532 0130 00 now", True),
        ("iban", "GB29NWBK60161331926819", True),
        ("iban", "order 4711-0815", False),
        ("api_key", "sk-proj-abcdefghijklmnopqrstuv", True),
        ("api_key", "AKIAIOSFODNN7EXAMPLE", True),
        ("api_key", "ask-me-anything", False),
    ],
)
def test_own_patterns_find_what_they_are_for(entity: str, text: str, is_found: bool) -> None:
    assert bool(re.search(PATTERN_OF[entity], text)) is is_found


def test_answers_cannot_be_looked_at() -> None:
    watched = replace(rail(entities=("email",)), stages=frozenset({"input", "output"}))
    report = Report()

    legalize(replace(chain(BIG_OPENAI), guardrails=(watched,)), GATEWAY, report)

    assert [str(f) for f in report.at_or_above(Severity.ERROR)] == [
        "guardrails.rail: error[LOW302] OpenRouter cannot express guardrails on what comes out; "
        "answers would reach the caller unchecked"
    ]


@pytest.mark.parametrize("pattern", ["(?=x)", r"(a)\1", "(a+b)+", "(x(a+b)|c){2,}", "(?i)dose", ""])
def test_patterns_that_openrouter_refuses_are_refused_here(pattern: str) -> None:
    assert not is_pattern(pattern)


@pytest.mark.parametrize("pattern", ["lethal dose", r"(a|b)+c*", r"[(+)]+", r"\(a+\)+", "(ab?)+"])
def test_other_patterns_are_taken(pattern: str) -> None:
    assert is_pattern(pattern)


@pytest.mark.filterwarnings("ignore:Possible nested set")
@given(
    st.from_regex(r"[a-cX-Z\[\]0-9 .]{0,6}", fullmatch=True),
    st.text("abcABCxyzXYZ09 .", max_size=6),
)
def test_a_pattern_in_any_case_finds_what_a_flag_would(pattern: str, text: str) -> None:
    try:
        flagged = re.compile(pattern, re.IGNORECASE)
    except re.error:
        return

    assert bool(re.search(any_case(pattern), text)) == bool(flagged.search(text))


def test_ranges_and_escapes_keep_their_meaning_in_any_case() -> None:
    assert any_case(r"\d[a-f]x\Q") == r"\d[a-fA-F][xX]\Q"


# --- Stories: hand-written files ------------------------------------------------------------------


def read(**files: Any) -> tuple[Parsed, list[str]]:
    report = Report()
    found = GATEWAY.parse({f"{n}.json": json.dumps(v) for n, v in files.items()}, report)
    assert found is not None
    return found, [str(finding) for finding in report]


def test_a_bare_model_is_balanced_over_all_of_its_providers() -> None:
    found, findings = read(chat={"model": "anthropic/clever"})

    assert asked(found.routing) == [
        "anthropic/clever@anthropic",
        "anthropic/clever@amazon-bedrock",
        "anthropic/clever@google-vertex",
    ]
    assert findings == []
    assert found.settings == 1


def test_without_fallbacks_only_the_ordered_providers_are_asked() -> None:
    order = {"order": ["amazon-bedrock", "Anthropic"]}

    open_, _ = read(chat={"model": "anthropic/clever", "provider": order})
    closed, _ = read(
        chat={"model": "anthropic/clever", "provider": {**order, "allow_fallbacks": False}}
    )

    assert asked(open_.routing)[-1] == "anthropic/clever@google-vertex"
    assert asked(closed.routing) == [
        "anthropic/clever@amazon-bedrock",
        "anthropic/clever@anthropic",
    ]


def test_a_suffix_stays_in_the_slug_and_sorts() -> None:
    found, _ = read(chat={"model": "openai/big:floor"})

    node = found.routing.routes[0].node
    assert asked(found.routing) == ["openai/big:floor@openai", "openai/big:floor@azure"]
    assert isinstance(node, Remote)
    assert isinstance(node.child, Retry)
    assert isinstance(node.child.child, Pool)
    assert node.child.child.pick == "cheapest"


def test_a_pick_and_limits_that_cannot_be_read_are_told_and_listed() -> None:
    found, findings = read(
        client={"routes": {"chat": {"pick": {"arms": []}, "timeout_s": None}}},
        keys={"keys": [{"team": "web", "body": {"name": "k", "limit": 5, "limit_reset": None}}]},
        workspace={"workspace": {"name": "w"}, "budgets": {"lifetime": {"limit_usd": 5}}},
        talk={"model": "openai/big"},
    )

    assert findings == [
        "client.json:1:22: warning[PAR572] routes.chat.pick should be cases or arms; "
        "it is left out of the analysis"
    ]
    assert found.routing.budgets == ()
    assert "keys.json: keys[0].body.limit" in found.not_analysed
    assert "workspace.json: budgets.lifetime.limit_usd" in found.not_analysed


def test_endpoints_of_a_second_file_take_the_place_of_the_known_ones() -> None:
    listing = {
        "data": {
            "id": "openai/big",
            "endpoints": [
                {"tag": "deepinfra/turbo", "pricing": {"prompt": "0.000001", "completion": "0"}},
                {"tag": "openai/priority", "pricing": {}},
                {"provider_name": "Amazon Bedrock", "quantization": "fp8"},
            ],
        }
    }

    found, _ = read(chat={"model": "openai/big"}, endpoints=listing)
    short, _ = read(chat={"model": "openai/big"}, endpoints={"openai/big": ["azure"]})

    assert asked(found.routing) == ["openai/big@deepinfra/turbo", "openai/big@amazon-bedrock"]
    assert asked(short.routing) == ["openai/big@azure"]


def test_prices_of_listed_endpoints_are_told_per_million_tokens() -> None:
    pricing = {"prompt": "0.000003", "completion": "0.000015"}
    listing = {"data": {"id": "a/b", "endpoints": [{"tag": "azure", "pricing": pricing}]}}

    found, _ = read(chat={"model": "a/b"}, endpoints=listing)

    assert found.terms["a/b@azure"].input_usd_per_mtok == 3
    assert found.terms["a/b@azure"].output_usd_per_mtok == 15


def test_a_model_that_no_listed_endpoint_is_left_of_is_never_asked() -> None:
    found, findings = read(
        chat={"models": ["openai/big", "meta/open"], "provider": {"only": ["groq"]}},
        endpoints={"openai/big": ["azure"]},
    )

    assert asked(found.routing) == ["meta/open@groq"]
    assert findings == [
        "chat.json:1:13: warning[PAR573] the provider preferences leave no endpoint of openai/big; "
        "the model is never asked"
    ]


def test_an_unknown_model_counts_as_one_deployment_and_that_is_told() -> None:
    found, _ = read(chat={"model": "who/knows"})

    assert asked(found.routing) == ["who/knows@any"]
    assert found.semantics.assumptions[-1] == (
        "no endpoints of who/knows are known: those that the request names, or one"
    )


def test_values_of_a_wrong_kind_are_found_and_left_out() -> None:
    found, findings = read(
        chat={"model": "openai/big", "provider": {"order": "openai", "zrd": True}, "plugins": [1]}
    )

    assert findings == [
        "chat.json:1:38: warning[PAR572] provider.order should be a list of provider slugs; "
        "it is left out of the analysis"
    ]
    assert found.not_analysed == ("provider.zrd",)
    assert found.unmodelled == ("provider.order", "plugins[0]")
    assert found.settings == 4


def test_four_models_are_an_error() -> None:
    _, findings = read(chat={"models": ["a/1", "a/2", "a/3", "a/4"]})

    assert findings == [
        "chat.json:1:2: error[PAR575] 4 models, where 3 is the most; "
        "every request fails with status 400"
    ]


def test_a_preset_is_merged_under_the_request_that_names_it() -> None:
    answer = {
        "data": {
            "slug": "fast",
            "designated_version": {"config": {"model": "openai/big", "max_tokens": 5}},
        }
    }

    found, findings = read(chat={"model": "@preset/fast", "temperature": 0}, preset=answer)
    alone, unknown = read(chat={"model": "openai/big@preset/fast"})

    assert found.routing.deployments[0].params == (("max_tokens", 5), ("temperature", 0))
    assert findings == []
    assert asked(alone.routing) == ["openai/big@openai", "openai/big@azure"]
    assert unknown == [
        "chat.json:1:2: warning[PAR574] the preset 'fast' is not among the files; "
        "only what the request itself says is analysed"
    ]


def test_a_preset_that_routes_otherwise_than_its_request_is_found() -> None:
    files = texts(legal(chain(BIG_OPENAI)))
    preset = "openrouter/chat/preset.json"
    report = Report()

    GATEWAY.parse({**files, preset: files[preset].replace('"openai"', '"azure"')}, report)

    assert [finding.code for finding in report] == ["PAR576"]


def test_a_client_that_names_a_missing_request_is_told() -> None:
    files = texts(legal(chain(BIG_OPENAI)))
    report = Report()

    found = GATEWAY.parse({p: t for p, t in files.items() if p.endswith("client.json")}, report)

    assert found is not None
    assert [finding.code for finding in report] == ["PAR577"]


def test_a_hand_written_guardrail_is_read_as_far_as_it_is_understood() -> None:
    found, _ = read(
        guardrail={
            "name": "g",
            "limit_usd": 50,
            "content_filter_builtins": [
                {"slug": "email", "action": "flag"},
                {"slug": "phone", "action": "block"},
            ],
            "content_filters": [{"pattern": "dose", "action": "redact", "label": None}],
        }
    )

    assert [(r.name, r.kind, r.action) for r in found.routing.guardrails] == [
        ("pii-block", "pii", "block"),
        ("deny", "deny", "redact"),
    ]
    assert found.unmodelled == (
        "name",
        "limit_usd",
        "content_filter_builtins[0].slug",
        "content_filter_builtins[0].action",
    )
    assert found.not_analysed == ()


def test_what_stands_around_a_preset_is_no_part_of_the_routing() -> None:
    found, _ = read(
        preset={
            "data": {
                "slug": "chat",
                "nmae": "Chat",
                "designated_version": {"version": 2, "config": {"model": "openai/big"}},
            }
        }
    )

    assert found.unmodelled == ("data.slug", "data.designated_version.version")
    assert found.not_analysed == ("data.nmae",)
    assert (found.settings, found.simulated) == (4, 1)


@pytest.mark.parametrize(
    ("value", "is_ours"),
    [
        ({"model": "openai/gpt-4o"}, True),
        ({"models": ["a/b", "c/d"]}, True),
        ({"model": "@preset/x"}, True),
        ({"name": "g", "limit_usd": 5, "reset_interval": "daily"}, True),
        ({"data": {"id": "a/b", "endpoints": []}}, True),
        ({"model": "gpt-4o"}, False),
        ({"model_list": [], "model": "a/b"}, False),
        ({"strategy": {"mode": "fallback"}, "targets": []}, False),
        ({"provider": "openai", "api_key": "x"}, False),
        ([], False),
        ("text", False),
    ],
)
def test_files_are_told_from_those_of_other_gateways(value: Any, is_ours: bool) -> None:
    assert GATEWAY.recognises("some.json", value) is is_ours


# --- Stories: what happens to a request -----------------------------------------------------------


def traced(routing: Routing, outcomes: Mapping[str, Any]) -> tuple[list[str], int]:
    """Who is asked, and the status that the caller sees."""
    report = Report()
    script = load_outcomes(json.dumps({"outcomes": outcomes}), "outcomes.json", report)
    assert script is not None
    (one,) = trace(parsed(texts(legal(routing))), script, report, seed=1) or ()
    return [attempt.deployment for attempt in one.attempts], one.final.status


def test_a_refusal_moves_on_to_the_next_model_but_not_to_the_next_provider() -> None:
    refusal = [{"kind": "content_policy"}]
    routing = chain(BIG_OPENAI, BIG_AZURE, CLEVER)

    tried, status = traced(routing, {"openai/big@openai": refusal})

    assert tried == ["openai/big@openai", "anthropic/clever@anthropic"]
    assert status == 200


def test_a_rate_limit_moves_on_to_the_next_provider_at_once() -> None:
    tried, status = traced(chain(BIG_OPENAI, BIG_AZURE), {"openai/big@openai": [{"status": 429}]})

    assert tried == ["openai/big@openai", "openai/big@azure"]
    assert status == 200


def test_balance_asks_each_endpoint_once_and_the_last_failure_is_told() -> None:
    pool = Pool((Target(BIG_OPENAI.id), Target(BIG_AZURE.id)))
    routing = Routing((Route("chat", pool),), (BIG_OPENAI, BIG_AZURE))
    down = {"openai/big@openai": [{"status": 502}], "openai/big@azure": [{"status": 503}]}

    tried, status = traced(routing, down)

    assert sorted(tried) == ["openai/big@azure", "openai/big@openai"]
    assert status == (503 if tried[-1] == "openai/big@azure" else 502)


# --- Stories: money, callers, traces, caches ------------------------------------------------------

MONEY: dict[str, Any] = {
    "teams": (
        Team("web", (Key("web-prod"),), ("chat",), "eu"),
        Team("phone", (Key("ivr", existing=True),)),
    ),
    "budgets": (
        Budget("all", "", Decimal(8000), "month"),
        Budget("team", "web", Decimal("30.5"), "day"),
    ),
    "telemetry": Telemetry(frozenset({"otel"})),
}


def losses_of(**more: Any) -> dict[str, str]:
    return lost(replace(chain(BIG_OPENAI), **more))


def test_limits_and_traces_that_openrouter_has_lose_nothing() -> None:
    before, after = losses_of(), losses_of(**MONEY)

    assert after == before


@pytest.mark.parametrize(
    ("budget", "feature"),
    [
        (Budget("route", "chat", Decimal(1), "day"), "a budget of one route"),
        (Budget("all", "", Decimal(1), "hour"), "a budget for an hour or a year"),
        (
            Budget("all", "", Decimal(1), "day", refuses=False),
            "a budget that goes on when it is spent",
        ),
        (Budget("all", "", Decimal(1), "day", 0.8), "an alert before a budget is spent"),
        (
            Budget("team", "phone", Decimal(1), "day"),
            "one budget for several keys of a team, or for a key that exists",
        ),
    ],
)
def test_a_budget_that_nothing_would_enforce_is_told(budget: Budget, feature: str) -> None:
    assert feature in losses_of(teams=MONEY["teams"], budgets=(budget,))


def test_answers_are_not_cached_where_nothing_may_be_kept() -> None:
    routing = replace(chain(BIG_OPENAI), caches=(Cache("exact", 60.0),))

    assert legal(routing).caches == (Cache("exact", 60.0),)
    assert legal(with_policy(routing, zdr=True)).caches == ()
    assert "a cache on a route of zero retention" in lost(with_policy(routing, zdr=True))


def test_a_cache_of_similar_requests_answers_only_the_same_ones() -> None:
    routing = replace(chain(BIG_OPENAI), caches=(Cache("semantic", 1e6, 0.95),))

    assert legal(routing).caches == (Cache("exact", 86_400.0),)


ATTRIBUTES = {
    "openrouter_api_key": {"name", "limit", "limit_reset", "workspace_id"},
    "openrouter_guardrail": {
        *("name", "content_filter_builtins", "content_filters", "workspace_id"),
        *(f"enforce_zdr_{group}" for group in ("anthropic", "google", "openai", "other", "xai")),
        *("enable_free_model_publication", "enable_free_model_training"),
        "enable_paid_model_training",
    },
    "openrouter_guardrail_key_assignment": {"guardrail_id", "key_hash"},
    "openrouter_observability_destination": {
        *("type", "name", "config", "privacy_mode", "workspace_id"),
    },
    "openrouter_workspace": {
        *("name", "slug", "is_observability_broadcast_enabled"),
        "is_observability_io_logging_enabled",
    },
    "openrouter_workspace_budget": {"id", "interval", "limit_usd"},
}
"""Resources of Terraform's provider OpenRouterTeam/openrouter and the attributes that are written here
(OpenRouterTeam/terraform-provider-openrouter, docs/resources, read 2026-11-24)."""


def terraform(routing: Routing) -> Mapping[str, Any]:
    made = legal(routing)
    artefacts = GATEWAY.artefacts(made, {}, "plan", GATEWAY.lower(made, {}))
    return next((f.values for f in artefacts if f.path.endswith("main.tf.json")), {})


@laws
@given(wishes())
def test_terraform_is_told_only_what_its_provider_knows(wish: Routing) -> None:
    module = terraform(wish)

    for kind, resources in module.get("resource", {}).items():
        for name, attributes in resources.items():
            assert re.fullmatch(r"[a-z][a-z0-9-]*", name)
            assert set(attributes) <= ATTRIBUTES[kind]


def test_terraform_assigns_the_guardrail_to_each_key_that_it_makes() -> None:
    rails = (rail(kind="deny", action="block", pattern="${x}"),)
    resources = terraform(replace(chain(BIG_OPENAI), guardrails=rails, **MONEY))["resource"]

    assert resources["openrouter_guardrail_key_assignment"] == {
        "key-web-web-prod": {
            "guardrail_id": "${openrouter_guardrail.gateway.id}",
            "key_hash": "${openrouter_api_key.key-web-web-prod.hash}",
        }
    }
    (content_filter,) = resources["openrouter_guardrail"]["gateway"]["content_filters"]
    assert content_filter["pattern"] == "$${x}"


# --- Golden files, and the real catalog -----------------------------------------------------------


def test_a_route_with_demands_is_emitted_word_for_word() -> None:
    routing = replace(
        chain(BIG_OPENAI, BIG_AZURE, CLEVER, deadline_s=60.0),
        guardrails=(
            rail(entities=("email", "iban"), on_error="block"),
            rail(kind="deny", action="block", pattern="lethal dose", ignore_case=True),
        ),
    )
    routing = replace(routing, **MONEY)
    routing = with_policy(routing, zdr=True, no_training=True, region="eu")
    made = legal(routing)
    own = GATEWAY.lower(made, {})
    files = (*own, *GATEWAY.artefacts(made, {}, "eu-support", own))

    assert_golden(
        "openrouter/eu-support", {file.path: render(GATEWAY.folder, file) for file in files}
    )


def test_the_catalog_tells_what_openrouter_calls_an_azure_deployment() -> None:
    catalog = load_catalog()
    offering = next(
        o for o in catalog.offerings.values() if o.provider == "azure" and o.names.openrouter
    )
    name = offering.names.openrouter
    assert name is not None
    own = Deployment(f"chat/azure-se/{offering.model}", "azure", "prod", secret="env:AZURE_SE_KEY")
    routing = Routing((Route("chat", Target(own.id)),), (own,))

    made = legalize(routing, OPENROUTER, Report())

    assert [d.id for d in made.deployments] == [f"{name.model}@{name.provider}"]
    assert made.deployments[0].secret == "env:OPENROUTER_API_KEY"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"service_tier": "flex"}, "service_tier admits and leaves out no endpoint"),
        ({"session_id": "s"}, "no session stays with its endpoint"),
        ({"provider": {"sort": "latency"}}, "sort goes by how fast endpoints answered"),
        ({"provider": {"sort": {"by": "exacto"}}}, "sort goes by how fast endpoints answered"),
        ({}, "no keys of one's own (BYOK)"),
    ],
)
def test_what_chooses_endpoints_and_is_not_followed_is_assumed_aloud(
    more: dict[str, Any], said: str
) -> None:
    body = {"model": "openai/gpt-4o", "messages": []} | more

    found = parsed({"request.json": json.dumps(body)})

    assert any(said in assumption for assumption in found.semantics.assumptions)


def test_a_sort_by_price_needs_no_figures_of_speed() -> None:
    body = {"model": "openai/gpt-4o", "provider": {"sort": "price"}}

    found = parsed({"request.json": json.dumps(body)})

    assert not any("how fast" in assumption for assumption in found.semantics.assumptions)
