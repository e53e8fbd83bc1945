"""What makes two requests the same question: everything that may change the answer, and whose it is.

The digest is taken of the request as it goes to a provider, after redaction. Who the end user is, how
the request is booked and which notes it carries do not change an answer, except where the
configuration routes by them; so they are part of the question exactly there.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
import orjson
from msgspec import Struct

from designer.engine.call import Program
from designer.engine.events import Request
from designer.ir import (
    Cache,
    Condition,
    Ref,
    Route,
    Routing,
    Split,
    Switch,
    deployments_of,
    walk,
)
from runtime.redact import find

Body = dict[str, Any]

_ANSWERS_THE_SAME: Final = frozenset(
    {
        *("model", "user", "safety_identifier", "metadata", "store", "service_tier"),
        *("prompt_cache_key", "prompt_cache_retention", "stream_options"),
    }
)
"""Parameters of OpenAI's API reference (read 2026-11-24) that are about booking, not about the answer.

`model` is the route's name here, which is asked about by itself. `stream` is none of them: an answer
is kept in the shape in which it was given.
"""


class Question(Struct, frozen=True):
    """A request as the cache knows it: digests, and the text that `semantic` compares."""

    tenant: str
    route: str
    key: bytes
    """Of everything that may change the answer."""
    rule: Cache
    around: bytes = b""
    """Of everything but `text`: similar questions are asked in the same surroundings."""
    text: str = ""
    """The last message's; empty where only the very same request is the same question."""


class Reader:
    """Reads questions out of requests, for one configuration."""

    def __init__(self, program: Program) -> None:
        routing = program.routing
        self._rules = {r.name: rule for r in routing.routes if (rule := rule_for(routing, r))}
        self._seals = {name: _seal(program, routing.route(name)) for name in self._rules}
        self._reads = {name: _reads(program, routing.route(name)) for name in self._rules}
        self._routing = routing

    @property
    def is_idle(self) -> bool:
        """Whether no route has a cache."""
        return not self._rules

    def question(
        self, asked: str, tenant: str, request: Request, body: Body, is_personal: bool = False
    ) -> Question | None:
        """None for a route that keeps no answers."""
        route = self._named(asked, request)
        rule = self._rules.get(route)
        if rule is None:
            return None
        told = {name: value for name, value in body.items() if name not in _ANSWERS_THE_SAME}
        given = [value_of(key, request) for key in self._reads[route]]
        whose = (tenant, route, self._seals[route], given)
        question = Question(tenant, route, _digest((*whose, told)), rule)
        split = None if rule.mode == "exact" or is_personal else _apart(told)
        if split is None or find(split[0]):
            return question
        text, around = split
        return msgspec.structs.replace(question, around=_digest((*whose, around)), text=text)

    def _named(self, asked: str, request: Request) -> str:
        name = self._routing.led(str(request.team.get("name", "")), asked)
        return self._routing.route(name).name if self._routing.has_route(name) else name


def rule_for(routing: Routing, route: Route) -> Cache | None:
    """A route's cache. An experiment has none: a kept answer would be neither arm's."""
    rule = next((cache for cache in routing.caches if cache.covers(route.name)), None)
    return None if rule is None or is_experiment(routing, route) else rule


def is_experiment(routing: Routing, route: Route) -> bool:
    routes = _reached(routing, route).values()
    return any(isinstance(node, Split) for r in routes for node in walk(r.node))


def _reached(routing: Routing, route: Route) -> dict[str, Route]:
    """The route and all that its `Ref`s lead to, by name."""
    found, waiting = {route.name: route}, [route]
    while waiting:
        for node in walk(waiting.pop().node):
            if isinstance(node, Ref) and routing.has_route(node.route):
                led_to = routing.route(node.route)
                if led_to.name not in found:
                    found[led_to.name] = led_to
                    waiting.append(led_to)
    return found


def _seal(program: Program, route: Route) -> str:
    """Stands for all of a configuration that may change the route's answers."""
    routing = program.routing
    routes = _reached(routing, route)
    ids = sorted({id_ for r in routes.values() for id_ in deployments_of(r.node)})
    deployments = [routing.deployment(id_) for id_ in ids]
    rails = [rail for rail in routing.guardrails if rail.covers(route.name)]
    told = (routes, deployments, rails, program.semantics.name)
    return hashlib.sha256(msgspec.json.encode(told, order="sorted")).hexdigest()


def _reads(program: Program, route: Route) -> tuple[str, ...]:
    """What the way of a request depends on beside its body, as keys of conditions."""
    routes = _reached(program.routing, route).values()
    switches = [node for r in routes for node in walk(r.node) if isinstance(node, Switch)]
    keys = {key for switch in switches for case in switch.cases for key in _keys(case.when)}
    screened = ("metadata", "team") if program.semantics.screens else ()
    return tuple(sorted({*keys, *screened}))


def _keys(condition: Condition) -> Iterator[str]:
    if condition.operator in ("and", "or"):
        for inner in condition.value:
            yield from _keys(inner)
    else:
        yield condition.key


def value_of(key: str, request: Request) -> Any:
    """A condition's key in a request: one field, or all of them where it names none."""
    space, _, name = key.partition(".")
    spaces: Mapping[str, Any] = {
        "metadata": request.metadata,
        "task": {"": request.metadata.get("task", request.task)},
        "params": request.params,
        "team": request.team,
        "url": {"pathname": request.path},
    }
    fields = spaces.get(space, {})
    return fields.get(name) if name or space == "task" else fields


def _digest(value: Any) -> bytes:
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).digest()


_MAKES_ITS_OWN: Final = ("tools", "functions", "response_format", "audio", "prediction")
"""With one of these an answer is for a program, which a similar one would mislead."""


def _apart(told: Body) -> tuple[str, Body] | None:
    """The last message's text and all the rest; None where a similar text would not do."""
    messages = told.get("messages")
    if not isinstance(messages, list) or not messages or any(told.get(k) for k in _MAKES_ITS_OWN):
        return None
    last = messages[-1]
    if not isinstance(last, dict) or last.get("role") != "user" or _has_tool_calls(messages):
        return None
    text = _text(last.get("content"))
    if not text:
        return None
    return text, {**told, "messages": [*messages[:-1], {**last, "content": None}]}


def _has_tool_calls(messages: list[Any]) -> bool:
    return any(
        isinstance(m, dict) and (m.get("tool_calls") or m.get("role") in ("tool", "function"))
        for m in messages
    )


def _text(content: Any) -> str:
    """Empty where there is more than text."""
    match content:
        case str():
            return content.strip()
        case [{"type": "text", "text": str() as text}]:
            return text.strip()
        case _:
            return ""
