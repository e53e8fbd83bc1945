"""What must hold of a configuration, as data: a file, packs that come along, or what a profile implies.

A property says one thing of some routes. Reading it needs no configuration; what is judged against one
is `designer.verify.judge`'s.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any

from msgspec import Struct

from designer.catalog.model import CAPABILITIES, FACT_KEYS
from designer.diagnostics import Place, Report, Rule, Severity
from designer.documents import Document, Path, read_json, read_yaml
from designer.ir import Routing
from designer.load import Config
from designer.profile.regions import countries_of
from designer.profile.units import (
    NotAValue,
    format_duration_s,
    parse_count,
    parse_duration_s,
    parse_money,
    parse_share,
)
from designer.reading import BAD_VALUE, Reader, guess
from designer.resources import pack
from designer.verify.mishaps import IN_CONTENT, IN_SILENCE, OF_KEY, OF_MODEL, OUTAGE
from designer.verify.parts import KINDS

NOT_A_PROPERTY = Rule(
    "VER711",
    Severity.ERROR,
    "a property says one thing, and this says {found}",
    "What is judged, and told of, is one property at a time.",
    help="say one of {known}",
)
NOT_A_LIMIT = Rule(
    "VER712",
    Severity.ERROR,
    "`{key}`: {problem}",
    "A property that has to be guessed at could hold by accident.",
    help="write it as {example}",
)
NO_PACK = Rule(
    "VER713",
    Severity.ERROR,
    "no pack is called `{name}`{guess}",
    "Packs are properties that come along, with their sources.",
    help="there are {known}",
)
NO_PROPERTIES = Rule(
    "VER714",
    Severity.ERROR,
    "this names no property",
    "With nothing to judge, everything would seem to hold.",
    help="list them under `properties`, or name `packs`",
)

UNKNOWN_ROUTE = Rule(
    "VER715",
    Severity.ERROR,
    "the property is about the route `{name}`, which the configuration has not{guess}",
    "What nothing was judged of cannot have held.",
    help="known routes: {known}",
)

PACKS = ("gdpr-eu", "hipaa", "pci", "no-training", "finops")


class Property(Struct, frozen=True):
    kind: str
    """One of `KNOWN`."""
    value: Any
    """As its kind has it: a limit as a number, a residency as names."""
    text: str
    """As it was written."""
    routes: tuple[str, ...] = ()
    """Empty: every route."""
    options: Mapping[str, Any] = {}
    why: str = ""
    source: str = ""
    place: Place = Place()

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"

    def is_about(self, route: str) -> bool:
        return not self.routes or route in self.routes


# --- Values ---------------------------------------------------------------------------------------


def _limit(parse: Callable[[str], float]) -> Callable[[Any], float]:
    def read(value: Any) -> float:
        text = str(value).strip()
        return parse(text.removeprefix("<=").strip())

    return read


def _count(text: str) -> float:
    if not text.isdigit():
        raise NotAValue(f"{text!r} is no count")
    return float(text)


def _usd(text: str) -> float:
    return float(parse_money(text).usd)


def _only(*allowed: Any) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if value not in allowed:
            raise NotAValue(f"{value!r} is not {' or '.join(map(repr, allowed))}")
        return value

    return read


def _residency(value: Any) -> tuple[str, ...]:
    names = tuple(str(one) for one in (value if isinstance(value, list) else [value]))
    unknown = [name for name in names if not countries_of(name)]
    if unknown or not names:
        raise NotAValue(f"{', '.join(unknown) or 'nothing'} is no residency")
    return names


def _entities(value: Any) -> tuple[str, ...]:
    if value == "pii":
        return ()
    names = value if isinstance(value, list) else [value]
    if not all(isinstance(name, str) for name in names):
        raise NotAValue("entities are names")
    return tuple(names)


def _tokens(value: Any) -> int:
    count = parse_count(str(value))
    if count < 1:
        raise NotAValue(f"{value!r} is no count of tokens")
    return count


def _capabilities(value: Any) -> tuple[str, ...]:
    names = tuple(str(one) for one in (value if isinstance(value, list) else [value]))
    unknown = sorted(set(names) - CAPABILITIES)
    if unknown or not names:
        known = ", ".join(sorted(CAPABILITIES))
        raise NotAValue(f"{', '.join(unknown) or 'nothing'} is no capability; there are {known}")
    return names


def _day(value: Any) -> date:
    try:
        return date.fromisoformat(str(value))
    except ValueError as error:
        raise NotAValue(f"{value!r} is no day") from error


def _survives(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 4:
        raise NotAValue(f"{value!r} is no count of parts from 1 to 4")
    return value


class _Kind(Struct, frozen=True):
    read: Callable[[Any], Any]
    example: str


KNOWN: Mapping[str, _Kind] = {
    "residency": _Kind(_residency, "`residency: [eu]`"),
    "promise": _Kind(_only(*FACT_KEYS), "`promise: dpa`"),
    "retention": _Kind(_only("zero"), "`retention: zero`"),
    "training": _Kind(_only("forbid"), "`training: forbid`"),
    "redacted": _Kind(_entities, "`redacted: pii`, or a list of entities"),
    "refusal": _Kind(_only("final"), "`refusal: final`"),
    "embeddings": _Kind(_only("same_model"), "`embeddings: same_model`"),
    "whole_answers": _Kind(_only(True), "`whole_answers: true`"),
    "priced": _Kind(_only(True), "`priced: true`"),
    "context": _Kind(_tokens, "`context: 128k`"),
    "capabilities": _Kind(_capabilities, "`capabilities: [tools, json]`"),
    "served_until": _Kind(_day, "`served_until: 2027-06-30`"),
    "attempts": _Kind(_limit(_count), "`attempts: '<= 4'`"),
    "deadline": _Kind(_limit(parse_duration_s), "`deadline: '<= 60s'`"),
    "cost": _Kind(_limit(_usd), "`cost: '<= 0.05 USD'`"),
    "survives": _Kind(_survives, "`survives: 1`"),
}

_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "cost": ("input_tokens", "output_tokens"),
    "whole_answers": ("failures",),
    "survives": ("within", "tolerates", "parts", "failures"),
}
_EVERYWHERE = ("routes", "why", "source")


# --- Files ----------------------------------------------------------------------------------------


def load_properties(text: str, file: str, report: Report) -> tuple[Property, ...] | None:
    """Those of a file (YAML, or JSON by its name); None, with findings, if it has errors."""
    read = read_json if file.endswith(".json") else read_yaml
    found = Report()
    document = read(text, file, found)
    listed = () if document is None else _File(document, found).read()
    report.extend(found)
    return None if found.has_errors else listed


def load_pack(name: str, report: Report) -> tuple[Property, ...]:
    if name not in PACKS:
        report.add(NO_PACK, name=name, guess=guess(name, PACKS), known=", ".join(PACKS))
        return ()
    return load_properties(pack(name), f"pack {name}", report) or ()


def tell_unknown_routes(listed: Iterable[Property], routing: Routing, report: Report) -> None:
    """A finding for each route that a property names and the configuration has not."""
    known = tuple(route.name for route in routing.routes)
    for one in listed:
        for name in one.routes:
            if one.place.file and name not in known:
                said = {"name": name, "guess": guess(name, known), "known": ", ".join(known)}
                report.add(UNKNOWN_ROUTE, one.place, None, **said)


class _File:
    def __init__(self, document: Document, report: Report) -> None:
        self.document = document
        self.report = report
        self.reader = Reader(document, report)

    def read(self) -> tuple[Property, ...]:
        value = self.document.value
        if not self.reader.is_a(value, dict, (), "a file of properties"):
            return ()
        known = ("version", "name", "about", "packs", "properties")
        self.reader.knows(value, known, (), "a file of properties")
        if value.get("version", 1) != 1:
            place = self.document.place("version")
            wrong = value["version"]
            self.report.add(BAD_VALUE, place, what="`version`", found=wrong, wanted="1")
        packs, listed = value.get("packs", []), value.get("properties", [])
        if not self.reader.is_a(packs, list, ("packs",), "`packs`"):
            packs = []
        if not self.reader.is_a(listed, list, ("properties",), "`properties`"):
            listed = []
        found = [one for name in packs for one in load_pack(str(name), self.report)]
        for index, item in enumerate(listed):
            found += self.property(item, ("properties", index))
        if not packs and not listed:
            self.report.add(NO_PROPERTIES, self.document.place())
        return tuple(found)

    def property(self, item: Any, at: Path) -> list[Property]:
        if not self.reader.is_a(item, dict, at, "a property"):
            return []
        kinds = [key for key in item if key in KNOWN]
        if len(kinds) != 1:
            found = " and ".join(kinds) or "none of those that are known"
            known = ", ".join(KNOWN)
            self.report.add(NOT_A_PROPERTY, self.document.place(*at), found=found, known=known)
            return []
        (kind,) = kinds
        options = _OPTIONS.get(kind, ())
        self.reader.knows(item, (kind, *options, *_EVERYWHERE), at, f"`{kind}`")
        routes = item.get("routes", [])
        if not self.reader.is_a(routes, list, (*at, "routes"), "`routes`"):
            routes = []
        value = self.value(item[kind], kind, (*at, kind))
        return [
            Property(
                kind,
                value,
                _text(item[kind]),
                tuple(map(str, routes)),
                {key: self.option(item[key], key, (*at, key)) for key in options if key in item},
                str(item.get("why", "")),
                str(item.get("source", "")),
                self.document.place(*at, kind),
            )
        ]

    def value(self, value: Any, kind: str, at: Path) -> Any:
        try:
            return KNOWN[kind].read(value)
        except NotAValue as error:
            place, example = self.document.place(*at), KNOWN[kind].example
            self.report.add(NOT_A_LIMIT, place, key=kind, problem=error, example=example)
            return None

    def option(self, value: Any, key: str, at: Path) -> Any:
        try:
            match key:
                case "within":
                    return parse_duration_s(str(value))
                case "tolerates":
                    return parse_share(str(value))
                case "parts":
                    return tuple(_only(*KINDS)(one) for one in value)
                case "failures":
                    return tuple(_only(*FAILURES)(str(one)) for one in value)
                case _:
                    return int(self.reader.number(value, at, f"`{key}`"))
        except (NotAValue, TypeError) as error:
            example = _OPTION_EXAMPLE[key]
            place = self.document.place(*at)
            self.report.add(NOT_A_LIMIT, place, key=key, problem=error, example=example)
            return None


FAILURES = tuple(dict.fromkeys((*OUTAGE, *OF_KEY, *OF_MODEL, *IN_SILENCE, *IN_CONTENT)))
"""What `failures` chooses from; without it all of them are looked at."""

_OPTION_EXAMPLE = {
    "within": "`within: 8s`",
    "tolerates": "`tolerates: 1%`",
    "parts": f"`parts: [{', '.join(KINDS)}]`",
    "failures": f"`failures: [...]` of {', '.join(FAILURES)}",
}


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


# --- What is implied ------------------------------------------------------------------------------

_ALWAYS: tuple[tuple[str, Any], ...] = (("embeddings", "same_model"), ("whole_answers", True))


def implied(config: Config, most: int = 1) -> tuple[Property, ...]:
    """What the profile beside the configuration promises; without one, what everybody wants.

    `most` parts may fail at a time.
    """
    profile = config.profile
    said = [("survives", most), *_ALWAYS, *_promised(profile)]
    source = "the profile" if profile else "implied"
    found = [Property(k, KNOWN[k].read(v), _text(v), source=source) for k, v in said]
    cost = (profile.get("cost") or {}).get("max_per_request")
    if cost is not None:
        found += _costs(profile, f"{cost['usd'] if isinstance(cost, Mapping) else cost}")
    return tuple(found)


def _promised(profile: Mapping[str, Any]) -> list[tuple[str, Any]]:
    compliance = profile.get("compliance") or {}
    routing = profile.get("routing") or {}
    said: list[tuple[str, Any]] = []
    if compliance.get("residency"):
        said.append(("residency", list(compliance["residency"])))
    said += [(key, compliance[key]) for key in ("retention", "training") if key in compliance]
    said = [(key, v) for key, v in said if (key, v) not in _NOTHING_ASKED]
    pii = (profile.get("guardrails") or {}).get("pii") or {}
    if pii.get("input") == "redact":
        said.append(("redacted", list(pii.get("entities") or ()) or "pii"))
    if routing.get("on_refusal") == "return":
        said.append(("refusal", "final"))
    if routing.get("attempts_per_request"):
        said.append(("attempts", f"<= {routing['attempts_per_request']}"))
    if routing.get("deadline"):
        seconds = routing["deadline"]
        is_number = isinstance(seconds, int | float)
        said.append(("deadline", f"<= {format_duration_s(seconds) if is_number else seconds}"))
    return said


_NOTHING_ASKED = (("retention", "any"), ("training", "any"), ("training", "allow"))


def _costs(profile: Mapping[str, Any], usd: str) -> list[Property]:
    """Of every workload with its own traffic: what a request costs depends on its tokens."""
    found = []
    for workload in profile.get("workloads") or ():
        traffic = workload.get("traffic") or {}
        output = 0 if workload.get("task") == "embed" else traffic.get("output_tokens")
        tokens = {"input_tokens": traffic.get("input_tokens"), "output_tokens": output}
        given = {key: count for key, count in tokens.items() if count is not None}
        routes = (str(workload.get("alias")),)
        found.append(
            Property("cost", float(usd), f"<= {usd} USD", routes, given, source="the profile")
        )
    return found
