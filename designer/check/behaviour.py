"""What the files of a folder do: under single failures, in route tests and in scenarios."""

import json
import os
from glob import has_magic
from os.path import normpath
from pathlib import Path

from msgspec.structs import replace

from designer.check.model import INCONCLUSIVE, Step, Subject, counted, said_by, text_of
from designer.check.paths import chosen, ids_of
from designer.check.properties import examine
from designer.diagnostics import Place, Report, Rule, Severity
from designer.errors import UsageError
from designer.lint.suppress import of_profile, suppress
from designer.load import PLAN
from designer.render import routetest as words
from designer.render import verification as proofs
from designer.routetest import Played, Suite, load_suite, play, ready
from designer.services import loads, services
from designer.simulate import (
    BUILTIN,
    Check,
    Job,
    Recording,
    Scenario,
    Workers,
    builtin_scenario,
    load_scenario,
    recording_of,
    sweep,
)
from designer.simulate.scenario import Bound
from designer.verify import Judge, Verdict, facts, load_properties, tell_unknown_routes

NO_FILE = Rule(
    "CHK501",
    Severity.ERROR,
    "there is no {path}",
    "designer.yaml, or a scenario that it names, names a file that is not there; what it was to check was "
    "not checked.",
)
NO_LOG = Rule(
    "CHK502",
    Severity.ERROR,
    "{why}",
    "The log that a scenario replays cannot be read; what the scenario was to check was not checked.",
)
NOT_HELD = Rule(
    "CHK601",
    Severity.ERROR,
    "{what} {wanted}: {found}",
    "An assertion of the scenario does not hold in a dry run of the emitted text (seed 0).",
    help="designer simulate {folder} --scenario {scenario}",
)
SEED = 0
"""That of `designer simulate` where none is given."""


def survived(subject: Subject) -> Step:
    config, project = subject.config, subject.wanted.project
    assert config is not None
    content = json.loads(subject.plan.texts[PLAN]) if subject.plan is not None else {}
    examined = examine(subject, chosen(subject.loaded, config, content, subject.catalog))
    report = Report(list(examined.findings))
    left = suppress(report, (), of_profile(said_by(subject), subject.as_of), subject.as_of).left
    held = sum(one.verdict == "held" for one in examined.judged)
    said = f"{held} of {len(examined.judged)} properties hold in {examined.plays} plays"
    proved = _proved(subject, left) if project.properties else []
    if proved is None:
        return Step("single failures", said, tuple(left), cannot=2)
    if proved:
        own = sum(one.outcome == "holds" for one in proved)
        said += f", {own} of {len(proved)} of {project.properties} are proved"
    return Step("single failures", said, tuple(left))


def _proved(subject: Subject, report: Report) -> list[Verdict] | None:
    """The verdicts on the properties that designer.yaml names; None where they cannot be read."""
    config, project = subject.config, subject.wanted.project
    assert config is not None
    text, found = text_of(Path(project.properties)), Report()
    if text is None:
        found.add(NO_FILE, project.place("properties"), path=project.properties)
    listed = load_properties(text, project.properties, found) if text is not None else None
    tell_unknown_routes(listed or (), config.parsed.routing, found)
    report.extend(found)
    if listed is None or found.has_errors:
        return None
    verdicts = list(Judge(facts(config, subject.as_of, subject.catalog)).verdicts(listed))
    for one in verdicts:
        if one.outcome == "inconclusive":
            what = f"{one.route}: `{one.property}`"
            report.add(INCONCLUSIVE, one.place, what=what, why=one.found)
    report.extend(proofs.violations(verdicts))
    return verdicts


def tested(subject: Subject) -> Step:
    """Route tests beside the profile and in designer.yaml, as far as they are about this folder."""
    report, played, others, cannot = Report(), list[Played](), list[str](), 0
    for path in _test_files(subject, report):
        text = text_of(Path(path))
        assert text is not None  # it was found by looking at the folder
        suite = load_suite(text, path, report)
        if suite is None:
            cannot = 2
        elif not _is_ours(suite, subject):
            others.append(path)
        else:
            bench = ready(suite, report, str(subject.folder))
            if bench is None:
                cannot = 2
            else:
                played.append(Played(bench, tuple(play(bench, suite.tests, report))))
    results = [result for one in played for result in one.results]
    said = words.summary(results) if played else "none"
    said += f" ({', '.join(others)}: about other configurations)" if others else ""
    findings = (*report, *words.findings(played))
    return Step("route tests", said, findings, cannot=cannot)


