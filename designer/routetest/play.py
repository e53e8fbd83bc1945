"""Play route tests on a configuration's text, by the engine, and judge any results of theirs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from designer.diagnostics import Report, Rule, Severity
from designer.load import Config, load_config
from designer.reading import guess
from designer.routetest.judge import difference
from designer.routetest.model import Difference, Result, RouteTest, Seen, Slack, Suite
from designer.trace import Asked, Names, Script, Trace, as_text, trace

NO_CONFIG = Rule(
    "TST905",
    Severity.ERROR,
    "no configuration to test: {problem}",
    "A route test is about a configuration's text: an emitted folder, or a file of a gateway.",
    help="name it with `config:` in the file (relative to the file) or with --config",
)
UNKNOWN_NAME = Rule(
    "TST906",
    Severity.ERROR,
    "no deployment is called `{name}`{guess}",
    "A test that names what is not there would hold, or fail, whatever the configuration does: "
    "`never_asked: [a-typo]` always holds.",
    help="known: {known}",
)


class Bench(Struct, frozen=True):
    """A suite, and the configuration that it is about."""

    suite: Suite
    path: str
    config: Config


class Played(Struct, frozen=True):
    bench: Bench
    results: tuple[Result, ...]
    against: str = ""
    """The address of the gateway that they were played on; empty for the engine."""

    @property
    def assumptions(self) -> tuple[str, ...]:
        """Of all its results, each once."""
        seen = (one for result in self.results for one in (*result.seen, *result.foretold))
        return tuple(dict.fromkeys(what for one in seen for what in one.assumptions))


def ready(
    suite: Suite, report: Report, config: str = "", gateway: str | None = None
) -> Bench | None:
    """The suite with its configuration, or with `config`; None, with findings, when they do not fit."""
    path = config or suite.config
    if not path:
        report.add(NO_CONFIG, suite.config_place, problem="the file names none")
        return None
    if path != "-" and not Path(path).exists():
        place = "--config" if config else suite.config_place
        report.add(NO_CONFIG, place, problem=f"there is no {path}")
        return None
    loaded = load_config(path, report, gateway)
    if loaded is None:
        return None
    bench = Bench(suite, path, loaded)
    unknown = Report()
    for test in suite.tests:
        _report_unknown(test, loaded, unknown)
    report.extend(unknown)
    return None if unknown.has_errors else bench


def _report_unknown(test: RouteTest, config: Config, report: Report) -> None:
    names = Names(config.parsed, test.script)
    deployments, script = tuple(names.ids), test.script
    everything = (*deployments, *sorted(names.rails))
    used = [
        (name, deployments, check.place)
        for checks in test.expected
        for check in checks
        for name in check.names
    ]
    used += [
        (name, everything, script.document.place(*script.at, "outcomes", name))
        for name in script.answers
    ]
    for name, known, place in used:
        if name not in known:
            close, listed = guess(name, known), ", ".join(known)
            report.add(UNKNOWN_NAME, place, name=name, guess=close, known=listed)


def play(
    bench: Bench, tests: Iterable[RouteTest], report: Report, semantics: str = "own", seed: int = 0
) -> list[Result]:
    """What the engine makes of each test; one whose route is not clear is a finding, and no result."""
    config = bench.config.with_semantics(semantics, report)
    results = []
    for test in tests:
        traces = traced(test, config, report, seed)
        if traces is not None:
            results.append(judged(test, config, seen_by_engine(traces, test), Slack()))
    return results


def traced(
    test: RouteTest, config: Config, report: Report, seed: int = 0
) -> tuple[Trace, ...] | None:
    return trace(config.parsed, routed(test), report, seed=seed, terms=config.terms)


def routed(test: RouteTest) -> Script:
    """The script with the test's route in every request that names none."""
    asked = tuple(replace(one, route=one.route or test.route) for one in test.script.asked)
    return replace(test.script, asked=asked)


def seen_by_engine(traces: Sequence[Trace], test: RouteTest) -> tuple[Seen, ...]:
    return tuple(map(_seen, traces, test.script.asked))


def _seen(one: Trace, asked: Asked) -> Seen:
    final = one.final
    return Seen(
        attempts=one.attempts,
        status=final.status,
        served_by=final.served_by if final.failure is None or final.in_band else None,
        told=final.failure is not None and (not final.in_band or final.told),
        took_s=final.at_s - asked.at_s,
        lines=tuple(as_text((replace(one, assumptions=()),)).splitlines()[1:]),
        assumptions=one.assumptions,
    )


def judged(test: RouteTest, config: Config, seen: Sequence[Seen], slack: Slack) -> Result:
    found = tuple(_differences(test, seen, Names(config.parsed, test.script).ids, slack))
    return Result(test, "failed" if found else "passed", tuple(seen), found)


def _differences(
    test: RouteTest, seen: Sequence[Seen], ids: Mapping[str, str], slack: Slack
) -> Iterator[Difference]:
    def resolve(name: str) -> str:
        return ids.get(name, name)

    for number, (checks, one) in enumerate(zip(test.expected, seen, strict=True), start=1):
        for check in checks:
            found = difference(check, one, resolve, slack, number if len(seen) > 1 else 0)
            if found is not None:
                yield found
