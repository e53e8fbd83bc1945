"""The smallest edit of the user's own file after which a violated property holds.

A grid of single edits is tried, each on the text itself: fewer retries, a shorter timeout, another
fallback or none, more failures that a fallback is for, a guardrail that is on, a setting that was missing, a
deployment less. What comes of an edit is
parsed and proved anew; one that makes anything else worse is no repair. Nothing is guessed from the
property, and there may be no repair in the grid.
"""

import json
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from functools import cached_property
from math import inf
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from designer.diagnostics import Diagnostic, Edit, Fix, Report, Rule, Severity
from designer.documents import Document, Path
from designer.ir import Ref, Routing, deployments_of, walk
from designer.lint import fixes
from designer.load import Config
from designer.verify import Judge, Property, Verdict, facts
from designer.verify.facts import Facts

REPAIR = Rule(
    "VER703",
    Severity.INFO,
    "`{property}` holds for {route} after one edit: {title}",
    "Each edit of a grid was made on a copy of the file, parsed and proved like the file itself; this is "
    "the first after which the property holds and everything that held before still does.",
    help="--fix makes it; whether it is what you want is for you to say",
)


class Repair(Struct, frozen=True):
    finding: Diagnostic
    file: str
    before: str
    after: str

    @property
    def patch(self) -> str:
        return fixes.diff(self.file, self.before, self.after)


class Unrepaired(Struct, frozen=True):
    """No edit was found that does it."""

    tried: int
    is_all: bool
    """Whether the whole grid was tried; else time was up."""


_LedTo = tuple[str, str]
"""What a route leads to and what is of all routes, as text."""


class Repairs(Struct, dict=True):
    """Looks for edits, for one violation after another.

    After an edit the property has to hold, and all that held before of the routes that the edit reaches.
    First it is seen whether the failures that showed violations until now show one again, since there are
    far fewer paths on which only those happen; what none speaks against is proved. What was proved once is
    kept here. Once `clock` has passed `until`, nothing more is tried.
    """

    facts: Facts
    properties: Sequence[Property]
    clock: Callable[[], float] = lambda: 0.0
    until: float = inf
    verdicts: Sequence[Verdict] = ()
    """What is known already of the configuration as it is."""
    proved: dict[tuple[_LedTo, str], bool] = {}
    """Whether a property holds for a route that leads to this."""
    shown: dict[str, None] = {}
    """The failures of all requests that showed a violation, as it is or after an edit."""

    def __post_init__(self) -> None:
        for one in self.verdicts:
            self._learn(one)
            self.proved[self._led_to[one.route], _as_text(one.property)] = one.outcome == "holds"

    def of(self, verdict: Verdict) -> Repair | Unrepaired:
        """Of a configuration inside other files no edit is known."""
        config, tried = self.facts.config, 0
        self._learn(verdict)
        for document in config.parsed.documents if config.is_whole else ():
            before = config.texts.get(document.file)
            if before is None:
                continue
            for fix in _grid(document, config.parsed.routing, verdict.route):
                if self.clock() >= self.until:
                    return Unrepaired(tried, is_all=False)
                finding, tried = _finding(verdict, fix), tried + 1
                after = fixes.apply(before, [finding]).text
                if after != before and self._does_it(verdict, document, after):
                    return Repair(finding, document.file, before, after)
        return Unrepaired(tried, is_all=True)

    def _does_it(self, verdict: Verdict, document: Document, text: str) -> bool:
        changed = _changed(self.facts.config, document, text)
        if changed is None or not _has_the_routes_of(changed, self.facts.config):
            return False
        led_to = _all_led_to(changed)
        if led_to[verdict.route] == self._led_to[verdict.route]:
            return False
        asked = verdict.property, verdict.route
        wanted = [asked, *self._of_all_reached_by(led_to)]
        known = facts(changed, self.facts.as_of, self.facts.catalog)
        quick, whole = Judge(known, only=tuple(self.shown)), Judge(known)
        return not any(
            _is_violated(quick, *one) and (one == asked or self._held(*one)) for one in wanted
        ) and all(
            self._holds(whole, led_to, *one) for one in wanted if one == asked or self._held(*one)
        )

    def _of_all_reached_by(self, led_to: Mapping[str, _LedTo]) -> Iterator[tuple[Property, str]]:
        """What is asked of the routes that an edit has changed."""
        for route in led_to:
            if led_to[route] != self._led_to[route]:
                yield from ((one, route) for one in self.properties if one.is_about(route))

    def _held(self, one: Property, route: str) -> bool:
        return self._holds(self._judge, self._led_to, one, route)

    def _holds(self, judge: Judge, led_to: Mapping[str, _LedTo], one: Property, route: str) -> bool:
        key = led_to[route], _as_text(one)
        if key not in self.proved:
            found = next(judge.verdicts([replace(one, routes=(route,))]), None)
            self.proved[key] = found is not None and found.outcome == "holds"
            if found is not None:
                self._learn(found)
        return self.proved[key]

    def _learn(self, verdict: Verdict) -> None:
        if verdict.outcome == "violated" and verdict.trace is not None:
            seen = (tried.outcome.partition(",")[0] for tried in verdict.trace.attempts)
            self.shown.update(dict.fromkeys(seen))

    @cached_property
    def _judge(self) -> Judge:
        return Judge(self.facts)

    @cached_property
    def _led_to(self) -> Mapping[str, _LedTo]:
        return _all_led_to(self.facts.config)


