"""Read a file of route tests into values, or findings with positions.

Whether the deployments that a test names exist is decided against a configuration
(`designer.routetest.play`).
"""

import re
from collections.abc import Callable, Mapping
from math import inf
from os.path import normpath
from pathlib import Path as FilePath
from typing import Any

from designer.diagnostics import Report, Rule, Severity
from designer.documents import Document, Path, read_json, read_yaml
from designer.profile.units import NotAValue, parse_duration_s
from designer.reading import BAD_VALUE, Reader
from designer.routetest.model import Check, Range, RouteTest, Suite
from designer.trace import Script, read_script

MISSING = Rule(
    "TST901",
    Severity.ERROR,
    "{what} needs {missing}",
    "A test is found by its name, and without an expectation it could not fail.",
    help="see docs/route-tests.md for the form of a route test",
)
TWICE = Rule(
    "TST902",
    Severity.ERROR,
    "the test `{name}` is there twice",
    "Tests are told apart, and chosen with --only, by their names.",
    help="give each test of a file a name of its own",
)
NOT_AN_EXPECTATION = Rule(
    "TST903",
    Severity.ERROR,
    "`{key}`: {problem}",
    "An expectation that has to be guessed at could hold by accident.",
    help="{help}",
)
OTHER_COUNT = Rule(
    "TST904",
    Severity.ERROR,
    "there are expectations for {expected} of {requests} requests",
    "Each request of a test has an expectation of its own, in the order of the requests; a request that "
    "nothing is expected of would be played for nothing.",
    help="make `expect` a list with one entry for each request",
)

_FILE_KEYS = ("version", "config", "tests")
_TEST_KEYS = ("name", "route", "expect")


def load_suite(text: str, file: str, report: Report) -> Suite | None:
    """The tests of a file (YAML, or JSON by its name); None, with findings, if it has errors."""
    read = read_json if file.endswith(".json") else read_yaml
    found = Report()
    document = read(text, file, found)
    suite = None if document is None else _Suite(document, found).read()
    report.extend(found)
    return None if found.has_errors else suite


class _Suite:
    def __init__(self, document: Document, report: Report) -> None:
        self.document = document
        self.report = report
        self.reader = Reader(document, report)

    def read(self) -> Suite | None:
        value = self.document.value
        if not self.reader.is_a(value, dict, (), "a file of route tests"):
            return None
        self.reader.knows(value, _FILE_KEYS, (), "a file of route tests")
        if value.get("version", 1) != 1:
            place = self.document.place("version")
            found = value["version"]
            self.report.add(BAD_VALUE, place, what="`version`", found=found, wanted="1")
        return Suite(
            file=self.document.file,
            tests=self.tests(value),
            config=self.config(value),
            config_place=self.document.place("config"),
        )

    def config(self, value: Mapping[str, Any]) -> str:
        """Relative to the file; for what is read from standard input, to where the command runs."""
        named = value.get("config", "")
        if not isinstance(named, str):
            self.reader.wrong(named, str, ("config",), "`config`")
            return ""
        return named and normpath(FilePath(self.document.file).parent / named)

    def tests(self, value: Mapping[str, Any]) -> tuple[RouteTest, ...]:
        listed = value.get("tests", [])
        if not self.reader.is_a(listed, list, ("tests",), "`tests`"):
            return ()
        if not listed:
            place = self.document.place("tests")
            self.report.add(MISSING, place, what="a file of route tests", missing="`tests`")
        read = [self.test(item, ("tests", index)) for index, item in enumerate(listed)]
        return tuple(test for test in read if test is not None)

    def test(self, value: Any, at: Path) -> RouteTest | None:
        if not self.reader.is_a(value, dict, at, "a test"):
            return None
        script = read_script(self.document, at, self.report, _TEST_KEYS, "a test")
        for key in ("name", "expect"):
            if value.get(key) in (None, "", {}, []):
                missing = f"`{key}`"
                self.report.add(MISSING, self.document.place(*at), what="a test", missing=missing)
        name = str(value.get("name", ""))
        before = self.document.value["tests"][: at[-1]]
        if name and any(isinstance(one, dict) and one.get("name") == name for one in before):
            self.report.add(TWICE, self.document.place(*at, "name"), name=name)
        if script is None:
            return None
        if not script.asked:
            place = self.document.place(*at, "requests")
            self.report.add(MISSING, place, what="a test", missing="a request at least")
        return RouteTest(
            name=name,
            route=str(value.get("route", "")),
            script=script,
            expected=self.expected(value.get("expect"), script, (*at, "expect")),
            said=value,
            place=self.document.place(*at),
        )

    def expected(self, value: Any, script: Script, at: Path) -> tuple[tuple[Check, ...], ...]:
        """One tuple of checks for each request."""
        listed = [value] if isinstance(value, dict) else value
        if not value or not self.reader.is_a(listed, list, at, "`expect`"):
            return ()
        if len(listed) != len(script.asked):
            place, expected = self.document.place(*at), len(listed)
            self.report.add(OTHER_COUNT, place, requests=len(script.asked), expected=expected)
        is_list = listed is value
        return tuple(
            self.checks(item, (*at, index) if is_list else at) for index, item in enumerate(listed)
        )

    def checks(self, value: Any, at: Path) -> tuple[Check, ...]:
        if not self.reader.is_a(value, dict, at, "an expectation"):
            return ()
        self.reader.knows(value, tuple(_READ), at, "an expectation")
        if not value:
            missing = "at least one of " + ", ".join(_READ)
            self.report.add(
                MISSING, self.document.place(*at), what="an expectation", missing=missing
            )
        read = [self.check(key, value[key], at) for key in value if key in _READ]
        return tuple(check for check in read if check is not None)

    def check(self, key: str, said: Any, at: Path) -> Check | None:
        read, form = _READ[key]
        place = self.document.place(*at, key)
        try:
            wanted = read(said)
        except NotAValue as problem:
            self.report.add(NOT_AN_EXPECTATION, place, key=key, problem=problem, help=form)
            return None
        names = (wanted,) if isinstance(wanted, str) else wanted
        return Check(
            key=key,
            wanted=wanted,
            text=_as_said(said),
            place=place,
            names=names if key in _NAMING and isinstance(names, tuple) else (),
        )


