"""What the runtime's HTTP surface is, as an OpenAPI document: `python -m runtime.openapi` writes it.

Bodies are described as far as the runtime looks at them; what it passes through is left open.
"""

from pathlib import Path
from typing import Any

import orjson

from designer.ir import Routing
from runtime.surface import SURFACES, Surface

FILE = Path("schemas/runtime.openapi.json")

_OPEN: dict[str, Any] = {"type": "object", "additionalProperties": True}
_MESSAGES: dict[str, Any] = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["role", "content"],
        "properties": {
            "role": {"enum": ["system", "user", "assistant", "tool"]},
            "content": {"type": ["string", "array", "null"], "items": _OPEN},
        },
    },
}
_EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["data"],
    "properties": {"data": {"type": "string"}, "event": {"type": "string"}},
}
"""One server-sent event."""
_INPUT: dict[str, Any] = {"type": ["string", "array"]}
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type"],
            "properties": {"message": {"type": "string"}, "type": {"type": "string"}},
        }
    },
}
_HEADERS = {
    "x-designer-served-by": "The deployment that answered.",
    "x-designer-attempts": "How many attempts it took.",
    "x-designer-cost-usd": "What the answer cost, `unknown` where nobody knows the price.",
    "x-designer-cache": "`hit` from the cache, `miss` from a provider, `off` where none is kept.",
    "x-designer-redactions": "How many values were taken out of the request and the answer.",
    "x-designer-experiment-arm": "The arm of each experiment that the call took.",
    "x-designer-dropped": "What the provider, or this gateway, had no word for.",
    "x-designer-limits": "`not-counted` while limits cannot be counted and requests go on.",
    "x-designer-trace": "The request's id in the ledger.",
}
_STATUSES = {
    "400": "The request is at fault.",
    "401": "A key is asked for.",
    "404": "There is no such route.",
    "408": "The request did not come, or was not answered, in time.",
    "413": "The body is too large.",
    "402": "A budget has no room for it: the message says which, `retry-after` when to come again.",
    "429": "All deployments are busy, or a limit is reached.",
    "500": "No deployment answered.",
    "502": "No deployment answered.",
    "503": "No deployment answered, or the answer could not be booked.",
    "504": "No deployment answered in time.",
}


def document(routing: Routing | None = None) -> dict[str, Any]:
    """Of any runtime, or of the one that runs this configuration: its routes are the models."""
    paths: dict[str, Any] = {path: {"post": _asking(s, routing)} for path, s in SURFACES.items()}
    paths["/v1/models"] = {"get": _telling("The routes, as models.", "listModels", ("401",))}
    paths["/healthz"] = {"get": _telling("Whether the process is alive.", "health", ())}
    text = {"text/plain": {"schema": {"type": "string"}}}
    counters = {"description": "Counters for Prometheus.", "content": text}
    paths["/metrics"] = {"get": {"operationId": "metrics", "responses": {"200": counters}}}
    paths["/readyz"] = {"get": _telling("Whether it can answer and book.", "readiness", ("503",))}
    schemes = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "designer's reference runtime", "version": "1"},
        "paths": paths,
        "components": {"securitySchemes": schemes, "schemas": {"Error": _ERROR, "Open": _OPEN}},
        "security": [{}, {"bearer": []}, {"key": []}],
    }


def _asking(surface: Surface, routing: Routing | None) -> dict[str, Any]:
    wanted = _MESSAGES if surface.wanted == "messages" else _INPUT
    properties: dict[str, Any] = {"model": _model(surface, routing), surface.wanted: wanted}
    if not surface.embeds:
        properties["stream"] = {"type": ["boolean", "null"]}
    body = {"type": "object", "required": ["model", surface.wanted], "properties": properties}
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Open"}}}
    if not surface.embeds:
        content["text/event-stream"] = {"schema": _EVENT}
    headers = {
        name: {"description": said, "schema": {"type": "string"}} for name, said in _HEADERS.items()
    }
    answers = {"200": {"description": "The answer.", "headers": headers, "content": content}}
    return {
        "operationId": surface.path.removeprefix("/v1/").replace("/", "_"),
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": answers | {status: _error(status) for status in _STATUSES},
    }


def _model(surface: Surface, routing: Routing | None) -> dict[str, Any]:
    named: dict[str, Any] = {"type": "string", "minLength": 1}
    routes = [] if routing is None else [r for r in routing.routes if r.embeds == surface.embeds]
    return named | ({"enum": [route.name for route in routes]} if routes else {})


def _telling(what: str, name: str, failures: tuple[str, ...]) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Open"}}}
    good = {"200": {"description": what, "content": content}}
    bad = {status: {**_error(status), "content": content} for status in failures}
    return {"operationId": name, "responses": good | bad}


def _error(status: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Error"}
    return {
        "description": _STATUSES[status],
        "content": {"application/json": {"schema": schema}},
    }


def text() -> str:
    return orjson.dumps(document(), option=orjson.OPT_INDENT_2).decode() + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