def repair(known: Facts, properties: Sequence[Property], verdict: Verdict) -> Repair | None:
    """None where no edit of the grid does it, and for a configuration inside other files."""
    found = Repairs(known, properties).of(verdict)
    return found if isinstance(found, Repair) else None


def _is_violated(judge: Judge, one: Property, route: str) -> bool:
    return any(v.outcome == "violated" for v in judge.verdicts([replace(one, routes=(route,))]))


def _as_text(one: Property) -> str:
    return repr(replace(one, routes=()))


def _all_led_to(config: Config) -> Mapping[str, _LedTo]:
    """By route, all that a proof about it looks at: two that are the same are proved alike."""
    parsed = config.parsed
    rest = repr((replace(parsed.routing, routes=(), deployments=()), parsed.semantics))
    return {route.name: (_own(config, route.name), rest) for route in parsed.routing.routes}


def _own(config: Config, route: str) -> str:
    parsed = config.parsed
    routing, names = parsed.routing, _routes_from(route, parsed.routing)
    routes = [routing.route(name) for name in names if routing.has_route(name)]
    ids = dict.fromkeys(id_ for one in routes for id_ in deployments_of(one.node))
    deployments = [(routing.deployment(id_), parsed.terms.get(id_)) for id_ in ids]
    return repr((route, routes, deployments))


def _routes_from(route: str, routing: Routing) -> tuple[str, ...]:
    """The route and every route that it leads to, by name."""
    found = [routing.route(route).name if routing.has_route(route) else route]
    for name in found:  # grows while it is walked
        nodes = walk(routing.route(name).node) if routing.has_route(name) else ()
        led = (node.route for node in nodes if isinstance(node, Ref))
        real = (routing.route(n).name if routing.has_route(n) else n for n in led)
        found += [name for name in dict.fromkeys(real) if name not in found]
    return tuple(found)


def _finding(verdict: Verdict, fix: Fix) -> Diagnostic:
    report = Report()
    said = {"property": str(verdict.property), "route": verdict.route, "title": fix.title}
    report.add(REPAIR, verdict.place, fix=fix, **said)
    return next(iter(report))


def _changed(config: Config, document: Document, text: str) -> Config | None:
    """The configuration with another text for one of its files."""
    names = [key for key, read in config.read.items() if read == config.texts[document.file]]
    report = Report()
    read = {**config.read, **dict.fromkeys(names, text)}
    parsed = config.gateway.parse(read, report, config.parsed.semantics.version)
    if parsed is None or report.has_errors:
        return None
    return replace(config, parsed=parsed, read=read)


def _has_the_routes_of(changed: Config, config: Config) -> bool:
    before = {route.name for route in config.parsed.routing.routes}
    return {route.name for route in changed.parsed.routing.routes} == before


# --- The grid -------------------------------------------------------------------------------------

