"""The steps of a check, one after the other. Each is tried whatever became of those before it."""

from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace

from designer.catalog import load_catalog
from designer.check.behaviour import rehearsed, survived, tested
from designer.check.drift import NO_FOLDER, diff, drift
from designer.check.files import linted, understood
from designer.check.model import Step, Subject, Wanted, counted
from designer.compiler import (
    INFEASIBLE,
    NO_GATEWAY,
    OBTAIN,
    Options,
    compile_profile,
    lock_for,
)
from designer.diagnostics import Diagnostic, Report, Rule, Severity
from designer.plan import Plan
from designer.planner.lock import Lock
from designer.planner.processors import PROCESSORS
from designer.profile.load import load_profile

NOT_OBTAINED = Rule(
    "CHK101",
    Severity.ERROR,
    "{alias}: not obtained yet: {what}",
    "The provider offers it and the profile names no agreement. A plan may be made before the papers "
    "are signed; what goes live may not be.",
    help="once you have it, list it under the account's `agreements`; where the gateway runs, "
    "`operations.region` says",
)


def check(wanted: Wanted) -> Iterator[Step]:
    """One step of `STEPS` after the other; only the first where the profile cannot be read."""
    report = Report()
    project = wanted.project
    catalog = load_catalog(project.overlay_path, report, file=project.catalog_path)
    loaded = load_profile(wanted.profile, wanted.text, report=report)
    if loaded is None:
        yield Step("plan", "the profile cannot be read", tuple(report), cannot=2)
        return
    folder = wanted.folder or Path(wanted.project.out) / loaded.profile.name
    as_of = wanted.as_of or catalog.date
    subject = Subject(wanted, loaded, catalog, as_of, folder)
    plan, step = planned(subject, report)
    yield step
    subject = replace(subject, plan=plan, losses=plan.verdict.losses if plan is not None else ())
    yield drifted(subject)
    config, step = understood(subject)
    yield step
    subject = replace(subject, config=config)
    for name, examined in (
        ("lint", linted),
        ("single failures", survived),
        ("route tests", tested),
        ("scenarios", rehearsed),
    ):
        skipped = Step(name, "nothing to read", is_skipped=True)
        yield skipped if subject.config is None else examined(subject)


def planned(subject: Subject, report: Report) -> tuple[Plan | None, Step]:
    """The plan that the profile gives now, in memory; what is still to be obtained is an error here."""
    wanted, loaded = subject.wanted, subject.loaded
    path = Path(wanted.profile)
    name = loaded.profile.name
    lock = Lock() if wanted.profile == "-" else lock_for(path, name, report)
    plan = None
    if not report.has_errors:
        options = Options(gateway=wanted.gateway, as_of=wanted.as_of)
        plan = compile_profile(loaded, subject.catalog, lock, options, report)
    if plan is None:
        infeasible = any(finding.rule in (INFEASIBLE, NO_GATEWAY) for finding in report)
        said = "no configuration meets the profile" if infeasible else "no plan can be made"
        return None, Step("plan", said, tuple(report), cannot=3 if infeasible else 2)
    findings = [finding for finding in report if finding.rule is not OBTAIN]
    findings += _to_obtain(subject, plan)
    said = f"{name} on {plan.gateway.title}, {counted(len(plan.chains), 'route')} planned"
    return plan, Step("plan", said, tuple(findings))


def _to_obtain(subject: Subject, plan: Plan) -> Iterator[Diagnostic]:
    report, loaded = Report(), subject.loaded
    for index, workload in enumerate(loaded.profile.workloads):
        place = loaded.positions.place(f"workloads[{index}].alias")
        for chosen in plan.chains:
            if chosen.workload.alias == workload.alias:
                for what in chosen.to_obtain:
                    report.add(NOT_OBTAINED, place, alias=workload.alias, what=what)
    place = loaded.positions.place("operations")
    for what in plan.verdict.obtain:
        rule = OBTAIN if plan.gateway.name in PROCESSORS else NOT_OBTAINED
        report.add(rule, place, alias=plan.gateway.name, what=what)
    yield from report


def drifted(subject: Subject) -> Step:
    folder, plan, report = subject.folder, subject.plan, Report()
    if not folder.is_dir():
        place = subject.loaded.positions.place("name")
        report.add(NO_FOLDER, place, folder=folder, profile=subject.wanted.profile)
        return Step("drift", f"{folder} is not there", tuple(report))
    if plan is None:
        return Step("drift", "no plan to compare with", is_skipped=True)
    drift(folder, plan.texts, report)
    said = f"{counted(len(plan.texts), 'file')} of {folder}"
    return Step("drift", said, tuple(report), diff=diff(folder, plan.texts) if report else "")