def _as_said(said: Any) -> str:
    if said is None:
        return "nobody"
    if isinstance(said, bool):
        return "yes" if said else "no"
    return ", ".join(map(str, said)) or "none" if isinstance(said, list) else str(said)


# --- Expectations ---------------------------------------------------------------------------------

_NUMBER = r"([0-9]+(?:\.[0-9]+)?)"
_BOUND = re.compile(rf"(<=|>=)\s*{_NUMBER}")
_SPAN = re.compile(rf"{_NUMBER}\s*\.\.\s*{_NUMBER}")


def read_range(said: Any) -> Range:
    """Raises NotAValue for what is no number, bound or span."""
    if isinstance(said, bool) or not isinstance(said, int | float | str):
        raise NotAValue("not a number")
    text = str(said).strip()
    if isinstance(said, int | float) or re.fullmatch(_NUMBER, text):
        value = float(text)
        if not 0 <= value < inf:
            raise NotAValue("a number that cannot be reached")
        return Range(value, value)
    if bound := _BOUND.fullmatch(text):
        limit = float(bound[2])
        return Range(high=limit) if bound[1] == "<=" else Range(low=limit)
    if span := _SPAN.fullmatch(text):
        low, high = float(span[1]), float(span[2])
        if low > high:
            raise NotAValue(f"a span that ends ({high:g}) before it begins ({low:g})")
        return Range(low, high)
    raise NotAValue("neither a number nor a bound nor a span")


def _status(said: Any) -> int:
    if isinstance(said, bool) or not isinstance(said, int) or not 100 <= said <= 599:
        raise NotAValue("not an HTTP status")
    return said


def _name(said: Any) -> str:
    if not isinstance(said, str) or not said:
        raise NotAValue("not the name of a deployment")
    return said


def _names(said: Any) -> tuple[str, ...]:
    if not isinstance(said, list):
        raise NotAValue("not a list of deployments")
    return tuple(map(_name, said))


def _some_names(said: Any) -> tuple[str, ...]:
    names = _names(said)
    if not names:
        raise NotAValue("an empty list, which always holds")
    return names


def _served_by(said: Any) -> str | None:
    return None if said is None else _name(said)


def _attempts(said: Any) -> tuple[str, ...] | Range:
    return _names(said) if isinstance(said, list) else read_range(said)


def _waits(said: Any) -> tuple[Range, ...]:
    if not isinstance(said, list):
        raise NotAValue("not a list of times")
    return tuple(map(read_range, said))


def _within(said: Any) -> Range:
    return Range(high=parse_duration_s(said))


def _told(said: Any) -> bool:
    if not isinstance(said, bool):
        raise NotAValue("neither true nor false")
    return said


_READ: Mapping[str, tuple[Callable[[Any], Any], str]] = {
    "status": (_status, "write the status that the caller sees, for example `503`"),
    "served_by": (_served_by, "write a deployment's id, or `null` for nobody"),
    "attempts": (
        _attempts,
        "write a list of deployments in order, or a count: `2`, `<= 3`, `1..3`",
    ),
    "waits_s": (
        _waits,
        "write seconds, one for each further attempt: `[0, 0.5, 0.5..1.25, '<= 2']`",
    ),
    "finishes_within": (_within, "write a duration, for example `5s`"),
    "asked": (_some_names, "write a list of deployments' ids"),
    "never_asked": (_some_names, "write a list of deployments' ids"),
    "told": (_told, "write `true` or `false`"),
}
"""What each key's value is read into, and how it is written."""
_NAMING = frozenset({"served_by", "attempts", "asked", "never_asked"})
