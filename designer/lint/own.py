"""A team's own rules, as data: a selector, what must hold there, and how grave a breach is.

    version: 1
    rules:
      - code: ORG001
        severity: error
        gateway: litellm                 # left out: every gateway
        at: model_list[*].litellm_params.api_base
        must: {match: '^https://'}
        message: the provider is reached over plain http
        help: use the TLS address
    severities: {LNT401: info, LNT902: "off"}

A selector is a dotted path in which `*` stands for one key, `[*]` for one item and `**` for any depth.
`must` is one of: present, absent (true), match (a pattern that the whole text holds somewhere), one_of,
none_of, at_least, at_most.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from designer.diagnostics import Diagnostic, Report, Rule, Severity
from designer.documents import Document, Path, read_yaml
from designer.load import Config
from designer.reading import BAD_VALUE, Reader

_RULE_KEYS = ("code", "severity", "gateway", "at", "must", "message", "help", "why")
_MUSTS = ("present", "absent", "match", "one_of", "none_of", "at_least", "at_most")
_SEVERITIES = ("error", "warning", "info")
_CODE = re.compile(r"[A-Z]{3}\d{3}\Z")


class OwnRule(Struct, frozen=True):
    rule: Rule
    gateway: str
    at: str
    must: str
    value: Any


class OwnRules(Struct, frozen=True):
    rules: tuple[OwnRule, ...] = ()
    severities: Mapping[str, str] = field(default_factory=dict)

    def check(self, config: Config, report: Report) -> None:
        for own in self.rules:
            if own.gateway in ("", config.gateway.name):
                for document in config.parsed.documents:
                    _check(own, document, report)

    def graded(self, report: Report) -> Report:
        """With the severities that the team gives, and without the rules that it turned off."""
        left = Report()
        for finding in report:
            own = self.severities.get(finding.code)
            if own != "off":
                left.diagnostics.append(_with_severity(finding, own))
        return left


def _with_severity(finding: Diagnostic, own: str | None) -> Diagnostic:
    return finding if own is None else replace(finding, severity=Severity(own))


# --- Checking -------------------------------------------------------------------------------------


def _check(own: OwnRule, document: Document, report: Report) -> None:
    if own.must == "present":
        _check_presence(own, document, report)
        return
    for path, value in select(document.value, own.at):
        if not _HOLDS[own.must](value, own.value):
            report.add(own.rule, document.place(*path))


def _check_presence(own: OwnRule, document: Document, report: Report) -> None:
    """The last key of the selector stands in every mapping that the rest of it leads to."""
    parent, _, key = own.at.rpartition(".")
    for path, value in select(document.value, parent) if parent else [((), document.value)]:
        if isinstance(value, Mapping) and value.get(key) is None:
            report.add(own.rule, document.place(*path))


_HOLDS: Mapping[str, Callable[[Any, Any], bool]] = {
    "absent": lambda value, _: value is None,
    "match": lambda value, pattern: isinstance(value, str) and bool(re.search(pattern, value)),
    "one_of": lambda value, listed: value in listed,
    "none_of": lambda value, listed: value not in listed,
    "at_least": lambda value, least: _is_number(value) and value >= least,
    "at_most": lambda value, most: _is_number(value) and value <= most,
}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def select(value: Any, selector: str) -> Iterator[tuple[Path, Any]]:
    """What a selector leads to, in the order of the file."""
    yield from _select(value, tuple(_PART.findall(selector)), ())


_PART = re.compile(r"\[\*\]|\[\d+\]|[^.\[\]]+")


def _select(value: Any, parts: tuple[str, ...], path: Path) -> Iterator[tuple[Path, Any]]:
    if not parts:
        yield path, value
        return
    part, rest = parts[0], parts[1:]
    if part == "**":
        yield from _select(value, rest, path)
        for key, inner in _items(value):
            yield from _select(inner, parts, (*path, key))
        return
    for key, inner in _items(value):
        if _fits(key, part):
            yield from _select(inner, rest, (*path, key))


def _items(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)


def _fits(key: str | int, part: str) -> bool:
    if isinstance(key, int):
        return part in ("[*]", f"[{key}]")
    return part in ("*", key)


# --- Reading --------------------------------------------------------------------------------------


def read_own_rules(text: str, file: str, report: Report) -> OwnRules | None:
    """None, with findings, when the file is no rule file."""
    document = read_yaml(text, file, report)
    if document is None:
        return None
    reader = Reader(document, report)
    before = len(report)
    value = document.value
    if not reader.is_a(value, dict, (), "a rule file"):
        return None
    reader.knows(value, ("version", "rules", "severities"), (), "a rule file")
    listed = value.get("rules", [])
    rules = []
    if reader.is_a(listed, list, ("rules",), "`rules`"):
        read = (_rule(item, reader, ("rules", index)) for index, item in enumerate(listed))
        rules = [rule for rule in read if rule is not None]
    severities = value.get("severities", {})
    if reader.is_a(severities, dict, ("severities",), "`severities`"):
        for code, severity in severities.items():
            _one_of(reader, severity, (*_SEVERITIES, "off"), ("severities", code), "a severity")
    return OwnRules(tuple(rules), severities) if len(report) == before else None


def _rule(item: Any, reader: Reader, path: Path) -> OwnRule | None:
    if not reader.is_a(item, dict, path, "a rule"):
        return None
    reader.knows(item, _RULE_KEYS, path, "a rule")
    before = len(reader.report)
    for key in ("code", "at", "message"):
        reader.is_a(item.get(key), str, (*path, key), f"`{key}` of a rule")
    severity = item.get("severity", "warning")
    _one_of(reader, severity, _SEVERITIES, (*path, "severity"), "a severity")
    must = item.get("must")
    if reader.is_a(must, dict, (*path, "must"), "`must`") and len(must) != 1:
        _bad(reader, (*path, "must"), "`must`", f"{len(must)} demands", "one demand a rule")
    elif isinstance(must, dict):
        reader.knows(must, _MUSTS, (*path, "must"), "`must`")
        _well_formed(must, reader, (*path, "must"))
    code = item.get("code")
    if isinstance(code, str) and not _CODE.match(code):
        _bad(reader, (*path, "code"), "a code", repr(code), "three capitals and three digits")
    if len(reader.report) > before:
        return None
    ((kind, value),) = must.items()
    rule = Rule(
        code,
        Severity(severity),
        _braced(item["message"]),
        _braced(str(item.get("why", ""))),
        help=_braced(str(item.get("help", ""))),
    )
    return OwnRule(rule, str(item.get("gateway", "")), item["at"], kind, value)


def _well_formed(must: Mapping[str, Any], reader: Reader, path: Path) -> None:
    for kind, value in must.items():
        where = (*path, kind)
        if kind in ("one_of", "none_of"):
            reader.is_a(value, list, where, f"`{kind}`")
        elif kind in ("at_least", "at_most") and not _is_number(value):
            reader.wrong(value, float, where, f"`{kind}`")
        elif kind in ("present", "absent") and value is not True:
            _bad(reader, where, f"`{kind}`", repr(value), "true")
        elif kind == "match" and reader.is_a(value, str, where, "`match`"):
            try:
                re.compile(value)
            except re.error as error:
                _bad(reader, where, "the pattern", f"no regular expression ({error})", "one")


def _one_of(reader: Reader, value: Any, known: tuple[str, ...], path: Path, what: str) -> None:
    if value not in known:
        _bad(reader, path, what, repr(value), f"one of {', '.join(known)}")


def _bad(reader: Reader, path: Path, what: str, found: str, wanted: str) -> None:
    place = reader.document.place(*path)
    reader.report.add(BAD_VALUE, place, what=what, found=found, wanted=wanted)


def _braced(text: str) -> str:
    """Message templates are formatted; what the user wrote is not a template."""
    return text.replace("{", "{{").replace("}", "}}")
