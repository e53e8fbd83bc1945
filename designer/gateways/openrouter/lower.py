"""Write a legal Routing as OpenRouter requests, presets and a guardrail. Total; decides nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

from designer.gateways.base import File, Terms
from designer.gateways.openrouter.account import keys_of, teams_of, ttls_of, workspace_of
from designer.gateways.openrouter.choice import pick_of
from designer.gateways.openrouter.directory import Directory
from designer.gateways.openrouter.filters import filters_of
from designer.gateways.openrouter.folders import ROOT, folder_of, preset_slugs
from designer.gateways.openrouter.tables import (
    DATA_REGION,
    REGION_OF,
    TRAINING_FLAGS,
    ZDR_FLAGS,
)
from designer.gateways.openrouter.tree import Ask, asks_of, thaw
from designer.ir import Guardrail, Route, Routing

PLACEHOLDER = [{"role": "user", "content": "a preset keeps no messages, but the request wants one"}]
"""`POST /presets/{slug}/chat/completions` takes a whole chat request and stores its routing."""

GUARDRAIL_NAME = "llm-gateway"


def lower(directory: Directory, routing: Routing, _terms: Mapping[str, Terms]) -> tuple[File, ...]:
    asks = asks_of(routing, directory)
    assert asks is not None, "only a legal Routing is lowered"
    slugs = preset_slugs(ask.name for ask in asks if not ask.embeds)
    files = [_client(asks, slugs, routing)]
    for ask in asks:
        files.append(
            _json(f"{folder_of(ask.name)}/request.json", body_of(ask), "openrouter-request")
        )
        if not ask.embeds:
            preset = {**body_of(ask), "messages": PLACEHOLDER}
            files.append(_json(f"{folder_of(ask.name)}/preset.json", preset, "openrouter-preset"))
    guardrail = guardrail_of(asks, routing.guardrails)
    if guardrail:
        files.append(_json("guardrail.json", guardrail, "openrouter-guardrail"))
    if keys := keys_of(routing):
        files.append(_json("keys.json", {"keys": keys}, "openrouter-keys"))
    if workspace := workspace_of(routing):
        files.append(_json("workspace.json", workspace, "openrouter-workspace"))
    return tuple(files)


def _json(path: str, values: Mapping[str, Any], schema: str) -> File:
    return File(f"{ROOT}/{path}", "values.json.j2", values, schema)


def _client(asks: Sequence[Ask], slugs: Mapping[str, str], routing: Routing) -> File:
    own = {ask.name: client_of(ask, slugs.get(ask.name)) for ask in asks}
    routes = {r.name: own[r.name] if r.name in own else choice_of(r) for r in routing.routes}
    for route, ttl in ttls_of(routing).items():
        routes[route]["cache_ttl_s"] = ttl
    teams = {"teams": teams_of(routing)} if routing.teams else {}
    return _json("client.json", {"routes": routes, **teams}, "openrouter-client")


def choice_of(route: Route) -> dict[str, Any]:
    return {"pick": pick_of(route.node), "timeout_s": route.deadline_s}


def client_of(ask: Ask, preset: str | None) -> dict[str, Any]:
    return {
        "folder": folder_of(ask.name),
        "path": "/embeddings" if ask.embeds else "/chat/completions",
        "base_url": ask.base_url,
        "api_key": ask.api_key,
        "timeout_s": ask.deadline_s,
        "session_from": ask.session,
        "preset": preset,
    }


def body_of(ask: Ask) -> dict[str, Any]:
    """`model` is tried first and `models` after it (guides/routing/model-fallbacks, 2026-08-22)."""
    body: dict[str, Any] = {"model": ask.models[0]}
    if len(ask.models) > 1:
        body["models"] = list(ask.models[1:])
    if ask.preferences:
        body["provider"] = {name: thaw(name, value) for name, value in ask.preferences}
    body |= {name: list(v) if isinstance(v, tuple) else v for name, v in ask.params}
    return body


def guardrail_of(asks: Sequence[Ask], rails: Sequence[Guardrail]) -> dict[str, Any]:
    """What every request of the key has to obey; empty when that is nothing.

    Demands on data that all routes share stand here too, so that a request made without its body's
    preferences does not escape them.
    """
    filters = filters_of(rails)
    found: dict[str, Any] = {}
    if filters.builtins:
        found["content_filter_builtins"] = filters.builtins
    if filters.custom:
        found["content_filters"] = filters.custom
    found |= data_policy(asks)
    return {"name": GUARDRAIL_NAME, **found} if found else {}


def data_policy(asks: Sequence[Ask]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if asks and all(ask.preference("zdr") for ask in asks):
        found |= dict.fromkeys(ZDR_FLAGS, True)
    if asks and all(ask.preference("data_collection") == "deny" for ask in asks):
        found |= dict.fromkeys(TRAINING_FLAGS, False)
    regions = {REGION_OF.get(ask.base_url) for ask in asks}
    if len(regions) == 1 and (region := regions.pop()) is not None:
        found["allowed_data_regions"] = [DATA_REGION[region]]
    return found
