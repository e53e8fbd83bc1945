"""What a profile passes through to OpenRouter: a request body for each alias, and the common files.

What a request asks, and whether its answer is a stream, is no part of a route: no file holds it.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from designer.diagnostics import Report
from designer.gateways.base import File, Parsed, Placed
from designer.gateways.openrouter.account import teams_of
from designer.gateways.openrouter.folders import ROOT, folder_of
from designer.gateways.openrouter.lower import client_of
from designer.gateways.openrouter.parse import UNKNOWN_PRESET, Reader
from designer.gateways.openrouter.sources import sorted_out
from designer.gateways.openrouter.tree import Ask

CLIENT, GUARDRAIL = "client.json", "guardrail.json"
KEYS, WORKSPACE = "keys.json", "workspace.json"
ASKED = frozenset({"messages", "input", "stream", "stream_options"})


# --- Into the files -------------------------------------------------------------------------------


def place(section: Mapping[str, Any], aliases: Mapping[str, bool]) -> tuple[Placed, ...]:
    return tuple(_placed(section, aliases))


def _placed(section: Mapping[str, Any], aliases: Mapping[str, bool]) -> Iterator[Placed]:
    told = _client_routes(section)
    for key, value in section.items():
        if key in (CLIENT, GUARDRAIL, KEYS, WORKSPACE):
            yield Placed(_file(key, value), key)
        elif key in aliases:
            folder = folder_of(key)
            yield Placed(_file(f"{folder}/request.json", value), key)
            if not aliases[key]:
                yield Placed(_file(f"{folder}/preset.json", value), key)
            elif key not in told and isinstance(value, Mapping):
                routes = {ask.name: client_of(ask, None) for ask in _asks_of({key: value})}
                yield Placed(_file(CLIENT, {"routes": routes}), key)


def _client_routes(section: Mapping[str, Any]) -> Mapping[str, Any]:
    client = section.get(CLIENT)
    routes = client.get("routes") if isinstance(client, Mapping) else None
    return routes if isinstance(routes, Mapping) else {}


def _file(path: str, values: Any) -> File:
    return File(f"{ROOT}/{path}", "values.json.j2", values)


def _asks_of(bodies: Mapping[str, Any]) -> list[Ask]:
    """What request bodies mean when no other file says anything of them."""
    files = {f"{folder_of(name)}/request.json": json.dumps(body) for name, body in bodies.items()}
    return Reader(sorted_out(files, Report()), Report(), is_one_file=False).asks()


# --- Out of the files -----------------------------------------------------------------------------


def carry(parsed: Parsed) -> Mapping[str, Any]:
    """Presets are written out in the requests that name them."""
    files = {document.file: json.dumps(document.value) for document in parsed.documents}
    reader = Reader(sorted_out(files, Report()), Report(), is_one_file=False)
    asks = reader.asks()
    section: dict[str, Any] = {ask.name: _body(reader, ask.name) for ask in asks}
    alone = {ask.name: ask for ask in _asks_of(section)}
    told = {ask.name: client_of(ask, None) for ask in asks if alone.get(ask.name) != ask}
    for route, ttl in reader.ttls().items():
        if route in reader.documents:
            told.setdefault(route, client_of(_named(asks, route), None))["cache_ttl_s"] = ttl
    teams = {"teams": teams_of(parsed.routing)} if parsed.routing.teams else {}
    if told or teams:
        section[CLIENT] = {"routes": told, **teams}
    found = {
        GUARDRAIL: _guardrail([document.value for document in reader.sources.guardrails]),
        KEYS: _joined_keys([document.value for document in reader.sources.keys]),
        WORKSPACE: next((document.value for document in reader.sources.workspaces), {}),
    }
    return section | {name: value for name, value in found.items() if value}


def _named(asks: list[Ask], route: str) -> Ask:
    return next(ask for ask in asks if ask.name == route)


def _joined_keys(found: list[Mapping[str, Any]]) -> dict[str, Any]:
    entries = [entry for value in found for entry in value["keys"]]
    return {"keys": entries} if entries else {}


def _body(reader: Reader, route: str) -> dict[str, Any]:
    document = reader.documents[route]
    silent = Reader(reader.sources, Report(), is_one_file=False)
    body = silent.with_presets(document)
    if any(finding.rule is UNKNOWN_PRESET for finding in silent.report):
        body = dict(document.value)
    return {key: value for key, value in body.items() if key not in ASKED}


def _guardrail(found: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Several guardrails as one: their filters are joined, of anything else the first counts."""
    joined: dict[str, Any] = {}
    for guardrail in found:
        for key, value in guardrail.items():
            if key in joined and isinstance(value, list) and isinstance(joined[key], list):
                joined[key] = [*joined[key], *value]
            else:
                joined.setdefault(key, value)
    return joined