def _test_files(subject: Subject, report: Report) -> list[str]:
    profile, project = subject.wanted.profile, subject.wanted.project
    beside = Path() if profile == "-" else Path(profile).parent
    found = [path.as_posix() for path in sorted(beside.glob("*.test.yaml"))]
    for index, pattern in enumerate(project.tests):
        named = _files(pattern)
        if not named:
            report.add(NO_FILE, project.place("tests", index), path=pattern)
        found += named
    return list(dict.fromkeys(map(normpath, found)))


def _files(pattern: str) -> list[str]:
    path = Path(pattern)
    if not has_magic(pattern):
        return [pattern] if path.is_file() else []
    below = path.relative_to(path.anchor).as_posix()
    return [file.as_posix() for file in sorted(Path(path.anchor).glob(below)) if file.is_file()]


def _is_ours(suite: Suite, subject: Subject) -> bool:
    """By the configuration it names; one that is called like the profile is the profile's."""
    stem = Path(subject.wanted.profile).stem
    if not suite.config or Path(suite.file).name.startswith(f"{stem}."):
        return True
    return Path(suite.config).resolve() == subject.folder.resolve()


def rehearsed(subject: Subject) -> Step:
    """The project's scenarios; else a provider's outage, for workloads that ask for availability."""
    config, report, cannot = subject.config, Report(), 0
    assert config is not None
    scenarios: list[Scenario] = []
    for index, name in enumerate(subject.wanted.project.scenarios):
        place = subject.wanted.project.place("scenarios", index)
        scenario = _scenario(name, place, report)
        if scenario is None:
            cannot = 2
        else:
            scenarios.append(scenario)
    if not subject.wanted.project.scenarios:
        scenarios = _usual(subject, report)
    known, traffic, jobs = services(config), loads(config), list[Job]()
    for scenario in scenarios:
        recording = _recording(scenario, report)
        if scenario.traffic.replay and recording is None:
            cannot = 2
        else:
            jobs.append(Job(config.parsed, scenario, known, traffic, recording))
    results = sweep(jobs, [SEED], report, Workers(os.cpu_count() or 1))
    if len(results) < len(jobs) or any(result.is_partial for result in results):
        raise KeyboardInterrupt  # the sweep has kept it, and part of a check is none
    for job, result in zip(jobs, results, strict=True):
        for one in result.checks:
            _tell(one, job.scenario, subject.folder, report)
    judged = sum(len(result.checks) for result in results)
    names = ", ".join(scenario.name for scenario in scenarios)
    said = f"{counted(judged, 'assertion')} in {names}" if scenarios else "none"
    return Step("scenarios", said, tuple(report), cannot=cannot)


def _recording(scenario: Scenario, report: Report) -> Recording | None:
    """None where there is none to be replayed, or where it cannot be; that is said."""
    log = Path(scenario.file).parent / scenario.traffic.replay
    if scenario.traffic.replay and not log.is_file():
        report.add(NO_FILE, scenario.traffic.place, path=log)
        return None
    try:
        return recording_of(scenario, report)
    except UsageError as error:
        report.add(NO_LOG, scenario.traffic.place, why=error)
        return None


def _tell(one: Check, scenario: Scenario, folder: Path, report: Report) -> None:
    place = Place(scenario.file, one.line, 1) if one.line else Place()
    what = f"{scenario.name}: {one.route or 'all routes'}: {one.name}"
    match one.verdict:
        case "failed":
            said = {"wanted": one.wanted, "found": one.found}
            name = scenario.name if scenario.name in BUILTIN else scenario.file
            report.add(NOT_HELD, place, None, what=what, folder=folder, scenario=name, **said)
        case "inconclusive":
            report.add(INCONCLUSIVE, place, what=what, why=one.found)
        case "held":
            pass


def _scenario(name: str, place: Place, report: Report) -> Scenario | None:
    if name in BUILTIN:
        return builtin_scenario(name, report)
    text = text_of(Path(name))
    if text is None:
        report.add(NO_FILE, place, path=name)
        return None
    return load_scenario(text, name, report)


def _usual(subject: Subject, report: Report) -> list[Scenario]:
    """Not asserted of a route with one deployment: that it does not survive, the plan has said."""
    config = subject.config
    assert config is not None
    bounds = [
        Bound("availability", ">=", goal, f">= {100 * goal:g}%", workload.alias)
        for workload in subject.loaded.profile.workloads
        if (goal := workload.availability) is not None
        and len(ids_of(config.parsed.routing, workload.alias)) > 1
    ]
    usual = builtin_scenario("provider-outage", report) if bounds else None
    return [] if usual is None else [replace(usual, bounds=tuple(bounds))]