_RETRIES = frozenset({"num_retries", "max_retries", "attempts"})
_LIMITS = frozenset({"timeout", "request_timeout", "stream_timeout"})
_SHORTER = (0.75, 0.5, 0.25, 0.1)
_SWITCHES: Mapping[tuple[str, Any], str] = {
    ("default_on", False): "true",
    ("unreachable_fallback", "fail_open"): "fail_closed",
}
_MOST_FALLBACKS = 5
"""LiteLLM's own default (constants.py), measured on 1.106.2, 2026-11-22."""
_OUTAGES = (401, 402, 403, 404, 408, 410, 429, 500, 502, 503, 504, 529)
"""Statuses of a deployment, a key or a model that has failed; a refusal is none of them."""


def _grid(document: Document, routing: Routing, route: str) -> Iterator[Fix]:
    """Single edits, what changes least first; none of what only other routes look at."""
    names = _routes_from(route, routing)
    own = {*names, *(alias for alias, name in routing.aliases if name in names)}
    values = [
        (path, value)
        for path, value in _values(document.value, ())
        if _concerns(document.value, path, own)
    ]
    for step in (_switched, _retried_less, _limited, _fallen_further, _fallen_elsewhere):
        for path, value in values:
            yield from step(path, value, routing)
    for path, value in values:
        yield from _said(path, value)
    yield from _fallen_at_last(document.value, routing, route)
    for path, value in values:
        yield from _dropped(path, value)


def _concerns(value: Any, path: Path, names: Container[str]) -> bool:
    """Whether what stands there is of one of these routes, or of none in particular."""
    match path:
        case ("model_list", int(index), *_):
            entry = value["model_list"][index]
            name = entry.get("model_name") if isinstance(entry, Mapping) else None
            return not isinstance(name, str) or name in names or not _is_plain(name)
        case (_, str(key), int(), str(name), *_) if key.endswith("fallbacks"):
            return name in names or not _is_plain(name)
        case _:
            return True


def _is_plain(name: str) -> bool:
    """Whether a model's name stands for itself alone."""
    return "*" not in name


