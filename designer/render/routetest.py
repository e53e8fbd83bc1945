"""Results of route tests as lines for a terminal, as data, as JUnit's XML and as findings."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from designer.diagnostics import Diagnostic, Report, Rule, Severity
from designer.render.findings import xml_text
from designer.routetest import Played, Result, Seen

SCHEMA_VERSION = 1

FAILED = Rule(
    "TST907",
    Severity.ERROR,
    "{name}: {differences}",
    "The configuration does something else than the route test expects of it.",
    help="`designer test` shows the attempts, one by one",
)
NOT_COMPARABLE = Rule(
    "TST908",
    Severity.WARNING,
    "{name}: not comparable: {reason}",
    "A real gateway takes some decisions by chance, and nothing can force them. A test that holds only "
    "for other decisions has neither passed nor failed.",
    help="expect what holds for every pick, or accept it with --allow-inconclusive",
)

_MARK = {"passed": "ok", "failed": "FAILED", "not_comparable": "NOT COMPARABLE"}


def text(played: Sequence[Played]) -> str:
    blocks = ["\n".join(_lines(one)) for one in played]
    return "\n\n".join([*blocks, summary([r for one in played for r in one.results])])


def summary(results: Sequence[Result]) -> str:
    counts = _counts(results)
    parts = [f"{n} {verdict.replace('_', ' ')}" for verdict, n in counts.items() if n]
    return (
        f"{len(results)} test{'s' if len(results) != 1 else ''}: {', '.join(parts) or 'none run'}"
    )


def _counts(results: Sequence[Result]) -> dict[str, int]:
    return {mark: sum(r.verdict == mark for r in results) for mark in _MARK}


def _lines(played: Played) -> Iterator[str]:
    bench = played.bench
    where = f"at {played.against}" if played.against else "by the engine"
    yield f"{bench.suite.file}  on  {bench.path}  ({bench.config.gateway.title}, {where})"
    for result in played.results:
        yield f"  {_MARK[result.verdict]:6}  {result.test.name}"
        if result.verdict != "passed":
            yield from (f"          {line}" for line in _why(result))
    if any(result.verdict != "passed" for result in played.results):
        yield from (f"  assumed: {what}" for what in played.assumptions)


def _why(result: Result) -> Iterator[str]:
    yield str(result.test.place)
    yield from map(str, result.differences)
    if result.reason:
        yield result.reason
    both = bool(result.foretold)
    yield from _timelines(result.seen, "the gateway:" if both else "")
    yield from _timelines(result.foretold, "the engine:")


def _timelines(seen: Sequence[Seen], head: str) -> Iterator[str]:
    if head and seen:
        yield head
    for number, one in enumerate(seen, start=1):
        if len(seen) > 1:
            yield f"request {number}"
        yield from one.lines


# --- For programs ---------------------------------------------------------------------------------


def as_json(played: Sequence[Played]) -> dict[str, Any]:
    results = [result for one in played for result in one.results]
    return {
        "schema_version": SCHEMA_VERSION,
        **_counts(results),
        "suites": [_suite_as_json(one) for one in played],
    }


def _suite_as_json(played: Played) -> dict[str, Any]:
    bench = played.bench
    return {
        "file": bench.suite.file,
        "config": bench.path,
        "gateway": f"{bench.config.gateway.name}@{bench.config.gateway.version}",
        "against": played.against or None,
        "tests": [result.as_json() for result in played.results],
        "assumptions": list(played.assumptions),
    }


def findings(played: Sequence[Played]) -> list[Diagnostic]:
    """A finding for each test that did not pass, where its first unmet expectation stands."""
    report = Report()
    for result in (r for one in played for r in one.results):
        place = result.differences[0].place if result.differences else result.test.place
        name = result.test.name
        if result.verdict == "failed":
            differences = "; ".join(map(str, result.differences))
            report.add(FAILED, place, name=name, differences=differences)
        elif result.verdict == "not_comparable":
            report.add(NOT_COMPARABLE, place, name=name, reason=result.reason)
    return report.diagnostics


_NO_DATE = "1970-01-01T00:00:00"
"""JUnit's schema insists on a date; the same tests are to give the same bytes."""


def junit(played: Sequence[Played]) -> str:
    """A suite for each file. What is not comparable is an error, not a failure."""
    from xml.etree import ElementTree  # only for this format

    root = ElementTree.Element("testsuites")
    for number, one in enumerate(played):
        suite = ElementTree.SubElement(root, "testsuite", _suite_attributes(one, number))
        ElementTree.SubElement(suite, "properties")
        for result in one.results:
            case = ElementTree.SubElement(suite, "testcase", _case_attributes(one, result))
            if result.verdict != "passed":
                kind = "failure" if result.verdict == "failed" else "error"
                said = {"type": _MARK[result.verdict], "message": xml_text(_in_a_line(result))}
                entry = ElementTree.SubElement(case, kind, said)
                entry.text = xml_text("\n".join(_why(result)))
        for stream in ("system-out", "system-err"):
            ElementTree.SubElement(suite, stream)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True)


def _suite_attributes(played: Played, number: int) -> dict[str, str]:
    counts = _counts(played.results)
    return {
        "name": xml_text(played.bench.suite.file),
        "package": xml_text(played.bench.path),
        "id": str(number),
        "timestamp": _NO_DATE,
        "hostname": "localhost",
        "tests": str(len(played.results)),
        "failures": str(counts["failed"]),
        "errors": str(counts["not_comparable"]),
        "time": f"{sum(map(_took_s, played.results)):.3f}",
    }


def _case_attributes(played: Played, result: Result) -> dict[str, str]:
    return {
        "name": xml_text(result.test.name),
        "classname": xml_text(played.bench.suite.file),
        "time": f"{_took_s(result):.3f}",
    }


def _took_s(result: Result) -> float:
    return sum(one.took_s for one in result.seen)


def _in_a_line(result: Result) -> str:
    return "; ".join(map(str, result.differences)) or result.reason


def json_text(played: Sequence[Played]) -> str:
    return json.dumps(as_json(played), indent=2, ensure_ascii=False)
