"""OpenRouter's dialect: laws over random Routings, then stories."""

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from designer.diagnostics import Report
from designer.documents import read_json
from designer.emit import render
from designer.engine.call import Program
from designer.gateways.base import Parsed
from designer.gateways.legalize import legalize, losses
from designer.gateways.openrouter import (
    OPENROUTER,
    Directory,
    Endpoint,
    openrouter,
    with_policy,
)
from designer.gateways.openrouter.filters import any_case, is_pattern
from designer.gateways.openrouter.folders import alias_of, folder_of, preset_slugs
from designer.gateways.openrouter.lacks import lacks
from designer.ir import (
    ANY,
    REFUSALS,
    TRANSIENT,
    Chain,
    Deployment,
    Guardrail,
    Node,
    Pool,
    Remote,
    Retry,
    Route,
    Routing,
    Rung,
    Target,
    deployments_of,
    failures,
)
from designer.validate import check_files
from tests.strategies import NASTY, names, routings

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
        pick = draw(st.sampled_from(["weighted", "cheapest", "fastest"]))
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

laws = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


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
    st.none() | st.booleans() | st.floats(allow_nan=False) | names,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["model", "models", "provider", "routes", "folder", "preset", "config", "data"]
                + ["sort", "max_price", "only", "content_filters", "name", "endpoints", "id"]
                + ["content_filter_builtins", "slug", "action", "pattern", "base_url", "timeout_s"]
                + ["designated_version", "reasoning", "pricing", "tag", "label", "api_key"]
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