def _values(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    yield path, value
    inner: Iterator[tuple[str | int, Any]] = iter(())
    if isinstance(value, Mapping):
        inner = ((str(key), each) for key, each in value.items())
    elif isinstance(value, list):
        inner = iter(enumerate(value))
    for part, each in inner:
        yield from _values(each, (*path, part))


def _set(path: Path, text: str, title: str) -> Fix:
    return Fix(title, (Edit("set", path, text),))


def _switched(path: Path, value: Any, _: Routing) -> Iterator[Fix]:
    if path and isinstance(value, bool | str) and (path[-1], value) in _SWITCHES:
        text = _SWITCHES[str(path[-1]), value]
        yield _set(path, text, f"write `{path[-1]}: {text}`")


def _retried_less(path: Path, value: Any, _: Routing) -> Iterator[Fix]:
    if path and path[-1] in _RETRIES and isinstance(value, int) and not isinstance(value, bool):
        for fewer in range(min(value, 20) - 1, -1, -1):
            yield _set(path, str(fewer), f"retry {fewer} times instead of {value}")


def _limited(path: Path, value: Any, _: Routing) -> Iterator[Fix]:
    if path and path[-1] in _LIMITS and isinstance(value, int | float) and value > 1:
        for share in _SHORTER:
            shorter = max(1, round(value * share))
            yield _set(path, str(shorter), f"write `{path[-1]}: {shorter}` instead of {value:g}")


def _fallen_further(path: Path, value: Any, routing: Routing) -> Iterator[Fix]:
    """More failures that lead to a fallback, more fallbacks, or one more name in a list of them."""
    if not path:
        return
    if path[-1] == "max_fallbacks" and isinstance(value, int):
        for more in range(value + 1, _MOST_FALLBACKS + 1):
            yield _set(path, str(more), f"allow {more} fallbacks instead of {value}")
    if path[-1] == "on_status_codes" and isinstance(value, list) and "retry" not in path:
        listed = sorted({*(code for code in value if isinstance(code, int)), *_OUTAGES})
        yield _set(path, str(listed), "fall back after every status of an outage")
    if _is_list_of_fallbacks(path, value):
        for route in routing.routes:
            if route.name not in (*value, path[-1]):
                names = ", ".join((*value, route.name))
                yield _set(path, f"[{names}]", f"let {path[-1]} fall back to {route.name} too")


def _fallen_elsewhere(path: Path, value: Any, routing: Routing) -> Iterator[Fix]:
    """Another fallback in the place of one, or one less.

    A list that is left empty is no fallback (measured on the router of LiteLLM 1.106.2, 2026-11-24).
    """
    if not path or not _is_list_of_fallbacks(path, value):
        return
    for index, name in enumerate(value):
        for route in routing.routes:
            if route.name not in (*value, path[-1]):
                title = f"let {path[-1]} fall back to {route.name} instead of {name}"
                yield _set((*path, index), route.name, title)
    for index, name in enumerate(value):
        left = ", ".join((*value[:index], *value[index + 1 :]))
        yield _set(path, f"[{left}]", f"let {path[-1]} no longer fall back to {name}")


def _is_list_of_fallbacks(path: Path, value: Any) -> bool:
    is_named = any(isinstance(part, str) and part.endswith("fallbacks") for part in path[:-1])
    return is_named and isinstance(value, list) and all(isinstance(name, str) for name in value)


# --- What is missing, and what is too much --------------------------------------------------------

_RETRIES_SAID = (1, 0)
_TIMEOUTS_S = (60, 30, 10)


def _said(path: Path, value: Any) -> Iterator[Fix]:
    """A setting of routing that was left to the gateway's default."""
    if not isinstance(value, Mapping):
        return
    if not path and "model_list" in value:
        for retries in _RETRIES_SAID:
            yield from _in_router(value, "num_retries", str(retries))
        for timeout_s in _TIMEOUTS_S:
            yield from _in_router(value, "timeout", str(timeout_s))
    if value.get("mode") == "fallback" and path[-1:] == ("strategy",):
        yield from _insert(value, path, "on_status_codes", str(list(_OUTAGES)))
    if not path and "targets" in value:
        for timeout_s in _TIMEOUTS_S:
            yield from _insert(value, path, "request_timeout", str(1000 * timeout_s))


def _insert(above: Mapping[str, Any], path: Path, key: str, text: str) -> Iterator[Fix]:
    if key not in above:
        yield Fix(f"write `{key}: {text}`", (Edit("insert", (*path, key), text),))


def _in_router(value: Mapping[str, Any], key: str, text: str) -> Iterator[Fix]:
    """In the router's settings of a LiteLLM file, which may be missing themselves."""
    settings = value.get("router_settings")
    if settings is None:
        yield from _insert(value, (), "router_settings", f"{{{key}: {text}}}")
    elif isinstance(settings, Mapping):
        yield from _insert(settings, ("router_settings",), key, text)


def _fallen_at_last(value: Any, routing: Routing, route: str) -> Iterator[Fix]:
    """A first fallback for the route of a LiteLLM file."""
    if not isinstance(value, Mapping) or "model_list" not in value:
        return
    others = [one.name for one in routing.routes if one.name != route]
    for other in others:
        entry, title = f"{{{_name(route)}: [{_name(other)}]}}", f"let {route} fall back to {other}"
        listed = [s for s in _SETTINGS if isinstance(_under(value, s, "fallbacks"), list)]
        if listed:
            yield Fix(title, (Edit("insert", (listed[0], "fallbacks", 0), entry),))
        for fix in () if listed else _in_router(value, "fallbacks", f"[{entry}]"):
            yield replace(fix, title=title)


_SETTINGS = ("router_settings", "litellm_settings")


def _under(value: Mapping[str, Any], settings: str, key: str) -> Any:
    inner = value.get(settings)
    return inner.get(key) if isinstance(inner, Mapping) else None


def _name(name: str) -> str:
    """As YAML takes it inside brackets, whatever it is."""
    return name if name.replace("-", "").isalpha() and len(name) > 5 else json.dumps(name)


def _dropped(path: Path, value: Any) -> Iterator[Fix]:
    if path[-2:-1] in (("model_list",), ("targets",)) and isinstance(value, Mapping):
        yield Fix(f"drop {path[-2]}[{path[-1]}]{_called(value)}", (Edit("drop", path),))


def _called(value: Mapping[str, Any]) -> str:
    names = (value.get(key) for key in ("model_name", "name", "provider"))
    named = next((name for name in names if isinstance(name, str)), "")
    return f", {named}" if named else ""
